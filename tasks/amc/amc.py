"""Documents of AMC 2023: `problem` and `answer`."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("question", "answer")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 40 problems, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `question` and `answer`, as published.
    """
    rows = documents("math-ai/amc23", split="test", columns=COLUMNS, data=data)
    # The published copy writes whole answers as 27.0.
    return splits(
        [
            {"problem": row["question"], "answer": str(row["answer"]).removesuffix(".0"), "date": "2023-11"}
            for row in rows
        ]
    )
