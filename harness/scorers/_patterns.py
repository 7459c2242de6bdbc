"""Patterns that are compiled when they are first used: three hundred at once take a third of a second of CPU."""

from __future__ import annotations

import re
from typing import Any, cast

USED = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer", "pattern", "flags")


class _LatePattern:
    """Stands for a pattern. After the first use, its methods are the pattern's own."""

    def __init__(self, source: str, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = re.compile(self._source, self._flags)
        self.__dict__ |= {one: getattr(made, one) for one in USED}
        return getattr(made, name)


def later(source: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile`, put off to the first use. A mistake in the pattern is raised then.

    Args:
        source: the pattern.
        flags: those of `re`.
    """
    return cast("re.Pattern[str]", _LatePattern(source, flags))


__all__ = ["later"]
