"""What every backend promises, and what llama.cpp, lm-eval's types and the fake promise beyond it."""

import contextlib
import importlib.util
import inspect
import json
import math
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.backends import InBatches, OneByOne, OverNetwork, load
from harness.core import installation, plugins, weights
from harness.errors import BackendError, ConfigError, HarnessError, WeightsError
from harness.records import Decoding, Reply, Request, RequestKind
from harness.scorers import Split, split
from harness.specs import ModelSpec

SMOLLM2 = "smollm2_135m_q4_1"


def model(backend: str, parallel: int | None = None, **args: Any) -> ModelSpec:
    return ModelSpec("m", backend, args=args, parallel=parallel)


def request(
    text: str | None = None,
    *,
    chat: str | Sequence[tuple[str, str]] | None = None,
    kind: RequestKind = "generate",
    continuation: str | None = None,
    seed: int = 1,
    **decoding: Any,
) -> Request:
    turns = [("user", chat)] if isinstance(chat, str) else chat
    messages = tuple({"role": role, "content": content} for role, content in turns) if turns is not None else None
    decode = Decoding(**({"max_tokens": 24, "temperature": 0.0} | decoding)) if kind == "generate" else None
    identity = repr((text, messages, kind, continuation, seed, decode))
    return Request(identity, "m", "t", 0, 0, 0, kind, messages, text, continuation, decode, seed)


def loglikelihood(context: str, continuation: str) -> Request:
    return request(context, kind="loglikelihood", continuation=continuation)


def ask(backend: Any, asked: Sequence[Request]) -> list[Reply]:
    """The replies, in the order of the requests, however the backend wants to be asked."""
    if isinstance(backend, InBatches):
        found = {item.id: reply for item, reply in backend.replies(asked)}
        return [found[item.id] for item in asked]
    with ThreadPoolExecutor(backend.parallel) as threads:
        return list(threads.map(backend.reply, asked))


def said(reply: Reply) -> tuple[object, ...]:
    """All of a reply but its times."""
    return (
        reply.text,
        reply.reasoning,
        reply.finish_reason,
        reply.loglikelihood,
        reply.is_greedy,
        reply.usage,
        reply.error,
    )


@pytest.fixture(scope="session")
def request_file() -> Path | None:
    spec = weights.named(SMOLLM2)
    try:
        return weights.fetch(spec)
    except WeightsError:
        return None


@pytest.fixture(scope="session")
def smollm2(request_file: Path | None) -> Path:
    if request_file is None:
        pytest.skip(f"the weights {SMOLLM2} are not cached and cannot be fetched")
    return request_file


@pytest.fixture(scope="session")
def llama(smollm2: Path) -> Iterator[Any]:
    backend = plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", 2, n_ctx=512), smollm2)
    yield backend
    backend.close()


# --- every backend

EXAMPLES: dict[str, dict[str, Any]] = {"fake": {}, "llama_cpp": {"n_ctx": 64}, "lm_eval_model": {"type": "dummy"}}
BACKENDS = plugins.names("backends")
WAYS: dict[type, str] = {OneByOne: "reply", InBatches: "replies", OverNetwork: "areply"}
"""Every promise a backend can keep, and the method that answers."""


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_is_one_documented_class(name: str) -> None:
    module = plugins.load("backends", name)
    assert module.__doc__
    assert module.Backend.__doc__
    assert list(inspect.signature(module.Backend).parameters) == ["model", "weights"]
    for method in ("facts", "close"):
        assert inspect.getdoc(getattr(module.Backend, method))
    assert load(name) is module.Backend


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_keeps_one_promise_and_all_of_it(name: str) -> None:
    backend = load(name)
    (way,) = [way for way in WAYS if way in backend.__mro__]  # its base, so mypy has compared every signature
    assert not inspect.isabstract(backend), f"{backend.__abstractmethods__} of {way.__name__} are missing"
    assert not [other for other in WAYS if other is not way and hasattr(backend, WAYS[other])]
    assert inspect.iscoroutinefunction(getattr(backend, WAYS[way])) == (way is OverNetwork)
    assert backend.kinds <= set(get_args(RequestKind))
    assert "generate" in backend.kinds


