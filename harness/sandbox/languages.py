"""Programs in languages other than Python, compiled and run in a box of their own. Tests are part of the program.

This needs tier A: namespaces, a root of its own without network, a user of its own, limits, and a list of system calls
that are refused. A compiler starts processes and writes programs. Tiers B and C forbid that, so they refuse it, and
`unsafe` is a plain subprocess. The tests run in the program's own process, so code that is made for it can forge its
verdict. The verdicts say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import SandboxError, unknown_name
from harness.sandbox.verdicts import Execution, Limits, Status

COMPILE_S = 60.0
"""CPU seconds of a compiler, which are added to the program's own."""
OUTPUT_CHARS = 300
TIERS = ("A", "unsafe")
JARS = Path("/usr/share/java")
"""Where Debian's packages put libraries of Java."""
PROGRAM = Path(__file__).with_name("programs") / "language.py"
"""What the process of a box runs."""


@dataclass(frozen=True)
class Language:
    """How programs of one language become verdicts."""

    name: str
    file: str
    """The name that the source file gets."""
    tool: str
    """The program that must be on PATH."""
    install: str
    """What to do if it is not there."""
    steps: tuple[tuple[str, ...], ...]
    """Commands in turn. The last one is the program. `{tool}` is the tool, and `{jars}` the class path."""
    failed: tuple[str, ...]
    """Words of a failed assertion. They tell `wrong` from `error`."""
    crashed: tuple[str, ...] = ()
    """Words of a crash that says those words too."""
    jars: tuple[str, ...] = ()
    """Libraries that its tests import. They are looked for in `sandbox.packages` and in `JARS`."""


LANGUAGES: dict[str, Language] = {
    "rs": Language(
        "Rust", "main.rs", "rustc", "install Rust: https://rustup.rs, or apt install rustc gcc",
        (("{tool}", "--edition", "2021", "-C", "debuginfo=0", "-A", "warnings", "main.rs", "-o", "main"), ("./main",)),
        ("assertion",),
    ),
    "js": Language(
        "JavaScript", "main.js", "node", "install Node.js: https://nodejs.org, or apt install nodejs",
        (("{tool}", "main.js"),), ("AssertionError",),
    ),
    "java": Language(
        "Java", "Problem.java", "javac", "install a JDK: apt install default-jdk-headless",
        (
            ("{tool}", "-nowarn", "-encoding", "UTF8", "-cp", "{jars}", "Problem.java"),
            ("{java}", "-Xmx1g", "-ea", "-cp", "{jars}:.", "Problem"),
        ),
        ("AssertionError",), jars=("javatuples-1.2.jar",),
    ),
    "go": Language(
        "Go", "main_test.go", "go", "install Go: https://go.dev/dl, or apt install golang-go",
        # `go test` compiles, and checks what it always checks. `true` stands for the program, whose time is its own.
        (("{tool}", "test", "-exec", "/usr/bin/true", "-o", "main", "main_test.go"), ("./main",)),
        ("--- FAIL",), crashed=("\npanic: ",),
    ),
}  # fmt: skip
"""By the ending that MultiPL-E gives a language."""


@dataclass(frozen=True, slots=True)
class Source:
    """A program with its tests."""

    language: str
    code: str


def check(language: str, tier: str, packages: str | None) -> Language:
    """The language, if its programs can be run here.

    Raises:
        SandboxError: its compiler, a library of its tests, or the tier is missing. The message says what to install.
    """
    if language not in LANGUAGES:
        raise SandboxError(unknown_name("language of programs", language, LANGUAGES))
    of = LANGUAGES[language]
    if tier not in TIERS:
        raise SandboxError(
            f"programs in {of.name} run only in tier A (Linux, as root or with user namespaces), not in {tier}: "
            "their compilers start processes. On a machine that you can afford to lose: sandbox.allow_unsafe=true "
            "sandbox.tier=unsafe"
        )
    if shutil.which(of.tool) is None:
        raise SandboxError(f"programs in {of.name} need {of.tool}, which is not on PATH: {of.install}")
    if lacking := [jar for jar in of.jars if _jar(jar, packages) is None]:
        raise SandboxError(
            f"the tests of programs in {of.name} import {', '.join(lacking)}, which is neither in sandbox.packages nor "
            f"in {JARS}: apt install libjavatuples-java, or put it (Maven Central, org.javatuples:javatuples:1.2) into "
            "a folder and name that by sandbox.packages=PATH"
        )
    return of


