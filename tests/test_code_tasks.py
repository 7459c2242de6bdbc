"""The coding benchmarks judge as their papers do, and say what is worth less."""

from __future__ import annotations

import base64
import io
import json
import pickle
import sys
import zlib
from pathlib import Path
from typing import Any

import codesets
import pytest
from walls import BOTH, linux, need

from harness.cli import config
from harness.core import resources
from harness.engine import lmeval, taskfiles
from harness.errors import ConfigError, TaskError
from harness.evaluation import planning
from harness.evaluation.evaluator import evaluate
from harness.records import Answer
from harness.sandbox import Program, run
from harness.scorers import code
from harness.specs import EvalSpec, ModelSpec, SandboxSpec, TaskSpec

pytestmark = linux
TASKDATA = Path(__file__).parent / "taskdata"
LCB = codesets.task_module("livecodebench/livecodebench.py")


def problem(cases: list[tuple[str, str]], method: str | None = None) -> dict[str, Any]:
    """A problem in LiveCodeBench's form, with its tests."""
    tests = json.dumps([{"input": given, "output": wanted, "testtype": "stdin"} for given, wanted in cases])
    row = {"question_id": "q", "question_content": "?", "starter_code": "", "private_test_cases": "[]"}
    return dict(LCB._doc(row | {"public_test_cases": tests, "metadata": json.dumps({"func_name": method})}))


def status(doc: dict[str, Any], answer: str, **more: Any) -> str:
    return code.score([Answer(doc, "", f"```python\n{answer}\n```")], SandboxSpec(**more))[0].status


@pytest.mark.parametrize(
    ("printed", "wanted", "same"),
    [
        ("1 2", "1 2\n", True),
        ("  1 2  \n\n", "1 2", True),
        ("1.0 2", "1 2.00", True),
        ("1e3", "1000", True),
        ("1  2", "1 2", True),
        ("1 a", "1 a", True),
        ("1  a", "1 a", False),
        ("YES", "yes", False),
        ("1\n2", "1 2", False),
        ("1\n\n2", "1\n2", False),
        ("50000000000000001", "50000000000000000", False),
        ("0.1", "0.10000001", False),
        ("nan", "nan", True),
        ("", "", True),
        ("", "1", False),
    ],
)
def test_output_is_compared_by_livecodebenchs_rules(printed: str, wanted: str, same: bool):
    answer = f"import sys\nsys.stdout.write({printed!r})"
    assert status(problem([("", wanted)]), answer) == ("passed" if same else "wrong")


@pytest.mark.parametrize(
    ("value", "wanted", "same"),
    [("[1, 2]", "[1, 2]", True), ("(1, 2)", "[1, 2]", True), ("[(1, 2)]", "[[1, 2]]", False), ("1.0", "1", True),
     ("True", "true", True), ("None", "null", True), ("'1'", "1", False)],
)  # fmt: skip
def test_a_methods_answer_is_compared_by_livecodebenchs_rules(value: str, wanted: str, same: bool):
    answer = f"class Solution:\n    def go(self, a, b):\n        assert (a, b) == ([1], 'x')\n        return {value}"
    assert status(problem([('[1]\n"x"', wanted)], "go"), answer) == ("passed" if same else "wrong")


@pytest.mark.parametrize(
    "program",
    ["print(int(input()) * 2)", "import sys\nprint(int(sys.stdin.readline()) * 2)", "print(int(open(0).read()) * 2)",
     "import sys\nsys.stdout.buffer.write(b'%d' % (int(sys.stdin.buffer.read()) * 2))",
     "def main():\n    print(int(input()) * 2)\nif __name__ == '__main__':\n    main()",
     "import sys\nsys.exit(print(int(input()) * 2))", "print(int(next(iter(sys.stdin))) * 2)",
     "n, m = int(input()), 2\nprint(n * m)", "import os\nos.write(1, str(int(os.read(0, 9)) * 2).encode())"],
)  # fmt: skip
def test_programs_may_read_and_print_in_every_way(program: str):
    doc = problem([("21\n", "42\n"), ("-1\n", "-2\n")])
    assert status(doc, program) == "passed"
    assert code.score([Answer(doc, "", program)], SandboxSpec())[0].status == "passed", "without a fence too"


