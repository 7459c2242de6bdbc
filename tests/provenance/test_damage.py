"""What a file did to answers is undone, and nothing else is touched."""

import html
import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers import damage, readings
from harness.provenance.comparison.finding import Finding
from harness.provenance.panels import panel
from harness.provenance.verdicts import notices

PROMPT = 'What is said of number {}, "in full"?'
ANSWERS = [
    f"It's number {i}. Some say \"it is odd\", others don't.\n\nHere is a list:\n- one of {i}\n- a second one\n\nThat is all."
    for i in range(40)
]


def _undone(answers: list[str], prompts: list[str | None] | None = None) -> tuple[list[str], tuple[str, ...]]:
    asked = prompts or [PROMPT.format(i) for i in range(len(answers))]
    frame = pl.DataFrame({"model": "a", "prompt": asked, "output": answers})
    found, told = damage.undone(frame)
    return found["output"].to_list(), told.get("a", ())


DAMAGED: dict[str, Callable[[str, str], str]] = {
    "behind the prompt": lambda said, asked: f"{asked}\n\n{said}",
    "question and answer": lambda said, asked: f"Question: {asked}\nAnswer: {said}",
    "llama's marks": lambda said, asked: f"<s>[INST] {asked} [/INST] {said}",
    "alpaca's marks": lambda said, asked: f"### Instruction:\n{asked}\n\n### Response:\n{said}",
    "chatml": lambda said, asked: f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n{said}",
    "quoted": lambda said, asked: f"You asked: “{asked}”\n\n{said}",
    "JSON object": lambda said, _: json.dumps({"answer": said}),
    "JSON object with numbers": lambda said, _: json.dumps({"id": 7, "text": said, "ok": True}),
    "JSON text": lambda said, _: json.dumps(said),
    "Python's list": lambda said, _: repr([said]),
    "escaped": lambda said, _: json.dumps(said)[1:-1],
    "entities": lambda said, _: html.escape(said),
    "old line ends": lambda said, _: said.replace("\n", "\r"),
    "Windows": lambda said, _: said.replace("\n", "\r\n"),
    "invisible": lambda said, _: "\ufeff" + said.replace(" ", " \u200b"),
    "line breaks twice": lambda said, _: said.replace("\n", "\n\n"),
    "sources": lambda said, _: said.replace(". ", " [1][12]. ") + "【4†source】",
    "line breaks of HTML": lambda said, _: html.escape(said).replace("\n", "<br/>"),
}


@pytest.mark.parametrize("way", sorted(DAMAGED))
def test_what_most_answers_suffered_is_undone(way: str) -> None:
    damaged = [DAMAGED[way](said, PROMPT.format(i)) for i, said in enumerate(ANSWERS)]
    found, told = _undone(damaged)
    assert found == ANSWERS
    silent = way in {"old line ends", "Windows", "invisible"}  # these mean the same
    assert bool(told) != silent
    assert all("40 of 40" in text for text in told)


def test_html_becomes_lines() -> None:
    page = ["<div><p>It&#39;s so.</p>\n<ul><li>one</li><li>two</li></ul><p>All of <em>it</em>.</p></div>"] * 12
    found, told = _undone(page)
    assert found == ["It's so.\n\n- one\n- two\n\nAll of it."] * 12
    assert told == ("12 of 12 were in HTML",)


@pytest.mark.parametrize("way", sorted(DAMAGED))
def test_a_few_such_answers_are_left_alone(way: str) -> None:
    some = [DAMAGED[way](said, PROMPT.format(i)) if i < damage.LEAST - 1 else said for i, said in enumerate(ANSWERS)]
    found, told = _undone(some)
    assert told == ()
    assert found[damage.LEAST :] == ANSWERS[damage.LEAST :]
    if way not in {"old line ends", "Windows", "invisible"}:
        assert found == some


