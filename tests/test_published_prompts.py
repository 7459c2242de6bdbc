"""Prompts that are said to be published are those that are, and LiveCodeBench's releases and windows never mix."""

import ast
import json
from pathlib import Path

import lm_eval.tasks
import pytest
import yaml

from harness.cli.config import compose
from harness.core import resources
from harness.engine import lmeval, taskfiles
from harness.errors import TaskError
from harness.specs import TaskSpec

THEIRS = Path(lm_eval.tasks.__file__).parent
TASKDATA = Path(__file__).parent / "taskdata"


def loaded(name, data, **settings):
    dirs = resources.task_dirs()
    (task,) = lmeval.load(TaskSpec(name, data=str(data), **settings), taskfiles.find(dirs), 1)
    return task


def asked(task):
    task.task.build_all_requests(limit=1)
    return task.task.instances[0].args[0], dict(next(task.whole()))


def examples(module):
    """What lm-eval's `list_fewshot_samples` returns, read and not run: some of its modules ask the hub at import."""
    tree = ast.parse((THEIRS / module).read_text("utf-8"))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "list_fewshot_samples")
    return ast.literal_eval(function.body[-1].value)


def test_gsm8ks_is_that_of_wei_et_al(shared_data):
    shots = yaml.safe_load((THEIRS / "gsm8k/gsm8k-cot.yaml").read_text("utf-8"))["fewshot_config"]["samples"]
    prompt, doc = asked(loaded("gsm8k_published", shared_data / "math/gsm8k_test.jsonl"))
    shown = "".join(f"Q: {shot['question']}\nA: {shot['target']}\n\n" for shot in shots)
    assert len(shots) == 8
    assert prompt == f"{shown}Q: {doc['question']}\nA:"


def test_maths_is_minervas(shared_data):
    prompt, doc = asked(loaded("math_published", shared_data / "math/math500_test.jsonl"))
    shots = examples("minerva_math/utils.py")
    shown = "".join(f"Problem:\n{shot['problem']}\n\nSolution: {shot['solution']}\n\n" for shot in shots)
    assert len(shots) == 4
    assert prompt == f"{shown}Problem:\n{doc['problem']}\n\nSolution:"


def test_mbpps_is_its_authors_and_only_the_three_tests_count(shared_data):
    task = loaded("mbpp_published", shared_data / "code/mbpp.jsonl")
    prompt, doc = asked(task)
    form = "You are an expert Python programmer, and here is your task: {} Your code should pass these tests:\n\n{}\n[BEGIN]\n"
    shots = examples("mbpp/utils.py")
    shown = "".join(f"{form.format(s['text'], chr(10).join(s['test_list']))}{s['code']}\n[DONE]\n\n" for s in shots)
    assert len(shots) == 3
    assert prompt == shown + form.format(doc["task"], doc["examples"])
    ours = loaded("mbpp", shared_data / "code/mbpp.jsonl")
    counted = [sum(doc["tests"].count("assert") for doc in of.whole()) for of in (task, ours)]
    assert {doc["examples"].count("\n") for doc in task.whole()} == {2}
    assert counted[1] - counted[0] == 16
    more = sum(
        a["tests"].count("assert") != b["tests"].count("assert")
        for a, b in zip(task.whole(), ours.whole(), strict=True)
    )
    assert more == 11


def test_mgsms_examples_are_in_the_language_of_the_problem():
    docs = list(loaded("mgsm_published", TASKDATA / "mgsm.jsonl").whole())
    german, english = docs[:2]
    assert (
        german["shots"].count("Schritt-für-Schritt-Antwort: ") == english["shots"].count("Step-by-Step Answer: ") == 8
    )
    assert german["asked"].startswith("Frage: ")
    assert german["lead"] == "Schritt-für-Schritt-Antwort:"


def rows(path, dates):
    (row, *_) = map(json.loads, (TASKDATA / "livecodebench.jsonl").read_text("utf-8").splitlines())
    new = [
        row | {"question_id": f"{path.stem}-{i}", "question_content": f"{path.stem} {i}?", "contest_date": date}
        for i, date in enumerate(dates)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in new), "utf-8")


@pytest.fixture
def released(tmp_path):
    rows(tmp_path / "test.jsonl", ["2023-05-07T00:00:00", "2024-03-30T00:00:00"])
    rows(tmp_path / "test2.jsonl", ["2024-04-13T00:00:00", "2024-05-31T19:30:00"])
    rows(tmp_path / "test3.jsonl", ["2024-07-01T00:00:00"])
    return tmp_path


def test_a_release_of_livecodebench_is_its_own_files_and_no_later_ones(released):
    counts = [loaded(f"livecodebench_v{n}", released).n_docs for n in (1, 2, 3)]
    assert counts == [2, 4, 5]
    hashes = {loaded(f"livecodebench_v{n}", released).data_sha256 for n in (1, 2, 3)}
    assert len(hashes) == 3
    with pytest.raises(TaskError, match=r"missing: test4\.jsonl"):
        loaded("livecodebench_v4", released)
    prompt, doc = asked(loaded("livecodebench_v1", released))
    assert prompt.startswith("You are an expert Python programmer. You will be given a question")
    assert prompt.endswith("### Answer: (use the provided format with backticks)\n\n")
    assert doc["contest_date"] == "2023-05-07T00:00:00"


def test_a_window_holds_both_its_ends_and_is_a_task_of_its_own(released):
    (task,) = compose(["task=livecodebench_v3", f"task.data={released}", "task.window=2024-03..2024-05"]).tasks
    assert task.name == "livecodebench_v3@2024-03..2024-05"
    assert [doc["contest_date"][:10] for doc in loaded(task.name, released).whole()] == [
        "2024-03-30",
        "2024-04-13",
        "2024-05-31",
    ]
    assert loaded("livecodebench_v3@2024-05-31..", released).n_docs == 2
    assert loaded("livecodebench_v3@..2023-12", released).n_docs == 1
    for window, says in (
        ("2026-01..2026-02", "no document of livecodebench_v3 lies in it"),
        ("May", "expected FROM..TO"),
        ("2025-13..2026-01", "expected FROM..TO"),
        ("2025-05..2025-01", "ends before it begins"),
    ):
        with pytest.raises(TaskError, match=says):
            loaded(f"livecodebench_v3@{window}", released)
    with pytest.raises(TaskError, match="its documents have no dates"):
        loaded("mgsm@2024-01..2024-02", TASKDATA / "mgsm.jsonl")


def test_without_a_window_a_task_is_called_and_hashed_as_before():
    (task,) = compose(["task=gsm8k"]).tasks
    assert task == TaskSpec("gsm8k")