def test_each_test_has_its_own_limit_and_the_rest_of_the_time_is_not_used_up():
    doc = problem([("", "1")])
    doc["tests"] = doc["tests"].replace("SECONDS = 6.0", "SECONDS = 0.3")
    found = code.score([Answer(doc, "", "import time\ntime.sleep(50)\nprint(1)")], SandboxSpec(timeout_s=60))[0]
    assert (found.status, found.explanation) == ("timeout", "no answer after 0.3 s by the clock")


def test_a_failing_test_is_named():
    found = code.score([Answer(problem([("1", "1"), ("2", "3")]), "", "print(input())")], SandboxSpec())[0]
    assert (found.status, found.explanation) == ("wrong", "AssertionError at: test 1")
    assert found.detail["test"] == "test 1"


def test_packed_tests_are_read_and_code_in_them_is_not_run(tmp_path: Path):
    def packed(value: object) -> str:
        return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()

    assert LCB._cases(packed('[{"input": "1", "output": "2"}]')) == [{"input": "1", "output": "2"}]

    class Attack:
        def __reduce__(self) -> Any:
            return io.open, (str(tmp_path / "ran"), "w")

    for text in (packed(Attack()), "no base 64!", base64.b64encode(b"x").decode(), packed(5), '{"a": 1}'):
        with pytest.raises(TaskError, match="LiveCodeBench: tests"):
            LCB._cases(text)
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_the_projects_own_programs_reject_answers_that_do_nothing_or_print_their_samples():
    for doc in LCB.own_dataset()["test"]:
        dull = "class Solution:\n    def __getattr__(self, name): return lambda *a: []"
        for answer in ("print()", "print(input())", "print(0)", dull):
            assert status(doc, answer) != "passed", doc["task_id"]


# --- what tasks need ---------------------------------------------------------------------------------------------


def test_a_task_gets_the_time_and_memory_it_declares_and_more_where_more_is_configured():
    files = taskfiles.find(resources.task_dirs())
    task = lmeval.load(TaskSpec("programs"), files, 1)[0]
    assert task.sandbox(SandboxSpec()) == SandboxSpec(timeout_s=60, memory_mb=1024)
    assert task.sandbox(SandboxSpec(timeout_s=90, memory_mb=512)) == SandboxSpec(timeout_s=90, memory_mb=1024)
    for name in ("humaneval_plus", "humaneval_plus_completion", "mbpp_plus", "mbpp_plus_completion"):
        needs = files[name].metadata["sandbox"]
        assert needs["memory_mb"] >= 2048
        assert needs["timeout_s"] >= 20


def test_a_task_that_declares_what_no_sandbox_has_is_refused(tmp_path: Path):
    for needs in ("5", "{cpus: 2}", "{timeout_s: -1}", "{memory_mb: much}"):
        (tmp_path / "t.yaml").write_text(f"task: t\nmetadata: {{version: 1.0, sandbox: {needs}}}\n")
        (error,) = taskfiles.refused([tmp_path]).values()
        assert "metadata.sandbox" in str(error)
        assert taskfiles.find([tmp_path]) == {}


# --- packages ----------------------------------------------------------------------------------------------------


def site_packages() -> str:
    return str(next(path for path in map(Path, sys.path) if (path / "numpy").is_dir()))


