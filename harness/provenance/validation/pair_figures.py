"""Figures of pairs: does the exact teacher come first, and does a model without a relative get none?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats as sps

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import positives
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.evidence import ALPHA, EVIDENCE, VERSION
from harness.provenance.validation.figures import STRICT, Corpus, Figure, Scored, auc

Index = npt.NDArray[np.int64]


def null_uniform(corpus: Corpus) -> Iterator[Figure]:
    """Kolmogorov-Smirnov test of the p-values of unrelated pairs, and of unrelated labs."""
    a = corpus.analysis
    for what, scores, p in (("pairs", a.scores, a.dated.p), ("labs", a.labs.scores, a.lab_p)):
        name = f"p-values of unrelated {what} uniform (KS p)"
        values = p[scores.unrelated & ~np.isnan(p)]
        if not len(values):
            yield corpus.nothing(name, "no unrelated pairs", "> 0.05")
            continue
        yield Figure(
            name,
            corpus.name,
            float(sps.kstest(values, "uniform").pvalue),
            None,
            None,
            len(values),
            "> 0.05",
            "each against the null pairs of models unrelated to it; pairs share models, so the test is indicative",
            {"share_below_0.05": float(np.mean(values <= ALPHA))},
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """A student and one of its candidates, with what they score, and what the candidate scores with strangers."""

    student: int
    candidate: int
    lineage: str
    true: bool
    sibling: bool
    score: float
    popularity: float


def _pairs(corpus: Scored, *, other: bool = False) -> list[_Pair]:
    """Every documented student with every candidate that it is ranked by."""
    popular = popularity_of(corpus.facts, corpus.candidates, corpus.z)
    found = []
    for row, student, teachers in corpus.students(other=other):
        ranked = corpus.ranked(student, teachers, teachers)
        labs = {corpus.facts[t].lab for t in teachers}
        if not set(teachers) & {c for c, _ in ranked}:
            continue
        for c, score in ranked:
            true, sibling = c in teachers, corpus.facts[c].lab in labs
            popularity = float(popular[student, corpus.column[c]])
            found.append(_Pair(student, c, row["lineage_group"], true, sibling, score, popularity))
    return found


def popularity_of(facts: Sequence[ModelFacts], candidates: Sequence[int], z: Matrix) -> Matrix:
    """Models x candidates: the candidate's mean score over models that are related to neither of the two."""
    free = (~cal.relations(facts)).astype(float)
    strangers = np.stack([~cal.relations(facts)[:, c] for c in candidates], axis=1)
    known = strangers & ~np.isnan(z)
    count = free @ known
    total = free @ np.where(known, z, 0.0)
    mean: Matrix = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return mean


def pairs(corpus: Scored, *, siblings: bool, other: bool = False) -> Figure:
    """AUROC of true student-teacher pairs."""
    rows = [pair for pair in _pairs(corpus, other=other) if pair.true or siblings or not pair.sibling]
    yes, no = [r for r in rows if r.true], [r for r in rows if not r.true]
    against = "the rest" if siblings else "other labs' models"
    return corpus.auroc(
        f"AUROC, true student-teacher pairs{_of(other=other)} against {against}",
        [r.score for r in yes],
        [r.lineage for r in yes],
        [r.score for r in no],
        [r.lineage for r in no],
        "≥ 0.94" if siblings else "≥ 0.97",
        "candidates released before the student and of another base family",
        paired=True,
    )


def _of(*, other: bool) -> str:
    return " of labs other than the commonest" if other else ""


def popularity(corpus: Scored) -> Iterator[Figure]:
    """What the same AUROC is by the candidate's popularity alone, with no look at the pair, and the margin over it."""
    rows = _pairs(corpus)
    name = "AUROC by popularity alone, the baseline"
    if not rows:
        yield corpus.nothing(name, "no pairs to compare", "")
        return
    base = np.array([r.popularity for r in rows])
    true = np.array([r.true for r in rows])

    def alone(picked: Index) -> float:
        return auc(base[picked][true[picked]], base[picked][~true[picked]])

    low, high = corpus.interval([r.lineage for r in rows], alone)
    value, note = alone(np.arange(len(rows))), "a candidate's mean score over strangers"
    yield Figure(name, corpus.name, value, low, high, int(true.sum()), "", note, {})
    yield _margin(corpus, rows, base, "popularity")


