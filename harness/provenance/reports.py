"""A suspect's findings: whom its answers resemble, how much more than unrelated models' do, and how sure that is.

Per prompt set (a `pools.Pool`): everybody who answered it, read against models that cannot have learnt from each
candidate. One way for every reader: the index, the leaderboard, the page and `harness provenance` all come here, and
what they read is a `finding.Finding`. Sentences come from `harness.provenance.wording` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.errors import ConfigError, unknown_name
from harness.provenance import (
    answer_kinds,
    coverage,
    domains,
    evidence,
    families,
    positives,
    same,
    uncertainty,
    wording,
)
from harness.provenance import calibration as cal
from harness.provenance.comparability import Coverage
from harness.provenance.evidence import Analysis
from harness.provenance.finding import (
    RIVALS,
    Conclusion,
    Domain,
    DomainScore,
    Finding,
    Lab,
    Member,
    NullKind,
    PairTest,
    SameModel,
    SelfScore,
    Span,
    strength,
)
from harness.provenance.pools import AGAIN, FEW, Pool

SCHEMA = 3
"""Of what `harness provenance --format json` prints."""
LEAST_IN_DOMAIN = 20
"""Prompts of one kind below which no score is given: the interval deals them to ten groups. No test is made."""
LEADING = 3
"""Candidates shown per kind of prompt."""
LEVEL = 0.95
"""Of the intervals of ranks, and so of the labs that a verdict names: each candidate whose interval holds rank 1."""
HUMAN = "human"
"""The lab of people: answers imported as a model of this lab are the floor."""


@dataclass(frozen=True)
class Study:
    """One pool with all that is computed once for everybody in it."""

    pool: Pool
    wanted: frozenset[str] = frozenset()
    """Candidates asked about besides those that may be teachers; where there are any, about nobody else."""
    interval: bool = True
    """Whether to compute how far scores and ranks depend on prompts and null models."""
    same_lab: bool = False
    """Whether candidates of a suspect's own lab are tested, too."""

    @cached_property
    def analysis(self) -> Analysis:
        """Scores of every model with every possible teacher, and with those wanted."""
        return dataclasses.replace(analysis_of(self.pool, {*self.wanted}), same_lab=self.same_lab)

    @cached_property
    def asked(self) -> Analysis:
        """The same with no candidates but those asked about."""
        whole = self.analysis
        kept = [c for c in whole.candidates if not self.wanted or whole.models[c] in self.wanted]
        return dataclasses.replace(whole, candidates=kept)

    @cached_property
    def spread(self) -> cal.Matrix | None:
        """`uncertainty.deviations`; `None` where nobody can be scored or nobody asked."""
        known = bool((~np.isnan(self.analysis.scores.z)).any())
        return uncertainty.deviations(self.analysis) if self.interval and known else None

    @cached_property
    def half(self) -> cal.Matrix | None:
        """Half the width of every score's interval: models x candidates."""
        return None if self.spread is None else uncertainty.half_widths(self.spread)

    @cached_property
    def raw(self) -> cal.Matrix:
        """How alike any two members are, before asking what that means."""
        return self.analysis.raw()

    @cached_property
    def unrelated(self) -> cal.Matrix:
        """Scores of pairs that cannot be related."""
        scores = self.analysis.scores
        pairs: cal.Matrix = scores.z[scores.unrelated & ~np.isnan(scores.z)]
        return pairs

    @cached_property
    def null(self) -> NullKind:
        """Which pairs those are: see `calibration.unrelated_pairs`."""
        every = bool((self.analysis.scores.unrelated == self.analysis.scores.null).all())
        return "null pairs" if every else "unrelated pairs"

    @cached_property
    def families(self) -> dict[str, dict[int, families.FamilyTest]]:
        """The family test of every lab that has a candidate and enough null models, by lab and model."""
        analysis, found = self.analysis, {}
        matrices = [analysis.matrices[name] for name in evidence.FAMILY if name in analysis.matrices]
        for lab, members in self.labs.items():
            which = families.family(analysis.facts, members)
            if len(which.null) >= cal.LEAST_NULL:
                found[lab] = families.family_tests(matrices, analysis.facts, which)
        return found

    @cached_property
    def labs(self) -> dict[str, list[int]]:
        """The candidates of every known lab."""
        found: dict[str, list[int]] = {}
        for c in self.analysis.candidates:
            lab = self.analysis.facts[c].lab
            if lab is not None:
                found.setdefault(lab, []).append(c)
        return dict(sorted(found.items()))

    @cached_property
    def scales(self) -> dict[str | None, positives.Scale | None]:
        """What scores are worth for a model of each lineage, which never vouches for itself."""
        lineages = {fact.lineage for fact in self.analysis.facts}
        return {name: positives.scale(self.documented, self.unrelated, name) for name in lineages}

    @cached_property
    def documented(self) -> tuple[positives.Positive, ...]:
        """Documented students with the scores they get in this analysis: see `positives.rescored`."""
        return tuple(positives.rescored(self.analysis, self.pool.positives))

    @cached_property
    def known(self) -> cal.Matrix:
        """What the pool's other lineages know of everybody's answers: models x channels, see `coverage.known`."""
        return coverage.known(self.pool.prints, self.pool.facts)

    def coverage_of(self, suspect: str) -> Coverage | None:
        """How much of a suspect's answers the pool knows."""
        return coverage.coverage(self.known, self.pool.facts, self.pool.prints.models.index(suspect))

    def incomparable(self, suspect: str) -> str | None:
        """Why a suspect's answers can be compared with nobody's here, in words; `None` where they can."""
        reading = self.pool.readings.get(suspect)
        wrapping = None if reading is None else reading.wrapping
        if wrapping is not None and wrapping.emptied >= answer_kinds.MOST * wrapping.answers:
            return wording.one_text(wrapping)
        known = self.coverage_of(suspect)
        if known is None or known.enough:
            return None
        return wording.unknown(known, None if reading is None else reading.kind)

    def interval_of(self, s: int, candidate: str, z: float | None) -> tuple[float | None, float | None]:
        """The interval of a suspect's score with a candidate; `None` where there is none."""
        return around(z, None if self.half is None else float(self.half[s, self.analysis.columns[candidate]]))


