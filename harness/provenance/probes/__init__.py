"""Probes: what answers tell beside the style of open prompts. One file per probe.

A probe is a Python file here, or in the folder `probes/` of the working directory, and nowhere else: never one that
lies in a results folder or a bundle. Its name is the file's. It has

- `TASKS`: names of the tasks that it alone reads; or `OPEN`, every task of kind provenance that is no probe's; or
  `EVERY`, every task;
- `SQL`: one SELECT on the index; `{task}` stands for the task's name as an SQL text. Runs are chosen by
  `JOIN chosen USING (run_id, model, task)`;
- `TABLE`, `ABOUT`, `COLUMNS`: the table that it fills, what it holds, and (name, type, meaning with unit) of every
  column. A `!` behind a DuckDB type means never null. The column `task` is added. Probes may share a table;
- `derive(answers, control_of)`: a pure function from the rows of `SQL` to rows of `COLUMNS`, both Polars frames.
  `control_of` says whose relative a positive control is, by the control's name. No answers give no rows.

Where it has a `HEADING` and a function `say(model, rows)`, the leaderboard has a column with what `say` returns of each
model, and `harness provenance MODEL` says it; `rows` is the whole table, the text is plain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    derive: Callable[[pl.DataFrame, Mapping[str, str]], pl.DataFrame]
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

    def rows(self, query: Callable[[str], pl.DataFrame], task: str, control_of: Mapping[str, str]) -> pl.DataFrame:
        """The rows of its table that are of one task.

        Raises:
            ConfigError: `SQL` or `derive` fails, or `derive` returns other columns than `COLUMNS` says.
        """
        import polars as pl

        try:
            found = self.derive(query(self.sql.replace("{task}", "'" + task.replace("'", "''") + "'")), control_of)
        except HarnessError:
            raise
        except Exception as error:
            raise ConfigError(
                f"{self.source}: SQL or derive() failed on {task} ({type(error).__name__}: {error})"
            ) from error
        if not isinstance(found, pl.DataFrame):
            raise ConfigError(f"{self.source}: derive() returned {type(found).__name__}; expected a Polars frame")
        said = {name for name, *_ in self.columns}
        if set(found.columns) != said:
            raise ConfigError(
                f"{self.source}: derive() returned the columns {', '.join(found.columns) or 'none'}; COLUMNS says "
                f"{', '.join(sorted(said))}"
            )
        return found.with_columns(task=pl.lit(task))


@lru_cache(maxsize=1)
def shipped() -> tuple[Probe, ...]:
    """Probes of this folder, by name."""
    return tuple(_probe(name) for name in plugins.names(KIND, own=False))


def every() -> tuple[Probe, ...]:
    """Probes of this folder, then those of the working directory's `probes/`, by name.

    Raises:
        ConfigError: a file is no probe; the message says what it lacks.
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
        *_shown(module, source),
    )  # fmt: skip


def _shown(module: ModuleType, source: str) -> tuple[str, Callable[[str, pl.DataFrame], str] | None]:
    heading, say = getattr(module, "HEADING", ""), getattr(module, "say", None)
    if bool(heading) != callable(say):
        raise ConfigError(f"{source}: HEADING and say(model, rows) go together; there is one of them")
    return heading, say
