"""The distillation laboratory in benchmarks/: what it may not mix up (training itself needs torch, and is not run here)."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "distil_lab.py"


@pytest.fixture(scope="module")
def lab() -> ModuleType:
    spec = importlib.util.spec_from_file_location("distil_lab", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["distil_lab"] = module
    spec.loader.exec_module(module)
    return module


def test_no_prompt_that_a_student_is_asked_was_taught_and_both_teachers_answered_all(
    lab: ModuleType, shared_data: Path
) -> None:
    lessons, asked, answers = lab._read(shared_data)
    assert len(lessons) == max(lab.DOSES)
    assert len(asked) == lab.PROMPTS
    assert not {text.strip().lower() for _, text in lessons} & {text.strip().lower() for _, text in asked}
    assert all(answers[teacher, name] for teacher in lab.READ for name, _ in [*lessons, *asked])
    assert lab._read(shared_data)[:2] == (lessons, asked)


def test_the_panel_knows_every_prompt_that_a_student_is_asked(lab: ModuleType, shared_data: Path) -> None:
    from harness.provenance import panel

    known = panel.load("alpaca_eval")
    _, asked, _ = lab._read(shared_data)
    assert {name for name, _ in asked} <= set(known.aliases)
    assert set(lab.READ) <= known.candidates


def test_a_twin_has_its_teachers_prompts_and_dose(lab: ModuleType) -> None:
    students = lab.students_of(lab.DOSES, lab.SEEDS)
    taught = {(s.dose, s.seed) for s in students if s.arm == lab.TEACHER}
    assert taught == {(s.dose, s.seed) for s in students if s.arm == lab.OWN and s.dose}
    assert len({s.name for s in students}) == len(students)
