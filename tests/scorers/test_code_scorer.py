"""Code is found in answers of every shape, run apart, and passes only where its tests did."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import sandbox
from harness.errors import SandboxError
from harness.records import Answer
from harness.sandbox import Execution, Program, tiers
from harness.scorers import code
from harness.scorers.extract_code import assemble, extract
from harness.specs import SandboxSpec

UNSAFE = SandboxSpec(allow_unsafe=True, timeout_s=1.0)
PROMPT = 'import math\n\n\ndef helper(x):\n    return x + 1\n\n\ndef area(r):\n    """Return the area.\n    """\n'
DOC = {"entry_point": "area", "prompt": PROMPT, "tests": "assert area(0) == 0\nassert 3.1 < area(1) < 3.2\n"}
COMPLETION = {**DOC, "completion": True}
SOLUTION = "def area(r):\n    return math.pi * r * r\n"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix processes")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="this limit is kept by Linux alone")


def run(source: str, tests: str = "assert f() == 1", spec: SandboxSpec = UNSAFE) -> Execution:
    """In the plain subprocess: the tiers that protect have tests of their own."""
    return sandbox.run([Program(source, tests, "f")], spec, tier="unsafe")[0]


def statuses(texts: Mapping[str, str], doc: dict[str, Any] = DOC) -> dict[str, str]:
    """By name. All run in one sandbox: to start one takes six times as long as a program in it."""
    scores = code.score([Answer(doc, "", text) for text in texts.values()], UNSAFE)
    return {name: score.status for name, score in zip(texts, scores, strict=True)}


# ------------------------------------------------------------------------------------------------- extraction

PASSING = {
    "bare": SOLUTION,
    "fence": f"```python\n{SOLUTION}```",
    "fence without language": f"```\n{SOLUTION}```",
    "tilde fence": f"~~~py\n{SOLUTION}~~~",
    "long fence": f"````Python\n{SOLUTION}````",
    "fence with attributes": f'```python title="area.py"\n{SOLUTION}```',
    "prose around": f"Sure, here it is:\n\n```python\n{SOLUTION}```\n\nIt uses pi.",
    "fence left open": f"Here:\n```python\n{SOLUTION}",
    "indented in a list": "1. Do this:\n\n   ```python\n   def area(r):\n       return math.pi * r * r\n   ```\n",
    "windows line ends": f"```python\n{SOLUTION}```".replace("\n", "\r\n"),
    "signature and docstring repeated": f"```python\n{PROMPT}    return math.pi * r * r\n```",
    "usage in a second block": f"```python\n{SOLUTION}```\nUse it:\n```python\nprint(area(2))\n```",
    "output in a third block": f"```python\n{SOLUTION}```\n```text\n12.56\n```",
    "shell block first": f"```bash\npip install math\n```\n```python\n{SOLUTION}```",
    "better version last": f"```python\ndef area(r):\n    return 0\n```\nNo:\n```python\n{SOLUTION}```",
    "helper in an earlier block": "```python\ndef sq(x):\n    return x * x\n```\n"
    "```python\ndef area(r):\n    return math.pi * sq(r)\n```",
    "import in an earlier block": "```python\nimport cmath\n```\n```python\ndef area(r):\n    return cmath.pi * r * r\n```",
    "body alone": "```python\n    return math.pi * r * r\n```",
    "body alone, not indented": "```python\nreturn math.pi * r * r\n```",
    "helper of the prompt used": "```python\ndef area(r):\n    return math.pi * r * (helper(r) - 1)\n```",
    "thinking before": f"<think>def area(r): return 0\n```python\ndef area(r): return 1\n```</think>\n{SOLUTION}",
    "thinking opened by the template": f"hm, 3?\n</think>\n```python\n{SOLUTION}```",
    "prose and no fence": f"The function is:\n\nimport math\n{SOLUTION}\nThat is all there is to it.",
    "helper after it and no fence": "def area(r):\n    return pi() * r * r\n\ndef pi():\n    return math.pi\n\nDone.",
    "main guard": f"```python\n{SOLUTION}\nif __name__ == '__main__':\n    raise SystemExit(area(int(input())))\n```",
    "future import": f"```python\nfrom __future__ import annotations\n{SOLUTION}```",
    "lambda": "```python\narea = lambda r: math.pi * r * r\n```",
    "new block opened inside an open one": f"```python\ndef area(r): return 0\n```python\n{SOLUTION}```",
    "fence in a docstring": '```python\ndef area(r):\n    """Area.\n\n    ```python\n    area(1)\n    ```\n    """\n'
    "    return math.pi * r * r\n```",
    "tests after it": f"```python\n{SOLUTION}\n\nif __name__ == '__main__':\n    import unittest\n    unittest.main()\n```",
    "another language after it": f"```python\n{SOLUTION}```\nIn C:\n```c\ndouble area(double r);\n```",
    "several thoughts": f"<think>a</think>\n<think>```python\ndef area(r): return 1\n```</think>\n```python\n{SOLUTION}```",
    "example with asserts": f"```python\n{SOLUTION}\nassert area(0) == 0\nprint(area(1))\n```",
}


def test_a_right_chat_answer_passes_in_every_shape():
    assert statuses(PASSING) == dict.fromkeys(PASSING, "passed")


INDENTED = "".join(f"    {line}\n" for line in SOLUTION.splitlines())
ZERO = "def area(r):\n    return 0\n"
SHAPES = {
    "class with a method": "```python\nclass Solution:\n    def area(self, r):\n        return math.pi * r * r\n```",
    "class with a static method": "class S(object):\n    @staticmethod\n    def area(r):\n        return math.pi * r * r\n",
    "class whose method lacks self": "```python\nclass S:\n    def area(r):\n        return math.pi * r * r\n```",
    "constant in an earlier block": "```python\nPI = math.pi\n```\n```python\ndef area(r):\n    return PI * r * r\n```",
    "constant in a later block": "```python\ndef area(r):\n    return PI * r * r\n```\nwith\n```python\nPI = math.pi\n```",
    "helper of a helper": "```python\ndef sq(x):\n    return mul(x, x)\n```\n```python\ndef mul(a, b):\n    return a * b\n```\n"
    "```python\ndef area(r):\n    return math.pi * sq(r)\n```",
    "usage that binds a name of the code's": "```python\ndef area(r):\n    x = r * r\n    return math.pi * x\n```\n"
    "```python\nx = area(2)\nprint(x)\n```",
    "tests that import it": f"```python\n{SOLUTION}```\n```python\nfrom solution import area\n\ndef test():\n    assert area(0) == 0\n```",
    "a stub after it": f'```python\n{SOLUTION}```\nThe signature:\n```python\ndef area(r):\n    """Area."""\n    ...\n```',
    "a stub that raises after it": f"```python\n{SOLUTION}```\n```python\ndef area(r):\n    raise NotImplementedError\n```",
    "a mistake after it": f"```python\n{SOLUTION}```\nA common wrong version to avoid:\n```python\n{ZERO}```",
    "what not to do after it": f"```python\n{SOLUTION}```\nDon't write this:\n```python\n{ZERO}```",
    "a mistake, then mended": f"```python\n{ZERO}```\nThat is wrong. Fixed:\n```python\n{SOLUTION}```",
    "interactive session": "```python\n>>> def area(r):\n...     return math.pi * r * r\n...\n>>> area(0)\n0.0\n```",
    "notebook cell": f"```python\n%matplotlib inline\n!pip install numpy\n{SOLUTION}```",
    "byte order mark": f"\ufeff{SOLUTION}",
    "no-break spaces": f"```python\n{SOLUTION}```".replace("    ", "\u00a0" * 4),
    "zero-width characters": f"```python\n\u200b{SOLUTION}```".replace("return", "\u2060return"),
    "odd spaces in a string stay": "```python\ndef area(r):\n    assert len('\u00a0\u200b') == 2\n    return math.pi * r * r\n```",
    "JSON": json.dumps({"explanation": "pi", "code": SOLUTION}),
    "JSON in a fence": "```json\n" + json.dumps({"answer": f"```python\n{SOLUTION}```"}) + "\n```",
    "JSON of a tool call": "Here: " + json.dumps([{"name": "submit", "arguments": {"code": SOLUTION}}]),
    "HTML entities": f"```python\n{SOLUTION}    if 1 &lt; 2: pass\n```",
    "tags": f"[PYTHON]\n{SOLUTION}[/PYTHON]",
    "tags of HTML": f'<pre><code class="python">\n{SOLUTION}</code></pre>',
    "one line in backticks": "`def area(r): return math.pi * r * r`",
    "a body in backticks": "Replace the last line by\n\n`return math.pi * r * r`\n",
    "quoted block": "".join(f"> {line}\n" for line in f"```python\n{SOLUTION}```".splitlines()),
    "indented, no fence": f"Here:\n\n{INDENTED}\nDone.",
    "fence behind text": f"Here it is: ```python\n{SOLUTION}```",
    "code behind the fence": f"```python {SOLUTION}```",
    "fence deeper than its opening": f"```python\n{SOLUTION}    ```",
    "defined in a branch": "```python\nif True:\n    def area(r):\n        return math.pi * r * r\n```",
    "body in prose": "The missing line is:\n\n    return math.pi * r * r\n",
    "body, then tests": "    return math.pi * r * r\n\nassert area(0) == 0\n",
    "text in a string before it": f'FIX = """\nAdd more test cases.\n"""\n\n{SOLUTION}',
    "questions in its docstring": 'def area(r):\n    """Area.\n\n    Input: 1\nQuestion: 2\n    """\n    return math.pi * r * r\n',
    "two spaces": "  return math.pi * r * r\n",
    "languages before and after": f"```java\nint x;\n```\n```python\n{SOLUTION}```\n```diff\n- a\n```",
}


def test_a_right_answer_passes_in_these_shapes_too_and_a_wrong_one_does_not():
    assert statuses(SHAPES) == dict.fromkeys(SHAPES, "passed")
    wrong = {shape: text.replace("math.pi", "7.0") for shape, text in SHAPES.items()}
    assert statuses(wrong) == dict.fromkeys(SHAPES, "wrong")


WRAPPERS = {
    "numbered lines": lambda code: (
        "```python\n" + "".join(f"{n:2d} | {x}\n" for n, x in enumerate(code.splitlines(), 9)) + "```"
    ),
    "numbers and spaces": lambda code: (
        "```\n" + "".join(f"{n}  {x}\n" for n, x in enumerate(code.splitlines(), 1)) + "```"
    ),
    "a JSON string": json.dumps,
    "soft hyphens": lambda code: code.replace("return ", "ret\u00adurn "),
    "a message": lambda code: json.dumps({"role": "assistant", "content": f"Sure:\n```python\n{code}```"}),
    "a list of parts": lambda code: json.dumps([{"type": "text", "text": "Sure."}, {"type": "code", "content": code}]),
    "a call whose arguments are JSON": lambda code: json.dumps(
        {"name": "run", "arguments": json.dumps({"code": code})}
    ),
    "a stub with a constant after it": lambda code: (
        f"```python\n{code}```\nThe template was:\n```python\ndef area(r):\n    # your code here\n    return 0\n```"
    ),
    "a stub that returns None after it": lambda code: (
        f"```python\n{code}```\nFrom:\n```python\ndef area(r):\n    return None\n```"
    ),
    "a fence at the margin of a docstring": lambda code: (
        "```python\n"
        + code.replace(":\n", ':\n    """For example:\n```python\narea(1)\n```\n    """\n', 1)
        + "```\nDone."
    ),
    "two fenced examples in a docstring": lambda code: (
        "```python\n'''Use:\n```\narea(1)\n```\n\n```\narea(2)\n```\n'''\n" + code + "```\nDone."
    ),
    "a draft whose docstring is left open": lambda code: (
        f'Broken:\n```python\ndef area(r):\n    """Area\n    return 0\n```\n\nFixed:\n```python\n"""Areas."""\n{code}```'
    ),
    "a simpler version that does not work after it": lambda code: (
        f"```python\n{code}```\nThis simpler version does not work:\n```python\ndef area(r):\n    return r\n```"
    ),
    "character data of XML": lambda code: f"<code><![CDATA[\n{code}]]></code>",
    "a tag that no table knows": lambda code: (
        f"<brain_dump>\n```python\ndef area(r):\n    return 0\n```\n</brain_dump>\n{code}"
    ),
    "the prompt before it": lambda code: f"[INST] Write area. [/INST] ```python\n{code}```",
    "a table in the code": lambda code: code.replace(":\n", ':\n    known = {"code": "none"}\n', 1),
}


def test_a_verdict_is_the_same_in_every_wrapper():
    for source, verdict in ((SOLUTION, "passed"), ("def area(r):\n    return 3.0 * r * r\n", "wrong")):
        texts = {wrapper: wrap(source) for wrapper, wrap in WRAPPERS.items()}
        assert statuses(texts) == dict.fromkeys(WRAPPERS, verdict)


def test_json_without_code_is_no_code():
    keys = ("content", "text", "input")
    assert statuses({key: json.dumps({key: "I cannot write that."}) for key in keys}) == dict.fromkeys(keys, "no_code")


def test_a_sample_says_where_the_published_executor_would_run_other_code():
    replies = [f"```python\n{SOLUTION}```", SHAPES["no-break spaces"], SHAPES["a mistake after it"]]
    scores = code.score([Answer(DOC, "", text) for text in replies], UNSAFE)
    assert [score.detail.get("official") for score in scores] == [None, "error", None]
    assert "the published executor" in str(scores[1].explanation)
    official = {**DOC, "extract": "official"}
    assert [score.value for score in code.score([Answer(official, "", text) for text in replies], UNSAFE)] == [
        1.0,
        0.0,
        1.0,
    ]


def test_a_completion_is_run_up_to_the_tasks_own_stop_texts_and_nothing_more_is_cut():
    body = "    return math.pi * r * r\n"
    doc = {**COMPLETION, "until": ["\nclass", "\ndef", "\n#"]}
    expected = {
        body + "\nassert area(1) == 3\n": "error",
        body + "\nassert area(0) == 0\n": "passed",
        body + "\ndef broken(:\n": "passed",
        "    return (\n        math.pi * r * r\n)\n": "passed",
        '    s = """\nThis is prose.\n"""\n' + body: "passed",
        "    x = r * r\n# pi times x\n    return math.pi * x\n": "wrong",
        body + "\nThis computes the area.\n": "passed",
    }
    assert statuses({text: text for text in expected}, doc) == expected


COMPLETIONS = {
    "body": "    return math.pi * r * r\n",
    "first indentation stripped": "x = r * r\n    return math.pi * x",
    "goes on with another function": "    return math.pi * r * r\n\ndef other(:\n    broken",
    "goes on with prose": "    return math.pi * r * r\n\nThis computes the area.",
    "closes a fence": "    return math.pi * r * r\n```\nand so on",
    "comment at the margin": "    x = r * r\n# pi times x\n    return math.pi * x\n",
    "whole function again": f"import math\n\n{SOLUTION}",
    "writes a second version after it": "    return math.pi * r * r\n\n\ndef area(r):\n    return 0\n",
    "empty lines first": "\n\n    return math.pi * r * r",
}

