"""Two models on the same documents: the difference with its interval, and whether chance explains it.

Pairing takes out how hard the documents are, which is most of the noise (Miller 2024, section 4,
https://arxiv.org/abs/2411.00640). Documents of one source are one cluster, as in `harness.stats`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness import power, stats

Test = Literal["mcnemar_exact", "sign_flip_exact", "paired_t", "none"]
"""Null of the first two: within a source the models could change places. Of the third: the mean difference is 0."""
FINEST = 10_000
"""Longest common denominator of per-document means for which sign flips are counted exactly."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The comparison of a with b over the documents that both have a score for."""

    n: int
    """Documents scored for both."""
    sources: int
    """Sources among them; `n` where no two documents share one."""
    value_a: float | None
    """Mean of a over these documents."""
    value_b: float | None
    difference: float | None
    """`value_a - value_b`."""
    low: float | None
    """Lower limit of its 95 % interval."""
    high: float | None
    method: Literal["bonett_price", "student_t", "student_t_clustered", "none"]
    standard_error: float | None
    df: float
    """Degrees of freedom of the standard error; infinite for the normal."""
    p_value: float | None
    """Two-sided; not adjusted for other comparisons: see `harness.ranking.holm`."""
    test: Test
    a_better: int
    """Documents on which a has the higher mean over repeats."""
    b_better: int
    detectable: float | None
    """The smallest true difference that these documents would have shown with 80 % power."""


def compare(
    a: Mapping[Hashable, Sequence[float]],
    b: Mapping[Hashable, Sequence[float]],
    *,
    binary: bool,
    sources: Mapping[Hashable, Hashable] | None = None,
) -> Paired:
    """Compare two models document by document.

    The interval is Bonett and Price's (2012, https://doi.org/10.3102/1076998611411915) for right or wrong, one answer
    each, no shared sources; else Student's t over sources. The test is McNemar's, exact, on the documents where just
    one is right; with repeats or sources its generalisation, the exact sign-flip test over sources; for other scores
    Student's t.

    Args:
        a: scored values of every repeat, by document. Documents that only one side has are left out.
        b: the same of the other model.
        binary: True where every score is 0 or 1.
        sources: the source of each document; `None` where no two share one.

    Returns:
        The comparison; without an interval or p-value where the data give none.
    """
    docs = [doc for doc in a if a[doc] and b.get(doc)]
    if not docs:
        return Paired(0, 0, None, None, None, None, None, "none", None, math.inf, None, "none", 0, 0, None)
    n = len(docs)
    of = [sources[doc] if sources is not None else doc for doc in docs]
    groups = len(set(of))
    mean_a = [math.fsum(a[doc]) / len(a[doc]) for doc in docs]
    mean_b = [math.fsum(b[doc]) / len(b[doc]) for doc in docs]
    gaps = [x - y for x, y in zip(mean_a, mean_b, strict=True)]
    value_a, value_b = math.fsum(mean_a) / n, math.fsum(mean_b) / n
    difference = math.fsum(gaps) / n
    a_better, b_better = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
    single = binary and groups == n and all(len(a[doc]) == len(b[doc]) == 1 for doc in docs)
    error = None if single else stats.standard_error(gaps, of)
    low = high = p_value = None
    method: Literal["bonett_price", "student_t", "student_t_clustered", "none"] = "none"
    test: Test = "none"
    df = math.inf
    if single or (binary and not error):
        # Without spread, as many documents as there are sources.
        low, high, error = bonett_price(a_better * groups / n, b_better * groups / n, groups)
        low, high, method = min(low, difference), max(high, difference), "bonett_price"
    elif error:
        df = groups - 1
        half = stats.t_quantile(df) * error
        low, high, method = difference - half, difference + half, "student_t" if groups == n else "student_t_clustered"
        if binary:
            low, high = max(-1.0, low), min(1.0, high)
    if single:
        p_value, test = mcnemar(a_better, b_better), "mcnemar_exact"
    elif binary and (scaled := _whole([(a[doc], b[doc]) for doc in docs])) is not None:
        sums: Counter[Hashable] = Counter()
        for gap, source in zip(scaled, of, strict=True):
            sums[source] += gap
        p_value, test = sign_flip(list(sums.values())), "sign_flip_exact"
    elif error and not math.isinf(df):
        p_value, test = _student(difference / error, df), "paired_t"
    elif not a_better and not b_better:
        p_value, test = 1.0, "paired_t"
    return Paired(
        n=n,
        sources=groups,
        value_a=value_a,
        value_b=value_b,
        difference=difference,
        low=low,
        high=high,
        method=method,
        standard_error=error or None,
        df=df,
        p_value=p_value,
        test=test,
        a_better=a_better,
        b_better=b_better,
        detectable=power.detectable(error, df) if error else None,
    )


def bonett_price(only_a: float, only_b: float, n: int) -> tuple[float, float, float]:
    """Interval of a paired difference of shares, and its standard error.

    With p = (only + 1)/(n + 2) of either side: `p_a - p_b ± z √((p_a + p_b - (p_a - p_b)²)/(n + 2))`.

    Source: Bonett and Price (2012), https://doi.org/10.3102/1076998611411915; recommended by Fagerland, Lydersen,
    Laake (2014), https://doi.org/10.1002/sim.6148.

    Args:
        only_a: documents that a alone has right.
        only_b: documents that b alone has right.
        n: all documents.

    Returns:
        Lower limit and upper limit in [-1, 1], standard error.
    """
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = share_a - share_b
    error = math.sqrt((share_a + share_b - centre**2) / (n + 2))
    half = stats.normal_quantile() * error
    return max(-1.0, centre - half), min(1.0, centre + half), error


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact McNemar test: the two-sided binomial p-value of the discordant documents, each side alike likely.

    Source: McNemar (1947), https://doi.org/10.1007/BF02295996, with the binomial in place of chi-squared.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def sign_flip(sums: Sequence[int]) -> float:
    """Exact sign-flip test: how often random signs make a sum at least as far from 0 as the signs that were found.

    With sums of ±1 it is the exact McNemar test. The distribution of the sum is convolved out, not sampled.

    Source: Fisher's randomisation test (1935), The Design of Experiments, section 21.

    Args:
        sums: one whole number per source.

    Returns:
        The two-sided p-value.
    """
    import numpy as np
    from scipy.signal import fftconvolve
    from scipy.stats import binom

    counts = Counter(abs(value) for value in sums if value)
    reach = sum(size * count for size, count in counts.items())
    if not reach:
        return 1.0
    unit = math.gcd(*counts)
    chances = np.ones(1)
    for size, count in sorted(counts.items()):
        # Sums of `count` signs of this size lie 2 sizes apart; so do all sums, counted in half steps from the lowest.
        own = np.zeros(size // unit * count + 1)
        own[:: size // unit] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = own if len(chances) == 1 else fftconvolve(chances, own)
    found = abs(sum(sums)) // unit
    span = reach // unit
    far = np.abs(2 * np.arange(span + 1) - span) >= found
    return float(min(1.0, max(np.clip(chances, 0, None)[far].sum(), 2.0 ** -sum(counts.values()))))


def _whole(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[int] | None:
    """Differences of per-document means times their common denominator; `None` where that is past `FINEST`."""
    common = math.lcm(*{len(values) for pair in pairs for values in pair})
    if common > FINEST:
        return None
    return [round(math.fsum(x)) * (common // len(x)) - round(math.fsum(y)) * (common // len(y)) for x, y in pairs]


def _student(t: float, df: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))
