"""What the SQL index promises: the run folders, all of them, and nothing but them."""

import contextlib
import json
import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolders import SAMPLES, sample, write_run

from harness.errors import HarnessError, StorageError
from harness.results import derivation, schema, store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "schema.md"
SPAWN = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    SPAWN.set_forkserver_preload(["harness.results.derivation"])  # once, and not in each process


def content(results):
    """Every table of the index, sorted."""
    with contextlib.closing(store.connect(results)) as connection:
        return {t.name: connection.execute(f"SELECT * FROM {t.name} ORDER BY ALL").fetchall() for t in schema.TABLES}


def run_ids(results):
    return store.query(results, "SELECT run_id FROM runs ORDER BY run_id")["run_id"].to_list()


@pytest.fixture
def unindexed(tmp_path):
    """Two runs, and no index yet."""
    write_run(tmp_path, "eval-a1")
    write_run(tmp_path, "eval-b2", docs=3, finished_at="2026-01-03T04:00:00+00:00")
    return tmp_path


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two runs and their index, which nobody changes."""
    results = tmp_path_factory.mktemp("two")
    write_run(results, "eval-a1")
    write_run(results, "eval-b2", docs=3, finished_at="2026-01-03T04:00:00+00:00")
    derivation.refresh(results)
    return results


@pytest.fixture
def results(two, tmp_path):
    """Two runs and their index, of one's own."""
    return shutil.copytree(two, tmp_path / "results")


# Rebuilt from the run folders ----------------------------------------------------------------------------------


def test_two_rebuilds_have_the_same_content(unindexed):
    derivation.rebuild(unindexed)
    first = content(unindexed)
    derivation.rebuild(unindexed)
    assert content(unindexed) == first
    assert all(
        rows
        for name, rows in first.items()
        if name not in {"attempts", "shared_errors", "agreements", "suggested_identities", "provenance", "fingerprints"}
    )


def test_a_deleted_index_comes_back_the_same(results):
    before = content(results)
    store.index_path(results).unlink()
    derivation.refresh(results)
    assert content(results) == before


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "change", "damage"]), st.integers(0, 3)), min_size=1, max_size=6
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
@pytest.mark.slow
def test_an_updated_index_equals_a_rebuilt_one(tmp_path_factory, steps):
    results = tmp_path_factory.mktemp("steps")
    for step, number in steps:
        folder = results / "runs" / f"eval-{number}"
        if step in ("remove", "change") and folder.exists():
            shutil.rmtree(folder)
        if step in ("add", "change") and not folder.exists():
            write_run(results, folder.name, docs=2 + number, finished_at=f"2026-01-0{1 + number}T00:00:00+00:00")
        if step == "damage" and folder.exists():
            (folder / "samples.parquet").write_bytes(b"PAR1 not really")
        derivation.refresh(results)
    updated = content(results)
    derivation.rebuild(results)
    assert content(results) == updated


def test_nothing_is_written_where_nothing_changed(results):
    index = store.index_path(results)
    before = index.stat().st_ino, index.stat().st_mtime_ns
    done = derivation.refresh(results)
    assert (done.added, done.removed, done.runs) == ((), (), 2)
    assert (index.stat().st_ino, index.stat().st_mtime_ns) == before


def test_only_new_and_changed_runs_are_read_again(unindexed):
    assert derivation.refresh(unindexed).added == ("eval-a1", "eval-b2")
    shutil.rmtree(unindexed / "runs" / "eval-a1")
    write_run(unindexed, "eval-a1", docs=2)
    write_run(unindexed, "eval-c3")
    done = derivation.refresh(unindexed)
    assert (done.added, done.removed, done.runs) == (("eval-a1", "eval-c3"), (), 3)
    assert store.query(unindexed, "SELECT count(*) n FROM samples WHERE run_id = 'eval-a1'")["n"].item() == 2 * 3 * 2


