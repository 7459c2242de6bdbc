"""What is documented about models: the shipped registry, and tables that come with a data set.

The registry (`conf/model_registry.yaml`) fills what a table leaves empty. A table always wins.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import yaml
from pydantic import AfterValidator, BeforeValidator, ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from harness.core import panels, resources
from harness.errors import ConfigError
from harness.provenance.comparison.calibration import ModelFacts, base_families
from harness.provenance.comparison.names import Name, Names
from harness.records import ReasoningKind
from harness.specs import MONTH

COPIES = ("same_model", "same_base", "same_weights")
"""Kinds of relation whose student is a version of its teacher, not a model taught by it."""
TAUGHT = "sft_on_teacher_outputs"
STUDENTS = (
    "student",
    "corpus",
    "teachers",
    "teacher_family",
    "strength",
    "base_model",
    "student_lab",
    "lineage_group",
)
CONTROLS = ("model", "corpus", "not_trained_on", "base_family")
MODELS = ("corpus", "model", "role", "lab", "released")


EXPECTED = (
    "`models` (name: {lab, released: YYYY-MM, base, lineage, not_taught_by: [labs], teachers: [models], statement, "
    "weights: open or closed, aliases: [names], source}), "
    "`labs` (lab: regular expression), `base_families` (family: regular expression), `summaries` (lab: regular "
    "expression) and `weights` (open or closed: regular expression), each of them optional"
)
"""What a registry file holds, for a message."""
SHOWN = 3
"""Faults of a file that a message names."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


def _month(value: Any) -> Any:
    """A month as text. YAML reads `2024-05-30` as a date."""
    return value.isoformat() if type(value) is dt.date else value


def _is_month(text: str) -> str:
    if not MONTH.fullmatch(text):
        raise ValueError("not a month, YYYY-MM")
    return text


_Patterns = dict[str, Annotated[str, AfterValidator(_pattern)]]
_STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class _Entry(TypedDict, total=False):
    lab: str | None
    released: Annotated[str, BeforeValidator(_month), AfterValidator(_is_month)] | None
    base: str | None
    lineage: str | None
    not_taught_by: list[str] | None
    teachers: list[str] | None
    statement: str | None
    weights: Literal["open", "closed"] | None
    aliases: list[str] | None
    bases: list[str] | None
    copy_of: list[str] | None
    source: str | None


@with_config(_STRICT)
class _File(TypedDict, total=False):
    models: dict[str, _Entry | None] | None
    labs: _Patterns | None
    base_families: _Patterns | None
    summaries: _Patterns | None
    weights: _Patterns | None


def _complaint(item: Any) -> str:
    """One of pydantic's complaints: where, what, and what was found."""
    where = ".".join(str(part) for part in item["loc"])
    unknown = item["type"] == "extra_forbidden"
    found = "" if unknown else f", found {str(item['input'])[:80]!r}"
    return f"{where + ': ' if where else ''}{'unknown key' if unknown else item['msg']}{found}"


