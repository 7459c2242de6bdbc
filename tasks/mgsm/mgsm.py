"""Documents of MGSM: `question` in one of eleven languages, `answer`, `language` and `problem` (which of the 250)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.taskdata import documents, splits

HUB = "juletxara/mgsm"
LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """250 problems in every language, problem by problem, for lm-eval's `custom_dataset`.

    Args:
        data: a local file, folder or pattern with the columns `question`, `answer_number` and `language`, the problems
            of every language in the published order.
    """
    columns = ("question", "answer_number")
    if data is None:
        rows = [
            row | {"language": language}
            for language in LANGUAGES
            for row in documents(HUB, subset=language, split="test", columns=columns)
        ]
    else:
        rows = documents(HUB, split="test", columns=(*columns, "language"), data=data)
    seen: Counter[str] = Counter()
    docs = []
    for row in rows:
        language = row["language"]
        answer = str(row["answer_number"]).replace(",", "").removesuffix(".0")
        docs.append({"question": row["question"], "answer": answer, "language": language, "problem": seen[language]})
        seen[language] += 1
    return splits(sorted(docs, key=lambda doc: (doc["problem"], doc["language"])))
