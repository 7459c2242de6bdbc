"""What a user does with API models: dry run, budget, reuse, replay, and ask why."""

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from api_server import Answer, Server, chat, serving
from conftest import Project
from hypothesis import given
from hypothesis import strategies as st

from harness import runs
from harness.cli import config
from harness.core import plugins
from harness.errors import BackendError, BudgetError, ConfigError
from harness.evaluation import reuse
from harness.evaluation.budget import Price
from harness.evaluation.evaluator import FinishedRun, evaluate, preview
from harness.runs import Cost
from harness.runs.samples import TIMES

PRICED = {"price": "mine"}
PRICES = "mine: {input: 2.0, cached: 1.0, output: 10.0, as_of: 2026-01-31, source: me}\n"


def echo(body: dict[str, Any], _n: int = 0) -> Answer:
    number = int(body["messages"][-1]["content"].split()[0])
    if number == 5:
        return Answer(chat(None, refusal="No."))
    if number == 6:
        return Answer(chat("7 and", finish="length"))
    return Answer(chat(str(number + 1), reasoning_content="I add one."))


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    (project.root / "conf" / "prices.yaml").write_text(PRICES)
    return project


def remote(project: Project, server: Server, name: str = "remote", **over: Any) -> None:
    spec = {"name": name, "backend": "openai_chat", "args": {"model": "x-1", "base_url": server.url}, "parallel": 4}
    path = project.root / "conf" / "model" / f"{name}.yaml"
    path.write_text(f"# @package models.{name}\n{json.dumps(spec | PRICED | over)}\n")


def run(*words: str) -> FinishedRun:
    return evaluate(config.compose(list(words)), quiet=True)


def samples(outcome: FinishedRun) -> pl.DataFrame:
    return pl.read_parquet(runs.samples_path(outcome.run))


WORDS = ("model=remote", "task=sums", "limit=12")


def test_everything_a_server_says_reaches_the_samples(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        outcome = run(*WORDS)
        sent = {json.dumps(body, separators=(",", ":")) for _, _, body in server.asked}
    frame = samples(outcome)
    assert set(frame.explode("request_bodies").get_column("request_bodies")) == sent
    for row in frame.iter_rows(named=True):
        assert row["request_sha256"] == [hashlib.sha256(row["request_bodies"][0].encode()).hexdigest()]
        assert row["ttfb_s"] <= row["latency_s"]
        assert (row["served_model"], row["system_fingerprint"]) == ("gpt-4o-2024-08-06", "fp_fc9f1d7035")
        assert json.loads(row["decoding"])["max_tokens"] == 20
        assert (row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]) == (19, 10, 8)
    states = dict(frame.select("doc_id", "status").iter_rows())
    assert [states[i] for i in (4, 5, 6)] == ["answered", "refused", "truncated"]
    assert frame.filter(pl.col("doc_id") == 4).item(0, "reasoning") == "I add one."
    metric = next(m for m in outcome.manifest.metrics if m.is_headline)
    assert (metric.n, metric.n_unscored, metric.n_refused) == (11, 1, 1)
    assert outcome.manifest.cost.usd == pytest.approx(12 * ((19 - 8) * 2 + 8 * 1 + 10 * 10) / 1e6)


# --- reuse


def test_the_same_request_is_paid_for_once(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        first = run(*WORDS)
        more = run("model=remote", "task=sums", "limit=20")
        assert len(server.asked) == 20
        assert more.asked == 8
        fresh = run("model=remote", "task=sums", "limit=4", "reuse=false")
        assert len(server.asked) == 24
    frame = samples(more)
    assert frame.get_column("reused_from").to_list() == [first.run.name] * 12 + [None] * 8
    assert more.manifest.cost.tokens == 8 * 29
    assert samples(fresh).get_column("reused_from").null_count() == 4


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("seed=5", "seed"),
        ("decode.temperature=0.5", "decoding.temperature"),
        ("decode.max_tokens=7", "decoding.max_tokens"),
        ("models.remote.args.model=x-2", "args.model"),
        ("+models.remote.system=Be brief.", "messages"),
        ("task.num_fewshot=0", None),
        ("models.remote.parallel=9", None),
        ("+models.remote.connect.retries=1", None),
    ],
)
@pytest.mark.slow
def test_what_can_change_an_answer_is_asked_again_and_the_field_is_named(
    here: Project, word: str, field: str | None
) -> None:
    with serving(echo) as server:
        remote(here, server)
        first = run(*WORDS, "name=first")
        second = run(*WORDS, "name=second", word)
        assert len(server.asked) == (13 if field is None else 24)  # one, to see that the same model answers
    rows = reuse.why(here.root / "results", second.run, first.run.name)
    assert [row["field"] for row in rows] == [field or "(none: the same requests)"]
    assert rows[0]["compared"] == 12
    assert rows[0]["differs"] == (12 if field else 0)


