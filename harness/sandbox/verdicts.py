"""What goes into the sandbox, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "wrong", "error", "timeout", "memory", "blocked"]


INT_DIGITS = 50_000
"""Digits of an integer that a program may print or read: those of LiveCodeBench's testing_util.py. Python's own 4,300
guard servers (https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use."""

    cpu_s: float
    """CPU seconds. Its judge may use as many."""
    wall_s: float
    """Seconds by the clock that its judge waits for it. Those that it waited for a CPU are taken off."""
    memory_mb: int
    """Address space in MiB."""


@dataclass(frozen=True, slots=True)
class Program:
    """Model-written code and the tests it has to pass."""

    code: str
    """A Python module; `if __name__ == "__main__":` is false in it, unless `entry_point` is `__main__`."""
    tests: str
    """Python that raises where the code is wrong. It sees the module's names, and may define `unittest` cases. After
    `within(seconds)` each call of the code has that limit as well, by the clock. `answers(function, calls)` makes many
    calls at a time, see `Judge.answers`."""
    entry_point: str
    """The name that the code must define. With `__main__` the code is a program instead, and the tests call
    `run(stdin: str) -> str`, which is what it prints."""
    helpers: str = ""
    """Python whose names the tests see in place of the code's, such as HumanEval's `poly`: a function that the
    tests measure with must not be the code's own."""
    in_process: bool = False
    """Run the tests beside the code, for those that replace its parts. Code can forge such a verdict."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of one program."""

    status: Status
    """`wrong`: a test's assertion failed. `error`: anything else was raised, or the process died. `blocked`: it
    tried what the sandbox refuses, and did not handle that."""
    message: str
    """Why, in a line; empty where it passed. It can quote the program: hostile text."""
    cpu_s: float | None
    """CPU seconds of the program's process; `None` where they are not known."""
    tier: str
    """How it was contained: `A`, `B`, `C`, or `unsafe`, a plain subprocess."""
    test: str = ""
    """The test that failed: its number where the tests count them in `CASE`, else its line. Where the program died
    among calls that travelled together, the first without an answer. Empty where that is not known: none was reached,
    or `unittest` ran them, which names its case in the message."""
    forgeable: bool = False
    """Whether code that is made for it could have forged this: its tests ran in its own process."""
