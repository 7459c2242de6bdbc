"""What a panel's own models show of it: each is taken as a suspect of whom nothing but its month is told.

Its lab, its base, its relations and its own name are hidden, and its own answers are not in the panel: what is found
is what a stranger under another name would be told. Nothing is fitted here, and documented relations are read only to
judge what was found. A model whose lab has another one in the panel may be recognised by its kin. One whose lab has
none should be named with nobody.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core import one_thread
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence, same, similarity
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.evidence import Analysis
from harness.provenance.comparison.same import Sameness
from harness.provenance.panels import panel
from harness.provenance.panels.panel import Panel
from harness.provenance.validation.figures import Figure
from harness.stats import wilson

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What is said of one of a panel's models when nobody knows whose it is.

    Attributes:
        suspect: its name.
        lab: its own, as `calibration.lab_of` calls it.
        named: labs that a verdict names, the strongest first, with q.
        tested: labs that could be tested.
        open: candidates that nothing sets apart, and how many of them could not be tested.
        nearest: the candidate with the highest calibrated score, and the score. `None` if none has one. Everybody is
            read against the same null, all models of other labs: who is nearest is no question of dates.
        nearest_dated: the same with each candidate read against its own null, dated if it has one.
        alike: the candidate whose raw similarity is highest.
        same: what the same-model test says.
        told: labs that a verdict names when all that is documented of the model is told, as `named`.
    """

    suspect: str
    lab: str
    named: tuple[tuple[str, float], ...]
    tested: frozenset[str]
    open: tuple[int, int]
    nearest: tuple[str, float] | None
    nearest_dated: str | None
    alike: str | None
    same: Sameness | None
    told: tuple[tuple[str, float], ...] = ()


@one_thread()
def looks(made: Panel, prompts: int | None = None, suspects: Collection[str] | None = None) -> list[Look]:
    """Take every model of a panel as a suspect.

    Args:
        made: the panel.
        prompts: how many of its prompts each is asked, in the panel's order. By default all.
        suspects: these models alone.
    """
    prints = panel.first(made, len(made.prompts) if prompts is None else prompts)
    facts = [made.facts[model] for model in prints.models]
    columns = [i for i, model in enumerate(prints.models) if made.entries[model].candidate]
    matrices = {name: similarity.matrix(prints, name) for name in evidence.EVIDENCE}
    raw = similarity.standardised(matrices.values(), len(facts))
    whole = evidence.calibrated(prints, facts, columns, matrices)
    found = []
    for s, fact in enumerate(facts):
        if suspects is not None and fact.name not in suspects:
            continue
        told = [*facts[:s], ModelFacts(fact.name, released=fact.released), *facts[s + 1 :]]
        analysis = evidence.calibrated(prints, told, columns, matrices)
        sameness = same.nearest(prints, told, fact.name, made.same, values=matrices[same.CHANNEL])
        look = _look(analysis, s, cal.lab_of(fact), raw, sameness)
        found.append(dataclasses.replace(look, told=_named(whole, fact.name)))
    return found


def _look(analysis: Analysis, s: int, lab: str, raw: Matrix, sameness: Sameness | None) -> Look:
    name, models = analysis.models[s], analysis.models
    fit = [c for c in analysis.candidates if c != s and analysis.testable[s, analysis.columns[models[c]]]]
    alike = analysis.z if analysis.every_date is None else analysis.every_date.scores.z
    columns = [c for c in analysis.candidates if c != s]
    best = _highest({models[c]: float(alike[s, analysis.columns[models[c]]]) for c in columns})
    dated = _highest({models[c]: float(analysis.z[s, analysis.columns[models[c]]]) for c in columns})
    near = _highest({models[c]: float(raw[s, c]) for c in columns})
    return Look(
        suspect=name,
        lab=lab,
        named=_named(analysis, name),
        tested=frozenset(test.lab for test in evidence.lab_tests(analysis, name)),
        open=(len(fit), len(fit) - len(evidence.tested(analysis, name))),
        nearest=best,
        nearest_dated=None if dated is None else dated[0],
        alike=None if near is None else near[0],
        same=sameness,
    )


def _named(analysis: Analysis, name: str) -> tuple[tuple[str, float], ...]:
    """The labs that a verdict names, the strongest first, with q."""
    q = evidence.adjusted([evidence.lab_tests(analysis, name)])[0]
    return tuple(sorted(((lab, value) for lab, value in q.items() if value <= evidence.ALPHA), key=lambda row: row[1]))


