"""Inequalities, intervals and their unions as pieces of the real line, so that one can be compared with another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from harness.scorers._math import exact, trees
from harness.scorers._math.syntax import Node

FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_PROBES = tuple(map(Fraction, ("0", "1", "2", "7/3", "-5")))
"""Points at which an inequality is tested for being linear."""

OrderKey = Callable[[Node], Fraction | float]
"""Gives a bound its place on the line."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval. A bound of `None` is infinite."""

    low: Node | None
    high: Node | None
    closed_low: bool = False
    closed_high: bool = False


def variable(node: Node) -> str | None:
    """The symbol a relation restricts, if there is exactly one. `None` for sets, which name none."""
    if node.op == "rel":
        for side in node.args:
            if side.op == "sym":
                return str(side.value)
        found = trees.names(node)
    elif node.op in ("chain", "list"):
        found = {name for arg in node.args if (name := variable(arg))}
    else:
        return None
    return found.pop() if len(found) == 1 else None


def pieces(node: Node, key: OrderKey) -> list[Piece] | None:
    """The pieces a tree describes, in order. `None` if it describes none, or has to be solved first."""
    found = _pieces(node, key)
    if found is None or len(found) < 2:  # noqa: PLR2004
        return found
    return sorted(found, key=lambda piece: float("-inf") if piece.low is None else key(piece.low))


def _pieces(node: Node, key: OrderKey) -> list[Piece] | None:  # noqa: PLR0911 - one per kind
    if trees.is_reals(node):
        return [Piece(None, None)]
    if node.op == "group" and len(node.args) == 2:  # noqa: PLR2004
        return [_interval(*node.args, str(node.value))]
    if node.op == "set":
        return [Piece(item, item, closed_low=True, closed_high=True) for item in node.args]
    if node.op == "rel":
        return _half_line(node, key)
    if node.op == "list" and node.value != "or":  # `x ∈ ℝ, x ≠ 2`: the whole line adds nothing
        rest = tuple(arg for arg in node.args if not (arg.value == "in" and trees.is_reals(arg.args[1])))
        node = rest[0] if len(rest) == 1 else replace(node, args=rest)
        if len(rest) == 1:
            return _pieces(node, key)
    apart = node.op == "list" and (node.value != "and" or all(arg.op == "group" for arg in node.args))
    if node.op == "union" or apart:
        parts = [_pieces(arg, key) for arg in node.args]
        return None if None in parts else [piece for part in parts for piece in part or ()]
    if node.op in ("list", "chain", "intersection") and len(node.args) == 2:  # noqa: PLR2004
        return _both(*(_pieces(arg, key) for arg in node.args), key=key)
    return _without(*node.args, key=key) if node.op == "minus" else None


def _interval(low: Node, high: Node, brackets: str) -> Piece:
    ends = [None if trees.infinity(end) else end for end in (low, high)]
    closed = [ends[0] is not None and brackets[0] == "[", ends[1] is not None and brackets[1] == "]"]
    return Piece(ends[0], ends[1], *closed)


def _both(one: list[Piece] | None, other: list[Piece] | None, *, key: OrderKey) -> list[Piece] | None:
    """The intersection of two half-lines that face each other."""
    if not one or not other or len(one) != 1 or len(other) != 1:
        return None
    first, second = (one[0], other[0]) if one[0].low is not None else (other[0], one[0])
    if first.low is None or first.high is not None or second.high is None or second.low is not None:
        return None
    if key(first.low) >= key(second.high):
        return []
    return [Piece(first.low, second.high, first.closed_low, second.closed_high)]


def _without(whole: Node, removed: Node, *, key: OrderKey) -> list[Piece] | None:
    """The real line without finitely many points, or without one interval."""
    if not trees.is_reals(whole):
        return None
    if removed.op == "set":
        return _around(list(removed.args), key)
    gap = _pieces(removed, key)
    if not gap or len(gap) != 1 or gap[0].low is None or gap[0].high is None:
        return None
    hole = gap[0]
    return [
        Piece(None, hole.low, closed_high=not hole.closed_low),
        Piece(hole.high, None, closed_low=not hole.closed_high),
    ]


def _around(points: list[Node], key: OrderKey) -> list[Piece]:
    bounds: list[Node | None] = [None, *sorted(points, key=key), None]
    return [Piece(low, high) for low, high in pairwise(bounds)]


def _half_line(node: Node, key: OrderKey) -> list[Piece] | None:  # noqa: PLR0911 - one per operator
    left, right = node.args
    if node.value == "in":
        return _pieces(right, key)
    if node.value not in FLIPPED:
        return None
    if right.op == "sym" and left.op != "sym":
        node = flip(node)
        left, right = node.args
    operator = str(node.value)
    if left.op == "call" and left.value == "abs" and left.args[0].op == "sym" and operator in ("<", "<="):
        closed = operator == "<="
        return [Piece(Node("neg", (right,)), right, closed, closed)]
    if left.op != "sym" or str(left.value) in trees.names(right):
        solved = _solve(node)
        if solved is None:
            return None
        operator, right = solved
    if operator == "!=":
        return _around([right], key)
    if operator == "=":
        return [Piece(right, right, closed_low=True, closed_high=True)]
    if operator.startswith("<"):
        return [Piece(None, right, closed_high=operator == "<=")]
    return [Piece(right, None, closed_low=operator == ">=")]


def flip(node: Node) -> Node:
    """The same relation, read from the right."""
    return Node("rel", (node.args[1], node.args[0]), FLIPPED[str(node.value)])


def _solve(node: Node) -> tuple[str, Node] | None:
    """The operator and the bound of a linear inequality in one symbol with rational coefficients."""
    found = trees.names(node)
    if len(found) != 1:
        return None
    name = found.pop()
    values: list[Fraction] = []
    for point in _PROBES:
        value = exact.value(trees.substitute(trees.difference(node), name, Node("num", value=point)))
        if value is None:
            return None
        values.append(value)
    constant, slope = values[0], values[1] - values[0]
    linear = all(value == constant + slope * point for point, value in zip(_PROBES, values, strict=True))
    if slope == 0 or not linear:
        return None
    operator = str(node.value) if slope > 0 else FLIPPED[str(node.value)]
    return operator, Node("num", value=-constant / slope)
