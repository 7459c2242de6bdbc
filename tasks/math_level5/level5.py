"""Documents of MATH's level 5: `problem`, `solution`, `answer` (LaTeX) and `subject`."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import TaskError
from harness.taskdata import boxed, documents, splits

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
COLUMNS = ("problem", "solution", "level")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The problems of level 5 of the test split, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, and `type` or `subject`: MATH as published, or MATH-500.
    """
    if data is None:
        rows = [row for name in SUBJECTS for row in documents(HUB, subset=name, split="test", columns=COLUMNS)]
    else:
        rows = documents(HUB, split="test", columns=COLUMNS, data=data)
    docs = []
    for number, row in enumerate(rows, start=1):
        if re.sub(r"\D", "", str(row["level"])) != "5":
            continue
        answer = boxed(row["solution"])
        if answer is None:
            raise TaskError(f"MATH document {number}: its solution has no \\boxed answer")
        subject = str(row.get("type") or row.get("subject"))
        docs.append({"problem": row["problem"], "solution": row["solution"], "answer": answer, "subject": subject})
    if not docs:
        raise TaskError("MATH: no document is of level 5")
    return splits(docs)
