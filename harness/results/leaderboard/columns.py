"""What the columns say that stand beside the scores for the asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.results.leaderboard.board import Board
from harness.results.leaderboard.extras import PER


def _cost(board: Board, model: str) -> str:
    found = board.used.get(model)
    if found is None or found.usd is None:
        return "-"
    return f"${found.usd:.2f}"


def _tokens(board: Board, model: str) -> str:
    found = board.used.get(model)
    if found is None or found.completion is None:
        return "-"
    thought = "" if found.reasoning is None else f", {found.reasoning:,.0f} of reasoning"
    return f"{found.completion:,.0f}{thought} n={found.answers}"


def _latency(board: Board, model: str) -> str:
    found = board.used.get(model)
    return "-" if found is None or found.seconds is None else f"{found.seconds:.1f} s n={found.answers}"


def _fact(name: str) -> Callable[[Board, str], str]:
    def told(board: Board, model: str) -> str:
        fact = board.facts.get(model)
        return str((fact and getattr(fact, name)) or "-")

    return told


CELLS: Mapping[str, tuple[str, Callable[[Board, str], str]]] = {
    "lab": ("lab", _fact("lab")),
    "released": ("released", _fact("released")),
    "weights": ("weights", _fact("weights")),
    "cost": (f"cost of {PER:,} answers", _cost),
    "tokens": ("mean tokens an answer", _tokens),
    "latency": ("mean seconds an answer", _latency),
}
"""By the name of a column: its heading, and what says a model's cell."""
