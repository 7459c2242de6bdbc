"""Splits a normalised answer into tokens, and holds the vocabulary of the grammar in `syntax`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.scorers._patterns import later

MAX_CHARS = 4_000
"""Longest answer that is read. The longest gold answer in MATH, AIME and OlympiadBench has under 300."""
MAX_DEPTH = 40
"""Deepest nesting of brackets and arguments that is read."""


class UnreadableError(ValueError):
    """The text is not an answer this grammar knows."""


FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "arcsin", "arccos", "arctan", "arccot",
     "arcsec", "arccsc", "arcsinh", "arccosh", "arctanh", "ln", "log", "lg", "exp", "sqrt", "abs", "floor", "ceil",
     "gcd", "lcm", "max", "min", "sgn", "Re", "Im", "arg"}
)  # fmt: skip
CONSTANTS = {"pi": "pi", "infty": "inf", "infinity": "inf", "inf": "inf", "oo": "inf"}
NUMBER_SETS = frozenset({"R", "Z", "N", "Q", "C"})
RELATIONS = {
    "=": "=", "==": "=", "\\equiv": "=", "\\approx": "=", "\\simeq": "=", "\\cong": "=", "<": "<", ">": ">",
    "\\lt": "<", "\\gt": ">", "<=": "<=", ">=": ">=", "=<": "<=", "\\le": "<=", "\\leq": "<=", "\\leqslant": "<=",
    "\\ge": ">=", "\\geq": ">=", "\\geqslant": ">=", "\\ne": "!=", "\\neq": "!=", "!=": "!=", "\\in": "in",
    "\\to": "=", "\\rightarrow": "=", "\\mapsto": "=", ":=": "=",
}  # fmt: skip
SET_OPERATIONS = {"\\cup": "union", "\\cap": "intersection", "\\setminus": "minus", "\\backslash": "minus"}
BASES = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "sixteen": "16",
}  # fmt: skip

_ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "tg": "tan", "ctg": "cot", "arctg": "arctan",
    "cosec": "csc", "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "ceiling": "ceil", "surd": "sqrt",
}  # fmt: skip
_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa",
     "lambda", "mu", "nu", "xi", "omicron", "rho", "varrho", "sigma", "tau", "upsilon", "phi", "varphi", "chi", "psi",
     "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell",
     "hbar", "nabla", "partial"}
)  # fmt: skip
_SIGNS = frozenset(
    {"frac", "binom", "degree", "pm", "mp", "cdot", "times", "div", "ast", "star", "overline", "bar", "vec", "hat",
     "top", "langle", "rangle", "lfloor", "rfloor", "lceil", "rceil", "lvert", "rvert", "vert", "mid", "emptyset",
     "prime"}
)  # fmt: skip
_OPENING, _CLOSING = ("(", "[", "\\{", "\\langle"), (")", "]", "\\}", "\\rangle")
_LONGEST_PRODUCT = 4
"""More letters than this in a row are a word, not a product of variables."""

_NUMERAL = r"(?:\d+(?:\.\d+)?|\.\d+)"
_GROUPED = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_REST = r"""(?:\.?\\overline\{\d{1,50}\})?(?:[eE][-+]?\d+(?![\d.]))?)
  | \\(?:text|begin|end|mathbb)\s*\{(?P<braced>[^{}]*)\}
  | (?P<command>\\[A-Za-z]+|\\[^A-Za-z\s])
  | (?P<letters>[A-Za-z]+)
  | (?P<sign>\*\*|\.\.\.|<=|>=|!=|==|=<|:=|[-+*/^_=<>()\[\]{}|,;:!%'&⏎]))"""
_TOKEN = later(rf"\s*(?:(?P<number>{_NUMERAL}{_REST}", re.VERBOSE)
_TOKEN_GROUPED = later(rf"\s*(?:(?P<number>{_GROUPED}{_REST}", re.VERBOSE)


def _longest_first(names: frozenset[str]) -> list[str]:
    return sorted(names, key=lambda name: (-len(name), name))


_IN_LETTERS = FUNCTIONS | frozenset(_ALIASES)
_NAME = later("|".join(_longest_first(_IN_LETTERS | _GREEK - {"eta", "ell"} | {"pi", "infinity", "inf"})))
_COMMANDS = _longest_first(_GREEK | FUNCTIONS | {"pi", "infty", "cdot", "times"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text."""

    kind: str
    """number, name (of a function or constant), symbol, word, text, sign, begin, end, mathbb."""
    text: str
    spaced: bool
    """True if white space stands before it."""


def tokenise(text: str, *, thousands: bool = True) -> list[Token]:
    """Split an answer into tokens.

    Args:
        text: the answer, as `normalise.normalise` returns it.
        thousands: read `1,234` as one number if it stands in no brackets.

    Raises:
        UnreadableError: too long, or something that has no place in mathematics.
    """
    if len(text) > MAX_CHARS:
        raise UnreadableError(f"{len(text)} characters; answers up to {MAX_CHARS} are read")
    tokens: list[Token] = []
    position, end, open_brackets = 0, len(text.rstrip()), 0
    while position < end:
        match = (_TOKEN_GROUPED if thousands and not open_brackets else _TOKEN).match(text, position)
        if match is None:
            raise UnreadableError(f"the character {text[position:].lstrip()[0]!r} has no meaning here")
        tokens.extend(_classified(match, spaced=text[position].isspace()))
        if tokens[-1].kind == "sign":
            open_brackets += (tokens[-1].text in _OPENING) - (tokens[-1].text in _CLOSING)
        position = match.end()
    return tokens


def _classified(match: re.Match[str], *, spaced: bool) -> list[Token]:
    kind = str(match.lastgroup)
    text = match.group(kind)
    if kind == "command":
        return _command(text, spaced=spaced)
    if kind == "letters":
        return _letters(text, spaced=spaced)
    if kind == "braced":
        command = match.group().lstrip()[1:].partition("{")[0].strip()
        joins = command == "text" and text.strip() in ("and", "or")
        return [Token("sign" if joins else command, text.strip(), spaced)]
    return [Token(kind, "^" if text == "**" else text, spaced)]


def _command(text: str, *, spaced: bool) -> list[Token]:
    name = _ALIASES.get(text[1:], text[1:])
    if name in ("ldots", "dots", "cdots", "dotsc"):
        return [Token("sign", "...", spaced)]
    if name in FUNCTIONS or name in _GREEK or name in CONSTANTS:
        return [Token("name", name, spaced)]
    if text in RELATIONS or text in SET_OPERATIONS or name in _SIGNS or not name[:1].isalpha():
        return [Token("sign", text, spaced)]
    # A gold answer stripped of its spaces: `\pic^2` is π c², `\lambdakT` is λ k T.
    known = next((known for known in _COMMANDS if name.startswith(known)), None)
    if known is None:
        raise UnreadableError(f"the command {text} is not read")
    return [*_command("\\" + known, spaced=spaced), *_letters(name[len(known) :], spaced=False)]


def _letters(text: str, *, spaced: bool) -> list[Token]:
    """Names known from mathematics, else long runs as words, else one symbol per letter."""
    if text in ("or", "and"):
        return [Token("sign", text, spaced)]
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        name = _NAME.match(text, position)
        if name and (name.end() == len(text) or position > 0 or name.group() in _IN_LETTERS):
            tokens.append(Token("name", _ALIASES.get(name.group(), name.group()), spaced and position == 0))
            position = name.end()
        else:
            tokens.append(Token("symbol", text[position], spaced and position == 0))
            position += 1
    letters = sum(token.kind == "symbol" for token in tokens)
    return [Token("word", text, spaced)] if letters > _LONGEST_PRODUCT else tokens
