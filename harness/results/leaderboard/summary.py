"""The page in a few sentences that somebody may quote: who leads and how surely, and whom models answer like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.provenance import Finding
from harness.provenance.comparison import finding
from harness.provenance.verdicts import brief
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.words import number

NAMED = 3
"""Models that a sentence names."""
CLEAR = ("strong", "moderate")
ORDER = "the best scored, then the newest"
"""Which models a sentence names if there are more than `NAMED`."""


def summary(board: Board) -> list[str]:
    """The sentences, in unescaped text. Each true by itself."""
    return [sentence for sentence in (_best(board), _alike(board), _none(board), _size(board)) if sentence]


def _size(board: Board) -> str:
    answers = sum(used.answers for used in board.used.values())
    models, tasks = len(board.names), len(board.columns)
    told = f"{models} {'model' if models == 1 else 'models'}, {answers:,} answers"
    told += f"; {len(board.scored)} scored on {tasks} {'task' if tasks == 1 else 'tasks'}" if tasks else ""
    return told + ("; every answer was made elsewhere and imported." if board.all_imported else ".")


def _best(board: Board) -> str:
    """Who leads, and from whom that cannot be told apart."""
    if not board.mean:
        return ""
    ranked = [model for model in board.names if model in board.places]
    if len(ranked) < 2:  # noqa: PLR2004
        return ""
    first, columns = ranked[0], board.placed
    of = f"the mean of {len(columns)} tasks" if len(columns) > 1 else columns[0][0]
    standings = board.standings[None if len(columns) > 1 else columns[0]]
    if first not in board.whole:
        asked = board.means[first].tasks if board.averaged and first in board.means else len(columns)
        lacks = f" It was asked {asked} of these tasks." if asked < len(columns) else ""
        return f"By the items that models share, {first} stands first in {of}.{lacks}"
    estimate = board.means[first].estimate if board.averaged else None
    row = board.cells[first, *columns[0]]
    numbers = {"ci_low": estimate.low, "ci_high": estimate.high, "n": estimate.n} if estimate else row
    value = number(estimate.value if estimate else row["value"], numbers)
    mine = standings.get(first)
    tied = [m for m in ranked if m != first and mine and _share(mine.groups, standings, m)]
    told = f"It cannot be told apart from {_some(tied)}" if tied else "The data tell it apart from all others"
    return f"{first} leads in {of} with {value}. {told}."


def _share(groups: Sequence[int], standings: object, model: str) -> bool:
    other = standings.get(model)  # type: ignore[attr-defined]
    return other is not None and not set(groups).isdisjoint(other.groups)


def _first(board: Board) -> dict[str, Finding]:
    return {model: found[0] for model, found in board.findings.items() if found and model in board.names}


def _alike(board: Board) -> str:
    """Who answers like whom."""
    if "relative" not in board.show:
        return ""
    found = _first(board)
    same = sorted((m for m, f in found.items() if f.same_model and f.same_model.named), key=lambda m: _known(board, m))
    alike = [(model, of) for model, of in found.items() if of.verdict == "resembles"]
    named = [(model, of) for model, of in alike if of.strength in CLEAR]  # the weak ones are in the table
    named.sort(key=lambda item: _known(board, item[0]))
    tested = sum(of.verdict in finding.TESTED for of in found.values())
    if not tested:
        return ""
    shown = [f"{model} like {brief.whom(of.named[0])} ({of.strength})" for model, of in named]
    models, verb = "model" if tested == 1 else "models", "answers" if len(named) < 2 else "answer"  # noqa: PLR2004
    told = f"{len(named) or 'None'} of {tested} {models} tested {verb} like another lab's"
    told += f": {_some(shown, '; ')}" if shown else ""
    if weak := len(alike) - len(named):
        told += f". {weak} {'more ' if named else ''}{'does' if weak == 1 else 'do'} so weakly"
    told += _kin(found, same)
    told += f". Named are {ORDER}" if max(len(shown), len(same)) > NAMED else ""
    return f"{told}. Likeness is evidence, not proof of copying."


def _kin(found: Mapping[str, Finding], same: Sequence[str]) -> str:
    """Who may be another model or kin of it, and how often the test says so wrongly. Empty of nobody."""
    if not same:
        return ""
    rates = [of.wrongly for model in same if (of := found[model].same_model) and of.wrongly is not None]
    wrongly = f" (said wrongly of up to {100 * max(rates):.0f} in 100 models)" if rates else ""
    they, may = ("answers", "it") if len(same) == 1 else ("answer", "they")
    kin = f"{they} so much like another model that {may} may be that model or kin of it{wrongly}"
    return f". {len(same)} {kin}: {_some(same)}"


def _known(board: Board, model: str) -> tuple[bool, str, int]:
    """Sorts models that readers are likely to know first: see `ORDER`."""
    fact = board.facts.get(model)
    # Months sort as texts: turned round, the newest is first, and no month is last.
    age = "".join(chr(ord("9") - int(c)) if c.isdigit() else c for c in (fact and fact.released) or "") or "~"
    return model not in board.places, "" if model in board.places else age, board.names.index(model)


def _none(board: Board) -> str:
    """What "none" is worth."""
    found = [of for of in _first(board).values() if of.verdict == "none"]
    if "relative" not in board.show or not found:
        return ""
    known = {brief.power(of) for of in found if of.naming}
    worth = "each cell says what its test is worth" if known else "how many students it would have found is not known"
    worth = f"the test {known.pop()}" if len(known) == 1 and all(of.naming for of in found) else worth
    subject = "One resembles" if len(found) == 1 else f"{len(found)} resemble"
    return f"{subject} none of those tested, which clears nobody: {worth}."


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return between.join(names[:NAMED]) + more
