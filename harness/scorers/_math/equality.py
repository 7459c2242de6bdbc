"""What a comparison says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Equality:
    """Whether the answer is right, how that was found, and why.

    `method` is text, exact, rounded, structure, identity or library. It is unparsed if the answer could not be read.
    Inside a comparison only, open means that it is left to the library. If a worker failed or ran out of time or
    memory, `equal` is `None`, and `method` is timeout or error.
    """

    equal: bool | None
    method: str
    why: str


def yes(method: str, why: str) -> Equality:
    """They are equal."""
    return Equality(equal=True, method=method, why=why)


def no(method: str, why: str) -> Equality:
    """They are not."""
    return Equality(equal=False, method=method, why=why)
