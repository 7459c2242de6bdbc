"""Ranks as far as the data give them: intervals of ranks, and groups of models that cannot be told apart.

Every pair of models is tested, and Holm's adjustment holds the chance of even one false separation at 5 %. A model's
rank then lies between 1 + the number of models separated above it and m - the number separated below it, for all
models at once: Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for Ranks",
https://doi.org/10.1093/restud/rdad006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.stats import power


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one model stands."""

    best: int
    """The highest rank compatible with the data. 1 is first."""
    worst: int
    """The lowest."""
    groups: tuple[int, ...]
    """From 0, ascending. Two models that share one cannot be told apart."""

    @property
    def letters(self) -> str:
        """The groups as letters: `b`, `ab`, `a-d` for four in a row. `aa` comes after `z`."""
        runs: list[list[int]] = []
        for group in self.groups:
            if runs and group == runs[-1][-1] + 1:
                runs[-1].append(group)
            else:
                runs.append([group])
        parts = [
            part
            for run in runs
            for part in (
                [f"{_letter(run[0])}-{_letter(run[-1])}"] if len(run) > _SPELLED else [_letter(group) for group in run]
            )
        ]
        return ("," if any(len(part) > 1 for part in parts) else "").join(parts)


_SPELLED = 3
"""Longer runs of groups are shortened to their ends."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: rejecting those below alpha makes even one false rejection with chance alpha at most.

    Source: Holm (1979), https://www.jstor.org/stable/4615733.
    """
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = floor
    return adjusted


def standings(
    values: Mapping[str, float], tests: Mapping[tuple[str, str], tuple[float, float]], *, higher_is_better: bool = True
) -> dict[str, Standing]:
    """Rank intervals and groups of models.

    Args:
        values: the score of each model that is ranked. It names the groups in order, and decides nothing else.
        tests: per pair of these models, the difference of the first to the second and its p-value, not adjusted. A pair
            that was not tested is not separated.
        higher_is_better: False if a lower score is the better one.

    Returns:
        The standing of each model.
    """
    names = sorted(values, key=lambda name: (-values[name] if higher_is_better else values[name], name))
    pairs = sorted(pair for pair in tests if pair[0] in values and pair[1] in values)
    above: dict[str, set[str]] = {name: set() for name in names}
    for pair, adjusted in zip(pairs, holm([tests[pair][1] for pair in pairs]), strict=True):
        difference = tests[pair][0]
        if adjusted < power.ALPHA and difference:
            better, worse = pair if (difference > 0) == higher_is_better else pair[::-1]
            above[worse].add(better)
    below = {name: {other for other in names if name in above[other]} for name in names}
    groups = _groups(names, above)
    return {name: Standing(1 + len(above[name]), len(names) - len(below[name]), groups[name]) for name in names}


def _groups(names: Sequence[str], above: Mapping[str, set[str]]) -> dict[str, tuple[int, ...]]:
    """Compact letter display by insertion and absorption: Piepho (2004), https://doi.org/10.1198/1061860043515.

    A group is a number whose bits are its models, in the order of `names`.
    """
    bit = {name: 1 << i for i, name in enumerate(names)}
    groups = [(1 << len(names)) - 1]
    for worse in names:
        for better in sorted(above[worse]):
            both = bit[worse] | bit[better]
            if not any(group & both == both for group in groups):
                continue
            split = {
                part
                for group in groups
                for part in ((group & ~bit[worse], group & ~bit[better]) if group & both == both else (group,))
            }
            groups = []
            for part in sorted(split, key=lambda group: (-group.bit_count(), group)):
                if not any(part & kept == part for kept in groups):
                    groups.append(part)
    groups.sort(key=lambda group: [i for i in range(len(names)) if group >> i & 1])
    return {name: tuple(i for i, group in enumerate(groups) if group & bit[name]) for name in names}


def _letter(i: int) -> str:
    return (_letter(i // 26 - 1) if i >= 26 else "") + chr(ord("a") + i % 26)  # noqa: PLR2004 - letters of the alphabet
