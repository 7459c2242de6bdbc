"""What is known of every model and every pair of a pool at once: for `--matrix`, and for the index.

The tests of one suspect are `harness.provenance.verdicts.reports`'.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import one_thread
from harness.provenance.answers import fingerprint
from harness.provenance.comparison.calibration import Matrix
from harness.provenance.comparison.evidence import EVIDENCE, Analysis
from harness.provenance.comparison.finding import Finding, PairTest
from harness.provenance.comparison.similarity import coded, different
from harness.provenance.verdicts.pools import Pool
from harness.provenance.verdicts.reports import Study, analysis_of

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]


@one_thread()
def pairs(pool: Pool, analysis: Analysis | None = None) -> pl.DataFrame:
    """Every ordered pair of a pool: raw similarity per channel, and the calibrated score if there is one.

    Args:
        pool: of models on one prompt set.
        analysis: its scores, if they were computed before.

    Returns:
        Columns `model`, `other`, `score`, `p`, `set_apart`, `n` and one per channel, the highest score first.
    """
    import polars as pl

    names = pool.prints.models
    analysis = analysis or analysis_of(pool, set())
    shared = pool.prints.answered.astype(float) @ pool.prints.answered.T.astype(float)
    z, p = (_by_model(values, analysis) for values in (analysis.z, analysis.p))
    every = pl.Series(names, dtype=pl.String)
    size = len(names)
    frame = pl.DataFrame(
        {
            "model": every.gather(np.repeat(np.arange(size), size)),
            "other": every.gather(np.tile(np.arange(size), size)),
            "score": z.ravel(),
            "p": p.ravel(),
            "set_apart": pl.Series([reason for row in analysis.rivals for reason in row], dtype=pl.String),
            "n": shared.ravel().astype(np.int64),
        }
        | {channel: matrix.ravel() for channel, matrix in analysis.matrices.items() if channel in EVIDENCE}
    )
    known = frame.filter(pl.col("model") != pl.col("other")).fill_nan(None)
    return known.sort("score", "model", "other", descending=[True, False, False], nulls_last=True)


def _by_model(values: Matrix, analysis: Analysis) -> Matrix:
    """Models x candidates as models x models, NaN if the column is no candidate's."""
    whole = np.full((len(analysis.models),) * 2, np.nan)
    whole[:, analysis.scores.candidates] = values
    return whole


def tables(studies: Sequence[Study], found: Iterable[Finding]) -> dict[str, pl.DataFrame]:
    """What the index holds of prompt sets: every finding, every pair, and what fingerprints are made of.

    Args:
        studies: one per prompt set.
        found: `reports.of_studies` of everybody in them.

    Returns:
        The tables `evidence`, `provenance` and `fingerprints`. Of a set without a candidate that can be scored there
        are rows in the first alone.
    """
    told = list(found)
    # A set has pairs if one of its candidates has a score.
    scored = {one.corpus for one in told if any(test.z is not None for test in one.tests)}
    shown = [study for study in studies if study.pool.corpus in scored]
    tests = {(one.corpus, one.suspect, test.candidate): test for one in told for test in one.tests}
    return {
        "evidence": _frame([_strongest(one) for one in told], _EVIDENCE),
        "provenance": _joined([_cells(study, tests) for study in shown], _PROVENANCE),
        "fingerprints": _frame([row for study in shown for row in _made(study.pool)], _FINGERPRINTS),
    }


_EVIDENCE = (
    "model task verdict strength labs:l nearest score:f ci_low:f ci_high:f p:f q:f null_model null_pairs:i null_size:i "
    "candidates:i tested:i untested nearest_of_all n:i sentence finding"
)
_PROVENANCE = "model candidate channel task similarity:f score:f p:f q:f verdict why set_apart n:i"
_FINGERPRINTS = "model channel task version prompts:i features:i"
COMBINED = "combined"
"""In the table `provenance`, the channel whose score is the mean over channels."""


def _schema(columns: str) -> dict[str, Any]:
    import polars as pl

    kinds: dict[str, Any] = {"": pl.String, "f": pl.Float64, "i": pl.Int64, "l": pl.List(pl.String)}
    pairs = [column.partition(":") for column in columns.split()]
    return {name: kinds[kind] for name, _, kind in pairs}


def _frame(rows: Sequence[Row], columns: str) -> pl.DataFrame:
    import polars as pl

    schema = _schema(columns)
    return _joined([pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")], columns)


def _joined(frames: Sequence[pl.DataFrame], columns: str) -> pl.DataFrame:
    import polars as pl

    schema = _schema(columns)
    return pl.concat([pl.DataFrame(schema=schema), *frames], how="diagonal").select(list(schema)).sort(list(schema)[:4])


def _cells(study: Study, tests: Mapping[tuple[str, str, str], PairTest]) -> pl.DataFrame:
    """Every ordered pair but those of the panel's own models, per channel and combined."""
    import polars as pl

    pool = study.pool
    asked = [name for name in pool.prints.models if pool.asks(name)]
    every = pairs(pool, study.analysis).filter(pl.col("model").is_in(asked) | pl.col("other").is_in(asked))
    every = every.rename({"other": "candidate"}).with_columns(task=pl.lit(pool.corpus))
    told = [
        (model, candidate, test.q, test.verdict, test.why)
        for (corpus, model, candidate), test in tests.items()
        if corpus == pool.corpus
    ]
    schema = _schema("model candidate q:f verdict why")
    found = every.join(pl.DataFrame(told, schema=schema, orient="row"), on=["model", "candidate"], how="left")
    same = ["model", "candidate", "task", "set_apart", "n"]
    combined = found.select(*same, "score", "p", "q", "verdict", "why", channel=pl.lit(COMBINED))
    channels = [name for name in EVIDENCE if name in every.columns]
    apart = every.unpivot(channels, index=same, variable_name="channel", value_name="similarity")
    return pl.concat([combined, apart], how="diagonal")


def _made(pool: Pool) -> list[Row]:
    """What every fingerprint is made of: prompts answered, and features found in them."""
    prints = pool.prints
    answered, found = prints.answered.sum(axis=1).tolist(), []
    for channel in sorted(EVIDENCE):
        m, feature = (prints.features[channel][column].to_numpy() for column in ("m", "feature"))
        if not prints.cut:  # they are of 64 bits
            _, feature = coded(prints, channel)
        features = different(m, feature, len(prints.models)).tolist()
        found += [
            {"model": name, "channel": channel, "version": fingerprint.VERSION, "task": pool.corpus,
             "prompts": n, "features": count}
            for name, n, count in zip(prints.models, answered, features, strict=True)
        ]  # fmt: skip
    return found


def _strongest(found: Finding) -> Row:
    """A finding as the columns that SQL sorts by, and whole."""
    first, near = found.strongest, found.nearest_of_all
    row: Row = {
        "model": found.suspect, "task": found.corpus, "verdict": found.verdict, "strength": found.strength,
        "labs": [lab.lab for lab in found.named if lab.lab is not None], "null_model": found.null,
        "null_pairs": found.null_pairs, "candidates": len(found.tests), "tested": len(found.tested),
        "untested": json.dumps(found.reasons), "nearest_of_all": near and near.name, "n": found.suspect_prompts,
        "sentence": found.sentence, "finding": json.dumps(found.json(), ensure_ascii=False, allow_nan=False),
    }  # fmt: skip
    if first is None:
        return row
    return row | {
        "nearest": first.candidate, "score": first.z, "ci_low": first.z_low, "ci_high": first.z_high, "p": first.p,
        "q": first.q, "null_size": first.null_size, "n": first.prompts,
    }  # fmt: skip
