"""Numbers in words: the one spelling of a score, of a rank, and of answers that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.stats import Standing

NAME_CHARS = 60
"""A server may call its model anything, at any length."""
NAMES_SHOWN = 5


def answerers(names: Iterable[str]) -> str:
    """`2 models answered, as the server names them: llama, qwen`."""
    known = sorted(set(names))
    shown = [short(name) for name in known[:NAMES_SHOWN]]
    more = [f"{len(known) - NAMES_SHOWN} more"] if len(known) > NAMES_SHOWN else []
    return f"{len(known)} models answered, as the server names them: {', '.join(shown + more)}"


def short(name: str) -> str:
    """A name that a server gave, cut if it is long."""
    return name if len(name) <= NAME_CHARS else f"{name[:NAME_CHARS]}…"


def number(value: float | None, row: Mapping[str, Any], digits: int = 3) -> str:
    """`0.450 [0.31, 0.60] n=40`. A value that is not there is `not scored n=0`.

    Args:
        value: the number, or None if nothing was scored.
        row: `ci_low`, `ci_high` (either may be None) and `n`.
        digits: decimals of the value. Limits have two.
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


UNREAD = {
    "no_code": (
        "hold no program",
        "another form of the task fits the answers (humaneval, humaneval_completion), or a wrapper is not known here",
    ),
    "no_answer": ("state no answer", "the model was not told how to mark its answer, or it writes on without one"),
    "unparsed": (
        "have an answer that cannot be read",
        "the model puts more than the answer where the answer should be",
    ),
}
"""By the scorers' words for answers that they could not read: what that means, and its likely cause."""
MOST = 0.5
"""The share of a run's answers above which it is said that they could not be read."""


CUT_OFF = 0.05
"""The share of answers cut off at the token limit above which a figure is that of the limit as much as of the model."""


def cut_off(row: Mapping[str, Any]) -> str | None:
    """What to say if more than a twentieth of the answers met the token limit. `None` if no more did.

    Args:
        row: one of the view `unread`.
    """
    if row["truncated"] <= CUT_OFF * row["samples"]:
        return None
    return (
        f"{row['truncated']} of {row['samples']} answers were cut off at the token limit: before you compare this "
        "figure, raise the limit (task.max_tokens=N, or `reasoning: true` in the file of a model that thinks)"
    )


def unread(row: Mapping[str, Any]) -> str | None:
    """What to say if more than half of the answers could not be read. `None` if no more could not.

    Args:
        row: one of the view `unread`.
    """
    least = MOST * row["samples"]
    found = sum(row[word] for word in UNREAD)
    if max(found, row["cut"]) <= least:
        return None
    word = max(UNREAD, key=lambda word: row[word])
    what, cause = UNREAD[word]
    if row["empty"] > least:
        what, cause = "hold no text", "the model, or its server, sent nothing but reasoning or blanks"
    elif row["cut"] > least:
        what, cause = "were cut off before an answer", "the token limit is too low (task.max_tokens, decode.max_tokens)"
    return f"{max(found, row['cut'])} of {row['samples']} answers {what}: probably {cause}"