@dataclass(frozen=True)
class Registry:
    """Facts by model name, and patterns for names that are not listed."""

    models: Mapping[str, Mapping[str, Any]]
    labs: Mapping[str, str]
    bases: Mapping[str, str]
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Models whose reasoning traces are summaries: a pattern by lab."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Whether anybody may load a model's weights: a pattern for `open`, one for `closed`."""

    @classmethod
    def load(cls, path: Path) -> Registry:
        """Read a registry file. A part that is not there says nothing.

        Raises:
            ConfigError: it cannot be read, or something in it is not what `EXPECTED` says.
        """
        try:
            raw = _parsed(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
            raise ConfigError(f"{path}: cannot be read: {why}; expected YAML with {EXPECTED}") from error
        try:
            file = TypeAdapter(_File).validate_python({} if raw is None else raw)
        except ValidationError as error:
            items = [_complaint(item) for item in error.errors()]
            more = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
            raise ConfigError(f"{path}: {'; '.join(items[:SHOWN])}{more}. Expected {EXPECTED}") from error
        if not any(part is not None for part in file.values()):
            raise ConfigError(f"{path}: holds nothing; expected {EXPECTED}")
        entries = {name: dict(entry or {}) for name, entry in (file.get("models") or {}).items()}
        return cls(
            entries,
            file.get("labs") or {},
            file.get("base_families") or {},
            file.get("summaries") or {},
            file.get("weights") or {},
        )

    def lab(self, name: str) -> str | None:
        """The lab a model's name gives away, if any."""
        return next((lab for lab, pattern in self.labs.items() if re.search(pattern, name, re.IGNORECASE)), None)

    def lab_of(self, name: str) -> str | None:
        """The lab that the name gives away which a model is known as, without a provider's prefix."""
        return self.lab(self.name(name).known_as.rpartition("/")[2])

    def name(self, name: str) -> Name:
        """The name that facts about a model are recorded under: see `names`."""
        return self._names.of(name)

    @cached_property
    def _names(self) -> Names:
        return Names(self.models)

    def entry(self, name: str) -> Mapping[str, Any]:
        """What is recorded of a model, under the name it is known as and, over that, under its own."""
        known_as = self.name(name).known_as
        return {**self.models.get(known_as, {}), **self.models.get(name, {})}

    def over(self, other: Registry) -> Registry:
        """Both as one: what this one says of a model over what the other says, fact by fact.

        Of patterns for labs this one's are tried first.
        """
        models = {
            name: {**other.models.get(name, {}), **self.models.get(name, {})}
            for name in (*other.models, *(name for name in self.models if name not in other.models))
        }
        labs = {**self.labs, **{lab: pattern for lab, pattern in other.labs.items() if lab not in self.labs}}
        bases, summaries = {**other.bases, **self.bases}, {**other.summaries, **self.summaries}
        return Registry(models, labs, bases, summaries, {**other.weights, **self.weights})

    def weights_of(self, name: str) -> str | None:
        """`open` if anybody may load a model's weights, `closed` if nobody may. `None` is unknown."""
        recorded = self.entry(name).get("weights")
        bare = self.name(name).known_as.rpartition("/")[2]
        read = (kind for kind, pattern in self.weights.items() if re.search(pattern, bare, re.IGNORECASE))
        return recorded or next(read, None)

    def traces(self, name: str) -> ReasoningKind:
        """What a model's reasoning traces are, `summary` or `full`, if whoever passes them on does not say."""
        bare = self.name(name).known_as.rpartition("/")[2]
        hidden = any(re.search(pattern, bare, re.IGNORECASE) for pattern in self.summaries.values())
        return "summary" if hidden else "full"


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """What YAML of this very text holds, to be read alone: each time an index is brought up to date asks for it."""
    return resources.plain_yaml(text)


def panel_facts() -> Registry:
    """What panels record of their models, the user's own panels over the shipped ones. Unreadable ones say nothing."""
    known = Registry({}, {}, {})
    for path in panels.found().values():
        known = _panel_facts(path, path.stat().st_mtime_ns).over(known)
    return known


_OF_PANEL = ("lab", "released", "bases", "lineage", "not_taught_by", "copy_of", "teachers")


@lru_cache(maxsize=32)
def _panel_facts(path: Path, _changed: int) -> Registry:
    try:
        about = resources.plain_yaml(panels.part(path, ".yaml"))
        said = dict(about["models"])
        models = {
            str(name): {key: entry[key] for key in _OF_PANEL if entry.get(key)}
            for name, entry in said.items()
            if entry and not entry.get("alias")
        }
    except (yaml.YAMLError, ConfigError, KeyError, TypeError, ValueError, AttributeError):
        return Registry({}, {}, {})  # `harness panel check` says what is wrong with it
    return Registry(models, {}, {})


@dataclass(frozen=True, slots=True)
class Labels:
    """Documented relations in one corpus, as rows of plain dictionaries."""

    corpus: str
    students: list[dict[str, Any]]
    controls: list[dict[str, Any]]
    models: list[dict[str, Any]]

    @classmethod
    def of(cls, corpus: str, students: pl.DataFrame, controls: pl.DataFrame, models: pl.DataFrame) -> Labels:
        """Pick the rows about a corpus.

        A student's `corpus` may list several, separated by semicolons. Rows of `models` about the corpus come
        before rows about the same model elsewhere.

        Raises:
            ConfigError: a column is missing.
        """
        tables = {
            "students": (students, STUDENTS),
            "controls": (controls, CONTROLS),
            "models": (models, MODELS),
        }
        rows: dict[str, list[dict[str, Any]]] = {}
        for what, (frame, columns) in tables.items():
            missing = sorted(set(columns) - set(frame.columns))
            if missing:
                raise ConfigError(f"{what}: missing column {', '.join(missing)}; expected {', '.join(columns)}")
            text = pl.col(columns).cast(pl.String).fill_null("").str.strip_chars()
            rows[what] = frame.with_columns(text).to_dicts()
        here = [r for r in rows["students"] if corpus in r["corpus"].split(";")]
        own = [r for r in rows["models"] if r["corpus"] == corpus]
        named = {r["model"] for r in own}
        own += [r for r in rows["models"] if r["corpus"] != corpus and r["model"] not in named]
        return cls(corpus, here, [r for r in rows["controls"] if corpus in r["corpus"].split(";")], own)

    def facts(self, names: tuple[str, ...], registry: Registry) -> list[ModelFacts]:
        """What is known of each model, in the order given."""
        table = {r["model"]: r for r in reversed(self.models)}
        student = {r["student"]: r for r in self.students}
        control = {r["model"]: r for r in self.controls}
        return [
            _facts(name, table.get(name, {}), student.get(name, {}), control.get(name, {}), registry) for name in names
        ]

    def candidates(self, names: tuple[str, ...], facts: list[ModelFacts]) -> list[int]:
        """Models that may be somebody's teacher.

        Those whose `role` says candidate. In a corpus without such roles, every model that is not a version of
        another one.
        """
        roles = {r["model"]: r["role"] for r in self.models if r["corpus"] == self.corpus}
        named = [i for i, name in enumerate(names) if "candidate" in roles.get(name, "")]
        return named or [i for i, fact in enumerate(facts) if not fact.copy_of]


def _facts(
    name: str,
    table: Mapping[str, Any],
    student: Mapping[str, Any],
    control: Mapping[str, Any],
    registry: Registry,
) -> ModelFacts:
    entry = registry.entry(name)
    released = table.get("released") or entry.get("released")
    if released is not None and not MONTH.fullmatch(str(released)):
        raise ConfigError(f"{name}: released {released!r}; expected YYYY-MM")
    kind = student.get("strength") or ""
    copy = any(kind.startswith(k) for k in COPIES)
    bases, picked = bases_of(name, student, control, registry)
    lab = table.get("lab") or entry.get("lab") or student.get("student_lab")
    guessed_lab = None if lab else registry.lab_of(name)
    lineage = None if copy else student.get("lineage_group")
    return ModelFacts(
        name=name,
        lab=lab or guessed_lab,
        released=None if released is None else str(released),
        bases=bases,
        lineage=entry.get("lineage") or lineage or control.get("base_family"),
        not_taught_by=frozenset((control.get("not_trained_on") or "").split(";")) - {""},
        copy_of=frozenset((student.get("teachers") or "").split(";")) - {""} if copy else frozenset(),
        by_name=frozenset(what for what, known in (("lab", guessed_lab), ("bases", picked == BY_NAME)) if known),
    )


BY_NAME, OF_GROUP, SAID = "name", "group", "said"
"""Where bases are from: a name alone, a row about several models of whom a name picks, or a fact."""


def bases_of(
    name: str, student: Mapping[str, Any], control: Mapping[str, Any], registry: Registry
) -> tuple[frozenset[str], str | None]:
    """The families of base models that a model was trained from, and where that is from. Facts before its name.

    Args:
        name: the model's.
        student: its row among documented students, which may speak of several models. Empty if there is none.
        control: its row among controls. Empty if there is none.
        registry: what is recorded.
    """
    entry = registry.entry(name)
    recorded = {*base_families(str(entry.get("base") or ""), registry.bases), *(entry.get("bases") or ())}
    if entry.get("base") or recorded:
        return frozenset(recorded), SAID
    named = base_families(name, registry.bases)
    group = base_families(str(student.get("base_model") or ""), registry.bases)
    if group & named:
        return group & named, OF_GROUP
    if group or control.get("base_family"):
        return group | {str(family) for family in (control.get("base_family"),) if family}, SAID
    return named, BY_NAME if named else None
