"""Takes currency signs, scale words and trailing units off an answer; knows the size of the common units."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit whose size is known."""

    dimension: str
    """`length`, `length^2`, `length time^-1`, …"""
    factor: Fraction
    """Its size in the base units of its dimension."""

    @property
    def is_lone(self) -> bool:
        """True for one unit without a power."""
        return self.dimension.isalpha()


def _table(dimension: str, sizes: dict[str, str]) -> dict[str, Unit]:
    return {name: Unit(dimension, Fraction(size)) for names, size in sizes.items() for name in names.split()}


_KNOWN = {
    **_table(
        "length",
        {"mm millimeter": "1/1000", "cm centimeter": "1/100", "dm decimeter": "1/10", "m meter": "1",
         "km kilometer": "1000", "in inch": "127/5000", "ft foot": "381/1250", "yd yard": "1143/1250",
         "mi mile": "201168/125"},
    ),
    **_table(
        "time",
        {"ms millisecond": "1/1000", "s sec second": "1", "min minute": "60", "h hr hour": "3600", "day": "86400",
         "week": "604800"},
    ),
    **_table(
        "mass",
        {"mg milligram": "1/1000000", "g gram": "1/1000", "kg kilogram": "1", "lb pound": "45359237/100000000",
         "oz ounce": "45359237/1600000000"},
    ),
    **_table("length^3", {"ml mL milliliter": "1/1000000", "l L liter": "1/1000"}),
    **_table("length time^-1", {"mph": "1397/3125", "kph kmh": "5/18"}),
    **_table("Celsius", {"Celsius": "1"}),
    **_table("Fahrenheit", {"Fahrenheit": "1"}),
    **_table("kelvin", {"K": "1"}),
    **_table("money", {"cent ¢": "1/100", "dollar USD": "1"}),
}  # fmt: skip
"""The international yard and pound of 1959; the rest is SI."""
_IRREGULAR = {"feet": "foot", "inches": "inch", "metre": "meter", "litre": "liter", "lbs": "lb", "hrs": "hr",
              "mins": "min", "secs": "sec"}  # fmt: skip
_OTHERS = frozenset(
    {"mph", "kph", "kmh", "rpm", "mol", "Hz", "kHz", "MHz", "N", "kN", "J", "kJ", "W", "kW", "kWh", "V", "mV", "A",
     "mA", "Pa", "kPa", "MPa", "K", "C", "F", "eV", "keV", "MeV", "GeV", "T", "sq", "cu", "square", "cubic",
     "unit", "point", "percent", "am", "pm", "AM", "PM", "EUR", "GBP", "INR", "RMB", "euro", "rupee", "yuan",
     "pence", "erg", "degree", "deg", "rad", "radian", "year", "month", "per", "of", "a", "an"}
)  # fmt: skip
_NEVER = frozenset(
    {"or", "and", "if", "then", "else", "mod", "plus", "minus", "times", "over", "divided", "not", "no", "log",
     "ln", "exp", "sin", "cos", "tan", "cot", "sec", "csc", "sqrt", "pi", "inf", "infinity", "factorial",
     "squared", "cubed", "choose", "million", "billion", "trillion", "thousand", "hundred", "dozen", "lakh",
     "crore", "base", "for", "in", "is", "are", "the", "where", "when", "with", "only", "but", "to", "from",
     "either", "at", "most", "least", "more", "less", "than", "positive", "negative", "nan", "none", "undefined",
     "root", "half", "third", "quarter", "halves", "thirds", "quarters", "otherwise", "e", "i", "x", "y", "z"}
)  # fmt: skip
"""Words that change or deny the number before them, or are mathematics themselves."""
_NEVER_IN_TEXT = frozenset(
    {"or", "and", "if", "else", "mod", "base", "for", "where", "when", "not", "no", "only", "but", "is", "are",
     "otherwise"}
)  # fmt: skip
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_LETTERS = "mgshlL"
"""Letters that are units right behind a number, without a space."""
_LONG_WORD = 4
"""A word longer than this may stand right behind a number without a space (`156apples`)."""

