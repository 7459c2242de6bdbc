"""docs/sandbox.md names a test for each claim: they are there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "sandbox.md").read_text("utf-8")


def test_every_claim_has_a_test_of_its_own() -> None:
    table = PAGE.partition("## Each claim and its test")[2].partition("\n## ")[0]
    named = re.findall(r"^\|.*\| `(test_\w+)` \|$", table, re.MULTILINE)
    assert len(named) == len(set(named)) > 30
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(named)
    there = {
        name
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert set(named) <= there
