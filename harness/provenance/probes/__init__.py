"""Probes: what answers tell beside the style of open prompts. One file per probe.

A probe is a Python file here, or in the folder `probes/` of the working directory, and nowhere else: never one that
lies in a results folder, in a bundle, or beside one that was unpacked there. Its name is the file's. It has

- `TASKS`: names of the tasks that it alone reads, or `OPEN`, every task of kind provenance that is no probe's, or
  `EVERY`, every task.
- `SQL`: one SELECT on the index. `{task}` stands for the task's name as an SQL text. Runs are chosen by
  `JOIN chosen USING (run_id, model, task)`.
- `TABLE`, `ABOUT`, `COLUMNS`: the table that it fills, what it holds, and (name, type, meaning with unit) of every
  column. A `!` behind a DuckDB type means never null. The column `task` is added. Probes may share a table.
- `derive(answers, control_of)`: a pure function from the rows of `SQL` to rows of `COLUMNS`, both Polars frames. Every
  value must fit its column's type. A text in a DOUBLE, 1.5 in a BIGINT or a forbidden null is refused by name.
  `control_of` says whose relative a positive control is, by the control's name. No answers give no rows.

If it has a `HEADING` and a function `say(model, rows)`, the leaderboard gets a column with what `say` returns of each
model, and `harness provenance MODEL` says it too. `rows` is the whole table. The text is plain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.core import plugins
from harness.errors import ConfigError, HarnessError

if TYPE_CHECKING:
    import polars as pl

KIND = "provenance.probes"
OPEN = "open"
EVERY = "every"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: see the module's text."""

    name: str
    source: str
    """Its file."""
    tasks: tuple[str, ...] | str
    sql: str
    table: str
    about: str
    columns: tuple[tuple[str, str, str], ...]
    derive: Callable[..., pl.DataFrame]
    keeps: bool = False
    """Whether `derive` takes, as its third argument, the folder where it keeps what it need not compute again."""
    heading: str = ""
    say: Callable[[str, pl.DataFrame], str] | None = None

    def reads(self, task: str, kind: str | None, owned: Collection[str]) -> bool:
        """Whether it reads a task.

        Args:
            task: its name.
            kind: of the task: math, code, provenance.
            owned: tasks that are some probe's alone.
        """
        if isinstance(self.tasks, tuple):
            return task in self.tasks
        return self.tasks == EVERY or (kind == "provenance" and task not in owned)

    def rows(
        self,
        query: Callable[[str], pl.DataFrame],
        task: str,
        control_of: Mapping[str, str],
        folder: Path | None = None,
    ) -> pl.DataFrame:
        """The rows of its table that are of one task.

        Args:
            query: runs SQL on the index.
            task: its name.
            control_of: whose relative a positive control is, by the control's name.
            folder: for probes that keep something between runs. They must not need it.

        Raises:
            ConfigError: `SQL` or `derive` fails, or `derive` returns other columns, or values, than `COLUMNS` says.
        """
        import polars as pl

        try:
            answers = query(self.sql.replace("{task}", "'" + task.replace("'", "''") + "'"))
            found = self.derive(answers, control_of, *([folder] if self.keeps else []))
        except HarnessError:
            raise
        except Exception as error:
            raise ConfigError(
                f"{self.source}: SQL or derive() failed on {task} ({type(error).__name__}: {_first_line(error)})"
            ) from error
        if not isinstance(found, pl.DataFrame):
            raise ConfigError(f"{self.source}: derive() returned {type(found).__name__}; expected a Polars frame")
        said = {name for name, *_ in self.columns}
        if set(found.columns) != said:
            raise ConfigError(
                f"{self.source}: derive() returned the columns {', '.join(found.columns) or 'none'}; COLUMNS says "
                f"{', '.join(sorted(said))}"
            )
        return found.with_columns(
            *(self._fitting(found[name], kind) for name, kind, _ in self.columns), task=pl.lit(task)
        )

    def _fitting(self, values: pl.Series, kind: str) -> pl.Series:
        """A column's values in its type. A type that is not of `_POLARS` is left to DuckDB.

        Raises:
            ConfigError: a value does not fit.
        """
        import polars as pl

        plain = kind.rstrip("!")
        known = values.fill_nan(None) if values.dtype.is_float() else values
        made, lost = _cast(known, getattr(pl, _POLARS[plain])) if plain in _POLARS else (known, known.is_null() & False)
        if kind.endswith("!"):
            lost |= known.is_null()
        if lost.any():
            found = repr(values.filter(lost).to_list()[0])[:SHOWN]
            raise ConfigError(
                f"{self.source}: derive() returned {found} in {self.table}.{values.name}; expected {plain}"
                + (", never null" if kind.endswith("!") else "")
            )
        return made


