"""What is known of every model and every pair of a pool at once: for `--matrix`, and for the index.

The tests of one suspect are `harness.provenance.reports`'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.provenance import calibration as cal
from harness.provenance import evidence, fingerprint, uncertainty
from harness.provenance.evidence import Analysis
from harness.provenance.finding import PairTest
from harness.provenance.pools import Pool, facts, teachers
from harness.provenance.reports import TESTED, analysis_of, around, verdict

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.registry import Registry

Row = dict[str, Any]


def pairs(pool: Pool) -> list[Row]:
    """Every ordered pair of a pool: raw similarity per channel, and the calibrated score where there is one."""
    names = pool.prints.models
    analysis = analysis_of(pool, set())
    shared = pool.prints.answered.astype(int) @ pool.prints.answered.T.astype(int)
    rows = []
    for s, c in ((s, c) for s in range(len(names)) for c in range(len(names)) if s != c):
        column = analysis.column(c)
        z = None if column is None else _known(analysis.scores.z[s, column])
        p = None if column is None else _known(analysis.p[s, column])
        raw = {channel: _known(matrix[s, c]) for channel, matrix in analysis.matrices.items()}
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


def tables(answers: pl.DataFrame, known: Registry, control_of: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """What the index holds of one task: the strongest evidence about every model, every pair, and the fingerprints.

    Args:
        answers: columns `model`, `prompt_id`, `output`.
        known: facts about models.
        control_of: whose relative a positive control is.

    Returns:
        The tables `evidence`, `provenance` and `fingerprints` without their column `task`. Where no candidate can be
        tested there is a row per model in the first alone. False discovery rates are over all models and candidates
        of the task.
    """
    import polars as pl

    who = sorted(answers["model"].unique().to_list())
    told = facts(who, known, control_of)
    candidates = [i for i, fact in enumerate(told) if not fact.copy_of]
    strongest: list[Row] = []
    every: list[Row] = []
    made: list[Row] = []
    if any(sum(cal.cannot_have_learnt(u, told[c]) for u in told) >= cal.LEAST_NULL for c in candidates):
        prints = fingerprint.fingerprint(answers, names=evidence.EVIDENCE)
        told = facts(prints.models, known, control_of)
        pool = Pool("", prints, told, teachers(told))
        analysis = analysis_of(pool, set())
        half = uncertainty.half_widths(uncertainty.deviations(analysis))
        q = evidence.adjusted([evidence.tested(analysis, name) for name in prints.models])
        strongest += [
            _strongest(analysis, name, evidence.pair_tests(analysis, name, q=of), half)
            for name, of in zip(prints.models, q, strict=True)
        ]
        every += _cells(pool)
        made += _made(prints)
    else:
        counted = answers.group_by("model").agg(n=pl.col("prompt_id").n_unique())
        strongest += [
            {"model": m, "verdict": "untestable", "candidates": len(candidates), "tested": 0, "n": n}
            for m, n in counted.iter_rows()
        ]
    return {
        "evidence": _frame(strongest, _EVIDENCE),
        "provenance": _frame(every, _PROVENANCE),
        "fingerprints": _frame(made, _FINGERPRINTS),
    }


_EVIDENCE = "model verdict nearest score:f ci_low:f ci_high:f p:f q:f null_size:i candidates:i tested:i n:i"
_PROVENANCE = "model candidate channel similarity:f score:f p:f set_apart n:i"
_FINGERPRINTS = "model channel version prompts:i features:i"
COMBINED = "combined"
"""In the table `provenance`, the channel whose score is the mean over channels."""


def _frame(rows: Sequence[Row], columns: str) -> pl.DataFrame:
    import polars as pl

    kinds = {"": pl.String, "f": pl.Float64, "i": pl.Int64}
    pairs = [column.partition(":") for column in columns.split()]
    schema = {name: kinds[kind] for name, _, kind in pairs}
    frame = pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")
    return frame.sort(list(schema)[:3])


def _cells(pool: Pool) -> list[Row]:
    """Every ordered pair, per channel and combined."""
    found = []
    for row in pairs(pool):
        same = {"model": row["model"], "candidate": row["other"], "set_apart": row["set_apart"], "n": row["n"]}
        found.append(same | {"channel": COMBINED, "score": row["score"], "p": row["p"]})
        found += [same | {"channel": name, "similarity": row[name]} for name in pool.prints.features if name in row]
    return found


def _made(prints: fingerprint.Fingerprints) -> list[Row]:
    """What every fingerprint is made of: prompts answered, and features found in them."""
    import polars as pl

    found = []
    for channel, frame in sorted(prints.features.items()):
        counts = dict(frame.group_by("m").agg(pl.col("feature").n_unique()).iter_rows())
        found += [
            {"model": name, "channel": channel, "version": fingerprint.VERSION,
             "prompts": int(prints.answered[m].sum()), "features": counts.get(m, 0)}
            for m, name in enumerate(prints.models)
        ]  # fmt: skip
    return found


def _strongest(analysis: Analysis, name: str, found: Sequence[PairTest], half: cal.Matrix) -> Row:
    tested = [f for f in found if f.verdict in TESTED]
    s = analysis.index(name)
    row = {
        "model": name,
        "verdict": verdict(found),
        "candidates": len(found),
        "tested": len(tested),
        "n": int(analysis.prints.answered[s].sum()),
    }
    if not tested:
        return row
    first = tested[0]
    interval = around(first.z, float(half[s, analysis.columns[first.candidate]]))
    return row | {
        "nearest": first.candidate, "score": first.z, "ci_low": interval["z_low"], "ci_high": interval["z_high"],
        "p": first.p, "q": first.q, "null_size": first.null_size, "n": first.prompts,
    }  # fmt: skip
