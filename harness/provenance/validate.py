"""The detector's own benchmark: documented relations in, the figures a reader needs to trust it (or not) out.

Nothing is fitted on the students that are tested: they enter as suspects only, and every null consists of models
that cannot have learnt from the candidate. Intervals are percentile bootstraps over lineage groups, because the
students of one data set are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats as sps

from harness.errors import ConfigError
from harness.provenance import calibration as cal
from harness.provenance import evidence, fingerprint, similarity
from harness.provenance.evidence import ALPHA, EVIDENCE, FAMILY, VERSION, Analysis
from harness.provenance.registry import TAUGHT, Labels, Registry
from harness.stats import wilson

CURVE = (25, 50, 100, 200)
"""Prompts of the power curve; the corpus's own number is always its last point."""
CURVE_DRAWS = 3
POWER = 0.8
LEVEL = 0.95
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the benchmark.

    Attributes:
        name: what it is.
        corpus: prompt set, with `(traces)` where reasoning was compared.
        value: `None` where it cannot be computed: `note` says why.
        low: lower end of the 95% interval over lineage groups; `None` where there is none.
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


def validate(
    outputs: pl.DataFrame,
    students: pl.DataFrame,
    controls: pl.DataFrame,
    models: pl.DataFrame,
    registry: Registry,
    *,
    draws: int = 1000,
    curve: Sequence[int] = CURVE,
    seed: int = 0,
) -> Row:
    """Benchmark the detector on every corpus of an answers file.

    Args:
        outputs: columns `corpus`, `model`, `prompt_id`, `output`, optionally `reasoning`.
        students: documented relations (`registry.STUDENTS`).
        controls: models documented not to be trained on a lab's outputs (`registry.CONTROLS`).
        models: role, lab and month of release (`registry.MODELS`).
        registry: fills what the tables leave empty.
        draws: bootstrap draws behind each interval.
        curve: prompt counts of the power curve; empty skips it.
        seed: of the bootstrap and the prompt draws.

    Returns:
        JSON-able: `schema`, `fingerprint`, `channels`, `corpora` (models, prompts, answers left out, facts filled
        from the registry) and `figures`.

    Raises:
        ConfigError: a column is missing, or no corpus can be compared.
    """
    missing = sorted({"corpus", "model", "prompt_id", "output"} - set(outputs.columns))
    if missing:
        raise ConfigError(f"outputs: missing column {', '.join(missing)}")
    figures: list[Figure] = []
    corpora = []
    for name, part, column, label in _parts(outputs):
        labels = Labels.of(name, students, controls, models)
        enough = (
            part.group_by("model")
            .agg(n=pl.col("prompt_id").n_unique())
            .filter(pl.col("n") >= similarity.least(traces=column == "reasoning"))["model"]
        )
        compared = part.filter(pl.col("model").is_in(enough.to_list()))
        left_out = part["model"].n_unique() - len(enough)
        if len(enough) < cal.LEAST_NULL:
            corpora.append({"corpus": label, "models": len(enough), "left_out": left_out, "note": "not enough models"})
            continue
        prints = fingerprint.fingerprint(compared, column)
        facts = labels.facts(prints.models, registry)
        analysis = evidence.analyse(prints, facts, labels.candidates(prints.models, facts))
        bench = _Bench(label, labels, analysis, np.random.default_rng(seed), draws)
        corpora.append(
            {
                "corpus": label,
                "models": len(prints.models),
                "left_out": left_out,
                "prompts": len(prints.prompts),
                "candidates": len(analysis.candidates),
                "dated": sum(f.released is not None for f in facts),
                "answers": prints.dropped,
            },
        )
        figures += [f for f in bench.figures(curve) if f.n or f.detail]
    if not corpora:
        raise ConfigError("outputs: no corpus in the file")
    return {
        "schema": 1,
        "fingerprint": fingerprint.VERSION,
        "channels": list(EVIDENCE),
        "family_channels": list(FAMILY),
        "corpora": corpora,
        "figures": [_as_row(f) for f in figures],
    }


