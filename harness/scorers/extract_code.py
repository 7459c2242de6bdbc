"""Finds the program in a model's answer, and makes it whole.

The choice is fixed before any test runs: one program per answer, never the best of several. Text is cut by
lines and regular expressions alone: nothing that a model wrote is parsed in this process, because Python's
parser can overflow the stack on hostile input (https://docs.python.org/3/library/ast.html#ast.parse).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Rule = Literal["fence", "body", "plain", "completion"]

PYTHON = frozenset({"", "python", "python3", "py", "py3"})
"""First words of a fence's info string that stand for Python, or for nothing."""
FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`{]*)[^`]*")
DEFINITION = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
IMPORT = re.compile(r"^(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import[ \t]).*$", re.MULTILINE)
FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import[ \t].*$\n?", re.MULTILINE)
_STATEMENT = (
    r"import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import[ \t]"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+.*:"
    r"|[A-Za-z_][\w.]*(?:\[.*\])?[ \t]*(?::[^=]*)?[-+*/%&|^]?=[^=]|[A-Za-z_][\w.]*\(|assert[ \t]"
    r"|(?:if|for|while|with|try|except|finally|elif|else)\b.*:"
)
STATEMENT = re.compile(_STATEMENT + r"|[A-Za-z_]\w*(?:,[ \t]*[A-Za-z_]\w*)+[ \t]*=[^=]")
"""A line that a program may begin with."""
CODE_LINE = re.compile(r"[ \t]|$|[@#)\]}]|[A-Za-z_]\w*(?:,[ \t]*[A-Za-z_]\w*)+[ \t]*=[^=]|" + _STATEMENT)
"""A line that looks like Python at the top level, or is indented or blank."""
_BLANK = re.compile(r"\A(?:[ \t]*\n)+")
"""The blank lines that a text begins with."""
_BODY = re.compile(r"[ \t]+\S|(?:return|yield|raise|pass|nonlocal|global)\b|" + _STATEMENT)
"""The first line of a function's body, with its indentation or, where a server has stripped that, without."""
SCRIPT = "__main__"
"""The entry point of a program that reads standard input: the whole of it is the answer."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The code found in an answer, and how it was found."""

    code: str
    rule: Rule
    """`fence`: a fenced block. `body`: a fenced block that is the body of the prompt's function. `plain`:
    lines of code without a fence. `completion`: the text goes on where the prompt ended."""


