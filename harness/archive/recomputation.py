"""Documents, scores and metrics of a run computed again from its stored answers, and where they differ.

Scorers are deterministic: the same answer has the same score. What was measured while scoring (CPU time, tier) is not
compared.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.archive import stored_samples
from harness.core import digest_items, identity
from harness.engine import LoadedTask, Sample, metrics, scoring
from harness.errors import HarnessError, TaskError
from harness.records import Reply, Score
from harness.runs import PIECE, Manifest, Metric, clean
from harness.specs import SandboxSpec

if TYPE_CHECKING:
    import polars as pl

Problem = tuple[str, str]
"""Where, and what was found."""
Result = tuple[str, list[Problem], str, list[str]]
"""A check, its problems, what it covered, and what was not checked and why."""
Scores = Mapping[tuple[str, str, str], Score]


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


WIDTH = 60


def openers(said: Manifest, frame: pl.DataFrame, replies: Mapping[str, Reply]) -> set[str]:
    """The models of a run whose chat template opens their reasoning; see `scoring.openers`."""
    asked = frame.select("model", "request_ids").iter_rows()
    pairs = ((model, replies.get(request_id)) for model, ids in asked for request_id in ids or ())
    return scoring.openers(said.spec.get("models") or (), pairs)


class Recomputation:
    """A run's documents, scores and metrics, computed again."""

    def __init__(
        self, said: Manifest, frame: pl.DataFrame, replies: Mapping[str, Reply], tasks: stored_samples.Tasks
    ) -> None:
        self.said, self.replies, self.tasks = said, replies, tasks
        self.entries = {task.name: task for task in said.tasks}
        self.openers = openers(said, frame, replies)
        self.parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for (task, model), part in sorted(frame.partition_by("task", "model", as_dict=True).items()):
            self.parts.setdefault(task, {})[model] = list(part.iter_rows(named=True))

    def documents(self) -> list[tuple[str, str]]:
        """Documents that are not those whose hash the manifest names."""
        problems = []
        for name in sorted({*self.parts, *self.entries}):
            if name not in self.entries:
                problems.append((f"task {name}", "has samples, and is not in run.json"))
            elif name in self.parts and (then := self.entries[name].docs_hash):
                rows = [row for rows in self.parts[name].values() for row in rows]
                now = digest_items(identity.TASK, (doc for _, doc in stored_samples.documents(rows)))
                texts = {(row["doc_id"], row["doc"]) for row in rows}
                if now != then or len(texts) != len({doc_id for doc_id, _ in texts}):
                    problems.append((f"documents of {name}", f"recorded {then}, found {now}"))
        return problems

    def scores(self) -> Iterator[Result]:
        """Scores of the stored answers against the stored scores, then the metrics of those."""
        wrong: list[tuple[str, str]] = []
        off: list[tuple[str, str]] = []
        left: list[str] = []
        counted: list[str] = []
        n_scores = n_metrics = 0
        for name, by_model in sorted(self.parts.items()):
            if name not in self.entries:
                continue
            try:
                rows = [row for rows in by_model.values() for row in rows]
                loaded = stored_samples.load(self.said, self.entries[name], rows, self.tasks)
                place = {doc_id: number for number, (doc_id, _) in enumerate(stored_samples.documents(rows))}
            except HarnessError as error:
                left.append(f"{name}: {error}")
                continue
            for model, mine in sorted(by_model.items()):
                held = [stored_samples.scores(row) for row in mine]
                try:
                    built = stored_samples.rebuilt(mine, loaded, place)
                    found = list(self._scored(loaded, built, opened=model in self.openers))
                except HarnessError as error:
                    left.append(f"{name}: {error}")
                else:
                    for row, then, now in zip(mine, held, found, strict=True):
                        n_scores += len(now)
                        wrong += _scores_differ(name_of(row), then, now)
                    tally = metrics.Tally(model, loaded)
                    for sample, row, then in zip(built, mine, held, strict=True):
                        tally.add(sample, row["status"], then)
                    counted_now = tally.rows()
                    stored_ones = [m for m in self.said.metrics if (m.model, m.task) == (model, name)]
                    n_metrics += len(counted_now)
                    off += _metrics_differ(stored_ones, counted_now)
                    counted.append(name)
        yield "scores", wrong, f"{n_scores} scores" if counted else "", left
        yield "metrics", off, f"{n_metrics} metrics" if counted else "", left

    def _scored(self, loaded: LoadedTask, built: Sequence[Sample], *, opened: bool) -> Iterator[Scores]:
        spec = self.said.spec.get("sandbox") or {}
        # Whatever the run allowed itself: code of strangers runs in a sandbox here.
        box = SandboxSpec(**{**spec, "allow_unsafe": False})
        if loaded.runs_code:
            from harness import sandbox

            if box.packages:
                raise TaskError(f"its programs import packages of {box.packages}, a folder that is no part of the run")
            sandbox.check(box)
        waiting = iter(built)
        while piece := list(itertools.islice(waiting, max(1, PIECE // loaded.repeats) * loaded.repeats)):
            held = {request.id: self.replies.get(request.id) for sample in piece for request in sample.requests}
            yield from (scores for _, _, scores in scoring.score(loaded, piece, held, box, opened=opened))


def _scores_differ(where: str, then: Scores, now: Scores) -> Iterator[tuple[str, str]]:
    for key in sorted({*then, *now}):
        name = f"{where}: {' '.join(key)}"
        if key not in now or key not in then:
            yield name, "is stored, and does not come out again" if key in then else "comes out, and is not stored"
            continue
        for field in ("value", "status", "extracted"):
            one, other = getattr(then[key], field), clean(getattr(now[key], field))
            if not same(one, other):
                yield name, f"{field} is stored as {short(one)}, and comes out as {short(other)}"


def _metrics_differ(then: Sequence[Metric], now: Sequence[Metric]) -> Iterator[tuple[str, str]]:
    def keyed(rows: Sequence[Metric]) -> dict[tuple[str, ...], Metric]:
        return {tuple(map(str, (row.model, row.task, row.metric, row.filter, row.scorer))): row for row in rows}

    stored_ones, found = keyed(then), keyed(now)
    for key in sorted({*stored_ones, *found}):
        name = f"metric {' '.join(key)}"
        if key not in found or key not in stored_ones:
            yield name, "is stored, and does not come out again" if key in stored_ones else "comes out, and is missing"
            continue
        for field in sorted(f.name for f in dataclasses.fields(Metric)):
            one, other = getattr(stored_ones[key], field), getattr(found[key], field)
            if not _close(one, other):
                yield name, f"{field} is stored as {short(one)}, and comes out as {short(other)}"


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        # Another version of numpy or scipy may round the last bits of an interval otherwise.
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)
