"""GSM8K problems with other numbers: each problem that can be turned into a template, and seeded variants of it.

A model that knows a published problem by heart does better on it than on the same problem with other numbers. The
idea is that of GSM-Symbolic (Mirzadeh et al. 2024, https://arxiv.org/abs/2410.05229); its templates are not used. Ours
are read off GSM8K's own worked solutions, whose steps are written `<<48/2=24>>`: where every number in every step can
be traced to one number of the question, to an earlier step or to a stated constant, the question's numbers become
variables and the steps a program that gives the new answer. What cannot be traced without doubt is left out.

Variants keep what makes a problem easy or hard: the size of numbers (GSM-Symbolic's are larger than the originals',
which explains part of its drops: Długosz et al. 2026, https://arxiv.org/abs/2605.28700), their roundness and order,
and whole, positive results of every step that had one. The answer is always another one than the original's.

Numbers are drawn from SHA-256 digests, never from `random`: a seed gives the same problems for ever.
"""

from __future__ import annotations

import ast
import hashlib
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from harness.errors import TaskError
from harness.taskdata import documents, splits

SEED = 20250101
VARIANTS = 4
TRIES = 100
"""Draws for one variant before its template is given up."""
SPREAD = 0.4
"""Numbers move by at most this share of themselves, and by two steps where that is more."""
MOST = 10**6

NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?")
_STEP = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_BEFORE = re.compile(
    r"(?:[\w.,/:#-]|\b[Aa]n? \$?|\b[Nn]o\. |"
    r"\b(?:[Gg]rade|[Cc]hapter|[Rr]oom|[Ll]evel|[Ss]tep|[Rr]oute|[Dd]ay) )$"
)
_AFTER = re.compile(
    r"[/:%°\w-]|[.,]\d| ?percent|'s|"
    r"(?: more| other| extra| full| straight| consecutive| whole| business| school)?"
    r"[ -](?:second|minute|hour|day|night|morning|week|month|year|decade|o'clock"
    r"|a\.?m\b|p\.?m\b|degree|th\b|out of\b|/)",
    re.IGNORECASE,
)
"""What makes a number part of a date, a time, a share, a name: it stays as it is."""
_MEANINGS = {
    1: "one once",
    2: "two twice double doubles doubled couple pair pairs both half halves twins",
    3: "three thrice trio triplets triple tripled triples third thirds",
    4: "four fourth fourths quarter quarters quadruple",
    5: "five fifth fifths",
    6: "six sixth",
    7: "seven week weekly weeks daily",
    8: "eight eighth",
    9: "nine",
    10: "ten tenth",
    11: "eleven",
    12: "twelve dozen dozens month months year years monthly annual yearly foot feet",
    20: "twenty",
    24: "day days",
    30: "thirty",
    50: "fifty",
    60: "hour hours minute minutes",
    100: "hundred percent cent cents",
    1000: "thousand",
}
"""Words that bring a constant into a solution, by that constant."""
_WORDS = {word: value for value, words in _MEANINGS.items() for word in words.split()}

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class Slot(NamedTuple):
    """A number of the question that may change."""

    start: int
    end: int
    value: int

    @property
    def unit(self) -> int:
        """How round the number is: it moves in steps of this."""
        return next(unit for unit in (100, 50, 10, 5, 1) if self.value % unit == 0 and self.value // unit >= _FEWEST)


_FEWEST = 3
"""A number is at least so many of its units; below it takes the next smaller unit."""


class Template(NamedTuple):
    """A question with slots, and the steps that lead from them to the answer."""

    question: str
    slots: tuple[Slot, ...]
    steps: tuple[ast.expr, ...]
    """Names `v0`, `v1`, … are slots, `s0`, `s1`, … earlier steps."""

    def results(self, values: Sequence[int]) -> list[Fraction]:
        """The result of every step; the last is the answer.

        Raises:
            ZeroDivisionError: a step divides by nothing.
        """
        known = {f"v{i}": Fraction(value) for i, value in enumerate(values)}
        for i, step in enumerate(self.steps):
            known[f"s{i}"] = _evaluate(step, known)
        return [known[f"s{i}"] for i in range(len(self.steps))]

    def text(self, values: Sequence[int]) -> str:
        """The question with these numbers."""
        parts, end = [], 0
        for slot, value in zip(self.slots, values, strict=True):
            comma = "," in self.question[slot.start : slot.end]
            parts += [self.question[end : slot.start], f"{value:,}" if comma else str(value)]
            end = slot.end
        return "".join([*parts, self.question[end:]])


def _evaluate(node: ast.expr, known: Mapping[str, Fraction]) -> Fraction:
    match node:
        case ast.Constant(value=str(digits)):
            return Fraction(digits)
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=op, right=right):
            result: Fraction = _OPERATORS[type(op)](_evaluate(left, known), _evaluate(right, known))
            return result
    raise ValueError(ast.dump(node))


