"""Finds the final answer in a model's text.

Three kinds of place are tried, the surest first:

1. a *mark*: `\\boxed{…}`, `#### …`, `<answer>…</answer>`, `"answer": …` in JSON; the last one counts;
2. a *phrase*: "the answer is …", "Answer: …", "A: …", in the languages of MGSM; the last one counts, also before
   a mark that the model takes back ("wait, that is wrong …");
3. a *close*: the last line, where it is a value or ends in one.

A place that touches the end of a text that was cut off does not count: its answer may be half.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from harness.scorers._math.normalise import plain_characters
from harness.scorers._math.syntax import MAX_CHARS

MAX_TRIES = 50
"""Places of one kind that are looked at, from the end."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found, by which rule, and where it ends in the text."""

    answer: str
    rule: str
    """boxed, hash, tag, json, phrase, line, close, or none."""
    end: int = 0
    """One past the last character that was used; the length of the text means that it may be cut."""
    note: str = ""
    """Why there is no answer."""


def extract(text: str, *, truncated: bool = False) -> Extraction:
    """The final answer of a text.

    Args:
        text: the model's answer, with or without its reasoning in tags.
        truncated: it was cut off at the token limit.

    Returns:
        The extraction; its `answer` is `""` where there is none.
    """
    body, note = _without_reasoning(text)
    if not body.strip():
        return Extraction("", "none", note=note or "the text is empty")
    if "<<" in body:
        body = _CALCULATION.sub("", body)
    body = _first_turn(body)
    mark = _last_mark(body)
    phrase = _last_phrase(body, after=mark.end if mark else 0)
    if mark and phrase and _RETRACTION.search(body, mark.end, phrase.end):
        mark = None
    found = mark or phrase or _close(body)
    if found is None:
        return Extraction("", "none", note="no final answer is marked or stated")
    if truncated and not mark and len(body.rstrip()) <= found.end:
        return Extraction("", "none", note="the text was cut off in what may be the answer")
    if truncated and mark and mark.rule != "boxed" and len(body.rstrip()) <= mark.end:
        return Extraction("", "none", note="the text was cut off in the answer")
    return found


def gold(target: str) -> str:
    """The answer in a reference solution: after `####`, in the last box, after a final `A:`, or all of it."""
    body = target.strip()
    if "\n" in body or "####" in body or "boxed" in body:
        found = _last_mark(body)
        if found is not None and found.answer:
            return found.answer
        last = body.rsplit("\n", 1)[-1].strip()
        if last.startswith("A:"):
            return last[2:].strip()
    return body


# What counts of the text --------------------------------------------------------------------------------------

