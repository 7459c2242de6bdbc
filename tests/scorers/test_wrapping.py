"""What a model wraps around its answer comes off, is recorded, and is never graded."""

import json
from typing import Any

import polars as pl
import pytest
from api_server import Answer as Sent
from api_server import chat, serving
from conftest import Project
from hypothesis import given
from hypothesis import strategies as st

from harness import runs
from harness.cli import config
from harness.evaluation.evaluator import FinishedRun, evaluate, preview
from harness.records import Answer
from harness.scorers import clean, code, math, opens, split
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
    assert outcome.manifest.metrics[0].n == 0


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


# --- whatever is wrapped around a reply, its verdict stays

PAIRS = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"), ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<seed:think>", "</seed:think>"), ("<scratchpad>", "</scratchpad>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|START_THINKING|>", "<|END_THINKING|>"), ("[unused16]", "[unused17]"),
    ("<reflection>", "</reflection>"), ("<longcat_think>", "</longcat_think>"), ("<inner_monologue>", "</inner_monologue>"),
    ("<analysis>", "</analysis>"), ("<|think_start|>", "<|think_end|>"), ("<|reasoning|>", "</|reasoning|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel>thought\n", "<channel|>"), ("Here is my thought process:", "Here is my response:"),
)  # fmt: skip
TOKENS = (
    "<|im_end|>", "<|eot_id|>", "</s>", "<|endoftext|>", "<end_of_turn>", "<eos>", "<｜end▁of▁sentence｜>", "<|EOT|>",
    "<|end|>", "<|return|>", "<|END_OF_TURN_TOKEN|>", "[EOS]", "<|im_end|>\n<|endoftext|>", "</s></s>", "<pad>", "<|user|>",
)  # fmt: skip
TURNS = (
    "<|im_end|>\n<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n{a}",
    "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{a}",
    "</s>[INST] {q} [/INST] {a}",
    "\nUSER: {q}\nASSISTANT: {a}",
    "\n\n### Instruction:\n{q}\n\n### Response:\n{a}",
    "</s>\n<|user|>\n{q}</s>\n<|assistant|>\n{a}",
    "<end_of_turn>\n<start_of_turn>user\n{q}<end_of_turn>\n<start_of_turn>model\n{a}",
    "<|end|>\n<|user|>\n{q}<|end|>\n<|assistant|>\n{a}",
    "<｜end▁of▁sentence｜><｜User｜>{q}<｜Assistant｜>{a}",
    "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{q}<|CHATBOT_TOKEN|>{a}",
    "\n<|user|>\n{q}\n<|assistant|>\n{a}",
    "<|end|><|start|>user<|message|>{q}<|end|><|start|>assistant<|channel|>final<|message|>{a}",
    "\n\nHuman: {q}\n\nAssistant: {a}",
    "\n\nQ: {q}\nA: {a}",
    "\n\nExercise 2: {q}\n{a}",
    "\n\n## Problem 2\n{q}\n{a}",
    "\n\nInput: {q}\nOutput: {a}",
    "\n[Round 2]\n问：{q}\n答：{a}",
    "\n\n**Question 2:** {q}\n{a}",
    "\n\nFollow-up: {q}\n{a}",
    "\n\n## Your task: {q}\n{a}",
    "\n\nNow you try: {q}\n{a}",
    "\nuser\n{q}\nassistant\n{a}",
    "\n\nQ. {q}\nA. {a}",
)
LANGUAGES = {
    "en": ("The answer is {}.", "Question: {}\nStep-by-Step Answer: {}"),
    "es": ("La respuesta es {}.", "Pregunta: {}\nRespuesta paso a paso: {}"),
    "fr": ("La réponse est {}.", "Question : {}\nRéponse étape par étape : {}"),
    "de": ("Die Antwort ist {}.", "Frage: {}\nSchritt-für-Schritt-Antwort: {}"),
    "ru": ("Ответ — {}.", "Задача: {}\nПошаговое решение: {}"),
    "zh": ("答案是 {}。", "问题：{}\n逐步解答：{}"),
    "ja": ("答えは{}です。", "問題：{}\nステップごとの答え：{}"),
    "th": ("คำตอบคือ {}", "โจทย์: {}\nคำตอบทีละขั้นตอน: {}"),
    "sw": ("Jibu ni {}.", "Swali: {}\nJibu la Hatua kwa Hatua: {}"),
    "bn": ("উত্তর হল {}।", "প্রশ্ন: {}\nধাপে ধাপে উত্তর: {}"),
    "te": ("సమాధానం {}.", "ప్రశ్న: {}\nదశలవారీగా సమాధానం: {}"),
}
RIGHT = "def total(numbers):\n    found = 0\n    for number in numbers:\n        found += number\n    return found\n"
WRONG = "def total(numbers):\n    return -1\n"
DOC = {
    "entry_point": "total",
    "prompt": 'def total(numbers):\n    """Add up."""\n',
    "tests": "assert total([1, 2]) == 3",
}


