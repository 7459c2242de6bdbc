"""OpenAI's text completions API: plain continuations, and loglikelihoods if the server echoes them.

vLLM, SGLang, llama.cpp, Ollama, Together, OpenRouter. Format: https://platform.openai.com/docs/api-reference/completions
and, for `echo` with `logprobs`, the legacy format that vLLM keeps (https://docs.vllm.ai, "OpenAI-Compatible Server"):
`logprobs.tokens`, `.token_logprobs`, `.top_logprobs`, `.text_offset`, one entry a token of prompt and completion.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

from harness.backends import _replies, _stream
from harness.backends._api import logprob, openai_usage, unsupported, word
from harness.backends._batches import OpenAIBatches
from harness.backends.openai_chat import OPENAI_STREAM, _fault
from harness.core import compact_json
from harness.errors import BackendError
from harness.records import Reply, Request, RequestKind
from harness.specs import ModelSpec

PROBE = "The quick brown fox jumps"
"""A few tokens, sent once to see whether the server echoes log-probabilities."""
SLACK = 1e-6
"""Two log-probabilities closer than this are the same token's, rounded twice by the server."""


class Backend(OpenAIBatches):
    """A model that continues plain text, behind an OpenAI-compatible server. Use it with `chat: false`.

    A loglikelihood is one request with `echo` for the context and its continuation. Which tokens are the
    continuation's goes by their place in the text. A token that lies across the border is counted with it. Spaces at
    the end of the context belong to the continuation, as in lm-eval.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    api = "OpenAI completions"
    BASE_URL = "https://api.openai.com/v1"
    MAX_STOPS = 4
    STREAM = OPENAI_STREAM
    kinds = frozenset({"generate", "loglikelihood", "loglikelihood_rolling"})

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """A plain text is gone on from wherever it ends."""
        del model
        return None

    def path(self, request: Request, *, stream: bool = False) -> str:
        """The endpoint."""
        del request, stream
        return "/completions"

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the API's words."""
        if request.kind != "generate":
            context, continuation = border(request)
            return self._scoring(context + continuation)
        assert request.decoding is not None
        text = request.prompt
        if text is None:
            text = "\n".join(message["content"] for message in request.messages or ())
        return {
            "model": self._args["model"],
            "prompt": text,
            "max_tokens": request.decoding.max_tokens,
            **self.sampling(request),
        }

    def _scoring(self, text: str) -> dict[str, Any]:
        # max_tokens 1: several servers refuse 0. The one token that is written is left out when reading.
        return {
            "model": self._args["model"],
            "prompt": text,
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": 1,
            "echo": True,
        }

    def fault(self, payload: Any) -> tuple[int, str] | None:
        """Errors that come with status 200."""
        return _fault(payload)

    def unstream(self, events: Sequence[Any]) -> Any:
        """A text completion from its chunks (https://platform.openai.com/docs/api-reference/completions/streaming)."""
        found = _stream.choices(events)
        text = [choice["text"] for choice in found if isinstance(choice.get("text"), str)]
        finish = _stream.last(found, "finish_reason")
        return _stream.openai(events, {"text": "".join(text) if text else None, "finish_reason": finish})

    def speaks(self, event: Any) -> bool:
        """Whether a chunk holds words."""
        return bool(_stream.first(_stream.inner({"event": event}, "event").get("choices")).get("text"))

    async def prepare(self, kinds: frozenset[RequestKind]) -> None:
        """If loglikelihoods are wanted: see with one short text whether the server echoes them.

        Raises:
            BackendError: it does not.
        """
        if kinds <= {"generate"}:
            return
        assert self._client is not None
        outcome = await self._client.post(self.path(_PROBE), compact_json(self._scoring(PROBE)).encode())
        if outcome.error is not None and (outcome.status is None or outcome.status not in (400, 404, 422, 501)):
            raise BackendError(f"model {self._model.name}: {outcome.error}")
        try:
            if outcome.error is None and self.read(_PROBE, outcome.payload).loglikelihood is not None:
                return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            pass
        raise unsupported(self._model.name, f"the server behind {self._args['base_url']}")

    def read(self, request: Request, payload: Any) -> Reply:
        """The first choice: its text, or the sum over the continuation's tokens."""
        choice = payload["choices"][0]
        said = Reply(
            finish_reason=word(choice.get("finish_reason")),
            usage=openai_usage(payload.get("usage")),
            served_model=word(payload.get("model")),
            system_fingerprint=word(payload.get("system_fingerprint")),
            response_id=word(payload.get("id")),
        )
        if request.kind == "generate":
            if not isinstance(choice["text"], str):
                return dataclasses.replace(said, error=f"the server sent no text (finish_reason {said.finish_reason})")
            prompt = "\n".join(message["content"] for message in request.messages or ()) or request.prompt
            return dataclasses.replace(said, **_replies.parted(choice["text"], self._model.reasoning, prompt))
        context, continuation = border(request)
        value, greedy = _likelihood(
            choice["logprobs"], context + continuation, len(context), rolling=request.kind == "loglikelihood_rolling"
        )
        return dataclasses.replace(
            said,
            finish_reason=None,  # of the one token nobody asked for
            loglikelihood=value,
            is_greedy=greedy if request.kind == "loglikelihood" else None,
        )


