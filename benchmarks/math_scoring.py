"""Accuracy and speed of the math scorer beside other graders, in one run on one machine.

    python benchmarks/math_scoring.py path/to/data

The folder holds `math_equivalence_dev.jsonl` (gold, text, `is_equiv`, `ambiguous`, `cat`) and
`gsm8k_model_solutions.jsonl` (four models, `is_correct`). Malicious rows are given to our scorer alone: some graders
run or never finish them. The mean time is CPU time of this process and its children, the median is of the clock.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from harness.records import Answer, Score
from harness.scorers import math as ours
from harness.scorers._math import workers
from harness.specs import SandboxSpec

Row = dict[str, Any]
Grader = Callable[[str, str], bool]


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    rows = read(data / "math_equivalence_dev.jsonl")
    compare_graders([row for row in rows if row["cat"] != "malicious"])
    confusion(rows)
    malicious([row for row in rows if row["cat"] == "malicious"])
    final_lines(read(data / "gsm8k_model_solutions.jsonl"))
    workers.close()


def read(path: Path) -> list[Row]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def judged(pairs: list[tuple[str, str]]) -> list[Score]:
    """Our scores."""
    return ours.score([Answer({}, gold, text) for gold, text in pairs], SandboxSpec())


# Graders ------------------------------------------------------------------------------------------------------


def math_verify() -> Grader:
    """math-verify as its README uses it: parse both, verify."""
    from math_verify import parse, verify

    def grade(gold: str, text: str) -> bool:
        return bool(verify(parse(f"${gold}$"), parse(text)))

    return grade


def hendrycks() -> Grader:
    """lm-eval's `hendrycks_math`: what stands between the first and the last dollar, normalised as a string."""
    from lm_eval.tasks.hendrycks_math import utils

    def grade(gold: str, text: str) -> bool:
        places = [index for index, char in enumerate(text) if char == "$"]
        answer = text[places[0] + 1 : places[-1]] if len(places) > 1 else text
        boxed = utils.last_boxed_only_string(text)
        if boxed is not None:
            try:
                answer = utils.remove_boxed(boxed)
            except AssertionError:
                return False
        return bool(utils.is_equiv(answer, gold))

    return grade


def our_grader(gold: str, text: str) -> bool:
    """Ours, one answer at a time."""
    return judged([(gold, text)])[0].value == 1.0


def compare_graders(rows: list[Row]) -> None:
    """Accuracy, false accepts, false rejects and time of every grader on ordinary rows."""
    clear = [row for row in rows if not row["ambiguous"]]
    our_grader(r"\sqrt{2}", r"\boxed{\sqrt{3}}")
    print(f"\n{len(clear)} ordinary rows with a clear label\n")
    print("| grader | accuracy | false accepts | false rejects | median µs | mean µs | times ours |")
    print("|---|---|---|---|---|---|---|")
    mean = 0.0
    for name, grade in (("harness", our_grader), ("math-verify", math_verify()), ("lm-eval hendrycks", hendrycks())):
        verdicts, times = [], []
        cpu = cpu_seconds()
        for row in clear:
            started = time.perf_counter()
            verdicts.append(grade(row["gold"], row["text"]))
            times.append(time.perf_counter() - started)
        spent = (cpu_seconds() - cpu) / len(clear)
        accepts = sum(equal and not row["is_equiv"] for row, equal in zip(clear, verdicts, strict=True))
        rejects = sum(not equal and row["is_equiv"] for row, equal in zip(clear, verdicts, strict=True))
        mean = mean or spent
        print(
            f"| {name} | {1 - (accepts + rejects) / len(clear):.3f} | {accepts} | {rejects} "
            f"| {statistics.median(times) * 1e6:.0f} | {spent * 1e6:.0f} | {spent / mean:.1f} |"
        )
    kinds = ("fmt", "real_gsm8k")
    plain = [row for row in clear if re.fullmatch(r"-?[\d.,]+", row["gold"]) and row["cat"].startswith(kinds)]
    started = time.process_time()
    judged([(row["gold"], row["text"]) for row in plain] * 20)
    each = (time.process_time() - started) / len(plain) / 20
    print(f"\nplain numbers, {len(plain)} answers in one call: {each * 1e6:.0f} µs an answer")


