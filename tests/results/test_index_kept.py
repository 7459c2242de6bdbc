"""The readings of a command share one instance of DuckDB, and show neither an old index nor what another reading left."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from runfolders import write_run

import harness.results
from harness.errors import DamagedIndexError, HarnessError, StorageError
from harness.results import derivation, store

pytestmark = pytest.mark.slow
RUNS = "SELECT run_id FROM runs ORDER BY run_id"


@pytest.fixture
def kept() -> Iterator[None]:
    """As it is in a command."""
    harness.results.KEEPS_INDEX.set()
    yield
    harness.results.KEEPS_INDEX.clear()
    store._let_go()


@pytest.fixture
def results(kept: None, one_run: Path, tmp_path: Path) -> Path:
    """A run and its index, of one's own."""
    return shutil.copytree(one_run, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of the instances that are made from now on."""
    paths = []
    instance = store._instance

    def counted(path: Path, memory_mb: int | None = None) -> store.Connection:
        paths.append(path)
        return instance(path, memory_mb)

    monkeypatch.setattr(store, "_instance", counted)
    return paths


def found(results: Path) -> list[str]:
    return store.query(results, RUNS)["run_id"].to_list()


def test_readings_of_one_index_share_an_instance(results: Path, made: list[Path]) -> None:
    derivation.refresh(results)
    assert found(results) == found(results) == ["eval-a1"]
    assert derivation.board(results).names
    assert made == [store.index_path(results)]


def test_a_library_call_leaves_nothing_open(results: Path, made: list[Path]) -> None:
    harness.results.KEEPS_INDEX.clear()
    assert found(results) == found(results)
    assert len(made) == 2
    with duckdb.connect(store.index_path(results)) as connection:  # refused while this process has it open
        connection.execute("SELECT 1")


def test_a_changed_index_is_seen_at_once(results: Path, made: list[Path]) -> None:
    assert found(results) == ["eval-a1"]
    write_run(results, "eval-b2", models=("gamma",))
    with contextlib.closing(store.reader(results)) as before:
        derivation.refresh(results)
        assert found(results) == ["eval-a1", "eval-b2"]
        assert store.run_sql(before, RUNS)["run_id"].to_list() == ["eval-a1"]
    assert len(made) == 2


def test_what_another_process_replaced_is_seen_at_once(results: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert found(results) == ["eval-a1"]
    other = tmp_path_factory.mktemp("other")
    write_run(other, "eval-c3")
    derivation.refresh(other)
    for name in (store.MARK, store.INDEX):
        (other / name).replace(results / name)
    assert found(results) == ["eval-c3"]


@pytest.mark.parametrize("keep_time", [True, False])
def test_what_another_program_wrote_is_refused(results: Path, *, keep_time: bool) -> None:
    path = store.index_path(results)
    assert found(results)
    then = path.stat()
    path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
    if keep_time:
        os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    with pytest.raises(StorageError):
        found(results)
    assert derivation.refresh(results).problems
    assert found(results) == ["eval-a1"]


def test_an_index_that_is_gone_is_not_read_on(results: Path) -> None:
    assert found(results)
    store.index_path(results).unlink()
    with pytest.raises(StorageError, match="no index here"):
        found(results)


def test_a_damaged_index_is_told_at_each_reading(results: Path) -> None:
    store.index_path(results).write_bytes(b"no index")
    for _ in range(2):
        with pytest.raises(DamagedIndexError, match="makes it anew"):
            found(results)


def test_it_is_closed_before_it_is_replaced(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows replaces no open file."""
    assert found(results)
    write_run(results, "eval-b2")
    opened = []
    replace = Path.replace

    def looked(self: Path, target: Path) -> Path:
        if target == store.index_path(results):
            opened.extend(path for path in _open_files() if path == str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", looked)
    if sys.platform == "linux":
        assert str(store.index_path(results)) in _open_files()
    derivation.refresh(results)
    assert not opened
    assert found(results) == ["eval-a1", "eval-b2"]


def _open_files() -> list[str]:
    if sys.platform != "linux":
        return []
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


LEFT = {
    "a temporary table": ("CREATE TEMP TABLE left_over AS SELECT 1 AS x; SELECT 1", "FROM left_over"),
    "a temporary view": ("CREATE TEMP VIEW leaderboard AS SELECT 1 AS x; SELECT 1", "SELECT x FROM leaderboard"),
    "a macro": ("CREATE TEMP MACRO twice(x) AS 2 * x; SELECT twice(2)", "SELECT twice(2)"),
    "a table in memory": ("CREATE TABLE memory.left_over AS SELECT 1 AS x; SELECT 1", "FROM memory.left_over"),
    "a secret": ("CREATE SECRET s (TYPE http); SELECT 1", "SELECT name FROM duckdb_secrets()"),
    "an explained secret": ("EXPLAIN ANALYZE CREATE SECRET s (TYPE http)", "SELECT name FROM duckdb_secrets()"),
    "a variable": ("SET VARIABLE m = 1; SELECT 1", "SELECT getvariable('m')"),
    "a search path": ("SET search_path = 'temp'; SELECT 1", "SELECT current_setting('search_path')"),
}


def told(connection: store.Connection, sql: str) -> str:
    try:
        return str(store.run_sql(connection, sql).rows())
    except HarnessError as error:
        return str(error)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("what", LEFT)
def test_nothing_leaks_from_one_reading_to_another(one_run: Path, what: str) -> None:
    leave, look = LEFT[what]
    with contextlib.closing(store.connect(one_run)) as alone:
        before = told(alone, look)
        store.run_sql(alone, leave)
        assert told(alone, look) != before
    with contextlib.closing(store.reader(one_run)) as beside:
        store.query(one_run, leave)
        assert told(beside, look) == before
        with contextlib.closing(store.reader(one_run)) as after:
            assert told(after, look) == before


def test_a_shared_instance_is_locked_for_each_of_its_connections(results: Path) -> None:
    refused = ("SET threads = 1", "SET disabled_filesystems = ''", "SELECT * FROM enable_logging()", "DELETE FROM runs")
    for _ in range(2):
        with contextlib.closing(store.reader(results)) as connection:
            for sql in (*refused, f"SELECT * FROM read_blob('{store.index_path(results)}')"):
                with pytest.raises(duckdb.Error):
                    connection.execute(sql)
            shown = connection.execute("SELECT current_setting('enable_progress_bar'), current_database()").fetchone()
            assert shown == (False, "results")
            connection.execute("BEGIN")
    assert found(results)


def test_bounds_are_of_an_instance_of_their_own(results: Path, made: list[Path]) -> None:
    with contextlib.closing(store.reader(results)) as shared:
        limit = "SELECT current_setting('memory_limit') AS bound"
        (bounded,) = store.pieces(results, limit, store.Bounds(100, 60))
        assert bounded.item() == "100.0 MiB"
        assert store.run_sql(shared, limit).item() != bounded.item()
        endless = "SELECT count(*) FROM range(100000) a, range(100000) b, range(1000) c"
        with pytest.raises(HarnessError, match="stopped after"):
            list(store.pieces(results, endless, store.Bounds(512, 0.1)))
        assert store.run_sql(shared, RUNS).height
    with harness.open(results, refresh=False) as opened:
        opened.connection.execute("USE memory; DETACH results")
        assert found(results)


def test_threads_read_at_once(results: Path, made: list[Path]) -> None:
    read: list[list[str]] = []
    threads = [threading.Thread(target=lambda: read.extend(found(results) for _ in range(5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [["eval-a1"]] * 20
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_nothing_of_it(results: Path) -> None:
    """It would have the instance without its threads. To close that is a crash."""
    assert found(results)
    if (child := os.fork()) == 0:
        code = 1
        with contextlib.suppress(BaseException):
            assert not store._kept
            with contextlib.closing(store.reader(results)) as connection:
                code = 0 if connection.execute(RUNS).fetchall() == [("eval-a1",)] else 2
            store._let_go()
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert found(results) == ["eval-a1"]
