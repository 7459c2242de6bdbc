"""One POST, tried until it is answered or hopeless: retries, concurrency, rate limits, a breaker. No provider's format.

What is tried again: 408, 409, 429, 5xx, connections that dropped, bodies that are cut short or no JSON. Every other
status fails at once. What no other request would change either ends the run. Waits are exponential with full jitter
(M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015) and never shorter than the server's
`Retry-After` (RFC 9110, section 10.2.3).

An answer that comes as a stream is read as one, asked for or not: it is paid for.

The key is read from the environment, sent in a header, and cut out of every text that comes back, once it is decoded.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from harness.backends import _stream
from harness.backends._secret import Secret
from harness.core import environment
from harness.errors import BackendError, ConfigError
from harness.records import Attempt, finite
from harness.specs import ConnectSpec

if TYPE_CHECKING:
    import aiohttp

BACKOFF_S, BACKOFF_MOST_S = 0.5, 30.0
"""The first wait's upper end, doubled with every try, up to the second number."""
BACKOFF_HARD_S = 2.0
"""If no connection can be made, tries come faster, so that the breaker can open."""
RETRY_AFTER_MOST_S = 600.0
"""A server that wants a longer wait than this fails the request: hours are for the user to decide."""
WAIT_MOST_S = 366 * 86400.0
"""Nobody asks to wait for longer than a year: such a number is no wish, and is passed over."""
PAID_RETRIES = 2
"""A try that timed out, or broke off after its first words, may have been paid for. It is not repeated as freely as a
refused one."""
CONNECT_TIMEOUT_S = 10.0
KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 5}
"""Seconds of silence before the system asks whether the other end is there, seconds between two questions, and how many
(tcp(7), macOS has the second name for the first). Proxies and NATs forget a connection that is silent for minutes."""
BODY_MOST_BYTES = 64 * 2**20
"""No answer is longer. A server that sends more is broken."""
RAW_MOST_BYTES = 2**30
"""The results of a batch may be longer."""
CUT, RECOVER = 0.7, 0.05
"""After a 429 concurrency falls to 0.7 of itself. Every full round of successes gives back 5 % of the most."""
DEAD_WEIGHT, DEAD_AFTER_S = 20, 5.0
"""The breaker opens after 20 failed tries in a row over 5 seconds, none of them a 429. Half of all tries failing at
random reach that once in 10^6 tries. A refused connection, a refused key and an empty account weigh 4 tries each."""
HARD_WEIGHT = 4
ALIKE = 5
"""So many permanent errors alike in a row, with nothing answered yet, end the run: no setting of the rest differs."""
RETRIED = frozenset({408, 409, 429})
"""Statuses under 500 that are worth another try, as the providers' own clients have them
(https://github.com/openai/openai-python#retries, https://docs.anthropic.com/en/api/client-sdks#retries)."""
ERROR_CHARS = 300
KEY_REFUSED = "refuses the key"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
TOO_MANY, SERVER_ERROR, OK = 429, 500, 200
SUCCESS = range(200, 300)
"""Every status of this class says that the request was answered (RFC 9110, section 15.3)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What no other request will change: how it is known, what is meant by it, and what to do."""

    statuses: frozenset[int]
    words: str
    """A pattern that its error holds. Empty if the status alone says it."""
    what: str
    fix: str