BODIES = {
    "as published": "    return math.pi * r * r\n",
    "first indentation stripped": "return math.pi * r * r\n",
    "several lines": "x = r * r\n    return math.pi * x\n",
    "blank lines first": "    \n\n    return math.pi * r * r\n",
    "prose after": "    return math.pi * r * r\n\nThis computes the area.",
    "at the margin": "for _ in range(1):\n    if r < 0:\n        return 0\nreturn math.pi * r * r\n",
    "at the margin, then prose": "if r < 0:\n    return 0\nreturn math.pi * r * r\n\nThis computes the area.\n",
    "docstring first, at the margin": '"""Area.\n\nOf a disk.\n"""\nfor _ in range(1):\n    pass\nreturn math.pi * r * r\n',
    "comment first, at the margin": "# the area\nfor _ in range(1):\n    pass\nreturn math.pi * r * r\n",
    "a block first, its indentation stripped": "for _ in range(1):\n        pass\n    return math.pi * r * r\n",
    "tabs, the first stripped": "for _ in range(1):\n\t\tpass\n\treturn math.pi * r * r\n",
    "two spaces": "  for _ in range(1):\n    pass\n  return math.pi * r * r\n",
}


def test_a_body_alone_is_completed_by_the_prompt_in_a_chat_task_too():
    assert statuses(BODIES) == dict.fromkeys(BODIES, "passed")
    wrong = {shape: text.replace("math.pi", "3") for shape, text in BODIES.items()}
    assert statuses(wrong) == dict.fromkeys(BODIES, "wrong")


