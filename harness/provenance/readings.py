"""What is found in a model's answers before they are fingerprinted: what is wrapped around them, and what they are.

Fingerprints hold no text, so this is the one place where a pool learns of its suspects' texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.provenance import answer_kinds, boilerplate, common_words
from harness.provenance.comparability import TextReading, Wrapping
from harness.provenance.languages import languages

if TYPE_CHECKING:
    import polars as pl


def read(
    answers: pl.DataFrame, *, formulaic: bool = False, words: Mapping[str, float] | None = None
) -> tuple[pl.DataFrame, dict[str, TextReading]]:
    """Answers without what is wrapped around them, and what was found in those of each model.

    Args:
        answers: columns `model`, `output`, and `prompt` where known.
        formulaic: whether the prompts are of one formula, so that nothing is taken off: see `boilerplate`.
        words: the least share of answers that hold each of the commonest words (`common_words.least`) among the models
            that these are compared with; by default among the others here.
    """
    import polars as pl

    bare, found = boilerplate.unwrapped(answers.with_columns(pl.col("output").cast(pl.String)), formulaic=formulaic)
    parts = {
        str(model): part
        for (model,), part in sorted(bare.partition_by("model", as_dict=True, maintain_order=True).items())
    }
    shares = {model: common_words.shares(part["output"]) for model, part in parts.items()}
    lacking = {
        model: common_words.lacking(
            mine, common_words.least([of for m, of in shares.items() if m != model]) if words is None else words
        )
        for model, mine in shares.items()
    }
    return bare, {model: _reading(part, found, lacking[model]) for model, part in parts.items()}


def _reading(part: pl.DataFrame, found: Mapping[str, Wrapping], lacking: tuple[str, ...]) -> TextReading:
    some = part.gather_every(max(1, len(part) // answer_kinds.READ))
    texts = [text or "" for text in some["output"].to_list()]
    prompts = some["prompt"].to_list() if "prompt" in some.columns else [None] * len(texts)
    wrapping = found.get(str(part["model"][0]))
    return TextReading(wrapping, languages(texts), answer_kinds.of(texts, prompts), lacking)
