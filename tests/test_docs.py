"""Every command that a page of the docs shows in a `console` block runs, and every Python example, on made-up results."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import typer
from runfolders import write_run

from harness.cli import app
from harness.cli.examples import EXAMPLES

DOCS = Path(__file__).parents[1] / "docs"
GROUP = typer.main.get_command(app.app)
COMMANDS = GROUP.commands
PAGES = ("publishing.md",)


def commands(page):
    """The lines of a page's console blocks, without the prompt and what stands behind a `#`."""
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.slow
def test_every_command_of_the_page_runs(project, page):
    write_run(project.root / "results", docs=8)
    found = commands(page)
    assert found
    for word, *words in found:
        assert word == "harness"
        project.run(*words)


def test_the_queries_about_math_scores_answer_on_a_run_with_failed_requests(project):
    project.model("alice", fail_every=3)
    project.run("eval", "model=alice", "task=word_problems", "limit=6", code=9)
    blocks = re.findall(r"```sql\n(.*?)```", (DOCS / "math_scoring.md").read_text(encoding="utf-8"), re.DOTALL)
    queries = [query for block in blocks for query in re.split(r"\n\n", block)]
    found = [json.loads(project.run("sql", query, "--format", "json").stdout) for query in queries]
    answers, counts, gaps, versions = found
    assert {row["status"] for row in answers} >= {"failed"}
    assert len(answers) == sum(row["answers"] for row in counts if row["status"] != "correct")
    assert gaps == []
    assert len(versions) == 1
    assert all(versions[0].values())


def lines_of_every_page():
    """Every line of every page and of the README that begins `$ harness`, once."""
    pages = [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages if page.stem != "commands")
    return sorted(set(re.findall(r"^\$ (harness .*[^\\\n])$", text, re.MULTILINE)))


@pytest.fixture(scope="module")
def understood(tmp_path_factory):
    """A folder with everything that the pages name."""
    from conftest import Project

    project = Project(tmp_path_factory.mktemp("understood"))
    for name in ("suspect", "candidate_a", "candidate_b", "alice", "a", "b", "mine"):
        project.model(name)
    tasks = project.root / "tasks"
    (tasks / "capitals.yaml").write_text((tasks / "sums.yaml").read_text().replace("task: sums", "task: capitals"))
    for results in ("results", "late"):  # the case study has a folder of its own for models of late 2025
        write_run(project.root / results)
    return project


@pytest.mark.parametrize("line", lines_of_every_page())
def test_every_command_of_every_page_is_one_that_harness_understands(understood, monkeypatch, line):
    monkeypatch.chdir(understood.root)
    name, *words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)[1:]
    if name == "score":
        assert any(word.startswith("samples=") for word in words)
        return
    if name == "eval":
        from harness.cli import config

        known = [word for word in words if "=" in word and not word.startswith(("hydra.", "+experiment=on_"))]
        # Of a sweep, its first job.
        config.compose([word if "[" in word else word.split(",")[0] for word in known])
        return
    command = COMMANDS[name]
    if isinstance(command, typer.core.TyperGroup) and words and words[0] in command.commands:
        name, command, words = words[0], command.commands[words[0]], words[1:]
    command.make_context(name, [word.replace("RUN…", "RUN") for word in words])


def examples():
    """Every Python block of the page, and the code of the notebook as one."""
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    notebook = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [*re.findall(r"```python\n(.*?)```", text, re.DOTALL), "\n".join(code)]


ONE_AFTER_ANOTHER = """
import os, runpy, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    print(f"in {folder}:", file=sys.stderr)
    runpy.run_path("example.py", run_name="__main__")
"""


@pytest.mark.slow
def test_every_python_example_runs(project, tmp_path_factory):
    """Each in a folder of its own, in one process: to start it takes longer than most of them."""
    project.model("alice")
    write_run(project.root / "results", docs=8)
    project.run("index")
    folders = []
    for number, code in enumerate(examples()):
        folders.append(shutil.copytree(project.root, tmp_path_factory.mktemp("examples") / str(number)))
        (folders[-1] / "example.py").write_text(code)
    words = [sys.executable, "-c", ONE_AFTER_ANOTHER, *folders]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Commands ----------------------------------------------------------------------------------------------------

