"""The columns of `samples.parquet`, one row per sample, and how it is written.

Strings hold JSON where the shape differs from task to task (`doc`, `messages`, `detail`). Sorted by model,
task, doc_id, repeat, so that the same answers make the same file but for the times.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.runs import SAMPLES, write_atomic

if TYPE_CHECKING:
    import polars as pl

SORT = ("model", "task", "doc_id", "repeat")
PIECE = 2000
"""Rows turned into a frame at once."""
TIMES = ("started_at", "latency_s", "ttfb_s", "attempts", "response_id", "reused_from")
"""Columns that differ between two runs with the same answers."""


def schema() -> dict[str, Any]:
    """Column names and Polars types, in order."""
    import polars as pl

    attempt = pl.Struct({"at": pl.String, "error": pl.String, "status": pl.Int64})
    score = pl.Struct(
        {
            "metric": pl.String,
            "filter": pl.String,
            "scorer": pl.String,
            "value": pl.Float64,
            "status": pl.String,
            "extracted": pl.String,
            "explanation": pl.String,
            "detail": pl.String,
        }
    )
    return {
        "run_id": pl.String,
        "model": pl.String,
        "task": pl.String,
        "doc_id": pl.Int64,
        "repeat": pl.Int32,
        "sample_id": pl.String,
        "status": pl.String,
        "kind": pl.String,
        "messages": pl.String,
        "prompt": pl.String,
        "doc": pl.String,
        "target": pl.String,
        "output": pl.String,
        "reasoning": pl.String,
        "reasoning_kind": pl.String,
        "finish_reason": pl.String,
        "error": pl.String,
        "seed": pl.Int64,
        "decoding": pl.String,
        "continuations": pl.List(pl.String),
        "request_ids": pl.List(pl.String),
        "loglikelihoods": pl.List(pl.Float64),
        "prompt_tokens": pl.Int64,
        "completion_tokens": pl.Int64,
        "reasoning_tokens": pl.Int64,
        "cached_tokens": pl.Int64,
        "attempts": pl.List(attempt),
        "started_at": pl.String,
        "latency_s": pl.Float64,
        "ttfb_s": pl.Float64,
        "served_model": pl.String,
        "system_fingerprint": pl.String,
        "response_id": pl.String,
        "request_bodies": pl.List(pl.String),
        "request_sha256": pl.List(pl.String),
        "reused_from": pl.String,
        "scores": pl.List(score),
    }


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a sorted frame. Lone surrogates, which a broken reply may hold, become `?`: Parquet is UTF-8."""
    import polars as pl

    columns = schema()
    waiting = iter(rows)
    frames = [pl.DataFrame(schema=columns)]
    # In pieces: a row as Python objects takes several times the memory of one in a frame.
    while piece := [_clean(row) for row in itertools.islice(waiting, PIECE)]:
        frames.append(pl.DataFrame(piece, schema=columns, orient="row"))
    return pl.concat(frames).sort(SORT)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def write(run: Path, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Write a run's samples in one atomic step, and return them.

    Raises:
        StorageError: it cannot be written; an older file stays as it was.
    """
    made = frame(rows)
    buffer = io.BytesIO()
    made.write_parquet(buffer, compression="zstd")
    write_atomic(run / SAMPLES, buffer.getvalue())
    return made
