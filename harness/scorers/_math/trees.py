"""Small questions about the trees of `syntax`, and rewritings of them. All pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from harness.scorers._math import exact
from harness.scorers._math.syntax import Node, is_segment

SIGNS = frozenset({"percent", "degree"})
COLLECTIONS = frozenset({"list", "set", "group"})
RELATIONAL = frozenset({"rel", "chain"})
REGIONS = frozenset({"union", "intersection", "minus"})
MAX_DOTS = 1_000
"""Items that an ellipsis may stand for to be spelled out."""
_CONSTANTS = frozenset({"C", "c", "K", "k"})
SHOWN_BITS = 200
"""Numbers longer than this are not spelled out in an explanation."""
_KINDS = {
    "list": "list",
    "set": "set",
    "group": "tuple",
    "rel": "relation",
    "chain": "relation",
    "matrix": "matrix",
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value`, the name being a symbol, a function of symbols, or a tuple of symbols."""

    name: Node
    value: Node


def show(node: Node) -> str:
    """A value for an explanation, short."""
    if node.op in SIGNS:
        return show(node.args[0]) + ("%" if node.op == "percent" else "°")
    try:
        number = exact.value(node)
    except ArithmeticError:
        number = None
    if number is not None and exact.bits(number) < SHOWN_BITS:
        return str(number)
    return str(node.value) if node.op in ("sym", "const", "word") else f"a {_KINDS.get(node.op, 'value')}"


def count(items: tuple[Node, ...]) -> str:
    """`1 element`, `3 elements`."""
    return f"{len(items)} element{'s' if len(items) != 1 else ''}"


def names(node: Node) -> set[str]:
    """The free symbols and unknown functions of a tree."""
    named = node.op == "sym" or (node.op == "call" and str(node.value).startswith("@"))
    return ({str(node.value).lstrip("@")} if named else set()).union(*map(names, node.args))


def contains(node: Node, ops: frozenset[str]) -> bool:
    """True if a node of one of these kinds is in the tree."""
    return node.op in ops or any(contains(arg, ops) for arg in node.args)


def infinity(node: Node) -> int:
    """1 for ∞, -1 for -∞, 0 for anything else."""
    if node.op == "neg":
        return -infinity(node.args[0])
    return int(node.op == "const" and node.value == "inf")


def is_reals(node: Node) -> bool:
    """True for ℝ, and for (-∞, ∞)."""
    return node.op == "const" and node.value == "R"


def is_literal(node: Node) -> bool:
    """A numeral, with or without a minus."""
    return node.op == "num" or (node.op == "neg" and is_literal(node.args[0]))


def is_proper_fraction(node: Node) -> bool:
    """True for 1/4, but not for 0.25, which may be a number of percent."""
    number = None if decimal_digits(node) else exact.value(node)
    return number is not None and 0 < abs(number) < 1


def is_short(node: Node) -> bool:
    """A numeral without a point that is short enough to be spelled out."""
    return node.op == "num" and isinstance(node.value, Fraction) and exact.bits(node.value) < SHOWN_BITS


def without_sign(node: Node) -> Node:
    """The number under a percent or degree sign."""
    return node.args[0] if node.op in SIGNS else node


def unsigned(node: Node) -> tuple[int, Node]:
    """The sign and the rest."""
    return (-1, node.args[0]) if node.op == "neg" else (1, node)


def decimal_digits(node: Node) -> int:
    """Significant digits of a decimal literal, its sign and power of ten aside. 0 for anything else."""
    if node.op == "num":
        return node.digits
    if node.op == "neg" or (node.op == "mul" and [arg.op for arg in node.args[1:]] == ["pow"]):
        return decimal_digits(node.args[0])
    return 0


