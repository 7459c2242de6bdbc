"""Turns a spec into a finished run folder: plans, sends or reuses requests, replays, keeps the budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.evaluation.early import check_early

if TYPE_CHECKING:
    from harness.evaluation.evaluator import FinishedRun
    from harness.specs import EvalSpec


def evaluate(spec: EvalSpec, *, argv: Sequence[str] = (), quiet: bool = False, sweep: bool = False) -> FinishedRun:
    """Run an evaluation to its end, or from where an earlier call of the same spec stopped.

    What can be known without lm-eval is found out first: names, keys, files, whether the results can be written.

    Args:
        spec: what to evaluate.
        argv: the command line, for the manifest.
        quiet: no progress on stderr.
        sweep: it is one of the runs of a sweep. That it differs from the others need not be said.

    Returns:
        The run folder, its manifest, and how many requests were sent.

    Raises:
        ConfigError: `spec.dry_run` is set, so nothing may be sent, or `preview(spec)` says what would be.
        HarnessError: what a user can put right, or all that was answered before it is in the journal.
    """
    check_early(spec)
    from harness.evaluation import evaluator

    return evaluator.evaluate(spec, argv=argv, quiet=quiet, sweep=sweep)


def preview(spec: EvalSpec) -> tuple[str, list[dict[str, Any]]]:
    """What `evaluate(spec)` would send, take and cost. Sends nothing, writes nothing, needs no key.

    Returns:
        The run's id, and a row per model and task (`harness.evaluation.forecast.rows`).

    Raises:
        HarnessError: what would stop the run before its first request.
    """
    check_early(spec)
    from harness.evaluation import evaluator

    return evaluator.preview(spec)


def __getattr__(name: str) -> Any:
    """`FinishedRun` is imported when it is asked for: it is beside what loads lm-eval."""
    if name == "FinishedRun":
        from harness.evaluation import evaluator

        return evaluator.FinishedRun
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "FinishedRun",
    "budget",
    "evaluate",
    "manifest",
    "planning",
    "preview",
    "replay",
    "reuse",
]
