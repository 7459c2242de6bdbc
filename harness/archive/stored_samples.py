"""A run's samples read back from disk, scored and counted again by the task's own code, without the task's data.

The documents are in the samples, so nothing is fetched. The task's files must be here, with the hash the run names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import runs
from harness.archive import published
from harness.core import resources
from harness.engine import Key, LoadedTask, Sample, lmeval, taskfiles
from harness.errors import StorageError, TaskError
from harness.records import Decoding, Request, Score
from harness.runs import ADDED_COLUMNS, PIECE, Manifest, TaskEntry, schema
from harness.specs import PanelSpec, TaskSpec

if TYPE_CHECKING:
    import polars as pl

Row = Mapping[str, Any]
TRUST = "`harness verify --trust-tasks` runs that code"
"""What to do if a task's code is not run unasked."""


@dataclass(frozen=True)
class Tasks:
    """Task files to score with."""

    files: Mapping[str, taskfiles.TaskFile]
    dirs: Sequence[Path]
    note: str = ""
    """What is to be said of a task that is not among them."""

    @classmethod
    def within(cls, *dirs: Path) -> Tasks:
        """Those of these folders."""
        return cls(taskfiles.find(dirs), dirs)

    @classmethod
    def here(cls) -> Tasks:
        """Those of this installation and of the working folder."""
        return cls.within(*resources.task_dirs())

    @classmethod
    def own(cls) -> Tasks:
        """Those of this installation and of the working folder, but of no folder that a bundle was unpacked into.

        Task files are code, and a bundle may come from a stranger. Which of the files in such a folder were there
        before is not to be told, so none of them is used.
        """
        dirs = resources.task_dirs()
        brought = {folder: index for folder in dirs if (index := resources.brought_by(folder)) is not None}
        told = "; ".join(
            f"{folder} is not used, for a bundle was unpacked there ({brought[folder]})" for folder in brought
        )
        return dataclasses.replace(
            cls.within(*(folder for folder in dirs if folder not in brought)), note=f"; {told}; {TRUST}" if told else ""
        )

    @classmethod
    def trusted(cls) -> Tasks:
        """Those that are here, wherever from. If two have one name, you get the one that a bundle brought."""
        dirs = sorted(resources.task_dirs(), key=lambda folder: resources.brought_by(folder) is not None)
        return cls({name: file for folder in dirs for name, file in taskfiles.find([folder]).items()}, dirs)

    def asked_in(self, results: Path) -> Tasks:
        """Those that come with harness, and of the others those that a run in a results folder has asked.

        Files that came with a bundle may have been moved away from its index. What a run of one's own has asked is no
        news. The runs of a folder that a bundle was unpacked into are nobody's own.
        """
        if not self.dirs[1:]:
            return self
        asked = set()
        for run in runs.list_runs(results) if resources.brought_by(results) is None else ():
            with contextlib.suppress(StorageError):
                asked |= {(task.name, task.task_hash) for task in runs.read_manifest(run).tasks}
        files = {
            name: file
            for name, file in self.files.items()
            if file.path.is_relative_to(resources.task_dirs()[0]) or (name, file.content_hash()) in asked
        }
        note = f"; of {self.dirs[1]} what no run in {results} has asked is not used for a bundle; {TRUST}"
        return dataclasses.replace(self, files=files, note=self.note or note)


def samples(run: Path) -> pl.DataFrame:
    """The samples of a finished run. What an earlier version did not write is null.

    Raises:
        StorageError: not there, not Parquet, or without a column that samples have.
    """
    import polars as pl

    path = runs.samples_path(run)
    runs.check_expansion(path)
    with _readable(path):
        frame = pl.read_parquet(path)
        return frame.with_columns(_added(frame.columns)).select(list(schema())).match_to_schema(_schema())


def _added(there: Collection[str]) -> list[pl.Expr]:
    """The columns that an older version did not write, empty."""
    import polars as pl

    return [pl.lit(None, _schema()[name]).alias(name) for name in ADDED_COLUMNS if name not in there]


NARROW = (
    *("run_id", "model", "task", "doc_id", "repeat", "sample_id", "status", "request_ids"),
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"),
)
"""Columns that are small, whatever models write."""


