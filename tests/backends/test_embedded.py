"""The embedded models, for real: greedy answers repeat, and an installed wheel evaluates in an empty folder."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, Project

from harness.core import weights
from harness.runs.samples import TIMES


@pytest.fixture(scope="module")
def smollm2() -> None:
    """The smallest embedded model is on this machine, or can be fetched."""
    try:
        weights.fetch(weights.named("smollm2_135m_q4_1"))
    except weights.WeightsError as error:
        pytest.skip(f"weights cannot be had here: {error}")


@pytest.mark.usefixtures("smollm2")
@pytest.mark.slow
def test_greedy_answers_and_leaderboard_are_the_same_twice_and_on_any_number_of_slots(
    project: Project, tmp_path: Path
) -> None:
    words = ("eval", "model=smollm2", "task=[word_problems,provenance_open]", "limit=2", "decode.max_tokens=8")
    frames, boards = [], []
    for place, slots in ((project, 1), (Project(tmp_path / "again"), 1), (Project(tmp_path / "wide"), 3)):
        place.run(*words, f"+models.smollm2.parallel={slots}")
        (run,) = place.runs()
        frames.append(pl.read_parquet(run / "samples.parquet").drop(TIMES))
        boards.append(place.run("leaderboard").stdout)
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])
    assert boards[0] == boards[1]
    assert boards[0].replace("parallel=1", "parallel=3") == boards[2]


def _build_wheel(folder: Path) -> Path:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(folder),
            str(ROOT),
        ],
        check=True,
    )
    (wheel,) = folder.glob("harness_provenance-*.whl")
    return wheel


@pytest.mark.usefixtures("smollm2")
@pytest.mark.slow
def test_the_wheel_alone_evaluates_in_an_empty_folder_and_takes_in_the_users_own_files(tmp_path: Path) -> None:
    wheel = _build_wheel(tmp_path)
    place = tmp_path / "venv"
    venv.create(place, symlinks=os.name != "nt")
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)  # a pip of its own would take ten seconds to install
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # What it depends on is taken from this environment: installing it all again would test pip.
    (site,) = place.rglob("site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    work = tmp_path / "empty"
    work.mkdir()

    def harness(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, "-m", "harness", *words], cwd=work, capture_output=True, text=True, check=False)

    where = subprocess.run(
        [python, "-c", "import harness; print(harness.__file__)"], cwd=work, capture_output=True, text=True, check=True
    )
    assert str(place) in where.stdout
    done = harness("eval", "model=smollm2", "task=demo", "limit=1", "decode.max_tokens=8")
    assert done.returncode == 0, done.stderr
    assert "smollm2" in done.stdout
    (work / "conf" / "model").mkdir(parents=True)
    (work / "conf" / "model" / "mine.yaml").write_text("# @package models.mine\nname: mine\nbackend: fake\n")
    (work / "tasks").mkdir()
    (work / "tasks" / "own.yaml").write_text("# Mine.\ninclude: missing.yaml\ntask: own\nmetadata: {version: 1.0}\n")
    assert "missing.yaml" in harness("tasks").stderr
    (work / "tasks" / "own.yaml").write_text("# Mine.\ntask: own\nmetadata: {version: 1.0}\n")
    assert "own" in harness("tasks").stdout
    assert "mine" in harness("models").stdout
