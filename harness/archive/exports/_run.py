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
from harness.engine import UNAGGREGATED
from harness.errors import StorageError
from harness.runs import Manifest, Metric, ModelEntry, TaskEntry

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
    warnings: tuple[str, ...] = ()
    """What is incomplete in the runs that are exported together, a sentence each."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a task a model's figures are over: samples with a headline score, or answers if none is given."""

    samples: int
    """Of the model on the task, those that failed among them."""
    counted: int
    """Samples with a score (an answer, on a task without metrics)."""
    failed: int
    """Samples without an answer."""
    documents: int
    """Documents with at least one counted sample."""
    original: int
    """Documents that were to be asked."""
    metric: str | None
    """The headline metric. `None` on a task without metrics."""

    @property
    def share(self) -> float:
        """Samples counted, 0 to 1."""
        return self.counted / self.samples

    @property
    def warning(self) -> str | None:
        """What is missing, in a sentence. `None` if nothing is."""
        lost, word = self.samples - self.counted, "score" if self.metric else "answer"
        if not lost and self.documents >= self.original:
            return None
        over = f"{self.metric or 'what is here'} is over {self.documents} of {self.original} documents"
        missing = f"{lost} of {self.samples} samples have no {word} ({self.failed} failed); " if lost else ""
        return f"incomplete: {missing}{over}"

    @property
    def counts(self) -> Row:
        """The same as plain numbers, for a file."""
        return {
            "samples": self.samples,
            "samples_counted": self.counted,
            "samples_failed": self.failed,
            "documents": self.documents,
            "documents_original": self.original,
            "coverage": self.share,
        }


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    folder: Path
    manifest: Manifest

    @cached_property
    def samples(self) -> pl.DataFrame:
        """Every sample, as `samples.parquet` holds them."""
        import polars as pl

        from harness.runs import SORT

        runs.check_expansion(runs.samples_path(self.folder))
        return pl.read_parquet(runs.samples_path(self.folder)).sort(SORT)

    def parts(self) -> Iterator[tuple[ModelEntry, TaskEntry, list[Row]]]:
        """Model and task as the manifest has them, with their samples. What has none is left out."""
        models = {model.name: model for model in self.manifest.models}
        tasks = {task.name: task for task in self.manifest.tasks}
        for (model, task), frame in sorted(self.samples.partition_by("model", "task", as_dict=True).items()):
            yield models[model], tasks[task], frame.to_dicts()

    def metrics(self, model: str, task: str) -> list[Metric]:
        """The metrics of a model on a task, the headline first."""
        found = [m for m in self.manifest.metrics if (m.model, m.task) == (model, task)]
        return sorted(found, key=lambda m: (not m.is_headline, m.metric, m.filter or ""))

    @cached_property
    def covered(self) -> dict[tuple[str, str], Coverage]:
        """How much every model's figures on every task are over, by model and task. What has no sample is left out."""
        import polars as pl

        columns = ["model", "task", "doc_id", "status", "scores"]
        runs.check_expansion(runs.samples_path(self.folder))
        frame = pl.read_parquet(runs.samples_path(self.folder), columns=columns)
        original = {task.name: task.n_docs or 0 for task in self.manifest.tasks}
        return {
            (model, task): self._coverage(part.to_dicts(), model, task, original[task])
            for (model, task), part in sorted(frame.partition_by("model", "task", as_dict=True).items())
        }

    def _coverage(self, rows: list[Row], model: str, task: str, original: int) -> Coverage:
        head = next((m for m in self.metrics(model, task) if m.is_headline), None)
        found = _counted(rows, head)
        return Coverage(
            samples=len(rows),
            counted=len(found),
            failed=sum(row["status"] == "failed" for row in rows),
            documents=len({row["doc_id"] for row in found}),
            original=original,
            metric=None if head is None else head.metric,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is incomplete, a sentence for each model and task."""
        run = self.manifest.run_id
        return tuple(
            f"{run}: {model} on {task} is {found.warning}"
            for (model, task), found in self.covered.items()
            if found.warning
        )

    @property
    def day(self) -> str:
        """When it ended, as lm-eval writes a time in a file's name."""
        return (self.manifest.finished_at or self.manifest.started_at).replace(":", "-").removesuffix("Z")


def _counted(rows: list[Row], head: Metric | None) -> list[Row]:
    """Samples with a headline score. On a task without metrics, those with an answer.

    Counted too are samples that have a part in a score: of a metric over the whole corpus, or over pooled repeats,
    whose one score stands at the document's first sample.
    """
    if head is None:
        return [row for row in rows if row["status"] != "failed"]
    scores = [scores_of(row, head.metric, head.filter) for row in rows]
    known = [s is not None and (s["value"] is not None or s["status"] == UNAGGREGATED) for s in scores]
    docs = {row["doc_id"] for row, has in zip(rows, known, strict=True) if has}
    return [
        row
        for row, score, has in zip(rows, scores, known, strict=True)
        if has or (score is None and row["status"] != "failed" and row["doc_id"] in docs)
    ]


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
    """The score of a sample under a metric and filter. None if it has none."""
    return next((s for s in row["scores"] if s["metric"] == metric and s["filter"] == form), None)


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON that never holds NaN: what is not a number is null."""
    return json.dumps(jsonable(value), ensure_ascii=False, indent=indent, allow_nan=False)
