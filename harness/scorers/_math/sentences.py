"""What a sentence that closes a reply says: the value that it ends on, or is about."""

from __future__ import annotations

import re

from harness.scorers._math import units
from harness.scorers._math.normalise import plain_characters
from harness.scorers._math.phrases import BOUND, HEDGED, MATHS, NEGATED, NUMBER, NUMBERS, REJECTED, WORD
from harness.scorers._patterns import later

LABEL = later(r"^(?:[A-Za-z][A-Za-z' ]{1,50}|\\boxed\{[A-Za-z ]{1,30}\}):\**\s+")
_EQUALS = later(rf"[=≈]\s*\**({NUMBER})")
_ONLY_WORDS = later(
    r"\**(?:\s?/\s?[A-Za-z]+)?[\s,]*(?:[ap]\.m\b|(?:[^\W\d_]|[°$€£\u0900-\u0eff])(?:[^\W\d_]|['’/\u0900-\u0eff-])*+[\s,]*+){0,12}[\s.!*$\"。।]*$"
)
_FEW_WORDS = later(r"\s*(?:[A-Za-z$€£&/][A-Za-z/&]*+\s*+){0,10}$")
_MATH = r"(?:\$[^$]{1,300}\$|\\\([^$]{1,300}?\\\))"
_MATH_AT_END = later(rf"((?:{_MATH}(?:, (?:and |or )?| and | or )){{0,9}}{_MATH})((?: [A-Za-z]+){{0,4}})[\s.*!。]*$")
_UNSOLVED = later(r"[^=]*\b[A-Za-z]+\s*\^\s*\{?\d+\}?\s*")
"""The left side of `AB^2 = 7`."""
_BOLD = later(r"\*\*([^*\n]{1,300})\*\*(:?)")
_ROUNDED_LAST = later(rf"\s*({NUMBER})[^\d=≈]{{0,20}}$")
_SIDE_BEGINS = later(r"[=:]|\b(?:is|are|equals?|takes?|be)\b")
_LONGEST_SIDE = 40
FUNCTIONS = later(r"\b(?:sqrt|sin|cos|tan|log|exp|arc(?:sin|cos|tan))(?![A-Za-z])")
_OR_ABOUT = later(
    r"(?:,|,? or|,? which is|,? i\.e\.,?| \()[ ]?(?:approximately|about|roughly|around|nearly|≈|\$?\\approx)"
    r"(?![A-Za-z])[^,()]{1,60}\)?\W*$"
)
"""`…, or approximately 113.1 cm²`, at the end of a sentence."""
_EITHER = later(rf"({NUMBER}(?: [A-Za-z]+)?,? or (?:equivalently,? )?(?:\d+ )?{NUMBER}(?: [A-Za-z]+)?)\W*$")
"""`0.35, or 35%`, at the end of a sentence."""
_OR_EACH = later(rf"(?:,? or ({NUMBER})(?: [a-z]+)?,? (?:each|apiece|per [a-z]+)|^\D*, or ({NUMBER}))\W*$")
"""`…, or 2 each`, `a quarter to three, or 2:45`, at the end of a sentence."""
_CHINESE_LAST = later(
    r"[是有为共得要需剩花费]\s*([零〇一二两三四五六七八九十百千万]{2,12})"
    r"[^\W\da-zA-Z零〇一二两三四五六七八九十百千万]{0,6}[。！.]?$"
)
_BRACKETED = later(r"(?<=\()(\d{1,2}:\d\d)(?=\)\W*$)|\[ ?([^\[\],;]{0,30}\d[^\[\],;]{0,30}?) ?\]\W*$")
"""`[90]`, at the end of a sentence."""
_BOUNDED = later(rf"((?:{NUMBER} ?(?:[<≤]|<=|\\leq?) ?)?(?<![A-Za-z])[A-Za-z] ?(?:[<>≤≥≠]=?|\\[lgn]eq?) ?{NUMBER})\W*$")
"""`x > 7`, at the end of a sentence."""
_HOURS = later(r"(?<=à )(\d{1,2}) ?h ?(\d{2})(?!\d)")
_ENTRY = r"[-−+]?(?:\d[\d./]*|∞|\d*√?\d*π(?:/\d+)?|√\d+|[a-z])"
_TUPLE = rf"[(\[⟨] ?{_ENTRY}(?:, ?{_ENTRY}){{1,5}} ?[)\]⟩]"
_TUPLES = later(
    rf"(?<!\w)(\[{_TUPLE}(?:, ?{_TUPLE}){{0,9}}\]|{_TUPLE}(?:(?:, (?:and )?| and |,? ?[∪U] ?){_TUPLE}){{0,9}})\W*$"
)
"""`(3, -4)`, at the end of a sentence."""
_TERM = r"[-−+]?+(?:\d[\d.]*+|(?:sqrt|sin|cos|tan|ln|log|exp)(?=[ (])|pi|√|π|[a-z](?![A-Za-z])|[²³⁰-⁹()])"
_EXPRESSION = later(
    r"(?:\b(?:is|are|be|equals?|becomes|gives?|get|obtain|(?:converges|simplifies|reduces|evaluates|equal) to)|=)\s+"
    rf"(?:the (?:expression|value)\s+)?"
    rf"((?=[^.]*[a-zπ√(²³^*/+−-])(?=\S*[^\d\s,.]|\S+ [-−+*/^]){_TERM}(?:(?: ?[-−+*/^] ?| )?+{_TERM}){{1,30}}+)[.\s]*$"
)
"""`3 − 4i`, `3*sqrt(5)`, at the end of a sentence."""
_AMOUNTS = later(
    r"(?<![\d.,:/$€£-])(\d+ (?:h|hours?|hrs?|heures?|horas?|ore|ora|Stunden?|час(?:а|ов)?"
    r"|days?|dollars?|lbs?|pounds?|feet|foot|ft"
    r"|meters?|km|kg),? (?:(?:and|et|und|y|e) )?\d+ (?:m|min|mins|minut[eo]s?|minuti|Minuten?|минут[аы]?"
    r"|hours?|seconds?|cents?"
    r"|oz|ounces?|inch(?:es)?|in|cm|g|grams?))(?: [a-z]+)?\W*$"
)
"""`1 h 45 min`, at the end of a sentence."""
_CHANCE = later(r"\b(?:probability|chances?|odds|likelihood)\b[^.]*\b(?:is|are)\s+(\d+) (?:in|out of) (\d+)\W*$")
"""`3 in 8`, of a probability."""
_ENDINGS = (_CHANCE, _BOUNDED, _BRACKETED, _TUPLES, _EXPRESSION, _AMOUNTS)
"""Values that a sentence may end on beside plain numbers. A match with more than one group is a fraction."""
_IN_BOLD = later(r"(?=.*\d).{1,120}(?<!:)")
_SAID_LAST = later(
    rf"(?:\b(?:is|are|be|equals?)\s+(?:(?:about|approximately|exactly)\s+)?|[是为])({NUMBER})\s?\S{{0,12}}$"
)
_ASSIGNED = later(rf"((?:\b[A-Za-z](?:_\d)? ?= ?{NUMBER}(?:[,;] (?:and )?| and ))+[A-Za-z](?:_\d)? ?= ?{NUMBER})\W*$")
"""`x = 7 and y = 2`, at the end of a sentence."""
_ALTERNATIVES = later(rf"((?P<name>[A-Za-z]) ?= ?{NUMBER}(?:(?:,? or |, ?)(?P=name) ?= ?{NUMBER})+)\W*$")
"""`k = 2 or k = -7`, at the end of a sentence."""
_CONDITION = later(
    r"^(?:so,? )?(?:if|when|since|because|given|with|for)\b[^,]*, (?:then )?(?=[^,]*\d)(?!.*\bwould\b)",
    re.IGNORECASE,
)
"""`If each pays the same, …`, before what follows from it."""
_NOT_THAT = later(r"\s\((?:not|instead of|rather than)\b[^()]*\)\W*$")
_EXACTLY = later(rf"({NUMBER})(?: [A-Za-z]+)? \((?:exactly|precisely|that is|i\.e\.),? ([^()]{{1,60}})\)\W*$")
"""`approximately 0.693 (exactly ln 2)`, at the end of a sentence."""
_AT = later(rf",? (?:which occurs |attained |occurring )?(?:at|when|where) [A-Za-z] ?= ?{NUMBER}\W*$")
"""`…, at x = 3`, at the end of a sentence."""
_AND_IS = later(rf"\b(?:is|are|equals|gives)\s+\W{{0,3}}{NUMBER}")
_LISTED = later(rf"\b(?:is|are|were)\s+((?:{NUMBER}(?:, (?:and |or )?| and | or ))+{NUMBER})\W*$")
_COUNTED = later(
    r"(?<![\d.,:/$€£-])(\d+ [A-Za-z-]+(?:, (?:and )?\d+ [A-Za-z-]+)*,? and \d+ [A-Za-z-]+)(?: [A-Za-z]+){0,4}\W*$"
)
"""`9 chickens and 10 rabbits`, at the end of a sentence."""
_OF = later(rf"({NUMBER})(?: [^\W\d_]+){{0,3}} (?:out of|sur|von)(?: the| les| den)? {NUMBER}(?: [^\W\d_]+){{0,3}}\W*$")
"""`20 out of 25 points`, at the end of a sentence."""
_RESTATED = later(rf"({NUMBER}(?: [^\W\d_]+(?:/[a-z]+)?){{0,2}}) \((?!\d{{1,2}}:\d\d\))[^()]*\d[^()]*\)\W*$")
"""`110 minutes (1 hour 50 minutes)`, at the end of a sentence."""
_COMPARED = later(
    r"(?<=\w), which (?:is|are|was|were) [^,]{0,60}\b(?:more|less|fewer|times|percent|[a-z]{3,}er) "
    r"(?:[^,]{0,60} )?(?:than|as|of)\b[^,]{0,60}$"
)
"""`…, which is 2 more than Tom`, at the end of a sentence."""
_TOTAL = later(
    rf"\btotal of \**({NUMBER})\**(?: [A-Za-z-]+){{1,4}}? (?:in|over|after|during|within|across|for|from|per) "
    rf"{NUMBER} [A-Za-z-]+\W*$"
)
"""`a total of 150 miles in 3 hours`, at the end of a sentence."""
_HALF_OF_A_DAY = later(r"[ap]\.?m\.?", re.IGNORECASE)
_GOES_ON = later(
    r"\s*(?:\\(?!(?:text\w*|mathrm|quad|qquad|approx|implies|Rightarrow|to|p?mod|degree|circ|right|end|hspace)"
    r"(?![A-Za-z]))[A-Za-z]+|[-+^(]|[A-Za-z](?![A-Za-z]))"
)
"""Behind a number, what makes it a part of an expression."""
_UNIT_BEHIND = later(
    r"\s?((?:(?:square|cubic|sq|cu)\s)?[A-Za-z]{2,}(?:\s?(?:per\s|/\s?)[A-Za-z]+)?(?:\^?[23²³])?"
    r"|[JNWVKLAmghs](?=[.!*]*\s*$)|[A-Za-z]{1,4}/[A-Za-z]{1,4}(?:\^?[23²³])?|°\s?[CF]|[apAP]\.?[mM]\b\.?)(?=[\s.,!)*]|$)"
    r"(?!\s(?:per|an?|each|squared|cubed|and|to|by)\b|\s\d)",
)
_BESIDE = later(
    r"\b(?:between(?:\s\S{1,20}\sand)?|in|below|above|under|than|over|within|during|after|before|at|per|every|by|from"
    r"|out of(?: the| those| these)?"
    r"|of (?:the|those|these|all|his|her|their)"
    r"|(?<!\bhim )(?<!\bher )(?<!\bthem )(?<!\bup )(?<!\bleft )with(?=\s?[$€£₹¥]?\s*\Z)|for(?!\s?[$€£₹¥])"
    r"|the|these|those|all|both|his|her|its|their|your|our|my)"
    r"(?:\s+(?:next|last|first|other|same|whole|entire|remaining|full|about|just|only))?\s*\Z",
    re.IGNORECASE,
)
"""Before a number that tells of what else a sentence is about: `in 3 classes`, `the 4 workers`."""
_PURPOSE = later(r"\bto [a-z]+ (?:(?:a|an|all|the|another) )?\Z")
_LONGEST_PHRASE = 40
"""Characters before a number that are looked at for what it belongs to."""
_FIRST_WORDS = later(r"\W*(?:so|thus|hence|therefore|now|then)?,?\W*\Z", re.IGNORECASE)
_PART = later(r"\s+(?:[a-z]+\s+)?(?:out\s+)?of\b")