def _parts(outputs: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, str, str]]:
    """Corpora of a file, answers and traces apart: name, texts, the column that holds them, label."""
    for name in sorted(outputs["corpus"].unique().to_list()):
        here = outputs.filter(pl.col("corpus") == name)
        if "output" in here.columns and len(part := here.select("model", "prompt_id", "output").drop_nulls("output")):
            yield name, part, "output", name
        if "reasoning" not in here.columns:
            continue
        here = here.drop_nulls("reasoning")
        kinds = here["reasoning_kind"].unique().sort().to_list() if "reasoning_kind" in here.columns else [None]
        for kind in kinds:
            part = here if kind is None else here.filter(pl.col("reasoning_kind") == kind)
            if len(part):
                label = f"{name} (traces)" if kind is None else f"{name} (traces: {kind})"
                yield name, part.select("model", "prompt_id", "reasoning"), "reasoning", label


@dataclass
class _Bench:
    """The figures of one corpus."""

    corpus: str
    labels: Labels
    analysis: Analysis
    rng: np.random.Generator
    draws: int

    def figures(self, curve: Sequence[int]) -> Iterator[Figure]:
        yield from self.controls_flagged()
        yield self.null_uniform()
        yield from self.students_against_controls()
        yield self.pairs(siblings=True)
        yield self.pairs(siblings=False)
        yield self.teacher_first()
        yield from self.detection()
        yield self.version_first("same model restyled or aliased found first (family)", ("same_model",), "≥ 0.95")
        yield self.version_first(
            "same base, on-policy tuned: base family first", ("same_base",), "1.0, reported as base"
        )
        yield self.version_first("same weights continued: family first", ("same_weights",), "–")
        yield self.none_rate()
        yield self.named()
        if curve:
            yield from self.power_curve(curve)

    # --- what the labels say ------------------------------------------------------------------------------------

    def _row(self, name: str) -> int | None:
        models = self.analysis.models
        return models.index(name) if name in models else None

    def _students(self, *, preference: bool = False) -> Iterator[tuple[Row, int, list[int]]]:
        """Taught students in the corpus, with the teachers that are in it too."""
        for row in self.labels.students:
            kind = row["strength"] or ""
            student = self._row(row["student"])
            if student is not None and (kind.startswith(TAUGHT) or (preference and kind == "preference")):
                yield row, student, [t for n in row["teachers"].split(";") if (t := self._row(n)) is not None]

    def _controls(self, lab: str) -> dict[int, str]:
        """Controls of a lab in the corpus, with their lineage."""
        found = {}
        for row in self.labels.controls:
            i = self._row(row["model"])
            if i is not None and lab in (row["not_trained_on"] or "").split(";"):
                found[i] = self.analysis.facts[i].lineage or self.analysis.facts[i].lab or row["model"]
        return found

    def _labs(self) -> list[str]:
        return sorted({lab for f in self.analysis.facts for lab in f.not_taught_by})

    def _tests(self, analysis: Analysis, which: cal.Family) -> dict[int, cal.FamilyTest]:
        return cal.family_tests([analysis.matrices[n] for n in FAMILY], analysis.facts, which)

    def _lab(self, lab: str) -> cal.Family:
        members = [c for c in self.analysis.candidates if self.analysis.facts[c].lab == lab]
        return cal.family(self.analysis.facts, members) if members else cal.Family(lab, (), ())

    def _set(self, teachers: str) -> cal.Family:
        return cal.family(self.analysis.facts, [t for n in teachers.split(";") if (t := self._row(n)) is not None])

    # --- figures ------------------------------------------------------------------------------------------------

    def controls_flagged(self) -> Iterator[Figure]:
        """Share of human-data controls that the family test flags at 5%."""
        for lab in self._labs():
            tests = self._tests(self.analysis, self._lab(lab))
            of = {i: g for i, g in self._controls(lab).items() if i in tests}
            flagged = {i: float(tests[i].p <= ALPHA) for i in of}
            value = float(np.mean(list(flagged.values()))) if flagged else None
            low, high = wilson(value, len(of)) if value is not None else (None, None)
            yield Figure(
                f"controls flagged at nominal 5% ({lab})",
                self.corpus,
                value,
                low,
                high,
                len(of),
                "≤ 0.05",
                "share of models documented not to be trained on the lab's outputs; Wilson interval",
                {"p": {self.analysis.models[i]: tests[i].p for i in of}},
            )

    def null_uniform(self) -> Figure:
        """Kolmogorov-Smirnov test of unrelated pairs' p-values; ties broken at random so that the law is continuous."""
        a = self.analysis
        kin = cal.relations(a.facts)
        z, null = a.scores.z, a.scores.unrelated & ~np.isnan(a.scores.z)
        u = []
        for s, b in zip(*np.nonzero(null), strict=True):
            pool = z[null & ~kin[s][:, None]]
            if len(pool) >= cal.LEAST_NULL:
                u.append(((pool > z[s, b]).sum() + self.rng.random()) / (len(pool) + 1))
        if not u:
            return self._nothing("p-values of unrelated pairs uniform (KS p)", "no unrelated pairs", "> 0.05")
        p = float(sps.kstest(u, "uniform").pvalue)
        below = float(np.mean(np.array(u) <= ALPHA))
        return Figure(
            "p-values of unrelated pairs uniform (KS p)",
            self.corpus,
            p,
            None,
            None,
            len(u),
            "> 0.05",
            "each pair against the null pairs of models unrelated to it; pairs share models, so the test is indicative",
            {"share_below_0.05": below},
        )

    def students_against_controls(self) -> Iterator[Figure]:
        """AUROC of the family score."""
        for lab in self._labs():
            tests = self._tests(self.analysis, self._lab(lab))
            taught = {
                i: row["lineage_group"]
                for row, i, _ in self._students(preference=True)
                if row["teacher_family"] == lab and i in tests
            }
            of = {i: g for i, g in self._controls(lab).items() if i in tests}
            yield self._auroc(
                f"AUROC, documented students of {lab} models against controls",
                [tests[i].score for i in taught],
                list(taught.values()),
                [tests[i].score for i in of],
                list(of.values()),
                "≥ 0.97",
                "family score, each model tested with its relatives left out of the null",
            )

    def _ranked(self, student: int, teachers: Sequence[int], wanted: Iterable[int]) -> list[tuple[int, float]]:
        """Candidates that may have taught a student, with the score they are ranked by.

        Left out: later models, models of the student's base family, and fellow students of a teacher that is there.
        Where a wanted candidate has no null, all are ranked by raw similarity.
        """
        a = self.analysis
        fellows = {i for _, i, of in self._students() if set(of) & set(teachers)} - set(teachers)
        keep = [
            (c, b)
            for b, c in enumerate(a.candidates)
            if c != student and c not in fellows and a.rival(student, c) in (None, "same lab")
        ]
        z = [(c, float(a.scores.z[student, b])) for c, b in keep]
        if any(math.isnan(score) for c, score in z if c in wanted) or all(math.isnan(score) for _, score in z):
            raw = a.raw()
            z = [(c, float(raw[student, c])) for c, _ in keep]
        return [(c, score) for c, score in z if not math.isnan(score)]

    def pairs(self, *, siblings: bool) -> Figure:
        """AUROC of true student-teacher pairs."""
        true, true_of, rest, rest_of = [], [], [], []
        for row, student, teachers in self._students():
            ranked = self._ranked(student, teachers, teachers)
            labs = {self.analysis.facts[t].lab for t in teachers}
            if not set(teachers) & {c for c, _ in ranked}:
                continue
            for c, score in ranked:
                if c in teachers:
                    true.append(score)
                    true_of.append(row["lineage_group"])
                elif siblings or self.analysis.facts[c].lab not in labs:
                    rest.append(score)
                    rest_of.append(row["lineage_group"])
        against = "the rest" if siblings else "other labs' models"
        return self._auroc(
            f"AUROC, true student-teacher pairs against {against}",
            true,
            true_of,
            rest,
            rest_of,
            "≥ 0.95",
            "candidates released before the student and of another base family; calibrated z",
            paired=True,
        )

    def teacher_first(self) -> Figure:
        """Share of students whose nearest candidate is a documented teacher (or fellow student, where it is absent)."""
        hits, groups, lines, confounded, by_lab = [], [], {}, [], []
        for row, student, teachers in self._students():
            wanted = set(teachers)
            if not wanted:
                names = set(row["teachers"].split(";"))
                wanted = {j for r, j, _ in self._students() if j != student and names & set(r["teachers"].split(";"))}
            ranked = sorted(self._ranked(student, teachers, wanted), key=lambda x: -x[1])
            if not wanted & {c for c, _ in ranked}:
                confounded.append(row["student"])
                continue
            first = ranked[0][0]
            hits.append(float(first in wanted))
            labs = {self.analysis.facts[t].lab for t in wanted}
            by_lab.append(float(first in wanted or self.analysis.facts[first].lab in labs))
            groups.append(row["lineage_group"])
            lines[row["student"]] = [self.analysis.models[c] for c, _ in ranked[:3]]
        value, low, high = self._mean(hits, groups)
        return Figure(
            "exact teacher first, same pool",
            self.corpus,
            value,
            low,
            high,
            len(hits),
            "≥ 0.85",
            f"{len(confounded)} more students cannot be tested: no teacher is left once later models and the "
            "student's own base family are set apart",
            {
                "first_three": lines,
                "untestable": confounded,
                "teacher_lab_first": self._mean(by_lab, groups)[0],
            }
            if hits or confounded
            else {},
        )

    def _teacher_sets(self) -> dict[str, dict[int, str]]:
        """Students by the teachers they share, with their lineage; teachers of one lab, in the corpus."""
        sets: dict[str, dict[int, str]] = {}
        for row, student, teachers in self._students(preference=True):
            labs = {self.analysis.facts[t].lab for t in teachers} - {None}
            if len(labs) == 1 and self.analysis.facts[student].lab not in labs:
                sets.setdefault(";".join(self.analysis.models[t] for t in teachers), {})[student] = row["lineage_group"]
        return sets

    def detection(self) -> Iterator[Figure]:
        """Share of each teacher's students found at 5% false alarms."""
        for teachers, taught in sorted(self._teacher_sets().items()):
            which = self._set(teachers)
            name = f"detection at 5% false alarms: {teachers}"
            tests = self._tests(self.analysis, which)
            tested = {i: g for i, g in taught.items() if i in tests}
            if not tested:
                why = f"untestable: {len(which.null)} models cannot have learnt from it, {cal.LEAST_NULL} are needed"
                yield Figure(name, self.corpus, None, None, None, len(taught), "", why, {})
                continue
            value, low, high = self._mean([float(tests[i].p <= ALPHA) for i in tested], list(tested.values()))
            null = [tests[u].score for u in which.null if u in tests]
            scores = [tests[i].score for i in tested]
            yield Figure(
                name,
                self.corpus,
                value,
                low,
                high,
                len(tested),
                "",
                "one-sided p ≤ 0.05 against models not taught by the lab",
                {
                    "at_0.01": float(np.mean([tests[i].p <= 0.01 for i in tested])),  # noqa: PLR2004
                    "above_every_null_model": float(np.mean([x > max(null) for x in scores])) if null else None,
                    "auroc": _auc(scores, null) if null else None,
                    "null_models": len(null),
                    "p": {self.analysis.models[i]: tests[i].p for i in tested},
                },
            )

    def version_first(self, name: str, kinds: Sequence[str], reach: str) -> Figure:
        """Share of versions whose nearest model is of the family of the model they are a version of."""
        a = self.analysis
        raw = a.raw(EVIDENCE if kinds[0] == "same_base" else VERSION)
        hits, exact, lines = [], [], {}
        for row in self.labels.students:
            student = self._row(row["student"])
            if student is None or not any((row["strength"] or "").startswith(k) for k in kinds):
                continue
            of = [t for n in row["teachers"].split(";") if (t := self._row(n)) is not None]
            wanted = set(row["teachers"].split(";"))
            bases = set().union(*(a.facts[t].bases for t in of)) if of else set(a.facts[student].bases)
            labs = {a.facts[t].lab for t in of} - {None}
            pool = [c for c in {*a.candidates, *of} if c != student and not math.isnan(raw[student, c])]
            if not pool:
                continue
            first = max(pool, key=lambda c: raw[student, c])
            fact = a.facts[first]
            same = kinds[0] == "same_base"
            hits.append(float(fact.name in wanted or (bool(fact.bases & bases) if same else fact.lab in labs)))
            exact.append(float(fact.name in wanted))
            lines[row["student"]] = fact.name
        value, low, high = self._mean(hits, list(lines))
        return Figure(
            name,
            self.corpus,
            value,
            low,
            high,
            len(hits),
            reach,
            "nearest by raw similarity; for one model restyled, by what is said to the same prompt (phrasing, words)",
            {"exact": float(np.mean(exact)), "first": lines} if exact else {},
        )

    def none_rate(self) -> Figure:
        """Share of models answered `none` when every candidate was released after them.

        Models that are candidates themselves are reported apart: a later model may have learnt from them.
        """
        a = self.analysis
        kin = cal.relations(a.facts)
        apart = np.flatnonzero(a.scores.unrelated.any(axis=1))
        answers, groups, teachers, named = [], [], [], {}
        for s, me in enumerate(a.facts):
            if me.copy_of or me.released is None:
                continue
            p = {
                a.models[c]: float(a.p[s, b])
                for b, c in enumerate(a.candidates)
                if me.before(a.facts[c])
                and not kin[s, c]
                and not a.facts[c].bases & me.bases
                and not np.isnan(a.p[s, b])
            }
            if not p:
                continue
            none = float(min(cal.benjamini_hochberg(list(p.values()))) > ALPHA)
            if not none:
                named[me.name] = min(p, key=lambda n: p[n])
            if s in a.candidates and s not in apart:
                teachers.append(none)
                continue
            answers.append(none)
            groups.append(me.lineage or me.lab or me.name)
        value, low, high = self._mean(answers, groups)
        return Figure(
            "model with no relative in the pool answered none",
            self.corpus,
            value,
            low,
            high,
            len(answers),
            "≥ 0.90",
            "every candidate was released after the model, by another lab, on another base",
            {"named": named, "possible_teachers": float(np.mean(teachers)) if teachers else None} if answers else {},
        )

    def named(self) -> Figure:
        """Share of students for whom the verdict names a candidate, at 5% false discovery rate."""
        hits, groups, right, lines = [], [], [], {}
        for row, _, teachers in self._students():
            found = [f for f in evidence.findings(self.analysis, row["student"]) if f.verdict == "resembles"]
            hits.append(float(bool(found)))
            groups.append(row["lineage_group"])
            if found:
                labs = {self.analysis.facts[t].lab for t in teachers}
                right.append(float(self.analysis.facts[self.analysis.index(found[0].candidate)].lab in labs))
                lines[row["student"]] = [f.candidate for f in found[:3]]
        value, low, high = self._mean(hits, groups)
        return Figure(
            "verdict names a candidate for a documented student",
            self.corpus,
            value,
            low,
            high,
            len(hits),
            "",
            "false discovery rate 5% over the student's candidates",
            {"first_is_of_teachers_lab": float(np.mean(right)) if right else None, "named": lines} if hits else {},
        )

    def power_curve(self, curve: Sequence[int]) -> Iterator[Figure]:
        """Prompts at which 80% of a teacher's students are found at 5% false alarms."""
        total = len(self.analysis.prints.prompts)
        sets = self._teacher_sets()
        points: dict[str, dict[int, float]] = {key: {} for key in sets}
        for n in [*sorted(c for c in curve if c < total), total]:
            rates: dict[str, list[float]] = {key: [] for key in sets}
            for _ in range(1 if n == total else CURVE_DRAWS):
                prints = self.analysis.prints
                if n < total:
                    prints = prints.subset(self.rng.choice(total, size=n, replace=False).tolist())
                matrices = [similarity.matrix(prints, name) for name in FAMILY]
                for key, taught in sets.items():
                    tests = cal.family_tests(matrices, self.analysis.facts, self._set(key))
                    rates[key] += [float(tests[i].p <= ALPHA) for i in taught if i in tests]
            for key, found in rates.items():
                if found:
                    points[key][n] = float(np.mean(found))
        for key, line in sorted(points.items()):
            if not line:
                continue
            enough = [n for n in line if all(line[k] >= POWER for k in line if k >= n)]
            yield Figure(
                f"prompts for 80% power: {key}",
                self.corpus,
                float(min(enough)) if enough else None,
                None,
                None,
                len(sets[key]),
                "≤ 100",
                "smallest number tried from which on at least 80% are found"
                if enough
                else f"80% is not reached with {total} prompts: read as untestable for single models",
                {"power": {str(n): v for n, v in line.items()}},
            )

    # --- statistics ---------------------------------------------------------------------------------------------

    def _nothing(self, name: str, note: str, reach: str) -> Figure:
        return Figure(name, self.corpus, None, None, None, 0, reach, note, {})

    def _mean(self, values: Sequence[float], groups: Sequence[str]) -> tuple[float | None, float | None, float | None]:
        """Mean, and its bootstrap interval over groups."""
        if not values:
            return None, None, None
        x = np.asarray(values)
        low, high = self._interval(groups, lambda picked: float(x[picked].mean()))
        return float(x.mean()), low, high

    def _auroc(
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
        """AUROC with a bootstrap over the groups of both sides; `paired` where both sides share their groups."""
        if not yes or not no:
            return self._nothing(name, "no pairs to compare", reach)
        scores = np.array([*yes, *no])
        truth = np.array([True] * len(yes) + [False] * len(no))
        groups = [*yes_of, *no_of] if paired else [*(f"yes {g}" for g in yes_of), *(f"no {g}" for g in no_of)]

        def statistic(picked: npt.NDArray[np.int64]) -> float:
            return _auc(scores[picked][truth[picked]], scores[picked][~truth[picked]])

        low, high = self._interval(groups, statistic, strata=None if paired else truth.tolist())
        return Figure(
            name,
            self.corpus,
            _auc(yes, no),
            low,
            high,
            len(yes),
            reach,
            note,
            {"others": len(no), "groups": len(set(yes_of))},
        )

    def _interval(
        self,
        groups: Sequence[str],
        statistic: Callable[[npt.NDArray[np.int64]], float],
        strata: Sequence[bool] | None = None,
    ) -> tuple[float | None, float | None]:
        """Percentile interval over draws of whole groups, within strata where given."""
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


def _auc(yes: Sequence[float] | cal.Matrix, no: Sequence[float] | cal.Matrix) -> float:
    """Probability that a yes scores above a no, ties counting half; NaN where a side is empty."""
    if not len(yes) or not len(no):
        return math.nan
    ranks = sps.rankdata([*yes, *no])[: len(yes)].sum()
    return float((ranks - len(yes) * (len(yes) + 1) / 2) / (len(yes) * len(no)))


def _as_row(figure: Figure) -> Row:
    return {
        "name": figure.name,
        "corpus": figure.corpus,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "reach": figure.reach,
        "note": figure.note,
        "detail": figure.detail,
    }


def table(report: Row) -> str:
    """The report as plain text: one line per figure."""

    def show(x: float | None) -> str:
        return "–" if x is None else f"{x:.0f}" if x >= 2 else f"{x:.3f}"  # noqa: PLR2004

    lines = []
    for corpus in report["corpora"]:
        lines.append(
            f"{corpus['corpus']}: {corpus['models']} models, {corpus.get('prompts', 0)} prompts, "
            f"{corpus.get('candidates', 0)} candidates, {corpus['left_out']} models left out",
        )
        rows = [f for f in report["figures"] if f["corpus"] == corpus["corpus"]]
        width = max((len(f["name"]) for f in rows), default=0)
        for f in rows:
            interval = "" if f["low"] is None else f"[{show(f['low'])}, {show(f['high'])}]"
            aim = f"  aim {f['reach']}" if f["reach"] else ""
            lines.append(f"  {f['name']:<{width}}  {show(f['value']):>6} {interval:<16} n={f['n']}{aim}")
            if f["value"] is None:
                lines.append(f"  {'':<{width}}  {f['note']}")
        lines.append("")
    return "\n".join(lines)
