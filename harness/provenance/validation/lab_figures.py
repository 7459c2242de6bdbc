"""Figures of verdicts: which labs are named, rightly and wrongly, and how far that hangs on one candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats as sps

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence, positives
from harness.provenance.comparison.evidence import ALPHA, EVIDENCE, Analysis, lab_tests
from harness.provenance.validation.figures import STRICT, Corpus, Figure, Scored

CURVE_DRAWS = 3
POWER = 0.8
BOUND = 0.95
"""Of the upper bound of an error rate."""
DEEP = 0.001
"""Where a tail is looked at beside 1%."""


def upper_bound(errors: int, of: int) -> float:
    """The upper 95% bound of an error rate (Clopper and Pearson 1934), one-sided."""
    return 1.0 if errors >= of else float(sps.beta.ppf(BOUND, errors + 1, of - errors))


def controls_accused(corpus: Scored) -> Iterator[Figure]:
    """Share of controls of which a report names a lab that is documented not to have taught them."""
    for lab in corpus.labs():
        of = [corpus.models[i] for i in corpus.controls(lab)]
        accused = [name for name in of if f"lab {lab}" in corpus.named[name]]
        yield _errors(
            corpus,
            f"controls accused by any sentence of a report ({lab})",
            accused,
            len(of),
            "0 or 1 of 15",
            "controls of which a report names the lab; no sentence names a model of a lab that is not named",
        )


def unrelated_named(corpus: Scored) -> Figure:
    """Share of documented-unrelated pairs of a model and a lab that a report names."""
    pairs = [
        (fact.name, f"lab {lab}")
        for fact in corpus.facts
        for lab in sorted(fact.not_taught_by)
        if f"lab {lab}" in corpus.tested[fact.name]
    ]
    accused = [f"{name}: {lab}" for name, lab in pairs if lab in corpus.named[name]]
    name = "documented-unrelated pairs of model and lab that are named"
    return _errors(corpus, name, accused, len(pairs), "≤ 0.05", "of those that can be tested")


def _errors(corpus: Scored, name: str, which: Sequence[str], of: int, reach: str, note: str) -> Figure:
    if not of:
        return corpus.nothing(name, "nobody is documented", reach)
    bound = upper_bound(len(which), of)
    note = f"{note}; upper 95% bound {bound:.2f}"
    return Figure(name, corpus.name, len(which) / of, None, bound, of, reach, note, {"accused": list(which)})


def labs_named(corpus: Scored, *, other: bool = False) -> Iterator[Figure]:
    """Share of students for whom a report names their teacher's lab, and of those named, share with a wrong lab.

    Args:
        corpus: the corpus.
        other: whether to look at students of other labs than the commonest alone.
    """
    right, wrong, first, groups, lines = [], [], [], [], {}
    for row, _, teachers in corpus.students(other=other):
        name = row["student"]
        true = {f"lab {row['teacher_family']}", *(cal.lab_of(corpus.facts[t]) for t in teachers)}
        found = corpus.named[name]
        right.append(float(bool(true & set(found))))
        groups.append(row["lineage_group"])
        if found:
            wrong.append(float(bool(set(found) - true)))
            first.append(float(found[0] not in true))
            lines[name] = list(found)
    of = " of labs other than the commonest" if other else ""
    value, low, high = corpus.mean(right, groups)
    note = f"{int(sum(right))} of {len(right)}; {corpus.rule}"
    detail = {"named": lines, "named_at_all": len(lines), "any_wrong": int(sum(wrong))}
    yield Figure(
        f"students{of} named with their teacher's lab",
        corpus.name,
        value,
        low,
        high,
        len(right),
        "≥ 0.55",
        note,
        detail,
    )
    wrongly = float(np.mean(first)) if first else None
    note = f"{int(sum(first))} by the first lab named, {int(sum(wrong))} by any"
    yield Figure(
        f"named students{of} whose first lab is wrong", corpus.name, wrongly, None, None, len(first), "≤ 0.03", note, {}
    )


def coverage(corpus: Corpus) -> Figure:
    """How often the set of labs holds the teacher's, lineages left out."""
    name = f"teacher's lab in the set of labs, lineages left out (nominal {positives.COVERAGE:g})"
    known = positives.gaps(corpus.analysis, corpus.pairs())
    cuts = {lineage: positives.cut(known, lineage) for lineage in {gap.lineage for gap in known}}
    inside, groups, sizes = [], [], []
    for gap in known:
        cut = cuts[gap.lineage]
        if cut is None:
            continue
        scores = np.array(list(positives.lab_scores(corpus.analysis, gap.student).values()))
        inside.append(float(gap.gap <= cut))
        groups.append(gap.lineage)
        sizes.append(int((scores.max() - scores <= cut).sum()))
    if not inside:
        return corpus.nothing(name, "too few lineages of documented students", "≥ 0.90")
    value, low, high = corpus.mean(inside, groups)
    note = f"{np.mean(sizes):.1f} labs on average, one lab for {np.mean(np.array(sizes) == 1):.2f}"
    return Figure(name, corpus.name, value, low, high, len(inside), "≥ 0.90", note, {"sizes": sizes})


