"""Every task that ships can be read, loaded, asked and scored, and stays what it is."""

from __future__ import annotations

import ast
import gzip
import hashlib
import importlib
import json
import math
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from modulefiles import loaded
from mutants import mutants

from harness import taskdata
from harness.cli.config import compose
from harness.core import panels
from harness.engine import taskfiles
from harness.errors import SandboxError, TaskError
from harness.records import Answer
from harness.specs import SandboxSpec

TASKS = Path(__file__).parents[1] / "tasks"

DATA = {
    "aime24": "math/aime_test2024.jsonl",
    "aime24_fewshot": "math/aime_test2024.jsonl",
    "aime25": "math/aime_test2025-*.jsonl",
    "aime25_fewshot": "math/aime_test2025-*.jsonl",
    "gsm8k": "math/gsm8k_test.jsonl",
    "gsm8k_fewshot": "math/gsm8k_test.jsonl",
    "humaneval": "code/HumanEval.jsonl.gz",
    "humaneval_completion": "code/HumanEval.jsonl.gz",
    "humaneval_plus": "code/HumanEvalPlus.jsonl.gz",
    "humaneval_plus_completion": "code/HumanEvalPlus.jsonl.gz",
    "bigcodebench": "tests/taskdata/bigcodebench.jsonl",
    "bigcodebench_completion": "tests/taskdata/bigcodebench.jsonl",
    "bigcodebench_hard": "tests/taskdata/bigcodebench.jsonl",
    "aime26": "tests/taskdata/matharena.jsonl",
    "amc23": "tests/taskdata/amc23.jsonl",
    "brumo25": "tests/taskdata/matharena.jsonl",
    "cruxeval_input": "tests/taskdata/cruxeval.jsonl",
    "cruxeval_output": "tests/taskdata/cruxeval.jsonl",
    "gpqa_diamond": "tests/taskdata/gpqa.jsonl",
    "hmmt_feb25": "tests/taskdata/matharena.jsonl",
    "hmmt_feb26": "tests/taskdata/matharena.jsonl",
    "hmmt_nov25": "tests/taskdata/matharena.jsonl",
    "ifeval": "tests/taskdata/ifeval.jsonl",
    "math_level5": "math/math500_test.jsonl",
    "mmlu_pro": "tests/taskdata/mmlu_pro.jsonl",
    "ocw": "tests/taskdata/ocw.jsonl",
    "omni_math": "tests/taskdata/omni_math.jsonl",
    "smt25": "tests/taskdata/matharena.jsonl",
    "gsm8k_published": "math/gsm8k_test.jsonl",
    "humaneval_published": "code/HumanEval.jsonl.gz",
    "humaneval_simple_evals": "code/HumanEval.jsonl.gz",
    "math_published": "math/math500_test.jsonl",
    "mbpp_published": "code/mbpp.jsonl",
    "mgsm_published": "tests/taskdata/mgsm.jsonl",
    **{f"livecodebench_v{n}": "tests/taskdata/livecodebench.jsonl" for n in range(1, 7)},
    **{f"multipl_e_{name}": "tests/taskdata/multipl_e.jsonl" for name in ("go", "java", "js", "rs")},
    "livecodebench": "tests/taskdata/livecodebench.jsonl",
    "livecodebench_completion": "tests/taskdata/livecodebench.jsonl",
    "gsm_perturbed": "math/gsm8k_test.jsonl",
    "gsm_perturbed_fewshot": "math/gsm8k_test.jsonl",
    "math500": "math/math500_test.jsonl",
    "math500_fewshot": "math/math500_test.jsonl",
    "mbpp": "code/mbpp.jsonl",
    "mbpp_completion": "code/mbpp.jsonl",
    "mbpp_plus": "code/MbppPlus.jsonl.gz",
    "mbpp_plus_completion": "code/MbppPlus.jsonl.gz",
    "mbpp_sanitized": "code/sanitized-mbpp.json",
    "mgsm": "tests/taskdata/mgsm.jsonl",
    "mgsm_fewshot": "tests/taskdata/mgsm.jsonl",
    "minerva_math": "math/math500_test.jsonl",
    "olympiadbench": "tests/taskdata/olympiadbench.jsonl",
    "olympiadbench_fewshot": "tests/taskdata/olympiadbench.jsonl",
    "svamp": "math/SVAMP.json",
    "svamp_fewshot": "math/SVAMP.json",
}
"""The local copy of what each task reads from the hub; in tests/, made-up rows in the published form."""

