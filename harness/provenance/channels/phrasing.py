"""Phrasing: the same words in the same order in answer to the same prompt.

Features: token trigrams of the first 60 tokens, by presence per answer. Similarity is the cosine of the two answers,
each trigram weighted by the log of how few other models use it on that prompt, averaged over prompts: 0 to 1
(`similarity.agreement`). Comparing within a prompt takes the prompt's topic out.
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens, ngrams

NAME = "phrasing"
KIND = "agreement"
LEXICAL = True
TRACES = False
WINDOW = "head"
SIZE = 3
FIRST = 60


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Trigrams that end before token `FIRST`."""
    run, inside = ngrams(tokens, tokens.token, SIZE)
    found = np.flatnonzero(inside & (tokens.position <= FIRST - SIZE))
    return tokens.text[found], run[found]