def cpu_seconds() -> float:
    """CPU time of this process and its living children."""
    here = psutil.Process()
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in here.children())


# Ours alone ---------------------------------------------------------------------------------------------------


def confusion(rows: list[Row]) -> None:
    """Our verdicts by class of answer."""
    scores = judged([(row["gold"], row["text"]) for row in rows])
    print("\n| class | rows | ambiguous | right accepted | right refused | wrong refused | wrong accepted |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted({row["cat"] for row in rows}):
        cells = {(label, equal): 0 for label in (True, False) for equal in (True, False)}
        here = [(row, score) for row, score in zip(rows, scores, strict=True) if row["cat"] == name]
        for row, score in here:
            if not row["ambiguous"]:
                cells[row["is_equiv"], score.value == 1.0] += 1
        unclear = sum(row["ambiguous"] for row, _ in here)
        counts = " | ".join(str(cells[key]) for key in ((True, True), (True, False), (False, False), (False, True)))
        print(f"| {name} | {len(here)} | {unclear} | {counts} |")


def malicious(rows: list[Row]) -> None:
    """The slowest malicious rows, each on its own."""
    times = []
    for row in rows:
        started = time.perf_counter()
        score = judged([(row["gold"], row["text"])])[0]
        times.append((time.perf_counter() - started, score.status, (score.value == 1.0) == row["is_equiv"]))
    slowest, right = max(times), sum(right for *_, right in times)
    print(f"\n{len(rows)} malicious rows: {right} right, slowest {slowest[0]:.3f} s ({slowest[1]})")


def final_lines(rows: list[Row]) -> None:
    """Real solutions with their last line in four forms, beside lm-eval's two GSM8K filters."""
    strict, flexible = re.compile(r"#### (\-?[0-9\.\,]+)"), re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")

    def clean(text: str) -> str:
        return re.sub(r",|\$|\.$", "", text)

    def by_lm_eval(pattern: re.Pattern[str], gold: str, text: str) -> bool:
        found = [next(filter(None, match.groups()), "") for match in pattern.finditer(text)]
        return bool(found) and clean(found[0 if pattern is strict else -1]) == clean(gold)

    forms = {
        "A: 18": "A: {}",
        "#### 18": "#### {}",
        "boxed": "$\\boxed{{{}}}$",
        "The answer is 18.": "The answer is {}.",
        "none": "",
    }
    print("\n| final line | n | published accuracy | harness | agreement | lm-eval strict | lm-eval flexible |")
    print("|---|---|---|---|---|---|---|")
    for name, form in forms.items():
        cases = []
        for row in rows:
            gold = row["ground_truth"].rsplit("A: ", 1)[1].strip()
            for answer in (value for value in row.values() if isinstance(value, dict)):
                final = re.search(r"\n?A: ([^\n]*)\s*$", answer["solution"])
                text = answer["solution"]
                text = f"{text[: final.start()]}\n{form.format(final.group(1))}" if final else text
                cases.append((gold, text, bool(answer["is_correct"])))
        verdicts = [score.value == 1.0 for score in judged([case[:2] for case in cases])]
        n = len(cases)
        agreement = sum(equal == case[2] for equal, case in zip(verdicts, cases, strict=True)) / n
        peers = [sum(by_lm_eval(pattern, *case[:2]) for case in cases) / n for pattern in (strict, flexible)]
        published = sum(case[2] for case in cases) / n
        print(
            f"| {name} | {n} | {published:.3f} | {sum(verdicts) / n:.3f} | {agreement:.4f} "
            f"| {peers[0]:.3f} | {peers[1]:.3f} |"
        )


if __name__ == "__main__":
    main()
