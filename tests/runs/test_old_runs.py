"""A run folder of an earlier version keeps its id, its root and its metrics, and every reader still reads it."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from pydantic import TypeAdapter

from harness import runs
from harness.archive import reproduction, verification
from harness.errors import StorageError
from harness.evaluation import evaluate, planning, preview
from harness.results import derivation, store
from harness.runs import Replies, manifest, proof
from harness.specs import EvalSpec

pytestmark = pytest.mark.filterwarnings("ignore:F-score is ill-defined")
OLD = ROOT / "tests" / "golden" / "old_run"
"""Two models of the fake backend on two tasks, three documents of each, two answers to a document."""
RUN = "eval-1c3997455a75"
ROOT_HASH = "root1:202df59d2110ba73c23ea8965170f03f"
REQUESTS = 36
METRICS = {
    ("alice", "sums", "exact_match"): (0.0, 0.0, 0.5614970317550454),
    ("alice", "sums_choice", "acc"): (0.6666666666666666, 0.11222456652289903, 0.9693653916360968),
    ("bob", "sums", "exact_match"): (0.0, 0.0, 0.5614970317550454),
    ("bob", "sums_choice", "acc"): (0.3333333333333333, 0.030634608363903082, 0.8877754334771009),
}
MOVING = {"started_at", "finished_at", "argv", "spec", "spec_hash", "packages", "git", "platform", "proof"}
"""What differs where the same run is made on another day, by another version, on another machine."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run and the task files it asked; the working folder."""
    shutil.copytree(OLD / "tasks", tmp_path / "tasks")
    shutil.copytree(OLD / "runs", tmp_path / "results" / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "runs" / RUN


def asked(run: Path) -> EvalSpec:
    fields = EvalSpec.of_identity(runs.read_manifest(run).spec)
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


# The manifest ------------------------------------------------------------------------------------------------


def test_an_old_manifest_is_written_back_byte_by_byte(here: Path) -> None:
    said = runs.read_manifest(here)
    assert runs.manifest_bytes(manifest.content(said)) == (here / runs.MANIFEST).read_bytes()
    assert said.root == ROOT_HASH
    runs.write_manifest(here, dataclasses.replace(said, proof=None))
    now, then = runs.read_content(here), runs.read_content(OLD / "runs" / RUN)
    assert now.pop("proof")["root"].startswith("root2:")  # sealed today
    assert then.pop("proof")["root"] == ROOT_HASH
    assert json.dumps(now) == json.dumps(then)
    assert {finding.state for finding in verification.verify(here, scores=False)} == {"ok", "not checked"}


def test_the_same_run_today_has_the_same_keys_and_values_in_the_same_order(here: Path) -> None:
    spec = asked(here)
    then = runs.read_content(here)
    shutil.rmtree(here)
    now = runs.read_content(evaluate(spec, quiet=True).run)
    assert list(now) == list(then)
    for key in then.keys() - MOVING:
        assert json.dumps(now[key]) == json.dumps(then[key]), key
    assert list(now["proof"]) == list(then["proof"])
    assert list(now["platform"]) == list(then["platform"])


def test_the_old_run_is_verified(here: Path) -> None:
    found = verification.verify(here)
    assert [finding.check for finding in found if finding.state != "ok"] == ["signature"], verification.text(found)
    assert set(verification.CHECKS) == {finding.check for finding in found}


def test_the_old_run_is_in_the_index(here: Path) -> None:
    refreshed = derivation.refresh(here.parents[1])
    assert not refreshed.problems
    (row,) = store.query(
        here.parents[1], "SELECT run_id, root, samples, truncated, imported, cost_usd FROM runs"
    ).rows()
    assert row == (RUN, ROOT_HASH, 24, 6, False, 0.0)
    rows = store.query(
        here.parents[1], "SELECT model, task, metric, value, ci_low, ci_high FROM metrics WHERE is_headline"
    ).rows()
    assert {row[:3]: row[3:] for row in rows} == METRICS


def test_the_old_run_is_reproduced(here: Path) -> None:
    found = reproduction.reproduce(here.parents[1], here, quiet=True)
    assert [verdict.agrees for verdict in found.verdicts] == [True] * 4
    assert all(verdict.exact for verdict in found.verdicts)


def test_what_files_say_of_models_is_written_into_the_old_run_and_taken_out_again(here: Path) -> None:
    spec = asked(here)
    stood = runs.read_content(here)
    alice, bob = spec.models
    told = dataclasses.replace(spec, models=(dataclasses.replace(alice, lab="acme", released="2024-05"), bob))
    finished = evaluate(told, quiet=True)
    assert (finished.run.name, finished.asked, finished.manifest.models[0].lab) == (RUN, 0, "acme")
    one, other = runs.read_content(here)["models"]
    keys = list(other)
    keys[keys.index("deterministic") : keys.index("deterministic")] = ["released", "lab"]
    assert list(one) == keys
    assert {finding.state for finding in verification.verify(here, scores=False)} == {"ok", "not checked"}
    evaluate(spec, quiet=True)
    now = runs.read_content(here)
    assert json.dumps({**now, "proof": None}) == json.dumps({**stood, "proof": None})


@pytest.mark.parametrize("open_", [None, False, True])
def test_whether_a_task_is_open_is_written_where_it_is_known(here: Path, open_: bool | None) -> None:
    said = runs.read_manifest(here)
    tasks = tuple(dataclasses.replace(task, open=open_) for task in said.tasks)
    stands = manifest.content(dataclasses.replace(said, tasks=tasks))
    assert [task.get("open", "no key") for task in stands["tasks"]] == ["no key" if open_ is None else open_] * 2
    assert manifest.parse(runs.manifest_bytes(stands), "run.json").tasks == tasks


# Manifests of other versions, and broken ones ------------------------------------------------------------------


def change(run: Path, **fields: Any) -> Path:
    (run / runs.MANIFEST).write_text(json.dumps(runs.read_content(run) | fields))
    return run


def test_keys_of_a_newer_version_are_passed_over_and_still_sealed(here: Path) -> None:
    stands = runs.read_content(here)
    stands |= {"weather": ["rain"], "models": [model | {"mood": "good"} for model in stands["models"]]}
    (here / runs.MANIFEST).write_bytes(runs.manifest_bytes(proof.seal(stands, here, runs.JOURNAL)))
    assert [entry.name for entry in runs.read_manifest(here).models] == ["alice", "bob"]
    assert {finding.state for finding in verification.verify(here, scores=False)} == {"ok", "not checked"}


def test_what_an_older_version_did_not_write_has_its_default(here: Path) -> None:
    stands = runs.read_content(here)
    for key in ("judged", "cost", "proof", "git", "counts", "tokens", "packages", "platform", "argv", "finished_at"):
        del stands[key]
    for task in stands["tasks"]:
        del task["whole_docs_hash"], task["cluster"], task["docs_hash"]
    (here / runs.MANIFEST).write_text(json.dumps(stands))
    said = runs.read_manifest(here)
    assert (said.cost, said.root, said.git, said.counts.samples, said.tasks[0].cluster) == (None,) * 5
    assert not derivation.refresh(here.parents[1]).problems


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"schema": 2}, r"schema 2, this version of harness reads schema 1"),
        ({"schema": None}, r"schema None, this version"),
        ({"status": "fine"}, r"status is 'fine', expected 'running', 'complete' or 'incomplete'"),
        ({"models": [{"name": 3, "backend": "fake"}]}, r"models\[0\]\.name is 3, expected a valid string"),
        ({"models": {"alice": {}}}, r"models is \{'alice': \{\}\}, expected a valid (tuple|array)"),
        ({"tasks": [{"kind": "math"}]}, r"tasks\[0\]\.name is missing"),
        ({"tasks": ["sums"]}, r"tasks\[0\] is 'sums', expected an object"),
        ({"metrics": [{"model": "a", "task": "b", "metric": "c"}]}, r"metrics\[0\]\.value is missing"),
        (
            {"metrics": [{"model": "a", "task": "b", "metric": "c", "value": "1"}]},
            r"metrics\[0\]\.value is '1', expected a valid integer or a valid number",
        ),
        ({"counts": {"samples": 1.5}}, r"counts\.samples is 1\.5, expected a valid integer"),
        ({"spec": None}, r"spec is None, expected"),
        ({"proof": {"files": [], "parts": {}, "root": "x"}}, r"proof\.files is \[\], expected an object"),
        ({"proof": {"files": {}, "parts": {}, "root": 3}}, r"proof\.root is 3, expected a valid string"),
        ({"started_at": 7}, r"started_at is 7, expected a valid string"),
    ],
    ids=repr,
)
def test_a_broken_manifest_names_file_field_found_and_expected(here: Path, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(StorageError, match=rf"{runs.MANIFEST}: {told}"):
        runs.read_manifest(change(here, **fields))
    assert not [
        finding for finding in verification.verify(here) if finding.check == "manifest" and finding.state == "ok"
    ]
    (problem,) = derivation.refresh(here.parents[1]).problems
    assert runs.MANIFEST in problem


@pytest.mark.parametrize("key", ["run_id", "name", "status", "started_at", "spec", "models", "tasks"])
def test_a_field_that_is_missing_is_named(here: Path, key: str) -> None:
    stands = runs.read_content(here)
    del stands[key]
    (here / runs.MANIFEST).write_text(json.dumps(stands))
    with pytest.raises(StorageError, match=rf"{runs.MANIFEST}: {key} is missing"):
        runs.read_manifest(here)
    del stands["schema"]
    (here / runs.MANIFEST).write_text(json.dumps(stands))
    with pytest.raises(StorageError, match=rf"{runs.MANIFEST}: schema None"):
        runs.read_manifest(here)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema": 1, "spec": ' + b'{"a":' * 100_000,
        b'{"schema": 1, "spec": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"schema": 1, "run_id": ' + b"9" * 10_000 + b"}",
        b'{"schema": NaN}',
        b'{"schema": 1, "name": "\\ud800"}',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_manifest_at_all_is_no_traceback(here: Path, text: bytes) -> None:
    (here / runs.MANIFEST).write_bytes(text)
    with pytest.raises(StorageError, match=runs.MANIFEST):
        runs.read_manifest(here)
    assert [finding.state for finding in verification.verify(here) if finding.check == "manifest"] == ["wrong"]
