"""The close of a reply: its last line if that is a value, or what its last sentence says."""

from __future__ import annotations

import re

from harness.scorers._math import units, words
from harness.scorers._math.phrases import (
    BULLET,
    EMOJI_BEHIND,
    HEDGED,
    MAX_TRIES,
    NEGATED,
    NUMBER,
    NUMBERS,
    REJECTED,
    TWO_WORDS,
    WORD,
    holds_nothing,
    tidy,
)
from harness.scorers._math.sentences import FUNCTIONS, LABEL, closing_formulas, concluding
from harness.scorers._math.tokens import MAX_CHARS
from harness.scorers._patterns import later

_STATES = later(r"(?<!\\)\b(?:is|are|equals?|was|were|makes?|gives?)\b")
_CHOSEN = later(r"\(?[A-J][).:]\s+\S[^\n]{0,80}")
"""A reply that is a choice as the question has it: `B) 45 degrees`."""
_COUNTED_ALONE = later(rf"{NUMBER}(?: (?:{'|'.join(units.SCALES)}))?((?: [A-Za-z/.²³]+){{1,4}})")
_FEW = 5
"""Words of a reply that is the answer as it stands. None of them may be a verb: `odd $n$`, `Friday`."""
_WORDS_ALONE = later(r"(?:[A-Za-z]{2,}|\$[^$]+\$| )+[.!]?")
_TEXT_ALONE = later(r"\$*\s*\\text\s*\{[^{}]*\}\s*\$*\.?")
_VERB = later(r"\b(?:is|are|was|were|be|has|have|had|gives?|makes?|gets?|got|so|thus|hence)\b|=", re.IGNORECASE)
_CONCLUDES = later(r"\W*(?:so|thus|hence|therefore|finally|consequently|in total|altogether)\b", re.IGNORECASE)
_SENTENCES = later(r"(?<=[.!?])\s+(?=[^\W\d_a-z]|\*)|(?<=[。！？])")
_VALUE_LINE = later(
    r"(?:[A-Za-z](?:_\w+)?(?:\([a-z]\))?\s*=\s*)?(?:\\?[$€£₹¥]|[-+−(⟨\[{\\√∛πθ∞½⅓⅔¼¾]|\d|\.\d)[^\n]{0,300}|[A-Z]\.?|\(?[A-Z]\)"
    r"|[A-Za-z]{1,6}[²³⁰-⁹]? ?[-−+*/^_=(<>≤≥][^\n]{1,200}"
)
_ENVIRONMENT = later(r"\\(?:begin|end)\{(?:[bBpvV]?matrix|smallmatrix|array)\}")
_ARROW = later(r".*(?:[⇒⟹➜∴]|=>|\\(?:Rightarrow|implies|therefore)(?![A-Za-z]))|(?:→|->)")
_COURTESY = later(
    r"^\([^\d()]{3,200}\)$|^if (?:you|anything|there|this|something)\b[^\d]*$"
    r"|\b(?:does (?:that|this) (?:make sense|help)|(?:have )?any (?:more |other |further )?questions"
    r"|hope (?:this|that|it)|let me know|feel free|anything else|(?:would|do|if) you (?:like|want|need|have|would)"
    r"|thank(?:s| you)|good luck|have a (?:nice|great|good)|(?:happy|glad) to help)\b"
    r"|^\W*(?:check|verification|probe|vérification|comprobación|проверка)\**\s*:"
    r"|^\W*(?:note|nota bene|n\.b\.|remember|disclaimer)\b[^=]*$",
    re.IGNORECASE,
)
_ONLY_ENGLISH = later(r"(?:[A-Za-z'’,.!:;()\"*/–—😀-🙏-]+ ){2,30}[A-Za-z'’,.!:;()\"*/–—😀-🙏 -]+|[A-Za-z', -]+!")
_ANSWER_FIRST = later(
    rf"\s*(?:(?:\*\*({NUMBER}[^*\n]{{0,30}})\*\*|({NUMBER}))\.?[ \t]*"
    rf"(?:\n[ \t]*\n|\n?[ \t]*(?=explanation|because|since))"
    rf"|({NUMBER})(?=\s+(?:because\b|since\b|[—–]\s)|(?<=\d\d)\.[ \t]+[A-Z]))",
    re.IGNORECASE,
)
"""A number alone in the first paragraph, or with its reason behind it."""
_CLOSERS = ("```", "$$", "\\]", "}", "\\)", "")
_END_OF_ROWS = later(r"\\end\{[a-z]{2,12}\*?\}\s*(?:\$\$|\\\])?")
_CROSSED = later(r"[❌✗✘✖]\W*\Z")
_BULLETS_LAST = later(r":\**[ \t]*\n+((?:[ \t]*(?:[-•*]|\d{1,2}[.)])[ \t]+[^\n]{1,80}(?:\n|\Z)){2,12})\Z")
_SAME_NAME = later(r"([A-Za-z])(?:_\w)? ?= ?[^=]+")


