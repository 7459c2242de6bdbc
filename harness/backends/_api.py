"""What every model behind an HTTP API has in common. A provider's file adds its format alone.

A provider says how a request becomes a body (`body`), how a response becomes a reply (`read`), how the events of a
stream become such a response (`unstream`), and how its key is carried (`sign`). Everything the server says about an
answer is kept. A refusal by the provider's filter is a reply with a finish reason, never an error and never empty.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from harness.backends import OverNetwork, _args, _http, _replies
from harness.core import compact_json, looks_secret
from harness.errors import BackendError, ConfigError
from harness.records import Attempt, Message, Reply, Request, RequestKind, Usage, broken_off, count, finite
from harness.specs import ModelSpec

PARALLEL = 16
"""Requests in flight if the model names no number: gentle with a new account, adapted by 429s."""
BYTES_PER_TOKEN = 4
"""A rule of thumb for English text, for the limit of tokens a minute before the server has counted any."""
ERROR_CHARS = 300
"""What is kept of an error over a response. It may quote what was sent."""
ROUNDING = 0.01
"""How far above 0 the log-probability of a certain token may be: half-precision numbers are that coarse."""
SAMPLING = ("temperature", "top_p", "top_k", "stop", "seed")
STREAM_OPTIONS = "stream_options"
OMITTABLE = (*SAMPLING, STREAM_OPTIONS)
"""What `omit` may name."""
COMMON: dict[str, Any] = {
    "model": "",
    "base_url": "",
    "extra_body": None,
    "headers": None,
    "omit": None,
    "fold_system": False,
}
TEXTS = ("text", "reasoning", "finish_reason", "error", "served_model", "system_fingerprint", "response_id")
"""Fields of a reply that hold the server's own words."""

MAPPINGS = frozenset({"extra_body", "headers", "thinking"})
"""Arguments that are mappings, wherever a provider knows them."""


