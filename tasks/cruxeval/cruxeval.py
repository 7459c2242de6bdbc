"""Documents of CRUXEval: `task_id`, `code`, `input`, `output`, `mode` and `answer` (the assertion that holds)."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("id", "code", "input", "output")


def _dataset(data: str | None, mode: str) -> dict[str, Any]:
    rows = documents("cruxeval-org/cruxeval", split="test", columns=COLUMNS, data=data)
    return splits(
        [
            {
                "task_id": row["id"],
                "code": row["code"],
                "input": row["input"],
                "output": row["output"],
                "mode": mode,
                "answer": f"[ANSWER]\nassert f({row['input']}) == {row['output']}\n",
            }
            for row in rows
        ]
    )


def input_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 800 functions, to find an input of each, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return _dataset(data, "input")


def output_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 800 functions, to say what each returns, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return _dataset(data, "output")
