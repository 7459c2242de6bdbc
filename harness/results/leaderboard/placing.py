"""The order of a leaderboard's models: by the mean if it is of the same documents, else by what two models share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.stats import Level, aggregates, levels

Column = tuple[str, str]
Row = Mapping[str, Any]
DIGITS = 6
"""Levels are solved for. What is behind these digits is the solver's."""


def whole(
    columns: Sequence[Column], ranked: Sequence[Row], comparisons: Sequence[Row], coverage: float
) -> frozenset[str]:
    """Models that were asked every column that counts, on the documents that most models were asked.

    Args:
        columns: task and metric of those that count.
        ranked: scores that may be ranked.
        comparisons: rows of the table `comparisons`.
        coverage: share of its documents that a model must share with the others.
    """
    if not columns:
        return frozenset()
    return frozenset.intersection(*(_alike(column, ranked, comparisons, coverage) for column in columns))


def _alike(column: Column, ranked: Sequence[Row], comparisons: Sequence[Row], coverage: float) -> frozenset[str]:
    """The largest circle of models that one model shares (nearly) all of its documents of a column with."""
    n = {row["model"]: row["n"] for row in ranked if (row["task"], row["metric"]) == column}
    pairs = [
        (row["model_a"], row["model_b"])
        for row in comparisons
        if (row["task"], row["metric"]) == column
        and row["model_a"] in n
        and row["model_b"] in n
        and row["n"] >= coverage * max(n[row["model_a"]], n[row["model_b"]])
    ]
    partners = Counter(name for pair in pairs for name in pair)
    if not n:
        return frozenset()
    centre = min(n, key=lambda name: (-partners[name], -n[name], name))
    return frozenset({centre}.union(*(pair for pair in pairs if centre in pair)))


def places(
    columns: Sequence[Column],
    ranked: Sequence[Row],
    comparisons: Sequence[Row],
    weights: Mapping[str, float],
    held: frozenset[str],
) -> dict[str, Level]:
    """Where every ranked model stands: those of `whole` at their mean, others by their differences on what is shared.

    Args:
        columns: as of `whole`, as the next two.
        ranked: see there.
        comparisons: see there.
        weights: of tasks in the mean. 1 if none is named.
        held: models that keep their mean.
    """
    own = {
        model: mean.estimate.value
        for model, mean in aggregates.means(columns, ranked, weights).items()
        if mean.estimate.value is not None
    }
    found = levels.levels(own, aggregates.shared(columns, comparisons, weights), held)
    return {name: Level(round(level.value, DIGITS), level.group) for name, level in found.items()}
