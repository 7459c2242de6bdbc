"""What a run owes: its tasks loaded, its models' requests planned, its identity. Nothing is sent here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import backends, runs
from harness import sandbox as sandboxes
from harness.core import canonical_json, digest, environment, identity, plain, resources, weights
from harness.engine import LoadedTask, Samples, lmeval, taskfiles
from harness.errors import BackendError, ConfigError, TaskError
from harness.evaluation import replay
from harness.records import Request, RequestKind
from harness.runs import Replies, completions
from harness.specs import EvalSpec, ModelSpec, SandboxSpec

RUN_ID_CHARS = 12
"""48 bits of the run's hash are in its folder's name."""


@dataclass(frozen=True)
class ModelPlan:
    """One model, and everything it is to be asked."""

    model: ModelSpec
    identity: Mapping[str, Any]
    weights: weights.WeightsSpec | None
    file: Path | None
    samples: Sequence[tuple[LoadedTask, Samples]]
    source: ModelSpec
    """Who answers: the model, in a replay the journal of the run it was in, or a file of completions."""
    billed: bool
    """True for a model behind an API, if every answer costs."""

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    def requests(self) -> Iterator[Request]:
        """Every request, in the order of tasks, documents, repeats. Read from the disk at each pass."""
        for _, planned in self.samples:
            yield from planned.requests()

    def ids(self) -> Iterator[str]:
        """The ids of these requests, in their order, without making them."""
        for _, planned in self.samples:
            yield from planned.ids()

    @property
    def kinds(self) -> frozenset[RequestKind]:
        """The kinds of these requests."""
        return frozenset(kind for _, planned in self.samples for kind in planned.kinds)

    def missing(self, held: Replies, found: Container[str] = ()) -> Iterator[str]:
        """The ids of the requests that are neither answered here nor `found` elsewhere, in their order."""
        return (id_ for id_ in self.ids() if not held.answered(id_) and id_ not in found)


@dataclass(frozen=True)
class Plan:
    """What a run owes: every request of every model, and the folder that its answers go into."""

    spec: EvalSpec
    """What was asked, a replayed run and the models that take part filled in."""
    tasks: Sequence[LoadedTask]
    models: Sequence[ModelPlan]
    """In the order of the spec's models."""

    @cached_property
    def run_id(self) -> str:
        """The spec's name and a hash over every request, every task's content, and how code is judged."""
        contents = {task.name: (task.content_hash, task.docs_hash, task.scorer) for task in self.tasks}
        requests = {plan.name: list(plan.ids()) for plan in self.models}
        whole = id_of(self.spec.name, contents, judging(self.spec.sandbox), requests)
        return whole if self.spec.shard is None else f"{whole}-{self.spec.shard.replace('/', 'of')}"

    @property
    def results(self) -> Path:
        """The results folder."""
        return Path(self.spec.results_dir)

    @property
    def run(self) -> Path:
        """The run folder. Planning does not make it."""
        return runs.runs_dir(self.results) / self.run_id

    @property
    def total(self) -> int:
        """How many requests there are."""
        return sum(1 for plan in self.models for _ in plan.ids())

    def requests(self) -> Iterator[Request]:
        """Every request, model by model. Read from the disk at each pass."""
        return (request for plan in self.models for request in plan.requests())

    def missing(self, held: Replies) -> int:
        """How many requests are not answered yet."""
        return sum(1 for plan in self.models for _ in plan.missing(held))


def plan_run(spec: EvalSpec) -> Plan:
    """Plan a run. Sends nothing, writes nothing.

    Raises:
        HarnessError: whatever would stop the run before its first request.
    """
    spec = replay.expand(spec)
    tasks = load_tasks(spec)
    spec = dataclasses.replace(spec, models=tuple(taking_part(spec, tasks)))
    plan = Plan(spec, tasks, [plan_model(model, tasks, spec) for model in spec.models])
    check_apart(plan.models)
    for model in spec.models if spec.samples is not None else ():
        answered = [(model.name, task.name) for task in tasks]
        hashes = [model.args["sha256"]]
        completions.refuse_another_file(plan.results, plan.run, answered, hashes, "models.samples.name=NAME")
    return plan


