"""The SQL index at 10 million samples in 1,000 runs: building it, asking it, and adding one run.

    python benchmarks/ten_million.py FOLDER [--runs 1000] [--models 50]

Makes run folders of made-up answers below FOLDER (0.6 kB a sample before compression; documents, prompts and answers
are short sentences, every task has 2,500 documents of its own, each answered 4 times), and measures in processes of
their own: `harness index`, the leaderboard, and the index after one more run. Beside them stands the least that any
index of these files can cost: DuckDB reading all samples and scores of the same Parquet files once. Prints wall and CPU
seconds, peak memory, the index's size, and ratios to that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DOCS, REPEATS = 2_500, 4
BASELINE = """
import duckdb, sys
duckdb.sql("SET enable_progress_bar = false")
duckdb.sql("SELECT md5(string_agg(x, '')) FROM (SELECT run_id, md5(doc || coalesce(output, '')) AS x FROM read_parquet("
           f"'{sys.argv[1]}/runs/*/samples.parquet'))").fetchall()
duckdb.sql("SELECT count(*), avg(s.value) FROM (SELECT unnest(scores) AS s FROM read_parquet("
           f"'{sys.argv[1]}/runs/*/samples.parquet'))").fetchall()
"""
INDEX = """
import sys; from pathlib import Path; from harness.results import derivation
print(derivation.{}(Path(sys.argv[1])).runs)
"""
BOARD = """
import sys, time; from pathlib import Path; from harness.results import store
store.query(Path(sys.argv[1]), "SELECT 1")
start = time.perf_counter()
rows = len(store.query(Path(sys.argv[1]), "SELECT * FROM leaderboard"))
print(rows, "rows,", round(time.perf_counter() - start, 2), "s inside the process")
"""


def write_run(results: Path, number: int, models: int, *, newcomer: bool = False) -> None:
    """One run of one model on one task; the model's skill and the document's difficulty decide what is right.

    A newcomer is a model that no other run has, on the first task, which all the others have done.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness import runs
    from harness.runs import samples
    from harness.stats.intervals import estimate

    model, task = f"model_{number % models:03}", f"task_{number // models:03}"
    if newcomer:
        model, task = "newcomer", "task_000"
    run = runs.runs_dir(results) / f"big-{number:06}"
    run.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(number)
    hard = np.random.default_rng(number // models + 10_000).normal(size=DOCS)
    skill = np.random.default_rng(number % models + 20_000).normal()
    right = draw.random((DOCS, REPEATS)) < 1 / (1 + np.exp(hard - skill))[:, None]
    wrong = draw.integers(0, 6, (DOCS, REPEATS))
    n = DOCS * REPEATS
    doc_id = np.repeat(np.arange(DOCS), REPEATS)
    frame = pl.DataFrame({"doc_id": doc_id, "repeat": np.tile(np.arange(REPEATS, dtype=np.int32), DOCS)})
    question = pl.format(
        "In {} a shop sells {} boxes of pears at 45 cents each. What do they cost?", pl.lit(task), "doc_id"
    )
    gold = (pl.col("doc_id") * 45).cast(pl.String)
    said = pl.when(pl.Series(right.ravel())).then(gold).otherwise(
        (pl.col("doc_id") * 45 + 1 + pl.Series(wrong.ravel())).cast(pl.String)
    )  # fmt: skip
    score = pl.struct(
        metric=pl.lit("accuracy"),
        filter=pl.lit("none"),
        scorer=pl.lit("math"),
        value=pl.Series(right.ravel()).cast(pl.Float64),
        status=pl.when(pl.Series(right.ravel())).then(pl.lit("correct")).otherwise(pl.lit("wrong")),
        extracted=said,
        explanation=pl.lit(None, pl.String),
        detail=pl.lit('{"rule": "integer"}'),
    )
    identity = pl.format("req1:{}{}", pl.lit(f"{number:08x}"), pl.int_range(n).cast(pl.String).str.zfill(24))
    named = {
        "run_id": pl.lit(run.name),
        "model": pl.lit(model),
        "task": pl.lit(task),
        "doc_id": pl.col("doc_id"),
        "repeat": pl.col("repeat"),
        "sample_id": identity,
        "status": pl.lit("answered"),
        "kind": pl.lit("generate"),
        "messages": pl.format(
            '[{"role": "user", "content": "{}"}]'.replace('{"', '\x01"').replace('"}', '"\x02'), question
        ),
        "doc": pl.format('\x01"answer": "{}", "question": "{}"\x02', gold, question),
        "target": gold,
        "output": pl.format("Each box is 45 cents, so all of them cost {} cents. The answer is {}.", said, said),
        "reasoning_kind": pl.lit("none"),
        "finish_reason": pl.lit("stop"),
        "seed": pl.col("repeat").cast(pl.Int64) + 1234,
        "decoding": pl.lit('{"max_tokens": 160, "stop": [], "temperature": 0.7, "top_k": null, "top_p": null}'),
        "request_ids": pl.concat_list(identity),
        "prompt_tokens": pl.lit(30, pl.Int64),
        "completion_tokens": pl.lit(25, pl.Int64),
        "started_at": pl.lit("2026-01-02T03:04:05.678Z"),
        "latency_s": pl.lit(0.5),
        "scores": pl.concat_list(score),
    }
    made = frame.select(**named)
    made = made.with_columns(pl.col("messages", "doc").str.replace_many(["\x01", "\x02"], ["{", "}"]))
    columns = pa.schema(samples.schema())
    table = made.to_arrow()
    arrays = [
        table[name].cast(kind) if name in table.column_names else pa.nulls(n, kind)
        for name, kind in samples.schema().items()
    ]
    pq.write_table(
        pa.table(arrays, schema=columns), run / runs.SAMPLES, compression="zstd", row_group_size=samples.PIECE
    )
    found = estimate(right.astype(float).tolist(), binary=True)
    runs.write_manifest(run, manifest(run.name, model, task, n, found))


def manifest(run_id: str, model: str, task: str, n: int, found: Any) -> Any:
    """What `run.json` says of such a run."""
    from harness import runs

    metric = runs.Metric(
        model=model, task=task, metric="accuracy", filter="none", scorer="math", value=found.value, ci_low=found.low,
        ci_high=found.high, ci_method=found.method, n=found.n, n_unscored=0, coverage=1.0, is_headline=True,
    )  # fmt: skip
    entry = runs.TaskEntry(
        name=task, kind="math", version=1.0, task_hash="0" * 64, docs_hash="task1:0", scorer="math",
        headline_metric="accuracy", headline_filter="none", higher_is_better=True, n_docs=DOCS, repeats=REPEATS,
        num_fewshot=0, source="made up",
    )  # fmt: skip
    return runs.Manifest(
        schema=runs.SCHEMA, run_id=run_id, name="big", status="complete",
        harness_version="0.1.0", started_at="2026-01-02T03:00:00Z",
        finished_at="2026-01-02T04:00:00Z", argv=("harness", "eval"), spec_hash=f"run1:{run_id}",
        spec={"name": "big", "seed": 1234, "decode": {}, "models": [{"name": model}], "tasks": [{"name": task}]},
        models=(runs.ModelEntry(name=model, backend="fake", chat=True, deterministic=True),),
        tasks=(entry,), metrics=(metric,),
        counts=runs.Counts(samples=n, answered=n, truncated=0, refused=0, failed=0),
        tokens=runs.Tokens(prompt=30 * n, completion=25 * n),
    )  # fmt: skip


def measure(code: str, results: Path) -> tuple[float, float, float, str]:
    """Wall and CPU seconds, peak MB, and the last line, of Python code in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, str(results)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, use = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed with {status}")
    peak = use.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return time.perf_counter() - start, use.ru_utime + use.ru_stime, peak, (out.splitlines() or [""])[-1]


def main() -> None:
    """Make the runs that are missing, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--models", type=int, default=50)
    options = parser.parse_args()
    results: Path = options.results
    start = time.perf_counter()
    # The one more run of an earlier measurement.
    shutil.rmtree(results / "runs" / f"big-{options.runs:06}", ignore_errors=True)
    for number in range(options.runs):
        if not (results / "runs" / f"big-{number:06}" / "run.json").is_file():
            write_run(results, number, options.models)
    print(
        f"{options.runs} runs, {options.runs * DOCS * REPEATS:,} samples, made in {time.perf_counter() - start:.0f} s"
    )
    print("| step | wall s | CPU s | peak MB | of DuckDB's reading (CPU) |", "|---|---:|---:|---:|---:|", sep="\n")

    def row(step: str, code: str, base: float | None = None) -> float:
        wall, cpu, peak, said = measure(code, results)
        ratio = f"{cpu / base:.1f}" if base else "1.0"
        print(f"| {step} ({said}) | {wall:.1f} | {cpu:.1f} | {peak:.0f} | {ratio} |", flush=True)
        return cpu

    base = row("DuckDB reads the samples and scores", BASELINE)
    row("index from nothing", INDEX.format("rebuild"), base)
    row("the view leaderboard", BOARD, base)
    write_run(results, options.runs, options.models, newcomer=True)
    row("index one new run", INDEX.format("refresh"), base)
    size = (results / "harness.duckdb").stat().st_size
    print(f"index: {size / 1e6:.0f} MB; samples: "
          f"{sum(p.stat().st_size for p in results.glob('runs/*/samples.parquet')) / 1e6:.0f} MB")  # fmt: skip
    print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()}))


if __name__ == "__main__":
    main()
