"""The sentences provenance is allowed to say. Every generated text comes from here, and a test holds it to the rules.

Allowed: how much more a model resembles a candidate than models that cannot have learnt from it, with the p-value,
and the full list of explanations. Never: that anything was copied, distilled or stolen, or a percentage of parentage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.provenance.comparison import positives
from harness.provenance.comparison.calibration import LEAST_NULL, LEAST_REFERENCE
from harness.provenance.comparison.change import Change
from harness.provenance.comparison.evidence import ALPHA
from harness.provenance.comparison.finding import Finding, Lab, Member, PairTest, Rival, SelfScore, Span
from harness.provenance.comparison.positives import LEAST_STUDENTS, Scale
from harness.provenance.comparison.same import Sameness

EXPLANATIONS = (
    "training on its outputs, shared training data or vendors, web text that contains its outputs, common ancestry, "
    "or convergence"
)
POWER = 0.8
"""Share of documented students below which a teacher's absence from a report says little."""
SHOWN = 3
FORBIDDEN = re.compile(
    r"distill?ed (from|by)|stol|steal|theft|cop(y|ied|ies|ying)\b|plagiar|cheat|clone|knock-?off|rip-?off|"
    r"\bproves?\b|\bproven\b|\bguilty\b|was trained on .* outputs|\d+(\.\d+)?\s*% \w+",
    re.IGNORECASE,
)
"""What no generated text may contain."""


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"  # noqa: PLR2004


