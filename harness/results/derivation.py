"""From the index to what is published: which task feeds which provenance channel, and what a leaderboard needs.

The one place that knows the index, the channels and the leaderboard. They do not know each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import one_thread, panels, plugins, say
from harness.errors import ConfigError, DamagedIndexError, unknown_name
from harness.provenance import Finding, probes
from harness.provenance.answers import responses
from harness.results import comparisons, store

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.comparison import registry
    from harness.provenance.panels import registration
    from harness.provenance.verdicts import pools
    from harness.results.leaderboard import Board, Fact
    from harness.results.leaderboard.selection import Selection


def refresh(results_dir: Path) -> store.Refreshed:
    """Unite shards, then bring the index up to date, similarities and identity claims included. See `store.refresh`.

    On a disk that cannot be written, an index that is there is left as it is, and `problems` says so.
    """
    path = store.index_path(results_dir)
    if path.is_file() and not os.access(results_dir, os.W_OK):
        told = f"{results_dir} cannot be written: the index is read as it is, and may lack the newest runs"
        if store.is_as_written(path) is None:
            told += f"; there is no {store.MARK} that would tell whether another program has changed it"
        held, facts = store.as_it_is(path)
        if facts != panels.facts():
            told += "; verdicts are stale: conf/model_registry.yaml or a panel has changed since they were made"
        return store.Refreshed(path, held, problems=(told,))
    return _united(results_dir, store.refresh)


def rebuild(results_dir: Path) -> store.Refreshed:
    """Unite shards, then make the index from nothing. See `store.rebuild`."""
    return _united(results_dir, store.rebuild)


def _united(results_dir: Path, update: Callable[[Path, store.Derive, str], store.Refreshed]) -> store.Refreshed:
    from harness.archive import shards

    problems = shards.unite(results_dir)
    done = update(results_dir, _deriving(results_dir), panels.facts())
    aside = plugins.left_aside(probes.KIND)
    return dataclasses.replace(done, problems=(*problems, *done.problems, *([aside] if aside else [])))


def anew(results_dir: Path, error: DamagedIndexError) -> None:
    """Make an index from nothing that turned out to be damaged, and say so.

    Raises:
        DamagedIndexError: it cannot be written here.
    """
    if not os.access(results_dir, os.W_OK):
        raise error
    say(f"warning: {error}: done", "warning")
    for problem in rebuild(results_dir).problems:
        say(f"warning: {problem}", "warning")


def differences(results_dir: Path) -> list[str]:
    """What the index holds that its run folders do not give. See `store.differences`."""
    return store.differences(results_dir, _deriving(results_dir), panels.facts())


def _deriving(results_dir: Path) -> store.Derive:
    return functools.partial(derive, results_dir=results_dir)


def derive(query: store.Query, changed: store.Changed, results_dir: Path | None = None) -> Mapping[str, pl.DataFrame]:
    """The tables that are computed over the chosen runs of all models. Some hold only what has changed (`store`).

    Those of evidence are left as they are if no run of open prompts has changed.

    Args:
        query: runs SQL on the index.
        changed: models and tasks.
        results_dir: the results folder, in which fingerprints are kept (`provenance.stored`). `None` keeps none.
    """
    tasks = sorted({task for _, task in changed})
    every = probes.every()
    owned = probes.owned(every)
    found = {"comparisons": comparisons.table(query, changed), **_probed(query, tasks, every, results_dir)}
    return found if _open(query, owned).isdisjoint(tasks) else found | _evidence(query, owned, _kept(results_dir))


def _kept(results_dir: Path | None) -> Path | None:
    """Where fingerprints are kept. What keeps them is not loaded before there is something to keep."""
    from harness.provenance.answers import stored

    return None if results_dir is None else results_dir / stored.FOLDER


def _probed(
    query: store.Query, tasks: Sequence[str], every: Sequence[probes.Probe], results_dir: Path | None
) -> dict[str, pl.DataFrame]:
    """The rows of these tasks, by probes' tables."""
    import polars as pl

    kind_of = dict(query("SELECT DISTINCT task, kind FROM tasks ORDER BY ALL").iter_rows())
    owned = probes.owned(every)
    parts: dict[str, list[pl.DataFrame]] = {}
    controls = _controls(query, tasks)
    for task in (task for task in tasks if task in kind_of):
        for probe in every:
            if probe.reads(task, kind_of[task], owned):
                with one_thread():
                    rows = probe.rows(query, task, controls.get(task, {}), _kept(results_dir))
                parts.setdefault(probe.table, []).append(rows)
    return {table: pl.concat(frames, how="diagonal_relaxed") for table, frames in parts.items()}


