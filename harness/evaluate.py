"""EvalSpec -> a finished run folder. The one verb.

Plan every request, ask only for those the journal does not hold, score, write samples and metrics, index.
Killed at any moment, the same call goes on where it stopped: the run id is the hash of its requests.
"""

from __future__ import annotations

import dataclasses
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import __version__, environment, lmeval, metrics, plugins, resources, runs, samples, taskfiles, weights
from harness import sandbox as sandboxes
from harness.errors import BackendError, ConfigError, HarnessError, TaskError
from harness.identity import RUN, digest, plain
from harness.lmeval import LoadedTask, Sample
from harness.progress import RunProgress
from harness.records import Reply, Request, Score
from harness.specs import EvalSpec, ModelSpec, SandboxSpec

RUN_ID_CHARS = 12


@dataclass(frozen=True)
class Outcome:
    """A finished run: where it is, and what its manifest says."""

    run: Path
    manifest: Mapping[str, Any]
    asked: int
    """Requests that were sent by this call; the rest was on the disk already."""


@dataclass(frozen=True)
class _ModelPlan:
    model: ModelSpec
    identity: Mapping[str, Any]
    weights: weights.WeightsSpec | None
    file: Path | None
    samples: Sequence[tuple[LoadedTask, Sequence[Sample]]]

    def requests(self) -> Iterator[Request]:
        for _, planned in self.samples:
            for sample in planned:
                yield from sample.requests

    def sandbox(self, spec: EvalSpec) -> SandboxSpec:
        return dataclasses.replace(
            spec.sandbox, allow_unsafe=spec.sandbox.allow_unsafe or self.model.allow_unsafe_code
        )


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
        tasks = _load_tasks(spec)
        plans = [_plan(model, tasks, spec, progress) for model in spec.models]
        if not any(plan.samples for plan in plans):
            raise ConfigError("no model takes part in any of the chosen tasks; check only_tasks of the models")
        run_id = _run_id(spec, tasks, plans)
        run = runs.runs_dir(results) / run_id
        with runs.run_lock(run):
            return _run(spec, tasks, plans, run, progress, argv)


def _load_tasks(spec: EvalSpec) -> list[LoadedTask]:
    files = taskfiles.find(resources.task_dirs())
    tasks = [
        loaded for task in spec.tasks for loaded in lmeval.load(task, files, resources.task_dirs(), spec.seed)
    ]
    names = [task.name for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"the chosen tasks contain {twice[0]!r} twice; name it once")
    known = set(names)
    for model in spec.models:
        if model.only_tasks is not None and not known & set(model.only_tasks) and len(spec.models) == 1:
            raise ConfigError(
                f"model {model.name} takes part only in {', '.join(model.only_tasks)}; chosen: {', '.join(names)}"
            )
    return tasks


def _plan(model: ModelSpec, tasks: Sequence[LoadedTask], spec: EvalSpec, progress: RunProgress) -> _ModelPlan:
    chosen = [task for task in tasks if model.only_tasks is None or task.name in model.only_tasks]
    weights_spec = weights.named(model.weights) if model.weights else None
    identity = {
        "backend": model.backend,
        "args": model.args,
        "chat": model.chat,
        "weights": weights_spec.sha256 if weights_spec else None,
    }
    plan = _ModelPlan(model, identity, weights_spec, None, ())
    if any(task.runs_code for task in chosen):
        sandboxes.check(plan.sandbox(spec))
    planned = [(task, lmeval.plan(task, model, spec, identity)) for task in chosen]
    plugins.load("backends", model.backend)  # a wrong name fails here, before anything is fetched
    if weights_spec and not weights.is_cached(weights_spec):
        progress.say(f"{model.name}: fetching {weights_spec.model} ({weights_spec.size / 1e6:.0f} MB)")
    file = weights.fetch(weights_spec) if weights_spec else None
    return dataclasses.replace(plan, file=file, samples=planned)


def _run_id(spec: EvalSpec, tasks: Sequence[LoadedTask], plans: Sequence[_ModelPlan]) -> str:
    """The spec's name and a hash over every request, every task's content, and how code is judged."""
    content = {
        "name": spec.name,
        "tasks": {task.name: [task.content_hash, task.docs_hash, task.scorer] for task in tasks},
        "sandbox": spec.sandbox,
        "requests": {plan.model.name: [request.id for request in plan.requests()] for plan in plans},
    }
    return f"{spec.name}-{digest(RUN, content).partition(':')[2][:RUN_ID_CHARS]}"


