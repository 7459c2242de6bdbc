"""Answers that other runs hold already, and why a request found none.

A reply is reused only where the request's whole identity is the same: backend, its arguments (model id, endpoint),
weights, task and its version, document, messages, decoding, seed, repeat. Only models behind an API are looked up:
their answers cost money, and a local runtime may have changed since.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import runs
from harness.core import plain, publishable_args
from harness.errors import ConfigError, StorageError
from harness.evaluation.planning import ModelPlan
from harness.records import Reply, broken_off
from harness.runs import Replies
from harness.specs import EvalSpec


class Found(Mapping[str, Reply]):
    """Successful replies of other runs by the request's id, each with the run it came from; read when asked for."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, Replies]] = {}

    def note(self, request_id: str, run: str, replies: Replies) -> None:
        """Remember where the reply to a request is."""
        self._places.setdefault(request_id, (run, replies))

    def __getitem__(self, request_id: str) -> Reply:
        """Read one reply."""
        run, replies = self._places[request_id]
        reply = replies[request_id]
        return dataclasses.replace(reply, reused_from=reply.reused_from or run)

    def __iter__(self) -> Iterator[str]:
        """The requests' ids."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)


def find(spec: EvalSpec, run: Path, plans: Sequence[ModelPlan], held: Replies) -> Found:
    """Replies of other runs to requests that are wanted here.

    Args:
        spec: where the runs are, and whether reuse is wanted at all.
        run: this run's folder, which is left out.
        plans: the models of this run.
        held: what is answered already.

    Returns:
        What was found. Damaged folders are passed over.
    """
    found = Found()
    if not spec.reuse or spec.replay is not None:
        return found
    missing = {id_ for plan in plans if plan.billed for id_ in plan.ids() if not held.answered(id_)}
    reached = [(plan.model.backend, _args(plan.model.args)) for plan in plans if plan.billed]
    for folder in runs.list_runs(Path(spec.results_dir)) if missing else ():
        if folder.name == run.name:
            continue
        try:
            models = runs.read_manifest(folder)["models"]
            if not any((model["backend"], model["args"]) in reached for model in models):
                continue
            theirs = Replies(folder / runs.JOURNAL)
            for request_id in theirs:
                if request_id in missing and theirs.answered(request_id) and not broken_off(theirs[request_id]):
                    found.note(request_id, folder.name, theirs)
        except (StorageError, KeyError, TypeError):
            continue
    return found


def sibling(spec: EvalSpec, run: Path, plans: Sequence[ModelPlan]) -> str | None:
    """The newest other run of the same name, models and tasks: one that a user may have meant to go on with."""
    models = [plan.model.name for plan in plans]
    tasks = sorted({task.name for plan in plans for task, _ in plan.samples})
    found = []
    for folder in runs.list_runs(Path(spec.results_dir)):
        try:
            manifest = runs.read_manifest(folder)
            same = (
                manifest["name"] == spec.name
                and [model["name"] for model in manifest["models"]] == models
                and sorted(task["name"] for task in manifest["tasks"]) == tasks
            )
            if same and folder.name != run.name:
                found.append((manifest["started_at"], folder.name))
        except (StorageError, KeyError, TypeError):
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
    models = {model["name"]: model for model in manifest["models"]}
    versions = {task["name"]: task["version"] for task in manifest["tasks"]}
    names = ("messages", "prompt", "continuations", "decoding", "seed", "kind")
    frame = pl.read_parquet(path)
    held = [name for name in names if name in frame.columns]
    found = {}
    for row in frame.select("model", "task", "doc_id", "repeat", "sample_id", "request_ids", *held).iter_rows(
        named=True
    ):
        model = models[row["model"]]
        content: Identity = {
            "backend": model["backend"],
            **{f"args.{key}": value for key, value in sorted((model["args"] or {}).items())},
            "chat": model["chat"],
            "weights": (model["weights"] or {}).get("sha256"),
            "task version": versions.get(row["task"]),
            **{name: row[name] for name in held if name != "decoding"},
        }
        if row.get("decoding"):
            content |= {f"decoding.{key}": value for key, value in json.loads(row["decoding"]).items()}
        content["request ids"] = row["request_ids"]
        found[row["model"], row["task"], row["doc_id"], row["repeat"]] = content
    return found


def why(results: Path, run: Path, other: str | None) -> list[dict[str, Any]]:
    """Which fields of which samples kept a run from using another's answers.

    Args:
        results: the results folder.
        run: the run that had to ask.
        other: the id of the run that might have answered; `None` takes the one whose samples are most alike.

    Returns:
        A row per model, task, model it is compared with and field: in how many samples it differs, and one example.
        A pair without differences has one row, whose field says so. Models of the same name are compared, and where
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
        unequal = [(a.get(name), b.get(name)) for a, b in pairs if a.get(name) != b.get(name)]
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
