"""The main job as a user does it: real processes, real kills, nothing lost and nothing asked twice."""

import json
import random
import signal
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from conftest import Project

from harness.runs.samples import TIMES

KILLS = 20


def _journal(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def _manifest(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


def test_a_run_leaves_its_folder_its_index_and_a_leaderboard(project: Project) -> None:
    project.model("alice")
    done = project.run("eval", "model=alice", "task=[sums,sums_choice,provenance_open,provenance_identity]", "limit=12")
    (run,) = project.runs()
    assert {path.name for path in run.iterdir()} >= {"run.json", "spec.yaml", "journal.jsonl", "samples.parquet"}
    manifest = _manifest(run)
    assert manifest["status"] == "complete"
    assert manifest["counts"]["samples"] == 48
    metrics = {(m["task"], m["metric"]): m for m in manifest["metrics"]}
    assert metrics["sums", "exact_match"]["n"] == 12
    assert metrics["sums_choice", "acc"]["is_headline"]
    assert metrics["sums_choice", "f1"]["value"] is not None
    assert "alice" in done.stdout
    assert "harness leaderboard --out LEADERBOARD.md" in done.stdout
    found = project.run("sql", "SELECT count(*) AS n FROM samples", "--format", "csv")
    assert found.stdout.split() == ["n", "48"]


@pytest.mark.slow
def test_killed_at_random_moments_only_what_is_missing_is_asked_again(project: Project, tmp_path: Path) -> None:
    words = ("eval", "model=[slow]", "task=[sums,sums_choice]", "repeats=2")
    project.model("slow", latency=0.02)
    calm = Project(tmp_path / "calm")
    calm.model("slow", latency=0.02)
    started = time.monotonic()
    calm.run(*words)
    whole = time.monotonic() - started
    draw = random.Random(20_260_101)
    kills = 0
    while kills < KILLS:
        process = project.start(*words)
        try:
            # Later moments are drawn more often: at first a run has nothing to lose.
            process.wait(timeout=whole * draw.random() ** 0.5)
        except Exception:  # noqa: BLE001 - it is still running: that is the point
            process.kill()
        process.communicate()
        kills += 1
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
    project.run(*words)
    (run,), (calm_run,) = project.runs(), calm.runs()
    assert run.name == calm_run.name
    ids = [entry["id"] for entry in _journal(run)]
    assert len(ids) == len(set(ids)) == len(_journal(calm_run)) == 180
    one, other = (pl.read_parquet(folder / "samples.parquet").drop(TIMES) for folder in (run, calm_run))
    assert one.equals(other)
    assert not list(run.glob(".*.*")), "a half-written file was left behind"


ALICE = ("eval", "model=alice", "task=sums", "limit=3")


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """A folder with one finished run, and that run; a test may add runs and change none."""
    project = Project(tmp_path_factory.mktemp("alice"))
    project.model("alice")
    project.run(*ALICE, "models.alice.parallel=1")
    (run,) = project.runs()
    return project, run


def test_a_finished_run_sends_nothing_again(alice: tuple[Project, Path]) -> None:
    project, run = alice
    before = (run / "samples.parquet").read_bytes()
    assert "nothing to send" in project.run(*ALICE, "models.alice.parallel=1").stderr
    assert (run / "samples.parquet").read_bytes() == before


@pytest.mark.parametrize(
    "change", ["seed=5", "decode.temperature=0.5", "+models.alice.system=Hi", "repeats=2", "limit=4"]
)
def test_what_changes_answers_makes_another_run(alice: tuple[Project, Path], change: str) -> None:
    project, _ = alice
    before = project.runs()
    project.run(*ALICE[:3], *([] if "limit" in change else ["limit=3"]), change)
    assert len(set(project.runs()) - set(before)) == 1


def test_concurrency_is_no_part_of_a_run(alice: tuple[Project, Path]) -> None:
    project, _ = alice
    assert "nothing to send" in project.run(*ALICE, "models.alice.parallel=3").stderr


@pytest.mark.slow
def test_failed_requests_are_counted_rows_and_are_asked_for_again(project: Project) -> None:
    project.model("flaky", fail_every=3, parallel=1)
    words = ("eval", "model=flaky", "task=[sums,sums_choice]", "limit=9")
    done = project.run(*words, code=9)
    assert "unscored" in done.stderr
    (run,) = project.runs()
    manifest = _manifest(run)
    assert manifest["status"] == "incomplete"
    failed = manifest["counts"]["failed"]
    assert failed > 0
    by_task = {m["task"]: m for m in manifest["metrics"] if m["is_headline"]}
    assert sum(m["n_failed"] for m in by_task.values()) == failed
    assert all(m["n"] + m["n_unscored"] == 9 and m["n_unscored"] == m["n_failed"] for m in by_task.values())
    assert "fail_every" in project.run("show", run.name, "--failed").stdout
    answered = sum("error" not in entry["reply"] for entry in _journal(run))
    project.run(*words, code=None)
    assert len(_journal(run)) == 27 + (27 - answered)


def test_repeats_have_seeds_of_their_own_and_are_averaged_per_document(project: Project) -> None:
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=4", "repeats=3")
    (run,) = project.runs()
    samples = pl.read_parquet(run / "samples.parquet")
    assert (
        samples.group_by("doc_id").agg(pl.col("seed").sort()).get_column("seed").to_list() == [[1234, 1235, 1236]] * 4
    )
    assert samples.get_column("output").n_unique() == 12
    assert _manifest(run)["metrics"][0]["n"] == 4


def test_two_evaluations_at_once_in_one_folder_both_finish_and_are_both_indexed(project: Project) -> None:
    project.model("alice", latency=0.01)
    project.model("bob", latency=0.01)
    both = [project.start("eval", f"model={name}", "task=sums") for name in ("alice", "bob")]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    found = project.run("sql", "SELECT model FROM leaderboard ORDER BY model", "--format", "csv")
    assert found.stdout.split() == ["model", "alice", "bob"]


def test_a_second_process_on_the_same_run_is_refused_and_the_first_finishes(project: Project) -> None:
    project.model("slow", latency=0.2)
    first = project.start("eval", "model=slow", "task=sums")
    while not project.runs() or not (project.runs()[0] / "journal.jsonl").exists():
        time.sleep(0.05)
        assert first.poll() is None
    second = project.run("eval", "model=slow", "task=sums", code=None)
    _, err = first.communicate()
    assert first.returncode == 0, err
    if second.returncode != 0:  # it may have come after the end on a busy machine
        assert second.returncode == 7
        assert "another process is working on it" in second.stderr
    assert len(_journal(project.runs()[0])) == 30


@pytest.mark.slow
def test_the_same_evaluation_twice_gives_the_same_leaderboard_bytes(project: Project, tmp_path: Path) -> None:
    boards = []
    other = Project(tmp_path / "other")
    for folder in (project, other):
        folder.model("alice")
        folder.model("bob", "echo")
        folder.run("eval", "model=[alice,bob]", "task=[sums,provenance_open,provenance_identity]", "limit=8")
        folder.run("leaderboard", "--out", "LEADERBOARD.md")
        boards.append((folder.root / "LEADERBOARD.md").read_bytes())
    assert boards[0] == boards[1]
    assert str(tmp_path).encode() not in boards[0]


def test_nothing_published_names_a_folder_or_a_secret(project: Project) -> None:
    project.model("alice")
    data = project.root / "private.jsonl"
    project.run(
        "eval",
        "model=alice",
        "task=sums",
        "limit=2",
        f"+models.alice.args.note={data}",
        f"results_dir={project.root}/results",
        code=None,
    )
    project.run("eval", "model=alice", "task=sums", "limit=2", f"results_dir={project.root}/results")
    for run in project.runs():
        for name in ("run.json", "spec.yaml", "samples.parquet", "journal.jsonl"):
            assert str(project.root).encode() not in (run / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("model=nobody", "task=sums"), 2, "unknown model 'nobody'"),
        (("model=alice", "task=summs"), 2, "did you mean 'sums'"),
        (("model=alice", "task=[lm_eval:arc_eazy]"), 3, "arc_easy"),
        (("model=alice", "task=gsm8k", "task.data=nowhere.jsonl"), 3, "nowhere.jsonl: no such file"),
        (("model=alice", "task=sums", "+models.alice.args.colour=red"), 2, "colour"),
        (("model=alice", "task=sums", "task.data=conf/model/alice.yaml"), 3, "alice.yaml"),
        (("model=smollm2_warm", "task=sums"), 2, "no model takes part in sums"),
        (("model=alice", "task=sums", "results_dir=conf/model/alice.yaml"), 6, "write to another folder"),
    ],
)
def test_a_users_mistake_is_one_message_an_exit_code_and_nothing_written(
    project: Project, words: tuple[str, ...], code: int, message: str
) -> None:
    if any("lm_eval:" in word for word in words):
        pytest.importorskip("lm_eval")
    project.model("alice")
    done = project.run("eval", *words, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.root / "results").exists()


