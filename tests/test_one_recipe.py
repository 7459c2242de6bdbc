"""One recipe taught to several bases (benchmarks/one_recipe.py): what the page says of it holds of the data."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from modulefiles import loaded


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return loaded(Path(__file__).parents[1] / "benchmarks" / "one_recipe.py")


def test_no_model_and_no_prompt_is_in_both_sets(recipe: ModuleType, shared_data: Path) -> None:
    sky, other = recipe.answers(shared_data)
    assert not set(sky["model"]) & set(other["model"])
    assert not set(sky["prompt_id"]) & set(other["prompt_id"])
    assert not sky["output"].str.contains("of_thought|>", literal=True).any(), "the recipe's mark would tell its own"


def test_students_are_like_each_other_and_their_teacher_and_those_taught_short_are_not(
    recipe: ModuleType, shared_data: Path
) -> None:
    found = recipe.rows(shared_data)
    long = [row for row in found if not recipe.taught_short(row.student)]
    short = [row for row in found if recipe.taught_short(row.student)]
    assert {recipe.size_of(row.student) for row in long} == {"14b", "27b", "32b"}
    assert len(short) == 12
    assert all(row.others[1] > row.base and row.gain[1] > 0 for row in long)
    assert not any(row.others[2] > row.base or row.gain[2] > 0 for row in short)
    assert np.mean([row.rank[0] == 1 for row in long]) > 0.5
    assert all(row.rank[0] > 50 for row in short)
    assert recipe.table(found).count("\n") == len(found) + 1
