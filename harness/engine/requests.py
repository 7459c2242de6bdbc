"""What a model is asked about a task: one request for every document, repeat and choice, each with its identity.

A run of 100,000 requests holds no more of them in memory than a run of 100. They are made once and put into a temporary
file, and are read from there piece by piece when their turn comes. The samples around them (document, gold answer) are
made again when they are scored. Only 16 bytes of each request's id stay in memory.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import operator
import os
import pickle
import random
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import Digester, identity
from harness.engine.lmeval import LoadedTask
from harness.errors import TaskError
from harness.records import Decoding, Message, Request, RequestKind
from harness.runs import storage_errors
from harness.specs import DecodeSpec, EvalSpec, ModelSpec, TaskSpec

DEFAULT_MAX_TOKENS = 256
"""lm-eval's own `max_gen_toks`, for a task that names none (`lm_eval.models.api_models`)."""
PIECE = 64
"""How many documents are handed to lm-eval at once, and how many requests are read at once."""
ID_BYTES = identity.DIGEST_CHARS // 2
_FIELDS = operator.attrgetter(*(field.name for field in dataclasses.fields(Request)))
"""A request as a tuple, which is read back in half the time."""


@dataclass(frozen=True)
class Sample:
    """One answer to get: the requests it takes, and the document behind them."""

    task: str
    doc_id: int
    repeat: int
    doc: Mapping[str, Any] = field(repr=False)
    target: str
    requests: tuple[Request, ...]
    instances: tuple[Any, ...] = field(repr=False)
    """lm-eval's `Instance`s, in the order of `requests`. Repeats share them, and nobody writes to them."""


def decoding_for(model: ModelSpec, spec: EvalSpec, task: TaskSpec, generation: Mapping[str, Any]) -> Decoding:
    """Final decoding of one request. The model's settings go before the run's, and these before `generation_kwargs`.

    If nobody named a limit, a model that reasons gets at least its own. A task's limit is for answers without thoughts.
    """
    own = model.decode or DecodeSpec()

    def pick(name: str, default: Any) -> Any:
        for source in (own, spec.decode):
            if (value := getattr(source, name)) is not None:
                return value
        return default

    stop = generation.get("until") or ()
    least = max(int(generation.get("max_gen_toks", DEFAULT_MAX_TOKENS)), model.reasoning.max_tokens or 0)
    return Decoding(
        max_tokens=int(pick("max_tokens", task.max_tokens or least)),
        temperature=float(pick("temperature", generation.get("temperature", 0.0))),
        top_p=pick("top_p", generation.get("top_p")),
        top_k=pick("top_k", generation.get("top_k")),
        stop=tuple(word for word in ([stop] if isinstance(stop, str) else stop) if word),
    )


class Samples:
    """Every sample that a model owes a task, in the order of documents, then repeats.

    Args:
        loaded: the task.
        model: the model.
        spec: the run, with its decoding and seed.
        identity: what can change a model's answer: its backend, the backend's arguments, the hash of its weights.
        counts: samples per document, if some documents have another number than the task's repeats.

    Raises:
        TaskError: the task has no documents, asks for pictures or sound, or asks something else at each pass.
        StorageError: the temporary file cannot be written.
    """

    def __init__(
        self,
        loaded: LoadedTask,
        model: ModelSpec,
        spec: EvalSpec,
        identity: Mapping[str, Any],
        counts: Sequence[int] | None = None,
    ) -> None:
        self._loaded, self._model, self._spec, self._identity, self._counts = loaded, model, spec, identity, counts
        self._ids = bytearray()
        self.kinds: set[RequestKind] = set()
        """Kinds of its requests."""
        self.begun = False
        """True if the task begins the answers (`gen_prefix`): conversations then end with the assistant's words."""
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object; the system removes it with the process
        weakref.finalize(self, self._spool.close)
        made = (request for sample in self._made() for request in sample.requests)
        with storage_errors(Path(tempfile.gettempdir())):
            while piece := list(itertools.islice(made, PIECE)):
                self._ids += b"".join(_bytes(request.id) for request in piece)
                self.kinds |= {request.kind for request in piece}
                self.begun |= any(_begun(request) for request in piece)
                pickle.dump(list(map(_FIELDS, piece)), self._spool, pickle.HIGHEST_PROTOCOL)
            self._spool.flush()
        for _ in itertools.islice(self, PIECE):  # finds a task that cannot be asked twice before anything is paid for
            pass

    def __len__(self) -> int:
        """How many samples there are."""
        return sum(map(self._repeats, filter(self._loaded.holds, range(self._loaded.n_whole))))

    def _repeats(self, doc_id: int) -> int:
        most = self._loaded.repeats
        return most if self._counts is None else min(most, self._counts[doc_id])

    def __iter__(self) -> Iterator[Sample]:
        """Make the samples anew, one after the other. Only one pass can run at a time."""
        place = 0
        for sample in self._made():
            for request in sample.requests:
                if self._ids[place : place + ID_BYTES] != _bytes(request.id):
                    raise TaskError(
                        f"task {self._loaded.name}: document {sample.doc_id} is another one each time it is read; "
                        "if it uses random numbers, take them from Python's or from its own seeded generator"
                    )
                place += ID_BYTES
            yield sample

    def requests(self) -> Iterator[Request]:
        """Every request, in order. They are read from the disk piece by piece."""
        place, end = 0, os.fstat(self._spool.fileno()).st_size
        while place < end:
            self._spool.seek(place)
            piece = pickle.load(self._spool)  # noqa: S301 - this process wrote it, and nobody else can open it
            place = self._spool.tell()
            yield from itertools.starmap(Request, piece)

    def ids(self) -> Iterator[str]:
        """The ids of all requests, in order, without making them."""
        for place in range(0, len(self._ids), ID_BYTES):
            yield f"{identity.REQUEST}:{self._ids[place : place + ID_BYTES].hex()}"

    def _made(self) -> Iterator[Sample]:
        loaded, task = self._loaded, self._loaded.task
        random.seed(self._spec.seed)  # so that each pass, and each model, draws the same examples
        task.set_fewshot_seed(seed=self._spec.seed)
        maker = _Maker(loaded, self._model, self._spec, self._identity)
        # Of all shards: the examples that a document gets may depend on the draws before it.
        waiting = enumerate(loaded.whole())
        while piece := list(itertools.islice(waiting, PIECE)):
            by_doc: dict[int, list[Any]] = {}
            for instance in self._instances(piece, chat=maker.chat):
                by_doc.setdefault(instance.doc_id, []).append(instance)
            for doc_id, unordered in sorted(by_doc.items()):
                if not loaded.holds(doc_id):
                    continue
                instances = tuple(sorted(unordered, key=lambda instance: instance.idx))
                doc = dict(instances[0].doc)
                target = _target(task, doc)
                for repeat in range(self._repeats(doc_id)):
                    requests = tuple(maker.request(instance, repeat) for instance in instances)
                    yield Sample(loaded.name, doc_id, repeat, doc, target, requests, instances)

    def _instances(self, piece: Sequence[tuple[int, Any]], *, chat: bool) -> list[Any]:
        """lm-eval's requests for some documents. `build_all_requests` would make those of the whole task at once."""
        task = self._loaded.task
        task.doc_iterator = lambda **_: iter(piece)
        try:
            task.build_all_requests(
                system_instruction=self._model.system,
                apply_chat_template=chat,
                fewshot_as_multiturn=chat,
                chat_template=_chat_template if chat else None,
                tokenizer_name="harness" if chat else "",
            )
        except ValueError as error:
            raise TaskError(f"task {self._loaded.name}: {error}") from error
        finally:
            del task.doc_iterator
        return list(task.instances)


