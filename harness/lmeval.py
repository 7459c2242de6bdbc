"""lm-eval as the task engine: tasks in, requests out, scores back.

The only importer of `lm_eval` beside the backend for its model types. It stands on lm-eval's stable points:
`TaskManager(include_path, include_defaults, metadata)`, `Task.build_all_requests`, `Instance`, the task's
filters, `process_results` and `aggregation`. What it does differently from `lm_eval.evaluate`, and why:

- Every repeat is a sample of its own (lm-eval's default filter throws k-1 of k away). A task file that asks
  for repeats itself gets them together, so its majority vote works.
- A failed request reaches no filter and no metric; a filter or metric that raises spoils one sample.
- Chat templates are applied to generations only: a loglikelihood is of plain text.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import json
import logging
import math
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import plugins, taskdata
from harness.errors import TaskError, unknown_name
from harness.identity import DIGEST_CHARS, REQUEST, TASK, digest, file_sha256
from harness.records import Answer, Decoding, Message, Reply, Request, RequestKind, SampleStatus, Score
from harness.specs import DecodeSpec, EvalSpec, ModelSpec, SandboxSpec, TaskSpec
from harness.taskfiles import TaskFile

os.environ.setdefault("TQDM_DISABLE", "1")  # one progress display, ours; tqdm reads this when it is imported
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # our own message says what a dozen retries would

LM_EVAL = "lm_eval"
"""What `scorer` says of a number that lm-eval's own metrics made."""
NO_FILTER = "none"
DEFAULT_MAX_TOKENS = 256
"""lm-eval's own `max_gen_toks` where a task names none (`lm_eval.models.api_models`)."""
UNAGGREGATED = "part"
"""Status of a score that is one part of a corpus-level metric (F1, perplexity): it has no value alone."""


@dataclass(frozen=True)
class Sample:
    """One answer to be had: the requests it takes, and the document behind them."""

    task: str
    doc_id: int
    repeat: int
    doc: Mapping[str, Any] = field(repr=False)
    target: str
    requests: tuple[Request, ...]
    instances: tuple[Any, ...] = field(repr=False)
    """lm-eval's `Instance`s, in the order of `requests`; shared between repeats, never written to."""


@dataclass(frozen=True)
class LoadedTask:
    """A task of lm-eval's with what this project knows of it."""

    spec: TaskSpec
    name: str
    task: Any = field(repr=False)
    kind: str
    version: float
    scorer: str | None
    headline: str | None
    higher_is_better: bool
    licence: str | None
    source: str | None
    content_hash: str
    data_sha256: str | None
    own_repeats: int
    cluster: str | None = None
    """Field of a document that names what it was made from: documents that share it are not independent."""
    breakdown: tuple[str, ...] = ()
    """Fields of a document by whose values the headline is reported as well."""
    contrast: Mapping[str, str] | None = None
    """`{field, from, to}`: the headline's drop between documents of two values of a field, paired by cluster."""

    @property
    def repeats(self) -> int:
        """Samples per document."""
        return self.spec.repeats or self.own_repeats

    @property
    def pooled(self) -> bool:
        """True where the task's own filters want all repeats of a document together."""
        return self.spec.repeats is None and self.own_repeats > 1

    @property
    def runs_code(self) -> bool:
        """True where scoring runs model-written code."""
        return self.scorer == "code"

    @cached_property
    def docs(self) -> list[dict[str, Any]]:
        """The documents, in order, cut to the limit."""
        docs = self.task.eval_docs
        n = len(docs) if self.spec.limit is None else min(self.spec.limit, len(docs))
        return [dict(docs[i]) for i in range(n)]

    @cached_property
    def docs_hash(self) -> str:
        """Hash of the documents' content, wherever they came from."""
        return digest(TASK, [json.loads(json.dumps(doc, default=str)) for doc in self.docs])


def _quiet() -> None:
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    for name in ("datasets", "huggingface_hub", "httpx", "filelock"):
        logging.getLogger(name).setLevel(logging.ERROR)


