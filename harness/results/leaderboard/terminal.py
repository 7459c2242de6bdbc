"""The page as plain text for a terminal."""

from __future__ import annotations

from harness.core import grid, paragraph, tables, visible
from harness.results.leaderboard import verdicts
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.cells import mean, named, provenance
from harness.results.leaderboard.markdown import NOTHING
from harness.results.leaderboard.words import number, rank
from harness.stats import Standing


def terminal(board: Board, width: int = tables.WIDTH) -> str:
    """The leaderboard as plain text no wider than `width`: scores, similarities, identity claims."""
    if not board.names:
        return f"{NOTHING}\n"
    beside = (
        [("Scores", ["model", "task", "score [95 %] n", "ranks", "notes"], _scores(board))] if board.columns else []
    )
    kin = _relatives(board)
    if kin:
        header = ["model", "verdict [95 %] n, q, what it is worth"]
        beside.append(("Whom models answer like: calibrated, exploratory", header, kin))
    tables = provenance(board)
    beside += [(table.title, list(table.header), [list(row) for row in table.rows]) for table in tables]
    parts = [
        f"{title}\n\n{grid(header, [[visible(cell) for cell in row] for row in rows], width)}"
        for title, header, rows in beside
    ]
    if board.columns:
        parts.append(paragraph(_RANKS, width))
        if board.averaged and board.whole and any(model not in board.whole for model in board.places):
            parts.append(paragraph(_PLACED, width))
    parts += [paragraph(visible(f"Every result: {note}."), width) for note in board.common_notes]
    parts += [paragraph(visible(f"{model}, {task}: {note}."), width) for model, task, note in board.mixed_unscored]
    if board.coarse:
        parts.append(paragraph(visible(f"One document is {', '.join(board.coarse)}."), width))
    if kin or tables:
        parts.append("Similarity is evidence, not proof of copying.\n")
    if any("not calibrated" in table.title for table in tables):
        parts.append(_UNCALIBRATED)
    return "\n".join(parts)


_RANKS = "Ranks are those that the data allow. Models that share a letter cannot be told apart."
_PLACED = (
    "≈ means that the model was not asked all that the others were. The number behind it is where shared documents put "
    "it, and then comes its own mean."
)
_UNCALIBRATED = """Not calibrated means not compared with models known to be unrelated. Such a
number has no known zero and no p-value.
"""


def _scores(board: Board) -> list[list[str]]:
    rows = []
    for model in board.names:
        for task, metric in board.columns:
            row = board.cells.get((model, task, metric))
            if row is not None:
                standing = board.standings[task, metric].get(model)
                notes = ", ".join(board.own_notes(row))
                rows.append([named(board, model), task, number(row["value"], row), _ranks(standing), notes])
        if board.averaged and model in board.means:
            standing = board.standings[None].get(model)
            score = mean(board, model, ranked=False)
            rows.append([named(board, model), f"mean of {len(board.averaged)}", score, _ranks(standing), ""])
    return rows


def _ranks(standing: Standing | None) -> str:
    return rank(standing).removeprefix("rank ") if standing else ""


def _relatives(board: Board) -> list[list[str]]:
    if "relative" not in board.show:
        return []
    return [
        [named(board, model), verdicts.relative(board, model)] for model in board.names if board.findings.get(model)
    ]
