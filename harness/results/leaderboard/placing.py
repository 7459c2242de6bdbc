"""The order of a leaderboard's models: by the mean where it is of the same documents, else by what two models share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.stats import Level, aggregates, levels

if TYPE_CHECKING:
    from harness.results.leaderboard.board import Board

Column = tuple[str, str]
DIGITS = 6
"""Levels are solved for; what is behind these digits is the solver's."""


def placed(board: Board) -> list[Column]:
    """The columns that decide the order: those of the mean, or the only one there is; none where lower is better."""
    found = board.averaged or (board.columns if len(board.columns) == 1 else [])
    return [column for column in found if column[0] not in board.lower_is_better]


def whole(board: Board) -> frozenset[str]:
    """Models that were asked every column that counts, on the documents that most models were asked."""
    columns = placed(board)
    if not columns:
        return frozenset()
    return frozenset.intersection(*(_alike(board, column) for column in columns))


def _alike(board: Board, column: Column) -> frozenset[str]:
    """The largest circle of models that one model shares (nearly) all of its documents of a column with."""
    n = {row["model"]: row["n"] for row in board.ranked if (row["task"], row["metric"]) == column}
    pairs = [
        (row["model_a"], row["model_b"])
        for row in board.comparisons.iter_rows(named=True)
        if (row["task"], row["metric"]) == column
        and row["model_a"] in n
        and row["model_b"] in n
        and row["n"] >= board.min_coverage * max(n[row["model_a"]], n[row["model_b"]])
    ]
    partners = Counter(name for pair in pairs for name in pair)
    if not n:
        return frozenset()
    centre = min(n, key=lambda name: (-partners[name], -n[name], name))
    return frozenset({centre}.union(*(pair for pair in pairs if centre in pair)))


def places(board: Board) -> dict[str, Level]:
    """Where every ranked model stands: `whole` ones at their mean, others by their differences on what is shared."""
    columns = placed(board)
    own = {
        model: mean.estimate.value
        for model, mean in aggregates.means(columns, board.ranked, board.weights).items()
        if mean.estimate.value is not None
    }
    found = levels.levels(
        own, aggregates.shared(columns, board.comparisons.iter_rows(named=True), board.weights), board.whole
    )
    return {name: Level(round(level.value, DIGITS), level.group) for name, level in found.items()}
