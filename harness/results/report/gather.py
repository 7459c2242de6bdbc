"""What the page shows of scores: leaderboard, tasks, items and how it was made. Reads the index. Draws nothing."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.core import visible
from harness.errors import StorageError
from harness.results import derivation, store
from harness.results.leaderboard import sentences, verdict
from harness.results.report.names import labels

if TYPE_CHECKING:
    from harness.provenance import Finding
    from harness.results.leaderboard import Board
    from harness.results.leaderboard.selection import Selection
    from harness.stats import Mean

Data = dict[str, Any]
"""JSON-able: numbers, texts, lists, and `None` for unknown. Models are indices into `models`."""
PREVIEW = 200
"""Characters of an item's prompt in lists. The sample browser has all of it."""
DIGITS = 4

_ITEMS = """
    SELECT samples.task, left(md5(CAST(samples.doc AS VARCHAR)), 12) AS item, min(doc_id) AS position,
        min(left(coalesce(prompt, messages ->> '$[#-1].content',
            samples.doc ->> 'prompt', CAST(samples.doc AS VARCHAR)), {preview})) AS text
    FROM samples JOIN chosen USING (run_id, model, task) JOIN metrics USING (run_id, model, task)
    WHERE metrics.is_headline GROUP BY ALL ORDER BY task, position, item
"""
_VALUES = """
    SELECT task, model, left(document, 12) AS item, total / count AS value
    FROM documents JOIN chosen USING (run_id, model, task) ORDER BY ALL
"""
_TASKS = """
    SELECT task, run_id, kind, version, task_hash, docs_hash, data_sha256, n_docs, repeats, num_fewshot, scorer,
        headline_metric, licence, source
    FROM tasks WHERE (run_id, task) IN (SELECT run_id, task FROM chosen) ORDER BY ALL
"""
_RUNS = """
    SELECT run_id, status, imported, harness_version, started_at, finished_at, argv, spec, samples, answered, truncated,
        refused, failed, cost_usd, packages, git_commit, git_dirty, platform
    FROM runs WHERE run_id IN (SELECT run_id FROM chosen) ORDER BY run_id
"""
_MODELS = """
    SELECT model, run_id, backend, chat, system, weights_name, weights_sha256, control_of, facts
    FROM models WHERE (run_id, model) IN (SELECT run_id, model FROM chosen) ORDER BY ALL
"""


def whole_board(results: Path, wanted: Selection | None = None) -> Board:
    """The leaderboard of everything that was evaluated.

    Args:
        results: the results folder. Its index must be up to date.
        wanted: its weights and coverage hold. What it leaves out is shown all the same.

    Raises:
        StorageError: there is no finished run.
    """
    everything = {"models": ("*",), "tasks": ("*",), "where": None}
    board = derivation.board(results, wanted and wanted.model_copy(update=everything))
    if not board.names:
        raise StorageError(f"{results}: no finished run has been indexed, so there is nothing to report")
    return board


def gather(results: Path, board: Board) -> Data:
    """Everything the page says of scores.

    Args:
        results: the results folder. Its index must be up to date.
        board: of `whole_board`.

    Returns:
        `version`, `models` (labels), `names` (as they are), `controls`, `summary`, `board`, `tasks` and `made`.
    """
    label = labels(board.names)
    place = {name: i for i, name in enumerate(label)}
    return {
        "version": __version__,
        "names": list(label),
        "models": list(label.values()),
        "controls": {place[name]: place.get(of, visible(of)) for name, of in sorted(board.control_of.items())},
        "imported": sorted(place[name] for name in board.imported_models),
        "summary": [visible(sentence) for sentence in sentences(board)],
        "board": _board(board, place),
        "tasks": _tasks(results, board, place, _pairs(results, place)),
        "made": _made(results),
    }


