"""Servers fail in every way they can; nothing is lost, paid twice, scored as wrong, or told to anyone."""

import base64
import json
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from api_server import Answer, Behaviour, Server, chat, error, serving
from conftest import Project

from harness import runs
from harness.backends import _http
from harness.core import plugins
from harness.core.progress import RunProgress
from harness.errors import BackendError, BudgetError, ConfigError
from harness.evaluation.budget import Budget
from harness.evaluation.dispatch import ask
from harness.evaluation.planning import ModelPlan
from harness.records import Decoding, Reply, Request
from harness.runs.journal import Journal, entries
from harness.specs import BudgetSpec, ConnectSpec, ModelSpec

KEY = "sk-planted/key+0123456789"
N = 500


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a hundred times shorter, so that a test of nine tries takes a second."""
    monkeypatch.setenv("PLANTED_API_KEY", KEY)
    monkeypatch.setattr(_http, "BACKOFF_S", 0.005)


def requests(n: int = N) -> list[Request]:
    decoding = Decoding(max_tokens=10, temperature=0.0)
    said = [({"role": "user", "content": f"say {i}"},) for i in range(n)]
    return [Request(f"id{i}", "m", "t", i, 0, 0, "generate", said[i], None, None, decoding, 7) for i in range(n)]


def model(url: str, *, parallel: int = 16, **connect: Any) -> ModelSpec:
    connect = {"api_key_env": "PLANTED_API_KEY", "timeout_s": 20.0} | connect
    args = {"model": "x-1", "base_url": url}
    return ModelSpec("m", "openai_chat", args=args, connect=ConnectSpec(**connect), parallel=parallel)


def run(
    spec: ModelSpec, wanted: list[Request], folder: Path, budget: BudgetSpec | None = None, prices: Any = None
) -> tuple[dict[str, Reply], dict[str, Any]]:
    """Ask as an evaluation does; what the journal on the disk holds afterwards, and the backend's facts."""
    plan = ModelPlan(spec, {}, None, None, (), spec, True)
    journal = Journal(folder / runs.JOURNAL)
    pending = [request for request in wanted if request.id not in journal.replies]
    purse = Budget(budget or BudgetSpec(), prices or {"m": None})
    for request in wanted:
        if request.id in journal.replies:
            purse.count(request, journal.replies[request.id])
    try:
        backend = plugins.load("backends", spec.backend).Backend(spec, None)
        with RunProgress(quiet=True) as progress:
            said = ask(plan, backend, iter(pending), len(pending), journal, progress, purse)
    finally:
        journal.close()
    return {entry.id: entry.reply for entry in entries(folder / runs.JOURNAL)}, said.facts


def echo(body: dict[str, Any], _n: int = 0) -> Answer:
    return Answer(chat(body["messages"][-1]["content"].removeprefix("say ")))


# --- the fault matrix

GARBAGE = [b"<html>Bad gateway</html>", b"", b"{", b"\xff\xfe", b"[" * 100_000]
FAULTS: dict[str, Any] = {
    "429": lambda draw: Answer(error("slow down", "requests", "rate_limit_exceeded"), 429),
    "500": lambda draw: Answer(error("oops", "server_error"), draw.choice([500, 502, 503, 504, 529])),
    "drop": lambda draw: Answer(fault="drop"),
    "garbage": lambda draw: Answer(raw=draw.choice(GARBAGE)),
    "truncated": lambda draw: Answer(chat("x" * 4000), fault="truncate"),
    "hang": lambda draw: Answer(fault="hang"),
}


