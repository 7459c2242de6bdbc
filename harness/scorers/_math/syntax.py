"""Reads one mathematical answer (LaTeX or plain) into a small tree. Nothing is ever evaluated or executed here.

The grammar is the part of mathematics in which final answers are written: numbers in their many spellings,
algebra, functions, relations, lists, tuples, sets, intervals, matrices, ±, numbers in other bases, words. Sums,
integrals and limits are left to `library.py`. Time and depth are bounded by the limits below, so that hostile
text costs no more than long text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from harness.scorers._math.tokens import (
    BASES,
    CONSTANTS,
    FUNCTIONS,
    MAX_DEPTH,
    NUMBER_SETS,
    RELATIONS,
    SET_OPERATIONS,
    Token,
    UnreadableError,
    tokenise,
)

MAX_EXPONENT = 5_000
"""Largest power of ten in an e-notation literal."""
MAX_CHAIN = 60
"""Most divisions, ± or postfix signs in a row: each nests the tree by one."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree.

    `op` is one of these. Values: num, sym, const, add, mul, div, pow, neg, pm, mp, fact, fact2, call, percent, degree.
    Collections: list, set, group, matrix, row. Relations and sets: rel, chain, union, intersection, minus. Others:
    base (a numeral with its base), word (text), dots (an ellipsis among the items of a list).
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Fraction | str = ""
    """num: the exact value. sym, const, call, word: the name. list: its joiner. group: its two brackets. rel:
    its operator. base: the digits."""
    digits: int = 0
    """num: significant digits of a literal with a decimal point, else 0."""


def read(text: str, *, thousands: bool = True) -> Node:
    """Read a normalised answer.

    Args:
        text: the answer, as `normalise.normalise` returns it.
        thousands: read `1,234` as one number if it stands in no brackets.

    Raises:
        UnreadableError: it is no answer this grammar knows, or too long, or nested too deep.
    """
    parser = _Parser(tokenise(text, thousands=thousands))
    node = parser.listing(closers=())
    if parser.position < len(parser.tokens):
        raise UnreadableError(f"did not expect {parser.tokens[parser.position].text!r}")
    return node


def number(text: str) -> Node:
    """A numeral: digits, thousands separators, a decimal point, an overlined period, an exponent."""
    if "\\" in text:
        return _repeating(text.replace(",", ""))
    mantissa, _, exponent = text.lower().replace(",", "").partition("e")
    if len(exponent.lstrip("+-0")) > len(str(MAX_EXPONENT)) or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise UnreadableError(f"the exponent {exponent[:20]} is too large")
    digits = len(mantissa.replace(".", "").lstrip("0")) if "." in mantissa else 0
    return Node("num", value=Fraction(mantissa) * Fraction(10) ** int(exponent or 0), digits=digits)


