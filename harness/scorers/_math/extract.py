r"""Finds the final answer in a model's text.

Three kinds of place are tried, the surest first:

1. a *mark*: a box, `#### …`, `<answer>…</answer>`, `"answer": …` in JSON. The one that ends last counts.
2. a *phrase*: "the answer is …", "Answer: …", "A: …", "… is the answer", in the languages of MGSM. The last one counts.
   It goes before a mark that the model takes back ("wait, that is wrong …") or replaces ("The final answer is …").
3. a *close*: the last line, if it is a value or ends on one.

A mark that holds a placeholder (`\boxed{}`, `<answer>your answer</answer>`) counts only if there is nothing else.
A place that touches the end of a text that was cut off does not count, because its answer may be half.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.scorers._math import closes, phrases, words
from harness.scorers._math.phrases import MAX_TRIES
from harness.scorers._math.tokens import MAX_CHARS
from harness.scorers._patterns import later


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found, by which rule, and where it ends in the text."""

    answer: str
    """`""` if there is none."""
    rule: str
    """boxed, hash, tag, json, phrase, line, close, or none."""
    end: int = 0
    """One past the last character that was used."""
    note: str = ""
    """Why there is no answer."""
    placeholder: bool = False
    """It is the form of an answer, and not one."""


def extract(text: str, *, truncated: bool = False) -> Extraction:
    """The final answer of a text. Never raises. Time is linear in the length of the text.

    Args:
        text: the model's answer, without what was wrapped around it.
        truncated: it was cut off at the token limit.
    """
    body = text
    if not body.strip():
        return Extraction("", "none", note="the text is empty")
    if "<<" in body:
        body = _CALCULATION.sub("", body)
    if "</" in body:
        body = _MARKUP.sub(_line_or_nothing, body)
    found = _place(body)
    if found is None:
        return Extraction("", "none", note="no final answer is marked or stated")
    closed = found.rule == "boxed" or (found.rule == "tag" and body[: found.end].endswith(">"))
    if truncated and not closed and found.end >= len(body.rstrip()):
        return Extraction("", "none", note="the text was cut off in what may be the answer")
    if truncated and _RETRACTION.search(body, found.end):
        return Extraction("", "none", note="the text was cut off while the answer was thought over")
    answer = phrases.with_points(found.answer, body)
    return found if answer is found.answer else replace(found, answer=answer)


def _place(body: str) -> Extraction | None:
    """The place that counts."""
    marks = _marks(body)
    real = [mark for mark in marks if not mark.placeholder]
    if not real:
        lone_letter = any(mark.answer.isalpha() for mark in marks if len(mark.answer) == 1)
        found = _phrase(body, after=0) or (None if lone_letter else _close(body))
        return found or (marks[-1] if marks else None)
    found = real[-1]
    later = phrases.stated(body, found.end)
    if later and found.rule != "json" and (later.final or _RETRACTION.search(body, found.end, later.end)):
        return Extraction(later.value, "phrase", later.end)
    return found


_A_LETTER = later(r"[A-J]")
_IN_WORDS = later(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){0,3}")


_A_RELATION = later(r"[=<>≤≥]|\\(?:leq?|geq?)(?![A-Za-z])")
_A_DATE = later(rf"(?:{words.MONTH}) \d|\d(?:st|nd|rd|th)? (?:{words.MONTH})", re.IGNORECASE)
_A_LIST = later(r"-?[\d./]+(?:, ?-?[\d./]+)+")
_SEVERAL = later(r"[,;]|\band\b")
_A_NUMBER = later(r"\d[\d,]*")


def shaped(text: str, wanted: str, found: Extraction) -> Extraction:
    """What is found. If no mark or phrase gives it, the close of the text in the shape that the gold answer has.

    A sentence may close on several things, a date on its year. So a word, the letter of a choice, a date, a relation or
    a number in words is looked for if the gold answer is one.
    """
    if found.rule not in ("close", "none", "phrase"):
        return found
    plain = phrases.without_text(wanted).strip("$() ")
    for shape, seek in _SHAPES:
        if shape(wanted.strip("$ ") if seek is closes.closing_list else plain):
            return _sought(seek, text, found)
    said = closes.closing_numeral(text) if not found.answer and _A_NUMBER.fullmatch(plain) else None
    return Extraction(said[0], "close", said[1]) if said else found


