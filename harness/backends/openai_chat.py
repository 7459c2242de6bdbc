"""OpenAI's chat completions API, and every server that speaks it.

OpenAI, DeepSeek, OpenRouter, Together, Mistral, xAI, Groq, Qwen (DashScope). VLLM, SGLang, llama.cpp, Ollama.

Format: https://platform.openai.com/docs/api-reference/chat/object. Reasoning comes as `reasoning_content` (DeepSeek,
https://api-docs.deepseek.com/guides/reasoning_model, vLLM, SGLang, llama.cpp, xAI), as `reasoning` or typed
`reasoning_details` (OpenRouter, https://openrouter.ai/docs/use-cases/reasoning-tokens, Groq, newer vLLM), as
`thinking` chunks of the content (Mistral, https://docs.mistral.ai/capabilities/reasoning), or inline as
`<think>…</think>`.

An answer whose beginning the task gives (lm-eval's `gen_prefix`) is asked for in as many ways as there are servers:
`continue_final_message` (vLLM, https://docs.vllm.ai, "OpenAI-Compatible Server", SGLang), `prefix` in the last message
(DeepSeek, https://api-docs.deepseek.com/guides/chat_prefix_completion, with its own `base_url`, Mistral,
https://docs.mistral.ai/guides/prefix, whose answer repeats it), or the last message alone (OpenRouter,
https://openrouter.ai/docs/api-reference/overview#assistant-prefill, llama.cpp). OpenAI itself has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.backends import _replies, _stream
from harness.backends._api import STREAM_OPTIONS, openai_usage, word
from harness.backends._batches import OpenAIBatches
from harness.errors import ConfigError
from harness.records import ReasoningKind, Reply, Request
from harness.specs import ModelSpec

FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})
"""Error codes of a prompt that was declined: OpenAI and Azure
(https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter)."""
FILTER_MESSAGES = ("content exists risk",)
"""DeepSeek's words for the same, under a plain 400."""
KINDS = ("full", "summary", "redacted")
PREFILLS = ("continue_final_message", "prefix", "last_message")
OPENAI_STREAM: Mapping[str, Any] = {"stream": True, STREAM_OPTIONS: {"include_usage": True}}
"""Without the second there is no usage: https://platform.openai.com/docs/api-reference/chat/create."""
MODERATED = 403
ASKS_FOR_TOOLS = frozenset({"tool_calls", "function_call"})