def _open(query: store.Query, owned: Sequence[str]) -> set[str]:
    """Tasks of open prompts: of kind provenance and no probe's. Those that have evidence still, too."""
    left_out = ", ".join(map(_text, ["", *owned]))
    sql = (
        f"SELECT task FROM tasks WHERE {responses.OPEN} AND task NOT IN ({left_out}) "
        f"UNION SELECT split_part(task, {_text(' ' + responses.TRACES)}, 1) FROM evidence"
    )
    return set(query(sql)["task"])


def _controls(query: store.Query, tasks: Sequence[str]) -> dict[str, dict[str, str]]:
    """Whose relative a control is, by the task and the control's name."""
    found: dict[str, dict[str, str]] = {}
    if tasks:
        sql = _sql_of_controls("task, ", f"task IN ({', '.join(map(_text, tasks))})")
        for task, model, of in query(sql).iter_rows():
            found.setdefault(task, {})[model] = of
    return found


def _open_controls(query: store.Query, owned: Sequence[str]) -> dict[str, str]:
    """Whose relative a control is, by the control's name, in tasks of open prompts that are no probe's."""
    left_out = ", ".join(map(_text, ["", *owned]))
    return dict(query(_sql_of_controls("", f"{responses.OPEN} AND task NOT IN ({left_out})")).iter_rows())


