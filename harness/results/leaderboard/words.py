"""Numbers in words: the one spelling of a score and of a rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.stats import Standing


def number(value: float | None, row: Mapping[str, Any], digits: int = 3) -> str:
    """`0.450 [0.31, 0.60] n=40`; a value that is not there is `not scored n=0`.

    Args:
        value: the number, or None where nothing was scored.
        row: `ci_low`, `ci_high` (either may be None) and `n`.
        digits: decimals of the value; limits have two.
    """
    if value is None:
        return f"not scored n={row['n']}"
    low, high = row["ci_low"], row["ci_high"]
    interval = "[no interval]" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"
    return f"{value:.{digits}f} {interval} n={row['n']}"


def rank(standing: Standing) -> str:
    """`rank 1-3 (ab)`: the ranks the data allow, and the groups of models that cannot be told apart."""
    ranks = f"{standing.best}" if standing.best == standing.worst else f"{standing.best}-{standing.worst}"
    return f"rank {ranks} ({standing.letters})"
