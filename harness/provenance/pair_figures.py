"""Figures of pairs: does the exact teacher come first, and does a model without a relative get none?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats as sps

from harness.provenance import calibration as cal
from harness.provenance import evidence, positives
from harness.provenance.evidence import ALPHA, EVIDENCE, VERSION
from harness.provenance.figures import STRICT, Corpus, Figure


def null_uniform(corpus: Corpus) -> Figure:
    """Kolmogorov-Smirnov test of unrelated pairs' p-values; ties broken at random so that the law is continuous."""
    a = corpus.analysis
    kin = cal.relations(a.facts)
    z, null = a.scores.z, a.scores.unrelated & ~np.isnan(a.scores.z)
    u = []
    for s, b in zip(*np.nonzero(null), strict=True):
        pool = z[null & ~kin[s][:, None]]
        if len(pool) >= cal.LEAST_NULL:
            u.append(((pool > z[s, b]).sum() + corpus.rng.random()) / (len(pool) + 1))
    if not u:
        return corpus.nothing("p-values of unrelated pairs uniform (KS p)", "no unrelated pairs", "> 0.05")
    p = float(sps.kstest(u, "uniform").pvalue)
    below = float(np.mean(np.array(u) <= ALPHA))
    return Figure(
        "p-values of unrelated pairs uniform (KS p)",
        corpus.name,
        p,
        None,
        None,
        len(u),
        "> 0.05",
        "each pair against the null pairs of models unrelated to it; pairs share models, so the test is indicative",
        {"share_below_0.05": below},
    )


def pairs(corpus: Corpus, *, siblings: bool) -> Figure:
    """AUROC of true student-teacher pairs."""
    true, true_of, rest, rest_of = [], [], [], []
    for row, student, teachers in corpus.students():
        ranked = corpus.ranked(student, teachers, teachers)
        labs = {corpus.analysis.facts[t].lab for t in teachers}
        if not set(teachers) & {c for c, _ in ranked}:
            continue
        for c, score in ranked:
            if c in teachers:
                true.append(score)
                true_of.append(row["lineage_group"])
            elif siblings or corpus.analysis.facts[c].lab not in labs:
                rest.append(score)
                rest_of.append(row["lineage_group"])
    against = "the rest" if siblings else "other labs' models"
    return corpus.auroc(
        f"AUROC, true student-teacher pairs against {against}",
        true,
        true_of,
        rest,
        rest_of,
        "≥ 0.95",
        "candidates released before the student and of another base family; calibrated z",
        paired=True,
    )


def teacher_first(corpus: Corpus) -> Figure:
    """Share of students whose nearest candidate is a documented teacher (or fellow student, where it is absent)."""
    hits, groups, lines, confounded, by_lab = [], [], {}, [], []
    for row, student, teachers in corpus.students():
        wanted = set(teachers)
        if not wanted:
            names = set(row["teachers"].split(";"))
            wanted = {j for r, j, _ in corpus.students() if j != student and names & set(r["teachers"].split(";"))}
        ranked = sorted(corpus.ranked(student, teachers, wanted), key=lambda x: -x[1])
        if not wanted & {c for c, _ in ranked}:
            confounded.append(row["student"])
            continue
        first = ranked[0][0]
        hits.append(float(first in wanted))
        labs = {corpus.analysis.facts[t].lab for t in wanted}
        by_lab.append(float(first in wanted or corpus.analysis.facts[first].lab in labs))
        groups.append(row["lineage_group"])
        lines[row["student"]] = [corpus.analysis.models[c] for c, _ in ranked[:3]]
    value, low, high = corpus.mean(hits, groups)
    return Figure(
        "exact teacher first, same pool",
        corpus.name,
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
            "teacher_lab_first": corpus.mean(by_lab, groups)[0],
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
    """Share of models answered `none` when every candidate was released after them.

    Models that are candidates themselves are reported apart: a later model may have learnt from them.
    """
    a = corpus.analysis
    kin = cal.relations(a.facts)
    apart = np.flatnonzero(a.scores.unrelated.any(axis=1))
    answers, groups, teachers, named = [], [], [], {}
    for s, me in enumerate(a.facts):
        if me.copy_of or me.released is None:
            continue
        p = {
            a.models[c]: float(a.p[s, b])
            for b, c in enumerate(a.candidates)
            if me.before(a.facts[c]) and not kin[s, c] and not a.facts[c].bases & me.bases and not np.isnan(a.p[s, b])
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
    value, low, high = corpus.mean(answers, groups)
    return Figure(
        "model with no relative in the pool answered none",
        corpus.name,
        value,
        low,
        high,
        len(answers),
        "≥ 0.90",
        "every candidate was released after the model, by another lab, on another base",
        {"named": named, "possible_teachers": float(np.mean(teachers)) if teachers else None} if answers else {},
    )


def named(corpus: Corpus) -> Figure:
    """Share of students for whom the verdict names a candidate, at 5% false discovery rate."""
    hits, groups, right, lines = [], [], [], {}
    for row, _, teachers in corpus.students():
        found = [f for f in evidence.pair_tests(corpus.analysis, row["student"]) if f.verdict == "resembles"]
        hits.append(float(bool(found)))
        groups.append(row["lineage_group"])
        if found:
            labs = {corpus.analysis.facts[t].lab for t in teachers}
            right.append(float(corpus.analysis.facts[corpus.analysis.index(found[0].candidate)].lab in labs))
            lines[row["student"]] = [f.candidate for f in found[:3]]
    value, low, high = corpus.mean(hits, groups)
    return Figure(
        "verdict names a candidate for a documented student",
        corpus.name,
        value,
        low,
        high,
        len(hits),
        "",
        "false discovery rate 5% over the student's candidates",
        {"first_is_of_teachers_lab": float(np.mean(right)) if right else None, "named": lines} if hits else {},
    )