def concluding(sentence: str) -> str | None:
    """The value of a sentence: after its last `=`, its one bold value, its closing mathematics, or its last number.

    There is none if it is denied, hedged or a question, or if the sentence goes on after the number.
    """
    sentence = _HOURS.sub(r"\1:\2", sentence.rstrip().replace("{,}", ",").replace("\\$", "$"))
    if both := _both_sides(sentence):
        return both
    rounded = _OR_ABOUT.search(sentence)
    if rounded is not None and any(map(str.isdigit, sentence[: rounded.start()])):
        sentence = f"{sentence[: rounded.start()]}."
    place = _AT.search(sentence)
    if place is not None and NUMBERS.search(sentence, 0, place.start()):
        sentence = f"{sentence[: place.start()]}."
    return _concluding(_NOT_THAT.sub(".", _CONDITION.sub("", sentence)))


def _concluding(sentence: str) -> str | None:
    denied, rejected = (no.search(sentence) is not None for no in (NEGATED, REJECTED))
    hedged = HEDGED.search(MATHS.sub(" ", sentence)) is not None
    whole = sentence.endswith((".", "!", "$", "*", ")", "。", "।")) or sentence[-1:] > "\u0900"
    formulas = closing_formulas(sentence) if whole and not denied else []
    if len(formulas) > 1:
        return " and ".join(formulas)
    if formulas and not (hedged or rejected) and max(map(sentence.rfind, "=≈")) < sentence.rfind(formulas[0]):
        return formulas[0]
    if not rejected and (value := _after_equals(sentence, whole=whole, open_=denied or hedged)):
        return value
    if denied or rejected or hedged:
        return None if denied or rejected else _either(sentence)
    return _stated(sentence, whole=whole) or (
        formulas[0] if formulas else _closing_numbers(sentence) if whole else None
    )


