"""What answers are that no style can be read from: numbers, code, symbols, the prompt again, one text for all.

When a pool knows too little of a suspect's answers, this says why. Alone it keeps nobody from being compared, but of
such answers an instructed style leaves nothing (`style`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from harness.provenance.answers import languages
from harness.provenance.answers.texts import quoted

MOST = 0.5
"""Share of a model's answers that are of one kind from which on the kind is named."""
READ = 100
"""Answers that are looked at, evenly spread over all."""
_CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|return\b|#include|public |private |static |function\b|const |let |"
    r"var |for ?\(|while ?\(|if ?\(|</?\w+[^>]*>|SELECT\b|INSERT\b|\w+(?:\.\w+)* ?[-+*/]?= ?\S|.*[;{}]\s*$|\}|```)"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


def of(answers: Sequence[str], prompts: Sequence[str | None]) -> str | None:
    """What at least half of a model's answers are, in a few words. `None` if nothing is the matter with them.

    Args:
        answers: of one model.
        prompts: what each is an answer to. `None` if the text is not known.
    """
    pairs = [(text, prompt) for text, prompt in zip(answers, prompts, strict=True) if text.strip()]
    if not pairs:
        return "no answer holds any text"
    step = max(1, len(pairs) // READ)
    some = pairs[::step]
    alike, times = Counter(" ".join(text.split()) for text, _ in some).most_common(1)[0]
    if len(some) > 1 and times >= max(2, MOST * len(some)):
        return f"{times} of {len(some)} answers that were looked at are one text: “{quoted(alike)}”"
    kinds: Counter[str] = Counter()
    for seen, (text, prompt) in enumerate(some, 1):
        if kind := _kind(text, prompt):
            kinds[kind] += 1
        elif seen - kinds.total() > (1 - MOST) * len(some):  # of nearly all models: no kind is half of them any more
            return None
    (name, n), *_ = kinds.most_common(1)
    return f"{n} of {len(some)} answers that were looked at are {name}" if n >= MOST * len(some) else None


def _kind(text: str, prompt: str | None) -> str | None:
    start = text.strip()[:2000]
    runs = (start.split(), _LETTERS.findall(start), _DIGITS.findall(start))
    seen, letters, digits = (sum(map(len, found)) for found in runs)
    if digits >= MOST * seen:
        return "numbers"
    if start[:1] in "{[" and _json(text):
        return "JSON"
    if letters < MOST * seen:
        return "symbols"
    if prompt is not None and _echoes(text, prompt):
        return "the prompt again"
    lines = [line for line in start.splitlines() if line.strip()]
    if sum(_CODE.match(line) is not None for line in lines) >= MOST * len(lines):
        return "code"
    written = languages.language(start)
    return None if written == languages.ENGLISH else f"in another language ({written})"


def _json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _echoes(text: str, prompt: str) -> bool:
    """Whether an answer says little more than words of its prompt."""
    said, asked = _WORD.findall(text.lower()), _WORD.findall(prompt.lower())
    if not said or not asked:
        return False
    shared = sum((Counter(said) & Counter(asked)).values())
    return shared >= 0.8 * len(said)
