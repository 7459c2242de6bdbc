"""Fingerprints kept between runs: one file per model and prompt set, named by what it was made from.

The name is a hash of the fingerprints' version, the channels and the model's answers, so that a changed answer is a new
file and nothing stale is ever read. The folder may be deleted at any time; a file that cannot be read is made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from harness.errors import ConfigError
from harness.provenance import fingerprint as fp

FOLDER = "fingerprints"
"""Inside a results folder."""


def fingerprint(
    answers: pl.DataFrame, names: Sequence[str] | None, folder: Path | None, column: str = "output"
) -> fp.Fingerprints:
    """Fingerprint every model of a frame, reading what is stored and storing what is not.

    Args:
        answers: columns `model`, `prompt_id` and `column`.
        names: channels, by default all that read such texts.
        folder: where fingerprints are kept; `None` keeps none. One that cannot be written to keeps none either.
        column: `output`, or `reasoning` for traces.

    Returns:
        The same as `fingerprint.fingerprint`.
    """
    if folder is None:
        return fp.fingerprint(answers, column, names)
    traces = column == "reasoning"
    names = fp.channel_names(traces=traces) if names is None else names
    found = []
    for (_,), part in sorted(answers.partition_by("model", as_dict=True).items()):
        path = folder / f"{address(part, names, column)}.parquet"
        prints = None
        if path.is_file():
            with contextlib.suppress(ConfigError):
                prints = fp.read(path)
        if prints is None:
            prints = fp.fingerprint(part, column, names)
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                fp.write(prints, path)
        found.append(prints)
    whole = fp.join(*found)
    # A channel in which nobody has a feature leaves no rows behind.
    for name in names:
        whole.features.setdefault(name, pl.DataFrame(schema=fp.CODED))
    return dataclasses.replace(whole, traces=traces)


def address(answers: pl.DataFrame, names: Sequence[str], column: str = "output") -> str:
    """What one model's fingerprints are made from, as 40 hexadecimal digits: version, channels, name and answers."""
    rows = answers.select(pl.col("model", "prompt_id", column).cast(pl.String)).sort("prompt_id", column)
    digest = hashlib.blake2b(f"{fp.VERSION} {column} {' '.join(sorted(names))}".encode(), digest_size=20)
    if "cut" in answers.columns and answers["cut"].any():
        digest.update(repr(answers.filter(pl.col("cut")).select("prompt_id", column).sort(pl.all()).rows()).encode())
    for row in rows.iter_rows():
        for text in row:
            raw = (text or "").encode()
            digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()