def _highest(scores: dict[str, float]) -> tuple[str, float] | None:
    known = {name: score for name, score in scores.items() if not np.isnan(score)}
    best = max(known, key=lambda name: known[name], default=None)
    return None if best is None else (best, known[best])


def documented(made: Panel, one: str, other: str) -> str:
    """What is documented of two models of a panel that would make them alike. Empty if nothing is."""
    a, b = made.entries[one], made.entries[other]
    said = (
        (other in a.teachers or one in b.teachers, "taught"),
        (other in a.facts.copy_of or one in b.facts.copy_of, "version"),
        (bool(a.facts.copy_of & b.facts.copy_of), "versions of one model"),
        (a.facts.lab is not None and a.facts.lab == b.facts.lab, "lab"),
        (a.facts.lineage is not None and a.facts.lineage == b.facts.lineage, "lineage"),
        (bool(a.facts.bases & b.facts.bases), f"base {', '.join(sorted(a.facts.bases & b.facts.bases))}"),
    )
    return ", ".join(text for holds, text in said if holds)


def of_lab(made: Panel, model: str, lab: str) -> str:
    """What is documented of a model and any of a lab's models in the panel. Empty if nothing is."""
    kin = [o for o, entry in made.entries.items() if o != model and cal.lab_of(entry.facts) == lab]
    return ", ".join(sorted({why for other in kin for why in documented(made, model, other).split(", ") if why}))


def figures(made: Panel, seen: Sequence[Look]) -> list[Figure]:
    """The figures of a panel, each with its interval, n and what stands behind it.

    Args:
        made: the panel.
        seen: of `looks`.
    """
    return [
        *_students(made, seen),
        *_versions(made, seen),
        *_nearest(made, seen),
        _strangers(made, seen),
        _same_strangers(made, seen),
        _untestable(made, seen),
    ]


def _figure(made: Panel, name: str, hits: Sequence[bool], reach: str, note: str, detail: Iterable[Row] = ()) -> Figure:
    n = len(hits)
    value = float(np.mean(hits)) if n else None
    low, high = (None, None) if value is None else wilson(value, n)
    return Figure(name, made.name, value, low, high, n, reach, note, {"rows": list(detail)})


def _students(made: Panel, seen: Sequence[Look]) -> list[Figure]:
    """Documented students whose teacher's lab is named, and those said to be their teacher or one derived from it."""
    here = [look for look in seen if made.entries[look.suspect].teachers & set(made.entries)]
    rows = []
    for look in here:
        labs = {cal.lab_of(made.facts[t]) for t in made.entries[look.suspect].teachers if t in made.entries}
        found = bool(labs & {lab for lab, _ in look.told})
        rows.append(_row(look) | {"expected": _plain(made.entries[look.suspect].teachers), "found": found})
    return [
        _figure(
            made, "documented students named with their teacher's lab", [row["found"] for row in rows], "",
            "all that is documented of them told", rows,
        ),
        _figure(
            made, "… said to be their teacher, or a model derived from it",
            [_same(look, made.entries[look.suspect].teachers) for look in here], "", "by the same-model test",
        ),
    ]  # fmt: skip


def _versions(made: Panel, seen: Sequence[Look]) -> list[Figure]:
    """Documented versions: named as their original by the same-model test, nearest to it, or with its lab named."""
    here = [look for look in seen if made.facts[look.suspect].copy_of & set(made.entries)]
    rows = []
    for look in here:
        original = made.facts[look.suspect].copy_of
        kin = original | {o for o, e in made.entries.items() if e.facts.copy_of & original}
        rows.append(_row(look) | {"expected": _plain(original), "found": _same(look, kin)})
    near = [look.same is not None and look.same.other in {*made.facts[look.suspect].copy_of} for look in here]
    return [
        _figure(
            made, "documented versions named as the same model", [r["found"] for r in rows], "",
            "their original, or another version of it", rows,
        ),
        _figure(made, "… whose nearest model is their original", near, "", "by phrasing, named or not"),
    ]  # fmt: skip


