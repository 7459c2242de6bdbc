r"""Is the suspect one of the pool's models itself, whatever it is called? Asked before any teacher.

A model asked twice says the same thing in the same words more than two models do. The measure is phrasing
(`similarity.agreement`). For suspect s and model m, \(z_s\) is how far their similarity lies above the suspect's to
the other models, in their standard deviations, \(z_m\) the same among m's others. The score is their mean, and the
ratio is their similarity over the suspect's highest to any other. Versions of either (`ModelFacts.copy_of`) are no
others. m is named if it is the nearest, both z are at least `LEAST_Z`, and the score reaches the pool's threshold.

Thresholds do not carry over: fiction leaves siblings closer to each other than puzzles do. `calibrate` finds them on
the pool's own models, each taken as a suspect whose own model is *not* there, which is the hard case. What does not
reach them is no evidence: never "another model". Naming a model leaves open whether it is that model, a version of it,
or one derived from it: siblings' rate says how often those are named.

`equality` asks of two endpoints with repeated answers whether they answer alike, by the maximum mean discrepancy with
permutations within prompts: model equality testing, Gao et al. 2024, arXiv 2410.20247, with phrasing as the kernel.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from harness.errors import ConfigError
from harness.provenance.answers import fingerprint as fp
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import Bool, Matrix, ModelFacts

CHANNEL = "phrasing"
OTHERS = 0.002
"""Pairs of unrelated models that a threshold may name. Some of them are related and nobody says so."""
SIBLINGS = 0.01
"""Pairs of siblings that the strict threshold may name."""
GRID = np.arange(4.0, 60.0, 0.5)
"""Scores tried as thresholds. At 4 others' rate was .001 to .003 in every corpus (docs/provenance-measured.md)."""
LEAST_Z = 1.0
"""Both z must reach it: a suspect that is near to nobody has a nearest model all the same, but is far for that one."""
LEAST_OTHERS = 5
LEAST_PAIRS = 200
"""Pairs of unrelated models below which no threshold is given."""
COUNTS = (25, 50, 100, 200)
"""Numbers of prompts that thresholds are found for, beside all."""
DRAWS = 3
PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which score on a model is named, with so many prompts. Measured with the suspect's own model left out.

    Attributes:
        prompts: that both answered.
        score: at which at most `OTHERS` of the pairs of unrelated models are named.
        strict: at which at most `SIBLINGS` of the pairs of siblings are named too. `None` if no score is enough.
        others: share of pairs of unrelated models named at `score`.
        siblings: share of pairs named at `score` that share a lab, base, lineage, name or documented teaching.
        others_pairs: pairs behind it.
        siblings_pairs: pairs behind it.
        suspects: share of suspects, their own model absent, for whom an unrelated model is named.
        found: share of models sampled again that are named. `None` if nothing was answered twice.
        found_of: models behind it.
        sibling_instead: share of them for whom a sibling is named instead, their own model being there.
        stranger_instead: share of them for whom an unrelated model is.
        versions: share of documented versions (restyled, tuned further) that are named with their original.
        versions_of: versions behind it.
    """

    prompts: int
    score: float
    strict: float | None
    others: float
    siblings: float
    others_pairs: int
    siblings_pairs: int
    suspects: float
    found: float | None = None
    found_of: int = 0
    sibling_instead: float | None = None
    stranger_instead: float | None = None
    versions: float | None = None
    versions_of: int = 0


@dataclass(frozen=True, slots=True)
class Sameness:
    """What is said of a suspect and the model nearest to it.

    Attributes:
        suspect: its name.
        other: the nearest model.
        score: mean of the two z.
        ratio: over the suspect's next highest similarity.
        similarity: phrasing, 0 to 1. 1 is the same words on every prompt.
        prompts: both answered.
        verdict: `same`, the model itself or one derived from it. `strict`, closer than siblings are, or
            `no evidence`.
        threshold: what decided. `None` if the pool is too small or too few prompts were answered: no test.
        equality: p-value of "both answer alike", if both answered prompts more than once (`equality`).
    """

    suspect: str
    other: str
    score: float
    ratio: float
    similarity: float
    prompts: int
    verdict: str
    threshold: Threshold | None
    equality: float | None = None


@dataclass(frozen=True, slots=True)
class SamenessScores:
    """Scores of every suspect (rows) and model (columns): see the module's text."""

    score: Matrix
    ratio: Matrix
    least: Matrix
    """The smaller of the two z."""

    def named(self, score: float) -> Bool:
        """Pairs that a threshold names."""
        found: Bool = (self.score >= score) & (self.ratio >= 1) & (self.least >= LEAST_Z)
        return found


