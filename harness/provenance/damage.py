"""What a file did to answers on their way: undone before anything is compared.

Answers are imported from logs, spreadsheets and web pages. There they stand behind their prompt, as HTML, as JSON, or
with line ends written as two characters. Each hides habits and adds others: of ten models known to be innocent, six
were accused if their answers stood in HTML paragraphs, and three if they stood behind their prompts between marks. No
model writes so by itself. What is the matter with most of a model's answers is undone, and the report says so. A single
answer about HTML stays as it is.
"""

from __future__ import annotations

import ast
import html
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

MOST = 0.5
"""Share of a model's answers that must be damaged in one way. Of escapes and entities: of the answers that can be."""
LEAST = 10
"""Answers below which nothing is undone: a few may be like this by themselves."""
INVISIBLE = "\u200b\u2060\ufeff\u00ad"
"""Zero-width spaces, byte order marks and soft hyphens. Joiners are letters' own in some scripts, and stay."""
NEAR = 200
"""Characters of an answer within which its prompt begins if it was printed before it."""
KNOWN_BY = 80
"""Characters of a prompt that are looked for."""
_TAG = r"(?i)</?(?:p|br|li|ul|ol|div|span|strong|em|h[1-6])\b[^<>]*>"
_ENTITY = r"&(?:#39|#x27|quot|apos|amp|lt|gt|nbsp);"
_ESCAPED = {"\\n": "\n", "\\r": "", "\\t": "\t", '\\"': '"', "\\'": "'", "\\/": "/", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\[nrt\"'/\\]")
_MARKS = re.compile(
    r"[\s\"'”’»*]*(?:\[/INST\]|<\|[a-z_]+\|>\s*(?:assistant\b)?|</?s>|"
    r"(?:#+\s*|\*\*)?(?:answer|response|assistant|output|ai|model)\s*(?::\s*(?:\*\*)?|\n)|\s+){0,6}",
    re.IGNORECASE,
)
"""What stands between a prompt and its answer in a log."""


@dataclass(frozen=True)
class Kind:
    """One way in which answers are damaged.

    Attributes:
        words: what is said of such answers.
        damaged: whether an answer is.
        possible: whether it could be seen. By default of every answer.
        undone: an answer as it was, of the answer and its prompt.
    """

    words: str
    damaged: pl.Expr
    possible: pl.Expr
    undone: Callable[[str, str], str]


def _kinds(prompts: bool) -> list[Kind]:
    """In the order in which they are undone."""
    import polars as pl

    text = pl.col("output")
    every, tag = text.is_not_null(), text.str.contains(_TAG)
    escaped, broken = text.str.contains("\\n", literal=True), text.str.contains("\n", literal=True)
    entity, quote = text.str.contains(_ENTITY), text.str.contains(r"['\"]")
    found = [
        Kind("were in JSON", text.str.contains(r"^\s*[\[{\"]"), every, _of_json),
        Kind("had line ends written as two characters", escaped & ~broken, escaped | broken, _unescaped),
        Kind("were in HTML", tag, tag | broken, _of_html),
        Kind("had quotation marks written as HTML does", entity & ~quote, entity | quote, _of_entities),
    ]
    if prompts:
        asked = pl.col("prompt").str.strip_chars().str.slice(0, KNOWN_BY).fill_null("")
        near = text.str.slice(0, NEAR + KNOWN_BY)
        found.append(Kind("stood behind their prompts", near.str.contains(asked, literal=True), asked != "", _behind))
    return found


def undone(answers: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """Answers as they were, and what was undone of each model's, in words. Models of which nothing was are left out.

    Args:
        answers: columns `model`, `output`, and `prompt` if known.
    """
    import polars as pl

    text = pl.col("output")
    answers = answers.with_columns(
        text.str.replace_all("\r\n", "\n", literal=True)
        .str.replace_all("\r", "\n", literal=True)
        .str.replace_all(f"[{INVISIBLE}]", "")
    )
    told: dict[str, tuple[str, ...]] = {}
    for kind in _kinds("prompt" in answers.columns):
        shares = answers.group_by("model").agg(
            (kind.damaged & kind.possible).sum().alias("damaged"), kind.possible.sum().alias("possible")
        )
        most = shares.filter((pl.col("damaged") >= LEAST) & (pl.col("damaged") >= MOST * pl.col("possible")))
        for model in sorted(most["model"].to_list()):
            mine = answers.filter(pl.col("model") == model)
            asked = mine["prompt"].to_list() if "prompt" in mine.columns else [None] * len(mine)
            said = [text or "" for text in mine["output"].to_list()]
            new = [_whole(kind.undone(text, prompt or "")) for text, prompt in zip(said, asked, strict=True)]
            changed = sum(before != after for before, after in zip(said, new, strict=True))
            if changed < LEAST:  # text in brackets is not JSON
                continue
            whose = pl.Series((answers["model"] == model).arg_true())
            answers = answers.with_columns(answers["output"].scatter(whose, new))
            told[model] = (*told.get(model, ()), f"{changed} of {len(mine)} {kind.words}")
    return answers, told


def _of_json(said: str, _: str) -> str:
    """The one text that a JSON value, or Python's way to print one, holds. The answer itself if there is none."""
    for read in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings(action="ignore"):  # of escapes that Python does not know
                value: Any = read(said.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        values = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        texts = [one for one in values if isinstance(one, str)]
        return texts[0] if len(texts) == 1 else said
    return said


def _unescaped(said: str, _: str) -> str:
    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPED[match[0]]

    return _ESCAPE.sub(one, said)


def _of_entities(said: str, _: str) -> str:
    return html.unescape(said)


def _whole(text: str) -> str:
    """Text with the two halves of a character made one, and without halves that stand alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _of_html(said: str, _: str) -> str:
    """The text of an answer in HTML, with a line for each of its blocks."""
    text = re.sub(r"(?i)<br\s*/?>\n?", "\n", said)
    text = re.sub(r"(?i)<li\b[^<>]*>\s*", "- ", text)
    text = re.sub(r"(?i)</li\s*>\n?", "\n", text)
    text = re.sub(r"(?i)</(?:p|div|ul|ol|h[1-6])\s*>\s*", "\n\n", text)
    return html.unescape(re.sub(r"\n{3,}", "\n\n", re.sub(_TAG, "", text))).strip()


def _behind(said: str, prompt: str) -> str:
    """What stands behind the prompt, and behind what a log puts between the two. All of it if nothing would be left."""
    asked = prompt.strip()
    place = said.find(asked, 0, NEAR + len(asked))
    if not asked or place < 0:
        return said
    rest = said[place + len(asked) :]
    marks = _MARKS.match(rest)
    left = rest[marks.end() :].strip() if marks else rest.strip()
    return left if re.search(r"\w", left) else said
