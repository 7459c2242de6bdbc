"""METHOD: how alike two models' words are when they answer the same prompts.

Per prompt, both answers are cut to as many words as the shorter one has, and `J = |A n B| / |A u B|` is taken over
the two sets of words (Jaccard 1912, https://doi.org/10.1111/j.1469-8137.1912.tb05611.x). The similarity is the mean
of J over the prompts that both models answered: 0 no word in common, 1 the same words. Its 95 % interval is the
percentile bootstrap over prompts. It depends on the two models alone: adding a third changes nothing.

Words are compared without case. Chinese, Japanese and Thai, written without spaces, as pairs of characters. Names
of models and labs are taken out first: who a model says it is belongs to the channel `identity_claims`. Repeats of
a prompt are read as one text.

What the number is not: it has no known zero. Two unrelated models share the words that the prompt and the language
force on them, and very short answers share more or fewer by chance. The value means something only next to pairs
known to be unrelated.

Measured on AlpacaEval's answers (https://github.com/tatsu-lab/alpaca_eval, 200 prompts), 28 students with a documented
teacher among 46 candidates: the teacher's mean reciprocal rank, averaged over 8 lineages, is 0.64. Cosine,
Bhattacharyya and Jensen-Shannon similarity of the word counts over all prompts reach 0.33 to 0.49.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance.answers.family_names import NAME, may_name, plain_text
from harness.provenance.probes import OPEN

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from harness.provenance.answers import stored

TASKS = OPEN
MOST_MODELS = 40
"""Models above which pairs are compared on `SAMPLED` prompts alone and not by kind of prompt: thousands of pairs are
too many to read, and the table `provenance` has their similarity in every channel on all prompts."""
SAMPLED = 32
SQL = f"""
    WITH said AS (
        SELECT samples.model, md5(CAST(doc AS VARCHAR)) AS prompt_id, output, doc ->> 'domain' AS domain
        FROM samples JOIN chosen USING (run_id, model, task)
        WHERE task = {{task}} AND output IS NOT NULL AND samples.status IN ('answered', 'truncated')
    )
    SELECT * FROM said
    WHERE (SELECT count(DISTINCT model) FROM said) <= {MOST_MODELS}
        OR prompt_id IN (SELECT DISTINCT prompt_id FROM said ORDER BY prompt_id LIMIT {SAMPLED})
    ORDER BY ALL
