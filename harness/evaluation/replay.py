"""A run's journal as a cassette: the same run again, offline and without a key. `harness rescore` is this.

Everything that was asked comes from the run's own manifest. Tasks and scorers are today's: if a task asks something
else since, the journal has no answers to it. If it only judges otherwise, it has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import runs
from harness.errors import ConfigError
from harness.specs import TOLD, EvalSpec, ModelSpec

NAME = "replay"
"""The backend that reads a journal, and the run's name if none was chosen."""


def expand(spec: EvalSpec) -> EvalSpec:
    """The spec of the run that is to be replayed, under the name, sandbox and place of this one.

    Args:
        spec: with `replay` set. The `data` of its one placeholder task is where the old run's data files are now.

    Raises:
        ConfigError: there is no such run, or it read a local file and the file was not given again.
        StorageError: its manifest is damaged.
    """
    if spec.replay is None:
        return spec
    from pydantic import TypeAdapter, ValidationError

    folder = runs.find_run(Path(spec.results_dir), spec.replay)
    said = runs.read_manifest(folder)
    asked = EvalSpec.of_identity(said.spec)
    told = {entry.name: {key: getattr(entry, key) for key in TOLD} for entry in said.models}
    asked["models"] = [{**model, **told.get(model["name"], {})} for model in asked["models"]]
    data = next((task.data for task in spec.tasks), None)
    asked["tasks"] = [with_data(task, data, folder.name) for task in asked["tasks"]]
    try:
        old: EvalSpec = TypeAdapter(EvalSpec).validate_python(asked)
    except ValidationError as error:
        raise ConfigError(f"run {folder.name} was made by another version of harness: {error}") from error
    return dataclasses.replace(
        old,
        name=NAME if spec.name == EvalSpec.name else spec.name,
        sandbox=spec.sandbox,
        results_dir=spec.results_dir,
        dry_run=spec.dry_run,
        replay=folder.name,
    )


def with_data(
    task: Mapping[str, Any], given: str | Path | None, run: str, how: str = "task.data=PATH"
) -> dict[str, Any]:
    """A task as a manifest has it, with the place of its data file put back. `how` is the word that names it.

    Raises:
        ConfigError: it read a file, and none was given.
    """
    if not task.get("data"):
        return dict(task)
    if given is None:
        raise ConfigError(
            f"run {run} read {task['data']} for {task['name']}; say where it is now with {how} (its content "
            "is checked, the path does not matter), or the folder that holds it"
        )
    if (held := Path(given) / task["data"]).exists():
        return {**task, "data": str(held)}
    return {**task, "data": str(given)}


def source(model: ModelSpec, spec: EvalSpec) -> ModelSpec:
    """Who answers for a model: itself, or the journal of the run that is replayed."""
    if spec.replay is None:
        return model
    args = {"run": spec.replay, "results_dir": spec.results_dir}
    return ModelSpec(name=model.name, backend=NAME, args=args, parallel=model.parallel)


def counts(model: str, task: str, spec: EvalSpec) -> Mapping[int, int]:
    """How many samples each document of a task was in the run that is replayed. Empty if it has none yet."""
    import polars as pl

    path = runs.samples_path(runs.find_run(Path(spec.results_dir), spec.replay or ""))
    if not path.is_file():
        return {}
    mine = (pl.col("model") == model) & (pl.col("task") == task)
    rows = pl.scan_parquet(path).filter(mine).group_by("doc_id").agg(pl.col("repeat").max() + 1).collect()
    return dict(rows.iter_rows())
