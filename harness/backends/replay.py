"""Answers from a run's journal: offline, without a key. `harness eval model=replay run=ID` puts it to use."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from harness import runs
from harness.backends import OneByOne, _args
from harness.core import plain
from harness.errors import ConfigError
from harness.records import Reply, Request
from harness.runs import Replies
from harness.specs import ModelSpec


class Backend(OneByOne):
    """The replies that a run's journal holds, each to the very request it was given to.

    Args (of the model):
        run: the run's id. Required.
        results_dir: where run folders are. Default `results`.

    A request that the journal has no reply to is a failed one, so a task that asks something else now, or another
    model, never gets an answer that was not its own. If only the task's version is another, because it judges
    otherwise, the reply is the one to the same words, decoding and seed of the same model.

    Raises:
        ConfigError: an argument is wrong, or there is no such run.
        StorageError: its journal is damaged.
    """

    deterministic = True

    def __init__(self, model: ModelSpec, weights: Path | None) -> None:
        del weights
        args = _args.read(model, {"run": "", "results_dir": "results"})
        if not args["run"]:
            raise ConfigError(f"model {model.name}: no run to replay is named; say run=ID (`harness runs` lists them)")
        self.parallel = 1
        self._run = runs.find_run(Path(args["results_dir"]), args["run"])
        self._replies = Replies(self._run / runs.JOURNAL)

    def facts(self) -> dict[str, object]:
        """Whose answers these are."""
        return {"runtime": "replay", "run": self._run.name}

    def reply(self, request: Request) -> Reply:
        """What was answered then."""
        held = self._replies.get(request.id) or self._same(request)
        if held is None:
            return Reply(
                error=f"run {self._run.name} holds no answer to this request: its task, model or decoding is another "
                f"now (`harness show {self._run.name} --why` with the id of this run says which field)"
            )
        return dataclasses.replace(held, reused_from=held.reused_from or self._run.name)

    def _same(self, request: Request) -> Reply | None:
        """The reply to a request that differs in its task's version alone."""
        row = self._asked.get((request.model, request.task, request.doc_id, request.repeat))
        if row is None or request.index >= len(row["request_ids"]):
            return None
        messages = json.dumps(plain(request.messages), ensure_ascii=False) if request.messages is not None else None
        decoding = json.dumps(plain(request.decoding), sort_keys=True) if request.decoding else None
        asked = (messages, request.prompt, decoding, request.seed, request.kind)
        if asked != tuple(row[name] for name in ("messages", "prompt", "decoding", "seed", "kind")):
            return None
        if request.kind != "generate" and (row["continuations"] or [])[request.index] != (request.continuation or ""):
            return None
        return self._replies.get(row["request_ids"][request.index])

    @functools.cached_property
    def _asked(self) -> dict[tuple[str, str, int, int], dict[str, Any]]:
        """What the run asked, as its samples say. Empty if it has none yet."""
        import polars as pl

        path = runs.samples_path(self._run)
        if not path.is_file():
            return {}
        place = ("model", "task", "doc_id", "repeat")
        columns = ("messages", "prompt", "decoding", "seed", "kind", "continuations", "request_ids")
        runs.check_expansion(path)
        rows = pl.read_parquet(path, columns=[*place, *columns]).iter_rows(named=True)
        return {(row["model"], row["task"], row["doc_id"], row["repeat"]): row for row in rows}

    def close(self) -> None:
        """Nothing to free."""
