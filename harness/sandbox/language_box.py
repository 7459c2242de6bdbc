"""The box of one program in another language. It runs as a process of its own, and prints its verdict as JSON.

What `languages` sends comes in on standard input. Without a box this is a subprocess with limits.
"""

# The plain calls instead of pathlib, because they are what the man pages speak of.
# ruff: noqa: PTH109, PTH110, PTH118, PTH123, PTH207
from __future__ import annotations

import contextlib
import glob
import json
import os
import resource
import signal
import socket
import sys
import time
from typing import Any

from harness.sandbox import linux, seccomp
from harness.sandbox.boxes import NamespaceBox

SCRATCH_MB, SCRATCH_FILES = 512, 20_000
"""What a compiler may write. A program of MultiPL-E stays far below this."""
PROCESSES, OPEN_FILES, FILE_MB = 512, 512, 256
OUTPUT_BYTES = 4000
WAITING = 4
"""How many times its CPU limit a step may take by the clock: it may wait for a CPU, and sleeping is no better."""
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl")
JAVA_SETTINGS = "/etc/java-*-openjdk"
"""Where Debian keeps what a JDK reads of its settings, one folder a version."""
HIDDEN = ("/usr/src", "/usr/local/share")
REFUSED: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97),
    "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273),
    "swapon": (167, 224), "reboot": (169, 142), "open_by_handle_at": (304, 265), "socket": (41, 198),
    "fsopen": (430, 430), "move_mount": (429, 429), "open_tree": (428, 428), "mount_setattr": (442, 442),
}  # fmt: skip
"""Calls that neither compilers nor programs need, and that kernels have had holes in: x86_64, aarch64. A list of what
is allowed, as for Python, would break with every version of a compiler. The namespaces and the user are the walls."""


class LanguageBox(NamespaceBox):
    """Tier A with compilers in it: programs may start others, and may run what they wrote."""

    def __init__(self, reads: list[str]) -> None:
        super().__init__("/nowhere")
        paths = (*SYSTEM, *glob.glob(JAVA_SETTINGS), *reads)
        self._reads = [os.path.realpath(path) for path in paths if os.path.exists(path)]

    def enter(self, control: socket.socket) -> None:
        """See `Box`: the same namespaces, over a root that has the compiler in it."""
        self._set_apart(control)
        paths = sorted(set(self._reads))
        self._build_root([p for p in paths if not any(p != q and p.startswith(q + "/") for q in paths)])
        # Compilers look for their own libraries through /proc. It only shows the processes of this box.
        with contextlib.suppress(OSError):
            linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_RDONLY)
        self.scratch = "/box"
        self._mount_scratch()

    def _mount_scratch(self) -> None:
        owner = f",uid={self._uid},gid={self._uid}" if self._uid is not None else ""
        options = f"size={SCRATCH_MB}m,nr_inodes={SCRATCH_FILES},mode=700{owner}"
        linux.mount("tmpfs", "/box", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)

    def become(self) -> None:
        """Take on the user that nobody else has, without capabilities, and refuse the calls that nobody needs."""
        if self._uid is not None:
            os.setgroups([])
            os.setresgid(self._uid, self._uid, self._uid)
            os.setresuid(self._uid, self._uid, self._uid)
        else:
            linux.drop_capabilities()
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.LaidOutFilter(_filter()).install()


def _filter() -> bytes:
    """The BPF program that refuses `REFUSED`, and refuses new namespaces."""
    machine = {"x86_64": 0, "amd64": 0, "aarch64": 1, "arm64": 1}[os.uname().machine.lower()]
    return seccomp.refusing([numbers[machine] for numbers in REFUSED.values()], machine)


def main() -> None:
    """Compile and run what comes in on standard input, and print what became of it."""
    asked = json.load(sys.stdin)
    box = LanguageBox(asked["reads"]) if asked["boxed"] else None
    folder = sys.argv[1]
    if box is not None:
        ours, theirs = socket.socketpair()
        try:
            box.enter(ours)
        except OSError as error:
            _say({"status": "error", "message": "", "cpu_s": None, "fault": str(error)})
            return
        theirs.close()
        folder = "/box"
    os.chdir(folder)
    _write(asked, box)
    _say(_verdict(asked, box))


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _write(asked: dict[str, Any], box: LanguageBox | None) -> None:
    with open(asked["file"], "w", encoding="utf-8", errors="replace") as file:
        file.write(asked["code"])
    if box is not None and box._uid is not None:  # noqa: SLF001 - its own module
        os.chown(asked["file"], box._uid, box._uid)  # noqa: SLF001


