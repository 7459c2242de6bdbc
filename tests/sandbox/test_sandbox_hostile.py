"""Code that attacks or cheats gets the verdict it deserves, and harms nothing."""

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import codesets
import psutil
import pytest
from walls import ALL, linux, need

from harness.sandbox import Program, run
from harness.specs import SandboxSpec

pytestmark = linux
SPEC = SandboxSpec(timeout_s=0.7, memory_mb=512)
KEY = "CANARYKEY-0123456789abcdef"


class Canaries:
    """What an attack would change: files outside, a secret, a listener, a key in the environment, neighbours."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        monkeypatch.setenv("HARNESS_TEST_KEY", KEY)
        for folder in ("outside", "victim"):
            (root / folder).mkdir()
            (root / folder).chmod(0o777)
        for name in ("a.txt", "b.txt"):
            (root / "victim" / name).write_text("precious")
            (root / "victim" / name).chmod(0o666)
        (root / "secret.txt").write_text("LEAK-secret")
        for folder in (root, *root.parents):
            if folder.stat().st_uid == os.getuid() and str(folder).startswith("/tmp/"):
                folder.chmod(0o777)  # what protects is the sandbox, not the mode
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.connections: list[Any] = []
        self.neighbour = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.before = self.world(os.getpid())

    def text(self, text: str) -> str:
        return text.replace("{ROOT}", str(self.root)).replace("{PORT}", str(self.listener.getsockname()[1]))

    def world(self, owner: int) -> tuple[list[str], list[str], list[str]]:
        """The sandbox's processes that a process has started, wherever they are now; mounts; scratch folders.

        A file system that a test in another worker mounts meanwhile, in its own `tmp_path` or by asking a container
        engine what it has, is not the sandbox's.
        """
        mark = f'"owner": {owner}}}'
        processes = [
            str(p.info)
            for p in psutil.process_iter(["pid", "cmdline"])
            if any(mark in a for a in p.info["cmdline"] or ())
        ]
        scratch = [str(path) for place in ("/dev/shm", "/tmp") for path in Path(place).glob(f"harness-{owner}-*")]
        mounts = [
            line
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if str(self.root) in line or not ("/popen-gw" in line or "/containers/storage" in line)
        ]
        return processes, mounts, scratch

    def check(self, owner: int | None = None) -> None:
        assert not list((self.root / "outside").iterdir())
        assert all((self.root / "victim" / name).read_text() == "precious" for name in ("a.txt", "b.txt"))
        with pytest.raises(TimeoutError):
            self.listener.accept()
        assert self.neighbour.is_running()
        assert self.neighbour.status() != psutil.STATUS_ZOMBIE
        assert self.world(owner or os.getpid()) == self.before, "processes, mounts and scratch folders are as they were"

    def close(self) -> None:
        self.neighbour.kill()
        self.neighbour.wait()
        self.listener.close()


@pytest.fixture
def canaries(tmp_path, monkeypatch):
    made = Canaries(tmp_path, monkeypatch)
    yield made
    made.close()


def hostile(data: Path, canaries: Canaries) -> tuple[list[dict[str, Any]], list[Program]]:
    rows = codesets.rows(data / "code/hostile.jsonl")
    tasks = codesets.humaneval_rows(data)
    programs = []
    for row in rows:
        code = canaries.text(row["completion"])
        if row["kind"] == "unittest":
            programs.append(Program(row["prompt"] + code, row["test"], "task_func"))
        else:
            task = tasks[row["task_id"]]
            programs.append(codesets.humaneval(task, task["prompt"] + code))
    return rows, programs


@ALL
@pytest.mark.slow
def test_every_known_attack_gets_its_verdict_and_harms_nothing(tier, shared_data, canaries):
    need(tier)
    rows, programs = hostile(shared_data, canaries)
    control = codesets.humaneval_rows(shared_data)["HumanEval/53"]
    after = codesets.humaneval(control, control["prompt"] + control["canonical_solution"])
    interleaved = [program for one in programs for program in (one, after)]
    peak = psutil.Process().memory_info().rss
    verdicts = run(interleaved, SPEC, tier=tier, workers=3)
    fooled = [
        (row["name"], verdict)
        for row, verdict in zip(rows, verdicts[::2], strict=True)
        if (verdict.status == "passed") != (row["expect"] == "pass")
    ]
    assert not fooled
    assert {verdict.status for verdict in verdicts[1::2]} == {"passed"}, "the sample after an attack is not affected"
    assert not [v for v in verdicts if "LEAK-" in v.message or "CANARYKEY" in v.message]
    assert {v.tier for v in verdicts} == {tier}
    assert psutil.Process().memory_info().rss - peak < 200 << 20
    canaries.check()
    assert threading.active_count() < 20