_CURRENCY = re.compile(r"^([-+]?) ?(?:US)?(?:\$|€|£|¥|₹|USD|EUR|GBP|Rs\.?) ?(?=[-\d.\\(])")
_LETTER_SCALE = re.compile(r"^([\d.,]*\d) ?([kKMB])$")
"""`$1.5M`; without the currency, the letter may be a unit or a variable."""
_LETTER_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9}
_CURRENCY_AFTER = re.compile(r"(?<=\d) ?(?:\$|€|£|¥|₹|USD|EUR|GBP)$")
_DOLLARS = ("$", "USD")
_SCALE = re.compile(r"^([-+]?[\d.,]*\d) ?⟦?(hundred|thousand|million|billion|trillion)⟧?(?![A-Za-z])(?! ?\d)")
_DEGREES = re.compile(r"(?:\^ ?(?:\{ ?(?:\\circ|\\degree|o) ?\}|\\circ|o)|\\degree)(?![A-Za-z])")
_TEMPERATURE = re.compile(r"\\degree  ?(?:([CF])|⟦([CF])⟧)$")
_BASE = re.compile(r"(?<=\d)\)? ?\(? ?⟦? ?\(?(?:in )?base[ -]?⟧? ?(\d{1,2}|[a-z]+) ?\)?⟧? ?\)?$|(?<=\d)\)(?=_)")
_NAMED = r" ?⟦[^⟦⟧]*⟧"
_RATIO = r" ?\\frac ?\{ ?⟦[^⟦⟧]*⟧[^{}]*\} ?\{ ?⟦[^⟦⟧]*⟧[^{}]*\}"
_POWER = r" ?\^ ?\{? ?-?[1-4] ?\}?"
_PIECE = re.compile(r"[A-Za-z¢]+|/|\^ ?\{? ?(-?[1-4])")
_PREFIXES = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_TEXT_TAIL = re.compile(
    rf"(?: ?(?:/|\\cdot))?(?:{_NAMED}|{_RATIO})"
    rf"(?:{_POWER}|{_NAMED}| ?(?:/|\\cdot)(?={_NAMED})| ?/ ?[A-Za-z](?![A-Za-z]))* ?\.? ?$"
)
_PLAIN_TAIL = re.compile(
    rf"(?<=[\d)}}%])( ?/? ?)([A-Za-z]+\.?(?:{_POWER})?(?:[ /.-]+[A-Za-z]+(?:{_POWER})?){{0,7}})\.?$",
)
_WORDS = re.compile(r"[A-Za-z]+")


def split(text: str, *, letters: bool) -> tuple[str, Unit | None]:
    """Part an answer into its value and its unit.

    Args:
        text: an undressed answer; runs of text as `⟦…⟧`.
        letters: a bare letter may be a unit (`5 m`), and not a variable.

    Returns:
        The value, and the unit where its size is known. A unit that is not known is taken off as well.
    """
    currency = _CURRENCY.match(text)
    unit = None
    if currency:
        unit = _KNOWN["dollar"] if any(sign in currency.group() for sign in _DOLLARS) else None
        text = text[currency.end() :]
        letter = _LETTER_SCALE.match(text)
        text = f"{letter.group(1)}*{_LETTER_SCALES[letter.group(2)]}" if letter else text
        text = currency.group(1) + text
    scale = _SCALE.match(text)
    if scale:
        text = f"{scale.group(1)}*{SCALES[scale.group(2)]}" + text[scale.end() :]
    text = _CURRENCY_AFTER.sub("", text).replace("$", " ").strip()
    if "circ" in text or "degree" in text or "^o" in text or "{o}" in text:
        text = _DEGREES.sub(r"\\degree ", text)
        temperature = _TEMPERATURE.search(text)
        if temperature:
            scale_name = "Celsius" if "C" in temperature.groups() else "Fahrenheit"
            return text[: temperature.start()], _KNOWN[scale_name]
    if "base" in text or ")_" in text:
        text = _BASE.sub(lambda match: f"_{{{match.group(1)}}}" if match.group(1) else "", text)
        text = re.sub(r"^(-?)\((?=\d+_)", r"\1", text)
    if not any(map(str.isdigit, text)) and "\\" not in text:
        return text, unit
    body, named = _without_tail(text, letters=letters)
    return body, unit or _known(named)


