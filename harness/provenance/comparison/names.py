"""Names of one model in several places: aliases, a provider's prefix, a format's or quantisation's suffix.

A name is reconciled, never replaced: results keep the name they came with, and who reads a fact under another name is
told so (`Name.note`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

QUANTISED = re.compile(
    r"[-_.:](?:(?:i1-|ud-|mix-)?i?q\d(?:_\w+)?|awq|gptq|gguf|exl2(?:[-_].*)?|\d+(?:\.\d+)?bpw(?:-.*)?|"
    r"fp8|fp16|bf16|int[48]|[48]bit)$"
)
"""How names of quantised weights, and of weights in another precision, end: llama.cpp's types, AWQ, GPTQ, ExLlama."""
ALIAS, PREFIX, VARIANT = "an alias of it", "its name with a provider's prefix", "a quantisation or conversion of it"


@dataclass(frozen=True, slots=True)
class Name:
    """A model's name, and the one that facts are recorded under.

    Attributes:
        name: as results have it.
        known_as: as the registry has it. The name itself if nothing more is known.
        how: what the first is to the second, `ALIAS`, `PREFIX` or `VARIANT`. `None` if they are the same.
    """

    name: str
    known_as: str
    how: str | None

    @property
    def note(self) -> str:
        """One sentence for a reader. Empty if there is nothing to say."""
        if self.how is None:
            return ""
        return f"{self.name} is read as {self.known_as}: {self.how} (the model registry)."


class Names:
    """Reconciles names with those that facts are recorded under."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], more: Iterable[str] = ()) -> None:
        """Take the names of a registry.

        Args:
            entries: of the registry, with their `aliases`.
            more: further names that facts are recorded under, as a panel's models.
        """
        self._alias = {other.lower(): name for name, entry in entries.items() for other in entry.get("aliases") or ()}
        self._known = {name.lower(): name for name in (*entries, *more)}

    def of(self, name: str) -> Name:
        """The name that facts are recorded under.

        An alias comes before a name's own entry, then the name without what stands before its last slash, then without
        its suffix of quantisation or format. Case does not count.
        """
        short = name.lower()
        if found := self._alias.get(short):
            return Name(name, found, ALIAS)
        if found := self._known.get(short):
            return Name(name, found, None)
        bare = short.rpartition("/")[2]
        if bare != short and (inner := self.of(bare)).known_as.lower() != bare:
            return Name(name, inner.known_as, inner.how or PREFIX)
        if bare != short and bare in self._known:
            return Name(name, self._known[bare], PREFIX)
        stem = QUANTISED.sub("", bare)
        if stem != bare:
            inner = self.of(stem)
            if inner.known_as.lower() in self._known:
                return Name(name, inner.known_as, VARIANT)
        return Name(name, name, None)