def _cast(values: pl.Series, to: Any) -> tuple[pl.Series, pl.Series]:
    """Values in another type, and which of them it cannot hold: 1.5 is no whole number."""
    import polars as pl

    try:
        made = values.cast(to, strict=False)
    except pl.exceptions.PolarsError:
        made = pl.Series(values.name, [None] * len(values), dtype=to)
    lost = made.is_null() & values.is_not_null()
    if values.dtype.is_float() and to.is_integer():
        lost |= (made.cast(values.dtype) != values).fill_null(value=False)
    return made, lost


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


SHOWN = 80
"""Characters of a value that a message shows."""
_POLARS = {
    "VARCHAR": "String", "DOUBLE": "Float64", "FLOAT": "Float32", "BIGINT": "Int64", "INTEGER": "Int32",
    "BOOLEAN": "Boolean",
}  # fmt: skip
"""DuckDB's types of which it is known here what fits them."""


@lru_cache(maxsize=1)
def shipped() -> tuple[Probe, ...]:
    """Probes of this folder, by name."""
    return tuple(_probe(name) for name in plugins.names(KIND, own=False))


def every() -> tuple[Probe, ...]:
    """Probes of this folder, then those of the working directory's `probes/`, by name.

    Raises:
        ConfigError: a file is no probe. The message says what it lacks.
    """
    if plugins.own_folder(KIND) is None:
        return shipped()
    known = {probe.name for probe in shipped()}
    return (*shipped(), *(_probe(name) for name in plugins.names(KIND) if name not in known))


def owned(found: Sequence[Probe]) -> list[str]:
    """Tasks that are some probe's alone, sorted."""
    return sorted({task for probe in found if isinstance(probe.tasks, tuple) for task in probe.tasks})


def _is_column(row: Any) -> bool:
    return isinstance(row, tuple) and [type(value) for value in row] == [str, str, str] and all(row)


_NEEDED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "TASKS": (
        "a tuple of task names, OPEN or EVERY",
        lambda x: x in (OPEN, EVERY) or (isinstance(x, tuple) and bool(x) and all(isinstance(task, str) for task in x)),
    ),
    "SQL": ("a SELECT with {task} in it", lambda x: isinstance(x, str) and "{task}" in x),
    "TABLE": ("a lower-case name", lambda x: isinstance(x, str) and x.isidentifier() and x == x.lower()),
    "ABOUT": ("a sentence", lambda x: isinstance(x, str) and bool(x)),
    "COLUMNS": (
        "a tuple of (name, type, meaning)",
        lambda x: isinstance(x, tuple) and bool(x) and all(map(_is_column, x)),
    ),
    "derive": ("a function of answers and control_of", callable),
}


def _probe(name: str) -> Probe:
    module = plugins.load(KIND, name)
    source = str(module.__file__)
    for key, (expected, fits) in _NEEDED.items():
        if not fits(getattr(module, key, None)):
            raise ConfigError(f"{source}: {key} is {getattr(module, key, 'missing')!r}; expected {expected}")
    return Probe(
        name, source, module.TASKS, module.SQL, module.TABLE, module.ABOUT, module.COLUMNS, module.derive,
        getattr(module, "KEEPS", False) is True, *_shown(module, source),
    )  # fmt: skip


def _shown(module: ModuleType, source: str) -> tuple[str, Callable[[str, pl.DataFrame], str] | None]:
    heading, say = getattr(module, "HEADING", ""), getattr(module, "say", None)
    if bool(heading) != callable(say):
        raise ConfigError(f"{source}: HEADING and say(model, rows) go together; there is one of them")
    return heading, say
