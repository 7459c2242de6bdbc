"""How far scores depend on prompts and null models, and what documented students say they are worth."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence, positives, similarity, uncertainty
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.positives import Positive
from harness.provenance.verdicts import wording

WORDS = "a the of to and in is it you that he was for on are with as his they be at one have this".split()  # noqa: SIM905


def _pool(models: int = 30, prompts: int = 80, seed: int = 0) -> evidence.Analysis:
    """Made-up answers; the last model takes its words from model 20 on two prompts of three."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.ones(len(WORDS)) * 0.3, size=models)
    texts = {
        (m, p): " ".join(rng.choice(WORDS, size=40, p=taste[m])) + "." for m in range(models) for p in range(prompts)
    }
    texts |= {(models - 1, p): texts[20, p] for p in range(prompts) if p % 3}
    frame = pl.DataFrame(
        [{"model": f"m{m:02}", "prompt_id": f"p{p:03}", "output": text} for (m, p), text in texts.items()]
    )
    facts = [ModelFacts(f"m{i:02}", f"lab{i}", f"{2020 + i // 12}-{i % 12 + 1:02}") for i in range(models)]
    return evidence.analyse(fingerprint.fingerprint(frame, names=evidence.EVIDENCE), facts, range(10, models - 1))


def _dated(pool: evidence.Analysis, facts: list[ModelFacts], candidates: Sequence[int]) -> evidence.Analysis:
    """The same answers, read against the dated null alone."""
    whole = evidence.calibrated(pool.prints, facts, candidates, pool.matrices)
    return dataclasses.replace(whole, every_date=None)


def test_a_candidate_without_a_dated_null_is_read_against_all_dates_and_that_is_said(pool: evidence.Analysis) -> None:
    found = evidence.calibrated(pool.prints, pool.facts, [4, 5, *range(10, 29)], pool.matrices)
    four, five = (next(f for f in evidence.pair_tests(found, "m29") if f.candidate == name) for name in ("m04", "m05"))
    assert (four.weaker, five.weaker) == (True, False)
    assert four.null_size >= 20
    assert four.p is not None
    few = dataclasses.replace(pool.prints, models=pool.prints.models[:21], answered=pool.prints.answered[:21])
    part = {name: matrix[:21, :21] for name, matrix in pool.matrices.items()}
    small = evidence.calibrated(few, pool.facts[:21], [4, 5, *range(10, 20)], part)
    assert small.every_date is None, "twenty models besides the pair, or no all-date null"


@pytest.fixture(scope="module")
def pool() -> evidence.Analysis:
    return _pool()


def test_a_matrix_without_some_prompts_is_the_matrix_of_the_others(pool: evidence.Analysis) -> None:
    prints = pool.prints
    groups = [list(range(40)), list(range(40, 80))]
    for name in ("phrasing", "openings"):
        first, second = similarity.without(prints, name, groups)
        rest = similarity.matrix(prints.subset(range(40, 80)), name)
        if name == "phrasing":
            np.testing.assert_allclose(first, rest)
        else:  # which habits count stays as on all prompts, so that replicates differ by the answers alone
            known = ~np.isnan(rest)
            assert np.corrcoef(first[known], rest[known])[0, 1] > 0.95
        assert not np.allclose(first, second, equal_nan=True)


@given(st.lists(st.sampled_from([None, "one", "two"]), min_size=30, max_size=30))
@settings(max_examples=20, deadline=None)
def test_a_null_model_without_a_score_is_no_part_of_the_null(
    pool: evidence.Analysis, lineages: list[str | None]
) -> None:
    """Models of one lineage are left out of each other's null, so that some of them have too few models for a score."""
    facts = [dataclasses.replace(fact, lineage=lineage) for fact, lineage in zip(pool.facts, lineages, strict=True)]
    found = _dated(pool, facts, pool.candidates)
    for s in (20, 29):
        for finding in evidence.pair_tests(found, f"m{s}"):
            column = found.columns[finding.candidate]
            rest = [
                found.scores.z[u, column]
                for u, fact in enumerate(facts)
                if fact.released < facts[found.index(finding.candidate)].released and not fact.related(facts[s])
            ]
            known = [z for z in rest if not math.isnan(z)]
            assert finding.null_size == len(known)
            assert finding.exceeded == (None if finding.z is None else sum(z < finding.z for z in known))
            if len(known) < 5:
                assert finding.p is None
                assert finding.verdict not in {"resembles", "none"}


def test_a_candidate_whose_null_models_have_too_few_scores_is_untestable(pool: evidence.Analysis) -> None:
    """Of seven models older than m07 five are of one lineage: five have two to be read against, two have six."""
    facts = [dataclasses.replace(fact, lineage="one" if i < 5 else None) for i, fact in enumerate(pool.facts)]
    found = _dated(pool, facts, [7, *range(10, 29)])
    (finding,) = (f for f in evidence.pair_tests(found, "m29") if f.candidate == "m07")
    assert (finding.null_size, finding.verdict, finding.p, finding.q) == (2, "untestable", None, None)
    assert finding.z is not None
    assert finding.exceeded is not None
    assert 0 <= finding.exceeded <= 2
    assert "This set has 2 that cannot have learnt from it" in wording.sentence("m29", finding)
    assert all(f.verdict in {"resembles", "none"} for f in evidence.pair_tests(found, "m29") if f.candidate != "m07")


def test_five_null_models_have_a_score_each_read_against_the_other_four(pool: evidence.Analysis) -> None:
    found = _dated(pool, pool.facts, [4, 5, *range(10, 29)])
    four, five = (next(f for f in evidence.pair_tests(found, "m29") if f.candidate == name) for name in ("m04", "m05"))
    assert (four.verdict, four.null_size, four.z, four.exceeded) == ("untestable", 0, None, None)
    assert (five.verdict in {"resembles", "none"}, five.null_size) == (True, 5)


