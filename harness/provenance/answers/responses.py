"""Answers to provenance tasks as the index holds them: one row per answer, known by its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

TRACES = "(traces: "
"""What is put behind a task's name, with the kind of trace, for its reasoning traces."""
OPEN = "(tasks.kind = 'provenance' OR coalesce(tasks.open, FALSE))"
"""SQL: of tasks whose answers are texts to compare, scored or not."""
COLUMNS = ("task", "version", "model", "prompt_id", "alias", "prompt", "domain", "repeat", "output", "cut", "panel")
"""Of `load`. `panel` is the name and version of the panel that a prompt was asked as one of. Null of other prompts."""


def load(query: Any, probes: Sequence[str], *, of: tuple[str, str] | None = None) -> pl.DataFrame:
    """`COLUMNS` of every chosen answer to a provenance task but the probes: open prompts, own and imported.

    A prompt is known by its text if the document has it, by its `prompt_id` if it has that, else by its document.
    Its domain is what the document says, else what its text looks like. Reasoning traces are prompt sets of their own,
    one for each kind: full traces are compared with full ones.

    Args:
        query: runs SQL on the index.
        probes: tasks to leave out.
        of: a run and a model of it, instead of the chosen runs of all models.
    """
    import polars as pl

    from harness.provenance.answers import domains

    left_out = ", ".join("'" + task.replace("'", "''") + "'" for task in ["", *probes])
    chosen = "chosen"
    if of is not None:
        run, model = ("'" + word.replace("'", "''") + "'" for word in of)
        chosen = (
            f"(SELECT DISTINCT run_id, model, task FROM samples WHERE run_id = {run} AND model = {model}) AS of_run"
        )
    frame: pl.DataFrame = query(
        f"""
        WITH said AS (
            SELECT task, CAST(tasks.version AS VARCHAR) AS version, samples.model,
                coalesce(md5(trim(doc ->> 'prompt', E' \\n\\t\\r')), doc ->> 'prompt_id', md5(CAST(doc AS VARCHAR)))
                    AS prompt_id,
                doc ->> 'prompt_id' AS alias, doc ->> 'prompt' AS prompt, doc ->> 'domain' AS domain, repeat, output,
                reasoning, reasoning_kind, samples.status = 'truncated' AS cut,
                (doc ->> 'panel') || ' ' || (doc ->> 'panel_version') AS panel
            FROM samples JOIN {chosen} USING (run_id, model, task) JOIN tasks USING (run_id, task)
            WHERE {OPEN} AND task NOT IN ({left_out}) AND samples.status IN ('answered', 'truncated')
        )
        SELECT task, version, model, prompt_id, alias, prompt, domain, repeat, output, cut, panel
        FROM said WHERE output IS NOT NULL
        UNION ALL
        SELECT task || ' {TRACES}' || reasoning_kind || ')', version, model, prompt_id, alias, prompt, domain, repeat,
            reasoning, FALSE, panel
        FROM said WHERE reasoning IS NOT NULL AND reasoning_kind IN ('full', 'summary')
        """
    )
    frame = in_order(frame, ["task", "version", "model", "prompt_id"])
    asked = frame.select("prompt", "domain").unique()
    kinds = pl.Series("kind", [domains.domain(*row) for row in asked.iter_rows()], dtype=pl.String)
    told = frame.join(asked.with_columns(kinds), on=["prompt", "domain"], nulls_equal=True, maintain_order="left")
    return told.with_columns(domain="kind").select(COLUMNS)


def in_order(frame: pl.DataFrame, first: Sequence[str]) -> pl.DataFrame:
    """Rows as ORDER BY ALL would sort them. Texts, which take most of the time, are compared only if they decide.

    Args:
        frame: any.
        first: its first columns, which are short.
    """
    import polars as pl

    rows = frame.sort(first, nulls_last=True)
    twice = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in first)
    return rows.sort(rows.columns, nulls_last=True) if rows.select(twice.any()).item() else rows
