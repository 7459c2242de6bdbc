"""Documents of MultiPL-E: `task_id`, `language`, `prompt`, `tests`, `stop`, `solution` (where a row has one).

Cassano et al. 2022, https://arxiv.org/abs/2208.08227. Its problems are HumanEval's, translated by rules.
"""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("name", "language", "prompt", "tests", "stop_tokens")


def _dataset(language: str, data: str | None) -> dict[str, Any]:
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


def rust(data: str | None = None, **_: Any) -> dict[str, Any]:
    """HumanEval in Rust, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published; rows in other languages are left out.
    """
    return _dataset("rs", data)


def javascript(data: str | None = None, **_: Any) -> dict[str, Any]:
    """HumanEval in JavaScript, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published; rows in other languages are left out.
    """
    return _dataset("js", data)


def java(data: str | None = None, **_: Any) -> dict[str, Any]:
    """HumanEval in Java, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published; rows in other languages are left out.
    """
    return _dataset("java", data)


def go(data: str | None = None, **_: Any) -> dict[str, Any]:
    """HumanEval in Go, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published; rows in other languages are left out.
    """
    return _dataset("go", data)
