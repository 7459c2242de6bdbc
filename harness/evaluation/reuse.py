"""Answers that other runs hold already, and why a request found none.

A reply is reused only for a model of the same name, and only if the request's whole identity is the same: backend,
its arguments (model id, endpoint), weights, task and its version, document, messages, decoding, seed, repeat. Only
models behind an API are looked up: their answers cost money, and a local runtime may have changed since.

A name is the user's word for what answers, and a server may answer with something else by now. So what is missing is
asked first. If the server then names another model than it did, nothing of that other model is taken. A server of
one's own, whose weights anybody may have changed, is asked one question even if nothing is missing.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness import runs
from harness.core import plain, publishable_args
from harness.errors import ConfigError, StorageError
from harness.evaluation.budget import OWN_HARDWARE
from harness.evaluation.planning import Plan
from harness.records import Reply, broken_off
from harness.runs import Entry, ModelEntry, Replies, entries, read
from harness.specs import ModelSpec

_PRIVATE = {"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "test"}
"""Top names that no public server has: RFC 6761, RFC 6762 with its appendix G, and that of `localhost.localdomain`."""


@dataclasses.dataclass(frozen=True, slots=True)
class _ReplyPlace:
    """Where a reply is, and the model that its server named."""

    run: str
    path: Path
    start: int
    served: str | None


class ReusableReplies(Mapping[str, Reply]):
    """Successful replies of other runs by the request's id, each with the run it came from. Read when asked for."""

    def __init__(self) -> None:
        self._places: dict[str, list[_ReplyPlace]] = {}

    def note(self, request_id: str, place: _ReplyPlace) -> None:
        """Remember where a reply to a request is. If one served model has several, the first is kept."""
        places = self._places.setdefault(request_id, [])
        if place.served not in {known.served for known in places}:
            places.append(place)

    def forget(self, request_id: str) -> None:
        """Leave a request to be asked."""
        del self._places[request_id]

    def served(self, request_id: str) -> set[str | None]:
        """The models that servers named with their replies to a request. `None` is one that named none."""
        return {place.served for place in self._places[request_id]}

    def of(self, request_id: str, served: set[str | None] | None) -> Reply | None:
        """A reply of one of these models (`None`: one that nobody named), or of any model if `served` is `None`.

        A server that begins or stops to name its model is another one. `None`: there is no such reply.
        """
        fitting = (place for place in self._places[request_id] if served is None or place.served in served)
        return None if (place := next(fitting, None)) is None else _read(place)

    def __getitem__(self, request_id: str) -> Reply:
        """Read one reply."""
        return _read(self._places[request_id][0])

    def __iter__(self) -> Iterator[str]:
        """The requests' ids."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)


def _read(place: _ReplyPlace) -> Reply:
    reply = read(place.path, place.start)
    return dataclasses.replace(reply, reused_from=reply.reused_from or place.run)


def find(plan: Plan, held: Replies) -> ReusableReplies:
    """Replies of other runs to requests that are wanted here.

    Args:
        plan: the run. It is left out, and no two of its models ask a server the same (`planning.check_apart`).
        held: what is answered already.

    Returns:
        What was found. Damaged folders are passed over. If all that is missing was found, one request is left to be
        asked if only the server can say which model answers now.
    """
    found = ReusableReplies()
    if not plan.spec.reuse or plan.spec.replay is not None:
        return found
    asked = [model for model in plan.models if model.billed]
    missing = {model.name: list(model.missing(held)) for model in asked}
    wanted = {id_: model.model for model in asked for id_ in missing[model.name]}
    for folder in runs.list_runs(plan.results) if wanted else ():
        if folder.name == plan.run_id:
            continue
        try:
            models = runs.read_manifest(folder).models
            if any(_same(theirs, ours.model) for theirs in models for ours in asked):
                for id_, entry in _answers(folder, wanted).items():
                    place = _ReplyPlace(folder.name, folder / runs.JOURNAL, entry.start, entry.reply.served_model)
                    found.note(id_, place)
        except StorageError:
            continue
    for model in asked:
        ids = missing[model.name]
        if ids and all(id_ in found for id_ in ids):
            named = {name for id_ in ids for name in found.served(id_)}
            if on_own_server(model.model) or len(named) > 1:
                found.forget(ids[0])
    return found


def _same(theirs: ModelEntry, ours: ModelSpec) -> bool:
    return (theirs.name, theirs.backend, theirs.args) == (ours.name, ours.backend, _args(ours.args))


def _answers(folder: Path, wanted: Mapping[str, ModelSpec]) -> dict[str, Entry]:
    """The lines of a run's journal that answer a wanted request for a model of its name, by the request's id.

    What the run took from another is left to that one, which knows whose answer it is. If it is gone, a provider's
    answer is taken as it is, and that of a server of one's own is not: versions before this one took it from any name.
    """
    last: dict[str, Entry] = {}
    for entry in entries(folder / runs.JOURNAL):
        model = wanted.get(entry.id)
        if model is None or model.name != entry.model:
            continue
        origin = entry.reply.reused_from
        known = origin is None or not ((folder.parent / origin / runs.JOURNAL).is_file() or on_own_server(model))
        if broken_off(entry.reply) is None and known:
            last[entry.id] = dataclasses.replace(entry, reply=_slim(entry.reply))
        else:
            last.pop(entry.id, None)
    return last


def _slim(reply: Reply) -> Reply:
    """A reply without its texts."""
    return Reply(served_model=reply.served_model, reused_from=reply.reused_from)


def on_own_server(model: ModelSpec) -> bool:
    """True for a server whose weights may change under its address: one on this machine or in a private network.

    Its price says so (`own-hardware`), or its address does: a loopback, private or unspecified one, also in the short
    forms that resolvers read (`127.1`, `0x7f.1`), a name without a dot, or one under a name of private networks.
    """
    host = urlsplit(str(model.args.get("base_url") or "")).hostname
    if model.price == OWN_HARDWARE or host is None:
        return model.price == OWN_HARDWARE
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.removesuffix(".").split(".")
        return (
            len(labels) == 1 or labels[-1] in _PRIVATE or labels[-1][0:1].isdigit() or labels[-2:] == ["home", "arpa"]
        )


def answering(run: Path, model: str) -> set[str | None] | None:
    """The models that the server named when a run asked for one of its own. `None` if it answered nothing.

    `None` among them is an answer whose model the server did not name.

    Raises:
        StorageError: the journal is damaged.
    """
    return {
        entry.reply.served_model
        for entry in entries(run / runs.JOURNAL)
        if entry.model == model and entry.reply.error is None and entry.reply.reused_from is None
    } or None


def sibling(plan: Plan) -> str | None:
    """The newest other run of the same name, models and tasks: one that a user may have meant to go on with."""
    models = [model.name for model in plan.models]
    tasks = sorted({task.name for model in plan.models for task, _ in model.samples})
    found = []
    for folder in runs.list_runs(plan.results):
        try:
            manifest = runs.read_manifest(folder)
            same = (
                manifest.name == plan.spec.name
                and [model.name for model in manifest.models] == models
                and sorted(task.name for task in manifest.tasks) == tasks
            )
            if same and folder.name != plan.run_id:
                found.append((manifest.started_at, folder.name))
        except StorageError:
            continue
    return max(found)[1] if found else None


def _args(args: Mapping[str, Any]) -> Any:
    """Arguments as a manifest holds them."""
    return json.loads(json.dumps(plain(publishable_args(args)), default=str))


# Why a request found no answer -----------------------------------------------------------------------------------

Identity = dict[str, Any]
"""Every field that a request's identity is made of, by name."""


