"""Programs of the public coding benchmarks, for the tests and the benchmark of the sandbox."""

import ast
import contextlib
import gzip
import json
import warnings
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


PLUS = """
import copy, math, re
def same(answer, wanted):
    if type(answer) in (list, tuple) and type(wanted) is type(answer):
        return len(answer) == len(wanted) and all(map(same, answer, wanted))
    if isinstance(wanted, float) and type(answer) in (int, float):
        close = math.isclose(answer, wanted, rel_tol=1e-7, abs_tol=max(ATOL, 1e-6))
        return close or answer != answer and wanted != wanted
    if isinstance(wanted, re.Match):  # what cannot be compared is only not None, as in EvalPlus
        return answer is not None
    return answer == wanted
names = {}
exec(REFERENCE, names)
for number, arguments in enumerate(INPUTS):
    wanted = names[ENTRY_POINT](*copy.deepcopy(arguments))
    assert same(candidate(*arguments), wanted), number
"""
"""Differential testing as EvalPlus does it, with the answers computed beside: written out, they are over a GiB."""


def like(value: Any, model: Any) -> Any:
    """A value of JSON with the types of the model: its tuples and sets."""
    if isinstance(value, dict) and isinstance(model, dict) and model:
        return {key: like(item, next(iter(model.values()))) for key, item in value.items()}
    if not isinstance(value, list) or not isinstance(model, tuple | list | set | frozenset) or not model:
        return value
    nested = [m for m in model if isinstance(m, tuple | list | set | dict)]
    paired = [*model] if len(model) == len(value) else [None] * len(value)

    def model_of(item: Any, pair: Any) -> Any:
        if not isinstance(item, list | dict):
            return None
        return pair if pair in nested else next(iter(nested), model)

    return type(model)([like(item, model_of(item, pair)) for item, pair in zip(value, paired, strict=True)])


COMPLEX = {"convert", "angle_complex"}
"""Tasks of MBPP+ whose complex arguments are strings in its JSON."""


def plus(row: dict[str, Any], code: str | None = None) -> Program:
    """A task of EvalPlus' sets, compared with its reference solution's answers to all inputs."""
    reference = row["prompt"] + row["canonical_solution"]
    models: list[Any] = []
    if "assertion" in row:
        calls = [node for node in ast.walk(ast.parse(row["assertion"])) if isinstance(node, ast.Call)]
        called = next(node for node in calls if getattr(node.func, "id", "") == row["entry_point"])
        with contextlib.suppress(ValueError):
            models = [ast.literal_eval(argument) for argument in called.args]
    inputs = [
        [like(v, m) for v, m in zip(given, models, strict=True)] if len(models) == len(given) else given
        for given in row["base_input"] + (row["plus_input"] or [])
    ]
    if row["entry_point"] in COMPLEX:
        inputs = [[complex(value) if isinstance(value, str) else value for value in given] for given in inputs]
    head = f"nan, inf, ATOL, ENTRY_POINT = float('nan'), float('inf'), {row['atol']}, {row['entry_point']!r}"
    data = f"INPUTS = {inputs!r}\nREFERENCE = {reference!r}\ncandidate = {row['entry_point']}"
    return Program(reference if code is None else code, f"{head}\n{data}\n{PLUS}", row["entry_point"])
