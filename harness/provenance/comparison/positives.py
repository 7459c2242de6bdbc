r"""What documented students teach about a test: how often it finds one, and what a score is worth.

Power of a teacher is the share of its documented students whose p-value is at most 1% or 5%. A likelihood ratio
is how much likelier a score is for a student than for an unrelated pair: \(\log LR = a + b z\), a logistic regression
with both sides of equal weight (Brummer and du Preez 2006, Computer Speech and Language 20) and every lineage of
students counting once. A suspect's own lineage never takes part. If there are fewer than `LEAST_LINEAGES`
lineages there is no ratio. k lineages support no ratio beyond k + 1 either way, and none is given.

A set of labs covers the teacher's at `COVERAGE`: those whose score is within a gap of the highest. The gap is the
conformal quantile, over lineages of students, of how far the teacher's lab was from the highest (Vovk, Gammerman and
Shafer 2005). Students of one data set are one observation, and the suspect's own never takes part.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison.calibration import Matrix
from harness.provenance.comparison.evidence import ALPHA, Analysis, adjusted, lab_tests, open_pairs
from harness.provenance.comparison.finding import Lab, LabNaming
from harness.provenance.comparison.registry import TAUGHT, Labels

LEAST_LINEAGES = 5
LEAST_STUDENTS = 3
"""Documented students of a lab below which it is not said how many of them are named."""
RIDGE = 0.01
"""Keeps the regression finite if scores separate the two sides."""
LEVELS = (0.05, 0.01)
COVERAGE = 0.9
"""Of a set of labs: it takes nine lineages."""
Pair = tuple[str, str, str]
"""A documented student, one of its teachers, and its lineage."""


@dataclass(frozen=True, slots=True)
class Positive:
    """A documented student and one of its teachers, with the score the pair got."""

    student: str
    teacher: str
    lineage: str
    z: float
    p: float


def documented(analysis: Analysis, labels: Labels) -> list[Positive]:
    """Every documented pair that can be tested: no rival explanation, and a null."""
    taught = [row for row in labels.students if (row["strength"] or "").startswith(TAUGHT)]
    return scored(
        analysis,
        [(row["student"], teacher, row["lineage_group"]) for row in taught for teacher in row["teachers"].split(";")],
    )


def scored(analysis: Analysis, pairs: Iterable[Pair]) -> list[Positive]:
    """The pairs that have a dated null, with the scores they get in a pool."""
    found = []
    names = {name: i for i, name in enumerate(analysis.models)}
    for student, teacher, lineage in pairs:
        s, c = names.get(student), names.get(teacher)
        b = None if c is None else analysis.column(c)
        if s is None or c is None or b is None or analysis.rival(s, c) is not None:
            continue
        z, p = analysis.scores.z[s, b], analysis.dated.p[s, b]
        if not math.isnan(p):
            found.append(Positive(student, teacher, lineage, float(z), float(p)))
    return found


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the lab of a student's teacher is from the lab with the highest score, 0 if it is that lab."""

    student: str
    lineage: str
    gap: float


def gaps(analysis: Analysis, pairs: Iterable[Pair]) -> list[Gap]:
    """The gaps of documented students whose teacher's lab can be tested."""
    teachers: dict[tuple[str, str], set[str]] = {}
    for student, teacher, lineage in pairs:
        if student in analysis.models and teacher in analysis.models:
            lab = cal.lab_of(analysis.facts[analysis.index(teacher)])
            teachers.setdefault((student, lineage), set()).add(lab)
    found = []
    for (student, lineage), labs in sorted(teachers.items()):
        scores = lab_scores(analysis, student)
        true = [scores[lab] for lab in labs if lab in scores]
        if true:
            found.append(Gap(student, lineage, max(scores.values()) - max(true)))
    return found


def lab_scores(analysis: Analysis, suspect: str) -> dict[str, float]:
    """A model's highest score with each lab's versions that have a dated null for it."""
    s, labs = analysis.index(suspect), analysis.labs
    fit = open_pairs(analysis.facts, analysis.scores.candidates.tolist())[s] & ~np.isnan(analysis.dated.p[s])
    z = np.where(fit, analysis.scores.z[s], -np.inf)
    return {name: float(z[m].max()) for name, m in zip(labs.names, labs.members, strict=True) if fit[m].any()}


def naming(analysis: Analysis, pairs: Iterable[Pair]) -> dict[str, dict[str, bool]]:
    """Whether a verdict names the lab of a documented student's teacher: by lab, and by student."""
    labs: dict[str, set[str]] = {}
    for student, teacher, _ in pairs:
        if student in analysis.models and teacher in analysis.models:
            labs.setdefault(student, set()).add(cal.lab_of(analysis.facts[analysis.index(teacher)]))
    found: dict[str, dict[str, bool]] = {}
    for student, of in sorted(labs.items()):
        tests = lab_tests(analysis, student)
        q = adjusted([tests])[0]
        for lab in of & set(q):
            found.setdefault(lab, {})[student] = q[lab] <= ALPHA
    return found


def counts(named: Mapping[str, Mapping[str, bool]], labs: Iterable[Lab], suspect: str) -> tuple[LabNaming, ...]:
    """Of the labs that were tested, how many documented students a verdict names.

    Args:
        named: of `naming`.
        labs: of the finding.
        suspect: it does not vouch for itself.
    """
    found = []
    for lab in sorted(lab.lab for lab in labs if lab.lab is not None and lab.p is not None):
        students = [hit for student, hit in named.get(f"lab {lab}", {}).items() if student != suspect]
        if len(students) >= LEAST_STUDENTS:
            found.append(LabNaming(lab, sum(students), len(students)))
    return tuple(found)


