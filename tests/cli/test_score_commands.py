"""`harness score` scores completions that exist already, `harness rescore` a run's answers again. Neither asks anybody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import runs
from harness.runs import completions

Command = Callable[..., tuple[int, str]]
TASK = """# Sums: an addition.
task: sums
custom_dataset: !function sums.load
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: answer
generation_kwargs: {until: [], max_gen_toks: 32}
metric_list: [{metric: bypass, aggregation: bypass, higher_is_better: true}]
metadata: {version: VERSION, kind: math, scorer: math, headline: accuracy, higher_is_better: true}
"""
LOADER = """import datasets
def load(**_):
    rows = [{"task_id": f"s{i}", "question": f"{i} + {i}?", "answer": str(ANSWER)} for i in range(4)]
    return {"test": datasets.Dataset.from_list(rows)}
"""


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in a folder of its own, as a user has it; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks").mkdir()
    task(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        done = forks.run(*words)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def task(folder: Path, version: str = "1.0", answer: str = "2 * i") -> None:
    (folder / "tasks/sums.yaml").write_text(TASK.replace("VERSION", version))
    (folder / "tasks/sums.py").write_text(LOADER.replace("ANSWER", answer))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_folders() -> list[Path]:
    return sorted(runs.list_runs(Path("results")), key=lambda path: path.stat().st_mtime)


def metric(folder: Path) -> dict[str, Any]:
    manifest = runs.read_manifest(folder)
    return vars(next(row for row in manifest.metrics if row.is_headline))


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_completions_become_a_run_like_any_other(harness: Command, tmp_path: Path):
    rows = [{"task_id": f"s{i}", "completion": str(2 * i + (i == 3))} for i in range(4)]
    file = write(tmp_path / "mine.jsonl", rows)
    assert harness("score", "task=sums", f"samples={file}")[0] == 0
    (folder,) = run_folders()
    assert folder.name.startswith("score-")
    found = metric(folder)
    assert (found["model"], found["value"], found["n"]) == ("mine", 0.75, 4)
    assert str(tmp_path) not in (folder / "run.json").read_text()
    code, text = harness("sql", "SELECT status, count(*) AS n FROM scores GROUP BY ALL ORDER BY n", "--format", "csv")
    assert (code, text.split()) == (0, ["status,n", "wrong,1", "correct,3"])
    # The file's content is the run's identity, its place and name are not.
    moved = file.rename(tmp_path / "other.jsonl")
    assert "nothing to send" in harness("score", "task=sums", f"samples={moved}", "models.samples.name=mine")[1]
    assert len(run_folders()) == 1


def test_several_completions_of_a_task_are_repeats_and_missing_ones_are_unscored(harness: Command, tmp_path: Path):
    rows = [{"task_id": f"s{i}", "completion": text} for i in range(3) for text in (str(2 * i), "wrong")]
    code, text = harness("score", "task=sums", f"samples={write(tmp_path / 'some.jsonl', rows)}")
    assert code == 9
    assert "2 samples failed and are unscored" in text
    (folder,) = run_folders()
    found = metric(folder)
    assert (found["value"], found["n"], found["n_failed"], found["n_unscored"]) == (0.5, 3, 2, 2)
    names = {row.metric: row.value for row in runs.read_manifest(folder).metrics}
    assert names["pass@2"] == 1.0
    assert names["pass^2"] == 0.0


def test_more_completions_of_one_document_than_of_others_are_that_many_samples(harness: Command, tmp_path: Path):
    rows = [{"task_id": "s1", "completion": "2" if i % 2 else "wrong"} for i in range(6)]
    rows += [{"task_id": f"s{i}", "completion": str(2 * i)} for i in (0, 2)]
    file = write(tmp_path / "uneven.jsonl", rows)
    assert (
        "9 samples: 8 answered, 0 truncated, 0 refused, 1 failed" in harness("score", "task=sums", f"samples={file}")[1]
    )
    (folder,) = run_folders()
    found = metric(folder)
    assert (found["n"], found["n_failed"], found["value"]) == (3, 1, pytest.approx((1 + 0.5 + 1) / 3))
    again = harness("rescore", folder.name)[1]
    assert "9 samples: 8 answered" in again


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"task_id": "s0"}', "line 1 is no object with task_id and completion"),
        ("[1]", "line 1 is no object"),
        ("{", "line 1 is no object"),
        ('{"task_id": "s0", "completion": 5}', "line 1: expected a text for completion"),
        ('{"task_id": "x9", "completion": ""}', "unknown task_id 'x9'"),
        ("", "holds no completions"),
    ],
)
def test_a_file_that_is_not_of_the_task_is_refused_with_the_line(
    harness: Command, tmp_path: Path, line: str, says: str
):
    (tmp_path / "f.jsonl").write_text(line + "\n")
    code, text = harness("score", "task=sums", "samples=f.jsonl")
    assert code == 2
    assert says in text
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (["score", "task=sums"], 2, "samples=FILE"),
        (["score", "task=sums", "samples=none.jsonl"], 2, "cannot be read"),
        (["score", "task=nothing", "samples=f.jsonl"], 2, "unknown task"),
        (["score", "task=[sums,functions]", "samples=f.jsonl"], 2, "one task at a time"),
        (["eval", "task=sums", "model=smollm2", "samples=f.jsonl"], 2, "harness score"),
        (["rescore"], 2, "harness rescore RUN"),
        (["rescore", "eval-1"], 2, "unknown run"),
        (["rescore", "eval-1", "seed=5"], 2, "a replay asks what its run asked"),
    ],
)
def test_a_wrong_word_is_answered_in_a_sentence(
    harness: Command, tmp_path: Path, words: list[str], exit_code: int, says: str
):
    write(tmp_path / "f.jsonl", [{"task_id": "s0", "completion": "0"}])
    code, text = harness(*words)
    assert (code, says in text) == (exit_code, True), text


@pytest.mark.slow
def test_a_run_is_scored_again_by_todays_task_and_stays_as_it_was(harness: Command, tmp_path: Path):
    file = write(tmp_path / "mine.jsonl", [{"task_id": f"s{i}", "completion": str(2 * i)} for i in range(4)])
    harness("score", "task=sums", f"samples={file}")
    (first,) = run_folders()
    before = content(first)
    file.unlink()
    task(tmp_path, version="1.1", answer="2 * i if i else 7")  # judges otherwise, asks the same
    code, text = harness("rescore", first.name)
    assert code == 0, text
    second = run_folders()[-1]
    assert second.name.startswith("rescore-")
    assert (metric(first)["value"], metric(second)["value"]) == (1.0, 0.75)
    assert content(first) == before
    entry = runs.read_manifest(second).models[0]
    assert (entry.name, entry.facts["run"]) == ("mine", first.name)
    code, text = harness(
        "sql", "SELECT DISTINCT reused_from FROM samples WHERE reused_from IS NOT NULL", "--format", "csv"
    )
    assert text.split() == ["reused_from", first.name]
    code, text = harness("sql", "SELECT value FROM leaderboard WHERE task = 'sums'", "--format", "csv")
    assert text.split() == ["value", "0.75"], "the newest scores speak"


def test_answers_to_another_question_are_not_scored_again(harness: Command, tmp_path: Path):
    file = write(tmp_path / "mine.jsonl", [{"task_id": f"s{i}", "completion": str(2 * i)} for i in range(4)])
    harness("score", "task=sums", f"samples={file}")
    loader = (tmp_path / "tasks/sums.py").read_text()
    (tmp_path / "tasks/sums.py").write_text(loader.replace("{i} + {i}?", "{i} plus {i}?"))
    code, text = harness("rescore", run_folders()[0].name)
    assert code == 9
    assert "4 failed" in text


@pytest.mark.slow
def test_code_is_run_again_under_the_limits_that_are_given(harness: Command, tmp_path: Path):
    from harness.sandbox import check
    from harness.specs import SandboxSpec

    check(SandboxSpec())
    slow = "n = int(input())\nt = 0\nfor i in range(10 ** 9): t += i\nprint(t)"
    file = write(tmp_path / "c.jsonl", [{"task_id": "own-01", "completion": f"```python\n{slow}\n```"}])
    (tmp_path / "tasks/quick.yaml").write_text(
        "# A program.\ntask: quick\ncustom_dataset: !function quick.load\noutput_type: generate_until\ntest_split: test\n"
        "doc_to_text: q\ndoc_to_target: q\nunsafe_code: true\ngeneration_kwargs: {until: [], max_gen_toks: 32}\n"
        "metric_list: [{metric: bypass, aggregation: bypass, higher_is_better: true}]\n"
        "metadata: {version: 1.0, kind: code, scorer: code, headline: pass@1}\n"
    )
    (tmp_path / "tasks/quick.py").write_text(
        "import datasets\ndef load(**_):\n    return {'test': datasets.Dataset.from_list([{'task_id': 'own-01', 'q': '?',"
        " 'prompt': '', 'entry_point': '__main__', 'tests': 'assert run(\"1\") == \"1\"'}])}\n"
    )
    assert harness("score", "task=quick", f"samples={file}", "sandbox.timeout_s=1")[0] == 0
    (first,) = run_folders()
    assert harness("rescore", first.name, "sandbox.timeout_s=0.5")[0] == 0
    query = "SELECT run_id, status, CAST(detail->>'cpu_s' AS DOUBLE) AS s FROM scores ORDER BY s"
    lines = harness("sql", query, "--format", "csv")[1].split()[1:]
    assert [line.split(",")[1] for line in lines] == ["timeout", "timeout"]
    assert [round(2 * float(line.split(",")[2])) for line in lines] == [1, 2]


def answers(path: Path, right: int = 4) -> Path:
    return write(path, [{"task_id": f"s{i}", "completion": str(2 * i if i < right else -1)} for i in range(4)])


def board(harness: Command) -> dict[str, float]:
    text = harness("sql", "SELECT model, task, value FROM leaderboard WHERE is_headline", "--format", "json")[1]
    return {f"{row['model']} {row['task']}": row["value"] for row in json.loads(text)}


@pytest.mark.slow
def test_two_models_whose_names_have_dots_stand_apart(harness: Command, tmp_path: Path):
    for right, name in ((4, "qwen2.5-7b.jsonl"), (2, "qwen2.5-72b.jsonl")):
        assert harness("score", "task=sums", f"samples={answers(tmp_path / name, right)}")[0] == 0
    assert board(harness) == {"qwen2.5-7b sums": 1.0, "qwen2.5-72b sums": 0.5}


@pytest.mark.slow
def test_another_file_under_a_name_that_stands_is_refused_and_nothing_is_lost(harness: Command, tmp_path: Path):
    file = answers(tmp_path / "mine.jsonl")
    assert harness("score", "task=sums", f"samples={file}")[0] == 0
    (first,) = run_folders()
    (tmp_path / "other").mkdir()
    other = answers(tmp_path / "other" / "mine.jsonl", 1)
    for changed in (other, answers(file, 2)):  # another file of the name, and the file itself, changed
        code, text = harness("score", "task=sums", f"samples={changed}")
        said = " ".join(text.split())
        assert code == 2
        assert f"run {first.name} holds answers of another file under the name mine on sums" in said
        assert "models.samples.name=NAME" in said
        assert run_folders() == [first]
    assert harness("score", "task=sums", f"samples={other}", "models.samples.name=mine-2")[0] == 0
    assert board(harness) == {"mine sums": 1.0, "mine-2 sums": 0.25}
    # An import is a source as any other.
    table = tmp_path / "mine.csv"
    table.write_text("model,prompt_id,output,score\nmine,p,4,1\n")
    code, text = harness("import", "csv", str(table), "--task", "sums", "--columns", "score=score")
    assert code == 2, text
    assert "--name NAME" in " ".join(text.split())


@pytest.mark.slow
def test_the_same_file_again_and_other_tasks_under_one_name_are_welcome(harness: Command, tmp_path: Path):
    file = answers(tmp_path / "mine.jsonl")
    assert harness("score", "task=sums", f"samples={file}")[0] == 0
    assert harness("score", "task=sums", f"samples={file}")[0] == 0
    task(tmp_path, version="2.0", answer="2 * i + 1")  # today's task scores it again
    assert harness("score", "task=sums", f"samples={file}")[0] == 0
    assert len(run_folders()) == 2
    assert harness("rescore", run_folders()[-1].name)[0] == 0
    (tmp_path / "tasks/more.yaml").write_text(
        (tmp_path / "tasks/sums.yaml").read_text().replace("task: sums", "task: more")
    )
    (tmp_path / "two").mkdir()
    assert harness("score", "task=more", f"samples={answers(tmp_path / 'two' / 'mine.jsonl', 1)}")[0] == 0
    assert set(board(harness)) == {"mine sums", "mine more"}


WORD = st.text(st.characters(categories=["L", "N"], include_characters="-_."), min_size=1, max_size=12)


@given(WORD, st.lists(st.sampled_from([".jsonl", ".json", ".gz", ".JSONL"]), max_size=2))
def test_a_name_keeps_all_but_the_endings_that_say_the_form(word: str, endings: list[str]):
    name = word.strip(".") + "-7b"
    assert completions.stem(Path(name + "".join(endings))) == name


def test_most_answers_without_a_readable_answer_are_said_with_the_likely_cause(harness: Command, tmp_path: Path):
    prose = [{"task_id": f"s{i}", "completion": "I would rather not say."} for i in range(3)]
    half = [{"task_id": f"s{i}", "completion": str(2 * i) if i % 2 else "I would rather not say."} for i in range(4)]
    for name, rows in (("prose", [*prose, {"task_id": "s3", "completion": "6"}]), ("half", half)):
        file = write(tmp_path / f"{name}.jsonl", rows)
        status, text = harness("score", "task=sums", f"samples={file}", f"models.samples.name={name}")
        assert status == 0
        assert ("warning: prose, sums: 3 of 4 answers state no answer: probably" in " ".join(text.split())) == (
            name == "prose"
        )
    for form in ("markdown", "html", "csv", "json"):
        page = harness("leaderboard", "--format", form)[1]
        assert page.count("3 of 4 answers state no answer: probably") == 1, form
        assert "of 4 answers" not in page.replace("3 of 4 answers state no answer", "")
