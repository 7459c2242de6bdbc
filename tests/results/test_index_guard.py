"""The index says what the run folders say: no reader can write to it, and what another program writes is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import forks
import pytest
from runfolders import write_run

import harness
from harness.errors import HarnessError, StorageError
from harness.results import derivation, store
from harness.results.leaderboard import selection

SAYS = "SELECT max(value) FROM metrics"


@pytest.fixture
def results(one_run: Path, tmp_path: Path) -> Path:
    """A run and its index, of one's own."""
    return shutil.copytree(one_run, tmp_path, dirs_exist_ok=True)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# Readers write nothing ------------------------------------------------------------------------------------------

WRITES = {
    "attached again": "USE memory; DETACH results; ATTACH '{index}' AS r2; UPDATE r2.metrics SET value = 0.999",
    "attached beside": "ATTACH '{index}' AS r2; UPDATE r2.metrics SET value = 0.999",
    "another": "ATTACH '{folder}/other.duckdb' AS other",
    "of a query": "COPY (SELECT 1) TO '{index}'",
    "beside it": "COPY (SELECT 1) TO '{index}.wal'",
    "to a scratch folder": "COPY (SELECT 1) TO '.tmp/stolen.csv'",
    "in a common table": "WITH a AS (COPY (SELECT 1) TO '{index}' (USE_TMP_FILE false)) SELECT * FROM a",
    "an insert in a common table": "WITH a AS (INSERT INTO metrics (value) VALUES (1) RETURNING *) SELECT * FROM a",
    "of a pivot": "COPY (PIVOT metrics ON model USING count(*)) TO '{index}' (USE_TMP_FILE false)",
    "explained": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{index}' (USE_TMP_FILE false)",
    "explained update": "EXPLAIN ANALYZE UPDATE metrics SET value = 1",
    "prepared": "PREPARE p AS UPDATE metrics SET value = 1; EXECUTE p",
    "an export": "EXPORT DATABASE '{folder}/out'",
    "an import": "IMPORT DATABASE '{folder}'",
    "a merge": "MERGE INTO metrics USING metrics m ON true WHEN MATCHED THEN DELETE",
    "an upsert": "INSERT OR REPLACE INTO metrics (value) VALUES (1)",
    "a drop": "DROP VIEW leaderboard",
    "a truncation": "TRUNCATE metrics",
    "an alteration": "ALTER TABLE metrics RENAME TO m",
    "a comment": "COMMENT ON TABLE metrics IS 'x'",
    "a view": "CREATE OR REPLACE VIEW results.leaderboard AS SELECT 1",
    "a checkpoint": "CHECKPOINT results",
    "a transaction": "BEGIN; DELETE FROM metrics; COMMIT",
    "a vacuum": "VACUUM",
    "a call": "CALL enable_logging(storage := 'file', storage_path := '{folder}/log')",
    "a log": "SELECT * FROM enable_logging(storage := 'file', storage_path := '{folder}/log')",
    "a profile": "PRAGMA profiling_output = '{folder}/profile'",
    "an extension": "INSTALL httpfs",
    "extensions": "UPDATE EXTENSIONS",
    "a loaded file": "LOAD '{folder}/x.duckdb_extension'",
    "a secret": "CREATE PERSISTENT SECRET s (TYPE s3)",
    "in a query": "SELECT * FROM query('UPDATE metrics SET value = 1')",
    "a setting": "SET disabled_filesystems = ''",
    "a reset": "RESET disabled_filesystems",
    "its own bytes": "SELECT * FROM read_blob('{index}')",
    "a file": "SELECT * FROM read_parquet('{folder}/runs/*/samples.parquet')",
}


def ask_by_sql(folder: Path, sql: str) -> None:
    store.query(folder, sql)


def ask_in_python(folder: Path, sql: str) -> None:
    with harness.open(folder, refresh=False) as opened:
        opened.sql(sql)


