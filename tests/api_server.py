"""A server on loopback that speaks the providers' wire formats, and breaks in the ways they break.

The formats are those of the public documentation, cited where each is made.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from harness.core import plugins
from harness.records import Decoding, Reply, Request
from harness.specs import ConnectSpec, ModelSpec


@dataclass
class Answer:
    """What the server does with one request."""

    payload: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0
    until: Callable[[], bool] | None = None
    """The answer is held until this is true; it is asked when a request arrives, and a few times a second."""
    fault: str | None = None
    """`drop` (close at once), `truncate` (half a body), `hang` (never answer)."""
    events: Sequence[Any] | None = None
    """The answer as a stream: each is sent as an event's JSON, a text as it is."""
    pause: float = 0.0
    """Seconds before every event but the first."""
    cut: str | None = None
    """How the stream ends behind its events: `drop` (the connection with it), `hang`; `None` as it should."""
    kind: str = "text/event-stream"
    """What a stream is called."""


Behaviour = Callable[[dict[str, Any], int], Answer]


class ThreadedServer:
    """An application on a port of this machine, in a thread of its own."""

    port: int

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._runner()
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _runner(self) -> web.AppRunner:
        raise NotImplementedError


class Server(ThreadedServer):
    """Runs in a thread of its own; counts and keeps what it was asked."""

    def __init__(self, behave: Behaviour) -> None:
        super().__init__()
        self.behave = behave
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.flying = self.most_flying = 0
        self._arrived = asyncio.Event()

    def _runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{path:.*}", self._handle)
        return web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=0.1)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.asked.append((request.path_qs, dict(request.headers), body))
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        self._arrived.set()
        try:
            return await self._answer(request, self.behave(body, len(self.asked)))
        finally:
            self.flying -= 1

    async def _answer(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        while answer.until and not answer.until():
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), 0.2)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.events is not None:
            return await self._stream(request, answer, answer.events)
        data = answer.raw if answer.raw is not None else json.dumps(answer.payload).encode()
        if answer.fault == "hang":
            await asyncio.sleep(3600)
        if answer.fault in ("drop", "truncate"):
            if answer.fault == "truncate":
                response = web.StreamResponse(
                    headers={"Content-Length": str(len(data)), "Content-Type": "application/json"}
                )
                await response.prepare(request)
                await response.write(data[: len(data) // 2])
            with contextlib.suppress(Exception):
                request.transport.abort()
            return web.Response()
        return web.Response(body=data, status=answer.status, headers=answer.headers, content_type="application/json")

    async def _stream(self, request: web.Request, answer: Answer, events: Sequence[Any]) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.kind, **answer.headers})
        await response.prepare(request)
        for number, event in enumerate(events):
            if number:
                await asyncio.sleep(answer.pause)
            text = event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n"
            await response.write(text.encode())
        if answer.cut == "hang":
            await asyncio.sleep(3600)
        if answer.cut == "drop":
            request.transport.abort()
            return response
        await response.write_eof()
        return response


@contextlib.contextmanager
def serving(behave: Behaviour) -> Iterator[Server]:
    with Server(behave) as server:
        yield server


def chat(text: str | None = "42", *, finish: str = "stop", usage: dict | None = None, **message: Any) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/chat/object."""
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []} | message,
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": usage
        or {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
    }


def error(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """https://platform.openai.com/docs/guides/error-codes."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


NO_RETRY = ConnectSpec(api_key_env="PLANTED_API_KEY", timeout_s=5, retries=0)


def asked(
    text: str = "What is six times seven?",
    *,
    system: str | None = None,
    kind: str = "generate",
    continuation: str | None = None,
    prompt: str | None = None,
    stop: tuple[str, ...] = (),
    **decoding: Any,
) -> Request:
    messages = ({"role": "system", "content": system},) if system else ()
    messages += ({"role": "user", "content": text},)
    decode = Decoding(**({"max_tokens": 100, "temperature": 0.0} | decoding), stop=stop) if kind == "generate" else None
    plain = prompt is not None or kind != "generate"
    return Request(
        "id", "m", "t", 0, 0, 0, kind, None if plain else messages, prompt if plain else None, continuation, decode, 7
    )


def say(server: Server, backend: str, request: Request | None = None, **args: Any) -> Reply:
    """One request through a backend to the server."""
    connect = args.pop("connect", NO_RETRY)

    async def run() -> Reply:
        spec = ModelSpec("m", backend, args={"model": "x-1", "base_url": server.url, **args}, connect=connect)
        one = plugins.load("backends", backend).Backend(spec, None)
        await one.open()
        try:
            await one.prepare(frozenset({(request or asked()).kind}))
            return await one.areply(request or asked())
        finally:
            await one.aclose()

    return asyncio.run(run())
