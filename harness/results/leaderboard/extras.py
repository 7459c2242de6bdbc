"""What may stand beside the scores for the asking: who made a model and when, and what its answers took."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

EXTRAS = ("lab", "released", "weights", "cost", "tokens", "latency")
"""Columns that stand beside the scores for the asking."""
PER = 1_000
"""Answers that a cost is of."""


@dataclass(frozen=True)
class Fact:
    """What is documented of a model. `None` is unknown."""

    lab: str | None = None
    released: str | None = None
    """YYYY-MM."""
    weights: str | None = None
    """`open` or `closed`."""
    statement: str | None = None
    """What its makers say of its training data."""


@dataclass(frozen=True)
class AnswerUsage:
    """What a model's answers took, over the tasks that are shown."""

    answers: int
    completion: float | None
    """Tokens written an answer, the reasoning's among them if servers count so. `None` is unknown, as for others."""
    reasoning: float | None
    seconds: float | None
    """From request to the whole answer."""
    usd: float | None
    """Of `PER` answers, by the prices of the day they were asked for."""


def usage(frame: pl.DataFrame) -> dict[str, AnswerUsage]:
    """What every model's answers took, from the rows of the board's frame `usage`."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["model"], []).append(row)
    return {model: _usage(rows) for model, rows in found.items()}


def _usage(rows: list[Mapping[str, Any]]) -> AnswerUsage:
    answers = sum(row["answers"] for row in rows)
    money = [_usd(row) for row in rows]
    known = [value for value in money if value is not None]
    return AnswerUsage(
        answers,
        _mean(rows, "completion"),
        _mean(rows, "reasoning"),
        _mean(rows, "seconds"),
        PER * math.fsum(known) / answers if answers and len(known) == len(money) else None,
    )


def _mean(rows: list[Mapping[str, Any]], what: str) -> float | None:
    n = sum(row[f"{what}_n"] for row in rows)
    return math.fsum(row[what] for row in rows if row[what] is not None) / n if n else None


def _usd(row: Mapping[str, Any]) -> float | None:
    """What the answers of one task cost. `None` if the price or a count of tokens is unknown."""
    price = json.loads(row["price"]) if row["price"] else None
    if not isinstance(price, dict) or row["counted"] < row["answers"]:
        return None
    try:
        cached = price["input"] if price.get("cached") is None else price["cached"]
        full = row["prompt"] * price["input"] + row["cached"] * (cached - price["input"])
        return float((full + row["written"] * price["output"]) * row["share"] / 1e6)
    except (KeyError, TypeError):
        return None
