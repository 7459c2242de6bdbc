"""What Linux offers to shut a process in: namespaces, mounts, capabilities, Landlock, seccomp. Called through ctypes.

No library is used. Those on PyPI either cover one of the five (`pyseccomp` needs libseccomp on the machine,
`landlock` is unmaintained), or start a helper that has to be installed as root. Here each call is one line.

Sources: the man pages unshare(2), mount(2), pivot_root(2), capset(2), prctl(2), seccomp(2), landlock(7).
"""

# The plain calls instead of pathlib, because every module here is in the memory of each forked process.
# ruff: noqa: PTH112, PTH123
from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1024, 2048, 4096, 1 << 14, 1 << 18, 1 << 21
_KEEP = {8: MS_NOEXEC, 1024: MS_NOATIME, 2048: MS_NODIRATIME, 4096: MS_RELATIME}
"""statvfs flag: mount flag. An unprivileged remount must repeat the flags of the original mount."""
MNT_DETACH = 2
CAN_READ = 1 << 2
"""CAP_DAC_READ_SEARCH: reads files and folders whatever their mode is. Landlock limits which."""
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 8, 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_NR = {"pivot_root": (155, 41), "capset": (126, 91), "ruleset": (444, 444), "rule": (445, 445), "restrict": (446, 446)}

_AARCH64 = sys.platform == "linux" and os.uname().machine == "aarch64"
_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _call(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(name: str, *arguments: object) -> int:
    return int(_libc.syscall(ctypes.c_long(_NR[name][_AARCH64]), *arguments))


def unshare(flags: int) -> None:
    """Enter new namespaces. Raises OSError."""
    _call("unshare", _libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount. Raises OSError."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    done = _libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _call(f"mount {kind or source} on {target}", done)


def bind(source: str, target: str, *, device: bool = False) -> None:
    """Show a file or folder at another place, read-only unless it is a device. Raises OSError."""
    mount(source, target, None, MS_BIND | MS_REC)
    if not device:
        has = os.statvfs(target).f_flag
        keep = sum(flag for bit, flag in _KEEP.items() if has & bit)
        mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | keep)


def unmount(target: str) -> None:
    """Take a mount out of the tree, now. Raises OSError."""
    _call(f"umount {target}", _libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)))


def enter_root(folder: str) -> None:
    """Make a mount point the root, and let go of the old root. Raises OSError."""
    os.chdir(folder)
    # pivot_root(".", ".") stacks the old root upon the new one, so no folder is needed to put it. See pivot_root(2).
    _call("pivot_root", _syscall("pivot_root", b".", b"."))
    unmount(".")
    os.chdir("/")


def prctl(option: int, value: int) -> None:
    """Prctl with one argument. Raises OSError."""
    zero = ctypes.c_ulong(0)
    _call(f"prctl {option}", _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero))


def drop_capabilities(keep: int = 0) -> None:
    """Give up every capability that is not in a mask. Those in the mask must be permitted. Raises OSError."""
    head = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _call("capset", _syscall("capset", head, struct.pack("=6I", keep, keep, 0, 0, 0, 0)))


def permitted_capabilities() -> int:
    """The mask of the capabilities that this process may have. Raises OSError."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1], 16) for line in file if line.startswith("CapPrm:")), 0)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class LaidOutFilter:
    """A seccomp filter. It is laid out in memory before the processes that install it are forked.

    Args:
        program: classic BPF.
        places: offsets that the number of the process is written to.
    """

    def __init__(self, program: bytes, places: Iterable[int] = ()) -> None:
        self._places = tuple(places)
        self._program = ctypes.create_string_buffer(program, len(program))
        self._holder = _Program(len(program) // 8, ctypes.addressof(self._program))
        zero = ctypes.c_ulong(0)
        mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
        self._arguments = (ctypes.c_int(PR_SET_SECCOMP), mode, ctypes.byref(self._holder), zero, zero)

    def install(self) -> None:
        """Install it on this thread, for good. `PR_SET_NO_NEW_PRIVS` is set. Raises OSError."""
        for place in self._places:
            struct.pack_into("=I", self._program, place, os.getpid())
        _call("seccomp", _libc.prctl(*self._arguments))


def queued_s(schedstat: int) -> float:
    """How long a process was ready to run and had no CPU. Raises OSError, ValueError, LookupError.

    Args:
        schedstat: a descriptor of its /proc/PID/schedstat, see the kernel's Documentation/scheduler/sched-stats.rst.
    """
    return int(os.pread(schedstat, 100, 0).split()[1]) / 1e9


_LIST = 1 << 3
READ = 1 << 2 | _LIST
"""Landlock: read files, list folders."""
_FILE = 1 << 1 | 1 << 2 | 1 << 14
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_NODES = 1 << 0 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
"""Execute, and make devices, sockets and FIFOs."""


def landlock_abi() -> int:
    """The kernel's version of Landlock. 0 if the kernel has none: it is too old, or was booted without it."""
    if _libc is None:
        return 0
    return max(0, _syscall("ruleset", None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def landlock(readable: Iterable[str], listed: Iterable[str], files: Iterable[str], writable: str | None) -> int:
    """Make a set of rules that allows this and no more. If the kernel can, it covers TCP, signals and abstract sockets.

    Args:
        readable: folders and files that may be read. Those that do not exist are left out.
        listed: folders whose names may be listed. So may the folders in them.
        files: files that may be read and written.
        writable: a folder that may be used freely, except that it can hold no devices and run no programs.

    Returns:
        A descriptor for `landlock_apply`.

    Raises:
        OSError: there is no Landlock, or a path cannot be opened.
    """
    abi = landlock_abi()
    if not abi:
        raise OSError("no Landlock")
    handled = (1 << 13) - 1
    handled |= sum(bit for since, bit in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL)) if abi >= since)
    words = [handled, *([3] if abi >= 4 else []), *([3] if abi >= 6 else [])]  # noqa: PLR2004 - landlock(7)
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = _call("landlock", _syscall("ruleset", attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))

    def allow(path: str, access: int) -> None:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", access & handled, descriptor)
            _call(
                f"landlock {path}", _syscall("rule", ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
            )
        finally:
            os.close(descriptor)

    for path in readable:
        with contextlib.suppress(FileNotFoundError):
            allow(path, READ if os.path.isdir(path) else 1 << 2)
    for path in listed:
        allow(path, _LIST)
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            allow(path, _FILE)
    if writable is not None:
        allow(writable, handled & ~_NODES)
    return ruleset


def landlock_apply(ruleset: int) -> None:
    """Submit to a set of rules, for good. `PR_SET_NO_NEW_PRIVS` is set. Raises OSError."""
    _call("landlock", _syscall("restrict", ctypes.c_int(ruleset), ctypes.c_uint32(0)))
