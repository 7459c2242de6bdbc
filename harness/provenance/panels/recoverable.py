"""What guessing recovers from the hashes of a panel's fingerprints, as numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from harness.provenance.answers import fingerprint as fp
from harness.provenance.comparison import same
from harness.provenance.panels.panel import Panel


def figures(made: Panel) -> dict[str, float]:
    """What guessing recovers from a panel's hashes: numbers for `told`.

    Returns:
        `models`, `prompts`. `features`: of an answer (median). `shared`: the share of them that another model's answer
        to the same prompt has. `habits`: how many short runs of words are counted. `kept`: the share of word triples
        that are there. `bits`: of a hash. `chance`: the probability that a triple which an answer lacks is found
        in it all the same.
    """
    frame = made.prints.features[same.CHANNEL]
    per_answer = frame.group_by("m", "p").len()["len"]
    median = float(np.median(per_answer)) if len(per_answer) else 0.0
    used = frame.select(pl.len().over("p", "feature") > 1).to_series()
    return {
        "models": len(made.prints.models),
        "prompts": len(made.prompts),
        "features": median,
        "shared": float(used.mean() or 0.0),  # type: ignore[arg-type]
        "habits": sum(f["feature"].n_unique() for n, f in made.prints.features.items() if n != same.CHANNEL),
        "kept": 1 / fp.SAMPLE,
        "bits": 64 - fp.KEPT_BITS,
        "chance": median * fp.SAMPLE / 2 ** (64 - fp.KEPT_BITS),
    }


def told(name: str, found: Mapping[str, float]) -> str:
    """Say what a reader of a panel's hashes could find out by guessing.

    Args:
        name: of the panel.
        found: of `figures`.
    """
    return (
        f"The panel {name} holds no text of an answer. Its hashes have no key, so whoever guesses words can test the "
        f"guess. Of {found['models']:.0f} models' answers to {found['prompts']:.0f} prompts, one word triple in "
        f"{1 / found['kept']:.0f} of the first 60 words is there as a hash of {found['bits']:.0f} bits, which is "
        f"{found['features']:.0f} for each answer. A triple that an answer does not have is found in it with a chance "
        f"of {found['chance']:.0e}. Of an answer's triples, {100 * found['shared']:.0f} in 100 are in another model's "
        "answer to the same prompt, so whoever has those reads them at once. All triples of a dictionary of 5,000 "
        "words are 125 billion guesses, of which some thirty match every stored hash by chance. The panel also holds "
        f"the hashes of {found['habits']:.0f} runs of two or three words that answers and sentences begin or end "
        "with. They are common words, and a dictionary reads them all. Whoever holds an answer can tell whether it is "
        "the one behind a fingerprint. So do not pass on a panel of answers whose wording is secret."
    )
