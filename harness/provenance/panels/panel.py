"""Reference panels: fingerprints of public models on a public prompt set, to compare one more model with, offline.

A panel is three files. `NAME.parquet` has features as hashes and no text, `NAME.prompts.jsonl` one prompt a line in the
order they are asked in, and `NAME.yaml` what is recorded of every model and of the panel. `share` puts them into one
file, `NAME.panel.zip`. Features are cut to 32 bits, phrasing to the quarter of all trigrams whose hash divides by
`fingerprint.SAMPLE` (a cosine over a random sample of features estimates the cosine over all), and habits to those that
enough models have to be measured. What is compared with a panel is cut the same way.

A prompt is known by the SHA-256 of its exact text. Texts whose licence allows it are in the file. Of the others it says
where they are published, and `complete` finds them there by hash. `check` names everything that is wrong with a
panel, and `load` refuses a panel in which it finds anything. `panel_files` makes panels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from harness.core import panels, prompt_id, resources
from harness.errors import ConfigError, unknown_name
from harness.provenance.answers import fingerprint as fp
from harness.provenance.answers.responses import TRACES as TRACES_OF
from harness.provenance.comparison import positives, same, similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.evidence import EVIDENCE
from harness.provenance.comparison.positives import Pair
from harness.specs import MONTH

FOLDER = panels.SHIPPED
FORMAT = 2
"""Of the files. Panels of format 1 have no prompts, licences or sources: they are built anew."""
CHANNELS = EVIDENCE
"""Channels a panel holds: those that are combined over pairs."""
ANSWERED = fp.ANSWERED
SUFFIXES = (".yaml", ".parquet", ".prompts.jsonl")
"""A panel's files, by what follows its name."""
SHARED = ".panel.zip"
"""A panel in one file."""
LARGEST = 500_000_000
"""Bytes that a panel in one file may unpack to."""
FULL = 0.9
"""Share of a panel's prompts from which on suspect and candidates are both read from the same prompts: on all prompts
the two ways of reading agree (AUROC .937 and .939), so the share decides little."""
TRACES = ("none", "full", "summary")
"""What a model's answers say of its reasoning."""
READS = ("answers", "full", "summary")
"""What a panel's fingerprints are of: answers, or reasoning traces of one kind."""
ASKED = ("system", "temperature", "longest")
"""How a model was asked: system prompt, temperature, tokens an answer may have. `None` is not recorded."""
SOURCED = ("lab", "released", "lineage", "bases", "not_taught_by", "copy_of", "teachers")
"""Facts that need a source."""
FREE = re.compile(
    r"(?!.*\bto check\b)(?:Apache-2\.0|MIT|BSD-\d|CC0|CC[ -]BY(?:-SA)?[ -]\d|public domain)\b", re.IGNORECASE
)
"""Licences under which a prompt's text is passed on."""
_HASH = re.compile(r"[0-9a-f]{64}")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a panel."""

    id: str
    """How answers know it: `identity.prompt_id` of its text."""
    name: str
    """What its source calls it."""
    sha256: str
    """Of its exact text, UTF-8."""
    text: str | None
    """`None` if its licence does not allow to pass it on."""
    origin: str
    licence: str
    published: str
    """Where it can be read."""
    domain: str
    """What it asks for: `domains.DOMAINS`."""
    rank: int | None
    """Its place in the order prompts are asked in, 1 first. `None`: after all that have one."""


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """What a panel records of one model."""

    facts: ModelFacts
    licence: str
    """Under which its answers were used."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each fact comes from, by the fact's name (`SOURCED`)."""
    teachers: frozenset[str] = frozenset()
    """Models it is documented to be taught by."""
    candidate: bool = True
    """Whether it may be somebody's teacher."""
    traces: str = "none"
    """One of `TRACES`."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """How it was asked (`ASKED`), if that differs from the panel's."""
    alias: bool = False
    """Whether its name stands for several versions, and which of them answered is not known: nothing that is recorded
    under the name elsewhere is said of it here, and nothing of it elsewhere."""


