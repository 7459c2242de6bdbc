"""A probe is one file: every one keeps the contract, and one in a user's folder has its table in SQL and docs."""

from pathlib import Path

import polars as pl
import pytest
from runfolders import write_run

from harness.errors import ConfigError
from harness.provenance import probes
from harness.results import derivation, leaderboard, schema, store

OWN = '''
"""How long answers to the open task are."""
import polars as pl
from harness.provenance.probes import OPEN

TASKS = OPEN
SQL = """SELECT samples.model, output FROM samples JOIN chosen USING (run_id, model, task)
    WHERE task = {task} AND output IS NOT NULL ORDER BY ALL"""
TABLE = "answer_lengths"
ABOUT = "One row per model: how long its answers are."
COLUMNS = (("model", "VARCHAR!", "The model."), ("characters", "DOUBLE!", "Mean length of an answer, in characters."))
HEADING = "Characters an answer"


def derive(answers, control_of):
    return answers.group_by("model").agg(characters=pl.col("output").str.len_chars().mean()).sort("model")


def say(model, rows):
    return "; ".join(f"{n:.0f} on {task}" for m, n, task in rows.select("model", "characters", "task").iter_rows() if m == model)
'''
KINDS = {"VARCHAR": pl.String, "DOUBLE": pl.Float64, "BIGINT": pl.Int64, "BOOLEAN": pl.Boolean}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with results and, after `write`, a probe."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "results", docs=4)
    return tmp_path


