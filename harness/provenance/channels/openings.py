"""Openings: the words an answer begins with ("Sure, here", "There are many", "Yes, it").

Features: token bigrams, punctuation included, of the first 10 tokens, by presence per answer. Supervised tuning
changes the first tokens of an answer most (Lin et al. 2023, arXiv 2312.01552). Similarity is a habit cosine, -1 to 1
(`similarity.habit`).
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens, ngrams

NAME = "openings"
KIND = "habit"
LEXICAL = False
TRACES = False
WINDOW = "head"
SIZE = 2
FIRST = 10
"""Tokens of the answer that count as its opening."""


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Bigrams that end before token `FIRST`."""
    run, inside = ngrams(tokens, tokens.token, SIZE)
    found = np.flatnonzero(inside & (tokens.position <= FIRST - SIZE))
    return tokens.text[found], run[found]
