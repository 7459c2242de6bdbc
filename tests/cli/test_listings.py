"""What lists show at 80 columns: totals first, a line per row, samples chosen by filters, code as it was written."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import forks
import polars as pl
import pytest
from conftest import Project
from runfolders import sample, write_run

from harness.cli import listings, provenance_text
from harness.cli.examples import EXAMPLES, epilog
from harness.errors import SHOWN, unknown_name

CODE = "Here:\n```python\ndef f(x):\n\tif x:\n\t\treturn 1\n    # \x1b[31mred\n```"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("listed"))
    rows = [
        sample("eval-a1", model, "arithmetic", doc, value=float((doc + shift) % 2))
        for shift, model in enumerate(("alpha", "beta"))
        for doc in range(40)
    ]
    rows[3] |= {"output": CODE, "status": "truncated"}
    write_run(project.root / "results", models=("alpha", "beta"), rows=rows)
    return project


def table(text: str) -> list[str]:
    """The rows of a printed table."""
    lines = text.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("──")) + 1 :]


def test_a_list_of_samples_is_a_line_each_with_totals_first_and_says_how_to_see_more(listed: Project) -> None:
    text = listed.run("show", "eval-a1", "--samples").stdout
    assert text.startswith(
        "50 of 80 samples, these of arithmetic: 49 answered, 1 truncated.\n`--limit 80` shows all. In full: "
    )
    assert len(table(text)) == 50
    assert max(map(len, text.splitlines())) <= 80
    rows = json.loads(listed.run("show", "eval-a1", "--samples", "--format", "json").stdout)
    assert len(rows) == 80
    assert rows[0].keys() >= {"id", "model", "task", "doc_id", "status", "verdict", "score", "target", "output"}


@pytest.mark.parametrize(
    ("words", "n"),
    [
        (("--wrong", "--limit", "80"), 40),
        (("--wrong", "--model", "beta"), 20),
        (("--task", "arithmetic", "--state", "truncated"), 1),
        (("--state", "correct", "--model", "alpha"), 20),
        (("--grep", r"DEF f\("), 1),
        (("--limit", "7"), 7),
    ],
)
def test_filters_choose_samples(listed: Project, words: tuple[str, ...], n: int) -> None:
    assert len(table(listed.run("show", "eval-a1", *words).stdout)) == n


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "aritmetic"), "did you mean 'arithmetic'"),
        (("--state", "zzz"), "known: answered, correct, truncated, wrong"),
        (("--grep", "("), "no regular expression"),
        (("--id", "zz"), "no sample of run eval-a1 with an id that begins with 'zz'"),
        (("--id", "alpha"), "40 samples of run eval-a1"),
    ],
)
def test_a_filter_that_fits_nothing_says_what_there_is(listed: Project, words: tuple[str, ...], message: str) -> None:
    assert message in listed.run("show", "eval-a1", *words, code=2).stderr


def test_one_sample_in_full_has_its_code_as_it_was_written(listed: Project) -> None:
    text = listed.run("show", "eval-a1", "--id", "alpha-arithmetic-3-0").stdout
    assert "    def f(x):\n        if x:\n            return 1\n" in text
    assert "\\x1b[31mred" in text
    assert "\x1b" not in text
    assert "user\n    2+2?\n" in text


def test_models_say_whether_their_keys_are_set_and_their_weights_here(listed: Project) -> None:
    text = listed.run("models").stdout
    assert max(map(len, text.splitlines())) <= 80
    rows = {row["model"]: row for row in json.loads(listed.run("models", "--format", "json").stdout)}
    assert f"{len(rows)} models: " in text
    assert rows["gpt_4o"]["key_env"] == "OPENAI_API_KEY"
    assert rows["gpt_4o"]["ready"] is rows["gpt_4o"]["key_set"] is ("OPENAI_API_KEY" in os.environ)
    assert rows["qwen25_coder"]["ready"] is rows["qwen25_coder"]["here"]
    assert len(table(text)) == len(rows)


def test_runs_are_a_line_each_below_their_totals(listed: Project) -> None:
    text = listed.run("runs").stdout
    assert text.startswith("1 run, 80 samples, 0 of them failed; all are complete.\n")
    assert max(map(len, text.splitlines())) <= 80
    assert len(table(text)) == 1
    assert "alpha, beta on arithmetic" in text


def test_a_column_of_runs_in_which_all_are_alike_gives_its_room_to_models_and_tasks() -> None:
    schema = ("run_id", "status", "started_at", "models", "tasks", "samples", "failed")
    done = ("eval-0123456789ab", "complete", "2026-12-01 10:00", "smollm2, pythia", "word_problems", 1200, 0)
    shown = listings.runs(pl.DataFrame([done] * 2, schema=schema, orient="row"), 80)
    assert "smollm2, pythia on word_problems" in shown
    assert max(map(len, shown.splitlines())) <= 80
    mixed = [done, (*done[:1], "incomplete", *done[2:6], 7)]
    shown = listings.runs(pl.DataFrame(mixed, schema=schema, orient="row"), 120)
    assert "2 runs, 2,400 samples, 7 of them failed.\n" in shown
    assert {"status", "failed", "incomplete"} <= set(shown.split())


def test_a_dry_run_has_its_totals_first_and_fits_80_columns() -> None:
    row = {
        "model": "deepseek_reasoner", "task": "livecodebench_v6", "requests": 1055, "answered": 5, "reusable": 50,
        "to_send": 1000, "prompt_tokens": 1_200_000, "completion_tokens_at_most": 32_000_000, "usd_at_most": 71.4,
        "seconds": 7300.0, "detects": 0.031,
    }  # fmt: skip
    text = listings.dry_run("eval-a1", [row, row | {"usd_at_most": 1.0}], 80)
    assert text.startswith(
        "Run eval-a1: 2,000 of 2,110 requests to send. Nothing was sent.\nCost: at most $72.40. Time: about 4 h 3 min.\n"
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "`detects` is" in text
    assert "`detects` is" not in listings.dry_run("eval-a1", [row | {"detects": None}], 80), "open prompts"


def test_a_dry_run_says_whose_price_is_lacking_and_where_to_put_it() -> None:
    row = {
        "model": "mine", "task": "t", "requests": 9, "answered": 0, "reusable": 0, "to_send": 9, "prompt_tokens": 1,
        "completion_tokens_at_most": 1, "usd_at_most": None, "seconds": None, "detects": None,
    }  # fmt: skip
    one = listings.dry_run("eval-a1", [row, row | {"task": "u"}], 80)
    assert (
        "Cost: unknown. No price is set for mine. Add `price:` to the model's file\n(docs/models.md, Money).\n" in one
    )
    many = [row | {"model": f"m{i}"} for i in range(5)] + [row | {"model": "cheap", "usd_at_most": 1.5}]
    text = listings.dry_run("eval-a1", many, 80)
    assert "No price is set for m0, m1, m2 and 2 more." in text
    assert "All others cost at most $1.50." in text.replace("\n", " ")
    assert max(map(len, text.splitlines())) <= 80


def test_an_unknown_name_is_not_answered_with_itself_nor_with_hundreds() -> None:
    assert "did you mean" not in unknown_name("model", "nope", ["mine"]), "half the letters are no near miss"
    many = [f"model-{i:03}" for i in range(185)]
    assert unknown_name("model", "zzz", many).endswith(f"{many[SHOWN - 1]} and {185 - SHOWN} more")
    assert "did you mean" not in unknown_name("model", "smollm2", ["smollm2", "gpt"])


def on_a_terminal(words: list[str], folder: Path, pager: str = "cat") -> str:
    """What Python writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"PAGER": pager}
    process = subprocess.Popen([sys.executable, *words], stdin=slave, stdout=slave, env=env, cwd=folder)
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    assert process.wait() == 0
    return seen.decode().replace("\r\n", "\n")