@pytest.mark.parametrize("way", WAYS)
def test_a_backend_without_its_method_is_not_made(way: type) -> None:
    half = type("Half", (way,), {"facts": lambda _: {}, "close": lambda _: None, "__init__": lambda *_: None})
    with pytest.raises(TypeError, match=WAYS[way]):
        half(model("half"), None)


@pytest.mark.parametrize("name", EXAMPLES)
def test_how_a_backend_is_asked_goes_by_its_promise(name: str, request_file: Path | None) -> None:
    if name == "llama_cpp" and request_file is None:
        pytest.skip(f"the weights {SMOLLM2} are not here")
    backend = load(name)(model(name, **EXAMPLES[name]), request_file if name == "llama_cpp" else None)
    try:
        assert [way for way in WAYS if isinstance(backend, way)] == [
            way for way in WAYS if way in type(backend).__mro__
        ]
    finally:
        backend.close()


@pytest.mark.parametrize("name", BACKENDS)
def test_a_misspelt_or_missing_argument_is_no_traceback(name: str) -> None:
    module = plugins.load("backends", name)
    for args in ({}, {"no_such_argument": 1}, {"model": 3, "base_url": ["x"], "type": None}):
        with contextlib.suppress(HarnessError):
            module.Backend(model(name, **args), None).close()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_backends_facts_are_json_without_paths_or_secrets(name: str, request_file: Path | None) -> None:
    module = plugins.load("backends", name)
    if name == "llama_cpp" and request_file is None:
        pytest.skip(f"the weights {SMOLLM2} are not here")
    backend = module.Backend(model(name, **EXAMPLES[name]), request_file if name == "llama_cpp" else None)
    try:
        assert isinstance(backend.parallel, int)
        assert backend.parallel >= 1
        assert isinstance(backend.deterministic, bool)
        ask(backend, [request("hello")])
        text = json.dumps(backend.facts(), allow_nan=False)
        assert str(Path.home()) not in text
        assert "/" not in text.replace("\\/", "/") or name == "lm_eval_model"
        if request_file is not None:
            assert request_file.name not in text
    finally:
        backend.close()


# --- reasoning that is written inline

WORDS = st.text(st.characters(exclude_characters="<>[]【】«»⟨⟩#`", exclude_categories=["Cs"]))


@given(reasoning=WORDS, answer=WORDS)
def test_a_think_block_is_split_off(reasoning: str, answer: str) -> None:
    for text in (f"<think>{reasoning}</think>{answer}", f"\n<think>\n{reasoning}\n</think>\n\n{answer}"):
        assert split(text) == Split(answer.lstrip(), reasoning.strip() or None)
    assert split(f"{reasoning}\n</think>\n{answer}") == Split(answer.lstrip(), reasoning.strip() or None, True)


@given(text=WORDS)
def test_text_without_tags_stays_as_it_is(text: str) -> None:
    assert split(text) == Split(text)


@given(before=WORDS.filter(str.strip).filter(lambda text: not set(text) & set("'\"‘’“”„")), inside=WORDS, after=WORDS)
def test_tags_further_down_are_part_of_the_answer(before: str, inside: str, after: str) -> None:
    text = f"{before}<think>{inside}</think>{after}"
    assert split(text) == Split(text)


def test_a_thought_that_never_ended_has_no_answer() -> None:
    assert split("<think>so, first") == Split(None, "so, first")
    assert split("<think>") == Split(None)


# --- llama.cpp

PROMPTS = [
    request(chat="Write a short story about a lighthouse.", max_tokens=6),
    request(chat=[("system", "You are terse."), ("user", "Who made you?")], max_tokens=6),
    request("Once upon a time", max_tokens=12),
    request("The sky", temperature=0.8, seed=3, max_tokens=8),
    request("The sky", temperature=0.8, seed=4, top_p=0.9, top_k=20, max_tokens=8),
    request("One, two, three, four,", stop=(" seven",), max_tokens=8),
    loglikelihood("The capital of France is", " Paris"),
    loglikelihood("The capital of France is", " London"),
    loglikelihood("The capital of France is", " 京"),
    loglikelihood("Question: 1+1?\nAnswer: ", "2"),
    loglikelihood("", "Hello there"),
    request("Such a bright day.", kind="loglikelihood_rolling"),
    request("word " * 600),
]


