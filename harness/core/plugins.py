"""The folder is the registry: a name resolves to a module of that name, imported only when it is asked for.

A backend is a file in `harness/backends/`, a scorer one in `harness/scorers/`, a provenance channel one in
`harness/provenance/channels/`, an export format one in `harness/archive/exports/`. A file whose name starts with `_` is
a helper of its neighbours, not a plugin.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from types import ModuleType

from harness.errors import ConfigError, unknown_name

KINDS = {
    "backends": "backend",
    "scorers": "scorer",
    "provenance.channels": "provenance channel",
    "archive.exports": "export format",
}
"""Every folder of plugins, and what one of its files is called in a message."""


def names(kind: str) -> list[str]:
    """Every plugin of a kind, sorted. Imports none of them.

    Args:
        kind: a key of `KINDS`.

    Raises:
        KeyError: `kind` is no folder of plugins.
    """
    KINDS[kind]
    spec = importlib.util.find_spec(f"harness.{kind}")
    folders = spec.submodule_search_locations if spec else None
    return sorted(m.name for m in pkgutil.iter_modules(folders or []) if not m.name.startswith("_"))


def load(kind: str, name: str) -> ModuleType:
    """The module of one plugin; none of its neighbours is imported.

    Args:
        kind: a key of `KINDS`.
        name: a file of that folder, without `.py`.

    Raises:
        ConfigError: there is no such file; the message has the near misses.
        KeyError: `kind` is no folder of plugins.
    """
    known = names(kind)
    if name not in known:
        raise ConfigError(unknown_name(KINDS[kind], name, known))
    return importlib.import_module(f"harness.{kind}.{name}")
