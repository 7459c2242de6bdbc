"""Documents of OlympiadBench, open-ended English mathematics: `question`, `answer`, `subfield`, `answer_type`."""

from __future__ import annotations

import json
from typing import Any

from harness.taskdata import documents, splits


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """Text-only open-ended competition problems in English, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `question` and `final_answer` (a list), as published.
    """
    rows = documents(
        "Hothan/OlympiadBench",
        subset="OE_TO_maths_en_COMP",
        split="train",
        columns=("question", "final_answer"),
        data=data,
    )
    return splits([_document(row) for row in rows])


def _document(row: dict[str, Any]) -> dict[str, Any]:
    answers = row["final_answer"]
    if isinstance(answers, str):
        answers = json.loads(answers) if answers.startswith("[") else [answers]
    # Several answers are one string with commas in the published file, and are to be given in one box.
    parts = [str(part).strip().strip("$").strip() for part in answers]
    return {
        "question": "\n".join(part for part in (row.get("context"), row["question"]) if part),
        "answer": ", ".join(parts),
        "subfield": str(row.get("subfield")),
        "answer_type": str(row.get("answer_type")),
    }