def breaking(kinds: list[str], share: float) -> Behaviour:
    draw = random.Random(20_261_122)

    def behave(body: dict[str, Any], n: int) -> Answer:
        return FAULTS[draw.choice(kinds)](draw) if draw.random() < share else echo(body, n)

    return behave


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("kinds", [[name] for name in FAULTS] + [list(FAULTS)], ids="+".join)
@pytest.mark.slow
def test_a_run_of_500_ends_with_every_answer_right_or_named_as_failed(
    kinds: list[str], share: float, tmp_path: Path
) -> None:
    timeout = 1.5 if "hang" in kinds else 20.0  # no answer of a loaded machine takes so long
    with serving(breaking(kinds, share)) as server:
        replies, _ = run(model(server.url, parallel=64, timeout_s=timeout), requests(), tmp_path)
        asked = Counter(body["messages"][-1]["content"].replace("say ", "id") for _, _, body in server.asked)
    assert len(replies) == N
    failed = {id_: reply for id_, reply in replies.items() if reply.error is not None}
    for id_, reply in replies.items():
        assert (reply.text is None) == (id_ in failed)
        if id_ not in failed:
            assert reply.text == id_.removeprefix("id")
    for reply in failed.values():
        assert reply.error
        assert reply.attempts
    # Every try is on record: what the server counted is what the journal says.
    assert asked == {id_: 1 + len(reply.attempts) for id_, reply in replies.items()}
    # Nine tries; three where the tries time out, since a timed-out one may have been paid for.
    expected = share ** (3 if kinds == ["hang"] else 9)
    assert len(failed) <= N * expected * 3 + (15 if len(kinds) > 1 else 5)


def test_what_failed_is_asked_again_and_only_that(tmp_path: Path) -> None:
    broken = {"say 3", "say 7"}

    def behave(body: dict[str, Any], n: int) -> Answer:
        return (
            Answer(error("no", "invalid_request_error"), 400)
            if body["messages"][-1]["content"] in broken
            else echo(body, n)
        )

    with serving(behave) as server:
        replies, _ = run(model(server.url), requests(20), tmp_path)
        assert sorted(id_ for id_, reply in replies.items() if reply.error) == ["id3", "id7"]
        assert len(server.asked) == 20


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451, 301])
def test_no_other_status_is_tried_again(status: int, tmp_path: Path) -> None:
    with serving(lambda _body, _n: Answer(error("no", "x"), status, {"Location": "http://127.0.0.1:9/"})) as server:
        replies, _ = run(model(server.url, parallel=1), requests(3), tmp_path)
        assert len(server.asked) == 3
    assert all(f"HTTP {status}" in (reply.error or "") and not reply.attempts for reply in replies.values())


@pytest.mark.parametrize("status", [408, 409])
def test_a_server_that_was_too_slow_or_busy_with_it_is_asked_again(status: int, tmp_path: Path) -> None:
    with serving(lambda body, n: Answer(error("later", "x"), status) if n < 3 else echo(body)) as server:
        replies, _ = run(model(server.url, parallel=1), requests(1), tmp_path)
    assert replies["id0"].text == "0"
    assert [attempt.status for attempt in replies["id0"].attempts] == [status, status]


def test_retries_are_bounded_and_recorded(tmp_path: Path) -> None:
    with serving(
        lambda _body, n: Answer(error("no", "x"), 500) if n > 1 else echo({"messages": [{"content": "0"}]})
    ) as server:
        replies, _ = run(model(server.url, parallel=1, retries=3), requests(2), tmp_path)
    assert [len(reply.attempts) for reply in replies.values()] == [0, 3]
    attempt = replies["id1"].attempts[0]
    assert (attempt.status, attempt.error) == (500, "HTTP 500: no (x)")
    assert attempt.at.endswith("Z")


@pytest.mark.parametrize("how", ["seconds", "ms", "date", "google"])
def test_retry_after_is_honoured(how: str, tmp_path: Path) -> None:
    times: list[float] = []

    def behave(body: dict[str, Any], n: int) -> Answer:
        times.append(time.time())
        if n > 1:
            return echo(body)
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        headers = {"seconds": {"Retry-After": "1"}, "ms": {"retry-after-ms": "1000"}, "date": {"Retry-After": date}}
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}] if how == "google" else []
        return Answer({"error": {"code": 429, "message": "slow", "details": details}}, 429, headers.get(how, {}))

    with serving(behave) as server:
        run(model(server.url, parallel=1), requests(2), tmp_path)
    assert times[1] - times[0] >= 0.95


def test_a_wait_of_hours_fails_the_request_instead(tmp_path: Path) -> None:
    with serving(lambda _body, _n: Answer(error("slow", "x"), 429, {"Retry-After": "7200"})) as server:
        replies, _ = run(model(server.url), requests(1), tmp_path)
    assert "7200" in (replies["id0"].error or "")


