"""From answers to evidence: which candidates a suspect resembles more than unrelated models do, or none, or unknown.

The chain is fingerprints -> one similarity matrix per channel -> z against each candidate's null -> mean over
channels, less what the suspect scores with its nearest candidates of other labs -> the nearest two of each lab's
versions -> p against the pooled null -> false discovery rate over labs, each weighted by its versions, then over the
versions of each lab found -> a verdict in words. It is gone through with the dated null, and again with the all-date
null for candidates that have no dated one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from harness.errors import ConfigError, unknown_name
from harness.provenance.answers.fingerprint import Fingerprints, channel
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import Bool, Labs, Matrix, ModelFacts, PairScores
from harness.provenance.comparison.finding import PairConclusion, PairTest

EVIDENCE = ("openings", "sentences", "templates", "closings", "phrasing")
"""Channels that are combined. The others are shown beside them: on AlpacaEval they added noise, not power
(docs/provenance-measured.md)."""
VERSION = ("phrasing", "words")
"""Channels that answer whether two models are versions of one: what is said survives a change of style."""
ALPHA = 0.05
LEAST_PROMPTS = 50
"""Prompts below which no verdict is given. The power curve of `validate` is why."""


@dataclass(frozen=True)
class NullScores:
    """The scores of a pool against one kind of null.

    Attributes:
        channels: calibrated scores per combined channel.
        scores: their average, less what the suspect scores with its nearest candidates of other labs.
        p: p-value per model and candidate, NaN if untestable.
    """

    channels: Mapping[str, PairScores]
    scores: PairScores
    p: Matrix


@dataclass(frozen=True)
class Analysis:
    """Everything computed for one pool of models on one set of prompts.

    Attributes:
        prints: the fingerprints.
        facts: what is documented of each model, in the fingerprints' order.
        candidates: indices of possible teachers that are asked about.
        matrices: raw similarity per channel.
        dated: read against models that cannot have learnt from the candidate.
        labs: the mean dated score with a lab's two nearest versions, calibrated.
        lab_p: p-value per model and lab, NaN if untestable.
        every_date: read against all models of other labs. `None` if every pair that is tested has a dated null.
        same_lab: whether candidates of a suspect's own lab are tested all the same.
    """

    prints: Fingerprints
    facts: Sequence[ModelFacts]
    candidates: Sequence[int]
    matrices: dict[str, Matrix]
    dated: NullScores
    labs: Labs
    lab_p: Matrix
    every_date: NullScores | None = None
    same_lab: bool = False

    @property
    def scores(self) -> PairScores:
        """Of the dated null."""
        return self.dated.scores

    @cached_property
    def weaker(self) -> Bool:
        """Models x candidates: True if the pair is read against the all-date null, the weaker evidence."""
        if self.every_date is None:
            return np.zeros(self.dated.p.shape, dtype=np.bool_)
        found: Bool = np.isnan(self.dated.p) & ~np.isnan(self.every_date.p)
        return found

    @cached_property
    def z(self) -> Matrix:
        """Scores, each against its null: models x candidates, NaN if there is none."""
        return self._either(self.dated.scores.z, lambda reading: reading.scores.z)

    @cached_property
    def p(self) -> Matrix:
        """P-values, each against its null: models x candidates, NaN if untestable."""
        return self._either(self.dated.p, lambda reading: reading.p)

    def of_channel(self, name: str) -> Matrix:
        """Scores of one channel, less what is taken out of their mean, each against its null: models x candidates."""
        return self._either(self.dated.channels[name].z, lambda reading: reading.channels[name].z)

    @cached_property
    def null_size(self) -> npt.NDArray[np.int64]:
        """Null models behind each score, those related to the row's model left out: models x candidates."""
        dated = self.dated.scores.null_size
        return dated if self.every_date is None else np.where(self.weaker, self.every_date.scores.null_size, dated)

    @property
    def main(self) -> NullScores:
        """The null of most of the pool: dated, unless nobody has a dated one."""
        undated = self.every_date is not None and bool(np.isnan(self.dated.p).all())
        return self.every_date if undated and self.every_date is not None else self.dated

    def _either(self, dated: Matrix, of: Callable[[NullScores], Matrix]) -> Matrix:
        return dated if self.every_date is None else np.where(self.weaker, of(self.every_date), dated)

    def kind(self, *, weaker: bool) -> NullScores:
        """The scores against one kind of null."""
        return self.every_date if weaker and self.every_date is not None else self.dated

    def reading(self, suspect: int, column: int) -> NullScores:
        """Against which null a pair is read."""
        return self.kind(weaker=bool(self.weaker[suspect, column]))

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in the order of every matrix."""
        return self.prints.models

    def index(self, name: str) -> int:
        """Row of a model.

        Raises:
            ConfigError: the pool has no such model.
        """
        if name not in self._rows:
            raise ConfigError(unknown_name("model", name, self.models))
        return self._rows[name]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.models)}

    def column(self, model: int) -> int | None:
        """Column of a candidate in `z` and `p`."""
        return self._places.get(model)

    @cached_property
    def _places(self) -> dict[int, int]:
        return {int(c): b for b, c in enumerate(self.scores.candidates)}

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of every candidate in `z` and `p`, by name."""
        return {self.models[c]: b for b, c in enumerate(self.scores.candidates)}

    @cached_property
    def testable(self) -> Bool:
        """Models x candidates: True if the candidate is tested as the model's teacher: see `open_pairs`."""
        return open_pairs(self.facts, self.scores.candidates.tolist(), same_lab=self.same_lab)

    @cached_property
    def strangers(self) -> Bool:
        """Models x models: True if two are not related (`calibration.relations`)."""
        apart: Bool = ~cal.relations(self.facts)
        return apart

    @cached_property
    def exceeded(self) -> npt.NDArray[np.int64]:
        """How many of those null models score below the row's model: models x candidates."""
        dated = cal.exceeded(self.dated.scores, self.facts)
        if self.every_date is None:
            return dated
        return np.where(self.weaker, cal.exceeded(self.every_date.scores, self.facts), dated)

    @cached_property
    def lab_exceeded(self) -> npt.NDArray[np.int64]:
        """The same of labs: models x labs."""
        return cal.exceeded(self.labs.scores, self.facts)

    @cached_property
    def shared(self) -> npt.NDArray[np.int64]:
        """Models x models: prompts that both answered."""
        answered = self.prints.answered.astype(np.float32)
        both: npt.NDArray[np.int64] = (answered @ answered.T).round().astype(np.int64)
        return both

    @cached_property
    def lab_tests(self) -> Mapping[str, Sequence[LabTest]]:
        """What `lab_tests` finds of each model: made when it is asked for, and kept."""
        return _LabTests(self)

    def raw(self, names: Sequence[str] = EVIDENCE) -> Matrix:
        """Average of standardised raw similarities: who is nearest, before asking whether that means anything."""
        return similarity.standardised((self.matrices[name] for name in names), len(self.models))

    @cached_property
    def rivals(self) -> Sequence[Sequence[PairConclusion | None]]:
        """`rival` of every suspect (rows) and candidate."""
        return _rivals(tuple(self.facts), self.same_lab)

    def rival(self, suspect: int, candidate: int) -> PairConclusion | None:
        """Why the candidate is not tested as a teacher: see `rival`."""
        return self.rivals[suspect][candidate]


