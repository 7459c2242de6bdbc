"""Where reference panels are, and their prompts as whoever asks them needs them.

A panel is `NAME.yaml`, `NAME.parquet` and `NAME.prompts.jsonl` in one folder, or all three in `NAME.panel.zip`:
shipped with the package, in `panels/` of the working folder, or at a path. What is in them is
`harness.provenance.panels.panel`'s. Here are the prompts alone. Texts that a panel may not pass on are kept in the
cache, once `harness panel fetch` has found them where they are published, and a text counts only if its SHA-256 is the
one that the panel names.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core import identity
from harness.core.resources import PACKAGE, conf_dirs
from harness.errors import ConfigError, StorageError, unknown_name

SHIPPED = PACKAGE / "provenance" / "panels" / "shipped"
OWN = "panels"
"""The folder of a user's own panels, in the working folder."""
SHARED = ".panel.zip"
PROMPTS = ".prompts.jsonl"
_VERSION = re.compile(rb"^version:\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """The prompts of a panel that a run asks.

    Attributes:
        panel: its name.
        version: its version.
        rows: in the order they are asked in: `prompt_id` (`identity.prompt_id` of the text), `prompt`, `domain`.
        here: prompts of the panel whose text is here.
        total: prompts of the panel.
    """

    panel: str
    version: str
    rows: tuple[Mapping[str, str], ...]
    here: int
    total: int


def folders() -> list[Path]:
    """Folders that hold panels, the shipped one first."""
    own = Path.cwd() / OWN
    return [SHIPPED, own] if own.is_dir() and own.resolve() != SHIPPED.resolve() else [SHIPPED]


def found() -> dict[str, Path]:
    """Every panel by name, sorted: the path of its YAML, or of its one file. A shipped one comes before one's own."""
    panels: dict[str, Path] = {}
    for folder in reversed(folders()):
        panels |= {path.name.removesuffix(SHARED): path for path in folder.glob(f"*{SHARED}")}
        panels |= {path.stem: path for path in folder.glob("*.yaml")}
    return dict(sorted(panels.items()))


def facts() -> str:
    """Stands for all that files say about models: the registries, shipped and own, and the panels'.

    If it changes, verdicts may.
    """
    registries = [path.read_bytes() for folder in conf_dirs() if (path := folder / "model_registry.yaml").is_file()]
    held = {name: part(path, ".yaml") for name, path in found().items()}
    whole = [[hashlib.sha256(content).hexdigest() for content in registries], sorted(held)]
    whole.append([hashlib.sha256(held[name]).hexdigest() for name in sorted(held)])
    return identity.digest(identity.FACTS, whole)


def place(name: str) -> Path:
    """The path of a panel.

    Args:
        name: of one that is found, or a path that ends in `.yaml` or `.panel.zip`.

    Raises:
        ConfigError: there is none.
    """
    path = Path(name).expanduser()
    if name.endswith((".yaml", SHARED)):
        if not path.is_file():
            raise ConfigError(f"{name}: there is no such panel; expected the path of a .yaml or a {SHARED}")
        return path
    panels = found()
    if name not in panels:
        if any((folder / "panel" / f"{name}.yaml").is_file() for folder in conf_dirs()):
            raise ConfigError(
                f"{name} asks several panels (conf/panel/{name}.yaml): name one of them here, or none to read every "
                "panel whose prompts were answered"
            )
        raise ConfigError(unknown_name("panel", name, panels, "`harness panel list` lists them"))
    return panels[name]


def part(path: Path, suffix: str) -> bytes:
    """One file of a panel. Empty if it is not there.

    Args:
        path: of `place`.
        suffix: `.yaml`, `.parquet` or `.prompts.jsonl`.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        if path.name.endswith(SHARED):
            with zipfile.ZipFile(path) as archive:
                name = next((name for name in archive.namelist() if name.endswith(suffix)), None)
                return b"" if name is None else archive.read(name)
        file = path.with_name(path.stem + suffix)
        return file.read_bytes() if file.is_file() else b""
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path.name}: is not a panel that can be read ({error})") from error


def asked(name: str, prompts: int | str) -> Asked:
    """The first so many prompts of a panel whose text is here, in the order that the panel ranks them in.

    Args:
        name: see `place`.
        prompts: how many. `all`: all whose text is here.

    Raises:
        ConfigError: no such panel, or prompts it does not have, or has with another text than their hash says.
    """
    path = place(name)
    called = path.name.removesuffix(SHARED).removesuffix(".yaml")
    lines = [line for line in part(path, PROMPTS).decode("utf-8", "replace").split("\n") if line.strip()]
    if not lines:
        raise ConfigError(f"the panel {called} has no prompts to ask ({called}{PROMPTS} is missing)")
    try:
        held = [json.loads(line) for line in lines]
        rows = _with_texts(called, held)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{called}{PROMPTS}: not one prompt a line ({error!r})") from error
    known = [row for row in rows if row["prompt"] is not None]
    if isinstance(prompts, int) and prompts > len(known):
        more = (
            "" if len(known) == len(rows) else f"; `harness panel fetch {name}` gets the other {len(rows) - len(known)}"
        )
        raise ConfigError(
            f"panel.prompts={prompts}: the panel {called} has {len(rows)} prompts, the texts of {len(known)} of them "
            f"here{more}"
        )
    said = _VERSION.search(part(path, ".yaml"))
    version = said[1].decode("utf-8", "replace").strip("'\"") if said else "unknown"
    return Asked(called, version, tuple(known[: None if prompts == "all" else int(prompts)]), len(known), len(rows))


LEAST = 50
"""Prompts of a panel below which no teacher is tested (`provenance.evidence.LEAST_PROMPTS`)."""


def shared(names: Sequence[str], prompts: int | str) -> list[Asked]:
    """The prompts of several panels that a budget pays for, panel by panel.

    A panel asked fewer than `LEAST` prompts tests no teacher. So as many panels are asked, in the order given, as the
    budget has that many prompts for, one at the least. What is left over is shared out evenly among these.

    Args:
        names: the panels, the most useful first.
        prompts: of all together. `all`: every one whose text is here.

    Raises:
        ConfigError: no such panel, one that is named twice, or more prompts than are here.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"panel.name: {', '.join(twice)} is there twice")
    every = [asked(name, "all") for name in names]
    if prompts == "all" or len(every) == 1:
        return every if prompts == "all" else [asked(names[0], prompts)]
    budget, here = int(prompts), [one.here for one in every]
    if budget > sum(here):
        raise ConfigError(f"panel.prompts={budget}: the panels {', '.join(names)} have {sum(here)} prompts here")
    counts = _shares(here, budget)
    return [replace(one, rows=one.rows[:count]) for one, count in zip(every, counts, strict=True) if count]


