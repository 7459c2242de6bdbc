"""Making panels: from answers and facts, from labelled tables, by adding one's own models, and passing them on.

What is written is the same on every machine, byte for byte, so that a panel can be made again and compared.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from harness.core import prompt_id
from harness.errors import ConfigError
from harness.provenance.answers import common_words, domains, languages, typography
from harness.provenance.answers import fingerprint as fp
from harness.provenance.comparison import evidence, positives, same, similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.registry import SAID, TAUGHT, Labels, Registry, bases_of
from harness.provenance.panels import panel, prompt_order, recoverable
from harness.provenance.panels.panel import Panel, PanelEntry, Prompt
from harness.runs import storage_errors

ASKED = (25, 50, 60, 100, 200)
"""Numbers of prompts, beside all, that a panel says for what they show: its power, and when a model is the same."""
SAMPLED = 1000
"""Answers that tell a panel's language."""
HOLDS = "hashes of features and counts; no text of any answer"
UNCHECKED = "public record, not checked"
NAMED = "the model's name"
Row = dict[str, Any]


def prompts_of(frame: pl.DataFrame) -> list[Prompt]:
    """Prompts as a panel holds them.

    Args:
        frame: columns `prompt_id` (what the source calls it) and `prompt`. If known `origin`, `licence`,
            `published`, `rank` and `domain`. A text is passed on if its licence is one of `panel.FREE`.

    Raises:
        ConfigError: a prompt is there twice, or has neither a licence that lets its text be passed on nor a place where
            it is published.
    """
    found = []
    for row in frame.iter_rows(named=True):
        text, licence = row["prompt"], row.get("licence") or ""
        free = panel.FREE.match(licence) is not None
        if not free and not row.get("published"):
            raise ConfigError(
                f"prompt {row['prompt_id']}: its licence ({licence or 'none'}) does not let its text be passed on, and "
                "nothing says where it is published"
            )
        rank = row.get("rank")
        found.append(
            Prompt(
                id=prompt_id(text),
                name=row["prompt_id"],
                sha256=panel.text_hash(text),
                text=text if free else None,
                origin=row.get("origin") or "",
                licence=licence,
                published=row.get("published") or "",
                domain=domains.domain(text, row.get("domain")),
                rank=None if rank is None else int(rank),
            )
        )
    twice = sorted({p.name for p in found if sum(o.id == p.id for o in found) > 1})
    if twice:
        raise ConfigError(f"the same prompt more than once: {', '.join(twice)}")
    ranked = sorted((p for p in found if p.rank is not None), key=lambda p: (p.rank or 0, p.name))
    ranked = [dataclasses.replace(p, rank=i) for i, p in enumerate(ranked, 1)]
    return [*ranked, *sorted((p for p in found if p.rank is None), key=lambda p: p.name)]


def build(
    answers: pl.DataFrame,
    prompts: Sequence[Prompt],
    entries: Mapping[str, PanelEntry],
    about: Mapping[str, Any],
    name: str,
    pairs: Iterable[tuple[str, str, str]] = (),
) -> Panel:
    """Make a panel of models' answers.

    Args:
        answers: columns `model`, `prompt_id` (what the source calls it, or its id), `output`. Several rows per model
            and prompt are repeats, of which the second says how well a model is found again.
        prompts: of `prompts_of`.
        entries: what is recorded of every model.
        about: `title`, `version`, `source`, `licence` and `facts` (how far those were checked). `asked` if known.
            `reads` (`panel.READS`), if `output` is a reasoning trace.
        name: of the panel.
        pairs: documented students, their teachers and their lineage.

    Prompts that have no rank, none of them, are ranked by how well they predict the others (`prompt_order`).

    Raises:
        ConfigError: a model has no entry, or nobody answered any of the prompts.
    """
    missing = sorted(set(answers["model"].to_list()) - set(entries))
    if missing:
        raise ConfigError(
            f"no entry for the model {missing[0]}" + (f" and {len(missing) - 1} more" * (len(missing) > 1))
        )
    ids = ids_of(prompts)
    known = answers.filter(pl.col("prompt_id").is_in(list(ids))).with_columns(pl.col("prompt_id").replace_strict(ids))
    if known.is_empty():
        raise ConfigError("none of the answers is to one of the prompts")
    told = said_of(known)
    again = _again(known, about)
    return assembled(prints_of(known, about.get("reads")), prompts, entries, told | dict(about), name, pairs, again)