ELSEWHERE = {
    "harness provenance report A --panel alpaca_eval --released 2024-05": "tests/cli/test_provenance_cli.py has answers to its prompts",
    "harness provenance report A --panel alpaca_eval --registered plan.yaml": "test_provenance_registration.py has the file",
    "harness weights smollm2_135m_q4_1 --verify": "tests/core/test_weights.py fetches weights",
    "harness eval -m model=smollm2,qwen25_coder seed=1,2,3": "tests/cli/test_config.py sweeps",
    "harness report --serve": "tests/results/test_report.py reads from it and ends it",
    "harness sql": "tests/results/test_frames.py has a terminal",
    "harness provenance tree --svg tree.svg": "tests/cli/test_provenance_cli.py has the three models it needs",
} | {
    line: "tests/test_docs_commands.py runs them on runs that are whole"
    for command in ("verify", "bundle", "reproduce", "diff")
    for line in EXAMPLES[command]
}
ELSEWHERE |= {
    line: "tests/cli/test_score_commands.py has completions and a run"
    for name in ("score", "rescore")
    for line in EXAMPLES[name]
}
ELSEWHERE |= {
    line: "tests/cli/test_provenance_cli.py has labelled relations"
    for name in ("validate",)
    for line in EXAMPLES[f"provenance {name}"]
}
ELSEWHERE |= dict.fromkeys(EXAMPLES["sign"], "tests/archive/test_signatures.py has a key")
ELSEWHERE |= dict.fromkeys(EXAMPLES["provenance same"], "tests/provenance/test_panel_route.py has a panel's answers")
ELSEWHERE |= {
    line: "tests/results/test_gates.py: no made-up result is gsm8k's"
    for line in EXAMPLES["compare"]
    if "--gate" in line
}
ELSEWHERE |= {
    line: "tests/cli/test_panel_cli.py has a server, tables and runs"
    for name in ("panel fetch", "panel add", "panel build")
    for line in EXAMPLES[name]
}
"""Examples that cannot run on made-up results, and what tries them."""


def helped(words):
    """What the command of these words says of itself, as in a process: that is `tests/cli/test_program.py`'s."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        GROUP([*words, "--help"], prog_name="harness")
    assert ended.value.code == 0
    return said.getvalue()


def test_every_command_has_examples_and_they_stand_under_its_help():
    groups = {
        name: command.commands for name, command in COMMANDS.items() if isinstance(command, typer.core.TyperGroup)
    }
    assert set(EXAMPLES) == {*COMMANDS, *(f"{group} {name}" for group, inner in groups.items() for name in inner)}
    for name, lines in EXAMPLES.items():
        assert all(re.match(rf"harness {name}\b", line) for line in lines)
        if name not in ("eval", "score"):  # their help is Hydra's
            shown = helped(name.split())
            # A shell reads two lines with a backslash between them as one.
            joined = " ".join(shown.replace("\\\n", " ").split())
            assert all(line in joined for line in lines), shown
            assert max(map(len, shown.splitlines())) <= 80


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    from conftest import Project

    project = Project(tmp_path_factory.mktemp("tried"))
    write_run(project.root / "results", docs=8)
    write_run(project.root / "results", "eval-b2", docs=8, finished_at="2026-01-01T04:00:00+00:00")
    project.run("index")
    (project.root / "model_outputs.json").write_text('[{"instruction": "Hi", "output": "Hello", "generator": "m"}]')
    pl.DataFrame({"generator": ["m"], "instruction": ["Hi"], "output": ["Hello"]}).write_parquet(
        project.root / "answers.parquet"
    )
    return project


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines if line not in ELSEWHERE])
@pytest.mark.slow
def test_every_example_runs(tried, line):
    names = {"RUN": "eval-a1", "A": "alpha", "B": "beta"}
    words = [names.get(word, word) for word in shlex.split(line)[1:]]
    if ">" in words:
        words = words[: words.index(">")]
    if words[0] == "eval":
        words += ["--cfg", "job"]  # composed, not run: the weights are not everybody's
    if "--check" in words:
        tried.run("leaderboard", "--out", words[-1])
    process = tried.start_binary(*words)
    process.communicate()
    assert process.returncode == 0


# The site ----------------------------------------------------------------------------------------------------


def test_the_page_of_commands_is_what_they_say_of_themselves(tmp_path):
    made = tmp_path / "commands.md"
    words = ["-m", "typer", "harness.cli.app", "utils", "docs", "--name", "harness", "--output", str(made)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=DOCS.parent)
    text = made.read_text(encoding="utf-8").replace("\b\n", "")
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        (DOCS / "commands.md").write_text(text, encoding="utf-8")
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == text, "HARNESS_UPDATE_GOLDEN=1 writes it"


def test_the_site_builds_without_a_warning_and_has_every_page(tmp_path):
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=DOCS.parent, check=False)
    assert done.returncode == 0, done.stderr
    for page in DOCS.glob("*.md"):
        assert (tmp_path / "site" / (f"{page.stem}/index.html" if page.stem != "index" else "index.html")).is_file()
