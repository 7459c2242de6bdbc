"""Every command that a page of the docs shows in a `console` block runs, and every Python example, on made-up results."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from runfolders import write_run

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("publishing.md",)


def commands(page):
    """The lines of a page's console blocks, without the prompt and what stands behind a `#`."""
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_runs(project, page):
    write_run(project.root / "results", docs=8)
    found = commands(page)
    assert found
    for word, *words in found:
        assert word == "harness"
        project.run(*words)


def examples():
    """Every Python block of the page, and the code of the notebook as one."""
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    notebook = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [*re.findall(r"```python\n(.*?)```", text, re.DOTALL), "\n".join(code)]


@pytest.mark.parametrize("code", examples(), ids=lambda code: code.splitlines()[0])
def test_every_python_example_runs(project, code):
    project.model("alice")
    write_run(project.root / "results", docs=8)
    (project.root / "example.py").write_text(code)
    done = subprocess.run([sys.executable, "example.py"], cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
