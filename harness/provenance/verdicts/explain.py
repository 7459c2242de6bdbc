"""The words behind a likeness: what two models both write, how common it is elsewhere, and where it stands in each.

Four kinds: `opening` (the first three tokens of an answer), `sentence` (the first three tokens of a sentence), `habit`
(layout and discourse: headings, bold, lists, dashes, hedges) and `passage` (`PASSAGE` tokens in a row in both answers
to one prompt). Shares are of a model's answers, 0 to 1, the first `texts.HEAD` tokens of each. `elsewhere` is the mean
share over the other models, and for a passage the share of the other answers to that prompt that have it. Rows are
ordered by the smaller of the two shares times the logarithm of how often it is the share elsewhere, so what few others
write comes before what is frequent everywhere, such as the form of an answer. An example is an example, not evidence.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from harness.provenance.answers.family_names import NAME
from harness.provenance.answers.texts import HEAD, HEAD_CHARS, PIECE, SENTENCE_END

SIZE = 3
PASSAGE = 7
WORDS = 2
"""Words that a feature must have. A list's number and the word behind it are no wording."""
PASSAGE_SHARE = 0.25
"""Share of the other answers to a prompt above which a passage in two of them is common."""
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
    asked = list(wanted)
    if not asked:
        return {}
    read = _Answers(answers.drop_nulls("output").sort("model", "prompt_id", "output"))
    kinds = [_Counts(kind, read, *found(read)) for kind, found in _KINDS]
    passages = _passages(read, asked)
    return {
        (a, b): pl.DataFrame(
            [row for counts in kinds for row in counts.shared(a, b)]
            + list(_shown(passages[a, b], read.size[a], read.size[b])),
            schema=SCHEMA,
            orient="row",
        )
        for a, b in asked
    }


def common(frame: pl.DataFrame) -> pl.Series:
    """Whether a row of `pairs` is no example of what the two alone share.

    Either others write it too: its share elsewhere is more than half of their own, or more than `PASSAGE_SHARE` of the
    others have the passage. Or it is the form of an answer, such as the number of a list: it has no two words.
    """
    least = pl.min_horizontal("share_a", "share_b")
    most = pl.when(pl.col("kind") == "passage").then(PASSAGE_SHARE).otherwise(least / 2)
    words = pl.col("feature").str.count_matches(r"\p{L}[\p{L}']+")
    form = (pl.col("kind") != "habit") & (words < WORDS)
    return frame.select((form | (pl.col("elsewhere").fill_null(0.0) > most)).alias("common")).to_series()


ONLY_COMMON = (
    "What these two share is mostly the form of an answer, or other models write it about as often. So there is no "
    "example of what the two alone share."
)
"""What to say of a pair of which every row is `common`."""
_Run = tuple[str, ...]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


