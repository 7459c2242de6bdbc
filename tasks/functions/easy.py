"""The easy quarter of the `functions` task: one expression or one loop each. The layout: problems.py."""

# ruff: noqa: D103, PLR2004 - a check is described by its function, and its numbers are the expected answers
from __future__ import annotations


def add_three(a: int, b: int, c: int) -> int:
    """Return the sum of the three numbers a, b and c.

    >>> add_three(1, 2, 3)
    6
    """
    return a + b + c


def check_add_three() -> None:
    assert add_three(1, 2, 3) == 6
    assert add_three(0, 0, 0) == 0
    assert add_three(-5, 2, 1) == -2
    assert add_three(10, -10, 7) == 7
    assert add_three(100, 20, 3) == 123


def is_multiple(n: int, k: int) -> bool:
    """Return True if n is a multiple of k, and False if it is not. k is never 0.

    >>> is_multiple(12, 4)
    True
    """
    return n % k == 0


def check_is_multiple() -> None:
    assert is_multiple(12, 4) is True
    assert is_multiple(13, 4) is False
    assert is_multiple(4, 12) is False
    assert is_multiple(0, 7) is True
    assert is_multiple(7, 1) is True
    assert is_multiple(-9, 3) is True


def shout(text: str) -> str:
    """Return the text in upper case with an exclamation mark at its end.

    >>> shout("hello")
    'HELLO!'
    """
    return text.upper() + "!"


def check_shout() -> None:
    assert shout("hello") == "HELLO!"
    assert shout("") == "!"
    assert shout("Good Day") == "GOOD DAY!"
    assert shout("a1b2") == "A1B2!"
    assert shout("wow!") == "WOW!!"


def count_letter(text: str, letter: str) -> int:
    """Return how often the letter occurs in the text. Upper and lower case are different letters.

    >>> count_letter("banana", "a")
    3
    """
    return text.count(letter)


def check_count_letter() -> None:
    assert count_letter("banana", "a") == 3
    assert count_letter("banana", "x") == 0
    assert count_letter("", "a") == 0
    assert count_letter("Anna", "a") == 1
    assert count_letter("Anna", "A") == 1
    assert count_letter("zzz", "z") == 3


def last_item(items: list[int]) -> int | None:
    """Return the last item of the list, or None if the list is empty.

    >>> last_item([4, 8, 2])
    2
    """
    return items[-1] if items else None


def check_last_item() -> None:
    assert last_item([4, 8, 2]) == 2
    assert last_item([]) is None
    assert last_item([7]) == 7
    assert last_item([3, 0]) == 0
    assert last_item([9, 1, 5, -6]) == -6


def square_all(numbers: list[int]) -> list[int]:
    """Return a list with the square of every number, in the same order.

    >>> square_all([1, 2, 3])
    [1, 4, 9]
    """
    return [number * number for number in numbers]


def check_square_all() -> None:
    assert square_all([1, 2, 3]) == [1, 4, 9]
    assert square_all([]) == []
    assert square_all([-4]) == [16]
    assert square_all([5, 0, 3]) == [25, 0, 9]
    assert square_all([2, 2]) == [4, 4]


def total_price(price: int, quantity: int, shipping: int) -> int:
    """Return the price of a number of articles of the same price, plus the shipping, paid once.

    >>> total_price(5, 3, 2)
    17
    """
    return price * quantity + shipping


def check_total_price() -> None:
    assert total_price(5, 3, 2) == 17
    assert total_price(10, 1, 0) == 10
    assert total_price(10, 0, 4) == 4
    assert total_price(0, 8, 6) == 6
    assert total_price(7, 9, 11) == 74


def is_blank(text: str) -> bool:
    """Return True if the text is empty or holds nothing but white space.

    >>> is_blank("   ")
    True
    """
    return text.strip() == ""


def check_is_blank() -> None:
    assert is_blank("   ") is True
    assert is_blank("") is True
    assert is_blank("a") is False
    assert is_blank("  b  ") is False
    assert is_blank("\t\n") is True


def first_letters(words: list[str]) -> list[str]:
    """Return the first letter of every word, in the same order. No word is empty.

    >>> first_letters(["red", "green"])
    ['r', 'g']
    """
    return [word[0] for word in words]


def check_first_letters() -> None:
    assert first_letters(["red", "green"]) == ["r", "g"]
    assert first_letters([]) == []
    assert first_letters(["x"]) == ["x"]
    assert first_letters(["Zoo", "apple", "Zebra"]) == ["Z", "a", "Z"]
    assert first_letters(["two words", "9 lives"]) == ["t", "9"]


def whole_hours(minutes: int) -> int:
    """Return how many whole hours fit into that many minutes.

    >>> whole_hours(130)
    2
    """
    return minutes // 60


def check_whole_hours() -> None:
    assert whole_hours(130) == 2
    assert whole_hours(59) == 0
    assert whole_hours(60) == 1
    assert whole_hours(0) == 0
    assert whole_hours(179) == 2
    assert isinstance(whole_hours(120), int)


def only_positive(numbers: list[int]) -> list[int]:
    """Return the numbers that are greater than zero, in the same order.

    >>> only_positive([3, -1, 5])
    [3, 5]
    """
    return [number for number in numbers if number > 0]


def check_only_positive() -> None:
    assert only_positive([3, -1, 5]) == [3, 5]
    assert only_positive([0]) == []
    assert only_positive([]) == []
    assert only_positive([-2, -3]) == []
    assert only_positive([9, 0, 1, -4, 9]) == [9, 1, 9]