def identities(run: Path) -> dict[tuple[str, str, int, int], Identity]:
    """What was asked in a run, by model, task, document and repeat.

    Raises:
        StorageError: the run has not ended yet, or its manifest is damaged.
    """
    import polars as pl

    manifest = runs.read_manifest(run)
    path = runs.samples_path(run)
    if not path.is_file():
        raise StorageError(f"run {run.name} has no samples yet; give its command again to finish it")
    models = {model.name: model for model in manifest.models}
    versions = {task.name: task.version for task in manifest.tasks}
    names = ("messages", "prompt", "continuations", "decoding", "seed", "kind")
    said = ("status", "served_model")
    runs.check_expansion(path)
    frame = pl.read_parquet(path)
    held = [name for name in names if name in frame.columns]
    beside = [name for name in said if name in frame.columns]
    found = {}
    columns = ("model", "task", "doc_id", "repeat", "sample_id", "request_ids", *held, *beside)
    for row in frame.select(columns).iter_rows(named=True):
        model = models[row["model"]]
        content: Identity = {
            "name": row["model"],
            "backend": model.backend,
            **{f"args.{key}": value for key, value in sorted(model.args.items())},
            "chat": model.chat,
            "weights": model.weights.sha256 if model.weights else None,
            "task version": versions.get(row["task"]),
            **{name: row[name] for name in held if name != "decoding"},
        }
        if row.get("decoding"):
            content |= {f"decoding.{key}": value for key, value in json.loads(row["decoding"]).items()}
        content["request ids"] = row["request_ids"]
        if row.get("served_model") is not None and row["status"] != "failed":
            content["served model"] = row["served_model"]
        found[row["model"], row["task"], row["doc_id"], row["repeat"]] = content
    return found