def test_a_right_completion_passes_in_every_shape():
    assert statuses(COMPLETIONS, COMPLETION) == dict.fromkeys(COMPLETIONS, "passed")


def test_a_bad_answer_gets_the_status_that_says_why():
    expected = {
        "": "no_code",
        "I cannot do that.": "no_code",
        "<think>def area(r):\n    return 3.14 * r": "no_code",
        "```python\n```": "no_code",
        "```python\ndef area(r):\n    return 0\n```": "wrong",
        f"```python\n{SOLUTION}```\nOr rather:\n```python\ndef area(r):\n    return 0\n```": "wrong",
        "```python\ndef area(r:\n    return 0\n```": "error",
        f"```python\n{SOLUTION}\ndef cut_off_by_the_limit(": "error",
        "```python\ndef surface(r):\n    return math.pi * r * r\n```": "error",
        "```python\ndef area(r):\n    return r / 0\n```": "error",
        "```python\ndef area(r):\n    while True: pass\n```": "timeout",
    }
    assert statuses({text: text for text in expected}) == expected


def test_an_empty_completion_is_no_code():
    assert extract(" \n\n", COMPLETION) is None


def test_the_choice_of_program_never_looks_at_the_tests():
    text = f"```python\ndef area(r):\n    return 0\n```\n```python\n{SOLUTION}```\n```python\ndef area(r):\n    return 1\n```"
    found = [extract(text, {**DOC, "tests": tests}) for tests in ("assert area(0) == 0", "assert area(0) == 1", "")]
    assert found[0] == found[1] == found[2]