def tail(corpus: Corpus) -> Iterator[Figure]:
    """How many unrelated pairs, and unrelated labs, lie beyond small p-values, and how many are expected there."""
    a = corpus.analysis
    for what, scores, p in (("pairs", a.scores, a.dated.p), ("labs", a.labs.scores, a.lab_p)):
        values = p[scores.unrelated & ~np.isnan(p)]
        if not len(values):
            continue
        beyond = {str(level): int((values <= level).sum()) for level in (STRICT, DEEP)}
        expected = {str(level): round(level * len(values), 1) for level in (STRICT, DEEP)}
        said = ", ".join(f"{beyond[at]} at p ≤ {at} where {expected[at]} are expected" for at in beyond)
        yield Figure(
            f"unrelated {what} with p ≤ {DEEP}",
            corpus.name,
            beyond[str(DEEP)] / len(values),
            None,
            None,
            len(values),
            f"≤ {DEEP}",
            f"each pair's relatives left out of the tail it is read against; {said}",
            {"beyond": beyond, "expected": expected},
        )


def untestable(corpus: Corpus) -> Figure:
    """Share of pairs without a rival explanation that cannot be tested, and of those tested, against all dates."""
    a = corpus.analysis
    apart = evidence.open_pairs(a.facts, a.scores.candidates.tolist())
    value = float(np.isnan(a.p[apart]).mean()) if apart.any() else None
    dates = float(np.isnan(a.dated.p[apart]).mean()) if apart.any() else None
    weaker = float(a.weaker[apart].mean()) if apart.any() else None
    note = "of pairs with no rival explanation"
    note += "" if dates is None else f"; {dates:.2f} by dates alone, {weaker:.2f} are read against all dates"
    return Figure("pairs that cannot be tested", corpus.name, value, None, None, int(apart.sum()), "≤ 0.15", note, {})


def weaker_named(corpus: Corpus) -> Figure:
    """Share of pairs known to be unrelated that the all-date null would name.

    A model and a lab are known to be unrelated if the model cannot have learnt from any of its candidates.
    """
    name, a = "unrelated pairs that the all-date null names", corpus.analysis
    if a.every_date is None:
        return corpus.nothing(name, "every pair has a dated null", "≤ 0.05")
    apart = np.stack([a.scores.null[:, m].all(axis=1) for m in a.labs.members], axis=1)
    hits = []
    for s in np.flatnonzero(apart.any(axis=1)):
        p = {k: v[~np.isnan(v)] for k, m in enumerate(a.labs.members) if len(v := a.every_date.p[s, m])}
        least = {k: min(cal.benjamini_hochberg(v.tolist())) for k, v in p.items() if len(v)}
        versions = [len(p[k]) for k in least]
        q = dict(zip(least, cal.benjamini_hochberg(list(least.values()), versions), strict=True))
        hits += [float(q[k] <= ALPHA) for k in np.flatnonzero(apart[s]).tolist() if k in q]
    if not hits:
        return corpus.nothing(name, "no pair is known to be unrelated", "≤ 0.05")
    n, wrong = len(hits), int(sum(hits))
    note = f"{wrong} of {n} pairs of a model and a lab; upper 95% bound {upper_bound(wrong, n):.2f}"
    return Figure(name, corpus.name, wrong / n, None, upper_bound(wrong, n), n, "≤ 0.05", note, {})


