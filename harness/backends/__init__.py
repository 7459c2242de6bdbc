"""One file for each way to reach a model. Each file holds one class `Backend`, which keeps one of three promises.

`OneByOne` answers one request at a time. `InBatches` is faster with many requests at once. `OverNetwork` waits for a
server. `load` finds the class by its file's name. To add a backend, say which of the three it is, and mypy checks the
rest:

    class Backend(OneByOne):
        def __init__(self, model: ModelSpec, weights: Path | None) -> None: ...
        def facts(self) -> dict[str, object]: ...
        def reply(self, request: Request) -> Reply: ...
        def close(self) -> None: ...

If a request fails, return a `Reply` with `error` set. Raise a `BackendError` only if no further request can succeed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, get_args, runtime_checkable

from harness.core import plugins
from harness.records import Reply, Request, RequestKind
from harness.specs import ModelSpec

__all__ = ["AnyBackend", "BatchState", "Batching", "InBatches", "OneByOne", "OverNetwork", "load"]


class _Common(Protocol):
    """What every backend has. Making one is cheap: it checks its arguments, imports its package and loads nothing."""

    kinds: ClassVar[frozenset[RequestKind]] = frozenset(get_args(RequestKind))
    """The requests it can answer. Others are refused while planning."""
    parallel: int
    """Requests it wants in flight at once. At least 1."""
    deterministic: bool
    """Greedy outputs do not depend on `parallel`, order or load."""

    @abstractmethod
    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        """Read the model's arguments. `weights` is the file of its weights, for models that have one.

        Raises:
            HarnessError: an argument, a package or a key is missing or wrong.
        """

    @classmethod
    def check(cls, model: ModelSpec) -> object:
        """Read the model's arguments while planning, without a key. By default nothing is looked at before `__init__`.

        Raises:
            ConfigError: one is wrong.
        """
        del model
        return None

    @classmethod
    def ready(cls, model: ModelSpec) -> None:
        """See, without an import or a request, that what it needs to send is here. By default it needs nothing.

        Raises:
            BackendError: a key is not.
        """
        del model

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """Why it cannot go on from words that a task begins the answer with. `None`, as by default, if it can."""
        del model
        return None

    @staticmethod
    def billed(model: ModelSpec) -> bool:
        """Whether every answer costs money: then prices, budgets and reuse apply. By default it costs none."""
        del model
        return False

    @abstractmethod
    def facts(self) -> Mapping[str, object]:
        """What a run's manifest says about the model: JSON, without paths and without secrets."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds. Called once, whatever happened."""


@runtime_checkable
class OneByOne(_Common, Protocol):
    """Answers one request at a time."""

    @abstractmethod
    def reply(self, request: Request) -> Reply:
        """The answer to a request. Called by up to `parallel` threads at once.

        Raises:
            BackendError: every further request is pointless.
        """


@runtime_checkable
class InBatches(_Common, Protocol):
    """Answers many requests in one call."""

    @abstractmethod
    def replies(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Reply]]:
        """Each request with its answer, in any order, as the answers land.

        Raises:
            BackendError: every further request is pointless.
        """


@runtime_checkable
class OverNetwork(_Common, Protocol):
    """Waits for a server: coroutines for one event loop."""

    @abstractmethod
    async def open(self) -> None:
        """Connect. Before everything else."""

    @abstractmethod
    async def prepare(self, kinds: frozenset[RequestKind]) -> None:
        """Refuse kinds of requests that the server cannot do, before the first of them.

        Raises:
            BackendError: it cannot.
        """

    @abstractmethod
    async def areply(self, request: Request) -> Reply:
        """The answer to a request. Up to `parallel` of them at once.

        Raises:
            BackendError: every further request is pointless.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Disconnect. Before `close`."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch has come."""

    ended: bool
    """Nothing more will be answered."""
    problem: str | None = None
    """Why it was refused as a whole. `None` if it was not."""


@runtime_checkable
class Batching(OverNetwork, Protocol):
    """Takes many requests at once, for half the price, and answers within a day."""

    batch_requests: ClassVar[int]
    """The most requests of a batch."""
    batch_bytes: ClassVar[int]
    """The most bytes of their bodies."""

    @abstractmethod
    def size(self, request: Request) -> int:
        """Bytes of a request's body."""

    @abstractmethod
    async def submit(self, mark: str, requests: Sequence[Request]) -> str:
        """Send a batch. Its id. Sent once, whatever happens on the way.

        Args:
            mark: what the batch is found by, unlike any other's.
            requests: all of them. Each is named by its id and the mark.

        Raises:
            BackendError: the provider does not take it.
        """

    @abstractmethod
    async def find(self, mark: str, n: int, since: str) -> str | None:
        """The id of the batch with that mark, if the provider has one. `None` if it has none.

        Args:
            mark: as it was submitted.
            n: how many requests it had.
            since: when it was about to be submitted, UTC, ISO 8601.

        Raises:
            BackendError: the provider cannot be asked.
        """

    @abstractmethod
    async def state(self, batch: str) -> BatchState:
        """How far it has come.

        Raises:
            BackendError: the provider cannot be asked, or knows no such batch.
        """

    @abstractmethod
    async def collect(self, batch: str, mark: str, requests: Sequence[Request]) -> list[tuple[Request, Reply]]:
        """Each of the requests with its answer, once the batch has ended.

        Raises:
            BackendError: the provider cannot be asked.
        """


AnyBackend = OneByOne | InBatches | OverNetwork


def load(name: str) -> type[AnyBackend]:
    """The class of a backend, by the name of its file.

    Raises:
        ConfigError: there is no such file. The message has the near misses.
    """
    found: type[AnyBackend] = plugins.load("backends", name).Backend
    return found
