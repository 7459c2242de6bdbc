r"""What changed between two versions of a model: difference in differences. A version is its own control.

For a model c that is no relative of the versions,
\(D_c = (S_{new,c} - S_{old,c}) - \overline{(S_{new,u} - S_{old,u})}\), the mean over every other such model u outside
c's lab: what makes the new version more like everybody is taken out. Relatives share the versions' lab, lineage or base
model: continued weights of the old version follow it, and would shift the mean. S is the mean over channels of
similarity in standard deviations of the pool. The null of \(D_c\) is the same number for other pairs of models (an
earlier and a later one of one lab if there are `LEAST_PAIRS`, else any two), none of them related to c or to the
versions: \(p = (1 + \#\{|D_{null}| \ge |D_c|\}) / (n + 1)\), two-sided. Null pairs share models, so p is read with
care. The 95 % interval is 1.96 standard deviations over random halves of the prompts, which is the bootstrap's
standard error (`tree.halves`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from harness.core import one_thread
from harness.errors import ConfigError, unknown_name
from harness.provenance.answers.fingerprint import Fingerprints
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import similarity, tree
from harness.provenance.comparison.calibration import Bool, Matrix, ModelFacts

LEAST_PAIRS = 19
"""Null pairs of one lab's versions below which any two models are a pair: p = .05 needs 19."""


@dataclass(frozen=True, slots=True)
class Change:
    """How much closer the new version is to a model than the old one, beyond what holds of everybody.

    Attributes:
        other: the model.
        lab: whose it is, if known.
        value: in standard deviations of the pool's similarities. Above 0 is closer.
        low: lower end of the 95 % interval over prompts.
        high: upper end.
        p: two-sided, against other pairs of models. `None` if there are fewer than `calibration.LEAST_NULL`.
        q: p adjusted over every model looked at.
        pairs: null pairs.
        versions: whether the null pairs are versions of one lab.
        prompts: all four models' prompts: those both versions answered.
        channels: value, lower and upper end of each channel alone. A channel that cannot be compared is left out.
    """

    other: str
    lab: str | None
    value: float
    low: float | None
    high: float | None
    p: float | None
    q: float | None
    pairs: int
    versions: bool
    prompts: int
    channels: Mapping[str, tuple[float, float | None, float | None]]


@one_thread()
def change(
    prints: Fingerprints, facts: Sequence[ModelFacts], old: str, new: str, names: Sequence[str], draws: int
) -> list[Change]:
    """Say of every other model whether the new version moved toward it.

    Args:
        prints: of the pool.
        facts: one per model.
        old: the earlier version.
        new: the later version.
        names: channels to average.
        draws: halves of the prompts behind each interval.

    Returns:
        One row per model that is no relative of the versions, the largest change first.

    Raises:
        ConfigError: a version is not in the pool.
    """
    for name in (old, new):
        if name not in prints.models:
            raise ConfigError(unknown_name("model", name, prints.models))
    o, n = prints.models.index(old), prints.models.index(new)
    both = np.flatnonzero(prints.answered[o] & prints.answered[n]).tolist()
    prints = prints.subset(both)
    related = kin(facts)
    others = np.flatnonzero(~related[o] & ~related[n]).tolist()

    names = [name for name in names if not np.isnan(similarity.matrix(prints, name)).all()]

    def layers(raw: Sequence[Matrix]) -> list[Matrix]:
        """Standardised similarity over all channels, then of each alone."""
        return [similarity.standardised(some, len(prints.models)) for some in (raw, *([one] for one in raw))]

    whole = layers([similarity.matrix(prints, name) for name in names])
    moved = np.array([shifts(layer, facts, related, (o, n)) for layer in whole])
    half = np.array(
        [
            [shifts(layer, facts, related, (o, n)) for layer in layers(half)]
            for half in tree.halves(prints, names, draws)
        ]
    ).reshape(-1, *moved.shape)
    rows = []
    for c in others:
        if np.isnan(moved[0, c]):
            continue
        null, versions = null_shifts(whole[0], facts, related, c, (o, n))
        least = abs(moved[0, c])
        p = (1 + int((np.abs(null) >= least).sum())) / (len(null) + 1) if len(null) >= cal.LEAST_NULL else None
        limits = [_limits(float(moved[layer, c]), half[:, layer, c]) for layer in range(len(whole))]
        rows.append((c, limits, p, len(null), versions))
    adjusted = iter(cal.benjamini_hochberg([row[2] for row in rows if row[2] is not None]))
    found = [
        Change(
            other=prints.models[c],
            lab=facts[c].lab,
            value=limits[0][0],
            low=limits[0][1],
            high=limits[0][2],
            p=p,
            q=None if p is None else next(adjusted),
            pairs=pairs,
            versions=versions,
            prompts=len(both),
            channels={name: at for name, at in zip(names, limits[1:], strict=True) if not math.isnan(at[0])},
        )
        for c, limits, p, pairs, versions in rows
    ]
    return sorted(found, key=lambda row: (-abs(row.value), row.other))


