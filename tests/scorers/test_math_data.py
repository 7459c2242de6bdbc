"""The promises that are measured: labelled answers, real solutions, published verdicts."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from clocks import cpu_seconds

from harness.records import Answer, Score
from harness.scorers import math as scorer
from harness.specs import SandboxSpec

MODELS = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
FORMS = {
    "line": "A: {}",
    "hashes": "#### {}",
    "box": "So the answer is $\\boxed{{{}}}$.",
    "phrase": "The answer is {}.",
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def judged(pairs: list[tuple[str, str]]) -> list[Score]:
    return scorer.score([Answer({}, gold, text) for gold, text in pairs], SandboxSpec())


@pytest.fixture(scope="module")
def labelled(shared_data: Path) -> list[tuple[dict[str, Any], Score]]:
    rows = lines(shared_data / "math" / "math_equivalence_dev.jsonl")
    return list(zip(rows, judged([(row["gold"], row["text"]) for row in rows]), strict=True))


def test_labelled_answers_are_judged_as_labelled(labelled: list[tuple[dict[str, Any], Score]]):
    clear = [(row, score.value == 1.0) for row, score in labelled if not row["ambiguous"]]
    right = sum(row["is_equiv"] == equal for row, equal in clear)
    false_accepts = [row["id"] for row, equal in clear if equal and not row["is_equiv"]]
    real = [row["is_equiv"] == equal for row, equal in clear if row["cat"].startswith("real_")]
    assert right / len(clear) >= 0.985
    assert len(false_accepts) / len(clear) <= 0.005
    assert sum(real) / len(real) >= 0.98


def test_malicious_answers_do_no_harm_and_get_their_verdict(shared_data: Path, tmp_path: Path):
    rows = [row for row in lines(shared_data / "math" / "math_equivalence_dev.jsonl") if row["cat"] == "malicious"]
    judged([(r"\sqrt{2}", r"\boxed{\sqrt{3}}")])  # a warm worker
    for row in rows:
        started = cpu_seconds()
        text = re.sub(r"(?:/\w{1,20}){1,6}/(?=PWNED)", f"{tmp_path}/", row["text"])
        score = judged([(row["gold"], text)])[0]
        assert (row["id"], score.value == 1.0) == (row["id"], row["is_equiv"])
        assert cpu_seconds() - started < 10  # 2 s are promised, 5 ms are usual; a new worker is in it
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", FORMS)
def test_real_solutions_are_judged_as_published_in_every_final_form(shared_data: Path, form: str):
    pairs, published = [], []
    for row in lines(shared_data / "math" / "gsm8k_model_solutions.jsonl"):
        for model in MODELS:
            solution, final = row[model]["solution"], re.search(r"\n?A: ([^\n]*)\s*$", row[model]["solution"])
            text = f"{solution[: final.start()]}\n{FORMS[form].format(final.group(1))}" if final else solution
            pairs.append((row["ground_truth"], text))
            published.append(row[model]["is_correct"])
    assert [score.value == 1.0 for score in judged(pairs)] == published


def test_math_500_solutions_contain_their_answers(shared_data: Path):
    rows = lines(shared_data / "math" / "math500_test.jsonl")
    scores = judged([(row["answer"], row["solution"]) for row in rows])
    assert [row["answer"] for row, score in zip(rows, scores, strict=True) if score.value != 1.0] == []


def zeroeval(shared_data: Path) -> list[dict[str, Any]]:
    """Rows of GSM8K with their gold answer, found by the question in the prompt."""
    questions = {
        " ".join(row["question"].split()): row["answer"] for row in lines(shared_data / "math" / "gsm8k_test.jsonl")
    }
    prompts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "zeroeval_gsm")
    golds = {}
    for prompt_id, prompt in prompts.select("prompt_id", "prompt").iter_rows():
        question = re.search(r"## Question:\s*(.*?)\s*## Instruction", prompt, re.DOTALL)
        golds[prompt_id] = questions.get(" ".join(question.group(1).split())) if question else None
    outputs = pl.read_parquet(shared_data / "outputs" / "zeroeval.parquet").filter(pl.col("corpus") == "zeroeval_gsm")
    return [
        {**row, "gold": golds[row["prompt_id"]]} for row in outputs.iter_rows(named=True) if golds[row["prompt_id"]]
    ]


def test_published_verdicts_are_contradicted_only_where_a_unit_misled_them(shared_data: Path):
    """ZeroEval compares the JSON field as a number: `"6 pints"` for 6 counts as wrong there. Nothing it accepts is refused."""
    rows = zeroeval(shared_data)
    scores = judged([(row["gold"], row["output"]) for row in rows])
    differing = [(row, score) for row, score in zip(rows, scores, strict=True) if row["correct"] != score.value]
    assert len(rows) > 7_900
    assert Counter(score.value for _, score in differing).keys() == {1.0}
    assert len(differing) < 0.025 * len(rows)
    for _, score in differing:
        assert re.search(r"[A-Za-z$€%°+*/=]", score.extracted or "")
