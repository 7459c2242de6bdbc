"""What a program can read: the standard library, the system's libraries and named packages; nothing of harness's own."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import annotated_types
import pytest
from walls import BOTH, linux, need

from harness.sandbox import Program, boxes, run
from harness.specs import SandboxSpec

pytestmark = linux
SPEC = SandboxSpec(timeout_s=20, memory_mb=1024)
LOOK = """
import os, sys

def readable(tops):
    found = []
    for top in tops:
        for folder, _, names in os.walk(top):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        file.read(1)
                    found.append(os.path.join(folder, name))
                except OSError:
                    pass
    return found[:3]

def f(tops):
    return readable(tops)

def library(n):
    import sqlite3, unittest.mock, wsgiref.util, xml.dom.minidom
    return len(os.listdir(os.path.dirname(os.__file__))) > 100

def package(n):
    import named
    return named.VALUE
"""


def seen(tier: str, tops: list[str]) -> None:
    need(tier)
    (verdict,) = run([Program(LOOK, f"assert f({tops!r}) == [], f({tops!r})\nassert library(1)", "f")], SPEC, tier=tier)
    assert verdict.status == "passed", verdict.message


@BOTH
def test_installed_packages_are_not_seen_and_the_library_is(tier: str) -> None:
    lib = f"{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    seen(tier, [f"{lib}/site-packages", f"{lib}/dist-packages", "/usr/lib/python3/dist-packages"])


@BOTH
def test_named_packages_are_seen_and_harness_among_them_is_not(
    tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(tier)
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "named.py").write_text("VALUE = 7\n")
    (verdict,) = run([Program(LOOK, "assert package(1) == 7", "package")], SandboxSpec(packages=str(folder)), tier=tier)
    assert verdict.status == "passed", verdict.message


def test_of_a_folder_around_what_is_hidden_the_rest_is_seen(tmp_path: Path) -> None:
    for name in ("python3.11/os.py", "python3.11/site-packages/x.py", "python3.11/json/a.py", "libz.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "python3.11" / "link").symlink_to("/etc")
    top = str(tmp_path)
    hidden = boxes.hidden_paths([top])
    assert hidden == [f"{top}/python3.11/site-packages"]
    whole, around = boxes.without([top], hidden)
    assert whole == [f"{top}/libz.so", f"{top}/python3.11/json", f"{top}/python3.11/os.py"]
    assert around == [top, f"{top}/python3.11"]


SCRIPT = """
import json, sys
from pathlib import Path
import harness
from harness.sandbox import Program, run, tiers
from harness.specs import SandboxSpec
assert Path(harness.__file__).is_relative_to(sys.base_prefix), (harness.__file__, sys.base_prefix)
tasks = Path(harness.__file__).parent / "tasks"
assert (tasks / "functions").is_dir()
tops, code, packages = [str(tasks), str(tasks.parent)], sys.argv[1], sys.argv[2] or None
out = {}
for tier in "AB":
    if tiers._why_not(tier) is None:
        program = Program(code, f"assert f({tops!r}) == [], f({tops!r})\\nassert library(1)", "f")
        (verdict,) = run([program], SandboxSpec(timeout_s=20, memory_mb=1024, packages=packages), tier=tier)
        out[tier] = [verdict.status, verdict.message]
print(json.dumps(out))
"""


@pytest.mark.slow
def test_where_harness_is_installed_beside_the_library_its_tasks_are_not_seen(tmp_path: Path) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library, base = Path(os.__file__).parent, tmp_path / "base"
    shutil.copytree(
        library,
        base / "lib" / version,
        ignore=shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__", "config-*", "idlelib"),
    )
    (base / "bin").mkdir()
    python = shutil.copy(os.path.realpath(sys.executable), base / "bin" / version)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    ask = "import json, site; print(json.dumps(site.getsitepackages()))"
    told = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=False)
    if "error while loading shared libraries" in told.stderr:
        pytest.skip("an interpreter of a shared library does not start from a copy")
    # Debian calls it `dist-packages`, and has two more elsewhere.
    site = next(path for path in map(Path, json.loads(told.stdout)) if path.parent == base / "lib" / version)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    shutil.copytree(Path(annotated_types.__file__).parent, site / "annotated_types")
    for packages in ("", str(site)):
        done = subprocess.run(
            [python, "-I", "-c", SCRIPT, LOOK, packages],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found
        assert {status for status, _ in found.values()} == {"passed"}, found
