"""The SQL index: `results/harness.duckdb`, made from the run folders and nothing else. The only importer of duckdb.

DuckDB lets one process write and then nobody else read. So nobody ever writes the index in place: under a
file lock, a copy is brought up to date beside it and renamed over it. Readers hold the old file or the new one.
The run folders are the truth: the index may be deleted at any time, and is rebuilt from them to the same content.
What another program writes into it is noticed by its headers, which a mark beside it names.

What is stored is named in `schema.py`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from filelock import FileLock, Timeout

from harness import __version__, results, runs
from harness.core import Checkout, digest, identity, jsonable, visible
from harness.errors import ConfigError, DamagedIndexError, HarnessError, StorageError
from harness.results import schema

if TYPE_CHECKING:
    import polars as pl

INDEX = "harness.duckdb"
MARK = f".{INDEX}.mark"
"""Beside the index: `_state` of what harness wrote there last, then of what it wrote there before."""
LOCK_TIMEOUT_S = 600
"""Longest wait for another process that indexes the same results."""
_HEADERS = 3 * 4096
"""Bytes of the headers that a DuckDB file begins with. Every checkpoint counts itself in one of them."""
_READS = frozenset({"SELECT", "EXPLAIN", "MULTI", "CREATE", "SET", "PRAGMA"})
"""Types of statements that a reader needs: MULTI is a PIVOT, CREATE is of temporary tables and views, SET of variables.

What such a statement may still hold (DuckDB 2 knows INSERT and COPY inside of WITH) the connection refuses.
"""
_AT_ONCE = 1 << 30
"""Bytes that the system is asked to copy in one call."""
_LARGE = 32 << 20
"""Bytes of an index of so many models that they will be compared: libraries for it are loaded while it is copied."""
ROWS_AT_ONCE = 1000
"""Rows of a result that are read, and printed, at once."""
_RUNS_AT_ONCE = 20
"""Runs of which two indexes are compared at once."""
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading a run folder raises that is not as harness writes it."""
STABLE_READS = 3
"""How often a run folder that changes while it is read is read again."""

Connection = duckdb.DuckDBPyConnection
Settings = dict[str, str | bool | int | float | list[str]]
Query = Callable[[str], "pl.DataFrame"]
Parameters = Sequence[Any] | Mapping[str, Any]
"""Values for the placeholders of a query: `?` in their order, or `$name` by name."""
Changed = Sequence[tuple[str, str]]
"""Models and tasks whose runs are new, gone or others than before. Sorted."""
Derive = Callable[[Query, Changed], Mapping[str, "pl.DataFrame"]]
"""Makes tables out of the indexed ones: given SQL access and what has changed, returns frames by table name.

Of `PAIRS` it returns the rows of pairs with a changed model, of probes' tables those of tasks with one (their rows hang
on all models' runs of one task). Others hold everything, or nothing if they are as they were.
"""
PAIRS = ("comparisons",)
"""Derived tables whose rows hang on two models' runs of one task alone."""


@dataclass(frozen=True)
class Refreshed:
    """What an update of the index did."""

    path: Path
    """The index."""
    runs: int = 0
    """Runs in the index now."""
    added: tuple[str, ...] = ()
    """Runs indexed now, because they are new or have changed. Sorted."""
    removed: tuple[str, ...] = ()
    """Runs no longer in the index, because their folder is gone or damaged. Sorted."""
    problems: tuple[str, ...] = ()
    """One sentence for every run folder that could not be indexed, and why."""


def index_path(results_dir: Path) -> Path:
    """Where the index of a results folder is."""
    return results_dir / INDEX


def refresh(results_dir: Path, derive: Derive, facts: str = "") -> Refreshed:
    """Bring the index up to date: add new and changed runs, remove vanished ones, derive what hangs on them anew.

    An index made by another version of harness, or one that cannot be read, is rebuilt from nothing. Nothing is
    written if nothing has changed. A run folder that cannot be read is left out and reported.

    Args:
        results_dir: the folder that holds `runs/`.
        derive: makes the tables that are computed over all runs, such as similarities.
        facts: stands for what `derive` reads besides the runs. If it is another one, all is derived anew.

    Raises:
        StorageError: the index cannot be written, or another process has been writing it for too long.
    """
    return _update(results_dir, derive, facts, from_nothing=False)


def rebuild(results_dir: Path, derive: Derive, facts: str = "") -> Refreshed:
    """Make the index from nothing. The content is that of `refresh`. Arguments and errors as there."""
    return _update(results_dir, derive, facts, from_nothing=True)


def query(results_dir: Path, sql: str, *, single: bool = False) -> pl.DataFrame:
    """Run SQL against the index, read-only and without access to files, network or extensions.

    Args:
        results_dir: the folder that holds the index.
        sql: one statement or several, separated by `;`.
        single: refuse more than one, for SQL that is put together of parts.

    Returns:
        The result of the last statement. An empty frame without columns if it has none.

    Raises:
        StorageError: there is no index, one that this version cannot read, or one that another program has changed.
        DamagedIndexError: its bytes are not those that were written.
        HarnessError: it is no reading, or the engine refuses it. The message is the engine's own.
    """
    with _in(results_dir):
        with contextlib.closing(reader(results_dir)) as connection:
            with _told():
                selects = all(statement.type.name == "SELECT" for statement in _readings(connection, sql))
            if selects:
                return run_sql(connection, sql, single=single)
        with contextlib.closing(connect(results_dir)) as connection:
            return run_sql(connection, sql, single=single)