CAUSES = (
    # 429 insufficient_quota: OpenAI. 400: Anthropic's "credit balance is too low". 402: DeepSeek, OpenRouter. 403: xAI.
    Cause(
        frozenset({400, 402, 403, 429}),
        r"insufficient[_ ](quota|balance|credits?|funds)|credit balance|billing_(hard_limit|not_active)|out of credits"
        r"|(used|exhausted) .{0,30}credits|arrearage|spend(ing)? limit",
        "wants to be paid first",
        "Add to the account's balance or raise its limit",
    ),
    Cause(frozenset({402}), "", "wants to be paid first", "Add to the account's balance or raise its limit"),
    # Gemini's quotaId "…PerDay…", OpenAI's "(RPD)", Groq's "tokens per day (TPD)", OpenRouter's "free-models-per-day".
    Cause(
        frozenset({403, 429}),
        r"per[ _-]?day|\b[RT]PD\b|\bdaily\b",
        "has no quota left for today",
        "Go on when there is a new one, or raise it",
    ),
    Cause(frozenset({401}), "", KEY_REFUSED, "Set the key anew"),
    Cause(
        frozenset({400, 403}),
        r"api[_ -]?key.{0,20}(not valid|invalid|expired|revoked|incorrect)"
        r"|(invalid|incorrect|expired).{0,20}api[_ -]?key",
        KEY_REFUSED,
        "Set the key anew",
    ),
    Cause(frozenset({404}), "", "knows no such address or model", "Check args.model and args.base_url"),
    Cause(
        frozenset({400, 403}),
        r"model_not_found|(not a valid|unknown|no such|invalid) model\b"
        r"|\bmodel\b[^.]{0,60}(not found|(does )?not exist)",
        "knows no such address or model",
        "Check args.model and args.base_url",
    ),
)
"""What ends a run also after answers (RFC 9110, section 15.5, and the providers' own words)."""
FIXES = (
    (r"max_completion_tokens", "Set args.length_field=max_completion_tokens"),
    (r"system (role|message|instruction)|developer instruction", "Set args.fold_system=true"),
    (
        r"prefill|final assistant|last message|end with a user",
        "Leave out what begins the answer (the task's gen_prefix)",
    ),
    (r"temperature|top_?[pk]\b|\bseed\b|\bstop\b|sampling", "Name the settings it refuses in args.omit"),
    (r"max_?(output_?)?tokens", "Lower decode.max_tokens"),
    (r"stream_options", "Name stream_options in args.omit"),
)
"""What to do about errors of requests that this model's settings make wrong, by a pattern of their words."""
WANTS_STREAM = re.compile(
    r"only supports? stream|non-?stream|stream(ing)? (mode )?(is )?required|must.{0,20}stream", re.IGNORECASE
)
"""Models that answer in a stream alone, in the words of DashScope and of gateways before it."""
TOO_LONG = re.compile(
    r"context_length|context (length|window)|too long|string_above_max|too many input tokens", re.IGNORECASE
)
"""An error that judges one request: another one may be short enough."""
_NAMES = re.compile(r"\b(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[\w.-]{8,}\b")
"""Ids in errors: two errors that differ in theirs alone are alike."""


def key(model: str, connect: ConnectSpec) -> Secret | None:
    """The key from the environment. `None` if the model needs none.

    Raises:
        ConfigError: the variable's name is none. The name is not repeated, it may be the key itself.
        BackendError: the variable is not set, or holds what no header can carry.
    """
    name = connect.api_key_env
    if name is None:
        return None
    if not _VARIABLE.fullmatch(name):
        raise ConfigError(
            f"model {model}: connect.api_key_env should be the NAME of an environment variable (A-Z, 0-9, _), such as "
            "OPENAI_API_KEY; what was given is not shown, in case it is the key itself"
        )
    value = os.environ.get(name, "").strip()
    if not value:
        raise BackendError(f"model {model}: the environment variable {name} is not set; put the API key into it")
    if not value.isascii() or not value.isprintable():
        raise BackendError(f"model {model}: {name} holds characters that no HTTP header can carry; set it again")
    return Secret(value)


@dataclass(slots=True)
class Exchange:
    """What became of one request. One is made for each, and a frozen one takes three times as long."""

    payload: Any = None
    """The JSON that came back with the last try, of a success or of an error."""
    status: int | None = None
    error: str | None = None
    """`None` for a success."""
    attempts: tuple[Attempt, ...] = ()
    """The failed tries before the last one."""
    started_at: str = ""
    latency_s: float = 0.0
    """Seconds of the last try alone."""
    ttfb_s: float | None = None
    ttft_s: float | None = None
    """Seconds to the first words of a streamed answer. `None` if it came whole."""
    request_id: str | None = None
    """The server's own id, from its headers."""
    expected: float = 0.0
    """The tokens it was expected to use."""

    @property
    def wants_stream(self) -> bool:
        """Whether the server refused because the answer was not asked for as a stream."""
        return self.error is not None and self.status is not None and bool(WANTS_STREAM.search(self.error))


