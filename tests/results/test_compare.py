"""What `harness compare` and `harness power` promise: paired, named, adjusted, in words, and safe to read."""

import json

import pytest
from rich.cells import cell_len
from runfolders import sample, write_run

from harness.errors import ConfigError
from harness.results import comparisons, derivation, store
from harness.stats import power

HOSTILE = "\x1b[31mevil\u202e|`<b>"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Alpha beats beta by far on 40 documents and ties with gamma; a second run of alpha is worse."""
    tmp_path = tmp_path_factory.mktemp("results")
    rows = []
    for d in range(40):
        for model, right in (("alpha", d % 10 != 0), ("beta", d % 2 == 0), ("gamma", d % 10 != 1)):
            rows.append(sample("eval-a1", model, "arithmetic", d, value=float(right), output=f"{HOSTILE} {model} {d}"))
    write_run(tmp_path, "eval-a1", models=("alpha", "beta", "gamma"), rows=rows)
    rows = [sample("eval-b2", "alpha", "arithmetic", d, value=float(d % 3 == 0)) for d in range(30)]
    write_run(tmp_path, "eval-b2", models=("alpha",), rows=rows)
    derivation.refresh(tmp_path)
    return tmp_path


def test_two_models_are_compared_on_the_documents_both_answered(results):
    row = comparisons.compare(results, "alpha", "beta").tasks.row(0, named=True)
    assert (row["task"], row["n"], row["a_better"], row["b_better"], row["test"]) == (
        "arithmetic",
        40,
        20,
        4,
        "mcnemar_exact",
    )
    assert row["difference"] == pytest.approx(0.4)
    assert row["ci_low"] < 0.4 < row["ci_high"]
    assert row["p_holm"] == row["p_value"] < 0.01


def test_the_table_comparisons_says_the_same(results):
    row = comparisons.compare(results, "alpha", "beta").tasks.row(0, named=True)
    stored = store.query(results, "SELECT * FROM comparisons WHERE model_a = 'alpha' AND model_b = 'beta'")
    assert stored.height == 1
    found = stored.row(0, named=True)
    assert {key: found[key] for key in ("n", "difference", "ci_low", "p_value", "detectable")} == {
        key: row[key] for key in ("n", "difference", "ci_low", "p_value", "detectable")
    }
    assert store.query(results, "SELECT count(*) AS pairs FROM comparisons").item() == 3


def test_the_sentence_claims_a_difference_only_where_the_test_does(results):
    better = comparisons.text(comparisons.compare(results, "beta", "alpha"))
    assert better.replace("\n", " ").startswith(
        "A is beta, B is alpha. Of 1 task, A is better on 0, B on 1; 0 cannot be told apart."
    )
    assert "alpha is better than beta by 40 points" in " ".join(better.split())
    tied = " ".join(comparisons.text(comparisons.compare(results, "alpha", "gamma")).split())
    assert "cannot be told apart" in tied or "score the same" in tied
    assert "better than" not in tied
    assert "would probably have shown" in tied


def test_no_difference_is_named_that_is_larger_than_there_can_be():
    row = {"task": "t", "n": 2, "value_a": 0.5, "value_b": 1.0, "difference": -0.5, "ci_low": -1.0, "ci_high": 0.6}
    row |= {"p_holm": 1.0, "detectable": 1.16, "same_task": True, "higher_is_better": True}
    said = comparisons.sentence(row, "a", "b")
    assert "116 points" not in said
    assert "So few documents would probably not show even the largest difference that there can be." in said


def test_lower_is_better_turns_the_sentence_round():
    row = {"task": "t", "n": 50, "value_a": 9.0, "value_b": 7.0, "difference": 2.0, "ci_low": 1.0, "ci_high": 3.0}
    row |= {"p_holm": 0.001, "detectable": 1.5, "same_task": True, "higher_is_better": False}
    assert "a is worse (a lower number is better here) than b by 2" in comparisons.sentence(row, "a", "b")


def test_different_task_files_are_pointed_out(results):
    row = comparisons.compare(results, "alpha", "beta").tasks.row(0, named=True)
    assert "different task files" in comparisons.sentence(row | {"same_task": False}, "alpha", "beta")
    assert "different task files" not in comparisons.sentence(row, "alpha", "beta")


def test_flipped_items_come_with_their_texts_and_nothing_in_them_obeys(results):
    report = comparisons.compare(results, "alpha", "beta")
    assert report.flips.height == 24
    assert set(report.flips["output_a"].str.contains("alpha")) == {True}
    text = comparisons.text(report, show=3)
    assert text.count("higher for alpha") == 3
    assert text.count("higher for beta") == 3
    assert "\\x1b[31mevil" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(("a", "b"), [("alpha", "alpha"), ("a1:alpha", "a1:alpha"), ("alpha", "a1:alpha")])
def test_nothing_is_compared_with_itself(results, a, b):
    with pytest.raises(ConfigError, match="are the same answers; name two"):
        comparisons.compare(results, a, b)


def test_runs_are_compared_too_and_a_run_of_several_models_needs_one_named(results):
    row = comparisons.compare(results, "a1:alpha", "eval-b2").tasks.row(0, named=True)
    assert (row["n"], row["value_b"]) == (30, pytest.approx(1 / 3))
    with pytest.raises(ConfigError, match="holds 3 models: say a1:MODEL"):
        comparisons.compare(results, "a1", "eval-b2")
    with pytest.raises(ConfigError, match="delta"):
        comparisons.compare(results, "a1:delta", "beta")
    with pytest.raises(ConfigError, match="alpah"):
        comparisons.compare(results, "alpah", "beta")


def test_models_without_a_task_in_common_are_an_error_that_says_so(tmp_path):
    write_run(tmp_path, "eval-a1", models=("alpha",))
    write_run(tmp_path, "eval-b2", models=("beta",), tasks=("provenance_open",))
    derivation.refresh(tmp_path)
    with pytest.raises(ConfigError, match="no scored task in common"):
        comparisons.compare(tmp_path, "alpha", "beta")


def test_a_name_with_a_quote_is_a_name(tmp_path):
    name = "x' OR 1=1 --"
    rows = [sample("eval-a1", m, "arithmetic", d, value=float(m == name)) for m in (name, "beta") for d in range(4)]
    write_run(tmp_path, "eval-a1", models=(name, "beta"), rows=rows)
    derivation.refresh(tmp_path)
    assert comparisons.compare(tmp_path, name, "beta").tasks["difference"].to_list() == [1.0]


@pytest.mark.slow
def test_the_commands_run_from_a_shell(project):
    project.model("alpha", latency=0.0)
    project.model("beta", answer="echo")
    project.run("eval", "model=[alpha,beta]", "task=[sums]")
    assert "alpha" in project.run("compare", "alpha", "beta").stdout
    rows = json.loads(project.run("compare", "alpha", "beta", "-o", "json").stdout)
    assert [row["task"] for row in rows] == ["sums"]
    assert project.run("compare", "alpha", "nobody", code=2).stderr.startswith("harness: unknown model")
    preview = project.run("eval", "model=[alpha,beta]", "task=[sums]", "dry_run=true", "limit=20").stdout
    assert f"{power.Design().detectable_difference(20):.3f}" in preview
    design = json.loads(project.run("power", "200", "--repeats", "4", "--difference", "0.05", "-o", "json").stdout)
    assert design[0]["items"] == 200
    assert design[1]["detectable_difference"] <= 0.05 < design[0]["detectable_difference"]
    assert "correlation <= agreement" in project.run("power", "--correlation", "0.9", code=2).stderr
    assert "TASK=NUMBER" in project.run("leaderboard", "--weight", "sums=0", code=2).stderr
