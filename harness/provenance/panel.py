"""Reference panels: fingerprints of public models on a public prompt set, to compare one more model with, offline.

A panel is two files in `harness/provenance/panels/`: `NAME.parquet`, features as hashes and no text; `NAME.yaml`, its
source, licence and prompts, and what is recorded of every model. Features are cut to 32 bits, phrasing to the quarter
of all trigrams whose hash divides by `SAMPLE` (a cosine over a random sample of features estimates the cosine over
all), and habits to those that enough models have to be measured. What is compared with a panel is cut the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from harness.errors import ConfigError, unknown_name
from harness.provenance import evidence, positives, similarity
from harness.provenance import fingerprint as fp
from harness.provenance.calibration import ModelFacts
from harness.provenance.evidence import EVIDENCE
from harness.provenance.registry import Labels

FOLDER = Path(__file__).parent / "panels"
CHANNELS = EVIDENCE
"""Channels a panel holds: those that are combined over pairs."""
SAMPLE = 4
KEPT_BITS = 32
ANSWERED = fp.ANSWERED


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel in memory."""

    name: str
    about: Mapping[str, Any]
    """Title, source, licence, version, prompts, aliases, status of the facts."""
    prints: fp.Fingerprints
    facts: Mapping[str, ModelFacts]
    candidates: frozenset[str]
    """Models that may be somebody's teacher."""
    positives: tuple[positives.Positive, ...] = ()
    """Documented students and the scores they got when the panel was made."""

    @property
    def domains(self) -> Mapping[str, str]:
        """What each prompt asks for, by its id; the prompts' texts are not here to tell it from."""
        told: Mapping[str, str] = self.about.get("domains") or {}
        return told


