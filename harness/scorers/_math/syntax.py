"""Reads one mathematical answer (LaTeX or plain) into a small tree. Nothing is ever evaluated or executed here.

The grammar is the part of mathematics in which final answers are written: numbers in their many spellings,
algebra, functions, relations, lists, tuples, sets, intervals, matrices, ±, numbers in other bases, words.
Time and depth are bounded by the limits below, so that hostile text costs no more than long text.

Sampled constructs that need calculus (sums, integrals, limits) raise `Unevaluated`: `symbolic.py` may read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS = 4_000
"""Longest answer that is read. The longest gold answer in MATH, AIME and OlympiadBench has under 300."""
MAX_DEPTH = 40
"""Deepest nesting of brackets and arguments that is read."""
MAX_EXPONENT = 5_000
"""Largest power of ten in an e-notation literal."""


class Unreadable(ValueError):
    """The text is not an answer this grammar knows."""


class Unevaluated(Unreadable):
    """The text holds a sum, an integral, a limit or the like, left as it is."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree.

    `op` is one of num, sym, const, add, mul, div, pow, neg, pm, mp, fact, fact2, call,
    percent, degree (values);
    list, set, group, matrix, row (collections); rel, union, intersection, minus, within (relations and sets);
    base (a numeral with its base), word (text).
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Fraction | str = ""
    """num: the exact value. sym, const, call, word: the name. list: its joiner. group: its two brackets. rel:
    its operator. base: the digits."""
    digits: int = 0
    """num: significant digits of a literal with a decimal point, else 0."""


FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh "
    "ln log lg exp sqrt abs floor ceil gcd lcm max min sgn Re Im arg det".split()
)
_ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "tg": "tan", "ctg": "cot", "arctg": "arctan",
    "cosec": "csc", "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "ceiling": "ceil", "surd": "sqrt",
}  # fmt: skip
_GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho "
    "sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar "
    "aleph nabla partial".split()
)
_CONSTANTS = {"pi": "pi", "infty": "inf", "infinity": "inf", "inf": "inf", "oo": "inf", "imath": "i"}
_SETS = {"mathbb{R}": "R", "mathbb{Z}": "Z", "mathbb{N}": "N", "mathbb{Q}": "Q", "mathbb{C}": "C"}
_CALCULUS = frozenset("sum prod int iint iiint oint lim limsup liminf bigcup bigcap".split())
_RELATIONS = {
    "=": "=", "==": "=", "\\equiv": "=", "\\approx": "=", "\\simeq": "=", "\\cong": "=", "<": "<", ">": ">",
    "\\lt": "<", "\\gt": ">", "<=": "<=", ">=": ">=", "=<": "<=", "\\le": "<=", "\\leq": "<=", "\\leqslant": "<=",
    "\\ge": ">=", "\\geq": ">=", "\\geqslant": ">=", "\\ne": "!=", "\\neq": "!=", "!=": "!=", "\\in": "in",
    "\\to": "=", "\\rightarrow": "=", "\\mapsto": "=", ":=": "=",
}  # fmt: skip
_SET_OPS = {"\\cup": "union", "\\cap": "intersection", "\\setminus": "minus", "\\backslash": "minus"}
_CLOSERS = {"(": ")", "[": "]", "\\{": "\\}", "{": "}", "\\langle": "\\rangle"}
_JOINERS = frozenset({",", ";", "and", "or"})
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
_BASE_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16,
}  # fmt: skip

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)
        (?:\.?\\overline\{\d{1,50}\})?(?:[eE][-+]?\d+(?![\d.]))?)
  | \\(?:text|begin|end|mathbb)\s*\{(?P<braced>[^{}]*)\}
  | (?P<command>\\[A-Za-z]+|\\[^A-Za-z\s])
  | (?P<letters>[A-Za-z]+)
  | (?P<sign>\*\*|<=|>=|!=|==|=<|:=|\.\.\.|[-+*/^_=<>()\[\]{}|,;:!%'&.~⏎])
    )""",
    re.VERBOSE,
)
_NAMES = sorted(
    FUNCTIONS | set(_ALIASES) | (_GREEK - {"eta", "ell"}) | {"pi", "infinity", "inf", "or", "and", "binom"},
    key=lambda name: (-len(name), name),
)
_NAME = re.compile("|".join(_NAMES))
_COMMANDS = sorted(_GREEK | FUNCTIONS | {"pi", "infty", "cdot", "times"}, key=lambda name: (-len(name), name))


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind (number, name, word, text, sign, symbol, begin, end) and what it says."""

    kind: str
    text: str
    spaced: bool
    """True where white space stands before it."""


def tokenise(text: str) -> list[Token]:
    """Split an answer into tokens.

    Raises:
        Unreadable: too long, or a character that has no place in mathematics.
    """
    if len(text) > MAX_CHARS:
        raise Unreadable(f"{len(text)} characters; answers up to {MAX_CHARS} are read")
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"the character {text[position:].lstrip()[0]!r} has no meaning here")
        spaced = match.start(match.lastgroup or 0) > position and text[position].isspace()
        tokens.extend(_classify(match, spaced=spaced))
        position = match.end()
    return tokens


