"""MultiPL-E: pass@1 of functions in languages other than Python. The tests are part of the program that is run.

Cassano et al. 2022, https://arxiv.org/abs/2208.08227. A document has `language` (MultiPL-E's ending: `rs`, `js`,
`java`, `go`), `prompt` (comment and signature), `tests` and `stop` (the texts that end a completion). The reply goes on
from the end of the prompt. A chat model's reply is taken from its last block of code: what follows the signature in it,
up to the stop texts. As in MultiPL-E, the program passes if it ends with code 0. Code that is made for it can forge
that, so results say *forgeable*.

Statuses: those of `code`, and `no_code` if the reply holds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Answer, Score
from harness.sandbox import languages, tiers
from harness.scorers._wrapping import clean
from harness.specs import SandboxSpec

METRIC = "pass@1"
RUNS_CODE = True
_BLOCK = re.compile(r"```[\w+#.-]*[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def score(answers: Sequence[Answer], sandbox: SandboxSpec) -> list[Score]:
    """Compile and run every answer with its tests.

    Args:
        answers: each with a document as the module's docstring says.
        sandbox: how model-written code may be run.

    Returns:
        One score each: 1.0 `passed`, or 0.0.

    Raises:
        SandboxError: programs of the language cannot be run here. The message says what to install.
    """
    cleaned = [clean(answer.text, opened=answer.opened) for answer in answers]
    bodies = [None if of.unfinished else body(of.text, answer.doc) for answer, of in zip(answers, cleaned, strict=True)]
    sources = [
        languages.Source(str(answer.doc["language"]), f"{answer.doc['prompt']}{text}\n{answer.doc['tests']}\n")
        for answer, text in zip(answers, bodies, strict=True)
        if text is not None
    ]
    verdicts = iter(languages.run(sources, tiers.limits(sandbox), tiers.choose(sandbox), sandbox.packages))
    scores = []
    for text, of in zip(bodies, cleaned, strict=True):
        if text is None:
            scores.append(Score(0.0, "no_code", explanation="the reply goes on with nothing", removed=of.removed))
            continue
        verdict = next(verdicts)
        passed = verdict.status == "passed"
        detail = {"cpu_s": verdict.cpu_s, "tier": verdict.tier, "forgeable": verdict.forgeable}
        told = "all tests passed" if passed else verdict.message
        scores.append(Score(1.0 if passed else 0.0, verdict.status, text, told, detail, removed=of.removed))
    return scores


def check(doc: Mapping[str, Any], sandbox: SandboxSpec) -> None:
    """Say whether programs in a document's language can be run here.

    Raises:
        SandboxError: they cannot. The message says what to install.
    """
    languages.check(str(doc["language"]), tiers.choose(sandbox), sandbox.packages)


def body(text: str, doc: Mapping[str, Any]) -> str | None:
    """What a reply puts behind the prompt, up to the texts that end it. `None` if that is nothing."""
    if blocks := _BLOCK.findall(text):
        text = blocks[-1]
    signature = str(doc["prompt"]).rstrip().rsplit("\n", 1)[-1].strip()
    if signature and signature in text:
        text = text.partition(signature)[2]
    places = [place for stop in doc["stop"] if (place := text.find(stop)) >= 0]
    text = text[: min(places)] if places else text
    return text if text.strip() else None