@dataclass(slots=True)
class _Try:
    payload: Any = None
    status: int | None = None
    error: str | None = None
    retry: bool = False
    paid: bool = False
    """It may have been paid for."""
    weight: int = 1
    cause: Cause | None = None
    judged: bool = False
    """The error is about this one request."""
    retry_after_s: float | None = None
    ttfb_s: float | None = None
    ttft_s: float | None = None
    request_id: str | None = None


@dataclass(slots=True)
class _Call:
    """What is sent."""

    method: str
    url: str
    body: bytes | None
    kind: str | None
    stream: bool = False
    raw: bool = False


@dataclass(slots=True)
class _Seen:
    """How far a try has come."""

    most: int = 0
    """Bytes it may have."""
    streamed: bool = False
    size: int = 0
    """Bytes of its answer."""
    data: bytearray = field(default_factory=bytearray)
    """The answer, if it comes whole."""
    events: _stream.Events = field(default_factory=_stream.Events)
    """The answer, if it comes as a stream."""
    ttfb_s: float | None = None
    ttft_s: float | None = None


class Speech(Protocol):
    """What a provider says of what its server sends."""

    def fault(self, payload: Any) -> tuple[int, str] | None:
        """An error inside a payload of status 200: its status and message."""

    def refusal(self, status: int | None, payload: Any) -> str | None:
        """How the provider declined to answer. `None` if it did not."""

    def unstream(self, events: Sequence[Any]) -> Any:
        """The payload that a stream's events are the pieces of.

        Raises:
            UnfinishedError: it broke off.
        """

    def speaks(self, event: Any) -> bool:
        """Whether an event holds words of the answer or of its reasoning."""


class Gate:
    """Who may send now: concurrency that follows 429s (additive increase, multiplicative decrease, D. Chiu and R. Jain,
    Computer Networks and ISDN Systems 17, 1989), and requests and tokens a minute on two clocks that run ahead.

    Args:
        most: requests in flight at best.
        connect: the limits per minute.
    """  # noqa: D205 - the summary carries its source

    def __init__(self, most: int, connect: ConnectSpec) -> None:
        self.most, self.lowest = most, most
        self._limit = float(most)
        self._flying = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._request_s = 60 / connect.requests_per_minute if connect.requests_per_minute else 0.0
        self._token_s = 60 / connect.tokens_per_minute if connect.tokens_per_minute else 0.0
        self._next_request = self._next_token = self._resume_at = self._cut_at = 0.0

    async def enter(self, tokens: float) -> float:
        """Wait for a place. Returns the moment it was got.

        Args:
            tokens: how many the request is expected to use. `settle` puts it right.
        """
        while self._flying >= int(self._limit):
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                self._wake()
                raise
        self._flying += 1
        try:
            await self._wait_for_turn(tokens)
        except BaseException:
            self.leave()
            raise
        return time.monotonic()

    async def _wait_for_turn(self, tokens: float) -> None:
        now = time.monotonic()
        turn = max(now, self._next_request, self._next_token)
        self._next_request = max(now, self._next_request) + self._request_s
        self._next_token = max(now, self._next_token) + tokens * self._token_s
        while (wait := max(turn, self._resume_at) - time.monotonic()) > 0:  # noqa: ASYNC110 - it waits for a time
            await asyncio.sleep(wait)

    def settle(self, tokens: float) -> None:
        """Add tokens that were used beyond what was expected (negative: fewer were).

        No server's count holds the next request up for longer than the longest wait that is kept to.
        """
        self._next_token += min(tokens * self._token_s, RETRY_AFTER_MOST_S)

    def leave(self) -> None:
        """Give the place back."""
        self._flying -= 1
        self._wake()

    def _wake(self) -> None:
        free = int(self._limit) - self._flying
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1

    def slow_down(self, entered: float, retry_after_s: float | None) -> None:
        """A 429 came back: fewer at once, and nobody before `Retry-After`.

        Args:
            entered: when the request went out. One burst of 429s is one cut.
            retry_after_s: what the server asked for.
        """
        now = time.monotonic()
        if entered >= self._cut_at:
            self._cut_at = now
            self._limit = max(1.0, self._limit * CUT)
            self.lowest = min(self.lowest, int(self._limit))
        if retry_after_s:
            self._resume_at = max(self._resume_at, now + min(retry_after_s, RETRY_AFTER_MOST_S))

    def speed_up(self) -> None:
        """An answer came back."""
        if self._limit < self.most:
            self._limit = min(float(self.most), self._limit + max(1.0, self.most * RECOVER) / self._limit)
            self._wake()


