"""A suspect's findings: whom its answers resemble, how much more than unrelated models' do, and how sure that is.

Per prompt set (a `pools.Pool`): everybody who answered it, read against models that cannot have learnt from each
candidate. One way for every reader: the index, the leaderboard, the page and `harness provenance` all come here, and
what they read is a `finding.Finding`. Sentences come from `harness.provenance.verdicts.wording` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.errors import ConfigError, unknown_name
from harness.provenance.answers import answer_kinds, domains
from harness.provenance.answers.comparability import Familiarity
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import coverage, evidence, positives, rivals, same, similarity, style, uncertainty
from harness.provenance.comparison.evidence import Analysis
from harness.provenance.comparison.finding import (
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
from harness.provenance.comparison.registry import panel_facts
from harness.provenance.verdicts import notices, wording
from harness.provenance.verdicts.pools import AGAIN, FEW, Pool

SCHEMA = 4
"""Of what `harness provenance --format json` prints."""
LEAST_IN_DOMAIN = 20
"""Prompts of one kind below which no score is given: the interval deals them to ten groups. No test is made."""
LEADING = 3
"""Candidates shown per kind of prompt."""
ENDINGS = "closings"
"""The channel that reads how answers end."""
HUMAN = "human"
"""The lab of people: answers imported as a model of this lab are the floor."""


@dataclass(frozen=True)
class Study:
    """One pool with all that is computed once for everybody in it."""

    pool: Pool
    wanted: frozenset[str] = frozenset()
    """Candidates asked about besides those that may be teachers. If there are any, about nobody else."""
    interval: bool = True
    """Whether to compute how far scores and ranks depend on prompts and null models."""
    same_lab: bool = False
    """Whether candidates of a suspect's own lab are tested, too."""

    @cached_property
    def analysis(self) -> Analysis:
        """Scores of every model with every possible teacher, and with those wanted."""
        return analysis_of(self.pool, self.wanted, same_lab=self.same_lab)

    @cached_property
    def asked(self) -> Analysis:
        """The same with no candidates but those asked about."""
        whole = self.analysis
        kept = [c for c in whole.candidates if not self.wanted or whole.models[c] in self.wanted]
        return dataclasses.replace(whole, candidates=kept)

    @cached_property
    def spread(self) -> cal.Matrix | None:
        """`uncertainty.deviations`. `None` if nobody can be scored or nobody asked."""
        known = bool((~np.isnan(self.analysis.z)).any())
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
        """Which pairs p-values are read against: see `calibration.unrelated_pairs`."""
        reading = self.analysis.main
        if reading is not self.analysis.dated:
            return "all dates"
        every = bool((reading.scores.unrelated == reading.scores.null).all())
        return "null pairs" if every else "unrelated pairs"

    @cached_property
    def sameness(self) -> same.SamenessScores | None:
        """What says who is the same model, of every pair."""
        values = self.analysis.matrices.get(same.CHANNEL)
        return None if values is None else same.scores(values, self.pool.facts)

    @cached_property
    def floor(self) -> Span | None:
        """Scores of answers that people wrote, over all candidates."""
        return _floor(self.analysis)

    @cached_property
    def ceiling(self) -> Span | None:
        """Scores of a model sampled again or restyled with the model it is a version of."""
        return _ceiling(self.analysis)

    @cached_property
    def labs(self) -> dict[str, list[int]]:
        """The candidates of every lab, by `calibration.lab_of`."""
        found: dict[str, list[int]] = {}
        for c in self.asked.candidates:
            found.setdefault(cal.lab_of(self.analysis.facts[c]), []).append(c)
        return dict(sorted(found.items()))

    @cached_property
    def taught(self) -> rivals.Taught:
        """Documented students and their teachers."""
        return frozenset((student, teacher) for student, teacher, _ in self.pool.taught)

    @cached_property
    def gaps(self) -> list[positives.Gap]:
        """How far the labs of documented students' teachers are from the highest score."""
        return positives.gaps(self.analysis, self.pool.taught)

    @cached_property
    def naming(self) -> dict[str, dict[str, bool]]:
        """Whether a verdict names the teacher's lab of each documented student, by lab and student."""
        return positives.naming(self.analysis, self.pool.taught)

    @cached_property
    def scales(self) -> dict[str | None, positives.Scale | None]:
        """What scores are worth for a model of each suspect's lineage, which never vouches for itself."""
        lineages = {fact.lineage for fact in self.analysis.facts if self.pool.asks(fact.name)}
        return {name: positives.scale(self.documented, self.unrelated, name) for name in lineages}

    @cached_property
    def documented(self) -> tuple[positives.Positive, ...]:
        """Documented students with the scores they get in this analysis: of as many prompts as were asked."""
        return tuple(positives.scored(self.analysis, self.pool.taught))

    @cached_property
    def by_teacher(self) -> dict[str, list[positives.Positive]]:
        """The documented students of every teacher."""
        found: dict[str, list[positives.Positive]] = {}
        for pair in self.documented:
            found.setdefault(pair.teacher, []).append(pair)
        return found

    @cached_property
    def known(self) -> cal.Matrix:
        """What the pool's other lineages know of everybody's answers: models x channels, see `coverage.known`."""
        return coverage.known(self.pool.prints, self.pool.facts)

    @cached_property
    def _coverages(self) -> dict[str, Familiarity | None]:
        return {}

    def coverage_of(self, suspect: str) -> Familiarity | None:
        """How much of a suspect's answers the pool knows. Made once."""
        if suspect not in self._coverages:
            place, read = self.pool.prints.models.index(suspect), self.left(suspect) or evidence.EVIDENCE
            values = self.known[:, [evidence.EVIDENCE.index(name) for name in read]]
            self._coverages[suspect] = coverage.coverage(values, self.pool.facts, place, read)
        return self._coverages[suspect]

    def left(self, suspect: str) -> tuple[str, ...]:
        """The channels that are read of a suspect whose style the set hardly knows. Empty: all are read."""
        return style.LEFT if suspect in self.pool.styled else ()

    def incomparable(self, suspect: str) -> str | None:
        """Why a suspect's answers can be compared with nobody's here, in words. `None` if they can."""
        reading = self.pool.readings.get(suspect)
        wrapping = None if reading is None else reading.wrapping
        if wrapping is not None and wrapping.emptied >= answer_kinds.MOST * wrapping.answers:
            return notices.one_text(wrapping)
        known = self.coverage_of(suspect)
        if known is not None and not known.enough:
            return notices.unknown(known, None if reading is None else reading.kind)
        woven = reading is not None and reading.lacking and not self.left(suspect)
        return notices.woven(reading.lacking) if reading is not None and woven else None

    def interval_of(self, s: int, candidate: str, z: float | None) -> tuple[float | None, float | None]:
        """The interval of a suspect's score with a candidate. `None` if there is none."""
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
        candidates: the models to ask about. By default every one that may be a teacher.
        interval: whether to compute how far scores and ranks depend on prompts and null models.
        by_domain: whether to say what each kind of prompt shows by itself. By default in pools of `FEW` models.
        same_lab: whether candidates of a suspect's own lab are tested, too.

    Raises:
        ConfigError: a candidate is in no pool.
    """
    wanted = frozenset(candidates)
    everybody = {name for pool in pools for name in pool.prints.models}
    for name in sorted(wanted - everybody):
        raise ConfigError(unknown_name("candidate", name, everybody))
    asked = [dataclasses.replace(pool, suspects=frozenset(filter(pool.asks, suspects))) for pool in pools]
    return of_studies([Study(pool, wanted, interval, same_lab) for pool in asked], suspects, by_domain=by_domain)


def of_studies(studies: Sequence[Study], suspects: Collection[str], *, by_domain: bool | None = None) -> list[Finding]:
    """`findings` of sets that something else is read from, too."""
    return [one for suspect in suspects for one in _of(suspect, studies, by_domain)]


def _of(suspect: str, every: Sequence[Study], by_domain: bool | None) -> list[Finding]:
    studies = [study for study in every if study.pool.asks(suspect)]
    barred = [study.incomparable(suspect) for study in studies]
    labs = [[] if why else evidence.lab_tests(study.asked, suspect) for study, why in zip(studies, barred, strict=True)]
    number = sum(map(len, labs))
    rates = evidence.adjusted(labs, [style.READINGS if study.left(suspect) else 1 for study in studies])
    return [
        _finding(study, suspect, of, q, number, by_domain, why)
        for study, of, q, why in zip(studies, labs, rates, barred, strict=True)
    ]


def _withheld(tests: Iterable[PairTest]) -> list[PairTest]:
    """The tests without a score: the suspect's answers can be compared with nobody's."""
    blank = PairTest("", "not comparable", None, None, None, {}, 0, None, 0)
    told = []
    for test in tests:
        rival = test.verdict in RIVALS
        told.append(
            dataclasses.replace(
                blank,
                candidate=test.candidate,
                verdict=test.verdict if rival else "not comparable",
                null_size=test.null_size,
                prompts=test.prompts,
                why=test.verdict if rival else "the answers are not comparable",
                lab=test.lab,
            )
        )
    return sorted(told, key=lambda test: test.candidate)


def analysis_of(pool: Pool, wanted: Collection[str] = (), *, same_lab: bool = False) -> Analysis:
    """Calibrated scores of a pool.

    Every possible teacher's unrelated pairs make up the pooled null, whoever is asked about.

    Args:
        pool: of models on one prompt set.
        wanted: further candidates.
        same_lab: whether candidates of a suspect's own lab are tested, too.
    """
    names = pool.prints.models
    columns = [i for i, name in enumerate(names) if name in pool.candidates.union(wanted)]
    matrices = {name: similarity.matrix(pool.prints, name) for name in pool.prints.features}
    facts = list(pool.facts)
    if same.CHANNEL in matrices:
        strangers = set(names) - set(panel_facts().models)
        facts = same.told_alike(pool.prints, facts, pool.same, matrices[same.CHANNEL], strangers)
    return evidence.calibrated(pool.prints, facts, columns, matrices, same_lab=same_lab)


def _finding(
    study: Study,
    suspect: str,
    found_labs: Sequence[evidence.LabTest],
    q: Mapping[str, float],
    number: int,
    by_domain: bool | None,
    incomparable: str | None,
) -> Finding:
    pool, analysis = study.pool, study.analysis
    s = analysis.index(suspect)
    apart = not incomparable and (len(analysis.models) <= FEW if by_domain is None else by_domain)
    tests = _tests(study, suspect, evidence.of_versions(found_labs, q))
    labs = [] if incomparable else _labs(study, suspect, tests, found_labs, q)
    tests = _withheld(tests) if incomparable else tests
    strongest = next((test for test in tests if test.tested), None)
    found = Finding(
        suspect=suspect,
        corpus=pool.corpus,
        version=pool.version,
        prompts=len(pool.prints.prompts),
        suspect_prompts=int(pool.prints.answered[s].sum()),
        models=len(analysis.models),
        panel=pool.panel,
        traces=pool.traces,
        verdict=verdict(tests, labs),
        strength=strength(strongest, next((lab for lab in labs if lab.named), None), whole=not study.left(suspect)),
        coverage=positives.COVERAGE if any(lab.possible for lab in labs) else None,
        labs=tuple(labs),
        tests=tuple(tests),
        null=study.null,
        null_pairs=len(_null_pairs(study, s)),
        p_floor=p_floor(study, s),
        nearest_of_all=None if incomparable else _nearest(study, s),
        sentence="",
        paragraph="",
        floor=study.floor,
        ceiling=study.ceiling,
        sampled_again=_again(pool, suspect, interval=study.interval),
        domains=_domains(study, s, {test.candidate for test in tests}) if apart else (),
        answers=pool.prints.dropped,
        same_model=None if incomparable else _same_model(study, suspect),
        released=analysis.facts[s].released,
        known=study.coverage_of(suspect),
        reading=pool.readings.get(suspect),
        incomparable=incomparable,
        left=study.left(suspect),
        naming=positives.counts(study.naming, labs, suspect),
    )
    return dataclasses.replace(
        found,
        sentence=wording.said(found),
        paragraph=wording.paragraph(found),
        notes=wording.notes(
            found,
            number,
            study.scales[analysis.facts[s].lineage],
            study.naming,
            (
                *notices.texts(found, pool.language),
                *_endings(study, s, found),
                *notices.by_name(analysis.facts[s]),
                *notices.own_lab(found, analysis.facts[s].lab),
                *pool.about.get(suspect, ()),
                *pool.notes,
            ),
        ),
    )


def _endings(study: Study, s: int, found: Finding) -> tuple[str, ...]:
    """That a suspect that was tested has too few endings to compare. Nothing if it has enough."""
    prints = study.pool.prints
    if ENDINGS not in prints.features or not found.tested:
        return ()
    ended = int(similarity.read(similarity.on_asked(prints, ENDINGS), ENDINGS)[s].sum())
    if ended >= similarity.least(traces=prints.traces):
        return ()
    return (notices.endings(found.suspect, ended, found.suspect_prompts),)


def _same_model(study: Study, suspect: str) -> SameModel | None:
    """The nearest model of a set that says when models are the same."""
    pool = study.pool
    if not pool.same:
        return None
    values = study.analysis.matrices.get(same.CHANNEL)
    found = same.nearest(pool.prints, pool.facts, suspect, pool.same, values=values, scored=study.sameness)
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
        wrongly=None if limit is None else limit.suspects,
        sibling=same.kin(pool.facts[study.analysis.index(suspect)], pool.facts[study.analysis.index(found.other)]),
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
        known = worth is not None and test.tested and test.z is not None and not test.weaker
        ratio = worth.ratio(test.z) if known and worth and test.z is not None else None
        fact = analysis.facts[analysis.index(test.candidate)]
        told.append(
            dataclasses.replace(
                test, why=_why(test, fact), lab=fact.lab, rank=rank, rank_low=rank_low, rank_high=rank_high,
                z_low=z_low, z_high=z_high, likelihood_ratio=ratio,
                power=positives.power(study.by_teacher.get(test.candidate, ()), test.candidate, suspect),
            )
        )  # fmt: skip
    return told


def _why(test: PairTest, fact: cal.ModelFacts) -> str | None:
    """What stood in the way of a test, in a few words. Without a null, more prompts would not help."""
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
        spread: the suspect's part of `uncertainty.deviations`: replicates x candidates. `None` gives no intervals.
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


def verdict(tests: Sequence[PairTest], labs: Sequence[Lab]) -> Conclusion:
    """The verdict over all labs: `resembles`, `none`, `untestable`, `not enough prompts` or `not comparable`.

    If no candidate has a null, more prompts would not help: that is `untestable`, however few there are.
    """
    if any(test.verdict == "not comparable" for test in tests):
        return "not comparable"
    if any(lab.named for lab in labs):
        return "resembles"
    if any(test.tested for test in tests):
        return "none"
    short = [test for test in tests if test.verdict == "not enough prompts"]
    return "not enough prompts" if any(test.null_size >= cal.LEAST_NULL for test in short) else "untestable"


def versions(study: Study, suspect: str, tests: Sequence[PairTest]) -> list[str]:
    """Of one lab's candidates those that cannot be told from the strongest, which comes first.

    If ranks have intervals, every candidate whose interval among them holds rank 1. Elsewhere those resembled.

    Args:
        study: of the set.
        suspect: its name.
        tests: of the lab's candidates, the strongest first.
    """
    tested = [test for test in tests if test.tested]
    alike = [test for test in tested if test.weaker == tested[0].weaker]
    best = max(alike, key=lambda test: test.z or 0.0)
    if study.spread is None:
        return [best.candidate, *(t.candidate for t in alike if t.verdict == "resembles" and t is not best)]
    places = ranked(study.analysis, alike, study.spread[:, study.analysis.index(suspect)])
    return [best.candidate, *(t.candidate for t in alike if places[t.candidate][1] == 1 and t is not best)]


def _labs(
    study: Study,
    suspect: str,
    tests: Sequence[PairTest],
    found: Sequence[evidence.LabTest],
    q: Mapping[str, float],
) -> list[Lab]:
    """Every lab with a candidate, other than the suspect's own: those named first, the nearest first, then by p."""
    analysis = study.analysis
    s = analysis.index(suspect)
    near = _possible(study, suspect) if any(q[test.lab] <= evidence.ALPHA for test in found) else set()
    of = {test.lab: test for test in found}
    rows = []
    for name, members in study.labs.items():
        own = name == cal.lab_of(analysis.facts[s]) and name not in of
        if own or members == [s]:
            continue
        names = {analysis.models[c] for c in members}
        mine = [test for test in tests if test.candidate in names]
        row = Lab(analysis.facts[members[0]].lab, False, sum(t.tested for t in mine), len(mine), possible=name in near)
        rows.append((_lab(study, suspect, row, mine, of[name], q[name]) if name in of else row, of.get(name)))

    def order(row: tuple[Lab, evidence.LabTest | None]) -> tuple[bool, float, bool, float, float, str]:
        lab, test = row
        near = -test.z if test is not None and lab.named else 0.0
        return not lab.named, near, lab.p is None, lab.q or 0.0, lab.p or 0.0, lab.lab or ""

    return [lab for lab, _ in sorted(rows, key=order)]


