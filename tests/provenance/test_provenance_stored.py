"""Fingerprints kept between runs: never stale, never needed."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.archive import imports
from harness.provenance.answers import fingerprint as fp
from harness.provenance.answers import stored
from harness.provenance.probes import vocabulary
from harness.results import derivation, store

NAMES = ("openings", "closings", "phrasing")


def _answers(change: str = "") -> pl.DataFrame:
    rows = [
        (
            m,
            f"p{p}",
            f"Sure, here is what {m} says of {p}: it is number {p * i}." + (change if (m, p) == ("b", 3) else ""),
        )
        for m in ("a", "b", "c")
        for p in range(30)
        for i in range(2)
    ]
    return pl.DataFrame([*rows, ("d", "p1", "")], schema=["model", "prompt_id", "output"], orient="row")


def _same(one: fp.Fingerprints, two: fp.Fingerprints) -> None:
    assert (one.models, one.prompts, one.dropped) == (two.models, two.prompts, two.dropped)
    np.testing.assert_array_equal(one.answered, two.answered)
    assert sorted(one.features) == sorted(two.features)
    for name, frame in one.features.items():
        assert frame.equals(two.features[name]), name


def test_what_is_stored_is_what_would_be_computed_channels_without_features_included(tmp_path: Path) -> None:
    plain = fp.fingerprint(_answers(), names=NAMES)
    for _ in range(2):
        _same(stored.fingerprint(_answers(), NAMES, tmp_path), plain)
    assert plain.features["closings"].is_empty(), "answers too short for a closing"


def test_a_second_run_reads_and_a_changed_answer_is_made_anew_alone(tmp_path: Path) -> None:
    stored.fingerprint(_answers(), NAMES, tmp_path)
    first = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    stored.fingerprint(_answers(), NAMES, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == first
    changed = stored.fingerprint(_answers(" Indeed."), NAMES, tmp_path)
    assert len(list(tmp_path.iterdir())) == len(first) + 1
    _same(changed, fp.fingerprint(_answers(" Indeed."), names=NAMES))


def test_other_channels_versions_names_texts_and_folders_have_other_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _answers().filter(pl.col("model") == "a")

    def address(answers: pl.DataFrame = one, names: Sequence[str] = NAMES, folder: Path = tmp_path) -> str:
        (found,) = stored.addresses(answers, names, folder=folder).values()
        return found

    first = address()
    assert address(one.reverse(), NAMES[::-1]) == first
    texts = one["output"].to_list()
    moved = pl.Series("output", [texts[0][:-1], texts[0][-1] + texts[1], *texts[2:]])
    others = [
        address(names=NAMES[:2]),
        address(one.with_columns(model=pl.lit("b"))),
        address(one.with_columns(moved)),
        address(one.with_columns(pl.col("prompt_id") + "0")),
        address(one.head(-1)),
        address(folder=tmp_path / "another"),
    ]
    monkeypatch.setattr(fp, "VERSION", "another")
    others.append(address())
    assert len({first, *others}) == 1 + len(others)


def test_a_key_that_is_gone_or_cannot_be_kept_costs_time_alone(tmp_path: Path) -> None:
    plain = fp.fingerprint(_answers(), names=NAMES)
    for lose in (lambda key: key.unlink(), lambda key: key.write_bytes(b""), lambda key: (key.unlink(), key.mkdir())):
        stored.fingerprint(_answers(), NAMES, tmp_path)
        lose(tmp_path / stored.KEY)
        _same(stored.fingerprint(_answers(), NAMES, tmp_path), plain)


def test_a_damaged_file_and_a_folder_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    plain = fp.fingerprint(_answers(), names=NAMES)
    stored.fingerprint(_answers(), NAMES, tmp_path)
    for path in tmp_path.glob("*.parquet"):
        path.write_bytes(b"no table")
    _same(stored.fingerprint(_answers(), NAMES, tmp_path), plain)
    blocked = tmp_path / "file"
    blocked.write_text("")
    _same(stored.fingerprint(_answers(), NAMES, blocked / "x"), plain)


def test_cut_fingerprints_are_those_that_are_cut_when_they_are_read(tmp_path: Path) -> None:
    plain = fp.reduce(fp.fingerprint(_answers(), names=NAMES))
    for folder in (tmp_path, tmp_path, None):
        kept = stored.fingerprint(_answers(), NAMES, folder, cut=True)
        assert kept.cut
        _same(kept, plain)
        _same(fp.reduce(kept), plain)
    assert not stored.fingerprint(_answers(), NAMES, tmp_path).cut
    assert len(list(tmp_path.glob("*.parquet"))) == 8, "whole and cut ones lie beside each other"


PAIR = {("a", "b"): (0.5, 0.4, 0.6, 30), ("a", "c"): (None, None, None, 0), ("b", "c"): (0.25, None, None, 1)}


def _texts(change: str = "", prompts: int = 3) -> pl.DataFrame:
    rows = [(f"p{p}", m, f"{m} {p}{change if m == 'b' else ''}") for m in "abc" for p in range(prompts)]
    return pl.DataFrame(rows, schema=["prompt_id", "model", "output"], orient="row")


def test_pairs_are_known_again_by_both_texts_and_by_nothing_else(tmp_path: Path) -> None:
    stored.Pairs.of(_texts(), "x-1", tmp_path).keep(PAIR)
    assert stored.Pairs.of(_texts(), "x-1", tmp_path).known("abc") == PAIR
    renamed = _texts().with_columns(pl.col("model").replace({"a": "z"}))
    assert stored.Pairs.of(renamed, "x-1", tmp_path).known("bcz") == {
        ("b", "c"): PAIR["b", "c"], ("b", "z"): PAIR["a", "b"], ("c", "z"): PAIR["a", "c"],
    }, "names do not count, and neither does which comes first"  # fmt: skip
    assert stored.Pairs.of(_texts("!"), "x-1", tmp_path).known("abc") == {("a", "c"): PAIR["a", "c"]}
    for other in (stored.Pairs.of(_texts(), "x-2", tmp_path), stored.Pairs.of(_texts(prompts=4), "x-1", tmp_path)):
        assert other.known("abc") == {}
    (path,) = tmp_path.glob("*.parquet")
    path.write_bytes(b"no table")
    assert stored.Pairs.of(_texts(), "x-1", tmp_path).known("abc") == {}
    blocked = tmp_path / "file"
    blocked.write_text("")
    stored.Pairs.of(_texts(), "x-1", blocked / "x").keep(PAIR)
    stored.Pairs.of(_texts(), "x-1", None).keep(PAIR)


@given(st.lists(st.none() | st.text("ab ", max_size=60), min_size=1, max_size=30), st.integers(1, 80))
def test_words_are_those_of_every_text_and_made_of_a_bounded_part_at_one_time(
    said: list[str | None], most: int
) -> None:
    texts = pl.DataFrame(
        {"prompt_id": [f"{i:02}" for i in range(len(said))], "model": "a", "output": said},
        schema_overrides={"output": pl.String},
    )
    parts: list[int] = []

    def split(part: pl.Series) -> pl.Series:
        parts.append(int(part.str.len_bytes().sum()))
        return part.str.extract_all(r"\w+")

    kept = stored.Pairs.of(texts, "x", None)
    whole = kept.words(texts, split)
    parts.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "AT_ONCE", most)
        assert kept.words(texts, split).equals(whole)
    assert max(parts) <= most + max(len(text or "") for text in said)
    assert len(parts) <= 1 + sum(parts) // most, "no more parts than it takes"


@pytest.fixture
def pool(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Path]:
    """A working folder, and how some of AlpacaEval's models come into its results: more than vocabulary compares whole."""
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    prompts = sorted(set(frame["prompt_id"]))[::8]
    models = sorted(set(frame["model"]))[::4]
    monkeypatch.chdir(tmp_path)

    def bring(first: int, last: int) -> Path:
        part = frame.filter(pl.col("model").is_in(models[first:last]) & pl.col("prompt_id").is_in(prompts))
        part.write_parquet(tmp_path / f"{first}.parquet")
        imports.convert(None, tmp_path / f"{first}.parquet", tmp_path / "results", task="pool")
        return tmp_path / "results"

    return bring


