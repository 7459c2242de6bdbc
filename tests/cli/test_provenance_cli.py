"""What `harness provenance` promises a user at the terminal."""

import json
import shlex
import sys
from pathlib import Path

import polars as pl
import pytest
import typer
from conftest import Project

from harness import cli
from harness.cli import app


def labels(data: Path) -> list[str]:
    return [
        w for name in ("students", "controls", "models") for w in (f"--{name}", str(data / "labels" / f"{name}.csv"))
    ]


def test_validate_prints_json_with_every_figure_on_stdout_and_exits_with_0(project: Project, shared_data: Path) -> None:
    outputs = str(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    done = project.run("provenance", "validate", "--outputs", outputs, *labels(shared_data), "--format", "json")
    report = json.loads(done.stdout)
    assert report["schema"] == 2
    assert report["figures"]
    assert {"name", "value", "low", "high", "n"} <= set(report["figures"][0])


def test_validate_prints_a_table_for_people(project: Project, shared_data: Path) -> None:
    outputs = str(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    done = project.run("provenance", "validate", "--outputs", outputs, *labels(shared_data))
    assert "exact teacher first" in done.stdout
    assert "always the same answer" in done.stdout


def test_another_detector_is_measured_from_the_pairs_file_to_the_table(project: Project, shared_data: Path) -> None:
    outputs = str(shared_data / "outputs" / "r1_distill_reasoning.parquet")
    given = ("provenance", "validate", "--outputs", outputs, *labels(shared_data))
    pairs, filled = project.root / "pairs.csv", project.root / "filled.csv"
    assert "pairs to score" in project.run(*given, "--pairs", str(pairs)).stdout
    asked = pl.read_csv(pairs)
    assert asked.columns == ["corpus", "suspect", "candidate", "score"]
    asked.with_columns(score=pl.int_range(pl.len())).write_csv(filled)
    done = project.run(*given, "--scores", str(filled), "--against", str(filled))
    assert "exact teacher first, same pool" in done.stdout
    told = project.run(*given, "--scores", str(pairs), code=2).stderr
    assert "row 1: score of" in told
    assert "expected a number" in told
    assert "Traceback" not in told
    assert "--against compares" in project.run(*given, "--against", str(filled), code=2).stderr
    assert "give one of the two" in project.run(*given, "--pairs", str(pairs), "--scores", str(filled), code=2).stderr
    away = project.run(*given, "--pairs", str(project.root / "no" / "pairs.csv"), code=6).stderr
    assert "cannot be written" in away


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"suspect,candidate,score\na,b,1,2,3\n", b'suspect\n"open'])
def test_a_scores_file_that_is_no_table_is_answered_in_a_sentence(
    project: Project, shared_data: Path, text: bytes
) -> None:
    bad = project.root / "bad.csv"
    bad.write_bytes(text)
    outputs = str(shared_data / "outputs" / "slop_score.parquet")
    given = ("provenance", "validate", "--outputs", outputs, *labels(shared_data))
    done = project.run(*given, "--scores", str(bad), code=2)
    assert "scores" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["outputs", "students"])
def test_validate_names_a_file_it_cannot_read(project: Project, option: str) -> None:
    bad = project.root / "bad"
    bad.write_bytes(b"\xff\x00no table")
    files = {name: str(project.root / f"{name}.csv") for name in ("students", "controls", "models")}
    for path in files.values():
        Path(path).write_text("a,b\n1,2\n")
    files["outputs"] = str(project.root / "outputs.parquet")
    pl.DataFrame({"corpus": ["x"], "model": ["m"], "prompt_id": ["p"], "output": ["o"]}).write_parquet(files["outputs"])
    files[option] = str(bad)
    words = [w for name, path in files.items() for w in (f"--{name}", path)]
    done = project.run("provenance", "validate", *words, code=2)
    assert "Traceback" not in done.stderr
    assert option in done.stderr


def answers(project: Project, models: tuple[str, ...], prompts: int, repeats: int = 1) -> None:
    """Imported answers of made-up models, all of them alike and none of them documented."""
    words = ["certainly", "here", "is", "the", "answer", "to", "your", "question", "about", "rivers", "and", "boats"]
    rows = [
        {"model": m, "prompt_id": str(p), "output": " ".join(words[(p * i + k) % 12] for i in range(1, 30))}
        for k, m in enumerate(models)
        for p in range(prompts)
        for _ in range(repeats)
    ]
    pl.DataFrame(rows).write_parquet(project.root / "a.parquet")
    project.run("import", "parquet", "a.parquet", "--name", "pool", "--task", "probe")