class ApiBackend(OverNetwork):
    """A model behind an HTTP API.

    Args (of the model), beside the provider's own:
        model: the model's id at the provider. Required.
        base_url: where the API is, without the last part of the path.
        extra_body: a mapping put into every request's body, over what is there.
        headers: further headers, none of them secret.
        omit: names of sampling settings the model refuses: `temperature`, `top_p`, `top_k`, `stop`, `seed`. They are
            not sent, and the manifest says so. A stop text is then cut off here. Also `stream_options`, for servers
            that refuse to be asked for the usage of a stream.
        fold_system: true puts the system message at the beginning of the user's first one, for models without a system
            role. Default false.

    Raises:
        ConfigError: an argument is wrong.
        BackendError: the key is not in the environment.
    """

    deterministic = False
    kinds: ClassVar[frozenset[RequestKind]] = frozenset({"generate"})
    """What it can be asked. A task that wants more is refused before anything is sent."""
    api: ClassVar[str]
    """The API's name, for people."""
    ARGS: ClassVar[Mapping[str, Any]] = {}
    """The provider's own arguments and their defaults."""
    BASE_URL: ClassVar = ""
    NEVER_SENT: ClassVar[frozenset[str]] = frozenset()
    """Sampling settings the API does not know."""
    BLANK_STOPS: ClassVar = True
    """False if the API refuses stop texts of white space alone. Those are cut off here."""
    MAX_STOPS: ClassVar[int | None] = None
    """Stop texts the API takes. The others are cut off here."""
    STREAM: ClassVar[Mapping[str, Any]] = {"stream": True}
    """What of a body asks for a stream."""

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        if weights is not None:
            raise ConfigError(f"model {model.name}: backend {model.backend} takes no `weights`")
        self._args = self.check(model)
        self._model = model
        self.parallel = model.parallel or PARALLEL
        self._secret = _http.key(model.name, model.connect)
        self._omit = frozenset(self._args["omit"] or ()) | self.NEVER_SENT
        if model.reasoning.inline or model.reasoning.opened:
            self._omit |= {"stop"}
        self._stream = model.connect.stream
        self._completion_tokens = self._replies = 0
        self._client: _http.Client | None = None

    @staticmethod
    def billed(model: ModelSpec) -> bool:
        """Every answer costs, if only the time of a server of one's own (`price: own-hardware`)."""
        del model
        return True

    @classmethod
    def ready(cls, model: ModelSpec) -> None:
        """See that the key is in the environment.

        Raises:
            ConfigError: the variable's name is none.
            BackendError: the variable is not set, or holds what no header can carry.
        """
        _http.key(model.name, model.connect)

    @classmethod
    def prefill(cls, model: ModelSpec) -> str | None:
        """Why it cannot go on from words that the task begins the answer with. By default the API has no way to."""
        del model
        return f"{cls.api} has no way to be given the beginning of its answer"

    @classmethod
    def check(cls, model: ModelSpec) -> dict[str, Any]:
        """Read the model's arguments. Needs no key and no network.

        Raises:
            ConfigError: one is wrong.
        """
        args = _args.read(model, {**COMMON, "base_url": cls.BASE_URL, **cls.ARGS})
        where = f"model {model.name}, backend {model.backend}"
        if not args["model"]:
            raise ConfigError(f"{where}: argument model is missing: the model's id at the provider")
        url = urlsplit(args["base_url"])
        if "@" in args["base_url"] or url.query:  # a password may hold a slash, so the parser alone does not find it
            raise ConfigError(
                f"{where}: base_url carries a user name, a password or a query; keys go through connect.api_key_env"
            )
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigError(
                f"{where}: base_url should begin with http:// or https://, as http://127.0.0.1:8000/v1 does"
            )
        for name in MAPPINGS & set(args):
            if args[name] is not None and not isinstance(args[name], Mapping):
                raise ConfigError(f"{where}: {name} should be a mapping of names to values")
            for key in args[name] or ():
                if looks_secret(str(key)) and isinstance(args[name][key], str):
                    raise ConfigError(f"{where}: {name}.{key} looks like a secret; keys go through connect.api_key_env")
        omit = args["omit"]
        if omit is not None and (not isinstance(omit, list | tuple) or set(omit) - set(OMITTABLE)):
            raise ConfigError(f"{where}: omit should be a list of {', '.join(OMITTABLE)}")
        return args

    # What a provider says ------------------------------------------------------------------------------------

    def sign(self, key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    def path(self, request: Request, *, stream: bool = False) -> str:
        """What goes behind the base URL."""
        raise NotImplementedError

    def body(self, request: Request) -> dict[str, Any]:
        """The request in the provider's words."""
        raise NotImplementedError

    def read(self, request: Request, payload: Any) -> Reply:
        """The provider's response as a reply. May raise anything over a response of the wrong shape."""
        raise NotImplementedError

    def fault(self, payload: Any) -> tuple[int, str] | None:
        """An error inside a payload of status 200: its status and message. `None` if there is none."""
        del payload
        return None

    def refusal(self, status: int | None, payload: Any) -> str | None:
        """`content_filter` or `refusal` if an error says that the provider declined to answer, else `None`."""
        del status, payload
        return None

    def unstream(self, events: Sequence[Any]) -> Any:
        """The response that a stream's events are the pieces of. May raise anything over events of the wrong shape.

        Raises:
            UnfinishedError: the stream broke off.
        """
        raise NotImplementedError

    def speaks(self, event: Any) -> bool:
        """Whether an event of a stream holds words of the answer or of its reasoning."""
        raise NotImplementedError

    async def prepare(self, kinds: frozenset[RequestKind]) -> None:
        """Called once before the first request: refuse what the server cannot do.

        Raises:
            BackendError: the server cannot answer requests of these kinds.
        """
        del kinds

    # What they share -----------------------------------------------------------------------------------------

    def facts(self) -> dict[str, object]:
        """API, host, what was not sent, and how far 429s pushed concurrency down."""
        about: dict[str, object] = {
            "runtime": f"aiohttp {version('aiohttp')}",
            "api": self.api,
            "host": urlsplit(self._args["base_url"]).netloc,
            "not_sent": sorted(self._omit),
            **({"streamed": True} if self._stream else {}),
        }
        if self._client is not None:
            about["parallel"] = {"most": self._client.gate.most, "lowest": self._client.gate.lowest}
        return about

    async def open(self) -> None:
        """Make ready to send, in the running event loop."""
        self._client = _http.Client(
            model=self._model.name,
            base_url=self._args["base_url"],
            headers=self.headers() | dict(self._args["headers"] or {}),
            sign=self.sign,
            secret=self._secret,
            connect=self._model.connect,
            parallel=self.parallel,
            speech=self,
        )
        await self._client.open()

    def headers(self) -> dict[str, str]:
        """Headers the API wants beside the key."""
        return {}

    async def areply(self, request: Request) -> Reply:
        """Answer one request. Up to `parallel` at once.

        Raises:
            BackendError: the server is dead to us.
        """
        assert self._client is not None
        stream = self._stream and request.kind == "generate"
        text, outcome = await self._post(request, stream=stream)
        if outcome.wants_stream and not stream and request.kind == "generate":
            self._stream = True
            refused = (*outcome.attempts, Attempt(outcome.started_at, outcome.error or "", outcome.status))
            text, outcome = await self._post(request, stream=True)
            outcome = dataclasses.replace(outcome, attempts=(*refused, *outcome.attempts))
        reply = self._hidden(self._interpret(request, outcome))
        used = reply.usage
        if used.prompt_tokens is not None and used.completion_tokens is not None:
            self._client.gate.settle(used.prompt_tokens + used.completion_tokens - outcome.expected)
            self._completion_tokens += used.completion_tokens
            self._replies += 1
        reply.attempts, reply.started_at, reply.latency_s = outcome.attempts, outcome.started_at, outcome.latency_s
        reply.ttfb_s, reply.ttft_s = outcome.ttfb_s, outcome.ttft_s
        reply.response_id = reply.response_id or outcome.request_id
        reply.body = text
        return reply

    async def _post(self, request: Request, *, stream: bool) -> tuple[str, _http.Exchange]:
        """Send a request. Its body as it was sent, and what became of it."""
        assert self._client is not None
        text = self.content(request, stream=stream)
        data = text.encode()
        expected = len(data) / BYTES_PER_TOKEN + self._expected_completion(request)
        outcome = await self._client.post(self.path(request, stream=stream), data, expected, stream=stream)
        return text, outcome

    def content(self, request: Request, *, stream: bool = False) -> str:
        """The body of a request as it is sent."""
        asked = {name: value for name, value in self.STREAM.items() if name not in self._omit} if stream else {}
        return compact_json(self.body(request) | asked | dict(self._args["extra_body"] or {}))

    def _hidden(self, reply: Reply) -> Reply:
        """The reply without the key, wherever the server put it and however it wrote it."""
        if self._secret is None:
            return reply
        hidden: dict[str, Any] = {}
        for name in TEXTS:
            said = getattr(reply, name)
            if said is not None and (text := self._secret.hide_in(said)) != said:
                hidden[name] = text
        return dataclasses.replace(reply, **hidden) if hidden else reply

    def _expected_completion(self, request: Request) -> float:
        most = request.decoding.max_tokens if request.decoding else 0
        return min(most, self._completion_tokens / self._replies) if self._replies else most

    def _interpret(self, request: Request, outcome: _http.Exchange) -> Reply:
        if outcome.error is not None:
            reason = self.refusal(outcome.status, outcome.payload)
            return Reply(finish_reason=reason) if reason else Reply(error=outcome.error)
        try:
            reply = self.read(request, outcome.payload)
        except Exception as error:  # noqa: BLE001 - a server may send anything
            said = f"{type(error).__name__}: {error}"
            said = (self._secret.hide_in(said) if self._secret else said)[:ERROR_CHARS]
            return Reply(error=f"the response is not in the format of {self.api}: {said}")
        if (why := broken_off(reply)) is not None:
            return dataclasses.replace(reply, error=why)
        return reply if request.decoding is None else _replies.cut(reply, request.decoding.stop)

    async def aclose(self) -> None:
        """Let go of every connection, in the event loop it was opened in."""
        if self._client is not None:
            await self._client.close()

    def close(self) -> None:
        """Nothing more to free."""

    # For providers -------------------------------------------------------------------------------------------

    def sampling(self, request: Request) -> dict[str, Any]:
        """The settings to send: those with a value, without the omitted. `stop` a list of at most `MAX_STOPS`."""
        assert request.decoding is not None
        decoding = request.decoding
        stop = [word for word in decoding.stop if self.BLANK_STOPS or word.strip()][: self.MAX_STOPS]
        wanted = {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
            "stop": stop or None,
            "seed": request.seed,
        }
        return {name: value for name, value in wanted.items() if value is not None and name not in self._omit}

    def conversation(self, request: Request) -> list[dict[str, Any]]:
        """The messages. Plain text is a single message of the user."""
        if request.messages is None:
            return [{"role": "user", "content": request.prompt or ""}]
        messages = [dict(message) for message in request.messages]
        return _folded(messages) if self._args["fold_system"] else messages

    def parts(self, request: Request) -> tuple[str | None, list[dict[str, Any]]]:
        """The system message apart from the conversation, for APIs that take them apart."""
        messages = self.conversation(request)
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        return system or None, [message for message in messages if message["role"] != "system"]


def _folded(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The conversation with its system messages at the beginning of the user's first."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if system and rest and rest[0]["role"] == "user":
        rest[0]["content"] = "\n\n".join([*system, rest[0]["content"]])
        return rest
    return ([{"role": "user", "content": "\n\n".join(system)}] if system else []) + rest


def word(value: Any) -> str | None:
    """A text. `None` for what is none."""
    return value if isinstance(value, str) else None


def tokens(usage: Any, *path: str) -> int | None:
    """The token count at a path of nested mappings. `None` if there is none."""
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return count(usage)


def total(*values: int | None) -> int | None:
    """The sum of what is known. `None` if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def logprob(value: Any) -> float:
    """The log-probability of a token.

    Raises:
        ValueError: it is no number, not finite, or that of a probability above 1.
    """
    number = finite(value)
    if number is None or number > ROUNDING:
        raise ValueError(f"expected the log-probability of a token, found {reprlib.repr(value)}")
    return number


def openai_usage(usage: Any) -> Usage:
    """`usage` of the chat and text completions APIs, in every server's dialect of it.

    DeepSeek counts cached tokens as `prompt_cache_hit_tokens`. XAI leaves reasoning out of `completion_tokens`, which
    shows in `total_tokens`.
    """
    if not isinstance(usage, dict):
        return Usage()
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = tokens(usage, "completion_tokens_details", "reasoning_tokens")
    everything = count(usage.get("total_tokens"))
    if None not in (prompt, completion, reasoning, everything) and everything == prompt + completion + reasoning:  # type: ignore[operator]
        completion = completion + reasoning  # type: ignore[operator]
    cached = tokens(usage, "prompt_tokens_details", "cached_tokens")
    if cached is None:
        cached = count(usage.get("prompt_cache_hit_tokens"))
    return Usage(prompt, completion, reasoning, cached)


def unsupported(model: str, api: str) -> BackendError:
    """What to say if a server cannot score texts."""
    return BackendError(
        f"model {model}: {api} gives no log-probabilities of a prompt, so tasks that compare loglikelihoods cannot be "
        "asked here; use backend openai_completions with a server that echoes them (vLLM, SGLang), or a generation task"
    )