def extract(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    """Find the program in an answer.

    In a chat answer the program is the last Python block that defines
    the entry point, with what it needs of the blocks before; else a block that is the body of the function;
    else the lines of code around a definition without a fence, or the body of the prompt's function without one. In a
    completion it is everything up to the first line that is not indented.

    Args:
        text: the model's answer, without what was wrapped around it.
        doc: the document: `entry_point`, and where it has them `prompt` and `completion`.

    Returns:
        The code, or `None` where there is none.
    """
    text = text.replace("\r\n", "\n")
    defining = _defining(doc)
    script = doc["entry_point"] == SCRIPT
    if doc.get("completion") and not script and (text.lstrip("\n")[:1] in {" ", "\t"} or not defining.search(text)):
        return _continuation(text)
    blocks = _blocks(text)
    for i in reversed(range(len(blocks))):
        if defining.search(blocks[i]):
            return Extracted(_with_helpers(blocks[i], blocks[:i]), "fence")
    start = defining.search(text)
    if start is None and blocks:
        is_body = bool(doc.get("prompt")) and not DEFINITION.search(blocks[-1])
        return Extracted(blocks[-1], "body" if is_body else "fence")
    if start is None and not script and doc.get("prompt") and _BODY.match(_BLANK.sub("", text)):
        return _continuation(text)
    return _plain(text, start.start() if start else None, STATEMENT if script else None)


def defines(text: str, doc: Mapping[str, Any]) -> bool:
    """Whether a text defines what is asked for: what comes after it may answer another question."""
    return doc["entry_point"] != SCRIPT and _defining(doc).search(text) is not None


def _defining(doc: Mapping[str, Any]) -> re.Pattern[str]:
    name = re.escape(doc["entry_point"])
    return re.compile(rf"^(?:(?:async[ \t]+def|def|class)[ \t]+{name}\b|{name}[ \t]*=[^=])", re.MULTILINE)


def assemble(found: Extracted, doc: Mapping[str, Any]) -> str:
    """Make a whole module of the code, with the prompt's own signature, imports and helpers where needed.

    Args:
        found: the code of an answer.
        doc: the document: `entry_point`, and where it has them `prompt` and `prelude` (imports that the benchmark puts
            before every answer).

    Returns:
        Python source, ready to run.
    """
    prompt = doc.get("prompt") or ""
    if found.rule == "completion":
        return prompt + found.code
    if found.rule == "body":
        return prompt.rstrip("\n") + "\n" + textwrap.indent(found.code, "    ")
    head = re.search(rf"^(?:async[ \t]+)?def[ \t]+{re.escape(doc['entry_point'])}\b", prompt, re.MULTILINE)
    prelude = prompt[: head.start()] if head else ""
    future = "".join(FUTURE.findall(found.code))
    return "".join([future, doc.get("prelude", ""), prelude, FUTURE.sub("", found.code)])


def _blocks(text: str) -> list[str]:
    """The fenced blocks that are Python, or if none is, that are anything. One left open runs to the end.

    A fence that is four columns deeper than the one that opened is a part of the code: an example in a docstring.
    """
    blocks: list[tuple[bool, str]] = []
    fence, python, lines, column = "", False, list[str](), 0
    for line in [*text.split("\n"), "```"]:
        mark = FENCE.fullmatch(line)
        deep = len(mark["indent"].expandtabs(4)) if mark else 0
        if fence and deep > column + 3:
            mark = None
        closes = mark is not None and fence != "" and mark["fence"].startswith(fence) and not mark["language"]
        opens = mark is not None and (fence == "" or (mark["language"].lower() in PYTHON and not closes))
        if fence and (closes or opens):
            blocks.append((python, textwrap.dedent("\n".join(lines))))
            fence = ""
        elif fence:
            lines.append(line)
        if mark is not None and opens:
            fence, python, lines, column = mark["fence"], mark["language"].lower() in PYTHON, [], deep
    found = [block for python, block in blocks if python] or [block for _, block in blocks]
    return [block for block in found if block.strip()]


def _with_helpers(block: str, earlier: Sequence[str]) -> str:
    """The block, after the imports of earlier blocks and those of them that define a name the block uses."""
    own = set(DEFINITION.findall(block))
    before = []
    for other in earlier:
        names = set(DEFINITION.findall(other)) - own
        if any(re.search(rf"\b{re.escape(name)}\b", block) for name in names):
            before.append(other)
        else:
            before += IMPORT.findall(other)
    return "\n".join([*before, block])


def _plain(text: str, start: int | None, opening: re.Pattern[str] | None) -> Extracted | None:
    """The unbroken run of code lines around the definition at `start`, or from the first line of code.

    That line is an import or a definition; in a program that needs neither, whatever `opening` matches.
    """
    lines = text.split("\n")
    if start is not None:
        first = text.count("\n", 0, start)
        while first > 0 and CODE_LINE.match(lines[first - 1]):
            first -= 1
    else:
        starts = (i for i, line in enumerate(lines) if IMPORT.match(line) or (opening or DEFINITION).match(line))
        first = next(starts, -1)
        if first < 0:
            return None
    last = text.count("\n", 0, start) if start is not None else first
    while last < len(lines) and CODE_LINE.match(lines[last]):
        last += 1
    return Extracted("\n".join(lines[first:last]).strip("\n") + "\n", "plain")


def _continuation(text: str) -> Extracted | None:
    """The rest of a function's body: up to the first line that starts at the margin.

    Servers strip the white space that an answer starts with, and so the first line's indentation: it is put
    back.
    """
    lines = _BLANK.sub("", text).rstrip("\n").split("\n")
    if not text.strip():
        return None
    if lines[0][:1] not in {" ", "\t"}:
        lines[0] = "    " + lines[0]
    kept = []
    for line in lines:
        if line.strip() and line[0] not in {" ", "\t", "#"}:
            break
        kept.append(line)
    return Extracted("\n".join(kept).rstrip() + "\n", "completion")
