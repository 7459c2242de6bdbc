"""What provenance may say, and what it must never say."""

import dataclasses
import itertools
from typing import get_args

import pytest

from harness.provenance.answers.comparability import Familiarity, Languages, TextReading, Wrapping
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.finding import Finding, Lab, Member, PairConclusion, PairTest, Rival, RivalKind, Span
from harness.provenance.panels.registration import Looks, ReportStanding
from harness.provenance.verdicts import notices, reports, wording

VERDICTS = get_args(PairConclusion)


def _finding(verdict: str, name: str = "teacher-1") -> PairTest:
    tested = verdict in {"resembles", "none"}
    return PairTest(
        name, verdict, 3.2 if tested else None, 0.0004 if verdict == "resembles" else 0.4, 0.01, {}, 40, 39, 400
    )


def _lab(version: str) -> Lab:
    return Lab(
        "OpenAI", True, 1, 1, (version,), p=0.0004, q=0.004, null_size=10, exceeded=9, possible=True, rivals=()
    )  # fmt: skip


def _whole(tests: list[PairTest], suspect: str = "suspect-1") -> Finding:
    """A finding of these tests, with a lab for every candidate resembled."""
    named = tuple(_lab(t.candidate) for t in tests if t.verdict == "resembles")
    return Finding(
        suspect, "open", "1.0", 64, 60, 9, panel=False, traces=None, verdict=reports.verdict(tests, named), strength="weak",
        coverage=0.9 if named else None, labs=named, tests=tuple(tests), null="unrelated pairs", null_pairs=99, p_floor=0.01,
        nearest_of_all=Member("near-1", 1.0, candidate=False, prompts=60), sentence="", paragraph="",
    )  # fmt: skip


def _said(tests: list[PairTest]) -> list[str]:
    found = _whole(tests)
    return [
        wording.said(found),
        wording.paragraph(found),
        *wording.notes(found, 60, None, {"lab OpenAI": dict.fromkeys("abcd", True)}, ()),
    ]


RIVALS = tuple(Rival(kind, ("model-1", "model-2")) for kind in get_args(RivalKind))
LABS = [
    _lab("teacher-1"),
    dataclasses.replace(_lab("teacher-1"), lab=None, weaker=True),
    *(dataclasses.replace(_lab("teacher-1"), rivals=(one,)) for one in RIVALS),
    dataclasses.replace(_lab("teacher-1"), rivals=RIVALS),
]


def _offered(excess: float, low: float) -> dict[str, object]:
    numbers = {"excess": excess, "excess_low": low, "excess_high": 1.0, "base_n": 7, "base_above": 2}
    return {"family": "OpenAI", "decoy_share": 0.1, "decoy_low": 0.0, "decoy_high": 0.3, **numbers}


def test_a_name_that_is_agreed_to_comes_with_its_base_rate_and_the_invented_names() -> None:
    text = notices.suggested("suspect-1", [_offered(0.5, 0.2)])
    assert "nobody's model has" in text
    assert "2 of 7 models of other families" in text
    assert "not weighed" in text
    assert "no real name more often" in notices.suggested("suspect-1", [_offered(0.1, -0.2)])
    assert notices.suggested("suspect-1", []) == ""


def _every_text() -> list[str]:
    texts = [wording.sentence("suspect-1", _finding(v)) for v in VERDICTS]
    texts += [wording.lab_sentence("suspect-1", lab) for lab in LABS]
    texts += [_with(lab) for lab in LABS]
    for some in itertools.chain.from_iterable(itertools.combinations(VERDICTS, n) for n in range(len(VERDICTS) + 1)):
        texts += _said([_finding(v, f"teacher-{i}") for i, v in enumerate(some)])
    texts += _said([_finding("resembles", f"teacher-{i}") for i in range(6)])
    texts += [notices.suggested("suspect-1", [_offered(0.5, 0.2)]), notices.suggested("suspect-1", [_offered(0, -1)])]
    for known in (
        None,
        {"students": 16, "at_0.05": 0.5, "at_0.01": 0.1},
        {"students": 1, "at_0.05": 1.0, "at_0.01": 1.0},
    ):
        texts += wording.power("suspect-1", {"teacher-1": known, "teacher-2": None})
    texts += [wording.likelihood("teacher-1", 4.2, 12), wording.likelihood("teacher-1", None, None)]
    span = Span(1.0, -2.0, 3.0, 4)
    texts += [wording.bounds(low, high) for low in (None, span) for high in (None, span)]
    texts += wording.smallest(0.001, 60)
    return [*texts, *_of_texts()]


