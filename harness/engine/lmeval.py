"""lm-eval as the task engine: tasks by name, ready to be asked (`requests.py`) and scored (`scoring.py`).

Only this file, the backend for lm-eval's model types, and `core/patches.py` import `lm_eval`. `core/patches.py` holds
what is changed in it. The three files build on lm-eval's stable points:
`TaskManager(include_path, include_defaults, metadata)`, `Task.build_all_requests`, `Instance`, the task's
filters, `process_results` and `aggregation`. They differ from `lm_eval.evaluate` in three ways:

- Every repeat is a sample of its own, because lm-eval's default filter throws k-1 of k away. If a task file itself asks
  for repeats, it gets them together, so that its majority vote works.
- A failed request reaches no filter and no metric. If a filter or a metric raises, it spoils one sample.
- Chat templates are applied to generations only, because a loglikelihood is of plain text.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import digest, digest_items, file_sha256, identity, panels, patches, plugins, say
from harness.engine import taskfiles
from harness.engine.taskfiles import TaskFile
from harness.errors import TaskError, unknown_name
from harness.specs import PanelSpec, SandboxSpec, TaskSpec

patches.environment()


@dataclass(frozen=True)
class LoadedTask:
    """One of lm-eval's tasks, with what this project knows of it."""

    spec: TaskSpec
    name: str
    task: Any = field(repr=False)
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    """Every document as lm-eval holds it. They are usually in Arrow's columns, which take far less room than dicts."""
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
    """Field of a document that names what it was made from. Documents that share its value are not independent."""
    breakdown: tuple[str, ...] = ()
    """Fields of a document. The headline is also reported for each of their values."""
    needs: Mapping[str, float] = field(default_factory=dict)
    """`timeout_s` and `memory_mb`: the least that the task's programs need of the sandbox."""
    extract: str | None = None
    """If `official`, code is taken from an answer as the published executor takes it, and nothing is mended."""
    contrast: Mapping[str, str] | None = None
    """`{field, from, to}`: how far the headline drops from one value of a field to another, paired by cluster."""
    shard: tuple[int, int] | None = None
    """`(i, n)`: only documents i, i + n, i + 2n …, counted from 1."""

    @property
    def repeats(self) -> int:
        """Samples per document."""
        return self.spec.repeats or self.own_repeats

    @property
    def pooled(self) -> bool:
        """True if the task's own filters want all repeats of a document together."""
        return self.spec.repeats is None and self.own_repeats > 1

    @property
    def runs_code(self) -> bool:
        """True if scoring runs model-written code."""
        return self.scorer is not None and getattr(plugins.load("scorers", self.scorer), "RUNS_CODE", False)

    def check_code(self, spec: SandboxSpec) -> None:
        """Check before the first request that the programs of this task can be run here.

        Raises:
            SandboxError: they cannot. The message says what to install.
        """
        check = getattr(plugins.load("scorers", self.scorer), "check", None) if self.scorer is not None else None
        if check is not None and self.rows:
            check(dict(self.rows[0]), self.sandbox(spec))

    def sandbox(self, spec: SandboxSpec) -> SandboxSpec:
        """The sandbox's settings, with as much time and memory as this task needs."""
        return dataclasses.replace(
            spec,
            timeout_s=max(spec.timeout_s, self.needs.get("timeout_s", 0)),
            memory_mb=max(spec.memory_mb, int(self.needs.get("memory_mb", 0))),
        )

    @property
    def n_whole(self) -> int:
        """How many documents all shards have, cut to the limit."""
        return len(self.rows) if self.spec.limit is None else min(self.spec.limit, len(self.rows))

    @property
    def n_docs(self) -> int:
        """How many documents this shard has, cut to the limit."""
        return len(range(self.n_whole)[self._mine()])

    def holds(self, doc_id: int) -> bool:
        """Whether the document at this position is in this shard."""
        return self.shard is None or doc_id % self.shard[1] == self.shard[0] - 1

    def _mine(self) -> slice:
        return slice(None) if self.shard is None else slice(self.shard[0] - 1, None, self.shard[1])

    def whole(self) -> Iterator[dict[str, Any]]:
        """The documents of all shards, in order, cut to the limit. Each call makes them anew."""
        return map(dict, itertools.islice(self.rows, self.n_whole))

    def docs(self) -> Iterator[dict[str, Any]]:
        """The documents of this shard, in order. Each call makes them anew."""
        return (doc for doc_id, doc in enumerate(self.whole()) if self.holds(doc_id))

    @functools.cached_property
    def docs_hash(self) -> str:
        """Hash of what the documents say. It does not depend on where they came from."""
        return _docs_hash(self.docs())

    @functools.cached_property
    def whole_hash(self) -> str:
        """The hash of the documents of all shards."""
        return self.docs_hash if self.shard is None else _docs_hash(self.whole())


