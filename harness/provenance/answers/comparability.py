"""What must be known of a suspect's answers before they are compared with anybody's: records, parts of a `Finding`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What one model puts around nearly all of its answers, and what was taken off: see `boilerplate`.

    Attributes:
        opening: the set beginnings, the most frequent first.
        opened: share of the answers that had one, 0 to 1.
        closing: the set ends, the most frequent first.
        closed: share of the answers that had one.
        answers: how many there are.
        emptied: of them, how many were nothing else, and were left as they are.
    """

    opening: tuple[str, ...] = ()
    opened: float = 0.0
    closing: tuple[str, ...] = ()
    closed: float = 0.0
    answers: int = 0
    emptied: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything of the kind."""
        return bool(self.opening or self.closing)


@dataclass(frozen=True, slots=True)
class Languages:
    """What a model's answers are written in: see `languages`.

    Attributes:
        answers: how many were looked at.
        english: share of them that is English, 0 to 1.
        other: what most of the others are in. `None` if there are none.
    """

    answers: int
    english: float
    other: str | None


@dataclass(frozen=True, slots=True)
class TextReading:
    """What was found in one model's answers to a prompt set: see `readings`.

    Attributes:
        wrapping: what was taken off before the answers were compared. `None`: nothing.
        languages: what they are written in.
        kind: what most of them are that no style can be read from. `None`: nothing of the kind.
        lacking: the commonest words that they lack and every other model's have: an instructed style.
        cut: share of them that a limit cut off, 0 to 1. 0 if that is not recorded.
        damaged: what was undone before they were compared, in words: see `damage`.
        lost: what they seem to have lost that cannot be undone, in words. `None`: nothing.
    """

    wrapping: Wrapping | None
    languages: Languages
    kind: str | None
    lacking: tuple[str, ...] = ()
    cut: float = 0.0
    damaged: tuple[str, ...] = ()
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How much of a model's answers a pool knows: see `coverage`.

    Attributes:
        value: mean over channels. 1 is a typical model of the pool.
        bound: from which on answers are comparable.
        channels: the same per channel.
    """

    value: float
    bound: float
    channels: dict[str, float] = field(default_factory=dict)

    @property
    def enough(self) -> bool:
        """Whether the answers can be compared."""
        return self.value >= self.bound