PROSE = st.text(st.characters(exclude_characters="`~", exclude_categories=["Cs"])).filter(
    lambda text: "think>" not in text
)


@given(before=PROSE, after=PROSE)
def test_whatever_prose_is_around_a_fence_the_code_in_it_is_found(before: str, after: str):
    found = extract(f"{before}\n```python\n{SOLUTION}```\n{after}", DOC)
    assert found is not None
    assert found.code.strip() == SOLUTION.strip()


STATEMENTS = st.sampled_from(
    ["import os\n", "from math import pi\n", "LIMIT = 5\n", "a, b = 1, 2\n", "# a comment\n", "\n", "print(area(1))\n",
     "def helper(x):\n    return x\n", "class Shape:\n    sides = 0\n\n    def area(self):\n        return 0\n",
     "@property\ndef other(x):\n    if x:\n        return 1\n\n    return 2\n", "names = [\n    1,\n]\n",
     "if __name__ == '__main__':\n    print(area(2))\n", "assert area(0) == 0\n", "x: int = 3\n", "y += 1\n",
     "for i in range(3):\n    print(i)\n", "async def wait(x):\n    return x\n", "try:\n    import numpy\nexcept ImportError:\n    pass\n"]
)  # fmt: skip


@settings(max_examples=200)
@given(
    before=st.lists(STATEMENTS, max_size=6),
    after=st.lists(STATEMENTS, max_size=6),
    fence=st.sampled_from(["", "```", "```python", "~~~py"]),
    completion=st.booleans(),
)
def test_clean_code_is_found_whole_and_finding_it_again_changes_nothing(
    before: list[str], after: list[str], fence: str, completion: bool
):
    source = "".join([*before, SOLUTION, *after])
    doc = {**DOC, "completion": completion}
    found = extract(f"{fence}\n{source}{fence[:3]}" if fence else source, doc)
    assert found is not None
    assert found.code.strip("\n") == source.strip("\n")
    again = extract(found.code, doc)
    assert again is not None
    assert again.code.strip("\n") == found.code.strip("\n")


