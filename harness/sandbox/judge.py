"""The judge's side: runs the tests of one program. In these tests, the program's names are proxies.

It never runs model-written code. What the program answers is plain data before the tests compare it, so operators and
methods that lie, patched built-ins and a look at the caller's frames reach nothing. Functions, generators, coroutines
and instances of the program's classes stay with the program, and are `Remote` here. You can call them, iterate over
them, await them and read their attributes. They have no operators and no length, and they are always true, because the
program could forge anything else.

Arguments that the program changed in place are changed here, too. An exception arrives as the built-in type that it is
or descends from. If its class is the program's own, it arrives as a class of that name. Random numbers are seeded.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import decimal
import functools
import importlib
import json
import math
import os
import random
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType
from typing import Any

from harness.sandbox import linux
from harness.sandbox.wire import HELLO, MUTABLE, TOGETHER_BYTES, ClosedError, Codec, MessageChannel, WireError

REMEMBERED, REMEMBERED_TESTS = 50_000, 2_000
"""How long a test may be that a judge keeps compiled, in characters, and how many it keeps. All tasks of a benchmark
fit, because their samples need not come one task after the other. `RENEW_KB` bounds what they take."""
RENEW_KB = 200 << 10
"""Memory that a judge may have used and still take the next program."""
MESSAGE_CHARS = 500
LINE_CHARS = 160
QUEUED = 20
"""How many times the limit the clock may show. After that, waiting for a CPU is no excuse."""
LOOK_S = 0.1
TOGETHER = 64
"""Most calls that travel together. The first goes alone, then two, four …, because most wrong programs fail early."""
LARGE = 1 << 16
"""Bytes of a message from which on decoding may take a while."""
SCRIPT = "__main__"
"""The entry point of a program that reads standard input: the tests call `run(stdin) -> stdout`."""
TESTS = "tests"
_NOT_FROM_TESTS = frozenset({"antigravity", "this", "idlelib", "turtle", "tkinter"})


class BrokenError(BaseException):
    """The program's side has gone, takes too long or talks nonsense. No test can undo this by catching it."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Remote:
    """An object on the program's side."""

    def __init__(self, judge: Judge, number: int, kind: str, name: str) -> None:
        vars(self).update(_judge=judge, _number=number, _kind=kind, _name=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"the program's {self._name} has no {name} that tests can rely on")
        return self._judge.ask("get", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._judge.ask("set", self, name, value)

    def __iter__(self) -> Iterator[Any]:
        if self._kind != "iterable":
            raise TypeError(f"{self._name!r} object is not iterable")
        return iter(self._judge.ask("iter", self))

    def __copy__(self) -> Remote:
        return self

    def __deepcopy__(self, _: object) -> Remote:
        return self

    def __repr__(self) -> str:
        return f"<the program's {self._name[:40]!a}>"


class RemoteFunction(Remote):
    """A function or class on the program's side."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it. Raises what it raises."""
        return self._judge.call(self, args, kwargs)


class _JudgeValues(Codec):
    """Values that are not plain stay where they are. Messages name them by number."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge
        self._remotes: dict[int, object] = {}
        self._exceptions: dict[int, type[BaseException]] = {}
        self._functions: list[Callable[..., Any]] = []

    def refer(self, value: object) -> dict[str, Any]:
        """A reference of the program's, handed back. Or a reference to a function or an iterator of the tests."""
        if isinstance(value, Remote):
            return {"!": "o", "v": vars(value)["_number"]}
        for number, kind in self._exceptions.items():
            if kind is value:
                return {"!": "o", "v": number}
        if hasattr(type(value), "__next__"):
            return {"!": "ci", "v": self._keep(value.__next__)}  # type: ignore[attr-defined]
        if callable(value):
            return {"!": "cb", "v": self._keep(value)}
        raise WireError(f"the tests hand the program a {type(value).__name__}, which cannot leave the judge")

    def _keep(self, function: Callable[..., Any]) -> int:
        if function not in self._functions:
            self._functions.append(function)
        return self._functions.index(function)

    def function(self, number: object) -> Callable[..., Any]:
        """A function that the program was given.

        Raises:
            WireError: the program was given no function of that number.
        """
        if not isinstance(number, int) or not 0 <= number < len(self._functions):
            raise WireError("the program calls back what it was not given")
        return self._functions[number]

    def unknown(self, tag: object, content: Any) -> object:
        if tag == "cb":
            return self.function(content)
        if tag == "X":
            return self.exception(content)
        if tag != "o":
            return super().unknown(tag, content)
        number, kind, name = content
        if not isinstance(number, int) or not isinstance(kind, str) or not isinstance(name, str):
            raise WireError("a reference is not one")
        if number not in self._remotes:
            self._remotes[number] = self._remote(number, kind, name)
        return self._remotes[number]

    def _remote(self, number: int, kind: str, name: str) -> object:
        remote = (RemoteFunction if kind == "function" else Remote)(self._judge, number, kind, name)
        if kind == "iterator":
            return self._judge.iterate(remote)
        return self._judge.wait(remote) if kind == "coroutine" else remote

    def exception(self, lineage: Any) -> type[BaseException]:
        """The class that stands here for an exception's class: the built-in itself, or a descendant of the nearest one.

        Args:
            lineage: its MRO. Each class is its name and its reference, which is `None` for built-ins.
        """
        own = []
        base: type[BaseException] = Exception
        for name, number in lineage[:20]:
            found = getattr(builtins, str(name), None) if number is None else self._exceptions.get(number)
            if isinstance(found, type) and issubclass(found, BaseException):
                base = found
                break
            own.append((str(name)[:80], int(number or 0)))
        for name, number in reversed(own):
            base = self._exceptions[number] = type(name, (base,), {})
        return base


class _Names(dict[str, Any]):
    """The tests' namespace. If the tests lack a name, it is a module of the standard library, or else the program's."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(vars(builtins))
        self["__name__"] = TESTS
        self._judge = judge

    def __missing__(self, name: str) -> Any:
        if name in sys.stdlib_module_names - _NOT_FROM_TESTS:  # never the program's, which would choose its own ruler
            value = importlib.import_module(name)
        elif name.startswith("__"):
            raise KeyError(name)
        else:
            try:
                value = self._judge.ask("name", name)
            except KeyError:
                raise KeyError(name) from None
        self[name] = value
        return value


class Judge:
    """Runs tests against a program at the other end of a channel.

    Args:
        connection: to the program's process.
        patience: seconds to wait for all of its answers together.
        more: called when they are over. It returns the seconds for which the process and this one waited for a CPU,
            which are not counted.
    """

    def __init__(self, connection: socket.socket, patience: float, more: Callable[[], float]) -> None:
        self._channel = MessageChannel(connection, self._wait, self._room)
        self._patience, self._more = patience, more
        self._waited = self._since = 0.0
        self._until, self._each = patience, math.inf
        self._answers, self._questions = select.poll(), select.poll()
        self._answers.register(connection, select.POLLIN)
        self._questions.register(connection, select.POLLOUT)
        self._values = _JudgeValues(self)
        self._broken: BrokenError | None = None
        self._batches = 0

    def verdict(self, program: dict[str, Any]) -> dict[str, str]:
        """Run the tests.

        Args:
            program: `code`, `tests`, `entry_point`, `helpers`, `in_process`. See `harness.sandbox.Program`.

        Returns:
            `status`, `message` and `test`, the test that failed. The status `gone` means that the program's process
            ended. `fault` means that it never came to run the program, which is not the program's fault.
        """
        try:
            greeted = self._receive() == HELLO
        except (WireError, BrokenError) as error:
            return {"status": "fault", "message": str(error)}
        if not greeted:
            return {"status": "fault", "message": "no greeting"}
        lines = program["tests"].splitlines()
        phase = "code"
        failure: BaseException | None = None
        names: dict[str, Any] = {}
        try:
            if program["in_process"]:
                phase = TESTS
                self._in_process(program)
            else:
                names = _Names(self)
                self._load(program, names)
                phase = TESTS
                exec(_compiled(program["tests"], TESTS), names)  # noqa: S102 - the benchmark's own code
                run_cases(names)
        except BaseException as error:  # noqa: BLE001 - tests end in any way they like
            failure = error
        if self._broken:
            test = _test(self._broken, lines, names)
            return {"status": self._broken.status, "message": str(self._broken), "test": test}
        if failure is None:
            return {"status": "passed", "message": "", "test": ""}
        test = _test(failure, lines, names)
        return {"status": _status(failure, phase), "message": _message(failure, test), "test": test}

    def ask(self, *question: Any) -> Any:
        """Ask the program's side, and answer its calls back until it has answered.

        Raises:
            BrokenError: there is no answer, or it makes no sense.
            BaseException: what the program raised.
        """
        answer = self._exchange(list(question))
        if answer[0] == "r":
            return answer[1]
        raise _no_end(self._raised(answer))

    def call(self, function: Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call one of the program's functions. Raises what `ask` raises."""
        answer = self._exchange(["call", function, list(args), kwargs])
        changed = answer[-1]
        if changed is not None:
            given = [*args, *kwargs.values()]
            if type(changed) is not list or len(changed) != len(given):
                raise self._break("the program's side says that it changed arguments it was not given")
            for old, new in zip(given, changed, strict=True):
                _update(old, new)
        if answer[0] == "r":
            return answer[1]
        raise _no_end(self._raised(answer))

    def answers(self, function: Any, calls: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """The answers of one of the program's functions to many calls, which travel together. Tests call this.

        Each call has arguments of its own, and what the program changes in them stays with it. After `within` every
        call travels alone.

        Args:
            function: what to call.
            calls: the positional arguments of each call.

        Yields:
            The answers, in the order of the calls. If the program raises, its exception is raised here, and is the
            last.
        """
        if not isinstance(function, RemoteFunction):
            yield from (function(*args) for args in calls)
            return
        waiting = deque(calls)
        most = 1
        while waiting:
            texts: list[str] = []
            size = 0
            while waiting and len(texts) < most:
                text = self._values.text(list(waiting[0]))
                size += len(text)
                if texts and size > TOGETHER_BYTES:
                    break
                texts.append(text)
                waiting.popleft()
            yield from self._together(function, texts)
            most = min(2 * most, TOGETHER) if self._each == math.inf else 1

    def _together(self, function: RemoteFunction, texts: list[str]) -> Iterator[Any]:
        self._batches += 1
        number, left = self._batches, len(texts)
        question = f'["calls", {number}, {self._values.text(function)}, [{", ".join(texts)}]]'.encode()
        while left:
            answer = self._exchange(question)
            if answer[0] != "r":
                raise self._raised(answer)
            given = answer[1]
            if type(given) is not list or not 0 < len(given) <= left:
                raise self._break("the program's side gave fewer or more answers than there were calls")
            for place, one in enumerate(given, 1):
                if type(one) is not list or (*one[:1], len(one)) not in {("r", 2), ("x", 5)}:
                    raise self._break("the program's side gave an answer that is not one")
                if one[0] == "x":
                    if place < len(given):
                        raise self._break("the program's side gave an answer after an exception")
                    raise self._raised(one)
                yield one[1]
            left -= len(given)
            question = self._values.dumps(["more", number])

    def iterate(self, remote: Remote) -> Iterator[Any]:
        """The items of an iterator on the program's side. They are fetched one by one."""
        while True:
            answer = self._exchange(["next", remote])
            if answer[0] == "r":
                yield answer[1]
                continue
            error = self._raised(answer)
            if isinstance(error, StopIteration):
                return
            raise error

    async def wait(self, remote: Remote) -> Any:
        """The outcome of a coroutine on the program's side."""
        return self.ask("await", remote)

    def _load(self, program: dict[str, Any], names: dict[str, Any]) -> None:
        random.seed(0)
        decimal.setcontext(decimal.Context())
        names.update(within=self.within, answers=self.answers)
        if program["helpers"]:
            exec(_compiled(program["helpers"], "helpers"), names)  # noqa: S102
        code = program["code"]
        if program["entry_point"] == SCRIPT:
            names["run"] = lambda stdin: self.ask("script", code, stdin)
        else:
            names[program["entry_point"]] = self.ask("load", code, program["entry_point"])

    def within(self, seconds: float) -> None:
        """Let every later question have so many seconds by the clock, as the whole has. Tests call this."""
        self._each = seconds

    def _in_process(self, program: dict[str, Any]) -> None:
        self.ask("load", program["code"], program["entry_point"])
        try:
            clean = self.ask("in_process", program["tests"])
        except AssertionError as error:
            raise AssertionError(str(error)) from None  # the tests', not the program's
        if clean is not True:
            raise self._break("the program changed Python's built-in functions")

    def _exchange(self, question: list[Any] | bytes) -> list[Any]:
        try:
            self._until = min(self._patience, self._waited + self._each)
            self._channel.send(question if isinstance(question, bytes) else self._values.dumps(question))
            while True:
                answer = self._decoded(self._receive())
                if answer[0] == "cb":
                    self._channel.send(self._call_back(*answer[1:4]))
                elif (answer[0], len(answer)) in {("r", 3), ("x", 5)}:
                    return list(answer)
                else:
                    raise self._break("the program's side gave an answer that is not one")
        except ClosedError:
            raise self._break("the program's process ended", "gone") from None
        except (WireError, TypeError, ValueError, LookupError) as error:
            raise self._break(str(error)) from error

    def _decoded(self, message: bytes) -> Any:
        """The value of a message. The program pays for the time, because it could make a large one take for ever."""
        if len(message) < LARGE:
            return self._values.loads(message)
        started = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, max(LOOK_S, self._patience - self._waited))
        try:
            return self._values.loads(message)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._waited += time.process_time() - started

    def _receive(self) -> bytes:
        """The next message. Only the time spent here counts as the program's."""
        self._since = time.monotonic()
        message = self._channel.receive()
        self._waited += time.monotonic() - self._since
        return message

    def _wait(self) -> None:
        """Wait until there is something to read: an answer, or more of it. It may come byte by byte, or never."""
        self._ready(self._answers)

    def _room(self) -> None:
        """Wait until the program's side takes more of a question. It may have stopped reading."""
        self._since = time.monotonic()
        self._ready(self._questions)
        self._waited += time.monotonic() - self._since

    def _ready(self, poll: select.poll) -> None:
        waited = self._waited + time.monotonic() - self._since
        while waited >= self._until or not poll.poll(1000 * (self._until - waited)):
            waited = self._waited + time.monotonic() - self._since
            if waited - self._more() >= self._until or waited >= QUEUED * self._until:
                raise self._break(f"no answer after {min(self._each, self._patience):g} s by the clock", "timeout")
            if poll.poll(1000 * LOOK_S):
                return
            waited = self._waited + time.monotonic() - self._since

    def _call_back(self, number: object, args: Any, kwargs: Any) -> bytes:
        function = self._values.function(number)
        try:
            return self._values.dumps(["r", function(*args, **kwargs)])
        except Exception as error:  # noqa: BLE001 - the program may catch it
            kind = next(base for base in type(error).__mro__ if getattr(builtins, base.__name__, None) is base)
            return self._values.dumps(["x", kind.__name__, [str(error)] if error.args else []])

    def _raised(self, answer: list[Any]) -> BaseException:
        """The exception that an answer tells of."""
        _, lineage, args, text, _ = answer
        try:
            kind = self._values.exception(lineage)
        except (TypeError, ValueError) as error:
            return self._break(f"the program's side tells of an exception that is none: {type(error).__name__}")
        for attempt in (args if type(args) is tuple else (text,), (str(text),), ()):
            with contextlib.suppress(Exception):  # UnicodeDecodeError wants five arguments, for example
                raised = kind(*attempt)
                vars(raised)["of_program"] = True
                return raised
        return RuntimeError(str(text))

    def _break(self, reason: str, status: str = "error") -> BrokenError:
        self._broken = self._broken or BrokenError(status, reason)
        return self._broken


def _no_end(error: BaseException) -> BaseException:
    """The error. A `StopIteration` becomes a RuntimeError, as in https://peps.python.org/pep-0479/.

    If a call raised it, it would end the tests' own `map` or `zip`, and what comes after would never be compared.
    """
    if not isinstance(error, StopIteration):
        return error
    ended = RuntimeError("the program raised StopIteration")
    vars(ended)["of_program"] = True
    return ended


def _compiled(source: str, name: str) -> CodeType:
    """Compile tests once, because many samples of a task have the same ones."""
    return _remembered(source, name) if len(source) <= REMEMBERED else compile(source, name, "exec", dont_inherit=True)


@functools.lru_cache(maxsize=REMEMBERED_TESTS)
def _remembered(source: str, name: str) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def run_cases(names: dict[str, Any]) -> None:
    """Run the `unittest.TestCase` classes if the tests defined some.

    Args:
        names: the namespace after the tests ran.

    Raises:
        AssertionError: a test failed.
        RuntimeError: a test raised something else.
    """
    unittest = sys.modules.get("unittest")
    if unittest is None:
        return
    cases = [
        value
        for value in names.values()
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and not value.__module__.startswith("unittest.")
    ]
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
    result = unittest.TestResult()
    suite.run(result)
    failures = result.failures + [(test, "it succeeded") for test in result.unexpectedSuccesses]
    for kind, found in ((AssertionError, failures), (RuntimeError, result.errors)):
        if found:
            test, trace = found[0]
            raise kind(f"{test}: {(trace.strip().splitlines() or [''])[-1]}")
    if cases and not result.testsRun:
        raise RuntimeError("no test ran")


def _update(old: Any, new: Any) -> None:
    """Make a container equal to another in place, down to where the types differ."""
    if type(old) is tuple and type(new) is tuple:
        for old_item, new_item in zip(old, new, strict=False):
            _update(old_item, new_item)
    elif isinstance(old, list) and type(new) is list:
        old[:] = [_merged(old[i] if i < len(old) else None, item) for i, item in enumerate(new)]
    elif isinstance(old, dict) and isinstance(new, dict):
        merged = {key: _merged(old.get(key), item) for key, item in new.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set) and type(new) is set:
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray) and type(new) is bytearray:
        old[:] = new
    elif isinstance(old, deque) and type(new) is deque:
        old.clear()
        old.extend(new)


