"""EvalSpec -> a finished run folder. The one verb.

Plan every request, ask only for those the journal does not hold, score, write samples and metrics.
Killed at any moment, the same call goes on where it stopped: the run id is the hash of its requests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import runs
from harness.core import RunProgress, environment, plain
from harness.engine import LoadedTask, metrics, scoring
from harness.errors import ConfigError, HarnessError
from harness.evaluation import budget, forecast, manifest, replay, reuse
from harness.evaluation.dispatch import ask, backend_of
from harness.evaluation.planning import ModelPlan, check_apart, load_tasks, plan_model, run_id, taking_part
from harness.records import Reply
from harness.runs import Journal, Replies, completions, entries, samples
from harness.specs import TOLD, EvalSpec

PIECE = 200
"""Samples scored, and replies copied, at once."""
GARBAGE_EVERY = 20000
"""Objects made between two looks for garbage; Python's own 700 is for programs that stay small."""
CODE_PIECE = 2000
"""Samples scored at once where a sandbox is started for them."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: where it is, and what its manifest says."""

    run: Path
    manifest: Mapping[str, Any]
    asked: int
    """Requests that were sent by this call; the rest was on the disk already."""


def evaluate(spec: EvalSpec, *, argv: Sequence[str] = (), quiet: bool = False) -> FinishedRun:
    """Run an evaluation to its end, or from where an earlier call of the same spec stopped.

    Args:
        spec: what to evaluate.
        argv: the command line, for the manifest.
        quiet: no progress on stderr.

    Returns:
        The run folder, its manifest, and how many requests were sent.

    Raises:
        ConfigError: `spec.dry_run` is set, so nothing may be sent; `preview(spec)` says what would be.
        HarnessError: what a user can put right; all that was answered before it is in the journal.
    """
    if spec.dry_run:
        raise ConfigError("dry_run=true: nothing may be sent; preview(spec) says what would be")
    with _seldom_collected(), RunProgress(quiet=quiet) as progress:
        spec, tasks, plans, run = _planned(spec)
        with runs.run_lock(run):
            try:
                return _run(spec, tasks, plans, run, progress, argv)
            except HarnessError:
                runs.remove_if_empty(run)
                raise


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let the garbage collector run less often.

    lm-eval and datasets make half a million objects that stay to the end. To walk them again and again takes a third of
    a second before the first request, and then stops every slot for 0.2 s at a time.
    """
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _planned(spec: EvalSpec) -> tuple[EvalSpec, list[LoadedTask], list[ModelPlan], Path]:
    spec = replay.expand(spec)
    tasks = load_tasks(spec)
    spec = dataclasses.replace(spec, models=tuple(taking_part(spec, tasks)))
    plans = [plan_model(model, tasks, spec) for model in spec.models]
    check_apart(plans)
    results = Path(spec.results_dir)
    run = runs.runs_dir(results) / run_id(spec, tasks, plans)
    for model in spec.models if spec.samples is not None else ():
        answered = [(model.name, task.name) for task in tasks]
        completions.refuse_another_file(results, run, answered, [model.args["sha256"]], "models.samples.name=NAME")
    return spec, tasks, plans, run


def preview(spec: EvalSpec) -> tuple[str, list[dict[str, Any]]]:
    """What `evaluate(spec)` would send, take and cost. Sends nothing, writes nothing, needs no key.

    Returns:
        The run's id, and a row per model and task (`harness.evaluation.forecast.rows`).

    Raises:
        HarnessError: what would stop the run before its first request.
    """
    with _seldom_collected():
        spec, _, plans, run = _planned(spec)
    held = Replies(run / runs.JOURNAL)
    reusable = reuse.find(spec, run, plans, held)
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
) -> FinishedRun:
    journal = Journal(run / runs.JOURNAL)
    replies = journal.replies
    try:
        total = sum(1 for plan in plans for _ in plan.ids())
        missing = sum(_pending(plan, replies) for plan in plans)
        before = runs.read_manifest(run) if (run / runs.MANIFEST).is_file() else None
        if missing == 0 and before and before["status"] != "running":
            progress.say(f"run {run.name}: all {total} requests are answered already; nothing to send")
            return FinishedRun(run, _retold(run, before, plans, progress), 0)
        purse = budget.Budget(spec.budget, _prices(plans))
        found = reuse.find(spec, run, plans, replies)
        asked = 0
        backends = {plan.model.name: backend_of(plan) for plan in plans if _pending(plan, replies, found)}
        if before is None and (twin := reuse.sibling(spec, run, plans)):
            progress.say(
                f"run {run.name} is a new run: what it asks is not what {twin} asked, and the two do not mix "
                f"(once it has ended, `harness show {run.name} --why --other {twin}` says what differs)"
            )
        opened = manifest.opening(spec, tasks, plans, run, argv, before)
        runs.write_atomic(run / runs.SPEC, runs.yaml_bytes(opened["spec"]))
        runs.write_manifest(run, opened)
        if missing < total:
            progress.say(f"run {run.name}: {total - missing} of {total} requests are answered already")
        purse.recall(entries(run / runs.JOURNAL), (request for plan in plans for request in plan.requests()))
        for plan, entry in zip(plans, opened["models"], strict=True):
            name = plan.model.name
            if name in backends or not (entry["facts"] or plan.billed):
                backend = backends.get(name) or backend_of(plan)
                asked += _ask(plan, backend, entry, found, journal, progress, purse)
                runs.write_manifest(run, opened)
            if any(id_ in found and not replies.answered(id_) for id_ in plan.ids()):
                _reuse(plan, found, run, journal, progress)
                if _pending(plan, replies):
                    asked += _ask(plan, backend_of(plan), entry, (), journal, progress, purse)
                    runs.write_manifest(run, opened)
        opened["cost"] = purse.facts()
        return FinishedRun(run, _finish(spec, plans, run, replies, opened, progress), asked)
    finally:
        journal.close()


def _ask(
    plan: ModelPlan,
    backend: Any,
    entry: dict[str, Any],
    found: Container[str],
    journal: Journal,
    progress: RunProgress,
    purse: budget.Budget,
) -> int:
    """Ask for what is neither answered nor found; what the backend says of itself goes into the manifest's entry."""
    n = _pending(plan, journal.replies, found)
    wanted = (r for r in plan.requests() if not journal.replies.answered(r.id) and r.id not in found)
    entry.update(ask(plan, backend, wanted, n, journal, progress, purse))
    return n


