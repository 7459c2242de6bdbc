"""The last resort, inside a worker: math-verify, for what `syntax` does not read or `compare` does not solve.

Only its LaTeX grammar (latex2sympy, antlr) reads the text: `math_verify.parse` is not used, because it hands plain
arithmetic to sympy's `parse_expr`, which evaluates it. `verify` is asked both ways, since it is not symmetric.

Guards, each for a misreading seen with math-verify 0.9.0: it folds case (`X` and `x` become one symbol), reads
`2 3` as 5, and computes any power or product it is given.
"""

from __future__ import annotations

import logging
import re

from latex2sympy2_extended.latex2sympy2 import latex2sympy
from math_verify import verify

from harness.scorers._patterns import later

logging.getLogger("math_verify").setLevel(logging.CRITICAL)

MAX_CHARS = 400
_TOO_MUCH = later(r"\d{7,}|\^[^\s+\-=,]{0,40}\^|\^\s*\{?\s*-?\d{4,}|\d{4,}\s*!|!\s*!|\d\s+\d")
_WORD = later(r"(?<![\\A-Za-z])[A-Za-z]{3,}")


def equal(gold: str, answer: str) -> bool | None:
    """Does math-verify find the two equal, one way or the other?

    Args:
        gold: the normalised gold answer.
        answer: the normalised answer.

    Returns:
        `None` if a guard refuses them, or the grammar reads one of them not at all.
    """
    for text in (gold, answer):
        if len(text) > MAX_CHARS or _TOO_MUCH.search(text) or _WORD.search(text):
            return None
    letters = set(re.findall(r"(?<![\\A-Za-z])[A-Za-z]", gold + " " + answer))
    if any(letter.lower() in letters and letter.upper() in letters for letter in letters):
        return None
    try:
        one, other = (_read(text) for text in (gold, answer))
    except Exception:  # noqa: BLE001 - antlr, latex2sympy and sympy raise anything
        return None
    return bool(
        verify(one, other, timeout_seconds=None, allow_set_relation_comp=True)
        or verify(other, one, timeout_seconds=None, allow_set_relation_comp=True)
    )


def _read(text: str) -> object:
    text = text.replace("\\surd", "\\sqrt").replace("\\text", "\\mathrm")
    return latex2sympy(text, is_real=True, convert_degrees=False, normalization_config=None)