class _Answers:
    """The first tokens of every answer as numbers, one answer after the other: a large pool has millions of them."""

    def __init__(self, frame: pl.DataFrame) -> None:
        lower = pl.col("output").str.slice(0, HEAD_CHARS).str.to_lowercase()
        lists = frame.select(lower.str.extract_all(PIECE).list.head(HEAD)).to_series()
        sizes = lists.list.len().to_numpy().astype(np.int64)
        flat = lists.filter(lists.list.len() > 0).explode().rename("token").to_frame()
        known = flat.unique(maintain_order=True).with_row_index("id")
        self.texts = frame["output"]
        self.model, self.prompt = frame["model"].to_list(), frame["prompt_id"].to_list()
        self.size = Counter(self.model)
        """Answers of every model."""
        self.begin = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        """Where each answer's tokens begin, and where the last one's end."""
        self.of = np.repeat(np.arange(len(sizes)), sizes)
        """The answer of each token."""
        self.id = flat.join(known, on="token", how="left", maintain_order="left")["id"].to_numpy().astype(np.int64)
        self.words: list[str] = known["token"].to_list()
        """By id."""

    def runs(self, size: int) -> tuple[Keys, Bool]:
        """A key of the run of tokens that begins at each token, and whether the run stays inside its answer.

        Keys are 64-bit hashes: two runs that differ share one about once in 10^19 pairs.
        """
        symbol = (self.id.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        key = symbol.copy()
        for k in range(1, size):
            key[:-k] = (key[:-k] ^ (key[:-k] >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + symbol[k:]
        return key, np.arange(len(key)) + size <= self.begin[self.of + 1]

    def words_at(self, place: int, size: int) -> _Run:
        """The tokens of a run."""
        return tuple(self.words[i] for i in self.id[place : place + size].tolist())


Found = tuple[Ints, Keys, Callable[[int], str]]
"""Of every feature found: the answer, in ascending order, and its key, and the name of the one at a place."""


def _openings(read: _Answers) -> Found:
    key, inside = read.runs(SIZE)
    begin = read.begin[:-1]
    # An answer without tokens begins where the next one does, or behind the last.
    at = begin[(begin < read.begin[1:]) & np.append(inside, False)[np.minimum(begin, len(inside))]]
    return read.of[at], key[at], lambda i: " ".join(read.words_at(int(at[i]), SIZE))


def _sentences(read: _Answers) -> Found:
    key, inside = read.runs(SIZE)
    ends = np.array([word[0] in SENTENCE_END or word[0] == "\n" for word in read.words], dtype=np.bool_)
    letter = np.array([word[0].isalnum() for word in read.words], dtype=np.bool_)
    first = np.zeros(len(read.id), dtype=np.bool_)
    first[1:] = ends[read.id[:-1]] & (read.of[1:] == read.of[:-1])
    at = np.flatnonzero(first & inside & letter[read.id])
    return read.of[at], key[at], lambda i: " ".join(read.words_at(int(at[i]), SIZE))


def _habits(read: _Answers) -> Found:
    head, names = read.texts.str.slice(0, HEAD_CHARS), list(HABITS)
    there = np.column_stack([head.str.contains(pattern).to_numpy() for pattern in HABITS.values()])
    answer, habit = np.nonzero(there)
    return answer, habit.astype(np.uint64), lambda i: names[habit[i]]


_KINDS: tuple[tuple[str, Callable[[_Answers], Found]], ...] = (
    ("opening", _openings),
    ("sentence", _sentences),
    ("habit", _habits),
)


class _Counts:
    """How many answers of every model have a feature of one kind, and the first answer of each model that has it."""

    def __init__(self, kind: str, read: _Answers, answer: Ints, key: Keys, name: Callable[[int], str]) -> None:
        from scipy import sparse  # here, because most commands need no words

        self.kind, self.texts, self.size = kind, read.texts, read.size
        self.place = {model: i for i, model in enumerate(self.size)}  # answers are sorted by model
        order = np.lexsort((key, answer))
        again = (np.diff(answer[order], prepend=-1) == 0) & (np.diff(key[order], prepend=key[order[:1]]) == 0)
        kept = order[~again]  # a feature counts once an answer
        _, first, feature = np.unique(key[kept], return_index=True, return_inverse=True)
        self.name: Callable[[int], str] = lambda i: name(int(kept[first[i]]))
        features = max(len(first), 1)
        model = np.repeat(np.arange(len(self.size)), list(self.size.values()))[answer[kept]]
        cell, example, count = np.unique(model * features + feature, return_index=True, return_counts=True)
        self.example = answer[kept][example]
        shape = (len(self.size), features)
        rows = np.searchsorted(cell // features, np.arange(shape[0] + 1))
        self.counts = sparse.csr_matrix((count, cell % features, rows), shape=shape)
        self.by_feature = sparse.csc_matrix(self.counts)

    def _of(self, model: str) -> tuple[Ints, Ints, Ints]:
        """A model's features, how many of its answers have each, and the first of these."""
        if model not in self.place:
            return (np.zeros(0, dtype=np.int64),) * 3
        here = slice(*self.counts.indptr[self.place[model] : self.place[model] + 2].tolist())
        return self.counts.indices[here], self.counts.data[here], self.example[here]

    def shared(self, a: str, b: str) -> list[tuple[object, ...]]:
        """Rows of what both have, the most telling first."""
        (mine, n_mine, in_mine), (theirs, n_theirs, in_theirs) = self._of(a), self._of(b)
        both, at_a, at_b = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
        often = np.minimum(n_mine[at_a], n_theirs[at_b]) >= LEAST
        both, at_a, at_b = both[often], at_a[often], at_b[often]
        names = [self.name(int(feature)) for feature in both]
        others = [i for model, i in self.place.items() if model not in {a, b}]
        answers = np.array(list(self.size.values()))
        share = self.by_feature[:, both].toarray() / answers[:, None]
        # One after the other, as they would be added by hand: the sum is the same to the last digit.
        elsewhere = np.cumsum(share[others], axis=0)[-1] / len(others) if others else None
        rows = []
        for i, feature in enumerate(names):
            if NAME.search(feature):
                continue
            share_a, share_b = n_mine[at_a[i]] / self.size[a], n_theirs[at_b[i]] / self.size[b]
            rate = None if elsewhere is None else float(elsewhere[i])
            lead = min(share_a, share_b) - (rate or 0)
            # One answer more elsewhere: what nobody else happened to write is not infinitely rare.
            known = (rate or 0) + 1 / self.size[a]
            weight = min(share_a, share_b) * math.log(min(share_a, share_b) / known)
            rows.append(
                (weight, lead, feature, float(share_a), float(share_b), rate, in_mine[at_a[i]], in_theirs[at_b[i]])
            )
        rows.sort(key=lambda row: (-row[0], row[2]))
        return [
            (
                *(self.kind, feature, share_a, share_b, rate, self.size[a], self.size[b], len(others)),
                *(_context(self.texts[int(answer)], feature, self._pattern(feature)) for answer in answers),
            )
            for _, lead, feature, share_a, share_b, rate, *answers in rows[:SHOWN]
            if lead > 0 or not others
        ]

    def _pattern(self, feature: str) -> str | None:
        return HABITS.get(feature) if self.kind == "habit" else None


def _context(text: str, feature: str, pattern: str | None) -> str:
    """The feature in an answer, with what stands around it."""
    loose = pattern or r"\s*".join(re.escape(word) if word != "\n" else r"\n" for word in feature.split(" "))
    match = re.search(loose, text, 0 if pattern else re.IGNORECASE)
    if match is None:
        return text[: 2 * AROUND]
    start, end = max(match.start() - AROUND, 0), match.end() + AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _by_prompt(read: _Answers) -> dict[str, dict[str, int]]:
    """By prompt and model: its first answer."""
    found: dict[str, dict[str, int]] = {}
    for answer, (model, prompt) in enumerate(zip(read.model, read.prompt, strict=True)):
        found.setdefault(prompt, {}).setdefault(model, answer)
    return found


def _passages(read: _Answers, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[_Passage]]:
    """Runs of tokens in both answers to one prompt, of every pair. If runs overlap, the first stands for them.

    Prompt by prompt, so that an answer's runs are made once for all pairs, and thrown away.
    """
    found: dict[tuple[str, str], list[_Passage]] = {pair: [] for pair in wanted}
    keys, _ = read.runs(PASSAGE)
    begin = read.begin.tolist()

    def runs(answer: int) -> list[int]:
        kept: list[int] = keys[begin[answer] : max(begin[answer + 1] - PASSAGE + 1, begin[answer])].tolist()
        return kept

    for answers in _by_prompt(read).values():
        there = [pair for pair in wanted if pair[0] in answers and pair[1] in answers]
        of = {model: runs(answers[model]) for model in {model for pair in there for model in pair}}
        known = {model: set(mine) for model, mine in of.items()}
        shared = {(a, b): _apart(of[a], known[b]) for a, b in there}
        told = {of[a][place] for (a, _), places in shared.items() for place in places}
        if not told:
            continue
        have = {m: (known[m] if m in known else set(runs(answer))) & told for m, answer in answers.items()}
        count = Counter(run for mine in have.values() for run in mine)
        others = len(answers) - 2
        for (a, b), places in shared.items():
            texts = read.texts[answers[a]], read.texts[answers[b]]
            found[a, b] += [
                (
                    (count[of[a][place]] - 2) / others if others else None,
                    read.words_at(begin[answers[a]] + place, PASSAGE),
                    *texts,
                    others,
                )
                for place in places
            ]
    return found


_Passage = tuple[float | None, _Run, str, str, int]


def _apart(runs: Sequence[int], theirs: set[int]) -> list[int]:
    """Places of an answer's runs that the other answer has, without such as overlap one before."""
    found, last = [], -PASSAGE
    for i, run in enumerate(runs):
        if i >= last + PASSAGE and run in theirs:
            last = i
            found.append(i)
    return found


def _shown(passages: list[_Passage], n_a: int, n_b: int) -> Iterable[tuple[object, ...]]:
    """Rows of the passages that fewest others have."""
    passages.sort(key=lambda row: (row[0] or 0, row[1]))
    for share, words, in_a, in_b, others in passages[:SHOWN]:
        feature = " ".join(words)
        contexts = (_context(in_a, feature, None), _context(in_b, feature, None))
        yield ("passage", feature, None, None, share, n_a, n_b, others, *contexts)
