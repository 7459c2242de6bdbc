r"""Where models stand that were not all asked the same: by their differences on what two of them share.

A mean over other documents says as much about the documents as about the model: .73 on hard quizzes may be better than
1.00 on easy ones. Differences on shared documents do not have that fault. The levels are the numbers whose differences
fit them best, \(\sum w_{ab} (\theta_a - \theta_b - d_{ab})^2\) (least squares on paired comparisons: Mosteller 1951,
https://doi.org/10.1007/BF02313422), with models whose mean is over everything held at their mean. Two models that no
chain of shared documents joins cannot be ordered, and are in different groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Level:
    """Where one model stands by what it shares with others."""

    value: float
    """In the unit of the scores. May lie outside of their range, as an estimate."""
    group: int
    """From 0, the largest first. Models of different groups share nothing, not even through others."""


def levels(
    means: Mapping[str, float], differences: Mapping[Pair, tuple[float, float]], held: frozenset[str]
) -> dict[str, Level]:
    """The level of every model.

    Args:
        means: every model's own mean.
        differences: per pair, the first less the second on what both share, and its weight, above 0.
        held: models that keep their mean. A group without one is moved so that its levels' mean is its means' mean.
    """
    import numpy as np

    found: dict[str, Level] = {}
    for number, names in enumerate(_groups(means, differences)):
        there, free = set(names), [name for name in names if name not in held]
        at = {name: i for i, name in enumerate(free)}
        rows = [(a, b, *of) for (a, b), of in sorted(differences.items()) if {a, b} <= there and (a in at or b in at)]
        matrix, target = np.zeros((len(rows), len(free))), np.zeros(len(rows))
        for i, (a, b, d, w) in enumerate(rows):
            target[i] = w**0.5 * (d - (means[a] if a in held else 0) + (means[b] if b in held else 0))
            for name, sign in ((a, 1), (b, -1)):
                if name in at:
                    matrix[i, at[name]] = sign * w**0.5
        solved = np.linalg.lstsq(matrix, target, rcond=None)[0] if free else np.zeros(0)
        if len(free) == len(names):
            solved = solved + np.mean([means[name] for name in free]) - np.mean(solved)
        found |= {name: Level(float(solved[at[name]]) if name in at else means[name], number) for name in names}
    return found


def _groups(names: Mapping[str, float], differences: Mapping[Pair, tuple[float, float]]) -> list[list[str]]:
    """Names that chains of pairs join, the largest group first, then by name."""
    beside: dict[str, set[str]] = {name: set() for name in names}
    for a, b in differences:
        if a in beside and b in beside:
            beside[a].add(b)
            beside[b].add(a)
    groups, left = [], set(names)
    while left:
        group, new = set(), {min(left)}
        while new:
            group |= new
            new = {other for name in new for other in beside[name]} - group
        groups.append(sorted(group))
        left -= group
    return sorted(groups, key=lambda group: (-len(group), group))
