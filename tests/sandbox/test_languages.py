"""Programs in other languages: verdicts, walls, and what is said where a compiler or a library is not there."""

import shutil
from pathlib import Path

import pytest

from harness.errors import SandboxError
from harness.records import Answer
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


# In the published form: what stands around a completion in MultiPL-E's Go and Java (the words are ours).
GO = {
    "language": "go",
    "stop": ["\nfunc", "struct", "\n// "],
    "prompt": 'package pairs_test\n\nimport (\n    "testing"\n    "fmt"\n)\n\n// The numbers, doubled.\n'
    "func doubled(numbers []int) []int {\n",
    "tests": "func TestDoubled(t *testing.T) {\n  candidate := doubled\n"
    "\ttype test struct {\n\t\tactual   interface{}\n\t\texpected interface{}\n\t}\n   tests := []test{\n"
    "     { actual: candidate([]int{1, 2}), expected: []int{2, 4} },\n"
    "     { actual: candidate([]int{}), expected: []int{} },\n   }\n\n"
    '\tfor i, tc := range tests {\n\t\tt.Run(fmt.Sprintf("test num % d", i), func(t *testing.T) {\n'
    '\t\t\tif fmt.Sprintf("%v", tc.actual) != fmt.Sprintf("%v", tc.expected) {\n'
    "\t\t\t\tt.Errorf(\"expected '%s', got '%s'\", tc.expected, tc.actual)\n\t\t\t}\n\t\t})\n\t}\n}\n",
}
GO_DOUBLED = "    found := []int{}\n    for _, n := range numbers {\n        found = append(found, %s)\n    }\n"
JAVA = {
    "language": "java",
    "stop": ["\n    }\n"],
    "prompt": "import java.util.*;\nimport java.lang.reflect.*;\nimport org.javatuples.*;\nimport java.security.*;\n"
    "import java.math.*;\nimport java.io.*;\nimport java.util.stream.*;\nclass Problem {\n"
    "    // The number and its double.\n    public static Pair<Long, Long> doubled(long n) {\n",
    "tests": "    }\n    public static void main(String[] args) {\n"
    "    assert(doubled((2l)).equals((Pair.with(2l, 4l))));\n    }\n\n}",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("doc", "replies"),
    [
        (
            GO,
            {
                GO_DOUBLED % "2 * n" + "    return found\n}\n\nfunc main() {}": "passed",
                GO_DOUBLED % "3 * n" + "    return found\n}": "wrong",
                "    return numbers[7:]\n}": "error",
                "    return nothing\n}": "error",
                GO_DOUBLED % "n" + "}": "error",
                "    for { }\n}": "timeout",
            },
        ),
        (
            JAVA,
            {
                "        return Pair.with(n, 2 * n);\n    }\n    // and more": "passed",
                "        return Pair.with(n, 3 * n);": "wrong",
                "        return Pair.with(n, 2 / (n - n));": "error",
                "        return nothing;": "error",
                "        while (true) {}": "timeout",
            },
        ),
    ],
    ids=["Go", "Java"],
)
def test_published_forms_are_compiled_and_have_verdicts(doc, replies):
    need(doc["language"])
    sandbox = SandboxSpec(timeout_s=2, memory_mb=2048)
    found = multipl_e.score([Answer(doc, "", reply) for reply in replies], sandbox)
    assert {reply: of.status for reply, of in zip(replies, found, strict=True)} == replies
    broken = [of.explanation for of in found if of.status == "error" and "compile" in of.explanation]
    assert len(broken) == (2 if doc is GO else 1)


def test_a_library_of_the_tests_is_taken_from_the_folder_then_from_the_system(monkeypatch, tmp_path):
    system, ours = tmp_path / "system", tmp_path / "ours"
    for folder in (system, ours):
        folder.mkdir()
        (folder / "javatuples.jar").write_bytes(b"")
        (folder / "javatuples-1.2.jar").symlink_to("javatuples.jar")
    monkeypatch.setattr(languages, "JARS", system)
    monkeypatch.setattr(languages.shutil, "which", lambda name: f"/usr/bin/{name}")
    reads = {folder: languages._recipe(languages.LANGUAGES["java"], folder)["reads"] for folder in (str(ours), None)}
    # A link is followed: in the box there is only what it leads to.
    assert str(ours / "javatuples.jar") in reads[str(ours)]
    assert str(system / "javatuples.jar") in reads[None]


def test_what_is_missing_is_said_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(languages.shutil, "which", lambda name: None if name == "go" else f"/usr/bin/{name}")
    with pytest.raises(SandboxError, match=r"need go, which is not on PATH: install Go: https://go\.dev/dl"):
        languages.check("go", "A", None)
    monkeypatch.setattr(languages, "JARS", tmp_path / "system")
    with pytest.raises(SandboxError, match=r"javatuples-1\.2\.jar.*apt install libjavat.*sandbox\.packages=PATH"):
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
