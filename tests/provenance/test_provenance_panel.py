"""The panel's files: strict to load, known by hash, grown and passed on without an answer's text."""

import dataclasses
import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from conftest import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.identity import prompt_id
from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.panels import panel, panel_files, recoverable
from harness.provenance.panels.panel import Panel, PanelEntry

TEXTS = [f"Tell me about the {n} number." for n in range(40)]
FREE = "Apache-2.0 (somebody/prompts)"
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
    "his",
    "they",
    "we",
    "her",
    "she",
    "or",
    "an",
    "will",
    "one",
    "all",
    "would",
    "there",
]


def _answers(models: list[str], seed: int = 0) -> pl.DataFrame:
    """Twelve words an answer; each model has its own favourites."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in models:
        liking = np.random.default_rng(int.from_bytes(hashlib.sha256(model.encode()).digest()[:4])).dirichlet(
            np.full(len(WORDS), 0.3)
        )
        for p in range(len(TEXTS)):
            said = " ".join(WORDS[i] for i in rng.choice(len(WORDS), 12, p=liking))
            rows.append({"model": model, "prompt_id": f"q{p}", "output": f"{said}. The {p} it is secretword{p}."})
    return pl.DataFrame(rows)


def _prompts(**columns: Any) -> pl.DataFrame:
    frame = pl.DataFrame({"prompt_id": [f"q{i}" for i in range(len(TEXTS))], "prompt": TEXTS})
    told = {"origin": "somebody", "licence": FREE, "published": "https://example.org/prompts.json"} | columns
    return frame.with_columns(**{k: pl.Series(v) if isinstance(v, list) else pl.lit(v) for k, v in told.items()})


def _entry(name: str, **facts: Any) -> PanelEntry:
    return PanelEntry(
        ModelFacts(name, lab=f"lab-{name}", released="2024-05", **facts),
        "MIT",
        dict.fromkeys(("lab", "released"), "its card"),
        asked={"temperature": 0.7, "longest": 512},
    )


ABOUT = {"title": "little", "version": 1, "source": "a test", "licence": "MIT", "facts": "made up"}


def _little(**columns: Any) -> Panel:
    names = [f"m{i}" for i in range(8)]
    prompts = panel_files.prompts_of(_prompts(**columns))
    return panel_files.build(_answers(names), prompts, {n: _entry(n) for n in names}, ABOUT, "little")


@pytest.fixture(scope="module")
def little() -> Panel:
    ranks = [None if i % 4 == 0 else 100 - i for i in range(len(TEXTS))]
    licences = ["research only" if i % 5 == 0 else FREE for i in range(len(TEXTS))]
    return _little(rank=ranks, licence=licences)


@pytest.fixture
def files(little: Panel, tmp_path: Path) -> Path:
    panel_files.write(little, tmp_path)
    return tmp_path / "little.yaml"


def test_a_panel_is_read_as_it_was_written(little: Panel, files: Path) -> None:
    again = panel.load(files)
    assert panel.check(files) == []
    assert again.prompts == little.prompts
    assert again.entries == little.entries
    assert again.same == little.same
    assert (again.prints.answered == little.prints.answered).all()
    for channel, frame in little.prints.features.items():
        assert again.prints.features[channel].equals(
            frame.select("m", "p", "feature", "share").sort("p", "m", "feature")
        )
    assert [p.rank for p in again.prompts[:30]] == list(range(1, 31))
    assert [p.name for p in again.prompts[:2]] == ["q39", "q38"]  # the order given, not the names'
    assert all(p.rank is None for p in again.prompts[30:])


def test_the_same_panel_is_made_again_byte_for_byte(little: Panel, tmp_path: Path) -> None:
    ranks = [None if i % 4 == 0 else 100 - i for i in range(len(TEXTS))]
    licences = ["research only" if i % 5 == 0 else FREE for i in range(len(TEXTS))]
    for folder, made in (("a", little), ("b", _little(rank=ranks, licence=licences))):
        panel_files.write(made, tmp_path / folder)
    for suffix in panel.SUFFIXES:
        assert (tmp_path / "a" / f"little{suffix}").read_bytes() == (tmp_path / "b" / f"little{suffix}").read_bytes()


def test_texts_are_passed_on_where_their_licence_allows_it_and_no_answer_is(little: Panel, files: Path) -> None:
    for prompt in little.prompts:
        assert (prompt.text is None) == (prompt.licence == "research only")
        assert prompt.sha256 == hashlib.sha256(TEXTS[int(prompt.name[1:])].encode()).hexdigest()
        assert prompt.id == prompt_id(TEXTS[int(prompt.name[1:])])
    for file in files.parent.iterdir():
        assert b"secretword" not in file.read_bytes()
    table = pl.read_parquet(files.with_suffix(".parquet"))
    assert [c for c, kind in table.schema.items() if kind == pl.String] == ["channel"]
    with pytest.raises(ConfigError, match=r"q0.*where it is published"):
        panel_files.prompts_of(_prompts(licence="to check (MIT, says somebody)", published=""))


def test_other_texts_are_found_by_hash_where_they_are_published(little: Panel, tmp_path: Path) -> None:
    hidden = [p for p in little.prompts if p.text is None]
    assert hidden
    with pytest.raises(ConfigError, match=r"texts of 8 prompts.*example\.org"):
        panel.complete(little)
    published = json.dumps([{"deep": {"instruction": text, "noise": 3}} for text in TEXTS]).encode()
    lines = "\n".join(json.dumps({"q": text}) for text in TEXTS).encode()
    pl.DataFrame({"q": TEXTS}).write_parquet(tmp_path / "q.parquet")
    for content in (published, lines, (tmp_path / "q.parquet").read_bytes()):
        assert panel.complete(little, [content]) == {prompt_id(text): text for text in TEXTS}
    changed = [text.replace("Tell", "tell") for text in TEXTS]
    with pytest.raises(ConfigError, match="texts of 8 prompts"):
        panel.complete(little, [json.dumps(changed).encode()])
    with pytest.raises(ConfigError, match="neither JSON"):
        panel.complete(little, [b"\xff\xfe"])
    place = tmp_path / "published.json"
    place.write_bytes(published)
    here = dataclasses.replace(
        little, prompts=tuple(dataclasses.replace(p, published=str(place)) for p in little.prompts)
    )
    assert panel.complete(here, panel.fetched(here)) == {prompt_id(text): text for text in TEXTS}
    nowhere = dataclasses.replace(
        little, prompts=tuple(dataclasses.replace(p, published=str(tmp_path / "no")) for p in little.prompts)
    )
    with pytest.raises(ConfigError, match="cannot be read"):
        panel.fetched(nowhere)


@settings(max_examples=25)
@given(which=st.integers(0, 31), place=st.integers(0, 20), letter=st.sampled_from("abcXYZ .,é"))
def test_one_changed_character_of_a_prompt_is_noticed(
    little: Panel, tmp_path_factory: pytest.TempPathFactory, which: int, place: int, letter: str
) -> None:
    shown = [p for p in little.prompts if p.text is not None][which]
    assert shown.text is not None
    text = shown.text[:place] + letter + shown.text[place + 1 :]
    changed = text != shown.text
    folder = tmp_path_factory.mktemp("changed")
    panel_files.write(little, folder)
    _edit_prompts(folder / "little.yaml", lambda row: row | {"text": text} if row["name"] == shown.name else row)
    found = panel.check(folder / "little.yaml")
    assert any(f.where == f"prompt {shown.name}" and "text was changed" in f.problem for f in found) == changed
    asked = pl.DataFrame({"model": "m", "prompt_id": shown.name, "prompt": text, "output": "x"})
    rows, otherwise = panel.keyed(little, asked)
    only_space = prompt_id(text) == shown.id
    assert len(rows) == int(only_space)
    assert [f.where for f in otherwise] == ([] if only_space else [f"prompt {shown.name}"])


def _edit_prompts(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change prompts, and the hash of their file, so that the prompts themselves must be looked at."""
    file = path.with_name("little.prompts.jsonl")
    rows = [change(json.loads(line)) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _edit(path, lambda about: about["hashes"].update({".prompts.jsonl": hashlib.sha256(file.read_bytes()).hexdigest()}))


def _edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    about = yaml.safe_load(path.read_text())
    change(about)
    path.write_text(yaml.safe_dump(about, sort_keys=False))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a["models"]["m3"].pop("licence"), "model m3: no licence"),
        (lambda a: a["models"]["m3"]["source"].pop("lab"), "model m3: no source for `lab`"),
        (lambda a: a["models"]["m3"].update(teachers=["m1"]), "model m3: no source for `teachers`"),
        (lambda a: a["models"]["m3"]["source"].update(lab="s99"), "model m3: the source 's99' of `lab`"),
        (lambda a: a["models"]["m3"].update(traces="some"), "model m3: traces 'some'"),
        (lambda a: a["models"]["m3"].update(released="May"), "model m3: released 'May'"),
        (lambda a: a["models"]["m3"].update(asked={"colour": 1}), "model m3: asked: unknown colour"),
        (lambda a: a["hashes"].pop(".parquet"), r"little\.parquet: sha256 .* expected none"),
        (lambda a: a.update(positives=[{"student": "m9", "teacher": "m1", "lineage": "x", "z": 1, "p": 1}]), "m9 is no model"),
        (lambda a: a.pop("licence"), "`licence` is missing"),
        (lambda a: a.update(format=3), "has format 3, this is 2"),
        (lambda a: [a.pop(key) for key in list(a) if key != "source"], "is no panel: expected the keys format and version"),
        (lambda a: a.pop("format"), "has format 1, this is 2: build it anew"),
        (lambda a: a.update(fingerprint="fp0"), "fingerprints fp0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_panel_is_named(files: Path, change: Callable[[dict[str, Any]], Any], said: str) -> None:
    _edit(files, change)
    with pytest.raises(ConfigError, match=said):
        panel.load(files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": ""}, "prompt q39: no sha256"),
        ({"id": "0" * 32}, "prompt q39: its id is"),
        ({"licence": "to check"}, r"prompt q39: its text is here, though its licence \(to check\)"),
        ({"text": None, "published": ""}, "prompt q39: no text, and not said where"),
        ({"origin": ""}, "prompt q39: no origin"),
        ({"rank": 7}, "ranks are not 1 to 30"),
        ({"name": "q38"}, "two prompts have the name q38"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_named(files: Path, change: dict[str, Any], said: str) -> None:
    _edit_prompts(files, lambda row: row | change if row["name"] == "q39" else row)
    with pytest.raises(ConfigError, match=said):
        panel.load(files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: {k: v for k, v in row.items() if k != "sha256"}, "line 1, prompt q39: `sha256` is missing"),
        (lambda row: row | {"note": "mine"}, "line 1, prompt q39: unknown `note`"),
        (lambda row: row | {"text": 5}, "line 1, prompt q39: `text` is 5, expected text"),
        (lambda row: row | {"rank": "1"}, "line 1, prompt q39: `rank` is '1', expected a number"),
        (lambda row: [row], "line 1: expected an object, found list"),
    ],
)
def test_a_line_that_is_no_prompt_is_named_in_words(files: Path, change: Callable[[Any], Any], said: str) -> None:
    _edit_prompts(files, lambda row: change(row) if row["name"] == "q39" else row)
    with pytest.raises(ConfigError, match=re.escape(said)) as told:
        panel.load(files)
    assert "Error" not in str(told.value)


def test_a_file_that_is_missing_or_was_touched_is_named(files: Path, tmp_path: Path) -> None:
    table = files.with_suffix(".parquet")
    table.write_bytes(table.read_bytes() + b"x")
    assert [f.where for f in panel.check(files)] == ["little.parquet"]
    table.unlink()
    with pytest.raises(ConfigError, match=r"lacks its file little\.parquet"):
        panel.load(files)
    with pytest.raises(ConfigError, match="not a panel that can be read"):
        panel.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="unknown reference panel"):
        panel.load("alpaca")
    files.write_text("- a list")
    with pytest.raises(ConfigError, match="expected a mapping"):
        panel.load(files)