def load_tasks(spec: EvalSpec) -> list[LoadedTask]:
    """Every task of a run, ready to plan.

    Raises:
        TaskError: tasks that are unknown, unreadable or without data: all of them are named.
        ConfigError: a task named twice.
    """
    files = taskfiles.find(resources.task_dirs())
    shard = shard_of(spec.shard)
    tasks: list[LoadedTask] = []
    wrong: dict[str, TaskError] = {}
    for asked in spec.tasks:
        try:
            loaded = lmeval.load(asked, files, resources.task_dirs(), spec.seed)
        except TaskError as error:
            wrong[asked.name] = error
        else:
            tasks += [dataclasses.replace(one, shard=shard) for one in loaded]
    if wrong:
        raise _unloaded(wrong, len(spec.tasks))
    for task in tasks:
        if not task.n_docs and task.n_whole:
            raise ConfigError(
                f"shard={spec.shard}: task {task.name} has only {task.n_whole} documents; use fewer shards"
            )
    names = [task.name for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"the chosen tasks contain {twice[0]!r} twice; name it once")
    return tasks


def _unloaded(wrong: Mapping[str, TaskError], tasks: int) -> TaskError:
    """One error of all tasks that cannot be loaded: whoever lacks ten data sets learns it once, not ten times."""
    if tasks == 1:
        return next(iter(wrong.values()))
    parts = {name: re.split(r"(?<=\.) (?=[A-Z])", str(error)) for name, error in wrong.items()}
    every = [part for part in next(iter(parts.values())) if len(wrong) > 1 and all(part in of for of in parts.values())]
    lines = [f"{len(wrong)} of {tasks} tasks cannot be loaded"]
    for name, of in parts.items():
        told = " ".join(part for part in of if part not in every)
        lines.append(f"  {name}: {told.replace(' task.data=', f' tasks.{name}.data=')}")  # task.data is for one task
    return TaskError("\n".join([*lines, *every]))


def taking_part(spec: EvalSpec, tasks: Sequence[LoadedTask]) -> list[ModelSpec]:
    """The models with at least one of the tasks to do: a control sits out what it is no control of.

    Raises:
        ConfigError: there is none.
    """
    names = {task.name for task in tasks}
    models = [model for model in spec.models if model.only_tasks is None or names & set(model.only_tasks)]
    if not models:
        own = "; ".join(f"{model.name}: {', '.join(model.only_tasks or ())}" for model in spec.models)
        raise ConfigError(f"no model takes part in {', '.join(sorted(names))} (only_tasks of {own})")
    return models


def plan_model(model: ModelSpec, tasks: Sequence[LoadedTask], spec: EvalSpec) -> ModelPlan:
    """Plan one model: check that its code may run, fetch its weights, build its requests.

    Raises:
        HarnessError: whatever would stop the run later, before anything is sent.
    """
    chosen = [task for task in tasks if model.only_tasks is None or task.name in model.only_tasks]
    weights_spec = weights.named(model.weights) if model.weights else None
    identity = {
        "backend": model.backend,
        "args": environment.publishable_args(model.args),
        "chat": model.chat,
        "weights": weights_spec.sha256 if weights_spec else None,
    }
    source = _source(model, spec, chosen)
    backend = backends.load(source.backend)  # a wrong name fails here, before anything is fetched
    backend.check(source)
    plan = ModelPlan(model, identity, weights_spec, None, (), source, backend.billed(source))
    if any(task.runs_code for task in chosen):
        sandboxes.check(spec.sandbox)
    for task in chosen:
        task.check_code(spec.sandbox)
    planned = [(task, Samples(task, model, spec, identity, _counts(model, task, spec))) for task in chosen]
    plan = dataclasses.replace(plan, samples=planned)
    if beyond := plan.kinds - backend.kinds:
        raise BackendError(
            f"model {model.name}: backend {source.backend} cannot give a {min(beyond)}, which a chosen task asks "
            "for; use backend openai_completions with a server that echoes log-probabilities (vLLM, SGLang), a local "
            "backend, or a task that generates"
        )
    if spec.batch and plan.billed and (plan.kinds != {"generate"} or not hasattr(backend, "submit")):
        what = "its backend knows no batches" if plan.kinds == {"generate"} else "batches are of generations alone"
        raise ConfigError(f"model {model.name}: batch=true, and {what}; leave batch out, or the model or task")
    begun = [task.name for task, samples in planned if samples.begun]
    if begun and (why := backend.prefill(source)):
        raise ConfigError(
            f"model {model.name}: task {begun[0]} begins every answer itself (gen_prefix), and {why}; leave the task "
            "out, or ask through a backend that can"
        )
    file = weights.fetch(weights_spec) if weights_spec and not spec.replay and not spec.dry_run else None
    return dataclasses.replace(plan, file=file)


