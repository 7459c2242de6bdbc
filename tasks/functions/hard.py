"""The hard quarter of the `functions` task: a small algorithm each. The layout: problems.py."""

# ruff: noqa: D103, PLR2004 - a check is described by its function, and its numbers are the expected answers
from __future__ import annotations


def run_lengths(text: str) -> list[tuple[str, int]]:
    """Return every run of equal characters as a pair of the character and the length of the run.

    >>> run_lengths("aaab")
    [('a', 3), ('b', 1)]
    """
    runs: list[tuple[str, int]] = []
    for letter in text:
        if runs and runs[-1][0] == letter:
            runs[-1] = (letter, runs[-1][1] + 1)
        else:
            runs.append((letter, 1))
    return runs


def check_run_lengths() -> None:
    assert run_lengths("aaab") == [("a", 3), ("b", 1)]
    assert run_lengths("") == []
    assert run_lengths("x") == [("x", 1)]
    assert run_lengths("abba") == [("a", 1), ("b", 2), ("a", 1)]
    assert run_lengths("  aA") == [(" ", 2), ("a", 1), ("A", 1)]


def is_balanced(text: str) -> bool:
    """Return True if all brackets (), [] and {} in the text are closed by the right kind in the right order.

    Other characters are ignored.

    >>> is_balanced("f(a[0])")
    True
    """
    closes = {")": "(", "]": "[", "}": "{"}
    stack: list[str] = []
    for letter in text:
        if letter in "([{":
            stack.append(letter)
        elif letter in closes and (not stack or stack.pop() != closes[letter]):
            return False
    return not stack


def check_is_balanced() -> None:
    assert is_balanced("f(a[0])") is True
    assert is_balanced("") is True
    assert is_balanced("(]") is False
    assert is_balanced("(()") is False
    assert is_balanced(")(") is False
    assert is_balanced("([)]") is False
    assert is_balanced("{[()()]}x") is True
    assert is_balanced("]") is False
    assert is_balanced("a_b < c") is True


def prime_factors(n: int) -> list[int]:
    """Return the prime factors of n (at least 1) from small to large, each as often as it divides n.

    >>> prime_factors(12)
    [2, 2, 3]
    """
    factors = []
    divisor = 2
    while n > 1:
        while n % divisor == 0:
            factors.append(divisor)
            n //= divisor
        divisor += 1
    return factors


def check_prime_factors() -> None:
    assert prime_factors(12) == [2, 2, 3]
    assert prime_factors(1) == []
    assert prime_factors(2) == [2]
    assert prime_factors(97) == [97]
    assert prime_factors(49) == [7, 7]
    assert prime_factors(360) == [2, 2, 2, 3, 3, 5]


