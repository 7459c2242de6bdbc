"""What the leaderboard promises: every number with its interval and n, no more than was measured, no name that fakes."""

import csv
import dataclasses
import io
import json
import math
import os
import re
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from runfolders import sample, write_run

from harness.core import resources
from harness.errors import ConfigError, HarnessError
from harness.provenance import Finding, PairTest
from harness.provenance.comparison.finding import Lab, LabNaming, Rival, contradict, ordered, shown
from harness.results import derivation, leaderboard
from harness.results.leaderboard import cells as board_cells
from harness.results.leaderboard import selection, summary

GOLDEN = Path(__file__).parents[1] / "golden" / "leaderboard.md"
HOSTILE = "evil|`<b>\n| fake | 1.000 [1.00, 1.00] n=999 |\x1b[31m\u202e[x](http://y)"
NUMBER = r"(-?\d+\.\d{2,3} (\[-?\d+\.\d\d, -?\d+\.\d\d\]|\[no interval\]) n=\d+|not scored n=0|(untestable|not enough prompts), n=\d+)"


def boards(tmp_path):
    """Three models under one run, a hostile one that was unlucky under another."""
    write_run(
        tmp_path,
        "eval-a1",
        models=("alpha", "beta", "warm"),
        controls={"warm": "alpha"},
        values={"alpha": 1.0, "warm": 0.0},
    )
    rows = [sample("eval-b2", HOSTILE, "arithmetic", 0, value=1.0, status="truncated")]
    rows += [sample("eval-b2", HOSTILE, "arithmetic", 1, value=None)]
    rows += [sample("eval-b2", HOSTILE, "arithmetic", 2, status="failed", output=None)]
    rows += [sample("eval-b2", HOSTILE, "arithmetic", 3, status="refused", output=None)]
    rows += [
        sample("eval-b2", HOSTILE, "provenance_open", d, output="the quick brown fox | is `here`") for d in range(4)
    ]
    rows += [
        sample("eval-b2", HOSTILE, "provenance_identity", d, output="Я — ChatGPT. I am Claude too.") for d in range(4)
    ]
    write_run(tmp_path, "eval-b2", models=(HOSTILE,), rows=rows, status="incomplete", unsafe=True)
    derivation.refresh(tmp_path)
    return derivation.board(tmp_path)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of `board`, which nobody changes."""
    folder = tmp_path_factory.mktemp("results")
    boards(folder)
    return folder


@pytest.fixture(scope="module")
def board(results):
    return derivation.board(results)


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The board of the same runs, made and indexed once more."""
    return boards(tmp_path_factory.mktemp("again"))


