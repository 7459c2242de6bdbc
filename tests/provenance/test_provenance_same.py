"""Is the suspect one of the pool's models under another name? Found where it is, and never said of garbage."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence, same, similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.panels import panel
from harness.provenance.panels.panel import Panel
from harness.provenance.verdicts import pools, reports, wording

WORDS = [f"word{i}" for i in range(400)]


@pytest.fixture(scope="module")
def shipped() -> Panel:
    return panel.load("alpaca_eval")


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")


def _asked(shipped: Panel, answers: pl.DataFrame, model: str, name: str, prompts: int) -> same.Sameness | None:
    mine, _ = panel.keyed(shipped, answers.filter(pl.col("model") == model).with_columns(model=pl.lit(name)))
    first = [shipped.prints.prompts[i] for i in shipped.order[:prompts]]
    return _nearest(shipped, mine.filter(pl.col("prompt_id").is_in(first)), name)


def _nearest(shipped: Panel, frame: pl.DataFrame, name: str) -> same.Sameness | None:
    prints = panel.joined(shipped, fingerprint.fingerprint(frame, names=panel.CHANNELS))
    facts = [shipped.facts.get(m, ModelFacts(m)) for m in prints.models]
    return same.nearest(prints, facts, name, shipped.same)


@pytest.mark.parametrize("prompts", [25, 400])
def test_a_model_that_is_sold_under_another_name_is_found(shipped: Panel, answers: pl.DataFrame, prompts: int) -> None:
    model = "openhermes-2.5-mistral-7b"
    assert model not in shipped.candidates
    found = _asked(shipped, answers, model, "resold", prompts)
    assert found is not None
    assert (found.other, found.verdict) == (model, "strict")
    assert found.similarity > 0.95  # answers of a word or two have no triple of words
    said = wording.same_model(found)
    assert said.startswith(f"resold answers like {model} itself, or a version of it, or a model derived from it")
    assert "siblings" in said
    assert not wording.FORBIDDEN.search(said)


def test_a_model_under_a_second_name_is_nobodys_null_model(shipped: Panel, answers: pl.DataFrame) -> None:
    resold = {"claude-2": ("mine-a", "2023-07"), "gpt-4-0314": ("mine-b", "2023-03")}
    mine = pl.concat(
        answers.filter(pl.col("model") == model).with_columns(model=pl.lit(name)) for model, (name, _) in resold.items()
    )
    prints = panel.joined(shipped, fingerprint.fingerprint(panel.keyed(shipped, mine)[0], names=panel.CHANNELS))
    dates = dict(resold.values())
    facts = [ModelFacts(m, f"lab of {m}", dates[m]) if m in dates else shipped.facts[m] for m in prints.models]
    alone = pools.whole_panel(shipped.name)
    pool = dataclasses.replace(alone, prints=prints, facts=facts)

    told = {fact.name: fact.answers_like for fact in reports.analysis_of(pool).facts}
    assert {name for name, like in told.items() if like} == {"mine-a", "mine-b"}
    assert "claude-2" in told["mine-a"]
    assert "gpt-4-0314" in told["mine-b"]
    with_them, without = (_q(pool, "alpaca-7b") for pool in (pool, alone))
    assert with_them == pytest.approx(without, rel=0.5, abs=1e-4)
    unmarked = evidence.analyse(prints, facts, [i for i, m in enumerate(prints.models) if m in alone.candidates])
    assert evidence.adjusted([evidence.lab_tests(unmarked, "alpaca-7b")])[0]["lab openai"] > 10 * without


def _q(pool: pools.Pool, suspect: str) -> float:
    analysis = reports.analysis_of(pool)
    return evidence.adjusted([evidence.lab_tests(analysis, suspect)])[0]["lab openai"]


def test_what_reaches_no_threshold_is_no_evidence_and_never_another_model(
    shipped: Panel, answers: pl.DataFrame
) -> None:
    few = _asked(shipped, answers, "openhermes-2.5-mistral-7b", "resold", 20)
    assert few is not None
    assert few.threshold is None
    assert "too few prompts or models to test" in wording.same_model(few)
    # Under its own name the panel's entry of it is left out: its own model is not there.
    found = _asked(shipped, answers, "guanaco-33b", "guanaco-33b", 400)
    assert found is not None
    assert found.verdict == "no evidence"
    assert "No evidence" in wording.same_model(found)
    assert "different" not in wording.same_model(found)


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), words=st.integers(1, 80), own=st.booleans(), few=st.integers(0, 3))
def test_a_garbage_suspect_is_never_the_same_model(
    shipped: Panel, answers: pl.DataFrame, seed: int, words: int, own: bool, few: int
) -> None:
    """Random words, with or without a handful of real phrases in them: near to nobody, so its nearest means nothing."""
    rng = np.random.default_rng(seed)
    real = answers.filter(pl.col("model") == "gpt-4o-2024-05-13").sort("prompt_id")
    vocabulary = WORDS if own else sorted(set(" ".join(real["output"].head(30)).split()))
    rows = [" ".join(rng.choice(vocabulary, words)) for _ in range(100)]
    for i in range(few):
        rows[i] = str(real["output"][i])
    frame = real.head(100).with_columns(model=pl.lit("garbage"), output=pl.Series(rows))
    mine, _ = panel.keyed(shipped, frame)
    found = _nearest(shipped, mine, "garbage")
    assert found is None or found.verdict == "no evidence"


def test_scores_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((9, 9))
    values = (values + values.T) / 2
    np.fill_diagonal(values, np.nan)
    facts = [ModelFacts(f"m{i}", copy_of=frozenset({"m0"}) if i == 1 else frozenset()) for i in range(9)]
    found = same.scores(values, facts)
    for s, m in ((2, 0), (3, 5), (0, 4)):
        kin = {0, 1} if {s, m} & {0, 1} else set()
        others = {side: np.array([values[side, o] for o in range(9) if o not in {s, m} | kin]) for side in (s, m)}
        z = [(values[s, m] - o.mean()) / o.std(ddof=1) for o in others.values()]
        assert found.score[s, m] == pytest.approx(np.mean(z))
        assert found.least[s, m] == pytest.approx(min(z))
        assert found.ratio[s, m] == pytest.approx(values[s, m] / others[s].max())
    assert same.versions(facts).sum() == 2


def test_what_it_costs_that_kin_never_lead_is_counted_and_printed(shipped: Panel) -> None:
    facts = [shipped.facts[m] for m in shipped.prints.models]
    limit = same.threshold_for(shipped.same, 100)
    assert limit is not None
    values = similarity.matrix(panel.first(shipped, 100), same.CHANNEL)
    found = same.kin_rule(values, facts, limit.score)
    assert found.suspects == len(facts)
    named = found.kin_named + found.strangers_named
    assert found.kin_named > found.strangers_named > 0, "most that are named with their own model away are kin"
    assert found.resold_hidden < 0.05 * found.resold
    page = (Path(__file__).parents[2] / "docs" / "panels.md").read_text(encoding="utf-8")
    assert (
        f"{named} of {found.suspects} models whose own model is not there are named another one, {found.kin_named} of them "
        "kin"
    ) in " ".join(page.split())
    assert f"{found.resold_hidden:,} of {found.resold:,} pairs" in page
    assert f"{found.versions_hidden} of {found.versions_named} named" in " ".join(page.split())


def test_the_rule_is_counted_as_defined() -> None:
    """Two labs' models with one first name, a sibling pair, a version, and strangers."""
    rng = np.random.default_rng(1)
    values = 0.2 + 0.01 * rng.random((12, 12))
    values = (values + values.T) / 2
    for a, b in ((0, 1), (2, 3), (4, 5), (6, 7)):
        values[a, b] = values[b, a] = 0.9
    np.fill_diagonal(values, np.nan)
    names = ["x-1", "x-2", "one", "two", "three", "four", "five", "five-restyled", "six", "seven", "eight", "nine"]
    labs = ["l0", "l1", "l2", "l2", *(f"l{i}" for i in range(4, 12))]
    facts = [
        ModelFacts(n, lab=lab, copy_of=frozenset({"five"}) if n == "five-restyled" else frozenset())
        for n, lab in zip(names, labs, strict=True)
    ]
    found = same.kin_rule(values, facts, 4.0)
    assert (found.suspects, found.kin_named, found.strangers_named) == (12, 6, 2)
    assert found.resold == 12 * 11 - 2
    assert found.resold_hidden == 2 + 2  # x-1 and x-2; five and its restyled version, by relation and name
    assert (found.versions, found.versions_named, found.versions_hidden) == (1, 1, 1)


