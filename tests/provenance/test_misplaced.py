"""Answers that stand beside other prompts than their own are told, and not compared prompt by prompt."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence, misplaced, similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.finding import Finding
from harness.provenance.panels import panel
from harness.provenance.verdicts import pools, reports

MODELS = 9


def _answers(seed: int, *, formula: bool = False) -> pl.DataFrame:
    """Nine models that say much the same to each prompt, and the last one's answers are dealt to other prompts."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(400)]
    said = {p: " ".join(rng.choices(words, k=50)) for p in range(40)}
    rows = []
    for model in range(MODELS):
        places = list(range(40))
        if model == MODELS - 1:
            places = places[1:] + places[:1]
        for prompt, of in enumerate(places):
            about = said[0] if formula else said[of]
            own = " ".join(rng.choices(words, k=30))
            rows.append((f"m{model}", f"p{prompt:02}", f"{about} {own}."))
    return pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")


@pytest.mark.parametrize("seed", range(4))
def test_a_model_whose_rows_were_mixed_up_is_told_and_nobody_else(seed: int) -> None:
    prints = fingerprint.fingerprint(_answers(seed), "output", evidence.EVIDENCE)
    facts = [ModelFacts(name) for name in prints.models]
    assert misplaced.misplaced(prints, facts, prints.models) == {f"m{MODELS - 1}"}
    assert misplaced.misplaced(prints, facts, ["m0", "m1"]) == frozenset()
    bare = similarity.unread(prints, [f"m{MODELS - 1}"], misplaced.CHANNELS)
    alike = similarity.matrix(bare, "phrasing")
    assert np.isnan(alike[MODELS - 1]).all(), "it is not unlike everybody: nothing is known"
    assert not np.isnan(alike[:-1, :-1][~np.eye(MODELS - 1, dtype=np.bool_)]).any()
    whole, left = (similarity.matrix(p, "openings") for p in (prints, bare))
    assert np.array_equal(whole, left, equal_nan=True)


def test_where_every_answer_fits_every_prompt_nothing_is_said() -> None:
    prints = fingerprint.fingerprint(_answers(1, formula=True), "output", evidence.EVIDENCE)
    facts = [ModelFacts(name) for name in prints.models]
    assert misplaced.misplaced(prints, facts, prints.models) == frozenset()


def test_no_model_of_a_panel_of_answers_is_told_so() -> None:
    for name in ("alpaca_eval", "speechmap", "slop_score", "misguided_attention"):
        made = panel.load(name)
        facts = [made.facts[model] for model in made.prints.models]
        assert misplaced.misplaced(made.prints, facts, made.prints.models) == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        lambda rng: " ".join(str(rng.randint(0, 9999)) for _ in range(60)),
        lambda _: "I'm sorry, but as an AI language model I cannot help you with that request. Is there anything else?",
        lambda rng: " ".join(rng.choices("वह यह में से को का की के और है हैं था नहीं लिए साथ", k=60)),
    ],
    ids=["numbers", "one refusal", "another language"],
)
def test_answers_of_no_kind_that_the_panel_knows_are_not_called_mixed_up(said: Callable[[random.Random], str]) -> None:
    rng = random.Random(1)
    found = _found({prompt.id: said(rng) for prompt in panel.load("alpaca_eval").prompts})
    assert found.incomparable is not None
    assert not any("rows may have been mixed up" in note for note in found.notes)


@pytest.fixture(scope="module")
def texts(shared_data: Path) -> dict[str, str]:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
    ids = panel.load("alpaca_eval").aliases
    mine = frame.filter((pl.col("model") == "openhermes-2.5-mistral-7b") & pl.col("prompt_id").is_in(list(ids)))
    return {ids[p]: text for p, text in mine.select("prompt_id", "output").iter_rows()}


def _found(texts: dict[str, str]) -> Finding:
    frame = pl.DataFrame(
        {
            "task": "t", "version": "1", "model": "mine", "prompt_id": list(texts), "alias": None, "prompt": None,
            "domain": None, "repeat": 0, "output": list(texts.values()), "cut": False,
        },
        schema_overrides={"alias": pl.String, "prompt": pl.String, "domain": pl.String},
    )  # fmt: skip
    pool = pools.against(
        "alpaca_eval", frame, "mine", (), pools.told(pools.registry(), "mine", {"released": "2023-11"}), {}
    )
    (found,) = reports.findings([pool], ["mine"], interval=False, by_domain=False)
    return found


def test_a_file_whose_rows_were_mixed_up_is_compared_by_habits_and_the_report_says_so(texts: dict[str, str]) -> None:
    right = _found(texts)
    answers = list(texts.values())
    mixed = _found(dict(zip(texts, answers[7:] + answers[:7], strict=True)))
    assert any("rows may have been mixed up" in note for note in mixed.notes)
    assert not any("rows may have been mixed up" in note for note in right.notes)
    assert right.same_model is not None
    assert mixed.same_model is None, "who says the same to the same prompt cannot be asked"
    assert mixed.tested
    assert all("phrasing" not in pair.channels for pair in mixed.tested)
    assert all("openings" in pair.channels for pair in mixed.tested)