@contextlib.contextmanager
def _in(results_dir: Path) -> Iterator[None]:
    """Let the error of a damaged index say where it is."""
    try:
        yield
    except DamagedIndexError as error:
        error.results = results_dir
        raise


@dataclass(frozen=True)
class Bounds:
    """What a query may take."""

    memory_mb: int
    """MiB that the engine may hold."""
    seconds: float
    """How long the engine may work. What reads the result may take longer."""


def pieces(results_dir: Path, sql: str, bounds: Bounds) -> Iterator[pl.DataFrame]:
    """`query`, some rows at a time: the first are there before the last are read. At least one frame.

    Raises:
        HarnessError: as `query`, and when a bound is met.
    """
    import polars as pl

    with _in(results_dir), contextlib.closing(connect(results_dir, bounds.memory_mb)) as connection:
        clock = _Clock(connection, bounds.seconds)
        with _told(), clock:
            found = _asked(connection, sql)
            reader: Any = None if found is None else found.to_arrow_reader(ROWS_AT_ONCE)
            batch = None if reader is None else next(reader, reader.schema.empty_table())
        if batch is None:
            yield pl.DataFrame()
        while batch is not None:
            with _told():
                frame = pl.DataFrame(pl.from_arrow(batch))
            yield frame.with_columns(_whole_numbers(frame))
            with _told(), clock:
                batch = next(reader, None)


class _Clock:
    """Interrupts a connection that has worked for too long, pauses between its blocks not counted."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self._left, self._seconds = connection, seconds, seconds

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._timer = threading.Timer(max(self._left, 0.0), self._connection.interrupt)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        self._left -= time.monotonic() - self._began
        if error is not None and "INTERRUPT" in str(error):
            raise HarnessError(f"stopped after {self._seconds:g} s; --timeout allows more") from error


def connect(results_dir: Path, memory_mb: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to the index: read-only, and without access to files, network or extensions. Nobody shares it.

    Args:
        results_dir: the folder that holds the index.
        memory_mb: MiB that the engine may hold. By default most of the machine's.

    Raises:
        StorageError: there is no index, one that this version cannot read, or one that another program has changed.
    """
    return _checked(results_dir, functools.partial(_instance, memory_mb=memory_mb))


def reader(results_dir: Path) -> Connection:
    """`connect` for SELECT alone, which leaves nothing behind but in its own connection: so the engine may be shared.

    Other statements may leave something in the engine, as CREATE SECRET does.

    Args:
        results_dir: the folder that holds the index.

    Raises:
        StorageError: as `connect`.
    """
    return _checked(results_dir, _shared)


def _checked(results_dir: Path, opened: Callable[[Path], Connection]) -> Connection:
    path = index_path(results_dir)
    if not path.is_file():
        raise StorageError(f"{path}: no index here; `harness index` makes one, and so does `harness eval`")
    with contextlib.ExitStack() as on_error:
        try:
            connection = opened(path)
            on_error.callback(connection.close)
            usable = _versions(connection).get("schema_version") == str(schema.VERSION)
        except duckdb.Error as error:
            raise DamagedIndexError(f"{path}: cannot be read ({_first_line(error)}); {_ANEW}") from error
        if not usable:
            raise StorageError(f"{path}: made by another version of harness; rebuild it with `harness index`")
        if is_as_written(path) is False:
            raise StorageError(f"{path}: {_CHANGED}; `harness index` makes it anew from the run folders")
        on_error.pop_all()
    return connection


def _connect(settings: Settings) -> Connection:
    """A connection to a database of its own in memory."""
    connection = duckdb.connect(config=settings)
    # It would write itself into what a command prints.
    connection.execute("SET enable_progress_bar = false")
    return connection


def run_sql(
    connection: duckdb.DuckDBPyConnection, sql: str, *, single: bool = False, parameters: Parameters | None = None
) -> pl.DataFrame:
    """The result of the last statement, as `query` returns it.

    Args:
        connection: as `connect` makes it.
        sql: one statement or several.
        single: refuse more than one.
        parameters: values for the last statement's `?` in their order, or for its `$name` by name.

    Raises:
        HarnessError: it is no reading, or the engine refuses it. The message is the engine's own.
    """
    import polars as pl

    with _told():
        found = _asked(connection, sql, single=single, parameters=parameters)
        frame: pl.DataFrame = pl.DataFrame() if found is None else found.pl()
    return frame.with_columns(_whole_numbers(frame))