def names() -> list[str]:
    """Panels that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def reduce(prints: fp.Fingerprints) -> fp.Fingerprints:
    """Cut features the way a panel's are cut."""
    features = {}
    for name, frame in prints.features.items():
        short = frame.with_columns(pl.col("feature") // (1 << KEPT_BITS))
        if fp.channel(name).KIND == "agreement":
            short = short.filter(pl.col("feature") % SAMPLE == 0)
        features[name] = short.group_by("m", "p", "feature").agg(pl.col("share").max()).sort("p", "m", "feature")
    return fp.Fingerprints(prints.models, prints.prompts, prints.answered, features, prints.dropped)


def build(
    answers: pl.DataFrame,
    facts: Iterable[ModelFacts],
    candidates: Iterable[str],
    about: Mapping[str, Any],
    labels: Labels,
    folder: Path,
    name: str,
) -> int:
    """Make a panel's two files.

    Args:
        answers: columns `model`, `prompt_id`, `output`.
        facts: of the models.
        candidates: names of possible teachers.
        about: what `Panel.about` says, `prompts` aside.
        labels: documented students, whose scores are kept as `Panel.positives`.
        folder: where to.
        name: of the panel.

    Returns:
        Size of both files, in bytes.
    """
    prints = reduce(fp.fingerprint(answers, names=CHANNELS))
    least = max(similarity.MIN_MODELS, round(similarity.MIN_MODEL_SHARE * len(prints.models))) - 1
    m, p = (part.astype(np.uint16) for part in np.nonzero(prints.answered))
    zero = np.zeros(len(m), dtype=np.uint32)
    one = np.ones(len(m), dtype=np.float32)
    parts = [pl.DataFrame({"channel": ANSWERED, "p": p, "feature": zero, "m": m, "share": one})]
    for channel, frame in prints.features.items():
        kept = frame
        if fp.channel(channel).KIND == "habit":
            common = (
                frame.group_by("feature")
                .agg(m=pl.col("m").n_unique(), p=pl.col("p").n_unique())
                .filter((pl.col("m") >= least) & (pl.col("p") >= similarity.MIN_PROMPTS))
            )
            kept = frame.join(common.select("feature"), on="feature")
        order = ("p", "feature", "m") if fp.channel(channel).KIND == "agreement" else ("feature", "m", "p")
        parts.append(
            kept.sort(order).select(
                pl.lit(channel).alias("channel"), "p", pl.col("feature").cast(pl.UInt32), "m", "share"
            )
        )
    table, text = folder / f"{name}.parquet", folder / f"{name}.yaml"
    pl.concat(parts).write_parquet(
        table, compression="zstd", compression_level=19, metadata={"fingerprint": fp.VERSION}
    )
    chosen = set(candidates)
    of = {fact.name: fact for fact in facts}
    columns = [i for i, model in enumerate(prints.models) if model in chosen]
    analysis = evidence.analyse(prints, [of[model] for model in prints.models], columns)
    body = {
        "fingerprint": fp.VERSION,
        **about,
        "prompts": list(prints.prompts),
        "models": {model: _plain(of[model], model in chosen) for model in prints.models},
        "positives": positives.rows(positives.documented(analysis, labels)),
    }
    text.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    return table.stat().st_size + text.stat().st_size


def load(name: str) -> Panel:
    """Read a panel that ships with the package.

    Raises:
        ConfigError: there is none of that name, or its files were made by another version.
    """
    if name not in names():
        raise ConfigError(unknown_name("reference panel", name, names()))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    about = yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe one
    if about["fingerprint"] != fp.VERSION:
        raise ConfigError(
            f"the panel {name} holds fingerprints {about['fingerprint']}, this is {fp.VERSION}: build it anew with "
            "`harness provenance build-panel`"
        )
    models = tuple(sorted(about["models"]))
    rows = pl.read_parquet(FOLDER / f"{name}.parquet").with_columns(pl.col("feature").cast(pl.UInt64))
    answered = np.zeros((len(models), len(about["prompts"])), dtype=np.bool_)
    there = rows.filter(pl.col("channel") == ANSWERED)
    answered[there["m"].to_numpy(), there["p"].to_numpy()] = True
    features = {
        channel: rows.filter(pl.col("channel") == channel)
        .select("m", "p", "feature", "share")
        .sort("p", "m", "feature")
        for channel in CHANNELS
    }
    prints = fp.Fingerprints(models, tuple(about["prompts"]), answered, features, {})
    facts = {model: _facts(model, about["models"][model]) for model in models}
    can_teach = frozenset(model for model in models if about["models"][model].get("candidate"))
    return Panel(name, about, prints, facts, can_teach, tuple(positives.read(about.get("positives", ()))))


def add(panel: Panel, others: fp.Fingerprints) -> fp.Fingerprints:
    """The panel and further models, on those of its prompts that at least one of them answered.

    The panel's own entry of a model that is in both is left out.
    """
    keep = [m for m in panel.prints.models if m not in others.models]
    models = tuple(sorted({*keep, *others.models}))
    place = {model: i for i, model in enumerate(models)}
    asked = np.flatnonzero(others.answered.sum(axis=0))
    prompts = tuple(others.prompts[i] for i in asked if others.prompts[i] in set(panel.prints.prompts))
    at = {prompt: i for i, prompt in enumerate(prompts)}
    answered = np.zeros((len(models), len(prompts)), dtype=np.bool_)
    features: dict[str, list[pl.DataFrame]] = {channel: [] for channel in CHANNELS}
    for prints, kept in ((panel.prints, set(keep)), (reduce(others), set(others.models))):
        rows = [i for i, model in enumerate(prints.models) if model in kept]
        columns = [i for i, prompt in enumerate(prints.prompts) if prompt in at]
        new_m = pl.DataFrame(
            {"m": rows, "new_m": [place[prints.models[i]] for i in rows]}, schema={"m": pl.UInt16, "new_m": pl.UInt16}
        )
        new_p = pl.DataFrame(
            {"p": columns, "new_p": [at[prints.prompts[i]] for i in columns]},
            schema={"p": pl.UInt16, "new_p": pl.UInt16},
        )
        answered[np.ix_(new_m["new_m"].to_numpy(), new_p["new_p"].to_numpy())] = prints.answered[np.ix_(rows, columns)]
        for channel in CHANNELS:
            features[channel].append(
                prints.features[channel]
                .join(new_m, on="m")
                .join(new_p, on="p")
                .select(pl.col("new_m").alias("m"), pl.col("new_p").alias("p"), "feature", "share")
            )
    joined = {channel: pl.concat(parts).sort("p", "m", "feature") for channel, parts in features.items()}
    return fp.Fingerprints(models, prompts, answered, joined, others.dropped)


def _plain(fact: ModelFacts, candidate: bool) -> dict[str, Any]:
    """A model's facts as YAML says them; what is not known is left out."""
    found: dict[str, Any] = {"lab": fact.lab, "released": fact.released, "lineage": fact.lineage}
    for key in ("bases", "not_taught_by", "copy_of"):
        found[key] = sorted(getattr(fact, key))
    return {key: value for key, value in found.items() if value} | ({"candidate": True} if candidate else {})


def _facts(name: str, entry: Mapping[str, Any]) -> ModelFacts:
    return ModelFacts(
        name=name,
        lab=entry.get("lab"),
        released=None if entry.get("released") is None else str(entry["released"]),
        bases=frozenset(entry.get("bases", ())),
        lineage=entry.get("lineage"),
        not_taught_by=frozenset(entry.get("not_taught_by", ())),
        copy_of=frozenset(entry.get("copy_of", ())),
    )
