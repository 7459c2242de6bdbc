"""What the SQL index holds: every table, view and column with its type, unit and meaning.

The texts are data: `schema.toml` beside this file, and the table of every probe in its own file. `store.py` creates the
index from them and puts them into it as comments. The table part of `docs/schema.md` is `markdown()`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.provenance import probes

DOCS_BEGIN = "<!-- schema: made by harness.results.schema.markdown() -->"
DOCS_END = "<!-- /schema -->"
"""Between these two lines of `docs/schema.md` stands `markdown()`. A test compares them."""
VERSION = 17
"""Of this schema, and of how its rows are computed. An index of another version is rebuilt, never read."""
GAP = 0.01
"""A figure of lm-eval's own that is further than this from ours is pointed out."""
FEW_DOCUMENTS = 100
"""Below so many scored documents, the weight of a single one is stated."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: str
    """DuckDB's name of the type. Times are UTC."""
    comment: str
    required: bool = False
    """Never null."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or a view if `sql` is set."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    sql: str | None = None
    """The select of a view."""


TASK_COLUMN = ("task", "VARCHAR!", "The task whose answers were read.")
"""Behind the columns of every probe."""


def _columns(rows: Iterable[Sequence[str]]) -> tuple[Column, ...]:
    """Columns from name, type and meaning. A `!` behind the type means never null."""
    return tuple(
        Column(name, kind.rstrip("!"), text.replace("{GAP}", f"{GAP:g}"), required=kind.endswith("!"))
        for name, kind, text in rows
    )


def _read(kind: str) -> tuple[Table, ...]:
    return tuple(
        Table(entry["name"], entry["comment"], _columns(entry["columns"]), entry.get("sql")) for entry in _DATA[kind]
    )


def _of_probes(found: Iterable[probes.Probe], taken: Iterable[str]) -> tuple[Table, ...]:
    """The table of every probe. Several probes may share one, with the same columns.

    Raises:
        ConfigError: two tables of one name differ.
    """
    made: dict[str, Table] = {}
    names = set(taken)
    for probe in found:
        table = Table(probe.table, probe.about, _columns([*probe.columns, TASK_COLUMN]))
        if probe.table in names or made.setdefault(probe.table, table) != table:
            raise ConfigError(
                f"{probe.source}: its table {probe.table} is another one's already, with other columns or another "
                "meaning; give it another name"
            )
    return tuple(made[name] for name in sorted(made))


_DATA: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).with_suffix(".toml")).read_text(encoding="utf-8")
)
VIEWS = _read("view")
_CORE = _read("table")
_NAMES = [table.name for table in _CORE + VIEWS]
TABLES = _CORE + _of_probes(probes.shipped(), _NAMES)
"""What ships. `tables` has those of the user's own probes too."""


def tables() -> tuple[Table, ...]:
    """Every table of an index that is made here: what ships, and those of the probes in the working directory.

    Raises:
        ConfigError: a probe is no probe, or its table is another one's.
    """
    return _with_probes(probes.every())


@lru_cache(maxsize=8)
def _with_probes(found: tuple[probes.Probe, ...]) -> tuple[Table, ...]:
    return _CORE + _of_probes(found, _NAMES)


def of_probes() -> frozenset[str]:
    """Names of the tables that probes fill."""
    return frozenset(probe.table for probe in probes.every())


def sources(table: str) -> list[str]:
    """The files of the probes that fill a table, sorted."""
    return sorted(probe.source for probe in probes.every() if probe.table == table)


def own_probes() -> dict[str, str]:
    """SHA-256 of every probe of the working directory, by name: an index holds what these very files derive."""
    files = {probe.name: Path(probe.source) for probe in probes.every()}
    shipped = {probe.name for probe in probes.shipped()}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items() if name not in shipped}


def markdown(made: Sequence[Table] = TABLES + VIEWS) -> str:
    """The table part of `docs/schema.md`: a heading per table and view, a row per column.

    Args:
        made: by default what ships.
    """
    lines = []
    for table in made:
        lines += [f"### `{table.name}`{' (view)' if table.sql else ''}", "", table.comment, ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.comment} |" for c in table.columns]
        lines.append("")
    return "\n".join(lines)