def test_a_panel_of_somebody_elses_is_refused_in_words(
    little: Panel, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel_files.share(little, files.parent / "theirs.panel.zip")
    monkeypatch.setattr(panel, "LARGEST", 1000)
    with pytest.raises(ConfigError, match="unpacks to more"):
        panel.load(files.parent / "theirs.panel.zip")
    (files.parent / "torn.panel.zip").write_bytes(b"PK torn")
    with pytest.raises(ConfigError, match="not a panel that can be read"):
        panel.load(files.parent / "torn.panel.zip")
    for change, said in (
        (lambda a: a.update(models=["m1"]), "`models` is list, expected dict"),
        (lambda a: a["models"].update(m3="x"), "model m3: no licence"),
        (lambda a: a.update(power="x"), "`power` is str"),
    ):
        _edit(files, change)
        with pytest.raises(ConfigError, match=said):
            panel.load(files)
        panel_files.write(little, files.parent)
    table = files.with_suffix(".parquet")
    pl.DataFrame({"channel": ["x"]}).write_parquet(table)
    _edit(files, lambda a: a["hashes"].update({".parquet": hashlib.sha256(table.read_bytes()).hexdigest()}))
    with pytest.raises(ConfigError, match="no fingerprints that can be read"):
        panel.load(files)


def test_nothing_that_would_be_refused_is_written(little: Panel, tmp_path: Path) -> None:
    entries = {**little.entries, "m1": dataclasses.replace(little.entries["m1"], licence="")}
    with pytest.raises(ConfigError, match="model m1: no licence"):
        panel_files.write(dataclasses.replace(little, entries=entries), tmp_path)
    with pytest.raises(ConfigError, match="model m1: no licence"):
        panel_files.share(dataclasses.replace(little, entries=entries), tmp_path / "x.panel.zip")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="no entry for the model m9"):
        panel_files.build(_answers(["m9"]), little.prompts, {}, ABOUT, "x")


