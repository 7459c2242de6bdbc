"""The sentences provenance is allowed to say. Every generated text comes from here, and a test holds it to the rules.

Allowed: how much more a model resembles a candidate than models that cannot have learnt from it, with the p-value,
and the full list of explanations. Never: that anything was copied, distilled or stolen, or a percentage of parentage.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.provenance.answers import boilerplate, languages
from harness.provenance.answers.comparability import Familiarity, Languages, Wrapping
from harness.provenance.comparison import positives
from harness.provenance.comparison.calibration import LEAST_NULL, LEAST_REFERENCE, ModelFacts
from harness.provenance.comparison.change import Change
from harness.provenance.comparison.evidence import ALPHA, LEAST_PROMPTS
from harness.provenance.comparison.finding import Finding, Lab, Member, PairTest, Rival, SelfScore, Span
from harness.provenance.comparison.positives import LEAST_STUDENTS, Scale
from harness.provenance.comparison.same import Sameness, Threshold

if TYPE_CHECKING:
    from harness.provenance.panels.registration import Looks, ReportStanding

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


def unknown(known: Familiarity, kind: str | None) -> str:
    """Why answers cannot be compared: how little of them a set knows, and what they are."""
    text = (
        f"the set's models write {known.value:.2f} as much of what is in them as of what is in each other's answers, "
        f"and at least {known.bound:.2f} is expected of a model of this set"
    )
    return text if kind is None else f"{kind}. Also, {text}"


def woven(lacking: Sequence[str]) -> str:
    """Why answers cannot be compared that lack the commonest words."""
    return f"they {_lacking(lacking)}"


def _lacking(words: Sequence[str]) -> str:
    shown = ", ".join(f"“{word}”" for word in words[:5])
    return f"hardly ever hold {shown}, which every model of the set writes, as in an instructed style or a persona"


def one_text(wrapping: Wrapping) -> str:
    """Why answers cannot be compared that are set texts and nothing else."""
    return (
        f"{wrapping.emptied} of {wrapping.answers} are nothing but set texts "
        f"({'; '.join(f'“{text}”' for text in boilerplate.quotes(wrapping))})"
    )


def endings(suspect: str, ended: int, answers: int) -> str:
    """Say that a suspect has too few endings to compare, and what that does to the verdict.

    Args:
        suspect: the model that was looked at.
        ended: how many of its answers have an ending.
        answers: how many it gave.
    """
    return (
        f"{ended} of {answers} answers of {suspect} have an ending of their own. The others are short, or were cut off "
        "at a limit. That is too few, so how answers end was not compared: the verdict rests on the other channels. "
        "Figures of documented students are of models whose endings were compared."
    )


def texts(found: Finding, language: str | None) -> tuple[str, ...]:
    """What was found in a suspect's texts before they were compared. Nothing if nothing was.

    Args:
        found: the finding.
        language: of the set. `None` if that is not recorded.
    """
    if found.reading is None:
        return ()
    return (
        *_damaged(found.suspect, found.reading.damaged),
        *_wrapped(found),
        *_styled(found),
        *_language(found, found.reading.languages, language),
    )


def _damaged(suspect: str, undone: Sequence[str]) -> tuple[str, ...]:
    """Say what a file did to answers, and that it was undone."""
    if not undone:
        return ()
    return (f"Before anything was compared, this was undone in {suspect}'s answers: {'; '.join(undone)}.",)


def _styled(found: Finding) -> tuple[str, ...]:
    """Say what was read of a suspect whose style the set hardly knows, and what that does to the verdict."""
    if found.reading is None or not found.left:
        return ()
    lacking = f" They {_lacking(found.reading.lacking)}." if found.reading.lacking else ""
    why = (
        f"The set's models hardly know the habits within {found.suspect}'s answers, as of very short ones or of an "
        f"instructed style.{lacking}"
    )
    mend = "If an instruction asks for this style, ask the model without it."
    if found.reading.lost:
        why = f"Of {found.suspect}'s answers {found.reading.lost}, as if a file had lost them.{lacking}"
        mend = "If a file lost them, import the answers as they were written."
    text = (
        f"{why} So {' and '.join(found.left)} alone were compared: how answers begin, and what they say to a prompt "
        "that others were asked, too. That is weaker evidence. Figures of documented students are of models whose "
        f"habits were all compared. {mend}"
    )
    return (text,)


def _wrapped(found: Finding) -> tuple[str, ...]:
    wrapping = None if found.reading is None else found.reading.wrapping
    if wrapping is None or found.incomparable:
        return ()
    ends = [
        f"{share:.2f} of {found.suspect}'s answers {where}"
        for share, where in ((wrapping.opened, "begin"), (wrapping.closed, "end"))
        if share
    ]
    quoted = "; ".join(f"“{text}”" for text in boilerplate.quotes(wrapping))
    text = (
        f"{' and '.join(ends)} with set texts, as a system prompt may ask for ({quoted}). They were taken off before "
        "anything was compared, so the verdict is about what is left."
    )
    return (text,)


def _language(found: Finding, told: Languages, language: str | None) -> tuple[str, ...]:
    foreign = round((1 - told.english) * told.answers)
    if language is None or (language == languages.ENGLISH and foreign < FOREIGN * told.answers):
        return ()
    if language != languages.ENGLISH and told.other == language:
        return ()
    rest = f" ({told.other})" if told.other else ""
    said = f"{foreign} of {told.answers} answers of {found.suspect}" if foreign else f"{found.suspect}'s answers"
    text = (
        f"{found.corpus} is in {language}, but {said} that were looked at are not in it{rest}. Its models cannot share "
        "the habits of another language, so these count against every candidate alike."
    )
    return (text,)


def by_name(fact: ModelFacts) -> tuple[str, ...]:
    """Say what of a suspect is known from its name alone. Nothing if all is documented."""
    read = {"lab": fact.lab, "bases": ", ".join(sorted(fact.bases))}
    said = [f"{_CALLED[what]} {read[what]}" for what in sorted(fact.by_name) if read.get(what)]
    if not said:
        return ()
    text = (
        f"{fact.name}'s name suggests {' and '.join(said)}, but nothing documents it, and anybody can choose a name. "
        "So candidates of whom the same is documented are tested, although it would explain a resemblance to them. "
        "Candidates known by their names alone are set apart. If you know what is so, say it with --lab, --base or an "
        "entry in conf/model_registry.yaml."
    )
    return (text,)


_CALLED = {"lab": "the lab", "bases": "the base model"}
FOREIGN = 0.1
"""Share of answers in another language than the set's from which on a report says so."""