def test_a_vanished_run_leaves_no_trace(results):
    shutil.rmtree(results / "runs" / "eval-b2")
    assert derivation.refresh(results).removed == ("eval-b2",)
    for table in schema.TABLES:
        if any(c.name == "run_id" for c in table.columns):
            assert store.query(results, f"SELECT 1 FROM {table.name} WHERE run_id = 'eval-b2'").is_empty()


def test_a_run_without_samples_is_not_there_yet(unindexed):
    (unindexed / "runs" / "eval-b2" / "samples.parquet").unlink()
    assert derivation.refresh(unindexed).problems == ()
    assert run_ids(unindexed) == ["eval-a1"]


def test_no_runs_at_all_make_an_empty_index(tmp_path):
    done = derivation.refresh(tmp_path / "results")
    assert done.runs == 0
    assert store.query(tmp_path / "results", "SELECT * FROM leaderboard").is_empty()


def test_every_sample_attempt_and_score_is_there_as_it_was(tmp_path):
    tries = [
        {"at": "2026-01-02T03:04:05+02:00", "error": "busy", "status": 429},
        {"at": None, "error": "cut", "status": None},
    ]
    rows = [
        sample("eval-a1", "m", "arithmetic", 0, value=1.0, attempts=tries, output="4 \x1b[31m \u202e 你好 \U0001f600"),
        sample("eval-a1", "m", "arithmetic", 1, value=None, status="failed", output=None, error="gone", attempts=None),
        sample("eval-a1", "m", "arithmetic", 2, value=0.0, loglikelihoods=[-1.5, math.nan, None, -math.inf]),
    ]
    folder = write_run(tmp_path, "eval-a1", models=("m",), rows=rows, tasks=("arithmetic",))
    derivation.refresh(tmp_path)
    expected = pl.read_parquet(folder / "samples.parquet")
    found = store.query(tmp_path, "SELECT * FROM samples ORDER BY doc_id")
    same = [name for name in SAMPLES if name not in ("attempts", "scores", "loglikelihoods", "started_at")]
    assert found.select(same).rows() == expected.select(same).rows()
    assert found["loglikelihoods"].to_list()[2] == [-1.5, None, None, -math.inf]
    assert str(found["started_at"][0]) == "2026-01-02 03:04:05.678000"
    attempts = store.query(
        tmp_path, "SELECT attempt, CAST(attempted_at AS VARCHAR), error, status FROM attempts ORDER BY attempt"
    )
    assert attempts.rows() == [(0, "2026-01-02 01:04:05", "busy", 429), (1, None, "cut", None)]
    scores = store.query(
        tmp_path,
        "SELECT value, scores.status, detail ->> 'rule' FROM scores JOIN samples USING (run_id, sample_id) ORDER BY doc_id",
    )
    assert scores.rows() == [(1.0, "correct", "exact"), (None, "no_answer", "exact"), (0.0, "wrong", "exact")]


def test_nan_never_enters(tmp_path):
    rows = [sample("eval-a1", "m", "arithmetic", d, latency_s=math.nan, loglikelihoods=[math.nan]) for d in range(2)]
    for row in rows:
        row["scores"][0]["value"] = math.nan
    folder = write_run(tmp_path, "eval-a1", models=("m",), rows=rows, tasks=("arithmetic",))
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(
        re.sub(r'"value": [^,]+', '"value": NaN', text).replace('"temperature": 0.0', '"temperature": NaN')
    )
    assert derivation.refresh(tmp_path).problems == ()
    for table in schema.TABLES:
        for column in table.columns:
            if column.type == "DOUBLE":
                assert store.query(tmp_path, f'SELECT 1 FROM {table.name} WHERE isnan("{column.name}")').is_empty()
    assert store.query(tmp_path, "SELECT value FROM scores")["value"].to_list() == [None, None]
    assert store.query(tmp_path, "SELECT value FROM metrics")["value"].to_list() == [None]
    assert store.query(tmp_path, "SELECT loglikelihoods l FROM samples LIMIT 1")["l"].to_list() == [[None]]


# A damaged folder ----------------------------------------------------------------------------------------------


