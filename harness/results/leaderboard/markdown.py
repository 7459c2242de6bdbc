"""The page as GitHub-flavoured markdown that is readable as plain text too. No name in it can break a table."""

from __future__ import annotations

import re
import textwrap

from harness.core import code_block, markdown_table, markdown_text
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.cells import PLAIN_WIDTH, Section, sections
from harness.results.leaderboard.guide import guide
from harness.results.leaderboard.settings import notes, settings

NOTHING = "No finished run has been indexed."


def markdown(board: Board) -> str:
    """The leaderboard as a GitHub page. No name in it can break a table, add a row, or hide text."""
    title = f"# {markdown_text(board.title)}\n"
    if not board.names:
        return f"{title}\n{NOTHING}\n"
    parts = [title, *(_table(section) for section in sections(board))]
    told = [f"- {markdown_text(model)}, {markdown_text(task)}: {_cell(text)}" for model, task, text in notes(board)]
    if told:
        parts.append("† of these results:\n\n" + "\n".join(told) + "\n")
    if board.coarse:
        weights = "\n".join(f"- {markdown_text(weight)}" for weight in board.coarse)
        parts.append(f"One document is:\n\n{weights}\n")
    parts += ["## How to read this\n", "\n".join(_bullet(paragraph) for paragraph in guide(board)) + "\n"]
    parts.append("## Reproduce this\n")
    for made in settings(board):
        facts = "\n".join(f"- {markdown_text(fact)}" for fact in made.facts)
        parts.append(f"### {markdown_text(made.run_id)}\n\n{code_block(made.command)}\n{facts}\n")
    return "\n".join(parts)


def _table(section: Section) -> str:
    header, *rows = [[_cell(cell) for cell in row] for row in (section.header, *section.rows)]
    table = markdown_table(header, rows, width=PLAIN_WIDTH)
    return f"## {section.title}\n\n{table}" if section.title else table


# Brackets around numbers alone, which nothing makes a link of: they need no backslash to be what they are.
_INTERVAL = re.compile(r"\\\[(-?\d+\.\d\d, -?\d+\.\d\d|no interval|95 %)\\\](?=\s|$)")


def _cell(text: str) -> str:
    return _INTERVAL.sub(r"[\1]", markdown_text(text))


def _bullet(paragraph: str) -> str:
    return textwrap.fill(
        paragraph,
        118,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
