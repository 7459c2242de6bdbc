"""The case study of docs/ runs from top to bottom, and prints what it says it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.provenance.verdicts import wording

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "case-study-r1.md"
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def _steps(block: str) -> list[tuple[str, str]]:
    """Commands with what follows each."""
    return [(command, said) for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are for a POSIX shell")
@pytest.mark.slow
def test_every_command_of_the_page_prints_what_the_page_says(shared_data: Path, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    steps = [step for block in BLOCK.findall(text) for step in _steps(block)]
    assert len(steps) > 20
    here = os.environ | {
        "DATA": str(shared_data),
        "REPO": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
        "PYTHONIOENCODING": "utf-8",
    }
    found = {}
    for command, _ in steps:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=here, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        found[command] = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines() if line.strip())
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        for block in BLOCK.findall(text):
            text = text.replace(block, "".join(f"$ {command}\n{found[command]}" for command, _ in _steps(block)))
        PAGE.write_text(text, encoding="utf-8")
        return
    assert found == dict(steps)


@pytest.mark.slow
def test_the_page_claims_no_more_than_the_reports_do() -> None:
    text = re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8"))
    ours = re.sub(r'"[^"]*"', "", text)
    ours = ours.replace("had been trained on Gemini's outputs", "")  # the claim that is examined, attributed
    assert "These are the words of those who made the claim" in ours
    assert not wording.FORBIDDEN.search(ours), wording.FORBIDDEN.search(ours)
