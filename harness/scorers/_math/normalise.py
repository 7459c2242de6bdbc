r"""One spelling for each thing an answer can say: Unicode, LaTeX dress, thousands, currency, units.

`normalise` turns the raw answer into the text that `syntax.read` reads. It never changes a value. If a spelling is
ambiguous (`1 2`, `{1}{2}`), it is left alone, and the reader refuses it.

Inside this module a run of text (`\text{cm}`) is written `⟦cm⟧`, the end of a matrix row `⏎`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from harness.scorers._math import units
from harness.scorers._math.tokens import MAX_CHARS, MAX_DEPTH, UnreadableError
from harness.scorers._patterns import later


@dataclass(frozen=True, slots=True)
class Normal:
    """An answer in one spelling."""

    text: str
    """What `syntax.read` reads. `""` if nothing is left."""
    unit: units.Unit | None = None
    """The unit of the answer, if its size is known."""
    words: str = ""
    """The answer as bare lower-case words, for answers that are text."""


def normalise(raw: str, *, letter_units: bool = False) -> Normal:
    """Bring an answer to one spelling.

    Args:
        raw: the extracted answer.
        letter_units: a bare letter after a number may be a unit (`5 m`), and not a variable.

    Raises:
        UnreadableError: longer than `MAX_CHARS`, or nested deeper than `MAX_DEPTH`.
    """
    if len(raw) > MAX_CHARS:
        raise UnreadableError(f"{len(raw)} characters; answers up to {MAX_CHARS} are read")
    _check_depth(raw)
    text = _undressed(plain_latex(plain_characters(" ".join(raw.split()))))
    words = " ".join(_NO_WORD.sub(" ", text).split()).rstrip(".!?,;:").lower()
    text, unit = units.split(text, letters=letter_units)
    text = _TEXT_RUN.sub(r"\\text{\1}", text).replace("⟦", "").replace("⟧", "")
    return Normal(" ".join(text.split()), unit, words)


_NO_WORD = later(r"⟦|⟧|[{}$\"'`*_\\]")
_TEXT_RUN = later(r"⟦([^⟦⟧{}]*)⟧")
_BRACKETS = later(r"[\[({})\]]")


def _check_depth(text: str) -> None:
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "{([" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise UnreadableError(f"nested {deepest} deep; up to {MAX_DEPTH} is read")


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
    "٫": ".", "٬": ",", "∀": r"\forall ", "∃": r"\exists ", "¬": r"\neg ", "⇒": r"\implies ",
}  # fmt: skip
_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
    "⅑": (1, 9), "⅒": (1, 10), "↉": (0, 3),
}  # fmt: skip
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩϕϵϑ",
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
         "xi", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta",
         "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "phi", "epsilon", "theta"],
        strict=True,
    )
)  # fmt: skip
_INVISIBLE = (0xAD, 0x061C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))
_TABLE: dict[int, str | None] = {
    **{ord(char): text for char, text in _SYMBOLS.items()},
    **{ord(char): rf"\frac{{{a}}}{{{b}}}" for char, (a, b) in _FRACTIONS.items()},
    **{ord(char): rf"\{name} " for char, name in _GREEK.items()},
    **dict.fromkeys(_INVISIBLE),
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ", "0123456789+-()nix")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RUN_OF_SUPERSCRIPTS = later("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ]+")
_RUN_OF_SUBSCRIPTS = later("[₀₁₂₃₄₅₆₇₈₉]+")


def plain_characters(text: str) -> str:
    """Unicode mathematics as LaTeX, every digit as ASCII, invisible characters gone.

    Superscripts become exponents before compatibility forms are folded (NFKC alone reads x² as x2).
    """
    if text.isascii():
        return text
    text = _RUN_OF_SUPERSCRIPTS.sub(lambda run: "^{" + run.group().translate(_SUPERSCRIPTS) + "}", text)
    text = _RUN_OF_SUBSCRIPTS.sub(lambda run: "_{" + run.group().translate(_SUBSCRIPTS) + "}", text)
    text = unicodedata.normalize("NFKC", text.translate(_TABLE)).translate(_TABLE)
    return text if text.isascii() else "".join(map(_ascii_digit, text))


def _ascii_digit(char: str) -> str:
    value = None if char.isascii() else unicodedata.decimal(char, None)
    return char if value is None else str(value)


# LaTeX -------------------------------------------------------------------------------------------------------

_NOT_LETTER = r"(?![A-Za-z])"
_THOUSANDS = later(r"(?<=\d)(?:\\[,;:! ] ?| ?\{ ?, ?\} ?|, ?\\! ?|,\\, ?|[~'_])(?=\d{3}(?!\d))")
_SPACED_THOUSANDS = later(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?! ?\d)")
_POINTED_THOUSANDS = later(
    r"(?<![\d.,])(\d{1,3}(?:\.\d{3}){2,}|\d{1,3}(?:\.\d{3})+(?=,\d{1,2}(?!\d)))(?:,(\d+))?(?![\d.,]\d)"
)
"""`1.234.567`, `1.234,50`: no other reading is left."""
_PLUS_MINUS = later(r"\+/-|\+ ?\\/ ?-")
_REPEATING = later(r"(\d{0,12}\.\d{0,12}?)(\d{1,12}?)\2{1,20} ?(?:\.\.\.|\\[lc]?dots(?![A-Za-z]))")
_SIZES = later(
    rf"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|rm|bf|it|m?angle|triangle){_NOT_LETTER}\.?"
)
_SPACES = later(rf"\\[,;:! ]|\\(?:quad|qquad|thinspace|enspace|space|nobreak){_NOT_LETTER}|~|\\[()\[\]]")
_FONTS = later(
    r"\\(text|textbf|textit|textrm|texttt|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathcal|mathnormal|bm"
    r"|boldsymbol|bold|operatorname\*?|emph|underline|boxed|fbox|hspace\*?|hphantom|phantom|color|tag)(?![A-Za-z])\s*"
    r"(?:\{([^{}]*)\}|([A-Za-z0-9]))"
)
_FONT_OF_GROUP = later(r"\\(?:text\w*|mbox|math(?!bb)\w+|bm|boldsymbol|bold|emph|underline|boxed|fbox)(?= ?\{)")
"""Commands whose leftovers hold braces of their own, so the group is enough."""
_DROPPED = frozenset({"hspace", "hspace*", "phantom", "hphantom", "color", "tag"})
_MATH_FONTS = frozenset(
    {
        "mathrm",
        "mathbf",
        "mathit",
        "mathsf",
        "mathcal",
        "mathnormal",
        "bm",
        "boldsymbol",
        "bold",
        "operatorname",
    }
)
_DEEPEST_FONT = 6
_FUNCTION_IN_TEXT = later(
    r"(?:arc)?(?:sin|cos|tan|cot)h?|sec|csc|ln|log|lg|exp|gcd|lcm|max|min|sgn|Re|Im|arg|floor|ceil|abs"
)
_JOINT_IN_TEXT = later(r"[,;]? ?(and|or) ?,?")

Replacement = str | Callable[[re.Match[str]], str]


def _infix(match: re.Match[str]) -> str:
    return rf"\{'frac' if match.group(2) == 'over' else 'binom'}{{{match.group(1)}}}{{{match.group(3)}}}"


_RENAMED: list[tuple[re.Pattern[str], Replacement]] = [
    (later(pattern), replacement)
    for pattern, replacement in (
        (rf"\\[dtc]frac{_NOT_LETTER}", r"\\frac"),
        (rf"\\[dt]binom{_NOT_LETTER}", r"\\binom"),
        (rf"\{{([^{{}}]*)\\(over|choose){_NOT_LETTER}([^{{}}]*)\}}", _infix),
        (rf"\\deg{_NOT_LETTER}", r"\\degree"),
        (rf"\\([ij])math{_NOT_LETTER}", r"\1"),
        (rf"\\(?:varnothing|empty|O){_NOT_LETTER}", r"\\emptyset"),
        (rf"\\not ?(?:=|\\?eq{_NOT_LETTER})", r"\\ne "),
        (rf"\\(?:lbrace|lBrace){_NOT_LETTER}", r"\\{"),
        (rf"\\(?:rbrace|rBrace){_NOT_LETTER}", r"\\}"),
        (rf"\\lbrack{_NOT_LETTER}", "["),
        (rf"\\rbrack{_NOT_LETTER}", "]"),
        (rf"\\(?:R|reals|Reals){_NOT_LETTER}", r"\\mathbb{R}"),
        (rf"\\([NZQ]){_NOT_LETTER}", r"\\mathbb{\1}"),
        (r"\\mathbb ?([A-Z])", r"\\mathbb{\1}"),
        (r"\\mathbb\{R\} ?(?:\^ ?\{? ?\+ ?\}?|_ ?\{ ?> ?0 ?\})", r"(0,\\infty)"),
        (rf"\\smallsetminus{_NOT_LETTER}", r"\\setminus "),
        (r"\\$", ""),
        (r"\\(?:begin|end) ?\{(?:aligned|align\*?|gathered|split|equation\*?)\}", ""),
    )
]
_OPEN_LEFT = later(r"^\](?=[^\[\]]*,[^\[\]]*[\[\]]$)")
_OPEN_RIGHT = later(r"(?<=[(\[])([^\[\]]*,[^\[\]]*)\[$")
"""`]2,5[` is (2,5)."""
_UNION = later(r"(?<=[)\]]) ?U ?(?=[(\[])")
_RATIO = later(r"^(\d+) to (\d+)$")
_ORDINAL = later(r"(?<=\d)(?: ?\^ ?\{? ?(?:⟦ ?)?(?:st|nd|rd|th)(?: ?⟧)? ?\}?|(?:st|nd|rd|th)(?= [a-z⟦]))")
"""`12^{\\text{th}}`, `12th grade`."""
_LETTERED_NUMERAL = later(r"^[\dA-Fa-f]+(?=_ ?\{? ?1[1-6] ?\}?$)")
_POWER_IN_FONT = later(r"(\\(?:mathrm|text)\s*\{[^{}]*\^)\{\s*(-?\d)\s*\}")
_MODULE = later(r"(?<![A-Za-z\\])(?:np|numpy|math|sympy)\.(?=[a-z])")
_PLAIN_ROOT = later(r"(?<![A-Za-z\\])sqrt(?![A-Za-z])")


def plain_latex(text: str) -> str:
    """LaTeX with one command per meaning, without sizes, spacing and fonts. Runs of text become `⟦…⟧`."""
    text = _POINTED_THOUSANDS.sub(_without_points, _THOUSANDS.sub("", text))
    if "\\" in text:
        text = _rows(text)
        text = _SIZES.sub("", text.replace("m\\angle", "\\angle"))
        for pattern, replacement in _RENAMED:
            text = pattern.sub(replacement, text)
        for _ in range(_DEEPEST_FONT if "^" in text else 0):
            text, count = _POWER_IN_FONT.subn(r"\1\2", text)
            if not count:
                break
        for _ in range(_DEEPEST_FONT):  # fonts within fonts. Deeper nests are left to be refused
            text, count = _FONTS.subn(_font, text)
            if not count:
                break
        text = _FONT_OF_GROUP.sub("", text)
        text = text.replace("\\$", "$")
    if "sqrt" in text or "." in text:
        text = _PLAIN_ROOT.sub(r"\\surd", _MODULE.sub("", text))
        text = _REPEATING.sub(r"\1\\overline{\2}", text)
    text = _ORDINAL.sub("", _PLUS_MINUS.sub(r"\\pm ", _SPACES.sub(" ", text)))
    if "[" in text or "]" in text:
        text = _UNION.sub(r"\\cup ", _OPEN_RIGHT.sub(r"\1)", _OPEN_LEFT.sub("(", text.strip())))
    if "_" in text:
        text = _LETTERED_NUMERAL.sub(lambda match: match.group().upper(), text)
    text = _SPACED_THOUSANDS.sub(lambda match: match.group().replace(" ", ""), _RATIO.sub(r"\1:\2", text))
    return text.replace("{,}", ",").replace("{.}", ".").replace("{:}", ":")


def _without_points(match: re.Match[str]) -> str:
    whole = match.group(1).replace(".", "")
    return f"{whole}.{match.group(2)}" if match.group(2) else whole


def _rows(text: str) -> str:
    r"""`\\` ends a row of a matrix. Elsewhere it parts lines, or is one backslash that was escaped twice."""
    in_matrix = "\\begin" in text
    if not in_matrix:
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
    return re.sub(r"\\\\(?: ?\[[^\]\\]*\])?", "⏎" if in_matrix else ",", text)


def _font(match: re.Match[str]) -> str:  # noqa: PLR0911 - one per kind of font
    """What is left of a font command: mathematics as it is, text as a run, `and` and `or` bare."""
    command, inner = (
        match.group(1).rstrip("*"),
        match.group(2) if match.group(2) is not None else match.group(3),
    )
    word = inner.strip(" ~$*")
    if command in _DROPPED:
        return ""
    counted = match.string[: match.start()].rstrip(" ~\\,;:!")[-1:].isdigit()
    if _FUNCTION_IN_TEXT.fullmatch(word) and not (counted and word in ("min", "sec")):
        return rf"\{word} "
    if command in ("boxed", "fbox", "underline"):
        return f" {inner} "
    if command == "mathrm" and len(word) == 1 and counted:
        return f"⟦{word}⟧"  # `5~\mathrm{m}`
    is_math = command in _MATH_FONTS and (len(word) == 1 or not word.isalpha())
    if is_math or not any(map(str.isalpha, inner)):
        return inner
    if "\\" in word:
        return f" {inner} "
    joint = _JOINT_IN_TEXT.fullmatch(word)
    return f" {joint.group(1)} " if joint else f"⟦{word}⟧"


# Dress -------------------------------------------------------------------------------------------------------

_LEAD = later(
    r"^(?:(?:[Ii]t is|is|are|exactly|precisely|only|just|about|approximately|approx\.?|equals?|equal to|to|the value of"
    r"|therefore|thus|so)\b\s*|[:=≈]\s*|\\approx\s*|⟦(?:[Aa]nswer|[Ff]inal answer)\s*:?\s*⟧)+"
)
_MINUS_IN_WORDS = later(r"^(?:negative|minus) (?=[\d$.\\])")
_ASIDE = later(
    r"(?<=[\d)}$%\]]) ⟦?\((?!mod|base|or|and)(?:[A-Za-z][a-z' -]{3,}|(?=[^()]*[A-Za-z]{2,} [A-Za-z]{2,})[\w ,.'$-]+"
    r"|(?:i\.?e\b|since|because|as|which|that is|approx|about|\\approx)[^()]*)\)⟧?$"
    r"|(?<=[\w)}$%\]]) \((?=[^()]*=)(?:[\d\s.,+*/=$%-]|\\(?:times|cdot|div) ?)*\)$"
    r"|(?<=\S) \((?:\$? ?\\approx|about|approx(?:imately)?\.?|roughly|i\.e\.)(?![A-Za-z])[^()]*\)$"
)
"""`72 (clips)`, `48 (24 in April and 24 in May)`, `18 (9 * 2 = 18)`, `1/7 (about 0.14)`."""
_MATH_AND_WORDS = later(r"^\$([^$]+)\$ ?(?=⟦|[A-Za-z])")
"""`$125$ miles`, whose first sign is no dollar."""
_FACTORIAL_END = later(r"[\d)}A-Za-z]!+$")
_STOPS = (".", ",", ";", ":", "!")


def _undressed(text: str) -> str:
    """Without quotes, markdown, the dollar signs of mathematics, a full stop at the end, an introducing word."""
    while True:
        before = text
        text = " ".join(text.split()).strip(" `*\"'")
        text = _MATH_AND_WORDS.sub(r"\1 ", text)
        if len(text) > 1 and text[0] == text[-1] == "$":
            text = text.strip("$ ")
        elif text.endswith("$") and text.count("$") == 1 and not text[-2:-1].isdigit():
            text = text[:-1]
        if text.endswith(_STOPS) and not text.endswith("..") and not _FACTORIAL_END.search(text):
            text = text[:-1]
        text = _MINUS_IN_WORDS.sub("-", _ASIDE.sub("", _LEAD.sub("", text)))
        if text == before:
            return text
