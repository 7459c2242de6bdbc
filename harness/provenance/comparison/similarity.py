"""From fingerprints to one similarity matrix per channel. Raw numbers: `calibration` says what they mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from harness.provenance.answers import human
from harness.provenance.answers.fingerprint import Fingerprints, channel

Matrix = npt.NDArray[np.float64]

MIN_PROMPT_SHARE = 0.02
MIN_PROMPTS = 4
"""A habit shows on at least this many prompts, or share of them. Less is the topic of a prompt."""
MIN_MODEL_SHARE = 0.03
MIN_MODELS = 3
"""A habit is measured if at least this many models, or share of them, have it: else it is one model's quirk."""
MIN_SHARED = 20
"""Prompts two models must both have answered to be compared at all."""
MIN_SHARED_TRACES = 10
"""Fewer for reasoning traces, which are five to fifty times as long as answers."""
MIN_READ = 10
"""Answers of a model that a channel must have read for the model to count in what is usual."""
RARE = 1e-4
"""Added to rates before they are compared with people's: once in ten thousand tokens."""
LEAST_FEATURES = 3
"""Features that a channel of habits must have: with one or two every cosine is near 1 or -1, and says nothing."""
GROUPS = 10
"""Groups of prompts that a jackknife leaves out, one after the other."""
UNCOMMON = 0
"""The feature that stands for an ending of which a panel keeps nothing, since too few models end so. That it was read
is kept. It is nobody's habit."""
SMOOTH = 0.5
"""Added to successes and failures before the log-odds (Anscombe's correction)."""


def least(*, traces: bool) -> int:
    """Prompts two models must both have answered to be compared."""
    return MIN_SHARED_TRACES if traces else MIN_SHARED


def matrix(prints: Fingerprints, name: str, least: int = LEAST_FEATURES) -> Matrix:
    """Similarity of every pair of models in one channel: rows as suspects, columns as candidates.

    Args:
        prints: of the pool.
        name: of the channel.
        least: features that a channel of habits takes. 1 for replicates of a channel that has enough on all prompts.

    Returns:
        models x models. NaN on the diagonal, if a pair shares fewer than `MIN_SHARED` answers that were `read`,
        and if the channel finds nothing to compare. Symmetric, but for habits if the suspects were asked some
        of the prompts alone: see `leaning`.
    """
    kind = channel(name).KIND
    part = on_asked(prints, name)
    if kind == "habit":
        values = leaning(prints, name) if prints.asked is not None else habit(part, name, least)
    else:
        values = {"rate": rate, "excess": excess, "agreement": agreement}[kind](part, name)
    return _comparable(values, read(part, name), traces=prints.traces)


def on_asked(prints: Fingerprints, name: str) -> Fingerprints:
    """One channel on the prompts that the suspects were asked: made once."""
    if prints.asked is None:
        return prints
    asked = prints.asked
    alone = {name: prints.features[name]}
    return prints.once("asked", name, lambda: dataclasses.replace(prints, features=alone).subset(asked))


def read(prints: Fingerprints, name: str) -> npt.NDArray[np.bool_]:
    """Models x prompts: the answers that a channel could read, which its habits are shares of.

    Every answer has a beginning. Short ones and those that were cut off have no ending, and are no answers that end
    without a habit: counted as such, they made whoever was cut off unlike everybody. A model of which a channel holds
    nothing (`unread`) has no answer that it could read.
    """
    return prints.once("read", name, lambda: _read(prints, name))


def _read(prints: Fingerprints, name: str) -> npt.NDArray[np.bool_]:
    if channel(name).WINDOW != "tail":
        found = np.isin(np.arange(len(prints.models)), prints.features[name]["m"].unique().to_numpy())
        return prints.answered if found.all() else prints.answered & found[:, None]
    ended = np.zeros_like(prints.answered)
    ended[prints.features[name]["m"].to_numpy(), prints.features[name]["p"].to_numpy()] = True
    return ended


