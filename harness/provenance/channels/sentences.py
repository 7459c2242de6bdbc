"""Sentence openings: how sentences, list items and paragraphs begin ("It is important", "Additionally, the").

Features: the first three tokens of every sentence that begins in the first 100 tokens, by presence per answer. A
sentence begins an answer, or follows . ! ? : or a line break. Similarity is a habit cosine, -1 to 1
(`similarity.habit`).
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens, ngrams

NAME = "sentences"
KIND = "habit"
LEXICAL = False
TRACES = False
WINDOW = "head"
SIZE = 3


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Trigrams that begin a sentence."""
    run, inside = ngrams(tokens, tokens.token, SIZE)
    found = np.flatnonzero(inside & tokens.starts)
    return tokens.text[found], run[found]
