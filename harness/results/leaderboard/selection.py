"""Which results a leaderboard shows, as a file of `conf/leaderboard/` says it. Plain YAML: no run is behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import yaml
from annotated_types import Gt, Interval
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.core import resources
from harness.errors import ConfigError, unknown_name
from harness.results.leaderboard.board import CHOICES, COLUMNS, Board
from harness.stats import MIN_COVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "leaderboard"
"""The folder of `conf/` that these files are in."""


class Selection(BaseModel):
    """What a leaderboard shows and how it weighs it. The fields are the keys of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = "Leaderboard"
    models: tuple[str, ...] = ("*",)
    """Patterns of names, `*` for any. A model that matches one is shown."""
    tasks: tuple[str, ...] = ("*",)
    """Patterns of names. The columns are in their order."""
    where: str | None = None
    """A SQL condition over the columns of the view `leaderboard`."""
    weights: Mapping[str, Annotated[float, Gt(0)]] = {}
    """Of tasks in the mean over tasks. 1 if none is named."""
    coverage: Annotated[float, Interval(ge=0, le=1)] = MIN_COVERAGE
    """Share of samples that must be scored for a score to be ranked."""
    columns: tuple[str, ...] = COLUMNS
    """What stands beside the scores, of `harness.results.leaderboard.board.CHOICES`."""

    mean: bool = True
    """Whether there is a mean over tasks."""
    first: tuple[str, ...] = ()
    """Patterns of the models in question, which stand in a table of their own on top."""
    notes: tuple[str, ...] = ()
    """Sentences below that table, such as what the scores cannot say."""

    def sql(self) -> str | None:
        """The query for the pairs of model and task that `where` lets in. None if there is no condition."""
        if self.where is None:
            return None
        return f"SELECT DISTINCT model, task FROM leaderboard WHERE is_headline AND ({self.where}\n) ORDER BY ALL"

    def apply(self, board: Board, let_in: Iterable[tuple[str, str]] | None) -> Board:
        """The board with what is wanted alone.

        Args:
            board: everything.
            let_in: the answer to `sql()`, or None.

        Raises:
            ConfigError: a name without a wildcard is that of no model or task here, or nothing is left.
        """
        rows = list(board.models.select("model", "task").iter_rows())
        self._check(self.models, {model for model, _ in rows}, "model")
        self._check(self.tasks, {task for _, task in rows}, "task")
        self._check(self.first, {model for model, _ in rows}, "model")
        self._check(tuple(self.weights), {task for _, task in rows}, "weighed task")
        kept = {(model, task) for model, task in rows if _any(model, self.models) and _any(task, self.tasks)}
        if let_in is not None:
            kept &= set(let_in)
        if rows and not kept:
            raise ConfigError(
                "no result is left: models, tasks and where exclude everything; `harness leaderboard` shows all of it"
            )
        found = board.only(kept) if kept != set(rows) else board
        return dataclasses.replace(
            found,
            title=self.title,
            order=self.tasks,
            weights=self.weights,
            min_coverage=self.coverage,
            show=self.columns,
            mean=self.mean,
            first=self.first,
            notes_first=self.notes,
        )

    def _check(self, patterns: tuple[str, ...], known: set[str], what: str) -> None:
        for name in patterns:
            if known and not any(fnmatchcase(one, name) for one in known) and not set(name) & set("*?["):
                raise ConfigError(unknown_name(what, name, known))


def load(name: str) -> Selection:
    """The selection of a file in `conf/leaderboard/`.

    Args:
        name: the file without `.yaml`. A user's own folder comes after the shipped one.

    Raises:
        ConfigError: there is no such file, or what is in it cannot be read. The message says where and why.
    """
    files = {path.stem: path for folder in resources.conf_dirs() for path in sorted((folder / GROUP).glob("*.yaml"))}
    if name not in files:
        raise ConfigError(unknown_name("leaderboard", name, files))
    try:
        found = resources.plain_yaml(files[name].read_text(encoding="utf-8")) or {}
        selection = Selection.model_validate(found)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{files[name]}: cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{files[name]}: {told}; known keys are {', '.join(Selection.model_fields)}") from error
    check_columns(selection.columns, f"{files[name]}: columns: ")
    return selection


def check_columns(columns: Iterable[str], where: str) -> None:
    """Refuse a column that is not there.

    Raises:
        ConfigError: the message begins with `where`.
    """
    for column in columns:
        if column not in CHOICES:
            raise ConfigError(f"{where}{unknown_name('column', column, CHOICES)}")


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
