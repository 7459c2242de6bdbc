"""Pools of models that answered the same prompts: a task of kind `provenance`, or a reference panel.

What is said of a suspect in a pool is `harness.provenance.verdicts.reports`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import panels, resources
from harness.errors import ConfigError, unknown_name
from harness.provenance.answers import boilerplate, readings, stored
from harness.provenance.answers.responses import TRACES
from harness.provenance.comparison import evidence, misplaced, same, similarity, style
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.registry import Labels, Registry, panel_facts
from harness.provenance.panels import panel
from harness.provenance.verdicts import notices

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.answers.comparability import TextReading
    from harness.provenance.answers.fingerprint import Fingerprints
    from harness.provenance.comparison.positives import Pair
    from harness.provenance.comparison.same import Threshold

DRAWS = 100
FEW = 40
"""Models above which draws of the prompts are fewer, since each takes long."""
Row = dict[str, Any]


def registry(of_runs: Mapping[str, Mapping[str, Any]] | None = None, *, panels: bool = True) -> Registry:
    """What is documented about models: one registry of layers, each over those before it.

    The shipped `conf/model_registry.yaml`, what panels record of their models, what models' files said when they were
    run, and a user's own `conf/model_registry.yaml`.

    Args:
        of_runs: what run manifests say, by model: `lab`, `released`, `base`, `statement`.
        panels: whether to read the panels' facts.
    """
    files = [path for folder in resources.conf_dirs() if (path := folder / "model_registry.yaml").is_file()]
    shipped, *own = map(Registry.load, files)
    known = panel_facts().over(shipped) if panels else shipped
    for layer in (Registry(dict(of_runs or {}), {}, {}), *own):
        known = layer.over(known)
    return known


def told(known: Registry, name: str, facts: Mapping[str, str | None]) -> Registry:
    """The registry with what a user says of one model over what it says."""
    given = {key: value for key, value in facts.items() if value}
    return Registry({**known.models, name: {**known.models.get(name, {}), **given}}, known.labs, known.bases)


def documented(known: Registry, name: str) -> tuple[str, ...]:
    """What the registry says of a model's teachers, as notes for its report."""
    entry = known.entry(name)
    said = notices.documented(name, entry.get("teachers") or (), entry.get("source"))
    more = (known.name(name).note, notices.statement(name, entry.get("statement")))
    return (*said, *(note for note in more if note))


def facts(names: Sequence[str], known: Registry, control_of: Mapping[str, str]) -> list[ModelFacts]:
    """What is documented of each model. A positive control is a copy of what it is a control of."""
    of = {name: original for name in names if (original := _original(name, names, known, control_of))}
    students = [_copy(name, original) for name, original in of.items()]
    controls = [
        {"model": name, "not_trained_on": ";".join(labs), "base_family": None}
        for name in names
        if (labs := known.entry(name).get("not_taught_by"))
    ]
    return Labels("", students, controls, []).facts(tuple(names), known)


def _original(name: str, names: Sequence[str], known: Registry, control_of: Mapping[str, str]) -> str | None:
    """Of which models a model is a version, divided by `;`.

    Of what it is a control of, of what is recorded, or of the model that it is another name of, if that is here.
    """
    if name in control_of:
        return control_of[name]
    recorded = known.entry(name).get("copy_of")
    called = known.name(name)
    if recorded:
        return ";".join(recorded)
    return called.known_as if called.how and called.known_as in names else None


def teachers(who: Iterable[ModelFacts]) -> frozenset[str]:
    """Names of those that may be somebody's teacher: a copy stands for what it is a copy of."""
    return frozenset(fact.name for fact in who if not fact.copy_of)


def _copy(name: str, of: str) -> Row:
    blank = dict.fromkeys(("base_model", "student_lab", "lineage_group"))
    return {"student": name, "teachers": of, "strength": "same_model", **blank}


