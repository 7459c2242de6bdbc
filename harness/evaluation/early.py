"""What can be known of a run before lm-eval is imported, so that a mistake is told within a second."""

from __future__ import annotations

from pathlib import Path

from harness import backends, runs
from harness.core import resources
from harness.engine import taskfiles
from harness.errors import BackendError
from harness.specs import EvalSpec, ModelSpec


def check_early(spec: EvalSpec) -> None:
    """Find out whether its names are known, its files and keys there, and its results can be written.

    Raises:
        HarnessError: what would stop the run later.
    """
    if spec.replay is not None:
        return
    files = taskfiles.find(resources.task_dirs())
    for task in spec.tasks:
        taskfiles.check(task, files)
    for model in spec.models:
        if model.weights:
            from harness.core import weights

            weights.named(model.weights)
    if spec.dry_run:
        return
    results = Path(spec.results_dir)
    runs.check_writable(results)
    for model in spec.models:
        backend = backends.load(model.backend)
        backend.check(model)
        try:
            backend.ready(model)
        except BackendError:
            if not _asked_before(model, results):
                raise  # else every answer may be here already, and nothing is sent


def _asked_before(model: ModelSpec, results: Path) -> bool:
    """Whether a run here holds answers of a model of that name."""
    found = ((run / runs.MANIFEST).read_text(encoding="utf-8", errors="replace") for run in runs.list_runs(results))
    return any(f'"{model.name}"' in text for text in found)
