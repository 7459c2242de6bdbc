"""What a program could keep beyond its limits, or do to the machine outside by calls that are allowed: each way is closed."""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from walls import ALL, BOTH, linux, need

from harness.sandbox import Execution, Program, run
from harness.specs import SandboxSpec

pytestmark = linux
SPEC = SandboxSpec(timeout_s=8, memory_mb=512)


def verdict(tier: str, code: str, tests: str = "assert f() == 1") -> Execution:
    need(tier)
    (found,) = run([Program(code, tests, "f")], SPEC, tier=tier)
    return found


KEEP = """
import array, mmap, os, socket, time
BLOCK = b"x" * (1 << 20)

def file(name):
    number = os.open(name, os.O_CREAT | os.O_RDWR)
    for _ in range(12):
        os.write(number, BLOCK)
    return number

def kept(how):
    held, total = [], 0
    for i in range(50):
        try:
            number = file(f"x{i}")
            if how == "mapped":
                held.append(mmap.mmap(number, 4096))
            os.unlink(f"x{i}")
            if how == "sent":
                one, other = socket.socketpair()
                socket.send_fds(one, [b"x"], [number])
                held.append((one, other))
            if how in ("mapped", "sent"):
                os.close(number)
            total += 12
        except OSError:
            break
    time.sleep(1.5)
    return total
"""


@BOTH
@pytest.mark.parametrize("how", ["open", "mapped", "sent"])
@pytest.mark.slow
def test_files_that_were_removed_count(tier: str, how: str) -> None:
    found = verdict(tier, f"{KEEP}\ndef f(): return kept({how!r})", "assert f() > 128, 'little'")
    assert found.status != "passed", "128 MB were kept, and 64 are allowed"


@BOTH
def test_a_few_removed_files_are_no_matter(tier: str) -> None:
    code = (
        "import mmap, os, tempfile, time\n"
        "def f():\n"
        "    with tempfile.TemporaryFile() as a, tempfile.TemporaryFile() as b:\n"
        "        a.write(b'x' * 5_000_000); a.flush(); b.write(b'y' * 4096); b.flush()\n"
        "        held = mmap.mmap(b.fileno(), 4096)\n"
        "        time.sleep(0.3)\n"
        "        return 1 if held[0] == 121 else 0\n"
    )
    assert verdict(tier, code).status == "passed"


@BOTH
def test_buffers_of_sockets_cannot_be_made_larger_nor_put_in_flight(tier: str) -> None:
    code = (
        "import socket\n"
        "def f():\n"
        "    one, other = socket.socketpair()\n"
        "    done = 0\n"
        "    for level, name in ((socket.SOL_SOCKET, socket.SO_SNDBUF), (socket.SOL_SOCKET, socket.SO_RCVBUF)):\n"
        "        try:\n"
        "            one.setsockopt(level, name, 4 << 20); done += 1\n"
        "        except PermissionError: pass\n"
        "    try:\n"
        "        socket.send_fds(one, [b'x'], [other.fileno()]); done += 1\n"
        "    except PermissionError: pass\n"
        "    return 1 if not done else done + 1\n"
    )
    found = verdict(tier, code)
    assert found.status == "passed", found


@ALL
@pytest.mark.slow
def test_all_buffers_together_are_small(tier: str) -> None:
    code = (
        "import os, socket\n"
        "def f():\n"
        "    held, total = [], 0\n"
        "    for _ in range(40):\n"
        "        try: pair = socket.socketpair()\n"
        "        except OSError: break\n"
        "        held.append(pair)\n"
        "        for end in pair:\n"
        "            end.setblocking(False)\n"
        "            try: end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)\n"
        "            except OSError: pass\n"
        "            try:\n"
        "                while True: total += end.send(b'x' * 65536)\n"
        "            except BlockingIOError: pass\n"
        "    return 1 if total < 40 << 20 else total >> 20\n"
    )
    found = verdict(tier, code, "assert f() == 1, f()")
    assert found.status == "passed", found


@ALL
@pytest.mark.parametrize("family", ["AF_INET", "AF_TIPC", "AF_NETLINK"])
def test_pairs_of_sockets_are_of_the_machines_own_family(tier: str, family: str) -> None:
    code = (
        "import socket\n"
        "def f():\n"
        f"    try: socket.socketpair(getattr(socket, {family!r}), socket.SOCK_STREAM)\n"
        "    except PermissionError: return 1\n"
        "    except OSError as error: return error.errno\n"
    )
    assert verdict(tier, code).status == "passed"


LOCK = """
import fcntl, os, time
def f(path):
    number = os.open(path, os.O_RDONLY)
    for take in (lambda: fcntl.flock(number, fcntl.LOCK_EX), lambda: fcntl.lockf(number, fcntl.LOCK_SH)):
        try: take()
        except OSError: pass
    time.sleep(2)
    return 1
"""


@BOTH
def test_no_file_of_the_host_is_locked_from_inside(tier: str, tmp_path: Path) -> None:
    need(tier)
    folder = tmp_path / "site-packages"
    folder.mkdir()
    held = folder / "shared.db"
    held.write_text("x")
    for place in (folder, held):
        place.chmod(0o755)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.getuid() and str(above).startswith("/tmp/"):
            above.chmod(0o755)
    refused = []

    def try_it() -> None:
        for _ in range(30):
            with held.open("r+b") as file:
                for take in (fcntl.flock, fcntl.lockf):
                    try:
                        take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        take(file, fcntl.LOCK_UN)
                    except BlockingIOError:
                        refused.append(take.__name__)
            time.sleep(0.1)

    thread = threading.Thread(target=try_it)
    thread.start()
    spec = SandboxSpec(timeout_s=8, memory_mb=512, packages=str(folder))
    (found,) = run([Program(LOCK, f"assert f({str(held)!r}) == 1", "f")], spec, tier=tier)
    thread.join()
    assert found.status == "passed", found
    assert not refused


@BOTH
def test_databases_and_locks_of_ones_own_work(tier: str) -> None:
    code = (
        "import fcntl, sqlite3\n"
        "def f():\n"
        "    with sqlite3.connect('x.db') as held:\n"
        "        held.execute('CREATE TABLE t (a)')\n"
        "        held.execute('INSERT INTO t VALUES (1)')\n"
        "    with open('x', 'w') as file:\n"
        "        fcntl.flock(file, fcntl.LOCK_EX)\n"
        "        fcntl.lockf(file, fcntl.LOCK_UN)\n"
        "    return sqlite3.connect('x.db').execute('SELECT a FROM t').fetchone()[0]\n"
    )
    found = verdict(tier, code)
    assert found.status == "passed", found
    assert sqlite3.sqlite_version


@BOTH
def test_where_links_outside_lead_is_not_told(tier: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/secret/LEAK")
    code = (
        "import os\n"
        "def f(paths):\n"
        "    told = []\n"
        "    for path in paths:\n"
        "        try: told.append(os.readlink(path))\n"
        "        except OSError: pass\n"
        "    return told\n"
    )
    paths = [str(link), "/proc/self/exe", "/proc/1/cwd", "/bin", "/etc/localtime", "/etc/mtab"]
    with contextlib.suppress(OSError):
        assert any(Path(path).is_symlink() for path in paths)
    found = verdict(tier, code, f"assert f({paths!r}) == [], f({paths!r})")
    assert found.status == "passed", found
