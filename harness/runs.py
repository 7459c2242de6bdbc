"""Reads and writes `results/runs/<run_id>/`: the truth about one evaluation, in four files.

    run.json         the manifest: what was asked, with which versions, and the metrics
    spec.yaml        the resolved configuration, to read or to run again
    journal.jsonl    one line per reply, on disk before the next request of its slot goes out
    samples.parquet  one row per sample, written when the run ends

Whole files are written beside their place and renamed into it, so a reader sees the old one or the new one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.errors import ConfigError, RunLockedError, StorageError, unknown_name
from harness.identity import plain
from harness.records import Attempt, Reply, Request, Usage

MANIFEST = "run.json"
SPEC = "spec.yaml"
JOURNAL = "journal.jsonl"
SAMPLES = "samples.parquet"
LOCK = ".lock"
SCHEMA = 1
"""Version of the layout of `run.json` and `samples.parquet`."""


def runs_dir(results_dir: Path) -> Path:
    """The folder of run folders."""
    return results_dir / "runs"


def list_runs(results_dir: Path) -> list[Path]:
    """Every run folder that has a manifest, sorted by name."""
    return sorted(path.parent for path in runs_dir(results_dir).glob(f"*/{MANIFEST}"))


def need_results(results_dir: Path) -> None:
    """Check that there is a results folder to read.

    Raises:
        ConfigError: there is none.
    """
    if not results_dir.is_dir():
        raise ConfigError(f"no results folder {results_dir}; `harness eval` makes one, --results PATH names another")


def find_run(results_dir: Path, name: str) -> Path:
    """The run folder of that id, or of the only id that starts with it, or ends with it.

    Raises:
        ConfigError: none, or several.
    """
    known = {path.name: path for path in list_runs(results_dir)}
    if name in known:
        return known[name]
    matches = [path for key, path in known.items() if key.startswith(name) or key.endswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(f"{name!r} fits several runs: {', '.join(path.name for path in matches)}; say more of it")
    raise ConfigError(unknown_name("run", name, known))


def samples_path(run: Path) -> Path:
    """Where the run's samples are, once it has ended."""
    return run / SAMPLES


def read_manifest(run: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        StorageError: it is not there, or not JSON.
    """
    path = run / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StorageError(f"{path}: not JSON ({error}); restore it, or delete the run folder") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise StorageError(f"{path}: schema {found!r}, this version of harness reads schema {SCHEMA}")
    return manifest


def write_manifest(run: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest. NaN is refused: unscored is null."""
    text = json.dumps(plain(manifest), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(run / MANIFEST, text.encode("utf-8", "replace"))


def write_atomic(path: Path, content: bytes) -> None:
    """Write beside `path`, flush to the disk, rename into place.

    Raises:
        StorageError: the folder cannot be written, or the disk is full; the old file is as it was.
    """
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file in it")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about a file into a sentence a user can act on."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "the disk is full" if full else f"cannot be written: {error.strerror or error}"
        advice = (
            "what was answered so far is kept; free some space and give the same command again"
            if full
            else "check the folder's permissions, or choose another with results_dir=PATH"
        )
        raise StorageError(f"{path}: {what}; {advice}") from error


class Journal:
    """An append-only file of replies, one JSON line each, flushed to the disk line by line.

    A line cut short by a crash is dropped when the file is opened again: it costs the one reply.
    Safe to call from several threads of one process; `RunLock` keeps other processes out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with storage_errors(path):
            self.replies = _read_journal(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, request: Request, reply: Reply) -> None:
        """Put a reply on the disk.

        Raises:
            StorageError: it could not be; nothing of the line counts.
        """
        self.append_all([(request, reply)])

    def append_all(self, replies: Sequence[tuple[Request, Reply]]) -> None:
        """Put several replies on the disk with one flush: they are all there when this returns.

        Raises:
            StorageError: they could not be; lines that are whole on the disk count when it is read again.
        """
        data = b"".join(_line(request, reply) for request, reply in replies)
        with self._lock, storage_errors(self._path):
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
            self.replies.update((request.id, reply) for request, reply in replies)

    def close(self) -> None:
        """Close the file; the replies stay readable."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def _line(request: Request, reply: Reply) -> bytes:
    entry = {
        "id": request.id,
        "model": request.model,
        "task": request.task,
        "doc_id": request.doc_id,
        "repeat": request.repeat,
        "index": request.index,
        "reply": _compact(reply),
    }
    return json.dumps(entry, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _compact(reply: Reply) -> dict[str, Any]:
    """The reply as a mapping without the fields that hold their default."""
    usage = {key: value for key, value in plain(reply.usage).items() if value is not None}
    fields = {
        field.name: plain(getattr(reply, field.name))
        for field in dataclasses.fields(reply)
        if field.name != "usage" and getattr(reply, field.name) != field.default
    }
    return fields | ({"usage": usage} if usage else {})


def _expand(fields: dict[str, Any]) -> Reply:
    usage = Usage(**fields.pop("usage", {}))
    attempts = tuple(Attempt(**attempt) for attempt in fields.pop("attempts", ()))
    return Reply(usage=usage, attempts=attempts, **fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal."""

    id: str
    """The request's."""
    reply: Reply
    end: int
    """Where the line ends, in bytes."""


def journal_entries(path: Path) -> Iterator[Entry]:
    """Every whole line of a journal, oldest first; nothing where there is no file. Changes nothing.

    Raises:
        StorageError: a whole line that is not a journal line: the file was changed by hand.
    """
    if not path.exists():
        return
    end = 0
    with storage_errors(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                entry = json.loads(line)
                yield Entry(entry["id"], _expand(entry["reply"]), end)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StorageError(
                    f"{path}: line {number} is damaged ({error}); remove that line and its answer is asked for again"
                ) from error


def _read_journal(path: Path) -> dict[str, Reply]:
    """The last reply to every request; cuts an unfinished last line off the file."""
    replies: dict[str, Reply] = {}
    end = 0
    for entry in journal_entries(path):
        replies[entry.id] = entry.reply
        end = entry.end
    if path.exists() and end < path.stat().st_size:
        os.truncate(path, end)
    return replies


@contextlib.contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold the run folder alone; the operating system lets go of it when the process dies.

    Raises:
        RunLockedError: another process holds it.
    """
    path = run / LOCK
    with storage_errors(path):
        run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with storage_errors(path):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:  # an OSError too, so it is caught before it reads as one
            raise RunLockedError(
                f"run {run.name}: another process is working on it; wait until it ends, "
                "or change a setting (seed, name) to make a run of its own"
            ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(run: Path) -> bool:
    """True while a live process works on the run."""
    lock = FileLock(run / LOCK)
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written has no writer
        return False


def remove_if_empty(run: Path) -> None:
    """Remove a run folder that never got an answer, and the folders above it that hold nothing else."""
    journal = run / JOURNAL
    if journal.is_file() and journal.stat().st_size:
        return
    for name in (JOURNAL, MANIFEST, SPEC, LOCK):
        (run / name).unlink(missing_ok=True)
    for folder in (run, run.parent, run.parent.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
