"""Runs in the formats that other tools read: one file per format, with one function `files`.

    def files(run: Finished, options: Options) -> Iterator[tuple[str, bytes]]

It yields paths inside the folder that is written, and their content. The same run gives the same bytes. If a run is
incomplete (`Finished.covered`), its files say so, in the format's own fields if it has some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import runs
from harness.archive.exports._run import Finished, Options, read
from harness.core import plugins

KIND = "archive.exports"


def formats() -> list[str]:
    """The names of every format."""
    return plugins.names(KIND)


def export(form: str, folders: Sequence[Path], out: Path, options: Options | None = None) -> list[Path]:
    """Write finished runs in a format.

    Args:
        form: a file of this package.
        folders: run folders.
        out: the folder to write into. Files of the same name are replaced.
        options: what the format cannot know from the run.

    Returns:
        The files written, in order.

    Raises:
        ConfigError: no such format.
        StorageError: a run cannot be read or has not ended, or a file cannot be written.
    """
    module = plugins.load(KIND, form)
    options = replace(options or Options(), warnings=warnings(folders))
    written: dict[Path, None] = {}
    for folder in folders:
        for name, content in module.files(read(folder), options):
            path = out / name
            runs.write_atomic(path, content)
            written[path] = None
    return list(written)


def warnings(folders: Sequence[Path]) -> tuple[str, ...]:
    """What is incomplete in finished runs, a sentence for each model and task. Every format says it too.

    Raises:
        StorageError: a run cannot be read or has not ended.
    """
    return tuple(text for folder in folders for text in read(folder).warnings)


__all__ = ["KIND", "Finished", "Options", "export", "formats", "warnings"]