def unread(prints: Fingerprints, models: Collection[str], names: Collection[str]) -> Fingerprints:
    """The same fingerprints without what some channels hold of some models.

    Args:
        prints: of a pool.
        models: those that a channel is not to read.
        names: of the channels.
    """
    if not models:
        return prints
    rows = [prints.models.index(model) for model in models]
    features = {
        name: frame.filter(~frame["m"].is_in(rows)) if name in names else frame
        for name, frame in prints.features.items()
    }
    return dataclasses.replace(prints, features=features)


def dealt(count: int) -> list[list[int]]:
    """So many prompts, by index, dealt to `GROUPS` groups."""
    return [list(range(g, count, GROUPS)) for g in range(GROUPS)]


def without(prints: Fingerprints, name: str, groups: Sequence[Sequence[int]]) -> Iterator[Matrix]:
    """The same matrix once per group of prompts, each time without that group: the replicates of a jackknife.

    Counts are made once per group and subtracted. Which features count as habits stays as on all prompts.

    Args:
        prints: of the pool.
        name: of a channel whose kind is habit or agreement.
        groups: indices of prompts, none in two groups.
    """
    place = np.full(len(prints.prompts), -1)
    for g, group in enumerate(groups):
        place[list(group)] = g
    asked = np.arange(len(place)) if prints.asked is None else np.array(prints.asked, dtype=np.int64)
    every = read(prints, name)
    answered, here = every[:, asked], place[asked]
    if channel(name).KIND == "habit":
        parts, theirs = _counts_asked(prints, name, place, _near_useful(prints, name))
    else:
        parts = theirs = _parts(on_asked(prints, name), name, here, len(groups))
    whole, all_theirs = parts.sum(axis=0), theirs.sum(axis=0)
    # A channel that has enough features has enough in every replicate, or it would come and go between them.
    least = 1 if channel(name).KIND != "habit" or _enough(whole, every) else LEAST_FEATURES
    for g in range(len(groups)):
        rest = answered[:, here != g]
        if channel(name).KIND != "habit":
            values = _means(whole - parts[g], rest)
        elif prints.asked is None:
            values = _cosines(whole - parts[g], rest, least)
        else:
            values = _leaning(all_theirs - theirs[g], rest, whole - parts[g], every[:, place != g], least)
        # Pairs that can be compared on all prompts are compared in every replicate, for the same reason.
        yield _comparable(values, answered, traces=prints.traces)


MANY, NEAR = 20, 0.5
"""Of so many models, the share of counting noise that a feature must spread to be useful without a tenth of the
prompts. It must spread as much as the noise then. On four panels and random parts of them, whatever was useful without
a tenth had spread .82 of the noise at least on all prompts. Five features of six or more have less than half."""


def _near_useful(prints: Fingerprints, name: str) -> npt.NDArray[np.bool_] | None:
    """Habits that may be useful without some of the prompts. `None` is all: in small pools chance is greater."""
    if len(prints.models) < MANY:
        return None
    habits = _Habits.of(profile(prints, name)[0], read(prints, name))
    near: npt.NDArray[np.bool_] = habits.spread > NEAR * habits.noise
    return near


def _parts(prints: Fingerprints, name: str, place: npt.NDArray[np.int64], groups: int) -> Matrix:
    """Groups x models x models, sums of cosines, by the group of each prompt."""
    if groups == GROUPS and np.array_equal(place, np.arange(len(place)) % GROUPS):
        return _sums(prints, name).groups
    return _totals(prints, name, place, groups + 1)