def closing(text: str) -> tuple[str, int, str] | None:
    """The last line if it is a bare value (`line`), or the value that the last sentence ends on (`close`).

    Courtesy and notes behind it do not count. Nor does an explanation behind an answer that comes first.

    Returns:
        The answer, one past its end, and which of the two it was.
    """
    text = EMOJI_BEHIND.sub("", text)
    first = _ANSWER_FIRST.match(text)
    body, line = _last_line_said(text)
    if len(line) > 4 * MAX_CHARS or _CROSSED.search(line):
        return None
    bare = _bare(line)
    sentences = [sentence for sentence in _SENTENCES.split(line) if sentence.strip()]
    while len(sentences) > 1 and _is_courtesy(sentences[-1]):
        del sentences[-1]
    concluded = len(bare.split()) == 1 or not sentences or _CONCLUDES.match(sentences[-1])
    if first and first.end() < len(text.rstrip()) and not concluded:
        return next(filter(None, first.groups())).strip("* "), first.end(), "line"
    if (listed := _closing_bullets(body)) is not None:
        return listed, len(body), "close"
    whole = body.strip() == line
    if _is_bare_value(bare) or (_is_counted(bare) and (whole or LABEL.match(line.strip("*` #>")))):
        return bare, len(body), "line"
    if whole and (alone := _alone(line, bare)):
        return alone, len(body), "line"
    value = concluding(sentences[-1]) if sentences else None
    return (value, len(body), "close") if value else None


def _last_line_said(text: str) -> tuple[str, str]:
    """A text up to its last line that is no courtesy and no closing sign, and that line."""
    body, line = _last_line(text.rstrip())
    for _ in range(MAX_TRIES):
        if not body or not all(map(_is_courtesy, _SENTENCES.split(line))):
            break
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    if line in _CLOSERS or _END_OF_ROWS.fullmatch(line):
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    return body, line


def _is_bare_value(bare: str) -> bool:
    """Whether a line is a value as it stands, and no sentence about one."""
    plain = _ENVIRONMENT.sub("", bare)
    said = TWO_WORDS.search(plain) or ("=" in plain and WORD.search(FUNCTIONS.sub("", plain))) or _STATES.search(plain)
    several = bare.endswith((":", ",")) or ", and " in bare
    return bool(_VALUE_LINE.fullmatch(bare.strip("$ "))) and not several and not said


def _is_counted(bare: str) -> bool:
    """Whether a line is a number and what it counts: `7 dozen eggs`."""
    found = _COUNTED_ALONE.fullmatch(bare)
    return found is not None and units.is_unit(found.group(1), spaced=True)


def _alone(line: str, bare: str) -> str | None:
    """The answer of a reply of one line: a choice, a value in words, a few words that state nothing."""
    if _CHOSEN.fullmatch(bare) or words.value(bare.lower()) is not None:
        return bare
    few = (len(line.split()) <= _FEW and _WORDS_ALONE.fullmatch(line)) or _TEXT_ALONE.fullmatch(line)
    return line if few and not any(no.search(line) for no in (_VERB, HEDGED, NEGATED)) else None


def _closing_bullets(body: str) -> str | None:
    """The values of one unknown in the list that a text ends on: `- x = 0`, `- x = 4`."""
    found = _BULLETS_LAST.search(body, max(0, len(body) - 1000)) if BULLET.match(_last_line(body)[1]) else None
    items = [tidy(item).strip("$ ,;.") for item in BULLET.split(found.group(1))[1:]] if found else []
    named = [match for item in items if (match := _SAME_NAME.fullmatch(item))]
    if not items or len(named) < len(items) or len({match.group(1) for match in named}) > 1:
        return None
    return ", ".join(items)


_LETTER = later(
    r"\b(?:choose|chose|select|pick|go with|leaves?(?: us with)?|only|letter|option|choice|answer)\s+(?:is\s+)?"
    r"(?:(?:option|choice|answer)\s+)?\(?(?-i:([A-J]))\)?(?![\w'’])"
    r"|(?:^|, )\W*(?:(?:hence|so|thus|therefore),?\s+)?(?:(?:option|choice|answer)\s+)?"
    r"(?:\(([A-J])\)|(?-i:([A-J])))\s+(?:is|must be)\s+(?:the\s+)?"
    r"(?:correct|right|best|true|answer)\b",
    re.IGNORECASE,
)
_ASSENT = later(r"\W*(yes|no|true|false)(?=\W*$|\s*[,.:;!—–-])", re.IGNORECASE)
_RELATES = later(r"[=<>≤≥]|\\(?:leq?|geq?|lt|gt|in)(?![A-Za-z])")
_PLAIN_RELATION = later(
    r"^.*\b(?:is|are|be|becomes|equation|form)[ :]+([^.:,;!?$]{1,60}[=<>≤≥][^:,;!?$]{1,60}?)[.\s]*$"
)
_DATE_LAST = later(
    rf"((?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{words.MONTH})|(?:{words.MONTH}) \d{{1,2}}(?:st|nd|rd|th)?)"
    r"(?:,? \d{4})?)\W*$",
    re.IGNORECASE,
)
_WORDS_LAST = later(
    r"\b(?:is|are|was|were|be|becomes|remains|falls?|fell|lands?)\s+"
    r"(?:(?:on|therefore|always|indeed|called|known as)\s+)*"
    r"(?:(?:an?|the)\s+)?\W{0,3}([A-Za-z][A-Za-z-]+(?:\s[A-Za-z-]+){0,2})\W*$",
    re.IGNORECASE,
)