def _begun(request: Request) -> bool:
    return bool(request.messages) and request.messages[-1]["role"] == "assistant"  # type: ignore[index]


def _bytes(request_id: str) -> bytes:
    return bytes.fromhex(request_id.rpartition(":")[2])


class _Maker:
    """Turn lm-eval's instances into requests. What they share is worked out once."""

    def __init__(self, loaded: LoadedTask, model: ModelSpec, spec: EvalSpec, identity: Mapping[str, Any]) -> None:
        self._loaded, self._model, self._spec = loaded, model, spec
        self.chat = model.chat and loaded.task.OUTPUT_TYPE == "generate_until"
        self._generation: Any = None
        self._decoding: Decoding | None = None
        self._identity = identity
        self._digester = self._shared(None)

    def _shared(self, decoding: Decoding | None) -> Digester:
        loaded = self._loaded
        fixed = {"model": self._identity, "task": loaded.name, "version": loaded.version, "decoding": decoding}
        return Digester(identity.REQUEST, fixed)

    def _decode(self, generation: Mapping[str, Any]) -> Decoding:
        if self._decoding is None or generation != self._generation:
            self._generation = generation
            self._decoding = decoding_for(self._model, self._spec, self._loaded.spec, generation)
            self._digester = self._shared(self._decoding)
        return self._decoding

    def request(self, instance: Any, repeat: int) -> Request:
        """The request that an instance stands for.

        Raises:
            TaskError: it asks for pictures or sound.
        """
        kind: RequestKind = "generate" if instance.request_type == "generate_until" else instance.request_type
        arguments = instance.args
        messages: tuple[Message, ...] | None = None
        prompt: str | None = arguments[0]
        continuation, decoding = None, None
        if kind == "generate":
            if len(arguments) > 2:  # noqa: PLR2004 - (context, generation arguments[, pictures and sound])
                raise TaskError(f"task {self._loaded.name}: asks for pictures or sound; harness evaluates text")
            decoding = self._decode(arguments[1])
            if self.chat:
                messages, prompt = tuple(json.loads(arguments[0])), None
        elif kind == "loglikelihood":
            continuation = arguments[1]
        fields = {
            "doc_id": instance.doc_id,
            "index": instance.idx,
            "repeat": repeat,
            "kind": kind,
            "messages": messages,
            "prompt": prompt,
            "continuation": continuation,
            "seed": self._spec.seed + repeat,
        }
        return Request(
            id=self._digester.digest(fields),
            model=self._model.name,
            task=self._loaded.name,
            doc_id=instance.doc_id,
            repeat=repeat,
            index=instance.idx,
            kind=kind,
            messages=messages,
            prompt=prompt,
            continuation=continuation,
            decoding=decoding,
            seed=self._spec.seed + repeat,
        )


def _chat_template(history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
    """Keep the conversation as it is, because the backend applies the model's own template."""
    del add_generation_prompt  # if a conversation ends with the assistant's words, that says it already
    return json.dumps([{"role": turn["role"], "content": turn["content"]} for turn in history])


def _target(task: Any, doc: Mapping[str, Any]) -> str:
    target = task.doc_to_target(doc)
    if isinstance(target, int) and task.config.doc_to_choice is not None:
        choices = task.doc_to_choice(doc)
        return str(choices[target]) if 0 <= target < len(choices) else str(target)
    return target if isinstance(target, str) else json.dumps(target, default=str)