@dataclass(frozen=True, slots=True)
class Pool:
    """Models on one prompt set, ready to be compared.

    Attributes:
        corpus: the task, or the panel.
        prints: fingerprints, in the order of `facts`.
        facts: of every model.
        candidates: possible teachers.
        notes: what a reader must know of the pool.
        panel: whether it is a reference panel.
        taught: documented students in the pool: student, teacher, lineage.
        domains: what each prompt asks for (`domains.DOMAINS`), by its id.
        again: the same pool with half of the suspect's repeated answers as a model of its own, `AGAIN`. `None` if
            nothing was answered twice.
    """

    corpus: str
    prints: Fingerprints
    facts: Sequence[ModelFacts]
    candidates: frozenset[str]
    notes: tuple[str, ...] = ()
    panel: bool = False
    taught: tuple[Pair, ...] = ()
    domains: Mapping[str, str] = field(default_factory=dict)
    again: Pool | None = None
    version: str | None = None
    """Of the prompt set, as its tasks or the panel say it."""
    suspects: frozenset[str] | None = None
    """Models of which something is to be said. `None`: of all."""
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a reader must know of one suspect, by its name."""
    same: tuple[Threshold, ...] = ()
    """When answers are so near that the model is the same one. Empty if that was not measured."""
    readings: Mapping[str, TextReading] = field(default_factory=dict)
    """What was found in the texts of models whose texts are here."""
    styled: frozenset[str] = frozenset()
    """Models whose style the set hardly knows, of which not all channels are read: see `style`."""
    language: str | None = None
    """What its prompts and models' answers are in, if that is recorded."""
    reads: str | None = None
    """The kind of reasoning traces that a panel is of."""

    def asks(self, name: str) -> bool:
        """Whether something is to be said of a model here."""
        return name in self.prints.models and (self.suspects is None or name in self.suspects)

    @property
    def traces(self) -> str | None:
        """The kind of reasoning traces it is of. `None` is answers."""
        if self.reads is not None:
            return self.reads
        return self.corpus.split(TRACES)[1].rstrip(")") if TRACES in self.corpus else None


def pools(
    answers: pl.DataFrame,
    suspect: str,
    known: Registry,
    control_of: Mapping[str, str],
    folder: Path | None = None,
) -> list[Pool]:
    """One pool per task that the suspect answered.

    Args:
        answers: columns `task`, `version`, `model`, `prompt_id`, `domain`, `repeat`, `output`.
        suspect: a model's name.
        known: facts about models.
        control_of: whose relative a positive control is.
        folder: where fingerprints are kept, see `provenance.stored`.

    Raises:
        ConfigError: the suspect answered nothing.
    """
    import polars as pl

    if answers.filter(pl.col("model") == suspect).is_empty():
        who = answers["model"].unique().to_list()
        raise ConfigError(
            f"{unknown_name('model', suspect, who)}; a suspect needs answers to open prompts: "
            "`harness eval model=NAME task=panel`, or `harness import FILE`"
        )
    found = [pool for pool in every(answers, known, control_of, folder, of=suspect) if pool.asks(suspect)]
    return [_again(pool, answers, suspect, known, control_of, folder) for pool in found]


def every(
    answers: pl.DataFrame, known: Registry, control_of: Mapping[str, str], folder: Path | None = None,
    *, of: str | None = None,
) -> list[Pool]:  # fmt: skip
    """One pool per panel whose prompts were answered, then one per task with other prompts, by name.

    Of a task that is called like a panel nothing more is said of models that were read against that panel: a model has
    one finding by each name.

    Args:
        answers: columns `task`, `version`, `model`, `prompt_id`, `alias`, `prompt`, `domain`, `repeat`, `output`.
        known: facts about models.
        control_of: whose relative a positive control is.
        folder: where fingerprints are kept, see `provenance.stored`.
        of: a model. Pools that it is not in are left out.
    """
    import polars as pl

    found, read, few = _on_panels(answers, known, control_of, folder)
    for task in sorted(set(answers["task"].unique().to_list()) - read):
        here = answers.filter(pl.col("task") == task)
        if of is None or of in here["model"].unique().to_list():
            pool = _local(here, task, known, control_of, folder)
            said = {model for panel in found if panel.panel and panel.corpus == task for model in panel.suspects or ()}
            rest = frozenset(pool.prints.models) - said if said else None
            about = {name: (*texts, *few.get(name, ())) for name, texts in pool.about.items()}
            found.append(dataclasses.replace(pool, suspects=rest, about=about))
    return found


