"""Answers as tokens: what every provenance channel reads."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers import texts


def _frame(*answers: str) -> pl.DataFrame:
    return pl.DataFrame({"model": "m", "prompt_id": [str(i) for i in range(len(answers))], "output": list(answers)})


def _head(answer: str) -> texts.Tokens:
    return next(texts.heads(texts.answers(_frame(answer))[0]))


def test_a_token_hash_is_the_same_on_every_machine_and_version() -> None:
    # These values must NOT be changed: stored fingerprints are made of them.
    assert texts.token_hash("the") == 3331141520948189790
    assert texts.token_hash("é") == 3394012004367669963


def test_what_a_model_calls_itself_is_masked() -> None:
    one, other = _head("I am ChatGPT, made by OpenAI."), _head("I am Claude, made by Anthropic.")
    assert (one.token == other.token).all()


def test_long_and_short_answers_are_read_up_to_the_same_length() -> None:
    long = _head(" ".join(f"word{i}" for i in range(5000)))
    assert len(long.token) <= texts.HEAD
    tail = next(texts.tails(texts.answers(_frame(" ".join(f"word{i}" for i in range(5000)), "short"))[0]))
    assert (tail.text == 0).all(), "a short answer has no closing of its own"
    assert len(tail.token) == texts.TAIL


def test_an_answer_that_loops_is_left_out_and_counted() -> None:
    kept, counted = texts.answers(_frame("again and " * 200, "a normal answer", "", "   "))
    assert kept["text"].to_list() == ["a normal answer"]
    assert counted == {"empty": 2, "looping": 1, "kept": 1}


def test_han_characters_stand_alone_and_sentences_begin_after_their_own_stops() -> None:
    tokens = _head("你好。世界")
    assert len(tokens.token) == 5
    assert tokens.starts.tolist() == [True, False, False, True, False]


def test_sentences_begin_answers_and_follow_stops_and_line_breaks() -> None:
    tokens = _head("Sure. Here it is:\n- one")
    begun = [i for i, s in enumerate(tokens.starts) if s]
    assert begun == [0, 2]  # "- one" begins with a mark, not a word


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.integers(1, 5))
def test_no_run_of_tokens_crosses_from_one_answer_to_the_next(answers: list[str], size: int) -> None:
    kept, _ = texts.answers(_frame(*answers))
    for tokens in texts.heads(kept):
        run, inside = texts.ngrams(tokens, tokens.token, size)
        for i in np.flatnonzero(inside):
            assert tokens.text[i] == tokens.text[i + size - 1]
        alone = {}
        for t in np.unique(tokens.text):
            only = kept.slice(int(t), 1)
            single = next(texts.heads(only))
            r, ok = texts.ngrams(single, single.token, size)
            alone[t] = r[ok].tolist()
        for t, expected in alone.items():
            assert run[inside & (tokens.text == t)].tolist() == expected


def _words(text: str) -> list[str]:
    return pl.Series([text]).str.to_lowercase().str.extract_all(texts.PIECE).to_list()[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मैं हिन्दी में लिखता हूँ।", ["मैं", "हिन्दी", "में", "लिखता", "हूँ", "।"]),
        ("தமிழ் மொழி அழகானது", ["தமிழ்", "மொழி", "அழகானது"]),
        ("বাংলা আমার ভাষা", ["বাংলা", "আমার", "ভাষা"]),
        ("نمی\u200cخواهم بروم", ["نمی\u200cخواهم", "بروم"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("don't stop", ["don't", "stop"]),
        ("ok ❤\ufe0f 1\ufe0f\u20e3", ["ok", "❤", "\ufe0f", "1", "\ufe0f", "\u20e3"]),
    ],
)
def test_combining_marks_stay_with_their_letters(text: str, words: list[str]) -> None:
    assert _words(text) == words


def test_unrelated_hindi_sentences_share_no_more_than_their_words() -> None:
    one = set(_words("मैं सुबह बाजार जाकर ताजी सब्जियाँ और फल खरीदता हूँ"))
    other = set(_words("पृथ्वी सूर्य के चारों ओर घूमती है और चंद्रमा पृथ्वी के"))
    assert one & other == {"और"}


BEFORE = r"\p{Han}|[\p{L}\p{N}--\p{Han}]+(?:['’]\p{L}+)?|[^\p{L}\p{N}\s]|\n+"
"""How texts were cut when the shipped panel was made."""


@pytest.mark.slow
def test_english_is_cut_as_it_was_when_the_panel_was_made(shared_data: Path) -> None:
    answers = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet", columns=["output"])[
        "output"
    ].drop_nulls()
    english = answers.filter(~answers.str.contains(r"[\p{Hebrew}\p{Thai}\p{Bengali}\x{200C}]"))
    assert len(answers) - len(english) < 40
    lower = english.str.slice(0, texts.BODY_CHARS).str.to_lowercase()
    assert lower.str.extract_all(texts.PIECE).equals(lower.str.extract_all(BEFORE))
