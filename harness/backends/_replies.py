"""What backends make of the one text that a model wrote: its answer and its reasoning, up to the task's stop texts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.records import Reply, Request
from harness.specs import ReasoningSpec

if TYPE_CHECKING:
    from harness.scorers import Split

BEYOND = ("length", "content_filter", "refusal")
"""Ends of a reply that may come before its answer began."""


def parted(text: str, spec: ReasoningSpec, prompt: str | None = None) -> dict[str, Any]:
    """The fields of a reply that hold its answer and its reasoning.

    Args:
        text: everything the model wrote.
        spec: how the model reasons.
        prompt: what it went on from, if that is known to the last character.
    """
    opens, split = _wrapping()
    opened = spec.opened or (prompt is not None and opens(prompt, spec.tags))
    found = split(text, spec.tags, opened=opened)
    return {
        "text": found.answer,
        "reasoning": found.reasoning,
        "reasoning_kind": "full" if found.reasoning is not None else "none",
        **({"opened_before": True} if found.opened_before else {}),
    }


@functools.cache
def _wrapping() -> tuple[Callable[..., bool], Callable[..., Split]]:
    """How reasoning is told from an answer. Imported late: who checks a model's settings alone reads no reply."""
    from harness import scorers

    return scorers.opens, scorers.split


def begun(request: Request) -> str | None:
    """The words of the model's own that a request ends with, which it goes on from. `None` if there are none."""
    if request.messages is None:
        return request.prompt
    last = request.messages[-1] if request.messages else {"role": ""}
    return last["content"] if last["role"] == "assistant" else None


def cut(reply: Reply, stops: Sequence[str]) -> Reply:
    """The reply without what follows the first stop text: for stops the server was not, or could not be, told."""
    if reply.text is None:
        return reply
    places = [place for stop in stops if stop and (place := reply.text.find(stop)) >= 0]
    if not places:
        return reply
    reason = "stop" if reply.finish_reason == "length" else reply.finish_reason
    return dataclasses.replace(reply, text=reply.text[: min(places)], finish_reason=reason)
