"""The samples of a run in a terminal: a line each, or one in full, with code as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from harness.cli import catalogue
from harness.cli.listings import count, lines
from harness.core import tables, visible
from harness.errors import ConfigError, unknown_name

ID_CHARS = 8
"""Characters of a sample's id that a list shows. As many as tell it from all others are enough to name it."""
LIMIT = 50
"""Lines of a list in a terminal, if no `--limit` is given."""
INDENT = "    "
COLUMNS = (
    "id", "model", "task", "doc_id", "repeat", "status", "verdict", "score", "extracted", "target", "output",
)  # fmt: skip
"""What `--samples` has in formats other than the screen's."""


@dataclass(frozen=True)
class Choice:
    """Which samples of a run are wanted."""

    task: str | None = None
    model: str | None = None
    state: str | None = None
    """Of the sample (answered, truncated, refused, failed) or of its verdict (correct, wrong, no_answer, …)."""
    wrong: bool = False
    """Scored, and less than fully right."""
    grep: str | None = None
    """A regular expression that the prompt, the target or the answer holds. Case is ignored."""
    limit: int | None = None


def chosen(folder: Path, choice: Choice) -> tuple[pl.DataFrame, int]:
    """The samples that a choice leaves, and how many there are without its limit.

    Raises:
        ConfigError: no sample of the run has that task, model or state, or the expression cannot be read.
        StorageError: the run has not ended yet.
    """
    frame = catalogue.samples(folder, whole=True)
    for column, name in (("task", choice.task), ("model", choice.model)):
        if name is not None and name not in (known := frame[column].unique().to_list()):
            raise ConfigError(unknown_name(f"{column} of run {folder.name}", name, known))
        frame = frame if name is None else frame.filter(pl.col(column) == name)
    if choice.state is not None:
        states = {*frame["status"].drop_nulls().to_list(), *frame["verdict"].drop_nulls().to_list()}
        if choice.state not in states:
            raise ConfigError(unknown_name("state of these samples", choice.state, states))
        frame = frame.filter((pl.col("status") == choice.state) | (pl.col("verdict") == choice.state))
    if choice.wrong:
        frame = frame.filter(pl.col("score") < 1)
    if choice.grep is not None:
        try:
            found = [pl.col(name).str.contains(f"(?i){choice.grep}") for name in ("output", "target", "asked")]
            frame = frame.filter(pl.any_horizontal(*found))
        except pl.exceptions.ComputeError as error:
            why = " ".join(str(error).partition("This error occurred")[0].split())
            raise ConfigError(f"--grep {choice.grep}: no regular expression ({why})") from error
    return (frame if choice.limit is None else frame.head(choice.limit)), frame.height


def one(folder: Path, word: str) -> pl.DataFrame:
    """The sample whose id begins with the word, or holds it behind its colon.

    Raises:
        ConfigError: none, or several.
    """
    frame = catalogue.samples(folder, whole=True)
    found = frame.filter(pl.col("sample_id").str.starts_with(word) | pl.col("id").str.starts_with(word))
    if found.height != 1:
        many = f"{found.height} samples" if found.height else "no sample"
        raise ConfigError(
            f"{many} of run {folder.name} with an id that begins with {word!r}; "
            f"`harness show {folder.name} --samples` lists them"
        )
    return found


def listing(folder: Path, frame: pl.DataFrame, total: int, width: int) -> str:
    """A line per sample, under totals. A model or task that all of them share stands in the totals alone."""
    counts = frame.group_by("status").len().sort("status")
    states = ", ".join(f"{n} {status}" for status, n in counts.iter_rows())
    several = [name for name in ("model", "task") if frame[name].n_unique() > 1]
    shared = ", ".join(frame[name][0] for name in ("model", "task") if name not in several and frame.height)
    rows = [
        [
            row["id"][:ID_CHARS],
            *(row[name] for name in several),
            f"{row['doc_id']}.{row['repeat']}" if row["repeat"] else str(row["doc_id"]),
            _verdict(row),
            "" if row["extracted"] is None else _head(row["extracted"]),
            (row["error"] or "") if row["status"] == "failed" else (row["output"] or ""),
        ]
        for row in frame.iter_rows(named=True)
    ]
    many = count(total, "sample") if frame.height == total else f"{frame.height:,} of {count(total, 'sample')}"
    of = f"{'' if frame.height == total else ', these'} of {shared}" if shared else ""
    head = f"{many}{visible(of)}: {states}.\n" if frame.height else f"{many}.\n"
    more = "" if frame.height == total else f"`--limit {total}` shows all. "
    hint = f"{more}In full: harness show {folder.name} --id ID\n"
    return head + hint + "\n" + lines(("id", *several, "doc", "verdict", "read as", "answer"), rows, width)


def _verdict(row: Mapping[str, Any]) -> str:
    """Right, wrong, or why neither. An imported answer is just scored, so its score stands there."""
    told = row["verdict"] or row["status"]
    return f"{told} {row['score']:g}" if told == "scored" and row["score"] is not None else told


def _head(text: str, most: int = 14) -> str:
    line = visible(text.strip().partition("\n")[0])
    whole = len(line) <= most and "\n" not in text.strip()
    return line if whole else f"{line[: most - 1]}…"


def full(frame: pl.DataFrame) -> str:
    """Samples in full, one under the other: what was asked, expected, answered and scored."""
    return "\n".join("".join(_one(row)) for row in frame.iter_rows(named=True))


def _one(row: Mapping[str, Any]) -> Iterator[str]:
    where = f"{row['model']}, {row['task']}, document {row['doc_id']}, repeat {row['repeat']}"
    yield visible(f"{where}: {row['status']}") + "\n" + visible(row["sample_id"]) + "\n"
    for role, text in _asked(row):
        yield _part(role, text)
    yield _part("expected", row["target"])
    yield _part("reasoning", row["reasoning"])
    yield _part("answer", row["output"])
    yield _part("error", row["error"])
    for score in row["scores"] or ():
        name = score["metric"] + ("" if score["filter"] in (None, "none") else f" ({score['filter']})")
        value = "not scored" if score["value"] is None else f"{score['value']:g}"
        yield visible(f"{name}: {value}" + (f", {score['status']}" if score["status"] else "")) + "\n"
        if score["extracted"] not in (None, row["output"]):
            yield _part("  read as", score["extracted"])
        if score["explanation"]:
            yield _part("  because", score["explanation"])


def _asked(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    if row["messages"]:
        return [(message["role"], message["content"]) for message in json.loads(row["messages"])]
    return [("prompt", row["prompt"] or "")]


def _part(title: str, text: str | None) -> str:
    """A text under its title, its lines as they were written."""
    if text is None or text == "":
        return ""
    return f"{visible(title)}\n" + "".join(f"{INDENT}{line}".rstrip() + "\n" for line in tables.written(text))
