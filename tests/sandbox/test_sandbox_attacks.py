"""Attacks of many classes: none is believed, none learns anything, none harms the one after it; each ends in time."""

import dataclasses
import os
import random
import subprocess
import time
from pathlib import Path

import codesets
import mutants
import pytest
from attacks import ATTACKS, TESTS
from test_sandbox import FAST, canaries  # noqa: F401 - a fixture
from test_sandbox_hostile import Canaries
from walls import ALL, BOTH, linux, need

from harness.sandbox import Program, run
from harness.specs import SandboxSpec

pytestmark = linux


@ALL
@pytest.mark.slow
def test_no_class_of_attack_is_believed_learns_anything_or_harms_the_next(tier: str, canaries: Canaries) -> None:  # noqa: F811
    need(tier)
    honest = Program("def f(n): return n + 1", TESTS, "f")
    programs = [program for code in ATTACKS.values() for program in (Program(code, TESTS, "f"), honest)]
    verdicts = run(programs, FAST, tier=tier)
    attacked = dict(zip(ATTACKS, verdicts[::2], strict=True))
    assert {name: v for name, v in attacked.items() if v.status == "passed" or "LEAK" in v.message} == {}
    assert {v.status for v in verdicts[1::2]} == {"passed"}
    canaries.check()


def burn(seconds: float) -> float:
    """How many seconds one CPU second takes by the clock now: 1 where a CPU is free."""
    started, until = time.monotonic(), time.process_time() + seconds
    while time.process_time() < until:
        pass
    return (time.monotonic() - started) / seconds


ENDLESS = {
    "sleeps": "import time\ndef f(n): time.sleep(60)",
    "spins": "def f(n):\n    while True: pass",
    "ignores every signal": "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ndef f(n):\n    while True: pass",
    "floods its output": "def f(n):\n    while True: print('x' * 10000)",
    "forks": "import os\ndef f(n):\n    while True:\n        try: os.fork()\n        except OSError: pass",
    "starts threads": "import threading\ndef go():\n    while True: pass\ndef f(n):\n    while True:\n        try: threading.Thread(target=go, daemon=True).start()\n        except RuntimeError: pass",
    "answers with colliding hashes": "def f(n): return {i * (2 ** 61 - 1) for i in range(1, 100_000)}",
    "answers one more item for ever": "def f(n):\n    while True: yield n",
    "answers slowly": "import time\ndef f(n):\n    while True:\n        time.sleep(0.05)\n        yield n",
    "writes files": "def f(n):\n    i = 0\n    while True:\n        i += 1\n        try: open(str(i % 4000), 'w').write('x' * 1000)\n        except OSError: pass",
    "stops while it loads": "while True: pass",
    "catches everything": "def f(n):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
}  # fmt: skip


@BOTH
@pytest.mark.slow
def test_a_verdict_arrives_within_its_limit_and_one_and_a_half_seconds(tier: str) -> None:
    """By the clock where a CPU is free; on a busy machine, that many times as long as CPU time takes there."""
    need(tier)
    from harness.sandbox import tiers
    from harness.sandbox.worker import Worker

    limit = 0.2
    wrong = {}
    worker = Worker(tier, tiers.limits(SandboxSpec(timeout_s=limit)))
    try:
        worker.run(Program("def f(n): return 1", "f(1)", "f"))
        for kind, code in ENDLESS.items():
            before = burn(0.1)
            started = time.monotonic()
            verdict = worker.run(Program(code, "a = f(1)\nfor _ in a: pass", "f"))
            seconds = time.monotonic() - started
            slowed = max(1.0, before, burn(0.1))
            noise = 1 if slowed < 1.2 else 2  # a sample of a tenth of a second is no more than that
            ends = verdict.status in {"timeout", "error"}
            in_time = seconds < (limit + 1.5) * slowed * noise
            # CPU time needs no allowance for load.
            if not (ends and in_time and verdict.cpu_s is not None and verdict.cpu_s < limit + 0.5):
                wrong[kind] = (seconds, slowed, verdict)
    finally:
        worker.close()
    assert not wrong


@BOTH
@pytest.mark.slow
def test_nothing_outlives_a_run_of_attacks_with_many_workers(tier: str, canaries: Canaries) -> None:  # noqa: F811
    need(tier)
    groups = subprocess.run(["find", "/sys/fs/cgroup", "-name", "*harness*"], capture_output=True, check=False).stdout
    fds = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    programs = [Program(code, "f(1)", "f") for code in ENDLESS.values()] * 2
    run(programs, SandboxSpec(timeout_s=0.2), tier=tier, workers=6)
    canaries.check()
    assert len(os.listdir("/proc/self/fd")) == fds  # noqa: PTH208
    after = subprocess.run(["find", "/sys/fs/cgroup", "-name", "*harness*"], capture_output=True, check=False).stdout
    assert after == groups, "no control group is made"


@pytest.mark.slow
def test_small_mistakes_in_reference_solutions_fail_as_they_do_without_a_sandbox(shared_data: Path) -> None:
    """A sample; `benchmarks/mutants.py` tries them all."""
    draw = random.Random(1)
    programs = []
    for task_id, row in list(codesets.humaneval_rows(shared_data).items())[::4]:
        right = codesets.humaneval(row, row["prompt"] + row["canonical_solution"])
        made = list(mutants.mutants(right.code))
        for change, code in draw.sample(made, min(3, len(made))):
            programs.append((task_id, change, dataclasses.replace(right, code=code)))
    plain = mutants.plainly([(program.code, program.tests) for *_, program in programs], 1.0, 512)
    verdicts = run([program for *_, program in programs], SandboxSpec(timeout_s=1))
    caught = plain.count(False)
    assert caught > 60
    disagree = [
        (task_id, change, verdict)
        for (task_id, change, _), passed, verdict in zip(programs, plain, verdicts, strict=True)
        if passed != (verdict.status == "passed")
    ]
    assert len(disagree) <= caught // 100, disagree