def test_one_file_holds_a_panel_and_says_what_guessing_recovers(little: Panel, tmp_path: Path) -> None:
    said = panel_files.share(little, tmp_path / "mine.panel.zip")
    again = panel.load(tmp_path / "mine.panel.zip")
    assert again.name == "mine"
    assert again.entries == little.entries
    found = recoverable.figures(little)
    assert f"{found['models']:.0f} models" in said
    assert "whoever guesses words" in said
    assert found["bits"] == 32
    # The chance is that of hitting one of an answer's hashes by accident.
    assert found["chance"] == pytest.approx(found["features"] * 4 / 2**32)
    with zipfile.ZipFile(tmp_path / "mine.panel.zip") as archive:
        assert sorted(archive.namelist()) == ["mine.parquet", "mine.prompts.jsonl", "mine.yaml"]
    with pytest.raises(ConfigError, match="ends in"):
        panel_files.share(little, tmp_path / "mine.zip")


def test_an_answer_that_is_guessed_is_found_in_the_hashes_and_another_is_not(little: Panel) -> None:
    kept = little.prints.features["phrasing"]
    stored = set(kept.filter(pl.col("m") == little.prints.models.index("m1")).select("p", "feature").iter_rows())
    places = {prompt: i for i, prompt in enumerate(little.prints.prompts)}

    def hits(guess: pl.DataFrame) -> float:
        rows, _ = panel.keyed(little, guess)
        prints = fingerprint.reduce(fingerprint.fingerprint(rows, names=["phrasing"]))
        frame = prints.features["phrasing"]
        found = [(places[prints.prompts[p]], feature) for p, feature in frame.select("p", "feature").iter_rows()]
        return sum(pair in stored for pair in found) / len(found)

    every = _answers([f"m{i}" for i in range(8)])
    assert hits(every.filter(pl.col("model") == "m1")) == 1.0
    assert hits(_answers(["somebody else"], seed=9)) < 0.5  # every answer ends alike


