"""How a reply closes: for each kind the right value is taken, and the other one beside it is not."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.records import Answer
from harness.scorers import math as scorer
from harness.specs import SandboxSpec

counts = st.integers(2, 899)
pairs = st.tuples(counts, counts).filter(lambda pair: pair[0] != pair[1])
settings.register_profile("closes", max_examples=30, deadline=None)
settings.load_profile("closes")


def verdicts(rows: list[tuple[str, str]]) -> list[bool]:
    scores = scorer.score([Answer({}, gold, reply) for gold, reply in rows], SandboxSpec())
    return [score.value == 1.0 for score in scores]


def right(gold: object, reply: str) -> bool:
    return verdicts([(str(gold), reply)])[0]


# Which number a sentence is about -----------------------------------------------------------------------------

ABOUT = (
    "There are {0} students in {1} classes.",
    "After {1} years, the tree is {0} feet tall.",
    "The {1} friends each pay ${0}.",
    "The {1} books can be arranged in {0} ways.",
    "The {1} workers will finish in {0} days.",
    "They need to sell {0} tickets at ${1} each.",
    "It takes them {0} hours to paint {1} rooms.",
    "So {0} of the {1} slices are left.",
    "{0} out of {1} students walk to school.",
    "There are exactly {0} such integers between 1 and {1}.",
    "She must read {0} pages a day for the next {1} days.",
    "When x = {1}, y = {0}.",
    "The minimum is {0}, at x = {1}.",
    "The value of f at x = {1} is {0}.",
    "If each of the {1} friends pays the same, each pays ${0}.",
    "Girls: {1} − 3 = **{0} girls**",
    "The radius is {0} (not {1}).",
    "That makes {1} cookies for 3 friends, or {0} each.",
)


@pytest.mark.parametrize("sentence", ABOUT)
@given(pairs)
def test_a_sentence_of_several_numbers_is_about_one_of_them(sentence: str, pair: tuple[int, int]):
    assume("=" not in sentence or pair[0] != pair[1] - 3)
    reply = f"Let us see.\n\n{sentence.format(*pair)}"
    assert verdicts([(str(pair[0]), reply), (str(pair[1]), reply)]) == [True, False]


BOUNDS = ("At most {}.", "Between 1 and {}.", "It's over {}.", "So {} is too small.", "We want n^2 < {}.", "x ≠ {}",
          "x = {} is extraneous, so there is no solution.", "The inequality holds for all x > {}.")  # fmt: skip


@pytest.mark.parametrize("sentence", BOUNDS)
@given(counts)
def test_a_bound_and_what_is_ruled_out_are_no_answer(sentence: str, number: int):
    assert not right(number, sentence.format(number))


@given(pairs)
def test_a_relation_at_the_end_is_the_answer_where_one_is_wanted(pair):
    a, b = pair
    for form in ("The line is {0}x - {1}y = 6.", "The line is ${0}x - {1}y = 6$."):
        reply = form.format(a, b)
        assert verdicts([(f"{a}x-{b}y=6", reply), (f"{a}x+{b}y=6", reply), (f"{b}x-{a}y=6", reply)]) == [
            True,
            False,
            False,
        ]
    assert verdicts([(f"x>{a}", f"It holds for all x > {a}."), (f"x<{a}", f"It holds for all x > {a}.")]) == [
        True,
        False,
    ]


@given(pairs)
def test_tuples_and_expressions_at_the_end_are_read_whole(pair):
    a, b = pair
    rows = [
        (f"({a},-{b})", f"The vertex is at ({a}, −{b})."),
        (f"{a}-{b}i", f"The complex number is {a} − {b}i."),
        (f"{a}\\sqrt{{{b}}}", f"The length is {a}*sqrt({b})."),
        (f"\\frac{{\\sqrt{{{a}}}}}{{{b}}}", f"So cos θ = √{a}/{b}."),
        (f"\\begin{{pmatrix}}{a}&2\\\\3&{b}\\end{{pmatrix}}", f"The matrix is [[{a}, 2], [3, {b}]]."),
        (f"\\frac{{{min(pair)}}}{{{max(pair)}}}", f"The probability is {min(pair)} in {max(pair)}."),
    ]
    wrong = [
        (f"({b},-{a})", rows[0][1]), (f"{a}+{b}i", rows[1][1]), (f"{b}\\sqrt{{{a}}}", rows[2][1]),
        (f"\\frac{{{a}}}{{{b}}}", rows[3][1]), (f"\\begin{{pmatrix}}{a}&3\\\\2&{b}\\end{{pmatrix}}", rows[4][1]),
        (str(min(pair)), rows[5][1]),
    ]  # fmt: skip
    assert verdicts(rows) == [True] * len(rows)
    assert verdicts(wrong) == [False] * len(wrong)


@given(pairs)
def test_several_unknowns_keep_their_names(pair):
    a, b = pair
    rows = {
        f"x = {a} and y = {b}": [True, False],
        f"There are {a} chickens and {b} rabbits.": [True, False],
        f"Ann is {a} and Ben is {b}.": [True, False],
        f"So k = {a} or k = {b}.": [True, True],
        f"Roots:\n* $x = {a}$\n* $x = {b}$": [True, True],
        f"The solutions are\n- x = {a}\n- x = {b}": [True, True],
    }
    for reply, expected in rows.items():
        assert verdicts([(f"{a}, {b}", reply), (f"{b}, {a}", reply)]) == expected
        assert not right(b, reply) or reply.startswith("Ann")


# Words, letters, dates ----------------------------------------------------------------------------------------

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.mark.parametrize("day", DAYS)
def test_a_word_may_close_a_reply_where_one_is_wanted(day: str):
    for form in (
        "Counting on, the 15th falls on a {}.",
        "**100 days from now it will be a {}.**",
        "Answer: It is a {}.",
    ):
        assert verdicts([(other, form.format(day)) for other in DAYS]) == [other == day for other in DAYS]
    assert not right(day, f"It is not a {day}.")
    assert not right(day, f"It is a {day} or a Holiday.")


def test_assent_and_truth_are_words():
    for word, other in itertools.permutations(("Yes", "No"), 2):
        reply = f"{word}, the triangle is a right triangle."
        assert verdicts([(word, reply), (other, reply)]) == [True, False]
    assert verdicts([("False", "So the statement is false."), ("True", "So the statement is false.")]) == [True, False]


CHOICES = ("That leaves {}.", "{} is correct.", "Hence, ({}) is correct.", "I would choose option {} because it fits.",
           "Among these, only {} satisfies both.", "Correct option: **({})**\n\nThe others have 4 sides.", "({}) 45 degrees")  # fmt: skip


@pytest.mark.parametrize("form", CHOICES)
def test_a_choice_may_close_a_reply_where_one_is_wanted(form: str):
    for letter, other in itertools.permutations("BCD", 2):
        assert verdicts([(letter, form.format(letter)), (other, form.format(letter))]) == [True, False]


@given(st.integers(1, 28), st.sampled_from(["March", "June", "July", "December"]))
def test_a_date_may_close_a_reply_where_one_is_wanted(day, month):
    for form in (f"It ends on {month} {day}, 2025.", f"The last day is {day} {month} 2025."):
        assert right(f"{month} {day}, 2025", form)
        assert not right(f"{month} {day + 1}, 2025", form)
        assert not right(f"May {day}, 2025", form)


NUMERALS = {"twelve": 12, "twenty-five": 25, "one hundred and twenty": 120, "three thousand four hundred": 3400}


@pytest.mark.parametrize("numeral", NUMERALS)
def test_a_number_in_words_may_close_a_reply(numeral: str):
    assert right(NUMERALS[numeral], f"There are {numeral} students left.")
    assert not right(NUMERALS[numeral] + 1, f"There are {numeral} students left.")
    assert not right(NUMERALS[numeral], f"There are not {numeral} students left.")


# Two spellings ------------------------------------------------------------------------------------------------


@given(st.integers(1, 99))
def test_a_value_may_be_said_in_two_ways_and_two_values_are_none(number):
    assert right(f"0.{number:02d}", f"The probability is 0.{number:02d}, or {number}%.")
    assert right(number, f"The share is 0.{number:02d}, or {number}%.")
    assert not right(number, f"It is {number}, or {number + 1}.")


@given(st.integers(1, 40))
def test_a_quantity_may_be_said_in_two_units(quarters):
    hours, minutes = quarters / 4, quarters * 15
    for reply in (
        f"It takes {hours} hours, or {minutes} minutes.",
        f"The answer is {hours} hours ({minutes} minutes).",
    ):
        assert verdicts([(f"{hours} hours", reply), (f"{minutes} minutes", reply)]) == [True, True]
        assert not right(f"{minutes} hours", reply)
    assert not right(minutes, f"The answer is {hours} hours ({minutes + 1} minutes).")


@given(st.integers(2, 40).filter(lambda n: int(n**0.5) ** 2 != n))
def test_the_exact_side_of_a_closing_approximation_counts(number):
    rounded = f"{number**0.5:.2f}"
    for form in (
        "The side is √{0} ≈ {1}.",
        "It is $\\sqrt{{{0}}}$, or approximately {1} cm.",
        "**Answer:** $\\sqrt{{{0}}}$ cm (≈ {1})",
    ):
        reply = form.format(number, rounded)
        assert verdicts([(f"\\sqrt{{{number}}}", reply), (f"\\sqrt{{{number + 1}}}", reply)]) == [True, False]


@given(st.integers(1, 11), st.integers(0, 59), st.integers(1, 11))
def test_times_are_told_as_a_clock_does(hour, minute, other):
    reply = f"School ends at {hour}:{minute:02d} PM."
    assert verdicts([(f"{hour + 12}:{minute:02d}", reply), (f"{hour}:{minute:02d} a.m.", reply)]) == [True, False]
    assert right(f"{hour}:{minute:02d}", f"The answer is {hour}:{minute:02d}.") is True
    # 6:30 and 2:10 are equal as ratios.
    assert (
        not (minute and right(f"{hour}:{minute:02d}", f"\\boxed{{{other}:{(other * minute) // hour % 60:02d}}}"))
        or other == hour
    )


SINGLE = ("m/s", "m/s²", "J", "°C", "km/h")


@given(counts, st.sampled_from(list(itertools.permutations(SINGLE, 2))))
def test_units_of_one_letter_behind_a_closing_number_count(number, units):
    one, other = (unit.replace("°C", "^\\circ\\text{C}").replace("²", "^2") for unit in units)
    reply = f"It is {number} {units[0]}."
    assert right(number, reply)
    assert right(f"{number} {one}" if "circ" in one else f"{number} \\text{{ {one}}}", reply)
    assert not right(f"{number} {other}" if "circ" in other else f"{number} \\text{{ {other}}}", reply)


@given(pairs)
def test_the_value_of_the_unknown_counts_and_not_that_of_the_steps(pair):
    a, b = pair
    rows = {
        f"{b}x = {a * b}, x = {a}": a,
        f"\\[ \\int_0^1 {b} x^2 dx = \\frac{{{a}}}{{7}} \\]": f"\\frac{{{a}}}{{7}}",
        f"\\begin{{align*}}\n2x &= {2 * a}\\\\\nx &= {a}\n\\end{{align*}}": a,
        f"Here's the solution:\n\n* Shirts: 3 * {b} = {3 * b}\n* In all: {a}\n\nSo the total is {a}.": a,
    }
    assert verdicts([(str(gold), reply) for reply, gold in rows.items()]) == [True] * len(rows)
    assert not any(verdicts([(str(b + 900), reply) for reply in rows]))


@given(pairs)
def test_a_correct_answer_replaces_a_stale_mark(pair):
    a, b = pair
    reply = f"I first wrote \\boxed{{{b}}}, but I counted a corner twice.\n\n**The correct answer is {a}.**"
    assert verdicts([(str(a), reply), (str(b), reply)]) == [True, False]


LANGUAGES = (
    "Costará {} pesos.", "Resultado: {} litros", "Das Ergebnis ist {}.", "Résultat : {} m²", "జవాబు: {}", "Jumla ni {}.",
    "答案选{}。", "答えは、{}人です。", "Odpowiedź: {}", "ตอบ {} บาท", "उत्तर: {}",
)  # fmt: skip


@pytest.mark.parametrize("sentence", LANGUAGES)
@given(pairs)
def test_further_words_for_an_answer_are_known(sentence: str, pair: tuple[int, int]):
    reply = sentence.format(pair[0])
    assert verdicts([(str(pair[0]), reply), (str(pair[1]), reply)]) == [True, False]


@given(pairs)
def test_markup_and_tags_dress_an_answer(pair):
    a, b = pair
    forms = ("<p>The answer is <b>{}</b>.</p>", "<SOLUTION>{}</SOLUTION>", "<result>\n{}\n</result>", "[ANSWER]{}[/ANSWER]",
             "**Answer**:\n\n> {}", "The angle is [{}].", "{{{{answer: {}}}}}")  # fmt: skip
    for form in forms:
        assert verdicts([(str(a), form.format(a)), (str(b), form.format(a))]) == [True, False], form