def _q(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004


def sentence(suspect: str, finding: PairTest) -> str:  # noqa: PLR0911 - one sentence per verdict
    """Say one finding in one sentence.

    Args:
        suspect: the model that was looked at.
        finding: of one candidate.
    """
    who, whom = f"{suspect}'s answers", finding.candidate
    match finding.verdict:
        case "resembles":
            assert finding.p is not None
            assert finding.q is not None
            assert finding.z is not None
            return (
                f"{who} resemble {whom}'s more than those of {finding.exceeded} of {finding.null_size} "
                f"{_null(weaker=finding.weaker)} ({finding.z:.1f} standard deviations above them; {_p(finding.p)} "
                f"against such pairs, false-discovery-adjusted {_q(finding.q)}, {finding.prompts} prompts). This is "
                f"consistent with {EXPLANATIONS}."
            )
        case "none":
            assert finding.p is not None
            return (
                f"{who} do not resemble {whom}'s more than unrelated models' do ({_p(finding.p)}, "
                f"{finding.prompts} prompts). A teacher whose habits many models share would not show."
            )
        case "untestable":
            why = (
                f"calibration needs scores of at least {LEAST_NULL} models that cannot have learnt from it, or "
                f"{LEAST_REFERENCE} other models. This set has {finding.null_size} that cannot have learnt from it"
            )
            if finding.null_size >= LEAST_NULL:
                why = "no habit of the two can be compared"
            return f"{who} cannot be tested against {whom}: {why}."
        case "not comparable":
            return f"{who} are not comparable with {whom}'s, nor with anybody's here."
        case "not enough prompts":
            return f"{who} cannot be tested against {whom}: both answered only {finding.prompts} prompts."
        case "later":
            return f"{whom} was not released in an earlier month than {suspect}, so it is not tested as its teacher."
        case "same base":
            return f"{whom} shares {suspect}'s base model, so a resemblance says nothing about training on its outputs."
        case "same lab":
            return f"{whom} is of {suspect}'s own lab, so a resemblance is expected and is not tested."


def _null(*, weaker: bool) -> str:
    return "models of other labs and bases" if weaker else "models that cannot have learnt from it"


def lab_sentence(suspect: str, lab: Lab) -> str:
    """Say what is found of a lab that is named.

    Args:
        suspect: the model that was looked at.
        lab: the lab.
    """
    assert lab.p is not None
    assert lab.q is not None
    name = lab.lab or f"the lab of {lab.versions[0]}"
    text = (
        f"{suspect}'s answers resemble {name}'s models more than those of {lab.exceeded} of {lab.null_size} "
        f"{_null(weaker=lab.weaker)} do ({_p(lab.p)} against such pairs, false-discovery-adjusted {_q(lab.q)})"
    )
    weaker = f" {WEAKER}" if lab.weaker else ""
    return f"{text}. This is consistent with {EXPLANATIONS}.{weaker}"


WEAKER = (
    "Dates leave fewer than five models that cannot have learnt from it, so the null is all models of other labs. "
    "This is the weaker evidence: it is blind to what most of them took from it."
)


def rival(suspect: str, lab: Lab, found: Rival) -> str:
    """Say what else would make a suspect and a lab's model alike.

    Args:
        suspect: the model that was looked at.
        lab: the lab that is named.
        found: the rival.
    """
    version, models = lab.versions[0], ", ".join(found.models)
    match found.kind:
        case "other direction":
            return (
                f"{version} may have learnt from the lab of {suspect} instead, since it is documented to have done so, "
                f"or resembles its models ({models})"
            )
        case "shared teacher":
            return f"{suspect} and {version} may have learnt from the same teacher, since both resemble {models}"
        case "students":
            return f"{suspect} is even nearer to documented students of the lab ({models}), and may share their data"
        case "later":
            return (
                f"{suspect} is even nearer to models released later ({models}), which may have learnt from it, or "
                "from what it learnt from"
            )


def itself(found: Finding) -> str:
    """That the suspect answers like another model itself, which comes before any teacher. Empty if it does not."""
    same = found.same_model
    if same is None or not same.named:
        return ""
    told = f"{_likeness(found.suspect, same.other, strict=same.verdict == 'strict')}. "
    if same.verdict == "strict" or same.wrongly is None:
        return told
    return f"{told}This test says so wrongly of {100 * same.wrongly:.0f} in 100 models. "


def _likeness(suspect: str, other: str, *, strict: bool) -> str:
    """What the same-model test says. Only a model that is closer than siblings are (`strict`) is the model itself."""
    if strict:
        return f"{suspect} answers like {other} itself, or a version of it, or a model derived from it"
    return f"{suspect} answers so much like {other} that it may be that model, or kin of it"


def said(found: Finding) -> str:
    """The verdict in one sentence, with what it is of, rivals first: the same on every page."""
    return itself(found) + rivals(found) + _said(found)


def rivals(found: Finding) -> str:
    """What else would explain the resemblances, named before any lab is. Empty if nothing would."""
    texts = [rival(found.suspect, lab, one) for lab in found.named for one in lab.rivals]
    return f"Think of other explanations first: {'; '.join(texts)}. " if texts else ""


def _said(found: Finding) -> str:
    if found.incomparable:
        return f"{found.suspect}'s answers are not comparable with those of this set: {found.incomparable}."
    if found.verdict == "resembles":
        named = "; ".join(f"{_lab(lab)} ({', '.join(lab.versions[:SHOWN])})" for lab in found.named)
        text = f"{found.suspect}'s answers resemble those of {named} more than unrelated models' do"
        text += f": {found.strength} evidence"
        if any(lab.weaker for lab in found.named):
            text += ", of models of all dates"
        text += _left(found)
        if found.coverage is not None:
            labs = ", ".join(_lab(lab) for lab in found.possible)
            text += f"; a teacher's lab would be among {labs} with coverage {found.coverage:g}"
        return f"{text}{_untested(found)}."
    if found.verdict == "none":
        return f"None of {len(found.tested)} tested stands out{_left(found)}{_untested(found)}."
    return f"No candidate could be tested{_untested(found)}."


def _left(found: Finding) -> str:
    """`, by openings and phrasing alone`, empty if all channels were read."""
    return f", by {' and '.join(found.left)} alone" if found.left else ""


def _lab(lab: Lab) -> str:
    return lab.lab or "lab unknown"


def _untested(found: Finding) -> str:
    """`; 4 could not be tested (3: …; 1: …)`, empty if all could."""
    if not found.untested:
        return ""
    return (
        f"; {len(found.untested)} could not be tested ({'; '.join(f'{n}: {why}' for why, n in found.reasons.items())})"
    )


def paragraph(found: Finding) -> str:
    """The verdict with what stands behind it, in plain words."""
    if not found.tests:
        return f"There is no candidate to compare {found.suspect} with."
    if found.incomparable:
        return f"{said(found)} So no candidate is tested, and nothing follows about where its answers come from."
    suspect = found.suspect
    parts = [said(found), *(lab_sentence(suspect, lab) for lab in found.named)]
    if found.verdict == "none":
        parts.append(
            f"{suspect}'s answers resemble none of these candidates' labs more than unrelated models' answers do, at a "
            f"false discovery rate of {ALPHA:g}. A teacher whose habits many models share would not show.",
        )
    if found.untested:
        names = ", ".join(test.candidate for test in found.untested[:5])
        parts.append(f"Not testable here: {names}{' and others' if len(found.untested) > 5 else ''}.")  # noqa: PLR2004
    if found.untested and not found.tested:
        parts.append(sentence(suspect, found.untested[0]))
    if found.rivals:
        count = "1 candidate was" if len(found.rivals) == 1 else f"{len(found.rivals)} candidates were"
        parts.append(
            f"{count} set apart: not released earlier, or of {suspect}'s base model or lab. That explains a "
            "resemblance by itself.",
        )
    return " ".join(parts)


def notes(
    found: Finding, tests: int, worth: Scale | None, named: Mapping[str, Mapping[str, bool]], more: Sequence[str]
) -> tuple[str, ...]:
    """What a reader must know beside the verdict.

    Args:
        found: the finding. Its own notes are not read.
        tests: how many labs were adjusted together.
        worth: what scores are worth by documented students. `None` if too few are documented.
        named: of `positives.naming`.
        more: of the pool.
    """
    strongest, near = found.strongest, found.nearest_of_all
    told = [
        "" if found.same_model is None else found.same_model.sentence,
        *smallest(found.p_floor, tests),
        naming(found, named),
        *power(found.suspect, {test.candidate: test.power for test in found.tested}),
        alone(found, tests),
        likelihood(strongest.candidate, strongest.likelihood_ratio, worth.lineages if worth else None)
        if strongest
        else "",
        "" if near is None else nearest_of_all(near),
        bounds(found.floor, found.ceiling),
        sampled_again(found.suspect, found.sampled_again),
        *more,
    ]
    return tuple(note for note in told if note)


def naming(found: Finding, named: Mapping[str, Mapping[str, bool]]) -> str:
    """Say how many documented students of the labs tested a verdict names: what "none" is worth. Empty if unknown.

    Args:
        found: the finding. The suspect does not vouch for itself.
        named: of `positives.naming`.
    """
    known = positives.counts(named, found.labs, found.suspect)
    shown = [f"{of.lab} {of.named} of {of.students}" for of in known]
    return (
        f"On this set the test names the teacher's lab of so many documented students: {', '.join(shown)}."
        if shown
        else ""
    )


def nearest_of_all(near: Member) -> str:
    """Say who is nearest of all members of the set, whether or not it may be a teacher."""
    kind = "a possible teacher" if near.candidate else "not a possible teacher"
    return f"Nearest of all models by raw similarity: {near.name} ({kind}, {near.prompts} prompts). This tests nothing."


def smallest(p: float | None, tests: int) -> tuple[str, ...]:
    """Say that no single candidate can stand out among so many. Nothing if one can.

    Args:
        p: the smallest p-value that the pool can give.
        tests: how many labs were adjusted together.
    """
    if p is None or p * tests <= ALPHA:
        return ()
    text = (
        f"With the unrelated pairs of this pool, no p-value falls below {p:.4f}. Adjusted over {tests} labs, a single "
        f"one cannot reach {ALPHA:g}. Test fewer candidates: name them with --candidates, or give a release date."
    )
    return (text,)


def power(suspect: str, of: Mapping[str, Mapping[str, float] | None]) -> tuple[str, ...]:
    """Say how often documented students of the candidates tested are found. What "none" is worth.

    Args:
        suspect: the model that was looked at.
        of: by candidate, `positives.power`. `None` if no student is documented.
    """
    known = {name: found for name, found in of.items() if found and found["students"] >= LEAST_STUDENTS}
    if not of:
        return ()
    if not known:
        text = "It is not known how often a student of these candidates would be found: too few are documented here."
        return (text,)
    weak = [name for name, found in known.items() if found["at_0.05"] < POWER]
    shown = "; ".join(
        f"{name} {found['at_0.05']:.2f} and {found['at_0.01']:.2f} of {found['students']:.0f}"
        for name, found in sorted(known.items(), key=lambda item: item[1]["at_0.05"])[:SHOWN]
    )
    text = f"Share of documented students found at 5 and 1 per cent false alarms, the lowest first: {shown}."
    if weak:
        text += f" {suspect} cannot be cleared of {', '.join(weak[:SHOWN])}: single students are found too seldom."
    if len(of) > len(known):
        text += f" Power against the other {len(of) - len(known)} candidates is not known."
    return (text,)


def alone(found: Finding, tests: int) -> str:
    """Say that a question about one candidate finds more than a search among many. Empty if something was found.

    Of 17 students of known teachers, two were named among 53 candidates and 13 were if only the teacher was asked
    about: docs/provenance-measured.md, "Teachers we control".

    Args:
        found: the finding.
        tests: how many labs were adjusted together.
    """
    if found.verdict != "none" or tests < 2:  # noqa: PLR2004 - one question already
        return ""
    return (
        "A question about one candidate needs less evidence than a search among many. If you suspect one, say so "
        "before the model is asked: `harness provenance register`."
    )


def likelihood(candidate: str, ratio: float | None, lineages: int | None) -> str:
    """Say what the strongest score is worth, or that nobody knows.

    Args:
        candidate: the strongest.
        ratio: the likelihood ratio of its score.
        lineages: of documented students behind it. `None` if there are too few.
    """
    if ratio is None or lineages is None:
        return "No likelihood ratio: this pool holds too few lineages of documented students."
    return (
        f"The likelihood ratio of the score with {candidate} is {ratio:.2g}, documented students against unrelated "
        f"pairs. {lineages} lineages of students support no more than {1 / (lineages + 1):.2g} to {lineages + 1}."
    )


def bounds(floor: Span | None, ceiling: Span | None) -> str:
    """Say what people's answers score, and a model sampled again.

    Args:
        floor: scores of human text.
        ceiling: scores of versions of a model with it.
    """

    def span(found: Span) -> str:
        pairs = "pair" if found.n == 1 else "pairs"
        return f"{found.median:.1f} [{found.low:.1f}, {found.high:.1f}], {found.n} {pairs}"

    low = f"people's answers score {span(floor)}" if floor else "no floor measured (no human answers in this pool)"
    high = (
        f"the same model restyled or sampled again scores {span(ceiling)}"
        if ceiling
        else "no ceiling measured (no model is here twice, or none such can be scored)"
    )
    return f"For comparison: {low}; {high}."


def sampled_again(suspect: str, found: SelfScore | None) -> str:
    """Say what a suspect's own answers score when half of its repeats are read as another model's.

    Args:
        suspect: its name.
        found: its score. `None`: nothing to say.
    """
    if found is None:
        return ""
    low, high = found.z_low, found.z_high
    span = "" if low is None or high is None else f" [{low:.1f}, {high:.1f}]"
    return (
        f"{suspect} itself, half of its repeated answers against the other half, scores {found.z:.1f}{span} "
        f"({found.prompts} prompts). No other model is expected above that."
    )


def same_model(found: Sameness | None) -> str:
    """Say whether the suspect may be the model nearest to it, and how often that would be wrong. Never "another model".

    Args:
        found: of `same.nearest` or `same.same_model`. `None` if nothing can be compared.
    """
    if found is None or found.threshold is None:
        return "There are too few prompts or models to test whether it is one of these models under another name."
    limit = found.threshold
    measure = f"score {found.score:.1f}, threshold {limit.score:.1f}, {found.prompts} prompts"
    rates = (
        f"If its own model were not here, {limit.others:.4f} of {limit.others_pairs} unrelated pairs and "
        f"{limit.siblings:.3f} of {limit.siblings_pairs} pairs of siblings would reach the threshold"
    )
    found_again = (
        "It is not measured here how often a model that is asked again reaches it"
        if limit.found is None
        else f"A model that is asked again reaches it in {limit.found:.2f} of {limit.found_of} cases"
    )
    if found.verdict == "no evidence":
        nearest = f"nearest: {found.other}; {measure}"
        absent = "The model that it is closest to may not be in this set"
        return f"No evidence that {found.suspect} is one of these models ({nearest}). {absent}. {found_again}."
    wrongly = f"A stranger's name was said of {limit.suspects:.2f} of models whose own was not here"
    strict = found.verdict == "strict"
    closer = " It is closer than siblings are." if strict else ""
    told = f"{_likeness(found.suspect, found.other, strict=strict)} ({measure}).{closer}"
    return f"{told} {rates}. {wrongly}. {found_again}."


def equality(p: float | None) -> str:
    """Say whether two endpoints draw their answers alike (`same.equality`). Empty if nothing was asked twice."""
    if p is None:
        return ""
    if p > ALPHA:
        return f"Nothing shows that the two draw their answers differently ({_p(p)}, permutations within prompts)."
    return (
        f"The two draw their answers differently ({_p(p)}, permutations within prompts): in model, version, "
        "quantisation, prompt or sampling."
    )


def changed(old: str, new: str, found: Sequence[Change]) -> str:
    """Say what the step from one version to the next brought it closer to.

    Args:
        old: the earlier version.
        new: the later version.
        found: one row per other model.
    """
    if not found:
        return f"{old} and {new} cannot be compared here: no other model answered enough of the prompts both answered."
    tested = [row for row in found if row.q is not None]
    over = f"over {len(tested)} models, {found[0].prompts} prompts"
    clear = [row for row in tested if row.q is not None and row.q <= ALPHA and (row.low or 0) * (row.high or 0) > 0]
    closer = ", ".join(f"{r.other} ({r.value:+.2f})" for r in clear if r.value > 0) or "none"
    farther = ", ".join(f"{r.other} ({r.value:+.2f})" for r in clear if r.value < 0) or "none"
    kind = "versions of one lab" if found[0].versions else "any two other models"
    if not tested:
        return f"The step from {old} to {new} cannot be tested: too few other pairs of models show how large steps are."
    return (
        f"From {old} to {new}, beyond what holds of everybody ({over}; null: {kind}; false discovery rate {ALPHA:g}): "
        f"closer to {closer}; farther from {farther}."
        + (f" A shift is consistent with {EXPLANATIONS}." if clear else "")
    )
