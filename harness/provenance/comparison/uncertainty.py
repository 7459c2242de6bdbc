r"""How far scores and ranks depend on the prompts that were asked, and on the models that make up the null.

Replicates of the delete-a-group jackknife (Kott 2001, Journal of Official Statistics 17): scores without one of ten
groups of prompts, and without one of up to ten groups of null lineages. Models of one lineage (or lab) go together.
With \(\theta_g\) of G groups, \(d_g = \sqrt{(G-1)/G}\,(\theta_g - \bar\theta)\). The variance is \(\sum d_g^2\) over
both kinds of groups. Ranks have no normal law: their interval is that of draws \(z + \sum_g \epsilon_g d_g\),
\(\epsilon\) standard normal, one for all candidates, so that what candidates share (the suspect's answers) moves them
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.provenance.answers.fingerprint import Fingerprints
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.evidence import Analysis

GROUPS = similarity.GROUPS
"""Groups of prompts, and at most so many of null lineages."""
DRAWS = 1000
Ranks = npt.NDArray[np.int32]
LEAST = 2
"""Null models a replicate needs: leaving some out must not make a testable pair untestable."""


def deviations(analysis: Analysis) -> Matrix:
    """Scaled deviations of the replicates, of the prompts first: replicates x models x candidates. NaN is unknown."""
    groups = prompt_groups(analysis.prints)
    names = list(analysis.dated.channels)
    parts = zip(*(similarity.without(analysis.prints, name, groups) for name in names), strict=True)
    prompts = np.array([_score(matrices, analysis) for matrices in parts])
    whole = [analysis.matrices[name] for name in names]
    null = np.array([_score(whole, analysis, group) for group in null_groups(analysis.facts, analysis)])
    return np.concatenate([scaled(part) for part in (prompts, null) if len(part) > 1])


def prompt_groups(prints: Fingerprints) -> list[list[int]]:
    """Prompts dealt to `GROUPS` groups, each with its share of those that the suspects were asked."""
    order = np.arange(len(prints.prompts))
    if prints.asked is not None:
        order = np.concatenate([np.array(prints.asked, dtype=order.dtype), np.setdiff1d(order, prints.asked)])
    return [order[part].tolist() for part in similarity.dealt(len(order))]


def null_groups(facts: Sequence[ModelFacts], analysis: Analysis) -> list[list[int]]:
    """Models that are some candidate's null model, their lineages dealt to at most `GROUPS` groups."""
    readings = [reading for reading in (analysis.dated, analysis.every_date) if reading is not None]
    members = np.any([reading.scores.null.any(axis=1) for reading in readings], axis=0)
    lineages = cal.lineages(facts, np.flatnonzero(members).tolist())
    groups: list[list[int]] = [[] for _ in range(min(GROUPS, len(lineages)))]
    for i, lineage in enumerate(lineages):
        groups[i % len(groups)] += lineage
    return groups


def _score(matrices: Sequence[Matrix], analysis: Analysis, left_out: Sequence[int] = ()) -> Matrix:
    dated = _mean(matrices, analysis, left_out, every_date=False)
    if analysis.every_date is None:
        return dated
    return np.where(analysis.weaker, _mean(matrices, analysis, left_out, every_date=True), dated)


def _mean(matrices: Sequence[Matrix], analysis: Analysis, left_out: Sequence[int], *, every_date: bool) -> Matrix:
    facts, columns = analysis.facts, analysis.scores.candidates.tolist()
    scores = [
        cal.pair_scores(matrix, facts, columns, left_out=left_out, least=LEAST, every_date=every_date)
        for matrix in matrices
    ]
    return cal.centred(cal.combine(scores), facts).z


def scaled(replicates: Matrix) -> Matrix:
    """What every replicate of a jackknife deviates by, scaled so that the squares sum to the variance.

    Args:
        replicates: one more axis in front: values without each of the groups.
    """
    count = len(replicates)
    found: Matrix = np.sqrt((count - 1) / count) * (replicates - replicates.mean(axis=0))
    return found


def half_widths(spread: Matrix) -> Matrix:
    """Half the width of the 95% interval of every score: models x candidates.

    Args:
        spread: of `deviations`.
    """
    half: Matrix = 1.96 * np.sqrt((spread**2).sum(axis=0))
    return half


def ranks(z: Matrix, spread: Matrix, seed: int = 0) -> tuple[Ranks, Ranks]:
    """The 95% interval of each candidate's rank, 1 being the highest score.

    Args:
        z: scores of one suspect, one per candidate tested.
        spread: replicates x the same candidates.
        seed: of the draws.
    """
    drawn = z + _noise(seed, len(spread)) @ np.where(np.isnan(spread), 0.0, spread)
    order = np.empty(drawn.T.shape, dtype=np.int32)
    np.put_along_axis(order.T, (-drawn).argsort(axis=1), np.arange(1, len(order) + 1)[None, :], axis=1)
    order.sort(axis=1)
    low, high = (order[:, round(share * (DRAWS - 1))] for share in (0.025, 0.975))
    return low, high


@lru_cache(maxsize=4)
def _noise(seed: int, replicates: int) -> Matrix:
    """Standard normal draws, the same of every suspect: draws x replicates."""
    return np.random.default_rng(seed).standard_normal((DRAWS, replicates))
