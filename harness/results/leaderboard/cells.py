"""The tables of a leaderboard as plain cells, which every page format spells in its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.results.leaderboard import verdicts
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.columns import CELLS
from harness.results.leaderboard.words import number, rank

if TYPE_CHECKING:
    import polars as pl

CLAIMS_SHOWN = 3
"""Identities shown per model. All of them are in the table `identity_claims`."""
PLAIN_WIDTH = 100
"""Columns within which a table of scores is kept, if its cells allow, so that the plain text can be read."""
OPEN = 12
"""Rows up to which a table is open. Longer ones are folded, but for the first."""
FIRST = 40
"""Rows of the first table. Models behind them are folded."""


@dataclass(frozen=True)
class Section:
    """One table: a heading, the names of its columns, and its rows of unescaped text."""

    title: str
    """Empty if it has no heading of its own."""
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: str = ""
    """What is shown instead until somebody asks for the table. Empty for one that is open."""


Column = tuple[str, Callable[[Board, str], str]]


def sections(board: Board) -> list[Section]:
    """Every table of the page in its order: the overview, scores by task, then where the answers come from."""
    return [section for section in (*_overview(board), *_scores(board), *provenance(board)) if section.rows]


def _overview(board: Board) -> list[Section]:
    """Performance next to similarity: one score and one relative per model. Models behind the first ones folded."""
    if board.in_question:
        return _question_first(board)
    scores, beside = _score_column(board), _beside(board)
    shown = board.scored or set(board.names)
    first = [model for model in board.names if model in shown]
    rest = [model for model in board.names if model not in shown]
    if len(rest) <= OPEN:
        first, rest = board.names, []
    tables = [
        _table(board, first[:FIRST], [*scores, *beside]),
        _table(board, first[FIRST:], [*scores, *beside], f"{len(first[FIRST:])} more models"),
        _table(board, rest, beside, f"{len(rest)} models without a score on these tasks"),
    ]
    return [table for table in tables if (table.rows and len(table.header) > 1) or table is tables[0]]


def _question_first(board: Board) -> list[Section]:
    """What the models in question score, task by task, best first, and whom they and the others answer like."""
    rows = []
    for column in board.columns:
        here = [model for model in board.in_question if (model, *column) in board.cells]
        among = sum(tuple(of) == column for _, *of in board.cells)
        for model in sorted(here, key=lambda name: -(board.cells[name, *column]["value"] or 0)):
            rows.append([column_name(board, *column), named(board, model), score(board, board.cells[model, *column])])
            rows[-1][0] += f", {among} models"
    read = [model for model in board.names if board.findings.get(model)]
    others = [model for model in read if model not in board.in_question]
    return [
        Section("", ("task", "model", "score [95 %], ranks among all"), rows),
        _table(board, [model for model in board.in_question if model in read], _beside(board)),
        _table(board, others, _beside(board), f"{len(others)} more models whose answers were compared"),
    ]


def _table(board: Board, models: Sequence[str], columns: Sequence[Column], folded: str = "") -> Section:
    header = ["model", *(name for name, _ in columns)]
    rows = [[named(board, model), *(say(board, model) for _, say in columns)] for model in models]
    return Section("", header, rows, folded)


def _score_column(board: Board) -> list[Column]:
    if board.averaged:
        return [(f"mean ({weighing(board)})", mean)]
    if len(board.columns) == 1:
        only = board.columns[0]
        return [(column_name(board, *only), _only_score)]
    return []


def _only_score(board: Board, model: str) -> str:
    return _placed(board, model) + score(board, board.cells.get((model, *board.columns[0])))


def _beside(board: Board) -> list[Column]:
    found: list[Column] = []
    if "relative" in board.show and board.evidence.height:
        on = board.usual_set + (" where no other set is named" if len(board.sets) > 1 else "")
        found.append((f"answers like ({on}; exploratory)", verdicts.relative))
    return found + [CELLS[name] for name in board.show if name in CELLS]


def _scores(board: Board) -> list[Section]:
    """Scores by task, in as many tables as it takes to stay readable. Each has the models with a score."""
    if len(board.columns) == 1 and not board.averaged:
        return []
    groups: list[list[tuple[str, str]]] = []
    for column in board.columns:
        if groups and _width(_of_tasks(board, [*groups[-1], column])) <= PLAIN_WIDTH:
            groups[-1].append(column)
        else:
            groups.append([column])
    tables = [_of_tasks(board, group) for group in groups]
    folded = any(len(table.rows) > OPEN for table in tables)
    return [
        Section(
            "" if place else "Scores by task",
            table.header,
            table.rows,
            f"{', '.join(table.header[1:])}: {len(table.rows)} models" if folded else "",
        )
        for place, table in enumerate(tables)
    ]


def _of_tasks(board: Board, columns: Sequence[tuple[str, str]]) -> Section:
    rows = []
    for model in board.names:
        cells = [score(board, board.cells.get((model, *column))) for column in columns]
        if any(cell != NOT_RUN for cell in cells):
            rows.append([named(board, model), *cells])
    return Section("", ["model", *(column_name(board, *column) for column in columns)], rows)


def _width(table: Section) -> int:
    from rich.cells import cell_len

    return sum(3 + max(map(cell_len, column)) for column in zip(table.header, *table.rows, strict=True)) + 1


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
    return [_closed(table) for table in (*tables, *_probed(board)) if table.rows]


def _closed(table: Section) -> Section:
    models = len({row[0] for row in table.rows})
    folded = f"{models} models" if len(table.rows) > OPEN else ""
    return Section(table.title, table.header, table.rows, folded)


def _probed(board: Board) -> list[Section]:
    """A table of every probe that says something of models: see `harness.provenance.probes`."""
    return [
        Section(heading, ["model", heading], [[named(board, m), of[m]] for m in board.names if m in of])
        for heading, of in board.probed
    ]


_STAMPS = {"unsafe": "unsafe_code", "forgeable": "forgeable"}
"""What a score's cell says of how code ran, by the column that knows."""
NOT_RUN = "-"