class Stored:
    """A run's samples where they lie: small columns in memory, whole rows some at a time.

    Raises:
        StorageError: not there, not Parquet, or without a column that samples have, or found later to be damaged.
        ValueError: the rows are not in their order.
    """

    def __init__(self, run: Path) -> None:
        import polars as pl

        self._path = runs.samples_path(run)
        runs.check_expansion(self._path)
        with _readable(self._path):
            held = pl.scan_parquet(self._path)
            added = held.with_columns(_added(held.collect_schema()))
            self._rows = added.select(list(schema())).match_to_schema(_schema())
        self.narrow = self.columns(*NARROW)
        """Columns of `NARROW`, all rows."""
        self.ranges: dict[tuple[str, str], range] = {}
        """The rows of each task and model, in the order of documents and repeats."""
        places = self.narrow.select("task", "model", "doc_id", "repeat").with_row_index("row")
        for (task, model), part in sorted(places.partition_by("task", "model", as_dict=True).items()):
            first = part["row"][0]
            ordered = part.sort("doc_id", "repeat")["row"].to_list()
            if ordered != list(range(first, first + len(part))):
                raise ValueError(f"{self._path.name}: the samples of {model} on {task} are not in their order")
            self.ranges[task, model] = range(first, first + len(part))

    def columns(self, *names: str) -> pl.DataFrame:
        """Some columns of all rows."""
        with _readable(self._path):
            return self._rows.select(names).collect()

    def pieces(self, where: range | None = None, size: int = PIECE, *names: str) -> Iterator[pl.DataFrame]:
        """Rows, some at a time.

        Args:
            where: which. By default all.
            size: how many at a time.
            names: of columns. By default all.
        """
        where = range(len(self.narrow)) if where is None else where
        rows = self._rows.select(names) if names else self._rows
        for start in range(where.start, where.stop, size):
            with _readable(self._path):
                piece = rows.slice(start, min(size, where.stop - start)).collect()
            yield piece


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(f"{path}: not there; give the run's command again to finish it") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"{path}: cannot be read ({(str(error).splitlines() or ['damaged'])[0]})") from error


@functools.cache
def _schema() -> pl.Schema:
    """The columns of samples in Polars' types."""
    import polars as pl
    import pyarrow as pa

    return pl.DataFrame(pl.from_arrow(pa.schema(schema()).empty_table())).schema


def load(manifest: Manifest, entry: TaskEntry, rows: Iterable[Row], tasks: Tasks) -> LoadedTask:
    """The task that a run's samples answer, over their own documents.

    Args:
        manifest: the run's.
        entry: of the task, in the manifest.
        rows: its samples, of one model or several.
        tasks: what to load it from.

    Raises:
        TaskError: the task's code here is not the code that scored the run, or cannot be loaded.
    """
    name = entry.name
    if entry.builtin:
        then, now = manifest.packages.get("lm_eval") or manifest.packages.get("lm-eval"), version("lm-eval")
        if then != now:
            raise TaskError(f"it is lm-eval's {name} of version {then}; here is {now}")
    elif (base := taskfiles.parted(name)[0]) not in tasks.files:
        raise TaskError(f"no task {name} here; its files have the hash {entry.task_hash}{tasks.note}")
    elif (found := tasks.files[base].content_hash()) != entry.task_hash:
        raise TaskError(f"the task's files have changed: then {(entry.task_hash or 'none')[:12]}…, here {found[:12]}…")
    asked: Mapping[str, Any] = next((task for task in manifest.spec["tasks"] if task["name"] == name), {})
    spec = TaskSpec(name=name, builtin=entry.builtin, repeats=asked.get("repeats"))
    return lmeval.load_over(spec, tasks.files, [doc for _, doc in documents(rows)])


@dataclass(frozen=True)
class KnownDocuments:
    """The documents that a task has, without a limit."""

    documents: Sequence[str]
    """The hash of each, in order: `published.fingerprint`."""
    sure: bool
    """Whether the run says that it read these. The hub may have another edition, and a file of one's own has others."""
    whole: bool
    """Whether the run says that it read as many as these."""
    what: str
    """What they are."""


