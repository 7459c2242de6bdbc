"""Documents of Omni-MATH: `problem`, `answer`, `level` (1 to 10, the difficulty rounded down) and `domain`."""

from __future__ import annotations

from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("problem", "answer", "difficulty", "domain")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 4,428 problems, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    return splits(
        [_document(row) for row in documents("KbsdJames/Omni-MATH", split="test", columns=COLUMNS, data=data)]
    )


def _document(row: dict[str, Any]) -> dict[str, Any]:
    domains = row["domain"] if isinstance(row["domain"], list) else [row["domain"]]
    # A domain is a path such as "Mathematics -> Algebra -> Equations"; its second step is the field.
    fields = [path[1].strip() for domain in domains if len(path := str(domain).split("->")) > 1]
    return {
        "problem": row["problem"],
        "answer": str(row["answer"]),
        "level": int(float(row["difficulty"])),
        "domain": fields[0] if fields else "unknown",
    }
