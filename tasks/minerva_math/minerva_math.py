"""Documents of MATH: `problem`, `solution`, `answer` (LaTeX), `subject` and `level` (1 to 5)."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

HUB = "EleutherAI/hendrycks_math"
SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The test split of MATH, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `problem` and `solution` (whose last box is the answer), `level`, and
            `type` or `subject`: MATH as published, or MATH-500.
    """
    columns = ("problem", "solution", "level")
    if data is None:
        rows = [row for name in SUBJECTS for row in documents(HUB, subset=name, split="test", columns=columns)]
    else:
        rows = documents(HUB, split="test", columns=columns, data=data)
    docs = []
    for number, row in enumerate(rows, start=1):
        answer = boxed(row["solution"])
        if answer is None:
            raise TaskError(f"MATH document {number}: its solution has no \\boxed answer")
        level = re.sub(r"\D", "", str(row["level"]))
        docs.append(
            {
                "problem": row["problem"],
                "solution": row["solution"],
                "answer": answer,
                "subject": str(row.get("type") or row.get("subject")),
                "level": int(level) if level else 0,
            }
        )
    return splits(docs)


def boxed(solution: str) -> str | None:
    r"""What the last `\boxed` or `\fbox` of a solution holds; `None` where there is none that is closed."""
    start = max(solution.rfind("\\boxed"), solution.rfind("\\fbox"))
    if start < 0:
        return None
    rest = solution[start:].partition("box")[2].removeprefix("ed")
    if not rest.lstrip().startswith("{"):
        return re.split(r"[$\s]", rest.strip(), maxsplit=1)[0] or None
    depth = 0
    for place, char in enumerate(rest):
        depth += (char == "{") - (char == "}")
        if char == "}" and depth == 0:
            return rest[rest.index("{") + 1 : place]
    return None
