"""Runs model-written code, and says what became of it.

`check` and `run` are all there is, whatever runs beneath. `check` says before the first request whether code can run.
`run` runs it. The tier in each verdict says how the machine was protected. docs/sandbox.md explains the design.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.sandbox.verdicts import Execution, Program, Status
from harness.specs import SandboxSpec

__all__ = ["Execution", "Program", "Status", "check", "languages", "run", "tiers"]


def check(spec: SandboxSpec) -> None:
    """Check that model-written code can be run under this configuration.

    Raises:
        SandboxError: it cannot. The message says what would help.
    """
    from harness.sandbox import tiers

    tiers.choose(spec)


def run(
    programs: Sequence[Program], spec: SandboxSpec, *, tier: str | None = None, workers: int | None = None
) -> list[Execution]:
    """Run every program against its tests, several at a time.

    Args:
        programs: what to run. An empty list is fine.
        spec: limits, and whether an unprotected run is allowed.
        tier: `A`, `B`, `C` or `unsafe`. By default the best one that is available.
        workers: how many programs run at a time. By default one per CPU, and two while programs are quick. No verdict
            depends on it.

    Returns:
        One verdict per program, in the order of the programs.

    Raises:
        SandboxError: code cannot be run here.
    """
    if not programs:
        return []
    from harness.sandbox import tiers

    return tiers.run(programs, spec, tier or tiers.choose(spec), workers)
