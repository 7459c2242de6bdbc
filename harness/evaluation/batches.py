"""Asks a model through its provider's batches, so that a kill at any moment submits nothing twice and loses nothing.

`batches.jsonl` in the run folder says, a line at a time and on the disk before the next step: what is about to be
submitted (`planned`), under which id the provider has it (`submitted`), that the provider never had it (`lost`), that
every reply is in the journal (`done`). A batch that was planned and not submitted may be at the provider all the same:
it is looked for by its mark first. The file can go once the run has ended.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends import Batching
from harness.core import RunProgress, environment
from harness.errors import BackendError, StorageError
from harness.evaluation.budget import Budget
from harness.records import Reply, Request
from harness.runs import Journal, storage_errors

BATCHES = "batches.jsonl"
POLL_S, POLL_MOST_S = 5.0, 60.0
"""Seconds between two looks at the batches, half as long again each time, up to the second number."""
MARK_CHARS = 16


@dataclass(frozen=True)
class Batch:
    """A batch that is not done."""

    mark: str
    model: str
    ids: tuple[str, ...]
    """Of its requests."""
    at: str
    """When it was about to be submitted, UTC, ISO 8601."""
    batch: str | None = None
    """The provider's id. `None` if it is not known to have it."""


class Ledger:
    """The batches of a run.

    Raises:
        StorageError: the file cannot be read or written, or a whole line of it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, Batch] = {}
        with storage_errors(path):
            text = path.read_bytes() if path.exists() else b""
            whole = text.rpartition(b"\n")[0]
            for number, line in enumerate(whole.splitlines(), 1):
                self._replay(number, line)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.ftruncate(self._file, len(whole) + 1 if whole else 0)

    def _replay(self, number: int, line: bytes) -> None:
        try:
            self._take(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(
                f"{self._path}: line {number} is damaged ({error}). This file says what the provider is answering and "
                "what you pay for. Restore it, or remove it to ask anew"
            ) from error

    def _take(self, said: Mapping[str, Any]) -> None:
        mark = said["mark"]
        if said["event"] == "planned":
            self._open[mark] = Batch(mark, said["model"], tuple(said["ids"]), said["at"])
        elif said["event"] == "submitted":
            held = self._open[mark]
            self._open[mark] = Batch(mark, held.model, held.ids, held.at, str(said["batch"]))
        else:
            self._open.pop(mark, None)

    def write(self, event: str, mark: str, **more: Any) -> None:
        """Put a line on the disk.

        Raises:
            StorageError: it could not be.
        """
        said = {"event": event, "mark": mark, **more}
        with storage_errors(self._path):
            os.write(self._file, json.dumps(said, separators=(",", ":")).encode() + b"\n")
            os.fsync(self._file)
        self._take(said)

    def open(self, model: str) -> list[Batch]:
        """The batches of a model that are not done, oldest first."""
        return [batch for batch in self._open.values() if batch.model == model]

    def close(self) -> None:
        """Close the file. If nothing is under way, it goes."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not self._open:
                self._path.unlink(missing_ok=True)


async def ask_in_batches(
    backend: Batching,
    model: str,
    pending: Iterable[Request],
    ledger: Ledger,
    journal: Journal,
    progress: RunProgress,
    budget: Budget,
) -> None:
    """Go on with the batches that are under way, submit what is in none, and journal every reply.

    Args:
        backend: answers for the model.
        model: its name.
        pending: what has no answer yet.
        ledger: the run's batches.
        journal: where replies go.
        progress: the display.
        budget: what may be spent.

    Raises:
        HarnessError: what makes going on pointless. What was submitted is gone on with by the same command.
    """
    requests = {request.id: request for request in pending}
    await backend.open()
    try:
        await _recover(backend, model, ledger)
        under_way = {id_ for batch in ledger.open(model) for id_ in batch.ids}
        waiting = deque(request for id_, request in requests.items() if id_ not in under_way)
        if ledger.open(model):
            progress.say(f"model {model}: goes on with {len(ledger.open(model))} batches that are under way")
        while waiting or ledger.open(model):
            # Within a budget, what is under way is waited for first: what it costs is not known yet.
            if waiting and not (budget.limited and ledger.open(model)):
                await _submit(backend, model, budget.afford(waiting), ledger, progress)
            await _land(backend, model, requests, ledger, journal, progress, budget)
    finally:
        ledger.close()
        await backend.aclose()


async def _recover(backend: Batching, model: str, ledger: Ledger) -> None:
    """Find out of batches that a kill came between whether the provider has them."""
    for batch in ledger.open(model):
        if batch.batch is None:
            found = await backend.find(batch.mark, len(batch.ids), batch.at)
            if found is None:
                ledger.write("lost", batch.mark)
            else:
                ledger.write("submitted", batch.mark, batch=found)


async def _submit(
    backend: Batching, model: str, requests: Sequence[Request], ledger: Ledger, progress: RunProgress
) -> None:
    """Submit requests, in as many batches as the provider's limits ask for."""
    for piece in _pieces(backend, requests):
        mark = uuid.uuid4().hex[:MARK_CHARS]
        ids = [request.id for request in piece]
        ledger.write("planned", mark, model=model, at=environment.now(), ids=ids)
        batch = await backend.submit(mark, piece)
        ledger.write("submitted", mark, batch=batch)
        progress.say(
            f"model {model}: {len(piece)} requests are in batch {batch}, which may take a day; stop whenever you like, "
            "the same command goes on with it"
        )


def _pieces(backend: Batching, requests: Sequence[Request]) -> Iterable[list[Request]]:
    piece: list[Request] = []
    size = 0
    for request in requests:
        more = backend.size(request)
        if piece and (len(piece) >= backend.batch_requests or size + more > backend.batch_bytes):
            yield piece
            piece, size = [], 0
        piece.append(request)
        size += more
    if piece:
        yield piece


async def _land(
    backend: Batching,
    model: str,
    requests: Mapping[str, Request],
    ledger: Ledger,
    journal: Journal,
    progress: RunProgress,
    budget: Budget,
) -> None:
    """Wait until every batch under way has ended, and journal its replies as each does."""
    pause = POLL_S
    while open_ := ledger.open(model):
        for batch in open_:
            assert batch.batch is not None
            state = await backend.state(batch.batch)
            if state.problem is not None:
                ledger.write("lost", batch.mark)
                raise BackendError(
                    f"model {model}: batch {batch.batch} of {len(batch.ids)} requests was refused: {state.problem}. "
                    "Put it right and give the same command again. What was answered is kept"
                )
            if not state.ended:
                continue
            # Those that a kill left in the journal already are not written twice.
            left = [requests[id_] for id_ in batch.ids if id_ in requests and not journal.replies.answered(id_)]
            landed = [
                (request, dataclasses.replace(reply, started_at=batch.at))
                for request, reply in await backend.collect(batch.batch, batch.mark, left)
            ]
            journal.append_all(landed)
            ledger.write("done", batch.mark)
            for request, reply in landed:
                _count(request, reply, progress, budget)
        if ledger.open(model):
            await asyncio.sleep(pause)
            pause = min(POLL_MOST_S, pause * 1.5)


def _count(request: Request, reply: Reply, progress: RunProgress, budget: Budget) -> None:
    budget.count(request, reply)
    progress.advance(reply.error)
