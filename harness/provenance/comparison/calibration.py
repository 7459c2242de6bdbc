"""What a raw similarity means: read against models that cannot have learnt from the candidate.

`u` cannot have learnt from candidate `c` if `u` was released before `c`, or is documented not to be trained
on `c`'s lab, and `u` is not of `c`'s lab, nor a restyled copy of another model. Those models are the null of
`c`, its *dated null*. A null model related to the suspect (same lineage of training data, lab or base model) is left
out of the suspect's null: leave-one-family-out. A missing date means that dates say nothing of that model.

If dates leave too few, the null is *all dates*: every model of another lab, base and name, with estimators that do
not look at the few that did learn. It is the weaker evidence: what most of a pool took from a candidate is invisible to
it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from harness.specs import MONTH

Matrix = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

LEAST_NULL = 5
"""Dated null models below which a candidate has no dated null: a spread from fewer is not one."""
CLOSEST = 2
"""Versions of a lab that stand for it, the nearest ones: one is more often the nearest by chance, and three say less of
a student of a single version."""
LEAST_REFERENCE = 20
"""Models of a pool, suspect and candidate aside, below which it has no all-date null either: smaller pools named
nonsense."""
LEAST_STRANGERS = 12
"""Of them, models of other labs and bases and unrelated to the suspect that a pair's all-date null takes."""
LEAST_POOL = 200
"""Unrelated pairs below which the pooled null takes in every null pair, whichever way it might be related."""
PRIOR_MODELS = 5.0
"""How many null models the typical spread counts for, beside a candidate's own: shrinkage of variances as in Smyth
(2004), with the prior's weight set instead of fitted. From 2 to 10 it changes little (docs/provenance-measured.md)."""
PRIOR_CANDIDATES = 3.0
"""How many candidates of score 0 count in what a suspect scores with its nearest: with few candidates little is taken
out."""
NEAREST, NEAREST_SHARE, LEAST_NEAREST = 10, 0.2, 3
"""Candidates of other labs whose mean is taken out of a score: a fifth of them, at least three, at most ten."""
BIWEIGHT = 4.685
"""Tuning constant of Tukey's biweight: 95% efficient if the law is normal."""
ROUNDS = 8
"""Of its iteration."""
INSIDE = 2.5
"""Robust standard deviations within which the all-date null's spread is taken."""
LEAST_TAIL = 50
"""Pairs from which on a tail is fitted. With fewer, p-values are ranks alone."""
TAIL = 0.1
"""Share of the pairs that the fitted tail stands on."""
SHAPES = (0.0, 0.3)
"""Least and greatest shape of the tail: similarity has no hard end, and its variance exists."""
IMPOSSIBLE = 0.05
"""Pairs of which the tail expects fewer than this in the whole pool are left out of its fit: they are no strangers. No
smaller p-value is given either."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is documented about a model. Everything but the name may be unknown."""

    name: str
    lab: str | None = None
    released: str | None = None
    """`YYYY-MM` or `YYYY-MM-DD`, of public release."""
    bases: frozenset[str] = frozenset()
    """Families of base models it was trained from (`llama-2`)."""
    lineage: str | None = None
    """Models of one lineage share training data."""
    not_taught_by: frozenset[str] = frozenset()
    """Labs whose outputs it is documented not to be trained on."""
    copy_of: frozenset[str] = frozenset()
    """Models it restyles, samples from or continues: it is neither a null model nor a candidate."""
    by_name: frozenset[str] = frozenset()
    """Which of `lab` and `bases` its name alone suggests, so that it could have been chosen for that."""
    answers_like: frozenset[str] = frozenset()
    """Models that it answers like, closer than siblings do. This is measured (`same.told_alike`): it is no null model,
    and nothing else follows."""

    def __post_init__(self) -> None:
        """Reject a date that cannot be compared."""
        if self.released is not None and not MONTH.fullmatch(self.released):
            raise ValueError(f"{self.name}: released {self.released!r}, expected YYYY-MM")

    def __hash__(self) -> int:
        """By the name alone: what is known of all models at once is looked up by all of their facts, often."""
        return hash(self.name)

    def before(self, other: ModelFacts) -> bool | None:
        """Whether it was released in an earlier month than `other`. `None` if a date is missing."""
        if self.released is None or other.released is None:
            return None
        return self.released[:7] < other.released[:7]

    def related(self, other: ModelFacts) -> bool:
        """Same model, lineage or lab: not independent of each other."""
        return (
            self.name == other.name
            or (self.lineage is not None and self.lineage == other.lineage)
            or (self.lab is not None and self.lab == other.lab)
            or self.name in other.copy_of
            or other.name in self.copy_of
        )