@pytest.mark.slow
def test_answers_do_not_depend_on_parallelism_or_order(smollm2: Path) -> None:
    """One server is asked in order, then in another order what it has seen before, and two and three at once."""
    alone: dict[str, tuple[object, ...]] = {}
    for servers, orders in ((1, 2), (2, 1), (3, 1)):
        backend = plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", servers, n_ctx=512), smollm2)
        assert backend.deterministic
        assert backend.parallel == servers
        for _ in range(orders):
            asked = random.Random(servers).sample(PROMPTS, len(PROMPTS)) if alone else PROMPTS
            for item, reply in zip(asked, ask(backend, asked), strict=True):
                assert alone.setdefault(item.id, said(reply)) == said(reply), item
        backend.close()
    assert len(alone) == len(PROMPTS)


def test_by_default_there_is_one_server_per_core_this_process_may_use(smollm2: Path) -> None:
    load = plugins.load("backends", "llama_cpp").Backend
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert load(model("llama_cpp"), smollm2).parallel == cores


def test_a_chat_gets_the_models_own_template(llama: Any) -> None:
    reply = llama.reply(request(chat="Say hi.", max_tokens=2))
    assert reply.error is None
    assert reply.finish_reason in ("stop", "length")
    assert reply.usage.prompt_tokens > 20  # the template adds a system message
    assert llama.reply(request("Say hi.", max_tokens=2)).usage.prompt_tokens < 6


def test_a_limit_is_a_limit_and_is_reported(llama: Any) -> None:
    cut = llama.reply(request(chat="Count to a hundred.", max_tokens=5))
    assert (cut.finish_reason, cut.usage.completion_tokens) == ("length", 5)
    whole = llama.reply(request(chat="What is 17*23?", max_tokens=100))
    assert whole.finish_reason == "stop"
    assert whole.usage.completion_tokens < 100
    assert 0 < whole.ttfb_s < whole.latency_s


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(llama: Any) -> None:
    free = llama.reply(request("One, two, three, four,", max_tokens=12))
    assert " seven" in free.text
    stopped = llama.reply(request("One, two, three, four,", stop=(" seven",), max_tokens=12))
    assert stopped.text == free.text.partition(" seven")[0]
    assert stopped.finish_reason == "stop"


@pytest.mark.slow
def test_sampling_follows_the_seed(llama: Any) -> None:
    def text(seed: int) -> str:
        return llama.reply(request("The sky", temperature=1.0, seed=seed, max_tokens=8)).text

    texts = {seed: text(seed) for seed in (1, 2, 2**31, 2**32 - 1)}
    assert len(set(texts.values())) == len(texts)
    assert {seed: text(seed) for seed in texts} == texts


@pytest.mark.slow
def test_no_truncation_is_added_to_what_was_asked(llama: Any) -> None:
    """Under llama.cpp's own top_k, top_p and min_p even a temperature of 2 never leaves the likely words."""
    wild = llama.reply(request("The sky is", temperature=2.0, max_tokens=16))
    score = llama.reply(loglikelihood("The sky is", wild.text)).loglikelihood
    assert score / wild.usage.completion_tokens < -6
    tame = llama.reply(request("The sky is", temperature=2.0, max_tokens=16, top_k=1)).text
    assert tame == llama.reply(request("The sky is", max_tokens=16)).text


def test_a_conversation_that_ends_with_the_assistant_is_gone_on_with(llama: Any) -> None:
    for begun in ("The capital is", "The capital is ", "1. Paris\n2."):
        turns = [("user", "What is the capital of France?"), ("assistant", begun)]
        reply = llama.reply(request(chat=turns, max_tokens=8))
        assert reply.text
        assert not reply.text.startswith(begun.strip())


def test_a_prompt_that_does_not_fit_is_a_failed_reply(llama: Any) -> None:
    for item in (
        request("word " * 600),
        request(chat="word " * 600),
        loglikelihood("word " * 600, " word"),
        loglikelihood("a", " word" * 600),
    ):
        reply = llama.reply(item)
        assert reply.text is None
        assert reply.loglikelihood is None
        assert "the context holds 512; raise the model's n_ctx" in reply.error