def margin_over(corpus: Scored, other: Matrix, name: str) -> Figure:
    """How much better the same pairs are ranked than by another detector's scores.

    Args:
        corpus: the corpus.
        other: models x candidates, the other's scores.
        name: the other detector's.
    """
    rows = _pairs(corpus)
    if not rows:
        return corpus.nothing(f"AUROC's margin over {name}", "no pairs to compare", "")
    return _margin(corpus, rows, np.array([other[r.student, corpus.column[r.candidate]] for r in rows]), name)


def _margin(corpus: Scored, rows: Sequence[_Pair], base: Matrix, name: str) -> Figure:
    true, score = np.array([r.true for r in rows]), np.array([r.score for r in rows])

    def margin(picked: Index) -> float:
        yes, no = picked[true[picked]], picked[~true[picked]]
        return auc(score[yes], score[no]) - auc(base[yes], base[no])

    low, high = corpus.interval([r.lineage for r in rows], margin)
    note = "interval over lineage groups, both AUROCs of the same draws"
    value = margin(np.arange(len(rows)))
    return Figure(f"AUROC's margin over {name}", corpus.name, value, low, high, int(true.sum()), "> 0", note, {})


def within_suspect(corpus: Scored, *, other: bool = False) -> Figure:
    """Mean over students of the AUROC among a student's own candidates: what a report's order is worth."""
    rows, values, groups = _pairs(corpus, other=other), [], []
    for student in dict.fromkeys(pair.student for pair in rows):
        mine = [pair for pair in rows if pair.student == student]
        inside = auc([r.score for r in mine if r.true], [r.score for r in mine if not r.true])
        if not math.isnan(inside):
            values.append(inside)
            groups.append(mine[0].lineage)
    value, low, high = corpus.mean(values, groups)
    name = f"AUROC within suspect{_of(other=other)}, mean over students"
    note = "true teachers against the same student's others"
    return Figure(name, corpus.name, value, low, high, len(values), "", note, {})


def against_null(corpus: Scored, *, other: bool = False) -> Figure:
    """Mean over documented pairs of the share of the candidate's null models that the student is above."""
    values, groups = [], []
    for pair in _pairs(corpus, other=other):
        null = corpus.null(pair.student, corpus.column[pair.candidate]) if pair.true else ()
        if len(null):
            values.append(auc([pair.score], null))
            groups.append(pair.lineage)
    value, low, high = corpus.mean(values, groups)
    name = f"AUROC, students{_of(other=other)} against the candidate's null"
    note = "mean over documented pairs; a model related to the student is left out"
    return Figure(name, corpus.name, value, low, high, len(values), "", note, {})


def teacher_first(corpus: Scored, *, other: bool = False) -> Figure:
    """Share of students whose nearest candidate is a documented teacher (or fellow student, if it is absent).

    Beside it the best constant answer: the one candidate that is right most often, whoever is asked.
    """
    hits, groups, lines, confounded, by_lab = [], [], {}, [], []
    constant: Counter[int] = Counter()
    constant_lab: Counter[str | None] = Counter()
    for row, student, teachers in corpus.students(other=other):
        wanted = set(teachers)
        if not wanted:
            names = set(row["teachers"].split(";"))
            wanted = {j for r, j, _ in corpus.students() if j != student and names & set(r["teachers"].split(";"))}
        ranked = sorted(corpus.ranked(student, teachers, wanted), key=lambda x: -x[1])
        open_ = wanted & {c for c, _ in ranked}
        if not open_:
            confounded.append(row["student"])
            continue
        first = ranked[0][0]
        hits.append(float(first in wanted))
        labs = {corpus.facts[t].lab for t in wanted}
        by_lab.append(float(first in wanted or corpus.facts[first].lab in labs))
        constant.update(open_)
        constant_lab.update({corpus.facts[t].lab for t in open_})
        groups.append(row["lineage_group"])
        lines[row["student"]] = [corpus.models[c] for c, _ in ranked[:3]]
    value, low, high = corpus.mean(hits, groups)
    n = len(hits)
    best, best_lab = (next((c / n for _, c in of.most_common(1)), None) for of in (constant, constant_lab))
    lab_first, lab_low, lab_high = corpus.mean(by_lab, groups)
    said = (
        f"always the same answer: {best:.2f}; lab first {lab_first:.2f}, always the same lab {best_lab:.2f}; "
        if best is not None and best_lab is not None and lab_first is not None
        else ""
    )
    return Figure(
        f"exact teacher first{_of(other=other)}, same pool",
        corpus.name,
        value,
        low,
        high,
        n,
        "≥ 0.75",
        f"{said}{len(confounded)} more students cannot be tested: no teacher is left once later models and the "
        "student's own base family are set apart",
        {
            "first_three": lines,
            "untestable": confounded,
            "best_constant": best,
            "teacher_lab_first": lab_first,
            "teacher_lab_first_interval": [lab_low, lab_high],
            "best_constant_lab": best_lab,
        }
        if hits or confounded
        else {},
    )


