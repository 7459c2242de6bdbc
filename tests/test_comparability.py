"""docs/comparability.md explains every difference, and its figures of GSM8K come out again."""

import importlib.util
import sys
from pathlib import Path

import pytest

from harness.records import Answer
from harness.scorers import math
from harness.specs import SandboxSpec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/comparability.md"


def script(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_difference_on_the_page_has_a_cause():
    text = PAGE.read_text("utf-8")
    assert text.count("UNEXPLAINED") == 1
    assert all(name in text for name in ("lm_eval 0.4.13", "inspect_ai", "evalplus", "## GSM8K", "## HumanEval"))


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