@pytest.mark.slow
def test_an_answer_that_meets_the_end_of_the_context_is_truncated(smollm2: Path) -> None:
    backend = plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", 1, n_ctx=256), smollm2)
    reply = backend.reply(request("word " * 250, max_tokens=100))
    backend.close()
    assert reply.finish_reason == "length"
    assert reply.usage.completion_tokens < 10


@pytest.mark.parametrize(
    "item",
    [
        request(""),
        request("\ud800"),
        request(chat="\ud800"),
        loglikelihood("a", ""),
        request("", kind="loglikelihood_rolling"),
    ],
    ids=["empty", "surrogate", "surrogate in chat", "no continuation", "nothing to roll over"],
)
def test_a_request_that_cannot_be_answered_is_a_failed_reply(llama: Any, item: Request) -> None:
    reply = llama.reply(item)
    assert reply.error
    assert reply.text is None
    assert llama.reply(request("Once upon a time")).error is None


# --- loglikelihoods


@pytest.fixture(scope="session")
def raw(smollm2: Path) -> Any:
    """llama.cpp itself, for numbers had in another way."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(smollm2)
    params.n_parallel, params.n_ctx, params.verbosity, params.warmup = 1, 512, -1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(params)


@pytest.mark.parametrize("prompt", ["The capital of France is", "def add(a, b):\n", "Once upon a time"])
def test_a_greedy_answers_loglikelihood_is_the_sum_of_its_tokens(llama: Any, raw: Any, prompt: str) -> None:
    body = {"prompt": prompt, "max_tokens": 12, "temperature": 0, "logprobs": 1, "cache_prompt": False}
    choice = raw.handle_completions(body)["choices"][0]
    reply = llama.reply(loglikelihood(prompt, choice["text"]))
    assert reply.loglikelihood == pytest.approx(sum(t["logprob"] for t in choice["logprobs"]["content"]), abs=0.01)
    assert reply.is_greedy


def test_the_next_tokens_probabilities_sum_to_one(llama: Any, raw: Any) -> None:
    """Against the whole distribution after a prompt, as llama.cpp lists it."""
    prompt = "The capital of France is"
    body = {"prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": 50_000, "cache_prompt": False}
    listed = raw.handle_completions(body)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert sum(math.exp(entry["logprob"]) for entry in listed) == pytest.approx(1, abs=1e-3)
    by_text = {entry["token"]: entry["logprob"] for entry in listed}
    for word in (" Paris", " London", " a", " the"):
        assert llama.reply(loglikelihood(prompt, word)).loglikelihood == pytest.approx(by_text[word], abs=0.01)


@pytest.mark.parametrize("parts", [(" Paris", ", and it is"), (" 京", " 🦜 is far"), (" x<|im_end|>", "\nhello")])
@pytest.mark.slow
def test_loglikelihoods_obey_the_chain_rule(llama: Any, parts: tuple[str, str]) -> None:
    context, (first, second) = "The capital of France is", parts
    whole = llama.reply(loglikelihood(context, first + second)).loglikelihood
    split = [loglikelihood(context, first), loglikelihood(context + first, second)]
    assert whole == pytest.approx(sum(llama.reply(item).loglikelihood for item in split), abs=0.02)


def test_a_rolling_loglikelihood_is_that_of_the_text_after_nothing(llama: Any) -> None:
    text = "It was a bright cold day in April."
    rolling = llama.reply(request(text, kind="loglikelihood_rolling"))
    assert rolling.loglikelihood == pytest.approx(llama.reply(loglikelihood("", text)).loglikelihood, abs=0.02)
    assert rolling.is_greedy is None


@pytest.mark.slow
def test_a_rolling_loglikelihood_goes_over_texts_longer_than_the_context(smollm2: Path, llama: Any) -> None:
    backend = plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", 1, n_ctx=16), smollm2)
    text = "The quick brown fox jumps over the lazy dog. " * 2
    short = backend.reply(request(text, kind="loglikelihood_rolling"))
    backend.close()
    long = llama.reply(request(text, kind="loglikelihood_rolling"))
    assert short.usage == long.usage
    assert short.usage.prompt_tokens > 16
    assert short.loglikelihood < long.loglikelihood < 0  # less context foretells less


def test_spaces_at_the_border_belong_to_the_continuation(llama: Any) -> None:
    """As in lm-eval: `Answer: ` + `yes` is scored as `Answer:` + ` yes`."""
    moved = llama.reply(loglikelihood("Is it? Answer:", " yes"))
    assert said(llama.reply(loglikelihood("Is it? Answer: ", "yes"))) == said(moved)


def test_a_chat_can_be_the_context_of_a_loglikelihood(llama: Any) -> None:
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    found = {}
    for word in ("The capital of France is Paris.", "Bananas sing quietly."):
        item = Request(word, "m", "t", 0, 0, 0, "loglikelihood", tuple(turns), None, word, None, 1)
        found[word] = llama.reply(item).loglikelihood
    assert found["The capital of France is Paris."] > found["Bananas sing quietly."]


# --- llama.cpp as a guest in this process


def run(code: str, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HEAD + code, *args], capture_output=True, text=True, timeout=120, check=False, **options
    )


HEAD = """
import sys, threading, time
from pathlib import Path
from harness.backends.llama_cpp import Backend
from harness.errors import BackendError
from harness.records import Decoding, Request
from harness.specs import ModelSpec
def request(n): return Request("r", "m", "t", 0, 0, 0, "generate", None, "Once", None, Decoding(n, 1.0), 1)
"""


def test_nothing_is_written_to_stdout_or_stderr(smollm2: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(smollm2.read_bytes()[:3_000_000])
    done = run(
        """
