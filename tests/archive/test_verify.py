"""A changed byte anywhere in a run is found and named; an honest run is not accused."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from conftest import Project
from runfolders import write_content

from harness import runs
from harness.archive import verification
from harness.archive.stored_samples import Tasks
from harness.engine.taskfiles import find
from harness.results import store
from harness.results.derivation import differences
from harness.runs import proof

TASKS = "task=[sums,sums_choice,word_problems,provenance_open,provenance_identity]"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder with one finished run of two models, one of them right now and then."""
    project = Project(tmp_path_factory.mktemp("honest"))
    project.model("alice")
    project.model("bob", "echo")
    project.run("eval", "model=[alice,bob]", TASKS, "limit=5", "repeats=2")
    return project


@pytest.fixture(scope="module")
def tasks(honest: Project) -> Tasks:
    from harness.core import resources

    dirs = [*resources.task_dirs()[:1], honest.root / "tasks"]
    return Tasks(find(dirs), dirs)


@pytest.fixture
def run(honest: Project, tmp_path: Path) -> Path:
    (folder,) = honest.runs()
    return Path(shutil.copytree(folder, tmp_path / "results" / "runs" / folder.name))


def wrong(run: Path, tasks: Tasks, *, scores: bool = False) -> list[verification.Check]:
    return [f for f in verification.verify(run, scores=scores, tasks=tasks) if f.state == "wrong"]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def reseal(run: Path) -> None:
    """What a careful forger does: hash everything again."""
    manifest = json.loads((run / runs.MANIFEST).read_text())
    write_content(run, manifest)


@pytest.mark.slow
def test_an_honest_run_verifies_whole(honest: Project, run: Path, tasks: Tasks) -> None:
    found = verification.verify(run, tasks=tasks)
    checks = ("manifest", "root", "files", "journal", "identity", "samples", "documents", "scores", "metrics")
    assert [(f.check, f.state) for f in found[:-1]] == [(check, "ok") for check in checks]
    assert (found[-1].check, found[-1].state) == ("signature", "not checked")
    assert {f.check for f in found} == set(verification.CHECKS)
    done = honest.run("verify", "--accept", "signature")
    assert "What this cannot show" in done.stdout
    assert "as the run folders give it" in done.stdout


@pytest.mark.parametrize("share", [0.0, 0.07, 0.21, 0.43, 0.66, 0.9, 0.97, 1.0])
def test_one_bit_anywhere_in_the_manifest_is_found(run: Path, tasks: Tasks, share: float) -> None:
    path = run / runs.MANIFEST
    flip(path, int(share * (path.stat().st_size - 1)))
    assert wrong(run, tasks)[0].where.startswith(runs.MANIFEST)


def test_a_hundred_random_bits_of_the_manifest_are_all_found(run: Path, tasks: Tasks) -> None:
    path = run / runs.MANIFEST
    original = path.read_bytes()
    draw = random.Random(20_261_122)
    for _ in range(100):
        data = bytearray(original)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        try:
            said, stands = runs.read_manifest(run), runs.read_content(run)
        except Exception:  # noqa: BLE001 - not JSON any more: found
            continue
        assert verification._manifest(run, said, stands) + verification._root(stands, stands.get("proof") or {})
    assert tasks


def test_the_part_of_the_manifest_that_was_changed_is_named(run: Path, tasks: Tasks) -> None:
    path = run / runs.MANIFEST
    manifest = json.loads(path.read_text())
    manifest["metrics"][0]["value"] = 0.999
    path.write_bytes(runs.manifest_bytes(manifest))
    assert [f.where for f in wrong(run, tasks)] == ["run.json: metrics"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["spec.yaml", "samples.parquet"])
def test_one_bit_of_a_file_is_found_and_the_file_named(run: Path, tasks: Tasks, name: str, share: float) -> None:
    path = run / name
    flip(path, int(share * (path.stat().st_size - 1)))
    assert name in [f.where for f in wrong(run, tasks) if f.check == "files"]


@pytest.mark.parametrize("number", [1, 57, -1])
def test_one_bit_of_a_journal_line_is_found_and_the_line_named(run: Path, tasks: Tasks, number: int) -> None:
    path = run / runs.JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    at = number - 1 if number > 0 else len(lines) - 1
    assert b'"started_at":"2' in lines[at]
    lines[at] = lines[at].replace(b'"started_at":"2', b'"started_at":"3')
    path.write_bytes(b"".join(lines))
    named = [f.where for f in wrong(run, tasks) if f.check == "journal"]
    assert len(named) == 1
    assert named[0].startswith(f"journal.jsonl line {at + 1} (")


