"""A panel of a clone of SpeechMap's data: read as it is published, whatever else lies in it."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Project

from harness.errors import ConfigError
from harness.provenance.comparison import registry
from harness.provenance.panels import panel, speechmap

WORDS = [
    "the",
    "a",
    "of",
    "to",
    "in",
    "is",
    "it",
    "was",
    "for",
    "on",
    "as",
    "with",
    "that",
    "by",
    "at",
    "from",
    "they",
    "we",
    "or",
    "an",
    "will",
    "one",
    "all",
    "would",
    "there",
]
KNOWN = registry.Registry({"deepseek-r1": {"released": "2025-01", "source": "its card"}}, {}, {})
MODELS = (
    "deepseek/deepseek-r1",
    "openai/gpt-x",
    "x-ai/grok-x",
    "somebody/tuned",
    "deepseek/deepseek-chat",
    "a/b",
    "c/d",
    "e/f",
)
QUESTIONS = 40


def _row(model: str, question: int, text: str | None, **more: object) -> str:
    message = {
        "role": "assistant",
        "content": text,
        "reasoning": f"hm {text}" if model.startswith("deepseek") else None,
    }
    response = {"choices": [{"finish_reason": "stop", "index": 0, "message": message}], **more}
    return json.dumps({"question_id": f"q{question}", "category": "us_hard", "model": model, "response": response})


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clone")
    (root / "questions").mkdir()
    (root / "responses").mkdir()
    asked = [{"id": f"q{i}", "category": "us_hard", "question": f"Argue for the {i} thing."} for i in range(QUESTIONS)]
    (root / "questions" / "us_hard.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    for k, model in enumerate(MODELS):
        rng = np.random.default_rng(k)
        liking = rng.dirichlet(np.full(len(WORDS), 0.3))
        said = [" ".join(rng.choice(WORDS, 30, p=liking)) + f". The {i} is secretword." for i in range(QUESTIONS)]
        lines = [_row(model, i, text) for i, text in enumerate(said)]
        if k == 1:  # what else a published file holds
            lines += ["{broken", json.dumps({"question_id": "q1", "model": model, "response": {"error": "no"}}), ""]
            lines += [_row(model, 2, None), json.dumps(["q1"]), _row("openai/gpt-x", 999, "of another category")]
        name = root / "responses" / f"us_hard_{model.replace('/', '_')}.jsonl"
        if k == 2:
            with gzip.open(f"{name}.gz", "wt") as file:
                file.write("\n".join(lines))
        else:
            name.write_text("\n".join(lines) + "\n")
    (root / "responses" / "us_hard_few.jsonl").write_text(_row("g/few", 1, "one answer") + "\n")
    (root / "responses" / "us_criticism_a_b.jsonl").write_text(_row("a/b", 1, "of another category") + "\n")
    return root


def test_a_clone_becomes_a_panel_that_is_in_order(clone: Path, tmp_path: Path, project: Project) -> None:
    done = project.run(
        "panel", "build", "--from", "speechmap", str(clone), "--name", "new", "--keep", "30", "--out", str(tmp_path)
    )
    assert done.returncode == 0
    assert "8 models, 30 prompts of 240 answers" in done.stdout
    assert "4 lines that hold no answer; 1 models with too few answers (g/few" in done.stderr
    assert panel.check(tmp_path / "new.yaml") == []
    made = panel.load(tmp_path / "new.yaml")
    assert [prompt.rank for prompt in made.prompts] == list(range(1, 31))
    assert made.prompts[0].text is not None
    assert made.entries["deepseek/deepseek-r1"].facts.released == "2025-01"
    assert {made.entries[m].facts.lab for m in MODELS[:3]} == {"deepseek", "openai", "xai"}
    assert made.entries["deepseek/deepseek-chat"].alias
    assert b"secretword" not in (tmp_path / "new.parquet").read_bytes()


def test_traces_are_a_panel_of_their_own(clone: Path) -> None:
    with pytest.raises(ConfigError, match="too few models answered"):
        speechmap.build(clone, "new", KNOWN, reads="summary")
    with pytest.raises(ConfigError, match="too much memory; keep 3086419"):
        speechmap.build(clone, "new", KNOWN, keep=10**8)


@pytest.mark.parametrize(("spoil", "says"), [("questions", "no questions that can be read"), ("responses", "no file")])
def test_what_is_no_clone_is_refused(tmp_path: Path, spoil: str, says: str) -> None:
    for folder in {"questions", "responses"} - {spoil}:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "us_hard.jsonl").write_text('{"id": "q", "question": "Why?"}\n')
    with pytest.raises(ConfigError, match=says):
        speechmap.build(tmp_path, "new", KNOWN)


def test_one_model_in_two_files_is_refused(tmp_path: Path, clone: Path) -> None:
    (tmp_path / "questions").mkdir()
    (tmp_path / "responses").mkdir()
    (tmp_path / "questions" / "us_hard.jsonl").write_bytes((clone / "questions" / "us_hard.jsonl").read_bytes())
    content = (clone / "responses" / "us_hard_a_b.jsonl").read_bytes()
    for name in ("us_hard_a_b.jsonl", "us_hard_a_c.jsonl"):
        (tmp_path / "responses" / name).write_bytes(content)
    with pytest.raises(ConfigError, match=r"us_hard_a_c\.jsonl: answers of a/b, which are in another file too"):
        speechmap.build(tmp_path, "new", KNOWN)
