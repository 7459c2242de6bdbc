"""Templates: sentence skeletons, function words and punctuation kept, every content word a blank.

A stand-in for part-of-speech templates (Shaib et al. 2024, arXiv 2407.00211) that needs no tagger. Features: 4-grams of
the skeleton of the first 30 tokens; presence per answer. Similarity is a habit cosine, -1 to 1
(`similarity.habit`). English only: elsewhere every word is a blank, and the channel sees punctuation.
"""

import numpy as np

from harness.provenance.texts import I32, U64, Tokens, ngrams

NAME = "templates"
KIND = "habit"
LEXICAL = False
WINDOW = "head"
SIZE = 4
FIRST = 30
BLANK = np.uint64(1)


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Skeleton 4-grams that end before token `FIRST`."""
    symbols = np.where(tokens.word & ~tokens.function, BLANK, tokens.token)
    run, inside = ngrams(tokens, symbols, SIZE)
    found = np.flatnonzero(inside & (tokens.position <= FIRST - SIZE))
    return tokens.text[found], run[found]
