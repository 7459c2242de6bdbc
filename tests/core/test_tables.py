"""What rendering promises: nothing hostile passes, nothing is lost where it must not be."""

import csv
import io
import json
import math
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.core import compact_json, tables
from harness.errors import ConfigError

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\r\nb\u202eevil\u200b\u2066|`<script>\x9b2J\ufeff"
SPOKEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def invisible(text, allowed="\n"):
    return {c for c in text if c not in allowed and unicodedata.category(c) in SPOKEN}


@given(st.text())
def test_visible_text_is_one_line_without_anything_a_terminal_obeys(text):
    shown = tables.visible(text)
    assert not invisible(shown, allowed="")
    assert tables.visible(shown) == shown


def test_python_shows_texts_as_the_cases_say():
    cases = json.loads((Path(__file__).parents[1] / "cases" / "visible.json").read_text())
    assert [tables.visible(case["input"]) for case in cases] == [case["shown"] for case in cases]


@given(st.text())
def test_markdown_text_stays_in_its_cell(text):
    shown = tables.markdown_text(text)
    assert not invisible(shown, allowed="")
    # `pass@1` and `word_problems` are no markup to GitHub.
    inside = re.sub(r"(?<=[A-Za-z0-9])@(?=\d+(?![\w.-]))|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])", "", shown)
    bare = (
        inside.replace("\\\\", "")
        .replace("\\|", "")
        .replace("\\`", "")
        .replace("\\[", "")
        .replace("\\]", "")
        .replace("\\*", "")
        .replace("\\_", "")
        .replace("\\~", "")
    )
    assert not set(bare) & set("|`<>[]*_~@$")
    assert "://" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain-name 2.5", "plain-name 2.5"),
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("`x`", "\\`x\\`"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a\nb", "a b"),
        ("[x](http://y)", "\\[x\\](http:&#47;&#47;y)"),
        ("@octocat &amp; $x$", "&#64;octocat &amp;amp; &#36;x&#36;"),
        ("www.evil.example", "www&#46;evil.example"),
        ("WWW.evil.example", "www&#46;evil.example"),
    ],
)
def test_markdown_text_is_escaped(text, shown):
    assert tables.markdown_text(text) == shown


@given(st.text(alphabet="`\n\x1ba ~"))
def test_a_code_block_cannot_be_closed_from_inside(text):
    opening, *body, closing = tables.code_block(text).splitlines()
    fence = opening.removesuffix("text")
    assert closing == fence
    assert set(fence) == {"`"}
    assert len(body) == 1
    assert fence not in body[0]


def frame():
    return pl.DataFrame(
        {
            "model": [HOSTILE, "beta"],
            "value": [0.123456, None],
            "n": [10, 20],
            "ok": [True, False],
            "tags": [["x", HOSTILE], []],
        },
        schema={"model": pl.String, "value": pl.Float64, "n": pl.Int64, "ok": pl.Boolean, "tags": pl.List(pl.String)},
    )


@pytest.mark.parametrize("fmt", ["table", "markdown"])
def test_hostile_cells_are_shown_spelled_out(fmt):
    text = tables.render(frame(), fmt).decode()
    assert not invisible(text)
    assert "x1b" in text
    assert "u202e" in text


def test_a_hostile_name_adds_no_row_and_no_column_to_markdown():
    *lines, between, note = tables.render(frame().rename({"n": "n|`\n| x |"}), "markdown").decode().splitlines()
    assert len(lines) == 4
    assert (between, note) == ("", "– means that there is no value.")
    assert {line.replace("\\\\", "").replace("\\|", "").count("|") for line in lines} == {6}


@pytest.mark.parametrize("columns", [1, 3, 5, 8, 9, 23])
@pytest.mark.parametrize("width", [80, 100])
def test_a_table_never_exceeds_its_width(columns, width):
    wide = pl.DataFrame(
        {f"a_rather_long_name_{i}": ["word " * 30 + "w" * 90, "你好" * 40, HOSTILE] for i in range(columns)}
    )
    lines = tables.render(wide, "table", width).decode().splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert lines[-1] == "(3 rows)"


