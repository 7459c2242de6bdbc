r"""In which order a panel's prompts are asked: those first that predict the others best. Models' labels are not read.

A prompt is an item of a test, and is ranked by its item-total correlation (Lord and Novick 1968): over the pairs of
models whose answers to this prompt could be read, how alike these are against how alike the two models are. It is found
for each combined channel and averaged over channels. The first is the cosine of the two answers. The second is the
channel's similarity: of habits that of all prompts, of agreement the mean over all others.

Both are taken beyond how like everybody each of the two is: \(x_{ij} - a_i - a_j\). A score takes that out as well
(`calibration.pair_scores`), so a prompt that only tells terse models from wordy ones is no good one. On SpeechMap such
prompts came first, and were worse than prompts drawn by lot (docs/provenance-measured.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.provenance.answers.fingerprint import Fingerprints, channel
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import Bool, Matrix
from harness.provenance.comparison.evidence import EVIDENCE

LEAST_PAIRS = 20
"""Pairs of models that answered a prompt, below which it is not ranked: few pairs correlate by chance."""
ROUNDS = 3
"""Of taking out every model's mean. If every pair is known, each leaves one part in as many as there are models."""


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
    read = similarity.read(prints, name)
    upper = np.triu_indices(len(prints.models), 1)
    count = read.astype(float)
    total, shared = cosines.sum(axis=0), count @ count.T
    habits = similarity.matrix(prints, name) if channel(name).KIND == "habit" else None
    enough = (shared > similarity.MIN_SHARED) & (True if habits is None else ~np.isnan(habits))
    found = np.full(len(prints.prompts), np.nan)
    for p, values in enumerate(cosines):
        both = read[:, p, None] & read[None, :, p] & enough
        np.fill_diagonal(both, val=False)
        pairs = both[upper]
        if pairs.sum() >= LEAST_PAIRS:
            rest = habits if habits is not None else (total - values) / np.maximum(shared - 1, 1)
            here, there = (_beyond(x, both)[upper][pairs] for x in (values, rest))
            if here.std() > 0 and there.std() > 0:
                found[p] = float(np.corrcoef(here, there)[0, 1])
    return found


def _beyond(values: Matrix, known: Bool) -> Matrix:
    """What is left of the likeness of pairs without how like everybody each of the two is. 0 if it is not known."""
    number = known.sum(axis=1)
    left: Matrix = np.where(known, values, 0.0)
    for _ in range(ROUNDS):
        level = np.divide(left.sum(axis=1), number, out=np.zeros(len(left)), where=number > 0)
        level -= left.sum() / max(int(number.sum()), 1) / 2
        left = np.where(known, left - level[:, None] - level[None, :], 0.0)
    return left
