"""What a run would send, take and cost, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from harness.budget import PER, Price, most_tokens
from harness.planning import ModelPlan
from harness.records import Reply, Request

POWER, SIGNIFICANCE = 0.8, 0.05
BYTES_PER_TOKEN = 4.0
"""A rule of thumb for English text, used until a server has counted a prompt of the model."""


def detectable_difference(n: int) -> float:
    """The smallest difference between two models' accuracies that n documents each can detect, with 80 % power.

    Two independent samples at a two-sided level of 5 %, accuracy near one half, where it is hardest:
    `(z_0.975 + z_0.8) * sqrt(2 * 0.25 / n)` (E. Miller, "Adding Error Bars to Evals", arXiv:2411.00640, section 5).
    Paired comparisons on the same documents detect less than this; repeats of a document are not counted.

    Args:
        n: documents, from 1.

    Returns:
        A difference of shares, at most 1.
    """
    normal = NormalDist()
    z = normal.inv_cdf(1 - SIGNIFICANCE / 2) + normal.inv_cdf(POWER)
    return min(1.0, z * math.sqrt(0.5 / n))


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
                    "detects": round(detectable_difference(len(task.docs)), 3) if task.docs else None,
                }
            )
    return found


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
