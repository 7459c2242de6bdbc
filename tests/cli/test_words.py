"""One meaning per word: in the code, and in what is typed. Words of before answer with those of today, and send nothing."""

import ast
import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, Project
from pydantic import TypeAdapter

from harness.cli import config
from harness.errors import ConfigError
from harness.evaluation import evaluate, preview
from harness.specs import EvalSpec

PACKAGE = ROOT / "harness"
OLD_RUN = Path(__file__).parents[1] / "golden" / "run_with_plan"
"""A run whose spec.yaml and run.json hold `plan: false`."""
MEANINGS = {
    "plan": {
        "evaluation",  # what a run owes
        "cli/config.py",  # the word of before, which is read here
        "cli/app.py",
        "specs.py",
    },
    "again": {
        "provenance",  # the suspect, sampled again
        "cli/app.py",  # the word of before
    },
}
"""The places whose names may have a word in them."""


def names(path: Path) -> set[str]:
    """Every name that a file defines: functions, classes, variables, arguments, fields, and texts that are one word."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isascii():
            found |= {node.value} if re.fullmatch(r"-{0,2}[\w-]+=?", node.value) else set()
    return found


def parts(name: str) -> set[str]:
    """`ModelPlan`, `plan_model` and `--plan` each have a plan in them."""
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


@pytest.mark.parametrize(("word", "forms"), [("plan", {"plan", "plans", "planned", "planning"}), ("again", {"again"})])
def test_a_word_means_one_thing_in_the_code(word: str, forms: set[str]) -> None:
    strangers = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).as_posix()
        found = {name for name in names(path) if forms & parts(name)}
        # Rooms above evaluation name its file of plans.
        found -= {"planning"} if own.startswith(("archive/", "evaluation/")) else set()
        if found and not {own, own.split("/")[0]} & MEANINGS[word]:
            strangers[own] = found
    assert not strangers
    assert (
        forms & {part for name in names(PACKAGE / "evaluation" / "planning.py") for part in parts(name)}
        or word != "plan"
    )


# Words that are typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--dry-run"], None),
        (["dry_run=true"], None),
        (["--plan"], "--plan is --dry-run now"),
        (["plan=true"], "plan= is dry_run= now"),
        (["plan=True"], "plan= is dry_run= now"),
        (["+plan=true"], "plan= is dry_run= now"),
        (["++plan=true"], "plan= is dry_run= now"),
        (["-m", "seed=1,2", "plan=true"], "plan= is dry_run= now"),
        (["plan=true,true", "-m"], "plan= is dry_run= now"),
        (["+experiment=mine"], "plan is dry_run now"),
        (["+experiment=mine", "dry_run=false"], "plan is dry_run now"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.slow
def test_whoever_asks_what_a_run_would_send_sends_nothing(project: Project, words: list[str], note: str | None) -> None:
    project.model("alice")
    (project.root / "conf" / "experiment").mkdir()
    (project.root / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nplan: true\n")
    done = project.run("eval", "model=alice", "task=sums", "limit=2", *words)
    assert "Nothing was sent" in done.stdout
    assert not (project.root / "results" / "runs").exists()
    assert (note in done.stderr) if note else not done.stderr


@pytest.mark.parametrize("word", ["--plan=true", "--plans", "--dryrun", "planned=true", "~plan"])
def test_a_word_that_is_nearly_the_old_one_is_refused(project: Project, word: str) -> None:
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=2", word, code=2)
    assert not (project.root / "results" / "runs").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["plan=true", "dry_run=false"],
        ["dry_run=True", "plan=0"],
        ["--dry-run", "++dry_run=false"],
        ["--plan", "plan=no"],
    ],
    ids=" ".join,
)
def test_a_dry_run_that_is_asked_for_and_refused_sends_nothing(project: Project, words: list[str]) -> None:
    project.model("alice")
    done = project.run("eval", "model=alice", "task=sums", "limit=2", *words, code=2)
    assert "asked for and refused" in done.stderr
    assert not (project.root / "results" / "runs").exists()


def test_plan_false_runs_as_it_did(project: Project) -> None:
    project.model("alice")
    done = project.run("eval", "model=alice", "task=sums", "limit=2", "plan=false")
    assert "plan= is dry_run= now" in done.stderr
    (run,) = project.runs()
    assert "plan" not in json.loads((run / "run.json").read_text())["spec"]


def test_a_spec_that_may_send_nothing_is_not_evaluated(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.model("alice")
    monkeypatch.chdir(project.root)
    spec = config.compose(["model=alice", "task=sums", "limit=2", "dry_run=true"])
    with pytest.raises(ConfigError, match="preview"):
        evaluate(spec)
    assert preview(spec)[1][0]["to_send"] == 2


def test_old_commands_and_flags_do_what_they_did_and_name_the_new_ones(project: Project) -> None:
    old, new = (project.run(name, "100", "--difference", "0.05", "-o", "csv") for name in ("plan", "power"))
    assert old.stdout == new.stdout
    assert "harness plan is harness power now" in old.stderr
    assert not new.stderr
    shown = project.run("--help").stdout
    assert re.search(r"^  power ", shown, re.MULTILINE)
    assert not re.search(r"^  plan ", shown, re.MULTILINE)
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=2")
    old, new = (project.run("index", word) for word in ("--again", "--rebuild"))
    assert old.stdout == new.stdout == "results/harness.duckdb: 1 run, 1 new or changed, 0 gone\n"
    assert "--again is --rebuild now" in old.stderr
    assert not new.stderr
    assert "--again" not in project.run("index", "--help").stdout


# Runs of before ----------------------------------------------------------------------------------------------


@pytest.fixture
def before(project: Project) -> Path:
    """The old run in a results folder, with the model and task that it asked."""
    project.model("alice")
    (stored,) = OLD_RUN.iterdir()
    place = project.root / "results" / "runs" / stored.name
    shutil.copytree(stored, place)
    assert "\nplan: false\n" in (place / "spec.yaml").read_text()
    assert json.loads((place / "run.json").read_text())["spec"]["plan"] is False
    return place


def test_a_run_whose_spec_holds_plan_verifies_and_keeps_its_id(project: Project, before: Path) -> None:
    found = json.loads(project.run("verify", before.name, "--format", "json", "--accept", "signature").stdout)
    assert {row["state"] for row in found if row["check"] in ("files", "samples", "scores", "metrics")} == {"ok"}
    # The same words make the same run, which is whole: nothing is asked.
    project.run("eval", "model=alice", "task=sums", "limit=3")
    assert [run.name for run in project.runs()] == [before.name]


def test_a_run_whose_spec_holds_plan_is_reproduced_and_scored_anew(project: Project, before: Path) -> None:
    (verdict,) = json.loads(project.run("reproduce", before.name, "--format", "json").stdout)
    assert verdict["verdict"] == "agrees"
    assert "3 of 3 answers are the same" in verdict["why"]
    project.run("rescore", before.name)
    frames = [pl.read_parquet(run / "samples.parquet") for run in project.runs()]
    assert len(frames) == 3
    assert all(frame["output"].equals(frames[0]["output"]) for frame in frames)


def test_a_stored_spec_loads_without_what_says_where_and_how(before: Path) -> None:
    stored = json.loads((before / "run.json").read_text())["spec"]
    spec = TypeAdapter(EvalSpec).validate_python(EvalSpec.of_identity(stored))
    assert (spec.dry_run, spec.name, spec.seed) == (False, "eval", 1234)
    assert not {"plan", "dry_run", "budget", "results_dir"} & set(EvalSpec.of_identity(stored | {"budget": {}}))
