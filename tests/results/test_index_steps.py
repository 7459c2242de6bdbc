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


@pytest.mark.parametrize("copied", [OSError(errno.EOPNOTSUPP, "not here"), 0])
def test_an_index_is_copied_where_the_file_system_has_no_short_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: OSError | int
) -> None:
    def copy_file_range(*_: object) -> int:
        if isinstance(copied, OSError):
            raise copied
        return copied

    monkeypatch.setattr(os, "copy_file_range", copy_file_range, raising=False)
    write_run(tmp_path, "eval-a", docs=5)
    refresh(tmp_path)
    write_run(tmp_path, "eval-b", models=("gamma",), docs=5)
    assert refresh(tmp_path).added == ("eval-b",)
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


@pytest.mark.parametrize("at_once", [1, 2, 20])
@pytest.mark.slow
def test_a_row_that_is_off_is_found_in_whatever_piece_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(store, "_RUNS_AT_ONCE", at_once)
    for name in "abc":
        write_run(tmp_path, f"eval-{name}", models=(name,), docs=2)
    refresh(tmp_path)
    assert differences(tmp_path) == []
    for name in "abc":
        with duckdb.connect(store.index_path(tmp_path)) as connection:
            connection.execute("UPDATE samples SET output = 'x' WHERE run_id = ? AND doc_id = 1", [f"eval-{name}"])
    with duckdb.connect(store.index_path(tmp_path)) as connection:
        connection.execute("INSERT INTO answered VALUES ('zzz', 'm', 't', 1), ('aaa', 'm', 't', 1)")
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