def cannot_have_learnt(model: ModelFacts, candidate: ModelFacts) -> bool:
    """Whether the model is a null model of the candidate (see the module's text)."""
    if model.name == candidate.name or model.copy_of or model.answers_like or model.name in candidate.answers_like:
        return False
    if candidate.lab is not None and model.lab == candidate.lab:
        return False
    return (candidate.lab is not None and candidate.lab in model.not_taught_by) or bool(model.before(candidate))


@dataclass(frozen=True)
class PairScores:
    """Calibrated scores of suspects (rows: all models) against candidates, or labs (columns).

    Attributes:
        candidates: index of each column's model. If columns are labs, each column's place.
        z: distance from the null's mean in moderated standard deviations. NaN if untestable.
        null: True if the row is itself a null model of the column.
        free: models x models, True if the two are independent.
        unrelated: the null pairs that make up the pooled null: see `unrelated_pairs`.
        least: null models that a test takes.
    """

    candidates: npt.NDArray[np.int64]
    z: Matrix
    null: Bool
    free: Bool
    unrelated: Bool
    least: int = LEAST_NULL

    @cached_property
    def null_size(self) -> npt.NDArray[np.int64]:
        """How many null models of the column have a z themselves, those related to the row's model left out."""
        size: npt.NDArray[np.int64] = self.free.astype(float) @ (self.null & ~np.isnan(self.z))
        return size.round().astype(np.int64)


