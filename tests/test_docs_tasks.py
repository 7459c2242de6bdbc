"""docs/tasks.md is what the tasks' files say, and what `harness tasks` says of each is so."""

import os
from pathlib import Path

import pytest

from harness.cli import tasklist
from harness.errors import ConfigError

PAGE = Path(__file__).parents[1] / "docs/tasks.md"


def test_the_table_of_tasks_is_what_their_files_say():
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(tasklist.DOCS_BEGIN)
    made = (
        f"{head}{tasklist.DOCS_BEGIN}\n\n{tasklist.markdown()}{tasklist.DOCS_END}{rest.partition(tasklist.DOCS_END)[2]}"
    )
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        PAGE.write_text(made, "utf-8")
    assert PAGE.read_text("utf-8") == made, "HARNESS_UPDATE_GOLDEN=1 writes it"


def test_every_task_says_where_it_is_from_its_licence_its_prompt_and_a_figure():
    frame = tasklist.table()
    tasks = frame.filter(kind="suite").height
    assert tasks >= 4
    rows = frame.rows(named=True)
    assert [row["kind"] for row in rows] == sorted((row["kind"] for row in rows), key=tasklist.KIND_ORDER.index)
    by_name = {row["task"]: row for row in rows}
    assert (by_name["gsm8k"]["n"], by_name["gsm8k"]["prompt"]) == (1319, "ours")
    assert (by_name["gsm8k_published"]["prompt"], by_name["math500"]["prompt"]) == ("published", "model cards")
    assert by_name["aime26"]["points"] == pytest.approx(3.33)
    assert by_name["livecodebench_v6"]["requests"] == 10550
    assert by_name["word_problems"]["data"] == "ships"
    assert by_name["mbpp_plus"]["data"] == "file"
    assert by_name["livecodebench"]["n"] is None
    assert {row["licence"] for row in rows if row["kind"] != "suite"}.isdisjoint({None, "-"})


def test_a_run_is_counted_at_a_models_price_and_its_own_limit():
    o3 = {row["task"]: row["usd_at_most"] for row in tasklist.table("math500", "o3").rows(named=True)}
    assert o3["math500"] == pytest.approx(500 * 32768 * 8 / 1e6, rel=0.02)
    gpt = {row["task"]: row["usd_at_most"] for row in tasklist.table("math500", "gpt_4o").rows(named=True)}
    assert gpt["math500"] == pytest.approx(500 * 4096 * 10 / 1e6, rel=0.05)
    with pytest.raises(ConfigError, match="unknown model 'o33'; did you mean 'o3'"):
        tasklist.table(model="o33")
    with pytest.raises(ConfigError, match="its price is unknown"):
        tasklist.table(model="qwen3_235b")


def test_for_the_eye_a_kind_stands_once_and_a_task_has_one_line_of_80_columns():
    frame = tasklist.table()
    text = tasklist.listing(frame, 80)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    heads = [line for line in lines if line.endswith("licence") or line.startswith("suite")]
    assert [line.split()[0] for line in heads] == [kind for kind in tasklist.KIND_ORDER if kind in frame["kind"]]
    begun = [line.split()[0] for line in lines if line.strip() and line not in heads]
    assert [begun.count(name) for name in frame["task"]] == [1] * frame.height
    assert "usd at most" in tasklist.listing(tasklist.table("math", "gpt_4o"), 80)
    assert tasklist.listing(tasklist.table("no such name"), 80) == "0 tasks.\n"


@pytest.mark.parametrize("header", ["", "# Mine.\n", "# Mine.\n# Source: somewhere. Licence: MIT.\n"])
def test_a_task_of_ones_own_is_listed_however_little_its_header_says(tmp_path, monkeypatch, header):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "own.yaml").write_text(f"{header}task: own\nmetadata: {{version: 1.0}}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    (row,) = tasklist.table("own").rows(named=True)
    assert (row["task"], row["kind"], row["licence"]) == ("own", "other", None)
