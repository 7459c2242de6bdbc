"""What a raw similarity means: read against models that cannot have learnt from the candidate.

`u` cannot have learnt from candidate `c` where `u` was released before `c`, or is documented not to be trained
on `c`'s lab; and `u` is not of `c`'s lab, nor a restyled copy of another model. Those models are the null of
`c`. A null model related to the suspect (same lineage of training data, lab or base model) is left out of the
suspect's null: leave-one-family-out. A missing date means that dates say nothing of that model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats as sps

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
MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])(?:-\d{2})?")


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
        null_size: how many null models stand behind each z.
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
    return np.array([[a.related(b) for b in facts] for a in facts], dtype=np.bool_)


def pair_scores(similarity: Matrix, facts: Sequence[ModelFacts], candidates: Sequence[int]) -> PairScores:
    r"""Calibrate one channel.

    For suspect s and candidate c with null models U (those unrelated to s): the excess
    \(x(s,c) = S_{sc} - \overline{S_{su}}_{u \in U}\) takes out how much s resembles anyone; z is
    \((x(s,c) - \overline{x(u,c)}) / (\tilde\sigma\sqrt{1 + 1/n})\) over the same null models, each with its own
    relatives left out, and \(\tilde\sigma^2\) shrunk toward the channel's median variance (`PRIOR_MODELS`). Only null
    models enter the centring: centring on the whole pool hides a teacher with many students.
    """
    cols = np.array(candidates, dtype=np.int64)
    null, kin = null_models(facts, candidates), relations(facts)
    apart = unrelated_pairs(facts, candidates)
    shape = (len(facts), len(cols))
    middle, spread = np.full(shape, np.nan), np.full(shape, np.nan)
    excess, size = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for b, c in enumerate(cols):
        members = np.flatnonzero(null[:, b])
        if len(members) < LEAST_NULL:
            continue
        free = ~kin[:, members]
        level = _row_mean(np.where(free, similarity[:, members], np.nan))
        excess[:, b] = similarity[:, c] - level
        others = np.where(free, excess[members, b][None, :], np.nan)
        known = ~np.isnan(others)
        size[:, b] = known.sum(axis=1)
        enough = size[:, b] >= LEAST_NULL
        middle[enough, b] = _row_mean(others[enough])
        spread[enough, b] = _row_var(others[enough])
    if np.isnan(spread).all():
        return PairScores(cols, np.full(shape, np.nan), size, null, apart)
    typical = float(np.nanmedian(spread))
    weight = np.maximum(size - 1, 0)
    variance = (PRIOR_MODELS * typical + weight * spread) / (PRIOR_MODELS + weight)
    z = (excess - middle) / np.sqrt(variance * (1 + 1 / np.maximum(size, 1)))
    return PairScores(cols, z, size, null, apart)


def combine(channels: Sequence[PairScores]) -> PairScores:
    """Average z over channels: the null of the average is then measured, so that dependence needs no model.

    A pair that some channel cannot test is averaged over the others.
    """
    stack = np.stack([c.z for c in channels])
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    z = np.divide(np.where(known, stack, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    first = channels[0]
    return PairScores(first.candidates, z, first.null_size, first.null, first.unrelated)


def centred(scores: PairScores, facts: Sequence[ModelFacts]) -> PairScores:
    r"""Take out how much a suspect resembles any candidate: era, size and data push all of its scores up together.

    \(z'(s,c) = z(s,c) - \sum_{c'} z(s,c') / (n + k)\) over the n candidates c' of other labs than c's that could have
    taught s (not later, of another lab, lineage and base) and k = `PRIOR_CANDIDATES`. Versions of the candidate are
    left out, so that a teacher with many versions is not centred away. Null models' scores get the same treatment.
    """
    labs = np.array([facts[c].lab or f"model {facts[c].name}" for c in scores.candidates], dtype=object)
    fair = np.array([[_fair(me, facts[c]) for c in scores.candidates] for me in facts], dtype=np.bool_)
    fair &= ~np.isnan(scores.z)
    apart = (labs[:, None] != labs[None, :]).astype(float)
    total, count = np.where(fair, scores.z, 0.0) @ apart, fair @ apart
    z = scores.z - total / (count + PRIOR_CANDIDATES)
    return PairScores(scores.candidates, z, scores.null_size, scores.null, scores.unrelated)


def _fair(suspect: ModelFacts, candidate: ModelFacts) -> bool:
    """Whether nothing but teaching is documented that would make the suspect resemble the candidate."""
    return not (suspect.related(candidate) or suspect.bases & candidate.bases or candidate.before(suspect) is False)


def pair_p_values(scores: PairScores, facts: Sequence[ModelFacts]) -> Matrix:
    r"""P-values against the pooled null: every unrelated pair's z, less those of models related to the suspect.

    z is standardised per candidate, so unrelated pairs of all candidates share one scale and their tail needs no
    normal law. \(p = (1 + \#\{z_{null} \ge z\}) / (n + 1)\); NaN where z is. A null model's own p-value is computed
    as if it were a suspect: its pairs and its relatives' are left out.
    """
    kin = relations(facts)
    p = np.full(scores.z.shape, np.nan)
    usable = scores.unrelated & ~np.isnan(scores.z)
    for s in range(len(facts)):
        pool = np.sort(scores.z[usable & ~kin[s][:, None]])
        here = ~np.isnan(scores.z[s])
        if len(pool) < LEAST_NULL:
            continue
        above = len(pool) - np.searchsorted(pool, scores.z[s, here], side="left")
        p[s, here] = (1 + above) / (len(pool) + 1)
    return p


@dataclass(frozen=True, slots=True)
class FamilyTest:
    """Whether a model resembles a lab's models more than models not taught by that lab do.

    Attributes:
        score: the suspect's distance from the null's mean, in standard deviations of a prediction.
        p: upper tail, Crawford and Howell's t for one case against a small sample.
        null_size: null models behind it, over `null_lineages` independent lineages.
        null_lineages: how many.
        exceeded: how many null models score below the suspect.
    """

    score: float
    p: float
    null_size: int
    null_lineages: int
    exceeded: int


@dataclass(frozen=True, slots=True)
class Family:
    """Some of a lab's models, and the models documented or dated not to be taught by any of them."""

    lab: str | None
    members: tuple[int, ...]
    null: tuple[int, ...]


def family(facts: Sequence[ModelFacts], members: Sequence[int]) -> Family:
    """A group of one lab's models, with its null models.

    A null model is documented not to be trained on the lab's outputs; where none is documented, it was
    released before every member, by another lab.

    Args:
        facts: of every model of the pool.
        members: at least one, all of one lab.
    """
    lab = facts[members[0]].lab
    outside = [i for i, f in enumerate(facts) if (lab is None or f.lab != lab) and i not in members and not f.copy_of]
    documented = tuple(i for i in outside if lab is not None and lab in facts[i].not_taught_by)
    earlier = tuple(i for i in outside if all(facts[i].before(facts[c]) for c in members))
    return Family(lab, tuple(members), documented or earlier)


def family_tests(similarities: Sequence[Matrix], facts: Sequence[ModelFacts], which: Family) -> dict[int, FamilyTest]:
    r"""Test every model outside the lab.

    Per channel, a model's contrast is its highest similarity to a member, less its mean similarity to null models,
    each lineage of them counting once and its own relatives left out. All members stand for the lab's style, whatever
    their date: the lab's versions that are not in the pool cannot be asked. Contrasts are divided by their standard
    deviation over the null and averaged over the channels that have one. The null is the null models' own contrasts,
    relatives of the suspect left out: \(t_{n-1} = (x - \bar x)/(s\sqrt{1 + 1/n})\) (Crawford and Howell 1998, doi
    10.1076/clin.12.4.482.7241). \(s^2\) is shrunk toward the whole null's variance (`PRIOR_MODELS`): without a
    control's relatives a few lineages are left, and may happen to lie close together.

    Returns:
        By model index. Missing are models released before every member that are no null models, and those with fewer
        than `LEAST_NULL` null models.
    """
    kin = relations(facts)
    groups = _lineages(facts, which.null)
    testable = [
        i
        for i, fact in enumerate(facts)
        if i in which.null
        or (
            i not in which.members
            and (which.lab is None or fact.lab != which.lab)
            and any(facts[c].before(fact) is not False for c in which.members)
        )
    ]
    scaled = []
    for similarity in similarities:
        contrast = np.array([_contrast(row, i, which.members, groups, kin) for i, row in enumerate(similarity)])
        null = contrast[list(which.null)]
        null = null[~np.isnan(null)]
        if len(null) >= LEAST_NULL and (spread := float(null.std(ddof=1))) > 0:
            scaled.append(contrast / spread)
    if not scaled:
        return {}
    totals = np.mean(scaled, axis=0)
    whole = float(np.nanvar(totals[list(which.null)], ddof=1))
    found = {}
    for i in testable:
        used = [u for u in which.null if not kin[i, u] and not math.isnan(totals[u])]
        if math.isnan(totals[i]) or len(used) < LEAST_NULL:
            continue
        null = totals[used]
        weight = len(null) - 1
        variance = (PRIOR_MODELS * whole + weight * float(null.var(ddof=1))) / (PRIOR_MODELS + weight)
        t = float((totals[i] - null.mean()) / math.sqrt(variance * (1 + 1 / len(null))))
        lineages = sum(bool(set(us) & set(used)) for us in groups)
        found[i] = FamilyTest(t, float(sps.t.sf(t, len(null) - 1)), len(null), lineages, int((null < totals[i]).sum()))
    return found


def _lineages(facts: Sequence[ModelFacts], members: Sequence[int]) -> list[list[int]]:
    """Group models that share a lineage, or (where it is unknown) a lab; the rest stand alone."""
    groups: dict[str, list[int]] = {}
    for i in members:
        f = facts[i]
        key = f"lineage {f.lineage}" if f.lineage else f"lab {f.lab}" if f.lab else f"model {f.name}"
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def _contrast(row: Matrix, i: int, members: Sequence[int], groups: list[list[int]], kin: Bool) -> float:
    """Highest similarity to a member, less the lineage-balanced mean similarity to the null."""
    near = [v for c in members if c != i and not math.isnan(v := row[c])]
    kept = [[v for u in us if not math.isnan(v := row[u])] for us in groups if not any(kin[i, u] for u in us)]
    levels = [sum(values) / len(values) for values in kept if values]
    return float(max(near) - sum(levels) / len(levels)) if near and levels else math.nan


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


def _row_mean(values: Matrix) -> Matrix:
    count = (~np.isnan(values)).sum(axis=1)
    mean: Matrix = np.divide(np.nansum(values, axis=1), count, out=np.full(len(values), np.nan), where=count > 0)
    return mean


def _row_var(values: Matrix) -> Matrix:
    count = (~np.isnan(values)).sum(axis=1)
    deviation = values - _row_mean(values)[:, None]
    variance: Matrix = np.divide(
        np.nansum(deviation**2, axis=1), count - 1, out=np.full(len(values), np.nan), where=count > 1
    )
    return variance
