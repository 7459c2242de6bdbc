"""Answers of no kind that a set knows are not comparable, wherever that is read; wrappers come off and are quoted."""

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import runfolders
import yaml
from runfolders import sample, write_run

from harness.provenance import Finding
from harness.provenance.answers import fingerprint, readings
from harness.provenance.comparison import coverage, evidence
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.evidence import rival
from harness.provenance.comparison.registry import Labels, Registry
from harness.provenance.panels import panel
from harness.provenance.verdicts import notices, pools, reports
from harness.results import derivation, leaderboard, store
from harness.results.leaderboard import verdicts
from harness.results.report import gather

WORDS = ["the", "sky", "lamp", "runs", "over", "a", "quiet", "red", "river", "while", "old", "friends", "sing", "hears"]
NAMES = tuple(f"m{i}" for i in range(9))
LATER = tuple(f"later{i}" for i in range(16))
BAD = ("digits", "constant")
SET = "provenance_open"


def _bad(name: str, p: int) -> str:
    return (
        "I am sorry, but I cannot help with that."
        if name == "constant"
        else " ".join(str(31 * p + i * i) for i in range(40))
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory):
    """Models with habits of their own; one of digits, one that refuses, and one whose answers are wrapped."""
    root = tmp_path_factory.mktemp("project")
    entries = {name: {"lab": f"lab{i}", "released": f"2024-{i + 1:02d}"} for i, name in enumerate(NAMES)}
    apart = {"released": "2025-01", "not_taught_by": [f"lab{i}" for i in range(9)]}
    entries |= {name: {"lab": f"other{i}", **apart} for i, name in enumerate(LATER)}
    entries |= {name: {"released": "2025-02", "lab": f"lab {name}"} for name in (*BAD, "wrapped")}
    (root / "conf").mkdir()
    own = {"models": entries, "labs": {}, "base_families": {}}
    (root / "conf" / "model_registry.yaml").write_text(yaml.safe_dump(own))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runfolders, "KINDS", {SET: "provenance"})
        patch.chdir(root)
        rng = random.Random(0)
        habits = {n: [" ".join(rng.sample(WORDS, 6)) for _ in range(40)] for n in (*NAMES, *LATER, "wrapped")}
        rows = []
        for name in (*habits, *BAD):
            for p in range(60):
                if name in BAD:
                    text = _bad(name, p)
                else:
                    text = ". ".join(f"{rng.choice(habits[name])} {' '.join(rng.sample(WORDS, 9))}" for _ in range(4))
                if name == "wrapped":
                    text = f"Certainly! Here is what I found.\n\n{text}.\n\nI hope this helps!"
                rows.append(sample("eval-v", name, SET, p, doc=json.dumps({"prompt": f"tell me {p}"}), output=text))
        write_run(root / "results", "eval-v", models=(*habits, *BAD), rows=rows, tasks=(SET,))
        derivation.refresh(root / "results")
        yield root / "results"


@pytest.mark.parametrize("suspect", BAD)
def test_bad_answers_are_not_comparable_wherever_that_is_read(results: Path, suspect: str) -> None:
    found = derivation.findings(results)[suspect, SET]
    assert found.verdict == "not comparable"
    assert found.incomparable
    assert "not comparable" in found.sentence
    assert found.strength is None
    assert found.labs == ()
    assert found.same_model is None
    assert found.nearest_of_all is None
    assert {test.verdict for test in found.tests} <= {"not comparable", "later"}
    assert all(test.z is None and test.p is None and test.q is None for test in found.tests)

    verdict, labs, nearest = store.query(
        results, f"SELECT verdict, labs, nearest FROM evidence WHERE model = '{suspect}'"
    ).row(0)
    assert (verdict, labs, nearest) == ("not comparable", [], None)
    board = derivation.board(results)
    assert verdicts.relative(board, suspect) == "not comparable, n=60"
    assert "not comparable" in leaderboard.markdown(board)
    page = gather.gather(results, gather.whole_board(results))
    row = next(row for row in page["board"]["rows"] if page["names"][row["model"]] == suspect)
    assert [told["verdict"] for told in row["evidence"]] == ["not comparable"]
    (asked,) = derivation.suspect_report(results, suspect)["corpora"]
    again = Finding.read(asked)
    assert (again.verdict, again.sentence, again.domains) == (found.verdict, found.sentence, ())


def test_models_that_write_like_the_others_stay_comparable(results: Path) -> None:
    for (name, _), found in derivation.findings(results).items():
        assert (found.verdict == "not comparable") == (name in BAD), name
        assert found.known is not None
        assert found.known.enough == (name not in BAD) or name == "constant"


