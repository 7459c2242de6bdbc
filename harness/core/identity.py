"""Identity: a hash over canonical JSON, with the tag of its scheme in front.

The tag makes a change of scheme visible: `req1:…` and `req2:…` can never be taken for one another.
Golden values in `tests/core/test_identity.py` guard every scheme. A value, once published, never changes. A new
way of hashing is a new tag.

Canonical JSON: keys sorted, no spaces, UTF-8 as it is, no NaN or infinity, floats as Python's `repr`
(shortest form that reads back the same), and whole floats as they are (`1.0` stays `1.0`).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

REQUEST = "req1"
RUN = "run1"
TASK = "task1"
SCHEMA = "schema1"
SAMPLE = "smp1"
IMPORT = "imp1"
"""An answer that was made elsewhere."""
LINK = "link1"
"""A line of a journal, after the line before it."""
PART, PART_128 = "part2", "part1"
"""One top-level value of a manifest, now, and with half of the bits as older runs have it."""
ROOT, ROOT_128 = "root2", "root1"
"""A whole run folder, now and as older runs have it."""
FACTS = "facts1"
"""What is recorded about models."""
DIGEST_CHARS = 32
"""128 bits: two of 10^9 requests collide with a probability under 10^-20."""
WHOLE = frozenset({PART, ROOT})
"""Schemes with all 256 bits: with half of them, 2^64 tries find two runs that have one root."""


def plain(value: Any) -> Any:
    """Dataclasses to dicts, tuples to lists, mappings to dicts: what JSON can say. Keys must be strings."""
    if value is None or isinstance(value, str | int | float):
        return value
    # Most of what is in a record is plain already: it is told by its type, without a call.
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names, cells = _fields(type(value))
        return {
            name: cell if type(cell) in _PLAIN else plain(cell) for name, cell in zip(names, cells(value), strict=True)
        }
    if isinstance(value, Mapping):
        return {key: item if type(item) in _PLAIN else plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _PLAIN else plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    return value


_PLAIN = frozenset({str, int, float, bool, type(None)})


@functools.lru_cache(maxsize=256)
def _fields(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], Sequence[Any]]]:
    """The names of a dataclass' fields, and what reads them all at once, which takes half of the time."""
    names = tuple(field.name for field in dataclasses.fields(kind))
    # Two names at least, or it would give the one cell by itself.
    return names, operator.attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, n) for n in names]


def canonical_json(value: Any) -> str:
    """The one JSON text of a value.

    Raises:
        ValueError: NaN or infinity.
        TypeError: something JSON cannot say, or a key that is no string.
    """
    if not (value is None or isinstance(value, str | int)):
        value = plain(value)
        _check_keys(value)
    return _JSON.encode(value)


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a JSON key must be a string, found {key!r}")
            _check_keys(item)
    elif isinstance(value, list):
        for item in value:
            _check_keys(item)


def digest(scheme: str, value: Any) -> str:
    """`scheme:` and the SHA-256 of the value's canonical JSON, in hex: the first 128 bits, or all, see `WHOLE`.

    Lone surrogates (a broken reply may hold them) are hashed as `surrogatepass` UTF-8.
    """
    return _digest(scheme, canonical_json(value))


def digest_items(scheme: str, items: Iterable[Any]) -> str:
    """`digest` of the list of these items, without holding them all."""
    sha = hashlib.sha256(f'{{"scheme":{canonical_json(scheme)},"value":['.encode())
    comma = ""
    for item in items:
        sha.update(f"{comma}{canonical_json(item)}".encode("utf-8", "surrogatepass"))
        comma = ","
    sha.update(b"]}")
    return f"{scheme}:{sha.hexdigest()[:DIGEST_CHARS]}"


class Digester:
    """`digest` of mappings that share most of their fields: those become JSON once.

    Args:
        scheme: the scheme's tag.
        fixed: the fields that all have in common.
    """

    def __init__(self, scheme: str, fixed: Mapping[str, Any]) -> None:
        self._scheme = scheme
        self._fixed = {key: canonical_json(value) for key, value in fixed.items()}

    def digest(self, fields: Mapping[str, Any]) -> str:
        """The digest of the fixed fields and these together."""
        parts = self._fixed | {key: canonical_json(value) for key, value in fields.items()}
        return _digest(self._scheme, f"{{{','.join(f'{_JSON.encode(key)}:{parts[key]}' for key in sorted(parts))}}}")


def _digest(scheme: str, value: str) -> str:
    text = f'{{"scheme":{_JSON.encode(scheme)},"value":{value}}}'
    whole = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{scheme}:{whole if scheme in WHOLE else whole[:DIGEST_CHARS]}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read in 1 MiB pieces."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()


def prompt_id(text: str) -> str:
    """How a prompt is known that has a text and no name: the MD5 of the text without the white space around it."""
    return hashlib.md5(text.strip(" \n\t\r").encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
