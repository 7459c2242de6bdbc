"""A machine without a sandbox: model-written code is refused, whatever the model, unless the run itself allows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Project
from runfolders import write_content

from harness import runs
from harness.archive import shards
from harness.cli.config import compose
from harness.core import digest, identity
from harness.errors import ConfigError, SandboxError
from harness.evaluation.evaluator import evaluate
from harness.runs import proof
from harness.sandbox import tiers

BARE = """\
from harness.cli import main
from harness.sandbox import tiers

tiers._why_not = lambda tier: None if tier == "unsafe" else "not here"
main()
"""


def eval_without_a_sandbox(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "HARNESS_WEIGHTS_DIR"}
    return subprocess.run(
        [sys.executable, "-c", BARE, "eval", *words],
        cwd=folder,
        env={**env, "HARNESS_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_default_models_are_refused_before_anything_is_fetched_or_asked(tmp_path: Path) -> None:
    done = eval_without_a_sandbox(tmp_path, "task=functions", "limit=1")
    assert done.returncode == 8, done.stderr
    assert "there is no sandbox to run it in (A: not here; B: not here; C: not here)" in done.stderr
    assert "sandbox.allow_unsafe=true" in done.stderr
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "model").glob("*.yaml")), ids=lambda path: path.stem)
def test_no_shipped_model_allows_itself_anything(path: Path) -> None:
    assert not [key for key in yaml.safe_load(path.read_text()) or () if "unsafe" in key]


def test_the_run_may_allow_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_why_not", lambda tier: None if tier == "unsafe" else "not here")
    monkeypatch.chdir(project.root)
    project.model("alice")
    words = ["model=alice", "task=functions", "limit=1"]
    with pytest.raises(SandboxError):
        evaluate(compose(words), quiet=True)
    allowed = evaluate(compose([*words, "sandbox.allow_unsafe=true"]), quiet=True).manifest
    assert allowed.counts.samples == 1


def test_a_model_of_ones_own_that_allows_itself_is_told_what_to_say_instead(project: Project) -> None:
    project.model("alice")
    with (project.root / "conf" / "model" / "alice.yaml").open("a") as file:
        file.write("allow_unsafe_code: true\n")
    said = project.run("eval", "model=alice", "task=functions", code=ConfigError.exit_code).stderr
    assert "models.alice.allow_unsafe_code" in said
    assert "sandbox.allow_unsafe=true" in said


# Runs of before, whose models have the field --------------------------------------------------------------------


def grow_old(run: Path, *, allowed: bool) -> None:
    """Make a run as it was when models still had the field, sealed as it was then."""
    said = json.loads((run / runs.MANIFEST).read_text())
    for model in said["spec"]["models"]:
        model["allow_unsafe_code"] = allowed
    said["spec_hash"] = digest(identity.RUN, said["spec"])
    (run / runs.SPEC).write_bytes(runs.yaml_bytes(said["spec"]))
    said.pop(proof.KEY, None)
    write_content(run, said)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("old"))
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=3")
    grow_old(project.runs()[0], allowed=True)
    return project


def test_an_old_run_verifies_and_is_gone_on_with(old: Project) -> None:
    (run,) = old.runs()
    done = old.run("verify", run.name, "--accept", "signature")
    assert done.stdout.startswith(f"{run.name}: as recorded; not checked: signature\n")
    again = old.run("eval", "model=alice", "task=sums", "limit=3")
    assert f"run {run.name}: all 3 requests are answered already" in again.stderr
    assert old.runs() == [run]


def test_an_old_run_that_was_interrupted_goes_on_under_its_id(project: Project) -> None:
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=3")
    (run,) = project.runs()
    grow_old(run, allowed=True)
    said = json.loads((run / runs.MANIFEST).read_text())
    said["status"] = "running"
    write_content(run, {key: value for key, value in said.items() if key != proof.KEY})
    lines = (run / runs.JOURNAL).read_bytes().splitlines(keepends=True)
    (run / runs.JOURNAL).write_bytes(b"".join(lines[:1]))
    (run / runs.SAMPLES).unlink()
    project.run("eval", "model=alice", "task=sums", "limit=3")
    assert project.runs() == [run]
    assert json.loads((run / runs.MANIFEST).read_text())["counts"]["samples"] == 3
    project.run("verify", run.name, "--accept", "signature")


@pytest.mark.parametrize("words", [["reproduce", "eval-"], ["reproduce", "eval-", "--offline"], ["rescore", "eval-"]])
def test_an_old_run_is_run_and_scored_again(old: Project, words: list[str]) -> None:
    name = ["--name", f"again{len(words)}"] if words[0] == "reproduce" else []
    old.run(*words, *name)


def test_an_old_run_differs_from_a_new_one_in_nothing(old: Project) -> None:
    old.run("reproduce", "eval-", "--name", "twin")
    new = next(run for run in old.runs() if run.name.startswith("twin-"))
    found = json.loads(old.run("diff", "eval-", new.name, "--format", "json").stdout)
    assert not [row for row in found if "unsafe" in str(row)]


def test_an_old_shard_and_a_new_one_are_united(project: Project) -> None:
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=4", "shard=1/2")
    grow_old(project.runs()[0], allowed=False)
    project.run("eval", "model=alice", "task=sums", "limit=4", "shard=2/2")
    assert shards.unite(project.root / "results") == []
    assert len([run for run in project.runs() if "of2" not in run.name]) == 1
