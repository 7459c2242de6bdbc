"""How harness was installed and started here: commands that a message prints can be typed as they stand."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from harness.core import programs
from harness.core.resources import PACKAGE

DISTRIBUTION = "harness-provenance"
"""The name in package registries. `harness` there is somebody else's package."""


def own(name: str) -> str:
    """The requirement that is one of harness's own extras, such as `hf`."""
    return f"{DISTRIBUTION}[{name}]"


def adding(requirement: str) -> str:
    """The command that adds a package to this environment: pip's, or that of the tool that keeps the environment.

    Args:
        requirement: as pip takes it, such as `xllamacpp`, or what `own` gives.

    Returns:
        A line for a shell. In a clone, an extra is added by installing the clone with it.
    """
    home, wanted = Path(sys.prefix), shlex.quote(requirement)
    own = requirement.startswith(f"{DISTRIBUTION}[")
    root = PACKAGE.parent
    if own and (root / "pyproject.toml").is_file():  # a clone. An installed package has none beside it
        place = "." if Path.cwd() == root else str(root)
        return f"{_python()} -m pip install -e {shlex.quote(place + requirement.removeprefix(DISTRIBUTION))}"
    if (home / "pipx_metadata.json").is_file():
        return f"pipx inject {DISTRIBUTION} {wanted}"
    if (home / "uv-receipt.toml").is_file():  # written by `uv tool install`
        return f"uv tool install {wanted}" if own else f"uv tool install {DISTRIBUTION} --with {wanted}"
    return f"{_python()} -m pip install {wanted}"


def command() -> str:
    """What to type to start harness again: `harness` if the shell finds this one, else as it was started."""
    words = sys.orig_argv
    if "UV_RUN_RECURSION_DEPTH" in os.environ:  # `uv run` puts the environment on PATH for its own process alone
        return "uv run harness"
    if words[1:3] == ["-m", "harness"]:
        return f"{_typed(sys.executable)} -m harness"
    started = Path(words[1]) if len(words) > 1 else Path("harness")
    if started.stem != "harness" or not started.is_file():
        return "harness"
    found = programs.find("harness")
    if found is not None and Path(found).resolve() == started.resolve():
        return "harness"
    return _typed(words[1])


def _python() -> str:
    """This interpreter, as a shell here finds it."""
    found = programs.find("python")
    # Not `resolve`: the interpreter of an environment is a link to the system's, which lacks its packages.
    same = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return "python" if same else _typed(sys.executable)


def _typed(path: str) -> str:
    """A path as one types it here: relative if it lies in the working folder."""
    whole = Path(path).absolute()
    return shlex.quote(str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole))