def test_a_changed_link_is_found_and_its_line_named(run: Path, tasks: Tasks) -> None:
    path = run / runs.JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:-20] + (b"0" if lines[4][-20:-19] != b"0" else b"1") + lines[4][-19:]
    path.write_bytes(b"".join(lines))
    (named,) = [f.where for f in wrong(run, tasks) if f.check == "journal"]
    assert named.startswith("journal.jsonl line 5 (")


def _remove(lines: list[bytes]) -> list[bytes]:
    return lines[:9] + lines[10:]


def _remove_last(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def _swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:9], lines[10], lines[9], *lines[11:]]


def _tear(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1][:-30]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_remove, ["line 10 (", "lines were recorded"]),
        (_remove_last, ["lines were recorded"]),
        (_swap, ["line 10 (", "line 11 (", "line 12 ("]),
        (_tear, ["is cut short", "lines were recorded"]),
    ],
)
def test_removed_swapped_and_torn_journal_lines_are_found(
    run: Path, tasks: Tasks, change: Callable[[list[bytes]], list[bytes]], said: list[str]
) -> None:
    path = run / runs.JOURNAL
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    found = [f for f in wrong(run, tasks) if f.check == "journal"]
    assert len(found) == len(said)
    assert all(word in f"{f.where} {f.what}" for f, word in zip(found, said, strict=True))


def _rewrite(run: Path, change: Callable[[dict], dict | None]) -> None:
    frame = pl.read_parquet(run / "samples.parquet")
    rows = [new for row in frame.iter_rows(named=True) if (new := change(row)) is not None]
    pl.DataFrame(rows, schema=frame.schema, orient="row").write_parquet(run / "samples.parquet")


def _third(row: dict) -> bool:
    return (row["model"], row["task"], row["doc_id"], row["repeat"]) == ("bob", "word_problems", 2, 1)


def test_an_edited_score_is_named_even_by_a_forger_who_hashes_everything_again(run: Path, tasks: Tasks) -> None:
    def change(row: dict) -> dict:
        if _third(row):
            row["scores"][0]["value"] = 1.0 - row["scores"][0]["value"]
        return row

    _rewrite(run, change)
    assert "samples.parquet" in [f.where for f in wrong(run, tasks)]
    reseal(run)
    found = wrong(run, tasks, scores=True)
    assert [f.where for f in found if f.check == "scores"] == [
        "sample bob, word_problems, document 2, repeat 1: accuracy none math"
    ]
    assert any(f.check == "metrics" and "bob word_problems accuracy" in f.where for f in found)


def test_an_edited_answer_is_named_with_its_column(run: Path, tasks: Tasks) -> None:
    def change(row: dict) -> dict:
        return row | {"output": "The answer is 4."} if _third(row) else row

    _rewrite(run, change)
    reseal(run)
    (found,) = wrong(run, tasks)
    assert found.where == "sample bob, word_problems, document 2, repeat 1"
    assert found.what.startswith('output is "The answer is 4.", the journal says')


def test_a_removed_sample_is_named(run: Path, tasks: Tasks) -> None:
    _rewrite(run, lambda row: None if _third(row) else row)
    reseal(run)
    found = wrong(run, tasks)
    assert "sample bob, word_problems, document 2, repeat 1" in [f.where for f in found]
    assert any("samples were recorded" in f.what for f in found)


def test_an_edited_metric_is_named_even_under_a_new_root(run: Path, tasks: Tasks) -> None:
    manifest = json.loads((run / runs.MANIFEST).read_text())
    metric = next(m for m in manifest["metrics"] if m["task"] == "sums_choice" and m["metric"] == "acc")
    metric["value"] += 0.1
    write_content(run, manifest)
    (found,) = wrong(run, tasks, scores=True)
    assert (found.check, found.where) == ("metrics", "metric alice sums_choice acc none lm_eval")
    assert found.what.startswith("value is stored as")


def test_an_edited_document_is_named(run: Path, tasks: Tasks) -> None:
    def change(row: dict) -> dict:
        return row | {"doc": row["doc"].replace("1", "2")} if row["task"] == "sums" else row

    _rewrite(run, change)
    reseal(run)
    assert "documents of sums" in [f.where for f in wrong(run, tasks)]


def test_a_file_that_was_added_or_is_gone_is_named(run: Path, tasks: Tasks) -> None:
    (run / "notes.txt").write_text("x")
    (run / "spec.yaml").unlink()
    assert [(f.where, f.what) for f in wrong(run, tasks)] == [
        ("notes.txt", "was added"),
        ("spec.yaml", "is missing"),
    ]