_SHAPES = (
    (_A_LIST.fullmatch, closes.closing_list),
    (_A_LETTER.fullmatch, closes.closing_letter),
    (_IN_WORDS.fullmatch, closes.closing_words),
    (_A_DATE.search, closes.closing_date),
    (_A_RELATION.search, closes.closing_relation),
)


def _sought(seek: Callable[[str], tuple[str, int] | None], text: str, found: Extraction) -> Extraction:
    """What is sought in the sentence that a phrase leads up to, or in the close of the text."""
    if seek is closes.closing_list and _SEVERAL.search(found.answer):
        return found
    stated = found.rule == "phrase" and seek in (closes.closing_letter, closes.closing_words)
    if found.rule not in ("close", "none") and not (stated and len(found.answer.split()) > 2):  # noqa: PLR2004
        return found
    said = seek(found.answer if stated else text)
    if said is None:
        return found
    return replace(found, answer=said[0]) if stated else Extraction(said[0], "close", said[1])


def answered(text: str) -> bool:
    """Whether a text holds a final answer: what comes after it may be another question's."""
    return (found := _place(text)) is not None and not found.placeholder


def gold(target: str) -> str:
    """The answer in a reference solution: its mark, its last `A:` line, what a page of prose states, or all of it."""
    body = target.strip()
    if "####" in body or "boxed" in body:
        found = _last_mark(body)
        if found is not None and found.answer and not found.placeholder:
            return found.answer
    last = body[body.rfind("\n") + 1 :].strip()
    if last.startswith("A:"):
        return last[2:].strip()
    found = _phrase(body, after=0) if len(body) > LONGEST_GOLD else None
    return found.answer if found else body


def _phrase(body: str, after: int) -> Extraction | None:
    found = phrases.stated(body, after)
    return Extraction(found.value, "phrase", found.end) if found else None


def _close(body: str) -> Extraction | None:
    found = closes.closing(body)
    return Extraction(found[0], found[2], found[1]) if found else None


# What counts of the text --------------------------------------------------------------------------------------

LONGEST_GOLD = 300
"""The longest gold answer in MATH, AIME and OlympiadBench is shorter."""
_CALCULATION = later(r"<<[^<>\n]{0,200}>>")
"""The calculator marks of GSM8K solutions."""
_MARKUP = later(
    r"</?(?:solution|result|output|response|conclusion|final[ _-](?:result|output|response)|step"
    r"|b|strong|i|em|u|p|span|div|li|ul|ol|h[1-6]|mark|center|font|big|small|del|ins)(?:\s[^<>]{0,200})?>|<br ?/?>",
    re.IGNORECASE,
)
"""Tags that dress text, or say what it is for."""
_RETRACTION = later(
    r"\b(?:wait|actually|hmm|oops|no,|mistake|wrong|error|incorrect|correction|apologi[sz]e|let me (?:re|double)"
    r"|instead|should (?:be|have been))",
    re.IGNORECASE,
)


def _line_or_nothing(tag: re.Match[str]) -> str:
    return "" if _INLINE.fullmatch(tag.group()) else "\n"


_INLINE = later(r"</?(?:b|strong|i|em|u|span|mark|font|big|small|del|ins)\b[^<>]*>", re.IGNORECASE)


# Marks --------------------------------------------------------------------------------------------------------