def _nearest(made: Panel, seen: Sequence[Look]) -> list[Figure]:
    """How often the nearest candidate is of the model's own lab, if that has another one."""
    labs = Counter(cal.lab_of(entry.facts) for entry in made.entries.values() if entry.candidate)
    kin = [look for look in seen if labs[look.lab] > made.entries[look.suspect].candidate]
    lab = {name: cal.lab_of(entry.facts) for name, entry in made.entries.items()}
    scored = [look for look in kin if look.nearest is not None]
    wrong = [
        _row(look) | {"documented": documented(made, look.suspect, look.nearest[0])}
        for look in scored
        if look.nearest is not None and lab[look.nearest[0]] != look.lab
    ]
    biggest = labs.most_common(1)[0][0] if labs else ""
    tested = [look for look in kin if look.lab in look.tested]
    return [
        _figure(
            made, "nearest by calibrated score is of the same lab",
            [look.nearest is not None and lab[look.nearest[0]] == look.lab for look in scored], "≥ .75",
            "models whose lab has another candidate; later ones count", wrong,
        ),
        _figure(made, "… by raw similarity", [lab.get(look.alike or "") == look.lab for look in kin], "", ""),
        _figure(
            made, "… each candidate against its own null",
            [lab[look.nearest_dated] == look.lab for look in scored if look.nearest_dated is not None], "", "",
        ),
        _figure(made, "… always the lab with most models", [look.lab == biggest for look in kin], "", ""),
        _figure(
            made, "own lab named", [look.lab in {name for name, _ in look.named} for look in tested], "",
            "of models whose own lab could be tested",
        ),
    ]  # fmt: skip


def _strangers(made: Panel, seen: Sequence[Look]) -> Figure:
    """Pairs of a model and a lab that nothing relates, and which are named all the same."""
    hits, rows = [], []
    for look in seen:
        named = dict(look.named)
        for lab in sorted(look.tested - {look.lab}):
            why = of_lab(made, look.suspect, lab)
            if lab in named:
                rows.append(_row(look) | {"lab": _plain([lab]), "q": round(named[lab], 4), "documented": why})
            if not why:
                hits.append(lab in named)
    note = "a model and a lab of which nothing is documented; every naming of another lab is listed"
    return _figure(made, "unrelated labs named", hits, "≤ .05", note, rows)


def _same_strangers(made: Panel, seen: Sequence[Look]) -> Figure:
    """Suspects for whom the same-model test names a model that nothing relates them to."""
    asked = [look for look in seen if look.same is not None and look.same.threshold is not None]
    rows, hits = [], []
    for look in asked:
        other = look.same.other if look.same is not None else ""
        why = documented(made, look.suspect, other)
        hits.append(not why and _same(look, {other}))
        if _same(look, {other}) and (not why or made.facts[other].lab != made.facts[look.suspect].lab):
            rows.append(_row(look) | {"documented": why})
    note = "their own model is not there; every naming across labs is listed"
    return _figure(made, "suspects said to be an unrelated model", hits, "", note, rows)


def _untestable(made: Panel, seen: Sequence[Look]) -> Figure:
    every, out = (sum(look.open[i] for look in seen) for i in (0, 1))
    value = out / every if every else None
    return Figure(
        "pairs that cannot be tested", made.name, value, None, None, every, "", "of those nothing sets apart", {}
    )


def _same(look: Look, kin: Iterable[str]) -> bool:
    return look.same is not None and look.same.verdict in {"same", "strict"} and look.same.other in set(kin)


def _row(look: Look) -> Row:
    """What was found of a suspect, in short."""
    return {
        "suspect": look.suspect,
        "labs": ", ".join(f"{_plain([lab])} (q {q:.3f})" for lab, q in look.named) or "none",
        "nearest": "" if look.nearest is None else f"{look.nearest[0]} {look.nearest[1]:.1f}",
        "same": "" if look.same is None else f"{look.same.other} {look.same.score:.1f} {look.same.verdict}",
    }


def _plain(labs: Iterable[str]) -> str:
    return ", ".join(sorted(lab.removeprefix("lab ").removeprefix("model ") for lab in labs))


def rows(seen: Iterable[Look]) -> list[Row]:
    """One row per suspect, for a table: its lab, what was named, what is nearest, whom it is said to be."""
    return [{"lab": _plain([look.lab]), **_row(look)} for look in seen]


def text(made: Panel, found: Iterable[Figure]) -> str:
    """Figures as plain text: one line each, and below it the suspects that it is about."""

    def show(x: float | None) -> str:
        return "–" if x is None else f"{x:.3f}"

    lines = [f"{made.name}: {len(made.entries)} models, {len(made.prompts)} prompts, each model taken as a suspect"]
    for figure in found:
        interval = "" if figure.high is None else f" [{show(figure.low)}, {show(figure.high)}]"
        aim = f"  aim {figure.reach}" if figure.reach else ""
        lines.append(f"  {figure.name:<58} {show(figure.value)}{interval} n={figure.n}{aim}")
        lines += [f"      {figure.note}"] * bool(figure.note)
        lines += [
            "      - " + "; ".join(f"{k} {v}" for k, v in row.items() if v != "")
            for row in figure.detail.get("rows", ())
        ]
    return "\n".join(lines) + "\n"