# --- concurrency and limits


def test_concurrency_falls_with_429s_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits with each answer until all that may be in flight are: a slow machine is as full as a quick one."""
    gates: list[_http.Gate] = []

    class Watched(_http.Gate):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            gates.append(self)

    monkeypatch.setattr(_http, "Gate", Watched)
    total, seen = 700, []

    def full() -> bool:
        if server.flying < min(int(gates[0]._limit), total - len(seen)):
            return False
        seen.append(server.flying)
        return True

    def behave(body: dict[str, Any], n: int) -> Answer:
        if 150 < n < 450 and server.flying > 8:
            return Answer(error("slow", "x"), 429)
        return Answer(echo(body).payload, until=full)

    with serving(behave) as server:
        replies, facts = run(model(server.url, parallel=64, retries=30), requests(total), tmp_path)
    assert not any(reply.error for reply in replies.values())
    assert facts["parallel"]["lowest"] <= 16
    assert seen[0] == 64
    assert max(seen[-200:]) > 32


def test_no_more_than_parallel_are_in_flight(tmp_path: Path) -> None:
    with serving(lambda body, n: Answer(echo(body).payload, delay=0.01)) as server:
        run(model(server.url, parallel=7), requests(100), tmp_path)
        assert server.most_flying == 7


def test_requests_per_minute_are_kept(tmp_path: Path) -> None:
    with serving(echo) as server:
        started = time.monotonic()
        run(model(server.url, requests_per_minute=1200), requests(41), tmp_path)
        assert time.monotonic() - started >= 40 * 60 / 1200 * 0.98


def test_tokens_per_minute_are_kept_by_what_the_server_counts(tmp_path: Path) -> None:
    with serving(echo) as server:  # 29 tokens each, says its usage
        started = time.monotonic()
        run(model(server.url, tokens_per_minute=29 * 1200, parallel=4), requests(60), tmp_path)
        assert time.monotonic() - started >= 50 * 60 / 1200


# --- the breaker


def test_a_server_that_is_not_there_stops_the_run_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http, "BACKOFF_S", 0.5)
    with serving(echo) as server:
        url = server.url
    for parallel in (1, 64):
        started = time.monotonic()
        with pytest.raises(BackendError, match=r"cannot connect.*same command again"):
            run(model(url, parallel=parallel), requests(), tmp_path)
        assert time.monotonic() - started < 60  # a few seconds; without a breaker it would be many minutes


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the key in PLANTED_API_KEY"),
        (402, "wants to be paid first"),
        (404, "knows no such address or model"),
    ],
)
def test_a_refused_key_an_empty_account_and_a_wrong_model_stop_the_run_at_once_and_are_told_apart(
    status: int, words: str, tmp_path: Path
) -> None:
    with serving(lambda _body, _n: Answer(error("no", "x"), status)) as server:
        with pytest.raises(BackendError, match=f"{words}; .*HTTP {status}"):
            run(model(server.url, parallel=4), requests(), tmp_path)
        assert len(server.asked) < 12


@pytest.mark.parametrize(("variable", "words"), [("PLANTED_API_KEY", "in PLANTED_API_KEY"), (None, ": .* names none")])
def test_a_refused_key_is_named_by_its_variable_alone(variable: str | None, words: str, tmp_path: Path) -> None:
    with (
        serving(lambda _body, _n: Answer(error(f"no such key: {KEY}", "x"), 401)) as server,
        pytest.raises(BackendError, match=f"refuses the key ?{words}; ") as raised,
    ):
        run(model(server.url, api_key_env=variable), requests(), tmp_path)
    assert (KEY in str(raised.value)) == (variable is None)  # of a key it was not given it can know nothing


def test_a_server_that_only_fails_stops_the_run(tmp_path: Path) -> None:
    with serving(lambda _body, _n: Answer(error("no", "x"), 500)) as server:
        started = time.monotonic()
        with pytest.raises(BackendError, match="HTTP 500"):
            run(model(server.url, parallel=8), requests(100_000), tmp_path)
        assert time.monotonic() - started < 60  # a few seconds; without a breaker it would be many minutes


def test_requests_that_are_refused_one_by_one_do_not_open_the_breaker(tmp_path: Path) -> None:
    with serving(lambda _body, _n: Answer(error("too long", "x", "context_length_exceeded"), 400)) as server:
        replies, _ = run(model(server.url), requests(), tmp_path)
    assert len(replies) == N


# --- the budget


def test_a_budget_of_tokens_is_never_exceeded_and_the_run_goes_on_when_it_is_raised(tmp_path: Path) -> None:
    with serving(echo) as server:  # 29 tokens each
        with pytest.raises(BudgetError, match="the budget is used up"):
            run(model(server.url, parallel=32), requests(200), tmp_path, BudgetSpec(tokens=2000))
        first = len(server.asked)
        assert 2000 - 200 < first * 29 <= 2000
        with pytest.raises(BudgetError):
            run(model(server.url, parallel=32), requests(200), tmp_path, BudgetSpec(tokens=2000))
        assert len(server.asked) <= first + 1
        replies, _ = run(model(server.url, parallel=32), requests(200), tmp_path, BudgetSpec(tokens=20_000))
        assert len(replies) == 200
        assert len(server.asked) == 200


def test_a_budget_in_dollars_needs_a_price(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the price of m is not known"):
        Budget(BudgetSpec(usd=1.0), {"m": None})


# --- no key anywhere


def _bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _telling(body: dict[str, Any], n: int) -> Answer:
    """A server that repeats the key in answers, errors, headers and ids."""
    leak = f"your key is {KEY} and again {json.dumps(KEY)}"
    turn = n % 5
    if turn == 0:
        return Answer(chat(leak, reasoning_content=leak) | {"id": KEY, "model": KEY, "system_fingerprint": KEY})
    if turn == 1:
        return Answer(error(f"Incorrect API key provided: {KEY}", "invalid_request_error", "x"), 400)
    if turn == 2:
        return Answer(raw=f"<html>{KEY}</html>".encode(), status=500 if n < 20 else 400)
    if turn == 3:
        return Answer(raw=json.dumps(chat(leak)).replace("/", "\\/").encode())
    return Answer({"detail": leak}, 422, {"x-request-id": KEY})


@pytest.mark.slow
def test_a_planted_key_is_in_no_byte_that_is_written_or_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", KEY)
    with serving(_telling) as server:
        remote(project, server, parallel=2)
        done = project.run("eval", "model=remote", "task=sums", "+models.remote.connect.retries=2", code=9)
        assert len(server.asked) > 30
        assert server.asked[0][1]["Authorization"] == f"Bearer {KEY}"
        name = project.runs()[0].name
        more = [project.run("show", name, *flag, code=None) for flag in ((), ("--failed",), ("--samples",))]
        more.append(project.run("eval", "model=remote", "task=sums", "--cfg", "job"))
        more.append(project.run("eval", "model=remote", "task=sums", "--dry-run"))
        crash = TASK.replace("many", "crash").replace('"{{question}}"', "!function crash.text", 1)
        (project.root / "tasks" / "crash.yaml").write_text(crash)
        (project.root / "tasks" / "crash.py").write_text(
            "from harness.taskdata import splits\n\n\ndef load(**_):\n    return splits([{'question': 'x'}])\n\n\n"
            "seen = []\n\n\ndef text(doc):\n    seen.append(1)\n    return 'x' if len(seen) < 2 else seen[9]\n"
        )
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        more.append(project.run("eval", "model=remote", "task=crash", code=1))
        assert "Traceback" in more[-1].stderr  # a bug keeps it, without what its variables held
        monkeypatch.delenv("HYDRA_FULL_ERROR")
        more.append(project.run("sql", "SELECT * FROM samples", "--format", "json"))
    mistakes = (
        (f"models.remote.connect.api_key_env={KEY}",),
        ("models.remote.connect.api_key_env=SKPLANTED", "limit=1"),
        (f"+models.remote.args.api_key={KEY}",),
        (f"+models.remote.args.headers.Authorization=Bearer {KEY}",),
        (f"models.remote.args.base_url=http://user:{KEY}@127.0.0.1/v1",),
    )
    for words in mistakes:
        done_wrong = project.run("eval", "model=remote", "task=sums", *words, code=None)
        assert done_wrong.returncode in (2, 4), done_wrong.stderr
        assert "Traceback" not in done_wrong.stderr
        more.append(done_wrong)
    said = "".join(one.stdout + one.stderr for one in [done, *more])
    for spelling in {KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/")}:
        assert spelling not in said
        assert spelling.encode() not in _bytes_under(project.root / "results")


def test_a_key_survives_no_print_no_traceback_and_no_pickle() -> None:
    secret = _http.key("m", ConnectSpec(api_key_env="PLANTED_API_KEY"))
    assert secret is not None
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == KEY


@pytest.mark.parametrize("value", ["a\nb", "naïve-key-0123", "tab\tkey-01234"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", value)
    with pytest.raises(BackendError) as caught:
        _http.key("m", ConnectSpec(api_key_env="PLANTED_API_KEY"))
    assert value not in str(caught.value)


# --- kill -9


def remote(
    project: Project, server: Server, *, parallel: int, name: str = "remote", backend: str = "openai_chat", **args: Any
) -> None:
    """A model of the project's that is behind the server."""
    config = {
        "name": name,
        "backend": backend,
        "args": {"model": "x-1", "base_url": server.url} | args,
        "connect": {"api_key_env": "PLANTED_API_KEY"},
        "parallel": parallel,
    }
    path = project.root / "conf" / "model" / f"{name}.yaml"
    path.write_text(f"# @package models.{name}\n{json.dumps(config)}\n")


