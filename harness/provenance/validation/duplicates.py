"""Models whose answers are another model's: one model under two names counts once.

If the same texts stand on both sides of a split, or count as two students, a detector looks better than it is. A
detector that finds a text again has then found nothing of teaching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

LONG = 100
"""Characters from which an answer counts: short answers are the same by chance ("Yes.", a number)."""
LEAST = 20
"""Such answers to the same prompts that two models need before they are compared."""
SHARE = 0.5
"""Share of them that are the same, letter by letter but for white space, in a duplicate. On AlpacaEval nobody has it:
next below are two versions of one routed model, at .45."""


def duplicates(
    answers: pl.DataFrame, column: str, order: Sequence[str], versions: Callable[[str, str], bool]
) -> dict[str, str]:
    """Models to remove, each with the model that it is the same as.

    Args:
        answers: columns `model`, `prompt_id` and the texts.
        column: of the texts.
        order: all models. Of two that are the same, the one that stands first is kept.
        versions: whether two models are documented versions of one: those are kept.
    """
    plain = pl.col(column).str.replace_all(r"\s+", " ").str.strip_chars()
    rows = answers.lazy().select("model", "prompt_id", text=plain)
    rows = rows.filter(pl.col("text").str.len_chars() >= LONG).unique()
    given = rows.select("model", "prompt_id").unique().collect()
    same = (
        rows.join(rows, on=["prompt_id", "text"])
        .filter(pl.col("model") != pl.col("model_right"))
        .select("model", "model_right", "prompt_id")
        .unique()
        .group_by("model", "model_right")
        .agg(same=pl.len())
        .filter(pl.col("same") >= SHARE * LEAST)
        .collect()
    )
    prompts = {str(model): set(part["prompt_id"]) for (model,), part in given.group_by("model")}
    alike: dict[str, set[str]] = {}
    for one, other, number in same.iter_rows():
        both = len(prompts[one] & prompts[other])
        if both >= LEAST and number >= SHARE * both and not versions(one, other):
            alike.setdefault(one, set()).add(other)
    removed: dict[str, str] = {}
    kept: list[str] = []
    for model in order:
        first = next((other for other in kept if other in alike.get(model, ())), None)
        if first is None:
            kept.append(model)
        else:
            removed[model] = first
    return removed
