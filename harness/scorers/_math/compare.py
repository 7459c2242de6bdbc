"""Decides whether an answer is the gold answer: as text, then as trees, then by math-verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from harness.scorers._math import exact, phrases, trees, units, words
from harness.scorers._math.equality import Equality, no, yes
from harness.scorers._math.normalise import Normal, normalise
from harness.scorers._math.structure import Comparison, Engine
from harness.scorers._math.syntax import Node, read
from harness.scorers._math.tokens import MAX_CHARS, UnreadableError
from harness.scorers._patterns import later

_CHOICE = later(r"(?:\\text\{)?\s*\(?([A-Z])\)?\s*\}?")
_CHOSEN = later(r"(?:(?:option|choice|answer)\s*:?\s*)?\(?([a-z])(?:[).:](?:\s.*)?|\s*$)", re.DOTALL)
_WORDS = later(r"[a-z]{2,}(?:['-][a-z]{2,})*(?: [a-z]+(?:['-][a-z]+)*)*")
_TIGHT = later(r"\s+(?![A-Za-z0-9.])|(?<![A-Za-z0-9.])\s+")
_LONGEST_PRODUCT = 3
"""Letters side by side, up to so many, may be a product of variables and not a word."""
_CLIPPED = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, normalised and read."""

    normal: Normal
    node: Node | None
    """`None` if it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""
    raw: str = ""
    """The answer as it was given."""


@lru_cache(maxsize=2048)
def reading(raw: str, *, letter_units: bool = False) -> Reading:
    """Normalise and read an answer. Never raises."""
    try:
        normal = normalise(raw, letter_units=letter_units)
    except UnreadableError as problem:
        return Reading(Normal(""), None, str(problem), raw)
    if not normal.text:
        return Reading(normal, None, "there is nothing but punctuation", raw)
    try:
        return Reading(normal, read(words.value(normal.words) or normal.text), raw=raw)
    except UnreadableError as problem:
        return Reading(normal, None, str(problem), raw)


def compare(gold: str, answer: str, engine: Engine | None = None) -> Equality:
    """Is the answer the gold answer?

    Args:
        gold: the gold answer, without its derivation.
        answer: the extracted answer.
        engine: symbolic work.

    Returns:
        The verdict. Its method is `unparsed` if the answer cannot be read, or holds a number too large to compute.

    Raises:
        NeedsEngineError: symbolic work is needed, and there is no engine.
    """
    wanted = reading(gold)
    number = wanted.node is not None and not trees.names(wanted.node)
    found = reading(answer, letter_units=number)
    if not found.normal.text:
        return no("unparsed", found.problem)
    verdict = _as_time(wanted, found) or _as_text(wanted, found)
    if verdict is not None:
        return verdict
    other_dimension = _other_dimension(wanted, found)
    if other_dimension:
        return other_dimension
    exact_side = _exact_side(answer)
    if exact_side and wanted.node is not None and not trees.is_literal(wanted.node):
        answer, found = exact_side, reading(exact_side, letter_units=number)
    comparison = Comparison(engine)
    first = verdict = _compared(wanted, found, comparison)
    for text in () if verdict.equal or verdict.method == "open" else _meant(answer, wanted, found):
        other = reading(text, letter_units=number)
        verdict = _as_text(wanted, other) or _other_dimension(wanted, other) or _compared(wanted, other, comparison)
        if verdict.equal:
            return verdict
        if first.method == "unparsed":
            first = verdict
    exact_side = _exact_side(gold)
    if exact_side and not first.equal:
        first = compare(exact_side, answer, engine)
    return first if first.method != "open" else _by_library(wanted, found, first, comparison.engine)


def _other_dimension(wanted: Reading, found: Reading) -> Equality | None:
    one, other = _unit(wanted, found), _unit(found, wanted)
    if one is None or other is None or units.agree(one, other):
        return None
    return no("structure", f"in a unit of {other.dimension}, wanted one of {one.dimension}")


def _unit(reading_: Reading, other: Reading) -> units.Unit | None:
    """The unit of an answer. A degree sign is one beside a numeral, which is that many radians of no such angle."""
    node, beside = reading_.node, other.node
    signed = node is not None and node.op == "degree" and beside is not None and trees.is_literal(beside)
    return units.DEGREE if signed else reading_.normal.unit


def _compared(wanted: Reading, found: Reading, comparison: Comparison) -> Equality:
    if wanted.node is not None and found.node is None:
        # An answer that is less readable than the gold answer is not worked out for the model.
        return no("unparsed", found.problem)
    try:
        return _as_trees(wanted, found, comparison)
    except (exact.TooLargeError, UnreadableError, RecursionError) as problem:
        return no("unparsed", f"not computed: {problem}")
    except ZeroDivisionError:
        return no("exact", "it divides by zero")


# What an answer means -----------------------------------------------------------------------------------------

_ALMOST = later(r"\\(?:approx|simeq|thickapprox)(?![A-Za-z])|≈")
_LETTERED = later(r"\**\(?[A-J](?:\)|[.:](?=\s))\s*[:.]?\**(?:\\ |[\s~:])*(?=\S)")
_PROSE = later(r"(?<![\\A-Za-z])[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}")
_TWICE = later(r"(-?\d[\d.]*) \(([^()]*)\)")
"""`18 (9 * 2)`: a number and where it comes from."""
_IN_OTHER_UNITS = later(r"(\d[\d.,]*[^\d=(]{1,30}?) ?(?:\(|=|,? or ) ?(\d[^=()]{1,40}?)\)?")
_WORKED_OUT = later(
    r"(?:\$|\\\[|\\\(|\s)*(?:\\(?:displaystyle|[ij]*int|o?int|sum|prod|lim|det|left)(?![A-Za-z])|\\frac\s*\{\s*d\s*\}).*=\s*([^=]+?)(?:\$|\\\]|\\\)|\s)*",
    re.DOTALL,
)
"""`(x - 1)e^x + C` of `\\int x e^x dx = (x - 1)e^x + C`."""
_NAMES = later(r"[A-Za-z]+")
_APART = later(r"\s*(?:[,;&]|(?<![A-Za-z])and(?![A-Za-z]))\s*")


def _meant(answer: str, wanted: Reading, found: Reading) -> Iterator[str]:
    """What else an answer may say: its exact side, its value without the letter of a choice, the value in its prose."""
    if wanted.node is None or len(answer) > MAX_CHARS:
        return
    if _ALMOST.search(answer):
        yield _exact_side(answer) or answer
        yield _ALMOST.split(answer)[-1]
    yield from _worked_out(answer, wanted, found)
    plain = phrases.without_text(answer.strip("$ "))
    lettered = _LETTERED.match(plain)
    if lettered:
        yield plain[lettered.end() :]
    if wanted.node.op == "list":
        parts = [part for part in _APART.split(plain) if part]
        if all(_value(part) is not None for part in parts):
            listed = ", ".join(reading(part).normal.text for part in parts)
            named = {tuple(_NAMES.findall(part)) for part in parts}
            # `10 cows and 9 hens` says which is which: their order counts, as that of a tuple does.
            yield f"({listed})" if len(named) == len(parts) > 1 else listed
    unread = found.node is None or trees.contains(found.node, frozenset({"word"}))
    if unread or (found.normal.unit is None and _PROSE.search(plain)):  # `5 miles per hour` has been read whole
        distilled = phrases.distil(answer)
        if distilled and distilled != answer:
            yield distilled


def _worked_out(answer: str, wanted: Reading, found: Reading) -> Iterator[str]:
    """The value of an answer that says as well how it came about, or what it is in other units."""
    twice = _TWICE.fullmatch(found.normal.text)
    if twice and _value(twice.group(1)) == _value(twice.group(2)):
        yield twice.group(1)
    yield from _quantities(found)
    if found.node is None and (right := _WORKED_OUT.fullmatch(answer)) is not None:
        yield right.group(1)
    if (solved := _solved(answer, wanted, found)) is not None:
        yield solved


def _solved(answer: str, wanted: Reading, found: Reading) -> str | None:
    """`x = 7` of `5x = 35, x = 7`: an equation in one unknown, and what that is."""
    node, gold = found.node, wanted.node
    if node is None or gold is None or node.op != "list" or gold.op in trees.COLLECTIONS:
        return None
    last = trees.assignment(node.args[-1])
    steps = [step for step in node.args[:-1] if trees.is_equation(step) and trees.assignment(step) is None]
    same = last is not None and all(trees.names(step) == trees.names(last.name) for step in steps)
    return answer.rpartition(",")[2] if same and len(steps) == len(node.args) - 1 else None


def _quantities(found: Reading) -> Iterator[str]:
    """Each side of one quantity in two units: `1.5 hours (90 minutes)`, `60 minutes = 1 hour`."""
    said = phrases.without_text(found.raw.strip("$ "))
    twice = _IN_OTHER_UNITS.fullmatch(said)
    sides = [reading(side, letter_units=True) for side in twice.groups()] if twice else []
    if twice and None not in (sizes := {_size(side) for side in sides}) and len(sizes) == 1:
        yield from twice.groups()


def _size(side: Reading) -> tuple[str, Fraction] | None:
    """The dimension and the size of a quantity in a known unit."""
    number = None if side.node is None or side.normal.unit is None else exact.value(side.node)
    unit = side.normal.unit
    return None if number is None or unit is None else (unit.dimension, number * unit.factor)


def _value(text: str) -> Fraction | None:
    node = reading(text).node
    try:
        return None if node is None else exact.value(node)
    except ArithmeticError:
        return None


def _exact_side(text: str) -> str:
    r"""`\frac{1}{3}` of `\frac{1}{3} \approx 0.33`. `""` if nothing is rounded, or only a name stands there."""
    almost = _ALMOST.search(text)
    side = text[: almost.start()].rstrip("( ").strip(" $") if almost else ""
    return side if len(side) > 1 or side.isdigit() else ""


# Times of the day ---------------------------------------------------------------------------------------------

_TIME = later(r"([01]?\d|2[0-4]):([0-5]\d)(?::00)?")
_NOON = 12


def _as_time(wanted: Reading, found: Reading) -> Equality | None:
    """Two times as a clock shows them: `3:15 p.m.` is 15:15, and `6:30` is not 2:10 though the ratios are equal."""
    both = [_TIME.fullmatch(each.normal.text) for each in (wanted, found)]
    if both[0] is None or both[1] is None:
        return None
    halves = [each.normal.unit.dimension[-1] if each.normal.unit else "" for each in (wanted, found)]
    hours = [int(time[1]) for time in both if time]
    hours = [hour % _NOON + _NOON * (half == "p") if half else hour for hour, half in zip(hours, halves, strict=True)]
    sure = [bool(half) or not 0 < int(time[1]) <= _NOON for half, time in zip(halves, both, strict=True) if time]
    same = hours[0] == hours[1] or (
        not all(sure) and max(map(int, (both[0][1], both[1][1]))) <= _NOON and (hours[0] - hours[1]) % _NOON == 0
    )
    shown = [time.group() for time in both if time]
    equal = same and both[0][2] == both[1][2]
    return Equality(equal, "text", f"the time {shown[1]}" if equal else f"{shown[1]} is not {shown[0]}")


# Text ---------------------------------------------------------------------------------------------------------


def _as_text(wanted: Reading, found: Reading) -> Equality | None:
    """Answers that are the same text, and gold answers that are words or the letter of a choice."""
    text, text_gold = (_TIGHT.sub("", each.normal.text) for each in (found, wanted))
    if text == text_gold and wanted.normal.unit == found.normal.unit:
        return yes("text", "the same text")
    letter = _CHOICE.fullmatch(wanted.normal.text)
    chosen = _CHOSEN.fullmatch(found.normal.words) if letter else None
    if letter and chosen:
        same = chosen.group(1).upper() == letter.group(1)
        return Equality(same, "text", f"the choice {chosen.group(1).upper()}, wanted {letter.group(1)}")
    if not _is_words(wanted):
        return None
    said, said_gold = _squeezed(found), _squeezed(wanted)
    if said == said_gold != "":
        return yes("text", "the same words")
    if len(said_gold) <= _LONGEST_PRODUCT and wanted.node is not None and not wanted.normal.text.isupper():
        return None
    shown = found.normal.words[:_CLIPPED]
    return no("text", f"{shown!r} is not {wanted.normal.words[:_CLIPPED]!r}")


def _is_words(reading_: Reading) -> bool:
    """True for a gold answer in words: letters alone, and no constant, function or number."""
    if words.value(reading_.normal.words) is not None:
        return False
    node = reading_.node
    known = node is not None and node.op in ("const", "call", "set", "sym")
    commands = "\\" in re.sub(r"\\text\{[^{}]*\}", "", reading_.normal.text)
    return bool(_WORDS.fullmatch(reading_.normal.words)) and not commands and not known


def _squeezed(reading_: Reading) -> str:
    """The words without spaces, points and a leading article. `""` if the text is no plain words."""
    if re.search(r"[-+*/^=<>|_\\\[\]]", re.sub(r"\\text\b|(?<=[A-Za-z])-(?=[A-Za-z])", "", reading_.normal.text)):
        return ""
    return re.sub(r"^(?:an?|the) |[^a-z0-9' ]", "", reading_.normal.words).replace(" ", "")


# Trees and texts ----------------------------------------------------------------------------------------------


def _as_trees(wanted: Reading, found: Reading, comparison: Comparison) -> Equality:
    gold, answer = wanted.node, found.node
    if gold is None or answer is None:
        return no("open", found.problem or wanted.problem)
    one, other = wanted.normal.unit, found.normal.unit
    if one and other and one.dimension == other.dimension and one.factor != other.factor:
        gold, answer = (Node("mul", (n, Node("num", value=u.factor))) for n, u in ((gold, one), (answer, other)))
    verdict = comparison.equal(gold, answer)
    if verdict.equal:
        return verdict
    return _with_other_commas(gold, found) or _with_commas_apart(wanted, found, comparison) or verdict


def _with_other_commas(gold: Node, found: Reading) -> Equality | None:
    """`3,5` for 3.5 and `12,34,567` for 1234567, if one number is wanted and no list."""
    text = found.normal.text
    if not trees.is_literal(gold):
        return None
    for pattern, comma in ((r"-?(?:\d+,\d{1,2}|0,\d+)", "."), (r"-?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?", "")):
        if re.fullmatch(pattern, text) and exact.value(gold) == exact.value(read(text.replace(",", comma))):
            return yes("exact", "the same number, with other commas")
    return None


def _with_commas_apart(wanted: Reading, found: Reading, comparison: Comparison) -> Equality | None:
    """`100,200,300` is one number and may be three, `1,000` is one: a list on the other side decides."""
    sides = [wanted, found]
    lists = [side.node is not None and side.node.op == "list" for side in sides]
    if lists[0] == lists[1]:
        return None
    index = lists.index(False)
    text = sides[index].normal.text
    if not re.search(r"\d,\d{3}", text) or re.search(r",0\d", text):
        return None
    nodes = [side.node for side in sides]
    nodes[index] = read(text, thousands=False)
    verdict = comparison.equal(*(node for node in nodes if node is not None))
    return verdict if verdict.equal else None


def _by_library(wanted: Reading, found: Reading, verdict: Equality, engine: Engine) -> Equality:
    result = engine.library(wanted.normal.text, found.normal.text)
    if result is None:
        return no("unparsed" if found.node is None else "structure", verdict.why)
    return Equality(result, "library", f"math-verify finds them {'equal' if result else 'different'}, both ways")