def test_a_model_is_added_and_no_text_of_it_is_kept(little: Panel, tmp_path: Path) -> None:
    new = _answers(["mine"], seed=3)
    grown = panel_files.add(little, new, {"mine": _entry("mine")}, "grown")
    assert set(grown.entries) == {*little.entries, "mine"}
    assert grown.prints.answered[grown.prints.models.index("mine")].all()
    others = [i for i, m in enumerate(grown.prints.models) if m != "mine"]
    assert (grown.prints.answered[others] == little.prints.answered).all()
    assert "little, version 1" in grown.about["grown_from"]
    panel_files.write(grown, tmp_path)
    assert panel.load(tmp_path / "grown.yaml").entries == grown.entries
    for file in tmp_path.iterdir():
        assert b"secretword" not in file.read_bytes()
    with pytest.raises(ConfigError, match="no entry for the model mine"):
        panel_files.add(little, new, {}, "grown")
    with pytest.raises(ConfigError, match="other answered none"):
        panel_files.add(
            little, _answers(["other"]).with_columns(prompt_id=pl.lit("z")), {"other": _entry("other")}, "grown"
        )
    shouted = new.with_columns(prompt=pl.lit("TELL ME"))
    with pytest.raises(ConfigError, match="asked with another text"):
        panel_files.add(little, shouted, {"mine": _entry("mine")}, "grown")


@pytest.mark.parametrize("left_out", [1, 3])
def test_a_model_that_left_some_prompts_unanswered_is_added_and_no_prompt_goes(little: Panel, left_out: int) -> None:
    new = _answers(["mine"], seed=3)
    unasked = sorted(set(new["prompt_id"].to_list()))[:left_out]
    grown = panel_files.add(little, new.filter(~pl.col("prompt_id").is_in(unasked)), {"mine": _entry("mine")}, "grown")
    assert grown.prints.prompts == little.prints.prompts
    assert [prompt.id for prompt in grown.prompts] == [prompt.id for prompt in little.prompts]
    mine = grown.prints.answered[grown.prints.models.index("mine")]
    assert int(mine.sum()) == len(little.prints.prompts) - left_out


