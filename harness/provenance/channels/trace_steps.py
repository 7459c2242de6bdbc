"""Steps of reasoning traces: which kind of sentence follows which, turning back among them.

A sentence is of the kind its first word tells (`KINDS`): turning back ("wait"), trying something else
("alternatively"), planning ("let"), deducing ("so"), checking, supposing, concluding, speaking of itself, stating. The
taxonomy is that of Venhoff et al. 2025 (arXiv 2506.18167) and Gandhi et al. 2025 (arXiv 2503.01307), the words our own.
Features: kinds, pairs of neighbouring kinds, and how many steps lie between one turn back and the next (1, 2, 3-4, 5-8,
more), in the first 1,000 tokens of a trace, by rate per token. Similarity is 1 / (1 + Burrows' Delta), 0 to 1
(`similarity.rate`). English. Traces alone.
"""

import numpy as np

from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "trace_steps"
KIND = "rate"
LEXICAL = False
TRACES = True
WINDOW = "trace"
KINDS = {
    "back": "wait hmm hold oops no actually but however",
    "other": "alternatively maybe perhaps another or either could",
    "propose": "okay alright first let let's i'll now next to second we",
    "state": "the they there it this these a in on at given each",
    "self": "i i'm i've my",
    "deduce": "so therefore thus hence since because which that then",
    "check": "check verify double yes right does is are",
    "suppose": "if suppose assume assuming say imagine when what",
    "conclude": "final finally answer overall conclusion",
}
_OF = {word: kind for kind, words in enumerate(KINDS.values(), 1) for word in words.split()}
_PAIRS, _GAPS = np.uint64(1_000), np.uint64(2_000)
_EDGES = (1, 2, 4, 8)


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Kinds of steps, pairs of them, and distances between turns back."""
    at = np.flatnonzero(tokens.starts)
    text = tokens.text[at]
    step = np.array([_OF.get(word, 0) for word in tokens.vocabulary], dtype=np.uint64)[tokens.id[at]]
    next_to = text[1:] == text[:-1]
    pair = step[:-1] * np.uint64(len(KINDS) + 1) + step[1:] + _PAIRS
    back = np.flatnonzero(step == 1)
    near = text[back[1:]] == text[back[:-1]]
    gap = np.searchsorted(_EDGES, np.diff(back)).astype(np.uint64) + _GAPS
    rows = [text, text[:-1][next_to], text[back[:-1]][near]]
    return np.concatenate(rows), np.concatenate([step, pair[next_to], gap[near]])
