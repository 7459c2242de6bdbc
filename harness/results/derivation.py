"""From the index to what is published: which task feeds which provenance channel, and what a leaderboard needs.

The one place that knows the index, the channels and the leaderboard; they do not know each other.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.provenance import responses
from harness.results import comparisons, store

if TYPE_CHECKING:
    import polars as pl

    from harness.results.leaderboard import Board
    from harness.results.leaderboard.selection import Selection
    from harness.provenance import pools

VOCABULARY_TASK = "provenance_open"
"""Open prompts, whose answers are compared word by word."""
IDENTITY_TASK = "provenance_identity"
"""Prompts that ask a model who it is."""
SUGGESTED_TASK = "provenance_suggested"
"""Prompts that offer a model a name to agree with."""
CHOICES_TASK = "provenance_choices"
"""Prompts with nothing to choose by, each answered several times."""
NEXT_TASK = "provenance_next"
"""Beginnings of sentences with words that may follow, and their log-probabilities."""
PROBES = (IDENTITY_TASK, SUGGESTED_TASK, CHOICES_TASK, NEXT_TASK)
"""Tasks with channels of their own: their answers are no texts whose style could be compared."""


def refresh(results_dir: Path) -> store.Refreshed:
    """Unite shards, then bring the index up to date, similarities and identity claims included; see `store.refresh`.

    On a disk that cannot be written, an index that is there is left as it is, and `problems` says so.
    """
    path = store.index_path(results_dir)
    if path.is_file() and not os.access(results_dir, os.W_OK):
        told = f"{results_dir} cannot be written: the index is read as it is, and may lack the newest runs"
        return store.Refreshed(path, problems=(told,))
    return _united(results_dir, store.refresh)


def rebuild(results_dir: Path) -> store.Refreshed:
    """Unite shards, then make the index from nothing; see `store.rebuild`."""
    return _united(results_dir, store.rebuild)


def _united(results_dir: Path, update: Callable[[Path, store.Derive], store.Refreshed]) -> store.Refreshed:
    from harness.archive import shards

    problems = shards.unite(results_dir)
    done = update(results_dir, derive)
    return dataclasses.replace(done, problems=(*problems, *done.problems))


def differences(results_dir: Path) -> list[str]:
    """What the index holds that its run folders do not give; see `store.differences`."""
    return store.differences(results_dir, derive)


def derive(query: store.Query, changed: store.Changed) -> Mapping[str, pl.DataFrame]:
    """The tables that are computed over the chosen runs of all models, by name; of some what has changed (`store`).

    Those of provenance are left as they are where no run of a provenance task has changed.
    """
    tasks = sorted({task for _, task in changed})
    found = {"comparisons": comparisons.table(query, changed), "shared_errors": _shared_errors(query, tasks)}
    probed = query("SELECT task FROM tasks WHERE kind = 'provenance' UNION SELECT task FROM agreements")["task"]
    if {VOCABULARY_TASK, *PROBES, *probed}.isdisjoint(tasks):
        return found
    return found | _provenance(query)


def _provenance(query: store.Query) -> dict[str, pl.DataFrame]:
    import polars as pl

    from harness.provenance import identity_claims, vocabulary

    answers = _answers(query, VOCABULARY_TASK)
    domains = [None, *sorted(answers["domain"].drop_nulls().unique())]
    similar = [
        vocabulary.similarities(answers if domain is None else answers.filter(pl.col("domain") == domain)).with_columns(
            task=pl.lit(VOCABULARY_TASK), domain=pl.lit(domain, pl.String)
        )
        for domain in domains
    ]
    control_of = dict(query(_CONTROLS).iter_rows())
    claims = identity_claims.against_others(identity_claims.claims(_answers(query, IDENTITY_TASK)), control_of)
    return {
        "similarities": pl.concat(similar),
        "identity_claims": claims.with_columns(task=pl.lit(IDENTITY_TASK)),
        **_evidence(answers, control_of),
        "suggested_identities": _suggested(query, control_of),
        "agreements": _agreements(query, control_of),
    }


def _suggested(query: store.Query, control_of: Mapping[str, str]) -> pl.DataFrame:
    import polars as pl

    from harness.provenance import suggested

    answers = query(
        f"""
        SELECT samples.model, output, doc ->> 'family' AS family, doc ->> 'language' AS language,
            doc ->> 'system' AS system, CAST(doc ->> 'wording' AS BIGINT) AS wording
        FROM samples JOIN chosen USING (run_id, model, task)
        WHERE task = '{SUGGESTED_TASK}' AND output IS NOT NULL
            AND samples.status IN ('answered', 'truncated', 'refused')
        ORDER BY ALL
        """
    )
    return suggested.rates(answers, control_of).with_columns(task=pl.lit(SUGGESTED_TASK))


def _agreements(query: store.Query, control_of: Mapping[str, str]) -> pl.DataFrame:
    """Choices, next words, and refusals on every other provenance task where somebody refuses often enough."""
    import polars as pl

    from harness.provenance import choices, next_words, refusals

    frame = query(
        f"""
        SELECT task, samples.model, md5(CAST(doc AS VARCHAR)) AS prompt_id, output, loglikelihoods,
            CASE WHEN samples.status = 'refused' THEN true END AS refused
        FROM samples JOIN chosen USING (run_id, model, task) JOIN tasks USING (run_id, task)
        WHERE tasks.kind = 'provenance' AND task NOT IN ('{IDENTITY_TASK}', '{SUGGESTED_TASK}')
            AND samples.status IN ('answered', 'truncated', 'refused')
        ORDER BY ALL
        """
    )
    found = []
    for (task,), part in sorted(frame.partition_by("task", as_dict=True).items()):
        if task == CHOICES_TASK:
            rows = choices.agreements(part)
        elif task == NEXT_TASK:
            rows = next_words.agreements(part, control_of)
        else:
            rows = refusals.agreements(part)
        found.append(rows.with_columns(task=pl.lit(task)))
    empty = next_words.agreements(frame.clear(), {}).with_columns(task=pl.lit(""))
    return pl.concat([empty, *found])


_CONTROLS = """
    SELECT DISTINCT model, control_of FROM models JOIN chosen USING (run_id, model) JOIN tasks USING (run_id, task)
    WHERE kind = 'provenance' AND control_of IS NOT NULL ORDER BY ALL
