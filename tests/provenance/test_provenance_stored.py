"""Fingerprints kept between runs: never stale, never needed."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from harness.provenance import fingerprint as fp
from harness.provenance import stored

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


def test_other_channels_and_other_versions_have_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    one = _answers().filter(pl.col("model") == "a")
    first = stored.address(one, NAMES)
    assert stored.address(one.reverse(), NAMES[::-1]) == first
    assert stored.address(one, NAMES[:2]) != first
    monkeypatch.setattr(fp, "VERSION", "another")
    assert stored.address(one, NAMES) != first


def test_a_damaged_file_and_a_folder_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    plain = fp.fingerprint(_answers(), names=NAMES)
    stored.fingerprint(_answers(), NAMES, tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"no table")
    _same(stored.fingerprint(_answers(), NAMES, tmp_path), plain)
    blocked = tmp_path / "file"
    blocked.write_text("")
    _same(stored.fingerprint(_answers(), NAMES, blocked / "x"), plain)
