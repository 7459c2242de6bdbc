"""lm-eval as the task engine: task files become requests, replies become scores, scores become metrics."""

from harness.engine.lmeval import LoadedTask
from harness.engine.requests import Sample, Samples
from harness.engine.scoring import UNAGGREGATED, Key, status

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
