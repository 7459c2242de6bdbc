"""Formatting: line breaks, list marks, headings, bold, quotation marks, dashes and other punctuation.

Features: bigrams of the answer's non-word tokens, words between them skipped, in the first 100 tokens, by presence
per answer. Similarity is a habit cosine, -1 to 1 (`similarity.habit`).
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "formatting"
KIND = "habit"
LEXICAL = False
TRACES = False
WINDOW = "head"


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Marks and pairs of neighbouring marks."""
    marks = np.flatnonzero(~tokens.word)
    text, mark = tokens.text[marks], tokens.token[marks]
    same = text[1:] == text[:-1]
    pair = mark[:-1] * np.uint64(0x9E3779B97F4A7C15) + mark[1:]
    return np.concatenate([text, text[:-1][same]]), np.concatenate([mark, pair[same]])
