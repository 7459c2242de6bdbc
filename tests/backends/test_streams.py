"""Answers that come as streams: the same as whole ones, with the time to their first words, and whole or not at all."""

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from api_server import Answer, asked, chat, error, say, serving
from hypothesis import given
from hypothesis import strategies as st

from harness.backends import _http
from harness.backends._stream import Events
from harness.evaluation.budget import Budget, Price
from harness.records import Reply
from harness.specs import BudgetSpec, ConnectSpec

STREAM = ConnectSpec(timeout_s=5, retries=0, stream=True)
USAGE = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", "sk-planted/key+0123456789")
    monkeypatch.setattr(_http, "BACKOFF_S", 0.005)


def chunk(**delta: Any) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/chat-streaming/streaming."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
    }


OPENAI_CHAT: list[Any] = [
    ": keep-alive\n\n",
    chunk(role="assistant", content="", refusal=None),
    chunk(reasoning_content="Six "),
    chunk(reasoning_content="sevens."),
    chunk(content="4"),
    "data: {broken\n\n",
    chunk(content="2"),
    {**chunk(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {**chunk(), "choices": [], "usage": USAGE},
    "data: [DONE]\n\n",
]
OPENAI_COMPLETIONS: list[Any] = [
    {"id": "cmpl-1", "model": "m", "choices": [{"index": 0, "text": "4", "finish_reason": None}]},
    {"id": "cmpl-1", "model": "m", "choices": [{"index": 0, "text": "2", "finish_reason": "stop"}]},
    {"id": "cmpl-1", "model": "m", "choices": [], "usage": USAGE},
    "data: [DONE]\n\n",
]
# https://docs.anthropic.com/en/docs/build-with-claude/streaming#full-http-stream-response
ANTHROPIC: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "model": "claude",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 19},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Six sevens."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQB"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "4"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "2"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}},
    {"type": "message_stop"},
]
# https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
GEMINI: list[Any] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Six sevens.", "thought": True}]}, "index": 0}]},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "4"}]}, "index": 0}], "modelVersion": "gemini"},
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "2"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 19, "candidatesTokenCount": 10},
        "responseId": "r1",
    },
]
# https://platform.openai.com/docs/api-reference/responses-streaming
RESPONSES: list[Any] = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}},
    {"type": "response.output_text.delta", "delta": "4"},
    {"type": "response.output_text.delta", "delta": "2"},
    {
        "type": "response.completed",
        "response": {
            "id": "resp_1",
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "42"}]}],
            "usage": {"input_tokens": 19, "output_tokens": 10},
        },
    },
]
STREAMS: dict[str, list[Any]] = {
    "openai_chat": OPENAI_CHAT,
    "openai_completions": OPENAI_COMPLETIONS,
    "openai_responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
}
REASONS = {"openai_chat", "anthropic", "gemini"}


def streaming(events: Sequence[Any], **answer: Any) -> Any:
    return lambda _body, _n: Answer(events=events, **answer)


@pytest.mark.parametrize("backend", STREAMS)
def test_a_stream_is_put_together_and_its_first_words_are_timed(backend: str) -> None:
    with serving(streaming(STREAMS[backend], pause=0.01)) as server:
        reply = say(server, backend, connect=STREAM)
        path, _, body = server.asked[0]
    assert (reply.text, reply.finish_reason, reply.error) == ("42", "stop", None)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (19, 10)
    assert reply.reasoning == ("Six sevens." if backend in REASONS else None)
    assert 0 < (reply.ttfb_s or 0) <= (reply.ttft_s or 0) < (reply.latency_s or 0)
    if backend == "gemini":
        assert path.endswith(":streamGenerateContent?alt=sse")
    else:
        assert body["stream"] is True
    assert ("stream_options" in body) == backend.startswith(("openai_chat", "openai_completions"))
    assert json.loads(reply.body or "") == body


@pytest.mark.parametrize("backend", STREAMS)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
def test_a_server_that_streams_unasked_is_understood_and_asked_once(backend: str, kind: str) -> None:
    with serving(streaming(STREAMS[backend], kind=kind)) as server:
        reply = say(server, backend, connect=dataclasses.replace(STREAM, stream=False, retries=8))
        assert len(server.asked) == 1
    assert (reply.text, reply.error, reply.attempts) == ("42", None, ())


def test_a_server_that_does_not_stream_though_asked_is_understood() -> None:
    with serving(lambda _body, _n: Answer(chat("42"))) as server:
        reply = say(server, "openai_chat", connect=STREAM)
    assert (reply.text, reply.ttft_s) == ("42", None)


