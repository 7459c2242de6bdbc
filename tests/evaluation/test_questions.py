"""Requests are the same at each pass and for every model, and take no memory."""

import json
import tracemalloc
from pathlib import Path

import pytest
from conftest import Project

from harness.cli import config
from harness.errors import TaskError
from harness.evaluation import planning

FEWSHOT = """\
task: shots
custom_dataset: !function shots.load
test_split: test
fewshot_split: test
num_fewshot: 3
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: []}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0, kind: other, headline: exact_match}
"""
LOAD = """\
import datasets


def load(**_):
    rows = [{{"question": f"{{i}} and {padding}", "answer": str(i)}} for i in range({n})]
    return {{"test": datasets.Dataset.from_list(rows)}}
"""


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    for name in ("alice", "bob"):
        project.model(name)
    return project


def plans(task: str, yaml: str, python: str, *words: str) -> list[planning.ModelPlan]:
    Path(f"tasks/{task}.yaml").write_text(yaml)
    Path(f"tasks/{task}.py").write_text(python)
    spec = config.compose([f"task={task}", *words])
    tasks = planning.load_tasks(spec)
    return [planning.plan_model(model, tasks, spec) for model in spec.models]


def test_all_tasks_that_lack_their_data_are_named_at_once(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    Path("sums.jsonl").write_text(json.dumps({"question": "1 + 1?", "answer": "#### 2"}) + "\n")
    words = ("model=alice", "task=[aime26,gsm8k,mmlu_pro]", "tasks.gsm8k.data=sums.jsonl")
    with pytest.raises(TaskError) as caught:
        planning.load_tasks(config.compose(words))
    first, aime, mmlu, *rest = str(caught.value).splitlines()
    assert first == "2 of 3 tasks cannot be loaded"
    assert aime.startswith("  aime26: cannot read MathArena/aime_2026")
    assert "tasks.aime26.data=PATH" in aime
    assert "tasks.mmlu_pro.data=PATH" in mmlu
    assert rest == ["If the data set is in the hub's local cache, set HF_HUB_OFFLINE=1."]
    with pytest.raises(TaskError, match=r"^cannot read MathArena/aime_2026.* task.data=PATH"):
        planning.load_tasks(config.compose(["model=alice", "task=aime26"]))


def test_every_pass_and_every_model_gets_the_same_examples(here: Project) -> None:
    words = ("model=[alice,bob]", "repeats=2")
    alice, bob = plans("shots", FEWSHOT, LOAD.format(n=150, padding="so on"), *words)
    asked = [[(r.messages, r.prompt) for r in plan.requests()] for plan in (alice, alice, bob)]
    assert asked[0] == asked[1] == asked[2]
    assert len({str(one) for one in asked[0]}) == 150
    assert [r.id for r in alice.requests()] == list(alice.ids())
    (alone,) = plans("shots", FEWSHOT, LOAD.format(n=150, padding="so on"), "model=bob", "repeats=2")
    assert list(alone.ids()) == list(bob.ids())


def test_a_task_that_asks_something_else_each_time_is_refused(here: Project) -> None:
    yaml = FEWSHOT.replace('doc_to_text: "{{question}}"', "doc_to_text: !function shots.text")
    python = LOAD.format(n=5, padding="x") + (
        "\n\nseen = []\n\n\ndef text(doc):\n    seen.append(1)\n    return f'{doc[\"question\"]} {len(seen)}'\n"
    )
    with pytest.raises(TaskError, match="is another one each time"):
        plans("shots", yaml, python, "model=alice")


def test_a_pass_over_requests_holds_a_few_documents_alone(here: Project) -> None:
    n, size = 1000, 4000
    (plan,) = plans(
        "shots",
        FEWSHOT.replace("num_fewshot: 3", "num_fewshot: 0"),
        LOAD.format(n=n, padding="x" * size),
        "model=alice",
    )

    tracemalloc.start()
    assert sum(1 for _ in plan.requests()) == sum(1 for _ in plan.samples[0][1]) == n
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n * size / 3