def _limits(value: float, drawn: Matrix) -> tuple[float, float | None, float | None]:
    """The value with its 95 % interval, if there are draws."""
    known = drawn[~np.isnan(drawn)]
    if len(known) < 2:  # noqa: PLR2004 - a spread needs two
        return value, None, None
    spread = 1.96 * float(known.std(ddof=1))
    return value, value - spread, value + spread


def kin(facts: Sequence[ModelFacts]) -> Bool:
    """Models x models: True if the two share a model, lab, lineage or base."""
    return cal.relations(facts) | np.array([[bool(a.bases & b.bases) for b in facts] for a in facts], dtype=np.bool_)


def _labs(facts: Sequence[ModelFacts]) -> npt.NDArray[np.str_]:
    return np.array([f.lab or f"only {f.name}" for f in facts])


def shifts(values: Matrix, facts: Sequence[ModelFacts], related: Bool, pair: tuple[int, int]) -> Matrix:
    """D of every model for one pair of versions.

    Args:
        values: similarity, models x models. NaN is unknown.
        facts: one per model.
        related: see `kin`.
        pair: the old and the new version.

    Returns:
        One number per model. NaN for relatives of the versions, and if nobody is left to compare with.
    """
    old, new = pair
    labs = _labs(facts)
    found = np.full(len(facts), np.nan)
    moved = values[new] - values[old]
    known = ~np.isnan(moved) & ~related[old] & ~related[new]
    for c in np.flatnonzero(known):
        rest = known & (labs != labs[c])
        if rest.any():
            found[c] = moved[c] - moved[rest].mean()
    return found


def null_shifts(
    values: Matrix, facts: Sequence[ModelFacts], related: Bool, c: int, pair: tuple[int, int]
) -> tuple[Matrix, bool]:
    """D of model c for other pairs of models, and whether those are versions of one lab. Arguments as of `shifts`."""
    free = [i for i in range(len(facts)) if not (related[i, c] or related[i, pair[0]] or related[i, pair[1]])]
    any_two = [(a, b) for a, b in permutations(free, 2) if a < b]
    of_lab = [
        (a, b) if facts[a].before(facts[b]) is not False else (b, a)
        for a, b in any_two
        if facts[a].lab is not None and facts[a].lab == facts[b].lab
    ]
    enough = len(of_lab) >= LEAST_PAIRS
    rest = _labs(facts) != _labs(facts)[c]
    rest[c] = False
    found = []
    for old, new in of_lab if enough else any_two:
        moved = values[new] - values[old]
        use = rest & ~np.isnan(moved) & ~related[old] & ~related[new]
        if not np.isnan(moved[c]) and use.any():
            found.append(moved[c] - moved[use].mean())
    return np.array(found), enough
