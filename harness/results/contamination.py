"""Whether a model does better on what it may have seen: documents from before its release, and originals of variants.

A drop is no proof. Contests get harder with the years, so a drop is read beside that of models that came before all of
the documents or after all of them. `gsm_perturbed` is free of that, its variants are of the same difficulty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import runs
from harness.results import store
from harness.stats import independent

if TYPE_CHECKING:
    import polars as pl

_DATED = """
    WITH dates AS (
        SELECT DISTINCT run_id, task, md5(CAST(doc AS VARCHAR)) AS document,
            coalesce(doc ->> 'date', doc ->> 'contest_date') AS dated
        FROM samples
    )
    SELECT run_id, model, task, metric, total / count AS mean, count, is_binary, dated
    FROM chosen JOIN documents USING (run_id, model, task) JOIN dates USING (run_id, task, document)
    WHERE dated IS NOT NULL AND dated <> '' AND count > 0 ORDER BY ALL
"""
_CONTRASTS = """
    SELECT metrics.run_id, metrics.model, metrics.task, metrics.value AS drop, metrics.ci_low, metrics.ci_high,
        metrics.n, metrics.ci_method
    FROM metrics JOIN chosen USING (run_id, model, task)
    WHERE metrics.metric = 'drop' AND metrics.value IS NOT NULL ORDER BY ALL
"""
NOTE = (
    "drop is how much lower the score is on what the model cannot have seen. Newer\n"
    "problems may be harder, so read a dated drop beside that of models from before\n"
    "all of them. A model without `released` has no dated row.\n"
)


def table(results: Path) -> pl.DataFrame:
    """One row per model and task that says something of it.

    Args:
        results: the results folder. Its index must be up to date.

    Returns:
        `old` and `new` are the means on documents up to the month of the model's release and later ones. `drop` is
        old less new, or original less perturbed, with interval, p and test. A task has no row if all of its documents
        lie on one side.
    """
    import polars as pl

    rows = [*_dated(results), *_contrasts(results)]
    schema = {
        "model": pl.String, "task": pl.String, "released": pl.String, "what": pl.String, "n_old": pl.Int64,
        "n_new": pl.Int64, "old": pl.Float64, "new": pl.Float64, "drop": pl.Float64, "ci_low": pl.Float64,
        "ci_high": pl.Float64, "p_value": pl.Float64, "test": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").sort("model", "task", "what")


def _released(results: Path, run: str, model: str) -> str | None:
    """What the run's manifest says of a model's release."""
    entries = runs.read_manifest(runs.runs_dir(results) / run).models
    return next((entry.released for entry in entries if entry.name == model), None)


def _dated(results: Path) -> Iterator[tuple[Any, ...]]:
    for (run, model, task), part in (
        store.query(results, _DATED).partition_by("run_id", "model", "task", as_dict=True, maintain_order=True).items()
    ):
        released = _released(results, run, model)
        if released is None:
            continue
        # A release is known by its month: what is of that month may have been seen.
        sides: dict[bool, list[float]] = {False: [], True: []}
        for row in part.iter_rows(named=True):
            sides[str(row["dated"])[:7] > released[:7]].append(row["mean"])
        if not all(sides.values()):
            continue
        binary = bool(part["is_binary"].all()) and part["count"].max() == 1
        found = independent.compare_groups(sides[False], sides[True], binary=binary)
        yield (
            model, task, released, "dated", found.n_a, found.n_b, found.value_a, found.value_b, found.difference,
            found.low, found.high, found.p_value, found.test,
        )  # fmt: skip


def _contrasts(results: Path) -> Iterator[tuple[Any, ...]]:
    for row in store.query(results, _CONTRASTS).iter_rows(named=True):
        released = _released(results, row["run_id"], row["model"])
        numbers = (row["drop"], row["ci_low"], row["ci_high"])
        yield (
            row["model"], row["task"], released, "perturbed", row["n"], row["n"], None, None, *numbers, None,
            row["ci_method"],
        )  # fmt: skip