@dataclass(frozen=True, slots=True)
class PanelProblem:
    """Something that is wrong with a panel."""

    where: str
    """The file, prompt or model."""
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel in memory."""

    name: str
    about: Mapping[str, Any]
    """Title, source, licence, version, status of the facts, how models were asked."""
    prints: fp.Fingerprints
    prompts: tuple[Prompt, ...]
    """In the order they are asked in."""
    entries: Mapping[str, PanelEntry]
    positives: tuple[positives.Positive, ...] = ()
    """Documented students and the scores they got when the panel was made."""
    same: tuple[same.Threshold, ...] = ()
    """When answers are so near that the model is the same one: see `same`."""
    power: tuple[Row, ...] = ()
    """How often documented students are found with so many prompts: rows of `positives.power_rows`."""

    @property
    def facts(self) -> dict[str, ModelFacts]:
        """What is documented of each model, by name."""
        return {name: entry.facts for name, entry in self.entries.items()}

    @property
    def candidates(self) -> frozenset[str]:
        """Models that may be somebody's teacher."""
        return frozenset(name for name, entry in self.entries.items() if entry.candidate)

    @property
    def domains(self) -> dict[str, str]:
        """What each prompt asks for, by its id."""
        return {prompt.id: prompt.domain for prompt in self.prompts}

    @property
    def traces(self) -> str | None:
        """The kind of reasoning traces its fingerprints are of. `None` is answers."""
        reads = str(self.about.get("reads") or READS[0])
        return None if reads == READS[0] else reads

    @property
    def language(self) -> str | None:
        """What its prompts are in, as `languages.language` calls it. `None` if the panel does not say."""
        said = self.about.get("language")
        return None if said is None else str(said)

    @property
    def words(self) -> dict[str, float]:
        """The least share of a model's answers that hold each of the commonest words: see `common_words`."""
        told = self.about.get("common_words") or {}
        return {str(word): float(share) for word, share in told.items() if isinstance(share, (int, float))}

    @property
    def curly(self) -> float | None:
        """The greatest share of a model's apostrophes that is curly: see `typography`. `None` if it is not recorded."""
        told = self.about.get("curly")
        return float(told) if isinstance(told, (int, float)) else None

    @property
    def aliases(self) -> dict[str, str]:
        """Ids of prompts by what their source calls them."""
        return {prompt.name: prompt.id for prompt in self.prompts}

    @property
    def order(self) -> list[int]:
        """Indices of prompts in the fingerprints, in the order they are asked in."""
        place = {prompt: i for i, prompt in enumerate(self.prints.prompts)}
        return [place[prompt.id] for prompt in self.prompts]

    @property
    def taught(self) -> tuple[Pair, ...]:
        """Documented students of candidates, their teachers and their lineage."""
        return tuple((pair.student, pair.teacher, pair.lineage) for pair in self.positives)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Documented students and their teachers, if both are here."""
        return [(s, t) for s, entry in self.entries.items() for t in sorted(entry.teachers) if t in self.entries]


def names() -> list[str]:
    """Panels that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str | Path) -> Panel:
    """Read a panel and refuse it if anything is wrong with it.

    Args:
        name: of a panel that ships with the package, or the path of a panel's `.yaml` or `.panel.zip`.

    Raises:
        ConfigError: there is none, its files were made by another version, or `check` finds something: all is named.
    """
    files = _files(name)
    return _loaded(files.name, *(files.parts.get(suffix, b"") for suffix in SUFFIXES))


@lru_cache(maxsize=8)
def _loaded(name: str, *contents: bytes) -> Panel:
    """The panel of these very bytes: reports of several suspects read one."""
    files = Files(name, {suffix: content for suffix, content in zip(SUFFIXES, contents, strict=True) if content})
    about = _about(files)
    found = problems(files, about)
    if found:
        said = "; ".join(map(str, found[:5])) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004
        raise ConfigError(f"the panel {files.name} cannot be used: {said}")
    return _panel(files, about)


def check(name: str | Path) -> list[PanelProblem]:
    """Everything that is wrong with a panel, by name. Empty if nothing is.

    Checked are the hashes of the files and of every prompt's text, ranks, the licence of every model and prompt, the
    source of every fact, and that the files speak of the same models and prompts.

    Args:
        name: as in `load`.

    Raises:
        ConfigError: no panel of this format and these fingerprints is there to check.
    """
    return problems(_files(name))


@dataclass(frozen=True, slots=True)
class Files:
    """A panel's files in memory."""

    name: str
    parts: Mapping[str, bytes]
    """By suffix (`SUFFIXES`)."""