def join_with_dash(words: list[str]) -> str:
    """Return the words as one text, with a dash (-) between neighbours.

    >>> join_with_dash(["a", "b", "c"])
    'a-b-c'
    """
    return "-".join(words)


def check_join_with_dash() -> None:
    assert join_with_dash(["a", "b", "c"]) == "a-b-c"
    assert join_with_dash([]) == ""
    assert join_with_dash(["alone"]) == "alone"
    assert join_with_dash(["well", "known"]) == "well-known"
    assert join_with_dash(["", ""]) == "-"


def larger(a: int, b: int) -> int:
    """Return the larger of the two numbers.

    >>> larger(3, 8)
    8
    """
    return max(a, b)


def check_larger() -> None:
    assert larger(3, 8) == 8
    assert larger(8, 3) == 8
    assert larger(5, 5) == 5
    assert larger(-2, -9) == -2
    assert larger(0, -1) == 0


def distance(a: int, b: int) -> int:
    """Return how far apart the two whole numbers are. The distance is never negative.

    >>> distance(3, 10)
    7
    """
    return abs(a - b)


def check_distance() -> None:
    assert distance(3, 10) == 7
    assert distance(10, 3) == 7
    assert distance(4, 4) == 0
    assert distance(-3, 3) == 6
    assert distance(-8, -1) == 7


def count_evens(numbers: list[int]) -> int:
    """Return how many of the numbers are even.

    >>> count_evens([1, 2, 4])
    2
    """
    return sum(1 for number in numbers if number % 2 == 0)


def check_count_evens() -> None:
    assert count_evens([1, 2, 4]) == 2
    assert count_evens([]) == 0
    assert count_evens([0]) == 1
    assert count_evens([7, 9]) == 0
    assert count_evens([-2, -3, 6, 6]) == 3


def to_fahrenheit(celsius: float) -> float:
    """Return the temperature in degrees Fahrenheit: nine fifths of the Celsius value, plus 32.

    >>> to_fahrenheit(100)
    212.0
    """
    return celsius * 9 / 5 + 32


def check_to_fahrenheit() -> None:
    assert abs(to_fahrenheit(100) - 212) < 1e-6
    assert abs(to_fahrenheit(0) - 32) < 1e-6
    assert abs(to_fahrenheit(-40) + 40) < 1e-6
    assert abs(to_fahrenheit(37) - 98.6) < 1e-6
    assert abs(to_fahrenheit(0.5) - 32.9) < 1e-6


def greet(name: str) -> str:
    """Return "Hello, " followed by the name and a full stop.

    >>> greet("Mina")
    'Hello, Mina.'
    """
    return f"Hello, {name}."


def check_greet() -> None:
    assert greet("Mina") == "Hello, Mina."
    assert greet("") == "Hello, ."
    assert greet("Ann Lee") == "Hello, Ann Lee."
    assert greet("bob") == "Hello, bob."
    assert greet("Hello") == "Hello, Hello."


def remove_spaces(text: str) -> str:
    """Return the text without its spaces.

    >>> remove_spaces("a b c")
    'abc'
    """
    return text.replace(" ", "")


def check_remove_spaces() -> None:
    assert remove_spaces("a b c") == "abc"
    assert remove_spaces("") == ""
    assert remove_spaces("   ") == ""
    assert remove_spaces(" edge ") == "edge"
    assert remove_spaces("no") == "no"
    assert remove_spaces("two  gaps") == "twogaps"


def fence_length(width: int, height: int) -> int:
    """Return the length of a fence all around a rectangular field of this width and height.

    >>> fence_length(3, 5)
    16
    """
    return 2 * (width + height)


def check_fence_length() -> None:
    assert fence_length(3, 5) == 16
    assert fence_length(1, 1) == 4
    assert fence_length(0, 6) == 12
    assert fence_length(10, 2) == 24
    assert fence_length(7, 100) == 214


def ends_with_same(first: str, second: str) -> bool:
    """Return True if both texts end with the same character. An empty text ends with none, so return False.

    >>> ends_with_same("cat", "boat")
    True
    """
    return first != "" and second != "" and first[-1] == second[-1]


def check_ends_with_same() -> None:
    assert ends_with_same("cat", "boat") is True
    assert ends_with_same("cat", "dog") is False
    assert ends_with_same("", "dog") is False
    assert ends_with_same("dog", "") is False
    assert ends_with_same("", "") is False
    assert ends_with_same("tic", "tac") is True
    assert ends_with_same("ab", "ac") is False


def double_text(text: str) -> str:
    """Return the text twice, with one space between.

    >>> double_text("go")
    'go go'
    """
    return f"{text} {text}"


def check_double_text() -> None:
    assert double_text("go") == "go go"
    assert double_text("") == " "
    assert double_text("a b") == "a b a b"
    assert double_text("X") == "X X"
    assert double_text("12") == "12 12"


def seats_left(seats: int, guests: int) -> int:
    """Return how many seats stay empty when the guests sit down, or 0 if there are more guests than seats.

    >>> seats_left(10, 4)
    6
    """
    return max(seats - guests, 0)


def check_seats_left() -> None:
    assert seats_left(10, 4) == 6
    assert seats_left(4, 10) == 0
    assert seats_left(5, 5) == 0
    assert seats_left(8, 0) == 8
    assert seats_left(0, 3) == 0
    assert seats_left(3, 2) == 1
