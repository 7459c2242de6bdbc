"""Values said in words: "no solution", "all real numbers except 2", "six", "one million", "five meters"."""

from __future__ import annotations

import re
import unicodedata

from harness.scorers._math import units
from harness.scorers._patterns import later

_PHRASES = [
    (later(pattern), latex)
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
_EXCEPT = later(r"all (?:real numbers?|reals|real x) (?:except|but|other than) (?:for )?(?:x ?= ?)?(-?[\d.]+(?:/\d+)?)")
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december"]  # fmt: skip
MONTH = "|".join(_MONTHS)
"""Any of the months, as a pattern."""
_DAY_OF_WEEK = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?"
_DATE = later(
    rf"{_DAY_OF_WEEK}(?:(?P<month>{MONTH}) (?P<day>\d{{1,2}})"
    rf"|(?:the )?(?P<day2>\d{{1,2}})(?: of)? (?P<month2>{MONTH}))"
    r"(?:,? (?P<year>\d{4}))?|(?P<year2>\d{4})-(?P<month3>\d\d)-(?P<day3>\d\d)"
)
_ORDINAL = later(r"(?<=\d)(?:st|nd|rd|th)\b")
_CHINESE = later(r"([零〇一二两三四五六七八九十百千万萬亿億]+)[^\W\dA-Za-z]{0,4}")
_MYRIAD = 10_000
_TWICE = later(r"([a-z -]+?) ?\((\d+)\)|(\d+) ?\(([a-z -]+)\)")


def value(words: str) -> str | None:
    """What some words say, as text for `syntax.read`. `None` if they say no value.

    Args:
        words: lower-case words, as `normalise.Normal.words` holds them.
    """
    if not words.isascii():
        chinese = _CHINESE.fullmatch(words)
        return None if chinese is None else str(_chinese(chinese.group(1)))
    found = None if words.isdigit() else _date(words)
    if found or (not words[:1].isalpha() and "(" not in words):
        return found
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


def _date(words: str) -> str | None:
    """`june 14`, `14th of june`, `friday, june 14, 2024`, `2024-06-14` as one text."""
    found = _DATE.fullmatch(_ORDINAL.sub("", words)) if words[-1:].isalnum() else None
    if found is None:
        return None
    day, month, year = (next(filter(None, map(found.group, kind)), "") for kind in (_DAYS, _MONTH_NAMES, _YEARS))
    number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
    return rf"\text{{date {number}/{int(day)} {year}}}"


_DAYS, _MONTH_NAMES, _YEARS = ("day", "day2", "day3"), ("month", "month2", "month3"), ("year", "year2")


def _chinese(numeral: str) -> int:
    """`一百二十三`: digits times tens, hundreds and thousands, in groups of ten thousand."""
    total = group = digit = 0
    for char in numeral:
        value = int(unicodedata.numeric("二" if char == "两" else char))
        if value >= _MYRIAD:
            total, group, digit = (total + group + digit) * value, 0, 0
        elif value >= 10:  # noqa: PLR2004
            group, digit = group + (digit or 1) * value, 0
        else:
            digit = digit * 10 + value if digit else value
    return total + group + digit


def _number(words: list[str]) -> int | None:
    """`six`, `forty two`, `one hundred and five`, `two million`, `five meters`: a whole number, a unit."""
    total = group = 0
    least = _MYRIAD * _MYRIAD
    for place, word in enumerate([*words, ""]):  # noqa: B007 - where it broke off is needed behind it
        if (digit := _fits(word, group)) is not None:
            group += digit
        elif word == "hundred" and group in range(1, 10):
            group *= 100
        elif word in units.SCALES and word != "hundred" and group and units.SCALES[word] < least:
            least = units.SCALES[word]
            total, group = total + group * least, 0
        elif word != "and" or not (group or total):
            break
    rest = words[place:]
    if place == 0 or words[place - 1] == "and":
        return None
    return total + group if not rest or units.is_unit(" ".join(rest), spaced=True) else None


def _fits(word: str, group: int) -> int | None:
    """What a word adds to the hundreds, tens and ones before it. `None` if it does not go on from them."""
    tens, ones = divmod(group % 100, 10)
    if word in _TENS:
        return None if tens or ones else 10 * (_TENS.index(word) + 2)
    if word not in _ONES or ones or tens == 1:
        return None
    digit = _ONES.index(word)
    return None if tens and not 0 < digit < 10 else digit  # noqa: PLR2004


_NAMES = "|".join([*_ONES[::-1], *_TENS])
NUMERAL = later(rf"\b(?:{_NAMES})(?:(?:[ -]|,? and )(?:{_NAMES}|{'|'.join(units.SCALES)}))*\b", re.IGNORECASE)
"""A number in words."""