def _run(
    spec: EvalSpec,
    tasks: Sequence[LoadedTask],
    plans: Sequence[_ModelPlan],
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
        if asked == 0 and samples_exist(run):
            progress.say(f"run {run.name}: all {total} requests are answered already; nothing to send")
            return Outcome(run, runs.read_manifest(run), 0)
        manifest = _manifest(spec, tasks, plans, run, argv)
        runs.write_atomic(run / runs.SPEC, _yaml(manifest["spec"]))
        runs.write_manifest(run, manifest)
        if asked < total:
            progress.say(f"run {run.name}: {total - asked} of {total} requests are answered already")
        for index, plan in enumerate(plans):
            manifest["models"][index] |= _ask(plan, pending[plan.model.name], journal, progress)
        return Outcome(run, _finish(spec, plans, run, journal.replies, manifest, progress), asked)
    finally:
        journal.close()


def samples_exist(run: Path) -> bool:
    """True once the run has ended at least once."""
    return runs.samples_path(run).is_file()


def _answered(journal: runs.Journal, request: Request) -> bool:
    reply = journal.replies.get(request.id)
    return reply is not None and reply.error is None


def _yaml(value: Any) -> bytes:
    import yaml

    return yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True).encode()


def _manifest(
    spec: EvalSpec, tasks: Sequence[LoadedTask], plans: Sequence[_ModelPlan], run: Path, argv: Sequence[str]
) -> dict[str, Any]:
    asked = {key: value for key, value in plain(spec).items() if key not in EvalSpec.PLACE}
    for task in asked["tasks"]:
        task["data"] = Path(task["data"]).name if task["data"] else None
    for model in asked["models"]:
        model["args"] = {key: _publishable(value) for key, value in model["args"].items()}
    return {
        "schema": runs.SCHEMA,
        "run_id": run.name,
        "name": spec.name,
        "status": "running",
        "harness_version": __version__,
        "started_at": environment.now(),
        "finished_at": None,
        "argv": environment.publishable(argv),
        "spec": asked,
        "spec_hash": digest(RUN, asked),
        "models": [_model_entry(plan, model) for plan, model in zip(plans, asked["models"], strict=True)],
        "tasks": [_task_entry(task) for task in tasks],
        "metrics": [],
        "counts": {},
        "tokens": {},
        "packages": environment.packages(),
        "git": environment.git(),
        "platform": environment.machine(),
    }


def _publishable(value: Any) -> Any:
    return environment.publishable([value])[0] if isinstance(value, str) else value


def _model_entry(plan: _ModelPlan, asked: Mapping[str, Any]) -> dict[str, Any]:
    held = plan.weights
    return {
        "name": plan.model.name,
        "backend": plan.model.backend,
        "args": asked["args"],
        "chat": plan.model.chat,
        "system": plan.model.system,
        "weights": {"name": plan.model.weights, "sha256": held.sha256, "size": held.size} if held else None,
        "control_of": plan.model.control_of,
        "deterministic": None,
        "facts": {},
    }


def _task_entry(task: LoadedTask) -> dict[str, Any]:
    return {
        "name": task.name,
        "kind": task.kind,
        "version": task.version,
        "builtin": task.spec.builtin,
        "task_hash": task.content_hash,
        "docs_hash": task.docs_hash,
        "data_sha256": task.data_sha256,
        "scorer": task.scorer,
        "headline_metric": task.headline,
        "headline_filter": None,
        "higher_is_better": task.higher_is_better,
        "n_docs": len(task.docs),
        "repeats": task.repeats,
        "num_fewshot": task.task.get_config("num_fewshot") or 0,
        "licence": task.licence,
        "source": task.source,
        "unsafe_code": False,
    }


def _ask(
    plan: _ModelPlan, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress
) -> dict[str, Any]:
    """Send what is missing to one model; every reply is in the journal before its slot asks again.

    Returns:
        What the manifest should say of the model: whether greedy answers are reproducible, and the backend's facts.
    """
    model = plan.model
    backend = plugins.load("backends", model.backend).Backend(model, plan.file)
    try:
        progress.start(model.name, len(pending))
        if pending:
            send = _in_batches if hasattr(backend, "replies") else _one_by_one
            send(backend, pending, journal, progress)
        return {"deterministic": bool(backend.deterministic), "facts": plain(backend.facts())}
    finally:
        backend.close()


def _in_batches(backend: Any, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress) -> None:
    for request, reply in backend.replies(pending):
        journal.append(request, reply)
        progress.advance(failed=reply.error is not None)


