"""Scores mathematical answers: extract, normalise, compare exactly, and only then symbolically.

Every score says what was extracted, by which rule, by which method it was judged, and why it is what it is.
Plain numbers never leave this process. Symbolic comparisons run in limited worker processes
(`_math/workers.py`). No answer is ever handed to `eval`, `sympify` or `parse_expr`.

Statuses:
    correct: equal to the gold answer (1.0).
    wrong: another value (0.0).
    no_answer: the text states no final answer (0.0).
    truncated: the text was cut off before a final answer (0.0).
    unparsed: there is an answer, but it cannot be read as mathematics, or is too large to be (0.0).
    timeout: the comparison overran its CPU time twice, the second time alone (unscored).
    error: the document has no gold answer, or this scorer failed (unscored).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from importlib import metadata

from harness.records import Answer, Removed, Score
from harness.scorers._math import workers
from harness.scorers._math.compare import compare
from harness.scorers._math.equality import Equality
from harness.scorers._math.extract import Extraction, answered, extract, gold, shaped
from harness.scorers._math.structure import NeedsEngineError
from harness.scorers._patterns import later
from harness.scorers._wrapping import Cleaned, clean
from harness.specs import SandboxSpec

METRIC = "accuracy"
RULES = "math-4"
"""The version of these rules. A change that can change a verdict is a new version."""


def score(answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Score]:  # noqa: ARG001 - the scorers' contract
    """Score answers to mathematical questions.

    Args:
        answers: the answers. `target` is the gold answer, or a solution that marks it (`####`, a box).
        sandbox: unused, because workers have limits of their own.

    Returns:
        One score per answer, in order: `value` 1.0, 0.0 or `None` (unscored).

    Raises:
        HarnessError: the processes for symbolic work do not start.
    """
    scores: list[Score | None] = [None] * len(answers)
    removed: list[tuple[Removed, ...]] = []
    open_questions: list[tuple[int, Extraction, workers.Task]] = []
    for index, answer in enumerate(answers):
        cleaned = clean(answer.text, answered, opened=answer.opened)
        removed.append(cleaned.removed)
        wanted = gold(answer.target)
        found = _found(cleaned, wanted, answer)
        if not found.answer:
            if cleaned.unfinished:
                found = dataclasses.replace(found, note="the reasoning never ends")
            scores[index] = _without_answer(found, truncated=answer.truncated)
            continue
        if not wanted:
            scores[index] = _unscored(found, "error", "the document has no gold answer")
            continue
        try:
            verdict = _plain(wanted, found.answer) or compare(wanted, found.answer)
        except NeedsEngineError:
            open_questions.append((index, found, workers.Task(wanted, found.answer)))
            continue
        except Exception as problem:  # noqa: BLE001 - a fault of ours must not end a run, nor count against a model
            scores[index] = _unscored(found, "error", f"the scorer failed: {problem!r:.200}")
            continue
        scores[index] = _judged(found, verdict)
    outcomes = workers.judge([task for _, _, task in open_questions])
    for (index, found, _), outcome in zip(open_questions, outcomes, strict=True):
        if outcome.equal is None:
            scores[index] = _unscored(found, outcome.method, outcome.why)
        else:
            scores[index] = _judged(found, outcome)
    judged = [item for item in scores if item is not None]
    return [dataclasses.replace(item, removed=off) if off else item for item, off in zip(judged, removed, strict=True)]


def _found(cleaned: Cleaned, wanted: str, answer: Answer) -> Extraction:
    """The final answer of a cleaned reply."""
    found = extract(cleaned.text, truncated=answer.truncated and not cleaned.complete)
    if not wanted or answer.truncated:
        return found
    return Extraction(wanted, "line") if cleaned.text.strip() == wanted else shaped(cleaned.text, wanted, found)


_PLAIN = later(r"([-+]?)\$?(\d{1,3}(?:,\d{3})+|\d{1,300})(\.\d{1,300})?")


def _plain(wanted: str, found: str) -> Equality | None:
    """Two plain decimal numbers, without the rest of the machinery."""
    one, other = _PLAIN.fullmatch(wanted), _PLAIN.fullmatch(found)
    if one is None or other is None:
        return None
    first, second = (Fraction(m.group().replace(",", "").replace("$", "")) for m in (one, other))
    return Equality(first == second, "exact", f"both are {wanted}" if first == second else f"{found} is not {wanted}")


def _unscored(found: Extraction, status: str, why: str) -> Score:
    return Score(None, status, found.answer, why, _detail(found.rule, "none"))


def _without_answer(found: Extraction, *, truncated: bool) -> Score:
    status = "truncated" if truncated else "no_answer"
    return Score(0.0, status, None, found.note, _detail(found.rule, "none"))


def _judged(found: Extraction, verdict: Equality) -> Score:
    status = "correct" if verdict.equal else "unparsed" if verdict.method == "unparsed" else "wrong"
    value = 1.0 if verdict.equal else 0.0
    return Score(value, status, found.answer, verdict.why, _detail(found.rule, verdict.method))


@cache
def _detail(rule: str, method: str) -> dict[str, str]:
    """How a score came about, and with which versions. All scores that are alike share one object."""
    return {"rule": rule, "method": method, "rules": RULES, **_versions()}


@cache
def _versions() -> dict[str, str]:
    names = {
        "antlr": "antlr4-python3-runtime",
        "sympy": "sympy",
        "math_verify": "math-verify",
        "mpmath": "mpmath",
    }
    return {name: _version(package) for name, package in names.items()}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
