"""The trusted side. A worker owns two zygotes, hands them a program, and turns what comes back into a verdict."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from harness.errors import SandboxError
from harness.sandbox import boxes, wire
from harness.sandbox.verdicts import Execution, Limits, Program, Status

START_S = 60.0
"""Seconds that a zygote may take to be ready, on a machine that does other things too."""
REPORT_S = 30.0
"""Seconds that a zygote may take to clean up after a program."""
PATIENCE = 40
"""How many times the limit the clock may show before a process is ended, whatever its judge does. By then the judge is
mostly done: it stretches the limit by 20 at most, for a program that waits for a CPU."""
LATE = {0, signal.SIGPROF, signal.SIGVTALRM, signal.SIGKILL}
"""The signals that end a judge that takes too long: its own timers', or ours."""
PROGRAM = tuple(field.name for field in fields(Program))
JUDGE_EXTRA_MB = 512
"""Address space that a judge has beyond its program's, to hold answers, tests and expected values at once."""
END_S = 5.0
"""Seconds that the zygotes may take to end."""
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "LANG": "C.UTF-8",
    "LD_BIND_NOW": "1",
    "MALLOC_ARENA_MAX": "1",
}
"""The environment of the zygotes and of what they fork. With LD_BIND_NOW the dynamic linker looks all symbols up at
once, and not again in each process, see ld.so(8). MALLOC_ARENA_MAX keeps threads from reserving 64 MiB of address space
each, see mallopt(3).
"""
BOOT = Path(__file__).with_name("programs").joinpath("zygote.py").read_text("utf-8")
"""Loads the zygote. It is given as text, so that none of the processes forked from it has a file as its program."""


class Fault(Exception):  # noqa: N818 - not an error of a program's
    """The machinery failed, and the worker has to be replaced. As far as we can tell, no program causes this."""


class _Zygote:
    """The socket to a fork server."""

    def __init__(self) -> None:
        self._socket, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_S)

    def ready(self) -> bool:
        """Wait until it can fork. Raises OSError."""
        self.theirs.close()
        if self._socket.recv(16) != b"ready":
            return False
        self._socket.settimeout(REPORT_S)
        return True

    def start(self, channel: socket.socket) -> None:
        """Fork a process that gets the channel. Raises OSError."""
        socket.send_fds(self._socket, [b"start"], [channel.fileno()])

    def queued_s(self) -> float:
        """How long the process has waited for a CPU. Raises OSError, ValueError."""
        self._socket.send(b"queued")
        return float(json.loads(self._socket.recv(100)))

    def end(self) -> None:
        """End the process. Raises OSError."""
        self._socket.send(b"end")

    def report(self) -> dict[str, Any]:
        """What became of the process, after `end` was sent and nothing of it is left. Raises OSError, ValueError."""
        cause, cpu_s, signalled, code = self._socket.recv(100).split()
        return {"cause": cause.decode(), "cpu_s": float(cpu_s), "signal": int(signalled), "code": int(code)}

    def close(self) -> None:
        """Let it end."""
        self.theirs.close()
        self._socket.close()


