"""Answers stated in words: after a phrase ("the answer is …"), at the close of a text, inside a piece of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.scorers._math.normalise import plain_characters
from harness.scorers._math.tokens import MAX_CHARS

MAX_TRIES = 50
"""Places of one kind that are looked at, from the end."""
Found = tuple[str, int]
"""An answer, and one past the last character of the text that was used for it."""

# Phrases ------------------------------------------------------------------------------------------------------

_SAYS = r"is|are|would be|should be|must be|equals|comes out to|becomes"
_ENGLISH = re.compile(
    rf"(?:(?:answer|result|solution)\b(?: (?:to|of|for) [^.:\n]{{1,80}}?)?"
    rf"(?:\s*\**\s*[:=]\s*\**|\s+[-–—]\s|\s+(?:{_SAYS})\b)"
    r"|(?:option|choice)\s+is\b|it should be\b|it is actually\b)\s*[:=]?\s*",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?:"
    r"respuesta(?:\s+(?:final|correcta))?\s*(?:\bes\b|:)"  # Spanish
    r"|antwort\s*(?:\b(?:ist|lautet|beträgt)\b|:)"  # German
    r"|r[ée]ponse(?:\s+finale)?\s*(?:\best\b|:)"  # French
    r"|resposta(?:\s+final)?\s*(?:\b[ée]\b|:)"  # Portuguese
    r"|risposta(?:\s+finale)?\s*(?:[èe]\b|:)"  # Italian
    r"|jibu(?:\s+la\s+mwisho)?\s*(?:\bni\b|:)"  # Swahili
    r"|jawaban(?:nya)?\s*(?:\badalah\b|:)"  # Indonesian
    r"|antwoord\s*(?:\bis\b|:)|cevap\s*:"  # Dutch, Turkish
    # Chinese, Japanese, Korean, Russian, Bengali, Thai, Telugu, Hindi, Arabic, Vietnamese
    r"|(?:答案|答え|解答|정답|답|ответ|উত্তর|คำตอบ|సమాధానం|उत्तर|الجواب|الإجابة|đáp án)"
    r"\s*(?:是|为|は|은|는|คือ|হল|హలో|هو|là|—|-)?\s*[:：]?"
    r")\s*",
    re.IGNORECASE,
)
_ENGLISH_KEYS = ("answer", "result", "solution", "option", "choice", "it should be", "it is actually")
_LATIN_KEYS = ("respuesta", "antwort", "réponse", "reponse", "resposta", "risposta", "jibu", "jawaban", "antwoord", "cevap")  # fmt: skip  # noqa: E501
_OTHER_KEYS = ("答", "답", "ответ", "উত্তর", "คำตอบ", "సమాధానం", "उत्तर", "الجواب", "الإجابة", "đáp án")
_A_LINE = re.compile(r"(?m)^[ \t]*A:[ \t]*([^\n]+)$")
_NO_VALUE = re.compile(
    r"\s*(?:not|unknown|wrong|incorrect|correct|right|below|as follows|in the form)\b", re.IGNORECASE
)
_STOP = re.compile(r"\.(?=\s|$|[*\"')\]])|[。।\n]|(?<=\d)[!?](?=\s|$)")
_CLAUSE = re.compile(
    r"[,;]?\s+(?:because|since|not|which|where|instead of|rather than|so that)\b"
    r"|\s+\((?:not|i\.e\.|since|because)\b|\s+—\s"
)
_FILLER = re.compile(r"[\s*:：]*")
_MATH_OPENERS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))


def stated(text: str, after: int = 0) -> Found | None:
    """The last phrase with a value behind it, from `after` on."""
    if "A:" in text:
        lines = list(_A_LINE.finditer(text, after))
        if lines:
            return _tidy(lines[-1].group(1)), lines[-1].end()
    for end in _ends_of_phrases(text, after):
        filler = _FILLER.match(text, end)
        start = filler.end() if filler else end
        if _NO_VALUE.match(text, start):
            continue
        stop = _end_of_sentence(text, start)
        if text.startswith("?", stop):
            continue
        value = _tidy(text[start:stop])
        clause = _CLAUSE.search(value)
        if clause and any(map(str.isdigit, value[: clause.start()])):
            value = _tidy(value[: clause.start()])
        if value and len(value) <= MAX_CHARS:
            return value, min(stop + 1, len(text))
    return None


def _ends_of_phrases(text: str, after: int) -> Iterator[int]:
    """Where the phrases of a text end, the last first. Key words are found first: that is much faster."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = text  # a letter whose small form is longer: the places would not agree
    yield from _matches(_ENGLISH, text, _places(lower, _ENGLISH_KEYS, after))
    keys = _LATIN_KEYS if text.isascii() else _LATIN_KEYS + _OTHER_KEYS
    yield from _matches(_OTHERS, text, _places(lower, keys, after))


def _places(text: str, keys: tuple[str, ...], after: int) -> list[int]:
    places: list[int] = []
    for key in keys:
        place = text.rfind(key)
        while place >= after and len(places) < MAX_TRIES * len(keys):
            places.append(place)
            place = text.rfind(key, 0, place)
    return sorted(places, reverse=True)[:MAX_TRIES]


def _matches(pattern: re.Pattern[str], text: str, places: list[int]) -> Iterator[int]:
    for place in places:
        match = pattern.match(text, place)
        if match:
            yield match.end()


def _end_of_sentence(text: str, start: int) -> int:
    """The end of the sentence; stops inside the mathematics that it begins with do not count."""
    for opener, closer in _MATH_OPENERS:
        if text.startswith(opener, start):
            close = text.find(closer, start + len(opener))
            inner = text[start + len(opener) : close] if close > 0 else ""
            price = opener == "$" and inner[:1].isdigit() and ("\n" in inner or "." in inner)
            if close > 0 and not price:
                start = close + len(closer)
            break
    stop = _STOP.search(text, start, start + 4 * MAX_CHARS)
    return stop.start() if stop else len(text)


