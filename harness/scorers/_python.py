"""Python as text: which lines begin a statement, what they define and use. Nothing is parsed.

Python's parser can overflow the stack on hostile input (https://docs.python.org/3/library/ast.html#ast.parse), so text
that a model wrote is read by its strings, brackets and lines alone. Time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.scorers._patterns import later

FRESH, BRACKET, STRING = range(3)
"""What a line begins as: anew, inside brackets (or after a backslash), or inside a string."""
_PIECE = later(
    r'''"""|\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*|[\[({]|[\])}]|\\\n|\n''',
)
_STATEMENT = (
    r"import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import[ \t]"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+.*:"
    r"|[A-Za-z_][\w.]*(?:\[.*\])?[ \t]*(?::[^=]*)?(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=[^=]|[A-Za-z_][\w.]*\(|assert[ \t]"
    r"|(?:if|for|while|with|try|except|finally|elif|else|match|async (?:for|with))\b.*:"
)
_SEVERAL = r"\(?\*?[A-Za-z_][\w.\[\]]*(?:,[ \t]*\*?[A-Za-z_][\w.\[\]]*)+\)?[ \t]*=[^=]"
STATEMENT = later(rf"{_STATEMENT}|{_SEVERAL}")
"""A line that a program may begin with."""
_WORDS = r"(?:return|pass|raise|del|global|nonlocal|yield|break|continue|await)\b(?![ \t]+[a-z]+[ \t]+[a-z]+)"
CODE_LINE = later(rf"[ \t]|$|[@#)\]}}]|{_SEVERAL}|{_WORDS}|(?:[rbfuRBFU]{{1,2}})?[\"']|\[|{_STATEMENT}")
"""A line that looks like Python at the top level, or is indented or blank."""
IMPORT = later(r"(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import[ \t]).*")
_FOLLOWS = later(r"(?:else|elif|except|finally)\b|[)\]}]")
_DEFINES = later(r"(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_ASSIGNS = later(r"((?:[A-Za-z_]\w*[ \t]*(?::[^=\n]*)?(?:,|=(?!=))[ \t]*)+)")
_WORD = later(r"[^\W\d]\w*")
_BOUND = (
    r"(?<![\w.])(?:{0})[ \t]*(?:,[^=\n()]*)?(?::[^=\n]*)?(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=)"
    r"|\bfor\b[^:\n]*?\b(?:{0})\b[^:\n]*?\bin\b|\blambda\b[^:\n]*\b(?:{0})\b|\bas[ \t]+(?:{0})\b"
    r"|\bdef[ \t]+\w+\((?:[^)]{{0,2000}},)?\s*\*{{0,2}}(?:{0})[ \t]*[,=:)]"
    r"|\b(?:class|def)[ \t]+(?:{0})\b|\bimport\b[^\n]*\b(?:{0})\b"
)
"""Places at which code gives a name a value of its own."""


def _scan(text: str) -> Iterator[tuple[int, int, str]]:
    """Strings and comments (`s`, `#`), brackets and line ends, each with its place. What is between is code."""
    at = 0
    while (match := _PIECE.search(text, at)) is not None:
        piece, at = match.group(), match.end()
        if piece in ('"""', "'''"):
            end = at
            while (end := text.find(piece, end)) >= 0 and _escaped(text, end):
                end += 1
            at = len(text) if end < 0 else end + 3
            yield match.start(), at, "s"
        else:
            yield match.start(), at, "s" if piece[0] in "\"'" else piece[0]


def _escaped(text: str, place: int) -> bool:
    before = text[max(0, place - 50) : place]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def begins(text: str) -> list[int]:
    """What each line of a text begins as: `FRESH`, `BRACKET` or `STRING`."""
    found, depth = [FRESH], 0
    for start, end, kind in _scan(text):
        if kind == "s":
            found += [STRING] * text.count("\n", start, end)
        elif kind in "[({":
            depth += 1
        elif kind in "])}":
            depth = max(0, depth - 1)
        elif kind == "\\":
            found.append(BRACKET)
        elif kind == "\n":
            found.append(BRACKET if depth else FRESH)
    return found


def open_quotes(text: str) -> str:
    """The three quotes of the string that a text ends inside. `""` if it ends in none."""
    last = ""
    for start, end, kind in _scan(text):
        last = text[start:end] if kind == "s" and end == len(text) else ""
    quotes = last[:3] if last[:3] in ('"""', "'''") else ""
    return "" if len(last) >= 2 * len(quotes) and last.endswith(quotes) else quotes


def outside(text: str, change: Callable[[str], str]) -> str:
    """The text with its code changed, and its strings and comments left alone."""
    parts, at = [], 0
    for start, end, kind in _scan(text):
        if kind in "s#":
            parts += [change(text[at:start]), text[start:end]]
            at = end
    return "".join([*parts, change(text[at:])])


def parted(text: str, sign: str) -> list[str]:
    """The text between a sign that stands outside strings, comments and brackets."""
    cuts, depth, at = [], 0, 0
    for start, end, kind in [*_scan(text), (len(text), len(text), "")]:
        if not depth:
            cuts += [at + found.start() for found in re.finditer(re.escape(sign), text[at:start])]
        depth = max(0, depth + (kind in ("[", "(", "{")) - (kind in ("]", ")", "}")))
        at = end
    parts, before = [], 0
    for cut in cuts:
        parts.append(text[before:cut])
        before = cut + len(sign)
    return [*parts, text[before:]]


