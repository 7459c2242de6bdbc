"""The page for programs: everything as JSON, the scores as CSV."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness.core import json_text
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.cells import named, weighing
from harness.results.leaderboard.guide import guide
from harness.results.leaderboard.settings import settings
from harness.results.leaderboard.summary import summary
from harness.stats import Standing

SCHEMA = "harness.leaderboard/1"
"""Name and version of the JSON form. A change that breaks a reader is a new number."""
_SCORE = (
    "task", "metric", "filter", "scorer", "value", "ci_low", "ci_high", "ci_method", "n", "n_unscored", "n_failed",
    "n_truncated", "n_refused", "coverage", "sandbox", "unsafe_code", "forgeable", "run_id",
)  # fmt: skip


def json(board: Board) -> str:
    """The leaderboard as one JSON object. What hides or turns text around stands in it as an escape."""
    pages = {
        "schema": SCHEMA,
        "title": board.title,
        "columns": [{"task": task, "metric": metric} for task, metric in board.columns],
        "mean_over": weighing(board) if board.averaged else None,
        "min_coverage": board.min_coverage,
        "summary": summary(board),
        "models": [_model(board, model) for model in board.names],
        "how_to_read": guide(board),
        "runs": [{"run_id": m.run_id, "command": m.command, "facts": list(m.facts)} for m in settings(board)],
    }
    return json_text(pages)


def csv(board: Board) -> str:
    """One row per model and task, the columns as in the view `leaderboard`, with ranks and notes.

    Behind them stand the model's own: the mean over tasks, the evidence of a relative, the identity it claims most, and
    whose wrong answers it shares. A model without a score has a row without a task.
    """
    import polars as pl

    from harness.core import render

    rows = [
        {"model": of["model"], **found, "notes": "; ".join(found.get("notes", of["notes"])), **_beside(board, of)}
        for of in (_model(board, model) for model in board.names)
        for found in of["scores"] or [{}]
    ]
    ints = ("n", "n_unscored", "n_failed", "n_truncated", "n_refused", "rank_best", "rank_worst", *_BESIDE["ints"])
    floats = ("value", "ci_low", "ci_high", "coverage", *_BESIDE["floats"])
    names = (
        "model",
        *_SCORE,
        "rank_best",
        "rank_worst",
        "letters",
        "notes",
        *(n for of in _BESIDE.values() for n in of),
    )
    types: dict[str, Any] = dict.fromkeys(names, pl.String)
    types |= (
        dict.fromkeys(ints, pl.Int64)
        | dict.fromkeys(floats, pl.Float64)
        | dict.fromkeys(("unsafe_code", "forgeable"), pl.Boolean)
    )
    return render(pl.DataFrame(rows, schema=types, orient="row"), "csv").decode()


_BESIDE = {
    "words": (
        "evidence_verdict",
        "evidence_strength",
        "evidence_set",
        "evidence_nearest",
        "claimed",
        "shares_errors_with",
    ),
    "ints": ("mean_tasks", "evidence_n", "claimed_n"),
    "floats": (
        "mean", "mean_ci_low", "mean_ci_high", "evidence_score", "evidence_ci_low", "evidence_ci_high", "evidence_q",
        "claimed_share", "claimed_base_share",
    ),
}  # fmt: skip


def _beside(board: Board, found: dict[str, Any]) -> dict[str, Any]:
    """What the CSV says of a model beside its scores, from all that is said of it."""
    mean, evidence = found["mean"] or {}, found["evidence"] or {}
    first = evidence.get("strongest") or {}
    claim: dict[str, Any] = next(iter(found["identity_claims"]), {})
    shared = board.mistakes(found["model"])
    return {
        "mean": mean.get("value"),
        "mean_ci_low": mean.get("ci_low"),
        "mean_ci_high": mean.get("ci_high"),
        "mean_tasks": mean.get("tasks"),
        "evidence_verdict": evidence.get("verdict"),
        "evidence_strength": evidence.get("strength"),
        "evidence_set": evidence.get("corpus"),
        "evidence_nearest": first.get("candidate"),
        "evidence_score": first.get("z"),
        "evidence_ci_low": first.get("z_low"),
        "evidence_ci_high": first.get("z_high"),
        "evidence_q": first.get("q"),
        "evidence_n": first.get("prompts", evidence.get("suspect_prompts")),
        "claimed": claim.get("claimed"),
        "claimed_share": claim.get("share"),
        "claimed_base_share": claim.get("base_share"),
        "claimed_n": claim.get("n"),
        "shares_errors_with": shared[0] if shared else None,
    }


def _model(board: Board, model: str) -> dict[str, Any]:
    mean, place = board.means.get(model), board.places.get(model)
    fact, used = board.facts.get(model), board.used.get(model)
    found = [one.json() for one in board.findings.get(model, [])]
    return {
        "model": model,
        "shown_as": named(board, model),
        "control_of": board.control_of.get(model),
        "mean": mean
        and {
            "value": mean.estimate.value,
            "ci_low": mean.estimate.low,
            "ci_high": mean.estimate.high,
            "n": mean.estimate.n,
            "tasks": mean.tasks,
            "of": mean.of,
            **_standing(board.standings[None].get(model)),
        },
        "place": place and {"level": place.value, "group": place.group, "whole": model in board.whole},
        "lab": fact and fact.lab,
        "released": fact and fact.released,
        "weights": fact and fact.weights,
        "statement": fact and fact.statement,
        "used": used and asdict(used),
        "scores": _scores(board, model),
        "notes": [f"{task}: {note}" for name, task, note in board.mixed_unscored if name == model],
        "evidence": found[0] if found else None,
        "contradicted_by": found[1:],
        "identity_claims": board.claims(model),
        "shared_errors": board.shared_errors_of(model),
    }


def _scores(board: Board, model: str) -> list[dict[str, Any]]:
    return [
        {key: row[key] for key in _SCORE}
        | _standing(board.standings[task, metric].get(model))
        | {"notes": board.notes(row)}
        for task, metric in board.columns
        if (row := board.cells.get((model, task, metric))) is not None
    ]


def _standing(found: Standing | None) -> dict[str, Any]:
    return {
        "rank_best": found and found.best,
        "rank_worst": found and found.worst,
        "letters": found and found.letters,
    }