@pytest.fixture(scope="module")
def puzzles(
    shared_data: Path,
) -> tuple[fingerprint.Fingerprints, fingerprint.Fingerprints, list[ModelFacts], pl.DataFrame]:
    """First and second answers of 97 models to the same puzzles."""
    frame = pl.read_parquet(shared_data / "outputs" / "misguided_attention.parquet").drop_nulls("output")
    frame = frame.select("model", "prompt_id", "output").with_columns(
        k=pl.int_range(pl.len()).over("model", "prompt_id")
    )
    one, two = (fingerprint.fingerprint(frame.filter(pl.col("k") == k), names=[same.CHANNEL]) for k in (0, 1))
    from harness.provenance.verdicts import pools

    return one, two, pools.facts(one.models, pools.registry(), {}), frame


def test_a_models_second_answers_find_it_and_the_error_rates_are_stated(puzzles: tuple) -> None:
    one, two, facts, _ = puzzles
    limits = same.calibrate(one, facts, again=two, counts=(25,))
    assert [t.prompts for t in limits] == [25, len(one.prompts)]
    for limit in limits:
        assert limit.others <= same.OTHERS
        assert limit.found_of >= 50
        assert (limit.found or 0) >= 0.8
        assert limit.siblings_pairs > 0
        assert (limit.sibling_instead or 0) <= 0.15  # its own model is there, and nearer than its siblings
        assert limit.stranger_instead == 0
        assert limit.strict is None or limit.strict > limit.score
    assert same.threshold_for(limits, 24) is None
    assert same.threshold_for(limits, 40) is limits[0]


