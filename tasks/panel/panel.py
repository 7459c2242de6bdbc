"""Documents of a reference panel: `prompt`, its `prompt_id` and `domain`, and the panel and version it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.taskdata import splits


def dataset(panel: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], **_: Any) -> dict[str, Any]:
    """The prompts that are asked, for lm-eval's `custom_dataset`.

    Args:
        panel: its `name` and `version`: in every document, so that answers to another version are other answers.
        rows: in the order they are asked in, `prompt_id`, `prompt` and `domain` of each.
    """
    return splits({**row, "panel": panel["name"], "panel_version": panel["version"]} for row in rows)
