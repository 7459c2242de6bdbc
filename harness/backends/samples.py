"""Answers from a file of completions that exist already. `harness score task=NAME samples=FILE` puts it to use."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from harness.backends import OneByOne, _args, _replies
from harness.errors import ConfigError
from harness.records import Reply, Request, RequestKind
from harness.runs import completions
from harness.specs import ModelSpec


class Backend(OneByOne):
    """The completions of a file, each to the document of its `task_id`, in the file's order as repeats.

    Args (of the model):
        path: the file. See `harness.runs.completions`. Required.
        keys: the `task_id` of every document, in order. Required.

    A document that the file has no completion of, or too few, is a failed request: unscored and counted, not wrong.

    Raises:
        ConfigError: an argument is missing, or the file cannot be read.
    """

    deterministic = True
    kinds: ClassVar[frozenset[RequestKind]] = frozenset({"generate"})

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        del weights
        args = _args.read(model, {"path": "", "keys": None, "sha256": None})
        if not args["path"] or args["keys"] is None:
            raise ConfigError(
                f"model {model.name}: no completions are named; type harness score task=NAME samples=FILE"
            )
        self.parallel = 1
        self._reasoning = model.reasoning
        self._keys = args["keys"]
        self._found = completions.read(Path(args["path"]))

    def facts(self) -> dict[str, object]:
        """Where the answers are from."""
        return {"runtime": completions.BACKEND, "file": self._found.path.name}

    def reply(self, request: Request) -> Reply:
        """The completion of a document, its reasoning apart, up to the task's stop texts."""
        key = self._keys[request.doc_id]
        texts = self._found.by_task.get(key, [])
        if request.repeat >= len(texts):
            return Reply(error=f"{self._found.path.name} has {len(texts)} completions of task_id {key}")
        reply = Reply(**_replies.parted(texts[request.repeat], self._reasoning))
        return reply if request.decoding is None else _replies.cut(reply, request.decoding.stop)

    def close(self) -> None:
        """Nothing to free."""