def border(request: Request) -> tuple[str, str]:
    """Context and continuation, spaces at the end of the context moved over."""
    if request.kind == "loglikelihood_rolling":
        return "", request.prompt or ""
    context = request.prompt
    if context is None:
        context = "\n".join(message["content"] for message in request.messages or ())
    kept = context.rstrip()
    return kept, context[len(kept) :] + (request.continuation or "")


def _likelihood(logprobs: Any, text: str, start: int, *, rolling: bool) -> tuple[float, bool]:
    """Sum over the tokens that reach into `text[start:]`, and whether each was the likeliest.

    Raises:
        ValueError: a token that counts has no log-probability. In a rolling sum the text's first token may have none.
    """
    values, tops = logprobs["token_logprobs"], logprobs.get("top_logprobs")
    begins = _places(logprobs, text)
    if len(begins) != len(values):
        raise ValueError(f"{len(begins)} places for {len(values)} log-probabilities")
    summed, greedy, counted = 0.0, True, 0
    for i, value in enumerate(values):
        stops = begins[i + 1] if i + 1 < len(begins) else math.inf
        if begins[i] >= len(text) or (begins[i] < start and stops <= start):
            continue
        counted += 1
        if rolling and i == 0 and value is None:
            continue
        summed += logprob(value)
        best = max((logprob(other) for other in tops[i].values()), default=None) if tops and tops[i] else None
        greedy = greedy and best is not None and logprob(value) >= best - SLACK
    if not counted and start < len(text):
        raise ValueError("the server echoed no token of the continuation")
    return summed, greedy


def _places(logprobs: Any, text: str) -> list[int]:
    """Where each token begins in the text that was sent.

    A server that puts a token in front of every text (`<s>`) counts its letters into `text_offset`, so if the
    tokens spell out the text, their own lengths say where each begins.
    """
    tokens = logprobs.get("tokens")
    if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
        shift = "".join(tokens).find(text)
        if shift >= 0:
            return [place - shift for place in itertools.accumulate(map(len, tokens[:-1]), initial=0)] if tokens else []
    return [operator.index(place) for place in logprobs["text_offset"]]


_PROBE = Request(
    id="",
    model="",
    task="",
    doc_id=0,
    repeat=0,
    index=0,
    kind="loglikelihood",
    messages=None,
    prompt=PROBE[: PROBE.rindex(" ")],
    continuation=PROBE[PROBE.rindex(" ") :],
    decoding=None,
    seed=0,
)
