"""What a file did to answers on their way: undone before anything is compared.

Answers are imported from logs, spreadsheets and web pages. There they stand behind their prompt, as HTML, as JSON, with
line ends written as two characters or twice, or with the marks of a search engine's sources. Each hides habits and adds
others: of ten models known to be innocent, six were accused if their answers stood in HTML paragraphs, and three if
they stood behind their prompts between marks. No model writes so by itself. What is the matter with most of a model's
answers is undone, and the report says so. A single answer about HTML stays as it is.

Some of what stands in a file is no answer: a table's "nan", a server's error, a filter's refusal. One text in place of
many answers is no evidence of style, so it is left out. Line breaks that a file lost cannot be undone: `lost` tells.
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

from harness.provenance.answers.texts import quoted

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
REPEATED = 10
"""Prompts to which one text must be given to be none of the model's own. Of 799 models in 15 public sets, 30 have one
that is in `REPEATED_SHARE` of their answers: 26 where two numbers are asked for, four refusals of one text."""
REPEATED_SHARE = 0.05
"""The least share of a model's answers that are such a text."""
TOLD_APART = 20
"""Characters below which a text is an answer however often it is given: "Yes.", "(B)"."""
LEAST_LEFT = 25
"""Answers that must be left if texts are left out. If fewer are, all stay: `answer_kinds` says what they are."""
LONG = 600
"""Characters from which on an answer without a line break is looked at."""
LEAST_LONG = 20
"""Such answers that it takes to say anything."""
UNBROKEN = 0.9
"""Share of them without any line break from which on a file may have lost these. Of 604 models in 14 public sets none
is above .58."""
MISSING = ("nan", "null", "none", "undefined", "<na>", "#n/a")
"""What tables and programs write where there is nothing, in lower case."""
_CITED = r"(?:\[\^?\d{1,3}\]|【[^】\n]{1,40}】)"
_CITATION = rf"(?:[.!?]\s?{_CITED}+(?:\s|$)|\s?{_CITED}+[.!?](?:\s|$))"
_CITATIONS = re.compile(rf" ?{_CITED}+(?=[\s.,;:!?)]|$)")
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
    single = text.str.strip_chars().str.replace_all("\n\n", "", literal=True).str.contains("\n", literal=True)
    twice = text.str.strip_chars().str.contains("\n\n\n\n", literal=True) & ~single
    nothing = text.str.strip_chars().str.to_lowercase().is_in(MISSING)
    entity, quote = text.str.contains(_ENTITY), text.str.contains(r"['\"]")
    found = [
        Kind(f"said “{MISSING[0]}” or the like, which is left out", nothing, nothing, _nothing),
        Kind("were in JSON", text.str.contains(r"^\s*[\[{\"]"), every, _of_json),
        Kind("had line ends written as two characters", escaped & ~broken, escaped | broken, _unescaped),
        Kind("were in HTML", tag, tag | broken, _of_html),
        Kind("had quotation marks written as HTML does", entity & ~quote, entity | quote, _of_entities),
        Kind("had each line break twice", twice, broken, _once),
        Kind("named sources, as [1] does", text.str.contains(_CITATION), every, _uncited),
    ]
    if prompts:
        asked = pl.col("prompt").str.strip_chars().str.slice(0, KNOWN_BY).fill_null("")
        near = text.str.slice(0, NEAR + KNOWN_BY)
        found.append(Kind("stood behind their prompts", near.str.contains(asked, literal=True), asked != "", _behind))
    return found


def undone(
    answers: pl.DataFrame, *, formulaic: bool = False, alone: bool = False
) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """Answers as they were, and what was undone of each model's, in words. Models of which nothing was are left out.

    Args:
        answers: columns `model`, `output`, and `prompt_id` and `prompt` if known.
        formulaic: whether the prompts are of one formula, so that one text can be the answer to many of them.
        alone: whether these are compared with each other alone. What more than half of them do is then the set's way.
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
    if not formulaic:
        answers, repeated = _without_repeated(answers, alone)
        told |= {model: (*told.get(model, ()), *words) for model, words in repeated.items()}
    return answers, told


def _without_repeated(answers: pl.DataFrame, alone: bool) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """Answers without the texts that a model gives to many prompts, and which of each model's, in words."""
    import polars as pl

    text = pl.col("output").str.strip_chars()
    asked = pl.col("prompt_id").n_unique() if "prompt_id" in answers.columns else pl.len()
    of = answers.filter(text != "").group_by("model").agg(of=pl.len())
    repeated = (
        answers.filter(text.str.len_chars() >= TOLD_APART)
        .group_by("model", text.alias("text")).agg(prompts=asked, times=pl.len())
        .filter(pl.col("prompts") >= REPEATED).join(of, on="model")
        .filter(pl.col("times") >= REPEATED_SHARE * pl.col("of"))
        .filter((pl.col("of") - pl.col("times").sum().over("model")) >= LEAST_LEFT)
        .sort("model", pl.col("times"), "text", descending=[False, True, False])
    )  # fmt: skip
    if repeated.is_empty() or (alone and 2 * repeated["model"].n_unique() > answers["model"].n_unique()):
        return answers, {}
    found: dict[str, tuple[str, ...]] = {}
    for model, said, times, all_ in repeated.select("model", "text", "times", "of").iter_rows():
        found[model] = (*found.get(model, ()), f"{times} of {all_} were one text, which is left out: “{quoted(said)}”")
    none = repeated.select("model", "text", gone=True)
    kept = answers.with_columns(text.alias("text")).join(none, on=["model", "text"], how="left", maintain_order="left")
    output = pl.when(pl.col("gone").is_null()).then(pl.col("output")).otherwise(pl.lit(""))
    return kept.with_columns(output=output).drop("text", "gone"), found


def lost(answers: pl.DataFrame, *, alone: bool = False) -> dict[str, str]:
    """What models' answers seem to have lost that cannot be undone, in words. Models that lost nothing are left out.

    Args:
        answers: columns `model` and `output`.
        alone: whether these are compared with each other alone. What more than half of them do is then the set's way.
    """
    import polars as pl

    text = pl.col("output").str.strip_chars()
    long = answers.filter(text.str.len_chars() >= LONG)
    models = long.group_by("model").agg(n=pl.len(), flat=(~text.str.contains("\n", literal=True)).sum())
    flat = models.filter((pl.col("n") >= LEAST_LONG) & (pl.col("flat") >= UNBROKEN * pl.col("n"))).sort("model")
    if alone and 2 * len(flat) > len(models):
        return {}
    return {model: f"{of} of {n} longer answers have no line break" for model, n, of in flat.iter_rows()}


def _once(said: str, _: str) -> str:
    once = said.strip().replace("\n\n", "")
    return said if "\n" in once else said.replace("\n\n", "\n")


def _uncited(said: str, _: str) -> str:
    return _CITATIONS.sub("", said)


def _nothing(said: str, _: str) -> str:
    return "" if said.strip().lower() in MISSING else said


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
