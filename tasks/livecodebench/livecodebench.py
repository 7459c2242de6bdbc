"""Documents in LiveCodeBench's form: `task_id`, `task`, `starter`, `entry_point`, `tests`, `prelude` and more.

Jain et al. 2024, "LiveCodeBench", https://arxiv.org/abs/2403.07974. A problem is a program that reads standard input,
or a method of a class `Solution`. What is compared with what follows lcb_runner/evaluation/testing_util.py of
https://github.com/LiveCodeBench/LiveCodeBench, in our words in `PROGRAM` and `METHOD`: lines without the white space
around them, as decimals where their texts differ; a tuple counts as a list.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

COLUMNS = ("question_id", "question_content", "starter_code", "public_test_cases", "private_test_cases", "metadata")
OWN = Path(__file__).with_name("programs.jsonl")
SECONDS = 6.0
"""For each test, as in LiveCodeBench."""
MODULES = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json"),
)
PRELUDE = (
    "".join(f"from {module} import *\n" for module in (*MODULES, "builtins", "typing"))
    + "".join(f"import {module}\n" for module in MODULES)
    + "sys.setrecursionlimit(50000)\n"
)
"""What LiveCodeBench imports before every answer: its prompt asks for none of it."""
PROGRAM = """
from decimal import Decimal, InvalidOperation

def lines(text):
    return [line.strip() for line in text.strip().split("\\n")]

def decimals(line):
    try:
        return [Decimal(word) for word in line.split()]
    except (InvalidOperation, ValueError):
        return None

def same(printed, wanted):
    return printed == wanted or (decimals(wanted) is not None and decimals(printed) == decimals(wanted))

within(SECONDS)
for CASE, (given, wanted) in enumerate(CASES):
    printed, wanted = lines(run(given)), lines(wanted)
    assert len(printed) == len(wanted), f"{len(printed)} lines of {len(wanted)}"
    assert all(map(same, printed, wanted))
"""
METHOD = """
import json

within(SECONDS)
method = getattr(Solution(), METHOD)
for CASE, (given, wanted) in enumerate(CASES):
    answer = method(*[json.loads(line) for line in given.split("\\n")])
    assert (list(answer) if isinstance(answer, tuple) else answer) == json.loads(wanted)
"""


class _Text(pickle.Unpickler):
    """Reads a pickled string and nothing that could run: private tests are published as one."""

    def find_class(self, module: str, name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no text")


def _cases(text: str) -> list[dict[str, Any]]:
    """The tests of one kind: JSON, or JSON that was pickled, packed with zlib and written in base 64."""
    try:
        found = json.loads(text)
    except ValueError:
        try:
            packed = zlib.decompress(base64.b64decode(text.encode(), validate=True))
            found = json.loads(_Text(io.BytesIO(packed)).load())
        except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
            raise TaskError(f"LiveCodeBench: tests that are neither JSON nor packed JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(case, dict) for case in found):
        raise TaskError("LiveCodeBench: tests that are no list of objects")
    return found


def _doc(row: dict[str, Any]) -> dict[str, Any]:
    cases = _cases(row["public_test_cases"]) + _cases(row["private_test_cases"])
    method = json.loads(row["metadata"] or "{}").get("func_name")
    if not cases:
        raise TaskError(f"LiveCodeBench: problem {row['question_id']} has no tests")
    values = {"SECONDS": SECONDS, "METHOD": method, "CASES": [(case["input"], case["output"]) for case in cases]}
    return {
        "task_id": row["question_id"],
        "task": row["question_content"],
        "starter": row["starter_code"] or "",
        "prompt": "",
        "prelude": PRELUDE,
        "entry_point": "Solution" if method else "__main__",
        "tests": "".join(f"{name} = {value!r}\n" for name, value in values.items()) + (METHOD if method else PROGRAM),
        "difficulty": row.get("difficulty") or "unknown",
        "platform": row.get("platform") or "unknown",
        "contest_date": str(row.get("contest_date") or ""),
        "canonical_solution": row.get("solution") or "",
    }


def _docs(data: str | None, *, completion: bool) -> dict[str, Any]:
    rows = documents("livecodebench/code_generation", split="test", columns=COLUMNS, data=data)
    return splits([_doc(row) | {"completion": completion} for row in rows])


def chat_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """LiveCodeBench's problems for chat models, for lm-eval's `custom_dataset`.

    Args:
        data: a local file of the columns `COLUMNS`, as published; or several.
    """
    return _docs(data, completion=False)


def completion_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """LiveCodeBench's problems for base models, for lm-eval's `custom_dataset`.

    Args:
        data: a local file of the columns `COLUMNS`, as published; or several.
    """
    return _docs(data, completion=True)


def own_dataset(**_: Any) -> dict[str, Any]:
    """The project's own problems in that form, for lm-eval's `custom_dataset`."""
    return _docs(str(OWN), completion=False)
