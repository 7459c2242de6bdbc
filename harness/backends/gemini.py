"""Google's Gemini API, `generateContent`.

Format: https://ai.google.dev/api/generate-content. Thinking: https://ai.google.dev/gemini-api/docs/thinking. Errors:
https://ai.google.dev/gemini-api/docs/troubleshooting. Parts with `thought: true` are summaries of what the model
thought. A prompt that was blocked has `promptFeedback.blockReason` and no candidate. Streams are responses in pieces
(https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent). A last turn of the model's is gone on
from.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from harness.backends import _stream
from harness.backends._api import tokens, total, word
from harness.backends._batches import GeminiBatches
from harness.errors import ConfigError
from harness.records import Reply, Request, Usage
from harness.specs import ModelSpec

FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"), "content_filter"
    ),
}
"""`Candidate.FinishReason` (https://ai.google.dev/api/generate-content#FinishReason). Others keep their own word."""
ROLES = {"assistant": "model"}
_MODEL_ID = re.compile(r"[\w.\-/]+")


class Backend(GeminiBatches):
    """A model behind Google's Gemini API.

    Args (of the model), beside those of every API model:
        thinking: the request's `thinkingConfig`, as it is: `{includeThoughts: true, thinkingBudget: 8192}`.
            Default: none is sent.
        safety: the request's `safetySettings`, as it is: a list. Default: none is sent.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    api = "Gemini generateContent"
    BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
    ARGS: ClassVar[Mapping[str, Any]] = {"thinking": None, "safety": None}
    MAX_STOPS = 5
    STREAM: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """Why it cannot go on from words that the task begins the answer with: a model that thinks first cannot."""
        return "a model that thinks takes no beginning of its answer" if model.args.get("thinking") else None

    @classmethod
    def check(cls, model: ModelSpec) -> dict[str, Any]:
        """Read the model's arguments.

        Raises:
            ConfigError: one is wrong.
        """
        args = super().check(model)
        if not _MODEL_ID.fullmatch(args["model"]):
            raise ConfigError(
                f"model {model.name}: {args['model']!r} is no model id of Gemini's, such as gemini-2.5-pro"
            )
        if args["safety"] is not None and not isinstance(args["safety"], list):
            raise ConfigError(f"model {model.name}: safety should be a list of settings")
        return args

    def sign(self, key: str) -> Mapping[str, str]:
        """The header that carries the key. Never the URL, which ends up in logs."""
        return {"x-goog-api-key": key}

    def path(self, request: Request, *, stream: bool = False) -> str:
        """The endpoint, which names the model, and says whether a stream is wanted."""
        del request
        how = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(self._args['model'])}:{how}"

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the API's words."""
        assert request.decoding is not None
        system, messages = self.parts(request)
        sampling = self.sampling(request)
        generation = {
            "maxOutputTokens": request.decoding.max_tokens,
            **{
                name: sampling[ours]
                for name, ours in (
                    ("temperature", "temperature"),
                    ("topP", "top_p"),
                    ("topK", "top_k"),
                    ("stopSequences", "stop"),
                    ("seed", "seed"),
                )
                if ours in sampling
            },
            **({"thinkingConfig": dict(self._args["thinking"])} if self._args["thinking"] else {}),
        }
        return {
            "contents": [
                {"role": ROLES.get(message["role"], message["role"]), "parts": [{"text": message["content"]}]}
                for message in messages
            ],
            **({"systemInstruction": {"parts": [{"text": system}]}} if system else {}),
            "generationConfig": generation,
            **({"safetySettings": self._args["safety"]} if self._args["safety"] else {}),
        }

    def unstream(self, events: Sequence[Any]) -> Any:
        """The response that its pieces make: the parts of all, the rest as the last one says it."""
        found = _stream.records(events)
        candidates = [candidate for event in found for candidate in _stream.records(event.get("candidates"))]
        candidates = [candidate for candidate in candidates if candidate.get("index") in (0, None)]
        finish = _stream.last(candidates, "finishReason")
        feedback = _stream.last(found, "promptFeedback")
        if finish is None and not _stream.inner({"said": feedback}, "said").get("blockReason"):
            raise _stream.UnfinishedError("the stream ended before it said why the answer did")
        parts = [part for one in candidates for part in _stream.records(_stream.inner(one, "content").get("parts"))]
        whole = {"content": {"parts": parts}, "finishReason": finish}
        said = {name: _stream.last(found, name) for name in ("usageMetadata", "modelVersion", "responseId")}
        return {**said, "promptFeedback": feedback, "candidates": [whole] if candidates else []}

    def speaks(self, event: Any) -> bool:
        """Whether a piece holds text, thoughts among it."""
        candidate = _stream.first(_stream.inner({"event": event}, "event").get("candidates"))
        return any(part.get("text") for part in _stream.records(_stream.inner(candidate, "content").get("parts")))

    def read(self, request: Request, payload: Any) -> Reply:
        """The first candidate: its text, its thoughts, and why it ended."""
        del request
        usage = _usage(payload.get("usageMetadata"))
        said = Reply(
            usage=usage,
            served_model=word(payload.get("modelVersion")),
            response_id=word(payload.get("responseId")),
        )
        candidate = _stream.first(payload.get("candidates"))
        if not candidate:
            if _stream.inner(payload, "promptFeedback").get("blockReason"):
                return dataclasses.replace(said, finish_reason="content_filter")
            return dataclasses.replace(said, error="the server sent no candidate and no reason for it")
        reason = word(candidate.get("finishReason"))
        finish = FINISH.get(reason or "", reason)
        parts = [
            part
            for part in _stream.records(_stream.inner(candidate, "content").get("parts"))
            if isinstance(part.get("text"), str)
        ]
        texts = [part["text"] for part in parts if not part.get("thought")]
        thoughts = [part["text"] for part in parts if part.get("thought")]
        text = "".join(texts) if texts else None
        error = None
        if text is None and finish not in ("length", "content_filter"):
            error = f"the server sent no text (finishReason {reason})"
        return dataclasses.replace(
            said,
            text=text,
            reasoning="".join(thoughts) or None,
            reasoning_kind="summary" if thoughts else "redacted" if usage.reasoning_tokens else "none",
            finish_reason=finish,
            error=error,
        )


def _usage(usage: Any) -> Usage:
    """Google counts thoughts beside the candidates' tokens. Here completion tokens are both."""
    thoughts = tokens(usage, "thoughtsTokenCount")
    return Usage(
        prompt_tokens=tokens(usage, "promptTokenCount"),
        completion_tokens=total(tokens(usage, "candidatesTokenCount"), thoughts),
        reasoning_tokens=thoughts,
        cached_tokens=tokens(usage, "cachedContentTokenCount"),
    )
