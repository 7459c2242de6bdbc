"""What else would make a suspect and a lab's model alike, to be named before the lab is.

Similarity has no direction, and two students of one teacher are alike without either having taught the other. Four
rivals are looked for, in both directions:

* `other direction`: the lab's model is documented to be taught by the suspect's lab, or resembles it at p ≤ `ALPHA`.
* `shared teacher`: both the suspect and the lab's model resemble a third lab, or are documented to be taught by it.
* `students`: documented students of the lab are nearer to the suspect than the lab's own model is.
* `later`: so are models that were released after the suspect, and may have learnt from it or from what it learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison.calibration import Matrix
from harness.provenance.comparison.evidence import ALPHA, Analysis, lab_tests
from harness.provenance.comparison.finding import Rival, RivalKind

SHOWN = 3
"""Models named of one kind."""
Taught = frozenset[tuple[str, str]]
"""Documented students with their teachers, by name."""


def of(analysis: Analysis, taught: Taught, raw: Matrix, suspect: int, version: int) -> tuple[Rival, ...]:
    """The rivals to a suspect's having learnt from a model.

    Args:
        analysis: of the pool.
        taught: documented students and their teachers.
        raw: similarities of all members, models x models.
        suspect: its index.
        version: the candidate's that it resembles most.
    """
    found: Iterable[tuple[RivalKind, Sequence[str]]] = (
        ("other direction", _reverse(analysis, taught, suspect, version)),
        ("shared teacher", _shared(analysis, taught, suspect, version)),
        ("students", _nearer(analysis, raw, suspect, version, _students(analysis, taught, version))),
        ("later", _nearer(analysis, raw, suspect, version, _later(analysis, suspect, version))),
    )
    return tuple(Rival(kind, tuple(models)) for kind, models in found if models)


def _reverse(analysis: Analysis, taught: Taught, suspect: int, version: int) -> list[str]:
    """The models of the suspect's lab that the version may have learnt from, if it resembles them."""
    return _learnt(analysis, taught, version, cal.lab_of(analysis.facts[suspect]))


def _shared(analysis: Analysis, taught: Taught, suspect: int, version: int) -> list[str]:
    """Models of third labs that both resemble."""
    mine = {cal.lab_of(analysis.facts[i]) for i in (suspect, version)}
    third = [lab for lab in analysis.labs.names if lab not in mine]
    both = [_learnt(analysis, taught, version, lab) for lab in third if _learnt(analysis, taught, suspect, lab)]
    return [name for names in both for name in names][:SHOWN]


def _learnt(analysis: Analysis, taught: Taught, model: int, lab: str) -> list[str]:
    """A lab's models that a model is documented to be taught by, else its nearest, if it resembles the lab at all."""
    labs, name = analysis.labs, analysis.models[model]
    documented = [t for s, t in sorted(taught) if s == name and t in analysis.models and _is_of(analysis, t, lab)]
    if documented or lab not in labs.names:
        return documented[:SHOWN]
    alike = [test.versions for test in lab_tests(analysis, name) if test.lab == lab and test.p <= ALPHA]
    return [analysis.models[min(versions, key=lambda c: versions[c])] for versions in alike]


def _is_of(analysis: Analysis, name: str, lab: str) -> bool:
    return cal.lab_of(analysis.facts[analysis.index(name)]) == lab


def _students(analysis: Analysis, taught: Taught, version: int) -> list[int]:
    """Documented students of the version's lab."""
    lab = cal.lab_of(analysis.facts[version])
    known = {s for s, t in taught if t in analysis.models and _is_of(analysis, t, lab)}
    return [i for i, name in enumerate(analysis.models) if name in known]


def _later(analysis: Analysis, suspect: int, version: int) -> list[int]:
    me, labs = analysis.facts[suspect], {analysis.facts[suspect].lab, analysis.facts[version].lab} - {None}
    return [i for i, fact in enumerate(analysis.facts) if me.before(fact) and fact.lab not in labs]


def _nearer(analysis: Analysis, raw: Matrix, suspect: int, version: int, who: Iterable[int]) -> list[str]:
    """Those of some models that are nearer to the suspect than the version is and not its kin, the nearest first."""
    kin = ~analysis.strangers[suspect]
    near = [i for i in who if not kin[i] and i != version and raw[suspect, i] > raw[suspect, version]]
    return [analysis.models[i] for i in sorted(near, key=lambda i: -raw[suspect, i])[:SHOWN]]
