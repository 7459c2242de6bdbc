"""What single channels promise to see."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers import fingerprint as fp
from harness.provenance.answers import human, texts
from harness.provenance.answers.phrases import Phrases, following, line_starts
from harness.provenance.channels import characters, discourse, function_words, overused, trace_lengths, trace_steps
from harness.provenance.comparison import similarity


def _tokens(text: str) -> texts.Tokens:
    frame = pl.DataFrame({"model": ["m"], "prompt_id": ["p"], "text": [text]})
    (tokens,) = texts.bodies(frame)
    return tokens


def _marks(text: str) -> set[str]:
    names = ["heading", "bold", "bold line", "bullet", "number", "em dash", "paragraph", "not but", "italic", "emoji"]
    found = set(discourse.features(_tokens(text))[1].tolist())
    return {name for name in names if texts.token_hash(f"<{name}>") in found}


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("# Title\ntext", {"heading"}),
        ("Number # 5", set()),
        ("**Bold** start", {"bold", "bold line"}),
        ("A **bold** word", {"bold"}),
        ("- one\n- two", {"bullet"}),
        ("* one", {"bullet"}),
        ("well - known", set()),
        ("1. one\n2. two", {"number"}),
        ("In 1999. Then", set()),
        ("so — yes", {"em dash"}),
        ("a\n\nb", {"paragraph"}),
        ("a\nb", set()),
        ("It is not a bird but a plane.", {"not but"}),
        ("It is not a bird. But it flies.", set()),
        ("But not now", set()),
        ("Nice 🎉", {"emoji"}),
    ],
)
def test_marks_of_layout_are_told_apart(text: str, marks: set[str]) -> None:
    assert _marks(text) == marks


def test_phrases_are_found_whole_and_in_one_text_only() -> None:
    phrases = Phrases.of(["it is important to", "however"])
    frame = pl.DataFrame(
        {"model": ["a", "b"], "prompt_id": ["p", "p"], "text": ["However, it is", "important to know"]}
    )
    (tokens,) = texts.heads(frame)
    rows, _ = phrases.find(tokens)
    assert rows.tolist() == [0]
    rows, runs = phrases.find(_tokens("It is important to say that it is important to listen."))
    assert len(rows) == 2
    assert len(set(runs.tolist())) == 1


@given(st.lists(st.sampled_from(["a", "B", ".", "\n", "\n\n", "wait", "好"]), max_size=30).map(" ".join))
def test_a_line_begins_a_text_or_follows_a_break(text: str) -> None:
    if text.strip():
        tokens = _tokens(text)
        starts = line_starts(tokens)
        words = [tokens.vocabulary[i] for i in tokens.id]
        assert starts.tolist() == [i == 0 or words[i - 1][0] == "\n" for i in range(len(words))]
        assert not following(tokens, np.ones(len(words), dtype=np.bool_))[-1]


def test_character_runs_depend_on_the_words_and_not_on_their_order_or_the_batch() -> None:
    one = set(characters.features(_tokens("the quick brown foxes jumped over extraordinarily lazy dogs"))[1].tolist())
    two = set(characters.features(_tokens("dogs lazy extraordinarily over jumped foxes brown quick the"))[1].tolist())
    more = set(
        characters.features(_tokens("zebras and dogs lazy extraordinarily over jumped foxes brown quick the"))[1]
    )
    assert one == two <= more
    assert one


def test_one_in_eight_character_runs_is_kept() -> None:
    rng = np.random.default_rng(0)
    words = tuple("".join(rng.choice(list("abcdefghijklmnop"), 9)) for _ in range(2_000))
    owner, gram = characters._grams(words)
    assert len(gram) / (2_000 * 8) == pytest.approx(1 / 8, rel=0.1)
    assert (np.diff(owner) >= 0).all()


def test_names_and_function_words_are_not_over_used_words() -> None:
    found = overused.features(_tokens("The ChatGPT of OpenAI will delve into a tapestry"))[1].tolist()
    assert found == [texts.token_hash(word) for word in ("delve", "into", "tapestry") if word != "into"]


def test_the_human_baseline_knows_common_words_and_not_others() -> None:
    words = np.array([texts.token_hash(w) for w in ("the", "house", "tapestry", "qqzxv")], dtype=np.uint64)
    the, house, tapestry, unknown = human.frequencies(words)
    assert the > house > tapestry > unknown == 0
    assert the < 0.1


def test_only_what_is_over_used_makes_two_models_alike() -> None:
    rng = np.random.default_rng(0)
    common, pet = (
        ["house", "people", "water", "school", "money", "friend"],
        dict(zip("abcdef", ["tapestry"] * 3 + ["zephyr"] * 3, strict=True)),
    )
    rows = [
        (model, f"p{i}", " ".join(rng.permutation([*rng.choice(common, 30), word, word])))
        for model, word in pet.items()
        for i in range(30)
    ]
    prints = fp.fingerprint(
        pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row"), names=["overused"]
    )
    values = similarity.matrix(prints, "overused")
    assert values[0, 1] > values[0, 5] + 0.05


def test_rates_are_of_tokens_so_that_length_does_not_matter() -> None:
    short = "The cat and the dog saw six grey birds over an old house near some hills. "
    rows = [
        (m, f"p{i}", text)
        for m, text in (("a", short), ("b", short * 3), ("c", "Cats run; dogs bark; birds fly away quickly. "))
        for i in range(25)
    ]
    frame = pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")
    prints = fp.fingerprint(frame, names=[function_words.NAME])
    by_model = prints.features[function_words.NAME].group_by("m").agg(pl.col("share").sum()).sort("m")
    assert by_model["share"][0] == pytest.approx(25 * 6 / 17, rel=1e-5)
    assert by_model["share"][1] == pytest.approx(by_model["share"][0], rel=1e-5)


def test_steps_know_their_kind_and_what_follows_what() -> None:
    _, found = trace_steps.features(_tokens("Okay. So it is. Wait. So it was. Wait, no."))
    propose, deduce, back = (list(trace_steps.KINDS).index(kind) + 1 for kind in ("propose", "deduce", "back"))
    size = len(trace_steps.KINDS) + 1
    assert {propose, deduce, back} <= set(found.tolist())
    assert propose * size + deduce + 1_000 in found
    assert deduce * size + propose + 1_000 not in found
    assert found[found >= 2_000].tolist() == [2_001]  # two steps from one turn back to the next


def test_lengths_are_of_sentences_and_lines() -> None:
    _, found = trace_lengths.features(_tokens("One two three.\nFour five six seven.\nEight"))
    assert sorted(found.tolist()) == sorted(
        [round(2 * np.log2(n)) for n in (5, 6)] + [round(2 * np.log2(n)) + 100 for n in (5, 6)]
    )


def test_trace_channels_stay_out_of_answers() -> None:
    frame = pl.DataFrame({"model": ["a"], "prompt_id": ["p"], "output": ["Yes."], "reasoning": ["Wait. So it is."]})
    assert not [name for name in fp.fingerprint(frame).features if name.startswith("trace_")]
    traces = fp.fingerprint(frame, "reasoning")
    assert traces.traces
    assert {"trace_markers", "trace_steps", "trace_lengths"} <= set(traces.features)
