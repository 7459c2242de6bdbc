"""Tells whether two expressions are equal, by evaluating both at fixed points to 100 digits.

A polynomial or analytic identity that holds at points in general position holds everywhere, up to a chance
that is negligible at this precision (Schwartz 1980, doi:10.1145/322217.322225, and for elementary functions
Gonnet 1984, doi:10.1145/800057.808710). Unlike rewriting, this costs a bounded number of steps, gives a definite
"no", and does not depend on the order in which rules are tried. The points come from SHA-256 of the symbol's name,
so every run uses the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import mpmath
from mpmath import mp

from harness.scorers._math.exact import TooLargeError
from harness.scorers._math.syntax import Node

DIGITS = 100
AGREEING_DIGITS = 40
"""Values agree if they differ by under 10^-40 of their size."""
NOISE_DIGITS = 95
"""Rounding errors stay under 10^-95 of the largest value on the way."""
HARMLESS_SIZE = 20
"""Up to this power of ten on the way, a value that drowns in rounding errors is zero. Beyond it, it is unknown."""
MAX_EXPONENT = 40_000
"""Largest binary exponent of a value on the way."""
NEEDED = 3
"""Points at which both sides must be defined and agree."""
_BITS = 1 << 24


class UndefinedError(ArithmeticError):
    """Not defined at this point: a root or logarithm of a negative number, a division by zero."""


class UnsupportedError(ArithmeticError):
    """Holds something that has no value: a set, a word, infinity."""


def symbols(*nodes: Node) -> set[str]:
    """The names of the free symbols."""
    names: set[str] = set()
    for node in nodes:
        if node.op == "sym":
            names.add(str(node.value))
        names |= symbols(*node.args)
    return names


def has(node: Node, op: str, value: str | None = None) -> bool:
    """True if the tree holds a node of this op (and value)."""
    if node.op == op and value in (None, node.value):
        return True
    return any(has(arg, op, value) for arg in node.args)


def same(left: Node, right: Node) -> bool | None:
    """Are the two expressions equal wherever both are defined?

    A logarithm without a base may be natural or decimal. It is enough if they are equal under one reading.

    Returns:
        `None` if they are not defined together at enough points.

    Raises:
        TooLargeError, UnsupportedError: as named.
    """
    bases = ("e", "10") if has(left, "call", "log") or has(right, "call", "log") else ("e",)
    verdicts = [_same(left, right, base) for base in bases]
    return True if True in verdicts else None if None in verdicts else False


def _same(left: Node, right: Node, log_base: str) -> bool | None:
    return _at_all_points((left, right), lambda values, tracker: tracker.close(*values), log_base)


def proportional(left: Node, right: Node, *, positive: bool) -> bool | None:
    """Is `left` a constant, nonzero multiple of `right`? Then `left = 0` and `right = 0` are one equation.

    Args:
        left: one expression.
        right: the other.
        positive: the constant must be positive, as for `<`.
    """
    first: list[Any] = []

    def test(values: tuple[Any, ...], tracker: _Tracker) -> bool:
        one, other = values
        if tracker.close(one, mp.zero) or tracker.close(other, mp.zero):
            return tracker.close(one, mp.zero) and tracker.close(other, mp.zero)
        ratio = one / other
        if not first:
            first.append(ratio)
        return (not positive or mp.re(ratio) > 0) and tracker.close(ratio, first[0])

    verdict = _at_all_points((left, right), test, "e")
    return verdict if first or verdict is not True else None


def approximate(node: Node) -> float | None:
    """The value of a real constant as a float, for ordering. `None` if it has symbols or is not real."""
    if symbols(node):
        return None
    with mp.workdps(DIGITS):
        try:
            return float(_Evaluator({}, real=True, log_base="e").value(node))
        except (UndefinedError, UnsupportedError, TooLargeError, ZeroDivisionError, ValueError, OverflowError):
            return None


def rounds_to(exact: Node, decimal: Node, digits: int) -> bool:
    """Is the decimal the exact constant to `digits` significant digits (rounded or cut)?"""
    if symbols(exact, decimal):
        return False
    with mp.workdps(DIGITS):
        try:
            evaluator = _Evaluator({}, real=True, log_base="e")
            one, other = evaluator.value(exact), evaluator.value(decimal)
        except (UndefinedError, UnsupportedError, ZeroDivisionError, ValueError):
            return False
        if other == 0:
            return False
        place = mp.floor(mp.log10(abs(other))) - digits + 1
        return bool(abs(one - other) < mp.power(10, place))


def _at_all_points(
    nodes: tuple[Node, Node], test: Callable[[tuple[Any, ...], _Tracker], bool], log_base: str
) -> bool | None:
    names = sorted(symbols(*nodes))
    complex_numbers = any(has(node, "const", "i") for node in nodes)
    with mp.workdps(DIGITS):
        for real in (False,) if complex_numbers else (True, False):
            agreed = 0
            for point in _points(names):
                tracker = _Tracker()
                evaluator = _Evaluator(point, real=real, log_base=log_base, tracker=tracker)
                try:
                    agrees = test(tuple(evaluator.value(node) for node in nodes), tracker)
                except (UndefinedError, ZeroDivisionError, ValueError):
                    continue
                if not agrees:
                    return False
                agreed += 1
            if agreed >= (NEEDED if names else 1):
                return True
    return None


def _points(names: list[str]) -> Iterator[dict[str, Any]]:
    """Positive, integer, and signed values for every symbol. If there are no symbols, one empty point."""
    if not names:
        yield {}
        return
    for kind in ("positive", "integer", "signed"):
        for index in range(4):
            point: dict[str, Any] = {}
            for position, name in enumerate(names):
                seed = int.from_bytes(hashlib.sha256(f"{kind}{index}{name}".encode()).digest()[:6], "big")
                if kind == "integer":
                    point[name] = mp.mpf(2 + (seed + position) % 11)
                else:
                    size = mp.mpf(seed % _BITS + 1) / _BITS * 2 + mp.mpf(1) / 7
                    point[name] = -size if kind == "signed" and (seed >> 30) % 2 else size
            yield point


class _Tracker:
    """Remembers the largest value met, the yardstick of rounding errors, and compares with it in mind.

    Without it, `sin(1999!)` or `(10^{200} + √2) - 10^{200}`, of which no digit is right, could agree with anything.
    """

    def __init__(self) -> None:
        self.largest = mp.one

    def seen(self, value: Any) -> Any:
        self.largest = max(self.largest, abs(value))
        return value

    def close(self, one: Any, other: Any) -> bool:
        """Do two values agree?

        Raises:
            UndefinedError: they drown in rounding errors.
        """
        difference = abs(one - other)
        scale = max(abs(one), abs(other))
        noise = self.largest * mp.power(10, -NOISE_DIGITS)
        if scale >= noise * mp.power(10, AGREEING_DIGITS):
            return bool(difference <= scale * mp.power(10, -AGREEING_DIGITS))
        if self.largest > mp.power(10, HARMLESS_SIZE):
            raise UndefinedError("no digit of it is known")
        return bool(difference <= noise * mp.power(10, AGREEING_DIGITS // 4))


class _Evaluator:
    """The value of a tree at one point, real or complex."""

    def __init__(self, point: Mapping[str, Any], *, real: bool, log_base: str, tracker: _Tracker | None = None) -> None:
        self.point = point
        self.real = real
        self.log_base = log_base
        self.tracker = tracker or _Tracker()

    def value(self, node: Node) -> Any:
        result = self.tracker.seen(self._value(node))
        _check_size(result)
        return result

    def _value(self, node: Node) -> Any:
        if node.op == "num":
            assert not isinstance(node.value, str)
            return mp.mpf(node.value.numerator) / node.value.denominator
        if node.op == "sym":
            return self.point[str(node.value)]
        if node.op == "const":
            return self.constant(str(node.value))
        if node.op == "call":
            return self.call(str(node.value), [self.value(arg) for arg in node.args])
        if node.op not in _OPERATIONS:
            raise UnsupportedError(f"{node.op} has no value")
        args = [self.value(arg) for arg in node.args]
        if node.op == "pow":
            return self.power(*args)
        return _OPERATIONS[node.op](*args)

    def constant(self, name: str) -> Any:
        if name in ("pi", "e"):
            return +getattr(mp, name)
        if name == "i":
            return mp.mpc(0, 1)
        raise UnsupportedError(f"{name} has no value")

    def power(self, base: Any, exponent: Any) -> Any:
        if base == 0:
            if mp.re(exponent) <= 0:
                raise UndefinedError("zero to a power that is not positive")
            return mp.zero
        if self.real and base < 0 and exponent != mp.floor(exponent):
            raise UndefinedError("a broken power of a negative number")
        if abs(exponent * mp.log(abs(base), 2)) > MAX_EXPONENT:
            raise TooLargeError("a power too large to be computed")
        return mp.power(base, exponent)

    def call(self, name: str, args: list[Any]) -> Any:
        if name.startswith("@"):
            return _unknown_function(name, args)
        if name in ("max", "min") and self.real:
            return max(args) if name == "max" else min(args)
        special = {"logb": self.log_to_base, "root": self.root, "binom": _binomial}.get(name)
        if special is not None and len(args) == 2:  # noqa: PLR2004
            return special(*args)
        if len(args) != 1:
            raise UnsupportedError(f"{name} of {len(args)} arguments is not evaluated")
        if name == "sqrt":
            return self.root(args[0], mp.mpf(2))
        if name in ("ln", "log", "log10"):
            natural = name == "ln" or (name == "log" and self.log_base == "e")
            return self.logarithm(args[0]) / (1 if natural else mp.ln10)
        self.check_argument(name, args[0])
        return _FUNCTIONS[name](args[0])

    def check_argument(self, name: str, argument: Any) -> None:
        if name not in _FUNCTIONS or (not self.real and name in ("sgn", "floor", "ceil")):
            raise UnsupportedError(f"{name} is not evaluated here")
        if name in ("arcsin", "arccos") and self.real and abs(argument) > 1:
            raise UndefinedError(f"{name} beyond 1")
        if name in ("exp", "sinh", "cosh", "tanh") and abs(argument) > MAX_EXPONENT / 2:
            raise TooLargeError("an exponential too large to be computed")

    def root(self, number: Any, degree: Any) -> Any:
        if number == 0:
            return mp.zero
        odd = self.real and degree == mp.floor(degree) and degree % 2 == 1
        return -self.power(-number, 1 / degree) if odd and number < 0 else self.power(number, 1 / degree)

    def log_to_base(self, number: Any, base: Any) -> Any:
        return self.logarithm(number) / self.logarithm(base)

    def logarithm(self, number: Any) -> Any:
        if number == 0 or (self.real and number < 0):
            raise UndefinedError("the logarithm of a number that is not positive")
        return mp.log(number)


def _unknown_function(name: str, args: list[Any]) -> Any:
    """A value that depends on the name and the arguments alone, and on nothing else."""
    total = mp.mpf(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")) / _BITS
    for index, arg in enumerate(args):
        total += arg * (index + 1)
    return mp.sin(total) + 2


def _binomial(n: Any, k: Any) -> Any:
    if max(abs(n), abs(k)) > MAX_EXPONENT:
        raise TooLargeError("a binomial too large to be computed")
    return mp.binomial(n, k)


def _factorial(number: Any, step: int = 1) -> Any:
    if mp.im(number) or number < 0:
        raise UndefinedError("the factorial of a negative number")
    if number > MAX_EXPONENT / 20:
        raise TooLargeError("a factorial too large to be computed")
    return mp.factorial(number) if step == 1 else mp.fac2(number)


def _check_size(number: Any) -> None:
    if not mp.isfinite(number):
        raise UndefinedError("infinite")
    if number != 0 and abs(mp.mag(number)) > MAX_EXPONENT:
        raise TooLargeError("a number too large to be computed")


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *terms: mp.fsum(terms),
    "mul": lambda *factors: mp.fprod(factors),
    "div": lambda a, b: a / b,
    "pow": mpmath.power,
    "neg": lambda a: -a,
    "percent": lambda a: a / 100,
    "degree": lambda a: a * mp.pi / 180,
    "fact": _factorial,
    "fact2": lambda a: _factorial(a, 2),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mp, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")},
    **{f"arc{name}": getattr(mp, f"a{name}") for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"arc{name}": getattr(mp, f"a{name}") for name in ("sinh", "cosh", "tanh")},
    **{name: getattr(mp, name) for name in ("exp", "floor", "ceil", "arg")},
    "Re": mp.re,
    "Im": mp.im,
    "sgn": mp.sign,
    "abs": abs,
}