def rival(me: ModelFacts, other: ModelFacts, *, same_lab: bool = False) -> PairConclusion | None:
    """Why a candidate is not tested as a model's teacher: released later, or a rival explanation is documented.

    A shared base model, or a shared lab, explains a resemblance without any teaching. If the candidate's is
    documented, what the model's name alone suggests sets nobody apart: a name can be chosen. A lab has its own models
    before they are released: only in a later month is one of them later.

    Args:
        me: the model.
        other: the candidate.
        same_lab: whether candidates of the model's own lab are tested all the same.
    """
    of_lab = me.lab is not None and me.lab == other.lab
    if me.before(other) if of_lab else other.before(me) is False:
        return "later"
    doubted = me.by_name - other.by_name
    if (me.bases & other.bases and "bases" not in doubted) or me.name in other.copy_of or other.name in me.copy_of:
        return "same base"
    if of_lab and "lab" not in doubted and not same_lab:
        return "same lab"
    return None


def open_pairs(facts: Sequence[ModelFacts], candidates: Sequence[int], *, same_lab: bool = False) -> Bool:
    """Models x candidates: True if the candidate is tested as the model's teacher (no `rival`)."""
    return _open_pairs(tuple(facts), tuple(candidates), same_lab)


@lru_cache(maxsize=8)
def _open_pairs(facts: tuple[ModelFacts, ...], candidates: tuple[int, ...], same_lab: bool) -> Bool:
    rows = _rivals(facts, same_lab)
    return np.array([[i != c and row[c] is None for c in candidates] for i, row in enumerate(rows)], dtype=np.bool_)