def _lab(study: Study, suspect: str, row: Lab, tests: Sequence[PairTest], found: evidence.LabTest, q: float) -> Lab:
    row = dataclasses.replace(
        row, p=found.p, q=q, null_size=found.null_size, exceeded=found.exceeded, weaker=found.weaker
    )
    if q > evidence.ALPHA:
        return row
    within = versions(study, suspect, tests)
    analysis = study.analysis
    against = rivals.of(analysis, study.taught, study.raw, analysis.index(suspect), analysis.index(within[0]))
    return dataclasses.replace(row, named=True, versions=tuple(within), rivals=against)


def _possible(study: Study, suspect: str) -> set[str]:
    """The labs within the gap that holds a documented student's teacher at `positives.COVERAGE`."""
    analysis = study.analysis
    gap = positives.cut(study.gaps, analysis.facts[analysis.index(suspect)].lineage)
    scores = positives.lab_scores(analysis, suspect)
    if gap is None or not scores or study.wanted:
        return set()
    return {lab for lab, z in scores.items() if max(scores.values()) - z <= gap}


def _null_pairs(study: Study, s: int) -> cal.Matrix:
    """Scores of the pairs that a suspect's p-values are read against."""
    kin, scores = ~study.analysis.strangers[s], study.analysis.main.scores
    pairs: cal.Matrix = scores.z[scores.unrelated & ~np.isnan(scores.z) & ~kin[:, None]]
    return pairs


