"""The answers in a page: an index of all of them, and their texts in packed blocks, or in a Parquet file beside it.

The index (model, task, document, status, verdict, value, tokens) is always in the page, so that lists and filters need
nothing else. Texts are packed into the page if they are small, and read from the file on demand if they are not:
one row group per opened sample.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import visible
from harness.results import store
from harness.results.report.gather import Data, number

if TYPE_CHECKING:
    import polars as pl

EMBED_BYTES = 15_000_000
"""Compressed texts above this go into a file of their own: a page of 20 MB is as much as a browser opens at ease."""
PACKS = 8
"""How many times smaller texts become at the most when they are packed: texts of models, three to five times."""
BLOCK = 256
"""Samples per block, and per row group: what opening one sample reads."""
KEY = "harness_report"
"""Metadata of the Parquet file: which page it belongs to."""
TEXTS = (
    "prompt", "messages", "doc", "target", "output", "reasoning", "extracted", "explanation", "error", "attempts",
    "finish_reason", "decoding", "seed", "prompt_tokens", "completion_tokens", "reasoning_tokens", "latency_s",
    "run_id", "sample_id",
)  # fmt: skip
"""Columns that are read when a sample is opened, in the order of a block's rows."""
INDEX = ("model", "task", "doc_id", "repeat", "item", "status", "verdict", "value")

_QUERY = """
    SELECT samples.model, samples.task, samples.doc_id, samples.repeat,
        left(md5(CAST(samples.doc AS VARCHAR)), 12) AS item, samples.status,
        coalesce(scores.status, CASE WHEN headline.metric IS NULL THEN NULL WHEN scores.value IS NULL THEN 'unscored'
            WHEN scores.value = 1 THEN 'correct' WHEN scores.value = 0 THEN 'wrong' ELSE 'partly' END) AS verdict,
        scores.value, prompt, messages,
        CASE WHEN prompt IS NULL AND messages IS NULL THEN CAST(samples.doc AS VARCHAR) END AS doc, target, output,
        reasoning, extracted, explanation, error,
        CAST(tries.attempts AS VARCHAR) AS attempts, finish_reason, decoding, samples.seed, prompt_tokens,
        completion_tokens, reasoning_tokens, latency_s, samples.run_id, samples.sample_id
    FROM samples JOIN chosen USING (run_id, model, task)
    LEFT JOIN (SELECT run_id, model, task, metric, filter, scorer FROM metrics WHERE is_headline) AS headline
        USING (run_id, model, task)
    LEFT JOIN scores ON scores.run_id = samples.run_id AND scores.sample_id = samples.sample_id
        AND scores.metric = headline.metric AND scores.filter IS NOT DISTINCT FROM headline.filter
        AND scores.scorer IS NOT DISTINCT FROM headline.scorer
    LEFT JOIN (
        SELECT run_id, sample_id,
            to_json(list({'at': attempted_at, 'status': attempts.status, 'error': error} ORDER BY attempt)) AS attempts
        FROM attempts GROUP BY ALL
    ) AS tries ON tries.run_id = samples.run_id AND tries.sample_id = samples.sample_id
    ORDER BY samples.task, samples.doc_id, item, samples.repeat, samples.model, samples.run_id, samples.sample_id
"""


@dataclass(frozen=True)
class Packed:
    """Samples ready for a page."""

    about: Data
    """`n`, `block`, `texts` (field names), and `file` and `key` if the texts are in a file."""
    index: str
    """Columns of every sample: base64 of gzip of JSON."""
    blocks: list[str]
    """Texts of `BLOCK` samples each: base64 of gzip of JSON. None if they are in a file."""
    parquet: bytes | None
    """The file's content, if there is one."""


def pack(results: Path, place: Mapping[str, int], stem: str, limit: int = EMBED_BYTES) -> Packed:
    """Pack every sample of the runs that speak for a model.

    Args:
        results: the results folder. Its index must be up to date.
        place: index of every model in the page's list.
        stem: the page's file name without its ending, which the Parquet file shares.
        limit: compressed bytes of texts that the page may hold.
    """
    frame = store.query(results, _QUERY)
    index = squeezed(_index(frame, place))
    about: Data = {"n": frame.height, "block": BLOCK, "texts": list(TEXTS)}
    blocks: list[str] = []
    size = 0
    if _characters(frame) > PACKS * limit:  # what would be packed is not packed to be thrown away
        return _beside(about, index, frame, stem)
    for start in range(0, frame.height, BLOCK):
        block = squeezed([list(row) for row in frame[start : start + BLOCK].select(TEXTS).iter_rows()])
        size += len(block) * 3 // 4
        if size > limit:
            return _beside(about, index, frame, stem)
        blocks.append(block)
    return Packed(about, index, blocks, None)


def _characters(frame: pl.DataFrame) -> int:
    """Bytes of all texts before they are packed."""
    return sum(
        int(frame[name].str.len_bytes().sum() or 0) for name in ("prompt", "messages", "doc", "output", "reasoning")
    )


def _beside(about: Data, index: str, frame: pl.DataFrame, stem: str) -> Packed:
    key = hashlib.sha256(index.encode()).hexdigest()
    return Packed(about | {"file": f"{stem}.samples.parquet", "key": key}, index, [], _parquet(frame, key))


def _index(frame: pl.DataFrame, place: Mapping[str, int]) -> Data:
    """Columns as lists. Words as numbers into a list of the words."""
    found: Data = {}
    for name in ("task", "status", "verdict", "item"):
        words = sorted(frame[name].drop_nulls().unique().to_list())
        at = {word: i for i, word in enumerate(words)}
        found[name] = [None if word is None else at[word] for word in frame[name]]
        found[f"{name}s"] = words if name == "item" else [visible(word) for word in words]
    found["model"] = [place[model] for model in frame["model"]]
    found["doc"] = frame["doc_id"].to_list()
    found["repeat"] = frame["repeat"].to_list()
    found["value"] = [number(value) for value in frame["value"]]
    found["tokens"] = frame["completion_tokens"].to_list()
    return found


def _parquet(frame: pl.DataFrame, key: str) -> bytes:
    """Every column, in small row groups, so that one sample is a short read. Snappy, which the page can open."""
    buffer = io.BytesIO()
    frame.select(*INDEX, *TEXTS).write_parquet(
        buffer, compression="snappy", row_group_size=BLOCK, statistics=False, metadata={KEY: key}
    )
    return buffer.getvalue()


def squeezed(value: Any) -> str:
    """JSON, packed."""
    return packed(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def packed(text: str) -> str:
    """A text, gzipped without a time, in base64: letters that no HTML parser cares for."""
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()