def to_roman(n: int) -> str:
    """Return the whole number n, from 1 to 3999, as a Roman numeral.

    >>> to_roman(14)
    'XIV'
    """
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    signs = ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I")
    numeral = ""
    for value, sign in zip(values, signs, strict=True):
        numeral += sign * (n // value)
        n %= value
    return numeral


def check_to_roman() -> None:
    assert to_roman(14) == "XIV"
    assert to_roman(1) == "I"
    assert to_roman(4) == "IV"
    assert to_roman(9) == "IX"
    assert to_roman(44) == "XLIV"
    assert to_roman(95) == "XCV"
    assert to_roman(400) == "CD"
    assert to_roman(1987) == "MCMLXXXVII"
    assert to_roman(3888) == "MMMDCCCLXXXVIII"


def shift_letters(text: str, steps: int) -> str:
    """Return the text with every letter of a to z moved on by so many steps in the alphabet, from z on to a.

    Upper case stays upper case; other characters stay as they are. Steps may be negative.

    >>> shift_letters("xyz!", 2)
    'zab!'
    """
    shifted = ""
    for letter in text:
        if "a" <= letter <= "z":
            shifted += chr((ord(letter) - ord("a") + steps) % 26 + ord("a"))
        elif "A" <= letter <= "Z":
            shifted += chr((ord(letter) - ord("A") + steps) % 26 + ord("A"))
        else:
            shifted += letter
    return shifted


def check_shift_letters() -> None:
    assert shift_letters("xyz!", 2) == "zab!"
    assert shift_letters("", 5) == ""
    assert shift_letters("Az", 1) == "Ba"
    assert shift_letters("Zebra 9", 1) == "Afcsb 9"
    assert shift_letters("abc", -1) == "zab"
    assert shift_letters("Hello", 52) == "Hello"
    assert shift_letters("mM", 13) == "zZ"


def transpose(rows: list[list[int]]) -> list[list[int]]:
    """Return the table with rows and columns exchanged. All rows have the same length.

    >>> transpose([[1, 2, 3], [4, 5, 6]])
    [[1, 4], [2, 5], [3, 6]]
    """
    return [list(column) for column in zip(*rows, strict=True)]


def check_transpose() -> None:
    assert transpose([[1, 2, 3], [4, 5, 6]]) == [[1, 4], [2, 5], [3, 6]]
    assert transpose([]) == []
    assert transpose([[7]]) == [[7]]
    assert transpose([[1], [2], [3]]) == [[1, 2, 3]]
    assert transpose([[1, 2], [3, 4]]) == [[1, 3], [2, 4]]


def merge_sorted(first: list[int], second: list[int]) -> list[int]:
    """Return one sorted list with all the numbers of two sorted lists. The two lists are not changed.

    >>> merge_sorted([1, 4], [2, 3, 9])
    [1, 2, 3, 4, 9]
    """
    return sorted(first + second)


def check_merge_sorted() -> None:
    assert merge_sorted([1, 4], [2, 3, 9]) == [1, 2, 3, 4, 9]
    assert merge_sorted([], []) == []
    assert merge_sorted([], [5]) == [5]
    assert merge_sorted([5], []) == [5]
    assert merge_sorted([2, 2], [2]) == [2, 2, 2]
    left, right = [-3, 8], [0]
    assert merge_sorted(left, right) == [-3, 0, 8]
    assert (left, right) == ([-3, 8], [0])


def collatz_steps(n: int) -> int:
    """Return how many steps it takes to get from n (at least 1) to 1.

    A step halves an even number, and replaces an odd number by three times itself plus one.

    >>> collatz_steps(6)
    8
    """
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def check_collatz_steps() -> None:
    assert collatz_steps(6) == 8
    assert collatz_steps(1) == 0
    assert collatz_steps(2) == 1
    assert collatz_steps(3) == 7
    assert collatz_steps(16) == 4
    assert collatz_steps(27) == 111


def flatten(nested: list[object]) -> list[object]:
    """Return all items that are not lists, in order, however deep the lists are nested.

    >>> flatten([1, [2, [3]], 4])
    [1, 2, 3, 4]
    """
    flat: list[object] = []
    for item in nested:
        if isinstance(item, list):
            flat.extend(flatten(item))
        else:
            flat.append(item)
    return flat


def check_flatten() -> None:
    assert flatten([1, [2, [3]], 4]) == [1, 2, 3, 4]
    assert flatten([]) == []
    assert flatten([[], [[]]]) == []
    assert flatten([[[[5]]]]) == [5]
    assert flatten(["ab", ["cd"]]) == ["ab", "cd"]


def binary_value(digits: str) -> int:
    """Return the value of a binary number written with the digits 0 and 1. Spaces between digits are ignored.

    >>> binary_value("1011")
    11
    """
    return int(digits.replace(" ", ""), 2)


def check_binary_value() -> None:
    assert binary_value("1011") == 11
    assert binary_value("0") == 0
    assert binary_value("1") == 1
    assert binary_value("0010") == 2
    assert binary_value("1111 0000") == 240
    assert binary_value("10 10") == 10


def group_anagrams(words: list[str]) -> list[list[str]]:
    """Return the words in groups that are made of the same letters.

    Words keep their order inside a group; groups are in the order of their first words.

    >>> group_anagrams(["tea", "dog", "eat"])
    [['tea', 'eat'], ['dog']]
    """
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault("".join(sorted(word)), []).append(word)
    return list(groups.values())


def check_group_anagrams() -> None:
    assert group_anagrams(["tea", "dog", "eat"]) == [["tea", "eat"], ["dog"]]
    assert group_anagrams([]) == []
    assert group_anagrams(["a"]) == [["a"]]
    assert group_anagrams(["ab", "aab", "ba", "aba"]) == [["ab", "ba"], ["aab", "aba"]]
    assert group_anagrams(["no", "on", "no"]) == [["no", "on", "no"]]


def longest_climb(numbers: list[int]) -> int:
    """Return the length of the longest run of neighbours where every number is greater than the one before.

    >>> longest_climb([1, 2, 0, 4, 7, 9])
    4
    """
    longest = current = 0
    previous = None
    for number in numbers:
        current = current + 1 if previous is not None and number > previous else 1
        longest = max(longest, current)
        previous = number
    return longest


def check_longest_climb() -> None:
    assert longest_climb([1, 2, 0, 4, 7, 9]) == 4
    assert longest_climb([]) == 0
    assert longest_climb([5]) == 1
    assert longest_climb([3, 3, 3]) == 1
    assert longest_climb([9, 8, 7]) == 1
    assert longest_climb([1, 2, 3, 3, 4]) == 3
    assert longest_climb([0, 1]) == 2


def diagonal_sums(grid: list[list[int]]) -> tuple[int, int]:
    """Return the sums of the two diagonals of a square grid: first the one from the top left corner.

    >>> diagonal_sums([[1, 2], [3, 4]])
    (5, 5)
    """
    size = len(grid)
    return sum(grid[i][i] for i in range(size)), sum(grid[i][size - 1 - i] for i in range(size))


def check_diagonal_sums() -> None:
    assert diagonal_sums([[1, 2], [3, 4]]) == (5, 5)
    assert diagonal_sums([[1, 2], [3, 9]]) == (10, 5)
    assert diagonal_sums([[6]]) == (6, 6)
    assert diagonal_sums([]) == (0, 0)
    assert diagonal_sums([[1, 2, 3], [4, 5, 6], [7, 8, 10]]) == (16, 15)


def evaluate_postfix(tokens: list[str]) -> int:
    """Return the value of a sum in postfix notation: two operands, then one of the operators +, - and *.

    >>> evaluate_postfix(["2", "3", "+", "4", "*"])
    20
    """
    stack: list[int] = []
    for part in tokens:
        if part not in {"+", "-", "*"}:
            stack.append(int(part))
            continue
        right, left = stack.pop(), stack.pop()
        stack.append(left + right if part == "+" else left - right if part == "-" else left * right)
    return stack[0]


def check_evaluate_postfix() -> None:
    assert evaluate_postfix(["2", "3", "+", "4", "*"]) == 20
    assert evaluate_postfix(["7"]) == 7
    assert evaluate_postfix(["-5"]) == -5
    assert evaluate_postfix(["9", "4", "-"]) == 5
    assert evaluate_postfix(["5", "1", "2", "+", "-"]) == 2
    assert evaluate_postfix(["2", "-3", "*", "10", "-"]) == -16


def parse_query(query: str) -> dict[str, str]:
    """Return the names and values of a text like "a=1&b=2".

    Of a name that comes twice the last value counts; a name without "=" has the value "".
    An empty text has no names.

    >>> parse_query("a=1&b=2")
    {'a': '1', 'b': '2'}
    """
    pairs: dict[str, str] = {}
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs[name] = value
    return pairs


def check_parse_query() -> None:
    assert parse_query("a=1&b=2") == {"a": "1", "b": "2"}
    assert parse_query("") == {}
    assert parse_query("x=1&x=2") == {"x": "2"}
    assert parse_query("flag&y=3") == {"flag": "", "y": "3"}
    assert parse_query("q=a=b") == {"q": "a=b"}
    assert parse_query("k=") == {"k": ""}


def missing_numbers(numbers: list[int]) -> list[int]:
    """Return, in rising order, the whole numbers between the smallest and largest that the list lacks.

    >>> missing_numbers([7, 3, 5])
    [4, 6]
    """
    if not numbers:
        return []
    return [n for n in range(min(numbers), max(numbers)) if n not in numbers]


def check_missing_numbers() -> None:
    assert missing_numbers([7, 3, 5]) == [4, 6]
    assert missing_numbers([]) == []
    assert missing_numbers([8]) == []
    assert missing_numbers([1, 2, 3]) == []
    assert missing_numbers([2, -1, 2]) == [0, 1]


def rotate_clockwise(grid: list[list[int]]) -> list[list[int]]:
    """Return the table turned by a quarter to the right, so that its left column becomes its first row.

    >>> rotate_clockwise([[1, 2], [3, 4]])
    [[3, 1], [4, 2]]
    """
    return [list(column) for column in zip(*grid[::-1], strict=True)]


def check_rotate_clockwise() -> None:
    assert rotate_clockwise([[1, 2], [3, 4]]) == [[3, 1], [4, 2]]
    assert rotate_clockwise([]) == []
    assert rotate_clockwise([[5]]) == [[5]]
    assert rotate_clockwise([[1, 2, 3]]) == [[1], [2], [3]]
    assert rotate_clockwise([[1], [2], [3]]) == [[3, 2, 1]]
    assert rotate_clockwise([[1, 2, 3], [4, 5, 6]]) == [[4, 1], [5, 2], [6, 3]]


def covered_length(spans: list[tuple[int, int]]) -> int:
    """Return how much of the number line the spans (start, end) cover. Where they overlap it counts once.

    >>> covered_length([(0, 3), (2, 5)])
    5
    """
    total = 0
    reached: int | None = None
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        total += max(end - begin, 0)
        reached = end if reached is None else max(reached, end)
    return total


def check_covered_length() -> None:
    assert covered_length([(0, 3), (2, 5)]) == 5
    assert covered_length([]) == 0
    assert covered_length([(4, 9)]) == 5
    assert covered_length([(5, 6), (0, 2)]) == 3
    assert covered_length([(0, 10), (2, 3)]) == 10
    assert covered_length([(1, 4), (4, 6)]) == 5
    assert covered_length([(0, 10), (1, 2), (5, 12)]) == 12


def format_duration(seconds: int) -> str:
    """Return the duration in hours, minutes and seconds, leaving out what is zero; "0s" for no time at all.

    >>> format_duration(3723)
    '1h 2m 3s'
    """
    units = (("h", seconds // 3600), ("m", seconds // 60 % 60), ("s", seconds % 60))
    return " ".join(f"{amount}{unit}" for unit, amount in units if amount) or "0s"


def check_format_duration() -> None:
    assert format_duration(3723) == "1h 2m 3s"
    assert format_duration(0) == "0s"
    assert format_duration(59) == "59s"
    assert format_duration(60) == "1m"
    assert format_duration(3600) == "1h"
    assert format_duration(3601) == "1h 1s"
    assert format_duration(90061) == "25h 1m 1s"


def to_snake_case(name: str) -> str:
    """Return the name in lower case, with an underscore before every capital that is not its first letter.

    >>> to_snake_case("HelloWorld")
    'hello_world'
    """
    words = ""
    for i, letter in enumerate(name):
        if letter.isupper() and i > 0:
            words += "_"
        words += letter.lower()
    return words


def check_to_snake_case() -> None:
    assert to_snake_case("HelloWorld") == "hello_world"
    assert to_snake_case("") == ""
    assert to_snake_case("plain") == "plain"
    assert to_snake_case("camelCase") == "camel_case"
    assert to_snake_case("getX2Y") == "get_x2_y"
    assert to_snake_case("ABC") == "a_b_c"


def coin_change(cents: int) -> list[int]:
    """Return how many coins of 25, 10, 5 and 1 cents, in this order, make the amount with the fewest coins.

    >>> coin_change(41)
    [1, 1, 1, 1]
    """
    counts = []
    for coin in (25, 10, 5, 1):
        counts.append(cents // coin)
        cents %= coin
    return counts


def check_coin_change() -> None:
    assert coin_change(41) == [1, 1, 1, 1]
    assert coin_change(0) == [0, 0, 0, 0]
    assert coin_change(99) == [3, 2, 0, 4]
    assert coin_change(30) == [1, 0, 1, 0]
    assert coin_change(200) == [8, 0, 0, 0]
    assert coin_change(24) == [0, 2, 0, 4]


def winner(board: list[str]) -> str:
    """Return who has three in a row on a tic-tac-toe board: "X", "O", or "" for nobody.

    The board is three texts of three characters: X, O, or a dot for an empty field. Rows, columns and both
    diagonals count. At most one player has three in a row.

    >>> winner(["XXX", "OO.", "..."])
    'X'
    """
    lines = [*board, *("".join(row[i] for row in board) for i in range(3))]
    lines += ["".join(board[i][i] for i in range(3)), "".join(board[i][2 - i] for i in range(3))]
    return next((player for player in "XO" if player * 3 in lines), "")


def check_winner() -> None:
    assert winner(["XXX", "OO.", "..."]) == "X"
    assert winner(["...", "...", "..."]) == ""
    assert winner(["XO.", "XO.", ".OX"]) == "O"
    assert winner(["XO.", "OX.", "..X"]) == "X"
    assert winner(["X.O", "XO.", "O.X"]) == "O"
    assert winner(["XOX", "XOO", "OXX"]) == ""
    assert winner(["X..", "XO.", "XO."]) == "X"
    assert winner(["X.X", ".O.", "OOO"]) == "O"
