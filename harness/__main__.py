"""`python -m harness`."""

from harness.cli import program

program()