def findings(
    pools: Sequence[Pool],
    suspects: Collection[str],
    candidates: Iterable[str] = (),
    *,
    interval: bool = True,
    by_domain: bool | None = None,
    same_lab: bool = False,
) -> list[Finding]:
    """What can be said of suspects, one finding per prompt set and suspect in it.

    False discovery rates are over everything that is looked at for one suspect: all candidates on all of its sets.

    Args:
        pools: prompt sets.
        suspects: names of models.
        candidates: the models to ask about; by default every one that may be a teacher.
        interval: whether to compute how far scores and ranks depend on prompts and null models.
        by_domain: whether to say what each kind of prompt shows by itself; by default in pools of `FEW` models.
        same_lab: whether candidates of a suspect's own lab are tested, too.

    Raises:
        ConfigError: a candidate is in no pool.
    """
    wanted = frozenset(candidates)
    everybody = {name for pool in pools for name in pool.prints.models}
    for name in sorted(wanted - everybody):
        raise ConfigError(unknown_name("candidate", name, everybody))
    studies = [Study(pool, wanted, interval, same_lab) for pool in pools]
    return of_studies(studies, suspects, by_domain=by_domain)


def of_studies(studies: Sequence[Study], suspects: Collection[str], *, by_domain: bool | None = None) -> list[Finding]:
    """`findings` of sets that something else is read from, too."""
    return [one for suspect in suspects for one in _of(suspect, studies, by_domain)]


def _of(suspect: str, every: Sequence[Study], by_domain: bool | None) -> list[Finding]:
    studies = [study for study in every if study.pool.asks(suspect)]
    barred = [study.incomparable(suspect) for study in studies]
    fair = zip(studies, barred, strict=True)
    q = evidence.adjusted([{} if why else evidence.tested(study.asked, suspect) for study, why in fair])
    tests = [
        _withheld(study, suspect) if why else _tests(study, suspect, of)
        for study, of, why in zip(studies, q, barred, strict=True)
    ]
    labs = [[] if why else _labs(study, suspect, of) for study, of, why in zip(studies, tests, barred, strict=True)]
    over = iter(cal.benjamini_hochberg([lab.p for of in labs for lab in of if lab.p is not None]))
    labs = [[lab if lab.p is None else dataclasses.replace(lab, q=next(over)) for lab in of] for of in labs]
    number = sum(map(len, q))
    return [
        _finding(study, suspect, found, of, number, by_domain, why)
        for study, found, of, why in zip(studies, tests, labs, barred, strict=True)
    ]


