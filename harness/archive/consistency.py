"""What a run planned against what is there: its ids worked out anew from their content, and its samples counted.

A run id is a hash over every request and every task, a request's id one over everything that is asked. Whoever leaves
documents out, or changes what was asked, has to make all of them anew, and then the run is another one.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.core import Digester, digest, identity
from harness.evaluation import planning
from harness.runs import MANIFEST, SAMPLES, STATES, Manifest, ModelEntry, TaskEntry, completions

if TYPE_CHECKING:
    import polars as pl

Problem = tuple[str, str]
"""Where, and what was found."""
SHOWN = 5
"""Documents that a finding names."""
WIDTH = 60
"""Characters that a finding shows of a cell."""
_OF_MODELS = ("backend", "args", "chat", "system", "control_of")
"""What a manifest says of a model twice: in its spec, and in its entry, which the requests' ids are made with."""


def name_of(row: Mapping[str, Any]) -> str:
    """A sample in words."""
    return f"sample {row['model']}, {row['task']}, document {row['doc_id']}, repeat {row['repeat']}"


def same(one: Any, other: Any) -> bool:
    """Whether two cells are the same."""
    return bool(one == other)


def short(value: Any) -> str:
    """A cell in a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def spec_problems(said: Manifest, stands: Mapping[str, Any]) -> Iterator[Problem]:
    """Where a manifest's spec is not the one that its hash and its entries are of.

    Args:
        said: the manifest.
        stands: the same as it stands in the file.
    """
    spec = stands["spec"]
    found = digest(identity.RUN, {"import": spec["import"]} if said.imported else spec)
    if found != said.spec_hash:
        yield f"{MANIFEST}: spec_hash", f"recorded {said.spec_hash}, found {found}"
    if said.imported:
        return
    if said.name != spec.get("name", said.name):
        yield f"{MANIFEST}: name", f"{short(said.name)}, the spec says {short(spec['name'])}"
    asked = {model["name"]: model for model in spec["models"]}
    if list(asked) != [model.name for model in said.models]:
        yield f"{MANIFEST}: models", f"{short([m.name for m in said.models])}, the spec says {short(list(asked))}"
        return
    for model in said.models:
        for key in _OF_MODELS:
            if (one := getattr(model, key)) != (other := asked[model.name].get(key, one)):
                yield f"{MANIFEST}: model {model.name}: {key}", f"{short(one)}, the spec says {short(other)}"


def run_id(said: Manifest, frame: pl.DataFrame) -> str | None:
    """The id that a run has by what it holds. `None` if an old manifest does not say how its code was judged."""
    if said.imported:
        return f"{said.name[:40]}-{said.spec_hash.rpartition(':')[2][: planning.RUN_ID_CHARS]}"
    if said.judged is None:
        return None
    tasks = {task.name: (task.task_hash, task.docs_hash, task.scorer) for task in said.tasks}
    parts = frame.select("model", "task", "request_ids").partition_by("model", "task", as_dict=True)
    requests: dict[str, list[str]] = {}
    for model, task in itertools.product(said.models, said.tasks):
        if (part := parts.get((model.name, task.name))) is not None:
            requests.setdefault(model.name, []).extend(part["request_ids"].explode().to_list())
    whole = planning.id_of(said.name, tasks, said.judged, requests)
    shard = said.spec.get("shard")
    return f"{whole}-{shard.replace('/', 'of')}" if shard else whole


class Requests:
    """The ids of a run's requests, from what was asked."""

    def __init__(self, said: Manifest) -> None:
        self._imported = said.imported
        self._models = {model.name: _identity(model) for model in said.models}
        self._versions = {task.name: task.version for task in said.tasks}
        self._digesters: dict[tuple[str, str, str | None], Digester] = {}

    def problems(self, row: Mapping[str, Any]) -> Iterator[Problem]:
        """Where a stored sample does not ask what its ids say.

        Raises:
            KeyError: its model or its task is not in the manifest.
        """
        found = list(self._imported_id(row) if self._imported else self._ids(row))
        if found != row["request_ids"]:
            yield name_of(row), "its request ids are not those of what it says was asked"

    def _ids(self, row: Mapping[str, Any]) -> Iterator[str]:
        digester = self._digester(row["model"], row["task"], row["decoding"])
        fields = {key: row[key] for key in ("doc_id", "repeat", "kind", "prompt", "seed")}
        fields["messages"] = json.loads(row["messages"]) if row["messages"] else None
        texts = row["continuations"] if row["kind"] == "loglikelihood" else [None] * len(row["request_ids"])
        for index, text in enumerate(texts or ()):
            yield digester.digest({**fields, "index": index, "continuation": text})

    def _digester(self, model: str, task: str, decoding: str | None) -> Digester:
        key = (model, task, decoding)
        if key not in self._digesters:
            said = {"model": self._models[model], "task": task, "version": self._versions[task]}
            decoded = json.loads(decoding) if decoding else None
            self._digesters[key] = Digester(identity.REQUEST, {**said, "decoding": decoded})
        return self._digesters[key]

    @staticmethod
    def _imported_id(row: Mapping[str, Any]) -> Iterator[str]:
        yield digest(identity.IMPORT, [row["model"], row["task"], json.loads(row["doc"])["prompt_id"], row["repeat"]])