def load(spec: TaskSpec, files: Mapping[str, TaskFile], task_dirs: Sequence[Path], seed: int) -> list[LoadedTask]:
    """Load one task, or every task of one of lm-eval's groups.

    Args:
        spec: which, and how much of it.
        files: the tasks of this project and of the user.
        task_dirs: the folders they lie in.
        seed: draws the few-shot examples.

    Raises:
        TaskError: unknown, unreadable, or without data.
    """
    _quiet()
    random.seed(seed)  # some of lm-eval's tasks shuffle choices with the global generator
    if spec.builtin:
        return _load_builtin(spec, seed)
    if spec.name not in files:
        raise TaskError(unknown_name("task", spec.name, files))
    file = files[spec.name]
    from lm_eval.tasks import TaskManager

    held = taskdata.data_files(spec.data) if spec.data else []
    manager = TaskManager(
        include_path=[str(folder) for folder in task_dirs],
        include_defaults=False,
        metadata={"data": spec.data} if held else None,
    )
    if held and not _reads_data(file):
        raise TaskError(f"task {spec.name} makes its own documents; leave out task.data={spec.data}")
    task = _build(lambda: manager.load([spec.name]), spec.name)[spec.name]
    _prepare(task, spec, seed)
    metadata = file.metadata
    return [
        LoadedTask(
            spec=spec,
            name=spec.name,
            task=task,
            kind=metadata.get("kind", "other"),
            version=float(metadata["version"]),
            scorer=metadata.get("scorer"),
            headline=metadata.get("headline"),
            higher_is_better=bool(metadata.get("higher_is_better", True)),
            licence=metadata.get("licence"),
            source=metadata.get("source"),
            content_hash=file.content_hash(),
            data_sha256=_joint_sha256(held),
            own_repeats=int(task.get_config("repeats") or 1),
            cluster=metadata.get("cluster"),
            breakdown=tuple(metadata.get("breakdown", ())),
            contrast=metadata.get("contrast"),
        )
    ]


def _joint_sha256(files: Sequence[Path]) -> str | None:
    """The SHA-256 of a data file; of the sorted hashes of several; `None` of none."""
    hashes = sorted(file_sha256(path) for path in files)
    if len(hashes) > 1:
        return hashlib.sha256("".join(hashes).encode()).hexdigest()
    return hashes[0] if hashes else None


def _build(make: Callable[[], Mapping[str, Any]], name: str) -> dict[str, Any]:
    try:
        return dict(make()["tasks"])
    except TaskError:
        raise
    except Exception as error:  # lm-eval and datasets raise whatever they meet
        if isinstance(error.__cause__, TaskError):
            raise error.__cause__ from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        hint = (
            ". If its data is on a hub out of reach: a task of this project takes a local copy with task.data=PATH, "
            "one of lm-eval's reads the hub's cache (HF_HOME), or a folder here that has the data set's name"
            if isinstance(error, OSError)
            else "; custom_dataset must return a mapping of splits to datasets.Dataset with at least one row"
            if isinstance(error, AttributeError | IndexError | TypeError)
            else ""
        )
        raise TaskError(f"task {name}: cannot be loaded: {reason}{hint}") from error


def _reads_data(file: TaskFile) -> bool:
    """True where the task's `custom_dataset` function takes `data`, so that a local file can stand in."""
    named = file.config.get("custom_dataset")
    if not isinstance(named, str):
        return False
    module, _, function = named.rpartition(".")
    source = file.path.parent / f"{module}.py"
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return True  # loading it says what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return any(argument.arg == "data" for argument in (*node.args.args, *node.args.kwonlyargs))
    return True


def _prepare(task: Any, spec: TaskSpec, seed: int) -> None:
    if spec.num_fewshot is not None:
        task.set_config(key="num_fewshot", value=spec.num_fewshot)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=seed)


