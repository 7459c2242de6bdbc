"""Labs are named first, a plain teacher can be, and what else would explain a likeness is said before."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence, rivals, similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.finding import Finding
from harness.provenance.panels import panel
from harness.provenance.panels.panel import Panel
from harness.provenance.validation import lab_figures
from harness.provenance.verdicts import pools, reports

PAIRS = (
    ("llama-2-7b-chat-hf", "qwen2-72b-instruct"),
    ("guanaco-7b", "mistral-7b-instruct-v0.2"),
    ("claude-1", "gemini-pro"),
    ("claude-instant-1.2", "gpt-4-alias-2023"),
)
"""A model and another that it is not documented to be taught by."""


@pytest.fixture(scope="module")
def shipped() -> Panel:
    return panel.load("alpaca_eval")


@pytest.fixture(scope="module")
def answers(shipped: Panel, shared_data: Path) -> pl.DataFrame:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
    frame = frame.filter(pl.col("prompt_id").is_in(list(shipped.aliases)))
    return frame.with_columns(pl.col("prompt_id").replace_strict(shipped.aliases))


def _mixture(shipped: Panel, answers: pl.DataFrame, model: str, teacher: str, share: float) -> Finding:
    """What is said of a model that gives another's answers to so many of the prompts."""
    ids = np.random.default_rng(15).permutation(np.array(shipped.prints.prompts))
    taken = ids[: round(share * len(ids))].tolist()
    mixed = answers.filter(
        ((pl.col("model") == model) & ~pl.col("prompt_id").is_in(taken))
        | ((pl.col("model") == teacher) & pl.col("prompt_id").is_in(taken))
    ).with_columns(model=pl.lit("mixture"))
    prints = panel.joined(shipped, fingerprint.fingerprint(mixed, names=panel.CHANNELS))
    fact = shipped.facts[model]
    me = ModelFacts("mixture", fact.lab, "2024-12", fact.bases, fact.lineage)
    who = [me if name == "mixture" else shipped.facts[name] for name in prints.models]
    pool = pools.Pool("alpaca_eval", prints, who, shipped.candidates, panel=True, taught=shipped.taught)
    (found,) = reports.findings([pool], ["mixture"], interval=False, by_domain=False)
    return found


@pytest.mark.parametrize(("model", "teacher"), PAIRS)
def test_a_teacher_of_three_answers_in_ten_is_named_and_one_of_none_is_not(
    shipped: Panel, answers: pl.DataFrame, model: str, teacher: str
) -> None:
    lab = shipped.facts[teacher].lab
    found = _mixture(shipped, answers, model, teacher, 0.3)
    assert [named.lab for named in found.named] == [lab]
    assert found.named[0].versions[0] == teacher
    assert found.verdict == "resembles"
    assert lab not in [named.lab for named in _mixture(shipped, answers, model, teacher, 0.0).named]


def test_where_a_lab_is_named_its_versions_are_and_no_model_of_another_lab(
    shipped: Panel, answers: pl.DataFrame
) -> None:
    found = _mixture(shipped, answers, *PAIRS[3], 0.3)
    named = {lab.lab for lab in found.named}
    assert {test.lab for test in found.alike} <= named
    assert {shipped.facts[v].lab for lab in found.labs for v in lab.versions} == named
    assert all(not lab.versions and not lab.rivals for lab in found.labs if not lab.named)
    assert found.coverage == 0.9
    assert named <= {lab.lab for lab in found.possible}
    q = {lab.lab: lab.q for lab in found.labs}
    assert all(test.q >= q[test.lab] for test in found.tested), "no version is surer than its lab"


@pytest.fixture(scope="module")
def whole(shipped: Panel) -> evidence.Analysis:
    facts = [shipped.facts[m] for m in shipped.prints.models]
    columns = [i for i, m in enumerate(shipped.prints.models) if m in shipped.candidates]
    return evidence.analyse(shipped.prints, facts, columns)