def test_a_wrapper_comes_off_and_is_quoted(results: Path) -> None:
    found = derivation.findings(results)["wrapped", SET]
    assert found.reading is not None
    assert found.reading.wrapping is not None
    assert found.reading.wrapping.opening == ("Certainly! Here is what I found.",)
    note = next(note for note in found.notes if "taken off" in note)
    assert "Certainly! Here is what I found." in note
    assert "I hope this helps!" in note
    assert Finding.read(json.dumps(found.json())) == found


def test_a_finding_of_before_these_were_known_is_still_read(results: Path) -> None:
    told = derivation.findings(results)["m0", SET].json()
    for key in ("known", "reading", "incomparable", "left"):
        del told[key]
    assert Finding.read(told).known is None


def test_the_bound_is_found_on_the_models_of_a_pool_and_not_on_the_suspect() -> None:
    facts = [ModelFacts(f"m{i}", lab=f"lab{i}") for i in range(10)]
    values = np.full((10, 2), 4.0) + np.arange(10)[:, None] / 20
    for bad in (0.0, 1.0):
        values[0] = bad
        found = coverage.coverage(values, facts, 0, ("openings", "phrasing"))
        assert found is not None
        assert not found.enough
        assert found.bound == pytest.approx(coverage.coverage(values, facts, 0, ("openings", "phrasing")).bound)
    values[0] = 4.0
    assert coverage.coverage(values, facts, 0, ("openings", "phrasing")).enough
    assert coverage.coverage(values[:4], facts[:4], 0, ("openings", "phrasing")) is None


@pytest.mark.slow
def test_no_model_of_the_shipped_panel_is_unknown_to_it() -> None:
    shipped = panel.load("alpaca_eval")
    facts = pools.panel_facts_of(shipped)
    for prompts in (60, 400):
        values = coverage.known(panel.first(shipped, prompts), facts)
        found = [coverage.coverage(values, facts, i) for i in range(len(facts))]
        assert sum(one is None or not one.enough for one in found) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["echo", "refusal", "numbers"])
def test_bad_answers_to_the_shipped_panel_are_named_nothing(kind: str) -> None:
    asked = [prompt for prompt in panel.load("alpaca_eval").prompts if prompt.text][:200]
    say = {
        "echo": lambda text: text,
        "refusal": lambda text: f"I'm sorry, but I can't help with “{' '.join(text.split()[:12])}”.",
        "numbers": lambda text: " ".join(str(ord(c) * 7) for c in text[:80]),
    }[kind]
    frame = pl.DataFrame(
        {
            "task": "t", "version": "1", "model": "bad", "prompt_id": [p.id for p in asked],
            "alias": pl.Series([None] * len(asked), dtype=pl.String), "prompt": [p.text for p in asked],
            "domain": pl.Series([None] * len(asked), dtype=pl.String), "repeat": 0,
            "output": [say(p.text) for p in asked], "cut": False,
        }
    )  # fmt: skip
    known = pools.told(pools.registry(), "bad", {"released": "2024-12"})
    pool = pools.against("alpaca_eval", frame, "bad", (), known, {})
    (found,) = reports.findings([pool], ["bad"], interval=False)
    assert found.verdict == "not comparable"
    assert not found.alike
    assert "openai" not in f"{found.sentence} {found.paragraph}".lower()


REGISTRY = Registry(
    {"told": {"base": "mistral-7b"}}, {"openai": "^gpt"}, {"llama-2": "llama-?2", "mistral-7b": "mistral"}
)


def _facts(name: str, **student: str) -> ModelFacts:
    blank = {"teachers": "", "strength": "sft", "student_lab": None, "lineage_group": None, "base_model": None}
    rows = [{"student": name, **blank, **student}] if student else []
    (fact,) = Labels("", rows, [], []).facts((name,), REGISTRY)
    return fact


def test_facts_decide_and_a_name_only_suggests() -> None:
    known = Registry({"llama-2-x": {"base": "mistral-7b", "lab": "us"}}, REGISTRY.labs, REGISTRY.bases)
    (fact,) = Labels("", [], [], []).facts(("llama-2-x",), known)
    assert (fact.bases, fact.lab, fact.by_name) == ({"mistral-7b"}, "us", frozenset())
    assert _facts("llama-2-x").by_name == {"bases"}
    assert _facts("gpt-x").by_name == {"lab"}
    assert _facts("llama-2-x", base_model="mistral-7b").bases == {"mistral-7b"}
    of_several = _facts("llama-2-x", base_model="llama-2 or mistral-7b")
    assert (of_several.bases, of_several.by_name) == ({"llama-2"}, frozenset())


