"""Figures of the family test: is a model taught by this lab, whichever of its models did it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.provenance import calibration as cal
from harness.provenance import families, similarity
from harness.provenance.evidence import ALPHA, FAMILY, Analysis
from harness.provenance.figures import STRICT, Corpus, Figure, auc
from harness.stats import wilson

CURVE_DRAWS = 3
POWER = 0.8


def _tests(analysis: Analysis, which: families.Family) -> dict[int, families.FamilyTest]:
    known = [analysis.matrices[n] for n in FAMILY if n in analysis.matrices]  # a panel has no function words
    return families.family_tests(known, analysis.facts, which)


def _lab(corpus: Corpus, lab: str) -> families.Family:
    members = [c for c in corpus.analysis.candidates if corpus.analysis.facts[c].lab == lab]
    return families.family(corpus.analysis.facts, members) if members else families.Family(lab, (), ())


def _set(corpus: Corpus, teachers: str) -> families.Family:
    return families.family(corpus.analysis.facts, [t for n in teachers.split(";") if (t := corpus.row(n)) is not None])


def controls_flagged(corpus: Corpus) -> Iterator[Figure]:
    """Share of human-data controls that the family test flags at 5%."""
    for lab in corpus.labs():
        tests = _tests(corpus.analysis, _lab(corpus, lab))
        of = {i: g for i, g in corpus.controls(lab).items() if i in tests}
        flagged = {i: float(tests[i].p <= ALPHA) for i in of}
        value = float(np.mean(list(flagged.values()))) if flagged else None
        low, high = wilson(value, len(of)) if value is not None else (None, None)
        yield Figure(
            f"controls flagged at nominal 5% ({lab})",
            corpus.name,
            value,
            low,
            high,
            len(of),
            "≤ 0.05",
            "share of models documented not to be trained on the lab's outputs; Wilson interval",
            {"p": {corpus.analysis.models[i]: tests[i].p for i in of}},
        )


def students_against_controls(corpus: Corpus) -> Iterator[Figure]:
    """AUROC of the family score."""
    for lab in corpus.labs():
        tests = _tests(corpus.analysis, _lab(corpus, lab))
        taught = {
            i: row["lineage_group"]
            for row, i, _ in corpus.students(preference=True)
            if row["teacher_family"] == lab and i in tests
        }
        of = {i: g for i, g in corpus.controls(lab).items() if i in tests}
        yield corpus.auroc(
            f"AUROC, documented students of {lab} models against controls",
            [tests[i].score for i in taught],
            list(taught.values()),
            [tests[i].score for i in of],
            list(of.values()),
            "≥ 0.97",
            "family score, each model tested with its relatives left out of the null",
        )


def detection(corpus: Corpus) -> Iterator[Figure]:
    """Share of each teacher's students found at 5% false alarms."""
    for teachers, taught in sorted(corpus.teacher_sets().items()):
        which = _set(corpus, teachers)
        name = f"detection at 5% false alarms: {teachers}"
        tests = _tests(corpus.analysis, which)
        tested = {i: g for i, g in taught.items() if i in tests}
        if not tested:
            why = f"untestable: {len(which.null)} models cannot have learnt from it, {cal.LEAST_NULL} are needed"
            yield Figure(name, corpus.name, None, None, None, len(taught), "", why, {})
            continue
        value, low, high = corpus.mean([float(tests[i].p <= ALPHA) for i in tested], list(tested.values()))
        null = [tests[u].score for u in which.null if u in tests]
        scores = [tests[i].score for i in tested]
        yield Figure(
            name,
            corpus.name,
            value,
            low,
            high,
            len(tested),
            "",
            "one-sided p ≤ 0.05 against models not taught by the lab",
            {
                "at_0.01": float(np.mean([tests[i].p <= STRICT for i in tested])),
                "above_every_null_model": float(np.mean([x > max(null) for x in scores])) if null else None,
                "auroc": auc(scores, null) if null else None,
                "null_models": len(null),
                "p": {corpus.analysis.models[i]: tests[i].p for i in tested},
            },
        )


def power_curve(corpus: Corpus, curve: Sequence[int]) -> Iterator[Figure]:
    """Prompts at which 80% of a teacher's students are found at 5% false alarms."""
    total = len(corpus.analysis.prints.prompts)
    sets = corpus.teacher_sets()
    points: dict[str, dict[int, float]] = {key: {} for key in sets}
    for n in [*sorted(c for c in curve if c < total), total]:
        rates: dict[str, list[float]] = {key: [] for key in sets}
        for _ in range(1 if n == total else CURVE_DRAWS):
            prints = corpus.analysis.prints
            if n < total:
                prints = prints.subset(corpus.rng.choice(total, size=n, replace=False).tolist())
            matrices = [similarity.matrix(prints, name) for name in FAMILY]
            for key, taught in sets.items():
                tests = families.family_tests(matrices, corpus.analysis.facts, _set(corpus, key))
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
            corpus.name,
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
