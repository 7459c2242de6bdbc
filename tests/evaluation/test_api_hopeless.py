"""What no other request will change ends the run at once, is named with its count and its fix, and loses nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from api_server import Answer, chat, error, serving
from conftest import Project
from test_api_faults import KEY, echo, model, remote, requests, run

from harness import runs
from harness.backends import _http
from harness.errors import BackendError
from harness.runs.journal import entries

FEW = 5
"""Requests behind the slots."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", KEY)
    monkeypatch.setattr(_http, "BACKOFF_S", 0.005)


def google(message: str, quota: str) -> dict[str, Any]:
    """https://ai.google.dev/gemini-api/docs/rate-limits; https://cloud.google.com/apis/design/errors#error_payloads."""
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}
    return {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": [failure, retry]}}


LENGTH = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
QUOTA = "You exceeded your current quota, please check your plan and billing details."
HEAT = "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported."
HOPELESS: dict[str, tuple[int, Any, str]] = {
    "length": (
        400,
        error(LENGTH, "invalid_request_error", "unsupported_parameter"),
        "length_field=max_completion_tokens",
    ),
    "sampling": (400, error(HEAT, "invalid_request_error", "unsupported_value"), "args.omit"),
    "credit": (400, error(CREDIT, "invalid_request_error"), "balance"),
    "quota": (429, error(QUOTA, "insufficient_quota", "insufficient_quota"), "balance"),
    "quota as a type": (429, error(QUOTA, "insufficient_quota", "429"), "balance"),
    "day": (429, google(QUOTA, "GenerateRequestsPerDayPerProjectPerModel-FreeTier"), "no quota left for today"),
    "day in words": (429, error("Rate limit reached on requests per day (RPD): Limit 200", "requests"), "today"),
    "key": (400, {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}, "key"),
    "model": (400, error("no/such is not a valid model ID", "x", "400"), "args.model"),
    "system": (400, error("Developer instruction is not enabled for models/gemma-3-27b-it", "x"), "fold_system"),
    "unknown": (422, error("Extra inputs are not permitted (request req_0123abcd)", "x"), "Put it right"),
}


@pytest.mark.parametrize("parallel", [1, 16])
@pytest.mark.parametrize("name", HOPELESS)
def test_a_hopeless_request_ends_the_run_with_its_error_its_count_and_its_fix(
    name: str, parallel: int, tmp_path: Path
) -> None:
    status, payload, fix = HOPELESS[name]
    with serving(lambda _body, _n: Answer(payload, status)) as server:
        with pytest.raises(BackendError) as raised:
            run(model(server.url, parallel=parallel), requests(200), tmp_path)
        assert len(server.asked) <= parallel + FEW
    said = str(raised.value)
    assert fix in said
    assert f"HTTP {status}" in said
    assert "tries in a row failed" in said
    assert json.dumps(payload["error"]["message"])[1:30] in json.dumps(said)


def test_errors_that_differ_by_an_id_alone_are_alike(tmp_path: Path) -> None:
    with serving(lambda _body, n: Answer(error(f"no such field (request req_{n:08x}ab)", "x"), 400)) as server:
        with pytest.raises(BackendError, match="answers no request"):
            run(model(server.url, parallel=1), requests(200), tmp_path)
        assert len(server.asked) == _http.ALIKE


def test_a_quota_a_minute_is_waited_for(tmp_path: Path) -> None:
    """Google says "current quota" of both."""
    minute = google(QUOTA, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
    with serving(lambda body, n: Answer(minute, 429) if n < 4 else echo(body)) as server:
        replies, _ = run(model(server.url, parallel=1), requests(10), tmp_path)
    assert not any(reply.error for reply in replies.values())


def test_once_something_was_answered_a_request_that_is_refused_is_its_own_matter(tmp_path: Path) -> None:
    refused = error("this content is odd", "invalid_request_error")
    with serving(lambda body, n: echo(body) if n == 1 else Answer(refused, 400)) as server:
        replies, _ = run(model(server.url, parallel=1), requests(30), tmp_path)
    assert sum(reply.error is None for reply in replies.values()) == 1
    assert len(replies) == 30


def test_an_account_that_runs_dry_in_the_middle_ends_the_run_and_it_goes_on_when_it_is_filled(tmp_path: Path) -> None:
    dry = [True]

    def behave(body: dict[str, Any], n: int) -> Answer:
        return Answer(error(CREDIT, "invalid_request_error"), 400) if dry[0] and n > 20 else echo(body)

    with serving(behave) as server:
        with pytest.raises(BackendError, match=r"wants to be paid first.*balance.*what was answered is kept"):
            run(model(server.url, parallel=4), requests(100), tmp_path)
        held = [entry for entry in entries(tmp_path / runs.JOURNAL) if entry.reply.error is None]
        assert len(held) == 20
        assert len(server.asked) <= 20 + 4 + FEW
        dry[0] = False
        before = len(server.asked)
        pending = {entry.id for entry in entries(tmp_path / runs.JOURNAL)}
        replies, _ = run(model(server.url, parallel=4), requests(100), tmp_path)
        assert len(server.asked) - before == 100 - len(pending)
    assert sum(reply.error is None for reply in replies.values()) >= 80


def test_a_model_that_only_streams_does_not_count_as_hopeless(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], _n: int) -> Answer:
        if body.get("stream"):
            return Answer(chat("42"))
        return Answer(error("This model only support stream mode", "x"), 400)

    with serving(behave) as server:
        replies, facts = run(model(server.url, parallel=16), requests(50), tmp_path)
        assert len(server.asked) <= 50 + 16
    assert {reply.text for reply in replies.values()} == {"42"}
    assert facts["streamed"] is True


def test_a_server_that_wants_a_stream_whatever_it_is_asked_ends_the_run_too(tmp_path: Path) -> None:
    with serving(lambda _body, _n: Answer(error("This model only support stream mode", "x"), 400)) as server:
        with pytest.raises(BackendError, match="only support stream mode"):
            run(model(server.url, parallel=1), requests(50), tmp_path)
        assert len(server.asked) <= 1 + FEW + 1


def test_the_closing_screen_names_the_most_frequent_error(project: Project) -> None:
    def behave(body: dict[str, Any], n: int) -> Answer:
        number = int(body["messages"][-1]["content"].split()[0])
        if n == 1:
            return Answer(chat("1"))
        return Answer(error("too odd" if number % 3 else "too even", "x"), 400)

    with serving(behave) as server:
        remote(project, server, parallel=1)
        done = project.run("eval", "model=remote", "task=sums", "limit=10", code=9)
    assert "9 samples failed and are unscored, 6 of them with: HTTP 400: too odd (x)" in done.stderr


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["quota", "credit", "day in words"])
def test_a_hopeless_error_in_an_answer_of_status_200_ends_the_run_too(name: str, stream: bool, tmp_path: Path) -> None:
    """A gateway's: it was taken for a server that fails now and then, and asked nine times per request."""
    said = HOPELESS[name][1]["error"] | {"code": "unknown"}
    answer = Answer(events=[{"error": said}]) if stream else Answer({"error": said})
    with serving(lambda _body, _n: answer) as server:
        with pytest.raises(BackendError) as raised:
            run(model(server.url, parallel=4), requests(200), tmp_path)
        assert len(server.asked) <= 4 + FEW
    assert HOPELESS[name][2] in str(raised.value)
