"""How small a difference a comparison can see, and how many items a wanted one needs. Plan first, then run.

Miller (2024), "Adding Error Bars to Evals", section 5, https://arxiv.org/abs/2411.00640: with K answers of either
model to each of n items, the mean paired difference has the variance (w + s_A/K + s_B/K)/n, where w is the variance
over items of the difference of true chances, and s the mean variance of an answer about its item's chance. For
right-or-wrong answers of accuracy p both follow from two numbers that can be looked up:

- agreement: the correlation of two answers of one model to one item. s = (1 - agreement) p(1-p).
- correlation: that of the two models' answers to one item. w = 2 (agreement - correlation) p(1-p).

Their defaults are medians over real models: correlation over 2,485 pairs of models on farel_bench (.34), 15 on GSM8K
(.34) and 28 on MATH level 5 (.40). Agreement over 41 models on farel_bench (.51).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.stats import intervals

ALPHA = 1 - intervals.CONFIDENCE
"""Chance of calling two equal models different, two-sided."""
POWER = 0.8
"""Chance of seeing a difference that is there: the field's custom (Cohen 1988)."""
CORRELATION = 0.35
AGREEMENT = 0.5
MOST_ITEMS = 100_000_000


@dataclass(frozen=True, slots=True)
class Design:
    """How two models are to be compared: on the same items, with the same number of answers each."""

    repeats: int = 1
    """Answers of either model to each item."""
    accuracy: float = 0.5
    """Share of right answers, about that of either model. 0.5 is the worst case."""
    correlation: float = CORRELATION
    """Of the two models' answers to one item, at most `agreement`."""
    agreement: float = AGREEMENT
    """Of two answers of one model to one item. 1 for greedy decoding."""
    design_effect: float = 1.0
    """How much sources shared by items inflate the variance: `1 + (items per source - 1) * their correlation`."""
    power: float = POWER
    """Chance of seeing a difference that is there."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is out of its range.
        """
        if not 0 < self.accuracy < 1:
            raise ValueError(f"accuracy must be above 0 and below 1, found {self.accuracy}")
        if self.repeats < 1:
            raise ValueError(f"repeats must be 1 or more, found {self.repeats}")
        if not 0 <= self.correlation <= self.agreement <= 1:
            raise ValueError(
                f"needs 0 <= correlation <= agreement <= 1, found correlation {self.correlation}, agreement "
                f"{self.agreement}: two models cannot agree with each other more than each agrees with itself"
            )
        if self.design_effect < 1 or not 0 < self.power < 1:
            raise ValueError(f"needs design_effect >= 1, 0 < power < 1, found {self.design_effect}, {self.power}")

    def variance(self) -> float:
        """Variance of one item's difference between two models, each item's repeats averaged."""
        noise = (1 - self.agreement) / self.repeats
        return 2 * self.accuracy * (1 - self.accuracy) * (self.agreement + noise - self.correlation)

    def detectable_difference(self, n: int) -> float | None:
        """The smallest true difference in accuracy that comparing two models on the same n items is likely to see.

        Returns:
            A difference in (0, 1), in the unit of accuracy. `None` if not even the largest can be seen.

        Raises:
            ValueError: n is below 1.
        """
        if n < 1:
            raise ValueError(f"needs n >= 1, found {n}")
        if n <= self.design_effect * 2:
            return None
        error = math.sqrt(self.variance() * self.design_effect / n)
        found = detectable(error, n / self.design_effect - 1, self.power)
        return found if found < 1 else None

    def items_needed(self, difference: float) -> int:
        """The fewest items on which comparing two models is likely to see a true difference of this size.

        Args:
            difference: in the unit of accuracy, above 0 and below 1.

        Raises:
            ValueError: a difference out of its range, or one that needs more than `MOST_ITEMS`.
        """
        if not 0 < difference < 1:
            raise ValueError(f"difference must be above 0 and below 1, found {difference}")

        def enough(n: int) -> bool:
            found = self.detectable_difference(n)
            return found is not None and found <= difference

        low, high = 0, 2
        while not enough(high):
            low, high = high, high * 2
            if low > MOST_ITEMS:
                raise ValueError(f"a difference of {difference} needs more than {MOST_ITEMS:,} items")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high

    def margin(self, n: int) -> float:
        """About half the width of the 95 % interval of one model's score on n items: `t(97.5 %) SE`."""
        noise = (1 - self.agreement) / self.repeats
        variance = self.accuracy * (1 - self.accuracy) * (self.agreement + noise) * self.design_effect
        return intervals.t_quantile(max(1.0, n / self.design_effect - 1)) * math.sqrt(variance / n)


def detectable(standard_error: float, df: float, power: float = POWER) -> float:
    """The true difference that a two-sided test at 5 % sees with the given power, from the difference's standard error.

    `(t(97.5 %) + t(power)) SE`, t with `df` degrees of freedom (`math.inf` for the normal).
    """
    from scipy.special import ndtri, stdtrit

    if math.isinf(df):
        return (intervals.normal_quantile() + float(ndtri(power))) * standard_error
    return (intervals.t_quantile(df) + float(stdtrit(df, power))) * standard_error