SIZES = {
    "panel": 100,
    "aime24": 30,
    "aime24_fewshot": 30,
    "aime25": 30,
    "aime25_fewshot": 30,
    "bigcodebench": 3,
    "bigcodebench_completion": 3,
    "bigcodebench_hard": 3,
    "aime26": 3,
    "amc23": 3,
    "brumo25": 3,
    "cruxeval_input": 3,
    "cruxeval_output": 3,
    "gpqa_diamond": 12,
    "hmmt_feb25": 3,
    "hmmt_feb26": 3,
    "hmmt_nov25": 3,
    "ifeval": 3,
    "math_level5": 134,
    "mmlu_pro": 3,
    "ocw": 3,
    "omni_math": 3,
    "smt25": 3,
    "gsm8k_published": 1319,
    "humaneval_published": 164,
    "humaneval_simple_evals": 164,
    "math_published": 500,
    "mbpp_published": 500,
    "mgsm_published": 6,
    **{f"livecodebench_v{n}": 3 for n in range(1, 7)},
    **{f"multipl_e_{name}": 3 for name in ("go", "java", "js", "rs")},
    "functions": 88,
    "gsm8k": 1319,
    "gsm8k_fewshot": 1319,
    "gsm_perturbed": 2400,
    "gsm_perturbed_fewshot": 2400,
    "humaneval": 164,
    "humaneval_completion": 164,
    "humaneval_plus": 164,
    "humaneval_plus_completion": 164,
    "livecodebench": 3,
    "livecodebench_completion": 3,
    "math500": 500,
    "math500_fewshot": 500,
    "mbpp": 500,
    "mbpp_completion": 500,
    "mbpp_plus": 378,
    "mbpp_plus_completion": 378,
    "mbpp_sanitized": 257,
    "mgsm": 6,
    "mgsm_fewshot": 6,
    "minerva_math": 500,
    "olympiadbench": 4,
    "olympiadbench_fewshot": 4,
    "programs": 12,
    "provenance_choices": 24,
    "provenance_identity": 32,
    "provenance_next": 40,
    "provenance_open": 64,
    "provenance_suggested": 240,
    "svamp": 1000,
    "svamp_fewshot": 1000,
    "word_problems": 200,
}


class TaskLoader(yaml.SafeLoader):
    """YAML with lm-eval's `!function` read as the name it holds."""


TaskLoader.add_constructor("!function", lambda loader, node: f"!function {loader.construct_scalar(node)}")


def task_files() -> dict[str, Path]:
    found = {}
    for path in sorted(TASKS.rglob("*.yaml")):
        config = yaml.load(path.read_text(encoding="utf-8"), TaskLoader)
        if isinstance(config, dict) and "task" in config:
            found[config["task"]] = path
    return found


FILES = task_files()


def config_of(name: str) -> dict[str, Any]:
    return taskfiles.read_yaml(FILES[name])


def module_of(path: str) -> ModuleType:
    return loaded(TASKS / path)


def data_path(data: str, request: pytest.FixtureRequest) -> Path:
    if data.startswith("tests/"):
        return TASKS.parent / data
    return Path(request.getfixturevalue("shared_data")) / data


def told(name: str) -> dict[str, Any] | None:
    """What a task is given besides a file: a panel's task the prompts that are asked."""
    if name != "panel":
        return None
    asked = panels.asked("alpaca_eval", 100)
    return {"panel": {"name": asked.panel, "version": asked.version}, "rows": [dict(row) for row in asked.rows]}


@pytest.fixture(scope="session")
def load(request: pytest.FixtureRequest) -> Any:
    """Load a task the way an evaluation does, from local data where it needs any; each task once."""
    from lm_eval.tasks import TaskManager

    loaded: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in loaded:
            data = DATA.get(name)
            metadata = {"data": str(data_path(data, request))} if data else told(name)
            manager = TaskManager(include_path=str(FILES[name].parent), include_defaults=False, metadata=metadata)
            loaded[name] = manager.load([name])["tasks"][name]
        return loaded[name]

    return get


def test_every_yaml_file_is_a_task_and_names_are_unique():
    files = sorted(TASKS.rglob("*.yaml"))
    assert len(FILES) == len(files)
    assert sorted(FILES) == sorted(SIZES)


def test_lm_eval_finds_every_task_file():
    from lm_eval.tasks import TaskManager

    assert sorted(TaskManager(include_path=str(TASKS), include_defaults=False).all_subtasks) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_header_says_what_is_measured_where_from_under_which_licence_and_what_to_expect(name: str):
    header = "".join(
        line for line in FILES[name].read_text(encoding="utf-8").splitlines(keepends=True) if line[0] == "#"
    )
    for word in ("Measures:", "Source:", "Licence:", "Scoring:", "Expected:"):
        assert word in header
    assert max(map(len, header.splitlines())) <= 120


@pytest.mark.parametrize("name", FILES)
def test_metadata_has_what_a_run_records(name: str):
    config = config_of(name)
    metadata = config["metadata"]
    assert type(metadata["version"]) is float
    assert metadata["kind"] in {"math", "code", "knowledge", "instructions", "provenance"}
    assert metadata["licence"]
    assert metadata["source"]
    scorer = importlib.import_module(f"harness.scorers.{metadata['scorer']}") if "scorer" in metadata else None
    assert bool(config.get("unsafe_code")) == getattr(scorer, "RUNS_CODE", False)
    if config["output_type"] == "generate_until":
        assert isinstance(config["generation_kwargs"]["until"], list)
        assert isinstance(config["generation_kwargs"]["max_gen_toks"], int)
    if "scorer" in metadata:
        assert metadata["headline"] == scorer.METRIC
        assert metadata["higher_is_better"] is True
    else:
        assert metadata["kind"] == "provenance" or metadata["headline"] in {m["metric"] for m in config["metric_list"]}


