"""Numbers that a server, a file or an old journal makes up: bounded or null at the border, and no run ends over one."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from api_server import Answer, chat, say, serving
from conftest import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolders import write_run

from harness import runs
from harness.archive import imports
from harness.archive.verification import verify
from harness.backends import _api, _http, llama_cpp, lm_eval_model
from harness.core import plugins
from harness.engine import metrics
from harness.evaluation import manifest
from harness.records import LOGLIKELIHOODS, MOST_TOKENS, Decoding, Reply, Request, Usage, count
from harness.results import derivation, store
from harness.runs import journal, proof, samples
from harness.specs import ConnectSpec, ModelSpec, ReasoningSpec

HUGE = 10**30
HOSTILE = st.one_of(
    st.sampled_from(
        [HUGE, -HUGE, 10**400, -(10**400), 2**63, -1, MOST_TOKENS, MOST_TOKENS + 1, 0, 1e308, -1e308, 19.0]
    ),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["7", "NaN", "9" * 5000, "1e999"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)
CHAT = chat("42")
SCORED = {
    "id": "cmpl-1",
    "created": 1700000000,
    "model": "base",
    "choices": [
        {
            "index": 0,
            "text": "Paris is big.",
            "finish_reason": "length",
            "logprobs": {
                "tokens": ["Paris", " is", " big", "."],
                "token_logprobs": [None, -1.5, -0.25, -3.0],
                "top_logprobs": [None, {" is": -1.5}, {" big": -0.25, " old": -2.0}, {".": -3.0}],
                "text_offset": [0, 5, 8, 12],
            },
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
UNSPELLED = copy.deepcopy(SCORED)
UNSPELLED["choices"][0]["logprobs"]["tokens"] = None  # type: ignore[index]
PAYLOADS: list[tuple[str, Any]] = [
    ("openai_chat", CHAT),
    ("openai_completions", SCORED),
    ("openai_completions", UNSPELLED),
    (
        "openai_responses",
        {
            "id": "resp_1",
            "created_at": 1741476777,
            "status": "completed",
            "model": "o4-mini",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "42"}]}],
            "usage": {
                "input_tokens": 36,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 64},
                "total_tokens": 123,
            },
        },
    ),
    (
        "anthropic",
        {
            "id": "msg_1",
            "model": "claude",
            "content": [{"type": "text", "text": "42"}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 2095,
                "cache_creation_input_tokens": 100,
                "cache_read_input_tokens": 50,
                "output_tokens": 503,
            },
        },
    ),
    (
        "gemini",
        {
            "responseId": "r",
            "modelVersion": "gemini",
            "candidates": [
                {"content": {"parts": [{"text": "42"}]}, "finishReason": "STOP", "index": 0, "avgLogprobs": -0.1}
            ],
            "usageMetadata": {
                "promptTokenCount": 12,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 700,
                "totalTokenCount": 717,
                "cachedContentTokenCount": 3,
            },
        },
    ),
]


def request(kind: Any = "generate") -> Request:
    decoding = Decoding(20, 0.0) if kind == "generate" else None
    return Request("req1:0", "m", "t", 0, 0, 0, kind, None, "Paris is", None if decoding else " big.", decoding, 7)


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a payload there is a number."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(item, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def altered(payload: Any, changes: dict[tuple[Any, ...], Any]) -> Any:
    payload = copy.deepcopy(payload)
    for path, value in changes.items():
        inner = payload
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
    return payload


def sound(reply: Reply) -> None:
    """The reply can be journaled, read back, stored, and means what it says."""
    for value in (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens):
        assert value is None or (type(value) is int and 0 <= value <= MOST_TOKENS)
    if reply.loglikelihood is not None:
        assert LOGLIKELIHOODS[0] <= reply.loglikelihood <= LOGLIKELIHOODS[1]
    assert reply.error is None or len(reply.error) < 1000
    line = journal._line(request(), reply)
    assert journal._expand(json.loads(line)["reply"]) == reply
    row = manifest.answered([reply], generated=reply.loglikelihood is None)
    schema = samples.schema()
    pa.Table.from_pylist([samples.clean(row)], schema=pa.schema({name: schema[name] for name in row}))


@pytest.mark.parametrize(("name", "payload"), PAYLOADS, ids=lambda value: value if isinstance(value, str) else "")
@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_no_number_of_an_answer_gets_past_the_border(name: str, payload: Any, data: st.DataObject) -> None:
    places = list(numbers(payload))
    assert places
    changes = data.draw(st.dictionaries(st.sampled_from(places), HOSTILE, min_size=1))
    kind = data.draw(st.sampled_from(["generate", "loglikelihood", "loglikelihood_rolling"]))
    spec = ModelSpec("m", name, args={"model": "x", "base_url": "http://127.0.0.1:1"})
    backend = plugins.load("backends", name).Backend(spec, None)
    asked = request(kind if name == "openai_completions" else "generate")
    reply = backend._interpret(asked, _http.Exchange(payload=altered(payload, changes)))
    sound(reply)
    if asked.kind == "generate":  # the text is there, whatever is said of its tokens
        assert reply.error is None


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("prompt_tokens", "completion_tokens"), HOSTILE)),
    st.integers(0, 2),
)
def test_no_number_of_the_embedded_runtime_gets_past_the_border(usage: dict[str, Any], at: int) -> None:
    chunks: list[Any] = [{"choices": [{"text": "4", "finish_reason": None}]}, {"choices": [{"finish_reason": "stop"}]}]
    chunks.insert(at, {"usage": {"prompt_tokens": 3, "completion_tokens": 1} | usage, "choices": []})
    server = llama_cpp._Server.__new__(llama_cpp._Server)
    server._stop = lambda: False  # type: ignore[method-assign]
    server._reasoning = ReasoningSpec()

    class Fake:
        def handle_completions(self, _body: Any, take: Any) -> None:
            for chunk in chunks:
                take(chunk)

    server._server = Fake()
    try:
        fields = server.answer(request())
    except llama_cpp._RequestError:
        return
    sound(Reply(**fields))


@given(st.sampled_from(["loglikelihood", "loglikelihood_rolling"]), HOSTILE, st.booleans())
def test_no_number_of_lm_evals_model_types_gets_past_the_border(kind: str, number: Any, pair: bool) -> None:
    sound(Reply(**lm_eval_model._fields(kind, (number, True) if pair else number)))


@given(HOSTILE, HOSTILE)
def test_usage_and_loglikelihoods_are_bounded_where_they_are_made(tokens: Any, number: Any) -> None:
    usage = Usage(tokens, tokens, tokens, tokens)
    assert usage == Usage(*4 * [count(tokens)])
    reply = Reply(usage=usage, loglikelihood=number)
    assert (reply.loglikelihood is None) == (number is None or reply.error is not None)
    sound(reply)


@given(HOSTILE.map(str) | st.text(), st.sampled_from(["retry-after-ms", "Retry-After", "retryDelay"]))
def test_a_server_asks_for_a_wait_or_for_none(value: str, where: str) -> None:
    payload = {"error": {"details": [{"retryDelay": value}]}} if where == "retryDelay" else None
    asked = _http._retry_after_s({} if payload else {where: value}, payload)
    assert asked is None or 0 <= asked <= _http.WAIT_MOST_S


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000, str(HUGE)])
def test_a_wait_that_is_none_does_not_fail_the_request(value: str) -> None:
    headers = {"Retry-After": value}
    with serving(lambda _b, n: Answer(CHAT) if n > 1 else Answer({"error": {}}, 503, headers)) as server:
        reply = say(server, "openai_chat", connect=ConnectSpec(retries=1))
    assert (reply.text, reply.error, len(reply.attempts)) == ("42", None, 1)


def test_a_count_of_thousands_of_digits_costs_the_count_and_not_the_answer() -> None:
    raw = json.dumps(CHAT).replace('"prompt_tokens": 19', f'"prompt_tokens": {"9" * 6000}').encode()
    with serving(lambda _b, _n: Answer(raw=raw)) as server:
        reply = say(server, "openai_chat", connect=ConnectSpec(retries=0))
    assert (reply.text, reply.usage) == ("42", Usage(None, 10, 0, 8))


def test_a_made_up_count_holds_up_no_request_for_good() -> None:
    gate = _http.Gate(1, ConnectSpec(tokens_per_minute=1000))
    gate.settle(MOST_TOKENS)
    assert gate._next_token <= _http.RETRY_AFTER_MOST_S
    assert (
        _api.ApiBackend._expected_completion(
            type("B", (), {"_replies": 1, "_completion_tokens": MOST_TOKENS})(), request()
        )
        == 20
    )


def test_the_perplexity_of_impossible_texts_is_not_scored() -> None:
    held = [
        (metrics._Sample(i, i, {}, "answered"), metrics._Result(-1e11, unaggregated=False, tier=None)) for i in range(3)
    ]
    found = metrics._corpus(held, lambda parts: math.exp(-sum(parts)))  # type: ignore[arg-type]
    assert found is not None
    assert (found.value, found.low) == (None, None)


# --- answers made elsewhere


@given(HOSTILE, HOSTILE)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_number_of_an_imported_file_ends_the_import(tmp_path: Path, score: Any, number: Any) -> None:
    choice = {"doc_id": 0, "doc_hash": "h", "target": "A", "arguments": [["Q", " A"]], "metrics": ["acc"], "acc": score}
    lines = [choice | {"resps": [[[number, True]], [[-1.0, False]]]}, choice | {"doc_id": 1, "resps": [[["A", 1]]]}]
    for form, name, rows in (
        ("lm_eval", "samples_t_2026-01-01T00.jsonl", lines),
        ("jsonl", "a.jsonl", [{"prompt_id": "1", "output": "x", "score": score}, {"prompt_id": "2", "output": "y"}]),
    ):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        try:
            folder = imports.convert(form, tmp_path / name, tmp_path / "results")
        except imports.ConfigError:
            continue
        runs.read_manifest(folder)
        for values in pl.read_parquet(folder / "samples.parquet")["loglikelihoods"].drop_nulls():
            assert all(value is None or math.isfinite(value) for value in values)


@pytest.mark.parametrize("score", [HUGE, 10**400, 1e308])
def test_scores_that_cannot_be_averaged_are_unscored(tmp_path: Path, score: Any) -> None:
    rows = [{"prompt_id": str(i), "output": "x", "score": score} for i in range(3)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = imports.convert("jsonl", tmp_path / "a.jsonl", tmp_path / "results", columns={"score": "score"})
    (metric,) = runs.read_manifest(folder).metrics
    assert metric.value is None or metric.value == pytest.approx(float(score))


def test_a_run_whose_tokens_an_older_version_summed_past_64_bits_is_indexed(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    said = json.loads((folder / "run.json").read_text())
    said["tokens"]["prompt"] = 3 * 2**62
    (folder / "run.json").write_text(json.dumps(said))
    assert derivation.refresh(tmp_path).problems == ()
    assert store.query(tmp_path, "SELECT prompt_tokens, completion_tokens FROM runs").rows() == [(None, 120)]


# --- the whole way


def made_up(body: dict[str, Any], _n: int = 0) -> Answer:
    number = int(body["messages"][-1]["content"].split()[0])
    usage = {"prompt_tokens": HUGE, "completion_tokens": -7, "total_tokens": 1.5e300}
    details = {"prompt_tokens_details": {"cached_tokens": True}, "completion_tokens_details": {"reasoning_tokens": "9"}}
    return Answer(chat(str(number + 1), usage=usage | details) | {"created": HUGE})


@pytest.fixture
def here(project: Project) -> Iterator[Project]:
    with serving(made_up) as server:
        spec = {"name": "own", "backend": "openai_chat", "args": {"model": "x", "base_url": server.url}}
        (project.root / "conf" / "model" / "own.yaml").write_text(f"# @package models.own\n{json.dumps(spec)}\n")
        yield project


WORDS = ("model=own", "task=sums", "limit=4")
TOKENS = ["prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"]


def test_a_run_finishes_whatever_its_server_counts(here: Project) -> None:
    done = here.run("eval", *WORDS)
    assert "Traceback" not in done.stderr
    (folder,) = here.runs()
    assert runs.read_manifest(folder).counts.answered == 4
    assert pl.read_parquet(folder / "samples.parquet").select(TOKENS).null_count().row(0) == (4, 4, 4, 4)
    assert [found for found in verify(folder) if found.state == "wrong"] == []


def test_an_old_journal_that_holds_such_a_count_is_finished(here: Project) -> None:
    here.run("eval", *WORDS)
    (folder,) = here.runs()
    lines = [json.loads(line) for line in (folder / runs.JOURNAL).read_text().splitlines()]
    for line in lines:  # as versions wrote them that believed every count, before their runs ended in a traceback
        line["reply"]["usage"] = {"prompt_tokens": HUGE, "completion_tokens": 10}
        del line["link"]
    raw = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines[:3]]
    (folder / runs.JOURNAL).write_bytes(b"".join(line for line, _ in proof.linked("", raw)))
    (folder / "samples.parquet").unlink()
    said = runs.read_content(folder) | {"status": "running", "metrics": [], "counts": {}, "tokens": {}}
    (folder / runs.MANIFEST).write_text(json.dumps({k: v for k, v in said.items() if k != proof.KEY}))
    done = here.run("eval", *WORDS)
    assert "3 of 4 requests are answered already" in done.stderr
    frame = pl.read_parquet(folder / "samples.parquet")
    assert frame["prompt_tokens"].to_list() == [None] * 4
    assert frame["completion_tokens"].to_list() == [10, 10, 10, None]
    assert runs.read_manifest(folder).status == "complete"
