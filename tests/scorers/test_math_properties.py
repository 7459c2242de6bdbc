"""What holds for every number, list, interval and polynomial, however it is written."""

import itertools
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.records import Answer
from harness.scorers import math as scorer
from harness.scorers._math import extract
from harness.scorers._math.compare import compare
from harness.scorers._math.serve import CpuTimer, SymbolicEngine
from harness.specs import SandboxSpec

ENGINE = SymbolicEngine(CpuTimer())
settings.register_profile("math", deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("math")


def same(gold: str, answer: str) -> bool:
    return compare(gold, answer, ENGINE).equal


# Numbers ------------------------------------------------------------------------------------------------------


def decimal(number: Fraction) -> str | None:
    bottom = number.denominator
    twos = fives = 0
    while bottom % 2 == 0:
        bottom, twos = bottom // 2, twos + 1
    while bottom % 5 == 0:
        bottom, fives = bottom // 5, fives + 1
    if bottom != 1:
        return None
    places = max(twos, fives)
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def mixed(number: Fraction) -> str | None:
    whole, rest = divmod(abs(number.numerator), number.denominator)
    if not whole or not rest:
        return None
    return f"{'-' if number < 0 else ''}{whole}\\frac{{{rest}}}{{{number.denominator}}}"


def scientific(number: Fraction) -> str | None:
    text = decimal(number * 1000)
    return None if text is None else f"{text} \\times 10^{{-3}}"


def grouped(number: Fraction) -> str | None:
    return f"{number.numerator:,}" if number.denominator == 1 else None


SPELLINGS: list[Callable[[Fraction], str | None]] = [
    lambda q: f"{q.numerator}/{q.denominator}",
    lambda q: f"\\frac{{{q.numerator}}}{{{q.denominator}}}",
    lambda q: f"{'-' if q < 0 else ''}\\dfrac{{{abs(q.numerator)}}}{{{q.denominator}}}",
    lambda q: f"\\frac{{{3 * q.numerator}}}{{{3 * q.denominator}}}",
    lambda q: f"\\left({q.numerator} \\div {q.denominator}\\right)",
    decimal,
    mixed,
    scientific,
    grouped,
]
DRESSES = ["{}", "${}$", " {} ", "\\boxed{{{}}}", "{}\\text{{ apples}}", "{} cm", "\\({}\\)", "**{}**", "x = {}", "{}."]
SCRIPTS = ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗"]

numbers = st.fractions(min_value=-20_000, max_value=20_000, max_denominator=400)
spellings = st.sampled_from(SPELLINGS)
dresses = st.sampled_from(DRESSES)


@given(numbers, spellings, spellings, dresses)
def test_a_number_equals_itself_in_every_spelling_and_dress(number, first, second, dress):
    one, other = first(number), second(number)
    if one is not None and other is not None:
        assert same(one, dress.format(other))
        assert same(other, one)


@given(numbers, numbers, spellings, spellings)
def test_different_numbers_are_different_in_every_spelling(number, other, first, second):
    one, two = first(number), second(other)
    if one is not None and two is not None and number != other:
        assert not same(one, two)
        assert not same(two, one)


@given(st.integers(-(10**9), 10**9), st.sampled_from(SCRIPTS))
def test_digits_of_every_script_are_digits(number, script):
    assert same(str(number), str(number).translate(str.maketrans("0123456789", script)))


@given(st.integers(10**15, 10**40), st.integers(1, 9))
def test_long_numbers_are_compared_to_the_last_digit(number, step):
    assert not same(str(number), str(number + step))
    assert same(str(number), f"{number:,}")
    assert not same(f"\\sqrt{{{number}^2}}", str(number + step))


@given(numbers)
def test_a_percent_sign_is_the_number_or_its_hundredth(number):
    text = decimal(number)
    if text is not None and number != 0:
        assert same(text, f"{text}\\%")
        assert same(f"{number.numerator}/{number.denominator * 100}", f"{text}%")
        assert not same(f"{number.numerator}/{number.denominator * 10}", f"{text}%")


@given(st.integers(2, 16), st.integers(0, 10**6), st.integers(2, 16))
def test_numerals_are_equal_in_the_same_base_alone(base, value, other):
    digits = "".join(str(value)[:6])
    assert same(f"{digits}_{{{base}}}", f"{digits}_{{{other}}}") == (base == other)


# Collections --------------------------------------------------------------------------------------------------

entries = st.lists(st.integers(-99, 99), min_size=2, max_size=5)


@given(entries, st.randoms(use_true_random=False))
def test_lists_and_sets_have_no_order(values, shuffler):
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    assert same(", ".join(map(str, values)), ", ".join(map(str, shuffled)))
    assert same(", ".join(map(str, values)), " and ".join(map(str, shuffled)))
    assert same(f"\\{{{','.join(map(str, values))}\\}}", f"\\{{ {', '.join(map(str, shuffled))} \\}}")


@given(entries, st.randoms(use_true_random=False))
def test_tuples_have_an_order(values, shuffler):
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    one, other = (f"({', '.join(map(str, each))})" for each in (values, shuffled))
    assert same(one, other) == (values == shuffled)


@given(entries, st.integers(-99, 99))
def test_a_missing_or_further_element_is_wrong(values, further):
    text = ", ".join(map(str, values))
    assert not same(text, f"{text}, {further}")
    assert not same(f"{text}, {further}", text)


@given(st.integers(-50, 49), st.integers(1, 50))
def test_the_ends_of_an_interval_count(low, length):
    high = low + length
    forms = {a + b: f"{a}{low}, {high}{b}" for a, b in itertools.product("([", ")]")}
    for one, other in itertools.product(forms, forms):
        assert same(forms[one], forms[other]) == (one == other)
    for (left, right), form in ((key, form) for key, form in forms.items()):
        signs = ["<" if left == "(" else "\\le", "<" if right == ")" else "\\le"]
        assert same(form, f"{low} {signs[0]} x {signs[1]} {high}")
        assert not same(form, f"{low} {signs[0]} x {signs[1]} {high + 1}")


@given(st.integers(-20, 20), st.integers(1, 9), st.sampled_from(["<", ">", "\\le", "\\ge"]))
def test_an_inequality_may_be_multiplied_and_turned(bound, factor, sign):
    turned = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}
    gold = f"x {sign} {bound}"
    assert same(gold, f"{factor}x {sign} {factor * bound}")
    assert same(gold, f"{bound} {turned[sign]} x")
    assert same(gold, f"-{factor}x {turned[sign]} {-factor * bound}")
    assert not same(gold, f"x {turned[sign]} {bound}")


