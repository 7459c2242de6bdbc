"""Fingerprints kept between runs: one file per model and prompt set, named by what it was made from.

The name is a hash of the fingerprints' version, the channels and the model's answers, so that a changed answer is a new
file and nothing stale is ever read. The folder may be deleted at any time. A file that cannot be read is made anew.

Answers are hashed by Polars, in 128 bits and at ten times the speed of a cryptographic hash. A folder's own random key
is part of every hash, so that nobody can write two answers with the same hash for somebody else's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from harness import runs
from harness.errors import StorageError
from harness.provenance.answers import fingerprint as fp
from harness.provenance.answers import responses

FOLDER = "fingerprints"
"""Inside a results folder."""
KEY = "key"
"""Inside that folder, 32 random bytes."""
TOGETHER = 10_000
"""Answers whose fingerprints are made at one time. Bounds memory."""
AT_ONCE = 8_000_000
"""Bytes of texts that are words at one time: about 5,000 answers of 300 words. Bounds memory."""


def fingerprint(
    answers: pl.DataFrame,
    names: Sequence[str] | None,
    folder: Path | None,
    column: str = "output",
    *,
    cut: bool = False,
) -> fp.Fingerprints:
    """Fingerprint every model of a frame, reading what is stored and storing what is not.

    Args:
        answers: columns `model`, `prompt_id` and `column`.
        names: channels, by default all that read such texts.
        folder: where fingerprints are kept. `None` keeps none. One that cannot be written to keeps none either.
        column: `output`, or `reasoning` for traces.
        cut: whether features are cut the way a panel's are.

    Returns:
        The same as `fingerprint.fingerprint`, and `fingerprint.reduce` if they are cut.
    """
    if folder is None:
        made = fp.fingerprint(answers, column, names)
        return fp.reduce(made) if cut else made
    traces = column == "reasoning"
    names = fp.channel_names(traces=traces) if names is None else names
    paths = {
        model: folder / f"{of}.parquet"
        for model, of in addresses(answers, names, column, cut=cut, folder=folder).items()
    }
    found = dict(zip(paths, fp.read_some(list(paths.values())), strict=True))
    missing = [model for model, prints in found.items() if prints is None]
    for part in _batches(answers.filter(answers["model"].is_in(missing))):
        for model, prints in fp.each(part, column, names).items():
            found[model] = made = fp.reduce(prints) if cut else prints
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                fp.write(made, paths[model])
    whole = fp.join(*(prints for prints in found.values() if prints is not None))
    # A channel in which nobody has a feature leaves no rows behind.
    for name in names:
        whole.features.setdefault(name, pl.DataFrame(schema=fp.CODED))
    return dataclasses.replace(whole, traces=traces)


def _batches(answers: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Whole models in turn, as many at a time as have `TOGETHER` answers. A model with more is alone."""
    now: list[pl.DataFrame] = []
    for _, part in sorted(answers.partition_by("model", as_dict=True).items()):
        if now and sum(map(len, now)) + len(part) > TOGETHER:
            yield pl.concat(now)
            now = []
        now.append(part)
    if now:
        yield pl.concat(now)


def addresses(
    answers: pl.DataFrame,
    names: Sequence[str],
    column: str = "output",
    *,
    folder: Path,
    cut: bool = False,
    named: bool = True,
) -> dict[str, str]:
    """What each model's fingerprints are made from, by its name, sorted: version, channels, name and answers.

    Each is 40 hexadecimal digits. The name is not in them unless `named`.
    """
    begin = f"{fp.VERSION} {fp.LAYOUT} {column} {cut} {' '.join(sorted(names))}".encode()
    known = answers.select(pl.col("model", "prompt_id", column).cast(pl.String))
    rows = responses.in_order(known, ["model", "prompt_id"])
    begins: dict[str, bytes] = {}
    if "cut" in answers.columns and answers["cut"].any():
        for (model,), part in answers.filter(pl.col("cut")).partition_by("model", as_dict=True).items():
            begins[str(model)] = begin + repr(part.select("prompt_id", column).sort(pl.all()).rows()).encode()

    def begins_with(model: str) -> bytes:
        return begins.get(model, begin) + (f" {model}".encode() if named else b"")

    return digests(rows["model"], [rows["prompt_id"], rows[column]], begins_with, folder)


def digests(
    models: pl.Series, columns: Sequence[pl.Series], begin: Callable[[str], bytes], folder: Path | None
) -> dict[str, str]:
    """A hash of every model's texts, as 40 hexadecimal digits. Null counts as empty.

    Args:
        models: of every row, those of one model beside each other.
        columns: texts, in an order that does not depend on who else is there.
        begin: what a model's hash begins with.
        folder: whose key is part of the hashes. Without a folder, they are good for nothing but this process.
    """
    key = b"" if folder is None else _key(folder)
    # Of the version, too: another version of Polars may hash otherwise.
    seeds = np.frombuffer(hashlib.blake2b(key + pl.__version__.encode(), digest_size=16).digest(), dtype="<u8").tolist()
    texts = pl.DataFrame({str(i): column.fill_null("") for i, column in enumerate(columns)})
    rows = texts.select(pl.all().hash(seed).name.suffix(f" {seed}") for seed in seeds).to_numpy(order="c")
    lengths = models.rle().struct.unnest()
    found, start = {}, 0
    for model, size in zip(lengths["value"].to_list(), lengths["len"].to_list(), strict=True):
        digest = hashlib.blake2b(begin(model), digest_size=20)
        digest.update(rows[start : start + size].tobytes())
        found[model] = digest.hexdigest()
        start += size
    return found


