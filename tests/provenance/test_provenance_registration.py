"""A report is confirmatory where all of it was fixed before there were answers, and exploratory otherwise."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest
import runfolders
import yaml
from conftest import Project
from runfolders import sample, write_run

from harness.core import panels
from harness.errors import ConfigError
from harness.provenance.panels import registration
from harness.provenance.panels.registration import AnswerTimes, FixedProtocol, Registration
from harness.results import derivation

PLAN = FixedProtocol(
    ("gpt-4",), "alpaca_eval", "a" * 64, "2 prompts, sha256 b", 0.05, False, "facts1:c", "d" * 64, "fp2"
)
MADE = Registration(("mine",), PLAN, "2026-03-01T12:00:00.000Z")
AFTER = AnswerTimes(frozenset({"p", "q"}), dt.datetime.fromisoformat("2026-03-02"), 0)


def test_answers_of_after_the_registration_with_nothing_changed_are_confirmatory() -> None:
    found = registration.standing(MADE, "mine", PLAN, AFTER)
    assert (found.status, found.why, found.sha256) == ("confirmatory", (), MADE.sha256)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(FixedProtocol)])
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
        (AnswerTimes(frozenset(), None, 0), "no answers of its own"),
    ],
)
def test_answers_that_are_older_or_may_be_are_exploratory(asked: AnswerTimes, word: str) -> None:
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
    one = registration.protocol(["gpt-4-0314", "gpt-4-0314"], "alpaca_eval", ["b", "a"])
    assert one == registration.protocol(["gpt-4-0314"], "alpaca_eval", ["a", "b", "a"])
    assert one.prompts.startswith("2 prompts")
    assert one != registration.protocol([], "alpaca_eval", ["a", "b"])
    with pytest.raises(ConfigError, match="candidate"):
        registration.protocol(["nobody"], "alpaca_eval", ["a"])


def test_looks_are_counted_by_question(tmp_path: Path) -> None:
    row = {"suspect": "mine", "sets": ["alpaca_eval"], "candidates": [], "domain": None}
    for more in ({}, {}, {"candidates": ["gpt-4"]}, {"sets": ["open"]}, {"suspect": "other"}):
        assert registration.look(tmp_path, {**row, **more})
    path = tmp_path / registration.LOOKS
    path.write_text(path.read_text() + "no line of ours\n[]\n")
    found = registration.looks(tmp_path, "mine")
    assert (found.sets, found.questions) == (2, 3)
    assert len(path.read_text().splitlines()) == 4 + 2, "a question that was asked before is not written again"
    assert registration.looks(tmp_path / "nowhere", "mine").questions == 0
    assert not registration.look(tmp_path / "nowhere", row)


def test_the_command_writes_a_registration_once_and_says_its_hash(project: Project) -> None:
    words = (
        "provenance",
        "register",
        "plan.yaml",
        "--suspects",
        "mine,other",
        "--panel",
        "alpaca_eval",
        "--prompts",
        "60",
    )
    done = project.run(*words, "--candidates", "gpt-4-0314")
    made = registration.read(project.root / "plan.yaml")
    assert made.sha256 in done.stdout
    assert (made.suspects, made.protocol.candidates) == (("mine", "other"), ("gpt-4-0314",))
    assert made.protocol.prompts.startswith("60 prompts")
    assert "never replaced" in project.run(*words, code=2).stderr
    assert "expected a number" in project.run(*words[:2], "more.yaml", *words[3:-1], "few", code=2).stderr


def _answered(shared_data: Path, root: Path, at: str) -> list[str]:
    """A run in which a model of the panel answers sixty prompts under another name; the prompts' ids."""
    asked = panels.asked("alpaca_eval", 60).rows
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet").filter(pl.col("model") == "alpaca-7b")
    texts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
    said = dict(frame.join(texts, on="prompt_id").select("prompt", "output").iter_rows())
    rows = [
        sample("eval-r", "mine", "panel", i, doc=json.dumps({"prompt": row["prompt"]}), output=said[row["prompt"]],
               started_at=at)
        for i, row in enumerate(asked)
        if row["prompt"] in said
    ]  # fmt: skip
    write_run(root / "results", "eval-r", models=("mine",), rows=rows, tasks=("panel",))
    derivation.refresh(root / "results")
    return [row["prompt_id"] for row in asked if row["prompt"] in said]


@pytest.mark.slow
def test_a_report_says_whether_it_confirms_what_was_registered_and_counts_the_looks(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runfolders, "KINDS", {"panel": "provenance"})
    asked = _answered(shared_data, tmp_path, "2026-06-01T00:00:00.000Z")
    results = tmp_path / "results"
    protocol = registration.protocol(["text-davinci-003"], "alpaca_eval", asked)
    for name, date in (("before", "2026-05-01T00:00:00.000Z"), ("after", "2026-07-01T00:00:00.000Z")):
        registration.write(Registration(("mine",), protocol, date), tmp_path / f"{name}.yaml")

    def standing(*candidates: str, **given: object) -> dict[str, object]:
        found = derivation.suspect_report(
            results, "mine", candidates, panel="alpaca_eval", interval=False, **given  # type: ignore[arg-type]
        )  # fmt: skip
        return found["standing"]

    first = standing("text-davinci-003", registered=tmp_path / "before.yaml")
    assert (first["status"], first["why"]) == ("confirmatory", ())
    assert str(first["text"]).startswith("Confirmatory")
    late = standing("text-davinci-003", registered=tmp_path / "after.yaml")
    assert late["status"] == "exploratory"
    assert "before that" in late["why"][0]
    other = standing("claude-2", registered=tmp_path / "before.yaml")
    assert other["status"] == "exploratory"
    assert "claude-2" in other["why"][0]
    told = standing("text-davinci-003", registered=tmp_path / "before.yaml", told={"released": "2024-01"})
    assert told["status"] == "exploratory"
    assert (told["sets"], told["questions"]) == (1, 3)
