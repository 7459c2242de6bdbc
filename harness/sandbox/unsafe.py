"""A plain subprocess with resource limits. It stops accidents, not attacks.

Each program gets a fresh interpreter without the user's environment, site packages or standard streams. It runs in an
empty folder that is deleted afterwards, and in a process group of its own that is killed afterwards. If the platform
has them (`resource`, Unix), there are limits on CPU seconds, address space, file size and open files. There is a limit
by the clock everywhere.

What this does not do: the code runs as the user, so it can read and write the user's files, use the network, and
start processes that leave the group. It shares a process with its tests, so it can find the token in memory and forge
its verdict, or patch what the tests call. The token only makes sure that leaving early or printing the right words is
no pass. This is why you have to set `sandbox.allow_unsafe`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from harness.errors import SandboxError
from harness.sandbox.verdicts import Execution, Program, Status
from harness.sandbox.wire import INT_DIGITS
from harness.specs import SandboxSpec

TIER = "unsafe"
FILE_MB = 16
"""Largest file a program may write. The tests of the known benchmarks write none."""
OPEN_FILES = 64
MESSAGE_CHARS = 500
STATUSES = frozenset(get_args(Status))

RUNNER = Path(__file__).with_name("programs").joinpath("unsafe.py").read_text("utf-8")
"""The child, given as text, so that no file of ours is named where the candidate could read it."""


def run(programs: Sequence[Program], spec: SandboxSpec) -> list[Execution]:
    """Run the programs, as many at a time as there are CPUs. See `harness.sandbox.run`."""
    with ThreadPoolExecutor(max_workers=min(len(programs), os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda program: _run_one(program, spec), programs))


def _run_one(program: Program, spec: SandboxSpec) -> Execution:
    token = secrets.token_hex(16)
    try:
        with tempfile.TemporaryDirectory(prefix="harness-", ignore_cleanup_errors=True) as folder:
            work, report = Path(folder, "work"), Path(folder, "report.json")
            work.mkdir()
            task = {
                "token": token,
                "report": str(report),
                "code": program.code,
                "tests": program.tests,
                "entry_point": program.entry_point,
                "helpers": program.helpers,
                "int_digits": INT_DIGITS,
                "limits": [
                    ("RLIMIT_CPU", math.ceil(spec.timeout_s)),
                    ("RLIMIT_AS", spec.memory_mb << 20),
                    ("RLIMIT_FSIZE", FILE_MB << 20),
                    ("RLIMIT_NOFILE", OPEN_FILES),
                    ("RLIMIT_CORE", 0),
                ],
            }
            Path(work, "task.json").write_text(json.dumps(task), encoding="utf-8")
            # Read through this handle: whatever the code puts in the file's place (a pipe, for example) is not opened.
            with report.open("w+b") as file:
                exit_code = _wait(work, 2 * spec.timeout_s, spec.packages)
                return _verdict(file.read(), token, exit_code, spec)
    except OSError as error:
        raise SandboxError(f"cannot start a process for model-written code: {error}") from error


def _wait(work: Path, wall_s: float, packages: str | None) -> int | None:
    """Start the child, wait for it, and kill its whole group.

    Returns:
        Its exit code. `None` if the clock ran out.
    """
    # -P -s -S with an empty environment are what -I means, and they also leave out site packages, so that verdicts do
    # not depend on what is installed here. -I would also ignore PYTHONHASHSEED. Then the order of sets, and with it
    # verdicts, would change from run to run.
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1"}
    if packages is not None:
        environment["PYTHONPATH"] = packages
    if os.name == "nt":  # the interpreter cannot start without this one
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-S", "-X", "utf8", "-c", RUNNER],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=wall_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _verdict(report: bytes, token: str, exit_code: int | None, spec: SandboxSpec) -> Execution:
    """What the child reported, if it reported and had the token. If not, what its end says."""
    if exit_code is None:
        return Execution(
            "timeout", f"no verdict after {2 * spec.timeout_s:g} s by the clock", None, TIER, forgeable=True
        )
    if hasattr(signal, "SIGXCPU") and exit_code == -signal.SIGXCPU:
        return Execution("timeout", f"used up {math.ceil(spec.timeout_s)} CPU s", None, TIER, forgeable=True)
    try:
        said = json.loads(report)
        status, message, cpu_s = said["status"], str(said["message"]), float(said["cpu_s"])
        test = str(said["test"]).encode("utf-8", "replace").decode()
        told = str(said["token"])
    except (ValueError, KeyError, TypeError, RecursionError):
        told, status = "", "error"
    if told != token or status not in STATUSES:
        how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"
        return Execution("error", f"the process {how} before its tests were through", None, TIER, forgeable=True)
    message = message.encode("utf-8", "replace").decode()[:MESSAGE_CHARS]
    return Execution(
        status, message, cpu_s if math.isfinite(cpu_s) else None, TIER, test[:MESSAGE_CHARS], forgeable=True
    )