def test_two_models_alone_are_untestable_in_words(project: Project) -> None:
    answers(project, ("first", "second"), 60)
    found = json.loads(project.run("provenance", "first", "--format", "json").stdout)
    (corpus,) = found["corpora"]
    assert corpus["verdict"] == "untestable"
    assert [f["verdict"] for f in corpus["tests"]] == ["untestable"]
    text = project.run("provenance", "first").stdout
    said = " ".join(text.split())
    assert "cannot be tested against second" in said
    assert "No release date is documented" in said


def test_a_few_prompts_are_not_enough_and_the_report_says_so(project: Project) -> None:
    answers(project, ("a", "b", "c"), 9, repeats=2)
    text = project.run("provenance", "a", "--candidates", "b").stdout
    assert "not enough prompts" in text
    assert "only 9 prompts" in " ".join(text.split())


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four models on 60 prompts, imported once for all who only read."""
    project = Project(tmp_path_factory.mktemp("four"))
    answers(project, ("a", "b", "c", "d"), 60)
    return project


def test_unknown_names_are_answered_with_what_to_do(four: Project) -> None:
    assert "harness import" in four.run("provenance", "nobody", code=2).stderr
    assert "unknown candidate" in four.run("provenance", "a", "--candidates", "nobody", code=2).stderr
    assert "unknown panel 'nope'" in four.run("provenance", "a", "--panel", "nope", code=2).stderr
    assert "expected YYYY-MM" in four.run("provenance", "a", "--released", "soon", code=2).stderr


def test_every_format_of_a_report_can_be_read(four: Project) -> None:
    assert four.run("provenance", "a", "--format", "csv").stdout.startswith("suspect,corpus,rank,candidate")
    assert "| suspect |" in four.run("provenance", "a", "--format", "markdown").stdout


@pytest.mark.slow
def test_the_panel_finds_the_teacher_of_a_documented_student_offline_and_clears_a_control(project: Project) -> None:
    words = ("--panel", "alpaca_eval", "--format", "json")
    student = json.loads(project.run("provenance", "alpaca-7b", *words).stdout)["corpora"][0]
    assert student["verdict"] == "resembles"
    assert student["domains"] == [], "kinds of prompts are told where they are asked for"
    assert student["tests"][0]["candidate"] == "text-davinci-003"
    control = json.loads(project.run("provenance", "guanaco-33b", *words).stdout)["corpora"][0]
    assert control["verdict"] == "none"
    assert all(lab["q"] > 0.05 for lab in control["labs"] if lab["q"] is not None)
    assert any(lab["q"] is not None for lab in control["labs"])


@pytest.mark.slow
def test_a_new_suspect_that_answered_the_panels_prompts_is_compared_with_it(
    project: Project, shared_data: Path
) -> None:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet").filter(pl.col("model") == "alpaca-7b")
    frame.with_columns(model=pl.lit("mystery")).write_parquet(project.root / "a.parquet")
    project.run("import", "parquet", "a.parquet", "--name", "mystery")
    words = ("--panel", "alpaca_eval", "--format", "json", "--released", "2023-04")
    corpus = json.loads(project.run("provenance", "mystery", *words).stdout)["corpora"][0]
    assert (corpus["verdict"], corpus["tests"][0]["candidate"]) == ("resembles", "text-davinci-003")
    assert corpus["suspect_prompts"] > 390
    assert corpus["sampled_again"] is None


@pytest.mark.slow
def test_each_kind_of_prompt_is_told_by_itself_also_of_a_panel(project: Project) -> None:
    words = ("provenance", "alpaca-7b", "--panel", "alpaca_eval", "--no-interval", "--format", "json")
    whole = json.loads(project.run(*words, "--by-domain").stdout)["corpora"][0]
    apart = {row["domain"]: row for row in whole["domains"]}
    assert set(apart) == {"fiction", "exposition", "instruction", "reasoning"}
    assert sum(row["prompts"] for row in apart.values()) == whole["suspect_prompts"]
    assert apart["exposition"]["candidates"][0]["candidate"] == "text-davinci-003"
    alone = json.loads(project.run(*words, "--domain", "exposition").stdout)["corpora"][0]
    assert alone["suspect_prompts"] == apart["exposition"]["prompts"]
    scores = {finding["candidate"]: finding["z"] for finding in alone["tests"]}
    for found in apart["exposition"]["candidates"]:
        assert scores[found["candidate"]] == pytest.approx(found["z"])
    assert "unknown domain" in project.run(*words, "--domain", "poetry", code=2).stderr


@pytest.mark.slow
def test_repeated_answers_give_the_ceiling_a_model_sampled_again(project: Project, shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    name = "mistral-medium"
    mine = frame.filter(pl.col("model") == name)
    pl.concat([mine, mine]).write_parquet(project.root / "a.parquet")
    project.run("import", "parquet", "a.parquet", "--name", name)
    said = project.run("provenance", name, "--panel", "alpaca_eval", "--format", "json").stdout
    found = json.loads(said)["corpora"][0]
    assert name not in {finding["candidate"] for finding in found["tests"]}
    again = found["sampled_again"]
    assert again["prompts"] == found["suspect_prompts"]
    highest = max(f["z"] for f in found["tests"] if f["z"] is not None)
    assert again["z"] > again["z_low"] > highest  # the very same answers: nobody else is as near
    assert any("half of its repeated answers" in note for note in found["notes"])


def test_the_panel_is_small_has_no_text_and_says_where_it_comes_from() -> None:
    from harness.provenance.panels import panel

    files = [panel.FOLDER / f"alpaca_eval.{suffix}" for suffix in ("parquet", "yaml")]
    assert sum(path.stat().st_size for path in files) < 15e6
    frame = pl.read_parquet(files[0])
    assert [c for c, kind in frame.schema.items() if kind == pl.String] == ["channel"]
    shipped = panel.load("alpaca_eval")
    assert len(shipped.prints.models) >= 150
    assert "CC BY-NC" in shipped.about["licence"]
    assert "unchecked" in shipped.about["facts"]


@pytest.mark.slow
def test_matrix_tree_explain_and_change_answer_at_the_terminal(four: Project) -> None:
    rows = json.loads(four.run("provenance", "matrix", "--format", "json").stdout)
    assert len(rows) == 12
    tree = four.run("provenance", "tree", "--svg", "t.svg")
    assert tree.stdout.startswith("[Illustration")
    assert (four.root / "t.svg").read_text().startswith("<svg")
    assert "examples, not evidence" in four.run("provenance", "explain", "a", "b").stdout
    assert json.loads(four.run("provenance", "change", "a", "b", "--format", "json").stdout)
    assert "unknown model" in four.run("provenance", "change", "a", "nobody", code=2).stderr
    assert "No such option: --panel" in four.run("provenance", "explain", "a", "b", "--panel", "x", code=2).stderr
    assert "Missing argument 'suspect'" in four.run("provenance", "--format", "json", code=2).stderr


def test_the_report_of_a_name_is_the_reports(four: Project) -> None:
    words = ("--format", "json")
    assert four.run("provenance", "a", *words).stdout == four.run("provenance", "report", "a", *words).stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--matrix", ["matrix"]),
        ("--matrix --format csv --results r", ["matrix --results r --format csv"]),
        ("--tree", ["tree"]),
        ("--tree --svg t.svg", ["tree --svg t.svg"]),
        ("--svg=t.svg --panel alpaca_eval", ["tree --svg t.svg --panel alpaca_eval"]),
        ("--explain a 'b c' --task t -o csv", ["explain a 'b c' --task t --format csv"]),
        ("--task t --domain fiction --change a b", ["change a b --task t --domain fiction"]),
        ("a --matrix --no-interval", ["matrix"]),
        ("report --change a b", ["change a b"]),
        ("--explain a b --change a b --matrix", ["matrix", "explain a b", "change a b"]),
    ],
)
def test_a_flag_of_before_answers_with_the_command_to_type(capsys, monkeypatch, old: str, new: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "provenance", *shlex.split(old)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert [line.strip() for line in said.splitlines()[1:]] == [f"harness provenance {line}" for line in new]
    group = typer.main.get_command(app.app).commands["provenance"]
    for line in new:
        name, *words = shlex.split(line)
        group.commands[name].make_context(name, words)


def test_the_command_of_before_that_made_panels_answers_with_the_one_to_type(project: Project) -> None:
    old = (
        "build-panel",
        "mine",
        "--outputs",
        "O.parquet",
        "--prompts=P.parquet",
        "--source",
        "us",
        "--licence",
        "CC0-1.0",
    )
    said = project.run("provenance", *old, code=2).stderr
    new = said.splitlines()[-1].strip()
    assert new == "harness panel build mine --answers O.parquet --prompts=P.parquet --source us --licence CC0-1.0"
    typer.main.get_command(app.app).commands["panel"].commands["build"].make_context("build", shlex.split(new)[3:])
    assert "harness panel build --help" in project.run("provenance", "build-panel", code=2).stderr


def test_every_command_has_few_options_and_an_example_of_its_own() -> None:
    group = typer.main.get_command(app.app).commands["provenance"]
    assert {"report", "matrix", "tree", "explain", "change", "validate", "same", "register"} == set(group.commands)
    for name, command in group.commands.items():
        assert f"harness provenance {name}" in command.epilog
        assert len(command.params) <= (13 if name == "report" else 11)  # one for each fact about a suspect
    asked = {name: {p.name for p in command.params} for name, command in group.commands.items()}
    assert not asked["report"] & {"matrix", "tree", "svg", "explain", "change", "task"}
    assert max(len(asked[name]) for name in ("matrix", "tree", "explain", "change")) <= 7
