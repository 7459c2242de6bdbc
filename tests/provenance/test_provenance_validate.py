"""The benchmark of the detector, on real models with a documented past."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence
from harness.provenance.comparison.registry import Labels, Registry
from harness.provenance.panels import panel
from harness.provenance.validation.validate import table, validate
from harness.provenance.verdicts import pools, wording

REGISTRY = Registry.load(Path(__file__).parents[2] / "conf" / "model_registry.yaml")


def _tables(data: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return tuple(pl.read_csv(data / "labels" / f"{name}.csv") for name in ("students", "controls", "models"))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def report(shared_data: Path) -> dict[str, Any]:
    outputs = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    return validate(outputs, *_tables(shared_data), REGISTRY, draws=200, curve=(), stability=False)


@pytest.fixture(scope="module")
def misguided(shared_data: Path) -> fingerprint.Fingerprints:
    return fingerprint.fingerprint(pl.read_parquet(shared_data / "outputs" / "misguided_attention.parquet"))


def _figure(report: dict[str, Any], start: str) -> dict[str, Any]:
    return next(f for f in report["figures"] if f["name"].startswith(start))


@pytest.mark.slow
def test_models_taught_by_people_are_not_accused(report: dict[str, Any]) -> None:
    figure = _figure(report, "controls accused by any sentence of a report (openai)")
    assert figure["value"] <= 0.1
    assert figure["value"] < figure["high"] < 0.4, "with its upper bound"
    assert _figure(report, "documented-unrelated pairs of model and lab that are named")["value"] <= 0.1


@pytest.mark.slow
def test_unrelated_pairs_and_labs_get_uniform_p_values_far_into_the_tail(report: dict[str, Any]) -> None:
    for what in ("pairs", "labs"):
        assert _figure(report, f"p-values of unrelated {what} uniform")["value"] > 0.05
        tail = _figure(report, f"unrelated {what} with p ≤ 0.001")["detail"]
        for level in ("0.01", "0.001"):
            assert tail["beyond"][level] <= 2 + 2 * tail["expected"][level]


@pytest.mark.slow
def test_true_pairs_rank_above_the_rest_and_beat_popularity(report: dict[str, Any]) -> None:
    whole = _figure(report, "AUROC, true student-teacher pairs against the rest")
    assert whole["value"] >= 0.94
    assert _figure(report, "AUROC, true student-teacher pairs against other labs")["value"] >= 0.96
    assert _figure(report, "AUROC within suspect, mean over students")["value"] >= 0.92
    assert _figure(report, "AUROC, students against the candidate's null")["value"] >= 0.9
    alone, margin = _figure(report, "AUROC by popularity alone"), _figure(report, "AUROC's margin over popularity")
    assert margin["value"] == pytest.approx(whole["value"] - alone["value"])
    assert margin["low"] < margin["value"] < margin["high"]


@pytest.mark.slow
def test_exact_teacher_first_stands_beside_the_best_constant_answer(report: dict[str, Any]) -> None:
    figure = _figure(report, "exact teacher first, same pool")
    assert figure["value"] >= 0.7
    assert f"always the same answer: {figure['detail']['best_constant']:.2f}" in figure["note"]
    assert f"always the same lab {figure['detail']['best_constant_lab']:.2f}" in figure["note"]


@pytest.mark.slow
def test_named_students_are_named_with_their_teachers_lab_first(report: dict[str, Any]) -> None:
    assert _figure(report, "students named with their teacher's lab")["value"] >= 0.4
    assert _figure(report, "named students whose first lab is wrong")["value"] <= 0.03
    other = _figure(report, "students of labs other than the commonest named with their teacher's lab")
    assert 0 < other["n"] < 10, "a group of its own, however small"


@pytest.mark.slow
def test_an_unusual_teacher_is_found_and_one_whose_habits_many_share_seldom(report: dict[str, Any]) -> None:
    assert _figure(report, "pair found at 5% false alarms: text-davinci-003")["value"] == 1.0
    assert _figure(report, "pair found at 5% false alarms: gpt-4-0314")["value"] >= 0.9
    assert 0.2 < _figure(report, "pair found at 5% false alarms: gpt-3.5-turbo-0301")["value"] < 0.8


@pytest.mark.slow
def test_no_pair_of_the_pool_is_untestable_and_the_weaker_null_names_few_strangers(report: dict[str, Any]) -> None:
    assert _figure(report, "pairs that cannot be tested")["value"] <= 0.15
    assert _figure(report, "unrelated pairs that the all-date null names")["value"] <= 0.05


@pytest.mark.slow
def test_a_set_of_labs_covers_nearly_as_often_as_it_says(report: dict[str, Any]) -> None:
    assert _figure(report, "teacher's lab in the set of labs")["value"] >= 0.8


@pytest.mark.slow
def test_versions_of_a_model_and_of_a_base_find_it_first(report: dict[str, Any]) -> None:
    assert _figure(report, "same model restyled or aliased")["value"] >= 0.85
    assert _figure(report, "same base, on-policy tuned")["value"] >= 0.9


@pytest.mark.slow
def test_a_model_whose_candidates_all_came_later_has_none_as_its_relative(report: dict[str, Any]) -> None:
    assert _figure(report, "model with no relative in the pool")["value"] >= 0.88


@pytest.mark.parametrize("corpus", ["slop_score", "eqbench_longform"])
def test_sets_of_one_season_can_be_tested_and_strangers_are_seldom_named_there(corpus: str, shared_data: Path) -> None:
    """Dates alone leave most of these pairs without a null."""
    outputs = pl.read_parquet(shared_data / "outputs" / f"{corpus}.parquet")
    found = validate(outputs, *_tables(shared_data), REGISTRY, draws=10, curve=(), stability=False)
    untested = _figure(found, "pairs that cannot be tested")
    assert untested["value"] <= 0.15
    assert "are read against all dates" in untested["note"]
    named = [f for f in found["figures"] if f["name"] == "unrelated pairs that the all-date null names"]
    assert all(f["value"] <= 0.05 for f in named)


@pytest.mark.slow
def test_leaving_out_one_candidate_changes_few_verdicts(shared_data: Path) -> None:
    outputs = pl.read_parquet(shared_data / "outputs" / "eqbench_longform.parquet")
    found = validate(outputs, *_tables(shared_data), REGISTRY, draws=10, curve=())
    assert _figure(found, "verdicts whose labs change when one candidate is left out")["value"] <= 0.05


@pytest.mark.slow
def test_the_report_is_json_without_nan_and_fits_a_table(report: dict[str, Any]) -> None:
    text = json.dumps(report)
    assert "NaN" not in text
    lines = table(report)
    assert all(f["name"] in lines for f in report["figures"])


def test_the_same_seed_gives_the_same_report(shared_data: Path) -> None:
    outputs = pl.read_parquet(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    one, two = (validate(outputs, *_tables(shared_data), REGISTRY, draws=50) for _ in range(2))
    assert one == two


def test_students_of_r1_find_one_another_where_r1_is_absent(shared_data: Path) -> None:
    outputs = pl.read_parquet(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    report = validate(outputs, *_tables(shared_data), REGISTRY, draws=50)
    found = [f for f in report["figures"] if f["name"].startswith("exact teacher first")]
    assert {f["corpus"] for f in found} == {"r1_distill_reasoning", "r1_distill_reasoning (traces)"}
    assert all(f["value"] == 1.0 for f in found)


@pytest.mark.slow
def test_nothing_is_learnt_from_the_students_that_are_tested(
    shared_data: Path, misguided: fingerprint.Fingerprints
) -> None:
    """Calling every student's teachers something else changes no z and no p."""
    students, controls, models = _tables(shared_data)
    taught = students.filter(pl.col("strength").str.starts_with("sft"))
    other = taught.with_columns(teachers=pl.lit("somebody-else"), teacher_family=pl.lit("nobody"))

    def p_values(rows: pl.DataFrame) -> Any:
        prints = dataclasses.replace(misguided)  # with nothing counted yet
        labels = Labels.of("misguided_attention", rows, controls, models)
        facts = labels.facts(prints.models, REGISTRY)
        return evidence.analyse(prints, facts, labels.candidates(prints.models, facts)).p

    assert (
        pl.Series(p_values(taught).ravel()).fill_nan(None) == pl.Series(p_values(other).ravel()).fill_nan(None)
    ).all()


