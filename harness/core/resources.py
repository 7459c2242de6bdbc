"""Where configuration and tasks are: what ships with the package, and what a user has beside it.

In a checkout `conf/` and `tasks/` are top-level folders. In a wheel they lie inside the package. A user's own
`conf/` and `tasks/` in the working directory are added to them. On the same name the shipped file wins in
`conf/` (Hydra's search path), and two tasks of one name are an error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import ConfigError

PACKAGE = Path(__file__).parents[1]
BUNDLE = "bundle.json"
"""The index of a bundle, at its top."""
BUNDLED = ("runs", "tasks")
"""The folders of a bundle, beside its index."""
UNPACKED = (*BUNDLED, "probes")
"""What an archive that is unpacked by hand may put beside that index: code of a stranger's, in a bundle or not."""


def _shipped(name: str) -> Path:
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def _dirs(name: str) -> list[Path]:
    shipped, own = _shipped(name), Path.cwd() / name
    return [shipped, own] if own.is_dir() and own.resolve() != shipped.resolve() else [shipped]


def conf_dirs() -> list[Path]:
    """Folders of configuration, the shipped one first."""
    return _dirs("conf")


def task_dirs() -> list[Path]:
    """Folders of tasks, the shipped one first."""
    return _dirs("tasks")


def yaml_loader() -> Any:
    """PyYAML's safe loader: the one in C if PyYAML comes with libyaml, which takes a tenth of the time."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain_yaml(content: str | bytes) -> Any:
    """What YAML holds, as plain values.

    Raises:
        yaml.YAMLError: it is not YAML, or asks for anything but plain values.
    """
    import yaml

    return yaml.load(content, Loader=yaml_loader())  # noqa: S506 - a safe one


def fault(error: Exception) -> str:
    """Where a file is no YAML, and why: what stands behind its name in a message."""
    opened = "flow" in (getattr(error, "context", None) or "")  # a bracket that nothing closes: where it was opened
    marks = ("context_mark", "problem_mark") if opened else ("problem_mark", "context_mark")
    mark = next(filter(None, (getattr(error, name, None) for name in marks)), None)
    why = ", ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
    line = "" if mark is None else f", line {mark.line + 1}"
    return f"{line}: not valid YAML: {' '.join(why.split())}"


def mapping(path: Path) -> dict[str, Any]:
    """The keys and values of a config file, Hydra's `defaults` among them.

    Raises:
        ConfigError: it cannot be read, is not YAML, or no mapping.
    """
    import yaml

    try:
        config = plain_yaml(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}{fault(error)}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(config).__name__}")
    return config


def brought_by(folder: Path) -> Path | None:
    """The index of the bundle that brought a folder, or part of it: whoever unpacks one has that file beside it.

    Args:
        folder: a folder of tasks, of probes or of results, links and all.
    """
    tops = (
        above
        for place in (folder.absolute(), folder.resolve())
        for above in place.parents
        if place.relative_to(above).parts[0] in UNPACKED
    )
    beside = (above / BUNDLE for above in tops)
    return next((file for file in (*beside, *sorted(folder.rglob(BUNDLE))) if _is_index(file)), None)


def _is_index(file: Path) -> bool:
    """Whether a file is a bundle's index. One that cannot be read is taken for one."""
    if not file.is_file():
        return False
    try:
        said = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return isinstance(said, dict) and {"schema", "runs", "files"} <= said.keys()
