"""Which of the sandbox's tiers are tested, and where they can be."""

import functools
import os
import subprocess
import sys

import pytest

from harness.sandbox import container, tiers

linux = pytest.mark.skipif(sys.platform != "linux", reason="tiers A and B are Linux's")
BOTH = pytest.mark.parametrize("tier", ["A", "B"])
ALL = pytest.mark.parametrize("tier", ["A", "B", pytest.param("C", marks=pytest.mark.slow)])
"""The container too, where there is an engine that has its image: nothing is pulled for a test."""


@functools.cache
def no_container() -> str | None:
    """Why no container is started here."""
    engine, reason = container._engine()
    if engine is None:
        return reason
    image = os.environ.get("HARNESS_SANDBOX_IMAGE", container.IMAGE)
    done = subprocess.run([engine, "image", "inspect", image], capture_output=True, check=False)
    return None if done.returncode == 0 else f"the engine has no image {image}; HARNESS_SANDBOX_IMAGE names another"


def need(tier: str) -> None:
    """Skip the test where this tier cannot be had."""
    reason = no_container() if tier == "C" else tiers._why_not(tier)
    if reason:
        pytest.skip(f"tier {tier}: {reason}")