def _withheld(study: Study, suspect: str) -> list[PairTest]:
    """The suspect's candidates without a score or a test: its answers can be compared with nobody's."""
    analysis = study.analysis
    told = []
    for test in evidence.pair_tests(study.asked, suspect):
        rival = test.verdict in RIVALS
        told.append(
            dataclasses.replace(
                test, z=None, p=None, q=None, channels={}, exceeded=None,
                verdict=test.verdict if rival else "not comparable",
                why=test.verdict if rival else "the answers are not comparable",
                lab=analysis.facts[analysis.index(test.candidate)].lab,
            )
        )  # fmt: skip
    return sorted(told, key=lambda test: test.candidate)


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


def _finding(
    study: Study, suspect: str, tests: list[PairTest], labs: list[Lab], number: int, by_domain: bool | None,
    incomparable: str | None,
) -> Finding:  # fmt: skip
    pool, analysis = study.pool, study.analysis
    s = analysis.index(suspect)
    apart = not incomparable and (len(analysis.models) <= FEW if by_domain is None else by_domain)
    strongest = next((test for test in tests if test.tested), None)
    named = any(lab.named for lab in labs)
    found = Finding(
        suspect=suspect,
        corpus=pool.corpus,
        version=pool.version,
        prompts=len(pool.prints.prompts),
        suspect_prompts=int(pool.prints.answered[s].sum()),
        models=len(analysis.models),
        panel=pool.panel,
        traces=pool.traces,
        verdict=verdict(tests),
        strength=strength(strongest),
        coverage=LEVEL if named and study.spread is not None else None,
        labs=tuple(labs),
        tests=tuple(tests),
        null=study.null,
        null_pairs=_null_pairs(study, s),
        p_floor=p_floor(study, s),
        nearest_of_all=None if incomparable else _nearest(study, s),
        sentence="",
        paragraph="",
        floor=_floor(analysis),
        ceiling=_ceiling(analysis),
        sampled_again=_again(pool, suspect, interval=study.interval),
        domains=_domains(study, s, {test.candidate for test in tests}) if apart else (),
        answers=pool.prints.dropped,
        same_model=None if incomparable else _same_model(study, suspect),
        released=analysis.facts[s].released,
        known=study.coverage_of(suspect),
        reading=pool.readings.get(suspect),
        incomparable=incomparable,
    )
    return dataclasses.replace(
        found,
        sentence=wording.said(found),
        paragraph=wording.paragraph(found),
        notes=wording.notes(
            found,
            number,
            study.scales[analysis.facts[s].lineage],
            (
                *wording.texts(found, pool.language),
                *wording.by_name(analysis.facts[s]),
                *wording.own_lab(found, analysis.facts[s].lab),
                *pool.about.get(suspect, ()),
                *pool.notes,
            ),
        ),
    )


def _same_model(study: Study, suspect: str) -> SameModel | None:
    """The nearest model of a set that says when models are the same."""
    pool = study.pool
    if not pool.same:
        return None
    values = study.analysis.matrices.get(same.CHANNEL)
    found = same.nearest(pool.prints, pool.facts, suspect, pool.same, values=values)
    if found is None:
        return None
    limit = found.threshold
    return SameModel(
        other=found.other,
        verdict="untestable" if limit is None else found.verdict,  # type: ignore[arg-type]
        score=found.score,
        ratio=found.ratio,
        threshold=None if limit is None else limit.score,
        prompts=found.prompts,
        sentence=wording.same_model(found),
        sibling=same.kin(
            study.analysis.facts[study.analysis.index(suspect)], study.analysis.facts[study.analysis.index(found.other)]
        ),
    )


def _tests(study: Study, suspect: str, q: Mapping[int, float]) -> list[PairTest]:
    """The suspect's tests with what other models, other prompts and documented students say of them."""
    analysis = study.analysis
    s = analysis.index(suspect)
    found = evidence.pair_tests(study.asked, suspect, q=q)
    worth = study.scales[analysis.facts[s].lineage]
    places = ranked(analysis, found, None if study.spread is None else study.spread[:, s])
    told = []
    for test in found:
        rank, rank_low, rank_high = places.get(test.candidate, (None, None, None))
        z_low, z_high = study.interval_of(s, test.candidate, test.z)
        ratio = worth.ratio(test.z) if worth and test.tested and test.z is not None else None
        fact = analysis.facts[analysis.index(test.candidate)]
        told.append(
            dataclasses.replace(
                test, why=_why(test, fact), lab=fact.lab, rank=rank, rank_low=rank_low, rank_high=rank_high,
                z_low=z_low, z_high=z_high, likelihood_ratio=ratio,
                power=positives.power(study.documented, test.candidate, suspect),
            )
        )  # fmt: skip
    return told


