"""harness: math, coding and provenance evaluation of language models, in one command.

`harness.evaluate(model="smollm2", task=["gsm8k"], limit=20)` runs an evaluation, as `harness eval` does from the shell.
`harness.open("results")` reads results, as `harness sql` does.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.evaluation import FinishedRun
    from harness.results import notebook

__version__ = "0.1.0"


def evaluate(*overrides: str, quiet: bool = False, **settings: Any) -> FinishedRun:
    """Run an evaluation to its end, or from where an earlier call with the same settings stopped.

        harness.evaluate(model=["smollm2", "qwen25_coder"], task="word_problems", limit=20, decode={"temperature": 0.7})
        harness.evaluate("+experiment=temperature", "task.data=gsm8k_test.jsonl", task="gsm8k")

    Args:
        overrides: words of `harness eval`, for what no keyword can say.
        quiet: no progress on stderr.
        settings: the same as keywords. A list is several choices of a group, a mapping sets the keys below a key,
            `None` is null. `harness eval --help` names them all.

    Returns:
        The finished run: its folder, its manifest, and how many requests were sent. `harness.open(…)` reads it.

    Raises:
        ConfigError: a setting or a name is not known. The message has near misses.
        HarnessError: anything else that you can put right. What was answered before it is kept.
    """
    from harness.cli import config
    from harness.evaluation import evaluate as run

    words = [*overrides, *config.words(settings)]
    return run(config.compose(words), argv=["harness", "eval", *words], quiet=quiet)


def open(results: str | PathLike[str] = "results", *, refresh: bool = True) -> notebook.Results:  # noqa: A001 - `harness.open`
    """The results in a folder, to read: SQL, and every table as a Polars frame. See `harness.results.notebook.Results`.

    Args:
        results: the results folder.
        refresh: bring the index up to date first. False reads it as it is and writes nothing.

    Raises:
        ConfigError: there is no such folder.
        StorageError: the index cannot be written, or (without refresh) is missing or of another version.
    """
    from harness.results import notebook

    return notebook.read(results, refresh=refresh)
