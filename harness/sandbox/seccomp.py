"""The system calls that model-written code may make. This lists what is allowed, not what is forbidden.

Everything that is not here fails with EPERM: new processes, sockets, mounts, namespaces, tracing, keys, io_uring,
BPF, shared memory, signals to others, other processes' limits and priorities, and whatever the next kernel adds.
Landlock does not cover chmod, chown, xattr and utime, and before its ABI 3 it does not cover truncation. So these calls
are left out as well. Some calls are only allowed with certain arguments. The comments say why.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of the Linux kernel. The
filter is classic BPF: https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import os
import struct

X86_64, AARCH64 = 0, 1
# name: (x86_64, aarch64). None: the architecture has no such call
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # files that are open, and files that the mount namespace or Landlock lets a program open
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70), "preadv2": (327, 286), "pwritev2": (328, 287),
    "close": (3, 57), "close_range": (436, 436), "lseek": (8, 62), "stat": (4, None), "fstat": (5, 80),
    "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "getdents": (78, None),
    "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36), "ftruncate": (77, 46), "fallocate": (285, 47), "fsync": (74, 82), "fdatasync": (75, 83),
    "fadvise64": (221, 223), "umask": (95, 166), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "pipe": (22, None),
    "pipe2": (293, 59), "statfs": (137, 43), "fstatfs": (138, 44),
    # waiting
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd2": (290, 19), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "pause": (34, None), "wait4": (61, 260), "waitid": (247, 95),
    # memory and threads
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233),
    "brk": (12, 214), "msync": (26, 227), "mincore": (27, 232), "futex": (202, 98), "futex_waitv": (449, 449),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "set_tid_address": (218, 96), "rseq": (334, 293),
    "membarrier": (324, 283), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getcpu": (309, 168),
    "restart_syscall": (219, 128), "arch_prctl": (158, None), "exit": (60, 93), "exit_group": (231, 94),
    # its own signals and timers
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "alarm": (37, None),
    "setitimer": (38, 103), "getitimer": (36, 102),
    # facts
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "times": (100, 153), "getrusage": (98, 165), "getrlimit": (97, 163), "sysinfo": (99, 179), "uname": (63, 160),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148), "getresgid": (120, 150),
    "getgroups": (115, 158), "getpgrp": (111, None), "getpgid": (121, 155), "getsid": (124, 156),
    "getrandom": (318, 278),
    # sockets that exist. Not `socket`, `bind` and `connect`. Not `setsockopt`, which makes buffers larger. Not
    # `sendmsg`, which keeps files and buffers in flight that no limit counts
    "sendto": (44, 206), "recvfrom": (45, 207), "recvmsg": (47, 212), "shutdown": (48, 210),
    "getsockname": (51, 204), "getpeername": (52, 205), "getsockopt": (55, 209),
}  # fmt: skip

# By argument: (x86_64, aarch64)
OPEN, OPENAT = (2, None), (257, 56)
CLONE, CLONE3 = (56, 220), (435, 435)
KILL, TGKILL = (62, 129), (234, 131)
FCNTL, IOCTL, PRCTL, PRLIMIT64, SOCKETPAIR = (72, 25), (16, 29), (157, 167), (302, 261), (53, 199)
FLOCK, READLINK, READLINKAT = (73, 32), (89, None), (267, 78)

ZYGOTE: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "setsid": (112, 157),
    "mount": (165, 40), "umount2": (166, 39), "setresuid": (117, 147), "setresgid": (119, 149),
    "setgroups": (116, 159), "capset": (126, 91), "chmod": (90, None), "fchmodat": (268, 53),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
}  # fmt: skip
"""What the process that forks the programs also needs, between two of them."""

FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 36, 1030)
"""Duplicating, flags, who holds a record lock. Not F_SETOWN or F_SETSIG, which send any signal to any process of the
same user. Not leases, which hold up others who open the file."""
FCNTL_LOCKS = (6, 7, 37, 38)
"""Taking record locks. They are answered with success, as for a file that nobody else has. The file may be one of the
host's, and a lock on it would hold the host up. SQLite only works if it gets its locks."""
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Not TIOCSTI, and not FIOSETOWN."""
PRCTLS = (15, 16)
"""PR_SET_NAME and PR_GET_NAME, for threads."""
CLONE_THREAD, CLONE_NEW = 0x10000, 0x7E020080
O_ACCMODE, O_TRUNC = 3, 0o1000
AF_UNIX, SOCK_STREAM = 1, 1

_ALLOW, _KILL, _EPERM, _ENOSYS, _ENOTTY = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026, 0x00050019
_DONE = 0x00050000
"""The call succeeds, and does nothing."""
_AUDIT_ARCH = (0xC000003E, 0xC00000B7)
_LD, _AND, _JEQ, _JGE, _JSET, _RET = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16
_PID = 0xFFFFFFF7
"""Stands for the process id in the template. No process has it."""

Rule = tuple[int, int, int, int]


def _only(
    argument: int,
    values: tuple[int, ...],
    mask: int | None = None,
    otherwise: int = _EPERM,
    instead: dict[int, int] | None = None,
) -> list[Rule]:
    """Allow the call if the low word of an argument, under the mask, is one of the values. `instead` has more."""
    masked = [] if mask is None else [(_AND, 0, 0, mask)]
    answers = {**dict.fromkeys(values, _ALLOW), **(instead or {})}
    tests = [rule for value, answer in answers.items() for rule in ((_JEQ, 0, 1, value), (_RET, 0, 0, answer))]
    return [(_LD, 0, 0, _ARG0 + 8 * argument), *masked, *tests, (_RET, 0, 0, otherwise)]


def _refused_but(argument: int, value: int) -> list[Rule]:
    """Refuse the call if the low word of an argument is not this value. If it is, go on."""
    return [(_LD, 0, 0, _ARG0 + 8 * argument), (_JEQ, 1, 0, value), (_RET, 0, 0, _EPERM)]


def _opening(flags: int) -> list[Rule]:
    # O_RDONLY|O_TRUNC truncates, and Landlock before ABI 3 does not see it. Access mode 3 is for drivers.
    return [
        (_LD, 0, 0, _ARG0 + 8 * flags),
        (_AND, 0, 0, O_ACCMODE),
        (_JEQ, 0, 1, 3),
        (_RET, 0, 0, _EPERM),
        (_LD, 0, 0, _ARG0 + 8 * flags),
        (_AND, 0, 0, O_ACCMODE | O_TRUNC),
        (_JEQ, 0, 1, O_TRUNC),
        (_RET, 0, 0, _EPERM),
        (_RET, 0, 0, _ALLOW),
    ]


def _base(arch: int) -> bytes:
    """Allow what is listed, with whatever arguments, and the zygote's calls."""
    rules: list[Rule] = [
        (_LD, 0, 0, _ARCH),
        (_JEQ, 1, 0, _AUDIT_ARCH[arch]),
        (_RET, 0, 0, _KILL),
        (_LD, 0, 0, _NR),
    ]
    if arch == X86_64:  # the x32 calls have numbers of their own
        rules += [(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, _KILL)]
    by_argument = (OPEN, OPENAT, CLONE, KILL, TGKILL, FCNTL, IOCTL, PRCTL, PRLIMIT64, SOCKETPAIR)
    by_tier = (FLOCK, READLINK, READLINKAT)
    for numbers in (*ALLOWED.values(), *by_argument, *by_tier, *ZYGOTE.values()):
        number = numbers[arch]
        if number is not None:
            rules += [(_JEQ, 0, 1, number), (_RET, 0, 0, _ALLOW)]
    # clone3 hides its flags in memory. Without clone3, the C library goes back to clone.
    rules += [(_JEQ, 0, 1, CLONE3[arch]), (_RET, 0, 0, _ENOSYS), (_RET, 0, 0, _EPERM)]
    return _packed(rules)


