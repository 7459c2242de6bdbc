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
from collections.abc import Callable, Iterable, Sequence

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
    passages = _passages(tokens, asked)
    size = Counter(tokens["model"].to_list())
    return {
        (a, b): pl.DataFrame(
            [row for counts in kinds for row in counts.shared(a, b)] + list(_shown(passages[a, b], size[a], size[b])),
            schema=SCHEMA,
            orient="row",
        )
        for a, b in asked
    }


def _opening(tokens: list[str]) -> set[str]:
    return {" ".join(tokens[:SIZE])} if len(tokens) >= SIZE else set()


def _sentences(tokens: list[str]) -> set[str]:
    starts = [i + 1 for i, token in enumerate(tokens) if token[0] in SENTENCE_END or token[0] == "\n"]
    return {" ".join(tokens[i : i + SIZE]) for i in starts if len(tokens) >= i + SIZE and tokens[i][0].isalnum()}


def _habits(frame: pl.DataFrame) -> list[set[str]]:
    """The habits of every answer."""
    head = pl.col("output").str.slice(0, HEAD_CHARS)
    there = frame.select(head.str.contains(pattern).alias(name) for name, pattern in HABITS.items())
    return [{name for name, has in zip(HABITS, row, strict=True) if has} for row in there.iter_rows()]


def _of_tokens(found: Callable[[list[str]], set[str]]) -> Callable[[pl.DataFrame], list[set[str]]]:
    return lambda frame: [found(tokens) for tokens in frame["tokens"].to_list()]


_KINDS: tuple[tuple[str, Callable[[pl.DataFrame], list[set[str]]]], ...] = (
    ("opening", _of_tokens(_opening)),
    ("sentence", _of_tokens(_sentences)),
    ("habit", _habits),
)


class _Counts:
    """How many answers of every model have a feature of one kind, and one answer of each asked model that has it."""

    def __init__(
        self, kind: str, frame: pl.DataFrame, found: Callable[[pl.DataFrame], list[set[str]]], who: set[str]
    ) -> None:
        self.kind = kind
        self.counts: dict[str, Counter[str]] = {}
        self.size: Counter[str] = Counter()
        self.example: dict[tuple[str, str], str] = {}
        for (model, text), features in zip(frame.select("model", "output").iter_rows(), found(frame), strict=True):
            self.size[model] += 1
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


_Answer = tuple[str, list[str]]
"""A text and its tokens."""
_Run = tuple[str, ...]


def _by_prompt(frame: pl.DataFrame) -> dict[str, dict[str, _Answer]]:
    """By prompt and model: its first answer."""
    found: dict[str, dict[str, _Answer]] = {}
    for model, prompt, text, tokens in frame.select("model", "prompt_id", "output", "tokens").iter_rows():
        found.setdefault(prompt, {}).setdefault(model, (text, tokens))
    return found


def _runs(tokens: list[str]) -> list[_Run]:
    return list(zip(*(tokens[i:] for i in range(PASSAGE)), strict=False))


def _passages(frame: pl.DataFrame, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[_Passage]]:
    """Runs of tokens in both answers to one prompt, of every pair; where runs overlap, the first stands for them.

    Prompt by prompt, so that an answer's runs are made once for all pairs, and thrown away.
    """
    found: dict[tuple[str, str], list[_Passage]] = {pair: [] for pair in wanted}
    for answers in _by_prompt(frame).values():
        there = [pair for pair in wanted if pair[0] in answers and pair[1] in answers]
        runs = {model: _runs(answers[model][1]) for model in {model for pair in there for model in pair}}
        known = {model: set(of) for model, of in runs.items()}
        shared = {(a, b): _apart(runs[a], known[b]) for a, b in there}
        told = {run for of in shared.values() for run in of}
        if not told:
            continue
        have = {m: (known[m] if m in known else set(_runs(tokens))) & told for m, (_, tokens) in answers.items()}
        count = Counter(run for of in have.values() for run in of)
        others = len(answers) - 2
        for (a, b), of in shared.items():
            found[a, b] += [
                ((count[run] - 2) / others if others else None, run, answers[a][0], answers[b][0], others) for run in of
            ]
    return found


_Passage = tuple[float | None, _Run, str, str, int]


def _apart(runs: Sequence[_Run], theirs: set[_Run]) -> list[_Run]:
    """Those of an answer's runs that the other answer has, without such as overlap one before."""
    found, last = [], -PASSAGE
    for i, run in enumerate(runs):
        if i >= last + PASSAGE and run in theirs:
            last = i
            found.append(run)
    return found


def _shown(passages: list[_Passage], n_a: int, n_b: int) -> Iterable[tuple[object, ...]]:
    """Rows of the passages that fewest others have."""
    passages.sort(key=lambda row: (row[0] or 0, row[1]))
    for share, words, in_a, in_b, others in passages[:SHOWN]:
        feature = " ".join(words)
        contexts = (_context(in_a, feature, None), _context(in_b, feature, None))
        yield ("passage", feature, None, None, share, n_a, n_b, others, *contexts)
