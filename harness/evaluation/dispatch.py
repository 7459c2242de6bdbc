"""Sends what is missing to a model. Each reply is in the journal before its slot asks again."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from harness import backends
from harness.backends import AnyBackend, Batching, InBatches, OneByOne, OverNetwork
from harness.core import RunProgress, environment, plain
from harness.errors import HarnessError
from harness.evaluation.batches import Ledger, ask_in_batches
from harness.evaluation.budget import Budget
from harness.evaluation.planning import ModelPlan
from harness.records import Reply, Request, RequestKind
from harness.runs import Journal


@dataclass(frozen=True)
class Answerer:
    """What a backend says of itself once it was asked."""

    deterministic: bool
    """Greedy answers are reproducible."""
    facts: Mapping[str, Any]
    """As JSON has them."""


def backend_of(plan: ModelPlan) -> AnyBackend:
    """The backend that answers for a model. Loads nothing yet.

    Raises:
        HarnessError: an argument, a package or a key is missing or wrong.
    """
    return backends.load(plan.source.backend)(plan.source, plan.file)


def ask(
    plan: ModelPlan,
    backend: AnyBackend,
    pending: Iterable[Request],
    n: int,
    journal: Journal,
    progress: RunProgress,
    budget: Budget,
    ledger: Ledger | None = None,
) -> Answerer:
    """Send the pending requests to one model and journal every reply. Closes the backend.

    Args:
        plan: the model.
        backend: answers for it.
        pending: what is to be sent. A request to an API is drawn when its turn comes.
        n: how many they are.
        journal: where replies go.
        progress: the display.
        budget: what may be spent.
        ledger: of the batches that the requests are sent in. `None` sends each alone.

    Returns:
        What the manifest should say of the model: whether greedy answers are reproducible, and the backend's facts.

    Raises:
        HarnessError: what makes going on pointless, or every reply until then is in the journal.
    """
    try:
        progress.start(plan.name, n, lambda: budget.told(plan.name))
        if n and ledger is not None and isinstance(backend, Batching):
            _run(ask_in_batches(backend, plan.name, pending, ledger, journal, progress, budget))
        elif n and isinstance(backend, OverNetwork):
            _run(_at_once(backend, pending, min(backend.parallel, n), plan.kinds, journal, progress, budget))
        elif not isinstance(backend, OverNetwork):
            waiting = deque(pending if n else ())
            while waiting:
                for request, reply in _sent(backend, budget.afford(waiting), journal):
                    budget.count(request, reply)
                    progress.advance(reply.error)
        return Answerer(bool(backend.deterministic), plain(backend.facts()))
    finally:
        backend.close()


def _sent(
    backend: OneByOne | InBatches, pending: Sequence[Request], journal: Journal
) -> Iterator[tuple[Request, Reply]]:
    if isinstance(backend, InBatches):
        return _in_batches(backend, pending, journal)
    return _one_by_one(backend, pending, journal)


def _in_batches(backend: InBatches, pending: Sequence[Request], journal: Journal) -> Iterator[tuple[Request, Reply]]:
    for request, reply in backend.replies(pending):
        journal.append(request, reply)
        yield request, reply


# Over the network ------------------------------------------------------------------------------------------------


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, also if an event loop is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(main)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, main).result()


async def _at_once(
    backend: OverNetwork,
    pending: Iterable[Request],
    parallel: int,
    kinds: frozenset[RequestKind],
    journal: Journal,
    progress: RunProgress,
    budget: Budget,
) -> None:
    """`parallel` tasks draw from one iterator. The first error that is no reply stops them all."""
    waiting = iter(pending)
    async with _Writer(journal) as writer:

        async def work() -> None:
            for request in waiting:
                await budget.reserve(request)
                reply = Reply(error="interrupted")
                try:
                    reply = await _areply(backend, request)
                finally:
                    await budget.settle(request, reply)
                await writer.write(request, reply)
                progress.advance(reply.error)

        await backend.open()
        try:
            await backend.prepare(kinds)
            tasks = [asyncio.create_task(work()) for _ in range(parallel)]
            try:
                await _first_failure(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await backend.aclose()


async def _first_failure(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for all. Raise the first error. Out of budget, what is in flight is waited for: it is paid for."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        if (error := task.exception()) is not None:
            if getattr(error, "let_others_finish", False):
                await asyncio.wait(tasks)
            raise error


async def _areply(backend: OverNetwork, request: Request) -> Reply:
    try:
        return await backend.areply(request)
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - a bad request is data, not a crash
        return Reply(error=f"{type(error).__name__}: {error}", started_at=environment.now())


class _Writer:
    """Journals replies from an event loop: those of one turn are put into the file together when it ends, and a thread
    flushes to the disk all that were put during the flush before.

    When the turn ends, so that a kill of this process takes no more than what was read in the milliseconds before. A
    thread of its own, not one of a pool: a slot goes on in two turns of the loop instead of five, and on a busy loop
    each turn is milliseconds in which it stands idle. To put each reply by itself, or to wake the thread for each,
    takes longer than to make its line.
    """  # noqa: D205 - the summary is as long as it is

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._read: dict[asyncio.Future[None], tuple[Request, Reply]] = {}
        """In this turn, by who waits for it."""
        self._handed: queue.SimpleQueue[list[asyncio.Future[None]] | None] = queue.SimpleQueue()
        self._ended = self._loop.create_future()

    async def __aenter__(self) -> Self:
        threading.Thread(target=self._work, name="journal", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Return once everything that was put is on the disk, or has failed to be."""
        self._hand_over()
        self._handed.put(None)
        await self._ended

    async def write(self, request: Request, reply: Reply) -> None:
        """Return once the reply is on the disk.

        Raises:
            StorageError: it could not be written.
        """
        if not self._read:
            self._loop.call_soon(self._hand_over)
        flushed = self._loop.create_future()
        self._read[flushed] = (request, reply)
        await flushed

    def _hand_over(self) -> None:
        """Put what was read into the file, and tell the thread who waits for it."""
        read, self._read = self._read, {}
        if not read:
            return
        try:
            self._journal.put([*read.values()])
        except BaseException as problem:  # noqa: BLE001 - raised by everyone whose reply it may have been
            _tell([*read], problem)
        else:
            self._handed.put([*read])

    def _work(self) -> None:
        while (waiting := self._handed.get()) is not None:
            with contextlib.suppress(queue.Empty):
                while (more := self._handed.get_nowait()) is not None:
                    waiting += more
                self._handed.put(None)  # the end came with this flush
            error: BaseException | None = None
            try:
                self._journal.flush()
            except BaseException as problem:  # noqa: BLE001 - raised by everyone who waits for this flush
                error = problem
            self._loop.call_soon_threadsafe(_tell, waiting, error)
        self._loop.call_soon_threadsafe(_tell, [self._ended], None)