def test_thresholds_hold_for_models_that_they_were_not_found_on(puzzles: tuple) -> None:
    """Found on one half of the models, unrelated pairs of the other half are named as seldom as was said."""
    one, _, facts, _ = puzzles
    half = [i for i in range(len(facts)) if i % 2 == 0]
    rest = [i for i in range(len(facts)) if i % 2]
    values = similarity.matrix(one, same.CHANNEL)
    (limit,) = same.calibrate(_models(one, half), [facts[i] for i in half], counts=())
    told = [facts[i] for i in rest]
    scored = same.scores(values[np.ix_(rest, rest)], told)
    strange = ~same.siblings(told) & ~same.versions(told) & ~np.eye(len(rest), dtype=bool) & ~np.isnan(scored.score)
    assert scored.named(limit.score)[strange].mean() <= 0.006


def _models(prints: fingerprint.Fingerprints, keep: list[int]) -> fingerprint.Fingerprints:
    place = pl.DataFrame({"m": keep, "n": range(len(keep))}, schema={"m": pl.UInt16, "n": pl.UInt16})
    features = {
        name: frame.join(place, on="m").select(m="n", p="p", feature="feature", share="share").sort("p", "m", "feature")
        for name, frame in prints.features.items()
    }
    models = tuple(prints.models[i] for i in keep)
    return fingerprint.Fingerprints(models, prints.prompts, prints.answered[keep], features, {})


def test_a_pool_too_small_to_tell_has_no_threshold() -> None:
    frame = pl.DataFrame(
        [{"model": f"m{i}", "prompt_id": f"p{p}", "output": f"a b c d {i} {p}"} for i in range(8) for p in range(30)]
    )
    prints = fingerprint.fingerprint(frame, names=[same.CHANNEL])
    assert same.calibrate(prints, [ModelFacts(f"model{i}x") for i in range(8)]) == []


def test_two_endpoints_of_one_model_are_found_the_same_and_of_two_models_are_not(puzzles: tuple) -> None:
    one, _, facts, frame = puzzles
    limits = same.calibrate(one, facts, counts=(25,))
    names = {name: frame.filter(pl.col("model") == name) for name in ("deepseek-r1", "gpt-4.1")}
    reference = _models(one, [i for i, m in enumerate(one.models) if m not in names])
    told = [f for f in facts if f.name not in names]
    odd, even = ({m: f.filter(pl.col("k") % 2 == k) for m, f in names.items()} for k in (0, 1))
    for name in names:
        twice = same.same_model(odd[name], even[name], reference, told, limits)
        assert twice is not None
        assert twice.verdict in {"same", "strict"}
        if name == "deepseek-r1":  # asked four times and more
            assert twice.equality is not None
            assert twice.equality > 0.01
    other = same.same_model(names["deepseek-r1"], names["gpt-4.1"], reference, told, limits)
    assert other is not None
    assert other.verdict == "no evidence"
    assert other.equality == pytest.approx(1 / (same.PERMUTATIONS + 1))
    assert "differently" in wording.equality(other.equality)
    assert "Nothing shows" in wording.equality(0.4)
    assert wording.equality(None) == ""
    with pytest.raises(ConfigError, match="no usable answer"):
        same.same_model(odd["gpt-4.1"], odd["gpt-4.1"].with_columns(prompt_id=pl.lit("z")), reference, told, limits)


def test_equality_is_uniform_where_both_sides_draw_alike() -> None:
    rng = np.random.default_rng(0)

    def draw(liking: np.ndarray) -> pl.DataFrame:
        rows = [(f"p{p}", " ".join(rng.choice(WORDS[:12], 8, p=liking))) for p in range(12) for _ in range(3)]
        return pl.DataFrame(rows, schema=["prompt_id", "output"], orient="row")

    alike, other = np.full(12, 1 / 12), np.r_[np.full(3, 0.3), np.full(9, 0.1 / 9)]
    p = [same.equality(draw(alike), draw(alike), seed) for seed in range(12)]
    assert np.mean([v is not None and v <= 0.1 for v in p]) <= 0.34
    assert same.equality(draw(alike), draw(other)) == pytest.approx(1 / (same.PERMUTATIONS + 1))
    assert same.equality(draw(alike).unique("prompt_id"), draw(alike)) is None