def _both_sides(sentence: str) -> str | None:
    """The exact and the rounded side at the end of a sentence: `ln 5 ≈ 1.609`, `about 0.693 (exactly ln 2)`."""
    if (exactly := _EXACTLY.search(sentence)) is not None:
        return f"{exactly.group(2)} ≈ {exactly.group(1).strip()}"
    if "≈" not in sentence:
        return None
    place = sentence.rfind("≈")
    rounded = _ROUNDED_LAST.match(sentence, place + 1)
    side = sentence[max(0, place - _LONGEST_SIDE) : place]
    begins = list(_SIDE_BEGINS.finditer(side))
    side = side[begins[-1].end() :] if begins else side if place <= _LONGEST_SIDE else ""
    if rounded is None or not side.strip() or "$" in side or WORD.search(FUNCTIONS.sub("", side)):
        return None
    return f"{side.strip()} ≈ {rounded.group(1).strip()}"


def _after_equals(sentence: str, *, whole: bool, open_: bool) -> str | None:
    """What stands behind the last `=`: a value, or each of several (`x = 7 and y = 2`) if nothing is left open."""
    assigned = _ALTERNATIVES.search(sentence) or (None if open_ else _ASSIGNED.search(sentence))
    if assigned is not None:
        return assigned.group(1)
    equals = next(iter(list(_EQUALS.finditer(sentence))[:-2:-1]), None)
    if equals is None or _UNSOLVED.fullmatch(sentence, 0, equals.start()) or _AND_IS.search(sentence, equals.end()):
        return None
    end = equals.end()
    if _GOES_ON.match(sentence, end) and (expression := _EXPRESSION.search(sentence.replace("*" * 2, ""))) is not None:
        return expression.group(1)
    if not whole and not (_FEW_WORDS.match(sentence, end) and not HEDGED.search(sentence, end)):
        return None
    return _side(sentence, equals) or _with_unit(sentence, equals.group(1), end)


