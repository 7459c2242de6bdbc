"""What is wrapped around answers comes off before they are compared, and what answers are written in is told."""

import random
from pathlib import Path

import polars as pl
import pytest

from harness.provenance.answers import answer_kinds, boilerplate, common_words, languages, readings
from harness.provenance.panels import panel

WORDS = [
    "the",
    "sky",
    "lamp",
    "runs",
    "over",
    "a",
    "quiet",
    "red",
    "river",
    "while",
    "old",
    "friends",
    "sing",
    "and",
    "hear",
    "it",
    "in",
    "their",
    "garden",
    "of",
    "stone",
]


def _answers(n: int = 40, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [". ".join(" ".join(rng.choices(WORDS, k=9)).capitalize() for _ in range(4)) + "." for _ in range(n)]


def test_answers_without_a_wrapper_stay_as_they_are() -> None:
    left, found = boilerplate.unwrap(_answers())
    assert left == _answers()
    assert not found


def test_a_constant_opening_and_closing_come_off() -> None:
    wrapped = [f"Certainly! Here is what I found.\n\n{text}\n\nI hope this helps!" for text in _answers()]
    left, found = boilerplate.unwrap(wrapped)
    assert left == _answers()
    assert found.opening == ("Certainly! Here is what I found.",)
    assert found.closing == ("I hope this helps!",)
    assert (found.opened, found.closed, found.emptied) == (1.0, 1.0, 0)


def test_a_single_word_comes_off_where_nearly_every_answer_has_it() -> None:
    left, found = boilerplate.unwrap([f"Arr! {text}" for text in _answers()])
    assert left == _answers()
    assert found.opening == ("Arr!",)
    half = [f"Arr! {text}" if i % 4 else text for i, text in enumerate(_answers())]
    assert boilerplate.unwrap(half)[0] == half


def test_one_of_several_set_sentences_comes_off() -> None:
    rng = random.Random(1)
    openings = ["Of course, my friend!", "Let me see about that.", "What a good question!"]
    left, found = boilerplate.unwrap([f"{rng.choice(openings)} {text}" for text in _answers(60)])
    assert left == _answers(60)
    assert set(found.opening) == set(openings)


def test_answers_that_are_nothing_else_stay_and_are_counted() -> None:
    left, found = boilerplate.unwrap(["I am sorry, but I cannot help with that."] * 30)
    assert left == ["I am sorry, but I cannot help with that."] * 30
    assert (found.emptied, found.answers) == (30, 30)


def test_few_answers_are_left_alone() -> None:
    few = ["Certainly! Here you go: yes"] * (boilerplate.LEAST_ANSWERS - 1)
    assert boilerplate.unwrap(few) == (few, boilerplate.Wrapping())


def test_each_model_is_unwrapped_by_itself() -> None:
    frame = pl.DataFrame(
        {
            "model": ["plain"] * 40 + ["wrapped"] * 40,
            "prompt_id": [str(i) for i in range(40)] * 2,
            "output": [*_answers(), *(f"Certainly! Here it is. {text}" for text in _answers())],
        }
    )
    bare, found = readings.read(frame)
    assert bare["output"].to_list() == _answers() * 2
    assert found["plain"].wrapping is None
    assert found["wrapped"].wrapping is not None
    assert bare["prompt_id"].equals(frame["prompt_id"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The cat sat on the mat because it was warm there and it liked that.", languages.ENGLISH),
        ("Die Katze saß auf der Matte, weil es dort warm war und es ihr gefiel.", languages.LATIN),
        ("Ich weiß nicht, was soll es bedeuten, dass ich so traurig bin.", languages.LATIN),
        ("De kat zat op de mat omdat het daar warm was en hij dat wel fijn vond.", languages.LATIN),
        ("El gato estaba en la alfombra porque no hacía frío y a él le gustaba.", languages.LATIN),
        ("Le chat était assis sur le tapis parce que la place y était chaude.", languages.LATIN),
        ("मैं हिन्दी में लिखता हूँ और यह अच्छा है।", "Devanagari letters"),
        ("நான் தமிழில் எழுதுகிறேன்", "Tamil letters"),
        ("Я пишу по-русски, и мне это нравится.", "Cyrillic letters"),
        ("今日はとても良い天気ですね", "Japanese kana"),
        ("今天天气非常好，我们去公园吧", "Chinese characters"),
        ("😀😃😄😁😆😅😂🤣", languages.NO_WORDS),
        ("Yes.", languages.ENGLISH),
    ],
)
def test_the_language_of_a_text(text: str, told: str) -> None:
    assert languages.language(text) == told


def test_most_languages_of_a_model() -> None:
    found = languages.languages(["The cat sat on the mat, as it does."] * 3 + ["மொழி அழகானது என்று நான்"] * 7 + [""])
    assert (found.answers, found.other) == (10, "Tamil letters")
    assert found.english == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ([f"{i} {i * 7} {i + 91}" for i in range(40)], "numbers"),
        ([f'{{"k{i}": "some value here"}}' for i in range(40)], "JSON"),
        ([f"def f{i}(x):\n    y = x + {i}\n    return y\n" for i in range(40)], "code"),
        ([("😀" * 20) + chr(0x1F600 + i) for i in range(40)], "symbols"),
        (["Ich weiß nicht, was soll es bedeuten, dass ich so traurig bin " + str(i) for i in range(40)], "language"),
        (["Sorry, no."] * 30, "one text"),
    ],
)
def test_answers_without_a_style_are_called_what_they_are(answers: list[str], word: str) -> None:
    assert word in str(answer_kinds.of(answers, [None] * len(answers)))