def write(project: Path, text: str = OWN, folder: str = "probes", name: str = "lengths") -> Path:
    (project / folder).mkdir(exist_ok=True, parents=True)
    path = project / folder / f"{name}.py"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results and their index, which nobody changes."""
    results = tmp_path_factory.mktemp("indexed")
    write_run(results, docs=2)
    derivation.refresh(results)
    return results


@pytest.mark.parametrize("probe", probes.shipped(), ids=lambda probe: probe.name)
def test_every_probe_makes_an_empty_table_of_its_columns_out_of_no_answers(probe: probes.Probe, indexed: Path) -> None:
    found = probe.rows(lambda sql: store.query(indexed, sql), "it's nobody's task", {})
    assert found.is_empty()
    assert set(found.columns) == {name for name, *_ in probe.columns} | {"task"}
    for name, kind, _ in probe.columns:
        assert found.schema[name] in (KINDS[kind.rstrip("!")], pl.Null), name


def test_every_probe_has_a_task_or_a_kind_of_its_own_and_a_table_in_the_schema() -> None:
    names = {table.name for table in schema.TABLES}
    shipped = probes.shipped()
    assert len(shipped) == 7
    assert all(probe.table in names for probe in shipped)
    tasks = [task for probe in shipped if isinstance(probe.tasks, tuple) for task in probe.tasks]
    assert len(tasks) == len(set(tasks))


def test_one_in_a_users_folder_has_its_table_in_sql_docs_leaderboard_and_report(project: Path) -> None:
    write(project)
    results = project / "results"
    derivation.refresh(results)
    rows = store.query(results, "SELECT * FROM answer_lengths ORDER BY ALL")
    assert rows.columns == ["model", "characters", "task"]
    assert set(rows["model"]) == {"alpha", "beta"}
    comments = store.query(results, "SELECT comment FROM duckdb_tables() WHERE table_name = 'answer_lengths'")
    assert comments.item() == "One row per model: how long its answers are."
    assert "| `characters` | DOUBLE | Mean length of an answer, in characters. |" in schema.markdown(schema.tables())
    assert "answer_lengths" not in schema.markdown()
    board = derivation.board(results)
    assert "Characters an answer" in leaderboard.markdown(board)
    told = derivation.suspect_report(results, "alpha")["probes"]
    assert [row["heading"] for row in told] == ["Characters an answer"]
    assert "provenance_open" in told[0]["text"]
    assert derivation.differences(results) == []


def test_an_edited_or_removed_probe_makes_the_index_anew(project: Path) -> None:
    path = write(project)
    results = project / "results"
    derivation.refresh(results)
    path.write_text(OWN.replace(".mean())", ".mean() * 2)"))
    before = store.query(results, "SELECT max(characters) FROM answer_lengths").item()
    derivation.refresh(results)
    assert store.query(results, "SELECT max(characters) FROM answer_lengths").item() == 2 * before
    path.unlink()
    derivation.refresh(results)
    assert "answer_lengths" not in set(store.query(results, "SELECT table_name FROM duckdb_tables()")["table_name"])


def test_a_probe_in_a_results_folder_or_a_bundle_is_never_run(project: Path) -> None:
    for folder in ("results/probes", "results/runs/eval-a1/probes"):
        write(project, f"raise SystemExit('ran {folder}')", folder)
    derivation.refresh(project / "results")
    assert len(probes.every()) == len(probes.shipped())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("TABLE = ", "TABEL = "), "TABLE"),
        (("{task}", "'x'"), "SQL"),
        (('"answer_lengths"', '"samples"'), "another name"),
        (('"answer_lengths"', '"similarities"'), "another name"),
        (("HEADING = ", "HEADLINE = "), "go together"),
        (("import polars as pl", "import polarz as pl"), "cannot be imported"),
    ],
)
def test_a_file_that_is_no_probe_says_what_it_lacks(project: Path, change: tuple[str, str], said: str) -> None:
    path = write(project, OWN.replace(*change))
    with pytest.raises(ConfigError, match=said) as error:
        schema.tables()
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("return answers.group_by", "return answers.grouped_by"), "AttributeError"),
        (("return answers.group_by", "return 5 #"), "returned int"),
        (("SELECT samples.model, output", "SELECT samples.model, outputs"), "BinderException"),
    ],
)
def test_a_probe_that_fails_is_named_with_the_reason(project: Path, change: tuple[str, str], said: str) -> None:
    path = write(project, OWN.replace(*change))
    with pytest.raises(ConfigError, match=said) as error:
        derivation.refresh(project / "results")
    assert str(path) in str(error.value)


LENGTH = 'characters=pl.col("output").str.len_chars().mean()'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (LENGTH, 'characters=pl.lit("long")'),
            "returned 'long' in answer_lengths.characters; expected DOUBLE, never null",
        ),
        (
            (LENGTH, "characters=pl.lit(None)"),
            "returned None in answer_lengths.characters; expected DOUBLE, never null",
        ),
        ((LENGTH, "characters=pl.lit(float('nan'))"), "returned nan in answer_lengths.characters"),
        ((LENGTH, 'characters=pl.col("output")'), "in answer_lengths.characters; expected DOUBLE"),
        (('"DOUBLE!", "Mean', '"BIGINT", "Mean'), r"returned \d+\.\d+ in answer_lengths\.characters; expected BIGINT$"),
        (('"DOUBLE!", "Mean', '"DATE", "Mean'), "answer_lengths cannot be made"),
        (('"DOUBLE!", "Mean', '"LENGTH", "Mean'), "answer_lengths cannot be made"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_file_column_and_type(
    project: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in OWN
    path = write(project, OWN.replace(*change).replace(".mean())", ".mean() + 0.5)"))
    with pytest.raises(ConfigError, match=said) as error:
        derivation.refresh(project / "results")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["1", "1.0", "'1'", "True", "None"])
def test_values_that_fit_are_stored_whatever_type_they_came_in(project: Path, value: str) -> None:
    text = OWN.replace('"DOUBLE!"', '"BIGINT"').replace(LENGTH, f"characters=pl.lit({value})")
    write(project, text.split("HEADING = ")[0] + "\ndef derive" + text.split("def derive")[1].split("def say")[0])
    derivation.refresh(project / "results")
    rows = store.query(project / "results", "SELECT characters FROM answer_lengths ORDER BY ALL")["characters"]
    assert rows.dtype in (pl.Int64, pl.Null)
    assert set(rows) <= {1, None}


BUNDLE = '{"schema": 1, "runs": [], "files": {}}'


def test_none_is_run_where_a_bundle_was_unpacked_by_hand_and_the_command_says_so(project: Path) -> None:
    write(project, "raise SystemExit('ran')")
    (project / "bundle.json").write_text(BUNDLE)
    assert probes.every() == probes.shipped()
    (problem,) = derivation.refresh(project / "results").problems
    assert str(project / "probes") in problem
    assert "bundle.json" in problem
    (project / "bundle.json").unlink()
    write(project)
    assert not derivation.refresh(project / "results").problems
    assert len(probes.every()) == len(probes.shipped()) + 1


def test_none_is_run_in_a_folder_of_an_unpacked_bundle_or_linked_to_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = project / "unpacked"
    write(project, "raise SystemExit('ran')", "unpacked/probes")
    write(project, "raise SystemExit('ran')", "unpacked/runs/eval-a1/probes")
    (unpacked / "bundle.json").write_text(BUNDLE)
    for folder in (unpacked, unpacked / "runs" / "eval-a1"):
        monkeypatch.chdir(folder)
        assert probes.every() == probes.shipped()
    monkeypatch.chdir(project)
    (project / "probes").symlink_to(unpacked / "probes", target_is_directory=True)
    assert probes.every() == probes.shipped()


def test_a_name_that_ships_is_refused(project: Path) -> None:
    write(project, name="choices")
    with pytest.raises(ConfigError, match="rename"):
        probes.every()