_THINKING = re.compile(r"</(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
_THINKING_OPEN = re.compile(r"<(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
_CALCULATION = re.compile(r"<<[^<>\n]{0,200}>>")
"""The calculator marks of GSM8K solutions."""
_NEXT_TURN = re.compile(r"\n\s*(?:Question|Q|Problem|Human|User)\s*\d*\s*:|<\|(?:im_start|im_end|eot_id|endoftext)\|>")


def _without_reasoning(text: str) -> tuple[str, str]:
    if "<" not in text:
        return text, ""
    closed = None
    for closed in _THINKING.finditer(text):  # noqa: B007 - the last one
        pass
    if closed is not None:
        return text[closed.end() :], "nothing follows the reasoning"
    if _THINKING_OPEN.search(text):
        return "", "the reasoning never ends"
    return text, ""


def _first_turn(text: str) -> str:
    """Cut off the next question that a base model makes up after its answer."""
    for turn in _NEXT_TURN.finditer(text):
        before = text[: turn.start()]
        if before.strip() and (_last_mark(before) or _last_phrase(before, after=0)):
            return before
        break
    return text


# Marks --------------------------------------------------------------------------------------------------------

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_GAP = re.compile(r"[\s$.*]|\\[()\[\]]|\\(?:quad|qquad|text|textbf|mathrm)(?![A-Za-z])|\\[,;: ]|[{}]")
_JOINT = re.compile(r"(?:,|;|&)*(and|or)?(?:[A-Za-z](?:_\w)?=)?", re.IGNORECASE)
_HASH = re.compile(r"####[ \t]*([^\n]*)")
_HEADING = re.compile(
    r"(?i)\**(?:step|part|case|method|solution|conclusion|calculation|explanation|verif|final answer\W*$)"
)
_TAG = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(
    r'"(?:final[ _])?answer"\s*:\s*(?:("(?:[^"\\]|\\.)*")|(\[[^\[\]\n]*\])|([^\s,}"\[][^,}\n]*))',
    re.IGNORECASE,
)
_CONTROL = str.maketrans({"\f": "\\f", "\t": "\\t", "\b": "\\b", "\r": "\\r", "\x0b": "\\v", "\n": "\\n"})


def _last_mark(text: str) -> Extraction | None:
    """The mark that ends last."""
    found = [mark for mark in (_boxed(text), _hashed(text), _tagged(text), _in_json(text)) if mark is not None]
    return max(found, key=lambda mark: mark.end) if found else None


def _boxed(text: str) -> Extraction | None:
    boxes = _boxes(text)
    if not boxes:
        return None
    start, end, content = boxes[-1]
    contents, joiner = [content], ","
    for before, after in zip(boxes[-2::-1], boxes[:0:-1], strict=False):
        gap = _GAP.sub("", text[before[1] : after[0]][:80]) if after[0] - before[1] <= 80 else "x"  # noqa: PLR2004
        joint = _JOINT.fullmatch(gap)
        if not joint or not gap or not before[2].strip():
            break
        if (joint.group(1) or "").lower() == "or":
            joiner = " or "
        contents.insert(0, before[2])
    answer = joiner.join(contents) if len(contents) > 1 else content
    return Extraction(answer.strip(), "boxed", end, note="" if answer.strip() else "the box is empty")


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """Start, end and content of the outermost boxes near the end of the text, in order."""
    if "boxed" not in text and "fbox" not in text:
        return []
    places = list(_BOX.finditer(text))[-MAX_TRIES:]
    boxes: list[tuple[int, int, str]] = []
    for place in places:
        if boxes and place.start() < boxes[-1][1]:
            continue  # a box in a box
        content = _balanced(text, place.end())
        if content is not None:
            boxes.append((place.start(), place.end() + content[1], content[0]))
        elif place is places[-1]:
            return []  # the last box never closes: the text was cut, and an earlier box is not the answer
    return boxes


def _balanced(text: str, start: int) -> tuple[str, int] | None:
    """The braced group (or bare token) at `start`, and its length; `None` where it never closes."""
    if not text.startswith("{", start):
        bare = re.compile(r"[^\s${}\\.,][^\s${}\\]*").match(text, start)
        return (bare.group().rstrip(".,"), bare.end() - start) if bare else None
    depth = 0
    window = text[start : start + 4 * MAX_CHARS]
    for piece in re.finditer(r"\\.|[{}]", window, re.DOTALL):
        if piece.group() == "{":
            depth += 1
        elif piece.group() == "}":
            depth -= 1
            if depth == 0:
                return window[1 : piece.start()], piece.end()
    if len(text) > start + len(window):
        return window[1:], len(window)
    # A forgotten brace: the mathematics ends, the sentence goes on.
    closed = re.compile(r"\{([^{}$\n]*)(?:\$|\\\]|\\\))").match(text, start)
    return (closed.group(1), closed.end() - start) if closed else None


def _hashed(text: str) -> Extraction | None:
    if "####" not in text:
        return None
    for match in reversed(list(_HASH.finditer(text))[-MAX_TRIES:]):
        content = match.group(1).strip().strip("#").strip()
        if content and not _HEADING.match(content) and not content.endswith(":"):
            label = _PHRASE.match(content)
            content = content[label.end() :] if label else content
            if _looks_short(content):
                return Extraction(_tidy(content), "hash", match.end())
    return None


def _looks_short(content: str) -> bool:
    return any(map(str.isdigit, content)) or "\\" in content or len(content.split()) <= 3  # noqa: PLR2004


def _tagged(text: str) -> Extraction | None:
    if "<answer>" not in text.lower():
        return None
    matches = list(_TAG.finditer(text))
    if not matches:
        return None
    content = matches[-1].group(1)
    inner = _boxed(content)
    return Extraction((inner.answer if inner else content).strip(), "tag", matches[-1].end())


def _in_json(text: str) -> Extraction | None:
    if 'answer"' not in text and 'ANSWER"' not in text and 'Answer"' not in text:
        return None
    for match in reversed(list(_JSON.finditer(text))[-MAX_TRIES:]):
        quoted, listed, bare = match.groups()
        content = _unquote(quoted) if quoted else (listed or bare).strip()
        if listed:
            content = listed[1:-1].replace('"', "")
        inner = _boxed(content)
        content = inner.answer if inner else content.strip()
        if content.strip("_ ") or not content:
            return Extraction(content, "json", match.end())
    return None


def _unquote(quoted: str) -> str:
    """A JSON string; LaTeX that was not escaped (`"\\frac"` is a form feed to JSON) is taken as meant."""
    if "\\" not in quoted:
        return quoted[1:-1]
    try:
        content = json.loads(quoted)
    except ValueError:
        return quoted[1:-1].replace("\\\\", "\\").replace('\\"', '"')
    return str(content).translate(_CONTROL)


# Phrases ------------------------------------------------------------------------------------------------------

_PHRASE = re.compile(
    r"""(?ix) (?<![a-z])(?:
      (?:the\s+)?(?:final\s+|correct\s+|right\s+|required\s+)*(?:answer|result|solution)\b (?:\s+(?:to|of|for)\s[^.:\n]{1,80}?)?
        (?:\s*\**\s*[:=]\s*\**|\s+(?:is|are|would\s+be|should\s+be|must\s+be|equals|comes\s+out\s+to|becomes)\b)
    | (?:the\s+)?correct\s+(?:option|choice)\s+is\b | (?:the\s+)?(?:option|choice)\s+is\b
    | (?:la\s+)?respuesta(?:\s+(?:final|correcta))?\s*(?:\bes\b|:) | (?:die\s+)?(?:endg.ltige\s+)?antwort\s*(?:\b(?:ist|lautet|betr.gt)\b|:)
    | (?:la\s+)?r[ée]ponse(?:\s+finale)?\s*(?:\best\b|:) | (?:a\s+)?resposta(?:\s+final)?\s*(?:\b[ée]\b|:)
    | (?:la\s+)?risposta(?:\s+finale)?\s*(?:[èe]\b|:) | jibu(?:\s+la\s+mwisho)?\s*(?:\bni\b|:) | jawaban(?:nya)?\s*(?:\badalah\b|:)
    | odpowied[źz]\s*(?:\bto\b|:) | antwoord\s*(?:\bis\b|:) | cevap\s*:
    ) \s*[:=]?\s*"""
    r"|(?:答案|最终答案|答え|解答|答|정답|답|ответ|উত্তর|คำตอบ|సమాధానం|उत्तर|الجواب|الإجابة|đáp án|απάντηση|відповідь)"
    r"\s*(?:是|为|は|은|는|คือ|হল|హలో|là|—|-)?\s*[:：]?\s*",
    re.IGNORECASE | re.VERBOSE if False else re.IGNORECASE,
)
_A_LINE = re.compile(r"(?m)^\s*A:\s*([^\n]+)$")
_WORDS_OF_PHRASES = (
    "nswer", "NSWER", "esult", "olution", "ption", "hoice", "espuesta", "ntwort", "éponse", "eponse", "esposta",
    "isposta", "ibu", "awaban", "dpowied", "ntwoord", "evap",
)  # fmt: skip
_NO_VALUE = re.compile(
    r"(?i)\s*(?:not\b|unknown\b|wrong\b|incorrect\b|correct\b|right\b|below\b|as follows|in the form)"
)
_STOP = re.compile(r"\.(?=\s|$|[*\"')\]])|[。\n]|(?<=\d)[!?](?=\s|$)")
_RETRACTION = re.compile(
    r"(?i)\b(?:wait|actually|hmm|oops|no,|mistake|wrong|error|incorrect|correction|apologi[sz]e|let me (?:re|double)|"
    r"instead|should (?:be|have been))"
)


def _last_phrase(text: str, after: int) -> Extraction | None:
    """The last phrase with a value behind it."""
    if "A:" in text:
        lines = list(_A_LINE.finditer(text, after))
        if lines:
            return Extraction(_tidy(lines[-1].group(1)), "phrase", lines[-1].end())
    if text.isascii() and not any(word in text for word in _WORDS_OF_PHRASES):
        return None
    for match in reversed(list(_PHRASE.finditer(text, after))[-MAX_TRIES:]):
        start = match.end()
        while text.startswith(("\n", " ", "*", ":"), start):
            start += 1
        if _NO_VALUE.match(text, start):
            continue
        end = _sentence_end(text, start)
        value = _tidy(text[start:end])
        if value and len(value) <= MAX_CHARS:
            return Extraction(value, "phrase", min(end + 1, len(text)) if end < len(text) else end)
    return None


def _sentence_end(text: str, start: int) -> int:
    """The end of the sentence, not counting stops inside `$…$` or `\\[…\\]`."""
    closers = {"$": "$", "\\[": "\\]", "\\(": "\\)"}
    for opener, closer in closers.items():
        if text.startswith(opener, start) and text[start + 1 : start + 2] != "$":
            close = text.find(closer, start + len(opener))
            if close > 0 and not text[start + 1 : start + 2].isdigit():
                start = close
            elif close > 0 and "\n" not in text[start:close] and "." not in text[start:close]:
                start = close
    stop = _STOP.search(text, start)
    return stop.start() if stop else len(text)


def _tidy(value: str) -> str:
    return value.strip().strip("*").strip().rstrip("*").strip()


# The close ----------------------------------------------------------------------------------------------------

_NUMBER = r"(?<![\w.:])[-−]?\s?[$€£]?\s?[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?\s?\\?%?"
_NUMBERS = re.compile(_NUMBER)
_VALUE_LINE = re.compile(
    r"(?:[A-Za-z](?:_\w+)?(?:\([a-z]\))?\s*=\s*)?(?:\\?[$€£]|[-+−(\[{\\√]|\d|\.\d)[^\n]{0,300}|[A-Z]\.?|\([A-Z]\)"
)
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}(?:[ ,]+[A-Za-z]{2,}){1,}")
_EQUALS = re.compile(rf"[=≈]\s*({_NUMBER})")
_AFTER_NUMBER = re.compile(r"\**[\s,]*(?:[A-Za-z°$€£][A-Za-z'’/-]*[\s,]*){0,12}[\s.!*$\"]*$")
_FEW_WORDS = re.compile(r"\s*(?:[A-Za-z$€£&/][A-Za-z/&]*\s*){0,10}$")
_REJECTED = re.compile(
    r"(?i)\b(?:wrong|incorrect|not (?:the|correct|right|possible|valid|an?)|contradict\w*|impossible|let)\b|\?"
)
_NEGATED = re.compile(
    r"(?i)\b(?:not|cannot|can't|isn't|n't|no|unable|unknown|undetermined|impossible|insufficient)\b|n't\b"
)
_HEDGED = re.compile(r"(?i)\b(?:or|either|maybe|perhaps|if|but|let us|let's|next)\b|\?")


def _close(text: str) -> Extraction | None:
    """The last line: a bare value, or a sentence that ends in one."""
    stripped = text.rstrip()
    line = stripped[stripped.rfind("\n") + 1 :].strip()
    if line in ("```", "$$", "\\]", "}", "\\)") or not line:
        stripped = stripped[: len(stripped) - len(line)].rstrip()
        line = stripped[stripped.rfind("\n") + 1 :].strip()
    if len(line) > 4 * MAX_CHARS:
        return None
    bare = line.strip("*` ").rstrip(".")
    if (
        bare
        and ", and " not in bare
        and _VALUE_LINE.fullmatch(bare.strip("$ "))
        and not _PROSE.search(bare)
        and not bare.endswith((":", ","))
    ):
        return Extraction(bare, "line", len(stripped))
    sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z*])", line)[-1]
    value = _concluding(sentence)
    return Extraction(value, "close", len(stripped)) if value else None


