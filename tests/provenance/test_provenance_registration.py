"""A report is confirmatory where all of it was fixed before there were answers, and exploratory otherwise."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
import yaml

from harness.errors import ConfigError
from harness.provenance import registration
from harness.provenance.registration import Asked, Plan, Registration

PLAN = Plan(("gpt-4",), "alpaca_eval", "a" * 64, "2 prompts, sha256 b", 0.05, False, "facts1:c", "d" * 64, "fp2")
MADE = Registration(("mine",), PLAN, "2026-03-01T12:00:00.000Z")
AFTER = Asked(frozenset({"p", "q"}), dt.datetime.fromisoformat("2026-03-02"), 0)


def test_answers_of_after_the_registration_with_nothing_changed_are_confirmatory() -> None:
    found = registration.standing(MADE, "mine", PLAN, AFTER)
    assert (found.status, found.why, found.sha256) == ("confirmatory", (), MADE.sha256)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Plan)])
def test_whatever_differs_makes_a_report_exploratory_and_is_named(field: str) -> None:
    old = getattr(PLAN, field)
    new = (
        ("claude-2",)
        if field == "candidates"
        else True
        if field == "same_lab"
        else 0.1
        if field == "threshold"
        else "x"
    )
    found = registration.standing(MADE, "mine", dataclasses.replace(PLAN, **{field: new}), AFTER)
    assert found.status == "exploratory"
    assert len(found.why) == 1
    assert registration._said(old) in found.why[0]
    assert registration._said(new) in found.why[0]


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (dataclasses.replace(AFTER, oldest=dt.datetime.fromisoformat("2026-02-28")), "before that"),
        (dataclasses.replace(AFTER, undated=3), "imported"),
        (Asked(frozenset(), None, 0), "no answers of its own"),
    ],
)
def test_answers_that_are_older_or_may_be_are_exploratory(asked: Asked, word: str) -> None:
    found = registration.standing(MADE, "mine", PLAN, asked)
    assert found.status == "exploratory"
    assert word in found.why[0]


def test_another_suspect_another_set_or_no_registration_is_exploratory() -> None:
    assert registration.standing(MADE, "other", PLAN, AFTER).status == "exploratory"
    assert registration.standing(MADE, "mine", None, AFTER).status == "exploratory"
    assert registration.standing(None, "mine", PLAN, AFTER).status == "exploratory"


def test_a_file_is_read_as_it_was_written_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    registration.write(MADE, path)
    assert registration.read(path) == MADE
    with pytest.raises(ConfigError, match="never replaced"):
        registration.write(MADE, path)


@pytest.mark.parametrize("key", ["registered", "suspects", "schema"])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "plan.yaml"
    registration.write(MADE, path)
    told = yaml.safe_load(path.read_text())
    told[key] = {"registered": "2020-01-01T00:00:00.000Z", "suspects": ["mine", "other"], "schema": 2}[key]
    path.write_text(yaml.safe_dump(told))
    with pytest.raises(ConfigError, match="was changed"):
        registration.read(path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "suspects: 3", "a: b: c", "plan: {}", "\x00"])
def test_a_file_that_is_no_registration_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"plan\.yaml"):
        registration.read(path)


def test_what_a_registration_fixes_follows_from_what_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    one = registration.plan(["gpt-4-0314", "gpt-4-0314"], "alpaca_eval", ["b", "a"])
    assert one == registration.plan(["gpt-4-0314"], "alpaca_eval", ["a", "b", "a"])
    assert one.prompts.startswith("2 prompts")
    assert one != registration.plan([], "alpaca_eval", ["a", "b"])
    with pytest.raises(ConfigError, match="candidate"):
        registration.plan(["nobody"], "alpaca_eval", ["a"])


def test_looks_are_counted_by_question(tmp_path: Path) -> None:
    row = {"suspect": "mine", "sets": ["alpaca_eval"], "candidates": [], "domain": None}
    for more in ({}, {}, {"candidates": ["gpt-4"]}, {"sets": ["open"]}, {"suspect": "other"}):
        assert registration.look(tmp_path, {**row, **more})
    path = tmp_path / registration.LOOKS
    path.write_text(path.read_text() + "no line of ours\n[]\n")
    found = registration.looks(tmp_path, "mine")
    assert (found.reports, found.sets, found.questions) == (4, 2, 3)
    assert registration.looks(tmp_path / "nowhere", "mine").reports == 0
    assert not registration.look(tmp_path / "nowhere", row)
