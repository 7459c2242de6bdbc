"""One POST, tried until it is answered or hopeless: retries, concurrency, rate limits, a breaker. No provider's format.

What is tried again: 429, 5xx, connections that dropped, bodies that are cut short or no JSON. Every other status fails
at once. Waits are exponential with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
2015) and never shorter than the server's `Retry-After` (RFC 9110, section 10.2.3).

The key is read from the environment, sent in a header, and cut out of every byte that comes back.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import os
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from harness.core import environment
from harness.errors import BackendError, ConfigError
from harness.records import Attempt, finite
from harness.specs import ConnectSpec

BACKOFF_S, BACKOFF_MOST_S = 0.5, 30.0
"""The first wait's upper end, doubled with every try, up to the second number."""
BACKOFF_HARD_S = 2.0
"""Where no connection can be made, tries come faster, so that the breaker can open."""
RETRY_AFTER_MOST_S = 600.0
"""A server that wants a longer wait than this fails the request: hours are for the user to decide."""
WAIT_MOST_S = 366 * 86400.0
"""Nobody asks to wait for longer than a year: such a number is no wish, and is passed over."""
DIGITS_MOST = 40
"""A longer whole number in an answer is read as infinity: none that is meant has so many digits."""
TIMEOUT_RETRIES = 2
"""A try that timed out may have been paid for; it is not repeated as freely as a refused one."""
CONNECT_TIMEOUT_S = 10.0
BODY_MOST_BYTES = 64 * 2**20
"""No answer is longer; a server that sends more is broken."""
CUT, RECOVER = 0.7, 0.05
"""After a 429 concurrency falls to 0.7 of itself; every full round of successes gives back 5 % of the most."""
DEAD_WEIGHT, DEAD_AFTER_S = 20, 5.0
"""The breaker opens after 20 failed tries in a row over 5 seconds, none of them a 429. Half of all tries failing at
random reach that once in 10^6 tries. A refused connection, a refused key and an empty account weigh 4 tries each."""
HARD_WEIGHT = 4
HARD_STATUS = {401: "refuses the key", 402: "wants to be paid first", 404: "knows no such address or model"}
"""What no other request will change, and what is meant by it (RFC 9110, section 15.5; 402 as the providers use it)."""
ERROR_CHARS = 300
MASK = "***"
SECRET_CHARS = 8
"""A shorter key is a placeholder for a server of one's own (`EMPTY`); cutting it out would garble answers."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
TOO_MANY, SERVER_ERROR, OK, NO_KEY = 429, 500, 200, 401


class Secret:
    """A key that cannot be printed by accident."""

    __slots__ = ("_spellings", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        spellings = {value, json.dumps(value)[1:-1], value.replace("/", "\\/")} if len(value) >= SECRET_CHARS else ()
        self._spellings = [spelling.encode() for spelling in spellings]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def reveal(self) -> str:
        """The key, for the header that carries it."""
        return self._value

    def hide_in(self, data: bytes) -> bytes:
        """The bytes without the key, in plain and as JSON escapes it."""
        for spelling in self._spellings:
            data = data.replace(spelling, MASK.encode())
        return data


def key(model: str, connect: ConnectSpec) -> Secret | None:
    """The key from the environment; `None` where the model needs none.

    Raises:
        ConfigError: the variable's name is none; the name is not repeated, it may be the key itself.
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


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of one request."""

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
    request_id: str | None = None
    """The server's own id, from its headers."""


@dataclass(slots=True)
class _Try:
    payload: Any = None
    status: int | None = None
    error: str | None = None
    retry: bool = False
    timeout: bool = False
    weight: int = 1
    retry_after_s: float | None = None
    ttfb_s: float | None = None
    request_id: str | None = None


