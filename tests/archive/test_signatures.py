"""A signature says who vouches for a run or a file, and since when; it is of these bytes and of no others."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Project
from runfolders import write_content

from harness import runs
from harness.archive import copies, signatures, verification
from harness.core import programs
from harness.errors import ConfigError, EvidenceError, MissingExtraError

pytestmark = pytest.mark.skipif(programs.find("ssh-keygen") is None, reason="ssh-keygen is not installed")


def key(folder: Path, name: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True)
    return folder / name


def signers(folder: Path, **keys: Path) -> Path:
    path = folder / "allowed_signers"
    lines = [
        f'{name}@example.org namespaces="harness" {held.with_suffix(".pub").read_text()}' for name, held in keys.items()
    ]
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("honest"))
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=4")
    return project


@pytest.fixture
def run(honest: Project, tmp_path: Path) -> Path:
    (folder,) = honest.runs()
    return Path(shutil.copytree(folder, tmp_path / "results" / "runs" / folder.name))


def said(run: Path, allowed: Path | None) -> verification.Check:
    (found,) = [f for f in verification.verify(run, scores=False, signers=allowed) if f.check == "signature"]
    return found


def test_a_signed_run_is_verified_and_the_signer_and_the_time_are_named(
    honest: Project, run: Path, tmp_path: Path
) -> None:
    alice = key(tmp_path, "alice")
    allowed = signers(tmp_path, alice=alice)
    results = ("--results", str(run.parents[1]))
    assert "SHA256:" in honest.run("sign", run.name, "--key", str(alice), *results).stdout
    done = honest.run("verify", run.name, *results, "--signers", str(allowed))
    assert f"{run.name}: verified\n" in done.stdout
    assert "signature  ok           alice@example.org, 20" in done.stdout
    done = honest.run("verify", run.name, *results, code=12)
    assert "--signers names a file" in done.stdout


def test_what_is_signed_is_these_bytes_by_that_key(run: Path, tmp_path: Path) -> None:
    alice, mallory = key(tmp_path, "alice"), key(tmp_path, "mallory")
    allowed = signers(tmp_path, alice=alice)
    path, stored = run / runs.MANIFEST, run / runs.SIGNATURE
    assert said(run, allowed).state == "not checked"
    made = signatures.sign(path, stored, mallory)
    assert (made.who, made.key[:7]) == (None, "SHA256:")
    assert said(run, allowed).state == "not checked"
    assert "not in" in said(run, allowed).what
    signatures.sign(path, stored, alice)
    assert (said(run, allowed).state, said(run, None).state) == ("ok", "not checked")
    assert not [f for f in verification.verify(run, scores=False, signers=allowed) if f.state == "wrong"]
    content = json.loads(stored.read_text())
    for change in ({"signed_at": "2020-01-01T00:00:00.000Z"}, {"root": "root2:0"}, {"schema": 2}, {"name": "x"}):
        stored.write_text(json.dumps(content | {"statement": content["statement"] | change}))
        assert said(run, allowed).state == "wrong", change
    stored.write_text(json.dumps(content))
    manifest = json.loads(path.read_text())
    manifest["metrics"][0]["value"] = 1.0
    write_content(run, manifest)
    assert (said(run, allowed).state, said(run, None).state) == ("wrong", "wrong")
    assert "is of another file" in said(run, allowed).what


def test_a_key_counts_while_it_is_allowed(run: Path, tmp_path: Path) -> None:
    alice = key(tmp_path, "alice")
    public = alice.with_suffix(".pub").read_text()
    signatures.sign(run / runs.MANIFEST, run / runs.SIGNATURE, alice)
    allowed = tmp_path / "allowed"
    for options, state in (
        ('valid-before="20200101"', "not checked"),
        ('valid-after="20200101"', "ok"),
        ('namespaces="git"', "not checked"),
    ):
        allowed.write_text(f"alice@example.org {options} {public}")
        assert said(run, allowed).state == state, options


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"statement": 1}',
        '{"statement": {"schema": 1}, "signature": "x"}',
        "[" * 99_999,
        "9" * 200_000,
    ],
)
def test_what_is_no_signature_is_a_finding(run: Path, text: str) -> None:
    (run / runs.SIGNATURE).write_text(text)
    assert said(run, None).state == "wrong"


def test_bundles_copies_and_files_carry_it(honest: Project, run: Path, tmp_path: Path) -> None:
    alice = key(tmp_path, "alice")
    allowed = signers(tmp_path, alice=alice)
    results = ("--results", str(run.parents[1]))
    shared = tmp_path / "shared"
    shared.mkdir()
    copies.publish(run, str(shared))
    honest.run("sign", run.name, "--key", str(alice), *results)
    copies.publish(run, str(shared))
    copies.fetch(str(shared), tmp_path / "fetched")
    assert (tmp_path / "fetched" / "runs" / run.name / runs.SIGNATURE).read_bytes() == (
        run / runs.SIGNATURE
    ).read_bytes()
    bundle = tmp_path / "x.zip"
    honest.run("bundle", run.name, "-o", str(bundle), *results)
    done = honest.run("verify", str(bundle), "--signers", str(allowed), "--trust-tasks")
    assert done.stdout.count("alice@example.org") == 1
    page = tmp_path / "LEADERBOARD.md"
    page.write_text("| a |\n")
    for file in (page, bundle):
        honest.run("sign", str(file), "--key", str(alice))
        assert "alice@example.org" in honest.run("verify", str(file), "--signers", str(allowed), "--trust-tasks").stdout
        file.write_bytes(file.read_bytes() + b"x")
        assert honest.run("verify", str(file), "--signers", str(allowed), code=11)


def test_what_cannot_be_done_is_said(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stored = run / runs.MANIFEST, run / runs.SIGNATURE
    with pytest.raises(ConfigError, match="no such key"):
        signatures.sign(path, stored, tmp_path / "none")
    (tmp_path / "bad").write_text("no key")
    with pytest.raises(ConfigError, match="cannot sign"):
        signatures.sign(path, stored, tmp_path / "bad")
    signatures.sign(path, stored, key(tmp_path, "alice"))
    with pytest.raises(ConfigError, match="allowed signers"):
        signatures.read(path, stored, tmp_path / "none")
    (tmp_path / "run.txt").write_text("x")
    with pytest.raises(EvidenceError, match="another file"):
        signatures.read(tmp_path / "run.txt", stored, None)
    monkeypatch.setattr(programs, "find", lambda _: None)
    with pytest.raises(MissingExtraError, match="OpenSSH"):
        signatures.read(path, stored, None)
    assert said(run, None).state == "not checked"
