"""Programs of the public coding benchmarks, for the tests and the benchmark of the sandbox."""

import gzip
import json
from pathlib import Path
from typing import Any

from harness.sandbox import Program


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
    import ast

    named = {node.id for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Name)}
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in ast.parse(code).body if isinstance(node, kinds) and node.name in named][-1]


def mbpp(row: dict[str, Any]) -> Program:
    code = row["code"].replace("\r\n", "\n")
    tests = "\n".join([row["test_setup_code"], *row["test_list"], *row["challenge_test_list"]])
    tests = tests.replace("\r\n", "\n")
    return Program(code, tests, entry_point(tests, code))
