"""What a run would send, take and cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness import power
from harness.budget import PER, Price, most_tokens
from harness.lmeval import LoadedTask
from harness.planning import ModelPlan
from harness.records import Reply, Request

BYTES_PER_TOKEN = 4.0
"""A rule of thumb for English text, used until a server has counted a prompt of the model."""


def rows(
    plans: Sequence[ModelPlan],
    held: Mapping[str, Reply],
    reusable: Mapping[str, Reply],
    prices: Mapping[str, Price | None],
    parallel: Mapping[str, int],
) -> list[dict[str, Any]]:
    """One row per model and task.

    Args:
        plans: the models and their requests.
        held: answers this run has already.
        reusable: answers of other runs to the same requests.
        prices: by model; `None` is unknown, a model that is not billed is left out.
        parallel: requests in flight, by model.

    Returns:
        Requests, how many are answered already, estimates of tokens, dollars and seconds for the rest. Prompt tokens
        are estimated from bytes, at the rate of the model's answers so far where there are any. Completion tokens
        and time are those of its answers so far, `None` without; the most they can be is `completion_tokens_at_most`.
    """
    found = []
    for plan in plans:
        name = plan.model.name
        known = [(r, reply) for r in plan.requests() if (reply := held.get(r.id) or reusable.get(r.id)) is not None]
        rate, completion, latency = _experience(known)
        for task, samples in plan.samples:
            requests = [request for sample in samples for request in sample.requests]
            here = sum(_answered(held.get(request.id)) for request in requests)
            send = [r for r in requests if not _answered(held.get(r.id)) and not _answered(reusable.get(r.id))]
            prompt = round(sum(_size(request) for request in send) / rate)
            most = sum(most_tokens(request)[1] for request in send)
            written = None if completion is None else min(most, round(completion * len(send)))
            price = prices.get(name)
            found.append(
                {
                    "model": name,
                    "task": task.name,
                    "requests": len(requests),
                    "answered": here,
                    "reusable": len(requests) - here - len(send),
                    "to_send": len(send),
                    "prompt_tokens": prompt,
                    "completion_tokens": written if send else 0,
                    "completion_tokens_at_most": most,
                    "usd": _usd(price, prompt, written, send, billed=name in prices),
                    "usd_at_most": _usd(price, prompt, most, send, billed=name in prices),
                    "seconds": None if latency is None else round(latency * len(send) / parallel.get(name, 1), 1),
                    "detects": _detects(task, requests),
                }
            )
    return found


def _detects(task: LoadedTask, requests: Sequence[Request]) -> float | None:
    """The smallest true difference to another model of the same kind that the answers are likely to show.

    Several answers to a document count as repeats, and so do documents of one source; where decoding is greedy, repeats
    add nothing.
    """
    docs = len(task.docs)
    if not docs:
        return None
    sources = len({str(doc.get(task.cluster)) for doc in task.docs}) if task.cluster else docs
    greedy = all(request.decoding is None or not request.decoding.temperature for request in requests)
    repeats = max(1, round(docs / sources)) * (1 if greedy else task.repeats)
    found = power.detectable_difference(sources, repeats)
    return None if found is None else round(found, 3)


def _answered(reply: Reply | None) -> bool:
    return reply is not None and reply.error is None


def _size(request: Request) -> int:
    texts = [message["content"] for message in request.messages or ()] + [
        request.prompt or "",
        request.continuation or "",
    ]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _experience(known: Sequence[tuple[Request, Reply]]) -> tuple[float, float | None, float | None]:
    """Bytes a prompt token, tokens a completion, seconds a request, of the answers there are."""
    counted = [(_size(request), reply.usage.prompt_tokens) for request, reply in known if reply.usage.prompt_tokens]
    rate = sum(size for size, _ in counted) / sum(tokens for _, tokens in counted) if counted else BYTES_PER_TOKEN
    written = [reply.usage.completion_tokens for _, reply in known if reply.usage.completion_tokens is not None]
    waited = [reply.latency_s for _, reply in known if reply.latency_s is not None and reply.error is None]
    return (
        rate or BYTES_PER_TOKEN,
        sum(written) / len(written) if written else None,
        sum(waited) / len(waited) if waited else None,
    )


def _usd(
    price: Price | None, prompt: int, completion: int | None, send: Sequence[Request], *, billed: bool
) -> float | None:
    if not billed or not send:
        return 0.0
    if price is None or completion is None:
        return None
    return round((prompt * price.input + completion * price.output) / PER, 4)
