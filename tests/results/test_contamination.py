"""Scores on what a model may have seen and on what it cannot have, apart, with the test that fits."""

import json
from pathlib import Path

import pytest
import scipy.stats

from harness.evaluation import evaluate
from harness.results import contamination, derivation
from harness.specs import EvalSpec, ModelSpec, TaskSpec
from harness.stats import independent

TASKDATA = Path(__file__).parents[1] / "taskdata"


def test_unpaired_shares_have_newcombes_interval_and_fishers_test():
    found = independent.compare_groups([1.0] * 56 + [0.0] * 14, [1.0] * 48 + [0.0] * 32, binary=True)
    # The example of Newcombe (1998), table II: 56 of 70 against 48 of 80, method 10.
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    for right_a, n_a, right_b, n_b in ((3, 4, 1, 4), (56, 70, 48, 80), (0, 5, 0, 7), (9, 9, 1, 30)):
        theirs = scipy.stats.fisher_exact([[right_a, n_a - right_a], [right_b, n_b - right_b]]).pvalue
        assert independent.fisher(right_a, n_a, right_b, n_b) == pytest.approx(theirs, rel=1e-9)
    assert (found.method, found.test) == ("newcombe", "fisher_exact")


def test_means_of_repeats_have_welchs():
    found = independent.compare_groups([0.5, 0.7, 0.9, 1.0], [0.1, 0.2, 0.4], binary=False)
    theirs = scipy.stats.ttest_ind([0.5, 0.7, 0.9, 1.0], [0.1, 0.2, 0.4], equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-6)
    alone = independent.compare_groups([1.0], [0.0, 0.5], binary=False)
    assert (alone.test, alone.p_value, alone.low) == ("none", None, None)
    with pytest.raises(ValueError, match="without documents"):
        independent.compare_groups([], [1.0], binary=True)


def test_a_models_old_and_new_problems_are_scored_apart_and_perturbed_ones_paired(tmp_path, shared_data):
    (row, *_) = map(json.loads, (TASKDATA / "livecodebench.jsonl").read_text("utf-8").splitlines())
    dates = ("2023-05-07", "2024-03-30", "2024-04-13", "2024-05-31", "2024-06-02")
    rows = [
        row | {"question_id": str(i), "question_content": f"{i}?", "contest_date": f"{d}T00:00:00"}
        for i, d in enumerate(dates)
    ]
    data = tmp_path / "lcb.jsonl"
    data.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    reply = {"answer": "constant", "output": "The answer is 18."}
    for name, released in (("dated", "2024-04"), ("undated", None)):
        spec = EvalSpec(
            models=(ModelSpec(name, "fake", reply, released=released),),
            tasks=(
                TaskSpec("livecodebench_v1", data=str(data), repeats=1),
                TaskSpec("gsm_perturbed", data=str(shared_data / "math/gsm8k_test.jsonl"), limit=10),
            ),
            results_dir=str(tmp_path / "results"),
        )
        evaluate(spec, quiet=True)
    derivation.refresh(tmp_path / "results")
    frame = contamination.table(tmp_path / "results")
    assert frame.select("model", "task", "what").rows() == [
        ("dated", "gsm_perturbed", "perturbed"), ("dated", "livecodebench_v1", "dated"),
        ("undated", "gsm_perturbed", "perturbed"),
    ]  # fmt: skip
    split = frame.filter(what="dated").row(0, named=True)
    assert (split["n_old"], split["n_new"], split["old"], split["drop"], split["test"]) == (
        3,
        2,
        0.0,
        0.0,
        "fisher_exact",
    )