def _either(sentence: str) -> str | None:
    """`2` of `…, or 2 each`. Of two numbers both, so that the comparison can tell whether they spell one value."""
    each, either = _OR_EACH.search(sentence), _EITHER.search(sentence)
    if each is not None:
        return str(next(filter(None, each.groups()))).strip()
    open_ = either is None or HEDGED.search(f"{sentence[: either.start()]} {sentence[either.end() :]}")
    return None if either is None or open_ else either.group(1)


def _stated(sentence: str, *, whole: bool) -> str | None:
    """A Chinese numeral, what is said at the end of an unfinished sentence, or the one bold value of a whole one."""
    if (numeral := _CHINESE_LAST.search(sentence)) is not None:
        return numeral.group(1)
    if not whole:
        said = _SAID_LAST.search(sentence)
        return _with_unit(sentence, said.group(1), said.end(1)) if said else None
    bold = {text.strip() for text, colon in _BOLD.findall(sentence) if _IN_BOLD.fullmatch(text) and not colon}
    return LABEL.sub("", bold.pop()).strip(" .") if len(bold) == 1 else None


def closing_formulas(sentence: str) -> list[str]:
    """The formulas that a sentence ends on, or has but its unit behind."""
    found = _MATH_AT_END.search(sentence)
    if found is None or (found.group(2) and not units.is_unit(found.group(2), spaced=True)):
        return []
    formulas = [str(next(filter(None, match.groups()))).strip() for match in MATHS.finditer(found.group(1))]
    return [f"{formulas[0]}\\text{{{found.group(2)}}}"] if formulas and found.group(2) else formulas


