"""What comparing, ranking and planning promise: false alarms where they are said to be, real differences seen."""

import gc
import itertools
import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness import stats
from harness.results import comparisons
from harness.stats import aggregates, pairs, power, ranks

scores = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60)


def of(values):
    return {i: [float(v)] if np.ndim(v) == 0 else [float(x) for x in v] for i, v in enumerate(values)}


def pair(rng, n, accuracy_a, accuracy_b, correlation):
    """Right or wrong answers of two models to n documents, correlated through a common normal."""
    common = rng.normal(size=n) * math.sqrt(correlation)
    own = rng.normal(size=(2, n)) * math.sqrt(1 - correlation)
    cut = scipy_stats.norm.ppf([[accuracy_a], [accuracy_b]])
    return (common + own < cut).astype(float)


# Comparing ---------------------------------------------------------------------------------------------------


@given(scores)
def test_mcnemar_is_scipys_binomial_test_and_the_sign_flip_test_of_single_answers(rows):
    result = pairs.compare(of([r[0] for r in rows]), of([r[1] for r in rows]), binary=True)
    a, b = sum(x > y for x, y in rows), sum(x < y for x, y in rows)
    expected = scipy_stats.binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert (result.a_better, result.b_better, result.test) == (a, b, "mcnemar_exact")
    assert result.p_value == pytest.approx(expected, abs=1e-12)
    assert pairs.sign_flip([1] * a + [-1] * b) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_is_statsmodels_exact_mcnemar():
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    for a, b in [(1, 8), (15, 5), (40, 41), (0, 6)]:
        assert pairs.mcnemar(a, b) == pytest.approx(tables.mcnemar([[10, a], [b, 20]], exact=True).pvalue)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=10))
def test_the_sign_flip_test_counts_every_choice_of_signs(sums):
    far = [
        abs(sum(s * x for s, x in zip(signs, sums, strict=True))) >= abs(sum(sums))
        for signs in itertools.product([1, -1], repeat=len(sums))
    ]
    assert pairs.sign_flip(sums) == pytest.approx(sum(far) / len(far), abs=1e-9)


@given(scores)
def test_swapping_the_models_turns_the_difference_round_and_nothing_else(rows):
    a, b = of([r[0] for r in rows]), of([r[1] for r in rows])
    there, back = pairs.compare(a, b, binary=True), pairs.compare(b, a, binary=True)
    assert (there.difference, there.low, there.high) == pytest.approx((-back.difference, -back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)
    assert -1 <= there.low <= there.difference <= there.high <= 1


def test_the_interval_is_bonett_and_prices_formula_by_hand():
    # 100 documents, 20 right for a alone, 8 for b alone: (21 - 9)/102 ± 1.96 √((30/102 - (12/102)²)/102).
    centre, error = 12 / 102, math.sqrt((30 / 102 - (12 / 102) ** 2) / 102)
    low, high, found = pairs.bonett_price(20, 8, 100)
    assert found == pytest.approx(error)
    assert (low, high) == pytest.approx((centre - 1.959964 * error, centre + 1.959964 * error), abs=1e-6)


def test_documents_that_only_one_model_has_are_left_out_and_counted_out():
    result = pairs.compare({1: [1.0], 2: [0.0], 3: [1.0]}, {2: [1.0], 3: [1.0], 4: [0.0], 1: []}, binary=True)
    assert (result.n, result.value_a, result.value_b) == (2, 0.5, 1.0)
    nothing = pairs.compare({1: [1.0]}, {2: [1.0]}, binary=True)
    assert (nothing.n, nothing.difference, nothing.p_value, nothing.test) == (0, None, None, "none")


def test_equal_models_differ_by_nothing_with_a_real_interval_and_p_one():
    for repeats in (1, 3):
        values = {i: [float(i % 2)] * repeats for i in range(30)}
        result = pairs.compare(values, values, binary=True)
        assert (result.difference, result.p_value) == (0.0, 1.0)
        assert result.low < 0 < result.high


def test_scores_that_are_not_binary_are_compared_by_the_paired_t_test():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 25))
    result = pairs.compare(of(a), of(b), binary=False)
    expected = scipy_stats.ttest_rel(a, b)
    assert result.test == "paired_t"
    assert result.p_value == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize(("n", "accuracy"), [(20, 0.5), (50, 0.9), (200, 0.5), (200, 0.95)])
def test_paired_intervals_cover_and_equal_models_seldom_test_as_different(n, accuracy):
    rng = np.random.default_rng(n)
    truth = 0.08 if accuracy < 0.9 else 0.04
    hits = alarms = 0
    for _ in range(1_000):
        a, b = pair(rng, n, accuracy, accuracy - truth, 0.5)
        result = pairs.compare(of(a), of(b), binary=True)
        hits += result.low <= truth <= result.high
        a, b = pair(rng, n, accuracy, accuracy, 0.5)
        alarms += pairs.compare(of(a), of(b), binary=True).p_value < 0.05
    assert 0.93 <= hits / 1_000 <= 0.99
    assert alarms / 1_000 <= 0.05