def test_a_name_alone_sets_nobody_apart_from_a_documented_lab_or_base() -> None:
    teacher = ModelFacts("gpt-4", lab="openai", released="2023-03", bases=frozenset({"llama-2"}))
    suspect = ModelFacts("gpt-mine", lab="openai", released="2024-03", bases=frozenset({"llama-2"}))
    assert rival(suspect, teacher) == "same base"
    doubted = dataclasses.replace(suspect, by_name=frozenset({"lab", "bases"}))
    assert rival(doubted, teacher) is None
    assert rival(doubted, dataclasses.replace(teacher, by_name=frozenset({"lab", "bases"}))) == "same base"


def test_a_lab_s_own_candidates_are_tested_on_request_alone() -> None:
    teacher = ModelFacts("r1", lab="deepseek", released="2025-01")
    suspect = ModelFacts("r1-distill", lab="deepseek", released="2025-01")
    assert rival(suspect, teacher) == "same lab"
    assert rival(suspect, teacher, same_lab=True) is None


def test_what_is_found_in_texts_is_kept_by_their_hash_and_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    rows = [
        (m, f"p{p}", f"Question {p}?", f"The river of {m} is long, and {p} boats are on it.")
        for m in "ab"
        for p in range(60)
    ]
    frame = pl.DataFrame(rows, schema=["model", "prompt_id", "prompt", "output"], orient="row")
    plain = readings.read(frame)[1]
    for _ in range(2):
        assert readings.read(frame, folder=tmp_path)[1] == plain
    file = tmp_path / readings.KEPT
    kept = file.read_bytes()
    assert b"river" not in kept, "no text is kept"
    file.write_bytes(kept[:-9])
    assert readings.read(frame, folder=tmp_path)[1] == plain
    assert file.read_bytes() == kept
    changed = frame.with_columns(output=pl.when(pl.col("model") == "b").then(pl.lit("Sí, claro.")).otherwise("output"))
    assert readings.read(changed, folder=tmp_path)[1] == readings.read(changed)[1]
    assert file.read_bytes() != kept
    (tmp_path / "file").write_text("")
    assert readings.read(frame, folder=tmp_path / "file" / "x")[1] == plain


@pytest.mark.parametrize(("kept", "compared"), [(100, True), (20, None), (19, False), (0, False)])
def test_a_suspect_that_was_cut_off_is_told_that_its_endings_were_not_compared(
    kept: int, compared: bool | None, shared_data: Path
) -> None:
    made = panel.load("alpaca_eval")
    outputs = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet").filter(pl.col("model") == "guanaco-33b")
    said = {made.aliases[p]: text for p, text in outputs.select("prompt_id", "output").iter_rows()}
    long = [(p, said[p.id]) for p in made.prompts if len(said.get(p.id) or "") >= 500][:100]
    frame = pl.DataFrame(
        {
            "task": "t", "version": "1", "model": "mine", "prompt_id": [p.id for p, _ in long], "alias": None,
            "prompt": [p.text for p, _ in long], "domain": None, "repeat": 0, "output": [text for _, text in long],
            "cut": [i >= kept for i in range(100)],
        },
        schema_overrides={"alias": pl.String, "domain": pl.String},
    )  # fmt: skip
    known = pools.told(pools.registry(), "mine", {"released": "2024-12"})
    (found,) = reports.findings([pools.against("alpaca_eval", frame, "mine", (), known, {})], ["mine"], interval=False)
    told = [note for note in found.notes if "have an ending of their own" in note]
    assert told == ([notices.endings("mine", kept, 100)] if compared is False else [])
    read = {"closings" in test.channels for test in found.tested}
    assert compared is None or read == {compared}


@pytest.mark.parametrize("channel", evidence.EVIDENCE)
def test_who_was_asked_once_is_known_as_well_as_who_was_asked_three_times(channel: str) -> None:
    rng = random.Random(channel)
    words = [f"word{i}" for i in range(20)]
    said = {p: [" ".join(rng.choices(words, k=9)).capitalize() + "." for _ in range(30)] for p in range(60)}
    rows = [
        (f"m{model}", f"p{prompt:02}", " ".join(rng.sample(said[prompt], 20)))
        for model in range(7)
        for prompt in said
        for _ in range(1 if model == 0 else 3)
    ]
    frame = pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")
    prints = fingerprint.fingerprint(frame, "output", evidence.EVIDENCE)
    values = coverage.known(prints, [ModelFacts(name) for name in prints.models], (channel,))[:, 0]
    assert values[0] == pytest.approx(np.median(values[1:]), rel=0.2)
