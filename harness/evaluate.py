"""EvalSpec -> a finished run folder. The one verb.

Plan every request, ask only for those the journal does not hold, score, write samples and metrics.
Killed at any moment, the same call goes on where it stopped: the run id is the hash of its requests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import budget, environment, forecast, lmeval, manifest, metrics, replay, reuse, runs, samples
from harness.asking import ask, backend_of
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
    with RunProgress(quiet=quiet) as progress:
        spec, tasks, plans, run = _planned(spec)
        with runs.run_lock(run):
            try:
                return _run(spec, tasks, plans, run, progress, argv)
            except HarnessError:
                runs.remove_if_empty(run)
                raise


def _planned(spec: EvalSpec) -> tuple[EvalSpec, list[LoadedTask], list[ModelPlan], Path]:
    spec = replay.expand(spec)
    tasks = load_tasks(spec)
    spec = dataclasses.replace(spec, models=tuple(taking_part(spec, tasks)))
    plans = [plan_model(model, tasks, spec) for model in spec.models]
    return spec, tasks, plans, runs.runs_dir(Path(spec.results_dir)) / run_id(spec, tasks, plans)


def preview(spec: EvalSpec) -> tuple[str, list[dict[str, Any]]]:
    """What `evaluate(spec)` would send, take and cost. Sends nothing, writes nothing, needs no key.

    Returns:
        The run's id, and a row per model and task (`harness.forecast.rows`).

    Raises:
        HarnessError: what would stop the run before its first request.
    """
    spec, _, plans, run = _planned(spec)
    held = {entry.id: entry.reply for entry in runs.journal_entries(run / runs.JOURNAL)}
    wanted = {plan.model.name: [request for request in plan.requests() if not _good(held, request)] for plan in plans}
    reusable = reuse.find(spec, run, plans, wanted)
    parallel = {plan.model.name: plan.model.parallel or 1 for plan in plans}
    return run.name, forecast.rows(plans, held, reusable, _prices(plans), parallel)


def _prices(plans: Sequence[ModelPlan]) -> dict[str, budget.Price | None]:
    """The price of every billed model, `None` where it is not known."""
    billed = [plan.model for plan in plans if plan.billed]
    known = budget.prices() if billed else {}
    return {model.name: budget.price_of(model, known) for model in billed}


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
            plan.model.name: [request for request in plan.requests() if not _good(journal.replies, request)]
            for plan in plans
        }
        total, missing = sum(1 for plan in plans for _ in plan.requests()), sum(map(len, pending.values()))
        before = runs.read_manifest(run) if (run / runs.MANIFEST).is_file() else None
        if missing == 0 and before and before["status"] != "running":
            progress.say(f"run {run.name}: all {total} requests are answered already; nothing to send")
            return Outcome(run, before, 0)
        purse = budget.Budget(spec.budget, _prices(plans))
        found = reuse.find(spec, run, plans, pending)
        pending = {name: [r for r in wanted if r.id not in found] for name, wanted in pending.items()}
        asked = sum(map(len, pending.values()))
        backends = {plan.model.name: backend_of(plan) for plan in plans if pending[plan.model.name]}
        if before is None and (twin := reuse.sibling(spec, run, plans)):
            progress.say(
                f"run {run.name} is a new run: what it asks is not what {twin} asked, and the two do not mix "
                f"(`harness show {run.name} --why --other {twin}` says what differs)"
            )
        opened = manifest.opening(spec, tasks, plans, run, argv, before)
        runs.write_atomic(run / runs.SPEC, _yaml(opened["spec"]))
        runs.write_manifest(run, opened)
        if missing < total:
            progress.say(f"run {run.name}: {total - missing} of {total} requests are answered already")
        if found:
            wanted = [request for plan in plans for request in plan.requests() if request.id in found]
            journal.append_all([(request, found[request.id]) for request in wanted])
            progress.say(
                f"run {run.name}: {len(found)} requests were answered in other runs and are not paid for again"
            )
        for plan in plans:
            for request in plan.requests():
                if (reply := journal.replies.get(request.id)) is not None:
                    purse.count(request, reply)
        for plan, entry in zip(plans, opened["models"], strict=True):
            name = plan.model.name
            if pending[name] or not (entry["facts"] or plan.billed):
                backend = backends.get(name) or backend_of(plan)
                entry.update(ask(plan, backend, pending[name], journal, progress, purse))
                runs.write_manifest(run, opened)
        opened["cost"] = purse.facts()
        return Outcome(run, _finish(spec, plans, run, journal.replies, opened, progress), asked)
    finally:
        journal.close()


def _good(replies: Mapping[str, Reply], request: Request) -> bool:
    reply = replies.get(request.id)
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
    counted: list[dict[str, Any]] = []
    made = samples.write(run, _rows(spec, plans, run, replies, counted, progress))
    task_entries = {entry["name"]: entry for entry in opened["tasks"]}
    for metric in counted:
        if metric["is_headline"]:
            task_entries[metric["task"]]["headline_filter"] = metric["filter"]
    states = made.get_column("status")
    counts = {state: int((states == state).sum()) for state in ("answered", "truncated", "refused", "failed")}
    finished = {
        **opened,
        "status": "incomplete" if counts["failed"] else "complete",
        "finished_at": environment.now(),
        "metrics": counted,
        "counts": {"samples": len(made), **counts},
        "tokens": {
            kind: int(made.get_column(f"{kind}_tokens").sum())
            for kind in ("prompt", "completion", "reasoning", "cached")
        },
    }
    runs.write_manifest(run, finished)
    return finished


def _rows(
    spec: EvalSpec,
    plans: Sequence[ModelPlan],
    run: Path,
    replies: Mapping[str, Reply],
    counted: list[dict[str, Any]],
    progress: RunProgress,
) -> Iterator[dict[str, Any]]:
    """Score, task by task, and yield a row per sample; metrics are added to `counted`."""
    for plan in plans:
        sandbox = plan.sandbox(spec)
        for task, planned in plan.samples:
            if task.runs_code:
                progress.say(f"{plan.model.name}: running the code of {len(planned)} {task.name} answers")
            scores = lmeval.score(task, planned, replies, sandbox)
            states = [lmeval.status([replies.get(r.id) for r in sample.requests]) for sample in planned]
            counted += metrics.of_task(plan.model.name, task, planned, states, scores)
            for sample, state, score in zip(planned, states, scores, strict=True):
                yield manifest.row(run.name, plan.model.name, sample, replies, state, score)
