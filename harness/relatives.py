"""A suspect's report: whom its answers resemble, how much more than unrelated models' do, and how sure that is.

Per prompt set (a task of kind `provenance`, or a reference panel): fingerprints of everybody who answered it, read
against models that cannot have learnt from each candidate. Sentences come from `harness.provenance.wording` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import resources
from harness.errors import ConfigError, unknown_name
from harness.provenance import calibration as cal
from harness.provenance import evidence, fingerprint, panel, wording
from harness.provenance.calibration import ModelFacts
from harness.provenance.registry import Labels, Registry

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.fingerprint import Fingerprints

SCHEMA = 1
GROUPS = 10
"""Prompts are left out in this many groups to find how much a score depends on them."""
DRAWS = 100
FEW = 40
"""Models up to which a pool's intervals are computed unasked."""
Row = dict[str, Any]


def registry() -> Registry:
    """What is documented about public models: the shipped file, and a user's own `conf/model_registry.yaml` over it."""
    files = [path for folder in resources.conf_dirs() if (path := folder / "model_registry.yaml").is_file()]
    shipped, *own = [Registry.load(path) for path in files]
    for other in own:
        shipped = Registry(
            {**shipped.models, **other.models}, {**other.labs, **shipped.labs}, {**shipped.bases, **other.bases}
        )
    return shipped


def told(known: Registry, name: str, facts: Mapping[str, str | None]) -> Registry:
    """The registry with what a user says of one model over what it says."""
    given = {key: value for key, value in facts.items() if value}
    return Registry({**known.models, name: {**known.models.get(name, {}), **given}}, known.labs, known.bases)


