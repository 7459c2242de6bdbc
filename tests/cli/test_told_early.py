"""A mistake is told before anything heavy is imported, and a task that needs no `datasets` imports none."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import taskdata
from harness.core import patches, resources
from harness.engine import taskfiles

HEAVY = ("lm_eval", "datasets", "pandas", "polars", "pyarrow", "duckdb", "scipy", "numpy", "requests")


def imported(project: Project, *words: str, code: int) -> set[str]:
    """The heavy packages that a command imports."""
    command = [sys.executable, "-X", "importtime", "-m", "harness", *words]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr[-2000:]
    assert "nanobind" not in done.stderr, "what a library says at exit is not for users"
    named = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    return {name for name in HEAVY if name in named}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("model=smollm2", "task=gsm8k", "task.data=not-there.jsonl"), 3),
        (("model=smollm2", "task=word_problems", "task.data=README.md"), 3),
        (("model=gpt_4o", "task=word_problems"), 4),
        (("model=gpt_4o", "task=word_problems", "+models.gpt_4o.args.prefil=prefix"), 2),
        (("model=smollm2", "task=word_problems", "results_dir=file/results"), 6),
        (("model=smollm2", "task=word_problem"), 2),
        (("model=smollm2", "task=word_problems", "shard=3/2"), 2),
    ],
)
def test_a_mistake_costs_no_heavy_import(project: Project, words: tuple[str, ...], code: int) -> None:
    (project.root / "file").write_text("no folder")
    assert imported(project, "eval", *words, code=code) == set()


def test_one_request_to_the_end_needs_no_datasets(project: Project) -> None:
    (project.root / "conf" / "model" / "fake.yaml").write_text("# @package models.fake\n{name: fake, backend: fake}\n")
    found = imported(project, "eval", "model=fake", "task=word_problems", "limit=1", code=0)
    assert found == {"lm_eval", "polars", "pyarrow", "duckdb", "numpy"}


def test_answers_that_are_all_here_need_no_key(project: Project) -> None:
    """The key is asked for at once only where no run holds answers of a model of that name."""
    (project.root / "results" / "runs" / "r").mkdir(parents=True)
    (project.root / "results" / "runs" / "r" / "run.json").write_text('{"models": [{"name": "gpt_4o"}]}')
    assert "lm_eval" in imported(project, "eval", "model=gpt_4o", "task=word_problems", "limit=1", code=4)


# --- documents without `datasets`

COLUMNS = {
    "text": st.text(),
    "number": st.integers(-(2**63), 2**63 - 1),
    "share": st.floats(allow_nan=False),
    "truth": st.booleans(),
    "maybe": st.none() | st.text(),
    "texts": st.lists(st.text() | st.none()),
    "numbers": st.none() | st.lists(st.integers(-5, 5)),
}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=8))
def test_documents_of_one_form_are_what_datasets_makes_of_them(docs: list[dict[str, object]]) -> None:
    rows = taskdata.splits(docs)["test"]
    assert isinstance(rows, taskdata.Rows)
    whole = taskdata._dataset(iter(docs))
    assert list(rows) == list(whole) == docs
    assert [rows[i] for i in range(-len(docs), len(docs))] == [*docs, *docs]
    assert list(rows.features) == list(whole.features)
    assert len(rows) == len(docs)
    with pytest.raises(IndexError):
        rows[len(docs)]


@pytest.mark.parametrize(
    "docs",
    [
        [{"a": 1}, {"a": 1.5}],
        [{"a": {"b": 1}}, {"a": {"c": 2}}],
        [{"a": 1}, {"b": 2}],
        [{"a": [[1], [2]]}],
        [{"a": [1, 2.5]}],
        [],
    ],
    ids=str,
)
def test_other_documents_go_by_way_of_datasets(docs: list[dict[str, object]]) -> None:
    rows = taskdata.splits(docs)["test"]
    assert not isinstance(rows, taskdata.Rows)
    assert list(rows) == list(taskdata._dataset(iter(docs)))


def test_what_a_task_asks_of_a_data_set_is_answered() -> None:
    rows = taskdata.splits([{"a": 1}, {"a": 2}, {"a": 3}])["test"]
    assert list(rows.filter(lambda row: row["a"] > 1)) == [{"a": 2}, {"a": 3}]
    assert list(rows.map(lambda row: {"a": row["a"] * 2})) == [{"a": 2}, {"a": 4}, {"a": 6}]
    assert rows.column_names == ["a"]
    assert list(rows["a"]) == [1, 2, 3]
    assert rows[:2] == {"a": [1, 2]}


def test_heavy_imports_of_lm_eval_come_when_they_are_used() -> None:
    """And `import datasets` elsewhere is the real one."""
    program = (
        "import sys; from harness.core import patches; patches.heavy_when_needed()\n"
        f"assert not set({patches.LATER!r}) & set(sys.modules)\n"
        "from lm_eval.api import metrics, task\n"
        "import datasets\n"
        "assert task.datasets.Dataset is datasets.Dataset\n"
        "assert datasets.__path__\n"
        "assert 'sacrebleu' not in sys.modules\n"
        "assert round(metrics.sacrebleu.corpus_bleu(['a b c d'], [['a b c d']]).score) == 100\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_task_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("task: one\nmetadata: {version: 1.0}\n")
    assert taskfiles.find([tmp_path])["one"].metadata["version"] == 1.0
    file.write_text("task: one\nmetadata: {version: 22.0}\n")
    assert taskfiles.find([tmp_path])["one"].metadata["version"] == 22.0


def test_every_shipped_task_file_is_found_twice_alike() -> None:
    assert taskfiles.find(resources.task_dirs()) == taskfiles.find(resources.task_dirs())
