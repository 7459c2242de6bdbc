"""The detector's own benchmark: documented relations in, the figures a reader needs to trust it (or not) out.

Nothing is fitted on the students that are tested: they enter as suspects only, and every null consists of models
that cannot have learnt from the candidate. The one thing fitted on students, the likelihood ratio, is judged on
lineages left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from harness.core import one_thread
from harness.errors import ConfigError
from harness.provenance.answers import fingerprint
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence
from harness.provenance.comparison.evidence import EVIDENCE, VERSION
from harness.provenance.comparison.registry import Labels, Registry
from harness.provenance.panels.panel import Panel
from harness.provenance.validation import lab_figures, pair_figures
from harness.provenance.validation.figures import Corpus, Figure, Row, Scored
from harness.provenance.validation.protocol import PromptSet, prompt_sets

CHANNELS = tuple(dict.fromkeys((*EVIDENCE, *VERSION)))
"""What the figures are made of. The other channels take half of the time, and none is about them."""
CURVE = (25, 50, 100, 200)
"""Prompts of the power curve. The corpus's own number is always its last point."""


@one_thread()
def validate(
    outputs: pl.DataFrame,
    students: pl.DataFrame,
    controls: pl.DataFrame,
    models: pl.DataFrame,
    registry: Registry,
    *,
    draws: int = 1000,
    curve: Sequence[int] = CURVE,
    stability: bool = True,
    seed: int = 0,
) -> Row:
    """Benchmark the detector on every corpus of an answers file.

    Args:
        outputs: as for `protocol.prompt_sets`.
        students: as for `protocol.prompt_sets`.
        controls: as for `protocol.prompt_sets`.
        models: as for `protocol.prompt_sets`.
        registry: as for `protocol.prompt_sets`.
        draws: bootstrap draws behind each interval.
        curve: prompt counts of the power curve. Empty skips it.
        stability: whether to leave out every candidate once.
        seed: of the bootstrap and the prompt draws.

    Returns:
        JSON-able: `schema`, `fingerprint`, `channels`, `corpora` (models, prompts, answers left out, duplicates
        removed, facts filled from the registry) and `figures`.

    Raises:
        ConfigError: a column is missing, or no corpus can be compared.
    """
    figures: list[Figure] = []
    corpora = []
    for part in prompt_sets(outputs, students, controls, models, registry):
        if len(part.models) < cal.LEAST_NULL:
            corpora.append(too_few(part))
            continue
        prints = fingerprint.fingerprint(part.texts, part.column, CHANNELS)
        facts = part.labels.facts(prints.models, registry)
        analysis = evidence.analyse(prints, facts, part.labels.candidates(prints.models, facts))
        corpus = Corpus.of(part.label, part.labels, analysis, np.random.default_rng(seed), draws)
        corpora.append(part.about(facts, corpus.candidates) | {"answers": prints.dropped})
        figures += [f for f in _figures(corpus, curve, stability=stability) if f.n or f.detail]
    if not corpora:
        raise ConfigError("outputs: no corpus in the file")
    return {
        "schema": 2,
        "fingerprint": fingerprint.VERSION,
        "channels": list(EVIDENCE),
        "corpora": corpora,
        "figures": [as_row(f) for f in figures],
    }


def too_few(part: PromptSet) -> Row:
    """What a report says of a set with fewer models than a null takes."""
    return {
        "corpus": part.label,
        "models": len(part.models),
        "left_out": len(part.left_out),
        "duplicates": part.duplicates,
        "note": "not enough models",
    }


def _figures(corpus: Corpus, curve: Sequence[int], *, stability: bool) -> Iterator[Figure]:
    """The figures of one corpus. The power curve last, and only if it is asked for."""
    yield from lab_figures.controls_accused(corpus)
    yield lab_figures.unrelated_named(corpus)
    yield pair_figures.none_rate(corpus)
    yield from pair_figures.null_uniform(corpus)
    yield from lab_figures.tail(corpus)
    yield lab_figures.untestable(corpus)
    yield lab_figures.weaker_named(corpus)
    for other in (False, True):
        yield from ranking(corpus, other=other)
        yield from lab_figures.labs_named(corpus, other=other)
    yield from pair_figures.popularity(corpus)
    yield lab_figures.coverage(corpus)
    yield from lab_figures.detection(corpus)
    yield from pair_figures.pair_detection(corpus)
    yield pair_figures.ratio_cost(corpus)
    yield pair_figures.version_first(
        corpus, "same model restyled or aliased found first (family)", ("same_model",), "≥ 0.95"
    )
    yield pair_figures.version_first(
        corpus, "same base, on-policy tuned: base family first", ("same_base",), "1.0, reported as base"
    )
    yield pair_figures.version_first(corpus, "same weights continued: family first", ("same_weights",), "–")
    if stability:
        yield lab_figures.stability(corpus)
    if curve:
        yield from lab_figures.power_curve(corpus, curve)


