"""What is known of every model and every pair of a pool at once: for `--matrix`, and for the index.

The tests of one suspect are `harness.provenance.reports`'.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.provenance import fingerprint
from harness.provenance.evidence import EVIDENCE, Analysis
from harness.provenance.finding import Finding, PairTest
from harness.provenance.pools import Pool, combined
from harness.provenance.reports import Study, analysis_of

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]


def pairs(pool: Pool, analysis: Analysis | None = None) -> list[Row]:
    """Every ordered pair of a pool: raw similarity per channel, and the calibrated score where there is one.

    Args:
        pool: of models on one prompt set.
        analysis: its scores, where they were computed before.
    """
    names = pool.prints.models
    analysis = analysis or analysis_of(pool, set())
    shared = pool.prints.answered.astype(int) @ pool.prints.answered.T.astype(int)
    rows = []
    for s, c in ((s, c) for s in range(len(names)) for c in range(len(names)) if s != c):
        column = analysis.column(c)
        z = None if column is None else _known(analysis.z[s, column])
        p = None if column is None else _known(analysis.p[s, column])
        raw = {channel: _known(matrix[s, c]) for channel, matrix in analysis.matrices.items() if channel in EVIDENCE}
        reason = analysis.rival(s, c)
        rows.append(
            {
                "model": names[s],
                "other": names[c],
                "score": z,
                "p": p,
                "set_apart": reason,
                "n": int(shared[s, c]),
                **raw,
            }
        )
    return sorted(rows, key=lambda row: (row["score"] is None, -(row["score"] or 0), row["model"], row["other"]))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def tables(studies: Sequence[Study], found: Iterable[Finding]) -> dict[str, pl.DataFrame]:
    """What the index holds of prompt sets: every finding, every pair, and what fingerprints are made of.

    Args:
        studies: one per prompt set.
        found: `reports.of_studies` of everybody in them.

    Returns:
        The tables `evidence`, `provenance` and `fingerprints`. Of a set where no candidate can be scored there are
        rows in the first alone.
    """
    told = list(found)
    # A set has pairs where one of its candidates has a score.
    scored = {one.corpus for one in told if any(test.z is not None for test in one.tests)}
    shown = [study for study in studies if study.pool.corpus in scored]
    tests = {(one.corpus, one.suspect, test.candidate): test for one in told for test in one.tests}
    return {
        "evidence": _frame([_strongest(one) for one in told], _EVIDENCE),
        "provenance": _frame([row for study in shown for row in _cells(study, tests)], _PROVENANCE),
        "fingerprints": _frame([row for study in shown for row in _made(combined(study.pool))], _FINGERPRINTS),
    }


_EVIDENCE = (
    "model task verdict strength labs:l nearest score:f ci_low:f ci_high:f p:f q:f null_model null_pairs:i null_size:i "
    "candidates:i tested:i untested nearest_of_all n:i sentence finding"
)
_PROVENANCE = "model candidate channel task similarity:f score:f p:f q:f verdict why set_apart n:i"
_FINGERPRINTS = "model channel task version prompts:i features:i"
COMBINED = "combined"
"""In the table `provenance`, the channel whose score is the mean over channels."""


def _frame(rows: Sequence[Row], columns: str) -> pl.DataFrame:
    import polars as pl

    kinds: dict[str, Any] = {"": pl.String, "f": pl.Float64, "i": pl.Int64, "l": pl.List(pl.String)}
    pairs = [column.partition(":") for column in columns.split()]
    schema = {name: kinds[kind] for name, _, kind in pairs}
    frame = pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")
    return frame.sort(list(schema)[:4])


def _cells(study: Study, tests: Mapping[tuple[str, str, str], PairTest]) -> list[Row]:
    """Every ordered pair, per channel and combined."""
    found, pool = [], study.pool
    for row in pairs(pool, study.analysis):
        if not (pool.asks(row["model"]) or pool.asks(row["other"])):
            continue  # both the panel's own
        same = {
            "model": row["model"], "candidate": row["other"], "set_apart": row["set_apart"], "n": row["n"],
            "task": pool.corpus,
        }  # fmt: skip
        test = tests.get((pool.corpus, row["model"], row["other"]))
        said = {} if test is None else {"q": test.q, "verdict": test.verdict, "why": test.why}
        found.append(same | {"channel": COMBINED, "score": row["score"], "p": row["p"]} | said)
        found += [same | {"channel": name, "similarity": row[name]} for name in EVIDENCE if name in row]
    return found


def _made(pool: Pool) -> list[Row]:
    """What every fingerprint is made of: prompts answered, and features found in them."""
    import polars as pl

    found, prints = [], pool.prints
    for channel, frame in sorted(prints.features.items()):
        counts = dict(frame.group_by("m").agg(pl.col("feature").n_unique()).iter_rows())
        found += [
            {"model": name, "channel": channel, "version": fingerprint.VERSION, "task": pool.corpus,
             "prompts": int(prints.answered[m].sum()), "features": counts.get(m, 0)}
            for m, name in enumerate(prints.models)
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
