"""Where a task's documents come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def splits(docs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Documents as the in-memory `{"test": datasets.Dataset}` that lm-eval's `custom_dataset` returns."""
    from datasets import Dataset

    return {"test": Dataset.from_list([dict(doc) for doc in docs])}