def _why(test: PairTest, fact: cal.ModelFacts) -> str | None:
    """What stood in the way of a test, in a few words; without a null, more prompts would not help."""
    if test.tested:
        return None
    if test.verdict in RIVALS:
        return test.verdict
    if test.null_size >= cal.LEAST_NULL:
        short = test.verdict == "not enough prompts"
        return f"fewer than {evidence.LEAST_PROMPTS} prompts answered by both" if short else "no channel compares them"
    if fact.released is None:
        return "no release date is documented"
    return f"fewer than {cal.LEAST_NULL} models are known not to have learnt from it"


def ranked(
    analysis: Analysis, found: Sequence[PairTest], spread: cal.Matrix | None
) -> dict[str, tuple[int, int | None, int | None]]:
    """Rank of every candidate tested, and its interval, by name.

    Args:
        analysis: of the pool.
        found: of one suspect.
        spread: the suspect's part of `uncertainty.deviations`: replicates x candidates; `None` gives no intervals.
    """
    tested = [test for test in found if test.tested]
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


def verdict(tests: Sequence[PairTest]) -> Conclusion:
    """The verdict over all candidates: `resembles`, `none`, `untestable`, `not enough prompts` or `not comparable`.

    Where no candidate has a null, more prompts would not help: that is `untestable`, however few there are.
    """
    said = {test.verdict for test in tests}
    if "not comparable" in said:
        return "not comparable"
    if "resembles" in said:
        return "resembles"
    if "none" in said:
        return "none"
    short = [test for test in tests if test.verdict == "not enough prompts"]
    return "not enough prompts" if any(test.null_size >= cal.LEAST_NULL for test in short) else "untestable"


def versions(tests: Sequence[PairTest]) -> list[PairTest]:
    """The candidates that a verdict names: those that cannot be told from the strongest.

    Where ranks have intervals, every candidate tested whose interval holds rank 1; elsewhere those resembled. None
    where nobody is resembled.
    """
    if verdict(tests) != "resembles":
        return []
    tested = [test for test in tests if test.tested]
    if any(test.rank_low is None for test in tested):
        return [test for test in tested if test.verdict == "resembles"]
    return [test for test in tested if test.rank_low == 1]


def _labs(study: Study, suspect: str, tests: Sequence[PairTest]) -> list[Lab]:
    """Every lab with a candidate, other than the suspect's own: those named first, then by the family test."""
    analysis = study.analysis
    s = analysis.index(suspect)
    named = versions(tests)
    rows = []
    for lab, members in study.labs.items():
        of = [test for test in tests if test.lab == lab]
        own = lab == analysis.facts[s].lab and not any(test.tested for test in of)
        if own or not of:
            continue
        within = tuple(test.candidate for test in named if test.lab == lab)
        later = all(analysis.facts[c].before(analysis.facts[s]) is False for c in members)
        asked = later or study.wanted or lab == analysis.facts[s].lab
        test = None if asked else study.families.get(lab, {}).get(s)
        rows.append(_lab(suspect, lab, within, of, test))
    rows += [Lab(None, True, 1, 1, (test.candidate,)) for test in named if test.lab is None]
    return sorted(rows, key=lambda row: (not row.named, row.p is None, row.p or 0.0, row.lab or ""))


def _lab(
    suspect: str, lab: str, within: tuple[str, ...], of: Sequence[PairTest], test: families.FamilyTest | None
) -> Lab:
    found = Lab(lab, bool(within), sum(t.tested for t in of), len(of), within)
    if test is None:
        return found
    return dataclasses.replace(
        found, p=test.p, null_size=test.null_size, null_lineages=test.null_lineages, exceeded=test.exceeded,
        sentence=wording.family_sentence(suspect, lab, test),
    )  # fmt: skip


def _null_pairs(study: Study, s: int) -> int:
    kin = cal.relations(study.analysis.facts)[s]
    scores = study.analysis.scores
    return int((scores.unrelated & ~np.isnan(scores.z))[~kin].sum())


def p_floor(study: Study, s: int) -> float | None:
    """The smallest p-value that a suspect's pool can give: 1 over one more than its unrelated pairs."""
    pairs = _null_pairs(study, s)
    return 1 / (pairs + 1) if pairs >= cal.LEAST_NULL else None


