"""Whether a model was taught by a lab, whichever of its models did: one test for all of a lab's versions.

Versions of one lab are closer to each other than a student is to any, so "this lab" can be told where "this version"
cannot. The null are models documented not to be trained on the lab's outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as sps

from harness.provenance.calibration import LEAST_NULL, PRIOR_MODELS, Bool, Matrix, ModelFacts, lineages, relations


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
    groups = lineages(facts, which.null)
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
        kept = sum(bool(set(us) & set(used)) for us in groups)
        found[i] = FamilyTest(t, float(sps.t.sf(t, len(null) - 1)), len(null), kept, int((null < totals[i]).sum()))
    return found


def _contrast(row: Matrix, i: int, members: Sequence[int], groups: list[list[int]], kin: Bool) -> float:
    """Highest similarity to a member, less the lineage-balanced mean similarity to the null."""
    near = [v for c in members if c != i and not math.isnan(v := row[c])]
    kept = [[v for u in us if not math.isnan(v := row[u])] for us in groups if not any(kin[i, u] for u in us)]
    levels = [sum(values) / len(values) for values in kept if values]
    return float(max(near) - sum(levels) / len(levels)) if near and levels else math.nan
