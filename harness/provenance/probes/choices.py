r"""METHOD: whether two models choose alike where there is nothing to choose by (a number, a colour, a name).

Every question is asked several times. Per question, \(J = 1 - \mathrm{JSD}(P, Q)\) with the Jensen-Shannon divergence
in bits (Lin 1991, doi 10.1109/18.61115) of the two models' shares of answers: 1 the same shares, 0 no answer in
common. `value` is the mean over questions, its interval the bootstrap over them. Few samples make any two shares
differ: `expected` is what two sets of samples from one distribution would give, found by shuffling the samples of
each question between the two models `SHUFFLES` times, and p = (1 + #{J ≤ value}) / (SHUFFLES + 1) tests that null:
*one distribution*. A small p says that the two choose differently. A large one that this many samples show no
difference, which is not that there is none. Models of one family choose alike, and so do models that were tuned on
the same data.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance.answers.family_names import plain_text
from harness.provenance.probes import _agreements

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

TASKS = ("provenance_choices",)
TABLE, ABOUT, COLUMNS, SQL = _agreements.TABLE, _agreements.ABOUT, _agreements.COLUMNS, _agreements.SQL

CHANNEL = "choices"
NULL = "one distribution: samples shuffled between the two; small p is a difference"
SHUFFLES = 199
LEAST_SAMPLES = 3
"""Answers of each model to a question, below which it is left out."""
LEAST_QUESTIONS = 5
_FILLER = re.compile(
    r"^(?:(?:sure|okay|ok|certainly|the|an?|i'd|i'll|i|would|will|choose|pick|say|go|with|how about|my|answer|it's|its|"
    r"is)\b[\s,.:!]*)+",
)
_MARKUP = re.compile(r"[*_#`\"“”]+")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def choice(answer: str) -> str | None:
    """What an answer chooses: its first word or number in small letters, polite beginnings skipped. `None` for none."""
    text = _MARKUP.sub("", plain_text(answer)).casefold().replace("\u2019", "'").strip()
    words = _WORD.search(_FILLER.sub("", text)) or _WORD.search(text)
    return words.group() if words else None


def agreements(answers: pl.DataFrame) -> pl.DataFrame:
    """How alike every pair of models chooses.

    Args:
        answers: columns `model`, `prompt_id`, `output`. Several rows per model and prompt. Their order does not matter.

    Returns:
        One row per pair with at least `LEAST_QUESTIONS` questions, sorted. Columns of the table `agreements`, `task`
        aside.
    """
    import numpy as np

    said: dict[str, dict[str, Counter[str]]] = {}
    for model, prompt, output in answers.drop_nulls("output").select("model", "prompt_id", "output").iter_rows():
        if (picked := choice(output)) is not None:
            said.setdefault(model, {}).setdefault(prompt, Counter())[picked] += 1
    rows = []
    for a, b in combinations(sorted(said), 2):
        shared = [
            (said[a][prompt], said[b][prompt])
            for prompt in sorted(said[a].keys() & said[b].keys())
            if min(said[a][prompt].total(), said[b][prompt].total()) >= LEAST_SAMPLES
        ]
        if len(shared) < LEAST_QUESTIONS:
            continue
        seed = int.from_bytes(hashlib.sha256(f"{a}\n{b}".encode()).digest()[:8], "little")
        rng = np.random.default_rng(seed)
        tables = [_table(one, other) for one, other in shared]
        values = [1 - float(_divergence(table[None])[0]) for table in tables]
        shuffled = np.mean([1 - _divergence(_shuffles(table, rng)) for table in tables], axis=0)
        mean = stats.bootstrap_mean(values)
        p = (1 + int((shuffled <= sum(values) / len(values) + 1e-12).sum())) / (SHUFFLES + 1)
        rows.append((a, b, CHANNEL, mean.value, mean.low, mean.high, mean.n, float(shuffled.mean()), NULL, p))
    return _agreements.frame(rows)


def _table(one: Counter[str], other: Counter[str]) -> np.ndarray:
    """Counts, 2 x answers."""
    import numpy as np

    known = sorted(one.keys() | other.keys())
    return np.array([[side[answer] for answer in known] for side in (one, other)])


def _divergence(counts: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits of tables of counts, draws x 2 x answers."""
    import numpy as np
    from scipy.special import entr

    share = counts / counts.sum(axis=2, keepdims=True)
    bits: np.ndarray = (entr(share.mean(axis=1)).sum(axis=1) - entr(share).sum(axis=2).mean(axis=1)) / np.log(2)
    limited: np.ndarray = np.clip(np.round(bits, 12), 0, 1)  # else the ends are off by the last digit
    return limited


def _shuffles(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tables with the samples dealt anew between the two models, draws x 2 x answers."""
    import numpy as np

    first = rng.multivariate_hypergeometric(table.sum(axis=0), int(table[0].sum()), size=SHUFFLES)
    return np.stack([first, table.sum(axis=0) - first], axis=1)


def derive(answers: pl.DataFrame, _: Mapping[str, str]) -> pl.DataFrame:
    """Agreement of every pair's choices."""
    return agreements(answers)