_BOX = later(r"(?:\\(?:boxed|fbox|framebox)|\x08oxed|(?<![A-Za-z\\])boxed(?=\s*\{))\s*")
"""A box. Also one whose backslash was lost, or read as a backspace, on the way through JSON."""
_BRACES = later(r"\\.|[{}]", re.DOTALL)
_BARE_BOX = later(r"[-+]?\d[^\s${}\\]*|[A-Za-z](?![A-Za-z'])")
_UNCLOSED_BOX = later(r"\{([^{}$\n]*)(?:\$|\\\]|\\\))")
_GAP = later(r"\n[ \t]*[-•*][ \t]|[\s$.*]|\\[()\[\]]|\\(?:quad|qquad|text|textbf|mathrm)(?![A-Za-z])|\\[,;: ]|[{}]")
_JOINT = later(r"(?:[a-z]{2,12}(?=and))?[,;&]*(and|or)?(?:[A-Za-z](?:_\w)?=)?", re.IGNORECASE)
_SIDE_BY_SIDE = later(r"[ $]*")
_LONGEST_GAP = 80
_HASH = later(r"####[ \t]*([^\n]*)")
_HEADING = later(
    r"\**(?:step|part|case|method|solution|conclusion|calculation|explanation|verif|final answer\W*$)",
    re.IGNORECASE,
)
_HASH_LABEL = later(r"\**(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|[:=])\s*\**", re.IGNORECASE)
_HASH_WORDS = 3
_TAG = later(r"[<\[](/?)\s*(?:final[ _-]?answer|final|answer|ans)\s*[>\]]", re.IGNORECASE)
_JSON = later(
    r"""["'](?:final[ _])?answer["']\s*:\s*"""
    r"""(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\[([^\[\]\n]*)\]|([^\s,}"'\[][^,}\n]*))""",
    re.IGNORECASE,
)
_AS_A_FORM = later(r"\b(?:in|inside|within|into|form|format|using|as|like|with)\b\W*\Z", re.IGNORECASE)
"""Before a box that holds a letter: "within \\boxed{N} as requested"."""
_CONTROL = str.maketrans({"\f": "\\f", "\t": "\\t", "\b": "\\b", "\r": "\\r", "\x0b": "\\v", "\n": "\\n"})


def _last_mark(text: str) -> Extraction | None:
    """The mark that ends last. One that holds more than a placeholder goes first."""
    marks = _marks(text)
    return next((mark for mark in reversed(marks) if not mark.placeholder), marks[-1] if marks else None)


def _marks(text: str) -> list[Extraction]:
    """The last mark of each kind, as they end."""
    found = [mark for mark in (_boxed(text), _hashed(text), _tagged(text), _in_json(text)) if mark is not None]
    return sorted(found, key=lambda mark: mark.end) if len(found) > 1 else found


def _boxed(text: str) -> Extraction | None:
    """The last box. Boxes joined by commas, "and" or "or" are one answer."""
    boxes = _boxes(text)
    if not boxes:
        return None
    real = [box for box in boxes if not _is_form(text, box)]
    placeholder = not real
    boxes = real or boxes
    contents, joiner = [boxes[-1][2]], ","
    for before, after in zip(boxes[-2::-1], boxes[:0:-1], strict=False):
        between = text[before[1] : after[0]]
        joint = _JOINT.fullmatch(_GAP.sub("", between)) if len(between) <= _LONGEST_GAP else None
        if not joint or not before[2].strip() or (not joint.group() and not _SIDE_BY_SIDE.fullmatch(between)):
            break
        if (joint.group(1) or "").lower() == "or":
            joiner = " or "
        contents.insert(0, before[2])
    if len(set(contents)) == 1:
        del contents[1:]
    answer = joiner.join(contents).strip()
    return Extraction(answer, "boxed", boxes[-1][1], "" if answer else "the box is empty", placeholder)


def _is_form(text: str, box: tuple[int, int, str]) -> bool:
    start, _, content = box
    content = content.strip()
    if len(content) == 1 and content.isalpha():
        return _AS_A_FORM.search(text, max(0, start - _LONGEST_GAP), start) is not None
    return phrases.holds_nothing(content)


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """Start, end and content of the outermost boxes near the end of the text, in order."""
    if "oxed" not in text and "box" not in text:
        return []
    boxes: list[tuple[int, int, str]] = []
    places = list(_BOX.finditer(text))[-MAX_TRIES:]
    for place in places:
        if boxes and place.start() < boxes[-1][1]:
            continue  # a box in a box
        content = _box_content(text, place.end())
        if content is not None:
            boxes.append((place.start(), place.end() + content[1], content[0]))
        elif place is places[-1] and text.startswith("{", place.end()):
            return []  # the last box never closes: the text was cut, and an earlier box is not the answer
    return boxes


