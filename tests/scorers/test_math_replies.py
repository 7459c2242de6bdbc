"""How models write an answer down: a property for every kind of reply that graders are known to misjudge."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.records import Answer
from harness.scorers import math as scorer
from harness.scorers._math import extract
from harness.scorers._math.compare import compare
from harness.scorers._math.serve import CpuTimer, SymbolicEngine
from harness.specs import SandboxSpec

ENGINE = SymbolicEngine(CpuTimer())


def every(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A property of all that the strategies make."""
    return lambda test: settings(max_examples=40, deadline=None)(given(*strategies)(test))


def same(gold: str, answer: str) -> bool:
    return compare(gold, answer, ENGINE).equal


def right(gold: str | int, reply: str) -> bool:
    """What the scorer says, without its worker processes."""
    found = extract.extract(reply)
    return bool(found.answer) and same(str(gold), found.answer)


whole = st.integers(-9_999, 9_999)
counts = st.integers(2, 999)
pairs = st.tuples(counts, counts).filter(lambda pair: pair[0] != pair[1])
fractions = st.tuples(st.integers(1, 40), st.integers(3, 40)).filter(lambda pair: Fraction(*pair).denominator > 10)


# How a sentence ends ------------------------------------------------------------------------------------------

SIZES = {"inches": "feet", "minutes": "hours", "cents": "dollars", "miles": "km", "grams": "kg", "radians": "degrees",
         "square feet": "cubic feet", "miles per hour": "km/h"}  # fmt: skip


@every(
    counts, st.sampled_from(sorted(SIZES)), st.sampled_from(["It is {}.", "So she needs {}.", "In all: 3 + 4 = {}."])
)
def test_the_unit_behind_a_closing_number_counts_where_a_unit_is_wanted(number, unit, sentence):
    reply = sentence.format(f"{number} {unit}")
    assert right(number, reply)
    assert right(f"{number} \\text{{ {unit}}}", reply)
    assert not right(f"{number} \\text{{ {SIZES[unit]}}}", reply)
    assert not right(f"{number} \\text{{ {SIZES[unit]}}}", f"\\boxed{{{number} \\text{{ {unit}}}}}")


@every(counts, st.sampled_from(["total", "all", "weeks ago", "boxes"]))
def test_words_behind_a_closing_number_that_are_no_unit_are_left_out(number, words):
    sentence = f"That makes {number} in {words}." if words in ("total", "all") else f"That makes {number} {words}."
    assert right(number, sentence)


@every(st.integers(1, 359))
def test_an_angle_in_degrees_is_not_as_many_radians(number):
    gold = f"{number}^\\circ"
    assert right(gold, f"The angle is {number} degrees.")
    assert right(gold, f"\\boxed{{{number}}}")
    assert not right(gold, f"The angle is {number} radians.")
    assert not right(gold, f"\\boxed{{{number} \\text{{ rad}}}}")


@pytest.mark.parametrize("angle", ["\\frac{\\pi}{2} \\text{ radians}", "\\frac{\\pi}{2}"])
def test_a_right_angle_may_be_given_in_radians(angle: str):
    assert right("90^\\circ", f"\\boxed{{{angle}}}")


@every(counts, st.integers(2, 9), st.sampled_from(["the distance is ", "it is ", "$d$ follows: "]))
def test_the_last_side_of_a_chain_is_read_whole(root, factor, before):
    root = root * root + 1  # no square
    reply = f"Hence {before}$\\sqrt{{{root * factor**2}}} = {factor}\\sqrt{{{root}}}$."
    assert right(f"{factor}\\sqrt{{{root}}}", reply)
    assert not right(factor, reply)


@every(pairs, st.sampled_from(["is not {} but {}.", "isn't {}; it's {}.", "is not {}, it is {} in all."]))
def test_what_the_answer_is_counts_and_not_what_it_is_not(pair, form):
    reply = "The answer " + form.format(*pair)
    assert right(pair[1], reply)
    assert not right(pair[0], reply)


