"""What travels between judge and program is bounded, and nothing of a program's is trusted with a comparison."""

import pytest
from walls import linux

from harness.sandbox import Execution, Program, run
from harness.specs import SandboxSpec

pytestmark = linux
SPEC = SandboxSpec(timeout_s=5, memory_mb=512)


def verdicts(*programs: tuple[str, str]) -> list[Execution]:
    return run([Program(code, tests, "f") for code, tests in programs], SPEC, workers=1)


def test_messages_values_and_integers_have_bounds() -> None:
    nested = "def f(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x"
    text, power = "def f(n): return 'x' * (n << 20)", "def f(n): return 1 << n"
    found = verdicts(
        (nested, "f(150)"),
        (text, "assert len(f(15)) == 15 << 20"),
        (power, "assert f(8_000_000).bit_length() == 8_000_001"),
        (nested, "f(300)"),
        (text, "f(17)"),
        (power, "f(9_000_000)"),
    )
    assert [verdict.status for verdict in found] == ["passed"] * 3 + ["error"] * 3


@pytest.mark.parametrize(
    "tests",
    ["assert f() + 1 == 2", "assert len(f()) == 3", "assert str(f()) == 'yes'", "assert f() == 5", "assert not f()"],
)
def test_no_operator_of_a_programs_class_decides(tests: str) -> None:
    code = (
        "class P:\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n    def __add__(s, o): return 2\n"
        "    def __str__(s): return 'yes'\n    def __bool__(s): return False\n    __hash__ = None\ndef f(): return P()"
    )
    assert verdicts((code, tests))[0].status != "passed"


def test_a_judge_whose_surroundings_were_changed_serves_no_other_program() -> None:
    first, second = "import builtins\nbuiltins.sum = lambda x: 7\nassert f() == 1", "assert sum([1, 2, 3]) == 6 * f()"
    assert [found.status for found in verdicts(*[("def f(): return 1", t) for t in (first, second)])] == ["passed"] * 2


def test_calls_may_have_a_limit_of_their_own() -> None:
    code = "def f(n):\n    while n == 2: pass\n    return n"
    (found,) = verdicts((code, "within(0.3)\nassert f(1) == 1\nf(2)"))
    assert found.status == "timeout"
    assert found.cpu_s < 2