@lru_cache(maxsize=8)
def _rivals(facts: tuple[ModelFacts, ...], same_lab: bool) -> tuple[tuple[PairConclusion | None, ...], ...]:
    return tuple(tuple(rival(me, other, same_lab=same_lab) for other in facts) for me in facts)


def analyse(
    prints: Fingerprints,
    facts: Sequence[ModelFacts],
    candidates: Sequence[int],
    names: Sequence[str] = EVIDENCE,
    *,
    same_lab: bool = False,
) -> Analysis:
    """Calibrate every pair of a pool.

    Args:
        prints: of all models, on the same prompts.
        facts: one per model, in the same order.
        candidates: indices of possible teachers.
        names: channels to combine. At least two must be non-lexical.
        same_lab: whether candidates of a suspect's own lab are tested, too.

    Raises:
        ConfigError: fewer than two non-lexical channels.
    """
    if sum(not channel(n).LEXICAL for n in names) < 2:  # noqa: PLR2004
        raise ConfigError(f"evidence needs at least two non-lexical channels, found {', '.join(names) or 'none'}")
    matrices = {n: similarity.matrix(prints, n) for n in prints.features}
    return calibrated(prints, facts, candidates, matrices, names, same_lab=same_lab)


def calibrated(
    prints: Fingerprints,
    facts: Sequence[ModelFacts],
    candidates: Sequence[int],
    matrices: dict[str, Matrix],
    names: Sequence[str] = EVIDENCE,
    *,
    same_lab: bool = False,
) -> Analysis:
    """The same of similarities that were computed before: see `analyse`."""
    columns = [int(c) for c in candidates]
    used = {name: matrices[name] for name in names}
    dated = _reading(used, facts, columns, every_date=False)
    kept = np.any(~np.isnan(dated.p), axis=0)
    fit = open_pairs(facts, columns, same_lab=same_lab)
    labs = cal.lab_scores(dated.scores, facts, fit, kept)
    thin = np.isnan(dated.p) & fit
    several = len(facts) - 2 >= cal.LEAST_REFERENCE
    every_date = _reading(used, facts, columns, every_date=True) if several and thin.any() else None
    lab_p = cal.p_values(labs.scores, facts)
    return Analysis(prints, facts, columns, matrices, dated, labs, lab_p, every_date, same_lab)


def _reading(
    matrices: Mapping[str, Matrix], facts: Sequence[ModelFacts], candidates: Sequence[int], *, every_date: bool
) -> NullScores:
    channels = {n: cal.pair_scores(m, facts, candidates, every_date=every_date) for n, m in matrices.items()}
    mean = cal.combine(list(channels.values()))
    scores = cal.centred(mean, facts)
    level = mean.z - scores.z  # taken out of every channel alike, so that their mean is the score
    channels = {n: dataclasses.replace(c, z=c.z - level) for n, c in channels.items()}
    return NullScores(channels, scores, cal.p_values(scores, facts))


