"""What goes into the sandbox, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "wrong", "error", "timeout", "memory", "blocked"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use."""

    cpu_s: float
    """CPU seconds. The judge may use as many."""
    wall_s: float
    """Seconds by the clock that the judge waits for it. The time for which it waited for a CPU is not counted."""
    memory_mb: int
    """Address space in MiB."""


@dataclass(frozen=True, slots=True)
class Program:
    """Model-written code and the tests it has to pass."""

    code: str
    """A Python module. `if __name__ == "__main__":` is false in it, unless `entry_point` is `__main__`."""
    tests: str
    """Python that raises if the code is wrong. It sees the module's names, and may define `unittest` cases. After
    `within(seconds)` each call of the code has that limit as well, by the clock. `answers(function, calls)` makes many
    calls at a time, see `Judge.answers`."""
    entry_point: str
    """The name that the code must define. If it is `__main__`, the code is a program, and the tests call
    `run(stdin: str) -> str`, which returns what it prints."""
    helpers: str = ""
    """Python whose names the tests see instead of the code's, such as HumanEval's `poly`. If a test measures with a
    function, that function must not be the code's own."""
    in_process: bool = False
    """Run the tests beside the code, if they replace parts of it. Code can forge such a verdict."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of one program."""

    status: Status
    """`wrong`: a test's assertion failed. `error`: anything else was raised, or the process died. `blocked`: it
    tried what the sandbox refuses, and did not handle that."""
    message: str
    """Why, in a line. Empty if it passed. It can quote the program, so it is hostile text."""
    cpu_s: float | None
    """CPU seconds of the program's process. `None` if they are not known."""
    tier: str
    """How it was contained: `A`, `B`, `C`, or `unsafe`, a plain subprocess."""
    test: str = ""
    """The test that failed: its number if the tests count them in `CASE`, or else its line. If the program died
    among calls that travelled together, it is the first one without an answer. It is empty if nobody knows: no test was
    reached, or `unittest` ran them, which names its case in the message."""
    forgeable: bool = False
    """Whether code that is made for it could have forged this, because its tests ran in its own process."""
