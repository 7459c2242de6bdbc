"""Exact arithmetic on trees: the value of a constant as a fraction, or nothing where it is none.

Every step is bounded: a result of more than `MAX_BITS` bits raises `TooLarge`, before it is computed.
"""

from __future__ import annotations

import math
from fractions import Fraction

from harness.scorers._math.syntax import Node

MAX_BITS = 200_000
"""Largest numerator or denominator that is computed: `2^{100000}` fits, a power tower does not."""
MAX_FACTORIAL = 10_000


class TooLarge(ArithmeticError):
    """A number too large to be computed here."""


def value(node: Node) -> Fraction | None:
    """The exact value of a constant, rational expression.

    Returns:
        The value; `None` where the tree holds a symbol, an irrational number, or no number at all.

    Raises:
        TooLarge: a part of it has more than `MAX_BITS` bits.
        ZeroDivisionError: it divides by zero.
    """
    if node.op == "num":
        return node.value if isinstance(node.value, Fraction) else None
    if node.op not in _ARITHMETIC and node.op != "call":
        return None
    parts = [value(arg) for arg in node.args]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    result = _call(str(node.value), known) if node.op == "call" else _apply(node.op, known)
    if result is not None and bits(result) > MAX_BITS:
        raise TooLarge(f"a number of {bits(result)} bits")
    return result


_ARITHMETIC = frozenset({"add", "mul", "div", "pow", "neg", "fact", "fact2", "percent"})


def bits(number: Fraction) -> int:
    """The bits of the larger of numerator and denominator."""
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _apply(op: str, args: list[Fraction]) -> Fraction | None:
    first = args[0]
    if op == "neg":
        return -first
    if op == "percent":
        return first / 100
    if op in ("fact", "fact2"):
        return _factorial(first, step=1 if op == "fact" else 2)
    second = args[1]
    if op == "add":
        return first + second
    if op == "mul":
        return first * second
    if op == "div":
        return first / second
    return power(first, second)


def _factorial(number: Fraction, step: int) -> Fraction | None:
    if number.denominator != 1 or number < 0:
        return None
    if number > MAX_FACTORIAL:
        raise TooLarge(f"the factorial of {_short(number)}")
    n = int(number)
    return Fraction(math.factorial(n) if step == 1 else math.prod(range(n, 0, -2)))


def power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """`base ** exponent` where that is rational.

    Raises:
        TooLarge: the result would have more than `MAX_BITS` bits.
        ZeroDivisionError: zero to a negative power.
    """
    if exponent.denominator != 1:
        root = _root(base, exponent.denominator)
        return None if root is None else power(root, Fraction(exponent.numerator))
    if base in (0, 1, -1):
        return base ** (int(exponent) if base == 0 else int(exponent) % 2)
    if bits(base) * abs(exponent) > 2 * MAX_BITS:
        raise TooLarge(f"a power with the exponent {_short(exponent)}")
    result = base ** int(exponent)
    return Fraction(result)


def _root(number: Fraction, degree: int) -> Fraction | None:
    """The exact principal root, where it is rational and the number is not negative."""
    if number < 0 or degree > 64:
        return None
    top, bottom = _integer_root(number.numerator, degree), _integer_root(number.denominator, degree)
    return Fraction(top, bottom) if top is not None and bottom is not None else None


def _integer_root(number: int, degree: int) -> int | None:
    if degree == 2:
        guess = math.isqrt(number)
        return guess if guess * guess == number else None
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < number:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == number else None


def _call(name: str, args: list[Fraction]) -> Fraction | None:
    first = args[0]
    if name == "sqrt":
        return _root(first, 2)
    if name == "root" and args[1].denominator == 1 and 0 < args[1] <= 64:
        return _root(first, int(args[1]))
    if name == "abs" and len(args) == 1:
        return abs(first)
    if name == "floor":
        return Fraction(math.floor(first))
    if name == "ceil":
        return Fraction(math.ceil(first))
    if name == "binom" and all(arg.denominator == 1 and 0 <= arg <= MAX_FACTORIAL for arg in args):
        return Fraction(math.comb(int(first), int(args[1])))
    if name in ("gcd", "lcm") and all(arg.denominator == 1 for arg in args):
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*map(int, args)))
    if name in ("max", "min"):
        return max(args) if name == "max" else min(args)
    return None


def _short(number: Fraction) -> str:
    bits = number.numerator.bit_length()
    return str(number) if bits < 64 else f"a number of {bits} bits"
