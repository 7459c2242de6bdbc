"""Fixtures shared by every test."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import forks
import pytest
from hypothesis import settings

from harness.cli import GARBAGE_EVERY
from harness.core import one_thread_each

# A loaded machine is slow, not wrong: no test of ours is timed.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")

one_thread_each()  # the workers keep the processors busy

# Else each of the hundreds of processes that tests start compiles `harness` anew, and each worker all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])  # as `harness` itself has it

ROOT = Path(__file__).parents[1]


SLOW = frozenset((ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()[2:])
"""Tests that take long, by file and name."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long. Begin with the longest case, so that one worker is not left alone with it at the end."""
    for item in items:
        if item.nodeid.partition("[")[0].removeprefix("tests/") in SLOW:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: "test_case_study" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Look through the thousands of cases and the modules they import for garbage once: they stay to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # DuckDB's binding counts what is left of it at the end
    forks.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmark data and model outputs that CI has; tests that need it skip without."""
    path = Path(os.environ.get("HARNESS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("the benchmark data set folder is not here; set HARNESS_TEST_DATA to run this test")
    return path


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a run and its index, for tests that change neither."""
    from runfolders import write_run

    from harness.results import derivation

    folder = tmp_path_factory.mktemp("one_run")
    write_run(folder, "eval-a1")
    derivation.refresh(folder)
    return folder


FAKE_MODEL = """\
# @package models.{name}
name: {name}
backend: fake
args:
  answer: {answer}
  latency_s: {latency}
  fail_every: {fail_every}
parallel: {parallel}
"""
SUMS_YAML = """\
# Sums: thirty of them, and a multiple-choice twin.
task: sums
custom_dataset: !function sums.load
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: [], max_gen_toks: 20}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0, kind: math, headline: exact_match}
"""
CHOICE_YAML = """\
# Sums with choices.
task: sums_choice
custom_dataset: !function sums.load
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_target: 0
doc_to_choice: ["{{answer}}", "no"]
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: f1, aggregation: f1, higher_is_better: true}
metadata: {version: 1.0, kind: math, headline: acc}
"""
SUMS_PY = """\
import datasets


def load(**_):
    rows = [{"question": f"{i} + 1 = ", "answer": str(i + 1)} for i in range(30)]
    return {"test": datasets.Dataset.from_list(rows)}
"""


class Project:
    """A user's working folder with fake models and tasks of its own; `harness` runs there as a real process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "conf" / "model").mkdir(parents=True)
        (root / "tasks").mkdir()
        (root / "tasks" / "sums.yaml").write_text(SUMS_YAML)
        (root / "tasks" / "choice.yaml").write_text(CHOICE_YAML)
        (root / "tasks" / "sums.py").write_text(SUMS_PY)

    def model(
        self, name: str, answer: str = "hash", *, latency: float = 0.0, fail_every: int = 0, parallel: int = 2
    ) -> None:
        text = FAKE_MODEL.format(name=name, answer=answer, latency=latency, fail_every=fail_every, parallel=parallel)
        (self.root / "conf" / "model" / f"{name}.yaml").write_text(text)

    def start(self, *words: str, stdin: int | None = None) -> subprocess.Popen[str]:
        pipes = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return forks.harness(*words, cwd=self.root, text=True, **pipes)

    def start_with_input(self, *words: str) -> subprocess.Popen[str]:
        return self.start(*words, stdin=subprocess.PIPE)

    def start_binary(self, *words: str) -> subprocess.Popen[bytes]:
        return forks.harness(*words, cwd=self.root, stdout=subprocess.PIPE)

    def run(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = forks.run(*words, cwd=self.root)
        assert code is None or done.returncode == code, done.stderr + done.stdout
        return done

    def runs(self) -> list[Path]:
        return sorted((self.root / "results" / "runs").glob("*"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
