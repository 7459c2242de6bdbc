"""Trees, shared words and changes: what they promise, and what hostile answers cannot do to them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import tables
from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison import change, tree
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.evidence import EVIDENCE
from harness.provenance.verdicts import explain, notices, wording

HOSTILE = "<script>alert(1)</script>\x1b[2J'"


def _splits(root: tree.TreeNode, labels: list[str]) -> set[frozenset[str]]:
    return set(tree._splits(root, labels))


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.floats(0.1, 2), min_size=7, max_size=7), extra=st.floats(0, 5))
def test_joining_finds_the_tree_that_distances_come_from_and_a_constant_changes_nothing(
    lengths: list[float], extra: float
) -> None:
    # ((a,b),(c,d),e): five pendant branches and two inner ones.
    a, b, c, d, e, left, right = lengths
    above = {"a": (a, left), "b": (b, left), "c": (c, right), "d": (d, right), "e": (e, 0)}
    mate = {"a": "b", "b": "a", "c": "d", "d": "c", "e": "e"}
    labels = sorted(above)
    distance = np.array(
        [
            [
                0 if x == y else above[x][0] + above[y][0] + (0 if mate[x] == y else above[x][1] + above[y][1]) + extra
                for y in labels
            ]
            for x in labels
        ]
    )
    assert _splits(tree.join(distance, labels), labels) == {frozenset("cd"), frozenset("cde")}


def _answers(models: int, prompts: int = 40, seed: int = 0) -> pl.DataFrame:
    """Models in pairs: two of a pair begin and go on alike."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(60)])
    styles = [rng.dirichlet(np.full(60, 0.15)) for _ in range((models + 1) // 2)]
    rows = []
    for m in range(models):
        for p in range(prompts):
            text = " ".join(rng.choice(words, 50, p=styles[m // 2]))
            rows.append({"model": f"m{m}", "prompt_id": f"p{p}", "output": text})
    return pl.DataFrame(rows)


def test_a_tree_puts_models_of_one_style_together_and_says_it_is_an_illustration() -> None:
    prints = fingerprint.fingerprint(_answers(8), names=EVIDENCE)
    root = tree.tree(prints, EVIDENCE, 4)
    assert {frozenset({"m2", "m3"}), frozenset({"m4", "m5"}), frozenset({"m6", "m7"})} <= _splits(
        root, list(prints.models)
    )
    text = tree.newick(root)
    assert text.startswith("[Illustration")
    assert all(0 <= int(number) <= 100 for number in re.findall(r"\)(\d+)", text))
    assert text == tree.newick(tree.tree(prints, EVIDENCE, 4))


def test_a_hostile_name_stays_text_in_the_drawing() -> None:
    leaves = tuple((tree.TreeNode(name), 1.0) for name in (HOSTILE, "b", "c"))
    drawing = tree.svg(tree.TreeNode(None, leaves))
    parsed = ET.fromstring(drawing)
    assert not [element for element in parsed.iter() if element.tag.endswith("script")]
    assert "\x1b" not in drawing
    assert "Illustration" in drawing


def test_two_models_are_no_tree() -> None:
    with pytest.raises(ConfigError, match="needs 3 models"):
        tree.tree(fingerprint.fingerprint(_answers(2), names=EVIDENCE), EVIDENCE, 2)


def test_shared_openings_are_found_with_how_common_they_are_elsewhere() -> None:
    rows = [
        {
            "model": m,
            "prompt_id": str(p),
            "output": f"{'Well then, friend' if m in 'ab' else 'So'} number {p}. {HOSTILE} end",
        }
        for m in "abcd"
        for p in range(6)
    ]
    found = explain.explain(pl.DataFrame(rows), "a", "b")
    first = found.filter(pl.col("kind") == "opening").row(0, named=True)
    assert first["feature"] == "well then ,"
    assert (first["share_a"], first["share_b"], first["elsewhere"]) == (1.0, 1.0, 0.0)
    assert "Well then, friend" in first["in_a"]
    for form in ("table", "markdown"):
        shown = tables.render(found, form).decode()
        assert "\x1b" not in shown
    assert "<script" not in tables.render(found, "markdown").decode()


def test_what_few_others_write_comes_before_what_is_frequent_everywhere_and_the_form_of_answers_is_common() -> None:
    rows = []
    for m in "abcdefghij":
        for p in range(20):
            form = "The answer is" if m in "ab" or p < 12 else f"So it{m} seems"
            own = "Gently now, dear friend" if m in "ab" and p < 6 else f"{m} {p}"
            rows.append({"model": m, "prompt_id": str(p), "output": f"Hm{m}{p}. {form} {p}. {own}. 1. {m}{p}."})
    found = explain.explain(pl.DataFrame(rows), "a", "b")
    sentences = found.filter(pl.col("kind") == "sentence")
    assert sentences["feature"].to_list()[:2] == ["gently now ,", "the answer is"]
    # By the difference of shares it would be the other way round: .3 against 1 less .6.
    assert sentences["elsewhere"].to_list()[:2] == [0.0, pytest.approx(0.6)]
    common = dict(zip(found["feature"], explain.common(found), strict=True))
    assert (common["gently now ,"], common["the answer is"]) == (False, True)
    lists = pl.DataFrame([("opening", "1 . what", 0.5, 0.5, 0.0)], schema=found.columns[:5], orient="row")
    assert explain.common(lists).to_list() == [True]


def test_a_version_that_moved_to_another_models_style_is_closer_to_it_and_the_interval_is_around_the_value() -> None:
    frame = _answers(12)
    # The new version writes as m2 does, the old one as m0.
    moved = frame.filter(pl.col("model").is_in(["m0", "m2"])).with_columns(
        model=pl.col("model").replace({"m0": "old", "m2": "new"}),
        output=pl.col("output").str.replace("w1 ", "w2 "),
    )
    prints = fingerprint.fingerprint(pl.concat([frame, moved]), names=EVIDENCE)
    facts = [ModelFacts(name) for name in prints.models]
    found = change.change(prints, facts, "old", "new", EVIDENCE, 10)
    by = {row.other: row for row in found}
    assert by["m2"].value > 0 > by["m0"].value
    assert max(found, key=lambda row: row.value).other in {"m2", "m3"}
    for row in found:
        assert row.low < row.value < row.high  # type: ignore[operator]
        assert 0 < row.p <= 1  # type: ignore[operator]
    assert not wording.FORBIDDEN.search(wording.changed("old", "new", found))


def test_continued_weights_of_the_old_version_are_no_measure_of_what_changed() -> None:
    frame = _answers(12)
    pair = frame.filter(pl.col("model").is_in(["m0", "m2"])).with_columns(
        model=pl.col("model").replace({"m0": "old", "m2": "new"}),
        output=pl.col("output").str.replace("w1 ", "w2 "),
    )
    # Four models go on from the old version's weights, and write as it does.
    tuned = [frame.filter(pl.col("model") == "m0").with_columns(model=pl.lit(f"tuned{i}")) for i in range(4)]
    prints = fingerprint.fingerprint(pl.concat([frame, pair, *tuned]), names=EVIDENCE)
    base = frozenset({"theirs"})
    related = ("old", "new", *(f"tuned{i}" for i in range(4)))
    facts = [ModelFacts(name, bases=base if name in related else frozenset()) for name in prints.models]
    found = change.change(prints, facts, "old", "new", EVIDENCE, 4)
    assert {row.other for row in found} == {f"m{i}" for i in range(12)}
    unknown = [ModelFacts(name) for name in prints.models]
    moved = {row.other: row.value for row in change.change(prints, unknown, "old", "new", EVIDENCE, 4)}
    # Were they counted, everybody else would seem to be approached, because they are left behind.
    assert all(row.value < moved[row.other] for row in found)


def test_nothing_that_is_said_of_panels_and_changes_claims_more_than_a_resemblance() -> None:
    about = {"version": 1, "source": "s", "licence": "l", "facts": "unchecked"}
    texts = [
        *notices.undated(["a"]),
        *notices.panel("p", about, 1, 1),
        *notices.changed_prompts("p", ["prompt q1"]),
        notices.replaced("a", "p"),
        wording.changed("a", "b", []),
    ]
    for text in texts:
        assert not wording.FORBIDDEN.search(text), text