def _local(
    answers: pl.DataFrame, task: str, known: Registry, control_of: Mapping[str, str], folder: Path | None
) -> Pool:
    bare, found = (answers, {}) if TRACES in task else readings.read(answers, folder=folder)
    prints = _prints(bare, task, evidence.EVIDENCE, folder)
    who = facts(prints.models, known, control_of)
    prints, mixed, styled = _readable(prints, who, found, prints.models)
    notes = notices.undated([f.name for f in who if f.released is None])
    return Pool(
        task, prints, who, teachers(who), notes, taught=_taught(who, known),
        domains=_domains(answers), version=_version(answers),
        about={name: (*documented(known, name), *notices.misplaced(name, mixed)) for name in prints.models},
        readings=found, styled=styled,
    )  # fmt: skip


def _taught(who: Sequence[ModelFacts], known: Registry) -> tuple[Pair, ...]:
    """Documented students among models, with their teachers. Without a known lineage each is its own."""
    return tuple(
        (fact.name, teacher, fact.lineage or fact.name)
        for fact in who
        if not fact.copy_of
        for teacher in sorted(known.entry(fact.name).get("teachers") or ())
    )


LEAST_ASKED = 25
"""Prompts of a panel that a model must have answered to be read against it. The same-model test takes as many."""


def _on_panels(
    answers: pl.DataFrame, known: Registry, control_of: Mapping[str, str], folder: Path | None
) -> tuple[list[Pool], set[str], dict[str, tuple[str, ...]]]:
    """The pools of panels whose prompts were answered, and the tasks that need no pool of their own besides.

    Also what is to be said of models that answered too few prompts of a panel, by name.
    """
    found: list[Pool] = []
    read: list[_Read] = []
    few: dict[str, tuple[str, ...]] = {}
    for path in panels.found().values():
        ids = panels.prompt_ids(path)
        if answers.filter(
            answers["prompt_id"].is_in(list(ids)) | answers["alias"].is_in(list(ids.values()))
        ).is_empty():
            continue
        shipped = panel.load(path)
        everybody, otherwise = panel.keyed(shipped, answers)
        there = _enough(everybody)
        for name, number in _asked_too_few(everybody, there, shipped.name):
            few[name] = (*few.get(name, ()), notices.too_few(name, number, shipped.name))
        if there.is_empty():
            read += [_Read(frozenset(ids), there)] if shipped.traces else []
            continue
        changed = notices.changed_prompts(shipped.name, [f.where for f in otherwise])
        for group in _asked_alike(there):
            pool = _of_panel(shipped, there.filter(there["model"].is_in(list(group))), known, control_of, folder)
            found.append(dataclasses.replace(pool, notes=(*pool.notes, *changed)))
        read.append(_Read(frozenset(ids), there))
    return found, _whole(answers, read), few


def in_place_of(
    name: str, answers: pl.DataFrame, known: Registry, control_of: Mapping[str, str], folder: Path | None = None
) -> Pool | None:
    """The pool of a task that holds a whole panel of the same name: everybody is read from the answers found here.

    The index's findings on the panel are made of this pool, so a picture of it says the same.

    Args:
        name: of the task, and of the panel.
        answers: columns `task`, `version`, `model`, `prompt_id`, `alias`, `prompt`, `domain`, `repeat`, `output`.
        known: facts about models.
        control_of: whose relative a positive control is.
        folder: where fingerprints are kept, see `provenance.stored`.

    Returns:
        `None` if there is no such panel, if the task lacks one of its models, if a model of the task is not read
        against it, or if models were asked so differently that the panel has several pools.
    """
    if name not in panels.found():
        return None
    shipped = panel.load(panels.place(name))
    there, otherwise = panel.keyed(shipped, answers)
    there = _enough(there)
    everybody = set(answers.filter(answers["task"] == name)["model"].to_list())
    if not set(shipped.entries) <= everybody or _asked_alike(there) != [everybody]:
        return None
    pool = _of_panel(shipped, there, known, control_of, folder)
    return dataclasses.replace(pool, notes=(*pool.notes, *notices.changed_prompts(name, [f.where for f in otherwise])))


