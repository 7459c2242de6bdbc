"""Tier C: the sandbox inside one long-lived, hardened container, for machines that are not Linux.

`docker run -i` (or Podman's) starts a container without network, privileges, writable files or volumes. It lives as
long as its standard input is open, and `--rm` removes it. So nothing is left, however this process dies. The first
message sends the sandbox's own sources. Then programs go in and verdicts come back, all as JSON lines.

Inside, each program still gets the two zygotes, with seccomp, a user of its own and limits. It also gets Landlock if
the container's kernel has it. So a program meets the same judge as elsewhere, and cannot reach the next program's
judge.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.errors import SandboxError
from harness.sandbox.verdicts import Execution, Limits, Program

ENGINES = ("docker", "podman")
ENGINE_S = 10.0
"""Seconds that an engine may take to say that it is there."""
IMAGE = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
"""The official image of this Python version. `HARNESS_SANDBOX_IMAGE` names another one that has a `python3`."""
SPARE_MB = 512
"""Memory of the container, beyond what its programs and judges may use."""
RUN = (
    "run", "--rm", "--interactive", "--init", "--label=harness-sandbox", "--network=none", "--read-only",
    "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID", "--cap-add=KILL", "--cap-add=CHOWN",
    "--cap-add=DAC_OVERRIDE", "--security-opt=no-new-privileges", "--pids-limit=512", "--ipc=none",
    "--tmpfs=/tmp:rw,nosuid,nodev,noexec,size=256m,mode=755",
)  # fmt: skip
"""Root inside can become nobody, end nobody's processes and clean up after them. It can do nothing else."""
BOOT = Path(__file__).with_name("programs").joinpath("container.py").read_text("utf-8")
"""Takes the sources in. It is given as text, because the container has no file of ours before it has run."""


def why_not() -> str | None:
    """The reason why there is no container to run in, or `None`. It starts no container."""
    return _engine()[1]


def run(
    programs: Sequence[Program], limits: Limits, workers: int | None = None, packages: str | None = None
) -> list[Execution]:
    """Run programs in a container that is started for them and removed afterwards. See `harness.sandbox.run`.

    Raises:
        SandboxError: there is no container engine, or the container failed.
    """
    engine, reason = _engine()
    if engine is None:
        raise SandboxError(f"the sandbox tier C does not work here: {reason}")
    count = min(len(programs), workers or os.cpu_count() or 1)
    memory = SPARE_MB + count * (2 * limits.memory_mb + SPARE_MB)
    image = os.environ.get("HARNESS_SANDBOX_IMAGE", IMAGE)
    job = {
        "limits": asdict(limits),
        "workers": count,
        "packages": packages,
        "programs": [asdict(program) for program in programs],
    }
    process = subprocess.Popen(
        [engine, *RUN, f"--memory={memory}m", f"--memory-swap={memory}m", image, "python3", "-c", BOOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said: list[bytes] = []
    assert process.stdin
    assert process.stdout
    assert process.stderr
    errors = threading.Thread(target=lambda pipe: said.append(pipe.read()), args=[process.stderr], daemon=True)
    errors.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            for message in (_sources(), job):
                process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        reply = process.stdout.readline()
        verdicts = _verdicts(reply, len(programs))
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        errors.join(5)
        process.stderr.close()
    if verdicts is None:
        text = b"".join(said).decode("utf-8", "replace").strip().splitlines()
        raise SandboxError(f"the sandbox's container ({image}) failed: {text[-1] if text else 'no answer'}")
    return verdicts


def _verdicts(reply: bytes, count: int) -> list[Execution] | None:
    try:
        verdicts = [Execution(**{**found, "tier": "C"}) for found in json.loads(reply)]
    except (ValueError, TypeError):
        return None
    return verdicts if len(verdicts) == count else None


def _sources() -> dict[str, str]:
    """What the container needs of this package, by path. It only uses the standard library there."""
    package = Path(__file__).parents[1]
    paths = [package / "errors.py", *sorted((package / "sandbox").rglob("*.py"))]
    sources = {f"harness/{path.relative_to(package).as_posix()}": path.read_text("utf-8") for path in paths}
    return sources | {"harness/__init__.py": "", "harness/sandbox/__init__.py": ""}


def _installed(engine: str) -> str | None:
    """Where an engine is, as `harness.core.programs` looks for it. That is never in the working folder."""
    entries = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()]
    return next((found for entry in entries if (found := shutil.which(str(Path(entry) / engine)))), None)


@functools.cache
def _engine() -> tuple[str | None, str | None]:
    """A container engine that answers, or why there is none."""
    found = [path for path in map(_installed, ENGINES) if path]
    if not found:
        return None, "neither Docker nor Podman is installed"
    reasons = []
    for engine in found:
        try:
            done = subprocess.run(
                [engine, "info"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=ENGINE_S,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            reasons.append(f"{Path(engine).name} does not answer within {ENGINE_S:g} s")
            continue
        except OSError as error:
            reasons.append(f"{Path(engine).name}: {type(error).__name__}")
            continue
        if done.returncode == 0:
            return engine, None
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reasons.append(f"{Path(engine).name} does not answer: {lines[0] if lines else done.returncode}")
    return None, "; ".join(reasons)
