"""What runs in the container of tier C: programs come in on standard input, verdicts go out on standard output."""

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
    """Serve one run, then wait for the end of standard input; its end before that ends the container."""
    job = json.loads(sys.stdin.readline())
    end = threading.Thread(target=_end_with_input, daemon=True)
    end.start()
    limits = Limits(**job["limits"])
    programs = [Program(**program) for program in job["programs"]]
    verdicts = workers.run(programs, limits, _tier(limits), job["workers"], job["packages"])
    print(json.dumps([asdict(verdict) for verdict in verdicts]), flush=True)  # noqa: T201 - the reply
    end.join()


def _end_with_input() -> None:
    """Whoever asked is gone, or has its verdicts: nothing goes on here, a program that loops least of all."""
    sys.stdin.read()
    os._exit(0)


def _tier(limits: Limits) -> str:
    """Landlock too, where the container's kernel has it."""
    try:
        Worker("B", limits).close()
    except Fault:
        return "C"
    return "B"