@pytest.mark.slow
def test_intervals_cover_what_other_prompts_say_about_as_often_as_they_claim() -> None:
    hits = []
    for seed in range(6):
        one, two = _pool(seed=seed, prompts=160), None
        halves = [one.prints.subset(range(start, 160, 2)) for start in (0, 1)]
        one, two = (evidence.analyse(half, one.facts, one.candidates) for half in halves)
        spread = uncertainty.deviations(one)[: uncertainty.GROUPS]
        half = uncertainty.half_widths(spread) * math.sqrt(2)  # the other half has its own error
        known = ~np.isnan(one.scores.z) & ~np.isnan(two.scores.z) & ~np.isnan(half)
        hits.append((np.abs(one.scores.z - two.scores.z) <= half)[known].mean())
    assert 0.85 < np.mean(hits) <= 1.0


def test_null_models_add_to_the_uncertainty_and_their_lineages_stay_together(pool: evidence.Analysis) -> None:
    spread = uncertainty.deviations(pool)
    prompts, both = uncertainty.half_widths(spread[: uncertainty.GROUPS]), uncertainty.half_widths(spread)
    known = ~np.isnan(both)
    assert (both[known] > prompts[known]).mean() > 0.99
    facts = [ModelFacts(f.name, "one lab" if i < 5 else f.lab, f.released) for i, f in enumerate(pool.facts)]
    groups = uncertainty.null_groups(facts, pool)
    assert len(groups) == uncertainty.GROUPS
    assert sum(bool(set(group) & set(range(5))) for group in groups) == 1
    assert len(list(itertools.chain(*groups))) == len(set(itertools.chain(*groups)))


def test_the_rank_of_a_clear_winner_is_certain_and_that_of_equals_is_not() -> None:
    rng = np.random.default_rng(0)
    spread = rng.normal(scale=0.1, size=(20, 6))
    low, high = uncertainty.ranks(np.array([9.0, 0, 0, 0, 0, 0]), spread)
    assert (low[0], high[0]) == (1, 1)
    assert (low[1:] == 2).all()
    assert (high[1:] == 6).all()


def _positives(z: float = 3.0) -> list[Positive]:
    return [Positive(f"s{i}", "t", f"line{i % 8}", z + 0.1 * (i % 5), 0.001 * (i + 1)) for i in range(16)]


def test_no_ratio_is_given_where_too_few_lineages_are_documented() -> None:
    null = np.linspace(-2, 2, 200)
    few = [pair for pair in _positives() if pair.lineage in {"line0", "line1", "line2", "line3"}]
    assert positives.scale(few, null) is None
    assert positives.scale([], null) is None
    assert positives.cost(few, null) is None


def test_a_ratio_never_exceeds_what_its_lineages_support_and_leaves_the_suspects_own_out() -> None:
    scale = positives.scale(_positives(), np.linspace(-2, 2, 200), "line0")
    assert scale is not None
    assert scale.lineages == 7
    assert scale.ratio(50.0) == pytest.approx(8)
    assert scale.ratio(-50.0) == pytest.approx(1 / 8)


@given(st.floats(-5, 5), st.floats(0.01, 5))
@settings(max_examples=30, deadline=None)
def test_a_higher_score_never_means_a_lower_ratio(z: float, step: float) -> None:
    scale = positives.scale(_positives(), np.linspace(-2, 2, 200))
    assert scale is not None
    assert scale.ratio(z) <= scale.ratio(z + step)


def test_ratios_of_scores_that_say_nothing_cost_what_always_saying_one_costs() -> None:
    rng = np.random.default_rng(1)
    blind = [Positive(f"s{i}", "t", f"line{i % 12}", float(z), 0.5) for i, z in enumerate(rng.normal(size=240))]
    cost = positives.cost(blind, rng.normal(size=500))
    assert cost == pytest.approx(1, abs=0.05)
    clear = positives.cost(_positives(6.0), rng.normal(size=500))
    assert clear is not None
    assert clear < 0.5


def test_a_set_of_labs_covers_the_teachers_over_lineages_that_were_left_out() -> None:
    rng = np.random.default_rng(0)
    gaps = [positives.Gap(f"s{i}", f"line{i}", float(gap)) for i, gap in enumerate(rng.exponential(size=400))]
    inside = []
    for start in range(0, 400, 20):
        known = gaps[start : start + 20]
        inside += [gap.gap <= (positives.cut(known, gap.lineage) or 0) for gap in known]
    assert 0.87 <= np.mean(inside) <= 0.97


def test_no_coverage_is_promised_on_fewer_than_nine_lineages_and_a_lineage_counts_once() -> None:
    nine = [positives.Gap(f"s{i}", f"line{i}", float(i)) for i in range(9)]
    assert positives.cut(nine) == 8.0
    assert positives.cut(nine, "line3") is None
    crowd = [positives.Gap(f"t{i}", "line0", 0.0) for i in range(500)]
    assert positives.cut([*nine, *crowd]) == 8.0


def test_a_student_does_not_vouch_for_itself() -> None:
    found = _positives()
    whole, rest = positives.power(found, "t"), positives.power(found, "t", "s0")
    assert whole is not None
    assert rest is not None
    assert (whole["students"], rest["students"]) == (16, 15)
    assert positives.power(found, "nobody") is None
    assert [pair.student for pair in positives.read(positives.rows(found))] == [pair.student for pair in found]