def _merged(old: Any, new: Any) -> Any:
    """`old`, made equal to `new` if it can be, for those who also hold it. If not, `new`."""
    if isinstance(old, MUTABLE) and isinstance(new, type(old)):
        _update(old, new)
        return old
    return copy.copy(new) if isinstance(new, MUTABLE) else new


def _status(error: BaseException, phase: str) -> str:
    if isinstance(error, MemoryError):
        return "memory"
    if not getattr(error, "of_program", False):
        return "wrong" if isinstance(error, AssertionError) and phase == TESTS else "error"
    return "blocked" if isinstance(error, PermissionError) else "error"


def _test(error: BaseException, lines: list[str], names: dict[str, Any]) -> str:
    """The test that an error came from: the number in `CASE`, or else the line."""
    case = dict.get(names, "CASE")
    if isinstance(case, int):
        return f"test {case}"
    where, trace = "", error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == TESTS and 0 < trace.tb_lineno <= len(lines):
            where = lines[trace.tb_lineno - 1].strip()
        trace = trace.tb_next
    return where[:LINE_CHARS]


def _message(error: BaseException, test: str) -> str:
    """The error, and the test that it came from."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - text of an integer with too many digits
        text = ""
    named = type(error).__name__ + (f": {text}" if text else "")
    return named[:MESSAGE_CHARS] + (f" at: {test}" if test else "")


def _surroundings() -> list[object]:
    """Put back what these tests may have changed before the next program's tests run."""
    return [dict(vars(builtins)), dict(os.environ), sys.getrecursionlimit(), sys.getswitchinterval()]


