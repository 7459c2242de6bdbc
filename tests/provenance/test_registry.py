"""A user's own `conf/model_registry.yaml`: any part of it is enough, and what is wrong in it is said in a sentence."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.provenance.comparison.registry import Registry
from harness.provenance.verdicts import pools


def own(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Registry:
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "model_registry.yaml").write_text(text)
    monkeypatch.chdir(folder)
    return pools.registry()


def test_models_alone_are_enough_and_stand_over_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = pools.registry()
    text = "models:\n  mine: {lab: me, released: 2024-05}\n  wizardlm-70b: {released: 2023-09-02}\n  empty:\n"
    known = own(tmp_path, text, monkeypatch)
    (mine, changed, gpt) = pools.facts(["mine", "wizardlm-70b", "gpt-4o"], known, {})
    assert (mine.lab, mine.released, changed.released) == ("me", "2024-05", "2023-09-02")
    assert gpt.lab == "openai"
    assert (known.labs, known.bases) == (shipped.labs, shipped.bases)


def test_labs_and_base_families_alone_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = own(tmp_path, "labs: {acme: '^acme-'}\n", monkeypatch)
    assert known.lab("acme-7b") == "acme"
    known = own(tmp_path, "base_families: {acme: '^acme-'}\n", monkeypatch)
    assert pools.facts(["acme-7b"], known, {})[0].bases == {"acme"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds nothing"),
        ("# nothing\n", "holds nothing"),
        ("labs:\n", "holds nothing"),
        ("- a\n- b\n", "found \"['a', 'b']\""),
        ("models: [a, b]\n", "models: "),
        ("models: {m: fast}\n", "models.m"),
        ("models: {m: {lab: 5}}\n", "models.m.lab: "),
        ("models: {m: {relased: 2024-05}}\n", "models.m.relased: unknown key"),
        ("model: {m: {released: 2024-05}}\n", "model: unknown key"),
        ("models: {m: {released: 2024-13}}\n", "not a month, YYYY-MM, found '2024-13'"),
        ("models: {m: {released: May 2024}}\n", "not a month"),
        ("models: {m: {released: 2024}}\n", "models.m.released"),
        ("models: {m: {not_taught_by: openai}}\n", "models.m.not_taught_by"),
        ("models: {m: {teachers: [1]}}\n", "models.m.teachers.0"),
        ("labs: {acme: '('}\n", "labs.acme: Value error, not a regular expression"),
        ("labs: {acme: [a]}\n", "labs.acme"),
        ("base_families: text\n", "base_families"),
        ("models: {1: {lab: a}}\n", "models.1"),
        ("models: {m: }: {\n", "cannot be read"),
        ("models: !!python/object:os.system {}\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_what_is_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        own(tmp_path, text, monkeypatch)
    said = str(caught.value)
    assert says in said
    assert "model_registry.yaml" in said
    assert "xpected `models`" in said or "expected YAML with `models`" in said


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00models")
    with pytest.raises(ConfigError, match=r"r\.yaml: cannot be read"):
        Registry.load(tmp_path / "r.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates() | st.floats(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["models", "labs", "base_families", "lab", "released", "base", "teachers", "x", 1]), inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_whatever_the_file_holds_it_is_read_or_refused_in_a_sentence(tmp_path_factory: Any, value: Any) -> None:
    path = tmp_path_factory.mktemp("registry") / "model_registry.yaml"
    path.write_text(yaml.safe_dump(value))
    with contextlib.suppress(ConfigError):
        known = Registry.load(path)
        pools.facts(sorted(known.models), known, {})
        known.lab("gpt-4o")


def test_the_command_answers_with_a_sentence_and_no_traceback(project: Any) -> None:
    file = project.root / "conf" / "model_registry.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("models: [a]\n")
    said = project.run("provenance", "wizardlm-70b", "--panel", "alpaca_eval", "--no-interval", code=2).stderr
    assert "model_registry.yaml" in said
    assert "Traceback" not in said
    file.write_text("models:\n  mine: {released: 2024-05}\n")
    assert "wizardlm-70b" in project.run("provenance", "wizardlm-70b", "--panel", "alpaca_eval", "--no-interval").stdout


@pytest.mark.parametrize(
    ("name", "weights"),
    [("gpt-4o", "closed"), ("openai/gpt-oss-120b", "open"), ("o3-mini", "closed"), ("deepseek-r1", "open"),
     ("claude-3-opus", "closed"), ("qwen2.5-72b-instruct", "open"), ("qwen-max", "closed"), ("mistral-large-2", None)],
)  # fmt: skip
def test_a_name_tells_whether_weights_are_open_or_nothing_does(name: str, weights: str | None) -> None:
    assert pools.registry(panels=False).weights_of(name) == weights
    known = Registry({"gpt-4o": {"weights": "open"}}, {}, {}).over(pools.registry(panels=False))
    assert known.weights_of("gpt-4o") == "open"  # what is recorded goes before what a name tells