@dataclass(frozen=True, slots=True)
class LabTest:
    """What is found of a suspect and one lab.

    Attributes:
        lab: `calibration.lab_of` its models.
        versions: p-values of those of its candidates that can be tested, by index.
        z: the highest score with any of them: how near the lab's nearest version is.
        p: of the mean score with the two nearest, against the null models' two nearest, 0 to 1.
        null_size: null models behind it.
        exceeded: how many of those resemble the lab less than the suspect does.
        weaker: whether it is read against the all-date null.
    """

    lab: str
    versions: Mapping[int, float]
    z: float
    p: float
    null_size: int
    exceeded: int
    weaker: bool


def tested(analysis: Analysis, suspect: str) -> dict[int, float]:
    """P-values of the candidates that can be tested, by index: with a null, enough prompts and no rival."""
    s, candidates = analysis.index(suspect), np.array(analysis.candidates, dtype=np.int64)
    columns = [analysis.columns[analysis.models[c]] for c in analysis.candidates]
    p = analysis.p[s, columns]
    fit = analysis.testable[s, columns] & ~np.isnan(p) & (analysis.shared[s, candidates] >= LEAST_PROMPTS)
    return dict(zip(candidates[fit].tolist(), p[fit].tolist(), strict=True))


def lab_tests(analysis: Analysis, suspect: str) -> list[LabTest]:
    """The labs with a version that can be tested.

    p is of the mean score with the two nearest of the lab's versions that have a dated null (`cal.lab_scores`). It is
    the smallest of the versions' p-values, adjusted over them, if they are read against all dates, if only some of the
    lab's are asked about, or if only one of them can have taught the suspect. If there are both kinds, it is the
    smaller of the two, adjusted over both.
    """
    return list(analysis.lab_tests[suspect])


class _LabTests(dict[str, Sequence[LabTest]]):
    """By suspect, each made once: a model's rivals are looked for among the labs that many others resemble, too."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        self._analysis = analysis

    def __missing__(self, suspect: str) -> Sequence[LabTest]:
        self[suspect] = _lab_tests(self._analysis, suspect)
        return self[suspect]


def _lab_tests(analysis: Analysis, suspect: str) -> list[LabTest]:
    s, p = analysis.index(suspect), tested(analysis, suspect)
    columns = [{int(analysis.labs.candidates[b]): int(b) for b in members} for members in analysis.labs.members]
    return [_lab_test(analysis, s, k, of, p) for k, of in enumerate(columns) if not p.keys().isdisjoint(of)]


def _lab_test(analysis: Analysis, s: int, k: int, columns: Mapping[int, int], p: Mapping[int, float]) -> LabTest:
    """A lab's test: see `lab_tests`. `columns` are those of all its candidates, by index."""
    labs, versions = analysis.labs, {c: p[c] for c in columns if c in p}
    of: dict[bool, list[int]] = {}
    for c in versions:
        of.setdefault(bool(analysis.weaker[s, columns[c]]), []).append(c)
    each = {weaker: min(cal.benjamini_hochberg([p[c] for c in kind])) for weaker, kind in of.items()}
    whole = columns.keys() <= {*analysis.candidates, s}
    together = False in each and whole and not np.isnan(analysis.lab_p[s, k])
    if together:
        each[False] = float(analysis.lab_p[s, k])
    weaker = min(each, key=lambda kind: each[kind])
    strongest = columns[min(of[weaker], key=lambda c: p[c])]
    least = min(cal.benjamini_hochberg(list(each.values())))
    size, below = labs.scores.null_size[s, k], analysis.lab_exceeded[s, k]
    if weaker or not together:
        size, below = analysis.null_size[s, strongest], analysis.exceeded[s, strongest]
    z = max(float(analysis.z[s, columns[c]]) for c in versions)
    return LabTest(labs.names[k], versions, z, least, int(size), int(below), weaker)


