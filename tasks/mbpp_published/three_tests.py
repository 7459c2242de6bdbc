"""Documents of MBPP as it is published: `task`, `examples` (its tests), `entry_point`, `tests` (those and no other)."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

COLUMNS = ("task_id", "text", "code", "test_list")
TEST_IDS = range(11, 511)
"""The published test split: https://github.com/google-research/google-research/tree/master/mbpp"""


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 500 problems of the test split, for lm-eval's `custom_dataset`.

    Args:
        data: a local `mbpp.jsonl` as published; documents of other splits are left out.
    """
    rows = documents("google-research-datasets/mbpp", subset="full", split="test", columns=COLUMNS, data=data)
    docs = [_document(row) for row in rows if int(row["task_id"]) in TEST_IDS]
    if not docs:
        raise TaskError("MBPP: no document has a task_id from 11 to 510, the test split")
    return splits(docs)


def _document(row: dict[str, Any]) -> dict[str, Any]:
    tests = "\n".join(row["test_list"])
    defined: list[str] = re.findall(r"^(?:def|class)\s+(\w+)", row["code"], re.MULTILINE)
    used = [name for name in defined if re.search(rf"\b{name}\s*\(", tests)]
    if not used:
        raise TaskError(f"MBPP: the tests of {row['task_id']} call nothing that its solution defines")
    setup = (row.get("test_setup_code") or "").replace("\r\n", "\n")
    return {
        "task_id": int(row["task_id"]),
        "task": row["text"],
        "examples": tests,
        "entry_point": used[-1],
        "prompt": "",
        "tests": "\n".join([setup, tests.replace("\r\n", "\n")]) + "\n",
        "canonical_solution": row["code"].replace("\r\n", "\n").rstrip() + "\n",
        "completion": False,
    }
