"""Agreements of pairs of models in probes (choices, refusals, next words): the rows of the table `agreements`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

TABLE = "agreements"
ABOUT = "One row per pair of models and probe: choices, refusals, next words. Evidence, not proof of copying."
COLUMNS = (
    ("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
    ("model_b", "VARCHAR!", "The other."),
    (
        "channel",
        "VARCHAR!",
        "choices, refusals or next_words: a file in harness/provenance/probes/ that says the formula.",
    ),
    ("value", "DOUBLE!", "Agreement; 1 is full. Choices and next words from 0, refusals from -1."),
    ("ci_low", "DOUBLE", "Lower limit of its 95 % interval over prompts."),
    ("ci_high", "DOUBLE", "Upper limit of its 95 % interval over prompts."),
    ("n", "BIGINT!", "Prompts that both answered."),
    ("expected", "DOUBLE", "What the null makes likely; null if there is none."),
    ("null_model", "VARCHAR!", "The null that p is of, and what a small p says."),
    ("p", "DOUBLE", "Of that null, one-sided; null if it cannot be tested."),
)
SQL = """
    SELECT samples.model, md5(CAST(doc AS VARCHAR)) AS prompt_id, output, loglikelihoods,
        CASE WHEN samples.status = 'refused' THEN true END AS refused
    FROM samples JOIN chosen USING (run_id, model, task)
    WHERE task = {task} AND samples.status IN ('answered', 'truncated', 'refused')
"""
"""In any order, which changes nothing in what these probes find: sorting the texts costs more than reading them."""


def frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows as a frame.

    Args:
        rows: `model_a` < `model_b`, `channel`, `value`, `ci_low`, `ci_high`, `n`, `expected` under the null, the
            `null_model`'s name and direction, `p`.
    """
    import polars as pl

    schema = {
        "model_a": pl.String, "model_b": pl.String, "channel": pl.String, "value": pl.Float64, "ci_low": pl.Float64,
        "ci_high": pl.Float64, "n": pl.Int64, "expected": pl.Float64, "null_model": pl.String, "p": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(list(rows), schema=schema, orient="row").sort("model_a", "model_b")
