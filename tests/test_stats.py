"""What `harness/stats.py` promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats import RESAMPLES, Estimate, bootstrap, bootstrap_mean, estimate, student_t, wilson

binary_docs = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=0, max_size=4), max_size=30)
real_docs = st.lists(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=4), max_size=30)


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 7), (3, 8), (39, 40), (40, 40), (500, 1319)])
def test_wilson_is_scipys_wilson(successes, n):
    expected = scipy_stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_is_the_published_example():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 by Wilson's score method.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_student_t_is_scipys_interval():
    values = [0.1, 0.7, 0.35, 0.35, 1.0]
    expected = scipy_stats.t.interval(0.95, 4, np.mean(values), scipy_stats.sem(values))
    assert student_t(values) == pytest.approx(expected, abs=1e-12)


def test_nothing_scored_is_none_and_not_zero():
    assert estimate([], binary=True) == Estimate(None, None, None, 0, "none")
    assert estimate([[], []], binary=False) == Estimate(None, None, None, 0, "none")


def test_an_unscored_document_is_not_in_n():
    assert estimate([[1.0], [], [0.0]], binary=True).n == 2


def test_repeats_are_not_documents():
    once = estimate([[1.0], [0.0], [1.0], [0.0]], binary=True)
    repeated = estimate([[1.0] * 50, [0.0] * 50, [1.0] * 50, [0.0] * 50], binary=True)
    assert repeated.n == once.n == 4
    assert repeated.high - repeated.low > 0.9 * (once.high - once.low)


def test_documents_weigh_the_same_however_often_they_were_repeated():
    assert estimate([[1.0, 1.0, 1.0], [0.0]], binary=True).value == 0.5


def test_repeats_that_all_agree_keep_a_real_interval():
    perfect = estimate([[1.0, 1.0]] * 10, binary=True)
    assert perfect.method == "wilson"
    assert (perfect.low, perfect.high) == wilson(1.0, 10)


def test_scores_without_spread_claim_no_interval():
    assert estimate([[0.3], [0.3]], binary=False) == Estimate(0.3, None, None, 2, "none")
    assert estimate([[0.3]], binary=False) == Estimate(0.3, None, None, 1, "none")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        estimate([[bad]], binary=False)


def test_half_a_success_is_refused():
    with pytest.raises(ValueError, match="0 or 1"):
        estimate([[0.5]], binary=True)


@given(binary_docs)
def test_a_binary_interval_holds_its_value_and_stays_in_range(docs):
    result = estimate(docs, binary=True)
    assert result.n == sum(1 for doc in docs if doc)
    if result.n:
        assert 0 <= result.low <= result.value <= result.high <= 1
        assert result.low < result.high


@given(real_docs)
def test_an_interval_holds_its_value(docs):
    result = estimate(docs, binary=False)
    if result.low is not None:
        assert result.low <= result.value <= result.high


@given(binary_docs, st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(docs, rng):
    shuffled = list(docs)
    rng.shuffle(shuffled)
    assert estimate(shuffled, binary=True) == estimate(docs, binary=True)


@given(st.integers(1, 2000), st.data())
def test_wilson_is_symmetric_and_narrows_with_n(n, data):
    k = data.draw(st.integers(0, n))
    low, high = wilson(k / n, n)
    assert wilson(1 - k / n, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    wide, narrow = wilson(k / n, n), wilson(k / n, 4 * n)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_a_bootstrap_is_deterministic_and_within_the_data(values):
    result = bootstrap_mean(values)
    assert result == bootstrap_mean(values)
    if result.low is None:
        assert len(set(values)) == 1 or max(values) - min(values) < 1e-9
        return
    assert result.low <= result.value <= result.high
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= result.low <= result.high <= max(values) + slack


@pytest.mark.parametrize("function", [bootstrap_mean, lambda docs: bootstrap(docs, max)])
def test_a_bootstrap_of_fewer_than_two_units_claims_no_interval(function):
    assert function([]) == Estimate(None, None, None, 0, "none")
    assert function([0.4]) == Estimate(0.4, None, None, 1, "none")


def test_the_bootstraps_agree_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).beta(2, 5, size=80).tolist()
    expected = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=20 * RESAMPLES, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    slack = 0.08 * (expected.high - expected.low)
    for result in (bootstrap_mean(values), bootstrap(values, lambda docs: sum(docs) / len(docs))):
        assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=slack)


def test_a_bootstrap_resamples_whole_documents():
    # Documents of two parts that always disagree: resampling parts would give a spread, whole documents give none.
    result = bootstrap([[0.0, 1.0]] * 10, lambda docs: float(np.mean([part for doc in docs for part in doc])))
    assert result == Estimate(0.5, None, None, 10, "none")


def test_a_metric_that_is_undefined_for_a_resample_has_no_interval_and_no_nan():
    def precision(docs):
        return sum(docs) / len(docs) if any(docs) else math.nan

    assert bootstrap([1.0, 0.0, 0.0], precision) == Estimate(1 / 3, None, None, 3, "none")
    assert bootstrap([0.0, 0.0], precision) == Estimate(None, None, None, 2, "none")


def test_intervals_cover_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(7)
    trials = 1500

    def coverage(draw, truth, binary):
        hits = 0
        for _ in range(trials):
            result = estimate(draw(), binary=binary)
            hits += result.low is not None and result.low <= truth <= result.high
        return hits / trials

    def repeated_binary():
        # Beta(2, 2) per-document difficulty, four repeats each: repeats of a document agree with each other.
        chances = rng.beta(2, 2, size=40)
        return (rng.random((40, 4)) < chances[:, None]).astype(float).tolist()

    for share in (0.05, 0.3, 0.5, 0.9):
        single = coverage(lambda p=share: (rng.random((40, 1)) < p).astype(float).tolist(), share, binary=True)
        assert 0.92 <= single <= 0.99, share
    assert 0.93 <= coverage(repeated_binary, 0.5, binary=True) <= 0.97
    assert 0.93 <= coverage(lambda: rng.normal(3, 1, size=(12, 1)).tolist(), 3, binary=False) <= 0.97
    # Counting the repeats as documents would fall far short: that is why they are clustered.
    naive = coverage(lambda: [[v] for doc in repeated_binary() for v in doc], 0.5, binary=True)
    assert naive < 0.92
