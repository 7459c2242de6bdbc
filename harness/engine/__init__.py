"""The task engine, built on lm-eval: task files become requests, replies become scores, scores become metrics."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.engine.lmeval import LoadedTask
    from harness.engine.requests import Sample, Samples
    from harness.engine.scoring import UNAGGREGATED, Key, status

_HOMES = {
    "LoadedTask": "lmeval",
    "Sample": "requests",
    "Samples": "requests",
    "UNAGGREGATED": "scoring",
    "Key": "scoring",
    "status": "scoring",
}


def __getattr__(name: str) -> Any:
    """Import a file when you ask for what is in it. A program that only reads task files loads no scorer."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "UNAGGREGATED",
    "Key",
    "LoadedTask",
    "Sample",
    "Samples",
    "lmeval",
    "metrics",
    "scoring",
    "status",
    "taskfiles",
]