def scores(values: Matrix, facts: Sequence[ModelFacts]) -> SamenessScores:
    """Score every pair.

    Args:
        values: phrasing, models x models. NaN if unknown.
        facts: one per model. Versions of a model are none of its others.
    """
    version = versions(facts).astype(float)
    np.fill_diagonal(version, 1)
    known = ~np.isnan(values) & (version == 0)
    filled = np.where(known, values, 0.0)
    count = known.sum(axis=1, keepdims=True) - known @ version
    total = filled.sum(axis=1, keepdims=True) - filled @ version
    squares = (filled**2).sum(axis=1, keepdims=True) - filled**2 @ version
    enough = count >= LEAST_OTHERS
    n = np.where(enough, count, np.nan)
    mean = total / n
    spread = np.sqrt(np.maximum(squares / n - mean**2, 0) * n / (n - 1))
    z = np.divide(values - mean, spread, out=np.full(values.shape, np.nan), where=spread > 0)
    highest = np.stack([np.where(known & (column == 0), values, -np.inf).max(axis=1) for column in version.T], axis=1)
    ratio = np.divide(values, highest, out=np.full(values.shape, np.nan), where=enough & (highest > 0))
    return SamenessScores((z + z.T) / 2, ratio, np.minimum(z, z.T))


def versions(facts: Sequence[ModelFacts]) -> Bool:
    """Models x models: True if one is documented to be a version of the other, or both of a third."""
    return np.array(
        [[a is not b and bool(({a.name} | a.copy_of) & ({b.name} | b.copy_of)) for b in facts] for a in facts],
        dtype=np.bool_,
    )


def siblings(facts: Sequence[ModelFacts], taught: Iterable[tuple[str, str]] = ()) -> Bool:
    """Models x models: True if something is known that makes two models alike: lab, base, lineage, name, teaching.

    Args:
        facts: one per model.
        taught: documented students and teachers.
    """
    pairs = {frozenset(pair) for pair in taught}
    return np.array(
        [
            [
                a.related(b)
                or bool(a.bases & b.bases)
                or _first_word(a.name) == _first_word(b.name)
                or frozenset((a.name, b.name)) in pairs
                for b in facts
            ]
            for a in facts
        ],
        dtype=np.bool_,
    )


def kin(a: ModelFacts, b: ModelFacts) -> bool:
    """Whether two models are documented to be of one lab or lineage, versions of each other, or go by one name."""
    return a.related(b) or _first_word(a.name) == _first_word(b.name)


@dataclass(frozen=True, slots=True)
class KinRule:
    """What it costs and brings that kin (`kin`) never lead a verdict as the same model: counts over a pool's models.

    Attributes:
        suspects: models taken as suspects, their own model not there.
        kin_named: for whom the nearest model is named, and is kin: what the rule keeps from leading.
        strangers_named: for whom it is named, and is not: what leads all the same.
        resold: pairs of a model and another lab's name that it might be sold under, itself there and so named.
        resold_hidden: of those, the pairs that go by one first word, or are of one lineage: what the rule hides.
        versions: documented versions of a model that is there (restyled, tuned further), their relation untold.
        versions_named: of those, the pairs in which the original is the nearest and named.
        versions_hidden: of those named, the pairs in which the rule hides it.
    """

    suspects: int
    kin_named: int
    strangers_named: int
    resold: int
    resold_hidden: int
    versions: int
    versions_named: int
    versions_hidden: int


