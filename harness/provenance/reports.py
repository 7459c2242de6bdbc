"""A suspect's report: whom its answers resemble, how much more than unrelated models' do, and how sure that is.

Per prompt set (a `pools.Pool`): everybody who answered it, read against models that cannot have learnt from each
candidate. Sentences come from `harness.provenance.wording` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from harness.errors import ConfigError, unknown_name
from harness.provenance import calibration as cal
from harness.provenance import domains, evidence, families, positives, uncertainty, wording
from harness.provenance.evidence import Analysis, Finding
from harness.provenance.pools import AGAIN, FEW, Pool

SCHEMA = 2
TESTED = ("resembles", "none")
LEAST_IN_DOMAIN = 20
"""Prompts of one kind below which no score is given: the interval deals them to ten groups. No test is made."""
LEADING = 3
"""Candidates shown per kind of prompt."""
HUMAN = "human"
"""The lab of people: answers imported as a model of this lab are the floor."""
Row = dict[str, Any]


def reports(
    pools: Sequence[Pool],
    suspect: str,
    candidates: Sequence[str] = (),
    *,
    interval: bool = True,
    by_domain: bool | None = None,
) -> list[Row]:
    """What can be said of a suspect, one report per prompt set; false discovery rates are over all of them.

    Args:
        pools: each holds the suspect.
        suspect: a model's name.
        candidates: the models to ask about; by default every one that may be a teacher.
        interval: whether to compute how far scores and ranks depend on prompts and null models.
        by_domain: whether to say what each kind of prompt shows by itself; by default in pools of `FEW` models.

    Returns:
        JSON-able: `corpus`, `verdict`, `paragraph`, `notes`, `findings`, `domains`, `labs`, `floor`, `ceiling`,
        `sampled_again`, `p_floor` and how many models and prompts.

    Raises:
        ConfigError: a candidate is in no pool.
    """
    everybody = {name for pool in pools for name in pool.prints.models}
    for name in candidates:
        if name not in everybody:
            raise ConfigError(unknown_name("candidate", name, everybody))
    whole = [analysis_of(pool, {*candidates}) for pool in pools]
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
        _report(pool, a, f, rows, suspect, tests=tests, interval=interval, by_domain=by_domain)
        for pool, a, f, rows in zip(pools, whole, found, labs, strict=True)
    ]


def analysis_of(pool: Pool, wanted: set[str]) -> Analysis:
    """Calibrated scores of a pool.

    Every possible teacher's unrelated pairs make up the pooled null, whoever is asked about.

    Args:
        pool: of models on one prompt set.
        wanted: further candidates.
    """
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
    by_domain: bool | None,
) -> Row:
    s = analysis.index(suspect)
    said = verdict(found)
    smallest = p_floor(analysis, s)
    known = positives.again(analysis, pool.positives)
    worth = positives.scale(known, _unrelated(analysis), analysis.facts[s].lineage)
    rows = _with_ranks(analysis, found, s, interval=interval)
    for row, finding in zip(rows, found, strict=True):
        tested = finding.verdict in TESTED
        row["power"] = positives.power(known, finding.candidate, suspect)
        row["likelihood_ratio"] = worth.ratio(finding.z) if worth and tested and finding.z is not None else None
    floor, ceiling = _floor(analysis), _ceiling(analysis)
    again = _again(pool, suspect, interval=interval)
    apart = len(analysis.models) <= FEW if by_domain is None else by_domain
    notes = [
        *wording.smallest(smallest, tests),
        *wording.power(suspect, {row["candidate"]: row["power"] for row in rows if row["verdict"] in TESTED}),
        wording.likelihood(rows[0]["candidate"], rows[0]["likelihood_ratio"], worth.lineages if worth else None)
        if rows and rows[0]["verdict"] in TESTED
        else "",
        wording.bounds(floor, ceiling),
        wording.sampled_again(suspect, again),
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
        "sampled_again": again,
        "findings": rows,
        "domains": _domains(pool, analysis, s, {f.candidate for f in found}, interval=interval) if apart else [],
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
    spread = uncertainty.deviations(analysis)[:, s] if interval and any(f.z is not None for f in found) else None
    places = ranked(analysis, found, spread)
    half = {} if spread is None else _by_name(analysis, uncertainty.half_widths(spread))
    return [
        {
            **dict(zip(("rank", "rank_low", "rank_high"), places.get(f.candidate, (None, None, None)), strict=True)),
            **{k: v for k, v in dataclasses.asdict(f).items() if k != "by_channel"},
            **around(f.z, half.get(f.candidate)),
            "channels": f.by_channel,
        }
        for f in found
    ]


def ranked(
    analysis: Analysis, found: Sequence[Finding], spread: cal.Matrix | None
) -> dict[str, tuple[int, int | None, int | None]]:
    """Rank of every candidate tested, and its interval, by name.

    Args:
        analysis: of the pool.
        found: of one suspect.
        spread: the suspect's part of `uncertainty.deviations`: replicates x candidates; `None` gives no intervals.
    """
    tested = [f for f in found if f.verdict in TESTED]
    if not tested:
        return {}
    z = np.array([f.z for f in tested], dtype=float)
    place = (-z).argsort(kind="stable").argsort() + 1
    if spread is None:
        return {f.candidate: (int(rank), None, None) for f, rank in zip(tested, place, strict=True)}
    columns = analysis.columns
    low, high = uncertainty.ranks(z, spread[:, [columns[f.candidate] for f in tested]])
    found_ranks = zip(tested, place, low, high, strict=True)
    return {f.candidate: (int(rank), int(least), int(most)) for f, rank, least, most in found_ranks}


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


def _again(pool: Pool, suspect: str, *, interval: bool) -> Row | None:
    """The score of one half of a suspect's repeated answers with the other half; `None` where none can be had."""
    if pool.again is None or not {AGAIN, suspect} <= set(pool.again.prints.models):
        return None
    analysis = analysis_of(pool.again, {suspect})
    s, c = analysis.index(AGAIN), analysis.index(suspect)
    column = analysis.column(c)
    z = math.nan if column is None else float(analysis.scores.z[s, column])
    if math.isnan(z):
        return None
    half = _half_widths(analysis, s)[suspect] if interval else None
    n = int((analysis.prints.answered[s] & analysis.prints.answered[c]).sum())
    return {"z": z, **around(z, half), "prompts": n}


