"""Finished run folders in a place that many machines reach: a shared folder, or whatever URL fsspec knows.

A run is evaluated on a local disk and copied when it has ended, to `URL/runs/RUN/ROOT/`. What differs has another
root, so nothing is ever written over, and two machines that ran the same do not mix. `run.json` is copied last. What
has none is no run yet. Fetching checks every hash before a folder takes its place, and of several roots of one run
always chooses the same: a complete one before an incomplete one, then the earliest. So it does not matter who
publishes or fetches, or how often.

fsspec: https://filesystem-spec.readthedocs.io. `s3://`, `gs://` and others need their package (`s3fs`, `gcsfs`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from harness import runs
from harness.core import file_sha256, say
from harness.errors import ConfigError, StorageError
from harness.runs import proof


def publish(run: Path, url: str) -> str:
    """Copy a finished run to a shared place. Does nothing if it is there already.

    Returns:
        Where it is.

    Raises:
        ConfigError: the run has not ended, or the URL's kind is not known here.
        StorageError: a file is a link, or the place cannot be written. What is there is as it was.
    """
    runs.refuse_links(run)
    root = runs.read_manifest(run).root
    if not root:
        raise ConfigError(f"run {run.name} has no root: it has not ended, or an older version made it")
    files, base = reach(url)
    place = f"{base}/runs/{run.name}/{root.rpartition(':')[2]}"
    try:
        new = not files.exists(f"{place}/{runs.MANIFEST}")
        # A run may be signed after it was published.
        signed = (run / proof.SIGNATURE).is_file() and not files.exists(f"{place}/{proof.SIGNATURE}")
        files.makedirs(place, exist_ok=True)
        for name in (*([proof.SIGNATURE] if signed else []), *([*proof.stored(run), runs.MANIFEST] if new else [])):
            # Under another name first, where names are changed in one step. Object stores write whole objects.
            files.put_file(str(run / name), f"{place}/.{name}.part")
            files.mv(f"{place}/.{name}.part", f"{place}/{name}")
    except Exception as error:
        raise StorageError(f"{url}: run {run.name} cannot be copied there ({type(error).__name__}: {error})") from error
    return f"{url.rstrip('/')}/runs/{run.name}"


def fetch(url: str, results: Path) -> list[str]:
    """Bring every published run that is not here into a results folder.

    Args:
        url: where runs were published to.
        results: the results folder. Made if it is missing.

    Returns:
        Names of the runs that were brought, sorted. Damaged ones are left out and reported.

    Raises:
        ConfigError: the URL's kind is not known here.
        StorageError: the place cannot be reached or read, or the results folder cannot be written.
    """
    files, base = reach(url)
    try:
        found = sorted(files.glob(f"{base}/runs/*/*/{runs.MANIFEST}"))
        offers: dict[str, list[tuple[Any, ...]]] = {}
        for path in found:
            *_, run, root, _ = path.split("/")
            try:
                said = runs.manifest.parse(files.cat_file(path), path)
                rank = (said.status != "complete", str(said.finished_at), root)
                offers.setdefault(run, []).append((*rank, path.rpartition("/")[0]))
            except StorageError as error:
                say(f"warning: {error}; left out")
    except Exception as error:
        raise StorageError(f"{url}: cannot be read ({type(error).__name__}: {error})") from error
    if not found:
        say(f"warning: {url}: no runs are published there")
    return [run for run in sorted(offers) if _bring(files, run, sorted(offers[run]), results)]


def _bring(files: Any, run: str, offers: list[tuple[Any, ...]], results: Path) -> bool:
    """Fetch the best sound offer, unless what is here is as good."""
    target = runs.runs_dir(results) / run
    if Path(run).name != run or run.startswith("."):
        say(f"warning: {run!r} is no name of a run; left out")
        return False
    if (target / runs.MANIFEST).is_file():
        here = runs.read_manifest(target)
        if not here.ended or (here.status == "complete") >= (not offers[0][0]):
            return False
    for offer in offers:
        with runs.storage_errors(target), _beside(target) as name:
            folder = Path(name) / run
            problem = _copy(files, offer[-1], folder)
            if problem is None:
                with runs.run_lock(target):
                    for file in sorted(folder.iterdir(), key=lambda file: file.name == runs.MANIFEST):
                        file.replace(target / file.name)
                return True
        say(f"warning: {offer[-1]}: {problem}; left out")
    return False


def _beside(target: Path) -> tempfile.TemporaryDirectory[str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent)


def _copy(files: Any, place: str, folder: Path) -> str | None:
    """Copy one published run and check it. What is wrong with it, if something is."""
    folder.mkdir()
    try:
        files.get_file(f"{place}/{runs.MANIFEST}", str(folder / runs.MANIFEST))
        said = runs.read_content(folder)
        held = said[proof.KEY]
        parts = proof.parts(said, held["root"])
        if said["run_id"] != folder.name or proof.root(held) != held["root"] or parts != held["parts"]:
            return "its manifest is not what its root says"
        for name, expected in held["files"].items():
            if Path(name).name != name or name.startswith("."):
                return f"{name!r} is no name of a run's file"
            files.get_file(f"{place}/{name}", str(folder / name))
            if file_sha256(folder / name) != expected:
                return f"{name} is not what the manifest says"
        if files.exists(f"{place}/{proof.SIGNATURE}"):
            files.get_file(f"{place}/{proof.SIGNATURE}", str(folder / proof.SIGNATURE))
    except Exception as error:  # noqa: BLE001 - of whatever kind the store's own package raises
        return f"{type(error).__name__}: {error}"
    return None


def reach(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there.

    Raises:
        ConfigError: the URL's kind is not known here.
        StorageError: it cannot be reached, or has no such bucket. None is made: it would be a stranger's, or a typo's.
    """
    import fsspec

    try:
        files, base = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{url}: {error}") from error
    base = base.rstrip("/")
    bucket = "" if "://" in base else base.partition("/")[0]
    try:
        if not bucket or files.exists(bucket):
            return files, base
        # What cannot be asked is not there either, for some. Listing it says why.
        files.ls(bucket)
    except FileNotFoundError:
        pass
    except Exception as error:
        raise StorageError(f"{url}: cannot be reached ({type(error).__name__}: {error})") from error
    raise StorageError(f"{url}: there is no {bucket!r}, or you may not see it; make it first")
