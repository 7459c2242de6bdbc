"""What a raw similarity means: read against models that cannot have learnt from the candidate.

`u` cannot have learnt from candidate `c` where `u` was released before `c`, or is documented not to be trained
on `c`'s lab; and `u` is not of `c`'s lab, nor a restyled copy of another model. Those models are the null of
`c`. A null model related to the suspect (same lineage of training data, lab or base model) is left out of the
suspect's null: leave-one-family-out. A missing date means that dates say nothing of that model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats as sps

from harness.specs import MONTH

Matrix = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

LEAST_NULL = 5
"""Null models below which a candidate is untestable: a spread from fewer is not one."""
LEAST_POOL = 200
"""Unrelated pairs below which the pooled null takes in every null pair, whichever way it might be related."""
PRIOR_MODELS = 5.0
"""How many null models the typical spread counts for, beside a candidate's own: shrinkage of variances as in Smyth
(2004), with the prior's weight set instead of fitted. From 2 to 10 it changes little (docs/provenance.md)."""
PRIOR_CANDIDATES = 3.0
"""How many candidates of score 0 count in what a suspect scores on average: with few candidates little is taken out."""


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

    def __post_init__(self) -> None:
        """Reject a date that cannot be compared."""
        if self.released is not None and not MONTH.fullmatch(self.released):
            raise ValueError(f"{self.name}: released {self.released!r}, expected YYYY-MM")

    def before(self, other: ModelFacts) -> bool | None:
        """Whether it was released in an earlier month than `other`; `None` where a date is missing."""
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
    if model.name == candidate.name or model.copy_of:
        return False
    if candidate.lab is not None and model.lab == candidate.lab:
        return False
    return (candidate.lab is not None and candidate.lab in model.not_taught_by) or bool(model.before(candidate))


@dataclass(frozen=True, slots=True)
class PairScores:
    """Calibrated scores of suspects (rows: all models) against candidates (columns).

    Attributes:
        candidates: index of each column's model.
        z: distance from the null's mean in moderated standard deviations; NaN where untestable.
        null_size: how many null models of the column have a z themselves, those related to the row's model left out.
        null: True where the row is itself a null model of the column.
        unrelated: the null pairs that make up the pooled null: see `unrelated_pairs`.
    """

    candidates: npt.NDArray[np.int64]
    z: Matrix
    null_size: npt.NDArray[np.int64]
    null: Bool
    unrelated: Bool