def _sql_of_controls(first: str, where: str) -> str:
    return (
        f"SELECT DISTINCT {first}model, control_of FROM models JOIN chosen USING (run_id, model) "
        f"JOIN tasks USING (run_id, task) WHERE control_of IS NOT NULL AND {where} ORDER BY ALL"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@one_thread()
def _evidence(query: store.Query, owned: Sequence[str], folder: Path | None) -> dict[str, pl.DataFrame]:
    from harness.provenance.verdicts import overview, pools, reports

    answers = responses.load(query, owned)
    found = pools.every(answers, known(query), _open_controls(query, owned), folder)
    studies = [reports.Study(pool) for pool in found]
    everybody = sorted(answers["model"].unique().to_list())
    return overview.tables(studies, reports.of_studies(studies, everybody, by_domain=False))


def known(query: store.Query) -> registry.Registry:
    """What is documented about models, what their files said when they ran (the newest run of each) included."""
    from harness.provenance.verdicts import pools

    rows = query(
        "SELECT model, released, lab, base, statement FROM models JOIN runs USING (run_id) "
        "WHERE coalesce(released, lab, base, statement) IS NOT NULL ORDER BY started_at, run_id, model"
    )
    said = {
        row["model"]: {key: value for key, value in row.items() if key != "model" and value is not None}
        for row in rows.iter_rows(named=True)
    }
    return pools.registry(said)


def known_in(results_dir: Path) -> registry.Registry:
    """The same of a results folder. Without an index, what files say."""
    from harness.provenance.verdicts import pools

    if not store.index_path(results_dir).is_file():
        return pools.registry()
    return known(lambda sql: store.query(results_dir, sql))


def open_answers(results_dir: Path) -> tuple[pl.DataFrame, registry.Registry]:
    """Every answer to an open prompt, and what is documented of models: see `responses.load`, `known`."""
    return responses.load(lambda sql: store.query(results_dir, sql), owned_tasks()), known_in(results_dir)


@one_thread()
def suspect_report(
    results_dir: Path,
    suspect: str,
    candidates: Sequence[str] = (),
    *,
    panel: str | None = None,
    interval: bool = True,
    told: Mapping[str, str | None] | None = None,
    domain: str | None = None,
    by_domain: bool | None = None,
    same_lab: bool = False,
    registered: Path | None = None,
) -> dict[str, Any]:
    """Everything that can be said of where a model's answers come from: see `reports.reports`.

    Args:
        results_dir: the results folder. With a panel it may be empty.
        suspect: a model's name.
        candidates: whom to ask about. By default everybody who may be a teacher.
        panel: a reference panel to compare with, instead of the models that answered the same tasks.
        interval: whether to compute how far scores depend on prompts and null models.
        told: what the user says of the suspect (`released`, `lab`, `base`), over what is documented.
        domain: of the prompts to compare on (`domains.DOMAINS`). By default all.
        by_domain: whether to say also what each kind of prompt shows by itself. By default in small pools.
        same_lab: whether candidates of the suspect's own lab are tested, too.
        registered: a file of `harness provenance register`: was this comparison fixed before there were answers?

    Returns:
        JSON-able: `schema`, `suspect`, `fingerprint`, one `finding.Finding` per prompt set in `corpora`, identity
        `claims`, what of `suggested` names it agrees to, what other probes say (`heading`, `text`), and the report's
        `standing`: confirmatory or exploratory, why, and how much was looked at.

    Raises:
        ConfigError: nobody of that name has answers, or `registered` is no registration.
    """
    from harness.provenance.answers import fingerprint, stored
    from harness.provenance.panels import registration
    from harness.provenance.verdicts import notices, pools, reports

    made = None if registered is None else registration.read(registered)

    offered = _offered(results_dir, suspect)
    known = pools.told(known_in(results_dir), suspect, told or {})
    answers, claims, control_of = _of_index(results_dir, suspect, optional=panel is not None)
    kept = results_dir / stored.FOLDER
    if panel is not None:
        here = _has_runs(results_dir, suspect)
        found = [pools.against(panel, answers, suspect, candidates, known, control_of, kept, here=here)]
    else:
        found = pools.pools(answers, suspect, known, control_of, kept)
    said = reports.findings(
        pools.narrowed(found, domain),
        [suspect],
        candidates,
        interval=interval,
        by_domain=False if domain is not None else by_domain,
        same_lab=same_lab,
    )
    question = {
        "sets": [one.corpus for one in said], "candidates": sorted(set(candidates)), "domain": domain,
        "same_lab": same_lab, "told": {key: value for key, value in (told or {}).items() if value},
    }  # fmt: skip
    standing = _standing(results_dir, suspect, answers, question, panel, made)
    return {
        "schema": reports.SCHEMA,
        "suspect": suspect,
        "fingerprint": fingerprint.VERSION,
        "corpora": [one.json() for one in said],
        "claims": claims,
        "suggested": offered,
        "suggested_text": notices.suggested(suspect, [row for row in offered if row["condition"] == "all"]),
        "probes": said_by_probes(results_dir, suspect),
        "standing": standing,
    }


def _standing(
    results_dir: Path, suspect: str, answers: pl.DataFrame, question: Mapping[str, Any], panel: str | None,
    made: registration.Registration | None,
) -> dict[str, Any]:  # fmt: skip
    """What a report is, and how much was looked at. The question is written down first."""
    from harness.provenance.panels import registration
    from harness.provenance.verdicts import notices

    logged = results_dir.is_dir() and registration.look(results_dir, {"suspect": suspect, **question})
    asked = registration.AnswerTimes(frozenset(), None, 0)
    protocol = None
    if made is not None and panel is not None:
        asked = _asked(results_dir, suspect, answers, panel)
        protocol = registration.protocol(question["candidates"], panel, asked.prompts, same_lab=question["same_lab"])
    found = registration.standing(made, suspect, protocol, asked)
    why = [f"the report was asked with {key} {value}" for key, value in sorted(question["told"].items())]
    why += [f"the report is of the domain {question['domain']} alone"] if question["domain"] else []
    if made is not None and why:
        found = dataclasses.replace(found, status="exploratory", why=(*found.why, *why))
    looks = registration.looks(results_dir, suspect)
    return dataclasses.asdict(found) | {
        "sets": looks.sets, "questions": looks.questions, "logged": logged,
        "text": notices.standing(suspect, found, looks, logged=logged),
    }  # fmt: skip


def _asked(results_dir: Path, suspect: str, answers: pl.DataFrame, panel: str) -> registration.AnswerTimes:
    """A suspect's answers to a panel's prompts, and when they were asked for."""
    from harness.provenance.panels import registration
    from harness.provenance.verdicts import pools

    _, (mine,) = pools.keyed(panel, [answers.filter(answers["model"] == suspect)])
    if mine.is_empty():
        return registration.AnswerTimes(frozenset(), None, 0)
    tasks = ", ".join(map(_text, sorted(set(mine["task"].to_list()))))
    times = store.query(
        results_dir,
        "SELECT count(*) FILTER (WHERE runs.imported OR samples.started_at IS NULL) AS undated, "
        "min(samples.started_at) FILTER (WHERE NOT runs.imported) AS oldest "
        "FROM samples JOIN chosen USING (run_id, model, task) JOIN runs USING (run_id) "
        f"WHERE model = {_text(suspect)} AND task IN ({tasks}) AND output IS NOT NULL",
    ).row(0, named=True)
    return registration.AnswerTimes(frozenset(mine["prompt_id"].to_list()), times["oldest"], int(times["undated"]))


@one_thread()
def same_model(results_dir: Path, a: str, b: str, panel: str | None = None) -> dict[str, Any]:
    """Whether two endpoints, or one name at two dates, answer like one model: see `provenance.same.same_model`.

    Args:
        results_dir: the results folder.
        a: a model, or `RUN:MODEL`.
        b: the other.
        panel: whose models say how alike others are. By default the panel, else the task, of which both answered most.

    Returns:
        JSON-able: `a`, `b`, `reference`, what `same.Sameness` says (`None`: too few shared prompts), and `text`.

    Raises:
        ConfigError: no such answers, or the two share no prompts with anybody.
    """
    from harness.provenance.comparison import same
    from harness.provenance.verdicts import pools, wording

    frames = [_answers_of(results_dir, word) for word in (a, b)]
    found = [(*pools.keyed(reference, frames), reference) for reference in ([panel] if panel else panels.found())]
    shared = [len(set.intersection(*(set(f["prompt_id"].to_list()) for f in keyed))) for _, keyed, _ in found]
    if not any(shared):
        raise ConfigError(
            f"{a} and {b} share no prompt of a panel; ask both: harness eval model=NAME task=panel, once each"
        )
    shipped, (first, second), _ = found[shared.index(max(shared))]
    said = same.same_model(first, second, shipped.prints, pools.panel_facts_of(shipped), shipped.same)
    told = None if said is None else dataclasses.asdict(dataclasses.replace(said, suspect=a, other=b))
    text = wording.same_model(None if said is None else dataclasses.replace(said, suspect=a, other=b))
    also = wording.equality(None if said is None else said.equality)
    return {"a": a, "b": b, "reference": shipped.name, "said": told, "text": f"{text} {also}".strip()}


def _answers_of(results_dir: Path, word: str) -> pl.DataFrame:
    """Answers to open prompts of a model, or of `RUN:MODEL`."""
    from harness.runs import find_run

    run, colon, model = word.partition(":")

    def query(sql: str) -> pl.DataFrame:
        return store.query(results_dir, sql)

    owned = owned_tasks()
    if not colon:
        every = responses.load(query, owned)
        frame = every.filter(every["model"] == word)
    else:
        every = frame = responses.load(query, owned, of=(find_run(results_dir, run).name, model))
    if frame.is_empty():
        raise ConfigError(unknown_name("model with open answers", word, set(every["model"].to_list())))
    return frame


def pool_of(
    results_dir: Path,
    needed: Sequence[str] = (),
    *,
    panel: str | None = None,
    task: str | None = None,
    domain: str | None = None,
) -> tuple[pools.Pool, pl.DataFrame]:
    """One prompt set with everybody on it, and the answers (none for a panel): see `pools.one_pool`."""
    from harness.provenance.verdicts import pools

    answers, _, control_of = _of_index(results_dir, "", optional=panel is not None)
    if panel is not None:
        return pools.only(pools.whole_panel(panel), domain), answers
    import polars as pl

    from harness.provenance.answers import stored

    kept = results_dir / stored.FOLDER
    pool = pools.one_pool(answers, known_in(results_dir), control_of, needed, task=task, folder=kept)
    kinds = [] if domain is None else [pl.col("domain") == domain]
    return pools.only(pool, domain), answers.filter(pl.col("task") == pool.corpus, *kinds)


def findings(results_dir: Path) -> dict[tuple[str, str], Finding]:
    """What the index says of every model on every prompt set, by model and set.

    Raises:
        StorageError: there is no index.
    """
    rows = store.query(results_dir, "SELECT model, task, finding FROM evidence ORDER BY ALL")
    return {(model, task): Finding.read(told) for model, task, told in rows.iter_rows()}


def said_by_probes(results_dir: Path, model: str) -> list[dict[str, str]]:
    """What probes with a heading say of a model: `heading`, `text`. Nothing if there is no index."""
    if not store.index_path(results_dir).is_file():
        return []
    with contextlib.closing(store.reader(results_dir)) as index:
        return [{"heading": heading, "text": of[model]} for heading, of in _headed(index, [model]) if model in of]


def _headed(index: store.Connection, models: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """What every probe with a heading says of models: the heading, and a text by model."""
    found = []
    for probe in probes.every():
        if probe.say is not None:
            rows = store.run_sql(index, f"SELECT * FROM {probe.table} ORDER BY ALL")
            found.append((probe.heading, {model: text for model in models if (text := probe.say(model, rows))}))
    return found


def owned_tasks() -> list[str]:
    """Tasks that are some probe's alone: their answers are no texts whose style could be compared."""
    return probes.owned(probes.every())


def _offered(results_dir: Path, suspect: str) -> list[dict[str, Any]]:
    """A suspect's rows of `suggested_identities`. None if there is no index."""
    import polars as pl

    if not store.index_path(results_dir).is_file():
        return []
    rows = store.query(results_dir, "SELECT * FROM suggested_identities ORDER BY ALL")
    return rows.filter(pl.col("model") == suspect).to_dicts()


def _of_index(
    results_dir: Path, suspect: str, *, optional: bool
) -> tuple[pl.DataFrame, list[dict[str, Any]], dict[str, str]]:
    """Answers to provenance tasks, a suspect's identity claims, and whose relative a control is."""
    import polars as pl

    if optional and not store.index_path(results_dir).is_file():
        return (
            pl.DataFrame(schema=dict.fromkeys(responses.COLUMNS, pl.String) | {"repeat": pl.Int64, "cut": pl.Boolean}),
            [],
            {},
        )

    def query(sql: str) -> pl.DataFrame:
        return store.query(results_dir, sql)

    owned = owned_tasks()
    claims = query("SELECT * FROM identity_claims ORDER BY ALL").filter(pl.col("model") == suspect)
    answers = responses.load(query, owned)
    if not optional and _has_runs(results_dir, suspect):
        _need_answers(answers, suspect)
    return answers, claims.to_dicts(), _open_controls(query, owned)


def _has_runs(results_dir: Path, model: str) -> bool:
    """Whether any run here is of that model. No if there is no index."""
    if not store.index_path(results_dir).is_file():
        return False
    return model in store.query(results_dir, "SELECT DISTINCT model FROM models")["model"].to_list()


def _need_answers(answers: pl.DataFrame, suspect: str) -> None:
    """Refuse a model that has runs here, and was asked nothing that could tell where its answers come from.

    Raises:
        ConfigError: it is so.
    """
    if suspect not in answers["model"].unique().to_list():
        raise ConfigError(
            f"{suspect} has runs here, but no answers to open prompts, which a verdict rests on; ask it the panel's: "
            f"harness eval model={suspect} task=panel"
        )


def unread(results_dir: Path, run_id: str) -> list[str]:
    """What to say of the results of a run whose answers could mostly not be read or were often cut off, and why.

    Args:
        results_dir: the results folder.
        run_id: the run.

    Raises:
        StorageError: there is no index.
    """
    from harness.results.leaderboard import words

    rows = store.query(results_dir, "SELECT * FROM unread ORDER BY ALL").iter_rows(named=True)
    told = [(row, say(row)) for row in rows if row["run_id"] == run_id for say in (words.unread, words.cut_off)]
    return [f"{row['model']}, {row['task']}: {what}" for row, what in told if what]


def board(results_dir: Path, wanted: Selection | None = None) -> Board:
    """What the leaderboard shows, read from the index.

    Args:
        results_dir: the results folder.
        wanted: which results, weighed how. By default all of them.

    Raises:
        StorageError: there is no index.
        ConfigError: the selection names what is not there, or leaves nothing.
        HarnessError: the selection's condition is no SQL. The message is the engine's own.
    """
    from harness.results import leaderboard

    with contextlib.closing(store.reader(results_dir)) as index:
        frames: dict[str, Any] = {name: store.run_sql(index, sql) for name, sql in leaderboard.QUERIES.items()}
        probed = _headed(index, sorted(set(frames["models"]["model"])))
    documented = functools.partial(_facts, results_dir, frames["models"])
    everything = leaderboard.Board(**frames, probed=probed, documented=documented)
    if wanted is None:
        return everything
    sql = wanted.sql()
    return wanted.apply(everything, None if sql is None else store.query(results_dir, sql, single=True).iter_rows())


def _facts(results_dir: Path, models: pl.DataFrame) -> dict[str, Fact]:
    """What is documented of every model of the index. Weights that were loaded from a file are open."""
    from harness.provenance.verdicts import pools
    from harness.results.leaderboard import Fact

    known = known_in(results_dir)
    loaded = {row["model"] for row in models.iter_rows(named=True) if row["weights_sha256"]}
    names = sorted(set(models["model"]))
    return {
        fact.name: Fact(
            fact.lab,
            fact.released and fact.released[:7],
            "open" if fact.name in loaded else known.weights_of(fact.name),
            known.entry(fact.name).get("statement"),
        )
        for fact in pools.facts(names, known, {})
    }