def test_a_run_without_a_root_is_told_and_not_accused(run: Path, tasks: Tasks) -> None:
    manifest = json.loads((run / runs.MANIFEST).read_text())
    del manifest["proof"]
    (run / runs.MANIFEST).write_text(json.dumps(manifest))
    path = run / runs.JOURNAL
    path.write_bytes(b"".join(line.content for line in proof.chain(path)))
    found = verification.verify(run, tasks=tasks)
    assert not [f for f in found if f.state == "wrong"]
    (root,) = [f for f in found if f.check == "root"]
    assert (root.state, root.what.partition(":")[0]) == ("not checked", "no root recorded")
    assert "from before there were links" in next(f.where for f in found if f.check == "journal")


def test_an_interrupted_run_is_checked_as_far_as_it_goes_and_resumes_its_chain(project: Project) -> None:
    project.model("slow", latency=0.05)
    words = ("eval", "model=slow", "task=sums", "repeats=2")
    process = project.start(*words)
    journal = None
    while journal is None or journal.stat().st_size < 4000:
        journal = next(iter(project.root.glob("results/runs/*/journal.jsonl")), None)
    process.kill()
    process.communicate()
    (run,) = project.runs()
    with journal.open("ab") as file:
        file.write(b'{"id":"torn')
    found = project.run("verify", run.name, "--format", "csv", code=12).stdout
    assert "no root recorded" in found
    assert "wrong" not in found
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0].replace(b"latency_s", b"latency_x"), *lines[1:]]))
    assert "journal.jsonl line 1" in project.run("verify", run.name, "--format", "csv", code=11).stdout
    journal.write_bytes(b"".join(lines))
    project.run(*words)
    done = json.loads(project.run("verify", run.name, "--format", "json", "--accept", "signature").stdout)
    assert [row["check"] for row in done if row["state"] != "ok"] == ["signature"]
    assert any(row["where"] == "60 lines" for row in done)


def test_the_exit_code_and_the_table_say_what_is_wrong(honest: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    shutil.copytree(honest.root / "results", other.root / "results")
    (run,) = other.runs()
    flip(run / "spec.yaml", 10)
    done = other.run("verify", "all", "--no-scores", code=11)
    assert "spec.yaml" in done.stdout
    assert "what is stored is not what was recorded" in done.stderr


def test_what_was_not_checked_is_not_called_verified() -> None:
    states = {"a": ("ok", "ok"), "b": ("ok", "not checked"), "c": ("wrong", "not checked")}
    found = [verification.Check(run, ("files", "scores")[i], s[i], "") for run, s in states.items() for i in range(2)]  # type: ignore[arg-type]
    heads = [line for line in verification.text(found).splitlines() if line[:2] in ("a:", "b:", "c:")]
    assert heads == ["a: verified", "b: as recorded; not checked: scores", "c: NOT as recorded"]


def test_a_value_edited_in_the_index_is_found(honest: Project, tmp_path: Path) -> None:
    results = Path(shutil.copytree(honest.root / "results", tmp_path / "results", symlinks=True))
    assert differences(results) == []
    with duckdb.connect(store.index_path(results)) as connection:
        connection.execute("UPDATE metrics SET value = 1 WHERE model = 'alice' AND is_headline")
    assert any(": metrics: " in problem for problem in differences(results))


def test_a_bit_of_the_index_is_found(honest: Project, tmp_path: Path) -> None:
    results = Path(shutil.copytree(honest.root / "results", tmp_path / "results", symlinks=True))
    path = store.index_path(results)
    original = path.read_bytes()
    with duckdb.connect(path, read_only=True) as index:
        query = "SELECT min(block_id), max(block_id) FROM pragma_storage_info('samples') WHERE persistent"
        used = index.execute(query).fetchone() or ()
    blocks = 3 * 4096  # Three headers, then blocks with a checksum each.
    for at in (16, *(blocks + 262_144 * block + 999 for block in used)):
        data = bytearray(original)
        data[at] ^= 1
        path.write_bytes(data)
        assert differences(results), at


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [{}]])
@pytest.mark.parametrize("key", ["status", "tasks", "metrics", "counts", "spec", "proof", "packages"])
def test_a_manifest_that_makes_no_sense_is_a_finding_and_no_crash(
    run: Path, tasks: Tasks, key: str, value: object
) -> None:
    manifest = json.loads((run / runs.MANIFEST).read_text())
    (run / runs.MANIFEST).write_text(json.dumps(manifest | {key: value}))
    assert wrong(run, tasks, scores=key == "spec")
