"""Intervals for what a task measured: every published number has an n and one of these.

The unit of sampling is the source: the document, or what several documents were made from (a passage, a template).
Repeats of a document are averaged first and never counted as further documents. Documents of one source are one
cluster. That is the clustered standard error of Miller (2024), "Adding Error Bars to Evals",
https://arxiv.org/abs/2411.00640, here with G - 1 degrees of freedom for G sources. An interval says how much the
number would move with other documents of the same kind. It knows nothing of a bad task, or of a model that saw it.

Which method, and why (coverage of nominal 95 % intervals, 2,000 simulated evaluations, `tests/stats/test_stats.py`):

- Binary, one answer per document: Wilson. Its coverage is nearest to 95 % over n = 20, 50, 200 and shares .02 to .98
  (mean .953, .951, .950, Jeffreys .949, .949, .949 but down to .885). The normal interval of the central limit theorem
  fails there: Bowyer et al. (2025), https://arxiv.org/abs/2503.01747. At n = 20 and 50 binomial counts are so coarse
  that at some shares no interval at all covers 93 to 97 %.
- Binary with repeats or sources: Wilson with the effective number of documents and Student's t. With 2 to 32 repeats
  that agree by .05 to .8 it covers .93 or more everywhere, and over .97 in a quarter of the corners (shares near 0 and
  1, when repeats hardly agree), up to .997. The plain effective number covers down to .80, the plain clustered t
  interval down to .86.
- Means of other scores: cluster-robust Student's t. The BCa bootstrap of a mean is narrower and covers less at n = 20.
- What is no mean (F1, perplexity, BLEU): BCa bootstrap over sources.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
"""Every interval of the project covers at this level."""
RESAMPLES = 1_000
"""Resamples of a bootstrap. Enough for 95 % limits (Efron and Tibshirani 1993, chapter 13.3)."""
PRIOR_WEIGHT = 0.1
"""See `_effective`. Chosen by simulation, of 0, 0.1, 0.25 and 0.5: the least that nowhere covers under 93 %."""
SEED = 20_240_411
"""Seed of every bootstrap, so that the same data give the same limits."""

Doc = TypeVar("Doc")
Method = Literal["wilson", "wilson_clustered", "student_t", "student_t_clustered", "bootstrap_bca", "mover", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over documents with its 95 % interval."""

    value: float | None
    """The mean of the per-document means. `None` if nothing was scored."""
    low: float | None
    """Lower limit, in the unit of `value`. `None` if the data give no interval."""
    high: float | None
    """Upper limit, in the unit of `value`. `None` if the data give no interval."""
    n: int
    """Documents with at least one scored value."""
    method: Method
    """How the interval was made. `none` if there is no interval."""


