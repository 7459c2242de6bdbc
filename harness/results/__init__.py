"""What is read from run folders: the index, comparisons, leaderboard, report, and what Python users open."""

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
