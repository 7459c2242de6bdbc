"""Fingerprints and similarities: the same answers give the same numbers, whoever else is in the pool."""

import dataclasses
import math
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest

from harness.errors import ConfigError
from harness.provenance.answers import fingerprint as fp
from harness.provenance.comparison import similarity
from harness.provenance.panels import panel_files

STARTS = ("Sure, here is what I found", "It is important to note that", "There are many ways to", "Well, I would say")
ENDS = ("I hope this helps you today", "Overall, that is the main idea", "Let me know if you need more")


def _answers(models: int = 6, prompts: int = 40, repeats: int = 1, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(300)])
    rows = [
        (f"m{m}", f"p{p:03}", f"{STARTS[(m + rng.integers(2)) % 4]} {' '.join(rng.choice(words, 90))}. {ENDS[m % 3]}.")
        for m in range(models)
        for p in range(prompts)
        for _ in range(repeats)
    ]
    return pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")


@pytest.mark.parametrize("name", fp.channel_names(traces=True))
def test_every_channel_keeps_the_contract(name: str) -> None:
    channel = fp.channel(name)
    assert name == channel.NAME
    assert channel.KIND in get_args(fp.Kind)
    assert isinstance(channel.LEXICAL, bool)
    assert channel.TRACES is (name not in fp.channel_names())
    assert channel.WINDOW in fp.WINDOWS
    said = " ".join((channel.__doc__ or "").split())
    assert "0 to 1" in said or "-1 to 1" in said
    prints = fp.fingerprint(_answers(), names=[name])
    frame = prints.features[name]
    assert frame.schema == {"m": pl.UInt16, "p": pl.UInt16, "feature": pl.UInt64, "share": pl.Float32}
    assert frame["share"].is_between(0, 1, closed="right").all()
    assert len(frame)
    assert frame.equals(fp.fingerprint(_answers(), names=[name]).features[name])
    values = similarity.matrix(prints, name)
    assert np.isnan(np.diag(values)).all()
    off = values[~np.eye(len(values), dtype=bool)]
    least = -1 if "-1 to 1" in said else 0
    assert np.isnan(off).all() or (np.nanmin(off) >= least - 1e-9 and np.nanmax(off) <= 1 + 1e-9)
    np.testing.assert_allclose(values, values.T)


@pytest.mark.parametrize("name", fp.channel_names(traces=True))
@pytest.mark.parametrize("text", ["", "\n\n", "?", "Yes", "好的", "# #\n\n- a\n\n\n1. **b**", "wait " * 3 + "."])
def test_every_channel_reads_any_text(name: str, text: str) -> None:
    frame = pl.DataFrame({"model": ["a", "b"], "prompt_id": ["p", "p"], "output": [text, "I do not know. But wait."]})
    assert fp.fingerprint(frame, names=[name]).features[name]["share"].is_between(0, 1, closed="right").all()


def test_an_unknown_channel_is_answered_with_the_near_one() -> None:
    with pytest.raises(ConfigError, match="openings"):
        fp.channel("opening")


def test_the_order_of_rows_does_not_matter() -> None:
    frame = _answers(repeats=2)
    one, other = fp.fingerprint(frame), fp.fingerprint(frame.sample(fraction=1, shuffle=True, seed=1))
    assert one.models == other.models
    for name, features in one.features.items():
        assert features.equals(other.features[name])


def test_fingerprints_made_together_are_those_that_each_model_has_alone() -> None:
    odd = [("none", "p001", ""), ("none", "p002", None), ("loop", "p003", "ha " * 200), ("loop", "p001", "One. Two.")]
    frame = pl.concat(
        [
            _answers(models=2),
            _answers(models=1, prompts=5, repeats=2, seed=1).with_columns(model=pl.lit("twice")),
            pl.DataFrame(odd, schema=["model", "prompt_id", "output"], orient="row"),
        ]
    )
    together = fp.each(frame)
    assert set(together) == {"m0", "m1", "twice", "none", "loop"}
    for model, made in together.items():
        alone = fp.fingerprint(frame.filter(pl.col("model") == model))
        assert (made.models, made.prompts, made.dropped) == (alone.models, alone.prompts, alone.dropped)
        assert np.array_equal(made.answered, alone.answered)
        assert all(made.features[name].equals(rows) for name, rows in alone.features.items())


def test_a_prompt_answered_several_times_counts_once() -> None:
    frame = _answers()
    one, twice = fp.fingerprint(frame), fp.fingerprint(pl.concat([frame, frame]))
    for name in one.features:
        np.testing.assert_allclose(similarity.matrix(one, name), similarity.matrix(twice, name), equal_nan=True)