def _enough(there: pl.DataFrame) -> pl.DataFrame:
    """The answers of models that answered `LEAST_ASKED` prompts."""
    counts = dict(there.group_by("model").agg(_distinct()).iter_rows())
    return there.filter(there["model"].is_in([m for m, n in counts.items() if n >= LEAST_ASKED]))


def _asked_too_few(everybody: pl.DataFrame, enough: pl.DataFrame, name: str) -> list[tuple[str, int]]:
    """Models that were asked a panel's prompts and are not among those that answered enough, and how many they did."""
    if "panel" not in everybody.columns:
        return []
    asked = everybody.filter(everybody["panel"].str.starts_with(f"{name} "))
    counts = asked.filter(~asked["model"].is_in(enough["model"].unique())).group_by("model").agg(_distinct())
    return [(str(model), int(n)) for model, n in counts.sort("model").iter_rows()]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read against a panel: its prompts' ids, and the answers, which may be none of a panel of traces."""

    ids: frozenset[str]
    there: pl.DataFrame


def _distinct() -> pl.Expr:
    import polars as pl

    return pl.col("prompt_id").n_unique()


def _whole(answers: pl.DataFrame, read: Sequence[_Read]) -> set[str]:
    """Tasks of which nothing would be said besides: nearly all prompts are panels', and everybody is read on one."""
    who = {model for one in read for model in one.there["model"].to_list()}
    found = set()
    for (task,), part in answers.partition_by("task", as_dict=True).items():
        asked = set(part["prompt_id"].to_list())
        mine: set[str] = set()
        for one in read:
            mine |= (asked & one.ids) | set(one.there.filter(one.there["task"] == task)["prompt_id"].to_list())
        if len(mine) >= panel.FULL * len(asked) and set(part["model"].to_list()) <= who:
            found.add(str(task))
    return found


def _asked_alike(there: pl.DataFrame) -> list[set[str]]:
    """Models by what they were asked: each answered nearly all that somebody of its group did."""
    prompts = {str(model): set(part["prompt_id"].to_list())
               for (model,), part in there.partition_by("model", as_dict=True).items()}  # fmt: skip
    groups: list[tuple[set[str], set[str]]] = []
    for model in sorted(prompts, key=lambda name: (-len(prompts[name]), name)):
        fit = next((g for g in groups if len(prompts[model] & g[0]) >= panel.FULL * len(g[0])), None)
        if fit is None:
            groups.append((set(prompts[model]), {model}))
        else:
            fit[1].add(model)
    return [models for _, models in groups]


def _of_panel(
    shipped: panel.Panel, there: pl.DataFrame, known: Registry, control_of: Mapping[str, str], folder: Path | None
) -> Pool:
    """The pool of a panel with models that answered its prompts, of which alone something is to be said.

    A model of the panel's that is among them is read from the answers found here.
    """
    if shipped.traces is None:
        formulaic = boilerplate.formula(shipped.prints)
        bare, found = readings.read(there, formulaic=formulaic, words=shipped.words, curly=shipped.curly, folder=folder)
        new_prints = stored.fingerprint(bare, panel.CHANNELS, folder, cut=True)
    else:
        found = {}
        texts = there.rename({"output": "reasoning"})
        new_prints = stored.fingerprint(texts, panel.CHANNELS, folder, "reasoning", cut=True)
    prints = panel.joined(shipped, new_prints)
    mine = frozenset(there["model"].unique().to_list()) & set(prints.models)
    who = _told_apart(facts(prints.models, known, control_of), shipped, mine)
    new = {fact.name for fact in who if fact.name in mine - set(shipped.entries) and not fact.copy_of}
    prints, mixed, styled = _readable(prints, who, found, mine)
    about = notices.panel(shipped.name, shipped.about, len(shipped.entries), len(shipped.prompts))
    said = _said(there)
    about_each = {
        name: (
            *_about(shipped, prints, name, known),
            *_asked_of(shipped, said.get(name, ())),
            *notices.misplaced(name, mixed),
        )
        for name in sorted(mine)
    }
    return Pool(
        shipped.name, prints, who, (shipped.candidates & set(prints.models)) | new, about,
        True, shipped.taught, shipped.domains, version=str(shipped.about["version"]), suspects=mine, same=shipped.same,
        about=about_each, readings=found, styled=styled,
        language=shipped.language, reads=shipped.traces,
    )  # fmt: skip