def _concluding(sentence: str) -> str | None:
    """The number a sentence concludes with: after its last `=`, else its last; nothing where it is denied or hedged."""
    whole = sentence.endswith((".", "!", "$", "*", ")"))
    equals = list(_EQUALS.finditer(sentence))
    if equals and not _REJECTED.search(sentence):
        last = equals[-1]
        if whole or (_FEW_WORDS.match(sentence, last.end()) and not _HEDGED.search(sentence, last.end())):
            return last.group(1).strip()
    if not whole or _NEGATED.search(sentence) or _HEDGED.search(sentence):
        return None
    numbers = list(_NUMBERS.finditer(sentence))
    if not numbers or not _AFTER_NUMBER.match(sentence, numbers[-1].end()):
        return None
    return numbers[-1].group().strip()


# Prose --------------------------------------------------------------------------------------------------------

_MATHS = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_CODE = re.compile(r"[_\"\\\[\]{}=();<>|]")
_IN_BRACKETS = re.compile(r"[A-Za-z-]+\s*\((.{1,40})\)\.?")
_LEADING_NUMBER = re.compile(
    rf"(?:(?:about|approximately|exactly|only|a total of|therefore|thus)\s+)?({_NUMBER})(?=\s|[.,]\s|[.]?$)"
)


def distil(prose: str) -> str | None:
    """The one value in a piece of prose, for a gold answer that is no prose; `None` where there is no single one."""
    if len(prose) > MAX_CHARS:
        return None
    prose = plain_characters(prose).strip()
    if "text" in prose:
        prose = re.sub(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}", r" \1 ", prose)
    if _NEGATED.search(prose) or "..." in prose or "dots" in prose:
        return None
    phrase = _last_phrase(prose, after=0)
    if phrase:
        return phrase.answer
    bracketed = _IN_BRACKETS.fullmatch(prose)
    if bracketed:
        return bracketed.group(1)
    equals = re.search(rf"=\s*({_NUMBER})\s*\$?\s*\.?\s*$", prose)
    if equals:
        return equals.group(1)
    maths = {next(filter(None, match.groups())).strip() for match in _MATHS.finditer(prose)}
    if len(maths) == 1 and not _HEDGED.search(prose):
        return maths.pop()
    if _CODE.search(prose):
        return None
    numbers = [match.group().strip() for match in _NUMBERS.finditer(prose)]
    if len(numbers) == 1 and not _HEDGED.search(prose):
        return numbers.pop()
    leading = _LEADING_NUMBER.match(prose)
    if leading and not re.search(r"\b(?:or|and|if|else|to)\b", prose) and len(numbers) <= 2:  # noqa: PLR2004
        return leading.group(1)
    return None
