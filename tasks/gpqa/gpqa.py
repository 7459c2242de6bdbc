"""Documents of GPQA Diamond: `question`, `options`, `answer` (a letter), `letters`, `domain` and `question_id`."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
ORDERS = 4
"""Orders of the options in which every question is asked, as simple-evals does (`n_repeats=4`)."""


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 198 questions in four orders of their options each, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    rows = documents("Idavidrein/gpqa", subset="gpqa_diamond", split="train", columns=COLUMNS, data=data)
    return splits([_document(row, order) for row in rows for order in range(ORDERS)])


def _document(row: dict[str, Any], order: int) -> dict[str, Any]:
    right, *wrong = (str(row[column]).strip() for column in COLUMNS[1:])
    name = hashlib.sha256(str(row["Question"]).encode()).hexdigest()[:12]
    options = [right, *wrong]
    random.Random(name).shuffle(options)  # noqa: S311 - an order, no secret
    options = options[order:] + options[:order]
    return {
        "question": str(row["Question"]).strip(),
        "options": options,
        "answer": "ABCD"[options.index(right)],
        "letters": "ABCD",
        "domain": str(row.get("High-level domain") or "unknown"),
        "question_id": name,
        "order": order,
    }
