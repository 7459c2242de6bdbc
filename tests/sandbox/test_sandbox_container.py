"""The container tier, through an engine that is not there: a script that takes Docker's place."""

import json
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

from harness.errors import SandboxError
from harness.sandbox import Program, container, run, tiers
from harness.specs import SandboxSpec

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the stand-in runs the container's program on this machine"
)

ENGINE = """\
#!{python}
import json, os, sys
if sys.argv[1] == "info":
    sys.exit({info})
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
at = sys.argv.index("python3")
os.environ["TMPDIR"] = {tmp!r}
os.execv({python!r}, [{python!r}, *{instead!r}] if {instead!r} else [{python!r}, *sys.argv[at + 1:]])
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Puts a stand-in for Docker on the PATH; calls of `run` are logged."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    (tmp_path / "tmp").mkdir()
    tmp_path.chmod(0o755)

    def install(info=0, instead=()):
        script = folder / "docker"
        script.write_text(
            textwrap.dedent(ENGINE).format(
                python=sys.executable, info=info, log=str(log), tmp=str(tmp_path / "tmp"), instead=list(instead)
            )
        )
        script.chmod(0o755)
        return log

    monkeypatch.setenv("PATH", str(folder))
    for cache in (container._engine, tiers._why_not):
        cache.cache_clear()
    yield install
    for cache in (container._engine, tiers._why_not):
        cache.cache_clear()


GOOD, BAD = Program("def f(): return 1", "assert f() == 1", "f"), Program("def f(): return 2", "assert f() == 1", "f")
LOOP = Program("def f():\n while 1: pass", "f()", "f")


def test_programs_run_in_one_hardened_container(engine):
    log = engine()
    verdicts = run([GOOD, BAD, LOOP, GOOD], SandboxSpec(timeout_s=0.5), tier="C", workers=2)
    assert [(v.status, v.tier) for v in verdicts] == [
        ("passed", "C"),
        ("wrong", "C"),
        ("timeout", "C"),
        ("passed", "C"),
    ]
    started = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(started) == 1
    arguments = started[0][: started[0].index("python3")]
    for needed in (
        "--rm",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--ipc=none",
    ):
        assert needed in arguments
    assert any(a.startswith("--pids-limit=") for a in arguments)
    assert any(a.startswith("--memory=") for a in arguments)
    assert not any(a.startswith(("-v", "--volume", "--mount", "--privileged", "-e", "--env")) for a in arguments)
    assert str(Path.cwd()) not in json.dumps(started)


def test_a_container_that_fails_says_why(engine):
    engine(instead=["-c", "import sys; print('no such image', file=sys.stderr); sys.exit(125)"])
    with pytest.raises(SandboxError, match="no such image"):
        run([GOOD], SandboxSpec(), tier="C")


@pytest.mark.parametrize("reply", ["[]", "nonsense", '[{"status": "passed"}]', ""])
def test_a_container_that_answers_nonsense_passes_nothing(engine, reply):
    engine(instead=["-c", f"print({reply!r})"])
    with pytest.raises(SandboxError, match="container"):
        run([GOOD], SandboxSpec(), tier="C")


def test_an_engine_that_does_not_answer_is_no_tier(engine):
    engine(info=1)
    assert "docker does not answer" in (container.why_not() or "")
    with pytest.raises(SandboxError, match="docker"):
        run([GOOD], SandboxSpec(), tier="C")


def test_an_engine_that_hangs_is_named_with_the_time_it_had(engine, monkeypatch):
    engine(info="__import__('time').sleep(60)")
    monkeypatch.setattr(container, "ENGINE_S", 0.2)
    assert container.why_not() == "docker does not answer within 0.2 s"


@pytest.mark.parametrize("entry", ["", ".", "bin", "..", "~/bin"])
def test_an_engine_of_the_working_folder_is_never_run(engine, entry, tmp_path, monkeypatch):
    log = engine()
    work = tmp_path / "work"
    for folder in (work, work / "bin", work / "~" / "bin", tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "bin" / "docker", folder / "docker")
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", entry)
    assert container.why_not() == "neither Docker nor Podman is installed"
    with pytest.raises(SandboxError, match="neither"):
        run([GOOD], SandboxSpec(), tier="C")
    assert not log.exists()


def test_the_probe_names_every_tier(engine):
    engine(info=1)
    found = {tier.name: tier.reason for tier in tiers.probe()}
    assert list(found) == ["A", "B", "C", "unsafe"]
    assert found["C"]