def ids_of(prompts: Iterable[Prompt]) -> dict[str, str]:
    """The id of every prompt, by what its source calls it and by itself."""
    return {key: prompt.id for prompt in prompts for key in (prompt.name, prompt.id)}


def said_of(answers: pl.DataFrame) -> Row:
    """What a panel records of its models' texts.

    Args:
        answers: columns `model` and `output`.
    """
    texts = [part["output"] for part in answers.partition_by("model", maintain_order=True)]
    every = [text for mine in texts for text in mine.to_list()]
    return {
        "language": language(every),
        "common_words": common_words.least(common_words.shares(texts)),
        "curly": typography.greatest(typography.shares(answers)),
    }


def assembled(
    prints: fp.Fingerprints,
    prompts: Sequence[Prompt],
    entries: Mapping[str, PanelEntry],
    about: Mapping[str, Any],
    name: str,
    pairs: Iterable[tuple[str, str, str]] = (),
    again: Again | None = None,
) -> Panel:
    """A panel of fingerprints, ranked if nobody ranked its prompts, and measured.

    Args:
        prints: of all models, cut as a panel's are (`fingerprint.reduce`).
        prompts: those that are its. Answers to others are not in `prints`.
        entries: what is recorded of every model.
        about: as in `build`, with `said_of` the texts.
        name: of the panel.
        pairs: documented students, their teachers and their lineage.
        again: second answers of some of the models.
    """
    prints = _cut(prints)
    if all(prompt.rank is None for prompt in prompts):
        prompts = _ranked(prompts, prompt_order.ranked(prints))  # by what a suspect is read by: what the panel holds
    prints = _spread(prints, tuple(sorted(p.id for p in prompts)))
    made = Panel(
        name=name,
        about={"holds": HOLDS, **about},
        prints=prints,
        prompts=tuple(prompts),
        entries={model: entries[model] for model in prints.models},
    )
    return _measured(made, tuple(pairs), again)


def prints_of(answers: pl.DataFrame, reads: str | None, names: Sequence[str] = panel.CHANNELS) -> fp.Fingerprints:
    """Fingerprints cut as a panel's are.

    Args:
        answers: columns `model`, `prompt_id`, `output`, and `cut` if known.
        reads: what the texts are (`panel.READS`). `None` is answers.
        names: channels.
    """
    traces = reads in panel.READS[1:]
    texts = answers.rename({"output": "reasoning"}) if traces else answers
    return fp.reduce(fp.fingerprint(texts, "reasoning" if traces else "output", names))


def _ranked(prompts: Sequence[Prompt], ranks: Mapping[str, int]) -> list[Prompt]:
    """Prompts in the order they are asked in, by these ranks. Those that have none come last, by name."""
    told = [dataclasses.replace(prompt, rank=ranks.get(prompt.id)) for prompt in prompts]
    return sorted(told, key=lambda p: (p.rank is None, p.rank or 0, p.name))