def _readable(
    prints: Fingerprints, who: Sequence[ModelFacts], found: Mapping[str, TextReading], names: Collection[str]
) -> tuple[Fingerprints, frozenset[str], frozenset[str]]:
    """Fingerprints without what cannot be compared, and of whom that is: mixed-up rows, and a style hardly known."""
    mixed = misplaced.misplaced(prints, who, names)
    styled = style.styled(prints, who, found, set(names) - mixed)
    prints = similarity.unread(prints, mixed, misplaced.CHANNELS)
    return similarity.unread(prints, styled, style.WITHIN), mixed, styled


def _told_apart(who: list[ModelFacts], shipped: panel.Panel, mine: frozenset[str]) -> list[ModelFacts]:
    """Facts in which a panel's aliases are what the panel says, whatever else is recorded under their names."""
    alias = {name for name, entry in shipped.entries.items() if entry.alias} - mine
    return [shipped.facts[fact.name] if fact.name in alias else fact for fact in who] if alias else who


def _about(shipped: panel.Panel, prints: Fingerprints, name: str, known: Registry) -> tuple[str, ...]:
    """What a reader must know of one suspect on a panel."""
    n = int(prints.answered[prints.models.index(name)].sum())
    counts = [int(row["prompts"]) for row in shipped.power if row["prompts"] <= n]
    rows = [row for row in shipped.power if counts and row["prompts"] == max(counts)]
    limit = same.threshold_for(shipped.same, n)
    replaced = (notices.replaced(name, shipped.name),) if name in shipped.entries else ()
    released = known.entry(name).get("released")
    undated = () if released else notices.undated([name])
    later = _later(shipped, name, str(released or ""))
    return (*documented(known, name), *replaced, *undated, *later, notices.asked(n, len(shipped.prompts), rows, limit))


def _later(shipped: panel.Panel, name: str, released: str) -> tuple[str, ...]:
    """That the panel ends well before a suspect of `LATE` or later came."""
    newest = max((entry.facts.released or "" for entry in shipped.entries.values()), default="")[:7]
    if not newest or newest >= LATE or released < LATE:
        return ()
    return (notices.newer(shipped.name, newest, name, released),)


LATE = "2025"
"""The year from which on a suspect is not well served by a panel that ends before it."""


def _said(there: pl.DataFrame) -> dict[str, list[str]]:
    """By model, the names and versions of the panels that its prompts were asked as those of."""
    if "panel" not in there.columns:
        return {}
    every = there.select("model", "panel").drop_nulls().unique().sort("model", "panel")
    found: dict[str, list[str]] = {}
    for model, said in every.iter_rows():
        found.setdefault(model, []).append(said)
    return found


def _asked_of(shipped: panel.Panel, said: Sequence[str]) -> tuple[str, ...]:
    """That a suspect answered another version of a panel than the one it is read against: see `_said`."""
    known = str(shipped.about["version"])
    older = [was for text in said if (was := text.removeprefix(f"{shipped.name} ")) not in (text, known)]
    return notices.another_version(shipped.name, known, older)


