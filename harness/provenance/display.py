"""A finding in a notebook: the sentence, the candidates that were tested, and what a reader must know besides."""

from __future__ import annotations

from harness.core import tables
from harness.provenance.finding import Finding

SHOWN = 10
"""Candidates in the table; `finding.tests` has them all."""
LEGEND = "Similarity is evidence, not proof of copying."


def html(finding: Finding) -> str:
    """A finding as HTML. Names and texts of models are text in it, never markup."""
    strength = f", {finding.strength}" if finding.strength not in (None, "none") else ""
    head = f"{finding.suspect} on {finding.corpus}: {finding.verdict}{strength}"
    rows = [
        [test.candidate, test.verdict, _score(test.z, test.z_low, test.z_high), test.q, test.prompts]
        for test in finding.tested[:SHOWN]
    ]
    table = tables.html_table(("candidate", "verdict", "score [95 %]", "q", "n"), rows) if rows else ""
    more = f"<p>{len(finding.tested) - SHOWN} more were tested.</p>" if len(finding.tested) > SHOWN else ""
    notes = "".join(f"<li>{tables.html_text(note)}</li>" for note in finding.notes)
    asked = f"{finding.suspect_prompts} of {finding.prompts} prompts, {finding.models} models."
    return (
        f"<div><b>{tables.html_text(head)}</b><p>{tables.html_text(finding.sentence)} {asked}</p>{table}{more}"
        f"<ul>{notes}</ul><p><i>{LEGEND}</i></p></div>"
    )


def _score(score: float | None, low: float | None, high: float | None) -> str:
    if score is None:
        return ""
    return f"{score:.2f}" + ("" if low is None or high is None else f" [{low:.2f}, {high:.2f}]")