@pytest.mark.slow
def test_a_suspect_is_answered_in_words_that_hold_the_rules(
    shared_data: Path, misguided: fingerprint.Fingerprints
) -> None:
    labels = Labels.of("misguided_attention", *_tables(shared_data))
    facts = labels.facts(misguided.models, REGISTRY)
    analysis = evidence.analyse(misguided, facts, labels.candidates(misguided.models, facts))
    found = evidence.pair_tests(analysis, "llama-3.3-nemotron-super-49b-v1-thinking")
    assert found[0].candidate == "deepseek-r1"
    text = " ".join(wording.sentence("llama-3.3-nemotron-super-49b-v1-thinking", test) for test in found[:3])
    assert not wording.FORBIDDEN.search(text)
    with pytest.raises(ConfigError, match="unknown model"):
        evidence.pair_tests(analysis, "llama-3.3-nemotron")


def test_a_missing_column_is_named(shared_data: Path) -> None:
    students, controls, models = _tables(shared_data)
    outputs = pl.DataFrame(schema={"corpus": pl.String, "model": pl.String, "output": pl.String})
    with pytest.raises(ConfigError, match="prompt_id"):
        validate(outputs, students, controls, models, REGISTRY)
    filled = outputs.with_columns(prompt_id=pl.lit("p"))
    one = pl.concat([filled, pl.DataFrame({"corpus": "c", "model": "m", "output": "o", "prompt_id": "p"})])
    with pytest.raises(ConfigError, match="teachers"):
        validate(one, students.drop("teachers"), controls, models, REGISTRY)


