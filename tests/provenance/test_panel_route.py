"""A panel asked like any task, by a server that gives real models' answers back: one finding, wherever it is read."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from api_server import Answer, Server, chat, serving

from harness.archive import imports
from harness.cli import config
from harness.core import panels, prompt_id
from harness.errors import ConfigError
from harness.evaluation import evaluate
from harness.provenance import Finding
from harness.provenance.answers import stored
from harness.provenance.panels import panel
from harness.provenance.verdicts import pools
from harness.results import derivation, leaderboard, store
from harness.results.report import draw, figures, gather, likeness, page

WHO = {
    "alpaca-7b": ("alpaca-7b", "2023-03", "stanford"),
    "guanaco-7b": ("guanaco-7b", "2023-05", "uw"),
    "claude-2": ("claude-2", "2023-07", "anthropic"),
    "mystery": ("openhermes-2.5-mistral-7b", "2023-11", "somebody"),
}
"""Names in the YAML, whose answers they are, month and lab."""


@dataclass
class Route:
    """A results folder whose models were asked the panel, and what the server was sent."""

    results: Path
    asked: list[dict[str, object]]


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> pl.DataFrame:
    prompts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    return frame.join(prompts.select("prompt_id", "prompt"), on="prompt_id")


@pytest.fixture(scope="module")
def route(answers: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Route]:
    root = tmp_path_factory.mktemp("user")
    held = {
        name: {prompt_id(prompt): output for prompt, output in part.select("prompt", "output").iter_rows()}
        for name, (of, _, _) in WHO.items()
        for part in [answers.filter(pl.col("model") == of)]
    }
    (root / "conf" / "model").mkdir(parents=True)
    bodies: list[dict[str, object]] = []

    def behave(body: dict[str, object], _: int) -> Answer:
        bodies.append(body)
        (message,) = body["messages"]  # type: ignore[misc]
        return Answer(chat(held[str(body["model"])][prompt_id(message["content"])]))

    with pytest.MonkeyPatch.context() as patch, serving(behave) as server:
        patch.chdir(root)
        for name, (_, month, lab) in WHO.items():
            (root / "conf" / "model" / f"{name}.yaml").write_text(_yaml(name, server, month, lab))
        evaluate(config.compose([f"model=[{','.join(WHO)}]", "task=[panel]", "panel=alpaca_eval"]))
        derivation.refresh(root / "results")
        yield Route(root / "results", bodies)


def _yaml(name: str, server: Server, month: str, lab: str) -> str:
    return (
        f"# @package models.{name}\nname: {name}\nbackend: openai_chat\n"
        f'args: {{model: "{name}", base_url: "{server.url}/v1"}}\nparallel: 8\nprice: own-hardware\n'
        f'released: {month}\nlab: {lab}\nstatement: "we said so (https://example.org)"\n'
    )


def plain(found: Finding) -> dict[str, object]:
    told = found.json()
    return {key: value for key, value in told.items() if key not in ("domains", "sampled_again")}


def test_a_panel_is_asked_without_a_system_prompt_in_its_own_order(route: Route) -> None:
    assert len(route.asked) == 4 * 100
    first = next(body for body in route.asked if body["model"] == "alpaca-7b")
    assert [message["role"] for message in first["messages"]] == ["user"]  # type: ignore[attr-defined]
    assert first["max_tokens"] == 1024
    ranked = [row["prompt"] for row in panels.asked("alpaca_eval", 100).rows]
    sent = {body["messages"][0]["content"] for body in route.asked}  # type: ignore[index]
    assert sent == set(ranked)


def test_leaderboard_sql_page_and_command_carry_the_same_finding(route: Route) -> None:
    indexed = derivation.findings(route.results)
    assert {name for name, _ in indexed} == set(WHO)
    board, page = derivation.board(route.results), gather.gather(route.results, gather.whole_board(route.results))
    place = {name: i for i, name in enumerate(page["names"])}
    for name in WHO:
        found = indexed[name, "alpaca_eval"]
        (told,) = derivation.suspect_report(route.results, name, by_domain=False)["corpora"]
        assert plain(Finding.read(told)) == plain(found)
        assert board.findings[name] == [found]
        (shown,) = next(row for row in page["board"]["rows"] if row["model"] == place[name])["evidence"]
        assert shown["sentence"] == found.sentence
        assert shown["name"] == (None if found.strongest is None else found.strongest.candidate)
        verdict = store.query(route.results, f"SELECT verdict, sentence FROM evidence WHERE model = '{name}'").row(0)
        assert verdict == (found.verdict, found.sentence)
        assert any("we said so" in note for note in found.notes)
    assert "text-davinci-003" in leaderboard.markdown(board)


def test_the_page_draws_the_models_asked_against_the_panels_teachers(route: Route) -> None:
    data = page.contents(route.results)
    (drawn,) = data["panels"]
    assert [data["models"][i] for i in drawn["rows"]] == sorted(WHO)
    indexed = store.query(
        route.results,
        "SELECT model, candidate, score FROM provenance WHERE channel = 'combined' AND score IS NOT NULL ORDER BY ALL",
    )
    told = {
        (data["models"][drawn["rows"][row]], drawn["columns"][column]): score
        for row, column, score, _ in drawn["cells"]
    }
    assert told.keys() <= set(indexed.select("model", "candidate").iter_rows())
    for model, candidate, score in indexed.iter_rows():
        if (model, candidate) in told:
            assert told[model, candidate] == pytest.approx(score, rel=5e-4)
    assert max((cell[2], drawn["columns"][cell[1]]) for cell in drawn["cells"] if cell[0] == 0)[1] == "text-davinci-003"
    spec = figures.matrix(data, task="alpaca_eval")
    assert spec == figures.matrix(data), "no pool, so the panel is the first set"
    text = draw.svg(spec).decode()
    assert all(name in text for name in ("text-davinci-003", *WHO))
    with pytest.raises(ConfigError, match="read against a panel"):
        figures.tree(data, task="alpaca_eval")
    (shown,) = [page._of_set(data, one)["figures"] for one in page._sets(data)]
    assert shown["matrix"]["spec"]["usermeta"]["figure"] == "matrix"
    assert "panel" in shown["tree"]["why"]


def test_documented_students_are_named_and_others_are_not(route: Route) -> None:
    found = {name: one for (name, _), one in derivation.findings(route.results).items()}
    alpaca = found["alpaca-7b"]
    assert (alpaca.verdict, alpaca.strongest.candidate) == ("resembles", "text-davinci-003")  # type: ignore[union-attr]
    assert found["claude-2"].verdict == "none"
    assert found["guanaco-7b"].verdict == "none"
    assert found["claude-2"].suspect_prompts == 100


def test_a_model_sold_under_another_name_is_found_to_be_itself(route: Route) -> None:
    found = derivation.findings(route.results)["mystery", "alpaca_eval"]
    assert found.same_model is not None
    assert (found.same_model.other, found.same_model.verdict) == ("openhermes-2.5-mistral-7b", "strict")
    assert found.sentence.startswith("mystery answers like openhermes-2.5-mistral-7b itself")
    assert "answers like openhermes-2.5-mistral-7b itself" in leaderboard.markdown(derivation.board(route.results))


def test_imported_answers_to_the_same_prompts_give_the_same_finding(
    route: Route, answers: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {row["prompt_id"] for row in panels.asked("alpaca_eval", 100).rows}
    keyed = answers.with_columns(pl.col("prompt").map_elements(prompt_id, return_dtype=pl.String).alias("id"))
    rows = keyed.filter(pl.col("id").is_in(list(ids)))
    names = {of: name for name, (of, _, _) in WHO.items()}
    rows = rows.filter(pl.col("model").is_in(list(names))).with_columns(pl.col("model").replace(names))
    rows.select("corpus", "model", "prompt_id", "prompt", "output").write_parquet(tmp_path / "pool.parquet")
    monkeypatch.chdir(tmp_path)
    said = [f"  {name}: {{released: {month}, lab: {lab}, statement: 'we said so (https://example.org)'}}"
            for name, (_, month, lab) in WHO.items()]  # fmt: skip
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "model_registry.yaml").write_text("models:\n" + "\n".join(said) + "\n")
    imports.convert(None, tmp_path / "pool.parquet", tmp_path / "results")
    derivation.refresh(tmp_path / "results")
    imported = derivation.findings(tmp_path / "results")
    for key, found in derivation.findings(route.results).items():
        assert plain(imported[key]) == plain(found)


@pytest.mark.slow
def test_a_panel_whose_models_all_answered_here_is_drawn_once_with_the_indexs_own_scores(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "misguided_attention"
    mine = sorted(panel.load(panels.place(name)).entries)
    frame = pl.read_parquet(shared_data / "outputs" / f"{name}.parquet").filter(pl.col("model").is_in(mine))
    frame.select("corpus", "model", "prompt_id", "output").write_parquet(tmp_path / f"{name}.parquet")
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    imports.convert(None, tmp_path / f"{name}.parquet", results)
    derivation.refresh(results)
    kept = sorted((results / stored.FOLDER).iterdir())
    data = page.contents(results)
    (drawn,) = data["pools"]
    assert (drawn["task"], data["panels"]) == (name, [])
    assert drawn["notes"][0].startswith(f"All {len(mine)} models of the panel {name} were answered here.")
    assert sorted((results / stored.FOLDER).iterdir()) == kept, "no fingerprint is made twice"
    names = [data["models"][place] for place in drawn["models"]]
    assert sorted(names) == mine
    found = derivation.findings(results)
    scores = {
        (model, names[drawn["candidates"][k]]): score
        for model, row in zip(names, drawn["z"], strict=True)
        for k, score in enumerate(row)
        if score is not None
    }
    tests = {(model, t.candidate): t.z for model in names for t in found[model, name].tests if t.z is not None}
    assert tests
    assert {pair: scores[pair] for pair in tests} == pytest.approx(tests, abs=0.006)
    # One of the panel's models was not asked here: the panel has more to say, and stands beside the local answers.
    fewer = {key: one for key, one in found.items() if key[0] != mine[0]}
    assert [one["task"] for one in likeness.of_panels({m: i for i, m in enumerate(mine)}, fewer, [drawn])] == [name]


def test_answers_to_another_version_of_a_panel_are_said_to_be(route: Route) -> None:
    answers, known = derivation.open_answers(route.results)
    version = panel.load("alpaca_eval").about["version"]
    assert answers["panel"].unique().to_list() == [f"alpaca_eval {version}"]
    for asked, count in ((version, 0), ("0", len(WHO))):
        frame = answers.with_columns(panel=pl.lit(f"alpaca_eval {asked}"))
        (pool,) = pools.every(frame, known, {}, route.results / stored.FOLDER)
        told = [note for name in WHO for note in pool.about[name] if "asked as version 0 of the panel" in note]
        assert len(told) == count


def test_a_model_that_answered_too_few_prompts_of_a_panel_is_told_how_many_it_takes(route: Route) -> None:
    answers, known = derivation.open_answers(route.results)
    some = answers["prompt_id"].unique().sort().head(20)
    few = answers.filter((pl.col("model") != "alpaca-7b") | pl.col("prompt_id").is_in(some))
    told = {
        name: [note for note in notes if "answered 20 prompts of the panel alpaca_eval, too few" in note]
        for pool in pools.every(few, known, {}, route.results / stored.FOLDER)
        for name, notes in pool.about.items()
        if pool.asks(name)
    }
    assert {name: len(notes) for name, notes in told.items()} == {name: int(name == "alpaca-7b") for name in WHO}


def test_the_same_endpoint_twice_is_the_same_model_and_two_others_are_not(route: Route) -> None:
    shown = derivation.same_model(route.results, "mystery", "alpaca-7b")
    assert shown["said"]["verdict"] == "no evidence"
    (run,) = (route.results / "runs").iterdir()
    again = derivation.same_model(route.results, "mystery", f"{run.name}:mystery")
    assert again["said"]["verdict"] in ("same", "strict")


def copied(folder: Path) -> Path:
    """The shipped panel as a user's own, to be spoilt."""
    own = folder / "panels"
    own.mkdir()
    for file in panels.SHIPPED.glob("alpaca_eval.*"):
        shutil.copy(file, own / file.name.replace("alpaca_eval", "spoilt"))
    return own


