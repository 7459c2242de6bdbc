"""Fingerprints: which features of which channel a model's answer to a prompt has. Counts, no texts.

A fingerprint is a frame `channel, model, prompt_id, feature, share`: the share (0 to 1] of the model's answers to
that prompt that have the feature, or of their tokens that are it. Features are 64-bit hashes, so frames of different
runs and machines join. Computing one is linear in text and batched. A model never looks at another's answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from harness.core import plugins
from harness.errors import ConfigError
from harness.provenance.answers import texts

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
"""Kinds whose share is of tokens. The others' is of answers."""


class Channel(Protocol):
    """What a file in `harness/provenance/channels/` offers."""

    NAME: str
    KIND: Kind
    """`habit`: in how many answers. `rate`: how often per token. `excess`: how much oftener than people. All three over
    all prompts. `agreement`: the same in answer to the same prompt."""
    LEXICAL: bool
    """True if content words decide. Evidence needs non-lexical channels beside them."""
    TRACES: bool
    """True for a channel that reads reasoning traces alone. The others read answers and traces."""
    WINDOW: Literal["head", "body", "trace", "tail"]

    def features(self, tokens: texts.Tokens) -> tuple[texts.I32, texts.U64]:
        """Rows of the answers frame, and the feature found there. Duplicates are allowed."""
        ...


Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Features of several models' answers to the same prompts.

    Attributes:
        models: sorted names.
        prompts: sorted ids.
        answered: models x prompts, True if at least one usable answer exists.
        features: per channel, columns `m` (UInt16), `p` (UInt16), `feature` (UInt64), `share` (Float32), sorted.
        dropped: how many answers were `empty`, `looping`, `kept`.
        traces: whether the texts are reasoning traces.
        asked: indices of the prompts that the suspects were asked, if these are some of the pool's: habits of
            possible teachers are then read from all prompts, those of suspects from these (`similarity.leaning`).
            `None`: everybody is read from all prompts.
        cut: whether features are cut the way a panel's are: see `reduce`.
        counted: what was counted of these features, kept so that nothing is counted twice. A changed copy begins
            without.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    answered: texts.Bool
    features: dict[str, pl.DataFrame]
    dropped: dict[str, int]
    traces: bool = False
    asked: tuple[int, ...] | None = None
    cut: bool = False
    counted: dict[tuple[str, str], Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, what: str, name: str, make: Callable[[], Made]) -> Made:
        """What is counted of a channel's features, made when it is first asked for.

        Args:
            what: which count.
            name: of the channel.
            make: makes it.
        """
        key = (what, name)
        if key not in self.counted:
            self.counted[key] = make()
        return cast("Made", self.counted[key])

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
            cut=self.cut,
        )