TASK = """\
task: many
custom_dataset: !function many.load
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{question}}"
generation_kwargs: {until: [], max_gen_toks: 10}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0, kind: other, headline: exact_match}
"""


@pytest.mark.slow
def test_killed_at_concurrency_64_no_answer_is_lost_and_at_most_what_was_in_flight_is_asked_again(
    project: Project,
) -> None:
    """The command as a user starts it, killed at random moments while it asks; repeats are counted by the server.

    Three kills; `benchmarks/api_kills.py` does twenty, beside Inspect AI.
    """
    draw = random.Random(20_261_122)
    n, kills = 2_000, 3
    (project.root / "tasks" / "many.yaml").write_text(TASK)
    (project.root / "tasks" / "many.py").write_text(
        "from harness.taskdata import splits\n\n\ndef load(**_):\n"
        f"    return splits({{'question': f'say {{i}}'}} for i in range({n}))\n"
    )
    words = ("eval", "model=remote", "task=many")
    repeats: list[int] = []
    durable: set[str] = set()
    with serving(lambda body, _n: Answer(echo(body).payload, delay=0.05)) as server:
        remote(project, server, parallel=64)
        while len(repeats) < kills:
            before = len(server.asked)
            with project.start(*words) as process:
                while len(server.asked) < before + 64 and process.poll() is None:
                    time.sleep(0.002)
                time.sleep(draw.uniform(0.0, 0.3))
                process.kill()
            assert process.returncode == -signal.SIGKILL
            (run_folder,) = project.runs()
            held = {entry.id for entry in entries(run_folder / runs.JOURNAL)}
            assert durable <= held, "an answer was lost"
            repeats.append(len(server.asked) - before - len(held - durable))
            durable = held
        project.run(*words)
        asked = Counter(body["messages"][-1]["content"] for _, _, body in server.asked)
    assert len(asked) == n
    assert sum(asked.values()) == n + sum(repeats)
    ids = [entry.id for entry in entries(run_folder / runs.JOURNAL)]
    assert len(ids) == len(set(ids)) == n, "an answer that was on the disk was asked for again"
    assert 0 < max(repeats) <= 64


