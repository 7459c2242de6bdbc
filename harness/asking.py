"""Sends what is missing to a model. Each reply is in the journal before its slot asks again."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from harness import environment, plugins, runs
from harness.errors import HarnessError
from harness.identity import plain
from harness.planning import ModelPlan
from harness.progress import RunProgress
from harness.records import Reply, Request


def ask(plan: ModelPlan, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress) -> dict[str, Any]:
    """Send the pending requests to one model and journal every reply.

    Returns:
        What the manifest should say of the model: whether greedy answers are reproducible, and the backend's facts.
    """
    model = plan.model
    backend = plugins.load("backends", model.backend).Backend(model, plan.file)
    try:
        progress.start(model.name, len(pending))
        if pending:
            send = _in_batches if hasattr(backend, "replies") else _one_by_one
            send(backend, pending, journal, progress)
        return {"deterministic": bool(backend.deterministic), "facts": plain(backend.facts())}
    finally:
        backend.close()


def _in_batches(backend: Any, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress) -> None:
    for request, reply in backend.replies(pending):
        journal.append(request, reply)
        progress.advance(failed=reply.error is not None)


def _one_by_one(backend: Any, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress) -> None:
    """`backend.parallel` threads draw from one queue; the first error that is no reply stops them all."""
    waiting: Iterator[Request] = iter(pending)
    drawing, stop = threading.Lock(), threading.Event()
    landed: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set():
                with drawing:
                    request = next(waiting, None)
                if request is None:
                    break
                reply = _reply(backend, request)
                journal.append(request, reply)
                landed.put(reply)
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
            elif isinstance(item, Reply):
                progress.advance(failed=item.error is not None)
            else:
                failure = failure or item
                stop.set()
    finally:
        stop.set()
    if failure is not None:
        raise failure


def _reply(backend: Any, request: Request) -> Reply:
    """A backend's own exception is a failed row; only what makes going on pointless ends the run."""
    try:
        reply: Reply = backend.reply(request)
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - a bad request is data, not a crash
        return Reply(error=f"{type(error).__name__}: {error}", started_at=environment.now())
    return reply
