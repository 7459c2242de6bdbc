"""Scorers, one module each, with `METRIC` and `score(answers, sandbox)`. A task names a scorer by its file name.

What a model wraps around its answer is also taken off here, in one place for every scorer and every backend.
"""

from harness.scorers._wrapping import Cleaned, Split, clean, opens, split

__all__ = ["Cleaned", "Split", "clean", "opens", "split"]
