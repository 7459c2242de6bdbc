"""The medium quarter of the `functions` task: a loop with an edge case each. The layout: problems.py."""

# ruff: noqa: D103, PLR2004 - a check is described by its function, and its numbers are the expected answers
from __future__ import annotations


def clamp(value: int, low: int, high: int) -> int:
    """Return the value, but never less than low and never more than high.

    >>> clamp(15, 0, 10)
    10
    """
    return max(low, min(value, high))


def check_clamp() -> None:
    assert clamp(15, 0, 10) == 10
    assert clamp(-3, 0, 10) == 0
    assert clamp(7, 0, 10) == 7
    assert clamp(0, 0, 10) == 0
    assert clamp(-8, -5, -2) == -5
    assert clamp(4, 6, 6) == 6


def second_largest(numbers: list[int]) -> int | None:
    """Return the second largest of the different numbers, or None if there are fewer than two different ones.

    >>> second_largest([5, 9, 9, 2])
    5
    """
    different = sorted(set(numbers))
    return different[-2] if len(different) > 1 else None


def check_second_largest() -> None:
    assert second_largest([5, 9, 9, 2]) == 5
    assert second_largest([]) is None
    assert second_largest([4]) is None
    assert second_largest([4, 4]) is None
    assert second_largest([1, 2]) == 1
    assert second_largest([-1, -7, -3]) == -3


def count_vowels(text: str) -> int:
    """Return how many of the letters a, e, i, o and u the text holds, in upper or lower case.

    >>> count_vowels("Apple pie")
    4
    """
    return sum(1 for letter in text.lower() if letter in "aeiou")


def check_count_vowels() -> None:
    assert count_vowels("Apple pie") == 4
    assert count_vowels("") == 0
    assert count_vowels("rhythm") == 0
    assert count_vowels("AEIOU") == 5
    assert count_vowels("queue") == 4
    assert count_vowels("snake_case") == 4
    assert count_vowels("Yes, you!") == 3


def word_lengths(text: str) -> dict[str, int]:
    """Return a dictionary with the length of every word. Words are separated by white space.

    >>> word_lengths("a red door")
    {'a': 1, 'red': 3, 'door': 4}
    """
    return {word: len(word) for word in text.split()}


def check_word_lengths() -> None:
    assert word_lengths("a red door") == {"a": 1, "red": 3, "door": 4}
    assert word_lengths("") == {}
    assert word_lengths("go go") == {"go": 2}
    assert word_lengths("  two   gaps ") == {"two": 3, "gaps": 4}
    assert word_lengths("line\nbreak") == {"line": 4, "break": 5}


def digit_sum(n: int) -> int:
    """Return the sum of the decimal digits of n. The sign of a negative number is ignored.

    >>> digit_sum(407)
    11
    """
    return sum(int(digit) for digit in str(abs(n)))


def check_digit_sum() -> None:
    assert digit_sum(407) == 11
    assert digit_sum(0) == 0
    assert digit_sum(9) == 9
    assert digit_sum(-23) == 5
    assert digit_sum(99999) == 45
    assert digit_sum(1000) == 1


def running_total(numbers: list[int]) -> list[int]:
    """Return a list of the same length, with the sum of all numbers up to and including each place.

    >>> running_total([1, 2, 3])
    [1, 3, 6]
    """
    totals = []
    total = 0
    for number in numbers:
        total += number
        totals.append(total)
    return totals


def check_running_total() -> None:
    assert running_total([1, 2, 3]) == [1, 3, 6]
    assert running_total([]) == []
    assert running_total([5]) == [5]
    assert running_total([4, -4, 2]) == [4, 0, 2]
    assert running_total([0, 0, 7, 0]) == [0, 0, 7, 7]


