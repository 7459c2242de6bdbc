r"""METHOD: whether two models make the same mistakes, beyond what their accuracies explain.

Over the items of one benchmark that both models answered, with the answers that were judged:

- CAPA, in its form for single answers instead of probabilities (Goel et al. 2025, "Great Models Think Alike and this
  Undermines AI Oversight", https://arxiv.org/abs/2502.04313): \(\kappa_p = (o - e)/(1 - e)\). o is the share of items
  with the same answer. \(e = \bar p_1 \bar p_2 + (1-\bar p_1)(1-\bar p_2)\,\overline{c_x}\) what two independent models
  of these accuracies would share, \(c_x = 1/(|O_x| - 1)\) for an item with \(|O_x|\) options. If the options are not
  known, \(c_x\) is the chance that two wrong answers of the pool to the item agree. At most 1. 0 is chance.
  Interval: 1.96 jackknife standard errors over items.
- Same-wrong excess: over items that both got wrong and at least `LEAST_PEERS` other models too, the share of the same
  wrong answer, less the share that those peers gave (the mean of both models' answers' shares among the peers' wrong
  ones). -1 to 1. 0 is what other models' mistakes would make of it. Student's t interval over items.

Some wrong answers are simply tempting: kappa_p counts them as likeness, the excess does not. Neither is proof: models
share mistakes because they share data and abilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance.probes import EVERY

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

TASKS = EVERY
SQL = """
    SELECT model, document AS item, answer, correct, options
    FROM documents JOIN chosen USING (run_id, model, task) JOIN tasks USING (run_id, task)
    WHERE task = {task} AND tasks.kind <> 'code' AND correct IS NOT NULL
    ORDER BY ALL
