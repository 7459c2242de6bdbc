"""A style that a set hardly knows takes habits away within the text: what it leaves is compared, and the report says so."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from harness.provenance.answers import fingerprint
from harness.provenance.answers.comparability import Languages, TextReading
from harness.provenance.comparison import evidence, finding, similarity, style
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.finding import Finding
from harness.provenance.panels import panel
from harness.provenance.verdicts import pools, reports

ENGLISH = Languages(60, 1.0, None)
PLAIN = TextReading(None, ENGLISH, None)
LACKING = TextReading(None, ENGLISH, None, ("is", "you"))
FLAT = TextReading(None, ENGLISH, None, lost="60 of 60 longer answers have no line break")
CUT = TextReading(None, ENGLISH, None, cut=0.9)
ECHO = TextReading(None, ENGLISH, "60 of 60 answers that were looked at are the prompt again", ("is", "you"))


def _answers(seed: int) -> pl.DataFrame:
    """Nine models that answer in seven sentences and say much the same to each prompt. The last says the first two."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(60)]
    said = {p: [" ".join(rng.choices(words, k=12)).capitalize() + "." for _ in range(7)] for p in range(60)}
    rows = []
    for model in range(9):
        for prompt, sentences in said.items():
            kept = [text for text in sentences if rng.random() < 0.9 or text is sentences[0]]
            rows.append((f"m{model}", f"p{prompt:02}", " ".join(kept[: 2 if model == 8 else 7])))
    return pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")


@pytest.mark.parametrize("seed", range(3))
def test_what_a_style_takes_away_is_not_read_and_nobody_else_is_touched(seed: int) -> None:
    prints = fingerprint.fingerprint(_answers(seed), "output", evidence.EVIDENCE)
    facts = [ModelFacts(name) for name in prints.models]
    of = dict.fromkeys(prints.models, PLAIN)
    assert style.styled(prints, facts, of, prints.models) == {"m8"}
    assert style.styled(prints, facts, of, ["m0"]) == frozenset()
    assert style.styled(prints, facts, {}, prints.models) == frozenset(), "nothing is known of its texts"
    assert style.styled(prints, facts, {**of, "m3": LACKING}, prints.models) == {"m3", "m8"}
    assert style.styled(prints, facts, {**of, "m3": FLAT}, prints.models) == {"m3", "m8"}
    assert style.styled(prints, facts, {**of, "m8": ECHO}, prints.models) == frozenset()
    assert style.styled(prints, facts, {**of, "m8": CUT}, prints.models) == frozenset(), (
        "a limit cut them, no style did"
    )
    bare = similarity.unread(prints, {"m8"}, style.WITHIN)
    for name in evidence.EVIDENCE:
        before, after = similarity.matrix(prints, name), similarity.matrix(bare, name)
        if name in style.LEFT:
            assert np.array_equal(before, after, equal_nan=True)
        else:
            assert np.isnan(after[8]).all(), "it is not unlike everybody: nothing is known"
            assert np.isfinite(after[:8, :8]).sum() == np.isfinite(before[:8, :8]).sum()
    assert similarity.unread(prints, (), style.WITHIN) is prints


def test_no_channel_is_both_left_and_taken_away() -> None:
    assert {*style.LEFT, *style.WITHIN} == set(evidence.EVIDENCE)
    assert set(style.LEFT).isdisjoint(style.WITHIN)


def test_evidence_of_some_channels_is_never_strong() -> None:
    lab = finding.Lab("openai", True, 1, 1, p=1e-6, q=1e-6)
    test = finding.PairTest("gpt-4-0314", "resembles", 9.0, 1e-6, 1e-6, {}, 20, 20, 400, likelihood_ratio=99.0)
    assert finding.strength(test, lab) == "strong"
    assert finding.strength(test, lab, whole=False) == "moderate"
    assert finding.strength(test, whole=False) == "none"


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> Callable[[str], dict[str, str]]:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
    ids = panel.load("alpaca_eval").aliases

    def of(model: str) -> dict[str, str]:
        mine = frame.filter((pl.col("model") == model) & pl.col("prompt_id").is_in(list(ids)))
        return {ids[p]: text for p, text in mine.select("prompt_id", "output").iter_rows()}

    return of


def _found(model: str, texts: dict[str, str]) -> Finding:
    prompts = {prompt.id: prompt.text for prompt in panel.load("alpaca_eval").prompts}
    frame = pl.DataFrame(
        {
            "task": "t", "version": "1", "model": model, "prompt_id": list(texts), "alias": None,
            "prompt": [prompts[p] for p in texts], "domain": None, "repeat": 0, "output": list(texts.values()),
            "cut": False,
        },
        schema_overrides={"alias": pl.String, "prompt": pl.String, "domain": pl.String},
    )  # fmt: skip
    pool = pools.against("alpaca_eval", frame, model, (), pools.registry(), {})
    (found,) = reports.findings([pool], [model], interval=False, by_domain=False)
    return found


def _pirate(text: str) -> str:
    said = {"you": "ye", "your": "yer", "is": "be", "are": "be", "the": "th'", "of": "o'", "and": "an'", "with": "wi'"}
    return re.sub(r"\b(" + "|".join(said) + r")\b", lambda m: said[m[0].lower()], text, flags=re.IGNORECASE)


def _two_sentences(text: str) -> str:
    return " ".join(re.split(r"(?<=[.!?])\s+", text.strip())[:2])


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "change", [_pirate, _two_sentences, _flat], ids=["persona", "two sentences", "line breaks lost"]
)
def test_a_style_neither_hides_a_student_nor_accuses_the_innocent(
    answers: Callable[[str], dict[str, str]], change: Callable[[str], str]
) -> None:
    student = {p: change(text) for p, text in answers("wizardlm-13b-v1.2").items()}
    found = _found("wizardlm-13b-v1.2", student)
    assert [lab.lab for lab in found.named] == ["openai"]
    assert found.strength == "moderate"
    assert found.sentence.count("by openings and phrasing alone") == 1
    assert any("openings and phrasing alone were compared" in note for note in found.notes)
    lost = [note for note in found.notes if "as if a file had lost them" in note]
    assert len(lost) == (change is _flat)
    assert all(set(pair.channels) <= set(style.LEFT) for pair in found.tested)
    innocent = _found("guanaco-33b", {p: change(text) for p, text in answers("guanaco-33b").items()})
    assert innocent.named == ()
    assert innocent.left == style.LEFT
    assert "by openings and phrasing alone" in innocent.sentence


def test_a_model_that_answers_as_others_do_is_read_by_every_channel(answers: Callable[[str], dict[str, str]]) -> None:
    found = _found("wizardlm-13b-v1.2", answers("wizardlm-13b-v1.2"))
    assert found.left == ()
    assert found.strength == "strong"
    assert "alone" not in found.sentence
