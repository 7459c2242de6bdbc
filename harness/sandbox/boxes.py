"""The walls around one process: three kinds, from the same parts.

    A  namespaces (mount, PID, network, IPC, UTS) over a root of its own, and everything that C has
    B  Landlock, and everything that C has
    C  seccomp, resource limits, and a user of its own if root starts it. C alone is only used inside a container

A zygote enters its box once. The first thing that each forked process does is to lock itself in for good, with `lock`.
Between two processes, `renew` makes sure that the next one finds nothing that the last one left.
"""

# The plain calls instead of pathlib, because they are what the man pages speak of.
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH106, PTH108, PTH110, PTH112, PTH114, PTH115, PTH116, PTH120, PTH123, PTH208, PTH211
from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import socket
import sys

from harness.sandbox import linux, seccomp

SCRATCH_MB, SCRATCH_FILES = 64, 4096
"""What a program may keep in its scratch folder."""
FILE_MB, OPEN_FILES, THREADS, STACK_MB = 16, 64, 64, 64
"""Largest file, open files, threads, main thread's stack. The tests of the known benchmarks stay far below these."""
FIRST_UID, UIDS = 61184, 4336
"""User numbers that belong to nobody: systemd's dynamic users, https://systemd.io/UIDS-GIDS/."""
NOBODY = 65534
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
MOUNT_POINTS = ("/mnt", "/media", "/srv", "/opt", "/tmp", "/var", "/home")  # noqa: S108 - a place to mount upon
HARD_TO_SHARE = ("/etc/ld.so.cache", "/usr/share/zoneinfo")


PACKAGES = ("site-packages", "dist-packages")
"""Names of the folders that packages are installed into."""


def system_paths() -> list[str]:
    """What an interpreter reads while it runs: its library and the system's shared ones."""
    wanted = [f"{sys.base_prefix}/lib", "/usr/lib", "/lib", "/lib64", "/usr/lib64", *sys.path, *HARD_TO_SHARE]
    paths: list[str] = []
    for path in sorted({os.path.realpath(path) for path in wanted if path and os.path.exists(path)}):
        if not any(path == other or path.startswith(other + "/") for other in paths):
            paths.append(path)
    return paths


def hidden_paths(shown: list[str]) -> list[str]:
    """What lies in those folders and no program may see: harness itself, and installed packages except the named ones.

    If harness is installed beside an interpreter's library, its tasks are there too, with their tests and solutions.
    """
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    folders = [place for path in shown for place in (path, *_pythons(path))]
    installed = [f"{folder}/{name}" for folder in folders for name in PACKAGES if os.path.isdir(f"{folder}/{name}")]
    named = [os.path.realpath(path) for path in sys.path if path]
    hidden = [path for path in installed if not any(_within(name, path) for name in named)]
    if any(_within(own, path) for path in shown) and not any(_within(own, path) for path in hidden):
        hidden.append(own)
    return sorted(set(hidden))


def _pythons(folder: str) -> list[str]:
    """The folders of interpreters' libraries inside a folder."""
    with contextlib.suppress(OSError):
        return [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(("python", "pypy"))]
    return []


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def without(shown: list[str], hidden: list[str]) -> tuple[list[str], list[str]]:
    """Folders and files that make up all that is shown except what is hidden, and the folders around those."""
    whole, around = [], []
    waiting = list(shown)
    while waiting:
        path = waiting.pop()
        if path in hidden:
            continue
        if not any(_within(other, path) for other in hidden):
            whole.append(path)
            continue
        around.append(path)
        with os.scandir(path) as entries:  # a link gives no right to what it leads to
            waiting += [entry.path for entry in entries if not entry.is_symlink()]
    return sorted(whole), sorted(around)


