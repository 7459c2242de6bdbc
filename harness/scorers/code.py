"""pass@1: the share of answers whose code passes every test of its problem.

Chen et al. 2021, "Evaluating Large Language Models Trained on Code", https://arxiv.org/abs/2107.03374, with
one sample per document; repeats are averaged where results are. There is no partial credit.

A document has `entry_point`, `tests` (Python that raises on failure) and `prompt` (the signature and
docstring the model saw, or ""); and `completion: true` where the answer goes on where the prompt ended, as
base models do it. `helpers` (Python whose names the tests see in place of the answer's) and `in_process` (run the tests
beside the answer, which can then forge its verdict) are those of `harness.sandbox.Program`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from harness.records import Answer, Score
from harness.sandbox import Program, run
from harness.scorers._wrapping import Cleaned, clean
from harness.scorers.extract_code import assemble, defines, extract
from harness.specs import SandboxSpec

METRIC = "pass@1"


def score(answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Score]:
    """Run the code of every answer against its tests.

    Args:
        answers: each with a document as the module's docstring says.
        sandbox: how model-written code may be run.

    Returns:
        One score each: 1.0 `passed`, or 0.0 with `wrong`, `error`, `timeout`, `memory`, `blocked` or `no_code`.

    Raises:
        SandboxError: code cannot be run here.
    """
    cleaned = [_cleaned(answer) for answer in answers]
    found = [extract(clean.text, answer.doc) for clean, answer in zip(cleaned, answers, strict=True)]
    programs = [
        Program(
            assemble(code, answer.doc),
            answer.doc["tests"],
            answer.doc["entry_point"],
            helpers=answer.doc.get("helpers", ""),
            in_process=answer.doc.get("in_process", False),
        )
        for code, answer in zip(found, answers, strict=True)
        if code is not None
    ]
    verdicts = iter(run(programs, sandbox))
    scores = []
    for code, answer in zip(found, answers, strict=True):
        cut = " (the reply was cut off)" if answer.truncated else ""
        if code is None:
            scores.append(Score(0.0, "no_code", explanation=f"the answer holds no Python code{cut}"))
            continue
        verdict = next(verdicts)
        scores.append(
            Score(
                value=1.0 if verdict.status == "passed" else 0.0,
                status=verdict.status,
                extracted=code.code,
                explanation=f"{verdict.message}{cut}" if verdict.status != "passed" else "all tests passed",
                detail={
                    "rule": code.rule,
                    "cpu_s": verdict.cpu_s,
                    "tier": verdict.tier,
                    "forgeable": verdict.forgeable,
                    "test": verdict.test or None,
                },
            )
        )
    return [
        dataclasses.replace(score, removed=of.removed) if of.removed else score
        for score, of in zip(scores, cleaned, strict=True)
    ]


def _cleaned(answer: Answer) -> Cleaned:
    """The answer without what is wrapped around it. A completion may go on with what looks like another question."""
    turns = None if answer.doc.get("completion") else functools.partial(defines, doc=answer.doc)
    return clean(answer.text, turns, opened=answer.opened)
