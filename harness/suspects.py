"""A suspect's report: whom its answers resemble, how much more than unrelated models' do, and how sure that is.

Per prompt set (a `relatives.Pool`): everybody who answered it, read against models that cannot have learnt from each
candidate. Sentences come from `harness.provenance.wording` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ConfigError, unknown_name
from harness.provenance import calibration as cal
from harness.provenance import evidence, families, fingerprint, positives, uncertainty, wording
from harness.provenance.evidence import Analysis, Finding
from harness.relatives import Pool, facts

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.registry import Registry

SCHEMA = 2
TESTED = ("resembles", "none")
HUMAN = "human"
"""The lab of people: answers imported as a model of this lab are the floor."""
Row = dict[str, Any]


def reports(pools: Sequence[Pool], suspect: str, candidates: Sequence[str] = (), *, interval: bool = True) -> list[Row]:
    """What can be said of a suspect, one report per prompt set; false discovery rates are over all of them.

    Args:
        pools: each holds the suspect.
        suspect: a model's name.
        candidates: the models to ask about; by default every one that may be a teacher.
        interval: whether to compute how far scores and ranks depend on prompts and null models.

    Returns:
        JSON-able: `corpus`, `verdict`, `paragraph`, `notes`, `findings`, `labs`, `floor`, `ceiling`, `p_floor` and how
        many models and prompts.

    Raises:
        ConfigError: a candidate is in no pool.
    """
    everybody = {name for pool in pools for name in pool.prints.models}
    for name in candidates:
        if name not in everybody:
            raise ConfigError(unknown_name("candidate", name, everybody))
    whole = [_analysis(pool, {*candidates}) for pool in pools]
    asked = [
        dataclasses.replace(a, candidates=[c for c in a.candidates if not candidates or a.models[c] in candidates])
        for a in whole
    ]
    q = evidence.adjusted([evidence.tested(a, suspect) for a in asked])
    found = [evidence.findings(a, suspect, q=of) for a, of in zip(asked, q, strict=True)]
    labs = [[] if candidates else _labs(a, suspect) for a in whole]
    over = iter(cal.benjamini_hochberg([row["p"] for rows in labs for row in rows]))
    for rows in labs:
        for row in rows:
            row["q"] = next(over)
    tests = sum(map(len, q))
    return [
        _report(pool, a, f, rows, suspect, tests=tests, interval=interval)
        for pool, a, f, rows in zip(pools, whole, found, labs, strict=True)
    ]


def _analysis(pool: Pool, wanted: set[str]) -> Analysis:
    """Every possible teacher's unrelated pairs make up the pooled null, whoever is asked about."""
    names = pool.prints.models
    columns = [i for i, name in enumerate(names) if name in pool.candidates | wanted]
    return evidence.analyse(pool.prints, pool.facts, columns)


def _report(
    pool: Pool,
    analysis: Analysis,
    found: Sequence[Finding],
    labs: list[Row],
    suspect: str,
    *,
    tests: int,
    interval: bool,
) -> Row:
    s = analysis.index(suspect)
    said = verdict(found)
    smallest = p_floor(analysis, s)
    worth = positives.scale(pool.positives, _unrelated(analysis), analysis.facts[s].lineage)
    rows = _with_ranks(analysis, found, s, interval=interval)
    for row, finding in zip(rows, found, strict=True):
        tested = finding.verdict in TESTED
        row["power"] = positives.power(pool.positives, finding.candidate, suspect)
        row["likelihood_ratio"] = worth.ratio(finding.z) if worth and tested and finding.z is not None else None
    floor, ceiling = _floor(analysis), _ceiling(analysis)
    notes = [
        *wording.smallest(smallest, tests),
        *wording.power(suspect, {row["candidate"]: row["power"] for row in rows if row["verdict"] in TESTED}),
        wording.likelihood(rows[0]["candidate"], rows[0]["likelihood_ratio"], worth.lineages if worth else None)
        if rows and rows[0]["verdict"] in TESTED
        else "",
        wording.bounds(floor, ceiling),
        *pool.notes,
    ]
    return {
        "corpus": pool.corpus,
        "panel": pool.panel,
        "models": len(analysis.models),
        "prompts": len(pool.prints.prompts),
        "suspect_prompts": int(pool.prints.answered[s].sum()),
        "answers": pool.prints.dropped,
        "verdict": said,
        "paragraph": _paragraph(suspect, found, said),
        "notes": [note for note in notes if note],
        "p_floor": smallest,
        "floor": floor,
        "ceiling": ceiling,
        "findings": rows,
        "labs": labs,
    }


def _paragraph(suspect: str, found: Sequence[Finding], said: str) -> str:
    text = wording.paragraph(suspect, found)
    waiting = [f for f in found if f.verdict in {"untestable", "not enough prompts"}]
    if said not in TESTED and waiting:
        text += " " + wording.sentence(suspect, waiting[0])
        if said == "untestable" and waiting[0].verdict != said:
            text += " " + wording.sentence(suspect, dataclasses.replace(waiting[0], verdict="untestable"))
    return text


