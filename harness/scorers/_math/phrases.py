"""Answers stated in words: after a phrase ("the answer is …"), and inside a piece of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.scorers._math.normalise import plain_characters
from harness.scorers._math.tokens import MAX_CHARS
from harness.scorers._patterns import later

MAX_TRIES = 50
"""Places of one kind that are looked at, from the end."""


class StatedAnswer(NamedTuple):
    """An answer that is stated in words."""

    value: str
    end: int
    """One past the last character of the text that was used for it."""
    final: bool = False
    """It is called final, and is a bare value that is exact."""


_PLACEHOLDER = later(
    r"(?:\\(?:boxed|text\w*|mathrm|mathbf|underline|square|Box|[lcd]?dots|q?quad)|\\[,;:! _]"
    r"|\\(?:h?phantom|hspace|rule)\s*\{[^{}]*\}"
    r"|\b(?:the|your|my|final|numeric|numerical|correct|ans|answer|value|result|solution|expression|number|integer"
    r"|goes|here|insert|enter|fill|in|null|placeholder)\b|\\?\Z|[\s{}$.…?_*<>\[\]()`'\"#,:;!/&~-])*",
    re.IGNORECASE,
)


def holds_nothing(content: str) -> bool:
    """True for what shows the form of an answer, and is none: `your answer`, `...`, `___`, an empty text."""
    return _PLACEHOLDER.fullmatch(content) is not None


# What a sentence is made of -------------------------------------------------------------------------------------------

NUMBER = (
    r"(?<![A-Za-z0-9_.:À-ɏ])(?<!\d,)[-−]?\s?[$€£₹¥]?\s?[-−]?"
    r"(?:\d{1,2}(?:,\d{2})+,\d{3}(?!\d)"
    r"|\d{1,3}(?:[. \u00a0\u202f]\d{3})+,\d{1,2}(?![\d,])|\d{1,3}(?:,\d{3})+|\d+,\d{1,2}(?![\d,])"
    r"|\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[/:]\d+)?"
    r"(?:[₀-₉]+)?(?:\s?[×*x]\s?10(?:\^[-−]?\d+|[⁻⁰¹²³⁴-⁹]+))?(?:\s?\\?%|\s(?:thousand|[mb]illion)\b)?"
)
NUMBERS = later(NUMBER)
WORD = later(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
TWO_WORDS = later(r"(?<![\\A-Za-z])[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}")
REJECTED = later(
    r"\b(?:wrong|incorrect|not (?:the|correct|right|possible|valid|an?)|contradict\w*|impossible|let"
    r"|extraneous|too (?:small|large|big|few|many|low|high|short|long|much|little))\b|\?",
    re.IGNORECASE,
)
NEGATED = later(
    r"\b(?:not|cannot|can't|isn't|no|unable|unknown|undetermined|impossible|insufficient|need more|more information"
    r"|nicht|keine?|pas|não|niet|bukan|не|нет)\b|n't\b|不是|没有|不能|ない|ません",
    re.IGNORECASE,
)
HEDGED = later(
    r"\b(?:or|either|maybe|perhaps|doubt|unsure|whether|(?-i:might|may|could)|if|but|let us|let's|next(?=[,:]))\b|\?",
    re.IGNORECASE,
)
BOUND = later(
    r"\b(?:between\s\S{1,20}\sand|at (?:least|most)|(?:more|less|greater|larger|smaller|fewer) than|up to"
    r"|(?:is|are|was|were|it[’']s|that[’']s) (?:over|above|under|below))[\s$*\\(]*\Z|[<>≤≥]=?\s*\Z",
    re.IGNORECASE,
)
"""What makes of the number behind it a bound."""
MATHS = later(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_VALUE_AT_END = later(
    rf"(?:\*\*[^*\n]{{1,200}}\*\*|\$[^$\n]{{1,300}}\$|\\\(.{{1,300}}?\\\)|(?:\b[A-Za-z]\s?(?:[<>]=?|[=≤≥])\s?)?{NUMBER})\Z"
)


# Phrases --------------------------------------------------------------------------------------------------------------

_SAYS = r"is|are|would be|should be|must be|equals|comes out to|becomes"
_ENGLISH = later(
    rf"(?:answer\s+(?:is\s+not|isn[’']t)\s[^.;,:\n]{{1,40}}[.;,:]?\s+(?:but|it[’']s|it\s+is)\b"  # not 15; it's 14
    rf"|(?:answer|(?<![a-z])ans|result|solution)s?\b(?: (?:to|of|for) (?:[^.:\n$]|\$[^$\n]{{1,80}}\$){{1,80}}?)?"
    rf"(?:\s*\**\s*[:=➜→⇒]\s*\**|\s+[-–—]\s|\s+(?:{_SAYS})\b)|(?<![a-z])ans\.(?=\s)"
    r"|(?:option|choice)\s+(?=\(?[A-J]\)?[:.]\s)|answer\s+(?=\\[\[(]|[-−]?[\d½¼¾]\S*\s*\Z)"
    r"|(?:option|choice)\s+is\b|(?:option|choice)\**:(?=[\s*]*\(?[A-J]\b)|it should be\b|it is actually\b)\s*[:=]?\s*",
    re.IGNORECASE,
)
_OTHERS = later(
    r"(?:"
    r"respuesta(?:\s+(?:final|correcta))?\s*(?:\bes\b|:)"  # Spanish
    r"|antwort\s*(?:\b(?:ist|lautet|beträgt)\b|:)"  # German
    r"|r[ée]ponse(?:\s+finale)?\s*(?:\best\b(?:\s+de\b)?|:)"  # French
    r"|resposta(?:\s+final)?\s*(?:\b[ée]\b|:)"  # Portuguese
    r"|risposta(?:\s+finale)?\s*(?:[èe]\b|:)"  # Italian
    r"|jibu(?:\s+la\s+mwisho)?\s*(?:\bni\b|:)"  # Swahili
    r"|(?:resultado|risultato|ergebnis|r[ée]sultat)(?:\s+final[e]?)?\s*\**(?:\b(?:es|est|ist|é|è)\b(?:\s+de\b)?|:)"
    r"|jawabu\s*(?:\bni\b|:)"
    r"|jawaban(?:nya)?\s*(?:\badalah\b|:)"  # Indonesian
    r"|(?:lösung|soluci[óo]n|solução|soluzione)\s*:\**[ \t]*"  # before one value alone
    r"(?=[-−]?[$€£]?\d[\d.,]*(?:[ \t]+[^\W\d_]+){0,2}[.*]*[ \t]*(?:\n|\Z))"
    r"|(?:odpowied[źz]|odpověď|răspuns(?:ul)?|απάντηση|válasz|відповідь|پاسخ|جواب)\**\s*:"
    r"|antwoord\s*(?:\bis\b|:)|cevap\s*:"  # Dutch, Turkish
    # Chinese, Japanese, Korean, Russian, Bengali, Thai, Telugu, Hindi, Arabic, Vietnamese
    r"|(?:答(?=\s*[:：])|答案|答え|解答|정답|답|ответ|উত্তর|คำตอบ|సమాధానం|జవాబు|उत्तर|الجواب|الإجابة|đáp án"
    r"|最终结果|итого|ตอบ)"
    r"\s*(?:是|为|选|は|은|는|คือ|হল|హలో|هو|là|—|-)?\s*[:：ঃ]?"
    r")\s*(?:(?:donc|also|entonces|então|quindi|dus)\s+)?",
    re.IGNORECASE,
)
_ENGLISH_KEYS = (
    *("answer", "ans.", "ans:", "ans =", "ans=", "ans →", "result", "solution", "option", "choice", "it should be"),
    "it is actually",
)
_LATIN_KEYS = (
    *(
        "respuesta",
        "antwo",
        "reponse",
        "resposta",
        "risposta",
        "jibu",
        "jawab",
        "cevap",
        "soluci",
        "soluzione",
        "resulta",
    ),
    *("risultato", "ergebnis", "odpowied"),
)
"""Beginnings of the key words in ASCII."""
_OTHER_KEYS = (
    *("réponse", "résultat", "lösung", "solução", "odpověď", "răspuns", "válasz", "đáp án", "απάντηση"),
    *("答", "最终结果", "답", "ответ", "итого", "відповідь", "উত্তর", "คำตอบ", "ตอบ", "సమాధానం", "జవాబు"),
    *("उत्तर", "الجواب", "الإجابة", "پاسخ", "جواب"),
)
_A_LINE = later(r"(?m)^[ \t]*A:[ \t]*([^\n]+)$")
_NO_VALUE = later(
    r"\s*(?:not|unknown|wrong|incorrect|correct|right|below|above|as follows|shown|within|in (?:the|a|its|simplest))\b",
    re.IGNORECASE,
)
_STOP = later(r"(?<!\bi\.e)(?<!\be\.g)\.(?=\s|$|[*\"')\]])|[。।\n]|(?<=\d)[!?](?=\s|$)")
_CLAUSE = later(
    r"[,;]?\s+(?:because|since|not|which|where|instead of|rather than|so that)\b"
    r"|\s+\((?:not|i\.e|since|because)\b|\s+—\s"
)
_FINAL = later(r"\b(?:final|correct|corrected|revised|updated|actual)\s+\Z", re.IGNORECASE)
_BARE = later(
    r"(?![^\n]*(?:approx|about|≈|roughly))[\s$*({\[\x22']*"
    r"(?:\\|[-−+]?\s?[$€£√]?\.?\d|(?!a\s)[A-Za-z](?![A-Za-z'])|\Z)"
)
_IS_THE = later(r"\s(?:is|are)\s+(?:the|our|my)\s+(?:[a-z]+\s+){0,2}\Z")
_LONGEST_BEFORE = 400
"""Characters before "is the answer" that may hold its value."""
_LONE_BULLET = later(r"[-+•][ \t]+(?=[^\n]+\s*(?:\n[ \t]*\n[ \t]*(?![-+•*])|\Z))")
"""The mark of a list that has one item: `- 9` is not -9."""
_HEADING = later(r"\d{1,2}[.)]\**[ \t]+\**(?=[^\n]*[A-Za-z]{3})")
"""`1. Set up the equation`, the first of several steps."""
_LONGEST_GAP = 20
_FILLER = later(r"[\s*:：]*(?:(?<=\n)>\s*\**)?")
_MATH_OPENERS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))


def stated(text: str, after: int = 0) -> StatedAnswer | None:
    """The last phrase with a value behind it, or before it ("42 is the answer"), from `after` on."""
    if "A:" in text:
        lines = list(_A_LINE.finditer(text, after))
        if lines:
            return StatedAnswer(tidy(lines[-1].group(1)), lines[-1].end())
    for place, end in _phrases(text, after):
        found = _value_before(text, place, after) if end is None else _value_behind(text, end)
        if found:
            final = _FINAL.search(text, max(after, place - len("corrected  ")), place) is not None
            return found._replace(final=final and is_value(found.value))
    return None


def is_value(text: str) -> bool:
    """True if the text begins as a value does, and none of its words say that it is a rounded one."""
    return _BARE.match(text) is not None and text.strip() != ""


def _value_behind(text: str, end: int) -> StatedAnswer | None:
    filler = _FILLER.match(text, end)
    start = filler.end() if filler else end
    before = text[max(0, start - _LONGEST_GAP) : start]
    if "\n" in before[len(before.rstrip()) :] and (bullet := _LONE_BULLET.match(text, start)) is not None:
        start = bullet.end()
    elif "\n" in before and _BULLETS.match(text, line := text.rfind("\n", 0, start) + 1):
        return _bullets(text, line)  # the steps of a solution are none
    if _NO_VALUE.match(text, start) or ("\n" in before and _HEADING.match(text, start)):
        return None
    stop = _end_of_sentence(text, start)
    if stop - start == 1 and text[start].isupper() and is_value(text[stop + 1 : stop + 3]):
        stop = _end_of_sentence(text, stop + 1)  # `C. 12`
    if text.startswith("?", stop):
        return None
    value = tidy(text[start:stop])
    if value.endswith("}") and "{" not in value:
        value = value.rstrip("}")
    clause = _CLAUSE.search(value)
    if clause and (clause.start() == 1 or any(map(str.isdigit, value[: clause.start()]))):
        value = tidy(value[: clause.start()])
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
    if value is None or any(no.search(text, start, verb.start()) for no in (REJECTED, HEDGED)):
        return None
    stop = _STOP.search(text, place)
    return StatedAnswer(tidy(value.group()), stop.end() if stop else len(text))


def _phrases(text: str, after: int) -> Iterator[tuple[int, int | None]]:
    """Begins and ends of the phrases in a text, the last first. The end is `None` if a value may stand before.

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
    """Places of the key words, the last first. `rest` is the text from `after` on."""
    places: list[int] = []
    for key in keys:
        place = rest.rfind(key)
        while place >= 0 and len(places) < MAX_TRIES * len(keys):
            places.append(place + after)
            place = rest.rfind(key, 0, place)
    return sorted(places, reverse=True)[:MAX_TRIES]


