"""Where configuration and tasks are: what ships with the package, and what a user has beside it.

In a checkout `conf/` and `tasks/` are top-level folders; in a wheel they lie inside the package. A user's own
`conf/` and `tasks/` in the working directory are added to them; on the same name the shipped file wins in
`conf/` (Hydra's search path), and two tasks of one name are an error.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def _shipped(name: str) -> Path:
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def _dirs(name: str) -> list[Path]:
    shipped, own = _shipped(name), Path.cwd() / name
    return [shipped, own] if own.is_dir() and own.resolve() != shipped.resolve() else [shipped]


def conf_dirs() -> list[Path]:
    """Folders of configuration, the shipped one first."""
    return _dirs("conf")


def task_dirs() -> list[Path]:
    """Folders of tasks, the shipped one first."""
    return _dirs("tasks")
