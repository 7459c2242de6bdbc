"""A style that a set hardly knows, and what it leaves of a model's answers to be compared.

A persona ("ye be" for "you are"), or a sentence or two per answer, takes habits away within the text, and lacking them
scores like a terse model's habits. It changes less how an answer begins and what it says to a prompt that others were
asked, too. So if the set knows too little of a suspect's habits within the text (`coverage`), or the suspect lacks the
commonest words (`common_words`), these habits are not read. What is left is compared, if the set knows that. On
AlpacaEval it ranks pairs as well as all channels do (docs/provenance-measured.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.provenance.answers.comparability import TextReading
from harness.provenance.answers.fingerprint import Fingerprints
from harness.provenance.comparison import coverage
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.evidence import EVIDENCE

LEFT = ("openings", "phrasing")
"""Channels that are read all the same."""
WITHIN = tuple(name for name in EVIDENCE if name not in LEFT)
"""Those of habits within the text, which are not."""
READINGS = 2
"""Ways in which such answers could have been read, by all channels or by `LEFT`. They themselves decide which it is."""
MOST_CUT = 0.5
"""Share of answers that a limit cut off, from which on few habits within the text are no style."""


def styled(
    prints: Fingerprints, facts: Sequence[ModelFacts], readings: Mapping[str, TextReading], names: Collection[str]
) -> frozenset[str]:
    """The models in such a style of whose answers enough is left to be compared.

    Args:
        prints: of a pool.
        facts: one per model.
        readings: what was found in texts, by model. Of others nothing is said.
        names: of the models to look at.
    """
    asked = sorted(name for name in names if name in readings and readings[name].kind is None)
    if not asked or not all(name in prints.features for name in EVIDENCE):
        return frozenset()
    values = coverage.known(prints, facts)

    def enough(model: str, *names: str) -> bool:
        columns = [EVIDENCE.index(name) for name in names]
        seen = coverage.coverage(values[:, columns], facts, prints.models.index(model), names)
        return seen is not None and seen.enough

    return frozenset(
        model
        for model in asked
        if (
            readings[model].lacking
            or readings[model].lost
            or (readings[model].cut < MOST_CUT and not enough(model, *WITHIN))
        )
        and all(enough(model, name) for name in LEFT)
    )
