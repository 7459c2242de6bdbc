"""Compares two trees: values, collections, matrices, numerals, relations, sets of numbers.

Only the equality of two values that are not rational is left to an `Engine`, which lives in a worker process.
If there is no engine, `NeedsEngineError` is raised when it would be asked.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from harness.scorers._math import exact, regions, trees
from harness.scorers._math.equality import Equality, no, yes
from harness.scorers._math.syntax import Node

ROUNDED_DIGITS = 6
"""A decimal answer of at least this many significant digits stands for the exact number that it rounds."""
FLOAT_DIGITS = 12
"""A gold answer of at least this many significant digits is a float that was printed, and rounds an exact number."""
_UNIT_VECTORS = (Node("const", value="i"), Node("sym", value="j"), Node("sym", value="k"))
_STRENGTH = ("library", "identity", "rounded", "exact")


class NeedsEngineError(Exception):
    """The two cannot be compared without symbolic work."""


class Engine(Protocol):
    """Symbolic work, done in a worker process. `None` is "cannot tell"."""

    def same(self, left: Node, right: Node) -> bool | None:
        """Are two expressions equal?"""

    def proportional(self, left: Node, right: Node, *, positive: bool) -> bool | None:
        """Is one a constant (positive) multiple of the other?"""

    def approximate(self, node: Node) -> float | None:
        """A real constant as a float."""

    def rounds_to(self, exact: Node, decimal: Node, digits: int) -> bool:
        """Is the decimal the constant, to so many significant digits?"""

    def library(self, gold: str, answer: str) -> bool | None:
        """What math-verify says of the normalised texts."""


class Comparison:
    """The comparison of two trees, with or without an engine. `equal` is the whole question."""

    def __init__(self, given: Engine | None) -> None:
        self._given = given

    @property
    def engine(self) -> Engine:
        """The engine.

        Raises:
            NeedsEngineError: there is none.
        """
        if self._given is None:
            raise NeedsEngineError
        return self._given

    def equal(self, gold: Node, answer: Node) -> Equality:  # noqa: PLR0911 - one per kind
        """Are two trees the same answer?

        Raises:
            NeedsEngineError: symbolic work is needed and there is no engine.
            TooLargeError, ZeroDivisionError: as `exact.value`.
        """
        ops = {gold.op, answer.op}
        if "word" in ops:
            same = gold.op == answer.op and str(gold.value).lower() == str(answer.value).lower()
            return yes("text", "the same word") if same else no("text", _is_not(answer, gold))
        if gold == answer and not trees.is_literal(gold):
            return yes("structure", "the same expression")
        if ops & trees.RELATIONAL:
            return self.relations(gold, answer)
        if ops & trees.REGIONS or trees.is_reals(gold) or trees.is_reals(answer):
            return self.regions(gold, answer)
        if len({"group", "matrix"} & ops) == 1 < len(ops) and "j" in trees.names(gold) | trees.names(answer):
            gold, answer = _as_sum(gold), _as_sum(answer)
            ops = {gold.op, answer.op}
        if trees.matrix(gold) is not None or trees.matrix(answer) is not None:
            return self.matrices(gold, answer)
        if ops & trees.COLLECTIONS or trees.branches(gold) or trees.branches(answer):
            return self.collections(gold, answer)
        if "base" in (trees.unsigned(gold)[1].op, trees.unsigned(answer)[1].op):
            return _numerals(gold, answer)
        return self.values(gold, answer)

    # -- values ---------------------------------------------------------------------------------------------

    def values(self, gold: Node, answer: Node) -> Equality:
        """Two values. A percent or degree sign on one side alone may be left out, or be meant on the other."""
        signs = {gold.op, answer.op} & trees.SIGNS
        if not signs:
            return self.numbers(gold, _with_constant_of(gold, answer))
        other = answer if gold.op in trees.SIGNS else gold
        if "percent" in signs and gold.op != answer.op and trees.is_proper_fraction(other):
            return self.numbers(gold, answer)  # nobody gives a percentage as a fraction of one
        plain = self.numbers(trees.without_sign(gold), trees.without_sign(answer))
        if plain.equal or gold.op == answer.op:
            return plain
        if "degree" in signs and exact.value(other) is not None:
            return plain  # nobody gives an angle as a rational number of radians
        return self.numbers(gold, answer)

    def numbers(self, gold: Node, answer: Node) -> Equality:  # noqa: PLR0911 - one per outcome
        """Two values as they are: infinite, rational, or anything else."""
        infinite = trees.infinity(gold), trees.infinity(answer)
        if any(infinite):
            same = infinite[0] == infinite[1]
            return yes("structure", "both infinite") if same else no("structure", _is_not(answer, gold))
        wanted, found = exact.value(gold), exact.value(answer)
        given, digits = trees.decimal_digits(gold), trees.decimal_digits(answer)
        if wanted is not None and found is not None:
            if wanted == found:
                return yes("exact", f"both are {trees.show(gold)}")
            if digits >= ROUNDED_DIGITS and trees.rounds(wanted, found, digits):
                return yes("rounded", f"{trees.show(gold)} to {digits} digits")
            if given >= FLOAT_DIGITS and trees.rounds(found, wanted, given):
                return yes("rounded", f"the wanted number is it, to {given} digits")
            return no("exact", _is_not(answer, gold))
        if self.engine.same(gold, answer):
            return yes("identity", "equal at every point tried, to 40 digits")
        if digits >= ROUNDED_DIGITS and wanted is None and self.engine.rounds_to(gold, answer, digits):
            return yes("rounded", f"the exact value to {digits} digits")
        if given >= FLOAT_DIGITS and found is None and self.engine.rounds_to(answer, gold, given):
            return yes("rounded", f"the wanted number is it, to {given} digits")
        return no("identity", "they differ in value")

    # -- collections ----------------------------------------------------------------------------------------

    def matrices(self, gold: Node, answer: Node) -> Equality:
        """Entry by entry. A column or row is also a tuple."""
        wanted, found = _rows(gold), _rows(answer)
        if wanted is None or found is None:
            return no("structure", _is_not(answer, gold))
        if "group" in (gold.op, answer.op) and 1 in (len(wanted), len(wanted[0])) and 1 in (len(found), len(found[0])):
            return self.in_order(sum(wanted, ()), sum(found, ()), "vector")
        if [len(row) for row in wanted] != [len(row) for row in found]:
            return no("structure", "matrices of different shapes")
        return self.in_order(sum(wanted, ()), sum(found, ()), "matrix")

    def collections(self, gold: Node, answer: Node) -> Equality:  # noqa: PLR0911 - one per kind
        """Lists and sets in any order. Tuples and intervals in their own order, with their brackets."""
        if "group" in (gold.op, answer.op):
            return self.tuples(gold, answer)
        wanted, found = trees.items(gold), trees.items(answer)
        if not wanted or not found:
            return yes("structure", "both empty") if not wanted and not found else no("structure", "one is empty")
        if len(wanted) != len(found):
            several = no("structure", f"{trees.count(found)}, wanted {trees.count(wanted)}")
            return self.alternatives(gold, answer) or several
        if {gold.value, answer.value} == {"and", "or"} and any(trees.is_inequality(item) for item in wanted):
            return no("structure", "both conditions on one side, one of them on the other")
        if len(wanted) == 1:
            nested = wanted[0].op == "set" or found[0].op == "set"
            return no("structure", "a set of sets") if nested else self.equal(wanted[0], found[0])
        if any(item.op == "dots" for item in (*wanted, *found)):
            return self.in_order(wanted, found, "list")
        labels = {assigned.name for item in wanted if (assigned := trees.assignment(item))}
        if len(labels) == len(wanted) and not any(map(trees.assignment, found)):
            return self.in_order(wanted, found, "list")  # `1, 2` for `x = 1, y = 2`
        if not labels and len(_names(found)) == len(found):
            return self.in_order(wanted, found, "list")  # and the other way, but `x_1 = 1, x_2 = 2` are in any order
        return self.in_any_order(wanted, found)

    def alternatives(self, gold: Node, answer: Node) -> Equality | None:
        """One value against `a or b`, if both spell that value."""
        one, several = (gold, answer) if answer.op == "list" else (answer, gold)
        if one.op in trees.COLLECTIONS or several.value != "or":
            return None
        verdicts = [self.equal(one, item) for item in several.args]
        same = all(self.equal(several.args[0], item).equal for item in several.args[1:])
        return next((verdict for verdict in verdicts if verdict.equal), None) if same else None

    def tuples(self, gold: Node, answer: Node) -> Equality:
        """A tuple, against a tuple with the same brackets, or a bare list in the same order."""
        if gold.op == answer.op:
            if gold.value != answer.value:
                return no("structure", f"brackets {answer.value}, wanted {gold.value}")
            return self.in_order(gold.args, answer.args, "tuple")
        group, other = (gold, answer) if gold.op == "group" else (answer, gold)
        interval = group.value not in ("()", "[]") or (group.value == "[]" and _is_interval(gold, answer))
        if other.op != "list" or interval or any(item.op == "group" for item in other.args):
            return no("structure", _is_not(answer, gold))
        return self.in_order(trees.items(gold), trees.items(answer), "tuple")

    def in_order(self, wanted: tuple[Node, ...], found: tuple[Node, ...], kind: str) -> Equality:
        """The first with the first, and so on. Labels (`x = 1`) count if both sides have them."""
        if len(wanted) != len(found):
            return no("structure", f"{trees.count(found)}, wanted {trees.count(wanted)}")
        wanted, found = _labels_agree(wanted, found)
        methods = set()
        for index, pair in enumerate(zip(wanted, found, strict=True), 1):
            verdict = self.equal(*pair)
            if not verdict.equal:
                return no(verdict.method, f"entry {index} of the {kind}: {verdict.why}")
            methods.add(verdict.method)
        return yes(_strongest(methods), f"the same {kind}")

    def in_any_order(self, wanted: tuple[Node, ...], found: tuple[Node, ...]) -> Equality:
        """A matching of the two. Labels (`x = 1`) count if both sides have them."""
        wanted, found = _labels_agree(wanted, found)
        left = list(found)
        methods = set()
        for one in wanted:
            match = next(((i, v) for i, other in enumerate(left) if (v := self.equal(one, other)).equal), None)
            if match is None:
                return no("structure", f"{trees.show(one)} is missing among {trees.count(found)}")
            methods.add(match[1].method)
            del left[match[0]]
        return yes(_strongest(methods), f"the same {trees.count(wanted)}")

    # -- relations ------------------------------------------------------------------------------------------

    def relations(self, gold: Node, answer: Node) -> Equality:
        """At least one is a relation: an assignment, an equation, an inequality, a chain of them."""
        wanted, found = trees.assignment(gold), trees.assignment(answer)
        if wanted and found:
            verdict = self.assignments(wanted, found)
            return verdict if verdict.equal else self.equations(gold, answer, verdict)
        both = gold.op in trees.RELATIONAL and answer.op in trees.RELATIONAL
        if wanted and not both:
            return self.equal(wanted.value, answer)
        if found and not both:
            return self.equal(gold, found.value)
        if both and trees.is_equation(gold) and trees.is_equation(answer):
            return self.equations(gold, answer, no("structure", "another equation"))
        if not both and (trees.is_equation(gold) or trees.is_equation(answer)):
            return self.last_value(gold, answer)
        return self.regions(gold, answer)

    def assignments(self, gold: trees.Assignment, answer: trees.Assignment) -> Equality:
        """`x = 5`: the names count. A function is one by any argument, and `y` may stand for its value."""
        value = answer.value
        if gold.name != answer.name:
            calls = [name for name in (gold.name, answer.name) if name.op == "call"]
            same = {str(name.value).lstrip("@") for name in (gold.name, answer.name)}
            if not calls or (len(same) > 1 and (len(calls) > 1 or "y" not in same)):
                return no("structure", f"{trees.show(answer.name)} is given, wanted {trees.show(gold.name)}")
            for one, other in zip(*(call.args for call in calls), strict=False) if len(calls) > 1 else ():
                if one != other and not (one.op == other.op == "sym" and str(gold.name.value).startswith("@")):
                    return no("structure", "the value of another argument")
                value = trees.substitute(value, str(other.value), one) if one != other else value
        return self.equal(gold.value, value)

    def equations(self, gold: Node, answer: Node, otherwise: Equality) -> Equality:
        """Two equations are one if their differences are proportional."""
        named = [bool(trees.names(node)) for node in (gold, answer)]
        if gold.op != "rel" or answer.op != "rel" or named[0] != named[1]:
            return otherwise
        if not named[0]:  # `3 × 4 = 12`: its value is what it says
            return self.equal(gold.args[1], answer.args[1])
        variable = all(trees.contains(node, frozenset({"sym"})) for node in (gold, answer))
        if not variable or any(trees.contains(node, trees.COLLECTIONS | trees.REGIONS) for node in (gold, answer)):
            return otherwise  # two constants are always proportional
        shared = trees.names(gold) & trees.names(answer)
        for change in (lambda node: node, lambda node: trees.unapplied(node, shared)):
            one, other = (trees.difference(change(node)) for node in (gold, answer))
            if self.engine.proportional(one, other, positive=False):
                return yes("identity", "the same equation")
        return otherwise

    def last_value(self, gold: Node, answer: Node) -> Equality:
        """`2 - 2 + 4 = 4` for 4: an equation whose last side is the value."""
        equation = answer if answer.op in trees.RELATIONAL else gold
        pairs = equation.args if equation.op == "chain" else (equation,)
        first, last = pairs[0].args[0], pairs[-1].args[1]
        if equation is gold and trees.names(equation):
            return no("structure", "a value, wanted an equation")
        if len(pairs) == 1:
            literal = trees.is_literal(first) and trees.is_literal(last)
            if literal and exact.value(first) != exact.value(last):
                return no("structure", "an equation that does not hold")
            if trees.names(first) and exact.value(last) == 0:
                return no("structure", "an equation, not a value")
        return self.equal(gold, last) if equation is answer else self.equal(last, answer)

    # -- sets of numbers ------------------------------------------------------------------------------------

    def regions(self, gold: Node, answer: Node) -> Equality:  # noqa: PLR0911 - one per outcome
        """Inequalities, intervals and their unions: the same numbers, the same ends."""
        named = [regions.variable(node) for node in (gold, answer)]
        if None not in named and named[0] != named[1]:
            return no("structure", f"a condition on {named[1]}, wanted one on {named[0]}")
        wanted, found = (regions.pieces(node, self.place) for node in (gold, answer))
        if wanted is None or found is None:
            return self.unsolved(gold, answer)
        if len(wanted) != len(found):
            return no("structure", "another number of intervals")
        for one, other in zip(wanted, found, strict=True):
            if (one.closed_low, one.closed_high) != (other.closed_low, other.closed_high):
                return no("structure", "an end is included on one side alone")
            for bound, bound2 in ((one.low, other.low), (one.high, other.high)):
                if bound is None or bound2 is None:
                    if bound is not bound2:
                        return no("structure", "an end is infinite on one side alone")
                elif not (verdict := self.equal(bound, bound2)).equal:
                    return no(verdict.method, f"an end: {verdict.why}")
        return yes("structure", "the same set of numbers")

    def unsolved(self, gold: Node, answer: Node) -> Equality:
        """Two inequalities that are multiples of each other are one. Anything else is left open."""
        both = [regions.flip(n) if str(n.value).startswith(">") and n.op == "rel" else n for n in (gold, answer)]
        operators = {str(node.value) for node in both if node.op == "rel"}
        if all(node.op == "rel" for node in both) and len(operators) == 1 and operators <= regions.FLIPPED.keys():
            positive = not operators & {"=", "!="}
            if self.engine.proportional(*map(trees.difference, both), positive=positive):
                return yes("identity", "the same inequality")
        comparable = trees.RELATIONAL | trees.REGIONS | trees.COLLECTIONS
        if gold.op in comparable and answer.op in comparable:
            return no("open", "a set of numbers that has to be solved for")
        return no("structure", _is_not(answer, gold))

    def place(self, bound: Node) -> Fraction | float:
        """The place of a bound on the line. 0 for one that depends on symbols."""
        number = exact.value(bound)
        return number if number is not None else self.engine.approximate(bound) or 0.0


def _is_interval(gold: Node, answer: Node) -> bool:
    """Is `[1, 2]` an interval? A program writes a list so, but no gold answer does, and no program writes fractions."""
    whole = all(trees.is_literal(entry) and not trees.decimal_digits(entry) for entry in answer.args)
    return len(gold.args) == 2 and (gold.op == "group" or not whole)  # noqa: PLR2004


def _as_sum(node: Node) -> Node:
    """`(2, 3)` as `2i + 3j`."""
    rows = _rows(node)
    entries = sum(rows, ()) if rows and 1 in (len(rows), len(rows[0])) else ()
    if not 1 < len(entries) <= len(_UNIT_VECTORS):
        return node
    return Node("add", tuple(Node("mul", pair) for pair in zip(entries, _UNIT_VECTORS, strict=False)))


def _with_constant_of(gold: Node, answer: Node) -> Node:
    """The constant of integration under the name that it has in the gold answer."""
    wanted, found = trees.constant_term(gold), trees.constant_term(answer)
    if not wanted or not found or wanted == found or found in trees.names(gold):
        return answer
    return trees.substitute(answer, found, Node("sym", value=wanted))


def _numerals(gold: Node, answer: Node) -> Equality:
    """Numerals in a base are compared as written. If a base is missing or symbolic, it is the other side's."""
    (sign, one), (sign2, other) = trees.unsigned(gold), trees.unsigned(answer)
    digits = [str(node.value) if node.op == "base" or trees.is_short(node) else "" for node in (one, other)]
    bases = [str(node.args[0].value) for node in (one, other) if node.op == "base"]
    agree = len(set(bases)) == 1 or any(not base.isdigit() for base in bases)
    if sign == sign2 and digits[0] == digits[1] and agree:
        return yes("structure", "the same numeral")
    return no("structure", "another numeral or another base")


def _rows(node: Node) -> list[tuple[Node, ...]] | None:
    rows = trees.matrix(node)
    if rows is None and node.op == "group" and node.value in ("()", "[]"):
        return [(entry,) for entry in node.args]
    return rows


def _labels_agree(wanted: tuple[Node, ...], found: tuple[Node, ...]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Drop `x =` if the other side has no labels, or if only the first of several has one."""
    if all(trees.assignment(item) for item in (*wanted, *found)):
        return wanted, found
    return tuple(map(trees.bare, wanted)), tuple(map(trees.bare, found))


def _names(items: tuple[Node, ...]) -> set[str]:
    """The names that values are assigned to, without their subscripts."""
    assigned = filter(None, map(trees.assignment, items))
    return {str(one.name.value).partition("_")[0] for one in assigned if one.name.op == "sym"}


def _strongest(methods: set[str]) -> str:
    return next((method for method in _STRENGTH if method in methods), "structure")


def _is_not(answer: Node, gold: Node) -> str:
    return f"{trees.show(answer)} is not {trees.show(gold)}"