def _one_by_one(backend: Any, pending: Sequence[Request], journal: runs.Journal, progress: RunProgress) -> None:
    """`backend.parallel` threads draw from one queue; the first error that is no reply stops them all."""
    waiting: Iterator[Request] = iter(pending)
    drawing, stop = threading.Lock(), threading.Event()
    landed: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set():
                with drawing:
                    request = next(waiting, None)
                if request is None:
                    break
                reply = _reply(backend, request)
                journal.append(request, reply)
                landed.put(reply)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the main thread
            landed.put(error)
        finally:
            landed.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(backend.parallel, len(pending)))]
    for thread in threads:
        thread.start()
    failure: BaseException | None = None
    try:
        alive = len(threads)
        while alive:
            item = landed.get()
            if item is None:
                alive -= 1
            elif isinstance(item, Reply):
                progress.advance(failed=item.error is not None)
            else:
                failure = failure or item
                stop.set()
    finally:
        stop.set()
    if failure is not None:
        raise failure


def _reply(backend: Any, request: Request) -> Reply:
    """A backend's own exception is a failed row; only what makes going on pointless ends the run."""
    try:
        reply: Reply = backend.reply(request)
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - a bad request is data, not a crash
        return Reply(error=f"{type(error).__name__}: {error}", started_at=environment.now())
    return reply


def _finish(
    spec: EvalSpec,
    plans: Sequence[_ModelPlan],
    run: Path,
    replies: Mapping[str, Reply],
    manifest: dict[str, Any],
    progress: RunProgress,
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    counted: list[dict[str, Any]] = []
    task_entries = {entry["name"]: entry for entry in manifest["tasks"]}
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
                _row(run.name, plan.model.name, sample, replies, state, score)
                for sample, state, score in zip(planned, states, scores, strict=True)
            ]
    for metric in counted:
        if metric["is_headline"]:
            task_entries[metric["task"]]["headline_filter"] = metric["filter"]
    samples.write(run, rows)
    counts = {state: sum(row["status"] == state for row in rows) for state in ("answered", "truncated", "refused", "failed")}
    finished = {
        **manifest,
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


def _row(
    run_id: str,
    model: str,
    sample: Sample,
    replies: Mapping[str, Reply],
    state: str,
    scores: Mapping[tuple[str, str, str], Score],
) -> dict[str, Any]:
    first = sample.requests[0]
    held = [replies.get(request.id) or Reply(error="never sent") for request in sample.requests]
    reply = held[0]
    errors = [item.error for item in held if item.error]
    generated = first.kind == "generate"
    return {
        "run_id": run_id,
        "model": model,
        "task": sample.task,
        "doc_id": sample.doc_id,
        "repeat": sample.repeat,
        "sample_id": first.id if len(sample.requests) == 1 else digest("smp1", [r.id for r in sample.requests]),
        "status": state,
        "kind": first.kind,
        "messages": json.dumps(plain(first.messages), ensure_ascii=False) if first.messages is not None else None,
        "prompt": first.prompt,
        "doc": json.dumps(sample.doc, ensure_ascii=False, default=str, sort_keys=True),
        "target": sample.target,
        "output": reply.text,
        "reasoning": reply.reasoning,
        "reasoning_kind": reply.reasoning_kind,
        "finish_reason": reply.finish_reason,
        "error": errors[0] if errors else None,
        "seed": first.seed,
        "request_ids": [request.id for request in sample.requests],
        "loglikelihoods": None if generated else [item.loglikelihood for item in held],
        **{
            name: _sum(getattr(item.usage, name) for item in held)
            for name in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
        },
        "attempts": [plain(attempt) for item in held for attempt in item.attempts],
        "started_at": reply.started_at,
        "latency_s": _sum(item.latency_s for item in held),
        "ttfb_s": reply.ttfb_s,
        "served_model": reply.served_model,
        "system_fingerprint": reply.system_fingerprint,
        "response_id": reply.response_id,
        "scores": [
            {
                "metric": metric,
                "filter": filter_name,
                "scorer": scorer,
                "value": score.value,
                "status": score.status,
                "extracted": score.extracted,
                "explanation": score.explanation,
                "detail": json.dumps(plain(score.detail), ensure_ascii=False, sort_keys=True, default=str)
                if score.detail
                else None,
            }
            for (metric, filter_name, scorer), score in sorted(scores.items())
        ],
    }


def _sum(values: Any) -> Any:
    """The sum of what is known; `None` where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
