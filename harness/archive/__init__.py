"""Finished runs: verify, reproduce, compare, bundle, unite, copy, import, export."""

__all__ = [
    "bundles",
    "copies",
    "differences",
    "exports",
    "imports",
    "reproduction",
    "shards",
    "stored_samples",
    "verification",
]