def _end_of_sentence(text: str, start: int) -> int:
    """The end of the sentence. A stop inside the mathematics that it begins with does not count."""
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
EMOJI_BEHIND = later(rf"(?<=[^\s{_EMOJI}])\s*[{_EMOJI}][\s{_EMOJI}]*\Z")
_BULLETS = later(r"(?:[ \t]*(?:[-•*]|\d{1,2}[.)])[ \t]+([^\n]{1,80})(?:\n|\Z)){2,12}")
BULLET = later(r"^[ \t]*(?:[-•*]|\d{1,2}[.)])[ \t]+", re.MULTILINE)


def _bullets(text: str, start: int) -> StatedAnswer | None:
    """The items of a list that stands behind a phrase, if each is a value."""
    found = _BULLETS.match(text, start)
    items = [tidy(item) for item in BULLET.split(found.group())[1:]] if found else []
    if found is None or not all(is_value(item) and not TWO_WORDS.search(item) for item in items):
        return None
    return StatedAnswer(", ".join(item.strip(" ,;$.") for item in items), found.end())


def tidy(value: str) -> str:
    return EMOJI_BEHIND.sub("", value.strip().strip("*")).strip().strip("*").strip()


# Prose ----------------------------------------------------------------------------------------------------------------

_CODE = later(r"[_\"\\\[\]{}=();<>|]")
_IN_BRACKETS = later(r"[A-Za-z][A-Za-z-]*\s*\((.{1,40})\)\.?")
_FINAL_EQUALS = later(rf"=\s*({NUMBER})\s*\$?\s*\.?\s*$")
_SAID = later(
    r".*(?:\b(?:is|are|was|were|equals?|be|es|ist|sind|est|sont|é|è)\b|是|为|は)\s*(?:(?:exactly|only|just)\s+)?"
    r"(.{1,200}?)[^\W\x00-\x7f]*\s*\.?",
    re.DOTALL,
)
"""`34` of "The largest n is 34.": what stands behind the last verb."""
_LOGIC = later(
    r"\\(?:forall|n?exists|neg|lnot|implies|iff|land|lor)\b|\b(?:for (?:all|some|every|any)|there exists?)\b"
)
_TEXT_COMMAND = later(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}")


