"""A finding in the words of a table's cell and of a card: short, and no weaker or stronger than the report."""

from __future__ import annotations

from harness.provenance.comparison.finding import Finding, Lab

VERSIONS = 2
"""Models of a lab that a cell names."""
KINDS = {
    "other direction": "the other direction",
    "shared teacher": "a shared teacher",
    "students": "the lab's students",
    "later": "later models",
}
"""What else would explain a likeness, in two or three words, by `finding.Rival.kind`."""


def whom(lab: Lab) -> str:
    """`openai (gpt-4-0613, gpt-4-0314)`. A lab that nobody documents goes by its models."""
    versions = ", ".join(lab.versions[:VERSIONS])
    return f"{lab.lab} ({versions})" if lab.lab else versions


def verdict(found: Finding) -> str:
    """The conclusion: `like openai (gpt-4-0613): strong`, `none of 53 tested`, or why nothing could be said."""
    if found.verdict == "resembles":
        return f"like {'; '.join(map(whom, found.named))}: {found.strength}"
    if found.verdict == "none":
        left = f", {len(found.untested)} not testable" if found.untested else ""
        return f"none of {len(found.tested)} tested{left}"
    if found.verdict == "untestable" and found.reasons and found.released is not None:
        return f"untestable: {next(iter(found.reasons))}"
    return found.verdict


def power(found: Finding) -> str:
    """What "none" is worth: how many documented students the same test names. Empty for other verdicts.

    Students are read from the prompts that the suspect was asked: with few prompts few of them are found.
    """
    if found.verdict != "none":
        return ""
    if not found.naming:
        return "power unknown"
    named, students = sum(of.named for of in found.naming), sum(of.students for of in found.naming)
    return f"would have found {named} of {students} documented students at {found.suspect_prompts} prompts"


def worth(found: Finding) -> str:
    """The same as a sentence."""
    if found.verdict == "none" and not found.naming:
        return "How many students this test would have found is not known: too few are documented here."
    return f"This test {power(found)}." if found.verdict == "none" else ""


def because(found: Finding) -> list[str]:
    """What stands behind the verdict, a sentence each: the report's own."""
    from harness.provenance.verdicts import wording  # loads SciPy, which most commands never need

    told = [wording.lab_sentence(found.suspect, lab) for lab in found.named if lab.p is not None]
    if found.coverage is not None and found.possible:
        labs = ", ".join(lab.lab or "a lab that is not documented" for lab in found.possible)
        told.append(f"A teacher's lab would be among {labs}, in {found.coverage:g} of cases like this one.")
    if found.verdict == "none":
        told.append(f"It resembles none of the {len(found.tested)} models tested more than unrelated models do.")
        told.append(worth(found))
    if found.incomparable:
        told.append(f"Its answers are not comparable with those of this set: {found.incomparable}.")
    told += [
        f"{count} {'candidate' if count == 1 else 'candidates'} could not be tested: {why}."
        for why, count in found.reasons.items()
    ]
    return told


def others(found: Finding) -> list[str]:
    """The rival explanations, a sentence each."""
    from harness.provenance.verdicts import wording

    return [f"{wording.rival(found.suspect, lab, one)}." for lab in found.named for one in lab.rivals]


def hint(found: Finding) -> str:
    """The rivals of a verdict in a few words: `or a shared teacher, later models`. Empty if there is none."""
    kinds = dict.fromkeys(KINDS[one.kind] for lab in found.named for one in lab.rivals)
    return f"or {', '.join(kinds)}" if kinds else ""
