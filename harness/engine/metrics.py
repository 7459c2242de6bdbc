"""The scores of samples become the metrics of a run: a value, an interval, and a count of what is left out."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
from array import array
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness import stats
from harness.engine.lmeval import LoadedTask, aggregation
from harness.engine.requests import Sample
from harness.engine.scoring import LM_EVAL, UNAGGREGATED, Key
from harness.records import SampleStatus, Score
from harness.runs import Metric
from harness.stats import pairs

PASS_KS = (2, 4, 5, 8, 10, 16, 32, 64, 100)
"""The k of pass@k and pass^k, if there are so many repeats: powers of two, and those of Chen et al. (2021)."""
FORGEABLE = "forgeable"
"""Added to the tier in `sandbox` of a metric if tests ran in the same process as the answers."""
DROP = "drop"
"""Metric: the headline's mean on a task's `contrast.from` minus its mean on `contrast.to`, paired by cluster."""


class _Sample(NamedTuple):
    """What metrics need of a sample, without its text."""

    doc_id: int
    source: Hashable
    """What the document was made from: the document itself if the task names no cluster, or the document has none."""
    fields: Mapping[str, str]
    """Values of the fields that the task's breakdown and contrast read."""
    state: SampleStatus


class _Result(NamedTuple):
    """What metrics need of a score."""

    value: float | None
    unaggregated: bool
    tier: str | None
    part: Any = None


def _tier(score: Score) -> str | None:
    """How the program was contained, and whether it could still have forged its verdict."""
    tier: str | None = score.detail.get("tier")
    return f"{tier} ({FORGEABLE})" if tier not in {None, "unsafe"} and score.detail.get("forgeable") else tier


Held = tuple[_Sample, _Result]
"""One sample, with its score under one key."""
_NO_FIELDS: Mapping[str, str] = {}
_COMMON: dict[tuple[float, ...], tuple[float, ...]] = {(0.0,): (0.0,), (1.0,): (1.0,)}
"""One object for each of the scores that most documents share."""


class _Column(Collection[Held]):
    """The scores under one key. They take two numbers a sample, so many samples fit in memory."""

    def __init__(self, sample: Callable[[int], _Sample], results: Sequence[_Result]) -> None:
        self._sample, self._results = sample, results
        self.places, self.numbers = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, item: object) -> bool:
        return any(item == one for one in self)

    def __iter__(self) -> Iterator[Held]:
        for place, number in zip(self.places, self.numbers, strict=True):
            yield self._sample(place), self._results[number]


class Tally:
    """Takes the scored samples of one model on one task, in the order of documents, and makes metrics of them.

    `n` counts documents with at least one scored sample. The `n_…` counts are of samples. A failed or
    refused sample is unscored, never wrong. After the headline come its parts by the task's `breakdown`, pass@k and
    pass^k if there are repeats, and the `drop` of the task's `contrast`.
    """

    def __init__(self, model: str, loaded: LoadedTask) -> None:
        self._model, self._loaded = model, loaded
        self._read = {*loaded.breakdown, *([loaded.contrast["field"]] if loaded.contrast else [])}
        self._docs = array("q")
        self._sources: list[str | None] = []
        self._fields: list[Mapping[str, str]] = []
        self._states: list[SampleStatus] = []
        self._held: dict[Key, _Column] = {}
        self._results: list[_Result] = []
        self._known: dict[_Result, int] = {}

    def add(self, sample: Sample, state: SampleStatus, scores: Mapping[Key, Score]) -> None:
        """Count one sample."""
        place = len(self._docs)
        self._docs.append(sample.doc_id)
        self._states.append(state)
        if self._loaded.cluster:
            found = sample.doc.get(self._loaded.cluster)
            self._sources.append(None if found is None else str(found))
        if self._read:
            self._fields.append({name: str(sample.doc.get(name)) for name in self._read})
        for key, score in scores.items():
            part = score.detail.get("part") if score.status == UNAGGREGATED else None
            result = _Result(score.value, score.status == UNAGGREGATED, _tier(score), part)
            number = self._known.setdefault(result, len(self._results)) if part is None else len(self._results)
            if number == len(self._results):
                self._results.append(result)
            column = self._held.setdefault(key, _Column(self.sample, self._results))
            column.places.append(place)
            column.numbers.append(number)

    def sample(self, place: int) -> _Sample:
        """One of the samples that were added."""
        source = self._sources[place] if self._sources else None
        fields = self._fields[place] if self._fields else _NO_FIELDS
        doc_id = self._docs[place]
        return _Sample(doc_id, doc_id if source is None else source, fields, self._states[place])

    def rows(self) -> list[Metric]:
        """Every metric, the headline marked, in a stable order."""
        model, loaded = self._model, self._loaded
        keys = sorted(self._held)
        headline = _headline(loaded, keys)
        rows = []
        for key in keys:
            held = self._held[key]
            function = aggregation(loaded, key[0]) if key[2] == LM_EVAL else None
            estimate = _corpus(held, function) if function else _mean(held)
            # With pooled repeats a score can be missing where a sample is not, so these counts are of all samples.
            rows.append(_row(model, loaded, key, held, self._states, estimate, headline=key == headline))
            if key == headline and not function:
                rows += _parts(model, loaded, key, held) + _passes(model, loaded, key, held)
                if loaded.contrast:
                    rows.append(_drop(model, loaded, key, held, loaded.contrast))
        return rows