def adjusted(sets: Sequence[Sequence[LabTest]], readings: Sequence[int] = ()) -> list[dict[str, float]]:
    """False discovery rates over all labs looked at for one suspect, by lab, one mapping per prompt set.

    A lab counts as often as it has versions that were tested, so every version is held equally likely to be the
    teacher before anybody looks: p is divided by the lab's weight, and the weights' mean is 1 (Genovese, Roeder and
    Wasserman 2006, "False discovery control with p-value weighting"). Labs that count alike would pay for the number of
    labs, and those with many versions are the ones asked about most.

    Args:
        sets: what was found on each prompt set, of `lab_tests`.
        readings: in how many ways the answers to each could have been read, if they themselves decide which it is. Each
            way is a test that could have been made: p times their number (Bonferroni). By default one.
    """
    ways = readings or [1] * len(sets)
    every = [(min(1.0, test.p * n), len(test.versions)) for tests, n in zip(sets, ways, strict=True) for test in tests]
    q = iter(cal.benjamini_hochberg([p for p, _ in every], [weight for _, weight in every]))
    return [{test.lab: next(q) for test in tests} for tests in sets]


def named(analysis: Analysis, suspect: str, alpha: float = ALPHA) -> list[str]:
    """The labs that a suspect resembles on this set alone, the one with the nearest version first.

    Args:
        analysis: of the pool.
        suspect: a model's name.
        alpha: false discovery rate.
    """
    tests = lab_tests(analysis, suspect)
    q = adjusted([tests])[0]
    return [test.lab for test in sorted(tests, key=lambda test: -test.z) if q[test.lab] <= alpha]


def of_versions(tests: Sequence[LabTest], q: Mapping[str, float]) -> dict[int, float]:
    """False discovery rates of versions: over those of one lab, and no smaller than the lab's own.

    Args:
        tests: of `lab_tests`.
        q: of the labs, of `adjusted`.
    """
    found: dict[int, float] = {}
    for test in tests:
        within = cal.benjamini_hochberg(list(test.versions.values()))
        found |= {c: max(mine, q[test.lab]) for c, mine in zip(test.versions, within, strict=True)}
    return found


def pair_tests(
    analysis: Analysis, suspect: str, alpha: float = ALPHA, q: Mapping[int, float] | None = None
) -> list[PairTest]:
    """Say of every candidate whether the suspect resembles it more than unrelated models do.

    Args:
        analysis: of the pool that holds both.
        suspect: a model's name.
        alpha: false discovery rate.
        q: adjusted p-values by candidate, of `of_versions`. By default over this suspect's labs on this set alone.

    Returns:
        One per candidate, the strongest evidence first, and candidates that cannot be tested last.
    """
    s = analysis.index(suspect)
    p = tested(analysis, suspect)
    if q is None:
        tests = lab_tests(analysis, suspect)
        q = of_versions(tests, adjusted([tests])[0])
    found = [_pair_test(analysis, s, c, p, q, alpha) for c in analysis.candidates if c != s]
    return sorted(found, key=lambda f: (f.q is None, f.q or 0.0, f.p or 0.0, -(f.z or 0.0), f.candidate))


def _pair_test(
    analysis: Analysis, s: int, c: int, p: Mapping[int, float], q: Mapping[int, float], alpha: float
) -> PairTest:
    b = analysis.columns[analysis.models[c]]
    prompts = int(analysis.shared[s, c])
    reading, z = analysis.reading(s, b), analysis.z[s, b]
    verdict = analysis.rival(s, c)
    if verdict is None:
        few = prompts < LEAST_PROMPTS
        told: PairConclusion = "resembles" if q.get(c, 1.0) <= alpha else "none"
        verdict = "not enough prompts" if few else told if c in p else "untestable"
    return PairTest(
        candidate=analysis.models[c],
        verdict=verdict,
        z=None if np.isnan(z) else float(z),
        p=p.get(c),
        q=q.get(c) if c in p else None,
        channels={n: v for n, ch in reading.channels.items() if not math.isnan(v := ch.z.item(s, b))},
        null_size=int(analysis.null_size[s, b]),
        exceeded=None if np.isnan(z) else int(analysis.exceeded[s, b]),
        prompts=prompts,
        weaker=bool(analysis.weaker[s, b]),
    )
