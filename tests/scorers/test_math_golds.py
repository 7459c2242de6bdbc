"""Every gold answer of the data sets: itself in every dress, and nothing else by a sign, a letter, a unit or a digit."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.records import Answer
from harness.scorers import math as scorer
from harness.scorers._math import extract
from harness.specs import SandboxSpec

FIELDS = ("gold", "ground_truth", "answer", "Answer", "expected_answer")
COMMAND = re.compile(r"\\(?:text\w*|mbox|mathrm|mathbb|begin|end|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.")
UNITS = re.compile(
    r"(\\(?:text|mathrm|mbox)\s*\{\s*)(?:square |cubic )?(cm|m|km|feet|inches|degrees|miles|hours|minutes)(\b)"
)
SAME_VALUE = {r"\binom{5}{2}"}
"""Their changed digit happens to leave the value: 5 choose 3 is 5 choose 2."""
UNWRITABLE = {"145solution:"}
"""No answer ends on a colon: what follows it would be the answer."""


@pytest.fixture(scope="module")
def golds(shared_data: Path) -> list[str]:
    found: set[str] = set()
    folder = shared_data / "math"
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="utf-8")
        rows = json.loads(text) if path.suffix == ".json" else map(json.loads, filter(None, text.splitlines()))
        for row in rows:
            target = next((row[field] for field in FIELDS if field in row), None)
            assert target is not None, f"{path.name}: a row with none of {FIELDS}"
            found.add(extract.gold(str(target)))
    assert len(found) > 1_000
    return sorted(found - UNWRITABLE)


def accepted(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    scores = scorer.score([Answer({}, gold, text) for gold, text in pairs], SandboxSpec())
    return [pair for pair, score in zip(pairs, scores, strict=True) if score.value == 1.0]


# Dresses ------------------------------------------------------------------------------------------------------


def spaced(gold: str) -> str:
    return re.sub(r"(?<![\\{,\d])([=+<>]|\\leq?\b|\\cup\b)", r" \1 ", gold)


DRESSES: dict[str, Callable[[str], str]] = {
    "boxed": lambda gold: f"So the result is $\\boxed{{{gold}}}$.",
    "dollars": lambda gold: f"The answer is ${gold.strip('$')}$.",
    "dfrac": lambda gold: f"\\boxed{{{gold.replace(chr(92) + 'frac', chr(92) + 'dfrac')}}}",
    "spaces": lambda gold: f"\\boxed{{ {spaced(gold)} }}",
    "restated": lambda gold: f"\\boxed{{{gold}}}\n\nThe final answer is $\\boxed{{{gold}}}$. I hope this helps!",
    "final": lambda gold: f"**Final Answer:** ${gold.strip('$')}$\n\nLet me know if you have questions.",
    "form shown": lambda gold: (
        f"\\boxed{{{gold}}}\n\nI put it into \\boxed{{}}, as in \\boxed{{\\text{{your answer}}}}."
    ),
    "hashes": lambda gold: f"#### {gold}",
    "json": lambda gold: json.dumps({"answer": gold}) + "\nThe answer is in the field.",
    "tag": lambda gold: f"<final_answer>{gold}</final_answer>",
}


@pytest.mark.parametrize("dress", DRESSES)
def test_every_gold_answer_is_itself_in_every_dress(golds: list[str], dress: str):
    pairs = [(gold, DRESSES[dress](gold)) for gold in golds]
    right = set(accepted(pairs))
    assert [pair for pair in pairs if pair not in right] == []


# Changes ------------------------------------------------------------------------------------------------------


def outside_commands(gold: str) -> list[int]:
    taken = {place for match in COMMAND.finditer(gold) for place in range(*match.span())}
    return [place for place in range(len(gold)) if place not in taken]


def other_digit(gold: str) -> str | None:
    places = [place for place in outside_commands(gold) if gold[place] in "0123456789"]
    if not places or gold in SAME_VALUE:
        return None
    last = places[-1]
    return f"{gold[:last]}{(int(gold[last]) + 1) % 10}{gold[last + 1 :]}"


def other_sign(gold: str) -> str | None:
    value = re.fullmatch(
        r"(-?)(\$?\\?[\d.,/]*[1-9][\d.,/]*|\\[dt]?frac\s*\{?\d+\}?\s*\{?\d+\}?|[\d.]*\\(?:sqrt|pi).*)", gold
    )
    return None if value is None else value.group(2) if value.group(1) else f"-{gold}"


def other_letter(gold: str) -> str | None:
    if re.search(r"[A-Za-z]{4}", COMMAND.sub("", gold)):
        return None  # words
    for place in outside_commands(gold):
        if gold[place].isalpha() and gold[place] not in "ei":
            return gold[:place] + next(letter for letter in "wqvhzt" if letter not in gold) + gold[place + 1 :]
    return None


def further_letter(gold: str) -> str | None:
    return f"{gold} a^2" if re.search(r"[1-9]\d*$", gold) and "," not in gold else None


def other_unit(gold: str) -> str | None:
    changed = UNITS.sub(r"\1kg\3", gold)
    return changed if changed != gold else None


def other_power(gold: str) -> str | None:
    return re.sub(
        r"(\\(?:text|mathrm|mbox)\s*\{[^{}]*\}\s*\^\s*\{?)([23])",
        lambda m: m.group(1) + "3223"[int(m.group(2)) - 2],
        gold,
    )


CHANGES = {
    "digit": (other_digit, 1_000),
    "sign": (other_sign, 800),
    "letter": (other_letter, 50),
    "further letter": (further_letter, 400),
    "unit": (other_unit, 2),
    "power of a unit": (other_power, 1),
}
"""Each with the least number of gold answers that it applies to."""


@pytest.mark.parametrize("change", CHANGES)
def test_no_changed_gold_answer_is_taken_for_it(golds: list[str], change: str):
    apply, least = CHANGES[change]
    pairs = [(gold, f"\\boxed{{{new}}}") for gold in golds if (new := apply(gold)) and new != gold]
    assert len(pairs) >= least
    assert accepted(pairs) == []
