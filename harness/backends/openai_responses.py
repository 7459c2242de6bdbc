"""OpenAI's Responses API: the one that gives summaries of what a reasoning model thought.

Format: https://platform.openai.com/docs/api-reference/responses/object. Summaries:
https://platform.openai.com/docs/guides/reasoning#reasoning-summaries. The API knows no stop texts and no seed: stops
are cut off here, and the manifest says that no seed was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.backends import _stream
from harness.backends._api import tokens, word
from harness.backends._batches import OpenAIBatches
from harness.backends.openai_chat import FILTER_CODES
from harness.records import ReasoningKind, Reply, Request, Usage

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""The events that hold the whole response (https://platform.openai.com/docs/api-reference/responses-streaming)."""
STATUS_OF_CODE = {"rate_limit_exceeded": 429}


class Backend(OpenAIBatches):
    """A model behind OpenAI's Responses API.

    Args (of the model), beside those of every API model:
        effort: how much a reasoning model thinks: `minimal`, `low`, `medium`, `high`. Default: the API's own.
        summary: ask for a summary of the reasoning: `auto`, `concise`, `detailed`. Default: none is asked for.

    Nothing is stored at OpenAI (`store: false`). Reasoning is a `summary` if one came, else `redacted`.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    api = "OpenAI responses"
    BASE_URL = "https://api.openai.com/v1"
    ARGS: ClassVar[Mapping[str, Any]] = {"effort": None, "summary": None}
    NEVER_SENT = frozenset({"stop", "seed", "top_k"})

    def path(self, request: Request, *, stream: bool = False) -> str:
        """The endpoint."""
        del request, stream
        return "/responses"

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the API's words."""
        assert request.decoding is not None
        system, messages = self.parts(request)
        reasoning = {name: self._args[name] for name in ("effort", "summary") if self._args[name] is not None}
        return {
            "model": self._args["model"],
            "input": messages,
            **({"instructions": system} if system else {}),
            "max_output_tokens": request.decoding.max_tokens,
            **self.sampling(request),
            **({"reasoning": reasoning} if reasoning else {}),
            "store": False,
        }

    def fault(self, payload: Any) -> tuple[int, str] | None:
        """A response whose status is `failed`. What is worth another try is said by its error's code."""
        if not isinstance(payload, dict) or payload.get("status") != "failed":
            return None
        error = payload.get("error")
        code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
        default = 500 if code in (None, "server_error", "vector_store_timeout") else 400
        return STATUS_OF_CODE.get(str(code), default), f"{message} ({code})"

    def refusal(self, status: int | None, payload: Any) -> str | None:
        """A prompt that a filter declined."""
        del status
        error = payload.get("error") if isinstance(payload, dict) else None
        return "content_filter" if isinstance(error, dict) and error.get("code") in FILTER_CODES else None

    def unstream(self, events: Sequence[Any]) -> Any:
        """The response, which the last event holds whole."""
        for event in reversed(_stream.records(events)):
            if str(event.get("type")) in ENDS and _stream.inner(event, "response"):
                return event["response"]
        raise _stream.UnfinishedError("the stream ended before its response did")

    def speaks(self, event: Any) -> bool:
        """Whether an event holds words of the answer or of the summary."""
        event = _stream.inner({"event": event}, "event")
        return str(event.get("type")).endswith(".delta") and bool(event.get("delta"))

    def read(self, request: Request, payload: Any) -> Reply:
        """Every text of the output, the summaries of its reasoning, and why it ended."""
        del request
        items = _stream.records(payload["output"])
        parts = [
            part for item in items if item.get("type") == "message" for part in _stream.records(item.get("content"))
        ]
        texts = _texts(parts, "output_text", "text")
        refusals = _texts(parts, "refusal", "refusal")
        reasoning = [item for item in items if item.get("type") == "reasoning"]
        thoughts = [
            text
            for item in reasoning
            for part in _stream.records(item.get("summary"))
            if (text := word(part.get("text"))) is not None
        ]
        thought = bool(reasoning)
        usage = _usage(payload.get("usage"))
        reason = word(_stream.inner(payload, "incomplete_details").get("reason"))
        finish: str | None = {"max_output_tokens": "length", None: "stop"}.get(reason, reason)
        if refusals:
            finish = "refusal"
        text = "".join(texts) if texts else ("".join(refusals) or None)
        error = None
        if word(payload.get("status")) not in (None, "completed", "incomplete"):
            error = f"the response is {payload['status']}"
        elif text is None and finish not in ("length", "content_filter"):
            error = f"the server sent no text (status {payload.get('status')})"
        kind: ReasoningKind = "summary" if thoughts else "redacted" if thought or usage.reasoning_tokens else "none"
        return Reply(
            text=text,
            reasoning="\n\n".join(thoughts) or None,
            reasoning_kind=kind,
            finish_reason=finish,
            usage=usage,
            error=error,
            served_model=word(payload.get("model")),
            response_id=word(payload.get("id")),
        )


def _texts(parts: Sequence[Mapping[str, Any]], kind: str, name: str) -> list[str]:
    """The texts of the parts of a kind."""
    return [text for part in parts if part.get("type") == kind and (text := word(part.get(name))) is not None]


def _usage(usage: Any) -> Usage:
    return Usage(
        prompt_tokens=tokens(usage, "input_tokens"),
        completion_tokens=tokens(usage, "output_tokens"),
        reasoning_tokens=tokens(usage, "output_tokens_details", "reasoning_tokens"),
        cached_tokens=tokens(usage, "input_tokens_details", "cached_tokens"),
    )
