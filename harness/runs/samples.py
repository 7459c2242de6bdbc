"""The columns of `samples.parquet`, one row per sample, and how it is written: some rows at a time.

Strings hold JSON if the shape differs from task to task (`doc`, `messages`, `detail`). Sorted by model,
task, doc_id, repeat, so that the same answers make the same file but for the times.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import StorageError
from harness.records import SampleStatus
from harness.runs.folder import SAMPLES, atomic_file, storage_errors
from harness.runs.manifest import Counts, TokenCounts

SORT = ("model", "task", "doc_id", "repeat")
ADDED_COLUMNS = ("removed", "ttft_s", "batch")
"""Columns that earlier versions did not write: nothing is known there."""
PIECE = 500
"""Rows of a row group: as Python objects they take several times the memory they take in columns."""
STATES: tuple[SampleStatus, ...] = ("answered", "truncated", "refused", "failed")
TIMES = ("started_at", "latency_s", "ttfb_s", "ttft_s", "attempts", "response_id", "batch", "reused_from")
"""Columns that differ between two runs with the same answers."""


def schema() -> dict[str, Any]:
    """Column names and Arrow types, in order."""
    import pyarrow as pa

    attempt = pa.struct({"at": pa.string(), "error": pa.string(), "status": pa.int64()})
    score = pa.struct(
        {
            "metric": pa.string(),
            "filter": pa.string(),
            "scorer": pa.string(),
            "value": pa.float64(),
            "status": pa.string(),
            "extracted": pa.string(),
            "explanation": pa.string(),
            "detail": pa.string(),
        }
    )
    return {
        "run_id": pa.string(),
        "model": pa.string(),
        "task": pa.string(),
        "doc_id": pa.int64(),
        "repeat": pa.int32(),
        "sample_id": pa.string(),
        "status": pa.string(),
        "kind": pa.string(),
        "messages": pa.string(),
        "prompt": pa.string(),
        "doc": pa.string(),
        "target": pa.string(),
        "output": pa.string(),
        "reasoning": pa.string(),
        "reasoning_kind": pa.string(),
        "finish_reason": pa.string(),
        "error": pa.string(),
        "seed": pa.int64(),
        "decoding": pa.string(),
        "continuations": pa.list_(pa.string()),
        "request_ids": pa.list_(pa.string()),
        "loglikelihoods": pa.list_(pa.float64()),
        "prompt_tokens": pa.int64(),
        "completion_tokens": pa.int64(),
        "reasoning_tokens": pa.int64(),
        "cached_tokens": pa.int64(),
        "attempts": pa.list_(attempt),
        "started_at": pa.string(),
        "latency_s": pa.float64(),
        "ttfb_s": pa.float64(),
        "ttft_s": pa.float64(),
        "served_model": pa.string(),
        "system_fingerprint": pa.string(),
        "response_id": pa.string(),
        "request_bodies": pa.list_(pa.string()),
        "request_sha256": pa.list_(pa.string()),
        "batch": pa.string(),
        "reused_from": pa.string(),
        "removed": pa.string(),
        "scores": pa.list_(score),
    }


@dataclass(frozen=True)
class Written:
    """What `write` counted on the way."""

    counts: Counts
    tokens: TokenCounts

    @property
    def status(self) -> Literal["complete", "incomplete"]:
        """Of the run: whether every request was answered."""
        return "incomplete" if self.counts.failed else "complete"


EXPANSION, FREE_MB = 200, 256
"""A file whose samples take more MiB of memory than `FREE_MB`, and `EXPANSION` times as much as the file, is refused.
Texts of models take some 5 times as much, prompts that repeat 50 times."""
_CELL = 8
"""Bytes that a cell takes at least."""


def check_expansion(path: Path, then: str = "harness writes no such file") -> None:
    """Refuse a file of samples that is small and takes much memory. Reads its metadata, and the rest if it must.

    Args:
        path: the file.
        then: what the message ends with.

    Raises:
        StorageError: it is such a file, or no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        held = pq.read_metadata(path)
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise StorageError(f"{path}: not there; give the run's command again to finish it") from error
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: cannot be read ({(str(error).splitlines() or ['damaged'])[0]})") from error
    groups = [held.row_group(number) for number in range(held.num_row_groups)]
    chunks = [(group.num_rows, group.column(place)) for group in groups for place in range(group.num_columns)]
    least = sum(chunk.total_uncompressed_size + _CELL * rows for rows, chunk in chunks)
    bound = max(EXPANSION * size, FREE_MB << 20)
    # One long text that all rows share stands in the file once.
    most = sum(chunk.total_uncompressed_size * max(rows, 1) for rows, chunk in chunks)
    if least > bound or (most > bound and _text_bytes(path) > bound):
        raise StorageError(f"{path}: its {size:,} bytes take more than {bound / 1e6:,.0f} MB of memory; {then}")


