"""Which sandboxes this machine has. If the best one is missing, it says why."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError, SandboxError, unknown_name
from harness.sandbox.verdicts import Execution, Limits, Program
from harness.specs import SandboxSpec

TIERS = {
    "A": "Linux namespaces, a root of its own, seccomp and limits",
    "B": "Landlock, seccomp and limits",
    "C": "a hardened container, with seccomp and limits inside",
    "unsafe": "a plain subprocess with limits: no protection from attacks",
}
"""Best first."""
GRACE_S = 1.0
"""Seconds by the clock that a program has beyond its CPU seconds: for files, and for processes to wake up."""
_TRIAL = Program("def one():\n    return 1\n", "assert one() == 1\n", "one")


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier, as it stands on this machine."""

    name: str
    what: str
    reason: str | None
    """Why it is not available, in a line. `None` if it is."""


def probe() -> list[Tier]:
    """Try every tier by running a program in it, best first. It takes about a second, more with a container engine."""
    return [Tier(name, what, _why_not(name)) for name, what in TIERS.items()]


def choose(spec: SandboxSpec) -> str:
    """The tier that you name. Without a name, the best one that works here.

    Args:
        spec: whether an unprotected run is allowed if there is no sandbox.

    Raises:
        ConfigError: the folder of packages is not there.
        SandboxError: there is none, or the named one does not work. The message gives the reasons and what to do.
    """
    if spec.tier is not None:
        _need(spec.tier, spec)
        return spec.tier
    reasons = []
    for name in ("A", "B", "C"):
        reason = _why_not(name)
        if reason is None:
            _check_packages(spec, name)
            return name
        reasons.append(f"{name}: {reason}")
    if spec.allow_unsafe:
        return "unsafe"
    raise SandboxError(
        "this evaluation runs code that a model wrote, and there is no sandbox to run it in "
        f"({'; '.join(reasons)}). Run it on Linux 5.13 or later, or install Docker or Podman. On a machine that you "
        "can afford to lose, sandbox.allow_unsafe=true runs it in a plain subprocess with resource limits. The "
        "results are then marked unsafe."
    )


def limits(spec: SandboxSpec) -> Limits:
    """The limits that a configuration asks for."""
    return Limits(spec.timeout_s, spec.timeout_s + GRACE_S, spec.memory_mb)


def run(programs: Sequence[Program], spec: SandboxSpec, tier: str, workers: int | None = None) -> list[Execution]:
    """Run programs in a tier. See `harness.sandbox.run`.

    Raises:
        ConfigError: there is no such tier.
        SandboxError: it does not work here, or `unsafe` is not allowed.
    """
    _need(tier, spec)
    if tier == "unsafe":
        from harness.sandbox import unsafe

        return unsafe.run(programs, spec)
    if tier == "C":
        from harness.sandbox import container

        return container.run(programs, limits(spec), workers, spec.packages)
    from harness.sandbox import workers as parallel

    return parallel.run(programs, limits(spec), tier, workers, spec.packages)


def _need(tier: str, spec: SandboxSpec) -> None:
    """Check that a tier can be used here.

    Raises:
        ConfigError: there is no such tier, or the folder of packages is not there.
        SandboxError: it does not work here, or `unsafe` is not allowed.
    """
    if tier not in TIERS:
        raise ConfigError(unknown_name("sandbox tier", tier, TIERS))
    _check_packages(spec, tier)
    if tier == "unsafe" and not spec.allow_unsafe:
        raise SandboxError("tier 'unsafe' runs model-written code unprotected; it needs sandbox.allow_unsafe=true")
    if (reason := _why_not(tier)) is not None:
        raise SandboxError(f"the sandbox tier {tier} does not work here: {reason}")


def _check_packages(spec: SandboxSpec, tier: str) -> None:
    if spec.packages is not None and tier != "C" and not Path(spec.packages).is_dir():
        raise ConfigError(f"sandbox.packages={spec.packages}: no such folder; name the site-packages of an environment")


@functools.cache
def _why_not(tier: str) -> str | None:
    """The reason why a tier cannot be used here, or `None`."""
    if tier == "unsafe":
        return None
    if tier == "C":
        from harness.sandbox import container

        return container.why_not()
    if sys.platform != "linux":
        return f"it needs Linux, this is {sys.platform}"
    from harness.sandbox.worker import Fault, Worker

    try:
        worker = Worker(tier, limits(SandboxSpec()))
    except Fault as fault:
        return str(fault)
    try:
        verdict = worker.run(_TRIAL)
    except Fault as fault:
        return str(fault)
    finally:
        worker.close()
    return None if verdict.status == "passed" else f"a trial program ended with {verdict.status}: {verdict.message}"
