"""The child of the unsafe tier: runs one candidate and its tests, and writes the verdict.

It keeps what it needs later in locals and in this program's own module, out of the candidate's namespace. It leaves
through `os._exit`, before the candidate's threads and exit handlers can hold the process. It imports little, because
each candidate loads it anew.
"""

import atexit
import io
import json
import os
import sys
import time
import types
from collections.abc import Callable

try:
    import resource
except ImportError:  # not on this platform
    resource = None  # type: ignore[assignment]

TEXT_CHARS = 1000
TEST_CHARS = 160


def main() -> None:
    """Judge what is in `task.json` of the working folder. Does not return."""
    with open("task.json", encoding="utf-8") as file:
        task = types.SimpleNamespace(**json.load(file))
    sys.set_int_max_str_digits(task.int_digits)
    os.unlink("task.json")
    report = open(task.report, "r+", encoding="utf-8")  # noqa: SIM115 - opened before the candidate can move it
    _limit(task.limits)
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    sys.argv = ["solution.py"]
    status, message, test = _judge(task, module)
    _write(report, {"token": task.token, "status": status, "message": message, "test": test})


def _write(report: io.TextIOWrapper, verdict: dict[str, str]) -> None:
    json.dump(verdict | {"cpu_s": time.process_time()}, report)
    report.flush()
    os._exit(0)


def _limit(limits: list[tuple[str, int]]) -> None:
    for name, soft in limits if resource else ():
        hard = soft + 1 if name == "RLIMIT_CPU" else soft
        try:
            resource.setrlimit(getattr(resource, name), (soft, hard))
        except (AttributeError, TypeError, ValueError, OSError):
            pass  # this platform lacks the limit, or a lower one is in force already


def _judge(task: types.SimpleNamespace, module: types.ModuleType) -> tuple[str, str, str]:
    """Status, message, and the test that decided."""
    phase = "code"
    try:
        _load(task, module)
        phase = "tests"
        exec(compile(task.tests, "tests", "exec", dont_inherit=True), module.__dict__)
        if "unittest" in sys.modules:
            _run_cases(module)
    except BaseException as error:  # noqa: BLE001 - whatever the candidate raises is its verdict
        test = _where(error, task.tests.splitlines(), module)
        text = _text(error)
        message = type(error).__name__ + (f": {text}" if text else "") + (f" at: {test}" if test else "")
        return _status(error, phase), message, test
    return "passed", "", ""


def _load(task: types.SimpleNamespace, module: types.ModuleType) -> None:
    names = module.__dict__
    names["within"] = lambda seconds: None
    names["answers"] = lambda function, calls: (function(*call) for call in calls)
    exec(compile(task.helpers, "helpers", "exec", dont_inherit=True), names)
    if task.entry_point == "__main__":
        names["__main__"] = names["run"] = _script(task.code)
    else:
        exec(compile(task.code, "solution.py", "exec", dont_inherit=True), names)
    if task.entry_point not in names:
        raise NameError("the code does not define " + task.entry_point)


def _script(code: str) -> Callable[[str], str]:
    """Runs the code as a program, from its standard input to its standard output."""

    def run(stdin: str) -> str:
        sys.stdin, sys.stdout = io.StringIO(stdin), io.StringIO()
        atexit._clear()
        try:
            exec(compile(code, "solution.py", "exec", dont_inherit=True), {"__name__": "__main__"})
        except SystemExit:
            pass
        if "threading" in sys.modules:
            threading = sys.modules["threading"]
            for thread in threading.enumerate():
                if not thread.daemon and thread is not threading.current_thread():
                    thread.join()
        atexit._run_exitfuncs()
        return sys.stdout.getvalue()

    return run


def _run_cases(module: types.ModuleType) -> None:
    """Run the test cases that the tests defined. Raises AssertionError or RuntimeError if one fails."""
    unittest = sys.modules["unittest"]
    cases = [
        found
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, unittest.TestCase)
        and not found.__module__.startswith("unittest.")
    ]
    result = unittest.TestResult()
    unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases)).run(result)
    for kind, found in ((AssertionError, result.failures), (RuntimeError, result.errors)):
        if found:
            raise kind(str(found[0][0]))
    if cases and not result.testsRun:
        raise RuntimeError("no test ran")


def _status(error: BaseException, phase: str) -> str:
    if isinstance(error, MemoryError):
        return "memory"
    return "wrong" if isinstance(error, AssertionError) and phase == "tests" else "error"


def _where(error: BaseException, lines: list[str], module: types.ModuleType) -> str:
    """The test that failed: its number if the tests count, or else its line."""
    case = module.__dict__.get("CASE")
    if isinstance(case, int):
        return f"test {case}"[:TEST_CHARS]
    where, trace = "", error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "tests" and 0 < trace.tb_lineno <= len(lines):
            where = lines[trace.tb_lineno - 1].strip()
        trace = trace.tb_next
    return where[:TEST_CHARS]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:TEXT_CHARS]
    except BaseException:  # noqa: BLE001 - its `__str__` is the candidate's
        return ""


if __name__ == "__main__":
    main()
