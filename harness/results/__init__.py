"""Everything that reads run folders: the index, comparisons, leaderboard, report, and what you open from Python."""

import threading

__all__ = [
    "comparisons",
    "contamination",
    "derivation",
    "gates",
    "leaderboard",
    "notebook",
    "schema",
    "store",
]

KEEPS_INDEX = threading.Event()
"""Whether the index stays open from one reading to the next, as it does in a command: to open it takes 20 ms.

Elsewhere it is closed after each reading. DuckDB lets no other part of a process write to a file that is open in it.
"""
