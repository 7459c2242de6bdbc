"""Patterns of the scorers are compiled when they are first used: a mistake in one would be told late, so all are tried."""

import importlib
import pkgutil
import re

import harness.scorers
from harness.scorers import _patterns


def test_every_pattern_compiles() -> None:
    found = 0
    for module in pkgutil.walk_packages(harness.scorers.__path__, "harness.scorers."):
        if module.name.endswith("serve"):
            continue  # a program
        for held in vars(importlib.import_module(module.name)).values():
            for one in held if isinstance(held, list | tuple) else [held]:
                for pattern in one if isinstance(one, tuple) else [one]:
                    if isinstance(pattern, _patterns._LatePattern):
                        found += isinstance(pattern.pattern, str)
    assert found > 200


def test_a_pattern_is_what_re_makes_of_it() -> None:
    late, made = _patterns.later(r"(?P<a>\d+)", re.IGNORECASE), re.compile(r"(?P<a>\d+)", re.IGNORECASE)
    assert (late.pattern, late.flags, late.groups, late.groupindex) == (
        made.pattern, made.flags, made.groups, made.groupindex,
    )  # fmt: skip
    assert late.sub(r"<\g<a>>", "1 and 22") == "<1> and <22>"
    assert [match.group("a") for match in late.finditer("1 and 22")] == ["1", "22"]
    assert (late.search("x"), late.fullmatch("7") is not None) == (None, True)
