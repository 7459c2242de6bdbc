"""Closings: the phrases an answer ends with ("Overall, the", "I hope this helps", "let me know").

Features: token trigrams of the last 20 tokens of answers of at least 400 characters, by presence per answer.
Similarity is a habit cosine, -1 to 1 (`similarity.habit`).
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens, ngrams

NAME = "closings"
KIND = "habit"
LEXICAL = False
TRACES = False
WINDOW = "tail"
SIZE = 3


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Trigrams of the closing window."""
    run, inside = ngrams(tokens, tokens.token, SIZE)
    found = np.flatnonzero(inside)
    return tokens.text[found], run[found]
