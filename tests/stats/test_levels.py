"""What `harness/stats/levels.py` promises: models asked other documents stand where shared documents put them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.levels import levels

abilities = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=2)


@given(abilities, st.data())
def test_differences_that_agree_are_met_exactly_whoever_is_held(truth, data):
    names = sorted(truth)
    chain = {(a, b): (truth[a] - truth[b], 1.0 + i) for i, (a, b) in enumerate(itertools.pairwise(names))}
    held = frozenset(data.draw(st.sets(st.sampled_from(names), min_size=1)))
    easy = {name: truth[name] if name in held else 1.0 for name in names}  # the others were asked easy documents
    found = levels(easy, chain, held)
    assert {name: level.value for name, level in found.items()} == pytest.approx(truth, abs=1e-6)
    assert {level.group for level in found.values()} == {0}


def test_where_nobody_is_held_the_levels_have_the_means_mean():
    found = levels({"a": 0.9, "b": 0.5}, {("a", "b"): (0.2, 10)}, frozenset())
    assert [round(found[name].value, 6) for name in "ab"] == [0.8, 0.6]


def test_models_that_share_nothing_are_in_groups_of_their_own_the_largest_first():
    found = levels({"a": 0.1, "b": 0.2, "z": 1.0}, {("a", "b"): (0.0, 1)}, frozenset("ab"))
    assert [found[name].group for name in "abz"] == [0, 0, 1]
    assert found["z"].value == 1.0


def test_more_shared_documents_weigh_more_where_differences_disagree():
    pairs = {("a", "b"): (0.0, 300.0), ("a", "c"): (0.0, 1.0), ("b", "c"): (0.3, 100.0)}
    found = levels({"a": 0.5, "b": 0.5, "c": 0.5}, pairs, frozenset("ab"))
    assert found["c"].value == pytest.approx(0.5 - 0.3 * 100 / 101)
