"""From answers to evidence: which candidates a suspect resembles more than unrelated models do, or none, or unknown.

The chain is fingerprints -> one similarity matrix per channel -> z against each candidate's null, less what the
suspect scores on average -> mean over channels -> p against the pooled null -> false discovery rate over everything
looked at -> a verdict in words.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import ConfigError, unknown_name
from harness.provenance import calibration as cal
from harness.provenance import similarity
from harness.provenance.calibration import Matrix, ModelFacts, PairScores
from harness.provenance.finding import PairConclusion, PairTest
from harness.provenance.fingerprint import Fingerprints, channel

EVIDENCE = ("openings", "sentences", "templates", "closings", "phrasing")
"""Channels that are combined. The others are shown beside them: on AlpacaEval they added noise, not power
(docs/provenance.md)."""
FAMILY = ("openings", "sentences", "templates", "closings", "function_words")
"""Channels of the family test. Phrasing follows the size of a model as much as its teacher, and is left out. A
reference panel has no function words (their rates would double its size): there the test is of the other four."""
READ = tuple(dict.fromkeys((*EVIDENCE, *FAMILY)))
"""Channels of both: what is fingerprinted of a prompt set."""
VERSION = ("phrasing", "words")
"""Channels that answer whether two models are versions of one: what is said survives a change of style."""
ALPHA = 0.05
LEAST_PROMPTS = 50
"""Prompts below which no verdict is given; the power curve of `validate` is why."""


@dataclass(frozen=True)
class Analysis:
    """Everything computed for one pool of models on one set of prompts.

    Attributes:
        prints: the fingerprints.
        facts: what is documented of each model, in the fingerprints' order.
        candidates: indices of possible teachers.
        matrices: raw similarity per channel.
        channels: calibrated scores per combined channel.
        scores: their average.
        p: p-value per model and candidate, NaN where untestable.
        same_lab: whether candidates of a suspect's own lab are tested all the same.
    """

    prints: Fingerprints
    facts: Sequence[ModelFacts]
    candidates: Sequence[int]
    matrices: dict[str, Matrix]
    channels: dict[str, PairScores]
    scores: PairScores
    p: Matrix
    same_lab: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in the order of every matrix."""
        return self.prints.models

    def index(self, name: str) -> int:
        """Row of a model.

        Raises:
            ConfigError: the pool has no such model.
        """
        if name not in self.models:
            raise ConfigError(unknown_name("model", name, self.models))
        return self.models.index(name)

    def column(self, model: int) -> int | None:
        """Column of a candidate in `scores` and `p`."""
        found = np.flatnonzero(self.scores.candidates == model)
        return int(found[0]) if len(found) else None

    @functools.cached_property
    def columns(self) -> dict[str, int]:
        """Column of every candidate in `scores` and `p`, by name."""
        return {self.models[c]: b for b, c in enumerate(self.scores.candidates)}

    def raw(self, names: Sequence[str] = EVIDENCE) -> Matrix:
        """Average of standardised raw similarities: who is nearest, before asking whether that means anything."""
        return similarity.standardised((self.matrices[name] for name in names), len(self.models))

    def rival(self, suspect: int, candidate: int) -> PairConclusion | None:
        """Why the candidate is not tested as a teacher: released later, or a rival explanation is documented.

        A shared base model, or a shared lab, explains a resemblance without any teaching. Where a candidate's is
        documented, what a suspect's name alone suggests sets nobody apart: a name can be chosen. A lab has its own
        models before they are released: only in a later month is one of them later.
        """
        me, other = self.facts[suspect], self.facts[candidate]
        same_lab = me.lab is not None and me.lab == other.lab
        if me.before(other) if same_lab else other.before(me) is False:
            return "later"
        doubted = me.by_name - other.by_name
        if (me.bases & other.bases and "bases" not in doubted) or me.name in other.copy_of or other.name in me.copy_of:
            return "same base"
        if same_lab and "lab" not in doubted and not self.same_lab:
            return "same lab"
        return None


