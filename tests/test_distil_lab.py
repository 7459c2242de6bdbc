"""The distillation laboratory in benchmarks/: what it may not mix up (training itself needs torch, and is not run here)."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock
import numpy as np
import polars as pl
import pytest
from modulefiles import loaded

from harness.errors import ConfigError
from harness.provenance.comparison.registry import Labels
from harness.provenance.panels import panel

FILE = Path(__file__).parents[1] / "benchmarks" / "distil_lab.py"
CLAUDE, LLAMA = "claude-3-opus-20240229", "meta-llama-3-70b-instruct"


@pytest.fixture(scope="module")
def lab() -> ModuleType:
    return loaded(FILE)


@pytest.fixture(scope="module")
def lessons(lab: ModuleType, shared_data: Path) -> Any:
    return lab.Lessons.read(shared_data, lab.TEACHERS)


@pytest.fixture
def made(lab: ModuleType) -> Callable[..., None]:
    """Leave what a student leaves that was taught and asked to the end."""

    def make(student: Any, lessons: Any, out: Path, **facts: Any) -> None:
        rows = [
            {"model": student.name, "prompt_id": name, "prompt": text, "output": f"Answer to {name}.", "cut": i % 2 > 0}
            for i, (name, text) in enumerate(lessons.asked)
        ]
        (out / f"{student.name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = {"losses": {}, "cpu": 1.0, "settings": lab.settings(student, lessons)} | facts
        (out / f"{student.name}.json").write_text(json.dumps(told))

    return make


def test_no_prompt_that_a_student_is_asked_was_taught(lab: ModuleType, lessons: Any) -> None:
    assert len(lessons.asked) == lab.ASKED
    taught, asked = ({lab.same_text(text) for _, text in rows} for rows in (lessons.taught, lessons.asked))
    assert not taught & asked
    for student in lab.students_of(lab.TEACHERS, (192, 8), (1, 2)):
        assert not {name for name, _ in lessons.chosen(student)} & {name for name, _ in lessons.asked}
        if student.arm != lab.OWN:
            assert len(lessons.pairs(student)) >= student.dose - 1  # one teacher left one prompt without an answer


def test_who_was_shown_its_answers_more_often_is_another_student(
    lab: ModuleType, lessons: Any, shared_data: Path
) -> None:
    once, often = lab.Student(CLAUDE, 8, 1), lab.Student(CLAUDE, 8, 1, 4)
    assert (once.name, often.name) == (f"{CLAUDE}-8-s1", f"{CLAUDE}-8-s1-x4")
    assert lab.settings(once, lessons) | {"epochs": 4} == lab.settings(often, lessons)
    assert lessons.chosen(once) == lessons.chosen(often)
    told = lab._manifest(shared_data, lab.students_of((CLAUDE,), (8,), (1,), 4), lessons)
    assert (told["settings"]["epochs"], told["settings"]["asked"]) == (4, lab.ASKED)
    twin = reading(lab, lab.Student("own", 8, 1, 4), (), claude=0.0, llama=0.0)
    taught = reading(lab, often, (), claude=1.0, llama=0.0)
    assert lab.twin_of(taught, [reading(lab, lab.Student("own", 8, 1), (), claude=0.0, llama=0.0), twin]) is twin


def test_the_split_of_the_prompts_is_the_same_whoever_teaches(lab: ModuleType, lessons: Any, shared_data: Path) -> None:
    alone = lab.Lessons.read(shared_data, [LLAMA])
    assert (alone.taught, alone.asked) == (lessons.taught, lessons.asked)


def test_all_who_teach_and_the_twin_have_the_same_prompts_and_another_seed_has_others(
    lab: ModuleType, lessons: Any
) -> None:
    one, other, twin = (lessons.chosen(lab.Student(arm, 64, 1)) for arm in (CLAUDE, LLAMA, lab.OWN))
    assert one == other == twin
    assert lessons.chosen(lab.Student(CLAUDE, 64, 2)) != one


def test_the_panel_knows_every_prompt_that_a_student_is_asked_and_every_teacher_by_ten_labs(
    lab: ModuleType, lessons: Any
) -> None:
    known = panel.load(lab.PANEL)
    assert {name for name, _ in lessons.asked} <= set(known.aliases)
    assert set(lab.TEACHERS) <= known.candidates
    assert len(lab.TEACHERS) == len(set(lab.TEACHERS)) == 20
    assert len({known.facts[teacher].lab for teacher in lab.TEACHERS}) == 10
    assert not {"claude-2.1", "mistral-medium"} & set(lab.TEACHERS), "settings were chosen with these two"


def test_one_twin_serves_all_teachers_and_one_dose_of_all_comes_before_the_next(lab: ModuleType) -> None:
    students = lab.students_of((CLAUDE, LLAMA), (8, 32), (1,))
    assert [s.name for s in students] == [
        f"{CLAUDE}-32-s1", f"{LLAMA}-32-s1", "own-32-s1", f"{CLAUDE}-8-s1", f"{LLAMA}-8-s1", "own-8-s1", "untouched",
    ]  # fmt: skip


def test_a_teacher_that_is_no_candidate_is_refused(lab: ModuleType, shared_data: Path) -> None:
    with pytest.raises(ConfigError, match="no candidates of the panel alpaca_eval: nobody-1b"):
        lab.Lessons.read(shared_data, [CLAUDE, "nobody-1b"])


def test_a_dose_that_the_prompts_do_not_reach_is_refused_with_what_they_reach(
    lab: ModuleType, shared_data: Path
) -> None:
    with pytest.raises(ConfigError, match=r"a dose of 1024: all 2 teachers answered 192 prompts.*192 of AlpacaEval"):
        lab.Lessons.read(shared_data, ["yi-34b-chat", "gemini-pro"], 1024)


def test_the_fewer_prompts_are_asked_the_more_can_be_taught(lab: ModuleType, lessons: Any, shared_data: Path) -> None:
    fewer = lab.Lessons.read(shared_data, lab.TEACHERS, 256, 125)
    assert (len(fewer.asked), len(fewer.taught)) == (125, 256)
    assert lessons.asked[:125] == fewer.asked
    with pytest.raises(ConfigError, match="49 prompts asked: a verdict needs at least 50"):
        lab.Lessons.read(shared_data, lab.TEACHERS, 8, 49)


def test_a_larger_dose_takes_prompts_of_other_sets_that_all_teachers_answered(
    lab: ModuleType, shared_data: Path
) -> None:
    teachers = [CLAUDE, LLAMA]  # the second goes by another name in the other set
    lessons = lab.Lessons.read(shared_data, teachers, 400)
    student = lab.Student(LLAMA, 400, 1)
    chosen = lessons.chosen(student)
    assert chosen[:192] == lessons.chosen(lab.Student(LLAMA, 192, 1))
    assert len(lessons.pairs(student)) == len({name for name, _ in chosen}) == 400
    assert {name.split("/")[0] for name, _ in chosen[192:]} == {"farel_bench"}
    assert not {lab.same_text(t) for _, t in chosen} & {lab.same_text(t) for _, t in lessons.asked}


def test_a_student_is_done_when_its_facts_are_there_and_made_as_today(
    lab: ModuleType, lessons: Any, tmp_path: Path, made: Callable[..., None]
) -> None:
    student = lab.Student(CLAUDE, 8, 1)
    assert not lab.made(student, lessons, tmp_path)
    made(student, lessons, tmp_path)
    assert lab.made(student, lessons, tmp_path)
    (tmp_path / f"{student.name}.json").unlink()  # killed between answers and facts
    assert not lab.made(student, lessons, tmp_path)
    made(student, lessons, tmp_path, settings={**lab.settings(student, lessons), "epochs": 99})
    assert not lab.made(student, lessons, tmp_path)


def test_what_was_being_written_when_the_process_was_killed_does_not_count(
    lab: ModuleType, lessons: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = lab.Student(CLAUDE, 8, 1)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        lab._put(tmp_path / f"{student.name}.json", '{"settings": ')
    assert list(tmp_path.iterdir())  # something was left
    assert not lab.made(student, lessons, tmp_path)


def test_only_what_is_missing_is_made_and_what_another_process_is_at_is_left_to_it(
    lab: ModuleType, lessons: Any, tmp_path: Path, made: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    students = lab.students_of((CLAUDE, LLAMA), (8,), (1,))
    made(students[0], lessons, tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(lab, "Model", lambda device: device)
    monkeypatch.setattr(lab, "_make", lambda _model, student, *_: asked.append(student.name))
    with filelock.FileLock(tmp_path / f"{students[1].name}.lock"):
        lab._teach(students, lessons, tmp_path, "cpu")
    assert asked == ["own-8-s1", "untouched"]


def test_the_labelled_set_is_one_that_validate_reads(
    lab: ModuleType, lessons: Any, shared_data: Path, tmp_path: Path, made: Callable[..., None]
) -> None:
    students = lab.students_of((CLAUDE, LLAMA), (8,), (1,))
    for student in students:
        made(student, lessons, tmp_path)
    lab.label(students, lessons, shared_data, tmp_path)
    tables = [
        pl.read_csv(tmp_path / "labelled" / f"{name}.csv", infer_schema=False)
        for name in ("students", "controls", "models")
    ]
    labels = Labels.of(lab.PANEL, *tables)
    assert {(s["student"], s["teachers"], s["teacher_family"]) for s in labels.students} == {
        (f"{CLAUDE}-8-s1", CLAUDE, "anthropic"), (f"{LLAMA}-8-s1", LLAMA, "meta"),
    }  # fmt: skip
    assert {c["model"]: c["not_trained_on"] for c in labels.controls} == {
        "own-8-s1": "anthropic", "untouched": "anthropic",  # Llama's answers were among what the base was tuned on
    }  # fmt: skip
    answers = pl.read_parquet(tmp_path / "labelled" / "outputs.parquet")
    assert set(answers["prompt_id"]) == {name for name, _ in lessons.asked}
    assert {s.name for s in students} < set(answers["model"])
    cut = dict(answers.group_by("model").agg(pl.col("cut").sum()).iter_rows())
    assert {cut.pop(s.name) for s in students} == {lab.ASKED // 2}
    assert set(cut.values()) == {0}, "AlpacaEval's answers are whole"
    assert answers["model"].n_unique() == 185 + len(students)


def reading(lab: ModuleType, student: Any, named: tuple[str, ...], **z: float) -> Any:
    scores = {teacher: {"z": z[key], "rank": 1} for key, teacher in (("claude", CLAUDE), ("llama", LLAMA))}
    alone = {CLAUDE: student.arm == CLAUDE, LLAMA: student.arm == CLAUDE}
    steps = {CLAUDE: z["claude"], LLAMA: z["llama"]}
    return lab.Reading(student, 125, 2, scores, {"anthropic": (0.001, 0.01, 1)}, named, alone, {}, 1.0, steps)


def test_right_and_wrong_names_are_counted_per_dose_and_the_labs_that_taught_the_base_apart(lab: ModuleType) -> None:
    readings = [
        reading(lab, lab.Student(CLAUDE, 32, 1), ("anthropic",), claude=3.0, llama=0.0),
        reading(lab, lab.Student(LLAMA, 32, 1), ("yi", "openai"), claude=1.0, llama=1.0),
        reading(lab, lab.Student("own", 32, 1), ("meta",), claude=0.0, llama=2.0),
        reading(lab, lab.Student(CLAUDE, 8, 1), (), claude=0.0, llama=0.0),
        reading(lab, lab.Student("own", 0, 0), (), claude=0.0, llama=0.0),
    ]
    high, low = lab.by_dose(readings, {CLAUDE: "anthropic", LLAMA: "meta"})
    assert high["pairs"] == "32"
    assert high["its lab named"] == "1 of 2 [0.09, 0.91]"
    assert high["a wrong lab named"] == "1 of 2 [0.09, 0.91]"
    assert high["a lab that taught the base named"] == "1 of 2 [0.09, 0.91]"
    assert high["asked about its teacher alone, named"].startswith("1 of 2")
    assert high["about another's alone, named"].startswith("1 of 2")
    assert high["untaught, about one alone, named"].startswith("0 of 4")
    assert high["from the base, its teacher first"].startswith("1 of 2")
    assert high["from the base, its lab first"].startswith("1 of 2")
    assert high["above the twin"] == "1 of 2 [0.09, 0.91]"
    assert high["above the untouched base"] == "2 of 2 [0.34, 1.00]"
    assert high["twins named with another lab"].startswith("0 of 1")
    assert low["its lab named"].startswith("0 of 1")
    assert low["twins named with another lab"] == "-"
    assert all("|" in table for table in lab.tables(readings))


def test_teachers_that_left_a_mark_are_told_from_none(lab: ModuleType) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(6, 6))
    assert lab.apart(np.zeros((6, 6)))[:2] == (0.5, 1.0)
    share, p, pairs = lab.apart(noise + 5 * np.eye(6))
    assert (share, pairs) == (1.0, 30)
    assert p == pytest.approx(1 / 720)
    popular = noise + 5 * np.eye(6) + np.array([0, 10, 0, 20, 0, 0])  # a teacher that all resemble tells nobody apart
    assert lab.apart(popular)[0] == 1.0
    ps = [lab.apart(rng.normal(size=(5, 5)))[1] for _ in range(200)]
    assert np.mean(np.array(ps) <= 0.05) < 0.1
    assert lab.apart(rng.normal(size=(12, 12)) + 3 * np.eye(12), draws=200)[1] == pytest.approx(1 / 201)