def _with_ranks(analysis: Analysis, found: Sequence[Finding], s: int, *, interval: bool) -> list[Row]:
    """Findings as rows, the tested ones ranked; with the intervals of score and rank where they are wanted."""
    tested = [f for f in found if f.verdict in TESTED]
    rows: list[Row] = [
        {
            "rank": None, "rank_low": None, "rank_high": None,
            **{k: v for k, v in dataclasses.asdict(f).items() if k != "by_channel"},
            "z_low": None, "z_high": None, "channels": f.by_channel,
        }
        for f in found
    ]  # fmt: skip
    by_name = {row["candidate"]: row for row in rows}
    for rank, f in enumerate(sorted(tested, key=lambda f: -(f.z or 0.0)), 1):
        by_name[f.candidate]["rank"] = rank
    if not interval or not any(f.z is not None for f in found):
        return rows
    spread = uncertainty.deviations(analysis)[:, s]
    half = uncertainty.half_widths(spread)
    column = {analysis.models[c]: b for b, c in enumerate(analysis.scores.candidates)}
    for f in found:
        width = half[column[f.candidate]]
        if f.z is not None and not math.isnan(width):
            by_name[f.candidate] |= {"z_low": f.z - float(width), "z_high": f.z + float(width)}
    if tested:
        z = np.array([f.z for f in tested], dtype=float)
        low, high = uncertainty.ranks(z, spread[:, [column[f.candidate] for f in tested]])
        for f, least, most in zip(tested, low, high, strict=True):
            by_name[f.candidate] |= {"rank_low": int(least), "rank_high": int(most)}
    return rows


def _unrelated(analysis: Analysis) -> cal.Matrix:
    scores = analysis.scores
    pairs: cal.Matrix = scores.z[scores.unrelated & ~np.isnan(scores.z)]
    return pairs


def p_floor(analysis: Analysis, s: int) -> float | None:
    """The smallest p-value that a suspect's pool can give: 1 over one more than its unrelated pairs."""
    kin = cal.relations(analysis.facts)[s]
    pairs = int((analysis.scores.unrelated & ~np.isnan(analysis.scores.z))[~kin].sum())
    return 1 / (pairs + 1) if pairs >= cal.LEAST_NULL else None


def _floor(analysis: Analysis) -> Row | None:
    """Scores of answers that people wrote, over all candidates."""
    rows = [i for i, fact in enumerate(analysis.facts) if fact.lab == HUMAN]
    return _span(analysis.scores.z[rows].ravel().tolist())


def _ceiling(analysis: Analysis) -> Row | None:
    """Scores of a model sampled again or restyled with the model it is a version of."""
    found = [
        analysis.scores.z[i, b]
        for i, fact in enumerate(analysis.facts)
        for b, c in enumerate(analysis.candidates)
        if analysis.models[c] in fact.copy_of
    ]
    return _span([float(z) for z in found])


def _span(values: Sequence[float]) -> Row | None:
    """Median, extremes and how many."""
    known = np.array([z for z in values if not math.isnan(z)])
    if not len(known):
        return None
    return {"median": float(np.median(known)), "low": float(known.min()), "high": float(known.max()), "n": len(known)}


def verdict(found: Sequence[Finding]) -> str:
    """The verdict over all candidates: `resembles`, `none`, `untestable` or `not enough prompts`.

    Where no candidate has a null, more prompts would not help: that is `untestable`, however few there are.
    """
    said = {f.verdict for f in found}
    for word in TESTED:
        if word in said:
            return word
    short = [f for f in found if f.verdict == "not enough prompts"]
    return "not enough prompts" if any(f.null_size >= cal.LEAST_NULL for f in short) else "untestable"


def _labs(analysis: Analysis, suspect: str) -> list[Row]:
    """The family test of every lab with a candidate, other than the suspect's own."""
    s = analysis.index(suspect)
    own = analysis.facts[s].lab
    labs = sorted({lab for c in analysis.candidates if (lab := analysis.facts[c].lab) is not None and lab != own})
    matrices = [analysis.matrices[name] for name in evidence.FAMILY if name in analysis.matrices]
    rows = []
    for lab in labs:
        members = [c for c in analysis.candidates if analysis.facts[c].lab == lab]
        if all(analysis.facts[c].before(analysis.facts[s]) is False for c in members):
            continue  # all of them came later
        which = families.family(analysis.facts, members)
        if len(which.null) < cal.LEAST_NULL:
            continue
        test = families.family_tests(matrices, analysis.facts, which).get(s)
        if test is not None:
            rows.append(
                {"lab": lab, **dataclasses.asdict(test), "sentence": wording.family_sentence(suspect, lab, test)}
            )
    return sorted(rows, key=lambda row: (row["p"], row["lab"]))


def pairs(pool: Pool) -> list[Row]:
    """Every ordered pair of a pool: raw similarity per channel, and the calibrated score where there is one."""
    names = pool.prints.models
    analysis = _analysis(pool, set())
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
        named = frozenset(fact.name for fact in told if not fact.copy_of)
        pool = Pool("", prints, told, named)
        analysis = _analysis(pool, set())
        half = uncertainty.half_widths(uncertainty.deviations(analysis))
        q = evidence.adjusted([evidence.tested(analysis, name) for name in prints.models])
        strongest += [
            _strongest(analysis, name, evidence.findings(analysis, name, q=of), half)
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


def _strongest(analysis: Analysis, name: str, found: Sequence[Finding], half: cal.Matrix) -> Row:
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
    column = {analysis.models[c]: b for b, c in enumerate(analysis.scores.candidates)}
    width = _known(half[s, column[first.candidate]])
    low, high = (None, None) if width is None or first.z is None else (first.z - width, first.z + width)
    return row | {
        "nearest": first.candidate, "score": first.z, "ci_low": low, "ci_high": high, "p": first.p, "q": first.q,
        "null_size": first.null_size, "n": first.prompts,
    }  # fmt: skip
