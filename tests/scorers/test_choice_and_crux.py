"""Letters that replies settle on, and CRUXEval's predictions: what is taken, and that none can be cheated into passing."""

import pytest

from harness.records import Answer
from harness.scorers import choice, crux
from harness.specs import SandboxSpec

DOC = {"code": "def f(x):\n    return x * 2 + '=='", "input": "'ab'", "output": "'abab=='"}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Think.\nAnswer: C", "C"), ("**Answer: (B)**", "B"), ("the answer is (J).", "J"),
        ("so $\\boxed{\\text{A}}$ it is", "A"), ("The final answer is \\boxed{D}.", "D"), ("C", "C"), ("(C)", "C"),
        ("Answer: A\nNo, wait.\nAnswer: B", "B"), ("Answer: C. Option A is wrong because of B.", "C"),
        ("The correct option is: A", "A"), ("the answer is a matter of taste", None), ("", None), ("Answer: K", None),
        ("<think>Answer: A</think>Answer: B", "B"),
    ],
)  # fmt: skip
def test_the_last_letter_that_is_stated_counts_and_none_is_guessed(text, letter):
    doc = {"letters": "ABCDEFGHIJ"}
    (score,) = choice.score([Answer(doc, "B", text)], SandboxSpec())
    assert score.extracted == letter
    assert score.value == float(letter == "B")
    assert score.status == ("no_answer" if letter is None else "correct" if letter == "B" else "wrong")


def test_a_reply_that_was_cut_off_before_its_letter_is_called_truncated():
    (score,) = choice.score([Answer({"letters": "ABCD"}, "B", "Let us see,", truncated=True)], SandboxSpec())
    assert (score.value, score.status) == (0.0, "truncated")


OUTPUT = {
    "[ANSWER]\nassert f('ab') == 'abab=='\n[/ANSWER]": "passed",
    "[THOUGHT]'abab'[/THOUGHT][ANSWER]assert f('ab') == ('ab' + 'ab' + '==')  # so": "passed",
    "'abab=='": "passed",
    "[ANSWER]assert f('ab') == 'abab'[/ANSWER]": "wrong",
    "[ANSWER]assert f('ab') == f('ab')[/ANSWER]": "no_answer",
    "[ANSWER]assert f('ab') == ??[/ANSWER]": "no_answer",
    "[ANSWER]assert f('ab') == type('T', (), {'__eq__': lambda *_: True})()[/ANSWER]": "wrong",
}
INPUT = {
    "[ANSWER]\nassert f('ab') == 'abab=='\n[/ANSWER]": "passed",
    "[ANSWER]assert f(x='ab') == 'abab=='[/ANSWER]": "passed",
    "'ab'": "passed",
    "[ANSWER]assert f('x') == 'abab=='[/ANSWER]": "wrong",
    "[ANSWER]assert f('x') or 'abab==' == 'abab=='[/ANSWER]": "wrong",
    "[ANSWER]assert f(__import__('os').system('true')) == 1[/ANSWER]": "blocked",
}


def test_predictions_are_taken_as_cruxevals_authors_ask_for_them_and_none_cheats():
    for mode, cases in (("output", OUTPUT), ("input", INPUT)):
        answers = [Answer({**DOC, "mode": mode}, "", text) for text in cases]
        scores = crux.score(answers, SandboxSpec(allow_unsafe=True))
        found = dict(zip(cases, (score.status for score in scores), strict=True))
        assert {
            k: v for k, v in found.items() if v != cases[k] and not (cases[k] in {"wrong", "blocked"} and v != "passed")
        } == {}
        assert [score.value for score in scores] == [float(of == "passed") for of in found.values()]