"""
"""Of every scored task whose answers were extracted, or chosen among options."""
TABLE = "shared_errors"
ABOUT = "One row per task and pair of models: agreement on mistakes beyond accuracy. Not calibrated against a null."
COLUMNS = (
    ("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
    ("model_b", "VARCHAR!", "The other."),
    ("kappa_p", "DOUBLE", "CAPA of Goel et al. 2025 for single answers; 0 is chance, 1 the same answers."),
    ("kappa_low", "DOUBLE", "Lower limit of its 95 % jackknife interval over items."),
    ("kappa_high", "DOUBLE", "Upper limit of its 95 % jackknife interval over items."),
    ("n", "BIGINT!", "Items that both answered."),
    ("same_wrong", "DOUBLE", "Share of the same wrong answer, of items both got wrong and three others too."),
    ("expected", "DOUBLE", "That share as the other models' wrong answers would make it."),
    ("excess", "DOUBLE", "same_wrong less expected."),
    ("excess_low", "DOUBLE", "Lower limit of its 95 % interval over items."),
    ("excess_high", "DOUBLE", "Upper limit of its 95 % interval over items."),
    ("n_both_wrong", "BIGINT!", "Items behind the excess."),
)

LEAST_PEERS = 3
"""Other models that got an item wrong, below which the item says nothing of what is common."""
LEAST_ITEMS = 20
"""Items that both answered, below which a pair is left out."""


def shared_errors(answers: pl.DataFrame) -> pl.DataFrame:
    """Agreement on mistakes of every pair of models.

    Args:
        answers: one benchmark. Columns `model`, `item`, `answer` (as judged, null is none), `correct` (0 to 1, null is
            unscored), `options` (how many there were to choose from, null is unknown). One row per model and item.
            Further rows are ignored.

    Returns:
        One row per pair, sorted: `model_a` < `model_b`, `kappa_p` with `kappa_low`, `kappa_high`, `n` items, and
        `same_wrong`, `expected`, `excess` with `excess_low`, `excess_high`, `n_both_wrong`.
    """
    import numpy as np
    import polars as pl

    kept = answers.filter(
        pl.col("correct").is_not_null() & (pl.col("answer").is_not_null() | (pl.col("correct") >= 1))
    ).unique(["model", "item"], keep="first", maintain_order=True)
    models, items = kept["model"].unique().sort().to_list(), kept["item"].n_unique()
    row, column = (kept[name].rank("dense").cast(pl.Int64).to_numpy() - 1 for name in ("model", "item"))
    said, right = np.full((len(models), items), -1), np.full((len(models), items), np.nan)
    correct, count = kept["correct"].to_numpy() >= 1, kept["options"].cast(pl.Float64).to_numpy()
    right[row, column] = correct
    # All right answers are one answer, however they are written.
    said[row, column] = np.where(correct, 0, _codes(kept["answer"]))
    options = np.full(items, np.nan)
    options[column[count > 1]] = count[count > 1]
    alike, wrong = _alike(said, right), (right == 0).sum(axis=0)
    # The chance that two different models' wrong answers agree. 0 if fewer than two were wrong.
    collision = np.maximum(alike - 1, 0).sum(axis=0) / np.maximum(wrong * (wrong - 1), 1)
    chance = np.where(np.isnan(options), collision, 1 / np.maximum(options - 1, 1))
    peers = wrong - 2
    found = []
    for a, b in combinations(range(len(models)), 2):
        both = np.flatnonzero((said[a] >= 0) & (said[b] >= 0))
        if len(both) >= LEAST_ITEMS:
            kappa = _capa(said[a, both] == said[b, both], right[a, both], right[b, both], chance[both])
            found.append((models[a], models[b], *kappa, len(both), *_excess(said, right, alike, peers, a, b)))
    numbers = ("kappa_p", "kappa_low", "kappa_high")
    more = ("same_wrong", "expected", "excess", "excess_low", "excess_high")
    schema = {
        "model_a": pl.String,
        "model_b": pl.String,
        **dict.fromkeys(numbers, pl.Float64),
        "n": pl.Int64,
        **dict.fromkeys(more, pl.Float64),
        "n_both_wrong": pl.Int64,
    }
    return pl.DataFrame(found, schema=schema, orient="row")


def _codes(answers: pl.Series) -> np.ndarray:
    """A number from 1 for every different answer. Case and space around it make no difference."""
    import polars as pl

    texts = answers.unique(maintain_order=True).to_list()
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(str(text).strip().casefold(), len(numbers) + 1) for text in texts]
    return answers.replace_strict(texts, codes, return_dtype=pl.Int64).to_numpy()


def _capa(
    same: np.ndarray, right_a: np.ndarray, right_b: np.ndarray, chance: np.ndarray
) -> tuple[float | None, float | None, float | None]:
    """kappa_p and its interval."""
    import numpy as np

    n = len(same)
    sums = [same.sum(), right_a.sum(), right_b.sum(), chance.sum()]

    def kappa(observed: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        expected = a * b + (1 - a) * (1 - b) * c
        found: np.ndarray = np.divide(
            observed - expected, 1 - expected, out=np.full_like(expected, np.nan), where=expected < 1
        )
        return found

    value = float(kappa(*(np.array([total / n]) for total in sums))[0])
    parts = (same, right_a, right_b, chance)
    left_out = kappa(*((total - part) / (n - 1) for total, part in zip(sums, parts, strict=True)))
    if np.isnan(value):
        return None, None, None
    half = 1.96 * float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    if not half > 0:
        return value, None, None
    return value, value - half, min(value + half, 1.0)


def _alike(said: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Per model and item, how many models gave its wrong answer, itself among them. 0 if it was right."""
    import numpy as np

    found = np.zeros(said.shape)
    model, item = np.nonzero(right == 0)
    answer = item * (said.max(initial=0) + 1) + said[model, item]
    _, place, counts = np.unique(answer, return_inverse=True, return_counts=True)
    found[model, item] = counts[place]
    return found


def _excess(
    said: np.ndarray, right: np.ndarray, alike: np.ndarray, peers: np.ndarray, a: int, b: int
) -> tuple[float | None, float | None, float | None, float | None, float | None, int]:
    """Share of the same wrong answer, what peers make of it, the difference with its interval, and items behind it."""
    import numpy as np

    items = np.flatnonzero((right[a] == 0) & (right[b] == 0) & (peers >= LEAST_PEERS))
    n = len(items)
    if n == 0:
        return None, None, None, None, None, 0
    same = (said[a, items] == said[b, items]).astype(float)
    # Without the pair itself: one of them each, and both if they agree.
    expected = (alike[a, items] + alike[b, items] - 2 - 2 * same) / (2 * peers[items])
    excess = same - expected
    value = float(excess.mean())
    spread = float(excess.std(ddof=1)) if n > 1 else 0.0
    if not spread:
        return float(same.mean()), float(expected.mean()), value, None, None, n
    half = stats.t_quantile(n - 1) * spread / n**0.5
    return float(same.mean()), float(expected.mean()), value, value - half, value + half, n


def derive(answers: pl.DataFrame, _: Mapping[str, str]) -> pl.DataFrame:
    """Agreement of every pair's mistakes."""
    return shared_errors(answers)
