"""What you can do with finished runs: verify, sign, reproduce, compare, bundle, unite, copy, import and export them."""

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