def kin_rule(values: Matrix, facts: Sequence[ModelFacts], score: float) -> KinRule:
    """Measure the rule on a pool.

    Args:
        values: phrasing, models x models.
        facts: one per model.
        score: of the threshold.
    """
    names = range(len(facts))
    scored = scores(values, facts)
    near = [_nearest_named(scored, values, s, score) for s in names]
    hidden = [other is not None and kin(facts[s], facts[other]) for s, other in enumerate(near)]
    pairs = [(a, b) for a in facts for b in facts if a is not b and not (a.lab is not None and a.lab == b.lab)]
    untold = {s: dataclasses.replace(f, copy_of=frozenset()) for s, f in enumerate(facts) if len(f.copy_of) == 1}
    of = {s: next((i for i in names if facts[i].name in facts[s].copy_of), None) for s in untold}
    found = [
        kin(fact, facts[original])
        for s, fact in untold.items()
        if (original := of[s]) is not None
        and _nearest_named(scores(values, [*facts[:s], fact, *facts[s + 1 :]]), values, s, score) == original
    ]
    return KinRule(
        suspects=len(facts),
        kin_named=sum(hidden),
        strangers_named=sum(other is not None for other in near) - sum(hidden),
        resold=len(pairs),
        resold_hidden=sum(kin(a, b) for a, b in pairs),
        versions=sum(original is not None for original in of.values()),
        versions_named=len(found),
        versions_hidden=sum(found),
    )


def _nearest_named(scored: SamenessScores, values: Matrix, s: int, score: float) -> int | None:
    """The model nearest to another, if a threshold names it."""
    row = np.where(np.isnan(scored.score[s]), -np.inf, values[s])
    best = int(row.argmax())
    return best if np.isfinite(row[best]) and scored.named(score)[s, best] else None


def _first_word(name: str) -> str:
    return re.split(r"[^a-z]", name.lower().rpartition("/")[2], maxsplit=1)[0] or name


def calibrate(
    prints: fp.Fingerprints,
    facts: Sequence[ModelFacts],
    taught: Iterable[tuple[str, str]] = (),
    again: fp.Fingerprints | None = None,
    order: Sequence[int] | None = None,
    counts: Sequence[int] = COUNTS,
) -> list[Threshold]:
    """Find a pool's thresholds, one for each number of prompts. Empty if it has too few unrelated pairs.

    Args:
        prints: of the pool, with phrasing.
        facts: one per model.
        taught: documented students and teachers.
        again: second answers of some of the models to the same prompts, under the same names.
        order: indices of prompts in the order they are asked in. By default prompts are drawn, `DRAWS` times.
        counts: numbers of prompts.
    """
    total = len(prints.prompts)
    whole, cosines, answered = _with_again(prints, again)
    kin, version = siblings(facts, taught), versions(facts)
    found = []
    for n in [*(c for c in sorted(counts) if c < total), total]:
        draws = [_draw(order, total, n, seed) for seed in range(1 if order is not None or n == total else DRAWS)]
        parts = [_mean(cosines, answered, prompts) for prompts in draws]
        threshold = _threshold(parts, facts, kin, version, n, whole)
        if threshold is not None:
            found.append(threshold)
    return found


def _draw(order: Sequence[int] | None, total: int, n: int, seed: int) -> list[int]:
    chosen = np.random.default_rng(seed).permutation(total) if order is None else np.asarray(order)
    picked: list[int] = chosen[:n].tolist()
    return picked


def _with_again(prints: fp.Fingerprints, again: fp.Fingerprints | None) -> tuple[list[int], Matrix, Bool]:
    """Whose second answers are the rows after the pool's. Prompts x models x models of cosines. Who answered."""
    models = len(prints.models)
    part = dataclasses.replace(prints, features={CHANNEL: prints.features[CHANNEL]}, asked=None)
    rows: list[int] = []
    if again is not None:
        mark = "\x00"  # sorts a second answer's model behind nothing else: names do not hold it
        second = dataclasses.replace(
            again, models=tuple(mark + m for m in again.models), features={CHANNEL: again.features[CHANNEL]}
        )
        both = fp.join(part, second)
        order = [both.models.index(m) for m in prints.models]
        rows = [prints.models.index(m) for m in again.models if m in prints.models]
        order += [both.models.index(mark + prints.models[i]) for i in rows]
        every = similarity.per_prompt(both, CHANNEL)[:, order][:, :, order]
        keep = [both.prompts.index(p) for p in prints.prompts]
        return rows, every[keep], both.answered[order][:, keep]
    return rows, similarity.per_prompt(part, CHANNEL), prints.answered[:models]


