"""The documents of public benchmarks as they are published: a hash of each, so that other ones are found.

`published.json` has them per task and version of the task file, and the hash of the file they were read from, as
`harness eval` reads it. `HARNESS_UPDATE_GOLDEN=1 pytest tests/archive/test_published.py` makes it anew.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import canonical_json, resources
from harness.engine import lmeval, taskfiles
from harness.specs import TaskSpec

FILE = Path(__file__).with_name("published.json")
CHARS = 16
"""Of a document's hash in base64: 96 bits, so that nobody finds another document with it."""


def fingerprint(doc: Mapping[str, Any]) -> str:
    """The hash of a document: the first 96 bits of the SHA-256 of its canonical JSON, in base64."""
    sha = hashlib.sha256(canonical_json(doc).encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(sha[: CHARS * 6 // 8]).decode()


def fingerprints(docs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The hashes of documents, in their order."""
    return [fingerprint(json.loads(json.dumps(doc, default=str))) for doc in docs]


@dataclass(frozen=True)
class Published:
    """The documents of one task."""

    documents: list[str]
    """The hash of each, in order."""
    data_sha256: str | None
    """Of the file they were read from."""


def published(task: str, version: object) -> Published | None:
    """What is known to be published of a task. `None` if nothing is of this version."""
    held = _held()
    if (entry := held["tasks"].get(f"{task} {version}")) is None:
        return None
    joined = held["documents"][entry["docs_hash"]]
    places = range(0, len(joined), CHARS)
    return Published([joined[place : place + CHARS] for place in places], entry["data_sha256"])


@functools.cache
def _held() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="ascii"))
    return found


def make(data: Mapping[str, str]) -> dict[str, Any]:
    """The content of `published.json`.

    Args:
        data: the published file of each task.

    Raises:
        TaskError: a task is not known, or its file cannot be read.
    """
    dirs = resources.task_dirs()[:1]
    files = taskfiles.find(dirs)
    tasks, documents = {}, {}
    for name, path in sorted(data.items()):
        (loaded,) = lmeval.load(TaskSpec(name=name, data=path), files, seed=0)
        tasks[f"{name} {loaded.version}"] = {"docs_hash": loaded.docs_hash, "data_sha256": loaded.data_sha256}
        documents[loaded.docs_hash] = "".join(fingerprints(loaded.docs()))
    return {"tasks": tasks, "documents": documents}