def _without_tail(text: str, *, letters: bool) -> tuple[str, str]:
    """The text without its unit, and the unit's name."""
    tail = _TEXT_TAIL.search(text)
    if tail and tail.start() and "⟦" in tail.group():
        body = text[: tail.start()].rstrip()
        named = re.sub(r"[⟦⟧]", " ", tail.group()).strip(" .")
        words = _WORDS.findall(named)
        if body[-1:] not in "_^=<>" and words and not _NEVER_IN_TEXT.intersection(map(str.lower, words)):
            return body, named
    tail = _PLAIN_TAIL.search(text)
    if tail is None:
        return text, ""
    shortest = 3 if "/" in tail.group(1) else 1 if letters else 2
    if len(tail.group(2)) < shortest or not is_unit(tail.group(2), spaced=bool(tail.group(1))):
        return text, ""
    return text[: tail.start()].rstrip(), tail.group(1).strip() + tail.group(2)


def is_unit(words: str, *, spaced: bool) -> bool:
    """Are these words a unit, or things that were counted?

    Args:
        words: what stands behind a number.
        spaced: with a space between.
    """
    parts = _WORDS.findall(words)
    inches = parts[-1] == "in" and all(part in _PREFIXES for part in parts[:-1])
    if any(part.lower() in _NEVER for part in parts) and not inches:
        return False
    if not spaced and len(parts[0]) == 1:
        return parts[0] in _LETTERS
    if not spaced:
        return _singular(parts[0]) in _KNOWN or _singular(parts[0]) in _OTHERS or len(parts[0]) > _LONG_WORD
    return all(len(part) > 2 or part in _KNOWN or part in _OTHERS for part in parts)  # noqa: PLR2004


def _singular(word: str) -> str:
    if word in _KNOWN or len(word) < _LONG_WORD:
        return _IRREGULAR.get(word, word)
    low = word.lower()
    low = _IRREGULAR.get(low, low)
    return _IRREGULAR.get(low.removesuffix("s"), low.removesuffix("s"))


def _known(named: str) -> Unit | None:
    """The size of a unit, of a power, a product or a quotient of units; `None` where one of them is not known."""
    if "frac" in named:
        return None
    powers: Counter[str] = Counter()
    factor, last, sign, prefix = Fraction(1), None, 1, 1
    for piece in _PIECE.finditer(named.replace("\\cdot", " ")):
        word = piece.group()
        if word in ("/", "per"):
            sign = -1
        elif word.lower() in _PREFIXES:
            prefix = _PREFIXES[word.lower()]
        elif piece.group(1):
            if last is None:
                return None
            # The unit itself has been counted once.
            further = (int(piece.group(1)) - 1) * last[1]
            factor *= _counted(last[0], further, powers)
            last = None
        else:
            unit = _KNOWN.get(_singular(word))
            if unit is None:
                return None
            last = (unit, sign * prefix)
            factor *= _counted(*last, powers)
            prefix = 1
    dimensions = [name if power == 1 else f"{name}^{power}" for name, power in sorted(powers.items()) if power]
    return Unit(" ".join(dimensions), factor) if dimensions else None


def _counted(unit: Unit, times: int, powers: Counter[str]) -> Fraction:
    """Add a power of a unit to the dimensions; returns its factor."""
    for dimension in unit.dimension.split():
        name, _, power = dimension.partition("^")
        powers[name] += times * int(power or 1)
    return Fraction(unit.factor**times)