def template(question: str, solution: str) -> Template | None:
    """The template of a problem; `None` where a number of its solution cannot be traced without doubt."""
    slots = _slots(question)
    constants = _constants(question, slots)
    by_value = {Fraction(slot.value): f"v{i}" for i, slot in enumerate(slots)}
    steps: list[ast.expr] = []
    results: list[Fraction] = []
    for left, right in _STEP.findall(solution):
        step = _parsed(left, by_value, results, constants)
        stated = _fraction(right)
        if step is None or stated is None:
            return None
        steps.append(step)
        try:
            found = Template(question, tuple(slots), tuple(steps)).results([slot.value for slot in slots])[-1]
        except ZeroDivisionError:
            return None
        if found != stated:
            return None
        results.append(found)
    answer = _fraction(solution.rpartition("####")[2])
    if not results or answer is None or results[-1] != answer or answer.denominator != 1:
        return None
    used = {node.id for step in steps for node in ast.walk(step) if isinstance(node, ast.Name)}
    if not all(f"v{i}" in used for i in range(len(slots))) or not all(f"s{i}" in used for i in range(len(steps) - 1)):
        # A number or a step that plays no part: the solution may have done something in its head.
        return None
    return Template(question, tuple(slots), tuple(steps)) if slots else None


def _slots(question: str) -> list[Slot]:
    spans = [(match.start(), match.end(), match.group()) for match in NUMBER.finditer(question)]
    texts = [text.replace(",", "") for _, _, text in spans]
    words = {_WORDS[word] for word in re.findall(r"[a-z]+", question.lower()) if word in _WORDS}
    slots = []
    for (start, end, _), text in zip(spans, texts, strict=True):
        plain = text.isdigit() and texts.count(text) == 1
        if not plain or _BEFORE.search(question[:start]) or _AFTER.match(question[end:]):
            continue
        value = int(text)
        if value < _FEWEST or value in words or 1900 <= value <= 2100:  # noqa: PLR2004 - years
            continue
        slots.append(Slot(start, end, value))
    return slots


def _constants(question: str, slots: Sequence[Slot]) -> set[Fraction]:
    """Numbers that a step may use though they are no slot: other numbers of the question, shares, units."""
    kept = [match.group().replace(",", "") for match in NUMBER.finditer(question)]
    moving = {str(slot.value) for slot in slots}
    fixed = {Fraction(text) for text in kept if text not in moving}
    words = {Fraction(_WORDS[word]) for word in re.findall(r"[a-z]+", question.lower()) if word in _WORDS}
    shares = {Fraction(text) / 100 for text in re.findall(r"(\d+(?:\.\d+)?) ?(?:%|percent)", question)}
    if shares:
        words.add(Fraction(100))
    shares |= {1 / word for word in words if word.numerator in {2, 3, 4, 5, 8, 10}}
    cents = {Fraction(text) / 100 for text in kept if "cent" in question and text not in moving}
    return fixed | words | shares | {1 - share for share in shares} | {1 + share for share in shares} | cents


