"""Scorers: one module each, with `METRIC` and `score(answers, sandbox)`. The file name is the name a task gives.

What is wrapped around an answer comes off here too, for every scorer and every backend.
"""

from harness.scorers._wrapping import Cleaned, Split, clean, opens, split

__all__ = ["Cleaned", "Split", "clean", "opens", "split"]
