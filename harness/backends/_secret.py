"""A key, and how it is cut out of what a server says: plain, escaped, and in the encodings that a proxy might echo."""

from __future__ import annotations

import base64
import functools
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"
SECRET_CHARS = 8
"""A shorter key is a placeholder for a server of one's own (`EMPTY`). Cutting it out would garble answers."""
ENCODED_CHARS = 16
"""A key of so many characters is looked for in other encodings too. A shorter one might stand there by chance."""
NESTED = 3
"""So many times an escape is undone: JSON in JSON in a URL."""
_CODE = re.compile(r"\\(?:x|u\{?0*|u00|U000000)([0-9a-fA-F]{2})\}?")
_BYTES, _CHARS = 3, 4
"""Base64 writes so many bytes as so many characters."""


class Secret:
    """A key that cannot be printed by accident."""

    def __init__(self, value: str) -> None:
        self._value = value
        self._long = len(value) >= ENCODED_CHARS

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def reveal(self) -> str:
        """The key, for the header that carries it."""
        return self._value

    def hide_in(self, text: str) -> str:
        """A text without the key.

        It is found plain, with any of its characters escaped as JSON, URLs and HTML escape them, and, if it is long
        enough for that to be no chance, in other capitals, backwards, in hexadecimal, and in Base64, whatever stands
        before it (`user:key`). GitHub's runner looks for a secret's Base64 in the same way
        (https://github.com/actions/runner, docs/adrs/0297-base64-masking-trailing-characters.md).

        If the key can be read from a text and no place can be named, all of the text is hidden.
        """
        if len(self._value) < SECRET_CHARS or not self._is_in(text):
            return text
        hidden = text
        for form in self._forms:
            hidden = form.sub(MASK, hidden)
        return MASK if self._is_in(hidden) else hidden

    def _is_in(self, text: str) -> bool:
        for reading in _readings(text):
            alike = reading.lower() if self._long else reading
            if any(needle in alike for needle in self._needles):
                return True
        return False

    @functools.cached_property
    def _needles(self) -> tuple[str, ...]:
        """What a text has that holds the key: in small letters if it is a long one."""
        if not self._long:
            return (self._value,)
        return tuple(dict.fromkeys(form.lower() for form in (self._value, *self._encoded())))

    @functools.cached_property
    def _forms(self) -> tuple[re.Pattern[str], ...]:
        # A run of backslashes is begun once, at its beginning: it may be long.
        escaped = re.compile(r"(?<!\\)" + "".join(map(_spellings, self._value)))
        others = self._encoded() if self._long else []
        return (escaped, *(re.compile(f"{''.join(map(_in_a_url, form))}=*", re.IGNORECASE) for form in others))

    def _encoded(self) -> list[str]:
        raw = self._value.encode()
        return [self._value, self._value[::-1], raw.hex(), *_in_base64(raw)]


def _readings(text: str) -> Iterator[str]:
    """A text, and what it reads after its escapes are undone."""
    yield text
    for _ in range(NESTED):
        before = text
        if "%" in text:
            text = unquote(text)
        if "&" in text:
            text = html.unescape(text)
        if "\\" in text:
            text = _CODE.sub(lambda code: chr(int(code[1], 16)), text)
            yield text.replace("\\", "")
        if text == before:
            return
        yield text


def _in_base64(raw: bytes) -> list[str]:
    """The characters of Base64 that these bytes alone decide, wherever they begin, in both alphabets."""
    found = []
    for before in range(_BYTES):
        text = base64.b64encode(bytes(before) + raw).decode()
        core = text[-(-before * _CHARS // _BYTES) : (before + len(raw)) * _CHARS // _BYTES]
        found += [core, core.translate(str.maketrans("+/", "-_"))]
    return list(dict.fromkeys(found))


def _in_a_url(char: str) -> str:
    """A pattern of a character of an encoded key, which URLs and JSON escape if it is no letter."""
    return char if char.isalnum() else _spellings(char)


def _spellings(char: str) -> str:
    r"""A pattern of all that a character can be written as: `s`, `\u0073`, `\x73`, `%73`, `&#115;`, `&#x73;`."""
    code = f"{ord(char):x}"
    digits = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in code)
    return rf"(?:\\*{re.escape(char)}|\\+(?:u00|x){digits}|%(?:25)*{digits}|&#0*{ord(char)};|&#[xX]0*{digits};)"
