"""The leaderboard of public answers in results/: its recipe reads what is published, and the page is what it gives."""

import csv
import json
import os
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from modulefiles import loaded

from harness.archive.imports import convert
from harness.results import derivation, leaderboard
from harness.results.leaderboard import selection

ROOT = Path(__file__).parents[2]
PAGES = {"markdown": ROOT / "results" / "LEADERBOARD.md", "html": ROOT / "results" / "index.html"}
BOUND = {"markdown": "\n## Reproduce this", "html": "<h2>Reproduce this"}
"""What follows names the commit that the page was made at, which is another one later."""


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return loaded(ROOT / "results" / "tables.py")


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_lineage_bench_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "lineage-8_64_128_192" / "m" / "m_8.csv"
    file.parent.mkdir(parents=True)
    replies = ["So it is\n<ANSWER>3</ANSWER>", "so <ANSWER>2</ANSWER>", "\\boxed{3}", "**ANSWER:** 3", "It broke off"]
    with file.open("w", encoding="utf-8", newline="") as out:
        for place, reply in enumerate(replies):
            csv.writer(out).writerow([8, "ANCESTOR", 3, f"quiz {place}", "lab/m", "Provider", "", "", reply])
    rows = list(tables.lineage_bench(tmp_path, {}))
    assert [row["correct"] for row in rows] == [1, 0, 1, 1, 0]
    assert {(row["model"], row["period"]) for row in rows} == {("m", "2025-11/12")}
    assert len({row["prompt_id"] for row in rows}) == len(replies)


def test_reasoning_gym_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    answers = [
        {"model_answer": "4", "full_model_response": "<answer>4</answer>", "score": score} for score in (0.5, 1.0)
    ]
    results = [{"question": f"q{n}", "completions": answers} for n in range(tables.FIRST + 1)]
    folder = tmp_path / "reasoninggym-paper-experiments/zero-shot/hard/x-ai_grok-3-mini-beta_20250413_235101/algebra"
    _put(folder / "simple_equations.json", json.dumps({"results": results}))
    rows = list(tables.reasoning_gym(tmp_path, {}))
    assert [row["correct"] for row in rows] == [0.5] * tables.FIRST
    assert (rows[0]["model"], rows[0]["level"], rows[0]["category"]) == ("grok-3-mini-beta", "hard", "algebra")


def test_algotune_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    summary = {
        task: {"m": {"final_speedup": speedup}} for task, speedup in (("fft", "1.2"), ("lu", "N/A"), ("qr", "2"))
    }
    _put(tmp_path / "reports" / "agent_summary.json", json.dumps(summary))
    for folder in ("M/fft", "M/lu", "Other/fft"):
        _put(tmp_path / "results" / folder / "solver.py", "class Solver: ...")
    rows = list(tables.algotune(tmp_path, {"M": "m"}))
    assert [(row["prompt_id"], row["correct"]) for row in rows] == [("fft", 1), ("lu", 0)]


def test_zeroeval_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    said = ['{"reasoning": "a, \\"b\\"", "answer": "$1,018"}', '{"answer": 1018}', '{"answer": "1018 pints"}', "1018"]
    items = [{"chat_history": [f"q{n}"], "output": [text], "answer": "# 1018"} for n, text in enumerate(said)]
    _put(tmp_path / "result_dirs" / "gsm" / "M@host.json", json.dumps(items))
    rows = list(tables.zeroeval(tmp_path, {"M@host": "m"}))
    assert [row["correct"] for row in rows] == [1, 1, 0, 0]


def test_farel_bench_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    asked = "[{'role': 'user', 'content': \"What?\\nSelect\"}]"
    _put(tmp_path / "results/v1/farel-bench.csv", '1,child,1,"What?"\n1,child,2,"What?"\n')
    _put(tmp_path / "results/v1/m.log", f"{asked}\n<ANSWER>1</ANSWER>\n{asked}\nHm\n<ANSWER>1</ANSWER>\nchild: 50.00\n")
    rows = list(tables.farel_bench(tmp_path, {"v1/m": "m"}))
    assert [(row["prompt_id"], row["correct"]) for row in rows] == [("farel000", 1), ("farel001", 0)]


def test_skythought_as_it_is_published(tables: ModuleType, tmp_path: Path) -> None:
    lines = [json.dumps({"idx": n, "code": ["so 4"], "score": [right]}) for n, right in enumerate((True, False))]
    top = tmp_path / "skythought/Qwen2.5-Math/evaluation/outputs/Lab/M/aime24_eval/aime24"
    _put(top / "test_cot_-1_seed0_t0.0_s0_e-1.jsonl", "\n".join(lines))
    rows = list(tables.skythought(tmp_path, {"Lab/M": "m"}))
    assert [(row["task"], row["prompt_id"], row["correct"]) for row in rows] == [
        ("aime24", "aime24_0", 1), ("aime24", "aime24_1", 0)
    ]  # fmt: skip


