"""Fingerprints: which features of which channel a model's answer to a prompt has. Counts, no texts.

A fingerprint is a frame `channel, model, prompt_id, feature, share`: the share (0 to 1] of the model's answers to
that prompt that have the feature, or of their tokens that are it. Features are 64-bit hashes, so frames of different
runs and machines join. Computing one is linear in text and batched; a model never looks at another's answers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from harness.core import plugins
from harness.errors import ConfigError
from harness.provenance import texts

VERSION = "fp2"
"""Changes whenever tokens, windows, hashes or a channel's features change: old fingerprints are then made anew."""
READABLE = ("fp1", VERSION)
"""Versions of panels that can still be compared with. `fp1` cut words at combining marks: in languages that write
without those, English among them, both are the same, feature by feature."""

CHANNELS = "provenance.channels"
"""The folder of channels, as `plugins` knows it."""
SCHEMA = pl.Schema(
    {
        "channel": pl.String,
        "model": pl.String,
        "prompt_id": pl.String,
        "feature": pl.UInt64,
        "share": pl.Float32,
    },
)

CODED = pl.Schema({"m": pl.UInt16, "p": pl.UInt16, "feature": pl.UInt64, "share": pl.Float32})
"""Columns of `Fingerprints.features`."""

Kind = Literal["habit", "agreement", "rate", "excess"]
WINDOWS = {"head": texts.heads, "body": texts.bodies, "trace": texts.traces, "tail": texts.tails}
"""What a channel may read of a text, and how it is cut into tokens."""
KEPT_BITS = 32
"""Of every feature's hash in a panel."""
SAMPLE = 4
"""A panel keeps the features of agreement whose hash divides by it."""
COUNTED = ("rate", "excess")
"""Kinds whose share is of tokens; the others' is of answers."""


