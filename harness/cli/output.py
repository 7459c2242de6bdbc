"""How commands print: the formats, the options every list shares, and a frame on its way to stdout."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.core import programs, progress, say

if TYPE_CHECKING:
    import polars as pl


class Format(StrEnum):
    """How a list is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    parquet = "parquet"


def _existing(results: Path) -> Path:
    """Refuse a folder that is not there: an empty list would look like an answer."""
    from harness.runs import need_results

    need_results(results)
    return results


_WHAT, _VARIABLE = "The results folder.", "HARNESS_RESULTS"
Results = Annotated[Path, typer.Option("--results", help=_WHAT, envvar=_VARIABLE, callback=_existing)]
NewResults = Annotated[Path, typer.Option("--results", help=_WHAT, envvar=_VARIABLE)]
"""The same for commands that write: the folder is made."""
Shape = Annotated[Format, typer.Option("--format", "-o", help="How to print it.")]
RESULTS = Path("results")
NARROWEST = 40
"""Columns below which no table can be read."""


def width() -> int:
    """Columns of the terminal, 80 if there is none. A narrower one than `NARROWEST` gets lines that it folds."""
    from harness.core import tables

    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else tables.WIDTH


def tell(text: str) -> None:
    """Write sentences to stdout. On a terminal, lines end between words."""
    sys.stdout.write(progress.folded(text, sys.stdout))


def warn(problems: Iterable[str]) -> None:
    """Say what an update of the index left out, a line each."""
    for problem in problems:
        say(f"warning: {problem}", "warning")


def renamed(old: str, new: str) -> None:
    """Say that a word still works, and which one to type from now on."""
    say(f"warning: {old} is {new} now; the old word still works", "warning")


def print_frame(frame: pl.DataFrame, shape: Format, *shown: str) -> None:
    """Write a frame to stdout. A table has the `shown` columns alone, if some are named."""
    print_frames([frame.select(shown or frame.columns) if shape is Format.table else frame], shape)


def page(text: str) -> None:
    """Write a text to stdout, through a pager if stdout is a terminal with fewer lines than it has.

    The pager is `$PAGER`, else `less`. `PAGER=cat` is none.
    """
    try:
        if sys.stdout.isatty() and text.count("\n") > shutil.get_terminal_size().lines and (command := _pager()):
            subprocess.run(command, input=text.encode(), check=False, env={"LESS": "FRX", **os.environ})
        else:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _pager() -> list[str] | None:
    """The words that start a pager, from the system's folders alone. None if there is none or none is wanted."""
    words = shlex.split(os.environ.get("PAGER", "less"))
    if not words or words[0] == "cat":
        return None
    found = programs.find(words[0])
    return None if found is None else [found, *words[1:]]


def print_frames(frames: Iterable[pl.DataFrame], shape: Format, *, raw: bool = False) -> None:
    """Write frames with the same columns to stdout as one, each as it comes. `raw`: see `tables.render`."""
    from harness.core import tables

    try:
        for piece in tables.render_pieces(frames, shape.value, width(), raw=raw):
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    except (
        BrokenPipeError
    ):  # the reader went away (`| head`): it has what it wants, and Python is not to say so at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