def null_models(facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Bool:
    """Models x candidates: True where the model cannot have learnt from the candidate."""
    return _null_models(tuple(facts), tuple(candidates))


@lru_cache(maxsize=8)
def _null_models(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    return np.array([[cannot_have_learnt(f, facts[c]) for c in candidates] for f in facts], dtype=np.bool_)


def unrelated_pairs(facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Bool:
    """Models x candidates: True where neither can have learnt from the other.

    A candidate that is older than another is a null model of it, but may be its teacher: similarity has no
    direction. Such pairs are left out, unless documented, as long as `LEAST_POOL` pairs remain.
    """
    null = null_models(facts, candidates)
    apart = null.copy()
    for i in candidates:
        documented = [facts[c].lab is not None and facts[c].lab in facts[i].not_taught_by for c in candidates]
        apart[i] &= np.array(documented, dtype=np.bool_)
    return apart if apart.sum() >= LEAST_POOL else null


def relations(facts: Sequence[ModelFacts]) -> Bool:
    """Models x models: True where the two are not independent."""
    return _relations(tuple(facts))


@lru_cache(maxsize=8)
def _relations(facts: tuple[ModelFacts, ...]) -> Bool:
    return np.array([[a.related(b) for b in facts] for a in facts], dtype=np.bool_)


def lineages(facts: Sequence[ModelFacts], members: Sequence[int]) -> list[list[int]]:
    """Group members that share a lineage, or (where it is unknown) a lab; the rest stand alone."""
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
) -> PairScores:
    r"""Calibrate one channel.

    For suspect s and candidate c with null models U (those unrelated to s): the excess
    \(x(s,c) = S_{sc} - \overline{S_{su}}_{u \in U}\) takes out how much s resembles anyone; z is
    \((x(s,c) - \overline{x(u,c)}) / (\tilde\sigma\sqrt{1 + 1/n})\) over the same null models, each with its own
    relatives left out, and \(\tilde\sigma^2\) shrunk toward the channel's median variance (`PRIOR_MODELS`). Only null
    models enter the centring: centring on the whole pool hides a teacher with many students.

    Args:
        similarity: models x models, NaN where unknown.
        facts: one per model.
        candidates: indices of possible teachers.
        left_out: models that are nobody's null model this time, to see how much depends on them.
        least: null models below which a pair is untestable, at least 2; a null model itself counts as one of them.
    """
    cols = np.array(candidates, dtype=np.int64)
    null, free = null_models(facts, candidates).copy(), ~relations(facts)
    null[list(left_out)] = False
    known = ~np.isnan(similarity)
    beside = (free & known).astype(float) @ null
    level = _over(np.where(free & known, similarity, 0.0) @ null, beside)
    excess = similarity[:, cols] - level
    used = null & ~np.isnan(excess)
    size = (free.astype(float) @ used).round().astype(np.int64)
    # Sums of squares about the column's mean, which keeps small variances exact.
    centre = _over(np.where(used, excess, 0.0).sum(axis=0), used.sum(axis=0).astype(float))
    value = np.where(used, excess - centre, 0.0)
    total, squares = free @ value, free @ value**2
    # A null model is one of its own candidate's null and is left out of it: one fewer is enough for its score.
    enough = (size + used >= least) & (size >= 2)  # noqa: PLR2004 - a spread needs two
    count = np.where(enough, size, np.nan).astype(float)
    middle = total / count + centre
    spread = np.maximum(squares - total**2 / count, 0) / (count - 1)
    apart = unrelated_pairs(facts, candidates)
    if np.isnan(spread).all():
        return PairScores(cols, np.full(spread.shape, np.nan), np.zeros_like(size), null, apart)
    typical = float(np.nanmedian(spread))
    weight = np.maximum(size - 1, 0)
    variance = (PRIOR_MODELS * typical + weight * spread) / (PRIOR_MODELS + weight)
    unit = np.sqrt(variance * (1 + 1 / np.maximum(size, 1)))
    # Null models that are all alike measure no spread: such a pair cannot be tested.
    z = np.divide(excess - middle, unit, out=np.full(unit.shape, np.nan), where=unit > 0)
    return PairScores(cols, z, _scored(z, null, free), null, apart)


def combine(channels: Sequence[PairScores], facts: Sequence[ModelFacts]) -> PairScores:
    """Average z over channels: the null of the average is then measured, so that dependence needs no model.

    A pair that some channel cannot test is averaged over the others.
    """
    stack = np.stack([c.z for c in channels])
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    z = np.divide(np.where(known, stack, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    first = channels[0]
    size = _scored(z, first.null, ~relations(facts))
    return PairScores(first.candidates, z, size, first.null, first.unrelated)


def centred(scores: PairScores, facts: Sequence[ModelFacts]) -> PairScores:
    r"""Take out how much a suspect resembles any candidate: era, size and data push all of its scores up together.

    \(z'(s,c) = z(s,c) - \sum_{c'} z(s,c') / (n + k)\) over the n candidates c' of other labs than c's that could have
    taught s (not later, of another lab, lineage and base) and k = `PRIOR_CANDIDATES`. Versions of the candidate are
    left out, so that a teacher with many versions is not centred away. Null models' scores get the same treatment.
    """
    labs = np.array([facts[c].lab or f"model {facts[c].name}" for c in scores.candidates], dtype=object)
    fair = _fair(tuple(facts), tuple(scores.candidates.tolist())) & ~np.isnan(scores.z)
    apart = (labs[:, None] != labs[None, :]).astype(float)
    total, count = np.where(fair, scores.z, 0.0) @ apart, fair @ apart
    z = scores.z - total / (count + PRIOR_CANDIDATES)
    return PairScores(scores.candidates, z, scores.null_size, scores.null, scores.unrelated)


@lru_cache(maxsize=8)
def _fair(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...]) -> Bool:
    """Models x candidates: True where nothing but teaching is documented that would make the two alike."""
    return np.array(
        [
            [not (me.related(c) or me.bases & c.bases or c.before(me) is False) for c in (facts[i] for i in candidates)]
            for me in facts
        ],
        dtype=np.bool_,
    )


def pair_p_values(scores: PairScores, facts: Sequence[ModelFacts]) -> Matrix:
    r"""P-values against the pooled null: every unrelated pair's z, less those of models related to the suspect.

    z is standardised per candidate, so unrelated pairs of all candidates share one scale and their tail needs no
    normal law. \(p = (1 + \#\{z_{null} \ge z\}) / (n + 1)\); NaN where z is, and where fewer than `LEAST_NULL` of
    the candidate's null models have a z: theirs is the scale it would be read on. A null model's own p-value is
    computed as if it were a suspect: its pairs and its relatives' are left out.
    """
    kin = relations(facts)
    p = np.full(scores.z.shape, np.nan)
    usable = scores.unrelated & ~np.isnan(scores.z)
    for s in range(len(facts)):
        pool = np.sort(scores.z[usable & ~kin[s][:, None]])
        here = ~np.isnan(scores.z[s]) & (scores.null_size[s] >= LEAST_NULL)
        if len(pool) < LEAST_NULL:
            continue
        above = len(pool) - np.searchsorted(pool, scores.z[s, here], side="left")
        p[s, here] = (1 + above) / (len(pool) + 1)
    return p


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p-values (Benjamini and Hochberg 1995), in the order given.

    Args:
        p: p-values, 0 to 1, of everything that was looked at.
    """
    values = np.asarray(p, dtype=float)
    if not len(values):
        return []
    adjusted: list[float] = sps.false_discovery_control(values, method="bh").tolist()
    return adjusted


def base_families(text: str, patterns: Mapping[str, str]) -> frozenset[str]:
    """Base model families named in a text (a model's name, or a card's `base_model`).

    Args:
        text: any case.
        patterns: family -> regular expression.
    """
    return frozenset(name for name, pattern in patterns.items() if re.search(pattern, text, re.IGNORECASE))


def _scored(z: Matrix, null: Bool, free: Bool) -> npt.NDArray[np.int64]:
    """Null models with a z, those related to the row's model left out: models x candidates."""
    size: npt.NDArray[np.int64] = (free.astype(float) @ (null & ~np.isnan(z))).round().astype(np.int64)
    return size


def _over(total: Matrix, count: Matrix) -> Matrix:
    """Means out of sums; NaN where nothing was counted."""
    mean: Matrix = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean
