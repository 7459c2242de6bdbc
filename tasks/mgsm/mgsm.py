"""Documents of MGSM: `question` in one of eleven languages, `answer`, `language` and `problem` (which of the 250)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from harness.errors import TaskError
from harness.taskdata import data_files, documents, hub_file, splits

HUB = "juletxara/mgsm"
"""Its rows come from a script, which `datasets` no longer runs; the published files lie beside it."""
LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")
COLUMNS = ("question", "answer_number")


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """250 problems in every language, problem by problem, for lm-eval's `custom_dataset`.

    Args:
        data: a local folder, file or pattern: the published `mgsm_<language>.tsv` (question, tab, answer; see
            https://github.com/google-research/url-nlp/tree/main/mgsm), or files with the columns `question`,
            `answer_number` and `language`, the problems of every language in the published order.
    """
    if data is None:
        files = [Path(hub_file(HUB, f"mgsm_{language}.tsv", COLUMNS)) for language in LANGUAGES]
    else:
        files = data_files(data)
    seen: Counter[str] = Counter()
    docs = []
    for file in files:
        for row in documents(HUB, split="test", columns=COLUMNS, data=str(file)):
            language = _language(row, file)
            answer = str(row["answer_number"]).replace(",", "").removesuffix(".0")
            docs.append(
                {"question": row["question"], "answer": answer, "language": language, "problem": seen[language]}
            )
            seen[language] += 1
    return splits(sorted(docs, key=lambda doc: (doc["problem"], doc["language"])))


def _language(row: dict[str, Any], file: Path) -> str:
    named = re.fullmatch(r"mgsm_([a-z]{2})", file.stem)
    if named:
        return named.group(1)
    if "language" not in row:
        raise TaskError(f"{file.name}: no column language, and no name such as mgsm_de.tsv that says which it is")
    return str(row["language"])
