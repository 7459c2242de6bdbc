"""An index that grew run by run holds what one made from nothing holds, derived tables included."""

import errno
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from runfolders import sample, write_run

from harness.core import panels
from harness.results import derivation, store
from harness.results.derivation import differences, refresh


def rows(results: Path, table: str) -> int:
    return int(store.query(results, f"SELECT count(*) AS n FROM {table}")["n"][0])


@pytest.mark.slow
def test_step_by_step_is_the_same_as_from_nothing(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", models=("alpha", "beta"), docs=30)
    refresh(tmp_path)
    assert (rows(tmp_path, "comparisons"), rows(tmp_path, "shared_errors")) == (1, 1)
    write_run(tmp_path, "eval-b", models=("gamma", "delta"), docs=30)
    refresh(tmp_path)
    assert (rows(tmp_path, "comparisons"), rows(tmp_path, "shared_errors")) == (6, 6)
    assert differences(tmp_path) == []
    # A newer run with more documents speaks for beta now; what was said of beta and the others is said anew.
    write_run(tmp_path, "eval-c", models=("beta",), docs=40, values={"beta": 1.0})
    refresh(tmp_path)
    assert set(store.query(tmp_path, "SELECT run_b FROM comparisons WHERE model_b = 'beta'")["run_b"]) == {"eval-c"}
    assert differences(tmp_path) == []
    shutil.rmtree(tmp_path / "runs" / "eval-c")
    shutil.rmtree(tmp_path / "runs" / "eval-b")
    refresh(tmp_path)
    assert rows(tmp_path, "comparisons") == 1
    assert differences(tmp_path) == []


def test_other_tasks_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", models=("alpha", "beta"), docs=30)
    refresh(tmp_path)
    seen = []

    def derive(query: store.Query, changed: store.Changed) -> dict:
        seen.append(list(changed))
        return {}

    write_run(tmp_path, "eval-b", models=("gamma",), docs=5, tasks=("provenance_open",))
    store.refresh(tmp_path, derive, panels.facts())
    assert seen == [[("gamma", "provenance_open")]]
    assert rows(tmp_path, "comparisons") == 1


@pytest.mark.slow
def test_what_was_said_of_provenance_stays_where_no_provenance_task_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, "eval-a", docs=30)
    refresh(tmp_path)
    assert rows(tmp_path, "identity_claims")
    with monkeypatch.context() as patched:
        patched.delattr(derivation, "_evidence")
        # That beta is a control in a run of another task does not make it one here.
        write_run(tmp_path, "eval-b", models=("beta",), docs=30, tasks=("arithmetic",), controls={"beta": "alpha"})
        refresh(tmp_path)
        shutil.rmtree(tmp_path / "runs" / "eval-b")
        refresh(tmp_path)
    assert differences(tmp_path) == []
    for task in ("provenance_open", "provenance_identity"):
        write_run(tmp_path, f"eval-{task}", models=("gamma",), docs=5, tasks=(task,))
        refresh(tmp_path)
        assert differences(tmp_path) == []
    shutil.rmtree(tmp_path / "runs" / "eval-a")
    refresh(tmp_path)
    assert set(store.query(tmp_path, "SELECT model FROM identity_claims")["model"]) == {"gamma"}
    assert differences(tmp_path) == []


def test_a_document_has_the_sum_of_its_repeats_and_the_first_answer_that_was_judged(tmp_path: Path) -> None:
    made = []
    for repeat, (value, read) in enumerate([(None, None), (0.0, None), (0.0, "7"), (1.0, "4"), (0.0, "5")]):
        row = sample("eval-a", "alpha", "arithmetic", 0, repeat=repeat, value=value)
        row["scores"][0]["extracted"] = read
        made.append(row)
    made.append(sample("eval-a", "alpha", "arithmetic", 1, value=1.0, loglikelihoods=[-3.0, -1.0, -2.0]))
    made.append(sample("eval-a", "alpha", "arithmetic", 2, value=None))
    made.append(sample("eval-a", "alpha", "arithmetic", 3, value=0.0, status="refused"))
    write_run(tmp_path, "eval-a", models=("alpha",), rows=made, tasks=("arithmetic",))
    refresh(tmp_path)
    found = store.query(
        tmp_path,
        "SELECT total, count, is_binary, answer, correct, options FROM documents "
        "JOIN (SELECT DISTINCT run_id, doc_id, md5(doc::VARCHAR) AS document FROM samples) USING (run_id, document) "
        "ORDER BY doc_id",
    )
    assert found.rows() == [
        (1.0, 4, True, "7", 0.0, None),
        (1.0, 1, True, "2", 1.0, 3),
        (0.0, 1, True, None, None, None),
    ]


def test_an_index_is_copied_where_the_file_system_has_no_short_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not here")

    write_run(tmp_path, "eval-a", docs=5)
    refresh(tmp_path)
    for run, copy_file_range in (("eval-b", none), ("eval-c", lambda *_: 0)):
        monkeypatch.setattr(os, "copy_file_range", copy_file_range, raising=False)
        write_run(tmp_path, run, models=("gamma",), docs=5)
        assert refresh(tmp_path).added == (run,)
    assert differences(tmp_path) == []


def test_an_index_of_another_version_is_not_called_wrong_row_by_row(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", docs=2)
    refresh(tmp_path)
    with duckdb.connect(store.index_path(tmp_path)) as connection:
        connection.execute("UPDATE meta SET value = '0'")
        connection.execute("DROP TABLE documents")
    (problem,) = differences(tmp_path)
    assert "made by another version of harness" in problem
    refresh(tmp_path)
    assert differences(tmp_path) == []


@pytest.mark.slow
def test_a_row_that_is_off_is_found_in_whatever_piece_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        write_run(tmp_path, f"eval-{name}", models=(name,), docs=2)
    refresh(tmp_path)
    assert differences(tmp_path) == []
    fresh = store.index_path(tmp_path).read_bytes()
    monkeypatch.setattr(store, "rebuild", lambda results, *_: store.index_path(results).write_bytes(fresh))
    pieces = (1, 2, 20)
    for at_once in pieces:
        monkeypatch.setattr(store, "_RUNS_AT_ONCE", at_once)
        assert differences(tmp_path) == []
    for name in "abc":
        with duckdb.connect(store.index_path(tmp_path)) as connection:
            connection.execute("UPDATE samples SET output = 'x' WHERE run_id = ? AND doc_id = 1", [f"eval-{name}"])
    with duckdb.connect(store.index_path(tmp_path)) as connection:
        connection.execute("INSERT INTO answered VALUES ('zzz', 'm', 't', 1), ('aaa', 'm', 't', 1)")
    for at_once in pieces:
        monkeypatch.setattr(store, "_RUNS_AT_ONCE", at_once)
        assert [problem.split(";")[0] for problem in differences(tmp_path)] == [
            "harness.duckdb: samples: 9 rows that the run folders do not give, 9 that they give are missing",
            "harness.duckdb: answered: 2 rows that the run folders do not give, 0 that they give are missing",
        ]


def test_a_copied_results_folder_is_not_called_another(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "eval-a", docs=2)
    refresh(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copyfile)
    assert (tmp_path / "b" / "runs" / "eval-a" / "samples.parquet").stat().st_mtime_ns != (
        folder / "samples.parquet"
    ).stat().st_mtime_ns
    assert differences(tmp_path / "b") == []


def test_no_progress_bar_gets_into_what_a_command_prints(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", docs=2)
    refresh(tmp_path)
    assert store.query(tmp_path, "SELECT current_setting('enable_progress_bar') AS shown")["shown"].to_list() == [False]
