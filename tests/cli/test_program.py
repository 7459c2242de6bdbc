"""How the `harness` process ends: at once, and with nothing lost that an ordinary end would have kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StorageError

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""An environment whose processes write to a pipe at their end."""
BEFORE = "from harness import cli\nfrom harness.cli import app\n"


def ended(body: str, **how: object) -> subprocess.CompletedProcess[str]:
    """A process whose command line is this function body, and what it ended with."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"{BEFORE}def run():\n{indented}app.main = run\ncli.program()\n"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": BUFFERED} | how
    return subprocess.run([sys.executable, "-c", source], text=True, check=False, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("end", "code"), [("pass", 0), ("raise SystemExit", 0), ("raise SystemExit(9)", 9), ("raise SystemExit('no')", 1)]
)
def test_the_exit_code_is_the_commands(end: str, code: int) -> None:
    done = ended(f"print('said')\n{end}")
    assert (done.returncode, done.stdout) == (code, "said\n")
    assert done.stderr == ("no\n" if "'no'" in end else "")


def test_a_bug_keeps_its_traceback() -> None:
    done = ended("print('said')\n1 / 0")
    assert (done.returncode, done.stdout) == (1, "said\n")
    assert "ZeroDivisionError" in done.stderr


def test_threads_and_exit_functions_come_first(tmp_path: Path) -> None:
    file = tmp_path / "file"
    body = (
        "import atexit, tempfile, threading, time\n"
        f"held = open({str(file)!r}, 'w')\n"
        "atexit.register(lambda: (held.write('exit'), held.close()))\n"
        "threading.Thread(target=lambda: (time.sleep(.3), held.write('thread '))).start()\n"
        f"globals()['kept'] = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})\n"
    )
    done = ended(body)
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text() == "thread exit"
    assert list(tmp_path.iterdir()) == [file]


def test_libraries_are_not_taken_apart() -> None:
    body = "class Held:\n    def __del__(self): print('taken apart')\nglobals()['held'] = Held()"
    assert ended(body).stdout == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = ended("print('said')", stdout=full)
    assert done.returncode == StorageError.exit_code
    assert done.stderr.startswith("harness: output: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_went_away_is_no_error() -> None:
    """Written at the end, into a pipe that nobody reads any more."""
    script = f"{BEFORE}def run():\n    import time; time.sleep(.3); print('said')\napp.main = run\ncli.program()\n"
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, env=BUFFERED
    ) as process:
        os.close(writing)
        os.close(reading)
        assert process.communicate() == (None, "")
        assert process.returncode == 0


def test_standard_output_may_be_closed() -> None:
    done = subprocess.run(
        f"{sys.executable} -m harness --help >&-", shell=True, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_calling_main_ends_no_process() -> None:
    source = "from harness import cli\nfrom harness.cli import app\napp.main = lambda: None\ncli.main(); print('on')"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "on\n")
