"""Values between the judge and the program: tagged JSON, with limits. Never pickle, never marshal.

Plain JSON keeps null, booleans, numbers, strings and lists. Everything else is an object `{"!": tag, "v": ...}`.
A value that is not plain (an instance of the program's own class, a function, a generator) travels as a reference
that only its owner can follow. Reading builds only built-in types, and what `Codec.unknown` makes of all other tags. So
the worst a hostile message can be is large. Its size, depth and integers are capped here, and the process that reads
it has limits of its own.

This module and its neighbours that the zygote imports (`linux`, `child`, `judge` …) only import the standard library,
because an interpreter without site packages loads them.
"""

from __future__ import annotations

import builtins
import collections
import datetime as dt
import decimal
import fractions
import json
import os
import re
import socket
import struct
from collections.abc import Callable
from types import EllipsisType, NoneType, NotImplementedType
from typing import Any

FRAME_BYTES = 16 << 20
"""Longest message, in bytes. The longest answer of a HumanEval+ or MBPP+ reference solution has under 2 MiB."""
PART_BYTES = 1 << 16
"""Bytes read at a time. This mostly holds a message and its length."""
FRAME_AROUND = 64
"""Bytes of these that are kept for what surrounds a message's value."""
TOGETHER_BYTES = 1 << 20
"""Calls travel together up to this size, and so do answers."""
DEPTH = 200
"""Deepest nesting of a value."""
INT_DIGITS = 50_000
"""Digits of an integer that a program may print or read: those of LiveCodeBench's testing_util.py. Python's own 4,300
protect servers (https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation)."""
INT_BITS = 1 << 23
"""Widest integer. One of HumanEval+ has 3.3 million bits."""
HELLO = b'"ready"'
"""What the program's process says before it runs anything of the program: that it is locked in."""
MUTABLE = (list, dict, set, bytearray, collections.deque)
"""Types that a function can change in place. Subclasses count."""

HEAD = struct.Struct("<I")
"""The length that stands in front of each message."""
_SMALL = 1 << 4096
"""JSON's reader takes integers below this, because Python refuses decimal text of over 4,300 digits."""
_SCALARS = frozenset({str, bool, NoneType, float, int})
_DATES = {kind.__name__: kind for kind in (dt.date, dt.datetime, dt.time, dt.timedelta)}
_SINGLETONS: dict[str, Any] = {"...": ..., "NotImplemented": NotImplemented}
_DECIMAL = re.compile(r"-?\d{1,5000}(\.\d{1,5000})?(E[+-]?\d{1,9})?|-?Infinity|NaN", re.ASCII)
_FRACTION = re.compile(r"-?\d{1,4000}(/\d{1,4000})?", re.ASCII)


class WireError(Exception):
    """A value cannot travel, or a message is not as agreed."""


class ClosedError(WireError):
    """The other side has gone."""


