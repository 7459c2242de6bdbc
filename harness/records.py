"""What happened: one record per request, per reply, per score. What was asked for is in `specs.py`.

A *sample* is one answer of one model to one document of one task: a generation is one request, a
multiple-choice document as many as it has choices. Units: seconds, tokens, UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

RequestKind = Literal["generate", "loglikelihood", "loglikelihood_rolling"]
ReasoningKind = Literal["full", "summary", "redacted", "none"]
REASONING_KINDS: tuple[ReasoningKind, ...] = get_args(ReasoningKind)
Message = Mapping[str, str]
MOST_TOKENS = 10**9
"""No answer takes more: the longest contexts hold 10^7. Sums over 10^9 such answers still fit into 64 bits."""
LOGLIKELIHOODS = (-1e12, 1.0)
"""No text has less: that is 10^8 tokens at -9999, which is how servers write the probability 0. None has more than 0,
which half-precision numbers may round up."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """Everything about sampling that goes into a request, resolved to final values."""

    max_tokens: int
    temperature: float
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One thing asked of one model. `id` is the hash of every field that can change the answer."""

    id: str
    model: str
    task: str
    doc_id: int
    repeat: int
    """0-based. Which of the task's repeats this is."""
    index: int
    """0-based. Which of the document's requests this is (the choice, in multiple choice)."""
    kind: RequestKind
    messages: tuple[Message, ...] | None
    """A conversation, for chat models, else `None`."""
    prompt: str | None
    """Plain text to continue (or to score, in a rolling loglikelihood), else `None`."""
    continuation: str | None
    """The text whose loglikelihood is asked for. `None` for generations."""
    decoding: Decoding | None
    """`None` for loglikelihoods."""
    seed: int


def count(value: object) -> int | None:
    """A count of tokens, 0 to `MOST_TOKENS`. `None` for whatever else a server may call one."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def finite(value: object) -> float | None:
    """A number. `None` for whatever else a server may call one: NaN, infinity, what no float holds, texts, truths."""
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(slots=True)
class Usage:
    """Tokens, as counted by whoever served the model. `None` is unknown, never 0. As with a reply, it is not frozen.

    What is no count becomes `None` here, whoever sent it, and also when an older journal holds it.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None

    def __post_init__(self) -> None:
        self.prompt_tokens, self.completion_tokens = count(self.prompt_tokens), count(self.completion_tokens)
        self.reasoning_tokens, self.cached_tokens = count(self.reasoning_tokens), count(self.cached_tokens)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a request that did not succeed."""

    at: str
    """UTC, ISO 8601."""
    error: str
    status: int | None = None
    """The HTTP status, if there was one."""


@dataclass(slots=True)
class Reply:
    """What came back for one request. A failure is a reply too: `error` set, no text.

    It is changed by the backend that makes it alone. It is not frozen, since one is made for each request, and a frozen
    one takes three times as long.

    A loglikelihood that no text can have makes a reply a failure, whoever sent it.
    """

    text: str | None = None
    """The answer, without its reasoning. `None` if there is none: never `""` in its place."""
    reasoning: str | None = None
    reasoning_kind: ReasoningKind = "none"
    opened_before: bool = False
    """It closed reasoning that it never opened: its chat template had."""
    finish_reason: str | None = None
    """`stop`, `length`, `content_filter`, `refusal`, or the server's own word."""
    loglikelihood: float | None = None
    """Natural log, summed over the continuation's tokens."""
    is_greedy: bool | None = None
    """True if the continuation is what greedy decoding would have said."""
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    """Why there is no answer. `None` if there is one."""
    attempts: tuple[Attempt, ...] = ()
    """The failed tries before this reply, oldest first."""
    started_at: str | None = None
    """UTC, ISO 8601."""
    latency_s: float | None = None
    ttfb_s: float | None = None
    """Seconds to the first byte of the answer."""
    ttft_s: float | None = None
    """Seconds to the first words of the answer or of its reasoning, if it came as a stream."""
    served_model: str | None = None
    """The model name the server reported."""
    system_fingerprint: str | None = None
    response_id: str | None = None
    """The server's id of this response, for its support to find it."""
    body: str | None = None
    """The request's body exactly as it was sent, if it went over HTTP. Never headers, so never a key."""
    batch: str | None = None
    """The provider's id of the batch it came in, at half the price. `None` if it was asked for alone."""
    reused_from: str | None = None
    """The run this reply was taken from instead of asking again. `None` if it was asked for here."""

    def __post_init__(self) -> None:
        if self.loglikelihood is None:
            return
        number = finite(self.loglikelihood)
        if number is None or not LOGLIKELIHOODS[0] <= number <= LOGLIKELIHOODS[1]:
            number = None
            self.error = self.error or "the loglikelihood is no number that a text can have"
        self.loglikelihood = number


NORMAL_ENDS = frozenset(
    (
        *("stop", "length", "refusal", "content_filter"),
        *("eos", "eos_token", "stop_sequence", "stop_token", "end_turn"),  # Together, TGI, xAI
        "max_tokens",
        "model_length",  # Mistral
    )
)
"""The finish reasons of a reply that ended as replies do. Another word is a server's for a reply that broke off."""
FILTERED = "content_filter"


def broken_off(reply: Reply) -> str | None:
    """Why a reply is no whole answer though a server sent it as one. `None` if it is."""
    if reply.error is not None or reply.finish_reason is None:
        return reply.error
    if reply.finish_reason not in NORMAL_ENDS:
        return f"the answer broke off (finish_reason {reply.finish_reason})"
    if reply.finish_reason == FILTERED and (reply.text or "").strip():
        return "a filter ended the answer in its middle"
    return None


SampleStatus = Literal["answered", "truncated", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scorer is given: the document and one model's answer to it."""

    doc: Mapping[str, Any]
    """The task's document."""
    target: str
    """The gold answer, as the task renders it."""
    text: str
    """The model's answer, without reasoning."""
    truncated: bool = False
    """True if the answer was cut off at the token limit."""
    opened: bool = False
    """True if the model's chat template opens its reasoning: a text that closes none has not come to its answer."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A piece that was wrapped around an answer, and was taken off before the answer was graded."""

    what: Literal["reasoning", "token", "turn"]
    why: str
    """The delimiter, token or marker that it was known by."""
    text: str
    """Its beginning."""
    chars: int
    """How many characters it has."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer says of one answer."""

    value: float | None
    """In the metric's own range, 0 to 1 for shares. `None` is unscored: counted, never averaged."""
    status: str
    """A word of the scorer's own: `correct`, `wrong`, `no_answer`, `timeout`, …"""
    extracted: str | None = None
    """The part of the text that was judged."""
    explanation: str | None = None
    """Why the value is what it is, in a sentence."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON-able facts: the rule used, CPU seconds, the sandbox tier."""
    removed: tuple[Removed, ...] = ()
    """What was taken off the reply before it was graded."""
