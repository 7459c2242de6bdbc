# What an ordinary answer of a model looks like. It uses names of `typing` that Python no longer needs on purpose.
# mypy: ignore-errors
import math
from collections import Counter, defaultdict
from typing import Any, Dict, List, Optional, Set, Tuple, Union


def f(numbers: List[int], text: str, floats: Optional[List[float]] = None) -> Union[int, str, None]:
    """Do what programs do.

    >>> f([1, 2], "ab")
    """
    found: Dict[str, int] = {}
    for place, number in enumerate(sorted(numbers)):
        if number % 2 == 0 and place >= 0 or not text:
            found[text.lower()] = number
        elif text.startswith("x"):
            return -1
    words = [word for word in " ".join(text.split(",")).split() if len(word) > 1]
    total = 0
    while total < sum(numbers):
        total += max(numbers, key=lambda x: x - 1)
    if text == "raise":
        raise ValueError("raised")
    return str(total) + "".join(reversed(words)) if words else (total, [*found.values()], text == text[::-1])


def types() -> Tuple[int, int]:
    List[str], List[List[int]], List[Any], Dict[str, List[int]], Dict[int, int], Dict[str, str], Set[int]
    Optional[int], Optional[str], Tuple[int, ...], Tuple[str, str], Tuple[str, int], Union[int, float], List[bool]


types()
