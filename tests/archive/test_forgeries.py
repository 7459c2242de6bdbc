"""A run that was made up, cut down or dressed up is never called verified, however well everything is hashed again."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, Project
from runfolders import write_content

from harness import runs
from harness.archive import consistency, stored_samples, verification
from harness.core import digest, digest_items, identity
from harness.runs import proof


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished run of one model on a task of the user's own, on one that ships, and on code that ships."""
    project = Project(tmp_path_factory.mktemp("honest"))
    project.model("alice")
    project.run("eval", "model=alice", "task=[sums,word_problems,functions]", "limit=20")
    return project


@pytest.fixture
def run(honest: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder,) = honest.runs()
    shutil.copytree(honest.root / "tasks", tmp_path / "tasks")
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(folder, tmp_path / "results" / "runs" / folder.name))


def found(run: Path, state: str, *, scores: bool = False) -> dict[str, str]:
    """The findings of a state by check: where and what, joined."""
    by_check: dict[str, str] = {}
    for check in verification.verify(run, scores=scores):
        if check.state == state:
            by_check[check.check] = f"{by_check.get(check.check, '')} {check.where} {check.what}"
    return by_check


def manifest(run: Path) -> dict:
    return json.loads((run / runs.MANIFEST).read_text())


def rewrite(run: Path, rows: Iterable[dict]) -> None:
    schema = pl.read_parquet_schema(run / runs.SAMPLES)
    pl.DataFrame(list(rows), schema=schema, orient="row").write_parquet(run / runs.SAMPLES)


def rows(run: Path) -> list[dict]:
    return pl.read_parquet(run / runs.SAMPLES).to_dicts()


def reseal(run: Path, said: dict, *, rename: bool = True) -> Path:
    """What a careful forger does: documents, ids and counts hashed anew, and all of it sealed again."""
    held = rows(run)
    for task in said["tasks"]:
        docs = {row["doc_id"]: json.loads(row["doc"]) for row in held if row["task"] == task["name"]}
        task["docs_hash"] = task["whole_docs_hash"] = digest_items(identity.TASK, [docs[key] for key in sorted(docs)])
        task["n_docs"] = len(docs)
    states = [row["status"] for row in held]
    said["counts"] = {"samples": len(held)} | {key: states.count(key) for key in said["counts"] if key != "samples"}
    said["tokens"] = {key: sum(row[f"{key}_tokens"] or 0 for row in held) for key in said["tokens"]}
    said["spec_hash"] = digest(identity.RUN, said["spec"])
    write_content(run, said)
    name = consistency.run_id(runs.read_manifest(run), stored_samples.samples(run))
    assert name
    if rename and name != run.name:
        rewrite(run, [row | {"run_id": name} for row in held])
        run = run.rename(run.with_name(name))
        write_content(run, said | {"run_id": name})
    return run


def drop(run: Path, dropped: Callable[[dict], bool]) -> None:
    """Remove samples, and their lines from the journal."""
    held = rows(run)
    gone = {id_ for row in held if dropped(row) for id_ in row["request_ids"]}
    rewrite(run, [row for row in held if not dropped(row)])
    lines = [line.content for line in proof.chain(run / runs.JOURNAL)]
    kept = [line for line in lines if json.loads(line)["id"] not in gone]
    (run / runs.JOURNAL).write_bytes(b"".join(line for line, _ in proof.linked("", kept)))


def test_an_honest_run_is_as_recorded_but_nobody_vouches_for_it(run: Path) -> None:
    assert not found(run, "wrong", scores=True)
    assert list(found(run, "not checked", scores=True)) == ["signature"]
    heads = verification.text(verification.verify(run)).splitlines()
    assert heads[0] == f"{run.name}: as recorded; not checked: signature"


def test_right_answers_put_in_and_sealed_again_are_not_verified(honest: Project, tmp_path: Path) -> None:
    forged = Project.__new__(Project)
    forged.root = Path(shutil.copytree(honest.root, tmp_path / "forged"))
    (run,) = forged.runs()
    right = {id_: row["target"] for row in rows(run) for id_ in row["request_ids"]}
    lines = [json.loads(line.content) for line in proof.chain(run / runs.JOURNAL)]
    for line in lines:
        line["reply"]["text"] = right[line["id"]]
    texts = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines]
    (run / runs.JOURNAL).write_bytes(b"".join(line for line, _ in proof.linked("", texts)))
    said = manifest(run) | {"status": "running", "finished_at": None}
    write_content(run, {key: value for key, value in said.items() if key != proof.KEY})
    (run / runs.SAMPLES).unlink()
    forged.run("eval", "model=alice", "task=[sums,word_problems,functions]", "limit=20")
    assert {m["value"] for m in manifest(run)["metrics"] if m["task"] == "word_problems"} == {1.0}
    done = forged.run("verify", run.name, code=12)
    assert f"{run.name}: as recorded; not checked: signature" in done.stdout
    assert "nobody signed it" in done.stdout
    assert "nobody that you know signed a run" in done.stderr
    forged.run("verify", run.name, "--accept", "signature")


def test_ten_documents_dropped_are_missed_by_the_run_id_and_by_the_plan(run: Path) -> None:
    drop(run, lambda row: row["task"] == "word_problems" and row["doc_id"] % 2 == 0)
    said = manifest(run)
    run = reseal(run, said, rename=False)
    wrong = found(run, "wrong")
    assert "what the run holds makes it" in wrong["identity"]
    assert "5 samples were planned, and are not there (documents 0, 2, 4, 6, 8)" in wrong["samples"]
    assert "10 of its 20 documents are not there" in wrong["documents"]