def column_name(board: Board, task: str, metric: str) -> str:
    """`gsm8k (accuracy)`, with a word if lower is better."""
    return f"{task} ({metric}{', lower is better' if task in board.lower_is_better else ''})"


def score(board: Board, row: dict[str, Any] | None) -> str:
    """A model's score on a task, its rank, and its marks. `-` if it was not run."""
    if row is None:
        return NOT_RUN
    marks = "".join(f" ({word})" for word, key in _STAMPS.items() if row[key]) + (" †" if board.own_notes(row) else "")
    standing = board.standings[row["task"], row["metric"]].get(row["model"])
    return number(row["value"], row) + (f" {rank(standing)}" if standing else "") + marks


def mean(board: Board, model: str, *, ranked: bool = True) -> str:
    """A model's mean over tasks with its rank if that is wanted, and with the number of tasks if it lacks some."""
    found = board.means.get(model)
    if found is None:
        return NOT_RUN
    estimate = found.estimate
    text = number(estimate.value, {"ci_low": estimate.low, "ci_high": estimate.high, "n": estimate.n})
    standing = board.standings[None].get(model)
    text += f" {rank(standing)}" if standing and ranked else ""
    return _placed(board, model) + (text if found.tasks == found.of else f"{text}, {found.tasks} of {found.of} tasks")


def _placed(board: Board, model: str) -> str:
    """`≈0.61; ` before the score of a model that was not asked what the others were: where it stands in the order."""
    place = board.places.get(model)
    if place is None or model in board.whole:
        return ""
    if place.group:
        return "apart: "
    return f"≈{board.shown_places[model]:.3f}; " if board.whole else "≈ "


def weighing(board: Board) -> str:
    """What the mean is over."""
    weights = [board.weights.get(task, 1.0) for task, _ in board.averaged]
    if len(set(weights)) == 1:
        return f"{len(weights)} tasks, weighing the same"
    return ", ".join(f"{task} x {weight:g}" for (task, _), weight in zip(board.averaged, weights, strict=True))


def named(board: Board, model: str) -> str:
    """A model's name, and what must be known of it."""
    parent = board.control_of.get(model)
    some = model in board.imported_models and not board.all_imported
    imported = " (imported)" if some else ""
    return f"{model}{imported}" if parent is None else f"{model} (control of {parent}){imported}"


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
