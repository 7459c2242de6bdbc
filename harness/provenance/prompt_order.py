r"""In which order a panel's prompts are asked: those first that predict the others best. Models' labels are not read.

A prompt is an item of a test, and is ranked by its item-total correlation (Lord and Novick 1968): over the pairs of
models that answered it, how alike their answers to this prompt are against how alike the two models are. It is found
for each combined channel and averaged over channels. The first is the cosine of the two answers. The second is the
channel's similarity: of habits that of all prompts, of agreement the mean over all others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.provenance import similarity
from harness.provenance.calibration import Matrix
from harness.provenance.evidence import EVIDENCE
from harness.provenance.fingerprint import Fingerprints, channel

LEAST_PAIRS = 20
"""Pairs of models that answered a prompt, below which it is not ranked: few pairs correlate by chance."""


def item_total(prints: Fingerprints, names: Sequence[str] = EVIDENCE) -> Matrix:
    """How well each prompt predicts the others.

    Args:
        prints: of the panel's models.
        names: channels to average over.

    Returns:
        One correlation a prompt, -1 to 1, in the order of `prints.prompts`. NaN if too few pairs answered it.
    """
    every = np.stack([_of_channel(prints, name) for name in names])
    known = ~np.isnan(every)
    count = known.sum(axis=0)
    mean: Matrix = np.divide(
        np.where(known, every, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0
    )
    return mean


def ranked(prints: Fingerprints, names: Sequence[str] = EVIDENCE) -> dict[str, int]:
    """The place of every prompt that can be ranked, 1 first. Equal ones are in the order of their ids."""
    values = item_total(prints, names)
    order = sorted(np.flatnonzero(~np.isnan(values)).tolist(), key=lambda p: (-round(float(values[p]), 6), p))
    return {prints.prompts[p]: rank for rank, p in enumerate(order, 1)}


def _of_channel(prints: Fingerprints, name: str) -> Matrix:
    cosines = similarity.per_prompt(prints, name)[: len(prints.prompts)]
    answered = prints.answered.astype(float)
    upper = np.triu_indices(len(prints.models), 1)
    total, shared = cosines.sum(axis=0)[upper], (answered @ answered.T)[upper]
    habits = similarity.matrix(prints, name)[upper] if channel(name).KIND == "habit" else None
    enough = (shared > similarity.MIN_SHARED) & (True if habits is None else ~np.isnan(habits))
    found = np.full(len(prints.prompts), np.nan)
    for p, values in enumerate(cosines):
        both = prints.answered[upper[0], p] & prints.answered[upper[1], p] & enough
        if both.sum() >= LEAST_PAIRS:
            here = values[upper][both]
            rest = (total[both] - here) / (shared[both] - 1) if habits is None else habits[both]
            if here.std() > 0 and rest.std() > 0:
                found[p] = float(np.corrcoef(here, rest)[0, 1])
    return found