def _docs_hash(docs: Iterable[Mapping[str, Any]]) -> str:
    return digest_items(identity.TASK, (json.loads(json.dumps(doc, default=str)) for doc in docs))


def load(spec: TaskSpec, files: Mapping[str, TaskFile], seed: int, *, reads: bool = True) -> list[LoadedTask]:
    """Load one task, or every task of one of lm-eval's groups.

    Args:
        spec: names the task, and says how much of it you want.
        files: the tasks of this project and of the user.
        seed: some tasks shuffle choices when they are read. They draw from this seed.
        reads: false if you hold the documents already.

    Raises:
        TaskError: the task is unknown, cannot be read, or has no data.
    """
    patches.quiet()
    patches.heavy_when_needed()
    patches.templates_compiled_once()
    random.seed(seed)  # some of lm-eval's tasks shuffle choices with the global generator
    held = taskfiles.check(spec, files)
    if spec.builtin:
        return _load_builtin(spec)
    name, window = taskfiles.parted(spec.name)
    file = files[name]
    if window is not None:
        taskfiles.window_of(window, file)  # before its data are fetched
    from lm_eval.tasks import TaskManager

    if spec.panel is not None and spec.panel.quick and spec.max_tokens is None:
        spec = dataclasses.replace(spec, max_tokens=PanelSpec.QUICK_TOKENS)
    manager = TaskManager(
        include_path=[str(file.path.parent)],  # it reads every file of its folders, a hundred in all of them
        include_defaults=False,
        metadata=_told(spec, file, held, reads=reads) | _panel(spec, file) or None,
    )
    task = _build(lambda: manager.load([name]), spec, name)[name]
    metadata = file.metadata
    rows = _prepare(task, spec)
    return [
        LoadedTask(
            spec=spec,
            name=spec.name,
            task=task,
            rows=rows if window is None else taskfiles.in_window(rows, window, file),
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
            needs=metadata.get("sandbox", {}),
            extract=metadata.get("extract"),
            contrast=metadata.get("contrast"),
        )
    ]


def _told(spec: TaskSpec, file: TaskFile, held: Sequence[Path], *, reads: bool) -> dict[str, Any]:
    """The files that a task reads its documents from. It is empty if the task asks the hub itself."""
    if held:
        return {"data": taskfiles.published_files(file, spec.data)}
    if "files" in file.metadata and reads:
        return {"data": taskfiles.published_files(file, None)}
    return {}


def _joint_sha256(files: Sequence[Path]) -> str | None:
    """The SHA-256 of one data file. Of several files, the hash of their sorted hashes. `None` if there is no file."""
    hashes = sorted(file_sha256(path) for path in files)
    if len(hashes) > 1:
        return hashlib.sha256("".join(hashes).encode()).hexdigest()
    return hashes[0] if hashes else None


def _build(make: Callable[[], Mapping[str, Any]], spec: TaskSpec, name: str) -> dict[str, Any]:
    try:
        with patches.examples_only_where_wanted(spec.num_fewshot):
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


def _panel(spec: TaskSpec, file: TaskFile) -> dict[str, Any]:
    """What a task is told if it asks a reference panel. It is empty for other tasks.

    Raises:
        TaskError: you chose a panel for a task that asks none.
    """
    if not taskfiles.takes(file, "panel"):
        if spec.panel is not None:
            raise TaskError(f"task {spec.name} asks no panel; leave out its panel={','.join(spec.panel.names)}")
        return {}
    chosen = spec.panel or PanelSpec()
    several = panels.shared(chosen.names, chosen.asked)
    for name, asked in zip(chosen.names, several, strict=False):
        if chosen.asked == "all" and asked.here < asked.total:
            say(
                f"panel {asked.panel}: asks the {asked.here} of its {asked.total} prompts whose texts are here; "
                f"`harness panel fetch {name}` gets the others"
            )
    if len(chosen.names) > 1:
        said = ", ".join(f"{len(asked.rows)} of {asked.panel}" for asked in several)
        left = [name for name in chosen.names if name not in {asked.panel for asked in several}]
        say(f"panels: asks {said}" + (f"; the budget has none for {', '.join(left)}" if left else ""))
    return {
        "panel": {
            "name": ", ".join(asked.panel for asked in several),
            "version": ", ".join(asked.version for asked in several),
        },
        "rows": [dict(row) for asked in several for row in asked.rows],
    }


