"""Documents of MMLU-Pro: `question`, `listed` (the options with their letters), `answer`, `letters`, `category`."""

from __future__ import annotations

from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

COLUMNS = ("question_id", "question", "options", "answer", "category")
LETTERS = "ABCDEFGHIJ"


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 12,032 questions, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    rows = documents("TIGER-Lab/MMLU-Pro", split="test", columns=COLUMNS, data=data)
    return splits([_document(row) for row in rows])


def _document(row: dict[str, Any]) -> dict[str, Any]:
    letters = LETTERS[: len(row["options"])]
    if row["answer"] not in letters or not row["answer"]:
        raise TaskError(
            f"MMLU-Pro: the answer of question {row['question_id']} is {row['answer']!r}, no letter of {letters}"
        )
    return {
        "question_id": int(row["question_id"]),
        "question": str(row["question"]),
        "listed": "\n".join(f"{letter}. {option}" for letter, option in zip(letters, row["options"], strict=True)),
        "answer": row["answer"],
        "letters": letters,
        "category": row["category"],
    }