def _identity(model: ModelEntry) -> dict[str, Any]:
    weights = model.weights.sha256 if model.weights else None
    return {"backend": model.backend, "args": model.args, "chat": model.chat, "weights": weights}


# What was planned ----------------------------------------------------------------------------------------------


def sample_problems(said: Manifest, frame: pl.DataFrame) -> Iterator[Problem]:
    """Samples that were planned and are not there, or the other way round. Figures without samples. Other counts."""
    parts = frame.select("model", "task", "doc_id", "repeat").partition_by("model", "task", as_dict=True)
    if not said.imported:
        owed = _owed(said)
        for model, task in sorted({*owed, *parts}):
            where = f"model {model}, task {task}"
            if (model, task) not in owed:
                yield where, "has samples, and was not planned"
            elif (model, task) not in parts:
                yield where, "was planned, and has no samples"
            else:
                held = set(parts[model, task].select("doc_id", "repeat").iter_rows())
                yield from ((where, what) for what in _incomplete(said, *owed[model, task], held))
    for metric in said.metrics:
        if (metric.model, metric.task) not in parts:
            yield f"metric {metric.model} {metric.task} {metric.metric}", "is stored, and there are no samples for it"
    yield from _counts(said, frame)


def _owed(said: Manifest) -> dict[tuple[str, str], tuple[ModelEntry, TaskEntry]]:
    own = {model["name"]: model.get("only_tasks") for model in said.spec["models"]}
    pairs = itertools.product(said.models, said.tasks)
    return {(m.name, t.name): (m, t) for m, t in pairs if own.get(m.name) is None or t.name in own[m.name]}


def _incomplete(said: Manifest, model: ModelEntry, task: TaskEntry, held: set[tuple[int, int]]) -> Iterator[str]:
    """What of the samples of one model on one task is not as planned. `held` are their documents and repeats."""
    docs = {doc for doc, _ in held}
    n_docs = len(docs) if task.n_docs is None else task.n_docs
    repeats = max(repeat for _, repeat in held) + 1 if task.repeats is None else task.repeats
    limit = asked(said, task).get("limit")
    if limit is not None and n_docs > limit:
        yield f"{n_docs} documents, and the limit is {limit}"
    place, count = planning.shard_of(said.spec.get("shard")) or (1, 1)
    wanted = set(itertools.product(range(place - 1, place - 1 + n_docs * count, count), range(repeats)))
    missing = wanted - held
    if model.backend == completions.BACKEND:  # a file holds more completions of one document than of another
        missing = {(doc, repeat) for doc, repeat in missing if doc not in docs}
    for what, those in (
        ("were planned, and are not there", missing),
        ("are there, and were not planned", held - wanted),
    ):
        if those:
            yield f"{len(those)} samples {what} (documents {first(sorted({doc for doc, _ in those}))})"


def asked(said: Manifest, task: TaskEntry) -> Mapping[str, Any]:
    """What the spec of a run asks of a task. Empty of one that came with a group of lm-eval's."""
    found: Mapping[str, Any] = next((entry for entry in said.spec["tasks"] if entry["name"] == task.name), {})
    return found


def first(documents: list[int]) -> str:
    """The first of some documents, and that there are more."""
    return ", ".join(map(str, documents[:SHOWN])) + (", …" if documents[SHOWN:] else "")


def _counts(said: Manifest, frame: pl.DataFrame) -> Iterator[Problem]:
    states = frame["status"].to_list()
    now: dict[str, object] = {f"counts.{state}": states.count(state) for state in STATES}
    then: dict[str, object] = {f"counts.{state}": getattr(said.counts, state) for state in STATES}
    for kind in ("prompt", "completion", "reasoning", "cached"):
        now[f"tokens.{kind}"], then[f"tokens.{kind}"] = frame[f"{kind}_tokens"].sum(), getattr(said.tokens, kind)
    now["status"] = "incomplete" if "failed" in states and not said.imported else "complete"
    then["status"] = said.status
    for key, found in now.items():
        if then[key] not in (None, found):
            yield f"{MANIFEST}: {key}", f"{then[key]}, and {SAMPLES} gives {found}"
