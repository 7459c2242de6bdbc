"""Documents of BigCodeBench-Hard: `task_id`, `task`, `prompt`, `entry_point`, `tests`, `canonical_solution`.

Zhuo et al. 2024, https://arxiv.org/abs/2406.15877. Its `unittest` cases patch what the answer calls, so they run in the
answer's own process: code made for it can forge such a verdict, and results say so.
"""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

HUB, SPLIT = "bigcode/bigcodebench-hard", "v0.1.4"
COLUMNS = ("task_id", "complete_prompt", "instruct_prompt", "canonical_solution", "code_prompt", "test", "entry_point")


def chat_dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 148 problems as instructions, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return splits(
        [
            {
                "task_id": row["task_id"],
                "task": row["instruct_prompt"],
                "prompt": row["code_prompt"],
                "entry_point": row["entry_point"],
                "tests": row["test"] + "\n",
                "in_process": True,
                "canonical_solution": row["code_prompt"] + "\n" + row["canonical_solution"],
                "completion": False,
            }
            for row in documents(HUB, split=SPLIT, columns=COLUMNS, data=data)
        ]
    )
