"""What makes the sandbox fast takes nothing from its verdicts."""

import itertools
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sandbox import FAST, SEND, outcome
from walls import BOTH

from harness.sandbox import Execution, Program, tiers, wire

if sys.platform == "linux":
    from harness.sandbox import worker, workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tiers A and B are Linux's")


ZYGOTE_MODULES = ("boxes", "child", "judge", "linux", "rehearsal", "seccomp", "wire", "zygote")
DRIBBLES = {
    "a message that ends early": "os.write(FD, b'\\x09'); time.sleep(60)",
    "a message in single bytes": "os.write(FD, struct.pack('<I', 1 << 20))\n    while True: os.write(FD, b' '); time.sleep(0.02)",
}


@pytest.mark.parametrize("dribble", DRIBBLES.values(), ids=DRIBBLES)
def test_an_answer_that_never_ends_is_out_of_time_like_none(dribble):
    started = time.monotonic()
    verdict = outcome(f"{SEND}import time\ndef f():\n    {dribble}", "f()", spec=FAST)
    assert (verdict.status, "by the clock" in verdict.message) == ("timeout", True), verdict
    assert time.monotonic() - started < FAST.timeout_s + tiers.GRACE_S + 3


@BOTH
def test_a_program_that_stops_reading_is_out_of_time_like_one_that_stops_answering(tier):
    code = f"{SEND}import time\ndef f(x):\n    say(['r', 5, None])\n    time.sleep(60)"
    tests = "assert f(1) == 5\nassert f('x' * 6_000_000) == 5"
    started = time.monotonic()
    verdict = outcome(code, tests, spec=FAST, tier=tier)
    assert (verdict.status, "by the clock" in verdict.message) == ("timeout", True), verdict
    assert time.monotonic() - started < FAST.timeout_s + tiers.GRACE_S + 3


def test_a_question_larger_than_any_buffer_reaches_a_program_that_reads():
    size = 6_000_000
    assert outcome("def f(x): return len(x)", f"assert f('x' * {size}) == {size}").status == "passed"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=12), st.lists(st.integers(1, 400), min_size=1))
def test_messages_arrive_whole_however_the_stream_cuts_them(messages, cuts):
    theirs, ours = socket.socketpair()
    with theirs, ours:
        stream = b"".join(wire.HEAD.pack(len(message)) + message for message in messages)
        rest = stream
        for cut in itertools.cycle(cuts):
            theirs.sendall(rest[:cut])
            rest = rest[cut:]
            if not rest:
                break
        channel = wire.MessageChannel(ours)
        assert [channel.receive() for _ in messages] == messages
        theirs.close()
        with pytest.raises(wire.ClosedError):
            channel.receive()


@BOTH
def test_a_program_finds_nothing_of_what_its_zygote_rehearsed(tier):
    code = "import sys, random, solution\ndef f(): return sorted(vars(solution))[-4:], sys.argv, random.random()"
    tests = "import random\nrandom.seed(0)\nassert f() == (['f', 'random', 'solution', 'sys'], ['solution.py'], random.random())"
    assert outcome(code, tests, tier=tier).status == "passed"


class Sleeper:
    """A worker that sleeps as long as the program says, and notes when."""

    log: ClassVar[list[tuple[float, float]]] = []

    def __init__(self, *args: object) -> None:
        assert args[-1] == 0  # the one CPU

    def run(self, program: Program) -> Execution:
        started = time.monotonic()
        time.sleep(float(program.code))
        self.log.append((started, time.monotonic()))
        return Execution("passed", "", 0.0, "B")

    def close(self) -> None:
        pass


@pytest.fixture
def one_cpu(monkeypatch):
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(workers, "Worker", Sleeper)
    Sleeper.log.clear()


def test_a_cpus_second_worker_waits_while_the_first_is_busy(one_cpu):
    naps = ["0.002"] * 200 + ["0.6"] + ["0.002"] * 50
    workers.run([Program(nap, "", "f") for nap in naps], tiers.limits(FAST), "B")
    (slow,) = [(a, b) for a, b in Sleeper.log if b - a > 0.5]
    assert not [a for a, b in Sleeper.log if slow[0] + workers.QUICK_S + 0.05 < a < slow[1]]
    beside = sum(a < d and c < b for (a, b), (c, d) in itertools.pairwise(sorted(Sleeper.log)))
    assert beside > 20  # while they were quick there were two


def test_for_few_programs_no_second_worker_is_started(one_cpu):
    workers.run([Program("0.002", "", "f")] * (2 * workers.WORTH - 1), tiers.limits(FAST), "B")
    assert not [1 for (_, end), (start, _) in itertools.pairwise(sorted(Sleeper.log)) if start < end]


@BOTH
def test_chance_is_the_same_for_programs_that_read_standard_input(tier):
    code = "import random\nprint(random.random())"
    assert (
        outcome(
            code,
            "import random\nrandom.seed(0)\nassert float(run('')) == float(run('')) == random.random()",
            "__main__",
            tier,
        ).status
        == "passed"
    )


def test_what_is_forked_holds_no_module_that_the_zygote_does_not_need():
    """A module more makes every fork dearer: `dataclasses` alone, with what it imports, 35 page faults a program."""
    boot = worker.BOOT.replace("main()", "print(*sorted(sys.modules))")
    folder = Path(worker.__file__).parent
    said = subprocess.run(
        [sys.executable, "-P", "-s", "-S", "-c", boot, folder], capture_output=True, text=True, check=True
    )
    modules = set(said.stdout.split())
    assert {"harness.sandbox.child", "harness.sandbox.judge", "harness.sandbox.boxes"} <= modules
    assert not modules & {"dataclasses", "inspect", "threading", "logging", "asyncio", "pathlib", "ctypes.util"}
    assert {name for name in modules if name.startswith("harness")} == {
        "harness", "harness.sandbox", *(f"harness.sandbox.{name}" for name in ZYGOTE_MODULES)
    }  # fmt: skip
