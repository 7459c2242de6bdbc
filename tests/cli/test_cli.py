"""The commands around an evaluation: lists for people and machines, SQL, and what goes wrong in words."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, Project

from harness.results import store

FORMATS = ("table", "json", "csv", "markdown", "parquet")
ARC = """\
---
configs:
- config_name: ARC-Easy
  data_files:
  - {split: train, path: easy.jsonl}
  - {split: validation, path: easy.jsonl}
  - {split: test, path: easy.jsonl}
---
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder with one finished run."""
    project = Project(tmp_path_factory.mktemp("done"))
    project.model("alice")
    project.run("eval", "model=alice", "task=sums", "limit=5")
    return project


@pytest.mark.parametrize("command", [("models",), ("tasks",), ("runs",), ("weights",), ("show", "eval")])
def test_every_list_is_for_people_and_for_machines(done: Project, command: tuple[str, ...]) -> None:
    table = done.run(*command).stdout
    assert table
    assert max(map(len, table.splitlines())) <= 80
    rows = json.loads(done.run(*command, "--format", "json").stdout)
    assert rows
    assert done.run(*command, "--format", "csv").stdout.splitlines()[0] == ",".join(rows[0])
    assert done.run(*command, "--format", "markdown").stdout.startswith("| ")


def test_one_unreadable_run_is_told_and_hides_no_other(done: Project) -> None:
    broken = done.root / "results" / "runs" / "eval-broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    try:
        listed = done.run("runs", "--format", "json")
    finally:
        (broken / "run.json").unlink()
        broken.rmdir()
    assert {row["run_id"]: row["status"] for row in json.loads(listed.stdout)}["eval-broken"] == "unreadable"
    assert len(json.loads(listed.stdout)) == 2
    assert "not JSON" in listed.stderr


def test_sql_comes_from_a_word_a_file_or_stdin(done: Project) -> None:
    query = "SELECT model, n FROM leaderboard"
    expected = "model,n\nalice,5\n"
    (done.root / "q.sql").write_text(query)
    assert done.run("sql", query, "--format", "csv").stdout == expected
    assert done.run("sql", "-f", "q.sql", "--format", "csv").stdout == expected
    with done.start_with_input("sql", "--format", "csv") as process:
        out, _ = process.communicate(query)
    assert out == expected


def test_sql_can_be_parquet(done: Project) -> None:
    with done.start_binary("sql", "SELECT doc_id FROM samples ORDER BY doc_id", "--format", "parquet") as process:
        out, _ = process.communicate()
    (done.root / "out.parquet").write_bytes(out)
    assert pl.read_parquet(done.root / "out.parquet").get_column("doc_id").to_list() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "query", ["selec", "SELECT nothing FROM samples", "DELETE FROM samples", "COPY samples TO 'x.csv'", ""]
)
def test_bad_or_writing_sql_is_the_engines_message_and_exit_code_1(done: Project, query: str) -> None:
    answer = done.run("sql", query, code=1)
    assert answer.stderr.startswith("harness: ")
    assert "Traceback" not in answer.stderr
    assert not (done.root / "x.csv").exists()


def test_the_index_can_be_deleted_and_built_again_with_equal_content(done: Project) -> None:
    queries = [
        f"SELECT * FROM {table} ORDER BY ALL" for table in ("runs", "samples", "scores", "metrics", "leaderboard")
    ]
    results = done.root / "results"
    before = [store.query(results, query) for query in queries]
    (results / "harness.duckdb").unlink()
    done.run("index")
    after = [store.query(results, query) for query in queries]
    assert all(one.height and one.equals(other) for one, other in zip(before, after, strict=True))


def test_index_reads_what_is_new_and_rebuild_reads_everything(done: Project) -> None:
    number = len(done.runs())
    done.run("index")
    runs = "1 run" if number == 1 else f"{number} runs"
    assert done.run("index").stdout == f"results/harness.duckdb: {runs}, 0 new or changed, 0 gone\n"
    rebuilt = done.run("index", "--rebuild").stdout
    assert rebuilt == f"results/harness.duckdb: {runs}, {number} new or changed, 0 gone\n"


def test_without_results_a_query_says_what_to_do(tmp_path: Path) -> None:
    answer = Project(tmp_path).run("sql", "SELECT 1", code=None)
    assert answer.returncode != 0
    assert "harness eval" in answer.stderr


@pytest.fixture(scope="module")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder with one finished run of multiple choice."""
    project = Project(tmp_path_factory.mktemp("choices"))
    project.model("echo", "echo")
    project.run("eval", "model=echo", "task=sums_choice", "limit=4")
    return project