"""


def _evidence(answers: pl.DataFrame, control_of: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    import polars as pl

    from harness.provenance import overview, pools

    found = overview.tables(answers, pools.registry(), control_of)
    return {name: frame.with_columns(task=pl.lit(VOCABULARY_TASK)) for name, frame in found.items()}


def _shared_errors(query: store.Query, tasks: Sequence[str]) -> pl.DataFrame:
    """Of these tasks, every scored one whose answers were extracted, or chosen among options."""
    import polars as pl

    from harness.provenance import shared_errors

    parts = []
    for task in tasks:
        quoted = task.replace("'", "''")
        answers = query(
            f"""
            SELECT model, document AS item, answer, correct, options
            FROM documents JOIN chosen USING (run_id, model, task) JOIN tasks USING (run_id, task)
            WHERE task = '{quoted}' AND tasks.kind <> 'code' AND correct IS NOT NULL
            ORDER BY ALL
            """
        )
        parts.append(shared_errors.shared_errors(answers).with_columns(task=pl.lit(task)))
    text = dict.fromkeys(("model", "item", "answer"), pl.String)
    none = pl.DataFrame(schema={**text, "correct": pl.Float64, "options": pl.Int64})
    return pl.concat([shared_errors.shared_errors(none).with_columns(task=pl.lit("")), *parts])


def _answers(query: store.Query, task: str) -> pl.DataFrame:
    """Columns model, prompt_id, output, domain: every answer of the chosen runs to a provenance task.

    A prompt is known by the content of its document, so that runs of different versions of a task are compared on
    the prompts they share. Truncated answers are answers: both sides of a comparison are cut anyway.
    """
    return query(
        f"""
        SELECT samples.model, md5(CAST(doc AS VARCHAR)) AS prompt_id, output, doc ->> 'domain' AS domain
        FROM samples JOIN chosen USING (run_id, model, task) JOIN tasks USING (run_id, task)
        WHERE tasks.kind = 'provenance' AND task = '{task}' AND output IS NOT NULL
            AND samples.status IN ('answered', 'truncated')
        ORDER BY ALL
        """
    )


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
) -> dict[str, Any]:
    """Everything that can be said of where a model's answers come from: see `reports.reports`.

    Args:
        results_dir: the results folder; with a panel it may be empty.
        suspect: a model's name.
        candidates: whom to ask about; by default everybody who may be a teacher.
        panel: a reference panel to compare with, instead of the models that answered the same tasks.
        interval: whether to compute how far scores depend on prompts and null models.
        told: what the user says of the suspect (`released`, `lab`, `base`), over what is documented.
        domain: of the prompts to compare on (`domains.DOMAINS`); by default all.
        by_domain: whether to say also what each kind of prompt shows by itself; by default in small pools.

    Returns:
        JSON-able: `schema`, `suspect`, `fingerprint`, one report per prompt set in `corpora`, identity `claims`, and
        what of `suggested` names it agrees to.

    Raises:
        ConfigError: nobody of that name has answers.
    """
    from harness.provenance import pools, reports
    from harness.provenance import fingerprint, stored, wording

    offered = _offered(results_dir, suspect)
    known = pools.told(pools.registry(), suspect, told or {})
    answers, claims, control_of = _of_index(results_dir, suspect, optional=panel is not None)
    kept = results_dir / stored.FOLDER
    if panel is not None:
        found = [pools.against(panel, answers, suspect, candidates, known, control_of, kept)]
    else:
        found = pools.pools(answers, suspect, known, control_of, kept)
    return {
        "schema": reports.SCHEMA,
        "suspect": suspect,
        "fingerprint": fingerprint.VERSION,
        "corpora": reports.reports(
            pools.narrowed(found, domain),
            suspect,
            candidates,
            interval=interval,
            by_domain=False if domain is not None else by_domain,
        ),
        "claims": claims,
        "suggested": offered,
        "suggested_text": wording.suggested(suspect, [row for row in offered if row["condition"] == "all"]),
    }


def pool_of(
    results_dir: Path,
    needed: Sequence[str] = (),
    *,
    panel: str | None = None,
    task: str | None = None,
    domain: str | None = None,
) -> tuple[pools.Pool, pl.DataFrame]:
    """One prompt set with everybody on it, and the answers (none for a panel): see `pools.one_pool`."""
    from harness.provenance import pools

    answers, _, control_of = _of_index(results_dir, "", optional=panel is not None)
    if panel is not None:
        return pools.only(pools.whole_panel(panel), domain), answers
    import polars as pl

    from harness.provenance import stored

    kept = results_dir / stored.FOLDER
    pool = pools.one_pool(answers, pools.registry(), control_of, needed, task=task, folder=kept)
    kinds = [] if domain is None else [pl.col("domain") == domain]
    return pools.only(pool, domain), answers.filter(pl.col("task") == pool.corpus, *kinds)


def _offered(results_dir: Path, suspect: str) -> list[dict[str, Any]]:
    """A suspect's rows of `suggested_identities`; none where there is no index."""
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
        return pl.DataFrame(schema=dict.fromkeys(responses.COLUMNS, pl.String) | {"repeat": pl.Int64}), [], {}

    def query(sql: str) -> pl.DataFrame:
        return store.query(results_dir, sql)

    controls = query(_CONTROLS)
    claims = query("SELECT * FROM identity_claims ORDER BY ALL").filter(pl.col("model") == suspect)
    return responses.load(query, PROBES), claims.to_dicts(), dict(controls.iter_rows())


