"""Finished runs: verify, sign, reproduce, compare, bundle, unite, copy, import, export."""

__all__ = [
    "bundles",
    "copies",
    "differences",
    "exports",
    "imports",
    "reproduction",
    "shards",
    "signatures",
    "stored_samples",
    "verification",
]
