"""llama.cpp inside this process, through `xllamacpp`: GGUF files on the CPU, with no server to start and no key.

Every request has a llama.cpp server object of its own, with one slot and one thread, and no prompt is taken over
from the one before. So a greedy answer depends on the request alone: not on `parallel`, not on order, not on load.
(Slots of one shared server are decoded in one batch, and the size of a batch changes the rounding.) One server per
core is also the fastest way to use a CPU for small models. The weights are mapped into memory.

Sampling is exactly what the request says. llama.cpp's own defaults (`top_k` 40, `top_p` 0.95, `min_p` 0.05) are
switched off. A `top_p` or `top_k` of `None` means no truncation.

The network: xllamacpp opens an HTTP port for every server object, and there is no option not to. It is bound to
127.0.0.1 with a port the system chooses, and every route that can see or run anything asks for a random key which
never leaves this process. The web page and the slot listing are off. What is left open to other users of this
machine is `/health` and `/v1/models`, the latter with the model's name and sizes. Generation does not go over the
port. Tokenisation does, because the bindings have no other way.

llama.cpp's log is switched off: neither loading nor answering writes to stdout or stderr.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.backends import OneByOne, _args, _replies
from harness.core import installation
from harness.errors import BackendError, ConfigError
from harness.records import Decoding, Reply, Request, Usage
from harness.specs import ModelSpec, ReasoningSpec

FORCE = 1000.0
"""A logit bias that outweighs every logit."""
SHORT_LIST = 1000
"""Alternatives to a token that are looked through before all of the vocabulary is."""
SEEDS = 2**32 - 1
"""Seeds are 32 bits, and the largest one means "random" to llama.cpp (`LLAMA_DEFAULT_SEED`)."""

_loading = threading.Lock()
"""Servers are made one at a time: llama.cpp sets up process-wide state while loading."""


class Backend(OneByOne):
    """A GGUF file, run by llama.cpp in this process. See the module's docstring.

    Args (of the model):
        n_ctx: tokens of context, prompt and answer together. Default 2048.
        threads: threads per request. Default 1, which is fastest with one request per core.
        gpu_layers: layers to put on a GPU, if the installed xllamacpp has support for one. Default 0: answers
            are promised to be reproducible on the CPU alone.

    Raises:
        ConfigError: an argument is wrong, or the model names no weights.
        BackendError: xllamacpp is not installed.
    """

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        args = _args.read(model, {"n_ctx": 2048, "threads": 1, "gpu_layers": 0})
        for name, least in (("n_ctx", 16), ("threads", 1), ("gpu_layers", 0)):
            if args[name] < least:
                raise ConfigError(f"model {model.name}: argument {name} is {args[name]}, expected at least {least}")
        self._n_ctx, self._threads, self._gpu_layers = args["n_ctx"], args["threads"], args["gpu_layers"]
        if weights is None:
            raise ConfigError(
                f"model {model.name}: backend llama_cpp needs weights; "
                "set `weights` to the name of a file in conf/weights/"
            )
        _xllamacpp()
        self._name, self._weights, self._reasoning = model.name, weights, model.reasoning
        self.parallel = model.parallel or max(1, _cores() // self._threads)
        self.deterministic = self._gpu_layers == 0
        self._idle: list[_Server] = []
        self._made = 0
        self._closed = threading.Event()
        self._changed = threading.Condition()

    def facts(self) -> dict[str, object]:
        """Runtime, build and model, as llama.cpp itself reports them. Loads the weights if nothing has yet."""
        server = self._take(None)
        try:
            said = server.about()
        finally:
            self._give(server)
        x = _xllamacpp()
        return {
            "runtime": f"xllamacpp {x.__version__}",
            "cpu": x.get_system_info().strip(),
            "quantisation": said["ftype"],
            "parameters": said["n_params"],
            "vocabulary": said["n_vocab"],
            "trained_context": said["n_ctx_train"],
            "n_ctx": self._n_ctx,
            "threads": self._threads,
            "gpu_layers": self._gpu_layers,
        }

    def reply(self, request: Request) -> Reply:
        """Answer one request. Thread-safe. More callers than `parallel` wait for one another.

        Raises:
            BackendError: the weights cannot be loaded.
        """
        started, clock = datetime.now(UTC).isoformat(), time.perf_counter()
        key = None if request.kind == "generate" else (request.messages, request.prompt)
        server = self._take(key)
        try:
            fields = server.answer(request)
        except (_RequestError, RuntimeError, ValueError, OSError, http.client.HTTPException) as error:
            fields = {"error": f"llama.cpp: {error}"}
        finally:
            self._give(server)
        if self._closed.is_set():
            raise BackendError(f"model {self._name} was closed while it answered")
        reply = Reply(**fields, started_at=started, latency_s=time.perf_counter() - clock)
        return reply if request.decoding is None else _replies.cut(reply, request.decoding.stop)

    def close(self) -> None:
        """Stop what is being answered, within a token, and free the weights.

        A thread that is still inside llama.cpp when Python ends crashes the process, so this waits for them.
        """
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._idle) == self._made, timeout=60)
            self._made -= len(self._idle)
            self._idle.clear()

    def _take(self, key: object) -> _Server:
        """An idle server, if there is a choice the one whose memory holds the context `key`, else a new one."""
        with self._changed:
            while not self._closed.is_set() and not self._idle and self._made >= self.parallel:
                self._changed.wait()
            if self._closed.is_set():
                raise BackendError(f"model {self._name} was closed")
            if self._idle:
                place = next((i for i, s in enumerate(self._idle) if key is not None and s.key == key), -1)
                return self._idle.pop(place)
            self._made += 1
        try:
            server = _Server(
                self._weights,
                self._name,
                self._n_ctx,
                self._threads,
                self._gpu_layers,
                reasoning=self._reasoning,
                stop=self._closed.is_set,
            )
        except BaseException:
            with self._changed:
                self._made -= 1
                self._changed.notify()
            raise
        return server

    def _give(self, server: _Server) -> None:
        with self._changed:
            self._idle.append(server)
            self._changed.notify_all()


class _RequestError(Exception):
    """llama.cpp's answer to a request was an error."""


