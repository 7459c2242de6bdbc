"""Whatever JSON a server sends, a paid answer finishes as one, and nothing that it sends is a traceback."""

import codecs
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_server import asked, chat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_streams import STREAMS

from harness.backends import _http, _stream
from harness.core import plugins
from harness.evaluation import manifest
from harness.records import Reply, Request
from harness.runs.journal import Journal, entries
from harness.runs.samples import clean
from harness.specs import ModelSpec

WORDS = st.sampled_from(
    [
        *("choices", "message", "content", "delta", "text", "type", "index", "usage", "thinking", "output", "parts"),
        *("candidates", "summary", "error", "code", "status", "details", "model", "id", "finish_reason", "refusal"),
        *("message_start", "content_block_delta", "reasoning", "thought", "reasoning.text", "response.completed"),
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(), st.text(max_size=4), WORDS, st.just("\ud800")
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
ANSWERS: dict[str, Any] = {
    "openai_chat": chat("42"),
    "openai_completions": {
        "id": "cmpl-1",
        "model": "m",
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "text": "42", "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    },
    "openai_responses": {
        "id": "resp_1",
        "model": "o4-mini",
        "status": "completed",
        "incomplete_details": None,
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "42", "annotations": []}]},
        ],
        "usage": {"input_tokens": 36, "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 0}},
    },
    "anthropic": {
        "id": "msg_1",
        "model": "claude",
        "role": "assistant",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "42"}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 0},
    },
    "gemini": {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "42"}]},
                "finishReason": "STOP",
                "safetyRatings": [],
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1},
        "modelVersion": "gemini",
        "responseId": "r",
    },
}
NEEDED = frozenset(
    {"choices", "message", "content", "text", "finish_reason", "refusal", "output", "type", "status", "candidates"}
    | {"parts", "thought", "finishReason", "stop_reason", "incomplete_details"}
)
"""Fields that say what the answer is; whatever stands in all others, it is one."""
MORE = ("reasoning_content", "reasoning", "reasoning_details", "tool_calls", "promptFeedback", "logprobs", "container")


def backend_of(name: str) -> Any:
    return plugins.load("backends", name).Backend(
        ModelSpec("m", name, args={"model": "x-1", "base_url": "http://h"}), None
    )


def request_for(name: str) -> Request:
    return asked(prompt="Six times seven?") if name == "openai_completions" else asked()