def fenced(source: str) -> str:
    return f"```python\n{source}```"


def verdicts(replies: list[str], doc: dict[str, Any] = DOC) -> list[float | None]:
    scores = code.score([Answer(doc, "", reply) for reply in replies], SandboxSpec(allow_unsafe=True, timeout_s=2))
    return [score.value for score in scores]


def marked(replies: list[str], gold: str = "18") -> list[float | None]:
    return [score.value for score in math.score([Answer({}, gold, reply) for reply in replies], SandboxSpec())]


def wrapped(good: str, other: str) -> list[str]:
    """A reply in every wrapper there is; what is wrapped around it says something else."""
    replies = [f"{opening}\nMaybe\n{other}\nno, wait\n{closing}\n{good}" for opening, closing in PAIRS]
    replies += [f"{opening}{other}{closing}{good}" for opening, closing in PAIRS]
    replies += [good.rstrip("\n") + token for token in TOKENS] + [f"{good}\n{token}" for token in TOKENS]
    return replies + [good.rstrip("\n") + turn.format(q="And a robe?", a=other) for turn in TURNS]


@pytest.mark.parametrize("shape", [fenced, str], ids=["fenced", "plain"])
def test_code_keeps_its_verdict_in_every_wrapper(shape: Any) -> None:
    for good, other, value in ((RIGHT, WRONG, 1.0), (WRONG, RIGHT, 0.0)):
        replies = wrapped(shape(good), fenced(other))
        found = verdicts(replies)
        assert [reply for reply, score in zip(replies, found, strict=True) if score != value] == []


@pytest.mark.parametrize("answer", ["The answer is {}.", "$\\boxed{{{}}}$", "9 * 2 = {}\n#### {}"])
def test_a_mathematical_answer_keeps_its_verdict_in_every_wrapper(answer: str) -> None:
    for good, other, value in (("18", "3", 1.0), ("3", "18", 0.0)):
        replies = wrapped(answer.format(good, good), f"The answer is {other}.")
        assert [reply for reply, score in zip(replies, marked(replies), strict=True) if score != value] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invented_next_question_is_not_graded_in_any_language(language: str) -> None:
    answer, asked_next = LANGUAGES[language]
    for good, other, value in (("18", "3", 1.0), ("3", "18", 0.0)):
        for gap in ("\n\n", "\n"):
            reply = answer.format(good) + gap + asked_next.format("…?", answer.format(other))
            assert marked([reply]) == [value], reply


NEXT = (
    "Exercice suivant : {}", "Nächste Frage: {}", "Следующая задача: {}", "Pregunta siguiente: {}", "โจทย์ข้อ 2: {}", "คำถามที่ 2: {}",
    "Tatizo la 2: {}", "Swali la pili: {}", "例题2：{}",
)  # fmt: skip


@pytest.mark.parametrize("asked", NEXT)
def test_a_next_question_may_say_that_it_is_the_next(asked: str) -> None:
    for good, other, value in (("18", "3", 1.0), ("3", "18", 0.0)):
        assert marked([f"\\boxed{{{good}}}\n\n{asked.format('1 + 2?')}\n\\boxed{{{other}}}"]) == [value]


UNKNOWN = ("mindflow", "planning_ahead", "brain_dump", "hidden:musings", "evaluate", "cognition")


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_tag_that_no_table_knows_is_reasoning_where_the_answer_stands_behind_it(name: str) -> None:
    for good, other, value in (("18", "3", 1.0), ("3", "18", 0.0)):
        reply = f"<{name}>\nMaybe \\boxed{{{other}}}?\n</{name}>\n\n"
        assert marked([reply + good, reply + f"It is {good}.", reply + f"#### {good}"]) == [value] * 3
        assert (
            marked([f"<{name}>\nThe answer is {good}.\n</{name}>", f"<{name}>\nThe answer is {good}.\n</{name}>\nBye!"])
            == [value] * 2
        )
    for good, other, passed in ((RIGHT, WRONG, 1.0), (WRONG, RIGHT, 0.0)):
        assert verdicts([f"<{name}>\n{fenced(other)}\n</{name}>\n\n{good}"]) == [passed]
    assert clean(f"<{name}>a</{name}>18", lambda _: True).removed[0].what == "reasoning"
    assert clean("<p>18</p><p>It took 3 steps.</p>", lambda _: True).removed == ()