class Backend(OpenAIBatches):
    """A chat model behind an OpenAI-compatible server.

    Args (of the model), beside those of every API model:
        length_field: what the limit on tokens is called: `max_tokens` (most servers), or `max_completion_tokens`
            (OpenAI's own models since o1). Default `max_tokens`.
        reasoning_kind: what the provider's reasoning text is: `full`, or `summary`. Default `full`. OpenRouter says it
            itself, and is believed.
        prefill: how the server is given the beginning of an answer: `continue_final_message` (vLLM, SGLang), `prefix`
            (DeepSeek's beta, Mistral), `last_message` (OpenRouter, llama.cpp). Default: such tasks are refused.

    If the server counts reasoning tokens and shows none, the kind is `redacted`.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    api = "OpenAI chat completions"
    BASE_URL = "https://api.openai.com/v1"
    ARGS: ClassVar[Mapping[str, Any]] = {"length_field": "max_tokens", "reasoning_kind": "full", "prefill": None}
    MAX_STOPS = 4
    STREAM = OPENAI_STREAM

    @classmethod
    def check(cls, model: ModelSpec) -> dict[str, Any]:
        """Read the model's arguments.

        Raises:
            ConfigError: one is wrong.
        """
        args = super().check(model)
        if args["reasoning_kind"] not in KINDS:
            raise ConfigError(
                f"model {model.name}: reasoning_kind is {args['reasoning_kind']!r}, expected one of {KINDS}"
            )
        if args["prefill"] not in (None, *PREFILLS):
            raise ConfigError(f"model {model.name}: prefill is {args['prefill']!r}, expected one of {PREFILLS}")
        return args

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """Why it cannot go on from words that the task begins the answer with."""
        if cls.check(model)["prefill"]:
            return None
        return f"args.prefill does not say how its server is given the beginning of an answer ({', '.join(PREFILLS)})"

    def path(self, request: Request, *, stream: bool = False) -> str:
        """The endpoint."""
        del request, stream
        return "/chat/completions"

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the API's words."""
        assert request.decoding is not None
        messages, how = self.conversation(request), self._args["prefill"] if _prefix(request) else None
        if how == "prefix":
            messages[-1]["prefix"] = True
        return {
            "model": self._args["model"],
            "messages": messages,
            self._args["length_field"]: request.decoding.max_tokens,
            **self.sampling(request),
            **({how: True, "add_generation_prompt": False} if how == "continue_final_message" else {}),
        }

    def fault(self, payload: Any) -> tuple[int, str] | None:
        """OpenRouter sends errors of the model behind it with status 200, at the top or in the choice."""
        return _fault(payload)

    def refusal(self, status: int | None, payload: Any) -> str | None:
        """A prompt that a filter declined."""
        error = payload.get("error") if isinstance(payload, dict) else None
        if not isinstance(error, dict):
            return None
        codes = [error.get("code"), error.get("type"), _stream.inner(error, "innererror").get("code")]
        message = str(error.get("message", "")).lower()
        # OpenRouter's moderation: https://openrouter.ai/docs/api-reference/errors
        metadata = error.get("metadata")
        moderated = status == MODERATED and isinstance(metadata, dict) and "flagged_input" in metadata
        named = bool(
            {code for code in codes if isinstance(code, str)} & (FILTER_CODES | {"ResponsibleAIPolicyViolation"})
        )
        return "content_filter" if named or moderated or any(text in message for text in FILTER_MESSAGES) else None

    def unstream(self, events: Sequence[Any]) -> Any:
        """A chat completion from its chunks."""
        return _stream.chat(events)

    def speaks(self, event: Any) -> bool:
        """Whether a chunk's delta holds words."""
        delta = _stream.inner(_stream.first(_stream.inner({"event": event}, "event").get("choices")), "delta")
        return any(delta.get(name) for name in _stream.PIECES)

    def read(self, request: Request, payload: Any) -> Reply:
        """The first choice, with all that is said about it."""
        choice = payload["choices"][0]
        message = choice["message"]
        finish = word(choice.get("finish_reason"))
        usage = openai_usage(payload.get("usage"))
        content, chunks = _content(message.get("content"))
        prefix = _prefix(request) if self._args["prefill"] in ("prefix", "last_message") else None
        if prefix and content is not None:
            content = content.removeprefix(prefix)  # Mistral's answers repeat it, and llama.cpp's
        reasoning, kind = _reasoning(message, self._args["reasoning_kind"])
        if reasoning is None and chunks is not None:
            reasoning, kind = chunks, self._args["reasoning_kind"]
        inline: dict[str, Any] = {}
        if reasoning is None and content is not None:
            inline = _replies.parted(content, self._model.reasoning, _replies.begun(request))
            content, reasoning = inline["text"], inline["reasoning"]
            kind = "full" if reasoning is not None else kind
        elif not (content or "").strip() and finish == "stop":
            content = None  # a stop text of the task's, or the model's own end, came inside the reasoning
        if reasoning is None and kind == "none" and usage.reasoning_tokens:
            kind = "redacted"
        refused = word(message.get("refusal"))
        if refused:
            content, finish = content or refused, "refusal"
        error = None
        if content is None and reasoning is None and not inline and finish not in _replies.BEYOND:
            what = "a call of a tool that was never offered" if finish in ASKS_FOR_TOOLS else "no content"
            error = f"the server sent {what} (finish_reason {finish})"
        return Reply(
            text=content,
            reasoning=reasoning,
            reasoning_kind=kind,
            opened_before=inline.get("opened_before", False),
            finish_reason=finish,
            usage=usage,
            error=error,
            served_model=word(payload.get("model")),
            system_fingerprint=word(payload.get("system_fingerprint")),
            response_id=word(payload.get("id")),
        )


def _fault(payload: Any) -> tuple[int, str] | None:
    if not isinstance(payload, dict):
        return None
    choices = payload.get("choices")
    error = payload.get("error")
    if not error and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        error = choices[0].get("error")
    if not error:
        return None
    if not isinstance(error, dict):
        return 500, str(error)
    code = str(error.get("code"))
    status = int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500
    return status, str(error.get("message", error))


def _prefix(request: Request) -> str | None:
    """The words that the task begins the answer with. `None` if there are none."""
    last = request.messages[-1] if request.messages else {"role": ""}
    return last["content"] if last["role"] == "assistant" else None


def _content(content: Any) -> tuple[str | None, str | None]:
    """Text and reasoning of a message's content: a string, or typed chunks."""
    if not isinstance(content, list):
        return word(content), None
    chunks = _stream.records(content)
    text = [chunk.get("text") for chunk in chunks if chunk.get("type") in ("text", "output_text")]
    thoughts = [
        part.get("text")
        for chunk in chunks
        if chunk.get("type") == "thinking"
        for part in _stream.records(chunk.get("thinking")) or [{"text": chunk.get("thinking")}]
    ]
    return _joined(text), _joined(thoughts)


def _joined(pieces: Sequence[Any]) -> str | None:
    texts = [piece for piece in pieces if isinstance(piece, str)]
    return "".join(texts) if texts else None


def _reasoning(message: Mapping[str, Any], kind: ReasoningKind) -> tuple[str | None, ReasoningKind]:
    """Reasoning beside the content, and what it is."""
    text = word(message.get("reasoning_content")) or word(message.get("reasoning"))
    types = {str(detail.get("type")) for detail in _stream.records(message.get("reasoning_details"))}
    if types == {"reasoning.encrypted"}:
        return text or None, "redacted"
    if "reasoning.summary" in types:
        kind = "summary"
    elif "reasoning.text" in types:
        kind = "full"
    return (text, kind) if text else (None, "none")
