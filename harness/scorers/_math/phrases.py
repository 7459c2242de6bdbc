"""Answers stated in words: after a phrase ("the answer is …"), at the close of a text, inside a piece of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.scorers._math import units
from harness.scorers._math.normalise import plain_characters
from harness.scorers._math.tokens import MAX_CHARS

MAX_TRIES = 50
"""Places of one kind that are looked at, from the end."""


class StatedAnswer(NamedTuple):
    """An answer that is stated in words."""

    value: str
    end: int
    """One past the last character of the text that was used for it."""
    final: bool = False
    """It is called final, and is a bare value that is exact."""


_PLACEHOLDER = re.compile(
    r"(?:\\(?:boxed|text\w*|mathrm|mathbf|underline|square|Box|[lcd]?dots|q?quad)|\\[,;:! ]"
    r"|\\(?:h?phantom|hspace|rule)\s*\{[^{}]*\}"
    r"|\b(?:the|your|my|final|numeric|numerical|correct|ans|answer|value|result|solution|expression|number|integer"
    r"|goes|here|insert|enter|fill|in|null|placeholder)\b|\\?\Z|[\s{}$.…?_*<>\[\]()`'\"#,:;!/&~-])*",
    re.IGNORECASE,
)


def holds_nothing(content: str) -> bool:
    """True for what shows the form of an answer, and is none: `your answer`, `...`, `___`, an empty text."""
    return _PLACEHOLDER.fullmatch(content) is not None


# Phrases ------------------------------------------------------------------------------------------------------

_SAYS = r"is|are|would be|should be|must be|equals|comes out to|becomes"
_ENGLISH = re.compile(
    rf"(?:answer\s+(?:is\s+not|isn[’']t)\s[^.;,:\n]{{1,40}}[.;,:]?\s+(?:but|it[’']s|it\s+is)\b"  # not 15; it's 14
    rf"|(?:answer|(?<![a-z])ans|result|solution)s?\b(?: (?:to|of|for) (?:[^.:\n$]|\$[^$\n]{{1,80}}\$){{1,80}}?)?"
    rf"(?:\s*\**\s*[:=➜→⇒]\s*\**|\s+[-–—]\s|\s+(?:{_SAYS})\b)|(?<![a-z])ans\.(?=\s)"
    r"|(?:option|choice)\s+(?=\(?[A-J]\)?[:.]\s)|answer\s+(?=\\[\[(]|[-−]?[\d½¼¾]\S*\s*\Z)"
    r"|(?:option|choice)\s+is\b|it should be\b|it is actually\b)\s*[:=]?\s*",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?:"
    r"respuesta(?:\s+(?:final|correcta))?\s*(?:\bes\b|:)"  # Spanish
    r"|antwort\s*(?:\b(?:ist|lautet|beträgt)\b|:)"  # German
    r"|r[ée]ponse(?:\s+finale)?\s*(?:\best\b(?:\s+de\b)?|:)"  # French
    r"|resposta(?:\s+final)?\s*(?:\b[ée]\b|:)"  # Portuguese
    r"|risposta(?:\s+finale)?\s*(?:[èe]\b|:)"  # Italian
    r"|jibu(?:\s+la\s+mwisho)?\s*(?:\bni\b|:)"  # Swahili
    r"|jawaban(?:nya)?\s*(?:\badalah\b|:)"  # Indonesian
    r"|(?:lösung|soluci[óo]n|solução|soluzione)\s*:\**[ \t]*"  # before one value alone
    r"(?=[-−]?[$€£]?\d[\d.,]*(?:[ \t]+[^\W\d_]+){0,2}[.*]*[ \t]*(?:\n|\Z))"
    r"|antwoord\s*(?:\bis\b|:)|cevap\s*:"  # Dutch, Turkish
    # Chinese, Japanese, Korean, Russian, Bengali, Thai, Telugu, Hindi, Arabic, Vietnamese
    r"|(?:答(?=\s*[:：])|答案|答え|解答|정답|답|ответ|উত্তর|คำตอบ|సమాధానం|उत्तर|الجواب|الإجابة|đáp án)"
    r"\s*(?:是|为|は|은|는|คือ|হল|హలో|هو|là|—|-)?\s*[:：]?"
    r")\s*(?:(?:donc|also|entonces|então|quindi|dus)\s+)?",
    re.IGNORECASE,
)
_ENGLISH_KEYS = (
    *("answer", "ans.", "ans:", "ans =", "ans=", "ans →", "result", "solution", "option", "choice", "it should be"),
    "it is actually",
)
_LATIN_KEYS = ("respuesta", "antwort", "réponse", "reponse", "resposta", "risposta", "jibu", "jawaban", "antwoord", "cevap", "lösung", "soluci", "solução", "soluzione")  # fmt: skip  # noqa: E501
_OTHER_KEYS = ("答", "답", "ответ", "উত্তর", "คำตอบ", "సమాధానం", "उत्तर", "الجواب", "الإجابة", "đáp án")
_A_LINE = re.compile(r"(?m)^[ \t]*A:[ \t]*([^\n]+)$")
_NO_VALUE = re.compile(
    r"\s*(?:not|unknown|wrong|incorrect|correct|right|below|above|as follows|shown|within|in (?:the|a|its|simplest))\b",
    re.IGNORECASE,
)
_STOP = re.compile(r"(?<!\bi\.e)(?<!\be\.g)\.(?=\s|$|[*\"')\]])|[。।\n]|(?<=\d)[!?](?=\s|$)")
_CLAUSE = re.compile(
    r"[,;]?\s+(?:because|since|not|which|where|instead of|rather than|so that)\b"
    r"|\s+\((?:not|i\.e|since|because)\b|\s+—\s"
)
_FINAL = re.compile(r"\bfinal\s+\Z", re.IGNORECASE)
_BARE = re.compile(
    r"(?![^\n]*(?:approx|about|≈|roughly))[\s$*({\[\x22']*"
    r"(?:\\|[-−+]?\s?[$€£√]?\.?\d|(?!a\s)[A-Za-z](?![A-Za-z'])|\Z)"
)
_IS_THE = re.compile(r"\s(?:is|are)\s+(?:the|our|my)\s+(?:[a-z]+\s+){0,2}\Z")
_LONGEST_BEFORE = 400
"""Characters before "is the answer" that may hold its value."""
_LONE_BULLET = re.compile(r"[-+•][ \t]+(?=[^\n]+\s*(?:\n[ \t]*\n[ \t]*(?![-+•*])|\Z))")
"""The mark of a list that has one item: `- 9` is not -9."""
_LONGEST_GAP = 20
_FILLER = re.compile(r"[\s*:：]*")
_MATH_OPENERS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))


def stated(text: str, after: int = 0) -> StatedAnswer | None:
    """The last phrase with a value behind it, or before it ("42 is the answer"), from `after` on."""
    if "A:" in text:
        lines = list(_A_LINE.finditer(text, after))
        if lines:
            return StatedAnswer(_tidy(lines[-1].group(1)), lines[-1].end())
    for place, end in _phrases(text, after):
        found = _value_before(text, place, after) if end is None else _value_behind(text, end)
        if found:
            final = _FINAL.search(text, max(after, place - len("final  ")), place) is not None
            return found._replace(final=final and is_value(found.value))
    return None


def is_value(text: str) -> bool:
    """True where the text begins as a value does, and none of its words say that it is a rounded one."""
    return _BARE.match(text) is not None and text.strip() != ""


def _value_behind(text: str, end: int) -> StatedAnswer | None:
    filler = _FILLER.match(text, end)
    start = filler.end() if filler else end
    before = text[max(0, start - _LONGEST_GAP) : start]
    if "\n" in before[len(before.rstrip()) :] and (bullet := _LONE_BULLET.match(text, start)) is not None:
        start = bullet.end()
    if _NO_VALUE.match(text, start):
        return None
    stop = _end_of_sentence(text, start)
    if stop - start == 1 and text[start].isupper() and is_value(text[stop + 1 : stop + 3]):
        stop = _end_of_sentence(text, stop + 1)  # `C. 12`
    if text.startswith("?", stop):
        return None
    value = _tidy(text[start:stop])
    clause = _CLAUSE.search(value)
    if clause and (clause.start() == 1 or any(map(str.isdigit, value[: clause.start()]))):
        value = _tidy(value[: clause.start()])
    in_words = any(map(str.isalpha, value)) and "boxed" not in value
    useless = holds_nothing(value) and not in_words
    return None if useless or len(value) > MAX_CHARS else StatedAnswer(value, min(stop + 1, len(text)))


def _value_before(text: str, place: int, after: int) -> StatedAnswer | None:
    """`x > 5` of "so x > 5 is the solution", whose last word stands at `place`."""
    verb = _IS_THE.search(text, max(after, place - 40), place)
    if verb is None:
        return None
    earliest = max(after, verb.start() - _LONGEST_BEFORE)
    start = max(earliest, *(text.rfind(stop, earliest, verb.start()) + 1 for stop in ("\n", ". ")))
    value = _VALUE_AT_END.search(text, start, verb.start())
    if value is None or any(no.search(text, start, verb.start()) for no in (_REJECTED, _HEDGED)):
        return None
    stop = _STOP.search(text, place)
    return StatedAnswer(_tidy(value.group()), stop.end() if stop else len(text))


def _phrases(text: str, after: int) -> Iterator[tuple[int, int | None]]:
    """Where the phrases of a text begin and end, the last first; the end is `None` where a value may stand before.

    Key words are found first: that is much faster.
    """
    rest = text[after:]
    lower = rest.lower()
    if len(lower) != len(rest):
        lower = rest  # a letter whose small form is longer: the places would not agree
    for place in _places(lower, _ENGLISH_KEYS, after):
        match = _ENGLISH.match(text, place)
        yield place, match.end() if match else None
    keys = _LATIN_KEYS if rest.isascii() else _LATIN_KEYS + _OTHER_KEYS
    for place in _places(lower, keys, after):
        match = _OTHERS.match(text, place)
        if match:
            yield place, match.end()


def _places(rest: str, keys: tuple[str, ...], after: int) -> list[int]:
    """Where the key words stand, the last first; `rest` is the text from `after` on."""
    places: list[int] = []
    for key in keys:
        place = rest.rfind(key)
        while place >= 0 and len(places) < MAX_TRIES * len(keys):
            places.append(place + after)
            place = rest.rfind(key, 0, place)
    return sorted(places, reverse=True)[:MAX_TRIES]


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


_EMOJI = "\u220e\u25a0\u25a1\u2600-\u2715\u2719-\u274b\u2750-\u2775\u2b50\ufe0f\u200d\U0001f300-\U0001faff"
"""Pictures and the end of a proof, but for the crosses that call an answer wrong."""
_CROSSED = re.compile(r"[❌✗✘✖]\W*\Z")
_EMOJI_BEHIND = re.compile(rf"(?<=[^\s{_EMOJI}])\s*[{_EMOJI}][\s{_EMOJI}]*\Z")


def _tidy(value: str) -> str:
    return _EMOJI_BEHIND.sub("", value.strip().strip("*")).strip().strip("*").strip()


# The close ----------------------------------------------------------------------------------------------------

NUMBER = (
    r"(?<![A-Za-z0-9_.:À-ɏ])[-−]?\s?[$€£]?\s?[-−]?"
    r"(?:\d{1,3}(?:[. \u00a0\u202f]\d{3})+,\d{1,2}(?![\d,])|\d{1,3}(?:,\d{3})+|\d+,\d{1,2}(?![\d,])"
    r"|\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[/:]\d+)?(?:\s?\\?%|\s(?:thousand|[mb]illion)\b)?"
)
_NUMBERS = re.compile(NUMBER)
_VALUE_AT_END = re.compile(
    rf"(?:\*\*[^*\n]{{1,200}}\*\*|\$[^$\n]{{1,300}}\$|\\\(.{{1,300}}?\\\)|(?:\b[A-Za-z]\s?(?:[<>]=?|[=≤≥])\s?)?{NUMBER})\Z"
)
_VALUE_LINE = re.compile(
    r"(?:[A-Za-z](?:_\w+)?(?:\([a-z]\))?\s*=\s*)?(?:\\?[$€£]|[-+−(\[{\\√]|\d|\.\d)[^\n]{0,300}|[A-Z]\.?|\([A-Z]\)"
    r"|[A-Za-z]{1,6} ?[-+*/^_=(<>≤≥][^\n]{1,200}"
)
_LABEL = re.compile(r"^[A-Za-z][A-Za-z' ]{1,50}:\**\s+")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_TWO_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}")
_EQUALS = re.compile(rf"[=≈]\s*({NUMBER})")
_ONLY_WORDS = re.compile(
    r"\**[\s,]*(?:(?:[^\W\d_]|[°$€£\u0900-\u0eff])(?:[^\W\d_]|['’/\u0900-\u0eff-])*+[\s,]*+){0,12}[\s.!*$\"。।]*$"
)
_FEW_WORDS = re.compile(r"\s*(?:[A-Za-z$€£&/][A-Za-z/&]*+\s*+){0,10}$")
_MATH = r"(?:\$[^$]{1,300}\$|\\\([^$]{1,300}?\\\))"
_MATH_AT_END = re.compile(rf"((?:{_MATH}(?:, (?:and |or )?| and | or )){{0,9}}{_MATH})((?: [A-Za-z]+){{0,4}})[\s.*!]*$")
_UNSOLVED = re.compile(r"[^=]*\b[A-Za-z]+\s*\^\s*\{?\d+\}?\s*")
"""The left side of `AB^2 = 7`."""
_REJECTED = re.compile(
    r"\b(?:wrong|incorrect|not (?:the|correct|right|possible|valid|an?)|contradict\w*|impossible|let)\b|\?",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|cannot|can't|isn't|no|unable|unknown|undetermined|impossible|insufficient|need more|more information"
    r"|nicht|keine?|pas|não|niet|bukan|не|нет)\b|n't\b|不是|没有|不能|ない|ません",
    re.IGNORECASE,
)
_HEDGED = re.compile(
    r"\b(?:or|either|maybe|perhaps|doubt|unsure|whether|(?-i:might|may|could)|if|but|let us|let's|next)\b|\?",
    re.IGNORECASE,
)
_FEW = 5
"""Words of a reply that is the answer as it stands, where none of them is a verb: `odd $n$`, `Friday`."""
_WORDS_ALONE = re.compile(r"(?:[A-Za-z]{2,}|\$[^$]+\$| )+[.!]?")
_TEXT_ALONE = re.compile(r"\$*\s*\\text\s*\{[^{}]*\}\s*\$*\.?")
_VERB = re.compile(r"\b(?:is|are|was|were|be|has|have|had|gives?|makes?|gets?|got|so|thus|hence)\b|=", re.IGNORECASE)
_BOUND = re.compile(r"\b(?:at (?:least|most)|(?:more|less|greater|larger|smaller|fewer) than|up to)[\s$*\\(]*\Z")
"""What makes of the number behind it a bound."""
_CONCLUDES = re.compile(r"\W*(?:so|thus|hence|therefore|finally|consequently|in total|altogether)\b", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z]|\*)|(?<=[。！？])")
_BOLD = re.compile(r"\*\*([^*\n]{0,60}\d[^*\n]{0,60}(?<!:))\*\*(?!:)")
_SAID_LAST = re.compile(
    rf"(?:\b(?:is|are|be|equals?)\s+(?:(?:about|approximately|exactly)\s+)?|[是为])({NUMBER})\s?\S{{0,12}}$"
)
_LISTED = re.compile(rf"\b(?:are|were)\s+((?:{NUMBER}(?:, (?:and |or )?| and | or ))+{NUMBER})\W*$")
_COUNTED = re.compile(
    r"(?<![\d.,:/$€£-])(\d+ [A-Za-z-]+(?:, (?:and )?\d+ [A-Za-z-]+)*,? and \d+ [A-Za-z-]+)(?: [A-Za-z]+){0,4}\W*$"
)
"""`9 chickens and 10 rabbits`, at the end of a sentence."""
_OF = re.compile(
    rf"({NUMBER})(?: [^\W\d_]+){{0,3}} (?:out of|sur|von)(?: the| les| den)? {NUMBER}(?: [^\W\d_]+){{0,3}}\W*$"
)
"""`20 out of 25 points`, at the end of a sentence."""
_RESTATED = re.compile(rf"({NUMBER}(?: [^\W\d_]+){{1,2}}) \([^()]*\d[^()]*\)\W*$")
"""`110 minutes (1 hour 50 minutes)`, at the end of a sentence."""
_COMPARED = re.compile(
    r"(?<=\w), which (?:is|are|was|were) [^,]{0,60}\b(?:more|less|fewer|times|percent|[a-z]{3,}er) "
    r"(?:[^,]{0,60} )?(?:than|as|of)\b[^,]{0,60}$"
)
"""`…, which is 2 more than Tom`, at the end of a sentence."""
_TOTAL = re.compile(
    rf"\btotal of \**({NUMBER})\**(?: [A-Za-z-]+){{1,4}}? (?:in|over|after|during|within|across|for|from|per) "
    rf"{NUMBER} [A-Za-z-]+\W*$"
)
"""`a total of 150 miles in 3 hours`, at the end of a sentence."""
_GOES_ON = re.compile(r"\s*(?:\\(?:sqrt|[dt]?frac|pi|cdot|times|binom|left)(?![A-Za-z])|[-+^(]|[A-Za-z](?![A-Za-z]))")
"""Behind a number, what makes it a part of an expression."""
_UNIT_BEHIND = re.compile(
    r"\s?((?:(?:square|cubic|sq|cu)\s)?[A-Za-z]{2,}(?:\s?(?:per\s|/\s?)[A-Za-z]+)?)(?=[\s.,!)*]|$)"
    r"(?!\s(?:per|an?|each|squared|cubed|and|to|by)\b|\s\d)"
)
_ARROW = re.compile(r".*(?:[⇒⟹➜∴]|=>|\\(?:Rightarrow|implies|therefore)(?![A-Za-z]))|(?:→|->)")
_COURTESY = re.compile(
    r"\b(?:hope (?:this|that|it)|let me know|feel free|anything else|(?:would|do|if) you (?:like|want|need|have|would)"
    r"|thank(?:s| you)|good luck|have a (?:nice|great|good)|(?:happy|glad) to help)\b"
    r"|^\W*(?:check|verification|probe|vérification|comprobación|проверка)\**\s*:"
    r"|^\W*(?:note|nota bene|n\.b\.|remember|disclaimer)\b[^=]*$",
    re.IGNORECASE,
)
_ONLY_ENGLISH = re.compile(r"(?:[A-Za-z',.!😀-🙏-]+ ){2,20}[A-Za-z',.!😀-🙏 -]+|[A-Za-z', -]+!")
_ANSWER_FIRST = re.compile(
    rf"\s*(?:(?:\*\*({NUMBER}[^*\n]{{0,30}})\*\*|({NUMBER}))\.?[ \t]*"
    rf"(?:\n[ \t]*\n|\n?[ \t]*(?=explanation|because|since))"
    rf"|({NUMBER})(?=\s+(?:because\b|since\b|[—–]\s)|(?<=\d\d)\.[ \t]+[A-Z]))",
    re.IGNORECASE,
)
"""A number alone in the first paragraph, or with its reason behind it."""
_CLOSERS = ("```", "$$", "\\]", "}", "\\)", "")


def closing(text: str) -> tuple[str, int, str] | None:
    """The last line where it is a bare value (`line`), or the value its last sentence ends on (`close`).

    Lines of courtesy and notes behind it do not count, nor does an explanation behind an answer that comes first.

    Returns:
        The answer, one past its end, and which of the two it was.
    """
    text = _EMOJI_BEHIND.sub("", text)
    first = _ANSWER_FIRST.match(text)
    body, line = _last_line(text.rstrip())
    for _ in range(MAX_TRIES):
        if not body or not all(map(_is_courtesy, _SENTENCES.split(line))):
            break
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    if line in _CLOSERS:
        body, line = _last_line(body[: len(body) - len(line)].rstrip())
    if len(line) > 4 * MAX_CHARS or _CROSSED.search(line):
        return None
    bare = _bare(line)
    sentences = [sentence for sentence in _SENTENCES.split(line) if sentence.strip()]
    while len(sentences) > 1 and _is_courtesy(sentences[-1]):
        del sentences[-1]
    concluded = len(bare.split()) == 1 or not sentences or _CONCLUDES.match(sentences[-1])
    if first and first.end() < len(text.rstrip()) and not concluded:
        return next(filter(None, first.groups())).strip("* "), first.end(), "line"
    is_value = _VALUE_LINE.fullmatch(bare.strip("$ ")) and not bare.endswith((":", ",")) and ", and " not in bare
    in_words = _TWO_WORDS.search(bare) or ("=" in bare and _WORD.search(bare))
    if bare and is_value and not in_words:
        return bare, len(body), "line"
    value = _concluding(sentences[-1]) if sentences else None
    few = len(line.split()) <= _FEW and _WORDS_ALONE.fullmatch(line)
    if (
        body.strip() == line
        and (few or _TEXT_ALONE.fullmatch(line))
        and not (_VERB.search(line) or _HEDGED.search(line) or _NEGATED.search(line))
    ):
        return line, len(body), "line"
    return (value, len(body), "close") if value else None


def _last_line(body: str) -> tuple[str, str]:
    return body, body[body.rfind("\n") + 1 :].strip()


def _bare(line: str) -> str:
    """A line without its markup, its label, and what leads up to an arrow."""
    line = _LABEL.sub("", _EMOJI_BEHIND.sub("", line.strip("*` #>"))).strip("*` ").rstrip(".")
    arrow = _ARROW.match(line)
    return line[arrow.end() :].strip("*` $") if arrow else line


def _is_courtesy(line: str) -> bool:
    """True for a line that closes a conversation, a note, and a few words without a value that deny nothing."""
    if _COURTESY.search(line) or holds_nothing(line):
        return line not in _CLOSERS
    return bool(_ONLY_ENGLISH.fullmatch(line)) and not any(no.search(line) for no in (_NEGATED, _HEDGED, _REJECTED))


def _concluding(sentence: str) -> str | None:
    """The value of a sentence: after its last `=`, its one bold value, its closing mathematics, else its last number.

    Nothing where it is denied, hedged or a question, or where the sentence goes on after the number.
    """
    sentence = sentence.rstrip()
    denied, hedged, rejected = (no.search(sentence) for no in (_NEGATED, _HEDGED, _REJECTED))
    whole = sentence.endswith((".", "!", "$", "*", ")", "。", "।")) or sentence[-1:] > "\u0900"
    formulas = _closing_formulas(sentence) if whole and not denied else []
    if len(formulas) > 1:
        return " and ".join(formulas)
    equals = None if rejected else next(iter(list(_EQUALS.finditer(sentence))[:-2:-1]), None)
    if equals and not _UNSOLVED.fullmatch(sentence, 0, equals.start()):
        end = equals.end()
        if whole or (_FEW_WORDS.match(sentence, end) and not _HEDGED.search(sentence, end)):
            return _side(sentence, equals) or _with_unit(sentence, equals.group(1), end)
    if denied or hedged:
        return None
    if not whole:
        said = _SAID_LAST.search(sentence)
        return said.group(1).strip() if said else None
    bold = {match.strip() for match in _BOLD.findall(sentence)}
    if len(bold) == 1:
        return _LABEL.sub("", bold.pop()).strip(" .")
    return formulas[0] if formulas else None if rejected else _closing_numbers(sentence)


def _closing_formulas(sentence: str) -> list[str]:
    """The formulas that a sentence ends on, or has but its unit behind."""
    found = _MATH_AT_END.search(sentence)
    if found is None or (found.group(2) and not units.is_unit(found.group(2), spaced=True)):
        return []
    formulas = [str(next(filter(None, match.groups()))).strip() for match in _MATHS.finditer(found.group(1))]
    return [f"{formulas[0]}\\text{{{found.group(2)}}}"] if formulas and found.group(2) else formulas


def _closing_numbers(sentence: str) -> str | None:
    """The numbers that a sentence lists or counts with at its end, else the last one where only words follow."""
    compared = _COMPARED.search(sentence)
    if compared and _NUMBERS.search(sentence, 0, compared.start()):
        sentence = sentence[: compared.start()]
    if (restated := _RESTATED.search(sentence)) is not None:
        sentence = sentence[: restated.end(1)]
    several = _COUNTED.search(sentence) or _LISTED.search(sentence)
    if several:
        return several.group(1)
    if (total := _TOTAL.search(sentence) or _OF.search(sentence)) is not None:
        return total.group(1).strip()
    number = next(iter(list(_NUMBERS.finditer(sentence))[:-2:-1]), None)
    if number is None or not _ONLY_WORDS.match(sentence, number.end()) or _BOUND.search(sentence, 0, number.start()):
        return None
    return _with_unit(sentence, number.group(), number.end())


def _side(sentence: str, equals: re.Match[str]) -> str | None:
    r"""`2\sqrt{5}` of `$\sqrt{20} = 2\sqrt{5}$`, where more than the number stands behind the last `=`."""
    around = next((found for found in _MATHS.finditer(sentence) if found.start() < equals.start() < found.end()), None)
    if around is None or not _GOES_ON.match(sentence, equals.end()):
        return None
    return sentence[equals.start(1) : around.end(around.lastindex or 0)].strip()


def _with_unit(sentence: str, number: str, end: int) -> str:
    """A number with the unit behind it, where the size of that is known: 5 inches are not 5 feet."""
    unit = _UNIT_BEHIND.match(sentence, end)
    number = number.strip()
    return f"{number} \\text{{{unit.group(1)}}}" if unit and units.has_size(unit.group(1)) else number


# Prose --------------------------------------------------------------------------------------------------------

_MATHS = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_CODE = re.compile(r"[_\"\\\[\]{}=();<>|]")
_IN_BRACKETS = re.compile(r"[A-Za-z][A-Za-z-]*\s*\((.{1,40})\)\.?")
_FINAL_EQUALS = re.compile(rf"=\s*({NUMBER})\s*\$?\s*\.?\s*$")
_SAID = re.compile(
    r".*(?:\b(?:is|are|was|were|equals?|be|es|ist|sind|est|sont|é|è)\b|是|为|は)\s*(?:(?:exactly|only|just)\s+)?"
    r"(.{1,200}?)[^\W\x00-\x7f]*\s*\.?",
    re.DOTALL,
)
"""`34` of "The largest n is 34.": what stands behind the last verb."""
_LOGIC = re.compile(
    r"\\(?:forall|n?exists|neg|lnot|implies|iff|land|lor)\b|\b(?:for (?:all|some|every|any)|there exists?)\b"
)
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}")


def distil(prose: str) -> str | None:  # noqa: PLR0911 - one per way of saying it
    """The one value in a piece of prose, where a value is wanted; `None` where there is no single one."""
    if len(prose) > MAX_CHARS:
        return None
    prose = without_text(prose)
    if _NEGATED.search(prose) or _LOGIC.search(prose) or "..." in prose or "dots" in prose:
        return None
    phrase = stated(prose)
    if phrase:
        return phrase.value
    for pattern in (_IN_BRACKETS.fullmatch, _FINAL_EQUALS.search):
        match = pattern(prose)
        if match:
            return match.group(1)
    if _HEDGED.search(prose):
        return None
    said = _SAID.fullmatch(prose)
    if said and is_value(said.group(1)) and not _TWO_WORDS.search(said.group(1)):
        return said.group(1)
    maths = {str(next(filter(None, match.groups()))).strip() for match in _MATHS.finditer(prose)}
    if len(maths) == 1:
        return maths.pop()
    numbers = [match.group().strip() for match in _NUMBERS.finditer(prose)]
    single = len(numbers) == 1 and not _CODE.search(prose) and not _BOUND.search(prose[: prose.find(numbers[0])])
    return numbers[0] if single else None


def without_text(answer: str) -> str:
    r"""An answer in plain characters, its `\text{…}` as bare words."""
    return _TEXT_COMMAND.sub(r" \1 ", plain_characters(answer)).strip()


# European numbers ---------------------------------------------------------------------------------------------

_GROUPED_BY_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.]|,\d{3})")
_WORDS_OF_EUROPE = re.compile(
    r"\b(?:der|die|das|ist|sind|und|er|sie|es|hat|ein|eine|einen|von|für|insgesamt|antwort|el|los|las|un|una|de|que|por"
    r"|tiene|tanto|respuesta|resposta|ele|ela|um|uma|teve|il|di|che|ha|risposta|het|een|van|antwoord|adalah|cevap|toplam)\b",
    re.IGNORECASE,
)
_WORDS_OF_ENGLISH = re.compile(
    r"\b(?:the|is|are|was|so|of|and|to|for|it|she|he|they|we|has|have|with|this|that|per|each|by|from|answer|therefore|thus"
    r"|hence|result|equals|value|costs?|makes)\b",
    re.IGNORECASE,
)


def with_points(answer: str, text: str) -> str:
    """`70.000` as `70000`, where the text is German, Spanish, Portuguese, Italian, Dutch, Turkish or Indonesian."""
    if not _GROUPED_BY_POINTS.search(answer) or _WORDS_OF_ENGLISH.search(text) or not _WORDS_OF_EUROPE.search(text):
        return answer
    return _GROUPED_BY_POINTS.sub(lambda number: number.group().replace(".", ""), answer)
