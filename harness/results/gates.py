"""Gates: the loss on a task that a comparison has to rule out, as in CI before a model is taken.

`gsm8k >= -0.01` passes if the interval of B less A lies above -0.01 as a whole. What cannot be told does not pass:
too few documents are no reason to let a loss through. It is the non-inferiority test at 2.5 %, one-sided. NeMo
Evaluator's `nel compare` (https://docs.nvidia.com/nemo/evaluator/tutorials/compare) blocks a drop that McNemar's test
finds, and calls the rest a warning or inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.core import visible
from harness.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import polars as pl

_GATE = re.compile(r"\s*(?P<task>[^\s<>=]+)\s*>=\s*(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?P<points>%|points)?\s*")
ALL = "all"
"""The task of a gate that holds for every task in common."""
Verdict = Literal["passed", "lost", "undecided"]


@dataclass(frozen=True)
class LossGate:
    """The least that B less A may be on a task."""

    task: str
    limit: float
    """In the task's own unit. If that is a share, -0.01 is a point."""


@dataclass(frozen=True)
class Ruling:
    """What became of a gate on one task."""

    gate: LossGate
    task: str
    verdict: Verdict
    """`passed`: the interval excludes a larger loss. `lost`: it holds nothing but larger ones. `undecided`: neither."""
    difference: float
    """B less A. If less is better, it is A less B."""
    low: float | None
    high: float | None
    n: int
    a_only: int
    b_only: int
    p_value: float | None
    test: str


def parse(text: str) -> LossGate:
    """A gate as it is typed, `TASK >= NUMBER`. The number may be in points, `-1 points`.

    Raises:
        ConfigError: it is none.
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--gate {text!r}: expected TASK >= NUMBER, such as 'gsm8k >= -0.01' (B may lose a point at most), "
            f"or '{ALL} >= -0.02' for every task"
        )
    return LossGate(found["task"], float(found["limit"]) / (100 if found["points"] else 1))


def rule(tasks: pl.DataFrame, gates: Sequence[LossGate]) -> list[Ruling]:
    """Hold gates against a comparison.

    Args:
        tasks: rows as `comparisons.Report.tasks` has them.
        gates: what B may lose at most against A.

    Returns:
        One ruling per gate and task it names, in their order.

    Raises:
        ConfigError: a gate names a task that the two do not share.
    """
    rows = {row["task"]: row for row in tasks.iter_rows(named=True)}
    rulings = []
    for gate in gates:
        if gate.task not in {ALL, *rows}:
            raise ConfigError(f"--gate: {unknown_name('task that both were scored on', gate.task, rows)}")
        rulings += [_ruling(gate, row) for name, row in rows.items() if gate.task in (ALL, name)]
    return rulings


def _ruling(gate: LossGate, row: Mapping[str, Any]) -> Ruling:
    # A is the baseline: what counts is how much B loses against it, in the direction that is better.
    sign = -1 if row["higher_is_better"] else 1
    ends = [None if row[end] is None else sign * row[end] for end in ("ci_low", "ci_high")]
    low, high = (None, None) if None in ends else sorted(end for end in ends if end is not None)
    verdict: Verdict = "undecided"
    if low is not None and high is not None:
        verdict = "passed" if low > gate.limit else "lost" if high < gate.limit else "undecided"
    return Ruling(
        gate,
        row["task"],
        verdict,
        sign * row["difference"] + 0.0,  # no -0
        low,
        high,
        row["n"],
        row["a_better"],
        row["b_better"],
        row["p_value"],
        row["test"],
    )


def text(rulings: Sequence[Ruling]) -> str:
    """Rulings in words, a line each, and what to do of those that cannot be decided."""
    lines = []
    for ruling in rulings:
        between = "no interval" if ruling.low is None else f"between {ruling.low:+.4f} and {ruling.high:+.4f}"
        limit = ruling.gate.limit
        asked = f"a gain of {limit:g}" if limit > 0 else f"that B loses {-limit:g} at most"
        said = {
            "passed": f"{asked} is shown",
            "lost": f"{asked} is ruled out",
            "undecided": f"{asked} is neither shown nor ruled out: more documents or repeats may tell",
        }[ruling.verdict]
        p = "" if ruling.p_value is None else f", p {ruling.p_value:.3g} ({ruling.test})"
        lines.append(
            f"gate {visible(ruling.task)} >= {ruling.gate.limit:g}: {ruling.verdict}. "
            f"B - A is {ruling.difference:+.4f}, "
            f"{between}, n {ruling.n}, flips {ruling.a_only} to A and {ruling.b_only} to B{p}; {said}."
        )
    return "".join(line + "\n" for line in lines)
