"""Characters: the same runs of four letters in answer to the same prompt, whatever the word forms.

Character n-grams carry spelling, inflection and word choice at once (Stamatatos 2009, doi 10.1002/asi.21001). Runs that
stay inside a word and mark its ends do best (Sapkota et al. 2015, doi 10.3115/v1/N15-1010). Features: 4-grams of every
word of the first 100 tokens with a blank on both sides, by presence per answer. Of all 4-grams the eighth is kept whose
hash divides by `SAMPLE`, which estimates the cosine over all at an eighth of the memory. Similarity is the mean over
prompts of the idf-weighted cosine, 0 to 1 (`similarity.agreement`). As a habit over all prompts it follows topics:
AUROC for families on AlpacaEval .55 instead of .76.
"""

import numpy as np
import numpy.typing as npt

from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "characters"
KIND = "agreement"
LEXICAL = True
TRACES = False
WINDOW = "head"
SIZE = 4
SAMPLE = np.uint64(8)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def features(tokens: Tokens) -> tuple[I32, U64]:
    """The sampled 4-grams of every word."""
    owner, gram = _grams(tokens.vocabulary)
    first = np.searchsorted(owner, np.arange(len(tokens.vocabulary) + 1))
    place = np.flatnonzero(tokens.word)
    ids = tokens.id[place]
    size = first[ids + 1] - first[ids]
    end = np.cumsum(size)
    which = np.repeat(first[ids] - (end - size), size) + np.arange(size.sum())
    return np.repeat(tokens.text[place], size), gram[which]


def _grams(words: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], U64]:
    """Sampled 4-grams of distinct words: the word's place, non-decreasing, and the hash."""
    padded = [f" {word} " for word in words]
    owner = np.repeat(np.arange(len(words)), [len(word) for word in padded])
    code = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    if len(code) < SIZE:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    run = code[: 1 - SIZE].copy()
    for k in range(1, SIZE):
        run = run * _ODD + code[k : len(code) - SIZE + 1 + k]
    for shift in (31, 29):  # the low bits choose the sample: let all bits reach them
        run = (run ^ (run >> np.uint64(shift))) * _ODD
    run ^= run >> np.uint64(32)
    kept = np.flatnonzero((owner[: 1 - SIZE] == owner[SIZE - 1 :]) & (run % SAMPLE == 0))
    return owner[kept], run[kept]
