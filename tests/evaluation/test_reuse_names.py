"""Answers stand under the name of the model that gave them: reuse, a server whose weights change, and what is told."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from api_server import Answer, Behaviour, Server, chat, serving
from conftest import Project
from runfolders import sample, write_run

from harness import runs
from harness.cli import catalogue, config
from harness.errors import BackendError, BudgetError, ConfigError
from harness.evaluation import manifest, reuse
from harness.evaluation.evaluator import FinishedRun, evaluate, preview
from harness.records import Reply
from harness.results import derivation, leaderboard, store
from harness.results.report import page
from harness.runs import proof
from harness.specs import ModelSpec

WORDS = ("model=own", "task=sums", "limit=6")
TWO = "2 models answered, as the server names them: llama, qwen"


def speaks(name: str | None, plus: int = 1) -> Behaviour:
    """A model of that name which adds a number."""

    def behave(body: dict[str, Any], _n: int) -> Answer:
        number = int(body["messages"][-1]["content"].split()[0])
        return Answer(chat(str(number + plus)) | {"model": name})

    return behave


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    return project


def own(project: Project, server: Server, **over: Any) -> None:
    spec = {"name": "own", "backend": "openai_chat", "args": {"model": "default", "base_url": server.url}}
    text = json.dumps(spec | {"price": "own-hardware", "parallel": 1} | over)
    (project.root / "conf" / "model" / "own.yaml").write_text(f"# @package models.own\n{text}\n")


def run(*words: str) -> FinishedRun:
    return evaluate(config.compose(list(words)), quiet=True)


def samples(outcome: FinishedRun) -> pl.DataFrame:
    return pl.read_parquet(runs.samples_path(outcome.run))


def served(outcome: FinishedRun) -> set[str]:
    return set(samples(outcome).get_column("served_model"))


# --- the key of reuse


def test_swapped_weights_under_another_name_are_asked_and_the_name_is_named_as_the_reason(here: Project) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        here.run("eval", *WORDS, "models.own.name=llama")
        server.behave = speaks("qwen", 2)
        here.run("eval", *WORDS, "models.own.name=qwen")
        assert len(server.asked) == 12
    sql = "SELECT model, value FROM leaderboard WHERE is_headline ORDER BY model"
    assert here.run("sql", sql, "--format", "csv").stdout.split() == ["model,value", "llama,1.0", "qwen,0.0"]
    (folder,) = (path for path in here.runs() if runs.read_manifest(path).models[0].name == "qwen")
    rows = json.loads(here.run("show", folder.name, "--why", "--format", "json").stdout)
    fields = {row["field"]: (row["here"], row["there"]) for row in rows}
    assert fields == {"name": ("qwen", "llama"), "served model": ("qwen", "llama")}


def test_answers_are_reused_for_the_same_name_alone_at_a_provider_too(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "on_own_server", lambda _model: False)
    with serving(speaks("x")) as server:
        own(here, server, price=None)
        first = run(*WORDS)
        again = run(*WORDS, "name=again")
        assert len(server.asked) == 6
        run(*WORDS, "name=again", "models.own.name=other")
        assert len(server.asked) == 12
    assert set(samples(again).get_column("reused_from")) == {first.run.name}


@pytest.mark.parametrize("origin", ["here", "gone"])
def test_what_an_older_version_took_from_another_name_is_not_passed_on(here: Project, origin: str) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        first = run(*WORDS, "models.own.name=llama")
        false = first.run.with_name("false-000000000000")
        shutil.copytree(first.run, false)
        said = runs.read_content(false)
        said["models"][0]["name"] = "qwen"
        (false / runs.MANIFEST).write_text(json.dumps(said))
        lines = [json.loads(line) for line in (false / runs.JOURNAL).read_text().splitlines()]
        for line in lines:
            line |= {"model": "qwen", "reply": line["reply"] | {"reused_from": first.run.name}}
            del line["link"]
        raw = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines]
        (false / runs.JOURNAL).write_bytes(b"".join(line for line, _ in proof.linked("", raw)))
        if origin == "gone":
            shutil.rmtree(first.run)
        server.behave = speaks("llama", 2)  # it names itself as before: the name alone can tell
        other = run(*WORDS, "models.own.name=qwen")
        assert len(server.asked) == 12
    assert samples(other).get_column("reused_from").null_count() == 6


def test_two_names_for_the_very_same_server_and_model_are_refused(here: Project) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        text = (here.root / "conf" / "model" / "own.yaml").read_text().replace("models.own", "models.twin")
        (here.root / "conf" / "model" / "twin.yaml").write_text(text.replace('"name": "own"', '"name": "twin"'))
        with pytest.raises(ConfigError, match="models own and twin ask the same server"):
            run("model=[own,twin]", "task=sums", "limit=3")
        assert server.asked == []
        run("model=[own,twin]", "task=sums", "limit=3", "models.twin.args.model=other")
        assert len(server.asked) == 6


def test_two_names_for_the_very_same_local_model_are_refused(here: Project) -> None:
    here.model("alice")
    text = (here.root / "conf" / "model" / "alice.yaml").read_text()
    (here.root / "conf" / "model" / "twin.yaml").write_text(text.replace("alice", "twin"))
    with pytest.raises(ConfigError, match="models alice and twin are the same model with the same settings"):
        run("model=[alice,twin]", "task=sums", "limit=3")
    assert here.runs() == []
    run("model=[alice,twin]", "task=sums", "limit=3", "+models.twin.decode.temperature=0.5")


@pytest.mark.parametrize(
    ("url", "price", "expected"),
    [
        ("http://127.0.0.1:8000/v1", None, True),
        ("http://127.8.9.1/v1", None, True),
        ("http://localhost:8000/v1", None, True),
        ("http://box.localhost/v1", None, True),
        ("http://[::1]:8000/v1", None, True),
        ("http://[::ffff:127.0.0.1]/v1", None, True),
        ("http://0.0.0.0:8000/v1", None, True),
        ("http://192.168.1.7:8000/v1", None, True),
        ("http://gpu-box:8000/v1", None, True),
        ("http://gpu-box.:8000/v1", None, True),
        ("http://localhost.localdomain:8000/v1", None, True),
        ("http://host.docker.internal:8000/v1", None, True),
        ("http://gpu.local:8000/v1", None, True),
        ("http://gpu.home.arpa/v1", None, True),
        ("http://127.1:8000/v1", None, True),
        ("http://0x7f.0.0.1:8000/v1", None, True),
        ("https://api.home.example.com/v1", None, False),
        ("https://models.example.org/v1", "own-hardware", True),
        ("https://api.openai.com/v1", None, False),
        ("https://api.openai.com/v1", "openai/gpt-4o", False),
        ("http://8.8.8.8/v1", None, False),
        (None, None, False),
    ],
)
def test_a_server_of_ones_own_is_known_by_its_price_or_its_address(
    url: str | None, price: str | None, expected: bool
) -> None:
    assert reuse.on_own_server(ModelSpec("m", "openai_chat", args={"base_url": url}, price=price)) is expected


# --- a server that names another model than the stored run saw


def test_a_server_of_ones_own_is_asked_one_question_before_anything_is_taken(here: Project) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        first = run(*WORDS)
        _, (planned,) = preview(config.compose([*WORDS, "name=again", "plan=true"]))
        again = run(*WORDS, "name=again")
        assert (len(server.asked), again.asked, planned["to_send"]) == (7, 1, 1)
    assert samples(again).get_column("reused_from").to_list() == [None] + 5 * [first.run.name]


@pytest.mark.parametrize("limit", ["limit=6", "limit=8"])
def test_nothing_is_taken_of_a_model_that_no_longer_answers(here: Project, limit: str) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        run(*WORDS)
        server.behave = speaks("qwen", 2)
        again = run("model=own", "task=sums", limit, "name=again")
        assert len(server.asked) == 6 + int(limit[-1])
        back = run("model=own", "task=sums", limit, "name=third")
    assert served(again) == served(back) == {"qwen"}
    assert samples(back).get_column("reused_from").null_count() == 1
    rows = reuse.why(here.root / "results", again.run, next(p.name for p in here.runs() if p.name.startswith("eval")))
    assert [(row["field"], row["here"], row["there"]) for row in rows] == [("served model", "qwen", "llama")]


@pytest.mark.parametrize(("before", "now"), [(None, "qwen"), ("llama", None)])
def test_a_server_that_begins_or_stops_to_name_its_model_is_another(
    here: Project, before: str | None, now: str | None
) -> None:
    with serving(speaks(before)) as server:
        own(here, server)
        run(*WORDS)
        server.behave = speaks(now, 2)
        again = run("model=own", "task=sums", "limit=8", "name=again")
        assert len(server.asked) == 6 + 8
    assert served(again) == {now}


def test_a_server_that_never_names_its_model_is_believed(here: Project) -> None:
    with serving(speaks(None)) as server:
        own(here, server)
        run(*WORDS)
        run(*WORDS, "name=again")
        assert len(server.asked) == 7


def test_a_server_that_does_not_answer_gives_no_leave_to_take_anything(here: Project) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        run(*WORDS)
        server.behave = lambda _body, _n: Answer({"error": {"message": "no"}}, 400)
        with pytest.raises(BackendError, match="5 tries in a row failed"):
            run(*WORDS, "name=again")
    held = [run for run in Path("results/runs").iterdir() if "again" in run.name]
    assert len(held) == 1
    assert "llama" not in (held[0] / "journal.jsonl").read_text()


def test_answers_of_a_provider_that_came_from_two_of_its_models_are_sorted_out_by_one_question(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "on_own_server", lambda _model: False)
    with serving(speaks("x-may")) as server:
        own(here, server, price=None)
        run("model=own", "task=sums", "limit=3", "name=one")
        server.behave = speaks("x-june")
        run("model=own", "task=sums", "limit=6", "name=two")
        assert len(server.asked) == 9  # three that were missing, then the three of May
        third = run("model=own", "task=sums", "limit=6", "name=three")
        assert third.asked == 1
    assert served(third) == {"x-june"}


# --- a run with two of them says so


@pytest.fixture
def mixed(here: Project) -> Project:
    """A run whose server was given other weights before it was resumed."""
    with serving(speaks("llama")) as server:
        own(here, server)
        with pytest.raises(BudgetError):
            run(*WORDS, "budget.tokens=150")
        assert 0 < len(server.asked) < 6
        server.behave = speaks("qwen", 2)
        done = here.run("eval", *WORDS)
        assert len(server.asked) == 6
    assert f"warning: own: {TWO}" in done.stderr
    assert "2 models answered" in " ".join(done.stdout.split())
    return here


def test_a_run_that_was_resumed_with_other_weights_says_so_everywhere(mixed: Project) -> None:
    results = mixed.root / "results"
    (folder,) = mixed.runs()
    assert TWO in catalogue.summary(folder)
    board = derivation.board(results)
    for form in leaderboard.FORMS:
        text = leaderboard.render(board, form).decode()
        assert TWO in " ".join(text.split()), form
    rows = store.query(results, "SELECT model, served_model, samples FROM served ORDER BY ALL").rows()
    assert [row[:2] for row in rows] == [("own", "llama"), ("own", "qwen")]
    assert sum(row[2] for row in rows) == 6
    assert set(store.query(results, "SELECT served_models FROM leaderboard")["served_models"]) == {2}
    (row,) = page.contents(results, pools=False)["board"]["rows"]
    assert row["cells"][0]["notes"] == [TWO]
    assert "warning: own" in mixed.run("eval", *WORDS).stderr  # nothing is left to send, and it is said again


def test_an_old_results_folder_says_it_too_and_so_do_tasks_without_a_score(tmp_path: Path) -> None:
    rows = [
        sample(
            "eval-a1", "alpha", "provenance_open", doc, output="Hello there.", served_model=["llama", "qwen"][doc % 2]
        )
        for doc in range(4)
    ]
    write_run(tmp_path, models=("alpha",), rows=rows, tasks=("provenance_open",))
    assert derivation.refresh(tmp_path).problems == ()
    board = derivation.board(tmp_path)
    for form in leaderboard.FORMS:
        assert TWO in " ".join(leaderboard.render(board, form).decode().split()), form
    assert TWO in " ".join(leaderboard.terminal(board).split())
    (row,) = page.contents(tmp_path, pools=False)["board"]["rows"]
    assert row["notes"] == [f"provenance_open: {TWO}"]


def test_runs_of_two_served_models_under_one_name_are_told_apart_on_the_page(tmp_path: Path) -> None:
    for run_id, task, name in (("eval-a1", "arithmetic", "llama"), ("eval-b2", "provenance_open", "qwen")):
        rows = [sample(run_id, "alpha", task, doc, value=1.0, served_model=name) for doc in range(3)]
        write_run(tmp_path, run_id, models=("alpha",), rows=rows, tasks=(task,))
    derivation.refresh(tmp_path)
    board = derivation.board(tmp_path)
    assert board.mixed("alpha", "arithmetic") == [f"{TWO} (here llama alone)"]
    assert board.mixed("alpha", "provenance_open") == [f"{TWO} (here qwen alone)"]
    assert board.only({("alpha", "arithmetic")}).mixed("alpha", "arithmetic") == []


def test_one_served_model_is_nothing_to_speak_of(here: Project) -> None:
    with serving(speaks("llama")) as server:
        own(here, server)
        done = here.run("eval", *WORDS)
    (folder,) = here.runs()
    assert "warning" not in done.stderr
    assert catalogue.mixed(folder) == {}
    assert "as the server names" not in leaderboard.render(derivation.board(here.root / "results"), "markdown").decode()


def test_names_that_a_server_makes_up_are_cut() -> None:
    told = leaderboard.words.answerers(["x" * 10_000, *map(str, range(1000))])
    assert len(told) < 500
    assert told.startswith("1001 models answered")


def test_a_sample_whose_choices_two_models_answered_names_both() -> None:
    one = Reply(served_model="llama", loglikelihood=-1.0)
    two = dataclasses.replace(one, served_model="qwen")
    assert manifest.answered([two, one], generated=False)["served_model"] == "llama + qwen"
    assert manifest.answered([one, one], generated=False)["served_model"] == "llama"
    assert manifest.answered([Reply(error="no"), one], generated=False)["served_model"] is None