def _classify(match: re.Match[str], *, spaced: bool) -> list[Token]:
    kind, text = match.lastgroup, match.group(match.lastgroup or 0)
    if kind in ("number", "sign"):
        return [Token(kind, "^" if text == "**" else text, spaced)]
    if kind == "braced":
        command = match.group().lstrip()[1:].partition("{")[0].strip()
        if command == "text":
            word = text.strip()
            return [Token("sign", word, spaced)] if word in ("and", "or") else [Token("text", word, spaced)]
        return [Token(command, text.strip(), spaced)]
    if kind == "command":
        return _command(text, spaced=spaced)
    return _letters(text, spaced=spaced)


def _command(text: str, *, spaced: bool) -> list[Token]:
    name = _ALIASES.get(text[1:], text[1:])
    if name in FUNCTIONS or name in _GREEK or name in _CONSTANTS:
        return [Token("name", name, spaced)]
    if text in _RELATIONS or text in _SET_OPS or not name[:1].isalpha() or name in _KNOWN_COMMANDS:
        return [Token("sign", text, spaced)]
    if name in _CALCULUS:
        raise Unevaluated(f"\\{name} is left unevaluated")
    # A gold answer stripped of its spaces: `\pic^2` is π c², `\lambdakT` is λ k T.
    for known in _COMMANDS:
        if name.startswith(known):
            return [*_command("\\" + known, spaced=spaced), *_letters(name[len(known) :], spaced=False)]
    raise Unreadable(f"unknown command {text}")


_KNOWN_COMMANDS = frozenset(
    "frac binom degree pm mp cdot times div ast overline bar langle rangle lfloor rfloor lceil rceil lvert rvert "
    "vert mid emptyset neg prime colon ldots dots cdots quad mod pmod bmod star circ operatorname vec hat".split()
)


