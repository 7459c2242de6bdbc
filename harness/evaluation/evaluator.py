"""EvalSpec -> a finished run folder. The one verb.

Plan every request, ask only for those the journal does not hold, score, write samples and metrics.
Killed at any moment, the same call goes on if it stopped: the run id is the hash of its requests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import runs
from harness.backends import AnyBackend
from harness.core import RunProgress, environment, plain, tables
from harness.engine import metrics, scoring
from harness.errors import ConfigError, HarnessError
from harness.evaluation import budget, forecast, manifest, reuse
from harness.evaluation.batches import BATCHES, Ledger
from harness.evaluation.dispatch import ask, backend_of
from harness.evaluation.planning import ModelPlan, Plan, plan_run
from harness.records import Reply
from harness.runs import Journal, Manifest, Metric, Replies, entries, samples
from harness.specs import EvalSpec

PIECE = 200
"""Samples scored, and replies copied, at once."""
GARBAGE_EVERY = 20000
"""Objects made between two looks for garbage. Python's own 700 is for programs that stay small."""
CODE_PIECE = 2000
"""Samples scored at once if a sandbox is started for them."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: where it is, and what its manifest says."""

    run: Path
    manifest: Manifest
    asked: int
    """Requests that were sent by this call. The rest was on the disk already."""

    def _repr_html_(self) -> str:
        """What a notebook shows: the run's counts, and its headline scores."""
        counts = self.manifest.counts
        told = f"{self.run.name}: {counts.samples} samples, {counts.failed} failed; {self.asked} requests sent now"
        rows = [
            (m.model, m.task, m.metric, m.value, f"[{tables.cell(m.ci_low)}, {tables.cell(m.ci_high)}]", m.n)
            for m in self.manifest.metrics
            if m.is_headline
        ]
        table = tables.html_table(("model", "task", "metric", "value", "95 %", "n"), rows)
        return f"<div><b>{tables.html_text(told)}</b>{table}</div>"


def evaluate(spec: EvalSpec, *, argv: Sequence[str] = (), quiet: bool = False, sweep: bool = False) -> FinishedRun:
    """See `harness.evaluation.evaluate`, which looks for mistakes before this module, and lm-eval, are loaded."""
    if spec.dry_run:
        raise ConfigError("dry_run=true: nothing may be sent; preview(spec) says what would be")
    with _seldom_collected(), RunProgress(quiet=quiet) as progress:
        plan = plan_run(spec)
        with runs.run_lock(plan.run):
            try:
                return _run(plan, progress, argv, sweep=sweep)
            except HarnessError:
                runs.remove_if_empty(plan.run)
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


def preview(spec: EvalSpec) -> tuple[str, list[dict[str, Any]]]:
    """What `evaluate(spec)` would send, take and cost. Sends nothing, writes nothing, needs no key.

    Returns:
        The run's id, and a row per model and task (`harness.evaluation.forecast.rows`).

    Raises:
        HarnessError: what would stop the run before its first request.
    """
    with _seldom_collected():
        plan = plan_run(spec)
    held = Replies(plan.run / runs.JOURNAL)
    prices = _prices(plan)
    if spec.batch:
        prices = {name: price and price.times(budget.BATCH_SHARE) for name, price in prices.items()}
    return plan.run_id, forecast.rows(plan, held, reuse.find(plan, held), prices)


def _prices(plan: Plan) -> dict[str, budget.Price | None]:
    """The price of every billed model, `None` if it is not known."""
    billed = [model.model for model in plan.models if model.billed]
    known = budget.prices() if billed else {}
    return {model.name: budget.price_of(model, known) for model in billed}


def _run(plan: Plan, progress: RunProgress, argv: Sequence[str], *, sweep: bool) -> FinishedRun:
    run = plan.run
    journal = Journal(run / runs.JOURNAL)
    replies = journal.replies
    try:
        total, missing = plan.total, plan.missing(replies)
        before = runs.read_manifest(run) if (run / runs.MANIFEST).is_file() else None
        if missing == 0 and before and before.ended:
            progress.say(f"run {run.name}: all {total} requests are answered already; nothing to send")
            return FinishedRun(run, _retold(before, plan, progress), 0)
        purse = budget.Budget(plan.spec.budget, _prices(plan), batch=plan.spec.batch)
        found = reuse.find(plan, replies)
        asked = 0
        backends = {model.name: backend_of(model) for model in plan.models if _pending(model, replies, found)}
        if before is None and not sweep and (twin := reuse.sibling(plan)):
            progress.say(
                f"run {run.name} is a new run, because it asks something else than {twin}. The two do not mix "
                f"(once it has ended, `harness show {run.name} --why --other {twin}` says what differs)"
            )
        opened = manifest.opening(plan, argv, before)
        runs.write_atomic(run / runs.SPEC, runs.yaml_bytes(opened.spec))
        runs.write_manifest(run, opened)
        if missing < total:
            progress.say(f"run {run.name}: {total - missing} of {total} requests are answered already")
        purse.recall(entries(run / runs.JOURNAL), plan.requests())
        for model, entry in zip(plan.models, opened.models, strict=True):
            name = model.name
            if name in backends or not (entry.facts or model.billed):
                backend = backends.get(name) or backend_of(model)
                asked += _pending(model, replies, found)
                opened = _ask(run, model, backend, opened, found, journal, progress, purse, batch=plan.spec.batch)
            if any(id_ in found for id_ in model.missing(replies)):
                _reuse(model, found, run, journal, progress)
                if _pending(model, replies):
                    asked += _pending(model, replies)
                    server = backend_of(model)
                    opened = _ask(run, model, server, opened, (), journal, progress, purse, batch=plan.spec.batch)
        opened = dataclasses.replace(opened, cost=purse.facts())
        return FinishedRun(run, _finish(plan, replies, opened, progress), asked)
    finally:
        journal.close()