def _board(board: Board, place: Mapping[str, int]) -> Data:
    return {
        "coverage": board.min_coverage,
        "columns": [
            {"task": visible(task), "metric": visible(metric), "lower": task in board.lower_is_better}
            for task, metric in board.columns
        ],
        "limits": [None if math.isinf(limit) else limit for limit in board.limits],
        "averaged": [visible(task) for task, _ in board.averaged],
        "weights": [board.weights.get(task, 1.0) for task, _ in board.averaged],
        "calibrated": board.calibrated,
        "probed": [
            {"heading": visible(heading), "rows": [[place[m], visible(of[m])] for m in board.names if m in of]}
            for heading, of in board.probed
        ],
        "rows": [_row(board, name, place) for name in board.names],
    }


def _row(board: Board, name: str, place: Mapping[str, int]) -> Data:
    near = [(other, row) for other, row in board.nearest(name) if row["value"] is not None]
    mistakes = board.mistakes(name)
    return {
        "model": place[name],
        "notes": [visible(f"{task}: {note}") for model, task, note in board.mixed_unscored if model == name],
        "mean": _mean(board.means.get(name), board, name),
        "place": _place(board, name),
        **_facts(board, name),
        "cells": [_cell(board, name, column) for column in board.columns],
        "evidence": [_evidence(found, place) for found in board.findings.get(name, [])],
        "near": [
            {"other": place.get(other), "v": number(row["value"]), "lo": number(row["ci_low"]),
             "hi": number(row["ci_high"]), "n": row["n"]}
            for other, row in near
        ],
        "claims": [
            {"who": visible(row["claimed"]), "v": number(row["share"]), "lo": number(row["ci_low"]),
             "hi": number(row["ci_high"]), "n": row["n"], "others": row["base_claiming"], "of": row["base_n"]}
            for row in board.claims(name)
        ],
        "wrong": None if mistakes is None else {"other": place.get(mistakes[0]), "text": visible(mistakes[1])},
    }  # fmt: skip


def _place(board: Board, name: str) -> Data | None:
    """Where a ranked model stands: its level, whether it was asked everything, and the group it shares items with."""
    place = board.places.get(name)
    if place is None:
        return None
    return {"v": number(board.shown_places[name]), "whole": name in board.whole, "group": place.group}


def _facts(board: Board, name: str) -> Data:
    """Lab, month, and what an answer took: what columns and figures need. The rest is on the model's card."""
    fact, used = board.facts.get(name), board.used.get(name)
    told = {
        "lab": fact and fact.lab and visible(fact.lab),
        "released": fact and fact.released,
        "weights": fact and fact.weights,
        "usd": used and number(used.usd),
        "written": used and number(used.completion),
        "seconds": used and number(used.seconds),
    }
    return {key: value for key, value in told.items() if value is not None}


def _evidence(found: Finding, place: Mapping[str, int]) -> Data:
    """A finding as the page's table wants it: its first one is of the set with most power, others contradict that."""
    first = found.strongest
    told: Data = {
        "verdict": found.verdict,
        "strength": found.strength,
        "set": visible(found.corpus),
        "said": visible(verdict(found)),
        "sentence": visible(found.sentence),
        "name": None if first is None else visible(first.candidate),
        "same": visible(found.same_model.short) if found.same_model and found.same_model.named else None,
        "dated": found.released is not None,
        "tested": len(found.tested),
        "n": found.suspect_prompts if first is None else first.prompts,
        **dict.fromkeys(("nearest", "score", "ci_low", "ci_high", "p", "q")),
    }
    if first is None:
        return told
    numbers = {"score": first.z, "ci_low": first.z_low, "ci_high": first.z_high, "p": first.p, "q": first.q}
    return told | {"nearest": place.get(first.candidate), **{key: number(value) for key, value in numbers.items()}}


def _mean(mean: Mean | None, board: Board, name: str) -> Data | None:
    if mean is None:
        return None
    found, standing = mean.estimate, board.standings[None].get(name)
    ranks = {} if standing is None else _ranks(standing)
    return {
        "v": number(found.value),
        "lo": number(found.low),
        "hi": number(found.high),
        "n": found.n,
        "tasks": mean.tasks,
        "of": mean.of,
        **ranks,
    }


def _ranks(standing: Any) -> Data:
    return {
        "best": standing.best,
        "worst": standing.worst,
        "letters": standing.letters,
        "groups": list(standing.groups),
    }


