"""What a model wraps around nearly every answer, and what is left when it is taken off.

A system prompt can make a model begin each answer with "Certainly! Here is my answer" and end it with "I hope this
helps!". That is an instruction, not a habit, and it hides habits: fingerprints read how answers begin and end. So
whatever nearly all of a model's answers begin or end with, word for word, is taken off before they are fingerprinted,
and a report quotes it. One of several beginnings, or a word or two, must be a phrase of its own ("Of course!") or stand
before a whole sentence: "Here are some" and "Here is a" are how a model begins its sentences. If prompts are of one
formula, as those of a benchmark, many models answer in one, too. That is no wrapper, and stays (`CROWD`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from harness.provenance.answers.comparability import Wrapping
from harness.provenance.answers.texts import quoted

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.answers.fingerprint import Fingerprints

OPENINGS = "openings"
"""The channel that tells whether answers begin alike."""

SHARE = 0.8
"""Share of a model's answers that begin (or end) alike, from which on what they have in common is taken off. None of
the 185 AlpacaEval models of the shipped panel loses anything, with the first 50, 60, 100, 200 or all prompts."""
CROWD = 0.1
"""Share of a set's models (and more than one) beyond which such beginnings are the prompts' doing, and stay."""
LEAST_WORDS = 3
"""Words that a common beginning or end has at least: "Here is" is a habit that many models have."""
EVERY = 0.9
"""Share of answers from which on a common beginning or end of a single word is taken off, too."""
RECURRING = 0.05
"""Share of answers that begin (or end) with the same words from which on these are one of several set texts."""
LEAST_ANSWERS = 20
"""Answers below which nothing is looked for: of a few, two are alike by chance."""
LONGEST = 60
"""Words that are looked at from either end."""
WINDOW = 600
"""Characters that are looked at from either end."""
_WORD = re.compile(r"\S+")
_BREAK = re.compile(r"[.!?:;,…。！？：；，、][^\w\s]*(?=\s|\Z)|\n")
"""Where a line, a sentence or a part of one ends."""
_SELF = re.compile(r"I\b")
"""A capital that begins no sentence."""


def unwrapped(
    frame: pl.DataFrame, column: str = "output", *, formulaic: bool = False, known: Collection[str] = ()
) -> tuple[pl.DataFrame, dict[str, Wrapping], set[str]]:
    """Answers without what their model wraps around nearly all of them.

    Args:
        frame: columns `model` and `column`. The others stay as they are.
        column: of the texts.
        formulaic: whether the prompts are known to be of one formula, so that nothing is looked for.
        known: models known to wrap nothing around these very answers.

    Returns:
        The same rows in the same order. What was taken off, by model, of those models alone that had something, and
        the models that wrap nothing around theirs.
    """
    import polars as pl

    if formulaic:
        return frame, {}, set(known)
    names = frame["model"].cast(pl.String)
    rows: dict[str, list[int]] = {}
    for i, model in enumerate(names.to_list()):
        if model not in known:
            rows.setdefault(model, []).append(i)
    every = {
        model: unwrap([text or "" for text in frame[column].gather(mine).to_list()]) for model, mine in rows.items()
    }
    found = {model: wrapping for model, (_, wrapping) in every.items() if wrapping}
    bare = {*known, *(every.keys() - found.keys())}
    if not found or len(found) > max(1, CROWD * names.n_unique()):
        return frame, {}, bare
    texts = frame[column].to_list()
    for model in found:
        for i, text in zip(rows[model], every[model][0], strict=True):
            texts[i] = text
    return frame.with_columns(pl.Series(column, texts, dtype=pl.String)), found, bare


def formula(prints: Fingerprints) -> bool:
    """Whether the prompts are of one formula, by fingerprints alone: many models' answers begin alike.

    Args:
        prints: with openings.
    """
    import polars as pl

    frame = prints.features.get(OPENINGS)
    if frame is None or frame.is_empty():
        return False
    answered = pl.Series("n", prints.answered.sum(axis=1), dtype=pl.Float64)
    most = frame.group_by("m", "feature").agg(pl.col("share").sum()).group_by("m").agg(pl.col("share").max())
    alike = most["share"] >= SHARE * answered.gather(most["m"])
    return int(alike.sum()) > max(1, CROWD * len(prints.models))


def unwrap(texts: Sequence[str]) -> tuple[list[str], Wrapping]:
    """`unwrapped` of one model's answers. Those that are nothing but set texts stay as they are."""
    full = [i for i, text in enumerate(texts) if text.strip()]
    if len(full) < LEAST_ANSWERS:
        return list(texts), Wrapping()
    mine = [texts[i].strip() for i in full]
    opening, opened, mine = _peeled(mine, forward=True)
    closing, closed, mine = _peeled(mine, forward=False)
    left = list(texts)
    for i, text in zip(full, mine, strict=True):
        left[i] = text or texts[i]  # an answer that is nothing else stays: it must not count as empty
    emptied = sum(not text for text in mine)
    return left, Wrapping(tuple(opening), opened / len(full), tuple(closing), closed / len(full), len(full), emptied)


