"""The starter quarter of the `functions` task: one operation each. The layout: problems.py."""

# ruff: noqa: D103, PLR2004 - a check is described by its function, and its numbers are the expected answers
from __future__ import annotations


def add_one(n: int) -> int:
    """Return the number plus one.

    >>> add_one(4)
    5
    """
    return n + 1


def check_add_one() -> None:
    assert add_one(4) == 5
    assert add_one(0) == 1
    assert add_one(-1) == 0
    assert add_one(-7) == -6
    assert add_one(99) == 100


def double(n: int) -> int:
    """Return twice the number.

    >>> double(4)
    8
    """
    return 2 * n


def check_double() -> None:
    assert double(4) == 8
    assert double(0) == 0
    assert double(1) == 2
    assert double(-3) == -6
    assert double(50) == 100


def is_even(n: int) -> bool:
    """Return True if the number is even, and False if it is odd.

    >>> is_even(4)
    True
    """
    return n % 2 == 0


def check_is_even() -> None:
    assert is_even(4) is True
    assert is_even(7) is False
    assert is_even(0) is True
    assert is_even(-2) is True
    assert is_even(-5) is False


def multiply(a: int, b: int) -> int:
    """Return the product of the two numbers.

    >>> multiply(3, 4)
    12
    """
    return a * b


def check_multiply() -> None:
    assert multiply(3, 4) == 12
    assert multiply(0, 9) == 0
    assert multiply(1, 8) == 8
    assert multiply(-2, 5) == -10
    assert multiply(-3, -3) == 9


def to_upper(text: str) -> str:
    """Return the text in upper case.

    >>> to_upper("abc")
    'ABC'
    """
    return text.upper()


def check_to_upper() -> None:
    assert to_upper("abc") == "ABC"
    assert to_upper("") == ""
    assert to_upper("Hi there") == "HI THERE"
    assert to_upper("X9y") == "X9Y"
    assert to_upper("DONE") == "DONE"


def subtract(a: int, b: int) -> int:
    """Return the first number minus the second.

    >>> subtract(9, 4)
    5
    """
    return a - b


def check_subtract() -> None:
    assert subtract(9, 4) == 5
    assert subtract(4, 9) == -5
    assert subtract(3, 3) == 0
    assert subtract(0, 6) == -6
    assert subtract(-2, -5) == 3


def total(numbers: list[int]) -> int:
    """Return the sum of the numbers.

    >>> total([1, 2, 3])
    6
    """
    return sum(numbers)


def check_total() -> None:
    assert total([1, 2, 3]) == 6
    assert total([]) == 0
    assert total([5]) == 5
    assert total([-4, 4]) == 0
    assert total([10, 20, -5]) == 25


def square(n: int) -> int:
    """Return the square of the number.

    >>> square(3)
    9
    """
    return n * n


def check_square() -> None:
    assert square(3) == 9
    assert square(0) == 0
    assert square(-4) == 16
    assert square(1) == 1
    assert square(12) == 144


def text_length(text: str) -> int:
    """Return the number of characters in the text.

    >>> text_length("hello")
    5
    """
    return len(text)


def check_text_length() -> None:
    assert text_length("hello") == 5
    assert text_length("") == 0
    assert text_length("a b") == 3
    assert text_length("   ") == 3
    assert text_length("ten chars!") == 10


def is_negative(n: int) -> bool:
    """Return True if the number is less than zero.

    >>> is_negative(-3)
    True
    """
    return n < 0


def check_is_negative() -> None:
    assert is_negative(-3) is True
    assert is_negative(3) is False
    assert is_negative(0) is False
    assert is_negative(-1) is True
    assert is_negative(1) is False


def largest(numbers: list[int]) -> int:
    """Return the largest of the numbers. The list is not empty.

    >>> largest([3, 9, 2])
    9
    """
    return max(numbers)


def check_largest() -> None:
    assert largest([3, 9, 2]) == 9
    assert largest([5]) == 5
    assert largest([-3, -1, -2]) == -1
    assert largest([7, 7]) == 7
    assert largest([1, 2, 30]) == 30


def reverse_text(text: str) -> str:
    """Return the text written backwards.

    >>> reverse_text("abc")
    'cba'
    """
    return text[::-1]