def builtin_index() -> dict[str, str]:
    """lm-eval's own tasks, groups and tags by name, each with the family folder its file lies in.

    Building lm-eval's index takes tens of seconds, so it is kept in the cache folder, per version.
    """
    from importlib.metadata import version

    from harness.weights import cache_dir

    cache = cache_dir() / f"lm_eval_tasks_{version('lm-eval')}.json"
    if cache.is_file():
        try:
            index = json.loads(cache.read_text(encoding="utf-8"))
            return {str(name): str(family) for name, family in index.items()}
        except ValueError:
            cache.unlink()
    _quiet()
    import lm_eval.tasks

    from harness.runs import write_atomic

    root = Path(lm_eval.tasks.__file__).parent
    index = {}
    for name, entry in lm_eval.tasks.TaskManager().task_index.items():
        path = entry.yaml_path
        index[name] = path.relative_to(root).parts[0] if path and path.is_relative_to(root) else ""
    write_atomic(cache, json.dumps(index, sort_keys=True).encode())
    return index


def _load_builtin(spec: TaskSpec, seed: int) -> list[LoadedTask]:
    import lm_eval.tasks

    index = builtin_index()
    if spec.name not in index:
        raise TaskError(unknown_name("lm-eval task", spec.name, index))
    if spec.data is not None:
        raise TaskError(f"task lm_eval:{spec.name}: task.data works for the tasks of this project, not for lm-eval's")
    family = Path(lm_eval.tasks.__file__).parent / index[spec.name]

    def make() -> Mapping[str, Any]:
        # A family's folder is indexed in milliseconds; a group that reaches beyond its folder needs them all.
        if index[spec.name] and family.is_dir():
            manager = lm_eval.tasks.TaskManager(include_path=str(family), include_defaults=False)
            try:
                return dict(manager.load([spec.name]))
            except KeyError:
                pass
        return dict(lm_eval.tasks.TaskManager().load([spec.name]))

    loaded = []
    for name, task in sorted(_build(make, f"lm_eval:{spec.name}").items()):
        _prepare(task, spec, seed)
        metrics = [metric for metric in task.aggregation() if metric != "bypass"]
        headline = metrics[0] if metrics else None
        loaded.append(
            LoadedTask(
                spec=spec,
                name=name,
                task=task,
                kind="other",
                version=_number(task.VERSION),
                scorer=None,
                headline=headline,
                higher_is_better=bool(task.higher_is_better().get(headline, True)),
                licence=None,
                source=f"lm-eval: {spec.name}",
                content_hash=digest(TASK, json.loads(json.dumps(task.dump_config(), default=str)))[-DIGEST_CHARS:],
                data_sha256=None,
                own_repeats=int(task.get_config("repeats") or 1),
            )
        )
    return loaded


def _number(version: object) -> float:
    try:
        return float(str(version))
    except ValueError:
        return 0.0


def decoding_for(model: ModelSpec, spec: EvalSpec, task: TaskSpec, generation: Mapping[str, Any]) -> Decoding:
    """Final decoding of one request: the model's own, over the run's, over the task's `generation_kwargs`."""
    own = model.decode or DecodeSpec()

    def pick(name: str, default: Any) -> Any:
        for source in (own, spec.decode):
            if (value := getattr(source, name)) is not None:
                return value
        return default

    stop = generation.get("until") or ()
    return Decoding(
        max_tokens=int(pick("max_tokens", task.max_tokens or generation.get("max_gen_toks", DEFAULT_MAX_TOKENS))),
        temperature=float(pick("temperature", generation.get("temperature", 0.0))),
        top_p=pick("top_p", generation.get("top_p")),
        top_k=pick("top_k", generation.get("top_k")),
        stop=tuple(word for word in ([stop] if isinstance(stop, str) else stop) if word),
    )


