"""What the index holds of provenance: the strongest evidence, every pair and channel, and what fingerprints are made of."""

import json
import random

import polars as pl
import pytest

from harness.provenance import Finding
from harness.provenance.comparison import evidence
from harness.provenance.comparison.registry import Registry
from harness.provenance.verdicts import overview, pools, reports

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
    "hears",
]


@pytest.fixture(scope="module")
def tables():
    """Eight models of eight labs and months; the last opens its answers like the one before it."""
    names = [f"m{i}" for i in range(8)]
    known = Registry(
        {name: {"lab": f"lab{i}", "released": f"2024-{i + 1:02d}"} for i, name in enumerate(names)}, {}, {}
    )
    rng = random.Random(0)
    habits = [[" ".join(rng.sample(WORDS, 6)) for _ in range(4)] for _ in names]
    habits[7] = habits[6]
    rows = [
        {
            "model": name,
            "prompt_id": f"p{p}",
            "output": ". ".join(f"{rng.choice(habits[i])} {' '.join(rng.sample(WORDS, 9))}" for _ in range(4)),
        }
        for p in range(60)
        for i, name in enumerate(names)
    ]
    return made(pl.DataFrame(rows), known)


def made(answers: pl.DataFrame, known: Registry) -> dict[str, pl.DataFrame]:
    """What the index makes of one set of answers."""
    whole = answers.with_columns(
        task=pl.lit("open"),
        version=pl.lit("1.0"),
        domain=pl.lit(None, pl.String),
        alias=pl.lit(None, pl.String),
        repeat=pl.lit(0),
    )
    studies = [reports.Study(pool) for pool in pools.every(whole, known, {})]
    return overview.tables(studies, reports.of_studies(studies, sorted(whole["model"].unique()), by_domain=False))


def test_every_pair_stands_with_its_channels_and_the_combined_score(tables):
    pairs = tables["provenance"]
    assert pairs.height == 8 * 7 * (1 + len(evidence.EVIDENCE))
    combined = pairs.filter(channel=overview.COMBINED)
    assert combined["similarity"].is_null().all()
    assert combined.filter(pl.col("p").is_not_null())["p"].is_between(0, 1, closed="right").all()
    raw = pairs.filter(pl.col("channel") != overview.COMBINED)
    assert raw["score"].is_null().all()
    assert raw["similarity"].drop_nulls().is_between(-1, 1 + 1e-9).all()
    best = combined.filter(model="m7").sort("score", descending=True, nulls_last=True).row(0, named=True)
    assert (best["candidate"], best["n"], best["set_apart"]) == ("m6", 60, None)
    later = combined.filter(model="m6", candidate="m7").row(0, named=True)
    assert later["set_apart"] == "later"


def test_the_strongest_evidence_is_one_of_the_pairs(tables):
    row = tables["evidence"].filter(model="m7").row(0, named=True)
    assert row["nearest"] == "m6"
    pair = tables["provenance"].filter(model="m7", candidate="m6", channel=overview.COMBINED).row(0, named=True)
    assert pair["score"] == pytest.approx(row["score"])
    assert pair["p"] == pytest.approx(row["p"])
    assert (pair["verdict"], pair["q"]) == (row["verdict"], row["q"])


def test_every_finding_can_be_read_back_and_says_what_its_columns_say(tables):
    for row in tables["evidence"].iter_rows(named=True):
        found = Finding.read(row["finding"])
        assert (found.suspect, found.corpus, found.verdict, found.strength) == (
            row["model"], row["task"], row["verdict"], row["strength"]
        )  # fmt: skip
        assert found.sentence == row["sentence"]
        assert found.nearest_of_all is not None
        assert found.version == "1.0"
        assert sum(found.reasons.values()) == len(found.tests) - len(found.tested) - len(found.rivals)
    m7 = Finding.read(tables["evidence"].filter(model="m7").row(0, named=True)["finding"])
    assert m7.nearest_of_all.name == "m6"
    assert m7.tests[0].candidate == "m6"


def test_fingerprints_say_what_they_are_made_of(tables):
    made = tables["fingerprints"]
    assert made.height == 8 * len(evidence.EVIDENCE)
    assert (made["prompts"] == 60).all()
    assert (made["features"] > 0).any()


def test_where_nothing_can_be_tested_there_is_a_row_per_model_and_no_pair():
    rows = [{"model": m, "prompt_id": "p", "output": "some words here"} for m in ("a", "b")]
    found = made(pl.DataFrame(rows), pools.registry())
    assert found["evidence"]["verdict"].to_list() == ["untestable"] * 2
    assert found["evidence"]["strength"].to_list() == [None] * 2
    assert {tuple(json.loads(told)) for told in found["evidence"]["untested"]} == {("no release date is documented",)}
    assert "None of" not in "".join(found["evidence"]["sentence"])
    assert found["provenance"].is_empty()
    assert found["fingerprints"].is_empty()
