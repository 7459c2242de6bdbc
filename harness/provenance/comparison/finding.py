"""What is said of one suspect on one set of prompts: the one record that reports, index, leaderboard and page read.

A detector fills it (`harness.provenance.verdicts.reports`), and nobody reshapes it: `Finding.json` is what the index
keeps in a column, what `harness provenance --format json` prints and what exports carry. `Finding.read` is the way
back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Interval

from harness.core import plain
from harness.provenance.answers.comparability import Familiarity, TextReading

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Conclusion = Literal["resembles", "none", "untestable", "not enough prompts", "not comparable"]
"""Of a suspect on a set. `none` is of those tested, and there is no `none` if nobody could be tested. `not
comparable`: its answers are nothing that the set's models write like, so that no test would mean anything."""
PairConclusion = Literal[
    "resembles", "none", "untestable", "not enough prompts", "not comparable", "same base", "same lab", "later"
]
"""Of a suspect and one candidate."""
Strength = Literal["strong", "moderate", "weak", "none"]
NullKind = Literal["unrelated pairs", "null pairs", "all dates"]
RivalKind = Literal["other direction", "shared teacher", "students", "later"]
"""See `harness.provenance.comparison.rivals`."""
TESTED = ("resembles", "none")
"""Verdicts of a test that was made."""
RIVALS = ("same base", "same lab", "later")
"""Verdicts that name a rival explanation, for which no test is made."""
STRONG, MODERATE = 10.0, math.sqrt(10)
"""Likelihood ratios from which evidence is called strong, and moderate: Kass and Raftery 1995 (JASA 90, after Jeffreys)
call 10 to 100 strong, 3.2 to 10 substantial, and less than that worth no more than a bare mention."""

Share = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Ge(0)]


@dataclass(frozen=True, slots=True)
class PairTest:
    """What is said of a suspect and one candidate.

    Attributes:
        candidate: its name.
        verdict: see `PairConclusion`. Only `resembles` is a positive finding.
        z: average over channels, in null standard deviations. `None` if untestable.
        p: against the pooled null, one-sided, 0 to 1. `None` if no test was made.
        q: p adjusted over the versions of its lab, and no smaller than the lab's own q (Benjamini-Hochberg), 0 to 1.
        channels: z per channel.
        null_size: models that cannot have learnt from the candidate, or (`weaker`) of other labs and bases.
        exceeded: how many of those resemble the candidate less than the suspect does. `None` if it has no score.
        prompts: answered by both.
        why: what stood in the way of a test, in a few words. `None` if one was made.
        lab: the candidate's. `None` if unknown.
        rank: among the candidates tested, 1 being the highest score.
        rank_low: lower limit of its 95% interval. `None` if not computed, as the following ones.
        rank_high: upper limit.
        z_low: lower limit of the 95% interval of z.
        z_high: upper limit.
        likelihood_ratio: of z, documented students against unrelated pairs, above 0. `None` if too few lineages of
            students are documented.
        power: `students` documented, and the shares of them found at `at_0.05` and `at_0.01`. `None` if none is.
        weaker: whether it was read against all models of other labs, for want of five that cannot have learnt from it.
    """

    candidate: str
    verdict: PairConclusion
    z: float | None
    p: Share | None
    q: Share | None
    channels: Mapping[str, float]
    null_size: Count
    exceeded: Count | None
    prompts: Count
    why: str | None = None
    lab: str | None = None
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    z_low: float | None = None
    z_high: float | None = None
    likelihood_ratio: float | None = None
    power: Mapping[str, float] | None = None
    weaker: bool = False

    @property
    def tested(self) -> bool:
        """Whether a test was made."""
        return self.verdict in TESTED


