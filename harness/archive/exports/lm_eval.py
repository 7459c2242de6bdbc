"""lm-eval's results file and `--log_samples` lines, as version 0.4 writes them.

    MODEL/results_TIME.json
    MODEL/samples_TASK_TIME.jsonl     one line per document and filter

https://github.com/EleutherAI/lm-evaluation-harness (lm_eval/loggers/evaluation_tracker.py). Repeats of a document are
the several replies of its one line, and its metrics are means over them, as lm-eval has it. An unscored metric is null.
lm-eval has no failed request, only answers: one that failed has no line. `effective` and `sample_len` are the documents
that a score is over. `harness` holds the counts of samples, and what is incomplete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness import stats
from harness.archive.exports._run import Finished, Options, Row, dumps, file_name, prompt_of, scores_of
from harness.runs import Metric, TaskEntry


def files(run: Finished, _: Options) -> Iterator[tuple[str, bytes]]:
    """A folder per model."""
    of_model: dict[str, list[tuple[TaskEntry, list[Row]]]] = {}
    for model, task, rows in run.parts():
        of_model.setdefault(model.name, []).append((task, rows))
    for name, parts in of_model.items():
        folder = file_name(name)
        yield f"{folder}/results_{run.day}.json", (dumps(_results(run, name, parts), indent=2) + "\n").encode()
        for task, rows in parts:
            lines = "".join(dumps(line) + "\n" for line in _lines(rows))
            yield f"{folder}/samples_{file_name(task.name)}_{run.day}.jsonl", lines.encode()


def _results(run: Finished, model: str, parts: Sequence[tuple[TaskEntry, list[Row]]]) -> Row:
    spec = next(m for m in run.manifest.models if m.name == model)
    return {
        "results": {task.name: _task(run, model, task.name, rows) for task, rows in parts},
        "configs": {
            task.name: {
                "task": task.name,
                "num_fewshot": task.num_fewshot,
                "repeats": task.repeats,
                "metadata": {"version": task.version, "licence": task.licence, "source": task.source},
            }
            for task, _ in parts
        },
        "versions": {task.name: task.version for task, _ in parts},
        "n-shot": {task.name: task.num_fewshot for task, _ in parts},
        "higher_is_better": {
            task.name: {m.metric: task.higher_is_better for m in run.metrics(model, task.name)} for task, _ in parts
        },
        "n-samples": {
            task.name: {"original": found.original, "effective": found.documents}
            for task, _ in parts
            for found in [run.covered[model, task.name]]
        },
        "config": {"model": spec.backend, "model_args": spec.args, "random_seed": _seed(run)},
        "git_hash": run.manifest.git.commit if run.manifest.git else None,
        "date": run.manifest.finished_at,
        "model_name": model,
        "model_source": spec.backend,
        "task_hashes": {task.name: task.task_hash for task, _ in parts},
        "harness": {
            **{key: getattr(run.manifest, key) for key in ("run_id", "harness_version", "spec_hash")},
            "coverage": {task.name: run.covered[model, task.name].counts for task, _ in parts},
            "warnings": {task.name: warning for task, _ in parts if (warning := run.covered[model, task.name].warning)},
        },
    }


def _seed(run: Finished) -> Any:
    return run.manifest.spec.get("seed")


def _task(run: Finished, model: str, task: str, rows: Sequence[Row]) -> Row:
    found: Row = {"alias": task, "sample_len": run.covered[model, task].documents}
    for metric in run.metrics(model, task):
        key = f"{metric.metric},{metric.filter or 'none'}"
        found[key] = metric.value
        found[key.replace(",", "_stderr,", 1)] = _standard_error(rows, metric)
    return found


def _standard_error(rows: Sequence[Row], metric: Metric) -> Any:
    """Of the mean over documents. Lm-eval's `N/A` if there are too few."""
    docs: dict[int, list[float]] = {}
    for row in rows:
        score = scores_of(row, metric.metric, metric.filter)
        if score is not None and score["value"] is not None:
            docs.setdefault(row["doc_id"], []).append(score["value"])
    means = [sum(values) / len(values) for values in docs.values()]
    error = stats.standard_error(means, list(docs)) if len(means) > 1 else None
    return "N/A" if error is None else error


def _lines(rows: Sequence[Row]) -> Iterator[Row]:
    docs: dict[int, list[Row]] = {}
    for row in rows:
        if row["status"] != "failed":
            docs.setdefault(row["doc_id"], []).append(row)
    for number, repeats in sorted(docs.items()):
        first = repeats[0]
        doc = json.loads(first["doc"])
        prompt, target = prompt_of(first), first["target"] or ""
        filters = sorted({s["filter"] or "none" for row in repeats for s in row["scores"]}) or ["none"]
        replies: list[Any] = [[row["output"] for row in repeats]]
        if first["kind"] != "generate":
            replies = [[[str(value), "False"]] for value in first["loglikelihoods"] or []]
        for name in filters:
            values = _values(repeats, name)
            yield {
                "doc_id": number,
                "doc": doc,
                "target": target,
                "arguments": _arguments(first, prompt),
                "resps": replies,
                "filtered_resps": [_extracted(row, name) for row in repeats],
                "filter": name,
                "metrics": sorted(values),
                "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
                "prompt_hash": _hash(prompt),
                "target_hash": _hash(target),
                **values,
            }


def _arguments(row: Mapping[str, Any], prompt: str) -> Row:
    if row["kind"] == "generate":
        return {"gen_args_0": {"arg_0": prompt, "arg_1": json.loads(row["decoding"] or "{}")}}
    return {f"gen_args_{i}": {"arg_0": prompt, "arg_1": text} for i, text in enumerate(row["continuations"] or [])}


def _values(repeats: Sequence[Row], name: str) -> dict[str, float | None]:
    found: dict[str, list[float]] = {}
    for row in repeats:
        for score in row["scores"]:
            if (score["filter"] or "none") == name:
                found.setdefault(score["metric"], []).extend([score["value"]] if score["value"] is not None else [])
    return {metric: sum(values) / len(values) if values else None for metric, values in found.items()}


def _extracted(row: Mapping[str, Any], name: str) -> str | None:
    of_filter = [s for s in row["scores"] if (s["filter"] or "none") == name]
    found: str | None = next((s["extracted"] for s in of_filter if s["extracted"] is not None), row["output"])
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