def _asked(
    connection: Connection, sql: str, *, single: bool = False, parameters: Parameters | None = None
) -> duckdb.DuckDBPyRelation | None:
    """The last statement of a text, those before it run. `None` if it has no result."""
    statements = _readings(connection, sql)
    if single and len(statements) > 1:
        raise HarnessError(f"found {len(statements)} SQL statements, expected one")
    for statement in statements[:-1]:
        connection.execute(statement).complete()
    return connection.sql(statements[-1], params=parameters or None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the engine's errors into what a user can act on."""
    import polars as pl

    try:
        yield
    except duckdb.PermissionException as error:
        raise HarnessError(f"{_first_line(error)}. {_READ_ONLY}") from error
    except duckdb.OutOfMemoryException as error:
        raise HarnessError(f"{_first_line(error)}; `harness sql --memory-mb` allows more") from error
    except (duckdb.Error, OSError) as error:  # what goes wrong while a result is read, pyarrow calls an OSError
        if _damage(error):
            raise DamagedIndexError(f"{INDEX}: cannot be read ({_first_line(error)}); {_ANEW}") from error
        raise HarnessError(str(error)) from error
    except pl.exceptions.PolarsError as error:
        raise HarnessError(
            f"a column of the result has a type that cannot be shown ({error}); CAST it to VARCHAR"
        ) from error


def _damage(error: Exception) -> bool:
    """Whether an error says that the index is not as it was written."""
    return isinstance(error, _DAMAGED) or _CORRUPT.search(str(error)) is not None


_DAMAGED = (duckdb.FatalException, duckdb.SerializationException)
_UNWRITTEN = (duckdb.IOException, duckdb.OutOfMemoryException)
"""What DuckDB says if a file cannot be written."""
_CORRUPT = re.compile(r"Corrupt database|database has been invalidated|FATAL Error|Serialization Error")
"""What DuckDB says of bytes that are not those it wrote."""
_ANEW = "`harness index --rebuild` makes it anew from the run folders"
_READ_ONLY = (
    "The index is read here, and nothing else: no other file, no network, nothing is written. `harness sql QUERY "
    "--format csv` (or parquet) prints a result to keep; in Python, harness.open(FOLDER).sql(QUERY) is a frame to join "
    "with others"
)


def _readings(connection: Connection, sql: str) -> list[duckdb.Statement]:
    """The statements of a text, all of which read.

    Raises:
        HarnessError: there is none, or one that does not read.
    """
    try:
        statements = connection.extract_statements(sql)
        kinds = [statement.type.name for statement in statements]
    except ValueError as error:  # a type that DuckDB parses, and its Python package does not know (UPDATE EXTENSIONS)
        raise HarnessError(f"a statement of an unknown type ({error}). {_READ_ONLY}") from error
    if not statements:
        raise HarnessError("no SQL statement found; try `SELECT * FROM leaderboard`")
    if other := next((kind for kind in kinds if kind not in _READS), None):
        raise HarnessError(f"{other} is no statement that reads; use SELECT, DESCRIBE, PIVOT or EXPLAIN. {_READ_ONLY}")
    return statements


def _whole_numbers(frame: pl.DataFrame) -> list[pl.Series]:
    """DuckDB sums integers into 128 bits, which arrive as decimals: back to 64 bits if they fit."""
    import polars as pl

    columns = []
    for column in frame.iter_columns():
        if isinstance(column.dtype, pl.Decimal) and column.dtype.scale == 0:
            short = column.cast(pl.Int64, strict=False)
            if short.null_count() == column.null_count():
                columns.append(short)
    return columns


# Writing -----------------------------------------------------------------------------------------------------


def _update(results_dir: Path, derive: Derive, facts: str, *, from_nothing: bool) -> Refreshed:
    try:
        return _updated(results_dir, derive, facts, from_nothing=from_nothing)
    except DamagedIndexError as error:
        done = _updated(results_dir, derive, facts, from_nothing=True)
        return replace(done, problems=(str(error), *done.problems))


def _updated(results_dir: Path, derive: Derive, facts: str, *, from_nothing: bool) -> Refreshed:
    path = index_path(results_dir)
    beside = path.with_name(f".{INDEX}.new")
    with runs.storage_errors(path), _lock(results_dir):
        # What an interrupted update left behind.
        _remove(beside)
        before = None if from_nothing else _indexed(path)
        now, problems = _folders(results_dir)
        if isinstance(before, str):
            problems.append(f"{path}: cannot be read ({before}); made anew from the run folders")
            before = None
        if before is not None and not (kept := is_as_written(path)):
            problems.append(f"{path}: {_UNMARKED if kept is None else _CHANGED}; made anew from the run folders")
            before = None
        known = {} if before is None else before.runs
        gone = sorted(run for run, mark in known.items() if now.get(run) != mark)
        new = sorted(run for run, mark in now.items() if known.get(run) != mark)
        told_anew = before is not None and before.facts != facts
        if before is not None and not gone and not new and not told_anew:
            return Refreshed(path, len(known), problems=tuple(problems))
        with _made(path, beside, kept=before is not None):
            added = []
            if before is None:
                _create(beside)
            with (
                _copied(None if before is None else path, beside),
                contextlib.closing(_open_to_write(beside)) as connection,
            ):
                changed = _answered(connection, gone)
                _delete(connection, gone)
                for run in new:
                    problem = _add(connection, runs.runs_dir(results_dir) / run)
                    if problem is None:
                        added.append(run)
                    else:
                        problems.append(problem)
                changed |= _answered(connection, list(now) if told_anew else added)
                _derive(connection, derive, sorted(changed))
                if before is None or told_anew:
                    connection.execute("DELETE FROM meta WHERE key = ?", [_FACTS])
                    connection.execute("INSERT INTO meta VALUES (?, ?)", [_FACTS, facts])
                connection.execute("CHECKPOINT")
            _flush(beside)
            _mark(path, beside)
            _log(path).unlink(missing_ok=True)  # of another program: DuckDB would apply it to the new file
            _let_go()  # Windows replaces no open file
            beside.replace(path)
    removed = [run for run in gone if run not in added]
    return Refreshed(path, len(known) - len(gone) + len(added), tuple(added), tuple(removed), tuple(sorted(problems)))


@contextlib.contextmanager
def _made(path: Path, beside: Path, *, kept: bool) -> Iterator[None]:
    """Say in a sentence why an index cannot be made, and leave nothing of it behind.

    Args:
        path: of the index.
        beside: of the new one, until it is whole.
        kept: the new one begins as a copy of the old one, which may be damaged.

    Raises:
        DamagedIndexError: the old one is.
        StorageError: the new one cannot be written.
    """
    try:
        yield
    except (duckdb.Error, DamagedIndexError) as error:
        damaged = isinstance(error, DamagedIndexError) or _damage(error)
        if not damaged and not isinstance(error, _UNWRITTEN):
            raise
        why = _first_line(error)
        if damaged and kept:
            raise DamagedIndexError(f"{path}: cannot be read ({why}); made anew from the run folders") from error
        raise StorageError(
            f"{path}: cannot be written ({why}); the old index is as it was; if that is damaged, "
            "`harness index --rebuild` makes it from nothing"
        ) from error
    finally:
        _remove(beside)


@contextlib.contextmanager
def _copied(path: Path | None, beside: Path) -> Iterator[None]:
    """A copy of the index to write to, or none of none. It is on its way to the disk while it is written to.

    The libraries that tables are derived with are imported while it is made: neither keeps the other waiting.
    """
    if path is None:
        yield
        return
    with ThreadPoolExecutor(max_workers=1) as aside:
        made = aside.submit(_copy, path, beside)
        aside.submit(_flush, beside)
        for library in ("polars", "pyarrow", *(["scipy.special"] if path.stat().st_size > _LARGE else [])):
            importlib.import_module(library)
        made.result()
        yield


def _copy(path: Path, beside: Path) -> None:
    """Copy a file: on Linux within the file system, which need do no more than share the blocks (XFS, Btrfs)."""
    if sys.platform == "linux":
        # Not every file system can, and some only say that they did.
        with contextlib.suppress(OSError), path.open("rb") as old, beside.open("wb") as new:
            while os.copy_file_range(old.fileno(), new.fileno(), _AT_ONCE):
                pass
            if new.tell() == old.tell() == path.stat().st_size:
                return
    shutil.copyfile(path, beside)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _open_to_write(beside: Path) -> Connection:
    """A connection to a new index, or to the copy of one.

    Nobody recovers a file that was not finished, so there is no log of changes. Blocks of rows that are not full are
    written again with every checkpoint: seldom, that is, if many runs are added.
    """
    settings: Settings = {
        "python_enable_replacements": "false",
        "temp_directory": str(beside.with_name(beside.name + ".tmp")),
        "wal_autocheckpoint": "256MB",
    }
    connection = _connect(settings)
    connection.execute(f"ATTACH {_literal(str(beside))} AS made (RECOVERY_MODE NO_WAL_WRITES)")
    connection.execute("USE made")
    # Times without an offset are UTC, whatever the machine's zone.
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextlib.contextmanager
def _lock(results_dir: Path) -> Iterator[None]:
    results_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results_dir / f".{INDEX}.lock", timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise StorageError(
            f"{index_path(results_dir)}: another process has been writing the index for {LOCK_TIMEOUT_S} s; "
            "wait until it ends, then run `harness index`"
        ) from error


def _remove(beside: Path) -> None:
    for path in (beside, _log(beside)):
        path.unlink(missing_ok=True)


def _log(path: Path) -> Path:
    """Where DuckDB keeps changes to a file that are not in it yet."""
    return path.with_name(path.name + ".wal")


_CHANGED = "another program has changed it since harness wrote it"
_UNMARKED = f"there is no {MARK} beside it that would tell whether another program has changed it"


def _state(path: Path) -> str | None:
    """Changes with whatever DuckDB writes to the file, at the price of 12 KiB to read. `None` if changes wait."""
    if _log(path).exists():
        return None
    with path.open("rb") as file:
        return f"{hashlib.sha256(file.read(_HEADERS)).hexdigest()} {path.stat().st_size}"


def is_as_written(path: Path) -> bool | None:
    """Whether an index is as harness wrote it. `None` if nothing tells.

    Raises:
        StorageError: it cannot be read.
    """
    mark = path.with_name(MARK)
    try:
        for _ in range(STABLE_READS):  # another process may write both meanwhile
            state = _state(path)
            if state is not None and state in mark.read_text(encoding="utf-8", errors="replace").splitlines():
                return True
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    return False


def _mark(path: Path, beside: Path) -> None:
    """Name what will be the index, and what still is: whenever this is interrupted, the mark fits."""
    states = [_state(beside), _state(path) if path.is_file() and is_as_written(path) else None]
    runs.write_atomic(path.with_name(MARK), "".join(f"{state}\n" for state in states if state).encode())


def _folders(results_dir: Path) -> tuple[dict[str, str], list[str]]:
    """The fingerprint of every run folder that has samples, by run id, and what could not be read."""
    found, problems = {}, []
    for folder in runs.list_runs(results_dir):
        try:
            if runs.samples_path(folder).is_file():
                found[folder.name] = _fingerprint(folder)
        except OSError as error:
            problems.append(f"{folder}: cannot be read: {error.strerror}; left out of the index")
    return found, problems


def _fingerprint(folder: Path) -> str:
    """Changes when the manifest's bytes change, or the size or time of the samples' file."""
    manifest = hashlib.sha256((folder / runs.MANIFEST).read_bytes()).hexdigest()
    state = runs.samples_path(folder).stat()
    return f"{manifest[:32]}:{state.st_size}:{state.st_mtime_ns}"


@dataclass(frozen=True)
class _Indexed:
    """What an index says that this version may keep."""

    runs: Mapping[str, str]
    """Fingerprint by run id."""
    facts: str | None
    """As `as_it_is` says them."""


def _indexed(path: Path) -> _Indexed | str | None:
    """What is in an index. `None` if it must be made from nothing, why if it cannot be read."""
    if not path.is_file():
        return None
    try:
        with contextlib.closing(_shared(path)) as connection:
            if _versions(connection) != _made_by():
                return None
            held = connection.execute("SELECT run_id, fingerprint FROM runs").fetchall()
            return _Indexed(dict(held), _facts(connection))
    except duckdb.CatalogException:  # of a version that had other tables
        return None
    except duckdb.Error as error:
        return _first_line(error)


def _made_by() -> dict[str, str]:
    """What an index must say of itself to be kept: one with other tables, or by other probes of the user, is not."""
    return {
        "schema_version": str(schema.VERSION),
        "schema_hash": _schema_hash(schema.tables(), tuple(schema.own_probes().items())),
        "harness_version": __version__,
    }


@functools.lru_cache(maxsize=8)
def _schema_hash(tables: tuple[schema.Table, ...], probes: tuple[tuple[str, str], ...]) -> str:
    return digest(identity.SCHEMA, [tables, schema.VIEWS, dict(probes)])


_FACTS = "facts"
"""The row of `meta` that stands for what is recorded about models."""


def as_it_is(path: Path) -> tuple[int, str | None]:
    """How many runs an index holds, and what stood for the facts it was derived with. 0 and `None` if unreadable."""
    try:
        with contextlib.closing(_shared(path)) as connection:
            return connection.execute("SELECT count(*) FROM runs").fetchall()[0][0], _facts(connection)
    except duckdb.Error:
        return 0, None


def _facts(connection: Connection) -> str | None:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", [_FACTS]).fetchone()
    return None if found is None else str(found[0])


def _versions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta WHERE key <> ?", [_FACTS]).fetchall())


_EMPTY: dict[str, bytes] = {}
"""Files of indexes without runs, by what they say of themselves: half a MiB, and a fifth of a small index's time."""


def _create(beside: Path) -> None:
    """Make an index without runs; a process that makes several makes it once."""
    made_by = json.dumps(_made_by())
    if made_by in _EMPTY:
        beside.write_bytes(_EMPTY[made_by])
        return
    with contextlib.closing(_open_to_write(beside)) as connection:
        _make_tables(connection)
        connection.execute("CHECKPOINT")
    _EMPTY[made_by] = beside.read_bytes()


def _make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every table and view, in one transaction: a thousand of them take three times the CPU."""
    connection.begin()
    for table in schema.tables():
        columns = ", ".join(f'"{c.name}" {c.type}{" NOT NULL" if c.required else ""}' for c in table.columns)
        with _of_probe(table.name):
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
    for view in schema.VIEWS:
        connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
    for table in schema.tables() + schema.VIEWS:
        kind = "VIEW" if table.sql else "TABLE"
        connection.execute(f"COMMENT ON {kind} {table.name} IS {_literal(table.comment)}")
        for c in table.columns:
            connection.execute(f'COMMENT ON COLUMN {table.name}."{c.name}" IS {_literal(c.comment)}')
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [list(item) for item in _made_by().items()])
    connection.commit()


def _delete(connection: duckdb.DuckDBPyConnection, gone: list[str]) -> None:
    if gone:
        for table in schema.tables():
            if any(c.name == "run_id" for c in table.columns):
                connection.execute(f"DELETE FROM {table.name} WHERE list_contains(?, run_id)", [gone])


def _add(connection: duckdb.DuckDBPyConnection, folder: Path) -> str | None:
    """Index one run folder, all of it or nothing of it. Returns the problem if it cannot be."""
    import polars as pl

    try:
        for _ in range(STABLE_READS):
            connection.execute("BEGIN")
            try:
                mark = _fingerprint(folder)
                _add_manifest(connection, folder, mark)
                _add_samples(connection, folder)
                stable = mark == _fingerprint(folder)
            except BaseException:
                with contextlib.suppress(duckdb.Error):  # the first error is the one to report
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT" if stable else "ROLLBACK")
            if stable:
                return None
        what = "changed every time it was read; `harness index` tries again"
    except StorageError as error:
        return visible(str(error))
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    except (duckdb.Error, pl.exceptions.PolarsError, *UNREADABLE) as error:
        if isinstance(error, duckdb.Error) and _damage(error):  # of the index, not of this folder
            raise
        what = f"damaged ({type(error).__name__}: {_first_line(error)}); restore it, or delete the folder"
    return f"{folder}: {visible(what)}; left out of the index"


def _add_manifest(connection: duckdb.DuckDBPyConnection, folder: Path, mark: str) -> None:
    manifest = runs.read_manifest(folder)
    if manifest.run_id != folder.name:
        raise StorageError(
            f"{folder}: holds the run {manifest.run_id!r}; "
            "a run folder must have the name of its run: rename it, or delete it"
        )
    git, cost = manifest.git or Checkout(), manifest.cost or runs.Cost()
    run = vars(manifest) | vars(manifest.counts) | {f"{kind}_tokens": n for kind, n in vars(manifest.tokens).items()}
    run |= {"git_commit": git.commit, "git_dirty": git.dirty, "cost_usd": cost.usd, "platform": vars(manifest.platform)}
    run |= {"root": manifest.root, "fingerprint": mark, "argv": list(manifest.argv)}
    models = [
        vars(model)
        | {"model": model.name, "price": cost.prices.get(model.name)}
        | {f"weights_{key}": value for key, value in vars(model.weights or runs.WeightsEntry()).items()}
        for model in manifest.models
    ]
    tasks = [vars(task) | {"task": task.name} for task in manifest.tasks]
    for table, rows in (
        ("runs", [run]),
        ("models", models),
        ("tasks", tasks),
        ("metrics", [vars(metric) for metric in manifest.metrics]),
    ):
        _insert_frame(connection, table, _frame(table, [row | {"run_id": folder.name} for row in rows]))


def _add_samples(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    runs.check_expansion(runs.samples_path(folder))
    path = str(runs.samples_path(folder))
    rows, foreign, repeated = connection.execute(
        "SELECT count(*), count(*) FILTER (run_id IS DISTINCT FROM ?), count(*) - count(DISTINCT sample_id) "
        "FROM read_parquet(?)",
        [folder.name, path],
    ).fetchall()[0]
    if foreign or repeated:
        raise ValueError(f"{runs.SAMPLES} holds {foreign} samples of other runs and {repeated} repeated sample ids")
    said = connection.execute("SELECT samples FROM runs WHERE run_id = ?", [folder.name]).fetchall()[0][0]
    if said not in (None, rows):
        raise ValueError(f"{runs.SAMPLES} holds {rows} samples, {runs.MANIFEST} says {said}")
    _insert_known(connection, "samples", "read_parquet(?)", path)
    _insert(
        connection,
        "answered",
        "(SELECT run_id, model, task, count(DISTINCT doc_id) FILTER (status <> 'failed') AS docs FROM read_parquet(?) "
        "GROUP BY ALL)",
        path,
    )
    _insert(
        connection,
        "attempts",
        "(SELECT run_id, sample_id, attempt, try.at AS attempted_at, try.error, try.status FROM "
        "(SELECT run_id, sample_id, generate_subscripts(attempts, 1) - 1 AS attempt, unnest(attempts) AS try "
        "FROM read_parquet(?)))",
        path,
    )
    _insert_known(
        connection,
        "scores",
        "(SELECT run_id, sample_id, unnest(scores, recursive := true) "
        "FROM (SELECT run_id, sample_id, scores FROM read_parquet(?)))",
        path,
    )
    _insert(connection, "documents", f"({_DOCUMENTS})", folder.name)


# Summed in order of size, so that the same values always give the same sum. An answer of which nothing was judged is
# wrong, but like no other.
_DOCUMENTS = """
    SELECT * EXCLUDE (first), unnest(first) FROM (
        SELECT samples.run_id, samples.model, samples.task, metrics.metric, md5(CAST(doc AS VARCHAR)) AS document,
            doc ->> tasks.cluster AS source, list_sum(list_sort(list(scores.value))) AS total, count(*) AS count,
            bool_and(scores.value IN (0, 1)) AS is_binary,
            arg_min({
                'answer': CASE WHEN loglikelihoods IS NULL THEN extracted
                    ELSE CAST(list_position(loglikelihoods, list_max(loglikelihoods)) AS VARCHAR) END,
                'correct': scores.value,
                'options': len(loglikelihoods)
            }, (doc_id, repeat)) FILTER (
                scores.value IN (0, 1) AND samples.status IN ('answered', 'truncated')
                AND (scores.value = 1 OR extracted IS NOT NULL OR loglikelihoods IS NOT NULL)
            ) AS first
        FROM samples
        JOIN metrics USING (run_id, model, task)
        JOIN scores USING (run_id, sample_id, metric)
        JOIN tasks USING (run_id, task)
        WHERE samples.run_id = ? AND metrics.is_headline AND scores.value IS NOT NULL
            AND scores.filter IS NOT DISTINCT FROM metrics.filter AND scores.scorer IS NOT DISTINCT FROM metrics.scorer
        GROUP BY ALL
    ) ORDER BY ALL
"""


def _answered(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> set[tuple[str, str]]:
    """Models and tasks of these runs."""
    sql = "SELECT DISTINCT model, task FROM answered WHERE list_contains(?, run_id)"
    return set(connection.execute(sql, [list(names)]).fetchall()) if names else set()


def _derive(connection: duckdb.DuckDBPyConnection, derive: Derive, changed: Changed) -> None:
    by_task = schema.of_probes()
    for table in by_task:
        connection.execute(f"DELETE FROM {table} WHERE list_contains(?, task)", [sorted({task for _, task in changed})])
    for table, frame in derive(functools.partial(_read, connection), changed).items():
        if table in PAIRS:
            either = "list_contains($changed, [model_a, task]) OR list_contains($changed, [model_b, task])"
            connection.execute(f"DELETE FROM {table} WHERE {either}", {"changed": [list(pair) for pair in changed]})
        elif table not in by_task:
            connection.execute(f"DELETE FROM {table}")
        with _of_probe(table):
            _insert_frame(connection, table, frame)


def _read(connection: Connection, sql: str) -> pl.DataFrame:
    """What a query gives.

    Raises:
        DamagedIndexError: the index is not as it was written. A probe whose query finds that is not to blame.
    """
    try:
        found: pl.DataFrame = connection.sql(sql).pl()
    except duckdb.Error as error:
        if _damage(error):
            raise DamagedIndexError(_first_line(error)) from error
        raise
    return found


@contextlib.contextmanager
def _of_probe(table: str) -> Iterator[None]:
    """What DuckDB refuses of a probe's table, as a sentence with the probe's file."""
    try:
        yield
    except duckdb.Error as error:
        blameless = isinstance(error, _UNWRITTEN) or _damage(error)
        if not blameless and (files := schema.sources(table)):
            raise ConfigError(f"{', '.join(files)}: its table {table} cannot be made ({_first_line(error)})") from error
        raise


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a manifest as a frame of the table's columns. A key that is missing is null, an unknown one is left."""
    import polars as pl

    kinds: dict[str, Any] = {
        "VARCHAR": pl.String,
        "JSON": pl.String,
        "TIMESTAMP": pl.String,
        "VARCHAR[]": pl.List(pl.String),
        "BIGINT": pl.Int64,
        "INTEGER": pl.Int32,
        "DOUBLE": pl.Float64,
        "BOOLEAN": pl.Boolean,
    }
    columns = _table(table).columns
    cells = {c.name: [_cell(row.get(c.name), c.type) for row in rows] for c in columns}
    return pl.DataFrame(cells, schema={c.name: kinds[c.type] for c in columns}, strict=True)


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "JSON":
        return json.dumps(jsonable(value), ensure_ascii=False, sort_keys=True)
    if kind == "VARCHAR" and isinstance(value, int | float):
        return str(value)
    if kind == "BIGINT" and isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None  # counts of a server that made them up, summed by an older version
    return value


def _insert_frame(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return  # most tables of probes and evidence, most of the time
    connection.register("frame", frame)
    try:
        _insert(connection, table, "frame", held=frame.columns)
    finally:
        connection.unregister("frame")


def _insert_known(connection: duckdb.DuckDBPyConnection, table: str, source: str, path: str) -> None:
    """Insert the columns that a file has. What an older version of harness did not write yet is unknown, not damage."""
    held = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}", [path]).fetchall()}
    _insert(connection, table, source, path, held=held)


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, source: str, *values: str, held: Collection[str] | None = None
) -> None:
    """Insert by name every column of the table, cast to its type, NaN as null.

    Args:
        connection: to the new index.
        table: its name.
        source: what SQL reads from.
        values: of the source's placeholders.
        held: columns that it has. By default all.
    """
    cells = ", ".join(
        f'{_cast(c) if held is None or c.name in held or c.required else "NULL"} AS "{c.name}"'
        for c in _table(table).columns
    )
    connection.execute(f"INSERT INTO {table} BY NAME SELECT {cells} FROM {source}", list(values))


