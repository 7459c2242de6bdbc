"""Worker processes for symbolic work: warm, limited in CPU time and memory, killed when they overrun.

A worker is a fresh interpreter (never a fork) that reads one JSON line per question and writes one per answer. Its
environment holds nothing of ours: no keys, and a fixed hash seed, so that the order of sets inside sympy is always the
same. Before each question it arms a timer on its own CPU time whose signal ends the process (`ITIMER_PROF`, default
action). So no handler runs inside sympy, and a busy machine changes nothing. If the platform has no such timer
(Windows), the parent watches the clock instead.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.scorers._math.equality import Equality

CPU_SECONDS = 0.4
"""CPU time of a first try. The slowest honest answer that we know takes 0.15 s."""
CPU_SECONDS_ALONE = 1.0
"""CPU time of the second and last try, in a fresh worker with nothing else running."""
HAS_CPU_TIMER = hasattr(signal, "setitimer")
"""True on Linux and macOS, false on Windows."""
WALL_FACTOR = 60 if HAS_CPU_TIMER else 4
"""Wall time, in CPU limits, after which a worker is killed. With a timer of CPU time, this only ends a worker that
hangs without computing."""
START_SECONDS = 120
"""Wall time a worker has to start."""
MEMORY_MB = 1024
"""Address space of a worker, if the platform can limit it."""
QUESTIONS_PER_WORKER = 8
"""A second worker is not started for less than this."""


@dataclass(frozen=True, slots=True)
class Task:
    """One comparison for a worker: the gold answer and the extracted answer."""

    gold: str
    answer: str


_OVERRUN = Equality(None, "timeout", f"symbolic work took over {CPU_SECONDS_ALONE:g} s of CPU time, or too much memory")


class WorkerDiedError(Exception):
    """The worker is gone: it overran its limits."""


class SymbolicWorker:
    """One process and the pipes to it."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - it becomes text
        environment |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONPATH": path}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.scorers._math.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="surrogatepass",
        )
        self._ready = False

    def ask(self, task: Task, cpu_seconds: float) -> Equality:
        """Put one question.

        Raises:
            WorkerDiedError: it overran its limits. Do not use the worker again.
            HarnessError: it does not start.
        """
        if not self._ready:
            self._await_start()
        line = self._exchange(json.dumps({"gold": task.gold, "answer": task.answer, "cpu": cpu_seconds}), cpu_seconds)
        reply: dict[str, Any] = json.loads(line)
        return Equality(reply["equal"], reply["method"], reply["why"])

    def _await_start(self) -> None:
        try:
            self._exchange("", START_SECONDS / WALL_FACTOR)
        except WorkerDiedError:
            errors = self.process.stderr.read() if self.process.stderr else ""
            reason = errors.strip().rsplit("\n", 1)[-1] or f"exit code {self.process.poll()}"
            raise HarnessError(f"the math scorer's worker does not start: {reason}; reinstall harness") from None
        self._ready = True

    def _exchange(self, line: str, cpu_seconds: float) -> str:
        """Write one line and read one. An empty line asks whether the worker is there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        watchdog = threading.Timer(WALL_FACTOR * cpu_seconds, self.process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            reply = self.process.stdout.readline()
        except OSError as error:
            raise WorkerDiedError from error
        finally:
            watchdog.cancel()
        if not reply.endswith("\n"):
            raise WorkerDiedError
        return reply

    def close(self) -> None:
        """End the process at once."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()


def judge(tasks: Sequence[Task], workers: int | None = None) -> list[Equality]:
    """Put all questions to a pool of workers.

    Args:
        tasks: the questions.
        workers: processes. By default one per core, if there are questions enough.

    Returns:
        One outcome per question, in order. Verdicts do not depend on the number of workers or on load: a question
        that overran its CPU time is put again, alone, to a fresh worker.

    Raises:
        HarnessError: workers do not start.
    """
    if not tasks:
        return []
    count = workers or min(_cores(), -(-len(tasks) // QUESTIONS_PER_WORKER))
    outcomes: list[Equality | None] = [None] * len(tasks)
    queue = iter(range(len(tasks)))
    lock, stopped = threading.Lock(), threading.Event()

    def drain() -> None:
        with _borrowed() as holder:
            while not stopped.is_set():
                with lock:
                    index = next(queue, None)
                if index is None:
                    return
                outcomes[index] = holder.ask(tasks[index], CPU_SECONDS)

    with ThreadPoolExecutor(count) as pool:
        try:
            for future in [pool.submit(drain) for _ in range(count)]:
                future.result()
        finally:
            stopped.set()
    for index, outcome in enumerate(outcomes):
        if outcome is None:
            with _borrowed(fresh=True) as holder:
                outcomes[index] = holder.ask(tasks[index], CPU_SECONDS_ALONE)
    return [outcome or _OVERRUN for outcome in outcomes]


class _Holder:
    """A worker that is replaced when it dies."""

    def __init__(self, worker: SymbolicWorker) -> None:
        self.worker: SymbolicWorker | None = worker

    def ask(self, task: Task, cpu_seconds: float) -> Equality | None:
        self.worker = self.worker or SymbolicWorker()
        worker, self.worker = self.worker, None
        try:
            outcome = worker.ask(task, cpu_seconds)
        except WorkerDiedError:
            worker.close()
            return None
        except HarnessError:
            worker.close()
            raise
        self.worker = worker
        return outcome


_idle: list[SymbolicWorker] = []
_idle_lock = threading.Lock()


@contextlib.contextmanager
def _borrowed(*, fresh: bool = False) -> Iterator[_Holder]:
    """A warm worker for a while. Unless it dies, it goes back to the idle ones."""
    with _idle_lock:
        worker = _idle.pop() if _idle and not fresh else None
    holder = _Holder(worker or SymbolicWorker())
    try:
        yield holder
    finally:
        if holder.worker is not None:
            with _idle_lock:
                _idle.append(holder.worker)


def close() -> None:
    """End all idle workers. Called at exit. The next question starts new ones."""
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
