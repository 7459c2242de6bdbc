"""Where the final answer of a text is found: `(gold, text, status)`, judged through the scorer."""

import pytest

from harness.records import Answer
from harness.scorers import math as scorer
from harness.scorers._math import extract
from harness.specs import SandboxSpec

TRUNCATED = [
    ("144", "the area is $\\boxed{14", "truncated"),
    ("14", "the area is $\\boxed{14", "truncated"),
    ("14", "the area is $\\boxed{14}$ so", "correct"),
    ("14", "the area is 14", "truncated"),
    ("14", "The answer is 14", "truncated"),
    ("14", "#### 14", "truncated"),
    ("14", "#### 14\n\nQuestion: foo", "correct"),
    ("14", "The answer is 14. I am sure that", "correct"),
    ("14", "and then we", "truncated"),
]
LANGUAGES = [
    ("18", "La respuesta es 18.", "correct"),
    ("18", "Respuesta: 18", "correct"),
    ("18", "Die Antwort ist 18.", "correct"),
    ("18", "Antwort: 18 Euro", "correct"),
    ("18", "La réponse est 18.", "correct"),
    ("18", "Réponse : 18", "correct"),
    ("18", "答案:18", "correct"),
    ("18", "答案是18。", "correct"),
    ("18", "所以答案是 18 美元。", "correct"),
    ("18", "答え: 18", "correct"),
    ("18", "答えは18ドルです。", "correct"),
    ("18", "Ответ: 18", "correct"),
    ("18", "Ответ — 18.", "correct"),
    ("18", "Jibu ni 18.", "correct"),
    ("18", "คำตอบคือ 18", "correct"),
    ("18", "উত্তর: ১৮", "correct"),
    ("18", "উত্তর হল ১৮।", "correct"),
    ("18", "సమాధానం 18", "correct"),
    ("18", "A resposta é 18.", "correct"),
    ("18", "La risposta è 18.", "correct"),
    ("18", "정답은 18입니다.", "correct"),
    ("18", "الجواب: ١٨", "correct"),
    ("18", "الجواب هو 18.", "correct"),
    ("18", "उत्तर: १८", "correct"),
    ("18", "Đáp án là 18.", "correct"),
    ("18", "Cevap: 18", "correct"),
    ("18", "La respuesta es 80.", "wrong"),
    ("1800", "La réponse est 1 800.", "correct"),
    ("2.5", "La réponse est 2,5.", "correct"),
    ("12", "So we get 3·4 = 12.", "correct"),
    ("18", "最终答案：18", "correct"),
    ("18", "答案是：$\\boxed{18}$", "correct"),
    ("18", "因此，她每天赚 18 美元。", "correct"),
    ("18", "したがって、答えは$18$です。", "correct"),
    ("18", "Por lo tanto, la respuesta es $18.", "correct"),
    ("18", "Also ist die Antwort 18.", "correct"),
    ("18", "Die endgültige Antwort lautet 18.", "correct"),
    ("18", "Donc, la réponse est 18 dollars.", "correct"),
    ("18", "Поэтому ответ: 18.", "correct"),
    ("18", "Ответ: 18 долларов.", "correct"),
    ("18", "Kwa hivyo jibu ni 18.", "correct"),
    ("18", "అందువల్ల సమాధానం 18.", "correct"),
    ("18", "ดังนั้นคำตอบคือ 18 ดอลลาร์", "correct"),
    ("18", "Jawabannya adalah 18.", "correct"),
]
REASONING = [
    (
        "18",
        "Let me think.\n\n#### Step 1: Compute\n16-3=13\n\n#### Step 2\n13-4=9\n\n#### Final Answer\n\n\\boxed{18}",
        "correct",
    ),
    ("18", "<think>the answer is 20</think>The answer is 18.", "correct"),
    ("18", "<think>the answer is 18", "no_answer"),
    ("18", "<think>\\boxed{18}</think>", "no_answer"),
    ("18", "the reasoning...</think>\n\n\\boxed{18}", "correct"),
    ("18", "<thinking>hm \\boxed{3}</thinking> \\boxed{18}", "correct"),
    ("18", "<think>x</think><answer>18</answer>", "correct"),
    ("7", "There are 7 days in a week, so let us think about this.", "no_answer"),
    ("7", "I think it may be 7 days or so.", "no_answer"),
]
HASHES = [
    ("18", "#### 18", "correct"),
    ("18", "#### Step 1: x\n9*2 = 18\n\n#### Conclusion\nJanet makes $18 every day.", "correct"),
    ("18", "#### Final Answer: 18", "correct"),
    ("18", "#### **18**", "correct"),
    ("18", "#### \\$18", "correct"),
    ("18", "#### Answer: 18 dollars", "correct"),
    ("72", "####72", "correct"),
    ("72", "#### The answer is 72", "correct"),
    ("72", "#### 72 (clips)", "correct"),
    ("72", "#### \\boxed{72}", "correct"),
    ("72", "#### 72,000", "wrong"),
    ("72", "#### $72.00 dollars", "correct"),
    ("72", "#### 7 2", "unparsed"),
    ("72", "#### 72\n#### 73", "wrong"),
    ("-5", "#### - 5", "correct"),
    ("-5", "#### –5", "correct"),
    ("-5", "#### negative 5", "correct"),
]
JSON_AND_TAGS = [
    ("18", "<answer> 18 </answer>", "correct"),
    ("18", "<answer>\\boxed{18}</answer>", "correct"),
    ("18", "<answer>The answer is 18.</answer>", "correct"),
    ("18", '{"answer": 18}', "correct"),
    ("18", '```json\n{"reasoning": "a", "answer": "$18"}\n```', "correct"),
    ("18", '{"answer": ["18"]}', "correct"),
    ("18", '{"final_answer": "18"}', "correct"),
    ("\\frac{1}{2}", '{"answer": "\\frac{1}{2}"}', "correct"),
    ("\\frac{1}{2}", '{"answer": "\\\\frac{1}{2}"}', "correct"),
    ("72", '{"answer": "72 clips"}', "correct"),
    ("72", '{"answer": "Natalia sold 72 clips."}', "correct"),
    ("72", "{'answer': '72'}", "correct"),
]
BOXES = [
    ("18", "The final answer is: $\\boxed{18}$", "correct"),
    ("18", "The final answer is $\\boxed{20}$. Wait, that is wrong. The final answer is 18.", "correct"),
    ("18", "\\boxed{18}\n\nWait, let me double check: 9*2=18. Yes, the answer is 18.", "correct"),
    ("18", "\\boxed{16}, \\boxed{18}", "wrong"),
    ("18", "Either \\boxed{16} or \\boxed{18}.", "wrong"),
    ("1,2", "x = \\boxed{1} and y = \\boxed{2}", "correct"),
    ("1,2", "$\\boxed{1}$, $\\boxed{2}$", "correct"),
    ("1,2", "The solutions are $\\boxed{1}$ and $\\boxed{2}$.", "correct"),
    ("18", "First $\\boxed{9}$ eggs, then 9*2, so $\\boxed{18}$.", "correct"),
    ("144", "the area is $\\boxed{14", "no_answer"),
    ("\\text{Evelyn}", "\\boxed{\\text{Evelyn}}", "correct"),
    (
        "\\text{Evelyn}",
        "Therefore, the student with the greatest average speed is $\\boxed{\\text{Evelyn}}$.",
        "correct",
    ),
    ("12", "$$\n\\boxed{12}\n$$", "correct"),
    ("42", "\\boxed{\\text{the correct answer}}", "wrong"),
    ("42", "\\boxed{42 or whatever is correct}", "unparsed"),
    ("42", "\\boxed{41} \\boxed{42}", "wrong"),
    ("42", "\\boxed{ans}", "wrong"),
    ("42", "\\boxed{42}\\boxed{42}", "correct"),
    ("42", "\\boxed{42}. I repeat, \\boxed{42}", "correct"),
    ("18", "boxed{18}", "correct"),
    ("18", "$\x08oxed{18}$", "correct"),
    ("18", "\\framebox{18}", "correct"),
    ("18", "\\boxed {18}", "correct"),
    ("18", "\\boxed{\\text{18 dollars}}", "correct"),
    ("18", "\\boxed{18}}", "correct"),
    ("18", "\\boxed{18\\text{ dollars}}.", "correct"),
    ("18", "\\boxed{\\begin{array}{c}18\\end{array}}", "correct"),
    ("18", "\\[\n\\boxed{\n18\n}\n\\]", "correct"),
    ("18", "Thus $\\boxed{x=18}$ is the solution, as \\boxed{18} shows.", "correct"),
    ("7", "\\boxed{I do not know}", "wrong"),
    ("36", "The final answer is $\\boxed{36}$. Hmm, let me double check. Yes.", "correct"),
    ("36", "\\boxed{35}\n\nWait, I made a mistake. The correct answer is \\boxed{36}.", "correct"),
    ("36", "The answer is \\boxed{36}\n\nNote: the answer is wrong if x=0.", "correct"),
]
NO_ANSWERS = [
    ("14", "", "no_answer"),
    ("14", "   \n ", "no_answer"),
    ("7", "I do not know.", "no_answer"),
    ("7", "I cannot solve this.", "no_answer"),
    ("7", "Is it 7?", "no_answer"),
    ("7", "It is not 7.", "no_answer"),
    ("C", "C is not correct", "no_answer"),
    ("C", "I would choose (C) or (D).", "no_answer"),
    ("3", "The answer could be 3.", "no_answer"),
    ("7", "Weeks have 7 days, but the answer is unknown.", "no_answer"),
]
PHRASES_AND_CLOSES = [
    ("18", "A: 18\n\nQ: Next question?\nA: 20", "correct"),
    ("18", "18", "correct"),
    ("18", "18.", "correct"),
    ("18", " 18\n\nQuestion: x\nAnswer: 5", "correct"),
    ("18", "$18", "correct"),
    ("18", "**18**", "correct"),
    ("18", "**Answer: 18**", "correct"),
    ("18", "**Final Answer:** 18", "correct"),
    ("18", "**Final Answer**\n\n18", "correct"),
    ("18", "### Final Answer\n\n$18$", "correct"),
    ("18", "Final answer: $18", "correct"),
    ("18", "So the answer is $18$.", "correct"),
    ("18", "So the answer is \\(18\\).", "correct"),
    ("18", "So the answer is\n\\[18\\]", "correct"),
    ("18", "So the answer is\n$$x = 18$$", "correct"),
    ("18", "The answer is 18, because 9*2=18.", "correct"),
    ("18", "The answer to the question is 18.", "correct"),
    ("18", "The correct answer should be 18.", "correct"),
    ("18", "The answer: 18", "correct"),
    ("18", "ANSWER: 18", "correct"),
    ("18", "answer = 18", "correct"),
    ("18", "Therefore, Janet makes $18 every day at the farmers' market.", "correct"),
    ("18", "She earns 9 * 2 = $18.", "correct"),
    ("18", "She earns 9 * 2 = **$18** per day.", "correct"),
    ("18", "The answer is 20. Wait, no: 9*2 is 18. The answer is 18.", "correct"),
    ("C", "The answer is (C).", "correct"),
    ("C", "Answer: C", "correct"),
    ("C", "**C**", "correct"),
    ("C", "The correct option is C) 42.", "correct"),
    ("C", "The correct choice is \\textbf{(C)}", "correct"),
    ("C", "C", "correct"),
    ("C", "A is wrong, B is wrong. The answer is D.", "wrong"),
    ("(C)", "Thus the answer is **(C) 12**.", "correct"),
    ("\\text{Evelyn}", "The answer is Evelyn.", "correct"),
    ("\\text{Evelyn}", "The answer is **Evelyn**.", "correct"),
    ("0.5", "The probability is 1/2.", "correct"),
    ("0.5", "The probability is $\\frac{1}{2}$.", "correct"),
    ("0.5", "Probability = 0.5", "correct"),
    ("12", "x = 12", "correct"),
    ("12", "$x = 12$", "correct"),
    ("12", "\\[ x = 12 \\]", "correct"),
    ("12", "\\[\nx = 12\n\\]", "correct"),
    ("12", "Thus, $x = 12$.", "correct"),
    ("12", "Hence $n=12$ is the smallest such number.", "correct"),
    ("\\frac{3}{4}", "Thus the probability is $\\frac{3}{4}$.", "correct"),
    ("\\frac{3}{4}", "Therefore, $\\frac{3}{4}$", "correct"),
    ("(1,2)", "The answer is $(1, 2)$.", "correct"),
    ("(1,2)", "The point is $(1,2)$.", "correct"),
    ("\\sqrt{2}", "The answer is $\\sqrt{2}$.", "correct"),
    ("\\sqrt{2}", "The answer is √2.", "correct"),
    ("x^2+1", "Answer: $x^2 + 1$", "correct"),
    ("3.14", "The answer is 3.14.", "correct"),
    ("3.14", "The answer is 3.14 cm. Done.", "correct"),
    ("1,000", "The answer is 1,000.", "correct"),
    ("1000", "The total is $1,000.00.", "correct"),
    ("5", "The answer is five.", "correct"),
    ("5", "The answer is five (5).", "correct"),
    ("5", "The answer is 5 (five).", "correct"),
    ("5", "The answer is **5** apples.", "correct"),
    ("5", "The answer is `5`.", "correct"),
    ("5", 'The answer is "5".', "correct"),
    ("5", "The answer is approximately 5.", "correct"),
    ("5", "The answer is ≈ 5", "correct"),
    ("5", "The answer is 5!", "correct"),
    ("5", "Final Answer: The final answer is $5$. I hope it is correct.", "correct"),
    ("5", "The answer is 5\n\nI hope this helps!", "correct"),
    ("5", "The answer is equal to the reference.", "unparsed"),
    ("42", "answer == gold", "wrong"),
    ("42", "The answer is the correct answer.", "unparsed"),
    ("18", "The answer is 18 (not 20).", "correct"),
    ("18", "The correct answer is 18, not 20.", "correct"),
    ("18", "The answer is 18 since 9*2=18.", "correct"),
    ("18", "So the final result is 18.", "correct"),
    ("18", "The answer is (18).", "correct"),
    ("18", "The answer is eighteen.", "correct"),
    ("18", "The answer is $\\mathbf{18}$.", "correct"),
    ("72", "Natalia sold 72 clips altogether.\n\n**72**", "correct"),
    ("72", "Total = 48 + 24 = 72 clips", "correct"),
    ("72", "Total: 72", "correct"),
    ("72", "= 72", "correct"),
    ("72", "Hence 72.", "correct"),
    ("72", "So, 72 clips.", "correct"),
    ("72", "In total she sold **72** clips.", "correct"),
    ("72", "She sold a total of 72 clips in April and May.", "correct"),
    ("72", "Therefore, Natalia sold a total of 48 + 24 = 72 clips in April and May.", "correct"),
    ("72", "Final answer: Natalia sold 72 clips in total.", "correct"),
    ("72", "The final answer is: Natalia sold 72 clips.", "correct"),
    ("72", "answer: 72", "correct"),
    ("72", "Answer - 72", "correct"),
    ("72", "The answer is\n\n72", "correct"),
    ("72", "The answer is:\n\n**72**", "correct"),
    ("72", "The answer is:\n\n$$72$$", "correct"),
    ("72", "The answer is:\n\\begin{align*}72\\end{align*}", "correct"),
    ("\\frac{1}{2}", "Final Answer: \\frac{1}{2}", "correct"),
    ("\\frac{1}{2}", "The answer is $\\dfrac{1}{2}$, as required.", "correct"),
    ("\\frac{1}{2}", "Therefore the answer is 1/2", "correct"),
    ("2", "The answer is $x = 2$.", "correct"),
    ("2", "The answer is x=2", "correct"),
    ("(1,2)", "Answer: (1, 2)", "correct"),
    ("C", "Answer: (C) $\\frac{1}{2}$", "correct"),
    ("C", "The answer is option C.", "correct"),
    ("3", "The answer is 3 or 4.", "wrong"),
    ("3", "The answer is either 3 or 4.", "wrong"),
    ("42", "The answer is the same as the gold: 42? No.", "unparsed"),
    ("12", "Thus $3\\cdot4=12$", "correct"),
    ("12", "Thus $n = 12$", "correct"),
    ("36", "The answer is 35. Actually, the answer is 36.", "correct"),
]

