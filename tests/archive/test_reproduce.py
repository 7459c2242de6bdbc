"""A run is run again from its manifest, and compared; two runs are told apart, part by part."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import Project

from harness.archive.differences import SECTIONS, matches, table
from harness.archive.reproduction import differences_now, judge
from harness.core import Checkout, Machine
from harness.core.environment import packages
from harness.runs import Manifest

OTHER = """\
# @package models.{name}
name: {name}
backend: fake
args: {{answer: {answer}, output: "{output}", outputs: {outputs}}}
"""


def rows(project: Project, *words: str, code: int = 0) -> list[dict]:
    return json.loads(project.run(*words, "--format", "json", code=code).stdout)


def model(project: Project, answer: str, output: str = "", outputs: list[str] | None = None) -> None:
    text = OTHER.format(name="mute", answer=answer, output=output, outputs=json.dumps(outputs or []))
    (project.root / "conf" / "model" / "mute.yaml").write_text(text)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("done"))
    project.model("alice")
    project.run("eval", "model=alice", "task=[sums,sums_choice]", "limit=6", "repeats=2", "seed=5")
    return project


@pytest.mark.slow
def test_a_greedy_run_of_a_deterministic_backend_comes_out_again_answer_by_answer(done: Project) -> None:
    found = rows(done, "reproduce", "eval-")
    assert [(row["task"], row["verdict"]) for row in found] == [("sums", "agrees"), ("sums_choice", "agrees")]
    assert all(row["why"].startswith("12 of 12 answers are the same (greedy") for row in found)
    new = next(run for run in done.runs() if run.name.startswith("reproduced-"))
    manifest = json.loads((new / "run.json").read_text())
    assert manifest["counts"]["samples"] == 24
    assert manifest["proof"]["root"].startswith("root2:")
    old = next(run for run in done.runs() if run.name.startswith("eval-"))
    lines = [(folder / "journal.jsonl").read_text().splitlines() for folder in (old, new)]
    assert len(lines[0]) == len(lines[1]), "the new run has asked for every answer itself"
    assert "eval-" not in (new / "journal.jsonl").read_text()
    assert [row for row in rows(done, "diff", old.name, new.name) if not row["what"].startswith("git ")] == []


def test_a_journal_reproduces_its_run_offline(done: Project) -> None:
    found = rows(done, "reproduce", "eval-", "--offline", "--name", "cassette")
    assert [row["verdict"] for row in found] == ["agrees", "agrees"]
    new = next(run for run in done.runs() if run.name.startswith("cassette-"))
    frame = pl.read_parquet(new / "samples.parquet")
    assert frame.get_column("reused_from").null_count() == 0


def test_an_answer_that_does_not_come_out_again_is_named_by_its_document(done: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    shutil.copytree(done.root / "results", other.root / "results")
    run = next(run for run in other.runs() if run.name.startswith("eval-"))
    frame = pl.read_parquet(run / "samples.parquet")
    edit = (pl.col("doc_id") == 3) & (pl.col("repeat") == 1) & (pl.col("task") == "sums")
    frame.with_columns(output=pl.when(edit).then(pl.lit("4")).otherwise("output")).write_parquet(
        run / "samples.parquet"
    )
    found = {row["task"]: row for row in rows(other, "reproduce", run.name, "--name", "third", code=11)}
    assert found["sums"]["verdict"] == "differs"
    assert found["sums"]["why"].startswith("11 of 12 answers are the same")
    assert found["sums"]["why"].endswith("others at documents 3")
    assert found["sums_choice"]["verdict"] == "agrees"


@pytest.mark.slow
def test_another_score_of_the_same_answer_is_no_agreement(done: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    shutil.copytree(done.root / "results", other.root / "results")
    run = next(run for run in other.runs() if run.name.startswith("eval-"))
    frame = pl.read_parquet(run / "samples.parquet")
    rows_ = frame.to_dicts()
    for row in rows_:
        if (row["task"], row["doc_id"], row["repeat"]) == ("sums", 2, 0):
            row["scores"][0]["value"] = 1 - row["scores"][0]["value"]
    pl.DataFrame(rows_, schema=frame.schema).write_parquet(run / "samples.parquet")
    found = {row["task"]: row for row in rows(other, "reproduce", run.name, "--offline", "--name", "judged", code=11)}
    assert found["sums"]["verdict"] == "differs"
    assert found["sums"]["why"].startswith(
        "12 of 12 answers are the same, but scored otherwise at documents 2 (from its own journal"
    )
    assert found["sums_choice"]["verdict"] == "agrees"
    told = [row for row in rows(other, "diff", run.name, "judged-") if row["section"] == "scores"]
    assert told[0]["note"] == "the same answer, other scores: document 2"


def test_a_file_of_completions_is_scored_again_without_the_file(project: Project) -> None:
    file = project.root / "s.jsonl"
    file.write_text("".join(json.dumps({"task_id": i, "completion": str(i + 1)}) + "\n" for i in range(5)))
    project.run("score", "task=sums", f"samples={file}", "limit=5", "name=scored")
    file.unlink()
    again = project.run("reproduce", "scored", "--format", "json")
    (verdict,) = json.loads(again.stdout)
    assert verdict["verdict"] == "agrees"
    assert verdict["why"] == "5 of 5 answers are the same (from its own journal)"
    assert "no model was asked: the answers came from a file of completions" in again.stderr


def test_a_data_file_is_asked_for_in_the_commands_own_words(project: Project) -> None:
    (project.root / "more.jsonl").write_text('{"question": "Q", "answer": "#### 1"}\n' * 3)
    project.model("alice")
    project.run("eval", "model=alice", "task=gsm8k", "task.data=more.jsonl", "limit=2")
    failed = project.run("reproduce", "eval-", code=2)
    assert "--data gsm8k=PATH" in failed.stderr
    project.run("reproduce", "eval-", "--data", "gsm8k=more.jsonl")


def test_other_task_files_are_refused_with_both_hashes(done: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    shutil.copytree(done.root / "results", other.root / "results")
    (other.root / "tasks" / "sums.py").write_text(
        (other.root / "tasks" / "sums.py").read_text().replace("range(30)", "range(1, 31)")
    )
    run = next(run for run in other.runs() if run.name.startswith("eval-"))
    failed = other.run("reproduce", run.name, code=11)
    for word in ("task sums: task_hash", "task sums: docs_hash", "task sums_choice: task_hash", "here task1:"):
        assert word in failed.stderr


def test_a_run_that_has_not_ended_or_was_imported_is_not_reproduced(project: Project) -> None:
    (project.root / "a.jsonl").write_text('{"prompt_id": "1", "output": "x"}\n')
    project.run("import", "jsonl", "a.jsonl", "--name", "them")
    assert "was imported" in project.run("reproduce", "them", code=2).stderr
    (run,) = project.runs()
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(manifest | {"imported": False, "status": "running"}))
    assert "has not ended" in project.run("reproduce", "them", code=2).stderr


@pytest.mark.slow
def test_sampled_scores_are_compared_by_a_named_test_with_n_and_an_interval(project: Project) -> None:
    right = [str(i + 1) for i in range(30)]
    model(project, "scripted", outputs=right)
    project.run("eval", "model=mute", "task=sums", "name=first")
    model(project, "scripted", outputs=[*right[:15], *["0"] * 15])
    project.run("eval", "model=mute", "task=sums", "name=second")
    model(project, "scripted", outputs=[*right[:28], "0", "0"])
    project.run("eval", "model=mute", "task=sums", "name=third")
    runs = {run.name.split("-", 1)[0]: run for run in project.runs()}
    (far,) = judge(runs["first"], runs["second"])
    assert not far.agrees
    assert not far.exact
    assert far.adjusted == pytest.approx(2 * 0.5**15)
    assert far.sentence().startswith("the scores differ: exact_match -0.500 [")
    assert "n=30, p=6.1e-05 after Holm (exact McNemar; null: both runs are as likely" in far.sentence()
    (near,) = judge(runs["first"], runs["third"])
    assert near.agrees
    assert near.adjusted == 0.5
    assert near.sentence().startswith("no difference shown: exact_match -0.067 [")
    assert "28 of 30 answers are the same" in near.sentence()


def test_samples_without_a_partner_are_never_agreement(project: Project) -> None:
    model(project, "constant", "1")
    project.run("eval", "model=mute", "task=sums", "limit=5", "name=short")
    project.run("eval", "model=mute", "task=sums", "limit=9", "name=long")
    runs = {run.name.split("-", 1)[0]: run for run in project.runs()}
    (verdict,) = judge(runs["short"], runs["long"])
    assert verdict.match.same == verdict.match.n == 5
    assert not verdict.agrees
    assert "4 of the new run have none in the old" in verdict.sentence()


@pytest.mark.slow
def test_a_difference_in_every_section_is_named(project: Project) -> None:
    model(project, "constant", "1")
    project.run("eval", "model=mute", "task=sums", "limit=8", "name=one")
    model(project, "constant", "2")
    (project.root / "tasks" / "sums.py").write_text((project.root / "tasks" / "sums.py").read_text() + "\n# changed\n")
    project.run("eval", "model=mute", "task=sums", "limit=7", "seed=9", "name=two")
    one, two = sorted(project.runs())
    manifest = json.loads((two / "run.json").read_text())
    manifest["packages"]["polars"] = "0.0"
    (two / "run.json").write_text(json.dumps(manifest))
    found = {(row["section"], row["what"]): row for row in table(one, two).iter_rows(named=True)}
    assert {section for section, _ in found} == set(SECTIONS)
    assert (found["config", "seed"]["a"], found["config", "seed"]["b"]) == ("1234", "9")
    assert found["config", "models.mute.args.output"]["b"] == "2"
    assert ("code", "task sums: task_hash") in found
    assert ("data", "task sums: docs_hash") in found
    assert found["environment", "package polars"]["b"] == "0.0"
    assert found["answers", "mute, sums"]["note"] == "0 of 7 the same; first at document 0"
    assert found["answers", "mute, sums"]["a"] == "1 of its own"
    scores = found["scores", "mute, sums: exact_match"]
    assert scores["note"].startswith("+0.000 [")
    for form in ("table", "csv", "markdown", "json"):
        assert "sums" in project.run("diff", "one", "two", "--format", form).stdout
    assert len(matches(one, two)) == 1


def test_what_is_different_here_is_warned_about() -> None:
    said = Manifest(
        schema=1,
        run_id="eval-1",
        name="eval",
        status="complete",
        harness_version="0.0.0",
        started_at="2026-01-02T03:00:00Z",
        spec={},
        spec_hash="run1:0",
        models=(),
        tasks=(),
        git=Checkout(commit="0" * 40, dirty=True),
        packages=packages() | {"polars": "0.0"},
        platform=Machine(system="Plan 9", python="3.11"),
    )
    text = "; ".join(differences_now(said))
    for word in ("harness was 0.0.0", "commit 000", "had uncommitted", "polars 0.0 (here 2.", "system Plan 9"):
        assert word in text