def plan(loaded: LoadedTask, model: ModelSpec, spec: EvalSpec, identity: Mapping[str, Any]) -> list[Sample]:
    """Every sample that a model owes a task, in the order of documents, then repeats.

    Args:
        loaded: the task.
        model: the model.
        spec: the run: decoding, seed.
        identity: what of the model can change an answer: backend, its arguments, the hash of its weights.

    Raises:
        TaskError: the task has no documents, or asks for pictures or sound.
    """
    task = loaded.task
    chat = model.chat and task.OUTPUT_TYPE == "generate_until"
    try:
        task.build_all_requests(
            limit=loaded.spec.limit,
            system_instruction=model.system,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            chat_template=_chat_template if chat else None,
            tokenizer_name="harness" if chat else "",
        )
    except ValueError as error:
        raise TaskError(f"task {loaded.name}: {error}") from error
    by_doc: dict[int, list[Any]] = {}
    for instance in task.instances:
        by_doc.setdefault(instance.doc_id, []).append(instance)
    samples = []
    for doc_id, unordered in sorted(by_doc.items()):
        instances = sorted(unordered, key=lambda instance: instance.idx)
        target = _target(task, instances[0].doc)
        for repeat in range(loaded.repeats):
            requests = tuple(
                _request(instance, loaded, model, spec, identity, repeat=repeat, chat=chat) for instance in instances
            )
            samples.append(
                Sample(loaded.name, doc_id, repeat, dict(instances[0].doc), target, requests, tuple(instances))
            )
    return samples


