"""Arithmetic and word problems, drawn from a seed: ten templates from one-digit sums to five-step stories.

Every number, name and thing is drawn from SHA-256 digests of `seed/template/index/try/counter`, never from
`random`, so a seed gives the same problems under every Python version and platform, for ever. The golden
digests in `tests/test_tasks.py` hold this to its word; a change of any wording or range is a new
`metadata.version` of the task.

Problems made on the spot cannot have been in a model's training data. A generator library would serve as
well, but reasoning-gym brings 218 MB of packages and its generators need vetting one by one; these ten need
only the standard library and can be read in a minute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

T = TypeVar("T")

SEED = 20250101
PER_TEMPLATE = 20

NAMES = ("Amara", "Bruno", "Chen", "Dalia", "Emeka", "Freya", "Goran", "Hana", "Ivan", "Jun", "Kofi", "Lena")
THINGS = (
    "apples",
    "marbles",
    "stickers",
    "shells",
    "buttons",
    "pencils",
    "beads",
    "stamps",
    "coins",
    "cards",
)
BOXES = ("bags", "boxes", "jars", "baskets", "trays", "crates")
GOODS = (("notebook", "pen"), ("ticket", "drink"), ("plant", "pot"), ("plate", "cup"), ("candle", "lamp"))
WORKS = ("in a bakery", "in a garage", "at a library", "at a nursery", "in a laundry")


class Draw:
    """A stream of integers from SHA-256 digests of a key and a counter."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._count = 0

    def integer(self, low: int, high: int, step: int = 1) -> int:
        """One of low, low + step, …, up to high, all alike likely (to within 2^-240)."""
        digest = hashlib.sha256(f"{self._key}/{self._count}".encode()).digest()
        self._count += 1
        return low + step * (int.from_bytes(digest, "big") % ((high - low) // step + 1))

    def one_of(self, items: Sequence[T]) -> T:
        """One item, all alike likely."""
        return items[self.integer(0, len(items) - 1)]


Problem = tuple[str, int]
"""The question, and its answer."""


def _one_digit_sum(draw: Draw) -> Problem:
    a, b = draw.integer(1, 9), draw.integer(1, 9)
    return f"What is {a} + {b}?", a + b


def _small_difference(draw: Draw) -> Problem:
    a, b = draw.integer(9, 20), draw.integer(2, 8)
    return f"What is {a} - {b}?", a - b


def _times_table(draw: Draw) -> Problem:
    a, b = draw.integer(3, 9), draw.integer(4, 12)
    return f"What is {a} times {b}?", a * b


def _one_step_story(draw: Draw) -> Problem:
    name, thing = draw.one_of(NAMES), draw.one_of(THINGS)
    a, b = draw.integer(10, 30), draw.integer(2, 9)
    if draw.integer(0, 1):
        return f"{name} has {a} {thing} and finds {b} more. How many {thing} does {name} have now?", a + b
    return (
        f"{name} has {a} {thing} and gives {b} of them away. How many {thing} does {name} have left?",
        a - b,
    )


def _groups_story(draw: Draw) -> Problem:
    name, thing, box = draw.one_of(NAMES), draw.one_of(THINGS), draw.one_of(BOXES)
    n, each, loose = draw.integer(3, 9), draw.integer(4, 12), draw.integer(2, 15)
    question = (
        f"{name} has {n} {box} with {each} {thing} in each, and {loose} loose {thing} besides. "
        f"How many {thing} is that altogether?"
    )
    return question, n * each + loose


def _two_digit_product(draw: Draw) -> Problem:
    a, b = draw.integer(13, 97), draw.integer(12, 49)
    return f"What is {a} times {b}?", a * b


def _shopping_story(draw: Draw) -> Problem:
    name, (first, second) = draw.one_of(NAMES), draw.one_of(GOODS)
    n, price_n, m, price_m = draw.integer(2, 6), draw.integer(4, 15), draw.integer(2, 6), draw.integer(2, 9)
    cost = n * price_n + m * price_m
    paid = (cost // 50 + 1) * 50
    question = (
        f"A {first} costs {price_n} dollars and a {second} costs {price_m} dollars. {name} buys {n} {first}s "
        f"and {m} {second}s, and pays with {paid} dollars. How many dollars does {name} get back?"
    )
    return question, paid - cost


def _percent_story(draw: Draw) -> Problem:
    percent, price = draw.integer(10, 75, 5), draw.integer(40, 400, 20)
    off = price * percent // 100
    if draw.integer(0, 1):
        return (
            f"A coat costs {price} dollars. In a sale it is {percent}% cheaper. What is its price then?",
            price - off,
        )
    question = f"A club has {price} members. {percent}% of them play chess. How many members play chess?"
    return question, off


def _fraction_story(draw: Draw) -> Problem:
    name, thing = draw.one_of(NAMES), draw.one_of(THINGS)
    bottom, second = draw.integer(3, 6), draw.integer(2, 5)
    top = draw.integer(1, bottom - 1)
    start = bottom * second * draw.integer(2, 8)
    left = start * (1 - Fraction(top, bottom)) * (1 - Fraction(1, second))
    question = (
        f"{name} starts with {start} {thing} and sells {top}/{bottom} of them. Then {name} gives "
        f"1/{second} of what is left to a friend. How many {thing} does {name} keep?"
    )
    return question, int(left)


def _wages_story(draw: Draw) -> Problem:
    name, work = draw.one_of(NAMES), draw.one_of(WORKS)
    wage, hours, extra = draw.integer(12, 24), draw.integer(4, 8), draw.integer(2, 5)
    days, over, spent = draw.integer(3, 5), draw.integer(2, 6), draw.integer(30, 90, 5)
    question = (
        f"{name} works {work} for {wage} dollars an hour, {hours} hours a day on {days} days, and then "
        f"{over} hours of overtime, each paid {extra} dollars more than a normal hour. {name} spends {spent} "
        f"dollars of the pay on food. How many dollars are left?"
    )
    return question, wage * hours * days + over * (wage + extra) - spent


LADDER: tuple[tuple[str, Callable[[Draw], Problem]], ...] = (
    ("one_digit_sum", _one_digit_sum),
    ("small_difference", _small_difference),
    ("times_table", _times_table),
    ("one_step_story", _one_step_story),
    ("groups_story", _groups_story),
    ("two_digit_product", _two_digit_product),
    ("shopping_story", _shopping_story),
    ("percent_story", _percent_story),
    ("fraction_story", _fraction_story),
    ("wages_story", _wages_story),
)
"""Name and generator of every rung, easiest first. `level` in a document is the 1-based rung."""


def problems(seed: int = SEED, per_template: int = PER_TEMPLATE) -> list[dict[str, Any]]:
    """All problems of a seed, one rung of the ladder after the other, over and over.

    Any first `10 * n` of them hold every rung n times, and no question comes twice.

    Args:
        seed: another seed gives other problems.
        per_template: problems per rung (at most 60: there are only 81 one-digit sums and they must differ).

    Returns:
        Dicts of `question`, `answer` (a whole number as text), `template` and `level` (1 to 10).
    """
    seen: set[str] = set()
    docs = []
    for index in range(per_template):
        for level, (template, generate) in enumerate(LADDER, start=1):
            attempt = 0
            question, answer = generate(Draw(f"{seed}/{template}/{index}/{attempt}"))
            while question in seen:
                attempt += 1
                question, answer = generate(Draw(f"{seed}/{template}/{index}/{attempt}"))
            seen.add(question)
            docs.append({"question": question, "answer": str(answer), "template": template, "level": level})
    return docs


def dataset(seed: int = SEED, per_template: int = PER_TEMPLATE, **_: Any) -> dict[str, Any]:
    """What lm-eval's `custom_dataset` wants: the problems as a `test` split."""
    from harness.taskdata import splits

    return splits(problems(seed, per_template))