def _cast(column: schema.Column) -> str:
    cast = f'CAST("{column.name}" AS {column.type})'
    if column.type == "TIMESTAMP":
        # A plain cast of text to TIMESTAMP drops the offset in silence (DuckDB 2.0).
        return f"CAST(\"{column.name}\" AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    if column.type == "DOUBLE":
        return f"CASE WHEN isnan({cast}) THEN NULL ELSE {cast} END"
    if column.type == "DOUBLE[]":
        return f"[CASE WHEN isnan(x) THEN NULL ELSE x END FOR x IN {cast}]"
    return cast


def _table(name: str) -> schema.Table:
    return next(table for table in schema.tables() if table.name == name)


# Checking ----------------------------------------------------------------------------------------------------


def differences(results_dir: Path, derive: Derive, facts: str = "") -> list[str]:
    """What an index holds that its run folders do not give, or the other way round: table by table, in sentences.

    A second index is made from the folders, in a folder of its own, and compared: beside the first one, or in the
    system's folder of temporary files if nothing can be written there. An index that is older than the folders is not
    brought up to date. It differs.

    Raises:
        StorageError: the second index cannot be written.
    """
    path = index_path(results_dir)
    if not path.is_file():
        return []
    place = results_dir if os.access(results_dir, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".check-", dir=place) as folder:
        fresh = Path(folder)
        (fresh / "runs").symlink_to(runs.runs_dir(results_dir).resolve(), target_is_directory=True)
        rebuild(fresh, derive, facts)
        with contextlib.closing(_connect({"python_enable_replacements": "false"})) as connection:
            connection.execute(f"ATTACH {_literal(str(index_path(fresh)))} AS fresh (READ_ONLY)")
            try:
                connection.execute(f"ATTACH {_literal(str(path))} AS found (READ_ONLY)")
                made_by = dict(
                    connection.execute("SELECT key, value FROM found.meta WHERE key <> ?", [_FACTS]).fetchall()
                )
            except duckdb.Error as error:
                return [f"{INDEX}: cannot be read ({_first_line(error)}); `harness index --rebuild` makes it anew"]
            if made_by != _made_by():
                return [f"{INDEX}: made by another version of harness; `harness index` makes it anew"]
            found = [problem for table in schema.tables() if (problem := _difference(connection, table.name))]
            if not found and is_as_written(path) is False:  # in a view, say, or in a table that is none of ours
                return [f"{INDEX}: {_CHANGED}; `harness index` makes it anew from the run folders"]
            return found


