"""A run folder of an earlier version keeps its id, its root and its metrics, and every reader still reads it."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from pydantic import TypeAdapter

from harness import runs
from harness.evaluation import planning, preview
from harness.runs import Replies
from harness.specs import EvalSpec

OLD = ROOT / "tests" / "golden" / "old_run"
"""Two models of the fake backend on two tasks, three documents of each, two answers to a document."""
RUN = "eval-1c3997455a75"
REQUESTS = 36


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run and the task files it asked; the working folder."""
    shutil.copytree(OLD / "tasks", tmp_path / "tasks")
    shutil.copytree(OLD / "runs", tmp_path / "results" / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "runs" / RUN


def asked(run: Path) -> EvalSpec:
    fields = EvalSpec.of_identity(runs.read_manifest(run)["spec"])
    return TypeAdapter(EvalSpec).validate_python(fields)


def test_a_plan_is_what_a_run_owes(here: Path) -> None:
    plan = planning.plan_run(asked(here))
    assert plan.run_id == RUN
    assert plan.run.resolve() == here.resolve()
    assert [model.name for model in plan.models] == ["alice", "bob"]
    assert plan.total == REQUESTS == len(list(plan.requests()))
    assert plan.missing(Replies(here / runs.JOURNAL)) == 0
    assert plan.missing(Replies(here / "none")) == REQUESTS
    first = next(plan.models[0].ids())
    assert first not in plan.models[0].missing(Replies(here / "none"), {first})
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.spec = asked(here)  # type: ignore[misc]


def test_what_is_asked_again_is_the_old_run(here: Path) -> None:
    run_id, rows = preview(asked(here))
    assert run_id == RUN
    assert {row["to_send"] for row in rows} == {0}


def test_a_replay_of_the_old_run_plans_what_it_asked(here: Path) -> None:
    spec = dataclasses.replace(asked(here), replay=RUN, name="eval")
    plan = planning.plan_run(spec)
    assert {model.source.backend for model in plan.models} == {"replay"}
    assert list(plan.requests()) == list(planning.plan_run(asked(here)).requests())
