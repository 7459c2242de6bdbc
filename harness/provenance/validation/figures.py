"""What the figures of the detector's benchmark share: who is documented, and intervals over lineage groups.

Intervals are percentile bootstraps over lineage groups, because the students of one data set are not independent.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats as sps

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence
from harness.provenance.comparison.calibration import Bool, Matrix, ModelFacts
from harness.provenance.comparison.evidence import Analysis
from harness.provenance.comparison.positives import Pair
from harness.provenance.comparison.registry import TAUGHT, Labels

LEVEL = 0.95
STRICT = 0.01
"""False alarms beside the usual 5%."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the benchmark.

    Attributes:
        name: what it is.
        corpus: prompt set, with `(traces)` if reasoning was compared.
        value: `None` if it cannot be computed: `note` says why.
        low: lower end of the 95% interval over lineage groups. `None` if there is none.
        high: upper end.
        n: units behind the value.
        reach: what the project aims at, as text.
        note: one sentence.
        detail: further numbers and names.
    """

    name: str
    corpus: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reach: str
    note: str
    detail: Row


@dataclass(frozen=True)
class Scored:
    """Models of one prompt set with a score of every pair, whoever made the scores.

    Attributes:
        name: of the prompt set, with `(traces)` if reasoning is compared. Empty if no figure shows it.
        labels: documented relations.
        facts: what is documented of each model.
        candidates: indices of possible teachers.
        z: models x candidates: what candidates are ranked by.
        rng: of bootstraps and draws of prompts. Figures draw from it one after the other.
        draws: of one bootstrap.
        flagged: models x candidates: True if the detector says that the model was taught by, or resembles, the
            candidate. `None` if it has no threshold.
    """

    name: str
    labels: Labels
    facts: Sequence[ModelFacts]
    candidates: Sequence[int]
    z: Matrix
    rng: np.random.Generator
    draws: int
    flagged: Bool | None = None

    @property
    def rule(self) -> str:
        """When a lab counts as named, for a note."""
        return "by the detector's own flags"

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names, in the order of every matrix."""
        return tuple(fact.name for fact in self.facts)

    def row(self, name: str) -> int | None:
        """The model's index. `None` if the corpus has no such model."""
        return self.models.index(name) if name in self.models else None

    @cached_property
    def column(self) -> dict[int, int]:
        """Column of every candidate in `z`."""
        return {c: b for b, c in enumerate(self.candidates)}

    def raw(self) -> Matrix | None:
        """Models x models: what candidates are ranked by if some have no score. `None` if all have one."""
        return None

    def pairs(self) -> list[Pair]:
        """Documented students, their teachers and their lineage."""
        return [
            (row["student"], self.models[t], row["lineage_group"])
            for row, _, teachers in self.students()
            for t in teachers
        ]

    @cached_property
    def tested(self) -> dict[str, set[str]]:
        """The labs of every model's candidates that no other explanation sets apart."""
        fit = evidence.open_pairs(self.facts, self.candidates)
        return {
            name: {cal.lab_of(self.facts[c]) for b, c in enumerate(self.candidates) if fit[s, b]}
            for s, name in enumerate(self.models)
        }

    @cached_property
    def named(self) -> dict[str, list[str]]:
        """The labs that the detector names of every model, the highest score first.

        What is flagged of a pair that another explanation sets apart says nothing.
        """
        fit = evidence.open_pairs(self.facts, self.candidates)
        found = {}
        for s, name in enumerate(self.models):
            flagged = [] if self.flagged is None else np.flatnonzero(fit[s] & self.flagged[s]).tolist()
            ranked = sorted(flagged, key=lambda b: -self.z[s, b])
            found[name] = list(dict.fromkeys(cal.lab_of(self.facts[self.candidates[b]]) for b in ranked))
        return found

    def null(self, student: int, column: int) -> Matrix:
        """Scores of the candidate's null models, those related to the student left out.

        They cannot have learnt from the candidate. If fewer than five are left, they are all models of other labs,
        bases and lineages.
        """
        free = ~cal.relations(self.facts)[student] & ~np.isnan(self.z[:, column])
        dated = cal.null_models(self.facts, self.candidates)[:, column] & free
        few = dated.sum() < cal.LEAST_NULL
        used = cal.reference_models(self.facts, self.candidates)[:, column] & free if few else dated
        null: Matrix = self.z[used, column]
        return null

    @cached_property
    def commonest(self) -> str | None:
        """The lab that taught most students."""
        labs = Counter(lab for _, _, of in self.students() for lab in {self.facts[t].lab for t in of} - {None})
        return labs.most_common(1)[0][0] if labs else None

    def students(self, *, preference: bool = False, other: bool = False) -> Iterator[tuple[Row, int, list[int]]]:
        """Taught students in the corpus, with the teachers that are in it too.

        Args:
            preference: whether to count those that were taught preferences alone.
            other: whether to leave out those of the commonest lab.
        """
        for row, student, teachers in self._students(preference=preference):
            if not other or (teachers and all(self.facts[t].lab != self.commonest for t in teachers)):
                yield row, student, teachers

    def _students(self, *, preference: bool) -> Iterator[tuple[Row, int, list[int]]]:
        for row in self.labels.students:
            kind = row["strength"] or ""
            student = self.row(row["student"])
            if student is not None and (kind.startswith(TAUGHT) or (preference and kind == "preference")):
                yield row, student, [t for n in row["teachers"].split(";") if (t := self.row(n)) is not None]

    def controls(self, lab: str) -> dict[int, str]:
        """Controls of a lab in the corpus, with their lineage."""
        found = {}
        for row in self.labels.controls:
            i = self.row(row["model"])
            if i is not None and lab in (row["not_trained_on"] or "").split(";"):
                found[i] = self.facts[i].lineage or self.facts[i].lab or row["model"]
        return found

    def labs(self) -> list[str]:
        """Labs that some model is documented not to be taught by."""
        return sorted({lab for f in self.facts for lab in f.not_taught_by})

    def teacher_sets(self) -> dict[str, dict[int, str]]:
        """Students by the teachers they share, with their lineage. Teachers of one lab, in the corpus."""
        sets: dict[str, dict[int, str]] = {}
        for row, student, teachers in self.students(preference=True):
            labs = {self.facts[t].lab for t in teachers} - {None}
            if len(labs) == 1 and self.facts[student].lab not in labs:
                sets.setdefault(";".join(self.models[t] for t in teachers), {})[student] = row["lineage_group"]
        return sets

    def ranked(self, student: int, teachers: Sequence[int], wanted: Iterable[int]) -> list[tuple[int, float]]:
        """Candidates that may have taught a student, with the score they are ranked by.

        Left out: later models, models of the student's base family, and fellow students of a teacher that is there.
        If a wanted candidate has no null, all are ranked by raw similarity.
        """
        fellows = {i for _, i, of in self.students() if set(of) & set(teachers)} - set(teachers)
        keep = [
            (c, b)
            for b, c in enumerate(self.candidates)
            if c != student and c not in fellows and self._rival(student, c) in (None, "same lab")
        ]
        z = [(c, float(self.z[student, b])) for c, b in keep]
        unknown = any(math.isnan(score) for c, score in z if c in wanted) or all(math.isnan(score) for _, score in z)
        if unknown and (raw := self.raw()) is not None:
            z = [(c, float(raw[student, c])) for c, _ in keep]
        return [(c, score) for c, score in z if not math.isnan(score)]

    def nothing(self, name: str, note: str, reach: str) -> Figure:
        """A figure that cannot be computed, and why."""
        return Figure(name, self.name, None, None, None, 0, reach, note, {})

    def mean(self, values: Sequence[float], groups: Sequence[str]) -> tuple[float | None, float | None, float | None]:
        """Mean, and its bootstrap interval over groups."""
        if not values:
            return None, None, None
        x = np.asarray(values)
        low, high = self.interval(groups, lambda picked: float(x[picked].mean()))
        return float(x.mean()), low, high

    def auroc(
        self,
        name: str,
        yes: Sequence[float],
        yes_of: Sequence[str],
        no: Sequence[float],
        no_of: Sequence[str],
        reach: str,
        note: str,
        *,
        paired: bool = False,
    ) -> Figure:
        """AUROC with a bootstrap over the groups of both sides. `paired` if both sides share their groups."""
        if not yes or not no:
            return self.nothing(name, "no pairs to compare", reach)
        scores = np.array([*yes, *no])
        truth = np.array([True] * len(yes) + [False] * len(no))
        groups = [*yes_of, *no_of] if paired else [*(f"yes {g}" for g in yes_of), *(f"no {g}" for g in no_of)]

        def statistic(picked: npt.NDArray[np.int64]) -> float:
            return auc(scores[picked][truth[picked]], scores[picked][~truth[picked]])

        low, high = self.interval(groups, statistic, strata=None if paired else truth.tolist())
        return Figure(
            name,
            self.name,
            auc(yes, no),
            low,
            high,
            len(yes),
            reach,
            note,
            {"others": len(no), "groups": len(set(yes_of))},
        )

    def interval(
        self,
        groups: Sequence[str],
        statistic: Callable[[npt.NDArray[np.int64]], float],
        strata: Sequence[bool] | None = None,
    ) -> tuple[float | None, float | None]:
        """Percentile interval over draws of whole groups, within strata if given."""
        members: dict[str, list[int]] = {}
        for i, g in enumerate(groups):
            members.setdefault(g, []).append(i)
        layers: dict[bool, list[str]] = {}
        for g, rows in members.items():
            layers.setdefault(bool(strata and strata[rows[0]]), []).append(g)
        if all(len(layer) < 2 for layer in layers.values()):  # noqa: PLR2004
            return None, None
        found = []
        for _ in range(self.draws):
            chosen = [g for layer in layers.values() for g in self.rng.choice(layer, size=len(layer))]
            value = statistic(np.concatenate([np.array(members[g], dtype=np.int64) for g in chosen]))
            if not math.isnan(value):
                found.append(value)
        if not found:
            return None, None
        low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def _rival(self, student: int, candidate: int) -> str | None:
        return evidence.rival(self.facts[student], self.facts[candidate])