def _again(
    pool: Pool, answers: pl.DataFrame, suspect: str, known: Registry, control_of: Mapping[str, str],
    folder: Path | None,
) -> Pool:  # fmt: skip
    """A pool with half of a suspect's repeated answers beside it, if it gave several."""
    import polars as pl

    relative = {**control_of, AGAIN: suspect}
    if not pool.panel:
        twice = _sampled_twice(answers.filter(pl.col("task") == pool.corpus), suspect)
        again = None if twice is None else _local(twice, pool.corpus, known, relative, folder)
        return dataclasses.replace(pool, again=again)
    shipped = panel.load(panels.place(pool.corpus))
    there, _ = panel.keyed(shipped, answers.filter(pl.col("model") == suspect))
    twice = _sampled_twice(there, suspect)
    again = None if twice is None else _of_panel(shipped, twice, known, relative, folder)
    return dataclasses.replace(pool, again=again)


def _version(answers: pl.DataFrame) -> str | None:
    """Versions of a task in the runs that its answers are from. `None` if they say none."""
    found = sorted({str(version) for version in answers["version"].unique().to_list() if version is not None})
    return ", ".join(found) or None


def _sampled_twice(answers: pl.DataFrame, suspect: str) -> pl.DataFrame | None:
    """The answers with every second repeat of the suspect's as those of `AGAIN`. `None` if there are no repeats."""
    import polars as pl

    second = (pl.col("model") == suspect) & (pl.col("repeat") % 2 == 1)
    if answers.filter(second).is_empty():
        return None
    return answers.with_columns(
        model=pl.when(second).then(pl.lit(AGAIN)).otherwise("model"),
        repeat=pl.when(pl.col("model") == suspect).then(0).otherwise("repeat"),
    )


def _domains(answers: pl.DataFrame) -> dict[str, str]:
    return dict(answers.select("prompt_id", "domain").unique("prompt_id").sort("prompt_id").iter_rows())


def against(
    name: str, answers: pl.DataFrame, suspect: str, candidates: Iterable[str], known: Registry,
    control_of: Mapping[str, str], folder: Path | None = None, *, here: bool = False,
) -> Pool:  # fmt: skip
    """The pool of a reference panel, with the suspect (and local candidates) added if they answered its prompts.

    Args:
        name: of the panel.
        answers: columns `model`, `prompt_id`, `alias`, `repeat`, `output`.
        suspect: a model that answered the panel's prompts, or one of the panel's own.
        candidates: further models. Those of `answers` join the pool.
        known: facts about models that are not the panel's.
        control_of: whose relative a positive control is.
        folder: where fingerprints are kept, see `provenance.stored`.
        here: the suspect has runs, of whatever tasks: its name is no mistake.

    Raises:
        ConfigError: no such panel, or the suspect answered none of its prompts.
    """
    import polars as pl

    shipped = panel.load(panels.place(name))
    there, otherwise = panel.keyed(shipped, answers.filter(pl.col("model").is_in([suspect, *candidates])))
    if suspect in there["model"].unique().to_list():
        pool = _again(_of_panel(shipped, there, known, control_of, folder), answers, suspect, known, control_of, folder)
    elif suspect in shipped.entries:
        pool = whole_panel(name)
    else:
        asked = here or suspect in answers["model"].to_list()
        none = f"{suspect} has no answers to prompts of the panel {name}"
        raise ConfigError(
            (none if asked else unknown_name("model", suspect, {*shipped.entries, *answers["model"].to_list()}))
            + f" (the panel has {len(shipped.entries)} models; another one needs answers to its prompts: "
            f"harness eval model={suspect} task=panel panel={name}, or `harness import`)"
        )
    changed = notices.changed_prompts(shipped.name, [f.where for f in otherwise])
    return dataclasses.replace(pool, notes=(*pool.notes, *changed))