def closing_letter(text: str) -> tuple[str, int] | None:
    """The choice that the last sentence settles on (`That leaves C.`, `C is correct.`), and one past its end."""
    sentence, end = _last_sentence(text)
    found = list(_LETTER.finditer(sentence))
    if not found or any(no.search(sentence) for no in (NEGATED, HEDGED, REJECTED)):
        return None
    letters = {next(filter(None, match.groups())).upper() for match in found}
    return (letters.pop(), end) if len(letters) == 1 else None


def closing_words(text: str) -> tuple[str, int] | None:
    """The words that the last sentence ends on (`It falls on a Tuesday.`, `Yes, it does.`), and one past its end."""
    sentence, end = _last_sentence(text)
    if sentence.endswith("?") or HEDGED.search(sentence):
        return None
    found = _ASSENT.match(sentence) or (None if NEGATED.search(sentence) else _WORDS_LAST.search(sentence))
    return (found.group(1), end) if found else None


def closing_relation(text: str) -> tuple[str, int] | None:
    """The relation that the last sentence ends on (`$x^2 + y^2 = 25$`, `x > 7`), and one past its end."""
    sentence, end = _last_sentence(text)
    if any(no.search(sentence) for no in (NEGATED, HEDGED, REJECTED)):
        return None
    formulas = closing_formulas(sentence)
    if len(formulas) == 1 and _RELATES.search(formulas[0]):
        return formulas[0], end
    plain = _PLAIN_RELATION.search(sentence)
    return (plain.group(1), end) if plain and not WORD.search(plain.group(1)) else None


def closing_list(text: str) -> tuple[str, int] | None:
    """The numbers of the last sentence in their order (`Ann is 12 and Ben is 8.`), and one past its end."""
    sentence, end = _last_sentence(text)
    numbers = [match.group().strip() for match in NUMBERS.finditer(sentence)]
    if len(numbers) < 2 or any(no.search(sentence) for no in (NEGATED, HEDGED, REJECTED)):  # noqa: PLR2004
        return None
    return f"({', '.join(numbers)})", end


def closing_date(text: str) -> tuple[str, int] | None:
    """The date that the last sentence ends on, and one past its end."""
    sentence, end = _last_sentence(text)
    found = _DATE_LAST.search(sentence)
    if found is None or any(no.search(sentence) for no in (NEGATED, HEDGED, REJECTED)):
        return None
    return found.group(1), end


def closing_numeral(text: str) -> tuple[str, int] | None:
    """The one number in words of the last sentence (`There are twelve of them.`), and one past its end."""
    sentence, end = _last_sentence(text)
    if any(no.search(sentence) for no in (NEGATED, HEDGED, REJECTED)) or any(map(str.isdigit, sentence)):
        return None
    found = {match.group().lower() for match in words.NUMERAL.finditer(sentence)} - {"one", "zero"}
    return (found.pop(), end) if len(found) == 1 else None


def _last_sentence(text: str) -> tuple[str, int]:
    """The last sentence that closes no conversation, without its markup, and where its line ends."""
    body, line = _last_line(text.rstrip())
    for _ in range(MAX_TRIES):
        if len(line) > 4 * MAX_CHARS:
            break
        sentences = [part for part in _SENTENCES.split(line) if part.strip() and not _closes(part)]
        if sentences or len(body) == len(line):
            return (sentences[-1] if sentences else "").replace("*", "").strip(), len(body)
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    return "", len(body)


def _closes(line: str) -> bool:
    return _COURTESY.search(line) is not None or holds_nothing(line)


def _last_line(body: str) -> tuple[str, str]:
    return body, body[body.rfind("\n") + 1 :].strip()


def _bare(line: str) -> str:
    """A line without its markup, its label, and what leads up to an arrow."""
    line = LABEL.sub("", EMOJI_BEHIND.sub("", line.strip("*` #>"))).strip("*` ").rstrip(".").removeprefix("= ")
    arrow = _ARROW.match(line)
    line = line[arrow.end() :].strip("*` $") if arrow else line
    last_row = "&" in line and "\\begin" not in line
    return line.replace("&", "").removesuffix("\\\\").rstrip(" .") if last_row else line


def _is_courtesy(line: str) -> bool:
    """True for a line that closes a conversation, a note, and a few words without a value that deny nothing."""
    if _COURTESY.search(line) or holds_nothing(line):
        return line not in _CLOSERS
    return bool(_ONLY_ENGLISH.fullmatch(line)) and not any(no.search(line) for no in (NEGATED, HEDGED, REJECTED))