def test_a_table_has_no_colour_whatever_the_environment_says(monkeypatch):
    plain = tables.render(frame(), "table")
    for name, value in {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-256color", "COLUMNS": "33"}.items():
        monkeypatch.setenv(name, value)
    assert tables.render(frame(), "table") == plain
    assert b"\x1b" not in plain


def test_rich_markup_in_a_cell_is_text():
    shown = tables.render(pl.DataFrame({"x": ["[bold]b[/bold] [link=http://x]y[/link] :smile:"]}), "table").decode()
    assert "[bold]b[/bold] [link=http://x]y[/link] :smile:" in shown


def test_null_is_not_an_empty_text():
    shown = tables.render(pl.DataFrame({"x": [None, ""]}, schema={"x": pl.String}), "markdown").decode()
    assert shown.splitlines()[2:] == ["| –   |", "|     |", "", "– means that there is no value."]


def test_what_a_dash_means_is_said_once_and_only_below_a_table_that_has_one():
    frames = [pl.DataFrame({"x": [1, None]}), pl.DataFrame({"x": [None, 2]}, schema={"x": pl.Int64})]
    for fmt in ("table", "markdown"):
        shown = b"".join(tables.render_pieces(frames, fmt)).decode()
        assert shown.count("no value") == 1, shown
        assert "null" not in shown
        assert "no value" not in tables.render(pl.DataFrame({"x": [1]}), fmt).decode()
    assert json.loads(tables.render(frames[0], "json")) == [{"x": 1}, {"x": None}]
    assert tables.render(pl.DataFrame({"x": [None], "y": [2]}), "csv") == b"x,y\n,2\n"


@given(
    st.lists(st.tuples(st.text(), st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))), min_size=1)
)
def test_json_holds_every_value_and_nothing_a_terminal_obeys(rows):
    clean = [(text.encode("utf-8", "replace").decode(), value) for text, value in rows]
    text = tables.render(pl.DataFrame(clean, schema={"t": pl.String, "v": pl.Float64}, orient="row"), "json").decode()
    assert [(row["t"], row["v"]) for row in json.loads(text)] == clean
    assert not invisible(text)


def test_json_has_no_nan_and_says_times_and_decimals():
    odd = pl.DataFrame(
        {
            "f": [math.nan],
            "t": [datetime(2026, 1, 2, tzinfo=UTC)],
            "d": [Decimal("1.50")],
            "s": [{"a": [1.0, math.inf]}],
            "b": [b"\x00\xff"],
        }
    )
    assert json.loads(tables.render(odd, "json")) == [
        {"f": None, "t": "2026-01-02T00:00:00+00:00", "d": 1.5, "s": {"a": [1.0, None]}, "b": "00ff"}
    ]


def test_raw_csv_holds_every_cell_as_it_is():
    rows = list(csv.reader(io.StringIO(tables.render(frame(), "csv", raw=True).decode(), newline="")))
    assert rows[1][0] == HOSTILE
    assert rows[2][:4] == ["beta", "", "20", "false"]
    assert json.loads(rows[1][4]) == ["x", HOSTILE]


def test_parquet_comes_back_the_same():
    assert pl.read_parquet(io.BytesIO(tables.render(frame(), "parquet"))).equals(frame())


@pytest.mark.parametrize("fmt", tables.FORMATS)
def test_every_format_shows_an_empty_frame(fmt):
    assert tables.render(frame().clear(), fmt)


def test_an_unknown_format_is_answered_with_near_misses():
    with pytest.raises(ConfigError, match="markdown"):
        tables.render(frame(), "markdwon")


def test_a_result_without_columns_says_so():
    assert tables.render(pl.DataFrame(), "table") == b"(no result)\n"


HEADER = ("model", "task", "send", "tokens in", "tokens out", "detects")
ROWS = [("qwen25_coder", "provenance_identity", "24", "279", "768", "0.341")]


@pytest.mark.parametrize("width", [90, 75, 70, 60, 50])
def test_a_name_is_whole_or_folded_and_never_cut(width):
    lines = tables.grid(HEADER, ROWS, width, [False] * 2 + [True] * 4).splitlines()
    assert all(len(line) <= width for line in lines)
    assert "detects" in lines[0]
    shown = "".join(line.split()[-1] if line.startswith(" ") else line for line in lines[2:])
    assert sorted(shown.replace(" ", "")) == sorted("".join(ROWS[0]))


def test_columns_move_together_before_a_name_is_folded():
    wide, close = (tables.grid(HEADER, ROWS, width, [False] * 2 + [True] * 4) for width in (90, 67))
    assert "qwen25_coder   provenance_identity" in wide
    assert "qwen25_coder provenance_identity" in close


def test_rows_whose_prose_has_no_room_are_printed_as_blocks():
    narrow = pl.DataFrame({"a": ["x" * 32], "b": ["y" * 32], "what": ["two words"], "n": [123456]})
    assert tables.terminal(narrow).startswith("row 1\n")
    assert tables.terminal(narrow, 100).startswith("a ")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_compact_json_says_the_same_value_in_utf8(value):
    assert json.loads(compact_json({"value": value}).encode()) == {"value": value}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_compact_json_refuses_a_number_that_json_has_not_and_takes_its_name(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        compact_json({"latency_s": number})
    said = {"text": "NaN and Infinity, é", "half": "\ud800"}
    assert json.loads(compact_json(said).encode()) == said