def test_ten_documents_dropped_are_missed_under_another_run_id_too(run: Path) -> None:
    drop(run, lambda row: row["task"] == "word_problems" and row["doc_id"] >= 10)
    run = reseal(run, manifest(run))
    wrong = found(run, "wrong")
    assert list(wrong) == ["documents"]
    assert "10 of its 20 documents are not there (documents 10, 11, 12, 13, 14, …)" in wrong["documents"]


def test_tests_that_were_replaced_are_not_those_of_the_task(run: Path) -> None:
    held = [
        row | {"doc": json.dumps(json.loads(row["doc"]) | {"tests": "pass"})} if row["task"] == "functions" else row
        for row in rows(run)
    ]
    rewrite(run, held)
    run = reseal(run, manifest(run))
    wrong = found(run, "wrong")
    assert list(wrong) == ["documents"]
    assert "20 documents are not those that the task makes" in wrong["documents"]


def test_a_question_that_was_replaced_has_another_request_id(run: Path) -> None:
    held = rows(run)
    for row in held:
        row["messages"] = row["messages"].replace("1", "2")
    rewrite(run, held)
    run = reseal(run, manifest(run))
    assert "its request ids are not those of what it says was asked" in found(run, "wrong")["samples"]


def test_a_metric_of_nothing_is_found(run: Path) -> None:
    said = manifest(run)
    said["metrics"].append(said["metrics"][0] | {"model": "bob", "value": 0.97})
    write_content(run, said)
    assert "there are no samples for it" in found(run, "wrong")["samples"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda said: said["spec"].update(seed=7), "spec_hash"),
        (lambda said: said.update(spec_hash="run1:" + "0" * 32), "spec_hash"),
        (lambda said: said["models"][0].update(args={}), "model alice: args"),
        (lambda said: said.update(name="other"), "name"),
        (lambda said: said["counts"].update(failed=1), "counts.failed"),
        (lambda said: said["tokens"].update(prompt=1), "tokens.prompt"),
        (lambda said: said.update(status="incomplete"), "status"),
        (lambda said: said["tasks"][0].update(scorer="code"), "run_id"),
    ],
)
def test_whatever_the_manifest_says_twice_agrees(run: Path, change: Callable[[dict], None], where: str) -> None:
    said = manifest(run)
    change(said)
    write_content(run, said)
    assert any(where in what for what in found(run, "wrong").values())


def test_an_unknown_task_is_not_verified(honest: Project, run: Path) -> None:
    said = manifest(run)
    said["tasks"][0]["task_hash"] = "0" * 64
    run = reseal(run, said)
    assert not found(run, "wrong", scores=True)
    left = found(run, "not checked", scores=True)
    assert {"scores", "metrics", "documents", "signature"} == left.keys()
    others = len(said["tasks"]) - 1
    assert f" {others} task" in found(run, "ok", scores=True).get("documents", " 0 tasks")
    done = honest.run("verify", run.name, "--results", str(run.parents[1]), "--accept", "signature", code=12)
    assert "1 x documents, 1 x scores, 1 x metrics" in done.stderr


def test_packages_that_are_not_here_leave_scores_unchecked(run: Path) -> None:
    said = manifest(run)
    said["spec"]["sandbox"]["packages"] = "site-packages"
    said["judged"]["packages"] = ["x-1.dist-info"]
    run = reseal(run, said)
    assert "packages" in found(run, "not checked", scores=True)["scores"]


def test_an_imported_score_is_not_verified_and_an_invented_mean_is_found(project: Project) -> None:
    lines = [f"m,p{i},{'yes' if i < 3 else 'no'},{int(i < 3)}" for i in range(4)]
    (project.root / "x.csv").write_text("\n".join(["model,prompt_id,output,score", *lines]) + "\n")
    project.run("import", "csv", "x.csv")
    (run,) = project.runs()
    done = project.run("verify", run.name, code=12)
    assert "not checked: scores, signature" in done.stdout
    said = manifest(run)
    said["metrics"][0]["value"] = 0.97
    write_content(run, said)
    assert "value is stored as 0.97, and comes out as 0.75" in project.run("verify", run.name, code=11).stdout


def test_documents_of_a_public_benchmark_are_told_from_others(project: Project, shared_data: Path) -> None:
    published = shared_data / "code" / "HumanEval.jsonl.gz"
    project.model("alice")
    project.run("eval", "model=alice", "task=humaneval", "limit=4", f"task.data={published}")
    (run,) = project.runs()
    assert not found(run, "wrong")
    assert "documents" not in found(run, "not checked")
    rewrite(run, [row | {"doc": json.dumps(json.loads(row["doc"]) | {"tests": "pass"})} for row in rows(run)])
    run = reseal(run, manifest(run))
    assert "4 documents are not those published as humaneval 1.0" in found(run, "wrong")["documents"]
    said = manifest(run)
    said["tasks"][0]["data_sha256"] = "0" * 64
    write_content(run, said)
    assert not found(run, "wrong")
    assert "the run read other data" in found(run, "not checked")["documents"]


@pytest.mark.parametrize("stored", ["old_run/runs/eval-1c3997455a75", "run_with_plan/eval-680881ff9951"])
def test_runs_of_earlier_versions_have_the_ids_that_come_out_again(stored: str) -> None:
    run = ROOT / "tests" / "golden" / stored
    said, frame = runs.read_manifest(run), stored_samples.samples(run)
    assert consistency.run_id(said, frame) == run.name
    assert not [*consistency.spec_problems(said, runs.read_content(run)), *consistency.sample_problems(said, frame)]
    requests = consistency.Requests(said)
    assert not [problem for row in frame.iter_rows(named=True) for problem in requests.problems(row)]
