r"""In which order a panel's prompts are asked: those first that predict the others best. Models' labels are not read.

A prompt is an item of a test, and is ranked by its item-total correlation: over the pairs of models that answered it,
how similar two are on this prompt against how similar they are on all the others (Lord and Novick 1968, corrected for
the item's own part). It is found for each combined channel, with the cosine of the two answers to the prompt, and
averaged over channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.provenance import similarity
from harness.provenance.calibration import Matrix
from harness.provenance.evidence import EVIDENCE
from harness.provenance.fingerprint import Fingerprints

LEAST_PAIRS = 20
"""Pairs of models that answered a prompt, below which it is not ranked: few pairs correlate by chance."""


def item_total(prints: Fingerprints, names: Sequence[str] = EVIDENCE) -> Matrix:
    """How well each prompt predicts the others.

    Args:
        prints: of the panel's models.
        names: channels to average over.

    Returns:
        One correlation a prompt, -1 to 1, in the order of `prints.prompts`; NaN where too few pairs answered it.
    """
    every = np.stack([_of_channel(prints, name) for name in names])
    known = ~np.isnan(every)
    count = known.sum(axis=0)
    mean: Matrix = np.divide(
        np.where(known, every, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0
    )
    return mean


def ranked(prints: Fingerprints, names: Sequence[str] = EVIDENCE) -> dict[str, int]:
    """The place of every prompt that can be ranked, 1 first; of equal ones the first by its id."""
    values = item_total(prints, names)
    order = sorted(np.flatnonzero(~np.isnan(values)).tolist(), key=lambda p: (-round(float(values[p]), 6), p))
    return {prints.prompts[p]: rank for rank, p in enumerate(order, 1)}


def _of_channel(prints: Fingerprints, name: str) -> Matrix:
    cosines = similarity.per_prompt(prints, name)[: len(prints.prompts)]
    answered = prints.answered.astype(float)
    upper = np.triu_indices(len(prints.models), 1)
    total, shared = cosines.sum(axis=0)[upper], (answered @ answered.T)[upper]
    found = np.full(len(prints.prompts), np.nan)
    for p, values in enumerate(cosines):
        both = (prints.answered[upper[0], p] & prints.answered[upper[1], p]) & (shared > similarity.MIN_SHARED)
        if both.sum() >= LEAST_PAIRS:
            here = values[upper][both]
            rest = (total[both] - here) / (shared[both] - 1)
            if here.std() > 0 and rest.std() > 0:
                found[p] = float(np.corrcoef(here, rest)[0, 1])
    return found