def of_parts(prints: Fingerprints, name: str, parts: Sequence[Sequence[int]]) -> Iterator[Matrix]:
    """The same matrix once per part of the prompts: `matrix(prints.subset(part), name)` for each.

    A channel that has enough features on all prompts has them in every part. Cosines of answers are made once per
    prompt, since they are the same in every part. Habits are counted in each.

    Args:
        prints: of the pool.
        name: of a channel.
        parts: indices of prompts. Parts may overlap.
    """
    if channel(name).KIND != "agreement" or prints.asked is not None:
        enough = LEAST_FEATURES if np.isnan(matrix(prints, name)).all() else 1
        alone = dataclasses.replace(prints, features={name: prints.features[name]})
        yield from (matrix(alone.subset(part), name, enough) for part in parts)
        return
    member = np.zeros((len(parts), len(prints.prompts)), dtype=np.bool_)
    for place, part in enumerate(parts):
        member[place, list(part)] = True
    totals = np.zeros((len(parts), len(prints.models), len(prints.models)))
    for prompt, cosines in _by_prompt(prints, name):
        totals[member[:, prompt]] += cosines
    for part, total in zip(parts, totals, strict=True):
        answered = prints.answered[:, list(part)]
        yield _comparable(_means(total, answered), read(prints, name)[:, list(part)], traces=prints.traces)


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
        matrices: one per channel, models x models. NaN is unknown.
        models: how many.

    Returns:
        models x models. NaN if no channel knows the pair. A channel without spread is left out.
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


def _counts(
    prints: Fingerprints,
    name: str,
    place: npt.NDArray[np.int64],
    groups: int | None = None,
    some: npt.NDArray[np.bool_] | None = None,
) -> tuple[Matrix, npt.NDArray[np.uint64]]:
    """Groups x models x features, by the group of each prompt. Prompts without one (-1) are the last group.

    Of all habits, or of `some`.
    """
    rows = _rows(prints, name)
    rows = rows if some is None else rows.of(some)
    number, models = groups or int(place.max(initial=0)) + 2, len(prints.models)
    at = np.where(place < 0, place + number, place)[rows.p]
    at *= models
    at += rows.m
    at *= len(rows.found)
    at += rows.f
    # In the order of the rows: sums of groups in Polars come out in another order each time, and in 32 bits as well.
    counts = np.bincount(at, rows.share, minlength=number * models * len(rows.found)).astype(np.float64, copy=False)
    return counts.reshape(number, models, len(rows.found)), rows.found


@dataclasses.dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a channel that are of a habit: models, prompts, and the habit's place among those `found`."""

    m: npt.NDArray[np.uint16]
    p: npt.NDArray[np.uint16]
    f: npt.NDArray[np.uint32]
    share: npt.NDArray[np.float32] | None
    """`None` if every share is 1."""
    found: npt.NDArray[np.uint64]

    def of(self, some: npt.NDArray[np.bool_]) -> _Rows:
        """Those of some habits."""
        rows, place = some[self.f], np.cumsum(some, dtype=np.uint32) - np.uint32(1)
        share = None if self.share is None else self.share[rows]
        return _Rows(self.m[rows], self.p[rows], place[self.f[rows]], share, self.found[some])


def _rows(prints: Fingerprints, name: str) -> _Rows:
    """What shows on enough prompts and in enough models to be a habit: looked for once."""
    return prints.once("rows", name, lambda: _habitual(prints, name))


def _habitual(prints: Fingerprints, name: str) -> _Rows:
    m, p, share = (prints.features[name][column].to_numpy() for column in ("m", "p", "share"))
    found, place = coded(prints, name)
    least_p = max(MIN_PROMPTS, round(MIN_PROMPT_SHARE * len(prints.prompts)))
    least_m = max(MIN_MODELS, round(MIN_MODEL_SHARE * len(prints.models)))
    often = (different(place, p, len(found)) >= least_p) & (different(place, m, len(found)) >= least_m)
    habits = often & (found != UNCOMMON)
    rows = habits[place]
    f = (np.cumsum(habits, dtype=np.uint32) - np.uint32(1))[place[rows]]
    share = share[rows]
    return _Rows(m[rows], p[rows], f, None if (share == 1).all() else share, found[habits])


