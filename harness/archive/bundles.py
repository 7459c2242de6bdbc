"""Runs with everything needed to verify and score them again elsewhere, in one zip file, and such a file read back.

Members are stored without compression: the same runs give the same bytes with any zlib, and what is read is never
larger than the file. A bundle may come from a stranger: nothing of it is believed before `open_bundle` has checked
every name, size and hash, and its task files, which are code, are not run unless the user says so.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import re
import stat
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from harness import runs
from harness.archive import stored_samples
from harness.core import file_sha256, resources
from harness.engine import taskfiles
from harness.errors import ConfigError, EvidenceError, StorageError
from harness.runs import TaskEntry, proof

INDEX = resources.BUNDLE
SCHEMA = 1
"""Version of the layout of a bundle."""
MEMBERS = 100_000
"""Most files in a bundle."""
_PART = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,199}")
_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip file can say."""
_ATTRIBUTES = (stat.S_IFREG | 0o644) << 16
_DOS_DATE = 1 << 5 | 1
"""The first of January 1980."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundled:
    """What is in a bundle that was made."""

    path: Path
    sha256: str
    size: int
    roots: Mapping[str, str | None]
    """The root of each run."""
    licences: Mapping[str, str | None]
    """Of each task's documents. `None` is unknown."""
    left_out: Mapping[str, str]
    """Tasks whose files are not in it, and why."""


def bundle(folders: Sequence[Path], path: Path, tasks: stored_samples.Tasks | None = None) -> Bundled:
    """Write a bundle. The same runs and task files give the same bytes.

    Args:
        folders: run folders that have ended.
        path: the zip file to write.
        tasks: where task files are. By default those of this installation and of the working folder.

    Raises:
        ConfigError: a run has not ended, or is named twice, or a file has a name that no bundle may hold.
        StorageError: a file cannot be read or is a link, or the bundle cannot be written.
    """
    files: dict[str, Path] = {}
    roots: dict[str, str | None] = {}
    entries: dict[str, TaskEntry] = {}
    for folder in sorted(folders, key=lambda folder: folder.name):
        runs.refuse_links(folder)
        said = runs.read_manifest(folder)
        if not said.ended:
            raise ConfigError(f"run {folder.name} has not ended; give its command again, then bundle it")
        if folder.name in roots:
            raise ConfigError(f"run {folder.name} is named twice")
        roots[folder.name] = said.root
        signed = [proof.SIGNATURE] if (folder / proof.SIGNATURE).is_file() else []
        names = (runs.MANIFEST, *signed, *proof.stored(folder))
        files |= {f"runs/{folder.name}/{name}": folder / name for name in names}
        entries |= {f"{task.name} {task.task_hash}": task for task in said.tasks}
    of_tasks, licences, left_out = _task_files(entries.values(), (tasks or stored_samples.Tasks.here()).files)
    files |= of_tasks
    for name in files:
        if not _sound(name):
            raise ConfigError(f"{name}: a bundle takes only names of letters, digits and ._+-; rename the file")
    with runs.storage_errors(path):
        hashes = {name: file_sha256(file) for name, file in sorted(files.items())}
    about = {"schema": SCHEMA, "runs": roots, "licences": licences, "left_out": left_out, "files": hashes}
    index = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    with runs.atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, INDEX, io.BytesIO(index), len(index))
        for name, source in sorted(files.items()):
            with runs.storage_errors(source), source.open("rb") as content:
                _add(archive, name, content, source.stat().st_size)
    return Bundled(path, file_sha256(path), path.stat().st_size, roots, licences, left_out)


def _task_files(
    entries: Iterable[TaskEntry], known: Mapping[str, taskfiles.TaskFile]
) -> tuple[dict[str, Path], dict[str, str | None], dict[str, str]]:
    """Files by member name, the licence of each task, and tasks without files and why."""
    files: dict[str, Path] = {}
    licences: dict[str, str | None] = {}
    left_out: dict[str, str] = {}
    for entry in entries:
        name = entry.name
        licences[name] = entry.licence
        found = known.get(name)
        if entry.task_hash is None:
            left_out[name] = "made elsewhere"
        elif entry.builtin:
            left_out[name] = "comes with lm-eval"
        elif found is None or found.content_hash() != entry.task_hash:
            left_out[name] = "its files here are not those that the run names"
        else:
            files |= {f"tasks/{name}/{place}": file for place, file in _of_task(found).items()}
    return files, licences, left_out


def _of_task(task: taskfiles.TaskFile) -> dict[str, Path]:
    """The files that make a task, by their place below one folder. The layout is kept, so that includes are found."""
    files = sorted(task.files())
    top = Path(*_common([file.resolve().parent.parts for file in files]))
    return {file.resolve().relative_to(top).as_posix(): file for file in files}


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    parts = []
    for here in zip(*paths, strict=False):
        if len(set(here)) > 1:
            break
        parts.append(here[0])
    return parts


def _add(archive: zipfile.ZipFile, name: str, content: IO[bytes], size: int) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.create_system = 3  # Unix, wherever it is made
    info.external_attr = _ATTRIBUTES
    info.file_size = size
    with archive.open(info, "w") as member:
        while piece := content.read(_PIECE):
            member.write(piece)


# Reading -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose names, sizes and hashes are in order, unpacked."""

    folders: Sequence[Path]
    """Its run folders."""
    tasks: Path
    """The folder of its task files: code, written by whoever made the bundle."""