def _rivals(whole: evidence.Analysis, shipped: Panel, suspect: str, version: str) -> dict[str, tuple[str, ...]]:
    taught = frozenset((student, teacher) for student, teacher, _ in shipped.taught)
    found = rivals.of(whole, taught, whole.raw(), whole.index(suspect), whole.index(version))
    return {rival.kind: rival.models for rival in found}


def test_a_teacher_that_resembles_its_students_is_told_that_they_may_have_learnt_from_it(
    whole: evidence.Analysis, shipped: Panel
) -> None:
    found = _rivals(whole, shipped, "gpt-4-turbo-2024-04-09", "yi-34b-chat")
    assert all(shipped.facts[name].lab == "openai" for name in found["other direction"])
    assert "infinity-instruct-7m-gen-mistral-7b" in found["later"]
    assert "other direction" not in _rivals(whole, shipped, "alpaca-7b", "text-davinci-003")


def test_two_students_of_one_teacher_are_told_of_it(whole: evidence.Analysis, shipped: Panel) -> None:
    both = ("openhermes-2.5-mistral-7b", "zephyr-7b-beta")  # neither is a candidate, and both learnt from GPT-4
    found = _rivals(whole, shipped, *both)
    assert any(shipped.facts[name].lab == "openai" for name in found["shared teacher"])


def test_documented_students_explain_their_teachers_look_alikes(whole: evidence.Analysis, shipped: Panel) -> None:
    students = {student for student, teacher, _ in shipped.taught if shipped.facts[teacher].lab == "openai"}
    found = _rivals(whole, shipped, "wizardlm-13b-v1.2", "gpt-4-0314")
    assert set(found["students"]) <= students
    kin = shipped.facts["wizardlm-13b-v1.2"]
    assert not any(shipped.facts[name].related(kin) for name in found["students"])


def test_rivals_stand_in_the_sentence_before_the_lab_and_lower_the_strength(shipped: Panel) -> None:
    (found,) = reports.findings([pools.whole_panel("alpaca_eval")], ["gpt-4-turbo-2024-04-09"], interval=False)
    assert found.verdict == "resembles"
    assert [lab.lab for lab in found.named] == ["yi"]
    assert found.named[0].reversible
    assert found.strength == "weak"
    assert found.sentence.index("may have learnt from the lab of gpt-4-turbo-2024-04-09") < found.sentence.index(
        "'s answers resemble those of yi"
    )


def test_one_candidate_asked_about_alone_is_tested_alone(shipped: Panel) -> None:
    pool = pools.whole_panel("alpaca_eval")
    (found,) = reports.findings([pool], ["alpaca-7b"], ["text-davinci-003"], interval=False)
    (test,) = found.tests
    assert test.q == test.p
    assert [lab.lab for lab in found.labs] == ["openai"]
    assert found.labs[0].p == test.p


def test_a_bound_on_an_error_rate_is_what_as_many_trials_allow() -> None:
    assert lab_figures.upper_bound(0, 59) == pytest.approx(0.0495, abs=0.001)  # the rule of three
    assert lab_figures.upper_bound(5, 5) == 1.0
    assert lab_figures.upper_bound(1, 15) > 1 / 15


def test_scores_of_channels_average_to_the_score(whole: evidence.Analysis) -> None:
    parts = np.stack([whole.of_channel(name) for name in whole.dated.channels])
    known = ~np.isnan(parts).any(axis=0) & ~whole.weaker
    np.testing.assert_allclose(parts.mean(axis=0)[known], whole.z[known], atol=1e-9)


def test_a_channel_with_one_surviving_feature_is_dropped() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "model": f"m{m:02}",
            "prompt_id": f"p{p}",
            "output": ("so it" if rng.random() < m / 12 else f"w{p} w{m}x"),
        }
        for m in range(12)
        for p in range(40)
    ]
    prints = fingerprint.fingerprint(pl.DataFrame(rows), names=["openings"])
    assert similarity.profile(prints, "openings")[0].shape[1] in (1, 2)
    assert np.isnan(similarity.matrix(prints, "openings")).all()
    asked = dataclasses.replace(prints, asked=tuple(range(30)))
    assert np.isnan(similarity.matrix(asked, "openings")).all()
