"""From fingerprints to one similarity matrix per channel. Raw numbers: `calibration` says what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.spatial.distance import cdist

from harness.provenance import human
from harness.provenance.fingerprint import Fingerprints, channel

Matrix = npt.NDArray[np.float64]

MIN_PROMPT_SHARE = 0.02
MIN_PROMPTS = 4
"""A habit shows on at least this many prompts, or share of them; less is the topic of a prompt."""
MIN_MODEL_SHARE = 0.03
MIN_MODELS = 3
"""A habit is measured where at least this many models, or share of them, have it: else it is one model's quirk."""
MIN_SHARED = 20
"""Prompts two models must both have answered to be compared at all."""
MIN_SHARED_TRACES = 10
"""Fewer for reasoning traces, which are five to fifty times as long as answers."""
RARE = 1e-4
"""Added to rates before they are compared with people's: once in ten thousand tokens."""
SMOOTH = 0.5
"""Added to successes and failures before the log-odds (Anscombe's correction)."""


def least(*, traces: bool) -> int:
    """Prompts two models must both have answered to be compared."""
    return MIN_SHARED_TRACES if traces else MIN_SHARED


def matrix(prints: Fingerprints, name: str) -> Matrix:
    """Similarity of every pair of models in one channel.

    Returns:
        models x models, symmetric; NaN on the diagonal, where a pair shares fewer than `MIN_SHARED` prompts, and
        where the channel finds nothing to compare.
    """
    measure = {"habit": habit, "rate": rate, "excess": excess, "agreement": agreement}[channel(name).KIND]
    return _comparable(measure(prints, name), prints.answered, traces=prints.traces)


def without(prints: Fingerprints, name: str, groups: Sequence[Sequence[int]]) -> Iterator[Matrix]:
    """The same matrix once per group of prompts, each time without that group: the replicates of a jackknife.

    Counts are made once per group and subtracted; which features count as habits stays as on all prompts.

    Args:
        prints: of the pool.
        name: of a channel whose kind is habit or agreement.
        groups: indices of prompts, none in two groups.
    """
    place = np.full(len(prints.prompts), -1)
    for g, group in enumerate(groups):
        place[list(group)] = g
    habits = channel(name).KIND == "habit"
    parts = _counts(prints, name, place)[0] if habits else _totals(prints, name, place)
    whole = parts.sum(axis=0)
    for g, part in enumerate(parts[: len(groups)]):
        rest = prints.answered[:, place != g]
        values = _cosines(whole - part, rest) if habits else _means(whole - part, rest)
        yield _comparable(values, rest, traces=prints.traces)


def _comparable(values: Matrix, answered: npt.NDArray[np.bool_], *, traces: bool) -> Matrix:
    values[_shared(answered) < least(traces=traces)] = np.nan
    np.fill_diagonal(values, np.nan)
    return values


def _shared(answered: npt.NDArray[np.bool_]) -> Matrix:
    """How many prompts every two models both answered."""
    both: Matrix = answered.astype(float) @ answered.T.astype(float)
    return both


def standardised(matrices: Iterable[Matrix], models: int) -> Matrix:
    """Mean over channels of similarity, in standard deviations of the pool's pairs.

    Args:
        matrices: one per channel, models x models; NaN is unknown.
        models: how many.

    Returns:
        models x models; NaN where no channel knows the pair. A channel without spread is left out.
    """
    total = np.zeros((models, models))
    count = np.zeros_like(total)
    for values in matrices:
        known = ~np.isnan(values)
        if not known.any() or (spread := values[known].std()) == 0:
            continue
        total[known] += (values[known] - values[known].mean()) / spread
        count += known
    mean: Matrix = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean


def profile(prints: Fingerprints, name: str) -> tuple[Matrix, npt.NDArray[np.uint64]]:
    """Count, per model, the prompts on which each habit shows.

    Returns:
        models x features, real counts (shares summed over prompts), and the features' hashes, sorted.
    """
    counts, found = _counts(prints, name, np.zeros(len(prints.prompts), dtype=np.int64))
    return counts[0], found


def _counts(prints: Fingerprints, name: str, place: npt.NDArray[np.int64]) -> tuple[Matrix, npt.NDArray[np.uint64]]:
    """Groups x models x features, by the group of each prompt; prompts without one (-1) are the last group."""
    frame = prints.features[name]
    least_p = max(MIN_PROMPTS, round(MIN_PROMPT_SHARE * len(prints.prompts)))
    least_m = max(MIN_MODELS, round(MIN_MODEL_SHARE * len(prints.models)))
    kept = (
        frame.group_by("feature")
        .agg(prompts=pl.col("p").n_unique(), models=pl.col("m").n_unique())
        .filter((pl.col("prompts") >= least_p) & (pl.col("models") >= least_m))
        .sort("feature")
        .with_row_index("f")
    )
    group = pl.DataFrame({"p": range(len(place)), "g": place}, schema={"p": pl.UInt16, "g": pl.Int64})
    rows = frame.join(kept.select("feature", "f"), on="feature").join(group, on="p")
    counts = rows.group_by("g", "m", "f").agg(pl.col("share").sum())
    table = np.zeros((int(place.max(initial=0)) + 2, len(prints.models), len(kept)))
    table[counts["g"].to_numpy(), counts["m"].to_numpy(), counts["f"].to_numpy()] = counts["share"].to_numpy()
    return table, kept["feature"].to_numpy()


