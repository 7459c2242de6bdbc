"""Frames behind the listing commands: models, tasks, runs, one run, weights."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from harness.core import grid, resources, say, visible
from harness.core import weights as weights_store
from harness.errors import ConfigError, StorageError
from harness.results import schema
from harness.results.leaderboard import answerers
from harness.runs import Manifest, check_expansion, known
from harness.runs import folder as run_folders
from harness.sandbox import tiers

SHOWN = 8
"""Models of a run that are listed by name. All of them are in the table `models`."""


def models() -> pl.DataFrame:
    """One row per file in `conf/model/`."""
    schema = {
        "model": pl.String,
        "ready": pl.Boolean,
        "backend": pl.String,
        "key_env": pl.String,
        "key_set": pl.Boolean,
        "weights": pl.String,
        "mb": pl.Float64,
        "here": pl.Boolean,
        "lacks": pl.String,
        "about": pl.String,
    }
    rows = []
    for path in _conf_files("model"):
        if (config := _readable(path)) is None:
            continue
        name, connect = config.get("weights"), config.get("connect")
        spec = weights_store.named(name) if name else None
        here = weights_store.is_cached(spec) if spec else None
        key = connect.get("api_key_env") if isinstance(connect, dict) else None
        held = bool(os.environ.get(key)) if key else None
        lacks = _lacks(config)
        ready = here is not False and held is not False and lacks is None
        backend, size = config.get("backend"), spec.size / 1e6 if spec else None
        rows.append((path.stem, ready, backend, key, held, name, size, here, lacks, _about(path)))
    return pl.DataFrame(rows, schema=schema, orient="row").sort("model")


def _lacks(config: Mapping[str, Any]) -> str | None:
    """What a model needs beside a key and weights, and is not here."""
    backend, args = config.get("backend"), config.get("args")
    if backend in ("replay", "samples"):
        return "a run" if backend == "replay" else "a file of answers"
    if backend == "lm_eval_model" and isinstance(args, dict):
        package = {"hf": "torch", "vllm": "vllm", "sglang": "sglang"}.get(str(args.get("type")))
        return f"the package {package}" if package and importlib.util.find_spec(package) is None else None
    return None


def builtin_tasks(match: str = "") -> pl.DataFrame:
    """lm-eval's own tasks and groups, by the name `task=[lm_eval:NAME]` takes."""
    from harness.engine import lmeval

    names = [(f"lm_eval:{name}", family) for name, family in sorted(lmeval.builtin_index().items()) if match in name]
    return pl.DataFrame(names, schema={"task": pl.String, "family": pl.String}, orient="row")


def runs(results: Path) -> pl.DataFrame:
    """One row per run folder, by the time it began."""
    schema = {
        "run_id": pl.String,
        "status": pl.String,
        "started_at": pl.String,
        "models": pl.String,
        "tasks": pl.String,
        "samples": pl.Int64,
        "failed": pl.Int64,
    }
    rows: list[tuple[Any, ...]] = []
    for folder in run_folders.list_runs(results):
        try:
            manifest = run_folders.read_manifest(folder)
        except StorageError as error:
            say(f"warning: {visible(str(error))}", "warning")
            rows.append((folder.name, "unreadable", "", "", "", None, None))
            continue
        rows.append(
            (
                manifest.run_id,
                status(folder, manifest),
                manifest.started_at[:16].replace("T", " "),
                _some([model.name for model in manifest.models]),
                ", ".join(task.name for task in manifest.tasks),
                manifest.counts.samples,
                manifest.counts.failed,
            )
        )
    return pl.DataFrame(rows, schema=schema, orient="row").sort("started_at", "run_id")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def status(folder: Path, manifest: Manifest) -> str:
    """The manifest's status. `stopped` for a run that says it is running while no process holds it.

    Answers made elsewhere are `imported`, whatever else is known of them.
    """
    if manifest.imported:
        return "imported"
    if not manifest.ended and not run_folders.is_locked(folder):
        return "stopped"
    return manifest.status