ECHOES = (
    "[INST] {q} [/INST] {a}", "<s>[INST] {q} [/INST]{a}</s>", "<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n{a}<|im_end|>",
    "<|user|>\n{q}\n<|assistant|>\n{a}", "<start_of_turn>user\n{q}<end_of_turn>\n<start_of_turn>model\n{a}",
    "<|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{a}",
)  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
def test_a_prompt_that_is_sent_back_before_the_answer_is_not_graded(echo: str) -> None:
    for good, other, value in (("18", "3", 1.0), ("3", "18", 0.0)):
        assert marked([echo.format(q=f"Is it \\boxed{{{other}}}?", a=f"The answer is {good}.")]) == [value]
    for source, passed in ((RIGHT, 1.0), (WRONG, 0.0)):
        assert verdicts([echo.format(q="Add them up.", a=fenced(source))]) == [passed]


def test_reasoning_that_never_ends_is_never_graded() -> None:
    for opening, _ in PAIRS:
        assert verdicts([f"{opening}\n{fenced(RIGHT)}"]) == [0.0]
        assert marked([f"{opening}\\boxed{{18}}", f"{opening} The answer is 18."]) == [0.0, 0.0]


def test_what_an_answer_is_about_is_kept() -> None:
    kept = [
        "def total(numbers):\n    'a</think>b'.split('</think>')\n    return sum(numbers)\n",
        'import re\ndef total(numbers):\n    re.sub(r"<think>.*?</think>", "", "x")\n    return sum(numbers)\n',
        "def total(numbers):\n    stop = '<|im_end|>'\n    return sum(numbers) if len(stop) == 10 else 0\n",
        'def total(numbers):\n    """Not about <think> tags, nor a </s> token."""\n    return sum(numbers)\n',
        "def total(numbers):\n    # up to </think> or <|endoftext|>\n    return sum(numbers)\n",
    ]
    assert verdicts([shape(source) for source in kept for shape in (fenced, str)]) == [1.0] * 10
    for opening, closing in PAIRS[:6]:
        for text in (
            f"The answer is 18. I did not use a {opening} block.",
            f"Without `{opening}` and `{closing}`, the answer is 18.",
        ):
            assert clean(text).text == text
            assert marked([text]) == [1.0]


CLOSINGS = (
    ".",
    " Done.",
    "[DONE]",
    "</answer>",
    "\u200b",
    "  # end",
    "**End**",
    ")",
    ":",
    " ✅",
    "<br>",
    "|",
    "`",
    ",",
)


def test_a_closing_fence_closes_whatever_follows_it() -> None:
    for good, value in ((RIGHT, 1.0), (WRONG, 0.0)):
        replies = [f"```python\n{good}```{tail}" for tail in CLOSINGS]
        replies += [f"```python\n{good}```{tail}\nThis adds them up.\n" for tail in CLOSINGS]
        replies += [
            f"```python\n{good.rstrip()}```",
            f"```python\n{good.rstrip()}``` Done.\nBye.",
            f"```python\n{good}",
        ]
        replies += [
            f"```python\n{good}\n{prose}"
            for prose in ("It adds them up, one by one.", "**Why:** it adds.", "- It adds.")
        ]
        found = verdicts(replies)
        assert [reply for reply, score in zip(replies, found, strict=True) if score != value] == []


@given(st.text(max_size=60), st.sampled_from([*TOKENS, *(p for pair in PAIRS for p in pair)]), st.text(max_size=60))
def test_cleaning_only_ever_takes_off(before: str, piece: str, after: str) -> None:
    text = f"{before}{piece}{after}"
    left = iter(text)
    assert all(character in left for character in clean(text, lambda _: True).text)
    parted = split(text)
    assert parted.answer is None or parted.answer in text


@pytest.mark.parametrize(
    "text", ["Here i\u017f my thought process: a. Here is my response: 4", "[unu\u017fed16]a[unused17]4"]
)
def test_a_delimiter_in_letters_that_only_look_like_its_own_breaks_nothing(text: str) -> None:
    """Python's patterns take a long s for an s, and its `lower` leaves it as it is: a paid answer was lost."""
    assert (split(text).answer or "").endswith("4")
