"""The folder is the registry: a name resolves to a module of that name, imported only when it is asked for.

A backend is a file in `harness/backends/`, a scorer one in `harness/scorers/`, a provenance channel one in
`harness/provenance/channels/`, a probe one in `harness/provenance/probes/` or in the working directory's `probes/`, an
export format one in `harness/archive/exports/`. A file whose name starts with `_` is
a helper of its neighbours, not a plugin.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from harness.core import resources
from harness.errors import ConfigError, unknown_name

KINDS = {
    "backends": "backend",
    "scorers": "scorer",
    "provenance.channels": "provenance channel",
    "provenance.probes": "provenance probe",
    "archive.exports": "export format",
}
"""Every folder of plugins, and what one of its files is called in a message."""
OWN = {"provenance.probes": "probes"}
"""Kinds of which a user may have files too, and the folder of the working directory that they lie in."""


def names(kind: str, *, own: bool = True) -> list[str]:
    """Every plugin of a kind, sorted. Imports none of them.

    Args:
        kind: a key of `KINDS`.
        own: also those of the user's own folder, if the kind has one.

    Raises:
        ConfigError: a file of the user's folder has the name of one that ships.
        KeyError: `kind` is no folder of plugins.
    """
    KINDS[kind]
    shipped = _shipped(kind)
    mine = _in([str(folder)]) if own and (folder := own_folder(kind)) else set()
    for name in sorted(shipped & mine):
        raise ConfigError(f"{folder}/{name}.py: there is a {KINDS[kind]} of that name already; rename the file")
    return sorted(shipped | mine)


@cache
def _shipped(kind: str) -> frozenset[str]:
    """Those that are installed: asked for thousands of times in a report, and no others while a process runs."""
    spec = importlib.util.find_spec(f"harness.{kind}")
    return frozenset(_in(spec.submodule_search_locations or [] if spec else []))


def _in(folders: Iterable[str]) -> set[str]:
    return {m.name for m in pkgutil.iter_modules(list(folders)) if not m.name.startswith("_")}


def own_folder(kind: str) -> Path | None:
    """The user's folder of a kind, in the working directory and nowhere else. None that a bundle brought."""
    folder = _own_place(kind)
    return folder if folder is not None and resources.brought_by(folder) is None else None


def left_aside(kind: str) -> str | None:
    """Why the folder of a kind in the working directory is not read. `None` if it is, or is not there.

    Its files are code, and a bundle may come from a stranger. Which of them were there before is not to be told, so
    none of them is run.
    """
    folder = _own_place(kind)
    index = None if folder is None else resources.brought_by(folder)
    if index is None:
        return None
    return (
        f"{folder}: none of its files was run, for a bundle was unpacked there ({index}); if they are your own, "
        "work in a folder without that bundle"
    )


def _own_place(kind: str) -> Path | None:
    folder = Path.cwd() / OWN[kind] if kind in OWN else None
    return folder if folder is not None and folder.is_dir() else None


@lru_cache(maxsize=64)
def _from_file(path: Path, changed: int) -> ModuleType:  # noqa: ARG001 - a changed file is read again
    name = f"harness_own_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: not a Python file that can be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error
    return module


def load(kind: str, name: str) -> ModuleType:
    """The module of one plugin. None of its neighbours is imported.

    Args:
        kind: a key of `KINDS`.
        name: a file of that folder, without `.py`.

    Raises:
        ConfigError: there is no such file. The message has the near misses.
        KeyError: `kind` is no folder of plugins.
    """
    known = names(kind)
    if name not in known:
        raise ConfigError(unknown_name(KINDS[kind], name, known))
    own = own_folder(kind)
    if own is not None and (file := own / f"{name}.py").is_file():
        return _from_file(file, file.stat().st_mtime_ns)
    return importlib.import_module(f"harness.{kind}.{name}")