def coded(prints: Fingerprints, name: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The different features of a channel, sorted, and the place of every row's among them: looked for once."""
    return prints.once("coded", name, lambda: _coded(prints.features[name]["feature"].to_numpy()))


def _coded(features: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    if not len(features) or int(features.max()) >= 1 << 32:
        return np.unique(features, return_inverse=True)
    # Short features are sorted as one number with their rows: half of the time.
    rows = (features << np.uint64(32)) | np.arange(len(features), dtype=np.uint64)
    rows.sort()
    values = rows >> np.uint64(32)
    begins = np.append(True, values[1:] != values[:-1])
    place = np.empty(len(features), dtype=np.int64)
    place[rows.astype(np.uint32)] = np.cumsum(begins) - 1  # what is above 32 bits, the feature, is cut off
    return values[begins], place


def different(groups: npt.NDArray[np.integer], items: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.int64]:
    """How many different items each group has, of rows with one item each.

    Args:
        groups: of every row, below `count`.
        items: of every row, from 0 on and of less than 32 bits.
        count: of the groups.
    """
    # Sorting one array of numbers is what NumPy is fastest at: Polars takes four times as long to count.
    pairs = np.sort((groups.astype(np.int64) << 32) | items.astype(np.int64))
    return np.bincount(pairs[np.diff(pairs, prepend=-1) != 0] >> 32, minlength=count)


def _counts_asked(
    prints: Fingerprints, name: str, place: npt.NDArray[np.int64], some: npt.NDArray[np.bool_] | None = None
) -> tuple[Matrix, Matrix]:
    """Counts of the same habits on all prompts and on those asked: groups x models x features each."""
    groups = int(place.max(initial=0)) + 2
    if prints.asked is None:
        every = _counts(prints, name, place, some=some)[0]
        return every, every
    asked = np.zeros(len(place), dtype=np.int64)
    asked[list(prints.asked)] = groups
    table = _counts(prints, name, np.where(place < 0, groups - 1, place) + asked, 2 * groups, some)[0]
    return table[:groups] + table[groups:], table[groups:]


def habit(prints: Fingerprints, name: str, least: int = LEAST_FEATURES) -> Matrix:
    r"""Cosine of two models' habits, -1 to 1.

    For feature f and model m with c of n prompts: \(l = \log\frac{c+.5}{n-c+.5}\), centred on the pool's mean and
    divided by its standard deviation, times \(\sqrt{r_f}\). The reliability \(r_f = 1 - \overline{\mathrm{se}^2}/
    \mathrm{var}(l)\) is the share of the feature's spread over models that is not counting noise (Monroe, Colaresi
    and Quinn 2008 for the log-odds and its variance). Features without any are left out.
    """
    return _cosines(profile(prints, name)[0], read(prints, name), least)


def _enough(counts: Matrix, answered: npt.NDArray[np.bool_]) -> bool:
    """Whether a channel of habits has as many features as it takes."""
    return int(_Habits.of(counts, answered).useful.sum()) >= LEAST_FEATURES


def _cosines(counts: Matrix, answered: npt.NDArray[np.bool_], least: int = LEAST_FEATURES) -> Matrix:
    """Cosines of log-odds profiles: see `habit`."""
    scaled = _unit(_Habits.of(counts, answered).profiles())
    if scaled.shape[1] < least:
        return np.full((len(counts),) * 2, np.nan)
    cosines: Matrix = scaled @ scaled.T
    return cosines


@dataclasses.dataclass(frozen=True, slots=True)
class _Habits:
    """Log-odds of habits (models x features), their mean and variance over models, and what of it is counting noise.

    Models of which fewer than `MIN_READ` answers were read have log-odds, but do not count in the rest.
    """

    odds: Matrix
    mean: Matrix
    spread: Matrix
    noise: Matrix

    @classmethod
    def of(cls, counts: Matrix, answered: npt.NDArray[np.bool_]) -> _Habits:
        n = answered.sum(axis=1, keepdims=True).astype(float)
        yes, no = counts + SMOOTH, n - counts
        np.maximum(no, 0, out=no)
        no += SMOOTH
        odds = yes / no
        np.log(odds, out=odds)
        noise = np.reciprocal(yes, out=yes)  # in place: in a jackknife, making room took as long as counting
        noise += np.reciprocal(no, out=no)
        usual = _usual(answered)
        return cls(odds, odds[usual].mean(axis=0), odds[usual].var(axis=0), noise[usual].mean(axis=0))

    @property
    def useful(self) -> npt.NDArray[np.bool_]:
        """Features that spread more than counting does."""
        found: npt.NDArray[np.bool_] = self.spread > self.noise
        return found

    def profiles(self) -> Matrix:
        """Models x useful features: see `habit`."""
        useful = self.useful
        scaled: Matrix = (self.odds - self.mean)[:, useful] / np.sqrt(self.spread[useful])
        scaled *= np.sqrt(1 - self.noise[useful] / self.spread[useful])
        return scaled


def _usual(answered: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | slice:
    """Models of which enough answers were read. All, if it is all or none: then nothing is copied."""
    some = np.asarray(answered.sum(axis=1) >= MIN_READ, dtype=np.bool_)
    return slice(None) if some.all() or not some.any() else some


def _unit(rows: Matrix) -> Matrix:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit


def leaning(prints: Fingerprints, name: str) -> Matrix:
    r"""Cosine of a suspect's habits on the prompts it was asked (rows) with a candidate's on all (columns), -1 to 1.

    A candidate's profile is that of `habit`, over all prompts. A suspect's log-odds start from the pool's: with c of
    n prompts asked, pool rate q and a variance over models of \(\tau^2\) (spread less counting noise),
    \(l = \log\frac{c + aq}{n - c + a(1-q)}\), under the beta prior that has the pool's mean and, on the scale of
    log-odds, its variance: \(a = 1 / (\tau^2 q (1-q))\) prompts. It is centred on the pool's mean of the same and
    divided by the pool's standard deviation. With few prompts a habit that is not seen says little, with many it is
    the log-odds. docs/provenance-measured.md measures it against a linear profile, \((c/n - q)/(q(1-q))\).
    """
    every, theirs = _counts_asked(prints, name, np.zeros(len(prints.prompts), dtype=np.int64))
    there = read(prints, name)
    return _leaning(theirs.sum(axis=0), there[:, list(prints.asked or ())], every.sum(axis=0), there)


def _leaning(
    counts: Matrix,
    asked: npt.NDArray[np.bool_],
    every: Matrix,
    answered: npt.NDArray[np.bool_],
    least: int = LEAST_FEATURES,
) -> Matrix:
    habits = _Habits.of(every, answered)
    useful = habits.useful
    if useful.sum() < least:
        return np.full((len(counts),) * 2, np.nan)
    spread = habits.spread[useful]
    q = (every[:, useful].sum(axis=0) + SMOOTH) / (answered.sum() + 2 * SMOOTH)
    prior = 1 / ((spread - habits.noise[useful]) * q * (1 - q))
    n = asked.sum(axis=1, keepdims=True).astype(float)
    yes = np.minimum(counts[:, useful], n)
    odds = np.log((yes + prior * q) / (n - yes + prior * (1 - q)))
    rows = (odds - odds[_usual(asked)].mean(axis=0)) / np.sqrt(spread)
    cosines: Matrix = _unit(rows) @ _unit(habits.profiles()).T
    return cosines


def rate(prints: Fingerprints, name: str) -> Matrix:
    r"""One over one plus Burrows' Delta, 0 to 1.

    A feature's rate is its share of tokens, averaged over a model's prompts. Delta is the mean over features of the
    absolute difference of two models' rates in standard deviations of the pool (Burrows 2002, doi
    10.1093/llc/17.3.267).
    """
    from scipy.spatial.distance import cdist

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
    """Models x features: rate per token, and the features' hashes."""
    counts, found = profile(prints, name)
    return counts / np.maximum(prints.answered.sum(axis=1, keepdims=True), 1), found


def agreement(prints: Fingerprints, name: str) -> Matrix:
    r"""Mean over shared prompts of the weighted cosine of two models' answers, 0 to 1.

    On each prompt a feature weighs \(\log\frac{N+1}{d+.5}\), with N models that answered and d that use it.
    """
    return _means(_sums(prints, name).whole, prints.answered)


@dataclasses.dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of cosines over prompts: of all, models x models, and of each of the groups that `dealt` makes."""

    whole: Matrix
    groups: Matrix


def _sums(prints: Fingerprints, name: str) -> _Sums:
    """Those of a channel of agreement: every prompt is compared once, for the similarity and for its replicates."""
    return prints.once("sums", name, lambda: _summed(prints, name))


def _summed(prints: Fingerprints, name: str) -> _Sums:
    models = len(prints.models)
    whole, groups = np.zeros((models, models)), np.zeros((GROUPS, models, models))
    for prompt, cosines in _by_prompt(prints, name):
        whole += cosines
        groups[prompt % GROUPS] += cosines
    return _Sums(whole, groups)


def per_prompt(prints: Fingerprints, name: str) -> Matrix:
    """The cosines that `agreement` averages: prompts x models x models."""
    count = len(prints.prompts)
    return _totals(prints, name, np.arange(count), count)


def _means(total: Matrix, answered: npt.NDArray[np.bool_]) -> Matrix:
    both = _shared(answered)
    mean: Matrix = np.divide(total, both, out=np.full_like(total, np.nan), where=both > 0)
    return mean


def _totals(prints: Fingerprints, name: str, place: npt.NDArray[np.int64], groups: int | None = None) -> Matrix:
    """Groups x models x models, sums of cosines, by the group of each prompt. Those without one are the last."""
    models = len(prints.models)
    total = np.zeros((groups or int(place.max(initial=0)) + 2, models, models))
    for prompt, cosines in _by_prompt(prints, name):
        total[place[prompt]] += cosines
    return total


@dataclasses.dataclass(frozen=True, slots=True)
class PromptFeatures:
    """The features of one prompt's answers.

    Attributes:
        prompt: its index.
        rows: of the channel's features.
        place: of every row's feature, among the different ones.
        used: by how many models each of those is used.
    """

    prompt: int
    rows: slice
    place: npt.NDArray[np.intp]
    used: npt.NDArray[np.intp]


def by_prompt(prints: Fingerprints, name: str) -> Sequence[PromptFeatures]:
    """The features of each prompt that anybody answered: looked for once."""
    return prints.once("by prompt", name, lambda: list(_answered(prints, name)))


def _answered(prints: Fingerprints, name: str) -> Iterator[PromptFeatures]:
    frame = prints.features[name]
    prompt, feature = frame["p"].to_numpy(), frame["feature"].to_numpy()
    edges = np.searchsorted(prompt, np.arange(len(prints.prompts) + 1))
    for p in range(len(prints.prompts)):
        here = slice(int(edges[p]), int(edges[p + 1]))
        if here.start < here.stop:
            _, place, used = np.unique(feature[here], return_inverse=True, return_counts=True)
            yield PromptFeatures(p, here, place, used)


def _by_prompt(prints: Fingerprints, name: str) -> Iterator[tuple[int, Matrix]]:
    """Each prompt that anybody answered, with the cosines of the answers: models x models."""
    from scipy import sparse  # here, because facts about models are read without comparing any

    frame = prints.features[name]
    models = len(prints.models)
    m, share = (frame[c].to_numpy() for c in ("m", "share"))
    for of in by_prompt(prints, name):
        weight = np.log((prints.answered[:, of.prompt].sum() + 1) / (of.used + 0.5))
        value = share[of.rows] * weight[of.place]
        norm = np.sqrt(np.bincount(m[of.rows], value**2, minlength=models))
        shared = of.used > 1
        mine = shared[of.place]
        who = m[of.rows][mine]  # rows are by model, so that where each begins is all that is left to say
        begins = np.searchsorted(who, np.arange(models + 1))
        unit, what = value[mine] / norm[who], (np.cumsum(shared) - 1)[of.place[mine]]
        # The second factor is dense: the sums are the same, in half of the time.
        theirs = np.zeros((int(shared.sum()), models))
        theirs[what, who] = unit
        yield of.prompt, sparse.csr_matrix((unit, what, begins), shape=theirs.shape[::-1]) @ theirs
