"""Synthetic run folders, written to the letter of the format, for tests of what reads them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from harness import runs, stats
from harness.core import Checkout, Machine
from harness.runs import Counts, Manifest, Metric, ModelEntry, TaskEntry, TokenCounts, WeightsEntry, proof
from harness.runs.manifest import content

SCORE = pl.Struct(
    {
        "metric": pl.String,
        "filter": pl.String,
        "scorer": pl.String,
        "value": pl.Float64,
        "status": pl.String,
        "extracted": pl.String,
        "explanation": pl.String,
        "detail": pl.String,
    }
)
SAMPLES = {
    "run_id": pl.String,
    "model": pl.String,
    "task": pl.String,
    "doc_id": pl.Int64,
    "repeat": pl.Int32,
    "sample_id": pl.String,
    "status": pl.String,
    "kind": pl.String,
    "messages": pl.String,
    "prompt": pl.String,
    "doc": pl.String,
    "target": pl.String,
    "output": pl.String,
    "reasoning": pl.String,
    "reasoning_kind": pl.String,
    "finish_reason": pl.String,
    "error": pl.String,
    "seed": pl.Int64,
    "decoding": pl.String,
    "continuations": pl.List(pl.String),
    "request_ids": pl.List(pl.String),
    "loglikelihoods": pl.List(pl.Float64),
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "attempts": pl.List(pl.Struct({"at": pl.String, "error": pl.String, "status": pl.Int64})),
    "started_at": pl.String,
    "latency_s": pl.Float64,
    "ttfb_s": pl.Float64,
    "served_model": pl.String,
    "system_fingerprint": pl.String,
    "response_id": pl.String,
    "request_bodies": pl.List(pl.String),
    "request_sha256": pl.List(pl.String),
    "reused_from": pl.String,
    "scores": pl.List(SCORE),
}
KINDS = {"arithmetic": "math", "provenance_open": "provenance", "provenance_identity": "provenance"}
OPEN = [
    "the quick brown fox jumps over the lazy dog while it rains",
    "certainly here is a careful explanation of why the sky looks blue",
    "once upon a time a lighthouse keeper found a letter in a bottle",
    "to remove the stain use cold water and a little salt then wait",
]


def sample(run_id, model, task, doc_id, **over):
    """One row of samples.parquet; `value` makes it a scored one."""
    value = over.pop("value", None)
    repeat = over.get("repeat", 0)
    score = {
        "metric": "accuracy",
        "filter": "none",
        "scorer": "math",
        "value": value,
        "status": "no_answer" if value is None else ["wrong", "correct"][int(value)],
        "extracted": "4",
        "explanation": None,
        "detail": '{"rule": "exact"}',
    }
    row = dict.fromkeys(SAMPLES) | {
        "run_id": run_id,
        "model": model,
        "task": task,
        "doc_id": doc_id,
        "repeat": repeat,
        "sample_id": f"req1:{model}-{task}-{doc_id}-{repeat}",
        "status": "answered",
        "kind": "generate",
        "messages": '[{"role": "user", "content": "2+2?"}]',
        "doc": json.dumps(
            {"question": f"{task} {doc_id}", "domain": ["science", "story"][doc_id % 2], "language": "en"}
        ),
        "target": "4" if KINDS[task] == "math" else None,
        "output": "4",
        "reasoning_kind": "none",
        "finish_reason": "stop",
        "seed": 1234 + repeat,
        "request_ids": [f"req1:{model}-{task}-{doc_id}-{repeat}"],
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "attempts": [],
        "started_at": "2026-01-02T03:04:05.678+00:00",
        "latency_s": 0.5,
        "ttfb_s": 0.1,
        "scores": [score] if KINDS[task] == "math" else [],
    }
    return row | over


def write_run(
    results: Path,
    run_id: str = "eval-a1",
    *,
    models: tuple[str, ...] = ("alpha", "beta"),
    docs: int = 4,
    status: str = "complete",
    finished_at: str = "2026-01-02T04:00:00+00:00",
    controls: dict[str, str] | None = None,
    unsafe: bool = False,
    rows: list[dict] | None = None,
    tasks: tuple[str, ...] = tuple(KINDS),
    values: dict[str, float] | None = None,
) -> Path:
    """A run of made-up models on made-up tasks; returns its folder."""
    folder = results / "runs" / run_id
    folder.mkdir(parents=True)
    if rows is None:
        rows = []
        for m, model in enumerate(models):
            for d in range(docs):
                value = (values or {}).get(model, float((d + m) % 2))
                if "arithmetic" in tasks:
                    rows.append(sample(run_id, model, "arithmetic", d, value=value))
                if "provenance_open" in tasks:
                    text = OPEN[d % 4] if m == 0 else OPEN[(d + m) % 4][: 20 * m] + OPEN[d % 4]
                    rows.append(sample(run_id, model, "provenance_open", d, output=text))
                if "provenance_identity" in tasks:
                    text = "I am ChatGPT, made by OpenAI." if (m + d) % 2 else "I am an AI."
                    rows.append(sample(run_id, model, "provenance_identity", d, output=text))
    rows.sort(key=lambda row: (row["model"], row["task"], row["doc_id"], row["repeat"]))
    pl.DataFrame(rows, schema=SAMPLES, orient="row").write_parquet(folder / "samples.parquet")
    said = manifest(run_id, models, rows, status, finished_at, controls or {}, unsafe, tasks)
    (folder / runs.MANIFEST).write_bytes(runs.manifest_bytes(content(said)))
    return folder


def write_content(run: Path, said: Mapping[str, Any]) -> None:
    """A manifest of any content, sealed as that of a finished run is."""
    run.mkdir(parents=True, exist_ok=True)
    if said.get("status") != "running":
        said = proof.seal(said, run, runs.JOURNAL)
    (run / runs.MANIFEST).write_bytes(runs.manifest_bytes(said))


def metric(model: str, rows: list[dict], *, unsafe: bool) -> Metric:
    values = [row["scores"][0]["value"] for row in rows if row["scores"]]
    result = stats.estimate([[value] for value in values if value is not None and math.isfinite(value)], binary=True)
    states = [row["status"] for row in rows]
    return Metric(
        model=model,
        task="arithmetic",
        metric="accuracy",
        filter="none",
        scorer="math",
        value=result.value,
        ci_low=result.low,
        ci_high=result.high,
        ci_method=result.method,
        n=result.n,
        n_unscored=len(values) - result.n,
        coverage=result.n / len(values),
        n_failed=states.count("failed"),
        n_truncated=states.count("truncated"),
        n_refused=states.count("refused"),
        sandbox="unsafe" if unsafe else None,
        is_headline=True,
    )


def manifest(run_id, models, rows, status, finished_at, controls, unsafe, tasks) -> Manifest:
    by_model = {model: [r for r in rows if (r["model"], r["task"]) == (model, "arithmetic")] for model in models}
    states = [row["status"] for row in rows]
    return Manifest(
        schema=runs.SCHEMA,
        run_id=run_id,
        name=run_id.split("-", maxsplit=1)[0],
        status=status,
        harness_version="0.1.0",
        started_at="2026-01-02T03:00:00+00:00",
        finished_at=finished_at,
        argv=("harness", "eval", "model=[alpha,beta]"),
        spec={
            "name": "eval",
            "seed": 1234,
            "decode": {"temperature": 0.0, "top_p": None, "top_k": None, "max_tokens": 64},
            "models": [{"name": model, "backend": "replay", "decode": None} for model in models],
            "tasks": [{"name": task, "limit": 4, "repeats": None, "num_fewshot": None} for task in tasks],
            "sandbox": {"allow_unsafe": unsafe, "timeout_s": 5.0, "memory_mb": 512},
        },
        spec_hash="run1:00000000000000000000000000000000",
        models=tuple(
            ModelEntry(
                name=model,
                backend="replay",
                args={"file": "answers.jsonl"},
                chat=True,
                weights=WeightsEntry(name="w.gguf", sha256="ab" * 32, size=1000) if model == "alpha" else None,
                control_of=controls.get(model),
                deterministic=True,
                facts={"runtime": "1.0"},
            )
            for model in models
        ),
        tasks=tuple(
            TaskEntry(
                name=task,
                kind=KINDS[task],
                version=1.0,
                task_hash="task1:0",
                scorer="math" if KINDS[task] == "math" else None,
                headline_metric="accuracy" if KINDS[task] == "math" else None,
                headline_filter="none" if KINDS[task] == "math" else None,
                higher_is_better=True,
                n_docs=4,
                repeats=1,
                num_fewshot=0,
                licence="MIT",
                source="made up",
            )
            for task in tasks
        ),
        metrics=tuple(metric(model, mine, unsafe=unsafe) for model, mine in by_model.items() if mine),
        counts=Counts(
            samples=len(rows),
            **{state: states.count(state) for state in ("answered", "truncated", "refused", "failed")},
        ),
        tokens=TokenCounts(prompt=12 * len(rows), completion=5 * len(rows)),
        packages={"polars": "2.1.0"},
        git=Checkout(commit="0" * 40, dirty=False),
        platform=Machine(system="Linux", python="3.11", cpu="a CPU", cores=2),
    )
