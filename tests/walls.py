"""Which of the sandbox's tiers are tested, and where they can be."""

import sys

import pytest

from harness.sandbox import tiers

linux = pytest.mark.skipif(sys.platform != "linux", reason="tiers A and B are Linux's")
BOTH = pytest.mark.parametrize("tier", ["A", "B"])


def need(tier: str) -> None:
    """Skip the test where this tier cannot be had."""
    reason = tiers._why_not(tier)
    if reason:
        pytest.skip(f"tier {tier}: {reason}")