def rewrite(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with every node replaced for which `change` returns another."""
    changed = change(node)
    if changed is not None:
        return changed
    return replace(node, args=tuple(rewrite(arg, change) for arg in node.args)) if node.args else node


def substitute(node: Node, name: str, new: Node) -> Node:
    """The tree with a symbol replaced."""
    return rewrite(node, lambda part: new if part.op == "sym" and part.value == name else None)


def unapplied(node: Node, functions: set[str]) -> Node:
    """`x(t)` as `x` for these functions: in a differential equation both are written."""

    def change(part: Node) -> Node | None:
        name = str(part.value)[1:]
        applied = part.op == "call" and name in functions and all(arg.op == "sym" for arg in part.args)
        return Node("sym", value=name) if applied else None

    return rewrite(node, change)


def branches(node: Node) -> list[Node]:
    """The two values of an expression with ±. Nothing if there is none."""
    if not contains(node, frozenset({"pm", "mp"})):
        return []
    return [_choose(node, upper=True), _choose(node, upper=False)]


def _choose(node: Node, *, upper: bool) -> Node:
    args = tuple(_choose(arg, upper=upper) for arg in node.args)
    if node.op in ("pm", "mp"):
        plus = upper == (node.op == "pm")
        return Node("add", (args[0], args[1] if plus else Node("neg", (args[1],))))
    return replace(node, args=args)


def is_equation(node: Node) -> bool:
    """`a = b`, or a chain of them."""
    return all(pair.op == "rel" and pair.value == "=" for pair in (node.args if node.op == "chain" else (node,)))


def is_inequality(node: Node) -> bool:
    """`a < b`, `a ≠ b`, `a ∈ B`, or a chain of relations."""
    return node.op in RELATIONAL and not is_equation(node)


def assignment(node: Node) -> Assignment | None:
    """`x = 5`, `5 = x`, `f(x) = …`, `(x, y) = (1, 2)`, `x = 2 + 3 = 5`."""
    if not is_equation(node):
        return None
    first = node.args[0] if node.op == "chain" else node
    last = node.args[-1] if node.op == "chain" else node
    if _is_name(first.args[0]):
        return Assignment(first.args[0], last.args[1])
    if node.op == "rel" and node.args[1].op == "sym" and not names(node.args[0]):
        return Assignment(node.args[1], node.args[0])
    return None


def _is_name(node: Node) -> bool:
    """True for `x`, `f(x)`, `(x, y)`, `AB`, `|AB|`, `AB/CD`, `cos A`: what has a value, and is not solved for it."""
    if node.op == "call":
        return str(node.value).startswith("@") or all(arg.op == "sym" or is_segment(arg) for arg in node.args)
    if node.op == "div":
        return all(map(is_segment, node.args))
    if is_segment(node):
        return True
    return all(arg.op == "sym" for arg in node.args) if node.op == "group" else node.op == "sym"


def bare(node: Node) -> Node:
    """The value of an assignment, or the thing itself."""
    assigned = assignment(node)
    return assigned.value if assigned else node


def difference(relation: Node) -> Node:
    """The left side less the right."""
    return Node("add", (relation.args[0], Node("neg", (relation.args[1],))))


def constant_term(node: Node) -> str:
    """The `C` of `x^2 + C`: a free constant, added once and used nowhere else. `""` if there is none."""
    added = [str(arg.value) for arg in node.args if arg.op == "sym"] if node.op == "add" else []
    found = [name for name in added if name in _CONSTANTS]
    return found[0] if len(found) == 1 and sum(found[0] in names(arg) for arg in node.args) == 1 else ""


def with_dots(parts: tuple[Node, ...]) -> tuple[Node, ...]:
    """The items of a list with an ellipsis in one spelling: all of them if they are known, else the first two."""
    index = next((i for i, part in enumerate(parts) if part.op == "dots"), -1)
    known = [exact.value(part) for part in parts[: max(index, 0)]]
    steps = {b - a for a, b in pairwise(known) if a is not None and b is not None}
    if len(steps) != 1 or None in known or known[0] is None:
        return parts
    step = steps.pop()
    last = exact.value(parts[index + 1]) if index + 1 < len(parts) else None
    if last is None or not step or not 0 < (last - known[0]) / step <= MAX_DOTS:
        return (*parts[:2], *parts[index:])
    count, rest = divmod(last - known[0], step)
    between = (Node("num", value=known[0] + step * i) for i in range(int(count)))
    return parts if rest else (*between, *parts[index + 1 :])


def items(node: Node) -> tuple[Node, ...]:
    """The elements of a collection, or the thing itself. ± counts as two."""
    found: list[Node] = []
    for part in with_dots(node.args) if node.op in COLLECTIONS else (node,):
        assigned = assignment(part)
        if assigned and branches(assigned.value):
            found.extend(Node("rel", (assigned.name, branch), "=") for branch in branches(assigned.value))
        else:
            found.extend(branches(part) or [part])
    once = node.op == "set" or all(part.op == "group" for part in found)  # a solution listed twice is one
    return tuple(dict.fromkeys(found)) if once else tuple(found)


def matrix(node: Node) -> list[tuple[Node, ...]] | None:
    """The rows of a matrix, of a multiple of one, of `[[1, 2], [3, 4]]`. `None` for anything else."""
    if node.op == "matrix":
        return [row.args for row in node.args]
    if node.op == "neg" and (rows := matrix(node.args[0])) is not None:
        return [tuple(Node("neg", (entry,)) for entry in row) for row in rows]
    if node.op == "mul" and (rows := matrix(node.args[-1])) is not None:
        return [tuple(Node("mul", (*node.args[:-1], entry)) for entry in row) for row in rows]
    if node.op == "group" and node.value == "[]" and all(row.op == "group" and row.value == "[]" for row in node.args):
        return [row.args for row in node.args] if len({len(row.args) for row in node.args}) == 1 else None
    return None


def rounds(gold: Fraction, answer: Fraction, digits: int) -> bool:
    """Does the decimal stand for a fraction that has no finite decimal, to so many digits?"""
    if not answer or _is_finite_decimal(gold):
        return False
    magnitude = round(math.log10(abs(answer.numerator)) - math.log10(answer.denominator))
    while abs(answer) >= Fraction(10) ** magnitude:
        magnitude += 1
    while abs(answer) < Fraction(10) ** (magnitude - 1):
        magnitude -= 1
    return abs(gold - answer) < Fraction(10) ** (magnitude - digits)


def _is_finite_decimal(number: Fraction) -> bool:
    bottom = number.denominator
    for prime in (2, 5):
        while bottom % prime == 0:
            bottom //= prime
    return bottom == 1
