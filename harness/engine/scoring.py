"""Replies become scores, through lm-eval's filters and metrics and the task's scorer in `harness/scorers/`."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness import scorers
from harness.core import plugins
from harness.engine.lmeval import LoadedTask
from harness.engine.requests import Sample
from harness.records import FILTERED, Answer, Removed, Reply, Request, SampleStatus, Score, broken_off
from harness.specs import SandboxSpec

LM_EVAL = "lm_eval"
"""The value of `scorer` for a number that lm-eval's own metrics made."""
NO_FILTER = "none"
UNAGGREGATED = "part"
"""Status of a score that is one part of a corpus-level metric (F1, perplexity). Alone it has no value."""
CUT_OFF = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of a reply that reached the token limit."""
SILENT = "the reply ended inside its reasoning, before any answer"
Key = tuple[str, str, str]
"""Metric, filter, scorer."""


def status(replies: Sequence[Reply | None], *, opened: bool = False) -> SampleStatus:
    """The state of a sample.

    Args:
        replies: to its requests. `None` stands for a request that was never sent.
        opened: true if its model's chat template opens the reasoning.
    """
    if any(reply is None or broken_off(reply) for reply in replies):
        return "failed"
    held = [reply for reply in replies if reply is not None]
    reasons = {reply.finish_reason for reply in held}
    if reasons & {"refusal", FILTERED}:
        return "refused"
    cut = bool(reasons & CUT_OFF) or any(unfinished(reply, opened=opened) for reply in held)
    return "truncated" if cut else "answered"


def unfinished(reply: Reply, *, opened: bool = False) -> bool:
    """Whether a reply ended inside its reasoning: at the token limit, at a stop text, or because the model stopped."""
    if reply.loglikelihood is not None or reply.error is not None:
        return False
    if reply.text is None:
        return True
    return scorers.clean(reply.text, opened=opened and not reply.reasoning).unfinished


def _removed(replies: Sequence[Reply | None], *, opened: bool) -> tuple[Removed, ...]:
    """What is taken off the texts of replies."""
    texts = (reply.text for reply in replies if reply is not None and reply.text is not None)
    return tuple(piece for text in texts for piece in scorers.clean(text, opened=opened).removed)


def openers(said: Iterable[Mapping[str, Any]], replies: Iterable[tuple[str, Reply | None]]) -> set[str]:
    """The models whose chat template opens their reasoning: the spec says so, or a reply closed what it never opened.

    Args:
        said: the specs of a run's models, as its manifest holds them.
        replies: the replies of the run, each with its model's name.
    """
    configured = {model["name"] for model in said if (model.get("reasoning") or {}).get("opened")}
    return configured | {model for model, reply in replies if reply is not None and reply.opened_before}


def _response(request: Request, reply: Reply) -> Any:
    if request.kind == "loglikelihood":
        return (reply.loglikelihood, reply.is_greedy)
    if request.kind == "loglikelihood_rolling":
        return reply.loglikelihood
    return scorers.clean(reply.text or "").text


def score(
    loaded: LoadedTask,
    samples: Sequence[Sample],
    replies: Mapping[str, Reply | None],
    sandbox: SandboxSpec,
    *,
    opened: bool = False,
) -> list[tuple[Sample, SampleStatus, dict[Key, Score]]]:
    """Score samples of one model on one task. All repeats of a document are scored together.

    Args:
        loaded: the task.
        samples: the model's samples.
        replies: by the request's id.
        sandbox: how model-written code may be run.
        opened: true if the model's chat template opens its reasoning.

    Returns:
        Each sample, in order, with its state and its scores. A sample that failed, was refused, or ended inside its
        reasoning has a score without a value wherever others have one.
    """
    held = [[replies.get(request.id) for request in sample.requests] for sample in samples]
    states = [status(of, opened=opened) for of in held]
    silent = [any(reply is not None and unfinished(reply, opened=opened) for reply in of) for of in held]
    usable = [i for i, state in enumerate(states) if state in ("answered", "truncated") and not silent[i]]
    answers = {id_: reply for id_, reply in replies.items() if reply is not None}
    scored: list[dict[Key, Score]] = [{} for _ in samples]
    groups: dict[tuple[int, int], list[int]] = {}
    for i in usable:
        groups.setdefault((samples[i].doc_id, 0 if loaded.pooled else samples[i].repeat), []).append(i)
    for members in groups.values():
        for key, result in _lm_eval_scores(loaded, [samples[i] for i in members], answers).items():
            off = () if loaded.scorer else _removed(held[members[0]], opened=opened)
            scored[members[0]][key] = dataclasses.replace(result, removed=off) if off else result
    if loaded.scorer is not None:
        module = plugins.load("scorers", loaded.scorer)
        judged = [
            Answer(
                doc=_for_code(samples[i], loaded) if loaded.runs_code else samples[i].doc,
                target=samples[i].target,
                text=answers[samples[i].requests[0].id].text or "",
                truncated=states[i] == "truncated",
                opened=opened and not answers[samples[i].requests[0].id].reasoning,
            )
            for i in usable
        ]
        for i, result in zip(usable, module.score(judged, loaded.sandbox(sandbox)), strict=True):
            scored[i][(module.METRIC, NO_FILTER, loaded.scorer)] = result
    keys = dict.fromkeys(key for row in scored for key in row) or _expected_keys(loaded)
    for i, state in enumerate(states):
        if silent[i] and state == "truncated":
            off = _removed(held[i], opened=opened)
            scored[i] = {key: Score(None, state, explanation=SILENT, removed=off) for key in keys}
        elif state not in ("answered", "truncated"):
            scored[i] = {key: Score(None, state) for key in keys}
    return list(zip(samples, states, scored, strict=True))


def _for_code(sample: Sample, loaded: LoadedTask) -> Mapping[str, Any]:
    """A document with the texts that end a completion of it, and how code is found in an answer."""
    decoding = sample.requests[0].decoding
    return {**sample.doc, "until": list(decoding.stop) if decoding else [], "extract": loaded.extract}


def _expected_keys(loaded: LoadedTask) -> dict[Key, None]:
    """Only the headline, if no sample could be scored."""
    return {(loaded.headline, NO_FILTER, loaded.scorer or LM_EVAL): None} if loaded.headline else {}


def _lm_eval_scores(loaded: LoadedTask, repeats: Sequence[Sample], replies: Mapping[str, Reply]) -> dict[Key, Score]:
    """lm-eval's metrics of one document, for every filter of the task."""
    task = loaded.task
    if set(task.aggregation()) <= {"bypass"}:
        return {}
    instances = []
    for index, original in enumerate(repeats[0].instances):
        instance = copy.copy(original)
        instance.resps = [_response(s.requests[index], replies[s.requests[index].id]) for s in repeats]
        instance.filtered_resps = {}
        instances.append(instance)
    scores = {}
    for ensemble in task._filters:  # noqa: SLF001 - lm-eval's `apply_filters` only takes a whole task
        try:
            ensemble.apply(instances)
            filtered = [instance.filtered_resps[ensemble.name] for instance in instances]
            values = task.process_results(repeats[0].doc, filtered)
            extracted = filtered[0] if isinstance(filtered[0], str) else None
        except Exception as error:  # noqa: BLE001 - a task's own code may raise anything
            values, extracted = dict.fromkeys(task.aggregation(), error), None
        for metric, value in values.items():
            if metric != "bypass":
                scores[(metric, ensemble.name, LM_EVAL)] = _lm_eval_score(value, extracted)
    return scores


def _lm_eval_score(value: Any, extracted: str | None) -> Score:
    if isinstance(value, Exception):
        return Score(None, "scorer_error", extracted, f"{type(value).__name__}: {value}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return Score(None, UNAGGREGATED, extracted, detail={"part": json.loads(json.dumps(value, default=_jsonable))})
    if not math.isfinite(number):
        return Score(None, "scorer_error", extracted, f"lm-eval's metric gave {number}")
    return Score(number, "scored", extracted)


def _jsonable(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
