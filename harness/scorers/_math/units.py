"""Takes currency signs, scale words and trailing units off an answer, and knows the size of the common units."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from harness.scorers._patterns import later


class Unit(NamedTuple):
    """A unit whose size is known."""

    dimension: str
    """`length`, `length^2`, `length time^-1`, …"""
    factor: Fraction
    """Its size in the base units of its dimension."""


def _table(dimension: str, sizes: dict[str, str]) -> dict[str, Unit]:
    return {name: Unit(dimension, Fraction(size)) for names, size in sizes.items() for name in names.split()}


_PREFIXED = {"k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9), "d": ("deci", -1), "c": ("centi", -2),
         "m": ("milli", -3), "n": ("nano", -9)}  # fmt: skip


def _metric(symbol: str, word: str, prefixes: str, size: str, dimension: str) -> dict[str, Unit]:
    """A unit and its multiples, as `m`, `meter`, `km` and `kilometer`."""
    unit = Unit(dimension, Fraction(size))
    units = {symbol: unit, word: unit}
    for prefix in prefixes:
        name, power = _PREFIXED[prefix]
        units |= dict.fromkeys((prefix + symbol, name + word), Unit(dimension, unit.factor * Fraction(10) ** power))
    return units


_KNOWN = {
    **_table(
        "length",
        {"in inch": "127/5000", "ft foot": "381/1250", "yd yard": "1143/1250", "mi mile": "201168/125"},
    ),
    **_table("time", {"sec": "1", "min minute": "60", "h hr hour": "3600", "day": "86400", "week": "604800"}),
    **_table("mass", {"lb pound": "45359237/100000000", "oz ounce": "45359237/1600000000"}),
    **_metric("m", "meter", "kdcmn", "1", "length"),
    **_metric("s", "second", "mn", "1", "time"),
    **_metric("g", "gram", "km", "1/1000", "mass"),
    **_metric("L", "liter", "m", "1/1000", "length^3"),
    **_metric("l", "liter", "m", "1/1000", "length^3"),
    **_metric("Hz", "hertz", "kMG", "1", "time^-1"),
    **_metric("N", "newton", "k", "1", "length mass time^-2"),
    **_metric("Pa", "pascal", "kM", "1", "length^-1 mass time^-2"),
    **_metric("J", "joule", "kM", "1", "length^2 mass time^-2"),
    **_metric("eV", "electronvolt", "kMG", "1.602176634e-19", "length^2 mass time^-2"),
    **_metric("W", "watt", "kM", "1", "length^2 mass time^-3"),
    **_metric("V", "volt", "km", "1", "current^-1 length^2 mass time^-3"),
    **_table("length time^-1", {"mph": "1397/3125", "kph kmh": "5/18"}),
    **_table("Celsius", {"Celsius": "1"}),
    **_table("Fahrenheit", {"Fahrenheit": "1"}),
    **_table("kelvin", {"K": "1"}),
    **_table("angle", {"degree deg": "1"}),
    **_table("radian", {"radian rad": "1"}),
    **_table("money", {"cent ¢": "1/100", "dollar USD": "1"}),
    **_table("unit", {"unit": "1"}),
}  # fmt: skip
"""The international yard and pound of 1959. The rest is SI."""
DEGREE = _KNOWN["degree"]
_ANY = "unit"
"""`square units` are an area of any size."""
_IRREGULAR = {"heure": "hour", "hora": "hour", "ora": "hour", "ore": "hour", "stunde": "hour", "stunden": "hour",
              "minuto": "minute", "minuti": "minute", "minuten": "minute", "jour": "day", "tag": "day", "tage": "day",
              "feet": "foot", "inches": "inch", "metre": "meter", "litre": "liter", "lbs": "lb", "hrs": "hr",
              "mins": "min", "secs": "sec"}  # fmt: skip
_OTHERS = frozenset(
    {"rpm", "mol", "kWh", "A", "mA", "C", "F", "T", "sq", "cu", "square", "cubic",
     "point", "EUR", "GBP", "INR", "RMB", "euro", "rupee", "yuan",
     "pence", "erg", "year", "month", "per", "of", "a", "an"}
)  # fmt: skip
_NEVER = frozenset(
    {"or", "and", "if", "then", "else", "mod", "plus", "minus", "times", "over", "divided", "not", "no", "log",
     "ln", "exp", "sin", "cos", "tan", "cot", "sec", "csc", "sqrt", "pi", "inf", "infinity", "factorial",
     "squared", "cubed", "choose", "million", "billion", "trillion", "thousand", "hundred", "dozen", "lakh",
     "crore", "base", "for", "in", "is", "are", "the", "where", "when", "with", "only", "but", "to", "from",
     "either", "at", "most", "least", "more", "less", "than", "positive", "negative", "nan", "none", "undefined",
     "root", "half", "third", "quarter", "halves", "thirds", "quarters", "otherwise", "some", "e", "i", "x", "y", "z"}
)  # fmt: skip
"""Words that change or deny the number before them, or are mathematics themselves."""
_NEVER_IN_TEXT = frozenset(
    {"or", "and", "if", "else", "mod", "base", "for", "where", "when", "not", "no", "only", "but", "is", "are",
     "otherwise"}
)  # fmt: skip
SCALES = {"dozen": 12, "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_LETTERS = "mgshlL"
"""Letters that are units right behind a number, without a space."""
_LONG_WORD = 4
"""A word longer than this may stand right behind a number without a space (`156apples`)."""

_CURRENCY = later(r"^([-+]?) ?(?:US)?(?:\$|€|£|¥|₹|USD|EUR|GBP|Rs\.?) ?(?=[-\d.\\(])")
_LETTER_SCALE = later(r"^([\d.,]*\d) ?([kKMB])$")
"""`$1.5M`. Without the currency, the letter may be a unit or a variable."""
_LETTER_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9}
_CURRENCY_AFTER = later(r"(?<=\d) ?(?:\$|€|£|¥|₹|USD|EUR|GBP)$")
_DOLLARS = ("$", "USD")
_SCALE = later(r"^([-+]?[\d.,]*\d) ?⟦?(dozen|hundred|thousand|million|billion|trillion)⟧?(?![A-Za-z])(?! ?\d)")
_DEGREES = later(r"(?:\^ ?(?:\{ ?(?:\\circ|\\degree|o) ?\}|\\circ|o)|\\degree)(?![A-Za-z])")
_TEMPERATURE = later(r"\\degree  ?(?:([CF])|⟦([CF])⟧)$")
_BASE = later(r"(?<=\d) ?\(? ?⟦? ?\(?(?:in )?base[ -]?⟧? ?(\d{1,2}|[a-z]+) ?\)?⟧? ?\)?$")
_NUMERAL_IN_BRACKETS = later(r"^(-?)\(([0-9A-Fa-f]+)\)(?= ?(?:_|\(? ?⟦? ?\(?(?:in )?base))")
_MODULUS = later(r" ?(?:\\[bp]mod ?\{? ?(\w+) ?\}?|\( ?⟦? ?(?:\\[bp]?mod|mod) ?⟧? ?\{? ?(\w+) ?\}? ?\))$")
_CLOCK = later(r"(?<=\d) ?⟦? ?([ap])\.? ?m\.?⟧?$", re.IGNORECASE)
_PERCENT = later(r"(?<=[\d}]) ?⟦? ?(?:percent(?:age)?|pct)\.? ?⟧?$")
_QUANTITY = later(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)(?:,? (?:and|et|und|y|e) |,? |$)")
_NAMED = r" ?⟦[^⟦⟧]*⟧"
_RATIO = r" ?\\frac ?\{ ?⟦[^⟦⟧]*⟧[^{}]*\} ?\{ ?⟦[^⟦⟧]*⟧[^{}]*\}"
_POWER = r" ?\^ ?\{? ?-?[1-4] ?\}?"
_PIECE = later(r"[A-Za-z¢]+|/|\^ ?\{? ?(-?[1-4])")
_SCALE_OF_DEGREES = later(r"\b[Dd]egrees? (?=C|F)")
_PREFIXES = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_TEXT_TAIL = later(
    rf"(?: ?(?:/|\\cdot))?(?:{_NAMED}|{_RATIO})"
    rf"(?:{_POWER}|{_NAMED}| ?(?:/|\\cdot)(?={_NAMED})| ?/ ?[A-Za-z](?![A-Za-z]))* ?\.? ?$"
)
_PLAIN_TAIL = later(
    r"(?:(?<=[\d)}%])|(?<=\\pi)|(?<=\\pi ))"
    rf"( ?/? ?)([A-Za-z]+\.?(?:{_POWER})?(?:[ /.-]+[A-Za-z]+(?:{_POWER})?){{0,7}})\.?$",
)
_WORDS = later(r"[A-Za-z]+")


def split(text: str, *, letters: bool) -> tuple[str, Unit | None]:
    """Part an answer into its value and its unit.

    Args:
        text: an undressed answer, with runs of text as `⟦…⟧`.
        letters: a bare letter may be a unit (`5 m`), and not a variable.

    Returns:
        The value, and the unit if its size is known. A unit that is not known is taken off as well.
    """
    text = _PERCENT.sub(r"\%", text)
    together = _compound(text)
    if together:
        return together
    for pattern, name in ((_MODULUS, "modulo"), (_CLOCK, "clock")):
        tail = pattern.search(text)
        if tail:
            return text[: tail.start()], Unit(f"{name} {next(filter(None, tail.groups())).lower()}", Fraction(1))
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
        text = _BASE.sub(r"_{\1}", _NUMERAL_IN_BRACKETS.sub(r"\1\2", text))
    if not any(map(str.isdigit, text)) and "\\" not in text:
        return text, unit
    body, named = _without_tail(text, letters=letters)
    return body, unit or _known(named)


def _compound(text: str) -> tuple[str, Unit] | None:
    """`2 hours 30 minutes` as five halves of an hour: quantities of one dimension, each unit smaller than the last."""
    if not text[:1].isdigit() or not (text[-1:].isalpha() or text.endswith("⟧")):
        return None
    text = " ".join(text.replace("⟦", " ").replace("⟧", " ").split())
    pieces = list(_QUANTITY.finditer(text))
    if len(pieces) < 2 or sum(len(piece.group()) for piece in pieces) != len(text):  # noqa: PLR2004
        return None
    units = [_KNOWN.get(_singular(piece.group(2))) for piece in pieces]
    known = [unit for unit in units if unit is not None]
    falling = all(a.factor > b.factor and a.dimension == b.dimension for a, b in pairwise(known))
    if len(known) < len(units) or not falling:
        return None
    total = sum(Fraction(piece.group(1)) * unit.factor for piece, unit in zip(pieces, known, strict=True))
    return str(total / known[0].factor), known[0]


def agree(one: Unit, other: Unit) -> bool:
    """Are they of one dimension? Square units are the square of any length, degrees those of any scale."""
    dimensions = {one.dimension, other.dimension}
    if "angle" in dimensions and dimensions & {"Celsius", "Fahrenheit"}:
        return True
    return one.dimension.replace(_ANY, "length") == other.dimension.replace(_ANY, "length")


def _without_tail(text: str, *, letters: bool) -> tuple[str, str]:
    """The text without its unit, and the unit's name."""
    tail = _TEXT_TAIL.search(text)
    if tail and tail.start() and "⟦" in tail.group():
        body = text[: tail.start()].rstrip()
        named = re.sub(r"[⟦⟧]", " ", tail.group()).strip(" .")
        words = _WORDS.findall(named)
        never = _NEVER_IN_TEXT.intersection(map(str.lower, words)) or (len(named) == 1 and named not in _KNOWN)
        if body[-1:] not in "_^=<>" and words and not never:
            return body, named
    tail = _PLAIN_TAIL.search(text)
    if tail is None:
        return text, ""
    words = _WORDS.findall(tail.group(2))
    lone_letter = len(words) == len(words[0]) == 1
    if lone_letter and ("/" in tail.group(1) or not letters or words[0] not in _KNOWN):
        return text, ""
    if not is_unit(tail.group(2), spaced=bool(tail.group(1))):
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


