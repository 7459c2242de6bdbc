"""In Python: an evaluation by keywords, queries with parameters, findings by name, and what a notebook shows."""

import ast
import dataclasses
import json
from collections.abc import Iterator

import polars as pl
import pytest
from conftest import ROOT, Project
from runfolders import write_run

import harness
from harness.cli import config
from harness.errors import ConfigError, HarnessError
from harness.provenance import Finding
from harness.results.notebook import Results

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    folder = tmp_path_factory.mktemp("in_python") / "results"
    write_run(folder, models=("alpha", "beta", "gamma"))
    with harness.open(folder) as results:
        yield results


def test_an_evaluation_takes_keywords_and_names_the_command_that_does_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.model("alice")
    project.model("bob", "echo")
    monkeypatch.chdir(project.root)
    outcome = harness.evaluate(model=["alice", "bob"], task="sums", limit=2, decode={"temperature": 0.7}, quiet=True)
    assert outcome.manifest.counts.samples == 4
    words = ["model=[alice,bob]", "task=sums", "limit=2", "decode.temperature=0.7"]
    assert list(outcome.manifest.argv) == ["harness", "eval", *words]
    again = harness.evaluate(*words, quiet=True)
    assert (again.run, again.asked) == (outcome.run, 0)
    shown = again._repr_html_()
    assert "4 samples, 0 failed; 0 requests sent now" in shown
    assert shown.count("<td>alice</td>") == 1
    with pytest.raises(ConfigError, match="did you mean 'alice'"):
        harness.evaluate(model="alcie", task="sums")


@pytest.mark.parametrize(
    "value",
    [
        *("plain", "a b", "it's", "back\\slash", "end\\", "q\\'", "a,b", "[x]", "null", "True", "12", "1e3", "", "ä=ö", "k: v"),
        *(None, True, 3, 0.5, ["a", 1, None], ["x y", "it's"]),
    ],
)  # fmt: skip
def test_every_value_reaches_hydra_as_it_is(value: object) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (word,) = config.words({"key": {"of": value}})
    override = OverridesParser.create().parse_override(word)
    assert override.key_or_group == "key.of"
    found = override.value()
    items = (
        [getattr(item, "text", item) for item in found] if isinstance(found, list) else getattr(found, "text", found)
    )
    assert items == value


def test_a_value_that_no_word_can_say_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected text, a number"):
        config.words({"task": {1, 2}})


def test_queries_take_values(opened: Results) -> None:
    found = opened.sql("SELECT DISTINCT model FROM samples WHERE model = ? OR model = ? ORDER BY 1", ["alpha", "beta"])
    assert found["model"].to_list() == ["alpha", "beta"]
    assert opened.sql("SELECT $x AS x", {"x": "'; DROP TABLE samples; --"}).item().startswith("';")
    with pytest.raises(HarnessError, match="parameters"):
        opened.sql("SELECT ?")


def test_provenance_is_a_table_and_gives_the_finding_on_a_model(opened: Results) -> None:
    finding = opened.provenance("beta")
    assert isinstance(finding, Finding)
    assert finding.suspect == "beta"
    assert opened.provenance("beta", finding.corpus) == finding
    assert isinstance(opened.provenance, pl.DataFrame)
    assert opened.provenance.filter(pl.col("model") == "beta").height <= opened.provenance.height
    with pytest.raises(ConfigError, match="did you mean 'beta'"):
        opened.provenance("betta")
    with pytest.raises(ConfigError, match="prompt set of beta"):
        opened.provenance("beta", "nowhere")


def test_what_a_notebook_shows_holds_no_markup_of_a_models(opened: Results) -> None:
    finding = opened.provenance("beta")
    tests = tuple(dataclasses.replace(test, candidate=HOSTILE, z=1.0, z_low=0.5, z_high=1.5) for test in finding.tests)
    hostile = dataclasses.replace(
        finding, suspect=HOSTILE, corpus=HOSTILE, sentence=HOSTILE, notes=(HOSTILE,), tests=tests
    )
    for shown in (hostile._repr_html_(), opened._repr_html_()):
        assert "<img" not in shown
        assert "\u202e" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e" in hostile._repr_html_()
    assert "not proof of copying" in hostile._repr_html_()
    assert "<td>samples</td><td>36</td>" in opened._repr_html_()


def test_the_notebook_of_the_docs_runs_cell_by_cell_and_shows_every_result(
    opened: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(opened.folder.parent)
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    shown = []
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "notebook", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "notebook", "eval"), names)
            shown += [] if value is None else [value._repr_html_()]
    assert len(shown) == 4
    assert "results of 1 runs, 36 samples" in shown[0]
    assert "not proof of copying" in shown[3]