def test_a_task_file_that_cannot_be_read_is_named(project: Project) -> None:
    project.model("alice")
    (project.root / "tasks" / "broken.yaml").write_text("task: [broken")
    done = project.run("eval", "model=alice", "task=sums", "limit=2")
    assert "warning: " in done.stderr
    assert "tasks/broken.yaml, line 1: not valid YAML: " in done.stderr
    assert "broken.yaml, line 1" in project.run("eval", "model=alice", "task=broken", code=3).stderr
    listed = project.run("tasks")
    assert "sums" in listed.stdout
    assert "broken.yaml, line 1" in listed.stderr


def test_a_task_whose_code_fails_is_a_message(project: Project) -> None:
    project.model("alice")
    (project.root / "tasks" / "sums.py").write_text("def load(**_):\n    raise RuntimeError('no data today')\n")
    done = project.run("eval", "model=alice", "task=sums", code=3)
    assert "no data today" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system of its own")
def test_a_full_disk_ends_the_run_with_a_message_and_the_run_goes_on_when_there_is_room(project: Project) -> None:
    import os
    import subprocess

    results = project.root / "results"
    results.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(results)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs root and mount to make a small disk")
    try:
        project.model("alice", "echo")
        words = ("eval", "model=alice", "task=provenance_open")
        done = project.run(*words, code=6)
        assert "the disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        (run,) = project.runs()
        kept = len((run / "journal.jsonl").read_text().splitlines())
        subprocess.run(["mount", "-o", "remount,size=64m", str(results)], check=True)
        project.run(*words)
        assert f"{kept} of " in done.stderr or kept >= 0
        ids = [entry["id"] for entry in _journal(run)]
        assert len(ids) == len(set(ids))
        assert _manifest(run)["status"] == "complete"
    finally:
        subprocess.run(["umount", str(results)], check=False)


def test_an_interrupt_says_that_the_work_is_kept(project: Project) -> None:
    project.model("slow", latency=0.3, parallel=1)
    process = project.start("eval", "model=slow", "task=sums")
    while not project.runs() or not (project.runs()[0] / "journal.jsonl").is_file() or not _journal(project.runs()[0]):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "goes on from here" in err
    assert "stopped" in project.run("runs").stdout
