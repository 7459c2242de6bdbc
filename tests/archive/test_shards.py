"""Shards make the run that they are parts of; published runs come together, whoever publishes or fetches, or how often."""

import json
import shutil
from pathlib import Path

import fsspec
import polars as pl
import pytest
from conftest import Project
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from runfolders import write_content

from harness.archive import copies
from harness.archive.verification import verify
from harness.errors import ConfigError, StorageError
from harness.evaluation.planning import shard_of
from harness.runs.samples import TIMES

WORDS = (
    "eval",
    "model=[alice,bob]",
    "task=[sums,sums_choice]",
    "limit=11",
    "repeats=2",
    "task.num_fewshot=2",
    "seed=3",
)


def manifest(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("sharded"))
    project.model("alice")
    project.model("bob", "echo")
    for shard in ("2/3", "1/3"):
        project.run(*WORDS, f"shard={shard}")
    return project


@pytest.mark.slow
def test_shards_together_are_the_whole_run_byte_for_byte_but_for_times(sharded: Project, tmp_path: Path) -> None:
    assert len(sharded.runs()) == 2
    said = sharded.run("index").stderr
    assert "shard 3 of 3 has not ended or is not here; what is here is no whole run" in said
    sharded.run(*WORDS, "shard=3/3")
    whole = Project(tmp_path / "whole")
    whole.model("alice")
    whole.model("bob", "echo")
    whole.run(*WORDS)
    (expected,) = whole.runs()
    united = sharded.root / "results" / "runs" / expected.name
    one, other = (pl.read_parquet(run / "samples.parquet") for run in (united, expected))
    assert one.drop(TIMES).equals(other.drop(TIMES))
    found, wanted = manifest(united), manifest(expected)
    for key in ("spec", "spec_hash", "tasks", "metrics", "counts", "tokens", "status", "run_id"):
        assert found[key] == wanted[key], key
    assert [part["run_id"][-4:] for part in found["shards"]] == ["1of3", "2of3", "3of3"]
    lines = [(run / "journal.jsonl").read_text().count("\n") for run in (united, expected)]
    assert lines[0] == lines[1]


@pytest.mark.slow
def test_a_united_run_verifies_speaks_for_the_model_and_is_asked_for_nothing(sharded: Project) -> None:
    if len(sharded.runs()) < 4:
        sharded.run(*WORDS, "shard=3/3")
    (united,) = [run for run in sharded.runs() if "of3" not in run.name]
    before = (united / "run.json").read_bytes()
    found = json.loads(sharded.run("verify", united.name, "--format", "json", "--accept", "signature").stdout)
    assert [f["check"] for f in found if f["state"] != "ok"] == ["signature"]
    chosen = json.loads(sharded.run("sql", "SELECT DISTINCT run_id FROM chosen", "--format", "json").stdout)
    assert chosen == [{"run_id": united.name}]
    assert "nothing to send" in sharded.run(*WORDS).stderr
    sharded.run("index")
    assert (united / "run.json").read_bytes() == before


@pytest.mark.parametrize("word", ["0/3", "4/3", "1", "a/b", "-1/3", "1/0", "1/3/2", "١/٣x"])
def test_a_shard_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="expected I/N"):
        shard_of(word)


def test_more_shards_than_documents_are_refused(project: Project) -> None:
    project.model("alice")
    failed = project.run("eval", "model=alice", "task=sums", "limit=2", "shard=3/3", code=2)
    assert "sums has only 2 documents" in failed.stderr


def test_a_remote_results_folder_is_refused_with_the_word_that_does_it(project: Project) -> None:
    project.model("alice")
    failed = project.run("eval", "model=alice", "task=sums", "results_dir=s3://bucket/x", code=2)
    assert "publish=s3://bucket/x" in failed.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("run"))
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=3", "publish=shared")
    (found,) = project.runs()
    return found


def test_a_published_run_is_fetched_once_and_verifies(run: Path, tmp_path: Path) -> None:
    shared = str(run.parents[2] / "shared")
    copies.publish(run, shared)
    assert copies.fetch(shared, tmp_path) == [run.name]
    assert copies.fetch(shared, tmp_path) == []
    fetched = tmp_path / "runs" / run.name
    assert {f.state for f in verify(fetched, scores=False)} == {"ok", "not checked"}
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [run.name]


def test_an_object_store_will_do(run: Path, tmp_path: Path) -> None:
    copies.publish(run, "memory://bucket/some/place")
    copies.publish(run, "memory://bucket/some/place")
    assert copies.fetch("memory://bucket/some/place", tmp_path) == [run.name]