ASIDES = [
    "She needs {0} boxes, which is {1} more than Tom.",
    "So it takes {0} minutes ({1} hours).",
    "He got {0} out of {1} points.",
    "Il lui reste {0} euros sur {1}.",
    "答:{0} 个",
    "**Lösung:** {0} LKWs",
    "Solución: {0} camiones.",
    "The number is {0}. Check: {0} + 1 = {1} ✓",
    "Lösung: {1} + 0 = {1}, also\n\nInsgesamt sind es {0}.",
    "The answer is:\n\n- {0}",
    "The answer is:\n- {0}\n\nIt follows from step {1}.",
]


@every(pairs, st.sampled_from(ASIDES))
def test_what_is_said_beside_the_value_does_not_count(pair, form):
    reply = form.format(*pair)
    assert right(pair[0], reply)
    assert not right(pair[1], reply)
    assert not right(-pair[0], reply)


@every(pairs)
def test_a_difference_is_the_answer_where_no_value_stands_before_it(pair):
    assert right(pair[0], f"So Ann needs {pair[0]} more boxes than Tom.")
    assert right(pair[1], f"She had {pair[0]} apples, which leaves her with {pair[1]} apples.")


@every(pairs, st.sampled_from(["in", "over", "after"]))
def test_a_total_is_the_answer_and_not_what_it_is_spread_over(pair, word):
    reply = f"That is a total of {pair[0]} miles {word} {pair[1]} hours."
    assert right(pair[0], reply)
    assert not right(pair[1], reply)


@every(
    counts,
    st.sampled_from(["✅", " ∎", "🎉", " ✔️", "\n\n🎉🎉", " 😊"]),
    st.sampled_from(["{}{}", "**{}**{}", "x = {}{}", "She has {} pens.{}"]),
)
def test_pictures_behind_an_answer_change_nothing(number, picture, form):
    assert right(number, form.format(number, picture))
    assert not right(number + 1, form.format(number, picture))


@every(counts, st.sampled_from(["❌", " ✗", " ✘"]))
def test_a_value_that_is_crossed_out_is_no_answer(number, cross):
    assert not right(number, f"{number}{cross}")


@every(st.integers(1_000, 999_999), st.sampled_from([" ", "\u00a0", "\u202f"]))
def test_groups_apart_by_spaces_may_have_cents_behind(number, space):
    shown = f"{number:,}".replace(",", space)
    assert right(number, f"Donc, il a dépensé au total {shown},00 €.")
    assert not right(number, f"Donc, il a dépensé au total {shown},50 €.")


# Where the answer stands --------------------------------------------------------------------------------------

FORMS = [
    "",
    " ",
    "answer",
    "\\text{answer}",
    "your answer",
    "\\text{Your Answer}",
    "...",
    "\\ldots",
    "?",
    "___",
    "\\phantom{0}",
]
SHOWN = [
    "\\boxed{{{form}}}",
    "$\\boxed{{{form}}}$",
    "<answer>{form}</answer>",
    "<final_answer>{form}</final_answer>",
    '{{"answer": "{form}"}}',
    "#### {form}",
]
REAL = [
    "\\boxed{{{0}}}",
    "$$\\boxed{{{0}}}$$",
    "<answer>{0}</answer>",
    '{{"answer": "{0}"}}',
    "#### {0}",
    "The answer is {0}.",
]


@every(whole, st.sampled_from(FORMS), st.sampled_from(SHOWN), st.sampled_from(REAL), st.booleans())
def test_a_placeholder_never_beats_a_real_answer(number, form, shown, real, first):
    if "\\" in form and "answer" in shown and '"' in shown:
        form = form.replace("\\", "\\\\")  # as JSON writes it
    lines = [f"The form is\n{shown.format(form=form)}", f"So it is:\n{real.format(number)}"]
    assert right(number, "\n\n".join(lines if first else lines[::-1]))
    assert not right(number + 1, "\n\n".join(lines if first else lines[::-1]))


