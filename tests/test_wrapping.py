"""What a model wraps around its answer comes off, is recorded, and is never graded."""

import json
from typing import Any

import polars as pl
import pytest
from api_server import Answer as Sent
from api_server import chat, serving
from conftest import Project

from harness import runs
from harness.cli import config
from harness.evaluation.evaluator import FinishedRun, evaluate, preview
from harness.records import Answer
from harness.scorers import clean, math, opens, split
from harness.specs import SandboxSpec

# --- reasoning that was cut off


def asked(project: Project, behave: Any, **over: Any) -> FinishedRun:
    with serving(behave) as server:
        args = {"model": "x-1", "base_url": server.url}
        spec = {"name": "remote", "backend": "openai_chat", "args": args, "parallel": 2, "price": "own-hardware"} | over
        path = project.root / "conf" / "model" / "remote.yaml"
        path.write_text(f"# @package models.remote\n{json.dumps(spec)}\n")
        outcome = evaluate(config.compose(["model=remote", "task=sums", "limit=4"]), quiet=True)
        path.unlink()
    return outcome


def states(outcome: FinishedRun) -> list[tuple[str, float | None]]:
    frame = pl.read_parquet(runs.samples_path(outcome.run)).sort("doc_id")
    return [(row["status"], row["scores"][0]["value"]) for row in frame.iter_rows(named=True)]


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.root)
    return project


def number(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[0])


@pytest.mark.parametrize("finish", ["length", "stop"])
def test_reasoning_the_template_opened_and_nothing_closed_is_truncated_and_unscored(here: Project, finish: str) -> None:
    def behave(body: dict[str, Any], _n: int) -> Sent:
        right = number(body) + 1
        if number(body) == 2:
            return Sent(chat(f"{right}", finish=finish))
        return Sent(chat(f"So I add one.\n</think>\n\n{right}"))

    assert states(asked(here, behave)) == [("answered", 1.0)] * 2 + [("truncated", None), ("answered", 1.0)]


def test_a_model_that_is_said_to_open_its_reasoning_needs_no_other_reply_to_show_it(here: Project) -> None:
    outcome = asked(here, lambda body, _n: Sent(chat(f"{number(body) + 1}")), reasoning={"opened": True})
    assert states(outcome) == [("truncated", None)] * 4
    assert outcome.manifest["metrics"][0]["n"] == 0


def test_a_stop_text_inside_the_reasoning_is_truncated_and_unscored(here: Project) -> None:
    def behave(body: dict[str, Any], _n: int) -> Sent:
        content = {1: None, 2: "", 3: " "}.get(number(body), str(number(body) + 1))
        return Sent(chat(content, finish="stop", reasoning_content="I add"))

    assert states(asked(here, behave)) == [("answered", 1.0)] + [("truncated", None)] * 3


def test_stop_texts_are_cut_here_where_the_model_reasons_in_the_same_stream(here: Project) -> None:
    bodies = []

    def behave(body: dict[str, Any], _n: int) -> Sent:
        bodies.append(body)
        return Sent(chat(f"<think>First\nthen</think>{number(body) + 1}\n\nQ: 7"))

    task = here.root / "tasks" / "sums.yaml"
    task.write_text(task.read_text().replace("until: []", 'until: ["\\n"]'))
    assert states(asked(here, behave, reasoning={"inline": True})) == [("answered", 1.0)] * 4
    assert all("stop" not in body for body in bodies)
    assert {body.get("max_tokens") for body in bodies} == {20}


def test_how_a_model_reasons_is_no_part_of_a_runs_identity(here: Project) -> None:
    args = {"model": "x-1", "base_url": "http://127.0.0.1:9/v1"}
    ids = set()
    for more in ({}, {"reasoning": {"tags": {"<hm>": "</hm>"}, "opened": True}}):
        spec = {"name": "remote", "backend": "openai_chat", "args": args} | more
        (here.root / "conf/model/remote.yaml").write_text(f"# @package models.remote\n{json.dumps(spec)}\n")
        composed = config.compose(["model=remote", "task=sums"])
        ids.add(preview(composed)[0])
    assert len(ids) == 1
    assert composed.models[0].reasoning.tags == {"<hm>": "</hm>"}


def test_a_prompt_that_opens_reasoning_is_known_by_its_end() -> None:
    assert opens("<|im_start|>assistant\n<think>\n")
    assert opens("go on: ◁think▷")
    assert opens("<hm>", {"<hm>": "</hm>"})
    assert not opens("<think>a</think>")
    assert not opens("What is <think> for?")
    assert split("7", opened=True).answer is None
    assert split("so</think>7", opened=True).answer == "7"


def test_a_guess_that_is_thought_over_when_the_reply_is_cut_off_is_no_answer() -> None:
    for text in ("I guess \\boxed{7}. Wait, let me", "So \\boxed{7}. Hmm, that seems"):
        assert math.score([Answer({}, "7", text, truncated=True)], SandboxSpec())[0].status == "truncated"
    whole = "So \\boxed{7}. The sum of the digits is"
    assert math.score([Answer({}, "7", whole, truncated=True)], SandboxSpec())[0].status == "correct"


def test_what_was_taken_off_is_recorded(here: Project) -> None:
    outcome = asked(here, lambda body, _n: Sent(chat(f"{number(body) + 1}<|im_end|>")))
    frame = pl.read_parquet(runs.samples_path(outcome.run))
    assert states(outcome) == [("answered", 1.0)] * 4
    (piece,) = json.loads(frame.item(0, "removed"))
    assert piece == {"what": "token", "why": "behind the answer", "text": "<|im_end|>", "chars": 10}
    assert clean("7").removed == ()
