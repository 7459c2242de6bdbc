"""The table `provenance` as a frame that can be called: `results.provenance("mine")` is the finding on a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from harness.errors import ConfigError, unknown_name
from harness.provenance import Finding


class ProvenanceFrame(pl.DataFrame):
    """A row per model, possible teacher and channel, as any frame. Called with a model's name, the finding on it."""

    _findings: Callable[[str], Mapping[str, Finding]] | None = None

    @classmethod
    def of(cls, findings: Callable[[str], Mapping[str, Finding]], frame: pl.DataFrame) -> ProvenanceFrame:
        """The frame, which asks `findings` for those on a model, by prompt set, when it is called."""
        made = cls(frame)
        made._findings = findings
        return made

    def __call__(self, model: str, corpus: str | None = None) -> Finding:
        """What is said of where a model's answers come from.

        Args:
            model: its name.
            corpus: the prompt set: a task or a panel. By default the one that the leaderboard shows.

        Raises:
            ConfigError: there is no finding of that model, or none on that set.
        """
        if self._findings is None:
            raise ConfigError("this frame was made from another one; call results.provenance(…) itself")
        found = self._findings(model)
        if corpus is None:
            return next(iter(found.values()))
        if corpus not in found:
            raise ConfigError(unknown_name(f"prompt set of {model}", corpus, found))
        return found[corpus]
