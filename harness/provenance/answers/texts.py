"""Answers as tokens: one tokeniser, names masked, windows of equal length, loops thrown out.

Every channel reads the same two windows of an answer: its first `HEAD` tokens and its last `TAIL`. Long
answers thereby count no more than short ones. Windows were chosen on AlpacaEval answers: taught habits sit
at the start of answers and of sentences, and longer cuts add the prompt's topic instead (docs/provenance.md).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

HEAD = 100
"""Tokens read from the start of an answer."""
TAIL = 20
"""Tokens read from its end, if the answer is long enough that the two windows rarely meet."""
HEAD_CHARS = 1_000
BODY = 400
"""Tokens read when rates are measured: single words are rare, and need more text than phrases do."""
BODY_CHARS = 2_800
TRACE = 1_000
"""Tokens read of a reasoning trace by the channels that know traces."""
TRACE_CHARS = 7_000
TAIL_CHARS = 240
TAIL_NEEDS_CHARS = 400
"""Answers shorter than this (characters) have no closing of their own."""
QUOTED = 60
"""Characters of a text that a report quotes."""
BATCH = 20_000
"""Answers held as tokens at any one time. Bounds memory."""

# Combining marks and joiners belong to the letter before them: without its vowel signs a Hindi word falls to pieces
# (Unicode Standard Annex 29, rules WB4 and WB5). Marks that English has (behind symbols, the macron over a mean's x)
# stay apart, as they always were: a panel's hashes of English hold.
_MARK = r"[\p{Mn}\p{Mc}--[\x{300}-\x{36F}\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]]"
_ALONE = r"[\p{Han}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Scripts without spaces between words: each letter is a token, with its marks."""
_LETTER = rf"[\p{{L}}\p{{N}}--{_ALONE}]"
_MORE = rf"(?:{_LETTER}|{_MARK}|[\x{{200C}}\x{{200D}}](?:\p{{L}}|{_MARK}))*"
# Other letters and digits run together, with an inner apostrophe. Any other visible character is a token, and so is a
# run of line breaks.
PIECE = (
    rf"[\p{{L}}\p{{N}}&&{_ALONE}]{_MARK}*|{_LETTER}{_MORE}(?:['’]\p{{L}}(?:\p{{L}}|{_MARK})*)?|[^\p{{L}}\p{{N}}\s]|\n+"
)
SENTENCE_END = frozenset(".!?:。！？：।॥؟۔።")
NAMES = frozenset(
    """ai21 alibaba alpaca anthropic baichuan bard chatglm chatgpt claude cohere dall deepmind deepseek falcon gemini
    gemma google gpt grok guanaco hermes huggingface internlm jamba jurassic koala llama meta microsoft minimax
    mistral mixtral moonshot kimi nvidia ollama openai openassistant openchat orca palm phi qwen qwq sber starling
    stanford tii tongyi tulu vicuna wizardlm xai yi zephyr zhipu""".split(),  # noqa: SIM905 - quoted words are harder to read
)
"""Names of labs and models: what a model calls itself is a claim, read by its own channel, never style."""
MASK = "<name>"
LOOP_TOKENS = 60
LOOP_DISTINCT = 0.2
"""An answer whose first `HEAD` tokens (at least `LOOP_TOKENS`) hold fewer distinct tokens than this share loops."""

U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a batch of windows, one entry each, texts after one another.

    Attributes:
        text: row of the answers frame, non-decreasing.
        position: 0-based place in the window.
        token: stable 64-bit hash of the lower-cased token.
        word: True for letters and digits, False for punctuation, symbols and line breaks.
        function: True for an English function word.
        starts: True if a sentence begins.
        id: place of the token in `vocabulary`.
        vocabulary: the distinct lower-cased tokens, sorted, names masked.
    """

    text: I32
    position: I32
    token: U64
    word: Bool
    function: Bool
    starts: Bool
    id: I32
    vocabulary: tuple[str, ...]


def quoted(text: str) -> str:
    """A model's text as a report quotes it: one line, no longer than `QUOTED`."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else line[: QUOTED - 1] + "…"


def answers(frame: pl.DataFrame, column: str = "output") -> tuple[pl.DataFrame, dict[str, int]]:
    """Pick the texts that can be compared.

    Args:
        frame: columns `model`, `prompt_id` and `column` (String). `cut`, true if an answer was cut off, if known.
        column: the column that holds the texts: `output`, or `reasoning` for traces.

    Returns:
        Columns `model`, `prompt_id`, `text`, `cut`, sorted, and how many rows were `empty`, `looping` and `kept`.
    """
    cut = pl.col("cut").fill_null(value=False) if "cut" in frame.columns else pl.lit(value=False)
    texts = frame.select(
        pl.col("model", "prompt_id").cast(pl.String), pl.col(column).cast(pl.String).alias("text"), cut.alias("cut")
    )
    full = texts.filter(pl.col("text").str.strip_chars().str.len_chars() > 0).sort("model", "prompt_id", "text", "cut")
    tokens = pl.col("text").str.slice(0, HEAD_CHARS).str.to_lowercase().str.extract_all(PIECE).list.head(HEAD)
    size = full.select(n=tokens.list.len(), distinct=tokens.list.n_unique())
    loops = (size["n"] >= LOOP_TOKENS) & (size["distinct"] < LOOP_DISTINCT * size["n"])
    kept = full.filter(~loops)
    return kept, {"empty": len(texts) - len(full), "looping": int(loops.sum()), "kept": len(kept)}


def heads(texts: pl.DataFrame) -> Iterator[Tokens]:
    """The first `HEAD` tokens of every answer, in batches."""
    return _starts(texts, HEAD, HEAD_CHARS)