def test_shares_of_answers_add_up_to_the_same_number_every_time() -> None:
    """In 32 bits, or in the order of a thread, a sum of thirds differs in its eighth digit."""
    prints = fp.fingerprint(_answers(prompts=120, repeats=3), names=["openings"])
    frame = prints.features["openings"]
    assert frame.filter(pl.col("share") < 1).height > 100
    counts, found = similarity.profile(prints, "openings")
    for model in range(len(prints.models)):
        for place, feature in list(enumerate(found))[:20]:
            mine = frame.filter((pl.col("m") == model) & (pl.col("feature") == feature))["share"].to_list()
            assert counts[model, place] == sum(mine)


def test_a_subset_of_prompts_is_the_fingerprint_of_their_answers() -> None:
    frame = _answers()
    part = fp.fingerprint(frame).subset(range(25))
    whole = fp.fingerprint(frame.filter(pl.col("prompt_id").is_in([f"p{i:03}" for i in range(25)])))
    for name, features in part.features.items():
        assert features.sort("p", "m", "feature").equals(whole.features[name])


def test_models_that_share_no_prompt_have_no_similarity_not_zero() -> None:
    frame = _answers(models=4, prompts=25)
    apart = frame.with_columns(prompt_id=pl.col("model") + pl.col("prompt_id"))
    assert np.isnan(similarity.matrix(fp.fingerprint(apart), "phrasing")).all()


def test_the_same_answers_agree_fully_and_others_less() -> None:
    frame = _answers()
    twin = frame.filter(pl.col("model") == "m0").with_columns(model=pl.lit("twin"))
    prints = fp.fingerprint(pl.concat([frame, twin]))
    values = similarity.matrix(prints, "phrasing")
    me, other = prints.models.index("m0"), prints.models.index("twin")
    assert math.isclose(values[me, other], max(np.nanmax(row) for row in values))
    assert values[me, other] > 0.99


def test_stored_fingerprints_come_back_and_hold_no_text(tmp_path: Path) -> None:
    prints = fp.fingerprint(_answers(repeats=2))
    fp.write(prints, tmp_path / "panel.parquet")
    again = fp.read(tmp_path / "panel.parquet")
    assert (again.models, again.prompts) == (prints.models, prints.prompts)
    assert (again.answered == prints.answered).all()
    for name, features in prints.features.items():
        assert again.features[name].equals(features)
    assert b"here is what" not in (tmp_path / "panel.parquet").read_bytes()
    assert [f.name for f in tmp_path.iterdir()] == ["panel.parquet"]


def test_a_suspect_joined_to_a_stored_panel_is_as_if_it_had_been_there(tmp_path: Path) -> None:
    frame = _answers()
    suspect = pl.col("model") == "m3"
    fp.write(fp.fingerprint(frame.filter(~suspect)), tmp_path / "panel.parquet")
    joined = fp.join(fp.read(tmp_path / "panel.parquet"), fp.fingerprint(frame.filter(suspect)))
    whole = fp.fingerprint(frame)
    assert joined.models == whole.models
    for name in whole.features:
        np.testing.assert_allclose(similarity.matrix(joined, name), similarity.matrix(whole, name), equal_nan=True)


def test_fingerprints_of_another_version_and_a_model_given_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = fp.fingerprint(_answers())
    with pytest.raises(ConfigError, match="m0"):
        fp.join(prints, prints)
    fp.write(prints, tmp_path / "panel.parquet")
    monkeypatch.setattr(fp, "VERSION", "fp999")
    with pytest.raises(ConfigError, match="fp2 2, this is fp999 2"):
        fp.read(tmp_path / "panel.parquet")
    (tmp_path / "noise.parquet").write_bytes(b"not parquet")
    with pytest.raises(ConfigError, match="noise"):
        fp.read(tmp_path / "noise.parquet")


@pytest.mark.parametrize("features", [3_000, 1 << 40])
@pytest.mark.parametrize("shares", [[1.0], [0.25, 0.5, 1.0]])
def test_rows_are_in_the_order_that_sorting_by_three_columns_gives(features: int, shares: list[float]) -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame(
        {
            "m": rng.integers(0, 200, 5_000),
            "p": rng.integers(0, 60_000, 5_000),
            "feature": rng.integers(0, features, 5_000),
            "share": rng.choice(shares, 5_000),
        },
        schema=fp.CODED,
    ).unique(["m", "p", "feature"])
    assert fp.sorted_rows(rows).equals(rows.sort("p", "m", "feature"))
    assert fp.sorted_rows(rows.clear()).equals(rows.clear())


