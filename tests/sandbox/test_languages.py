"""Programs in other languages: verdicts, walls, and what is said where a compiler or a library is not there."""

import shutil
from pathlib import Path

import pytest

from harness.errors import SandboxError
from harness.sandbox import languages, tiers
from harness.sandbox.languages import Source
from harness.sandbox.verdicts import Limits
from harness.scorers import multipl_e
from harness.specs import SandboxSpec

LIMITS = Limits(2, 3, 2048)
ASSERT = "const assert = require('node:assert');\n"
RUST = "fn twice(x: isize) -> isize {{ x * {} }}\nfn main() {{ assert_eq!(twice(2), 4); }}\n"


def need(language):
    try:
        tier = tiers.choose(SandboxSpec())
        languages.check(language, tier, None)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_javascript_has_verdicts_and_stands_within_walls(tmp_path):
    need("js")
    secret = tmp_path / "secret"
    secret.write_text("here")
    cases = {
        "assert.deepEqual([1, {a: 2}], [1, {a: 2}]);": "passed",
        "assert.deepEqual([1], [2]);": "wrong",
        "nothing();": "error",
        "while (true) {}": "timeout",
        f"require('fs').readFileSync({str(secret)!r});": "error",
        f"require('fs').readFileSync({str(Path(languages.__file__))!r});": "error",
        "require('fs').writeFileSync('/usr/lib/x', '1');": "error",
        "require('fs').writeFileSync('/box/x', '1');": "passed",
        "process.kill(1, 9); process.kill(process.ppid, 'SIGKILL');": "error",
        "if (require('fs').readdirSync('/').includes('root') && process.getuid() === 0) process.exit(0); process.exit(3);": "error",
        "require('net').createServer().listen(0);": "error",
        "require('child_process').spawn('sleep', ['61234'], {detached: true, stdio: 'ignore'}).unref();": "passed",
    }
    found = languages.run([Source("js", ASSERT + code) for code in cases], LIMITS, "A")
    assert {code: of.status for code, of in zip(cases, found, strict=True)} == cases
    assert {of.forgeable for of in found} == {True}
    sleeping = [
        path.read_bytes().replace(b"\0", b" ") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
    ]
    assert b"sleep 61234 " not in sleeping


@pytest.mark.slow
def test_rust_is_compiled_and_run():
    need("rs")
    codes = [RUST.format(2), RUST.format(3), "fn main() {"]
    found = languages.run([Source("rs", code) for code in codes], LIMITS, "A")
    assert [of.status for of in found] == ["passed", "wrong", "error"]
    assert "does not compile" in found[2].message


def test_what_is_missing_is_said_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(languages.shutil, "which", lambda name: None if name == "go" else f"/usr/bin/{name}")
    with pytest.raises(SandboxError, match=r"need go, which is not on PATH: install Go: https://go\.dev/dl"):
        languages.check("go", "A", None)
    with pytest.raises(SandboxError, match=r"javatuples-1\.2\.jar.*sandbox\.packages=PATH"):
        languages.check("java", "A", None)
    (tmp_path / "javatuples-1.2.jar").write_bytes(b"")
    assert languages.check("java", "A", str(tmp_path)).name == "Java"
    for tier in ("B", "C"):
        with pytest.raises(SandboxError, match=f"run only in tier A .* not in {tier}"):
            languages.check("js", tier, None)
    with pytest.raises(SandboxError, match="unknown language of programs 'cobol'"):
        languages.check("cobol", "A", None)
    assert shutil.which("sh")


DOC = {"prompt": "// doubles\nfunction twice(x){\n", "stop": ["\nfunction ", "\n//"], "language": "js", "tests": ""}


@pytest.mark.parametrize(
    ("reply", "taken"),
    [
        ("  return 2 * x;\n}\n\nfunction main() {}", "  return 2 * x;\n}\n"),
        ("Sure:\n```js\nfunction twice(x){\n  return x + x;\n}\n// done\n```\nIt doubles.", "\n  return x + x;\n}"),
        ("", None),
        ("```js\n```", None),
    ],
)
def test_a_reply_goes_on_where_the_prompt_ended_up_to_the_published_stop_texts(reply, taken):
    assert multipl_e.body(reply, DOC) == taken