def test_another_model_never_gets_this_ones_answers(here: Project) -> None:
    with serving(echo) as one, serving(echo) as two:
        remote(here, one)
        remote(here, two, "other")
        run(*WORDS)
        other = run("model=other", "task=sums", "limit=12")
        assert (len(one.asked), len(two.asked)) == (12, 12)
    rows = reuse.why(here.root / "results", other.run, None)
    assert [(row["other_model"], row["field"]) for row in rows] == [("remote", "name"), ("remote", "args.base_url")]


def test_a_failed_answer_is_not_reused(here: Project) -> None:
    def behave(body: dict[str, Any], n: int) -> Answer:
        return echo(body) if n == 1 else Answer({"error": {"message": "no"}}, 400)

    with serving(behave) as server:
        remote(here, server, parallel=1)
        run(*WORDS, "name=first")
        assert len(server.asked) == 12
        with pytest.raises(BackendError, match="answers no request"):
            run(*WORDS, "name=second")
        assert len(server.asked) == 12 + 5  # the one that was answered is not among them


def test_a_damaged_run_beside_it_stops_nothing(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        first = run(*WORDS, "name=first")
        (first.run / "journal.jsonl").write_text("not a line of a journal\n")
        run(*WORDS, "name=second")
        assert len(server.asked) == 24


# --- replay


def test_a_run_is_replayed_offline_without_a_key_to_identical_scores(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", "sk-planted-key-0123456789")
    with serving(echo) as server:
        remote(here, server, connect={"api_key_env": "PLANTED_API_KEY"})
        first = run("model=remote", "task=[sums]", "limit=12", "repeats=2", "decode.temperature=0.5", "seed=3")
    monkeypatch.delenv("PLANTED_API_KEY")
    again = run("model=replay", f"run={first.run.name}")
    assert again.run.name.startswith("replay-")
    assert again.manifest.metrics == first.manifest.metrics
    hidden = ("run_id", "reused_from", *(name for name in TIMES if name != "reused_from"))
    assert samples(again).drop(hidden).equals(samples(first).drop(hidden))
    assert set(samples(again).get_column("reused_from")) == {first.run.name}
    assert again.manifest.cost == Cost(tokens=0, usd=0.0, prices={})
    third = run("model=replay", f"run={again.run.name}", "name=third")
    assert third.manifest.metrics == first.manifest.metrics


def test_a_model_with_a_path_of_this_machine_in_its_arguments_is_replayed(here: Project) -> None:
    for folder in ("/data/one", "/data/two"):
        with serving(echo) as server:
            remote(here, server, args={"model": "x-1", "base_url": server.url, "extra_body": {"lora": f"{folder}/a"}})
            first = run(*WORDS)
            assert len(server.asked) == 12  # another folder is another model, whatever the file's name
        assert folder not in (first.run / "run.json").read_text()
        again = run("model=replay", f"run={first.run.name}")
        assert again.manifest.counts.failed == 0
        assert again.manifest.metrics == first.manifest.metrics


def test_a_replay_of_a_changed_task_fails_by_name_instead_of_mixing(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        first = run(*WORDS)
    task = here.root / "tasks" / "sums.yaml"
    task.write_text(task.read_text().replace("{{question}}", "{{question}}?"))
    again = run("model=replay", f"run={first.run.name}")
    assert again.manifest.counts.failed == 12
    assert "no answer to this request" in samples(again).item(0, "error")


@pytest.mark.parametrize(
    "words",
    [
        ("model=replay",),
        ("model=replay", "run=eval-nothere"),
        ("model=[replay,remote]", "run=eval-1"),
        ("model=remote", "task=sums", "run=eval-1"),
        ("model=replay", "run=eval-1", "seed=3"),
        ("model=replay", "run=eval-1", "task=sums"),
    ],
)
def test_a_replay_that_is_not_one_is_refused(here: Project, words: tuple[str, ...]) -> None:
    with serving(echo) as server:
        remote(here, server)
    with pytest.raises(ConfigError):
        run(*words)


def test_a_replay_reads_its_local_data_again(here: Project) -> None:
    data = here.root / "mine.jsonl"
    data.write_text('{"question": "3 + 1 = ", "answer": "4"}\n')
    (here.root / "tasks" / "sums.py").write_text(
        "import json, pathlib, datasets\n\n\ndef load(data=None, **_):\n"
        "    rows = [json.loads(line) for line in pathlib.Path(data).read_text().splitlines()]\n"
        "    return {'test': datasets.Dataset.from_list(rows)}\n"
    )
    with serving(echo) as server:
        remote(here, server)
        first = run("model=remote", "task=sums", f"task.data={data}")
    with pytest.raises(ConfigError, match=r"mine\.jsonl"):
        run("model=replay", f"run={first.run.name}")
    again = run("model=replay", f"run={first.run.name}", f"task.data={data}")
    assert again.manifest.metrics == first.manifest.metrics


# --- dry run


def test_a_dry_run_sends_nothing_writes_nothing_and_needs_no_key(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server, connect={"api_key_env": "NOT_SET_ANYWHERE"})
        done = here.run("eval", *WORDS, "--dry-run")
        assert server.asked == []
    assert "12 of 12 requests to send" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert not (here.root / "results").exists()


def test_a_dry_run_knows_what_is_answered_and_what_the_rest_can_cost(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        before = preview(config.compose([*WORDS, "dry_run=true"]))[1][0]
        assert (before["to_send"], before["usd"], before["seconds"]) == (12, None, None)
        assert before["usd_at_most"] == pytest.approx((before["prompt_tokens"] * 2 + 12 * 20 * 10) / 1e6, abs=1e-4)
        run(*WORDS)
        (row,) = preview(config.compose(["model=remote", "task=sums", "limit=30", "dry_run=true"]))[1]
        name, (same,) = preview(config.compose([*WORDS, "dry_run=true"]))
    assert (row["requests"], row["answered"], row["reusable"], row["to_send"]) == (30, 0, 12, 18)
    assert row["completion_tokens"] == 180
    assert row["prompt_tokens"] == pytest.approx(18 * 19, rel=0.2)
    assert row["usd"] == pytest.approx((row["prompt_tokens"] * 2 + 180 * 10) / 1e6, abs=1e-4)
    assert row["seconds"] is not None
    assert (same["answered"], same["to_send"], same["usd"]) == (12, 0, 0.0)
    assert name == run(*WORDS).run.name


def test_an_unknown_price_is_unknown(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server, price=None)
        (row,) = preview(config.compose(["model=remote", "task=sums", "dry_run=true"]))[1]
        assert (row["usd"], row["usd_at_most"]) == (None, None)
        assert run(*WORDS).manifest.cost.usd is None
        with pytest.raises(ConfigError, match="price of remote is not known"):
            run("model=remote", "task=sums", "budget.usd=1")
        remote(here, server, price="mime")
        with pytest.raises(ConfigError, match="'mine'"):
            run("model=remote", "task=sums", "seed=9")


# --- budget


def test_a_budget_in_dollars_stops_the_run_and_the_same_command_goes_on(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        words = ("model=remote", "task=sums")
        each = ((19 - 8) * 2 + 8 * 1 + 10 * 10) / 1e6
        with pytest.raises(BudgetError, match="budget is used up"):
            run(*words, "budget.usd=0.002")
        assert 0 < len(server.asked) * each <= 0.002
        assert run(*words).manifest.status == "complete"
        assert len(server.asked) == 30


def test_a_budget_counts_over_all_models_of_a_run(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        remote(here, server, "other", args={"model": "x-2", "base_url": server.url})
        with pytest.raises(BudgetError):
            run("model=[remote,other]", "task=sums", "limit=12", "budget.tokens=600")
        assert 12 < len(server.asked) <= 600 // 29


def test_an_answer_lost_on_the_way_counts_against_the_budget_after_it_was_had_again(here: Project) -> None:
    def losing(body: dict[str, Any], n: int) -> Answer:
        return Answer(echo(body).payload, fault="truncate" if n == 3 else None)

    with serving(losing) as server:
        remote(here, server, connect={"retries": 0}, parallel=1)
        words = ("model=remote", "task=sums", "limit=4")
        first = run(*words)
        again = run(*words)
        assert (first.manifest.counts.failed, again.manifest.counts.failed) == (1, 0)
        assert len(server.asked) == 5
    lost = first.manifest.cost.tokens - 3 * 29
    assert lost > 29
    assert again.manifest.cost.tokens == 4 * 29 + lost


def test_a_budget_holds_for_lm_evals_own_clients_whose_answers_are_counted_at_their_most(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.load("backends", "lm_eval_model"), "BILLED", ("dummy",))
    (here.root / "conf" / "model" / "own.yaml").write_text(
        "# @package models.own\n{name: own, backend: lm_eval_model, args: {type: dummy}, chat: false, price: mine}\n"
    )
    words = ("model=own", "task=sums", "limit=12")
    with pytest.raises(BudgetError, match="budget is used up"):
        run(*words, "budget.tokens=250")
    (folder,) = (here.root / "results" / "runs").glob("eval-*")
    assert 0 < len((folder / "journal.jsonl").read_text().splitlines()) < 12
    whole = run(*words).manifest
    assert whole.counts.answered == 12
    assert whole.cost.tokens > 12 * 20  # every byte of the prompt, and max_tokens


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1))
def test_a_cost_is_never_less_with_fewer_cached_tokens(prompt: int, completion: int, share: float) -> None:
    price = Price(2.0, 10.0, "2026-01-31", "me", cached=1.0)
    cached = int(prompt * share)
    assert 0 <= price.usd(prompt, completion, cached) <= price.usd(prompt, completion)


# --- what cannot be asked


def test_a_chat_server_refuses_loglikelihoods_before_anything_is_sent(here: Project) -> None:
    with serving(echo) as server:
        remote(here, server)
        with pytest.raises(BackendError, match="cannot give a loglikelihood"):
            run("model=remote", "task=[sums,sums_choice]")
        assert server.asked == []
    assert not Path("results").exists()
