"""Panels of 2025 and 2026: what ships, several asked within one budget, and what is said of their own models."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from api_server import Answer, chat, serving

from harness.cli import config
from harness.core import panels, prompt_id
from harness.errors import ConfigError
from harness.evaluation import evaluate
from harness.provenance.comparison import registry, similarity
from harness.provenance.panels import panel, prompt_order
from harness.provenance.validation import panel_figures
from harness.provenance.verdicts import pools, reports
from harness.results import derivation, store
from harness.results.report import page

MODERN = ("lineage_bench", "misguided_attention", "multivac", "slop_score", "speechmap")
STEALTH = ("optimus-alpha(gpt-4.1", "quasar-alpha(gpt-4.1", "horizon-alpha(gpt-5")
ASKED = ("slop_score", "speechmap", "misguided_attention")
"""Of `panel=modern`, in its order."""


@pytest.mark.parametrize("name", MODERN)
def test_a_panel_that_ships_is_in_order_ranked_and_holds_every_prompt(name: str) -> None:
    made = panel.load(name)
    assert panel.check(name) == []
    assert all(prompt.text is not None and panel.FREE.match(prompt.licence) for prompt in made.prompts)
    ranked = [prompt.rank for prompt in made.prompts if prompt.rank is not None]
    assert ranked == list(range(1, len(ranked) + 1))
    assert len(ranked) == len(made.prompts) or name == "multivac"  # half of whose prompts few models answered
    assert panels.asked(name, "all").here == len(made.prompts)
    assert all(entry.facts.lab for entry in made.entries.values())
    assert made.same or name == "multivac"  # which says that it is too small


@pytest.mark.parametrize("name", ["alpaca_eval", *MODERN])
def test_a_panel_that_ships_asks_in_the_order_that_its_own_fingerprints_give(name: str) -> None:
    made = panel.load(name)
    found = prompt_order.ranked(made.prints)
    assert {prompt.id: prompt.rank for prompt in made.prompts if prompt.rank is not None} == found


def test_long_answers_have_their_endings_where_no_limit_cut_them() -> None:
    """Nine in ten answers of slop_score are longer than the limit that two other sets were cut at."""
    made = panel.load("slop_score")
    assert similarity.read(made.prints, "closings").sum() > 0.9 * made.prints.answered.sum()


def test_the_panels_that_ship_are_small() -> None:
    assert sum(path.stat().st_size for path in panels.SHIPPED.iterdir()) < 15_000_000


def test_an_alias_is_nobody_in_particular() -> None:
    for name, model in (("multivac", "deepseek-v3"), ("speechmap", "chatgpt-4o-latest")):
        entry = panel.load(name).entries[model]
        assert entry.alias
        assert entry.facts.released is None
        assert not entry.facts.bases
    told = registry.panel_facts().models["deepseek-v3"]  # of speechmap, where it is V3 of December 2024
    assert told["released"] == "2024-12"
    assert "chatgpt-4o-latest" not in registry.panel_facts().models


def test_a_budget_asks_as_many_panels_as_it_has_fifties_for() -> None:
    def counts(budget: int | str) -> dict[str, int]:
        return {one.panel: len(one.rows) for one in panels.shared(ASKED, budget)}

    assert counts(30) == {"slop_score": 30}
    assert counts(99) == {"slop_score": 99}
    assert counts(100) == {"slop_score": 50, "speechmap": 50}
    assert counts(200) == {"slop_score": 74, "speechmap": 74, "misguided_attention": 52}
    assert counts("all") == {"slop_score": 150, "speechmap": 300, "misguided_attention": 52}
    assert counts(502) == counts("all")
    first = [row["prompt_id"] for row in panels.asked("speechmap", 50).rows]
    assert [row["prompt_id"] for row in panels.shared(ASKED, 100)[1].rows] == first
    with pytest.raises(ConfigError, match=r"503: the panels .* have 502 prompts"):
        panels.shared(ASKED, 503)
    with pytest.raises(ConfigError, match="modern asks several panels"):
        panels.place("modern")
    with pytest.raises(ConfigError, match="there twice"):
        panels.shared(("speechmap", "speechmap"), 100)


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A results folder in which a model that is sold under another name was asked `panel=modern`."""
    root, held = tmp_path_factory.mktemp("user"), {}
    prompts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet")
    for name in ASKED:
        answers = pl.read_parquet(shared_data / "outputs" / f"{name}.parquet").filter(pl.col("model") == "deepseek-r1")
        both = answers.join(prompts.filter(pl.col("corpus") == name), on="prompt_id")
        held |= {prompt_id(prompt): output for prompt, output in both.select("prompt", "output").iter_rows()}

    def behave(body: dict[str, object], _: int) -> Answer:
        (message,) = body["messages"]  # type: ignore[misc]
        return Answer(chat(held[prompt_id(message["content"])]))

    (root / "conf" / "model").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, serving(behave) as server:
        patch.chdir(root)
        (root / "conf" / "model" / "mystery.yaml").write_text(
            "# @package models.mystery\nname: mystery\nbackend: openai_chat\nparallel: 8\nprice: own-hardware\n"
            f'args: {{model: m, base_url: "{server.url}/v1"}}\nreleased: 2025-11\nlab: somebody\n'
        )
        evaluate(config.compose(["model=mystery", "task=[panel]", "panel=modern", "panel.prompts=150"]))
        derivation.refresh(root / "results")
        yield root / "results"