@every(whole, st.sampled_from("NXxn"), st.sampled_from(["within", "in", "inside", "in the form"]))
def test_a_letter_that_stands_for_the_answer_is_a_placeholder(number, letter, words):
    assert right(number, f"So \\boxed{{{number}}}. I gave it {words} \\boxed{{{letter}}} as requested.")
    assert right(letter, f"The name of the unknown is \\boxed{{{letter}}}.")


@every(
    pairs,
    st.sampled_from(["\\boxed{{{0}}}", "<answer>{0}</answer>", "#### {0}"]),
    st.sampled_from(["{0}", "${0}$", "**{0}**"]),
)
def test_a_stale_mark_does_not_beat_a_later_final_answer(pair, mark, dress):
    old, new = pair
    reply = f"{mark.format(old)}\n\nBoth together. The final answer is {dress.format(new)}."
    assert right(new, reply)
    assert not right(old, reply)
    assert right(old, f"{mark.format(old)}\n\nThe final answer is in its simplest form, and about {new}.")


@every(pairs)
def test_a_json_field_is_not_beaten_by_a_later_phrase(pair):
    reply = f'{{"answer": "{pair[0]}"}}\n\nWait, the final answer is {pair[1]} less 3.'
    assert right(pair[0], reply)
    assert not right(pair[1], reply)


@every(fractions, st.integers(-30, 30))
def test_an_answer_tag_that_is_never_closed_counts_unless_the_text_was_cut_off(fraction, power):
    for value in (f"{fraction[0]}/{fraction[1]}", f"3.9e{power}"):
        reply = f"So we are done.\n<answer> {value}"
        assert right(value, reply)
        assert scorer.score([Answer({}, value, reply, truncated=True)], SandboxSpec())[0].status == "truncated"
    assert right(8, "I use <answer> tags for it. The answer is 8.")


COURTESY = [
    "I hope this helps!",
    "Let me know if you have any questions.",
    "Would you like another problem?",
    "Good luck!",
    "Is there anything else I can help with?",
    "Note: this assumes 7 days a week.",
    "This completes the solution.",
]


@every(counts, st.sampled_from(COURTESY), st.sampled_from(["\n\n", "\n"]))
def test_a_line_of_courtesy_behind_the_value_changes_nothing(number, line, gap):
    for sentence in (f"So she pays {number} dollars a day.", f"**Total: ${number}**", f"3 + 4 = {number}", f"{number}"):
        assert right(number, f"Work.\n\n{sentence}{gap}{line}")
        assert not right(number + 1, f"Work.\n\n{sentence}{gap}{line}")
    assert not right(number, f"It is not {number}.{gap}{line}")
    assert not right(number, f"Is it {number}?{gap}{line}")


@every(
    counts, st.sampled_from(["The largest $n$", "The value of $x + y$ at $x = 2$", "The number of roots of $x^3 = x$"])
)
def test_a_final_answer_may_be_a_sentence(number, subject):
    for head in ("Final Answer: ", "**Final Answer:** ", "Answer: "):
        assert right(number, f"{head}{subject} is {number}.")
        assert right(number, f"{head}{subject} is ${number}$.")
        assert not right("n", f"{head}{subject} is {number}.")
        assert not right(2 if number != 2 else 3, f"{head}{subject} is {number}.")


@every(
    counts,
    st.sampled_from(["<", ">", "\\le", "\\geq"]),
    st.sampled_from(["the solution", "our final answer", "the answer"]),
)
def test_what_is_said_to_be_the_answer_stands_before_it(number, sign, name):
    assert right(f"x {sign} {number}", f"Dividing by two, $x {sign} {number}$ is {name}.")
    assert right(number, f"So {number} is {name}.")
    assert not right(number, f"{number} is not {name}.")
    assert not right(f"x {sign} {number + 1}", f"Dividing by two, $x {sign} {number}$ is {name}.")


