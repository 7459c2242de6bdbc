"""How often 95 % intervals hold the truth, and how often equal models are called different: ours beside lm-eval's.

    python benchmarks/intervals.py [EVALUATIONS]

lm-eval prints a score with the standard error of its mean (`lm_eval.api.metrics.mean_stderr`), which is read as
plus or minus 1.96 of them, and compares two models by whether these intervals overlap or by a z-test of the two
standard errors, as if they had answered different problems.
"""

import sys
import time

import numpy as np
from lm_eval.api.metrics import mean_stderr

from harness import stats
from harness.stats import pairs

Z = 1.96


def lm_eval_interval(values: list[float]) -> tuple[float, float]:
    """What a reader makes of lm-eval's `acc` and `acc_stderr`."""
    mean, error = sum(values) / len(values), mean_stderr(values)
    return mean - Z * error, mean + Z * error


def coverage(evaluations: int) -> None:
    """One score, one answer per problem."""
    rng = np.random.default_rng(1)
    print(
        f"\nIntervals that hold the truth, {evaluations} evaluations (nominal .950)\n\n    n  share  harness  lm-eval"
    )
    for n in (20, 50, 200):
        for share in (0.02, 0.1, 0.5, 0.9, 0.98):
            ours = theirs = 0
            for k in rng.binomial(n, share, size=evaluations).tolist():
                values = [1.0] * k + [0.0] * (n - k)
                low, high = lm_eval_interval(values)
                theirs += low <= share <= high
                found = stats.estimate([[value] for value in values], binary=True)
                ours += found.low is not None and found.high is not None and found.low <= share <= found.high
            print(f"{n:5} {share:6.2f} {ours / evaluations:8.3f} {theirs / evaluations:8.3f}")


def repeats(evaluations: int) -> None:
    """Eight answers to every problem, which agree within a problem by .5."""
    rng = np.random.default_rng(4)
    print(f"\nEight answers a problem, agreement .5, {evaluations} evaluations\n\n    n  share  harness  lm-eval")
    for n in (20, 50, 200):
        for share in (0.02, 0.1, 0.5, 0.9, 0.98):
            ours = theirs = 0
            for _ in range(evaluations):
                chances = rng.beta(share, 1 - share, size=n)
                values = (rng.random((n, 8)) < chances[:, None]).astype(float)
                low, high = lm_eval_interval(values.mean(axis=1).tolist())
                theirs += low <= share <= high
                found = stats.estimate(values.tolist(), binary=True)
                ours += found.low is not None and found.high is not None and found.low <= share <= found.high
            print(f"{n:5} {share:6.2f} {ours / evaluations:8.3f} {theirs / evaluations:8.3f}")


def differences(evaluations: int) -> None:
    """Two models on the same 200 problems, whose answers correlate; the second is as good, or 8 points worse."""
    rng = np.random.default_rng(2)
    print("\nTwo models called different on 200 problems\n\n                harness  lm-eval")
    for name, gap in (("equal", 0.0), ("8 points apart", 0.08)):
        ours = theirs = 0
        for _ in range(evaluations):
            skill = rng.beta(0.5, 0.5, size=200)
            both = rng.random((2, 200)) < skill
            both[1] &= rng.random(200) >= gap / 0.5
            a, b = both.astype(float).tolist()
            z = (np.mean(a) - np.mean(b)) / np.hypot(mean_stderr(a), mean_stderr(b))
            theirs += abs(z) > Z
            sides = [{i: [value] for i, value in enumerate(side)} for side in (a, b)]
            p = pairs.compare(*sides, binary=True).p_value
            ours += p is not None and p < 0.05  # noqa: PLR2004 - the level
        print(f"{name:15} {ours / evaluations:7.3f} {theirs / evaluations:8.3f}")


def speed() -> None:
    """One score of 1,319 problems."""
    values = np.random.default_rng(3).integers(0, 2, size=1319).astype(float).tolist()
    docs = [[value] for value in values]
    times = []
    for function, argument in ((lambda x: stats.estimate(x, binary=True), docs), (lm_eval_interval, values)):
        function(argument)  # type: ignore[operator]
        begun = time.process_time()
        for _ in range(200):
            function(argument)  # type: ignore[operator]
        times.append((time.process_time() - begun) / 200)
    print(f"\nOne score of 1,319 problems: {times[0] * 1e3:.2f} ms, {times[0] / times[1]:.1f} times lm-eval's")


if __name__ == "__main__":
    evaluations = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    coverage(evaluations)
    repeats(evaluations)
    differences(evaluations // 2)
    speed()