def _cut_off(answers: pl.DataFrame, model: str, ended: int) -> pl.DataFrame:
    """The same answers, of which one model's were cut off in the middle but for so many."""
    hers = (pl.col("model") == model) & (pl.col("prompt_id") >= f"p{ended:03}")
    middle = pl.col("output").str.slice(0, 430)
    return answers.with_columns(output=pl.when(hers).then(middle).otherwise("output"), cut=hers)


def test_who_was_cut_off_is_read_by_the_endings_that_it_has() -> None:
    # The first and the seventh model end alike: so they do if the seventh was cut off on six prompts of ten.
    answers = _answers(models=9, prompts=60)
    whole, cut = (
        similarity.matrix(fp.fingerprint(frame), "closings")
        for frame in (answers.with_columns(cut=pl.lit(value=False)), _cut_off(answers, "m6", 24))
    )
    assert whole[6, 0] == pytest.approx(1, abs=0.05)
    assert cut[6, 0] == pytest.approx(whole[6, 0], abs=0.05)
    assert (cut[6, [1, 2, 4, 5, 7, 8]] < 0).all()
    others = np.delete(np.arange(9), 6)
    np.testing.assert_allclose(cut[np.ix_(others, others)], whole[np.ix_(others, others)], atol=0.05)


def test_endings_are_compared_from_as_many_on_as_prompts_are() -> None:
    for ended, known in ((similarity.MIN_SHARED, True), (similarity.MIN_SHARED - 1, False), (0, False)):
        prints = fp.fingerprint(_cut_off(_answers(models=9, prompts=60), "m6", ended))
        closings, openings = (similarity.matrix(prints, name) for name in ("closings", "openings"))
        others = np.delete(np.arange(9), 6)
        assert (~np.isnan(closings[6, others]) == known).all()
        assert not np.isnan(closings[np.ix_(others, others)][~np.eye(8, dtype=bool)]).any()
        assert not np.isnan(openings[6, others]).any()
        for left in similarity.without(prints, "closings", similarity.dealt(60)):
            assert (np.isnan(left) == np.isnan(closings)).all(), "or a channel would come and go between replicates"


def test_a_replicate_reads_the_endings_of_the_other_prompts() -> None:
    prints = fp.fingerprint(_cut_off(_answers(models=9, prompts=60), "m6", 30))
    left = list(similarity.without(prints, "closings", similarity.dealt(60)))
    rest = prints.subset(sorted(set(range(60)) - set(similarity.dealt(60)[3])))
    np.testing.assert_allclose(left[3], similarity.matrix(rest, "closings"), atol=1e-9)


def test_a_panel_keeps_which_answers_have_an_ending_but_no_rare_one_as_a_habit() -> None:
    # The last model ends as nobody else does: its endings are not in a panel, but that it has some is.
    odd = pl.col("output").str.replace(r"\. [^.]*\.$", ". Zum Schluss sei noch gesagt, dass.")
    answers = _answers(models=9, prompts=60)
    answers = answers.with_columns(output=pl.when(pl.col("model") == "m8").then(odd).otherwise("output"))
    whole = fp.reduce(fp.fingerprint(answers, names=["closings"]))
    kept = panel_files._cut(whole)
    assert len(kept.features["closings"]) < len(whole.features["closings"])
    for prints in (whole, kept):
        np.testing.assert_array_equal(similarity.read(prints, "closings"), prints.answered)
    assert similarity.UNCOMMON in kept.features["closings"]["feature"]
    assert similarity.UNCOMMON not in similarity.profile(kept, "closings")[1]
    np.testing.assert_allclose(similarity.matrix(kept, "closings"), similarity.matrix(whole, "closings"), atol=1e-9)


@pytest.mark.parametrize("repeats", [1, 3])
def test_what_was_counted_before_changes_no_replicate_and_no_similarity(repeats: int) -> None:
    answers = _answers(repeats=repeats)
    asked = fp.fingerprint(answers)

    def uncounted() -> fp.Fingerprints:
        return dataclasses.replace(asked)

    groups = [list(part) for part in similarity.dealt(40)]
    others = [list(range(20)), list(range(20, 40))]
    for name in asked.features:
        fresh = similarity.matrix(uncounted(), name)
        if fp.channel(name).KIND in ("habit", "agreement"):
            for split in (groups, others):
                first = list(similarity.without(uncounted(), name, split))
                similarity.matrix(asked, name)
                for one, two in zip(first, similarity.without(asked, name, split), strict=True):
                    np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)  # Polars' threads share sums of shares
        np.testing.assert_allclose(similarity.matrix(asked, name), fresh, rtol=1e-6, atol=1e-6)
    assert asked.counted
    assert not uncounted().counted
    some = asked.subset(range(30))
    assert not some.counted, "what was counted of other features is not taken along"
