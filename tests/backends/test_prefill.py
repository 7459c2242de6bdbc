"""The first words of an answer, and a system message for models that know none, as each server wants them."""

import dataclasses
from typing import Any

import pytest
from api_server import Answer, asked, chat, say, serving
from conftest import Project

from harness.cli import config
from harness.core import plugins
from harness.errors import ConfigError
from harness.evaluation import preview
from harness.records import Request
from harness.specs import ModelSpec

BEGUN = "The answer is "
SYSTEM = "Be brief."


def begun(text: str = BEGUN) -> Request:
    request = asked(system=SYSTEM)
    return dataclasses.replace(request, messages=(*(request.messages or ()), {"role": "assistant", "content": text}))


def body(backend: str, request: Request, **args: Any) -> dict[str, Any]:
    spec = ModelSpec("m", backend, args={"model": "x-1", "base_url": "http://h", **args})
    made: dict[str, Any] = plugins.load("backends", backend).Backend(spec, None).body(request)
    return made


def test_chat_servers_are_given_the_beginning_in_their_own_ways() -> None:
    turn = {"role": "assistant", "content": BEGUN}
    said = body("openai_chat", begun(), prefill="continue_final_message")
    assert said["messages"][-1] == turn
    assert (said["continue_final_message"], said["add_generation_prompt"]) == (True, False)
    said = body("openai_chat", begun(), prefill="prefix")
    assert said["messages"][-1] == {**turn, "prefix": True}
    said = body("openai_chat", begun(), prefill="last_message")
    assert said["messages"][-1] == turn
    assert not {"continue_final_message", "add_generation_prompt"} & set(said)


def test_what_needs_no_beginning_is_asked_as_ever() -> None:
    plain = body("openai_chat", asked())
    for how in ("continue_final_message", "prefix", "last_message"):
        assert body("openai_chat", asked(), prefill=how) == plain


def test_anthropic_is_given_no_white_space_at_the_end_and_gemini_a_turn_of_the_models() -> None:
    assert body("anthropic", begun())["messages"][-1] == {"role": "assistant", "content": BEGUN.rstrip()}
    assert body("gemini", begun())["contents"][-1] == {"role": "model", "parts": [{"text": BEGUN}]}


@pytest.mark.parametrize("how", ["prefix", "last_message"])
def test_a_beginning_that_is_repeated_is_no_part_of_the_answer(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", "sk-planted/key+0123456789")
    with serving(lambda _body, _n: Answer(chat(f"{BEGUN}42."))) as server:
        assert say(server, "openai_chat", begun(), prefill=how).text == "42."
    with serving(lambda _body, _n: Answer(chat("42."))) as server:
        assert say(server, "openai_chat", begun(), prefill=how).text == "42."


REFUSED = [
    ("openai_chat", {}, "args.prefill"),
    ("openai_responses", {}, "no way"),
    ("anthropic", {"thinking": {"type": "adaptive"}}, "thinks"),
    ("gemini", {"thinking": {"includeThoughts": True}}, "thinks"),
]
TAKEN = [
    ("openai_chat", {"prefill": "prefix"}),
    ("openai_completions", {}),
    ("anthropic", {}),
    ("gemini", {}),
    ("llama_cpp", {}),
    ("lm_eval_model", {}),
    ("fake", {}),
]


@pytest.mark.parametrize(("backend", "args", "why"), REFUSED)
def test_what_cannot_be_given_a_beginning_says_why(backend: str, args: dict[str, Any], why: str) -> None:
    said = plugins.load("backends", backend).Backend.prefill(ModelSpec("m", backend, args={"model": "x", **args}))
    assert why in said


@pytest.mark.parametrize(("backend", "args"), TAKEN)
def test_what_can_says_nothing(backend: str, args: dict[str, Any]) -> None:
    spec = ModelSpec("m", backend, args={"model": "x", "base_url": "http://h", **args})
    assert plugins.load("backends", backend).Backend.prefill(spec) is None


def test_a_misspelt_way_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"prefill is 'prefx', expected one of"):
        body("openai_chat", asked(), prefill="prefx")


def test_a_task_that_begins_its_answers_is_refused_by_name_before_the_first_request(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    text = (project.root / "tasks" / "sums.yaml").read_text()
    (project.root / "tasks" / "begun.yaml").write_text(
        text.replace("task: sums", "task: begun") + '\ngen_prefix: "It is"\n'
    )
    model = "# @package models.remote\n{name: remote, backend: openai_chat, args: {model: x, base_url: 'http://127.0.0.1:9'}}"
    (project.root / "conf" / "model" / "remote.yaml").write_text(model)
    with pytest.raises(
        ConfigError, match=r"model remote: task begun begins every answer itself \(gen_prefix\).*prefill"
    ):
        preview(config.compose(["model=remote", "task=begun", "limit=2"]))
    _, rows = preview(config.compose(["model=remote", "task=begun", "limit=2", "+models.remote.args.prefill=prefix"]))
    assert rows[0]["to_send"] == 2


@pytest.mark.parametrize("backend", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_a_system_message_is_folded_into_the_users_first_turn(backend: str) -> None:
    said = str(body(backend, asked(system=SYSTEM), fold_system=True))
    assert f"{SYSTEM}\\n\\nWhat is six times seven?" in said
    for word in ("system", "instructions"):
        assert word not in said
    assert body(backend, asked(), fold_system=True) == body(backend, asked())


def test_a_conversation_that_the_user_does_not_begin_gets_a_turn_for_it() -> None:
    request = dataclasses.replace(
        asked(), messages=({"role": "system", "content": SYSTEM}, {"role": "assistant", "content": "Yes?"})
    )
    said = body("openai_chat", request, fold_system=True)["messages"]
    assert said == [{"role": "user", "content": SYSTEM}, {"role": "assistant", "content": "Yes?"}]