def _of_texts() -> list[str]:
    """What is said of a suspect's texts, name and registration."""
    wrapping = Wrapping(("Certainly! Here it is.",), 0.9, ("I hope this helps!",), 0.8, 60, 40)
    reading = TextReading(wrapping, Languages(60, 0.4, "Tamil letters"), None)
    found = dataclasses.replace(_whole([_finding("none")]), reading=reading)
    lacking = dataclasses.replace(reading, lacking=("is", "you"))
    woven = dataclasses.replace(found, reading=lacking, left=("openings", "phrasing"))
    barred = dataclasses.replace(found, incomparable=notices.one_text(wrapping), verdict="not comparable")
    guessed = ModelFacts("gpt-mine", lab="openai", bases=frozenset({"llama-2"}), by_name=frozenset({"lab", "bases"}))
    lone = dataclasses.replace(_finding("none"), lab="openai")
    standings = [ReportStanding("confirmatory", (), "a" * 64, "2026-01-01"), ReportStanding("exploratory", ("why",))]
    return [
        notices.unknown(Familiarity(0.1, 0.5), None),
        notices.unknown(Familiarity(0.1, 0.5), "9 of 9 answers that were looked at are numbers"),
        notices.woven(("is", "you")),
        notices.endings("suspect-1", 6, 100),
        wording.said(barred),
        wording.paragraph(barred),
        *notices.texts(found, "English"),
        *notices.texts(dataclasses.replace(found, left=("openings", "phrasing")), "English"),
        *notices.texts(woven, "English"),
        *(wording.said(dataclasses.replace(woven, verdict=verdict)) for verdict in ("none", "resembles")),
        *notices.by_name(guessed),
        *notices.own_lab(dataclasses.replace(found, tests=(lone,)), "openai"),
        *(notices.standing("s", one, Looks(2, 3), logged=kept) for one in standings for kept in (True, False)),
    ]


def test_what_is_said_of_texts_names_and_registrations_is_said_and_nothing_else() -> None:
    said = " ".join(_of_texts())
    for words in ("not comparable", "were taken off", "not in it (Tamil letters)", "name suggests", "of one lab",
                  "Confirmatory", "Exploratory: why", "persona", "by openings and phrasing alone",
                  "openings and phrasing alone were compared", "They hardly ever hold “is”, “you”"):  # fmt: skip
        assert words in said
    quiet = TextReading(None, Languages(60, 1.0, None), None)
    assert notices.texts(dataclasses.replace(_whole([]), reading=quiet), "English") == ()
    assert notices.texts(_whole([]), "English") == ()
    assert notices.by_name(ModelFacts("gpt-mine", lab="openai")) == ()
    assert notices.own_lab(_whole([_finding("none")]), "openai") == ()


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
    for text in (wording.sentence("s", _finding("resembles")), *(wording.lab_sentence("s", lab) for lab in LABS)):
        assert wording.EXPLANATIONS in text
        assert "p " in text


def _with(lab: Lab) -> str:
    return wording.said(dataclasses.replace(_whole([_finding("resembles")]), labs=(lab,)))


def test_rivals_are_named_before_the_lab_is() -> None:
    plain = _with(LABS[0])
    assert plain.startswith("suspect-1's answers resemble those of OpenAI (teacher-1)")
    for rival in RIVALS:
        said = _with(dataclasses.replace(LABS[0], rivals=(rival,)))
        assert said.endswith(plain)
        assert said.index("model-1, model-2") < said.index("OpenAI")
    assert "teacher-1 may have learnt from the lab of suspect-1 instead" in _with(LABS[2])


def test_evidence_of_all_dates_is_said_to_be_the_weaker() -> None:
    weaker = LABS[1]
    assert "weaker evidence" in wording.lab_sentence("s", weaker)
    assert "of models of all dates" in _with(weaker)
    assert "dates" not in _with(LABS[0])
    pair = dataclasses.replace(_finding("resembles"), weaker=True)
    assert "models of other labs and bases" in wording.sentence("s", pair)


