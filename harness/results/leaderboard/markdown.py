"""The page as GitHub-flavoured markdown that is readable as plain text too. No name in it can break a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from harness.core import code_block, markdown_table, markdown_text, visible, wrapped
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.cells import OPEN, PLAIN_WIDTH, Section, named, sections
from harness.results.leaderboard.guide import guide
from harness.results.leaderboard.remarks import remarks
from harness.results.leaderboard.settings import settings
from harness.results.leaderboard.summary import summary
from harness.results.leaderboard.verdicts import EXPLORATORY, told_in_full

NOTHING = "No finished run has been indexed."


def markdown(board: Board) -> str:
    """The leaderboard as a GitHub page. No name in it can break a table, add a row, or hide text."""
    title = f"# {markdown_text(board.title)}\n"
    if not board.names:
        return f"{title}\n{NOTHING}\n"
    first, *tables = sections(board)
    parts = [title, _lines(summary(board)), _table(first), *_notes(board)]
    parts += [_table(section) for section in tables[: _more(tables)]]
    parts += [*_verdicts(board), *(_table(section) for section in tables[_more(tables) :])]
    told = [f"- {_cell(text)}" for text in remarks(board)]
    if told:
        parts.append("† of these results:\n\n" + _long(told, f"{len(told)} remarks"))
    if board.coarse:
        weights = "\n".join(f"- {markdown_text(weight)}" for weight in board.coarse)
        parts.append(f"One document is:\n\n{weights}\n")
    parts += ["## How to read this\n", "\n".join(_bullet(paragraph) for paragraph in guide(board)) + "\n"]
    parts.append("## Reproduce this\n")
    for made in settings(board):
        facts = [f"- {markdown_text(fact)}" for fact in made.facts]
        parts.append(f"### {markdown_text(made.run_id)}\n\n{code_block(made.command)}\n{_long(facts, 'settings')}")
    return "\n".join(parts)


def _notes(board: Board) -> list[str]:
    return [_lines(board.notes_first)] if board.notes_first else []


def _more(tables: Sequence[Section]) -> int:
    """How many tables belong to the first: those without a heading before the next that has one."""
    return next((i for i, table in enumerate(tables) if table.title), len(tables))


def _lines(sentences: Sequence[str]) -> str:
    return "\n".join(_bullet(_cell(sentence)) for sentence in sentences) + "\n"


def _verdicts(board: Board) -> list[str]:
    """What is behind every verdict, folded by model."""
    found = told_in_full(board)
    if not found:
        return []
    parts = ["## Verdicts in full\n", f"{wrapped(EXPLORATORY, 118)}\n"]
    for told in found:
        rows = [f"- *{markdown_text(head)}*: {' '.join(map(_cell, texts))}" for head, texts in told.parts]
        parts.append(_folded(f"{named(board, told.model)}: {told.head}", "\n".join(rows) + "\n"))
    return parts if len(found) <= OPEN else [*parts[:2], _folded(f"{len(found)} models", "\n".join(parts[2:]))]


def _table(section: Section) -> str:
    header, *rows = [[_cell(cell) for cell in row] for row in (section.header, *section.rows)]
    table = markdown_table(header, rows, width=PLAIN_WIDTH)
    table = _folded(section.folded, table) if section.folded else table
    return f"## {section.title}\n\n{table}" if section.title else table


def _folded(summary: str, inside: str) -> str:
    """What GitHub shows when somebody clicks on its first line."""
    return f"<details>\n<summary>{_inline(summary)}</summary>\n\n{inside}\n</details>\n"


def _inline(text: str) -> str:
    """Text inside of an HTML tag, in which GitHub reads no markdown."""
    return escape(visible(text), quote=False).replace("@", "&#64;")


def _long(lines: Sequence[str], what: str) -> str:
    text = "\n".join(lines) + "\n"
    return text if len(lines) <= OPEN else _folded(what, text)


# Brackets around numbers alone, which nothing makes a link of: they need no backslash to be what they are.
_INTERVAL = re.compile(r"\\\[(-?\d+\.\d\d, -?\d+\.\d\d|no interval|95 %)\\\](?=\s|$)")


def _cell(text: str) -> str:
    return _INTERVAL.sub(r"[\1]", markdown_text(text))


def _bullet(paragraph: str) -> str:
    return wrapped(paragraph, 118, "- ", "  ")
