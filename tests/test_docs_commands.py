"""Every command on the pages "Reproducing a result" and "Running on a cluster" runs, in order, as it stands there.

The pages name an embedded model; here a fake one answers in its place, and runs are short. Commands of a launcher that
is not installed are skipped, and said so.
"""

import importlib.util
import re
import shlex

import pytest
from conftest import ROOT, Project

LAUNCHERS = {
    "on_joblib": "hydra_joblib_launcher",
    "on_slurm": "hydra_submitit_launcher",
    "on_ray": "hydra_ray_launcher",
}


def commands(page: str) -> list[str]:
    """The lines that begin with `$` in the page's console blocks, with their continuations."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    return [line[2:].partition("  #")[0] for line in lines]


def installed(launcher: str) -> bool:
    plugins = importlib.util.find_spec("hydra_plugins")
    return plugins is not None and importlib.util.find_spec(f"hydra_plugins.{launcher}") is not None


def run(project: Project, *words: str, code: int) -> None:
    """Run a command; skip where Ray's own start takes longer than the 30 s it allows itself (ray/_private/node.py)."""
    done = project.run(*words, code=None)
    if "The current node timed out during startup" in done.stderr + done.stdout:
        pytest.skip("Ray did not start within 30 s on this machine, and cannot be told to wait longer")
    assert done.returncode == code, done.stderr + done.stdout


def play(project: Project, lines: list[str], expected: dict[str, int]) -> list[str]:
    """Run the lines; returns those that were left out."""
    project.model("stand_in")
    project.model("second")
    left = []
    for line in lines:
        missing = [word for word, plugin in LAUNCHERS.items() if word in line and not installed(plugin)]
        if missing:
            left.append(line)
            continue
        words = shlex.split(line.replace("qwen25_coder", "second").replace("smollm2", "stand_in"))
        assert words[0] == "harness", line
        unsigned = 12 if words[1] == "verify" and "--accept" not in words else 0  # what nobody signed is not verified
        run(project, *words[1:], code=expected.get(line, unsigned))
    return left


@pytest.mark.timeout(1500)
@pytest.mark.slow
def test_every_command_of_reproducing_a_result_runs(project: Project) -> None:
    lines = commands("reproducing.md")
    assert len(lines) >= 8
    assert not play(project, lines, {})
    assert (project.root / "run.zip").is_file()


@pytest.mark.timeout(1500)
@pytest.mark.slow
def test_every_command_of_running_on_a_cluster_runs(project: Project) -> None:
    lines = commands("cluster.md")
    assert len(lines) >= 8
    left = play(project, lines, {})
    names = {run.name for run in project.runs()}
    assert any(name.endswith("1of2") for name in names)
    assert any("of" not in name.rpartition("-")[2] for name in names), "shards were united"
    if left:
        pytest.skip(f"ran all but {len(left)} of {len(lines)}, whose launcher is not installed: {'; '.join(left)}")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        ("on_joblib", ()),
        ("on_slurm", ("hydra/launcher=submitit_local",)),
        ("on_ray", ("hydra.launcher.ray.init.num_cpus=2",)),
    ],
)
@pytest.mark.slow
def test_a_launcher_runs_a_sweep_and_its_exit_code_tells_of_a_failure(
    project: Project, experiment: str, words: tuple[str, ...]
) -> None:
    if not installed(LAUNCHERS[experiment]):
        pytest.skip(f"{LAUNCHERS[experiment]} is not installed")
    project.model("alice")
    project.model("flaky", fail_every=3)
    run(
        project,
        "eval",
        f"+experiment={experiment}",
        *words,
        "model=alice,flaky",
        "task=sums",
        "limit=6",
        code=9,
    )
    names = [run.name for run in project.runs()]
    assert len(names) == 2
    said = (project.root / "results" / "runs" / names[0] / "run.json").read_text()
    assert f"+experiment={experiment}" in said, "the manifest names the command, not the launcher's process"