def _parsed(
    left: str, slots: Mapping[Fraction, str], results: Sequence[Fraction], constants: set[Fraction]
) -> ast.expr | None:
    """One step as a tree of names and constants."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", left.replace("$", "").replace("x", "*"))
    if not re.fullmatch(r"[\d+\-*/(). ]+", text):
        return None
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None
    return _named(tree, text.strip(), slots, results, constants)


def _named(
    node: ast.expr, text: str, slots: Mapping[Fraction, str], results: Sequence[Fraction], constants: set[Fraction]
) -> ast.expr | None:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right=right):
            a = _named(left, text, slots, results, constants)
            b = _named(right, text, slots, results, constants)
            return ast.BinOp(a, op, b) if a and b else None
        case ast.Constant():
            value = _fraction(ast.get_source_segment(text, node) or "")
            if value is None:
                return None
            earlier = [f"s{i}" for i, result in enumerate(results) if result == value]
            meanings = [*earlier, *([slots[value]] if value in slots else []), *([""] if value in constants else [])]
            if len(meanings) != 1:
                return None
            return ast.Name(meanings[0]) if meanings[0] else ast.Constant(str(value))
    return None


def _fraction(text: str) -> Fraction | None:
    cleaned = text.strip().replace(",", "").replace("$", "").rstrip(".")
    return Fraction(cleaned) if re.fullmatch(r"\d*\.?\d+", cleaned) else None


def _draws(key: str) -> Iterator[int]:
    """An endless stream of integers below 2^256."""
    count = 0
    while True:
        yield int.from_bytes(hashlib.sha256(f"{key}/{count}".encode()).digest(), "big")
        count += 1


def variants(found: Template, key: str, count: int = VARIANTS) -> list[list[int]] | None:
    """Numbers for so many different variants; `None` where they cannot be found.

    Args:
        found: the template.
        key: names the draw; another key gives other numbers.
        count: how many.
    """
    original = [slot.value for slot in found.slots]
    first = found.results(original)
    draws = _draws(key)
    chosen: list[list[int]] = []
    answers = {first[-1]}
    for _ in range(TRIES * count):
        values = [_moved(slot, next(draws)) for slot in found.slots]
        if values not in chosen and _alike(found, original, first, values, answers):
            chosen.append(values)
            answers.add(found.results(values)[-1])
            if len(chosen) == count:
                return chosen
    return None


def _moved(slot: Slot, draw: int) -> int:
    """Another number of the same size and roundness: as likely above as below."""
    reach = min(max(2, int(slot.value * SPREAD) // slot.unit), slot.value // slot.unit - 2)
    return slot.value + slot.unit * (draw % (2 * reach + 1) - reach)


def _alike(
    found: Template, original: Sequence[int], first: Sequence[Fraction], values: Sequence[int], answers: set[Fraction]
) -> bool:
    """True where the numbers make a problem of the same kind with another answer."""
    if len(set(values)) < len(values) or any(len(str(a)) != len(str(b)) for a, b in zip(values, original, strict=True)):
        return False
    order = sorted(range(len(values)), key=original.__getitem__)
    if any(values[a] >= values[b] for a, b in pairwise(order)):
        return False
    try:
        results = found.results(values)
    except ZeroDivisionError:
        return False
    return results[-1] not in answers and all(
        0 < new <= MOST
        and (new < 1) == (old < 1)
        and 100 % new.denominator == 0
        and (old.denominator > 1 or new.denominator == 1)
        for new, old in zip(results, first, strict=True)
    )


def problems(rows: Sequence[Mapping[str, Any]], seed: int = SEED, count: int = VARIANTS) -> list[dict[str, Any]]:
    """Every problem that has a template, followed by its variants.

    Args:
        rows: GSM8K's `question` and `answer`, the worked solution.
        seed: another seed gives other numbers.
        count: variants per problem.

    Returns:
        Dicts of `question`, `answer` (a whole number as text), `template` (the original's place in GSM8K), `kind`
        (`original` or `perturbed`) and `variant` (0 is the original).
    """
    docs = []
    for place, row in enumerate(rows):
        found = template(row["question"], row["answer"])
        if found is None:
            continue
        original = [slot.value for slot in found.slots]
        chosen = variants(found, f"{seed}/{place}", count)
        for variant, values in enumerate([original, *chosen] if chosen else []):
            docs.append(
                {
                    "question": found.text(values),
                    "answer": str(found.results(values)[-1]),
                    "template": f"gsm8k-{place}",
                    "kind": "perturbed" if variant else "original",
                    "variant": variant,
                }
            )
    return docs


def dataset(data: str | None = None, seed: int = SEED, variants: int = VARIANTS, **_: Any) -> dict[str, Any]:
    """Originals and variants, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `question` and `answer`, as GSM8K publishes them.
        seed: another seed gives other numbers.
        variants: per problem.

    Raises:
        TaskError: no problem of the data has a template.
    """
    rows = documents("openai/gsm8k", subset="main", split="test", columns=("question", "answer"), data=data)
    docs = problems(rows, seed, variants)
    if not docs:
        raise TaskError("no problem could be turned into a template: expected GSM8K with its <<48/2=24>> solutions")
    return splits(docs)