def _mean(cosines: Matrix, answered: Bool, prompts: Sequence[int]) -> Matrix:
    """Phrasing on some of the prompts."""
    here = answered[:, list(prompts)].astype(float)
    shared = here @ here.T
    values = np.zeros(shared.shape)
    for p in prompts:
        values += cosines[p]
    mean: Matrix = np.divide(values, shared, out=np.full(shared.shape, np.nan), where=shared >= similarity.MIN_SHARED)
    np.fill_diagonal(mean, np.nan)
    return mean


def _threshold(
    parts: Sequence[Matrix], facts: Sequence[ModelFacts], kin: Bool, version: Bool, n: int, again: Sequence[int]
) -> Threshold | None:
    m = len(facts)
    off = ~np.eye(m, dtype=np.bool_) & ~version
    scored = [scores(part[:m, :m], facts) for part in parts]
    strange = [off & ~kin & ~np.isnan(s.score) for s in scored]
    close = [off & kin & ~np.isnan(s.score) for s in scored]
    if sum(mask.sum() for mask in strange) < LEAST_PAIRS * len(parts):
        return None

    def rate(masks: Sequence[Bool], score: float) -> float:
        named = sum(int(s.named(score)[mask].sum()) for s, mask in zip(scored, masks, strict=True))
        return named / max(sum(int(mask.sum()) for mask in masks), 1)

    fit = next((float(score) for score in GRID if rate(strange, score) <= OTHERS), None)
    if fit is None:
        return None
    strict = next((float(s) for s in GRID if s >= fit and rate(close, s) <= SIBLINGS), None)
    wrong = [(s.named(fit) & mask).any(axis=1).mean() for s, mask in zip(scored, strange, strict=True)]
    hits = [_named(part, facts, kin, m + k, i, fit) for part in parts for k, i in enumerate(again)]
    copies = [hit for part in parts for hit in _versions_named(part[:m, :m], facts, fit)]
    return Threshold(
        prompts=n,
        score=fit,
        strict=strict,
        others=rate(strange, fit),
        siblings=rate(close, fit),
        others_pairs=round(sum(mask.sum() for mask in strange) / len(parts)),
        siblings_pairs=round(sum(mask.sum() for mask in close) / len(parts)),
        suspects=float(np.mean(wrong)),
        found=_share(hits, "self"),
        found_of=round(sum(hit is not None for hit in hits) / len(parts)),
        sibling_instead=_share(hits, "sibling"),
        stranger_instead=_share(hits, "stranger"),
        versions=_share(copies, "self"),
        versions_of=round(len(copies) / len(parts)),
    )


def _share(hits: Sequence[str | None], what: str) -> float | None:
    known = [hit == what for hit in hits if hit is not None]
    return float(np.mean(known)) if known else None


def _named(part: Matrix, facts: Sequence[ModelFacts], kin: Bool, row: int, model: int, score: float) -> str | None:
    """Whom a model's second answers name: `self`, `sibling`, `stranger` or "" (nobody). `None`: nothing to compare."""
    rows = [*range(len(facts)), row]
    scored = scores(part[np.ix_(rows, rows)], [*facts, ModelFacts("\x00")])
    if np.isnan(scored.score[-1, model]):
        return None
    named = scored.named(score)[-1, :-1]
    if named[model] or not named.any():
        return "self" if named[model] else ""
    return "sibling" if (named & kin[model]).any() else "stranger"


def _versions_named(part: Matrix, facts: Sequence[ModelFacts], score: float) -> list[str | None]:
    """Whether every documented version of one model names it, its name and relations unknown."""
    place = {fact.name: i for i, fact in enumerate(facts)}
    found: list[str | None] = []
    for i, fact in enumerate(facts):
        original = next(iter(fact.copy_of)) if len(fact.copy_of) == 1 else None
        if original in place:
            told = [ModelFacts("\x00") if k == i else f for k, f in enumerate(facts)]
            named = scores(part, told)
            found.append("self" if named.named(score)[i, place[original]] else "")
    return found


def threshold_for(thresholds: Sequence[Threshold], prompts: int) -> Threshold | None:
    """The threshold of the greatest number of prompts that is not above the number asked. `None` below all."""
    fit = [t for t in thresholds if t.prompts <= prompts]
    return max(fit, key=lambda t: t.prompts) if fit else None


