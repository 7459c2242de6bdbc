"""Another detector under the protocol of `validate`: what a table of scores must hold, and what it is worth."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence
from harness.provenance.comparison.registry import CONTROLS, MODELS, STUDENTS, Labels, Registry
from harness.provenance.validation import detectors, validate
from harness.provenance.validation.duplicates import duplicates
from harness.provenance.validation.protocol import prompt_sets

NOBODY = Registry({}, {}, {})
TEACHERS = ("red-1", "red-2", "blue-1")
TAUGHT = {"ann": "red-1", "bob": "red-1", "cid": "blue-1"}
CONTROL = ("own-1", "own-2")
OLD = tuple(f"old-{i}" for i in range(8))
EVERYBODY = tuple(sorted((*TEACHERS, *TAUGHT, *CONTROL, *OLD)))
WORDS = [
    "river",
    "boat",
    "stone",
    "light",
    "music",
    "winter",
    "table",
    "road",
    "number",
    "quiet",
    "open",
    "field",
    "happy",
    "seven",
    "green",
    "house",
    "paper",
]
Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame, Registry]


def _answer(model: str, prompt: int) -> str:
    return " ".join(random.Random(f"{model} {prompt}").choices(WORDS, k=40))


def _outputs(
    names: tuple[str, ...] = EVERYBODY, prompts: int = 60, answer: Callable[[str, int], str] = _answer
) -> pl.DataFrame:
    rows = [
        {"corpus": "set", "model": m, "prompt_id": f"{p:02}", "output": answer(m, p)}
        for m in names
        for p in range(prompts)
    ]
    return pl.DataFrame(rows)


def _labels() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    students = [
        dict.fromkeys(STUDENTS, "") | {"student": student, "corpus": "set", "teachers": teacher,
         "teacher_family": teacher[:-2], "strength": "sft_on_teacher_outputs", "lineage_group": f"of {student}"}
        for student, teacher in TAUGHT.items()
    ]  # fmt: skip
    controls = [dict.fromkeys(CONTROLS, "") | {"model": m, "corpus": "set", "not_trained_on": "red"} for m in CONTROL]
    released = {**dict.fromkeys(TEACHERS, "2023-01"), **dict.fromkeys((*TAUGHT, *CONTROL), "2024-01"),
                **dict.fromkeys(OLD, "2022-01")}  # fmt: skip
    models = [
        {"corpus": "set", "model": m, "role": "candidate" if m in TEACHERS else "", "lab": m[:-2] if m in TEACHERS else m,
         "released": released[m]}
        for m in EVERYBODY
    ]  # fmt: skip
    assert set(models[0]) == set(MODELS)
    return pl.DataFrame(students), pl.DataFrame(controls), pl.DataFrame(models)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return (_outputs(), *_labels(), NOBODY)


def _scores(score: Callable[[str, str], Any], **more: Callable[[str, str], Any]) -> pl.DataFrame:
    rows = [
        {"suspect": s, "candidate": c, "score": str(score(s, c))} | {name: str(of(s, c)) for name, of in more.items()}
        for s, c in itertools.product(EVERYBODY, TEACHERS)
        if s != c
    ]
    return pl.DataFrame(rows)


def _knows(s: str, c: str) -> float:
    return 1.0 if TAUGHT.get(s) == c else random.Random(s + c).random() / 2


def _figures(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in report["figures"]}


def test_a_detector_that_knows_everything_is_perfect_and_its_opposite_is_worthless(tables: Tables) -> None:
    best = _figures(detectors.judge(_scores(_knows), *tables, draws=50))
    assert best["AUROC, true student-teacher pairs against the rest"]["value"] == 1
    assert best["AUROC within suspect, mean over students"]["value"] == 1
    assert best["AUROC, students against the candidate's null"]["value"] == 1
    first = best["exact teacher first, same pool"]
    assert first["value"] == 1
    assert first["n"] == 3
    assert first["detail"]["best_constant"] == pytest.approx(2 / 3), "red-1 taught two of three"
    worst = _figures(detectors.judge(_scores(lambda s, c: -_knows(s, c)), *tables, draws=50))
    assert worst["AUROC, true student-teacher pairs against the rest"]["value"] == 0
    assert worst["exact teacher first, same pool"]["value"] == 0


def test_a_detector_that_knows_nothing_of_the_pair_has_no_margin_over_popularity(tables: Tables) -> None:
    found = _figures(detectors.judge(_scores(lambda _, c: TEACHERS.index(c)), *tables, draws=50))
    assert found["AUROC's margin over popularity"]["value"] == pytest.approx(0)


def test_only_the_order_of_scores_matters(tables: Tables) -> None:
    """Figures that compare scores alone; popularity is a mean, so it may change."""
    one = _figures(detectors.judge(_scores(_knows), *tables, draws=50))
    other = _figures(detectors.judge(_scores(lambda s, c: 1e6 * _knows(s, c) ** 3 - 5e5), *tables, draws=50))
    assert {k: v for k, v in one.items() if "popularity" not in k} == {
        k: v for k, v in other.items() if "popularity" not in k
    }


def test_flags_and_q_values_name_labs_and_accuse_controls(tables: Tables) -> None:
    flag = lambda s, c: (s == "own-1" and c == "red-2") or (s, c) in (("ann", "red-1"), ("bob", "blue-1"))  # noqa: E731
    for found in (
        detectors.judge(_scores(_knows, flag=flag), *tables, draws=50),
        detectors.judge(_scores(_knows, q=lambda s, c: 0.05 if flag(s, c) else 0.06), *tables, draws=50),
    ):
        figures = _figures(found)
        assert figures["controls accused by any sentence of a report (red)"]["detail"]["accused"] == ["own-1"]
        assert figures["documented-unrelated pairs of model and lab that are named"]["n"] == 2
        assert figures["students named with their teacher's lab"]["value"] == pytest.approx(1 / 3)
        assert figures["named students whose first lab is wrong"]["value"] == pytest.approx(1 / 2)


def test_a_flag_where_another_explanation_stands_is_not_an_accusation(tables: Tables) -> None:
    """The models of before 2023 cannot have learnt from the candidates: whoever flags those pairs flags what is later."""
    outputs, students, _, models, _ = tables
    controls = pl.DataFrame(
        [dict.fromkeys(CONTROLS, "") | {"model": m, "corpus": "set", "not_trained_on": "red"} for m in OLD]
    )
    scores = _scores(_knows, flag=lambda s, _: s in OLD)
    figures = _figures(detectors.judge(scores, outputs, students, controls, models, NOBODY, draws=50))
    assert figures["controls accused by any sentence of a report (red)"]["value"] == 0


def test_without_a_threshold_nobody_is_said_to_be_named(tables: Tables) -> None:
    figures = _figures(detectors.judge(_scores(_knows), *tables, draws=50))
    assert not [name for name in figures if "accused" in name or "named" in name]


def test_the_margin_over_another_detector_is_paired(tables: Tables) -> None:
    good, bad = _scores(_knows), _scores(lambda s, c: random.Random(c + s).random())
    against = {"bad": bad, "itself": good}
    figures = _figures(detectors.judge(good, *tables, against=against, draws=50))
    itself = figures["AUROC's margin over itself"]
    assert (itself["value"], itself["low"], itself["high"]) == (0, 0, 0)
    assert figures["AUROC's margin over bad"]["value"] > 0
    with pytest.raises(ConfigError, match=r"bad: missing column score"):
        detectors.judge(good, *tables, against={"bad": bad.drop("score")}, draws=50)


def _with(row: int, **values: str) -> pl.DataFrame:
    frame = _scores(_knows).with_row_index("at", offset=1)
    return frame.with_columns(
        pl.when(pl.col("at") == row).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ).drop("at")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (_with(4, suspect="anne"), r"scores, row 4: unknown model 'anne'.*ann"),
        (_with(4, candidate="gpt-9"), r"scores, row 4: unknown model 'gpt-9'"),
        (_with(4, suspect=""), r"scores, row 4: unknown model ''"),
        (_with(5, score="high"), r"row 5: score of .* is 'high'; expected a number"),
        (_with(5, score="nan"), r"row 5: score of .* is 'nan'; expected a number"),
        (_with(5, score="-inf"), r"row 5: score of .* is '-inf'; expected a number"),
        (_with(5, score="1e300"), r"row 5: score of .* is '1e300'; expected a number"),
        (_with(5, score=""), r"row 5: score of .* is ''; expected a number"),
        (_with(5, score="1,5"), r"row 5: score of .* is '1,5'; expected a number"),
        (_scores(lambda *_: "x" * 999), r"is 'x{80}'; expected a number \(44 more rows like it\)"),
        (_scores(_knows).head(-2), r"2 of 45 pairs of set have no score \(red-2 with "),
        (_scores(_knows).clear(), r"45 of 45 pairs of set have no score \(ann with .*…\)"),
        (pl.concat([_scores(_knows)] * 2), r"row 1: ann with red-1 has more than one score"),
        (_scores(_knows, q=lambda *_: 1.5), r"row 1: q of ann with red-1 is '1.5'; expected a number from 0 to 1"),
        (_scores(_knows, q=lambda *_: ""), r"row 1: q of ann with red-1 is ''; expected a number"),
        (_scores(_knows, flag=lambda *_: "maybe"), r"flag of ann with red-1 is 'maybe'; expected one of true, yes, 1"),
        (_scores(_knows, flag=lambda *_: 1, q=lambda *_: 0.1), r"has both q and flag"),
        (_scores(_knows).rename({"score": "p"}), r"missing column score; expected suspect, candidate, score, and if"),
        (_scores(_knows, p=lambda *_: 0.1), r"unknown column p; expected suspect"),
        (_scores(_knows, corpus=lambda *_: "sets"), r"scores: unknown prompt set 'sets'"),
    ],
)  # fmt: skip
def test_an_error_says_which_row_what_was_found_and_what_is_expected(
    tables: Tables, table: pl.DataFrame, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        detectors.judge(table, *tables, draws=10)


def test_rows_that_the_protocol_does_not_ask_for_are_counted_and_not_read(tables: Tables) -> None:
    """Somebody may hand in the whole square of models, the diagonal too."""
    square = pl.DataFrame([{"suspect": s, "candidate": c, "score": _knows(s, c)} for s in EVERYBODY for c in EVERYBODY])
    report = detectors.judge(square, *tables, draws=50)
    assert report["corpora"][0]["rows_not_read"] == len(EVERYBODY) ** 2 - 45
    assert report["figures"] == detectors.judge(_scores(_knows), *tables, draws=50)["figures"]


def test_the_order_of_rows_spaces_and_upper_case_flags_change_nothing(tables: Tables) -> None:
    plain = _scores(_knows, flag=lambda s, c: TAUGHT.get(s) == c)
    odd = plain.sample(fraction=1, shuffle=True, seed=3).with_columns(flag=pl.col("flag").str.to_uppercase())
    odd = odd.with_columns((" " + pl.all() + " ").name.keep())
    assert detectors.judge(odd, *tables, draws=50)["figures"] == detectors.judge(plain, *tables, draws=50)["figures"]


def test_two_prompt_sets_need_a_column_that_tells_them_apart(tables: Tables) -> None:
    outputs, *rest = tables
    two = pl.concat([outputs, outputs.with_columns(corpus=pl.lit("other"))])
    with pytest.raises(ConfigError, match=r"no column corpus, and the answers are of 2 prompt sets \(other, set\)"):
        detectors.judge(_scores(_knows), two, *rest, draws=50)
    one = detectors.judge(_scores(_knows, corpus=lambda *_: "set"), two, *rest, draws=50)
    assert [corpus["corpus"] for corpus in one["corpora"]] == ["set"]


def test_the_list_of_pairs_is_what_the_protocol_asks_for(tables: Tables) -> None:
    asked = detectors.pairs(*tables)
    assert len(asked) == 45
    assert detectors.judge(asked.with_columns(score=pl.lit(1.0)), *tables, draws=10)["figures"]
    with pytest.raises(ConfigError, match=r"row 1: score of ann with blue-1 is ''"):
        detectors.judge(asked, *tables, draws=10)


def test_a_model_that_stands_there_twice_is_removed_and_counted(tables: Tables) -> None:
    """A student's answers under another name: it is no second student, and nobody gets points for finding it."""
    _, students, *rest = tables
    double = {"zoe": "ann", "red-9": "red-1"}
    outputs = _outputs((*EVERYBODY, *double), answer=lambda m, p: _answer(double.get(m, m), p) + " " * (m in double))
    again = pl.concat([students, students.filter(pl.col("student") == "ann").with_columns(student=pl.lit("zoe"))])
    (part,) = prompt_sets(outputs, again, *rest)
    assert part.duplicates == {"zoe": "ann", "red-9": "red-1"}, "a candidate is kept before a model without a role"
    report = detectors.judge(_scores(_knows), outputs, again, *rest, draws=50)
    assert report["corpora"][0]["duplicates"] == part.duplicates
    assert _figures(report)["exact teacher first, same pool"]["n"] == 3
    printed = validate.table(report)
    assert "2 removed as duplicates" in printed
    assert "removed: zoe, whose answers are ann's" in printed
    full = pl.concat([_scores(_knows), pl.DataFrame({"suspect": "zoe", "candidate": "red-1", "score": "9"})])
    assert detectors.judge(full, outputs, again, *rest, draws=50)["corpora"][0]["rows_not_read"] == 1