@pytest.mark.parametrize("name", FILES)
def test_requests_can_be_built_and_no_two_prompts_are_the_same(name: str, load: Any):
    task = load(name)
    task.build_all_requests(limit=3)
    assert len({instance.doc_id for instance in task.instances}) == 3
    assert all(isinstance(instance.args[0], str) and instance.args[0].strip() for instance in task.instances)
    docs = list(task.test_docs())
    assert len(docs) == SIZES[name]
    prompts = Counter((doc.get("system"), task.doc_to_text(doc)) for doc in docs)
    assert [prompt for prompt, count in prompts.items() if count > 1] == []


def scored() -> list[Any]:
    """Tasks with a scorer; the releases of LiveCodeBench between the first and the last share all but their files."""
    alike = {f"livecodebench_v{n}" for n in range(2, 6)} | {"humaneval_published"}
    names = [name for name in FILES if "scorer" in config_of(name)["metadata"]]
    return [pytest.param(name, marks=pytest.mark.slow) if name in alike else name for name in names]


@pytest.mark.parametrize("name", scored())
def test_gold_answers_score_one(name: str, load: Any):
    task = load(name)
    docs = list(task.test_docs())
    docs = docs[:: max(1, len(docs) // 40)]
    scorer = importlib.import_module(f"harness.scorers.{config_of(name)['metadata']['scorer']}")
    targets = [task.doc_to_target(doc) for doc in docs]
    assert all(isinstance(target, str) and target for target in targets)
    needs = config_of(name)["metadata"].get("sandbox", {})
    sandbox = SandboxSpec(allow_unsafe=True, **needs)
    if hasattr(scorer, "check"):
        try:
            scorer.check(docs[0], sandbox)
        except SandboxError as error:
            pytest.skip(str(error))
    scores = scorer.score([Answer(doc, target, target) for doc, target in zip(docs, targets, strict=True)], sandbox)
    assert [(doc, score) for doc, score in zip(docs, scores, strict=True) if score.value != 1.0] == []


def test_ifevals_gold_follows_its_instructions(load: Any):
    task = load("ifeval")
    rows = [json.loads(line) for line in (TASKS.parent / DATA["ifeval"]).read_text("utf-8").splitlines()]
    for doc, row in zip(task.test_docs(), rows, strict=True):
        good, bad = (task.process_results(doc, [text]) for text in (row["gold"], "No, NEVER, never."))
        assert good["prompt_level_strict_acc"] == good["prompt_level_loose_acc"] == 1
        assert bad["prompt_level_strict_acc"] == 0


def test_ifeval_without_its_tokenizers_data_is_refused_only_if_an_instruction_needs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    import nltk

    def missing(_: str) -> None:
        raise LookupError

    asked: list[str] = []
    monkeypatch.setattr(nltk.data, "find", missing)
    monkeypatch.setattr(nltk, "download", lambda name, **_: asked.append(name))
    rows = tmp_path / "rows.jsonl"
    row = {"key": 1, "prompt": "Three sentences.", "kwargs": [{"num_sentences": 3, "relation": "at least"}]}
    module = module_of("ifeval/ifeval.py")
    for instruction, needed in (
        ("length_constraints:number_sentences", True),
        ("change_case:capital_word_frequency", True),
        ("punctuation:no_comma", False),
    ):
        rows.write_text(json.dumps(row | {"instruction_id_list": [instruction]}), "utf-8")
        if needed:
            with pytest.raises(TaskError, match=r"punkt_tab.*python -m nltk\.downloader.*NLTK_DATA=FOLDER"):
                module.dataset(data=str(rows))
        else:
            assert module.dataset(data=str(rows))
    assert asked == ["punkt_tab", "punkt_tab"]


def test_fewshot_gold_passes_both_of_lm_evals_filters(load: Any):
    task = load("gsm8k_fewshot")
    task.build_all_requests(limit=5)
    for instance in task.instances:
        instance.resps = [" " + instance.doc["solution"]]
    task.apply_filters()
    for instance in task.instances:
        for name in ("strict-match", "flexible-extract"):
            assert task.process_results(instance.doc, [instance.filtered_resps[name]]) == {"exact_match": 1.0}


def test_fewshot_prompt_shows_five_worked_examples_and_ends_with_the_question(load: Any):
    task = load("gsm8k_fewshot")
    task.build_all_requests(limit=1)
    prompt = task.instances[0].args[0]
    assert prompt.count("\n#### ") == 5
    assert prompt.endswith(f"Question: {task.instances[0].doc['question']}\nAnswer:")


def test_arithmetic_in_the_worked_examples_is_right():
    for sample in config_of("gsm8k_fewshot")["fewshot_config"]["samples"]:
        steps = re.findall(r"<<([\d+*/-]+)=(\d+)>>", sample["solution"])
        assert steps
        for left, right in steps:
            assert eval(left) == int(right)
        assert sample["solution"].endswith(f"#### {sample['answer']}")
        assert steps[-1][1] == sample["answer"]


# ---------------------------------------------------------------------------------------------- word problems

GOLDEN = """
b57a923c 9193f087 3fc40005 c72476b3 fbaa6915 b17f81ff 354f6bfd 47f1c88c 72d873e9 deaa8f31
40186d5f 6e722120 ae3d6a64 ddf02eb3 9d00feb2 9f8e8999 04cff344 ed89c478 6edeccd4 523edf09
0acdc717 19387ea3 35a0e97f 9a50bbbd 013af037 34ae2018 f9b3c810 3075b43b 16643262 0b41c203
445461a4 e2fc3e2b 7d7224df 742ae32a ee2ed018 268c434b 095a08b0 837cc586 85fc20d1 e3bc1b83
365d3115 b2e7e48f a5542ae4 b5ffb7c0 fca4e5e5 cc103cb7 eaac3b89 b5dca656 aff71172 509b5745
cc9ac6a0 e807c7db c7e33ca4 036cae45 86211125 6521456c 7961a0bb 7888056e 0ce9f225 66e310e7
7ac04ec9 38961d2e 1b4a55be 2282ee41 788b5a33 a846d21c ac8e5a42 c2d0e40b 93cd6ba4 db8bdc24
7061ca82 6766ad48 ebc24f0d 7bd6bc79 a4aa66d4 28e2e0d8 98be09c4 f93f5a10 7dc954b9 36867866
194a6230 d433e95e aca9e91c 79852d65 a8b35251 3218daf2 d441ee20 88783514 96ae6c45 d7e85825
1827851c 13028fbb de066865 e0c08593 9241ef99 c932c4b3 39173e87 511f4da8 ee615b05 ddb7ba92
c36c5d8d 7a4db7b5 00ca7379 79ce8bb0 ff298931 4fd739f7 b077025c 19f97ab5 3fb57d76 185879f8
195cf815 cb68f402 5d848f22 c3ca6274 999bb638 fd831195 f65af6e2 4581a319 3d20a401 af9fcd37
3ba68733 4677b89b 20a5c7d8 b7f4d7a8 bdcf4734 ee8ea086 492cc91b e56d06fc 9a87ac28 e6b2592a
af4144c7 739f9c0a 05552342 494cdd3b f92ab458 cfa973e1 a650fcf1 e79df66a 1fee6b44 61ac18b8
d1899769 3cc425c6 f065fd0a 4adf518c 1f0bb39d 7985a861 9a29ba97 d678a8c7 d90dfe62 93f0ebe2
f133d314 a590f6a5 9abc5186 ddcaf8a4 a4d84e34 d82e482d 346d9240 660cdfe0 e2615dbc f17e6df7
e84687d7 337826fb 8108d1c4 484c1cb9 596490cd 16dde6a3 0e2395be 932cd769 50ba9dcc a269223b
394ae663 99632ffe 1f39d28d 1951638a 2c021966 06a4a4e3 7260d7e6 75e382ce aaee070c 8b8dba5b
993edc06 71391791 afe93bba 24ce128c af1f9113 cc74e503 69380d9e 98d83adb 22a0a9ec fe97ca25
f940feb2 a2acda38 16b841a8 75e12679 4bd7cf4c 9932050f 1a9f6fb6 6c5b82e7 2d433d89 4d92ad71
""".split()  # noqa: SIM905
"""The first 8 hex digits of the SHA-256 of each problem's canonical JSON. They never change."""


def digest(doc: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:8]


def test_word_problems_are_the_same_for_ever():
    assert [digest(doc) for doc in module_of("word_problems/generate.py").problems()] == GOLDEN


def test_any_first_ten_n_word_problems_hold_every_level_n_times():
    docs = module_of("word_problems/generate.py").problems()
    for n in range(1, 21):
        assert set(Counter(doc["level"] for doc in docs[: 10 * n]).values()) == {n}
        assert len({doc["template"] for doc in docs[: 10 * n]}) == 10


def solve(template: str, question: str) -> float:  # noqa: PLR0911
    """The answer, worked out from the wording alone by a second formula."""
    n = [int(number) for number in re.findall(r"\d+", question)]
    match template:
        case "one_digit_sum":
            return n[0] + n[1]
        case "small_difference":
            return n[0] - n[1]
        case "times_table" | "two_digit_product":
            return sum([n[0]] * n[1])
        case "one_step_story":
            return n[0] + n[1] if "finds" in question else n[0] - n[1]
        case "groups_story":
            return sum([n[1]] * n[0]) + n[2]
        case "shopping_story":
            return n[4] - n[2] * n[0] - n[3] * n[1]
        case "percent_story":
            return n[0] * (100 - n[1]) / 100 if "cheaper" in question else n[0] * n[1] / 100
        case "fraction_story":
            unsold = n[0] - n[0] * n[1] / n[2]
            return unsold - unsold * n[3] / n[4]
        case "wages_story":
            return n[0] * (n[1] * n[2] + n[3]) + n[3] * n[4] - n[5]
    raise AssertionError(template)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**12))