def bodies(texts: pl.DataFrame) -> Iterator[Tokens]:
    """The first `BODY` tokens of every answer, in batches."""
    return _starts(texts, BODY, BODY_CHARS)


def traces(texts: pl.DataFrame) -> Iterator[Tokens]:
    """The first `TRACE` tokens of every reasoning trace, in batches."""
    return _starts(texts, TRACE, TRACE_CHARS)


def _starts(texts: pl.DataFrame, tokens: int, chars: int) -> Iterator[Tokens]:
    size = BATCH * HEAD // tokens
    for start in range(0, len(texts), size):
        batch = texts["text"].slice(start, size).str.slice(0, chars).str.to_lowercase()
        yield _tokens(batch.str.extract_all(PIECE).list.head(tokens), start)


def tails(texts: pl.DataFrame) -> Iterator[Tokens]:
    """The last `TAIL` tokens of every answer of at least `TAIL_NEEDS_CHARS`. Position 0 is the first of them.

    An answer that was cut off has no ending of its own: none of it is read.
    """
    for start in range(0, len(texts), BATCH):
        batch = texts["text"].slice(start, BATCH)
        long = (batch.str.len_chars() >= TAIL_NEEDS_CHARS) & ~texts["cut"].slice(start, BATCH)
        ends = (
            batch.str.strip_chars_end().str.tail(TAIL_CHARS).str.to_lowercase().str.extract_all(PIECE).list.tail(TAIL)
        )
        empty = pl.Series([[]], dtype=pl.List(pl.String)).extend_constant([], len(batch) - 1) if len(batch) else ends
        yield _tokens(ends.zip_with(long, empty), start)


def _tokens(lists: pl.Series, first_row: int) -> Tokens:
    """Flatten lists of tokens, hashing each distinct token once."""
    sizes = lists.list.len().to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(sizes)), sizes)
    offset = np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = np.arange(len(row)) - offset
    flat = lists.filter(lists.list.len() > 0).explode().rename("token").to_frame()
    vocabulary = flat.unique().sort("token").with_row_index("id")
    ids = flat.join(vocabulary, on="token", how="left", maintain_order="left")["id"].to_numpy()
    tokens = vocabulary["token"].to_list()
    ends = np.array([t[0] in SENTENCE_END or t[0] == "\n" for t in tokens], dtype=np.bool_)
    word = np.array([t[0].isalnum() for t in tokens], dtype=np.bool_)
    function = np.array([t in FUNCTION_WORDS for t in tokens], dtype=np.bool_)
    hashes = np.array([token_hash(t) for t in tokens], dtype=np.uint64)
    if not len(ids):
        nowhere, never = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.bool_)
        return Tokens(nowhere, nowhere, np.zeros(0, dtype=np.uint64), never, never, never, nowhere, ())
    begins = np.zeros(len(ids), dtype=np.bool_)
    begins[1:] = ends[ids[:-1]]
    begins[position == 0] = True
    return Tokens(
        text=(row + first_row).astype(np.int32),
        position=position.astype(np.int32),
        token=hashes[ids],
        word=word[ids],
        function=function[ids],
        starts=begins & word[ids],
        id=ids.astype(np.int32),
        vocabulary=tuple(MASK if token in NAMES else token for token in tokens),
    )


@functools.lru_cache(maxsize=1 << 17)
def token_hash(token: str) -> int:
    """Hash a lower-cased token to 64 bits, the same on every machine and version. Names share one value.

    Remembered, because models use the same words: a folder of 185 models asks for a million and a half.
    """
    if token in NAMES:
        token = MASK
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


def ngrams(tokens: Tokens, symbols: U64, size: int) -> tuple[U64, Bool]:
    """Hash every run of `size` neighbouring symbols of one text.

    Args:
        tokens: whose texts and order are used.
        symbols: one 64-bit symbol per token.
        size: at least 1.

    Returns:
        The hash of the run that begins at each token, and whether the run stays inside the text.
    """
    run = symbols.copy()
    inside = np.ones(len(run), dtype=np.bool_)
    for k in range(1, size):
        run[:-k] = run[:-k] * np.uint64(0x9E3779B97F4A7C15) + symbols[k:]
        inside[:-k] &= tokens.text[k:] == tokens.text[:-k]
        inside[-k:] = False
    return run, inside


FUNCTION_WORDS = frozenset(
    """a about above across after again against all almost alone along already also although always am among an and
    another any anyone anything are aren't around as at away be became because become been before behind being below
    between both but by can can't cannot could couldn't did didn't do does doesn't doing don't done down due during
    each either else enough even ever every everyone everything except few first for from further get had hadn't has
    hasn't have haven't having he he's hence her here here's hers herself him himself his how however i i'd i'll i'm
    i've if in indeed instead into is isn't it it's its itself just last least less let let's like many may me might
    mine more moreover most much must my myself neither never nevertheless next no nobody none nor not nothing now of
    off often on once one only onto or other others otherwise our ours ourselves out over own per perhaps please quite
    rather really same seem several shall she should shouldn't since so some someone something sometimes still such
    than that that's the their theirs them themselves then there there's therefore these they they're this those
    though through throughout thus to together too toward towards under unless until up upon us very was wasn't we
    we'll we're we've well were weren't what what's whatever when where whether which while who whole whom whose why
    will with within without won't would wouldn't yes yet you you'll you're you've your yours yourself""".split(),  # noqa: SIM905
)
"""English function words and closed-class adverbs: the classes of Mosteller and Wallace (1964), list our own."""