def test_open_prompts_as_they_are_published(tables: ModuleType, tmp_path: Path) -> None:
    result = {"prompt_id": "monty", "prompt": "Which door?", "llm": "m-long", "output": ["One", "Two", None]}
    _put(tmp_path / "eval/results_long_eval/output_queries_m.json", json.dumps({"results": [result]}))
    rows = list(tables.misguided_attention(tmp_path, {"m-long": "m"}))
    assert [(row["model"], row["output"]) for row in rows] == [("m", "One"), ("m", "Two"), ("m", None)]
    reply = {"choices": [{"message": {"content": "An essay"}}]}
    lines = [{"question_id": "us_1", "question": "Write", "model": "openai/o1-preview-2024-09-12", "response": response}
             for response in (reply, None)]  # fmt: skip
    _put(tmp_path / "responses/us_criticism_m.jsonl", "\n".join(map(json.dumps, lines)))
    rows = list(tables.speechmap(tmp_path, {}))
    assert [(row["model"], row["prompt_id"], row["output"]) for row in rows] == [
        ("o1-preview", "us/us_1", "An essay"), ("o1-preview", "us/us_1", None)
    ]  # fmt: skip


def test_a_column_holds_what_all_of_its_models_answered(tables: ModuleType) -> None:
    rows = [
        {"model": model, "prompt_id": item, "output": "text", "correct": 1.0, "period": period}
        for model, items, period in (
            ("a", "xyz", "2025-11/12"), ("b", "xy", "2025-11/12"), ("a", "w", "2024-12/2025-03"), ("c", "x", "2025-11/12"),
        )
        for item in items
    ]  # fmt: skip
    source = {"tasks": {"lineage_late_2025": ["a", "b"], "lineage_early_2025": ["a"]}}
    found = tables.shape("lineage_bench", pl.DataFrame(rows), source)
    assert found.select("task", "prompt_id", "model").rows() == [
        ("lineage_early_2025", "w", "a"),
        *(("lineage_late_2025", item, model) for item in "xy" for model in "ab"),
    ]
    assert set(found["output"]) == {""}


def test_files_that_are_others_are_refused(tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.subprocess, "run", lambda *_, **__: None)
    _put(tmp_path / ".git" / "HEAD", "")
    _put(tmp_path / "a.json", "{}")
    source = {"url": "", "commit": "", "paths": ["a.json"], "sha256": tables.digest(tmp_path)}
    assert tables.fetch(source, tmp_path) == tmp_path
    _put(tmp_path / "a.json", "{ }")
    with pytest.raises(SystemExit, match="expected"):
        tables.fetch(source, tmp_path)


def test_every_source_is_fetched_by_its_hash_and_read(tables: ModuleType) -> None:
    found = tables.sources()
    assert set(found) == set(tables.READERS)
    assert all(len(of["commit"]) == 40 and of["licence"] and of["tasks"] for of in found.values())


def test_the_models_in_question_have_answers(tables: ModuleType) -> None:
    wanted = selection.load("public")
    columns = {task: models for of in tables.sources().values() for task, models in of["tasks"].items()}
    assert set(columns) == set(wanted.tasks)
    assert {name for name in wanted.first if "*" not in name} <= {m for models in columns.values() for m in models}
    assert not wanted.mean
    assert all(note.endswith(".") for note in wanted.notes)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_page_is_what_the_public_answers_give(tables: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    outputs = shared_data / "outputs"
    prompts = pl.read_parquet(outputs / "prompts.parquet").select("corpus", "prompt_id", "prompt").unique()
    shaped = {}
    for name, source in tables.sources().items():
        frame = pl.read_parquet(outputs / f"{name}.parquet")
        if name in ("misguided_attention", "speechmap"):
            frame = frame.join(prompts, on=["corpus", "prompt_id"])
        shaped[name] = tables.shape(name, frame, source)
    tables.write(shaped, tmp_path)
    results = tmp_path / "results"
    for name in ("scores", "answers"):
        convert(None, tmp_path / f"{name}.jsonl", results, argv=["harness", "import", f"{name}.jsonl"])
    assert not derivation.refresh(results).problems
    board = derivation.board(results, selection.load("public"))
    for form, page in PAGES.items():
        made = leaderboard.render(board, form)
        if os.environ.get("HARNESS_UPDATE_GOLDEN"):
            page.write_bytes(made)
        text = page.read_text(encoding="utf-8")
        assert text.partition(BOUND[form])[0] == made.decode().partition(BOUND[form])[0]
        assert len(text) < 3_000_000
