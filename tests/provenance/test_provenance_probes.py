"""What the probes promise: arbitrary choices, refusals, next words, and names that are offered."""

import numpy as np
import polars as pl
import pytest
from clocks import cpu_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provenance.answers.family_names import plain_text
from harness.provenance.probes import choices, next_words, refusals, suggested

ANSWERS = ["model", "prompt_id", "output"]


def _picks(shares: dict[str, dict[str, float]], questions: int = 20, samples: int = 8, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (model, f"q{q}", f"{rng.choice(list(share), p=list(share.values()))}{q}")
        for model, share in shares.items()
        for q in range(questions)
        for _ in range(samples)
    ]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


@pytest.mark.parametrize(
    ("answer", "picked"),
    [
        ("42", "42"),
        ("Blue.", "blue"),
        ("I'd pick **Elara**!", "elara"),
        ("Sure, 7", "7"),
        ("A dog", "dog"),
        ("Heads", "heads"),
        ("the", "the"),
        ("蓝色", "蓝色"),
        ("", None),
        ("...", None),
    ],
)
def test_a_choice_is_read_past_polite_words_and_marks(answer, picked):
    assert choices.choice(answer) == picked


def test_one_distribution_is_not_told_apart_and_two_are():
    same = {"a": 0.5, "b": 0.3, "c": 0.2}
    frame = _picks({"m1": same, "m2": same, "m3": {"x": 0.9, "a": 0.1}})
    found = {(r["model_a"], r["model_b"]): r for r in choices.agreements(frame).rows(named=True)}
    assert found["m1", "m2"]["p"] > 0.05
    assert found["m1", "m2"]["value"] == pytest.approx(found["m1", "m2"]["expected"], abs=0.06)
    assert found["m1", "m3"]["p"] == 1 / (choices.SHUFFLES + 1)
    assert found["m1", "m3"]["ci_high"] < found["m1", "m2"]["ci_low"]


def test_the_shuffle_is_a_fair_test_of_one_distribution():
    same = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    p = [choices.agreements(_picks({"m1": same, "m2": same}, 10, 6, seed))["p"].item() for seed in range(60)]
    assert sum(v <= 0.05 for v in p) <= 9  # 60 x .05 = 3; more than 9 has probability .001
    assert np.mean(p) > 0.3


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([f"q{i}" for i in range(6)]), st.sampled_from("xyz")),
        max_size=80,
    )
)
def test_choices_are_between_0_and_1_and_do_not_depend_on_order(rows):
    frame = pl.DataFrame(rows, schema=ANSWERS, orient="row")
    found = choices.agreements(frame)
    assert found.equals(choices.agreements(frame.reverse()))
    for row in found.rows(named=True):
        assert 0 <= row["value"] <= 1
        assert 0 < row["p"] <= 1


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI, I must decline.",
        "对不起，我还没有学会回答这个问题。",
        "很抱歉，我无法提供这方面的信息。",
        "I won’t write this essay.",
    ],
)
def test_a_refusal_is_seen(text):
    assert refusals.refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Here is an essay about free speech.",
        "The minister said he was sorry.",
        "Nobody can assist everyone.",
        "当然，下面是一篇文章。",
    ],
)
def test_an_answer_is_no_refusal(text):
    assert not refusals.refused(text)


@given(st.text(st.sampled_from("I can't help \u200b\u00ad\u0301\u1100\u1161ﬁ①無法协助。"), max_size=2000))
def test_the_start_of_an_answer_is_that_of_its_plain_text(text):
    assert refusals._start(text) == plain_text(text)[: refusals.READ]


@given(st.from_regex(refusals.PLAIN.replace("$", r"\Z")))
def test_texts_that_are_taken_as_plain_are_their_own_plain_text(text):
    assert plain_text(text) == text


def test_many_answers_are_read_as_each_is():
    said = [
        "I’m sorry, I can’t help with that.",
        "Sure – here it is…",
        "I\u200b can't help",
        "Ｉ can’t help",
        None,
        "对不起",
        "",
    ]
    assert refusals._declined(pl.Series(said)).to_list() == [bool(text) and refusals.refused(text) for text in said]


def test_refusals_of_many_models_take_no_longer_than_a_few_products_of_matrices():
    rng = np.random.default_rng(0)
    rows = [(f"m{m:03}", f"p{p}", "x", bool(rng.random() < 0.4)) for m in range(120) for p in range(300)]
    answers = pl.DataFrame(rows, schema=[*ANSWERS, "refused"], orient="row")
    refusals.agreements(answers.head(300))  # loads libraries
    before = cpu_seconds()
    found = refusals.agreements(answers)
    assert len(found) == 120 * 119 // 2
    assert cpu_seconds() - before < 4  # pair by pair it took 6


def _refusing(rng, same):
    """Refusals of ten models over 200 prompts of uneven difficulty; `same` is how often b does what a does."""
    hard = rng.normal(size=200)
    r = {m: rng.random(200) < 1 / (1 + np.exp(-hard)) for m in "abcdefghij"}
    r["b"] = np.where(rng.random(200) < same, r["a"], r["b"])
    rows = [(m, f"p{i:03}", "text", bool(v)) for m, x in r.items() for i, v in enumerate(x)]
    return pl.DataFrame(rows, schema=[*ANSWERS, "refused"], orient="row")


