"""Documents of SVAMP: `question` (the story and what is asked), `answer` (the number) and `type` (the operation)."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("Body", "Question", "Answer", "Type")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 1,000 problems, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns `Body`, `Question`, `Answer` and `Type`, as published. The hub's copy is in
            two splits, which together are that file.
    """
    rows = (
        documents("ChilleD/SVAMP", split="train+test", columns=COLUMNS)
        if data is None
        else documents("ChilleD/SVAMP", split="test", columns=COLUMNS, data=data)
    )
    return splits(
        [
            {
                "question": _joined(row["Body"].strip(), row["Question"].strip()),
                "answer": f"{float(row['Answer']):.10g}",
                # The published file spells one of its four types in two ways.
                "type": row["Type"].replace("Divison", "Division"),
            }
            for row in rows
        ]
    )


def _joined(body: str, question: str) -> str:
    """One text: where the story ends in the middle of a sentence ("If …"), the question ends it."""
    if body.endswith((".", "?", "!", ",")):
        return f"{body} {question}"
    last = body.rpartition(". ")[2]
    if last.startswith(("If ", "When ", "After ")):
        return f"{body}, {question[:1].lower()}{question[1:]}"
    return f"{body}. {question}"
