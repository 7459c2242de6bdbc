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

from harness.provenance.family_names import NAME
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
    return pairs(answers, [(a, b)])[a, b]


def pairs(answers: pl.DataFrame, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], pl.DataFrame]:
    """The same for several pairs of one pool, whose answers are read once."""
    frame = answers.drop_nulls("output").sort("model", "prompt_id", "output")
    lower = pl.col("output").str.slice(0, HEAD_CHARS).str.to_lowercase()
    tokens = frame.with_columns(tokens=lower.str.extract_all(PIECE).list.head(HEAD))
    asked = list(wanted)
    if not asked:
        return {}
    who = {model for pair in asked for model in pair}
    kinds = [_Counts(kind, tokens, found, who) for kind, found in _KINDS]
    prompts = _by_prompt(tokens)
    size = Counter(tokens["model"].to_list())
    return {
        (a, b): pl.DataFrame(
            [row for counts in kinds for row in counts.shared(a, b)] + list(_passages(prompts, size, a, b)),
            schema=SCHEMA,
            orient="row",
        )
        for a, b in asked
    }


def _opening(_: str, tokens: list[str]) -> set[str]:
    return {" ".join(tokens[:SIZE])} if len(tokens) >= SIZE else set()


def _sentences(_: str, tokens: list[str]) -> set[str]:
    starts = [i + 1 for i, token in enumerate(tokens) if token[0] in SENTENCE_END or token[0] == "\n"]
    return {" ".join(tokens[i : i + SIZE]) for i in starts if len(tokens) >= i + SIZE and tokens[i][0].isalnum()}


def _habits(text: str, _: list[str]) -> set[str]:
    return {name for name, pattern in HABITS.items() if re.search(pattern, text[:HEAD_CHARS])}


_KINDS: tuple[tuple[str, Callable[[str, list[str]], set[str]]], ...] = (
    ("opening", _opening),
    ("sentence", _sentences),
    ("habit", _habits),
)


class _Counts:
    """How many answers of every model have a feature of one kind, and one answer of each asked model that has it."""

    def __init__(
        self, kind: str, frame: pl.DataFrame, found: Callable[[str, list[str]], set[str]], who: set[str]
    ) -> None:
        self.kind = kind
        self.counts: dict[str, Counter[str]] = {}
        self.size: Counter[str] = Counter()
        self.example: dict[tuple[str, str], str] = {}
        for model, text, tokens in frame.select("model", "output", "tokens").iter_rows():
            self.size[model] += 1
            features = found(text, tokens)
            self.counts.setdefault(model, Counter()).update(features)
            if model in who:
                for feature in features:
                    self.example.setdefault((feature, model), text)

    def shared(self, a: str, b: str) -> list[tuple[object, ...]]:
        """Rows of what both have, the most telling first."""
        size, none = self.size, Counter[str]()
        mine, theirs = self.counts.get(a, none), self.counts.get(b, none)
        others = [model for model in size if model not in {a, b}]
        rows = []
        for feature in mine:
            if min(mine[feature], theirs[feature]) < LEAST or NAME.search(feature):
                continue
            share_a, share_b = mine[feature] / size[a], theirs[feature] / size[b]
            elsewhere = sum(self.counts[m][feature] / size[m] for m in others) / len(others) if others else None
            lead = min(share_a, share_b) - (elsewhere or 0)
            pattern = HABITS.get(feature) if self.kind == "habit" else None
            contexts = [_context(self.example[feature, m], feature, pattern) for m in (a, b)]
            row = (self.kind, feature, share_a, share_b, elsewhere, size[a], size[b], len(others), *contexts)
            rows.append((lead, row))
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


_Prompts = dict[str, dict[str, tuple[str, list[str], str]]]
"""By prompt and model: its first answer, the tokens, and the tokens as one text that a run of them is found in."""


def _by_prompt(frame: pl.DataFrame) -> _Prompts:
    found: _Prompts = {}
    for model, prompt, text, tokens in frame.select("model", "prompt_id", "output", "tokens").iter_rows():
        found.setdefault(prompt, {}).setdefault(model, (text, tokens, _joined(tokens)))
    return found


def _joined(tokens: Iterable[str]) -> str:
    return "\0" + "\0".join(tokens) + "\0"


def _passages(prompts: _Prompts, size: Counter[str], a: str, b: str) -> Iterable[tuple[object, ...]]:
    """Runs of tokens in both answers to one prompt; where runs overlap, the first stands for them."""
    rows = []
    for texts in prompts.values():
        if a not in texts or b not in texts:
            continue
        (in_a, tokens, _), (in_b, _, theirs) = texts[a], texts[b]
        others = [joined for model, (_, _, joined) in texts.items() if model not in {a, b}]
        last = -PASSAGE
        for i in range(len(tokens) - PASSAGE + 1):
            if i < last + PASSAGE:
                continue
            run = tokens[i : i + PASSAGE]
            if (joined := _joined(run)) in theirs:
                last = i
                have = sum(joined in other for other in others)
                rows.append((have / len(others) if others else None, tuple(run), in_a, in_b, len(others)))
    rows.sort(key=lambda row: (row[0] or 0, row[1]))
    for share, words, in_a, in_b, others_n in rows[:SHOWN]:
        feature = " ".join(words)
        contexts = (_context(in_a, feature, None), _context(in_b, feature, None))
        yield ("passage", feature, None, None, share, size[a], size[b], others_n, *contexts)