@every(pairs, st.sampled_from([("chickens", "rabbits"), ("adults", "children"), ("red balls", "blue balls")]))
def test_several_counted_things_are_several_answers(pair, things):
    (one, other), (first, second) = pair, things
    gold = f"{one}, {other}"
    for answer in (f"{one} {first} and {other} {second}", f"{one} \\text{{ {first} and }} {other} \\text{{ {second}}}"):
        assert same(gold, answer)
        assert not same(f"{one}, {other + 1}", answer)
        assert not same(str(one + other), answer)
    if " " not in first:
        assert right(gold, f"There are {one} {first} and {other} {second}.")
    assert right(gold, f"The roots are:\n- $x_1 = \\boxed{{{one}}}$\n- $x_2 = \\boxed{{{other}}}$")


@every(counts)
def test_a_value_that_is_taken_back_or_only_bounded_is_no_answer(number):
    for reply in (
        f"So {number} is wrong.",
        f"I doubt that {number} is the answer.",
        f"It is at least {number}.",
        f"The answer is at most {number}.",
        f"\\boxed{{\\text{{more than }} {number}}}",
        f"\\boxed{{}}\n\n{number} was my first guess, it is wrong.",
    ):
        assert not right(number, reply)


@every(pairs)
def test_an_answer_may_come_first_and_its_reasons_after_it(pair):
    number, other = pair
    assert right(number, f"**{number}**\n\nExplanation: There are {other} balls in a bag.")
    assert right(number, f"{number}\n\nThere are {other} balls in each bag.")
    assert right(number, f"{number} because {other} does not divide it.")
    assert right(other, f"{number}\n\nHe buys more. So he has {other}.")


# Languages ----------------------------------------------------------------------------------------------------

SENTENCES = [
    "La réponse est donc {0}.",
    "Donc, elle gagne {0} dollars par jour.",
    "所以她每天赚{0}美元。",
    "因此，答案是{0}。",
    "Sie verdient also jeden Tag {0} Dollar.",
    "Die Antwort lautet {0}.",
    "Por lo tanto, gana {0} dólares al día.",
    "Таким образом, она зарабатывает {0} долларов в день.",
    "したがって、彼女は毎日{0}ドルを稼ぎます。",
    "ดังนั้นเธอได้เงิน {0} ดอลลาร์ต่อวัน",
    "Kwa hivyo anapata dola {0} kwa siku.",
]


@every(st.integers(2, 999), st.sampled_from(SENTENCES))
def test_a_sentence_of_any_language_of_mgsm_may_close_a_reply(number, sentence):
    assert right(number, sentence.format(number))
    assert not right(number + 1, sentence.format(number))


@every(st.integers(1_000, 999_999))
def test_digits_are_grouped_as_the_language_does(number):
    points, spaces = f"{number:,}".replace(",", "."), f"{number:,}".replace(",", " ")
    assert right(number, f"Die Antwort lautet {points} Euro.")
    assert right(number, f"El coche cuesta {points} euros.")
    assert right(number, f"La réponse est {spaces} €.")
    assert right(f"{number}.75", f"Die Antwort lautet {points},75 €.")
    assert not right(number, f"The answer is {points}.")
    assert same(str(number + 10**6), f"{number + 10**6:,}".replace(",", "."))


CHINESE = "零一二三四五六七八九"


@every(st.integers(0, 9_999))
def test_chinese_numerals_are_numbers(number):
    digits, text = [int(digit) for digit in str(number)], ""
    for digit, unit in zip(digits, ["千", "百", "十", ""][-len(digits) :], strict=True):
        text += CHINESE[digit] + unit if digit else "" if text.endswith("零") else "零"
    text = text.rstrip("零") or "零"
    assert right(number, f"答案是{text}。")
    assert not right(number + 1, f"答案是{text}。")


# What the answer says -----------------------------------------------------------------------------------------