def ranking(corpus: Scored, *, other: bool) -> Iterator[Figure]:
    """How well the scores of pairs rank: the figures that every detector has.

    Args:
        corpus: the corpus.
        other: whether to look at students of other labs than the commonest alone.
    """
    yield pair_figures.pairs(corpus, siblings=True, other=other)
    yield pair_figures.pairs(corpus, siblings=False, other=other)
    yield pair_figures.within_suspect(corpus, other=other)
    yield pair_figures.against_null(corpus, other=other)
    yield pair_figures.teacher_first(corpus, other=other)


@one_thread()
def asked_figures(made: Panel, labels: Labels, asked: Sequence[int], *, both: bool, seed: int = 0) -> dict[str, float]:
    """What is left of the main figures if suspects are asked some of a panel's prompts.

    Args:
        made: the panel.
        labels: documented relations among its models.
        asked: indices of the prompts.
        both: whether candidates are read from the same prompts too, instead of from all.
        seed: of the bootstrap, whose intervals are not given.

    Returns:
        By name of the figure. A figure that cannot be computed is missing.
    """
    some = len(asked) < len(made.prints.prompts)
    prints = (
        made.prints.subset(asked) if both else dataclasses.replace(made.prints, asked=tuple(asked) if some else None)
    )
    facts = [made.facts[model] for model in prints.models]
    columns = [i for i, model in enumerate(prints.models) if model in made.candidates]
    corpus = Corpus.of("", labels, evidence.analyse(prints, facts, columns), np.random.default_rng(seed), 2)
    first = pair_figures.teacher_first(corpus)
    shares = list(lab_figures.labs_named(corpus))
    found = {
        "AUROC of pairs": pair_figures.pairs(corpus, siblings=True).value,
        "against other labs": pair_figures.pairs(corpus, siblings=False).value,
        "exact teacher first": first.value,
        "teacher's lab first": first.detail.get("teacher_lab_first"),
        "within suspect": pair_figures.within_suspect(corpus).value,
        "named with their teacher's lab": shares[0].value,
        "named students whose first lab is wrong": shares[1].value,
        "none where none can be": pair_figures.none_rate(corpus).value,
        **{f.name: f.value for f in lab_figures.controls_accused(corpus)},
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def as_row(figure: Figure) -> Row:
    """A figure as JSON has it."""
    return {
        "name": figure.name,
        "corpus": figure.corpus,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "reach": figure.reach,
        "note": figure.note,
        "detail": figure.detail,
    }


def table(report: Row) -> str:
    """The report as plain text: one line per figure, and one for what it is of."""

    def show(x: float | None) -> str:
        return "–" if x is None else f"{x:.0f}" if x >= 2 else f"{x:.3f}"  # noqa: PLR2004

    lines = []
    for corpus in report["corpora"]:
        lines.append(
            f"{corpus['corpus']}: {corpus['models']} models, {corpus.get('prompts', 0)} prompts, "
            f"{corpus.get('candidates', 0)} candidates, {corpus['left_out']} models left out, "
            f"{len(corpus['duplicates'])} removed as duplicates",
        )
        lines += [f"  removed: {one}, whose answers are {other}'s" for one, other in corpus["duplicates"].items()]
        lines += [f"  {corpus['note']}"] if corpus.get("note") else []
        rows = [f for f in report["figures"] if f["corpus"] == corpus["corpus"]]
        lines += (
            [] if rows or corpus.get("note") else ["  no student or control of it is documented: nothing to measure"]
        )
        width = max((len(f["name"]) for f in rows), default=0)
        for f in rows:
            interval = "" if f["high"] is None else f"[{show(f['low'])}, {show(f['high'])}]"
            aim = f"  aim {f['reach']}" if f["reach"] else ""
            strict = f["detail"].get("at_0.01")
            at = "" if strict is None else f"  at 1%: {show(strict)}"
            lines.append(f"  {f['name']:<{width}}  {show(f['value']):>6} {interval:<16} n={f['n']}{aim}{at}")
            if f["note"]:
                lines.append(f"      {f['note']}")
        lines.append("")
    return "\n".join(lines)