def cut(known: Sequence[Gap], without: str | None = None) -> float | None:
    """The gap within which the teacher's lab is at `COVERAGE`. `None` if too few lineages are documented.

    Args:
        known: of `gaps`.
        without: the lineage of the model that will be asked about.
    """
    rest = sorted((pair for pair in known if pair.lineage != without), key=lambda pair: pair.gap)
    size = Counter(pair.lineage for pair in rest)
    need, mass = COVERAGE * (len(size) + 1), 0.0
    for pair in rest:
        mass += 1 / size[pair.lineage]
        if mass >= need - 1e-9:
            return pair.gap
    return None


def power_rows(known: Sequence[Positive], prompts: int) -> list[dict[str, Any]]:
    """How often each teacher's documented students are found with so many prompts, the weakest first."""
    rows = [
        {"prompts": prompts, "teacher": teacher, **found}
        for teacher in {pair.teacher for pair in known}
        if (found := power(known, teacher)) is not None
    ]
    return sorted(rows, key=lambda row: (row[f"at_{LEVELS[0]:g}"], row["teacher"]))


def power(positives: Iterable[Positive], teacher: str, suspect: str | None = None) -> dict[str, float] | None:
    """How often a teacher's documented students are found: `students`, and the share at each of `LEVELS`.

    Args:
        positives: of `documented`.
        teacher: a candidate.
        suspect: a model that must not vouch for itself.
    """
    p = [pair.p for pair in positives if pair.teacher == teacher and pair.student != suspect]
    if not p:
        return None
    return {"students": len(p)} | {f"at_{level:g}": sum(value <= level for value in p) / len(p) for level in LEVELS}


@dataclass(frozen=True, slots=True)
class Scale:
    r"""What a score is worth: \\(\\log LR = a + b z\\), within what the lineages behind it support."""

    intercept: float
    slope: float
    lineages: int

    def ratio(self, z: float) -> float:
        """The likelihood ratio of a score."""
        most = math.log(self.lineages + 1)
        return math.exp(min(max(self.intercept + self.slope * z, -most), most))


def scale(positives: Sequence[Positive], unrelated: Matrix, without: str | None = None) -> Scale | None:
    """What scores are worth by the documented students. `None` if too few lineages are documented.

    Args:
        positives: of `documented`.
        unrelated: scores of pairs that cannot be related.
        without: the lineage of the model that will be asked about.
    """
    rest = [pair for pair in positives if pair.lineage != without]
    groups = {pair.lineage for pair in rest}
    if len(groups) < LEAST_LINEAGES or not len(unrelated):
        return None
    size = {group: sum(pair.lineage == group for pair in rest) for group in groups}
    x = np.array([*(pair.z for pair in rest), *unrelated])
    y = np.array([1.0] * len(rest) + [0.0] * len(unrelated))
    mine = [0.5 / len(groups) / size[pair.lineage] for pair in rest]
    weight = np.array(mine + [0.5 / len(unrelated)] * len(unrelated))
    return Scale(*_logistic(x, y, weight), len(groups))


def _logistic(x: Matrix, y: Matrix, weight: Matrix) -> tuple[float, float]:
    """Intercept and slope by Newton's method."""
    design = np.stack([np.ones_like(x), x], axis=1)
    beta = np.zeros(2)
    for _ in range(50):
        mean = 1 / (1 + np.exp(-design @ beta))
        slope = design.T @ (weight * (y - mean)) - RIDGE * np.array([0.0, beta[1]])
        bend = (design * (weight * mean * (1 - mean))[:, None]).T @ design + RIDGE * np.diag([1e-9, 1.0])
        step = np.linalg.solve(bend, slope)
        beta += step
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004
            break
    return float(beta[0]), float(beta[1])


def cost(positives: Sequence[Positive], unrelated: Matrix) -> float | None:
    r"""What the ratios are worth on lineages left out: \(C_{llr}\), 0 is perfect, 1 is what always saying 1 costs.

    Half the mean of \(\log_2(1 + 1/LR)\) over students, half that of \(\log_2(1 + LR)\) over unrelated pairs.
    """
    scales = {lineage: scale(positives, unrelated, lineage) for lineage in {pair.lineage for pair in positives}}
    mine = [found.ratio(pair.z) for pair in positives if (found := scales[pair.lineage]) is not None]
    whole = scale(positives, unrelated)
    if not mine or whole is None:
        return None
    others = np.array([whole.ratio(float(z)) for z in unrelated])
    return float((np.log2(1 + 1 / np.array(mine)).mean() + np.log2(1 + others).mean()) / 2)


def rows(positives: Iterable[Positive]) -> list[dict[str, Any]]:
    """For a file."""
    return [
        {"student": p.student, "teacher": p.teacher, "lineage": p.lineage, "z": round(p.z, 3), "p": round(p.p, 5)}
        for p in positives
    ]


def read(entries: Iterable[Mapping[str, Any]]) -> list[Positive]:
    """From a file: see `rows`."""
    return [Positive(e["student"], e["teacher"], e["lineage"], float(e["z"]), float(e["p"])) for e in entries]