@dataclass(frozen=True, slots=True)
class Rival:
    """What else would make a suspect and a lab's model alike: the kind, and the models that show it."""

    kind: RivalKind
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab with candidates in the set.

    Attributes:
        lab: its name. `None` if the candidate's is unknown.
        named: whether the suspect resembles it: q is at most .05.
        tested: of its candidates, how many could be tested.
        candidates: its models in the set that may be somebody's teacher.
        versions: of a lab that is named, those of its models that cannot be told from the strongest, which comes first.
        p: of the mean score with its two nearest models, 0 to 1. `None` if none could be tested.
        q: p adjusted over the labs of all of the suspect's sets, each weighted by its models that were tested.
        null_size: models that cannot have learnt from it, with a score.
        exceeded: how many of them resemble the lab less than the suspect does.
        weaker: whether it was read against all models of other labs, for want of five that cannot have learnt from it.
        possible: whether it is of the set of labs that holds the teacher's with `Finding.coverage`.
        rivals: what else would explain the resemblance, if the lab is named.
    """

    lab: str | None
    named: bool
    tested: Count
    candidates: Count
    versions: tuple[str, ...] = ()
    p: Share | None = None
    q: Share | None = None
    null_size: Count = 0
    exceeded: Count = 0
    weaker: bool = False
    possible: bool = False
    rivals: tuple[Rival, ...] = ()

    @property
    def reversible(self) -> bool:
        """Whether its model may as well have learnt from the suspect's lab."""
        return any(rival.kind == "other direction" for rival in self.rivals)


@dataclass(frozen=True, slots=True)
class LabNaming:
    """How many documented students of a lab's models a verdict on the same prompts names: what "none" is worth.

    Attributes:
        lab: its name.
        named: of the students, for how many a verdict names the lab.
        students: documented ones that could be tested, the suspect aside.
    """

    lab: str
    named: Count
    students: Count


@dataclass(frozen=True, slots=True)
class Member:
    """The most similar of all members of a set, candidate or not: who is near, before asking what that means.

    Attributes:
        name: the model's.
        similarity: mean over channels of raw similarities, standardised over all pairs of the set. No unit.
        candidate: whether it may be somebody's teacher.
        prompts: answered by both.
    """

    name: str
    similarity: float
    candidate: bool
    prompts: Count


@dataclass(frozen=True, slots=True)
class Span:
    """Scores of several pairs, in null standard deviations: median, extremes, and how many pairs."""

    median: float
    low: float
    high: float
    n: Count


@dataclass(frozen=True, slots=True)
class SelfScore:
    """What half of a suspect's repeated answers score against the other half, with its 95% interval if computed."""

    z: float
    z_low: float | None
    z_high: float | None
    prompts: Count


@dataclass(frozen=True, slots=True)
class DomainScore:
    """A candidate's score on one kind of prompt, not tested apart."""

    candidate: str
    z: float
    z_low: float | None
    z_high: float | None
    prompts: Count


@dataclass(frozen=True, slots=True)
class Domain:
    """What one kind of prompt shows by itself.

    Attributes:
        domain: one of `domains.DOMAINS`.
        prompts: of the kind that the suspect answered.
        verdict: `scored`, `untestable` or `not enough prompts`.
        candidates: the highest scores.
    """

    domain: str
    prompts: Count
    verdict: str
    candidates: tuple[DomainScore, ...] = ()