class Store(DirFileSystem):  # type: ignore[misc] # fsspec has no types
    """A store of buckets: a folder, whose subfolders are the buckets."""

    protocol = "store"
    cachable = False
    root = ""

    def __init__(self, **_: object) -> None:
        super().__init__(path=self.root, fs=LocalFileSystem())

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("store://").strip("/")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "store" / "evals").mkdir(parents=True)
    monkeypatch.setattr(Store, "root", str(tmp_path / "store"))
    fsspec.register_implementation("store", Store, clobber=True)
    return tmp_path / "store"


def test_no_bucket_is_made_for_a_run(run: Path, store: Path, tmp_path: Path) -> None:
    copies.publish(run, "store://evals/here")
    assert copies.fetch("store://evals/here", tmp_path) == [run.name]
    with pytest.raises(StorageError, match="there is no 'elavs'"):
        copies.publish(run, "store://elavs/here")
    with pytest.raises(StorageError, match="there is no 'elavs'"):
        copies.fetch("store://elavs", tmp_path)
    assert [p.name for p in store.iterdir()] == ["evals"]


@pytest.mark.parametrize("method", ["exists", "ls", "glob"])
def test_errors_of_a_stores_own_kind_are_said_in_a_sentence(
    run: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    class NoCredentialsError(Exception):
        pass

    def fail(*_: object, **__: object) -> None:
        raise NoCredentialsError("unable to locate credentials")

    copies.publish(run, "store://evals/here")
    monkeypatch.setattr(Store, method, fail)
    if method == "ls":
        monkeypatch.setattr(Store, "exists", lambda *_, **__: False)  # as s3fs says where it cannot ask
    with pytest.raises(StorageError, match="NoCredentialsError: unable to locate credentials"):
        copies.fetch("store://evals/here", tmp_path)
    assert list(store.glob("evals/here/runs/*/*/run.json"))


def test_a_place_without_runs_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert copies.fetch(str(tmp_path / "shared"), tmp_path) == []
    assert "no runs are published there" in capsys.readouterr().err


def test_a_place_that_cannot_be_reached_stops_an_evaluation_before_it_asks_anything(project: Project) -> None:
    project.model("alice")
    failed = project.run("eval", "model=alice", "task=sums", "limit=1", "publish=nosuch://x", code=2)
    assert "nosuch" in failed.stderr
    assert project.runs() == []


def test_of_two_machines_that_ran_the_same_everybody_fetches_the_same_one(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other" / "runs" / run.name))
    write_content(other, manifest(other) | {"finished_at": "2020-01-01T00:00:00.000Z"})
    partial = Path(shutil.copytree(run, tmp_path / "partial" / "runs" / run.name))
    write_content(partial, manifest(partial) | {"status": "incomplete", "finished_at": "2019-01-01T00:00:00.000Z"})
    for number, order in enumerate(((partial, run, other), (other, run, partial))):
        shared = tmp_path / f"shared{number}"
        for folder in order:
            copies.publish(folder, str(shared))
        assert copies.fetch(str(shared), tmp_path / f"here{number}") == [run.name]
        assert manifest(tmp_path / f"here{number}" / "runs" / run.name) == manifest(other)


def test_a_better_one_replaces_an_incomplete_one_and_never_the_other_way_round(run: Path, tmp_path: Path) -> None:
    here = Path(shutil.copytree(run, tmp_path / "runs" / run.name))
    write_content(here, manifest(here) | {"status": "incomplete"})
    copies.publish(here, str(tmp_path / "worse"))
    copies.publish(run, str(tmp_path / "better"))
    assert copies.fetch(str(tmp_path / "better"), tmp_path) == [run.name]
    assert copies.fetch(str(tmp_path / "worse"), tmp_path) == []
    assert manifest(here)["status"] == "complete"


@pytest.mark.parametrize("name", ["samples.parquet", "journal.jsonl", "run.json"])
def test_a_damaged_copy_is_left_out_and_named(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copies.publish(run, str(tmp_path / "shared"))
    (path,) = (tmp_path / "shared").glob(f"runs/*/*/{name}")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"n": 3', b'"n": 4') if name == "run.json" else data[:-9] + b"x" + data[-8:])
    assert copies.fetch(str(tmp_path / "shared"), tmp_path / "here") == []
    assert "left out" in capsys.readouterr().err
    assert not list((tmp_path / "here" / "runs").iterdir())


def test_half_a_copy_is_no_run(run: Path, tmp_path: Path) -> None:
    copies.publish(run, str(tmp_path / "shared"))
    (path,) = (tmp_path / "shared").glob("runs/*/*/run.json")
    path.unlink()
    assert copies.fetch(str(tmp_path / "shared"), tmp_path / "here") == []


def test_places_that_cannot_be_reached_are_said_so(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be copied there"):
        copies.publish(run, str(tmp_path / "file" / "x"))
    with pytest.raises(ConfigError, match="nosuch"):
        copies.fetch("nosuch://x", tmp_path)
