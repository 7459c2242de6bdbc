"""Templates: the skeletons sentences begin with, function words and punctuation kept, content words blank.

"It is important to note" and "It is useful to know" are one skeleton. A stand-in for part-of-speech templates (Shaib
et al. 2024, arXiv 2407.00211) that needs no tagger. Features: the first four symbols of every sentence that begins in
the first 100 tokens, by presence per answer. Similarity is a habit cosine, -1 to 1 (`similarity.habit`). English only:
elsewhere every word is a blank, and the channel sees punctuation.
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens, ngrams

NAME = "templates"
KIND = "habit"
LEXICAL = False
TRACES = False
WINDOW = "head"
SIZE = 4
BLANK = np.uint64(1)


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Skeleton 4-grams that begin a sentence."""
    symbols = np.where(tokens.word & ~tokens.function, BLANK, tokens.token)
    run, inside = ngrams(tokens, symbols, SIZE)
    found = np.flatnonzero(inside & tokens.starts)
    return tokens.text[found], run[found]
