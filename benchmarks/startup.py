"""How much CPU does `harness` take before it does its work, beside importing lm-eval's evaluator alone?

Run: python benchmarks/startup.py [RUNS]

Prints the least and the median CPU seconds (user + system) of whole processes over RUNS runs (default 7), which take
turns, and the ratios of both that matter: a missing file is told within 1.2 x of `--cfg job`, that within 3 x of
`--help`, and one request with its score, the index and the leaderboard takes at most 1.3 x of `import
lm_eval.evaluator`, which any run through lm-eval pays. The request is timed with the `fake` backend, so no model is
loaded.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FAKE = "# @package models.fake\nname: fake\nbackend: fake\n"
PEER, HELP, CONFIG = "import lm_eval.evaluator", "harness --help", "harness eval --cfg job"
MISSING, KEYLESS, WHOLE = "a data file that is not there", "a key that is not set", "one request to the end"
RATIOS = ((CONFIG, HELP, 3.0), (MISSING, CONFIG, 1.2), (KEYLESS, CONFIG, 1.4), (WHOLE, PEER, 1.3))
"""What is compared with what, and the ratio it should not exceed."""


def cpu(command: list[str], folder: Path, code: int) -> float:
    """CPU seconds of one finished process and its children.

    Raises:
        RuntimeError: it ended with another code.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}, expected {code}: {done.stderr[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(number: int) -> dict[str, tuple[list[str], int]]:
    """What is timed, and the exit code it should have; a seed of its own makes every run a new one."""
    harness = [sys.executable, "-m", "harness"]
    one = [*harness, "eval", "model=fake", "task=word_problems", "limit=1"]
    return {
        PEER: ([sys.executable, "-c", "import lm_eval.evaluator"], 0),
        HELP: ([*harness, "--help"], 0),
        CONFIG: ([*one, "--cfg", "job"], 0),
        MISSING: ([*harness, "eval", "model=fake", "task=gsm8k", "task.data=not-there.jsonl"], 3),
        KEYLESS: ([*harness, "eval", "model=gpt_4o", "task=word_problems", "results_dir=none"], 4),
        WHOLE: ([*one, f"seed={number}"], 0),
    }


def main() -> None:
    """Time the commands in turn and print a line each."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    os.environ.pop("OPENAI_API_KEY", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # libraries have their bytecode, and so has what is installed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf" / "model").mkdir(parents=True)
        (folder / "conf" / "model" / "fake.yaml").write_text(FAKE)
        taken: dict[str, list[float]] = {}
        for number in range(runs):
            for label, (command, code) in commands(number).items():
                taken.setdefault(label, []).append(cpu(command, folder, code))
    least = {label: min(seconds) for label, seconds in taken.items()}
    median = {label: statistics.median(seconds) for label, seconds in taken.items()}
    print(f"{os.cpu_count()} cores, {runs} runs of each in turn, load {os.getloadavg()[0]:.1f}: least, median")
    for label in taken:
        print(f"{label:32} {least[label]:6.2f} {median[label]:6.2f} CPU s")
    for label, base, most in RATIOS:
        ratios = " ".join(f"{held[label] / held[base]:6.2f}" for held in (least, median))
        print(f"{label:32} {ratios} x {base} (at most {most:g})")


if __name__ == "__main__":
    main()
