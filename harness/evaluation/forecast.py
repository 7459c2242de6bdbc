"""What a run would send, take and cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.engine import LoadedTask
from harness.evaluation.budget import PER, Price, most_tokens
from harness.evaluation.planning import Plan
from harness.records import Reply, Request
from harness.runs import Replies
from harness.stats import power

BYTES_PER_TOKEN = 4.0
"""A rule of thumb for English text, used until a server has counted a prompt of the model."""


def rows(
    plan: Plan, held: Replies, reusable: Mapping[str, Reply], prices: Mapping[str, Price | None]
) -> list[dict[str, Any]]:
    """One row per model and task.

    Args:
        plan: the run.
        held: answers this run has already.
        reusable: answers of other runs to the same requests.
        prices: by model. `None` is unknown, a model that is not billed is left out.

    Returns:
        Requests, how many are answered already, estimates of tokens, dollars and seconds for the rest. Prompt tokens
        are estimated from bytes, at the rate of the model's answers so far if there are any. Completion tokens
        and time are those of its answers so far, `None` without. The most they can be is `completion_tokens_at_most`.
    """
    found = []
    for model in plan.models:
        name, parallel = model.name, model.model.parallel or 1
        rate, completion, latency = _experience(model.requests(), held, reusable)
        for task, samples in model.samples:
            n = here = send = size = most = 0
            greedy = True
            for request in samples.requests():
                n += 1
                here += held.answered(request.id)
                greedy = greedy and (request.decoding is None or not request.decoding.temperature)
                if not held.answered(request.id) and request.id not in reusable:
                    send += 1
                    size += _size(request)
                    most += most_tokens(request)[1]
            prompt = round(size / rate)
            written = None if completion is None else min(most, round(completion * send))
            price = prices.get(name)
            found.append(
                {
                    "model": name,
                    "task": task.name,
                    "requests": n,
                    "answered": here,
                    "reusable": n - here - send,
                    "to_send": send,
                    "prompt_tokens": prompt,
                    "completion_tokens": written if send else 0,
                    "completion_tokens_at_most": most,
                    "usd": _usd(price, prompt, written, send, billed=name in prices),
                    "usd_at_most": _usd(price, prompt, most, send, billed=name in prices),
                    "seconds": None if latency is None else round(latency * send / parallel, 1),
                    "detects": _detects(task, greedy=greedy),
                }
            )
    return found


def _detects(task: LoadedTask, *, greedy: bool) -> float | None:
    """The smallest true difference to another model of the same kind that the answers are likely to show.

    Several answers to a document count as repeats, and so do documents of one source. If decoding is greedy, repeats
    add nothing. Answers to open prompts have no accuracy.
    """
    docs = task.n_docs
    if not docs or task.kind == "provenance":
        return None
    sources = len({str(doc.get(task.cluster)) for doc in task.docs()}) if task.cluster else docs
    repeats = max(1, round(docs / sources)) * (1 if greedy else task.repeats)
    found = power.Design(repeats).detectable_difference(sources)
    return None if found is None else round(found, 3)


def _size(request: Request) -> int:
    texts = [message["content"] for message in request.messages or ()] + [
        request.prompt or "",
        request.continuation or "",
    ]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _experience(
    requests: Iterable[Request], held: Replies, reusable: Mapping[str, Reply]
) -> tuple[float, float | None, float | None]:
    """Bytes a prompt token, tokens a completion, seconds a request, of the answers there are."""
    size = prompt = written = completions = waits = 0
    waited = 0.0
    for request in requests:
        reply = held.get(request.id) or reusable.get(request.id)
        if reply is None:
            continue
        if reply.usage.prompt_tokens:
            size, prompt = size + _size(request), prompt + reply.usage.prompt_tokens
        if reply.usage.completion_tokens is not None:
            written, completions = written + reply.usage.completion_tokens, completions + 1
        if reply.latency_s is not None and reply.error is None:
            waited, waits = waited + reply.latency_s, waits + 1
    return (
        size / prompt if prompt and size else BYTES_PER_TOKEN,
        written / completions if completions else None,
        waited / waits if waits else None,
    )


def _usd(price: Price | None, prompt: int, completion: int | None, send: int, *, billed: bool) -> float | None:
    if not billed or not send:
        return 0.0
    if price is None or completion is None:
        return None
    return round((prompt * price.input + completion * price.output) / PER, 4)
