"""Documents of MATH-500: `problem`, `solution`, `answer` (LaTeX), `subject` and `level` (1 to 5)."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("problem", "solution", "answer", "subject", "level")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 500 problems, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `problem`, `solution`, `answer`, `subject` and `level`, as
        published.
    """
    rows = documents("HuggingFaceH4/MATH-500", split="test", columns=COLUMNS, data=data)
    return splits([{column: row[column] for column in COLUMNS} for row in rows])