def estimate(
    values_per_doc: Sequence[Sequence[float]], binary: bool, sources: Sequence[Hashable] | None = None
) -> Estimate:
    """Mean over documents and 95 % interval of scores, clustered by document and by source.

    If binary scores do not vary, the interval is Wilson's over the number of sources, which is wider than the truth
    rather than of width 0. If other scores do not vary, there is none: no spread in a sample is no proof of none.

    Args:
        values_per_doc: documents by scored repeats. A document without a scored value is left out of n.
        binary: True if every score is 0 or 1.
        sources: what each document was made from, equal for documents that share it. `None` if no two do.

    Returns:
        The estimate. `value`, `low` and `high` are `None` if no document was scored.

    Raises:
        ValueError: a score is NaN or infinite, or neither 0 nor 1 if `binary`, or sources for other documents.
    """
    if sources is not None and len(sources) != len(values_per_doc):
        raise ValueError(f"needs one source per document, found {len(sources)} for {len(values_per_doc)}")
    kept = [i for i, values in enumerate(values_per_doc) if len(values)]
    docs = [values_per_doc[i] for i in kept]
    for value in (value for values in docs for value in values):
        if not math.isfinite(value):
            raise ValueError(f"a score must be finite, found {value!r}; leave an unscored answer out")
        if binary and value not in (0, 1):
            raise ValueError(f"a binary score must be 0 or 1, found {value!r}")
    n = len(docs)
    if n == 0:
        return Estimate(None, None, None, 0, "none")
    means = [math.fsum(values) / len(values) for values in docs]
    mean = math.fsum(means) / n
    shared: Sequence[Hashable] = [sources[i] for i in kept] if sources is not None else range(n)
    groups = len(set(shared)) if sources is not None else n
    if not binary:
        error = standard_error(means, shared)
        if not error:
            return Estimate(mean, None, None, n, "none")
        half = t_quantile(groups - 1) * error
        return Estimate(mean, mean - half, mean + half, n, "student_t" if groups == n else "student_t_clustered")
    if groups == n and all(len(values) == 1 for values in docs):
        return Estimate(mean, *wilson(mean, n), n, "wilson")
    error = standard_error(means, shared)
    if not error or not 0 < mean < 1:
        # No spread: as many documents as there are sources, and not one more.
        return Estimate(mean, *wilson(mean, groups), n, "wilson" if groups == n else "wilson_clustered")
    effective = min(_effective(mean, error, n, groups), float(sum(map(len, docs))))
    return Estimate(mean, *wilson(mean, effective, t_quantile(groups - 1)), n, "wilson_clustered")


def _effective(mean: float, error: float, n: int, groups: int) -> float:
    """How many documents with one answer each tell as much as these: n over the design effect.

    The design effect, n SE²/(p(1-p)), is unstable when hardly an answer differs from the rest: four right answers to
    one of fifty problems look like no agreement within problems, or like all of it. So it is drawn a little towards
    that of sources whose answers are all alike, n/G: as if `PRIOR_WEIGHT` had been seen of it, in units of n p(1-p).

    Args:
        mean: the share, above 0 and below 1.
        error: its clustered standard error.
        n: documents.
        groups: sources.
    """
    spread = n * mean * (1 - mean)
    design_effect = ((n * error) ** 2 + PRIOR_WEIGHT * n / groups) / (spread + PRIOR_WEIGHT)
    return n / design_effect


def wilson(share: float, n: float, quantile: float | None = None) -> tuple[float, float]:
    """Wilson's score interval of a share, without continuity correction.

    With p the share and z the normal quantile of 97.5 %:
    `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`.

    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953. Recommended for small n by Brown,
    Cai, DasGupta (2001), https://doi.org/10.1214/ss/1009213286. With clusters, n is the effective number
    p(1-p)/SE² and the quantile Student's: Dean and Pagano (2015), https://doi.org/10.1093/jssam/smv024.

    Args:
        share: successes over trials, in [0, 1].
        n: trials, above 0. An effective number need not be whole.
        quantile: what stands for z. The normal quantile by default.

    Returns:
        The lower and the upper limit, in [0, 1]. They always hold `share`.

    Raises:
        ValueError: `n` not above 0, or `share` outside [0, 1].
    """
    if n <= 0 or not 0 <= share <= 1:
        raise ValueError(f"needs n > 0 and a share in [0, 1], found n={n}, share={share!r}")
    z = normal_quantile() if quantile is None else quantile
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # Rounding may carry a limit past the share at 0 and 1, if they are equal.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def standard_error(means: Sequence[float], sources: Sequence[Hashable]) -> float | None:
    """Cluster-robust standard error of the mean of `means`, one number per document.

    `√(G/(G-1) Σ_g (Σ_{i in g} (x_i - m))²) / n`: Miller (2024), section 2.2, times the G/(G-1) of Stata and
    statsmodels. With a source per document it is the usual s/√n.

    Returns:
        The standard error. 0 if nothing varies. `None` for fewer than two sources.
    """
    mean, n = math.fsum(means) / len(means), len(means)
    groups = len(set(sources))
    if groups < 2:  # noqa: PLR2004 - a variance needs two
        return None
    if all(value == means[0] for value in means):
        return 0.0
    if groups == n:
        parts = [value - mean for value in means]
    else:
        sums: dict[Hashable, list[float]] = {}
        for value, source in zip(means, sources, strict=True):
            sums.setdefault(source, []).append(value - mean)
        parts = [math.fsum(part) for part in sums.values()]
    return math.sqrt(groups / (groups - 1) * math.fsum([part * part for part in parts])) / n


