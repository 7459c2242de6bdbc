"""Two models on the same documents: the difference with its interval, and whether chance explains it.

Pairing takes out how hard the documents are, which is most of the noise (Miller 2024, section 4,
https://arxiv.org/abs/2411.00640). Documents of one source are one cluster, as in `harness.stats.intervals`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.stats import intervals, power

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    """Sources among them. `n` if no two documents share one."""
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
    """Degrees of freedom of the standard error. Infinite for the normal."""
    p_value: float | None
    """Two-sided, not adjusted for other comparisons: see `harness.stats.ranks.holm`."""
    test: Test
    a_better: int
    """Documents on which a has the higher mean over repeats."""
    b_better: int
    detectable: float | None
    """The smallest true difference that these documents would have shown with 80 % power."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one model, by document. The documents' order is that of whoever it is compared with."""

    total: NDArray[np.float64]
    """Sum over a document's scored repeats, float64, shape (documents,)."""
    count: NDArray[np.int64]
    """How many those are, int64, shape (documents,). 0 if the document has none."""
    binary: bool
    """True if every score is 0 or 1."""


def compare(
    a: Mapping[Hashable, Sequence[float]],
    b: Mapping[Hashable, Sequence[float]],
    *,
    binary: bool,
    sources: Mapping[Hashable, Hashable] | None = None,
) -> Paired:
    """Compare two models document by document. See `compare_scores` for the methods.

    Args:
        a: scored values of every repeat, by document. Documents that only one side has are left out.
        b: the same of the other model.
        binary: True if every score is 0 or 1.
        sources: the source of each document. `None` if no two share one.

    Returns:
        The comparison. It has no interval or p-value if the data give none.
    """
    import numpy as np

    docs = [doc for doc in a if a[doc] and b.get(doc)]
    sides = [
        Scores(
            np.array([math.fsum(side[doc]) for doc in docs], dtype=np.float64),
            np.array([len(side[doc]) for doc in docs], dtype=np.int64),
            binary,
        )
        for side in (a, b)
    ]
    numbers: dict[Hashable, int] = {}
    of = [numbers.setdefault(doc if sources is None else sources[doc], len(numbers)) for doc in docs]
    return compare_scores(sides[0], sides[1], np.array(of, dtype=np.int64))


