"""A spec becomes a finished run folder: plan, send, reuse, replay, budget, manifest."""

from harness.evaluation.evaluator import evaluate, preview

__all__ = [
    "evaluate",
    "manifest",
    "planning",
    "preview",
    "replay",
    "reuse",
]
