"""What a run ran on: versions, commit, machine. Nothing that names a person, a host or a folder."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path, PurePath
from typing import Any

from harness import __version__
from harness.core import programs
from harness.core.installation import DISTRIBUTION
from harness.core.resources import PACKAGE

_SECRET = re.compile(r"(key|token|secret|password|authorization)", re.IGNORECASE)
_NAME_OR_VERSION = re.compile(r"^(Name|Version): *(.+?)\s*$", re.MULTILINE)
_COUNT = re.compile(r"\+{0,2}([\w-]+\.)*(max_)?tokens=(\d{1,12}|null)")
"""A word that sets a number of tokens, which is no secret: `decode.max_tokens=512`, `budget.tokens=100000`."""


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A state of the code."""

    commit: str | None = None
    dirty: bool | None = None
    """True if files that git tracks were changed."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a run ran on. `None` is not known."""

    system: str | None = None
    release: str | None = None
    machine: str | None = None
    cpu: str | None = None
    cores: int | None = None
    """Those that the process might use."""
    memory_gib: int | float | None = None
    python: str | None = None
    python_implementation: str | None = None


def now() -> str:
    """UTC, ISO 8601, to the millisecond, ending in `Z`."""
    seconds, rest = divmod(time.time_ns(), 10**9)
    return f"{_to_the_second(seconds)}.{rest // 10**6:03d}Z"


@lru_cache(maxsize=1)
def _to_the_second(seconds: int) -> str:
    """A time since 1970 in UTC. Every request is dated, and most of them in the same second as the one before."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def packages() -> dict[str, str]:
    """Every installed distribution and its version, sorted by lower-case name."""
    found = {}
    for dist in distributions():
        # `dist.metadata` parses the whole file, description and all: five times slower.
        head = (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "").partition("\n\n")[0]
        fields = dict(_NAME_OR_VERSION.findall(head))
        if len(fields) == 2:  # noqa: PLR2004 - a name and a version
            found[fields["Name"].lower()] = fields["Version"]
    return dict(sorted((found | {DISTRIBUTION: __version__}).items()))


def git() -> Checkout | None:
    """Commit and dirty flag of the checkout this package runs from. `None` if it is installed.

    Only files that git tracks make it dirty: results are no change of the code.
    """
    root = PACKAGE.parent
    git = programs.find("git")
    if git is None or not (root / ".git").exists():
        return None

    def run(*arguments: str) -> str | None:
        done = subprocess.run(
            [git, "-C", str(root), *arguments], capture_output=True, text=True, check=False, timeout=20
        )
        return done.stdout.strip() if done.returncode == 0 else None

    commit = run("rev-parse", "HEAD")
    changes = run("status", "--porcelain", "--untracked-files=no")
    return Checkout(commit=commit, dirty=bool(changes)) if commit else None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> Machine:
    """Operating system, processor, cores this process may use, memory in GiB, Python."""
    import psutil

    return Machine(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        cpu=_cpu_model(),
        cores=available_cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        python=platform.python_version(),
        python_implementation=platform.python_implementation(),
    )


def available_cores() -> int:
    """Cores this process may run on (at least 1)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def publishable(arguments: Sequence[str]) -> list[str]:
    """Command-line words fit to be published: values of secret-looking keys and the folders of paths removed."""
    return [_publishable(word) for word in arguments]


def publishable_args(value: Any) -> Any:
    """A model's arguments fit to be published, and still different if they differ.

    The folders of paths become eight digits of the path's SHA-256. A value that went through this comes out of it again
    as it is: what a manifest holds has the identity of what was asked.
    """
    if isinstance(value, str):
        return _publishable(value, hashed=True)
    if isinstance(value, Mapping):
        return {key: publishable_args(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [publishable_args(item) for item in value]
    return value


def _publishable(word: str, *, hashed: bool = False) -> str:
    secret = re.search(rf"{_SECRET.pattern}[^=]*=", word, re.IGNORECASE)
    if secret and not _COUNT.fullmatch(word):
        return f"{word[: secret.end()]}***"
    key, equals, value = word.rpartition("=")
    return f"{key}{equals}{_without_folder(value, hashed=hashed)}"


def _without_folder(value: str, *, hashed: bool) -> str:
    if PurePath(value).is_absolute() or value.startswith("~") or re.match(r"^[A-Za-z]:\\", value):
        name = re.split(r"[/\\]", value.rstrip("/"))[-1]
        digits = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"…/{name}#{digits}" if hashed else f"…/{name}"
    return value


def looks_secret(key: str) -> bool:
    """True for a config key that seems to hold a secret (`api_key`, `token`), false for `max_tokens`."""
    return bool(_SECRET.search(key)) and not key.endswith("tokens") and key != "tokenizer"