def _closing_numbers(sentence: str) -> str | None:
    """The numbers that a sentence lists or counts at its end. If only words follow a number, the one it is about."""
    if (restated := _RESTATED.search(sentence)) is not None:
        sentence = sentence[: restated.end(1)]
    for ending in _ENDINGS:
        if (found := ending.search(sentence)) is not None:
            return "/".join(filter(None, found.groups()))
    compared = _COMPARED.search(sentence)
    if compared and NUMBERS.search(sentence, 0, compared.start()):
        sentence = sentence[: compared.start()]
    for listed in (_COUNTED, _LISTED, _TOTAL, _OF):
        if (several := listed.search(sentence)) is not None:
            return several.group(1).strip()
    number, last = _main_number(sentence)
    if number is None or not _ONLY_WORDS.match(sentence, last) or BOUND.search(sentence, 0, _start(number)):
        return None
    return _with_unit(sentence, number.group(), number.end())


def _main_number(sentence: str) -> tuple[re.Match[str] | None, int]:
    """The number that a sentence is about, and the place at which its last number ends.

    It is the last, unless just one of them stands behind no preposition and does not open the sentence.
    """
    numbers = list(NUMBERS.finditer(sentence))
    if not numbers:
        return None, 0
    last = numbers[-1]
    if _before(_BESIDE, sentence, last):
        main = [number for number in numbers if not _before(_BESIDE, sentence, number)]
    else:
        purpose = len(numbers) == 2 and _before(_PURPOSE, sentence, last)  # noqa: PLR2004
        main = numbers[:1] if purpose else [last]
    opens = main and _FIRST_WORDS.fullmatch(sentence, 0, _start(main[0])) and not _PART.match(sentence, main[0].end())
    return (main[0] if len(main) == 1 and not opens else last), last.end()


def _before(pattern: re.Pattern[str], sentence: str, number: re.Match[str]) -> bool:
    """Whether the words before a number are such."""
    start = _start(number)
    return pattern.search(sentence, max(0, start - _LONGEST_PHRASE), start) is not None


def _start(number: re.Match[str]) -> int:
    return number.end() - len(number.group().lstrip())


def _side(sentence: str, equals: re.Match[str]) -> str | None:
    r"""`2\sqrt{5}` of `$\sqrt{20} = 2\sqrt{5}$`, if more than the number stands behind the last `=`."""
    around = next((found for found in MATHS.finditer(sentence) if found.start() < equals.start() < found.end()), None)
    if around is None or not _GOES_ON.match(sentence, equals.end()):
        return None
    return sentence[equals.start(1) : around.end(around.lastindex or 0)].strip()


def _with_unit(sentence: str, number: str, end: int) -> str:
    """A number with the unit behind it, if the size of that is known: 5 inches are not 5 feet."""
    unit = _UNIT_BEHIND.match(sentence, end)
    number = number.strip()
    if unit is None:
        return number
    named = plain_characters(unit.group(1))
    if named[0] == "^" or _HALF_OF_A_DAY.fullmatch(named):
        return f"{number} {named}"
    return f"{number} \\text{{{named}}}" if units.has_size(named) else number