def test_one_more_model_and_one_that_goes_give_the_index_that_is_made_from_nothing(
    pool: Callable[[int, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = pool(0, 42)
    derivation.refresh(results)
    without = tables(results)
    read: list[int] = []
    compared: list[int] = []
    fingerprinted, words = fp._made, vocabulary._compared
    monkeypatch.setattr(
        fp, "_made", lambda of, *rest, **how: (read.append(of["model"].n_unique()), fingerprinted(of, *rest, **how))[1]
    )
    monkeypatch.setattr(
        vocabulary, "_compared", lambda t, pairs, kept: (compared.append(len(pairs)), words(t, pairs, kept))[1]
    )
    pool(42, 43)
    derivation.refresh(results)
    assert read == [1], "the new model alone"
    assert compared == [42], "its pairs alone"
    before = tables(results)
    assert before["similarities"].height == 43 * 42 / 2
    assert before["evidence"].height == 43

    for place, path in enumerate(sorted((results / stored.FOLDER).iterdir())):
        if place % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-9])
    assert derivation.differences(results) == [], "nothing that was kept is needed, whole or damaged"

    (gone,) = [run for run in (results / "runs").iterdir() if run.name.startswith("42-")]
    shutil.rmtree(gone)
    derivation.refresh(results)
    assert_same(tables(results), without)


def tables(results: Path) -> dict[str, pl.DataFrame]:
    names = ("similarities", "evidence", "provenance", "fingerprints")
    return {name: store.query(results, f"SELECT * FROM {name} ORDER BY ALL") for name in names}


def assert_same(one: dict[str, pl.DataFrame], two: dict[str, pl.DataFrame]) -> None:
    for name, frame in one.items():
        assert frame.equals(two[name]), name
