"""The manifest of a run and the rows of its samples: what happened, fit to be published.

No secret, no user name, no folder of the machine: paths are cut to their last part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import __version__
from harness.core import digest, environment, identity, plain
from harness.engine import LoadedTask, Sample
from harness.evaluation.planning import ModelPlan, Plan, judging
from harness.records import Reply, Score
from harness.runs import SCHEMA, Manifest, ModelEntry, TaskEntry, WeightsEntry
from harness.specs import TOLD, EvalSpec, ModelSpec, ReasoningSpec


def opening(plan: Plan, argv: Sequence[str], before: Manifest | None) -> Manifest:
    """The manifest of a run that begins, or goes on from the one `before`."""
    known = {entry.name: entry for entry in before.models} if before else {}
    asked = EvalSpec.of_identity(plain(plan.spec))
    for task in asked["tasks"]:
        task["data"] = Path(task["data"]).name if task["data"] else None
    if asked["sandbox"]["packages"]:
        asked["sandbox"]["packages"] = Path(asked["sandbox"]["packages"]).name
    for model in asked["models"]:
        model["args"] = environment.publishable_args(model["args"])
        if model["reasoning"] == plain(ReasoningSpec()):  # as before there was a choice, so that the hash stays
            del model["reasoning"]
    return Manifest(
        schema=SCHEMA,
        run_id=plan.run_id,
        name=plan.spec.name,
        status="running",
        harness_version=__version__,
        started_at=before.started_at if before else environment.now(),
        argv=tuple(environment.publishable(argv)),
        spec=asked,
        spec_hash=digest(identity.RUN, asked),
        judged=judging(plan.spec.sandbox),
        models=tuple(
            _model_entry(of_model, model["args"], known.get(of_model.name))
            for of_model, model in zip(plan.models, asked["models"], strict=True)
        ),
        tasks=tuple(_task_entry(task) for task in plan.tasks),
        packages=environment.packages(),
        git=environment.git(),
        platform=environment.machine(),
    )


def _model_entry(plan: ModelPlan, args: Mapping[str, Any], before: ModelEntry | None) -> ModelEntry:
    held = plan.weights
    return ModelEntry(
        name=plan.name,
        backend=plan.model.backend,
        args=args,
        chat=plan.model.chat,
        system=plan.model.system,
        weights=WeightsEntry(name=plan.model.weights, sha256=held.sha256, size=held.size) if held else None,
        control_of=plan.model.control_of,
        **told(plan.model),
        deterministic=before.deterministic if before else None,
        facts=before.facts if before else {},
    )


def told(model: ModelSpec) -> dict[str, Any]:
    """What a model's file says of the model. `None` if it says nothing."""
    return {key: getattr(model, key) for key in TOLD}


def _task_entry(task: LoadedTask) -> TaskEntry:
    return TaskEntry(
        name=task.name,
        kind=task.kind,
        version=task.version,
        builtin=task.spec.builtin,
        task_hash=task.content_hash,
        docs_hash=task.docs_hash,
        data_sha256=task.data_sha256,
        scorer=task.scorer,
        headline_metric=task.headline,
        higher_is_better=task.higher_is_better,
        n_docs=task.n_docs,
        whole_docs_hash=task.whole_hash,
        repeats=task.repeats,
        num_fewshot=task.task.get_config("num_fewshot") or 0,
        licence=task.licence,
        source=task.source,
        cluster=task.cluster,
    )


def row(
    run_id: str,
    model: str,
    sample: Sample,
    replies: Mapping[str, Reply | None],
    state: str,
    scores: Mapping[tuple[str, str, str], Score],
) -> dict[str, Any]:
    """One row of `samples.parquet`. Its columns are in `harness.runs.samples`."""
    first = sample.requests[0]
    generated = first.kind == "generate"
    return {
        "run_id": run_id,
        "model": model,
        "task": sample.task,
        "doc_id": sample.doc_id,
        "repeat": sample.repeat,
        "sample_id": sample_id([request.id for request in sample.requests]),
        "status": state,
        "kind": first.kind,
        "messages": json.dumps(plain(first.messages), ensure_ascii=False) if first.messages is not None else None,
        "prompt": first.prompt,
        "doc": json.dumps(sample.doc, ensure_ascii=False, default=str, sort_keys=True),
        "target": sample.target,
        "seed": first.seed,
        "decoding": json.dumps(plain(first.decoding), sort_keys=True) if first.decoding else None,
        "continuations": None if generated else [request.continuation or "" for request in sample.requests],
        "request_ids": [request.id for request in sample.requests],
        "removed": _removed(scores.values()),
        **answered([replies.get(request.id) for request in sample.requests], generated=generated),
        "scores": [
            {
                "metric": metric,
                "filter": filter_name,
                "scorer": scorer,
                "value": score.value,
                "status": score.status,
                "extracted": score.extracted,
                "explanation": score.explanation,
                "detail": json.dumps(plain(score.detail), ensure_ascii=False, sort_keys=True, default=str)
                if score.detail
                else None,
            }
            for (metric, filter_name, scorer), score in sorted(scores.items())
        ],
    }


def _removed(scores: Iterable[Score]) -> str | None:
    """What the scorer took off, as JSON. `None` if that is nothing."""
    pieces = next((score.removed for score in scores if score.removed), ())
    return json.dumps(plain(pieces), ensure_ascii=False) if pieces else None


def sample_id(request_ids: Sequence[str]) -> str:
    """The identity of a sample: its request's, or a hash over those of all its choices."""
    return request_ids[0] if len(request_ids) == 1 else digest(identity.SAMPLE, request_ids)


def answered(replies: Sequence[Reply | None], *, generated: bool) -> dict[str, Any]:
    """The columns of a sample that say what came back, from the replies to its requests (`None`: never sent)."""
    held = [reply or Reply(error="never sent") for reply in replies]
    reply = held[0]
    errors = [item.error for item in held if item.error]
    return {
        "output": reply.text,
        "reasoning": reply.reasoning,
        "reasoning_kind": reply.reasoning_kind,
        "finish_reason": reply.finish_reason,
        "error": errors[0] if errors else None,
        "loglikelihoods": None if generated else [item.loglikelihood for item in held],
        **{
            name: _sum(getattr(item.usage, name) for item in held)
            for name in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
        },
        "attempts": [plain(attempt) for item in held for attempt in item.attempts],
        "started_at": reply.started_at,
        "latency_s": _sum(item.latency_s for item in held),
        "ttfb_s": reply.ttfb_s,
        "ttft_s": reply.ttft_s,
        "served_model": served(held),
        "system_fingerprint": reply.system_fingerprint,
        "response_id": reply.response_id,
        "request_bodies": [item.body for item in held],
        "request_sha256": [_sha256(item.body) for item in held],
        "batch": reply.batch,
        "reused_from": reply.reused_from,
    }


def served(replies: Sequence[Reply]) -> str | None:
    """The model that the server said answered. `a + b` if it said so of some of a sample's replies and of others."""
    names = sorted({reply.served_model for reply in replies if reply.served_model})
    return " + ".join(names) if len(names) > 1 else replies[0].served_model


def _sha256(body: str | None) -> str | None:
    return None if body is None else hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def _sum(values: Iterable[Any]) -> Any:
    """The sum of what is known. `None` if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