class Channel(Protocol):
    """What a file in `harness/provenance/channels/` offers."""

    NAME: str
    KIND: Kind
    """`habit`: in how many answers; `rate`: how often per token; `excess`: how much oftener than people; all three over
    all prompts. `agreement`: the same in answer to the same prompt."""
    LEXICAL: bool
    """True where content words decide; evidence needs non-lexical channels beside them."""
    TRACES: bool
    """True for a channel that reads reasoning traces alone; the others read answers and traces."""
    WINDOW: Literal["head", "body", "trace", "tail"]

    def features(self, tokens: texts.Tokens) -> tuple[texts.I32, texts.U64]:
        """Rows of the answers frame, and the feature found there; duplicates are allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Features of several models' answers to the same prompts.

    Attributes:
        models: sorted names.
        prompts: sorted ids.
        answered: models x prompts, True where at least one usable answer exists.
        features: per channel, columns `m` (UInt16), `p` (UInt16), `feature` (UInt64), `share` (Float32), sorted.
        dropped: how many answers were `empty`, `looping`, `kept`.
        traces: whether the texts are reasoning traces.
        asked: indices of the prompts that the suspects were asked, where these are some of the pool's: habits of
            possible teachers are then read from all prompts, those of suspects from these (`similarity.leaning`).
            `None`: everybody is read from all prompts.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    answered: texts.Bool
    features: dict[str, pl.DataFrame]
    dropped: dict[str, int]
    traces: bool = False
    asked: tuple[int, ...] | None = None

    def subset(self, prompts: Iterable[int]) -> Fingerprints:
        """The same models on some of the prompts, by index."""
        keep = sorted(set(prompts))
        new = pl.DataFrame({"p": keep, "q": range(len(keep))}, schema={"p": pl.UInt16, "q": pl.UInt16})
        asked = None if self.asked is None else tuple(i for i, p in enumerate(keep) if p in set(self.asked))
        return Fingerprints(
            models=self.models,
            prompts=tuple(self.prompts[p] for p in keep),
            answered=self.answered[:, keep],
            features={
                name: frame.join(new, on="p").select("m", pl.col("q").alias("p"), "feature", "share")
                for name, frame in self.features.items()
            },
            dropped=self.dropped,
            traces=self.traces,
            asked=None if asked is None or len(asked) == len(keep) else asked,
        )


def reduce(prints: Fingerprints) -> Fingerprints:
    """Cut features the way a panel's are cut."""
    features = {}
    for name, frame in prints.features.items():
        short = frame.with_columns(pl.col("feature") // (1 << KEPT_BITS))
        if channel(name).KIND == "agreement":
            short = short.filter(pl.col("feature") % SAMPLE == 0)
        features[name] = short.group_by("m", "p", "feature").agg(pl.col("share").max()).sort("p", "m", "feature")
    return dataclasses.replace(prints, features=features)


ANSWERED = "answered"
"""In a stored file, the channel whose rows say which prompts a model answered."""


def write(prints: Fingerprints, path: Path) -> None:
    """Store fingerprints as one Parquet file: `channel, model, prompt_id, feature, share`, no text.

    Args:
        prints: what to store.
        path: the file, which appears whole or not at all.
    """
    partial = path.with_name(f".{path.name}.partial")
    metadata = {"fingerprint": VERSION, "dropped": json.dumps(prints.dropped)}
    _unpack(prints).write_parquet(partial, compression="zstd", metadata=metadata)
    partial.replace(path)


def read(path: Path) -> Fingerprints:
    """Read stored fingerprints.

    Raises:
        ConfigError: the file holds none, or was made by another version.
    """
    try:
        metadata = pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise ConfigError(f"{path.name} is not a file of fingerprints ({error})") from error
    version = metadata.get("fingerprint")
    if version != VERSION:
        raise ConfigError(
            f"{path.name} holds fingerprints {version or 'of no version'}, this is {VERSION}: make it anew"
        )
    return _pack(pl.read_parquet(path), json.loads(metadata.get("dropped", "{}")))


def join(*several: Fingerprints) -> Fingerprints:
    """Put pools together: a stored panel, and the suspects that answered its prompts.

    Raises:
        ConfigError: a model is in more than one.
    """
    names = [name for prints in several for name in prints.models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"the same model in two sets of fingerprints: {', '.join(twice)}")
    dropped: dict[str, int] = {}
    for prints in several:
        for why, count in prints.dropped.items():
            dropped[why] = dropped.get(why, 0) + count
    return _pack(pl.concat([_unpack(prints) for prints in several]), dropped)


def channel_names(*, traces: bool = False) -> list[str]:
    """The files of `harness/provenance/channels/`, sorted; with `traces` also those that read nothing else."""
    names = plugins.names(CHANNELS)
    return names if traces else [name for name in names if not channel(name).TRACES]


def channel(name: str) -> Channel:
    """Load a channel by its file's name.

    Raises:
        ConfigError: no such file.
    """
    module: Channel = plugins.load(CHANNELS, name)
    return module


def fingerprint(frame: pl.DataFrame, column: str = "output", names: Sequence[str] | None = None) -> Fingerprints:
    """Fingerprint every model in a frame of answers.

    Args:
        frame: columns `model`, `prompt_id` and `column`; one row per answer.
        column: `output`, or `reasoning` for traces: compare like with like only.
        names: channels, by default all that read such texts.

    Returns:
        Fingerprints; models without a usable answer are left out.
    """
    kept, dropped = texts.answers(frame, column)
    traces = column == "reasoning"
    chosen = [channel(name) for name in (channel_names(traces=traces) if names is None else names)]
    models, prompts = (sorted(kept[c].unique().to_list()) for c in ("model", "prompt_id"))
    code_m = dict(zip(models, range(len(models)), strict=True))
    code_p = dict(zip(prompts, range(len(prompts)), strict=True))
    of_text = kept.select(
        m=pl.col("model").replace_strict(code_m, return_dtype=pl.UInt16),
        p=pl.col("prompt_id").replace_strict(code_p, return_dtype=pl.UInt16),
    )
    m, p = (of_text[c].to_numpy().astype(np.uint16) for c in ("m", "p"))  # no answers, no type
    counts = np.zeros((len(models), len(prompts)), dtype=np.float32)
    np.add.at(counts, (m, p), 1)

    found: dict[str, list[pl.DataFrame]] = {c.NAME: [] for c in chosen}
    sizes = {window: np.zeros_like(counts) for window in WINDOWS}
    for window, batches in WINDOWS.items():
        users = [c for c in chosen if window == c.WINDOW]
        if not users:
            continue
        for tokens in batches(kept):
            np.add.at(sizes[window], (m[tokens.text], p[tokens.text]), 1)
            for user in users:
                row, feature = user.features(tokens)
                batch = pl.DataFrame({"row": row, "feature": feature})
                batch = batch.group_by("row", "feature").len() if user.KIND in COUNTED else batch.unique()
                row = batch["row"].to_numpy()
                found[user.NAME].append(
                    pl.DataFrame({"m": m[row], "p": p[row], **batch.drop("row").to_dict()}),
                )
    features = {}
    several = len(kept) > int(np.count_nonzero(counts))  # some prompt was answered more than once
    for user in chosen:
        of = sizes[user.WINDOW] if user.KIND in COUNTED else counts
        features[user.NAME] = _shares(found.pop(user.NAME), of, several=several)
    return Fingerprints(tuple(models), tuple(prompts), counts > 0, features, dropped, traces)


def _shares(parts: list[pl.DataFrame], of: npt.NDArray[np.float32], *, several: bool) -> pl.DataFrame:
    """Hits as shares of a model's answers to a prompt, or of their tokens."""
    schema = {"m": pl.UInt16, "p": pl.UInt16, "feature": pl.UInt64}
    hits = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    if "len" not in hits.columns:
        hits = hits.with_columns(len=pl.lit(1, dtype=pl.UInt32))
    if several:
        hits = hits.group_by("m", "p", "feature").agg(pl.col("len").sum())
    hits = hits.sort("p", "m", "feature")
    share = hits["len"].to_numpy() / of[hits["m"].to_numpy(), hits["p"].to_numpy()]
    return hits.select("m", "p", "feature", share=pl.Series(share, dtype=pl.Float32))


def _unpack(prints: Fingerprints) -> pl.DataFrame:
    """Fingerprints as rows with names."""
    m, p = (part.astype(np.uint16) for part in np.nonzero(prints.answered))
    zero, one = np.zeros(len(m), dtype=np.uint64), np.ones(len(m), dtype=np.float32)
    parts = {ANSWERED: pl.DataFrame({"m": m, "p": p, "feature": zero, "share": one}), **prints.features}
    models, prompts = pl.Series(prints.models, dtype=pl.String), pl.Series(prints.prompts, dtype=pl.String)
    return pl.concat(
        part.select(
            pl.lit(name).alias("channel"),
            models.gather(part["m"]).alias("model"),
            prompts.gather(part["p"]).alias("prompt_id"),
            "feature",
            "share",
        )
        for name, part in parts.items()
    )


def _pack(rows: pl.DataFrame, dropped: dict[str, int]) -> Fingerprints:
    """Rows with names as fingerprints."""
    models, prompts = (sorted(rows[c].unique().to_list()) for c in ("model", "prompt_id"))
    coded = rows.select(
        "channel",
        pl.col("model").replace_strict(models, range(len(models)), return_dtype=pl.UInt16).alias("m"),
        pl.col("prompt_id").replace_strict(prompts, range(len(prompts)), return_dtype=pl.UInt16).alias("p"),
        "feature",
        "share",
    )
    answered = np.zeros((len(models), len(prompts)), dtype=np.bool_)
    there = coded.filter(pl.col("channel") == ANSWERED)
    m, p = (there[c].to_numpy().astype(np.uint16) for c in ("m", "p"))
    answered[m, p] = True
    names = sorted(set(rows["channel"].unique().to_list()) - {ANSWERED})
    features = {n: coded.filter(pl.col("channel") == n).drop("channel").sort("p", "m", "feature") for n in names}
    return Fingerprints(tuple(models), tuple(prompts), answered, features, dropped)
