"""What is found in a model's answers before they are fingerprinted: what is wrapped around them, and what they are.

Fingerprints hold no text, so this is the one place where a pool learns of its suspects' texts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from harness import runs
from harness.errors import StorageError
from harness.provenance.answers import answer_kinds, boilerplate, common_words, damage, stored, typography
from harness.provenance.answers.comparability import Languages, TextReading
from harness.provenance.answers.languages import languages

if TYPE_CHECKING:
    import polars as pl


KEPT = "readings.json"
"""Where it is kept what was found, beside the fingerprints."""
VERSION = 5
"""Of what is found in texts: another version reads nothing that this one kept."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a model's own texts say, whoever else answered."""

    shares: dict[str, float]
    languages: Languages
    kind: str | None
    bare: bool
    """Whether nothing is wrapped around these texts."""


def read(
    answers: pl.DataFrame,
    *,
    formulaic: bool = False,
    words: Mapping[str, float] | None = None,
    curly: float | None = None,
    folder: Path | None = None,
) -> tuple[pl.DataFrame, dict[str, TextReading]]:
    """Answers without what is wrapped around them, and what was found in those of each model.

    Args:
        answers: columns `model`, `output`, and `prompt` and `cut` if known.
        formulaic: whether the prompts are of one formula, so that nothing is taken off: see `boilerplate`.
        words: the least share of answers that hold each of the commonest words (`common_words.least`) among the models
            that these are compared with. By default among the others here.
        curly: the greatest share of their apostrophes that is curly (`typography.greatest`). If neither this nor
            `words` is given, among the others here.
        folder: where it is kept what was found in a model's texts, known by their hash. `None` keeps nothing.
    """
    import polars as pl

    alone, texts = words is None, answers.with_columns(pl.col("output").cast(pl.String))
    texts, damaged = damage.undone(texts, formulaic=formulaic, alone=alone)
    lost = damage.lost(texts, alone=alone)
    if alone or curly is not None:
        texts, set_curly = typography.straight(texts, curly)
        damaged |= {model: (*damaged.get(model, ()), said) for model, said in set_curly.items()}
    kept = {} if folder is None else _kept(folder / KEPT)
    keys = _keys(texts, folder)
    known = {model for model, key in keys.items() if key in kept and kept[key].bare}
    bare, wrappings, untouched = boilerplate.unwrapped(texts, formulaic=formulaic, known=known)
    found = _all_found(bare, _keys(bare, folder) if wrappings else keys, untouched, kept, folder)
    lacking = {
        model: common_words.lacking(
            mine.shares,
            common_words.least([of.shares for m, of in found.items() if m != model]) if words is None else words,
        )
        for model, mine in found.items()
    }
    cut = _cut(answers)
    return bare, {
        model: TextReading(
            wrappings.get(model), mine.languages, mine.kind, lacking[model], cut.get(model, 0.0),
            damaged.get(model, ()), lost.get(model),
        )
        for model, mine in found.items()
    }  # fmt: skip


def _cut(answers: pl.DataFrame) -> dict[str, float]:
    """The share of each model's answers that a limit cut off. Empty if that is not recorded."""
    import polars as pl

    if "cut" not in answers.columns:
        return {}
    shares = answers.group_by("model").agg(pl.col("cut").fill_null(value=False).mean().round(4))
    return dict(shares.iter_rows())


def _all_found(
    bare: pl.DataFrame, keys: Mapping[str, str], untouched: Collection[str], kept: Mapping[str, _Found],
    folder: Path | None,
) -> dict[str, _Found]:  # fmt: skip
    """What each model's texts say, by its name, sorted.

    Args:
        bare: the texts without what is wrapped around them.
        keys: what each model's are known by.
        untouched: models around whose texts nothing is wrapped.
        kept: what was found before.
        folder: where it is kept.
    """
    import polars as pl

    missing = [model for model, key in keys.items() if key not in kept]
    parts = bare.filter(pl.col("model").is_in(missing)).partition_by("model", as_dict=True, maintain_order=True)
    shares = common_words.shares([part["output"] for part in parts.values()])
    read = {
        keys[str(model)]: _found(part, share) for ((model,), part), share in zip(parts.items(), shares, strict=True)
    }
    every = {**kept, **read}
    for model in untouched:
        if not every[keys[model]].bare:
            every[keys[model]] = replace(every[keys[model]], bare=True)
    if folder is not None and every != kept:
        with contextlib.suppress(StorageError), runs.atomic_file(folder / KEPT) as file:
            file.write(TypeAdapter(dict[str, _Found]).dump_json(every))
    return {model: every[keys[model]] for model in sorted(keys)}


def _kept(path: Path) -> dict[str, _Found]:
    """What is kept, by `_address`. It is empty if the file cannot be read."""
    try:
        return TypeAdapter(dict[str, _Found]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def _keys(answers: pl.DataFrame, folder: Path | None) -> dict[str, str]:
    """What each model's texts are known by: 40 hexadecimal digits over prompts and answers, in their order."""
    rows = answers.sort("model", maintain_order=True)
    columns = [rows[name] for name in ("prompt", "output") if name in rows.columns]
    begin = f"{VERSION} {'prompt' in rows.columns}".encode()
    return stored.digests(rows["model"], columns, lambda _: begin, folder)


def _found(part: pl.DataFrame, shares: dict[str, float]) -> _Found:
    some = part.gather_every(max(1, len(part) // answer_kinds.READ))
    texts = [text or "" for text in some["output"].to_list()]
    prompts = some["prompt"].to_list() if "prompt" in some.columns else [None] * len(texts)
    return _Found(shares, languages(texts), answer_kinds.of(texts, prompts), bare=False)