def merge_counts(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Return a new dictionary with the keys of both; the counts of a key that is in both are added up.

    >>> merge_counts({"a": 1, "b": 2}, {"b": 3})
    {'a': 1, 'b': 5}
    """
    merged = dict(first)
    for key, count in second.items():
        merged[key] = merged.get(key, 0) + count
    return merged


def check_merge_counts() -> None:
    assert merge_counts({"a": 1, "b": 2}, {"b": 3}) == {"a": 1, "b": 5}
    assert merge_counts({}, {}) == {}
    assert merge_counts({}, {"x": 4}) == {"x": 4}
    assert merge_counts({"x": 4}, {}) == {"x": 4}
    original = {"k": 1}
    assert merge_counts(original, {"k": 1}) == {"k": 2}
    assert original == {"k": 1}


def longest_word(text: str) -> str:
    """Return the longest word of the text; the first of several, or "" if there is no word.

    >>> longest_word("the quick fox")
    'quick'
    """
    longest = ""
    for word in text.split():
        if len(word) > len(longest):
            longest = word
    return longest


def check_longest_word() -> None:
    assert longest_word("the quick fox") == "quick"
    assert longest_word("") == ""
    assert longest_word("one") == "one"
    assert longest_word("red tan blue gold") == "blue"
    assert longest_word("  a  bb   c ") == "bb"


def rotate_left(items: list[int], steps: int) -> list[int]:
    """Return the list with its first items moved to the end, so many times as steps says (0 or more).

    >>> rotate_left([1, 2, 3, 4], 1)
    [2, 3, 4, 1]
    """
    if not items:
        return []
    cut = steps % len(items)
    return items[cut:] + items[:cut]


def check_rotate_left() -> None:
    assert rotate_left([1, 2, 3, 4], 1) == [2, 3, 4, 1]
    assert rotate_left([1, 2, 3, 4], 0) == [1, 2, 3, 4]
    assert rotate_left([1, 2, 3], 3) == [1, 2, 3]
    assert rotate_left([1, 2, 3], 5) == [3, 1, 2]
    assert rotate_left([], 2) == []
    assert rotate_left([6], 9) == [6]


def index_of_smallest(numbers: list[int]) -> int:
    """Return the index of the smallest number; the first of several, or -1 if the list is empty.

    >>> index_of_smallest([4, 2, 8])
    1
    """
    return numbers.index(min(numbers)) if numbers else -1


def check_index_of_smallest() -> None:
    assert index_of_smallest([4, 2, 8]) == 1
    assert index_of_smallest([]) == -1
    assert index_of_smallest([5]) == 0
    assert index_of_smallest([3, 1, 1, 2]) == 1
    assert index_of_smallest([0, -5, 9, -6]) == 3


def swap_neighbours(items: list[int]) -> list[int]:
    """Return the list with the first and second item swapped, the third and fourth, and so on.

    A last item without a neighbour stays where it is.

    >>> swap_neighbours([1, 2, 3, 4, 5])
    [2, 1, 4, 3, 5]
    """
    swapped = list(items)
    for i in range(0, len(swapped) - 1, 2):
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    return swapped


def check_swap_neighbours() -> None:
    assert swap_neighbours([1, 2, 3, 4, 5]) == [2, 1, 4, 3, 5]
    assert swap_neighbours([]) == []
    assert swap_neighbours([7]) == [7]
    assert swap_neighbours([7, 8]) == [8, 7]
    assert swap_neighbours([1, 1, 2, 3]) == [1, 1, 3, 2]


def initials(name: str) -> str:
    """Return the first letter of every word of the name in upper case, each followed by a full stop.

    >>> initials("ada king lovelace")
    'A.K.L.'
    """
    return "".join(word[0].upper() + "." for word in name.split())


def check_initials() -> None:
    assert initials("ada king lovelace") == "A.K.L."
    assert initials("") == ""
    assert initials("Plato") == "P."
    assert initials("  jo   ann ") == "J.A."
    assert initials("van Gogh") == "V.G."


def without_repeats(items: list[int]) -> list[int]:
    """Return the list without repeated items: the first of each is kept, and their order stays the same.

    >>> without_repeats([3, 1, 3, 2, 1])
    [3, 1, 2]
    """
    return list(dict.fromkeys(items))


def check_without_repeats() -> None:
    assert without_repeats([3, 1, 3, 2, 1]) == [3, 1, 2]
    assert without_repeats([]) == []
    assert without_repeats([5, 5, 5]) == [5]
    assert without_repeats([9, 8, 7]) == [9, 8, 7]
    assert without_repeats([2, 1, 2, 1, 0]) == [2, 1, 0]


def count_between(numbers: list[int], low: int, high: int) -> int:
    """Return how many numbers are at least low and at most high.

    >>> count_between([1, 5, 10], 1, 5)
    2
    """
    return sum(1 for number in numbers if low <= number <= high)


def check_count_between() -> None:
    assert count_between([1, 5, 10], 1, 5) == 2
    assert count_between([], 0, 9) == 0
    assert count_between([4, 4, 4], 4, 4) == 3
    assert count_between([1, 2, 3], 5, 9) == 0
    assert count_between([-3, -2, 0, 2], -2, 1) == 2
    assert count_between([7, 8], 9, 6) == 0


def to_seconds(clock: str) -> int:
    """Return the number of seconds in a duration written as hours:minutes:seconds.

    >>> to_seconds("1:02:03")
    3723
    """
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def check_to_seconds() -> None:
    assert to_seconds("1:02:03") == 3723
    assert to_seconds("0:00:00") == 0
    assert to_seconds("0:01:00") == 60
    assert to_seconds("10:00:59") == 36059
    assert to_seconds("00:59:09") == 3549


def sum_of_multiples(limit: int, a: int, b: int) -> int:
    """Return the sum of the positive numbers below the limit that are multiples of a or of b (or of both).

    >>> sum_of_multiples(10, 3, 5)
    23
    """
    return sum(n for n in range(1, limit) if n % a == 0 or n % b == 0)


def check_sum_of_multiples() -> None:
    assert sum_of_multiples(10, 3, 5) == 23
    assert sum_of_multiples(16, 3, 5) == 60
    assert sum_of_multiples(1, 2, 3) == 0
    assert sum_of_multiples(7, 2, 3) == 15
    assert sum_of_multiples(6, 6, 7) == 0
    assert sum_of_multiples(5, 1, 2) == 10


def common_start(first: str, second: str) -> str:
    """Return the longest text that both texts start with.

    >>> common_start("flower", "flow")
    'flow'
    """
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return first[:length]


def check_common_start() -> None:
    assert common_start("flower", "flow") == "flow"
    assert common_start("cat", "dog") == ""
    assert common_start("", "any") == ""
    assert common_start("same", "same") == "same"
    assert common_start("abcde", "abxde") == "ab"
    assert common_start("go", "gone") == "go"
    assert common_start("cart", "carp") == "car"


def never_falls(numbers: list[int]) -> bool:
    """Return True if no number is smaller than the one before it.

    >>> never_falls([1, 2, 2, 5])
    True
    """
    return all(numbers[i] <= numbers[i + 1] for i in range(len(numbers) - 1))


def check_never_falls() -> None:
    assert never_falls([1, 2, 2, 5]) is True
    assert never_falls([]) is True
    assert never_falls([3]) is True
    assert never_falls([3, 2]) is False
    assert never_falls([1, 5, 4, 6]) is False
    assert never_falls([-2, -1, -3]) is False


def chunks(items: list[int], size: int) -> list[list[int]]:
    """Return the items in lists of this size, in order; the last list may be shorter. The size is at least 1.

    >>> chunks([1, 2, 3, 4, 5], 2)
    [[1, 2], [3, 4], [5]]
    """
    return [items[i : i + size] for i in range(0, len(items), size)]


def check_chunks() -> None:
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert chunks([], 3) == []
    assert chunks([1, 2], 5) == [[1, 2]]
    assert chunks([1, 2, 3], 1) == [[1], [2], [3]]
    assert chunks([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]


def favourite_letter(text: str) -> str:
    """Return the letter that occurs most often, in lower case; upper and lower case count as the same letter.

    Only letters count. Of several, return the first in the alphabet; return "" if there is no letter.

    >>> favourite_letter("Banana split")
    'a'
    """
    letters = sorted(letter for letter in text.lower() if letter.isalpha())
    return max(letters, key=letters.count) if letters else ""


def check_favourite_letter() -> None:
    assert favourite_letter("Banana split") == "a"
    assert favourite_letter("") == ""
    assert favourite_letter("1 22 333 !!!!") == ""
    assert favourite_letter("zebra") == "a"
    assert favourite_letter("BbcC b") == "b"
    assert favourite_letter("yx xy") == "x"


def grade(score: int) -> str:
    """Return "A" for a score of 90 or more, "B" from 80, "C" from 70, and "F" for anything less.

    >>> grade(85)
    'B'
    """
    if score >= 90:
        return "A"
    if score >= 80:
        return "B"
    return "C" if score >= 70 else "F"


def check_grade() -> None:
    assert grade(85) == "B"
    assert grade(90) == "A"
    assert grade(89) == "B"
    assert grade(80) == "B"
    assert grade(79) == "C"
    assert grade(70) == "C"
    assert grade(69) == "F"
    assert grade(100) == "A"
    assert grade(0) == "F"


def days_in_february(year: int) -> int:
    """Return 29 if the year is a leap year, else 28.

    A year is a leap year if 4 divides it; but a year that 100 divides is one only if 400 divides it too.

    >>> days_in_february(2024)
    29
    """
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else 28


def check_days_in_february() -> None:
    assert days_in_february(2024) == 29
    assert days_in_february(2023) == 28
    assert days_in_february(1900) == 28
    assert days_in_february(2000) == 29
    assert days_in_february(2100) == 28
    assert days_in_february(2016) == 29
    assert days_in_february(2022) == 28