MANNERS = [
    ("36", "I first thought 35, but the answer is 36.", "correct"),
    ("36", "The answer is 36. No wait, it should be 38.", "wrong"),
    ("36", "Answer: 35\n\nCorrection: the answer is 36.", "correct"),
    ("36", "\\boxed{36} is wrong; the right answer is \\boxed{30}.", "wrong"),
    ("36", "Initially I got \\boxed{30}, but after rechecking it is \\boxed{36}.", "correct"),
    ("3", "I am not sure, maybe $\\boxed{3}$ or $\\boxed{4}$.", "wrong"),
    ("3", "The answer is 3, or possibly 5.", "wrong"),
    ("3", "$\\boxed{3}$ (or 4)", "correct"),
    ("12", "$\\boxed{10}$ or $\\boxed{12}$", "wrong"),
    ("12", "Option 1: \\boxed{12}\nOption 2: \\boxed{14}", "wrong"),
    ("\\{3,4\\}", "$x = \\boxed{3}$ or $x = \\boxed{4}$", "correct"),
    ("3,4", "The two solutions are $\\boxed{3}$, $\\boxed{4}$.", "correct"),
    ("18", "La réponse finale est : 18", "correct"),
    ("18", "Die Antwort lautet: **18**", "correct"),
    ("18", "答案为18", "correct"),
    ("18", "答案是：18元。", "correct"),
    ("18", "答えは 18 ドルです。", "correct"),
    ("18", "정답: 18", "correct"),
    ("18", "Ответ: **18**", "correct"),
    ("18", "Jibu: 18", "correct"),
    ("18", "సమాధానం: 18.", "correct"),
    ("18", "คำตอบ: ๑๘", "correct"),
    ("18", "উত্তর: ১৮ ডলার।", "correct"),
    ("18", "উত্তর ১৮", "correct"),
    ("18", "La respuesta correcta es **18**.", "correct"),
    ("18", "Respuesta final: $18", "correct"),
    ("18", "答案是 81。不对，答案是 18。", "correct"),
    ("42", "\\boxed{\\text{gold}}", "wrong"),
    ("42", "\\boxed{*}", "unparsed"),
    ("42", "\\boxed{.*}", "unparsed"),
    ("42", "\\boxed{\\{1,\\ldots,100\\}}", "wrong"),
    ("42", "\\boxed{x \\in \\mathbb{R}}", "wrong"),
    ("42", "\\boxed{42 \\lor 43}", "unparsed"),
    ("42", "\\boxed{42|43}", "unparsed"),
    ("42", "\\boxed{42/43}", "wrong"),
    ("42", "\\boxed{40..44}", "wrong"),
    ("42", "\\boxed{40-44}", "wrong"),
    ("42", "\\boxed{[40,44]}", "wrong"),
    ("42", "\\boxed{42; 43}", "wrong"),
    ("42", "\\boxed{42 43}", "unparsed"),
    ("42", "\\boxed{42\\\\43}", "wrong"),
    ("42", "\\boxed{\\infty}", "wrong"),
    ("42", "\\boxed{True}", "wrong"),
    ("42", "\\boxed{answer}", "wrong"),
    ("42", "\\boxed{\\$answer}", "wrong"),
    ("42", "\\boxed{42}{43}", "correct"),
    ("42", "\\boxed{\\phantom{42}}", "unparsed"),
    ("42", "\\boxed{41\\phantom{42}}", "wrong"),
    ("42", "\\boxed{\\text{forty-two}}", "correct"),
    ("42", "<answer>41</answer><answer>42</answer>", "correct"),
    ("42", '{"answer": 42, "answer": 41}', "wrong"),
    ("42", "%42", "no_answer"),
    ("42", "42%", "correct"),
    ("42", "The answer: forty two", "correct"),
    ("42", "42 is the answer.", "correct"),
    ("42", "Therefore 42 is the final answer.", "correct"),
    ("42", "So the sum is equal to 42.", "correct"),
    ("42", "We conclude that $x=42$.", "correct"),
    ("42", "Thus, the value of $x$ is $\\boxed{42}$ and the value of $y$ is $7$.", "correct"),
    ("7", "7?", "unparsed"),
    ("7", "I need more information to answer this; there are 7 unknowns.", "no_answer"),
    ("7", "Sorry, I can't help with that.", "no_answer"),
    ("7", "N/A", "wrong"),
    ("7", "\\boxed{\\text{N/A}}", "wrong"),
    ("7", "\\boxed{?}", "unparsed"),
    ("7", "The problem has no answer.", "no_answer"),
    ("144", "So 12 * 12 = 144, and then we multiply", "no_answer"),
    ("144", "... = 144 + ", "no_answer"),
    ("0.25", "The chance is 25%.", "correct"),
    ("3/4", "The ratio is 3:4.", "correct"),
    ("3:4", "3/4", "correct"),
    ("x=2", "\\boxed{2}", "correct"),
    ("2", "\\boxed{x=2}", "correct"),
    ("2", "\\boxed{x=2,y=3}", "wrong"),
    ("1.5", "1 1/2 hours", "correct"),
    ("90", "1.5 hours", "wrong"),
    ("1000000", "\\boxed{1,000,000}", "correct"),
    ("1000000", "\\boxed{10^6}", "correct"),
    ("-1", "\\boxed{−1}", "correct"),
    ("-1", "\\boxed{- 1}", "correct"),
    ("(2,3)", "$x=2$ and $y=3$, so the answer is $(2,3)$.", "correct"),
    ("(2,3)", "The solution is x = 2, y = 3.", "correct"),
    ("\\sqrt{3}", "The answer is sqrt(3).", "correct"),
    ("\\sqrt{3}", "The answer is \\sqrt{3} cm.", "correct"),
    ("\\sqrt{3}", "The answer is $\\sqrt{3}$ cm.", "correct"),
    ("\\frac{\\pi}{2}", "pi/2", "correct"),
    ("\\frac{\\pi}{2}", "The answer is π/2 radians.", "correct"),
    ("A", "The answer is A. 5", "correct"),
    ("\\text{odd}", "The answer is odd.", "correct"),
    ("\\text{odd}", "\\boxed{odd}", "correct"),
    ("\\text{Alice}", "The answer is Alice!", "correct"),
]
"""Changed minds, hedges, tricks, and ways of saying it."""


