"""What a model's page on the Hugging Face hub shows: `model-index` metadata, and files of `.eval_results/`.

    MODEL/README.md                       the metadata of a model card, to merge into the model's own
    MODEL/.eval_results/TASK.yaml         for tasks whose hub data set is named (`--hub TASK=owner/name:task_id`)

Both are written by huggingface_hub's own functions (https://huggingface.co/docs/hub/eval-results). Only headline
metrics with a value are written. Intervals, and what is incomplete, stand in the name, because the formats have no
field for them. The card says in words too what is incomplete.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.archive.exports._run import Coverage, Finished, Options, file_name
from harness.core import markdown_text
from harness.runs import Metric, TaskEntry

TASK_TYPE = "text-generation"


def files(run: Finished, options: Options) -> Iterator[tuple[str, bytes]]:
    """A folder per model with at least one score."""
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    from huggingface_hub.repocard_data import EvalResult, eval_results_to_model_index

    found: dict[str, list[EvalResult]] = {}
    missing: dict[str, list[str]] = {}
    for model, task, _ in run.parts():
        for metric in run.metrics(model.name, task.name):
            if metric.value is None or not metric.is_headline:
                continue
            hub, _, part = options.hub.get(task.name, "").partition(":")
            covered = run.covered[model.name, task.name]
            words = _words(metric, covered)
            found.setdefault(model.name, []).append(_result(EvalResult, task, metric, hub, words))
            if covered.warning:
                said = markdown_text(f"{task.name}: {covered.warning}")
                missing.setdefault(model.name, []).append(f"- {said}\n")
            if hub:
                entry = EvalResultEntry(
                    dataset_id=hub,
                    task_id=part or "default",
                    value=metric.value,
                    date=run.manifest.finished_at,
                    notes=f"harness {run.manifest.harness_version}, {words}",
                )
                text = yaml.safe_dump(eval_result_entries_to_yaml([entry]), allow_unicode=True, sort_keys=False)
                yield f"{file_name(model.name)}/.eval_results/{file_name(task.name)}.yaml", text.encode()
    for name, results in found.items():
        card: dict[str, Any] = {"model-index": eval_results_to_model_index(name, results)}
        text = yaml.safe_dump(card, allow_unicode=True, sort_keys=False)
        body = "".join(["\n## Incomplete results\n\n", *missing[name]]) if name in missing else ""
        yield f"{file_name(name)}/README.md", f"---\n{text}---\n{body}".encode()


def _result(make: Any, task: TaskEntry, metric: Metric, hub: str, words: str) -> Any:
    return make(
        task_type=TASK_TYPE,
        dataset_type=hub or task.name,
        dataset_name=task.name,
        metric_type=metric.metric,
        metric_value=metric.value,
        metric_name=f"{metric.metric}, {words}",
    )


def _words(metric: Metric, covered: Coverage) -> str:
    n = f"n={metric.n}" + (f", {covered.warning}" if covered.warning else "")
    if metric.ci_low is None or metric.ci_high is None:
        return n
    return f"95 % interval {metric.ci_low:.3f} to {metric.ci_high:.3f} ({metric.ci_method}), {n}"
