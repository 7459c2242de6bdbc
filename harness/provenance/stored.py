"""Fingerprints kept between runs: one file per model and prompt set, named by what it was made from.

The name is a hash of the fingerprints' version, the channels and the model's answers, so that a changed answer is a new
file and nothing stale is ever read. The folder may be deleted at any time; a file that cannot be read is made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from harness.errors import ConfigError
from harness.provenance import fingerprint as fp

FOLDER = "fingerprints"
"""Inside a results folder."""
TOGETHER = 10_000
"""Answers whose fingerprints are made at one time; bounds memory."""


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
        folder: where fingerprints are kept; `None` keeps none. One that cannot be written to keeps none either.
        column: `output`, or `reasoning` for traces.
        cut: whether features are cut the way a panel's are.

    Returns:
        The same as `fingerprint.fingerprint`, and `fingerprint.reduce` where they are cut.
    """
    if folder is None:
        made = fp.fingerprint(answers, column, names)
        return fp.reduce(made) if cut else made
    traces = column == "reasoning"
    names = fp.channel_names(traces=traces) if names is None else names
    parts = [part for _, part in sorted(answers.partition_by("model", as_dict=True).items())]
    paths = [folder / f"{address(part, names, column, cut=cut)}.parquet" for part in parts]
    found: list[fp.Fingerprints | None] = []
    for path in paths:
        prints = None
        if path.is_file():
            with contextlib.suppress(ConfigError):
                prints = fp.read(path)
        found.append(prints)
    lacking = [i for i, prints in enumerate(found) if prints is None]
    while lacking:
        now: list[int] = []
        rows = 0
        while lacking and (not now or rows + len(parts[lacking[0]]) <= TOGETHER):
            rows += len(parts[lacking[0]])
            now.append(lacking.pop(0))
        together = fp.each(pl.concat([parts[i] for i in now]), column, names)
        for i in now:
            prints = together[str(parts[i]["model"][0])]
            found[i] = prints = fp.reduce(prints) if cut else prints
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                fp.write(prints, paths[i])
    whole = fp.join(*(prints for prints in found if prints is not None))
    # A channel in which nobody has a feature leaves no rows behind.
    for name in names:
        whole.features.setdefault(name, pl.DataFrame(schema=fp.CODED))
    return dataclasses.replace(whole, traces=traces)


def address(answers: pl.DataFrame, names: Sequence[str], column: str = "output", *, cut: bool = False) -> str:
    """What one model's fingerprints are made from, as 40 hexadecimal digits: version, channels, name and answers."""
    rows = answers.select(pl.col("model", "prompt_id", column).cast(pl.String)).sort("prompt_id", column)
    digest = hashlib.blake2b(
        f"{fp.VERSION} {fp.LAYOUT} {column} {cut} {' '.join(sorted(names))}".encode(), digest_size=20
    )
    if "cut" in answers.columns and answers["cut"].any():
        digest.update(repr(answers.filter(pl.col("cut")).select("prompt_id", column).sort(pl.all()).rows()).encode())
    for texts in rows.iter_columns():
        hash_texts(digest, texts)
    return digest.hexdigest()


def hash_texts(digest: hashlib.blake2b, texts: pl.Series) -> None:
    """Add texts to a hash, in their order: their lengths in bytes, then all of them. Null counts as empty."""
    filled = texts.fill_null("")
    digest.update(filled.str.len_bytes().cast(pl.UInt64).to_numpy().astype("<u8").tobytes())
    digest.update("".join(filled.to_list()).encode())


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
            texts: columns `prompt_id`, `model`, `output`; one row per model and prompt.
            name: of the channel, with its version.
            folder: where they are kept; `None` keeps none.
        """
        if folder is None:
            return cls(None, {})
        prompts = " ".join(texts["prompt_id"].cast(pl.String).unique().sort().to_list())
        digest = hashlib.blake2b(prompts.encode(), digest_size=8).hexdigest()
        parts = texts.partition_by("model", as_dict=True).items()
        keys = {str(model): address(part.with_columns(model=pl.lit("")), [name]) for (model,), part in parts}
        return cls(folder / f"{name}-{digest}.pairs.parquet", keys)

    def known(self, models: Sequence[str]) -> dict[tuple[str, str], PairRow]:
        """What is kept of pairs of these models, in their order; a file that cannot be read holds nothing."""
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

    def words(self, texts: pl.DataFrame, split: Callable[[str], list[str]]) -> pl.DataFrame:
        """Hashes of every text's words, those that are kept read and the others kept.

        Args:
            texts: see `of`.
            split: makes the words of a text, in order.

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
        hashes: dict[str, int] = {}
        new = [[_hash(word, hashes) for word in split(text)] for text in missing["output"]]
        made = missing.with_columns(words=pl.Series(new, dtype=pl.List(pl.UInt64)))
        every = pl.concat([found.filter(pl.col("words").is_not_null()), made]).sort("prompt_id", "model")
        if self.path is not None:
            _write(every.select(list(_WORDS)), self.path.with_suffix(".words"))
        return every.select("prompt_id", "model", "words")

    def keep(self, found: Mapping[tuple[str, str], PairRow]) -> None:
        """Keep these pairs and no others; a folder that cannot be written to keeps none."""
        if self.path is None:
            return
        rows = [(*self._key(a, b), *row) for (a, b), row in found.items()]
        _write(pl.DataFrame(rows, schema=_PAIRS, orient="row"), self.path)


def _read(path: Path | None, schema: pl.Schema) -> pl.DataFrame:
    """A table that is kept; without rows where it is not there or cannot be read."""
    try:
        if path is not None and path.is_file():
            return pl.read_parquet(path).select(list(schema)).cast(schema)
    except (OSError, pl.exceptions.PolarsError):
        pass
    return pl.DataFrame(schema=schema)


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Keep a table, where the folder can be written to."""
    partial = path.with_name(f".{path.name}.partial")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(partial)
        partial.replace(path)


def _hash(word: str, known: dict[str, int]) -> int:
    found = known.get(word)
    if found is None:
        found = known[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return found


_WORDS = pl.Schema([("key", pl.String), ("prompt_id", pl.String), ("words", pl.List(pl.UInt64))])
_PAIRS = pl.Schema(
    {"a": pl.String, "b": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
)