class _Server:
    """One llama.cpp server object: one model context, one request at a time."""

    def __init__(
        self,
        weights: Path,
        name: str,
        n_ctx: int,
        threads: int,
        gpu_layers: int,
        *,
        reasoning: ReasoningSpec,
        stop: Callable[[], bool],
    ) -> None:
        x = _xllamacpp()
        self.key: object = None
        """What the request was whose context the server still holds. `None` after a generation."""
        self._context: list[int] = []
        self._n_ctx, self._stop, self._reasoning = n_ctx, stop, reasoning
        self._password = secrets.token_urlsafe(32)
        p = x.CommonParams()
        p.model.path = str(weights)
        p.model_alias = {name}
        p.n_parallel, p.n_ctx = 1, n_ctx
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
        p.n_gpu_layers, p.no_op_offload = gpu_layers, gpu_layers == 0
        p.fit_params = False  # or n_ctx and layers would depend on the memory that happens to be free
        p.cache_ram_mib, p.cache_idle_slots, p.n_ctx_checkpoints = (
            0,
            False,
            0,
        )  # keep nothing of earlier prompts
        p.hostnames, p.port, p.n_threads_http = ["127.0.0.1"], 0, 1
        p.api_keys, p.ui, p.endpoint_slots = [self._password], False, False
        p.verbosity, p.warmup = -1, False
        try:
            with _loading:
                self._server = x.Server(p)
        except RuntimeError as error:
            raise BackendError(
                f"model {name}: llama.cpp cannot load {weights.name} ({weights.stat().st_size} bytes) with "
                f"n_ctx={n_ctx}: the file is no GGUF file this version of xllamacpp knows, or memory is short"
            ) from error
        self._address = self._server.listening_address.removeprefix("http://")

    def about(self) -> dict[str, Any]:
        """llama.cpp's own description of the model."""
        return dict(self._http("GET", "/v1/models")["data"][0]["meta"])

    def answer(self, request: Request) -> dict[str, Any]:
        """The fields of the reply to one request."""
        if request.kind == "generate":
            return self._generate(request)
        if request.kind == "loglikelihood":
            return self._loglikelihood(request)
        return self._rolling(request)

    # --- generation

    def _generate(self, request: Request) -> dict[str, Any]:
        self.key, self._context = None, []
        if request.decoding is None:
            raise _RequestError("a generation needs decoding parameters, found none")
        body = _sampling(request.decoding, request.seed)
        if self._reasoning.inline or self._reasoning.opened:
            body["stop"] = []
        if request.messages is not None:
            messages = [dict(message) for message in request.messages]
            said = self._stream(self._server.handle_chat_completions, {**body, "messages": messages})
            # A conversation that ends with the assistant's words is gone on with, and llama.cpp repeats those words.
            begun = messages[-1]["content"] if messages and messages[-1]["role"] == "assistant" else ""
            said.text = said.text.removeprefix(begun)
        else:
            said = self._stream(self._server.handle_completions, {**body, "prompt": request.prompt})
        if said.usage["prompt_tokens"] == 0:
            raise _RequestError("the prompt is empty: there is nothing to continue")
        fields = _replies.parted(said.text, self._reasoning, _replies.begun(request))
        if said.reasoning:  # llama.cpp knew the template's own way of thinking and has split it off
            fields = {"text": said.text or None, "reasoning": said.reasoning, "reasoning_kind": "full"}
        return fields | {
            "finish_reason": said.finish_reason,
            "ttfb_s": said.ttfb_s,
            "ttft_s": said.ttfb_s,
            "usage": Usage(
                prompt_tokens=said.usage["prompt_tokens"],
                completion_tokens=said.usage["completion_tokens"],
                cached_tokens=0,
            ),
        }

    def _stream(self, handle: Any, body: dict[str, Any]) -> _Said:
        """Generate token by token, so that it can be stopped between two of them."""
        said, clock = _Said(), time.perf_counter()

        def take(chunk: dict[str, Any]) -> bool:
            said.take(chunk, time.perf_counter() - clock)
            return self._stop()

        handle({**body, "stream": True, "stream_options": {"include_usage": True}}, take)
        _raise_for(said.error)
        if said.finish_reason is None:
            raise _RequestError("the answer was cut off before its end")
        return said

    # --- loglikelihood

    def _loglikelihood(self, request: Request) -> dict[str, Any]:
        """Score a continuation, split off its context where the tokens of the two part.

        A token that spans the border belongs to the continuation, so the whole of it is always scored. If none
        does, this is the split of lm-eval (`TemplateLM._encode_pair`).
        """
        if not request.continuation:
            raise _RequestError("a loglikelihood needs a continuation, found none")
        prompt = request.prompt or ""
        if request.messages is not None:
            prompt = self._http("POST", "/apply-template", {"messages": [dict(m) for m in request.messages]})["prompt"]
        whole = self._tokenize(prompt + request.continuation, special=True)
        before = self._tokenize(prompt, special=True) if prompt else []
        same = next((i for i, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b), None)
        border = min(len(before), len(whole)) if same is None else same
        if border == 0:
            whole, border = [self._prefix(), *self._tokenize(prompt + request.continuation, special=False)], 1
        context, continuation = whole[:border], whole[border:]
        self._fits(len(whole))
        self.key = (request.messages, request.prompt)
        total, greedy = self._score(context, continuation)
        used = Usage(prompt_tokens=len(whole), completion_tokens=0, cached_tokens=0)
        return {"loglikelihood": total, "is_greedy": greedy, "usage": used}

    def _rolling(self, request: Request) -> dict[str, Any]:
        """Score a whole text, in windows of the context length: those of lm-eval's `get_rolling_token_windows`.

        The first token is conditioned on the beginning-of-text token, every other on what precedes it in its
        window. The windows' scored parts do not overlap.
        """
        tokens = self._tokenize(request.prompt or "", special=False)
        if not tokens:
            raise _RequestError("a rolling loglikelihood needs a text, found none")
        self.key = None
        size = self._n_ctx - 1
        text = [self._prefix(), *tokens]
        total = 0.0
        for start in range(1, len(text), size):
            end = min(start + size, len(text))
            total += self._score(text[max(0, end - size - 1) : start], text[start:end])[0]
        return {
            "loglikelihood": total,
            "usage": Usage(prompt_tokens=len(tokens), completion_tokens=0, cached_tokens=0),
        }

    def _score(self, context: list[int], continuation: list[int]) -> tuple[float, bool]:
        """Sum of the continuation tokens' log probabilities, and whether each was the likeliest.

        llama.cpp gives log probabilities of generated tokens only. So one token is generated at a time, forced by
        a logit bias to be the one that is asked for. The log probability it reports is of the model's own
        distribution, before the bias. All but the last token of the context are evaluated in one go, every other
        token alone. This is the same sequence of evaluations whether or not the memory already holds the context
        from the request before (the choices of one document share it): the numbers are the same to the bit.
        """
        if self._context != context:
            self._context = []
            if len(context) > 1:
                self._run(
                    self._server.handle_completions,
                    {"prompt": context[:-1], "max_tokens": 1, "temperature": 0, "cache_prompt": False},
                )
            self._context = context
        total, greedy = 0.0, True
        for i, token in enumerate(continuation):
            logprob, best = self._next(context + continuation[:i], token)
            total += logprob
            greedy = greedy and best
        return total, greedy

    def _next(self, prompt: list[int], token: int) -> tuple[float, bool]:
        """The log probability of `token` after `prompt`, and whether it is the likeliest."""
        body = {"prompt": prompt, "max_tokens": 1, "temperature": 0, "cache_prompt": True}
        said = self._run(self._server.handle_completions, {**body, "logprobs": 1, "logit_bias": [[token, FORCE]]})
        listed = (said["choices"][0]["logprobs"] or {}).get("content") or []
        if listed and listed[0]["id"] == token:
            return float(listed[0]["logprob"]), listed[0]["top_logprobs"][0]["id"] == token
        # A token that is no whole UTF-8 character is left out of the list. Force one that is, and look the token up
        # among the alternatives to it: a short list first, because the whole vocabulary takes seconds.
        anchor = self._tokenize("a", special=False)[-1]
        for length in (SHORT_LIST, self.about()["n_vocab"]):
            said = self._run(
                self._server.handle_completions, {**body, "logprobs": length, "logit_bias": [[anchor, FORCE]]}
            )
            ranked = said["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            for entry in ranked:
                if entry["id"] == token:
                    return float(entry["logprob"]), entry is ranked[0]
        raise _RequestError(f"token {token} has no log probability")

    def _fits(self, tokens: int) -> None:
        if tokens > self._n_ctx:
            raise _RequestError(_too_long(tokens, self._n_ctx))

    # --- how llama.cpp is spoken to

    def _run(self, handle: Any, body: dict[str, Any]) -> dict[str, Any]:
        if self._stop():
            raise _RequestError("stopped")
        said: dict[str, Any] = handle(body)
        _raise_for(said.get("error"))
        return said

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids. `special` adds what the model wants around a text (its beginning-of-text token)."""
        body = {"content": text, "add_special": special, "parse_special": True}
        return list(self._http("POST", "/tokenize", body)["tokens"])

    def _prefix(self) -> int:
        """The token a text without context is conditioned on: beginning of text, else end of text."""
        about = self._http("GET", "/props")
        for name in ("bos_token", "eos_token"):
            if tokens := self._tokenize(about.get(name) or "", special=False):
                return tokens[0]
        raise _RequestError("the model has neither a beginning-of-text nor an end-of-text token")

    def _http(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self._password}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            said: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        _raise_for(said.get("error"))
        return said


class _Said:
    """A streamed answer, put together."""

    def __init__(self) -> None:
        self.text, self.reasoning = "", ""
        self.finish_reason: str | None = None
        self.usage: dict[str, int] = {"prompt_tokens": 0, "completion_tokens": 0}
        self.ttfb_s: float | None = None
        self.error: dict[str, Any] | None = None

    def take(self, chunk: dict[str, Any], elapsed: float) -> None:
        """Add one piece, which came after `elapsed` seconds."""
        self.error = chunk.get("error", self.error)
        self.usage = chunk.get("usage", self.usage)
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta", choice)  # a chat's pieces are in `delta`, a plain completion's are not
            text, reasoning = delta.get("content") or delta.get("text") or "", delta.get("reasoning_content") or ""
            if self.ttfb_s is None and (text or reasoning):
                self.ttfb_s = elapsed
            self.text += text
            self.reasoning += reasoning
            self.finish_reason = choice.get("finish_reason") or self.finish_reason


def _raise_for(error: dict[str, Any] | None) -> None:
    if error is None:
        return
    if error.get("type") == "exceed_context_size_error":
        raise _RequestError(_too_long(error["n_prompt_tokens"], error["n_ctx"]))
    raise _RequestError(error.get("message", str(error)))


def _sampling(decoding: Decoding, seed: int) -> dict[str, Any]:
    return {
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": 1.0 if decoding.top_p is None else decoding.top_p,
        "top_k": decoding.top_k or 0,
        "min_p": 0.0,
        "stop": list(decoding.stop),
        "seed": seed % SEEDS,
        "cache_prompt": False,
    }


def _too_long(tokens: int, n_ctx: int) -> str:
    return f"the prompt has {tokens} tokens, and the context holds {n_ctx}; raise the model's n_ctx"


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _xllamacpp() -> Any:
    # Idle OpenMP threads that spin would take the cores from the other servers. Read once, when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import xllamacpp
    except ImportError as error:
        raise BackendError(
            f"backend llama_cpp needs the package xllamacpp ({error}); install it with: "
            f"{installation.adding('xllamacpp')}"
        ) from error
    return xllamacpp