def _files(name: str | Path) -> Files:
    path = Path(name)
    if path.name == str(name) and path.suffix not in {".yaml", ".zip"}:
        if str(name) not in names():
            raise ConfigError(unknown_name("reference panel", str(name), names()))
        path = FOLDER / f"{name}.yaml"
    try:
        if path.name.endswith(SHARED):
            with zipfile.ZipFile(path) as archive:
                stem = path.name.removesuffix(SHARED)
                inside = {suffix: n for n in archive.namelist() for suffix in SUFFIXES if n.endswith(suffix)}
                if sum(archive.getinfo(n).file_size for n in inside.values()) > LARGEST:
                    raise ConfigError(f"{path.name} unpacks to more than {LARGEST / 1e6:.0f} MB: no panel is as large")
                return Files(stem, {suffix: archive.read(n) for suffix, n in inside.items()})
        read = {s: f.read_bytes() for s in SUFFIXES if (f := path.with_name(path.stem + s)).is_file()}
        return Files(path.stem, {".yaml": path.read_bytes(), **read})
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path.name} is not a panel that can be read ({error})") from error


def _keys(about: Mapping[Any, Any]) -> str:
    return ", ".join(map(str, about)) or "none"


def _about(files: Files) -> Row:
    """The panel's YAML, of this format and these fingerprints, with its other files beside it."""
    try:
        about = resources.plain_yaml(files.parts.get(".yaml", b""))
    except yaml.YAMLError as error:
        raise ConfigError(f"{files.name}.yaml: not YAML ({error})") from error
    if not isinstance(about, dict):
        raise ConfigError(f"{files.name}.yaml: expected a mapping, found {type(about).__name__}")
    if not about.keys() & {"format", "version"}:
        raise ConfigError(f"{files.name}.yaml is no panel: expected the keys format and version, found {_keys(about)}")
    anew = "build it anew with `harness panel build`"
    if about.get("format") != FORMAT:
        raise ConfigError(f"the panel {files.name} has format {about.get('format', 1)}, this is {FORMAT}: {anew}")
    if about.get("fingerprint") not in fp.READABLE:
        raise ConfigError(
            f"the panel {files.name} holds fingerprints {about.get('fingerprint')}, this is {fp.VERSION}: {anew}"
        )
    missing = [files.name + suffix for suffix in SUFFIXES if suffix not in files.parts]
    if missing:
        raise ConfigError(f"the panel {files.name} lacks its file {', '.join(missing)}")
    return about


def problems(files: Files, about: Row | None = None) -> list[PanelProblem]:
    """`check` of files in memory.

    Args:
        files: the panel's.
        about: its YAML, if that was read already.
    """
    about = _about(files) if about is None else about
    shapes = {
        "hashes": dict,
        "sources": dict,
        "models": dict,
        "common_words": dict,
        "positives": list,
        "same_model": list,
        "power": list,
    }
    wrong = [
        PanelProblem("panel", f"`{key}` is {type(about[key]).__name__}, expected {kind.__name__}")
        for key, kind in shapes.items()
        if about.get(key) is not None and not isinstance(about[key], kind)
    ]
    if wrong:
        return wrong
    found = [
        PanelProblem("panel", f"`{key}` is missing from {files.name}.yaml")
        for key in ("title", "version", "source", "licence", "facts", "hashes", "sources", "models")
        if not about.get(key)
    ]
    if about.get("reads") not in {None, *READS}:
        found.append(PanelProblem("panel", f"reads {about['reads']!r}, expected one of {', '.join(READS)}"))
    for suffix in SUFFIXES[1:]:
        said, is_ = (about.get("hashes") or {}).get(suffix), hashlib.sha256(files.parts[suffix]).hexdigest()
        if said != is_:
            found.append(PanelProblem(files.name + suffix, f"sha256 {is_[:12]}…, expected {(said or 'none')[:12]}…"))
    found += _check_prompts(files)
    sources = about.get("sources") or {}
    for model, entry in (about.get("models") or {}).items():
        told = entry if isinstance(entry, dict) else {}
        found += [PanelProblem(f"model {model}", problem) for problem in _entry_problems(told, sources)]
    known = set(about.get("models") or {})
    for row in about.get("positives") or ():
        found += [
            PanelProblem("documented pairs", f"{row[key]} is no model of the panel")
            for key in ("student", "teacher")
            if row.get(key) not in known
        ]
    return found