b = Backend(ModelSpec("m", "llama_cpp", parallel=2), Path(sys.argv[1]))
assert b.reply(request(5)).text
b.facts()
b.close()
try: Backend(ModelSpec("m", "llama_cpp"), Path(sys.argv[2])).reply(request(5))
except BackendError as error: assert "broken.gguf" in str(error)
else: raise SystemExit("loaded")
""",
        str(smollm2),
        str(broken),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_closing_stops_what_is_being_answered_and_leaves_no_crash(smollm2: Path) -> None:
    done = run(
        """
b = Backend(ModelSpec("m", "llama_cpp", args={"n_ctx": 8192}, parallel=2), Path(sys.argv[1]))
ends = []
def ask():
    try: b.reply(request(8000))
    except BackendError as error: ends.append(str(error))
threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
for t in threads: t.start()
time.sleep(1)
start = time.monotonic()
b.close()
print(time.monotonic() - start < 20)  # 8000 tokens take minutes
for t in threads: t.join(5)
print(sorted(ends))
""",
        str(smollm2),
    )
    assert done.stdout == "True\n['m', 'm', 'm']\n".replace("'m'", "'model m was closed{}'").format(
        "", " while it answered", " while it answered"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_port_is_on_loopback_alone_and_asks_for_a_key(smollm2: Path) -> None:
    psutil = pytest.importorskip("psutil")
    import http.client

    before = {c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    backend = plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", 1, n_ctx=64), smollm2)
    backend.reply(request("hello", max_tokens=2))
    opened = {c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN} - before
    assert len(opened) == 1
    address = opened.pop()
    assert address.ip == "127.0.0.1"
    try:
        for method, path in [
            ("POST", "/completion"),
            ("POST", "/v1/completions"),
            ("POST", "/v1/chat/completions"),
            ("POST", "/tokenize"),
            ("POST", "/apply-template"),
            ("GET", "/props"),
            ("GET", "/slots"),
            ("GET", "/metrics"),
        ]:
            connection = http.client.HTTPConnection(address.ip, address.port, timeout=10)
            connection.request(method, path, body='{"prompt": "x"}' if method == "POST" else None)
            assert connection.getresponse().status == 401, path
            connection.close()
        for path in ("/health", "/v1/models", "/"):
            connection = http.client.HTTPConnection(address.ip, address.port, timeout=10)
            connection.request("GET", path)
            text = connection.getresponse().read().decode()
            connection.close()
            assert smollm2.name not in text
            assert str(smollm2.parent) not in text
    finally:
        backend.close()
    after = {c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert address not in after


def test_a_proxy_in_the_environment_is_not_asked(smollm2: Path) -> None:
    done = run(
        """
b = Backend(ModelSpec("m", "llama_cpp", parallel=1), Path(sys.argv[1]))
reply = b.reply(Request("r", "m", "t", 0, 0, 0, "loglikelihood", None, "a", " b", None, 1))
b.close()
print(reply.error)
""",
        str(smollm2),
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
    )
    assert done.stdout == "None\n", done.stderr


def test_a_missing_package_is_answered_with_the_command_that_installs_it() -> None:
    done = run(
        """