# --- a key in other spellings

SPELLINGS: dict[str, str] = {
    "plain": KEY,
    "JSON": "".join(f"\\u{ord(char):04x}" for char in KEY),
    "JSON, in capitals": "".join(f"\\u{ord(char):04X}" for char in KEY),
    "JSON, here and there": "".join(char if i % 2 else f"\\u{ord(char):04x}" for i, char in enumerate(KEY)),
    "JSON in JSON": "".join(f"\\\\u{ord(char):04x}" for char in KEY),
    "a URL": "".join(f"%{ord(char):02X}" for char in KEY),
    "a URL, where it must": KEY.replace("/", "%2f").replace("+", "%2B"),
    "a URL in a URL": KEY.replace("/", "%252F").replace("+", "%252b"),
    "HTML": "".join(f"&#{ord(char)};" for char in KEY),
    "HTML, in hex": "".join(f"&#x{ord(char):x};" for char in KEY),
    "Python": "".join(f"\\x{ord(char):02x}" for char in KEY),
    "escaped slashes": KEY.replace("/", "\\/"),
    "Base64": base64.b64encode(KEY.encode()).decode(),
    "Basic": base64.b64encode(f"user:{KEY}@host".encode()).decode(),
    "Base64 in a URL": base64.urlsafe_b64encode(f"x{KEY}".encode()).decode().replace("=", "%3D"),
    "hex": KEY.encode().hex(),
    "in capitals": KEY.upper(),
    "backwards": KEY[::-1],
}