def facts(names: Sequence[str], known: Registry, control_of: Mapping[str, str]) -> list[ModelFacts]:
    """What is documented of each model; a positive control is a copy of what it is a control of."""
    students = [_copy(name, control_of[name]) for name in names if name in control_of]
    listed = [name for name in names if known.models.get(name, {}).get("not_taught_by")]
    controls = [
        {"model": name, "not_trained_on": ";".join(known.models[name]["not_taught_by"]), "base_family": None}
        for name in listed
    ]
    return Labels("", students, controls, []).facts(tuple(names), known)


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
    """

    corpus: str
    prints: Fingerprints
    facts: Sequence[ModelFacts]
    candidates: frozenset[str]
    notes: tuple[str, ...] = ()
    panel: bool = False


def pools(answers: pl.DataFrame, suspect: str, known: Registry, control_of: Mapping[str, str]) -> list[Pool]:
    """One pool per task that the suspect answered.

    Args:
        answers: columns `task`, `model`, `prompt_id`, `output`.
        suspect: a model's name.
        known: facts about models.
        control_of: whose relative a positive control is.

    Raises:
        ConfigError: the suspect answered nothing.
    """
    import polars as pl

    tasks = sorted(answers.filter(pl.col("model") == suspect)["task"].unique().to_list())
    if not tasks:
        who = answers["model"].unique().to_list()
        raise ConfigError(
            f"{unknown_name('model', suspect, who)}; a suspect needs answers to a provenance task: "
            "`harness eval task=provenance model=[…]`, or `harness import`"
        )
    found = []
    for task in tasks:
        prints = _prints(answers, task, None)
        who = facts(prints.models, known, control_of)
        named = frozenset(fact.name for fact in who if not fact.copy_of)
        found.append(Pool(task, prints, who, named, wording.undated([f.name for f in who if f.released is None])))
    return found


def against(
    name: str, answers: pl.DataFrame, suspect: str, candidates: Iterable[str], known: Registry,
    control_of: Mapping[str, str],
) -> Pool:  # fmt: skip
    """The pool of a reference panel, with the suspect (and local candidates) added where they answered its prompts.

    Args:
        name: of the panel.
        answers: columns `model`, `prompt_id`, `alias`, `output`.
        suspect: a model that answered the panel's prompts, or one of the panel's own.
        candidates: further models; those of `answers` join the pool.
        known: facts about models that are not the panel's.
        control_of: whose relative a positive control is.

    Raises:
        ConfigError: no such panel, or the suspect answered none of its prompts.
    """
    import polars as pl

    shipped = panel.load(name)
    aliases = shipped.about.get("aliases") or {}
    prompts = set(shipped.prints.prompts)
    there = (
        answers.filter(pl.col("model").is_in([suspect, *candidates]))
        .with_columns(prompt_id=pl.coalesce(pl.col("alias").replace_strict(aliases, default=None), "prompt_id"))
        .filter(pl.col("prompt_id").is_in(list(prompts)))
    )
    mine = set(there["model"].unique().to_list())
    notes = list(wording.panel(name, shipped.about))
    if suspect in mine:
        if suspect in shipped.prints.models:
            notes.append(wording.replaced(suspect, name))
        prints = panel.add(shipped, fingerprint.fingerprint(there, names=panel.CHANNELS))
    elif suspect in shipped.prints.models:
        prints, mine = shipped.prints, set()
    else:
        unknown = unknown_name("model", suspect, {*shipped.prints.models, *answers["model"].to_list()})
        raise ConfigError(
            f"{unknown} (the panel {name} has {len(shipped.prints.models)} models; another one needs answers to its "
            f"{len(prompts)} prompts, {shipped.about['source']}, brought in with `harness import`)"
        )
    of_mine = {fact.name: fact for fact in facts(sorted(mine), known, control_of)}
    who = [of_mine.get(model) or shipped.facts[model] for model in prints.models]
    notes += wording.undated([m for m in [suspect] if of_mine.get(m, shipped.facts.get(m)).released is None])  # type: ignore[union-attr]
    named = (shipped.candidates | mine) & set(prints.models)
    return Pool(name, prints, who, frozenset(named), tuple(notes), panel=True)


def one_pool(
    answers: pl.DataFrame,
    known: Registry,
    control_of: Mapping[str, str],
    needed: Sequence[str] = (),
    *,
    task: str | None = None,
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
    prints = _prints(answers, chosen, evidence.EVIDENCE)
    told = facts(prints.models, known, control_of)
    named = frozenset(fact.name for fact in told if not fact.copy_of)
    return Pool(chosen, prints, told, named, wording.undated([f.name for f in told if f.released is None]))


def whole_panel(name: str) -> Pool:
    """A reference panel as it is shipped."""
    shipped = panel.load(name)
    who = [shipped.facts[model] for model in shipped.prints.models]
    return Pool(name, shipped.prints, who, shipped.candidates, wording.panel(name, shipped.about), panel=True)


def draws(pool: Pool) -> int:
    """Random halves of the prompts behind an interval or a support: fewer where each takes long."""
    return DRAWS if len(pool.prints.models) <= FEW else DRAWS // 5


def pairs(pool: Pool) -> list[Row]:
    """Every ordered pair of a pool: raw similarity per channel, and the calibrated score where there is one."""
    names = pool.prints.models
    columns = [i for i, name in enumerate(names) if name in pool.candidates]
    analysis = evidence.analyse(pool.prints, pool.facts, columns)
    shared = pool.prints.answered.astype(int) @ pool.prints.answered.T.astype(int)
    rows = []
    for s, c in ((s, c) for s in range(len(names)) for c in range(len(names)) if s != c):
        column = analysis.column(c)
        z = None if column is None else _known(analysis.scores.z[s, column])
        p = None if column is None else _known(analysis.p[s, column])
        raw = {channel: _known(matrix[s, c]) for channel, matrix in analysis.matrices.items()}
        reason = analysis.rival(s, c)
        rows.append(
            {
                "model": names[s],
                "other": names[c],
                "score": z,
                "p": p,
                "set_apart": reason,
                "n": int(shared[s, c]),
                **raw,
            }
        )
    return sorted(rows, key=lambda row: (row["score"] is None, -(row["score"] or 0), row["model"], row["other"]))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def report(pool: Pool, suspect: str, candidates: Sequence[str] = (), *, interval: bool | None = None) -> Row:
    """What can be said of a suspect on one prompt set.

    Args:
        pool: holds the suspect.
        suspect: a model's name.
        candidates: the models to ask about; by default every one that may be a teacher.
        interval: whether to compute how far z depends on the prompts; by default where the pool is small.

    Returns:
        JSON-able: `corpus`, `verdict`, `paragraph`, `notes`, `findings`, `labs` and how many models and prompts.

    Raises:
        ConfigError: a candidate is not in the pool.
    """
    names = pool.prints.models
    for name in candidates:
        if name not in names:
            raise ConfigError(unknown_name("candidate", name, names))
    wanted = set(candidates or pool.candidates) - {suspect}
    # Every possible teacher's unrelated pairs make up the pooled null, whoever is asked about.
    columns = [i for i, name in enumerate(names) if name in pool.candidates | wanted]
    analysis = evidence.analyse(pool.prints, pool.facts, columns)
    asked = dataclasses.replace(analysis, candidates=[c for c in columns if names[c] in wanted])
    found = evidence.findings(asked, suspect)
    limits: dict[str, tuple[float, float]] = {}
    if interval or (interval is None and len(names) <= FEW):
        limits = intervals(pool, suspect, columns, {f.candidate: f.z for f in found if f.z is not None})
    said = verdict(found)
    text = wording.paragraph(suspect, found)
    waiting = [f for f in found if f.verdict in {"untestable", "not enough prompts"}]
    if said not in {"resembles", "none"} and waiting:
        text += " " + wording.sentence(suspect, waiting[0])
        if said == "untestable" and waiting[0].verdict != said:
            text += " " + wording.sentence(suspect, dataclasses.replace(waiting[0], verdict="untestable"))
    return {
        "corpus": pool.corpus,
        "panel": pool.panel,
        "models": len(names),
        "prompts": len(pool.prints.prompts),
        "suspect_prompts": int(pool.prints.answered[names.index(suspect)].sum()),
        "answers": pool.prints.dropped,
        "verdict": said,
        "paragraph": text,
        "notes": list(pool.notes),
        "findings": [
            {
                "rank": rank,
                **{k: v for k, v in dataclasses.asdict(f).items() if k != "by_channel"},
                "z_low": limits.get(f.candidate, (None, None))[0],
                "z_high": limits.get(f.candidate, (None, None))[1],
                "channels": f.by_channel,
            }
            for rank, f in enumerate(found, 1)
        ],
        "labs": [] if candidates else _labs(analysis, suspect),
    }


def verdict(found: Sequence[evidence.Finding]) -> str:
    """The verdict over all candidates: `resembles`, `none`, `untestable` or `not enough prompts`.

    Where no candidate has a null, more prompts would not help: that is `untestable`, however few there are.
    """
    said = {f.verdict for f in found}
    for word in ("resembles", "none"):
        if word in said:
            return word
    short = [f for f in found if f.verdict == "not enough prompts"]
    return "not enough prompts" if any(f.null_size >= cal.LEAST_NULL for f in short) else "untestable"


def intervals(
    pool: Pool, suspect: str, columns: Sequence[int], z: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """How far z would move with other prompts: 95 % interval by the delete-a-group jackknife.

    z is computed `GROUPS` times, each without one tenth of the prompts: variance (g-1)/g times the sum of squares
    about their mean (Kott 2001, "The Delete-a-Group Jackknife", Journal of Official Statistics 17).

    Returns:
        By candidate, lower and upper limit; missing where a part of the prompts leaves nothing to compare.
    """
    half = half_widths(pool, columns)[pool.prints.models.index(suspect)]
    found = {pool.prints.models[c]: float(h) for c, h in zip(columns, half, strict=True) if not math.isnan(h)}
    return {name: (value - found[name], value + found[name]) for name, value in z.items() if name in found}


def half_widths(pool: Pool, columns: Sequence[int]) -> cal.Matrix:
    """Half the width of the interval of every model's z (rows) to every candidate (columns)."""
    count = len(pool.prints.prompts)
    kept = [pool.prints.subset(p for p in range(count) if p % GROUPS != group) for group in range(GROUPS)]
    scores = np.array([evidence.analyse(part, pool.facts, columns).scores.z for part in kept])
    half: cal.Matrix = 1.96 * np.sqrt((GROUPS - 1) / GROUPS * ((scores - scores.mean(axis=0)) ** 2).sum(axis=0))
    return half


