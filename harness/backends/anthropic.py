"""Anthropic's Messages API.

Format: https://docs.anthropic.com/en/api/messages. Errors: https://docs.anthropic.com/en/api/errors (529 is
`overloaded_error`). Thinking: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking. Claude 3.7 gives
its thinking whole, Claude 4 and later a summary of it. What safety systems flagged comes as `redacted_thinking`.
Streams: https://docs.anthropic.com/en/docs/build-with-claude/streaming. The beginning of an answer is a last message of
the assistant's (https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/prefill-claudes-response):
without white space at its end, and not for a model that thinks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.backends import _stream
from harness.backends._api import tokens, total, word
from harness.backends._batches import AnthropicBatches
from harness.records import ReasoningKind, Reply, Request, Usage
from harness.specs import ModelSpec

VERSION = "2023-06-01"
"""The API's version (https://docs.anthropic.com/en/api/versioning)."""
WHOLE_THOUGHTS = "claude-3-7"
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class Backend(AnthropicBatches):
    """A model behind Anthropic's Messages API.

    Args (of the model), beside those of every API model:
        thinking: the request's `thinking`, as it is: `{type: enabled, budget_tokens: 8000}`, `{type: adaptive}`.
            Default: none is sent. Models that think take no temperature: say `omit: [temperature, top_p, top_k]`.

    The API knows no seed, and the manifest says so.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    api = "Anthropic messages"
    BASE_URL = "https://api.anthropic.com/v1"
    ARGS: ClassVar[Mapping[str, Any]] = {"thinking": None}
    NEVER_SENT = frozenset({"seed"})
    BLANK_STOPS = False

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """Why it cannot go on from words that the task begins the answer with."""
        return "a model that thinks takes no beginning of its answer" if model.args.get("thinking") else None

    def sign(self, key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"x-api-key": key}

    def headers(self) -> dict[str, str]:
        """The API's version."""
        return {"anthropic-version": VERSION}

    def path(self, request: Request, *, stream: bool = False) -> str:
        """The endpoint."""
        del request, stream
        return "/messages"

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the API's words."""
        assert request.decoding is not None
        system, messages = self.parts(request)
        if messages and messages[-1]["role"] == "assistant":
            messages[-1]["content"] = messages[-1]["content"].rstrip()
        sampling = self.sampling(request)
        if "stop" in sampling:
            sampling["stop_sequences"] = sampling.pop("stop")
        return {
            "model": self._args["model"],
            "messages": messages,
            **({"system": system} if system else {}),
            "max_tokens": request.decoding.max_tokens,
            **sampling,
            **({"thinking": dict(self._args["thinking"])} if self._args["thinking"] else {}),
        }

    def unstream(self, events: Sequence[Any]) -> Any:
        """The message that its events are the pieces of: blocks begin, grow by deltas, and stop."""
        found = _stream.records(events)
        begun = (_stream.inner(event, "message") for event in found if event.get("type") == "message_start")
        message = dict(next(begun, {}))
        blocks: dict[str, dict[str, Any]] = {}
        for event in found:
            place = str(event.get("index"))
            if event.get("type") == "content_block_start":
                blocks[place] = dict(_stream.inner(event, "content_block"))
            elif event.get("type") == "content_block_delta" and place in blocks:
                block, delta = blocks[place], _stream.inner(event, "delta")
                for name in {"text", "thinking"} & set(delta):
                    block[name] = (word(block.get(name)) or "") + (word(delta[name]) or "")
            elif event.get("type") == "message_delta":
                message |= _stream.inner(event, "delta")
                message["usage"] = {**_stream.inner(message, "usage"), **_stream.inner(event, "usage")}
        if message.get("stop_reason") is None:
            raise _stream.UnfinishedError("the stream ended before it said why the answer did")
        return message | {"content": list(blocks.values())}

    def speaks(self, event: Any) -> bool:
        """Whether an event is a piece of text or of thinking."""
        delta = _stream.inner(event, "delta")
        return bool(delta.get("text") or delta.get("thinking"))

    def read(self, request: Request, payload: Any) -> Reply:
        """The text blocks, the thinking blocks, and why it ended."""
        del request
        blocks = _stream.records(payload["content"])
        texts = [
            text for block in blocks if block.get("type") == "text" and (text := word(block.get("text"))) is not None
        ]
        thinking = [block for block in blocks if block.get("type") == "thinking"]
        thoughts = [text for block in thinking if (text := word(block.get("thinking")))]
        redacted = any(block.get("type") == "redacted_thinking" for block in blocks) or bool(thinking and not thoughts)
        reason = word(payload.get("stop_reason"))
        finish = FINISH.get(reason or "", reason)
        text = "".join(texts) if texts else None
        error = None
        if text is None and finish not in ("length", "refusal"):
            error = f"the server sent no text (stop_reason {reason})"
        return Reply(
            text=text,
            reasoning="\n\n".join(thoughts) or None,
            reasoning_kind=self._kind(thoughts, redacted=redacted),
            finish_reason=finish,
            usage=_usage(payload.get("usage")),
            error=error,
            served_model=word(payload.get("model")),
            response_id=word(payload.get("id")),
        )

    def _kind(self, thoughts: list[str], *, redacted: bool) -> ReasoningKind:
        if redacted:  # a part is missing: what is there is no full trace
            return "redacted"
        if not thoughts:
            return "none"
        return "full" if str(self._args["model"]).startswith(WHOLE_THOUGHTS) else "summary"


def _usage(usage: Any) -> Usage:
    """`input_tokens` leaves out what was read from or written to the cache. Here prompt tokens are all of them."""
    cached = tokens(usage, "cache_read_input_tokens")
    written = tokens(usage, "cache_creation_input_tokens")
    return Usage(
        prompt_tokens=total(tokens(usage, "input_tokens"), written, cached),
        completion_tokens=tokens(usage, "output_tokens"),
        cached_tokens=cached,
    )