class Codec:
    """Encodes and decodes values. Subclasses decide what becomes of those that are not plain."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(object_hook=self._hook)

    def refer(self, value: object) -> dict[str, Any]:
        """A tagged object for a value that is not plain.

        Raises:
            WireError: there is none.
        """
        raise WireError(f"a {type(value).__name__} is no plain value")

    def unknown(self, tag: object, content: Any) -> object:
        """The value of a tag that is not one of the plain ones.

        Raises:
            WireError: the tag is not known.
        """
        raise WireError(f"unknown tag {str(tag)[:20]!r} with {type(content).__name__}")

    def dumps(self, value: object) -> bytes:
        """Encode a value. Raises what `text` raises."""
        return self.text(value).encode()

    def text(self, value: object) -> str:
        """Encode a value as ASCII that may stand in a list of others.

        Raises:
            WireError: the value is too deep or too large, or something in it cannot travel.
        """
        try:
            text = json.dumps(self.encode(value))
        except (RecursionError, ValueError, RuntimeError) as error:  # a container changed under our hands, say
            raise WireError(f"the value cannot be sent: {type(error).__name__}") from error
        if len(text) > FRAME_BYTES - FRAME_AROUND:
            raise WireError(f"the value is larger than {FRAME_BYTES >> 20} MiB")
        return text

    def loads(self, data: bytes) -> Any:
        """Decode a value.

        Raises:
            WireError: this is not an encoded value.
        """
        try:
            return self._decoder.decode(data.decode())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArithmeticError) as error:
            raise WireError(f"the message is not one of this protocol: {type(error).__name__}") from error

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The JSON-able form of a value. `dumps` is what callers want."""
        kind = type(value)
        if kind in _SCALARS:
            return _whole(value) if kind is int else value
        if depth > DEPTH:
            raise WireError(f"the value is nested more than {DEPTH} deep")
        if kind is list:
            return self._items(value, depth)
        if kind is tuple:
            return {"!": "t", "v": self._items(value, depth)}
        if kind is dict:
            return {"!": "d", "v": self._pairs(value.items(), depth)}
        return self._encode_rarer(value, kind, depth)

    def _items(self, values: Any, depth: int) -> list[Any]:
        kinds = {*map(type, values)}
        if kinds <= _SCALARS:
            if int not in kinds or (kinds == {int} and min(values) > -_SMALL and max(values) < _SMALL):  # long: in C
                return list(values)
            return [_whole(value) if type(value) is int else value for value in values]
        return [self.encode(value, depth + 1) for value in values]

    def _pairs(self, pairs: Any, depth: int) -> list[Any]:
        return [[self.encode(key, depth + 1), self.encode(value, depth + 1)] for key, value in pairs]

    def _encode_rarer(self, value: Any, kind: type[Any], depth: int) -> Any:  # noqa: C901, PLR0911, PLR0912 - a table
        if issubclass(kind, type):
            name: str = value.__name__
            return {"!": "T", "v": name} if getattr(builtins, name, None) is value else self.refer(value)
        if issubclass(kind, set):
            return {"!": "s", "v": self._items(value, depth)}
        if issubclass(kind, frozenset):
            return {"!": "f", "v": self._items(value, depth)}
        if issubclass(kind, bytes | bytearray):
            return {"!": "b" if issubclass(kind, bytes) else "B", "v": value.hex()}
        if kind is complex:
            return {"!": "c", "v": [value.real, value.imag]}
        if kind is range:
            return {"!": "r", "v": [_whole(value.start), _whole(value.stop), _whole(value.step)]}
        if kind is collections.deque:
            return {"!": "q", "v": [self._items(value, depth), value.maxlen]}
        if kind is collections.OrderedDict:
            return {"!": "od", "v": self._pairs(value.items(), depth)}
        if kind is collections.Counter:
            return {"!": "C", "v": self._pairs(value.items(), depth)}
        if kind is decimal.Decimal:
            return {"!": "D", "v": str(value)}
        if kind is fractions.Fraction:
            return {"!": "F", "v": str(value)}
        if kind in _DATES.values() and getattr(value, "tzinfo", None) is None:
            return {"!": "dt", "v": [kind.__name__, _date_parts(value)]}
        if isinstance(value, EllipsisType | NotImplementedType):
            return {"!": "K", "v": "..." if value is ... else "NotImplemented"}
        if kind.__name__ in {"dict_keys", "dict_values", "dict_items"}:
            return {"!": kind.__name__, "v": self._items(list(value), depth)}
        # A subclass of a plain type is compared as that type, because its own == must not decide anything.
        if issubclass(kind, int) and not _is_enum(kind):
            return _whole(int.__int__(value))
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, str) and not _is_enum(kind):
            return str.__str__(value)
        if issubclass(kind, list):
            return self._items(list(list.__iter__(value)), depth)
        if issubclass(kind, tuple):
            return {"!": "t", "v": self._items(list(tuple.__iter__(value)), depth)}
        if issubclass(kind, dict):
            return {"!": "d", "v": self._pairs(dict.items(value), depth)}
        return self.refer(value)

    def _hook(self, tagged: dict[str, Any]) -> object:
        tag, content = tagged["!"], tagged["v"]
        make = _MAKERS.get(tag) if isinstance(tag, str) else None
        return self.unknown(tag, content) if make is None else make(content)


def _whole(value: int) -> Any:
    """An integer that JSON's reader takes, or its tagged form."""
    if -_SMALL < value < _SMALL:
        return value
    if value.bit_length() > INT_BITS:
        raise WireError(f"an integer has more than {INT_BITS} bits")
    return {"!": "I", "v": hex(value)}


def _is_enum(kind: type) -> bool:
    return any(base.__module__ == "enum" for base in kind.__mro__)


def _date_parts(value: Any) -> list[int]:
    if isinstance(value, dt.timedelta):
        return [value.days, value.seconds, value.microseconds]
    date = [value.year, value.month, value.day] if isinstance(value, dt.date) else []
    time = (
        [value.hour, value.minute, value.second, value.microsecond] if isinstance(value, dt.datetime | dt.time) else []
    )
    return date + time