def _nearest(study: Study, s: int) -> Member | None:
    """The most similar of all members, candidate or not."""
    row = study.raw[s].copy()
    row[s] = np.nan
    if np.isnan(row).all():
        return None
    other = int(np.nanargmax(row))
    answered = study.pool.prints.answered
    name = study.analysis.models[other]
    both = int((answered[s] & answered[other]).sum())
    return Member(name, float(row[other]), name in study.pool.candidates, both)


def _floor(analysis: Analysis) -> Span | None:
    """Scores of answers that people wrote, over all candidates."""
    rows = [i for i, fact in enumerate(analysis.facts) if fact.lab == HUMAN]
    return _span(analysis.scores.z[rows].ravel().tolist())


def _again(pool: Pool, suspect: str, *, interval: bool) -> SelfScore | None:
    """The score of one half of a suspect's repeated answers with the other half; `None` where none can be had."""
    if pool.again is None or not {AGAIN, suspect} <= set(pool.again.prints.models):
        return None
    study = Study(pool.again, frozenset([suspect]), interval)
    analysis = study.analysis
    s, c = analysis.index(AGAIN), analysis.index(suspect)
    column = analysis.column(c)
    z = math.nan if column is None else float(analysis.scores.z[s, column])
    if math.isnan(z):
        return None
    n = int((analysis.prints.answered[s] & analysis.prints.answered[c]).sum())
    return SelfScore(z, *study.interval_of(s, suspect, z), n)


def _ceiling(analysis: Analysis) -> Span | None:
    """Scores of a model sampled again or restyled with the model it is a version of."""
    found = [
        analysis.scores.z[i, b]
        for i, fact in enumerate(analysis.facts)
        if fact.copy_of
        for b, c in enumerate(analysis.candidates)
        if analysis.models[c] in fact.copy_of
    ]
    return _span([float(z) for z in found])


def _domains(study: Study, s: int, asked: Collection[str]) -> tuple[Domain, ...]:
    """What each kind of prompt shows by itself.

    Scores with their intervals and no p-values: the tests are those over all prompts. Of the candidates asked about
    that have a score, enough null models with one and no rival explanation, the strongest `LEADING`.
    """
    found = []
    for name in domains.DOMAINS:
        kept = [i for i, prompt in enumerate(study.pool.prints.prompts) if study.pool.domains.get(prompt) == name]
        n = int(study.pool.prints.answered[s, kept].sum())
        if 0 < n < LEAST_IN_DOMAIN:
            found.append(Domain(name, n, "not enough prompts"))
        elif n:
            found.append(_domain(study, name, kept, s, asked))
    return tuple(found)


def _domain(study: Study, name: str, kept: Sequence[int], s: int, asked: Collection[str]) -> Domain:
    whole = study.analysis
    prints = whole.prints.subset(kept)
    prints = dataclasses.replace(prints, features={c: prints.features[c] for c in whole.channels})
    pool = dataclasses.replace(study.pool, prints=prints, again=None)
    part = Study(pool, study.wanted, study.interval, study.same_lab)
    analysis = part.analysis
    fit = [
        test
        for test in evidence.pair_tests(analysis, analysis.models[s])
        if test.candidate in asked
        and test.z is not None
        and test.null_size >= cal.LEAST_NULL
        and analysis.rival(s, analysis.index(test.candidate)) is None
    ]
    best = sorted(fit, key=lambda test: (-(test.z or 0.0), test.candidate))[:LEADING]
    scores = tuple(
        DomainScore(test.candidate, test.z, *part.interval_of(s, test.candidate, test.z), test.prompts)
        for test in best
        if test.z is not None
    )
    n = int(study.pool.prints.answered[s, list(kept)].sum())
    return Domain(name, n, "scored" if fit else "untestable", scores)


def around(z: float | None, half: float | None) -> tuple[float | None, float | None]:
    """The interval of a score, low and high; `None` where there is none.

    Args:
        z: the score.
        half: half the interval's width, NaN or `None` where unknown.
    """
    if z is None or half is None or math.isnan(half):
        return None, None
    return z - half, z + half


def _span(values: Sequence[float]) -> Span | None:
    """Median, extremes and how many."""
    known = np.array([z for z in values if not math.isnan(z)])
    if not len(known):
        return None
    return Span(float(np.median(known)), float(known.min()), float(known.max()), len(known))