def test_shared_refusals_show_beyond_the_margins_and_hard_prompts_do_not():
    found = refusals.agreements(_refusing(np.random.default_rng(1), 0.6))
    by = {(r["model_a"], r["model_b"]): r for r in found.rows(named=True)}
    assert by["a", "b"]["p"] <= 0.01
    assert by["a", "b"]["ci_low"] > by["a", "b"]["expected"]
    assert [pair for pair, r in by.items() if pair != ("a", "b") and r["p"] <= 0.01] == []


def test_refusals_of_independent_models_are_uniform_enough():
    p = [v for seed in range(12) for v in refusals.agreements(_refusing(np.random.default_rng(seed), 0))["p"]]
    assert np.mean(np.array(p) <= 0.05) <= 0.15


def _words(**likeliest: list[int]) -> pl.DataFrame:
    rows = [
        (model, f"p{i:02}", [0.0 if k == word else -1.0 - k for k in range(4)])
        for model, words in likeliest.items()
        for i, word in enumerate(words)
    ]
    return pl.DataFrame(
        rows, schema={"model": pl.String, "prompt_id": pl.String, "loglikelihoods": pl.List(pl.Float64)}, orient="row"
    )


def test_a_relative_agrees_more_than_unrelated_models_do():
    rng = np.random.default_rng(0)
    base = rng.integers(4, size=40).tolist()
    child = [w if rng.random() < 0.9 else int(rng.integers(4)) for w in base]
    frame = _words(
        qwen_a=base, qwen_b=child, smollm=rng.integers(4, size=40).tolist(), gemma=rng.integers(4, size=40).tolist()
    )
    found = {(r["model_a"], r["model_b"]): r for r in next_words.agreements(frame, {}).rows(named=True)}
    kin = found["qwen_a", "qwen_b"]
    assert kin["p"] < 0.01
    assert kin["value"] > 0.8
    assert kin["expected"] < 0.5
    assert found["gemma", "smollm"]["p"] > 0.05


def test_without_a_control_there_is_no_p_value():
    frame = _words(smollm=[0] * 30, smollm_warm=[0] * 30)
    row = next_words.agreements(frame, {"smollm_warm": "smollm"}).row(0, named=True)
    assert (row["value"], row["p"], row["expected"]) == (1.0, None, None)


SUGGESTED = ["model", "wording", "output", "family", "language", "system"]


@pytest.mark.parametrize(
    ("answer", "family", "agrees"),
    [
        ("Yes, I am ChatGPT, made by OpenAI.", "OpenAI", True),
        ("Yes.", "OpenAI", True),
        ("Yes, that is correct!", "Google", True),
        ("是的，我是ChatGPT。", "OpenAI", True),
        ("对，没错。", "DeepSeek", True),
        ("No, I am Claude.", "OpenAI", False),
        ("Yes, I am an AI, but I am not ChatGPT.", "OpenAI", False),
        ("不是，我是通义千问。", "OpenAI", False),
        ("I am Qwen, made by Alibaba Cloud.", "OpenAI", False),
        ("I am Zorvane, a model by Nuvantis.", "(invented)", True),
        ("Yes, I am Zorvane.", "(invented)", True),
        ("I do not know Pelloquin.", "(invented)", False),
        ("", "OpenAI", False),
    ],
)
def test_agreeing_to_a_name_is_told_from_denying_it(answer, family, agrees):
    assert suggested.agrees(answer, family) is agrees


def _offered(rates: dict[str, float], n: int = 40) -> list[tuple]:
    return [
        (
            "yes_man" if "yes" in rates else "qwen_x",
            i,
            "Yes." if i < rate * n else "No.",
            family,
            "en" if i % 2 else "zh",
            "",
        )
        for family, rate in rates.items()
        if family != "yes"
        for i in range(n)
    ]


def test_a_model_that_agrees_to_everything_has_no_excess():
    rows = _offered({"yes": 1, "OpenAI": 1.0, "(invented)": 1.0}) + _offered({"OpenAI": 0.5, "(invented)": 0.05})
    frame = pl.DataFrame(rows, schema=SUGGESTED, orient="row")
    found = {(r["model"], r["family"], r["condition"]): r for r in suggested.rates(frame, {}).rows(named=True)}
    assert found["yes_man", "OpenAI", "all"]["excess"] == 0
    assert found["yes_man", "OpenAI", "all"]["excess_low"] < 0 < found["yes_man", "OpenAI", "all"]["excess_high"]
    clear = found["qwen_x", "OpenAI", "all"]
    assert clear["share"] == 0.5
    assert clear["excess"] == pytest.approx(0.45)
    assert clear["excess_low"] > 0.2
    assert {c for _, _, c in found} == {"all", "en", "zh", "no system message"}
    assert clear["base_n"] == 0  # yes_man's name tells no family


def test_the_base_rate_is_that_of_models_of_other_families():
    rows = [
        (model, i, "Yes." if model == "llama_1" and family == "OpenAI" else "No.", family, "en", "")
        for model in ("qwen_a", "llama_1", "gpt_b")
        for family in ("OpenAI", "(invented)")
        for i in range(20)
    ]
    frame = pl.DataFrame(rows, schema=SUGGESTED, orient="row")
    found = {
        (r["model"], r["family"]): r
        for r in suggested.rates(frame, {}).filter(pl.col("condition") == "all").rows(named=True)
    }
    row = found["qwen_a", "OpenAI"]
    assert (row["base_n"], row["base_above"], row["base_excess"]) == (1, 1, 1.0)  # gpt_b is of the family, and left out
