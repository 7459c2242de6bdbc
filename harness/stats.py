"""Intervals for what a task measured: every published number has an n and one of these.

The unit of sampling is the document. Repeats of one document are averaged first and never counted as
further documents, because they are not independent: documents are the clusters of Miller (2024),
"Adding Error Bars to Evals", https://arxiv.org/abs/2411.00640. An interval says how much the number would
move with other documents of the same kind; it knows nothing of a bad task, or of a model that saw the test.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
"""Every interval of the project covers at this level."""
RESAMPLES = 1_000
"""Resamples of a bootstrap; enough for 95 % limits (Efron and Tibshirani 1993, chapter 13.3)."""
SEED = 20_240_411
"""Seed of every bootstrap, so that the same data give the same limits."""

Doc = TypeVar("Doc")
Method = Literal["wilson", "student_t_clustered", "student_t", "bootstrap", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over documents with its 95 % interval."""

    value: float | None
    """The mean of the per-document means; `None` where nothing was scored."""
    low: float | None
    """Lower limit, in the unit of `value`; `None` where the data give no interval."""
    high: float | None
    """Upper limit, in the unit of `value`; `None` where the data give no interval."""
    n: int
    """Documents with at least one scored value."""
    method: Method
    """How the interval was made; `none` where there is no interval."""


def estimate(values_per_doc: Sequence[Sequence[float]], binary: bool) -> Estimate:
    """Mean and 95 % interval of scores, clustered by document.

    Binary scores with one value per document get Wilson's interval. Binary scores with repeats get a
    Student t interval over the per-document means, clipped to [0, 1]; where those do not vary (or there is
    one document), Wilson's over the number of documents, which is wider than the truth rather than
    of width 0. Other scores get the Student t interval, and none where they do not vary: no spread in a
    sample is no proof of none.

    Args:
        values_per_doc: documents by scored repeats. A document without a scored value is left out of n.
        binary: True where every score is 0 or 1.

    Returns:
        The estimate; `value`, `low` and `high` are `None` where no document was scored.

    Raises:
        ValueError: a score is NaN or infinite, or neither 0 nor 1 where `binary`.
    """
    docs = [values for values in values_per_doc if len(values)]
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
    varies = any(m != means[0] for m in means)
    if binary and (not varies or all(len(values) == 1 for values in docs)):
        low, high = wilson(mean, n)
        return Estimate(mean, low, high, n, "wilson")
    if not varies:
        return Estimate(mean, None, None, n, "none")
    low, high = student_t(means)
    if binary:
        return Estimate(mean, max(0.0, low), min(1.0, high), n, "student_t_clustered")
    return Estimate(mean, low, high, n, "student_t")


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share, without continuity correction.

    With p the share and z the normal quantile of 97.5 %:
    `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`.

    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953; recommended for small n by Brown,
    Cai, DasGupta (2001), https://doi.org/10.1214/ss/1009213286.

    Args:
        share: successes over trials, in [0, 1].
        n: trials, at least 1.

    Returns:
        The lower and the upper limit, in [0, 1]; they always hold `share`.

    Raises:
        ValueError: `n` below 1, or `share` outside [0, 1].
    """
    if n < 1 or not 0 <= share <= 1:
        raise ValueError(f"needs n >= 1 and a share in [0, 1], found n={n}, share={share!r}")
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2))
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # Rounding may carry a limit past the share at 0 and 1, where they are equal.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def student_t(means: Sequence[float]) -> tuple[float, float]:
    """Student's interval of a mean: `m ± t s/√n`, t the 97.5 % quantile with n-1 degrees of freedom.

    On per-document means this is the cluster-robust interval of Miller (2024), section 2.2, for documents
    of equal weight, with t in place of 1.96 for small n.

    Args:
        means: one number per document, at least two.

    Returns:
        The lower and the upper limit, in the unit of the numbers.

    Raises:
        ValueError: fewer than two numbers.
    """
    n = len(means)
    if n < 2:  # noqa: PLR2004 - a variance needs two
        raise ValueError(f"needs at least two documents, found {n}")
    from scipy.special import stdtrit

    mean = math.fsum(means) / n
    error = math.sqrt(math.fsum((m - mean) ** 2 for m in means) / (n - 1) / n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return mean - half, mean + half


def bootstrap(docs: Sequence[Doc], statistic: Callable[[Sequence[Doc]], float]) -> Estimate:
    """Percentile bootstrap over documents of a metric that is no mean: F1, perplexity, BLEU.

    `RESAMPLES` times as many documents as there are are drawn with replacement and the metric is taken of each
    draw; the limits are the 2.5 % and 97.5 % quantiles. Deterministic: the same documents in the same order
    give the same limits. Too narrow below some ten documents.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Args:
        docs: one item per document, whatever `statistic` reads.
        statistic: the metric of a list of documents. Where it is not finite for the documents as they are, there
            is no value; where it is not for a draw, there is no interval.

    Returns:
        The estimate; without an interval for fewer than two documents, or where no draw differs from another.
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
    limits = _limits([float(statistic([docs[i] for i in draw])) for draw in draws])
    return Estimate(value, *limits, n, "bootstrap") if limits else Estimate(value, None, None, n, "none")


def bootstrap_mean(values: Sequence[float]) -> Estimate:
    """`bootstrap` of the mean of one number per unit (a document, a prompt), fast.

    Args:
        values: one finite number per unit.

    Returns:
        The estimate; without an interval for fewer than two units, or where they do not vary.
    """
    import numpy as np

    n = len(values)
    if n == 0:
        return Estimate(None, None, None, 0, "none")
    value = math.fsum(values) / n
    varies = any(v != values[0] for v in values)
    limits = _limits(_draws(n) @ np.asarray(values, dtype=np.float64) / n) if varies else None
    if limits is None:
        return Estimate(value, None, None, n, "none")
    # Rounding may carry the limits of equal numbers past their mean.
    return Estimate(value, min(limits[0], value), max(limits[1], value), n, "bootstrap")


@functools.lru_cache(maxsize=8)
def _draws(n: int) -> np.ndarray:
    """How often each of n units is in each resample: resamples by units, every row sums to n."""
    import numpy as np

    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)


def _limits(resampled: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    import numpy as np

    if not np.isfinite(resampled).all() or np.ptp(resampled) == 0:
        return None
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
