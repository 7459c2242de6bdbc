"""Fenced blocks in a model's text, as models really write them.

A closing fence may be followed by chatter or a token, stand at the end of the last line of code, or be missing. A fence
with a language inside an open block opens a new one. CommonMark
(https://spec.commonmark.org/0.31.2/#fenced-code-blocks) knows none of these. Time is linear in the length of the text.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from harness.scorers import _python
from harness.scorers._patterns import later

_FENCE = later(r"(?P<lead>[ \t]*(?:>[ \t]*)*)(?P<fence>`{3,}|~{3,})(?P<gap>[ \t]*)(?P<info>[^`]*)")
_AFTER_TEXT = later(r"(?<![`~])(?P<fence>`{3,}|~{3,})(?P<info>[A-Za-z]\w{0,20})?[ \t]*\Z")
_AT_END = later(r"(?<![`~])(?:`{3,}|~{3,})[^`~]*\Z")
_ONE_LINE = later(r"(?P<lead>[ \t]*)(?P<fence>`{3,})(?P<language>(?:python|py)\b)?(?P<code>[^`\n]+)`{3,}[^`]*")
_LANGUAGE = later(r"\{?\.?([A-Za-z][\w+#-]*)")
LANGUAGES = frozenset(
    (
        *("python", "python2", "python3", "py", "py3", "pycon", "ipython", "pyodide", "code", "text", "txt"),
        *("plaintext", "plain", "output", "console", "bash", "sh", "shell", "zsh", "java", "javascript", "js"),
        *("typescript", "ts", "c", "cpp", "c++", "csharp", "c#", "cs", "go", "rust", "ruby", "php", "sql", "json"),
        *("yaml", "yml", "toml", "xml", "html", "css", "markdown", "md", "latex", "tex", "math", "diff", "none", "r"),
        *("julia", "kotlin", "swift", "scala", "perl", "lua", "haskell", "matlab", "powershell"),
    )
)
"""First words of a fence's info string that a model separates from the fence by a space."""
PYTHON = frozenset({"", "python", "python3", "python2", "py", "py3", "pycon", "ipython", "pyodide", "code"})
"""First words of a fence's info string that stand for Python, or for nothing."""
DEEPER = 3
"""How many columns deeper a fence may be than the one that opened. One that is deeper still is part of the code."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    """The first word of the info string, in lower case. `""` if there is none."""
    code: str
    """Its content, without the indentation that all its lines share."""
    start: int
    """Where its first fence begins in the text."""
    inside: int
    """Where its content begins."""
    end: int
    """Where its content ends."""
    stop: int
    """Where what follows it begins."""
    closed: bool
    """False if no fence ends it."""


@dataclass(slots=True)
class _Open:
    fence: str
    language: str
    column: int
    quoted: bool
    start: int
    inside: int
    lines: list[str]
    string: int = 0
    """Where a string of the code ends that holds fences."""
    read: int = 0
    """Lines up to the end of that string."""


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order. One that is left open runs to the next or to the end."""
    found: list[Block] = []
    opened: _Open | None = None
    place = 0
    for line in text.split("\n"):
        here, place = place, place + len(line) + 1
        mark = _FENCE.fullmatch(line)
        if opened is None:
            if (one := _ONE_LINE.fullmatch(line)) is not None:
                spot = here + one.start("code")
                found.append(
                    Block("python", one["code"].strip(), here, spot, here + one.end("code"), place, closed=True)
                )
            else:
                opened = _opening(mark or _AFTER_TEXT.search(line), here, place)
            continue
        deep = mark is not None and _column(mark["lead"]) > opened.column + DEEPER
        closes = mark is not None and not deep and mark["fence"].startswith(opened.fence)
        follows = mark is not None and not deep and _names_language(mark)
        if here <= opened.string or ((closes or follows) and _in_string(opened, text, here)):
            opened.lines.append(line)
        elif closes or follows:
            found.append(_block(opened, here, place if closes else here, closed=closes))
            opened = _opening(mark, here, place) if follows else None
        elif mark is None and line.startswith(opened.fence):  # and more backticks: chatter, and maybe the next one
            found.append(_block(opened, here, here + len(opened.fence), closed=True))
            opened = _opening(_AFTER_TEXT.search(line), here, place)
        elif mark is None and (glued := _glued(line, opened.fence)) is not None:
            opened.lines.append(glued)
            found.append(_block(opened, here + len(glued), place, closed=True))
            opened = None
        else:
            opened.lines.append(line)
    if opened is not None:
        found.append(_left_open(opened, len(text)))
    return found


def _in_string(opened: _Open, text: str, here: int) -> bool:
    """Whether a fence stands in a string of Python. If it does, `opened` notes that.

    Every other fence in a string closes, so it names no language. If it does, the string was left open elsewhere.
    """
    quotes = _python.open_quotes("\n".join(opened.lines[opened.read :])) if opened.language in PYTHON else ""
    end = text.find(quotes, here) if quotes else -1
    fences = [mark for line in text[here : max(end, here)].split("\n") if (mark := _FENCE.fullmatch(line)) is not None]
    if not fences or len(fences) % 2 or any(mark["info"].strip() for mark in fences[1::2]):
        return False
    opened.string, opened.read = end, len(opened.lines) + text.count("\n", here, end) + 1
    return True


def _opening(mark: re.Match[str] | None, start: int, inside: int) -> _Open | None:
    if mark is None:
        return None
    info = mark["info"] or ""
    named = _LANGUAGE.match(info)
    language = named[1].lower() if named else ""
    lead = mark.groupdict().get("lead") or ""
    lines: list[str] = []
    code = info[named.end() :].strip() if named else ""
    if language in LANGUAGES and _CODE.match(code):  # ```python def f(x):
        lines.append(code)
    return _Open(mark["fence"], language, _column(lead), ">" in lead, start, inside, lines)


_CODE = later(r"(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+|import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b|@\w")


def _names_language(mark: re.Match[str]) -> bool:
    """Whether a fence inside an open block opens the next one: it names a language, and no chatter follows."""
    info = mark["info"].strip()
    named = _LANGUAGE.match(info)
    if named is None:
        return False
    rest = info[named.end() :]
    known = named[1].lower() in LANGUAGES
    if rest.strip() in ("", "}") or rest.startswith((":", "{")) or "=" in rest or _CODE.match(rest.strip()):
        return known or not mark["gap"]
    return known and rest.strip().isdecimal()  # ```Python 3


def _glued(line: str, fence: str) -> str | None:
    """The code before a fence at the end of its line. `None` if there is no such fence."""
    if line.count(fence) != 1 or (found := _AT_END.search(line)) is None:
        return None
    code = line[: found.start()].rstrip()
    return None if not code or any(code.count(quote) % 2 for quote in "\"'") else code


def _column(lead: str) -> int:
    return len(lead.replace(">", "").expandtabs(4)) if lead else 0


def _left_open(opened: _Open, end: int) -> Block:
    """A block without its end. If deeper fences do not pair up, the last of them was the end."""
    deep = [number for number, line in enumerate(opened.lines) if line.strip().startswith(opened.fence)]
    if len(deep) % 2:
        opened.lines = opened.lines[: deep[-1]]
    return _block(opened, end, end, closed=False)


def _block(opened: _Open, end: int, stop: int, *, closed: bool) -> Block:
    lines = opened.lines
    if opened.quoted:
        lines = [re.sub(r"^[ \t]*>[ \t]?", "", line) for line in lines]
    code = textwrap.dedent("\n".join(lines))
    return Block(opened.language, code, opened.start, opened.inside, min(end, stop), stop, closed)
