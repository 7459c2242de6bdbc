"""Worker processes for symbolic work: warm, limited in CPU time and memory, killed when they overrun.

A worker is a fresh interpreter (never a fork) that reads one JSON line per question and writes one per answer. Its
environment holds nothing of ours: no keys, a fixed hash seed, so that set order inside sympy is the same every time.
Before each question it arms a timer on its own CPU time whose signal ends the process (`ITIMER_PROF`, default
action): no handler runs inside sympy, and a busy machine changes nothing. Where the platform has no such timer
(Windows), the parent watches the clock instead.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

CPU_SECONDS = 0.5
"""CPU time of a first try."""
CPU_SECONDS_ALONE = 1.0
"""CPU time of the second and last try, in a fresh worker with nothing else running."""
WALL_FACTOR = 60
"""Wall time, as a multiple of the CPU limit, after which a worker that hangs without computing is killed."""
MEMORY_MB = 1024
"""Address space of a worker, where the platform can limit it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One comparison for a worker: the gold answer and the extracted answer."""

    gold: str
    answer: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker said; `equal` is `None` where it ran out of time or memory (`timeout`), or failed (`error`)."""

    equal: bool | None
    method: str
    why: str


class WorkerDiedError(Exception):
    """The worker is gone: it overran its limits, or broke."""


class Worker:
    """One process and the two pipes to it."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
        environment |= {
            "PYTHONHASHSEED": "0",
            "PYTHONUTF8": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from harness.scorers._math.serve import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="surrogatepass",
        )

    def ask(self, task: Task, cpu_seconds: float) -> Outcome:
        """Put one question.

        Raises:
            WorkerDiedError: it overran its limits; the worker is not to be used again.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = json.dumps({"gold": task.gold, "answer": task.answer, "cpu": cpu_seconds})
        watchdog = threading.Timer(WALL_FACTOR * cpu_seconds, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError as error:
            raise WorkerDiedError from error
        finally:
            watchdog.cancel()
        if not line.endswith("\n"):
            raise WorkerDiedError
        reply: dict[str, Any] = json.loads(line)
        return Outcome(reply["equal"], reply["method"], reply["why"])

    def close(self) -> None:
        """End the process at once."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


def judge(tasks: Sequence[Task], workers: int | None = None) -> list[Outcome]:
    """Put all questions to a pool of workers.

    Args:
        tasks: the questions.
        workers: processes; by default one per core, at most one per eight questions.

    Returns:
        One outcome per question, in order. Verdicts do not depend on the number of workers or on load: a question
        that overran its CPU time is put again, alone, to a fresh worker.
    """
    if not tasks:
        return []
    count = min(workers or _cores(), len(tasks) if workers else (len(tasks) + 7) // 8)
    outcomes: list[Outcome | None] = [None] * len(tasks)
    queue: Iterator[int] = iter(range(len(tasks)))
    lock = threading.Lock()

    def drain() -> None:
        with _borrowed() as holder:
            while True:
                with lock:
                    index = next(queue, None)
                if index is None:
                    return
                outcomes[index] = holder.ask(tasks[index], CPU_SECONDS)

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(drain) for _ in range(count)]:
            future.result()
    for index, outcome in enumerate(outcomes):
        if outcome is None:
            with _borrowed(fresh=True) as holder:
                outcomes[index] = holder.ask(tasks[index], CPU_SECONDS_ALONE)
    return [outcome or _OVERRUN for outcome in outcomes]


_OVERRUN = Outcome(None, "timeout", f"symbolic work took over {CPU_SECONDS_ALONE:g} s of CPU time, or too much memory")


class _Holder:
    """A worker that is replaced when it dies."""

    def __init__(self, worker: Worker) -> None:
        self.worker: Worker | None = worker

    def ask(self, task: Task, cpu_seconds: float) -> Outcome | None:
        if self.worker is None:
            self.worker = Worker()
        try:
            return self.worker.ask(task, cpu_seconds)
        except WorkerDiedError:
            self.worker.close()
            self.worker = None
            return None


_idle: list[Worker] = []
_idle_lock = threading.Lock()


@contextlib.contextmanager
def _borrowed(*, fresh: bool = False) -> Iterator[_Holder]:
    """A warm worker for a while; it goes back to the idle ones unless it died or was asked for fresh."""
    with _idle_lock:
        worker = _idle.pop() if _idle and not fresh else None
    holder = _Holder(worker or Worker())
    try:
        yield holder
    finally:
        if holder.worker is not None:
            with _idle_lock:
                _idle.append(holder.worker)


def close() -> None:
    """End all idle workers. Called at exit; the next question starts new ones."""
    with _idle_lock:
        workers = list(_idle)
        _idle.clear()
    for worker in workers:
        worker.close()


atexit.register(close)


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
