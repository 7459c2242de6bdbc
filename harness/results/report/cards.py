"""A card per model: whom it answers like and why, what else would explain it, what is documented, what it took."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.core import visible
from harness.provenance import Finding
from harness.provenance.comparison import finding
from harness.provenance.verdicts import brief, notices, wording
from harness.results.report.gather import Data, number

if TYPE_CHECKING:
    from harness.results.leaderboard import Board


def cards(board: Board, said: Mapping[tuple[str, str], Finding], place: Mapping[str, int]) -> list[Data]:
    """One card per model, in the order of the page's list.

    Args:
        board: the leaderboard.
        said: every finding, by model and prompt set.
        place: index of every model in the page's list.
    """
    mine: dict[str, list[Finding]] = {}
    for (model, _), found in said.items():
        mine.setdefault(model, []).append(found)
    return [_card(board, name, finding.ordered(mine.get(name, ()))) for name in sorted(place, key=place.__getitem__)]


def _card(board: Board, name: str, found: Sequence[Finding]) -> Data:
    fact, used = board.facts.get(name), board.used.get(name)
    lines = {} if fact is None else {"lab": fact.lab, "released": fact.released, "weights": fact.weights}
    return {
        **{key: visible(value) for key, value in lines.items() if value},
        "statement": visible(notices.statement(name, fact.statement if fact else None)),
        "used": None if used is None else {key: number(value) for key, value in dataclasses.asdict(used).items()},
        "sets": [_set(one) for one in found],
        "texts": [visible(f"{heading}: {of[name]}") for heading, of in board.probed if name in of],
    }


def _set(found: Finding) -> Data:
    """What one prompt set says of the model, in the report's own sentences."""
    first = found.strongest
    same = found.same_model if found.same_model and found.same_model.named else None
    return {
        "set": visible(found.corpus),
        "verdict": found.verdict,
        "strength": found.strength,
        "said": visible(brief.verdict(found)),
        "power": visible(brief.worth(found)),
        "same": same and visible(same.short),
        "near": first and visible(first.candidate),
        "numbers": None
        if first is None
        else {"v": number(first.z), "lo": number(first.z_low), "hi": number(first.z_high), "q": number(first.q)},
        "n": found.suspect_prompts if first is None else first.prompts,
        "prompts": found.prompts,
        "pairs": found.null_pairs,
        "because": _shown([wording.itself(found).strip(), *brief.because(found)]),
        "rivals": _shown(brief.others(found)),
        "not": _shown([*LIMITS, *_left(found)]),
        "notes": _shown(found.notes),
    }


LIMITS = (
    "Likeness is evidence, not proof of copying: it does not say why two models are alike, nor who learnt from whom.",
)


def _candidates(count: int) -> str:
    return f"{count} candidate" if count == 1 else f"{count} candidates"


def _left(found: Finding) -> Iterable[str]:
    """What this verdict in particular does not show."""
    if found.verdict == "none":
        yield "None clears nobody: a teacher whose habits many models share would not show."
    if found.untested:
        yield f"Nothing is said of {_candidates(len(found.untested))} that could not be tested."
    if found.rivals:
        verb = "is" if len(found.rivals) == 1 else "are"
        yield f"{_candidates(len(found.rivals))} {verb} set apart: of the same lab or base, or not released earlier."


def _shown(texts: Iterable[str]) -> list[str]:
    return [visible(text) for text in texts if text]
