"""Runs in the container of tier C. Programs come in on standard input, and verdicts go out on standard output."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict

from harness.sandbox import workers
from harness.sandbox.verdicts import Limits, Program
from harness.sandbox.worker import Fault, Worker


def main() -> None:
    """Serve one run, then wait for the end of standard input. If it ends before that, the container ends."""
    job = json.loads(sys.stdin.readline())
    end = threading.Thread(target=_end_with_input, daemon=True)
    end.start()
    limits = Limits(**job["limits"])
    programs = [Program(**program) for program in job["programs"]]
    verdicts = workers.run(programs, limits, _tier(limits), job["workers"], job["packages"])
    print(json.dumps([asdict(verdict) for verdict in verdicts]), flush=True)  # noqa: T201 - the reply
    end.join()


def _end_with_input() -> None:
    """End everything once the caller is gone or has its verdicts. A program that loops must not go on here."""
    sys.stdin.read()
    os._exit(0)


def _tier(limits: Limits) -> str:
    """Add Landlock if the container's kernel has it."""
    try:
        Worker("B", limits).close()
    except Fault:
        return "C"
    return "B"
