"""Batches: the same records as single requests at half the price, nothing twice, whatever is killed or lost."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from api_server import chat, error
from batch_server import BatchServer
from conftest import Project

from harness import runs
from harness.backends import _batches, _http
from harness.cli import config
from harness.errors import BackendError, BudgetError, ConfigError, StorageError
from harness.evaluation import batches
from harness.evaluation.evaluator import FinishedRun, evaluate, preview
from harness.runs import entries

PRICES = "mine: {input: 2.0, cached: 1.0, output: 10.0, as_of: 2026-01-31, source: me}\n"
KEY = "sk-planted/key+0123456789"


def number(text: str) -> int:
    return int(text.split(maxsplit=1)[0])


def openai(body: dict[str, Any]) -> tuple[int, Any]:
    n = number(body["messages"][-1]["content"])
    if n == 3:
        return 400, error("too odd", "invalid_request_error")
    if n == 5:
        return 200, chat(None, refusal="No.")
    if n == 6:
        return 200, chat("7 and", finish="length")
    return 200, chat(str(n + 1), reasoning_content=f"I add one, {KEY}.") | {"id": f"chatcmpl-{n}"}


def responses(body: dict[str, Any]) -> tuple[int, Any]:
    n = number(body["input"][-1]["content"])
    text = {"type": "message", "content": [{"type": "output_text", "text": str(n + 1)}]}
    usage = {"input_tokens": 19, "output_tokens": 10}
    return 200, {"id": f"resp_{n}", "model": "o", "status": "completed", "output": [text], "usage": usage}


def anthropic(body: dict[str, Any]) -> tuple[int, Any]:
    n = number(body["messages"][-1]["content"])
    if n == 3:
        return 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "too odd"}}
    return 200, {
        "id": f"msg_{n}",
        "model": "claude",
        "content": [{"type": "text", "text": str(n + 1)}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 19, "output_tokens": 10},
    }


def gemini(body: dict[str, Any]) -> tuple[int, Any]:
    n = number(body["contents"][-1]["parts"][0]["text"])
    if n == 3:
        return 400, {"error": {"code": 400, "message": "too odd", "status": "INVALID_ARGUMENT"}}
    candidate = {"content": {"parts": [{"text": str(n + 1)}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 19, "candidatesTokenCount": 10}
    return 200, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g", "responseId": f"r{n}"}


def completions(body: dict[str, Any]) -> tuple[int, Any]:
    n = number(body["prompt"])
    if n == 3:
        return 400, error("too odd", "invalid_request_error")
    choice = {"index": 0, "text": str(n + 1), "finish_reason": "stop"}
    usage = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}
    return 200, {"id": f"cmpl-{n}", "object": "text_completion", "model": "base", "choices": [choice], "usage": usage}


PROVIDERS: dict[str, Any] = {
    "openai_chat": openai,
    "openai_completions": completions,
    "openai_responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
}
SAME = (
    *("request_ids", "status", "output", "reasoning", "reasoning_kind", "finish_reason", "served_model", "response_id"),
    *("prompt_tokens", "completion_tokens", "cached_tokens", "request_bodies", "request_sha256", "seed", "messages"),
)
WORDS = ("model=remote", "task=sums", "limit=12")
BATCH = (*WORDS, "batch=true")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", KEY)
    monkeypatch.setattr(_http, "BACKOFF_S", 0.01)
    monkeypatch.setattr(batches, "POLL_S", 0.02)
    monkeypatch.setattr(_batches, "LOOK_S", 0.02)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    (project.root / "conf" / "prices.yaml").write_text(PRICES)
    return project


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, here: Project) -> Iterator[BatchServer]:
    with BatchServer(PROVIDERS[request.param]) as server:
        remote(here, server, request.param, **({"chat": False} if request.param == "openai_completions" else {}))
        yield server


@pytest.fixture
def chats(here: Project) -> Iterator[BatchServer]:
    with BatchServer(openai) as server:
        remote(here, server, "openai_chat")
        yield server


def remote(project: Project, server: BatchServer, backend: str, **over: Any) -> None:
    connect = {"api_key_env": "PLANTED_API_KEY", "retries": 2}
    args = {"model": "x-1", "base_url": server.url}
    spec = {"name": "remote", "backend": backend, "args": args, "connect": connect, "price": "mine"} | over
    (project.root / "conf" / "model" / "remote.yaml").write_text(f"# @package models.remote\n{json.dumps(spec)}\n")


def run(*words: str) -> FinishedRun:
    return evaluate(config.compose(list(words)), quiet=True)


def samples(outcome: FinishedRun) -> pl.DataFrame:
    return pl.read_parquet(runs.samples_path(outcome.run))


def ledger_of(project: Project) -> Path:
    (folder,) = (project.root / "results" / "runs").iterdir()
    return folder / batches.BATCHES


def test_a_batch_makes_the_records_of_single_requests_at_half_the_price(provider: BatchServer) -> None:
    alone = run(*WORDS, "results_dir=alone")
    singles = sum(method == "POST" for method, _ in provider.asked)
    together = run(*BATCH, "results_dir=together")
    assert together.run.name == alone.run.name
    assert sum(provider.given.values()) == 12
    assert set(provider.given.values()) == {1}
    assert sum(method == "POST" for method, _ in provider.asked) <= singles + 2  # a file, and the batch
    one, other = samples(alone), samples(together)
    for name in SAME:
        assert one.get_column(name).to_list() == other.get_column(name).to_list(), name
    assert {batch is None for batch in one.get_column("batch")} == {True}
    assert len(set(other.get_column("batch"))) == 1
    assert None not in other.get_column("batch").to_list()
    assert [error is None for error in one.get_column("error")] == [
        error is None for error in other.get_column("error")
    ]
    assert alone.manifest.counts == together.manifest.counts
    assert together.manifest.cost.tokens == alone.manifest.cost.tokens
    assert together.manifest.cost.usd == pytest.approx((alone.manifest.cost.usd or 0) / 2)
    assert not (together.run / batches.BATCHES).exists()
    assert KEY.encode() not in b"".join(path.read_bytes() for path in together.run.iterdir())


def test_an_answer_that_the_task_begins_is_begun_in_a_batch_too(here: Project) -> None:
    task = (here.root / "tasks" / "sums.yaml").read_text().replace("task: sums", 'task: begun\ngen_prefix: "It is"')
    (here.root / "tasks" / "begun.yaml").write_text(task)
    with BatchServer(completions) as server:
        remote(here, server, "openai_completions", chat=False)
        made = run("model=remote", "task=begun", "limit=4", "batch=true")
        assert all(json.loads(body)["prompt"].endswith(" It is") for body in server.given)
        assert sum(server.given.values()) == 4
    assert samples(made).get_column("error").null_count() == 3
    with BatchServer(openai) as server:
        remote(here, server, "openai_chat")
        with pytest.raises(ConfigError, match=r"begins every answer itself \(gen_prefix\)"):
            run("model=remote", "task=begun", "limit=4", "batch=true")
        assert server.asked == []


def killed_at(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed right before an event is on the disk."""
    write = batches.Ledger.write

    def stop(self: batches.Ledger, what: str, mark: str, **more: Any) -> None:
        if what == event:
            raise KeyboardInterrupt
        write(self, what, mark, **more)

    with monkeypatch.context() as patch:
        patch.setattr(batches.Ledger, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            run(*BATCH)


@pytest.mark.parametrize("event", ["planned", "submitted", "done"])
def test_a_kill_at_any_step_submits_nothing_twice(
    event: str, provider: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(event, monkeypatch)
    assert len(provider.batches) == (0 if event == "planned" else 1)
    outcome = run(*BATCH)
    assert len(provider.batches) == 1
    assert set(provider.given.values()) == {1}
    frame = samples(outcome)
    assert frame.filter(pl.col("status") != "failed").height >= 11
    ids = [entry.id for entry in entries(outcome.run / runs.JOURNAL) if entry.reply.error is None]
    assert len(ids) == len(set(ids)), "an answer is in the journal twice"


@pytest.mark.slow
def test_a_batch_that_the_provider_never_had_is_submitted_again(
    provider: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill came between the intent and the call."""
    killed_at("submitted", monkeypatch)
    provider.batches.clear()
    provider.given.clear()
    assert samples(run(*BATCH)).height == 12
    assert len(provider.batches) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "after"])
def test_an_answer_to_a_submission_that_is_lost_submits_nothing_twice(how: str, provider: BatchServer) -> None:
    provider.lose = [how]
    assert samples(run(*BATCH)).height == 12
    assert len(provider.batches) == 1
    assert set(provider.given.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("torn", ["", '{"event":"submi'])
def test_killed_for_real_while_it_waits_it_goes_on_by_the_batchs_id(
    torn: str, chats: BatchServer, here: Project
) -> None:
    chats.release = False
    with here.start("eval", *BATCH) as process:
        for _ in range(600):
            if chats.batches and any(method == "GET" for method, _ in chats.asked):
                break
            time.sleep(0.05)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with ledger_of(here).open("a") as file:
        file.write(torn)
    chats.release = True
    before = len(chats.asked)
    outcome = run(*BATCH)
    assert len(chats.batches) == 1
    assert not any(path == "/batches?limit=100" for _, path in chats.asked[before:]), "its id was known"
    assert samples(outcome).filter(pl.col("status") == "failed").height == 1


def test_what_a_batch_did_not_answer_is_asked_again_alone(chats: BatchServer) -> None:
    chats.skipped = {body for body in _bodies(chats) if "say" not in body and '"2 + 1 = "' in body}
    first = run(*BATCH)
    assert samples(first).filter(pl.col("doc_id") == 2).item(0, "error") is not None
    chats.skipped = set()
    again = run(*BATCH)
    assert len(chats.batches) == 2
    assert sorted(map(len, (batch["requests"] for batch in chats.batches.values()))) == [2, 12]
    assert samples(again).filter(pl.col("doc_id") == 2).item(0, "output") == "3"


def _bodies(server: BatchServer) -> set[str]:
    """What a run will send, as a first run into another folder sends it."""
    run(*BATCH, "results_dir=scout")
    server.batches.clear()
    found = set(server.given)
    server.given.clear()
    return found


@pytest.mark.slow
def test_large_runs_go_in_several_batches(chats: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batches.BatchBackend, "batch_requests", 5)
    outcome = run(*BATCH)
    assert [len(batch["requests"]) for batch in chats.batches.values()] == [5, 5, 2]
    assert samples(outcome).get_column("batch").n_unique() == 3
    assert set(chats.given.values()) == {1}


def test_a_budget_holds_for_batches(chats: BatchServer) -> None:
    with pytest.raises(BudgetError, match="the budget is used up"):
        run(*BATCH, "budget.tokens=200")
    first, *_ = chats.batches.values()
    assert 0 < len(first["requests"]) < 12
    assert 0 < sum(chats.given.values()) * 29 <= 200
    run(*BATCH)
    twice = [body for body, times in chats.given.items() if times > 1]
    assert all("3 + 1" in body for body in twice), "what failed alone is asked again"


@pytest.mark.slow
def test_a_refused_batch_ends_the_run_with_its_reason_and_is_made_anew(chats: BatchServer) -> None:
    chats.refuse = "the model x-1 is not for batches"
    with pytest.raises(
        BackendError, match=r"batch batch_0 of 12 requests was refused: the model x-1 is not for batches"
    ):
        run(*BATCH)
    chats.refuse = None
    assert samples(run(*BATCH)).height == 12


def test_a_server_without_batches_is_named(here: Project) -> None:
    with BatchServer(openai) as server:
        remote(here, server, "openai_chat", args={"model": "x-1", "base_url": f"{server.url}/other"})
        with pytest.raises(BackendError, match=r"takes no file for a batch.*Without batch=true"):
            run(*BATCH)


@pytest.mark.parametrize(("words", "why"), [(("task=sums_choice",), "generations alone"), ((), None)])
def test_what_cannot_go_in_batches_is_refused_by_name(
    words: tuple[str, ...], why: str | None, chats: BatchServer
) -> None:
    if why is None:
        assert preview(config.compose([*BATCH]))[1][0]["to_send"] == 12
        return
    with pytest.raises((ConfigError, BackendError), match=why):
        preview(config.compose(["model=remote", *words, "batch=true", "models.remote.backend=openai_completions"]))


def test_a_dry_run_tells_half_the_price(chats: BatchServer) -> None:
    whole = preview(config.compose([*WORDS]))[1][0]["usd_at_most"]
    assert preview(config.compose([*BATCH]))[1][0]["usd_at_most"] == pytest.approx(whole / 2, abs=1e-4)


def test_a_damaged_ledger_is_named(chats: BatchServer, here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at("done", monkeypatch)
    path = ledger_of(here)
    path.write_text("[]\n" + path.read_text())
    with pytest.raises(StorageError, match=r"batches.jsonl: line 1 is damaged"):
        run(*BATCH)


@pytest.mark.parametrize(
    "line", [b"[]", b"{", b"\xff", b'{"custom_id": 5, "response": []}', b'{"response": {"status_code": 200}}']
)
def test_hostile_lines_of_results_take_no_answer_from_the_others(line: bytes, chats: BatchServer) -> None:
    shown = chats._shown

    def hostile(batch: dict[str, Any]) -> dict[str, Any]:
        said = shown(batch)
        name = said.get("output_file_id")
        if name:
            chats.files[name] = line + b"\n" + chats.files[name]
        return said

    chats._shown = hostile  # type: ignore[method-assign]
    assert samples(run(*BATCH)).filter(pl.col("status") == "failed").height == 1


@pytest.mark.parametrize("first", [True, False], ids=["errors behind answers", "errors before answers"])
def test_of_two_results_of_one_name_an_answer_counts(first: bool, chats: BatchServer) -> None:
    """The last one counted: an error behind an answer took it away, and it was asked for and paid again."""
    shown = chats._shown

    def twice(batch: dict[str, Any]) -> dict[str, Any]:
        said = shown(batch)
        if name := said.get("output_file_id"):
            lines = chats.files[name].splitlines()
            wrong = [
                json.dumps({"custom_id": json.loads(line)["custom_id"], "response": None, "error": {"message": "late"}})
                for line in lines
            ]
            other = [line.replace(b"I add one", b"I add two") for line in lines]
            strange = [b'{"custom_id": "0-elsewhere", "response": {"status_code": 200, "body": {}}}']
            errors = [line.encode() for line in wrong]
            order = [*lines, *other, *errors] if first else [*errors, *lines, *other]
            chats.files[name] = b"\n".join([*order, *strange])
        return said

    chats._shown = twice  # type: ignore[method-assign]
    rows = samples(run(*BATCH))
    assert rows.filter(pl.col("status") == "failed").height == 1
    assert not [text for text in rows.get_column("reasoning").to_list() if text and "two" in text]


def test_a_batch_that_expired_keeps_what_it_answered_and_asks_the_rest_again(chats: BatchServer) -> None:
    shown = chats._shown

    def expired(batch: dict[str, Any]) -> dict[str, Any]:
        said = shown(batch)
        if name := said.get("output_file_id"):
            said["status"] = "expired"
            chats.files[name] = b"\n".join(chats.files[name].splitlines()[:4])
        return said

    chats._shown = expired  # type: ignore[method-assign]
    assert samples(run(*BATCH)).filter(pl.col("status") != "failed").height == 4
    chats._shown = shown  # type: ignore[method-assign]
    assert samples(run(*BATCH)).filter(pl.col("status") == "failed").height == 1
    assert [len(batch["requests"]) for batch in chats.batches.values()] == [12, 8]