def language(texts: Sequence[str | None]) -> str:
    """What most of some answers are in. If there are many, a sample tells."""
    found = languages.languages([text or "" for text in texts[:: max(1, len(texts) // SAMPLED)]])
    return languages.ENGLISH if found.english >= 0.5 else str(found.other)  # noqa: PLR2004 - most of them


@dataclasses.dataclass(frozen=True, slots=True)
class Again:
    """Second answers of some of a panel's models to the same prompts, and what all answered but for these.

    A model is found again only if its second answer is not among those it is compared with.
    """

    second: fp.Fingerprints
    rest: fp.Fingerprints


def _again(answers: pl.DataFrame, about: Mapping[str, Any]) -> Again | None:
    """Every second answer of those that gave several to a prompt. `None` if nobody did."""
    second = pl.int_range(pl.len()).over("model", "prompt_id") == 1
    told = answers.with_columns(second=second)
    if not told["second"].any():
        return None
    reads = about.get("reads")
    return Again(
        prints_of(told.filter("second"), reads, (same.CHANNEL,)), prints_of(told.filter(~pl.col("second")), reads)
    )


def _cut(prints: fp.Fingerprints) -> fp.Fingerprints:
    """Habits that enough models have, and which answers have an ending."""
    least = panel.least_models(len(prints.models))
    features = dict(prints.features)
    for channel, frame in prints.features.items():
        if fp.channel(channel).KIND == "habit":
            common = (
                frame.group_by("feature")
                .agg(m=pl.col("m").n_unique(), p=pl.col("p").n_unique())
                .filter((pl.col("m") >= least) & (pl.col("p") >= similarity.MIN_PROMPTS))
            )
            kept = frame.join(common.select("feature"), on="feature")
            if fp.channel(channel).WINDOW == "tail":
                bare = frame.join(kept, on=("m", "p"), how="anti").unique(("m", "p"))
                mark = pl.lit(similarity.UNCOMMON, dtype=pl.UInt64)
                kept = pl.concat([kept, bare.with_columns(feature=mark, share=pl.lit(1.0, dtype=pl.Float32))])
            features[channel] = kept.sort("p", "m", "feature")
    return dataclasses.replace(prints, features=features)


def _spread(prints: fp.Fingerprints, prompts: tuple[str, ...]) -> fp.Fingerprints:
    """The same with a place for prompts that nobody answered."""
    at = [prompts.index(p) for p in prints.prompts]
    answered = np.zeros((len(prints.models), len(prompts)), dtype=np.bool_)
    answered[:, at] = prints.answered
    features = {
        name: frame.with_columns(p=pl.Series(np.array(at, dtype=np.uint16)[frame["p"].to_numpy()], dtype=pl.UInt16))
        for name, frame in prints.features.items()
    }
    return dataclasses.replace(prints, prompts=prompts, answered=answered, features=features)


def _measured(made: Panel, pairs: Sequence[tuple[str, str, str]], again: Again | None = None) -> Panel:
    """The panel with what it says of itself: documented pairs' scores, power, and when a model is the same."""
    facts = [made.entries[model].facts for model in made.prints.models]
    columns = [i for i, model in enumerate(made.prints.models) if made.entries[model].candidate]
    total = len(made.prompts)
    known: list[positives.Positive] = []
    power: list[Row] = []
    for n in [*(n for n in ASKED if evidence.LEAST_PROMPTS <= n < total), total]:
        known = (
            positives.scored(evidence.analyse(panel.first(made, n), facts, columns), pairs) if columns and pairs else []
        )
        power += positives.power_rows(known, n)
    taught = [*made.pairs, *((s, t) for s, t, _ in pairs)]
    if again is None:
        limits = same.calibrate(made.prints, facts, taught, None, made.order, ASKED)
    else:
        rest = _spread(again.rest, made.prints.prompts)
        limits = same.calibrate(rest, facts, taught, again.second, made.order, ASKED)
    return dataclasses.replace(made, positives=tuple(known), power=tuple(power), same=tuple(limits))


def add(made: Panel, answers: pl.DataFrame, entries: Mapping[str, PanelEntry], name: str) -> Panel:
    """A panel of one's own: the panel and further models, of whose answers nothing but fingerprints is kept.

    Habits that too few of the panel's models have are not in it, and stay out.

    Args:
        made: the panel, which stays as it is.
        answers: columns `model`, `prompt_id`, `output`, and `alias` and `prompt` if known.
        entries: what is recorded of each new model.
        name: of the new panel.

    Raises:
        ConfigError: a model has no entry or answered none of the prompts, or a prompt was asked with another text.
    """
    missing = sorted(set(answers["model"].to_list()) - set(entries))
    if missing:
        raise ConfigError(f"no entry for the model {', '.join(missing)}: its facts, licence and sources")
    known, wrong = panel.keyed(made, answers)
    if wrong:
        raise ConfigError("; ".join(map(str, wrong[:5])))
    silent = sorted(set(answers["model"].to_list()) - set(known["model"].to_list()))
    if silent:
        raise ConfigError(f"{', '.join(silent)} answered none of the prompts of the panel {made.name}")
    prints = prints_of(known, made.about.get("reads"))
    here = made.prints.prompts
    both = panel.joined(made, _spread_over(prints, here), here)
    features = {
        channel: frame.join(made.prints.features[channel].select("feature").unique(), on="feature").sort(
            "p", "m", "feature"
        )
        if fp.channel(channel).KIND == "habit"
        else frame
        for channel, frame in both.features.items()
    }
    every = {**made.entries, **{model: entries[model] for model in prints.models}}
    grown = dataclasses.replace(
        made,
        name=name,
        about={**made.about, "title": name, "grown_from": f"{made.name}, version {made.about['version']}"},
        prints=dataclasses.replace(both, features=features, asked=None, dropped={}),
        entries={model: every[model] for model in both.models},
    )
    lineage = {p.student: p.lineage for p in made.positives}
    pairs = [(s, t, lineage.get(s) or every[s].facts.lineage or s) for s, t in grown.pairs]
    again = _again(known, made.about)
    if again is not None:
        rest = panel.joined(made, _spread_over(again.rest, here), here)
        again = dataclasses.replace(again, rest=dataclasses.replace(rest, asked=None))
    return _measured(grown, pairs, again)


def _spread_over(prints: fp.Fingerprints, prompts: tuple[str, ...]) -> fp.Fingerprints:
    return _spread(prints, prompts) if set(prints.prompts) <= set(prompts) else prints


def write(made: Panel, folder: Path) -> int:
    """Write a panel's three files.

    Returns:
        Their size together, in bytes.

    Raises:
        ConfigError: `panel.check` would refuse them: what is wrong is named, and nothing is written.
        StorageError: the folder cannot be written.
    """
    parts = _parts(made)
    files = panel.Files(made.name, parts)
    found = panel.problems(files)
    if found:
        raise ConfigError(f"the panel {made.name} is not written: {'; '.join(map(str, found[:5]))}")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in parts.items():
            (folder / f"{made.name}{suffix}").write_bytes(content)
    return sum(map(len, parts.values()))


def share(made: Panel, path: Path) -> str:
    """Write a panel as one file, and say what its reader could find out about the answers.

    Args:
        made: the panel.
        path: ending in `.panel.zip`.

    Raises:
        ConfigError: another ending, or `panel.check` would refuse it.
    """
    if not path.name.endswith(panel.SHARED):
        raise ConfigError(f"{path.name}: a panel in one file ends in {panel.SHARED}")
    parts = _parts(dataclasses.replace(made, name=path.name.removesuffix(panel.SHARED)))
    found = panel.problems(panel.Files(made.name, parts))
    if found:
        raise ConfigError(f"the panel {made.name} is not passed on: {'; '.join(map(str, found[:5]))}")
    stem = path.name.removesuffix(panel.SHARED)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in panel.SUFFIXES:
            archive.writestr(zipfile.ZipInfo(stem + suffix, (1980, 1, 1, 0, 0, 0)), parts[suffix])
    return recoverable.told(made.name, recoverable.figures(made))


def _parts(made: Panel) -> dict[str, bytes]:
    asked = [json.dumps(dataclasses.asdict(prompt), ensure_ascii=False) + "\n" for prompt in made.prompts]
    table, lines = _table(made.prints), "".join(asked).encode()
    hashes = {".parquet": table, ".prompts.jsonl": lines}
    sources = sorted({source for entry in made.entries.values() for source in entry.sources.values()})
    keys = {source: f"s{i}" for i, source in enumerate(sources, 1)}
    body = {
        "format": panel.FORMAT,
        "fingerprint": fp.VERSION,
        **{k: v for k, v in made.about.items() if k not in _MADE},
        "asked": dict.fromkeys(panel.ASKED) | dict(made.about.get("asked") or {}),
        "hashes": {suffix: hashlib.sha256(content).hexdigest() for suffix, content in hashes.items()},
        "sources": {key: source for source, key in keys.items()},
        "models": {model: _plain(entry, keys) for model, entry in sorted(made.entries.items())},
        "positives": positives.rows(made.positives),
        "same_model": [_rounded(dataclasses.asdict(limit)) for limit in made.same],
        "power": [_rounded(row) for row in made.power],
    }
    text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120).encode()
    return {".yaml": text, **hashes}


_MADE = ("format", "fingerprint", "asked", "hashes", "sources", "models", "positives", "same_model", "power")
"""Keys of a panel's YAML that are written from the panel itself."""


def _rounded(row: Mapping[str, Any]) -> Row:
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}


def _table(prints: fp.Fingerprints) -> bytes:
    """Fingerprints as Parquet: codes, hashes and shares."""
    m, p = (part.astype(np.uint16) for part in np.nonzero(prints.answered))
    zero, one = np.zeros(len(m), dtype=np.uint32), np.ones(len(m), dtype=np.float32)
    parts = [pl.DataFrame({"channel": panel.ANSWERED, "p": p, "feature": zero, "m": m, "share": one})]
    for channel, frame in prints.features.items():
        order = ("p", "feature", "m") if fp.channel(channel).KIND == "agreement" else ("feature", "m", "p")
        parts.append(
            frame.sort(order).select(
                pl.lit(channel).alias("channel"), "p", pl.col("feature").cast(pl.UInt32), "m", "share"
            )
        )
    file = io.BytesIO()
    metadata = {"fingerprint": fp.VERSION, "format": str(panel.FORMAT)}
    pl.concat(parts).write_parquet(file, compression="zstd", compression_level=19, metadata=metadata)
    return file.getvalue()


def _plain(entry: PanelEntry, keys: Mapping[str, str]) -> Row:
    """A model's entry as YAML says it. What is not known is left out."""
    fact = entry.facts
    found: Row = {"lab": fact.lab, "released": fact.released, "lineage": fact.lineage}
    for key in ("bases", "not_taught_by", "copy_of"):
        found[key] = sorted(getattr(fact, key))
    found["teachers"] = sorted(entry.teachers)
    found["candidate"] = entry.candidate
    found["source"] = {fact: keys[source] for fact, source in entry.sources.items() if found.get(fact)}
    found["licence"], found["asked"], found["alias"] = entry.licence, dict(entry.asked), entry.alias
    return {key: value for key, value in found.items() if value} | {"traces": entry.traces}


def from_tables(
    name: str,
    answers: pl.DataFrame,
    texts: pl.DataFrame,
    tables: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
    asked: tuple[pl.DataFrame | None, pl.DataFrame | None],
    known: Registry,
    about: Mapping[str, Any],
    aliases: Collection[str] = (),
) -> Panel:
    """Make a panel from tables, as the shipped ones are made.

    Args:
        name: of the panel, and of its corpus in the tables.
        answers: columns `model`, `prompt_id`, `output`.
        texts: columns of `prompts_of`.
        tables: documented students, controls and models (`registry.Labels`). What they leave open is the registry's.
        asked: origin and licence of every prompt (`prompt_id`, `dataset`, `licence`), and the order they are asked in
            (`rank`, `prompt_id`), over what `texts` says of them.
        known: the registry.
        about: `source`, `licence`, `version`. `published`, where the prompts can be read, over what `texts` says.
            `reads` and whatever else the panel is to say of itself.
        aliases: models whose name stands for several versions (`PanelEntry.alias`).

    Raises:
        ConfigError: the panel is to read traces, and there are none of that kind.
    """
    labels = Labels.of(name, *tables)
    answers = _read(answers, about.get("reads"), known)
    who = tuple(sorted(answers["model"].unique().to_list()))
    entries = entries_of(who, labels, known, about["licence"], aliases)
    if about.get("reads") in panel.READS[1:]:
        entries = {model: dataclasses.replace(entry, traces=about["reads"]) for model, entry in entries.items()}
    said = {key: value for key, value in about.items() if key != "published"}
    prompts = prompts_of(_told(texts, *asked, about.get("published")))
    return build(
        answers,
        prompts,
        entries,
        {"title": name, **said, "facts": facts_of(entries)},
        name,
        _taught(who, labels, known),
    )


def facts_of(entries: Mapping[str, PanelEntry]) -> str:
    """How many facts a panel records, and how many of them nobody checked, for a reader."""
    used = [source for e in entries.values() for fact, source in e.sources.items() if _says(e, fact)]
    weak = sum(source in {UNCHECKED, NAMED} or source.endswith("(not checked)") for source in used)
    return (
        f"Labs, dates, bases and relations of the panel's models are from public record: each of {len(used)} facts "
        f"names its source, {weak} of them are unchecked."
    )


def _read(answers: pl.DataFrame, reads: str | None, known: Registry) -> pl.DataFrame:
    """The texts that a panel reads, as `output`: answers, or traces of a kind (`reasoning_kind`, else the registry)."""
    if reads not in panel.READS[1:]:
        return answers
    if "reasoning" not in answers.columns:
        raise ConfigError(f"a panel that reads {reads} traces needs them: the answers have no column `reasoning`")
    if "reasoning_kind" not in answers.columns:
        kinds = {model: known.traces(model) for model in answers["model"].unique().to_list()}
        answers = answers.with_columns(reasoning_kind=pl.col("model").replace_strict(kinds, return_dtype=pl.String))
    there = answers.filter((pl.col("reasoning_kind") == reads) & pl.col("reasoning").is_not_null())
    if there.is_empty():
        raise ConfigError(f"none of the answers comes with a trace of the kind {reads}")
    return there.with_columns(output="reasoning").drop("reasoning", "reasoning_kind")


def _told(
    texts: pl.DataFrame, origins: pl.DataFrame | None, ranked: pl.DataFrame | None, published: str | None
) -> pl.DataFrame:
    """Prompts with what other tables say of them."""
    more = []
    if origins is not None:
        more.append(origins.select("prompt_id", pl.col("dataset").alias("origin"), "licence"))
    if ranked is not None:
        more.append(ranked.select("prompt_id", pl.col("rank").cast(pl.Int64)))
    for table in more:
        texts = texts.drop(table.columns[1:], strict=False).join(table, on="prompt_id", how="left")
    if published is not None:
        texts = texts.with_columns(published=pl.lit(published))
    return texts.sort("prompt_id")


def _taught(who: Iterable[str], labels: Labels, known: Registry) -> list[tuple[str, str, str]]:
    """Documented students, their teachers and their lineage: of the table, else of the registry."""
    if labels.students:
        return [
            (row["student"], teacher, row["lineage_group"])
            for row in labels.students
            if (row["strength"] or "").startswith(TAUGHT)
            for teacher in row["teachers"].split(";")
        ]
    return [
        (name, teacher, known.entry(name).get("lineage") or name)
        for name in who
        for teacher in known.entry(name).get("teachers") or ()
    ]


def _says(entry: PanelEntry, fact: str) -> bool:
    return bool(entry.teachers if fact == "teachers" else getattr(entry.facts, fact))


def entries_of(
    names: Sequence[str], labels: Labels, known: Registry, licence: str, aliases: Collection[str] = ()
) -> dict[str, PanelEntry]:
    """What labelled tables and the registry say of models, each fact with its source.

    Args:
        names: of the models.
        labels: the tables' rows.
        known: the registry.
        licence: of every model's answers.
        aliases: models of which the lab alone is said, since nobody knows which version answered.
    """
    facts = [
        ModelFacts(fact.name, lab=fact.lab) if fact.name in aliases else fact
        for fact in labels.facts(tuple(names), known)
    ]
    unknown = sorted(set(aliases) - set(names))
    if unknown:
        raise ConfigError(f"no answers of the alias {', '.join(unknown)}")
    chosen = {names[i] for i in labels.candidates(tuple(names), facts)}
    student = {row["student"]: row for row in labels.students}
    taught = {n: row["teachers"].split(";") for n, row in student.items() if (row["strength"] or "").startswith(TAUGHT)}
    return {
        fact.name: PanelEntry(
            facts=dataclasses.replace(fact, by_name=frozenset()),  # whoever makes a panel answers for its facts
            licence=licence,
            sources=_sources(fact.name, labels, known),
            teachers=frozenset(taught.get(fact.name, ())) - {""},
            candidate=fact.name in chosen,
            alias=fact.name in aliases,
        )
        for fact in facts
    }


def _sources(name: str, labels: Labels, known: Registry) -> dict[str, str]:
    """Where `Labels.facts` takes each fact of a model from, in the same order of preference."""
    table = {r["model"]: r for r in reversed(labels.models)}.get(name, {})
    student = {r["student"]: r for r in labels.students}.get(name, {})
    control = {r["model"]: r for r in labels.controls}.get(name, {})
    entry = known.models.get(name, {})
    told = str(entry.get("source") or UNCHECKED)
    row, listed = _evidence(labels.students, "evidence", student), _evidence(labels.controls, "reason", control)
    seen = f"{row} ({'checked' if (student.get('evidence_seen') or '').startswith('verified') else 'not checked'})"
    return {
        "lab": _first((table, UNCHECKED), (entry, told), key="lab") or (seen if student.get("student_lab") else NAMED),
        "released": _first((table, UNCHECKED), key="released") or told,
        "lineage": told if entry.get("lineage") else seen if student.get("lineage_group") else listed,
        "bases": _of_bases(name, student, control, known, (told, seen, listed)),
        "not_taught_by": listed,
        "copy_of": seen,
        "teachers": seen,
    }


def _of_bases(
    name: str, student: Mapping[str, Any], control: Mapping[str, Any], known: Registry, sources: tuple[str, str, str]
) -> str:
    """The source of a model's bases. What a panel records of them is no source of its own."""
    told, seen, listed = sources
    if known.entry(name).get("base"):
        return told
    bare = Registry({}, known.labs, known.bases)
    if bases_of(name, student, control, bare)[1] != SAID:
        return NAMED
    return seen if student.get("base_model") else listed


def _first(*rows: tuple[Mapping[str, Any], str], key: str) -> str | None:
    return next((source for row, source in rows if row.get(key)), None)


def _evidence(rows: Sequence[Mapping[str, Any]], key: str, row: Mapping[str, Any]) -> str:
    """What a table says of a row. A row that says "as above" means the one before it."""
    said = ""
    for other in rows:
        said = said if other[key] in _ABOVE else other[key]
        if other is row:
            break
    return _ASIDE.sub("", said) or UNCHECKED


_ABOVE = ("same", "as above")
_ASIDE = re.compile(r"\s*\([^()]*\bsession\b[^()]*\)")
"""What whoever filled in a table says of their own work there."""