def _template(arch: int, *, links: bool) -> bytes:
    """Refuse the zygote's calls among what the base allows, and look at arguments. `links`: links may be read."""
    special = [
        (OPEN, _opening(1)),
        (OPENAT, _opening(2)),
        # Threads are allowed. Processes and namespaces are not.
        (
            CLONE,
            [
                (_LD, 0, 0, _ARG0),
                (_JSET, 0, 1, CLONE_NEW),
                (_RET, 0, 0, _EPERM),
                (_JSET, 0, 1, CLONE_THREAD),
                (_RET, 0, 0, _ALLOW),
                (_RET, 0, 0, _EPERM),
            ],
        ),
        (KILL, _only(0, (_PID,))),
        (TGKILL, _only(0, (_PID,))),
        (FCNTL, _only(1, FCNTL_COMMANDS, instead=dict.fromkeys(FCNTL_LOCKS, _DONE))),
        (FLOCK, [(_RET, 0, 0, _DONE)]),
        (IOCTL, _only(1, IOCTLS, otherwise=_ENOTTY)),
        (PRCTL, _only(0, PRCTLS)),
        (PRLIMIT64, _only(0, (0,))),
        # From a datagram socket a program could send to any socket on the machine that has a name. Other families use
        # more of the kernel, and no limit counts what they send.
        (SOCKETPAIR, [*_refused_but(0, AF_UNIX), *_only(1, (SOCK_STREAM,), mask=0xF)]),
        *(() if links else [(READLINK, [(_RET, 0, 0, _EPERM)]), (READLINKAT, [(_RET, 0, 0, _EPERM)])]),
        *((numbers, [(_RET, 0, 0, _EPERM)]) for numbers in ZYGOTE.values()),
    ]
    rules: list[Rule] = [(_LD, 0, 0, _NR)]
    for numbers, block in special:
        number = numbers[arch]
        if number is not None:
            rules += [(_JEQ, 0, len(block), number), *block]
    rules.append((_RET, 0, 0, _ALLOW))
    return _packed(rules)


