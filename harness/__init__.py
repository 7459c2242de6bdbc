"""harness: math, coding and provenance evaluation of language models, in one command.

`harness.evaluate.evaluate(spec)` runs an evaluation from Python; `harness eval` does from the shell.
"""

__version__ = "0.1.0"
