"""Answers without a model, computed by a plain function: for trying out tasks, pipelines and failures."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.backends import OneByOne, _args
from harness.errors import ConfigError, unknown_name
from harness.records import Reply, Request, Usage
from harness.specs import ModelSpec

WORDS = ("alpha", "beta", "gamma", "delta", "sum", "code", "proof", "0", "1", "2", "3", "5", "7", "+", "=", ".")


class Backend(OneByOne):
    """Deterministic answers that no model wrote. What it says means nothing. How it says it is like any other.

    Args (of the model):
        answer: the function that answers: `echo` (the prompt, or the last message), `constant` (the text of
            `output`), `hash` (words drawn from the hash of the request's id, so different for every request), or
            `scripted` (the texts of `outputs`, one a request in the order they come in, a request after the last
            one fails and says so). Default `echo`.
        output: what `constant` says. Default `""`.
        outputs: what `scripted` says. Default none.
        latency_s: seconds each request takes. Default 0.
        fail_every: every n-th request that comes in fails. Default 0: none does.

    A loglikelihood is drawn from the hash of the request's id, between -100 and 0, with any `answer`. Tokens are
    words, and an answer of more words than `max_tokens` is cut off there.

    Raises:
        ConfigError: an argument is wrong.
    """

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        del weights
        defaults = {"answer": "echo", "output": "", "outputs": None, "latency_s": 0.0, "fail_every": 0}
        args = _args.read(model, defaults)
        if args["answer"] not in _ANSWERS:
            raise ConfigError(f"model {model.name}: {unknown_name('answer', args['answer'], _ANSWERS)}")
        outputs = args["outputs"] or ()
        if not isinstance(outputs, list | tuple) or not all(isinstance(text, str) for text in outputs):
            raise ConfigError(f"model {model.name}: outputs is {outputs!r}, expected a list of texts")
        self._outputs: Sequence[str] = outputs if args["answer"] == "scripted" else [args["output"]]
        self._answer = _ANSWERS[args["answer"]]
        self._latency_s, self._fail_every = float(args["latency_s"]), args["fail_every"]
        self.parallel = model.parallel or 1
        # What a script says, and which request fails, goes by the order in which requests come in.
        self.deterministic = args["answer"] != "scripted" and not self._fail_every
        self._seen = 0
        self._lock = threading.Lock()

    def facts(self) -> dict[str, object]:
        """That no model is behind this."""
        return {"runtime": "fake", "answer": self._answer.__name__.strip("_")}

    def reply(self, request: Request) -> Reply:
        """Answer one request. Thread-safe."""
        started, clock = datetime.now(UTC).isoformat(), time.perf_counter()
        with self._lock:
            place = self._seen
            self._seen += 1
        time.sleep(self._latency_s)
        reply = self._reply(request, place)
        return Reply(
            text=reply.text,
            finish_reason=reply.finish_reason,
            loglikelihood=reply.loglikelihood,
            is_greedy=reply.is_greedy,
            usage=reply.usage,
            error=reply.error,
            started_at=started,
            latency_s=time.perf_counter() - clock,
        )

    def close(self) -> None:
        """Nothing to free."""

    def _reply(self, request: Request, place: int) -> Reply:
        if self._fail_every and (place + 1) % self._fail_every == 0:
            return Reply(error=f"request {place + 1} fails, as fail_every={self._fail_every} asks for")
        asked = request.messages[-1]["content"] if request.messages else (request.prompt or "")
        if request.kind != "generate":
            share = _digest(request.id)[0] / 255
            greedy = share == 0 if request.kind == "loglikelihood" else None
            used = Usage(prompt_tokens=len(f"{asked}{request.continuation or ''}".split()), completion_tokens=0)
            return Reply(loglikelihood=-100 * share, is_greedy=greedy, usage=used)
        text = self._answer(request, asked, self._outputs, place)
        if text is None:
            return Reply(error=f"the script has {len(self._outputs)} outputs, and this is request {place + 1}")
        for stop in request.decoding.stop if request.decoding else ():
            text = text.partition(stop)[0] if stop else text
        words = text.split()
        limit = request.decoding.max_tokens if request.decoding else len(words)
        cut = len(words) > limit
        used = Usage(prompt_tokens=len(asked.split()), completion_tokens=min(len(words), limit))
        return Reply(
            text=" ".join(words[:limit]) if cut else text,
            finish_reason="length" if cut else "stop",
            usage=used,
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _echo(request: Request, asked: str, outputs: Sequence[str], place: int) -> str:
    del request, outputs, place
    return asked


def _constant(request: Request, asked: str, outputs: Sequence[str], place: int) -> str:
    del request, asked, place
    return outputs[0]


def _hash(request: Request, asked: str, outputs: Sequence[str], place: int) -> str:
    del asked, outputs, place
    return " ".join(WORDS[byte % len(WORDS)] for byte in _digest(f"{request.id} {request.seed}"))


def _scripted(request: Request, asked: str, outputs: Sequence[str], place: int) -> str | None:
    del request, asked
    return outputs[place] if place < len(outputs) else None


_Answer = Callable[[Request, str, Sequence[str], int], str | None]
_ANSWERS: dict[str, _Answer] = {"echo": _echo, "constant": _constant, "hash": _hash, "scripted": _scripted}
