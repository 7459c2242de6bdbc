"""Commands in messages can be typed as they stand, however harness was installed and started."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from harness.core import installation


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an environment of its own in `.venv`, which no shell has activated."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "harness"):
        file = tmp_path / ".venv" / "bin" / name
        file.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(installation, "PACKAGE", tmp_path / ".venv" / "lib" / "site-packages" / "harness")
    return tmp_path


def test_an_extra_is_installed_the_way_harness_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = installation.own("hf")
    assert installation.adding(hf) == ".venv/bin/python -m pip install 'harness-provenance[hf]'"
    assert installation.adding("xllamacpp") == ".venv/bin/python -m pip install xllamacpp"
    monkeypatch.setenv("PATH", str(place / ".venv" / "bin"))
    assert installation.adding(hf) == "python -m pip install 'harness-provenance[hf]'"
    (place / ".venv" / "uv-receipt.toml").touch()
    assert installation.adding(hf) == "uv tool install 'harness-provenance[hf]'"
    assert installation.adding("xllamacpp") == "uv tool install harness-provenance --with xllamacpp"
    (place / ".venv" / "pipx_metadata.json").touch()
    assert installation.adding(hf) == "pipx inject harness-provenance 'harness-provenance[hf]'"


def test_in_a_clone_the_clone_is_installed_with_the_extra(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "pyproject.toml").touch()
    monkeypatch.setattr(installation, "PACKAGE", place / "harness")
    hf = installation.own("hf")
    assert installation.adding(hf) == ".venv/bin/python -m pip install -e '.[hf]'"
    assert installation.adding("xllamacpp") == ".venv/bin/python -m pip install xllamacpp"
    (place / "below").mkdir()
    monkeypatch.chdir(place / "below")
    assert installation.adding(hf) == f"{place}/.venv/bin/python -m pip install -e '{place}[hf]'"


def test_harness_is_called_as_the_shell_finds_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*words: str) -> str:
        monkeypatch.setattr(sys, "orig_argv", ["python", *words])
        return installation.command()

    assert started(".venv/bin/harness", "eval") == ".venv/bin/harness"
    assert started("-m", "harness", "eval") == ".venv/bin/python -m harness"
    assert started("elsewhere.py") == started() == "harness"
    monkeypatch.setenv("PATH", str(place / ".venv" / "bin"))
    assert started(str(place / ".venv" / "bin" / "harness"), "eval") == "harness"
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert started(str(place / ".venv" / "bin" / "harness"), "eval") == "uv run harness"


def test_no_page_names_the_package_of_somebody_else() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert told["project"]["name"] == installation.DISTRIBUTION
    assert told["project"]["scripts"] == {"harness": "harness.cli:program"}
    folders = ("harness", "conf", "docs", "tasks", ".github", ".ci")
    files = [ROOT / "README.md", *(f for folder in folders for f in (ROOT / folder).rglob("*") if f.is_file())]
    for file in files:
        if file.suffix in {".md", ".py", ".yaml", ".yml", ".ipynb", ""}:
            text = file.read_text(encoding="utf-8", errors="replace")
            strangers = ("install harness\n", "install harness ", "install 'harness[", "install harness[")
            assert not any(word in text for word in strangers), file


def test_the_command_of_this_environment_is_found() -> None:
    assert shutil.which(installation.adding("x").split(" -m ")[0]) is not None
