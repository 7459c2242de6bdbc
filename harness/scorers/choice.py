"""Accuracy of multiple choice that a model answers in words: the letter that it settles on.

A document has `letters`, the letters of its options in order. The gold answer is one of them. The last statement of a
letter counts, in the published forms: `Answer: C` (simple-evals), `the answer is (C)` (MMLU-Pro), a box, and what
models make of them with markdown. Without one, a reply that is nothing but a letter counts. Nothing is guessed.
MMLU-Pro's own script draws an option at random if it finds none, which is worth a tenth of such replies.

Statuses:
    correct: the gold letter (1.0).
    wrong: another of the letters (0.0).
    no_answer: the reply settles on none (0.0).
    truncated: it was cut off before it settled on one (0.0).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from harness.records import Answer, Removed, Score
from harness.scorers._wrapping import clean
from harness.specs import SandboxSpec

METRIC = "accuracy"
RULES = "choice-1"
"""The version of these rules. A change that can change a verdict is a new version."""
_MARKS = r"[\s*_`$(\[{\"']{0,12}"
"""What stands around a letter. It is bounded, as is all that follows, so that time stays linear in the length."""
_BOX = r"(?:\\(?:boxed|text(?:bf)?|mathrm|mathbf) ?\{[\s(]{0,4}){0,3}"


@cache
def _rules(letters: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The forms that state an answer, strongest first. Each has the letter as its one group."""
    # The words in any case, the letter in capitals: "the answer is a question of taste" names no option.
    letter = rf"([{letters}])(?![\w'’])"
    said = r"(?i:answer|correct (?:option|choice))"
    said += r"(?i:[*_]{0,3} is[:\uff1a]?| ?[*_]{0,3} ?[:\uff1a])(?i: (?:option|choice))?"
    return (
        ("stated", re.compile(rf"{said}{_MARKS}{_BOX}{_MARKS}{letter}")),
        ("box", re.compile(rf"\\boxed ?\{{{_MARKS}{_BOX}{letter}")),
        ("alone", re.compile(rf"(?:\A|\n){_MARKS}{letter}[\s).:*_`\]}}\"']{{0,12}}\Z")),
        ("begun", re.compile(rf"\A{_MARKS}{letter}[).:](?:\s|\Z)")),
    )


def score(answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Score]:  # noqa: ARG001 - the scorers' contract
    """Score answers to questions with lettered options.

    Args:
        answers: the answers. `target` is the gold letter, and `doc["letters"]` has the letters in order.
        sandbox: unused.

    Returns:
        One score per answer, in order: `value` 1.0 or 0.0.
    """
    return [_score(answer) for answer in answers]


def _score(answer: Answer) -> Score:
    cleaned = clean(answer.text, opened=answer.opened)
    letters = str(answer.doc["letters"])
    found = None if cleaned.unfinished else settled(cleaned.text, letters)
    if found is None:
        cut = answer.truncated or cleaned.unfinished
        why = "the reasoning never ends" if cleaned.unfinished else f"the reply settles on none of {letters}"
        return _made(0.0, "truncated" if cut else "no_answer", None, why, "none", cleaned.removed)
    letter, rule = found
    if letter == answer.target:
        return _made(1.0, "correct", letter, f"both are {letter}", rule, cleaned.removed)
    return _made(0.0, "wrong", letter, f"{letter} is not {answer.target}", rule, cleaned.removed)


def _made(value: float, status: str, letter: str | None, why: str, rule: str, removed: tuple[Removed, ...]) -> Score:
    return Score(value, status, letter, why, {"rule": rule, "rules": RULES}, removed=removed)


def settled(text: str, letters: str) -> tuple[str, str] | None:
    """The letter that a reply settles on, and the rule that found it. `None` if it settles on none."""
    for name, pattern in _rules(letters):
        if matches := pattern.findall(text):
            return matches[-1], name
    return None