def one_pool(
    answers: pl.DataFrame,
    known: Registry,
    control_of: Mapping[str, str],
    needed: Sequence[str] = (),
    *,
    task: str | None = None,
    folder: Path | None = None,
) -> Pool:
    """The pool of one task: the one named, else of those that every needed model answered the one with most models.

    Raises:
        ConfigError: no such task.
    """
    who: dict[str, set[str]] = {}
    for name, model in answers.select("task", "model").unique().sort("task", "model").iter_rows():
        who.setdefault(name, set()).add(model)
    if task is not None and task not in who:
        raise ConfigError(unknown_name("provenance task", task, who))
    for model in needed:
        if model not in (everybody := set().union(*who.values())):
            raise ConfigError(unknown_name("model", model, everybody))
    fit = [name for name in who if task in {None, name} and who[name].issuperset(needed)]
    if not fit:
        raise ConfigError(f"no provenance task was answered by {' and '.join(needed) or 'any model'}; `harness import`")
    chosen = max(fit, key=lambda name: (len(who[name]), TRACES not in name, name))
    return combined(_local(answers.filter(answers["task"] == chosen), chosen, known, control_of, folder))


def combined(pool: Pool) -> Pool:
    """A pool with the channels alone that are combined over pairs: `evidence.EVIDENCE`."""
    features = {name: pool.prints.features[name] for name in evidence.EVIDENCE}
    return dataclasses.replace(pool, prints=dataclasses.replace(pool.prints, features=features))


def keyed(name: str, frames: Sequence[pl.DataFrame]) -> tuple[panel.Panel, list[pl.DataFrame]]:
    """A panel, and the answers of several frames to its prompts, known by its ids."""
    shipped = panel.load(panels.place(name))
    return shipped, [panel.keyed(shipped, frame)[0] for frame in frames]


def panel_facts_of(shipped: panel.Panel) -> list[ModelFacts]:
    """What a panel records of its models, in the order of its fingerprints."""
    return [shipped.facts[model] for model in shipped.prints.models]


def whole_panel(name: str) -> Pool:
    """A reference panel as it is shipped."""
    shipped = panel.load(panels.place(name))
    who = [shipped.facts[model] for model in shipped.prints.models]
    notes = notices.panel(shipped.name, shipped.about, len(shipped.entries), len(shipped.prompts))
    return Pool(
        shipped.name, shipped.prints, who, shipped.candidates, notes, True, shipped.taught, shipped.domains,
        version=str(shipped.about["version"]), same=shipped.same, reads=shipped.traces,
    )  # fmt: skip


def only(pool: Pool, domain: str | None) -> Pool:
    """A pool on the prompts of one kind.

    Args:
        pool: of all prompts.
        domain: one of `domains.DOMAINS`. `None` leaves the pool as it is.

    Raises:
        ConfigError: no such domain, or none of its prompts is here.
    """
    if domain is None:
        return pool
    from harness.provenance.answers import domains

    if domain not in domains.DOMAINS:
        raise ConfigError(unknown_name("domain", domain, domains.DOMAINS))
    kept = [i for i, prompt in enumerate(pool.prints.prompts) if pool.domains.get(prompt) == domain]
    if not kept:
        raise ConfigError(f"{pool.corpus} has no prompt of the kind {domain}")
    again = None if pool.again is None else only(pool.again, domain)
    return dataclasses.replace(pool, prints=pool.prints.subset(kept), again=again)


def narrowed(several: Sequence[Pool], domain: str | None) -> list[Pool]:
    """The pools that have prompts of one kind, on those alone: see `only`.

    Raises:
        ConfigError: no such domain, or no pool has a prompt of it.
    """
    fit = [pool for pool in several if domain in {None, *pool.domains.values()}]
    return [only(pool, domain) for pool in fit or several[:1]]


def draws(pool: Pool) -> int:
    """Random halves of the prompts behind an interval or a support: fewer if each takes long."""
    return DRAWS if len(pool.prints.models) <= FEW else DRAWS // 5


AGAIN = "the suspect, sampled again"
"""What half of a suspect's repeated answers are called, as a model of their own."""


def _prints(answers: pl.DataFrame, task: str, channels: Sequence[str] | None, folder: Path | None) -> Fingerprints:
    """Fingerprints of one prompt set. Traces are read as traces."""
    import polars as pl

    here = answers.filter(pl.col("task") == task)
    if TRACES in task:
        return stored.fingerprint(here.rename({"output": "reasoning"}), channels, folder, "reasoning")
    return stored.fingerprint(here, channels, folder)
