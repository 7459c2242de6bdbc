"""Documents of AIME: `problem` and `answer`, a whole number from 0 to 999."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("problem", "answer")


def _numbered(rows: list[dict[str, Any]]) -> dict[str, Any]:
    # Answers are written with leading zeros on the exam's sheet, and as numbers by some copies.
    return splits([{"problem": row["problem"], "answer": str(int(row["answer"]))} for row in rows])


def dataset_2024(data: str | None = None, **_: Any) -> dict[str, Any]:
    """AIME I and II of 2024, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `problem` and `answer`.
    """
    return _numbered(documents("HuggingFaceH4/aime_2024", split="train", columns=COLUMNS, data=data))


def dataset_2025(data: str | None = None, **_: Any) -> dict[str, Any]:
    """AIME I and II of 2025, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `problem` and `answer`, or a folder or pattern for the two exams.
    """
    return _numbered(documents("math-ai/aime25", split="test", columns=COLUMNS, data=data))