def habit(prints: Fingerprints, name: str) -> Matrix:
    r"""Cosine of two models' habits, -1 to 1.

    For feature f and model m with c of n prompts: \(l = \log\frac{c+.5}{n-c+.5}\), centred on the pool's mean and
    divided by its standard deviation, times \(\sqrt{r_f}\). The reliability \(r_f = 1 - \overline{\mathrm{se}^2}/
    \mathrm{var}(l)\) is the share of the feature's spread over models that is not counting noise (Monroe, Colaresi
    and Quinn 2008 for the log-odds and its variance); features without any are left out.
    """
    return _cosines(profile(prints, name)[0], prints.answered)


def _cosines(counts: Matrix, answered: npt.NDArray[np.bool_]) -> Matrix:
    """Cosines of log-odds profiles: see `habit`."""
    n = answered.sum(axis=1, keepdims=True).astype(float)
    yes, no = counts + SMOOTH, np.maximum(n - counts, 0) + SMOOTH
    odds = np.log(yes / no)
    spread = odds.var(axis=0)
    noise = (1 / yes + 1 / no).mean(axis=0)
    useful = spread > noise
    if not useful.any():
        return np.full((len(counts),) * 2, np.nan)
    scaled = (odds - odds.mean(axis=0))[:, useful] / np.sqrt(spread[useful])
    scaled *= np.sqrt(1 - noise[useful] / spread[useful])
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: Matrix = np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0)
    cosines: Matrix = unit @ unit.T
    return cosines


def rate(prints: Fingerprints, name: str) -> Matrix:
    r"""One over one plus Burrows' Delta, 0 to 1.

    A feature's rate is its share of tokens, averaged over a model's prompts; Delta is the mean over features of the
    absolute difference of two models' rates in standard deviations of the pool (Burrows 2002, doi
    10.1093/llc/17.3.267).
    """
    rates = _rates(prints, name)[0]
    spread = rates.std(axis=0)
    useful = spread > 0
    if not useful.any():
        return np.full((len(prints.models),) * 2, np.nan)
    scaled = rates[:, useful] / spread[useful]
    delta = cdist(scaled, scaled, "cityblock") / useful.sum()
    near: Matrix = 1 / (1 + delta)
    return near


def excess(prints: Fingerprints, name: str) -> Matrix:
    r"""Cosine of what two models write more often than people, 0 to 1.

    For a word with rate r of a model and h of people: \(\max(0, \log_2\frac{r + a}{h + a})\), a = `RARE`, which keeps
    words that nobody writes often from deciding.
    """
    rates, words = _rates(prints, name)
    people = human.frequencies(words)
    over = np.maximum(np.log2((rates + RARE) / (people + RARE)), 0)
    length = np.linalg.norm(over, axis=1, keepdims=True)
    unit: Matrix = np.divide(over, length, out=np.zeros_like(over), where=length > 0)
    cosines: Matrix = unit @ unit.T
    return cosines


def _rates(prints: Fingerprints, name: str) -> tuple[Matrix, npt.NDArray[np.uint64]]:
    """Models x features: rate per token; and the features' hashes."""
    counts, found = profile(prints, name)
    return counts / np.maximum(prints.answered.sum(axis=1, keepdims=True), 1), found


def agreement(prints: Fingerprints, name: str) -> Matrix:
    r"""Mean over shared prompts of the weighted cosine of two models' answers, 0 to 1.

    On each prompt a feature weighs \(\log\frac{N+1}{d+.5}\), with N models that answered and d that use it.
    """
    return _means(_totals(prints, name, np.zeros(len(prints.prompts), dtype=np.int64))[0], prints.answered)


def _means(total: Matrix, answered: npt.NDArray[np.bool_]) -> Matrix:
    both = _shared(answered)
    mean: Matrix = np.divide(total, both, out=np.full_like(total, np.nan), where=both > 0)
    return mean


def _totals(prints: Fingerprints, name: str, place: npt.NDArray[np.int64]) -> Matrix:
    """Groups x models x models, sums of cosines, by the group of each prompt; those without one are the last."""
    frame = prints.features[name]
    models = len(prints.models)
    total = np.zeros((int(place.max(initial=0)) + 2, models, models))
    prompt = frame["p"].to_numpy()
    m, feature, share = (frame[c].to_numpy() for c in ("m", "feature", "share"))
    edges = np.searchsorted(prompt, np.arange(len(prints.prompts) + 1))
    for p in range(len(prints.prompts)):
        here = slice(edges[p], edges[p + 1])
        if edges[p] == edges[p + 1]:
            continue
        _, column, used = np.unique(feature[here], return_inverse=True, return_counts=True)
        weight = np.log((prints.answered[:, p].sum() + 1) / (used + 0.5))
        value = share[here] * weight[column]
        norm = np.sqrt(np.bincount(m[here], value**2, minlength=models))
        shared = used[column] > 1
        rows = sparse.csr_matrix(
            (value[shared] / norm[m[here][shared]], (m[here][shared], column[shared])),
            shape=(models, len(used)),
        )
        total[place[p]] += (rows @ rows.T).toarray()
    return total
