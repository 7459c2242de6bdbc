"""The tables of a leaderboard as plain cells, which every page format spells in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.results.leaderboard.board import Board
from harness.results.leaderboard.words import number, rank

if TYPE_CHECKING:
    import polars as pl

CLAIMS_SHOWN = 3
"""Identities shown per model; all of them are in the table `identity_claims`."""
PLAIN_WIDTH = 100
"""Columns within which a table of scores is kept, where its cells allow, so that the plain text can be read."""


@dataclass(frozen=True)
class Section:
    """One table: a heading, the names of its columns, and its rows of unescaped text."""

    title: str
    """Empty for the table under the page's own heading."""
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def sections(board: Board) -> list[Section]:
    """Every table of the page in its order: the overview, scores by task, then where the answers come from."""
    return [section for section in (_overview(board), *_scores(board), *provenance(board)) if section.rows]


def _overview(board: Board) -> Section:
    """Performance next to similarity: one score and one relative per model."""
    header, columns = ["model"], [[named(board, model) for model in board.names]]
    if board.averaged:
        header.append(f"mean ({weighing(board)})")
        columns.append([mean(board, model) for model in board.names])
    elif len(board.columns) == 1:
        header.append(column_name(board, *board.columns[0]))
        columns.append([score(board, board.cells.get((model, *board.columns[0]))) for model in board.names])
    if "relative" in board.show and board.evidence.height:
        on = f"calibrated, {board.sets[0]}" if len(board.sets) == 1 else "calibrated evidence"
        header.append(f"nearest relative ({on})")
        columns.append([relative(board, model) for model in board.names])
    return Section("", header, list(zip(*columns, strict=True)))


def _scores(board: Board) -> list[Section]:
    """Scores by task, in as many tables as it takes to stay readable."""
    if len(board.columns) == 1 and not board.averaged:
        return []
    names = ["model", *(named(board, model) for model in board.names)]
    groups: list[list[list[str]]] = []
    for column in board.columns:
        cells = [score(board, board.cells.get((model, *column))) for model in board.names]
        cells.insert(0, column_name(board, *column))
        if groups and _width([names, *groups[-1], cells]) <= PLAIN_WIDTH:
            groups[-1].append(cells)
        else:
            groups.append([cells])
    tables = [list(zip(names, *group, strict=True)) for group in groups]
    return [Section("" if place else "Scores by task", rows[0], rows[1:]) for place, rows in enumerate(tables)]


def _width(columns: Sequence[Sequence[str]]) -> int:
    from rich.cells import cell_len

    return sum(3 + max(map(cell_len, column)) for column in columns) + 1


def provenance(board: Board) -> list[Section]:
    """Where the answers come from, beyond the calibrated evidence: words, claims, shared mistakes."""
    near, said, wrong = [], [], []
    for model in board.names:
        name = named(board, model)
        if "words" in board.show and not board.calibrated:
            near += [[name, named(board, other), number(row["value"], row)] for other, row in board.nearest(model)]
        if "errors" in board.show and (shared := board.mistakes(model)):
            wrong.append([name, named(board, shared[0]), shared[1]])
        if "claims" in board.show:
            said += [[name, claim, text] for claim, text in _claims(board, model)]
    tables = (
        Section(
            f"Most similar other model by choice of words, 0 to 1{_uncalibrated(board.similarities)}",
            ["model", "is most similar to", "similarity [95 %] n"],
            near,
        ),
        Section(
            f"Who models say they are{_uncalibrated(board.identity_claims)}",
            ["model", "says it is", "share of answers [95 %] n; others who say so"],
            said,
        ),
        Section(
            "Shared wrong answers, excess over others', not calibrated", ["model", "with", "excess [95 %] n"], wrong
        ),
    )
    return [table for table in (*tables, *_probed(board)) if table.rows]


def _probed(board: Board) -> list[Section]:
    """A table of every probe that says something of models: see `harness.provenance.probes`."""
    return [
        Section(heading, ["model", heading], [[named(board, m), of[m]] for m in board.names if m in of])
        for heading, of in board.probed
    ]


_STAMPS = {"unsafe": "unsafe_code", "forgeable": "forgeable"}
"""What a score's cell says of how code ran, by the column that knows."""


def column_name(board: Board, task: str, metric: str) -> str:
    """`gsm8k (accuracy)`, with a word where lower is better."""
    return f"{task} ({metric}{', lower is better' if task in board.lower_is_better else ''})"


def score(board: Board, row: dict[str, Any] | None) -> str:
    """A model's score on a task, its rank, and its marks; `-` where it was not run."""
    if row is None:
        return "-"
    marks = "".join(f" ({word})" for word, key in _STAMPS.items() if row[key]) + (" †" if board.notes(row) else "")
    standing = board.standings[row["task"], row["metric"]].get(row["model"])
    return number(row["value"], row) + (f" {rank(standing)}" if standing else "") + marks


def mean(board: Board, model: str) -> str:
    """A model's mean over tasks with its rank, or with the number of tasks it has."""
    found = board.means.get(model)
    if found is None:
        return "-"
    estimate = found.estimate
    text = number(estimate.value, {"ci_low": estimate.low, "ci_high": estimate.high, "n": estimate.n})
    standing = board.standings[None].get(model)
    if standing:
        return f"{text} {rank(standing)}"
    return text if found.tasks == found.of else f"{text}, {found.tasks} of {found.of} tasks"


def weighing(board: Board) -> str:
    """What the mean is over."""
    weights = [board.weights.get(task, 1.0) for task, _ in board.averaged]
    if len(set(weights)) == 1:
        return f"{len(weights)} tasks, weighing the same"
    return ", ".join(f"{task} x {weight:g}" for (task, _), weight in zip(board.averaged, weights, strict=True))


def named(board: Board, model: str) -> str:
    """A model's name, and what must be known of it."""
    parent = board.control_of.get(model)
    imported = " (imported)" if model in board.imported_models else ""
    return f"{model}{imported}" if parent is None else f"{model} (control of {parent}){imported}"


def relative(board: Board, model: str) -> str:
    """The calibrated evidence of the set with most power, and of those that contradict it."""
    found = board.relatives(model)
    told = "; but ".join(f"{named(board, other)} {numbers}" if other else numbers for other, numbers in found) or "-"
    same = [one.same_model.other for one in board.findings.get(model, []) if one.same_model and one.same_model.named]
    undated = any(one.released is None for one in board.findings.get(model, []))
    month = " (add released:)" if undated else ""  # the line of its file that is missing; pages are narrow
    return (f"answers like {named(board, same[0])} itself; {told}" if same else told) + month


def _claims(board: Board, model: str) -> list[tuple[str, str]]:
    rows = board.claims(model)
    if len(rows) > 1:
        rows = [row for row in rows if row["claimed"] != "(none)"]
    return [
        ("no known model", number(r["share"], r, 2))
        if r["claimed"] == "(none)"
        else (r["claimed"], f"{number(r['share'], r, 2)}; {_base_rate(r)}")
        for r in rows[:CLAIMS_SHOWN]
    ]


def _base_rate(row: dict[str, Any]) -> str:
    """What models of other families do."""
    if not row["base_n"]:
        return "no base rate"
    return f"{row['base_claiming']} of {row['base_n']} others too, mean {row['base_share']:.2f}"


def _uncalibrated(frame: pl.DataFrame) -> str:
    return "" if frame.height and frame["calibrated"].all() else ", not calibrated"
