"""One verdict, whoever is asked: the command, SQL, the leaderboard and the page say the same of the same folder."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import runfolders
import yaml
from runfolders import sample, write_run

from harness.provenance import Finding
from harness.results import derivation, leaderboard, store
from harness.results.leaderboard import verdicts
from harness.results.report import gather, likeness

WORDS = ["the", "sky", "lamp", "runs", "over", "a", "quiet", "red", "river", "while", "old", "friends", "sing", "hears"]
NAMES = tuple(f"m{i}" for i in range(9))
LATER = tuple(f"later{i}" for i in range(26))
"""Released after all of them, and documented not to be taught by their labs: the null."""
SETS = ("provenance_open", "somebodys_prompts", "undated_prompts")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory):
    """Nine models of nine labs and months, the last with the habits of the one before it; and a set without dates."""
    root = tmp_path_factory.mktemp("project")
    entries = {name: {"lab": f"lab{i}", "released": f"2024-{i + 1:02d}"} for i, name in enumerate(NAMES)}
    apart = {"released": "2025-01", "not_taught_by": [f"lab{i}" for i in range(9)]}
    entries |= {name: {"lab": f"other{i}", **apart} for i, name in enumerate(LATER)}
    (root / "conf").mkdir()
    own = {"models": entries, "labs": {}, "base_families": {}}
    (root / "conf" / "model_registry.yaml").write_text(yaml.safe_dump(own))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runfolders, "KINDS", dict.fromkeys(SETS, "provenance"))
        patch.chdir(root)
        rng = random.Random(0)
        habits = {
            name: [" ".join(rng.sample(WORDS, 6)) for _ in range(4)] for name in (*NAMES, *LATER, "nobody1", "nobody2")
        }
        habits["m8"] = habits["m7"]
        rows = []
        for task, who in zip(SETS, ((*NAMES, *LATER), (*NAMES, *LATER), ("nobody1", "nobody2")), strict=True):
            for name in who:
                for p in range(60):
                    text = ". ".join(f"{rng.choice(habits[name])} {' '.join(rng.sample(WORDS, 9))}" for _ in range(4))
                    rows.append(sample("eval-v", name, task, p, doc=json.dumps({"prompt": f"{task} {p}"}), output=text))
        write_run(root / "results", "eval-v", models=(*NAMES, *LATER, "nobody1", "nobody2"), rows=rows, tasks=SETS)
        derivation.refresh(root / "results")
        yield root / "results"


def _plain(found: Finding) -> dict[str, object]:
    strongest = found.strongest
    return {
        "verdict": found.verdict,
        "strength": found.strength,
        "labs": [lab.lab for lab in found.named],
        "nearest": strongest and strongest.candidate,
        "q": strongest and strongest.q,
        "sentence": found.sentence,
    }


@dataclass
class Shown:
    """What a leaderboard and a page show of the results: everybody at once."""

    board: leaderboard.Board
    page: dict[str, Any]
    sets: dict[str, dict[str, Any]]

    @property
    def place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.page["names"])}


@pytest.fixture(scope="module")
def shown(results: Path) -> Shown:
    page = gather.gather(results, gather.whole_board(results))
    place = {name: i for i, name in enumerate(page["names"])}
    sets = {pool["task"]: pool for pool in likeness.of_pools(results, place, derivation.findings(results))}
    return Shown(derivation.board(results), page, sets)


@pytest.mark.parametrize("suspect", ["m8", "m6", "nobody1"])
def test_command_sql_leaderboard_and_page_say_the_same(results: Path, shown: Shown, suspect: str) -> None:
    asked = [Finding.read(told) for told in derivation.suspect_report(results, suspect, by_domain=False)["corpora"]]
    command = {found.corpus: _plain(found) for found in asked}
    assert command
    columns = "task, verdict, strength, labs, nearest, q, sentence"
    rows = store.query(results, f"SELECT {columns} FROM evidence WHERE model = '{suspect}'").to_dicts()
    assert {row.pop("task"): row for row in rows} == command
    assert {
        f.corpus: _plain(f) for (model, _), f in derivation.findings(results).items() if model == suspect
    } == command

    board, place = shown.board, shown.place
    for found in board.findings[suspect]:
        assert _plain(found) == command[found.corpus]
    said = verdicts.relative(board, suspect)
    assert all(found.corpus in (board.usual_set, *said.split()) for found in board.findings[suspect])
    assert leaderboard.json(board)

    row = next(row for row in shown.page["board"]["rows"] if row["model"] == place[suspect])
    for told in row["evidence"]:
        wanted = command[told["set"]]
        assert (told["verdict"], told["strength"], told["sentence"]) == (
            wanted["verdict"], wanted["strength"], wanted["sentence"],
        )  # fmt: skip
        assert told["nearest"] == (None if wanted["nearest"] is None else place[str(wanted["nearest"])])
    for corpus, wanted in command.items():
        one = shown.sets[corpus]
        at = one["models"].index(place[suspect])
        assert one["verdicts"][at] == wanted["verdict"]
        assert one["sentences"][at] == wanted["sentence"]


def test_whatever_open_prompts_were_answered_go_through_the_same_analysis(results: Path) -> None:
    for table in ("evidence", "provenance", "similarities", "fingerprints"):
        assert set(store.query(results, f"SELECT DISTINCT task FROM {table}")["task"]) >= set(SETS[:2]), table
    resembled = store.query(results, "SELECT task, verdict, labs FROM evidence WHERE model = 'm8' ORDER BY task").rows()
    assert resembled == [("provenance_open", "resembles", ["lab7"]), ("somebodys_prompts", "resembles", ["lab7"])]


def test_a_set_without_dates_never_says_none(results: Path) -> None:
    rows = store.query(
        results, "SELECT verdict, strength, untested, sentence FROM evidence WHERE task = 'undated_prompts'"
    )
    assert rows["verdict"].to_list() == ["untestable"] * 2
    assert rows["strength"].to_list() == [None, None]
    assert [json.loads(told) for told in rows["untested"]] == [{"no release date is documented": 1}] * 2
    assert rows["sentence"].to_list() == ["No candidate could be tested; 1 could not be tested (1: no release date is documented)."] * 2  # fmt: skip


def test_fingerprints_are_kept_so_that_one_more_model_costs_its_own(results: Path) -> None:
    kept = sorted(path.name for path in (results / "fingerprints").glob("*.parquet"))
    assert len(kept) == 2 * len(NAMES + LATER) + 2
    derivation.suspect_report(results, "m3")
    assert sorted(path.name for path in (results / "fingerprints").glob("*.parquet")) == kept
