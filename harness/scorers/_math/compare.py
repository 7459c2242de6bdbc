"""Decides whether an answer is the gold answer: as text, then as trees, then by math-verify."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from harness.scorers._math import exact, phrases, trees
from harness.scorers._math.normalise import Normal, normalise
from harness.scorers._math.structure import Comparison, Engine
from harness.scorers._math.syntax import Node, read
from harness.scorers._math.tokens import UnreadableError
from harness.scorers._math.verdict import Verdict, no, yes

_SAID_IN_WORDS = {
    **dict.fromkeys(
        (
            "no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set",
            "none",
        ),
        r"\emptyset",
    ),
    **dict.fromkeys(("all real numbers", "all reals", "all real x", "any real number"), r"\mathbb{R}"),
    **dict.fromkeys(("infinity", "infinite", "positive infinity"), r"\infty"),
    "negative infinity": r"-\infty",
}  # fmt: skip
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_CHOICE = re.compile(r"(?:\\text\{)?\s*\(?([A-Z])\)?\s*\}?")
_CHOSEN = re.compile(r"(?:(?:option|choice|answer)\s*:?\s*)?\(?([a-z])(?:[).:](?:\s.*)?|\s*$)", re.DOTALL)
_WORDS = re.compile(r"[a-z]{2,}(?:['-][a-z]{2,})*(?: [a-z]+(?:['-][a-z]+)*)*")
_TWICE = re.compile(r"([a-z -]+?) ?\((\d+)\)|(\d+) ?\(([a-z -]+)\)")
_TIGHT = re.compile(r"\s+(?![A-Za-z0-9.])|(?<![A-Za-z0-9.])\s+")
_LONGEST_PRODUCT = 3
"""Letters side by side, up to so many, may be a product of variables and not a word."""
_CLIPPED = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, normalised and read."""

    normal: Normal
    node: Node | None
    """`None` where it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""


@lru_cache(maxsize=4096)
def reading(raw: str) -> Reading:
    """Normalise and read an answer. Never raises."""
    try:
        normal = normalise(raw)
    except UnreadableError as problem:
        return Reading(Normal(""), None, str(problem))
    if not normal.text:
        return Reading(normal, None, "there is nothing but punctuation")
    text = _SAID_IN_WORDS.get(normal.words) or _number_in_words(normal.words) or normal.text
    try:
        return Reading(normal, read(text))
    except UnreadableError as problem:
        return Reading(normal, None, str(problem))


def _number_in_words(words: str) -> str | None:
    """`six` as 6, `forty-two` as 42, `six (6)` and `6 (six)` as 6: whole numbers under a hundred."""
    twice = _TWICE.fullmatch(words)
    if twice:
        number = _number_in_words(twice.group(1) or twice.group(4))
        return number if number is not None and number in (twice.group(2), twice.group(3)) else None
    tens, _, ones = words.replace("-", " ").partition(" ")
    if not ones and tens in _ONES:
        return str(_ONES.index(tens))
    if tens in _TENS and (not ones or ones in _ONES[1:10]):
        return str(10 * (_TENS.index(tens) + 2) + (_ONES.index(ones) if ones else 0))
    return None


def compare(gold: str, answer: str, engine: Engine | None = None) -> Verdict:
    """Is the answer the gold answer?

    Args:
        gold: the gold answer, without its derivation.
        answer: the extracted answer.
        engine: symbolic work.

    Returns:
        The verdict. Its method is `unparsed` where the answer cannot be read, or holds a number too large to compute.

    Raises:
        NeedsEngineError: symbolic work is needed, and there is no engine.
    """
    wanted, found = reading(gold), reading(answer)
    if not found.normal.text:
        return no("unparsed", found.problem)
    verdict = _as_text(wanted, found)
    if verdict is not None:
        return verdict
    if wanted.node is not None and (found.node is None or trees.contains(found.node, frozenset({"word"}))):
        distilled = phrases.distil(answer)
        found = reading(distilled) if distilled and distilled != answer else found
    if wanted.node is not None and found.node is None:
        # An answer that is less readable than the gold answer is not worked out for the model.
        return no("unparsed", found.problem)
    comparison = Comparison(engine)
    try:
        verdict = _as_trees(wanted, found, comparison)
    except (exact.TooLargeError, RecursionError) as problem:
        return no("unparsed", f"not computed: {problem}")
    except ZeroDivisionError:
        return no("exact", "it divides by zero")
    return verdict if verdict.method != "open" else _by_library(wanted, found, verdict, comparison.engine)


# Text ---------------------------------------------------------------------------------------------------------


def _as_text(wanted: Reading, found: Reading) -> Verdict | None:
    """Answers that are the same text, and gold answers that are words or the letter of a choice."""
    text, text_gold = (_TIGHT.sub("", each.normal.text) for each in (found, wanted))
    if text == text_gold and wanted.normal.unit == found.normal.unit:
        return yes("text", "the same text")
    letter = _CHOICE.fullmatch(wanted.normal.text)
    chosen = _CHOSEN.fullmatch(found.normal.words) if letter else None
    if letter and chosen:
        same = chosen.group(1).upper() == letter.group(1)
        return Verdict(same, "text", f"the choice {chosen.group(1).upper()}, wanted {letter.group(1)}")
    if not _is_words(wanted):
        return None
    words, words_gold = _squeezed(found), _squeezed(wanted)
    if words == words_gold != "":
        return yes("text", "the same words")
    if len(words_gold) <= _LONGEST_PRODUCT and wanted.node is not None and not wanted.normal.text.isupper():
        return None
    shown = found.normal.words[:_CLIPPED]
    return no("text", f"{shown!r} is not {wanted.normal.words[:_CLIPPED]!r}")


def _is_words(reading_: Reading) -> bool:
    """True for a gold answer in words: letters alone, and no constant, function or number."""
    words = reading_.normal.words
    if words in _SAID_IN_WORDS or _number_in_words(words) is not None:
        return False
    node = reading_.node
    known = node is not None and node.op in ("const", "call", "set", "sym")
    commands = "\\" in re.sub(r"\\text\{[^{}]*\}", "", reading_.normal.text)
    return bool(_WORDS.fullmatch(words)) and not commands and not known


def _squeezed(reading_: Reading) -> str:
    """The words without spaces, points and a leading article; `""` where the text is no plain words."""
    if re.search(r"[-+*/^=<>|_\\\[\]]", re.sub(r"\\text\b|(?<=[A-Za-z])-(?=[A-Za-z])", "", reading_.normal.text)):
        return ""
    return re.sub(r"^(?:an?|the) |[^a-z0-9' ]", "", reading_.normal.words).replace(" ", "")


# Trees and texts ----------------------------------------------------------------------------------------------


def _as_trees(wanted: Reading, found: Reading, comparison: Comparison) -> Verdict:
    gold, answer = wanted.node, found.node
    if gold is None or answer is None:
        return no("open", found.problem or wanted.problem)
    one, other = wanted.normal.unit, found.normal.unit
    if one and other and one != other:
        if one.dimension != other.dimension:
            return no("structure", f"in a unit of {other.dimension}, wanted one of {one.dimension}")
        gold, answer = (Node("mul", (n, Node("num", value=u.factor))) for n, u in ((gold, one), (answer, other)))
    verdict = comparison.equal(gold, answer)
    if verdict.equal:
        return verdict
    return _with_decimal_comma(gold, found) or _with_commas_apart(wanted, found, comparison) or verdict


def _with_decimal_comma(gold: Node, found: Reading) -> Verdict | None:
    """`3,5` for 3.5, where one number is wanted and no list."""
    text = found.normal.text
    if gold.op not in ("num", "neg") or not re.fullmatch(r"-?\d+,\d{1,2}", text):
        return None
    same = exact.value(gold) == exact.value(read(text.replace(",", ".")))
    return yes("exact", "the same number, with a decimal comma") if same else None


def _with_commas_apart(wanted: Reading, found: Reading, comparison: Comparison) -> Verdict | None:
    """`100,200,300` is one number and may be three: a list on the other side decides."""
    sides = [wanted, found]
    lists = [side.node is not None and side.node.op == "list" for side in sides]
    if lists[0] == lists[1]:
        return None
    index = lists.index(False)
    if not re.search(r"\d,\d{3}", sides[index].normal.text):
        return None
    nodes = [side.node for side in sides]
    nodes[index] = read(sides[index].normal.text, thousands=False)
    verdict = comparison.equal(*(node for node in nodes if node is not None))
    return verdict if verdict.equal else None


def _by_library(wanted: Reading, found: Reading, verdict: Verdict, engine: Engine) -> Verdict:
    result = engine.library(wanted.normal.text, found.normal.text)
    if result is None:
        return no("unparsed" if found.node is None else "structure", verdict.why)
    return Verdict(result, "library", f"math-verify finds them {'equal' if result else 'different'}, both ways")