sys.modules["xllamacpp"] = None
try: Backend(ModelSpec("m", "llama_cpp"), Path("x.gguf"))
except BackendError as error: print(error)
"""
    )
    assert "-m pip install xllamacpp" in done.stdout


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ({"n_cxt": 100}, "n_ctx"),
        ({"n_ctx": "100"}, "n_ctx is '100', expected int"),
        ({"n_ctx": True}, "n_ctx is True"),
        ({"threads": 0}, "threads is 0, expected at least 1"),
        ({}, "needs weights"),
    ],
)
def test_a_wrong_argument_is_a_config_error(args: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        plugins.load("backends", "llama_cpp").Backend(model("llama_cpp", **args), None)


# --- lm-eval's model types


def lm_eval_model(**args: Any) -> Any:
    return plugins.load("backends", "lm_eval_model").Backend(model("lm_eval_model", **args), None)


def test_a_type_of_lm_eval_answers_every_kind_of_request() -> None:
    asked = [
        request("hello"),
        request("hello", seed=2),
        loglikelihood("a", " b"),
        loglikelihood("a", " c"),
        request("text", kind="loglikelihood_rolling"),
    ]
    for chunk_size in (1, 2, 64):
        backend = lm_eval_model(type="dummy", chunk_size=chunk_size)
        replies = ask(backend, asked)
        backend.close()
        assert [reply.error for reply in replies] == [None] * 5
        assert [reply.text for reply in replies[:2]] == ["lol", "lol"]
        assert all(-1 < reply.loglikelihood < 0 for reply in replies[2:])
        assert [reply.is_greedy for reply in replies[2:]] == [False, False, None]
        assert replies[0].finish_reason is None  # lm-eval does not say, so neither do we
        assert replies[0].usage.completion_tokens is None


def test_replies_come_chunk_by_chunk() -> None:
    backend = lm_eval_model(type="dummy", chunk_size=2)
    stream = backend.replies([request(f"hello {i}") for i in range(5)])
    first = next(stream)[1].started_at
    rest = [reply.started_at for _, reply in stream]
    assert rest[0] == first
    assert len({first, *rest}) == 3


def test_one_bad_request_does_not_take_its_chunk_with_it() -> None:
    asked = [request("hello"), request(" "), request("there")]  # the dummy asserts that a prompt is not blank
    replies = ask(lm_eval_model(type="dummy"), asked)
    assert [reply.text for reply in replies] == ["lol", None, "lol"]
    assert "AssertionError" in (replies[1].error or "")


def test_what_is_no_text_and_no_number_is_a_failed_reply() -> None:
    fields = plugins.load("backends", "lm_eval_model")._fields
    assert "error" in fields("generate", None)
    assert fields("generate", "")["text"] == ""
    assert "error" in fields("loglikelihood", (float("nan"), False))
    assert "error" in fields("loglikelihood", (float("-inf"), False))
    assert "error" in fields("loglikelihood_rolling", None)
    assert fields("loglikelihood_rolling", -3.0)["loglikelihood"] == -3.0


def test_inline_reasoning_of_a_type_is_split_off() -> None:
    fields = plugins.load("backends", "lm_eval_model")._fields
    assert fields("generate", "<think>hm</think>42") == {"text": "42", "reasoning": "hm", "reasoning_kind": "full"}


@pytest.mark.parametrize(("kind", "extra"), [("hf", "hf"), ("vllm", "vllm"), ("sglang", "sglang")])
def test_a_type_without_its_package_says_what_to_install(kind: str, extra: str) -> None:
    if importlib.util.find_spec({"hf": "torch"}.get(kind, kind)):
        pytest.skip(f"the package of {kind} is installed here")
    with pytest.raises(BackendError, match=re.escape(installation.adding(installation.own(extra)))):
        ask(lm_eval_model(type=kind, pretrained="nobody/nothing"), [request("hello")])


def test_an_unknown_type_is_answered_with_near_misses() -> None:
    with pytest.raises(ConfigError, match="'dummy'"):
        lm_eval_model(type="dumy")


def test_lm_evals_own_client_reaches_a_real_server(smollm2: Path, raw: Any) -> None:
    """`local-completions` against llama.cpp's server, with the same answer as ours where decoding is greedy."""
    pytest.importorskip("tenacity", reason="the API types need the package tenacity")
    url = f"{raw.listening_address}/v1/completions"
    backend = lm_eval_model(
        type="local-completions", model="m", base_url=url, tokenizer_backend="none", num_concurrent=1
    )
    body = {"prompt": "Once upon a time", "max_tokens": 24, "temperature": 0, "cache_prompt": False}
    expected = raw.handle_completions(body)["choices"][0]["text"]
    reply, sampled, other = ask(
        backend,
        [
            request("Once upon a time"),
            request("Once upon", temperature=1.0, seed=1),
            request("Once upon", temperature=1.0, seed=2),
        ],
    )
    assert reply.error is None
    assert reply.text == expected
    assert sampled.text != other.text, "repeats must have seeds of their own"


