"""The inside of a worker process: reads questions, arms the CPU timer, compares, answers.

`workers.py` starts it as a fresh interpreter. The scorer itself never imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from harness.scorers._math import identity
from harness.scorers._math.compare import compare
from harness.scorers._math.syntax import Node
from harness.scorers._math.workers import HAS_CPU_TIMER, MEMORY_MB


class CpuTimer:
    """Ends this process once it has used so much CPU time, by the default action of SIGPROF: no handler."""

    def __init__(self) -> None:
        self.works = HAS_CPU_TIMER
        if self.works:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def arm(self, seconds: float) -> float:
        """Start the timer, or stop it with 0. Returns what was left on it."""
        return signal.setitimer(signal.ITIMER_PROF, seconds)[0] if self.works else 0.0

    @contextlib.contextmanager
    def paused(self) -> Any:
        """For imports, whose time is nobody's answer's fault."""
        left = self.arm(0)
        try:
            yield
        finally:
            self.arm(left)


class SymbolicEngine:
    """What `compare.Engine` asks for, in this process."""

    def __init__(self, timer: CpuTimer) -> None:
        self.timer = timer

    def same(self, left: Node, right: Node) -> bool | None:
        try:
            return identity.same(left, right)
        except identity.UnsupportedError:
            return None

    def proportional(self, left: Node, right: Node, *, positive: bool) -> bool | None:
        try:
            return identity.proportional(left, right, positive=positive)
        except identity.UnsupportedError:
            return None

    def approximate(self, node: Node) -> float | None:
        return identity.approximate(node)

    def rounds_to(self, exact: Node, decimal: Node, digits: int) -> bool:
        return identity.rounds_to(exact, decimal, digits)

    def library(self, gold: str, answer: str) -> bool | None:
        with self.timer.paused():
            from harness.scorers._math import library
        return library.equal(gold, answer)


def main() -> None:
    """Answer questions until the pipe closes."""
    _limit_memory()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    with Path(os.devnull).open("w") as nowhere:  # nothing a library prints can look like an answer
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogatepass")  # type: ignore[union-attr]
    timer = CpuTimer()
    engine = SymbolicEngine(timer)
    for line in sys.stdin:
        reply = ""  # to an empty line: ready
        if line.strip():
            question = json.loads(line)
            timer.arm(question["cpu"])
            reply = json.dumps(_reply(question["gold"], question["answer"], engine))
            timer.arm(0)
        replies.write(reply + "\n")
        replies.flush()


def _reply(gold: str, answer: str, engine: SymbolicEngine) -> dict[str, Any]:
    try:
        verdict = compare(gold, answer, engine)
    except MemoryError:
        os._exit(1)
    except Exception as problem:  # noqa: BLE001 - a fault of ours must not end a run, nor count against a model
        return {"equal": None, "method": "error", "why": f"the scorer failed: {problem!r:.200}"}
    return {"equal": verdict.equal, "method": verdict.method, "why": verdict.why}


def _limit_memory() -> None:
    try:
        import resource

        size = MEMORY_MB * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # no such limit here, but the sizes that `exact` and `identity` allow are small


if __name__ == "__main__":
    main()
