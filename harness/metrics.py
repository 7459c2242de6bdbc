"""From the scores of samples to the metrics of a run: a value, an interval, and what is not in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal

from harness import paired, stats
from harness.lmeval import LM_EVAL, UNAGGREGATED, LoadedTask, Sample, aggregation
from harness.records import SampleStatus, Score

Key = tuple[str, str, str]
"""Metric, filter, scorer."""
Held = tuple[Sample, SampleStatus, Score]
"""A sample, its state, its score under one key."""
PASS_KS = (2, 4, 5, 8, 10, 16, 32, 64, 100)
"""The k of pass@k and pass^k, as far as there are repeats: powers of two, and those of Chen et al. (2021)."""
DROP = "drop"
"""Metric: the headline's mean on a task's `contrast.from` less that on its `contrast.to`, paired by cluster."""


def of_task(
    model: str,
    loaded: LoadedTask,
    samples: Sequence[Sample],
    states: Sequence[SampleStatus],
    scores: Sequence[Mapping[Key, Score]],
) -> list[dict[str, Any]]:
    """Every metric of one model on one task, the headline marked, in a stable order.

    `n` counts documents with at least one scored sample; the `n_…` counts are of samples. A failed or
    refused sample is unscored, never wrong. Under the headline stand its parts by the task's `breakdown`, pass@k and
    pass^k where there are repeats, and the `drop` of the task's `contrast`.
    """
    keys = sorted({key for row in scores for key in row})
    headline = _headline(loaded, keys)
    rows = []
    for key in keys:
        held = [(s, state, row[key]) for s, state, row in zip(samples, states, scores, strict=True) if key in row]
        function = aggregation(loaded, key[0]) if key[2] == LM_EVAL else None
        estimate = _corpus(loaded, held, function) if function else _mean(loaded, held)
        # A score is missing for pooled repeats, not a sample: these counts are of all samples.
        counted = [(sample, state) for sample, state in zip(samples, states, strict=True)]
        rows.append(_row(model, loaded, key, held, counted, estimate) | {"is_headline": key == headline})
        if key == headline and not function:
            rows += _parts(model, loaded, key, held) + _passes(model, loaded, key, held)
            if loaded.contrast:
                rows.append(_drop(model, loaded, key, held, loaded.contrast))
    return rows


def _row(
    model: str,
    loaded: LoadedTask,
    key: Key,
    held: Sequence[Held],
    counted: Iterable[tuple[Sample, SampleStatus]],
    estimate: stats.Estimate | None,
) -> dict[str, Any]:
    found = estimate or stats.Estimate(None, None, None, 0, "none")
    unscored = sum(score.value is None and score.status != UNAGGREGATED for _, _, score in held)
    states = [state for _, state in counted]
    return {
        "model": model,
        "task": loaded.name,
        "metric": key[0],
        "filter": key[1],
        "scorer": key[2],
        "value": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
        "ci_method": found.method,
        "n": found.n,
        "n_unscored": unscored,
        "coverage": 1 - unscored / len(held),
        **{f"n_{state}": states.count(state) for state in _NOTED},
        "sandbox": ", ".join(sorted({score.detail["tier"] for *_, score in held if score.detail.get("tier")})) or None,
        "is_headline": False,
    }


_NOTED: tuple[Literal["failed"], Literal["truncated"], Literal["refused"]] = ("failed", "truncated", "refused")


def _headline(loaded: LoadedTask, keys: Sequence[Key]) -> Key | None:
    """The metric of the leaderboard's column: the task's own scorer before lm-eval's filters."""
    candidates = [key for key in keys if key[0] == loaded.headline]
    return min(candidates, key=lambda key: (key[2] == LM_EVAL, key)) if candidates else None


def _source(loaded: LoadedTask, sample: Sample) -> Hashable:
    """What a sample's document was made from: itself, where the task names no cluster or the document has none."""
    found = sample.doc.get(loaded.cluster) if loaded.cluster else None
    return ("document", sample.doc_id) if found is None else str(found)