def _edit(change):
    def apply(folder):
        manifest = json.loads((folder / "run.json").read_text())
        change(manifest)
        (folder / "run.json").write_text(json.dumps(manifest))

    return apply


def _reframe(change):
    def apply(folder):
        change(pl.read_parquet(folder / "samples.parquet")).write_parquet(folder / "samples.parquet")

    return apply


DAMAGE = {
    "cut samples": lambda f: (f / "samples.parquet").write_bytes((f / "samples.parquet").read_bytes()[:-200]),
    "empty samples": lambda f: (f / "samples.parquet").write_bytes(b""),
    "samples that are no Parquet": lambda f: (f / "samples.parquet").write_text("hello"),
    "a column is missing": _reframe(lambda frame: frame.drop("doc")),
    "a column is of another type": _reframe(lambda frame: frame.with_columns(scores=pl.lit("none"))),
    "no sample ids": _reframe(lambda frame: frame.with_columns(sample_id=pl.lit(None, pl.String))),
    "repeated sample ids": _reframe(lambda frame: frame.with_columns(sample_id=pl.lit("x"))),
    "samples of another run": _reframe(lambda frame: frame.with_columns(run_id=pl.lit("eval-a1"))),
    "fewer samples than the manifest says": _reframe(lambda frame: frame.head(3)),
    "a document that is no JSON": _reframe(lambda frame: frame.with_columns(doc=pl.lit("{"))),
    "a time that is none": _reframe(lambda frame: frame.with_columns(started_at=pl.lit("noon"))),
    "a manifest that is no JSON": lambda f: (f / "run.json").write_text("{"),
    "a manifest that is a list": lambda f: (f / "run.json").write_text("[]"),
    "a manifest of the future": _edit(lambda m: m.update(schema=99)),
    "a manifest without models": _edit(lambda m: m.pop("models")),
    "a metric that is text": _edit(lambda m: m["metrics"][0].update(value="high")),
    "a metric without n": _edit(lambda m: m["metrics"][0].pop("n")),
    "models that are text": _edit(lambda m: m.update(models=["alpha"])),
    "a renamed folder": _edit(lambda m: m.update(run_id="eval-x")),
    "binary in the manifest": lambda f: (f / "run.json").write_bytes(b"\xff\xfe\x00"),
}


def test_damaged_runs_are_named_one_by_one_and_left_out_whole(tmp_path):
    write_run(tmp_path, "eval-a1")
    for number, damage in enumerate(DAMAGE.values()):
        damage(write_run(tmp_path, f"eval-b{number:02}", docs=3))
    done = derivation.refresh(tmp_path)
    assert (done.added, done.runs) == (("eval-a1",), 1)
    named = {what: [p for p in done.problems if f"eval-b{n:02}" in p] for n, what in enumerate(DAMAGE)}
    assert {what: len(problems) for what, problems in named.items()} == dict.fromkeys(DAMAGE, 1)
    assert len(done.problems) == len(DAMAGE)
    for table in ("runs", "samples", "models", "tasks", "metrics", "scores"):
        assert store.query(tmp_path, f"SELECT DISTINCT run_id FROM {table}").rows() == [("eval-a1",)]


def test_a_damaged_run_that_was_fine_is_taken_out_and_comes_back_when_restored(results):
    path = results / "runs" / "eval-b2" / "samples.parquet"
    good = path.read_bytes()
    path.write_bytes(good[:100])
    assert derivation.refresh(results).removed == ("eval-b2",)
    path.write_bytes(good)
    assert derivation.refresh(results).added == ("eval-b2",)


# Which run speaks ----------------------------------------------------------------------------------------------


def chosen(results):
    derivation.refresh(results)
    return store.query(results, "SELECT DISTINCT run_id FROM leaderboard")["run_id"].to_list()


def test_the_run_with_most_documents_speaks(tmp_path):
    write_run(tmp_path, "eval-a", docs=4, finished_at="2026-01-01T00:00:00+00:00")
    write_run(tmp_path, "eval-b", docs=2, finished_at="2026-02-01T00:00:00+00:00")
    assert chosen(tmp_path) == ["eval-a"]