def _shares(here: Sequence[int], budget: int) -> list[int]:
    """How many of the prompts that each panel has here are asked: see `shared`."""
    chosen = max(1, budget // LEAST)
    while sum(here[:chosen]) < budget:
        chosen += 1
    counts = [min(have, LEAST, budget) for have in here[:chosen]]
    left = budget - sum(counts)
    while left > 0:
        room = [i for i, count in enumerate(counts) if count < here[i]]
        each = max(1, left // len(room))
        for i in room:
            more = min(each, here[i] - counts[i], left)
            counts[i] += more
            left -= more
    return [*counts, *[0] * (len(here) - chosen)]


def _with_texts(name: str, held: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    texts = fetched(name)
    rows = []
    for prompt in held:
        text = prompt["text"] if prompt["text"] is not None else texts.get(prompt["sha256"])
        if text is not None and text_hash(text) != prompt["sha256"]:
            raise ConfigError(
                f"the panel {name}: the text of the prompt {prompt['name']} does not fit its hash, so answers "
                "to it could not be compared"
            )
        rows.append({"prompt_id": prompt["id"], "prompt": text, "domain": prompt["domain"]})
    return rows


def prompt_ids(path: Path) -> dict[str, str]:
    """The ids of a panel's prompts, and what their source calls them. Nothing of a panel that cannot be read."""
    try:
        return dict(_ids(part(path, PROMPTS)))
    except (ConfigError, ValueError, KeyError, TypeError):
        return {}


@functools.lru_cache(maxsize=32)
def _ids(content: bytes) -> Mapping[str, str]:
    """Those in a file of these very bytes: an index that is brought up to date asks for those of all panels."""
    held = [json.loads(line) for line in content.splitlines() if line.strip()]
    return {str(prompt["id"]): str(prompt["name"]) for prompt in held}


def text_hash(text: str) -> str:
    """What stands for a prompt's exact text: SHA-256 of it in UTF-8, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _kept(name: str) -> Path:
    from harness.core import weights

    return weights.cache_dir() / "panels" / f"{name}.texts.jsonl"


def fetched(name: str) -> dict[str, str]:
    """Texts that `keep` kept of a panel's prompts, by SHA-256. A line that is none is left out."""
    path = _kept(name)
    if not path.is_file():
        return {}
    texts = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            text = json.loads(line) if line else None
        except ValueError:
            continue
        if isinstance(text, str):
            texts[text_hash(text)] = text
    return texts


def keep(name: str, texts: Iterable[str]) -> Path:
    """Keep texts of a panel's prompts in the cache, for `asked`.

    Raises:
        StorageError: the cache cannot be written.
    """
    path = _kept(name)
    every = {**fetched(name), **{text_hash(text): text for text in texts}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in every.values()), encoding="utf-8"
        )
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
    return path
