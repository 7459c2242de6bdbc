"""Every command of the tutorial runs, in order, in an empty folder, against a model on this machine; it prints what the page says."""

import hashlib
import re
import shlex
from pathlib import Path
from typing import Any

import forks
import pytest
from api_server import Answer, chat, serving
from conftest import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
SHELL = ("pip install", "mkdir", "export")
"""What the reader's shell does; the test has an installed harness, a folder and a key."""
WIDE = ("leaderboard", "sql")
"""Commands whose output is a file's, not a screen's."""
SENTENCES = """
That depends on what you want to do with it. I would begin with a short list of what matters. The first point is cost, and the
second is time. Many people find that a walk helps them think. You can keep it in the fridge for three days. My grandmother
used to tell this story every winter. A good book is often better than a long meeting. Mix the flour with warm water and let it
rest. In most countries the rules changed about ten years ago. Try it once, and see whether you like the result. The river
turns north behind the old mill. It is not easy to say which of the two is right. Ask a doctor if the pain does not go away. The
dog waited by the door until the rain had stopped. Use a sharp knife and cut the onion into thin rings. There is a small museum near
the harbour that few visitors know. Write down three goals and read them aloud. The answer surprised everyone in the room. A
company that listens to its customers will last. Music was playing somewhere above the empty shop.
"""


def speak(body: dict[str, Any], _n: int = 0) -> Answer:
    """A small model of few words: it adds, knows one capital, and chats."""
    text = body["messages"][-1]["content"]
    if sums := re.search(r"What is (\d+) ([-+]) (\d+)\?", text):
        a, b = int(sums[1]), int(sums[3])
        return Answer(chat(f"The answer is {a + b if sums[2] == '+' else a - b}."))
    if "capital of" in text:
        return Answer(chat("Paris"))
    if "```python" in text:
        name = re.search(r"def (\w+)\((\w+)", text)
        plus = {"add_one": 1, "add_three": 3}.get(name[1], 0)
        return Answer(chat(f"```python\ndef {name[1]}({name[2]}):\n    return {name[2]} + {plus}\n```"))
    said = [sentence.strip() + "." for sentence in SENTENCES.replace("\n", " ").split(".")[:-1]]
    order = sorted(said, key=lambda sentence: hashlib.sha256((sentence + text).encode()).digest())
    return Answer(chat(" ".join(order[:7])))


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def write_files(folder: Path, url: str) -> None:
    """The files that the page shows, under the names that it gives them."""
    named = re.findall(r"`((?:conf|tasks)/[\w/]+\.\w+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _ in named] == ["conf/model/mine.yaml", "tasks/capitals.yaml", "tasks/capitals.py"]
    for name, text in named:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("http://127.0.0.1:8000", url), encoding="utf-8")


@pytest.mark.slow
def test_every_command_of_the_tutorial_runs_and_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    commands = [line for line in lines if not line.startswith(SHELL)]
    assert len(commands) >= 14
    monkeypatch.setenv("MY_KEY", "secret-of-the-tutorial")
    monkeypatch.setenv("HARNESS_RESULTS", "results")
    printed, wide = "", []
    with serving(speak) as server:
        write_files(tmp_path, server.url)
        for line in commands:
            word, *words = shlex.split(line)
            assert word == "harness", line
            done = forks.run(*words, cwd=tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stderr}{done.stdout}"
            assert "Traceback" not in done.stderr
            wide += [text for text in done.stdout.splitlines() if len(text) > 80] if words[0] not in WIDE else []
            printed += re.sub(r"\b(eval-)[0-9a-f]{12}", r"\1…", done.stdout)
    assert not [text for text in wide if not text.startswith("    ")], "code alone is as wide as it was written"
    said = {" ".join(line.split()) for line in printed.splitlines()}
    for line in "".join(blocks("text")).splitlines():
        assert " ".join(line.split()) in said, f"{line}\n{printed}"
    for name in ("LEADERBOARD.md", "report.html"):
        assert (tmp_path / name).stat().st_size > 500
    assert not any(b"secret-of-the-tutorial" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
