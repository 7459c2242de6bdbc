"""Nothing that lies in the working folder is run in place of a program of the system, or of pip."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import environment, programs, weights
from harness.errors import WeightsError
from harness.sandbox import container

PLANTED = ("git", "ssh-keygen", "docker", "podman", "uname", "pip")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with programs that leave a file, and a PATH that begins with it in every way there is."""
    for name in PLANTED:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    for name in PLANTED:
        (tmp_path / "bin" / name).symlink_to(tmp_path / name)
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran-pip.py')!r}, 'w').close()\n")
    (tmp_path / "sitecustomize.py").write_text(f"open({str(tmp_path / 'ran-sitecustomize.py')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", "bin", "./bin", os.environ["PATH"]]))
    return tmp_path


def ran(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ran-*"))


def test_programs_are_found_on_absolute_entries_alone(planted: Path) -> None:
    assert not {".", "", "bin", "./bin"} & set(programs.search_path().split(os.pathsep))
    for name in PLANTED:
        found = programs.find(name)
        assert found is None or (Path(found).is_absolute() and not found.startswith(str(planted)))
    assert programs.find("sh") is not None
    assert programs.find("no-such-program") is None


def test_neither_git_nor_a_container_engine_of_the_working_folder_is_run(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (planted / ".git").mkdir()
    monkeypatch.setattr(environment, "PACKAGE", planted / "harness")
    container._engine.cache_clear()
    environment.git()
    container.why_not()
    container._engine.cache_clear()
    assert ran(planted) == []


def test_pip_of_the_working_folder_is_not_run(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PYTHONPATH", str(planted))
    (planted / "own").mkdir()
    with pytest.raises(WeightsError, match=r"pip download of nowhere==1\.0 failed"):
        weights._download_wheel("nowhere==1.0", Path("own"), lambda _: None)
    assert ran(planted) == []


def test_the_command_gives_no_program_a_path_through_the_working_folder(planted: Path) -> None:
    code = "import harness.cli.app as app, os, sys; sys.argv = ['harness', '--version']\ntry: app.main()\nexcept SystemExit: pass\nimport subprocess; subprocess.run(['uname'])"
    subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
    assert ran(planted) == []
    assert platform.system()