class Worker:
    """Runs one program at a time. Use it from one thread only.

    Args:
        tier: `A`, `B`, or `C` if you are inside a container.
        limits: what each program may use.
        packages: a folder of packages that programs may import.
        cpu: the CPU to stay on. A judge and its program take turns, and on one CPU it costs less to wake the other.

    Raises:
        Fault: this tier does not work here. The message says why.
    """

    def __init__(self, tier: str, limits: Limits, packages: str | None = None, cpu: int | None = None) -> None:
        self.tier, self._limits = tier, limits
        self._judge: tuple[socket.socket, wire.MessageChannel] | None = None
        self._programs, self._judges = _Zygote(), _Zygote()
        self._asked = asdict(limits)
        self._scratch = "/box" if tier == "A" else _scratch_folder()
        forever = Limits(10**8, 10**8, limits.memory_mb + JUDGE_EXTRA_MB)
        watched = Limits(limits.cpu_s, PATIENCE * limits.wall_s, limits.memory_mb)
        options = {
            "tier": tier,
            "scratch": self._scratch,
            "packages": packages,
            "cpu": cpu,
            "program": asdict(watched),
            "judge": asdict(forever),
        }
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = _start(json.dumps(options), self._judges.theirs, self._programs.theirs)
            ready = self._programs.ready() and self._judges.ready()
        except OSError as error:
            self.close()
            raise Fault(str(error)) from error
        if not ready:
            raise Fault(self.close() or "no answer")

    def run(self, program: Program) -> Execution:
        """Run one program against its tests.

        Raises:
            Fault: the machinery failed, and this worker is of no more use.
        """
        try:
            said, ended = self._exchange(program)
        except (OSError, ValueError, wire.WireError) as error:
            raise Fault(f"{type(error).__name__}: {error}") from error
        status, message = _outcome(said, ended, self._limits)
        message, test = (" ".join(text.encode("utf-8", "replace").decode().split()) for text in (message, said["test"]))
        return Execution(status, message, round(ended["cpu_s"], 4), self.tier, test, program.in_process)

    def _exchange(self, program: Program) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the judge said, and what became of the program's process."""
        judge, channel = self._judge or self._new_judge()
        # Not `asdict`, which copies. The limits go along, because the judge keeps to them too.
        task = json.dumps({name: getattr(program, name) for name in PROGRAM} | self._asked).encode()
        if len(task) > (self._limits.memory_mb << 20) // 4:
            raise SandboxError(
                f"the tests of one program have {len(task) >> 20} MiB, which its judge cannot hold in "
                f"{self._limits.memory_mb + JUDGE_EXTRA_MB} MiB; raise sandbox.memory_mb"
            )
        theirs, ours = socket.socketpair()
        with theirs, ours:
            self._programs.start(theirs)
            socket.send_fds(judge, [b"p"], [ours.fileno()])
        channel.send(task)
        try:
            while (said := json.loads(channel.receive()))["status"] == "slow":
                channel.send(json.dumps(self._programs.queued_s()).encode())
        except wire.ClosedError:  # also if it was too slow for the clock
            said = {"status": "timeout", "message": "judging its answers took too long", "test": "", "renew": True}
        self._programs.end()
        if said["renew"]:
            ended = self._end_judge()
            if said["status"] == "timeout" and ended["signal"] not in LATE:
                raise Fault(f"a judge ended without a verdict: {_ending(ended)}")
        return said, self._programs.report()

    def _new_judge(self) -> tuple[socket.socket, wire.MessageChannel]:
        ours, theirs = socket.socketpair()
        self._judge = ours, wire.MessageChannel(ours)
        ours.settimeout((PATIENCE + 1) * self._limits.wall_s + 10)
        with theirs:
            self._judges.start(theirs)
        return self._judge

    def _end_judge(self) -> dict[str, Any]:
        if self._judge:
            self._judge[0].close()
            self._judge = None
        self._judges.end()
        return self._judges.report()

    def close(self) -> str:
        """End both zygotes, but first the judge: what it used is only counted if somebody waits for it.

        Returns:
            The last line of what the zygotes said. It is the reason if they did not start.
        """
        if self._judge:
            with contextlib.suppress(OSError, ValueError):
                self._end_judge()
        self._programs.close()
        self._judges.close()
        said = b""
        if self._process:
            try:
                said = self._process.communicate(timeout=END_S)[1]
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                said = self._process.communicate()[1]
        if self.tier != "A":
            with contextlib.suppress(OSError):  # the zygote does this, unless it was ended
                boxes.purge(self._scratch)
                Path(self._scratch).rmdir()
        return (said.decode("utf-8", "replace").strip().splitlines() or [""])[-1]


def _start(options: str, *sockets: socket.socket) -> subprocess.Popen[bytes]:
    numbers = [each.fileno() for each in sockets]
    return subprocess.Popen(
        # -P -s -S and an empty environment, so that nothing decides that the user or the machine has installed.
        [sys.executable, "-P", "-s", "-S", "-c", BOOT, str(Path(__file__).parent), options, *map(str, numbers)],
        pass_fds=numbers,
        env=ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _outcome(said: dict[str, Any], program: dict[str, Any], limits: Limits) -> tuple[Status, str]:
    """The status and the message of a verdict.

    Args:
        said: what the judge said.
        program: the report on the program's process.
        limits: what the program might use.

    Raises:
        Fault: the program never came to run.
    """
    status, message = said["status"], said["message"]
    if status == "fault":
        raise Fault(f"a program's process did not start: {_ending(program)}")
    if status != "gone":
        return status, message
    if program["signal"] == signal.SIGXCPU:
        program["cause"] = "cpu"
    if program["cause"] == "exit" and program["signal"] == signal.SIGKILL:
        return "memory", "the process was killed by the kernel"
    if program["cause"] == "exit" and program["signal"] == signal.SIGSYS:
        return "blocked", "the process was killed for a system call"
    causes: dict[str, tuple[Status, str]] = {
        "cpu": ("timeout", f"used up {limits.cpu_s:g} CPU s"),
        "clock": ("timeout", f"no verdict after {PATIENCE * limits.wall_s:g} s by the clock"),
        "disk": ("error", "wrote more than its scratch folder may hold"),
    }
    return causes.get(program["cause"], ("error", f"{_ending(program)} before its tests did"))


def _ending(report: dict[str, Any]) -> str:
    if report["signal"]:
        return f"the process was killed by {signal.Signals(report['signal']).name}"
    return f"the process ended with code {report['code']}"


def _scratch_folder() -> str:
    """A folder that only this user reaches. It is in memory if the machine has such a place."""
    place = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder of its own there
    return tempfile.mkdtemp(prefix=f"harness-{os.getpid()}-", dir=place if os.access(place, os.W_OK) else None)
