"""How the numbers on the page were made, run by run: the command, the versions, the settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.leaderboard.board import Board


@dataclass(frozen=True)
class Made:
    """One run of the page, in unescaped text."""

    run_id: str
    command: str
    """The command line, as a shell takes it."""
    facts: tuple[str, ...]


def settings(board: Board) -> Iterator[Made]:
    """Every run that a number of the page comes from, by run id."""
    for run in board.runs.iter_rows(named=True):
        spec = json.loads(run["spec"])
        commit = run["git_commit"] or "no git checkout"
        commit += " with uncommitted changes" if run["git_dirty"] else ""
        facts = (
            f"harness {run['harness_version']}, {commit}; run {run['status']}{', imported' if run['imported'] else ''}",
            f"seed {_said(spec.get('seed'))}; decoding: {_decoding(spec.get('decode'))}",
            *_model_lines(board, run["run_id"], spec),
            *(f"task {line}" for line in _task_lines(board, run["run_id"], spec)),
        )
        yield Made(run["run_id"], shlex.join(run["argv"] or []), facts)


def _said(value: Any) -> str:
    return "unset" if value is None else str(value)


def _decoding(decode: Mapping[str, Any] | None) -> str:
    fields = {key: value for key, value in sorted((decode or {}).items()) if value is not None}
    return ", ".join(f"{key} {value}" for key, value in fields.items()) or "as each task says"


def _model_lines(board: Board, run_id: str, spec: Mapping[str, Any]) -> list[str]:
    own = {model.get("name"): model.get("decode") for model in spec.get("models", ())}
    alike: dict[str, list[str]] = {}
    rows = [row for row in board.models.iter_rows(named=True) if row["run_id"] == run_id]
    for name in sorted({row["model"] for row in rows}):
        mine = [row for row in rows if row["model"] == name]
        line = f"backend {mine[0]['backend']}"
        if mine[0]["weights_sha256"]:
            line += f", weights {mine[0]['weights_name']} sha256 {mine[0]['weights_sha256']}"
        if own.get(name):
            line += f", own decoding: {_decoding(own[name])}"
        alike.setdefault(f"{line}; shown for {', '.join(sorted(row['task'] for row in mine))}", []).append(name)
    return [f"{what} {', '.join(names)}: {line}" for line, names in alike.items() for what in [_of(names)]]


def _of(names: Sequence[str]) -> str:
    return "model" if len(names) == 1 else f"{len(names)} models"


def _task_lines(board: Board, run_id: str, spec: Mapping[str, Any]) -> list[str]:
    limits = {task.get("name"): task.get("limit") for task in spec.get("tasks", ())}
    lines = []
    for row in board.tasks.iter_rows(named=True):
        if row["run_id"] == run_id:
            limit = limits.get(row["task"])
            lines.append(
                f"{row['task']}: version {_said(row['version'])}, {row['task_hash']}, "
                f"{'all' if limit is None else f'first {limit}'} documents (n_docs {_said(row['n_docs'])}), "
                f"repeats {_said(row['repeats'])}, few-shot {_said(row['num_fewshot'])}"
            )
    return lines
