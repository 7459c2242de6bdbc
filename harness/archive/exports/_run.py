"""A finished run as every format needs it: its manifest, and its samples model by model."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import runs
from harness.core import jsonable
from harness.errors import StorageError

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Options:
    """What a run does not know of itself."""

    hub: Mapping[str, str] = field(default_factory=dict)
    """Hub data set of a task, `owner/name` or `owner/name:task_id`, by the task's name."""
    developers: Mapping[str, str] = field(default_factory=dict)
    """Who made a model, by the model's name."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    folder: Path
    manifest: Mapping[str, Any]

    @cached_property
    def samples(self) -> pl.DataFrame:
        """Every sample, as `samples.parquet` holds them."""
        import polars as pl

        from harness.runs import SORT

        return pl.read_parquet(runs.samples_path(self.folder)).sort(SORT)

    def parts(self) -> Iterator[tuple[Row, Row, list[Row]]]:
        """Model and task as the manifest has them, with their samples; what has none is left out."""
        models = {model["name"]: dict(model) for model in self.manifest["models"]}
        tasks = {task["name"]: dict(task) for task in self.manifest["tasks"]}
        for (model, task), frame in sorted(self.samples.partition_by("model", "task", as_dict=True).items()):
            yield models[model], tasks[task], frame.to_dicts()

    def metrics(self, model: str, task: str) -> list[Row]:
        """The metrics of a model on a task, the headline first."""
        found = [m for m in self.manifest["metrics"] if (m["model"], m["task"]) == (model, task)]
        return sorted(found, key=lambda m: (not m["is_headline"], m["metric"], m["filter"] or ""))

    @property
    def day(self) -> str:
        """When it ended, as lm-eval writes a time in a file's name."""
        return str(self.manifest["finished_at"] or self.manifest["started_at"]).replace(":", "-").removesuffix("Z")


def read(folder: Path) -> Finished:
    """A run folder.

    Raises:
        StorageError: it cannot be read, or the run has not ended.
    """
    manifest = runs.read_manifest(folder)
    if not runs.samples_path(folder).is_file():
        raise StorageError(f"{folder}: the run has not ended; the command that began it goes on with it")
    return Finished(folder, manifest)


def file_name(name: str) -> str:
    """A name as part of a path, on every system: never empty, never a dot alone, never out of its folder."""
    safe = _UNSAFE.sub("_", name).strip(".")
    if safe and safe == name and len(name) < 100:  # noqa: PLR2004 - file systems end at 255 bytes, and names are joined
        return safe
    return f"{safe[:80]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def stable_uuid(*words: str) -> str:
    """A UUID of version 4's form that is the same for the same words: those who read the file ask for version 4."""
    return str(uuid.UUID(bytes=hashlib.sha256("\0".join(words).encode()).digest()[:16], version=4))


def prompt_of(row: Mapping[str, Any]) -> str:
    """What was sent, as one text: the prompt, or the last message of the conversation."""
    if row["prompt"] is not None:
        return str(row["prompt"])
    messages = json.loads(row["messages"] or "[]")
    return str(messages[-1].get("content") or "") if messages else ""


def scores_of(row: Mapping[str, Any], metric: str, form: str | None) -> Mapping[str, Any] | None:
    """The score of a sample under a metric and filter; None where it has none."""
    return next((s for s in row["scores"] if s["metric"] == metric and s["filter"] == form), None)


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON that never holds NaN: what is not a number is null."""
    return json.dumps(jsonable(value), ensure_ascii=False, indent=indent, allow_nan=False)