def pair_detection(corpus: Corpus) -> Iterator[Figure]:
    """Share of each single teacher's students whose p-value with it is at most 5%."""
    found = positives.documented(corpus.analysis, corpus.labels)
    for teacher in sorted({pair.teacher for pair in found}):
        mine = [pair for pair in found if pair.teacher == teacher]
        value, low, high = corpus.mean([float(pair.p <= ALPHA) for pair in mine], [pair.lineage for pair in mine])
        yield Figure(
            f"pair found at 5% false alarms: {teacher}",
            corpus.name,
            value,
            low,
            high,
            len(mine),
            "",
            "the student's p-value with this teacher, against unrelated pairs",
            {"at_0.01": float(np.mean([pair.p <= STRICT for pair in mine]))},
        )


def ratio_cost(corpus: Corpus) -> Figure:
    """How well likelihood ratios hold on lineages of students that they were not fitted on."""
    name, reach = "cost of likelihood ratios, lineages left out (Cllr; 1 says nothing)", "< 1"
    scores = corpus.analysis.scores
    found = positives.documented(corpus.analysis, corpus.labels)
    value = positives.cost(found, scores.z[scores.unrelated & ~np.isnan(scores.z)])
    if value is None:
        return corpus.nothing(name, "too few lineages of documented students: no ratio is given", reach)
    detail = {"lineages": len({pair.lineage for pair in found})}
    return Figure(name, corpus.name, value, None, None, len(found), reach, "0 is perfect", detail)


def version_first(corpus: Corpus, name: str, kinds: Sequence[str], reach: str) -> Figure:
    """Share of versions whose nearest model is of the family of the model they are a version of."""
    a = corpus.analysis
    raw = a.raw(EVIDENCE if kinds[0] == "same_base" else VERSION)
    hits, exact, lines = [], [], {}
    for row in corpus.labels.students:
        student = corpus.row(row["student"])
        if student is None or not any((row["strength"] or "").startswith(k) for k in kinds):
            continue
        of = [t for n in row["teachers"].split(";") if (t := corpus.row(n)) is not None]
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
    value, low, high = corpus.mean(hits, list(lines))
    return Figure(
        name,
        corpus.name,
        value,
        low,
        high,
        len(hits),
        reach,
        "nearest by raw similarity; for one model restyled, by what is said to the same prompt (phrasing, words)",
        {"exact": float(np.mean(exact)), "first": lines} if exact else {},
    )


def none_rate(corpus: Corpus) -> Figure:
    """Share of models answered `none` when every lab that is asked about cannot have taught them.

    Models that are candidates themselves are reported apart: a later model may have learnt from them.
    """
    a = corpus.analysis
    labs = a.labs
    apart = np.flatnonzero(labs.scores.unrelated.any(axis=1))
    answers, groups, teachers, named = [], [], [], {}
    for s, me in enumerate(a.facts):
        if me.copy_of or me.released is None:
            continue
        p = {}
        for k, lab in enumerate(labs.names):
            of = [a.facts[labs.candidates[b]] for b in labs.members[k]]
            later = any(me.before(fact) for fact in of) and not any(fact.bases & me.bases for fact in of)
            if later and labs.scores.null[s, k] and not np.isnan(a.lab_p[s, k]):
                p[lab] = float(a.lab_p[s, k])
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
    value, low, high = corpus.mean(answers, groups)
    return Figure(
        "model with no relative in the pool answered none",
        corpus.name,
        value,
        low,
        high,
        len(answers),
        "≥ 0.95",
        "asked about the models of every lab that were released after it, on another base",
        {"named": named, "possible_teachers": float(np.mean(teachers)) if teachers else None} if answers else {},
    )
