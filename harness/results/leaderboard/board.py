"""What a leaderboard knows: the frames of the index, who is ranked, in which order, and what must be said of whom."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.provenance import Finding, shown
from harness.results.leaderboard import placing
from harness.results.leaderboard.extras import EXTRAS, AnswerUsage, Fact, usage
from harness.results.leaderboard.words import answerers, cut_off, number, short, unread
from harness.results.schema import FEW_DOCUMENTS, GAP
from harness.stats import Level, Standing, aggregates

if TYPE_CHECKING:
    import polars as pl

LEAST_WRONG = 20
"""Items that two models must both get wrong before their shared mistakes are shown."""
SPELLED = 3
"""Results up to which each has its own notes, also if they are the same."""
KIND_ORDER = ("math", "code", "knowledge", "instructions", "provenance")
COLUMNS = ("relative", "words", "claims", "errors")
"""What stands beside the scores: nearest relative, most similar words, identity claims, shared errors."""
CHOICES = (*COLUMNS, *EXTRAS)
"""What may stand there."""
_IMPORTED = "imported, not run here"
_NOTED = {"n_unscored": "unscored", "n_failed": "failed", "n_truncated": "truncated", "n_refused": "refused"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """The frames of a leaderboard, as `QUERIES` returns them, and what decides the ranks."""

    scores: pl.DataFrame
    beside: pl.DataFrame
    comparisons: pl.DataFrame
    models: pl.DataFrame
    tasks: pl.DataFrame
    runs: pl.DataFrame
    served: pl.DataFrame
    similarities: pl.DataFrame
    identity_claims: pl.DataFrame
    evidence: pl.DataFrame
    shared_errors: pl.DataFrame
    usage: pl.DataFrame
    unread: pl.DataFrame
    documented: Callable[[], Mapping[str, Fact]] = dict
    """Reads what is documented of models, by name: see `facts`."""
    probed: Sequence[tuple[str, Mapping[str, str]]] = ()
    """What probes with a heading say: the heading, and a text by model."""
    min_coverage: float = aggregates.MIN_COVERAGE
    """Scores with a smaller share of their samples scored are shown with a warning, and not ranked."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of tasks, in the mean over tasks. 1 if none is named."""
    title: str = "Leaderboard"
    """The heading of the page."""
    order: Sequence[str] = ()
    """Patterns of task names: the columns are in their order first, then by kind and name."""
    show: Sequence[str] = COLUMNS
    """What stands beside the scores, of `CHOICES`."""
    mean: bool = True
    """Whether there is a mean over tasks: there is none if models were given different tasks."""
    first: Sequence[str] = ()
    """Patterns of the models in question, which have a table of all their scores to themselves, in this order."""
    notes_first: Sequence[str] = ()
    """What a reader must know of that table: sentences of the file of the leaderboard, shown as text."""

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """What is documented of models, by name. Read when it is asked for, which a terminal never does."""
        return self.documented()

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Task and metric of every column: math, code, then the rest, by name."""
        found = {(row["task"], row["metric"], row["kind"]) for row in self._scores}
        return [
            (task, metric)
            for task, metric, kind in sorted(found, key=lambda c: (self._wanted(c[0]), _kind_rank(c[2]), c[0], c[1]))
        ]

    def _wanted(self, task: str) -> int:
        places = (place for place, pattern in enumerate(self.order) if fnmatchcase(task, pattern))
        return next(places, len(self.order))

    @cached_property
    def lower_is_better(self) -> set[str]:
        """Tasks whose smaller numbers are the better ones."""
        return {row["task"] for row in self.tasks.iter_rows(named=True) if row["higher_is_better"] is False}

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Row]:
        """The headline result of a model, task and metric."""
        return {(row["model"], row["task"], row["metric"]): row for row in self._scores}

    @cached_property
    def control_of(self) -> dict[str, str]:
        """Whose relative a control is, by the control's name."""
        rows = self.models.iter_rows(named=True)
        return {row["model"]: row["control_of"] for row in rows if row["control_of"] is not None}

    @cached_property
    def ranked(self) -> list[Row]:
        """The scores that are ranked: scored well enough, and of no control."""
        return [
            row
            for row in self._scores
            if row["model"] not in self.control_of and aggregates.ranked(row, self.min_coverage)
        ]

    @cached_property
    def averaged(self) -> list[tuple[str, str]]:
        """The columns that the mean is over: shares for which higher is better. None if there is only one."""
        spoilt = {(row["task"], row["metric"]) for row in self.ranked if not 0 <= row["value"] <= 1}
        found = [column for column in self.columns if column[0] not in self.lower_is_better and column not in spoilt]
        return found if self.mean and len(found) > 1 else []

    @cached_property
    def in_question(self) -> list[str]:
        """The models that `first` names, in its order."""
        return [
            name
            for place, pattern in enumerate(self.first)
            for name in self.names
            if fnmatchcase(name, pattern) and not any(fnmatchcase(name, before) for before in self.first[:place])
        ]

    @cached_property
    def means(self) -> dict[str, aggregates.Mean]:
        """The mean over `averaged` of every model that has a ranked score."""
        return aggregates.means(self.averaged, self.ranked, self.weights)

    @cached_property
    def standings(self) -> dict[tuple[str, str] | None, dict[str, Standing]]:
        """The standing of every ranked model by column, and by the mean under `None`."""
        pairs = list(self.comparisons.iter_rows(named=True))
        found: dict[tuple[str, str] | None, dict[str, Standing]] = {
            column: aggregates.task_standings(
                [row for row in self.ranked if (row["task"], row["metric"]) == column],
                [row for row in pairs if (row["task"], row["metric"]) == column],
                higher_is_better=column[0] not in self.lower_is_better,
            )
            for column in self.columns
        }
        found[None] = aggregates.mean_standings(self.averaged, self.means, pairs, self.weights)
        return found

    @cached_property
    def coarse(self) -> list[str]:
        """What one document weighs, of every task that has few of them: `3.3 points of aime24`."""
        told = []
        for column in self.columns:
            rows = [row for (_, *of), row in self.cells.items() if tuple(of) == column and row["n"]]
            n = max((row["n"] for row in rows), default=FEW_DOCUMENTS)
            if n < FEW_DOCUMENTS and all(0 <= row["value"] <= 1 for row in rows):
                told.append(f"{100 / n:.1f} points of {column[0]}")
        return told

    @cached_property
    def names(self) -> list[str]:
        """Every model: those ranked (highest first), those that share no document with them, the others by name."""
        order = {}
        for model in sorted(set(self.models["model"])):
            values = [
                row["value"]
                for (name, task, _), row in self.cells.items()
                if name == model and task not in self.lower_is_better and row["value"] is not None
            ]
            place = self.places.get(model)
            if place is not None:
                order[model] = (0, place.group, -place.value)
            else:
                order[model] = (1, 0, -sum(values) / len(values)) if values else (2, 0, 0.0)
        return sorted(order, key=lambda model: (order[model], model))

    @cached_property
    def whole(self) -> frozenset[str]:
        """Models with every task of the mean, on the documents that most were asked."""
        pairs = list(self.comparisons.iter_rows(named=True))
        return placing.whole(self.placed, self.ranked, pairs, self.min_coverage)

    @cached_property
    def placed(self) -> list[tuple[str, str]]:
        """The columns that decide the order: those of the mean, or the only one. None if lower is better."""
        found = self.averaged or (self.columns if len(self.columns) == 1 else [])
        return [column for column in found if column[0] not in self.lower_is_better]

    @cached_property
    def places(self) -> dict[str, Level]:
        """Where every ranked model stands: see `placing.places`."""
        pairs = list(self.comparisons.iter_rows(named=True))
        return placing.places(self.placed, self.ranked, pairs, self.weights, self.whole)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """What a score of the order can be: 0 to 1 if all of them are shares, else anything.

        Places and intervals of means are sums of differences, and can leave this range.
        """
        columns = self.placed or self.columns
        scores = [row["value"] for row in self.ranked if (row["task"], row["metric"]) in columns]
        return (0.0, 1.0) if all(0 <= value <= 1 for value in scores) else (-math.inf, math.inf)

    @cached_property
    def shown_places(self) -> dict[str, float]:
        """The level of every model of `places`, as it is shown: within the limits. The order goes by the levels."""
        low, high = self.limits
        return {name: min(high, max(low, place.value)) for name, place in self.places.items()}

    @cached_property
    def scored(self) -> set[str]:
        """Models with a score on a task that is shown."""
        return {row["model"] for row in self._scores if row["value"] is not None}

    @cached_property
    def used(self) -> dict[str, AnswerUsage]:
        """What every model's answers took."""
        return usage(self.usage)

    @cached_property
    def incomplete(self) -> set[str]:
        """Runs in which some requests failed."""
        return {row["run_id"] for row in self.runs.iter_rows(named=True) if row["status"] != "complete"}

    @cached_property
    def imported(self) -> set[str]:
        """Runs whose answers were made elsewhere."""
        return {row["run_id"] for row in self.runs.iter_rows(named=True) if row["imported"]}

    @cached_property
    def imported_models(self) -> set[str]:
        """Models of which every answer was made elsewhere."""
        rows = list(self.models.iter_rows(named=True))
        return {row["model"] for row in rows} - {row["model"] for row in rows if row["run_id"] not in self.imported}

    @cached_property
    def all_imported(self) -> bool:
        """Whether every answer on the page was made elsewhere, which is said once."""
        return len(self.imported_models) == len(self.names)

    def nearest(self, model: str) -> list[tuple[str, Row]]:
        """The most similar other model, most similar first with those that show whether the channel works.

        If the most similar is a control, the most similar that is none as well, and for a control, the model it is
        known to be a relative of.
        """
        pairs = sorted(self._pairs.get(model, ()), key=lambda pair: (-pair[1]["value"], pair[0]))
        no_controls = [other for other, _ in pairs if other not in self.control_of]
        wanted = {pairs[0][0] if pairs else None, no_controls[0] if no_controls else None, self.control_of.get(model)}
        return [pair for pair in pairs if pair[0] in wanted]

    @cached_property
    def _pairs(self) -> dict[str, list[tuple[str, Row]]]:
        return _by_model(self.similarities)

    @cached_property
    def _wrong(self) -> dict[str, list[tuple[str, Row]]]:
        return _by_model(self.shared_errors)

    @cached_property
    def calibrated(self) -> bool:
        """Whether any model could be tested against models known to be unrelated."""
        return bool(self.evidence["tested"].sum())

    @cached_property
    def findings(self) -> dict[str, list[Finding]]:
        """What is shown of every model's calibrated evidence: see `provenance.shown`."""
        found: dict[str, list[Finding]] = {}
        for model, told in self.evidence.select("model", "finding").iter_rows():
            found.setdefault(model, []).append(Finding.read(told))
        return {model: shown(of) for model, of in found.items()}

    @cached_property
    def sets(self) -> list[str]:
        """The prompt sets whose evidence is shown."""
        return sorted({found.corpus for of in self.findings.values() for found in of})

    def on(self, found: Finding) -> str:
        """` on NAME`, if it is not the set that most verdicts are of."""
        return "" if found.corpus == self.usual_set else f" on {found.corpus}"

    @cached_property
    def usual_set(self) -> str:
        """The prompt set that most of the first verdicts are of."""
        first = Counter(of[0].corpus for model, of in self.findings.items() if of)
        return min(first, key=lambda name: (-first[name], name), default="")

    def shared_errors_of(self, model: str) -> list[Row]:
        """The pairs of the table `shared_errors` that a model is in, with the other model as `other`."""
        return [{"other": other} | row for other, row in self._wrong.get(model, ())]

    def mistakes(self, model: str) -> tuple[str, str] | None:
        """The other model with the largest same-wrong excess, and the numbers."""
        pairs = [row for row in self.shared_errors_of(model) if row["n_both_wrong"] >= LEAST_WRONG]
        if not pairs:
            return None
        row = max(pairs, key=lambda row: (row["excess"], row["other"]))
        numbers = {"ci_low": row["excess_low"], "ci_high": row["excess_high"], "n": row["n_both_wrong"]}
        return row["other"], f"{number(row['excess'], numbers, 2)} ({row['task']})"

    @cached_property
    def _claims(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.identity_claims.iter_rows(named=True):
            found.setdefault(row["model"], []).append(row)
        return found

    def claims(self, model: str) -> list[Row]:
        """The identities a model claims, most often first, with the row for none of them last."""
        rows = self._claims.get(model, [])
        return sorted(rows, key=lambda row: (row["claimed"] == "(none)", -row["share"], row["claimed"]))

    def notes(self, row: Row) -> list[str]:
        """What a reader must know of one result beside its number."""
        return self._notes[row["model"], row["task"], row["metric"]]

    def notes_beside_name(self, row: Row) -> list[str]:
        """The same without what a mark beside the model's name says: that all of its answers are imported."""
        marked = row["model"] in self.imported_models
        return [note for note in self.notes(row) if not (marked and note == _IMPORTED)]

    def own_notes(self, row: Row) -> list[str]:
        """The same without what holds of every result."""
        return [note for note in self.notes(row) if note not in self.common_notes]

    @cached_property
    def common_notes(self) -> list[str]:
        """What must be known of every result. Nothing if there are few, which say it themselves."""
        every = list(self._notes.values())
        return [note for note in every[0] if all(note in of for of in every)] if len(every) > SPELLED else []

    @cached_property
    def _notes(self) -> dict[tuple[str, str, str], list[str]]:
        return {key: self._noted(row) for key, row in self.cells.items()}

    def _noted(self, row: Row) -> list[str]:
        notes = [f"{row[key]} {word}" for key, word in _NOTED.items() if row[key]]
        if row["coverage"] is not None and row["coverage"] < self.min_coverage:
            notes.append(f"{row['coverage']:.0%} of the samples scored: not ranked")
        for own in self._beside.get((row["model"], row["task"]), ()):
            if own["metric"] == "drop":
                notes.append(f"drop against the original problems {number(own['value'], own)}")
            elif abs(own["gap"] or 0) > GAP:
                notes.append(f"lm-eval's {own['metric']} ({own['filter']}) is {own['value']:.3f}")
        if told := self._unread.get((row["model"], row["task"], row["metric"])):
            notes.append(told)
        if row["run_id"] in self.incomplete:
            notes.append("run incomplete")
        if row["run_id"] in self.imported:
            notes.append(_IMPORTED)
        if row["unsafe_code"]:
            notes.append("model code ran without the sandbox")
        if row["forgeable"]:
            notes.append("tests ran in the code's own process: forgeable")
        return notes + self.mixed(row["model"], row["task"])

    @cached_property
    def _beside(self) -> dict[tuple[str, str], list[Row]]:
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.beside.iter_rows(named=True):
            found.setdefault((row["model"], row["task"]), []).append(row)
        return found

    def mixed(self, model: str, task: str) -> list[str]:
        """What a reader must know if a server said that several models answered under one name."""
        names = self._served.get(model, {})
        everybody = {name for of_task in names.values() for name in of_task}
        mine = names.get(task, [])
        if len(everybody) < 2 or not mine:  # noqa: PLR2004
            return []
        return [answerers(everybody) + (f" (here {short(mine[0])} alone)" if len(mine) == 1 else "")]

    @cached_property
    def _served(self) -> dict[str, dict[str, list[str]]]:
        """The models that servers said answered, by model and task."""
        found: dict[str, dict[str, list[str]]] = {}
        for row in self.served.iter_rows(named=True):
            found.setdefault(row["model"], {}).setdefault(row["task"], []).append(row["served_model"])
        return found

    @cached_property
    def mixed_unscored(self) -> list[tuple[str, str, str]]:
        """Model, task and what must be said of tasks that have no score to mark."""
        scored = {(model, task) for model, task, _ in self.cells}
        return [
            (model, task, note)
            for model in self.names
            for task in sorted(self._served.get(model, ()))
            if (model, task) not in scored
            for note in self.mixed(model, task)
        ]

    @cached_property
    def _unread(self) -> dict[tuple[str, str, str], str]:
        """What is said of the results most of whose answers could not be read."""
        rows = self.unread.iter_rows(named=True)
        return {
            (row["model"], row["task"], row["metric"]): "; ".join(told)
            for row in rows
            if (told := [text for text in (unread(row), cut_off(row)) if text])
        }

    @cached_property
    def _scores(self) -> list[Row]:
        return list(self.scores.iter_rows(named=True))

    def only(self, kept: set[tuple[str, str]]) -> Board:
        """The same board with these models and tasks alone. Relatives that have no row keep their names.

        Args:
            kept: pairs of model and task.
        """
        import polars as pl

        models = sorted({model for model, _ in kept})
        pairs = pl.DataFrame(sorted(kept), schema={"model": pl.String, "task": pl.String}, orient="row")
        chosen = {
            name: getattr(self, name).join(pairs, on=["model", "task"], how="semi", maintain_order="left")
            for name in ("scores", "beside", "models", "served", "unread", "usage")
        }
        of_task = {
            name: getattr(self, name).filter(pl.col("task").is_in(pairs["task"].unique().implode()))
            for name in ("tasks", "comparisons", "shared_errors")
        }
        both = pl.col("model_a").is_in(models) & pl.col("model_b").is_in(models)
        of_task["comparisons"] = of_task["comparisons"].filter(both)
        runs = chosen["models"]["run_id"].unique().implode()
        of_task["tasks"] = of_task["tasks"].filter(pl.col("run_id").is_in(runs))
        return replace(self, **chosen, **of_task, runs=self.runs.filter(pl.col("run_id").is_in(runs)))


def _by_model(pairs: pl.DataFrame) -> dict[str, list[tuple[str, Row]]]:
    """Rows about two models, by each of them, with the other's name."""
    found: dict[str, list[tuple[str, Row]]] = {}
    for row in pairs.iter_rows(named=True):
        found.setdefault(row["model_a"], []).append((row["model_b"], row))
        found.setdefault(row["model_b"], []).append((row["model_a"], row))
    return found


def _kind_rank(kind: str) -> tuple[int, str]:
    return (KIND_ORDER.index(kind) if kind in KIND_ORDER else len(KIND_ORDER), kind)