def why(results: Path, run: Path, other: str | None) -> list[dict[str, Any]]:
    """Which fields of which samples kept a run from using another's answers.

    Args:
        results: the results folder.
        run: the run that had to ask.
        other: the id of the run that might have answered. `None` takes the one whose samples are most alike.

    Returns:
        A row per model, task, model it is compared with and field: in how many samples it differs, and one example.
        A pair without differences has one row, whose field says so. Models of the same name are compared, and if
        there is none of that name, each with each.

    Raises:
        ConfigError: there is no other run with a task in common.
        StorageError: a run has not ended yet.
    """
    mine = identities(run)
    if other is not None:
        chosen, theirs = (folder := runs.find_run(results, other)).name, identities(folder)
    else:
        chosen, theirs = _nearest(results, run, mine)
    rows = []
    for model, task in sorted({key[:2] for key in mine}):
        others = sorted({key[0] for key in theirs if key[1] == task})
        for twin in [model] if model in others else others:
            pairs = [
                (mine[key], theirs[twin, *key[1:]])
                for key in sorted(mine)
                if key[:2] == (model, task) and (twin, *key[1:]) in theirs
            ]
            rows += [
                {
                    "model": model,
                    "task": task,
                    "other_run": chosen,
                    "other_model": twin,
                    "compared": len(pairs),
                    **difference,
                }
                for difference in _differences(pairs)
            ]
    return rows


def _nearest(results: Path, run: Path, mine: Mapping[Any, Identity]) -> tuple[str, dict[Any, Identity]]:
    best: tuple[int, str, dict[Any, Identity]] | None = None
    for folder in runs.list_runs(results):
        if folder.name == run.name or not runs.samples_path(folder).is_file():
            continue
        try:
            theirs = identities(folder)
        except StorageError:
            continue
        # The same document, and on top of it as many equal fields as there are.
        by_doc = {key[1:]: content for key, content in theirs.items()}
        alike = sum(
            1 + sum(content.get(name) == value for name, value in mine[key].items())
            for key in mine
            if (content := theirs.get(key) or by_doc.get(key[1:])) is not None
        )
        if alike and (best is None or alike > best[0]):
            best = (alike, folder.name, theirs)
    if best is None:
        raise ConfigError(f"no other run has a task in common with {run.name}; there was nothing to reuse")
    return best[1], best[2]


def _differences(pairs: Sequence[tuple[Identity, Identity]]) -> Iterator[dict[str, Any]]:
    if not pairs:
        yield {"field": "(no document in common)", "differs": 0, "here": None, "there": None}
        return
    names = dict.fromkeys(name for pair in pairs for content in pair for name in content if name != "request ids")
    anything = False
    for name in names:
        told = [(a.get(name), b.get(name)) for a, b in pairs if name != "served model" or (name in a and name in b)]
        unequal = [(a, b) for a, b in told if a != b]
        if unequal:
            anything = True
            here, there = (_short(value, unequal[0]) for value in unequal[0])
            yield {"field": name, "differs": len(unequal), "here": here, "there": there}
    if not anything:
        same = sum(a["request ids"] == b["request ids"] for a, b in pairs)
        field = "(none: the same requests)" if same == len(pairs) else "(only what a manifest cuts: folders of paths)"
        yield {"field": field, "differs": len(pairs) - same, "here": None, "there": None}


def _short(value: Any, both: tuple[Any, Any], size: int = 60) -> str:
    """A value around the first place where the two differ."""
    text, other = (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in both)
    shown = text if value is both[0] else other
    place = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    start = max(0, place - size // 3)
    return f"{'…' if start else ''}{shown[start : start + size]}{'…' if len(shown) > start + size else ''}"