@every(fractions, st.sampled_from(["\\approx", "≈", "\\simeq"]))
def test_the_exact_side_of_an_approximation_counts(fraction, sign):
    top, bottom = fraction
    assume(Fraction(f"{top / bottom:.3f}") != Fraction(*fraction))
    exact, rounded = f"\\frac{{{top}}}{{{bottom}}}", f"{top / bottom:.3f}"
    assert same(exact, f"{exact} {sign} {rounded}")
    assert same(f"{exact} {sign} {rounded}", exact)
    assert same(f"{exact}\\pi", f"A = {exact}\\pi {sign} {rounded}")
    assert same(exact, f"{top}/{bottom} (approximately {rounded})")
    assert not same(exact, f"\\frac{{{top}}}{{{bottom + 1}}} {sign} {rounded}")
    assert not same(exact, rounded)


@every(
    whole,
    st.sampled_from("ABCDE"),
    st.sampled_from(["({0}) {1}", "{0}) {1}", "{0}. {1}", "\\textbf{{({0})}}\\ {1}", "\\text{{({0}) }}{1}"]),
)
def test_the_letter_of_a_choice_is_no_part_of_a_value(number, letter, form):
    answer = form.format(letter, number)
    assert same(str(number), answer)
    assert same(letter, answer)
    assert not same(str(number + 1), answer)
    assert not same("ABCDE"["ABCDE".index(letter) - 1], answer)


@every(st.integers(2, 99), st.integers(2, 99), st.sampled_from(["×", "*", "\\times"]))
def test_the_calculation_in_brackets_behind_a_value_is_no_factor(one, other, times):
    value = one * other
    for aside in (f"({one} {times} {other} = {value})", f"({one} {times} {other})", f"(i.e. {one} {times} {other})"):
        assert same(str(value), f"{value} {aside}")
        assert not same(str(value + 1), f"{value} {aside}")
    assert not same(str(value), f"{one} ({one} {times} {other} = {value})")
    assert not same(str(value), f"{value}(x-{other})")


@every(counts, st.sampled_from(["AB", "|PQ|", "\\overline{BC}", "\\angle ABC", "S_{ABC}", "\\frac{AB}{CD}", "\\cos A"]))
def test_a_gold_answer_may_name_what_was_asked_for(number, name):
    gold = f"{name} = {number}"
    assert same(gold, str(number))
    assert same(gold, gold.replace(" ", ""))
    assert same(str(number), gold)
    assert not same(gold, str(number + 1))
    assert not same(gold, f"EF = {number}")
    assert not same(f"xy = {number}", str(number))


@every(st.integers(1, 12), st.integers(10, 58))
def test_times_of_day_are_read_and_their_halves_told_apart(hour, minute):
    assert same(f"{hour}{{:}}{minute}", f"{hour}:{minute}")
    assert same(f"{hour}:{minute}", f"{hour}:{minute} \\text{{ a.m.}}")
    assert not same(f"{hour}{{:}}{minute}", f"{hour}:{minute + 1}")
    assert not same(f"{hour}:{minute} \\text{{ PM}}", f"{hour}:{minute} a.m.")


@every(st.sampled_from(["January", "May", "June", "November"]), st.integers(1, 28), st.integers(1900, 2099))
def test_dates_are_dates_in_every_order(month, day, year):
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
    for answer in (f"{month} {day}", f"{day} {month}", f"\\text{{{month} {day}}}", f"the {day}{ending} of {month}"):
        assert same(f"\\text{{{month} {day}}}", answer)
        assert not same(f"\\text{{{month} {day + 1}}}", answer)
        assert not same(f"March {day}", answer)
    assert same(f"{month} {day}, {year}", f"{day} {month} {year}")
    assert not same(f"{month} {day}, {year}", f"{month} {day}, {year + 1}")


