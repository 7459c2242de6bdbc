"""Exact arithmetic on trees: the value of a constant as a fraction, or nothing if it is none.

The work is bounded: a result of more than `MAX_BITS` bits raises `TooLargeError` before it is computed, and so does a
tree whose intermediate results hold more than `MAX_WORK` bits together.
"""

from __future__ import annotations

import math
from fractions import Fraction

from harness.scorers._math.syntax import Node

MAX_BITS = 120_000
"""Largest numerator or denominator that is computed: `2^{100000}` fits, a tower of powers does not."""
MAX_WORK = 1_000_000
MAX_FACTORIAL = 2_000
MAX_ROOT = 64
_ARITHMETIC = frozenset({"add", "mul", "div", "pow", "neg", "fact", "fact2", "percent", "call"})


class TooLargeError(ArithmeticError):
    """A number too large to be computed here."""


def value(node: Node) -> Fraction | None:
    """The exact value of a constant, rational expression.

    Returns:
        The value. `None` if the tree holds a symbol, an irrational number, or no number at all.

    Raises:
        TooLargeError: see above.
        ZeroDivisionError: it divides by zero.
    """
    return _Calculation().value(node)


def bits(number: Fraction) -> int:
    """The bits of the larger of numerator and denominator."""
    return max(number.numerator.bit_length(), number.denominator.bit_length())


class _Calculation:
    def __init__(self) -> None:
        self.work = 0

    def value(self, node: Node) -> Fraction | None:
        if node.op == "num":
            return node.value if isinstance(node.value, Fraction) else None
        if node.op not in _ARITHMETIC:
            return None
        args: list[Fraction] = []
        for arg in node.args:
            known = self.value(arg)
            if known is None:
                return None
            args.append(known)
        result = self.checked(_call(str(node.value), args)) if node.op == "call" else self.applied(node.op, args)
        return self.checked(result)

    def checked(self, result: Fraction | None) -> Fraction | None:
        if result is not None:
            self.work += bits(result)
            if bits(result) > MAX_BITS or self.work > MAX_WORK:
                raise TooLargeError("a number too large to be computed")
        return result

    def applied(self, op: str, args: list[Fraction]) -> Fraction | None:
        if op == "neg":
            return -args[0]
        if op == "percent":
            return args[0] / 100
        if op in ("fact", "fact2"):
            return _factorial(args[0], step=1 if op == "fact" else 2)
        if op == "div":
            return args[0] / args[1]
        if op == "pow":
            return _power(args[0], args[1])
        total = args[0]
        for arg in args[1:]:
            total = total + arg if op == "add" else total * arg
            self.checked(total)
        return total


def _factorial(number: Fraction, step: int) -> Fraction | None:
    if number.denominator != 1 or number < 0:
        return None
    if number > MAX_FACTORIAL:
        raise TooLargeError("a factorial too large to be computed")
    n = int(number)
    return Fraction(math.factorial(n) if step == 1 else math.prod(range(n, 0, -2)))


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """`base ** exponent` if that is rational."""
    if exponent.denominator != 1:
        root = _root(base, exponent.denominator)
        return None if root is None else _power(root, Fraction(exponent.numerator))
    if base in (0, 1, -1):
        return base ** (int(exponent) if base == 0 else int(exponent) % 2)
    if (bits(base) - 1) * abs(exponent) > MAX_BITS:
        raise TooLargeError("a power too large to be computed")
    return Fraction(base ** int(exponent))


def _root(number: Fraction, degree: int) -> Fraction | None:
    """The exact principal root, if it is rational and the number is not negative."""
    if number < 0 or degree > MAX_ROOT:
        return None
    top, bottom = _integer_root(number.numerator, degree), _integer_root(number.denominator, degree)
    return Fraction(top, bottom) if top is not None and bottom is not None else None


def _integer_root(number: int, degree: int) -> int | None:
    if degree == 2:  # noqa: PLR2004
        guess = math.isqrt(number)
        return guess if guess * guess == number else None
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**degree < number else (low, middle)
    return low if low**degree == number else None


def _call(name: str, args: list[Fraction]) -> Fraction | None:  # noqa: PLR0911 - one per function
    first = args[0]
    whole = all(arg.denominator == 1 for arg in args)
    if len(args) == 1:
        if name in ("floor", "ceil"):
            return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
        return abs(first) if name == "abs" else _root(first, 2) if name == "sqrt" else None
    if name in ("max", "min"):
        return max(args) if name == "max" else min(args)
    if name in ("gcd", "lcm") and whole:
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*map(int, args)))
    if name == "root" and whole and 0 < args[1] <= MAX_ROOT:
        return _root(first, int(args[1]))
    if name == "binom" and whole and all(0 <= arg <= MAX_FACTORIAL for arg in args):
        return Fraction(math.comb(int(first), int(args[1])))
    return None