TERMINALS = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")


@TERMINALS
@pytest.mark.parametrize(("pager", "paged"), [("sed s/^/PAGED/", True), ("no-such-pager", False)])
def test_a_pager_is_used_on_a_terminal_alone(tmp_path: Path, pager: str, paged: bool) -> None:
    code = "from harness.cli.output import page; page('line\\n' * 500)"
    seen = on_a_terminal(["-c", code], tmp_path, pager)
    assert seen.count("line") == 500
    assert ("PAGEDline" in seen) is paged
    env = os.environ | {"PAGER": pager}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert b"PAGED" not in done.stdout


@TERMINALS
def test_on_a_terminal_the_leaderboard_is_tables_that_fit_and_elsewhere_markdown(listed: Project) -> None:
    listed.run("index")
    seen = on_a_terminal(["-m", "harness", "leaderboard"], listed.root)
    assert seen.startswith("Scores\n")
    assert "`harness leaderboard --out LEADERBOARD.md` writes the page." in seen
    assert max(map(len, seen.splitlines())) <= 80
    assert listed.run("leaderboard").stdout.startswith("# Leaderboard\n")
    assert on_a_terminal(["-m", "harness", "leaderboard", "-o", "markdown"], listed.root).startswith("# Leaderboard\n")


@TERMINALS
@pytest.mark.parametrize("words", [["panel", "show", "slop_score"], ["panel", "share", "slop_score", "x.panel.zip"]])
def test_sentences_on_a_terminal_end_between_words_and_stay_whole_in_a_pipe(tmp_path: Path, words: list[str]) -> None:
    seen = on_a_terminal(["-m", "harness", *words], tmp_path)
    assert max(map(len, seen.splitlines())) <= 80
    done = forks.run(*words, cwd=tmp_path)
    longest = max(done.stdout.splitlines(), key=len)
    assert len(longest) > 80
    assert longest in " ".join(seen.split("\n"))