def _values(loaded: LoadedTask, held: Iterable[Held]) -> tuple[list[list[float]], list[Hashable]]:
    """Scored values by document, in order, and the source of each document."""
    docs: dict[int, list[float]] = {}
    sources: dict[int, Hashable] = {}
    for sample, _, score in held:
        if score.value is not None:
            docs.setdefault(sample.doc_id, []).append(score.value)
            sources[sample.doc_id] = _source(loaded, sample)
    order = sorted(docs)
    return [docs[doc_id] for doc_id in order], [sources[doc_id] for doc_id in order]


def _binary(docs: Iterable[Iterable[float]]) -> bool:
    return all(value in (0.0, 1.0) for doc in docs for value in doc)


def _mean(loaded: LoadedTask, held: Sequence[Held]) -> stats.Estimate | None:
    docs, sources = _values(loaded, held)
    return stats.estimate(docs, binary=_binary(docs), sources=sources) if docs else None


def _corpus(
    loaded: LoadedTask, held: Sequence[Held], function: Callable[[Iterable[Any]], float]
) -> stats.Estimate | None:
    """A metric that is no mean (F1, perplexity, BLEU): lm-eval's own function over all parts, by source."""
    units: dict[Hashable, list[Any]] = {}
    docs = set()
    for sample, _, score in sorted(held, key=lambda item: item[0].doc_id):
        if score.status == UNAGGREGATED or score.value is not None:
            part = score.detail["part"] if score.status == UNAGGREGATED else score.value
            units.setdefault(_source(loaded, sample), []).append(part)
            docs.add(sample.doc_id)
    if not units:
        return None

    def statistic(chosen: Sequence[Sequence[Any]]) -> float:
        return float(function([part for unit in chosen for part in unit]))

    return dataclasses.replace(stats.bootstrap(list(units.values()), statistic), n=len(docs))


def _parts(model: str, loaded: LoadedTask, key: Key, held: Sequence[Held]) -> list[dict[str, Any]]:
    """The headline by the values of every field that the task breaks it down by: `accuracy[level=3]`."""
    rows = []
    for field in loaded.breakdown:
        for value in sorted({str(sample.doc.get(field)) for sample, _, _ in held}):
            part = [item for item in held if str(item[0].doc.get(field)) == value]
            named = (f"{key[0]}[{field}={value}]", key[1], key[2])
            rows.append(_row(model, loaded, named, part, [(s, state) for s, state, _ in part], _mean(loaded, part)))
    return rows


def _passes(model: str, loaded: LoadedTask, key: Key, held: Sequence[Held]) -> list[dict[str, Any]]:
    """pass@k (at least one of k is right) and pass^k (all of k are) over problems with k scored repeats or more."""
    docs, sources = _values(loaded, held)
    if not _binary(docs):
        return []
    counted = [(sample, state) for sample, state, _ in held]
    return [
        _row(
            model,
            loaded,
            (f"{name}{k}", key[1], key[2]),
            held,
            counted,
            stats.pass_estimate(docs, k, sources=sources, one=one),
        )
        for k in PASS_KS
        if k <= max(map(len, docs), default=0)
        for name, one in (("pass@", stats.pass_at_k), ("pass^", stats.pass_hat_k))
    ]


def _drop(
    model: str, loaded: LoadedTask, key: Key, held: Sequence[Held], contrast: Mapping[str, str]
) -> dict[str, Any]:
    """How much lower the mean is on documents of one value of a field than on those of another, paired by source."""
    sides: tuple[dict[Hashable, list[float]], dict[Hashable, list[float]]] = ({}, {})
    for sample, _, score in held:
        for side, value in zip(sides, (contrast["from"], contrast["to"]), strict=True):
            if score.value is not None and str(sample.doc.get(contrast["field"])) == value:
                side.setdefault(_source(loaded, sample), []).append(score.value)
    found = paired.compare(*sides, binary=all(_binary(side.values()) for side in sides))
    row = _row(model, loaded, (DROP, key[1], key[2]), held, [(s, state) for s, state, _ in held], None)
    return row | {
        "value": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "ci_method": found.method,
        "n": found.n,
    }
