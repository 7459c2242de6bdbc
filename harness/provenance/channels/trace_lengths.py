"""Lengths in reasoning traces: of sentences and of paragraphs.

The law of sentence lengths is an old mark of authorship (Yule 1939, doi 10.1093/biomet/30.3-4.363). Features: tokens
from one sentence's start to the next, and from one line to the next, in classes that grow by the square root of 2, in
the first 1,000 tokens of a trace, by rate per token. Similarity is 1 / (1 + Burrows' Delta), 0 to 1
(`similarity.rate`). Traces alone. Their whole length, which a limit on tokens cuts, is not read.
"""

import numpy as np

from harness.provenance.answers.phrases import line_starts
from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "trace_lengths"
KIND = "rate"
LEXICAL = False
TRACES = True
WINDOW = "trace"


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Classes of lengths."""
    rows, classes = [], []
    for first, starts in enumerate((tokens.starts, line_starts(tokens))):
        at = np.flatnonzero(starts)
        inside = tokens.text[at[1:]] == tokens.text[at[:-1]]
        size = np.diff(at)[inside]
        rows.append(tokens.text[at[:-1]][inside])
        classes.append(np.round(2 * np.log2(size)).astype(np.uint64) + np.uint64(100 * first))
    return np.concatenate(rows), np.concatenate(classes)
