"""Shards become the run they are parts of: `shard=1/3` … `shard=3/3` make what one run without shards would have made.

Each shard is a run like any other. If all shards of a set have ended, their journals, samples and scores are put
together under the id that the whole run has. If some are missing, that is said. The same shards always give the same
run, so whoever unites them, and how often, makes no difference.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness import runs
from harness.core import digest, identity
from harness.errors import HarnessError
from harness.runs import Cost, Manifest, Metric, Shard, TaskEntry, proof
from harness.specs import EvalSpec

if TYPE_CHECKING:
    import polars as pl

_NAME = re.compile(r".+-[0-9a-f]+-(\d+)of(\d+)")


def unite(results: Path) -> list[str]:
    """Unite every complete set of shards in a results folder.

    Returns:
        One sentence for every set that is not complete or cannot be united here.
    """
    sets: dict[str, dict[int, tuple[Path, Manifest]]] = {}
    problems = []
    for folder in runs.list_runs(results):
        if (found := _NAME.fullmatch(folder.name)) is None:
            continue
        try:
            said = runs.read_manifest(folder)
            sets.setdefault(_set_of(said), {})[int(found[1])] = (folder, said)
        except (HarnessError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            problems.append(f"{folder.name}: {error}")
    for key in sorted(sets):
        members = [sets[key][number] for number in sorted(sets[key])]
        count = int(members[0][1].spec["shard"].partition("/")[2])
        ended = {number for number, (_, said) in sets[key].items() if said.ended}
        if missing := [str(number) for number in range(1, count + 1) if number not in ended]:
            problems.append(
                f"{members[0][0].name}: shard {', '.join(missing)} of {count} has not ended or is not here; "
                "what is here is no whole run"
            )
            continue
        try:
            _unite(results, members)
        except HarnessError as error:
            problems.append(f"{members[0][0].name}: the {count} shards cannot be united here: {error}")
    return problems


def _set_of(said: Manifest) -> str:
    """What all shards of a set have in common."""
    count = said.spec["shard"].partition("/")[2]
    tasks = [[task.name, task.task_hash, task.whole_docs_hash] for task in said.tasks]
    return digest(identity.RUN, [count, {**EvalSpec.of_identity(said.spec), "shard": None}, tasks])


def _unite(results: Path, members: Sequence[tuple[Path, Manifest]]) -> None:
    import polars as pl

    from harness.archive import stored_samples
    from harness.runs import samples

    parts = tuple(Shard(run_id=said.run_id, root=said.root) for _, said in members)
    frame = pl.concat([stored_samples.samples(folder) for folder, _ in members]).sort(samples.SORT)
    first = members[0][1]
    run = runs.runs_dir(results) / _id(first, frame)
    before = runs.read_manifest(run) if (run / runs.MANIFEST).is_file() else None
    if before is not None and before.shards in (None, parts):
        return  # it was run as a whole too, or is united already
    with runs.run_lock(run):
        made = samples.write(run, ({**row, "run_id": run.name} for row in frame.iter_rows(named=True)))
        with runs.atomic_file(run / runs.JOURNAL) as file:
            last = ""
            for folder, _ in members:
                for line in proof.chain(folder / runs.JOURNAL):
                    ((linked, last),) = proof.linked(last, [line.content])
                    file.write(linked)
        spec = {**first.spec, "shard": None}
        runs.write_atomic(run / runs.SPEC, runs.yaml_bytes(spec))
        whole = dataclasses.replace(
            first,
            run_id=run.name,
            status=made.status,
            started_at=min(said.started_at for _, said in members),
            finished_at=max(said.finished_at or "" for _, said in members),
            spec=spec,
            spec_hash=digest(identity.RUN, spec),
            tasks=tuple(_task(task, [said for _, said in members]) for task in first.tasks),
            metrics=tuple(_metrics(first, frame)),
            counts=made.counts,
            tokens=made.tokens,
            cost=_cost([said.cost or Cost() for _, said in members]),
            shards=parts,
            proof=None,
        )
        runs.write_manifest(run, whole)


def _id(first: Manifest, frame: pl.DataFrame) -> str:
    """The id of the run that asks for all of it at once."""
    import polars as pl

    from harness.evaluation import planning

    tasks = {task.name: (task.task_hash, task.whole_docs_hash, task.scorer) for task in first.tasks}
    requests: dict[str, list[str]] = {}
    for model in first.models:
        for name in tasks:
            mine = frame.filter(model=model.name, task=name).sort("doc_id", "repeat")
            requests.setdefault(model.name, []).extend(
                mine.select(pl.col("request_ids").explode()).to_series().to_list()
            )
    return planning.id_of(first.name, tasks, first.judged or {}, requests)


def _task(task: TaskEntry, members: Sequence[Manifest]) -> TaskEntry:
    entries = [entry for said in members for entry in said.tasks if entry.name == task.name]
    return dataclasses.replace(
        task,
        docs_hash=task.whole_docs_hash,
        n_docs=sum(entry.n_docs or 0 for entry in entries),
        headline_filter=next((entry.headline_filter for entry in entries if entry.headline_filter), None),
    )


def _cost(costs: Sequence[Cost]) -> Cost:
    """What all parts cost together. Unknown if one is."""
    known = [cost.usd for cost in costs if cost.usd is not None]
    return dataclasses.replace(costs[0], usd=sum(known) if len(known) == len(costs) else None)


def _metrics(first: Manifest, frame: pl.DataFrame) -> Iterator[Metric]:
    """The metrics of the whole, from the scores of its parts."""
    from harness.archive import stored_samples
    from harness.engine import Sample, metrics

    tasks = stored_samples.Tasks.own()
    entries = {task.name: task for task in first.tasks}
    loaded = {
        name: stored_samples.load(
            first, entries[name], frame.filter(task=name).select("doc_id", "doc").to_dicts(), tasks
        )
        for name in entries
    }
    for model in first.models:
        for name in entries:
            rows = frame.filter(model=model.name, task=name).sort("doc_id", "repeat")
            tally = metrics.Tally(model.name, loaded[name])
            for row in rows.iter_rows(named=True):
                sample = Sample(name, row["doc_id"], row["repeat"], json.loads(row["doc"]), "", (), ())
                tally.add(sample, row["status"], stored_samples.scores(row))
            if len(rows):
                yield from tally.rows()