def test_the_shipped_panel_says_where_everything_comes_from() -> None:
    assert panel.check("alpaca_eval") == []
    shipped = panel.load("alpaca_eval")
    texts = [p for p in shipped.prompts if p.text is not None]
    assert len(texts) == 323
    assert all(panel.FREE.match(p.licence) for p in texts)
    assert {p.licence.split(" (")[0] for p in texts} == {"Apache-2.0", "MIT"}
    assert [p.rank for p in shipped.prompts[:323]] == list(range(1, 324))
    for entry in shipped.entries.values():
        assert "CC BY-NC" in entry.licence
        assert not any("session" in source or source in {"same", "as above"} for source in entry.sources.values())
    assert shipped.entries["alpaca-7b"].teachers == {"text-davinci-003"}
    size = sum((panel.FOLDER / f"alpaca_eval{s}").stat().st_size for s in panel.SUFFIXES)
    assert size < 6e6


def test_the_shipped_panel_is_what_the_documented_command_makes(shared_data: Path, tmp_path: Path) -> None:
    """All but the fingerprints, which take a minute: prompts, entries and their sources."""
    from harness.provenance.comparison.registry import Labels
    from harness.provenance.verdicts import pools

    shipped = panel.load("alpaca_eval")
    tables = [
        pl.read_csv(shared_data / "labels" / f"{n}.csv", infer_schema=False) for n in ("students", "controls", "models")
    ]
    labels = Labels.of("alpaca_eval", *tables)
    made = panel_files.entries_of(tuple(shipped.entries), labels, pools.registry(), shipped.about["licence"])
    texts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
    assert panel.complete(shipped, [texts["prompt"].to_frame().write_json().encode()])
    names = dict(texts.select("prompt_id", "prompt").iter_rows())
    assert all(panel.text_hash(names[p.name]) == p.sha256 for p in shipped.prompts)
    for name, entry in shipped.entries.items():
        assert entry.facts == made[name].facts
        assert (entry.teachers, entry.candidate) == (made[name].teachers, made[name].candidate)
        assert entry.sources.items() <= made[name].sources.items()
    shutil.copy(panel.FOLDER / "alpaca_eval.yaml", tmp_path / "alpaca_eval.yaml")
    with pytest.raises(ConfigError, match="lacks its file"):
        panel.load(tmp_path / "alpaca_eval.yaml")


def test_the_command_makes_a_panel_of_labelled_tables(project: Project, shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    models = sorted(frame["model"].unique().to_list())[::15]
    prompts = sorted(frame["prompt_id"].unique().to_list())[::7]
    some = frame.filter(pl.col("model").is_in(models) & pl.col("prompt_id").is_in(prompts))
    some.write_parquet(project.root / "o.parquet")
    texts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet")
    texts.filter((pl.col("corpus") == "alpaca_eval") & pl.col("prompt_id").is_in(prompts)).write_parquet(
        project.root / "p.parquet"
    )
    tables = shared_data / "labels"
    words = [
        *("panel", "build", "alpaca_eval", "--answers", "o.parquet", "--prompts", "p.parquet"),
        *(w for t in ("students", "controls", "models") for w in (f"--{t}", str(tables / f"{t}.csv"))),
        *("--origins", str(tables / "alpaca_eval_prompt_sources.csv"), "--source", "s", "--licence", "l", "--out", "made"),
        *("--ranked", str(tables / "alpaca_eval_prompts_ranked.csv")),
    ]  # fmt: skip
    assert "13 models, 58 prompts" in project.run(*words, "--published", "https://example.org/a.json").stdout
    made = panel.load(project.root / "made" / "alpaca_eval.yaml")
    assert set(made.entries) == set(models)
    ranked = [p for p in made.prompts if p.rank]
    assert [p.rank for p in ranked] == list(range(1, len(ranked) + 1))
    assert all(p.text is not None for p in ranked)
    assert "where it is published" in project.run(*words, "--published", "", code=2).stderr


def test_a_number_is_no_panels_prompt_but_in_a_task_called_like_the_panel() -> None:
    shipped = panel.load("slop_score")
    number = next(prompt.name for prompt in shipped.prompts if prompt.name.isdigit())
    rows = [{"task": task, "model": "m", "prompt_id": number, "output": "x"} for task in ("mine", "slop_score")]
    found, otherwise = panel.keyed(shipped, pl.DataFrame(rows))
    assert (found["task"].to_list(), otherwise) == (["slop_score"], [])
    told = pl.DataFrame([{**row, "prompt": "Name three rivers."} for row in rows])
    found, otherwise = panel.keyed(shipped, told)
    assert found.is_empty()
    assert [problem.where for problem in otherwise] == [f"prompt {number}"], "of the task called like the panel"