def unread(results_dir: Path, run_id: str) -> list[str]:
    """What to say of the results of a run most of whose answers could not be read, and why that probably is.

    Args:
        results_dir: the results folder.
        run_id: the run.

    Raises:
        StorageError: there is no index.
    """
    from harness.results.leaderboard import words

    rows = store.query(results_dir, "SELECT * FROM unread ORDER BY ALL").iter_rows(named=True)
    told = [(row, words.unread(row)) for row in rows if row["run_id"] == run_id]
    return [f"{row['model']}, {row['task']}: {what}" for row, what in told if what]


def board(results_dir: Path, wanted: Selection | None = None) -> Board:
    """What the leaderboard shows, read from the index.

    Args:
        results_dir: the results folder.
        wanted: which results, weighed how; by default all of them.

    Raises:
        StorageError: there is no index.
        ConfigError: the selection names what is not there, or leaves nothing.
        HarnessError: the selection's condition is no SQL; the message is the engine's own.
    """
    from harness.results import leaderboard

    frames: dict[str, Any] = {name: store.query(results_dir, sql) for name, sql in leaderboard.QUERIES.items()}
    everything = leaderboard.Board(**frames)
    if wanted is None:
        return everything
    sql = wanted.sql()
    return wanted.apply(everything, None if sql is None else store.query(results_dir, sql).iter_rows())
