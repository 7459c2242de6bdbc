"""An index that grew run by run holds what one made from nothing holds, derived tables included."""

import shutil
from pathlib import Path

from runfolders import write_run

from harness import store
from harness.analysis import differences, refresh


def rows(results: Path, table: str) -> int:
    return int(store.query(results, f"SELECT count(*) AS n FROM {table}")["n"][0])


def test_step_by_step_is_the_same_as_from_nothing(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", models=("alpha", "beta"), docs=30)
    refresh(tmp_path)
    assert (rows(tmp_path, "comparisons"), rows(tmp_path, "shared_errors")) == (1, 1)
    write_run(tmp_path, "eval-b", models=("gamma", "delta"), docs=30)
    refresh(tmp_path)
    assert (rows(tmp_path, "comparisons"), rows(tmp_path, "shared_errors")) == (6, 6)
    assert differences(tmp_path) == []
    # A newer run with more documents speaks for beta now; what was said of beta and the others is said anew.
    write_run(tmp_path, "eval-c", models=("beta",), docs=40, values={"beta": 1.0})
    refresh(tmp_path)
    assert set(store.query(tmp_path, "SELECT run_b FROM comparisons WHERE model_b = 'beta'")["run_b"]) == {"eval-c"}
    assert differences(tmp_path) == []
    shutil.rmtree(tmp_path / "runs" / "eval-c")
    shutil.rmtree(tmp_path / "runs" / "eval-b")
    refresh(tmp_path)
    assert rows(tmp_path, "comparisons") == 1
    assert differences(tmp_path) == []


def test_other_tasks_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, "eval-a", models=("alpha", "beta"), docs=30)
    refresh(tmp_path)
    seen = []

    def derive(query: store.Query, changed: store.Changed) -> dict:
        seen.append(list(changed))
        return {}

    write_run(tmp_path, "eval-b", models=("gamma",), docs=5, tasks=("provenance_open",))
    store.refresh(tmp_path, derive)
    assert seen == [[("gamma", "provenance_open")]]
    assert rows(tmp_path, "comparisons") == 1