def test_documents_whose_requests_failed_do_not_count(tmp_path):
    write_run(tmp_path, "eval-a", docs=2, finished_at="2026-01-01T00:00:00+00:00")
    rows = [
        sample("eval-b", m, "arithmetic", d, status="failed", output=None) for m in ("alpha", "beta") for d in range(9)
    ]
    write_run(tmp_path, "eval-b", rows=rows, tasks=("arithmetic",), status="incomplete")
    assert chosen(tmp_path) == ["eval-a"]


def test_of_equal_runs_the_newest_speaks_then_the_last_by_name(tmp_path):
    write_run(tmp_path, "eval-b", finished_at="2026-01-01T09:00:00+02:00")
    write_run(tmp_path, "eval-a", finished_at="2026-01-01T08:00:00+00:00")
    assert chosen(tmp_path) == ["eval-a"]
    write_run(tmp_path, "eval-c", finished_at="2026-01-01T08:00:00+00:00")
    assert chosen(tmp_path) == ["eval-c"]


def test_a_running_run_does_not_speak(tmp_path):
    folder = write_run(tmp_path, "eval-a", status="running")
    _edit(lambda m: m.update(counts={}, tokens={}, metrics=[], finished_at=None))(folder)
    assert chosen(tmp_path) == []
    assert run_ids(tmp_path) == ["eval-a"]


def test_an_incomplete_run_speaks_with_its_n(tmp_path):
    write_run(tmp_path, "eval-a", status="incomplete")
    assert chosen(tmp_path) == ["eval-a"]


def test_similarities_and_claims_come_from_the_chosen_runs_and_say_they_are_not_calibrated(results):
    pairs = store.query(results, "SELECT * FROM similarities ORDER BY domain NULLS FIRST").rows(named=True)
    assert [(p["model_a"], p["model_b"], p["domain"], p["n"]) for p in pairs] == [
        ("alpha", "beta", None, 4),
        ("alpha", "beta", "science", 2),
        ("alpha", "beta", "story", 2),
    ]
    assert 0 < pairs[0]["ci_low"] <= pairs[0]["value"] <= pairs[0]["ci_high"] < 1
    claims = store.query(results, "SELECT model, claimed, share, n FROM identity_claims ORDER BY ALL").rows()
    assert claims == [(m, c, 0.5, 4) for m in ("alpha", "beta") for c in ("(none)", "OpenAI")]
    for table in ("similarities", "identity_claims"):
        assert store.query(results, f"SELECT DISTINCT calibrated FROM {table}")["calibrated"].to_list() == [False]


# Reading -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    results = tmp_path_factory.mktemp("indexed")
    write_run(results, "eval-a1")
    derivation.refresh(results)
    return results


def test_the_last_of_several_statements_is_the_result(indexed):
    sql = "SELECT * FROM samples; CREATE TEMP TABLE t AS SELECT 1 AS x; SELECT x + 1 AS y FROM t;"
    assert store.query(indexed, sql).to_dict(as_series=False) == {"y": [2]}


def test_sums_of_integers_are_integers(indexed):
    frame = store.query(indexed, "SELECT sum(prompt_tokens) AS t FROM samples")
    assert frame.dtypes == [pl.Int64]
    assert frame.item() == 12 * 24


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nonsense FROM samples", "nonsense"),
        ("SELEC 1", "syntax"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("", "no SQL statement"),
        ("  -- nothing", "no SQL statement"),
        ("SELECT INTERVAL 1 DAY AS gap", "CAST"),
    ],
)
def test_an_error_of_the_engine_keeps_its_message(indexed, sql, message):
    with pytest.raises(HarnessError, match=message):
        store.query(indexed, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM samples",
        "CREATE TABLE mine (x INT)",
        "DROP TABLE samples",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "COPY samples TO '/tmp/stolen.csv'",
        "EXPORT DATABASE '/tmp/stolen'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET python_enable_replacements = true",
        "PRAGMA enable_profiling = 'json'",
        "SELECT * FROM a_frame_of_the_caller",
    ],
)
def test_sql_can_neither_write_nor_leave_the_index(indexed, sql):
    a_frame_of_the_caller = pl.DataFrame({"secret": [1]})
    before = store.index_path(indexed).read_bytes()
    with pytest.raises(HarnessError):
        store.query(indexed, sql)
    assert store.index_path(indexed).read_bytes() == before
    assert len(a_frame_of_the_caller) == 1


