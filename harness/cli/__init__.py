"""The command line: strings in, exit codes out."""

import gc

GARBAGE_EVERY = 20000
"""Objects made between two looks for garbage; Python's own 700 is for programs that stay small."""


def main() -> None:
    """Run the command line.

    A command imports libraries of a million objects that stay to its end: to look through them for garbage on the way
    takes a tenth of its CPU.
    """
    gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
    from harness.cli.app import main as run

    run()


__all__ = ["config", "main"]
