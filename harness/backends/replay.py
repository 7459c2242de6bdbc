"""Answers from a run's journal: offline, without a key. `harness eval model=replay run=ID` puts it to use."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from harness import runs
from harness.backends import _args
from harness.errors import ConfigError
from harness.journal import Replies
from harness.records import Reply, Request
from harness.specs import ModelSpec


class Backend:
    """The replies that a run's journal holds, each to the very request it was given to.

    Args (of the model):
        run: the run's id. Required.
        results_dir: where run folders are. Default `results`.

    A request that the journal has no reply to is a failed one; so a changed task, or another model, never gets an
    answer that was not its own.

    Raises:
        ConfigError: an argument is wrong, or there is no such run.
        StorageError: its journal is damaged.
    """

    deterministic: ClassVar = True

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        del weights
        args = _args.read(model, {"run": "", "results_dir": "results"})
        if not args["run"]:
            raise ConfigError(
                f"model {model.name}: which run is to be replayed? Say run=ID (`harness runs` lists them)"
            )
        self.parallel = 1
        self._run = runs.find_run(Path(args["results_dir"]), args["run"])
        self._replies = Replies(self._run / runs.JOURNAL)

    def facts(self) -> dict[str, object]:
        """Whose answers these are."""
        return {"runtime": "replay", "run": self._run.name}

    def reply(self, request: Request) -> Reply:
        """What was answered then."""
        held = self._replies.get(request.id)
        if held is None:
            return Reply(
                error=f"run {self._run.name} holds no answer to this request: its task, model or decoding is another "
                f"now (`harness show {self._run.name} --why` with the id of this run says which field)"
            )
        return dataclasses.replace(held, reused_from=held.reused_from or self._run.name)

    def close(self) -> None:
        """Nothing to free."""