def test_nothing_is_said_of_a_lab_that_is_not_named() -> None:
    other = dataclasses.replace(LABS[0], named=False, versions=(), lab="Elsewhere", q=0.2)
    found = dataclasses.replace(_whole([_finding("none")]), labs=(other,))
    assert "Elsewhere" not in " ".join([wording.said(found), wording.paragraph(found)])
    assert "coverage" not in wording.said(found)


def test_the_set_of_labs_comes_with_its_coverage() -> None:
    assert "a teacher's lab would be among OpenAI with coverage 0.9" in _with(LABS[0])


def test_a_positive_finding_says_how_many_models_cannot_be_related() -> None:
    said = wording.sentence("s", _finding("resembles"))
    assert "more than those of 39 of 40 models that cannot have learnt from it" in said


def test_a_teacher_whose_students_are_seldom_found_is_one_nobody_can_be_cleared_of() -> None:
    (weak,) = wording.power("s", {"t": {"students": 16, "at_0.05": 0.5, "at_0.01": 0.1}})
    assert "s cannot be cleared of t" in weak
    (strong,) = wording.power("s", {"t": {"students": 16, "at_0.05": 0.9, "at_0.01": 0.5}})
    assert "cannot be cleared" not in strong
    (unknown,) = wording.power("s", {"t": {"students": 1, "at_0.05": 1.0, "at_0.01": 1.0}})
    assert "not known" in unknown


def test_what_none_is_worth_is_said_in_the_unit_of_the_verdict() -> None:
    found = dataclasses.replace(_whole([_finding("none")]), labs=(dataclasses.replace(LABS[0], named=False),))
    known = {"lab OpenAI": {"a": True, "b": False, "c": False, "suspect-1": True}}
    assert "OpenAI 1 of 3." in wording.naming(found, known)
    assert wording.naming(found, {"lab OpenAI": {"a": True}}) == ""
    assert wording.naming(found, {}) == ""


def test_a_search_without_a_finding_names_the_question_that_needs_less_evidence() -> None:
    nothing, named = _whole([_finding("none")]), _whole([_finding("resembles")])
    assert "harness provenance register" in wording.alone(nothing, 2)
    assert wording.alone(nothing, 2) in wording.notes(nothing, 2, None, {}, ())
    assert wording.alone(nothing, 1) == wording.alone(named, 2) == "", "one question already, or no need of one"


def test_too_many_candidates_for_one_to_stand_out_is_said_and_only_then() -> None:
    assert "0.0010" in wording.smallest(0.001, 60)[0]
    assert wording.smallest(0.001, 40) == ()
    assert wording.smallest(None, 40) == ()


def test_floor_and_ceiling_are_always_spoken_of_measured_or_not() -> None:
    assert "no floor measured" in wording.bounds(None, None)
    assert "no ceiling measured" in wording.bounds(None, None)


def test_none_of_these_is_said_aloud_with_its_limit() -> None:
    text = wording.paragraph(_whole([_finding("none")]))
    assert text.startswith("None of 1 tested stands out.")
    assert "would not show" in text


def test_what_cannot_be_tested_is_named() -> None:
    assert "Not testable here: t." in wording.paragraph(_whole([_finding("untestable", "t")]))


def test_what_could_not_be_tested_is_counted_with_its_reason_wherever_a_verdict_is_said() -> None:
    waiting = [
        dataclasses.replace(_finding("untestable", f"t{i}"), why="no release date is documented") for i in range(3)
    ]
    few = dataclasses.replace(_finding("not enough prompts", "few"), why="fewer than 50 prompts answered by both")
    said = wording.said(_whole([_finding("none"), *waiting, few, _finding("same lab", "own")]))
    assert said == (
        "None of 1 tested stands out; 4 could not be tested (3: no release date is documented; 1: fewer than 50 "
        "prompts answered by both)."
    )
    nobody = wording.said(_whole(waiting))
    assert "None" not in nobody
    assert nobody.startswith("No candidate could be tested; 3 could not be tested (3: no release date")