@contextlib.contextmanager
def open_bundle(path: Path) -> Iterator[Opened]:
    """Check a bundle and unpack it into a folder that is removed afterwards.

    Raises:
        EvidenceError: it is no bundle, or not the one its index describes. The message names the member.
        StorageError: it cannot be read, or there is no room to unpack it.
    """
    with contextlib.ExitStack() as kept:
        try:
            root = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="harness-bundle-")))
            _unpack_all(path, root)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, UnicodeDecodeError) as error:
            raise EvidenceError(f"{path}: not a zip file that can be read ({error})") from error
        except FileNotFoundError as error:
            raise StorageError(f"{path}: no such file") from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # its end names a place that no file has
                raise EvidenceError(f"{path}: not a zip file that can be read ({error.strerror})") from error
            raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
        yield Opened(runs.list_runs(root), root / "tasks")


def _unpack_all(path: Path, root: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = _members(path, archive)
        hashes = _index(path, archive, members)
        _frame(path, archive)
        with runs.storage_errors(root):
            for name, expected in hashes.items():
                found = _unpack(archive, members[name], root / PurePosixPath(name))
                if found != expected:
                    raise EvidenceError(f"{path}: {name}: recorded {expected}, found {found}")
        (root / "tasks").mkdir(exist_ok=True)


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by name, after everything is refused that a bundle made here never holds."""
    infos = archive.infolist()
    if len(infos) > MEMBERS:
        raise EvidenceError(f"{path}: {len(infos)} members, a bundle holds {MEMBERS} at most")
    members: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        problem = (
            "a name that a bundle never holds"
            if not _sound(info.orig_filename) or info.filename != info.orig_filename
            else "lies outside of the folders of a bundle"
            if info.filename.casefold() != INDEX and info.filename.partition("/")[0] not in resources.BUNDLED
            else "is there twice"
            if info.filename.casefold() in folded
            else "is no plain file"
            if kind not in (0, stat.S_IFREG) or info.is_dir()
            else "is encrypted"
            if info.flag_bits & 1
            else "is compressed; a bundle's members are stored as they are"
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size
            else None
        )
        if problem:
            raise EvidenceError(f"{path}: {ascii(info.orig_filename)[:200]}: {problem}")
        members[info.filename] = info
        folded.add(info.filename.casefold())
    size = path.stat().st_size
    if (total := sum(info.file_size for info in infos)) > size:
        raise EvidenceError(f"{path}: its members say that they have {total} bytes together, the file has {size}")
    return members


def _frame(path: Path, archive: zipfile.ZipFile) -> None:
    """Check what stands around the members: a bundle has no byte that says nothing.

    Dates, attributes and the end of the file are the same in every bundle, and no reader of zip files checks them all.
    The layout is that of APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. Of a bundle over 2 GiB, whose end has
    another layout, only what stands before each member is compared.

    Raises:
        EvidenceError: some of it is not what `bundle` writes.
    """
    place, directory, infos = 0, b"", archive.infolist()
    with path.open("rb") as file:
        for said in infos:
            info = zipfile.ZipInfo(said.filename, _WHEN)
            info.CRC, info.compress_size, info.file_size = said.CRC, said.compress_size, said.file_size
            header = info.FileHeader(zip64=info.file_size * 1.05 > zipfile.ZIP64_LIMIT)  # as zipfile decides
            file.seek(place)
            if said.header_offset != place or file.read(len(header)) != header:
                raise EvidenceError(f"{path}: {said.filename}: what stands before it is not as in a bundle")
            name = info.filename.encode("ascii")
            sizes = (info.CRC, info.compress_size, info.file_size)
            directory += struct.pack(
                "<4s4B4H3L5H2L", b"PK\1\2", info.create_version, 3, info.extract_version, 0, 0, 0, 0, _DOS_DATE,
                *(min(size, 0xFFFFFFFF) for size in sizes), len(name), 0, 0, 0, 0, _ATTRIBUTES, min(place, 0xFFFFFFFF),
            ) + name  # fmt: skip
            place += len(header) + info.file_size
        if place < zipfile.ZIP64_LIMIT:
            end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(infos), len(infos), len(directory), place, 0)
            file.seek(place)
            if file.read(len(directory) + len(end) + 1) != directory + end:
                raise EvidenceError(f"{path}: its list of members, or its end, is not as that of a bundle")


def _sound(name: str) -> bool:
    """Whether a member may have this name: relative, no dots in front, nothing that a system reads otherwise."""
    parts = name.split("/")
    return len(name) <= 1000 and all(  # noqa: PLR2004 - shorter than any system's longest path
        _PART.fullmatch(part) and not _WINDOWS.fullmatch(part) and not part.endswith(".") for part in parts
    )


def _index(path: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, str]:
    if INDEX not in members:
        raise EvidenceError(f"{path}: no {INDEX} in it; `harness bundle` makes one")
    try:
        about = json.loads(archive.read(INDEX))
        hashes = dict(about["files"])
        schema = about["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceError(f"{path}: {INDEX} is damaged ({type(error).__name__}: {error})") from error
    if schema != SCHEMA:
        raise EvidenceError(f"{path}: {INDEX} is damaged, or of schema {schema!r}; this version reads {SCHEMA}")
    if odd := sorted(set(hashes) ^ (set(members) - {INDEX})):
        where = "is not in it" if odd[0] in hashes else f"is not in {INDEX}"
        raise EvidenceError(f"{path}: {ascii(odd[0])[:200]} {where}")
    return hashes


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    with archive.open(info) as member, target.open("xb") as file:
        while piece := member.read(_PIECE):
            sha.update(piece)
            file.write(piece)
    return sha.hexdigest()