def _reuse(plan: ModelPlan, found: reuse.ReusableReplies, run: Path, journal: Journal, progress: RunProgress) -> None:
    """Take what was found, if it is of the model that answers here."""
    served = reuse.answering(run, plan.model.name)
    if served is None and reuse.on_own_server(plan.model):
        return  # it answered nothing, so nobody knows what it serves now
    open_ = (r for r in plan.requests() if r.id in found and not journal.replies.answered(r.id))
    fitting = ((r, reply) for r in open_ if (reply := found.of(r.id, served or set())) is not None)
    taken = 0
    while piece := list(itertools.islice(fitting, PIECE)):
        journal.append_all(piece)
        taken += len(piece)
    if taken:
        progress.say(f"run {run.name}: {taken} requests were answered in other runs and are not paid for again")
    if left := [id_ for id_ in plan.ids() if id_ in found and not journal.replies.answered(id_)]:
        before = sorted(set().union(*map(found.served, left)))
        progress.say(
            f"model {plan.model.name}: the server says that {' and '.join(sorted(served or ()))} answers; {len(left)} "
            f"requests that {' and '.join(before)} answered in other runs are asked again"
        )


def _pending(plan: ModelPlan, held: Replies, found: Container[str] = ()) -> int:
    return sum(not held.answered(request_id) and request_id not in found for request_id in plan.ids())


def _retold(run: Path, before: dict[str, Any], plans: Sequence[ModelPlan], progress: RunProgress) -> dict[str, Any]:
    """The manifest of a finished run, with what its models' files say of the models now."""
    now = {plan.model.name: manifest.told(plan.model) for plan in plans}
    entries = [
        {key: value for key, value in entry.items() if key not in TOLD} | now.get(entry["name"], {})
        for entry in before["models"]
    ]
    if entries == before["models"]:
        return before
    progress.say(f"run {run.name}: what its models' files say of them is written into it anew")
    written = {**before, "models": entries}
    runs.write_manifest(run, written)
    return runs.read_manifest(run)


def _finish(
    spec: EvalSpec,
    plans: Sequence[ModelPlan],
    run: Path,
    replies: Mapping[str, Reply],
    opened: dict[str, Any],
    progress: RunProgress,
) -> dict[str, Any]:
    counted: dict[tuple[str, str], list[dict[str, Any]]] = {}
    made = samples.write(run, _rows(spec, plans, run, replies, counted, progress))
    measured = [metric for plan in plans for task, _ in plan.samples for metric in counted[plan.model.name, task.name]]
    task_entries = {entry["name"]: entry for entry in opened["tasks"]}
    for metric in measured:
        if metric["is_headline"]:
            task_entries[metric["task"]]["headline_filter"] = metric["filter"]
    finished = {
        **opened,
        "status": "incomplete" if made.states["failed"] else "complete",
        "finished_at": environment.now(),
        "metrics": measured,
        "counts": {"samples": made.rows, **{str(state): n for state, n in made.states.items()}},
        "tokens": made.tokens,
    }
    runs.write_manifest(run, finished)
    return finished


def _rows(
    spec: EvalSpec,
    plans: Sequence[ModelPlan],
    run: Path,
    replies: Mapping[str, Reply],
    counted: dict[tuple[str, str], list[dict[str, Any]]],
    progress: RunProgress,
) -> Iterator[dict[str, Any]]:
    """Score, some documents at a time, and yield a row per sample, in their order; metrics go to `counted`."""
    said = (plain(plan.model) for plan in plans)
    opened = scoring.openers(said, ((entry.model, entry.reply) for entry in entries(run / runs.JOURNAL)))
    for plan in sorted(plans, key=lambda plan: plan.model.name):
        name = plan.model.name
        for task, planned in sorted(plan.samples, key=lambda pair: pair[0].name):
            if task.runs_code:
                progress.say(f"{name}: running the code of {len(planned)} {task.name} answers")
            tally = metrics.Tally(name, task)
            waiting = iter(planned)
            size = max(1, (CODE_PIECE if task.runs_code else PIECE) // task.repeats) * task.repeats
            while piece := list(itertools.islice(waiting, size)):
                held = {request.id: replies.get(request.id) for sample in piece for request in sample.requests}
                for sample, state, score in scoring.score(task, piece, held, spec.sandbox, opened=name in opened):
                    tally.add(sample, state, score)
                    yield manifest.row(run.name, name, sample, held, state, score)
            counted[name, task.name] = tally.rows()
