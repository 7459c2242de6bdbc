"""Every Eval Ever 0.3: an aggregate file and a file of samples per model and task.

    data/TASK/DEVELOPER/MODEL/UUID.json
    data/TASK/DEVELOPER/MODEL/UUID_samples.jsonl

Both are valid by the JSON schemas that the project publishes (https://github.com/evaleval/every_eval_ever). A sample
that could not be scored has no line, because the format has no word for it: the aggregate counts it, and has a
`warning` among its details.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Sequence

from harness.archive.exports._run import (
    Coverage,
    Finished,
    Options,
    Row,
    dumps,
    file_name,
    prompt_of,
    scores_of,
    stable_uuid,
)
from harness.runs import Metric, ModelEntry, TaskEntry

VERSION = "0.3.0"
"""The schemas that the files are valid by."""
UNKNOWN = "unknown"
_LOCAL = ("llama_cpp", "lm_eval_model")
"""Backends whose weights are on this machine."""


def files(run: Finished, options: Options) -> Iterator[tuple[str, bytes]]:
    """Two files per model and task that has metrics."""
    for model, task, rows in run.parts():
        metrics = [m for m in run.metrics(model.name, task.name) if m.value is not None]
        if not metrics:
            continue
        developer = options.developers.get(model.name, UNKNOWN)
        name = stable_uuid(str(run.manifest.run_id), model.name, task.name)
        path = f"data/{file_name(task.name)}/{file_name(developer)}/{file_name(model.name)}/{name}"
        seconds = _epoch(run.manifest.finished_at or run.manifest.started_at)
        keys = {
            "schema_version": VERSION,
            "evaluation_id": f"{task.name}/{developer}/{model.name}/{seconds}",
        }
        lines = [
            dumps(keys | {"model_id": f"{developer}/{model.name}"} | line)
            for metric in metrics
            for line in _lines(rows, task, metric)
        ]
        samples = "".join(line + "\n" for line in lines).encode()
        covered = run.covered[model.name, task.name]
        results = [_result(task, rows, metric, options, covered) for metric in metrics]
        aggregate = keys | {
            "retrieved_timestamp": str(seconds),
            "evaluation_timestamp": str(run.manifest.finished_at),
            "source_metadata": {
                "source_name": f"run {run.manifest.run_id}",
                "source_type": "evaluation_run",
                "source_organization_name": UNKNOWN,
                "evaluator_relationship": "other",
            },
            "eval_library": {
                "name": "harness",
                "version": str(run.manifest.harness_version),
                "additional_details": {"run_id": str(run.manifest.run_id), "spec_hash": run.manifest.spec_hash},
            },
            "model_info": _model(model, developer),
            "evaluation_results": [_with_settings(result, rows, run) for result in results],
            "detailed_evaluation_results": {
                "format": "jsonl",
                "file_path": f"{path}_samples.jsonl",
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(samples).hexdigest(),
                "total_rows": len(lines),
                "additional_details": _said(covered),
            },
        }
        yield f"{path}.json", (dumps(aggregate, indent=2) + "\n").encode()
        yield f"{path}_samples.jsonl", samples


def _epoch(moment: str) -> int:
    return int(dt.datetime.fromisoformat(moment).timestamp())


def _model(model: ModelEntry, developer: str) -> Row:
    local = model.backend in _LOCAL
    details = {
        "deployment_type": "self_deployed" if local else "externally_managed",
        "model_availability": "open_weights" if local else UNKNOWN,
    }
    if model.backend in ("imported", "fake"):
        details = {"deployment_type": UNKNOWN, "model_availability": UNKNOWN}
    if weights := model.weights:
        details |= {"weights": str(weights.name), "weights_sha256": str(weights.sha256)}
    found: Row = {
        "name": model.name,
        "id": f"{developer}/{model.name}",
        "developer": developer,
        "inference_platform": model.backend,
        "additional_details": details,
    }
    if local:
        found["inference_engine"] = {"name": str(model.facts.get("runtime") or model.backend)}
    return found


def _said(covered: Coverage) -> dict[str, str]:
    """Counts of samples and documents, and what is incomplete."""
    counts = {key: str(value) for key, value in covered.counts.items()}
    return counts | ({"warning": covered.warning} if covered.warning else {})


def _result(task: TaskEntry, rows: Sequence[Row], metric: Metric, options: Options, covered: Coverage) -> Row:
    known: Row = {"dataset_name": task.name}
    if hub := options.hub.get(task.name):
        source = known | {
            "source_type": "hf_dataset",
            "hf_repo": hub.partition(":")[0],
            "samples_number": task.n_docs,
        }
    else:
        source = known | {"source_type": "other", "additional_details": {"source": str(task.source or UNKNOWN)}}
    values = [s["value"] for row in rows for s in row["scores"] if s["metric"] == metric.metric and s["value"]]
    shares = all(0 <= value <= 1 for value in (*values, metric.value))
    uncertainty: Row = {"num_samples": metric.n}
    if metric.ci_low is not None and metric.ci_high is not None:
        uncertainty["confidence_interval"] = {
            "lower": metric.ci_low,
            "upper": metric.ci_high,
            "confidence_level": 0.95,
            "method": metric.ci_method,
        }
    return {
        "evaluation_result_id": _result_id(task, metric),
        "evaluation_name": task.name,
        "source_data": source,
        "metric_config": {
            "metric_id": metric.metric,
            "metric_name": metric.metric,
            "lower_is_better": task.higher_is_better is False,
            "score_type": "continuous",
            "min_score": 0 if shares else "-Infinity",
            "max_score": 1 if shares else "Infinity",
            "additional_details": {"filter": str(metric.filter), "scorer": str(metric.scorer)},
        },
        "score_details": {
            "score": metric.value,
            "details": {
                key: str(getattr(metric, key)) for key in ("n_unscored", "n_failed", "n_truncated", "n_refused")
            }
            | _said(covered),
            "uncertainty": uncertainty,
        },
    }


def _with_settings(result: Row, rows: Sequence[Row], run: Finished) -> Row:
    decoding: Row = next((json.loads(row["decoding"]) for row in rows if row["decoding"]), {})
    known = {key: decoding[key] for key in ("temperature", "top_p", "top_k", "max_tokens") if decoding.get(key)}
    if "temperature" in decoding:
        known["temperature"] = decoding["temperature"]
    return result | {"generation_config": {"generation_args": known | {"execution_command": _command(run)}}}


def _command(run: Finished) -> str:
    import shlex

    return shlex.join(run.manifest.argv)


def _result_id(task: TaskEntry, metric: Metric) -> str:
    return f"{task.name}/{metric.metric}/{metric.filter or 'none'}"


def _lines(rows: Sequence[Row], task: TaskEntry, metric: Metric) -> Iterator[Row]:
    for row in rows:
        score = scores_of(row, metric.metric, metric.filter)
        if score is None or score["value"] is None:
            continue
        prompt, target = prompt_of(row), row["target"] or ""
        line: Row = {
            "evaluation_name": task.name,
            "evaluation_result_id": _result_id(task, metric),
            "sample_id": f"{row['doc_id']}" + (f"#{row['repeat']}" if row["repeat"] else ""),
            "sample_hash": hashlib.sha256((prompt + target).encode("utf-8", "replace")).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": prompt, "reference": [target], "choices": row["continuations"]},
            "output": {
                "raw": [row["output"] or ""],
                "reasoning_trace": [row["reasoning"]] if row["reasoning"] else None,
            },
            "answer_attribution": [],
            "evaluation": {"score": score["value"], "is_correct": score["value"] >= 1.0},
            "error": row["error"],
            "metadata": {"status": row["status"], "verdict": str(score["status"])},
        }
        if score["extracted"] is not None:
            line["answer_attribution"] = [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": score["extracted"],
                    "extraction_method": str(score["scorer"]),
                    "is_terminal": True,
                }
            ]
        if row["prompt_tokens"] is not None and row["completion_tokens"] is not None:
            line["token_usage"] = {
                "input_tokens": row["prompt_tokens"],
                "output_tokens": row["completion_tokens"],
                "total_tokens": row["prompt_tokens"] + row["completion_tokens"],
                "input_tokens_cache_read": row["cached_tokens"],
                "reasoning_tokens": row["reasoning_tokens"],
            }
        if row["latency_s"] is not None:
            first = row["ttfb_s"]
            line["performance"] = {
                "latency_ms": row["latency_s"] * 1000,
                "time_to_first_token_ms": None if first is None else first * 1000,
            }
        yield line
