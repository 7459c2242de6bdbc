r"""METHOD: whether two models refuse the same prompts, beyond what the rates of models and prompts explain.

A model's answer to a prompt is a refusal (1) or not (0; the mean over repeats). What the margins make likely is the
Rasch model (Rasch 1960): \(\mathrm{logit}\,e_{mp} = a_m + b_p\), fitted to all models with a small ridge, so that a
prompt which everybody refuses, and a model that refuses everything, explain themselves. `value` is the correlation of
the two models' residuals, \(\sum_p r_{ap} r_{bp} / \sqrt{\sum_p r_{ap}^2 \sum_p r_{bp}^2}\), -1 to 1, its interval
the delete-a-group jackknife over prompts; `expected` is the mean over all pairs, below 0 because the margins were
fitted to the same answers. The null *margins alone* shuffles each model's residuals among prompts that are refused
about as often (`STRATA` groups): p = (1 + #{value ≥ observed}) / (SHUFFLES + 1). Small p: refusals agree more than
rates explain; shared policies, shared data and shared laws explain that as well as teaching does.

A refusal is an answer whose status says so, or whose first sentences decline (`refused`): English and Chinese. Rules
miss evasions and silent changes of subject.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from harness.provenance.family_names import plain_text
from harness.provenance.probes import OPEN, _agreements

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

TASKS = OPEN
TABLE, ABOUT, COLUMNS, SQL = _agreements.TABLE, _agreements.ABOUT, _agreements.COLUMNS, _agreements.SQL

CHANNEL = "refusals"
NULL = "margins alone: residuals shuffled among prompts refused as often; small p is agreement"
LEAST_PROMPTS = 20
LEAST_REFUSED = 5
"""Prompts that each of a pair refused and did not, below which it is left out."""
SHUFFLES = 199
STRATA = 5
GROUPS = 10
RIDGE = 0.1
READ = 300
"""Characters of an answer that are read: a refusal comes first."""
_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry|unable|not able|not comfortable|not going to|afraid)|i apologi[sz]e|"
    r"i (?:can(?:['’]t|not)|won['’]t|will not|must decline|do not feel comfortable|don['’]t feel comfortable)|"
    r"(?:can(?:['’]t|not)|unable to) (?:assist|help|comply|provide|fulfil+|create|write|generate|discuss|engage)|"
    r"as an ai(?: language model| assistant)?,? i (?:can|do|am|must)|against my (?:guidelines|programming)|"
    r"let['’]s talk about something else)|"
    r"(?:对不起|抱歉|很抱歉|我?无法(?:回答|提供|协助|满足|完成|讨论)|我?不能(?:回答|提供|协助|讨论|生成)|换个话题|让我们聊聊|我还没有学会)",
    re.IGNORECASE,
)


def refused(answer: str) -> bool:
    """Whether an answer declines, by the rules of this file. An empty answer is none: it has its own status."""
    return bool(_REFUSAL.search(plain_text(answer)[:READ]))


def agreements(answers: pl.DataFrame) -> pl.DataFrame:
    """Agreement of every pair's refusals.

    Args:
        answers: columns `model`, `prompt_id`, `output` (null where there is none) and `refused` (Boolean or null: what
            the sample's status says; null leaves it to the rules).

    Returns:
        One row per pair, sorted; columns of the table `agreements`, `task` aside.
    """
    import numpy as np
    import polars as pl

    said = answers.filter(pl.col("output").is_not_null() | pl.col("refused").fill_null(False)).with_columns(
        r=pl.col("refused").fill_null(False) | pl.col("output").map_elements(refused, pl.Boolean).fill_null(False)
    )
    mean = said.group_by("model", "prompt_id").agg(pl.col("r").mean()).sort("model", "prompt_id")
    models, prompts = (sorted(mean[c].unique().to_list()) for c in ("model", "prompt_id"))
    row, column = {m: i for i, m in enumerate(models)}, {p: i for i, p in enumerate(prompts)}
    table = np.full((len(models), len(prompts)), np.nan)
    for model, prompt, share in mean.iter_rows():
        table[row[model], column[prompt]] = share
    residual, common = _residuals(table)
    found = []
    for a, b in combinations(range(len(models)), 2):
        both = np.flatnonzero(~np.isnan(table[a] + table[b]))
        enough = all(LEAST_REFUSED <= table[m, both].sum() <= len(both) - LEAST_REFUSED for m in (a, b))
        if len(both) < LEAST_PROMPTS or not enough:
            continue
        x, y = residual[a, both], residual[b, both]
        seed = hashlib.sha256(f"{models[a]}\n{models[b]}".encode()).digest()[:8]
        rng = np.random.default_rng(int.from_bytes(seed, "little"))
        found.append((a, b, len(both), _correlation(x, y), *_jackknife(x, y, rng), _p(x, y, common[both], rng)))
    expected = float(np.mean([row[3] for row in found])) if found else None
    rows = [
        (models[a], models[b], CHANNEL, value, low, high, n, expected, NULL, p)
        for a, b, n, value, low, high, p in found
    ]
    return _agreements.frame(rows)


def _residuals(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the margins leave of refusals, NaN where there is no answer; and how often each prompt is refused."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    known = ~np.isnan(table)
    filled = np.where(known, table, 0.0)
    models, prompts = table.shape

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = x[:models], x[models:]
        logit = a[:, None] + b[None]
        expected = expit(logit)
        total = (np.logaddexp(0, logit) - filled * logit)[known].sum() + RIDGE / 2 * (x**2).sum()
        gap = np.where(known, expected - filled, 0.0)
        return float(total), np.concatenate([gap.sum(axis=1), gap.sum(axis=0)]) + RIDGE * x

    if not known.any():
        return table, np.zeros(prompts)
    x = minimize(loss, np.zeros(models + prompts), jac=True, method="L-BFGS-B").x
    return table - expit(x[:models, None] + x[None, models:]), x[models:]


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    import numpy as np

    length = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / length if length > 0 else 0.0


def _jackknife(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval, prompts left out in `GROUPS` random groups (Kott 2001)."""
    import numpy as np

    group = rng.permutation(np.arange(len(x)) % GROUPS)
    values = np.array([_correlation(x[group != g], y[group != g]) for g in range(GROUPS)])
    half = 1.96 * float(np.sqrt((GROUPS - 1) / GROUPS * ((values - values.mean()) ** 2).sum()))
    value = _correlation(x, y)
    return max(value - half, -1.0), min(value + half, 1.0)


def _p(x: np.ndarray, y: np.ndarray, common: np.ndarray, rng: np.random.Generator) -> float:
    """Shuffle one model's residuals within groups of prompts that are refused about as often."""
    import numpy as np

    order = np.argsort(common, kind="stable")
    x, y = x[order], y[order]
    parts = np.array_split(y, STRATA)
    dealt = np.hstack([rng.permuted(np.tile(part, (SHUFFLES, 1)), axis=1) for part in parts])
    return (1 + int((dealt @ x >= float(y @ x) - 1e-12).sum())) / (SHUFFLES + 1)


def derive(answers: pl.DataFrame, _: Mapping[str, str]) -> pl.DataFrame:
    """Agreement of every pair's refusals."""
    return agreements(answers)