@every(st.integers(-20, 20), st.integers(1, 9), st.integers(5, 40))
def test_an_ellipsis_stands_for_the_items_between(first, step, count):
    values = [str(first + step * index) for index in range(count)]
    short, long = ", ".join([*values[:2], "\\ldots", values[-1]]), ", ".join([*values[:4], "\\dots", values[-1]])
    assert same(short, long)
    assert same(f"\\{{{short}\\}}", f"\\{{{long}\\}}")
    assert same(short, ", ".join(values))
    assert not same(short, ", ".join([*values[:3], "...", str(first + step * count)]))
    assert same(f"{values[0]}, {values[1]}, \\ldots", ", ".join([*values[:3], "\\ldots"]))
    assert same(f"{values[0]}, {values[1]}, \\ldots, n", f"{', '.join(values[:3])}, \\dots, n")
    assert not same(f"{values[0]}, {values[1]}, \\ldots, n", f"{', '.join(values[:3])}, \\dots, n-1")


@every(counts, st.sampled_from("abcdknpqrtuvxyzT"), st.sampled_from(["", "^2", "^3"]))
def test_a_bare_letter_is_no_unit(number, letter, power):
    for answer in (f"{number} {letter}{power}", f"{number}{letter}{power}"):
        assert not same(str(number), answer)
        assert not same(answer, str(number))
        assert not same(f"w^2-{answer}", f"w^2-{number}")
        assert not same(f"w^2-{number}", f"w^2-{answer}")
    assert same(f"{number} {letter}{power}", f"{number}{letter}{power}")
    assert same(str(number), f"{number} m")
    assert same(str(number), f"{number}\\text{{ m}}^2")


UNITS = {
    "cm": "length", "square meters": "length^2", "\\text{ cm}^2": "length^2", "cubic feet": "length^3", "mL": "length^3",
    "m/s": "speed", "kg": "mass", "minutes": "time", "J": "energy", "N": "force", "W": "power", "dollars": "money",
}  # fmt: skip