def _entry_problems(entry: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[str]:
    if not entry.get("licence"):
        yield "no licence"
    given = entry.get("source") or {}
    for fact in SOURCED:
        if entry.get(fact) and fact not in given:
            yield f"no source for `{fact}`"
        elif entry.get(fact) and given[fact] not in sources:
            yield f"the source {given[fact]!r} of `{fact}` is not among `sources`"
    if entry.get("traces", "none") not in TRACES:
        yield f"traces {entry['traces']!r}, expected one of {', '.join(TRACES)}"
    released = entry.get("released")
    if released is not None and not MONTH.fullmatch(str(released)):
        yield f"released {released!r}, expected YYYY-MM"
    unknown = sorted(set(entry.get("asked") or ()) - set(ASKED))
    if unknown:
        yield f"asked: unknown {', '.join(unknown)}; expected {', '.join(ASKED)}"


def _check_prompts(files: Files) -> list[PanelProblem]:
    where = f"{files.name}.prompts.jsonl"
    try:
        asked = _prompts(files)
    except ValueError as error:
        return [PanelProblem(where, f"not one prompt a line: {error}")]
    found = [PanelProblem(f"prompt {p.name}", problem) for p in asked for problem in _prompt_problems(p)]
    for what, values in (("id", [p.id for p in asked]), ("name", [p.name for p in asked])):
        twice = sorted({v for v in values if values.count(v) > 1}) if len(set(values)) < len(values) else []
        found += [PanelProblem(where, f"two prompts have the {what} {v}") for v in twice]
    ranks = [p.rank for p in asked if p.rank is not None]
    if ranks != list(range(1, len(ranks) + 1)) or any(p.rank is not None for p in asked[len(ranks) :]):
        found.append(PanelProblem(where, f"ranks are not 1 to {len(ranks)} in order, those without one last"))
    return found


def _prompt_problems(prompt: Prompt) -> Iterator[str]:
    if not _HASH.fullmatch(prompt.sha256 or ""):
        yield "no sha256 of its text"
    elif prompt.text is not None and (is_ := text_hash(prompt.text)) != prompt.sha256:
        yield f"its text was changed: sha256 {is_[:12]}…, expected {prompt.sha256[:12]}…"
    if prompt.text is not None and prompt_id(prompt.text) != prompt.id:
        yield f"its id is {prompt.id}, its text's is {prompt_id(prompt.text)}"
    if prompt.text is not None and not FREE.match(prompt.licence or ""):
        yield f"its text is here, though its licence ({prompt.licence or 'none'}) is not known to allow it"
    if prompt.text is None and not prompt.published:
        yield "no text, and not said where it is published"
    if not prompt.origin or not prompt.licence:
        yield "no origin or no licence"


def text_hash(text: str) -> str:
    """What a prompt is known by: the SHA-256 of its exact text, UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _prompts(files: Files) -> list[Prompt]:
    lines = files.parts[".prompts.jsonl"].decode().split("\n")
    return [_prompt(line, number) for number, line in enumerate(lines, 1) if line.strip()]


def _prompt(line: str, number: int) -> Prompt:
    """One line of a panel's prompts.

    Raises:
        ValueError: it is no prompt. The message says which line, and what is wrong with it.
    """
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number} is not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"line {number}: expected an object, found {type(raw).__name__}")  # noqa: TRY004 - as the others
    expected = [field.name for field in dataclasses.fields(Prompt)]
    wrong = [f"`{key}` is missing" for key in expected if key not in raw]
    wrong += [f"unknown `{key}`" for key in raw if key not in expected]
    wrong += [
        f"`{key}` is {value!r}, expected {'a number' if key == 'rank' else 'text'}"
        for key, value in raw.items()
        if value is not None and not isinstance(value, int if key == "rank" else str)
    ]
    if wrong:
        raise ValueError(f"line {number}, prompt {raw.get('name', raw.get('id'))}: {', '.join(wrong)}")
    return Prompt(**raw)


def _panel(files: Files, about: Row) -> Panel:
    asked = _prompts(files)
    models, prompts = tuple(sorted(about["models"])), tuple(sorted(p.id for p in asked))
    try:
        raw = pl.read_parquet(io.BytesIO(files.parts[".parquet"]), columns=["channel", "p", "feature", "m", "share"])
        rows = raw.with_columns(pl.col("feature").cast(pl.UInt64), pl.col("p", "m").cast(pl.UInt16))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"{files.name}.parquet holds no fingerprints that can be read ({error})") from error
    answered = np.zeros((len(models), len(prompts)), dtype=np.bool_)
    there = rows.filter(pl.col("channel") == ANSWERED)
    try:
        answered[there["m"].to_numpy(), there["p"].to_numpy()] = True
    except IndexError as error:
        raise ConfigError(f"{files.name}.parquet speaks of more models or prompts than the panel has") from error
    features = {channel: fp.sorted_rows(rows.filter(pl.col("channel") == channel)) for channel in CHANNELS}
    entries = {model: _entry(model, about["models"][model], about["sources"]) for model in models}
    return Panel(
        name=files.name,
        about=about,
        prints=fp.Fingerprints(models, prompts, answered, features, {}, about.get("reads") in READS[1:], cut=True),
        prompts=tuple(asked),
        entries=entries,
        positives=tuple(positives.read(about.get("positives") or ())),
        same=tuple(same.Threshold(**row) for row in about.get("same_model") or ()),
        power=tuple(about.get("power") or ()),
    )


def _entry(name: str, raw: Mapping[str, Any], sources: Mapping[str, str]) -> PanelEntry:
    facts = ModelFacts(
        name=name,
        lab=raw.get("lab"),
        released=None if raw.get("released") is None else str(raw["released"]),
        bases=frozenset(raw.get("bases", ())),
        lineage=raw.get("lineage"),
        not_taught_by=frozenset(raw.get("not_taught_by", ())),
        copy_of=frozenset(raw.get("copy_of", ())),
    )
    return PanelEntry(
        facts,
        raw["licence"],
        {fact: sources[key] for fact, key in (raw.get("source") or {}).items()},
        frozenset(raw.get("teachers", ())),
        bool(raw.get("candidate")),
        raw.get("traces", "none"),
        raw.get("asked") or {},
        bool(raw.get("alias")),
    )


def joined(panel: Panel, others: fp.Fingerprints, asked: Iterable[str] | None = None) -> fp.Fingerprints:
    """The panel and further models, ready to be compared: `Fingerprints.asked` are the prompts these answered.

    The panel's own entry of a model that is in both is left out. If the further models answered at least `FULL` of
    the prompts, everybody is read from the prompts that at least one of them answered.

    Args:
        panel: the panel.
        others: of any prompts. Only the panel's are looked at.
        asked: ids of the prompts that count as asked. By default those that at least one of the others answered. If
            they are given, no prompt of the panel is left out.
    """
    keep = set(panel.prints.models) - set(others.models)
    models = tuple(sorted({*keep, *others.models}))
    theirs = {others.prompts[i] for i in np.flatnonzero(others.answered.any(axis=0))}
    known = theirs & (set(panel.prints.prompts) if asked is None else set(asked))
    some = asked is not None or len(known) < FULL * len(panel.prints.prompts)
    prompts = panel.prints.prompts if some else tuple(p for p in panel.prints.prompts if p in known)
    at = {prompt: i for i, prompt in enumerate(prompts)}
    where = tuple(at[p] for p in prompts if p in known) if some else None
    own = dataclasses.replace(
        panel.prints,
        models=tuple(m if m in keep else "" for m in panel.prints.models),  # no model's name: left out
    )
    together = fp.placed([own, fp.reduce(others)] if keep else [fp.reduce(others)], models, prompts)
    features = {channel: together.features[channel] for channel in CHANNELS}
    return dataclasses.replace(
        together, features=features, dropped=others.dropped, traces=panel.prints.traces, asked=where, cut=True
    )


def first(panel: Panel, prompts: int) -> fp.Fingerprints:
    """The panel's own models as if each had been asked the first so many prompts alone: to measure what those show."""
    asked = tuple(sorted(panel.order[:prompts]))
    whole = prompts >= FULL * len(panel.prints.prompts)
    return dataclasses.replace(panel.prints, asked=None if whole else asked)


def keyed(panel: Panel, answers: pl.DataFrame) -> tuple[pl.DataFrame, list[PanelProblem]]:
    """The answers to a panel's prompts, known by the panel's ids, and the prompts that were asked otherwise.

    A prompt that comes with its text is known by it (white space around it aside), else by its id or its source's name.
    A name that is a bare number counts only in a task called like the panel: everybody numbers prompts.
    Of tasks' answers and traces those are taken that the panel reads.

    Args:
        panel: the panel.
        answers: columns `prompt_id`, and `task`, `alias` and `prompt` if known.

    Returns:
        The rows of `answers` whose prompt is the panel's, with its id as `prompt_id`, and one finding per prompt that
        calls itself one of the panel's and has another text. Its answers are left out.
    """
    if "task" in answers.columns:
        kind = f" {TRACES_OF}{panel.traces})"
        traced = pl.col("task").str.contains(TRACES_OF, literal=True)
        answers = answers.filter(~traced if panel.traces is None else pl.col("task").str.ends_with(kind))
    of_name = {**panel.aliases, **{p.id: p.id for p in panel.prompts}}
    columns = ["prompt_id", *(c for c in ("alias", "prompt", "task") if c in answers.columns)]
    asked = answers.select(columns).unique(maintain_order=True)
    found: list[PanelProblem] = []
    ids: list[str | None] = []
    for row in asked.iter_rows(named=True):
        own = str(row.get("task", panel.name)).partition(f" {TRACES_OF}")[0] == panel.name
        names = [name for name in (row.get("alias"), row["prompt_id"]) if name and (own or not name.isdigit())]
        claimed = next((of_name[name] for name in names if name in of_name), None)
        text = row.get("prompt")
        known = of_name.get(prompt_id(text)) if text is not None else claimed
        if text is not None and claimed is not None and known != claimed:
            called = row.get("alias") or row["prompt_id"]
            found.append(PanelProblem(f"prompt {called}", f"asked with another text than the panel {panel.name}'s"))
        ids.append(known)
    told = asked.with_columns(panel_id=pl.Series(ids, dtype=pl.String))
    rows = answers.join(told, on=columns, nulls_equal=True, maintain_order="left").drop_nulls("panel_id")
    return rows.with_columns(prompt_id="panel_id").drop("panel_id"), found


def complete(panel: Panel, published: Iterable[bytes] = ()) -> dict[str, str]:
    """Texts of a panel's prompts by id, those it does not hold found by hash in files where they are published.

    Args:
        panel: the panel.
        published: contents of such files: JSON, JSON lines, or Parquet. Every text in them is tried. `fetched` reads
            them from where the panel says they are.

    Raises:
        ConfigError: some texts are in none of them: which, and where they are published.
    """
    texts = {p.id: p.text for p in panel.prompts if p.text is not None}
    wanted = {p.sha256: p.id for p in panel.prompts if p.text is None}
    for content in published:
        texts |= {wanted[h]: text for text in _texts(content) if (h := text_hash(text)) in wanted}
    missing = [p for p in panel.prompts if p.id not in texts]
    if missing:
        places = sorted({p.published for p in missing})
        raise ConfigError(
            f"the panel {panel.name} does not hold the texts of {len(missing)} prompts ({missing[0].name}, …): give "
            f"the file from where they are published, {', '.join(places)}"
        )
    return {p.id: texts[p.id] for p in panel.prompts}


def fetched(panel: Panel) -> list[bytes]:
    """The files that hold the texts which a panel does not, read from where they are published.

    Raises:
        ConfigError: one cannot be read: which, and why.
    """
    import fsspec

    found = []
    for place in sorted({p.published for p in panel.prompts if p.text is None}):
        try:
            with fsspec.open(place, "rb") as file:
                found.append(file.read())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{place}, where prompts of {panel.name} are published, cannot be read: {error}"
            ) from error
    return found


def _texts(content: bytes) -> Iterator[str]:
    """Every text in a file of JSON, JSON lines or Parquet."""
    if content[:4] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(content)).select(pl.selectors.string())
        for column in frame.iter_columns():
            yield from column.drop_nulls()
        return
    try:
        text = content.decode()
        try:
            yield from _strings(json.loads(text))
        except json.JSONDecodeError:
            for line in text.splitlines():
                yield from _strings(json.loads(line)) if line.strip() else ()
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"a file of published prompts is neither JSON, JSON lines nor Parquet ({error})") from error


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def least_models(models: int) -> int:
    """Models of a panel that must have a habit for it to be kept: one fewer than is measured, as a suspect is added."""
    return max(similarity.MIN_MODELS, round(similarity.MIN_MODEL_SHARE * models)) - 1