def has_size(words: str) -> bool:
    """Whether the words behind a number in a sentence are a unit whose size is known. `in` is none there."""
    return words != "in" and _known(words) is not None


def _singular(word: str) -> str:
    if word in _KNOWN or len(word) < _LONG_WORD:
        return _IRREGULAR.get(word, word)
    low = word.lower()
    low = _IRREGULAR.get(low, low)
    return _IRREGULAR.get(low.removesuffix("s"), low.removesuffix("s"))


def _known(named: str) -> Unit | None:
    """The size of a unit, of a power, a product or a quotient of units. `None` if one of them is not known."""
    if "frac" in named:
        return None
    powers: Counter[str] = Counter()
    factor, last, sign, prefix = Fraction(1), None, 1, 1
    for piece in _PIECE.finditer(_SCALE_OF_DEGREES.sub("", named.replace("\\cdot", " "))):
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
    return Unit(" ".join(dimensions), factor) if dimensions and dimensions != [_ANY] else None


def _counted(unit: Unit, times: int, powers: Counter[str]) -> Fraction:
    """Add a power of a unit to the dimensions. Returns its factor."""
    for dimension in unit.dimension.split():
        name, _, power = dimension.partition("^")
        powers[name] += times * int(power or 1)
    return Fraction(unit.factor**times)