def own_lab(found: Finding, lab: str | None) -> tuple[str, ...]:
    """Say that candidates of a suspect's own lab were tested because somebody asked. Nothing if none was."""
    own = [test.candidate for test in found.tested if lab is not None and test.lab == lab]
    if not own:
        return ()
    text = (
        f"{', '.join(own[:SHOWN])} and {found.suspect} are of one lab, so a resemblance is expected for more reasons "
        "than teaching, such as shared data, people and methods."
    )
    return (text,)


def standing(suspect: str, found: ReportStanding, looks: Looks, *, logged: bool) -> str:
    """Say whether a report confirms what was fixed beforehand, and how much was looked at.

    Args:
        suspect: of the report.
        found: of `registration.standing`.
        looks: of `registration.looks`, this report included.
        logged: whether this report could be written down.
    """
    if found.status == "confirmatory":
        said = (
            f"Confirmatory: all of it was registered at {found.registered} (sha256 {found.sha256}), before the answers."
        )
    else:
        said = f"Exploratory: {'; '.join(found.why)}."
    if not logged:
        return f"{said} It is not known how much was looked at, because the results folder keeps no log."
    questions = "1 question" if looks.questions == 1 else f"{looks.questions} questions"
    sets = "1 prompt set" if looks.sets == 1 else f"{looks.sets} prompt sets"
    return (
        f"{said} You have asked {questions} about {suspect} so far, on {sets}. Another set of candidates is another "
        "question. False discovery rates cover this one alone."
    )


def documented(name: str, teachers: Sequence[str], source: str | None) -> tuple[str, ...]:
    """Say what is documented of a model's teachers. Nothing if nothing is."""
    if not teachers:
        return ()
    return (f"Teachers documented for {name}: {', '.join(teachers)} ({source or 'no source given'}).",)


def statement(name: str, said: str | None) -> str:
    """What a model's makers say of its training data: their reply, beside whatever was found."""
    return f"Its makers say of {name}: {said.rstrip('.')}." if said else ""


def undated(names: Sequence[str]) -> tuple[str, ...]:
    """Say which models have no documented release date, and what follows. Nothing if all have one."""
    if not names:
        return ()
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004
    text = (
        f"No release date is documented for {shown}, so dates cannot say who came first. If you know one, add it to "
        "conf/model_registry.yaml with its source."
    )
    return (text,)


def misplaced(name: str, mixed: Collection[str]) -> tuple[str, ...]:
    """That a model's answers do not fit their prompts.

    Args:
        name: the model's.
        mixed: the models whose answers do not.
    """
    if name not in mixed:
        return ()
    said = f"The answers of {name} fit their prompts no better than other prompts."
    check = "Check that each stands beside its own: rows may have been mixed up."
    return (f"{said} {check} They are compared by habits alone, and not prompt by prompt.",)


def changed_prompts(name: str, which: Sequence[str]) -> tuple[str, ...]:
    """Say which prompts were asked with another text than a panel's, so that their answers are left out."""
    if not which:
        return ()
    shown = ", ".join(which[:5]) + (f" and {len(which) - 5} more" if len(which) > 5 else "")  # noqa: PLR2004
    return (f"Left out, because they were asked with another text than the panel {name} has: {shown}.",)