@pytest.mark.slow
def test_one_command_asks_several_panels_and_each_gives_its_finding(results: Path) -> None:
    found = derivation.findings(results)
    assert set(found) == {("mystery", name) for name in ASKED}, "and no set of its own besides"
    for one in found.values():
        assert one.suspect_prompts <= 50
        assert one.same_model is not None
        assert (one.same_model.other, one.same_model.verdict) == ("deepseek-r1", "strict")
    rows = store.query(results, "SELECT task, verdict, finding FROM evidence WHERE model = 'mystery' ORDER BY task")
    assert rows["task"].to_list() == sorted(ASKED)
    assert {json.loads(finding)["same_model"]["other"] for finding in rows["finding"]} == {"deepseek-r1"}
    told = derivation.suspect_report(results, "mystery", by_domain=False)
    assert {one["corpus"] for one in told["corpora"]} == set(ASKED)
    assert derivation.board(results).findings["mystery"]
    assert {drawn["task"] for drawn in page.contents(results)["panels"]} == set(ASKED)


def test_stealth_releases_find_their_model_and_no_other_lab() -> None:
    made = panel.load("misguided_attention")
    optimus, quasar, horizon = (f"{name}-stealth)" for name in STEALTH)
    seen = {look.suspect: look for look in panel_figures.looks(made, suspects={optimus, quasar, horizon})}
    assert seen[optimus].same is not None
    assert (seen[optimus].same.other, seen[optimus].same.verdict) == ("gpt-4.1", "strict")  # type: ignore[union-attr]
    assert seen[optimus].nearest is not None
    assert seen[optimus].nearest[0] == "gpt-4.1"  # type: ignore[index]
    assert seen[optimus].lab == "lab openai"
    for said in (seen[quasar], seen[horizon]):
        assert {lab for lab, _ in said.named} <= {"lab openai"}
        assert said.same is not None
        assert said.same.verdict == "no evidence" or made.facts[said.same.other].lab == "openai"


def test_a_panels_figures_stand_beside_their_baseline() -> None:
    made = panel.load("slop_score")
    figures = {figure.name: figure for figure in panel_figures.figures(made, panel_figures.looks(made))}
    nearest = figures["nearest by calibrated score is of the same lab"]
    assert (nearest.value or 0) > (figures["… always the lab with most models"].value or 1)
    assert (figures["unrelated labs named"].value or 0) <= 0.05
    assert figures["documented versions named as the same model"].value == 1
    assert "gemma-3-27b-it-antislop" in panel_figures.text(made, figures.values())


def test_a_suspect_of_2025_on_the_panel_of_2024_is_told_which_one_has_later_models() -> None:
    old = panel.load("alpaca_eval")
    (said,) = pools._later(old, "mine", "2025-11")
    assert "alpaca_eval is of 2024-08, and mine is of 2025-11" in said
    assert "panel=modern" in said
    assert pools._later(old, "mine", "2024-11") == ()
    assert pools._later(panel.load("slop_score"), "mine", "2026-03") == ()


def test_whole_traces_are_read_against_the_panel_of_traces_and_answers_are_not(shared_data: Path) -> None:
    prompts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "lineage_bench")
    held = pl.read_parquet(shared_data / "outputs" / "lineage_bench.parquet")
    mine = held.filter((pl.col("model") == "kimi-k2-thinking") & (pl.col("period") == "2025-11/12"))
    asked = mine.join(prompts.select("prompt_id", "prompt"), on="prompt_id", maintain_order="left").head(60)
    ids = [prompt_id(text) for text in asked["prompt"]]
    told = {"version": "1", "model": "mystery", "alias": None, "domain": "reasoning", "repeat": 0, "cut": False}
    rows = asked.select(
        "prompt",
        "output",
        "reasoning",
        prompt_id=pl.Series(ids),
        **{key: pl.lit(value, dtype=pl.String if value is None else None) for key, value in told.items()},
    )
    texts = rows.drop("reasoning").with_columns(task=pl.lit("panel"))
    traces = rows.drop("output").rename({"reasoning": "output"}).with_columns(task=pl.lit("panel (traces: full)"))
    answers = pl.concat([texts, traces.select(texts.columns)])
    (pool,) = pools.every(answers, pools.registry(), {}, None)
    assert (pool.corpus, pool.traces, pool.suspects) == ("lineage_bench", "full", {"mystery"})
    (found,) = reports.findings([pool], ["mystery"], interval=False, by_domain=False)
    assert found.same_model is not None
    assert (found.same_model.other, found.same_model.verdict) == ("kimi-k2-thinking", "strict")
    summaries = answers.filter(pl.col("task") == "panel").with_columns(task=pl.lit("panel (traces: summary)"))
    assert all(pool.corpus != "lineage_bench" for pool in pools.every(summaries, pools.registry(), {}, None))


def test_a_model_has_one_finding_by_a_name_where_a_task_is_called_like_a_panel(shared_data: Path) -> None:
    prompts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet").filter(
        pl.col("corpus") == "misguided_attention"
    )
    held = pl.read_parquet(shared_data / "outputs" / "misguided_attention.parquet")
    few, many = ("claude-3-haiku-20240307", "gpt-4-turbo"), ("gpt-4.1", "o3-mini")
    mine = held.filter(pl.col("model").is_in([*few, *many])).unique(["model", "prompt_id"], maintain_order=True)
    rows = mine.join(prompts.select("prompt_id", "prompt"), on="prompt_id", maintain_order="left")
    answers = rows.select(
        "model", "prompt_id", "prompt", "output", task=pl.lit("misguided_attention"), version=pl.lit("1"),
        alias="prompt_id", domain=pl.lit("reasoning"), repeat=pl.lit(0), cut=pl.lit(value=False),
    )  # fmt: skip
    found = pools.every(answers, pools.registry(), {}, None)
    asked = [(pool.panel, model) for pool in found for model in pool.prints.models if pool.asks(model)]
    assert sorted(asked) == [(False, few[0]), (False, few[1]), (True, many[0]), (True, many[1])]