def _verdict(asked: dict[str, Any], box: LanguageBox | None) -> dict[str, Any]:
    """What became of the steps, one after the other."""
    limits, steps = asked["limits"], asked["steps"]
    for number, step in enumerate(steps, start=1):
        last = number == len(steps)
        cpu_s = limits["cpu_s"] if last else asked["compile_s"]
        wall_s = WAITING * (limits["wall_s"] if last else cpu_s)
        code, output, used, late = _step(step, cpu_s, wall_s, limits["memory_mb"], box)
        if late or code == -signal.SIGXCPU or (code == -signal.SIGKILL and used >= cpu_s):
            what = "the program" if last else "its compiler"
            limit = f"{wall_s:g} s by the clock" if late else f"{cpu_s:g} CPU s"
            return {"status": "timeout", "message": f"{what} took longer than {limit}", "cpu_s": used}
        if code:
            crashed = any(word in output for word in asked["crashed"])
            wrong = last and not crashed and any(word in output for word in asked["failed"])
            told = _telling(output) or f"it ended with code {code}"
            status = "wrong" if wrong else "error"
            return {"status": status, "message": told if last else f"it does not compile: {told}", "cpu_s": used}
    return {"status": "passed", "message": "", "cpu_s": used}


def _telling(output: str) -> str:
    """The line of a tool's output that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower() or "panicked" in line), lines[0] if lines else "")


def _step(
    command: list[str], cpu_s: float, wall_s: float, memory_mb: int, box: LanguageBox | None
) -> tuple[int, str, float, bool]:
    """Run one command. Returns its code, its output, its CPU seconds and its own time, and whether it was ended."""
    readable, writable = os.pipe()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if not child:
        _start(command, cpu_s, memory_mb, writable, box)
    os.close(writable)
    os.set_blocking(readable, False)
    output, deadline, late, status = b"", time.monotonic() + wall_s, False, None
    while status is None:
        with contextlib.suppress(BlockingIOError):
            output = (output + os.read(readable, OUTPUT_BYTES))[:OUTPUT_BYTES]
        found, code = os.waitpid(child, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > deadline:
            late = True
            os.killpg(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        else:
            time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(-1, signal.SIGKILL) if box is not None else os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass
    with contextlib.suppress(BlockingIOError):
        output = (output + os.read(readable, OUTPUT_BYTES))[:OUTPUT_BYTES]
    os.close(readable)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return status, output.decode("utf-8", "replace"), used, late


def _start(command: list[str], cpu_s: float, memory_mb: int, writable: int, box: LanguageBox | None) -> None:
    """Become the command. Never returns."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDONLY)
        for descriptor, place in ((null, 0), (writable, 1), (writable, 2)):
            os.dup2(descriptor, place)
        os.closerange(3, 256)
        # Node and Java reserve address space without using it, so the limit is on memory that is written.
        for kind, value in (
            (resource.RLIMIT_DATA, max(memory_mb, 2048) << 20),
            (resource.RLIMIT_FSIZE, FILE_MB << 20),
            (resource.RLIMIT_NOFILE, OPEN_FILES),
            (resource.RLIMIT_CORE, 0),
            *(((resource.RLIMIT_NPROC, PROCESSES),) if box is not None else ()),
        ):
            resource.setrlimit(kind, (value, value))
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 3))
        if box is not None:
            box.become()
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": os.getcwd(),
            "LANG": "C.UTF-8",
            "TMPDIR": os.getcwd(),
        }
        if command[0].endswith("/go"):
            environment |= {"GOCACHE": os.path.join(os.getcwd(), ".cache"), "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
        os.execve(command[0], command, environment)  # noqa: S606 - no shell is what is wanted
    except BaseException as error:  # noqa: BLE001 - whatever it was, this process must not go on as its parent
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(126)
