"""Many programs at a time: which worker runs the next one, and on which CPU."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from harness.errors import SandboxError
from harness.sandbox.verdicts import Execution, Limits, Program
from harness.sandbox.worker import Fault, Worker

QUICK_S = 0.1
"""A program that is this quick mostly waits for processes to wake up, so another program may run on its CPU."""
WORTH = 64
"""When a CPU gets a second worker: so many programs are done, and so many are left for each CPU. It costs as much as a
dozen quick programs to start a worker."""


class _Run:
    """One call of `run`: what is left to do, and what is done."""

    def __init__(self, programs: Sequence[Program], new_worker: Callable[[int | None], Worker], cpus: int) -> None:
        self._programs, self._new_worker, self._cpus = programs, new_worker, cpus
        self._waiting = deque(range(len(programs)))
        self._started: dict[int, tuple[int | None, float]] = {}
        self._changed = threading.Condition()
        self.verdicts: dict[int, Execution] = {}
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Let every thread end after the program that it is running."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def work(self, cpu: int | None, second: bool) -> None:
        """Run programs until none is left. One thread each.

        Args:
            cpu: the CPU to stay on, if it is to be one only.
            second: whether another thread works on that CPU and goes first.
        """
        worker: Worker | None = None
        try:
            while (index := self._next(cpu, second and worker is None)) is not None:
                worker = worker or self._new_worker(cpu)
                self._started[index] = (cpu, time.monotonic())
                try:
                    verdict = worker.run(self._programs[index])
                except Fault:  # once more, with new processes
                    worker.close()
                    worker = self._new_worker(cpu)
                    verdict = worker.run(self._programs[index])
                with self._changed:
                    self.verdicts[index] = verdict
                    del self._started[index]
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the programs came from
            self.failure = error
            self.stop()
        finally:
            if worker:
                worker.close()

    def _next(self, cpu: int | None, comes_in: bool) -> int | None:
        with self._changed:
            if comes_in:
                self._changed.wait_for(lambda: not self._waiting or len(self.verdicts) >= WORTH)
                if len(self._waiting) < WORTH * self._cpus:
                    return None
            while self._waiting and not self._room(cpu):
                self._changed.wait(QUICK_S)
            if not self._waiting:
                return None
            index = self._waiting.popleft()
            self._started[index] = (cpu, time.monotonic())
            return index

    def _room(self, cpu: int | None) -> bool:
        """Whether one more program may run on this CPU, beside what runs there."""
        now = time.monotonic()
        return cpu is None or all(now - since < QUICK_S for place, since in self._started.values() if place == cpu)


def run(
    programs: Sequence[Program], limits: Limits, tier: str, workers: int | None = None, packages: str | None = None
) -> list[Execution]:
    """Run the programs, several at a time.

    Args:
        programs: what to run.
        limits: what each may use.
        tier: `A`, `B`, or `C` for the inside of a container.
        workers: how many programs run at a time. By default one per CPU, and two while programs are quick. No verdict
            depends on it.
        packages: a folder of packages that programs may import.

    Returns:
        One verdict per program, in the order of the programs.

    Raises:
        SandboxError: the sandbox failed twice for one program.
    """
    cpus = sorted(os.sched_getaffinity(0))
    places = [(None, False)] * workers if workers else [(cpu, second) for second in (False, True) for cpu in cpus]
    state = _Run(programs, lambda cpu: Worker(tier, limits, packages, cpu), len(cpus))
    threads = [threading.Thread(target=state.work, args=place, daemon=True) for place in places[: len(programs)]]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        state.stop()
        for thread in threads:  # interrupted: wait until the zygotes have ended
            thread.join()
    if isinstance(state.failure, Fault):
        raise SandboxError(f"the sandbox (tier {tier}) failed: {state.failure}") from state.failure
    if state.failure:
        raise state.failure
    return [state.verdicts[index] for index in range(len(programs))]