def _matching(pattern: re.Pattern[str], make: Callable[[str], object]) -> Callable[[Any], object]:
    def build(text: Any) -> object:
        if not pattern.fullmatch(text):
            raise ValueError("not a number")
        return make(text)

    return build


_MAKERS: dict[str, Callable[[Any], object]] = {
    "t": tuple,
    "d": lambda v: {key: value for key, value in v},  # noqa: C416 - dict(v) would also take pairs of characters
    "s": set,
    "f": frozenset,
    "b": bytes.fromhex,
    "B": bytearray.fromhex,
    "c": lambda v: complex(float(v[0]), float(v[1])),
    "r": lambda v: range(v[0], v[1], v[2]),
    "I": lambda v: int(v, 16),
    "q": lambda v: collections.deque(v[0], v[1]),
    "od": collections.OrderedDict,
    "C": lambda v: collections.Counter({key: value for key, value in v}),  # noqa: C416
    "D": _matching(_DECIMAL, decimal.Decimal),
    "F": _matching(_FRACTION, fractions.Fraction),
    "dt": lambda v: _DATES[v[0]](*v[1]),
    "K": lambda v: _SINGLETONS[v],
    "dict_keys": lambda v: dict.fromkeys(v).keys(),
    "dict_values": lambda v: dict(enumerate(v)).values(),
    "dict_items": lambda v: dict(v).items(),
}


def _builtin_type(name: str) -> type:
    found = getattr(builtins, name)
    if not isinstance(found, type):
        raise TypeError("not a type")
    return found


_MAKERS["T"] = _builtin_type


class Descriptor:
    """An open stream, by its number. After a fork this is cheaper than a socket object."""

    def __init__(self, number: int) -> None:
        self._number = number

    def recv(self, size: int) -> bytes:
        """Some bytes. None at the end of the stream. Raises OSError."""
        return os.read(self._number, size)

    def sendall(self, data: bytes) -> None:
        """Write all of it. Raises OSError."""
        while data:
            data = data[os.write(self._number, data) :]


class MessageChannel:
    """One side of a stream of messages. Each is its length, then its bytes.

    Args:
        connection: the stream.
        wait: called before each read. If it raises, the read ends.
        room: called when the other side does not take more for now. If it raises, the sending ends.
    """

    def __init__(
        self,
        connection: socket.socket | Descriptor,
        wait: Callable[[], None] | None = None,
        room: Callable[[], None] | None = None,
    ) -> None:
        self._connection, self._wait, self._room = connection, wait, room
        self._early = b""
        """What has already arrived of the next messages."""

    def send(self, data: bytes) -> None:
        """Send one message.

        Raises:
            ClosedError: nobody reads.
        """
        whole = HEAD.pack(len(data)) + data
        try:
            if self._room is None or isinstance(self._connection, Descriptor):
                self._connection.sendall(whole)
            else:
                self._offer(self._connection, whole, self._room)
        except OSError as error:
            raise ClosedError("the other side is gone") from error

    @staticmethod
    def _offer(connection: socket.socket, data: bytes, room: Callable[[], None]) -> None:
        """Write all of it to a side that may stop reading. Raises OSError."""
        left = memoryview(data)
        while left:
            try:
                left = left[connection.send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                room()

    def receive(self) -> bytes:
        """Receive one message.

        Raises:
            ClosedError: nobody writes.
            WireError: the message is longer than `FRAME_BYTES`.
        """
        data = self._early or self._part(PART_BYTES)
        while len(data) < HEAD.size:
            data += self._part(PART_BYTES)
        end = HEAD.size + HEAD.unpack_from(data)[0]
        if end > HEAD.size + FRAME_BYTES:
            raise WireError(f"a message is larger than {FRAME_BYTES >> 20} MiB")
        if len(data) < end:  # mostly it is all there
            buffer = bytearray(data)
            while len(buffer) < end:
                buffer += self._part(min(end - len(buffer), 1 << 20))
            data = bytes(buffer)
        self._early = data[end:]
        return data[HEAD.size : end]

    def _part(self, size: int) -> bytes:
        if self._wait is not None:
            self._wait()
        try:
            # `recv` instead of `recvmsg`, so that the kernel drops descriptors that a program sends along.
            part = self._connection.recv(size)
        except OSError as error:
            raise ClosedError("the other side is gone") from error
        if not part:
            raise ClosedError("the other side is gone")
        return part
