"""What a comparison says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the answer is right, how that was found, and why.

    `method` is text, exact, rounded, structure, identity or library; unparsed where the answer could not be read;
    open (inside a comparison only) where it is left to the library.
    """

    equal: bool
    method: str
    why: str


def yes(method: str, why: str) -> Verdict:
    """They are equal."""
    return Verdict(equal=True, method=method, why=why)


def no(method: str, why: str) -> Verdict:
    """They are not."""
    return Verdict(equal=False, method=method, why=why)
