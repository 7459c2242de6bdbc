"""Inspect AI's JSON log, version 2: one file per model and task, which `inspect view` and `read_eval_log` open.

https://inspect.aisi.org.uk/eval-logs.html. Inspect has no unscored sample: an answer without a score has no entry in
`scores`, and one that failed has an `error`. The metadata of the log and of its results
say what is incomplete (`warning`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from harness.archive.exports._run import Finished, Options, Row, dumps, file_name, prompt_of, scores_of, stable_uuid
from harness.runs import Metric, ModelEntry, TaskEntry

VERSION = 2
_STOP = {"length": "max_tokens", "content_filter": "content_filter", "refusal": "content_filter", "stop": "stop"}
_WORDS = {1.0: "C", 0.0: "I"}


def files(run: Finished, _: Options) -> Iterator[tuple[str, bytes]]:
    """A log per model and task."""
    for model, task, rows in run.parts():
        name = f"{run.day}_{file_name(task.name)}_{file_name(model.name)}.json"
        yield name, (dumps(_log(run, model, task, rows), indent=1) + "\n").encode()


def _log(run: Finished, model: ModelEntry, task: TaskEntry, rows: Sequence[Row]) -> Row:
    manifest = run.manifest
    key = (str(manifest.run_id), model.name, task.name)
    samples = [_sample(row, model.name) for row in rows]
    covered = run.covered[model.name, task.name]
    said = covered.counts | ({"warning": covered.warning} if covered.warning else {})
    return {
        "version": VERSION,
        "status": "success",
        "eval": {
            "eval_id": stable_uuid("eval", *key),
            "run_id": manifest.run_id,
            "task_id": stable_uuid("task", *key),
            "task": task.name,
            "task_version": str(task.version),
            "created": manifest.started_at,
            "model": f"{model.backend}/{model.name}",
            "model_args": model.args,
            "dataset": {"name": task.name, "samples": task.n_docs},
            "config": {"epochs": task.repeats, "fail_on_error": False},
            "packages": {"harness": manifest.harness_version},
            "metadata": said,
        },
        "results": {
            "total_samples": len(rows),
            "completed_samples": sum(row["status"] != "failed" for row in rows),
            "scores": _scores(run, model.name, task.name, rows),
            "metadata": said,
        },
        "stats": {
            "started_at": manifest.started_at,
            "completed_at": manifest.finished_at,
            "model_usage": {f"{model.backend}/{model.name}": _usage(rows)},
        },
        "samples": samples,
    }


def _scores(run: Finished, model: str, task: str, rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "name": _scorer(metric.metric, metric.filter),
            "scorer": str(metric.scorer),
            **_scored(rows, metric),
            "metrics": {metric.metric: {"name": metric.metric, "value": metric.value}},
            "metadata": {
                key: getattr(metric, key) for key in ("ci_low", "ci_high", "ci_method", "n", "n_unscored", "coverage")
            },
        }
        for metric in run.metrics(model, task)
        if metric.value is not None
    ]


def _scored(rows: Sequence[Row], metric: Metric) -> Row:
    """How many samples a metric is over. Nothing if samples have no score of that name, as pass@k."""
    found = [scores_of(row, metric.metric, metric.filter) for row in rows]
    if not any(found):
        return {}
    scored = sum(score is not None and score["value"] is not None for score in found)
    return {"scored_samples": scored, "unscored_samples": len(rows) - scored}


def _scorer(metric: str, form: str | None) -> str:
    return metric if form in (None, "none") else f"{metric}_{form}"


def _usage(rows: Sequence[Row]) -> Row:
    sums = {key: sum(row[f"{key}_tokens"] or 0 for row in rows) for key in ("prompt", "completion")}
    return {
        "input_tokens": sums["prompt"],
        "output_tokens": sums["completion"],
        "total_tokens": sum(sums.values()),
    }


def _sample(row: Row, model: str) -> Row:
    asked = json.loads(row["messages"]) if row["messages"] else [{"role": "user", "content": row["prompt"] or ""}]
    answer: list[Row] | str = row["output"] or ""
    if row["reasoning"]:
        answer = [{"type": "reasoning", "reasoning": row["reasoning"]}, {"type": "text", "text": row["output"] or ""}]
    reply = {"role": "assistant", "content": answer, "source": "generate"}
    done: Row = {
        "id": row["doc_id"],
        "epoch": row["repeat"] + 1,
        "input": prompt_of(row),
        "target": row["target"] or "",
        "messages": [*asked, reply],
        "output": {
            "model": row["served_model"] or model,
            "choices": [{"message": reply, "stop_reason": _STOP.get(row["finish_reason"] or "", "unknown")}],
        },
        "scores": {
            _scorer(score["metric"], score["filter"]): {
                "value": _WORDS.get(score["value"], score["value"]),
                "answer": score["extracted"],
                "explanation": score["explanation"],
                "metadata": {"status": score["status"]},
            }
            for score in row["scores"]
            if score["value"] is not None
        },
        "metadata": {"status": row["status"], "sample_id": row["sample_id"]},
    }
    if row["prompt_tokens"] is not None and row["completion_tokens"] is not None:
        done["output"]["usage"] = {
            "input_tokens": row["prompt_tokens"],
            "output_tokens": row["completion_tokens"],
            "total_tokens": row["prompt_tokens"] + row["completion_tokens"],
            "reasoning_tokens": row["reasoning_tokens"],
        }
    if row["latency_s"] is not None:
        done["total_time"] = row["latency_s"]
    if row["status"] == "failed":
        text = row["error"] or "no answer"
        done["error"] = {"message": text, "traceback": text, "traceback_ansi": text}
    return done
