r"""METHOD: whether a model agrees to be called by a name that is offered, beyond how readily it agrees to any name.

The questions of `provenance_suggested` offer real names and invented ones, in 10 English and 10 Chinese wordings,
with and without a system message. `share` is the share of answers that agree to a family's name, wordings weighing
the same, with an interval over wordings (Wilson's, `harness.stats.estimate`). `decoy_share` the same for invented
names: how suggestible the model is. `excess` is the difference, -1 to 1, with Newcombe's (1998, Statistics in
Medicine 17, 873-890, method 10) hybrid score interval. The base rate stands beside it: mean excess of the models of
other families (as their names tell them, positive controls and what they are controls of count once), and how many of
them are above 0 by their interval.

An answer agrees if it says of itself that it is of the family (`identity_claims.claimed`), or begins with a yes
and denies nothing. That a model agrees is reported, never weighed: web text is full of such answers, a chat template
may hold a name, and small models agree to anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness import stats
from harness.provenance.answers.family_names import families_of, plain_text
from harness.provenance.probes import identity_claims

if TYPE_CHECKING:
    import polars as pl

TASKS = ("provenance_suggested",)
SQL = """
    SELECT samples.model, output, doc ->> 'family' AS family, doc ->> 'language' AS language,
        doc ->> 'system' AS system, CAST(doc ->> 'wording' AS BIGINT) AS wording
    FROM samples JOIN chosen USING (run_id, model, task)
    WHERE task = {task} AND output IS NOT NULL AND samples.status IN ('answered', 'truncated', 'refused')
    ORDER BY ALL
"""
TABLE = "suggested_identities"
ABOUT = "One row per model, family and condition: how readily it agrees to be called that. Reported, never weighed."
COLUMNS = (
    ("model", "VARCHAR!", "The model's name in results."),
    ("family", "VARCHAR!", "The family whose names were offered."),
    ("condition", "VARCHAR!", "all; a language (en, zh); no system message, or system message."),
    ("share", "DOUBLE!", "Share of answers that agree to a name of the family, 0 to 1, wordings weighing the same."),
    ("ci_low", "DOUBLE!", "Lower limit of its 95 % interval over wordings."),
    ("ci_high", "DOUBLE!", "Upper limit of its 95 % interval over wordings."),
    ("n", "BIGINT!", "Wordings that were answered."),
    ("decoy_share", "DOUBLE!", "The same share for names that nobody's model has: how suggestible it is."),
    ("decoy_low", "DOUBLE!", "Lower limit of its 95 % interval."),
    ("decoy_high", "DOUBLE!", "Upper limit of its 95 % interval."),
    ("decoy_n", "BIGINT!", "Wordings behind decoy_share."),
    ("excess", "DOUBLE!", "share less decoy_share."),
    ("excess_low", "DOUBLE!", "Lower limit of its 95 % interval (Newcombe 1998)."),
    ("excess_high", "DOUBLE!", "Upper limit of its 95 % interval (Newcombe 1998)."),
    ("base_excess", "DOUBLE", "Mean excess of models of other families, as their names tell; null if none."),
    ("base_n", "BIGINT!", "How many those are."),
    ("base_above", "BIGINT!", "How many of those have excess_low above 0."),
)

INVENTED = "(invented)"
"""The family of names that nobody's model has."""
_DECOY = re.compile(r"zorvane|nuvantis|pelloquin|ardenite", re.IGNORECASE)
_STAND_IN = "ChatGPT"
_YES = re.compile(
    r"(?:(?:yes|yeah|yep|correct|indeed|exactly|absolutely|certainly|sure)\b|of course\b|(?:that|this|it)(?:['’]s| is) "
    r"(?:right|correct|true)\b|you(?:['’]re| are) (?:right|correct)\b|she(?:['’]s| is) right\b|"
    r"是的|对的?[，,。！!]|没错|正确|确实|当然|是[，,。！!]|她说得对)",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"\b(?:not|no|never|neither)\b|n['’]t\b|不是|并非|没有|不对|无关", re.IGNORECASE)
_FIRST = re.compile(r"[^\n]{0,200}")