@dataclass(frozen=True, slots=True)
class SameModel:
    """Whether a suspect is the model nearest to it, whatever it is called: asked before any teacher.

    Attributes:
        other: the nearest model of the set, candidate or not.
        verdict: `same`: that model itself or one derived from it. `strict`: closer than siblings are. `no evidence`,
            or `untestable`, with too few prompts or models. Never that it is another model.
        score: mean of the two models' z with each other.
        ratio: their similarity over the suspect's next highest.
        threshold: the score from which a model is named. `None` if untestable.
        prompts: answered by both.
        sentence: what was found, with its error rates.
        sibling: whether the two are documented to be of one lab or lineage, or go by one name: no surprise.
        wrongly: share of models, their own not there, of whom a stranger is said, 0 to 1. `None` if not measured.
    """

    other: str
    verdict: Literal["same", "strict", "no evidence", "untestable"]
    score: float
    ratio: float
    threshold: float | None
    prompts: Count
    sentence: str
    sibling: bool = False
    wrongly: float | None = None

    @property
    def short(self) -> str:
        """What a cell says: only a model that is closer than siblings are is called the model itself."""
        return f"answers like {self.other} itself" if self.verdict == "strict" else f"may be {self.other} or its kin"

    @property
    def named(self) -> bool:
        """Whether the verdict begins with the model: it is the same one, and nobody said that the two are kin."""
        return self.verdict in ("same", "strict") and not self.sibling


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything said of one suspect on one set of prompts.

    Attributes:
        suspect: the model that was looked at.
        corpus: the set: a task of kind provenance, or a reference panel.
        version: of the set, as the task or the panel says it. `None` if it says none.
        prompts: of the set.
        suspect_prompts: of them, how many the suspect answered.
        models: how many answered the set.
        panel: whether the set is a reference panel.
        traces: kind of reasoning traces that were compared (`full`, `summary`). `None` is answers.
        verdict: over all candidates. See `Conclusion`.
        strength: of the evidence, in a word: see `strength`. `None` if nothing could be tested.
        coverage: of the labs that are `possible`, 0 to 1: how often the teacher's lab is among them, over lineages of
            documented students that were left out. `None` if no lab is named, or too few lineages are documented.
        labs: every lab with a candidate in the set, those named first.
        tests: one per candidate, the strongest evidence first, candidates that were not tested last.
        null: what p-values are read against: `unrelated pairs` (neither can have learnt from the other), or
            `null pairs` (the model cannot have learnt from the candidate) if those are too few, or `all dates`
            (pairs of other labs and bases, the weaker evidence) if nobody has a dated null.
        null_pairs: how many such pairs.
        p_floor: the smallest p-value they can give, 0 to 1. `None` if there are too few.
        nearest_of_all: of all members, candidate or not. `None` if the suspect shares no prompt with anybody.
        sentence: the verdict in one sentence.
        paragraph: the verdict with what stands behind it.
        notes: what a reader must know besides.
        floor: scores of answers that people wrote.
        ceiling: scores of a model with itself, restyled or sampled again.
        sampled_again: of the suspect with itself. `None` if nothing was answered twice, or nobody asked.
        domains: what each kind of prompt shows by itself. Empty if nobody asked.
        answers: answers that were left out, by reason.
        same_model: whether the suspect is one of the set's models itself. `None` if the set cannot tell.
        released: the suspect's month of release as it was read, YYYY-MM. `None` if nobody says.
        known: how much of the suspect's answers the set's other models know. `None` if these are too few to say.
        reading: what was found in its texts before they were compared. `None` if no text is here.
        incomparable: why nothing can be compared, in words. `None` if it can.
        left: the channels that were read of a suspect whose style the set hardly knows (`style`). Empty: all were.
        naming: of the labs tested, how many documented students a verdict on these prompts names. Empty if too few
            are documented.
    """

    suspect: str
    corpus: str
    version: str | None
    prompts: Count
    suspect_prompts: Count
    models: Count
    panel: bool
    traces: str | None
    verdict: Conclusion
    strength: Strength | None
    coverage: Share | None
    labs: tuple[Lab, ...]
    tests: tuple[PairTest, ...]
    null: NullKind
    null_pairs: Count
    p_floor: Share | None
    nearest_of_all: Member | None
    sentence: str
    paragraph: str
    notes: tuple[str, ...] = ()
    floor: Span | None = None
    ceiling: Span | None = None
    sampled_again: SelfScore | None = None
    domains: tuple[Domain, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    same_model: SameModel | None = None
    released: str | None = None
    known: Familiarity | None = None
    reading: TextReading | None = None
    incomparable: str | None = None
    left: tuple[str, ...] = ()
    naming: tuple[LabNaming, ...] = ()

    @property
    def tested(self) -> tuple[PairTest, ...]:
        """The tests that were made, the strongest first."""
        return tuple(test for test in self.tests if test.tested)

    @property
    def strongest(self) -> PairTest | None:
        """The test with the strongest evidence. `None` if none was made."""
        return next(iter(self.tested), None)

    @property
    def alike(self) -> tuple[PairTest, ...]:
        """The candidates that the suspect resembles, the strongest first."""
        return tuple(test for test in self.tests if test.verdict == "resembles")

    @property
    def rivals(self) -> tuple[PairTest, ...]:
        """Candidates set apart: a rival explanation is documented, or they came later."""
        return tuple(test for test in self.tests if test.verdict in RIVALS)

    @property
    def untested(self) -> tuple[PairTest, ...]:
        """Candidates that could not be tested. `why` says what stood in the way."""
        return tuple(test for test in self.tests if not test.tested and test.verdict not in RIVALS)

    @property
    def reasons(self) -> dict[str, int]:
        """How many candidates could not be tested for which reason, the most frequent first."""
        return dict(sorted(Counter(test.why or test.verdict for test in self.untested).items(), key=_most_first))

    @property
    def named(self) -> tuple[Lab, ...]:
        """The labs that the suspect resembles."""
        return tuple(lab for lab in self.labs if lab.named)

    @property
    def possible(self) -> tuple[Lab, ...]:
        """The set of labs that holds the teacher's with `coverage`."""
        return tuple(lab for lab in self.labs if lab.possible)

    def json(self) -> dict[str, Any]:
        """JSON-able: every attribute, and what follows: `strongest`, `untested` (counts by reason), `named` labs."""
        strongest = self.strongest
        told: dict[str, Any] = plain(self)
        return told | {
            "strongest": plain(strongest),
            "untested": self.reasons,
            "named": [lab.lab for lab in self.named],
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from harness.provenance.comparison import display

        return display.html(self.json())

    @staticmethod
    def read(told: str | Mapping[str, Any]) -> Finding:
        """A finding from its JSON, as text or read.

        Raises:
            ValueError: not a finding. The message says which field, what was found and what was expected.
        """
        adapter = _adapter()
        return adapter.validate_json(told) if isinstance(told, str) else adapter.validate_python(told)


def shown(found: Iterable[Finding]) -> list[Finding]:
    """What a page has room for: the finding of the set with most power, then those of other sets that contradict it.

    A set says more if it is known to find documented students, if more could be tested, on more prompts, against more
    pairs. Traces come after answers.

    Args:
        found: of one suspect.
    """
    every = ordered(found)
    return [*every[:1], *(other for other in every[1:] if contradict(every[0], other))]


def ordered(found: Iterable[Finding]) -> list[Finding]:
    """Findings of one suspect, that of the set with most power first."""
    return sorted(found, key=_power)


def _power(found: Finding) -> tuple[Any, ...]:
    return (
        not found.tested, found.traces is not None, not any(lab.named for lab in found.naming), -len(found.tested),
        -found.suspect_prompts, -found.null_pairs, found.corpus,
    )  # fmt: skip


def contradict(one: Finding, other: Finding) -> bool:
    """Whether two sets say different things of a suspect: of verdicts that were tested, or of the labs they name."""
    if one.verdict not in TESTED or other.verdict not in TESTED:
        return False
    if one.verdict != other.verdict:
        return True
    labs = [{lab.lab or lab.versions for lab in found.named} for found in (one, other)]
    return one.verdict == "resembles" and labs[0].isdisjoint(labs[1])


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Finding]:
    from pydantic import TypeAdapter

    return TypeAdapter(Finding)


