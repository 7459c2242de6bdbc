"""EvalSpec -> a finished run folder. The one verb.

Plan every request, ask only for those the journal does not hold, score, write samples and metrics.
Killed at any moment, the same call goes on where it stopped: the run id is the hash of its requests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import environment, lmeval, manifest, metrics, runs, samples
from harness.asking import ask
from harness.errors import HarnessError
from harness.identity import plain
from harness.lmeval import LoadedTask
from harness.planning import ModelPlan, load_tasks, plan_model, run_id, taking_part
from harness.progress import RunProgress
from harness.records import Reply, Request
from harness.specs import EvalSpec


@dataclass(frozen=True)
class Outcome:
    """A finished run: where it is, and what its manifest says."""

    run: Path
    manifest: Mapping[str, Any]
    asked: int
    """Requests that were sent by this call; the rest was on the disk already."""


def evaluate(spec: EvalSpec, *, argv: Sequence[str] = (), quiet: bool = False) -> Outcome:
    """Run an evaluation to its end, or from where an earlier call of the same spec stopped.

    Args:
        spec: what to evaluate.
        argv: the command line, for the manifest.
        quiet: no progress on stderr.

    Returns:
        The run folder, its manifest, and how many requests were sent.

    Raises:
        HarnessError: what a user can put right; all that was answered before it is in the journal.
    """
    results = Path(spec.results_dir)
    with RunProgress(quiet=quiet) as progress:
        tasks = load_tasks(spec)
        spec = dataclasses.replace(spec, models=tuple(taking_part(spec, tasks)))
        plans = [plan_model(model, tasks, spec) for model in spec.models]
        run = runs.runs_dir(results) / run_id(spec, tasks, plans)
        with runs.run_lock(run):
            try:
                return _run(spec, tasks, plans, run, progress, argv)
            except HarnessError:
                runs.remove_if_empty(run)
                raise


def _run(
    spec: EvalSpec,
    tasks: Sequence[LoadedTask],
    plans: Sequence[ModelPlan],
    run: Path,
    progress: RunProgress,
    argv: Sequence[str],
) -> Outcome:
    journal = runs.Journal(run / runs.JOURNAL)
    try:
        pending = {
            plan.model.name: [request for request in plan.requests() if not _answered(journal, request)]
            for plan in plans
        }
        total, asked = sum(1 for plan in plans for _ in plan.requests()), sum(map(len, pending.values()))
        before = runs.read_manifest(run) if (run / runs.MANIFEST).is_file() else None
        if asked == 0 and before and before["status"] != "running":
            progress.say(f"run {run.name}: all {total} requests are answered already; nothing to send")
            return Outcome(run, before, 0)
        opened = manifest.opening(spec, tasks, plans, run, argv, before)
        runs.write_atomic(run / runs.SPEC, _yaml(opened["spec"]))
        runs.write_manifest(run, opened)
        if asked < total:
            progress.say(f"run {run.name}: {total - asked} of {total} requests are answered already")
        for plan, entry in zip(plans, opened["models"], strict=True):
            if pending[plan.model.name] or not entry["facts"]:
                entry.update(ask(plan, pending[plan.model.name], journal, progress))
                runs.write_manifest(run, opened)
        return Outcome(run, _finish(spec, plans, run, journal.replies, opened, progress), asked)
    finally:
        journal.close()


def _answered(journal: runs.Journal, request: Request) -> bool:
    reply = journal.replies.get(request.id)
    return reply is not None and reply.error is None


def _yaml(value: Any) -> bytes:
    import yaml

    return yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True).encode()


def _finish(
    spec: EvalSpec,
    plans: Sequence[ModelPlan],
    run: Path,
    replies: Mapping[str, Reply],
    opened: dict[str, Any],
    progress: RunProgress,
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    counted: list[dict[str, Any]] = []
    task_entries = {entry["name"]: entry for entry in opened["tasks"]}
    for plan in plans:
        sandbox = plan.sandbox(spec)
        for task, planned in plan.samples:
            if task.runs_code:
                progress.say(f"{plan.model.name}: running the code of {len(planned)} {task.name} answers")
                task_entries[task.name]["unsafe_code"] |= sandbox.allow_unsafe
            scores = lmeval.score(task, planned, replies, sandbox)
            states = [lmeval.status([replies.get(r.id) for r in sample.requests]) for sample in planned]
            counted += metrics.of_task(plan.model.name, task, planned, states, scores)
            rows += [
                manifest.row(run.name, plan.model.name, sample, replies, state, score)
                for sample, state, score in zip(planned, states, scores, strict=True)
            ]
    for metric in counted:
        if metric["is_headline"]:
            task_entries[metric["task"]]["headline_filter"] = metric["filter"]
    samples.write(run, rows)
    counts = {
        state: sum(row["status"] == state for row in rows) for state in ("answered", "truncated", "refused", "failed")
    }
    finished = {
        **opened,
        "status": "incomplete" if counts["failed"] else "complete",
        "finished_at": environment.now(),
        "metrics": counted,
        "counts": {"samples": len(rows), **counts},
        "tokens": {
            kind: sum(row[f"{kind}_tokens"] or 0 for row in rows)
            for kind in ("prompt", "completion", "reasoning", "cached")
        },
    }
    runs.write_manifest(run, finished)
    return finished