@BOTH
def test_programs_use_configured_packages_and_can_change_none_of_them(tier: str):
    need(tier)
    site = site_packages()
    programs = [
        Program("import numpy as np\ndef f(n): return float(np.arange(n).sum())", "assert f(5) == 10.0", "f"),
        Program(f"def f(): open({site + '/numpy/__init__.py'!r}, 'a')", "f()", "f"),
        Program("def f(): return 1", "import numpy", "f"),
    ]
    spec = SandboxSpec(timeout_s=20, memory_mb=2048, packages=site)
    verdicts = run(programs, spec, tier=tier)
    assert [v.status for v in verdicts] == ["passed", "blocked", "error"]
    assert "numpy" in verdicts[2].message, "the judge has no packages"
    assert run(programs[:1], SandboxSpec(timeout_s=20), tier=tier)[0].status == "error", "nor have programs by default"


def test_a_folder_of_packages_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"sandbox\.packages"):
        run([Program("", "", "f")], SandboxSpec(packages="/nowhere"))
    with pytest.raises(ConfigError, match=r"sandbox\.packages"):
        planning.sandboxes.check(SandboxSpec(packages="/nowhere"))


def test_the_place_of_packages_is_neither_identity_nor_published(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name / "numpy-2.0.dist-info").mkdir(parents=True)
    one, two = (planning.judging(SandboxSpec(packages=str(tmp_path / name))) for name in ("a", "b"))
    assert one == two
    assert one["packages"] == ["numpy-2.0.dist-info"]
    assert "packages" not in planning.judging(SandboxSpec()), "runs of before keep their identity"


# --- forgeable ---------------------------------------------------------------------------------------------------


def test_bigcodebench_passes_its_references_and_is_stamped_as_forgeable(tmp_path: Path):
    from harness.results import derivation, leaderboard, store

    answer = "```python\nfrom collections import Counter\ndef task_func(text):\n    return Counter(text.split())\n```"
    spec = EvalSpec(
        models=(ModelSpec("m", "fake", {"answer": "constant", "output": answer}),),
        tasks=(TaskSpec("bigcodebench", data=str(TASKDATA / "bigcodebench.jsonl")),),
        results_dir=str(tmp_path),
    )
    outcome = evaluate(spec, quiet=True)
    metric = next(row for row in outcome.manifest.metrics if row.is_headline)
    assert (metric.value, metric.n) == (pytest.approx(1 / 3), 3)
    assert metric.sandbox.endswith("(forgeable)")
    derivation.refresh(tmp_path)
    rows = store.query(tmp_path, "SELECT forgeable, unsafe_code FROM leaderboard WHERE task = 'bigcodebench'").rows()
    assert rows == [(True, False)]
    page = leaderboard.markdown(derivation.board(tmp_path))
    assert "(forgeable) †" in page
    assert "tests ran in the code's own process: forgeable" in page


def test_every_key_of_a_sample_is_in_sql(tmp_path: Path):
    from harness.results import derivation, store

    spec = EvalSpec(
        models=(
            ModelSpec(
                "m", "fake", {"answer": "constant", "output": "```python\nprint(sum(map(int, input().split())))\n```"}
            ),
        ),
        tasks=(TaskSpec("programs", limit=2),),
        results_dir=str(tmp_path),
    )
    evaluate(spec, quiet=True)
    derivation.refresh(tmp_path)
    query = (
        "SELECT status, extracted, explanation, detail->>'tier' AS tier, CAST(detail->>'cpu_s' AS DOUBLE) AS cpu_s, "
        "detail->>'rule' AS rule, detail->>'test' AS test, detail->>'forgeable' AS forgeable FROM scores WHERE scorer = 'code'"
    )
    rows = store.query(tmp_path, query).to_dicts()
    assert len(rows) == 2
    for row in rows:
        assert row["status"] in {"wrong", "error"}
        assert row["extracted"].startswith("print(sum")
        assert "test 0" in row["explanation"]
        assert row["test"] == "test 0"
        assert row["tier"] in {"A", "B"}
        assert 0 < row["cpu_s"] < 60
        assert (row["rule"], row["forgeable"]) == ("fence", "false")


def test_config_knows_the_packages():
    assert config.compose(["sandbox.packages=/x"]).sandbox.packages == "/x"