class Box:
    """Tier C, and what all tiers have in common."""

    kills_all = False
    """True if the box has a PID namespace of its own. Then it is safe to kill every process there, and none escapes."""
    links = True
    """Whether programs may read where links lead."""

    def __init__(self, scratch: str | None) -> None:
        self.scratch = scratch
        self._uid = self._own_uid() if os.geteuid() == 0 else None
        self._threads = THREADS if self._uid else THREADS + _threads_of_this_user()
        self._keep = 0
        """Capabilities that a process keeps although it has a user of its own."""
        programs = seccomp.FilterPrograms(links=self.links)
        self._base, self._own = linux.LaidOutFilter(programs.base), linux.LaidOutFilter(programs.own, programs.places)
        self._limits: list[tuple[int, tuple[int, int]]] = []
        self._ruleset: int | None = None
        self.proc: int | None = os.open("/proc", os.O_PATH | os.O_DIRECTORY)

    def enter(self, control: socket.socket) -> None:  # noqa: ARG002 - tier A's
        """Shut this process in, as far as it can before it forks. This may fork, but only one process returns."""
        if self.scratch is not None and self._uid is not None:
            os.chown(self.scratch, self._uid, self._uid)
        self._restrict()

    def renew(self) -> None:
        """Empty the scratch folder. No process that could write there is alive."""
        if self.scratch is not None and not _untouched(self.scratch):
            purge(self.scratch)

    def overfull(self, pid: int) -> bool:  # noqa: ARG002 - tier B's
        """Whether the scratch folder holds too much, or a process keeps too much of what it has removed from there."""
        return self.scratch is not None and _overfull(self.scratch, 0)

    def leave(self) -> None:
        """Remove what exists outside of this process."""
        if self.scratch is not None:
            with contextlib.suppress(OSError):
                purge(self.scratch)
                os.rmdir(self.scratch)

    def prepare(self, cpu_s: float, memory_mb: int) -> None:
        """Set what every later process inherits. Call it after `enter` and before the first fork.

        Args:
            cpu_s: CPU seconds of each later process.
            memory_mb: the address space of each, in MiB.
        """
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        self._base.install()
        os.chdir(self.scratch or "/")
        for kind, value in (
            (resource.RLIMIT_FSIZE, FILE_MB << 20),
            (resource.RLIMIT_NOFILE, OPEN_FILES),
            (resource.RLIMIT_STACK, STACK_MB << 20),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ):
            resource.setrlimit(kind, _allowed(kind, value))
        self._limits = [
            (kind, _allowed(kind, value))
            for kind, value in (
                (resource.RLIMIT_CPU, math.ceil(cpu_s) + 1),  # a backstop, because the zygote watches the exact limit
                (resource.RLIMIT_NPROC, self._threads),
                (resource.RLIMIT_AS, memory_mb << 20),
            )
        ]

    def lock(self) -> None:
        """Lock this process in, for good. Raises OSError if that fails, and then nothing may run."""
        for kind, pair in self._limits:
            resource.setrlimit(kind, pair)
        if self._uid is not None:
            if self._keep:
                linux.prctl(linux.PR_SET_KEEPCAPS, 1)
            os.setgroups([])
            os.setresgid(self._uid, self._uid, self._uid)
            os.setresuid(self._uid, self._uid, self._uid)  # the capabilities go with this, see capabilities(7)
            if self._keep:
                linux.drop_capabilities(self._keep)
        else:
            linux.drop_capabilities()
        if self._ruleset is not None:
            linux.landlock_apply(self._ruleset)
            if self.scratch is not None:
                # The zygote must see which files it keeps. No program can, because the rules keep it from /proc.
                linux.prctl(linux.PR_SET_DUMPABLE, 1)
        self._own.install()

    def _restrict(self) -> None:
        """Make the Landlock rules, if this tier has any."""

    def _own_uid(self) -> int | None:
        """A user that no other process has. If this container knows too few users, it is nobody."""
        for uid in (FIRST_UID + os.getpid() % UIDS, NOBODY):
            if _mapped(uid):
                return uid
        return None


