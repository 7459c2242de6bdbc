"""Renders frames: as a table for the terminal, CSV, JSON, markdown or Parquet.

What models write is hostile text: it may hold escape sequences that repaint a terminal, invisible characters that
turn a line around, or markdown that draws a row of its own. Terminal and markdown output never pass these on.
"""

from __future__ import annotations

import html
import io
import json
import math
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

FORMATS = ("table", "csv", "json", "markdown", "parquet")
IDENTIFIER = 32
"""A column whose cells are at most this long and have no spaces is kept whole if it can be."""
WIDTH = 80
"""Columns of a terminal that everything must fit."""
CELL = 300
"""Longest cell of a table, in characters. `json`, `csv` and `parquet` hold the whole."""
NOTHING = "–"
"""What people see in a cell without a value. Not `null`: a null is also what a likeness is compared with."""
NO_VALUE = f"{NOTHING} means that there is no value"
"""Said once below a table that has such a cell."""
NARROWEST = 9
"""Columns a terminal column needs to be read. If there is less, rows are printed as blocks."""
GAPS = (3, 2, 1)
"""Columns between two columns of a table: the most that leaves names whole."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# GitHub takes no underscore inside a word for emphasis (https://github.github.com/gfm, rule 2) and no @ behind one for
# a mention: left alone, `word_problems` and `pass@1` can be read and copied from the plain text.
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_SPELLED_OUT = re.compile(r"[&$]|(?<![A-Za-z0-9])@|@(?!\d+(?![\w.-]))|://|www\.", re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "@": "&#64;", "$": "&#36;", "://": ":&#47;&#47;", "www.": "www&#46;"}


def visible(text: str) -> str:
    r"""The text in one line, with every control, escape, bidirectional or zero-width character spelled out (`\x1b`).

    Line ends and tabs become spaces. Nothing in the result moves a cursor, changes a colour or hides.
    """
    line = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    if line.isprintable():  # most texts are, and then nothing in them is of `_UNSEEN`
        return line
    return "".join(_spelled(c) if unicodedata.category(c) in _UNSEEN else c for c in line)


def written(text: str) -> list[str]:
    """The lines of a text as they were written, indentation and all. What a terminal would obey is spelled out."""
    return [visible(line.expandtabs(4)) for line in text.replace("\r\n", "\n").split("\n")]


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def markdown_text(text: str) -> str:
    """The text as it is, in GitHub's markdown: no markup, HTML, link, mention, formula or table cell comes of it."""
    text = _SPELLED_OUT.sub(lambda m: _ENTITIES[m.group().lower()], visible(text))
    return _MARKDOWN.sub(lambda m: {"<": "&lt;", ">": "&gt;"}.get(m.group(), "\\" + m.group()), text)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """A GitHub table out of cells that are already markdown. Ends with a line end.

    Args:
        header: names of the columns.
        rows: cells.
        width: columns are padded to stand under each other if the table is no wider than this.
    """
    from rich.cells import cell_len

    widths = [max(3, *map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 > width:
        widths = [3] * len(widths)
    lines = [header, ["-" * wide for wide in widths], *rows]
    padded = ([cell + " " * (wide - cell_len(cell)) for cell, wide in zip(line, widths, strict=True)] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)


def code_block(text: str) -> str:
    """One line of text in a fenced block that it cannot close. Ends with a line end."""
    line = visible(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence}text\n{line}\n{fence}\n"


def render(frame: pl.DataFrame, fmt: str, width: int = WIDTH, *, raw: bool = False) -> bytes:
    r"""A frame as UTF-8 text, or as Parquet.

    `parquet` holds the cells as they are, and so does `csv` if it is `raw`, else see `harmless`. `json` is an array
    with an object per row, with the characters that a terminal would obey as `\u` escapes. `table` and `markdown` show
    hostile characters spelled out. `table` never has colours and cuts long cells.

    Args:
        frame: what to show.
        fmt: one of `FORMATS`.
        width: columns that `table` may use.
        raw: leave the cells of `csv` as they are.

    Raises:
        ConfigError: no such format.
    """
    return b"".join(render_pieces([frame], fmt, width, raw=raw))


def render_pieces(
    frames: Iterable[pl.DataFrame], fmt: str, width: int = WIDTH, *, raw: bool = False
) -> Iterator[bytes]:
    """The same of frames that are one after another, without waiting for the last. `parquet` does.

    Args:
        frames: at least one, all with the same columns. A `table` names its columns above each.
        fmt: as of `render`, as the others.
        width: see there.
        raw: see there.

    Raises:
        ConfigError: no such format.
    """
    match fmt:
        case "table":
            yield from _table_pieces(frames, width)
        case "markdown":
            lacking = False
            for number, frame in enumerate(frames):
                header = [markdown_text(name) for name in frame.columns]
                cells = [[markdown_text(cell(value)) for value in row] for row in frame.iter_rows()]
                lacking = lacking or _lacks(frame)
                text = markdown_table(header, cells)
                yield (text if number == 0 else "".join(text.splitlines(keepends=True)[2:])).encode()
            if lacking:
                yield f"\n{NO_VALUE}.\n".encode()
        case "json":
            yield from _json_pieces(frames)
        case "csv":
            for number, frame in enumerate(frames):
                flat = _flat(frame)
                yield (flat if raw else harmless(flat)).write_csv(include_header=number == 0).encode()
        case "parquet":
            import polars as pl

            buffer = io.BytesIO()
            pl.concat(frames, how="vertical_relaxed").write_parquet(buffer)
            yield buffer.getvalue()
        case _:
            raise ConfigError(unknown_name("format", fmt, FORMATS))


def _table_pieces(frames: Iterable[pl.DataFrame], width: int) -> Iterator[bytes]:
    rows, lacking = 0, False
    for frame in frames:
        lacking = lacking or _lacks(frame)
        if not frame.columns:
            yield b"(no result)\n"
            return
        header = [visible(name) for name in frame.columns]
        shown = [[_cut(visible(cell(value))) for value in row] for row in frame.iter_rows()]
        numeric = [dtype.is_numeric() for dtype in frame.dtypes]
        if len(header) * NARROWEST > width or (shown and _gap(header, shown, numeric, width) is None):
            for row in shown:
                rows += 1
                yield _block(rows, header, row, width).encode()
        elif shown or not rows:
            yield grid(header, shown, width, numeric).encode()
            rows += frame.height
    yield _count(rows, NO_VALUE if lacking else None).encode()


def _lacks(frame: pl.DataFrame) -> bool:
    return any(column.null_count() for column in frame.iter_columns())


def _json_pieces(frames: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """One array, whose objects are written as they come."""
    before = "["
    for frame in frames:
        text = json_text(list(frame.iter_rows(named=True)))
        if inside := text.removeprefix("[").removesuffix("]\n").rstrip("\n"):
            yield (before + inside).encode()
            before = ","
    yield b"[]\n" if before == "[" else b"\n]\n"


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?")


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    r"""A frame whose texts neither move a cursor nor are run by a spreadsheet.

    Characters that a terminal would obey are spelled out (`\x1b`), but for line ends and tabs. A text that begins with
    `=`, `+`, `-`, `@`, a tab or a carriage return, and is no number, gets a `'` in front of it, which spreadsheets take
    for "text" (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    import polars as pl

    texts = [column for column in frame.iter_columns() if column.dtype == pl.String]
    named = {name: _cell_of_csv(name) for name in frame.columns}
    safe = [column.map_elements(_cell_of_csv, return_dtype=pl.String) for column in texts]
    return frame.with_columns(safe).rename(named)


def _cell_of_csv(text: str) -> str:
    if not text.isprintable():
        text = "".join(_spelled(c) if c not in "\n\t\r" and unicodedata.category(c) in _UNSEEN else c for c in text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def cell(value: Any) -> str:
    """A value as a person reads it: floats to four digits, `–` if there is none, nested values as JSON."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list):
        return json.dumps(jsonable(value), ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def terminal(frame: pl.DataFrame, width: int = WIDTH) -> str:
    """A frame as plain text no wider than `width`: a table, or a block per row if there are many columns."""
    return b"".join(_table_pieces([frame], width)).decode()


def _count(rows: int, note: str | None) -> str:
    return f"({rows} row{'' if rows == 1 else 's'}{f'; {note}' if note else ''})\n"


def _block(number: int, names: Sequence[str], row: Sequence[str], width: int) -> str:
    """A row of safe cells as a table of its own."""
    return f"row {number}\n{grid(['column', 'value'], list(zip(names, row, strict=True)), width)}"


def _whole(cells: Sequence[str], *, right: bool) -> bool:
    """Whether a column is kept whole: a name that is cut in two can be neither read nor copied."""
    return right or all(len(text) <= IDENTIFIER and " " not in text for text in cells)


def _gap(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int) -> int | None:
    """The widest gap between columns that leaves names whole and prose `NARROWEST`. None if there is none."""
    from rich.cells import cell_len

    needed = 0
    for name, right, cells in zip(header, numeric, zip(*rows, strict=True), strict=True):
        longest = max(map(cell_len, (name, *cells)))
        needed += longest if _whole(cells, right=right) else min(longest, NARROWEST)
    return next((gap for gap in GAPS if needed + gap * (len(header) - 1) <= width), None)


def _cut(text: str) -> str:
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def grid(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH, numeric: Sequence[bool] | None = None
) -> str:
    """A plain text table of safe cells, no wider than `width`. Ends with a line end.

    Args:
        header: names of the columns.
        rows: cells, already through `visible`.
        width: columns of the terminal.
        numeric: which columns stand to the right. None by default.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    right_ones = numeric or [False] * len(header)
    gap = _gap(header, rows, right_ones, width) if rows else GAPS[0]
    left, right_pad = {3: (1, 1), 2: (0, 1)}.get(gap or GAPS[-1], (0, 0))  # the box itself is the third column
    table: Table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, right_pad, 0, left))
    for place, (name, right) in enumerate(zip(header, right_ones, strict=True)):
        # Prose gives way to names. If that is not enough, names are folded: one that is cut off is lost.
        whole = right or (gap is not None and _whole([row[place] for row in rows], right=right))
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    out = io.StringIO()
    # Not a terminal to Rich, whatever the environment says: the same bytes everywhere, and no colour codes.
    console = Console(file=out, width=width, force_terminal=False, color_system=None, legacy_windows=False)
    console.print(table)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def html_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for a notebook: every cell is text, whatever it holds."""
    head = "".join(f"<th>{html_text(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html_text(cell(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_text(text: str) -> str:
    """The text in one line, as HTML that shows just that."""
    return html.escape(visible(text))


def paragraph(text: str, width: int = WIDTH) -> str:
    """A text that went through `visible`, in lines no wider than `width`. Ends with a line end."""
    from rich.console import Console
    from rich.text import Text

    lines = Text(text).wrap(Console(width=width, file=io.StringIO()), width, overflow="fold")
    return "".join(line.plain.rstrip() + "\n" for line in lines)


def wrapped(text: str, width: int = WIDTH, first: str = "", rest: str = "") -> str:
    """Lines that break between words alone: names of models, options and addresses have hyphens, and stay whole.

    Args:
        text: one paragraph.
        width: columns. A word that is longer stands on a line of its own.
        first: what the first line begins with.
        rest: what all other lines begin with.
    """
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def json_text(value: Any) -> str:
    r"""A value as JSON, ending with a line end: NaN is null, and what a terminal would obey is a `\u` escape."""
    text = json.dumps(jsonable(value), ensure_ascii=False, indent=1)
    # The same JSON: C1 controls, bidirectional and zero-width characters only ever stand inside strings.
    return "".join(json.dumps(c)[1:-1] if ord(c) > 126 and _hides(c) else c for c in text) + "\n"  # noqa: PLR2004


def compact_json(value: Any) -> str:
    """A value as JSON without blanks: UTF-8 if it can be, escaped if half of a surrogate pair cannot.

    By pydantic, which writes it in a third of the time that Python takes.

    Raises:
        ValueError: it holds a number that JSON does not have.
    """
    from pydantic_core import to_json  # here, because most of what needs this room writes none

    try:
        text = to_json(value).decode()
    except ValueError:
        text = ""
    if not text or "NaN" in text or "Infinity" in text:  # perhaps as a number
        return json.dumps(value, ensure_ascii=not text, allow_nan=False, separators=(",", ":"))
    return text


def _hides(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN


def jsonable(value: Any) -> Any:
    """The same in what JSON can say: NaN and infinity are null, times and bytes are text."""
    match value:
        case dict():
            plain: Any = {str(key): jsonable(item) for key, item in value.items()}
        case list() | tuple():
            plain = [jsonable(item) for item in value]
        case float():
            plain = value if math.isfinite(value) else None
        case Decimal():
            plain = int(value) if value == value.to_integral_value() else float(value)
        case date() | time():
            plain = value.isoformat()
        case timedelta():
            plain = value.total_seconds()
        case bytes():
            plain = value.hex()
        case _:
            plain = value
    return plain


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Nested columns as JSON text: CSV has no other way to hold them."""
    import polars as pl

    nested = [
        pl.Series(
            column.name,
            [None if v is None else json.dumps(jsonable(v), ensure_ascii=False) for v in column.to_list()],
            dtype=pl.String,
        )
        for column in frame.iter_columns()
        if column.dtype.is_nested()
    ]
    return frame.with_columns(nested)
