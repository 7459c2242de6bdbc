"""The documents of public benchmarks are pinned: the hashes that ship are those of the published files."""

import json
import os
from pathlib import Path

import pytest

from harness.archive import published
from harness.taskdata import data_files

FILES = {
    "math/aime_test2024.jsonl": ["aime24", "aime24_fewshot"],
    "math/aime_test2025-*.jsonl": ["aime25", "aime25_fewshot"],
    "math/gsm8k_test.jsonl": ["gsm8k", "gsm8k_fewshot", "gsm8k_published", "gsm_perturbed", "gsm_perturbed_fewshot"],
    "math/math500_test.jsonl": ["math500", "math500_fewshot"],
    "math/SVAMP.json": ["svamp", "svamp_fewshot"],
    "code/HumanEval.jsonl.gz": [
        "humaneval",
        "humaneval_completion",
        "humaneval_published",
        "humaneval_simple_evals",
    ],
    "code/HumanEvalPlus.jsonl.gz": ["humaneval_plus", "humaneval_plus_completion"],
    "code/mbpp.jsonl": ["mbpp", "mbpp_completion", "mbpp_published"],
    "code/sanitized-mbpp.json": ["mbpp_sanitized"],
    "code/MbppPlus.jsonl.gz": ["mbpp_plus", "mbpp_plus_completion"],
}

ELSEWHERE = {
    "mgsm": (
        ["mgsm", "mgsm_fewshot"],
        "https://github.com/google-research/url-nlp/tree/452a21ad3dae5668c06ceeac21ff073e1e40f9be/mgsm",
    )
}
"""Tasks whose published files are not among the shared data: `HARNESS_<NAME>` names a folder of them."""
NOT_PINNED = ("minerva_math", "olympiadbench", "livecodebench", "bigcodebench")
"""Tasks whose published files are on the hub alone; `verify` says "not checked" of their documents."""


def made(shared_data: Path, names: set[str]) -> dict:
    data = {name: str(shared_data / file) for file, tasks in FILES.items() for name in tasks if name in names}
    assert all(data_files(path) for path in data.values())
    return published.make(data)


@pytest.mark.slow
def test_what_ships_is_what_the_published_files_give(shared_data: Path) -> None:
    found = made(shared_data, {name for tasks in FILES.values() for name in tasks})
    held = json.loads(published.FILE.read_text("ascii"))
    for name, (tasks, _) in ELSEWHERE.items():
        folder = os.environ.get(f"HARNESS_{name.upper()}")
        entries = {key: value for key, value in held["tasks"].items() if key.split()[0] in tasks}
        hashes = {entry["docs_hash"] for entry in entries.values()}
        kept = {"tasks": entries, "documents": {hash_: held["documents"][hash_] for hash_ in hashes}}
        for part, entry in (published.make(dict.fromkeys(tasks, folder)) if folder else kept).items():
            found[part] |= entry
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        published.FILE.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="ascii")
    assert json.loads(published.FILE.read_text("ascii")) == found


def test_two_of_them_are_what_ships(shared_data: Path) -> None:
    found = made(shared_data, {"aime24", "humaneval"})
    held = json.loads(published.FILE.read_text("ascii"))
    for part in ("tasks", "documents"):
        assert found[part].items() <= held[part].items()


@pytest.mark.parametrize(
    ("task", "documents"),
    [
        ("gsm8k", 1319),
        ("math500", 500),
        ("humaneval", 164),
        ("humaneval_plus", 164),
        ("mbpp", 500),
        ("aime25", 30),
        ("mgsm", 2750),
    ],
)
def test_every_document_has_a_hash_of_its_own(task: str, documents: int) -> None:
    (version,) = [
        name.split()[1] for name in json.loads(published.FILE.read_text("ascii"))["tasks"] if name.split()[0] == task
    ]
    found = published.published(task, version)
    assert found is not None
    assert len(set(found.documents)) == len(found.documents) == documents
    assert {len(hash_) for hash_ in found.documents} == {published.CHARS}


def test_mgsm_is_what_its_authors_publish() -> None:
    folder = os.environ.get("HARNESS_MGSM")
    if folder is None:
        pytest.skip(f"HARNESS_MGSM names no folder of {ELSEWHERE['mgsm'][1]}")
    held = json.loads(published.FILE.read_text("ascii"))
    for part, entry in published.make(dict.fromkeys(ELSEWHERE["mgsm"][0], folder)).items():
        assert entry.items() <= held[part].items()


@pytest.mark.parametrize("task", NOT_PINNED)
def test_what_only_the_hub_has_is_not_called_known(task: str) -> None:
    assert not any(name.split()[0] == task for name in json.loads(published.FILE.read_text("ascii"))["tasks"])


def test_of_another_version_nothing_is_known() -> None:
    assert published.published("gsm8k", 99.0) is None
    assert published.published("nothing", 1.0) is None


def test_a_hash_hangs_on_all_of_a_document_and_on_no_order_of_its_keys() -> None:
    one = published.fingerprint({"question": "1 + 1", "tests": "assert x"})
    assert one == published.fingerprint({"tests": "assert x", "question": "1 + 1"})
    assert one != published.fingerprint({"question": "1 + 1", "tests": "pass"})
