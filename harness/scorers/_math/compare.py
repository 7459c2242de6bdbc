"""Decides whether an answer is the gold answer: text, exact numbers, structure, then identity at points.

Structure is compared here (lists, sets, tuples, intervals, relations, matrices, bases, units), element by
element; only the equality of two expressions that are not rational numbers is left to an `Engine`, which lives in
a worker process. Without an engine, `compare` raises `NeedsEngine` as soon as it would need one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from harness.scorers._math import exact, extract
from harness.scorers._math.normalise import Normal, normalise
from harness.scorers._math.syntax import Node, Unevaluated, Unreadable, read

ROUNDED_DIGITS = 6
"""A decimal answer of at least this many significant digits stands for the exact number that it rounds."""


class NeedsEngine(Exception):  # noqa: N818 - a signal, not an error
    """The two cannot be compared without symbolic work."""


class Engine(Protocol):
    """Symbolic work, done in a worker process."""

    def same(self, left: Node, right: Node) -> bool | None: ...
    def proportional(self, left: Node, right: Node, *, positive: bool) -> bool | None: ...
    def approximate(self, node: Node) -> float | None: ...
    def rounds_to(self, exact: Node, decimal: Node, digits: int) -> bool: ...
    def library(self, gold: str, answer: str) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the answer is right, how that was found, and why."""

    equal: bool
    method: str
    """text, exact, rounded, structure, identity, library, or unparsed."""
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, normalised and read."""

    normal: Normal
    node: Node | None
    """`None` where it cannot be read."""
    problem: str
    """Why it cannot be read; `""` where it can."""
    unevaluated: bool = False


@lru_cache(maxsize=4096)
def reading(raw: str) -> Reading:
    """Normalise and read an answer. Never raises."""
    try:
        normal = normalise(raw)
    except Unreadable as problem:
        return Reading(Normal(""), None, str(problem))
    if not normal.text:
        return Reading(normal, None, "nothing is left of it but its dress")
    text = _SAID_IN_WORDS.get(normal.words) or _number_words(normal.words) or normal.text
    try:
        return Reading(normal, read(text), "")
    except Unevaluated as problem:
        return Reading(normal, None, str(problem), unevaluated=True)
    except (Unreadable, ZeroDivisionError) as problem:
        return Reading(normal, None, str(problem))


_SAID_IN_WORDS = {
    **dict.fromkeys(
        ("no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set"),
        r"\emptyset",
    ),
    **dict.fromkeys(("all real numbers", "all reals", "all real x", "any real number"), r"\mathbb{R}"),
    **dict.fromkeys(("infinity", "infinite", "positive infinity"), r"\infty"),
    "negative infinity": r"-\infty",
}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def _number_words(words: str) -> str | None:
    """`six` as 6, `forty-two` as 42: whole numbers under a hundred."""
    tens, _, ones = words.replace("-", " ").partition(" ")
    if not ones and tens in _ONES:
        return str(_ONES.index(tens))
    if tens in _TENS and (not ones or ones in _ONES[1:10]):
        return str(10 * (_TENS.index(tens) + 2) + (_ONES.index(ones) if ones else 0))
    return None


# The order of the questions -----------------------------------------------------------------------------------


def compare(gold: str, answer: str, engine: Engine | None = None) -> Verdict:
    """Is the answer the gold answer?

    Args:
        gold: the gold answer, without its derivation.
        answer: the extracted answer.
        engine: symbolic work; without it `NeedsEngine` may be raised.

    Raises:
        NeedsEngine: see above.
    """
    wanted, found = reading(gold), reading(answer)
    if not found.normal.text:
        return Verdict(equal=False, method="unparsed", why=found.problem)
    text = _as_text(wanted, found)
    if text is not None:
        return text
    if wanted.node is not None and (found.node is None or _wordy(found.node)):
        distilled = extract.distil(answer)
        if distilled is not None and distilled != answer:
            found = reading(distilled)
    try:
        verdict = _Comparison(engine).readings(wanted, found)
    except (exact.TooLarge, RecursionError) as problem:
        return Verdict(equal=False, method="unparsed", why=f"it holds {problem}, which is not computed")
    except ZeroDivisionError:
        return Verdict(equal=False, method="exact", why="it divides by zero")
    if verdict.equal or not verdict.why.startswith(_OPEN) or (wanted.node is not None and found.node is None):
        return verdict  # an answer that is less readable than the gold answer is not worked out for the model
    if engine is None:
        raise NeedsEngine
    return _by_library(wanted, found, verdict, engine)


_OPEN = "cannot be compared"


def _by_library(wanted: Reading, found: Reading, verdict: Verdict, engine: Engine) -> Verdict:
    result = engine.library(wanted.normal.text, found.normal.text)
    if result is None:
        problem = found.problem or wanted.problem or verdict.why
        return Verdict(equal=False, method="unparsed" if found.node is None else "structure", why=problem)
    why = "math-verify finds them equal both ways" if result else "math-verify finds them different"
    return Verdict(result, "library", why)


def _wordy(node: Node) -> bool:
    return node.op == "word" or any(map(_wordy, node.args))


# Text ---------------------------------------------------------------------------------------------------------

_CHOICE = re.compile(r"(?:\\text\{)?\s*\(?([A-Za-z])\)?\s*\}?")
_CHOSEN = re.compile(r"(?:(?:option|choice|answer)\s*:?\s*)?\(?([a-z])(?:[).:](?:\s.*)?|\s*$)", re.DOTALL)
_WORDS = re.compile(r"[a-z]{2,}(?:['-][a-z]{2,})*(?: [a-z]+(?:['-][a-z]+)*)*")
_TIGHT = re.compile(r"\s+(?![A-Za-z0-9.])|(?<![A-Za-z0-9.])\s+")


def _as_text(wanted: Reading, found: Reading) -> Verdict | None:
    """Answers that are the same text, and gold answers that are words or a letter of a choice."""
    if _units_clash(wanted, found):
        return None
    tight, tight_gold = _TIGHT.sub("", found.normal.text), _TIGHT.sub("", wanted.normal.text)
    if tight == tight_gold and wanted.normal.unit == found.normal.unit:
        return Verdict(equal=True, method="text", why="the same text")
    letter = _CHOICE.fullmatch(wanted.normal.text)
    if letter and letter.group(1).isupper():
        chosen = _CHOSEN.fullmatch(found.normal.words)
        if chosen:
            equal = chosen.group(1).upper() == letter.group(1)
            return Verdict(equal, "text", f"the choice {chosen.group(1).upper()}, wanted {letter.group(1)}")
    if not _is_words(wanted):
        return None
    squeezed, squeezed_gold = (re.sub(r"[^a-z0-9]", "", text.normal.words) for text in (found, wanted))
    if squeezed == squeezed_gold:
        return Verdict(equal=True, method="text", why="the same words")
    if len(squeezed_gold) <= 3 and wanted.node is not None and not wanted.normal.text.isupper():  # noqa: PLR2004
        return None  # may be a product of variables
    return Verdict(equal=False, method="text", why=f"{_clip(found.normal.words)!r} is not {wanted.normal.words!r}")


def _is_words(reading_: Reading) -> bool:
    """True for a gold answer in words: letters alone, and not a constant or a function."""
    words = reading_.normal.words
    if words in _SAID_IN_WORDS or _number_words(words) is not None:
        return False
    without_text = re.sub(r"\\text\{[^{}]*\}", "x", reading_.normal.text)
    node = reading_.node
    known = node is not None and node.op in ("const", "call", "set", "sym")
    return bool(_WORDS.fullmatch(words)) and "\\" not in without_text and not known


def _units_clash(wanted: Reading, found: Reading) -> bool:
    one, other = wanted.normal.unit, found.normal.unit
    return one is not None and other is not None and one != other


def _clip(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def show(node: Node) -> str:
    """A value for an explanation, short."""
    try:
        number = exact.value(node)
    except ArithmeticError:
        number = None
    if number is not None and max(number.numerator.bit_length(), number.denominator.bit_length()) < 200:  # noqa: PLR2004
        return str(number)
    return str(node.value) if node.op in ("sym", "const", "word") else f"a {_KINDS.get(node.op, 'value')}"


_KINDS = {"list": "list", "set": "set", "group": "tuple", "rel": "relation", "chain": "relation", "matrix": "matrix"}


# Trees --------------------------------------------------------------------------------------------------------

_RELATIONAL = frozenset({"rel", "chain"})
_REGIONS = frozenset({"union", "intersection", "minus"})
_SIGNS = {"percent": "percent", "degree": "degree"}
_COLLECTIONS = frozenset({"list", "set", "group"})
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value`, the name being a symbol, a function of symbols, or a tuple of symbols."""

    name: Node
    value: Node


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval on the real line; a bound of `None` is infinite."""

    low: Node | None
    high: Node | None
    closed_low: bool
    closed_high: bool


def _yes(method: str, why: str) -> Verdict:
    return Verdict(equal=True, method=method, why=why)


def _no(method: str, why: str) -> Verdict:
    return Verdict(equal=False, method=method, why=why)


class _Comparison:
    """One comparison, with or without an engine."""

    def __init__(self, engine: Engine | None) -> None:
        self.engine = engine

    def readings(self, wanted: Reading, found: Reading) -> Verdict:
        gold, answer = wanted.node, found.node
        if gold is None or answer is None:
            return _no("unparsed", f"{_OPEN}: {found.problem or wanted.problem}")
        one, other = wanted.normal.unit, found.normal.unit
        if one and other and one != other:
            if one[0] != other[0]:
                return _no("structure", f"a {other[0]}, wanted a {one[0]}")
            gold, answer = (Node("mul", (n, Node("num", value=u[1]))) for n, u in ((gold, one), (answer, other)))
        verdict = self.equal(gold, answer)
        if not verdict.equal:
            verdict = self.decimal_comma(gold, found) or self.as_lists(gold, answer, wanted, found) or verdict
        return verdict

    def decimal_comma(self, gold: Node, found: Reading) -> Verdict | None:
        """`3,5` for 3.5, where one decimal number is wanted and no list."""
        if gold.op not in ("num", "neg") or not re.fullmatch(r"-?\d+,\d{1,2}", found.normal.text):
            return None
        point = read(found.normal.text.replace(",", "."))
        return _yes("exact", "the same number, with a decimal comma") if exact.value(gold) == exact.value(point) else None

    def as_lists(self, gold: Node, answer: Node, wanted: Reading, found: Reading) -> Verdict | None:
        """`100,200,300` is one number and may be three: the list on the other side decides."""
        if (gold.op == "list") == (answer.op == "list"):
            return None
        side = found if gold.op == "list" else wanted
        if not re.search(r"\d,\d{3}", side.normal.text):
            return None
        other = read(re.sub(r",(?=\d)", ", ", side.normal.text))
        verdict = self.equal(gold, other) if gold.op == "list" else self.equal(other, answer)
        return verdict if verdict.equal else None

    def equal(self, gold: Node, answer: Node) -> Verdict:
        """The whole question, for any two trees."""
        if gold == answer and gold.op != "word":
            return _yes("structure", "the same expression")
        if gold.op == "word" or answer.op == "word":
            same = str(gold.value).lower() == str(answer.value).lower() and gold.op == answer.op
            return Verdict(same, "text", "the same word" if same else f"{show(answer)} is not {show(gold)}")
        if gold.op in _RELATIONAL or answer.op in _RELATIONAL:
            return self.relations(gold, answer)
        if gold.op in _REGIONS or answer.op in _REGIONS or _is_reals(gold) or _is_reals(answer):
            return self.regions(gold, answer)
        if gold.op in _COLLECTIONS or answer.op in _COLLECTIONS or _branches(gold) or _branches(answer):
            return self.collections(gold, answer)
        if gold.op == "matrix" or answer.op == "matrix":
            return self.matrices(gold, answer)
        if _unsigned(gold)[1].op == "base" or _unsigned(answer)[1].op == "base":
            return self.bases(gold, answer)
        return self.scalars(gold, answer)

    # -- values ---------------------------------------------------------------------------------------------

    def scalars(self, gold: Node, answer: Node) -> Verdict:
        """Two values. A percent or degree sign on one side alone may be left out, or be meant on the other."""
        if gold.op == answer.op and gold.op in _SIGNS:
            return self.same(gold.args[0], answer.args[0])
        if gold.op in _SIGNS or answer.op in _SIGNS:
            plain = self.same(_without_sign(gold), _without_sign(answer))
            if plain.equal:
                return _yes(plain.method, f"the same number; the {_SIGNS[_sign(gold, answer)]} sign is on one side")
            other = answer if gold.op in _SIGNS else gold
            if _sign(gold, answer) == "degree" and exact.value(other) is not None:
                return plain  # a rational number of radians is no angle that anybody asks for
        return self.same(gold, answer)

    def same(self, gold: Node, answer: Node) -> Verdict:
        if _is_infinite(gold) or _is_infinite(answer):
            equal = _sign_of_infinity(gold) == _sign_of_infinity(answer)
            return Verdict(equal, "structure", "both infinite" if equal else f"{show(answer)} is not {show(gold)}")
        one, other = exact.value(gold), exact.value(answer)
        if one is not None and other is not None:
            if one == other:
                return _yes("exact", f"both are {show(gold)}")
            if _rounds(one, other, answer):
                return _yes("rounded", f"{show(gold)} to {_decimal_digits(answer)} digits")
            return _no("exact", f"{show(answer)} is not {show(gold)}")
        if self.engine is None:
            raise NeedsEngine
        if self.engine.same(gold, answer):
            return _yes("identity", "equal at every point tried, to 40 digits")
        digits = _decimal_digits(answer)
        if digits >= ROUNDED_DIGITS and one is None and self.engine.rounds_to(gold, answer, digits):
            return _yes("rounded", f"the exact value to {digits} digits")
        return _no("identity", "they differ in value")

    def bases(self, gold: Node, answer: Node) -> Verdict:
        """Numerals are compared as they are written; a missing base is taken from the other side."""
        gold_sign, gold = _unsigned(gold)
        sign, answer = _unsigned(answer)
        digits = [str(n.value) if n.op == "base" else _numeral(n) for n in (gold, answer)]
        under = [n.args[0].value for n in (gold, answer) if n.op == "base"]
        letters = [base for base in under if not str(base).isdigit()]
        equal = gold_sign == sign and digits[0] == digits[1] and (len(set(under)) == 1 or len(letters) == 1)
        return Verdict(equal, "structure", "the same numeral" if equal else "another numeral or another base")

    def matrices(self, gold: Node, answer: Node) -> Verdict:
        rows = [[r.args for r in n.args] if n.op == "matrix" else None for n in (gold, answer)]
        if rows[0] is None or rows[1] is None:
            return _no("structure", f"{show(answer)} is not {show(gold)}")
        if [len(r) for r in rows[0]] != [len(r) for r in rows[1]]:
            return _no("structure", "matrices of different shapes")
        return self.in_order([x for r in rows[0] for x in r], [x for r in rows[1] for x in r], "matrix")

    # -- collections ----------------------------------------------------------------------------------------

    def collections(self, gold: Node, answer: Node) -> Verdict:
        """Lists and sets in any order; tuples and intervals in theirs, with their brackets."""
        if gold.op == "group" or answer.op == "group":
            verdict = self.groups(gold, answer)
            if verdict is not None:
                return verdict
        wanted, found = _items(gold), _items(answer)
        if not wanted or not found:
            return Verdict(not wanted and not found, "structure", "the empty set" if not found else "not the empty set")
        if len(wanted) != len(found):
            return _no("structure", f"{_count(found)}, wanted {_count(wanted)}")
        if len(wanted) == 1:
            if any(item.op == "set" for item in (*wanted, *found)):
                return _no("structure", "sets of sets")
            return self.equal(wanted[0], found[0])
        return self.any_order(wanted, found)

    def groups(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op == answer.op == "group":
            if gold.value != answer.value:
                return _no("structure", f"brackets {answer.value}, wanted {gold.value}")
            return self.in_order(gold.args, answer.args, "tuple")
        group, other = (gold, answer) if gold.op == "group" else (answer, gold)
        if other.op == "matrix" and group.value == "()" and 1 in (len(other.args), len(other.args[0].args)):
            flat = tuple(x for row in other.args for x in row.args)
            return self.in_order(*((group.args, flat) if gold.op == "group" else (flat, group.args)), "vector")
        if other.op == "list" and group.value in ("()", "[]"):
            if any(item.op == "group" for item in other.args):
                return _no("structure", "a list of tuples and a tuple")
            wanted, found = (_items(gold), _items(answer))
            return self.in_order(wanted, found, "tuple")
        if other.op == "set":
            return _no("structure", "a tuple and a set")
        return _no("structure", f"{show(answer)} is not {show(gold)}")

    def in_order(self, wanted: Sequence[Node], found: Sequence[Node], kind: str) -> Verdict:
        if len(wanted) != len(found):
            return _no("structure", f"{_count(found)}, wanted {_count(wanted)}")
        methods = set()
        for index, (one, other) in enumerate(zip(wanted, found, strict=True), 1):
            verdict = self.equal(one, other)
            if not verdict.equal:
                return _no(verdict.method, f"entry {index} of the {kind}: {verdict.why}")
            methods.add(verdict.method)
        return _yes(_strongest(methods), f"the same {kind}")

    def any_order(self, wanted: Sequence[Node], found: Sequence[Node]) -> Verdict:
        """A matching of the two; labels (`x = 1`) count where both sides have them."""
        wanted, found = _labels_agree(wanted, found)
        left = list(found)
        methods = set()
        for one in wanted:
            for index, other in enumerate(left):
                verdict = self.equal(one, other)
                if verdict.equal:
                    methods.add(verdict.method)
                    del left[index]
                    break
            else:
                return _no("structure", f"{show(one)} is missing among {_count(found)}")
        return _yes(_strongest(methods), f"the same {len(wanted)} elements")

    # -- relations ------------------------------------------------------------------------------------------

    def relations(self, gold: Node, answer: Node) -> Verdict:
        one, other = _assignment(gold), _assignment(answer)
        if one and other:
            verdict = self.assignments(one, other)
            return verdict if verdict.equal else self.equations(gold, answer, verdict)
        if one and answer.op not in _RELATIONAL:
            return self.equal(one.value, answer)
        if other and gold.op not in _RELATIONAL:
            return self.equal(gold, other.value)
        if gold.op in _RELATIONAL and answer.op in _RELATIONAL:
            if gold.value == answer.value == "=" or (_is_equation(gold) and _is_equation(answer)):
                return self.equations(gold, answer, _no("structure", "another equation"))
            return self.regions(gold, answer)
        if _is_equation(gold) or _is_equation(answer):
            return self.last_value(gold, answer)
        return self.regions(gold, answer)

    def assignments(self, gold: Assignment, answer: Assignment) -> Verdict:
        same_name = gold.name == answer.name
        function = "call" in (gold.name.op, answer.name.op)
        if not same_name and not function and not (_symbolic(gold.value) and _symbolic(answer.value)):
            return _no("structure", f"{show(answer.name)} is given, wanted {show(gold.name)}")
        renamed = answer.value
        if same_name is False and function and gold.name.value == answer.name.value:
            for one, other in zip(gold.name.args, answer.name.args, strict=False):
                if one.op == other.op == "sym":
                    renamed = _renamed(renamed, str(other.value), str(one.value))
        return self.equal(gold.value, renamed)

    def equations(self, gold: Node, answer: Node, otherwise: Verdict) -> Verdict:
        """Two equations are one where their differences are proportional."""
        if gold.op != "rel" or answer.op != "rel" or not (_symbolic(gold) and _symbolic(answer)):
            return otherwise
        if any(arg.op in _COLLECTIONS | _REGIONS for arg in (*gold.args, *answer.args)):
            return otherwise
        if self.engine is None:
            raise NeedsEngine
        dependent = _names(gold) & _names(answer)
        for one, other in ((gold, answer), (_unapplied(gold, dependent), _unapplied(answer, dependent))):
            if self.engine.proportional(_difference(one), _difference(other), positive=False):
                return _yes("identity", "the same equation")
        return otherwise

    def last_value(self, gold: Node, answer: Node) -> Verdict:
        """`2 - 2 + 4 = 4` for 4: an equation whose last side is the value."""
        equation = answer if answer.op in _RELATIONAL else gold
        pairs = equation.args if equation.op == "chain" else (equation,)
        last = pairs[-1].args[1]
        plain = all(_is_literal(arg) for arg in pairs[0].args)
        if len(pairs) == 1 and (plain or (exact.value(last) == 0 and _symbolic(pairs[0].args[0]))):
            if not plain or exact.value(pairs[0].args[0]) != exact.value(last):
                return _no("structure", "an equation, not a value")
        if equation is gold and _symbolic(equation):
            return _no("structure", "a value, wanted an equation")
        return self.equal(gold, last) if equation is answer else self.equal(last, answer)

    # -- regions --------------------------------------------------------------------------------------------

    def regions(self, gold: Node, answer: Node) -> Verdict:
        """Inequalities, intervals and their unions, as pieces of the real line."""
        names = [_variable(node) for node in (gold, answer)]
        if None not in names and names[0] != names[1]:
            return _no("structure", f"a condition on {names[1]}, wanted one on {names[0]}")
        pieces = [self.pieces(node) for node in (gold, answer)]
        if pieces[0] is None or pieces[1] is None:
            if gold.op == answer.op == "rel" and self.inequalities(gold, answer):
                return _yes("identity", "the same inequality")
            if all(node.op in _RELATIONAL | _REGIONS | _COLLECTIONS for node in (gold, answer)):
                return _no("structure", f"{_OPEN}: a set that is not solved here")
            return _no("structure", f"{show(answer)} is not {show(gold)}")
        wanted, found = self.ordered(pieces[0]), self.ordered(pieces[1])
        if len(wanted) != len(found):
            return _no("structure", "another number of intervals")
        for one, other in zip(wanted, found, strict=True):
            if (one.closed_low, one.closed_high) != (other.closed_low, other.closed_high):
                return _no("structure", "an end is included on one side alone")
            for bound, bound2 in ((one.low, other.low), (one.high, other.high)):
                if (bound is None) != (bound2 is None):
                    return _no("structure", "an end is infinite on one side alone")
                if bound is not None and bound2 is not None and not (verdict := self.equal(bound, bound2)).equal:
                    return _no(verdict.method, f"an end: {verdict.why}")
        return _yes("structure", "the same set of numbers")

    def inequalities(self, gold: Node, answer: Node) -> bool:
        if gold.value not in _FLIPPED or answer.value not in _FLIPPED:
            return False
        gold, answer = (_flip(n) if str(n.value).startswith(">") else n for n in (gold, answer))
        if gold.value != answer.value:
            return False
        if self.engine is None:
            raise NeedsEngine
        positive = gold.value not in ("=", "!=")
        return bool(self.engine.proportional(_difference(gold), _difference(answer), positive=positive))

    def pieces(self, node: Node) -> list[Piece] | None:
        """The intervals a tree describes; `None` where it describes none, or has to be solved."""
        if _is_reals(node):
            return [Piece(None, None, closed_low=False, closed_high=False)]
        if node.op == "group" and len(node.args) == 2:  # noqa: PLR2004
            low, high = node.args
            brackets = str(node.value)
            return [
                Piece(
                    None if _is_infinite(low) else low,
                    None if _is_infinite(high) else high,
                    closed_low=brackets[0] == "[" and not _is_infinite(low),
                    closed_high=brackets[1] == "]" and not _is_infinite(high),
                )
            ]
        if node.op == "set":
            return [Piece(item, item, closed_low=True, closed_high=True) for item in node.args]
        if node.op == "union" or (node.op == "list" and node.value in ("or", ",")):
            parts = [self.pieces(arg) for arg in node.args]
            return None if None in parts else [piece for part in parts if part is not None for piece in part]
        if node.op == "list":
            return self.both(*node.args) if len(node.args) == 2 else None  # noqa: PLR2004
        if node.op == "intersection":
            return self.both(*node.args)
        if node.op == "minus":
            return self.without(*node.args)
        if node.op == "chain":
            return self.both(*node.args) if len(node.args) == 2 else None  # noqa: PLR2004
        return self.half_line(node) if node.op == "rel" else None

    def both(self, one: Node, other: Node) -> list[Piece] | None:
        """The intersection of two half-lines that face each other."""
        left, right = self.pieces(one), self.pieces(other)
        if not left or not right or len(left) != 1 or len(right) != 1:
            return None
        first, second = left[0], right[0]
        if first.low is None:
            first, second = second, first
        if first.low is None or first.high is not None or second.high is None or second.low is not None:
            return None
        if self.order_key(first.low) >= self.order_key(second.high):
            return []
        return [Piece(first.low, second.high, first.closed_low, second.closed_high)]

    def without(self, whole: Node, removed: Node) -> list[Piece] | None:
        """The real line without finitely many points."""
        if not _is_reals(whole) or removed.op != "set":
            return None
        return self.around(list(removed.args))

    def around(self, points: list[Node]) -> list[Piece]:
        points = sorted(points, key=self.order_key)
        bounds: list[Node | None] = [None, *points, None]
        return [
            Piece(low, high, closed_low=False, closed_high=False)
            for low, high in zip(bounds, bounds[1:], strict=False)
        ]

    def half_line(self, node: Node) -> list[Piece] | None:
        left, right = node.args
        if node.value == "in":
            return self.pieces(right)
        if node.value not in _FLIPPED:
            return None
        if left.op != "sym" and right.op == "sym":
            node = _flip(node)
            left, right = node.args
        operator = str(node.value)
        if left.op != "sym" or str(left.value) in _names(right):
            solved = _solve(node)
            if solved is None:
                return None
            operator, right = solved
        if operator == "!=":
            return self.around([right])
        if operator == "=":
            return [Piece(right, right, closed_low=True, closed_high=True)]
        if operator.startswith("<"):
            return [Piece(None, right, closed_low=False, closed_high=operator == "<=")]
        return [Piece(right, None, closed_low=operator == ">=", closed_high=False)]

    def ordered(self, pieces: list[Piece]) -> list[Piece]:
        if len(pieces) < 2:  # noqa: PLR2004
            return pieces
        return sorted(pieces, key=lambda piece: -1e400 if piece.low is None else self.order_key(piece.low))

    def order_key(self, node: Node) -> float:
        number = exact.value(node)
        if number is not None:
            return float(number)
        if self.engine is None:
            raise NeedsEngine
        value = self.engine.approximate(node)
        return 0.0 if value is None else value


# Small questions about trees -----------------------------------------------------------------------------------


def _names(node: Node) -> set[str]:
    named = node.op == "sym" or (node.op == "call" and str(node.value).startswith("@"))
    names = {str(node.value).lstrip("@")} if named else set()
    return names.union(*map(_names, node.args))


def _unapplied(node: Node, names: set[str]) -> Node:
    """`x(t)` as `x`, where `x` stands for the function: in a differential equation both are written."""
    if node.op == "call" and str(node.value)[1:] in names and all(arg.op == "sym" for arg in node.args):
        return Node("sym", value=str(node.value)[1:])
    return replace(node, args=tuple(_unapplied(arg, names) for arg in node.args))


def _symbolic(node: Node) -> bool:
    return bool(_names(node))


def _is_reals(node: Node) -> bool:
    return node.op == "const" and node.value == "R"


def _is_infinite(node: Node) -> bool:
    return (node.op == "const" and node.value == "inf") or (node.op == "neg" and _is_infinite(node.args[0]))


def _sign_of_infinity(node: Node) -> int:
    if not _is_infinite(node):
        return 0
    return -_sign_of_infinity(node.args[0]) if node.op == "neg" else 1


def _without_sign(node: Node) -> Node:
    return node.args[0] if node.op in _SIGNS else node


def _sign(gold: Node, answer: Node) -> str:
    return gold.op if gold.op in _SIGNS else answer.op


def _is_literal(node: Node) -> bool:
    return node.op == "num" or (node.op == "neg" and _is_literal(node.args[0]))


def _unsigned(node: Node) -> tuple[int, Node]:
    return (-1, node.args[0]) if node.op == "neg" else (1, node)


def _numeral(node: Node) -> str:
    value = exact.value(node)
    return str(value) if value is not None else "?"


def _decimal_digits(node: Node) -> int:
    """Significant digits of a decimal literal, its sign and power of ten aside; 0 for anything else."""
    if node.op == "num":
        return node.digits
    if node.op == "neg" or (node.op == "mul" and node.args[1].op == "pow"):
        return _decimal_digits(node.args[0])
    return 0


def _rounds(gold: Fraction, answer: Fraction, node: Node) -> bool:
    """A long decimal for a fraction that has no finite decimal."""
    digits = _decimal_digits(node)
    if digits < ROUNDED_DIGITS or not answer or _is_finite_decimal(gold):
        return False
    size = abs(answer)
    place = Fraction(1)
    while size >= 10:  # noqa: PLR2004
        size, place = size / 10, place * 10
    while size < 1:
        size, place = size * 10, place / 10
    return abs(gold - answer) < place / Fraction(10) ** (digits - 1)


def _is_finite_decimal(number: Fraction) -> bool:
    bottom = number.denominator
    for prime in (2, 5):
        while bottom % prime == 0:
            bottom //= prime
    return bottom == 1


def _branches(node: Node) -> list[Node]:
    """The two values of an expression with ±; nothing where there is none."""
    if not _has_sign_choice(node):
        return []
    return [_choose(node, upper=True), _choose(node, upper=False)]


def _has_sign_choice(node: Node) -> bool:
    return node.op in ("pm", "mp") or any(map(_has_sign_choice, node.args))


def _choose(node: Node, *, upper: bool) -> Node:
    args = tuple(_choose(arg, upper=upper) for arg in node.args)
    if node.op in ("pm", "mp"):
        plus = upper == (node.op == "pm")
        return Node("add", (args[0], args[1] if plus else Node("neg", (args[1],))))
    return replace(node, args=args)


def _items(node: Node) -> tuple[Node, ...]:
    """The elements of a collection, or the thing itself; ± counts as two."""
    parts = node.args if node.op in _COLLECTIONS else (node,)
    items: list[Node] = []
    for part in parts:
        assigned = _assignment(part)
        if assigned and _branches(assigned.value):
            items.extend(Node("rel", (assigned.name, branch), "=") for branch in _branches(assigned.value))
        else:
            items.extend(_branches(part) or [part])
    return tuple(items)


def _labels_agree(wanted: Sequence[Node], found: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
    """Drop `x =` where the other side has no labels, and where only the first of several has one."""
    labelled = [sum(_assignment(item) is not None for item in items) for items in (wanted, found)]
    if labelled[0] == len(wanted) and labelled[1] == len(found):
        return wanted, found
    return [_bare(item) for item in wanted], [_bare(item) for item in found]


def _bare(node: Node) -> Node:
    assigned = _assignment(node)
    return assigned.value if assigned else node


def _assignment(node: Node) -> Assignment | None:
    """`x = 5`, `5 = x`, `f(x) = …`, `(x, y) = (1, 2)`, `x = 2 + 3 = 5`."""
    if not _is_equation(node):
        return None
    first = node.args[0] if node.op == "chain" else node
    last = node.args[-1] if node.op == "chain" else node
    if _is_name(first.args[0]):
        return Assignment(first.args[0], last.args[1])
    if node.op == "rel" and node.args[1].op == "sym" and not _symbolic(node.args[0]):
        return Assignment(node.args[1], node.args[0])
    return None


def _is_equation(node: Node) -> bool:
    if node.op == "chain":
        return all(pair.value == "=" for pair in node.args)
    return node.op == "rel" and node.value == "="


def _is_name(node: Node) -> bool:
    if node.op == "call":
        return str(node.value).startswith("@")
    if node.op == "group":
        return all(arg.op == "sym" for arg in node.args)
    return node.op == "sym"


def _difference(node: Node) -> Node:
    return Node("add", (node.args[0], Node("neg", (node.args[1],))))


def _flip(node: Node) -> Node:
    return Node("rel", (node.args[1], node.args[0]), _FLIPPED[str(node.value)])


def _variable(node: Node) -> str | None:
    """The symbol a relation restricts, where there is exactly one; `None` for sets without a name."""
    if node.op in ("group", "set", "const") or node.op in _REGIONS:
        return None
    if node.op == "rel" and node.value == "in":
        return str(node.args[0].value)
    if node.op == "rel":
        for side in node.args:
            if side.op == "sym":
                return str(side.value)
        names = _names(node)
        return names.pop() if len(names) == 1 else None
    if node.op in ("chain", "list"):
        found = {_variable(arg) for arg in node.args}
        return found.pop() if len(found) == 1 else None
    return None


def _solve(node: Node) -> tuple[str, Node] | None:
    """The operator and the bound of a linear inequality in one symbol with rational coefficients."""
    names = _names(node)
    if len(names) != 1:
        return None
    name = names.pop()
    difference = _difference(node)
    values: dict[Fraction, Fraction] = {}
    for point in map(Fraction, ("0", "1", "2", "7/3", "-5")):
        value = exact.value(_substitute(difference, name, point))
        if value is None:
            return None
        values[point] = value
    constant, slope = values[Fraction(0)], values[Fraction(1)] - values[Fraction(0)]
    if slope == 0 or any(value != constant + slope * point for point, value in values.items()):
        return None
    operator = str(node.value) if slope > 0 else _FLIPPED[str(node.value)]
    return operator, Node("num", value=-constant / slope)


def _substitute(node: Node, name: str, value: Fraction) -> Node:
    if node.op == "sym" and node.value == name:
        return Node("num", value=value)
    return replace(node, args=tuple(_substitute(arg, name, value) for arg in node.args))


def _renamed(node: Node, name: str, new: str) -> Node:
    if node.op == "sym" and node.value == name:
        return Node("sym", value=new)
    return replace(node, args=tuple(_renamed(arg, name, new) for arg in node.args))


def _count(items: Sequence[Node]) -> str:
    return f"{len(items)} element{'s' if len(items) != 1 else ''}"


def _strongest(methods: set[str]) -> str:
    for method in ("library", "identity", "rounded", "exact"):
        if method in methods:
            return method
    return "structure"