@settings(max_examples=100)
@given(
    statements=st.lists(STATEMENTS.filter(lambda text: text.strip() and text[0] not in "#@y"), min_size=1, max_size=6)
)
def test_a_whole_program_is_found_with_and_without_a_fence(statements: list[str]):
    source = "".join(statements)
    doc = {"entry_point": "__main__", "prompt": "", "tests": ""}
    for text in (source, f"```python\n{source}```", f"Here it is:\n\n{source}"):
        found = extract(text, doc)
        assert found is not None
        assert found.code.strip("\n") == source.strip("\n")
        assert assemble(found, doc).strip("\n") == source.strip("\n")


FRAGMENTS = st.sampled_from(
    ["```python\n", "```\n", "~~~", "    return 1\n", "def area(r):\n", "<think>", "</think>", "import os\n", "\n", "x = 1\n",
     "class A:\n", "from __future__ import annotations\n", "`", "\r\n", "\x00", "\ud800", "(" * 999]
)  # fmt: skip


@settings(max_examples=300)
@given(text=st.lists(FRAGMENTS | st.text()).map("".join), completion=st.booleans())
def test_no_text_breaks_the_extraction(text: str, completion: bool):
    doc = {**DOC, "completion": completion}
    found = extract(text, doc)
    if found is not None:
        assert found.code.strip()
        assert isinstance(assemble(found, doc), str)