def _repeating(text: str) -> Node:
    r"""`0.1\overline{6}` as 1/6."""
    head, _, period = text.rstrip("}").partition("\\overline{")
    whole, _, fixed = head.partition(".")
    scale = 10 ** len(fixed)
    value = Fraction(int((whole + fixed) or 0), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
    return Node("num", value=value)


_CLOSERS = {"(": ")", "[": "]", "\\{": "\\}", "{": "}", "\\langle": "\\rangle"}
_JOINERS = (",", ";", "and", "or")
_BARS = {"|": "|", "\\vert": "\\vert", "\\|": "\\|", "\\lvert": "\\rvert"}
_ACCENTS = ("\\overline", "\\bar", "\\vec", "\\hat")
_TIMES = ("*", "\\cdot", "\\times", "\\ast", "\\star")
_OPENERS = frozenset({*_CLOSERS, *_ACCENTS, "\\frac", "\\binom", "\\lfloor", "\\lceil", "\\lvert", "\\emptyset"})
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
_POSTFIX = {"!": "fact", "%": "percent", "\\%": "percent", "\\degree": "degree"}
_ZERO = Node("num", value=Fraction(0))
_MINUS_ONE = Node("neg", (Node("num", value=Fraction(1)),))


class _Parser:
    """Recursive descent. `depth` counts open brackets and arguments."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.bars = 0
        """Open bars: inside them, the next bar closes."""

    # -- tokens ---------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def at(self, *texts: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "sign" and token.text in texts

    def kind(self, ahead: int = 0) -> str:
        token = self.peek(ahead)
        return token.kind if token else ""

    def take(self, *texts: str) -> bool:
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise UnreadableError("it ends too early")
        self.position += 1
        return token

    def expect(self, *texts: str) -> str:
        token = self.next()
        if token.text not in texts:
            raise UnreadableError(f"expected {texts[0]!r}, found {token.text!r}")
        return token.text

    def nested(self, read_inner: Callable[[], Node]) -> Node:
        """One level down."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnreadableError(f"nested more than {MAX_DEPTH} deep")
        node = read_inner()
        self.depth -= 1
        return node

    # -- collections and relations --------------------------------------------------------------------------

    def listing(self, closers: tuple[str, ...]) -> Node:
        """Items separated by commas, semicolons, `and`, `or`. A single item is itself."""
        items = [self.relation()]
        joiners: set[str] = set()
        while self.at(*_JOINERS):
            while self.at(*_JOINERS):
                joiners.add(self.next().text)
            if self.peek() is None or self.at(*closers):
                break
            items.append(self.relation())
        if len(items) == 1:
            return items[0]
        return Node("list", tuple(items), next((word for word in ("or", "and") if word in joiners), ","))

    def relation(self) -> Node:
        terms = [self.set_expression()]
        operators: list[str] = []
        while self.at(*RELATIONS):
            operators.append(RELATIONS[self.next().text])
            terms.append(self.set_expression())
        if not operators:
            ratio = terms[0].op == "num" and self.take(":")
            return Node("div", (terms[0], self.sum())) if ratio else terms[0]
        relations = tuple(Node("rel", pair, op) for op, pair in zip(operators, pairwise(terms), strict=True))
        return relations[0] if len(relations) == 1 else Node("chain", relations)

    def set_expression(self) -> Node:
        node = self.sum()
        for _ in range(MAX_CHAIN):
            if not self.at(*SET_OPERATIONS):
                return node
            node = Node(SET_OPERATIONS[self.next().text], (node, self.sum()))
        raise UnreadableError("too many set operations")

    # -- arithmetic -----------------------------------------------------------------------------------------

    def sum(self) -> Node:
        node = self.signed_term()
        terms = [node]
        choices = 0
        while self.at("+", "-", "\\pm", "\\mp"):
            sign = self.next().text
            right = self.signed_term() if self.at("+", "-") else self.term()
            if sign == "-" and terms[0].op == "const" and terms[0].value in NUMBER_SETS:
                terms = [Node("minus", (_joined("add", terms), right))]
            elif sign in ("+", "-"):
                terms.append(Node("neg", (right,)) if sign == "-" else right)
            else:
                choices += 1
                terms = [Node("pm" if sign == "\\pm" else "mp", (_joined("add", terms), right))]
            if choices > MAX_CHAIN:
                raise UnreadableError("too many ±")
        return _joined("add", terms)

    def signed_term(self) -> Node:
        negative = False
        while self.at("+", "-"):
            negative ^= self.next().text == "-"
        if self.at("\\pm", "\\mp"):
            return Node("pm" if self.next().text == "\\pm" else "mp", (_ZERO, self.term()))
        node = self.term()
        if negative and node.op in ("percent", "degree"):
            return Node(node.op, (Node("neg", node.args),))
        return Node("neg", (node,)) if negative else node

    def term(self) -> Node:
        factors = [self.factor()]
        divisions = 0
        while True:
            if self.take(*_TIMES):
                factors.append(self.signed_factor())
            elif self.take("/", "\\div"):
                divisions += 1
                if divisions > MAX_CHAIN:
                    raise UnreadableError("too many divisions")
                factors = [Node("div", (_joined("mul", factors), self.denominator()))]
            elif self.starts_factor():
                self.juxtapose(factors)
            else:
                return _joined("mul", factors)

    def signed_factor(self) -> Node:
        negative = False
        while self.at("+", "-"):
            negative ^= self.next().text == "-"
        node = self.factor()
        return Node("neg", (node,)) if negative else node

    def denominator(self) -> Node:
        """What stands under a slash: in `hc/kT` the product, in `1/2 x` the number alone."""
        factors = [self.signed_factor()]
        while factors[0].op in ("sym", "const") and self.kind() in ("symbol", "name"):
            token = self.peek()
            if token is None or token.spaced or token.text in FUNCTIONS:
                break
            factors.append(self.factor())
        return _joined("mul", factors)

    def juxtapose(self, factors: list[Node]) -> None:
        """Two factors side by side: a product, a mixed number, never two numerals."""
        left = factors[-1]
        if self.kind() == "number" and left.op in ("num", "base"):
            factors[-1] = self.mixed_with_slash(left)
            return
        is_fraction = self.at("\\frac")
        right = self.factor()
        sign, part = (right.op, right.args[0]) if right.op in ("percent", "degree") else ("", right)
        if is_fraction and _is_whole(left) and part.op == "div" and all(map(_is_whole, part.args)):
            mixed = Node("add", (left, part))
            factors[-1] = Node(sign, (mixed,)) if sign else mixed
        elif right.op == "num" == left.op:
            raise UnreadableError("two numbers side by side")
        else:
            factors.append(right)

    def mixed_with_slash(self, whole: Node) -> Node:
        """`3 1/2`."""
        top, bottom = self.peek(), self.peek(2)
        fraction = top and bottom and top.text.isdigit() and bottom.text.isdigit() and self.at("/", ahead=1)
        if not (top and bottom and fraction and top.spaced and _is_whole(whole)):
            raise UnreadableError("two numbers side by side")
        self.position += 3
        return self.postfix(Node("add", (whole, Node("div", (number(top.text), number(bottom.text))))))

    def starts_factor(self) -> bool:
        if self.kind() != "sign":
            return self.kind() not in ("", "text", "end", "word")
        return not self.bars if self.at(*_BARS) else self.at(*_OPENERS)

    # -- powers and atoms -----------------------------------------------------------------------------------

    def factor(self) -> Node:
        node = self.postfix(self.atom())
        if node.op in ("group", "matrix") and self.at("^") and self.is_transposition():
            return _transposed(node)
        return self.postfix(Node("pow", (node, self.nested(self.exponent)))) if self.take("^") else node

    def is_transposition(self) -> bool:
        r"""Take `^T`, `^{T}`, `^\top`, if that is what follows."""
        braces = int(self.at("{", ahead=1))
        token = self.peek(1 + braces)
        if token is None or token.text not in ("T", "\\top") or (braces and not self.at("}", ahead=3)):
            return False
        self.position += 2 + 2 * braces
        return True

    def exponent(self) -> Node:
        negative = self.take("-")
        self.take("+")
        node = self.postfix(self.braced() if self.at("{") else self.atom())
        if self.take("^"):
            node = Node("pow", (node, self.nested(self.exponent)))
        return Node("neg", (node,)) if negative else node

    def postfix(self, node: Node) -> Node:
        for _ in range(MAX_CHAIN):
            if self.at(*_POSTFIX):
                double = self.at("!") and self.at("!", ahead=1)
                node = Node("fact2" if double else _POSTFIX[self.next().text], (node,))
                self.position += double and 2
            elif node.op == "sym" and self.take("'", "\\prime"):
                node = Node("sym", value=f"{node.value}'")
            else:
                return node
        raise UnreadableError("too many signs after a value")

    def braced(self) -> Node:
        """`{…}` as an argument."""
        self.expect("{")
        node = self.nested(lambda: self.listing(closers=("}",)))
        self.expect("}")
        return node

    def argument(self) -> Node:
        """A TeX argument: a braced group, or one token (one digit of a number)."""
        if self.at("{"):
            return self.braced()
        return self.nested(self.one_token)

    def one_token(self) -> Node:
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            pieces = [
                Token("number", token.text[0], token.spaced),
                Token("number", token.text[1:], spaced=False),
            ]
            self.tokens[self.position : self.position + 1] = pieces
        return self.atom()

    def atom(self) -> Node:  # noqa: PLR0911 - one per kind of token
        token = self.next()
        if token.kind == "number":
            return self.numeral(token.text)
        if token.kind == "symbol":
            return self.symbol(token.text)
        if token.kind == "name":
            return (
                self.nested(lambda: self.function(token.text)) if token.text in FUNCTIONS else self.symbol(token.text)
            )
        if token.kind in ("word", "text"):
            if len(token.text) == 1 and token.text.isalpha():
                return self.symbol(token.text)
            return Node("word", value=token.text)
        if token.kind == "begin":
            return self.nested(lambda: self.matrix(token.text))
        if token.kind == "mathbb" and token.text in NUMBER_SETS:
            return Node("const", value=token.text)
        return self.sign(token.text)

    def sign(self, text: str) -> Node:  # noqa: PLR0911 - one per sign
        if text in _CLOSERS:
            return self.nested(lambda: self.group(text))
        if text in _BARS:
            return self.nested(lambda: self.bar(_BARS[text]))
        if text in ("\\lfloor", "\\lceil"):
            node = self.nested(self.sum)
            self.expect(text.replace("l", "r", 1))
            return Node("call", (node,), text[2:])
        if text == "\\frac":
            return Node("div", (self.argument(), self.argument()))
        if text == "\\binom":
            return Node("call", (self.argument(), self.argument()), "binom")
        if text in ("\\emptyset", "..."):
            return Node("dots" if text == "..." else "set")
        if text in _ACCENTS:
            return _accented(text, self.argument())
        raise UnreadableError(f"did not expect {text!r}")

    def numeral(self, text: str) -> Node:
        if not self.take("_"):
            return number(text)
        digits = text.replace(",", "")
        base = self.subscript().lower().strip("()")
        if not digits.isdigit():
            raise UnreadableError("a base under something that is no whole number")
        return Node("base", (Node("word", value=BASES.get(base, base)),), digits.lstrip("0") or "0")

    def symbol(self, name: str) -> Node:
        if name in CONSTANTS:
            return Node("const", value=CONSTANTS[name])
        if self.take("_"):
            return self.applied_symbol(f"{name}_{self.subscript()}")
        return Node("const", value=name) if name in ("e", "i") else self.applied_symbol(name)

    def applied_symbol(self, name: str) -> Node:
        """A symbol, or an unknown function applied: `f(x+1)`, `I(0)`, `u(t)`. But `n(n+1)` is a product."""
        if not self.at("("):
            return Node("sym", value=name)
        inner = self.peek(1)
        short = self.at(")", ahead=2) and self.kind(1) in ("number", "symbol")
        if name == "C" and [self.kind(1), self.kind(3)] == ["number", "number"] and self.at(")", ahead=4):
            short, name = True, "binom"
        if name[0] not in "fgFGH" and (not short or inner is None or inner.text == name):
            return Node("sym", value=name)
        self.position += 1
        group = self.nested(lambda: self.group("("))
        return Node("call", group.args if group.op == "group" else (group,), name if name == "binom" else f"@{name}")

    def subscript(self) -> str:
        """The text of a subscript, without braces and spaces."""
        if not self.at("{"):
            return self.next().text
        parts: list[str] = []
        depth = 0
        while True:
            text = self.next().text
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return "".join(parts)
            parts.append("" if text in "{}" else text)

    # -- brackets, functions, matrices ----------------------------------------------------------------------

    def group(self, opener: str) -> Node:
        """Brackets: grouping if they hold one thing. If not, a tuple, an interval or a set."""
        outer, self.bars = (
            self.bars,
            int(opener == "\\{"),
        )  # in a set, a bar after a term stands for "such that"
        node = self.inside(opener)
        self.bars = outer
        return node

    def inside(self, opener: str) -> Node:
        closers = (")", "]") if opener in ("(", "[") else (_CLOSERS[opener],)
        if self.take(*closers):
            return Node("set") if opener in ("\\{", "{") else Node("group", value=opener + _CLOSERS[opener])
        inner = self.listing(closers)
        if opener == "\\{" and self.take(":", "\\mid", "|", "\\vert"):
            inner = self.listing(closers)
            if inner.op not in ("rel", "chain", "list"):
                raise UnreadableError("a set whose condition is no relation")
            self.expect(*closers)
            return inner
        brackets = opener + self.expect(*closers)
        items = inner.args if inner.op == "list" else (inner,)
        if opener == "\\{" or (opener == "{" and inner.op == "list"):
            return Node("set", items)
        if inner.op != "list" and brackets in ("()", "[]", "{}", "\\langle\\rangle"):
            return inner
        return Node("group", items, "()" if opener == "\\langle" else brackets)

    def bar(self, closer: str) -> Node:
        self.bars += 1
        node = self.sum()
        self.expect(closer)
        self.bars -= 1
        return Node("call", (node,), "abs")

    def function(self, name: str) -> Node:
        r"""A known function with its power, base and argument: `\sin^2 x`, `\log_2 8`, `\cos 2t`."""
        power = base = root = None
        while self.at("^", "_") or (name == "sqrt" and self.at("[")):
            sign = self.next().text
            if sign == "^":
                power = self.nested(self.exponent)
            elif sign == "_":
                base = self.base_of_logarithm()
            else:
                root = self.listing(closers=("]",))
                self.expect("]")
        if power == _MINUS_ONE and f"arc{name}" in FUNCTIONS:
            name, power = f"arc{name}", None
        node = self.applied_function(name, base, root)
        return Node("pow", (node, power)) if power is not None else node

    def base_of_logarithm(self) -> Node:
        if self.at("{"):
            return self.braced()
        return number(self.next().text) if self.kind() == "number" else self.atom()

    def applied_function(self, name: str, base: Node | None, root: Node | None) -> Node:
        if name == "sqrt":
            inner = self.braced() if self.at("{") else self.atom()
            return Node("call", (inner,), "sqrt") if root is None else Node("call", (inner, root), "root")
        arguments = self.arguments()
        if base is None:
            return Node("call", arguments, "log10" if name == "lg" else name)
        if name != "log":
            raise UnreadableError(f"a subscript under {name}")
        return Node("call", (*arguments, base), "logb")

    def arguments(self) -> tuple[Node, ...]:
        """What a function is applied to: brackets, a braced group, or the product that follows."""
        if self.at("(", "[", "\\{", "{"):
            inner = self.group(self.next().text)
            return inner.args if inner.op in ("group", "set") and inner.args else (inner,)
        factors = [self.signed_factor()]
        while self.starts_factor() and not self.at("(", "\\lfloor"):
            token = self.peek()
            if token is None or token.text in FUNCTIONS:
                break
            self.juxtapose(factors)
        node = _joined("mul", factors)
        if _mentions_pi(node) and self.kind(1) == "number" and self.take("/"):
            node = Node("div", (node, self.factor()))  # `\cos\pi/4`
        return (node,)

    def matrix(self, name: str) -> Node:
        if name not in _MATRICES:
            raise UnreadableError(f"the environment {name} is not read")
        if name == "array" and self.at("{"):
            self.subscript()  # the format of the columns
        rows: list[Node] = []
        row: list[Node] = []
        while self.kind() != "end":
            if self.take("⏎"):
                rows.append(Node("row", tuple(row)))
                row = []
            elif not self.take("&"):
                row.append(self.relation())
        self.next()
        if row:
            rows.append(Node("row", tuple(row)))
        if len({len(each.args) for each in rows}) != 1:
            raise UnreadableError("a matrix with rows of different lengths")
        if len(rows) == len(rows[0].args) == 1:
            return rows[0].args[0]
        return Node("matrix", tuple(rows))


def _accented(accent: str, inner: Node) -> Node:
    """A segment is named by its points, a unit vector by its letter. Any other accent makes another symbol."""
    if is_segment(inner) or inner.value in ("i", "j", "k"):
        return inner
    if inner.op != "sym":
        raise UnreadableError(f"did not expect {accent!r}")
    return Node("sym", value=f"{accent}({inner.value})")


def is_segment(node: Node) -> bool:
    """True for `AB`, `ABC`: what is named by its points."""
    return node.op == "mul" and all(arg.op == "sym" and str(arg.value).isupper() for arg in node.args)


def _transposed(node: Node) -> Node:
    """A matrix with rows for columns. A tuple is its own: it is a row or a column."""
    if node.op == "group":
        return node
    return Node("matrix", tuple(Node("row", column) for column in zip(*(row.args for row in node.args), strict=True)))


def _joined(op: str, parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Node(op, tuple(parts))


def _is_whole(node: Node) -> bool:
    return node.op == "num" and not node.digits and isinstance(node.value, Fraction) and node.value.denominator == 1


def _mentions_pi(node: Node) -> bool:
    return node.value == "pi" or any(map(_mentions_pi, node.args))
