"""Documents of IFEval, and its checks as lm-eval has them: `key`, `prompt`, `instruction_id_list`, `kwargs` (JSON)."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from harness.errors import TaskError
from harness.taskdata import documents, splits

COLUMNS = ("key", "prompt", "instruction_id_list", "kwargs")
TOKENIZED = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}
"""The instructions that lm-eval checks with NLTK's tokenizer; the others need none of its data."""
PUNKT = "tokenizers/punkt_tab/english"


def dataset(data: str | None = None, **_: Any) -> dict[str, Any]:
    """The 541 prompts, for lm-eval's `custom_dataset`.

    Args:
        data: a local file with the columns of `COLUMNS`, as published.
    """
    rows = documents("google/IFEval", split="train", columns=COLUMNS, data=data)
    if missing := [name for name in ("langdetect", "immutabledict", "nltk") if find_spec(name) is None]:
        raise TaskError(f"IFEval's checks need {', '.join(missing)}: pip install 'harness-provenance[ifeval]'")
    if any(TOKENIZED.intersection(row["instruction_id_list"]) for row in rows):
        _need_tokenizer()
    # Arrow would give every instruction the arguments of all of them: they stay as text.
    return splits(
        [
            {
                "key": int(row["key"]),
                "prompt": row["prompt"],
                "instruction_id_list": list(row["instruction_id_list"]),
                "kwargs": json.dumps([{k: v for k, v in of.items() if v is not None} for of in row["kwargs"]]),
            }
            for row in rows
        ]
    )


def _need_tokenizer() -> None:
    """Fetch NLTK's tokenizer if it is not here, as lm-eval does, which goes on without it until an answer is scored.

    Raises:
        TaskError: it cannot be fetched.
    """
    import nltk

    for fetched in (False, True):
        with contextlib.suppress(LookupError):
            nltk.data.find(PUNKT)
            return
        if not fetched:
            nltk.download("punkt_tab", quiet=True, print_error_to=io.StringIO())
    raise TaskError(
        "IFEval's checks count sentences and words with NLTK's data punkt_tab, which is not here and could not be "
        "fetched. Where there is a network: python -m nltk.downloader -d FOLDER punkt_tab (4 MB). Then bring FOLDER "
        "here and say export NLTK_DATA=FOLDER"
    )


def checked(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """lm-eval's `process_results` of one answer: whether it follows its instructions, strictly and loosely."""
    # It looks for a tokenizer of NLTK's at import, and prints: nothing of that is a result.
    with contextlib.redirect_stdout(sys.stderr):
        from lm_eval.tasks.ifeval import utils

    return dict(utils.process_results({**doc, "kwargs": json.loads(doc["kwargs"])}, list(results)))


def over_instructions(items: Sequence[Sequence[bool]]) -> float:
    """The share of instructions that were followed, over all prompts."""
    followed = [one for of in items for one in of]
    return sum(followed) / len(followed)
