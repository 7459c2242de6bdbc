"""Results in Python: SQL and every table as a Polars frame, over one read-only connection.

    import harness

    with harness.open("results") as results:
        results.sql("SELECT model, task, value FROM leaderboard WHERE is_headline")
        results.samples.filter(pl.col("status") == "failed")
        results.provenance("mine")

Tables and views are described in docs/schema.md. `results.tables` names them.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness import runs
from harness.core import tables
from harness.errors import ConfigError, unknown_name
from harness.results import derivation, schema, store

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance import Finding
    from harness.results.callables import ProvenanceFrame


class Results:
    """The results of a folder. Every table is an attribute. Close it, or use it as a context manager.

    It shows the index as it was when it was opened: evaluations that end meanwhile do not disturb it.
    """

    # The tables and views of `schema`, in its order, for type checkers and editors.
    meta: pl.DataFrame
    runs: pl.DataFrame
    models: pl.DataFrame
    tasks: pl.DataFrame
    samples: pl.DataFrame
    attempts: pl.DataFrame
    scores: pl.DataFrame
    metrics: pl.DataFrame
    answered: pl.DataFrame
    documents: pl.DataFrame
    comparisons: pl.DataFrame
    evidence: pl.DataFrame
    provenance: ProvenanceFrame
    fingerprints: pl.DataFrame
    agreements: pl.DataFrame
    identity_claims: pl.DataFrame
    shared_errors: pl.DataFrame
    similarities: pl.DataFrame
    suggested_identities: pl.DataFrame
    chosen: pl.DataFrame
    served: pl.DataFrame
    leaderboard: pl.DataFrame
    unread: pl.DataFrame
    gen_ai: pl.DataFrame

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection: store.Connection = store.connect(folder)
        """DuckDB's own connection, for everything else it can do: `results.connection.sql("…").arrow()`. Read-only."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables and views."""
        return tuple(table.name for table in schema.tables() + schema.VIEWS)

    def sql(self, query: str, parameters: store.Parameters | None = None) -> pl.DataFrame:
        """The result of a query.

            results.sql("SELECT * FROM samples WHERE model = ? AND task = ?", ["mine", "gsm8k"])
            results.sql("SELECT * FROM samples WHERE model = $model", {"model": "mine"})

        Args:
            query: what to ask.
            parameters: values for its `?` in their order, or for its `$name` by name. They are values, never SQL.

        Raises:
            HarnessError: the engine refuses the SQL, or a value is missing. The message is the engine's own.
        """
        return store.run_sql(self.connection, query, parameters=parameters)

    def findings(self, model: str) -> dict[str, Finding]:
        """What is said of where a model's answers come from, by prompt set: the one that is shown first comes first.

        Raises:
            ConfigError: no such model has answers to a prompt set.
        """
        from harness.provenance import Finding, shown

        rows = self.sql("SELECT task, finding FROM evidence WHERE model = ? ORDER BY task", [model])
        if rows.is_empty():
            known = self.sql("SELECT DISTINCT model FROM evidence")["model"].to_list()
            raise ConfigError(unknown_name("model with a finding", model, known))
        found = {task: Finding.read(told) for task, told in rows.iter_rows()}
        first = [finding.corpus for finding in shown(found.values())]
        order = [task for corpus in first for task in found if found[task].corpus == corpus]
        return {task: found[task] for task in dict.fromkeys([*order, *found])}

    if not TYPE_CHECKING:  # a checker that saw it would take every misspelt name for a table

        def __getattr__(self, name: str) -> pl.DataFrame:
            """A table or view, whole, in the order of its first columns."""
            if name.startswith("_") or name not in self.tables:
                raise AttributeError(f"no table {name!r}; there are {', '.join(self.tables)}")
            frame = self.sql(f"SELECT * FROM {name} ORDER BY ALL")
            if name != "provenance":
                return frame
            from harness.results.callables import ProvenanceFrame

            return ProvenanceFrame.of(self.findings, frame)

    def __dir__(self) -> list[str]:
        """With the tables, so that a notebook completes them."""
        return sorted({*super().__dir__(), *self.tables})

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """What a notebook shows: what is here, and how many rows each table has."""
        counts = [(name, self.sql(f"SELECT count(*) AS n FROM {name}").item()) for name in self.tables]
        return f"<div><b>{tables.html_text(repr(self))}</b>{tables.html_table(('table', 'rows'), counts)}</div>"

    def __repr__(self) -> str:
        found: Any = self.sql("SELECT count(*) AS runs, sum(samples) AS samples FROM runs").row(0)
        return f"<results of {found[0]} runs, {found[1] or 0} samples in {self.folder}>"


def read(results: str | PathLike[str], *, refresh: bool = True) -> Results:
    """Open a results folder. See `harness.open`."""
    folder = Path(results)
    runs.need_results(folder)
    if refresh:
        derivation.refresh(folder)
    return Results(folder)