def stability(corpus: Corpus) -> Figure:
    """Share of verdicts whose labs change when one candidate is left out, over all models and candidates."""
    a, name = corpus.analysis, "verdicts whose labs change when one candidate is left out"
    columns = a.scores.candidates.tolist()
    used = {channel: a.matrices[channel] for channel in EVIDENCE}
    who = [fact.name for fact in a.facts if not fact.copy_of and corpus.tested[fact.name]]
    changed: Counter[str] = Counter()
    total = 0
    for left in columns if len(columns) > 2 else ():  # noqa: PLR2004
        rest = [c for c in columns if c != left]
        without = evidence.calibrated(a.prints, a.facts, rest, used)
        gone = {cal.lab_of(a.facts[left])} - {cal.lab_of(a.facts[c]) for c in rest}
        for model in who:
            now = set(evidence.named(without, model))
            changed[a.models[left]] += now != set(corpus.named[model]) - gone
            total += 1
    if not total:
        return corpus.nothing(name, "nobody can be tested", "≤ 0.05")
    most = ", ".join(f"{left} {n}" for left, n in changed.most_common(3) if n) or "none changes any"
    note = f"{changed.total()} of {total}; most by leaving out {most} (of {len(who)} models)"
    value = changed.total() / total
    return Figure(name, corpus.name, value, None, None, total, "≤ 0.05", note, {"by_candidate": dict(changed)})


def _lab_p(analysis: Analysis, student: int, teachers: Sequence[int]) -> float | None:
    """The p-value of a student with its teachers' lab. `None` if it cannot be tested."""
    of = {cal.lab_of(analysis.facts[t]) for t in teachers}
    return min((test.p for test in lab_tests(analysis, analysis.models[student]) if test.lab in of), default=None)


def detection(corpus: Corpus) -> Iterator[Figure]:
    """Share of each teacher's students found at 5% false alarms."""
    for teachers, taught in sorted(corpus.teacher_sets().items()):
        of = [t for n in teachers.split(";") if (t := corpus.row(n)) is not None]
        found = {i: p for i in taught if (p := _lab_p(corpus.analysis, i, of)) is not None}
        name = f"lab found at 5% false alarms: {teachers}"
        if not found:
            yield Figure(name, corpus.name, None, None, None, len(taught), "", "untestable: no null", {})
            continue
        value, low, high = corpus.mean([float(p <= ALPHA) for p in found.values()], [taught[i] for i in found])
        yield Figure(
            name,
            corpus.name,
            value,
            low,
            high,
            len(found),
            "",
            "p ≤ 0.05 of the mean score with the lab's two nearest versions",
            {
                "at_0.01": float(np.mean([p <= STRICT for p in found.values()])),
                "p": {corpus.analysis.models[i]: p for i, p in found.items()},
            },
        )


def power_curve(corpus: Corpus, curve: Sequence[int]) -> Iterator[Figure]:
    """Prompts at which 80% of a teacher's students are found at 5% false alarms."""
    a = corpus.analysis
    total = len(a.prints.prompts)
    sets = corpus.teacher_sets()
    points: dict[str, dict[int, float]] = {key: {} for key in sets}
    for n in [*sorted(c for c in curve if c < total), total]:
        rates: dict[str, list[float]] = {key: [] for key in sets}
        for _ in range(1 if n == total else CURVE_DRAWS):
            part = a if n == total else _on(corpus, n)
            for key, taught in sets.items():
                of = [t for name in key.split(";") if (t := corpus.row(name)) is not None]
                found = [p for i in taught if (p := _lab_p(part, i, of)) is not None]
                rates[key] += [float(p <= ALPHA) for p in found]
        for key, hits in rates.items():
            if hits:
                points[key][n] = float(np.mean(hits))
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


def _on(corpus: Corpus, prompts: int) -> Analysis:
    """The analysis of so many random prompts."""
    a = corpus.analysis
    prints = a.prints.subset(corpus.rng.choice(len(a.prints.prompts), size=prompts, replace=False).tolist())
    return evidence.analyse(prints, a.facts, a.scores.candidates.tolist())
