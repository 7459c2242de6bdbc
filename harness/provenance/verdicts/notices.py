"""What a reader must know besides a verdict: of a suspect's texts, of what was asked, of a set or a panel."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.provenance.answers import boilerplate, languages
from harness.provenance.answers.comparability import Familiarity, Languages, Wrapping
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.evidence import LEAST_PROMPTS
from harness.provenance.comparison.finding import Finding
from harness.provenance.comparison.positives import LEAST_STUDENTS
from harness.provenance.comparison.same import Threshold
from harness.provenance.verdicts.wording import POWER, SHOWN

if TYPE_CHECKING:
    from harness.provenance.panels.registration import Looks, ReportStanding

_CALLED = {"lab": "the lab", "bases": "the base model"}
FOREIGN = 0.1
"""Share of answers in another language than the set's from which on a report says so."""
LATER = "modern"
"""The panels for suspects of 2025 and later: `conf/panel/modern.yaml`."""


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
