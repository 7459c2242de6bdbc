"""A judge of our own that asks what judges ask, before the first program arrives.

The interpreter learns from it: it caches look-ups, specialises code, and makes types such as `List[int]`. All of this
is then in the memory of each process that is forked afterwards, which need not find it out again.
"""

# The plain calls instead of pathlib, because every module here is in the memory of each forked process.
# ruff: noqa: PTH118, PTH120, PTH123
from __future__ import annotations

import json
import os
import socket
import sys

from harness.sandbox.child import Child
from harness.sandbox.wire import MessageChannel

with open(os.path.join(os.path.dirname(__file__), "programs", "ordinary.py"), encoding="utf-8") as _file:
    _PROGRAM = _file.read()
_CALLS = ('[4, 1, 3], "a,bc"', '[2, 1], ""', '[1], "raise"')
QUESTIONS = (
    json.dumps(["load", _PROGRAM, "f"]),
    *(f'["call", {{"!": "o", "v": 0}}, [{arguments}], {{"!": "d", "v": []}}]' for arguments in 10 * _CALLS),
)
"""What the judge of an ordinary program asks."""


def rehearse() -> None:
    """Let a program of ours answer. Nothing stays of it except what the interpreter learnt."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program, judge = Child(), MessageChannel(theirs)
        program.connect(ours.fileno())
        for question in QUESTIONS:
            judge.send(question.encode())
            program.answer()
            judge.receive()
    del sys.modules["solution"]