@given(st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=3), min_size=2, max_size=3))
def test_matrices_are_compared_entry_by_entry(rows):
    width = len(rows[0])
    rows = [(row + [0] * width)[:width] for row in rows]
    body = " \\\\ ".join(" & ".join(map(str, row)) for row in rows)
    gold = f"\\begin{{pmatrix}} {body} \\end{{pmatrix}}"
    assert same(gold, f"\\begin{{bmatrix}}{body}\\end{{bmatrix}}")
    assert not same(gold, gold.replace(str(rows[0][0]), str(rows[0][0] + 1), 1))


# Expressions --------------------------------------------------------------------------------------------------

roots = st.lists(st.integers(-5, 5), min_size=1, max_size=4)


def product(values: list[int]) -> str:
    return "".join(f"(x{-value:+d})" for value in values)


def coefficients(values: list[int]) -> list[int]:
    result = [1]
    for value in values:
        result = [a - value * b for a, b in zip([*result, 0], [0, *result], strict=True)]
    return result


def expanded(values: list[int]) -> str:
    degree = len(values) - 1
    return "".join(f"{value:+d}x^{{{degree - index}}}" for index, value in enumerate(values))


@given(roots, st.integers(-3, 3).filter(bool), st.integers(0, 4))
@settings(max_examples=40)
def test_a_polynomial_equals_its_factors_and_no_neighbour(values, step, place):
    found = coefficients(values)
    assert same(product(values), expanded(found))
    assert same(expanded(found), product(values[::-1]))
    found[place % len(found)] += step
    assert not same(product(values), expanded(found))


@given(st.integers(2, 60), st.integers(2, 12))
@settings(max_examples=40)
def test_roots_may_be_drawn_out(number, factor):
    assert same(f"{factor}\\sqrt{{{number}}}", f"\\sqrt{{{number * factor**2}}}")
    assert same(f"\\frac{{{factor}}}{{\\sqrt{{{number}}}}}", f"\\frac{{{factor}\\sqrt{{{number}}}}}{{{number}}}")
    assert not same(f"{factor}\\sqrt{{{number}}}", f"\\sqrt{{{number * factor**2 + 1}}}")


EXPRESSIONS = [
    "x", "x+1", "2x", "x^2", "\\frac{1}{x}", "\\sqrt{x}", "e^x", "\\ln x", "\\sin x", "\\cos 2x", "x^2+y^2", "xy", "3",
    "\\pi", "\\sqrt{2}", "1+i", "|x|", "\\frac{x+1}{x-1}", "n!", "2^n", "x>3", "x=3", "y=2x", "(1,2)", "\\{1,2\\}", "1,2",
    "[1,2]", "(1,2]", "x \\le 3", "1 \\pm \\sqrt{2}", "\\mathbb{R}", "\\emptyset", "\\infty", "12_3", "\\text{even}", "25\\%",
]  # fmt: skip