def first_statement(text: str) -> str:
    """The text up to the end of its first line outside brackets, without a comment."""
    depth, seen = 0, False
    for start, end, kind in _scan(text):
        seen = seen or bool(text[:start].strip())
        if kind == "#" or (kind == "\n" and not depth and seen):
            return text[:start]
        depth = max(0, depth + (kind in ("[", "(", "{")) - (kind in ("]", ")", "}")))
        seen = seen or bool(text[:end].strip())
    return text


def bracketed(text: str, opening: int) -> str | None:
    """What stands between the bracket at a place and the one that closes it. `None` if none does."""
    depth = 0
    for start, end, kind in _scan(text[opening:]):
        depth += (kind in ("[", "(", "{")) - (kind in ("]", ")", "}"))
        if not depth:
            return text[opening + 1 : opening + end - 1]
        del start
    return None


def dedent(text: str) -> str:
    """The text without the indentation that its lines share. Lines that begin inside a string do not count."""
    lines, states = text.split("\n"), begins(text)
    widths = [
        len(line) - len(line.lstrip(" \t"))
        for line, state in zip(lines, states, strict=True)
        if state == FRESH and line.strip()
    ]
    least = min(widths, default=0)
    return "\n".join(_less(line, least) for line in lines)


def _less(line: str, width: int) -> str:
    blank = len(line) - len(line.lstrip(" \t"))
    return line[min(width, blank) :]


def indent(text: str, by: str) -> str:
    """The text with every line indented that has something on it and begins outside a string."""
    return "\n".join(
        by + line if line.strip() and state != STRING else line
        for line, state in zip(text.split("\n"), begins(text), strict=True)
    )


def until_prose(text: str) -> str:
    """The text up to its first line at the margin that is no Python."""
    lines = text.split("\n")
    for number, (line, state) in enumerate(zip(lines, begins(text), strict=True)):
        if state == FRESH and not CODE_LINE.match(line):
            return "\n".join(lines[:number])
    return text


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the margin, with all that hangs on it."""

    text: str
    names: frozenset[str]
    """What it defines: a function, a class, constants, imported names."""
    kind: str
    """`import`, `definition`, `constant`, or `other`."""


def statements(code: str) -> list[Statement]:
    """The statements of a block, in order."""
    groups: list[list[str]] = []
    decorated = False
    for line, state in zip(code.split("\n"), begins(code), strict=True):
        fresh = state == FRESH and bool(line) and line[0] not in " \t#" and not _FOLLOWS.match(line)
        if not groups or (fresh and not decorated):
            groups.append([])
        groups[-1].append(line)
        if fresh:
            decorated = line.startswith("@")
    return [_statement("\n".join(group)) for group in groups if any(map(str.strip, group))]


def _statement(text: str) -> Statement:
    head = next((line for line in text.split("\n") if line.strip() and line[0] not in "@#"), "")
    if IMPORT.match(head):
        names = _WORD.findall(re.sub(r"[\w.]+[ \t]+as[ \t]+", "", text.partition("import")[2]))
        return Statement(text, frozenset(names) if "*" not in text else frozenset("*"), "import")
    if (found := _DEFINES.match(head)) is not None:
        return Statement(text, frozenset({found[1]}), "definition")
    if (found := _ASSIGNS.match(head)) is not None:
        return Statement(text, frozenset(_WORD.findall(re.sub(r":[^=,\n]*", "", found[1]))), "constant")
    return Statement(text, frozenset(), "other")


def words(code: str) -> frozenset[str]:
    """Every word of the code."""
    return frozenset(_WORD.findall(code))


def binds(code: str, name: str) -> bool:
    """Whether a code gives a name a value of its own anywhere."""
    return re.search(_BOUND.format(re.escape(name)), code) is not None


_NOTHING = later(
    r"\breturn[ \t]*(?=\.\.\.)|\breturn(?:[ \t]+None)?[ \t]*(?=[;\n]|\Z)"
    r"|raise[ \t]+NotImplementedError(?:\(\))?|\bpass\b|\.\.\.|…|[;\s]"
)
_TO_COME = later(r"#[^\n]*(?:\btodo\b|\bcode (?:goes )?here\b|\bimplement)", re.IGNORECASE)
_CONSTANT = later(r"\breturn[ \t]+(?:-?\d+|True|False|\[\]|\{\}|\(\))?[ \t]*(?=[;\n]|\Z)")


def is_stub(body: str) -> bool:
    """Whether the text after a function's head does nothing: a docstring, `...`, `pass`, a comment, not implemented.

    So does `return None`, and any constant that it returns if a comment says that code is still to come.
    """
    kept = []
    at = 0
    for start, end, kind in _scan(body):
        if kind in "s#":
            kept.append(body[at:start])
            at = end
    rest = "".join([*kept, body[at:]])
    if _TO_COME.search(body):
        rest = _CONSTANT.sub("", rest)
    return not _NOTHING.sub("", rest)