def nearest(
    prints: fp.Fingerprints,
    facts: Sequence[ModelFacts],
    suspect: str,
    thresholds: Sequence[Threshold],
    among: Iterable[str] | None = None,
    values: Matrix | None = None,
    scored: SamenessScores | None = None,
) -> Sameness | None:
    """The model that the suspect answers most like, candidate or not, and whether it may be that model itself.

    Args:
        prints: of the pool with the suspect in it.
        facts: one per model.
        suspect: its name.
        thresholds: of the pool, `calibrate`.
        among: models to look at. By default all others.
        values: phrasing of the pool (`Analysis.matrices`), if that was computed already.
        scored: `scores` of these, too.

    Returns:
        What is said of the nearest model. `None` if nothing can be compared.
    """
    asked = slice(None) if prints.asked is None else list(prints.asked)
    values = similarity.matrix(prints, CHANNEL) if values is None else values
    s = prints.models.index(suspect)
    scored = scores(values, facts) if scored is None else scored
    fit = [m for m in range(len(facts)) if not np.isnan(scored.score[s, m])]
    fit = [m for m in fit if among is None or prints.models[m] in set(among)]
    if not fit:
        return None
    best = max(fit, key=lambda m: (values[s, m], scored.score[s, m]))
    shared = int((prints.answered[s, asked] & prints.answered[best, asked]).sum())
    limit = threshold_for(thresholds, shared)
    score, ratio = float(scored.score[s, best]), float(scored.ratio[s, best])
    verdict = "no evidence"
    if limit is not None and scored.named(limit.score)[s, best]:
        verdict = "strict" if limit.strict is not None and score >= limit.strict else "same"
    return Sameness(suspect, prints.models[best], score, ratio, float(values[s, best]), shared, verdict, limit)


def told_alike(
    prints: fp.Fingerprints,
    facts: Sequence[ModelFacts],
    thresholds: Sequence[Threshold],
    values: Matrix,
    strangers: Collection[str],
) -> list[ModelFacts]:
    """The facts, with the models that strangers answer like (`ModelFacts.answers_like`).

    A model under a second name is nobody's null model. Two such models among 185 take the p-value of a documented
    student from .0001 to .005: each is a hundred times nearer to its original than an unrelated model is, and widens
    the null of everybody.

    Args:
        prints: of the pool.
        facts: one per model.
        thresholds: of the pool, `calibrate`. Without any nothing is told.
        values: phrasing, models x models.
        strangers: models of which no panel records anything. The others are what they are documented to be.
    """
    who = [i for i, fact in enumerate(facts) if fact.name in strangers]
    if not thresholds or not who:
        return list(facts)
    scored, told = scores(values, facts), list(facts)
    asked = slice(None) if prints.asked is None else list(prints.asked)
    there = prints.answered[:, asked].astype(np.int64)
    shared = there[who] @ there.T
    for i, both in zip(who, shared, strict=True):
        limits = [threshold_for(thresholds, int(n)) for n in both]
        least = np.array([np.inf if t is None or t.strict is None else t.strict for t in limits])
        alike = (scored.score[i] >= least) & (scored.least[i] >= LEAST_Z)
        found = frozenset(facts[m].name for m in np.flatnonzero(alike).tolist() if m != i)
        told[i] = dataclasses.replace(facts[i], answers_like=found)
    return told


