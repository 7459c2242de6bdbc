"""Statistics of one model, of two, of many and of the next run: intervals, pairs, ranks, aggregates and power."""

from harness.stats.aggregates import MIN_COVERAGE, Mean
from harness.stats.intervals import (
    Estimate,
    bootstrap,
    bootstrap_mean,
    estimate,
    pass_at_k,
    pass_estimate,
    pass_hat_k,
    standard_error,
    t_quantile,
    wilson,
)
from harness.stats.levels import Level
from harness.stats.ranks import Standing

__all__ = [
    "MIN_COVERAGE",
    "Estimate",
    "Level",
    "Mean",
    "Standing",
    "aggregates",
    "bootstrap",
    "bootstrap_mean",
    "estimate",
    "independent",
    "levels",
    "pairs",
    "pass_at_k",
    "pass_estimate",
    "pass_hat_k",
    "power",
    "ranks",
    "standard_error",
    "t_quantile",
    "wilson",
]
