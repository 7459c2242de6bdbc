"""The words behind a likeness: what two models both write, how common it is elsewhere, and where it stands in each.

Four kinds: `opening` (the first three tokens of an answer), `sentence` (the first three tokens of a sentence), `habit`
(layout and discourse: headings, bold, lists, dashes, hedges) and `passage` (`PASSAGE` tokens in a row in both answers
to one prompt). Shares are of a model's answers, 0 to 1, the first `texts.HEAD` tokens of each; `elsewhere` is the mean
share over the other models, and for a passage the share of the other answers to that prompt that have it. Rows are
ordered by the smaller of the two shares less the share elsewhere. An example is an example, not evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

import polars as pl

from harness.provenance import NAME
from harness.provenance.texts import HEAD, HEAD_CHARS, PIECE, SENTENCE_END

SIZE = 3
PASSAGE = 7
SHOWN = 12
"""Rows per kind."""
LEAST = 2
"""Answers of each model that must have a feature."""
AROUND = 40
"""Characters shown on both sides of a feature."""
HABITS = {
    "heading": r"(?m)^#{1,6} ",
    "bold": r"\*\*[^*\n]+\*\*",
    "numbered list": r"(?m)^\s*1[.)] ",
    "bulleted list": r"(?m)^\s*[-*•] ",
    "em dash": "—",
    "not X but Y": r"(?i)\bnot (?:just|only|merely)\b[^.\n]{1,60}\bbut\b",
    "hedge": r"(?i)\b(?:it(?:'s| is) important to|generally|typically|in most cases|it depends)\b",
    "in conclusion": r"(?i)\b(?:in conclusion|overall|in summary|to sum up)\b",
    "offer of help": r"(?i)\b(?:let me know if|feel free to|i hope this helps|would you like me to)\b",
    "opener": r"(?i)^(?:sure|certainly|of course|absolutely|great question)\b",
}
"""Discourse habits as regular expressions on the raw text: our own list of what the literature on style names."""
SCHEMA = {
    "kind": pl.String, "feature": pl.String, "share_a": pl.Float64, "share_b": pl.Float64, "elsewhere": pl.Float64,
    "n_a": pl.Int64, "n_b": pl.Int64, "n_elsewhere": pl.Int64, "in_a": pl.String, "in_b": pl.String,
}  # fmt: skip


def explain(answers: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    """What two models both write.

    Args:
        answers: columns `model`, `prompt_id`, `output` of the whole pool.
        a: a model's name.
        b: another's.

    Returns:
        Rows of `SCHEMA`, by kind, the most telling first. Cells hold models' own words: hostile text.
    """
    frame = answers.drop_nulls("output").sort("model", "prompt_id", "output")
    lower = pl.col("output").str.slice(0, HEAD_CHARS).str.to_lowercase()
    tokens = frame.with_columns(tokens=lower.str.extract_all(PIECE).list.head(HEAD))
    rows: list[tuple[object, ...]] = []
    for kind, found in (("opening", _opening), ("sentence", _sentences), ("habit", _habits)):
        rows += _shares(kind, tokens, found, a, b)
    rows += _passages(tokens, a, b)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _opening(_: str, tokens: list[str]) -> set[str]:
    return {" ".join(tokens[:SIZE])} if len(tokens) >= SIZE else set()


def _sentences(_: str, tokens: list[str]) -> set[str]:
    starts = [i + 1 for i, token in enumerate(tokens) if token[0] in SENTENCE_END or token[0] == "\n"]
    return {" ".join(tokens[i : i + SIZE]) for i in starts if len(tokens) >= i + SIZE and tokens[i][0].isalnum()}


def _habits(text: str, _: list[str]) -> set[str]:
    return {name for name, pattern in HABITS.items() if re.search(pattern, text[:HEAD_CHARS])}


def _shares(
    kind: str, frame: pl.DataFrame, found: Callable[[str, list[str]], set[str]], a: str, b: str
) -> Iterable[tuple[object, ...]]:
    counts: dict[str, Counter[str]] = {}
    size: Counter[str] = Counter()
    example: dict[tuple[str, str], str] = {}
    for model, text, tokens in frame.select("model", "output", "tokens").iter_rows():
        size[model] += 1
        for feature in found(text, tokens):
            counts.setdefault(feature, Counter())[model] += 1
            if model in {a, b}:
                example.setdefault((feature, model), text)
    others = [model for model in size if model not in {a, b}]
    rows = []
    for feature, by_model in counts.items():
        if min(by_model[a], by_model[b]) < LEAST or NAME.search(feature):
            continue
        mine, theirs = by_model[a] / size[a], by_model[b] / size[b]
        elsewhere = sum(by_model[m] / size[m] for m in others) / len(others) if others else None
        lead = min(mine, theirs) - (elsewhere or 0)
        pattern = HABITS.get(feature) if kind == "habit" else None
        contexts = [_context(example[feature, m], feature, pattern) for m in (a, b)]
        rows.append((lead, (kind, feature, mine, theirs, elsewhere, size[a], size[b], len(others), *contexts)))
    rows.sort(key=lambda row: (-row[0], row[1][1]))
    return [row for lead, row in rows[:SHOWN] if lead > 0 or not others]


def _context(text: str, feature: str, pattern: str | None) -> str:
    """The feature in an answer, with what stands around it."""
    loose = pattern or r"\s*".join(re.escape(word) if word != "\n" else r"\n" for word in feature.split(" "))
    match = re.search(loose, text, 0 if pattern else re.IGNORECASE)
    if match is None:
        return text[: 2 * AROUND]
    start, end = max(match.start() - AROUND, 0), match.end() + AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _passages(frame: pl.DataFrame, a: str, b: str) -> Iterable[tuple[object, ...]]:
    """Runs of tokens in both answers to one prompt; where runs overlap, the first stands for them."""
    rows = []
    size = Counter(frame["model"].to_list())
    shared = set(frame.filter(pl.col("model") == a)["prompt_id"]) & set(frame.filter(pl.col("model") == b)["prompt_id"])
    for (_,), group in frame.filter(pl.col("prompt_id").is_in(sorted(shared))).group_by(
        "prompt_id", maintain_order=True
    ):
        texts: dict[str, tuple[str, list[str]]] = {}
        for model, text, tokens in group.select("model", "output", "tokens").iter_rows():
            texts.setdefault(model, (text, tokens))
        runs = {
            model: [tuple(t[i : i + PASSAGE]) for i in range(len(t) - PASSAGE + 1)] for model, (_, t) in texts.items()
        }
        theirs = set(runs[b])
        others = [set(runs[m]) for m in runs if m not in {a, b}]
        last = -PASSAGE
        for i, run in enumerate(runs[a]):
            if run in theirs and i >= last + PASSAGE:
                last = i
                have = sum(run in other for other in others)
                rows.append((have / len(others) if others else None, have, run, texts[a][0], texts[b][0], len(others)))
    rows.sort(key=lambda row: (row[0] or 0, row[2]))
    for share, _, run, in_a, in_b, others_n in rows[:SHOWN]:
        feature = " ".join(run)
        contexts = (_context(in_a, feature, None), _context(in_b, feature, None))
        yield ("passage", feature, None, None, share, size[a], size[b], others_n, *contexts)
