"""How much of a model's answers a pool knows: below what it knows of its own models, nothing can be compared.

Absence of habits scores like a habit: answers of random numbers lack what the wordy models have, and so resemble the
terse ones. So before anything is tested it is asked whether the pool's other models write at all like the suspect does.

Per channel, and with models of one lineage or lab counting once:

- habits: features of an answer that at least `LEAST_OTHERS` others have anywhere, on average over the answers.
- agreement: the share of an answer's features that another has in answer to the same prompt, on average.

Each is divided by the median over the pool's other models. The mean over channels is the coverage (1: as a typical
model of the pool). A suspect is comparable from `bound` on, found on the pool's own models and never on bad answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from harness.provenance.answers.comparability import Familiarity
from harness.provenance.answers.fingerprint import Fingerprints, channel
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.evidence import EVIDENCE
from harness.provenance.comparison.similarity import UNCOMMON, by_prompt, coded, different, on_asked

LEAST_OTHERS = 3
"""Others that must have a habit for it to be known: fewer is a quirk."""
SPREADS = 4.0
"""How many robust standard deviations below the median of the pool's models the bound is."""
SCALE = 1.4826
"""From a median absolute deviation to a standard deviation under the normal law."""
MOST = 0.5
"""Of the median, what the bound is at most: if all models of a pool are alike, a little less is no other kind. Of
the shipped panel's 185 models the least known has .56."""
LEAST_POOL = 5
"""Other lineages below which a pool says nothing of what it knows."""


def known(prints: Fingerprints, facts: Sequence[ModelFacts], names: Sequence[str] = EVIDENCE) -> Matrix:
    """What the pool's other lineages know of every model, before it is divided by what is typical.

    Args:
        prints: of the pool. Of a panel's prompts it has those that the suspects were asked.
        facts: one per model.
        names: channels.

    Returns:
        models x channels, at least 0. NaN if a model answered nothing.
    """
    groups = np.zeros(len(facts), dtype=np.uint16)
    for g, members in enumerate(cal.lineages(facts, range(len(facts)))):
        groups[members] = g
    return np.stack([_known(on_asked(prints, name), name, groups) for name in names], axis=1)


def _known(prints: Fingerprints, name: str, groups: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Matrix:
    found = (
        _answered_alike(prints, name, groups) if channel(name).KIND == "agreement" else _habits(prints, name, groups)
    )
    answered = prints.answered.sum(axis=1).astype(float)
    share: Matrix = np.divide(found, answered, out=np.full(len(found), np.nan), where=answered > 0)
    return share


def _habits(prints: Fingerprints, name: str, groups: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Matrix:
    """By model: in how many answers, features that enough other groups have anywhere.

    Of several answers to one prompt each counts in part: who was asked three times does not know three times as much.
    """
    m, share = (prints.features[name][column].to_numpy() for column in ("m", "share"))
    found, place = coded(prints, name)
    shared = (different(place, groups[m], len(found)) > LEAST_OTHERS) & (found != UNCOMMON)
    of = shared[place]
    return np.bincount(m[of], share[of], minlength=len(prints.models)).astype(np.float64)


def _answered_alike(prints: Fingerprints, name: str, groups: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Matrix:
    """By model, summed over answers: the share of features that another group has in answer to the same prompt."""
    m, share = (prints.features[name][column].to_numpy() for column in ("m", "share"))
    found = np.zeros(len(prints.models))
    for of in by_prompt(prints, name):
        who = m[of.rows]
        mine = groups[who]
        first = np.empty(len(of.used), dtype=mine.dtype)
        first[of.place] = mine  # of several, any
        several = np.bincount(of.place[mine != first[of.place]], minlength=len(of.used)) > 0
        every = np.bincount(who, share[of.rows], minlength=len(found))
        known = np.bincount(who, share[of.rows] * several[of.place], minlength=len(found))
        found += np.divide(known, every, out=np.zeros(len(found)), where=every > 0)
    return found


def coverage(
    values: Matrix, facts: Sequence[ModelFacts], suspect: int, names: Sequence[str] = EVIDENCE
) -> Familiarity | None:
    """How much of a suspect's answers a pool knows.

    Args:
        values: of `known`.
        facts: one per model.
        suspect: its row. Models related to it say nothing of what is typical.
        names: of the columns.

    Returns:
        `None` if fewer than `LEAST_POOL` other lineages have answers.
    """
    apart = ~cal.relations(facts)[suspect] & ~np.isnan(values).any(axis=1)
    others = np.flatnonzero(apart).tolist()
    if np.isnan(values[suspect]).any() or len(cal.lineages(facts, others)) < LEAST_POOL:
        return None
    typical = np.median(values[others], axis=0)
    useful = typical > 0
    if not useful.any():
        return None
    share = np.minimum(values[:, useful] / typical[useful], 1)
    mine, theirs = share[suspect], share[others].mean(axis=1)
    # Sums of floats depend on their order, and the order on what was kept: what is written down does not.
    channels = {name: round(float(value), 9) for name, value in zip(compress(names, useful), mine, strict=True)}
    return Familiarity(round(float(mine.mean()), 9), round(bound(theirs), 9), channels)


def bound(values: Matrix) -> float:
    """The coverage from which on answers are comparable, by that of a pool's own models."""
    middle = float(np.median(values))
    spread = SCALE * float(np.median(np.abs(values - middle)))
    return min(middle - SPREADS * spread, MOST * middle)