def another_version(name: str, known: str, asked: Sequence[str]) -> tuple[str, ...]:
    """Say that a suspect was asked another version of a panel than the one that is here."""
    if not asked:
        return ()
    text = (
        f"The prompts were asked as version {' and '.join(asked)} of the panel {name}. These answers are read against "
        f"version {known}, on the prompts that both versions have with the same text."
    )
    return (text,)


def panel(name: str, about: Mapping[str, Any], models: int, prompts: int) -> tuple[str, ...]:
    """Say what a reference panel is and how far its facts were checked."""
    text = (
        f"Panel {name}, version {about['version']}: {models} models, {prompts} prompts; "
        f"{about['source']}; {about['licence']}."
    )
    return text, str(about["facts"])


def contained(name: str, models: int) -> str:
    """Say why a panel is not shown beside the local answers to its prompts."""
    return (
        f"All {models} models of the panel {name} were answered here. The panel adds no model to these, so this is the "
        "one picture of both."
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


def asked(prompts: int, total: int, rows: Sequence[Mapping[str, Any]], limit: Threshold | None) -> str:
    """Say what so many prompts can show, and what they cannot: the power that remains.

    Args:
        prompts: answered by the suspect.
        total: of the panel.
        rows: of `positives.power_rows` for that many prompts.
        limit: of `same.threshold_for`.
    """
    said = f"{prompts} of {total} prompts:"
    same_too = (
        " too few to test whether the suspect is one of the models."
        if limit is None
        else f" the test for the same model is that of {limit.prompts} prompts."
    )
    if prompts < LEAST_PROMPTS:
        return f"{said}{same_too} To test for a teacher takes {LEAST_PROMPTS}."
    known = [row for row in rows if row["students"] >= LEAST_STUDENTS]
    seen, weak = ([r for r in known if (r["at_0.05"] >= POWER) is up] for up in (True, False))

    def show(part: Sequence[Mapping[str, Any]]) -> str:
        return ", ".join(f"{r['teacher']} ({r['at_0.05']:.2f} of {r['students']:.0f})" for r in part) or "nobody"

    return (
        f"{said}{same_too} With 5 false alarms in 100, the test finds most documented students of {show(seen)}. "
        f"It cannot see single students of {show(weak)}" + ("." if known else ": too few are documented.")
    )


def newer(name: str, newest: str, suspect: str, released: str) -> str:
    """Say that a panel ends before a suspect came, and which one asks later models.

    Args:
        name: of the panel.
        newest: the month of its newest model.
        suspect: a model.
        released: its month.
    """
    return (
        f"The newest model of the panel {name} is of {newest}, and {suspect} is of {released[:7]}: models between them "
        f"are not looked at. `harness eval model={suspect} task=panel panel={LATER}` asks panels of later models."
    )


LATER = "modern"
"""The panels for suspects of 2025 and later: `conf/panel/modern.yaml`."""


def too_few(suspect: str, prompts: int, name: str) -> str:
    """Say that a model answered too few of the prompts of a panel that it was asked.

    Args:
        suspect: its name.
        prompts: of the panel that it answered.
        name: of the panel.
    """
    return (
        f"{suspect} answered {prompts} prompts of the panel {name}, too few to be read against that panel's models. To "
        f"test for a teacher takes {LEAST_PROMPTS}: harness eval model={suspect} task=panel panel={name}"
    )


def replaced(suspect: str, name: str) -> str:
    """Say that a panel's own answers of a model were set aside for local ones."""
    return (
        f"The panel {name} also has a model named {suspect}. The answers found here were used instead of the panel's."
    )


def suggested(suspect: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which offered names the model agrees to more than to invented ones. Empty if none was offered.

    Args:
        suspect: the model that was asked.
        rows: of the table `suggested_identities`, condition `all`.
    """
    if not rows:
        return ""
    decoy = (
        f"Offered names that nobody's model has, {suspect} agrees in {rows[0]['decoy_share']:.2f} of answers "
        f"[{rows[0]['decoy_low']:.2f}, {rows[0]['decoy_high']:.2f}]"
    )
    clear = [row for row in sorted(rows, key=lambda r: -r["excess"]) if row["excess_low"] > 0]
    if not clear:
        return f"{decoy}. It agrees to no real name more often. This is reported, not weighed."
    said = "; ".join(
        f"{row['family']} by {row['excess']:.2f} [{row['excess_low']:.2f}, {row['excess_high']:.2f}], as do "
        f"{row['base_above']} of {row['base_n']} models of other families"
        for row in clear
    )
    return f"{decoy}. It agrees more often to names of {said}. Models misname themselves, so this is not weighed."


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