def test_samples_are_shown_with_their_headline_score(choices: Project) -> None:
    project = choices
    metrics = json.loads(project.run("show", "eval", "--format", "json").stdout)
    shown = json.loads(project.run("show", "eval", "--samples", "--format", "json").stdout)
    (headline,) = [row["value"] for row in metrics if row["metric"] == "acc"]
    assert sum(row["score"] for row in shown) / len(shown) == headline


def test_a_figure_of_lm_evals_own_that_is_over_a_point_from_ours_is_flagged(choices: Project, project: Project) -> None:
    shutil.copytree(choices.root / "results", project.root / "results")
    (manifest,) = (project.root / "results" / "runs").glob("*/run.json")
    run = json.loads(manifest.read_text("utf-8"))
    theirs = run["metrics"][0] | {"filter": "strict-match", "is_headline": False, "scorer": "lm_eval"}
    ours = run["metrics"][0] | {"metric": "accuracy", "scorer": "math", "is_headline": True, "value": 0.866}
    for value, flagged in ((0.25, True), (0.86, False)):
        run["metrics"] = [ours, theirs | {"value": value}]
        manifest.write_text(json.dumps(run), "utf-8")
        shown = project.run("show", "eval").stdout
        assert max(map(len, shown.split("model     ")[1].splitlines())) <= 80
        assert ("(strict-match) is 61.6 points below our headline" in shown) == flagged
        project.run("index")
        rows = json.loads(project.run("sql", "SELECT metric, gap FROM leaderboard ORDER BY gap", "-o", "json").stdout)
        assert [row["gap"] for row in rows] == [pytest.approx(value - 0.866), None]


def test_a_folder_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    for command in (("runs",), ("leaderboard",), ("index",)):
        assert "no results folder" in Project(tmp_path / command[0]).run(*command, code=2).stderr
        assert not (tmp_path / command[0] / "results").exists()


def test_an_unknown_run_is_answered_with_near_ones(done: Project) -> None:
    assert "unknown run" in done.run("show", "nope", code=2).stderr


def test_a_reader_that_goes_away_is_no_error(done: Project) -> None:
    with done.start("tasks", "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_one_of_lm_evals_own_tasks_runs_by_name(project: Project) -> None:
    folder = project.root / "allenai" / "ai2_arc"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(ARC)
    rows = [
        {
            "id": str(i),
            "question": f"Which is {i}?",
            "choices": {"text": ["a", "b"], "label": ["A", "B"]},
            "answerKey": "A",
        }
        for i in range(4)
    ]
    (folder / "easy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.model("alice")
    project.run("eval", "model=alice", "task=[lm_eval:arc_easy]", "limit=3")
    found = project.run("sql", "SELECT task, metric, n FROM leaderboard WHERE is_headline", "--format", "csv")
    assert found.stdout.splitlines()[1] == "arc_easy,acc,3"


def test_the_page_of_the_shell_has_every_exit_code() -> None:
    readme = (ROOT / "docs" / "shell.md").read_text()
    from harness import errors

    codes = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    for code in codes:
        assert f"| {code} |" in readme


def test_the_page_of_the_house_has_a_line_for_every_room() -> None:
    assert "(docs/architecture.md)" in (ROOT / "README.md").read_text()
    page = (ROOT / "docs" / "architecture.md").read_text()
    for path in (ROOT / "harness").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"| `{path.name}/` |" in page, f"docs/architecture.md has no line for {path.name}/"
        elif path.suffix == ".py" and not path.name.startswith("__"):
            assert f"`{path.name}`" in page, f"docs/architecture.md does not name {path.name}"


def test_the_format_of_a_list_is_one_of_five(done: Project) -> None:
    for form in FORMATS:
        with done.start_binary("runs", "--format", form) as process:
            assert process.communicate()[0]
            assert process.returncode == 0
    assert "Invalid value" in done.run("runs", "--format", "xml", code=2).stderr
