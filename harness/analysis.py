"""From the index to what is published: which task feeds which provenance channel, and what a leaderboard needs.

The one place that knows the index, the channels and the leaderboard; they do not know each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import comparing, store

if TYPE_CHECKING:
    import polars as pl

    from harness.leaderboard import Board

VOCABULARY_TASK = "provenance_open"
"""Open prompts, whose answers are compared word by word."""
IDENTITY_TASK = "provenance_identity"
"""Prompts that ask a model who it is."""


def refresh(results_dir: Path) -> store.Refreshed:
    """Bring the index up to date, similarities and identity claims included; see `store.refresh`."""
    return store.refresh(results_dir, derive)


def rebuild(results_dir: Path) -> store.Refreshed:
    """Make the index from nothing; see `store.rebuild`."""
    return store.rebuild(results_dir, derive)


def derive(query: store.Query) -> Mapping[str, pl.DataFrame]:
    """The tables that are computed over the chosen runs of all models, by name."""
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
    claims = identity_claims.claims(_answers(query, IDENTITY_TASK))
    return {
        "comparisons": comparing.table(query),
        "similarities": pl.concat(similar),
        "identity_claims": claims.with_columns(task=pl.lit(IDENTITY_TASK)),
    }


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


def board(results_dir: Path) -> Board:
    """What the leaderboard shows, read from the index.

    Raises:
        StorageError: there is no index.
    """
    from harness import leaderboard

    frames: dict[str, Any] = {name: store.query(results_dir, sql) for name, sql in leaderboard.QUERIES.items()}
    return leaderboard.Board(**frames)