def table(answers: pl.DataFrame, known: Registry, control_of: Mapping[str, str]) -> pl.DataFrame:
    """The strongest evidence about every model of one task, for the index.

    Args:
        answers: columns `model`, `prompt_id`, `output`.
        known: facts about models.
        control_of: whose relative a positive control is.

    Returns:
        One row per model, sorted; columns as in the table `evidence`, `task` aside.
    """
    import polars as pl

    schema = {
        "model": pl.String, "verdict": pl.String, "nearest": pl.String, "score": pl.Float64, "ci_low": pl.Float64,
        "ci_high": pl.Float64, "p": pl.Float64, "q": pl.Float64, "null_size": pl.Int64, "candidates": pl.Int64,
        "tested": pl.Int64, "n": pl.Int64,
    }  # fmt: skip
    who = sorted(answers["model"].unique().to_list())
    told = facts(who, known, control_of)
    candidates = [i for i, fact in enumerate(told) if not fact.copy_of]
    rows: list[Row] = []
    if any(sum(cal.cannot_have_learnt(u, told[c]) for u in told) >= cal.LEAST_NULL for c in candidates):
        prints = fingerprint.fingerprint(answers, names=evidence.EVIDENCE)
        told = facts(prints.models, known, control_of)
        pool = Pool("", prints, told, frozenset(fact.name for fact in told if not fact.copy_of))
        columns = [i for i, name in enumerate(prints.models) if name in pool.candidates]
        analysis = evidence.analyse(prints, told, columns)
        half = half_widths(pool, columns) if len(prints.models) <= FEW else np.full((len(told), len(columns)), np.nan)
        rows += [_strongest(pool, name, evidence.findings(analysis, name), columns, half) for name in prints.models]
    else:
        counted = answers.group_by("model").agg(n=pl.col("prompt_id").n_unique())
        rows += [
            {"model": m, "verdict": "untestable", "candidates": len(candidates), "tested": 0, "n": n}
            for m, n in counted.iter_rows()
        ]
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row").sort("model")