def test_empty_cells_in_a_table_are_unknown_not_an_error(shared_data: Path) -> None:
    outputs = pl.read_parquet(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    students, controls, models = _tables(shared_data)
    bare = students.with_columns(
        pl.lit(None, dtype=pl.String).alias(c) for c in ("teachers", "base_model", "student_lab")
    )
    undated = Registry({}, REGISTRY.labs, REGISTRY.bases)
    report = validate(outputs, bare, controls, models.with_columns(released=pl.lit(None, dtype=pl.String)), undated)
    assert report["corpora"][0]["dated"] == 0
    wrong = models.with_columns(corpus=pl.lit("r1_distill_reasoning"), released=pl.lit("May 2024"))
    wrong = wrong.head(1).with_columns(model=pl.lit("llama-3.1-8b-instruct"))
    with pytest.raises(ConfigError, match="YYYY-MM"):
        validate(outputs, students, controls, wrong, REGISTRY)


def test_an_answers_file_with_too_few_models_is_answered_not_crashed(shared_data: Path) -> None:
    one = pl.DataFrame({"corpus": "c", "model": "m", "output": "o", "prompt_id": "p"})
    report = validate(one, *_tables(shared_data), REGISTRY)
    assert report["figures"] == []
    assert report["corpora"][0]["note"] == "not enough models"


def test_evidence_needs_two_channels_that_are_not_about_words(shared_data: Path) -> None:
    prints = fingerprint.fingerprint(pl.DataFrame({"model": ["a", "b"], "prompt_id": "p", "output": "text"}))
    with pytest.raises(ConfigError, match="non-lexical"):
        evidence.analyse(prints, [], [], names=("phrasing", "openings"))


def test_documented_students_of_openai_are_named_from_a_panels_fingerprints_as_often_as_from_whole_ones(
    shared_data: Path,
) -> None:
    """An imported pool on a panel's prompts is read by the panel's short fingerprints: `validate`, by whole ones."""
    shipped = panel.load("alpaca_eval")
    tables = [
        pl.read_csv(shared_data / "labels" / f"{n}.csv", infer_schema=False) for n in ("students", "controls", "models")
    ]
    known = Labels.of("alpaca_eval", *tables)
    facts = known.facts(shipped.prints.models, pools.registry())
    found = evidence.analyse(shipped.prints, facts, known.candidates(shipped.prints.models, facts))
    students = [
        row["student"]
        for row in known.students
        if row["strength"].startswith("sft_on_teacher_outputs") and row["teacher_family"] == "openai"
        and row["student"] in found.models
    ]  # fmt: skip
    assert len(students) == 33
    named = [s for s in students if any(test.verdict == "resembles" for test in evidence.pair_tests(found, s))]
    assert len(named) >= 17, "validate names the lab of 18 students"