def statuses(rows: list[tuple[str, str, str]], *, truncated: bool = False) -> list[str]:
    answers = [Answer({}, gold, text, truncated) for gold, text, _ in rows]
    return [score.status for score in scorer.score(answers, SandboxSpec())]


def check(rows: list[tuple[str, str, str]], *, truncated: bool = False) -> None:
    found = statuses(rows, truncated=truncated)
    assert [(row, status) for row, status in zip(rows, found, strict=True) if row[2] != status] == []


def test_the_last_box_counts_and_joined_boxes_are_one_answer():
    check(BOXES)


def test_hashes_are_answers_and_headings_are_not():
    check(HASHES)


def test_json_fields_and_answer_tags_are_answers():
    check(JSON_AND_TAGS)


def test_only_what_follows_the_reasoning_counts():
    check(REASONING)


def test_phrases_and_closing_sentences_are_answers():
    check(PHRASES_AND_CLOSES)


def test_changed_minds_count_and_hedges_and_tricks_do_not():
    check(MANNERS)


def test_the_languages_of_mgsm_and_more_are_read():
    check(LANGUAGES)


def test_a_text_without_a_final_answer_has_none():
    check(NO_ANSWERS)


def test_a_cut_off_answer_counts_only_where_it_is_whole():
    check(TRUNCATED, truncated=True)