def _letters(text: str, *, spaced: bool) -> list[Token]:
    """Names known from mathematics, else long runs as words, else one symbol per letter."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        name = _NAME.match(text, position)
        rest = text[name.end() :] if name else ""
        if name and (not rest or name.group() in FUNCTIONS | set(_ALIASES) or position > 0):
            word = _ALIASES.get(name.group(), name.group())
            if word in ("or", "and") and (position > 0 or rest):
                return [Token("word", text, spaced)]
            tokens.append(Token("sign" if word in ("or", "and") else "name", word, spaced and position == 0))
            position = name.end()
            continue
        tokens.append(Token("symbol", text[position], spaced and position == 0))
        position += 1
    symbols = sum(token.kind == "symbol" for token in tokens)
    longest_product = 4
    return [Token("word", text, spaced)] if symbols > longest_product else tokens


def read(text: str) -> Node:
    """Read a normalised answer.

    Args:
        text: the answer, as `normalise.normalise` returns it.

    Raises:
        Unevaluated: it holds calculus left undone.
        Unreadable: it is no answer this grammar knows, or too long, or nested too deep.
    """
    parser = _Parser(tokenise(text))
    node = parser.listing(closers=())
    if parser.position < len(parser.tokens):
        raise Unreadable(f"did not expect {parser.tokens[parser.position].text!r}")
    return node


def number(text: str) -> Node:
    """A numeral: digits, thousands separators, a decimal point, an overlined period, an exponent."""
    mantissa, _, exponent = text.lower().partition("e") if "\\" not in text else (text, "", "")
    mantissa = mantissa.replace(",", "")
    power = 0
    if exponent:
        if len(exponent.lstrip("+-0")) > len(str(MAX_EXPONENT)) or abs(int(exponent)) > MAX_EXPONENT:
            raise Unreadable(f"the exponent {exponent[:20]} is too large")
        power = int(exponent)
    if "\\overline" in mantissa:
        head, _, period = mantissa.rstrip("}").partition("\\overline{")
        whole, _, fixed = head.partition(".")
        scale = 10 ** len(fixed)
        value = Fraction(int((whole + fixed) or 0), scale)
        value += Fraction(int(period), scale * (10 ** len(period) - 1))
        return Node("num", value=value)
    digits = len(mantissa.replace(".", "").lstrip("0")) if "." in mantissa else 0
    return Node("num", value=Fraction(mantissa) * Fraction(10) ** power, digits=digits)


class _Parser:
    """Recursive descent; `depth` counts open brackets and arguments."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.bars = 0

    # -- tokens ---------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def at(self, *texts: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "sign" and token.text in texts

    def take(self, *texts: str) -> bool:
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            token = self.peek()
            raise Unreadable(f"expected {text!r}, found {token.text!r}" if token else f"expected {text!r} at the end")

    def descend(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} deep")

    # -- collections and relations --------------------------------------------------------------------------

    def listing(self, closers: tuple[str, ...]) -> Node:
        """Items separated by commas, semicolons, `and`, `or`; a single item is itself."""
        items = [self.relation()]
        joiners: set[str] = set()
        while self.at(*_JOINERS):
            while self.at(*_JOINERS):
                joiners.add(self.tokens[self.position].text)
                self.position += 1
            if self.peek() is None or self.at(*closers):
                break
            items.append(self.relation())
        if len(items) == 1:
            return items[0]
        joiner = "or" if "or" in joiners else "and" if "and" in joiners else ","
        return Node("list", tuple(items), joiner)

    def relation(self) -> Node:
        left = self.set_expression()
        operators: list[str] = []
        terms = [left]
        while self.at(*_RELATIONS):
            operators.append(_RELATIONS[self.tokens[self.position].text])
            self.position += 1
            terms.append(self.set_expression())
        if self.at(":", "\\mid", "|") and len(terms) == 1 and left.op == "num" and not self.bars and self.take(":"):
            right = self.sum()
            return Node("div", (left, right))  # a ratio
        if not operators:
            return left
        if len(operators) == 1:
            return Node("rel", tuple(terms), operators[0])
        pairs = (Node("rel", pair, op) for op, pair in zip(operators, zip(terms, terms[1:], strict=False), strict=True))
        return Node("chain", tuple(pairs))

    def set_expression(self) -> Node:
        left = self.sum()
        while self.at(*_SET_OPS):
            op = _SET_OPS[self.tokens[self.position].text]
            self.position += 1
            left = Node(op, (left, self.sum()))
        return left

    # -- arithmetic -----------------------------------------------------------------------------------------

    def sum(self) -> Node:
        node = self.signed_term()
        while self.at("+", "-", "\\pm", "\\mp"):
            op = self.tokens[self.position].text
            self.position += 1
            right = self.signed_term() if self.at("+", "-") else self.term()
            if op in ("\\pm", "\\mp"):
                node = Node("pm" if op == "\\pm" else "mp", (node, right))
            else:
                node = Node("add", (node, right if op == "+" else Node("neg", (right,))))
        return node

    def signed_term(self) -> Node:
        sign = 1
        while self.at("+", "-"):
            sign *= -1 if self.at("-") else 1
            self.position += 1
        if self.take("\\pm"):
            return Node("pm", (Node("num", value=Fraction(0)), self.term()))
        if self.take("\\mp"):
            return Node("mp", (Node("num", value=Fraction(0)), self.term()))
        node = self.term()
        return Node("neg", (node,)) if sign < 0 else node

    def term(self) -> Node:
        node = self.factor()
        while True:
            if self.take("*", "\\cdot", "\\times", "\\ast", "\\star"):
                node = Node("mul", (node, self.signed_factor()))
            elif self.take("/", "\\div"):
                node = Node("div", (node, self.denominator()))
            elif self.starts_factor():
                node = self.juxtaposed(node)
            else:
                return node

    def signed_factor(self) -> Node:
        if self.take("-"):
            return Node("neg", (self.signed_factor(),))
        self.take("+")
        return self.factor()

    def denominator(self) -> Node:
        """What stands under a slash: in `hc/kT` the product, in `1/2 x` the number alone."""
        node = self.signed_factor()
        if node.op in ("sym", "const"):
            while (token := self.peek()) and token.kind in ("symbol", "name") and not token.spaced:
                if token.kind == "name" and token.text in FUNCTIONS:
                    break
                node = Node("mul", (node, self.factor()))
        return node

    def juxtaposed(self, left: Node) -> Node:
        """Two factors side by side: a product, a mixed number, never two numerals."""
        token = self.peek()
        assert token is not None
        if token.kind == "number" and left.op in ("num", "base"):
            mixed = self.mixed_with_slash(left)
            if mixed is None:
                raise Unreadable("two numbers side by side")
            return mixed
        is_fraction = self.at("\\frac")
        right = self.factor()
        if is_fraction and _is_whole(left) and right.op == "div" and all(map(_is_whole, right.args)):
            return Node("add", (left, right))
        if right.op == "num" and left.op == "num":
            raise Unreadable("two numbers side by side")
        return Node("mul", (left, right))

    def mixed_with_slash(self, whole: Node) -> Node | None:
        top, slash, bottom = self.peek(), self.peek(1), self.peek(2)
        if not (_is_whole(whole) and top and top.spaced and slash and slash.text == "/" and bottom):
            return None
        if not (top.text.isdigit() and bottom.kind == "number" and bottom.text.isdigit()):
            return None
        self.position += 3
        return Node("add", (whole, Node("div", (number(top.text), number(bottom.text)))))

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None or token.kind in ("text", "end", "word"):
            return False
        if token.kind != "sign":
            return True
        if token.text in ("|", "\\vert"):
            return self.bars == 0
        return token.text in _OPENERS

    # -- powers and atoms -----------------------------------------------------------------------------------

    def factor(self) -> Node:
        node = self.postfix(self.atom())
        if self.take("^"):
            node = self.postfix(Node("pow", (node, self.exponent())))
        return node

    def exponent(self) -> Node:
        self.descend()
        sign = self.take("-") or (self.take("+") and False)
        node = self.postfix(self.braced() if self.at("{") else self.atom())
        if self.take("^"):
            node = Node("pow", (node, self.exponent()))
        self.depth -= 1
        return Node("neg", (node,)) if sign else node

    def postfix(self, node: Node) -> Node:
        while True:
            if self.at("!") and not self.at("=", ahead=1):
                self.position += 1
                node = Node("fact2" if self.take("!") else "fact", (node,))
            elif self.take("%", "\\%"):
                node = Node("percent", (node,))
            elif self.take("\\degree"):
                node = Node("degree", (node,))
            elif self.at("'", "\\prime") and node.op == "sym":
                self.position += 1
                node = Node("sym", value=f"{node.value}'")
            else:
                return node

    def braced(self) -> Node:
        """`{…}` as an argument."""
        self.descend()
        self.expect("{")
        if self.take("}"):
            raise Unreadable("an empty argument")
        node = self.listing(closers=("}",))
        self.expect("}")
        self.depth -= 1
        return node

    def argument(self) -> Node:
        """A TeX argument: a braced group, or one token (one digit of a number)."""
        if self.at("{"):
            return self.braced()
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            self.tokens[self.position : self.position + 1] = [
                Token("number", token.text[0], token.spaced),
                Token("number", token.text[1:], spaced=False),
            ]
        return self.atom()

    def atom(self) -> Node:
        token = self.peek()
        if token is None:
            raise Unreadable("ends too early")
        self.position += 1
        if token.kind == "number":
            return self.with_base(token.text)
        if token.kind == "symbol":
            return self.symbol(token.text)
        if token.kind == "name":
            return self.function(token.text) if token.text in FUNCTIONS else self.symbol(token.text)
        if token.kind in ("word", "text"):
            return Node("word", value=token.text)
        if token.kind == "begin":
            return self.matrix(token.text)
        if token.kind == "mathbb":
            return Node("const", value=_SETS.get(f"mathbb{{{token.text}}}", token.text))
        return self.sign(token.text)

    def sign(self, text: str) -> Node:
        if text in _CLOSERS:
            return self.group(text)
        if text in ("|", "\\vert", "\\lvert"):
            return self.bar("\\rvert" if text == "\\lvert" else text)
        if text in ("\\lfloor", "\\lceil"):
            name = text[2:]
            self.descend()
            node = self.sum()
            self.expect(f"\\r{name}")
            self.depth -= 1
            return Node("call", (node,), name)
        if text == "\\frac":
            return Node("div", (self.argument(), self.argument()))
        if text == "\\binom":
            return Node("call", (self.argument(), self.argument()), "binom")
        if text == "\\emptyset":
            return Node("set")
        if text in ("\\overline", "\\bar", "\\vec", "\\hat"):
            inner = self.argument()
            return Node("sym", value=f"{text}({inner.value})") if inner.op == "sym" else _unreadable(text)
        return _unreadable(text)

    def symbol(self, name: str) -> Node:
        if name in _CONSTANTS:
            return Node("const", value=_CONSTANTS[name])
        if self.take("_"):
            return self.called(f"{name}_{self.subscript()}")
        if name in ("e", "i"):
            return Node("const", value=name)
        return self.called(name)

    def called(self, name: str) -> Node:
        """A symbol, or an unknown function applied: `f(x+1)`, `I(0)`, `u(t)`; `n(n+1)` is a product."""
        if not self.at("("):
            return Node("sym", value=name)
        short = self.at(")", ahead=2) and (inner := self.peek(1)) is not None and inner.kind in ("number", "symbol")
        inner = self.peek(1)
        if name[0] in "fgFGH" or self.is_choice(name) or (short and inner is not None and inner.text != name):
            self.position += 1
            group = self.group("(")
            args = group.args if group.op == "group" else (group,)
            if name == "C" and len(args) == 2:  # noqa: PLR2004
                return Node("call", args, "binom")
            return Node("call", args, f"@{name}")
        return Node("sym", value=name)

    def is_choice(self, name: str) -> bool:
        """`C(6, 3)` with two numerals."""
        kinds = [token.kind if (token := self.peek(ahead)) else "" for ahead in (1, 3)]
        return name == "C" and kinds == ["number", "number"] and self.at(",", ahead=2) and self.at(")", ahead=4)

    def subscript(self) -> str:
        """The text of a subscript, without braces and spaces."""
        if not self.at("{"):
            token = self.peek()
            if token is None:
                raise Unreadable("an empty subscript")
            self.position += 1
            return token.text
        parts: list[str] = []
        depth = 0
        while token := self.peek():
            self.position += 1
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                return "".join(parts)
            if token.text not in "{}":
                parts.append(token.text)
        raise Unreadable("a subscript that never ends")

    def with_base(self, text: str) -> Node:
        if self.at("_"):
            self.position += 1
            base = self.subscript().lower()
            value = _BASE_WORDS.get(base, base)
            if "." in text or "e" in text or not text.replace(",", "").isdigit():
                raise Unreadable("a base under something that is no numeral")
            return Node("base", (Node("word", value=str(value)),), text.replace(",", "").lstrip("0") or "0")
        return number(text)

    def group(self, opener: str) -> Node:
        """Brackets: grouping where they hold one thing, else a tuple, an interval or a set."""
        self.descend()
        bars, self.bars = self.bars, int(opener == "\\{")  # in a set, a bar after the first term stands for "such that"
        closer = _CLOSERS[opener]
        closers = (")", "]") if opener in ("(", "[") else (closer,)
        if self.take(*closers):
            self.depth -= 1
            self.bars = bars
            return Node("set" if opener in ("\\{", "{") else "group", value=opener + closer)
        inner = self.listing(closers)
        if opener == "\\{" and self.at(":", "\\mid", "|", "\\vert", ";"):
            self.position += 1
            inner = self.listing(closers)  # {x | condition}
            if inner.op not in ("rel", "chain", "list"):
                raise Unreadable("a set whose condition is no relation")
            self.expect(closer)
            self.depth -= 1
            self.bars = bars
            return inner
        end = self.peek()
        if end is None or end.text not in closers:
            raise Unreadable(f"expected {closer!r}" + (f", found {end.text!r}" if end else " at the end"))
        self.position += 1
        self.depth -= 1
        self.bars = bars
        items = inner.args if inner.op == "list" else (inner,)
        if opener == "\\{" or (opener == "{" and inner.op == "list"):
            return Node("set", items)
        if inner.op != "list":
            return inner if opener + end.text in ("()", "[]", "{}") else Node("group", items, opener + end.text)
        return Node("group", items, "()" if opener == "\\langle" else opener + end.text)

    def bar(self, closer: str) -> Node:
        self.descend()
        self.bars += 1
        node = self.sum()
        self.expect(closer)
        self.bars -= 1
        self.depth -= 1
        return Node("call", (node,), "abs")

    def function(self, name: str) -> Node:
        """A known function with its power, base and argument: `\\sin^2 x`, `\\log_2 8`, `\\cos 2t`."""
        self.descend()
        power = base = root = None
        while self.at("^", "_") or (name == "sqrt" and self.at("[")):
            if self.take("^"):
                power = self.exponent()
            elif self.take("_"):
                base = self.braced() if self.at("{") else self.argument_of_log()
            else:
                self.position += 1
                root = self.listing(closers=("]",))
                self.expect("]")
        node = self.applied(name, base, root)
        self.depth -= 1
        if power is None:
            return node
        inverse = Node("neg", (Node("num", value=Fraction(1)),))
        if power == inverse and f"arc{name}" in FUNCTIONS:
            return Node("call", node.args, f"arc{name}")
        return Node("pow", (node, power))

    def argument_of_log(self) -> Node:
        token = self.peek()
        if token is not None and token.kind == "number":
            self.position += 1
            return number(token.text)
        return self.atom()

    def applied(self, name: str, base: Node | None, root: Node | None) -> Node:
        if name == "sqrt":
            inner = self.braced() if self.at("{") else self.atom()
            if root is None:
                return Node("call", (inner,), "sqrt")
            return Node("call", (inner, root), "root")
        arguments = self.arguments()
        if name in ("log", "lg"):
            if base is None:
                return Node("call", arguments, "log" if name == "log" else "log10")
            return Node("call", (*arguments, base), "logb")
        if base is not None:
            raise Unreadable(f"a subscript under {name}")
        return Node("call", arguments, name)

    def arguments(self) -> tuple[Node, ...]:
        """What a function is applied to: brackets, a braced group, or the product that follows."""
        if self.at("(", "[", "\\{", "{"):
            token = self.tokens[self.position]
            self.position += 1
            inner = self.group(token.text)
            return inner.args if inner.op in ("group", "set") and inner.args else (inner,)
        node = self.factor() if not self.at("-") else self.signed_factor()
        while (token := self.peek()) and self.starts_factor():
            if token.kind == "name" and token.text in FUNCTIONS or self.at("(", "\\lfloor"):
                break
            node = self.juxtaposed(node)
        if self.at("/") and node.op in ("const", "mul", "sym", "num") and (after := self.peek(1)):
            # `\cos\pi/4` divides the argument; `\sin x/x` does not.
            if after.kind == "number" and _mentions(node, "pi"):
                self.position += 1
                node = Node("div", (node, self.factor()))
        return (node,)

    def matrix(self, name: str) -> Node:
        if name == "cases" or name not in _MATRICES:
            raise Unreadable(f"the environment {name}")
        self.descend()
        if name == "array" and self.at("{"):
            self.subscript()  # the column format
        rows: list[Node] = []
        row: list[Node] = []
        while True:
            token = self.peek()
            if token is None:
                raise Unreadable("a matrix that never ends")
            if token.kind == "end":
                self.position += 1
                break
            if self.take("⏎"):
                rows.append(Node("row", tuple(row)))
                row = []
            elif not self.take("&"):
                row.append(self.relation())
        if row:
            rows.append(Node("row", tuple(row)))
        self.depth -= 1
        if len({len(r.args) for r in rows}) != 1:
            raise Unreadable("a matrix with rows of different lengths")
        return Node("matrix", tuple(rows))


_OPENERS = frozenset(
    {"(", "[", "{", "\\{", "\\frac", "\\binom", "\\lfloor", "\\lceil", "\\lvert", "\\langle", "\\emptyset", "\\bar",
     "\\overline", "\\vec", "\\hat"}
)  # fmt: skip


def _unreadable(text: str) -> Node:
    raise Unreadable(f"did not expect {text!r}")


def _is_whole(node: Node) -> bool:
    return node.op == "num" and not node.digits and isinstance(node.value, Fraction) and node.value.denominator == 1


def _mentions(node: Node, name: str) -> bool:
    return node.value == name or any(_mentions(arg, name) for arg in node.args)