def _prepare(task: Any, spec: TaskSpec) -> Sequence[Mapping[str, Any]]:
    """Set the number of examples, and read the documents once: a task may shuffle choices each time it is asked."""
    if spec.num_fewshot is not None:
        task.set_config(key="num_fewshot", value=spec.num_fewshot)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    try:
        rows: Sequence[Mapping[str, Any]] = task.task_docs if hasattr(task, "task_docs") else task.eval_docs
    except ValueError as error:
        raise TaskError(f"task {spec.name}: {error}") from error
    return rows


def builtin_index() -> dict[str, str]:
    """lm-eval's own tasks, groups and tags by name, each with the family folder its file lies in.

    It takes tens of seconds to build lm-eval's index, so the cache folder keeps it, one per version of lm-eval.
    """
    from importlib.metadata import version

    from harness.core import weights

    cache = weights.cache_dir() / f"lm_eval_tasks_{version('lm-eval')}.json"
    if cache.is_file():
        try:
            index = json.loads(cache.read_text(encoding="utf-8"))
            return {str(name): str(family) for name, family in index.items()}
        except ValueError:
            cache.unlink()
    patches.quiet()
    import lm_eval.tasks

    from harness.runs import write_atomic

    root = Path(lm_eval.tasks.__file__).parent
    index = {}
    for name, entry in lm_eval.tasks.TaskManager().task_index.items():
        path = entry.yaml_path
        index[name] = path.relative_to(root).parts[0] if path and path.is_relative_to(root) else ""
    write_atomic(cache, json.dumps(index, sort_keys=True).encode())
    return index


def _load_builtin(spec: TaskSpec) -> list[LoadedTask]:
    import lm_eval.tasks

    index = builtin_index()
    if spec.name not in index:
        raise TaskError(unknown_name("lm-eval task", spec.name, index))
    family = Path(lm_eval.tasks.__file__).parent / index[spec.name]

    def make() -> Mapping[str, Any]:
        # The folder of one family is indexed in milliseconds. A group that reaches beyond its folder needs them all.
        if index[spec.name] and family.is_dir():
            manager = lm_eval.tasks.TaskManager(include_path=str(family), include_defaults=False)
            try:
                return dict(manager.load([spec.name]))
            except KeyError:
                pass
        return dict(lm_eval.tasks.TaskManager().load([spec.name]))

    loaded = []
    for name, task in sorted(_build(make, spec, f"lm_eval:{spec.name}").items()):
        rows = _prepare(task, spec)
        metrics = [metric for metric in task.aggregation() if metric != "bypass"]
        headline = metrics[0] if metrics else None
        loaded.append(
            LoadedTask(
                spec=spec,
                name=name,
                task=task,
                rows=rows,
                kind="other",
                version=_number(task.VERSION),
                scorer=None,
                headline=headline,
                higher_is_better=bool(task.higher_is_better().get(headline, True)),
                licence=None,
                source=f"lm-eval: {spec.name}",
                content_hash=digest(identity.TASK, json.loads(json.dumps(task.dump_config(), default=str)))[
                    -identity.DIGEST_CHARS :
                ],
                data_sha256=None,
                own_repeats=int(task.get_config("repeats") or 1),
            )
        )
    return loaded


def load_over(spec: TaskSpec, files: Mapping[str, TaskFile], docs: Sequence[Mapping[str, Any]]) -> LoadedTask:
    """Load a task over documents that you hold, to score answers to them again. It reads no data and asks no hub.

    Args:
        spec: names the task.
        files: the tasks of this project and of the user.
        docs: the documents, as the samples of a run hold them. They are used for every split.

    Returns:
        The task, with lm-eval's instances of all these documents made.

    Raises:
        TaskError: as `load`.
    """
    with patches.documents_in_place_of_data(docs):
        whole = dataclasses.replace(spec, data=None, limit=None, num_fewshot=0)
        (loaded,) = load(whole, files, seed=0, reads=False)
        loaded.task.build_all_requests()
        return loaded


def _number(version: object) -> float:
    try:
        return float(str(version))
    except ValueError:
        return 0.0


def aggregation(loaded: LoadedTask, metric: str) -> Callable[[Iterable[Any]], float] | None:
    """lm-eval's corpus-level aggregation of a metric. It is `None` if the metric is a plain mean."""
    function = loaded.task.aggregation().get(metric)
    return None if function is None or getattr(function, "__name__", "") == "mean" else function