@pytest.mark.parametrize("digits", range(1, 4))
def test_no_beginning_of_a_cut_off_number_is_taken_for_the_number(digits: int):
    text = "After a long computation, the answer is 1234"[: 40 + digits]
    score = scorer.score([Answer({}, text.rsplit(" ", 1)[1], text, truncated=True)], SandboxSpec())[0]
    assert (score.value, score.status) == (0.0, "truncated")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("Work.\n#### 18", "18"),
        ("Work.\nA: 18", "18"),
        (r"Work, so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("  1,200 ", "1,200"),
        (r"\text{(C)}", r"\text{(C)}"),
    ],
)
def test_the_gold_answer_is_found_in_a_reference_solution(solution: str, answer: str):
    assert extract.gold(solution) == answer


def test_every_score_says_what_was_judged_and_how():
    score = scorer.score([Answer({}, "18", "16 - 3 - 4 = 9 and 9 * 2 = 18\n#### 18")], SandboxSpec())[0]
    assert (score.value, score.status, score.extracted, score.explanation) == (1.0, "correct", "18", "both are 18")
    assert (score.detail["rule"], score.detail["method"]) == ("hash", "exact")
    assert {"rules", "antlr", "sympy", "math_verify", "mpmath"} <= score.detail.keys()
    assert all(score.detail.values())
    empty = scorer.score([Answer({}, "18", "")], SandboxSpec())[0]
    assert (empty.value, empty.status, empty.extracted, empty.explanation) == (
        0.0,
        "no_answer",
        None,
        "the text is empty",
    )


def test_an_answer_to_a_document_without_gold_is_unscored():
    score = scorer.score([Answer({}, " ", "#### 18")], SandboxSpec())[0]
    assert (score.value, score.status) == (None, "error")
