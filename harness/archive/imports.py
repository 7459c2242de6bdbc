"""Answers made elsewhere become a run folder like any other, marked as imported.

An answer that comes with a score keeps it. A task none of whose answers has one is of kind `provenance`, and a task
with scores is `open` all the same if its answers are texts: they are compared like those of any open prompt. The
document of an imported answer is what the file says of its prompt: `prompt_id`, and `prompt` if there is the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness import __version__, runs, stats
from harness.archive.formats import FOLDERS, FORMATS, UNREADABLE, Item, guess
from harness.core import digest, environment, file_sha256, identity, installation, say
from harness.errors import ConfigError, unknown_name
from harness.records import ReasoningKind
from harness.runs import IMPORTED, Manifest, Metric, ModelEntry, TaskEntry, completions, samples

_NAME = re.compile(r"[^a-z0-9_-]+")


def convert(
    form: str | None,
    path: Path,
    results: Path,
    *,
    name: str | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
) -> Path:
    """Make a run folder out of a file of answers. The same file gives the same folder.

    Args:
        form: one of `FORMATS`. `None` tells it from the file.
        path: the file, or (lm_eval, inspect) the folder that holds several.
        results: the results folder.
        name: of the run, and of its model if the answers are of one model alone.
        task: what to call the task. By default as the file says, for tables else the file's name, else the format's.
        columns: for tables, if each of `COLUMNS` is.
        argv: the command line, for the manifest.

    Returns:
        The run folder.

    Raises:
        ConfigError: the file cannot be read as that format, or holds no answer, or another file's answers stand here
            under the same name and task.
        StorageError: the folder cannot be written.
    """
    form = guess(path) if form is None else form
    if form not in FORMATS:
        raise ConfigError(unknown_name("format", form, FORMATS))
    patterns = FOLDERS.get(form, ()) if path.is_dir() else ()
    files = sorted({file for pattern in patterns for file in path.rglob(pattern)}) if path.is_dir() else [path]
    items: list[Item] = []
    shas = []
    for file in files:
        try:
            shas.append(file_sha256(file))
            items += FORMATS[form](file, columns or {})
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror or error}") from error
        except UNREADABLE as error:
            raise ConfigError(f"{file}: not as {form} writes it ({type(error).__name__}: {error})") from error
    if not items:
        raise ConfigError(f"{path}: no answers found" + (f" in {' or '.join(patterns)}" if patterns else ""))
    word = name or completions.stem(path) or IMPORTED
    named = {item.model for item in items}
    only = word if len(named) == 1 and (name or None in named) else None
    source = {"format": form, "files": [file.name for file in files], "sha256": shas, "columns": dict(columns or {})}
    return _write(items, results, only, word, task or form, source, argv, forced_task=task)


def _write(
    items: Sequence[Item],
    results: Path,
    only: str | None,
    word: str,
    task: str,
    source: Mapping[str, Any],
    argv: Sequence[str],
    *,
    forced_task: str | None,
) -> Path:
    content = {"import": {**source, "name": word, "task": forced_task}}
    spec_hash = digest(identity.RUN, content)
    prefix = _NAME.sub("-", word.lower()).strip("-") or "imported"
    run = runs.runs_dir(results) / f"{prefix[:40]}-{spec_hash.rpartition(':')[2][:12]}"
    rows = _rows(items, run.name, only or word, only is not None, forced_task, task)
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    answered = {(row["model"], row["task"]) for row in rows}
    completions.refuse_another_file(results, run, answered, source["sha256"], "--name NAME")
    metrics = tuple(metric for name in sorted(by_task) for metric in figures(by_task[name]))
    models = sorted({row["model"] for row in rows})
    with runs.run_lock(run):
        made = samples.write(run, sorted(rows, key=lambda row: tuple(row[name] for name in samples.SORT)))
        manifest = Manifest(
            schema=runs.SCHEMA,
            run_id=run.name,
            name=prefix,
            status="complete",
            imported=True,
            harness_version=__version__,
            started_at=environment.now(),
            finished_at=environment.now(),
            argv=tuple(environment.publishable(argv)),
            spec={**content, "models": [], "tasks": []},
            spec_hash=spec_hash,
            models=tuple(_model(name, source) for name in models),
            tasks=tuple(_task(name, found) for name, found in sorted(by_task.items())),
            metrics=metrics,
            counts=made.counts,
            packages={installation.DISTRIBUTION: __version__},
            git=environment.git(),
            platform=environment.machine(),
        )
        runs.write_atomic(run / runs.SPEC, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
        runs.write_manifest(run, manifest)
    return run


def _rows(
    items: Iterable[Item], run_id: str, model: str, overrides: bool, forced: str | None, default: str
) -> list[dict[str, Any]]:
    """Rows of samples: documents numbered per task by first appearance, further answers as repeats."""
    numbers: dict[tuple[str, str], int] = {}
    per_task: dict[str, int] = {}
    repeats: dict[tuple[str, str, str], int] = {}
    traces = _traces()
    blank = dict.fromkeys(samples.schema())
    rows = []
    for item in items:
        # As they are written: rows are in the order of names, and what is one name there is one here.
        who = samples.clean(model if overrides or item.model is None else item.model)
        task = samples.clean(forced or item.task or default)
        place = (task, item.prompt_id)
        if place not in numbers:
            numbers[place] = per_task.get(task, 0)
            per_task[task] = numbers[place] + 1
        repeat = repeats[who, task, item.prompt_id] = repeats.get((who, task, item.prompt_id), -1) + 1
        doc = {"prompt_id": item.prompt_id} | ({"prompt": item.prompt} if item.prompt is not None else {})
        choices = item.loglikelihoods is not None
        lost = item.output is None and not choices
        sample = digest(identity.IMPORT, [who, task, item.prompt_id, repeat])
        rows.append(
            blank
            | {
                "run_id": run_id,
                "model": who,
                "task": task,
                "doc_id": numbers[place],
                "repeat": repeat,
                "sample_id": sample,
                "status": "failed" if lost else "truncated" if item.truncated else "answered",
                "kind": "loglikelihood" if choices else "generate",
                "doc": json.dumps(doc, ensure_ascii=False, sort_keys=True),
                "target": item.target,
                "output": item.output,
                "reasoning": item.reasoning,
                "reasoning_kind": item.reasoning_kind or (traces(who) if item.reasoning else "none"),
                "error": (item.error or "no answer in the file") if lost else None,
                "request_ids": [sample],
                "loglikelihoods": item.loglikelihoods,
                "attempts": [],
                "scores": [
                    {"metric": metric, "filter": name, "scorer": IMPORTED, "value": None if lost else value,
                     "status": "unscored" if value is None or lost else "scored", "extracted": item.extracted.get(name),
                     "explanation": None, "detail": None}
                    for (metric, name), value in sorted(item.scores.items())
                ],
            }
        )  # fmt: skip
    return rows


def _traces() -> Callable[[str], ReasoningKind]:
    """What the traces of a model are, if the file does not say: asked of the registry, and told once a model."""

    @cache
    def kind(model: str) -> ReasoningKind:
        from harness.provenance.verdicts import pools

        found = pools.registry().traces(model)
        if found == "summary":
            say(f"{model}: its traces are read as summaries, which is what its maker gives (conf/model_registry.yaml)")
        return found

    return kind


def figures(rows: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    """Means of the file's own scores. The first metric of a task is its headline."""
    keys = sorted({(score["metric"], score["filter"]) for row in rows for score in row["scores"]})
    by_model: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    for model, mine in sorted(by_model.items()):
        for key in keys:
            docs: dict[int, list[float]] = {}
            unscored = len(mine)
            for row in mine:
                for score in row["scores"]:
                    if (score["metric"], score["filter"]) == key and score["value"] is not None:
                        docs.setdefault(row["doc_id"], []).append(score["value"])
                        unscored -= 1
            found = stats.estimate(list(docs.values()), binary=all(v in (0, 1) for d in docs.values() for v in d))
            yield Metric.of(
                (*key, IMPORTED),
                found,
                [row["status"] for row in mine],
                unscored=unscored,
                held=len(mine),
                model=model,
                task=rows[0]["task"],
                headline=key == keys[0],
            )


def _model(name: str, source: Mapping[str, Any]) -> ModelEntry:
    return ModelEntry(name=name, backend=IMPORTED, args={"format": source["format"], "files": source["files"]})


def docs_hash(docs: Sequence[str]) -> str:
    """The hash of a task's documents, each as JSON, sorted."""
    return digest(identity.TASK, docs)


def _task(name: str, rows: Sequence[Mapping[str, Any]]) -> TaskEntry:
    keys = sorted({(score["metric"], score["filter"]) for row in rows for score in row["scores"]})
    docs = sorted({row["doc"] for row in rows})
    return TaskEntry(
        name=name,
        kind="other" if keys else "provenance",
        docs_hash=docs_hash(docs),
        headline_metric=keys[0][0] if keys else None,
        headline_filter=keys[0][1] if keys else None,
        higher_is_better=True if keys else None,
        n_docs=len(docs),
        repeats=max(row["repeat"] for row in rows) + 1,
        source=f"imported from {rows[0]['run_id']}",
        unsafe_code=False,
        open=any(row["kind"] == "generate" and bool(row["output"]) for row in rows),
    )