def main(control: socket.socket, schedstat: int | None = None) -> None:
    """Judge one program after the other, until the socket ends.

    Each program arrives after a byte with a descriptor, which is the channel to its process. The reply is what
    `Judge.verdict` returns, with `renew` if the next program needs a new judge. The status `slow` may come before it.
    It asks for the seconds that the program has waited for a CPU. If the judging of a program takes too much CPU time,
    a signal ends this process.


    Args:
        control: the socket.
        schedstat: a descriptor of this process's /proc/PID/schedstat, if the kernel has it.
    """
    worker = MessageChannel(control)
    before = 0.0

    def queued() -> float:
        return 0.0 if schedstat is None else linux.queued_s(schedstat)

    def more() -> float:
        worker.send(b'{"status": "slow"}')
        return float(json.loads(worker.receive())) + queued() - before

    surroundings = _surroundings()
    connection: socket.socket | None = None
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if connection:  # not closed earlier, because the last program was ended in its sleep and did not see an end
            connection.close()
        if not descriptors:
            return
        program = json.loads(worker.receive())
        before = queued()
        signal.setitimer(signal.ITIMER_PROF, program["cpu_s"])
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])
        verdict: dict[str, object] = {**Judge(connection, program["wall_s"], more).verdict(program)}
        signal.setitimer(signal.ITIMER_PROF, 0)
        used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        verdict["renew"] = used_kb > RENEW_KB or verdict["status"] == "memory" or _surroundings() != surroundings
        worker.send(json.dumps(verdict).encode())