def test_under_any_seed_answers_are_right_whole_and_no_question_comes_twice(seed: int):
    docs = module_of("word_problems/generate.py").problems(seed=seed)
    assert len({doc["question"] for doc in docs}) == len(docs) == 200
    for doc in docs:
        assert float(doc["answer"]) == pytest.approx(solve(doc["template"], doc["question"]), abs=1e-9)
        assert int(doc["answer"]) > 0


# ---------------------------------------------------------------------------------------- other math tasks


@pytest.fixture(scope="module")
def gsm8k(shared_data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shared_data / "math/gsm8k_test.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def perturbed(gsm8k: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return module_of("gsm_perturbed/perturb.py").problems(gsm8k)


def test_perturbed_problems_are_the_same_for_ever(perturbed: list[dict[str, Any]]):
    golden = Path(__file__).parent / "golden" / "gsm_perturbed.txt"
    lines = [f"{doc['template']} {doc['variant']} {digest(doc)}" for doc in perturbed]
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == golden.read_text("utf-8").splitlines(), "another problem under the same seed is a new version"


def test_originals_are_gsm8ks_own_and_stand_in_front_of_their_variants(
    gsm8k: list[dict[str, Any]], perturbed: list[dict[str, Any]]
):
    for start in range(0, len(perturbed), 5):
        group = perturbed[start : start + 5]
        source = gsm8k[int(group[0]["template"].removeprefix("gsm8k-"))]
        assert [doc["variant"] for doc in group] == [0, 1, 2, 3, 4]
        assert [doc["kind"] for doc in group] == ["original"] + ["perturbed"] * 4
        assert len({doc["template"] for doc in group}) == 1
        assert group[0]["question"] == source["question"]
        assert group[0]["answer"] == source["answer"].rpartition("####")[2].strip().replace(",", "")


def test_variants_differ_from_their_original_in_numbers_and_answer_alone(perturbed: list[dict[str, Any]]):
    number = module_of("gsm_perturbed/perturb.py").NUMBER
    for start in range(0, len(perturbed), 5):
        group = perturbed[start : start + 5]
        assert len({number.sub("#", doc["question"]) for doc in group}) == 1
        assert len({doc["question"] for doc in group}) == len({doc["answer"] for doc in group}) == 5
        assert all(int(doc["answer"]) > 0 for doc in group)


def test_variants_have_numbers_of_the_size_of_the_originals(perturbed: list[dict[str, Any]]):
    number = module_of("gsm_perturbed/perturb.py").NUMBER
    ratios, answers = [], []
    for start in range(0, len(perturbed), 5):
        original, *others = perturbed[start : start + 5]
        for doc in others:
            old, new = (
                [float(text.replace(",", "")) for text in number.findall(d["question"])] for d in (original, doc)
            )
            ratios += [math.log(b / a) for a, b in zip(old, new, strict=True) if a != b]
            answers.append(math.log(int(doc["answer"]) / int(original["answer"])))
    assert abs(sum(ratios) / len(ratios)) < 0.05
    assert abs(sum(answers) / len(answers)) < 0.1


def test_another_seed_gives_other_variants_of_the_same_originals(gsm8k: list[dict[str, Any]]):
    module = module_of("gsm_perturbed/perturb.py")
    one, two = module.problems(gsm8k[:60], seed=1), module.problems(gsm8k[:60], seed=2)
    assert [d for d in one if not d["variant"]] == [d for d in two if not d["variant"]]
    assert [d for d in one if d["variant"]] != [d for d in two if d["variant"]]


@pytest.mark.parametrize(
    ("question", "solution", "why"),
    [
        ("Ann has 8 red and 8 blue pens. How many?", "<<8+8=16>>\n#### 16", "8 is two numbers of the question"),
        ("Ann has 12 pens and buys a dozen more. How many?", "<<12+12=24>>\n#### 24", "12 may be the dozen"),
        ("Ann has 9 pens and buys 5. How many?", "She has 9+5=14, so 2*14=<<2*14=28>>28\n#### 28", "14 has no origin"),
        ("Ann has 9 pens and 5 cups. How many pens and lids?", "<<9+7=16>>\n#### 16", "7 has no origin"),
        ("Ann has 9 pens, gives 4, then gets 4 times 5.", "<<9-4=5>> <<4*5=20>>\n#### 20", "4 and 5 are ambiguous"),
        ("Ann was born in 1990 and is 9 pens tall.", "<<1990+9=1999>>\n#### 2000", "the steps do not give the answer"),
        ("Ann has 9 pens and buys 5. How many?", "<<9+5=15>>\n#### 15", "the step is wrong"),
        ("Ann has 9 pens and buys 5. How many?", "<<__import__('os').getpid()=5>>\n#### 5", "no arithmetic"),
        ("Ann has 9 pens and buys 0.", "<<9/0=5>>\n#### 5", "divides by nothing"),
    ],
)
def test_a_solution_that_cannot_be_traced_without_doubt_makes_no_template(question: str, solution: str, why: str):
    assert module_of("gsm_perturbed/perturb.py").template(question, solution) is None, why


def test_a_template_computes_the_answer_from_the_numbers():
    found = module_of("gsm_perturbed/perturb.py").template(
        "Ann has 1,200 pens. She sells 25% of them and buys 50 more. How many has she?",
        "She sells 1200*25/100=<<1200*25/100=300>>300. She keeps <<1200-300=900>>900. <<900+50=950>>\n#### 950",
    )
    assert [slot.value for slot in found.slots] == [1200, 50]
    assert found.results([2000, 30])[-1] == 1530
    assert found.text([2000, 30]) == "Ann has 2,000 pens. She sells 25% of them and buys 30 more. How many has she?"


def test_svamps_stories_and_questions_join_to_sentences(load: Any):
    docs = list(load("svamp").test_docs())
    assert docs[0]["question"].endswith("on each pack, how much do you have to pay to buy each pack?")
    assert {doc["type"] for doc in docs} == {"Addition", "Subtraction", "Multiplication", "Common-Division"}
    assert all(re.search(r"[.,?!] \S", doc["question"]) for doc in docs)


def test_mgsm_knows_which_problems_are_translations_of_each_other(load: Any):
    docs = list(load("mgsm").test_docs())
    assert [(doc["problem"], doc["language"]) for doc in docs] == [
        (0, "de"), (0, "en"), (1, "de"), (1, "en"), (2, "de"), (2, "en"),
    ]  # fmt: skip
    assert [doc["answer"] for doc in docs] == ["18", "18", "1230", "1230", "5", "5"]


def test_mgsm_reads_the_published_files(tmp_path: Path):
    module = module_of("mgsm/mgsm.py")
    (tmp_path / "mgsm_de.tsv").write_text(
        'Wie viele Äpfel, wenn sie "neun" sagt?\t9\nWie viele Sitze?\t1,230\n', "utf-8"
    )
    (tmp_path / "mgsm_en.tsv").write_text(
        "question\tanswer_number\nHow many apples?\t9\nHow many seats?\t1230\n", "utf-8"
    )
    docs = list(module.dataset(str(tmp_path))["test"])
    assert [(d["problem"], d["language"], d["answer"]) for d in docs] == [
        (0, "de", "9"), (0, "en", "9"), (1, "de", "1230"), (1, "en", "1230"),
    ]  # fmt: skip
    assert docs[0]["question"] == 'Wie viele Äpfel, wenn sie "neun" sagt?'
    (tmp_path / "other.tsv").write_text("How many?\t9\n", "utf-8")
    with pytest.raises(TaskError, match=r"no name such as mgsm_de\.tsv"):
        module.dataset(str(tmp_path / "other.tsv"))
    (tmp_path / "mgsm_fr.tsv").write_text("Combien ?\n", "utf-8")
    with pytest.raises(TaskError, match="row 1 has 1 fields"):
        module.dataset(str(tmp_path / "mgsm_fr.tsv"))


def test_the_answer_of_a_math_problem_is_in_the_last_box_of_its_solution(load: Any, shared_data: Path):
    rows = [json.loads(line) for line in (shared_data / "math/math500_test.jsonl").read_text("utf-8").splitlines()]
    assert [doc["answer"] for doc in load("minerva_math").test_docs()] == [row["answer"] for row in rows]
    boxed = module_of("minerva_math/minerva_math.py").boxed
    assert boxed(r"so $\boxed 5$, or $\fbox{\frac{1}{2}}$.") == r"\frac{1}{2}"
    assert boxed(r"$x = \boxed 5$") == "5"
    assert boxed("nothing") is None
    assert boxed(r"\boxed{{1}") is None


EXAMPLES = [name for name in FILES if "fewshot_config" in config_of(name)]
FEWSHOT = [name for name in EXAMPLES if config_of(name)["metadata"]["kind"] == "math"]


def test_every_math_benchmark_has_a_chat_form_and_a_base_form():
    chat = {name for name in FILES if config_of(name)["metadata"]["kind"] == "math"} - set(FEWSHOT)
    procedural = {"word_problems"}
    # What is published for chat and reasoning models alone.
    asked_in_chat = {name for name in chat if config_of(name)["metadata"].get("prompt")}
    own = {name for name in FEWSHOT if not name.endswith("_published")}
    assert {name.removesuffix("_fewshot") for name in own} - {"minerva_math"} == chat - procedural - asked_in_chat


@pytest.mark.parametrize("name", FEWSHOT)
def test_worked_examples_are_judged_correct_and_close_in_the_form_that_is_stopped_at(name: str):
    config = config_of(name)
    samples = config["fewshot_config"]["samples"]
    assert len(samples) == config["num_fewshot"]
    texts = []
    for sample in samples:
        text = sample["solution"]
        for stop in config["generation_kwargs"]["until"]:
            text = text.partition(stop)[0]
        texts.append(text)
    scorer = importlib.import_module("harness.scorers.math")
    scores = scorer.score([Answer({}, s["answer"], t) for s, t in zip(samples, texts, strict=True)], SandboxSpec())
    assert [(s["answer"], score) for s, score in zip(samples, scores, strict=True) if score.value != 1.0] == []


@pytest.mark.parametrize("name", FEWSHOT)
def test_a_base_form_shows_its_examples_and_stops_before_the_next_problem(name: str, load: Any):
    task = load(name)
    task.build_all_requests(limit=1)
    prompt = task.instances[0].args[0]
    config = config_of(name)
    assert all(sample["solution"] in prompt for sample in config["fewshot_config"]["samples"])
    opening = config["doc_to_text"].partition("{{")[0].strip()
    assert prompt.count(opening) == config["num_fewshot"] + 1
    assert opening in config["generation_kwargs"]["until"]
    assert prompt.endswith(task.doc_to_text(task.instances[0].doc))


@pytest.mark.parametrize("name", [*FEWSHOT, *(name for name in FILES if name.endswith("_completion"))])
def test_a_base_form_names_the_override_that_it_is_used_with(name: str):
    named = re.findall(r"\+models\.NAME\.\w+=\w+", FILES[name].read_text("utf-8"))
    assert named
    words = [word.replace("NAME", "smollm2") for word in named]
    assert [model.chat for model in compose(["model=smollm2", f"task={name}", *words]).models] == [False]


@pytest.mark.parametrize("name", FEWSHOT)
def test_worked_examples_are_not_in_the_test_set(name: str, load: Any):
    fields = {"question", "problem"}
    asked = {" ".join(str(doc[field]).split()) for doc in load(name).test_docs() for field in fields & doc.keys()}
    shown = {
        " ".join(str(s[f]).split()) for s in config_of(name)["fewshot_config"]["samples"] for f in fields & s.keys()
    }
    assert shown
    assert not shown & asked


def test_olympiad_answers_of_several_values_are_one_answer(load: Any):
    docs = list(load("olympiadbench").test_docs())
    assert [doc["answer"] for doc in docs] == ["5", r"\frac{1}{2}, 3", "(1, 2)", "-7"]
    assert docs[3]["question"].startswith("Let f be linear.\n")


@pytest.mark.parametrize("name", [name for name in FILES if config_of(name)["metadata"]["kind"] == "math"])
def test_fields_that_cluster_break_down_or_contrast_are_in_every_document(name: str, load: Any):
    metadata = config_of(name)["metadata"]
    contrast = metadata.get("contrast") or {}
    fields = {metadata.get("cluster"), contrast.get("field"), *metadata.get("breakdown", ())} - {None}
    docs = list(load(name).test_docs())
    for field in fields:
        values = {doc[field] for doc in docs}
        assert None not in values
        assert len(values) > 1
        if field == contrast.get("field"):
            assert {contrast["from"], contrast["to"]} <= values


def test_sets_below_100_problems_draw_several_answers_and_say_what_one_problem_weighs():
    for name, size in SIZES.items():
        if size < 100 and config_of(name)["metadata"]["kind"] == "math" and "tests/" not in DATA.get(name, ""):
            assert config_of(name)["repeats"] >= 4
            assert config_of(name)["generation_kwargs"]["temperature"] > 0
            assert f"one problem is {100 / size:.1f} points" in FILES[name].read_text("utf-8")


# ------------------------------------------------------------------------------------------------- functions


def passes(source: str, tests: str) -> bool:
    """True where the function passes; one that runs for more than 20,000 lines does not."""
    steps = 0

    def count(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps > 20_000:
            raise TimeoutError
        return count

    namespace: dict[str, Any] = {}
    exec(compile(source, "solution", "exec"), namespace)
    before = sys.gettrace()
    sys.settrace(count)
    try:
        exec(compile(tests, "tests", "exec"), namespace)
    except Exception:  # noqa: BLE001
        return False
    finally:
        sys.settrace(before)
    return True


HARMLESS = {
    ("binary_value", "'_'"),  # int() allows underscores
    ("group_anagrams", "'_'"),  # joins the key of a group
    ("shift_letters", "'z_'"),  # no single character is between "z" and "z_"
    ("shift_letters", "'Z_'"),
    ("shift_letters", "ord(letter) + ord('A')"),  # 2 * 65 is a multiple of 26
    ("winner", "'XO_'"),  # no board holds a "_"
}
"""Changes that make no wrong function."""


def problems() -> list[dict[str, Any]]:
    return module_of("functions/problems.py").problems()


def test_hidden_tests_reject_every_small_mistake():
    survivors = {
        (doc["entry_point"], change)
        for doc in problems()
        for change, source in mutants(doc["canonical_solution"])
        if passes(source, doc["tests"])
    }
    assert survivors == HARMLESS


def test_hidden_tests_reject_answers_that_do_nothing_or_know_only_the_example():
    for doc in problems():
        name = doc["entry_point"]
        example = re.search(r">>> .*\n +(.*)", doc["prompt"])
        assert example is not None
        for value in ("None", "args[0]", "0", "''", "[]", "True", "False", example[1]):
            assert not passes(f"def {name}(*args): return {value}", doc["tests"]), (name, value)


def test_every_function_has_five_asserts_that_call_it_and_an_example_that_is_true():
    import doctest

    for doc in problems():
        name = doc["entry_point"]
        asserts = [node for node in ast.parse(doc["tests"]).body if isinstance(node, ast.Assert)]
        calls = [node for node in asserts if f"{name}(" in ast.unparse(node)]
        assert len(calls) >= 5, name
        namespace: dict[str, Any] = {}
        exec(doc["canonical_solution"], namespace)
        test = doctest.DocTestParser().get_doctest(namespace[name].__doc__, namespace, name, None, 0)
        assert len(test.examples) == 1
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_prompt_ends_with_the_docstring_and_gives_neither_body_nor_tests_away():
    for doc in problems():
        assert doc["canonical_solution"].startswith(doc["prompt"])
        assert doc["prompt"].rstrip().endswith('"""')
        assert "assert" not in doc["prompt"]
        compile(doc["prompt"], doc["entry_point"], "exec")


def test_any_first_four_n_functions_hold_every_level_n_times():
    docs = problems()
    for n in range(1, 23):
        assert set(Counter(doc["level"] for doc in docs[: 4 * n]).values()) == {n}


# ------------------------------------------------------------------------------------------------ provenance


def test_any_first_four_n_open_prompts_hold_every_domain_n_times():
    docs = module_of("provenance/prompts.py").open_prompts()
    for n in range(1, 17):
        assert set(Counter(doc["domain"] for doc in docs[: 4 * n]).values()) == {n}


def test_identity_questions_cover_languages_and_kinds_and_name_nobody():
    docs = module_of("provenance/prompts.py").identity_questions()
    assert {"en", "zh", "de", "es", "fr", "ja", "ru"} <= {doc["language"] for doc in docs}
    assert {"direct", "indirect"} <= {doc["kind"] for doc in docs}
    names = re.compile(
        r"openai|gpt|claude|anthropic|gemini|google|llama\b|meta\b|qwen|alibaba|deepseek|mistral",
        re.IGNORECASE,
    )
    everything = [*docs, *module_of("provenance/prompts.py").open_prompts()]
    assert [doc["prompt"] for doc in everything if names.search(doc["prompt"])] == []


# --------------------------------------------------------------------------------------------- documents'
# data

ROWS = [{"question": "a\u2028b", "answer": "1"}, {"question": "ü", "answer": "2"}]


@pytest.mark.parametrize("suffix", taskdata.SUFFIXES)
def test_every_kind_of_file_gives_the_same_rows(suffix: str, tmp_path: Path):
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        import polars as pl

        pl.DataFrame(ROWS).write_parquet(path)
    elif suffix == ".tsv":
        path.write_text("".join("\t".join(row.values()) + "\n" for row in ROWS), "utf-8")
    else:
        listed = suffix.removesuffix(".gz") == ".json"
        text = json.dumps(ROWS) if listed else "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n"
        path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())
    rows = taskdata.documents("a/b", split="test", columns=("question", "answer"), data=str(path))
    assert rows == ROWS


@given(rows=st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none()), min_size=1))
def test_any_rows_written_as_jsonl_are_read_back(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert taskdata.documents("a/b", split="test", columns=(), data=str(path)) == rows


def test_a_folder_and_a_pattern_are_read_in_the_order_of_their_files(tmp_path: Path):
    for name, value in (("b.jsonl", 2), ("a.jsonl", 1), ("note.txt", 3)):
        (tmp_path / name).write_text(json.dumps({"x": value}))
    for data in (tmp_path, tmp_path / "*.jsonl"):
        rows = taskdata.documents("a/b", split="test", columns=("x",), data=str(data))
        assert rows == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b'{"question": "q"}\n', "lacks answer; it has the columns question"),
        ("x.jsonl", b'{"question": "q", "answer": "1"}\n{broken\n', "line 2 of x.jsonl is not JSON"),
        ("x.jsonl", b"", "holds no documents"),
        ("x.jsonl", b"[1]\n", "expected an object on each line"),
        ("x.jsonl", b"\xff\xfe", "cannot read x.jsonl"),
        ("x.json", b'{"a": 1}', "expected a list of objects"),
        ("x.jsonl.gz", b"no gzip", "cannot read x.jsonl.gz"),
        ("x.parquet", b"no parquet", "cannot read x.parquet"),
        ("x.csv", b"question,answer", "known kinds: .jsonl"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_says_why(name: str, content: bytes, says: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match=re.escape(says)):
        taskdata.documents("a/b", split="test", columns=("question", "answer"), data=str(tmp_path / name))


def test_a_missing_file_is_an_error_that_names_it():
    with pytest.raises(TaskError, match=re.escape("task.data=/no/such/file.jsonl")):
        taskdata.documents("a/b", split="test", columns=("x",), data="/no/such/file.jsonl")


@pytest.mark.parametrize("name", DATA)
def test_without_hub_or_file_the_error_comes_at_once_and_says_what_to_give(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    config = config_of(name)
    source = taskfiles.documents_source(FILES[name])
    assert source is not None
    dataset = getattr(module_of(f"{source.parent.name}/{source.name}"), config["custom_dataset"].rpartition(".")[2])
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    file = taskfiles.TaskFile(name, FILES[name], config)

    def read() -> None:
        told = taskfiles.published_files(file, None)
        dataset(**config["metadata"], **({} if told is None else {"data": told}))

    with pytest.raises(TaskError, match=r"(hub does not answer|fetch https://).*task\.data=PATH"):
        read()
    assert sum(slept) < 5


def test_a_file_of_another_benchmark_is_refused_with_its_columns(shared_data: Path):
    dataset = module_of("math500/math500.py").dataset
    with pytest.raises(TaskError, match="lacks problem, solution, subject, level; it has the columns question, answer"):
        dataset(data=str(shared_data / "math/gsm8k_test.jsonl"))


def test_a_task_that_ships_its_documents_needs_no_network(monkeypatch: pytest.MonkeyPatch):
    import socket

    from lm_eval.tasks import TaskManager

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in sorted(set(FILES) - set(DATA)):
        manager = TaskManager(include_path=str(FILES[name].parent), include_defaults=False, metadata=told(name))
        assert len(list(manager.load([name])["tasks"][name].test_docs())) == SIZES[name]
