"""Finished runs: verify, reproduce, compare, bundle, unite, copy, import, export."""

__all__ = [
    "bundles",
    "copies",
    "differences",
    "exports",
    "formats",
    "imports",
    "reproduction",
    "shards",
    "stored_samples",
    "verification",
]
