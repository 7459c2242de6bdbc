"""Any of lm-eval's own model types: `hf`, `vllm`, `sglang`, `local-completions`, … and whatever it learns next.

lm-eval takes requests in batches and gives back text alone. What it does not say is not made up here: token counts
and finish reasons stay unknown, so an answer that was cut off at the token limit cannot be flagged as truncated. A
prompt that is too long, which the types cut from the left, is a failed request here wherever the type has a
tokenizer to tell by. For a server with an HTTP interface the project's own backends say more.

Only this file, `harness/engine/lmeval.py` and `harness/core/patches.py` import lm_eval.
"""

from __future__ import annotations

import inspect
import random
import reprlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.backends import InBatches, _replies
from harness.core import installation, patches
from harness.errors import BackendError, ConfigError, unknown_name
from harness.records import Decoding, Reply, Request, finite
from harness.specs import ModelSpec, ReasoningSpec

CHUNK_SIZE = 64
"""Requests handed to lm-eval at once. Larger chunks are packed into better batches, smaller ones lose less work."""

EXTRAS = {
    "hf": "harness-provenance[hf]",
    "huggingface": "harness-provenance[hf]",
    "steered": "harness-provenance[hf]",
    "vllm": "harness-provenance[vllm]",
    "sglang": "harness-provenance[sglang]",
    "local": "lm_eval[api]",
    "openai": "lm_eval[api]",
    "anthropic": "lm_eval[api]",
    "litellm": "lm_eval[litellm]",
    "watsonx": "lm_eval[ibm_watsonx_ai]",
    "openvino": "lm_eval[optimum]",
    "ipex": "lm_eval[ipex]",
    "habana": "lm_eval[habana]",
    "onnxruntime-genai": "lm_eval[onnxruntime-genai]",
    "onnxruntime": "lm_eval[onnxruntime]",
}
"""The extra that brings a type's packages, by the start of the type's name."""


BILLED = ("openai", "anthropic", "litellm", "watsonx", "textsynth", "local-")
"""How the names of types begin that ask a server. What they used is not reported: a budget counts each answer at its
most."""


