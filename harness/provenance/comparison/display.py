"""A finding in a notebook: the sentence, the candidates that were tested, and what a reader must know besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core import tables

SHOWN = 10
"""Candidates in the table. `finding.tests` has them all."""
LEGEND = "Similarity is evidence, not proof of copying."


def html(told: Mapping[str, Any]) -> str:
    """A finding as HTML. Names and texts of models are text in it, never markup.

    Args:
        told: what `Finding.json` gives.
    """
    strength = f", {told['strength']}" if told["strength"] not in (None, "none") else ""
    head = f"{told['suspect']} on {told['corpus']}: {told['verdict']}{strength}"
    tested = [test for test in told["tests"] if test["z"] is not None]
    rows = [
        [
            test["candidate"],
            test["verdict"],
            _score(test["z"], test["z_low"], test["z_high"]),
            test["q"],
            test["prompts"],
        ]
        for test in tested[:SHOWN]
    ]
    table = tables.html_table(("candidate", "verdict", "score [95 %]", "q", "n"), rows) if rows else ""
    more = f"<p>{len(tested) - SHOWN} more have a score.</p>" if len(tested) > SHOWN else ""
    notes = "".join(f"<li>{tables.html_text(note)}</li>" for note in told["notes"])
    asked = f"{told['suspect_prompts']} of {told['prompts']} prompts, {told['models']} models."
    return (
        f"<div><b>{tables.html_text(head)}</b><p>{tables.html_text(told['sentence'])} {asked}</p>{table}{more}"
        f"<ul>{notes}</ul><p><i>{LEGEND}</i></p></div>"
    )


def _score(score: float | None, low: float | None, high: float | None) -> str:
    if score is None:
        return ""
    return f"{score:.2f}" + ("" if low is None or high is None else f" [{low:.2f}, {high:.2f}]")
