"""Live progress of a run: samples, rate, time left, errors. On stderr, so that stdout stays for results."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

PLAIN_EVERY_S = 15.0
"""Seconds between two lines where there is no terminal to redraw."""


@dataclass
class Log:
    """How this process speaks on stderr; set once, by the command line."""

    quiet: bool = False
    """Errors and warnings alone."""
    json: bool = False
    """One JSON object a line, and no bars: `time` (UTC), `level`, `message`, and counts where there are any."""


LOG = Log()


def console() -> Console:
    """The console for everything that is not a result."""
    return Console(stderr=True, highlight=False)


class RunProgress:
    """One bar per model on a terminal, a line now and then elsewhere. A context manager."""

    def __init__(self, *, quiet: bool = False, out: Console | None = None) -> None:
        self._out = out or console()
        self._quiet = quiet or LOG.quiet
        self._live = not self._quiet and not LOG.json and self._out.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            console=self._out,
            disable=not self._live,
        )
        self._model = ""
        self._begin(0)

    def _begin(self, total: int) -> None:
        self._total, self._done, self._errors = total, 0, 0
        self._started = self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """A line above the bars; markup in it is text."""
        if LOG.json:
            say(text)
        elif not self._quiet:
            self._bars.console.print(escape(text), soft_wrap=True)

    def start(self, model: str, total: int) -> None:
        """Begin a model that owes `total` requests."""
        self._model = model
        self._begin(total)
        self._bar = self._bars.add_task(escape(model), total=total, pace="")

    def advance(self, *, failed: bool) -> None:
        """Count one reply."""
        self._done += 1
        self._errors += failed
        if self._live:
            self._bars.update(self._bar, advance=1, pace=self.pace())
        elif not self._quiet and time.monotonic() - self._spoke > PLAIN_EVERY_S:
            self._spoke = time.monotonic()
            text = f"{self._model}: {self._done}/{self._total}, {self.pace()}"
            if LOG.json:
                say(text, model=self._model, done=self._done, total=self._total, errors=self._errors)
            else:
                self.say(text)

    def pace(self) -> str:
        """Rate, time left and errors, in words."""
        elapsed = max(time.monotonic() - self._started, 1e-6)
        rate = self._done / elapsed
        left = int((self._total - self._done) / rate) if rate else 0
        return f"{rate:.1f}/s, {left // 60}:{left % 60:02d} left, {self._errors} errors"


def say(text: str, level: str = "info", **facts: str | int) -> None:
    """One line on stderr, for what happens before and after a run.

    Args:
        text: the line.
        level: info, warning or error; `--quiet` keeps the first to itself.
        facts: further fields of a JSON line.
    """
    if LOG.quiet and level == "info":
        return
    if LOG.json:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"time": now, "level": level, "message": text.strip(), **facts})
    print(text, file=sys.stderr)  # noqa: T201 - the one place that speaks
