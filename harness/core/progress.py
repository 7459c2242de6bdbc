"""Live progress by model: samples, rate, time left, errors by kind, cost. On stderr: stdout is for results."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from harness.core.tables import visible, wrapped

KINDS_SHOWN = 2
"""Kinds of errors that are named, the most frequent first."""
NAME_CHARS = 16
"""Columns that names of models take at least, so that bars stand under each other."""
KIND_CHARS = 28
"""Characters of an error's kind."""
PLAIN_EVERY_S = 15.0
"""Seconds between two lines if there is no terminal to redraw."""


@dataclass
class Log:
    """How this process speaks on stderr. Set once, by the command line."""

    quiet: bool = False
    """Errors and warnings alone."""
    json: bool = False
    """One JSON object a line, and no bars: `time` (UTC), `level`, `message`, and counts if there are any."""


LOG = Log()


def console() -> Console:
    """The console for everything that is not a result."""
    return Console(stderr=True, highlight=False)


class _Bars(Progress):
    """A bar per model, and below it a line with its errors and its cost."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            yield self.make_tasks_table([task])
            if task.fields["told"]:
                yield Text(f"  {task.fields['told']}", no_wrap=True, overflow="ellipsis")


class RunProgress:
    """One bar per model on a terminal, a line now and then elsewhere. A context manager."""

    def __init__(self, *, quiet: bool = False, out: Console | None = None) -> None:
        self._out = out or console()
        self._quiet = quiet or LOG.quiet
        self._live = not self._quiet and not LOG.json and self._out.is_terminal
        self._bars = _Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            console=self._out,
            disable=not self._live,
        )
        self._model = ""
        self._spent: Callable[[], str] = str
        self._begin(0)

    def _begin(self, total: int) -> None:
        self._total, self._done = total, 0
        self._errors: Counter[str] = Counter()
        self._started = self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """A line above the bars. Markup in it is text."""
        if LOG.json:
            say(text)
        elif not self._quiet:
            self._bars.console.print(escape(folded(text) if self._live else text), soft_wrap=True)

    def start(self, model: str, total: int, spent: Callable[[], str] = str) -> None:
        """Begin a model that owes `total` requests.

        Args:
            model: its name.
            total: its requests.
            spent: says what it has cost so far, and what may be spent. Empty for a model that costs nothing.
        """
        self._model, self._spent = model, spent
        self._begin(total)
        self._bar = self._bars.add_task(f"{escape(model):<{NAME_CHARS}}", total=total, pace="", told="")

    def advance(self, error: str | None = None) -> None:
        """Count one reply, with its error if it has one."""
        self._done += 1
        if error is not None:
            self._errors[kind(error)] += 1
        if self._live:
            told = ", ".join(filter(None, (self.errors(), self._spent())))
            self._bars.update(self._bar, advance=1, pace=self.pace(), told=told)
        elif not self._quiet and time.monotonic() - self._spoke > PLAIN_EVERY_S:
            self._spoke = time.monotonic()
            spent, errors = self._spent(), self.errors() or "no errors"
            told = ", ".join(filter(None, (self.pace(), errors, spent)))
            text = f"{self._model}: {self._done}/{self._total}, {told}"
            if LOG.json:
                n = self._errors.total()
                say(text, model=self._model, done=self._done, total=self._total, errors=n, spent=spent)
            else:
                self.say(text)

    def pace(self) -> str:
        """Rate and time left, in words."""
        elapsed = max(time.monotonic() - self._started, 1e-6)
        rate = self._done / elapsed
        left = int((self._total - self._done) / rate) if rate else 0
        hours = f"{left // 3600}:{left // 60 % 60:02d}" if left >= 3600 else f"{left // 60}"  # noqa: PLR2004 - an hour
        speed = f"{rate:.1f}/s" if rate >= 1 / 10 or not rate else f"{60 * rate:.1f}/min"
        return f"{speed}, {hours}:{left % 60:02d} left"

    def errors(self) -> str:
        """Errors by kind, in words. Empty without any."""
        if not self._errors:
            return ""
        kinds = [f"{name} ×{n}" for name, n in self._errors.most_common(KINDS_SHOWN)]
        more = ["…"] if len(self._errors) > KINDS_SHOWN else []
        total = self._errors.total()
        return f"{total} error{'' if total == 1 else 's'} ({', '.join(kinds + more)})"


def kind(error: str) -> str:
    """What sort of error a text tells of: `HTTP 429`, `the connection dropped`."""
    name = visible(error.partition(":")[0])
    return name if len(name) <= KIND_CHARS else f"{name[: KIND_CHARS - 1]}…"


def say(text: str, level: str = "info", **facts: str | int) -> None:
    """One line on stderr, for what happens before and after a run.

    Args:
        text: the line.
        level: info, warning or error. `--quiet` keeps the first to itself.
        facts: further fields of a JSON line.
    """
    if LOG.quiet and level == "info":
        return
    if LOG.json:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"time": now, "level": level, "message": text.strip(), **facts})
    elif sys.stderr.isatty():
        text = folded(text)
    print(text, file=sys.stderr)  # noqa: T201 - the one place that speaks


_QUOTED = re.compile(r"`[^`\n]*`")


def folded(text: str, stream: TextIO | None = None) -> str:
    """The text with its lines broken between words, as wide as the terminal is. What stands in backticks stays whole.

    A terminal breaks words. A command that is broken in two cannot be copied.

    Args:
        text: what is to be said.
        stream: what the terminal reads. stderr by default.
    """
    try:
        columns = os.get_terminal_size((stream or sys.stderr).fileno()).columns
    except (OSError, ValueError):  # no terminal
        return text
    kept = _QUOTED.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines = []
    for line in kept.split("\n"):
        text = line.lstrip(" ")
        indent = " " * (len(line) - len(text))
        lines.append(wrapped(text, columns, indent, indent))
    return "\n".join(lines).replace("\0", " ")