@pytest.mark.parametrize(
    ("share", "long", "prompts", "found"),
    [
        (0.6, True, 60, True),
        (0.4, True, 60, False),
        (1.0, False, 60, False),
        (1.0, True, 19, False),
        (1.0, True, 20, True),
    ],
)
def test_a_duplicate_has_half_of_twenty_long_answers_in_common(
    share: float, long: bool, prompts: int, found: bool
) -> None:
    def answer(model: str, prompt: int) -> str:
        text = _answer("one" if model == "two" and prompt < share * prompts else model, prompt)
        return text if long else "Yes."

    rows = _outputs(("one", "two"), prompts, answer)
    assert bool(duplicates(rows, "output", ["one", "two"], lambda *_: False)) is found
    assert not duplicates(rows, "output", ["one", "two"], lambda *_: True), "documented versions are kept"


def test_of_three_that_are_the_same_one_is_left() -> None:
    rows = _outputs(("a", "b", "c"), answer=lambda _, p: _answer("a", p))
    assert duplicates(rows, "output", ["b", "c", "a"], lambda *_: False) == {"c": "b", "a": "b"}


@pytest.mark.slow
def test_our_own_scores_through_the_file_are_what_validate_prints(shared_data: Path, tmp_path: Path) -> None:
    """One protocol: this detector has no way of its own to be counted."""
    outputs = pl.read_parquet(shared_data / "outputs" / "alpaca_eval.parquet")
    outputs = outputs.filter(pl.col("prompt_id").is_in(sorted(outputs["prompt_id"].unique().to_list())[:60]))
    tables = [shared_data / "labels" / f"{name}.csv" for name in ("students", "controls", "models")]
    labels = [pl.read_csv(path, infer_schema=False) for path in tables]
    registry = Registry.load(Path(__file__).parents[2] / "conf" / "model_registry.yaml")
    ours = _figures(validate.validate(outputs, *labels, registry, draws=50, curve=(), stability=False))
    prints = fingerprint.fingerprint(outputs, names=evidence.EVIDENCE)
    known = Labels.of("alpaca_eval", *labels)
    facts = known.facts(prints.models, registry)
    analysis = evidence.analyse(prints, facts, known.candidates(prints.models, facts))
    named = {model: set(evidence.named(analysis, model)) for model in analysis.models}
    rows = [
        {"suspect": s, "candidate": facts[c].name, "score": float(analysis.z[i, b]),
         "flag": cal.lab_of(facts[c]) in named[s]}
        for i, s in enumerate(analysis.models) for b, c in enumerate(analysis.candidates) if i != c
    ]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "ours.csv")
    table = pl.read_csv(tmp_path / "ours.csv", infer_schema=False)
    through = _figures(detectors.judge(table, outputs, *labels, registry, draws=50))
    assert {name: (f["value"], f["n"]) for name, f in through.items()} == {
        name: (pytest.approx(ours[name]["value"]), ours[name]["n"]) for name in through
    }