class Client:
    """Sends JSON to one server, for one model.

    Args:
        model: the model's name, for messages.
        base_url: where the server is. The path of a request is put behind it.
        headers: what goes with every request, beside the key.
        sign: makes the headers that carry the key.
        secret: the key.
        connect: time-outs, retries, limits.
        parallel: requests in flight at best.
        speech: what the provider says of its payloads and events.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        headers: Mapping[str, str],
        sign: Callable[[str], Mapping[str, str]],
        secret: Secret | None,
        connect: ConnectSpec,
        parallel: int,
        speech: Speech,
    ) -> None:
        self._model, self._base_url, self._secret = model, base_url.rstrip("/"), secret
        self._headers = {"Content-Type": "application/json", "User-Agent": "harness", **headers}
        if secret is not None:
            self._headers |= sign(secret.reveal())
        self._connect, self._speech = connect, speech
        self.gate = Gate(parallel, connect)
        self._session: aiohttp.ClientSession | None = None
        self._limits: dict[bool, aiohttp.ClientTimeout] = {}
        """How long a try may take, and how long a stream may be silent, of one asked for as a stream or not."""
        self._proxy: str | None = None
        self._weight, self._failing, self._failing_since, self._dead = 0, 0, 0.0, ""
        self._answered, self._last, self._alike = False, "", 0

    async def open(self) -> None:
        """Make ready to send, in the running event loop."""
        import aiohttp  # here and below: whoever checks a key alone needs none of it

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=_kept_alive),  # the gate counts
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._proxy = _proxy(self._base_url)
        said = self._connect
        self._limits = {
            stream: aiohttp.ClientTimeout(
                total=said.timeout_s, sock_connect=CONNECT_TIMEOUT_S, sock_read=said.idle_s if stream else None
            )
            for stream in (False, True)
        }

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self,
        path: str,
        body: bytes | None,
        tokens: float = 0.0,
        *,
        stream: bool = False,
        method: str = "POST",
        kind: str | None = None,
        raw: bool = False,
        retries: int | None = None,
    ) -> Exchange:
        """Send one request until it is answered, fails for good, or has been tried often enough.

        Args:
            path: goes behind the base URL.
            body: JSON, or what `kind` says.
            tokens: how many it is expected to use, for the limit per minute.
            stream: the body asks for a stream: then its silence is limited too.
            method: the HTTP method.
            kind: the body's type, if it is no JSON.
            raw: the answer is kept as it is, in bytes. It may be long.
            retries: tries after the first. `None` is `connect.retries`.

        Raises:
            BackendError: the server is dead to us, so every further request is pointless.
        """
        most = self._connect.retries if retries is None else retries
        call = _Call(method, f"{self._base_url}{path}", body, kind, stream=stream, raw=raw)
        attempts: list[Attempt] = []
        paid = 0
        while True:
            if self._dead:
                raise BackendError(self._dead)
            entered = await self.gate.enter(tokens)
            at, clock = environment.now(), time.perf_counter()
            try:
                one = await self._try(call)
            finally:
                self.gate.leave()
            one.judged |= not stream and one.error is not None and bool(WANTS_STREAM.search(one.error))
            latency = time.perf_counter() - clock
            self._note(one, entered)
            paid += one.paid
            if one.error is None or not one.retry or len(attempts) >= most or paid > PAID_RETRIES:
                return Exchange(
                    payload=one.payload,
                    status=one.status,
                    error=one.error,
                    attempts=tuple(attempts),
                    started_at=at,
                    latency_s=latency,
                    ttfb_s=one.ttfb_s,
                    ttft_s=one.ttft_s,
                    request_id=one.request_id,
                    expected=tokens,
                )
            longest = BACKOFF_MOST_S if one.weight == 1 else BACKOFF_HARD_S
            wait = random.uniform(0, min(longest, BACKOFF_S * 2 ** len(attempts)))  # noqa: S311 - jitter
            if one.retry_after_s is not None:
                wait += one.retry_after_s
            attempts.append(Attempt(at, one.error, one.status))
            await asyncio.sleep(wait)

    def judge(self, status: int | None, payload: Any) -> Exchange:
        """What a response is that came in another's body (a batch's results): an answer, or an error.

        Args:
            status: its HTTP status. `None` if it has none, because it was never answered.
            payload: its JSON.
        """
        if status is None:
            return Exchange(payload=payload, error=self._clean(_message(payload) or "it was not answered"))
        one = self._answer(status, payload) if status in SUCCESS else self._failed(status, payload, "")
        return Exchange(payload=one.payload, status=one.status, error=one.error)

    async def _try(self, call: _Call) -> _Try:
        import aiohttp

        seen = _Seen()
        try:
            return await self._exchange(call, seen)
        except aiohttp.InvalidURL:
            return _Try(error="base_url is no URL that can be asked", weight=HARD_WEIGHT)
        except TimeoutError as problem:
            return self._late(problem, seen)
        except aiohttp.ClientConnectorError as problem:
            cause = getattr(problem, "os_error", problem)
            reason = getattr(cause, "strerror", None) or type(cause).__name__
            return _Try(error=f"cannot connect: {self._clean(str(reason))}", retry=True, weight=HARD_WEIGHT)
        except (aiohttp.ClientError, OSError) as problem:
            after = f" after {seen.size} bytes of a stream" if seen.streamed else ""
            error = f"the connection dropped{after}: {type(problem).__name__}"
            return _Try(error=error, retry=True, paid=seen.streamed and seen.size > 0)

    def _late(self, problem: TimeoutError, seen: _Seen) -> _Try:
        """A try that met one of its limits."""
        import aiohttp

        said = self._connect
        if isinstance(problem, aiohttp.ConnectionTimeoutError):
            return _Try(error=f"no connection within {CONNECT_TIMEOUT_S:g} s", retry=True, weight=HARD_WEIGHT)
        why = f"within {said.timeout_s:g} s (connect.timeout_s)"
        if isinstance(problem, aiohttp.SocketTimeoutError):
            why = f"after {seen.size} bytes and {said.idle_s:g} s of silence (connect.idle_s)"
        return _Try(error=f"no whole answer {why}", retry=True, paid=True)

    async def _exchange(self, call: _Call, seen: _Seen) -> _Try:
        import aiohttp

        assert self._session is not None
        clock = time.perf_counter()
        sent = self._session.request(
            call.method,
            call.url,
            data=call.body,
            allow_redirects=False,
            proxy=self._proxy,
            timeout=self._limits[call.stream],
            headers={"Content-Type": call.kind} if call.kind else None,
        )
        async with sent as response:
            status, headers = response.status, response.headers
            seen.streamed = response.content_type == _stream.TYPE and not call.raw
            seen.most = RAW_MOST_BYTES if call.raw else BODY_MOST_BYTES
            try:
                await self._take(response.content, seen, clock)
            except (aiohttp.ClientError, OSError):
                if not seen.streamed or not self._whole(seen.events):
                    raise  # a stream that said its end is whole, however its connection ends
        if seen.size > seen.most:
            return _Try(error=f"an answer of more than {seen.most >> 20} MiB", status=status)
        if call.raw and status in SUCCESS:
            return _Try(payload=bytes(seen.data), status=status)
        one = self._streamed(status, seen.events) if seen.streamed else self._read(status, bytes(seen.data))
        one.ttfb_s, one.ttft_s = seen.ttfb_s, seen.ttft_s
        one.request_id = self._clean(headers.get("x-request-id") or headers.get("request-id") or "") or None
        if one.error is not None:
            one.retry_after_s = _retry_after_s(headers, one.payload)
            if one.retry and one.retry_after_s is not None and one.retry_after_s > RETRY_AFTER_MOST_S:
                one.error += f"; the server asks to wait {one.retry_after_s:g} s, which is for you to decide"
                one.retry = False
        return one

    async def _take(self, content: aiohttp.StreamReader, seen: _Seen, clock: float) -> None:
        """Read an answer to its end, or until it is longer than any."""
        while piece := await content.readany():
            if seen.ttfb_s is None and piece.strip():  # a server may send blank lines while the model thinks
                seen.ttfb_s = time.perf_counter() - clock
            seen.size += len(piece)
            if seen.size > seen.most:
                return
            if not seen.streamed:
                seen.data += piece
                continue
            for event in seen.events.feed(piece):
                if seen.ttft_s is None and self._speech.speaks(event):
                    seen.ttft_s = time.perf_counter() - clock

    def _whole(self, events: _stream.Events) -> bool:
        """Whether the events so far are a whole answer."""
        try:
            self._speech.unstream(events.found)
        except Exception:  # noqa: BLE001 - a stream may hold anything
            return False
        return True

    def _streamed(self, status: int, events: _stream.Events) -> _Try:
        """What a stream says."""
        events.end()
        broken = _stream.fault(events.found)
        if status not in SUCCESS:
            return self._failed(status, broken or next(iter(events.found), None), "")
        if broken is not None and not self._whole(events):
            named = self._failed(SERVER_ERROR, broken, "", said=_message(broken) or str(broken["error"]))
            if named.cause:
                return named
            error = f"no whole answer: the stream broke off: {self._clean(_message(broken) or str(broken['error']))}"
            return _Try(payload=broken, status=status, error=error, retry=True, paid=True)
        try:
            return self._answer(status, self._speech.unstream(events.found))
        except _stream.UnfinishedError as problem:
            error = f"no whole answer: {problem}"
            return _Try(status=status, error=error, retry=True, paid=True)
        except Exception as problem:  # noqa: BLE001 - a stream may hold anything
            said = self._clean(f"{type(problem).__name__}: {problem}")
            return _Try(status=status, error=f"a stream of another form than the API's: {said}", paid=True)

    def _read(self, status: int, data: bytes) -> _Try:
        """What a body says."""
        if status in SUCCESS and data.lstrip().startswith(_stream.BEGINS):
            events = _stream.Events()
            list(events.feed(data))
            return self._streamed(status, events)
        try:
            payload = _stream.decoded(data)
        except (ValueError, RecursionError):
            payload = None
        if status not in SUCCESS:
            return self._failed(status, payload, data.decode("utf-8", "replace"))
        if payload is None:
            return _Try(status=status, error=f"no JSON: {self._clean(data.decode('utf-8', 'replace'))!r}", retry=True)
        return self._answer(status, payload)

    def _answer(self, status: int, payload: Any) -> _Try:
        """A payload of a status of success, which may hold an error."""
        fault = self._speech.fault(payload)
        if fault is None:
            return _Try(payload=payload, status=status)
        return self._failed(fault[0], payload, fault[1], said=fault[1])

    def _failed(self, status: int, payload: Any, text: str, *, said: str = "") -> _Try:
        """An error that the server names."""
        message = self._clean(said or _message(payload) or text)
        # An error in an answer of status 200 often says no status of its own.
        cause = _cause(status, message, payload) or (_cause(None, message, payload) if said else None)
        return _Try(
            payload=payload,
            status=status,
            error=f"HTTP {status}: {message}",
            retry=cause is None and (status in RETRIED or status >= SERVER_ERROR),
            weight=HARD_WEIGHT if cause else 1,
            cause=cause,
            judged=bool(self._speech.refusal(status, payload) or TOO_LONG.search(message)),
        )

    def hide(self, text: str | None) -> str | None:
        """A text of the server's without the key."""
        return text if text is None or self._secret is None else self._secret.hide_in(text)

    def _clean(self, text: str) -> str:
        """One short line without the key."""
        text = " ".join((self.hide(text) or "").split())
        return text if len(text) <= ERROR_CHARS else f"{text[:ERROR_CHARS]}…"

    def _note(self, one: _Try, entered: float) -> None:
        """Tell gate and breaker what came of a try."""
        if one.error is None:
            self._weight = self._failing = 0
            self._answered = True
            self.gate.speed_up()
        elif one.status == TOO_MANY and one.retry:
            self.gate.slow_down(entered, one.retry_after_s)
        elif one.weight == 1 and one.status is not None and OK <= one.status < SERVER_ERROR and not one.retry:
            self._weight = self._failing = 0  # the server is alive and judges this one request
            if not (self._answered or one.judged):
                self._note_alike(one.error)
        else:
            self._note_failing(one)

    def _note_alike(self, error: str) -> None:
        """A permanent error, and nothing answered yet: a few that are alike end the run."""
        kind = _NAMES.sub("", error)
        self._alike = self._alike + 1 if kind == self._last else 1
        self._last = kind
        if self._alike >= ALIKE:
            fix = next((words for pattern, words in FIXES if re.search(pattern, error, re.IGNORECASE)), "Put it right")
            self._die("answers no request", self._alike, error, fix)

    def _note_failing(self, one: _Try) -> None:
        """An error that another request would meet too."""
        if self._weight == 0:
            self._failing_since = time.monotonic()
        self._weight += one.weight
        self._failing += 1
        if self._weight < DEAD_WEIGHT:
            return
        if one.cause is None:
            if time.monotonic() - self._failing_since >= DEAD_AFTER_S:
                self._die("answers nothing any more", self._failing, one.error or "", "Put it right")
            return
        what = one.cause.what
        if what == KEY_REFUSED:
            what += f" in {self._connect.api_key_env}" if self._secret else ": connect.api_key_env names none"
        self._die(what, self._failing, one.error or "", one.cause.fix)

    def _die(self, what: str, count: int, error: str, fix: str) -> None:
        """Every further request is pointless."""
        self._dead = self._dead or (
            f"model {self._model}: {self._base_url} {what}; {count} tries in a row failed, the last with: {error}. "
            f"{fix}, and give the same command again: what was answered is kept"
        )


