"""Values said in words: "no solution", "all real numbers except 2", "six", "one million", "five meters"."""

from __future__ import annotations

import re

from harness.scorers._math import units

_PHRASES = [
    (re.compile(pattern), latex)
    for pattern, latex in (
        (r"(?:there (?:is|are) )?no (?:real |integer |such )?(?:solutions?|roots?|values?)(?: exists?)?", r"\emptyset"),
        (r"(?:the )?(?:empty|null) set|none", r"\emptyset"),
        (r"(?:all|any) (?:real numbers?|reals|real x)", r"\mathbb{R}"),
        (r"(?:all )?positive (?:real numbers|reals)", r"(0,\infty)"),
        (r"(?:all )?negative (?:real numbers|reals)", r"(-\infty,0)"),
        (r"(?:all )?non-?negative (?:real numbers|reals)", r"[0,\infty)"),
        (r"(?:positive )?infinity|infinite", r"\infty"),
        (r"negative infinity", r"-\infty"),
    )
]
_EXCEPT = re.compile(
    r"all (?:real numbers?|reals|real x) (?:except|but|other than) (?:for )?(?:x ?= ?)?(-?[\d.]+(?:/\d+)?)"
)
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TWICE = re.compile(r"([a-z -]+?) ?\((\d+)\)|(\d+) ?\(([a-z -]+)\)")


def value(words: str) -> str | None:
    """What some words say, as text for `syntax.read`; `None` where they say no value.

    Args:
        words: lower-case words, as `normalise.Normal.words` holds them.
    """
    if not words[:1].isalpha() and "(" not in words:
        return None
    for pattern, latex in _PHRASES:
        if pattern.fullmatch(words):
            return latex
    exception = _EXCEPT.fullmatch(words)
    if exception:
        return rf"\mathbb{{R}}\setminus\{{{exception.group(1)}\}}"
    twice = _TWICE.fullmatch(words)
    if twice:
        number = _number((twice.group(1) or twice.group(4)).replace("-", " ").split())
        return str(number) if str(number) in (twice.group(2), twice.group(3)) else None
    number = _number(words.replace("-", " ").split())
    return None if number is None else str(number)


def _number(words: list[str]) -> int | None:
    """`six`, `forty two`, `one million`, `five meters`: a whole number under a hundred, a scale, a unit."""
    if not words:
        return None
    if words[0] in _TENS:
        number, rest = 10 * (_TENS.index(words[0]) + 2), words[1:]
        if rest and rest[0] in _ONES[1:10]:
            number, rest = number + _ONES.index(rest[0]), rest[1:]
    elif words[0] in _ONES:
        number, rest = _ONES.index(words[0]), words[1:]
    else:
        return None
    if rest and rest[0] in units.SCALES:
        number, rest = number * units.SCALES[rest[0]], rest[1:]
    return number if not rest or units.is_unit(" ".join(rest), spaced=True) else None
