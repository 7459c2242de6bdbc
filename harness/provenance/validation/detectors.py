"""Another detector under the protocol of `validate`: its score of every pair in, the same figures out.

A detector is a table: one row for each model with each candidate. Its score is higher the likelier the candidate taught
the model. If it has a threshold, a false discovery rate stands beside it, or a yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from harness.core import one_thread
from harness.errors import ConfigError, unknown_name
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison.calibration import Bool, Matrix, ModelFacts
from harness.provenance.comparison.evidence import ALPHA
from harness.provenance.comparison.registry import Registry
from harness.provenance.validation import lab_figures, pair_figures
from harness.provenance.validation.figures import Figure, Row, Scored
from harness.provenance.validation.protocol import PromptSet, prompt_sets
from harness.provenance.validation.validate import as_row, ranking, too_few

COLUMNS = ("suspect", "candidate", "score")
"""What a table of scores must hold."""
OPTIONAL = ("corpus", "q", "flag")
"""What it may hold: the prompt set, a false discovery rate (flagged at .05), or whether the pair is flagged."""
SAYS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""What a flag may be."""
GREATEST = 1e100
"""Scores beyond it cannot be averaged."""
SHOWN = 3
"""Rows or pairs that a message names."""


@dataclass(frozen=True)
class ScoreTable:
    """A detector's table, read for one prompt set.

    Attributes:
        z: models x candidates, its scores. A model with itself is NaN.
        flagged: whether each pair is flagged. `None` if the detector has no threshold.
        unread: rows about models that are not compared, or with somebody who is no candidate.
    """

    z: Matrix
    flagged: Bool | None
    unread: int