def _cause(status: int | None, message: str, payload: Any) -> Cause | None:
    """What makes an error one that no other request will change. `None` if nothing does.

    Without a status, its words alone say so.
    """
    # Google names a quota in the details: https://cloud.google.com/apis/design/errors#error_payloads.
    quotas = [one.get("quotaId") for detail in _details(payload) for one in _stream.records(detail.get("violations"))]
    text = f"{message} {_code(payload)} {' '.join(map(str, quotas))}"
    for cause in CAUSES:
        known = bool(cause.words) if status is None else status in cause.statuses
        if known and (not cause.words or re.search(cause.words, text, re.IGNORECASE)):
            return cause
    return None


def _kept_alive(place: aiohttp.AddrInfoType) -> socket.socket:
    """A socket whose other end is asked now and then whether it is there."""
    family, kind, protocol = place[:3]
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL (`HTTPS_PROXY`, `NO_PROXY`).

    Looked up once: aiohttp's own `trust_env` does it in a thread for every request, at a third of a request's cost.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _error(payload: Any) -> Mapping[str, Any]:
    if isinstance(payload, list) and payload:  # Gemini wraps some errors in a list
        payload = payload[0]
    error = payload.get("error") if isinstance(payload, dict) else None
    return error if isinstance(error, dict) else {}