def null_models(facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Bool:
    """Models x candidates: True if the model cannot have learnt from the candidate."""
    return _null_models(tuple(facts), tuple(candidates))


@lru_cache(maxsize=8)
def _null_models(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    return np.array([[cannot_have_learnt(f, facts[c]) for c in candidates] for f in facts], dtype=np.bool_)


def reference_models(facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Bool:
    """Models x candidates: True if the model is of another lab, base and lineage, and no version of anything."""
    return _reference_models(tuple(facts), tuple(candidates))


@lru_cache(maxsize=8)
def _reference_models(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    return np.array(
        [
            [
                not (f.copy_of or f.answers_like or f.related(facts[c]) or f.bases & facts[c].bases)
                and f.name not in facts[c].answers_like
                for c in candidates
            ]
            for f in facts
        ],
        dtype=np.bool_,
    )


def unrelated_pairs(facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Bool:
    """Models x candidates: True if neither can have learnt from the other.

    A candidate that is older than another is a null model of it, but may be its teacher: similarity has no
    direction. Such pairs are left out, unless documented, as long as `LEAST_POOL` pairs remain.
    """
    return _unrelated_pairs(tuple(facts), tuple(candidates))


@lru_cache(maxsize=8)
def _unrelated_pairs(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    null = null_models(facts, candidates)
    apart = null.copy()
    for i in candidates:
        documented = [facts[c].lab is not None and facts[c].lab in facts[i].not_taught_by for c in candidates]
        apart[i] &= np.array(documented, dtype=np.bool_)
    return apart if apart.sum() >= LEAST_POOL else null


def relations(facts: Sequence[ModelFacts]) -> Bool:
    """Models x models: True if the two are not independent."""
    return _relations(tuple(facts))


@lru_cache(maxsize=8)
def _relations(facts: tuple[ModelFacts, ...]) -> Bool:
    return np.array([[a.related(b) for b in facts] for a in facts], dtype=np.bool_)


def lineages(facts: Sequence[ModelFacts], members: Sequence[int]) -> list[list[int]]:
    """Group members that share a lineage, or (if it is unknown) a lab. The rest stand alone."""
    groups: dict[str, list[int]] = {}
    for i in members:
        f = facts[i]
        key = f"lineage {f.lineage}" if f.lineage else f"lab {f.lab}" if f.lab else f"model {f.name}"
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def pair_scores(
    similarity: Matrix,
    facts: Sequence[ModelFacts],
    candidates: Sequence[int],
    *,
    left_out: Sequence[int] = (),
    least: int = LEAST_NULL,
    every_date: bool = False,
) -> PairScores:
    r"""Calibrate one channel.

    For suspect s and candidate c with null models U (those unrelated to s): the excess
    \(x(s,c) = S_{sc} - \overline{S_{su}}_{u \in U}\) takes out how much s resembles anyone. z is
    \((x(s,c) - \overline{x(u,c)}) / (\tilde\sigma\sqrt{1 + 1/n})\) over the same null models, each with its own
    relatives left out, and \(\tilde\sigma^2\) shrunk toward the channel's median variance (`PRIOR_MODELS`). Only null
    models enter the centring: centring on the whole pool hides a teacher with many students.

    Args:
        similarity: models x models, NaN if unknown.
        facts: one per model.
        candidates: indices of possible teachers.
        left_out: models that are nobody's null model this time, to see how much depends on them.
        least: null models below which a pair is untestable, at least 2. A null model itself counts as one of them.
        every_date: whether the null is `reference_models`, each documented lineage counting once, with Tukey's biweight
            for mean and spread, instead of `null_models`.
    """
    cols = np.array(candidates, dtype=np.int64)
    null = (reference_models if every_date else null_models)(facts, candidates).copy()
    apart = null.copy() if every_date else unrelated_pairs(facts, candidates)
    null[list(left_out)] = False
    free, known = ~relations(facts), ~np.isnan(similarity)
    weight = _lineage_weights(tuple(facts)) if every_date else np.ones(len(facts))
    beside = ((free & known) * weight) @ null
    level = _over(np.where(free & known, similarity, 0.0) * weight @ null, beside)
    excess = similarity[:, cols] - level
    z = _columns(excess, null & ~np.isnan(excess), free, weight, least=least, robust=every_date)
    enough = LEAST_STRANGERS if every_date else LEAST_NULL
    return PairScores(cols, z, null, free, apart, enough)


@lru_cache(maxsize=8)
def _lineage_weights(facts: tuple[ModelFacts, ...]) -> Matrix:
    """One over the size of a model's documented lineage: thirty students of one data set count once."""
    names = [fact.lineage for fact in facts]
    return np.array([1 / names.count(name) if name else 1.0 for name in names])


def _columns(x: Matrix, used: Bool, free: Bool, weight: Matrix, *, least: int, robust: bool) -> Matrix:
    """Standardise columns by their null models, those related to the row's model left out. The variance is moderated.

    Args:
        x: models x columns.
        used: the columns' null models with a value.
        free: models x models, True if independent.
        weight: of every null model.
        least: null models that it takes, the row's own model counted.
        robust: whether outliers count less: Tukey's biweight for the mean, the spread of those inside `INSIDE`. Weights
            are those of the whole column. The row's relatives are then left out.
    """
    every = used.astype(float)
    near, inside, shrink = _outlying(x, used, weight) if robust else (every, every, 1.0)
    weighed, twice_weighed = every, every
    if (weight != 1).any():
        near, inside = near * weight[:, None], inside * weight[:, None]
        weighed, twice_weighed = every * weight[:, None], every * weight[:, None] ** 2
    # Sums of squares about the column's mean, which keeps small variances exact.
    centre = _over((near * np.where(used, x, 0.0)).sum(axis=0), near.sum(axis=0))
    value = np.where(used, x - centre, 0.0)
    of_value = near * value
    size, counted, twice, of_near, first, held, total, second = _sums(
        free.astype(float),
        every,
        weighed,
        twice_weighed,
        near,
        of_value,
        inside,
        of_value if inside is near else inside * value,
        inside * value**2,
    )
    number = _over(counted**2, twice)  # as many models of equal weight
    # A null model is one of its own candidate's null and is left out of it: one fewer is enough for its score.
    enough = (size.round() + used >= least) & (size > 1.5)  # noqa: PLR2004 - a spread needs two
    middle = np.where(enough, _over(first, of_near), np.nan)
    squares = second - 2 * middle * total + middle**2 * held
    free_of = np.maximum(number - 1, 0)
    spread = _over(np.maximum(squares, 0), held * _over(free_of, number)) / shrink**2
    if np.isnan(spread).all():
        return np.full(x.shape, np.nan)
    variance = (PRIOR_MODELS * float(np.nanmedian(spread)) + free_of * spread) / (PRIOR_MODELS + free_of)
    unit = np.sqrt(variance * (1 + 1 / np.maximum(number, 1)))
    # Null models that are all alike measure no spread: such a pair cannot be tested.
    z: Matrix = np.divide(x - centre - middle, unit, out=np.full(unit.shape, np.nan), where=unit > 0)
    return z


def _sums(free: Matrix, *columns: Matrix) -> list[Matrix]:
    """Sums of columns over the rows that are independent of each row, of several matrices at once: each matrix once."""
    distinct = {id(column): column for column in columns}
    summed = np.split(free @ np.hstack(list(distinct.values())), len(distinct), axis=1)
    of = dict(zip(distinct, summed, strict=True))
    return [of[id(column)] for column in columns]


def _outlying(x: Matrix, used: Bool, weight: Matrix) -> tuple[Matrix, Matrix, float]:
    """How much every null model counts in a column's mean, whether it does in its spread, and what that shrinks it by.

    Tukey's biweight about the median, from the median absolute deviation, iterated (Mosteller and Tukey 1977).
    """
    from scipy.special import ndtr  # here, because facts about models are read without comparing any

    value = np.where(used, x, np.nan)
    middle = _medians(value)
    with np.errstate(invalid="ignore"):  # columns without null models
        scale: Matrix = np.maximum(1.4826 * _medians(np.abs(value - middle)), 1e-12)
    value = np.where(used, x, 0.0)
    near: Matrix = used.astype(float)
    for _ in range(ROUNDS):
        far: Matrix = (value - middle) / (BIWEIGHT * scale)
        near = np.where(used & (np.abs(far) < 1), (1 - far**2) ** 2, 0.0)
        middle = _over((near * weight[:, None] * value).sum(axis=0), (near * weight[:, None]).sum(axis=0))
    inside = (used & (np.abs(value - middle) < INSIDE * scale)).astype(float)
    kept = 2 * ndtr(INSIDE) - 1
    density = np.exp(-(INSIDE**2) / 2) / np.sqrt(2 * np.pi)
    return near, inside, float(np.sqrt(1 - 2 * INSIDE * density / kept))


def _medians(values: Matrix) -> Matrix:
    """The median of each column's known values. NaN if there are none.

    NumPy's own of columns with NaN goes through masked arrays, and takes five times as long.
    """
    known = (~np.isnan(values)).sum(axis=0)
    ordered = np.sort(values, axis=0)  # NaN last
    middle = np.take_along_axis(ordered, np.stack([(known - 1) // 2, known // 2]), axis=0)
    found: Matrix = middle.sum(axis=0) / 2
    return found


def combine(channels: Sequence[PairScores]) -> PairScores:
    """Average z over channels: the null of the average is then measured, so that dependence needs no model.

    A pair that some channel cannot test is averaged over the others. A mean of fewer varies more: it is scaled to vary
    as the mean of all does, as measured on the unrelated pairs that every channel can test (`LEAST_TAIL` or more).
    """
    stack = np.stack([c.z for c in channels])
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    z = np.divide(np.where(known, stack, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    strangers = stack[:, known.all(axis=0) & channels[0].unrelated]
    if strangers.shape[1] >= LEAST_TAIL:
        usual = strangers.mean(axis=0).std()
        for some in np.unique(known[:, (count > 0) & (count < len(stack))], axis=1).T:
            spread = strangers[some].mean(axis=0).std()
            if spread > 0:
                z[(known == some[:, None, None]).all(axis=0)] *= usual / spread
    return dataclasses.replace(channels[0], z=z)


def centred(scores: PairScores, facts: Sequence[ModelFacts]) -> PairScores:
    r"""Take out what a suspect scores with its nearest candidates of other labs (test normalisation).

    A suspect that is near to everybody, because it is fluent or late, is near to nobody in particular.
    \(z'(s,c) = z(s,c) - \sum_{c'} z(s,c') / (n + k)\) over the n (`NEAREST`) highest scores with candidates c' of other
    labs than c's that could have taught s (not later, of another lab, lineage and base) and k = `PRIOR_CANDIDATES`.
    Versions of the candidate are left out, so that a teacher with many versions is not centred away. Null models'
    scores get the same treatment. Measured on models it had not seen: AUROC of true pairs from .908 (mean of all
    candidates) to .938.
    """
    labs = _labs(tuple(facts), tuple(scores.candidates.tolist()))
    fair = _fair(tuple(facts), tuple(scores.candidates.tolist())) & ~np.isnan(scores.z)
    most = min(NEAREST, max(LEAST_NEAREST, round(NEAREST_SHARE * len(labs))))
    out = np.full(scores.z.shape, np.nan)
    for lab in np.unique(labs):
        other = np.where(fair[:, labs != lab], scores.z[:, labs != lab], -np.inf)
        near = -np.sort(-other, axis=1)[:, :most]
        found = np.isfinite(near)
        level = np.where(found, near, 0.0).sum(axis=1) / (found.sum(axis=1) + PRIOR_CANDIDATES)
        out[:, labs == lab] = scores.z[:, labs == lab] - level[:, None]
    return dataclasses.replace(scores, z=out)


@lru_cache(maxsize=8)
def _labs(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> npt.NDArray[np.str_]:
    """Every candidate's lab. A model whose lab is unknown is a lab of its own."""
    return np.array([lab_of(facts[c]) for c in candidates], dtype=np.str_)


def lab_of(fact: ModelFacts) -> str:
    """What a model's lab is known by: a model whose lab is unknown is a lab of its own."""
    return f"lab {fact.lab}" if fact.lab else f"model {fact.name}"


@lru_cache(maxsize=8)
def _fair(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    """Models x candidates: True if nothing but teaching is documented that would make the two alike."""
    return np.array(
        [
            [not (me.related(c) or me.bases & c.bases or c.before(me) is False) for c in (facts[i] for i in candidates)]
            for me in facts
        ],
        dtype=np.bool_,
    )


@dataclass(frozen=True, slots=True)
class Labs:
    """Labs in place of candidates.

    Attributes:
        names: `lab_of` of each column.
        members: columns of each lab's candidates.
        candidates: index of each candidate's model, by its column.
        scores: models x labs.
    """

    names: tuple[str, ...]
    members: tuple[npt.NDArray[np.int64], ...]
    candidates: npt.NDArray[np.int64]
    scores: PairScores


def lab_scores(scores: PairScores, facts: Sequence[ModelFacts], asked: Bool, kept: Bool) -> Labs:
    """A model's mean score with its two nearest versions of a lab, read against the null models' two nearest.

    Versions of one lab are closer to each other than a student is to any, so "this lab" can be told when "this
    version" cannot. A lab's null models are those of all of its versions: a student of an older version is near to the
    newer ones, too. One version alone can be the nearest by chance, and the more so the more versions there are. Two
    rarely are (docs/provenance.md, "How a verdict is made"). A lab with one version is read by that version. A model
    that may have learnt from only one of several has no score here: its score with that version says all there is.

    Args:
        scores: of pairs.
        facts: one per model.
        asked: models x candidates, True if the candidate is tested as the model's teacher.
        kept: of the candidates, those that have a null, and stand for their lab. If none of a lab's has one, all do.
    """
    of = _labs(tuple(facts), tuple(scores.candidates.tolist()))
    names = tuple(np.unique(of).tolist())
    members = tuple(np.flatnonzero(of == name) for name in names)
    read = [m[kept[m]] if kept[m].any() else m for m in members]
    null = np.stack([scores.null[:, m].all(axis=1) for m in read], axis=1)
    apart = np.stack([scores.unrelated[:, m].all(axis=1) for m in read], axis=1)
    every = np.ones_like(asked)
    x = np.where(null, _closest(scores.z, every, read), _closest(scores.z, asked, read))
    free = ~relations(facts)
    z = _columns(x, null & ~np.isnan(x), free, np.ones(len(facts)), least=LEAST_NULL, robust=False)
    found = PairScores(np.arange(len(names)), z, null, free, apart, scores.least)
    return Labs(names, members, scores.candidates, found)


def _closest(z: Matrix, asked: Bool, members: Sequence[npt.NDArray[np.int64]]) -> Matrix:
    """Models x labs: the mean score with the nearest versions asked about. NaN if there are too few of them.

    Null models are read with every version, a suspect with those asked about. A mean of two varies less than one score,
    so a suspect with a single version would be read against too narrow a null.
    """
    there = np.where(asked & ~np.isnan(z), z, -np.inf)
    closest = np.stack([np.sort(there[:, of], axis=1)[:, -CLOSEST:].mean(axis=1) for of in members], axis=1)
    return np.where(np.isfinite(closest), closest, np.nan)


class Tail:
    r"""How often strangers score as high: ranks, and beyond their upper tenth a generalised Pareto law.

    Its shape (`SHAPES`) and scale are found by probability-weighted moments (Hosking and Wallis 1987). Scores that the
    law calls impossible (`IMPOSSIBLE`) are left out and it is fitted again, so that the few that did learn do not set
    the tail of those that did not. Of fewer than `LEAST_TAIL` scores ranks alone are read, \((1 + above) / (n + 1)\).

    Args:
        scores: of unrelated pairs, in any order, no NaN.
    """

    def __init__(self, scores: Matrix) -> None:
        """Fit it."""
        self._scores = np.sort(scores)
        self._from, self._shape, self._scale = np.inf, 0.0, 1.0
        while len(self._scores) >= LEAST_TAIL:
            self._fit()
            beyond = self._scores > self._from
            possible = self._beyond(self._scores) * len(self._scores) > IMPOSSIBLE
            if (possible | ~beyond).all():
                break
            self._scores = self._scores[possible | ~beyond]

    def _fit(self) -> None:
        self._from = float(np.quantile(self._scores, 1 - TAIL))
        over = self._scores[self._scores > self._from] - self._from
        n = len(over)
        if n < 2:  # noqa: PLR2004 - all alike
            self._from = np.inf
            return
        mean = float(over.mean())
        moment = float((over * (n - np.arange(1, n + 1)) / (n - 1)).mean())
        self._shape = float(np.clip(2 - mean / (mean - 2 * moment), *SHAPES))
        self._scale = mean * (1 - self._shape)

    def _beyond(self, z: Matrix) -> Matrix:
        over = np.maximum(z - self._from, 0) / self._scale
        if self._shape < 1e-6:  # noqa: PLR2004 - its limit
            p: Matrix = TAIL * np.exp(-over)
        else:
            p = TAIL * (1 + self._shape * over) ** (-1 / self._shape)
        return p

    @property
    def least(self) -> float:
        """The smallest p-value it gives, 0 to 1: nothing checks a tail if the pool would hold no pair."""
        n = len(self._scores)
        return IMPOSSIBLE / n if np.isfinite(self._from) else 1 / (n + 1)

    def p(self, z: Matrix) -> Matrix:
        """Upper-tail p-values, 0 to 1. NaN if z is."""
        above = len(self._scores) - np.searchsorted(self._scores, z, side="left")
        ranks = (1 + above) / (len(self._scores) + 1)
        found: Matrix = np.where(z > self._from, self._beyond(z), ranks) if np.isfinite(self._from) else ranks
        found = np.maximum(found, self.least)
        return np.where(np.isnan(z), np.nan, found)


def p_values(scores: PairScores, facts: Sequence[ModelFacts]) -> Matrix:
    """P-values against the pooled null: every unrelated pair's z, less those of models related to the suspect.

    z is standardised per column, so unrelated pairs of all columns share one scale and their tail needs no normal law:
    see `Tail`. NaN if z is, and if fewer than `PairScores.least` of the column's null models have a z: theirs is
    the scale it would be read on. A null model's own p-value is computed as if it were a suspect: its pairs and its
    relatives' are left out.
    """
    kin = relations(facts)
    p = np.full(scores.z.shape, np.nan)
    usable = scores.unrelated & ~np.isnan(scores.z)
    behind = usable.any(axis=1)
    tails: dict[bytes, Tail | None] = {}
    for s in range(len(facts)):
        here = ~np.isnan(scores.z[s]) & (scores.null_size[s] >= scores.least)
        key = (kin[s] & behind).tobytes()
        if key not in tails:
            pool = scores.z[usable & ~kin[s][:, None]]
            tails[key] = Tail(pool) if len(pool) >= LEAST_NULL else None
        tail = tails[key]
        if tail is not None and here.any():
            p[s, here] = tail.p(scores.z[s, here])
    return p


def benjamini_hochberg(p: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """Adjusted p-values (Benjamini and Hochberg 1995), in the order given.

    Args:
        p: p-values, 0 to 1, of everything that was looked at.
        weights: how much each counts, above 0, in any unit: what it is divided by has mean 1 (Genovese, Roeder and
            Wasserman 2006, "False discovery control with p-value weighting", Biometrika 93). All alike by default.
    """
    # An index adjusts thousands of short lists: `scipy.stats.false_discovery_control` takes .3 ms for each, and its
    # import as long as all of them. A test holds the two equal.
    n = len(p)
    if weights is not None:
        total = float(sum(weights))
        p = [min(1.0, value * total / (n * weight)) for value, weight in zip(p, weights, strict=True)]
    order = sorted(range(n), key=p.__getitem__)
    adjusted, least = [0.0] * n, 1.0
    for rank in range(n, 0, -1):
        place = order[rank - 1]
        least = min(least, float(p[place]) * (n / rank))
        adjusted[place] = least
    return adjusted


def base_families(text: str, patterns: Mapping[str, str]) -> frozenset[str]:
    """Base model families named in a text (a model's name, or a card's `base_model`).

    Args:
        text: any case.
        patterns: family -> regular expression.
    """
    return frozenset(name for name, pattern in patterns.items() if re.search(pattern, text, re.IGNORECASE))


def exceeded(scores: PairScores, facts: Sequence[ModelFacts]) -> npt.NDArray[np.int64]:
    """How many of the null models behind each score (`PairScores.null_size`) score below the row's model."""
    free = ~relations(facts)
    below = np.zeros(scores.z.shape, dtype=np.int64)
    for b in range(scores.z.shape[1]):
        null = np.flatnonzero(scores.null[:, b] & ~np.isnan(scores.z[:, b]))
        below[:, b] = (free[:, null] & (scores.z[null, b] < scores.z[:, b, None])).sum(axis=1)
    return below


def _over(total: Matrix, count: Matrix) -> Matrix:
    """Means out of sums. NaN if nothing was counted."""
    mean: Matrix = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean
