"""The one record of what is said of a suspect: both ways to JSON, its words, and its ranges."""

import dataclasses
import json

import pytest

from harness.provenance.comparison import finding
from harness.provenance.comparison.finding import Finding, Lab, PairTest


def _test(candidate: str, verdict: str = "none", **over: object) -> PairTest:
    tested = verdict in finding.TESTED
    numbers = {"z": 3.0, "p": 0.001, "q": 0.004} if tested else dict.fromkeys(("z", "p", "q"))
    return PairTest(
        candidate, verdict, **numbers, channels={"openings": 1.5}, null_size=9, exceeded=9, prompts=60, **over
    )  # type: ignore[arg-type]


FOUND = Finding(
    suspect="s",
    corpus="open",
    version="1.0",
    prompts=64,
    suspect_prompts=60,
    models=20,
    panel=False,
    traces=None,
    verdict="resembles",
    strength="strong",
    coverage=0.9,
    labs=(
        Lab(
            "A",
            named=True,
            tested=1,
            candidates=2,
            versions=("a-1",),
            p=0.001,
            q=0.004,
            null_size=9,
            exceeded=9,
            possible=True,
            rivals=(finding.Rival("later", ("b-9",)),),
        ),
        Lab("B", named=False, tested=0, candidates=1),
    ),
    tests=(
        _test("a-1", "resembles", rank=1, power={"students": 4, "at_0.05": 0.5, "at_0.01": 0.25}),
        _test("a-2", "untestable", why="no release date"),
        _test("b-1", "untestable", why="no release date"),
        _test("b-2", "not enough prompts", why="too few prompts"),
        _test("c-1", "same lab"),
    ),
    null="unrelated pairs",
    null_pairs=300,
    p_floor=1 / 301,
    nearest_of_all=finding.Member("kin", 2.5, candidate=False, prompts=60),
    sentence="It does.",
    paragraph="It does, and so on.",
    notes=("a note",),
    floor=finding.Span(0.0, -1.0, 1.0, 3),
    sampled_again=finding.SelfScore(9.0, 8.0, None, 60),
    domains=(finding.Domain("fiction", 30, "scored", (finding.DomainScore("a-1", 2.0, 1.0, 3.0, 30),)),),
    answers={"refused": 2},
)


def test_a_finding_comes_back_from_its_json_as_it_was() -> None:
    assert Finding.read(json.dumps(FOUND.json())) == FOUND
    assert Finding.read(FOUND.json()) == FOUND


def test_json_says_what_follows_from_the_record() -> None:
    told = FOUND.json()
    assert told["strongest"]["candidate"] == "a-1"
    assert told["untested"] == {"no release date": 2, "too few prompts": 1}
    assert told["named"] == ["A"]
    assert [lab.lab for lab in FOUND.possible] == ["A"]
    assert [test.candidate for test in FOUND.rivals] == ["c-1"]


@pytest.mark.parametrize(("name", "value"), [("coverage", 1.5), ("prompts", -1), ("verdict", "perhaps"), ("null", "x")])
def test_what_is_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Finding.read(FOUND.json() | {name: value})


@pytest.mark.parametrize(
    ("ratio", "q", "word"),
    [
        (10.0, 0.04, "strong"),
        (9.9, 0.0001, "moderate"),
        (3.0, 0.0001, "weak"),
        (None, 0.007, "strong"),
        (None, 0.03, "moderate"),
        (None, 0.05, "weak"),
        (None, 0.0, "strong"),
    ],
)
def test_strength_is_the_likelihood_ratios_where_there_is_one(ratio: float | None, q: float, word: str) -> None:
    test = dataclasses.replace(_test("a", "resembles"), q=0.05, likelihood_ratio=ratio)
    lab = dataclasses.replace(FOUND.labs[0], q=q)
    assert finding.strength(test, lab) == word
    assert finding.strength(test, dataclasses.replace(lab, weaker=True)) == ("moderate" if word == "strong" else word)
    turned = dataclasses.replace(lab, rivals=(finding.Rival("other direction", ("s-0",)),))
    assert finding.strength(test, turned) == "weak"


def test_none_is_no_strength_and_nothing_tested_has_none() -> None:
    assert finding.strength(_test("a", "none")) == "none"
    assert finding.strength(_test("a", "untestable")) is None
    assert finding.strength(None) is None


def test_a_p_value_stands_for_no_ratio_below_one_and_never_for_less_when_it_is_smaller() -> None:
    ratios = [finding.largest_ratio(q) for q in (1.0, 0.5, 0.3, 0.05, 0.01, 0.001)]
    assert ratios == sorted(ratios)
    assert ratios[0] == 1.0