def _row(
    model: str,
    loaded: LoadedTask,
    key: Key,
    held: Collection[Held],
    states: Sequence[SampleStatus],
    estimate: stats.Estimate | None,
    *,
    headline: bool = False,
) -> Metric:
    found = estimate or stats.Estimate(None, None, None, 0, "none")
    unscored = sum(result.value is None and not result.unaggregated for _, result in held)
    tiers = ", ".join(sorted({result.tier for _, result in held if result.tier})) or None
    return Metric.of(
        key,
        found,
        states,
        unscored=unscored,
        held=len(held),
        model=model,
        task=loaded.name,
        headline=headline,
        sandbox=tiers,
    )


def _headline(loaded: LoadedTask, keys: Sequence[Key]) -> Key | None:
    """The metric in the leaderboard's column. The task's own scorer goes before lm-eval's filters."""
    candidates = [key for key in keys if key[0] == loaded.headline]
    return min(candidates, key=lambda key: (key[2] == LM_EVAL, key)) if candidates else None


def _values(held: Iterable[Held]) -> tuple[list[tuple[float, ...]], list[Hashable] | None]:
    """Scored values by document, in order, and the source of each document. `None`: each is its own source."""
    docs: list[tuple[float, ...]] = []
    sources: list[Hashable] = []
    scored = ((sample, result.value) for sample, result in held if result.value is not None)
    for _, group in itertools.groupby(scored, key=lambda item: item[0].doc_id):
        members = list(group)
        values = tuple(value for _, value in members)
        docs.append(_COMMON.get(values, values))
        sources.append(members[0][0].source)
    own = all(isinstance(source, int) for source in sources)
    return docs, None if own else sources


def _states(held: Iterable[Held]) -> list[SampleStatus]:
    return [sample.state for sample, _ in held]


def _binary(docs: Iterable[Iterable[float]]) -> bool:
    return all(value in (0.0, 1.0) for doc in docs for value in doc)


def _mean(held: Collection[Held]) -> stats.Estimate | None:
    docs, sources = _values(held)
    return stats.estimate(docs, binary=_binary(docs), sources=sources) if docs else None


def _corpus(held: Collection[Held], function: Callable[[Iterable[Any]], float]) -> stats.Estimate | None:
    """A metric that is not a mean (F1, perplexity, BLEU): lm-eval's own function over all parts, by source."""
    units: dict[Hashable, list[Any]] = {}
    docs = set()
    for sample, result in held:
        if result.unaggregated or result.value is not None:
            units.setdefault(sample.source, []).append(result.part if result.unaggregated else result.value)
            docs.add(sample.doc_id)
    if not units:
        return None

    def statistic(chosen: Sequence[Sequence[Any]]) -> float:
        try:
            return float(function([part for unit in chosen for part in unit]))
        except OverflowError:  # the perplexity of impossible texts
            return math.inf

    labels = all(_labels(part) for unit in units.values() for part in unit)
    measure = _by_counts(statistic) if labels else statistic
    return dataclasses.replace(stats.bootstrap(list(units.values()), measure), n=len(docs))


def _labels(part: Any) -> bool:
    """True if a metric's part is only labels, such as F1's gold and predicted class. Sums over labels are exact."""
    return isinstance(part, list | tuple) and all(isinstance(label, int | str) for label in part)


def _by_counts(statistic: Callable[[Sequence[Sequence[Any]]], float]) -> Callable[[Sequence[Sequence[Any]]], float]:
    """A statistic that is computed once for all draws that have the same parts in any order.

    scikit-learn's F1 takes 2 ms. With two classes and some tens of documents, most of 2,000 draws were seen before.
    """
    known: dict[Any, float] = {}

    def remembered(chosen: Sequence[Sequence[Any]]) -> float:
        counts = frozenset(collections.Counter(tuple(part) for unit in chosen for part in unit).items())
        if counts not in known:
            known[counts] = statistic(chosen)
        return known[counts]

    return remembered


def _parts(model: str, loaded: LoadedTask, key: Key, held: Collection[Held]) -> list[Metric]:
    """The headline for each value of every field that the task breaks it down by: `accuracy[level=3]`."""
    rows = []
    for field in loaded.breakdown:
        for value in sorted({sample.fields[field] for sample, _ in held}):
            part = [item for item in held if item[0].fields[field] == value]
            named = (f"{key[0]}[{field}={value}]", key[1], key[2])
            rows.append(_row(model, loaded, named, part, _states(part), _mean(part)))
    return rows


def _passes(model: str, loaded: LoadedTask, key: Key, held: Collection[Held]) -> list[Metric]:
    """pass@k (at least one of k is right) and pass^k (all k are), over problems with at least k scored repeats."""
    docs, sources = _values(held)
    if not _binary(docs):
        return []
    states = _states(held)
    return [
        _row(
            model,
            loaded,
            (f"{name}{k}", key[1], key[2]),
            held,
            states,
            stats.pass_estimate(docs, k, sources=sources, one=one),
        )
        for k in PASS_KS
        if k <= max(map(len, docs), default=0)
        for name, one in (("pass@", stats.pass_at_k), ("pass^", stats.pass_hat_k))
    ]


def _drop(model: str, loaded: LoadedTask, key: Key, held: Collection[Held], contrast: Mapping[str, str]) -> Metric:
    """How far the mean drops from documents with one value of a field to those with another, paired by source."""
    sides: tuple[dict[Hashable, list[float]], dict[Hashable, list[float]]] = ({}, {})
    for sample, result in held:
        for side, value in zip(sides, (contrast["from"], contrast["to"]), strict=True):
            if result.value is not None and sample.fields[contrast["field"]] == value:
                side.setdefault(sample.source, []).append(result.value)
    found = pairs.compare(*sides, binary=all(_binary(side.values()) for side in sides))
    row = _row(model, loaded, (DROP, key[1], key[2]), held, _states(held), None)
    return dataclasses.replace(
        row, value=found.difference, ci_low=found.low, ci_high=found.high, ci_method=found.method, n=found.n
    )