@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=30),
    st.sampled_from(["", "{", "[", '"', "<p>", "\\n", "&quot;"]),
)
def test_whatever_answers_are_none_is_lost_and_nobody_elses_is_touched(texts: list[str], begin: str) -> None:
    mine = [begin + text for text in texts] + [None]  # type: ignore[list-item]
    frame = pl.DataFrame(
        {"model": ["a"] * len(mine) + ["b"] * len(ANSWERS), "prompt": None, "output": mine + ANSWERS},
        schema_overrides={"output": pl.String, "prompt": pl.String},
    )
    found, told = damage.undone(frame)
    assert found["model"].to_list() == frame["model"].to_list()
    assert found.filter(pl.col("model") == "b")["output"].to_list() == ANSWERS
    assert "b" not in told
    assert len(found.filter(pl.col("output").is_not_null())) >= len(texts) + len(ANSWERS)


def test_an_answer_that_is_its_prompt_and_nothing_else_stays() -> None:
    prompts = [PROMPT.format(i) for i in range(40)]
    assert _undone(list(prompts), prompts) == (prompts, ())  # type: ignore[arg-type]
    refused = [f"I cannot help you with “{prompt}”." for prompt in prompts]
    assert _undone(refused, prompts) == (refused, ())  # type: ignore[arg-type]


def test_halves_of_a_character_become_one_and_alone_none_is_written() -> None:
    found, _ = _undone([r"A smile: \ud83d\ude00\nand half of one: \ud83d"] * 12)
    assert found == ["A smile: \U0001f600\nand half of one: \ufffd"] * 12


ERROR = "Error 429: too many requests. Try again in 20 seconds, or ask for a higher limit."


@pytest.mark.parametrize("nothing", ["nan", "NaN", " null\n", "None", "<NA>"])
def test_what_a_table_writes_where_it_has_nothing_is_no_answer(nothing: str) -> None:
    found, told = _undone([nothing if i % 2 else said for i, said in enumerate(ANSWERS)])
    assert found == ["" if i % 2 else said for i, said in enumerate(ANSWERS)]
    assert told == ("20 of 40 said “nan” or the like, which is left out",)
    few = [nothing if i < damage.LEAST - 1 else said for i, said in enumerate(ANSWERS)]
    assert _undone(few) == (few, ())


def test_one_text_in_place_of_many_answers_is_none() -> None:
    mixed = [*ANSWERS, *[f" {ERROR}\n"] * damage.REPEATED]
    found, told = _undone(mixed)
    assert found == [*ANSWERS, *[""] * damage.REPEATED]
    assert told == (f"10 of 50 were one text, which is left out: “{ERROR[:59]}…”",)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([*ANSWERS, *[ERROR] * (damage.REPEATED - 1)], "a few"),
        ([*ANSWERS, *["(B)"] * 20], "so short a text is an answer"),
        ([*ANSWERS[: damage.LEAST_LEFT - 1], *[ERROR] * 20], "too little would be left"),
        ([f"{said} {i}" for i in range(20) for said in ANSWERS] + [ERROR] * 20, "a small share"),
    ],
)
def test_one_text_stays(texts: list[str], why: str) -> None:
    assert _undone(texts) == (texts, ()), why


def test_one_text_in_answer_to_few_prompts_or_by_most_models_or_to_one_formula_stays() -> None:
    answers = [*ANSWERS, *[ERROR] * 20]
    frame = pl.DataFrame(
        {"model": "a", "prompt_id": [f"p{i % 9 if i >= 40 else i}" for i in range(60)], "output": answers}
    )
    assert damage.undone(frame)[1] == {}, "asked nine prompts again and again"
    each = frame.with_columns(prompt_id=pl.Series([f"p{i}" for i in range(60)]))
    assert set(damage.undone(each)[1]) == {"a"}
    assert damage.undone(each, formulaic=True)[1] == {}
    both = pl.concat([each, each.with_columns(model=pl.lit("b"))])
    assert damage.undone(both, alone=True)[1] == {}
    assert set(damage.undone(both)[1]) == {"a", "b"}
    other = each.with_columns(model=pl.lit("c"), output=pl.Series([f"{text} {i}" for i, text in enumerate(answers)]))
    assert set(damage.undone(pl.concat([each, other]), alone=True)[1]) == {"a"}


