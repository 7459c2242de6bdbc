"""Documents of MultiPL-E: `task_id`, `language`, `prompt`, `tests`, `stop`, `solution` (where a row has one).

Cassano et al. 2022, https://arxiv.org/abs/2208.08227. Its problems are HumanEval's, translated by rules.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("name", "language", "prompt", "tests", "stop_tokens")


def _dataset(language: str, data: str | None = None, **_: Any) -> dict[str, Any]:
    """HumanEval in one language, for lm-eval's `custom_dataset`.

    Args:
        language: MultiPL-E's ending of its files.
        data: a local file with the columns of `COLUMNS`, as published; rows in other languages are left out.
    """
    rows = documents("nuprl/MultiPL-E", subset=f"humaneval-{language}", split="test", columns=COLUMNS, data=data)
    return splits(
        [
            {
                "task_id": row["name"],
                "language": language,
                "prompt": row["prompt"],
                "tests": row["tests"],
                "stop": list(row["stop_tokens"]),
                "solution": str(row.get("solution") or ""),
            }
            for row in rows
            if row["language"] == language
        ]
    )


rust = partial(_dataset, "rs")
javascript = partial(_dataset, "js")
java = partial(_dataset, "java")
go = partial(_dataset, "go")