def same_model(
    first: pl.DataFrame,
    second: pl.DataFrame,
    reference: fp.Fingerprints,
    facts: Sequence[ModelFacts],
    thresholds: Sequence[Threshold] | None = None,
) -> Sameness | None:
    """Whether two endpoints, or one name at two dates, answer like one model.

    Args:
        first: answers to the reference pool's prompts: columns `prompt_id`, `output`.
        second: the same of the other endpoint.
        reference: other models on the same prompts, with phrasing. A panel's, or of `fingerprint.fingerprint`.
        facts: one per reference model.
        thresholds: of the reference pool. By default they are found first.

    Returns:
        What is said of the second as a model that the first may be. `equality` if both answered prompts more than
        once. `None` if too few prompts are shared.

    Raises:
        ConfigError: an endpoint has no usable answer to the pool's prompts.
    """
    one, two = "\x00first", "\x00second"
    frame = pl.concat([first.select(pl.lit(one).alias("model"), "prompt_id", "output"),
                       second.select(pl.lit(two).alias("model"), "prompt_id", "output")])  # fmt: skip
    here = frame.filter(pl.col("prompt_id").is_in(list(reference.prompts)))
    prints = fp.reduce(fp.fingerprint(here, names=(CHANNEL,)))
    if len(prints.models) < 2:  # noqa: PLR2004
        raise ConfigError("an endpoint has no usable answer to the prompts of the reference pool")
    pool = dataclasses.replace(reference, features={CHANNEL: reference.features[CHANNEL]}, asked=None)
    pool = fp.reduce(pool)
    limits = calibrate(pool, facts) if thresholds is None else thresholds
    joined = fp.join(pool, prints)
    of = {fact.name: fact for fact in facts}
    told = [of.get(name, ModelFacts(name)) for name in joined.models]
    both = np.logical_and.reduce(prints.answered)
    asked = {prints.prompts[i] for i in np.flatnonzero(both)}
    shared = joined.subset(i for i, prompt in enumerate(joined.prompts) if prompt in asked)
    found = nearest(shared, told, one, limits, among={two})
    if found is None:
        return None
    return dataclasses.replace(found, suspect="first", other="second", equality=equality(first, second))


def equality(first: pl.DataFrame, second: pl.DataFrame, seed: int = 0) -> float | None:
    r"""P-value of "both draw their answers alike", by permutation within prompts.

    The statistic is \(\sum_p \overline{k}_{AA} + \overline{k}_{BB} - 2\overline{k}_{AB}\) over prompts, k the phrasing
    cosine of two answers: an unbiased squared maximum mean discrepancy. A small value says that the two differ: in the
    model, its version, quantisation, prompt or sampling.

    Args:
        first: columns `prompt_id`, `output`. Several rows a prompt.
        second: the same.
        seed: of the permutations.

    Returns:
        The p-value, 1 / (`PERMUTATIONS` + 1) at the least. `None` if no prompt has two answers from each.
    """
    several = [_numbered(frame, side) for side, frame in (("a", first), ("b", second))]
    counts = [f.group_by("prompt_id").len().filter(pl.col("len") > 1)["prompt_id"].to_list() for f in several]
    shared = sorted(set(counts[0]) & set(counts[1]))
    if not shared:
        return None
    frame = pl.concat(several).filter(pl.col("prompt_id").is_in(shared))
    prints = fp.fingerprint(frame, names=(CHANNEL,))
    cosines = similarity.per_prompt(prints, CHANNEL)
    sides = np.array([name.startswith("a") for name in prints.models])
    rng = np.random.default_rng(seed)
    total = np.zeros(PERMUTATIONS + 1)
    for p, values in enumerate(cosines):
        there = np.flatnonzero(prints.answered[:, p])
        mine = sides[there]
        if min(mine.sum(), (~mine).sum()) > 1:
            part = values[np.ix_(there, there)].copy()
            np.fill_diagonal(part, 0)
            total += _discrepancies(part, np.stack([mine, *(rng.permutation(mine) for _ in range(PERMUTATIONS))]))
    return float((1 + (total[1:] >= total[0] - 1e-12).sum()) / len(total))


def _numbered(frame: pl.DataFrame, side: str) -> pl.DataFrame:
    """Every answer to a prompt as a model of its own."""
    number = pl.int_range(pl.len()).over("prompt_id").cast(pl.String)
    return frame.select((pl.lit(side) + number).alias("model"), "prompt_id", "output")


def _discrepancies(values: Matrix, sides: Bool) -> Matrix:
    """The statistic of one prompt, for every way of dealing its answers to the two sides.

    One product for all ways: a thousand small sums took five times as long.

    Args:
        values: similarity of the answers, answers x answers, symmetric, with 0 on the diagonal.
        sides: ways x answers, True for the first side, which has as many answers in every way.

    Returns:
        One number per way.
    """
    a, b = sides[0].sum(), (~sides[0]).sum()
    ours = sides.astype(values.dtype)
    near = ours @ values
    first, across = (near * ours).sum(axis=1), (near * (1 - ours)).sum(axis=1)
    second = values.sum() - first - 2 * across
    found: Matrix = first / (a * (a - 1)) + second / (b * (b - 1)) - 2 * across / (a * b)
    return found
