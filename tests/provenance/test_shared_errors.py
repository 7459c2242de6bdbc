"""Shared errors: chance is 0, a copy is 1, a tempting mistake is not likeness."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provenance.probes.shared_errors import shared_errors

SCHEMA = {"model": pl.String, "item": pl.String, "answer": pl.String, "correct": pl.Float64, "options": pl.Int64}


def pool(picks: dict[str, np.ndarray], options: int | None) -> pl.DataFrame:
    """Answers as numbers; 0 is right."""
    rows = [
        (model, f"i{x}", str(answer), float(answer == 0), options)
        for model, answers in picks.items()
        for x, answer in enumerate(answers.tolist())
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pair(frame: pl.DataFrame, a: str, b: str) -> dict[str, Any]:
    return frame.filter((pl.col("model_a") == a) & (pl.col("model_b") == b)).row(0, named=True)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), known=st.booleans())
def test_independent_models_are_at_chance_whatever_their_accuracy_and_a_copy_is_1(seed: int, known: bool) -> None:
    rng = np.random.default_rng(seed)
    rates = {"a": 0.2, "b": 0.5, "c": 0.8, "d": 0.4, "e": 0.6, "f": 0.5}
    picks = {m: np.where(rng.random(2000) < rate, 0, rng.integers(1, 4, 2000)) for m, rate in rates.items()}
    found = shared_errors(pool(picks | {"z": picks["b"]}, 4 if known else None))
    for a, b in (("a", "c"), ("a", "e"), ("c", "d")):
        row = pair(found, a, b)
        assert abs(row["kappa_p"]) < 0.12
        assert abs(row["excess"]) < 0.2
    twin = pair(found, "b", "z")
    assert twin["kappa_p"] == pytest.approx(1)
    assert twin["excess"] > 0.4


def test_capa_of_a_worked_case() -> None:
    # 40 items, 4 options: a right on the first 20, b on the first 20 but 4; of the other 16+4, b repeats 10 of a's.
    a = np.array([0] * 20 + [1] * 20)
    b = np.array([0] * 16 + [1] * 4 + [1] * 10 + [2] * 10)
    row = pair(shared_errors(pool({"a": a, "b": b}, 4)), "a", "b")
    observed, expected = 26 / 40, 0.5 * 0.4 + 0.5 * 0.6 / 3
    assert row["kappa_p"] == pytest.approx((observed - expected) / (1 - expected))
    assert row["kappa_low"] < row["kappa_p"] < row["kappa_high"]


def test_a_mistake_that_everybody_makes_is_no_excess() -> None:
    rng = np.random.default_rng(1)
    picks = {m: np.where(rng.random(200) < 0.5, 0, 1) for m in "abcdef"}
    for row in shared_errors(pool(picks, None)).iter_rows(named=True):
        assert row["excess"] == pytest.approx(0)
        assert abs(row["kappa_p"]) < 0.3


def test_unscored_answers_are_left_out_and_few_items_say_nothing() -> None:
    frame = pool({"a": np.zeros(30, int), "b": np.ones(30, int)}, 4)
    unscored = frame.with_columns(correct=pl.when(pl.col("item") < "i2").then(None).otherwise(pl.col("correct")))
    assert shared_errors(unscored)["n"].to_list() == []
    assert pair(shared_errors(frame), "a", "b")["n"] == 30


def test_on_a_real_benchmark_tuned_models_share_mistakes_with_their_base_and_strangers_do_not(
    shared_data: Path,
) -> None:
    frame = pl.read_parquet(shared_data / "outputs" / "farel_bench.parquet")
    rows = [
        (model, item, found[-1] if (found := re.findall(r"<ANSWER>\s*(\d+)", output or "")) else None, correct, None)
        for model, item, output, correct in frame.select("model", "prompt_id", "output", "correct").iter_rows()
    ]
    found = shared_errors(pl.DataFrame(rows, schema=SCHEMA, orient="row")).filter(pl.col("n_both_wrong") >= 20)
    least = found["excess"].quantile(0.95)
    for a, b in (
        ("miqu-1-70b", "mistral-medium-2312"),
        ("karasu-mixtral-8x22b-v0.1", "mixtral-8x22b-instruct-v0.1"),
        ("qwen1_5-72b-chat", "smaug-2-72b"),
        ("athene-v2-chat", "qwen-2.5-72b-instruct"),
    ):
        row = pair(found, a, b)
        assert row["excess"] >= least
        assert row["excess_low"] > 0
    assert abs(found["excess"].mean()) < 0.02  # type: ignore[arg-type]
