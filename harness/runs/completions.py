"""Answers in a file of completions: JSON lines of `task_id` and `completion`, the form that HumanEval made common.

https://github.com/openai/human-eval#usage. Several lines of one `task_id` are repeats. `task_id` is the document's own
field of that name, or where a task has none, the number of the document from 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import file_sha256
from harness.errors import ConfigError, unknown_name

BACKEND = "samples"
"""The backend that answers from such a file."""


@dataclass(frozen=True)
class Completions:
    """What a file holds."""

    path: Path
    by_task: Mapping[str, list[str]]
    """The completions of each `task_id`, in the file's order."""

    def counts(self, keys: Sequence[str]) -> list[int]:
        """How many samples each document is: its completions, or the least that any other has where it has none.

        Args:
            keys: the `task_id` of every document, in order.
        """
        least = min(map(len, self.by_task.values()))
        return [len(self.by_task.get(key, ())) or least for key in keys]

    @property
    def repeats(self) -> int:
        """The most completions that one `task_id` has."""
        return max(map(len, self.by_task.values()))


def read(path: Path) -> Completions:
    """Read a file.

    Raises:
        ConfigError: there is no such file, or a line is not as it should be.
    """
    found: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"samples={path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            key, text = row["task_id"], row["completion"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"samples={path}: line {number} is no object with task_id and completion ({type(error).__name__})"
            ) from error
        if not isinstance(text, str) or not isinstance(key, str | int):
            raise ConfigError(
                f"samples={path}: line {number}: expected a text for completion, a text or number for task_id"
            )
        found.setdefault(str(key), []).append(text)
    if not found:
        raise ConfigError(f"samples={path}: holds no completions; expected lines of task_id and completion")
    return Completions(path, found)


def sha256(path: Path) -> str:
    """What stands for the file in a run's identity. Raises ConfigError."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise ConfigError(f"samples={path}: cannot be read: {error.strerror}") from error


def keys(docs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The `task_id` of every document of a task, in order."""
    return [str(doc.get("task_id", number)) for number, doc in enumerate(docs)]


def check(found: Completions, task: str, known: Iterable[str]) -> None:
    """Refuse a file that is not of this task.

    Raises:
        ConfigError: it has a `task_id` that the task has not.
    """
    names = set(known)
    for key in found.by_task:
        if key not in names:
            near = unknown_name("task_id", key, names) if len(names) <= 5000 else f"unknown task_id {key!r}"  # noqa: PLR2004
            raise ConfigError(f"samples={found.path}: not of task {task}: {near[:300]}")