def p_floor(study: Study, s: int) -> float | None:
    """The smallest p-value that a suspect's pool can give: see `calibration.Tail`."""
    pairs = _null_pairs(study, s)
    return cal.Tail(pairs).least if len(pairs) >= cal.LEAST_NULL else None


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
    return _span(analysis.z[rows].ravel().tolist())


def _again(pool: Pool, suspect: str, *, interval: bool) -> SelfScore | None:
    """The score of one half of a suspect's repeated answers with the other half. `None` if none can be had."""
    if pool.again is None or not {AGAIN, suspect} <= set(pool.again.prints.models):
        return None
    study = Study(pool.again, frozenset([suspect]), interval)
    analysis = study.analysis
    s, c = analysis.index(AGAIN), analysis.index(suspect)
    column = analysis.column(c)
    z = math.nan if column is None else float(analysis.z[s, column])
    if math.isnan(z):
        return None
    n = int((analysis.prints.answered[s] & analysis.prints.answered[c]).sum())
    return SelfScore(z, *study.interval_of(s, suspect, z), n)


def _ceiling(analysis: Analysis) -> Span | None:
    """Scores of a model sampled again or restyled with the model it is a version of."""
    found = [
        analysis.z[i, b]
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
    prints = dataclasses.replace(prints, features={c: prints.features[c] for c in whole.dated.channels})
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
    """The interval of a score, low and high. `None` if there is none.

    Args:
        z: the score.
        half: half the interval's width, NaN or `None` if unknown.
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
