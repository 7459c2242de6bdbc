"""The command line: strings in, exit codes out."""

import gc
import sys

GARBAGE_EVERY = 20000
"""Objects made between two looks for garbage; Python's own 700 is for programs that stay small."""


def main() -> None:
    """Run the command line.

    A command imports libraries of a million objects that stay to its end: to look through them for garbage on the way,
    and once more at the end, takes a fifth of its CPU.
    """
    gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
    from harness.cli.app import main as run

    try:
        run()
    finally:
        if "duckdb" not in sys.modules:  # which takes what is not looked through for a leak, and prints a page of it
            gc.freeze()


__all__ = ["main"]