def strength(strongest: PairTest | None, lab: Lab | None = None, *, whole: bool = True) -> Strength | None:
    r"""How strong the evidence is, in a word.

    By the likelihood ratio if documented students give one, read on the scale of Kass and Raftery (`STRONG`,
    `MODERATE`). Elsewhere by the largest ratio that q can stand for, \(1 / (-e\,q \ln q)\) (Sellke, Bayarri and Berger
    2001, The American Statistician 55), on the same scale: strong up to q = 0.0075, moderate up to 0.034. Against the
    all-date null, or if not all channels were read, it is moderate at most. It is weak if the lab may as well have
    learnt from the suspect's.

    Args:
        strongest: the test with the strongest evidence. `None` if none was made.
        lab: that is named first. `None` if none is.
        whole: whether all channels were read.
    """
    if strongest is None or strongest.q is None:
        return None
    if lab is None or lab.q is None:
        return "none"
    ratio = strongest.likelihood_ratio
    if ratio is None:
        ratio = largest_ratio(lab.q)
    if lab.reversible or ratio < MODERATE:
        return "weak"
    return "strong" if ratio >= STRONG and whole and not lab.weaker else "moderate"


def largest_ratio(q: float) -> float:
    r"""The largest likelihood ratio that a p-value can stand for, at least 1: \(1 / (-e\,q \ln q)\) below 1/e.

    Args:
        q: 0 to 1.
    """
    if q <= 0:
        return math.inf
    return 1.0 if q >= 1 / math.e else 1 / (-math.e * q * math.log(q))
