"""A model says what it is: in its own file, in one layered registry, under any of its names; answers stay the same."""

from pathlib import Path

import pytest
from conftest import Project

from harness.core import panels
from harness.errors import ConfigError
from harness.provenance.comparison import names
from harness.provenance.comparison.registry import Registry
from harness.provenance.verdicts import pools
from harness.results import derivation, store
from harness.runs.folder import read_manifest
from harness.specs import EvalSpec

TOLD = "released: 2024-05\nlab: acme\nbase: llama-2-7b\nstatement: our own words alone (https://example.org)\n"


def tell(project: Project, name: str, text: str) -> None:
    path = project.root / "conf" / "model" / f"{name}.yaml"
    path.write_text(path.read_text() + text)


def test_what_a_model_is_changes_no_run_and_reaches_sql(project: Project) -> None:
    project.model("mine")
    project.run("eval", "model=mine", "task=[sums]", "limit=2")
    (run,) = project.runs()
    before = read_manifest(run)
    tell(project, "mine", TOLD)
    again = project.run("eval", "model=mine", "task=[sums]", "limit=2")
    assert project.runs() == [run]
    assert "nothing to send" in again.stderr
    after = read_manifest(run)
    assert after.spec_hash == before.spec_hash
    assert after.models[0].released == "2024-05"
    assert after.root != before.root
    row = store.query(project.root / "results", "SELECT released, lab, base, statement FROM models").row(0)
    assert row == ("2024-05", "acme", "llama-2-7b", "our own words alone (https://example.org)")
    known = derivation.known_in(project.root / "results")
    (fact,) = pools.facts(["mine"], known, {})
    assert (fact.lab, fact.released, fact.bases) == ("acme", "2024-05", {"llama-2"})
    assert any("our own words alone" in note for note in pools.documented(known, "mine"))


def test_a_month_that_is_none_is_refused_in_a_sentence(project: Project) -> None:
    project.model("mine")
    tell(project, "mine", "released: May 2024\n")
    said = project.run("eval", "model=mine", "task=[sums]", code=None)
    assert said.returncode == 2
    assert "models.mine.released: expected a month, YYYY-MM, found 'May 2024'" in said.stderr


def test_older_specs_have_no_facts_and_no_panel() -> None:
    model = {"name": "m", "backend": "fake", "released": None, "lab": None, "base": None, "statement": None}
    task = {"name": "t", "panel": None}
    assert EvalSpec.of_identity({"models": [model], "tasks": [task]}) == {
        "models": [{"name": "m", "backend": "fake"}],
        "tasks": [{"name": "t"}],
    }
    kept = {"name": "t", "panel": {"name": "alpaca_eval"}}
    assert EvalSpec.of_identity({"tasks": [kept]}) == {"tasks": [kept]}


def test_layers_stand_over_each_other_fact_by_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "model_registry.yaml").write_text("models: {gpt-4o-mini: {lab: mine}}\n")
    known = pools.registry({"gpt-4o-mini": {"lab": "ran", "released": "1999-01"}})
    entry = known.entry("gpt-4o-mini")
    assert (entry["lab"], entry["released"]) == ("mine", "1999-01")
    assert "openai.com" in entry["source"]


def test_what_files_say_of_models_has_one_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = panels.facts()
    (tmp_path / "conf").mkdir()
    assert panels.facts() == first
    (tmp_path / "conf" / "model_registry.yaml").write_text("models: {mine: {released: 2024-05}}\n")
    assert panels.facts() != first


def test_a_changed_registry_derives_the_index_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.model("mine")
    project.run("eval", "model=mine", "task=[sums]", "limit=2")
    results = project.root / "results"
    monkeypatch.chdir(project.root)
    path = store.index_path(results)
    before = path.stat().st_mtime_ns
    derivation.refresh(results)
    assert path.stat().st_mtime_ns == before
    (project.root / "conf" / "model_registry.yaml").write_text("models: {mine: {released: 2024-05}}\n")
    assert store.as_it_is(path)[1] != panels.facts()
    assert derivation.differences(results) != [] or store.as_it_is(path)[1] != panels.facts()
    derivation.refresh(results)
    assert store.as_it_is(path)[1] == panels.facts()
    assert path.stat().st_mtime_ns != before
    assert derivation.differences(results) == []


@pytest.mark.parametrize(
    ("name", "known_as", "how"),
    [
        ("claude-3.5-sonnet", "claude-3-5-sonnet-20240620", names.ALIAS),
        ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet-20240620", names.ALIAS),
        ("openai/gpt-4o-mini", "gpt-4o-mini", names.PREFIX),
        ("casperhansen/llama-3.3-70b-instruct-awq", "llama-3.3-70b-instruct", names.VARIANT),
        ("llama-3.3-70b-instruct-q4_k_m", "llama-3.3-70b-instruct", names.VARIANT),
        ("GPT-4o-Mini", "gpt-4o-mini", None),
        ("gpt-4o-mini", "gpt-4o-mini", None),
        ("somebody/unheard-of-7b", "somebody/unheard-of-7b", None),
    ],
)
def test_names_of_one_model_are_read_as_one_and_said(name: str, known_as: str, how: str | None) -> None:
    found = pools.registry(panels=False).name(name)
    assert (found.known_as, found.how) == (known_as, how)
    assert (name in found.note and known_as in found.note) == (how is not None)


def test_another_name_of_a_model_that_is_there_is_a_version_of_it() -> None:
    known = Registry({"a": {"lab": "acme", "aliases": ["b"], "released": "2024-01"}}, {}, {})
    one, two = pools.facts(["a", "b"], known, {})
    assert (two.copy_of, two.lab, two.released) == ({"a"}, "acme", "2024-01")
    assert one.copy_of == set()
    (alone,) = pools.facts(["b"], known, {})
    assert alone.copy_of == set()


def test_a_registry_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("models: {m: {alias: [x]}}\n")
    with pytest.raises(ConfigError, match="unknown key"):
        Registry.load(path)