class LandlockBox(Box):
    """Tier B."""

    links = False  # Landlock does not cover readlink

    def enter(self, control: socket.socket) -> None:
        """See `Box`."""
        if self._uid is not None and not _readable_by_others(system_paths()):
            # The interpreter may lie in root's home. The box's own user may read it all the same, and Landlock limits
            # what else. If a container withholds that capability, root without capabilities may read it, but has no
            # limit on threads.
            if linux.permitted_capabilities() & linux.CAN_READ:
                self._keep = linux.CAN_READ
            else:
                self._uid = None
                self._threads = THREADS + _threads_of_this_user()
        super().enter(control)

    def _restrict(self) -> None:
        paths = system_paths()
        whole, around = without(paths, hidden_paths(paths))
        self._ruleset = linux.landlock(whole, around, DEVICES, self.scratch)

    def overfull(self, pid: int) -> bool:
        """See `Box`."""
        return self.scratch is not None and _overfull(self.scratch, self._removed(pid))

    def _removed(self, pid: int) -> int:
        """Blocks of the files that a process has removed from its scratch folder, but keeps open or in its memory."""
        try:
            return _removed_blocks(pid, self.scratch or "/")
        except PermissionError:
            if self._uid is None:
                return 0
        os.setegid(self._uid)
        os.seteuid(self._uid)
        try:
            return _removed_blocks(pid, self.scratch or "/")
        except PermissionError:
            return 0
        finally:
            os.seteuid(0)
            os.setegid(0)


class NamespaceBox(Box):
    """Tier A."""

    kills_all = True

    def enter(self, control: socket.socket) -> None:
        """See `Box`."""
        paths = system_paths()
        self._set_apart(control)
        if self.proc is not None:
            os.close(self.proc)
        self._build_root(paths)
        if self.scratch is not None:
            self.scratch = "/box"
            self._mount_scratch()

    def _set_apart(self, control: socket.socket) -> None:
        """Enter namespaces of its own, a user's too if the kernel demands it, and become their first process."""
        flags = linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
        privileged = False
        if os.geteuid() == 0:
            with contextlib.suppress(PermissionError):
                linux.unshare(flags)
                privileged = True
        if not privileged:
            self._enter_user_namespace(flags)
        self._become_init(control)

    def _enter_user_namespace(self, flags: int) -> None:
        uid, gid = os.geteuid(), os.getegid()
        linux.unshare(linux.CLONE_NEWUSER | flags)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        self._uid = None

    @staticmethod
    def _become_init(control: socket.socket) -> None:
        """Go on as process 1 of the new PID namespace. This process waits for it, and ends when it does."""
        child = os.fork()
        if child:
            control.close()
            os.waitpid(child, 0)
            os._exit(0)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)

    def _build_root(self, paths: list[str]) -> None:
        linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
        base = next(
            point
            for point in MOUNT_POINTS
            if os.path.isdir(point) and not any(path.startswith(point + "/") for path in paths)
        )
        linux.mount("tmpfs", base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=1m,mode=755")
        for folder in ("/dev", "/proc", "/box"):
            os.mkdir(base + folder)
        for path in paths:
            self._make_place(base + path, folder=os.path.isdir(path))
            linux.bind(path, base + path)
        quiet = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
        for path in hidden_paths(paths):
            linux.mount("tmpfs", base + path, "tmpfs", quiet | linux.MS_RDONLY, "size=4k,mode=555")
        for link in ("/lib", "/lib64"):
            if os.path.islink(link) and not os.path.lexists(base + link):
                os.symlink(os.readlink(link), base + link)
        for device in DEVICES:
            self._make_place(base + device, folder=False)
            linux.bind(device, base + device, device=True)
        self.proc = None
        # Only the zygote sees this: it is gone from the tree before a program runs. If the container hides parts of
        # /proc, the kernel refuses. Then the zygote cannot tell waiting for a CPU from idling.
        with contextlib.suppress(OSError):
            linux.mount("proc", base + "/proc", "proc", quiet)
            self.proc = os.open(base + "/proc", os.O_DIRECTORY)
            linux.unmount(base + "/proc")
        linux.enter_root(base)
        read_only = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
        linux.mount("none", "/", None, read_only)

    @staticmethod
    def _make_place(place: str, *, folder: bool) -> None:
        os.makedirs(place if folder else os.path.dirname(place), exist_ok=True)
        if not folder:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))

    def _mount_scratch(self) -> None:
        owner = f",uid={self._uid},gid={self._uid}" if self._uid is not None else ""
        options = f"size={SCRATCH_MB}m,nr_inodes={SCRATCH_FILES},mode=700{owner}"
        quiet = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
        linux.mount("tmpfs", "/box", "tmpfs", quiet, options)

    def renew(self) -> None:
        """See `Box`."""
        if self.scratch is not None and not _untouched(self.scratch):
            linux.unmount(self.scratch)
            self._mount_scratch()
            os.chdir(self.scratch)

    def overfull(self, pid: int) -> bool:  # noqa: ARG002 - see `Box`
        """False, because this tier's file system has a size."""
        return False

    def leave(self) -> None:
        """Nothing to do, because everything goes with the namespace."""