def _chat_template(history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
    """Keep the conversation as it is: the backend applies the model's own template."""
    del add_generation_prompt  # a conversation that ends with the assistant's words says it itself
    return json.dumps([{"role": turn["role"], "content": turn["content"]} for turn in history])


def _request(
    instance: Any,
    loaded: LoadedTask,
    model: ModelSpec,
    spec: EvalSpec,
    identity: Mapping[str, Any],
    *,
    repeat: int,
    chat: bool,
) -> Request:
    kind: RequestKind = "generate" if instance.request_type == "generate_until" else instance.request_type
    arguments = instance.args
    messages: tuple[Message, ...] | None = None
    prompt: str | None = arguments[0]
    continuation, decoding = None, None
    if kind == "generate":
        if len(arguments) > 2:  # noqa: PLR2004 - (context, generation arguments[, pictures and sound])
            raise TaskError(f"task {loaded.name}: asks for pictures or sound; harness evaluates text")
        decoding = decoding_for(model, spec, loaded.spec, arguments[1])
        if chat:
            messages, prompt = tuple(json.loads(arguments[0])), None
    elif kind == "loglikelihood":
        continuation = arguments[1]
    content = {
        "model": identity,
        "task": loaded.name,
        "version": loaded.version,
        "doc_id": instance.doc_id,
        "index": instance.idx,
        "repeat": repeat,
        "kind": kind,
        "messages": messages,
        "prompt": prompt,
        "continuation": continuation,
        "decoding": decoding,
        "seed": spec.seed + repeat,
    }
    return Request(
        id=digest(REQUEST, content),
        model=model.name,
        task=loaded.name,
        doc_id=instance.doc_id,
        repeat=repeat,
        index=instance.idx,
        kind=kind,
        messages=messages,
        prompt=prompt,
        continuation=continuation,
        decoding=decoding,
        seed=spec.seed + repeat,
    )


def _target(task: Any, doc: Mapping[str, Any]) -> str:
    target = task.doc_to_target(doc)
    if isinstance(target, int) and task.config.doc_to_choice is not None:
        choices = task.doc_to_choice(doc)
        return str(choices[target]) if 0 <= target < len(choices) else str(target)
    return target if isinstance(target, str) else json.dumps(target, default=str)


def status(replies: Sequence[Reply | None]) -> SampleStatus:
    """The state of a sample, from the replies to its requests (`None` is a request never sent)."""
    if any(reply is None or reply.error is not None for reply in replies):
        return "failed"
    reasons = {reply.finish_reason for reply in replies if reply is not None}
    if reasons & {"refusal", "content_filter"}:
        return "refused"
    return "truncated" if "length" in reasons else "answered"


def _response(request: Request, reply: Reply) -> Any:
    if request.kind == "loglikelihood":
        return (reply.loglikelihood, reply.is_greedy)
    if request.kind == "loglikelihood_rolling":
        return reply.loglikelihood
    # A model that thought until its limit said nothing: that is an empty answer, and flagged as truncated.
    return reply.text or ""


def score(
    loaded: LoadedTask, samples: Sequence[Sample], replies: Mapping[str, Reply], sandbox: SandboxSpec
) -> list[dict[tuple[str, str, str], Score]]:
    """Score samples of one model on one task.

    Returns:
        For each sample, in order: (metric, filter, scorer) to its score. A failed or refused sample has a
        score without a value wherever the others have one.
    """
    states = [status([replies.get(request.id) for request in sample.requests]) for sample in samples]
    usable = [i for i, state in enumerate(states) if state in ("answered", "truncated")]
    scored: list[dict[tuple[str, str, str], Score]] = [{} for _ in samples]
    groups: dict[tuple[int, int], list[int]] = {}
    for i in usable:
        groups.setdefault((samples[i].doc_id, 0 if loaded.pooled else samples[i].repeat), []).append(i)
    for members in groups.values():
        for key, result in _lm_eval_scores(loaded, [samples[i] for i in members], replies).items():
            scored[members[0]][key] = result
    if loaded.scorer is not None:
        module = plugins.load("scorers", loaded.scorer)
        answers = [
            Answer(
                doc=samples[i].doc,
                target=samples[i].target,
                text=replies[samples[i].requests[0].id].text or "",
                truncated=states[i] == "truncated",
            )
            for i in usable
        ]
        for i, result in zip(usable, module.score(answers, sandbox), strict=True):
            scored[i][(module.METRIC, NO_FILTER, loaded.scorer)] = result
    keys = dict.fromkeys(key for row in scored for key in row) or _expected_keys(loaded)
    for i, state in enumerate(states):
        if state not in ("answered", "truncated"):
            scored[i] = {key: Score(None, state) for key in keys}
    return scored


def _expected_keys(loaded: LoadedTask) -> dict[tuple[str, str, str], None]:
    """The headline alone, where not one sample could be scored."""
    return {(loaded.headline, NO_FILTER, loaded.scorer or LM_EVAL): None} if loaded.headline else {}


def _lm_eval_scores(
    loaded: LoadedTask, repeats: Sequence[Sample], replies: Mapping[str, Reply]
) -> dict[tuple[str, str, str], Score]:
    """lm-eval's metrics of one document, for every filter of the task."""
    task = loaded.task
    if set(task.aggregation()) <= {"bypass"}:
        return {}
    instances = []
    for index, original in enumerate(repeats[0].instances):
        instance = copy.copy(original)
        instance.resps = [_response(s.requests[index], replies[s.requests[index].id]) for s in repeats]
        instance.filtered_resps = {}
        instances.append(instance)
    scores = {}
    for ensemble in task._filters:  # noqa: SLF001 - lm-eval offers `apply_filters` for a whole task only
        try:
            ensemble.apply(instances)
            filtered = [instance.filtered_resps[ensemble.name] for instance in instances]
            values = task.process_results(repeats[0].doc, filtered)
            extracted = filtered[0] if isinstance(filtered[0], str) else None
        except Exception as error:  # noqa: BLE001 - a task's own code may raise anything
            values, extracted = dict.fromkeys(task.aggregation(), error), None
        for metric, value in values.items():
            if metric != "bypass":
                scores[(metric, ensemble.name, LM_EVAL)] = _lm_eval_score(value, extracted)
    return scores


def _lm_eval_score(value: Any, extracted: str | None) -> Score:
    if isinstance(value, Exception):
        return Score(None, "scorer_error", extracted, f"{type(value).__name__}: {value}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return Score(None, UNAGGREGATED, extracted, detail={"part": json.loads(json.dumps(value, default=_jsonable))})
    if not math.isfinite(number):
        return Score(None, "scorer_error", extracted, f"lm-eval's metric gave {number}")
    return Score(number, "scored", extracted)


def _jsonable(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def aggregation(loaded: LoadedTask, metric: str) -> Callable[[Iterable[Any]], float] | None:
    """lm-eval's corpus-level aggregation of a metric; `None` where it is the plain mean."""
    function = loaded.task.aggregation().get(metric)
    return None if function is None or getattr(function, "__name__", "") == "mean" else function