def known_documents(manifest: Manifest, entry: TaskEntry, tasks: Tasks) -> KnownDocuments:
    """The documents of a task that is published, or that makes its own.

    Raises:
        TaskError: nobody knows here which documents it has.
    """
    name = entry.name
    found = None if entry.builtin else published.published(name, entry.version)
    if found is not None:
        what = f"those published as {name} {entry.version}"
        sure, hub = found.data_sha256 == entry.data_sha256, entry.data_sha256 is None
        read = "" if sure else "; the run read the hub's" if hub else "; the run read other data"
        return KnownDocuments(found.documents, sure, sure or hub, what + read)
    file = tasks.files.get(taskfiles.parted(name)[0])
    if entry.builtin or file is None or file.content_hash() != entry.task_hash or not taskfiles.makes_own(file):
        raise TaskError(f"the documents that it has are not known here; the run had {entry.n_docs}")
    panel = next((task.get("panel") for task in manifest.spec["tasks"] if task["name"] == name), None)
    spec = TaskSpec(name=name, panel=PanelSpec(**panel) if panel else None)
    (loaded,) = lmeval.load(spec, tasks.files, manifest.spec.get("seed", 0))
    sure = not taskfiles.takes(file, "panel")
    what = "those that the task makes" if sure else "those of the panel that is here"
    return KnownDocuments(published.fingerprints(loaded.rows), sure, sure, what)


def documents(rows: Iterable[Row]) -> list[tuple[int, dict[str, Any]]]:
    """Position and content of every document of a task, in order."""
    return [(doc_id, json.loads(doc)) for doc_id, doc in sorted({row["doc_id"]: row["doc"] for row in rows}.items())]


def rebuilt(rows: Sequence[Row], loaded: LoadedTask, place: Mapping[int, int]) -> list[Sample]:
    """Rows of one model and task as the samples they were made from.

    Args:
        rows: as stored.
        loaded: the task, from `load`.
        place: where each `doc_id` stands among the documents it was loaded over.

    Raises:
        TaskError: the task asks for another number of answers to a document than the run had.
    """
    by_doc: dict[int, list[Any]] = {}
    for instance in loaded.task.instances:
        by_doc.setdefault(instance.doc_id, []).append(instance)
    found = []
    for row in rows:
        instances = sorted(by_doc.get(place[row["doc_id"]], ()), key=lambda instance: instance.idx)
        if len(instances) != len(row["request_ids"]):
            raise TaskError(
                f"document {row['doc_id']} asks for {len(instances)} answers, the run had {len(row['request_ids'])}"
            )
        found.append(
            Sample(
                task=row["task"],
                doc_id=row["doc_id"],
                repeat=row["repeat"],
                doc=json.loads(row["doc"]),
                target=row["target"] or "",
                requests=tuple(_requests(row)),
                instances=tuple(instances),
            )
        )
    return found


def scores(row: Row) -> dict[Key, Score]:
    """The scores of a stored sample."""
    return {
        (s["metric"], s["filter"], s["scorer"]): Score(
            s["value"], s["status"], s["extracted"], s["explanation"], json.loads(s["detail"]) if s["detail"] else {}
        )
        for s in row["scores"]
    }


def _requests(row: Row) -> list[Request]:
    messages = json.loads(row["messages"]) if row["messages"] else None
    decoding = json.loads(row["decoding"]) if row["decoding"] else None
    continuations = row["continuations"] or [None] * len(row["request_ids"])
    return [
        Request(
            id=request_id,
            model=row["model"],
            task=row["task"],
            doc_id=row["doc_id"],
            repeat=row["repeat"],
            index=index,
            kind=row["kind"],
            messages=tuple(messages) if messages is not None else None,
            prompt=row["prompt"],
            continuation=continuation,
            decoding=Decoding(**{**decoding, "stop": tuple(decoding["stop"])}) if decoding else None,
            seed=row["seed"],
        )
        for index, (request_id, continuation) in enumerate(zip(row["request_ids"], continuations, strict=True))
    ]
