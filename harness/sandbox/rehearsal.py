"""A judge of our own that asks what judges ask, before the first program is there.

What the interpreter learns by it (look-ups that it caches, code that it specialises, types such as `List[int]`) is in
memory for each process that is forked afterwards, and need not be found out in each.
"""

from __future__ import annotations

import json
import socket
import sys

from harness.sandbox.child import Child
from harness.sandbox.wire import Channel

_PROGRAM = """
import math
from collections import Counter, defaultdict
from typing import Any, Dict, List, Optional, Set, Tuple, Union


def f(numbers: List[int], text: str, floats: Optional[List[float]] = None) -> Union[int, str, None]:
    '''Do what programs do.

    >>> f([1, 2], "ab")
    '''
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
"""
_CALLS = ('[4, 1, 3], "a,bc"', '[2, 1], ""', '[1], "raise"')
QUESTIONS = (
    json.dumps(["load", _PROGRAM, "f"]),
    *(f'["call", {{"!": "o", "v": 0}}, [{arguments}], {{"!": "d", "v": []}}]' for arguments in 10 * _CALLS),
)
"""What the judge of an ordinary program asks."""


def rehearse() -> None:
    """Let a program of ours answer. Nothing of it stays but what the interpreter learnt."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program, judge = Child(), Channel(theirs)
        program.connect(ours.fileno())
        for question in QUESTIONS:
            judge.send(question.encode())
            program.answer()
            judge.receive()
    del sys.modules["solution"]
