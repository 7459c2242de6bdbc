"""Fixtures shared by every test."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmark data and model outputs that CI has; tests that need it skip without."""
    path = Path(os.environ.get("HARNESS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("the benchmark data set folder is not here; set HARNESS_TEST_DATA to run this test")
    return path