def reduce(prints: Fingerprints) -> Fingerprints:
    """Cut features the way a panel's are cut. Those that are so already stay as they are."""
    if prints.cut:
        return prints
    features = {}
    for name, frame in prints.features.items():
        short = frame.with_columns(pl.col("feature") // (1 << KEPT_BITS))
        if channel(name).KIND == "agreement":
            short = short.filter(pl.col("feature") % SAMPLE == 0)
        features[name] = short.group_by("m", "p", "feature").agg(pl.col("share").max()).sort("p", "m", "feature")
    return dataclasses.replace(prints, features=features, cut=True)


ANSWERED = "answered"
"""In a stored file, the channel whose rows say which prompts a model answered."""
LAYOUT = "2"
"""Of such a file. Files of another are never read."""


def write(prints: Fingerprints, path: Path) -> None:
    """Store fingerprints as one Parquet file: features one channel after another, by codes, no text.

    Args:
        prints: what to store.
        path: the file, which appears whole or not at all.
    """
    partial = path.with_name(f".{path.name}.partial")
    m, p = (part.astype(np.uint16) for part in np.nonzero(prints.answered))
    there = pl.DataFrame({"m": m, "p": p, "feature": np.zeros(len(m), np.uint64), "share": np.ones(len(m), np.float32)})
    parts = {ANSWERED: there, **prints.features}
    about = {
        "models": prints.models, "prompts": prints.prompts, "dropped": prints.dropped, "traces": prints.traces,
        "asked": prints.asked, "cut": prints.cut, "channels": {name: len(frame) for name, frame in parts.items()},
    }  # fmt: skip
    metadata = {"fingerprint": VERSION, "layout": LAYOUT, "about": json.dumps(about)}
    pl.concat(parts.values()).write_parquet(partial, compression="zstd", metadata=metadata, statistics=False)
    partial.replace(path)


def read(path: Path) -> Fingerprints:
    """Read stored fingerprints.

    Raises:
        ConfigError: the file holds none, or was made by another version.
    """
    try:
        return _told(_about(path), pl.read_parquet(path))
    except _UNREADABLE as error:
        raise ConfigError(f"{path.name} is not a file of fingerprints ({error})") from error


def read_some(paths: Sequence[Path]) -> list[Fingerprints | None]:
    """Several files of fingerprints, read at once. `None` of one that is not there or cannot be read."""
    abouts: dict[Path, Any] = {}
    for path in paths:
        with contextlib.suppress(ConfigError, *_UNREADABLE):
            abouts[path] = _about(path)
    sizes = {path: sum(about["channels"].values()) for path, about in abouts.items()}
    try:
        rows = pl.read_parquet(list(sizes)) if sizes else pl.DataFrame()
        if len(rows) != sum(sizes.values()):
            raise ValueError("files of other lengths than they say")
        starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
        found = {path: _told(about, rows.slice(starts[path], sizes[path])) for path, about in abouts.items()}
    except _UNREADABLE:  # one of them is damaged
        found = {}
        for path in abouts:
            with contextlib.suppress(ConfigError):
                found[path] = read(path)
    return [found.get(path) for path in paths]


_UNREADABLE = (OSError, ValueError, LookupError, TypeError, pl.exceptions.PolarsError)
"""What a file that holds something else raises."""


def _about(path: Path) -> Any:
    metadata = pl.read_parquet_metadata(path)
    version = f"{metadata.get('fingerprint', 'of no version')} {metadata.get('layout', '')}".strip()
    if version != f"{VERSION} {LAYOUT}":
        raise ConfigError(f"{path.name} holds fingerprints {version}, this is {VERSION} {LAYOUT}: make it anew")
    return json.loads(metadata["about"])


def _told(about: Any, rows: pl.DataFrame) -> Fingerprints:
    """The fingerprints of one file."""
    parts, start = {}, 0
    for name, size in about["channels"].items():
        parts[name] = rows.slice(start, size)
        start += size
    answered = np.zeros((len(about["models"]), len(about["prompts"])), dtype=np.bool_)
    there = parts.pop(ANSWERED)
    answered[there["m"].to_numpy(), there["p"].to_numpy()] = True
    asked = None if about["asked"] is None else tuple(about["asked"])
    models, prompts = tuple(about["models"]), tuple(about["prompts"])
    return Fingerprints(models, prompts, answered, parts, about["dropped"], about["traces"], asked, about["cut"])


def join(*several: Fingerprints) -> Fingerprints:
    """Put pools together: a stored panel, and the suspects that answered its prompts.

    Raises:
        ConfigError: a model is in more than one.
    """
    names = [name for prints in several for name in prints.models]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ConfigError(f"the same model in two sets of fingerprints: {', '.join(twice)}")
    dropped: dict[str, int] = {}
    for prints in several:
        for why, count in prints.dropped.items():
            dropped[why] = dropped.get(why, 0) + count
    models = tuple(sorted(names))
    prompts = tuple(sorted({prompt for prints in several for prompt in prints.prompts}))
    joined = placed(several, models, prompts)
    cut = bool(several) and all(prints.cut for prints in several)
    return dataclasses.replace(joined, dropped=dropped, cut=cut)


def placed(several: Sequence[Fingerprints], models: Sequence[str], prompts: Sequence[str]) -> Fingerprints:
    """The features of several sets at their places in lists of models and prompts. What is in neither is left out.

    Args:
        several: no model of the list is in two of them.
        models: sorted.
        prompts: sorted.
    """
    at_m, at_p = ({name: i for i, name in enumerate(names)} for names in (models, prompts))
    answered = np.zeros((len(models), len(prompts)), dtype=np.bool_)
    parts: dict[str, list[_Cells]] = {}
    for prints in several:
        m = np.array([at_m.get(name, _NOWHERE) for name in prints.models], dtype=np.uint16)
        p = np.array([at_p.get(name, _NOWHERE) for name in prints.prompts], dtype=np.uint16)
        here_m, here_p = np.flatnonzero(m != _NOWHERE), np.flatnonzero(p != _NOWHERE)
        answered[np.ix_(m[here_m], p[here_p])] = prints.answered[np.ix_(here_m, here_p)]
        whole = len(here_m) == len(m) and len(here_p) == len(p)
        for name, frame in prints.features.items():
            cells = (m[frame["m"].to_numpy()], p[frame["p"].to_numpy()], *(frame[c].to_numpy() for c in _VALUES))
            kept = slice(None) if whole else (cells[0] != _NOWHERE) & (cells[1] != _NOWHERE)
            parts.setdefault(name, []).append(tuple(cell[kept] for cell in cells))
    features = {name: _joined_sorted(cells) for name, cells in sorted(parts.items())}
    return Fingerprints(tuple(models), tuple(prompts), answered, features, {})


_NOWHERE = np.iinfo(np.uint16).max


_VALUES = ("feature", "share")
_Cells = tuple[npt.NDArray[Any], ...]
"""Models, prompts, features and shares of rows."""


def _joined_sorted(parts: Sequence[_Cells]) -> pl.DataFrame:
    """Rows by prompt, model and feature. Those of one model and prompt are so already.

    Sorting by short numbers one after the other is radix sort in NumPy, a tenth of the time of sorting by three. A part
    that is alone is sorted.
    """
    joined = [np.concatenate(cells) for cells in zip(*parts, strict=True)]
    m, p, *_ = joined
    if len(parts) > 1:
        order = np.argsort(m, kind="stable")
        order = order[np.argsort(p[order], kind="stable")]
        joined = [cell[order] for cell in joined]
    return pl.DataFrame(dict(zip(CODED, joined, strict=True)), schema=CODED)


def sorted_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `CODED`, in whatever order, by prompt, model and feature.

    If features are short, as a panel's are, the three are sorted as one number: a third of the time.
    """
    m, p, feature, share = (rows[name].to_numpy() for name in CODED)
    if not len(rows) or int(feature.max()) >= 1 << 32:
        return rows.select(list(CODED)).sort("p", "m", "feature")
    key = (p.astype(np.uint64) << np.uint64(48)) | (m.astype(np.uint64) << np.uint64(32)) | feature.astype(np.uint64)
    if (share == 1).all():
        key.sort()
    else:
        order = np.argsort(key)
        key, share = key[order], share[order]
    cells = {
        "m": (key >> np.uint64(32)).astype(np.uint16),  # what is above 16 bits, the prompt, is cut off
        "p": (key >> np.uint64(48)).astype(np.uint16),
        "feature": key & np.uint64((1 << 32) - 1),
        "share": share,
    }
    return pl.DataFrame(cells, schema=CODED)


def channel_names(*, traces: bool = False) -> list[str]:
    """The files of `harness/provenance/channels/`, sorted, with `traces` also those that read nothing else."""
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
        frame: columns `model`, `prompt_id` and `column`. One row per answer.
        column: `output`, or `reasoning` for traces: compare like with like only.
        names: channels, by default all that read such texts.

    Returns:
        Fingerprints. Models without a usable answer are left out.
    """
    kept, dropped = texts.answers(frame, column)
    return _made(kept, dropped, names, traces=column == "reasoning")


def _made(kept: pl.DataFrame, dropped: dict[str, int], names: Sequence[str] | None, *, traces: bool) -> Fingerprints:
    """The fingerprints of answers as `texts.answers` leaves them, with what it left out."""
    chosen = [channel(name) for name in (channel_names(traces=traces) if names is None else names)]
    models, prompts = (sorted(kept[c].unique().to_list()) for c in ("model", "prompt_id"))
    code_m = dict(zip(models, range(len(models)), strict=True))
    code_p = dict(zip(prompts, range(len(prompts)), strict=True))
    of_text = kept.select(
        m=pl.col("model").replace_strict(code_m, return_dtype=pl.UInt16),
        p=pl.col("prompt_id").replace_strict(code_p, return_dtype=pl.UInt16),
    )
    m, p = (of_text[c].to_numpy().astype(np.uint16) for c in ("m", "p"))  # no answers, no type
    place = m.astype(np.int64) * len(prompts) + p

    def counted(places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """How often each model and prompt is there."""
        flat = np.bincount(places, minlength=len(models) * len(prompts))
        return flat.reshape(len(models), len(prompts)).astype(np.float32)

    counts = counted(place)

    found: dict[str, list[_Cells]] = {c.NAME: [] for c in chosen}
    sizes = {window: np.zeros_like(counts) for window in WINDOWS}
    for window, batches in WINDOWS.items():
        users = [c for c in chosen if window == c.WINDOW]
        if not users:
            continue
        for tokens in batches(kept):
            sizes[window] += counted(place[tokens.text])
            for user in users:
                row, feature, count = _different(*user.features(tokens))
                count = count if user.KIND in COUNTED else np.ones_like(count)
                found[user.NAME].append((m[row], p[row], feature, count))
    features = {}
    several = len(kept) > int(np.count_nonzero(counts))  # some prompt was answered more than once
    for user in chosen:
        of = sizes[user.WINDOW] if user.KIND in COUNTED else counts
        features[user.NAME] = _shares(found.pop(user.NAME), of, several=several)
    return Fingerprints(tuple(models), tuple(prompts), counts > 0, features, dropped, traces)


def each(frame: pl.DataFrame, column: str = "output", names: Sequence[str] | None = None) -> dict[str, Fingerprints]:
    """The fingerprints of every model in a frame, as if each had been alone in it.

    They are made together: a model has a few hundred answers, and for so few most of the time goes into starting.

    Args:
        frame: see `fingerprint`.
        column: see there.
        names: see there.
    """
    texts_of = pl.col(column).cast(pl.String).str.strip_chars().str.len_chars() > 0
    sizes = frame.group_by("model").agg(n=pl.len(), full=texts_of.sum()).rows_by_key("model", unique=True)
    usable, lacking = texts.answers(frame, column)
    kept = dict(usable.group_by("model").len().iter_rows())
    whole = _made(usable, lacking, names, traces=column == "reasoning")
    parts = {name: rows.partition_by("m", as_dict=True) for name, rows in whole.features.items()}
    found = {}
    for model, (n, full) in sizes.items():
        dropped = {"empty": n - full, "looping": full - kept.get(model, 0), "kept": kept.get(model, 0)}
        mine = [model] if model in kept else []
        answered = whole.answered[[whole.models.index(name) for name in mine]]
        prompts = np.flatnonzero(answered.any(axis=0))
        features = {}
        for name, rows in whole.features.items():
            part = parts[name].get((whole.models.index(model),)) if mine else None
            part = rows.clear() if part is None else part
            place = np.searchsorted(prompts, part["p"].to_numpy())
            m, p = pl.Series(np.zeros(len(part)), dtype=pl.UInt16), pl.Series(place, dtype=pl.UInt16)
            features[name] = part.with_columns(m=m, p=p)
        found[model] = Fingerprints(
            tuple(mine), tuple(whole.prompts[i] for i in prompts), answered[:, prompts], features, dropped, whole.traces
        )
    return found


def _different(row: texts.I32, feature: texts.U64) -> tuple[texts.I32, texts.U64, npt.NDArray[np.uint32]]:
    """The different features of each row, in their order, and how often each is there.

    Args:
        row: of one batch of texts, so that they fit into 16 bits, by which NumPy sorts in one go.
        feature: as long.
    """
    order = np.argsort(feature)
    near = (row - row.min(initial=texts.BATCH)).astype(np.uint16)
    order = order[np.argsort(near[order], kind="stable")]
    row, feature = row[order], feature[order]
    first = _firsts(row, feature)
    return row[first], feature[first], np.diff(first, append=len(row)).astype(np.uint32)


def _firsts(*sorted_by: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Where sorted rows differ from those before them."""
    new = np.ones(len(sorted_by[0]), dtype=np.bool_)
    new[1:] = np.logical_or.reduce([cells[1:] != cells[:-1] for cells in sorted_by])
    return np.flatnonzero(new)


def _shares(parts: Sequence[_Cells], of: npt.NDArray[np.float32], *, several: bool) -> pl.DataFrame:
    """Hits as shares of a model's answers to a prompt, or of their tokens, sorted by prompt, model and feature.

    Args:
        parts: models, prompts, features and counts of batches. Those of one answer are in the order of its features.
        of: answers or tokens, models x prompts.
        several: whether a model may have answered a prompt more than once.
    """
    if not parts:
        return pl.DataFrame(schema=CODED)
    m, p, feature, count = (np.concatenate(cells) for cells in zip(*parts, strict=True))
    order = np.argsort(feature) if several else np.arange(len(feature))
    for place in (m, p):
        order = order[np.argsort(place[order], kind="stable")]
    m, p, feature, count = m[order], p[order], feature[order], count[order]
    if several and len(m):
        first = _firsts(p, m, feature)
        m, p, feature, count = m[first], p[first], feature[first], np.add.reduceat(count, first)
    return pl.DataFrame({"m": m, "p": p, "feature": feature, "share": count / of[m, p]}, schema=CODED)
