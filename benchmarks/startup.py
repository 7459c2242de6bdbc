"""How much CPU does `harness` take before it does its work, beside importing lm-eval's evaluator alone?

Run: python benchmarks/startup.py [RUNS]

Prints the median CPU seconds (user + system) of whole processes over RUNS runs (default 5), and their ratio to the
peer, `import lm_eval.evaluator`, which any run through lm-eval pays. The first request is timed with the `fake`
backend, so no model is loaded.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FAKE = "# @package models.fake\nname: fake\nbackend: fake\n"


def cpu(command: list[str], folder: Path) -> float:
    """CPU seconds of one finished process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time the three commands in turn and print a line each."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    harness = [sys.executable, "-m", "harness"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf" / "model").mkdir(parents=True)
        (folder / "conf" / "model" / "fake.yaml").write_text(FAKE)
        times: dict[str, list[float]] = {}
        for number in range(runs):
            # A seed of its own makes every run a new one: one request, its score, the index, the leaderboard.
            one = [*harness, "eval", "model=fake", "task=word_problems", "limit=1", f"seed={number}"]
            for label, command in {
                "import lm_eval.evaluator": [sys.executable, "-c", "import lm_eval.evaluator"],
                "harness --help": [*harness, "--help"],
                "harness eval, one request to the end": one,
            }.items():
                times.setdefault(label, []).append(cpu(command, folder))
    peer = statistics.median(times["import lm_eval.evaluator"])
    print(f"{os.cpu_count()} cores, median of {runs}")
    for label, values in times.items():
        median = statistics.median(values)
        print(f"{label:40} {median:6.2f} CPU s   {median / peer:5.2f} x")


if __name__ == "__main__":
    main()
