"""A model that thinks has room to: its own limit raises a task's, and answers that were cut off are told of."""

import pytest

from harness.cli.config import compose
from harness.engine.requests import decoding_for
from harness.results.leaderboard import words
from harness.specs import EvalSpec, TaskSpec

MATH500 = {"until": [], "max_gen_toks": 4096, "temperature": 0.0}
LONG = {"until": [], "max_gen_toks": 65536}


def limit(overrides, generation=MATH500):
    spec = compose(["model=vllm", "task=math500", *overrides])
    return decoding_for(spec.models[0], spec, spec.tasks[0], generation).max_tokens


@pytest.mark.parametrize(
    ("overrides", "tokens"),
    [
        ([], 4096),
        (["+models.vllm.reasoning=true"], 32768),
        (["models.vllm.args.model=Qwen/QwQ-32B"], 32768),
        (["models.vllm.args.model=deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"], 32768),
        (["models.vllm.args.model=Qwen/Qwen2.5-7B-Instruct"], 4096),
        (["models.vllm.args.model=Qwen/QwQ-32B", "+models.vllm.reasoning=false"], 4096),
        (["models.vllm.args.model=Qwen/QwQ-32B", "+models.vllm.reasoning.max_tokens=9000"], 9000),
        (["+models.vllm.reasoning=true", "decode.max_tokens=100"], 100),
        (["+models.vllm.reasoning=true", "tasks.math500.max_tokens=200"], 200),
        (["+models.vllm.reasoning=true", "+models.vllm.decode.max_tokens=300"], 300),
    ],
)
def test_a_models_own_limit_raises_a_tasks_where_nobody_named_one(overrides, tokens):
    assert limit(overrides) == tokens


def test_no_limit_is_lowered():
    assert limit(["+models.vllm.reasoning=true"], LONG) == 65536


def test_whoever_is_taken_for_a_thinker_by_its_name_is_told_so(capsys):
    limit(["models.vllm.args.model=Qwen/QwQ-32B"])
    said = " ".join(capsys.readouterr().err.split())
    assert "Qwen/QwQ-32B thinks before it answers, so its answers get up to 32,768 tokens" in said
    assert "reasoning: false" in said


def test_specs_of_before_keep_their_identity():
    before = {
        "models": [{"name": "m", "reasoning": {"tags": {}, "inline": True, "opened": False}}],
        "tasks": [{"name": "t"}],
    }
    now = {
        "models": [{"name": "m", "reasoning": before["models"][0]["reasoning"] | {"max_tokens": None}}],
        "tasks": [{"name": "t"}],
    }
    assert EvalSpec.of_identity(before) == EvalSpec.of_identity(now)
    assert TaskSpec("t") == compose(["task=gsm8k"]).tasks[0].__class__("t")


@pytest.mark.parametrize(("cut", "told"), [(5, False), (6, True)])
def test_more_than_a_twentieth_cut_off_is_told_with_what_to_do(cut, told):
    said = words.cut_off({"truncated": cut, "samples": 100})
    assert (said is not None) == told
    if said:
        assert "6 of 100 answers were cut off" in said
        assert "task.max_tokens" in said
        assert "reasoning: true" in said