@pytest.mark.parametrize(
    ("suffix", "old", "new", "says"),
    [
        (".prompts.jsonl", "creative projects", "creative project", "ae584"),
        (".yaml", "  .parquet: ", "  .other: ", "spoilt.parquet"),
        (".yaml", "format: 2", "format: 3", "format 3"),
        (".yaml", "    licence: data CC BY-NC 4.0, each model's own terms\n", "", "no licence"),
    ],
)
def test_a_spoilt_panel_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, old: str, new: str, says: str
) -> None:
    file = copied(tmp_path) / f"spoilt{suffix}"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        panel.load(panels.place("spoilt"))
    if suffix == ".prompts.jsonl":
        with pytest.raises(ConfigError, match=says):
            panels.asked("spoilt", "all")


def test_texts_that_cannot_ship_are_found_by_hash_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    file = copied(tmp_path) / "spoilt.prompts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    gone = rows[0]["text"]
    rows[0]["text"] = None
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = panels.asked("spoilt", "all")
    panels.keep("spoilt", ["another text", gone])
    after = panels.asked("spoilt", "all")
    assert after.here == before.here + 1
    assert after.rows[0]["prompt"] == gone
    with pytest.raises(ConfigError, match="harness panel fetch spoilt"):
        panels.asked("spoilt", after.here + 1)


def test_another_panel_and_number_are_another_run_and_the_default_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["model=smollm2", "task=[panel]"]
    chosen = [config.compose([*words, *more]).tasks[0].panel for more in ([], ["panel=spoilt", "panel.prompts=all"])]
    assert [(one.name, one.prompts) for one in chosen if one] == [("alpaca_eval", 100), ("spoilt", "all")]
    assert config.compose(["model=smollm2", "task=[gsm8k]"]).tasks[0].panel is None
