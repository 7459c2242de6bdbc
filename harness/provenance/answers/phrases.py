"""Lists of phrases, found in tokens by hash: what channels about set expressions share."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.provenance.answers.texts import I32, U64, Bool, Tokens, ngrams, token_hash

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases by their number of tokens: sorted hashes, as `texts.ngrams` makes them."""

    tables: dict[int, U64]

    @classmethod
    def of(cls, phrases: Iterable[str]) -> Phrases:
        """Hash phrases.

        Args:
            phrases: lower case, tokens separated by blanks ("e . g").
        """
        found: dict[int, set[int]] = {}
        for phrase in phrases:
            words = phrase.split()
            run = np.array([token_hash(words[0])], dtype=np.uint64)
            for word in words[1:]:
                run = run * _ODD + np.uint64(token_hash(word))
            found.setdefault(len(words), set()).add(int(run[0]))
        return cls({size: np.array(sorted(runs), dtype=np.uint64) for size, runs in sorted(found.items())})

    def find(self, tokens: Tokens) -> tuple[I32, U64]:
        """Every occurrence: the row of its text, and its hash."""
        rows, runs = [], []
        for size, table in self.tables.items():
            run, inside = ngrams(tokens, tokens.token, size)
            at = np.flatnonzero(inside & np.isin(run, table))
            rows.append(tokens.text[at])
            runs.append(run[at])
        return np.concatenate(rows), np.concatenate(runs)


def split(text: str) -> list[str]:
    """Phrases of a list written with semicolons between them."""
    return [" ".join(part.split()) for part in text.split(";")]


def where(tokens: Tokens, which: Iterable[str]) -> Bool:
    """True if the token is one of those given, which are few."""
    return np.isin(tokens.token, np.array([token_hash(word) for word in which], dtype=np.uint64))


def breaks(tokens: Tokens, least: int = 1) -> Bool:
    """True if the token is a run of at least so many line breaks."""
    # In the sorted vocabulary they stand together.
    first, last = (bisect_left(tokens.vocabulary, end) for end in ("\n" * least, "\v"))
    return (tokens.id >= first) & (tokens.id < last)


def following(tokens: Tokens, mask: Bool, steps: int = 1) -> Bool:
    """True if the token so many steps on, in the same text, is marked."""
    found = np.zeros(len(mask), dtype=np.bool_)
    found[:-steps] = mask[steps:] & (tokens.text[steps:] == tokens.text[:-steps])
    return found


def line_starts(tokens: Tokens) -> Bool:
    """True for the first token of a text, and of a line."""
    found: Bool = tokens.position == 0
    found[1:] |= breaks(tokens)[:-1]
    return found
