"""The command line as a real process, without the seconds that its imports take.

A warm interpreter has imported what `harness` imports, and forks for each command. The new process has a pid, pipes, signals and
an exit code like any other, and is a child of the tests: it is handed to them when the process between them ends, as orphans
are handed to a subreaper. This needs Linux. Elsewhere, and where the environment is not the one that the warm interpreter has
seen while importing, the process is started from nothing.
"""

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from harness.core import patches

LIBRARIES = """
antlr4.LL1Analyzer hydra.main hydra._internal.core_plugins.basic_launcher hydra._internal.core_plugins.basic_sweeper
hydra._internal.hydra hydra._internal.utils hydra_plugins.hydra_joblib_launcher.config
hydra_plugins.hydra_submitit_launcher.config lm_eval.tasks lm_eval.api.task lm_eval.utils datasets pandas polars psutil
pyarrow.parquet pydantic.dataclasses rich._unicode_data.unicode17-0-0 rich.progress scipy.stats threadpoolctl
"""
OWN = """
harness.cli.app harness.cli.config harness.cli.catalogue harness.cli.detector harness.evaluation.evaluator
harness.evaluation.planning harness.engine.metrics harness.engine.scoring harness.archive harness.results
harness.archive.shards harness.archive.verification harness.cli.provenance_text harness.provenance.panels.registration
harness.provenance.verdicts.reports harness.provenance.answers.stored harness.results.derivation harness.results.leaderboard.selection
harness.results.report.page harness.results.store harness.scorers.math harness.backends.fake
"""
PR_SET_CHILD_SUBREAPER = 36
READ_BY_IMPORTS = ("HF_", "HUGGINGFACE_", "POLARS_", "PYTHON", "XDG_")
"""How variables begin that libraries read while they are imported. All others are read by the new process itself."""


def _environment() -> dict[str, str]:
    """What the imports of this moment would see."""
    return {name: value for name, value in os.environ.items() if name.startswith(READ_BY_IMPORTS)}


def _adopt_orphans(adopt: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class WarmInterpreter:
    """Forks when it is asked; ends when its socket is closed, as it is when the tests end."""

    def __init__(self) -> None:
        self.environment = _environment()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self.after = dict(json.loads(self.socket.recv(1 << 20)))

    def has_seen(self, environment: dict[str, str]) -> bool:
        """Whether each variable is as it was before the imports, or as the imports themselves set it."""
        names = environment.keys() | self.environment.keys()
        return all(environment.get(name) in (self.environment.get(name), self.after.get(name)) for name in names)

    def fork(self, words: list[str], cwd: str, descriptors: list[int]) -> int:
        """The pid of a new child of this process that runs `harness` with these words."""
        _adopt_orphans(True)
        try:
            message = json.dumps({"words": words, "cwd": cwd, "environment": dict(os.environ)}).encode()
            socket.send_fds(self.socket, [message], descriptors)
            answer = self.socket.recv(64)
        finally:
            _adopt_orphans(False)
        if not answer:
            raise RuntimeError("the warm interpreter has ended; what it says is on standard error")
        return int(answer)

    def close(self) -> None:
        self.socket.close()
        self.process.wait()


@cache
def _warm() -> WarmInterpreter:
    return WarmInterpreter()


def close() -> None:
    """End the warm interpreter if there is one."""
    if _warm.cache_info().currsize:
        _warm().close()
        _warm.cache_clear()


class Forked(subprocess.Popen[Any]):
    """A process like those of `subprocess`, whose program is `harness` and whose start is a fork."""

    def _execute_child(  # type: ignore[override]
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest
    ):  # fmt: skip
        descriptors = [fd if fd != -1 else standard for fd, standard in ((p2cread, 0), (c2pwrite, 1), (errwrite, 2))]
        self.pid = _warm().fork(args, str(cwd or Path.cwd()), descriptors)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)


def harness(*words: str, **how: Any) -> subprocess.Popen[Any]:
    """Start `harness` with these words; `how` is `subprocess.Popen`'s (cwd, pipes, text)."""
    if sys.platform == "linux" and _warm().has_seen(_environment()):
        return Forked(list(words), **how)
    return subprocess.Popen([sys.executable, "-m", "harness", *words], **how)


def run(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """What `harness` with these words printed, and its exit code."""
    with harness(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


# In the warm interpreter ---------------------------------------------------------------------------------------------


def _child(asked: socket.socket) -> dict[str, Any]:
    """Answer each request with the pid of a grandchild; in the grandchild, return the request."""
    while True:
        try:
            message, packed, _, _ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(12))
        except ConnectionResetError:
            message = b""
        if not message:  # the tests have ended
            os._exit(0)
        descriptors = array.array("i", packed[0][2])
        reading, writing = os.pipe()
        if (between := os.fork()) == 0:
            if pid := os.fork():
                os.write(writing, str(pid).encode())
                os._exit(0)
            for standard, descriptor in enumerate(descriptors):
                os.dup2(descriptor, standard)
            os.closerange(3, max(*descriptors, asked.fileno(), reading, writing) + 1)
            asked.detach()
            return dict(json.loads(message))
        os.waitpid(between, 0)
        pid = os.read(reading, 64)
        for descriptor in (*descriptors, reading, writing):
            os.close(descriptor)
        asked.send(pid)


def main() -> None:
    filters = list(warnings.filters)
    warnings.simplefilter("ignore", DeprecationWarning)  # forking beside the idle threads of libraries
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    patches.environment()
    for name in LIBRARIES.split():
        importlib.import_module(name)
    gc.freeze()  # a process that ends need not look through all of this; DuckDB's own (in OWN) want to be looked through
    for name in OWN.split():
        importlib.import_module(name)
    _read_what_ships()
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.send(json.dumps(_environment()).encode())
    task = _child(asked)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.filters[:] = filters
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.path[0] = task["cwd"]
    sys.argv = ["harness", *task["words"]]
    _end(_exit_code())


def _read_what_ships() -> None:
    """Read the shipped tasks and panels once: both are kept by path, size and time, so a changed file is read again.

    An empty index is kept, too. Nothing here may start the threads of Polars: none of them would live in a fork.
    """
    from harness.core import resources
    from harness.engine import taskfiles
    from harness.provenance.comparison import registry
    from harness.results import store

    taskfiles.find(resources.task_dirs())
    registry.panel_facts()
    with tempfile.TemporaryDirectory() as folder:
        store.rebuild(Path(folder), lambda _query, _changed: {})


def _exit_code() -> int:
    try:
        runpy.run_module("harness", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
        return 0 if stop.code is None else stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        traceback.print_exc()
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - what an interpreter prints of any error that nobody caught
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """Leave as an interpreter does, but for taking the borrowed modules apart, which costs as much as a short command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120  # as `Py_FinalizeEx` has it
    os._exit(code)


if __name__ == "__main__":
    main()
