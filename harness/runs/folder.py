"""Reads and writes `results/runs/<run_id>/`: the truth about one evaluation, in four files.

    run.json         the manifest: what was asked, with which versions, and the metrics
    spec.yaml        the resolved configuration, to read or to run again
    journal.jsonl    one line per reply, on disk before the next request of its slot goes out (`journal.py`)
    samples.parquet  one row per sample, written when the run ends

and, while batches are under way at a provider, `batches.jsonl`, which says which (`harness.evaluation.batches`).

Whole files are written beside their place and renamed into it, so a reader sees the old one or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from harness.core import plain
from harness.errors import ConfigError, RunLockedError, StorageError, unknown_name
from harness.runs import manifest, proof
from harness.runs.manifest import Manifest

MANIFEST = "run.json"
SPEC = "spec.yaml"
JOURNAL = "journal.jsonl"
SAMPLES = "samples.parquet"
LOCK = ".lock"


def runs_dir(results_dir: Path) -> Path:
    """The folder of run folders."""
    return results_dir / "runs"


def list_runs(results_dir: Path) -> list[Path]:
    """Every run folder that has a manifest, sorted by name."""
    return sorted(path.parent for path in runs_dir(results_dir).glob(f"*/{MANIFEST}") if path.is_file())


def need_results(results_dir: Path) -> None:
    """Check that there is a results folder to read.

    Raises:
        ConfigError: there is none.
    """
    if not results_dir.is_dir():
        raise ConfigError(f"no results folder {results_dir}; `harness eval` makes one, --results PATH names another")


def find_run(results_dir: Path, name: str) -> Path:
    """The run folder of that id, or of the only id that starts with it, or ends with it.

    Raises:
        ConfigError: none, or several.
    """
    known = {path.name: path for path in list_runs(results_dir)}
    if name in known:
        return known[name]
    matches = [path for key, path in known.items() if key.startswith(name) or key.endswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(
            f"{name!r} fits several runs: {', '.join(path.name for path in matches)}; give more of its name"
        )
    raise ConfigError(unknown_name("run", name, known))


def samples_path(run: Path) -> Path:
    """Where the run's samples are, once it has ended."""
    return run / SAMPLES


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run.

    Raises:
        StorageError: it is not there, or not as harness writes it.
    """
    return manifest.parse(_manifest_text(run), run / MANIFEST)


def read_content(run: Path) -> dict[str, Any]:
    """What stands in the file of a manifest, keys of other versions too: what its proof is over.

    Raises:
        StorageError: it is not there, or not JSON.
    """
    try:
        found = json.loads(_manifest_text(run))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{run / MANIFEST}: not JSON ({error}); restore it, or delete the run folder") from error
    if not isinstance(found, dict):
        raise StorageError(f"{run / MANIFEST}: not a manifest but a {type(found).__name__}")
    return found


def refuse_links(run: Path) -> None:
    """Refuse to give a run folder away that holds links: what they lead to may be anything on this machine.

    Raises:
        StorageError: it holds one.
    """
    for file in sorted(run.iterdir()):
        if file.is_symlink():
            raise StorageError(
                f"{file} is a link, so a file of yours that is no part of the run might be given away; "
                "put a copy of the file in its place, or remove it"
            )


def _manifest_text(run: Path) -> bytes:
    """The manifest, if everything in the folder can be read to its end: a pipe or a device in it has none.

    Raises:
        StorageError: something cannot.
    """
    try:
        for file in run.iterdir():
            if not file.name.startswith(".") and file.exists() and not (file.is_file() or file.is_dir()):
                raise StorageError(f"{file}: neither a file nor a folder but a pipe, a socket or a device; remove it")
        return (run / MANIFEST).read_bytes()
    except OSError as error:
        raise StorageError(f"{run / MANIFEST}: cannot be read: {error.strerror}") from error


def write_manifest(run: Path, said: Manifest) -> None:
    """Replace the manifest. NaN is refused: unscored is null. That of a run that has ended is sealed: `proof.seal`."""
    content = manifest_bytes(manifest.content(said))
    if said.ended:
        with storage_errors(run / MANIFEST):
            content = manifest_bytes(proof.seal(json.loads(content), run, JOURNAL))
    write_atomic(run / MANIFEST, content)


def manifest_bytes(content: Mapping[str, Any]) -> bytes:
    """A manifest's content as it is written."""
    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "replace")


def yaml_bytes(spec: Any) -> bytes:
    """A spec as it is written."""
    import yaml

    return yaml.safe_dump(plain(spec), sort_keys=False, allow_unicode=True).encode()


def write_atomic(path: Path, content: bytes) -> None:
    """Write beside `path`, flush to the disk, rename into place.

    Raises:
        StorageError: the folder cannot be written, or the disk is full. The old file is as it was.
    """
    with atomic_file(path) as file, storage_errors(path):
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to (under `storage_errors`) that is flushed and renamed to `path` when the block ends well.

    Raises:
        StorageError: the folder cannot be written, or the disk is full. The old file is as it was.
    """
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file in it")
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = beside.open("wb")
    try:
        try:
            yield file
            with storage_errors(path):
                file.flush()
                os.fsync(file.fileno())
        finally:
            with storage_errors(path):
                file.close()
        with storage_errors(path):
            beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """See that a folder can be written, or made if it is not there. Writes nothing.

    Raises:
        StorageError: it cannot.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    with storage_errors(folder):
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is no folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{there} is read-only, or another user's")


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about a file into a sentence a user can act on."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "the disk is full" if full else f"cannot be written: {error.strerror or error}"
        advice = (
            "what was answered so far is kept; free some space and give the same command again"
            if full
            else "check the permissions, or write to another folder"
        )
        raise StorageError(f"{path}: {what}; {advice}") from error


@contextlib.contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold the run folder alone. The operating system lets go of it when the process dies.

    Raises:
        RunLockedError: another process holds it.
    """
    from filelock import FileLock, Timeout

    path = run / LOCK
    with storage_errors(path):
        run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with storage_errors(path):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:  # an OSError too, so it is caught before it reads as one
            raise RunLockedError(
                f"run {run.name}: another process is working on it; wait until it ends, "
                "or change a setting (seed, name) to make a run of its own"
            ) from error
    try:
        for stale in run.glob(".*.*.*[0-9]"):  # half a file of a process that was killed while it wrote
            stale.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def is_locked(run: Path) -> bool:
    """True while a live process works on the run."""
    from filelock import FileLock, Timeout

    lock = FileLock(run / LOCK)
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written has no writer
        return False


def remove_if_empty(run: Path) -> None:
    """Remove a run folder that never got an answer, and the folders above it that hold nothing else."""
    journal = run / JOURNAL
    if journal.is_file() and journal.stat().st_size:
        return
    for name in (JOURNAL, MANIFEST, SPEC, LOCK):
        (run / name).unlink(missing_ok=True)
    for folder in (run, run.parent, run.parent.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
