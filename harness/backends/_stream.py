"""Streamed answers: server-sent events, and their pieces put together into the response that was not streamed.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. The providers send
JSON in `data:` alone and name an event inside it, so its other fields are passed over. A provider's file puts its own
events together. What the APIs of OpenAI's kind share is here.
"""

from __future__ import annotations

import codecs
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

TYPE = "text/event-stream"
DONE = "[DONE]"
"""The last event of OpenAI's streams (https://platform.openai.com/docs/api-reference/chat-streaming)."""
BEGINS = (b"data:", b"event:", b"id:", b":")
"""How a stream begins that its server did not call one."""
PIECES = ("content", "reasoning_content", "reasoning", "refusal")
"""Texts of a chat message that come in pieces."""


class UnfinishedError(ValueError):
    """A stream that stopped before its answer did."""


class Events:
    """Reads a stream piece by piece.

    An event that is no JSON is passed over: the rest of the answer is paid for all the same.
    """

    def __init__(self) -> None:
        self.found: list[Any] = []
        """What every event holds, oldest first."""
        self._open: list[bytes] = []
        """The pieces of a line that has not ended."""
        self._data: list[bytes] = []
        self._begun = self._over = False

    def feed(self, piece: bytes) -> Iterator[Any]:
        """Take some bytes. Yields what the events that they end hold."""
        self._open.append(piece)
        if b"\n" not in piece and b"\r" not in piece:  # a line may be long: its pieces are put together once
            return
        text = b"".join(self._open)
        half = b"\r" if text.endswith(b"\r") else b""  # perhaps of CR LF
        *lines, rest = text.removesuffix(half).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._open = [rest + half]
        for line in lines:
            if not self._begun:
                line, self._begun = line.removeprefix(codecs.BOM_UTF8), True  # noqa: PLW2901 - its first line alone
            yield from self._line(line)

    def end(self) -> None:
        """The stream is over: what it left open is taken as it stands."""
        for line in (b"".join(self._open), b""):
            list(self._line(line))
        self._open = []

    def _line(self, line: bytes) -> Iterator[Any]:
        if line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line.strip() and self._data:
            text, self._data = b"\n".join(self._data), []
            self._over |= text == DONE.encode()
            if self._over:  # what follows is of no answer
                return
            try:
                self.found.append(decoded(text))
            except (ValueError, RecursionError):
                return
            yield self.found[-1]


DIGITS_MOST = 40
"""A longer whole number is read as infinity in an answer that pydantic does not read. It reads up to 4300 digits."""


def whole(digits: str) -> int | float:
    """A whole number of JSON. Python refuses to read one of more than 4300 digits, and the answer with it."""
    return int(digits) if len(digits) <= DIGITS_MOST else float(digits)


_DECODER = json.JSONDecoder(parse_int=whole, strict=False)


def decoded(text: bytes | str) -> Any:
    """What JSON says.

    Raw control characters in a text stay, and bytes that are no UTF-8 become U+FFFD: what they stand in is paid for.
    So does an object with something behind it that is no further JSON, such as the words of a proxy.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    with contextlib.suppress(ValueError):  # most answers are plain JSON, which pydantic reads in a third of the time
        return from_json(text, cache_strings="keys")
    if isinstance(text, bytes):
        encoded, encoding = text, json.detect_encoding(text)
        try:
            text = encoded.decode(encoding, "surrogatepass")
        except UnicodeDecodeError:
            text = encoded.decode("utf-8", "replace")
    value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip()))
    behind = text[end:].strip()
    if behind and (not isinstance(value, dict) or behind.startswith(("{", "["))):
        raise ValueError("more than one value")
    return value


def records(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list. None if it is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def first(value: Any) -> Mapping[str, Any]:
    """The first mapping of a list. An empty one if there is none."""
    return next(iter(records(value)), {})


def inner(value: Any, name: str) -> Mapping[str, Any]:
    """The mapping in a mapping. An empty one if there is none."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def last(events: Sequence[Any], name: str) -> Any:
    """What the last event that says so says under a name."""
    return next((event[name] for event in reversed(records(events)) if event.get(name) is not None), None)


def fault(events: Sequence[Any]) -> Mapping[str, Any] | None:
    """The event that holds an error. `None` if none does."""
    return next((event for event in records(events) if event.get("error")), None)


def choices(events: Sequence[Any]) -> list[Mapping[str, Any]]:
    """What OpenAI's events say of the first choice."""
    found = [choice for event in records(events) for choice in records(event.get("choices"))]
    return [choice for choice in found if choice.get("index") in (0, None)]


def openai(events: Sequence[Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    """The response that the events of a chat or text completion are the pieces of.

    Args:
        events: all of them.
        choice: the first choice, put together.

    Raises:
        UnfinishedError: no event says why the answer ended.
    """
    if choice.get("finish_reason") is None:
        raise UnfinishedError("the stream ended before it said why the answer did")
    said = {name: last(events, name) for name in ("id", "model", "system_fingerprint", "usage")}
    # Groq puts its usage elsewhere (https://console.groq.com/docs/api-reference#chat-create).
    said["usage"] = said["usage"] or inner(last(events, "x_groq"), "usage") or None
    return {**said, "choices": [dict(choice)]}


def chat(events: Sequence[Any]) -> dict[str, Any]:
    """A chat completion from its chunks (https://platform.openai.com/docs/api-reference/chat-streaming/streaming)."""
    found = choices(events)
    deltas = [inner(choice, "delta") for choice in found]
    message: dict[str, Any] = {name: _joined([delta.get(name) for delta in deltas]) for name in PIECES}
    message["reasoning_details"] = [one for delta in deltas for one in records(delta.get("reasoning_details"))]
    if any(delta.get("tool_calls") for delta in deltas):
        message["tool_calls"] = []
    return openai(events, {"message": message, "finish_reason": last(found, "finish_reason")})


def _joined(pieces: Sequence[Any]) -> Any:
    """Texts as one text. Typed chunks (Mistral's) as one list of them."""
    if not any(isinstance(piece, list) for piece in pieces):
        texts = [piece for piece in pieces if isinstance(piece, str)]
        return "".join(texts) if texts else None
    chunks: list[Any] = []
    for piece in pieces:
        chunks += [{"type": "text", "text": piece}] if isinstance(piece, str) else records(piece)
    return chunks