def distil(prose: str) -> str | None:  # noqa: PLR0911 - one per way of saying it
    """The one value in a piece of prose that should hold a value. `None` if there is no single one."""
    if len(prose) > MAX_CHARS:
        return None
    prose = without_text(prose)
    if NEGATED.search(prose) or _LOGIC.search(prose) or "..." in prose or "dots" in prose:
        return None
    phrase = stated(prose)
    if phrase:
        return phrase.value
    for pattern in (_IN_BRACKETS.fullmatch, _FINAL_EQUALS.search):
        match = pattern(prose)
        if match:
            return match.group(1)
    if HEDGED.search(prose):
        return None
    said = _SAID.fullmatch(prose)
    if said and is_value(said.group(1)) and not TWO_WORDS.search(said.group(1)):
        return said.group(1)
    maths = {str(next(filter(None, match.groups()))).strip() for match in MATHS.finditer(prose)}
    if len(maths) == 1:
        return maths.pop()
    numbers = [match.group().strip() for match in NUMBERS.finditer(prose)]
    single = len(numbers) == 1 and not _CODE.search(prose) and not BOUND.search(prose[: prose.find(numbers[0])])
    return numbers[0] if single else None


def without_text(answer: str) -> str:
    r"""An answer in plain characters, its `\text{…}` as bare words."""
    return _TEXT_COMMAND.sub(r" \1 ", plain_characters(answer)).strip()


