"""One spelling for each thing an answer can say: Unicode, LaTeX dress, thousands, currency, units, percent.

`normalise` turns the raw answer into the text that `syntax.read` reads. It never changes a value: where a
spelling is ambiguous (`1 2`, `{1}{2}`) it is left alone, and the reader refuses it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from harness.scorers._math.syntax import MAX_CHARS, MAX_DEPTH, Unreadable

# Characters --------------------------------------------------------------------------------------------------

_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "－": "-",
    "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "÷": "/", "⁄": "/", "∕": "/",
    "√": r"\surd ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "°": r"^\circ ", "º": r"^\circ ", "±": r"\pm ",
    "∓": r"\mp ", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "∈": r"\in ", "∖": r"\setminus ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "→": r"\to ", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"',
    "，": ",", "、": ",", "。": ".", "．": ".", "：": ":", "；": ";", "（": "(", "）": ")", "％": "%", "٪": "%",
    "٫": ".", "٬": ",", "\\varnothing": r"\emptyset",
}  # fmt: skip
_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
    "⅑": (1, 9), "⅒": (1, 10), "↉": (0, 3),
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ", "0123456789+-()nix")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩϕϵϑ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma sigma tau upsilon phi "
        "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega phi epsilon theta".split(),
        strict=True,
    )
)
_TABLE: dict[int, str | None] = {
    **{ord(char): text for char, text in _SYMBOLS.items() if len(char) == 1},
    **{ord(char): rf"\frac{{{a}}}{{{b}}}" for char, (a, b) in _FRACTIONS.items()},
    **{ord(char): rf"\{name} " for char, name in _GREEK.items()},
    **dict.fromkeys((0xAD, 0x061C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))),
}
_RUN_OF_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ]+")
_RUN_OF_SUBSCRIPTS = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")


def plain_characters(text: str) -> str:
    """Unicode mathematics as LaTeX, every digit as ASCII, invisible characters gone.

    Superscripts become exponents before compatibility forms are folded (NFKC alone reads x² as x2).
    """
    if text.isascii():
        return text
    text = _RUN_OF_SUPERSCRIPTS.sub(lambda run: "^{" + run.group().translate(_SUPERSCRIPTS) + "}", text)
    text = _RUN_OF_SUBSCRIPTS.sub(lambda run: "_{" + run.group().translate(_SUBSCRIPTS) + "}", text)
    text = text.translate(_TABLE)
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_TABLE)
    return "".join(_ascii_digit(char) for char in text)


def _ascii_digit(char: str) -> str:
    if char.isascii():
        return char
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


# LaTeX -------------------------------------------------------------------------------------------------------

_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|rm|bf|it)(?![A-Za-z])\.?")
_WITH_ARGUMENT = re.compile(
    r"\\(text|textbf|textit|textrm|texttt|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathcal|mathnormal|bm"
    r"|boldsymbol|bold|operatorname\*?|emph|underline|boxed|fbox|hspace\*?|hphantom|phantom|color|tag)(?![A-Za-z])\s*"
    r"(?:\{([^{}]*)\}|([A-Za-z0-9]))"
)
_DROPPED = frozenset({"hspace", "hspace*", "phantom", "hphantom", "color", "tag"})
_SPACES = re.compile(
    r"\\[,;:! ]|\\(?:quad|qquad|thinspace|enspace|space|nobreak)(?![A-Za-z])|~|\xa0|[\u2000-\u200a\u202f]"
)
_THOUSANDS = re.compile(
    r"(?<=\d)(?:\\[,;:! ]\s?|\{,\}\s?|,\\!\s*|\\,\s*|(?<=\d),\s*\\!\s*|~|[\xa0\u2009\u202f])(?=\d{3}(?!\d))"
)
_REPEATING = re.compile(r"(\d*\.\d*?)(\d+?)\2+\s*(?:\.\.\.|\\[lc]?dots(?![A-Za-z]))")
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d ]*\d)")


def _infix(match: re.Match[str]) -> str:
    return rf"\{'frac' if match.group(2) == 'over' else 'binom'}{{{match.group(1)}}}{{{match.group(3)}}}"


_RENAMED: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\deg(?![A-Za-z])"), r"\\degree"),
    (re.compile(r"\\varnothing(?![A-Za-z])|\\(?:empty|O)(?![A-Za-z])"), r"\\emptyset"),
    (re.compile(r"\\not\s*(?:=|\\?eq(?![A-Za-z]))"), r"\\ne "),
    (re.compile(r"\\(?:lbrace|lBrace)(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\(?:rbrace|rBrace)(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\(?:lbrack|rbrack)(?![A-Za-z])"), lambda m: "[" if "l" in m.group()[:2] else "]"),
    (re.compile(r"\\(?:R|reals|Reals)(?![A-Za-z])"), r"\\mathbb{R}"),
    (re.compile(r"\\(?:N|Z|Q)(?![A-Za-z])"), lambda m: rf"\mathbb{{{m.group()[1]}}}"),
    (re.compile(r"\\mathbb\s*([A-Z])"), r"\\mathbb{\1}"),
    (re.compile(r"\\smallsetminus(?![A-Za-z])"), r"\\setminus "),
    (re.compile(r"(?<![A-Za-z\\])(?:np|numpy|math|sympy)\.(?=[a-z])"), ""),
    (re.compile(r"\{:\}"), ":"),
    (re.compile(r"\{([^{}]*)\\(over|choose)(?![A-Za-z])([^{}]*)\}"), _infix),
    (re.compile(r"(?<![A-Za-z\\])sqrt(?![A-Za-z])"), r"\\surd"),
    (re.compile(r"\\(?=\s*$)"), ""),
]
_FUNCTION_TEXT = re.compile(
    r"(?:sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|arccot|sinh|cosh|tanh|ln|log|lg|exp|gcd|lcm|max|min|sgn|"
    r"Re|Im|arg|det|floor|ceil|abs)"
)
_JOINING_TEXT = re.compile(r"[,;]?\s*(and|or)\s*,?")


def _argument(match: re.Match[str]) -> str:
    command, inner = match.group(1), match.group(2) if match.group(2) is not None else match.group(3)
    if command in _DROPPED:
        return ""
    if command in ("boxed", "fbox", "underline") or not any(map(str.isalpha, inner)):
        return f" {inner} " if command not in ("mathbf", "mathrm", "bm", "boldsymbol", "bold") else inner
    word = inner.strip(" ~$*")
    if _FUNCTION_TEXT.fullmatch(word):
        return rf"\{word} "
    is_math = command.startswith("math") or command in ("bm", "boldsymbol", "bold")
    if "\\" in word or (is_math and (len(word) == 1 or not word.isalpha())):
        return f" {inner} " if not is_math else inner
    joining = _JOINING_TEXT.fullmatch(word)
    return f" {joining.group(1)} " if joining else "⟦" + word + "⟧"


def plain_latex(text: str) -> str:
    """LaTeX with one command per meaning, without sizes, spacing and fonts; text runs as `\\text{…}`."""
    text = _THOUSANDS.sub("", text)
    if "\\" in text:
        # `\\\\` ends a row; before a command and outside a matrix it is one backslash, escaped twice.
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text) if "\\begin" not in text else text
        text = re.sub(r"\\\\(?:\s*\[[^\]\\]*\])?", "⏎" if "\\begin" in text else ",", text)
        text = _SIZES.sub("", text)
        for pattern, replacement in _RENAMED:
            text = pattern.sub(replacement, text)
        for _ in range(6):  # fonts within fonts; deeper nests are left to be refused
            text, count = _WITH_ARGUMENT.subn(_argument, text)
            if not count:
                break
        text = text.replace("\\$", "$")
    elif "sqrt" in text or "np." in text:
        for pattern, replacement in _RENAMED:
            text = pattern.sub(replacement, text)
    if "..." in text or "dots" in text:
        text = _REPEATING.sub(r"\1\\overline{\2}", text)
    text = _SPACES.sub(" ", text)
    text = re.sub(r"\\[()\[\]]", " ", text)
    text = _SPACED_THOUSANDS.sub(lambda m: m.group().replace(" ", ""), text)
    return text.replace("{,}", ",")


# Currency, units ---------------------------------------------------------------------------------------------

_UNITS: dict[str, tuple[str, Fraction]] = {}
for _dimension, _entries in {
    "length": "mm millimeter 1/1000 cm centimeter 1/100 dm decimeter 1/10 m meter 1 km kilometer 1000 "
    "in inch 127/5000 ft foot 381/1250 yd yard 1143/1250 mi mile 201168/125",
    "time": "ms millisecond 1/1000 s second 1 sec - 1 min minute 60 hr hour 3600 h - 3600 day - 86400 week - 604800",
    "mass": "mg milligram 1/1000000 g gram 1/1000 kg kilogram 1 lb pound 45359237/100000000 oz ounce 45359237/1600000000",
    "volume": "ml milliliter 1/1000 mL - 1/1000 l liter 1 L - 1",
    "money": "cent - 1/100 dollar - 1 USD - 1 \\$ - 1",
    "angle": "degree deg 1",
}.items():
    _parts = iter(_entries.split())
    for _short, _long, _factor in zip(_parts, _parts, _parts, strict=True):
        for _name in {_short, _long} - {"-"}:
            _UNITS[_name] = (_dimension, Fraction(_factor))
_IRREGULAR = {"feet": "foot", "inches": "inch", "metre": "meter", "litre": "liter", "lbs": "lb", "hrs": "hr",
              "mins": "min", "secs": "sec", "¢": "cent"}  # fmt: skip
_OTHER_UNITS = frozenset(
    "mph kph kmh rpm mol Hz kHz MHz N kN J kJ W kW kWh V mV A mA Pa kPa MPa K C F eV keV MeV GeV T sq cu square cubic "
    "unit point percent am pm a.m p.m AM PM EUR GBP INR RMB CNY euro rupee yuan pence erg rad radian year month "
    "mile per meter".split()
)
_NO_UNITS = frozenset(
    "or and if then else mod plus minus times over divided not no log ln exp sin cos tan cot sec csc sqrt pi inf "
    "infinity factorial squared cubed choose million billion trillion thousand hundred dozen dozens lakh crore base for "
    "in is are the where when with only but to from either at most least more less than positive negative "
    "nan none undefined root half third quarter half thirds quarters e i x y z lambda import open eval exec".split()
)
_UNIT_WORDS = re.compile(r"[A-Za-z]+(?:[ /·.-]+[A-Za-z]+){0,5}")
_UNIT_TAIL = re.compile(
    r"(?P<text>(?:\s*⟦[^⟦⟧]*⟧|\s*\^\s*\{?\s*-?[1-4]\s*\}?(?=[\s⟦\\]|$)|(?<=[⟧}\d])\s*(?:/|\\cdot)(?=\s*⟦)"
    r"|\s*\\frac\s*\{\s*⟦[^⟦⟧]*⟧[^{}]*\}\s*\{\s*⟦[^⟦⟧]*⟧[^{}]*\})+)\s*\.?\s*$"
)
_PLAIN_TAIL = re.compile(
    r"(?<=[\d)}%])(?P<gap>\s*)(?P<words>[A-Za-z]+\.?[A-Za-z]?(?:[ /.-]+[A-Za-z]+){0,6})(?P<power>\s*\^\s*\{?\s*[23]\s*\}?)?\s*\.?\s*$"
)
_DEGREES = re.compile(
    r"(?:\^\s*(?:\{\s*\\circ\s*\}|\\circ|\{\s*\\degree\s*\})|\\degree)(?![A-Za-z])(?:\s*[CF](?![A-Za-z]))?"
)
_CURRENCY = re.compile(r"^([-+]?)\s*(?:\$|€|£|¥|₹|USD|EUR|GBP|Rs\.?|US\$)\s*(?=[-\d.\\(])")
_BASE = re.compile(r"(?<=\d)\)?\s*\(?\s*⟦?\s*(?:in\s+)?base[\s-]*⟧?\s*(\d{1,2}|[a-z]+)\s*⟧?\s*\)?\s*$|(?<=\d)\)(?=_)")
_CURRENCY_AFTER = re.compile(r"(?<=\d)\s*(?:\$|€|£|¥|₹|USD|EUR|GBP)\s*$")
_SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "hundred": 100,
    "dozen": 12,
}
_SCALE = re.compile(
    r"^(?P<n>[-+]?[\d.,]+)\s*(?:⟦\s*)?(?P<word>thousand|million|billion|trillion|hundred)(?:\s*⟧)?\b(?!\s*\d)"
)


@dataclass(frozen=True, slots=True)
class Normal:
    """An answer in one spelling."""

    text: str
    """What `syntax.read` reads; `""` where nothing is left."""
    unit: tuple[str, Fraction] | None = None
    """Dimension and factor to its base unit, where the answer names a unit with one meaning."""
    words: str = ""
    """The answer as bare lower-case words, for answers that are text."""


def normalise(raw: str) -> Normal:
    """Bring an answer to one spelling.

    Args:
        raw: the extracted answer.

    Raises:
        Unreadable: longer than `MAX_CHARS`, or nested deeper than `MAX_DEPTH`.
    """
    if len(raw) > MAX_CHARS:
        raise Unreadable(f"{len(raw)} characters; answers up to {MAX_CHARS} are read")
    _check_depth(raw)
    text = plain_latex(plain_characters(raw)).strip()
    text = _strip_dress(text)
    words = " ".join(re.sub(r"⟦|⟧|\\text|[{}$\"'`*_\\]", " ", text).split()).rstrip(".!?,;:").lower()
    text, unit = _strip_units(text)
    return Normal(_as_tokens(text), unit, words)


def _check_depth(text: str) -> None:
    depth = deepest = 0
    for char in text:
        if char in "{([":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "})]":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise Unreadable(f"nested {deepest} deep; up to {MAX_DEPTH} is read")


_LEAD = re.compile(
    r"^(?:(?:is|are|exactly|precisely|only|just|about|approximately|approx\.?|equals?|equal to|to|the value of|therefore|thus|so)\b"
    r"\s*|[:=≈]\s*|\\approx\s*|⟦(?:[Aa]nswer|[Ff]inal answer)\s*:?\s*⟧)+"
)


def _strip_dress(text: str) -> str:
    """Quotes, markdown, dollar signs of mathematics, a full stop at the end, an introducing word."""
    while True:
        before = text
        text = text.strip().strip("`*\"'").strip()
        if len(text) > 1 and text[0] == text[-1] == "$":
            text = text.strip("$").strip()
        if text.endswith("$") and text.count("$") % 2 and not text[0] == "$" and not text[-2:-1].isdigit():
            text = text[:-1]
        if text.endswith((".", ",", ";", ":", "。", "!")) and not text.endswith(("..", "\\,", "\\;", "\\:", "\\!")):
            if text[-1] != "!" or not re.search(r"[\d)}a-zA-Z]!+$", text):
                text = text[:-1]
        text = _LEAD.sub("", text)
        if text == before:
            return text


def _strip_units(text: str) -> tuple[str, tuple[str, Fraction] | None]:
    """Take off currency signs and a trailing unit; say which unit it was, where that is clear."""
    unit: tuple[str, Fraction] | None = None
    scale = _SCALE.match(text)
    if scale and scale.group("n").strip(".,"):
        text = f"{scale.group('n')}*{_SCALES[scale.group('word')]}" + text[scale.end() :]
    currency = _CURRENCY.match(text)
    if currency:
        text = currency.group(1) + text[currency.end() :]
        unit = ("money", Fraction(1)) if "$" in currency.group() or "USD" in currency.group() else None
    text = _CURRENCY_AFTER.sub("", text)
    if "base" in text or ")_" in text:
        text = _BASE.sub(lambda m: f"_{{{m.group(1)}}}" if m.group(1) else "", text)
        text = re.sub(r"^(-?)\((?=\d+_)", r"\1", text)
    text = text.replace("$", " ")
    if "circ" in text or "degree" in text:
        text = _DEGREES.sub(r"\\degree ", text)
    if not any(map(str.isdigit, text)) and "\\" not in text:
        return text, unit
    tail = _UNIT_TAIL.search(text)
    if tail and tail.start() > 0:
        body = text[: tail.start()].rstrip()
        named = re.sub(r"[⟦⟧{}^]", " ", tail.group("text"))
        words = re.findall(r"[A-Za-z]+", named)
        powers_alone = "⟦" not in tail.group("text")
        if (
            not powers_alone
            and body
            and body[-1] not in "_^=<>"
            and words
            and not (set(map(str.lower, words)) & _NOT_UNIT_TEXT)
        ):
            return body, unit or _unit(named)
    tail = _PLAIN_TAIL.search(text)
    if tail and _is_unit(tail.group("words"), spaced=bool(tail.group("gap"))):
        return text[: tail.start()].rstrip(), unit or _unit(tail.group("words") + (tail.group("power") or ""))
    return text, unit


_NOT_UNIT_TEXT = frozenset("or and if else mod base for where when not no only but is are otherwise".split())


def _is_unit(words: str, *, spaced: bool) -> bool:
    parts = re.findall(r"[A-Za-z]+", words)
    if any(part.lower() in _NO_UNITS for part in parts):
        return False
    if not spaced:
        return _known(words.strip(" .")) or (len(parts) > 1 and _known(parts[0])) or len(parts[0]) > 4
    return all(len(part) > 2 or _known(part) or part in ("of", "a", "an", "sq", "cu") for part in parts)


def _known(word: str) -> bool:
    return _single(word) in _UNITS or _single(word) in _OTHER_UNITS or word in _OTHER_UNITS


def _single(word: str) -> str:
    word = _IRREGULAR.get(word, word)
    if word in _UNITS or len(word) < 4:
        return word
    low = word.lower()
    low = _IRREGULAR.get(low, low)
    if low.endswith("s") and low not in _UNITS:
        low = low[:-1]
    return _IRREGULAR.get(low, low)


def _unit(named: str) -> tuple[str, Fraction] | None:
    """The dimension and factor of a lone unit; none for compound ones, which are not converted."""
    words = named.split()
    return _UNITS.get(_single(words[0])) if len(words) == 1 and "/" not in named else None


def _as_tokens(text: str) -> str:
    text = re.sub(r"⟦([^⟦⟧{}]*)⟧", r"\\text{\1}", text).replace("⟦", "").replace("⟧", "")
    text = re.sub(r"^\\boxed\b", "", text)
    return re.sub(r"\s+", " ", text).strip()
