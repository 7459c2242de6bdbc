"""The processes that the tests start by a fork are processes like any other."""

import os
import signal
import subprocess
import sys

import forks
import polars as pl
import psutil
import pytest
from conftest import Project

from harness.runs.samples import TIMES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is started from nothing")


def test_a_forked_process_does_what_one_from_nothing_does(project: Project) -> None:
    project.model("alice")
    words = ("eval", "model=alice", "task=sums", "limit=4")
    forked = project.start(*words)
    out, err = forked.communicate()
    assert isinstance(forked, forks.Forked)
    (folder,) = project.runs()
    found = pl.read_parquet(folder / "samples.parquet").drop(TIMES)
    folder.rename(project.root / "away")
    plain = [sys.executable, "-m", "harness", *words]
    done = subprocess.run(plain, cwd=project.root, capture_output=True, text=True, check=False)
    assert (forked.returncode, done.returncode) == (0, 0), err + done.stderr
    assert "leaked" not in done.stderr  # DuckDB's word for what an interpreter does not clear away
    assert project.runs() == [folder]
    assert found.equals(pl.read_parquet(folder / "samples.parquet").drop(TIMES))
    typed = done.stdout.replace(f"{sys.executable} -m harness", "harness")  # commands are shown as it was started
    assert [line.split()[:1] for line in out.splitlines()] == [line.split()[:1] for line in typed.splitlines()]
    wrong = ("eval", "model=nobody")
    refused = subprocess.run(
        [sys.executable, "-m", "harness", *wrong], cwd=project.root, capture_output=True, text=True
    )
    assert project.run(*wrong, code=refused.returncode).stderr == refused.stderr


def test_a_forked_process_is_a_child_that_signals_reach(project: Project) -> None:
    project.model("slow", latency=30)
    for started, kill in enumerate((signal.SIGKILL, signal.SIGINT)):
        process = project.start("eval", "model=slow", "task=sums", f"seed={started}")  # each is a run of its own
        assert psutil.Process(process.pid).ppid() == os.getpid()
        while psutil.Process(process.pid).cwd() != str(project.root):  # a fork begins in its parent's folder
            assert process.poll() is None
        while len(project.runs()) <= started:
            assert process.poll() is None
        process.send_signal(kill)
        process.communicate()
        assert process.returncode == (-kill if kill == signal.SIGKILL else 130)


def test_a_variable_that_imports_read_is_heeded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(project.root / "cache"))
    import lm_eval.tasks  # noqa: F401 - it sets a variable or two itself, here as in the warm interpreter

    processes = [project.start("--help")]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    processes.append(project.start("--help"))
    assert [isinstance(process, forks.Forked) for process in processes] == [True, False]
    assert len({process.communicate()[0] for process in processes}) == 1