def test_a_model_that_gives_nothing_but_streams_is_asked_for_one() -> None:
    """DashScope's words for QwQ, https://help.aliyun.com/zh/model-studio/error-code."""
    words = "This model only support stream mode, please enable the stream parameter to access the model. "

    def behave(body: dict[str, Any], _n: int) -> Answer:
        if not body.get("stream"):
            return Answer(error(words, "invalid_request_error", "invalid_parameter_error"), 400)
        return Answer(events=OPENAI_CHAT)

    with serving(behave) as server:
        reply = say(server, "openai_chat", connect=dataclasses.replace(STREAM, stream=False))
        assert len(server.asked) == 2
    assert reply.text == "42"
    assert [attempt.status for attempt in reply.attempts] == [400]


@pytest.mark.parametrize("backend", STREAMS)
def test_a_stream_that_said_its_end_is_whole_however_its_connection_ends(backend: str) -> None:
    with serving(streaming(STREAMS[backend], cut="drop")) as server:
        reply = say(server, backend, connect=dataclasses.replace(STREAM, retries=8))
        assert len(server.asked) == 1
    assert (reply.text, reply.error) == ("42", None)


@pytest.mark.parametrize("cut", ["drop", None, "hang"])
@pytest.mark.parametrize("backend", STREAMS)
def test_a_stream_that_breaks_off_is_a_failed_try_that_is_counted(backend: str, cut: str | None) -> None:
    events = STREAMS[backend][: 1 if backend == "openai_completions" else 2]
    limits = dataclasses.replace(STREAM, retries=8, idle_s=0.2)
    with serving(streaming(events, cut=cut)) as server:
        reply = say(server, backend, connect=limits)
        assert len(server.asked) == 1 + _http.PAID_RETRIES
    assert reply.text is None
    assert len(reply.attempts) == _http.PAID_RETRIES
    assert ("connect.idle_s" in (reply.error or "")) == (cut == "hang")
    purse = Budget(BudgetSpec(), {"m": Price(1.0, 1.0, "2026-01-31", "me")})
    purse.count(asked(), reply)
    once = Budget(BudgetSpec(), {"m": Price(1.0, 1.0, "2026-01-31", "me")})
    once.count(asked(), Reply(error="no whole answer"))
    assert purse.tokens == once.tokens * (1 + _http.PAID_RETRIES) > 0


def test_the_total_limit_holds_for_a_stream_that_never_falls_silent() -> None:
    with serving(streaming([chunk(content="x")] * 400, pause=0.05)) as server:
        reply = say(server, "openai_chat", connect=dataclasses.replace(STREAM, timeout_s=0.4))
    assert "connect.timeout_s" in (reply.error or "")


@pytest.mark.parametrize(
    ("backend", "events"),
    [
        ("openai_chat", [chunk(content="4"), {"error": {"message": "overloaded", "code": 529}}]),
        (
            "anthropic",
            [*ANTHROPIC[:4], {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}],
        ),
        ("gemini", [GEMINI[0], {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]),
    ],
)
def test_an_error_inside_a_stream_is_told_and_tried_again(backend: str, events: list[Any]) -> None:
    whole = STREAMS[backend]
    with serving(lambda _body, n: Answer(events=events if n == 1 else whole)) as server:
        reply = say(server, backend, connect=dataclasses.replace(STREAM, retries=3))
    assert reply.text == "42"
    assert "overloaded" in reply.attempts[0].error


def test_connections_are_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    kept = []
    made = _http._kept_alive

    def watched(place: Any) -> socket.socket:
        one = made(place)
        kept.append(one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        return one

    monkeypatch.setattr(_http, "_kept_alive", watched)
    with serving(lambda _body, _n: Answer(chat("42"))) as server:
        say(server, "openai_chat")
    assert kept
    assert all(kept)


@given(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1), st.data())
def test_every_end_of_a_line_is_one_wherever_the_pieces_end(ends: list[str], data: st.DataObject) -> None:
    """WHATWG, "Server-sent events", 9.2.5: lines end with CR LF, LF or CR."""
    content = "".join(f'data: {{"n": {n}}}{end}{end}: ping{end}' for n, end in enumerate(ends)).encode()
    events, at = Events(), 0
    while at < len(content):
        size = data.draw(st.integers(1, 12))
        list(events.feed(content[at : at + size]))
        at += size
    events.end()
    assert events.found == [{"n": n} for n in range(len(ends))]


def test_a_line_of_many_megabytes_costs_linear_time() -> None:
    """Each piece was put behind all that came before it: 64 MiB kept a core busy for minutes."""
    events, began = Events(), time.process_time()
    for _ in range(4096):
        list(events.feed(b"x" * 16384))
    events.end()
    assert events.found == []
    assert time.process_time() - began < 3
