"""Documents of MGSM with the published examples: `shots`, `asked`, `lead`, `answer`, `language`, `problem`.

`exemplars.jsonl` is MGSM_EXEMPLARS of mgsm/exemplars.py of https://github.com/google-research/url-nlp, by Google, under
CC BY 4.0.
"""

from __future__ import annotations

import json
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
LABEL = re.compile(r"[^:\uff1a]*[:\uff1a]")
"""What stands before a question or an answer of an example, with its colon."""


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """250 problems in every language, problem by problem, for lm-eval's `custom_dataset`.

    Args:
        data: a local folder, file or pattern: the published `mgsm_<language>.tsv`, or files with the columns
            `question`, `answer_number` and `language`, the problems of every language in the published order.
    """
    shown = _examples()
    if data is None:
        files = [Path(hub_file(HUB, f"mgsm_{language}.tsv", COLUMNS)) for language in LANGUAGES]
    else:
        files = data_files(data)
    seen: Counter[str] = Counter()
    docs = []
    for file in files:
        for row in documents(HUB, split="test", columns=COLUMNS, data=str(file)):
            language = _language(row, file)
            if language not in shown:
                raise TaskError(f"{file.name}: no examples are published in the language {language!r}")
            label, lead, shots = shown[language]
            docs.append(
                {
                    "shots": shots,
                    "asked": f"{label}{'' if label.endswith(chr(0xFF1A)) else ' '}{row['question']}",
                    "lead": lead,
                    "answer": str(row["answer_number"]).replace(",", "").removesuffix(".0"),
                    "language": language,
                    "problem": seen[language],
                }
            )
            seen[language] += 1
    return splits(sorted(docs, key=lambda doc: (doc["problem"], doc["language"])))


def _examples() -> dict[str, tuple[str, str, str]]:
    """By language: what stands before a question, what before an answer, and all examples as one text."""
    rows: dict[str, list[dict[str, str]]] = {}
    for line in Path(__file__).with_name("exemplars.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows.setdefault(row["language"], []).append(row)
    return {
        language: (
            _label(of[0]["question"]),
            _label(of[0]["answer"]),
            "".join(f"{row['question']}\n{row['answer']}\n\n" for row in of),
        )
        for language, of in rows.items()
    }


def _label(text: str) -> str:
    found = LABEL.match(text)
    if found is None:
        raise TaskError(f"exemplars.jsonl: no colon in {text[:40]!r}")
    return found.group()


def _language(row: dict[str, Any], file: Path) -> str:
    named = re.fullmatch(r"mgsm_([a-z]{2})", file.stem)
    if named:
        return named.group(1)
    if "language" not in row:
        raise TaskError(f"{file.name}: no column language, and no name such as mgsm_de.tsv that says which it is")
    return str(row["language"])
