"""Programs of the public coding benchmarks, for the tests and the benchmark of the sandbox."""

import ast
import gzip
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from modulefiles import loaded

from harness.sandbox import Program

TASKS = Path(__file__).parents[1] / "tasks"


def rows(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def humaneval_rows(data: Path) -> dict[str, dict[str, Any]]:
    return {row["task_id"]: row for row in rows(data / "code/HumanEval.jsonl.gz")}


def humaneval(row: dict[str, Any], code: str) -> Program:
    return Program(
        code=code,
        tests=f"{row['test']}\ncheck({row['entry_point']})\n",
        entry_point=row["entry_point"],
        helpers=row["prompt"] + "    pass\n",
    )


def entry_point(tests: str, code: str) -> str:
    """The last function or class of the code that the tests name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in published code
        tree = ast.parse(code)
    named = {node.id for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Name)}
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name in named][-1]


def mbpp(row: dict[str, Any]) -> Program:
    code = row["code"].replace("\r\n", "\n")
    tests = "\n".join([row["test_setup_code"], *row["test_list"], *row["challenge_test_list"]])
    tests = tests.replace("\r\n", "\n")
    return Program(code, tests, entry_point(tests, code))


def task_module(path: str) -> ModuleType:
    """A module of `tasks/`, as lm-eval loads it."""
    return loaded(TASKS / path)


def plus(row: dict[str, Any], code: str | None = None) -> Program:
    """A task of EvalPlus' sets, compared with its reference solution's answers to all inputs."""
    reference = row["prompt"] + row["canonical_solution"]
    tests = task_module("evalplus/evalplus.py").tests(row)
    return Program(reference if code is None else code, tests, row["entry_point"])
