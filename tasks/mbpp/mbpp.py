"""Documents of MBPP: `task`, `examples` (tests as shown), `entry_point`, `tests`, `canonical_solution`."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

TEST_IDS = range(11, 511)
"""The published test split: https://github.com/google-research/google-research/tree/master/mbpp"""


def _entry_point(tests: str, code: str) -> str:
    """The last function or class of the reference solution that the tests use."""
    defined: list[str] = re.findall(r"^(?:def|class)\s+(\w+)", code, re.MULTILINE)
    used = [name for name in defined if re.search(rf"\b{name}\s*\(", tests)]
    if not used:
        raise TaskError(f"MBPP: the tests call nothing that the solution defines: {tests}")
    return used[-1]


def _docs(rows: list[dict[str, Any]], text: str, *, completion: bool = False) -> dict[str, Any]:
    docs = []
    for row in rows:
        if int(row["task_id"]) not in TEST_IDS:
            continue
        code = row["code"].replace("\r\n", "\n")
        shown = [test.replace("\r\n", "\n") for test in row["test_list"]]
        setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or [])
        docs.append(
            {
                "task_id": int(row["task_id"]),
                "task": row[text],
                "examples": "\n".join(shown),
                "entry_point": _entry_point("\n".join(shown), code),
                "prompt": '"""\n' + "\n".join([row[text], *shown]) + '\n"""\n' if completion else "",
                "tests": "\n".join([setup, *shown, *(row.get("challenge_test_list") or [])]) + "\n",
                "canonical_solution": code.rstrip() + "\n",
                "completion": completion,
            }
        )
    if not docs:
        raise TaskError("MBPP: no document has a task_id from 11 to 510, the test split")
    return splits(docs)


def full_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 500 problems of the test split, for lm-eval's `custom_dataset`.

    Args:
        data: a local `mbpp.jsonl` as published; documents of other splits are left out.
    """
    columns = ("task_id", "text", "code", "test_list")
    rows = documents("google-research-datasets/mbpp", subset="full", split="test", columns=columns, data=data)
    return _docs(rows, "text")


def completion_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 500 problems of the test split for base models, for lm-eval's `custom_dataset`.

    Args:
        data: a local `mbpp.jsonl` as published; documents of other splits are left out.
    """
    columns = ("task_id", "text", "code", "test_list")
    rows = documents("google-research-datasets/mbpp", subset="full", split="test", columns=columns, data=data)
    return _docs(rows, "text", completion=True)


def sanitized_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The hand-verified problems of the test split, for lm-eval's `custom_dataset`.

    Args:
        data: a local `sanitized-mbpp.json` as published; documents of other splits are left out.
    """
    columns = ("task_id", "prompt", "code", "test_list")
    rows = documents("google-research-datasets/mbpp", subset="sanitized", split="test", columns=columns, data=data)
    return _docs(rows, "prompt")
