"""pass@1: the share of answers whose code passes every test of its problem.

Chen et al. 2021, "Evaluating Large Language Models Trained on Code", https://arxiv.org/abs/2107.03374, with
one sample per document. Repeats are averaged together with all other results. There is no partial credit.

A document has `entry_point`, `tests` (Python that raises on failure) and `prompt` (the signature and docstring that the
model saw, or ""). It has `completion: true` if the answer goes on from the end of the prompt, as base models do it.
`helpers` (Python whose names the tests see in place of the answer's) and `in_process` (run the tests beside the answer,
which can then forge its verdict) are those of `harness.sandbox.Program`. `until` has the texts that end a completion.
`extract: official` takes code as the published executors do, and mends nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from harness.records import Answer, Removed, Score
from harness.sandbox import Execution, Program, run
from harness.scorers._wrapping import Cleaned, clean
from harness.scorers.extract_code import Extracted, assemble, defines, extract, official
from harness.specs import SandboxSpec

METRIC = "pass@1"
RUNS_CODE = True
"""It needs the sandbox: said before the first request."""
NO_CODE = "no_code"
OFFICIAL = "official"
"""What a task's `metadata.extract` says if code is to be taken as published executors take it."""


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
    found = [_found(answer, of) for answer, of in zip(answers, cleaned, strict=True)]
    verdicts = _run(found, answers, sandbox)
    published = _published(answers, found, verdicts, sandbox)
    return [
        _score(answer, code, verdict, other, of.removed)
        for answer, code, verdict, other, of in zip(answers, found, verdicts, published, cleaned, strict=True)
    ]


def _found(answer: Answer, of: Cleaned) -> Extracted | None:
    return official(answer.text, answer.doc) if answer.doc.get("extract") == OFFICIAL else extract(of.text, answer.doc)


def _run(found: Sequence[Extracted | None], answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Execution | None]:
    """The verdict of every code. `None` if there is none."""
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
    return [None if code is None else next(verdicts) for code in found]


def _published(
    answers: Sequence[Answer],
    found: Sequence[Extracted | None],
    verdicts: Sequence[Execution | None],
    sandbox: SandboxSpec,
) -> list[str | None]:
    """What became of the code that a published executor takes from an answer. `None` if it is what was run here.

    It is asked for answers that passed alone. If one takes what the other does not, the sample says so.
    """
    others: list[Extracted | None] = []
    for answer, code, verdict in zip(answers, found, verdicts, strict=True):
        other = official(answer.text, answer.doc)
        passed = code is not None and verdict is not None and verdict.status == "passed"
        differs = passed and code is not None and (other is None or other.code.strip() != code.code.strip())
        others.append((other or Extracted("", "official")) if differs else None)
    ran = _run([other if other is not None and other.code else None for other in others], answers, sandbox)
    return [
        None if other is None else verdict.status if verdict is not None else NO_CODE
        for other, verdict in zip(others, ran, strict=True)
    ]


def _score(
    answer: Answer,
    code: Extracted | None,
    verdict: Execution | None,
    published: str | None,
    removed: tuple[Removed, ...],
) -> Score:
    cut = " (the reply was cut off)" if answer.truncated else ""
    if code is None or verdict is None:
        return Score(0.0, NO_CODE, explanation=f"the answer holds no Python code{cut}", removed=removed)
    passed = verdict.status == "passed"
    told = "all tests passed" if passed else f"{verdict.message}{cut}"
    if published not in (None, "passed"):
        told += f"; the published executor takes other code from the answer, which ends as: {published}"
    return Score(
        value=1.0 if passed else 0.0,
        status=verdict.status,
        extracted=code.code,
        explanation=told,
        detail={
            "rule": code.rule,
            "cpu_s": verdict.cpu_s,
            "tier": verdict.tier,
            "forgeable": verdict.forgeable,
            "test": verdict.test or None,
            **({} if published is None else {"official": published}),
        },
        removed=removed,
    )


def _cleaned(answer: Answer) -> Cleaned:
    """The answer without what is wrapped around it. A completion may go on with what looks like another question."""
    turns = None if answer.doc.get("completion") else functools.partial(defines, doc=answer.doc)
    return clean(answer.text, turns, opened=answer.opened)