def _key(folder: Path) -> bytes:
    """The random key of a folder, made if there is none. If it cannot be kept, nothing else can be either."""
    path = folder / KEY
    with contextlib.suppress(OSError, StorageError):
        if not path.exists():
            with runs.atomic_file(path) as file:
                file.write(secrets.token_bytes(32))
        return path.read_bytes()
    return secrets.token_bytes(32)


PairRow = tuple[float | None, float | None, float | None, int]
"""A similarity, its limits, and how many prompts it is of."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Similarities of pairs kept between runs, each known by a hash of both models' texts: see `of`."""

    path: Path | None
    keys: Mapping[str, str]
    """By model."""

    @classmethod
    def of(cls, texts: pl.DataFrame, name: str, folder: Path | None) -> Pairs:
        """Those of one channel on one set of prompts.

        Args:
            texts: columns `prompt_id`, `model`, `output`. One row per model and prompt.
            name: of the channel, with its version.
            folder: where they are kept. `None` keeps none.
        """
        if folder is None:
            return cls(None, {})
        prompts = " ".join(texts["prompt_id"].cast(pl.String).unique().sort().to_list())
        digest = hashlib.blake2b(prompts.encode(), digest_size=8).hexdigest()
        keys = addresses(texts, [name], folder=folder, named=False)
        return cls(folder / f"{name}-{digest}.pairs.parquet", keys)

    def known(self, models: Sequence[str]) -> dict[tuple[str, str], PairRow]:
        """What is kept of pairs of these models, in their order. A file that cannot be read holds nothing."""
        if self.path is None:
            return {}
        rows = _read(self.path, _PAIRS)
        held = {(a, b): (value, low, high, n) for a, b, value, low, high, n in rows.iter_rows()}
        return {
            (a, b): held[key] for i, a in enumerate(models) for b in models[i + 1 :] if (key := self._key(a, b)) in held
        }

    def _key(self, a: str, b: str) -> tuple[str, str]:
        """Of a pair, whichever comes first."""
        one, two = sorted((self.keys[a], self.keys[b]))
        return one, two

    def words(self, texts: pl.DataFrame, split: Callable[[pl.Series], pl.Series]) -> pl.DataFrame:
        """Hashes of every text's words, those that are kept read and the others kept.

        Args:
            texts: see `of`.
            split: makes lists of the words of texts, in order.

        Returns:
            Columns `prompt_id`, `model`, `words` (lists of 64-bit hashes), sorted.
        """
        names = [*texts["model"].unique().sort()]
        keys = pl.DataFrame({"model": names, "key": [self.keys.get(name, name) for name in names]})
        keyed = texts.join(keys, on="model", how="left", maintain_order="left")
        held = _read(self.path and self.path.with_suffix(".words"), _WORDS)
        found = keyed.join(held.unique(["key", "prompt_id"]), on=["key", "prompt_id"], how="left")
        missing = found.filter(pl.col("words").is_null())
        if missing.is_empty():
            return found.sort("prompt_id", "model").select("prompt_id", "model", "words")
        said = missing["output"]
        made = missing.with_columns(words=pl.concat([_hashes(split(part)) for part in _parts(said)]))
        every = pl.concat([found.filter(pl.col("words").is_not_null()), made]).sort("prompt_id", "model")
        if self.path is not None:
            _write(every.select(list(_WORDS)), self.path.with_suffix(".words"))
        return every.select("prompt_id", "model", "words")

    def keep(self, found: Mapping[tuple[str, str], PairRow]) -> None:
        """Keep these pairs and no others. A folder that cannot be written to keeps none."""
        if self.path is None:
            return
        rows = [(*self._key(a, b), *row) for (a, b), row in found.items()]
        _write(pl.DataFrame(rows, schema=_PAIRS, orient="row"), self.path)


def _read(path: Path | None, schema: pl.Schema) -> pl.DataFrame:
    """A table that is kept, without rows if it is not there or cannot be read."""
    try:
        if path is not None and path.is_file():
            return pl.read_parquet(path).select(list(schema)).cast(schema)
    except (OSError, pl.exceptions.PolarsError):
        pass
    return pl.DataFrame(schema=schema)


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Keep a table, if the folder can be written to."""
    partial = path.with_name(f".{path.name}.partial")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(partial)
        partial.replace(path)


def _parts(texts: pl.Series) -> Iterator[pl.Series]:
    """Texts in order, in parts of at most `AT_ONCE` bytes and one text more."""
    ends = texts.str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum()
    first = 0
    for size in ((ends - 1).clip(0) // AT_ONCE).rle().struct.field("len"):
        yield texts.slice(first, size)
        first += size


def _hashes(words: pl.Series) -> pl.Series:
    """The 64-bit hash of every word in lists of them. Each different word is hashed once."""
    different = words.explode().drop_nulls().unique()
    hashed = [
        int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") for word in different.to_list()
    ]
    of = pl.element().replace_strict(different, pl.Series(hashed, dtype=pl.UInt64), return_dtype=pl.UInt64)
    return words.list.eval(of).cast(pl.List(pl.UInt64))  # without a word, it stays a list of strings


_WORDS = pl.Schema([("key", pl.String), ("prompt_id", pl.String), ("words", pl.List(pl.UInt64))])
_PAIRS = pl.Schema(
    {"a": pl.String, "b": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
)