def test_perturbed_problems_are_compared_by_template_and_ignoring_it_gives_false_alarms():
    # 40 templates, ten variants each; two models of equal skill that find different templates hard.
    rng = np.random.default_rng(4)
    sources = {i: i // 10 for i in range(400)}
    clustered = naive = covered = 0
    for _ in range(400):
        skill = np.repeat(rng.beta(0.6, 0.4, size=(2, 40)), 10, axis=1)
        a, b = rng.binomial(1, skill)
        result = pairs.compare(of(a), of(b), binary=True, sources=sources)
        clustered += result.p_value < 0.05
        covered += result.low <= 0 <= result.high
        naive += pairs.compare(of(a), of(b), binary=True).p_value < 0.05
    assert result.test == "sign_flip_exact"
    assert result.sources == 40
    assert clustered / 400 <= 0.075  # 5 % and two standard errors of 400 evaluations
    assert 0.92 <= covered / 400 <= 0.98
    assert naive / 400 > 0.3


@st.composite
def models_on_a_task(draw):
    """Scored values by model and document, some missing, and the field that names each document's source, or not."""
    binary = draw(st.booleans())
    value = st.sampled_from([0.0, 1.0]) if binary else st.sampled_from([0.0, 0.1, 0.7, 1.0, 3.5])
    repeats = draw(st.sampled_from([1, 3]))
    values = st.lists(value, min_size=1, max_size=repeats)
    of_model = st.dictionaries(st.sampled_from("abcdefghijkl"), values, min_size=1)
    models = draw(st.dictionaries(st.sampled_from(["m1", "m2", "m3", "m4"]), of_model, min_size=2))
    models["like the first"] = next(iter(models.values()))
    sources = {doc: draw(st.sampled_from([None, "a", "b", "s1"])) for doc in "abcdefghijkl"}
    return models, sources if draw(st.booleans()) else dict.fromkeys(sources)


@settings(deadline=None)
@given(models_on_a_task())
def test_the_table_of_all_pairs_holds_what_comparing_each_pair_by_itself_gives(task):
    models, sources = task
    rows = [
        {
            "run_id": f"of {model}",
            "model": model,
            "task": "t",
            "metric": "score",
            "document": doc,
            "source": sources[doc],
            "asked": "x",
            "higher_is_better": True,
            "total": math.fsum(values),
            "count": len(values),
            "is_binary": all(value in (0, 1) for value in values),
        }
        for model, of_doc in models.items()
        for doc, values in of_doc.items()
    ]
    frame = pl.DataFrame(rows, schema_overrides={"source": pl.String})
    changed = [(model, "t") for model in models]
    table = comparisons.table(lambda _: frame, changed)
    assert table.equals(comparisons.table(lambda _: frame.sample(fraction=1, shuffle=True, seed=1), changed))
    found = {(row["model_a"], row["model_b"]): row for row in table.iter_rows(named=True)}
    own = {doc: doc if source is None else ("source", source) for doc, source in sources.items()}
    for a, b in itertools.combinations(sorted(models), 2):
        binary = all(value in (0, 1) for side in (a, b) for values in models[side].values() for value in values)
        expected = pairs.compare(models[a], models[b], binary=binary, sources=own)
        row = found.pop((a, b), None)
        assert (row is None) == (expected.n == 0)
        if row is not None:
            names = ("n", "value_a", "value_b", "difference", "p_value", "test", "a_better", "b_better", "detectable")
            assert {name: row[name] for name in names} == {name: getattr(expected, name) for name in names}
            assert (row["ci_low"], row["ci_high"], row["ci_method"]) == (expected.low, expected.high, expected.method)
            assert (row["std_error"], row["n_sources"]) == (expected.standard_error, expected.sources)
            assert row["df"] == (None if math.isinf(expected.df) else expected.df)
    assert not found


# Ranking -----------------------------------------------------------------------------------------------------


def test_holm_is_statsmodels_holm(monkeypatch):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    monkeypatch.setattr(gc, "collect", lambda: 0)  # with every call, as long as everything else here
    rng = np.random.default_rng(6)
    for n in range(1, 40):
        p_values = (rng.random(n) ** 3).tolist()
        assert ranks.holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_by_hand():
    assert ranks.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def ranked(matrix):
    names = [f"m{i}" for i in range(len(matrix))]
    tests = {}
    for (i, a), (j, b) in itertools.combinations(enumerate(names), 2):
        only_a, only_b = ((matrix[i] > matrix[j]).sum(), (matrix[i] < matrix[j]).sum())
        tests[a, b] = (float(only_a - only_b), pairs.mcnemar(int(only_a), int(only_b)))
    return ranks.standings(dict(zip(names, matrix.mean(axis=1).tolist(), strict=True)), tests)


@pytest.mark.parametrize("accuracies", [[0.6] * 6, [0.5, 0.5, 0.5, 0.9, 0.9, 0.9]], ids=["all equal", "two levels"])
def test_tie_groups_separate_models_that_are_equal_in_at_most_5_percent_of_leaderboards(accuracies):
    rng = np.random.default_rng(11)
    wrong = missed = 0
    cuts = scipy_stats.norm.ppf(accuracies)[:, None]
    for _ in range(2_000):
        z = rng.normal(size=150) * math.sqrt(0.5) + rng.normal(size=(6, 150)) * math.sqrt(0.5)
        found = ranked((z < cuts).astype(float))
        groups = [found[f"m{i}"].groups for i in range(6)]
        wrong += any(
            not set(groups[i]) & set(groups[j])
            for i, j in itertools.combinations(range(6), 2)
            if accuracies[i] == accuracies[j]
        )
        true_ranks = [(1 + sum(o > a for o in accuracies), sum(o >= a for o in accuracies)) for a in accuracies]
        for i, (best, worst) in enumerate(true_ranks):
            missed += (found[f"m{i}"].best > worst) or (found[f"m{i}"].worst < best)
    assert wrong / 2_000 <= 0.05
    assert missed / 2_000 <= 0.05


def test_models_far_apart_get_ranks_and_groups_of_their_own():
    rng = np.random.default_rng(5)
    found = ranked(np.stack([pair(rng, 400, a, a, 0.3)[0] for a in (0.2, 0.5, 0.8)]))
    assert [(found[f"m{i}"].best, found[f"m{i}"].worst, found[f"m{i}"].letters) for i in range(3)] == [
        (3, 3, "c"),
        (2, 2, "b"),
        (1, 1, "a"),
    ]


def test_a_model_between_two_that_differ_shares_a_group_with_either():
    values = {"top": 0.7, "middle": 0.6, "low": 0.5}
    tests = {("top", "low"): (0.2, 0.001), ("top", "middle"): (0.1, 0.2), ("low", "middle"): (-0.1, 0.2)}
    found = ranks.standings(values, tests)
    assert {name: s.letters for name, s in found.items()} == {"top": "a", "middle": "ab", "low": "b"}
    assert (found["top"].best, found["top"].worst, found["middle"].best, found["low"].best) == (1, 2, 1, 2)
    turned = ranks.standings(values, tests, higher_is_better=False)
    assert turned["low"].best == 1
    assert turned["low"].letters == "a"


@given(st.lists(st.booleans(), min_size=15, max_size=15), st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_two_models_share_a_letter_where_and_only_where_they_are_not_separated(separated, values):
    names = [f"m{i}" for i in range(6)]
    pairs = list(itertools.combinations(names, 2))
    tests = {p: (1.0, 1e-9 if s else 1.0) for p, s in zip(pairs, separated, strict=True)}
    found = ranks.standings(dict(zip(names, values, strict=True)), tests)
    for p, s in zip(pairs, separated, strict=True):
        assert (not set(found[p[0]].groups) & set(found[p[1]].groups)) == s
    assert all(1 <= s.best <= s.worst <= 6 for s in found.values())


def test_a_pair_that_was_not_tested_is_not_separated_and_one_model_ranks_first():
    assert ranks.standings({"a": 1.0, "b": 0.0}, {})["b"].letters == "a"
    assert ranks.standings({"a": 1.0}, {})["a"] == ranks.Standing(1, 1, (0,))
    assert ranks.standings({}, {}) == {}


@pytest.mark.parametrize(
    ("groups", "letters"),
    [
        ((0,), "a"),
        ((0, 1), "ab"),
        ((1, 2, 3), "bcd"),
        ((1, 2, 3, 4), "b-e"),
        ((0, 2, 3, 4, 5), "a,c-f"),
        ((25, 26), "z,aa"),
    ],
)
def test_many_groups_are_named_in_short(groups, letters):
    assert ranks.Standing(1, 9, groups).letters == letters


@pytest.mark.slow
def test_ranks_by_the_mean_over_tasks_separate_equal_models_in_at_most_5_percent_of_leaderboards():
    rng = np.random.default_rng(12)
    columns, names, wrong = [("x", "accuracy"), ("y", "accuracy")], ["m0", "m1", "m2", "m3"], 0
    for _ in range(500):
        rows = []
        for (task, metric), n, share in zip(columns, (60, 200), (0.8, 0.4), strict=True):
            z = rng.normal(size=n) + rng.normal(size=(4, n))
            right = (z < math.sqrt(2) * scipy_stats.norm.ppf(share)).astype(float)
            for i, j in itertools.combinations(range(4), 2):
                found = pairs.compare(of(right[i]), of(right[j]), binary=True)
                rows.append(
                    {"task": task, "metric": metric, "model_a": names[i], "model_b": names[j], "same_task": True,
                     "difference": found.difference, "std_error": found.standard_error, "df": None}
                )  # fmt: skip
        mean = aggregates.Mean(stats.Estimate(0.5, 0.4, 0.6, 260, "mover"), 2, 2)
        standings = aggregates.mean_standings(columns, dict.fromkeys(names, mean), rows, {})
        wrong += any(s.groups != (0,) for s in standings.values())
    assert wrong / 500 <= 0.065  # 5 % and one and a half standard errors of 500 leaderboards


# Planning ----------------------------------------------------------------------------------------------------


def test_the_power_formula_is_millers_with_his_worked_numbers():
    # Miller (2024), section 5: chances spread evenly over [0, 1] have variance 1/12, answers 1/6; w = 1/9 is then a
    # correlation of 1/9 between models. A difference of 3 points needs 969 items without answer noise.
    assert power.Design(1, 0.5, 1 / 9, 1 / 3).variance() == pytest.approx(1 / 9 + 1 / 6 + 1 / 6)
    assert power.Design(10, 0.5, 1 / 9, 1 / 3).variance() == pytest.approx(1 / 9 + 1 / 60 + 1 / 60)
    needed = power.Design(100_000, correlation=1 / 9, agreement=1 / 3).items_needed(0.03)
    assert needed == pytest.approx(969, abs=3)


@given(st.integers(5, 5000), st.integers(1, 20), st.floats(0.05, 0.95))
def test_items_needed_is_the_inverse_of_the_detectable_difference(n, repeats, accuracy):
    design = power.Design(repeats, accuracy)
    found = design.detectable_difference(n)
    if found is not None and 1e-3 < found < 0.99:
        assert design.items_needed(found * (1 + 1e-9)) == n
        assert design.detectable_difference(4 * n) < found


@pytest.mark.parametrize(("n", "repeats"), [(100, 1), (400, 1), (200, 4)])
def test_a_detectable_difference_is_detected_about_four_times_in_five(n, repeats):
    rng = np.random.default_rng(n)
    gap = power.Design(repeats).detectable_difference(n)
    seen = 0
    for _ in range(400):
        # Chances per item of beta form: agreement 0.5; a shared part of them gives the models their correlation.
        shared = rng.random(n) < power.CORRELATION / power.AGREEMENT
        chances = [np.where(shared, base := rng.beta(0.5, 0.5, size=n), rng.beta(0.5, 0.5, size=n)) for _ in (0,)]
        other = np.where(shared, base, rng.beta(0.5, 0.5, size=n))
        a = rng.random((n, repeats)) < chances[0][:, None]
        b = rng.random((n, repeats)) < other[:, None]
        # Right answers become wrong at random until b is `gap` worse on average.
        b &= rng.random((n, repeats)) >= gap / 0.5
        seen += pairs.compare(of(a.astype(float)), of(b.astype(float)), binary=True).p_value < 0.05
    assert 0.7 <= seen / 400 <= 0.92


def test_too_few_items_detect_nothing_and_impossible_plans_are_refused():
    assert power.Design().detectable_difference(2) is None
    assert power.Design().detectable_difference(5) is None or power.Design().detectable_difference(5) < 1
    for bad in (
        lambda: power.Design(accuracy=1.0),
        lambda: power.Design(0),
        lambda: power.Design(correlation=0.9, agreement=0.5),
        lambda: power.Design().items_needed(0.0),
        lambda: power.Design().items_needed(1e-6),
        lambda: power.Design().detectable_difference(0),
    ):
        with pytest.raises(ValueError, match=r"found|needs"):
            bad()


def test_sources_make_a_difference_harder_to_see_and_margins_are_those_of_the_interval():
    plain, sourced = power.Design(), power.Design(design_effect=3)
    assert sourced.detectable_difference(200) > 1.5 * plain.detectable_difference(200)
    low, high = stats.wilson(0.5, 400)
    assert power.Design(agreement=1.0).margin(400) == pytest.approx((high - low) / 2, rel=0.02)


def test_the_table_for_readers_says_what_the_functions_say():
    page = (Path(__file__).parents[2] / "docs" / "reading-the-numbers.md").read_text("utf-8")
    table = [line for line in page.splitlines() if line.startswith(("| problems", "| difference"))]
    items, points = ([re.sub(r"[^0-9]", "", cell) for cell in line.split("|")[2:-1]] for line in table)
    assert [f"{100 * power.Design().detectable_difference(int(n)):.0f}" for n in items] == points