def analyse(
    prints: Fingerprints,
    facts: Sequence[ModelFacts],
    candidates: Sequence[int],
    names: Sequence[str] = EVIDENCE,
) -> Analysis:
    """Calibrate every pair of a pool.

    Args:
        prints: of all models, on the same prompts.
        facts: one per model, in the same order.
        candidates: indices of possible teachers.
        names: channels to combine; at least two must be non-lexical.

    Raises:
        ConfigError: fewer than two non-lexical channels.
    """
    if sum(not channel(n).LEXICAL for n in names) < 2:  # noqa: PLR2004
        raise ConfigError(f"evidence needs at least two non-lexical channels, found {', '.join(names) or 'none'}")
    matrices = {n: similarity.matrix(prints, n) for n in prints.features}
    channels = {n: cal.centred(cal.pair_scores(matrices[n], facts, candidates), facts) for n in names}
    scores = cal.combine(list(channels.values()), facts)
    return Analysis(prints, facts, candidates, matrices, channels, scores, cal.pair_p_values(scores, facts))


def tested(analysis: Analysis, suspect: str) -> dict[int, float]:
    """P-values of the candidates that can be tested, by index: with a null, enough prompts and no rival."""
    s = analysis.index(suspect)
    found = {}
    for c in analysis.candidates:
        b = analysis.column(c)
        if c == s or b is None or np.isnan(analysis.p[s, b]) or analysis.rival(s, c) is not None:
            continue
        if int((analysis.prints.answered[s] & analysis.prints.answered[c]).sum()) >= LEAST_PROMPTS:
            found[c] = float(analysis.p[s, b])
    return found


def adjusted(families: Sequence[Mapping[int, float]]) -> list[dict[int, float]]:
    """False discovery rates over everything looked at: several suspects, or one suspect on several prompt sets.

    Args:
        families: p-values by candidate, of `tested`.
    """
    q = iter(cal.benjamini_hochberg([p for family in families for p in family.values()]))
    return [{c: next(q) for c in family} for family in families]


def pair_tests(
    analysis: Analysis, suspect: str, alpha: float = ALPHA, q: Mapping[int, float] | None = None
) -> list[PairTest]:
    """Say of every candidate whether the suspect resembles it more than unrelated models do.

    Args:
        analysis: of the pool that holds both.
        suspect: a model's name.
        alpha: false discovery rate.
        q: adjusted p-values by candidate, of `adjusted`; by default over this suspect's candidates alone.

    Returns:
        One per candidate, the strongest evidence first; candidates that cannot be tested last.
    """
    s = analysis.index(suspect)
    strangers = [not analysis.facts[s].related(fact) for fact in analysis.facts]
    answered = analysis.prints.answered
    p = tested(analysis, suspect)
    if q is None:
        (q,) = adjusted([p])
    found = []
    for c in analysis.candidates:
        b = analysis.column(c)
        if c == s or b is None:
            continue
        prompts = int((answered[s] & answered[c]).sum())
        reason = analysis.rival(s, c)
        verdict: PairConclusion
        if reason is not None:
            verdict = reason
        elif prompts < LEAST_PROMPTS:
            verdict = "not enough prompts"
        elif c not in p:
            verdict = "untestable"
        else:
            verdict = "resembles" if q[c] <= alpha else "none"
        z = analysis.scores.z[s, b]
        rest = analysis.scores.z[analysis.scores.null[:, b] & strangers, b]
        found.append(
            PairTest(
                candidate=analysis.models[c],
                verdict=verdict,
                z=None if np.isnan(z) else float(z),
                p=p.get(c),
                q=q.get(c) if c in p else None,
                channels={n: float(v) for n, ch in analysis.channels.items() if not np.isnan(v := ch.z[s, b])},
                null_size=int(analysis.scores.null_size[s, b]),
                exceeded=None if np.isnan(z) else int((rest < z).sum()),
                prompts=prompts,
            ),
        )
    return sorted(found, key=lambda f: (f.q is None, f.q or 0.0, -(f.z or 0.0), f.candidate))
