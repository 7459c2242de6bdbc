"""The commands that publish: the leaderboard in every form."""

from __future__ import annotations

import difflib
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import ConfigError, HarnessError
from harness.output import RESULTS, Results
from harness.progress import say

DEFAULT = "default"
"""The leaderboard of `conf/leaderboard/` that is shown where none is named."""
DIFFERENCES = 12
"""Lines of a difference that are shown."""
_FORM_OF = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".csv": "csv", ".html": "html", ".htm": "html"}


class Form(StrEnum):
    """The form of a published page."""

    markdown = "markdown"
    json = "json"
    csv = "csv"
    html = "html"


def leaderboard(
    name: Annotated[str, typer.Argument(help="A file of conf/leaderboard/: which results, what weights.")] = DEFAULT,
    results: Results = RESULTS,
    out: Annotated[Path | None, typer.Option("--out", help="Write it here instead of to the screen.")] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", "-o", help="By default as the file is called; markdown on the screen."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="Exit 1 where this file is not what would be written.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="SQL condition over the view leaderboard, such as \"kind = 'math'\".")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Heading of the page.")] = None,
    coverage: Annotated[
        float | None,
        typer.Option("--coverage", min=0, max=1, help="Rank scores with this share of their samples scored."),
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option("--weight", help="TASK=NUMBER: weight in the mean over tasks; 1 by default.")
    ] = None,
) -> None:
    """Write the leaderboard: markdown, HTML, JSON or CSV. The same results give the same bytes.

    For example `harness leaderboard --out LEADERBOARD.md`, `harness leaderboard --where "kind = 'math' AND n >= 100"`,
    or in CI `harness leaderboard --check LEADERBOARD.md`.
    """
    from harness import analysis
    from harness import leaderboard as board
    from harness.leaderboard import selection
    from harness.runs import write_atomic

    wanted = selection.load(name)
    told = {"where": where, "title": title, "coverage": coverage}
    changes: dict[str, object] = {key: value for key, value in told.items() if value is not None}
    if weight:
        changes["weights"] = {**wanted.weights, **dict(map(_weight, weight))}
    for problem in analysis.refresh(results).problems:
        say(f"warning: {problem}")
    file = check or out
    kind = form.value if form else _FORM_OF.get(file.suffix.lower(), "markdown") if file else "markdown"
    page = board.render(analysis.board(results, wanted.model_copy(update=changes)), kind)
    if check is not None:
        _compare(check, page, kind)
    elif out is None:
        sys.stdout.buffer.write(page)
        sys.stdout.flush()
    else:
        write_atomic(out, page)
        say(f"wrote {out}")


def _compare(file: Path, page: bytes, kind: str) -> None:
    """Say whether a published page is what the results give.

    Raises:
        HarnessError: it is not; the message has the first differences.
        ConfigError: the file cannot be read.
    """
    from harness.tables import visible

    try:
        found = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if found == page:
        say(f"{file} is what the results give")
        return
    old, new = (text.decode(errors="replace").splitlines() for text in (found, page))
    lines = list(difflib.unified_diff(old, new, str(file), "the results", lineterm="", n=0))
    shown = "\n".join(visible(line) for line in lines[:DIFFERENCES])
    more = f"\n({len(lines) - DIFFERENCES} more lines)" if len(lines) > DIFFERENCES else ""
    raise HarnessError(
        f"{file} is not what the results give; `harness leaderboard --format {kind} --out {file}` writes it\n"
        f"{shown}{more}"
    )


def _weight(word: str) -> tuple[str, float]:
    task, _, number = word.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not task or not 0 < value < math.inf:
        raise ConfigError(f"--weight {word}: expected TASK=NUMBER with a number above 0, such as gsm8k=2")
    return task, value
