"""CRUXEval: whether a predicted input or output of a function is right, which is found out by running it.

Gu et al. 2024, https://arxiv.org/abs/2401.03065. A document has `code` (the function `f`), `input`, `output` and
`mode`. For an output, the reply's literal is compared with the true output. For an input, `f` is run on the reply's
arguments. In both, the reply's text is run as an expression in the sandbox, with neither `f` nor the expected value in
it. The judge compares, on plain data.

Statuses: those of `code`, and `no_answer` if the reply holds no assertion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.records import Answer, Score
from harness.sandbox import Execution, Program, run
from harness.scorers import _python
from harness.scorers._wrapping import clean
from harness.specs import SandboxSpec

METRIC = "pass@1"
RUNS_CODE = True
MODES = ("input", "output")
_ANSWER = re.compile(r"\[ANSWER\](.*?)(?:\[/ANSWER\]|\Z)", re.DOTALL)
_ASSERT = re.compile(r"assert[ \t]+f[ \t]*\(")


def score(answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Score]:
    """Run every prediction.

    Args:
        answers: each with a document as the module's docstring says.
        sandbox: how model-written code may be run.

    Returns:
        One score each: 1.0 `passed`, or 0.0.

    Raises:
        SandboxError: code cannot be run here.
    """
    cleaned = [clean(answer.text, opened=answer.opened) for answer in answers]
    found = [
        None if of.unfinished else predicted(of.text, str(answer.doc["mode"]))
        for answer, of in zip(answers, cleaned, strict=True)
    ]
    programs = [_program(answer, text) for answer, text in zip(answers, found, strict=True) if text is not None]
    verdicts = iter(run(programs, sandbox))
    scores = []
    for answer, text, of in zip(answers, found, cleaned, strict=True):
        if text is None:
            status = "truncated" if answer.truncated or of.unfinished else "no_answer"
            scores.append(Score(0.0, status, explanation="the reply completes no assertion", removed=of.removed))
        else:
            scores.append(_judged(text, next(verdicts), of.removed))
    return scores


def _judged(text: str, verdict: Execution, removed: tuple[object, ...]) -> Score:
    passed = verdict.status == "passed"
    detail = {"cpu_s": verdict.cpu_s, "tier": verdict.tier, "forgeable": verdict.forgeable}
    why = "the assertion holds" if passed else verdict.message
    return Score(1.0 if passed else 0.0, verdict.status, text, why, detail, removed=removed)  # type: ignore[arg-type]


def predicted(text: str, mode: str) -> str | None:
    """The arguments (`input`) or the value (`output`) that a reply predicts, as it wrote them.

    Args:
        text: the reply, without its reasoning.
        mode: `input` or `output`.

    Returns:
        The text between the brackets of `f(...)`, or behind `==`. `None` if there is none.
    """
    if blocks := _ANSWER.findall(text):
        text = blocks[-1]
    text = text.replace("```python", "").replace("```", "").strip()
    if asserts := list(_ASSERT.finditer(text)):
        text = text[asserts[-1].start() :].removeprefix("assert").strip()
    if mode == "output":
        sides = _python.parted(text, "==")
        value = _python.first_statement(sides[1] if len(sides) > 1 else sides[0]).strip()
        return None if not value or "f(" in value or value == "??" else value
    call = re.match(r"f[ \t]*\(", text)
    if call is None:
        whole = _python.first_statement(_python.parted(text, "==")[0]).strip()
        return None if not whole or whole == "??" else whole
    inside = _python.bracketed(text, call.end() - 1)
    return None if inside is None or inside.strip() == "??" else inside.strip()


def _program(answer: Answer, text: str) -> Program:
    """The reply as an expression in a program of its own, and the assertion as its test."""
    doc = answer.doc
    if doc["mode"] == "output":
        return Program(
            f"def predicted():\n    return (\n{text}\n)\n", f"assert predicted() == {doc['output']}\n", "predicted"
        )
    code = f"def taken(*a, **k):\n    return list(a), k\n\ndef predicted():\n    return taken(\n{text}\n)\n"
    tests = f"{doc['code']}\n\nTAKEN, NAMED = predicted()\nassert f(*TAKEN, **NAMED) == {doc['output']}\n"
    return Program(code, tests, "predicted")
