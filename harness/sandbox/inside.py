"""What runs in the container of tier C: programs come in on standard input, verdicts go out on standard output."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from harness.sandbox import workers
from harness.sandbox.verdicts import Limits, Program
from harness.sandbox.worker import Fault, Worker


def main() -> None:
    """Serve one run, then wait for the end of standard input."""
    job = json.loads(sys.stdin.readline())
    limits = Limits(**job["limits"])
    programs = [Program(**program) for program in job["programs"]]
    verdicts = workers.run(programs, limits, _tier(limits), job["workers"], job["packages"])
    print(json.dumps([asdict(verdict) for verdict in verdicts]), flush=True)  # noqa: T201 - the reply
    sys.stdin.read()


def _tier(limits: Limits) -> str:
    """Landlock too, where the container's kernel has it."""
    try:
        Worker("B", limits).close()
    except Fault:
        return "C"
    return "B"
