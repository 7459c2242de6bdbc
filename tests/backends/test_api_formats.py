"""Each provider's wire format, replayed from its public documentation by a real server on loopback."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from api_server import NO_RETRY, Answer, asked, chat, error, say, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.backends import _replies
from harness.core import compact_json, plugins
from harness.engine.scoring import status
from harness.errors import BackendError, ConfigError
from harness.records import Reply, Request, Usage
from harness.specs import ModelSpec

API = ("openai_chat", "openai_completions", "openai_responses", "anthropic", "gemini")
KEY = "sk-planted-key-0123456789"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", KEY)


def reply_to(backend: str, payload: Any, status: int = 200, request: Request | None = None, **args: Any) -> Reply:
    with serving(lambda _body, _n: Answer(payload, status)) as server:
        return say(server, backend, request, **args)


# --- OpenAI chat completions, and its dialects


def test_a_chat_answer_keeps_all_that_the_server_said() -> None:
    with serving(lambda _body, _n: Answer(chat("42"))) as server:
        reply = say(server, "openai_chat", asked(system="Be brief.", stop=("END", "\n"), top_p=0.9))
        path, headers, body = server.asked[0]
    assert path == "/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "x-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is six times seven?"},
        ],
        "max_tokens": 100,
        "temperature": 0.0,
        "top_p": 0.9,
        "stop": ["END", "\n"],
        "seed": 7,
    }
    assert json.loads(reply.body or "") == body
    assert KEY not in (reply.body or "")
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", None, "none")
    assert reply.usage == Usage(19, 10, 0, 8)
    assert (reply.served_model, reply.system_fingerprint) == ("gpt-4o-2024-08-06", "fp_fc9f1d7035")
    assert reply.response_id == "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"
    assert reply.finish_reason == "stop"
    assert reply.error is None
    assert 0 < (reply.ttfb_s or 0) <= (reply.latency_s or 0)
    assert (reply.started_at or "").endswith("Z")


@pytest.mark.parametrize(
    ("message", "reasoning", "kind"),
    [
        # DeepSeek: https://api-docs.deepseek.com/guides/reasoning_model
        ({"reasoning_content": "Let me see."}, "Let me see.", "full"),
        # OpenRouter: https://openrouter.ai/docs/use-cases/reasoning-tokens
        ({"reasoning": "Let me see."}, "Let me see.", "full"),
        ({"reasoning": "In short.", "reasoning_details": [{"type": "reasoning.summary", "summary": "In short."}]}, "In short.", "summary"),
        ({"reasoning": "Whole.", "reasoning_details": [{"type": "reasoning.text", "text": "Whole."}]}, "Whole.", "full"),
        ({"reasoning": None, "reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAA"}]}, None, "redacted"),
        # Inline, as served without a reasoning parser: https://docs.vllm.ai/en/latest/features/reasoning_outputs.html
        ({"content": "<think>\nLet me see.\n</think>\n\n42"}, "Let me see.", "full"),
        # Mistral: https://docs.mistral.ai/capabilities/reasoning
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "42"}]},
            "Hm.",
            "full",
        ),
        ({}, None, "none"),
    ],
)  # fmt: skip
def test_reasoning_is_found_wherever_a_server_puts_it(message: dict, reasoning: str | None, kind: str) -> None:
    reply = reply_to("openai_chat", chat("42", **message))
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", reasoning, kind)


def test_reasoning_that_is_counted_but_not_shown_is_redacted() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 64}}
    reply = reply_to("openai_chat", chat("42", usage=usage))
    assert (reply.reasoning, reply.reasoning_kind) == (None, "redacted")
    assert reply.usage == Usage(5, 90, 64, None)


def test_deepseeks_cache_and_xais_reasoning_are_counted_in_their_own_words() -> None:
    # https://api-docs.deepseek.com/guides/kv_cache
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_cache_hit_tokens": 8}
    assert reply_to("openai_chat", chat(usage=usage)).usage == Usage(10, 5, None, 8)
    # https://docs.x.ai/docs/guides/reasoning: reasoning tokens come on top of the completion's
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 35,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    assert reply_to("openai_chat", chat(usage=usage)).usage == Usage(10, 25, 20, None)


@pytest.mark.parametrize(
    ("payload", "finish", "text"),
    [
        (chat(None, refusal="I'm sorry, I cannot assist with that request."), "refusal", "I'm sorry, I cannot assist with that request."),
        (chat(None, finish="content_filter"), "content_filter", None),
        (chat("Here is how", finish="length"), "length", "Here is how"),
        (chat(None, finish="length", reasoning_content="I was still thinking"), "length", None),
        (chat("", finish="stop"), "stop", ""),
    ],
)  # fmt: skip
def test_how_a_chat_answer_ended_is_told_apart(payload: Any, finish: str, text: str | None) -> None:
    reply = reply_to("openai_chat", payload)
    assert (reply.finish_reason, reply.text, reply.error) == (finish, text, None)


def _anthropic(reason: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": "4"}], "stop_reason": reason, "usage": {}}


def _gemini(reason: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": "4"}]}, "finishReason": reason}]}


def _completion(reason: str) -> dict[str, Any]:
    return {"choices": [{"text": "4", "finish_reason": reason}]}


def _response(status: str) -> dict[str, Any]:
    said = {"type": "message", "content": [{"type": "output_text", "text": "4"}]}
    return {"status": status, "output": [said]}


@pytest.mark.parametrize(
    ("backend", "make", "normal", "broken"),
    [
        ("openai_chat", lambda r: chat("4", finish=r), ["stop", "length", "eos", None], ["abort", "error", "content_filter", "tool_calls", "insufficient_system_resource", "load"]),
        ("openai_completions", _completion, ["stop", "length", "stop_sequence"], ["abort", "error", "content_filter"]),
        ("anthropic", _anthropic, ["end_turn", "stop_sequence", "max_tokens"], ["pause_turn", "tool_use"]),
        ("gemini", _gemini, ["STOP", "MAX_TOKENS"], ["OTHER", "SAFETY", "RECITATION", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "FINISH_REASON_UNSPECIFIED"]),
        ("openai_responses", _response, ["completed", "incomplete"], ["in_progress", "cancelled", "queued"]),
    ],
)  # fmt: skip
def test_an_answer_that_broke_off_is_a_failure_and_keeps_what_it_said(
    backend: str, make: Any, normal: list[Any], broken: list[str]
) -> None:
    for reason in normal:
        reply = reply_to(backend, make(reason))
        assert (reply.text, reply.error) == ("4", None), reason
        assert status([reply]) in ("answered", "truncated")
    for reason in broken:
        reply = reply_to(backend, make(reason))
        assert reply.text == "4"
        assert reply.error is not None, reason
        assert status([reply]) == "failed"


def test_a_reply_that_broke_off_in_an_older_journal_is_failed_too() -> None:
    assert status([Reply(text="4", finish_reason="abort")]) == "failed"
    assert status([Reply(text="4", finish_reason="content_filter")]) == "failed"
    assert status([Reply(finish_reason="content_filter")]) == "refused"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (chat(None), "no content"),
        (chat(None, finish="tool_calls", tool_calls=[{"id": "1"}]), "tool that was never offered"),
        ({"object": "list"}, "not in the format"),
        ({"choices": []}, "not in the format"),
        ({"choices": "abc"}, "not in the format"),
        ([], "not in the format"),
        (7, "not in the format"),
    ],
)
def test_what_is_no_answer_is_a_failed_request_never_an_empty_answer(payload: Any, said: str) -> None:
    reply = reply_to("openai_chat", payload)
    assert said in (reply.error or "")


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        # https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter
        (400, {"error": {"message": "The response was filtered", "type": None, "param": "prompt", "code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_request_error", "invalid_prompt")),
        (400, error("Content Exists Risk", "invalid_request_error", "invalid_request_error")),
        # https://openrouter.ai/docs/api-reference/errors
        (403, {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}}),
    ],
)  # fmt: skip
def test_a_filter_that_answers_with_an_error_is_a_refusal(status: int, payload: Any) -> None:
    reply = reply_to("openai_chat", payload, status)
    assert (reply.finish_reason, reply.error, reply.text) == ("content_filter", None, None)


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        # https://platform.openai.com/docs/guides/error-codes
        (400, error("'max_tokens' is too large", "invalid_request_error", "invalid_value")),
        (400, error("This model's maximum context length is 8192 tokens", "invalid_request_error", "context_length_exceeded")),
        (401, error("Incorrect API key provided", "invalid_request_error", "invalid_api_key")),
        (402, error("Insufficient Balance", "unknown_error", "invalid_request_error")),
        (403, error("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory")),
        (404, error("The model `x-1` does not exist", "invalid_request_error", "model_not_found")),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "value is not a valid integer"}]}),
        (429, error("Rate limit reached for requests", "requests", "rate_limit_exceeded")),
        (429, error("You exceeded your current quota", "insufficient_quota", "insufficient_quota")),
        (500, error("The server had an error while processing your request", "server_error")),
        (503, error("The engine is currently overloaded", "server_error")),
        # OpenRouter: 200, and the model behind it failed
        (200, {"error": {"code": 502, "message": "Provider returned error"}}),
        (200, {"id": "gen-1", "choices": [{"error": {"code": 502, "message": "Upstream error"}, "finish_reason": "error", "message": {"content": ""}}]}),
        # vLLM: https://docs.vllm.ai, ErrorResponse
        (400, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}),
    ],
)  # fmt: skip
def test_every_documented_error_is_a_failed_request_that_says_why(status: int, payload: Any) -> None:
    reply = reply_to("openai_chat", payload, status)
    assert reply.error
    assert reply.text is None
    inner = payload.get("error") or (payload.get("choices") or [{}])[0].get("error") or payload
    assert str(inner.get("message", "value is not a valid integer"))[:30] in reply.error


def test_a_models_own_settings_are_sent_and_refused_ones_are_not() -> None:
    with serving(lambda _body, _n: Answer(chat("42 END more"))) as server:
        reply = say(
            server,
            "openai_chat",
            asked(stop=("END",), top_k=5),
            length_field="max_completion_tokens",
            omit=["temperature", "stop", "seed", "top_k"],
            extra_body={"reasoning_effort": "high"},
            headers={"X-Title": "harness"},
        )
        _, headers, body = server.asked[0]
    assert set(body) == {"model", "messages", "max_completion_tokens", "reasoning_effort"}
    assert headers["X-Title"] == "harness"
    assert reply.text == "42 "  # the stop text is cut off here where the server was not told of it


# --- OpenAI Responses: https://platform.openai.com/docs/api-reference/responses/object


def response(*output: dict, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "object": "response",
        "created_at": 1741476542,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "o4-mini-2025-04-16",
        "output": list(output),
        "usage": {
            "input_tokens": 36,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 123,
        },
    } | more


def message(*content: dict) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": list(content)}


TEXT = {"type": "output_text", "text": "42", "annotations": []}
SUMMARY = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "**Multiplying** six by seven."}],
}


def test_a_response_keeps_its_summary_and_its_usage() -> None:
    with serving(lambda _body, _n: Answer(response(SUMMARY, message(TEXT)))) as server:
        reply = say(server, "openai_responses", asked(system="Be brief."), effort="high", summary="auto")
        path, _, body = server.asked[0]
    assert path == "/responses"
    assert body == {
        "model": "x-1",
        "input": [{"role": "user", "content": "What is six times seven?"}],
        "instructions": "Be brief.",
        "max_output_tokens": 100,
        "temperature": 0.0,
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
    }
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", "**Multiplying** six by seven.", "summary")
    assert reply.usage == Usage(36, 87, 64, 4)
    assert (reply.finish_reason, reply.served_model) == ("stop", "o4-mini-2025-04-16")


def test_a_response_without_a_summary_hid_its_reasoning() -> None:
    reply = reply_to("openai_responses", response({"type": "reasoning", "id": "rs_1", "summary": []}, message(TEXT)))
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", None, "redacted")


@pytest.mark.parametrize(
    ("payload", "finish", "text"),
    [
        (response(message({"type": "refusal", "refusal": "I can't help with that."})), "refusal", "I can't help with that."),
        (response(SUMMARY, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length", None),
        (response(status="incomplete", incomplete_details={"reason": "content_filter"}), "content_filter", None),
    ],
)  # fmt: skip
def test_how_a_response_ended_is_told_apart(payload: Any, finish: str, text: str | None) -> None:
    reply = reply_to("openai_responses", payload)
    assert (reply.finish_reason, reply.text, reply.error) == (finish, text, None)


def test_a_failed_response_is_a_failed_request() -> None:
    failed = response(
        status="failed", error={"code": "server_error", "message": "The model failed to generate a response."}
    )
    assert "The model failed" in (reply_to("openai_responses", failed).error or "")
    assert "no text" in (reply_to("openai_responses", response()).error or "")
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": "{}"}
    assert "no text" in (reply_to("openai_responses", response(call)).error or "")
    flagged = error("Invalid prompt", "invalid_request_error", "invalid_prompt")
    assert reply_to("openai_responses", flagged, 400).finish_reason == "content_filter"
    ended = response(status="failed", error={"code": "invalid_prompt", "message": "Invalid prompt"})
    reply = reply_to("openai_responses", ended)
    assert (reply.finish_reason, reply.error) == ("content_filter", None)


# https://platform.openai.com/docs/api-reference/responses/object (error.code) and docs/guides/error-codes
@pytest.mark.parametrize(
    ("code", "tries"),
    [("server_error", 3), ("rate_limit_exceeded", 3), ("vector_store_timeout", 3), ("invalid_image", 1)],
)
def test_a_failed_response_is_tried_again_where_that_can_help(code: str, tries: int) -> None:
    failed = response(status="failed", error={"code": code, "message": "It failed."})
    with serving(lambda _body, _n: Answer(failed)) as server:
        reply = say(server, "openai_responses", asked(), connect=dataclasses.replace(NO_RETRY, retries=2))
        assert len(server.asked) == tries
    assert reply.error == f"HTTP {400 if tries == 1 else 429 if 'rate' in code else 500}: It failed. ({code})"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "context_length_exceeded"), (401, "invalid_api_key"), (404, "model_not_found"), (429, "rate_limit_exceeded"),
     (429, "insufficient_quota"), (500, "server_error"), (503, "server_error")],
)  # fmt: skip
def test_every_documented_error_of_responses_is_a_failed_request(status: int, code: str) -> None:
    reply = reply_to("openai_responses", error("What went wrong", "some_error", code), status)
    assert reply.error == f"HTTP {status}: What went wrong ({code})"


# --- Anthropic Messages: https://docs.anthropic.com/en/api/messages


def anthropic(*content: dict, stop: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 2095,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 50,
            "output_tokens": 503,
        },
    }


SAID = {"type": "text", "text": "42"}
THOUGHT = {"type": "thinking", "thinking": "Six times seven.", "signature": "WaUjzkypQ2mUEVM36O2TxuC06KN8xyfbJwyem"}
HIDDEN = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"}


def test_an_anthropic_message_keeps_its_thinking_and_its_usage() -> None:
    with serving(lambda _body, _n: Answer(anthropic(THOUGHT, SAID))) as server:
        thinking = {"type": "enabled", "budget_tokens": 8000}
        reply = say(
            server, "anthropic", asked(system="Be brief.", stop=("END", "\n")), thinking=thinking, omit=["temperature"]
        )
        path, headers, body = server.asked[0]
    assert path == "/messages"
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "Authorization" not in headers
    assert body == {
        "model": "x-1",
        "messages": [{"role": "user", "content": "What is six times seven?"}],
        "system": "Be brief.",
        "max_tokens": 100,
        "stop_sequences": ["END"],  # the API refuses stop texts of white space; those are cut off here
        "thinking": thinking,
    }
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", "Six times seven.", "summary")
    assert reply.usage == Usage(2245, 503, None, 50)
    assert (reply.finish_reason, reply.served_model) == ("stop", "claude-sonnet-4-5-20250929")


@pytest.mark.parametrize(
    ("model", "blocks", "reasoning", "kind"),
    [
        ("claude-3-7-sonnet-20250219", [THOUGHT, SAID], "Six times seven.", "full"),
        ("claude-sonnet-4-5", [THOUGHT, SAID], "Six times seven.", "summary"),
        ("claude-3-7-sonnet-20250219", [HIDDEN, SAID], None, "redacted"),
        ("claude-3-7-sonnet-20250219", [THOUGHT, HIDDEN, SAID], "Six times seven.", "redacted"),
        ("claude-sonnet-4-5", [{"type": "thinking", "thinking": "", "signature": "Wa"}, SAID], None, "redacted"),
        ("claude-sonnet-4-5", [SAID], None, "none"),
    ],
)
def test_anthropics_thinking_is_told_apart(model: str, blocks: list, reasoning: str | None, kind: str) -> None:
    reply = reply_to("anthropic", anthropic(*blocks), model=model)
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", reasoning, kind)


@pytest.mark.parametrize(
    ("payload", "finish", "text"),
    [
        (anthropic(stop="refusal"), "refusal", None),
        (anthropic(SAID, stop="max_tokens"), "length", "42"),
        (anthropic(THOUGHT, stop="max_tokens"), "length", None),
        (anthropic(SAID, stop="stop_sequence"), "stop", "42"),
        (anthropic(SAID, stop="model_context_window_exceeded"), "length", "42"),
    ],
)
def test_how_an_anthropic_message_ended_is_told_apart(payload: Any, finish: str, text: str | None) -> None:
    reply = reply_to("anthropic", payload)
    assert (reply.finish_reason, reply.text, reply.error) == (finish, text, None)


def test_an_anthropic_message_that_calls_a_tool_nobody_offered_is_a_failed_request() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {}}
    assert "stop_reason tool_use" in (reply_to("anthropic", anthropic(call, stop="tool_use")).error or "")


# https://docs.anthropic.com/en/api/errors
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_every_error_of_anthropics_is_a_failed_request(status: int, kind: str) -> None:
    payload = {"type": "error", "error": {"type": kind, "message": "What went wrong"}, "request_id": "req_1"}
    assert reply_to("anthropic", payload, status).error == f"HTTP {status}: What went wrong ({kind})"
    assert "no text" in (reply_to("anthropic", anthropic()).error or "")


# --- Gemini: https://ai.google.dev/api/generate-content


def gemini(*parts: dict, finish: str = "STOP", **more: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "finishReason": finish, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 12,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 700,
            "totalTokenCount": 717,
            "cachedContentTokenCount": 3,
        },
        "modelVersion": "gemini-2.5-pro",
        "responseId": "Wm2eaNHcL7",
    } | more


def test_a_gemini_answer_keeps_its_thoughts_and_its_usage() -> None:
    thoughts = {"text": "**Considering** the product.", "thought": True}
    with serving(
        lambda _body, _n: Answer(gemini(thoughts, {"text": "4"}, {"text": "2", "thoughtSignature": "Cq"}))
    ) as server:
        config = {"includeThoughts": True, "thinkingBudget": 8192}
        reply = say(server, "gemini", asked(system="Be brief.", stop=("END",), top_k=3, top_p=0.5), thinking=config)
        path, headers, body = server.asked[0]
    assert path == "/models/x-1:generateContent"
    assert headers["x-goog-api-key"] == KEY
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "What is six times seven?"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 100,
            "temperature": 0.0,
            "topP": 0.5,
            "topK": 3,
            "stopSequences": ["END"],
            "seed": 7,
            "thinkingConfig": config,
        },
    }
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", "**Considering** the product.", "summary")
    assert reply.usage == Usage(12, 705, 700, 3)
    assert (reply.finish_reason, reply.served_model, reply.response_id) == ("stop", "gemini-2.5-pro", "Wm2eaNHcL7")


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"])
def test_an_answer_that_gemini_stopped_is_a_refusal(reason: str) -> None:
    payload = gemini(finish=reason)
    del payload["candidates"][0]["content"]
    reply = reply_to("gemini", payload)
    assert (reply.finish_reason, reply.text, reply.error) == ("content_filter", None, None)


def test_a_prompt_that_gemini_blocked_is_a_refusal() -> None:
    payload = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
    reply = reply_to("gemini", payload)
    assert (reply.finish_reason, reply.error) == ("content_filter", None)
    assert reply.usage.prompt_tokens == 9
    assert "no candidate" in (reply_to("gemini", {"usageMetadata": {}}).error or "")


def test_how_a_gemini_answer_ended_is_told_apart() -> None:
    assert reply_to("gemini", gemini({"text": "4"}, finish="MAX_TOKENS")).finish_reason == "length"
    thought_out = gemini(finish="MAX_TOKENS")
    thought_out["candidates"][0]["content"] = {"role": "model"}
    reply = reply_to("gemini", thought_out)
    assert (reply.finish_reason, reply.text, reply.reasoning_kind, reply.error) == ("length", None, "redacted", None)
    assert reply_to("gemini", gemini({"text": "4"}, finish="OTHER")).finish_reason == "OTHER"


# https://ai.google.dev/api/generate-content#FinishReason
@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "LANGUAGE", "OTHER"]
)
def test_a_gemini_answer_without_text_is_a_failed_request_that_says_why(reason: str) -> None:
    reply = reply_to("gemini", gemini(finish=reason))
    assert (reply.text, reply.finish_reason) == (None, reason)
    assert reason in (reply.error or "")


# https://ai.google.dev/gemini-api/docs/troubleshooting
@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (400, "FAILED_PRECONDITION"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_every_error_of_geminis_is_a_failed_request(status: int, word: str) -> None:
    payload = {"error": {"code": status, "message": "What went wrong", "status": word}}
    assert f"HTTP {status}: What went wrong" in (reply_to("gemini", payload, status).error or "")
    assert "What went wrong" in (reply_to("gemini", [payload], status).error or "")


# --- completions


def echo(body: dict[str, Any], *, bos: str = "", broken: bool = False) -> dict[str, Any]:
    """A server that splits text at spaces and finds every token of n letters -n/10 likely."""
    text = body["prompt"]
    tokens: list[str] = []
    for piece in text:
        if tokens and piece != " ":
            tokens[-1] += piece
        else:
            tokens.append(piece)
    tokens = ([bos] if bos else []) + tokens + [" next"]
    values: list[float | None] = [None] + [-len(token) / 10 for token in tokens[1:]]
    offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
    tops = [None] + [{token: -len(token) / 10, "~": -0.4} for token in tokens[1:]]
    logprobs = {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "x-1",
        "choices": [{"index": 0, "text": text, "logprobs": None if broken else logprobs, "finish_reason": "length"}],
        "usage": {"prompt_tokens": len(tokens), "completion_tokens": 1, "total_tokens": len(tokens) + 1},
    }


@pytest.mark.parametrize("bos", ["", "<|begin_of_text|>"])
@pytest.mark.parametrize(
    ("context", "continuation", "value", "greedy"),
    [
        ("the sky is", " blue", -0.5, False),
        ("the sky is ", "blue", -0.5, False),
        ("the sky is", " so be", -0.6, True),
        ("the sky i", "s", -0.3, True),
    ],
)
def test_a_loglikelihood_is_the_sum_over_the_continuation(
    bos: str, context: str, continuation: str, value: float, greedy: bool
) -> None:
    with serving(lambda body, _n: Answer(echo(body, bos=bos))) as server:
        reply = say(
            server, "openai_completions", asked(kind="loglikelihood", prompt=context, continuation=continuation)
        )
    assert reply.error is None
    assert reply.loglikelihood == pytest.approx(value)
    assert reply.is_greedy is greedy
    assert reply.finish_reason is None


@pytest.mark.parametrize("bos", ["", "<s>"])
def test_a_rolling_loglikelihood_is_of_every_token_that_has_one(bos: str) -> None:
    with serving(lambda body, _n: Answer(echo(body, bos=bos))) as server:
        reply = say(server, "openai_completions", asked(kind="loglikelihood_rolling", prompt="ab cd ef"))
    assert reply.loglikelihood == pytest.approx(-0.8 if bos else -0.6)


@given(words=st.lists(st.text("abc", min_size=1, max_size=5), min_size=2, max_size=8), cut=st.integers(1, 7))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loglikelihoods_add_up_along_a_text(words: list[str], cut: int) -> None:
    cut = min(cut, len(words) - 1)
    context, rest = " ".join(words[:cut]), "".join(f" {word}" for word in words[cut:])
    module = plugins.load("backends", "openai_completions")
    backend = module.Backend(ModelSpec("m", "openai_completions", args={"model": "x"}), None)
    whole = backend.read(asked(kind="loglikelihood_rolling", prompt=context + rest), echo({"prompt": context + rest}))
    first = backend.read(asked(kind="loglikelihood_rolling", prompt=context), echo({"prompt": context}))
    request = asked(kind="loglikelihood", prompt=context, continuation=rest)
    second = backend.read(request, echo({"prompt": context + rest}))
    assert whole.loglikelihood == pytest.approx(first.loglikelihood + second.loglikelihood)


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"choices": [{"text": "hello", "logprobs": None, "finish_reason": "length"}]}),
        Answer(echo({"prompt": "The quick brown fox jumps"}, broken=True)),
        Answer(error("Setting 'echo' and 'logprobs' at the same time is not supported for this model.", "invalid"), 400),
        Answer({"choices": [{"text": " over", "logprobs": {"tokens": [" over"], "token_logprobs": [-0.1], "text_offset": [25]}}]}),
    ],
)  # fmt: skip
def test_a_server_that_cannot_echo_is_refused_before_the_first_request(answer: Answer) -> None:
    with serving(lambda _body, _n: answer) as server:
        with pytest.raises(BackendError, match="log-probabilities"):
            say(server, "openai_completions", asked(kind="loglikelihood", prompt="a", continuation=" b"))
        assert [body["prompt"] for _, _, body in server.asked] == ["The quick brown fox jumps"]


def test_a_text_completion_is_continued_and_cut() -> None:
    payload = echo({"prompt": "x"}) | {
        "choices": [{"index": 0, "text": "<think>hm</think>42\n\nQ:", "finish_reason": "stop"}]
    }
    with serving(lambda _body, _n: Answer(payload)) as server:
        reply = say(server, "openai_completions", asked(prompt="6*7=", stop=("\n\n",)))
        assert server.asked[0][2]["prompt"] == "6*7="
    assert (reply.text, reply.reasoning, reply.reasoning_kind) == ("42", "hm", "full")


# --- what they share


@pytest.mark.parametrize("backend", API)
@pytest.mark.parametrize(
    ("args", "match"),
    [
        ({}, "model is missing"),
        ({"model": "x", "colour": 1}, "colour"),
        ({"model": "x", "base_url": "127.0.0.1:8000"}, "http://"),
        ({"model": "x", "base_url": "http://u:hunter2@h/v1"}, "carries a user name"),
        ({"model": "x", "base_url": "http://h/v1?key=hunter2"}, "carries a user name"),
        ({"model": "x", "headers": {"Authorization": "hunter2"}}, "looks like a secret"),
        ({"model": "x", "extra_body": {"api_key": "hunter2"}}, "looks like a secret"),
        ({"model": "x", "omit": ["colour"]}, "omit"),
    ],
)
def test_a_wrong_argument_is_a_config_error_that_repeats_no_secret(backend: str, args: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        plugins.load("backends", backend).Backend(ModelSpec("m", backend, args=args), None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("backend", API)
def test_a_missing_key_is_named_before_anything_is_sent(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANTED_API_KEY")
    spec = ModelSpec("m", backend, args={"model": "x"}, connect=NO_RETRY)
    with pytest.raises(BackendError, match="PLANTED_API_KEY is not set"):
        plugins.load("backends", backend).Backend(spec, None)


@pytest.mark.parametrize("backend", API)
def test_facts_are_json_without_paths_and_keys(backend: str) -> None:
    one = plugins.load("backends", backend).Backend(
        ModelSpec("m", backend, args={"model": "x"}, connect=NO_RETRY), None
    )
    text = json.dumps(one.facts())
    assert KEY not in text
    assert "not_sent" in text
    one.close()


_KEYS = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "type",
        "usage",
        "output",
        "candidates",
        "parts",
        "finish_reason",
        "error",
        "thinking",
        "reasoning",
        "reasoning_details",
        "logprobs",
        "stop_reason",
        "finishReason",
        "promptFeedback",
        "summary",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=25,
)


@given(payload=json_values)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("backend", API)
def test_no_json_whatsoever_breaks_a_reader(backend: str, payload: Any) -> None:
    from harness.backends._http import Exchange

    one = plugins.load("backends", backend).Backend(ModelSpec("m", backend, args={"model": "x"}), None)
    request = asked(prompt="x", kind="generate")
    one.fault(payload)
    one.refusal(400, payload)
    reply = one._interpret(request, Exchange(payload=payload, status=200))
    assert reply.text is None or isinstance(reply.text, str)
    assert reply.error or reply.text is not None or reply.finish_reason or reply.reasoning


@given(text=st.text(max_size=40), stops=st.lists(st.text(max_size=4), max_size=3))
def test_a_cut_answer_holds_no_stop_text(text: str, stops: list[str]) -> None:
    left = _replies.cut(Reply(text=text, finish_reason="length"), stops)
    assert text.startswith(left.text or "")
    assert not any(stop in (left.text or "") for stop in stops if stop)


@given(st.text(st.characters()))
def test_any_text_can_be_sent(text: str) -> None:
    assert json.loads(compact_json({"content": text}).encode())["content"] == text


# --- ready configs


def _ready() -> list[str]:
    return [p.stem for p in sorted((Path(__file__).parents[2] / "conf/model").glob("*.yaml")) if any(f"backend: {api}" in p.read_text() for api in API)]  # fmt: skip


@pytest.mark.parametrize("name", _ready())
def test_a_ready_config_needs_only_its_key_and_names_a_known_price_or_none(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.cli import config
    from harness.evaluation import budget

    task = "provenance_open"
    (spec,) = config.compose([f"model={name}", f"task={task}"]).models
    assert spec.name == name
    if spec.connect.api_key_env:
        monkeypatch.setenv(spec.connect.api_key_env, KEY)
    backend = plugins.load("backends", spec.backend).Backend(spec, None)
    text = "Who are you?"
    request = asked(text) if spec.chat else asked(prompt=text)
    assert text in compact_json(backend.body(request))
    budget.price_of(spec, budget.prices())


def test_every_price_has_a_day_and_a_source() -> None:
    from datetime import date

    from harness.evaluation import budget

    for name, price in budget.prices().items():
        assert date.fromisoformat(price.as_of), name
        assert price.source, name
        assert price.output >= price.input >= (price.cached or 0) >= 0, name


def test_every_block_of_the_models_page_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    from harness.cli import config

    page = (Path(__file__).parents[2] / "docs/models.md").read_text()
    blocks = re.findall(r"```yaml\n(# @package models\.(\w+)\n.*?)```", page, re.DOTALL)
    assert len(blocks) >= 7
    (tmp_path / "conf" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for text, name in blocks:
        (tmp_path / "conf" / "model" / f"own_{name}.yaml").write_text(text)
        (spec,) = config.compose([f"model=own_{name}", "task=provenance_open"]).models
        plugins.load("backends", spec.backend).Backend.check(spec)
