"""`harness sql` at a terminal: queries until `;`, with history and completion by the standard library's readline."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.cli.output import Format, print_frame
from harness.core import say
from harness.errors import HarnessError
from harness.results import schema, store

PROMPT, GOES_ON = "harness> ", "    ...> "
HELP = """End a query with ; and Enter. Tab completes tables, columns and SQL words; the arrow keys bring queries back.
.tables         every table and view, with what it holds
.schema TABLE   its columns, types and meanings
.quit           leave (so does Ctrl-D)
"""
HISTORY_LINES = 1000
_WORDS = (
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "JOIN",
    "LEFT",
    "USING",
    "HAVING",
    "QUALIFY",
    "AS",
    "AND",
    "OR",
    "NOT",
    "NULL",
    "IS",
    "IN",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "UNION",
    "ALL",
    "WITH",
    "DESC",
    "ASC",
    "count",
    "sum",
    "avg",
    "median",
    "quantile_cont",
    "min",
    "max",
    "round",
    "coalesce",
    "list",
    "string_agg",
    "row_number",
    "OVER",
    "PARTITION",
    "FILTER",
    "EXCLUDE",
    "DESCRIBE",
    "SUMMARIZE",
)


def run(results: Path, shape: Format) -> None:
    """Answer queries until the end of input. An error is told and the shell goes on.

    Args:
        results: the results folder.
        shape: how results are printed.

    Raises:
        StorageError: there is no index, or one that this version cannot read.
    """
    with contextlib.closing(store.connect(results)) as connection, _line_editing():
        sys.stdout.write(f"{store.index_path(results)}, read-only. .help tells more.\n")
        waiting = ""
        while True:
            try:
                line = input(GOES_ON if waiting else PROMPT)
            except EOFError:
                sys.stdout.write("\n")
                return
            except KeyboardInterrupt:  # as in every shell: the line is dropped, the shell stays
                sys.stdout.write("\n")
                waiting = ""
                continue
            if not waiting and line.strip().startswith("."):
                if line.strip() in (".quit", ".exit"):
                    return
                _command(line.split(), shape)
                continue
            waiting = f"{waiting}\n{line}".strip()
            if waiting.endswith(";"):
                query, waiting = waiting, ""
                try:
                    print_frame(store.run_sql(connection, query), shape)
                except HarnessError as error:
                    say(str(error), "error")


def _command(words: list[str], shape: Format) -> None:
    import polars as pl

    tables = schema.tables() + schema.VIEWS
    match words:
        case [".tables"]:
            print_frame(pl.DataFrame([{"table": t.name, "holds": t.comment} for t in tables]), shape)
        case [".schema", name] if found := [t for t in tables if t.name == name]:
            rows = [{"column": c.name, "type": c.type, "meaning": c.comment} for c in found[0].columns]
            print_frame(pl.DataFrame(rows), shape)
        case _:
            sys.stdout.write(HELP)


def completions(text: str) -> list[str]:
    """What a word may go on to: tables, columns, SQL words."""
    tables = schema.tables() + schema.VIEWS
    names = {t.name for t in tables} | {c.name for t in tables for c in t.columns}
    upper = [word for word in _WORDS if text and word.lower().startswith(text.lower())]
    return sorted(name for name in names if name.startswith(text)) + upper


@contextlib.contextmanager
def _line_editing() -> Iterator[None]:
    """History and completion, if Python has readline (it has none on Windows)."""
    try:
        import readline
    except ImportError:
        yield
        return
    file = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "harness" / "sql_history"
    with contextlib.suppress(OSError):
        readline.read_history_file(file)

    def complete(text: str, state: int) -> str | None:
        found = completions(text)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n,;()=<>+-*/.'\"")
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(None)
        readline.set_history_length(HISTORY_LINES)
        with contextlib.suppress(OSError):  # a home that cannot be written costs the history, nothing else
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(file)
