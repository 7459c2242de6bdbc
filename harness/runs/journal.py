"""The journal of a run: one JSON line per reply, on the disk before anything builds on it.

Of what is on the disk, memory holds each line's place alone: a run of 100,000 replies takes some 20 MB for it.
"""

from __future__ import annotations

import dataclasses
import json
import operator
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import compact_json, plain
from harness.errors import StorageError
from harness.records import Attempt, Reply, Request, Usage
from harness.runs import proof
from harness.runs.folder import storage_errors

_flush = getattr(os, "fdatasync", os.fsync)  # Linux: the data and the file's size, without its times


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal."""

    id: str
    """The request's."""
    model: str
    """The model's name in the run."""
    reply: Reply
    start: int
    """Where the line begins, in bytes."""
    end: int
    """Where the next one begins."""
    link: str
    """Its link: see `harness.runs.proof`."""


def entries(path: Path) -> Iterator[Entry]:
    """Every whole line of a journal, oldest first. Nothing if there is no file. Changes nothing.

    Raises:
        StorageError: a whole line that is not a journal line: the file was changed by hand.
    """
    if not path.exists():
        return
    start, link = 0, ""
    with storage_errors(path), path.open("rb") as file:
        for number, line in enumerate(proof.whole_lines(file), 1):
            end = start + len(line)
            link = proof.follow((link,), line).link
            try:
                fields = json.loads(line)
                entry = Entry(fields["id"], fields.get("model", ""), _expand(fields["reply"]), start, end, link)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise StorageError(
                    f"{path}: line {number} is damaged ({error}); remove that line and its answer is asked for again"
                ) from error
            yield entry
            start = end


def read(path: Path, start: int) -> Reply:
    """The reply of the line that begins there.

    Raises:
        StorageError: the file cannot be read.
    """
    with storage_errors(path), path.open("rb") as file:
        file.seek(start)
        return _expand(json.loads(file.readline())["reply"])


class Replies(Mapping[str, Reply]):
    """The last reply to every request in a journal, by the request's id. Read from the file each time.

    Raises:
        StorageError: the journal is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, int] = {}
        self.end = 0
        """Where the last whole line ends, in bytes."""
        self.link = ""
        """The link of that line."""
        for entry in entries(path):
            self.note(entry.id, entry.start, failed=entry.reply.error is not None)
            self.end, self.link = entry.end, entry.link

    def note(self, request_id: str, place: int, *, failed: bool) -> None:
        """Remember where the newest reply to a request is."""
        self._places[request_id] = ~place if failed else place

    def answered(self, request_id: str) -> bool:
        """True if there is a reply and it is no failure."""
        return self._places.get(request_id, -1) >= 0

    def __getitem__(self, request_id: str) -> Reply:
        """Read one reply."""
        place = self._places[request_id]
        return read(self._path, place if place >= 0 else ~place)

    def __iter__(self) -> Iterator[str]:
        """The ids, in the order of their first replies."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many requests have a reply."""
        return len(self._places)


class Journal:
    """An append-only file of replies, one JSON line each, flushed to the disk line by line.

    A line cut short by a crash is dropped when the file is opened again: it costs the one reply. Each line is linked to
    the one before it: see `harness.runs.proof`.
    Safe to call from several threads of one process. `runs.run_lock` keeps other processes out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.replies = Replies(path)
        """What is on the disk."""
        with storage_errors(path):
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            self._cut()

    def append(self, request: Request, reply: Reply) -> None:
        """Put a reply on the disk.

        Raises:
            StorageError: it could not be. Nothing of the line counts.
        """
        self.append_all([(request, reply)])

    def append_all(self, replies: Sequence[tuple[Request, Reply]]) -> None:
        """Put several replies on the disk with one flush: they are all there when this returns.

        Raises:
            StorageError: they could not be. Lines that are whole on the disk count.
        """
        self.put(replies)
        self.flush()

    def put(self, replies: Sequence[tuple[Request, Reply]]) -> None:
        """Put replies into the file: a kill of this process cannot take them, a crash of the machine can until `flush`.

        Raises:
            StorageError: they could not be. Lines that are whole in the file count.
        """
        unlinked = [_line(request, reply) for request, reply in replies]
        with self._lock, storage_errors(self._path):
            lines = proof.linked(self.replies.link, unlinked)
            data = b"".join(line for line, _ in lines)
            written = 0
            try:
                while written < len(data):
                    written += os.write(self._file, data[written:])
            finally:
                for (request, reply), (line, link) in zip(replies, lines, strict=True):
                    if (written := written - len(line)) < 0:
                        break
                    self.replies.note(request.id, self.replies.end, failed=reply.error is not None)
                    self.replies.end += len(line)
                    self.replies.link = link
                if written < 0:
                    self._cut()  # what comes next must not be glued to half a line

    def flush(self) -> None:
        """Return once everything that was put is on the disk. What is put meanwhile may be, or not.

        Raises:
            StorageError: the disk did not take it.
        """
        with storage_errors(self._path):
            _flush(self._file)

    def _cut(self) -> None:
        """Cut an unfinished last line off the file."""
        if self.replies.end < os.fstat(self._file).st_size:
            os.ftruncate(self._file, self.replies.end)

    def close(self) -> None:
        """Close the file. The replies stay readable."""
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
    return compact_json(entry).encode() + b"\n"


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Reply) if field.name != "usage"}
_values = operator.attrgetter(*_DEFAULTS)
"""Of a reply's fields, in their order: all at once, which takes half of the time."""


def _compact(reply: Reply) -> dict[str, Any]:
    """The reply as a mapping without the fields that hold their default."""
    used = reply.usage
    usage = {name: value for name in used.__slots__ if (value := getattr(used, name)) is not None}
    known = zip(_DEFAULTS.items(), _values(reply), strict=True)
    fields = {name: value for (name, default), value in known if value != default}
    if reply.attempts:
        fields["attempts"] = plain(reply.attempts)
    return fields | ({"usage": usage} if usage else {})


def _expand(fields: dict[str, Any]) -> Reply:
    usage = Usage(**fields.pop("usage", {}))
    attempts = tuple(Attempt(**attempt) for attempt in fields.pop("attempts", ()))
    return Reply(usage=usage, attempts=attempts, **fields)