# European numbers -----------------------------------------------------------------------------------------------------

_GROUPED_BY_POINTS = later(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.]|,\d{3})")
_WORDS_OF_EUROPE = later(
    r"\b(?:der|die|das|ist|sind|und|er|sie|es|hat|ein|eine|einen|von|für|insgesamt|antwort|el|los|las|un|una|de|que|por"
    r"|tiene|tanto|en|él|ella|hay|cada|para|con|dólares|[^\W\d]*[à-öø-ÿ][^\W\d]*|respuesta|resposta|ele|ela|um|uma|teve|il|di|che|ha|risposta|het|een|van|antwoord|adalah|cevap|toplam)\b",
    re.IGNORECASE,
)
_WORDS_OF_ENGLISH = later(
    r"\b(?:the|is|are|was|so|of|and|to|for|it|she|he|they|we|has|have|with|this|that|per|each|by|from|answer|therefore|thus"
    r"|hence|result|equals|value|costs?|makes)\b",
    re.IGNORECASE,
)


def with_points(answer: str, text: str) -> str:
    """`70.000` as `70000`, if the text is German, Spanish, Portuguese, Italian, Dutch, Turkish or Indonesian."""
    if not _GROUPED_BY_POINTS.search(answer) or _WORDS_OF_ENGLISH.search(text) or not _WORDS_OF_EUROPE.search(text):
        return answer
    return _GROUPED_BY_POINTS.sub(lambda number: number.group().replace(".", ""), answer)