def check_reverse_text() -> None:
    assert reverse_text("abc") == "cba"
    assert reverse_text("") == ""
    assert reverse_text("x") == "x"
    assert reverse_text("level") == "level"
    assert reverse_text("a b!") == "!b a"


def half(n: float) -> float:
    """Return half of the number.

    >>> half(7)
    3.5
    """
    return n / 2


def check_half() -> None:
    assert half(7) == 3.5
    assert half(8) == 4
    assert half(0) == 0
    assert half(-3) == -1.5
    assert half(0.5) == 0.25


def first_item(items: list[int]) -> int:
    """Return the first item of the list. The list is not empty.

    >>> first_item([4, 5, 6])
    4
    """
    return items[0]


def check_first_item() -> None:
    assert first_item([4, 5, 6]) == 4
    assert first_item([9]) == 9
    assert first_item([0, 1]) == 0
    assert first_item([-2, 7, 1]) == -2
    assert first_item([3, 3, 1, 8]) == 3


def join_texts(first: str, second: str) -> str:
    """Return the first text directly followed by the second.

    >>> join_texts("sun", "day")
    'sunday'
    """
    return first + second


def check_join_texts() -> None:
    assert join_texts("sun", "day") == "sunday"
    assert join_texts("", "end") == "end"
    assert join_texts("start", "") == "start"
    assert join_texts("", "") == ""
    assert join_texts("a ", "b") == "a b"


def cube(n: int) -> int:
    """Return the number to the power of three.

    >>> cube(2)
    8
    """
    return n**3


def check_cube() -> None:
    assert cube(2) == 8
    assert cube(0) == 0
    assert cube(-3) == -27
    assert cube(1) == 1
    assert cube(10) == 1000


def smallest(numbers: list[int]) -> int:
    """Return the smallest of the numbers. The list is not empty.

    >>> smallest([3, 9, 2])
    2
    """
    return min(numbers)


def check_smallest() -> None:
    assert smallest([3, 9, 2]) == 2
    assert smallest([5]) == 5
    assert smallest([-3, -1, -2]) == -3
    assert smallest([7, 7]) == 7
    assert smallest([0, 2, 30]) == 0


def are_equal(a: int, b: int) -> bool:
    """Return True if the two numbers are equal.

    >>> are_equal(3, 3)
    True
    """
    return a == b


def check_are_equal() -> None:
    assert are_equal(3, 3) is True
    assert are_equal(3, 4) is False
    assert are_equal(0, 0) is True
    assert are_equal(-2, 2) is False
    assert are_equal(9, 8) is False


def to_lower(text: str) -> str:
    """Return the text in lower case.

    >>> to_lower("ABC")
    'abc'
    """
    return text.lower()


def check_to_lower() -> None:
    assert to_lower("ABC") == "abc"
    assert to_lower("") == ""
    assert to_lower("Hi There") == "hi there"
    assert to_lower("x9Y") == "x9y"
    assert to_lower("done") == "done"


def count_items(items: list[int]) -> int:
    """Return how many items the list has.

    >>> count_items([7, 7, 8])
    3
    """
    return len(items)


def check_count_items() -> None:
    assert count_items([7, 7, 8]) == 3
    assert count_items([]) == 0
    assert count_items([0]) == 1
    assert count_items([5, 5, 5, 5]) == 4
    assert count_items([9, -1]) == 2


def absolute(n: int) -> int:
    """Return the number without its sign.

    >>> absolute(-6)
    6
    """
    return abs(n)


def check_absolute() -> None:
    assert absolute(-6) == 6
    assert absolute(6) == 6
    assert absolute(0) == 0
    assert absolute(-1) == 1
    assert absolute(250) == 250


def starts_with_a(text: str) -> bool:
    """Return True if the text starts with a small letter "a".

    >>> starts_with_a("apple")
    True
    """
    return text.startswith("a")


def check_starts_with_a() -> None:
    assert starts_with_a("apple") is True
    assert starts_with_a("banana") is False
    assert starts_with_a("") is False
    assert starts_with_a("Apple") is False
    assert starts_with_a("a") is True
    assert starts_with_a("tea") is False