def test_names_and_addresses_in_a_report_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    for shift in range(12):
        provenance_text.say(
            f"{'x' * shift} " + "as gpt-4-turbo-2024-04-09 (https://github.com/tatsu-lab/alpaca_eval), " * 9
        )
        shown = capsys.readouterr().out
        assert shown.count("gpt-4-turbo-2024-04-09") == shown.count("https://github.com/tatsu-lab/alpaca_eval") == 9
        assert max(map(len, shown.splitlines())) <= 80


def test_a_quoted_answer_moves_no_cursor_and_hides_nothing() -> None:
    quoted = "one text, which is left out: “\x1b[2J\x1b[31mError\u202e\u200b”"
    set_ = {"corpus": "t", "suspect_prompts": 60, "prompts": 60, "models": 9, "verdict": "none", "strength": None,
            "tests": [], "domains": [], "paragraph": f"Read: {quoted}", "notes": [f"Noted: {quoted}"]}  # fmt: skip
    shown = provenance_text.text("a", set_)
    assert shown.count("\\x1b[2J\\x1b[31mError\\u202e\\u200b") == 2
    assert "\x1b" not in shown


def test_help_fits_80_columns_and_its_examples_can_be_copied() -> None:
    shown = forks.run("eval", "--help").stdout
    assert "\ntask: aime24" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for name, examples in EXAMPLES.items():
        lines = (epilog(name) or "").splitlines()[2:]
        assert max(map(len, lines)) + len("  ") <= 80
        joined = " ".join(" ".join(lines).replace(" \\", "").split())
        assert joined == " ".join(examples)


def test_a_model_that_was_asked_no_open_prompts_is_told_what_to_ask(listed: Project) -> None:
    listed.run("index")
    said = listed.run("provenance", "alpha", code=2).stderr
    assert "alpha has runs here, but no answers to open prompts" in said
    assert "harness eval model=alpha task=panel" in said
    said = listed.run("provenance", "alpha", "--panel", "alpaca_eval", code=2).stderr
    assert "alpha has no answers to prompts of the panel alpaca_eval" in said
    assert len(said) < 900
    assert "Nothing differs" in listed.run("diff", "eval-a1", "eval-a1").stdout