@one_thread()
def judge(
    scores: pl.DataFrame,
    outputs: pl.DataFrame,
    students: pl.DataFrame,
    controls: pl.DataFrame,
    models: pl.DataFrame,
    registry: Registry,
    *,
    against: Mapping[str, pl.DataFrame] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Row:
    """Benchmark another detector by its scores.

    Args:
        scores: its table (`COLUMNS`, `OPTIONAL`).
        outputs: the answers it has seen: as `protocol.prompt_sets` takes them. Traces are not asked about.
        students: as for `protocol.prompt_sets`.
        controls: as for `protocol.prompt_sets`.
        models: as for `protocol.prompt_sets`.
        registry: fills what the tables leave empty.
        against: tables of other detectors, by name: the margin over each is given.
        draws: bootstrap draws behind each interval.
        seed: of the bootstrap.

    Returns:
        JSON-able: `schema`, `corpora` and `figures`, as `validate.validate` gives them.

    Raises:
        ConfigError: a column is missing or unknown, a model is unknown, a pair is missing or there twice, or a value is
            not what it should be.
    """
    others = dict(against or {})
    figures: list[Figure] = []
    corpora = []
    for part, facts, candidates in _sets(outputs, students, controls, models, registry, scores):
        if len(part.models) < cal.LEAST_NULL:
            corpora.append(too_few(part))
            continue
        table = read(scores, "scores", part, candidates)
        rng = np.random.default_rng(seed)
        corpus = Scored(part.label, part.labels, facts, candidates, table.z, rng, draws, table.flagged)
        corpora.append(part.about(facts, candidates) | {"rows_not_read": table.unread})
        rivals = {name: read(frame, name, part, candidates).z for name, frame in others.items()}
        figures += [f for f in _figures(corpus, rivals) if f.n or f.detail]
    return {"schema": 2, "corpora": corpora, "figures": [as_row(f) for f in figures]}


def pairs(
    outputs: pl.DataFrame, students: pl.DataFrame, controls: pl.DataFrame, models: pl.DataFrame, registry: Registry
) -> pl.DataFrame:
    """The table that a detector fills: every pair it must score, `score` empty.

    Args:
        outputs: as for `judge`.
        students: as for `judge`.
        controls: as for `judge`.
        models: as for `judge`.
        registry: fills what the tables leave empty.
    """
    rows = [
        (part.corpus, suspect, part.models[c], None)
        for part, _, candidates in _sets(outputs, students, controls, models, registry)
        for suspect in part.models
        for c in candidates
        if suspect != part.models[c]
    ]
    schema = {"corpus": pl.String, "suspect": pl.String, "candidate": pl.String, "score": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _sets(
    outputs: pl.DataFrame,
    students: pl.DataFrame,
    controls: pl.DataFrame,
    models: pl.DataFrame,
    registry: Registry,
    scores: pl.DataFrame | None = None,
) -> Iterator[tuple[PromptSet, list[ModelFacts], list[int]]]:
    """The prompt sets that are asked about, with facts and candidates."""
    bare = outputs.drop("reasoning", "reasoning_kind", strict=False)
    if scores is not None:
        asked = _asked(scores, sorted(outputs["corpus"].unique().to_list()) if "corpus" in outputs.columns else [])
        bare = bare.filter(pl.col("corpus").is_in(asked)) if asked else bare
    for part in prompt_sets(bare, students, controls, models, registry):
        facts = part.labels.facts(part.models, registry)
        yield part, facts, part.labels.candidates(part.models, facts)


def _asked(scores: pl.DataFrame, there: list[str]) -> list[str]:
    """The prompt sets that a table speaks of."""
    _columns(scores, "scores")
    if "corpus" not in scores.columns:
        if len(there) > 1:
            raise ConfigError(
                f"scores: no column corpus, and the answers are of {len(there)} prompt sets ({', '.join(there)}); "
                "add the column, which says of which set each score is"
            )
        return there
    named = sorted(_text(scores, "corpus").unique().to_list())
    for name in named:
        if name not in there:
            raise ConfigError(f"scores: {unknown_name('prompt set', name, there)}")
    return named


def _columns(frame: pl.DataFrame, what: str) -> None:
    missing = [name for name in COLUMNS if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in (*COLUMNS, *OPTIONAL)]
    expected = f"expected {', '.join(COLUMNS)}, and if you like {', '.join(OPTIONAL)}"
    if missing:
        raise ConfigError(f"{what}: missing column {', '.join(missing)}; {expected}")
    if unknown:
        raise ConfigError(f"{what}: unknown column {', '.join(unknown)}; {expected}")
    if "q" in frame.columns and "flag" in frame.columns:
        raise ConfigError(f"{what}: has both q and flag; a pair is flagged at q ≤ {ALPHA}, so give one of them")


def _text(frame: pl.DataFrame, column: str) -> pl.Series:
    return frame[column].cast(pl.String).fill_null("").str.strip_chars()


def read(frame: pl.DataFrame, what: str, part: PromptSet, candidates: list[int]) -> ScoreTable:
    """Read a table for one prompt set.

    Args:
        frame: the table.
        what: its name, for messages.
        part: the prompt set.
        candidates: indices of its possible teachers.

    Raises:
        ConfigError: see `judge`.
    """
    _columns(frame, what)
    rows = pl.DataFrame({name: _text(frame, name) for name in frame.columns}).with_row_index("row", offset=1)
    if "corpus" in rows.columns:
        rows = rows.filter(pl.col("corpus") == part.corpus)
    place = {name: i for i, name in enumerate(part.models)}
    column = {part.models[c]: b for b, c in enumerate(candidates)}
    known = {*place, *part.duplicates, *part.left_out}
    for name in (*rows["suspect"].unique().to_list(), *rows["candidate"].unique().to_list()):
        if name not in known:
            at = rows.filter((pl.col("suspect") == name) | (pl.col("candidate") == name))["row"][0]
            raise ConfigError(f"{what}, row {at}: {unknown_name('model', name, sorted(place))}")
    fit = (
        pl.col("suspect").is_in(list(place))
        & pl.col("candidate").is_in(list(column))
        & (pl.col("suspect") != pl.col("candidate"))
    )
    used = rows.filter(fit)
    twice = used.filter(pl.struct("suspect", "candidate").is_duplicated())
    if len(twice):
        first = twice.row(0, named=True)
        raise ConfigError(
            f"{what}, row {first['row']}: {first['suspect']} with {first['candidate']} has more than one score; "
            "expected one row for each pair"
        )
    z: Matrix = np.full((len(place), len(column)), np.nan)
    flagged: Bool = np.zeros(z.shape, dtype=np.bool_)
    value = _numbers(used, "score", what)
    i = used["suspect"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    b = used["candidate"].replace_strict(column, return_dtype=pl.Int64).to_numpy()
    z[i, b] = value
    if "q" in used.columns:
        q = _numbers(used, "q", what)
        _refuse(used, (q < 0) | (q > 1), "q", "a number from 0 to 1", what)
        flagged[i, b] = q <= ALPHA
    elif "flag" in used.columns:
        said = used["flag"].str.to_lowercase().replace_strict(SAYS, default=None, return_dtype=pl.Boolean)
        _refuse(used, said.is_null().to_numpy(), "flag", f"one of {', '.join(SAYS)}", what)
        flagged[i, b] = said.to_numpy()
    _complete(z, part, candidates, what)
    return ScoreTable(z, flagged if {"q", "flag"} & set(used.columns) else None, len(rows) - len(used))


def _numbers(rows: pl.DataFrame, column: str, what: str) -> Matrix:
    found = rows[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    _refuse(rows, ~np.isfinite(found) | (np.abs(found) > GREATEST), column, "a number", what)
    numbers: Matrix = found.astype(np.float64)
    return numbers


def _refuse(rows: pl.DataFrame, wrong: Bool, column: str, expected: str, what: str) -> None:
    if wrong.any():
        bad = rows.filter(pl.Series(wrong))
        first = bad.row(0, named=True)
        more = f" ({len(bad) - 1} more rows like it)" if len(bad) > 1 else ""
        raise ConfigError(
            f"{what}, row {first['row']}: {column} of {first['suspect']} with {first['candidate']} is "
            f"{first[column][:80]!r}; expected {expected}{more}"
        )


def _complete(z: Matrix, part: PromptSet, candidates: list[int], what: str) -> None:
    gaps = np.isnan(z)
    gaps[candidates, np.arange(len(candidates))] = False
    if gaps.any():
        first = "; ".join(
            f"{part.models[i]} with {part.models[candidates[b]]}" for i, b in np.argwhere(gaps)[:SHOWN].tolist()
        )
        raise ConfigError(
            f"{what}: {int(gaps.sum()):,} of {gaps.size - len(candidates):,} pairs of {part.label} have no score "
            f"({first}{' …' if gaps.sum() > SHOWN else ''}); expected a score of every model with every candidate: "
            "`--pairs FILE` writes the list"
        )


def _figures(corpus: Scored, rivals: Mapping[str, Matrix]) -> Iterator[Figure]:
    """The figures of one corpus, those of names only for a detector that names somebody."""
    if corpus.flagged is not None:
        yield from lab_figures.controls_accused(corpus)
        yield lab_figures.unrelated_named(corpus)
    for other in (False, True):
        yield from ranking(corpus, other=other)
        if corpus.flagged is not None:
            yield from lab_figures.labs_named(corpus, other=other)
    yield from pair_figures.popularity(corpus)
    for name, z in rivals.items():
        yield pair_figures.margin_over(corpus, z, name)