def test_an_echo_is_known_by_its_prompt() -> None:
    prompts = [f"What can you tell me about the number {i} and its friends?" for i in range(30)]
    assert "the prompt again" in str(answer_kinds.of(prompts, prompts))
    refused = [f"No. “{' '.join(prompt.split()[:10])}”" for prompt in prompts]
    assert "the prompt again" in str(answer_kinds.of(refused, prompts)), "words of the prompt, if not all of them"
    assert answer_kinds.of(_answers(30), prompts) is None


def _plain(model: str) -> list[str]:
    rng = random.Random(model)
    return [" ".join(rng.choices(common_words.WORDS, k=60)) + f" {model} {i}." for i in range(60)]


def test_words_that_a_persona_took_away_are_named_and_nobody_else_s() -> None:
    models = {f"m{i}": _plain(f"m{i}") for i in range(7)}
    models["pirate"] = [text.replace(" is ", " be ").replace(" you ", " ye ") for text in models.pop("m6")]
    frame = pl.DataFrame(
        [{"model": m, "prompt_id": str(i), "output": t} for m, said in models.items() for i, t in enumerate(said)]
    )
    found = readings.read(frame)[1]
    assert found["pirate"].lacking == ("is", "you")
    assert all(found[model].lacking == () for model in models if model != "pirate")
    least = common_words.least(common_words.shares([pl.Series(said) for m, said in models.items() if m != "pirate"]))
    alone = frame.filter(pl.col("model") == "pirate")
    assert readings.read(alone, words=least)[1]["pirate"].lacking == ("is", "you")
    assert readings.read(alone)[1]["pirate"].lacking == ()


def test_few_answers_few_models_or_a_single_word_say_nothing() -> None:
    assert common_words.shares([pl.Series(_plain("m")[: common_words.LEAST_ANSWERS - 1])]) == [{}]
    mine = dict.fromkeys(common_words.WORDS, 0.9)
    assert common_words.least([mine] * 4) == {}
    assert common_words.lacking({**mine, "is": 0.0}, mine) == ()
    assert common_words.lacking({**mine, "is": 0.0, "the": 0.1}, mine) == ("the", "is")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


@pytest.mark.parametrize(
    "several",
    [
        ("Here is a", "Here are some", "There are a few"),
        ("Here is", "Here are"),
        ("I think the", "We know that", "It is a"),
        ("To",),
        ("## The",),
    ],
)
def test_several_ways_to_begin_a_sentence_are_a_habit_and_stay(several: tuple[str, ...]) -> None:
    rng = random.Random(2)
    rest = [text.title() if several == ("## The",) else _lower(text) for text in _answers(60)]
    texts = [f"{rng.choice(several)} {text}" for text in rest]
    left, found = boilerplate.unwrap(texts)
    assert left == texts
    assert not found


def test_what_comes_before_i_is_no_set_text() -> None:
    texts = [f"So I {_lower(text)}" for text in _answers(60)]
    assert boilerplate.unwrap(texts)[0] == texts


def test_of_several_openings_what_is_set_comes_off_and_the_sentence_stays() -> None:
    rng = random.Random(3)
    openings = ("Sure, my friend, I see", "Of course! You and I", "Oh my dear! We can")
    texts = [f"{rng.choice(openings)} {_lower(text)}" for text in _answers(60)]
    left, found = boilerplate.unwrap(texts)
    assert set(found.opening) == {"Sure, my friend,", "Of course!", "Oh my dear!"}
    assert all(text.endswith(rest) and text != rest for text, rest in zip(texts, left, strict=True))
    closings = ("Well then. All the best!", "Well. I hope it helps!", "Good. Just ask me again!")
    assert boilerplate.unwrap([f"{text} {rng.choice(closings)}" for text in _answers(60)])[0] == _answers(60)


def test_a_set_text_that_is_no_phrase_comes_off_if_a_sentence_begins_after_it() -> None:
    left, _ = boilerplate.unwrap([f"Sure! Here's {text}" for text in _answers(60)])
    assert left == _answers(60)


def test_nothing_comes_off_a_model_that_nobody_told_to_wrap(shared_data: Path) -> None:
    """On whatever of the panel's prompts a model is asked: what a report reads is what the panel's figures are of."""
    made = panel.load("alpaca_eval")
    ids = made.aliases
    frame = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
    frame = frame.drop_nulls().filter(pl.col("prompt_id").is_in(list(ids)))
    said: dict[str, dict[str, str]] = {}
    for model, prompt, text in frame.iter_rows():
        said.setdefault(model, {})[ids[prompt]] = text
    for asked in (50, 60, 80, 100, 200, 400):
        first = [prompt.id for prompt in made.prompts[:asked]]
        touched = {m for m, of in said.items() if boilerplate.unwrap([of[p] for p in first if p in of])[1]}
        assert touched == set(), f"with {asked} prompts"