def t_quantile(df: float) -> float:
    """Student's quantile of an interval's upper end, for `df` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + CONFIDENCE) / 2))


def normal_quantile() -> float:
    """The normal quantile of an interval's upper end: `scipy.special.ndtri(0.975)`, which takes 0.2 s to import."""
    return 1.959963984540054


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k samples is right, estimated from c right ones of n: unbiased.

    `1 - C(n-c, k) / C(n, k)`: Chen et al. (2021), equation 1, https://arxiv.org/abs/2107.03374.

    Raises:
        ValueError: not 0 <= c <= n and 1 <= k <= n.
    """
    _check_counts(n, c, k)
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all of k samples are right, estimated from c right ones of n: unbiased.

    `C(c, k) / C(n, k)`: Yao et al. (2024), tau-bench, https://arxiv.org/abs/2406.12045, "pass^k".

    Raises:
        ValueError: not 0 <= c <= n and 1 <= k <= n.
    """
    _check_counts(n, c, k)
    return math.comb(c, k) / math.comb(n, k)


def _check_counts(n: int, c: int, k: int) -> None:
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"needs 0 <= c <= n and 1 <= k <= n, found n={n}, c={c}, k={k}")


def pass_estimate(
    values_per_doc: Sequence[Sequence[float]],
    k: int,
    sources: Sequence[Hashable] | None = None,
    one: Callable[[int, int, int], float] = pass_at_k,
) -> Estimate:
    """pass@k, or pass^k with `one=pass_hat_k`, over problems with its interval.

    Args:
        values_per_doc: documents by scored samples, each 0 or 1. A document with fewer than k is left out of n.
        k: samples the user may draw.
        sources: as in `estimate`.
        one: the estimator of one problem.

    Returns:
        The mean over problems, clipped to [0, 1]. The interval is that of a share with as many problems if every
        problem is at 0 or 1, else cluster-robust in Wilson's form.
    """
    values = [[one(len(v), round(math.fsum(v)), k)] if len(v) >= k else [] for v in values_per_doc]
    kept = [i for i, value in enumerate(values) if value]
    if all(value in ([0.0], [1.0]) for value in values if value):
        return estimate(values, binary=True, sources=sources)
    means = [values[i][0] for i in kept]
    shared = [sources[i] for i in kept] if sources is not None else list(range(len(kept)))
    mean, error, groups = math.fsum(means) / len(means), standard_error(means, shared), len(set(shared))
    if not error:
        return Estimate(mean, *wilson(mean, groups), len(means), "wilson_clustered")
    effective = _effective(mean, error, len(means), groups)
    return Estimate(mean, *wilson(mean, effective, t_quantile(groups - 1)), len(means), "wilson_clustered")