def interpreted(name: str, payload: Any, status: int = 200) -> Reply:
    return backend_of(name)._interpret(request_for(name), _http.Exchange(payload=payload, status=status))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every mapping and list inside, with each of its keys."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from places(inner)


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_stands_beside_an_answer_takes_it_from_nobody(name: str, data: st.DataObject) -> None:
    payload = copy.deepcopy(ANSWERS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        free = [(holder, key) for holder, key in places(payload) if isinstance(holder, dict) and key not in NEEDED]
        holder, key = data.draw(st.sampled_from(free))
        if data.draw(st.booleans()):
            key = data.draw(st.sampled_from(MORE))
        holder[key] = data.draw(JSON)
    reply = interpreted(name, payload)
    assert (reply.text, reply.error) == ("42", None), payload


@pytest.mark.parametrize("name", ["anthropic", "gemini", "openai_responses"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_piece_of_another_form_takes_the_answer_from_nobody(name: str, data: st.DataObject) -> None:
    payload = copy.deepcopy(ANSWERS[name])
    where = {
        "anthropic": lambda: payload["content"],
        "gemini": lambda: payload["candidates"][0]["content"]["parts"],
        "openai_responses": lambda: payload["output"],
    }[name]()
    piece = data.draw(JSON.filter(lambda one: not (isinstance(one, dict) and {"text", "type"} & set(one))))
    where.insert(data.draw(st.integers(0, len(where))), piece)
    reply = interpreted(name, payload)
    assert (reply.text, reply.error) == ("42", None), payload


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_event_of_another_form_takes_a_streamed_answer_from_nobody(name: str, data: st.DataObject) -> None:
    events = [event for event in STREAMS[name] if not isinstance(event, str)]
    dull = JSON.filter(
        lambda one: not (isinstance(one, dict) and {"choices", "candidates", "type", "error"} & set(one))
    )
    odd = st.builds(
        lambda key, value: {key: value}, st.sampled_from(["choices", "candidates", "delta", "usage"]), LEAVES
    )
    nested = st.builds(lambda value: {"choices": [value], "candidates": [value], "type": value}, LEAVES)
    index = st.builds(
        lambda value: {"type": "content_block_delta", "index": value, "delta": {"text": "x"}}, st.just([])
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(events)))
        events.insert(place, data.draw(dull | odd | nested | index))
    one = backend_of(name)
    assert not any(one.speaks(event) and not isinstance(event, dict) for event in events)
    reply = interpreted(name, one.unstream(events))
    assert (reply.text, reply.error) == ("42", None), events


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_json_at_all_is_a_traceback(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Also not where a field that is needed is another, nor in what is written of it."""
    payload: Any = data.draw(JSON)
    if data.draw(st.booleans()):
        payload = copy.deepcopy(ANSWERS[name])
        holder, key = data.draw(st.sampled_from(list(places(payload))))
        holder[key] = data.draw(JSON)
    status = data.draw(st.sampled_from([200, 400, 403, 429, 500]))
    one, request = backend_of(name), request_for(name)
    client = client_of(one)
    said = client._read(status, json.dumps(payload).encode())
    outcome = _http.Exchange(payload=said.payload, status=said.status, error=said.error)
    reply = one._interpret(request, outcome)
    assert reply.error or reply.text is not None or reply.reasoning is not None or reply.finish_reason
    assert reply.text is None or isinstance(reply.text, str)
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    journal.append(request, reply)
    journal.close()
    (entry,) = entries(path)
    clean(manifest.answered([entry.reply], generated=True))
    for event in [payload, *(payload if isinstance(payload, list) else [])]:
        one.speaks(event)
    client._streamed(status, events_of(payload))


def client_of(backend: Any) -> _http.Client:
    spec = backend._model
    return _http.Client(
        model="m",
        base_url="http://h",
        headers={},
        sign=backend.sign,
        secret=None,
        connect=spec.connect,
        parallel=1,
        speech=backend,
    )


def events_of(payload: Any) -> Any:
    made = _http._stream.Events()
    for event in payload if isinstance(payload, list) else [payload]:
        list(made.feed(f"data: {json.dumps(event)}\n\n".encode()))
    return made


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"data: " + b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"data:\n\n"]
)
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("name", ANSWERS)
def test_no_bytes_are_a_traceback(name: str, status: int, body: bytes) -> None:
    said = client_of(backend_of(name))._read(status, body)
    assert said.error


def _streamed(text: bytes, size: int) -> str | None:
    """The answer of a stream that comes in pieces of some bytes."""
    events = _stream.Events()
    for place in range(0, len(text), size):
        list(events.feed(text[place : place + size]))
    events.end()
    answer: str | None = _stream.chat(events.found)["choices"][0]["message"]["content"]
    return answer


def _event(delta: bytes, finish: bytes = b"null") -> bytes:
    return b'data: {"choices": [{"index": 0, "delta": {%s}, "finish_reason": %s}]}\n\n' % (delta, finish)


TWO_WORDS = _event(b'"content": "one "') + _event(b'"content": "two"')
LAST = _event(b"", b'"stop"')


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("stream", "answer"),
    [
        pytest.param(codecs.BOM_UTF8 + TWO_WORDS + LAST, "one two", id="begins with a byte order mark"),
        pytest.param(TWO_WORDS.replace(b"two", b"t\xffwo") + LAST, "one t\ufffdwo", id="holds bytes that are no UTF-8"),
        pytest.param(
            TWO_WORDS.replace(b"two", b"t\x01\two") + LAST, "one t\x01\two", id="holds raw control characters"
        ),
        pytest.param(TWO_WORDS + LAST + b"data: [DONE]\n\n" + TWO_WORDS, "one two", id="goes on after its end"),
        pytest.param(b": ping\n\n" * 99 + TWO_WORDS + b":\n\n" + LAST, "one two", id="is kept alive by comments"),
    ],
)
def test_no_piece_of_a_stream_is_left_out_or_added_in_silence(stream: bytes, answer: str, size: int) -> None:
    for line_end in (b"\n", b"\r\n", b"\r"):
        assert _streamed(stream.replace(b"\n", line_end), size) == answer


@pytest.mark.parametrize(
    ("sent", "found"), [(b"a\x01b", "a\x01b"), (b"a\xff\xfeb", "a\ufffd\ufffdb"), (b"\xc3", "\ufffd")]
)
def test_an_answer_with_bytes_that_json_does_not_allow_is_not_paid_for_again(sent: bytes, found: str) -> None:
    assert _stream.decoded(b'{"content": "%s"}' % sent) == {"content": found}


@pytest.mark.parametrize("behind", [b"\n\n", b"\r\nupstream closed", b"\x00\x00", b"0\r\n\r\n", b"<!-- proxy -->"])
@pytest.mark.parametrize("status", [200, 201, 203, 206])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_whole_answer_is_one_whatever_success_its_status_says_and_whatever_is_behind_it(
    name: str, status: int, behind: bytes
) -> None:
    said = client_of(backend_of(name))._read(status, json.dumps(ANSWERS[name]).encode() + behind)
    assert (said.error, said.payload) == (None, ANSWERS[name])


@pytest.mark.parametrize(
    "body", [b'{"a": 1}{"b": 2}', b'{"a": 1}\n{"b": 2}\n', b'{"a": 1} [', b'"a" b', b"1 2", b"[1] x"]
)
def test_of_several_values_none_is_taken_for_the_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match="more than one value"):
        _stream.decoded(body)
