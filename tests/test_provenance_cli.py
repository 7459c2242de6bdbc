"""What `harness provenance` promises a user at the terminal."""

import json
from pathlib import Path

import polars as pl
import pytest
from conftest import Project


def labels(data: Path) -> list[str]:
    return [
        w for name in ("students", "controls", "models") for w in (f"--{name}", str(data / "labels" / f"{name}.csv"))
    ]


def test_validate_prints_json_with_every_figure_on_stdout_and_exits_with_0(project: Project, shared_data: Path) -> None:
    outputs = str(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    done = project.run("provenance", "validate", "--outputs", outputs, *labels(shared_data), "--format", "json")
    report = json.loads(done.stdout)
    assert report["schema"] == 1
    assert report["figures"]
    assert {"name", "value", "low", "high", "n"} <= set(report["figures"][0])


def test_validate_prints_a_table_for_people(project: Project, shared_data: Path) -> None:
    outputs = str(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    done = project.run("provenance", "validate", "--outputs", outputs, *labels(shared_data))
    assert "exact teacher first" in done.stdout


@pytest.mark.parametrize("option", ["outputs", "students"])
def test_validate_names_a_file_it_cannot_read(project: Project, option: str) -> None:
    bad = project.root / "bad"
    bad.write_bytes(b"\xff\x00no table")
    files = {name: str(project.root / f"{name}.csv") for name in ("students", "controls", "models")}
    for path in files.values():
        Path(path).write_text("a,b\n1,2\n")
    files["outputs"] = str(project.root / "outputs.parquet")
    pl.DataFrame({"corpus": ["x"], "model": ["m"], "prompt_id": ["p"], "output": ["o"]}).write_parquet(files["outputs"])
    files[option] = str(bad)
    words = [w for name, path in files.items() for w in (f"--{name}", path)]
    done = project.run("provenance", "validate", *words, code=2)
    assert "Traceback" not in done.stderr
    assert option in done.stderr