def test_a_missing_index_says_how_to_make_one(tmp_path):
    with pytest.raises(StorageError, match="harness index"):
        store.query(tmp_path, "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def _foreign(path, kind):
    if kind == "garbage":
        path.write_bytes(b"not a database at all" * 1000)
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "newer engine":
        data = bytearray(path.read_bytes())
        assert data[8:12] == b"DUCK"
        data[12:20] = (9999).to_bytes(8, "little")
        path.write_bytes(data)
    else:
        with duckdb.connect(path) as connection:
            connection.execute("DROP TABLE meta" if kind == "no meta" else "UPDATE meta SET value = '0'")


@pytest.mark.parametrize("kind", ["garbage", "cut", "newer engine", "no meta", "older schema"])
@pytest.mark.slow
def test_an_index_of_another_kind_says_rebuild_and_is_rebuilt(results, kind):
    before = content(results)
    _foreign(store.index_path(results), kind)
    with pytest.raises(StorageError, match="harness index"):
        store.query(results, "SELECT 1")
    assert derivation.refresh(results).added == ("eval-a1", "eval-b2")
    assert content(results) == before


# Many processes ------------------------------------------------------------------------------------------------


def _read_all_the_time(results, reading, stop, out):
    """Reads until all is written, and then until it has seen it all."""
    counts, problems = [], []
    while not stop.is_set() or ((len(counts) < 4 or counts[-1] != 6) and len(problems) < 99):
        try:
            row = store.query(
                results,
                "SELECT (SELECT count(*) FROM runs) AS runs, (SELECT sum(samples) FROM runs) AS said, "
                "(SELECT count(*) FROM samples) AS held, (SELECT count(DISTINCT run_id) FROM tasks) AS of_tasks",
            ).row(0, named=True)
        except HarnessError as error:
            problems.append(str(error))
            continue
        time.sleep(0.2)  # four that never pause leave the writer no core
        if row["said"] != row["held"] or row["runs"] != row["of_tasks"]:
            problems.append(f"half an index: {row}")
        counts.append(row["runs"])
        if len(counts) == 1:
            reading.release()
    if counts != sorted(counts):
        problems.append(f"went back: {counts}")
    out.put((len(counts), counts[-1] if counts else 0, problems))


@pytest.mark.slow
def test_four_readers_never_wait_fail_or_see_half_while_the_index_is_refreshed(results):
    reading, stop, out = SPAWN.Semaphore(0), SPAWN.Event(), SPAWN.Queue()
    shared = (results, reading, stop, out)
    readers = [SPAWN.Process(target=_read_all_the_time, args=shared, daemon=True) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in readers:
        assert reading.acquire(timeout=120)
    for number in range(4):
        write_run(results, f"eval-c{number}")
        derivation.refresh(results)
    stop.set()
    reports = [out.get(timeout=120) for _ in readers]
    for reader in readers:
        reader.join(60)
    assert [problems for _, _, problems in reports if problems] == []
    assert all(reads > 3 and last == 6 for reads, last, _ in reports), reports


def _refresh(results):
    derivation.refresh(results)


@pytest.mark.slow
def test_processes_that_index_at_once_take_turns(results):
    for number in range(3):
        write_run(results, f"eval-d{number}")
    writers = [SPAWN.Process(target=_refresh, args=(results,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    updated = content(results)
    derivation.rebuild(results)
    assert content(results) == updated
    assert sorted(path.name for path in results.iterdir() if not path.name.endswith((".lock", ".mark"))) == [
        "fingerprints",
        "harness.duckdb",
        "runs",
    ]


def _killed(_query, _changed):
    os.kill(os.getpid(), signal.SIGKILL)


def _refresh_and_die(results):
    store.refresh(results, _killed)


def test_a_killed_refresh_leaves_the_old_index_and_the_next_one_works(results):
    before = content(results)
    write_run(results, "eval-c3")
    process = SPAWN.Process(target=_refresh_and_die, args=(results,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert content(results) == before
    assert derivation.refresh(results).added == ("eval-c3",)
    assert not list(results.glob("*.new*"))


def test_an_error_on_the_way_leaves_the_old_index(results):
    before = content(results)
    write_run(results, "eval-c3")

    def broken(_query, _changed):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.refresh(results, broken)
    assert content(results) == before
    assert not [path for path in results.iterdir() if path.name.startswith(".") and ".new" in path.name]


def test_a_full_disk_is_an_error_that_keeps_the_old_index(results):
    before = content(results)
    write_run(results, "eval-c3")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from harness.results import derivation\n"
        "from harness.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try: derivation.refresh(Path(sys.argv[1]))\n"
        "except StorageError as error: print('STORAGE', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, results], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.startswith("STORAGE"), done
    assert content(results) == before


def test_a_results_folder_that_is_a_file_is_an_error_with_advice(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(StorageError, match="results"):
        derivation.refresh(tmp_path / "results")


# Documentation -------------------------------------------------------------------------------------------------


def test_the_schema_in_the_index_is_the_one_in_the_docs_with_its_comments(indexed):
    columns = store.query(
        indexed,
        "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY table_oid, column_index",
    )
    tables = store.query(
        indexed,
        "SELECT table_name AS name, comment FROM duckdb_tables() WHERE NOT internal "
        "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
    )
    found = {name: [] for name in tables["name"]}
    for table, *column in columns.rows():
        found[table].append(tuple(column))
    expected = {
        t.name: [(c.name, c.type, bool(t.sql) or not c.required, c.comment) for c in t.columns]
        for t in schema.TABLES + schema.VIEWS
    }
    assert found == expected
    assert dict(tables.rows()) == {t.name: t.comment for t in schema.TABLES + schema.VIEWS}
    assert all(comment for columns in expected.values() for *_, comment in columns)


def test_the_docs_hold_the_schema_word_for_word():
    text = DOCS.read_text(encoding="utf-8")
    made = text.split(schema.DOCS_BEGIN)[1].split(schema.DOCS_END)[0].strip()
    assert made == schema.markdown().strip(), (
        "docs/schema.md is behind harness/results/schema.py: put schema.markdown() there"
    )


QUERIES = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL) if DOCS.exists() else []


def test_the_docs_have_six_worked_queries():
    assert len(QUERIES) == 6


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_worked_query_of_the_docs_gives_rows_and_the_same_ones_again(two, number):
    frame = store.query(two, QUERIES[number])
    assert frame.height > 0
    assert frame.equals(store.query(two, QUERIES[number]))


def test_an_index_on_a_disk_that_cannot_be_written_is_checked_elsewhere(results, monkeypatch, tmp_path):
    derivation.refresh(results)
    before = sorted(path.name for path in results.iterdir())
    elsewhere, made = tmp_path / "elsewhere", []
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.setattr(os, "access", lambda *_: False)
    rebuild = store.rebuild
    monkeypatch.setattr(store, "rebuild", lambda folder, *given: (made.append(folder), rebuild(folder, *given))[1])
    assert derivation.differences(results) == []
    assert [folder.parent for folder in made] == [elsewhere]
    assert sorted(path.name for path in results.iterdir()) == before


def test_an_index_on_a_disk_that_cannot_be_written_is_read_as_it_is(results, monkeypatch):
    write_run(results, "eval-c3")
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)  # root may write everywhere: the answer of a read-only disk
        done = derivation.refresh(results)
        (problem,) = done.problems
        assert "cannot be written" in problem
        assert done.runs == 2
        assert run_ids(results) == ["eval-a1", "eval-b2"]
    assert derivation.refresh(results).added == ("eval-c3",)