"""
"""A prompt is known by the content of its document, so that runs of different versions of a task are compared on the
prompts they share. Truncated answers are answers. Prompts are known by hashes, so that the first of them are as good
as drawn."""
KEEPS = True
VERSION = "1"
"""Changes whenever the value or the interval of a pair does: pairs that were kept are then made anew."""
TABLE = "similarities"
ABOUT = "One row per pair of models and channel. Not calibrated yet: evidence, not proof of copying."
COLUMNS = (
    ("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
    ("model_b", "VARCHAR!", "The other."),
    ("channel", "VARCHAR!", "How likeness was measured: a file in harness/provenance/probes/."),
    ("value", "DOUBLE!", "Similarity, 0 to 1; 1 is identical texts. What it is between strangers is not known yet."),
    ("ci_low", "DOUBLE", "Lower limit of the 95 % bootstrap interval over prompts; null if the data give none."),
    ("ci_high", "DOUBLE", "Upper limit of the 95 % bootstrap interval over prompts; null if the data give none."),
    ("n", "BIGINT!", "Prompts that both models answered."),
    ("calibrated", "BOOLEAN!", "True if value was read against pairs known to be unrelated; false for now."),
    ("domain", "VARCHAR", "The domain of the prompts that were compared, as their documents say; null is all of them."),
)

CHANNEL = "vocabulary"

# Scripts written without spaces: kana, Han with its extensions, Thai, Lao, Myanmar, Khmer.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_DENSE_LETTER = re.compile(f"[{_DENSE}]")
_SPACED = rf"[[\p{{L}}\p{{N}}]--[{_DENSE}]]+"
_WORD = rf"[{_DENSE}]+|{_SPACED}(?:'{_SPACED})*"
"""A run of letters of those scripts, or a word of others, as Polars finds them."""


def words(texts: pl.Series) -> pl.Series:
    """The words of each text in order, in small letters, names of models and labs left out: lists of strings."""
    import polars as pl

    plain = pl.Series([plain_text(text) for text in texts], dtype=pl.String)
    bare = pl.Series(
        [
            (NAME.sub(" ", text) if named else text).casefold().replace("\u2019", "'")
            for text, named in zip(plain, may_name(plain), strict=True)
        ],
        dtype=pl.String,
    )
    found = bare.str.extract_all(_WORD)
    dense = bare.str.contains(f"[{_DENSE}]")
    if not dense.any():
        return found
    split = [
        [word for run in runs for word in (_pairs(run) if _DENSE_LETTER.match(run) else [run])]
        for runs in found.filter(dense).to_list()
    ]
    order = pl.concat([(~dense).arg_true(), dense.arg_true()])
    return pl.concat([found.filter(~dense), pl.Series(split, dtype=found.dtype)]).gather(order.arg_sort())


def _pairs(run: str) -> list[str]:
    """Neighbouring characters of a run, which stand for words. One by itself is one."""
    return list(map(add, run, run[1:])) or [run]


def similarities(answers: pl.DataFrame, folder: Path | None = None) -> pl.DataFrame:
    """Similarity of every pair of models that answered a prompt in common.

    Args:
        answers: columns `model`, `prompt_id`, `output`. The order of rows does not matter.
        folder: where pairs are kept between runs. `None` keeps none.

    Returns:
        One row per pair, sorted: `model_a` < `model_b`, `channel`, `value` in [0, 1], `ci_low` and `ci_high` (null
        below two prompts, or if all are as alike), `n` prompts in common, `calibrated` (false).
    """
    import polars as pl

    from harness.provenance.answers import stored

    # Repeats are put together in the order of their text: any order will do, as long as it is always the same one.
    texts = (
        answers.filter(pl.col("output").is_not_null())
        .group_by("prompt_id", "model")
        .agg(pl.col("output").sort().str.join("\n"))
        .sort("prompt_id", "model")
    )
    models = sorted(texts["model"].unique())
    kept = stored.Pairs.of(texts, f"{CHANNEL}-{VERSION}", folder)
    found = kept.known(models)
    found |= _compared(texts, [pair for pair in combinations(models, 2) if pair not in found], kept)
    kept.keep(found)
    rows = [(a, b, CHANNEL, *found[a, b], False) for a, b in combinations(models, 2) if found[a, b][-1]]
    schema = {
        "model_a": pl.String,
        "model_b": pl.String,
        "channel": pl.String,
        "value": pl.Float64,
        "ci_low": pl.Float64,
        "ci_high": pl.Float64,
        "n": pl.Int64,
        "calibrated": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _compared(
    texts: pl.DataFrame, pairs: Sequence[tuple[str, str]], kept: stored.Pairs
) -> dict[tuple[str, str], stored.PairRow]:
    """Value, limits and number of prompts of these pairs: whatever else is there changes nothing."""
    import numpy as np

    if not pairs:
        return {}
    models = sorted({model for pair in pairs for model in pair})
    place = {model: i for i, model in enumerate(models)}
    # The fewest models of which one is in every pair, roughly: those that are new.
    often = Counter(model for pair in pairs for model in pair)
    rare = {max(pair, key=lambda model: (often[model], model)) for pair in pairs}
    new = np.array([model in rare for model in models])
    said = kept.words(texts, words)
    said = said.filter(said["model"].is_in(models))
    overlaps = np.array([
        _overlaps([place[model] for model in group["model"]], [ts.to_numpy() for ts in group["words"]], new)
        for group in said.partition_by("prompt_id", maintain_order=True)
    ])  # fmt: skip
    found: dict[tuple[str, str], stored.PairRow] = {}
    for a, b in pairs:
        shared = overlaps[:, place[a], place[b]]
        mean = stats.bootstrap_mean(shared[~np.isnan(shared)].tolist())
        found[a, b] = (mean.value, mean.low, mean.high, mean.n)
    return found


def _overlaps(models: Sequence[int], said: Sequence[np.ndarray], new: np.ndarray) -> np.ndarray:
    """Jaccard index of pairs with a new model on one prompt, models by models. NaN elsewhere, and without a word.

    The shorter text is whole and the longer one cut. So it is enough to know, for every word of the shorter, whether it
    first comes in the longer before the cut, and how many different words the longer has up to there.

    Args:
        models: of every text.
        said: hashes of its words, in order.
        new: which models are, of all.
    """
    import numpy as np

    result = np.full((len(new), len(new)), np.nan)
    spoken = [(model, ts) for model, ts in zip(models, said, strict=True) if len(ts)]
    tokens = sorted(spoken, key=lambda item: len(item[1]))
    if not tokens:
        return result
    never = len(tokens[-1][1])
    _, ids = np.unique(np.concatenate([ts for _, ts in tokens]), return_inverse=True)
    coded = np.split(ids, np.cumsum([len(ts) for _, ts in tokens])[:-1])
    first = np.full((len(tokens), int(ids.max()) + 1), never)
    distinct = np.zeros((len(tokens), never + 1), dtype=np.int64)
    different: list[np.ndarray] = []
    for row, ts in enumerate(coded):
        first[row, ts[::-1]] = np.arange(len(ts))[::-1]  # of several places the last one written stays: the first
        begins = first[row, ts] == np.arange(len(ts))
        distinct[row, 1 : len(ts) + 1] = begins
        different.append(ts[begins])
    distinct = distinct.cumsum(axis=1)
    owner = np.array([model for model, _ in tokens], dtype=np.int64)
    for row, ts in enumerate(coded):
        others = np.arange(row, len(tokens))
        others = others if new[owner[row]] else others[new[owner[others]]]
        if not len(others):
            continue
        own = different[row]
        common = (first[np.ix_(others, own)] < len(ts)).sum(axis=1)
        values = common / (len(own) + distinct[others, len(ts)] - common)
        result[owner[row], owner[others]] = values
        result[owner[others], owner[row]] = values
    return result


def derive(answers: pl.DataFrame, _: Mapping[str, str], folder: Path | None = None) -> pl.DataFrame:
    """Similarity of every pair, on all prompts and on each kind of them."""
    import polars as pl

    many = answers["model"].n_unique() > MOST_MODELS
    kinds = [None] if many else [None, *sorted(answers["domain"].drop_nulls().unique())]
    return pl.concat(
        similarities(
            answers if kind is None else answers.filter(pl.col("domain") == kind), folder if many else None
        ).with_columns(domain=pl.lit(kind, pl.String))
        for kind in kinds
    )