@pytest.mark.parametrize("one", EXPRESSIONS)
def test_no_two_of_these_are_equal_and_the_question_may_be_turned(one: str):
    for other in EXPRESSIONS:
        equal = one == other or {one, other} in ({"3", "x=3"}, {"(1,2)", "1,2"}, {"\\{1,2\\}", "1,2"}, {"y=2x", "2x"})
        equal |= (one, other) == ("1,2", "[1,2]")  # how a program writes a list; as a gold answer it is an interval
        assert (other, same(one, other)) == (other, equal)


@given(st.sampled_from(EXPRESSIONS), st.randoms(use_true_random=False))
def test_spaces_and_sizes_change_nothing(expression, shuffler):
    dressed = expression.replace("(", "\\left(").replace(")", "\\right)") if expression[0] != "[" else expression
    dressed = dressed.replace("=", shuffler.choice([" = ", "\\, = \\,", "="])).replace(
        "+", shuffler.choice([" + ", "~+~"])
    )
    wrapped = shuffler.choice(["${}$", "\\displaystyle {}", "\\boxed{{{}}}", "\\({}\\)", " {} "]).format(dressed)
    assert same(expression, wrapped)


NOISE = [
    r"\sin(1999!)", r"\cos(7^{9999})", r"(10^{200}+\sqrt{2})-10^{200}", r"\sqrt{2} \cdot 10^{200} - \sqrt{2} \cdot 10^{200}",
    r"\sqrt{10^{300}+1} - \sqrt{10^{300}}", r"e^{9999}\sqrt{3} - e^{9999}\sqrt{3} + 1", r"\tan(\sqrt{2} \cdot 10^{150})",
]  # fmt: skip


@pytest.mark.parametrize("gold", ["8", r"\sqrt{2}", r"\pi", "x", r"\sin x", "0"])
@pytest.mark.parametrize("noise", NOISE)
def test_a_value_that_drowns_in_rounding_errors_equals_nothing(gold: str, noise: str):
    assert not same(gold, noise)
    assert not same(gold, f"{gold} + {noise}")


# Hostile text -------------------------------------------------------------------------------------------------

PIECES = [
    *"1a-\\{}()[]$^_!=<>,;. \n\"'|/%°²½√×é⟦⏎\ud800", "\\frac", "\\sqrt", "\\text{", "\\boxed{", "\\boxed{1}", "#### ", "<answer>",
    "</answer>", "<think>", "</think>", '"answer": "', "The answer is ", "A:", "\nQuestion:", "<<", ">>", "1,", "2^", "9!",
    "\\pm ", "\\begin{pmatrix}", "\\end{pmatrix}", "\\\\", "&", "\\left(", "1e", "0.1", "\\overline{", "apples ", " or ", "x=", "-1,",
    "(1,", "\\{1,", "\\log_", "\\sin", "\\binom{9}{", "\\cup ", "\\in ", "\\mathbb{R}", "答案", "...", "\\circ", "1 000 ", "\\int ",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from(["8", "x+7", "(1,9]", "y=3x", "zz"])
)
@settings(max_examples=400)
def test_no_text_makes_the_comparison_fail(text, gold):
    found = extract.extract(text)
    for answer in (found.answer, text):
        if answer:
            compare(gold, answer, ENGINE)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.booleans())
def test_every_text_has_a_score_in_range(text, truncated):
    score = scorer.score([Answer({}, "8", text, truncated)], SandboxSpec())[0]
    assert score.value in (0.0, 1.0)
    assert score.status in {"correct", "wrong", "no_answer", "truncated", "unparsed"}
    assert (score.value == 1.0) == (score.status == "correct")
    assert (score.extracted is None) == (score.status in ("no_answer", "truncated"))
    assert score.explanation


def test_long_repetitions_take_linear_time():
    """Each of these took seconds to hours in some grader; together they are given a generous minute."""
    rng = random.Random(7)
    texts = [piece * (60_000 // len(piece)) for piece in PIECES]
    texts += ["\\boxed{" + piece * 400 + "}" for piece in PIECES]
    texts += ["".join(rng.choices(PIECES, k=5_000)) for _ in range(20)]
    scores = scorer.score([Answer({}, "8", text) for text in texts], SandboxSpec())
    assert {score.value for score in scores} == {0.0}
