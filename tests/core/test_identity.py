"""Identities never change: golden values, and properties of the hash."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.identity import (
    PART,
    PART_128,
    REQUEST,
    ROOT,
    ROOT_128,
    RUN,
    TASK,
    Digester,
    canonical_json,
    digest,
    digest_items,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("scheme", "value", "expected"),
    [
        # These values must never be changed: results on people's disks are keyed by them.
        (REQUEST, {"model": {"backend": "x"}, "seed": 1}, "req1:36d321884d6ad8bd78331a715bb0bfba"),
        (RUN, ["a", 1, 1.0, None, True], "run1:54f49783e00a2c69e5150b1cb8b99a74"),
        (TASK, "ünïcode 中文", "task1:860f8e505aa63920ac8d01874f23375f"),
        (PART_128, {"n": 1}, "part1:b2e040216d5142061ce382745d480af2"),
        (ROOT_128, {"n": 1}, "root1:7af9707f5206e86c784104e2d701b76b"),
        (PART, {"n": 1}, "part2:e687f57dfe07edb6729defb237efc3fd175b5205f7574ed9357246714d489491"),
        (ROOT, {"n": 1}, "root2:e27c21cfff68dd603381481aed4e3799b0e3b829eaac35b44975d6759b8a089d"),
    ],
)
def test_published_identities_stay_what_they_were(scheme: str, value: object, expected: str) -> None:
    assert digest(scheme, value) == expected


@given(JSON)
def test_equal_values_have_equal_identities_whatever_the_order_of_keys(value: object) -> None:
    def reordered(item: object) -> object:
        if isinstance(item, dict):
            return {key: reordered(item[key]) for key in reversed(list(item))}
        return [reordered(x) for x in item] if isinstance(item, list) else item

    assert digest(REQUEST, value) == digest(REQUEST, reordered(value))


@given(JSON, JSON)
def test_different_values_have_different_identities(one: object, other: object) -> None:
    if canonical_json(one) != canonical_json(other):
        assert digest(REQUEST, one) != digest(REQUEST, other)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.sets(st.integers(0, 5)))
def test_fields_hashed_apart_have_the_identity_of_the_whole(value: dict[str, object], chosen: set[int]) -> None:
    fixed = {key: item for place, (key, item) in enumerate(value.items()) if place in chosen}
    rest = {key: item for key, item in value.items() if key not in fixed}
    assert Digester(REQUEST, fixed).digest(rest) == digest(REQUEST, value)


@given(st.lists(JSON, max_size=5))
def test_items_hashed_one_by_one_have_the_identity_of_their_list(items: list[object]) -> None:
    assert digest_items(TASK, iter(items)) == digest(TASK, items)


def test_schemes_keep_their_identities_apart() -> None:
    assert digest(REQUEST, 1).split(":")[1] != digest(RUN, 1).split(":")[1]


def test_one_and_one_point_zero_are_not_the_same_setting() -> None:
    assert digest(REQUEST, 1) != digest(REQUEST, 1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, {"x": math.nan}])
def test_nan_has_no_identity(bad: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json(bad)


def test_a_key_that_is_no_string_is_refused_not_converted() -> None:
    with pytest.raises(TypeError):
        canonical_json({1: "a"})


def test_dataclasses_and_tuples_hash_as_their_json() -> None:
    @dataclass
    class Point:
        x: int
        y: tuple[int, ...]

    assert canonical_json(Point(1, (2, 3))) == '{"x":1,"y":[2,3]}'


def test_a_lone_surrogate_can_be_hashed() -> None:
    assert digest(REQUEST, "\ud800") != digest(REQUEST, "?")