def _tell(waiting: Sequence[asyncio.Future[None]], error: BaseException | None) -> None:
    for future in waiting:
        if future.done():  # whoever waited was cancelled
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


# In threads ------------------------------------------------------------------------------------------------------


def _one_by_one(backend: OneByOne, pending: Sequence[Request], journal: Journal) -> Iterator[tuple[Request, Reply]]:
    """`backend.parallel` threads draw from one queue. The first error that is no reply stops them all."""
    waiting: Iterator[Request] = iter(pending)
    drawing, stop = threading.Lock(), threading.Event()
    landed: queue.SimpleQueue[tuple[Request, Reply] | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set():
                with drawing:
                    request = next(waiting, None)
                if request is None:
                    break
                reply = _reply(backend, request)
                journal.append(request, reply)
                landed.put((request, reply))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the main thread
            landed.put(error)
        finally:
            landed.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(backend.parallel, len(pending)))]
    for thread in threads:
        thread.start()
    failure: BaseException | None = None
    try:
        alive = len(threads)
        while alive:
            item = landed.get()
            if item is None:
                alive -= 1
            elif isinstance(item, BaseException):
                failure = failure or item
                stop.set()
            else:
                yield item
    finally:
        stop.set()
    if failure is not None:
        raise failure


def _reply(backend: OneByOne, request: Request) -> Reply:
    """A backend's own exception is a failed row. Only what makes going on pointless ends the run."""
    try:
        return backend.reply(request)
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - a bad request is data, not a crash
        return Reply(error=f"{type(error).__name__}: {error}", started_at=environment.now())