def _jar(name: str, packages: str | None) -> Path | None:
    """Where a library of Java lies, or `None`."""
    places = [JARS] if packages is None else [Path(packages), JARS]
    return next(((place / name).resolve() for place in places if (place / name).is_file()), None)


def run(sources: Sequence[Source], limits: Limits, tier: str, packages: str | None = None) -> list[Execution]:
    """Compile and run every program, several at a time.

    Args:
        sources: what to run.
        limits: CPU seconds and memory of each run. Compilers have `COMPILE_S` on top.
        tier: `A` or `unsafe`.
        packages: a folder with the libraries of the tests, if the system has none.

    Raises:
        SandboxError: a language cannot be run here.
    """
    recipes = {name: _recipe(check(name, tier, packages), packages) for name in {source.language for source in sources}}
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        return list(pool.map(lambda source: _run(source, recipes[source.language], limits, tier), sources))


def _recipe(of: Language, packages: str | None) -> dict[str, Any]:
    """The commands of a language with the paths on this machine, and what they read."""
    tool = _real(of.tool)
    jars = [str(_jar(jar, packages)) for jar in of.jars]
    words = {"tool": tool, "java": _real("java") if of.tool == "javac" else "", "jars": ":".join(jars) or "."}
    steps = [[word.format(**words) for word in step] for step in of.steps]
    homes = {str(Path(path).parents[1]) for path in (tool, words["java"]) if path}
    return {
        "file": of.file,
        "steps": steps,
        "reads": sorted({*homes, *jars}),
        "failed": of.failed,
        "crashed": of.crashed,
    }


def _real(tool: str) -> str:
    """Where a tool itself lies, behind links and behind rustup's stand-in."""
    path = Path(shutil.which(tool) or tool)
    if tool == "rustc" and path.resolve().name == "rustup":
        root = subprocess.run([path, "--print", "sysroot"], capture_output=True, text=True, check=False, timeout=60)
        if root.returncode == 0:
            return str(Path(root.stdout.strip()) / "bin/rustc")
    return str(path.resolve())


def _run(source: Source, recipe: Mapping[str, Any], limits: Limits, tier: str) -> Execution:
    asked = {**recipe, "code": source.code, "limits": asdict(limits), "compile_s": COMPILE_S, "boxed": tier == "A"}
    patience = 10 * (limits.wall_s + COMPILE_S)
    with tempfile.TemporaryDirectory(prefix="harness-language-") as folder:
        command = [sys.executable, "-I", str(PROGRAM), str(PROGRAM.parents[1]), folder]
        try:
            done = subprocess.run(
                command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=patience,
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}, start_new_session=True, cwd=folder,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _execution("timeout", f"no verdict after {patience:.0f} s by the clock", None, tier)
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        status: Status = said["status"]
    except (ValueError, LookupError) as error:
        raise SandboxError(
            f"the box of a program in {source.language} failed: {done.stderr[-OUTPUT_CHARS:]!r}"
        ) from error
    if "fault" in said:
        raise SandboxError(f"the sandbox tier {tier} does not work for programs in {source.language}: {said['fault']}")
    return _execution(status, said["message"][:OUTPUT_CHARS], said["cpu_s"], tier)


def _execution(status: Status, message: str, cpu_s: float | None, tier: str) -> Execution:
    return Execution(status, message, cpu_s, tier, forgeable=True)
