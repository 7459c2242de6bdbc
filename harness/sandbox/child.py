"""The program's side: runs model-written code and answers what the judge asks. Nothing it says is a verdict.

The code that runs here can change everything here, so nothing here protects anything. Honest programs get
faithful answers, and hostile ones can only answer wrongly.

The judge asks with `[operation, ...]`. The answers are:

    ["r", value, arguments or None]                    a value, and the arguments if they were changed in place
    ["x", types, args or None, text, arguments or None]  an exception: `types` is its MRO as [name, reference or None]
    ["cb", number, args, kwargs]                       a question back: call the function that was an argument

If many calls of one function arrive together (`calls`), the value is a list of `["r", value]` in the order of the
calls. If one raised, its exception is the last. If not all fit into one message, the judge asks for `more`.
"""

# Descriptors are opened here, not paths.
# ruff: noqa: PTH123
from __future__ import annotations

import atexit
import builtins
import contextlib
import os
import random
import sys
import types
from _thread import RLock  # `threading` would cost half a millisecond after each fork, because it looks itself over
from collections.abc import Callable, Iterator
from typing import Any

from harness.sandbox.wire import (
    HELLO,
    MUTABLE,
    TOGETHER_BYTES,
    ClosedError,
    Codec,
    Descriptor,
    MessageChannel,
    WireError,
)

TEXT_CHARS = 500
"""What is kept of an exception's text."""


class Callback:
    """A function of the tests, which the program calls from here."""

    def __init__(self, child: Child, number: int) -> None:
        self._child, self.number = child, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it. Raises what it raises."""
        return self._child.ask(["cb", self.number, list(args), kwargs])


class _ProgramValues(Codec):
    """Values that are not plain stay here. Messages name them by number."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}

    def refer(self, value: object) -> dict[str, Any]:
        """A reference, and what can be done with it."""
        if isinstance(value, Callback):
            return {"!": "cb", "v": value.number}
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"!": "X", "v": self.lineage(value)}
        kind = "object"
        if isinstance(value, types.CoroutineType):
            kind = "coroutine"
        elif hasattr(type(value), "__next__"):
            kind = "iterator"
        elif callable(value):
            kind = "function"
        elif hasattr(type(value), "__iter__"):
            kind = "iterable"
        return {"!": "o", "v": [self.keep(value), kind, type(value).__name__]}

    def keep(self, value: object) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        return self._numbers[id(value)]

    def lineage(self, kind: type) -> list[list[Any]]:
        return [
            [base.__name__, None if getattr(builtins, base.__name__, None) is base else self.keep(base)]
            for base in kind.__mro__
        ]

    def unknown(self, tag: object, content: Any) -> object:
        if tag == "o":
            return self._kept[content]
        if tag == "cb":
            return Callback(self._child, content)
        if tag == "ci":
            return _items(Callback(self._child, content))
        return super().unknown(tag, content)


def _items(following: Callback) -> Iterator[Any]:
    """An iterator of the tests."""
    while True:
        try:
            item = following()
        except StopIteration:
            return
        yield item


class _Batch:
    """Calls of one function that arrived together, and have not been answered yet."""

    def __init__(self, function: Callable[..., Any], calls: list[list[Any]]) -> None:
        self.function, self.calls = function, iter(calls)
        self.held: list[str] = []


