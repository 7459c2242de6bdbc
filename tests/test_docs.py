"""Every command that a page of the docs shows in a `console` block runs, on made-up results."""

import re
import shlex
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