def _packed(rules: list[Rule]) -> bytes:
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)


def refusing(numbers: list[int], arch: int) -> bytes:
    """A program that refuses some calls and new namespaces, and allows the rest. For code that must start processes.

    Args:
        numbers: of the refused calls, on the architecture.
        arch: `X86_64` or `AARCH64`.
    """
    rules: list[Rule] = [(_LD, 0, 0, _ARCH), (_JEQ, 1, 0, _AUDIT_ARCH[arch]), (_RET, 0, 0, _KILL), (_LD, 0, 0, _NR)]
    if arch == X86_64:
        rules += [(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, _KILL)]
    for number in numbers:
        rules += [(_JEQ, 0, 1, number), (_RET, 0, 0, _EPERM)]
    rules += [(_JEQ, 0, 1, CLONE3[arch]), (_RET, 0, 0, _ENOSYS)]
    clone = CLONE[arch]
    assert clone is not None
    rules += [
        (_JEQ, 0, 4, clone), (_LD, 0, 0, _ARG0), (_JSET, 0, 1, CLONE_NEW), (_RET, 0, 0, _EPERM), (_RET, 0, 0, _ALLOW),
        (_RET, 0, 0, _ALLOW),
    ]  # fmt: skip
    return _packed(rules)


class FilterPrograms:
    """The two filters of this machine's architecture.

    The zygote installs the long one once. The processes that it forks inherit it, and add the short one.
    The kernel asks both. One long filter for each process would cost it half a millisecond.

    Args:
        machine: as `uname` names it. By default this one.
        links: whether programs may read where links lead.

    Raises:
        OSError: the architecture has no list of calls here.
    """

    def __init__(self, machine: str | None = None, *, links: bool = True) -> None:
        machine = machine or os.uname().machine
        arch = {"x86_64": X86_64, "amd64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}.get(machine.lower())
        if arch is None or struct.calcsize("P") != 8:  # noqa: PLR2004 - bytes of a pointer: 32-bit is another ABI
            raise OSError(f"no list of system calls for the architecture {machine}")
        self.base = _base(arch)
        """The BPF program for the zygote."""
        self.own = _template(arch, links=links)
        """The BPF program for each process, which may only send signals to itself."""
        mark = struct.pack("=I", _PID)
        self.places = [place for place in range(0, len(self.own), 4) if self.own[place : place + 4] == mark]
        """Offsets in it where the number of that process is missing: 4 bytes each, in the machine's order."""
