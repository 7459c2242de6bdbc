"""docs/comparability.md explains every difference, and comes out again of the stored replies and verdicts."""

import collections
import json
import sys
from pathlib import Path

import pytest
from modulefiles import loaded

from harness.records import Answer
from harness.scorers import math
from harness.specs import SandboxSpec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/comparability.md"


def script(name):
    return loaded(ROOT / f"benchmarks/{name}.py")


def test_every_difference_on_the_page_has_a_cause():
    text = PAGE.read_text("utf-8")
    assert text.count("UNEXPLAINED") == 1
    assert "the same code ends otherwise there" not in text
    named = ("lm_eval 0.4.13", "inspect_ai", "inspect_evals", "evalplus", "### GSM8K", "### MBPP", "### HumanEval")
    assert all(name in text for name in named)


def test_the_other_tools_verdicts_are_of_the_stored_replies():
    module = script("comparability")
    replies = collections.defaultdict(list)
    for row in module.read(module.REPLIES):
        replies[row["task"]].append(row)
    assert set(replies) == set(module.FILES)
    kept = json.loads(module.VERDICTS.read_text("utf-8"))["sections"]
    for task, rows in replies.items():
        rows.sort(key=lambda row: row["doc_id"])
        assert [row["doc_id"] for row in rows] == list(range(len(rows)))
        assert kept[task]["replies"] == module.digest(rows), "benchmarks/comparability.py --peers asks them again"
        assert len(kept[task]["tools"]) == 3
        assert {len(tool["right"]) for tool in kept[task]["tools"].values()} == {len(rows)}


@pytest.mark.slow
def test_the_page_comes_out_again(shared_data, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["comparability.py", str(shared_data), "--out", str(page)])
    script("comparability").main()
    assert page.read_text("utf-8") == PAGE.read_text("utf-8")


@pytest.mark.slow
def test_gsm8k_is_scored_as_its_authors_and_lm_eval_score_it(shared_data):
    rows = script("comparability").solutions(shared_data / "math/gsm8k_model_solutions.jsonl")
    scores = math.score([Answer({}, row["target"], row["reply"]) for row in rows], SandboxSpec())
    ours = [score.value == 1 for score in scores]
    theirs = script("_comparability_peers").lm_eval_gsm8k(rows)
    assert len(rows) == 2640
    assert ours == [row["published"] for row in rows]
    assert ours == [right for right, _ in theirs["lm-eval flexible-extract"]]
    assert not any(right for right, _ in theirs["lm-eval strict-match"])
    assert f"| {len(rows):,} | {script('comparability').share(sum(ours), len(ours))} |" in PAGE.read_text("utf-8")