def ask_in_a_selection(folder: Path, sql: str) -> None:
    """As `derivation.board` does, which `test_a_condition_is_one_condition` goes through."""
    where = selection.Selection(where=f"true); {sql}; SELECT model, task FROM leaderboard WHERE (true")
    store.query(folder, str(where.sql()), single=True)


@pytest.mark.parametrize("ask", [ask_by_sql, ask_in_python, ask_in_a_selection])
@pytest.mark.parametrize("what", WRITES)
@pytest.mark.slow
def test_nothing_is_written_and_no_other_file_is_reached(
    one_run: Path, what: str, ask: Callable[[Path, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(one_run)
    with pytest.raises(HarnessError):
        ask(one_run, WRITES[what].format(index=store.index_path(one_run), folder=one_run))
    assert files(one_run) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", WRITES)
def test_duckdbs_own_connection_writes_nothing_either(
    one_run: Path, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(one_run)
    with harness.open(one_run, refresh=False) as opened:
        try:
            for statement in WRITES[what].format(index=store.index_path(one_run), folder=one_run).split("; "):
                opened.connection.execute(statement).fetchall()
        except duckdb.Error:
            pass
    assert files(one_run) == before
    assert not list(tmp_path.iterdir())


def test_the_prompt_writes_nothing(results: Path) -> None:
    before = files(results)
    sql = WRITES["attached again"].format(index=store.index_path(results))
    terminal = f"import io, sys; sys.stdin = io.StringIO({sql + ';'!r}); from harness.cli import shell; "
    code = f"{terminal}from pathlib import Path; from harness.cli.output import Format; shell.run(Path({str(results)!r}), Format.csv)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "DETACH is no statement that reads" in done.stderr
    assert files(results) == before


def test_what_is_refused_is_said_with_what_there_is_instead(results: Path) -> None:
    for sql in ("COPY (SELECT 1) TO 'x.csv'", "SELECT * FROM read_csv('x.csv')"):
        with pytest.raises(HarnessError, match=r"nothing is written.*--format csv.*harness\.open"):
            store.query(results, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM metrics",
        "DESCRIBE metrics",
        "SHOW TABLES",
        "SUMMARIZE samples",
        "VALUES (1)",
        "EXPLAIN SELECT * FROM leaderboard",
        "EXPLAIN ANALYZE SELECT * FROM leaderboard",
        "PIVOT leaderboard ON task USING first(value) GROUP BY model",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "CREATE TEMP VIEW v AS SELECT 1 AS x; SELECT * FROM v",
        "CREATE TEMP MACRO twice(x) AS 2 * x; SELECT twice(2)",
        "SET VARIABLE m = 'alpha'; SELECT count(*) FROM metrics WHERE model = getvariable('m')",
        "PRAGMA table_info('metrics')",
        "SELECT doc ->> 'question', now(), regexp_matches(output, 'x') FROM samples ORDER BY ALL",
    ],
)
def test_what_readers_need_works(one_run: Path, sql: str) -> None:
    assert store.query(one_run, sql).height


def test_a_condition_is_one_condition(one_run: Path) -> None:
    with pytest.raises(HarnessError, match="found 2 SQL statements, expected one"):
        derivation.board(one_run, selection.Selection(where="true); SELECT model, task FROM leaderboard WHERE (true"))
    assert derivation.board(one_run, selection.Selection(where="value >= 0")).names


# What another program writes is noticed ---------------------------------------------------------------------------


def by_hand(results: Path, *statements: str) -> None:
    with duckdb.connect(store.index_path(results)) as connection:
        for statement in statements:
            connection.execute(statement)


CHANGES = [
    "UPDATE metrics SET value = 0.999",
    "DELETE FROM samples WHERE doc_id = 1",
    "INSERT INTO answered VALUES ('zzz', 'm', 't', 1)",
    "CREATE OR REPLACE VIEW chosen AS SELECT * FROM metrics",
    "CREATE TABLE mine AS SELECT 1 AS x",
    "COMMENT ON TABLE metrics IS 'x'",
]


@pytest.mark.slow
def test_a_changed_index_is_refused_then_told_and_made_anew(results: Path) -> None:
    before = store.query(results, SAYS).item()
    for change in CHANGES:
        by_hand(results, change)
        with pytest.raises(StorageError, match=r"another program has changed it.*harness index"):
            store.query(results, SAYS)
        assert derivation.differences(results), change
        done = derivation.refresh(results)
        assert ["another program has changed it" in problem for problem in done.problems] == [True]
        assert done.added == ("eval-a1",)
        assert store.query(results, SAYS).item() == before
        assert derivation.refresh(results) == store.Refreshed(store.index_path(results), 1)
    assert not derivation.differences(results)


def test_a_change_that_keeps_size_and_time_is_noticed(results: Path) -> None:
    path = store.index_path(results)
    then = path.stat()
    by_hand(results, CHANGES[0])
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert path.stat().st_size == then.st_size
    assert derivation.refresh(results).problems


def test_a_change_that_was_never_written_out_is_noticed(results: Path) -> None:
    path = store.index_path(results)
    code = f"import duckdb, os; c = duckdb.connect({str(path)!r}); c.execute({CHANGES[0]!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    log = path.with_name(path.name + ".wal")
    assert log.is_file()
    with pytest.raises(StorageError, match="another program has changed it"):
        store.query(results, SAYS)
    assert derivation.refresh(results).problems
    assert not log.exists()
    assert not derivation.differences(results)


def test_a_log_that_outlived_its_index_is_not_applied_to_the_next(results: Path) -> None:
    path = store.index_path(results)
    before = store.query(results, SAYS).item()
    code = f"import duckdb, os; c = duckdb.connect({str(path)!r}); c.execute({CHANGES[0]!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    path.unlink()
    derivation.refresh(results)
    assert store.query(results, SAYS).item() == before


def test_reading_it_with_another_tool_is_no_change(results: Path) -> None:
    by_hand(results, "SELECT * FROM metrics")
    with duckdb.connect(store.index_path(results), read_only=True) as connection:
        connection.execute("SELECT * FROM metrics")
    assert derivation.refresh(results) == store.Refreshed(store.index_path(results), 1)


def test_a_copied_results_folder_is_as_good(results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in [path for path in results.iterdir() if path != copy]:
        (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / path.name)
    assert store.query(copy, SAYS).item() is not None
    assert not derivation.refresh(copy).problems


def test_an_index_without_its_mark_is_read_and_made_anew_by_the_next_refresh(results: Path) -> None:
    (results / store.MARK).unlink()
    assert store.query(results, SAYS).height
    (problem,) = derivation.refresh(results).problems
    assert store.MARK in problem
    assert not derivation.refresh(results).problems


def test_an_update_that_is_killed_between_mark_and_index_leaves_both_fit(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(results, "eval-b2")
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target == store.index_path(results):
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            derivation.refresh(results)
    assert store.query(results, "SELECT run_id FROM runs").rows() == [("eval-a1",)]
    done = derivation.refresh(results)
    assert (done.added, done.problems) == (("eval-b2",), ())


def test_on_a_disk_that_cannot_be_written_a_changed_index_is_refused(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(results, CHANGES[0])
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert derivation.refresh(results).problems
    with pytest.raises(StorageError, match="another program has changed it"):
        derivation.board(results)


def test_the_leaderboard_shows_what_the_runs_give(results: Path) -> None:
    words = ("leaderboard", "--results", str(results), "--format", "csv")
    before = forks.run(*words)
    assert before.returncode == 0, before.stderr
    by_hand(results, CHANGES[0])
    after = forks.run(*words)
    assert "another program has changed it" in after.stderr
    assert after.stdout == before.stdout
    assert "0.999" not in after.stdout