def _text_bytes(path: Path) -> int:
    """Bytes of all texts of the columns of text, those that rows share counted for each."""
    import polars as pl

    try:
        texts = [name for name, kind in pl.read_parquet_schema(path).items() if kind == pl.String]
        sizes = pl.scan_parquet(path).select(pl.col(texts).str.len_bytes().cast(pl.Int64).sum()).collect()
    except pl.exceptions.PolarsError as error:
        raise StorageError(f"{path}: cannot be read ({(str(error).splitlines() or ['damaged'])[0]})") from error
    return int(sizes.sum_horizontal().sum()) if texts else 0


def clean(value: Any) -> Any:
    """A cell as it is written: lone surrogates become `?`, tuples lists."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def write(run: Path, rows: Iterable[Mapping[str, Any]]) -> Written:
    """Write a run's samples in one atomic step.

    Lone surrogates, which a broken reply may hold, become `?`: Parquet is UTF-8.

    Args:
        run: the run's folder.
        rows: mappings with every column of `schema`, in the order of `SORT`.

    Returns:
        What was written, in numbers.

    Raises:
        StorageError: it cannot be written. An older file stays as it was.
        ValueError: the rows are not in order.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = pa.schema(schema())
    frame = pl.DataFrame(pa.Table.from_batches([], schema=columns)).schema
    states: dict[SampleStatus, int] = dict.fromkeys(STATES, 0)
    tokens = dict.fromkeys(("prompt", "completion", "reasoning", "cached"), 0)
    waiting = iter(rows)
    last: tuple[Any, ...] = ()
    path = run / SAMPLES
    with (
        atomic_file(path) as file,
        # The least and the greatest text of a column help no query, and are held until the file is closed.
        pq.ParquetWriter(file, columns, compression="zstd", write_statistics=list(SORT)) as writer,
    ):
        while piece := list(itertools.islice(waiting, PIECE)):
            # By way of polars: pyarrow imports pandas before it reads the first Python list. By way of a reader: a
            # table's own `cast` imports pyarrow.compute, which makes 286 functions at once.
            try:
                made = pl.DataFrame(piece, schema=frame, orient="row").to_arrow()
            except UnicodeEncodeError:  # lone surrogates are rare, and looking for them takes longer than this
                piece = clean(piece)
                made = pl.DataFrame(piece, schema=frame, orient="row").to_arrow()
            for row in piece:  # as they are written: a name may have come to stand elsewhere, or twice
                if (place := tuple(row[name] for name in SORT)) <= last:
                    raise ValueError(f"row {place} comes after {last}")
                last = place
                states[row["status"]] += 1
                for kind in tokens:
                    tokens[kind] += row[f"{kind}_tokens"] or 0
            with storage_errors(path):
                reader = pa.RecordBatchReader.from_batches(made.schema, made.to_batches())
                writer.write_table(reader.cast(columns).read_all())
    return Written(Counts(samples=sum(states.values()), **states), TokenCounts(**tokens))
