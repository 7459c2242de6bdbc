"""How often people write a word: a frozen table, so that what counts as over-used never moves.

`data/human_words.parquet` holds the English words that make up at least a millionth of human text, with their
frequency (`benchmarks/human_words.py` makes it from wordfreq 3.1.1, Speer 2022, doi 10.5281/zenodo.7199437). The
table is licensed CC BY-SA 4.0, as wordfreq's data are. `data/README.md` names their sources.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from harness.provenance.answers.texts import U64, token_hash

TABLE = Path(__file__).parents[1] / "data" / "human_words.parquet"
"""Columns `word` (String, lower case) and `frequency` (Float32, share of all words)."""


@cache
def _table() -> tuple[U64, npt.NDArray[np.float64]]:
    """Hashes in ascending order, and the frequency of each."""
    frame = pl.read_parquet(TABLE)
    hashes = np.array([token_hash(word) for word in frame["word"]], dtype=np.uint64)
    order = np.argsort(hashes)
    return hashes[order], frame["frequency"].to_numpy().astype(float)[order]


def frequencies(words: U64) -> npt.NDArray[np.float64]:
    """How often people write each word, as a share of all words. 0 for a word that is not in the table.

    Args:
        words: hashes, as `texts.token_hash` makes them.
    """
    known, share = _table()
    at = np.minimum(np.searchsorted(known, words), len(known) - 1)
    found: npt.NDArray[np.float64] = np.where(known[at] == words, share[at], 0.0)
    return found