def _strongest(
    pool: Pool, name: str, found: Sequence[evidence.Finding], columns: Sequence[int], half: cal.Matrix
) -> Row:
    tested = [f for f in found if f.verdict in {"resembles", "none"}]
    row = {
        "model": name,
        "verdict": verdict(found),
        "candidates": len(found),
        "tested": len(tested),
        "n": int(pool.prints.answered[pool.prints.models.index(name)].sum()),
    }
    if not tested:
        return row
    first = tested[0]
    me, other = (pool.prints.models.index(model) for model in (name, first.candidate))
    width = _known(half[me, list(columns).index(other)])
    low, high = (None, None) if width is None or first.z is None else (first.z - width, first.z + width)
    return row | {
        "nearest": first.candidate, "score": first.z, "ci_low": low, "ci_high": high, "p": first.p, "q": first.q,
        "null_size": first.null_size, "n": first.prompts,
    }  # fmt: skip


def _labs(analysis: evidence.Analysis, suspect: str) -> list[Row]:
    """The family test of every lab with a candidate, other than the suspect's own."""
    s = analysis.index(suspect)
    own = analysis.facts[s].lab
    labs = sorted({lab for c in analysis.candidates if (lab := analysis.facts[c].lab) is not None and lab != own})
    matrices = [analysis.matrices[name] for name in evidence.FAMILY if name in analysis.matrices]
    rows = []
    for lab in labs:
        members = [c for c in analysis.candidates if analysis.facts[c].lab == lab]
        if all(analysis.facts[c].before(analysis.facts[s]) is False for c in members):
            continue  # all of them came later
        which = cal.family(analysis.facts, members)
        if len(which.null) < cal.LEAST_NULL:
            continue
        test = cal.family_tests(matrices, analysis.facts, which).get(s)
        if test is not None:
            rows.append(
                {"lab": lab, **dataclasses.asdict(test), "sentence": wording.family_sentence(suspect, lab, test)}
            )
    for row, q in zip(rows, cal.benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["q"] = q
    return sorted(rows, key=lambda row: (row["p"], row["lab"]))


TRACES = "(traces: "
"""What is put behind a task's name, with the kind of trace, for its reasoning traces."""


def load_answers(query: Any, probes: Sequence[str], domain: str | None = None) -> pl.DataFrame:
    """Columns task, model, prompt_id, alias, prompt, output: every chosen answer to a provenance task but the probes.

    A prompt is known by its text where the document has it, by its `prompt_id` where it has that, else by its document.
    Reasoning traces are prompt sets of their own, one for each kind: full traces are compared with full ones.

    Args:
        query: runs SQL on the index.
        probes: tasks to leave out.
        domain: one of `domains.DOMAINS`: prompts of the others are left out.
    """
    import polars as pl

    from harness.provenance import domains

    left_out = ", ".join(f"'{task}'" for task in probes)
    frame: pl.DataFrame = query(
        f"""
        WITH said AS (
            SELECT task, samples.model,
                coalesce(md5(trim(doc ->> 'prompt', E' \\n\\t\\r')), doc ->> 'prompt_id', md5(CAST(doc AS VARCHAR)))
                    AS prompt_id,
                doc ->> 'prompt_id' AS alias, doc ->> 'prompt' AS prompt, doc ->> 'domain' AS domain, output, reasoning,
                reasoning_kind
            FROM samples JOIN chosen USING (run_id, model, task) JOIN tasks USING (run_id, task)
            WHERE tasks.kind = 'provenance' AND task NOT IN ({left_out}) AND samples.status IN ('answered', 'truncated')
        )
        SELECT task, model, prompt_id, alias, prompt, domain, output FROM said WHERE output IS NOT NULL
        UNION ALL
        SELECT task || ' {TRACES}' || reasoning_kind || ')', model, prompt_id, alias, prompt, domain, reasoning
        FROM said WHERE reasoning IS NOT NULL AND reasoning_kind IN ('full', 'summary')
        ORDER BY ALL
        """
    )
    if domain is not None:
        if domain not in domains.DOMAINS:
            raise ConfigError(unknown_name("domain", domain, domains.DOMAINS))
        kept = [domains.domain(*row) == domain for row in frame.select("prompt", "domain").iter_rows()]
        frame = frame.filter(pl.Series(kept, dtype=pl.Boolean))
    return frame.drop("domain")


def _prints(answers: pl.DataFrame, task: str, channels: Sequence[str] | None) -> Fingerprints:
    """Fingerprints of one prompt set; traces are read as traces."""
    import polars as pl

    here = answers.filter(pl.col("task") == task)
    if TRACES in task:
        return fingerprint.fingerprint(here.rename({"output": "reasoning"}), "reasoning", names=channels)
    return fingerprint.fingerprint(here, names=channels)
