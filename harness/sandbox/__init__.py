"""Runs model-written code, and says what became of it.

Two functions, whatever runs beneath: `check` says before the first request whether code can be run here,
`run` runs it. The tier in each verdict says how well the machine and the verdict itself were protected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.errors import SandboxError
from harness.specs import SandboxSpec

Status = Literal["passed", "wrong", "error", "timeout", "memory"]


@dataclass(frozen=True, slots=True)
class Program:
    """Model-written code and the tests it has to pass."""

    code: str
    """A Python module; `if __name__ == "__main__":` is false in it."""
    tests: str
    """Python that runs in the module's namespace after it, and raises where the code is wrong."""
    entry_point: str
    """The name that the code must define."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one program."""

    status: Status
    """`wrong`: a test's assertion failed. `error`: anything else was raised, or the process died."""
    message: str
    """Why, in a line; empty where it passed. It can quote the program: hostile text."""
    cpu_s: float | None
    """CPU seconds of the process up to its verdict; `None` where it was killed."""
    tier: str
    """How it was contained: `unsafe` is a plain subprocess."""


def check(spec: SandboxSpec) -> None:
    """Say whether model-written code can be run under this configuration.

    Raises:
        SandboxError: it cannot; the message says how it could be.
    """
    if not spec.allow_unsafe:
        raise SandboxError(
            "this evaluation runs code that a model wrote, and there is no sandbox to run it in. On a "
            "machine you can afford to lose, sandbox.allow_unsafe=true runs it in a plain subprocess with "
            "resource limits; the results are marked unsafe."
        )


def run(programs: Sequence[Program], spec: SandboxSpec) -> list[Verdict]:
    """Run every program against its tests, several at a time.

    Args:
        programs: what to run; an empty list is fine.
        spec: limits, and whether an unprotected run is allowed.

    Returns:
        One verdict per program, in their order.

    Raises:
        SandboxError: code cannot be run here.
    """
    if not programs:
        return []
    check(spec)
    from harness.sandbox import unsafe

    return unsafe.run(programs, spec)
