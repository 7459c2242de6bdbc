"""A suspect's report as text for people, and as a table."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.cli.output import width
from harness.core import grid, visible, wrapped

if TYPE_CHECKING:
    import polars as pl

SHOWN = 12
"""Candidates in a table for people. Every other format has all of them."""
LEGEND = (
    "score is in standard deviations above models that cannot have learnt from the candidate, less what the suspect "
    "scores with its ten nearest candidates of other labs, over the channels. The 95% intervals of score (±) and rank "
    "are over prompts and null models. q is adjusted over labs, each weighted by how many of its models were tested, "
    "then over the versions of each. n is the number of prompts that both answered. Similarity is evidence, not proof "
    "of copying."
)


def say(*texts: str) -> None:
    """Paragraphs for people, no wider than the terminal."""
    for text in texts:
        sys.stdout.write("\n" + wrapped(visible(text), width()) + "\n")


def rows(found: Mapping[str, Any]) -> pl.DataFrame:
    """A row per prompt set and candidate, for programs."""
    import polars as pl

    schema = {
        "suspect": pl.String, "corpus": pl.String, "rank": pl.Int64, "candidate": pl.String, "verdict": pl.String,
        "rank_low": pl.Int64, "rank_high": pl.Int64, "z": pl.Float64, "z_low": pl.Float64, "z_high": pl.Float64,
        "p": pl.Float64, "q": pl.Float64, "likelihood_ratio": pl.Float64, "power": pl.String, "null_size": pl.Int64,
        "exceeded": pl.Int64, "prompts": pl.Int64, "channels": pl.String, "weaker": pl.Boolean,
    }  # fmt: skip
    rows = [
        {
            "suspect": found["suspect"],
            "corpus": corpus["corpus"],
            **finding,
            "channels": json.dumps({name: round(z, 3) for name, z in finding["channels"].items()}),
            "power": json.dumps(finding["power"]),
        }
        for corpus in found["corpora"]
        for finding in corpus["tests"]
    ]
    return pl.DataFrame([{key: row[key] for key in schema} for row in rows], schema=schema, orient="row")


def text(suspect: str, corpus: Mapping[str, Any]) -> str:
    """One prompt set's report for people, no wider than the terminal."""
    columns = width()
    heading = (
        f"{visible(suspect)} on {visible(corpus['corpus'])}: {corpus['suspect_prompts']} of {corpus['prompts']} "
        f"prompts, {corpus['models']} models. Verdict: {corpus['verdict']}"
        f"{', ' + corpus['strength'] if corpus['strength'] not in (None, 'none') else ''}."
    )
    lines = [wrapped(heading, columns) + "\n"]
    shown = corpus["tests"][:SHOWN]
    if shown and all(f["z"] is None for f in corpus["tests"]):
        reasons = Counter(f["verdict"] for f in corpus["tests"])
        told = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
        lines.append(wrapped(f"No candidate was tested: {told}.", columns) + "\n")
    elif shown:
        rows = [
            [
                _rank(f),
                visible(f["candidate"]),
                f["verdict"],
                _spread(f),
                _number(f["q"], 3),
                str(f["prompts"]),
            ]
            for f in shown
        ]
        right = [True, False, False, True, True, True]
        lines.append(grid(["rank", "candidate", "verdict", "score", "q", "n"], rows, columns, right))
        if len(corpus["tests"]) > SHOWN:
            lines.append(f"({len(corpus['tests']) - SHOWN} more candidates; --format csv or json has all of them)\n")
        channels = sorted({name for f in shown[:3] for name in f["channels"]})
        if channels:
            by = [[visible(f["candidate"]), *(_number(f["channels"].get(c)) for c in channels)] for f in shown[:3]]
            lines.append("Score by channel:\n" + grid(["candidate", *channels], by, columns))
    if any(row["candidates"] for row in corpus["domains"]):
        lines.append(_domains(corpus["domains"], columns))
    lines += [wrapped(visible(text), columns) + "\n" for text in (corpus["paragraph"], *corpus["notes"])]
    lines.append(wrapped(LEGEND, columns) + "\n")
    return "\n".join(lines) + "\n"


def _domains(rows: Sequence[Mapping[str, Any]], columns: int) -> str:
    """Each kind of prompt by itself, and the candidates with the highest scores in it."""
    shown = []
    for row in rows:
        said = [visible(row["domain"]), str(row["prompts"])]
        if not row["candidates"]:
            shown.append([*said, row["verdict"], ""])
        for i, found in enumerate(row["candidates"]):
            shown.append([*(said if i == 0 else ["", ""]), visible(found["candidate"]), _spread(found)])
    return "By kind of prompt, the three candidates with the highest score in it (not tested apart):\n" + grid(
        ["kind", "n", "candidate", "score"], shown, columns, [False, True, False, True]
    )


def _spread(found: Mapping[str, Any]) -> str:
    """A score and half the width of its interval."""
    return _number(found["z"], 1) + ("" if found["z_low"] is None else f" ±{found['z'] - found['z_low']:.1f}")


def _rank(finding: Mapping[str, Any]) -> str:
    """A candidate's place among those tested, and where other prompts and null models might put it."""
    if finding["rank"] is None:
        return ""
    low, high = finding["rank_low"], finding["rank_high"]
    return f"{finding['rank']}" + ("" if low is None else f" ({low}-{high})")


def claims(claims: Sequence[Mapping[str, Any]]) -> str:
    """What the model says it is: reported, never weighed."""
    said = "; ".join(
        f"{'no known model' if c['claimed'] == '(none)' else c['claimed']} {c['share']:.2f} "
        f"[{c['ci_low']:.2f}, {c['ci_high']:.2f}] n={c['n']}"
        for c in claims
    )
    return f"Asked who it is, it says: {said}. This is reported, not weighed."


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
