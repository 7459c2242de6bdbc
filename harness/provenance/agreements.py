"""Agreements of pairs of models in probes (choices, refusals, next words): the rows of the table `agreements`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


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
