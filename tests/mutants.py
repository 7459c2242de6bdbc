"""Small mistakes made on purpose in right code, and what its tests say of them when they are run plainly."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar


class Mutant(ast.NodeTransformer):
    """Makes the k-th small change to the bodies of functions: a comparison, an operator, a constant or a branch."""

    SWAPS: ClassVar = {
        ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq:
        ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub,
        ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv,
        ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    }  # fmt: skip

    def __init__(self, k: int) -> None:
        self.left = k
        self.change: str | None = None

    def _now(self) -> bool:
        self.left -= 1
        return self.left == -1

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                self.visit(statement)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        docstring = isinstance(node.value, ast.Constant)
        return node if docstring else self.generic_visit(node)  # type: ignore[return-value]

    def _swap(self, node: Any) -> Any:
        self.generic_visit(node)
        if type(node.op) in self.SWAPS and self._now():
            node.op = self.SWAPS[type(node.op)]()
            self.change = ast.unparse(node)
        return node

    visit_BinOp = visit_BoolOp = _swap  # noqa: N815

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        for i, op in enumerate(node.ops):
            if self._now():
                node.ops[i] = self.SWAPS[type(op)]()
                self.change = ast.unparse(node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if type(node.value) in {int, str} and self._now():
            node.value = node.value + 1 if isinstance(node.value, int) else f"{node.value}_"
            self.change = repr(node.value)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        for branch in (node.body, node.orelse):
            if self._now():
                self.change = ast.unparse(branch)
                return branch
        return node


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every module that differs from this one by one small change, with the change."""
    for k in range(10_000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in published code
            tree = ast.parse(source)
        mutant = Mutant(k)
        mutant.visit(tree)
        if mutant.change is None:
            return
        yield mutant.change, ast.unparse(ast.fix_missing_locations(tree))


PLAIN = """
import json, os, resource, signal, sys
seconds, memory_mb = json.loads(sys.stdin.readline())
for line in sys.stdin:
    code, tests = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(int(20 * seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        try:
            names = {"__name__": "solution"}
            exec(compile(code, "solution", "exec"), names)
            exec(compile(tests, "tests", "exec"), names)
        except BaseException:
            os._exit(1)
        os._exit(0)
    print(int(os.waitpid(pid, 0)[1] == 0), flush=True)
"""


def plainly(programs: Sequence[tuple[str, str]], seconds: float, memory_mb: int) -> list[bool]:
    """Whether code passes its tests where both are run in one process without any sandbox: for trusted code alone.

    Args:
        programs: code and tests of each.
        seconds: CPU time of each.
        memory_mb: address space of each.
    """
    lines = [json.dumps([seconds, memory_mb]), *(json.dumps(program) for program in programs)]
    command = [sys.executable, "-I", "-S", "-c", PLAIN]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    passed = [word == "1" for word in done.stdout.split()]
    assert len(passed) == len(programs)
    return passed
