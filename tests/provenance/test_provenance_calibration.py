"""Calibration: a number means nothing until it is read against models that cannot be related."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from harness.provenance import calibration as cal
from harness.provenance import families
from harness.provenance.calibration import ModelFacts


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
    assert np.isnan(cal.pair_p_values(scores, facts)).all()


def test_a_planted_student_is_found_and_its_teacher_comes_first() -> None:
    similarity, facts, candidates = _pool(taught={55: 30})
    scores = cal.pair_scores(similarity, facts, candidates)
    p = cal.pair_p_values(scores, facts)
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
    p = cal.pair_p_values(scores, facts)
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


def _family(strength: float, seed: int = 0):
    similarity, facts, _ = _pool(60, seed, taught={50: 30, 51: 31}, strength=strength)
    facts = [
        ModelFacts(
            f.name, "lab" if i in {30, 31} else f.lab, f.released, not_taught_by=frozenset({"lab"} if i < 12 else ())
        )
        for i, f in enumerate(facts)
    ]
    return similarity, facts


def test_the_family_test_finds_students_of_a_lab_and_not_the_others() -> None:
    similarity, facts = _family(4.0)
    tests = families.family_tests([similarity], facts, families.family(facts, [30, 31]))
    assert tests[50].p < 0.01
    assert tests[51].p < 0.01
    rest = [t.p for i, t in tests.items() if i not in {50, 51}]
    assert np.mean(np.array(rest) <= 0.05) < 0.2
    assert tests[50].null_size == tests[50].null_lineages == 12


def test_a_model_older_than_the_whole_lab_is_not_asked() -> None:
    similarity, facts = _family(4.0)
    tests = families.family_tests([similarity], facts, families.family(facts, [30, 31]))
    assert set(range(30)) & set(tests) == set(range(12)), "null models alone are, as a check of the test itself"


def test_a_lab_without_null_models_is_untestable() -> None:
    similarity, facts, _ = _pool()
    bare = [ModelFacts(f.name, f.lab) for f in facts]
    assert families.family_tests([similarity], bare, families.family(bare, [30])) == {}


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_keep_their_order_and_never_shrink(p: list[float]) -> None:
    q = cal.benjamini_hochberg(p)
    assert len(q) == len(p)
    assert all(a <= b + 1e-12 and b <= 1 for a, b in zip(p, q, strict=True))
    order = np.argsort(p, kind="stable")
    assert all(q[i] <= q[j] + 1e-12 for i, j in itertools.pairwise(order))


def test_what_a_suspect_scores_with_everybody_is_taken_out_but_not_what_its_candidates_versions_share() -> None:
    similarity, facts, candidates = _pool(taught={55: 30})
    versions = [ModelFacts(f.name, "teacher" if i in {20, 30, 40} else f.lab, f.released) for i, f in enumerate(facts)]
    scores = cal.pair_scores(similarity, versions, candidates)
    lifted = scores.z.copy()
    lifted[55] += 2.0
    plain, high = (
        cal.centred(cal.PairScores(scores.candidates, z, scores.null_size, scores.null, scores.unrelated), versions).z[
            55
        ]
        for z in (scores.z, lifted)
    )
    tested = ~np.isnan(plain)
    assert (np.abs(high - plain)[tested] < 2.0).all()
    alone = candidates.index(30)
    siblings = [candidates.index(20), candidates.index(40)]
    raised = scores.z.copy()
    raised[55, siblings] += 5.0
    moved = cal.centred(
        cal.PairScores(scores.candidates, raised, scores.null_size, scores.null, scores.unrelated), versions
    ).z[55]
    assert moved[alone] == pytest.approx(plain[alone])


def test_a_later_model_or_a_relative_takes_nothing_out_of_a_score() -> None:
    similarity, facts, candidates = _pool()
    scores = cal.pair_scores(similarity, facts, candidates)
    raised = scores.z.copy()
    raised[25, candidates.index(40)] += 50.0  # released after model 25
    again = cal.PairScores(scores.candidates, raised, scores.null_size, scores.null, scores.unrelated)
    at = candidates.index(20)
    assert cal.centred(again, facts).z[25, at] == pytest.approx(cal.centred(scores, facts).z[25, at])


def test_controls_of_one_lineage_that_lie_close_together_do_not_make_a_tiny_spread() -> None:
    similarity, facts = _family(4.0)
    near = [
        ModelFacts(f.name, f.lab, f.released, lineage="one" if i < 6 else None, not_taught_by=f.not_taught_by)
        for i, f in enumerate(facts)
    ]
    similarity[6:12, 30:32] = similarity[30:32, 6:12].T[:, :] = 0.1
    similarity[6:12, :12] = similarity[:12, 6:12] = 0.0
    np.fill_diagonal(similarity, np.nan)
    tests = families.family_tests([similarity], near, families.family(near, [30, 31]))
    assert max(abs(tests[i].score) for i in range(6)) < 6


def test_a_lab_has_its_own_models_before_they_are_released_and_others_have_not() -> None:
    from harness.provenance.evidence import Analysis
    from harness.provenance.fingerprint import Fingerprints

    facts = [
        ModelFacts("student", "x", "2025-01"),
        ModelFacts("own", "x", "2025-01"),
        ModelFacts("other", "y", "2025-01"),
        ModelFacts("own-later", "x", "2025-02"),
    ]
    prints = Fingerprints(tuple(f.name for f in facts), (), np.zeros((4, 0), dtype=np.bool_), {}, {})
    similarity = np.full((4, 4), np.nan)
    scores = cal.pair_scores(similarity, facts, [0, 1, 2, 3])
    analysis = Analysis(prints, facts, [0, 1, 2, 3], {}, {}, scores, similarity)
    assert [analysis.rival(0, c) for c in (1, 2, 3)] == ["same lab", "later", "later"]
