"""Reads the problems of the `functions` task from starter.py, easy.py, medium.py and hard.py.

Each of those files is plain Python: a function that is the canonical solution, then a function `check_NAME`
whose lines are its hidden tests. The prompt is the solution's signature and docstring. So the problems can be
read, linted, typed and run as they are, and no text is kept twice.

To add a problem, append the two functions to one of the files, and raise `metadata.version`.
"""

from __future__ import annotations

import ast
import textwrap
from itertools import zip_longest
from pathlib import Path
from typing import Any

LEVELS = ("starter", "easy", "medium", "hard")


def read(path: Path) -> list[dict[str, Any]]:
    """The problems of one file, in its order.

    Returns:
        Dicts of `entry_point`, `prompt`, `canonical_solution`, `tests` and `level` (the stem of the file).
    """
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    docs = []
    for name, node in functions.items():
        if name.startswith("check_"):
            continue
        check = functions[f"check_{name}"]
        docstring, first_line = node.body[0].end_lineno, node.lineno - 1
        docs.append(
            {
                "entry_point": name,
                "prompt": "".join(lines[first_line:docstring]),
                "canonical_solution": "".join(lines[first_line : node.end_lineno]),
                "tests": textwrap.dedent("".join(lines[check.body[0].lineno - 1 : check.end_lineno])),
                "level": path.stem,
            }
        )
    return docs


def problems() -> list[dict[str, Any]]:
    """Every problem, one of each level in turn: any first 4n of them hold every level n times."""
    columns = [read(Path(__file__).with_name(f"{level}.py")) for level in LEVELS]
    return [doc for row in zip_longest(*columns) for doc in row if doc is not None]


def dataset(**_: Any) -> dict[str, Any]:
    """What lm-eval's `custom_dataset` wants: the problems as a `test` split."""
    from harness.taskdata import splits

    return splits(problems())