def test_code_that_counts_is_no_list_of_sources() -> None:
    code = [f"Use `x[{i}]` here. It is:\n\n```\nx[1] = y[2]\nz = [3]\n```\nThe last is x[-1]." for i in range(40)]
    assert _undone(code) == (code, ())  # type: ignore[comparison-overlap]


def test_lost_line_breaks_are_told() -> None:
    long = [" ".join([said.replace("\n", " ")] * 8) for said in ANSWERS]
    frame = pl.DataFrame({"model": "a", "output": long})
    words = "40 of 40 longer answers have no line break"
    assert damage.lost(frame) == {"a": words}
    assert damage.lost(frame[: damage.LEAST_LONG - 1]) == {}
    assert damage.lost(pl.DataFrame({"model": "a", "output": [said.replace("\n", " ") for said in ANSWERS]})) == {}, (
        "short"
    )
    broken = pl.DataFrame({"model": "b", "output": [f"{said}\n{said}" for said in long]})
    assert damage.lost(pl.concat([frame, broken]), alone=True) == {"a": words}
    assert damage.lost(frame, alone=True) == {}, "that is the way of this set"
    few = pl.concat([broken[:5].with_columns(model=pl.lit("a")), frame])
    assert damage.lost(few) == {}
    assert readings.read(frame, words={})[1]["a"].lost == words


def test_a_report_says_what_was_undone() -> None:
    frame = pl.DataFrame({"model": "a", "prompt": [PROMPT.format(i) for i in range(40)],
                          "output": [json.dumps([said]) for said in ANSWERS]})  # fmt: skip
    _, found = readings.read(frame)
    assert found["a"].damaged == ("40 of 40 were in JSON",)
    assert notices._damaged("a", found["a"].damaged) == (
        "Before anything was compared, this was undone in a's answers: 40 of 40 were in JSON.",
    )
    assert notices._damaged("a", ()) == ()


def test_no_public_model_is_touched(shared_data: Path) -> None:
    texts = pl.read_parquet(shared_data / "outputs" / "prompts.parquet")
    for name in ("alpaca_eval", "misguided_attention", "speechmap", "slop_score", "multivac"):
        asked = texts.filter(pl.col("corpus") == name).select("prompt_id", "prompt")
        frame = pl.read_parquet(shared_data / "outputs" / f"{name}.parquet", columns=["model", "prompt_id", "output"])
        frame = frame.join(asked, on="prompt_id", how="left")
        told = damage.undone(frame)[1]
        refused = {
            "gpt-oss-120b": ("49 of 300 were one text, which is left out: “I’m sorry, but I can’t help with that.”",)
        }
        assert told == (refused if name == "speechmap" else {}), name
        assert damage.lost(frame) == {}, name


@pytest.mark.parametrize("way", ["llama's marks", "escaped", "JSON object", "entities"])
def test_damage_neither_hides_a_student_nor_accuses_the_innocent(shared_data: Path, way: str) -> None:
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
    for model, labs in (("nous-hermes-13b", ["openai"]), ("guanaco-33b", [])):
        found = _found(model, frame.filter(pl.col("model") == model), DAMAGED[way])
        assert [lab.lab for lab in found.named] == labs
        assert any("undone" in note for note in found.notes)


def _found(model: str, answers: pl.DataFrame, change: Callable[[str, str], str]) -> Finding:
    from harness.provenance.verdicts import pools, reports

    made = panel.load("alpaca_eval")
    asked = {prompt.id: prompt.text or f"prompt {random.Random(prompt.id).random()}" for prompt in made.prompts}
    rows = [
        (made.aliases[p], said) for p, said in answers.select("prompt_id", "output").iter_rows() if p in made.aliases
    ]
    frame = pl.DataFrame(
        {
            "task": "t", "version": "1", "model": model, "prompt_id": [p for p, _ in rows], "alias": None,
            "prompt": [asked[p] for p, _ in rows], "domain": None, "repeat": 0,
            "output": [change(said, asked[p]) for p, said in rows], "cut": False,
        },
        schema_overrides={"alias": pl.String, "domain": pl.String},
    )  # fmt: skip
    pool = pools.against("alpaca_eval", frame, model, (), pools.registry(), {})
    (found,) = reports.findings([pool], [model], interval=False, by_domain=False)
    return found
