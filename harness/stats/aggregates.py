"""A leaderboard's statistics: who is ranked, ranks as intervals, and the mean over tasks.

Works on rows of the index, by name. Says nothing about how they are shown. A score with too few of its samples scored
is not ranked, a task that was not run is missing and never zero, and a control is no contender.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stats import intervals
from harness.stats.ranks import Standing, standings

MIN_COVERAGE = 0.98
"""Share of samples that must be scored for a score to be ranked."""

Row = Mapping[str, Any]
Column = tuple[str, str]
"""Task and metric."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A model's weighted mean over the tasks of a leaderboard."""

    estimate: intervals.Estimate
    tasks: int
    """Tasks in it: those with a score that may be ranked."""
    of: int
    """Tasks of the leaderboard's mean. A model with fewer has no rank by it."""


def ranked(row: Row, min_coverage: float) -> bool:
    """True for a score that is there and covers enough of its samples."""
    return row["value"] is not None and (row["coverage"] is None or row["coverage"] >= min_coverage)


def task_standings(
    scores: Iterable[Row], comparisons: Iterable[Row], *, higher_is_better: bool = True
) -> dict[str, Standing]:
    """Ranks on one task.

    Args:
        scores: the scores that may be ranked, one per model.
        comparisons: rows of the table `comparisons` of this task.
        higher_is_better: False if lower is better.
    """
    tests = {
        (row["model_a"], row["model_b"]): (row["difference"], row["p_value"])
        for row in comparisons
        if row["same_task"] and row["p_value"] is not None
    }
    return standings({row["model"]: row["value"] for row in scores}, tests, higher_is_better=higher_is_better)


def means(columns: Sequence[Column], scores: Iterable[Row], weights: Mapping[str, float]) -> dict[str, Mean]:
    """The weighted mean of every model over the columns it has.

    Args:
        columns: the tasks that are averaged.
        scores: the scores that may be ranked.
        weights: of tasks. 1 if none is named.
    """
    cells: dict[str, dict[Column, Row]] = {}
    for row in scores:
        if (column := (row["task"], row["metric"])) in columns:
            cells.setdefault(row["model"], {})[column] = row
    found = {}
    for model, row_of in cells.items():
        parts = [
            (
                weights.get(column[0], 1.0),
                intervals.Estimate(row["value"], row["ci_low"], row["ci_high"], row["n"], row["ci_method"]),
            )
            for column, row in sorted(row_of.items())
        ]
        found[model] = Mean(intervals.weighted_mean(parts), len(parts), len(columns))
    return found


def mean_standings(
    columns: Sequence[Column], found: Mapping[str, Mean], comparisons: Iterable[Row], weights: Mapping[str, float]
) -> dict[str, Standing]:
    """Ranks by the mean, of the models that have every task.

    The difference of two means is the weighted mean of their paired differences. Its p-value is Student's with
    Welch and Satterthwaite's degrees of freedom (Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28).

    Args:
        columns: the tasks that are averaged.
        found: what `means` gave.
        comparisons: rows of the table `comparisons`.
        weights: of tasks. 1 if none is named.
    """
    values = {
        model: mean.estimate.value
        for model, mean in found.items()
        if mean.tasks == mean.of and mean.estimate.value is not None
    }
    by_pair: dict[tuple[str, str], dict[Column, Row]] = {}
    for row in comparisons:
        if row["same_task"] and row["std_error"] is not None and (row["task"], row["metric"]) in columns:
            by_pair.setdefault((row["model_a"], row["model_b"]), {})[row["task"], row["metric"]] = row
    total = math.fsum(weights.get(task, 1.0) for task, _ in columns)
    tests = {}
    for pair, rows in by_pair.items():
        if len(rows) == len(columns):
            parts = [(weights.get(column[0], 1.0) / total, row) for column, row in sorted(rows.items())]
            tests[pair] = _test(parts)
    return standings(values, tests)


def shared(
    columns: Sequence[Column], comparisons: Iterable[Row], weights: Mapping[str, float]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Per pair of models, the weighted mean of their differences on the documents both were asked, and how many.

    Args:
        columns: the tasks that count. A task that the two share nothing of does not.
        comparisons: rows of the table `comparisons`.
        weights: of tasks. 1 if none is named.
    """
    parts: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for row in comparisons:
        if row["same_task"] and (row["task"], row["metric"]) in columns:
            part = (weights.get(row["task"], 1.0), row["difference"], row["n"])
            parts.setdefault((row["model_a"], row["model_b"]), []).append(part)
    return {
        pair: (math.fsum(w * d for w, d, _ in of) / math.fsum(w for w, _, _ in of), float(sum(n for _, _, n in of)))
        for pair, of in parts.items()
    }


def _test(parts: Sequence[tuple[float, Row]]) -> tuple[float, float]:
    from scipy.special import ndtr, stdtr

    difference = math.fsum(weight * row["difference"] for weight, row in parts)
    shares = [((weight * row["std_error"]) ** 2, row["df"]) for weight, row in parts]
    variance = math.fsum(share for share, _ in shares)
    spread = math.fsum(share**2 / df for share, df in shares if df is not None)
    t = -abs(difference) / math.sqrt(variance)
    return difference, float(2 * (stdtr(variance**2 / spread, t) if spread else ndtr(t)))
