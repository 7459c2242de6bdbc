"""Style that an instruction weaves into every sentence: the commonest words that a model all but ceases to write.

A wrapper can be taken off. A persona cannot ("ye be" for "you are"). It takes away habits, and lacking them scores like
a terse model's habits. But no model leaves out *is* or *you* by itself: how many of a model's answers hold each of the
commonest English words varies little between models. A suspect that writes several of them in less than half as many
answers as any of a set's models is written in an instructed style: `style` says what is left of it to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.provenance.answers import texts

if TYPE_CHECKING:
    import polars as pl

WORDS = tuple("the of and to a in is for that it are you your with on as this or by from".split())  # noqa: SIM905
"""The commonest words of English that each of the shipped panel's models has in a tenth of its answers and more."""
PART = 0.5
"""Of the least share among a set's models, below which a word counts as lacking."""
LACKING = 2
"""Words that must be lacking: one may be the prompts' doing."""
LEAST_SHARE = 0.1
"""Least share of a set's models from which on a word is counted at all: rarer ones fluctuate."""
LEAST_ANSWERS = 50
"""Answers below which shares are not compared."""
AT_ONCE = 25
"""Models whose answers are tokens at one time. Bounds memory."""
LEAST_MODELS = 5
"""Models that tell what is least."""


def shares(answers: Sequence[pl.Series]) -> list[dict[str, float]]:
    """The share of a model's answers whose first `texts.HEAD` tokens hold each word, 0 to 1. Empty for too few answers.

    Args:
        answers: of each model. They are read together, since a pattern takes as long to begin as to read 500 answers.
    """
    full = [of.drop_nulls() for of in answers]
    full = [of.filter(of.str.strip_chars().str.len_chars() > 0) for of in full]
    enough = [place for place, of in enumerate(full) if len(of) >= LEAST_ANSWERS]
    parts = [enough[first : first + AT_ONCE] for first in range(0, len(enough), AT_ONCE)]
    found = {place: share for part in parts for place, share in _shares({place: full[place] for place in part}).items()}
    return [found.get(place, {}) for place in range(len(answers))]


def _shares(answers: Mapping[int, pl.Series]) -> dict[int, dict[str, float]]:
    """Those of some models, which are known by a number."""
    import polars as pl

    whose = pl.concat(pl.repeat(place, len(of), dtype=pl.Int64, eager=True) for place, of in answers.items())
    heads = pl.concat(answers.values()).str.slice(0, texts.HEAD_CHARS).str.to_lowercase()
    tokens = heads.str.extract_all(texts.PIECE).list.head(texts.HEAD)
    held = pl.DataFrame({"": whose, **{word: tokens.list.contains(word) for word in WORDS}})
    return {row.pop(""): row for row in held.group_by("").mean().iter_rows(named=True)}


def least(models: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The least share of each word among models. Empty if too few have shares."""
    known = [one for one in models if one]
    if len(known) < LEAST_MODELS:
        return {}
    return {word: round(min(one[word] for one in known), 4) for word in WORDS}


def lacking(mine: Mapping[str, float], others: Mapping[str, float]) -> tuple[str, ...]:
    """The words that a model hardly writes although all others do. None if they are too few to mean anything.

    Args:
        mine: of `shares`.
        others: of `least`.
    """
    counted = [word for word in WORDS if word in mine and others.get(word, 0.0) >= LEAST_SHARE]
    found = tuple(word for word in counted if mine[word] < PART * others[word])
    return found if len(found) >= LACKING else ()
