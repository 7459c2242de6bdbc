"""harness: math, coding and provenance evaluation of language models, in one command.

`harness.evaluation.evaluate(spec)` runs an evaluation from Python, as `harness eval` does from the shell;
`harness.open("results")` reads results, as `harness sql` does.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.results import notebook

__version__ = "0.1.0"


def open(results: str | PathLike[str] = "results", *, refresh: bool = True) -> notebook.Results:  # noqa: A001 - `harness.open`
    """The results in a folder, to read: SQL, and every table as a Polars frame; see `harness.results.notebook.Results`.

    Args:
        results: the results folder.
        refresh: bring the index up to date first; False reads it as it is and writes nothing.

    Raises:
        ConfigError: there is no such folder.
        StorageError: the index cannot be written, or (without refresh) is missing or of another version.
    """
    from harness.results import notebook

    return notebook.read(results, refresh=refresh)
