"""What `harness/stats/intervals.py` promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats.intervals import (
    CONFIDENCE,
    RESAMPLES,
    Estimate,
    bootstrap,
    bootstrap_mean,
    estimate,
    normal_quantile,
    pass_at_k,
    pass_estimate,
    pass_hat_k,
    standard_error,
    weighted_mean,
    wilson,
)

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
    result = estimate([[value] for value in values], binary=False)
    assert (result.low, result.high) == pytest.approx(expected, abs=1e-12)
    assert result.method == "student_t"


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
    assert result.method == "bootstrap_bca"
    assert min(values) - slack <= result.low <= result.high <= max(values) + slack


@pytest.mark.parametrize("function", [bootstrap_mean, lambda docs: bootstrap(docs, max)])
def test_a_bootstrap_of_fewer_than_two_units_claims_no_interval(function):
    assert function([]) == Estimate(None, None, None, 0, "none")
    assert function([0.4]) == Estimate(0.4, None, None, 1, "none")


def test_the_bootstraps_agree_with_scipys_bca_bootstrap():
    values = np.random.default_rng(1).beta(2, 5, size=80).tolist()
    expected = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=20 * RESAMPLES, method="BCa", rng=np.random.default_rng(2)
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


# Coverage: 2,000 simulated evaluations, and the exact figure where counts are all there is -----------------------

SHARES = [share / 100 for share in range(2, 99)]
EVALUATIONS = 2_000


def limits(n):
    """The interval of every count of right answers among n, as `estimate` gives it."""
    found = [estimate([[1.0]] * k + [[0.0]] * (n - k), binary=True) for k in range(n + 1)]
    return np.array([result.low for result in found]), np.array([result.high for result in found])


@pytest.mark.parametrize(
    ("n", "outside", "impossible"), [(20, 26, 12), (50, 8, 2), (200, 0, 0)], ids=["n20", "n50", "n200"]
)
def test_binary_intervals_cover_93_to_97_percent_but_where_counts_are_too_coarse(n, outside, impossible):
    low, high = limits(n)
    counts = np.arange(n + 1)
    exact, hopeless = [], 0
    for share in SHARES:
        chance = scipy_stats.binom.pmf(counts, n, share)
        exact.append(chance[(low <= share) & (share <= high)].sum())
        # An interval method accepts a run of counts at each share: no run of counts, no method.
        cumulated = np.concatenate([[0], np.cumsum(chance)])
        runs = cumulated[None, :] - cumulated[:, None]
        hopeless += not ((runs >= 0.93) & (runs <= 0.97)).any()
    exact = np.array(exact)
    assert ((exact < 0.93) | (exact > 0.97)).sum() == outside
    assert hopeless == impossible
    assert 0.92 <= exact.min() <= exact.max() <= 0.98
    assert 0.945 <= exact.mean() <= 0.955
    rng = np.random.default_rng(n)
    drawn = rng.binomial(n, np.array(SHARES)[:, None], size=(len(SHARES), EVALUATIONS))
    simulated = ((low[drawn] <= np.array(SHARES)[:, None]) & (np.array(SHARES)[:, None] <= high[drawn])).mean(axis=1)
    assert np.abs(simulated - exact).max() < 0.025  # five standard errors of 2,000 evaluations


def coverage(draw, truth, evaluations=EVALUATIONS, **arguments):
    hits = 0
    for _ in range(evaluations):
        result = estimate(draw(), **arguments)
        hits += result.low is not None and result.low <= truth <= result.high
    return hits / evaluations


@pytest.mark.parametrize(
    ("n", "share", "repeats", "agreement"),
    [
        (20, 0.5, 4, 0.5), (20, 0.05, 8, 0.5), (50, 0.02, 8, 0.5), (50, 0.5, 8, 0.3), (50, 0.9, 4, 0.5),
        (50, 0.98, 32, 0.8), (200, 0.02, 8, 0.8), (200, 0.7, 4, 0.5),
    ],
)  # fmt: skip
def test_intervals_of_repeats_cover_and_counting_repeats_as_documents_would_not(n, share, repeats, agreement):
    # Answers to a document correlate by `agreement`; 0.5 is the median over real models (`harness.stats.power`).
    rng = np.random.default_rng(7)
    scale = 1 / agreement - 1

    def draw():
        chances = rng.beta(share * scale, (1 - share) * scale, size=n)
        return rng.binomial(1, chances[:, None], size=(n, repeats)).astype(float).tolist()

    assert 0.925 <= coverage(draw, share, 1_000, binary=True) <= 0.99  # .93 in the long run; 1.5 standard errors less
    assert coverage(lambda: [[v] for doc in draw() for v in doc], share, 300, binary=True) < 0.9


def test_intervals_of_documents_that_share_a_source_cover_and_ignoring_the_source_would_not():
    rng = np.random.default_rng(8)
    sources = [i // 5 for i in range(150)]

    def draw():
        chances = np.repeat(rng.beta(1.4, 0.6, size=30), 5)
        return rng.binomial(1, chances).astype(float)[:, None].tolist()

    assert 0.93 <= coverage(draw, 0.7, binary=True, sources=sources) <= 0.97
    assert coverage(draw, 0.7, binary=True) < 0.85

    def real():
        return (np.repeat(rng.normal(3, 1, size=30), 5) + rng.normal(0, 1, size=150))[:, None].tolist()

    assert 0.93 <= coverage(real, 3, binary=False, sources=sources) <= 0.97
    assert coverage(real, 3, binary=False) < 0.8


def test_intervals_of_a_bootstrapped_metric_cover_and_better_than_percentiles():
    # A ratio of sums, as corpus metrics are: skewed.
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(300):
        docs = rng.lognormal(0, 0.7, size=(60, 2)).tolist()
        result = bootstrap(docs, lambda chosen: sum(d[0] for d in chosen) / sum(d[1] for d in chosen))
        hits += result.low <= 1 <= result.high
    assert 0.90 <= hits / 300 <= 0.98


# References --------------------------------------------------------------------------------------------------


def test_wilson_is_statsmodels_wilson():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for k, n in [(0, 20), (1, 20), (13, 50), (199, 200)]:
        assert wilson(k / n, n) == pytest.approx(proportion.proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_clustered_standard_errors_and_t_intervals_are_those_of_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    sources = rng.integers(0, 12, size=80).tolist()
    values = (rng.normal(size=80) + np.array(sources) / 6).tolist()
    fit = api.OLS(values, np.ones(80)).fit(cov_type="cluster", cov_kwds={"groups": sources}, use_t=True)
    assert standard_error(values, sources) == pytest.approx(float(fit.bse[0]), rel=1e-12)
    result = estimate([[value] for value in values], binary=False, sources=sources)
    assert (result.low, result.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)
    assert result.method == "student_t_clustered"


def test_clustered_standard_error_is_millers_formula():
    # Miller (2024), equation 4: sqrt(SE_CLT² + 1/n² Σ_c Σ_i Σ_j≠i (s_i - m)(s_j - m)), here by hand on six scores of
    # three passages. Deviations from 0.5 are ±0.5: SE_CLT² = 1.5/36, cross terms 2(0.25 - 0.25 + 0.25) = 0.5; G/(G-1) = 1.5.
    scores, passages = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], ["x", "x", "y", "y", "z", "z"]
    assert standard_error(scores, passages) == pytest.approx(math.sqrt(1.5 * (1.5 + 0.5) / 36))


def test_pass_at_k_is_the_share_of_draws_with_a_right_one_and_pass_hat_k_of_draws_all_right():
    from itertools import combinations

    for n in range(1, 8):
        for c in range(n + 1):
            answers = [1] * c + [0] * (n - c)
            for k in range(1, n + 1):
                draws = list(combinations(answers, k))
                assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))
                assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_pass_at_k_is_the_published_code():
    # Chen et al. (2021), figure 3: 1 - prod(1 - k / arange(n - c + 1, n + 1)).
    for n, c, k in [(200, 3, 1), (200, 3, 10), (200, 3, 100), (200, 150, 100), (10, 0, 5)]:
        expected = 1.0 if n - c < k else 1 - np.prod(1 - k / np.arange(n - c + 1, n + 1))
        assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 6), (5, 2, 0), (0, 0, 1)])
def test_pass_at_k_of_impossible_counts_is_refused(n, c, k):
    for function in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="found n="):
            function(n, c, k)


def test_pass_at_k_has_an_interval_over_problems_and_leaves_out_those_with_too_few_samples():
    docs = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0]] * 5
    at, hat = pass_estimate(docs, 3), pass_estimate(docs, 3, one=pass_hat_k)
    assert (at.n, at.value, hat.value) == (15, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert 0 <= at.low < at.value < at.high <= 1
    assert pass_estimate(docs, 2).value == pytest.approx((2 / 3 + 0 + 1 + 1) / 4)
    assert pass_estimate(docs, 4) == Estimate(None, None, None, 0, "none")
    assert pass_estimate(docs, 1).value == pytest.approx(estimate(docs, binary=True).value)


def test_a_weighted_mean_states_its_weights_and_an_interval_that_covers():
    one, two = Estimate(0.5, 0.4, 0.6, 10, "wilson"), Estimate(0.9, 0.8, 0.95, 20, "wilson")
    assert weighted_mean([(1, one), (3, two)]) == Estimate(
        pytest.approx(0.8), pytest.approx(0.8 - math.hypot(0.025, 0.075)),
        pytest.approx(0.8 + math.hypot(0.025, 0.0375)), 30, "mover",
    )  # fmt: skip
    assert weighted_mean([(2, one)]) == Estimate(0.5, pytest.approx(0.4), pytest.approx(0.6), 10, "mover")
    rng = np.random.default_rng(1)
    low, high = zip(*(limits(n) for n in (30, 100, 500)), strict=True)
    shares, hits = np.array([0.1, 0.6, 0.97]), 0
    for counts in rng.binomial([30, 100, 500], shares, size=(EVALUATIONS, 3)):
        parts = [
            (1.0, Estimate(k / n, low[i][k], high[i][k], n, "wilson"))
            for i, (k, n) in enumerate(zip(counts.tolist(), (30, 100, 500), strict=True))
        ]
        result = weighted_mean(parts)
        hits += result.low <= shares.mean() <= result.high
    assert 0.93 <= hits / EVALUATIONS <= 0.97


def test_a_missing_part_makes_no_mean_and_a_part_without_interval_no_interval():
    known, none = Estimate(0.5, 0.4, 0.6, 10, "wilson"), Estimate(None, None, None, 0, "none")
    assert weighted_mean([(1, known), (1, none)]).value is None
    assert weighted_mean([]).value is None
    bare = weighted_mean([(1, known), (1, Estimate(0.3, None, None, 4, "none"))])
    assert (bare.value, bare.low, bare.method) == (0.4, None, "none")


def test_sources_must_be_one_per_document():
    with pytest.raises(ValueError, match="one source per document"):
        estimate([[1.0], [0.0]], binary=True, sources=["x"])


def test_the_normal_quantile_is_scipys():
    assert normal_quantile() == scipy_stats.norm.ppf((1 + CONFIDENCE) / 2)
