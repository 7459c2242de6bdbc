r"""METHOD: whether two models find the same next word likeliest, more often than models that are not related do.

Nikolić, Baluta and Saxena (2025, "Model Provenance Testing for Large Language Models",
https://arxiv.org/abs/2502.00706) count how often two models' most likely next tokens are the same over random
prompts, and test that count against those of control models, with Holm's correction. Here every model gives the
log-probability of the same few words after the same beginning, so that models with different tokenisers can be
compared: `value` is the share of beginnings with the same likeliest word, 0 to 1, with Wilson's interval. The null is
*unrelated pairs*: of either model with every control, a model of another family (as the names tell) that is no
positive control. `expected` is the mean agreement of those pairs. p is the largest of the Holm-adjusted one-sided
McNemar p-values (over the beginnings all three answered) that the pair agrees no more often than one of them does.
Null if there are fewer than `LEAST_CONTROLS`.

Agreement follows ability as well as descent: two good models find the same words likely.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance.answers.family_names import families_of
from harness.provenance.probes import _agreements

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

TASKS = ("provenance_next",)
TABLE, ABOUT, COLUMNS, SQL = _agreements.TABLE, _agreements.ABOUT, _agreements.COLUMNS, _agreements.SQL

CHANNEL = "next_words"
NULL = "unrelated pairs: the two with models of other families; small p is agreement"
LEAST_WORDS = 20
"""Beginnings that both answered, below which a pair is left out."""
LEAST_CONTROLS = 1


def agreements(answers: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """Agreement of every pair's likeliest words.

    Args:
        answers: columns `model`, `prompt_id` and `loglikelihoods` (list of natural logs, one per word, in the order of
            the document's words).
        control_of: whose relative a positive control is.

    Returns:
        One row per pair, sorted. Columns of the table `agreements`, `task` aside.
    """
    import numpy as np
    import polars as pl

    best = (
        answers.filter(pl.col("loglikelihoods").list.len() > 1)
        .with_columns(word=pl.col("loglikelihoods").list.arg_max().cast(pl.Int64))
        .group_by("model", "prompt_id")
        .agg(pl.col("word").sort().first())
    )
    models, prompts = (sorted(best[c].unique().to_list()) for c in ("model", "prompt_id"))
    words = np.full((len(models), len(prompts)), -1)
    row, column = {m: i for i, m in enumerate(models)}, {p: i for i, p in enumerate(prompts)}
    for model, prompt, word in best.select("model", "prompt_id", "word").iter_rows():
        words[row[model], column[prompt]] = word
    origin = {model: control_of.get(model, model) for model in models}
    found = []
    for a, b in combinations(range(len(models)), 2):
        both = (words[a] >= 0) & (words[b] >= 0)
        n = int(both.sum())
        if n < LEAST_WORDS:
            continue
        same = words[a] == words[b]
        shares, tests = [], []
        for m in (a, b):
            for control in range(len(models)):
                if control in {a, b} or not _apart(models[control], (models[a], models[b]), origin):
                    continue
                known = both & (words[control] >= 0)
                if known.sum() >= LEAST_WORDS:
                    other = words[m] == words[control]
                    shares.append(float(other[known].mean()))
                    tests.append(_mcnemar(same[known], other[known]))
        low, high = stats.wilson(float(same[both].mean()), n)
        p = max(_holm(tests)) if len(tests) >= 2 * LEAST_CONTROLS else None
        expected = sum(shares) / len(shares) if shares else None
        found.append((models[a], models[b], CHANNEL, float(same[both].mean()), low, high, n, expected, NULL, p))
    return _agreements.frame(found)


def _apart(control: str, pair: tuple[str, str], origin: Mapping[str, str]) -> bool:
    """Whether a model can stand for the unrelated: of a known family that is neither's, and no positive control."""
    own = families_of(control)
    theirs = [families_of(model) or families_of(origin[model]) for model in pair]
    return bool(own) and origin[control] == control and all(their and not own & their for their in theirs)


def _mcnemar(same: np.ndarray, other: np.ndarray) -> float:
    """One-sided exact McNemar test: that the first is true no more often than the second."""
    from scipy.special import bdtrc

    more, less = int((same & ~other).sum()), int((other & ~same).sum())
    return float(bdtrc(more - 1, more + less, 0.5)) if more + less else 1.0


def _holm(p: list[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, sorted."""
    adjusted, worst = [], 0.0
    for rank, value in enumerate(sorted(p)):
        worst = max(worst, min(1.0, (len(p) - rank) * value))
        adjusted.append(worst)
    return adjusted


def derive(answers: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """Agreement of every pair's likeliest words."""
    return agreements(answers, control_of)
