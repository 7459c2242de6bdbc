"""Programs of the system that are run by name: from `PATH`, never from the working folder, which may be anybody's."""

from __future__ import annotations

import os
import shutil


def search_path() -> str:
    """`PATH` without entries that are empty or relative: they mean the working folder, or one in it."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))  # noqa: PTH117 - text, as PATH is


def find(name: str) -> str | None:
    """The absolute path of a program. `None` if `search_path` has none. Windows' own search begins in `.`."""
    places = (os.path.join(entry, name) for entry in search_path().split(os.pathsep) if entry)  # noqa: PTH118
    return next((found for place in places if (found := shutil.which(place))), None)
