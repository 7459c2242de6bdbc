"""A suspect that was asked some of a panel's prompts: candidates are read from all of them, the suspect from those."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import evidence, positives, similarity, uncertainty
from harness.provenance.panels import panel
from harness.provenance.panels.panel import Panel
from harness.provenance.verdicts import notices, wording

HABITS = ("openings", "sentences", "templates", "closings")


@pytest.fixture(scope="module")
def shipped() -> Panel:
    return panel.load("alpaca_eval")


def _pool(habits: np.ndarray, seed: int = 0, prompts: int = 60) -> pl.DataFrame:
    """Answers that begin with one of eight openings, as often as each model likes it."""
    rng = np.random.default_rng(seed)
    words = ["well now", "here is", "of course", "let us", "in short", "to begin", "you see", "in fact"]
    rows = [
        {"model": f"m{i:02}", "prompt_id": f"p{p:03}", "output": f"{words[rng.choice(8, p=habit)]} topic {p} is wide."}
        for i, habit in enumerate(habits)
        for p in range(prompts)
    ]
    return pl.DataFrame(rows)


def _habits(models: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(8, 0.5), size=models)


@settings(max_examples=15)
@given(kept=st.integers(25, 60), seed=st.integers(0, 1000))
def test_with_all_prompts_asked_both_sides_are_read_from_the_same_prompts(kept: int, seed: int) -> None:
    prints = fingerprint.fingerprint(_pool(_habits(12)), names=["openings", "phrasing"])
    asked = tuple(sorted(np.random.default_rng(seed).choice(60, kept, replace=False).tolist()))
    part = dataclasses.replace(prints, asked=asked)
    only = part.subset(asked)
    assert only.asked is None  # all that is left was asked
    for name in ("openings", "phrasing"):
        same = similarity.matrix(only, name)
        np.testing.assert_array_equal(same, similarity.matrix(prints.subset(asked), name))
        np.testing.assert_allclose(same, same.T, atol=1e-12)
    # Phrasing compares answers to one prompt, so it knows no other prompts than those asked.
    np.testing.assert_array_equal(similarity.matrix(part, "phrasing"), similarity.matrix(only, "phrasing"))


def test_asked_all_prompts_the_two_ways_of_reading_agree(shipped: Panel) -> None:
    everything = tuple(range(len(shipped.prompts)))
    whole = dataclasses.replace(shipped.prints, asked=everything)
    for name in HABITS:
        two, one = similarity.leaning(whole, name), similarity.matrix(shipped.prints, name)
        known = ~np.isnan(one)
        assert np.corrcoef(two[known], one[known])[0, 1] > 0.95


def test_candidates_are_read_from_prompts_that_the_suspect_was_not_asked() -> None:
    # Two candidates differ on the prompts that were not asked alone; the suspect has the first one's habits.
    habits = _habits(12)
    frame = _pool(habits, prompts=200)
    asked = pl.col("prompt_id") < "p030"
    alike = frame.filter((pl.col("model") == "m00") & ~asked).with_columns(model=pl.lit("suspect"))
    suspect = (
        alike.head(170).with_columns(prompt_id=pl.Series([f"p{i % 30:03}" for i in range(170)])).unique("prompt_id")
    )
    prints = fingerprint.fingerprint(pl.concat([frame, suspect]), names=["openings"])
    some = dataclasses.replace(prints, asked=tuple(range(30)))
    row = similarity.matrix(some, "openings")[prints.models.index("suspect")]
    assert prints.models[int(np.nanargmax(row))] == "m00"
    # and what a candidate says on the other prompts counts: without them its column is another
    other = similarity.matrix(prints.subset(range(30)), "openings")
    assert not np.allclose(np.nan_to_num(row), np.nan_to_num(other[prints.models.index("suspect")]))


def test_replicates_without_a_group_are_the_matrix_of_the_other_prompts() -> None:
    prints = fingerprint.fingerprint(_pool(_habits(12), prompts=80), names=["openings", "phrasing"])
    some = dataclasses.replace(prints, asked=tuple(range(0, 80, 2)))
    groups = uncertainty.prompt_groups(some)
    assert sorted(p for group in groups for p in group) == list(range(80))
    assert {len(set(group) & set(some.asked or ())) for group in groups} == {4}
    for name in ("openings", "phrasing"):
        left = list(similarity.without(some, name, groups))
        rest = some.subset(sorted(set(range(80)) - set(groups[3])))
        np.testing.assert_allclose(left[3], similarity.matrix(rest, name), atol=1e-9)


def test_matrices_of_parts_are_those_of_the_prompts_in_each() -> None:
    prints = fingerprint.fingerprint(_pool(_habits(12), prompts=80), names=["openings", "phrasing"])
    parts = [list(range(0, 80, 2)), list(range(30)), list(range(80)), list(range(50, 60))]
    for name in ("openings", "phrasing"):
        for part, found in zip(parts, similarity.of_parts(prints, name, parts), strict=True):
            np.testing.assert_allclose(found, similarity.matrix(prints.subset(part), name, 1), atol=1e-9)


@settings(max_examples=10)
@given(share=st.floats(0.1, 1.0), seed=st.integers(0, 100))
def test_a_suspect_with_few_prompts_keeps_the_panels_others(shipped: Panel, share: float, seed: int) -> None:
    ids = np.array(shipped.prints.prompts)
    mine = np.random.default_rng(seed).choice(ids, round(share * len(ids)), replace=False)
    frame = pl.DataFrame({"model": "suspect", "prompt_id": mine, "output": "Certainly! Here is what I know of it."})
    both = panel.joined(shipped, fingerprint.fingerprint(frame, names=panel.CHANNELS))
    answered = both.answered[both.models.index("suspect")]
    if len(mine) >= panel.FULL * len(ids):
        assert both.asked is None
        assert both.prompts == tuple(sorted(mine.tolist()))
        assert answered.all()
    else:
        assert both.prompts == shipped.prints.prompts
        assert [both.prompts[p] for p in both.asked or ()] == sorted(mine.tolist())
        assert answered.sum() == len(mine)
        others = [i for i, model in enumerate(both.models) if model != "suspect"]
        np.testing.assert_array_equal(both.answered[others], shipped.prints.answered)


def test_habits_from_all_prompts_find_more_teachers_than_those_from_a_hundred(
    shipped: Panel, shared_data: Path
) -> None:
    from harness.provenance.comparison.registry import Labels
    from harness.provenance.validation.validate import asked_figures

    labels = Labels.of(
        "alpaca_eval", *(pl.read_csv(shared_data / "labels" / f"{n}.csv") for n in ("students", "controls", "models"))
    )
    drawn = sorted(np.random.default_rng(1).choice(400, 100, replace=False).tolist())
    asked = asked_figures(shipped, labels, drawn, both=False)
    same = asked_figures(shipped, labels, drawn, both=True)
    assert asked["AUROC of pairs"] > same["AUROC of pairs"] + 0.01
    assert asked["AUROC of pairs"] >= 0.90


def test_what_a_score_is_worth_is_measured_on_the_prompts_that_were_asked(shipped: Panel) -> None:
    facts = [shipped.facts[m] for m in shipped.prints.models]
    columns = [i for i, m in enumerate(shipped.prints.models) if m in shipped.candidates]
    whole = evidence.analyse(shipped.prints, facts, columns)
    assert {(p.student, p.teacher) for p in positives.scored(whole, shipped.taught)} == {
        (p.student, p.teacher) for p in shipped.positives
    }
    stored = {(p.student, p.teacher): p for p in shipped.positives}
    assert all(
        (p.z, p.p) == pytest.approx((stored[p.student, p.teacher].z, stored[p.student, p.teacher].p), abs=0.006)
        for p in positives.scored(whole, shipped.taught)
    )
    few = evidence.analyse(panel.first(shipped, 60), facts, columns)
    again = positives.scored(few, shipped.taught)
    assert {(p.student, p.teacher) for p in again} <= {(p.student, p.teacher) for p in shipped.positives}
    assert len(again) >= 100
    s, c = few.index(again[0].student), few.column(few.index(again[0].teacher))
    assert again[0].z == few.scores.z[s, c]
    stored = [row for row in shipped.power if row["prompts"] == 60]
    assert stored == [
        {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
        for row in positives.power_rows(again, 60)
    ]


def test_the_report_says_what_so_many_prompts_cannot_see(shipped: Panel) -> None:
    from harness.provenance.comparison import same

    rows = [row for row in shipped.power if row["prompts"] == 60]
    said = notices.asked(60, 400, rows, same.threshold_for(shipped.same, 60))
    assert said.startswith("60 of 400 prompts:")
    seen, hidden = said.split("It cannot see")
    assert "text-davinci-003 (1.00" in seen
    assert "gpt-3.5-turbo-0301" in hidden
    assert not wording.FORBIDDEN.search(said)
    few = notices.asked(30, 400, [], same.threshold_for(shipped.same, 30))
    assert "To test for a teacher takes" in few
    assert "25 prompts" in few
    assert "too few to test" in notices.asked(10, 400, [], same.threshold_for(shipped.same, 10))


def test_a_report_on_a_hundred_prompts_leaves_out_one_that_was_asked_otherwise(
    project: Project, shipped: Panel, shared_data: Path
) -> None:
    name = "zephyr-7b-beta"
    texts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
    asked = [p.name for p in shipped.prompts[:100]]
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet").filter(
        (pl.col("model") == name) & pl.col("prompt_id").is_in(asked)
    )
    frame = frame.join(texts.select("prompt_id", "prompt"), on="prompt_id").select("prompt_id", "prompt", "output")
    changed = pl.when(pl.col("prompt_id") == asked[3]).then(pl.col("prompt") + "?").otherwise("prompt")
    frame.with_columns(prompt=changed).write_parquet(project.root / "a.parquet")
    project.run("import", "parquet", "a.parquet", "--name", name)
    words = ("provenance", name, "--panel", "alpaca_eval", "--format", "json")
    found = json.loads(project.run(*words).stdout)["corpora"][0]
    assert (found["suspect_prompts"], found["prompts"]) == (99, 400)
    assert any(f"prompt {asked[3]}" in note and "another text" in note for note in found["notes"])
    tested = [f for f in found["tests"] if f["z"] is not None]
    assert all(f["z_low"] < f["z"] < f["z_high"] for f in tested)
    power = {f["candidate"]: f["power"] for f in found["tests"] if f["power"]}
    stored = {row["teacher"]: row for row in shipped.power if row["prompts"] == len(shipped.prompts)}
    assert any(power[t]["at_0.05"] != stored[t]["at_0.05"] for t in power)  # of these prompts, not of all
