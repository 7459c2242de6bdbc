"""Documents of HumanEval: `task_id`, `prompt`, `entry_point`, `tests`, `canonical_solution`, `completion`."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")


def _problems(data: str | None) -> list[dict[str, Any]]:
    return documents("openai/openai_humaneval", split="test", columns=COLUMNS, data=data)


def _doc(row: dict[str, Any], *, completion: bool) -> dict[str, Any]:
    # The published tests define check(candidate) and leave it to the harness to call it.
    solution = row["canonical_solution"] if completion else row["prompt"] + row["canonical_solution"]
    return {
        "task_id": row["task_id"],
        "prompt": row["prompt"],
        "entry_point": row["entry_point"],
        "tests": f"{row['test']}\ncheck({row['entry_point']})\n",
        "canonical_solution": solution,
        # What the prompt defines besides, such as `poly` of HumanEval/32, is what the tests measure with: theirs, not
        # whatever the answer defines under that name.
        "helpers": row["prompt"] + "    pass\n",
        "completion": completion,
    }


def chat_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 164 problems for chat models, for lm-eval's `custom_dataset`: the solution is the whole function.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return splits([_doc(row, completion=False) for row in _problems(data)])


def completion_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 164 problems for base models, for lm-eval's `custom_dataset`: the solution continues the prompt.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return splits([_doc(row, completion=True) for row in _problems(data)])