def metrics(folder: Path) -> pl.DataFrame:
    """One row per metric of a run. `gap` as in the view `leaderboard`."""
    schema = {
        "model": pl.String,
        "task": pl.String,
        "metric": pl.String,
        "filter": pl.String,
        "value": pl.Float64,
        "ci_low": pl.Float64,
        "ci_high": pl.Float64,
        "n": pl.Int64,
        "n_unscored": pl.Int64,
        "gap": pl.Float64,
        "is_headline": pl.Boolean,
    }
    found = run_folders.read_manifest(folder).metrics
    ours = {(m.model, m.task): m.value for m in found if m.is_headline and m.scorer != "lm_eval"}
    rows = []
    for metric in found:
        other = ours.get((metric.model, metric.task)) if metric.scorer == "lm_eval" else None
        gap = None if other is None or metric.value is None else metric.value - other
        rows.append({key: getattr(metric, key) if key != "gap" else gap for key in schema})
    return pl.DataFrame(rows, schema=schema, orient="row")


def metrics_text(folder: Path, width: int) -> str:
    """The metrics of a run for the terminal: a table per model and task, and what is to be said of it."""
    parts = []
    for (model, task), frame in metrics(folder).group_by("model", "task", maintain_order=True):
        name = visible(f"{model}, {task}")
        lines, notes = [], []
        for row in frame.iter_rows(named=True):
            metric = visible(row["metric"] + ("" if row["filter"] in (None, "none") else f" ({row['filter']})"))
            limits = "" if row["ci_low"] is None else f" [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
            score = "not scored" if row["value"] is None else f"{row['value']:.3f}{limits}"
            lines.append([metric, score, str(row["n"]), str(row["n_unscored"])])
            if abs(row["gap"] or 0) > schema.GAP:
                points = f"{100 * abs(row['gap']):.1f} points {'below' if row['gap'] < 0 else 'above'}"
                notes.append(f"lm-eval's {metric} is {points} our headline.\n")
            if row["is_headline"] and 0 < row["n"] < schema.FEW_DOCUMENTS and 0 <= row["value"] <= 1:
                notes.append(f"One document is {100 / row['n']:.1f} points.\n")
        table = grid(("metric", "score [95 %]", "n", "unscored"), lines, width, [False, False, True, True])
        parts.append(f"\n{name}\n{table}" + "".join(notes))
    return "".join(parts)


def commonest_error(folder: Path) -> tuple[str, int]:
    """The error that most of a run's failed samples have, and how many have it.

    Raises:
        StorageError: the run has not ended yet.
    """
    errors = samples(folder, failed=True).get_column("error").fill_null("no error was named")
    error, count = errors.value_counts().sort("count", "error", descending=[True, False]).row(0)
    return str(error), int(count)


def samples(folder: Path, *, failed: bool = False, whole: bool = False) -> pl.DataFrame:
    """One row per sample of a run: what was said, what it scored, why it failed.

    Args:
        folder: the run's.
        failed: those that failed alone, with their errors.
        whole: with everything else that is stored of a sample, an `id` to name it by, and the prompt's text in `asked`.

    Raises:
        StorageError: the run has not ended yet.
    """
    path = run_folders.samples_path(folder)
    if not path.is_file():
        raise StorageError(f"run {folder.name} has no samples yet; give its command again to finish it")
    check_expansion(path)
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"{path}: damaged ({str(error).splitlines()[0]}); give the run's command again") from error
    columns = ["model", "task", "doc_id", "repeat", "status"]
    if failed:
        return frame.filter(pl.col("status") == "failed").select(*columns, "error")
    headlines = {
        (metric.model, metric.task): (metric.metric, metric.filter, metric.scorer)
        for metric in run_folders.read_manifest(folder).metrics
        if metric.is_headline
    }
    rows = []
    for row in frame.iter_rows(named=True):
        wanted = headlines.get((row["model"], row["task"]))
        scores = {(score["metric"], score["filter"], score["scorer"]): score for score in row["scores"]}
        score = scores.get(wanted, {}) if wanted else {}
        verdict = [score.get(key) for key in ("status", "value", "extracted")]
        rows.append([*(row[name] for name in columns), *verdict, row["target"], row["output"]])
    schema: dict[str, Any] = {
        **{name: frame.schema[name] for name in columns},
        "verdict": pl.String,
        "score": pl.Float64,
        "extracted": pl.String,
        "target": pl.String,
        "output": pl.String,
    }
    scored = pl.DataFrame(rows, schema=schema, orient="row")
    if not whole:
        return scored
    told = pl.coalesce("prompt", "messages").alias("asked")
    name = pl.col("sample_id").str.split(":").list.last().alias("id")
    return frame.with_columns(scored["verdict"], scored["score"], scored["extracted"], told, name)


