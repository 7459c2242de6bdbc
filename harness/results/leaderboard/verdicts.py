"""The calibrated evidence of a model as the leaderboard says it: in a cell, and in full one click away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.provenance import Finding
from harness.provenance.comparison import finding
from harness.provenance.verdicts import brief
from harness.results.leaderboard.words import number

if TYPE_CHECKING:
    from harness.results.leaderboard.board import Board

EXPLORATORY = (
    "Every verdict here is exploratory, because no comparison was fixed before there were answers. You fix one with "
    "`harness provenance register`. Then `harness provenance MODEL --registered FILE` says whether it is confirmatory."
)


LEAST_Q = 0.001
"""Below which a q is said to be."""
OPEN = 12
"""Models up to which what is behind every cell is told."""
RIVALS, MAKERS = "What else would explain it", "Its makers say"


@dataclass(frozen=True)
class InFull:
    """What is said of one model behind its cell, in unescaped text."""

    model: str
    head: str
    """The cell."""
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    """Headings with their sentences."""


def numbers(found: Finding) -> str:
    """The strongest score with its interval, prompts and q. Prompts alone if nothing could be tested."""
    first = found.strongest
    if first is None or found.verdict != "resembles":
        return f"n={found.suspect_prompts}"
    score = number(first.z, {"ci_low": first.z_low, "ci_high": first.z_high, "n": first.prompts}, 2)
    return f"{score} {_q(first.q)}"


def _q(q: float | None) -> str:
    return "no q" if q is None else f"q={q:.3f}" if q >= LEAST_Q else f"q<{LEAST_Q}"


def cell(found: Finding) -> str:
    """One finding: the verdict, its numbers, and what they are worth."""
    behind = "; ".join(part for part in (numbers(found), brief.hint(found), brief.power(found)) if part)
    return f"{brief.verdict(found)}, {behind}"


def in_full(board: Board, model: str) -> InFull | None:
    """Everything behind the cell of a model. None if there is nothing but the cell."""
    from harness.provenance.verdicts import wording  # loads SciPy, which most commands never need

    found = board.findings.get(model, [])
    fact = board.facts.get(model)
    said = f"{fact.statement.rstrip('.')}." if fact and fact.statement else ""
    if not said and not any(one.verdict in finding.TESTED or one.incomparable for one in found):
        return None
    parts: list[tuple[str, tuple[str, ...]]] = []
    for one in found:
        same = (wording.itself(one).strip(),) if wording.itself(one) else ()
        pairs = f", read against {one.null_pairs:,} pairs" if one.null_pairs else ""
        on = f"on {one.corpus}, {one.suspect_prompts} of {one.prompts} prompts{pairs}"
        parts.append((f"Why, {on}", (*same, *brief.because(one), *_nearest(one))))
        parts.append((RIVALS, tuple(brief.others(one))))
    parts.append((MAKERS, (said,) if said else ()))
    return InFull(model, relative(board, model), tuple((head, texts) for head, texts in parts if texts))


def told_in_full(board: Board) -> list[InFull]:
    """What is behind every cell. If there are many models: behind those that name somebody or whose makers speak."""
    if "relative" not in board.show:
        return []
    every = [found for model in board.names if (found := in_full(board, model)) is not None and found.parts]
    if len(every) <= OPEN:
        return every
    return [
        found for found in every if any(head in (RIVALS, MAKERS) for head, _ in found.parts) or _names(board, found)
    ]


def _names(board: Board, found: InFull) -> bool:
    return any(one.verdict == "resembles" for one in board.findings.get(found.model, []))


def _nearest(found: Finding) -> tuple[str, ...]:
    """The candidate with the strongest evidence, if the verdict names none."""
    first = found.strongest
    if first is None or found.verdict == "resembles" or first.q is None:
        return ()
    score = number(first.z, {"ci_low": first.z_low, "ci_high": first.z_high, "n": first.prompts}, 2)
    return (f"The nearest tested is {first.candidate}: {score}, {_q(first.q)}.",)


def relative(board: Board, model: str) -> str:
    """The evidence of the set with most power, and of those that contradict it. `-` if there is none."""
    found = board.findings.get(model, [])
    told = "; but ".join(f"{cell(one)}{board.on(one)}" for one in found) or "-"
    same = [one.same_model.short for one in found if one.same_model and one.same_model.named]
    undated = any(one.released is None for one in found) and model not in board.imported_models
    month = " (add released:)" if undated else ""  # the line of its file that is missing. Pages are narrow
    return (f"{same[0]}; {told}" if same else told) + month