class Backend(InBatches):
    """A model type of lm-eval's registry. See the module's docstring.

    Args (of the model):
        type: the name in lm-eval's registry. Required.
        chunk_size: requests handed over at once. After each chunk the replies are durable. Default 64.
        (others): passed to the type as they are: `pretrained`, `dtype`, `base_url`, `batch_size`, …

    Sampling is seeded: the random generators of Python, NumPy and torch before each chunk, `seed` of the request
    if the type takes one. Types that sample a batch together still depend on how requests fall into batches.

    Raises:
        ConfigError: the type is not known, or an argument is wrong.
        BackendError: the type's packages are not installed. The message has the command that installs them.
    """

    deterministic = False

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        args = dict(model.args)
        self._name, self._type = model.name, str(args.pop("type", ""))
        self._reasoning = model.reasoning
        self._chunk_size = args.pop("chunk_size", CHUNK_SIZE)
        if not isinstance(self._chunk_size, int) or isinstance(self._chunk_size, bool) or self._chunk_size < 1:
            raise ConfigError(f"model {model.name}: chunk_size is {self._chunk_size!r}, expected a whole number from 1")
        if weights is not None:
            raise ConfigError(
                f"model {model.name}: backend lm_eval_model takes no `weights`; name the model in the type's own "
                "arguments (`pretrained`, `path`, …)"
            )
        self.parallel = 1
        self._args = args
        self._class = self._find()
        self._lm: Any = None

    @staticmethod
    def billed(model: ModelSpec) -> bool:
        """True for types that ask a server."""
        return str(model.args.get("type", "")).startswith(BILLED)

    def facts(self) -> dict[str, object]:
        """The type, lm-eval's version, and what a loaded model says of itself (precision, revision, parameters)."""
        about: dict[str, object] = {"runtime": f"lm_eval {version('lm_eval')}", "type": self._type}
        for package in ("torch", "transformers", "vllm", "sglang"):
            if package in sys.modules:
                about[package] = version(package)
        said = self._lm.get_model_info() if hasattr(self._lm, "get_model_info") else {}
        return about | {key: value for key, value in said.items() if isinstance(value, str | int | float | bool)}

    def replies(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Reply]]:
        """Answer requests, chunk by chunk.

        Raises:
            BackendError: the model cannot be loaded.
        """
        if requests and self._lm is None:
            self._lm = self._load()

        def alike(request: Request) -> tuple[str, int]:
            return request.kind, request.seed

        for (kind, seed), group in groupby(sorted(requests, key=alike), key=alike):
            ready: list[tuple[Request, tuple[Any, ...]]] = []
            for request in group:
                try:
                    ready.append((request, self._arguments(request)))
                except Exception as error:  # noqa: BLE001 - a template may fail in any way, which is this request's reply
                    yield request, _failed(error)
            for start in range(0, len(ready), self._chunk_size):
                yield from self._chunk(kind, seed, ready[start : start + self._chunk_size])

    def close(self) -> None:
        """Let go of the model."""
        self._lm = None

    def _find(self) -> Any:
        patches.environment()
        import lm_eval.models
        from lm_eval.api.registry import get_model, model_registry

        known = sorted({*lm_eval.models.MODEL_MAPPING, *model_registry.keys()})
        if self._type not in known:
            raise ConfigError(f"model {self._name}: {unknown_name('lm-eval model type', self._type, known)}")
        try:
            return get_model(self._type)
        except ImportError as error:
            raise self._missing(error) from error

    def _load(self) -> Any:
        try:
            return self._class.create_from_arg_obj(self._args)
        except ImportError as error:
            raise self._missing(error) from error
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise BackendError(f"model {self._name}: lm-eval's {self._type} cannot be loaded: {said}") from error

    def _missing(self, error: ImportError) -> BackendError:
        starts = [start for start in EXTRAS if self._type.startswith(start)]
        extra = EXTRAS[max(starts, key=len)] if starts else "lm_eval"
        what = str(error).splitlines()[0] if str(error) else "an import failed"
        return BackendError(
            f"model {self._name}: lm-eval's {self._type} needs a package that is not installed ({what}); "
            f"install it with: {installation.adding(extra)}"
        )

    def _arguments(self, request: Request) -> tuple[Any, ...]:
        """The `args` of lm-eval's Instance."""
        context: Any = request.prompt or ""
        if request.messages is not None:
            begun = bool(request.messages) and request.messages[-1]["role"] == "assistant"
            messages = [dict(message) for message in request.messages]
            context = self._lm.apply_chat_template(messages, add_generation_prompt=not begun)
        if request.kind == "loglikelihood":
            self._check_length(f"{context}{request.continuation}", 0)
            return context, request.continuation
        if request.kind == "loglikelihood_rolling":
            return (context,)
        if request.decoding is None:
            raise ValueError("a generation needs decoding parameters, found none")
        self._check_length(context, request.decoding.max_tokens)
        return context, self._generation(request.decoding, request.seed)

    def _check_length(self, text: Any, reserved: int) -> None:
        """Refuse what the type would cut from the left without a word, if it has a tokenizer to tell."""
        encode, length = getattr(self._lm, "tok_encode", None), getattr(self._lm, "max_length", None)
        tokens = encode(text) if encode and isinstance(text, str) and isinstance(length, int) else None
        if isinstance(tokens, list) and isinstance(length, int) and len(tokens) > length - reserved:
            raise ValueError(
                f"the prompt has {len(tokens)} tokens, and with {reserved} kept for the answer the model takes "
                f"{length - reserved}; raise the type's max_length or lower max_tokens"
            )

    def _generation(self, decoding: Decoding, seed: int) -> dict[str, Any]:
        sampled = decoding.temperature > 0
        arguments: dict[str, Any] = {
            "until": [] if self._reasoning.inline or self._reasoning.opened else list(decoding.stop),
            "max_gen_toks": decoding.max_tokens,
            "temperature": decoding.temperature,
            "do_sample": sampled,
        }
        if sampled:
            arguments |= {k: v for k, v in (("top_p", decoding.top_p), ("top_k", decoding.top_k)) if v is not None}
            if self._type.startswith("vllm"):  # the one type that takes a seed with each request
                arguments["seed"] = seed
        return arguments

    def _chunk(
        self, kind: str, seed: int, ready: Sequence[tuple[Request, tuple[Any, ...]]]
    ) -> Iterator[tuple[Request, Reply]]:
        from lm_eval.api.instance import Instance

        name = "generate_until" if kind == "generate" else kind
        instances = [
            Instance(request_type=name, doc={}, arguments=args, idx=request.index, metadata=(request.task, 0, 1))
            for request, args in ready
        ]
        _seed(seed)
        patches.seed_of_api_type(self._lm, seed)
        started = datetime.now(UTC).isoformat()
        try:
            ask = getattr(self._lm, name)
            quiet = {"disable_tqdm": True} if "disable_tqdm" in inspect.signature(ask).parameters else {}
            answers = list(ask(instances, **quiet))
        except Exception as error:  # noqa: BLE001 - whatever a type raises, the others of its chunk are still asked
            if len(ready) == 1:
                yield ready[0][0], _failed(error)
                return
            for one in ready:
                yield from self._chunk(kind, seed, [one])
            return
        if len(answers) != len(ready):
            raise BackendError(
                f"model {self._name}: lm-eval's {self._type} gave {len(answers)} answers to {len(ready)} requests"
            )
        for (request, args), answer in zip(ready, answers, strict=True):
            prompt = args[0] if isinstance(args[0], str) else None
            reply = Reply(**_fields(kind, answer, self._reasoning, prompt), started_at=started)
            yield request, reply if request.decoding is None else _replies.cut(reply, request.decoding.stop)


_PLAIN = ReasoningSpec()


def _fields(kind: str, answer: Any, reasoning: ReasoningSpec = _PLAIN, prompt: str | None = None) -> Mapping[str, Any]:
    """An answer of lm-eval's as fields of a reply."""
    if kind == "generate":
        if not isinstance(answer, str):
            return {"error": f"lm-eval gave {type(answer).__name__} in place of a text"}
        return _replies.parted(answer, reasoning, prompt)
    number, greedy = (*answer, None, None)[:2] if isinstance(answer, tuple | list) else (answer, None)
    try:
        value = finite(float(number))
    except (TypeError, ValueError, OverflowError):
        value = None
    if value is None:
        return {"error": f"lm-eval gave a loglikelihood of {reprlib.repr(number)}"}
    return {"loglikelihood": value, "is_greedy": bool(greedy) if kind == "loglikelihood" else None}


def _failed(error: Exception) -> Reply:
    return Reply(error=f"lm-eval: {type(error).__name__}: {error}")


def _seed(seed: int) -> None:
    """Seed every generator that a model type may draw from and that is loaded already."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
