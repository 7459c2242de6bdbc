"""The page as one HTML file without a script: nothing to load, nothing to run, readable in light, dark and on paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from harness.core import visible
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.cells import OPEN, Section, named, sections
from harness.results.leaderboard.guide import guide
from harness.results.leaderboard.markdown import NOTHING
from harness.results.leaderboard.remarks import remarks
from harness.results.leaderboard.settings import settings
from harness.results.leaderboard.summary import summary
from harness.results.leaderboard.verdicts import EXPLORATORY, told_in_full

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom-width: 2px; }
tbody tr:nth-child(even) { background: var(--soft); }
summary { cursor: pointer; padding: .2rem 0; }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; font-size: 10px; } .wide { overflow: visible; } }
"""
_MARKS = ((r"\*\*(.+?)\*\*", r"<strong>\1</strong>"), (r"\*(.+?)\*", r"<em>\1</em>"), (r"`(.+?)`", r"<code>\1</code>"))


def html(board: Board) -> str:
    """The leaderboard as a page that loads nothing. Every name and number in it is text."""
    title = _text(board.title)
    parts = [f"<h1>{title}</h1>"]
    if not board.names:
        parts.append(f"<p>{NOTHING}</p>")
    else:
        parts += [f"<p>{_text(sentence)}</p>" for sentence in summary(board)]
        overview, *tables = sections(board)
        notes = "".join(f"<li>{_text(note)}</li>" for note in board.notes_first)
        parts += [_table(overview), f"<ul>{notes}</ul>" if notes else "", *(_table(section) for section in tables)]
        parts += _verdicts(board)
        if told := remarks(board):
            parts.append(f"<p>† of these results:</p>{_long([_text(text) for text in told], f'{len(told)} remarks')}")
        if board.coarse:
            items = "".join(f"<li>{_text(weight)}</li>" for weight in board.coarse)
            parts.append(f"<p>One document is:</p><ul>{items}</ul>")
        parts.append(
            "<h2>How to read this</h2><ul>" + "".join(f"<li>{_marked(p)}</li>" for p in guide(board)) + "</ul>"
        )
        parts.append("<h2>Reproduce this</h2>")
        for made in settings(board):
            facts = _long([_text(fact) for fact in made.facts], "settings")
            parts.append(f"<h3>{_text(made.run_id)}</h3><pre>{_text(made.command)}</pre>{facts}")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _verdicts(board: Board) -> list[str]:
    found = told_in_full(board)
    if not found:
        return []
    cards = []
    for told in found:
        items = "".join(f"<li><em>{_text(head)}</em>: {_text(' '.join(texts))}</li>" for head, texts in told.parts)
        cards.append(_folded(f"{named(board, told.model)}: {told.head}", f"<ul>{items}</ul>"))
    inside = "\n".join(cards)
    inside = inside if len(found) <= OPEN else _folded(f"{len(found)} models", inside)
    return ["<h2>Verdicts in full</h2>", f"<p>{_marked(EXPLORATORY)}</p>", inside]


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{_text(summary)}</summary>{inside}</details>"


def _long(items: Sequence[str], what: str) -> str:
    told = "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"
    return told if len(items) <= OPEN else _folded(what, told)


def _table(section: Section) -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in section.header)
    rows = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:]) + "</tr>\n"
        for row in section.rows
    )
    table = (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>'
    )
    table = _folded(section.folded, table) if section.folded else table
    return f"<h2>{_text(section.title)}</h2>\n{table}" if section.title else table


def _text(text: str) -> str:
    return escape(visible(text))


def _marked(paragraph: str) -> str:
    """Our own paragraphs: bold, emphasis and code."""
    text = escape(paragraph)
    for mark, tag in _MARKS:
        text = re.sub(mark, tag, text)
    return text
