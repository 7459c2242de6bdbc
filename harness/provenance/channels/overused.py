"""Over-used words: what a model writes more often than people do.

Features: words other than function words in the first 100 tokens, names masked, by rate per token. A word's excess is
log2 of its rate over its rate in human text, 0 where people write it as often (`similarity.excess`, `human`: a frozen
table of frequencies in English, from wordfreq). Similarity is the cosine of two models' excesses, 0 to 1. Slop
profiles (github.com/sam-paech/slop-forensics) compare with the same frequencies, and keep the most over-used words
alone. Without the human baseline (excess over the pool's mean instead) its AUROC for families on AlpacaEval falls
from .89 to .61. Words alone: the baseline knows no phrases, which `openings`, `sentences` and `phrasing` read against
the pool.
"""

import numpy as np

from harness.provenance.answers.texts import I32, MASK, U64, Tokens, token_hash

NAME = "overused"
KIND = "excess"
LEXICAL = True
TRACES = False
WINDOW = "head"
_MASKED = np.uint64(token_hash(MASK))


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Words that are neither function words nor names."""
    found = np.flatnonzero(tokens.word & ~tokens.function & (tokens.token != _MASKED))
    return tokens.text[found], tokens.token[found]
