"""From the scores of samples to the metrics of a run: a value, an interval, and what is not in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness import stats
from harness.lmeval import LM_EVAL, UNAGGREGATED, LoadedTask, Sample, aggregation
from harness.records import SampleStatus, Score

Key = tuple[str, str, str]
"""Metric, filter, scorer."""


def of_task(
    model: str,
    loaded: LoadedTask,
    samples: Sequence[Sample],
    states: Sequence[SampleStatus],
    scores: Sequence[Mapping[Key, Score]],
) -> list[dict[str, Any]]:
    """Every metric of one model on one task, the headline marked, in a stable order.

    `n` counts documents with at least one scored sample; the `n_…` counts are of samples. A failed or
    refused sample is unscored, never wrong.
    """
    keys = sorted({key for row in scores for key in row})
    headline = _headline(loaded, keys)
    counts = {f"n_{state}": sum(found == state for found in states) for state in ("failed", "truncated", "refused")}
    rows = []
    for key in keys:
        metric, filter_name, scorer = key
        held = [(sample.doc_id, row[key]) for sample, row in zip(samples, scores, strict=True) if key in row]
        function = aggregation(loaded, metric) if scorer == LM_EVAL else None
        estimate = _corpus(held, function) if function else _mean(held)
        rows.append(
            {
                "model": model,
                "task": loaded.name,
                "metric": metric,
                "filter": filter_name,
                "scorer": scorer,
                "value": estimate.value if estimate else None,
                "ci_low": estimate.low if estimate else None,
                "ci_high": estimate.high if estimate else None,
                "ci_method": estimate.method if estimate else "none",
                "n": estimate.n if estimate else 0,
                "n_unscored": sum(score.value is None and score.status != UNAGGREGATED for _, score in held),
                **counts,
                "is_headline": key == headline,
            }
        )
    return rows


def _headline(loaded: LoadedTask, keys: Sequence[Key]) -> Key | None:
    """The metric of the leaderboard's column: the task's own scorer before lm-eval's filters."""
    candidates = [key for key in keys if key[0] == loaded.headline]
    return min(candidates, key=lambda key: (key[2] == LM_EVAL, key)) if candidates else None


def _by_doc(held: Iterable[tuple[int, Any]]) -> list[list[Any]]:
    docs: dict[int, list[Any]] = {}
    for doc_id, value in held:
        docs.setdefault(doc_id, []).append(value)
    return [docs[doc_id] for doc_id in sorted(docs)]


def _mean(held: Sequence[tuple[int, Score]]) -> stats.Estimate | None:
    docs = _by_doc((doc_id, score.value) for doc_id, score in held if score.value is not None)
    if not docs:
        return None
    return stats.estimate(docs, binary=all(value in (0.0, 1.0) for doc in docs for value in doc))


def _corpus(held: Sequence[tuple[int, Score]], function: Callable[[Iterable[Any]], float]) -> stats.Estimate | None:
    """A metric that is no mean (F1, perplexity, BLEU): lm-eval's own function over all parts."""
    docs = _by_doc(
        (doc_id, score.detail["part"] if score.status == UNAGGREGATED else score.value)
        for doc_id, score in held
        if score.status == UNAGGREGATED or score.value is not None
    )
    if not docs:
        return None

    def statistic(chosen: Sequence[Sequence[Any]]) -> float:
        return float(function([part for doc in chosen for part in doc]))

    return stats.bootstrap(docs, statistic)
