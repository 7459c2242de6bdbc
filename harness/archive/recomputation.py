"""Documents, scores and metrics of a run computed again from its stored answers, and where they differ.

Scorers are deterministic: the same answer has the same score. What was measured while scoring (CPU time, tier) is not
compared.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.archive import consistency, stored_samples
from harness.archive.consistency import Problem, name_of, same, short
from harness.archive.published import fingerprint
from harness.core import digest_items, identity
from harness.engine import LoadedTask, Sample, metrics, scoring
from harness.errors import HarnessError, TaskError
from harness.evaluation import planning
from harness.records import Reply, Score
from harness.runs import PIECE, Manifest, Metric, clean
from harness.specs import SandboxSpec

if TYPE_CHECKING:
    import polars as pl

Result = tuple[str, list[Problem], str, list[str]]
"""A check, its problems, what it covered, and what was not checked and why."""
Scores = Mapping[tuple[str, str, str], Score]


def openers(said: Manifest, frame: pl.DataFrame, replies: Mapping[str, Reply]) -> set[str]:
    """The models of a run whose chat template opens their reasoning. See `scoring.openers`."""
    asked = frame.select("model", "request_ids").iter_rows()
    pairs = ((model, replies.get(request_id)) for model, ids in asked for request_id in ids or ())
    return scoring.openers(said.spec.get("models") or (), pairs)


class Recomputation:
    """A run's documents, scores and metrics, computed again. Some rows at a time are in memory as Python's objects."""

    def __init__(
        self, said: Manifest, rows: stored_samples.Stored, replies: Mapping[str, Reply], tasks: stored_samples.Tasks
    ) -> None:
        self.said, self.rows, self.replies, self.tasks = said, rows, replies, tasks
        self.entries = {task.name: task for task in said.tasks}
        self.openers = openers(said, rows.narrow, replies)
        self.parts: dict[str, dict[str, range]] = {}
        for (task, model), where in rows.ranges.items():
            self.parts.setdefault(task, {})[model] = where

    def documents(self) -> tuple[list[Problem], list[tuple[str, str]]]:
        """Documents that are not those whose hash the manifest names, or not those of the task.

        Returns:
            The problems, and what cannot be known: the task, and why.
        """
        problems: list[Problem] = []
        left: list[tuple[str, str]] = []
        for name in sorted({*self.parts, *self.entries}):
            if name not in self.entries:
                problems.append((f"task {name}", "has samples, and is not in run.json"))
            elif name in self.parts:
                texts = self._texts(name)
                docs = stored_samples.documents(texts)
                now, then = digest_items(identity.TASK, (doc for _, doc in docs)), self.entries[name].docs_hash
                if then and (now != then or len(docs) != len(texts)):
                    problems.append((f"documents of {name}", f"recorded {then}, found {now}"))
                for sure, what in self._against_known(name, {doc_id: fingerprint(doc) for doc_id, doc in docs}):
                    if sure:
                        problems.append((f"documents of {name}", what))
                    else:
                        left.append((name, what))
        return problems, left

    def _texts(self, name: str) -> list[dict[str, Any]]:
        """The documents of a task, once each: of the same `doc_id` twice if models were asked different ones."""
        texts: dict[tuple[int, str], None] = {}
        for where in self.parts[name].values():
            for piece in self.rows.pieces(where, PIECE, "doc_id", "doc"):
                texts |= dict.fromkeys(piece.iter_rows())
        return [{"doc_id": doc_id, "doc": doc} for doc_id, doc in sorted(texts)]

    def _against_known(self, name: str, found: Mapping[int, str]) -> Iterator[tuple[bool, str]]:
        """Where documents are not those of the task, and whether that is sure: the run says that they are."""
        entry = self.entries[name]
        try:
            known = stored_samples.known_documents(self.said, entry, self.tasks)
        except HarnessError as error:
            yield False, str(error)
            return
        n = len(known.documents)
        limit = consistency.asked(self.said, entry).get("limit")
        place, count = planning.shard_of(self.said.spec.get("shard")) or (1, 1)
        wanted = range(n if limit is None else min(limit, n))[place - 1 :: count]
        changed = [doc_id for doc_id in wanted if doc_id in found and found[doc_id] != known.documents[doc_id]]
        for sure, what, those in (
            (known.whole, f"of its {len(wanted)} documents are not there", sorted({*wanted} - {*found})),
            (known.whole, f"documents are none of its {len(wanted)}", sorted({*found} - {*wanted})),
            (known.sure, f"documents are not {known.what}", changed),
        ):
            if those:
                yield sure, f"{len(those)} {what} (documents {consistency.first(those)})"

    def scores(self) -> Iterator[Result]:
        """Scores of the stored answers against the stored scores, then the metrics of those."""
        wrong: list[Problem] = []
        off: list[Problem] = []
        left: list[str] = []
        n_scores = n_metrics = 0
        for name, by_model in sorted(self.parts.items()):
            if name not in self.entries:
                continue
            try:
                texts = self._texts(name)
                loaded = stored_samples.load(self.said, self.entries[name], texts, self.tasks)
                place = {doc_id: number for number, doc_id in enumerate(dict.fromkeys(doc["doc_id"] for doc in texts))}
                del texts
                for model, where in sorted(by_model.items()):
                    tally = metrics.Tally(model, loaded)
                    for row, then, now in self._scored_rows(loaded, where, place, tally, opened=model in self.openers):
                        n_scores += len(now)
                        wrong += _scores_differ(name_of(row), then, now)
                    counted_now = tally.rows()
                    stored_ones = [m for m in self.said.metrics if (m.model, m.task) == (model, name)]
                    n_metrics += len(counted_now)
                    off += metrics_differ(stored_ones, counted_now)
            except HarnessError as error:
                left.append(f"{name}: {error}")
        yield "scores", wrong, f"{n_scores} scores" if n_scores else "", left
        yield "metrics", off, f"{n_metrics} metrics" if n_metrics else "", left

    def _scored_rows(
        self, loaded: LoadedTask, where: range, place: Mapping[int, int], tally: metrics.Tally, *, opened: bool
    ) -> Iterator[tuple[Mapping[str, Any], Scores, Scores]]:
        """The rows of one model and task, each with its stored scores and those of now. Counted on the way."""
        for piece in self.rows.pieces(where, max(1, PIECE // loaded.repeats) * loaded.repeats):
            rows = list(piece.iter_rows(named=True))
            built = stored_samples.rebuilt(rows, loaded, place)
            for sample, row, now in zip(built, rows, self._scored(loaded, built, opened=opened), strict=True):
                then = stored_samples.scores(row)
                tally.add(sample, row["status"], then)
                yield row, then, now

    def _scored(self, loaded: LoadedTask, built: Sequence[Sample], *, opened: bool) -> Iterator[Scores]:
        spec = self.said.spec.get("sandbox") or {}
        # Whatever the run allowed itself or named: code of strangers runs in the best sandbox that is here.
        box = SandboxSpec(**{**spec, "allow_unsafe": False, "tier": None})
        if loaded.runs_code:
            from harness import sandbox

            if box.packages:
                raise TaskError(f"its programs import packages of {box.packages}, a folder that is no part of the run")
            sandbox.check(box)
        held = {request.id: self.replies.get(request.id) for sample in built for request in sample.requests}
        yield from (scores for _, _, scores in scoring.score(loaded, built, held, box, opened=opened))


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


def metrics_differ(then: Sequence[Metric], now: Sequence[Metric]) -> Iterator[Problem]:
    """Where figures are not those that come out again."""

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
