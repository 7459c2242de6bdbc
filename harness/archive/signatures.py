"""Who vouches for a run or a file, and since when: a signature that stands beside it, made and read by `ssh-keygen`.

Why SSH's signatures and not sigstore's: everybody who works with git has a key, a file of allowed signers is a line a
person, and nothing of it needs a network, an account or a log that somebody keeps. What sigstore has beside it is a
witness of the time and of an e-mail address or a CI job. If that is wanted, sign the same files with `cosign` too.

A signature is over a statement (JSON): what was signed, its SHA-256, of a run its root, and when. The time is the
signer's word. It says who vouches for the bytes, not that they are true.

Format: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig. The commands are in ssh-keygen(1).
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import runs
from harness.core import canonical_json, environment, file_sha256, programs
from harness.errors import ConfigError, EvidenceError, MissingExtraError, StorageError
from harness.runs import proof

NAMESPACE = "harness"
"""Of these signatures: none that was made for something else (git, mail) counts."""
SCHEMA = 1
SUFFIX = f".{proof.SIGNATURE}"
"""After a file's name, for the name of its signature."""
TOOL_S = 120.0
"""How long `ssh-keygen` may take. It may ask for a passphrase."""
_BYTES = 100_000
"""Longest file of a signature."""
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True)
class Signed:
    """A signature that fits."""

    who: str | None
    """The signer's name, from the file of allowed signers. `None` if that does not name the key."""
    key: str
    """The key's fingerprint."""
    when: str
    """UTC, ISO 8601. The signer's word."""


def sign(path: Path, stored: Path, key: Path) -> Signed:
    """Sign a file, and write the signature beside it.

    Args:
        path: the file. For a run it is its `run.json`.
        stored: where the signature goes.
        key: an SSH key. If an agent holds it, the public half.

    Raises:
        ConfigError: the key cannot be used.
        MissingExtraError: there is no `ssh-keygen` here.
        StorageError: the file cannot be read, or the signature cannot be written.
    """
    said = _statement(path) | {"signed_at": environment.now()}
    if not key.is_file():
        raise ConfigError(f"{key}: no such key; `ssh-keygen -t ed25519 -f {key}` makes one")
    done = _run(["sign", "-f", str(key.absolute()), "-n", NAMESPACE], _bytes(said))
    if done.returncode:
        raise ConfigError(f"{key}: cannot sign ({_said(done)})")
    content = {"statement": said, "signature": done.stdout.decode("ascii", "replace")}
    runs.write_atomic(stored, json.dumps(content, indent=1).encode() + b"\n")
    return read(path, stored, None)


def read(path: Path, stored: Path, signers: Path | None) -> Signed:
    """Check a signature.

    Args:
        path: the file that it is of.
        stored: the signature.
        signers: a file of allowed signers, see ssh-keygen(1). `None`: nobody's name is known.

    Raises:
        EvidenceError: it is no signature, or none of this file.
        MissingExtraError: there is no `ssh-keygen` here.
        ConfigError: there is no such file of signers.
        StorageError: the file cannot be read.
    """
    said, signature = _parsed(stored)
    for key, now in _statement(path).items():
        if said.get(key) != now:
            raise EvidenceError(f"is of another file: its {key} is {said.get(key)!r}, here {now!r}")
    if signers is not None and not signers.is_file():
        raise ConfigError(f"{signers}: no such file of allowed signers")
    when = str(said.get("signed_at"))
    with tempfile.TemporaryDirectory(prefix="harness-signature-") as folder:
        file = Path(folder) / "signature"
        file.write_text(signature, encoding="utf-8")
        done = _run(["check-novalidate", "-n", NAMESPACE, "-s", str(file)], _bytes(said))
        key = "".join(_KEY.findall(done.stdout.decode("utf-8", "replace"))[:1])
        if done.returncode or not key:
            raise EvidenceError(f"does not fit what it signs ({_said(done)})")
        who = None if signers is None else _who(file, signers.absolute(), said)
    return Signed(who, key, when)


def _who(signature: Path, signers: Path, said: dict[str, Any]) -> str | None:
    """The name that a file of allowed signers gives the key, at the time that was signed."""
    digits = re.sub(r"\D", "", str(said.get("signed_at")))[:14]
    options = ["-s", str(signature), "-f", str(signers), f"-Overify-time={digits}Z"]
    found = _run(["find-principals", *options], b"")
    for name in found.stdout.decode("utf-8", "replace").splitlines() if not found.returncode else ():
        if not _run(["verify", "-n", NAMESPACE, "-I", name, *options], _bytes(said)).returncode:
            return name
    return None


def _parsed(stored: Path) -> tuple[dict[str, Any], str]:
    try:
        with stored.open("rb") as file:
            text = file.read(_BYTES + 1)
        content = json.loads(text) if len(text) <= _BYTES else {}
        said, signature = content["statement"], content["signature"]
        if isinstance(said, dict) and isinstance(signature, str) and said.get("schema") == SCHEMA:
            return said, signature
    except OSError as error:
        raise StorageError(f"{stored}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise EvidenceError("is no signature that this version of harness reads")


def _statement(path: Path) -> dict[str, Any]:
    """What there is to sign of a file, but for the time. Raises StorageError."""
    said: dict[str, Any] = {"schema": SCHEMA, "name": path.name}
    if path.name == runs.MANIFEST:
        held = runs.read_manifest(path.parent)
        said |= {"name": held.run_id, "root": held.root}
    try:
        return said | {"sha256": file_sha256(path)}
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error


def _bytes(said: dict[str, Any]) -> bytes:
    return canonical_json(said).encode("utf-8", "surrogatepass") + b"\n"


def _run(words: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    tool = programs.find("ssh-keygen")
    if tool is None:
        raise MissingExtraError("signatures are made and checked by ssh-keygen, which is not here; install OpenSSH 8.9")
    try:
        return subprocess.run([tool, "-Y", *words], input=data, capture_output=True, check=False, timeout=TOOL_S)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"ssh-keygen did not answer within {TOOL_S:g} s") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
