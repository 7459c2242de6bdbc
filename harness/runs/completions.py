"""Answers in a file of completions: JSON lines of `task_id` and `completion`, the form that HumanEval made common.

https://github.com/openai/human-eval#usage. Several lines of one `task_id` are repeats. `task_id` is the document's own
field of that name, or if a task has none, the number of the document from 0.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import file_sha256
from harness.errors import ConfigError, StorageError, unknown_name
from harness.runs import folder
from harness.runs.manifest import Manifest, ModelEntry

BACKEND = "samples"
"""The backend that answers from such a file."""
IMPORTED = "imported"
"""What stands for a backend if `harness import` made the run."""
_ENDINGS = frozenset("csv eval gz json jsonl ndjson parquet tsv txt zst".split())  # noqa: SIM905 - words are easier to read


@dataclass(frozen=True)
class Completions:
    """What a file holds."""

    path: Path
    by_task: Mapping[str, list[str]]
    """The completions of each `task_id`, in the file's order."""

    def counts(self, keys: Sequence[str]) -> list[int]:
        """How many samples each document is: its completions, or the least that any other has if it has none.

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


def stem(path: Path) -> str:
    """A file's name without the endings that say its form: `qwen2.5-7b` of `qwen2.5-7b.jsonl.gz`. May be empty."""
    name = path.name
    while (parts := name.rpartition("."))[1] and parts[2].lower() in _ENDINGS:
        name = parts[0]
    return name


def refuse_another_file(
    results: Path, run: Path, answered: Iterable[tuple[str, str]], hashes: Iterable[str], rename: str
) -> None:
    """Refuse answers under a model's name and a task that answers of another file have in the same results folder.

    The leaderboard shows one run per model and task: one of the two would be lost. The same file again, and a folder
    that holds the files imported before, are no other source.

    Args:
        results: the results folder.
        run: the run that is to be made.
        answered: its models and tasks.
        hashes: SHA-256 of its files.
        rename: the option that gives another name, for the message.

    Raises:
        ConfigError: there is such a run.
    """
    wanted, mine = set(answered), set(hashes)
    for other in folder.list_runs(results):
        if other.name == run.name:
            continue
        with contextlib.suppress(StorageError):  # what cannot be read is said by whoever reads it
            manifest = folder.read_manifest(other)
            for model, theirs in _sources(manifest):
                asked = {(name, task) for name, task in wanted if name == model}
                if not asked or not theirs or theirs <= mine or mine <= theirs:
                    continue
                for _, task in sorted(asked & _answered(other, manifest)):
                    raise ConfigError(
                        f"run {other.name} holds answers of another file under the name {model} on {task}. harness "
                        "treats two runs with the same model name as the same model, and the leaderboard would show "
                        f"one of the two. Give yours another name with {rename}. If they replace the others, remove "
                        f"{other} first"
                    )


def _sources(manifest: Manifest) -> list[tuple[str, set[str]]]:
    """The models of a run that were made of files, with the hashes of those."""
    imported: set[str] = set((manifest.spec.get("import") or {}).get("sha256") or [])
    return [
        (model.name, imported if model.backend == IMPORTED else _file(model))
        for model in manifest.models
        if model.backend in (BACKEND, IMPORTED)
    ]


def _file(model: ModelEntry) -> set[str]:
    held = model.args.get("sha256")
    return set() if held is None else {str(held)}


def _answered(run: Path, manifest: Manifest) -> set[tuple[str, str]]:
    """The models and tasks of a run. Before it has ended, all that it will have."""
    path = folder.samples_path(run)
    if not path.is_file():
        return {(model.name, task.name) for model in manifest.models for task in manifest.tasks}
    import polars as pl

    return set(pl.read_parquet(path, columns=["model", "task"]).unique().iter_rows())