def _peeled(texts: list[str], *, forward: bool) -> tuple[list[str], int, list[str]]:
    """What set texts stand at one end, how many answers had one, and the answers without."""
    said: list[str] = []
    had: set[int] = set()
    while found := _set_texts(texts, forward=forward):
        for i, text in enumerate(texts):
            cut = next((f for f in found if _has(text, f, forward=forward)), None)
            if cut is not None:
                had.add(i)
                texts[i] = (text[len(cut) :] if forward else text[: len(text) - len(cut)]).strip()
        said += found
    return said, len(had), texts


def _has(text: str, part: str, *, forward: bool) -> bool:
    return text.startswith(part) if forward else text.endswith(part)


def _set_texts(texts: Sequence[str], *, forward: bool) -> list[str]:
    """What most answers have in common at one end: one run of words, or one of a few. The longest first."""
    full = [text for text in texts if text]
    if len(full) < max(LEAST_ANSWERS, SHARE * len(texts)):
        return []
    first = Counter(_few(text, 1, forward=forward) for text in full).most_common(1)[0][1]
    run = _common(full, SHARE, forward=forward) if first >= SHARE * len(full) else ""
    if len(run.split()) < LEAST_WORDS:
        run = _phrase(run, full, forward=forward)
    if run:
        return [run]
    groups: dict[str, list[str]] = {}
    for text in full:
        groups.setdefault(_few(text, LEAST_WORDS, forward=forward), []).append(text)
    several = [group for group in groups.values() if len(group) >= max(2, RECURRING * len(full))]
    if sum(map(len, several)) < SHARE * len(full):
        return []
    runs = {_phrase(_common(group, EVERY, forward=forward), group, forward=forward) for group in several}
    runs -= {""}
    if sum(any(_has(text, run, forward=forward) for run in runs) for text in full) < SHARE * len(full):
        return []
    return sorted(runs, key=lambda run: (-len(run), run))


def _phrase(run: str, texts: Sequence[str], *, forward: bool) -> str:
    """What of a run is set text, cut where a sentence or a part of one ends. Empty if it is no such part.

    A long run that most answers share is an instruction. A word or two, and one of several runs, are as often the ways
    in which a model begins its sentences: Claude 2 begins 89 of a hundred answers with "Here are some", "Here is a" or
    "There are a few". That is a habit, and without it Claude 2 was taken for a student of OpenAI's.
    """
    if not run:
        return ""
    whole = [_borders(text, run, forward=forward) for text in texts if _has(text, run, forward=forward)]
    if sum(whole) >= EVERY * len(whole):
        return run
    breaks = _breaks(run)
    if not breaks:
        return ""
    return run[: breaks[-1]].rstrip() if forward else run[breaks[0] :].lstrip()


def _borders(text: str, run: str, *, forward: bool) -> bool:
    """Whether a line, a sentence or a part of one ends where the run does, or a sentence begins after it."""
    if forward:
        left = text[len(run) :].lstrip(" \t")
        title = run.rpartition("\n")[2].startswith("#")
        begins = left[:1].isupper() and not _SELF.match(left) and not title
        return begins or left[:1] in {"", "\n"} or len(run) in _breaks(run)
    before = text[: len(text) - len(run)].rstrip(" \t")
    return not before or len(before) in _breaks(before)


def _breaks(text: str) -> list[int]:
    """Where each line, sentence or part of one ends."""
    return [match.end() for match in _BREAK.finditer(text)]


def _few(text: str, words: int, *, forward: bool) -> str:
    """So many words at one end."""
    some = text[:WINDOW].split(None, words)[:words] if forward else text[-WINDOW:].rsplit(None, words)[-words:]
    return " ".join(some)


def _common(texts: Sequence[str], share: float, *, forward: bool) -> str:
    """The longest run of whole words at one end that a share of the texts has. Empty if it is too short."""
    words = [_ends(text, forward=forward) for text in texts]
    group, size = list(range(len(texts))), 0
    while size < LONGEST:
        counts = Counter(words[i][size][0] for i in group if len(words[i]) > size)
        word, n = counts.most_common(1)[0] if counts else ("", 0)
        if n < share * len(texts):
            break
        group = [i for i in group if len(words[i]) > size and words[i][size][0] == word]
        size += 1
    if not size or (size < LEAST_WORDS and len(group) < EVERY * len(texts)):
        return ""
    if size < LEAST_WORDS and not any(c.isalnum() for word, _ in words[group[0]][:size] for c in word):
        return ""  # a mark of layout, as the first line's #
    text, place = texts[group[0]], words[group[0]][size - 1][1]
    return text[:place] if forward else text[place:]


def _ends(text: str, *, forward: bool) -> list[tuple[str, int]]:
    """Words from one end, with where a run that ends there does."""
    skipped = 0 if forward else max(0, len(text) - WINDOW)
    part = text[:WINDOW] if forward else text[skipped:]
    found = [(match.group(), match.span()) for match in _WORD.finditer(part)]
    if forward:
        return [(word, end) for word, (_, end) in found[:LONGEST]]
    return [(word, skipped + start) for word, (start, _) in reversed(found[-LONGEST:])]


def quotes(told: Wrapping) -> list[str]:
    """The set texts, at most two of each end."""
    return [quoted(text) for text in (*told.opening[:2], *told.closing[:2])]
