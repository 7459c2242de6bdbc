"""The providers' batch endpoints: many requests at once, for half the price, answered within a day.

OpenAI: https://platform.openai.com/docs/api-reference/batch (a file of lines, a batch of it, files of results).
Anthropic: https://docs.anthropic.com/en/api/creating-message-batches. Gemini: https://ai.google.dev/api/batch-api and
https://ai.google.dev/gemini-api/docs/batch-api (requests within the call).

A batch carries a mark of ours (OpenAI's `metadata`, Gemini's `displayName`, and every request's own name), so that one
whose answer was lost on the way is found again, and never sent twice. None of the three documents a header for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from harness.backends import BatchState, _http, _stream
from harness.backends._api import ApiBackend
from harness.core import compact_json, environment
from harness.errors import BackendError
from harness.records import Reply, Request

SKEW_S = 600.0
"""How far the provider's clock may be from ours."""
LOOK_S = 30.0
"""Seconds between two looks at a batch that may be the one that is looked for."""
PAGES_MOST = 100
"""Pages of a list of batches that are read."""
MARK = "harness"
"""The key of the mark in OpenAI's metadata."""


Result = tuple[int | None, Any]
"""Of one request: the HTTP status, if it has one, and the payload."""


class BatchBackend(ApiBackend):
    """A model behind an API that has batch endpoints. What a provider says is below `submit`."""

    batch_requests: ClassVar[int] = 10_000
    """Below every provider's own limit: what has to be held at once is a gigabyte of results at most."""
    batch_bytes: ClassVar[int] = 90 * 2**20

    def size(self, request: Request) -> int:
        """Bytes of a request's body."""
        return len(self.content(request).encode())

    async def submit(self, mark: str, requests: Sequence[Request]) -> str:
        """Send a batch. Its id. What was lost on the way is looked for before it is sent again.

        Raises:
            BackendError: the provider does not take it.
        """
        since = environment.now()
        send = await self._sender(mark, requests)
        for attempt in range(self._model.connect.retries + 1):
            outcome = await send()
            found = self._batch_of(outcome.payload) if outcome.error is None else None
            if found is not None:
                return found
            refused = outcome.error is not None and outcome.status is not None and outcome.status < _http.SERVER_ERROR
            if refused and outcome.status not in _http.RETRIED:
                break
            most = min(_http.BACKOFF_MOST_S, _http.BACKOFF_S * 2**attempt)
            await asyncio.sleep(random.uniform(most / 2, most))  # noqa: S311 - jitter
            if not refused and (found := await self.find(mark, len(requests), since)) is not None:
                return found
        raise self._refused("takes no batch", outcome.error or "it names no id")

    async def collect(self, batch: str, mark: str, requests: Sequence[Request]) -> list[tuple[Request, Reply]]:
        """Each of the requests with its answer, once the batch has ended.

        Raises:
            BackendError: the provider cannot be asked.
        """
        assert self._client is not None
        said: dict[str, Result] = {}
        async for name, result in self._results(batch):
            # Of two results of one name the first counts, but an answer before an error: it is paid for.
            if name not in said or (said[name][0] != _http.OK and result[0] == _http.OK):
                said[name] = result
        landed = []
        for request in requests:
            outcome = said.get(_name(request, mark))
            reply = Reply(error="the batch ended without an answer to this request")
            if outcome is not None:
                reply = self._hidden(self._interpret(request, self._client.judge(*outcome)))
            landed.append((request, dataclasses.replace(reply, batch=batch, body=self.content(request))))
        return landed

    # What a provider says ------------------------------------------------------------------------------------

    @abstractmethod
    async def _sender(self, mark: str, requests: Sequence[Request]) -> Callable[[], Awaitable[_http.Exchange]]:
        """Make ready to submit. What is returned submits, once."""

    @abstractmethod
    def _batch_of(self, payload: Any) -> str | None:
        """The id that the provider gave."""

    @abstractmethod
    def _results(self, batch: str) -> AsyncIterator[tuple[str, Result]]:
        """The name of each request with its status and payload, in any order."""

    @abstractmethod
    async def find(self, mark: str, n: int, since: str) -> str | None:
        """The id of the batch with that mark."""

    @abstractmethod
    async def state(self, batch: str) -> BatchState:
        """How far it has come."""

    # What they share -----------------------------------------------------------------------------------------

    async def _get(self, path: str, *, raw: bool = False) -> Any:
        """What is at a path.

        Raises:
            BackendError: nothing is to be had there.
        """
        assert self._client is not None
        outcome = await self._client.post(path, None, method="GET", raw=raw)
        if outcome.error is not None:
            raise self._refused("does not tell of its batches", outcome.error)
        return outcome.payload

    def _refused(self, what: str, error: str) -> BackendError:
        return BackendError(
            f"model {self._model.name}: {self._args['base_url']} {what}: {error}. Without batch=true it is asked one "
            "by one; batches that were submitted are gone on with by the same command"
        )

    def _short(self, text: str) -> str:
        """A server's words on one line, without the key."""
        assert self._client is not None
        return " ".join((self._client.hide(text) or "").split())[: _http.ERROR_CHARS]

    async def _lines(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        """The JSON lines at a path. One that is none is passed over."""
        for line in (await self._get(path, raw=True)).splitlines():
            try:
                found = _stream.decoded(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found


class OpenAIBatches(BatchBackend):
    """Batches of OpenAI's, of any of its endpoints."""

    async def _sender(self, mark: str, requests: Sequence[Request]) -> Callable[[], Awaitable[_http.Exchange]]:
        assert self._client is not None
        client = self._client
        endpoint = f"/v1{self.path(requests[0])}"
        how = f'"method":"POST","url":"{endpoint}"'
        lines = [f'{{"custom_id":"{_name(one, mark)}",{how},"body":{self.content(one)}}}' for one in requests]
        kind, body = _form(mark, "\n".join(lines).encode())
        uploaded = await client.post("/files", body, kind=kind)
        file = _text(uploaded.payload, "id") if uploaded.error is None else None
        if file is None:
            raise self._refused("takes no file for a batch", uploaded.error or "it names no id")
        asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h", "metadata": {MARK: mark}}

        async def send() -> _http.Exchange:
            return await client.post("/batches", compact_json(asked).encode(), retries=0)

        return send

    def _batch_of(self, payload: Any) -> str | None:
        return _text(payload, "id")

    async def find(self, mark: str, n: int, since: str) -> str | None:
        """The batch whose metadata hold the mark."""
        del n
        after = ""
        for _ in range(PAGES_MOST):
            page = await self._get(f"/batches?limit=100{after}")
            found = _stream.records(page.get("data") if isinstance(page, dict) else None)
            for batch in found:
                if _stream.inner(batch, "metadata").get(MARK) == mark:
                    return _text(batch, "id")
            oldest = found[-1].get("created_at") if found else None
            if not found or not page.get("has_more") or _older(oldest, since):
                return None
            after = f"&after={quote(str(found[-1].get('id')), safe='')}"
        return None

    async def state(self, batch: str) -> BatchState:
        """By its `status`. One that failed was refused when it was validated."""
        said = await self._get(f"/batches/{quote(batch, safe='')}")
        status = _text(said, "status")
        if status == "failed":
            problems = [str(one.get("message")) for one in _stream.records(_stream.inner(said, "errors").get("data"))]
            return BatchState(ended=True, problem=self._short("; ".join(problems[:3]) or "no reason was named"))
        return BatchState(ended=status in ("completed", "expired", "cancelled"))

    async def _results(self, batch: str) -> AsyncIterator[tuple[str, Result]]:
        said = await self._get(f"/batches/{quote(batch, safe='')}")
        for kind in ("error_file_id", "output_file_id"):
            if (file := _text(said, kind)) is None:
                continue
            async for line in self._lines(f"/files/{quote(file, safe='')}/content"):
                response = _stream.inner(line, "response")
                status = response.get("status_code")
                if isinstance(status, int):
                    yield str(line.get("custom_id")), (status, response.get("body"))
                else:
                    yield str(line.get("custom_id")), (None, {"error": line.get("error") or {}})


class AnthropicBatches(BatchBackend):
    """Batches of Anthropic's messages. A batch holds no mark, its requests' names do."""

    async def _sender(self, mark: str, requests: Sequence[Request]) -> Callable[[], Awaitable[_http.Exchange]]:
        assert self._client is not None
        client = self._client
        lines = [f'{{"custom_id":"{_name(request, mark)}","params":{self.content(request)}}}' for request in requests]
        body = f'{{"requests":[{",".join(lines)}]}}'.encode()

        async def send() -> _http.Exchange:
            return await client.post("/messages/batches", body, retries=0)

        return send

    def _batch_of(self, payload: Any) -> str | None:
        return _text(payload, "id")

    async def find(self, mark: str, n: int, since: str) -> str | None:
        """The batch of as many requests, not older, whose results are named with the mark. Waits until it has any."""
        after = ""
        for _ in range(PAGES_MOST):
            page = await self._get(f"/messages/batches?limit=100{after}")
            found = _stream.records(page.get("data") if isinstance(page, dict) else None)
            for batch in found:
                if _older(batch.get("created_at"), since):
                    return None
                counts = [count for count in _stream.inner(batch, "request_counts").values() if isinstance(count, int)]
                id_ = _text(batch, "id")
                if id_ is not None and sum(counts) == n and await self._is_marked(id_, mark):
                    return id_
            if not found or not page.get("has_more"):
                return None
            after = f"&after_id={quote(str(found[-1].get('id')), safe='')}"
        return None

    async def _is_marked(self, batch: str, mark: str) -> bool:
        while not (await self.state(batch)).ended:  # noqa: ASYNC110 - the event is the provider's
            await asyncio.sleep(LOOK_S)
        async for name, _ in self._results(batch):
            return name.endswith(f"-{mark}")
        return False

    async def state(self, batch: str) -> BatchState:
        """By its `processing_status`."""
        said = await self._get(f"/messages/batches/{quote(batch, safe='')}")
        return BatchState(ended=_text(said, "processing_status") == "ended")

    async def _results(self, batch: str) -> AsyncIterator[tuple[str, Result]]:
        # Not by `results_url`: the key goes to no address that a server names.
        async for line in self._lines(f"/messages/batches/{quote(batch, safe='')}/results"):
            result = _stream.inner(line, "result")
            name, kind = str(line.get("custom_id")), _text(result, "type")
            if kind == "succeeded":
                yield name, (_http.OK, result.get("message"))
            else:
                # An error's response is in `error`, with its own `error` inside.
                yield name, (None, result.get("error") or {"error": f"the request was not answered: {kind}"})


class GeminiBatches(BatchBackend):
    """Batches of Gemini's, with the requests in the call: 20 MB of them."""

    batch_bytes: ClassVar[int] = 15 * 2**20

    async def _sender(self, mark: str, requests: Sequence[Request]) -> Callable[[], Awaitable[_http.Exchange]]:
        assert self._client is not None
        client = self._client
        path = self.path(requests[0]).replace(":generateContent", ":batchGenerateContent")
        lines = [
            f'{{"request":{self.content(request)},"metadata":{{"key":"{_name(request, mark)}"}}}}'
            for request in requests
        ]
        asked = (
            f'{{"batch":{{"displayName":"{mark}","inputConfig":{{"requests":{{"requests":[{",".join(lines)}]}}}}}}}}'
        )
        body = asked.encode()

        async def send() -> _http.Exchange:
            return await client.post(path, body, retries=0)

        return send

    def _batch_of(self, payload: Any) -> str | None:
        return _text(payload, "name")

    async def find(self, mark: str, n: int, since: str) -> str | None:
        """The batch whose name for people is the mark."""
        del n
        after = ""
        for _ in range(PAGES_MOST):
            page = await self._get(f"/batches?pageSize=100{after}")
            found = _stream.records(page.get("operations") if isinstance(page, dict) else None)
            for batch in found:
                if _stream.inner(batch, "metadata").get("displayName") == mark:
                    return _text(batch, "name")
            oldest = _stream.inner(found[-1], "metadata").get("createTime") if found else None
            if not (token := _text(page, "nextPageToken")) or _older(oldest, since):
                return None
            after = f"&pageToken={quote(token, safe='')}"
        return None

    async def state(self, batch: str) -> BatchState:
        """By its `state`, `BATCH_STATE_…` or `JOB_STATE_…`."""
        said = await self._get(f"/{quote(batch)}")
        state = str(_stream.inner(said, "metadata").get("state"))
        if state.endswith("_FAILED"):
            return BatchState(
                ended=True, problem=self._short(str(_stream.inner(said, "error").get("message") or state))
            )
        return BatchState(ended=said.get("done") is True or state.endswith(("_SUCCEEDED", "_CANCELLED", "_EXPIRED")))

    async def _results(self, batch: str) -> AsyncIterator[tuple[str, Result]]:
        said = await self._get(f"/{quote(batch)}")
        whole = _stream.inner(said, "response") or _stream.inner(_stream.inner(said, "metadata"), "output")
        held = whole.get("inlinedResponses")
        for one in _stream.records(held) or _stream.records(
            _stream.inner(whole, "inlinedResponses").get("inlinedResponses")
        ):
            name = str(_stream.inner(one, "metadata").get("key"))
            if isinstance(one.get("response"), dict):
                yield name, (_http.OK, one["response"])
            else:
                yield name, (None, {"error": one.get("error") or {}})


def _name(request: Request, mark: str) -> str:
    """What a request is called in its batch: at most 64 letters, digits and dashes (Anthropic's rule)."""
    return f"{request.id.rpartition(':')[2]}-{mark}"


def _text(payload: Any, name: str) -> str | None:
    """A text that a mapping holds, and that is no path of its own."""
    found = payload.get(name) if isinstance(payload, dict) else None
    return found if isinstance(found, str) and found and ".." not in found else None


def _older(at: Any, since: str) -> bool:
    """Whether a time of the provider's, in seconds or ISO 8601, is surely before one of ours."""
    try:
        then = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else datetime.fromisoformat(str(at))
        return (datetime.fromisoformat(since) - then).total_seconds() > SKEW_S
    except (ValueError, TypeError, OverflowError, OSError):
        return False


def _form(mark: str, lines: bytes) -> tuple[str, bytes]:
    """A file for a batch as a form: its type, and its bytes (RFC 7578)."""
    border = uuid.uuid4().hex
    head = (
        f'--{border}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{mark}.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return f"multipart/form-data; boundary={border}", b"".join([head.encode(), lines, f"\r\n--{border}--\r\n".encode()])