@dataclass(frozen=True)
class Corpus(Scored):
    """One corpus of the benchmark with all that this detector computed on it.

    Attributes:
        analysis: what was computed.
    """

    analysis: Analysis = dataclasses.field(kw_only=True)

    @classmethod
    def of(cls, name: str, labels: Labels, analysis: Analysis, rng: np.random.Generator, draws: int) -> Corpus:
        """A corpus with its detector's own scores."""
        facts, candidates = analysis.facts, analysis.scores.candidates.tolist()
        return cls(name, labels, facts, candidates, analysis.z, rng, draws, analysis=analysis)

    @property
    def rule(self) -> str:
        """As a report decides."""
        return "false discovery rate 5% over labs"

    def raw(self) -> Matrix:
        """Raw similarity, averaged over channels."""
        return self.analysis.raw()

    @cached_property
    def tested(self) -> dict[str, set[str]]:
        """The labs that can be tested of every model."""
        return {name: {test.lab for test in evidence.lab_tests(self.analysis, name)} for name in self.models}

    @cached_property
    def named(self) -> dict[str, list[str]]:
        """The labs that a report names of every model, the strongest first."""
        return {name: evidence.named(self.analysis, name) for name in self.models}


def auc(yes: Sequence[float] | Matrix, no: Sequence[float] | Matrix) -> float:
    """Probability that a yes scores above a no, ties counting half. NaN if a side is empty."""
    if not len(yes) or not len(no):
        return math.nan
    ranks = sps.rankdata([*yes, *no])[: len(yes)].sum()
    return float((ranks - len(yes) * (len(yes) + 1) / 2) / (len(yes) * len(no)))