def _difference(connection: duckdb.DuckDBPyConnection, table: str) -> str | None:
    # A copied folder has other times, which is no other content.
    columns = "* EXCLUDE (fingerprint)" if table == "runs" else "*"
    more = less = 0
    try:
        for where in _pieces(connection, table):
            for one, other in (("found", "fresh"), ("fresh", "found")):
                number = connection.execute(
                    f"SELECT count(*) FROM (SELECT {columns} FROM {one}.{table} WHERE {where} "
                    f"EXCEPT ALL SELECT {columns} FROM {other}.{table} WHERE {where})"
                ).fetchall()[0][0]
                more, less = (more + number, less) if one == "found" else (more, less + number)
    except duckdb.Error as error:
        return f"{INDEX}: {table}: cannot be read ({_first_line(error)})"
    if more or less:
        return (
            f"{INDEX}: {table}: {more} rows that the run folders do not give, {less} that they give are missing; "
            "`harness index --rebuild` makes it from them"
        )
    return None


def _pieces(connection: Connection, table: str) -> list[str]:
    """Conditions that cut a table into the rows of some runs each, which memory holds. A table without runs has one."""
    if not any(column.name == "run_id" for column in _table(table).columns):
        return ["true"]
    held = f"SELECT run_id FROM fresh.{table} UNION SELECT run_id FROM found.{table} ORDER BY run_id"
    names = [row[0] for row in connection.execute(held).fetchall()]
    firsts = [_literal(name) for name in names[::_RUNS_AT_ONCE]] or ["''"]
    ends = [*(f"run_id < {first}" for first in firsts[1:]), "true"]
    return [f"run_id >= {first} AND {end}" for first, end in zip(firsts, ends, strict=True)]


