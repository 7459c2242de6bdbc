"""Finds the program in a model's answer, and makes it whole.

The choice is fixed before any test runs: one program per answer, never the best of several. Text is read by lines,
strings and brackets alone (`_python`): nothing that a model wrote is parsed in this process.

A published executor takes less: `official` gives what it would have run (`metadata.extract: official`), and the score
of an answer that only passes here says so.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.scorers import _python
from harness.scorers._fences import PYTHON, Block, blocks
from harness.scorers._patterns import later

Rule = Literal["fence", "body", "plain", "completion", "official"]

FUTURE = later(r"^from[ \t]+__future__[ \t]+import[ \t].*$\n?", re.MULTILINE)
STOPS = ("\nclass", "\ndef", "\nif", "\nprint")
"""What ends a completion by default: the stop texts of Chen et al. 2021, section 3.1, except `\\n#`."""
SCRIPT = "__main__"
"""The entry point of a program that reads standard input: the whole of it is the answer."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The code found in an answer, and how it was found."""

    code: str
    rule: Rule
    """`fence`: a fenced block. `body`: the body of the prompt's function. `plain`: lines of code without a fence.
    `completion`: the text goes on from the end of the prompt. `official`: as the published executor takes it."""


def extract(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    """Find the program in an answer.

    In a chat answer the program is the last Python block that defines the entry point, is no stub and is not shown as a
    mistake, with what it needs of the other blocks. If there is none, it is the body of the prompt's function, in a
    block or without. If there is none either, it is the lines of code around a definition without a fence. A completion
    is taken as it is, see `_completion`.

    Args:
        text: the model's answer, without what was wrapped around it.
        doc: the document: `entry_point`. If it has them, also `prompt`, `completion` and `until`, the stop texts.

    Returns:
        The code, or `None` if there is none.
    """
    text = _spelling(text)
    name = doc["entry_point"]
    if doc.get("completion") and name != SCRIPT:
        found = _completion(text, doc)
        return found if found is not None and found.code.strip() else None
    text = _CDATA.sub(r"\n\1\n", text)
    held = _unwrapped(text)
    kept = held is not text and name != SCRIPT and defines(text, doc) and not defines(held, doc)
    return _of_chat(text if kept else held, doc)


def _of_chat(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    name = doc["entry_point"]
    if "```" not in text and re.search(r"^(?:\'\'\'|\"\"\")[ \t]*(?:python|py)[ \t]*$", text, re.MULTILINE):
        text = _QUOTED_FENCE.sub("```", text)
    found = [block for block in _tagged(text) or blocks(text) if block.code.strip()]
    chosen = _of_blocks(text, found, doc)
    if chosen is None:
        chosen = _without_fence(_ticked(text), doc)
    if chosen is None or not chosen.code.strip():
        return None
    return Extracted(_adapted(chosen.code, name), chosen.rule)


def defines(text: str, doc: Mapping[str, Any]) -> bool:
    """Whether a text defines what is asked for: what comes after it may answer another question."""
    found = None if doc["entry_point"] == SCRIPT else _defining(doc["entry_point"]).search(text)
    # In a docstring, `Input:` is no question but an example of the function's.
    return found is not None and _python.begins(f"{text[found.start() :]}\n")[-1] != _python.STRING


def assemble(found: Extracted, doc: Mapping[str, Any]) -> str:
    """Make a whole module of the code, with the prompt's own signature, imports and helpers if it needs them.

    Args:
        found: the code of an answer.
        doc: the document: `entry_point`. If it has them, also `prompt` and `prelude` (imports that the benchmark puts
            before every answer).

    Returns:
        Python source, ready to run.
    """
    prompt = doc.get("prompt") or ""
    if found.rule == "completion":
        return prompt + found.code
    if found.rule == "body":
        return f"{prompt.rstrip()}\n{_python.indent(_python.dedent(found.code), _inside(prompt))}"
    head = re.search(rf"^(?:async[ \t]+)?def[ \t]+{re.escape(doc['entry_point'])}\b", prompt, re.MULTILINE)
    prelude = prompt[: head.start()] if head else ""
    future = "".join(FUTURE.findall(found.code))
    return "".join([future, doc.get("prelude", ""), prelude, FUTURE.sub("", found.code)])


def official(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    """What the published executors run.

    A completion is run whole (https://github.com/openai/human-eval, execution.py). Of a program, what stands between
    the last two fences is run (https://github.com/LiveCodeBench/LiveCodeBench, extraction_utils.py). Of a function, the
    first Python block, or without one the whole answer (https://github.com/openai/simple-evals, humaneval_eval.py).

    Args:
        text: the model's answer.
        doc: as for `extract`.
    """
    if doc.get("completion") and doc["entry_point"] != SCRIPT:
        kept = _up_to(text, doc.get("until", STOPS))
        return Extracted(kept, "completion") if kept.strip() else None
    if doc["entry_point"] == SCRIPT:
        lines = text.split("\n")
        marks = [number for number, line in enumerate(lines) if "```" in line]
        code = "\n".join(lines[marks[-2] + 1 : marks[-1]]) if len(marks) > 1 else ""
    else:
        block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
        code = block[1] if block else text
    return Extracted(code, "official") if code.strip() else None


# Spelling -----------------------------------------------------------------------------------------------------

_ODD = later("[\u00a0\u00ad\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
_ODD_SPACES = later("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = later("[\u00ad\u200b-\u200f\u2060\ufeff]")
_ENTITY = later(r"&(?:lt|gt|amp|quot|#39|#x27|apos);")


def _spelling(text: str) -> str:
    """Line ends as Python's. Spaces and marks that only look like nothing become so, but in strings and comments."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _ODD.search(text):
        return text
    return _python.outside(text.removeprefix("\ufeff"), lambda code: _INVISIBLE.sub("", _ODD_SPACES.sub(" ", code)))


def _plain_text(code: str) -> str:
    """Code whose `<` and `&` came as HTML entities."""
    escaped = False

    def look(part: str) -> str:
        nonlocal escaped
        escaped = escaped or _ENTITY.search(part) is not None
        return part

    if _ENTITY.search(code):
        _python.outside(code, look)
    return html.unescape(code) if escaped else code


_PROMPT = later(r"[ \t]*(?:>>>|\.\.\.|In \[\d*\]:|\.\.\.:)(?: |$)")
_MAGIC = later(r"(?:%{1,2}[A-Za-z]\w*|![A-Za-z.]|\$ )[^\n]*")


_NUMBERED = later(r"[ \t]*(\d{1,4})(?:[ \t]*[|│:][ \t]?|[ \t]{1,2}|$)")


def _without_numbers(code: str) -> str:
    """Code without the numbers of its lines, if all lines have one and each is one more than the last."""
    lines = [line for line in code.split("\n") if line.strip()]
    marks = [_NUMBERED.match(line) for line in lines]
    numbers = [int(mark[1]) for mark in marks if mark is not None]
    if len(lines) < 2 or numbers != list(range(numbers[0] if numbers else 0, (numbers or [0])[0] + len(lines))):  # noqa: PLR2004
        return code
    return "\n".join(line[mark.end() :] for line, mark in zip(lines, marks, strict=True) if mark is not None) + "\n"


def _session(code: str) -> str:
    """The code of an interactive session, or of a notebook's cell, without its prompts, outputs and magics."""
    lines = code.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _PROMPT.match(first):
        marked = [(line, mark) for line in lines if (mark := _PROMPT.match(line))]
        code = "\n".join(line[mark.end() :] for line, mark in marked) + "\n"
        lines = code.split("\n")
    if any(_MAGIC.fullmatch(line) for line in lines):
        states = _python.begins(code)
        code = "\n".join(
            line
            for line, state in zip(lines, states, strict=True)
            if state != _python.FRESH or not _MAGIC.fullmatch(line)
        )
    return code


# What the code came in ----------------------------------------------------------------------------------------

_KEYS = ("code", "solution", "program", "python", "python_code", "completion", "answer", "function", "implementation",
         "content", "text", "arguments", "input")  # fmt: skip
"""Keys that code stands under. The last ones count only if what they hold looks like Python."""
_LOOSE = frozenset({"content", "text", "arguments", "input"})
_LOOKS_LIKE_CODE = later(r"^[ \t]*(?:(?:async[ \t]+)?def|class|import|from|return|```)\b|```", re.MULTILINE)
_JSON = later(rf'\\?"(?:{"|".join(_KEYS)})\\?"\s*:\s*\\?"', re.IGNORECASE)
_DEPTH = 4
_BEFORE = 2000
_CDATA = later(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_TAGS = 20
"""Opening tags of an answer that are looked at."""
_OPENING_TAG = later(
    r"[ \t]*(?:<(?P<xml>code|pre|python|py|answer|solution|response|output|final|(?:ant)?artifact|result)\b[^<>\n]*>"
    r"(?:[ \t]*<code[^<>\n]*>)?|\[(?P<square>PYTHON|CODE|ANSWER|SOLUTION|BEGIN)(?:=[\w\"']{1,12})?\]"
    r"|\\begin\{(?P<tex>lstlisting|verbatim|minted|python)\}(?:[\[{][^\n]*[\]}])*)[ \t]*",
    re.IGNORECASE,
)


def _unwrapped(text: str) -> str:
    """The code in the JSON that an answer is. Or that it holds, if it has no fence of another language."""
    if (whole := text.strip())[:1] == whole[-1:] == '"' and "\n" not in whole:
        held = _decoded(whole)
        return held if isinstance(held, str) and held else text
    key = _JSON.search(text)
    if key is None or any(block.language not in ("", "json") for block in blocks(text)):
        return text
    places = [place for mark in "[{" if (place := text.find(mark, max(0, key.start() - _BEFORE), key.start())) >= 0]
    for place in sorted(places):
        try:
            held, _ = json.JSONDecoder(strict=False).raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        if (code := _in_json(held, _DEPTH)) is not None:
            return code
    return text


def _decoded(text: str) -> Any:
    """What a text is the JSON of. `None` if it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _in_json(held: Any, depth: int) -> str | None:
    """The first text under one of `_KEYS`, which stand in the order of their worth. Also in JSON within the JSON."""
    if isinstance(held, str) and held.lstrip()[:1] in ("{", "["):
        held = _decoded(held)
    if depth == 0 or not isinstance(held, dict | list):
        return None
    if isinstance(held, dict):
        by_name = {str(key).lower(): value for key, value in held.items()}
        found = next((value for key in _KEYS if _is_code(key, value := by_name.get(key))), None)
        if found is not None:
            return str(found)
    inner = list(held.values() if isinstance(held, dict) else held)[:20]
    return next((code for value in inner if (code := _in_json(value, depth - 1)) is not None), None)


def _is_code(key: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    return key not in _LOOSE or (value.lstrip()[:1] != "{" and _LOOKS_LIKE_CODE.search(value) is not None)


def _tagged(text: str) -> list[Block]:
    """The blocks between tags that have lines of their own, if there is no fence."""
    if "```" in text or "~~~" in text:
        return []
    found: list[Block] = []
    lines = text.split("\n")
    number = tried = 0
    while number < len(lines) and tried < _TAGS:
        opening = _OPENING_TAG.fullmatch(lines[number])
        number += 1
        if opening is None:
            continue
        tried += 1
        word = opening["xml"] or opening["square"] or opening["tex"]
        ends = re.compile(
            rf"(?P<code>.*?)(?:</code>)?(?:</{word}>|\[/{word}\]|\[DONE\]|\\end\{{{word}\}})\s*", re.IGNORECASE
        )
        end = next((at for at in range(number, len(lines)) if ends.fullmatch(lines[at])), None)
        inside = lines[number:end]
        if end is not None and (last := ends.fullmatch(lines[end])) is not None and last["code"].strip():
            inside.append(last["code"])
        if any(map(_OPENING_TAG.fullmatch, inside)):
            continue  # the inner one is looked at next
        found.append(Block("", _python.dedent("\n".join(inside)), 0, 0, 0, 0, closed=end is not None))
        number = len(lines) if end is None else end + 1
    return found


def _ticked(text: str) -> str:
    """The text without the backticks around whole lines of code."""
    return re.sub(r"^[ \t]*`([^`\n]+)`[.;]?[ \t]*$", r"\1", text, flags=re.MULTILINE)


# Blocks -------------------------------------------------------------------------------------------------------

_WRONG = later(
    r"\b(?:incorrect(?:ly)?|wrong(?:ly)?|avoid(?:ed|ing)?|bad|buggy|broken|flawed|mistaken?|mistakes|don[’']?t|do not"
    r"|never|not|shouldn[’']?t|fails?|failing|anti-?pattern|counter-?example|pitfalls?|erroneous|faulty|invalid"
    r"|would break)\b",
    re.IGNORECASE,
)
_MENDED = later(
    r"\b(?:fix(?:ed|es|ing)?|correct(?:ed|ion|s|ly)?|right|better|improved?|final|proper(?:ly)?|instead|solution"
    r"|(?<!not )(?<!n[’']t )works?"
    r"|rather|not only|does not use|without)\b",
    re.IGNORECASE,
)
_SENTENCE = later(r"(?<=[.!?])\s+|\n\s*\n")
_RETURNS = later(r"^[ \t]*(?:return|yield|raise)\b", re.MULTILINE)
_PRINTS = later(r"\b(?:print|write|writelines)[ \t]*\(|\bstdout\b")


def _defining(name: str, *, anywhere: bool = False) -> re.Pattern[str]:
    margin = r"[ \t]*" if anywhere else ""
    name = re.escape(name)
    return re.compile(
        rf"^{margin}(?:(?:async[ \t]+def|def|class)[ \t]+{name}\b|{name}[ \t]*(?::[^=\n]*)?=[^=])", re.MULTILINE
    )


def _of_blocks(text: str, found: Sequence[Block], doc: Mapping[str, Any]) -> Extracted | None:
    """The program in the blocks of an answer."""
    name = doc["entry_point"]
    usable = [block for block in found if block.language in PYTHON] or list(found)
    named = [block for block in usable if block.language]
    codes = [_code(block) for block in usable]
    if name == SCRIPT:
        if named and any(_PRINTS.search(_code(block)) for block in named):
            usable, codes = named, [_code(block) for block in named]
        return _program(codes, _shown_as_wrong(text, usable))
    wrong = _shown_as_wrong(text, usable)
    for anywhere in (False, True):
        defining = _defining(name, anywhere=anywhere)
        holding = [number for number, code in enumerate(codes) if defining.search(code)]
        if holding:
            able = [number for number in holding if not _is_stub(codes[number], defining)] or holding
            chosen = ([number for number in able if not wrong[number]] or able)[-1]
            others = [code for number, code in enumerate(codes) if number not in holding]
            return Extracted(_with_helpers(codes[chosen], others, name), "fence")
    if doc.get("prompt"):
        bodies = [code for code in codes if _is_body(code, name)]
        if bodies and _defining(name).search(_outside(text, found)) is None:
            return Extracted(bodies[-1], "body")
    if codes and _defining(name, anywhere=True).search(text) is None:
        return Extracted(codes[-1], "fence")
    return None


def _code(block: Block) -> str:
    """A block's code. If nothing closes it, up to the first line of prose."""
    code = _plain_text(_python.dedent(_session(_without_numbers(block.code))))
    return code if block.closed else _python.until_prose(code)


def _outside(text: str, found: Sequence[Block]) -> str:
    """What of a text is in none of its blocks."""
    parts, at = [], 0
    for block in found:
        parts.append(text[at : block.start])
        at = block.stop
    return "\n".join([*parts, text[at:]])


def _shown_as_wrong(text: str, found: Sequence[Block]) -> list[bool]:
    """Of each block, whether the sentence before it shows it as a mistake."""
    shown, at = [], 0
    for block in found:
        said = [
            part for part in _SENTENCE.split(text[max(at, block.start - 500) : block.start].strip()) if part.strip()
        ]
        last = said[-1] if said else ""
        shown.append(_WRONG.search(last) is not None and _MENDED.search(last) is None)
        at = block.stop
    return shown


def _is_stub(code: str, defining: re.Pattern[str]) -> bool:
    """Whether the last definition of the name does nothing."""
    place = [match.start() for match in defining.finditer(code)][-1]
    head = re.compile(r"def[ \t]+\w+[ \t]*\(").search(code, place)
    if head is None or code[place : head.start()].strip() not in ("", "async"):
        return False
    lines = code[place:].split("\n")
    states = _python.begins(code[place:])
    width = len(lines[0]) - len(lines[0].lstrip())
    end = next(
        (
            number
            for number, (line, state) in enumerate(zip(lines, states, strict=True))
            if number and state == _python.FRESH and line.strip() and len(line) - len(line.lstrip()) <= width
        ),
        len(lines),
    )
    body = re.match(r"[\s\S]*?\)[ \t]*(?:->[^\n]*?)?:[ \t]*(?=\n|[^\n]*$)", "\n".join(lines[:end]))
    inside = "\n".join(lines[:end])[body.end() :] if body else ""
    return body is not None and _python.is_stub(inside)


def _is_body(code: str, name: str) -> bool:
    """Whether a block is the body of a function: it returns, and neither defines nor only calls it."""
    if _RETURNS.search(code):
        margin = [line for line in code.split("\n") if line and line[0] not in " \t#"]
        return not any(re.match(r"(?:async[ \t]+def|def|class)[ \t]", line) for line in margin) or any(
            re.match(r"(?:return|yield|raise)\b", line) for line in margin
        )
    return not re.search(rf"\b{re.escape(name)}\b|^(?:def|class|async[ \t]+def)\b|^>>>", code, re.MULTILINE)


def _with_helpers(block: str, others: Iterable[str], name: str) -> str:
    """The block, after what it uses of the other blocks: imports, functions, classes, constants."""
    offered = [statement for other in others for statement in _python.statements(other) if statement.kind != "other"]
    own = frozenset(word for statement in _python.statements(block) for word in statement.names)
    wanted, taken = _python.words(block), set[int]()
    grows = True
    while grows:
        grows = False
        for number, one in enumerate(offered):
            if number not in taken and _is_needed(one, wanted, own, block, name):
                taken.add(number)
                wanted |= _python.words(one.text)
                grows = True
    return "\n".join([*(offered[number].text for number in sorted(taken)), block])


def _is_needed(one: _python.Statement, wanted: frozenset[str], own: frozenset[str], block: str, name: str) -> bool:
    if one.kind == "import":
        return "*" in one.names or (name not in one.names and bool(one.names & wanted))
    names = (one.names & wanted) - own
    if not names or name in one.names:
        return False
    if one.kind == "definition":
        return True
    calls_it = re.search(rf"\b{re.escape(name)}[ \t]*\(", one.text)
    return calls_it is None and not any(_python.binds(block, word) for word in names)


def _program(codes: Sequence[str], wrong: Sequence[bool]) -> Extracted | None:
    """The last block that prints something and is not shown as a mistake, with what it needs of the others."""
    if not codes:
        return None
    order = [
        [number for number, code in enumerate(codes) if _PRINTS.search(code) and not wrong[number]],
        [number for number in range(len(codes)) if not wrong[number]],
        list(range(len(codes))),
    ]
    chosen = next(numbers[-1] for numbers in order if numbers)
    others = [code for number, code in enumerate(codes) if number < chosen and not _PRINTS.search(code)]
    return Extracted(_with_helpers(codes[chosen], others, SCRIPT), "fence")


# Without a fence ----------------------------------------------------------------------------------------------

_BODY_LINE = later(r"(?:return|yield|raise|pass|nonlocal|global)\b")
_DOCSTRING = later(r"[rR]?(?:\"\"\"|\'\'\')")
_LONE_RETURN = later(r"^return[ \t]+[^\n]*[\w)\]}'\"]$", re.MULTILINE)
_QUOTED_FENCE = later(r"^(?:\'\'\'|\"\"\")[ \t]*(?:python|py)?[ \t]*$", re.MULTILINE | re.IGNORECASE)
_COMMENTS = later(r"\A(?:[ \t]*(?:#.*)?\n)+")
_OPENS = later(r":[ \t\r]*(?:#.*)?$")
_BLANK = later(r"\A(?:[ \t]*\n)+")


def _without_fence(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    """The program in an answer without blocks, or beside them."""
    name = doc["entry_point"]
    text = _plain_text(_session(text))
    if name == SCRIPT:
        return _run_of_code(text, None, _python.STATEMENT)
    start = _defining(name).search(text)
    if start is not None:
        return _run_of_code(text, start.start(), None)
    indented = _defining(name, anywhere=True).search(text)
    if indented is not None:
        owner = re.search(r"^class[ \t]+\w+", text[: indented.start()], re.MULTILINE)
        if owner is not None:
            return _run_of_code(text, owner.start(), None)
        return Extracted(_indented(text, indented.start()), "plain")
    if doc.get("prompt") and (body := _body(text)) is not None:
        return Extracted(body, "body")
    return _run_of_code(text, None, None)


def _indented(text: str, start: int) -> str:
    """The lines around an indented definition that are at least as deep, without their indentation."""
    lines = text.split("\n")
    first = text.count("\n", 0, start)
    width = len(lines[first]) - len(lines[first].lstrip(" \t"))

    def deep(line: str) -> bool:
        return not line.strip() or len(line) - len(line.lstrip(" \t")) >= width

    last = first
    while first > 0 and deep(lines[first - 1]):
        first -= 1
    while last < len(lines) and deep(lines[last]):
        last += 1
    return _python.dedent("\n".join(lines[first:last])).strip("\n") + "\n"


def _body(text: str) -> str | None:
    """The body of a function in a text: the text itself, or the last lines of it that are deeper and return."""
    text = _COMMENTS.sub("", text)
    first = text.partition("\n")[0]
    if first[:1] in (" ", "\t") or _BODY_LINE.match(first) or _DOCSTRING.match(first) or _python.STATEMENT.match(first):
        whole = _reindented(text)
        margin = [line for line in whole.split("\n") if line.strip() and line[0] not in " \t#"]
        if first[:1] in (" ", "\t") or margin == [first] or _BODY_LINE.match(first) or _RETURNS.search(whole):
            return _python.dedent(_until_margin(whole))
    if (lone := _LONE_RETURN.findall(text)) and not _RETURNS.search(_LONE_RETURN.sub("", text)):
        return str(lone[-1]) + "\n"
    runs = re.findall(r"(?:^(?:[ \t]+\S.*|[ \t]*)(?:\n|\Z))+", text, re.MULTILINE)
    bodies = [_python.dedent(run).strip("\n") + "\n" for run in runs if _RETURNS.search(run)]
    return bodies[-1] if bodies else None


def _reindented(text: str) -> str:
    """A body with its first line's indentation, which a server may have stripped. One at the margin stays there."""
    lines = text.rstrip("\n").split("\n")
    deep = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines[1:] if line.strip()]
    if lines[0][:1] not in (" ", "\t") and "" not in deep[:1] and not _stands(lines):
        lines[0] = min(filter(None, deep), key=len, default="    ") + lines[0]
    return "\n".join(lines) + "\n"


def _stands(lines: Sequence[str]) -> bool:
    """Whether lines from the margin on are indented as Python wants it: deeper after a colon alone, and back again."""
    if len(lines) == 1:
        return False
    levels, opened = [""], False
    for line, state in zip(lines, _python.begins("\n".join(lines)), strict=True):
        if state != _python.FRESH or not line.strip() or line.lstrip().startswith("#"):
            opened = opened or _OPENS.search(line) is not None
            continue
        depth = line[: len(line) - len(line.lstrip(" \t"))]
        if opened and len(depth) > len(levels[-1]):
            levels.append(depth)
        while len(levels[-1]) > len(depth):
            levels.pop()
        if levels[-1] != depth:
            return False
        opened = _OPENS.search(line) is not None
    return True


def _until_margin(text: str) -> str:
    """A body up to the first line at the margin, if it begins deeper. If not, up to the first line of prose."""
    lines = text.split("\n")
    if lines[0][:1] not in (" ", "\t"):
        return _python.until_prose(text)
    for number, (line, state) in enumerate(zip(lines, _python.begins(text), strict=True)):
        if state == _python.FRESH and line.strip() and line[0] not in " \t#":
            return "\n".join(lines[:number])
    return text


def _run_of_code(text: str, start: int | None, opening: re.Pattern[str] | None) -> Extracted | None:
    """The unbroken run of code lines around the definition at `start`, or from the first line of code.

    That line is an import or a definition. In a program that needs neither, it is whatever `opening` matches.
    """
    lines = text.split("\n")
    if start is not None:
        first, states = text.count("\n", 0, start), _python.begins(text)
        while first > 0 and (_python.CODE_LINE.match(lines[first - 1]) or states[first] == _python.STRING):
            first -= 1
    else:
        begin = opening or re.compile(r"(?:async[ \t]+def|def|class)[ \t]+\w+")
        starts = (i for i, line in enumerate(lines) if _python.IMPORT.match(line) or begin.match(line))
        first = next(starts, -1)
        if first < 0:
            return None
    code = _python.until_prose("\n".join(lines[first:]))
    return Extracted(code.strip("\n") + "\n", "plain")


# Whole modules ------------------------------------------------------------------------------------------------


def _adapted(code: str, name: str) -> str:
    """Code that has what is asked for as a method of a class, with a function that calls it."""
    if name == SCRIPT or _defining(name).search(code):
        return code
    method = re.search(
        rf"^class[ \t]+(?P<owner>\w+)(?:(?!\nclass[ \t])[\s\S])*?\n[ \t]+(?:async[ \t]+)?def[ \t]+{re.escape(name)}"
        rf"[ \t]*\([ \t\n]*(?P<first>\w*)",
        code,
        re.MULTILINE,
    )
    if method is None:
        return code
    owner = f"{method['owner']}()" if method["first"] in ("self", "cls") else method["owner"]
    return f"{code.rstrip()}\n\n\ndef {name}(*args, **kwargs):\n    return {owner}.{name}(*args, **kwargs)\n"


def _inside(prompt: str) -> str:
    """The indentation of the body that a prompt begins: that of its last line, if it has one."""
    last = prompt.rstrip().rpartition("\n")[2]
    return last[: len(last) - len(last.lstrip(" \t"))] or "    "


# Completions --------------------------------------------------------------------------------------------------

_SENTENCE_LINE = later(r"[A-Z][a-z’']*(?:,?[ \t]+[\w’'()-]+){2,}[.:!?]?[ \t]*")
"""A line at the margin that is prose: a capital, then words."""


def _completion(text: str, doc: Mapping[str, Any]) -> Extracted | None:
    """The rest of the prompt's function, as published harnesses run it: the text up to the task's stop texts.

    Nothing more is cut, except lines of prose at the margin, a fence, and a second version of the whole function. White
    space that a server stripped from the first line is put back. Without this no executor would run the code.
    """
    name = doc["entry_point"]
    deep = _BLANK.sub("", text)[:1] in (" ", "\t")
    if (
        not deep
        and (found := [block for block in blocks(text) if block.code.strip()])
        and text.lstrip()[:3] in ("```", "~~~")
    ):
        code = _code(found[0])
        if _defining(name).search(code):
            return Extracted(code, "fence")
        return Extracted(_python.indent(code, _inside(doc.get("prompt") or "")), "completion")
    start = _defining(name).search(text)
    if start is not None and not deep:
        return _run_of_code(text, start.start(), None)
    text = _up_to(text, doc.get("until", STOPS))
    lines = text.split("\n")
    for number, (line, state) in enumerate(zip(lines, _python.begins(text), strict=True)):
        if (state == _python.FRESH and _SENTENCE_LINE.fullmatch(line)) or line.startswith("```"):
            text = "\n".join(lines[:number]) + "\n"
            break
    if not deep and text.strip() and not _python.IMPORT.match(text.lstrip("\n")):
        text = _restored(text)
    return Extracted(text, "completion")


def _up_to(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop texts."""
    return text[: min((place for stop in stops if stop and (place := text.find(stop)) >= 0), default=len(text))]


def _restored(text: str) -> str:
    """A completion with the first line's indentation put back, if the lines below show that it was stripped."""
    blank = _BLANK.match(text)
    begin = blank.end() if blank else 0
    first, _, rest = text[begin:].partition("\n")
    below = next((line for line in rest.split("\n") if line.strip()), "")
    stripped = (
        below[:1] in (" ", "\t") or _BODY_LINE.match(first) or (first.rstrip().endswith(":") is False and not below)
    )
    return text[:begin] + "    " * bool(stripped) + text[begin:]
