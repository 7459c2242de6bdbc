"""Documents of OCWCourses: `problem` and `answer` (LaTeX)."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("question", "answer")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 272 problems, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `question` and `answer`, as published.
    """
    rows = documents("math-ai/minervamath", split="test", columns=COLUMNS, data=data)
    return splits([{"problem": row["question"], "answer": str(row["answer"])} for row in rows])