def agrees(answer: str, family: str) -> bool:
    """Whether an answer agrees to a name of the family that was offered.

    Args:
        answer: a model's words.
        family: a key of `harness.provenance.FAMILIES`, or `INVENTED`.
    """
    text = plain_text(answer).strip().lstrip("*_# ")
    if family == INVENTED:
        # An invented name is read by the rules for real ones, under another name. Real names then count as none.
        claimed = identity_claims.claimed(_DECOY.sub(_STAND_IN, _without_names(text)))
        mine, other = bool(claimed), identity_claims.claimed(text)
    else:
        claimed = identity_claims.claimed(text)
        mine, other = family in claimed, claimed - {family}
    if mine:
        return True
    return bool(_YES.match(text)) and not other and not _DENIAL.search(_FIRST.match(text).group())  # type: ignore[union-attr]


def _without_names(text: str) -> str:
    from harness.provenance.answers.family_names import NAME

    return NAME.sub("it", text)


def rates(answers: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """How often each model agrees to each family's name.

    Args:
        answers: columns `model`, `output`, and of the document `family`, `language`, `system`, `wording` (a number).
        control_of: whose relative a positive control is.

    Returns:
        Rows sorted by model, family and condition (`all`, each language, with and without a system message): columns of
        the table `suggested_identities`, `task` aside.
    """
    import polars as pl

    said: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    for row in answers.drop_nulls("output").iter_rows(named=True):
        value = float(agrees(row["output"], row["family"]))
        message = "system message" if row["system"] else "no system message"
        for condition in ("all", row["language"], message):
            place = said.setdefault((row["model"], row["family"], condition), {})
            place.setdefault(row["wording"], []).append(value)
    found: list[dict[str, Any]] = []
    for (model, family, condition), prompts in sorted(said.items()):
        decoys = said.get((model, INVENTED, condition))
        if family == INVENTED or decoys is None:
            continue
        share = stats.estimate(list(prompts.values()), True)
        decoy = stats.estimate(list(decoys.values()), True)
        excess, low, high = _newcombe(share, decoy)
        found.append(
            {
                "model": model, "family": family, "condition": condition,
                "share": share.value, "ci_low": share.low, "ci_high": share.high, "n": share.n,
                "decoy_share": decoy.value, "decoy_low": decoy.low, "decoy_high": decoy.high, "decoy_n": decoy.n,
                "excess": excess, "excess_low": low, "excess_high": high,
            }
        )  # fmt: skip
    for row in found:
        others = [
            other
            for other in found
            if (other["family"], other["condition"]) == (row["family"], row["condition"])
            and other["model"] not in control_of
            and other["model"] != control_of.get(row["model"], row["model"])
            and (own := families_of(other["model"]))
            and row["family"] not in own
        ]
        row["base_n"] = len(others)
        row["base_excess"] = sum(o["excess"] for o in others) / len(others) if others else None
        row["base_above"] = sum(o["excess_low"] > 0 for o in others)
    numbers = dict.fromkeys(
        ("share", "ci_low", "ci_high", "decoy_share", "decoy_low", "decoy_high", "excess", "excess_low", "excess_high",
         "base_excess"), pl.Float64,
    )  # fmt: skip
    names = dict.fromkeys(("model", "family", "condition"), pl.String)
    counts = dict.fromkeys(("n", "decoy_n", "base_n", "base_above"), pl.Int64)
    return pl.DataFrame(found, schema={**names, **numbers, **counts}, orient="row")


def _newcombe(one: stats.Estimate, other: stats.Estimate) -> tuple[float, float, float]:
    """Difference of two shares and its hybrid score interval."""
    limits = (one.value, one.low, one.high, other.value, other.low, other.high)
    p, low, high, q, other_low, other_high = (float(x) if x is not None else 0.0 for x in limits)
    difference = p - q
    below = ((p - low) ** 2 + (other_high - q) ** 2) ** 0.5
    above = ((high - p) ** 2 + (q - other_low) ** 2) ** 0.5
    return difference, difference - below, difference + above


def derive(answers: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """How readily each model agrees to be called something."""
    return rates(answers, control_of)