def _message(payload: Any) -> str:
    """The error's words, wherever this server puts them. Empty if it has none."""
    error = _error(payload)
    if error:
        return f"{error.get('message', '')} ({error.get('code') or error.get('status') or error.get('type') or '?'})"
    if isinstance(payload, dict):
        for name in ("error", "message", "detail"):
            if payload.get(name):
                return str(payload[name])
    return ""


def _code(payload: Any) -> str:
    error = _error(payload)
    return f"{error.get('code') or ''} {error.get('type') or ''}"


def _details(payload: Any) -> list[Mapping[str, Any]]:
    return _stream.records(_error(payload).get("details"))


def _retry_after_s(headers: Mapping[str, str], payload: Any) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, `Retry-After` in seconds or as a date, or Google's RetryInfo.

    RetryInfo: https://cloud.google.com/apis/design/errors#error_payloads. `None` if it names no wait.
    """
    try:
        asked = finite(_asked_to_wait_s(headers, payload))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, asked) if asked is not None and asked <= WAIT_MOST_S else None


def _asked_to_wait_s(headers: Mapping[str, str], payload: Any) -> float | None:
    if (ms := headers.get("retry-after-ms")) is not None:
        return float(ms) / 1000
    if (value := headers.get("Retry-After")) is not None:
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        import email.utils

        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    for detail in _details(payload):
        if "retryDelay" in detail:
            return float(str(detail["retryDelay"]).removesuffix("s"))
    return None
