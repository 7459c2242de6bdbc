"""A gate passes where the interval rules out a larger loss, and nowhere else; the sentence is true of its p."""

import polars as pl
import pytest

from harness.errors import ConfigError
from harness.results import comparisons, gates
from harness.stats import pairs


def compared(task, a, b):
    """A row as `comparisons.Report.tasks` has it, of the right answers of two models."""
    found = pairs.compare(
        dict(enumerate(map(list, zip(a, strict=True)))), dict(enumerate(map(list, zip(b, strict=True)))), binary=True
    )
    return {
        "task": task, "n": found.n, "n_sources": found.sources, "value_a": found.value_a, "value_b": found.value_b,
        "difference": found.difference, "ci_low": found.low, "ci_high": found.high, "ci_method": found.method,
        "p_value": found.p_value, "p_holm": found.p_value, "test": found.test, "a_better": found.a_better,
        "b_better": found.b_better, "detectable": found.detectable, "same_task": True, "higher_is_better": True,
    }  # fmt: skip


@pytest.fixture(scope="module")
def tasks():
    """B against A: equal on 600 documents but for four flips each way; 60 points worse on 40; equal on 6."""
    half = [float(d % 2) for d in range(600)]
    return pl.DataFrame(
        [
            compared("same", half, [1 - x if d < 8 else x for d, x in enumerate(half)]),
            compared("worse", [1.0] * 40, [float(d % 5 < 2) for d in range(40)]),
            compared("few", [1.0] * 6, [1.0] * 6),
        ]
    )


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ("same >= -0.02", "passed"), ("same >= -0.001", "undecided"), ("same >= -2 points", "passed"),
        ("worse >= -0.01", "lost"), ("worse >= -0.9", "passed"), ("few >= -0.01", "undecided"), ("same>=-2%", "passed"),
    ],
)  # fmt: skip
def test_a_gate_passes_only_where_the_interval_rules_a_larger_loss_out(tasks, gate, verdict):
    (ruling,) = gates.rule(tasks, [gates.parse(gate)])
    assert ruling.verdict == verdict
    said = gates.text([ruling])
    assert f": {verdict}. " in said
    assert f"n {ruling.n}" in said


def test_a_gate_for_all_tasks_is_one_for_each(tasks):
    rulings = gates.rule(tasks, [gates.parse("all >= -0.02")])
    assert {ruling.task: ruling.verdict for ruling in rulings} == {
        "same": "passed",
        "worse": "lost",
        "few": "undecided",
    }
    worse = next(ruling for ruling in rulings if ruling.task == "worse")
    assert (worse.a_only, worse.b_only, worse.test) == (24, 0, "mcnemar_exact")


@pytest.mark.parametrize("text", ["same", "same > -0.01", "same <= 1", ">= 1", "same >= lots"])
def test_what_is_no_gate_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="expected TASK >= NUMBER"):
        gates.parse(text)


def test_a_gate_on_a_task_that_was_not_compared_is_an_error(tasks):
    with pytest.raises(ConfigError, match="task that both were scored on 'sane'; did you mean 'same'"):
        gates.rule(tasks, [gates.parse("sane >= 0")])


def test_where_less_is_better_a_rise_is_the_loss():
    row = {"task": "t", "difference": -2.0, "ci_low": -3.0, "ci_high": -1.0, "higher_is_better": False, "n": 9}
    row |= {"a_better": 0, "b_better": 9, "p_value": 0.01, "test": "paired_t"}
    (ruling,) = gates.rule(pl.DataFrame([row]), [gates.parse("t >= -0.5")])
    assert (ruling.verdict, ruling.difference) == ("lost", -2.0)


@pytest.mark.parametrize(
    ("p", "says"),
    [
        (0.049, "less than once in 20 "),
        (0.004, "less than once in 200 "),
        (0.0004, "once in 1,000 "),
        (1e-9, "1,000,000 "),
    ],
)
def test_the_sentence_says_of_chance_what_its_p_says(tasks, p, says):
    row = tasks.filter(task="worse").row(0, named=True) | {"p_holm": p}
    assert says in comparisons.sentence(row, "a", "b")