def _box_content(text: str, start: int) -> tuple[str, int] | None:
    """The braced group (or bare token) at `start`, and its length. `None` if it never closes."""
    if not text.startswith("{", start):
        bare = _BARE_BOX.match(text, start)
        return (bare.group().rstrip(".,"), bare.end() - start) if bare else None
    depth = 0
    window = text[start : start + 4 * MAX_CHARS]
    for piece in _BRACES.finditer(window):
        depth += (piece.group() == "{") - (piece.group() == "}")
        if depth == 0 and piece.group() == "}":
            return window[1 : piece.start()], piece.end()
    if len(text) > start + len(window):
        return window[1:], len(window)  # too long to be read, and reported as such
    # A forgotten brace: the mathematics ends, the sentence goes on.
    closed = _UNCLOSED_BOX.match(text, start)
    return (closed.group(1), closed.end() - start) if closed else None


def _hashed(text: str) -> Extraction | None:
    """`#### 72`, but not a heading of the same depth."""
    if "####" not in text:
        return None
    for match in reversed(list(_HASH.finditer(text))[-MAX_TRIES:]):
        content = match.group(1).strip(" #\t")
        if _HEADING.match(content) or content.endswith(":") or phrases.holds_nothing(content):
            continue
        content = _HASH_LABEL.sub("", content, count=1).strip("* ")
        alone = text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip() == ""
        if any(map(str.isdigit, content)) or "\\" in content or (alone and len(content.split()) <= _HASH_WORDS):
            return Extraction(content, "hash", match.end())
    return None


def _tagged(text: str) -> Extraction | None:
    """What stands in the last pair of tags, or behind an opening tag at the end that is never closed."""
    tags = list(_TAG.finditer(text))[-MAX_TRIES:] if "<" in text or "[/" in text else []
    if not tags:
        return None
    if not tags[-1].group(1):
        line = text[tags[-1].end() :].lstrip().partition("\n")[0]
        if phrases.is_value(line):
            return Extraction(_inner(line), "tag", text.index(line, tags[-1].end()) + len(line))
    pairs = [
        Extraction(_inner(text[opening.end() : closing.start()]), "tag", closing.end())
        for opening, closing in zip(tags[-2::-1], tags[:0:-1], strict=False)
        if closing.group(1) and not opening.group(1)
    ]
    empty = [replace(pair, note="the tag is empty", placeholder=True) for pair in pairs[:1]]
    return next((pair for pair in pairs if not phrases.holds_nothing(pair.answer)), empty[0] if empty else None)


def _in_json(text: str) -> Extraction | None:
    if "nswer" not in text and "NSWER" not in text:
        return None
    empty: Extraction | None = None
    for match in reversed(list(_JSON.finditer(text))[-MAX_TRIES:]):
        quoted, listed, bare = match.groups()
        content = _inner(_unquoted(quoted) if quoted else (listed or "").replace('"', "") or bare or "")
        if not phrases.holds_nothing(content):
            return Extraction(content, "json", match.end())
        empty = empty or Extraction(content, "json", match.end(), "the answer field is empty", placeholder=True)
    return empty


def _inner(content: str) -> str:
    box = _boxed(content)
    return box.answer if box else content.strip()


def _unquoted(quoted: str) -> str:
    r"""A JSON string. LaTeX that was not escaped (`\f` of `\frac` is a form feed to JSON) is taken as meant."""
    if "\\" not in quoted or quoted[0] == "'":
        return quoted[1:-1]
    try:
        content = str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1].replace("\\\\", "\\").replace('\\"', '"')
    return content.translate(_CONTROL)
