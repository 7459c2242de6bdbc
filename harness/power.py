"""How small a difference a comparison can see, and how many items a wanted one needs. Plan first, then run.

Miller (2024), "Adding Error Bars to Evals", section 5, https://arxiv.org/abs/2411.00640: with K answers of either
model to each of n items, the mean paired difference has the variance (w + s_A/K + s_B/K)/n, where w is the variance
over items of the difference of true chances, and s the mean variance of an answer about its item's chance. For
right-or-wrong answers of accuracy p both follow from two numbers that can be looked up:

- agreement: the correlation of two answers of one model to one item. s = (1 - agreement) p(1-p).
- correlation: that of the two models' answers to one item. w = 2 (agreement - correlation) p(1-p).

Their defaults are medians over real models: correlation over 2,485 pairs of models on farel_bench (.34), 15 on GSM8K
(.34) and 28 on MATH level 5 (.40); agreement over 41 models on farel_bench (.51).
"""

from __future__ import annotations

import math

from harness import stats

ALPHA = 1 - stats.CONFIDENCE
"""Chance of calling two equal models different, two-sided."""
POWER = 0.8
"""Chance of seeing a difference that is there: the field's custom (Cohen 1988)."""
CORRELATION = 0.35
AGREEMENT = 0.5
MOST_ITEMS = 100_000_000


def variance(accuracy: float, repeats: int, correlation: float = CORRELATION, agreement: float = AGREEMENT) -> float:
    """Variance of one item's difference between two models, each item's repeats averaged.

    Args:
        accuracy: share of right answers, about that of either model; 0.5 is the worst case.
        repeats: answers of either model to each item.
        correlation: of the two models' answers to one item, at most `agreement`.
        agreement: of two answers of one model to one item; 1 for greedy decoding.

    Raises:
        ValueError: a number out of its range.
    """
    if not 0 < accuracy < 1:
        raise ValueError(f"accuracy must be above 0 and below 1, found {accuracy}")
    if repeats < 1:
        raise ValueError(f"repeats must be 1 or more, found {repeats}")
    if not 0 <= correlation <= agreement <= 1:
        raise ValueError(
            f"needs 0 <= correlation <= agreement <= 1, found correlation {correlation}, agreement {agreement}: two "
            "models cannot agree with each other more than each agrees with itself"
        )
    return 2 * accuracy * (1 - accuracy) * (agreement + (1 - agreement) / repeats - correlation)


def detectable(standard_error: float, df: float, power: float = POWER) -> float:
    """The true difference that a two-sided test at 5 % sees with the given power, from the difference's standard error.

    `(t(97.5 %) + t(power)) SE`, t with `df` degrees of freedom (`math.inf` for the normal).
    """
    from scipy.special import ndtri, stdtrit

    if math.isinf(df):
        return (stats.normal_quantile() + float(ndtri(power))) * standard_error
    return (stats.t_quantile(df) + float(stdtrit(df, power))) * standard_error


def detectable_difference(
    n: int,
    repeats: int = 1,
    *,
    accuracy: float = 0.5,
    correlation: float = CORRELATION,
    agreement: float = AGREEMENT,
    design_effect: float = 1.0,
    power: float = POWER,
) -> float | None:
    """The smallest true difference in accuracy that comparing two models on the same n items is likely to see.

    Args:
        n: items that both models answer.
        repeats: answers of either model to each.
        accuracy: as in `variance`, like `correlation` and `agreement`.
        correlation: see there.
        agreement: see there.
        design_effect: how much sources shared by items inflate the variance: `1 + (items per source - 1) *
            their correlation`; 1 without sources.
        power: chance of seeing it.

    Returns:
        A difference in (0, 1), in the unit of accuracy; `None` where not even the largest can be seen.

    Raises:
        ValueError: a number out of its range.
    """
    if n < 1 or design_effect < 1 or not 0 < power < 1:
        raise ValueError(f"needs n >= 1, design_effect >= 1, 0 < power < 1, found {n}, {design_effect}, {power}")
    of_one = variance(accuracy, repeats, correlation, agreement)
    if n <= design_effect * 2:
        return None
    found = detectable(math.sqrt(of_one * design_effect / n), n / design_effect - 1, power)
    return found if found < 1 else None


def items_needed(
    difference: float,
    repeats: int = 1,
    *,
    accuracy: float = 0.5,
    correlation: float = CORRELATION,
    agreement: float = AGREEMENT,
    design_effect: float = 1.0,
    power: float = POWER,
) -> int:
    """The fewest items on which comparing two models is likely to see a true difference of this size.

    Args:
        difference: in the unit of accuracy, above 0 and below 1.
        repeats: as in `detectable_difference`, like the rest.
        accuracy: see there.
        correlation: see there.
        agreement: see there.
        design_effect: see there.
        power: see there.

    Returns:
        The number of items.

    Raises:
        ValueError: a number out of its range, or a difference that needs more than `MOST_ITEMS`.
    """
    if not 0 < difference < 1:
        raise ValueError(f"difference must be above 0 and below 1, found {difference}")

    def enough(n: int) -> bool:
        found = detectable_difference(
            n,
            repeats,
            accuracy=accuracy,
            correlation=correlation,
            agreement=agreement,
            design_effect=design_effect,
            power=power,
        )
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


def margin(
    n: int, repeats: int = 1, *, accuracy: float = 0.5, agreement: float = AGREEMENT, design_effect: float = 1.0
) -> float:
    """About half the width of the 95 % interval of one score: `t(97.5 %) SE`.

    Args:
        n: items.
        repeats: answers to each.
        accuracy: as in `variance`.
        agreement: see there.
        design_effect: as in `detectable_difference`.
    """
    error = math.sqrt(accuracy * (1 - accuracy) * (agreement + (1 - agreement) / repeats) * design_effect / n)
    return stats.t_quantile(max(1.0, n / design_effect - 1)) * error