AS_JSON = {
    "plain",
    "JSON",
    "JSON, in capitals",
    "JSON, here and there",
    "escaped slashes",
    "Base64",
    "hex",
    "backwards",
}
"""Those that decoding makes plain, or leaves as they are."""


def _echoing(spelling: str, raw: bool) -> Any:
    """Says the key everywhere: `raw` writes the spelling into the JSON as it is, so that decoding makes it plain."""
    payload = chat("TELL", reasoning_content="TELL", finish="stop") | {"id": "TELL", "model": "TELL"}
    payload["system_fingerprint"] = "TELL"
    text = spelling if raw else json.dumps(spelling)[1:-1]
    whole = json.dumps(payload).replace("TELL", text).encode()
    failed = json.dumps(error("TELL", "TELL", "TELL")).replace("TELL", text).encode()

    def behave(_body: dict[str, Any], n: int) -> Answer:
        turn = n % 4
        if turn == 0:
            return Answer(raw=failed, status=500)
        if turn == 1:
            return Answer(raw=whole)
        return Answer(raw=failed, status=400) if turn == 2 else Answer(raw=f"<html>{text}".encode(), status=422)

    return behave


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("raw", [True, False])
def test_a_key_is_masked_however_a_server_writes_it(spelling: str, raw: bool, tmp_path: Path) -> None:
    import html
    import urllib.parse

    text = SPELLINGS[spelling]
    if raw and spelling not in AS_JSON:
        pytest.skip("no JSON, or its decoding leaves it as it is")
    with serving(_echoing(text, raw)) as server:
        replies, _ = run(model(server.url, parallel=1, retries=1), requests(8), tmp_path)
    assert sum(reply.text is not None for reply in replies.values()) >= 2
    for entry in entries(tmp_path / runs.JOURNAL):
        reply = entry.reply
        for said in (
            *(
                reply.text,
                reply.reasoning,
                reply.error,
                reply.served_model,
                reply.response_id,
                reply.system_fingerprint,
            ),
            *(attempt.error for attempt in reply.attempts),
        ):
            readings = {said or ""}
            for _ in range(2):
                readings |= {urllib.parse.unquote(one) for one in readings}
                readings |= {html.unescape(one) for one in readings}
                readings |= {one.replace("\\\\", "\\").replace("\\/", "/") for one in readings}
                readings |= {
                    one.encode("ascii", "backslashreplace").decode("unicode_escape", "replace") for one in readings
                }
            assert not any(KEY in one for one in readings), said
            assert text not in (said or "")


def test_a_key_that_comes_in_the_pieces_of_a_stream_is_masked(tmp_path: Path) -> None:
    pieces = [{"choices": [{"index": 0, "delta": {"content": char}}]} for char in f"it is {KEY}!"]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    with serving(lambda _body, _n: Answer(events=[*pieces, end])) as server:
        replies, _ = run(model(server.url, stream=True), requests(1), tmp_path)
    assert replies["id0"].text == "it is ***!"
