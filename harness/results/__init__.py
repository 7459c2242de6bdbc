"""Everything that reads run folders: the index, comparisons, leaderboard, report, and what you open from Python."""

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