class Child:
    """Serves one judge."""

    def __init__(self) -> None:
        self._channel: MessageChannel
        self._values = _ProgramValues(self)
        self._lock = RLock()
        self._module = types.ModuleType("solution")
        self._batches: dict[int, _Batch] = {}
        self._operations: dict[str, Callable[..., Any]] = {
            "load": self._load,
            "name": lambda name: vars(self._module)[name],
            "call": lambda function, args, kwargs: function(*args, **kwargs),
            "next": next,
            "iter": iter,
            "get": getattr,
            "set": setattr,
            "await": _await,
            "script": self._script,
            "in_process": self._in_process,
        }

    def connect(self, descriptor: int) -> None:
        """Take up the stream to its judge."""
        self._channel = MessageChannel(Descriptor(descriptor))

    def serve(self) -> None:
        """Serve the judge, in a process that is already shut in. Never returns."""
        self._channel.send(HELLO)
        while True:
            self.answer()

    def answer(self) -> None:
        """Answer one question."""
        self._answer(self._receive())

    def ask(self, question: list[Any]) -> Any:
        """Ask the judge something. Until it answers, answer its questions."""
        with self._lock:
            self._channel.send(self._values.dumps(question))
            while True:
                message = self._receive()
                if message[0] == "r":
                    return message[1]
                if message[0] == "x":
                    raise getattr(builtins, message[1])(*message[2])
                self._answer(message)

    def _receive(self) -> Any:
        try:
            return self._values.loads(self._channel.receive())
        except WireError:  # the judge has what it wants
            os._exit(0)

    def _answer(self, question: list[Any]) -> None:
        operation, *arguments = question
        if operation in {"calls", "more"}:
            self._channel.send(self._answer_calls(*arguments))
            return
        watched = self._changeable(arguments) if operation == "call" else None
        before = self._snapshot(watched)
        try:
            answer = ["r", self._operations[operation](*arguments)]
        except ClosedError:
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it raises is an answer
            answer = self._exception(error)
        answer.append(watched if self._snapshot(watched) != before else None)
        try:
            data = self._values.dumps(answer)
        except BaseException as error:  # noqa: BLE001 - the value's own code runs here too
            data = self._values.dumps([*self._exception(error), None])
        self._channel.send(data)

    def _answer_calls(self, number: int, function: Any = None, calls: Any = None) -> bytes:
        """Make calls until all are made, one fails, or the answers fill a message. The rest waits for `more`."""
        batch = self._batches.pop(number) if calls is None else _Batch(function, calls)
        texts, size = batch.held, sum(map(len, batch.held))
        batch.held = []
        while (args := next(batch.calls, None)) is not None:
            try:
                text = self._values.text(["r", batch.function(*args)])
            except ClosedError:
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - whatever it raises is an answer, and the last
                text = self._values.text([*self._exception(error), None])
                batch.calls = iter(())
            size += len(text)
            if texts and size > TOGETHER_BYTES:
                batch.held = [text]
                self._batches[number] = batch
                break
            texts.append(text)
        return f'["r", [{", ".join(texts)}], null]'.encode()

    @staticmethod
    def _changeable(arguments: list[Any]) -> list[Any] | None:
        """The arguments of a call that it may change in place, in the judge's order. `None` if there is none."""
        _, args, kwargs = arguments
        values = [*args, *kwargs.values()]
        if not any(isinstance(value, (*MUTABLE, tuple)) for value in values):
            return None
        return [value if isinstance(value, (*MUTABLE, tuple)) else None for value in values]

    @staticmethod
    def _snapshot(values: list[Any] | None) -> str | None:
        """A text that changes if the values do. It is made in C, because most programs wait twice to see no change."""
        if values is None:
            return None
        try:
            return repr(values)
        except Exception:  # noqa: BLE001 - the judge keeps its own where we cannot tell
            return None

    def _exception(self, error: BaseException) -> list[Any]:
        args: object = None
        text = ""
        try:
            text = str(error)[:TEXT_CHARS]
            self._values.dumps(error.args)
            args = error.args if len(repr(error.args)) <= TEXT_CHARS else None
        except BaseException:  # noqa: BLE001, S110 - an exception without words is one all the same
            pass
        return ["x", self._values.lineage(type(error)), args, text]

    def _load(self, code: str, entry_point: str) -> Any:
        """Run the module. The entry point is the answer."""
        random.seed(0)
        sys.argv = ["solution.py"]
        sys.modules["solution"] = self._module
        exec(compile(code, "solution.py", "exec", dont_inherit=True), vars(self._module))  # noqa: S102 - what all of this is for
        if entry_point not in vars(self._module):
            raise NameError(f"the code does not define {entry_point}")
        return vars(self._module)[entry_point]

    @staticmethod
    def _script(code: str, stdin: str) -> str:
        """Run the code as a program with standard input and output. The answer is what it printed."""
        random.seed(0)
        with open("stdin", "wb") as file:
            file.write(stdin.encode("utf-8", "surrogatepass"))
        fresh = os.O_RDWR | os.O_CREAT | os.O_TRUNC
        for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", fresh)):
            opened = os.open(name, flags, 0o600)
            if opened != number:  # it differs if the last run closed the descriptor, as `open(0).read()` does
                os.dup2(opened, number)
                os.close(opened)
        with open(0, encoding="utf-8", closefd=False) as source, open(1, "w", encoding="utf-8", closefd=False) as sink:
            sys.stdin, sys.stdout, sys.argv = source, sink, ["solution.py"]
            sys.modules["__main__"] = module = types.ModuleType("__main__")
            atexit._clear()  # noqa: SLF001 - there is no public way
            with contextlib.suppress(SystemExit):
                exec(compile(code, "solution.py", "exec", dont_inherit=True), vars(module))  # noqa: S102
            _end_of_program()
        with open("stdout", "rb") as file:
            return file.read().decode("utf-8", "replace")

    def _in_process(self, tests: str) -> bool:
        """Run the tests beside the code, in its namespace. Code that is made for it can forge the outcome."""
        from harness.sandbox.judge import run_cases

        known = {name: getattr(builtins, name) for name in dir(builtins) if name != "_"}
        exec(compile(tests, "tests", "exec", dont_inherit=True), vars(self._module))  # noqa: S102
        run_cases(vars(self._module))
        return known == {name: getattr(builtins, name) for name in dir(builtins) if name != "_"}


def _end_of_program() -> None:
    """Do what an interpreter does when a program ends: wait for its threads, then call what was registered for then."""
    if "threading" in sys.modules:
        import threading

        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.current_thread():
                thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way


def _await(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)