@every(counts, st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_units_are_compared_by_their_dimension(number, one, other):
    gold, answer = (f"{number} {unit}" if "\\" in unit else f"{number}\\text{{ {unit}}}" for unit in (one, other))
    if one == other or UNITS[one] != UNITS[other]:
        assert same(gold, answer) == (one == other)
    assert same(gold, str(number))
    assert same(str(number), answer)


@every(st.integers(1, 23), st.integers(1, 59))
def test_a_quantity_may_be_given_in_two_units(hours, minutes):
    gold = f"{hours} \\text{{ hours }} {minutes} \\text{{ minutes}}"
    assert same(gold, f"{hours * 60 + minutes}\\text{{ minutes}}")
    assert same(gold, f"{hours} hours and {minutes} minutes")
    assert not same(gold, f"{hours * 60 + minutes + 1}\\text{{ minutes}}")
    assert not same(gold, f"{hours} hours")


@every(
    st.integers(1, 77_777).map(lambda number: f"{number:o}"),
    st.sampled_from(["{0}_8", "({0})_8", "{0}_{{8}}", "({0}_8)"]),
)
def test_the_sign_of_a_numeral_counts(digits, form):
    numeral = form.format(digits)
    assert same(f"{digits}_8", numeral)
    assert same(f"-{digits}_8", f"-{numeral}")
    assert not same(f"{digits}_8", f"-{numeral}")
    assert not same(f"-{digits}_8", numeral)


@every(fractions.filter(lambda pair: pair[0] < pair[1]))
def test_a_percentage_is_no_fraction_of_one(fraction):
    top, bottom = fraction
    assert not same(f"\\frac{{{top}}}{{{bottom}}}", f"\\frac{{{top}}}{{{bottom}}}\\%")
    assert same(f"\\frac{{{top}}}{{{bottom}}}", f"\\frac{{{100 * top}}}{{{bottom}}}\\%")
    assert not same("\\frac{1}{4}", "0.25\\%")
    assert same("\\frac{1}{4}", "25 percent")


@every(st.integers(-9, 9).filter(lambda k: k not in (0, 1)), st.sampled_from("rstuvz"))
def test_the_name_of_what_is_given_counts(slope, name):
    assert not same(f"y={slope}x", f"{name}={slope}x")
    assert not same(f"f(x)={slope}x", f"g(x)={slope}x")
    assert not same(f"f(x)={slope}x", f"{name}={slope}x")
    assert not same(f"f(2)={slope}", f"f(3)={slope}")
    assert not same(f"\\cos A={slope}", f"\\sin A={slope}")
    assert same(f"f(x)={slope}x", f"y={slope}x")
    assert same(f"f(x)={slope}x", f"f(t)={slope}t")
    assert same(f"y={slope}x", f"{slope}x")


@every(fractions, counts)
def test_two_numbers_are_no_interval(fraction, high):
    low = f"{fraction[0]}/{fraction[1]}"
    assert not same(f"[{low}, {high}]", f"{low}, {high}")
    assert not same(f"{low}, {high}", f"[{low}, {high}]")
    assert not same(f"[{high}, {high + 1}]", f"{high}, {high + 1}")
    assert same(f"({low}, {high})", f"{low}, {high}")


@pytest.mark.parametrize("condition", ["f(x)=0", "x^2 > 1", "x = 3"])
@pytest.mark.parametrize("quantifier", ["\\forall x, ", "\\exists x, ", "∀x>0, ", "\\neg ", "\\nexists x: "])
def test_a_quantifier_counts(condition: str, quantifier: str):
    assert not same(condition, quantifier + condition)
    assert not same(quantifier + condition, condition)
    assert not same(f"\\forall y, {condition}", quantifier + condition)
    assert same(quantifier + condition, (quantifier + condition).replace(", ", ",\\ "))


@every(st.integers(2, 9), st.sampled_from("cKk"))
def test_the_constant_of_integration_has_any_name(power, name):
    assert same(f"x^{power} + C", f"{name} + x^{power}")
    assert not same(f"x^{power} + C", f"x^{power}")
    assert not same(f"x^{power} + C", f"x^{power + 1} + {name}")
    assert not same(f"Cx^{power}", f"{name}x^{power}")


@every(pairs)
def test_vectors_are_tuples_columns_and_sums_of_unit_vectors(pair):
    one, other = pair
    for answer in (f"({one},{other})^T", f"{one}\\hat{{i}}+{other}\\hat{{j}}", f"\\langle {one},{other} \\rangle"):
        assert same(f"({one},{other})", answer)
        assert not same(f"({other},{one})", answer)
    assert same(f"\\begin{{pmatrix}}{one}\\\\{other}\\end{{pmatrix}}", f"({one},{other})^T")
    assert same(f"{one}\\mathbf{{i}}-{other}\\mathbf{{j}}", f"{one}\\hat{{i}}-{other}\\hat{{j}}")


@every(st.integers(2, 20), st.integers(0, 19))
def test_a_modulus_is_a_unit(modulus, rest):
    assert same(str(rest), f"{rest} \\pmod{{{modulus}}}")
    assert same(f"x \\equiv {rest} \\pmod {modulus}", f"x \\equiv {rest} (mod {modulus})")
    assert not same(f"{rest} \\pmod {modulus}", f"{rest} \\pmod{{{modulus + 1}}}")
    assert not same(str(rest + 1), f"{rest} \\pmod{{{modulus}}}")


# Rows ---------------------------------------------------------------------------------------------------------

WRAPPED = {"next turn", "reasoning delimiter"}
"""What stands around a reply as a whole is taken off before any scorer reads it."""


def test_labelled_replies_are_judged_as_labelled(shared_data: Path):
    path = shared_data.parent / "cases" / "math_replies.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] not in WRAPPED]
    answers = [Answer({}, row["gold"], row["reply"], row["truncated"]) for row in rows]
    scores = scorer.score(answers, SandboxSpec())
    assert [row for row, score in zip(rows, scores, strict=True) if score.value != row["expected"]] == []