# Reading -----------------------------------------------------------------------------------------------------


def _instance(path: Path, memory_mb: int | None = None) -> Connection:
    """A connection that can read this one file and nothing else, with its settings locked. DuckDB takes 20 ms for it.

    To DuckDB a file that was attached may be written to by COPY, and be attached again to write, whatever
    `enable_external_access` says. So once it is open, no file can be opened at all, not even to spill to.
    """
    # Attached to a database of its own in memory: within one process, DuckDB gives the same path the same open file,
    # so that who opens it again would see the index of the first time.
    bound: Settings = {} if memory_mb is None else {"memory_limit": f"{memory_mb}MiB"}
    connection = _connect(_SAFE | bound | {"temp_directory": ""})
    try:
        connection.execute(f"ATTACH {_literal(str(path))} AS results (READ_ONLY)")
        connection.execute("USE results")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error:
        connection.close()
        raise
    return connection


_SAFE: Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_kept: dict[tuple[int, ...], Connection] = {}
"""The instance that readings share, if they do, by what its file was when it was opened. At most one."""
_keeping = threading.Lock()


def _shared(path: Path) -> Connection:
    """As `_instance`, but all connections to the same file share one, if this process keeps it (`results.KEEPS_INDEX`).

    Raises:
        duckdb.Error: it cannot be read.
    """
    if not results.KEEPS_INDEX.is_set():
        return _instance(path)
    with _keeping:
        state = path.stat()
        file = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if file not in _kept:
            _kept.clear()  # not closed: that would close the connections of those who still read
            _kept[file] = _instance(path)
        connection = _kept[file].cursor()
    connection.execute("USE results")
    return connection


def _let_go() -> None:
    """Close the shared instance as soon as nobody reads."""
    with _keeping:
        _kept.clear()


def _before_fork() -> None:
    """A child would have the instance without its threads, and crash even if it closed it."""
    _keeping.acquire()
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_keeping.release, after_in_child=_keeping.release)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