def why(results: Path, folder: Path, other: str | None) -> pl.DataFrame:
    """One row per model, task and field that kept the run from using another run's answers.

    Raises:
        ConfigError: there is no run to compare with.
        StorageError: a run has not ended yet.
    """
    from harness.evaluation import reuse

    schema = {
        "model": pl.String,
        "task": pl.String,
        "other_run": pl.String,
        "other_model": pl.String,
        "compared": pl.Int64,
        "field": pl.String,
        "differs": pl.Int64,
        "here": pl.String,
        "there": pl.String,
    }
    return pl.DataFrame(reuse.why(results, folder, other), schema=schema, orient="row")


def summary(folder: Path) -> str:
    """A few lines on a run: when, what, on which versions."""
    manifest = run_folders.read_manifest(folder)
    counts, tokens = (known(part) for part in (manifest.counts, manifest.tokens))
    git, place = manifest.git, manifest.platform
    lm_eval = f"; lm-eval {manifest.packages['lm_eval']}" if "lm_eval" in manifest.packages else ""
    commit = f", commit {git.commit[:12]}{' with changes' if git.dirty else ''}" if git and git.commit else ""
    lines = [
        f"run       {manifest.run_id} ({status(folder, manifest)})",
        f"command   {' '.join(manifest.argv)}",
        f"time      {manifest.started_at} to {manifest.finished_at or '?'}",
        f"harness   {manifest.harness_version}{commit}{lm_eval}",
        f"machine   {place.cpu}, {place.cores} cores, {place.system}",
    ]
    if counts:
        lines.append("samples   " + ", ".join(f"{value} {key}" for key, value in counts.items() if key != "samples"))
    if any(tokens.values()):
        lines.append("tokens    " + ", ".join(f"{value} {key}" for key, value in tokens.items() if value))
    lines += [
        f"model     {model.name}: {model.backend}"
        + ("" if model.deterministic is not False else ", greedy answers not guaranteed to repeat")
        for model in manifest.models
    ]
    lines += [f"model     {visible(name)}: {visible(answerers(names))}" for name, names in mixed(folder).items()]
    return "\n".join(lines) + "\n"


def mixed(folder: Path) -> dict[str, list[str]]:
    """The models of a run whose answers are of several models by the server's own account, with the names it gave."""
    path = run_folders.samples_path(folder)
    if not path.is_file():
        return {}
    try:
        frame = pl.scan_parquet(path).filter(pl.col("status") != "failed").select("model", "served_model")
        rows = frame.drop_nulls().unique().sort("model", "served_model").collect().rows()
    except (pl.exceptions.PolarsError, OSError):  # damage is told where the samples are read
        return {}
    found: dict[str, list[str]] = {}
    for model, served in rows:
        found.setdefault(model, []).append(served)
    return {model: names for model, names in found.items() if len(names) > 1}


def sandboxes() -> pl.DataFrame:
    """One row per tier of the sandbox, best first. `why_not` is null if it works here."""
    schema = {"tier": pl.String, "here": pl.Boolean, "what": pl.String, "why_not": pl.String}
    rows = [(tier.name, tier.reason is None, tier.what, tier.reason) for tier in tiers.probe()]
    return pl.DataFrame(rows, schema=schema, orient="row")


def weights() -> pl.DataFrame:
    """One row per file in `conf/weights/`."""
    schema = {
        "weights": pl.String,
        "model": pl.String,
        "mb": pl.Float64,
        "licence": pl.String,
        "publisher": pl.String,
        "here": pl.Boolean,
        "sha256": pl.String,
    }
    catalogue = weights_store.catalogue(resources.conf_dirs())
    rows = [
        (
            name,
            spec.model,
            spec.size / 1e6,
            spec.licence,
            spec.publisher,
            weights_store.is_cached(spec),
            spec.sha256,
        )
        for name, spec in catalogue.items()
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").sort("weights")


def _readable(path: Path) -> dict[str, Any] | None:
    """A config file's own keys. A file that cannot be read is named in a warning, and the others are listed."""
    try:
        return resources.mapping(path)
    except ConfigError as error:
        say(f"warning: {visible(str(error))}", "warning")
        return None


def _conf_files(group: str) -> list[Path]:
    files = {path.stem: path for folder in reversed(resources.conf_dirs()) for path in (folder / group).glob("*.yaml")}
    return [files[name] for name in sorted(files)]


def about(group: str, name: str) -> str:
    """What a config file says of itself. Empty if there is none of that name."""
    return next((_about(path) for path in _conf_files(group) if path.stem == name), "")


def _about(path: Path) -> str:
    """The first comment of a config file that is not a package header."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
    return ""