def _ceiling(analysis: Analysis) -> Row | None:
    """Scores of a model sampled again or restyled with the model it is a version of."""
    found = [
        analysis.scores.z[i, b]
        for i, fact in enumerate(analysis.facts)
        for b, c in enumerate(analysis.candidates)
        if analysis.models[c] in fact.copy_of
    ]
    return _span([float(z) for z in found])


def _domains(pool: Pool, whole: Analysis, s: int, asked: Collection[str], *, interval: bool) -> list[Row]:
    """What each kind of prompt shows by itself: `domain`, `prompts` the suspect answered, `verdict`, `candidates`.

    Scores with their intervals and no p-values: the tests are those over all prompts. Of the
    candidates asked about that have a score and no rival explanation, the strongest `LEADING`.
    """
    found = []
    for name in domains.DOMAINS:
        kept = [i for i, prompt in enumerate(whole.prints.prompts) if pool.domains.get(prompt) == name]
        n = int(whole.prints.answered[s, kept].sum())
        if not n:
            continue
        row: Row = {"domain": name, "prompts": n, "verdict": "not enough prompts", "candidates": []}
        found.append(row)
        if n < LEAST_IN_DOMAIN:
            continue
        prints = whole.prints.subset(kept)
        prints = dataclasses.replace(prints, features={c: prints.features[c] for c in whole.channels})
        analysis = evidence.analyse(prints, whole.facts, whole.candidates)
        fit = [
            f
            for f in evidence.findings(analysis, analysis.models[s])
            if f.candidate in asked and f.z is not None and analysis.rival(s, analysis.index(f.candidate)) is None
        ]
        row["verdict"] = "scored" if fit else "untestable"
        best = sorted(fit, key=lambda f: (-(f.z or 0.0), f.candidate))[:LEADING]
        half = _half_widths(analysis, s) if interval and best else {}
        row["candidates"] = [
            {"candidate": f.candidate, "z": f.z, **around(f.z, half.get(f.candidate)), "prompts": f.prompts}
            for f in best
        ]
    return found


def _half_widths(analysis: Analysis, s: int) -> dict[str, float]:
    """Half the width of the interval of a suspect's score to each candidate."""
    return _by_name(analysis, uncertainty.half_widths(uncertainty.deviations(analysis)[:, s]))


def _by_name(analysis: Analysis, values: cal.Matrix) -> dict[str, float]:
    return {name: float(values[column]) for name, column in analysis.columns.items()}


def around(z: float | None, half: float | None) -> Row:
    """The interval of a score, `z_low` and `z_high`; `None` where there is none.

    Args:
        z: the score.
        half: half the interval's width, NaN or `None` where unknown.
    """
    if z is None or half is None or math.isnan(half):
        return {"z_low": None, "z_high": None}
    return {"z_low": z - half, "z_high": z + half}


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
