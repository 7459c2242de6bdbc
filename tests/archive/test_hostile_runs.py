"""Whatever stands in a run folder or an index, no command ends in a traceback, takes all memory, or writes what obeys."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import duckdb
import polars as pl
import pytest
from conftest import Project
from runfolders import sample, write_run

from harness import runs
from harness.archive import bundles, copies, imports, stored_samples, verification
from harness.archive.exports import _run
from harness.cli import catalogue
from harness.core import tables
from harness.errors import ConfigError, DamagedIndexError, HarnessError, StorageError
from harness.results import derivation, store
from harness.runs import Replies

DEEP = 100_000


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_run(tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def run(results: Path) -> Path:
    (folder,) = runs.list_runs(results)
    return folder


# Nesting -----------------------------------------------------------------------------------------------------


def test_nesting_in_a_manifest_is_a_finding(tmp_path: Path) -> None:
    for number, (key, depth) in enumerate(product(("weather", "argv", "spec"), (150, 190, 400, 900, DEEP))):
        run = write_run(tmp_path, f"eval-{number}")
        said = (run / runs.MANIFEST).read_bytes().rstrip().removesuffix(b"}")
        deep = b', "%s": ' % key.encode() + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
        (run / runs.MANIFEST).write_bytes(said + deep)
        states = {f.state for f in verification.verify(run, scores=False)}
        assert states <= {"ok", "wrong", "not checked"}, (key, depth)
        assert "wrong" in states, (key, depth)
    derivation.refresh(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"id":"x","model":"m","reply":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"id":' * 900 + b"1" + b"}" * 900,
    ],
)
def test_nesting_in_a_line_of_a_journal_is_a_finding(run: Path, line: bytes) -> None:
    (run / runs.JOURNAL).write_bytes(line + b"\n")
    with pytest.raises(StorageError, match="line 1 is damaged"):
        Replies(run / runs.JOURNAL)
    assert any(f.check == "journal" and f.state == "wrong" for f in verification.verify(run, scores=False))


@pytest.mark.parametrize("column", ["doc", "messages", "decoding"])
def test_nesting_in_a_cell_is_a_finding(tmp_path: Path, column: str) -> None:
    row = sample("eval-a1", "alpha", "arithmetic", 0, value=1.0) | {column: '{"a":' * DEEP + "1" + "}" * DEEP}
    run = write_run(tmp_path / "results", models=("alpha",), rows=[row], tasks=("arithmetic",))
    assert any(f.state == "wrong" for f in verification.verify(run))


def test_columns_of_other_types_are_a_finding(run: Path) -> None:
    frame = pl.read_parquet(run / runs.SAMPLES)
    frame.with_columns(pl.lit(3).alias("request_ids")).write_parquet(run / runs.SAMPLES)
    with pytest.raises(StorageError, match="cannot be read"):
        stored_samples.samples(run)
    assert any(f.check == "samples" and f.state == "wrong" for f in verification.verify(run))


# A small file that is large ----------------------------------------------------------------------------------


def bomb(run: Path, kind: str) -> Path:
    """Samples of a few kB that take 1.5 GB."""
    frame = pl.read_parquet(run / runs.SAMPLES)
    one = frame.head(1)
    if kind == "shared":
        frame = pl.concat([one.with_columns(output=pl.lit("x" * 1_000_000))] * 1500)
    elif kind == "rows":
        empty = one.with_columns(pl.lit(None).cast(dtype).alias(name) for name, dtype in one.schema.items())
        frame = pl.concat([empty] * 1024)
        for _ in range(11):
            frame = frame.vstack(frame)
    else:
        frame = pl.concat([one.with_columns(output=pl.lit(chr(65 + i) * 6_000_000)) for i in range(50)])
    frame.write_parquet(run / runs.SAMPLES, compression="zstd", compression_level=19, statistics=False)
    return run / runs.SAMPLES


@pytest.mark.parametrize("kind", ["shared", "rows", "texts"])
@pytest.mark.slow
def test_a_small_file_that_takes_much_memory_is_refused_before_it_does(results: Path, run: Path, kind: str) -> None:
    assert bomb(run, kind).stat().st_size < 1_500_000
    code = (
        "import resource, sys; from pathlib import Path; from harness.archive import stored_samples; "
        "from harness.errors import StorageError\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "import polars, pyarrow.parquet; before = peak()\n"
        "try: stored_samples.samples(Path(sys.argv[1]))\n"
        "except StorageError as error: print(error)\n"
        "print(peak() - before)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True).stdout
    *message, mb = said.splitlines()
    assert "harness writes no such file" in message[0]
    assert float(mb) < 400
    assert any(f.check == "samples" and f.state == "wrong" for f in verification.verify(run, scores=False))
    (problem,) = derivation.refresh(results).problems
    assert "harness writes no such file" in problem


def test_neither_show_nor_export_nor_import_reads_such_a_file(
    results: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = pl.DataFrame({"model": ["m"] * 400, "prompt_id": ["p"] * 400, "output": ["x" * 1_000_000] * 400})
    shared.write_parquet(run.parent / "table.parquet", compression="zstd")
    shared.rename({"prompt_id": "task"}).write_parquet(run / runs.SAMPLES, compression="zstd")
    monkeypatch.setattr(pl, "read_parquet", None)  # nothing is read
    with pytest.raises(StorageError, match="harness writes no such file"):
        catalogue.samples(run)
    exported = _run.Finished(run, runs.read_manifest(run))
    for read in (lambda: exported.samples, lambda: exported.covered):
        with pytest.raises(StorageError, match="harness writes no such file"):
            read()
    with pytest.raises(ConfigError, match=r"take more than .* MB of memory.*import a part of it"):
        imports.convert("parquet", run.parent / "table.parquet", results, name=None, task=None, columns={}, argv=[])


def test_a_prompt_that_all_share_is_no_such_file(tmp_path: Path) -> None:
    rows = [sample("eval-a1", "alpha", "arithmetic", doc, value=1.0, prompt="p" * 5000) for doc in range(300)]
    run = write_run(tmp_path / "results", models=("alpha",), rows=rows, tasks=("arithmetic",))
    assert len(stored_samples.samples(run)) == 300


# An index with changed bytes -----------------------------------------------------------------------------------


def rot(results: Path, every: int) -> None:
    """Change bytes of the index behind its headers, as a disk does: they say that nobody has written to it."""
    path = store.index_path(results)
    data = bytearray(path.read_bytes())
    for place in range(3 * 4096 + 64, len(data), every):
        data[place] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("every", [997, 262_144])
def test_an_index_with_changed_bytes_is_made_anew_and_that_is_said(project: Project, every: int) -> None:
    write_run(project.root / "results")
    project.run("index")
    want = project.run("sql", "SELECT * FROM samples ORDER BY ALL", "--format", "json").stdout
    for words in (
        ["sql", "SELECT * FROM samples ORDER BY ALL", "--format", "json"],
        ["leaderboard"],
        ["runs"],
        ["index"],
    ):
        rot(project.root / "results", every)
        done = project.run(*words)
        assert "Traceback" not in done.stderr
        if words[0] == "sql":
            assert done.stdout == want
            assert (
                "made anew from the run folders" in done.stderr or "makes it anew from the run folders" in done.stderr
            )
    rot(project.root / "results", every)
    write_run(project.root / "results", "eval-b2", models=("gamma",))
    done = project.run("index")
    assert "anew from the run folders" in done.stderr
    assert "2 runs" in done.stdout


@pytest.mark.slow
def test_wherever_an_index_is_damaged_the_next_run_makes_it_anew(results: Path) -> None:
    """One block in one place each time. Neither a run nor a probe that reads it is to blame."""
    derivation.refresh(results)
    path = store.index_path(results)
    mark = path.with_name(store.MARK)
    whole, marked = path.read_bytes(), mark.read_bytes()
    noticed = 0
    write_run(results, "eval-b2", models=("gamma",))
    for place in range(3 * 4096 + 100, len(whole), 262_144)[1:8]:
        path.write_bytes(whole[:place] + bytes(64) + b"x" + whole[place + 65 :])
        mark.write_bytes(marked)
        done = derivation.refresh(results)
        assert done.runs == 2, place
        assert all("anew from the run folders" in problem for problem in done.problems), done.problems
        noticed += bool(done.problems)
    assert noticed >= 3
    assert not derivation.differences(results)


def test_a_damaged_index_is_no_error_of_the_query(results: Path) -> None:
    derivation.refresh(results)
    rot(results, 997)
    with pytest.raises(DamagedIndexError, match="makes it anew") as caught:
        store.query(results, "SELECT * FROM samples")
    assert caught.value.results == results


# Large results, and bounds ------------------------------------------------------------------------------------


def wide(results: Path, rows: int) -> None:
    """An index whose table of samples is large, without the run folders that it takes."""
    derivation.refresh(results)
    with duckdb.connect(store.index_path(results)) as connection:
        for _ in range(20):
            held = connection.execute("SELECT count(*) FROM samples").fetchall()[0][0]
            connection.execute(f"INSERT INTO samples SELECT * FROM samples LIMIT {max(0, rows - held)}")
        connection.execute("CHECKPOINT")
    store._mark(store.index_path(results), store.index_path(results))


@pytest.mark.slow
def test_the_first_rows_of_a_large_result_are_there_at_once(project: Project) -> None:
    write_run(project.root / "results", docs=100)
    wide(project.root / "results", 52_000)
    took = {}
    project.run("sql", "SELECT 1")  # what is imported is in memory
    for form in ("csv", "json", "table", "markdown"):
        started = time.monotonic()
        process = project.start_binary("sql", "SELECT * FROM samples", "--format", form)
        assert process.stdout
        assert process.stdout.readline()
        took[form] = time.monotonic() - started
        process.stdout.close()
        assert process.wait(30) == 0
    started = time.monotonic()
    project.run("sql", "SELECT count(*) FROM samples")
    assert max(took.values()) < 3 * (time.monotonic() - started) + 2, took


def test_pieces_are_the_whole(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    derivation.refresh(results)
    monkeypatch.setattr(store, "ROWS_AT_ONCE", 7)
    sql = "SELECT * FROM samples ORDER BY ALL"
    bounds = store.Bounds(512, 60)
    whole, parts = store.query(results, sql), list(store.pieces(results, sql, bounds))
    assert len(parts) > 2
    assert pl.concat(parts).equals(whole)
    for form in ("csv", "json", "markdown"):
        assert b"".join(tables.render_pieces(parts, form)) == tables.render(whole, form)
    assert (
        tables.render(whole, "table").splitlines()[-1]
        == b"".join(tables.render_pieces(parts, "table")).splitlines()[-1]
    )
    for nothing in ("SELECT * FROM samples WHERE false", "CREATE TEMP TABLE x AS SELECT 1 AS a", "SELECT 1 AS a"):
        for form in tables.FORMATS:
            pieces = b"".join(tables.render_pieces(store.pieces(results, nothing, bounds), form))
            assert pieces == tables.render(store.query(results, nothing), form) or "CREATE" in nothing


def test_a_query_has_a_bound_of_memory_and_of_time(results: Path) -> None:
    derivation.refresh(results)
    endless = "SELECT count(*) FROM range(100000) a, range(100000) b, range(1000) c"
    started = time.monotonic()
    with pytest.raises(HarnessError, match=r"stopped after 0\.5 s; --timeout allows more"):
        list(store.pieces(results, endless, store.Bounds(512, 0.5)))
    assert time.monotonic() - started < 20
    large = "SELECT list(repeat('x', 20000) || i) FROM range(60000) t(i)"
    with pytest.raises(HarnessError, match="--memory-mb"):
        list(store.pieces(results, large, store.Bounds(100, 60)))


# What a terminal or a spreadsheet obeys ---------------------------------------------------------------------------

EVIL = ["\x1b[2J\x1b[31mred", "=cmd|'/c calc'!A1", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "‮gnirts", "\x9b31m"]
FINE = ["-12.5", "+3", "1e-5", "-4%", "a\nb", "x = 1", "text"]


def test_csv_and_tables_hold_nothing_that_obeys(project: Project) -> None:
    rows = [
        sample("eval-a1", "alpha", "arithmetic", doc, value=1.0, output=text) for doc, text in enumerate(EVIL + FINE)
    ]
    write_run(project.root / "results", models=("alpha",), rows=rows, tasks=("arithmetic",))
    project.run("index")
    query = "SELECT output FROM samples ORDER BY doc_id"
    csv = project.run("sql", query, "--format", "csv").stdout
    cells = pl.read_csv(csv.encode(), infer_schema=False)["output"].to_list()
    assert cells[len(EVIL) :] == FINE
    for cell in cells[: len(EVIL)]:
        assert not set(cell) & set("\x1b\x9b‮")
        assert cell[:1] not in tuple("=+-@\t\r")
    assert "'=cmd|" in csv
    raw = project.run("sql", query, "--format", "csv", "--raw").stdout
    assert pl.read_csv(raw.encode(), infer_schema=False)["output"].to_list() == EVIL + FINE
    table = project.run("sql", query).stdout
    assert not set(table) & set("\x1b\x9b‮")


def test_a_terminal_of_another_encoding_gets_what_it_can_say(project: Project) -> None:
    rows = [sample("eval-a1", "модель", "arithmetic", 0, value=1.0, output="日本")]
    write_run(project.root / "results", models=("модель",), rows=rows, tasks=("arithmetic",))
    command = [str(Path(sys.executable).parent / "harness"), "show", "eval-a1"]
    done = subprocess.run(
        command,
        cwd=project.root,
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "cp1252", "PATH": "/usr/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u043c" in done.stdout or "модель".encode() in done.stdout


def test_nothing_of_a_manifest_moves_the_cursor(project: Project) -> None:
    write_run(project.root / "results")
    (run,) = project.runs()
    said = json.loads((run / runs.MANIFEST).read_text())
    said["models"][0]["args"] = {"file": "\x1b[2J"}
    said["tasks"][0]["licence"] = "\x1b]0;owned\x07"
    (run / runs.MANIFEST).write_text(json.dumps(said))
    for words in (["show", "eval-a1"], ["verify", "eval-a1"], ["runs"]):
        done = project.run(*words, code=None)
        assert "\x1b" not in done.stdout + done.stderr
    shutil.rmtree(run)


def test_whole_rows_are_in_memory_some_at_a_time(run: Path) -> None:
    stored, whole = stored_samples.Stored(run), stored_samples.samples(run)
    assert not {"output", "doc", "messages", "reasoning", "scores"} & set(stored.narrow.columns)
    pieces = list(stored.pieces(size=5))
    assert max(map(len, pieces)) == 5
    assert pl.concat(pieces).equals(whole)
    where = stored.ranges["arithmetic", "beta"]
    assert set(pl.concat(stored.pieces(where, 3, "model", "task")).iter_rows()) == {("beta", "arithmetic")}


def test_rows_out_of_their_order_are_a_finding(run: Path) -> None:
    pl.read_parquet(run / runs.SAMPLES).reverse().write_parquet(run / runs.SAMPLES)
    assert any("not in their order" in f.what for f in verification.verify(run) if f.state == "wrong")


# What is no file -----------------------------------------------------------------------------------------------


def test_a_pipe_or_a_device_in_a_run_folder_keeps_nobody_waiting(tmp_path: Path) -> None:
    names = (runs.JOURNAL, runs.SAMPLES, runs.MANIFEST, "notes.txt")
    made = {}
    for number, (name, kind) in enumerate(product(names, ("pipe", "device"))):
        run = made[name, kind] = write_run(tmp_path, f"eval-{number}")
        (run / name).unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(run / name)
        else:
            (run / name).symlink_to("/dev/zero")
    signal.alarm(60)  # whoever opens a pipe waits for ever
    try:
        assert not derivation.refresh(tmp_path).added
        whole = {run for (name, _), run in made.items() if name != runs.MANIFEST}
        assert set(runs.list_runs(tmp_path)) == whole  # a folder without one is no run
        for run in whole:
            findings = verification.verify(run, scores=False)
            assert any("a pipe, a socket or a device" in str(f) for f in findings if f.state == "wrong")
            with pytest.raises(StorageError):
                runs.read_manifest(run)
            with pytest.raises(StorageError):
                bundles.bundle([run], tmp_path / "b.zip")
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("name", [runs.JOURNAL, runs.SAMPLES, "notes.txt"])
def test_no_file_of_mine_is_given_away_by_a_link_in_a_run_folder(
    results: Path, run: Path, tmp_path: Path, name: str
) -> None:
    """A run folder that came from elsewhere held `notes.txt -> ~/.ssh/id_rsa`, and a bundle of it the key."""
    mine = tmp_path / "mine"
    mine.write_text("my own words")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(mine)
    (tmp_path / "shared").mkdir()
    gives: list[Callable[[], object]] = [
        lambda: bundles.bundle([run], tmp_path / "b.zip"),
        lambda: copies.publish(run, str(tmp_path / "shared")),
    ]
    for give in gives:
        with pytest.raises(StorageError, match="is a link"):
            give()
    assert not (tmp_path / "b.zip").exists()
    assert not list((tmp_path / "shared").iterdir())


def test_a_journal_without_an_end_of_a_line_fills_no_memory(run: Path) -> None:
    """A sparse file of 8 GB, which costs its maker nothing."""
    (run / runs.JOURNAL).touch()
    os.truncate(run / runs.JOURNAL, 8 << 30)
    program = (
        "import resource, sys; from pathlib import Path; from harness import runs; from harness.runs import proof\n"
        "run = Path(sys.argv[1]); resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "print(len(list(proof.chain(run / runs.JOURNAL))), len(runs.Replies(run / runs.JOURNAL)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run)], capture_output=True, text=True, check=False)
    assert done.stdout == "0 0\n", done.stderr