def _tidy(value: str) -> str:
    return value.strip().strip("*").strip()


# The close ----------------------------------------------------------------------------------------------------

NUMBER = (
    r"(?<![\w.:])[-−]?\s?[$€£]?\s?[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[/:]\d+)?"
    r"(?:\s?\\?%|\s(?:thousand|[mb]illion)\b)?"
)
_NUMBERS = re.compile(NUMBER)
_VALUE_LINE = re.compile(
    r"(?:[A-Za-z](?:_\w+)?(?:\([a-z]\))?\s*=\s*)?(?:\\?[$€£]|[-+−(\[{\\√]|\d|\.\d)[^\n]{0,300}|[A-Z]\.?|\([A-Z]\)"
    r"|[A-Za-z]{1,6} ?[-+*/^_=(][^\n]{1,200}"
)
_LABEL = re.compile(r"^[A-Za-z][A-Za-z' ]{1,50}:\**\s+")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_TWO_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}")
_EQUALS = re.compile(rf"[=≈]\s*({NUMBER})")
_ONLY_WORDS = re.compile(r"\**[\s,]*(?:(?:[^\W\d_]|[°$€£])(?:[^\W\d_]|['’/-])*+[\s,]*+){0,12}[\s.!*$\"。।]*$")
_FEW_WORDS = re.compile(r"\s*(?:[A-Za-z$€£&/][A-Za-z/&]*+\s*+){0,10}$")
_MATH_AT_END = re.compile(r"(?:\$([^$]{1,300})\$|\\\(([^$]{1,300}?)\\\))[\s.*!]*$")
_REJECTED = re.compile(
    r"\b(?:wrong|incorrect|not (?:the|correct|right|possible|valid|an?)|contradict\w*|impossible|let)\b|\?",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|cannot|can't|isn't|no|unable|unknown|undetermined|impossible|insufficient|need more|more information)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_HEDGED = re.compile(
    r"\b(?:or|either|maybe|perhaps|(?-i:might|may|could)|if|but|let us|let's|next)\b|\?", re.IGNORECASE
)
_LAST_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z*])")
_CLOSERS = ("```", "$$", "\\]", "}", "\\)", "")


def closing(text: str) -> tuple[str, int, str] | None:
    """The last line where it is a bare value (`line`), or the value its last sentence ends on (`close`).

    Returns:
        The answer, one past its end, and which of the two it was.
    """
    body, line = _last_line(text.rstrip())
    if line in _CLOSERS:
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    if len(line) > 4 * MAX_CHARS:
        return None
    bare = _LABEL.sub("", line.strip("*` ")).strip("*` ").rstrip(".")
    is_value = _VALUE_LINE.fullmatch(bare.strip("$ ")) and not bare.endswith((":", ",")) and ", and " not in bare
    in_words = _TWO_WORDS.search(bare) or ("=" in bare and _WORD.search(bare))
    if bare and is_value and not in_words:
        return bare, len(body), "line"
    value = _concluding(_LAST_SENTENCE.split(line)[-1])
    return (value, len(body), "close") if value else None


def _last_line(body: str) -> tuple[str, str]:
    return body, body[body.rfind("\n") + 1 :].strip()


def _concluding(sentence: str) -> str | None:
    """The value of a sentence: after its last `=`, its closing mathematics, else its last number.

    Nothing where it is denied, hedged or a question, or where the sentence goes on after the number.
    """
    whole = sentence.endswith((".", "!", "$", "*", ")", "。", "।"))
    equals = list(_EQUALS.finditer(sentence))
    if equals and not _REJECTED.search(sentence):
        end = equals[-1].end()
        if whole or (_FEW_WORDS.match(sentence, end) and not _HEDGED.search(sentence, end)):
            return equals[-1].group(1).strip()
    if not whole or _NEGATED.search(sentence) or _HEDGED.search(sentence):
        return None
    math = _MATH_AT_END.search(sentence)
    if math:
        return str(next(filter(None, math.groups()))).strip()
    numbers = list(_NUMBERS.finditer(sentence))
    if not numbers or not _ONLY_WORDS.match(sentence, numbers[-1].end()):
        return None
    return numbers[-1].group().strip()


# Prose --------------------------------------------------------------------------------------------------------

_MATHS = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_CODE = re.compile(r"[_\"\\\[\]{}=();<>|]")
_IN_BRACKETS = re.compile(r"[A-Za-z-]+\s*\((.{1,40})\)\.?")
_FINAL_EQUALS = re.compile(rf"=\s*({NUMBER})\s*\$?\s*\.?\s*$")
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}")


def distil(prose: str) -> str | None:  # noqa: PLR0911 - one per way of saying it
    """The one value in a piece of prose, where a value is wanted; `None` where there is no single one."""
    if len(prose) > MAX_CHARS:
        return None
    prose = _TEXT_COMMAND.sub(r" \1 ", plain_characters(prose)).strip()
    if _NEGATED.search(prose) or "..." in prose or "dots" in prose:
        return None
    phrase = stated(prose)
    if phrase:
        return phrase[0]
    for pattern in (_IN_BRACKETS.fullmatch, _FINAL_EQUALS.search):
        match = pattern(prose)
        if match:
            return match.group(1)
    if _HEDGED.search(prose):
        return None
    maths = {str(next(filter(None, match.groups()))).strip() for match in _MATHS.finditer(prose)}
    if len(maths) == 1:
        return maths.pop()
    numbers = [match.group().strip() for match in _NUMBERS.finditer(prose)]
    return numbers[0] if len(numbers) == 1 and not _CODE.search(prose) else None
