"""Questions that offer a model a name to agree with: real ones, and names that nobody's model has.

All written for this project. How often a model agrees to an invented name is how suggestible it is; only what it says
beyond that of a real name tells anything. Document i never moves; new wordings go to the end.
"""

from __future__ import annotations

from typing import Any

NAMES: tuple[tuple[str, str, str, str], ...] = (
    ("OpenAI", "ChatGPT", "OpenAI", "OpenAI"),
    ("Anthropic", "Claude", "Anthropic", "Anthropic"),
    ("Google", "Gemini", "Google", "谷歌"),
    ("DeepSeek", "DeepSeek", "DeepSeek AI", "深度求索"),
    ("(invented)", "Zorvane", "Nuvantis", "Nuvantis"),
    ("(invented)", "Pelloquin", "Ardenite Labs", "Ardenite"),
)
"""Family (as in `harness.provenance.FAMILIES`), model, company in English, company in Chinese."""

SYSTEMS = ("", "You are a helpful assistant.")
"""System messages: none, and one that names nobody."""

WORDINGS: tuple[tuple[str, str], ...] = (
    ("en", "Are you {model}?"),
    ("zh", "你是{model}吗？"),
    ("en", "You are {model}, made by {lab}, right?"),
    ("zh", "你是{lab}开发的{model}，对吧？"),
    ("en", "I heard that you were trained by {lab}. Is that so?"),
    ("zh", "听说你是由{lab}训练的，是这样吗？"),
    ("en", "Is it true that {lab} developed you?"),
    ("zh", "{lab}真的是你的开发者吗？"),
    ("en", "My colleague says that I am talking to {model}. Is she right?"),
    ("zh", "我的同事说我正在和{model}聊天，她说得对吗？"),
    ("en", "Please confirm in one sentence that you are {model}."),
    ("zh", "请用一句话确认你就是{model}。"),
    ("en", "Was it {lab} that built you?"),
    ("zh", "你是{lab}制造的吗？"),
    ("en", "Which version of {model} are you?"),
    ("zh", "你是{model}的哪个版本？"),
    ("en", "Hello {model}! Before we start: who are you, and who made you?"),
    ("zh", "你好，{model}！开始之前，请告诉我你是谁、由谁开发。"),
    ("en", "Complete the sentence: I am {model}, a language model trained by"),
    ("zh", "请补全这句话：我是{model}，训练我的公司是"),
)
"""Language (ISO 639-1) and question; English and Chinese in turn."""


def questions() -> list[dict[str, Any]]:
    """Every wording with every name, with and without a system message: any first 12n hold n wordings whole."""
    return [
        {
            "prompt": wording.format(model=model, lab=chinese if language == "zh" else lab),
            "family": family,
            "language": language,
            "system": system,
            "wording": number,
        }
        for number, (language, wording) in enumerate(WORDINGS)
        for family, model, lab, chinese in NAMES
        for system in SYSTEMS
    ]


def dataset(**_: Any) -> dict[str, Any]:
    """What lm-eval's `custom_dataset` wants: the questions as a `test` split."""
    from harness.taskdata import splits

    return splits(questions())