def test_a_server_that_is_gone_fails_the_requests_and_not_the_run() -> None:
    pytest.importorskip("tenacity", reason="the API types need the package tenacity")
    backend = lm_eval_model(
        type="local-completions",
        model="m",
        base_url="http://127.0.0.1:9/v1/completions",
        tokenizer_backend="none",
        max_retries=1,
    )
    (reply,) = ask(backend, [request("hello")])
    assert reply.error
    assert reply.text is None


# --- the fake


def fake(parallel: int | None = None, **args: Any) -> Any:
    return plugins.load("backends", "fake").Backend(model("fake", parallel, **args), None)


def test_the_fake_answers_by_the_function_it_was_given() -> None:
    chat = request(chat=[("system", "be brief"), ("user", "two words")])
    assert fake().reply(chat).text == "two words"
    assert fake().reply(request("plain")).text == "plain"
    assert fake(answer="constant", output="42").reply(chat).text == "42"
    scripted = fake(answer="scripted", outputs=["a", ""])
    assert [scripted.reply(chat).text for _ in range(2)] == ["a", ""]
    assert "2 outputs, and this is request 3" in scripted.reply(chat).error


def test_the_hash_answer_differs_by_request_and_never_by_run_or_order() -> None:
    asked = [request(f"prompt {i}", seed=s, max_tokens=1000) for i in range(20) for s in (1, 2)]
    forwards = ask(fake(4, answer="hash"), asked)
    backwards = ask(fake(1, answer="hash"), asked[::-1])[::-1]
    assert [said(reply) for reply in forwards] == [said(reply) for reply in backwards]
    assert len({reply.text for reply in forwards}) == len(asked)
    assert fake(answer="hash").deterministic
    assert not fake(answer="scripted", outputs=["a"]).deterministic


def test_the_fake_keeps_to_limits_and_stops() -> None:
    cut = fake().reply(request("one two three", max_tokens=2))
    assert (cut.text, cut.finish_reason, cut.usage.completion_tokens) == ("one two", "length", 2)
    assert fake().reply(request("one two three", stop=("two",))).text == "one "


def test_every_nth_request_fails_when_asked_to() -> None:
    backend = fake(fail_every=3)
    replies = [backend.reply(request("x")) for _ in range(6)]
    assert [reply.error is None for reply in replies] == [True, True, False] * 2
    assert [reply.text for reply in replies] == ["x", "x", None] * 2


def test_latency_is_waited_for_in_parallel() -> None:
    backend = fake(4, latency_s=0.2)
    started = time.monotonic()
    replies = ask(backend, [request("x")] * 8)
    assert 0.4 <= time.monotonic() - started < 0.75 * sum(reply.latency_s for reply in replies)
    assert all(reply.latency_s >= 0.2 for reply in replies)


def test_the_fake_scores_texts_too() -> None:
    scores = [fake().reply(loglikelihood("a", word)).loglikelihood for word in ("b", "c", "d")]
    assert len(set(scores)) > 1
    assert all(-100 <= score <= 0 for score in scores)


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ({"answer": "ecco"}, "'echo'"),
        ({"outputs": "abc", "answer": "scripted"}, "list of texts"),
        ({"latency_s": "1"}, "latency_s"),
        ({"fial_every": 1}, "'fail_every'"),
    ],
)
def test_a_wrong_argument_of_the_fake_is_a_config_error(args: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        fake(**args)