def compare_scores(a: Scores, b: Scores, sources: NDArray[np.int64]) -> Paired:
    """Compare two models document by document, on the documents that both have scores for.

    The interval is Bonett and Price's (2012, https://doi.org/10.3102/1076998611411915) for right or wrong, one answer
    each, no shared sources, else Student's t over sources. The test is McNemar's, exact, on the documents where just
    one is right. With repeats or sources it is the exact sign-flip test over sources, its generalisation. For other
    scores Student's t. Sums are exact (`math.fsum`), so that the order of documents makes no difference.

    Args:
        a: scores of one model.
        b: those of the other, of the same documents in the same order.
        sources: the number of each document's source, from 0 on, int64, shape (documents,). That of a document without
            scores does not matter.

    Returns:
        The comparison. It has no interval or p-value if the data give none.
    """
    import numpy as np

    both = (a.count > 0) & (b.count > 0)
    n = int(both.sum())
    if not n:
        return Paired(0, 0, None, None, None, None, None, "none", None, math.inf, None, "none", 0, 0, None)
    binary = a.binary and b.binary
    total_a, total_b, count_a, count_b = a.total[both], b.total[both], a.count[both], b.count[both]
    of = sources[both]
    held = np.bincount(of) > 0
    groups = int(held.sum())
    mean_a, mean_b = total_a / count_a, total_b / count_b
    gaps = (mean_a - mean_b).tolist()
    value_a, value_b = math.fsum(mean_a.tolist()) / n, math.fsum(mean_b.tolist()) / n
    difference = math.fsum(gaps) / n
    a_better, b_better = int((mean_a > mean_b).sum()), int((mean_a < mean_b).sum())
    single = binary and groups == n and count_a.max() == count_b.max() == 1
    error = None if single else intervals.standard_error(gaps, of.tolist())
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
        half = intervals.t_quantile(df) * error
        low, high, method = difference - half, difference + half, "student_t" if groups == n else "student_t_clustered"
        if binary:
            low, high = max(-1.0, low), min(1.0, high)
    if single:
        p_value, test = mcnemar(a_better, b_better), "mcnemar_exact"
    elif binary and (common := math.lcm(*_different(count_a), *_different(count_b))) <= FINEST:
        # Differences of per-document means times their common denominator, which are whole.
        scaled = np.rint(total_a) * (common // count_a) - np.rint(total_b) * (common // count_b)
        sums = np.bincount(of, weights=scaled)[held]
        p_value, test = sign_flip(sums.astype(np.int64)), "sign_flip_exact"
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


def _different(counts: NDArray[np.int64]) -> list[int]:
    """The different numbers among small whole ones."""
    import numpy as np

    found: list[int] = np.flatnonzero(np.bincount(counts)).tolist()
    return found


def bonett_price(only_a: float, only_b: float, n: int) -> tuple[float, float, float]:
    """Interval of a paired difference of shares, and its standard error.

    With p = (only + 1)/(n + 2) of either side: `p_a - p_b ± z √((p_a + p_b - (p_a - p_b)²)/(n + 2))`.

    Source: Bonett and Price (2012), https://doi.org/10.3102/1076998611411915. Recommended by Fagerland, Lydersen,
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
    half = intervals.normal_quantile() * error
    return max(-1.0, centre - half), min(1.0, centre + half), error


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact McNemar test: the two-sided binomial p-value of the discordant documents, each side alike likely.

    Source: McNemar (1947), https://doi.org/10.1007/BF02295996, with the binomial in place of chi-squared.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def sign_flip(sums: Sequence[int] | NDArray[np.int64]) -> float:
    """Exact sign-flip test: how often random signs make a sum at least as far from 0 as the signs that were found.

    With sums of ±1 it is the exact McNemar test. The distribution of the sum is convolved out, not sampled.

    Source: Fisher's randomisation test (1935), The Design of Experiments, section 21.

    Args:
        sums: one whole number per source.

    Returns:
        The two-sided p-value.
    """
    import numpy as np

    values = np.asarray(sums, dtype=np.int64)
    sizes, counts = (part.tolist() for part in np.unique(np.abs(values[values != 0]), return_counts=True))
    reach = sum(size * count for size, count in zip(sizes, counts, strict=True))
    if not reach:
        return 1.0
    unit = math.gcd(*sizes)
    chances = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        # Sums of `count` signs of this size lie 2 sizes apart, so do all sums, counted in half steps from the lowest.
        own = np.zeros(size // unit * count + 1)
        own[:: size // unit] = _signs(count)
        chances = own if len(chances) == 1 else _convolved(chances, own)
    found = abs(int(values.sum())) // unit
    span = reach // unit
    far = np.abs(2 * np.arange(span + 1) - span) >= found
    return float(min(1.0, max(np.clip(chances, 0, None)[far].sum(), 2.0 ** -sum(counts))))


@functools.lru_cache(maxsize=1024)
def _signs(count: int) -> NDArray[np.float64]:
    """Chances of 0 to `count` heads of fair coins, float64, shape (count + 1,). Don't write to it."""
    import numpy as np
    from scipy.special import gammaln

    # By their logarithms. `scipy.stats` would take longer to import than all comparisons of a model to compute.
    logs = gammaln(np.arange(count + 1) + 1.0)
    chances: NDArray[np.float64] = np.exp(logs[-1] - logs - logs[::-1] - count * math.log(2))
    chances /= chances.sum()
    chances.flags.writeable = False
    return chances


def _convolved(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The full convolution of two distributions, through Fourier space."""
    import numpy as np

    size = len(a) + len(b) - 1
    wide = 1 << (size - 1).bit_length()
    found: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(a, wide) * np.fft.rfft(b, wide), wide)[:size]
    return found


def _student(t: float, df: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))
