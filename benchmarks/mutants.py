"""Whether small mistakes in reference solutions fail in the sandbox as they do when the tests are run plainly.

    python benchmarks/mutants.py --data FOLDER [--sets HumanEval mbpp HumanEvalPlus MbppPlus] [--each 1000] [--seed 1]

FOLDER holds HumanEval.jsonl.gz, mbpp.jsonl, HumanEvalPlus.jsonl.gz and MbppPlus.jsonl.gz as published. Every mutant of
every task is tried, or at most `--each` a task, drawn by seed. The peer is the same tests run with the mutant in one
process, without a sandbox: fine for code that we wrote. A mutant that passes there changes no behaviour that the tests
can see.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import codesets  # noqa: E402
import mutants  # noqa: E402

from harness.sandbox import Program, run  # noqa: E402
from harness.specs import SandboxSpec  # noqa: E402
from harness.stats.intervals import wilson  # noqa: E402

SETS = {
    "HumanEval": ("HumanEval.jsonl.gz", SandboxSpec(timeout_s=1)),
    "mbpp": ("mbpp.jsonl", SandboxSpec(timeout_s=1)),
    "HumanEvalPlus": ("HumanEvalPlus.jsonl.gz", SandboxSpec(timeout_s=5, memory_mb=2048)),
    "MbppPlus": ("MbppPlus.jsonl.gz", SandboxSpec(timeout_s=5, memory_mb=2048)),
}


def programs(name: str, path: Path) -> list[tuple[str, Program]]:
    """The reference solutions of a set with their tests, by task."""
    found = []
    for row in codesets.rows(path):
        if name == "HumanEval":
            program = codesets.humaneval(row, row["prompt"] + row["canonical_solution"])
        else:
            program = codesets.mbpp(row) if name == "mbpp" else codesets.plus(row)
        found.append((str(row["task_id"]), program))
    return found


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["HumanEval", "mbpp"], choices=SETS)
    parser.add_argument("--each", type=int, default=1000)
    parser.add_argument("--every", type=int, default=1, help="Of the tasks, every n-th alone.")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for name in chosen.sets:
        file, spec = SETS[name]
        draw = random.Random(chosen.seed)
        made: list[tuple[str, str, Program]] = []
        tasks = programs(name, chosen.data / file)[:: chosen.every]
        for task, program in tasks:
            changes = list(mutants.mutants(program.code))
            for change, code in draw.sample(changes, min(chosen.each, len(changes))):
                made.append((task, change, Program(code, program.tests, program.entry_point, program.helpers)))
        plain = mutants.plainly([(program.code, program.tests) for *_, program in made], spec.timeout_s, spec.memory_mb)
        verdicts = run([program for *_, program in made], spec)
        caught = [verdict for verdict, passed in zip(verdicts, plain, strict=True) if not passed]
        missed = [
            item
            for item, verdict, passed in zip(made, verdicts, plain, strict=True)
            if not passed and verdict.status == "passed"
        ]
        strict = [
            (task, change, verdict)
            for (task, change, _), verdict, passed in zip(made, verdicts, plain, strict=True)
            if passed and verdict.status != "passed"
        ]
        n = len(caught)
        low, high = wilson((n - len(missed)) / n, n)
        print(
            f"{name}: {len(made)} mutants of {len(tasks)} tasks; the plain tests catch {n}, and of these the sandbox "
            f"{n - len(missed)} ({(n - len(missed)) / n:.2%}, 95 % interval {low:.2%} to {high:.2%}); of the "
            f"{len(made) - n} that pass plainly it fails {len(strict)}"
        )
        print("  verdicts of those caught:", dict(Counter(verdict.status for verdict in caught)))
        for task, change, _ in missed[:20]:
            print(f"  missed: {task}: {change}")
        for task, change, verdict in strict[:20]:
            print(f"  stricter: {task}: {change}: {verdict.status} {verdict.message[:90]}")


if __name__ == "__main__":
    main()
