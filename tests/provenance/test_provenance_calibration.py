"""Calibration: a number means nothing until it is read against models that cannot be related."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence
from harness.provenance.comparison.calibration import ModelFacts


def _pool(n: int = 60, seed: int = 0, *, taught: dict[int, int] | None = None, strength: float = 4.0):
    """Random habits in 40 dimensions; every tenth model is a candidate, models are released one a month."""
    rng = np.random.default_rng(seed)
    habits = rng.normal(size=(n, 40))
    for student, teacher in (taught or {}).items():
        habits[student] += strength * habits[teacher]
    unit = habits / np.linalg.norm(habits, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, np.nan)
    facts = [ModelFacts(f"m{i}", f"lab{i}", f"{2020 + i // 12}-{i % 12 + 1:02}") for i in range(n)]
    return similarity, facts, list(range(0, n, 10))


def test_a_model_released_in_the_same_month_is_not_a_null_model() -> None:
    a, b = ModelFacts("a", "x", "2024-05"), ModelFacts("b", "y", "2024-05-30")
    assert not cal.cannot_have_learnt(a, b)
    assert cal.cannot_have_learnt(ModelFacts("c", "x", "2024-04-30"), b)


def test_a_missing_date_makes_no_null_model_but_documentation_does() -> None:
    candidate = ModelFacts("t", "x", "2024-05")
    assert not cal.cannot_have_learnt(ModelFacts("u"), candidate)
    assert cal.cannot_have_learnt(ModelFacts("u", not_taught_by=frozenset({"x"})), candidate)


def test_neither_the_candidates_lab_nor_a_copy_of_a_model_is_a_null_model() -> None:
    candidate = ModelFacts("t", "x", "2024-05")
    assert not cal.cannot_have_learnt(ModelFacts("u", "x", "2023-01"), candidate)
    assert not cal.cannot_have_learnt(ModelFacts("u", "y", "2023-01", copy_of=frozenset({"z"})), candidate)


def test_a_date_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        ModelFacts("m", released="May 2024")


def test_a_candidate_with_too_few_null_models_is_untestable_not_unremarkable() -> None:
    similarity, facts, _ = _pool()
    scores = cal.pair_scores(similarity, facts, [2])  # two models are older
    assert np.isnan(scores.z).all()
    assert np.isnan(cal.p_values(scores, facts)).all()


def test_a_planted_student_is_found_and_its_teacher_comes_first() -> None:
    similarity, facts, candidates = _pool(taught={55: 30})
    scores = cal.pair_scores(similarity, facts, candidates)
    p = cal.p_values(scores, facts)
    column = candidates.index(30)
    assert np.nanargmax(scores.z[55]) == column
    assert p[55, column] < 0.01


def test_a_teacher_with_many_students_is_not_centred_away() -> None:
    similarity, facts, candidates = _pool(taught=dict.fromkeys(range(31, 60), 30))
    scores = cal.pair_scores(similarity, facts, candidates)
    column = candidates.index(30)
    others = [i for i in range(31, 60) if i not in candidates]
    assert (scores.z[others, column] > 3).all()


@pytest.mark.parametrize("seed", range(3))
def test_p_values_of_unrelated_pairs_are_uniform(seed: int) -> None:
    similarity, facts, candidates = _pool(120, seed)
    scores = cal.pair_scores(similarity, facts, candidates)
    p = cal.p_values(scores, facts)
    later = [(s, b) for b, c in enumerate(candidates) for s in range(c + 1, 120)]  # not null pairs: fresh ones
    values = np.array([p[s, b] for s, b in later])
    values = values[~np.isnan(values)]
    assert sps.kstest(values, "uniform").statistic < 0.09
    assert (values <= 0.05).mean() < 0.09


def test_an_older_candidate_is_no_part_of_a_younger_ones_pooled_null() -> None:
    _, facts, candidates = _pool(120)
    apart, null = cal.unrelated_pairs(facts, candidates), cal.null_models(facts, candidates)
    assert apart.sum() >= cal.LEAST_POOL
    assert not apart[candidates].any()
    assert null[candidates].any()
    assert not (apart & ~null).any()


def test_where_everybody_is_a_candidate_every_null_pair_is_used() -> None:
    _, facts, _ = _pool(40)
    everyone = list(range(40))
    assert (cal.unrelated_pairs(facts, everyone) == cal.null_models(facts, everyone)).all()


def test_how_much_a_model_resembles_anyone_is_no_evidence() -> None:
    similarity, facts, candidates = _pool(seed=5)
    lifted = similarity.copy()
    lifted[57] += 3.0
    lifted[:, 57] += 3.0
    plain = cal.pair_scores(similarity, facts, candidates).z[57]
    np.testing.assert_allclose(cal.pair_scores(lifted, facts, candidates).z[57], plain, atol=0.15)


def test_relatives_of_the_suspect_are_left_out_of_its_null() -> None:
    similarity, facts, _ = _pool()
    kin = [*facts]
    for i in range(10, 20):
        kin[i] = ModelFacts(f"m{i}", "one lab", facts[i].released)
    kin[55] = ModelFacts("m55", "one lab", facts[55].released)
    alone = cal.pair_scores(similarity, facts, [40]).null_size[55, 0]
    assert cal.pair_scores(similarity, kin, [40]).null_size[55, 0] == alone - 10


def _labs(strength: float = 4.0, seed: int = 0):
    """Models 30, 31 and 40 are of one lab; 50 was taught by 30, 51 by 31; the first twelve are documented not to be."""
    similarity, facts, _ = _pool(60, seed, taught={50: 30, 51: 31}, strength=strength)
    facts = [
        ModelFacts(
            f.name,
            "lab" if i in {30, 31, 40} else f.lab,
            f.released,
            not_taught_by=frozenset({"lab"} if i < 12 else ()),
        )
        for i, f in enumerate(facts)
    ]
    return similarity, facts, [10, 20, 30, 31, 40, 45]


def _lab_p(similarity, facts, candidates):
    scores = cal.centred(cal.pair_scores(similarity, facts, candidates), facts)
    asked = evidence.open_pairs(facts, candidates)
    labs = cal.lab_scores(scores, facts, asked, np.ones(len(candidates), dtype=np.bool_))
    return labs, cal.p_values(labs.scores, facts)


def test_students_of_any_version_are_found_for_the_lab_and_others_are_not() -> None:
    similarity, facts, candidates = _labs()
    labs, p = _lab_p(similarity, facts, candidates)
    k = labs.names.index("lab lab")
    assert [int(labs.candidates[b]) for b in labs.members[k]] == [30, 31, 40]
    assert p[50, k] < 0.01
    assert p[51, k] < 0.01
    rest = p[[i for i in range(32, 60) if i not in {40, 50, 51}], k]
    assert np.mean(rest[~np.isnan(rest)] <= 0.05) < 0.2


def test_a_labs_null_models_are_those_of_all_its_versions_and_a_later_version_is_no_teacher() -> None:
    similarity, facts, candidates = _labs()
    labs, _ = _lab_p(similarity, facts, candidates)
    k, versions = labs.names.index("lab lab"), [candidates.index(c) for c in (30, 31, 40)]
    every = cal.null_models(facts, candidates)[:, versions].all(axis=1)
    assert (labs.scores.null[:, k] == every).all()
    assert every.sum() == 30
    near = similarity.copy()
    near[35, 40] = near[40, 35] = 1.0  # model 35 is older than version 40
    moved, _ = _lab_p(near, facts, candidates)
    assert abs(moved.scores.z[35, k] - labs.scores.z[35, k]) < 1.0


def test_one_version_that_is_near_by_chance_lifts_a_lab_less_than_a_student_does() -> None:
    similarity, facts, candidates = _labs()
    k = _lab_p(similarity, facts, candidates)[0].names.index("lab lab")
    lifts = []
    for versions in ([], [30], [30, 31]):
        near = similarity.copy()
        near[55, versions] += 1
        near[versions, 55] += 1
        lifts.append(_lab_p(near, facts, candidates)[0].scores.z[55, k])
    none, one, two = lifts
    assert two - none > 1.5 * (one - none) > 0


def test_a_model_that_can_have_learnt_from_one_of_several_versions_alone_is_read_by_that_version() -> None:
    similarity, facts, candidates = _labs()
    late = [dataclasses.replace(f, released="2030-01") if i in {31, 40} else f for i, f in enumerate(facts)]
    labs, p = _lab_p(similarity, late, candidates)
    k, fit = labs.names.index("lab lab"), evidence.open_pairs(late, candidates)
    of_one = fit[:, labs.members[k]].sum(axis=1) == 1
    suspects = of_one & ~labs.scores.null[:, k]
    assert suspects.sum() > 5
    assert np.isnan(p[suspects, k]).all()


def test_a_lab_without_null_models_is_untestable() -> None:
    similarity, facts, candidates = _labs()
    bare = [ModelFacts(f.name, f.lab) for f in facts]
    assert np.isnan(_lab_p(similarity, bare, candidates)[1]).all()


def test_of_all_dates_a_single_student_is_found_though_many_others_learnt_too() -> None:
    taught = {**dict.fromkeys(range(41, 47), 30), 55: 30}
    similarity, facts, candidates = _pool(taught=taught)
    undated = [ModelFacts(f.name, f.lab) for f in facts]
    assert np.isnan(cal.p_values(cal.pair_scores(similarity, undated, candidates), undated)).all()
    scores = cal.pair_scores(similarity, undated, candidates, every_date=True)
    p = cal.p_values(cal.centred(scores, undated), undated)
    assert p[55, candidates.index(30)] < 0.01
    strangers = [i for i in range(60) if i not in taught and i not in candidates]
    assert 0.01 < np.mean(p[strangers] <= 0.05) < 0.09
    mean = cal.pair_scores(similarity, [ModelFacts(f.name, f.lab, "2024-01") for f in facts], candidates)
    assert np.isnan(mean.z).all(), "of one month nobody is older"


def test_a_lineage_counts_once_of_all_dates() -> None:
    similarity, facts, candidates = _pool(taught=dict.fromkeys(range(31, 50), 30))
    one = [ModelFacts(f.name, f.lab, lineage="one" if 31 <= i < 50 else None) for i, f in enumerate(facts)]
    b = candidates.index(30)
    alone, many = (cal.pair_scores(similarity, who, candidates, every_date=True).z[29, b] for who in (
        one, [ModelFacts(f.name, f.lab) for f in facts]
    ))  # fmt: skip
    assert alone > many  # nineteen students of one data set raise the null no further than one would


@pytest.mark.parametrize("df", [8, 300])
def test_the_tail_beyond_the_largest_null_is_calibrated(df: int) -> None:
    """Of a heavy and of a normal law, on average over pools of a thousand pairs."""
    rng = np.random.default_rng(0)
    fresh = rng.standard_t(df, 100_000)
    p = np.array([cal.Tail(rng.standard_t(df, 1000)).p(fresh) for _ in range(40)])
    assert 0.3 < np.mean(p <= 0.001) / 0.001 < 2
    assert 0.8 < np.mean(p <= 0.01) / 0.01 < 1.25


def test_no_smaller_p_value_is_given_than_a_tail_can_be_checked_at() -> None:
    scores = np.random.default_rng(0).standard_normal(1000)
    tail = cal.Tail(scores)
    assert tail.p(np.array([50.0]))[0] == tail.least == pytest.approx(cal.IMPOSSIBLE / 1000, rel=0.02)
    few = cal.Tail(scores[: cal.LEAST_TAIL - 1])
    assert few.p(np.array([50.0]))[0] == few.least == 1 / cal.LEAST_TAIL
    assert np.isnan(tail.p(np.array([np.nan]))).all()


def test_those_that_did_learn_do_not_set_the_tail_of_those_that_did_not() -> None:
    scores = np.random.default_rng(1).standard_normal(1000)
    mixed = cal.Tail(np.concatenate([scores, np.full(2, 60.0)]))
    assert mixed.p(np.array([4.0]))[0] == pytest.approx(cal.Tail(scores).p(np.array([4.0]))[0], rel=0.3)


@given(st.lists(st.floats(-5, 5), min_size=60, max_size=200), st.floats(-6, 20), st.floats(0, 5))
def test_a_higher_score_never_has_a_larger_p_value(scores: list[float], z: float, step: float) -> None:
    tail = cal.Tail(np.array(scores))
    low, high = tail.p(np.array([z, z + step]))
    assert 0 < high <= low + 1e-12
    assert low <= 1


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_keep_their_order_and_never_shrink(p: list[float]) -> None:
    q = cal.benjamini_hochberg(p)
    assert q == (sps.false_discovery_control(p, method="bh").tolist() if p else [])
    assert len(q) == len(p)
    assert all(a <= b + 1e-12 and b <= 1 for a, b in zip(p, q, strict=True))
    order = np.argsort(p, kind="stable")
    assert all(q[i] <= q[j] + 1e-12 for i, j in itertools.pairwise(order))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), min_size=1, max_size=30), st.floats(0.1, 10))
def test_weights_share_out_one_false_discovery_rate(tests: list[tuple[float, int]], unit: float) -> None:
    p, weights = zip(*tests, strict=True)
    q = cal.benjamini_hochberg(p, weights)
    scaled = [min(1.0, a * np.mean(weights) / w) for a, w in tests]
    assert q == pytest.approx(cal.benjamini_hochberg(scaled))
    assert q == pytest.approx(cal.benjamini_hochberg(p, [unit * w for w in weights]))
    assert cal.benjamini_hochberg(p, [7] * len(p)) == pytest.approx(cal.benjamini_hochberg(p))


def test_weights_let_no_more_of_many_true_nulls_through() -> None:
    rng, weights = np.random.default_rng(0), [13, 6, 6, 5, 4, 3, 2, 2, *[1] * 10]
    named = [min(cal.benjamini_hochberg(rng.random(len(weights)).tolist(), weights)) <= 0.05 for _ in range(4000)]
    assert np.mean(named) == pytest.approx(0.05, abs=0.01)


def test_what_a_suspect_scores_with_everybody_is_taken_out_but_not_what_its_candidates_versions_share() -> None:
    similarity, facts, candidates = _pool(taught={55: 30})
    versions = [ModelFacts(f.name, "teacher" if i in {20, 30, 40} else f.lab, f.released) for i, f in enumerate(facts)]
    scores = cal.pair_scores(similarity, versions, candidates)
    lifted = scores.z.copy()
    lifted[55] += 2.0
    plain, high = (cal.centred(dataclasses.replace(scores, z=z), versions).z[55] for z in (scores.z, lifted))
    tested = ~np.isnan(plain)
    assert (np.abs(high - plain)[tested] < 2.0).all()
    alone = candidates.index(30)
    siblings = [candidates.index(20), candidates.index(40)]
    raised = scores.z.copy()
    raised[55, siblings] += 5.0
    moved = cal.centred(dataclasses.replace(scores, z=raised), versions).z[55]
    assert moved[alone] == pytest.approx(plain[alone])


def test_a_mean_of_fewer_channels_varies_as_much_as_the_mean_of_all() -> None:
    # Five channels that know little of each other: a mean of two varies 1.6 times as much as one of five.
    pools = [_pool(n=120, seed=seed) for seed in range(5)]
    scores = [cal.pair_scores(similarity, facts, candidates) for similarity, facts, candidates in pools]
    every = cal.combine(scores)
    strangers = every.unrelated & ~np.isnan(every.z)
    some = strangers & (np.arange(120) % 3 == 0)[:, None]
    fewer = [dataclasses.replace(s, z=np.where(some & (i > 1), np.nan, s.z)) for i, s in enumerate(scores)]
    found = cal.combine(fewer)
    np.testing.assert_array_equal(found.z[~some], every.z[~some])
    assert found.z[some].std() == pytest.approx(every.z[strangers].std(), rel=0.1)
    plain = np.mean([s.z for s in scores[:2]], axis=0)
    assert plain[some].std() > 1.3 * every.z[strangers].std()
    assert np.corrcoef(found.z[some], plain[some])[0, 1] == pytest.approx(1), "the order is kept"
    nobody = [dataclasses.replace(s, z=np.full_like(s.z, np.nan)) for s in scores]
    assert np.isnan(cal.combine(nobody).z).all()
    few = [dataclasses.replace(s, z=np.where(np.arange(120)[:, None] < 5, s.z, np.nan)) for s in fewer]
    found = cal.combine(few).z
    known = ~np.isnan(found)
    plain = np.nanmean(np.stack([s.z for s in few])[:, known], axis=0)
    np.testing.assert_allclose(found[known], plain, err_msg="too few strangers to measure it by")


def test_a_later_model_or_a_relative_takes_nothing_out_of_a_score() -> None:
    similarity, facts, candidates = _pool()
    scores = cal.pair_scores(similarity, facts, candidates)
    raised = scores.z.copy()
    raised[25, candidates.index(40)] += 50.0  # released after model 25
    again = dataclasses.replace(scores, z=raised)
    at = candidates.index(20)
    assert cal.centred(again, facts).z[25, at] == pytest.approx(cal.centred(scores, facts).z[25, at])


def test_ten_nearest_candidates_alone_are_taken_out_of_a_score() -> None:
    similarity, facts, _ = _pool(60)
    candidates = list(range(8, 60))
    scores = cal.pair_scores(similarity, facts, candidates)
    z = np.where(np.isnan(scores.z), np.nan, 0.0)
    z[59, [candidates.index(c) for c in range(20, 30)]] = 2.0
    z[59, [candidates.index(c) for c in range(30, 50)]] = -9.0
    out = cal.centred(dataclasses.replace(scores, z=z), facts).z[59]
    assert out[candidates.index(30)] == pytest.approx(-9 - 20 / (cal.NEAREST + cal.PRIOR_CANDIDATES))


def test_a_lab_has_its_own_models_before_they_are_released_and_others_have_not() -> None:
    facts = [
        ModelFacts("student", "x", "2025-01"),
        ModelFacts("own", "x", "2025-01"),
        ModelFacts("other", "y", "2025-01"),
        ModelFacts("own-later", "x", "2025-02"),
    ]
    assert [evidence.rival(facts[0], facts[c]) for c in (1, 2, 3)] == ["same lab", "later", "later"]
