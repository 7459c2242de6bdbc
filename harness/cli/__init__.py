"""The command line: strings in, exit codes out."""

import atexit
import contextlib
import gc
import os
import sys
from typing import NoReturn

from harness import results
from harness.errors import StorageError

GARBAGE_EVERY = 20000
"""Objects made between two looks for garbage. Python's own 700 is for programs that stay small."""


def main() -> None:
    """Run the command line.

    A command imports libraries of a million objects that stay to its end: to look through them for garbage on the way
    takes a tenth of its CPU.
    """
    gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
    from harness.cli.app import main as run

    run()


def program() -> NoReturn:
    """Run the command line as a process of its own, and end the process with the command's exit code.

    The process ends without taking its libraries apart object by object, which takes an eighth of the CPU of a short
    run (mypy ends in the same way). Threads are joined and functions of `atexit` called before, as at any end. What
    `program` registers first is called last.
    """
    codes: list[int] = []
    atexit.register(_leave, codes)
    if sys.platform != "win32":  # there, an index that is open cannot be replaced by other commands
        results.KEEPS_INDEX.set()
    try:
        main()
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            codes.append(stop.code or 0)
        raise
    codes.append(0)
    sys.exit(0)


def _leave(codes: list[int]) -> None:
    """End the process now, unless it ends with an error that nobody caught."""
    if not codes or sys.flags.inspect:
        return
    code = codes[0]
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it is None if who started the process had closed it (`>&-`)
                stream.flush()
        except BrokenPipeError:  # the reader of a pipe went away (`| head`): no error of ours
            continue
        except (OSError, ValueError) as error:  # a full disk, or closed by a library
            code = code or StorageError.exit_code
            with contextlib.suppress(OSError, ValueError):
                os.write(2, f"harness: output: {getattr(error, 'strerror', None) or error}\n".encode())
    os._exit(code)


__all__ = ["config", "main", "program"]
