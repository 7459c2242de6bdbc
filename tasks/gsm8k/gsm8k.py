"""Documents of GSM8K: `question`, `solution` (worked, with `<<…>>` and `####`) and `answer` (the number)."""

from __future__ import annotations

from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The test split, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `question` and `answer`, as published.
    """
    rows = documents("openai/gsm8k", subset="main", split="test", columns=("question", "answer"), data=data)
    docs = []
    for number, row in enumerate(rows, start=1):
        _, mark, answer = row["answer"].rpartition("####")
        if not mark:
            raise TaskError(f"GSM8K document {number}: its answer has no '####' in front of the result")
        docs.append(
            {
                "question": row["question"],
                "solution": row["answer"],
                "answer": answer.strip().replace(",", ""),
            }
        )
    return splits(docs)