def weighted_mean(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """The weighted mean of independent estimates with its interval. Weights need not sum to 1.

    Each limit is the weighted mean plus or minus the root of the summed squares of the parts' own distances to theirs
    (MOVER: Zou and Donner 2008, https://doi.org/10.1002/sim.3095), so asymmetric intervals near 0 and 1 stay so.

    Args:
        parts: weight and estimate of each part.

    Returns:
        The estimate. `n` is the sum of theirs. It has no value if a part has none, and no interval if a part has none.
    """
    total = math.fsum(weight for weight, _ in parts)
    n = sum(part.n for _, part in parts)
    known = [(w / total, e.value, e.low, e.high) for w, e in parts if e.value is not None]
    if not parts or len(known) < len(parts):
        return Estimate(None, None, None, n, "none")
    value = math.fsum(w * v for w, v, _, _ in known)
    ends = [(w, v - low, high - v) for w, v, low, high in known if low is not None and high is not None]
    if len(ends) < len(known):
        return Estimate(value, None, None, n, "none")
    below = math.sqrt(math.fsum((w * down) ** 2 for w, down, _ in ends))
    above = math.sqrt(math.fsum((w * up) ** 2 for w, _, up in ends))
    return Estimate(value, value - below, value + above, n, "mover")


def bootstrap(docs: Sequence[Doc], statistic: Callable[[Sequence[Doc]], float]) -> Estimate:
    """BCa bootstrap over documents of a metric that is no mean: F1, perplexity, BLEU.

    `RESAMPLES` times as many documents as there are are drawn with replacement and the metric is taken of each
    draw. The limits are quantiles of these, corrected for bias and skewness. Deterministic: the same documents in the
    same order give the same limits. Too narrow below some twenty documents.

    Source: Efron (1987), https://doi.org/10.1080/01621459.1987.10478410.

    Args:
        docs: one item per document (or per source), whatever `statistic` reads.
        statistic: the metric of a list of documents. If it is not finite for the documents as they are, there
            is no value. If it is not for a draw, there is no interval.

    Returns:
        The estimate. It has no interval for fewer than two documents, or if no draw moves the metric.
    """
    import numpy as np

    n = len(docs)
    if n == 0:
        return Estimate(None, None, None, 0, "none")
    value = float(statistic(docs))
    if not math.isfinite(value):
        return Estimate(None, None, None, n, "none")
    if n == 1:
        return Estimate(value, None, None, n, "none")
    draws = np.random.default_rng(SEED).integers(n, size=(RESAMPLES, n)).tolist()
    resampled = np.array([float(statistic([docs[i] for i in draw])) for draw in draws])
    without = np.array([float(statistic([*docs[:i], *docs[i + 1 :]])) for i in range(n)])
    limits = _bca(resampled, value, without)
    return Estimate(value, *limits, n, "bootstrap_bca") if limits else Estimate(value, None, None, n, "none")


def bootstrap_mean(values: Sequence[float]) -> Estimate:
    """`bootstrap` of the mean of one number per unit (a document, a prompt), fast.

    Args:
        values: one finite number per unit.

    Returns:
        The estimate. It has no interval for fewer than two units, or if they are all the same.
    """
    import numpy as np

    n = len(values)
    if n == 0:
        return Estimate(None, None, None, 0, "none")
    value = math.fsum(values) / n
    limits = None
    if n > 1 and any(v != values[0] for v in values):
        array = np.asarray(values, dtype=np.float64)
        limits = _bca(_draws(n) @ array / n, value, (value * n - array) / (n - 1))
    if limits is None:
        return Estimate(value, None, None, n, "none")
    # Rounding may carry the limits of nearly equal numbers past their mean.
    return Estimate(value, min(limits[0], value), max(limits[1], value), n, "bootstrap_bca")


@functools.lru_cache(maxsize=8)
def _draws(n: int) -> np.ndarray:
    """How often each of n units is in each resample: resamples by units, every row sums to n."""
    import numpy as np

    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)


def _bca(resampled: np.ndarray, value: float, without: np.ndarray) -> tuple[float, float] | None:
    """BCa limits, from the resampled values, the value itself, and the value without each unit."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    if not (np.isfinite(resampled).all() and np.isfinite(without).all()) or np.ptp(resampled) == 0:
        return None
    below = float((resampled < value).mean() + (resampled == value).mean() / 2)
    bias = float(ndtri(min(max(below, 1 / RESAMPLES), 1 - 1 / RESAMPLES)))
    away = without.mean() - without
    away /= np.abs(away).max() or 1.0
    spread = float((away**2).sum())
    skew = float((away**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    points = bias + np.array([-1.0, 1.0]) * normal_quantile()
    low, high = np.quantile(resampled, ndtr(bias + points / (1 - skew * points)))
    return float(low), float(high)
