"""What must be said of results beside their numbers: each thing once, with whom it is true of."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.leaderboard.board import SPELLED, Board

NAMED = 6
"""Models that a remark on many results names."""


def remarks(board: Board) -> list[str]:
    """The remarks of a page: on every result, on many, then result by result."""
    marked = [
        (model, task, note)
        for model in board.names
        for task, metric in board.columns
        if (row := board.cells.get((model, task, metric))) is not None
        for note in board.own_notes(row)
    ] + list(board.mixed_unscored)
    whose: dict[str, list[tuple[str, str]]] = {}
    for model, task, note in marked:
        whose.setdefault(note, []).append((model, task))
    of_many = {note for note, of in whose.items() if len(of) > SPELLED}
    told = [f"every result: {note}" for note in board.common_notes]
    told += [f"{len(whose[note])} results ({_names([m for m, _ in whose[note]])}): {note}" for note in sorted(of_many)]
    own: dict[tuple[str, str], list[str]] = {}
    for model, task, note in marked:
        if note not in of_many:
            own.setdefault((model, task), []).append(note)
    return told + [f"{model}, {task}: {', '.join(notes)}" for (model, task), notes in own.items()]


def _names(models: Sequence[str]) -> str:
    known = list(dict.fromkeys(models))
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return ", ".join(known[:NAMED]) + more