def tables(text):
    """The cells of every table, header first, split where GitHub splits them."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    return [
        [
            [cell.strip() for cell in re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]]
            for line in block
            if not line.startswith("| ---")
        ]
        for block in blocks
    ]


def table_rows(text):
    """The cells of the first table."""
    return tables(text)[0]


def test_the_page_is_the_golden_one(board):
    text = leaderboard.markdown(board)
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "run again with HARNESS_UPDATE_GOLDEN=1 and read the difference"


def test_the_same_runs_give_the_same_bytes(board, again):
    assert leaderboard.markdown(again) == leaderboard.markdown(board)
    assert leaderboard.terminal(again) == leaderboard.terminal(board)


def test_the_order_of_the_frames_rows_does_not_matter(board):
    shuffled = leaderboard.Board(
        **{name: getattr(board, name).reverse() for name in leaderboard.QUERIES if name != "runs"}, runs=board.runs
    )
    assert table_rows(leaderboard.markdown(shuffled)) == table_rows(leaderboard.markdown(board))


def test_there_is_a_row_per_model_and_a_hostile_name_adds_none(board):
    header, *rows = table_rows(leaderboard.markdown(board))
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(header)} == {3}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", leaderboard.markdown(board))


# "(none)" is no name: it stands for "no known model" among the claims, and has no row among those who say so.
NAMES = st.text(min_size=1).filter(lambda name: name not in ("(none)", "alpha", "warm", "Anthropic"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=NAMES)
def test_no_name_breaks_the_table_or_the_page(board, name):
    def renamed(frame):
        columns = [
            c for c in ("model", "model_a", "model_b", "control_of", "task", "claimed", "run_id") if c in frame.columns
        ]
        return frame.with_columns(pl.col(columns).replace({"beta": name, "arithmetic": name, "OpenAI": name}))

    hostile = leaderboard.Board(**{frame: renamed(getattr(board, frame)) for frame in leaderboard.QUERIES})
    assert not {c for c in leaderboard.markdown(hostile) if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}
    for hostile_table, table in zip(
        tables(leaderboard.markdown(hostile)), tables(leaderboard.markdown(board)), strict=True
    ):
        assert {len(row) for row in hostile_table} == {len(table[0])}
        assert len(hostile_table) == len(table)
    headings = [line for line in leaderboard.markdown(hostile).splitlines() if line.startswith("#")]
    assert headings == [line for line in leaderboard.markdown(board).splitlines() if line.startswith("#")]
    assert max(cell_len(line) for line in leaderboard.terminal(hostile).splitlines()) <= 80


def test_every_number_stands_with_its_interval_and_n(board):
    page = leaderboard.markdown(board)
    for row in table_rows(page)[1:]:
        assert all(cell == "-" or re.search(NUMBER, cell) for cell in row[1:]), row
    for table in tables(page)[1:]:
        assert all(re.search(NUMBER, row[-1]) for row in table[1:]), table


def test_rows_are_ordered_by_mean_score_with_those_that_are_not_ranked_behind(board):
    assert board.names == ["alpha", "beta", HOSTILE, "warm"]


def test_models_that_cannot_be_separated_share_a_group_and_their_ranks_are_intervals(tmp_path):
    write_run(tmp_path, models=("good", "fair", "weak"), docs=40, values={"good": 1.0, "weak": 0.0})
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    standings = board.standings["arithmetic", "accuracy"]
    assert {name: (s.best, s.worst, s.letters) for name, s in standings.items()} == {
        "good": (1, 1, "a"),
        "fair": (2, 2, "b"),
        "weak": (3, 3, "c"),
    }
    few = write_run(tmp_path / "few", models=("good", "fair"), docs=4, values={"good": 1.0}).parents[1]
    derivation.refresh(few)
    assert "n=4 rank 1-2 (a)" in leaderboard.markdown(derivation.board(few))


def test_a_score_below_98_percent_coverage_is_shown_with_a_warning_and_not_ranked_unless_asked(board):
    assert HOSTILE not in board.standings["arithmetic", "accuracy"]
    assert "25% of the samples scored: not ranked" in leaderboard.markdown(board)
    asked = dataclasses.replace(board, min_coverage=0.2)
    assert HOSTILE in asked.standings["arithmetic", "accuracy"]
    assert "not ranked" not in leaderboard.markdown(asked).split("## How to read")[0]
    assert "fewer than 20% of their samples" in leaderboard.markdown(asked)


def test_controls_are_shown_and_not_ranked(board):
    assert set(board.standings["arithmetic", "accuracy"]) == {"alpha", "beta"}


def two_tasks(board):
    """The same results again under a second task, which beta has not run."""
    again = board.scores.filter(pl.col("model") != "beta").with_columns(task=pl.lit("word_sums"))
    pairs = pl.concat([board.comparisons, board.comparisons.with_columns(task=pl.lit("word_sums"))])
    scores = pl.concat([board.scores, again.with_columns(value=pl.col("value") / 2)])
    return dataclasses.replace(board, scores=scores, comparisons=pairs)


def test_the_mean_states_its_weights_has_an_interval_and_takes_a_missing_task_for_missing(board):
    both = two_tasks(board)
    header, *rows = table_rows(leaderboard.markdown(both))
    assert "mean (2 tasks, weighing the same)" in header[1]
    cells = {row[0].strip(): row[1].strip() for row in rows}
    assert cells["alpha"].startswith("0.750 [")
    assert cells["alpha"].endswith("rank 1 (a)")
    assert re.search(NUMBER, cells["beta"])
    assert cells["beta"].startswith("≈0.250; 0.500 [")  # half a point behind alpha on what both were asked
    assert cells["beta"].endswith("1 of 2 tasks")
    weighed = dataclasses.replace(both, weights={"word_sums": 3.0})
    header, *rows = table_rows(leaderboard.markdown(weighed))
    assert "arithmetic x 1, word_sums x 3" in header[1]
    assert rows[0][1].strip().startswith("0.625 [")


def asked_apart(board, ahead, scale=1):
    """`easy` answers all of its items, which alpha answers too. `hard` is `ahead` of alpha on what those two share."""
    columns = ("model", "task", "metric", "kind", "value", "n", "coverage")
    rows = [("alpha", 0.7, 100), ("beta", 0.6, 100), ("easy", 1.0, 20), ("hard", 0.65, 20), ("island", 1.0, 20)]
    scored = [(m, "t", "accuracy", "math", v * scale, n, 1.0) for m, v, n in rows]
    scores = pl.DataFrame(scored, schema=columns, orient="row")
    shared = [("alpha", "beta", 0.1 * scale, 100), ("alpha", "easy", 0.0, 20), ("alpha", "hard", -ahead, 20)]
    pair = {"task": "t", "metric": "accuracy", "same_task": True, "p_value": 0.5, "std_error": 0.1, "df": 9.0}
    pairs = [pair | {"model_a": a, "model_b": b, "difference": d, "n": n} for a, b, d, n in shared]
    models = pl.DataFrame(
        {"model": [m for m, _, _ in rows], "control_of": None, "run_id": "eval-a1"},
        schema_overrides={"control_of": pl.String},
    )
    marks = (
        "unsafe_code",
        "forgeable",
        "run_id",
        "ci_method",
        "ci_low",
        "ci_high",
        "n_unscored",
        "n_failed",
        "n_truncated",
        "n_refused",
    )
    blank = scores.with_columns([pl.lit(None).alias(name) for name in marks])
    return dataclasses.replace(board, scores=blank, comparisons=pl.DataFrame(pairs), models=models)


def test_a_model_asked_easier_items_stands_where_shared_items_put_it_and_is_marked(board):
    placed = asked_apart(board, 0.2)
    assert placed.names == ["hard", "alpha", "easy", "beta", "island"]
    assert placed.whole == {"alpha", "beta"}
    assert {name: round(level.value, 3) for name, level in placed.places.items()} == {
        "hard": 0.9, "alpha": 0.7, "easy": 0.7, "beta": 0.6, "island": 1.0,
    }  # fmt: skip
    cells = {name: cells_of(placed, name) for name in placed.names}
    assert cells["hard"].startswith("≈0.900; 0.650 ")
    assert cells["alpha"].startswith("0.700 ")
    assert cells["island"].startswith("apart: 1.000 ")


def test_no_model_is_shown_at_a_place_that_no_score_can_have(board):
    beyond = asked_apart(board, 0.4)
    assert beyond.places["hard"].value == pytest.approx(1.1)
    assert beyond.names[0] == "hard"
    assert cells_of(beyond, "hard").startswith("≈1.000; 0.650 ")
    points = asked_apart(board, 40, scale=100)  # a task that is scored from 0 to 100
    assert cells_of(points, "hard").startswith("≈110.000; 65.000 ")
    assert (beyond.limits, points.limits) == ((0.0, 1.0), (-math.inf, math.inf))


def cells_of(board, model):
    return next(row[1] for row in board_cells.sections(board)[0].rows if row[0] == model)


def test_many_models_make_one_table_with_the_others_folded_and_no_row_without_a_score(tmp_path):
    scored, others = [f"m{i:02}" for i in range(45)], [f"u{i:02}" for i in range(20)]
    write_run(tmp_path, models=(*scored, *others), docs=4, tasks=("arithmetic",))
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    board = dataclasses.replace(board, scores=board.scores.filter(pl.col("model").is_in(scored)))
    page = leaderboard.markdown(board)
    assert len(table_rows(page)) == 1 + board_cells.FIRST
    assert "<summary>5 more models</summary>" in page
    assert "20 models without a score" not in page  # nothing else is known of them
    assert not [row for table in tables(page) for row in table if set(row[1:]) == {"-"}]
    assert page.count("replay; shown for arithmetic") == 1
    assert "- 65 models, 260 answers; 45 scored on 1 task." in page


def test_what_is_true_of_many_results_is_said_once(board):
    rows = [
        row | {"task": f"t{i}"} for i in range(5) for row in board.scores.filter(pl.col("model") == "alpha").to_dicts()
    ]
    marked = dataclasses.replace(
        board, scores=pl.DataFrame(rows).with_columns(n_truncated=pl.lit(2), forgeable=pl.lit(True))
    )
    page = leaderboard.markdown(marked)
    assert page.count("forgeable") - page.count("(forgeable)") == 1
    assert "- every result: 2 truncated" in page
    assert "†" not in page.split("† of these")[0]


def test_a_sentence_about_many_names_the_best_scored_and_then_the_newest():
    months = {"aaa": "2023-01", "zzz": "2025-11", "mmm": None, "qqq": "2024-06", "best": "2022-01"}
    lab = Lab("L", True, 1, 1, ("beta",), 0.001, 0.004, 9, 9)
    like = dataclasses.replace(found_one("resembles"), labs=(lab,))
    told = SimpleNamespace(
        facts={name: leaderboard.Fact("us", month, "open", None) for name, month in months.items()},
        places={"best": None},
        names=["best", "aaa", "mmm", "qqq", "zzz"],
        findings={name: [like] for name in sorted(months)},
        show=("relative",),
    )
    sentence = summary._alike(told)
    named = sentence.partition(": ")[2].partition(" and 2 more")[0]
    assert [part.split(" like ")[0] for part in named.split("; ")] == ["best", "zzz", "qqq"]
    assert "Named are the best scored, then the newest." in sentence


def test_none_says_what_it_is_worth_and_a_verdict_its_rivals_and_its_makers_reply(board):
    none = dataclasses.replace(found_one("none"), naming=(LabNaming("L", 1, 33),), prompts=400)
    lab = Lab("L", True, 1, 1, ("beta",), 0.001, 0.004, 9, 9, rivals=(Rival("shared teacher", ("gamma",)),))
    like = dataclasses.replace(found_one("resembles"), labs=(lab,))
    facts = {"alpha": leaderboard.Fact("us", "2024-05", "open", "Books alone (https://x.org)")}
    told = dataclasses.replace(board, documented=lambda: facts, evidence=evidence(board, {"alpha": [like]}, none))
    page = leaderboard.markdown(told)
    cells = {row[0]: row[2] for row in table_rows(page)}
    assert cells["beta"] == ("none of 1 tested, n=64; would have found 1 of 33 documented students at 64 prompts")
    assert cells["alpha"] == "like L (beta): strong, 3.21 [2.00, 4.40] n=64 q=0.004; or a shared teacher"
    behind = page.split("<summary>alpha: like L (beta)")[1].split("</details>")[0]
    for words in ("both resemble gamma", "*Its makers say*: Books alone", "p = 0.001 against such pairs"):
        assert words in behind
    assert "Every verdict here is exploratory" in page
    assert "1 of 4 models tested answers like another lab's: alpha like L (beta) (strong)." in page
    weak = dataclasses.replace(like, strength="weak")
    faint = dataclasses.replace(
        board, documented=lambda: facts, evidence=evidence(board, {"alpha": [weak], "beta": [like]}, none)
    )
    assert "beta like L (beta) (strong). 1 more does so weakly." in leaderboard.markdown(faint)
    assert (
        "3 resemble none of those tested, which clears nobody: the test would have found 1 of 33 documented students at 64"
        in page
    )


def test_columns_are_chosen_and_what_is_not_known_is_a_dash(board):
    price = json.dumps({"input": 1.0, "output": 10.0, "cached": 0.5})
    used = board.usage.filter(pl.col("model").is_in(["alpha", "beta"]) & (pl.col("task") == "arithmetic"))
    full = {"answers": 4, "counted": 4, "prompt": 4000.0, "cached": 2000.0, "written": 800.0, "completion": 800.0,
            "completion_n": 4, "reasoning": 600.0, "reasoning_n": 4, "seconds": 10.0, "seconds_n": 4}  # fmt: skip
    rows = [{**row, **full, "price": price} for row in used.to_dicts() if row["model"] == "alpha"]
    facts = {"alpha": leaderboard.Fact("us", "2024-05", "open")}
    show = ("lab", "released", "weights", "cost", "tokens", "latency")
    chosen = dataclasses.replace(
        board, show=show, documented=lambda: facts, usage=pl.DataFrame(rows, schema=board.usage.schema)
    )
    header, *rows = table_rows(leaderboard.markdown(chosen))
    assert header[2:] == [
        "lab",
        "released",
        "weights",
        "cost of 1,000 answers",
        "mean tokens an answer",
        "mean seconds an answer",
    ]
    # 2,000 tokens at $1, 2,000 from the cache at $.50 and 800 written at $10 a million, over 4 answers
    assert rows[0][2:] == ["us", "2024-05", "open", "&#36;2.75", "200, 150 of reasoning n=4", "2.5 s n=4"]
    assert set(rows[1][2:]) == {"-"}


def test_the_means_ranks_come_from_paired_differences(tmp_path):
    write_run(tmp_path, models=("good", "fair"), docs=40, values={"good": 1.0})
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    both = dataclasses.replace(
        board,
        scores=pl.concat([board.scores, board.scores.with_columns(task=pl.lit("other"))]),
        comparisons=pl.concat([board.comparisons, board.comparisons.with_columns(task=pl.lit("other"))]),
    )
    assert both.standings[None]["good"].worst == 1
    assert both.standings[None]["fair"].best == 2
    other_files = dataclasses.replace(both, comparisons=both.comparisons.with_columns(same_task=False))
    assert other_files.standings[None]["good"].worst == 2


def test_a_figure_of_lm_evals_own_that_is_over_a_point_away_is_pointed_out(board):
    beside = {"model": "alpha", "task": "arithmetic", "metric": "exact_match", "filter": "strict-match"}
    beside |= {"ci_low": None, "ci_high": None, "n": 4}
    for value, told in ((0.5, True), (0.995, False)):
        own = dataclasses.replace(board, beside=pl.DataFrame([beside | {"value": value, "gap": value - 1.0}]))
        assert ("exact_match (strict-match) is 0.500" in leaderboard.markdown(own)) == told


def test_the_drop_against_the_originals_is_told_with_its_interval(board):
    drop = {"model": "beta", "task": "arithmetic", "metric": "drop", "filter": "none", "value": 0.061}
    drop |= {"ci_low": 0.02, "ci_high": 0.1, "n": 480, "gap": None}
    text = leaderboard.markdown(dataclasses.replace(board, beside=pl.DataFrame([drop])))
    assert "beta, arithmetic: drop against the original problems 0.061" in text


def test_the_weight_of_one_document_is_stated_where_there_are_few(board):
    told = "25.0 points of arithmetic"
    for page in (leaderboard.markdown, leaderboard.html, leaderboard.terminal):
        assert told in " ".join(page(board).split())
    enough = dataclasses.replace(board, scores=board.scores.with_columns(n=pl.lit(100, pl.Int64)))
    for page in (leaderboard.markdown, leaderboard.html, leaderboard.terminal):
        assert "One document is" not in " ".join(page(enough).split())


def test_similarity_plays_no_part_in_the_order(board):
    other = dataclasses.replace(board, similarities=board.similarities.with_columns(value=1 - pl.col("value")))
    assert other.names == board.names


def test_models_without_a_score_come_last(board):
    unscored = dataclasses.replace(board, scores=board.scores.filter(pl.col("model") != "alpha"))
    assert unscored.names[-1] == "alpha"
    assert table_rows(leaderboard.markdown(unscored))[-1][:2] == ["alpha", "-"]


def test_a_smaller_is_better_metric_neither_orders_nor_goes_unsaid(board):
    lower = dataclasses.replace(
        board,
        tasks=board.tasks.with_columns(higher_is_better=pl.lit(False)),
        scores=board.scores.with_columns(value=pl.col("value") * 100),
    )
    assert lower.names == sorted(board.names)
    assert "lower is better" in leaderboard.markdown(lower)


def test_failed_refused_truncated_and_unscored_answers_are_told(board):
    text = leaderboard.markdown(board)
    note = next(line for line in text.splitlines() if "3 unscored" in line)
    for word in ("1 failed", "1 truncated", "1 refused", "run incomplete", "without the sandbox"):
        assert word in note
    assert "(unsafe) †" in text
    assert "3 unscored" in leaderboard.terminal(board)


def test_a_result_that_was_never_scored_says_so_and_is_not_zero(board):
    unscored = dataclasses.replace(
        board, scores=board.scores.with_columns(value=pl.lit(None, pl.Float64), n=pl.lit(0, pl.Int64))
    )
    assert "not scored n=0" in leaderboard.markdown(unscored)
    assert "0.000" not in table_rows(leaderboard.markdown(unscored))[1][1]


def test_the_nearest_model_is_never_the_model_itself_and_controls_are_shown_as_such(board):
    pair = (pl.col("model_a") == "beta") & (pl.col("model_b") == "warm")
    close = dataclasses.replace(
        board, similarities=board.similarities.with_columns(value=pl.when(pair).then(0.9).otherwise("value"))
    )
    near = {model: [other for other, _ in close.nearest(model)] for model in close.names}
    assert near == {"alpha": ["beta"], HOSTILE: ["beta"], "beta": ["warm", "alpha"], "warm": ["beta", "alpha"]}
    for text in (leaderboard.markdown(close), leaderboard.terminal(close)):
        assert "warm (control of alpha)" in text


def test_what_is_not_calibrated_is_called_so_wherever_it_stands(board):
    page = leaderboard.markdown(board)
    assert table_rows(page)[0][2] == "answers like (provenance_open; exploratory)"
    assert sum("not calibrated" in line for line in page.splitlines() if line.startswith("## ")) == 2
    assert leaderboard.terminal(board).count("not calibrated") >= 2
    calibrated = dataclasses.replace(
        board,
        similarities=board.similarities.with_columns(calibrated=True),
        identity_claims=board.identity_claims.with_columns(calibrated=True),
    )
    headings = [line for line in leaderboard.markdown(calibrated).splitlines() if line.startswith("## ")]
    assert not [line for line in headings if "not calibrated" in line]


def test_the_page_says_how_to_make_the_numbers_again(board):
    text = leaderboard.markdown(board)
    for fact in (
        "harness eval 'model=[alpha,beta]'",
        "seed 1234",
        "max_tokens 64",
        "first 4",
        "eval-a1",
        "eval-b2",
        "ab" * 32,
    ):
        assert fact in text
    assert "evidence, not proof" in text


def test_the_terminal_page_fits_80_columns_and_nothing_in_it_moves_the_cursor(board):
    text = leaderboard.terminal(board)
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_on_a_terminal_a_mean_has_its_ranks_with_the_other_ranks_and_a_place_is_explained(board):
    text = leaderboard.terminal(two_tasks(board))
    mean = next(line for line in text.splitlines() if line.startswith("alpha") and "mean of 2" in line)
    assert "rank" not in mean
    assert mean.rstrip().endswith("1 (a)")
    assert "≈0.250; " in text
    assert "≈ means that the model was not asked all that the others were." in " ".join(text.split())
    assert "≈" not in leaderboard.terminal(board)


def test_no_runs_make_a_page_that_says_so(tmp_path):
    derivation.refresh(tmp_path)
    empty = derivation.board(tmp_path)
    assert "No finished run" in leaderboard.markdown(empty)
    assert "No finished run" in leaderboard.terminal(empty)


def test_models_with_provenance_tasks_alone_have_a_row(tmp_path):
    write_run(tmp_path, tasks=("provenance_open", "provenance_identity"))
    derivation.refresh(tmp_path)
    text = leaderboard.markdown(derivation.board(tmp_path))
    assert len(table_rows(text)) == 3
    assert leaderboard.terminal(derivation.board(tmp_path))


def test_only_the_models_whose_code_left_the_sandbox_are_stamped(tmp_path):
    folder = write_run(tmp_path, unsafe=True)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["metrics"][0]["sandbox"] = "A"
    (folder / "run.json").write_text(json.dumps(manifest))
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    assert board.scores.sort("model").select("model", "unsafe_code").rows() == [("alpha", False), ("beta", True)]
    assert leaderboard.markdown(board).count("(unsafe) †") == 1


def found_one(verdict: str, corpus: str = "provenance_open", *, lab: str = "L", prompts: int = 64) -> Finding:
    """A finding of one candidate, tested."""
    test = PairTest("beta", verdict, 3.21, 0.001, 0.004, {}, 9, 9, 64, z_low=2.0, z_high=4.4, lab=lab)
    labs = (Lab(lab, True, 1, 1, ("beta",)),) if verdict == "resembles" else ()
    return Finding(
        "alpha", corpus, "1.0", 64, prompts, 9, panel=False, traces=None, verdict=verdict,
        strength="strong" if labs else "none", coverage=None, labs=labs, tests=(test,), null="unrelated pairs",
        null_pairs=99, p_floor=0.01, nearest_of_all=None, sentence="said", paragraph="said",
        released="2024-05",
    )  # fmt: skip


def evidence(board, by_model, otherwise):
    """The table of these findings."""
    rows = [
        {"model": model, "tested": 1, "finding": json.dumps(one.json())}
        for model in board.names
        for one in by_model.get(model, [otherwise])
    ]
    return pl.DataFrame(rows)


def test_of_several_sets_that_with_most_power_is_shown_and_named_and_those_that_contradict_it_beside_it(board):
    few, other = found_one("none", "few", prompts=50), found_one("resembles", "same_lab", prompts=51)
    found = evidence(
        board, {"alpha": [few, other, found_one("resembles", "most")]}, otherwise=found_one("none", "most")
    )
    cells = {row[0]: row[2] for row in table_rows(leaderboard.markdown(dataclasses.replace(board, evidence=found)))}
    assert cells["alpha"] == (
        "like L (beta): strong, 3.21 [2.00, 4.40] n=64 q=0.004; but none of 1 tested, n=50; power unknown on few"
    )
    assert contradict(found_one("resembles"), found_one("resembles", lab="M"))


def test_a_set_that_is_known_to_find_students_is_shown_before_a_larger_one_of_which_nothing_is_known():
    more = tuple(PairTest(name, "none", 0.1, 0.5, 0.9, {}, 9, 9, 64, lab=name) for name in "abc")
    larger = dataclasses.replace(found_one("none", "mine"), tests=more)
    blind = dataclasses.replace(larger, corpus="blind", naming=(LabNaming("L", 0, 7),))
    known = dataclasses.replace(found_one("resembles", "panel", prompts=50), naming=(LabNaming("L", 3, 7),))
    assert [one.corpus for one in ordered([larger, blind, known])] == ["panel", "blind", "mine"]
    assert [one.corpus for one in shown([larger, known])] == ["panel", "mine"], "both say what they say"


def test_calibrated_evidence_takes_the_place_of_the_uncalibrated_column_as_soon_as_there_is_any(board):
    found = evidence(board, {"alpha": [found_one("resembles")]}, otherwise=found_one("none"))
    page = leaderboard.markdown(dataclasses.replace(board, evidence=found))
    _, *rows = table_rows(page)
    assert "similar other model by choice of words" not in page
    cells = {row[0]: row[2] for row in rows}
    assert cells["alpha"] == "like L (beta): strong, 3.21 [2.00, 4.40] n=64 q=0.004"
    assert cells["beta"] == "none of 1 tested, n=64; power unknown"
    assert "Whom models answer like: calibrated" in leaderboard.terminal(dataclasses.replace(board, evidence=found))


def test_a_model_without_a_month_is_told_which_line_its_file_lacks(board):
    undated = dataclasses.replace(found_one("resembles"), released=None)
    found = evidence(board, {"alpha": [undated]}, otherwise=found_one("none"))
    cells = {row[0]: row[2] for row in table_rows(leaderboard.markdown(dataclasses.replace(board, evidence=found)))}
    assert cells["alpha"].endswith("q=0.004 (add released:)")
    assert "released" not in cells["beta"]


def test_an_identity_claim_stands_beside_how_often_models_of_other_families_make_it(tmp_path):
    names = ("qwen-a", "claude-a", "gemma-a", "llama-a", "mistral-a", "grok-a", "phi-a")
    write_run(tmp_path, models=names)
    derivation.refresh(tmp_path)
    claims = derivation.board(tmp_path).identity_claims.filter(pl.col("claimed") == "OpenAI")
    assert set(claims["base_n"]) == {6}
    assert claims["calibrated"].all()
    assert "6 of 6 others too, mean 0.50" in leaderboard.markdown(derivation.board(tmp_path))


# Forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", leaderboard.FORMS)
def test_every_form_is_the_same_bytes_again_and_holds_no_character_that_hides_or_turns(board, again, form):
    page = leaderboard.render(board, form)
    assert page == leaderboard.render(again, form)
    hidden = {c for c in page.decode() if c not in "\r\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert not hidden


def test_the_json_form_holds_what_the_markdown_shows(board):
    page = json.loads(leaderboard.render(board, "json"))
    assert [model["model"] for model in page["models"]] == board.names
    alpha = page["models"][0]
    assert (alpha["scores"][0]["value"], alpha["scores"][0]["n"], alpha["scores"][0]["letters"]) == (1.0, 4, "a")
    assert alpha["evidence"]["verdict"] == "untestable"
    assert {claim["claimed"] for claim in alpha["identity_claims"]} == {"OpenAI", "(none)"}
    assert page["runs"][0]["command"].startswith("harness eval")


def test_the_csv_form_has_a_row_per_model_and_task_and_no_score_is_an_empty_cell(board):
    unscored = dataclasses.replace(board, scores=board.scores.with_columns(value=pl.lit(None, pl.Float64)))
    rows = list(csv.DictReader(io.StringIO(leaderboard.render(unscored, "csv").decode())))
    spelled_out = [name.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e") for name in board.names]
    assert [row["model"] for row in rows] == spelled_out
    assert {row["value"] for row in rows} == {""}
    assert {row["evidence_verdict"] for row in rows} == {"untestable"}
    assert rows[0]["claimed"] == "OpenAI"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.text(min_size=1) | st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]>"])
)
def test_no_name_makes_markup_of_the_html_form(board, name):
    from html.parser import HTMLParser

    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, *[key for key, _ in attrs]))

    def seen(of):
        tags.clear()
        Reader().feed(leaderboard.render(of, "html").decode())
        return list(tags)

    renamed = {
        frame: getattr(board, frame).with_columns(pl.col("model").replace({"beta": name}))
        for frame in ("scores", "models", "identity_claims", "evidence")
    }
    hostile = dataclasses.replace(board, **renamed)
    assert len(seen(hostile)) <= len(seen(board)) + 8  # at most a note of its own
    assert set(seen(hostile)) <= set(seen(board))


def test_the_plain_text_of_an_ordinary_page_fits_100_columns(tmp_path):
    names = tuple(f"model-number-{i}" for i in range(6))
    write_run(tmp_path, models=names, docs=40)
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    many = [f"task_{i}" for i in range(9)]
    wide = dataclasses.replace(
        board,
        scores=pl.concat([board.scores.with_columns(task=pl.lit(task)) for task in many]),
        comparisons=pl.concat([board.comparisons.with_columns(task=pl.lit(task)) for task in many]),
    )
    page = leaderboard.markdown(wide).split("## Reproduce this")[0]
    assert max(cell_len(line) for line in page.splitlines() if line.startswith(("|", "#"))) <= 100
    assert max(cell_len(line) for line in page.splitlines()) <= 120
    shown = {cell for table in tables(page) for cell in table[0]}
    assert {f"{task} (accuracy)" for task in many} <= shown


def test_what_was_not_measured_is_not_explained(tmp_path):
    write_run(tmp_path, tasks=("arithmetic",))
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    for page in (leaderboard.markdown(board), leaderboard.terminal(board)):
        assert "alibrated" not in page
        assert "imilarity is evidence" not in page
        assert "control" not in page.split("Controls are not ranked")[0]


# Selections --------------------------------------------------------------------------------------------------


def chosen(results, **keys):
    return derivation.board(results, selection.Selection(**keys))


@pytest.mark.parametrize(
    "path", [p for d in resources.conf_dirs() for p in (d / "leaderboard").glob("*.yaml")], ids=str
)
def test_every_shipped_selection_loads(path):
    assert selection.load(path.stem).title


def test_a_selection_keeps_models_and_tasks_by_pattern_and_puts_columns_in_its_order(results, board):
    assert set(chosen(results, models=["a*", "beta"]).names) == {"alpha", "beta"}
    assert set(chosen(results, models=["alpha"]).runs["run_id"]) == {"eval-a1"}
    assert not chosen(results, tasks=["provenance_*"]).columns
    everything = dataclasses.replace(two_tasks(board), order=["word_*"])
    assert [task for task, _ in everything.columns] == ["word_sums", "arithmetic"]


def test_a_condition_in_sql_selects_results(results):
    assert set(chosen(results, where="value >= 0.5 AND NOT unsafe_code").names) == {"alpha", "beta"}
    assert set(chosen(results, where="n = 1 -- the unlucky one").names) == {HOSTILE}
    with pytest.raises(HarnessError, match="nosuchcolumn"):
        chosen(results, where="nosuchcolumn = 1")


def test_a_selection_that_names_nobody_or_leaves_nothing_says_so(results):
    with pytest.raises(ConfigError, match=r"alpha"):
        chosen(results, models=["alhpa"])
    with pytest.raises(ConfigError, match="weighed task"):
        chosen(results, weights={"arithmetics": 2})
    with pytest.raises(ConfigError, match="no result is left"):
        chosen(results, where="n > 1000")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("titel: x", "titel"),
        ("weights: {gsm8k: 0}", "weights.gsm8k"),
        ("columns: [relatives]", "relative"),
        ("coverage: 2", "coverage"),
        ("models: [", "cannot be read"),
    ],
)
def test_a_selection_that_cannot_be_read_names_the_file_and_the_key(tmp_path, monkeypatch, text, told):
    folder = tmp_path / "conf" / "leaderboard"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=told) as error:
        selection.load("mine")
    assert "mine.yaml" in str(error.value)


def test_a_committed_page_is_checked_against_the_results(project, tmp_path):
    write_run(project.root / "results", docs=8)
    page = project.root / "LEADERBOARD.md"
    project.run("leaderboard", "--out", str(page))
    project.run("leaderboard", "--check", str(page))
    page.write_text(page.read_text().replace("0.500", "0.900"))
    changed = project.run("leaderboard", "--check", str(page), code=1)
    assert "0.900" in changed.stderr
    assert "--out LEADERBOARD.md" in changed.stderr or f"--out {page}" in changed.stderr
    html = project.root / "index.html"
    project.run("leaderboard", "scores", "--out", str(html))
    assert html.read_text().startswith("<!doctype html>")
    project.run("leaderboard", "scores", "--check", str(html))
    assert "scores" in project.run("leaderboard", "scoers", code=2).stderr
    assert "did you mean 'cost'" in project.run("leaderboard", "--columns", "lab,cots", code=2).stderr