class Gate:
    """Who may send now: concurrency that follows 429s (additive increase, multiplicative decrease; D. Chiu and R. Jain,
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
        """Wait for a place; returns the moment it was got.

        Args:
            tokens: how many the request is expected to use; `settle` puts it right.
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
            entered: when the request went out; one burst of 429s is one cut.
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
        base_url: where the server is; the path of a request is put behind it.
        headers: what goes with every request, beside the key.
        sign: makes the headers that carry the key.
        secret: the key.
        connect: time-outs, retries, limits.
        parallel: requests in flight at best.
        fault: finds an error inside a payload that came with status 200: its status and message, else `None`.
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
        fault: Callable[[Any], tuple[int, str] | None],
    ) -> None:
        self._model, self._base_url, self._secret = model, base_url.rstrip("/"), secret
        self._headers = {"Content-Type": "application/json", "User-Agent": "harness", **headers}
        if secret is not None:
            self._headers |= sign(secret.reveal())
        self._connect, self._fault = connect, fault
        self.gate = Gate(parallel, connect)
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self._weight, self._failing_since, self._dead = 0, 0.0, ""

    async def open(self) -> None:
        """Make ready to send, in the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the gate counts
            timeout=aiohttp.ClientTimeout(total=self._connect.timeout_s, sock_connect=CONNECT_TIMEOUT_S),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._proxy = _proxy(self._base_url)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, path: str, body: bytes, tokens: float = 0.0) -> Exchange:
        """Send one request until it is answered, fails for good, or has been tried often enough.

        Args:
            path: goes behind the base URL.
            body: JSON.
            tokens: how many it is expected to use, for the limit per minute.

        Raises:
            BackendError: the server is dead to us, so every further request is pointless.
        """
        attempts: list[Attempt] = []
        timeouts = 0
        while True:
            if self._dead:
                raise BackendError(self._dead)
            entered = await self.gate.enter(tokens)
            at, clock = environment.now(), time.perf_counter()
            try:
                one = await self._try(path, body)
            finally:
                self.gate.leave()
            latency = time.perf_counter() - clock
            self._note(one, entered)
            timeouts += one.timeout
            if (
                one.error is None
                or not one.retry
                or len(attempts) >= self._connect.retries
                or timeouts > TIMEOUT_RETRIES
            ):
                return Exchange(
                    payload=one.payload,
                    status=one.status,
                    error=one.error,
                    attempts=tuple(attempts),
                    started_at=at,
                    latency_s=latency,
                    ttfb_s=one.ttfb_s,
                    request_id=one.request_id,
                )
            most = BACKOFF_MOST_S if one.weight == 1 else BACKOFF_HARD_S
            wait = random.uniform(0, min(most, BACKOFF_S * 2 ** len(attempts)))  # noqa: S311 - jitter
            if one.retry_after_s is not None:
                wait += one.retry_after_s
            attempts.append(Attempt(at, one.error, one.status))
            await asyncio.sleep(wait)

    async def _try(self, path: str, body: bytes) -> _Try:
        try:
            return await self._exchange(path, body)
        except aiohttp.ConnectionTimeoutError:
            return _Try(error=f"no connection within {CONNECT_TIMEOUT_S:g} s", retry=True, weight=HARD_WEIGHT)
        except TimeoutError:
            error = f"no whole answer within {self._connect.timeout_s:g} s (connect.timeout_s)"
            return _Try(error=error, retry=True, timeout=True)
        except aiohttp.ClientConnectorError as problem:
            cause = getattr(problem, "os_error", problem)
            reason = getattr(cause, "strerror", None) or type(cause).__name__
            return _Try(error=f"cannot connect: {self._clean(str(reason))}", retry=True, weight=HARD_WEIGHT)
        except aiohttp.InvalidURL:
            return _Try(error="base_url is no URL that can be asked", weight=HARD_WEIGHT)
        except (aiohttp.ClientError, OSError) as problem:
            return _Try(error=f"the connection dropped: {type(problem).__name__}", retry=True)

    async def _exchange(self, path: str, body: bytes) -> _Try:
        assert self._session is not None
        clock = time.perf_counter()
        ttfb: float | None = None
        data = bytearray()
        url = f"{self._base_url}{path}"
        async with self._session.post(url, data=body, allow_redirects=False, proxy=self._proxy) as response:
            while piece := await response.content.readany():
                if ttfb is None and piece.strip():  # a server may send blank lines while the model thinks
                    ttfb = time.perf_counter() - clock
                data += piece
                if len(data) > BODY_MOST_BYTES:
                    return _Try(error=f"an answer of more than {BODY_MOST_BYTES >> 20} MiB", status=response.status)
            status, headers = response.status, response.headers
        one = self._read(status, bytes(data))
        one.ttfb_s = ttfb
        one.request_id = self._clean(headers.get("x-request-id") or headers.get("request-id") or "") or None
        if one.error is not None:
            one.retry_after_s = _retry_after_s(headers, one.payload)
            if one.retry_after_s is not None and one.retry_after_s > RETRY_AFTER_MOST_S:
                one.error += f"; the server asks to wait {one.retry_after_s:g} s, which is for you to decide"
                one.retry = False
        return one

    def _read(self, status: int, data: bytes) -> _Try:
        if self._secret is not None:
            data = self._secret.hide_in(data)
        try:
            payload = json.loads(data, parse_int=_whole)
        except (ValueError, RecursionError):
            payload = None
        if status == OK and payload is None:
            return _Try(status=status, error=f"no JSON: {self._clean(data.decode('utf-8', 'replace'))!r}", retry=True)
        if status == OK:
            fault = self._fault(payload)
            if fault is None:
                return _Try(payload=payload, status=status)
            status, message = fault
        else:
            message = _message(payload) or data.decode("utf-8", "replace")
        spent = status == TOO_MANY and _code(payload) == "insufficient_quota"
        return _Try(
            payload=payload,
            status=status,
            error=f"HTTP {status}: {self._clean(message)}",
            retry=(status == TOO_MANY and not spent) or status >= SERVER_ERROR,
            weight=HARD_WEIGHT if status in HARD_STATUS or spent else 1,
        )

    def _clean(self, text: str) -> str:
        """One short line without the key."""
        if self._secret is not None:
            text = self._secret.hide_in(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        text = " ".join(text.split())
        return text if len(text) <= ERROR_CHARS else f"{text[:ERROR_CHARS]}…"

    def _note(self, one: _Try, entered: float) -> None:
        """Tell gate and breaker what came of a try."""
        if one.error is None:
            self._weight = 0
            self.gate.speed_up()
            return
        if one.status == TOO_MANY and one.retry:
            self.gate.slow_down(entered, one.retry_after_s)
            return
        if one.status is not None and OK < one.status < SERVER_ERROR and one.weight == 1:
            self._weight = 0  # the server is alive and judges this one request
            return
        if self._weight == 0:
            self._failing_since = time.monotonic()
        self._weight += one.weight
        certain = one.status in HARD_STATUS or one.status == TOO_MANY
        if self._weight >= DEAD_WEIGHT and (certain or time.monotonic() - self._failing_since >= DEAD_AFTER_S):
            what = HARD_STATUS.get(one.status or 0, "answers nothing any more")
            if one.status == NO_KEY:
                what += f" in {self._connect.api_key_env}" if self._secret else ": connect.api_key_env names none"
            self._dead = (
                f"model {self._model}: {self._base_url} {what}; the last of its errors in a row: {one.error}. "
                "What was answered is kept; put it right and give the same command again"
            )


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL (`HTTPS_PROXY`, `NO_PROXY`).

    Looked up once: aiohttp's own `trust_env` does it in a thread for every request, at a third of a request's cost.
    """
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def no_fault(payload: Any) -> tuple[int, str] | None:
    """For servers that never hide an error behind status 200."""
    del payload
    return None


def _whole(digits: str) -> int | float:
    """A whole number of JSON; Python refuses to read one of more than 4300 digits, and the answer with it."""
    return int(digits) if len(digits) <= DIGITS_MOST else float(digits)


def _error(payload: Any) -> Mapping[str, Any]:
    if isinstance(payload, list) and payload:  # Gemini wraps some errors in a list
        payload = payload[0]
    error = payload.get("error") if isinstance(payload, dict) else None
    return error if isinstance(error, dict) else {}


def _message(payload: Any) -> str:
    """The error's words, wherever this server puts them; empty where it has none."""
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
    return str(error.get("code") or error.get("type") or "")


def _retry_after_s(headers: Mapping[str, str], payload: Any) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, `Retry-After` in seconds or as a date, or Google's RetryInfo.

    RetryInfo: https://cloud.google.com/apis/design/errors#error_payloads. `None` where it names no wait.
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
        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    for detail in _error(payload).get("details") or ():
        if isinstance(detail, dict) and "retryDelay" in detail:
            return float(str(detail["retryDelay"]).removesuffix("s"))
    return None
