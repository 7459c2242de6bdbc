"""Two groups of different documents: the difference of their means with its interval, and whether chance explains it.

For what cannot be paired, such as a model's answers to problems from before and after its release.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.stats import intervals


@dataclass(frozen=True, slots=True)
class Unpaired:
    """The mean of one group of documents less that of another."""

    n_a: int
    n_b: int
    value_a: float
    value_b: float
    difference: float
    low: float | None
    """Lower limit of its 95 % interval. `None` if there is none."""
    high: float | None
    method: Literal["newcombe", "welch", "none"]
    p_value: float | None
    test: Literal["fisher_exact", "welch_t", "none"]


def compare_groups(a: Sequence[float], b: Sequence[float], *, binary: bool) -> Unpaired:
    """Compare the means of two groups of documents that have none in common.

    Args:
        a: one number per document of the first group, the mean of its repeats.
        b: those of the second.
        binary: every number is 0 or 1: Newcombe's interval and Fisher's exact test, else Welch's.

    Raises:
        ValueError: a group is empty.
    """
    if not a or not b:
        raise ValueError("a group without documents has no mean")
    value_a, value_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    difference = value_a - value_b
    if binary:
        right_a, right_b = round(math.fsum(a)), round(math.fsum(b))
        low, high = newcombe(right_a, len(a), right_b, len(b))
        p_value = fisher(right_a, len(a), right_b, len(b))
        return Unpaired(len(a), len(b), value_a, value_b, difference, low, high, "newcombe", p_value, "fisher_exact")
    return _welch(a, b, value_a, value_b)


def _welch(a: Sequence[float], b: Sequence[float], value_a: float, value_b: float) -> Unpaired:
    difference = value_a - value_b
    none = Unpaired(len(a), len(b), value_a, value_b, difference, None, None, "none", None, "none")
    if min(len(a), len(b)) < 2:  # noqa: PLR2004 - a variance takes two
        return none
    parts = [
        math.fsum((x - mean) ** 2 for x in group) / (len(group) - 1) / len(group)
        for group, mean in ((a, value_a), (b, value_b))
    ]
    error = math.sqrt(sum(parts))
    if not error:
        return none
    df = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, (a, b), strict=True))
    half = intervals.t_quantile(df) * error
    from scipy.special import stdtr

    p_value = float(2 * stdtr(df, -abs(difference / error)))
    return Unpaired(
        len(a), len(b), value_a, value_b, difference, difference - half, difference + half, "welch", p_value, "welch_t"
    )


def newcombe(right_a: int, n_a: int, right_b: int, n_b: int) -> tuple[float, float]:
    """Interval of the difference of two independent shares: the hybrid of their Wilson intervals.

    Source: Newcombe (1998), method 10,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    share_a, share_b = right_a / n_a, right_b / n_b
    (low_a, high_a), (low_b, high_b) = intervals.wilson(share_a, n_a), intervals.wilson(share_b, n_b)
    centre = share_a - share_b
    low = centre - math.hypot(share_a - low_a, high_b - share_b)
    high = centre + math.hypot(high_a - share_a, share_b - low_b)
    return max(-1.0, low), min(1.0, high)


def fisher(right_a: int, n_a: int, right_b: int, n_b: int) -> float:
    """Fisher's exact test, two-sided: the chance of all tables no likelier than the one that was found.

    Source: Fisher (1935), The Design of Experiments, section 21. The two-sided form is that of R's fisher.test.
    """
    right = right_a + right_b
    logs = {
        k: _choose(n_a, k) + _choose(n_b, right - k) - _choose(n_a + n_b, right)
        for k in range(max(0, right - n_b), min(n_a, right) + 1)
    }
    least = logs[right_a] + 1e-7
    return min(1.0, math.fsum(math.exp(log) for log in logs.values() if log <= least))


def _choose(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
