"""Answers that stand beside other prompts than their own, as in a file whose rows were mixed up.

Phrasing compares what two models say to the same prompt. If answers are beside the wrong prompts it finds nothing, and
nothing counts as unlike everybody. So it is asked whether a model's answers share more with others' to the same prompt
than with others' to another one. If they do not, phrasing is not read, and the report says so. Habits do not depend on
which prompt an answer is to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from harness.provenance.answers.fingerprint import Fingerprints, channel
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import coverage
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.evidence import EVIDENCE
from harness.provenance.comparison.similarity import MIN_SHARED

CHANNELS = tuple(name for name in EVIDENCE if channel(name).KIND == "agreement")
"""Those that compare answers prompt by prompt."""
DOUBT = 0.4
"""Of what is typical of a pool, the share of an answer that another has in answer to the same prompt, below which it is
looked at: answers dealt to other AlpacaEval prompts have .02 to .10, and the panel's 185 models .38 and more."""
FIT = 2.0
"""How many times as much an answer shares with others' to its own prompt as with others' to another, at least. Answers
that were dealt have about 1, the panel's own 9 and more."""
TELLING = 4.0
"""The same of a typical model of the pool, at least. If prompts are of one formula, every answer fits every prompt."""

LEAST_ELSEWHERE = 10
"""Features that answers share with others' to another prompt, below which they are no answers of this kind at all, such
as numbers or another language. `coverage` tells those."""
VARIED = 0.25
"""Share of different features among a model's, below which its answers are a few set texts, which fit every prompt."""


def misplaced(prints: Fingerprints, facts: Sequence[ModelFacts], names: Collection[str]) -> frozenset[str]:
    """The models whose answers fit their prompts no better than other prompts.

    Args:
        prints: of a pool.
        facts: one per model.
        names: of the models to look at.
    """
    found = set()
    for name in CHANNELS:
        if name not in prints.features:
            continue
        values = coverage.known(prints, facts, (name,))[:, 0]
        if np.isnan(values).all():
            continue
        with np.errstate(invalid="ignore"):
            low = values < DOUBT * np.nanmedian(values)
        mixed = {m for m in np.flatnonzero(low).tolist() if prints.models[m] in names}
        mixed = {m for m in mixed if _fit(prints, facts, name, m) < FIT}
        if mixed and _fit(prints, facts, name, _typical(values)) >= TELLING:
            found |= {prints.models[m] for m in mixed}
    return frozenset(found)


def _typical(values: Matrix) -> int:
    """The model in the middle."""
    return int(np.nanargmin(np.abs(values - np.nanmedian(values))))


def _fit(prints: Fingerprints, facts: Sequence[ModelFacts], name: str, m: int) -> float:
    """What a model's answers share with others' to the same prompt, over what they share with others' to another.

    Infinite if that cannot be told.
    """
    import polars as pl

    prompts = np.flatnonzero(prints.answered[m])
    apart = np.flatnonzero(~cal.relations(facts)[m]).tolist()
    frame = prints.features[name]
    mine = frame.filter(pl.col("m") == m).select("p", "feature")
    if len(prompts) < MIN_SHARED or len(cal.lineages(facts, apart)) < coverage.LEAST_POOL:
        return np.inf
    if mine["feature"].n_unique() <= VARIED * len(mine):
        return np.inf
    theirs = frame.filter(pl.col("m").is_in(apart)).select("p", "feature")
    next_one = pl.DataFrame({"p": prompts, "q": np.roll(prompts, -1)}, schema={"p": pl.UInt16, "q": pl.UInt16})
    moved = mine.join(next_one, on="p").select(p="q", feature="feature")

    def shared(some: pl.DataFrame) -> int:
        found = theirs.join(some, on=("p", "feature"), how="semi")  # few of millions
        return len(some.join(found, on=("p", "feature"), how="semi"))

    own, other = shared(mine), shared(moved)
    return own / other if other >= LEAST_ELSEWHERE else np.inf
