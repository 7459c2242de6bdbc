"""Curly apostrophes and quotation marks: a file's typography, unless some of a set's models write them too.

Word processors and web pages set ’ where a model wrote '. To a tokeniser "don’t" is another word than "don't", so such
answers look less like everybody's. Many models of 2025 write curly marks themselves, and among these they are a habit
that stays. But if all of a suspect's apostrophes are curly, and no model of the set comes near that, the set can know
nothing of it: then they are made straight, as the set's are. On AlpacaEval, whose 185 models write at most .59 of
theirs so, this keeps 21 of 22 documented students with curly marks instead of 15 (benchmarks/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOST = 0.9
"""Share of a suspect's apostrophes that must be curly."""
APART = 0.3
"""How much greater that share must be than that of any of the set's models."""
LEAST = 20
"""Apostrophes that tell a share."""
LEAST_MODELS = 5
"""Models that tell what a set's models write."""
_CURLY, _STRAIGHT = r"\p{L}’\p{L}", r"\p{L}'\p{L}"
_MARKS = {"‘": "'", "’": "'", "“": '"', "”": '"'}


def shares(answers: pl.DataFrame) -> dict[str, float]:
    """The share of a model's apostrophes within words that is curly, 0 to 1. A model with fewer than `LEAST` has none.

    Args:
        answers: columns `model` and `output`.
    """
    import polars as pl

    text = pl.col("output")
    counts = answers.group_by("model").agg(
        curly=text.str.count_matches(_CURLY).sum(), straight=text.str.count_matches(_STRAIGHT).sum()
    )
    told = counts.filter((pl.col("curly") + pl.col("straight")) >= LEAST)
    return {model: curly / (curly + straight) for model, curly, straight in told.sort("model").iter_rows()}


def greatest(found: Mapping[str, float]) -> float | None:
    """The greatest share among a set's models. `None` if too few tell one.

    Args:
        found: of `shares`.
    """
    return round(max(found.values()), 4) if len(found) >= LEAST_MODELS else None


def straight(answers: pl.DataFrame, most: float | None) -> tuple[pl.DataFrame, dict[str, str]]:
    """Answers with straight marks where the set's models write these, and of which model that was done, in words.

    Args:
        answers: columns `model` and `output`.
        most: the greatest share among the models that these are compared with (`greatest`). `None`: among the others
            here.
    """
    import polars as pl

    found = shares(answers)
    told = {}
    for model, share in found.items():
        others = greatest({name: of for name, of in found.items() if name != model}) if most is None else most
        if others is not None and share >= max(MOST, others + APART):
            told[model] = f"{share:.2f} of the apostrophes were curly (at most {others:.2f} of any set model's)"
    if not told:
        return answers, {}
    text = pl.col("output")
    plain = text.str.replace_many(list(_MARKS), list(_MARKS.values()))
    return answers.with_columns(pl.when(pl.col("model").is_in(list(told))).then(plain).otherwise(text)), told
