"""How a page names what others named: visible, and never two things alike."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core import visible


def labels(names: Iterable[str]) -> dict[str, str]:
    """A label for every name: as `visible` spells it, numbered if two names would look the same.

    Returns:
        By name, in the order of the sorted names.
    """
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        label, number = visible(name), 1
        while label in found.values():
            number += 1
            label = f"{visible(name)} ({number})"
        found[name] = label
    return found