def _cell(board: Board, name: str, column: tuple[str, str]) -> Data | None:
    row = board.cells.get((name, *column))
    if row is None:
        return None
    standing = board.standings[column].get(name)
    return {
        "v": number(row["value"]),
        "lo": number(row["ci_low"]),
        "hi": number(row["ci_high"]),
        "n": row["n"],
        "unsafe": bool(row["unsafe_code"]),
        "notes": [visible(note) for note in board.notes_beside_name(row)],
        **({} if standing is None else _ranks(standing)),
    }


def _tasks(results: Path, board: Board, place: Mapping[str, int], pairs: Mapping[str, list[list[Any]]]) -> list[Data]:
    """One entry per task with a headline score: items, and every model's value on each."""
    items = store.query(results, _ITEMS.format(preview=PREVIEW)).partition_by("task", as_dict=True)
    values = store.query(results, _VALUES).partition_by("task", as_dict=True)
    found = []
    for task, metric in board.columns:
        rows = items.get((task,))
        if rows is None:
            continue
        at = {item: i for i, item in enumerate(rows["item"])}
        by_model: dict[int, list[float | None]] = {}
        if (task,) in values:
            for model, item, value in values[task,].select("model", "item", "value").iter_rows():
                by_model.setdefault(place[model], [None] * len(at))[at[item]] = number(value)
        found.append(
            {
                "task": visible(task),
                "metric": visible(metric),
                "lower": task in board.lower_is_better,
                "docs": rows["position"].to_list(),
                "items": rows["item"].to_list(),
                "texts": [visible(text or "") for text in rows["text"]],
                "values": {model: _packed(row) for model, row in sorted(by_model.items())},
                "pairs": pairs.get(task, []),
            }
        )
    return found


def _packed(values: list[float | None]) -> str | list[float | None]:
    """Rights and wrongs as a text of `1`, `0` and `.` for unscored. Anything else as a list."""
    sign = {1.0: "1", 0.0: "0", None: "."}
    return "".join(sign[v] for v in values) if all(v in sign for v in values) else values


def unpacked(values: str | list[float | None]) -> list[float | None]:
    """What `_packed` packed."""
    return [{"1": 1.0, "0": 0.0}.get(v) for v in values] if isinstance(values, str) else values


def _pairs(results: Path, place: Mapping[str, int]) -> dict[str, list[list[Any]]]:
    """The table `comparisons` in short, by task: a, b, difference, interval, n, p, test, and flips either way."""
    frame = store.query(results, "SELECT * FROM comparisons ORDER BY ALL")
    keys = ("difference", "ci_low", "ci_high", "n", "p_value", "test", "a_better", "b_better")
    found: dict[str, list[list[Any]]] = {}
    for row in frame.iter_rows(named=True):
        if row["model_a"] in place and row["model_b"] in place:
            numbers = (number(row[key]) if isinstance(row[key], float) else row[key] for key in keys)
            found.setdefault(row["task"], []).append([place[row["model_a"]], place[row["model_b"]], *numbers])
    return found


def _made(results: Path) -> Data:
    """Manifest facts of every run that speaks for a model."""
    rows = {name: store.query(results, sql) for name, sql in (("runs", _RUNS), ("tasks", _TASKS), ("models", _MODELS))}
    made = {name: [_plain(row) for row in frame.iter_rows(named=True)] for name, frame in rows.items()}
    for run in made["runs"]:
        run["argv"] = shlex.join(run["argv"] or [])
    return made


def _plain(row: Mapping[str, Any]) -> Data:
    return {key: _value(key, value) for key, value in row.items() if value is not None}


def _value(key: str, value: Any) -> Any:
    if key in {"spec", "packages", "platform", "facts"}:
        return json.loads(value)
    return str(value) if hasattr(value, "isoformat") else value


def number(value: float | None) -> float | None:
    """A number short enough for a page: four significant digits are more than was measured. NaN is unknown."""
    return None if value is None or math.isnan(value) else float(f"{value:.{DIGITS}g}")
