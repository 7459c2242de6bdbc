"""Words: the same vocabulary in answer to the same prompt, whatever the order.

Features: distinct words of the first 60 tokens, by presence per answer. Similarity is the mean over prompts of the
idf-weighted cosine, 0 to 1 (`similarity.agreement`).
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "words"
KIND = "agreement"
LEXICAL = True
TRACES = False
WINDOW = "head"
FIRST = 60


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Words before token `FIRST`."""
    found = np.flatnonzero(tokens.word & (tokens.position < FIRST))
    return tokens.text[found], tokens.token[found]
