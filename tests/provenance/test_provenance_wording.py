"""What provenance may say, and what it must never say."""

import itertools
from typing import get_args

import pytest

from harness.provenance import wording
from harness.provenance.evidence import Finding, Verdict
from harness.provenance.families import FamilyTest

VERDICTS = get_args(Verdict)


def _finding(verdict: str, name: str = "teacher-1") -> Finding:
    tested = verdict in {"resembles", "none"}
    return Finding(
        name, verdict, 3.2 if tested else None, 0.0004 if verdict == "resembles" else 0.4, 0.01, {}, 40, 39, 400
    )


TESTS = [None, FamilyTest(3.0, 0.002, 9, 4, 9), FamilyTest(0.1, 0.45, 9, 4, 5)]


def _offered(excess: float, low: float) -> dict[str, object]:
    numbers = {"excess": excess, "excess_low": low, "excess_high": 1.0, "base_n": 7, "base_above": 2}
    return {"family": "OpenAI", "decoy_share": 0.1, "decoy_low": 0.0, "decoy_high": 0.3, **numbers}


def test_a_name_that_is_agreed_to_comes_with_its_base_rate_and_the_invented_names() -> None:
    text = wording.suggested("suspect-1", [_offered(0.5, 0.2)])
    assert "nobody's model has" in text
    assert "2 of 7 models of other families" in text
    assert "not weighed" in text
    assert "no real name more often" in wording.suggested("suspect-1", [_offered(0.1, -0.2)])
    assert wording.suggested("suspect-1", []) == ""


def _every_text() -> list[str]:
    texts = [wording.sentence("suspect-1", _finding(v)) for v in VERDICTS]
    texts += [wording.family_sentence("suspect-1", "openai", t) for t in TESTS]
    for some in itertools.chain.from_iterable(itertools.combinations(VERDICTS, n) for n in range(len(VERDICTS) + 1)):
        texts.append(wording.paragraph("suspect-1", [_finding(v, f"teacher-{i}") for i, v in enumerate(some)]))
    texts.append(wording.paragraph("suspect-1", [_finding("resembles", f"teacher-{i}") for i in range(6)]))
    texts += [wording.suggested("suspect-1", [_offered(0.5, 0.2)]), wording.suggested("suspect-1", [_offered(0, -1)])]
    for known in (
        None,
        {"students": 16, "at_0.05": 0.5, "at_0.01": 0.1},
        {"students": 1, "at_0.05": 1.0, "at_0.01": 1.0},
    ):
        texts += wording.power("suspect-1", {"teacher-1": known, "teacher-2": None})
    texts += [wording.likelihood("teacher-1", 4.2, 12), wording.likelihood("teacher-1", None, None)]
    span = {"median": 1.0, "low": -2.0, "high": 3.0, "n": 4}
    texts += [wording.bounds(low, high) for low in (None, span) for high in (None, span)]
    texts += wording.smallest(0.001, 60)
    return texts


def test_no_text_claims_more_than_a_resemblance() -> None:
    for text in _every_text():
        assert not wording.FORBIDDEN.search(text), text


@pytest.mark.parametrize(
    "claim",
    [
        "M was distilled from T",
        "stolen from T",
        "M is 34% Gemini",
        "this proves it",
        "a copy of T",
        "M was trained on T outputs",
    ],
)
def test_the_rule_catches_what_must_not_be_said(claim: str) -> None:
    assert wording.FORBIDDEN.search(claim)


def test_every_positive_finding_comes_with_the_other_explanations() -> None:
    for text in (wording.sentence("s", _finding("resembles")), wording.family_sentence("s", "lab", TESTS[1])):
        assert wording.EXPLANATIONS in text
        assert "p " in text


def test_a_positive_finding_says_how_many_models_cannot_be_related() -> None:
    said = wording.sentence("s", _finding("resembles"))
    assert "more than those of 39 of 40 models that cannot have learnt from it" in said


def test_a_teacher_whose_students_are_seldom_found_is_one_nobody_can_be_cleared_of() -> None:
    (weak,) = wording.power("s", {"t": {"students": 16, "at_0.05": 0.5, "at_0.01": 0.1}})
    assert "Of t s cannot be cleared" in weak
    (strong,) = wording.power("s", {"t": {"students": 16, "at_0.05": 0.9, "at_0.01": 0.5}})
    assert "cannot be cleared" not in strong
    (unknown,) = wording.power("s", {"t": {"students": 1, "at_0.05": 1.0, "at_0.01": 1.0}})
    assert "not known" in unknown


def test_too_many_candidates_for_one_to_stand_out_is_said_and_only_then() -> None:
    assert "0.0010" in wording.smallest(0.001, 60)[0]
    assert wording.smallest(0.001, 40) == ()
    assert wording.smallest(None, 40) == ()


def test_floor_and_ceiling_are_always_spoken_of_measured_or_not() -> None:
    assert "no floor measured" in wording.bounds(None, None)
    assert "no ceiling measured" in wording.bounds(None, None)


def test_none_of_these_is_said_aloud_with_its_limit() -> None:
    text = wording.paragraph("s", [_finding("none")])
    assert text.startswith("None of these")
    assert "would not show" in text


def test_what_cannot_be_tested_is_named() -> None:
    assert "Not testable here: t." in wording.paragraph("s", [_finding("untestable", "t")])
