"""The fork server: a fresh interpreter that enters a box once, and forks one process into it per program.

A worker has two, each in a box of its own. One forks the programs, and the other forks their judges. A zygote holds no
secret, has an empty environment, and itself runs neither model-written code nor tests.

It gets its options as JSON, and speaks over a SEQPACKET socket. A message with a descriptor starts a process. The
process runs until it ends, breaks a limit, or `end` arrives. After `end` has arrived, a report goes back. If the socket
ends, the zygote ends.

What a process needs is made before it is forked, and used once. To touch a page for the first time after a fork costs
more than what most programs do.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
import time
from _thread import stack_size
from typing import Any

from harness.sandbox import boxes, child, judge, linux, rehearsal
from harness.sandbox.wire import INT_DIGITS

PRELOAD = (
    *("abc", "bisect", "collections", "copy", "datetime", "decimal", "enum", "fractions", "functools", "heapq"),
    *("itertools", "json", "math", "operator", "random", "re", "string", "typing"),
)
"""What programs import most. It is in memory before they start. Each further module makes every fork dearer."""
THREAD_STACK = 8 << 20
"""Bytes of a thread's stack, as is usual on Linux. The default would be the main thread's limit, and eight threads
would take all of a program's address space."""
ROLES = ("judge", "program")
LOOK_S = 0.05
"""Seconds between two looks at a running process, at first. Later it is a quarter of a second."""
LOCK_FAILED = 70
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Settings for packages that compute. Without them they start a thread per CPU, each with its own memory."""


class Zygote:
    """Forks the processes of one role, `program` or `judge`, for one worker."""

    def __init__(self, role: str, options: dict[str, Any], control: socket.socket) -> None:
        self._judges = role == "judge"
        self._control = control
        self._limits = options[role]
        if options["packages"] and not self._judges:
            # Last, so that they hide no module of the standard library. The box shows what is on the path.
            sys.path.append(os.path.realpath(options["packages"]))
            os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        self._box = boxes.BOXES[options["tier"]](None if self._judges else options["scratch"])
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._child = child.Child()

    def serve(self) -> None:
        """Enter the box, say so, and run jobs until the socket ends. It may end before that."""
        try:
            with contextlib.suppress(ConnectionError):
                self._prepare()
                while True:
                    message, descriptors, _, _ = socket.recv_fds(self._control, 16, 1)
                    if not message:
                        break
                    self._control.send(self._run(*descriptors))
        finally:
            self._box.leave()

    def _prepare(self) -> None:
        self._box.enter(self._control)
        if self._box.scratch:
            os.environ.update(HOME=self._box.scratch, TMPDIR=self._box.scratch)
        # Descriptors 0 to 2 become /dev/null, so what programs print goes nowhere, and their input is at its end.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        self._box.prepare(self._limits["cpu_s"], self._limits["memory_mb"])
        sys.set_int_max_str_digits(INT_DIGITS)
        stack_size(THREAD_STACK)
        if not self._judges:
            rehearsal.rehearse()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)  # up to here it told the reason of a failure, and programs would inherit it
        os.close(null)
        gc.collect()
        gc.freeze()
        self._control.send(b"ready")

    def _run(self, channel: int) -> bytes:
        """Run one process. Returns the report: why it was ended, its CPU seconds, its signal and its exit code."""
        started = time.monotonic()
        self._box.renew()
        pid = os.fork()
        if pid == 0:
            self._become(channel)
        os.close(channel)
        watched = os.pidfd_open(pid)
        cause = self._watch(pid, watched, started)
        if self._box.kills_all:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:  # the filter lets it have no children
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        os.close(watched)
        status, usage = self._reap(pid)
        while cause != "end" and not self._ended(pid, started):
            pass
        number = os.waitstatus_to_exitcode(status)
        return f"{cause} {usage.ru_utime + usage.ru_stime:.6f} {max(0, -number)} {max(0, number)}".encode()

    def _become(self, channel: int) -> None:
        """The forked process: lock, then serve. Never returns."""
        try:
            kept = [channel]
            if self._judges and (schedstat := self._schedstat(os.getpid())) is not None:
                kept.append(schedstat)
            self._box.lock()
            low = 3
            for descriptor in [*sorted(kept), 1024]:
                os.closerange(low, descriptor)
                low = descriptor + 1
            if self._judges:
                judge.main(socket.socket(fileno=channel), *kept[1:])
            else:
                self._child.connect(channel)
                self._child.serve()
        finally:
            os._exit(LOCK_FAILED)

    def _watch(self, pid: int, watched: int, started: float) -> str:
        """Wait until the process ends or has to end. Returns why."""
        self._poll.register(watched, select.POLLIN)
        try:
            return self._wait(pid, watched, started)
        finally:
            self._poll.unregister(watched)

    def _wait(self, pid: int, watched: int, started: float) -> str:
        look = LOOK_S
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll(1000 * look)]
            if ready and ready != [watched]:
                if self._ended(pid, started):
                    return "end"
            elif ready:
                return "exit"
            elapsed, left = time.monotonic() - started, self._limits["cpu_s"] - _cpu_s(pid)
            if left <= 0:
                return "cpu"
            if elapsed >= self._limits["wall_s"]:
                return "clock"
            if self._box.overfull(pid):
                return "disk"
            look = min(max(left, 0.002), 0.25 if elapsed > 1 else LOOK_S)

    def _ended(self, pid: int, started: float) -> bool:
        """Take one message. Returns whether it is `end`. If asked, tells the time spent in the queue."""
        message = self._control.recv(16)
        if message == b"queued":
            self._control.send(json.dumps(self._queued_s(pid, started)).encode())
        elif not message:  # the worker is gone
            if self._box.kills_all:
                os._exit(0)  # and with this process its whole PID namespace
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._box.leave()
            os._exit(0)
        return message == b"end"

    def _queued_s(self, pid: int, started: float) -> float:
        """Seconds that the process was ready to run and had no CPU. If the kernel does not say, half of its time."""
        schedstat = self._schedstat(pid)
        if schedstat is None:
            return (time.monotonic() - started) / 2
        try:
            return linux.queued_s(schedstat)
        except (OSError, ValueError, LookupError):
            return 0.0  # it has just ended
        finally:
            os.close(schedstat)

    def _schedstat(self, pid: int) -> int | None:
        if self._box.proc is None:
            return None
        try:
            return os.open(f"{pid}/schedstat", os.O_RDONLY, dir_fd=self._box.proc)
        except OSError:
            return None

    def _reap(self, pid: int) -> tuple[int, Any]:
        """Wait for every child. Returns the status and the resources of the process itself."""
        status, usage = 0, None
        while True:
            try:
                found, its_status, its_usage = os.wait4(-1, 0)
            except ChildProcessError:
                return status, usage
            if found == pid:
                status, usage = its_status, its_usage


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process and its threads so far. The clock's number is the kernel's `MAKE_PROCESS_CPUCLOCK`."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:  # it has just ended
        return 0.0


def main() -> None:
    """Become a worker's two zygotes, which share what is imported. Arguments: options as JSON, and their sockets."""
    options = json.loads(sys.argv[1])
    sockets = {role: socket.socket(fileno=int(number)) for role, number in zip(ROLES, sys.argv[2:], strict=True)}
    if options["cpu"] is not None:
        with contextlib.suppress(OSError):  # it has been taken from us meanwhile
            os.sched_setaffinity(0, {options["cpu"]})
    for name in PRELOAD:
        importlib.import_module(name)
    for role, control in sockets.items():
        if os.fork() == 0:
            for other in sockets.keys() - {role}:
                sockets[other].close()
            Zygote(role, options, control).serve()
            os._exit(0)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)  # as the boxes do, once they need not be
    for control in sockets.values():
        control.close()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
