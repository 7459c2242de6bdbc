"""Curly marks are made straight if a set's models write straight ones, and are a habit where some write curly ones."""

from pathlib import Path

import polars as pl
import pytest

from harness.provenance.answers import readings, typography
from harness.provenance.panels import panel

STRAIGHT = [f"It's number {i}, and I don't say \"odd\"." for i in range(30)]
CURLY = [f"It’s number {i}, and I don’t say “odd”." for i in range(30)]


def _frame(**models: list[str]) -> pl.DataFrame:
    return pl.concat(pl.DataFrame({"model": name, "output": texts}) for name, texts in models.items())


def _set(texts: list[str]) -> dict[str, list[str]]:
    return {f"m{i}": texts for i in range(typography.LEAST_MODELS)}


def test_shares_count_apostrophes_within_words() -> None:
    mixed = _frame(a=STRAIGHT, b=CURLY, c=STRAIGHT + CURLY, d=["‘so’ 'so'"] * 30, e=["It’s."] * (typography.LEAST - 1))
    assert typography.shares(mixed) == {"a": 0.0, "b": 1.0, "c": 0.5}
    assert typography.greatest({"a": 0.1}) is None, "too few models"


@pytest.mark.parametrize("most", [0.0, typography.MOST - typography.APART])
def test_curly_marks_are_made_straight_where_no_model_writes_them(most: float) -> None:
    frame = _frame(a=CURLY, b=STRAIGHT, c=STRAIGHT + CURLY)
    found, told = typography.straight(frame, most)
    assert found["output"].to_list() == [*STRAIGHT, *STRAIGHT, *STRAIGHT, *CURLY]
    assert told == {"a": f"1.00 of the apostrophes were curly (at most {most:.2f} of any set model's)"}


def test_curly_marks_stay_where_a_model_writes_them() -> None:
    frame = _frame(a=CURLY, b=STRAIGHT)
    assert typography.straight(frame, 0.9)[1] == {}
    assert typography.straight(frame, None)[1] == {}, "too few others tell anything"
    found, told = typography.straight(_frame(a=CURLY, **_set(CURLY)), None)
    assert found["output"].to_list() == CURLY * (typography.LEAST_MODELS + 1)
    assert told == {}
    assert set(typography.straight(_frame(a=CURLY, **_set(STRAIGHT)), None)[1]) == {"a"}


def test_a_reading_says_what_was_made_straight() -> None:
    _, found = readings.read(_frame(a=CURLY), words={}, curly=0.2)
    assert found["a"].damaged == ("1.00 of the apostrophes were curly (at most 0.20 of any set model's)",)
    assert readings.read(_frame(a=CURLY), words={})[1]["a"].damaged == (), (
        "the panel does not say what its models write"
    )


@pytest.mark.parametrize("name", ["alpaca_eval", "misguided_attention", "slop_score", "multivac"])
def test_a_panel_says_what_its_models_write_and_none_of_them_is_changed(shared_data: Path, name: str) -> None:
    made = panel.load(name)
    frame = pl.read_parquet(shared_data / "outputs" / f"{name}.parquet", columns=["model", "prompt_id", "output"])
    mine = frame.filter(pl.col("prompt_id").is_in(list(made.aliases)) & pl.col("model").is_in(list(made.entries)))
    assert made.curly == pytest.approx(typography.greatest(typography.shares(mine)), abs=0.01)
    assert typography.straight(mine, made.curly)[1] == {}