def test_a_hostile_text_is_cut_in_time_linear_in_its_length():
    for piece in (
        "```python\n",
        "x" * 50 + "[",
        "a = ",
        "def area",
        "if ",
        " ",
        "from a.",
        "(:",
        "\n",
        "~~~\n",
        "word ",
    ):
        start = time.process_time()
        extract(piece * (200_000 // len(piece)), DOC)
        extract(piece * (200_000 // len(piece)), COMPLETION)
        assert time.process_time() - start < 5, piece


def test_scores_keep_the_order_of_the_answers_and_say_how_code_was_found_and_run():
    texts = [SOLUTION, "no", "```python\ndef area(r):\n    return 0\n```", SOLUTION]
    scores = code.score([Answer(DOC, "", text) for text in texts], UNSAFE)
    assert [score.value for score in scores] == [1.0, 0.0, 0.0, 1.0]
    assert [score.status for score in scores] == ["passed", "no_code", "wrong", "passed"]
    assert scores[0].detail["rule"] == "plain"
    assert scores[2].detail["rule"] == "fence"
    assert scores[2].detail["tier"] in {"A", "B", "C", "unsafe"}
    assert scores[2].detail["cpu_s"] > 0
    assert "assert 3.1 < area(1) < 3.2" in str(scores[2].explanation)
    assert json.dumps([dict(score.detail) for score in scores])


# ------------------------------------------------------------------------------------------------ running
# code


def test_a_reply_that_was_cut_off_says_so_where_it_failed_and_only_there():
    texts = [SOLUTION, SOLUTION[: SOLUTION.rindex("return") + 3], "well"]
    scores = code.score([Answer(DOC, "", text, truncated=True) for text in texts], UNSAFE)
    assert [(score.status, "cut off" in (score.explanation or "")) for score in scores] == [
        ("passed", False),
        ("error", True),
        ("no_code", True),
    ]


def test_without_a_sandbox_code_is_not_run_unless_the_user_allowed_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tiers, "_why_not", lambda tier: None if tier == "unsafe" else "not on this machine")
    mark = tmp_path / "ran"
    program = Program(f"open({str(mark)!r}, 'w')\ndef f(): return 1", "", "f")
    with pytest.raises(SandboxError, match=r"a model wrote.*sandbox\.allow_unsafe=true"):
        sandbox.run([program], SandboxSpec())
    with pytest.raises(SandboxError):
        sandbox.check(SandboxSpec())
    with pytest.raises(SandboxError):
        code.score([Answer(DOC, "", SOLUTION)], SandboxSpec())
    assert not mark.exists()
    sandbox.check(UNSAFE)


def test_nothing_to_run_is_fine_without_permission():
    assert sandbox.run([], SandboxSpec()) == []
    assert code.score([], SandboxSpec()) == []
    assert code.score([Answer(DOC, "", "no code")], SandboxSpec())[0].status == "no_code"


def test_leaving_early_or_printing_the_right_words_is_no_pass():
    sources = [
        "print('ok'); import sys; sys.exit(0)",
        "def f(): raise SystemExit(0)",
        "import os\ndef f(): os._exit(0)",
        "import os\nprint('passed'); os._exit(0)",
        "import os, signal\ndef f(): os.kill(os.getpid(), signal.SIGKILL)",
        "import os\nos.closerange(0, 256); os._exit(0)",
        "import sys\nsys.modules['os'] = None\ndef f(): return 0",
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(): return 0",
        "import sys\nsys.excepthook = lambda *a: None\ndef f(): return 0",
        "open('report.json', 'w').write('{\"status\": \"passed\"}')\nimport os; os._exit(0)",
        'open(\'../report.json\', \'w\').write(\'{"status": "passed", "token": "", "cpu_s": 0}\')\nimport os; os._exit(0)',
        "open('../report.json', 'w').write('[]')\nimport os; os._exit(0)",
        "def f(): return None\n__name__ = 'x'",
        "import os\nos.unlink('../report.json'); os.mkfifo('../report.json'); os._exit(0)",
        "import os, signal\nos.kill(os.getpid(), 40)",
        "pass",
    ]
    found = sandbox.run([Program(source, "assert f() == 1", "f") for source in sources], UNSAFE, tier="unsafe")
    assert [
        source for source, verdict in zip(sources, found, strict=True) if verdict.status not in {"wrong", "error"}
    ] == []


def test_an_exit_after_right_code_but_before_the_tests_is_no_pass():
    assert run("def f(): return 1\nimport os; os._exit(0)").status == "error"


def test_assertions_of_the_code_itself_while_it_loads_are_errors_and_not_wrong_answers():
    assert run("assert False\ndef f(): return 1").status == "error"


def test_a_busy_loop_and_a_sleep_are_both_stopped():
    start = time.monotonic()
    programs = [Program("while True: pass", "", "f"), Program("import time\ntime.sleep(60)", "", "f")]
    verdicts = sandbox.run(programs, UNSAFE, tier="unsafe")
    assert [verdict.status for verdict in verdicts] == ["timeout", "timeout"]
    assert [verdict.tier for verdict in verdicts] == ["unsafe", "unsafe"]
    assert time.monotonic() - start < 50  # the sleep would end after 60


def test_code_that_catches_everything_is_still_stopped():
    source = "import time\nwhile True:\n    try: time.sleep(0.01)\n    except BaseException: pass"
    assert run(source).status == "timeout"


@LINUX
def test_memory_over_the_limit_is_a_status_of_its_own():
    assert run("x = bytearray(2 << 30)\ndef f(): return 1").status == "memory"


@LINUX
def test_a_large_file_cannot_be_written():
    source = "def f():\n    with open('big', 'wb') as file:\n        for _ in range(64): file.write(bytes(1 << 20))\n    return 1"
    assert run(source).status == "error"


@POSIX
def test_processes_that_the_code_started_are_gone_with_it(tmp_path: Path):
    note = tmp_path / "pid"
    source = (
        "import subprocess, sys\n"
        "def f():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        f"    open({str(note)!r}, 'w').write(str(child.pid))\n"
        "    return 1"
    )
    assert run(source).status == "passed"
    pid = int(note.read_text())
    for _ in range(1200):
        if not _alive(pid):
            return
        time.sleep(0.05)
    pytest.fail("the child is still running")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_thread_that_never_ends_does_not_hold_the_verdict():
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()\ndef f(): return 1"
    start = time.monotonic()
    assert run(source).status == "passed"
    assert time.monotonic() - start < 60  # the thread would end after 300


def test_the_users_environment_is_not_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    tests = "import os\nassert 'canary' not in str(os.environ)\nassert 'HOME' not in os.environ\nassert f() == 1"
    assert run("def f(): return 1", tests).status == "passed"


def test_the_folder_is_empty_at_the_start_and_gone_at_the_end(tmp_path: Path):
    note = tmp_path / "cwd"
    source = f"import os\nopen({str(note)!r}, 'w').write(os.getcwd())\ndef f(): return len(os.listdir()) + 1"
    assert run(source).status == "passed"
    assert not Path(note.read_text()).exists()
    assert not Path(note.read_text()).parent.exists()


def test_standard_streams_lead_nowhere(capfd: pytest.CaptureFixture[str]):
    source = (
        "import sys\n"
        "print('x' * 10_000_000); print('y' * 1_000_000, file=sys.stderr)\n"
        "def f(): return 1 + len(sys.stdin.read())"
    )
    assert run(source).status == "passed"
    assert capfd.readouterr() == ("", "")


def test_packages_installed_here_do_not_change_a_verdict():
    assert run("def f():\n    try: import yaml\n    except ImportError: return 1").status == "passed"


def test_the_order_of_sets_is_the_same_in_every_run():
    source = "def f(): return ''.join({'a', 'b', 'c', 'd', 'e'})"
    messages = {run(source, "raise ValueError(f())").message for _ in range(4)}
    assert len(messages) == 1


def test_modules_features_that_need_a_module_work():
    source = (
        "from __future__ import annotations\n"
        "import dataclasses, pickle, typing\n"
        "@dataclasses.dataclass\n"
        "class P:\n    x: int = 1\n    y: typing.ClassVar[int] = 2\n"
        "def f(): return pickle.loads(pickle.dumps(P())).x"
    )
    assert run(source).status == "passed"


def test_source_and_errors_that_break_encoders_and_parsers_are_errors_of_the_code():
    sources = [
        "x = '\ud800'", "def f(): return 1 #\x00", "(" * 5000, "-" * 100_000 + "1", "raise ValueError('\ud800' * 9)",
     "class E(Exception):\n    def __str__(self): raise self\nraise E", "def f(): return f()",
    ]  # fmt: skip
    for verdict in sandbox.run([Program(source, "assert f() == 1", "f") for source in sources], UNSAFE, tier="unsafe"):
        assert verdict.status in {"error", "memory"}
        verdict.message.encode("utf-8")


def test_messages_are_short():
    assert len(run("def f(): raise ValueError('x' * 10**6)").message) <= 500


# ------------------------------------------------------------------------------------------------- real
# answers


def _humaneval(shared_data: Path) -> list[dict[str, Any]]:
    with gzip.open(shared_data / "code/HumanEval.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [{**row, "tests": f"{row['test']}\ncheck({row['entry_point']})\n", "completion": True} for row in rows]


@pytest.mark.parametrize("model", ["codellama_7b", "codegemma_7b"])
def test_verdicts_agree_with_the_published_flags_of_real_completions(model: str, shared_data: Path):
    path = shared_data / f"code/humaneval_samples/{model}_results.jsonl"
    samples = {row["task_id"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    docs = _humaneval(shared_data)[::4]
    scores = code.score([Answer(doc, "", samples[doc["task_id"]]["completion"]) for doc in docs], UNSAFE)
    disagree = [
        (doc["task_id"], score.status, samples[doc["task_id"]]["result"])
        for doc, score in zip(docs, scores, strict=True)
        if (score.value == 1.0) != (samples[doc["task_id"]]["result"] == "passed")
    ]
    assert disagree == []