def _ask(
    run: Path,
    plan: ModelPlan,
    backend: AnyBackend,
    opened: Manifest,
    found: Container[str],
    journal: Journal,
    progress: RunProgress,
    purse: budget.Budget,
    *,
    batch: bool,
) -> Manifest:
    """Ask for what is neither answered nor found. What the backend says of itself goes into the manifest."""
    n = _pending(plan, journal.replies, found)
    ledger = Ledger(run / BATCHES) if batch and plan.billed else None
    wanted = (r for r in plan.requests() if not journal.replies.answered(r.id) and r.id not in found)
    said = ask(plan, backend, wanted, n, journal, progress, purse, ledger)
    told = runs.with_answerer(opened, plan.name, deterministic=said.deterministic, facts=said.facts)
    runs.write_manifest(run, told)
    return told


def _reuse(plan: ModelPlan, found: reuse.ReusableReplies, run: Path, journal: Journal, progress: RunProgress) -> None:
    """Take what was found, if it is of the model that answers here."""
    served = reuse.answering(run, plan.name)
    if served is None and reuse.on_own_server(plan.model):
        return  # it answered nothing, so nobody knows what it serves now
    open_ = (r for r in plan.requests() if r.id in found and not journal.replies.answered(r.id))
    fitting = ((r, reply) for r in open_ if (reply := found.of(r.id, served)) is not None)
    taken = 0
    while piece := list(itertools.islice(fitting, PIECE)):
        journal.append_all(piece)
        taken += len(piece)
    if taken:
        progress.say(f"run {run.name}: {taken} requests were answered in other runs and are not paid for again")
    if left := [id_ for id_ in plan.missing(journal.replies) if id_ in found]:
        before = set[str | None]().union(*map(found.served, left))
        progress.say(
            f"model {plan.name}: the server says that {_listed(served or ())} answers; {len(left)} "
            f"requests that {_listed(before)} answered in other runs are asked again"
        )


def _listed(served: Iterable[str | None]) -> str:
    return " and ".join(sorted(name or "a model it does not name" for name in served))


def _pending(plan: ModelPlan, held: Replies, found: Container[str] = ()) -> int:
    return sum(1 for _ in plan.missing(held, found))


def _retold(before: Manifest, plan: Plan, progress: RunProgress) -> Manifest:
    """The manifest of a finished run, with what its models' files say of the models now."""
    now = {model.name: manifest.told(model.model) for model in plan.models}
    models = tuple(dataclasses.replace(entry, **now.get(entry.name, {})) for entry in before.models)
    if models == before.models:
        return before
    progress.say(f"run {plan.run_id}: what the files of its models say of them was updated in it")
    runs.write_manifest(plan.run, dataclasses.replace(before, models=models))
    return runs.read_manifest(plan.run)


def _finish(plan: Plan, replies: Mapping[str, Reply], opened: Manifest, progress: RunProgress) -> Manifest:
    counted: dict[tuple[str, str], list[Metric]] = {}
    made = samples.write(plan.run, _rows(plan, replies, counted, progress))
    measured = [row for model in plan.models for task, _ in model.samples for row in counted[model.name, task.name]]
    filters = {metric.task: metric.filter for metric in measured if metric.is_headline}
    finished = dataclasses.replace(
        opened,
        status=made.status,
        finished_at=environment.now(),
        tasks=tuple(dataclasses.replace(task, headline_filter=filters.get(task.name)) for task in opened.tasks),
        metrics=tuple(measured),
        counts=made.counts,
        tokens=made.tokens,
    )
    runs.write_manifest(plan.run, finished)
    return finished


def _rows(
    plan: Plan,
    replies: Mapping[str, Reply],
    counted: dict[tuple[str, str], list[Metric]],
    progress: RunProgress,
) -> Iterator[dict[str, Any]]:
    """Score, some documents at a time, and yield a row per sample, in their order. Metrics go to `counted`."""
    said = (plain(model.model) for model in plan.models)
    opened = scoring.openers(said, ((entry.model, entry.reply) for entry in entries(plan.run / runs.JOURNAL)))
    for model in sorted(plan.models, key=lambda model: model.name):
        name = model.name
        for task, planned in sorted(model.samples, key=lambda pair: pair[0].name):
            if task.runs_code:
                progress.say(f"{name}: running the code of {len(planned)} {task.name} answers")
            tally = metrics.Tally(name, task)
            waiting = iter(planned)
            size = max(1, (CODE_PIECE if task.runs_code else PIECE) // task.repeats) * task.repeats
            while piece := list(itertools.islice(waiting, size)):
                held = {request.id: replies.get(request.id) for sample in piece for request in sample.requests}
                for sample, state, score in scoring.score(task, piece, held, plan.spec.sandbox, opened=name in opened):
                    tally.add(sample, state, score)
                    yield manifest.row(plan.run_id, name, sample, held, state, score)
            counted[name, task.name] = tally.rows()