BOXES: dict[str, type[Box]] = {"A": NamespaceBox, "B": LandlockBox, "C": Box}


def purge(folder: str) -> None:
    """Remove what is in a folder, however deep it is nested. Raises OSError.

    Root may look into any folder. In a container, root may not change the modes of what another user owns.
    """
    number = 0
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            _open_up(entry.path)
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):  # moved one level up, so that no path grows too long
                    _open_up(inner.path)
                    number += 1
                    os.rename(inner.path, f"{folder}/.purge{os.getpid()}.{number}")
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)


def _open_up(folder: str) -> None:
    with contextlib.suppress(PermissionError):
        os.chmod(folder, 0o700)


def _untouched(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _removed_blocks(pid: int, folder: str) -> int:
    """Blocks of nameless files that a process holds on a folder's file system. Raises PermissionError."""
    device = os.stat(folder).st_dev
    found: dict[int, int] = {}
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                entry = os.stat(f"/proc/{pid}/fd/{name}")
                if entry.st_dev == device and not entry.st_nlink:
                    found[entry.st_ino] = entry.st_blocks
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                if line.endswith(" (deleted)\n") and f" {folder}/" in line:
                    # A page in memory keeps the whole file alive, and its size is not told here.
                    found.setdefault(int(line.split()[4]), FILE_MB << 11)
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    return sum(found.values())


def _overfull(folder: str, blocks: int) -> bool:
    """Whether a folder holds too much, together with some blocks of 512 bytes that are elsewhere."""
    count = 0
    if blocks * 512 > SCRATCH_MB << 20:
        return True
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    blocks += entry.stat(follow_symlinks=False).st_blocks
                    if count > SCRATCH_FILES or blocks * 512 > SCRATCH_MB << 20:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue  # it was removed while we looked
        except OSError:
            return True  # too deep, or hidden from us
    return False


def _allowed(kind: int, value: int) -> tuple[int, int]:
    """A resource limit, soft and hard. If a lower one is in force already, it is that one."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return value, value


def _mapped(uid: int) -> bool:
    """Whether this user namespace knows a user of that number."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    return any(first <= uid < first + count for first, _, count in ranges)


def _readable_by_others(paths: list[str]) -> bool:
    """Whether an ordinary user can reach the paths."""
    folders = {path if os.path.isdir(path) else os.path.dirname(path) for path in paths}
    while above := {os.path.dirname(folder) for folder in folders} - folders:
        folders |= above
    return all(os.stat(folder).st_mode & 0o005 == 0o005 for folder in folders)  # noqa: PLR2004 - r-x for others


def _threads_of_this_user() -> int:
    """How many threads the user has. RLIMIT_NPROC counts all of them."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                    count += len(os.listdir(f"/proc/{name}/task"))
    return count