def check_apart(plans: Sequence[ModelPlan]) -> None:
    """Refuse two models that are asked the very same: one answer would stand under both names, with one id.

    Raises:
        ConfigError: there are two.
    """
    asked: dict[str, list[ModelPlan]] = {}
    for plan in plans:
        for other in (twins := asked.setdefault(canonical_json(plan.identity), [])):
            if set(plan.ids()) & set(other.ids()):
                same, other_settings = (
                    ("ask the same server for the same model", "args (model, base_url)")
                    if plan.billed
                    else ("are the same model", "args, weights or decode settings")
                )
                raise ConfigError(
                    f"models {other.name} and {plan.name} {same} with the same settings, so one answer would stand "
                    f"under both names; leave one of them out, or give them different {other_settings}"
                )
        twins.append(plan)


def _source(model: ModelSpec, spec: EvalSpec, tasks: Sequence[LoadedTask]) -> ModelSpec:
    if spec.replay is not None or model.backend != completions.BACKEND:
        return replay.source(model, spec)
    if spec.samples is None or len(tasks) != 1:
        raise ConfigError(
            "completions are scored one file and one task at a time: harness score task=NAME samples=FILE"
        )
    known = completions.keys(tasks[0].rows)
    completions.check(completions.read(Path(spec.samples)), tasks[0].name, known)
    return dataclasses.replace(model, args={"path": spec.samples, "keys": known})


def _counts(model: ModelSpec, task: LoadedTask, spec: EvalSpec) -> Sequence[int] | None:
    """The samples of each document, if a file holds more completions of one than of another, else `None`."""
    if model.backend != completions.BACKEND:
        return None
    if spec.replay is not None:
        known = replay.counts(model.name, task.name, spec)
        return [known.get(doc_id, task.repeats) for doc_id in range(len(task.rows))] if known else None
    found = completions.read(Path(spec.samples or ""))
    return found.counts(completions.keys(task.rows))


def shard_of(word: str | None) -> tuple[int, int] | None:
    """`i/n` as numbers.

    Raises:
        ConfigError: it is not `i/n` with i from 1 to n.
    """
    if word is None:
        return None
    index, _, count = word.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ConfigError(f"shard={word}: expected I/N with I from 1 to N, such as 2/8")
    return int(index), int(count)


def id_of(
    name: str,
    tasks: Mapping[str, Sequence[str | None]],
    sandbox: Mapping[str, Any],
    requests: Mapping[str, Sequence[str]],
) -> str:
    """The id of a run.

    Args:
        name: the spec's.
        tasks: by name, the hash of its files, the hash of its documents, its scorer.
        sandbox: how code is judged.
        requests: by model, the ids of all its requests, in the order of tasks, documents, repeats.
    """
    content = {"name": name, "tasks": tasks, "sandbox": sandbox, "requests": requests}
    return f"{name}-{digest(identity.RUN, content).partition(':')[2][:RUN_ID_CHARS]}"


def judging(spec: SandboxSpec) -> dict[str, Any]:
    """What of the sandbox's settings can change a verdict: of a folder of packages their versions, not its place."""
    settings = plain(spec)
    if settings["tier"] is None:  # as before there was a choice, so that run ids stay
        del settings["tier"]
    folder = settings.pop("packages")
    if folder is not None:
        settings["packages"] = sorted(path.name for path in Path(folder).glob("*.dist-info"))
    return dict(settings)
