"""Results in Python and at a prompt: read-only, every table, and what goes wrong in words."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import zipfile

import duckdb
import polars as pl
import pytest
from conftest import ROOT
from runfolders import write_run

import harness
from harness.cli import shell
from harness.errors import ConfigError, HarnessError, StorageError
from harness.results import schema


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_run(folder)
    with harness.open(folder) as opened:
        yield opened


@pytest.mark.parametrize("table", [t.name for t in schema.TABLES + schema.VIEWS])
def test_every_table_is_a_frame_with_the_columns_of_the_schema(results, table):
    frame = getattr(results, table)
    declared = next(t for t in schema.TABLES + schema.VIEWS if t.name == table)
    assert frame.columns == [c.name for c in declared.columns]
    assert table in dir(results)
    assert results.tables


def test_frames_are_read_and_nothing_can_be_written_or_fetched(results):
    assert results.sql("SELECT count(*) AS n FROM samples").item() == results.samples.height == 24
    assert "24 samples" in repr(results)
    for query in ("DELETE FROM samples", "SELECT * FROM read_csv('/etc/passwd')", "INSTALL httpfs"):
        with pytest.raises(HarnessError):
            results.sql(query)
    with pytest.raises(duckdb.Error):
        results.connection.execute("DROP TABLE samples")
    with pytest.raises(AttributeError, match="leaderboard"):
        _ = results.leaderbord


def test_the_typed_attributes_are_the_tables_of_the_schema():
    declared = list(harness.results.notebook.Results.__annotations__)
    assert declared == [table.name for table in schema.TABLES + schema.VIEWS]


@pytest.mark.slow
def test_a_type_checker_knows_every_table_and_no_other(tmp_path):
    names = [table.name for table in schema.TABLES + schema.VIEWS]
    lines = [f'reveal_type(harness.open("results").{name})' for name in [*names, "leaderbord"]]
    (tmp_path / "snippet.py").write_text("\n".join(["import harness", *lines]) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), "snippet.py"]
    environment = {**os.environ, "MYPYPATH": ""}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    said = re.findall(r'snippet\.py:(\d+): note: Revealed type is "(.*)"', done.stdout)
    kinds = ("polars.dataframe.frame.DataFrame", "harness.results.callables.ProvenanceFrame")
    frames = [line for line, kind in said if kind in kinds]
    assert frames == [str(number) for number in range(2, len(names) + 2)], done.stdout + done.stderr
    assert '"Results" has no attribute "leaderbord"' in done.stdout


def test_the_wheel_says_that_it_is_typed(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "harness/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_what_is_opened_stays_while_evaluations_go_on(tmp_path):
    write_run(tmp_path, "eval-a1")
    with harness.open(tmp_path) as first:
        write_run(tmp_path, "eval-b2", models=("gamma",))
        with harness.open(tmp_path) as second:
            assert second.runs.height == 2
        assert first.runs.height == 1


def test_a_missing_folder_and_a_missing_index_are_told(tmp_path):
    with pytest.raises(ConfigError, match="no results folder"):
        harness.open(tmp_path / "nowhere")
    write_run(tmp_path)
    with pytest.raises(StorageError, match="harness index"):
        harness.open(tmp_path, refresh=False)


def test_opentelemetry_names_hold_what_the_samples_hold(results):
    row = results.gen_ai.filter(pl.col("gen_ai.evaluation.name") == "accuracy").row(0, named=True)
    assert row["gen_ai.usage.input_tokens"] == 12
    assert row["gen_ai.response.finish_reasons"] == ["stop"]
    assert row["gen_ai.evaluation.score.label"] in ("correct", "wrong")
    assert results.gen_ai.height == results.samples.height


# The prompt --------------------------------------------------------------------------------------------------


def test_tables_columns_and_words_are_completed():
    assert "leaderboard" in shell.completions("leaderb")
    assert "headline_metric" in shell.completions("headline_m")
    assert "SELECT" in shell.completions("sel")


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, folder, *words, columns=80):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # A size in the environment would go before the terminal's own; who runs the tests may have set one.
        ours = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        env = {**ours, "TERM": "dumb", "XDG_STATE_HOME": str(folder / "state"), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words], cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=env
        )
        os.close(slave)
        self.master, self.text = master, ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait_for(self, text, seconds=60):
        until = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < until, f"{text!r} did not come: {self.text!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    assert text in self.text, self.text
        found, self.text = self.text.partition(text)[0], self.text.partition(text)[2]
        return found


def test_the_prompt_answers_goes_on_after_an_error_completes_and_remembers(tmp_path):
    write_run(tmp_path / "results")
    with harness.open(tmp_path / "results"):
        pass
    terminal = Terminal(tmp_path, "sql")
    terminal.wait_for(shell.PROMPT)
    terminal.type("SELECT count(*) AS here\nFROM samples;\n")
    assert "24" in terminal.wait_for("(1 row)")
    terminal.type("SELEC 1;\n")
    terminal.wait_for("yntax")
    terminal.wait_for(shell.PROMPT)
    terminal.type(".tables\n")
    assert "leaderboard" in terminal.wait_for("rows)")
    terminal.wait_for(shell.PROMPT)
    terminal.type("SELECT count(*) AS n FROM identity_c\t;\n")
    terminal.wait_for("(1 row)")
    terminal.wait_for(shell.PROMPT)
    terminal.type("\x04")
    assert terminal.process.wait(30) == 0
    assert "FROM identity_claims" in (tmp_path / "state" / "harness" / "sql_history").read_text()


@pytest.mark.parametrize("columns", [50, 100])
def test_a_table_fits_the_terminal_it_is_shown_in(tmp_path, columns):
    write_run(tmp_path / "results")
    with harness.open(tmp_path / "results"):
        pass
    terminal = Terminal(tmp_path, "runs", columns=columns)
    assert terminal.process.wait(60) == 0
    text = terminal.wait_for("eval-a1") + "eval-a1" + terminal.text
    assert text.startswith("1 run, 24 samples")
    assert ("…" in terminal.text) is (columns == 50)
    assert max(map(len, text.replace("\r", "").splitlines())) <= columns
    assert "\x1b" not in text


# What is said on stderr --------------------------------------------------------------------------------------


def test_quiet_says_nothing_and_json_says_lines_of_json(project):
    write_run(project.root / "results")
    assert "wrote a.md" in project.run("leaderboard", "--out", "a.md").stderr
    assert not project.run("--quiet", "leaderboard", "--out", "a.md").stderr
    line = json.loads(project.run("--json", "leaderboard", "--out", "a.md").stderr)
    assert (line["level"], line["message"]) == ("info", "wrote a.md")
    error = json.loads(project.run("--json", "show", "nosuch", code=2).stderr)
    assert (error["level"], "nosuch" in error["message"]) == ("error", True)
    assert project.run("--quiet", "show", "nosuch", code=2).stderr


@pytest.mark.slow
def test_words_about_the_log_may_stand_among_the_overrides(project):
    project.model("alice", "echo")
    words = ("eval", "model=alice", "task=sums", "limit=2")
    project.run(*words)
    assert "answered already" in project.run(*words).stderr
    assert not project.run(*words, "--quiet").stderr
    assert "answered already" in json.loads(project.run(*words, "--json").stderr)["message"]
