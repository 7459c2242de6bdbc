"""What is found in a model's answers before they are fingerprinted: what is wrapped around them, and what they are.

Fingerprints hold no text, so this is the one place where a pool learns of its suspects' texts.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from harness import runs
from harness.errors import StorageError
from harness.provenance import answer_kinds, boilerplate, common_words, stored
from harness.provenance.comparability import Languages, TextReading
from harness.provenance.languages import languages

if TYPE_CHECKING:
    import polars as pl


KEPT = "readings.json"
"""Where it is kept what was found, beside the fingerprints."""
VERSION = 2
"""Of what is found in texts: another version reads nothing that this one kept."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a model's own texts say, whoever else answered."""

    shares: dict[str, float]
    languages: Languages
    kind: str | None


def read(
    answers: pl.DataFrame,
    *,
    formulaic: bool = False,
    words: Mapping[str, float] | None = None,
    folder: Path | None = None,
) -> tuple[pl.DataFrame, dict[str, TextReading]]:
    """Answers without what is wrapped around them, and what was found in those of each model.

    Args:
        answers: columns `model`, `output`, and `prompt` where known.
        formulaic: whether the prompts are of one formula, so that nothing is taken off: see `boilerplate`.
        words: the least share of answers that hold each of the commonest words (`common_words.least`) among the models
            that these are compared with; by default among the others here.
        folder: where it is kept what was found in a model's texts, known by their hash; `None` keeps nothing.
    """
    import polars as pl

    bare, wrappings = boilerplate.unwrapped(answers.with_columns(pl.col("output").cast(pl.String)), formulaic=formulaic)
    parts = {
        str(model): part
        for (model,), part in sorted(bare.partition_by("model", as_dict=True, maintain_order=True).items())
    }
    found = _all_found(parts, folder)
    lacking = {
        model: common_words.lacking(
            mine.shares,
            common_words.least([of.shares for m, of in found.items() if m != model]) if words is None else words,
        )
        for model, mine in found.items()
    }
    return bare, {
        model: TextReading(wrappings.get(model), mine.languages, mine.kind, lacking[model])
        for model, mine in found.items()
    }


def _all_found(parts: Mapping[str, pl.DataFrame], folder: Path | None) -> dict[str, _Found]:
    path = None if folder is None else folder / KEPT
    kept = {} if path is None else _kept(path)
    keys = {model: _address(part) for model, part in parts.items()} if path is not None else {}
    found = {model: kept.get(keys.get(model, "")) or _found(part) for model, part in parts.items()}
    new = {key: found[model] for model, key in keys.items() if key not in kept}
    if path is not None and new:
        with contextlib.suppress(StorageError), runs.atomic_file(path) as file:
            file.write(TypeAdapter(dict[str, _Found]).dump_json(kept | new))
    return found


def _kept(path: Path) -> dict[str, _Found]:
    """What is kept, by `_address`; of a file that cannot be read, nothing."""
    try:
        return TypeAdapter(dict[str, _Found]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def _address(part: pl.DataFrame) -> str:
    """What one model's texts are known by: 40 hexadecimal digits over prompts and answers, in their order."""
    digest = hashlib.blake2b(f"{VERSION} {'prompt' in part.columns}".encode(), digest_size=20)
    for name in ("prompt", "output"):
        if name in part.columns:
            stored.hash_texts(digest, part[name])
    return digest.hexdigest()


def _found(part: pl.DataFrame) -> _Found:
    some = part.gather_every(max(1, len(part) // answer_kinds.READ))
    texts = [text or "" for text in some["output"].to_list()]
    prompts = some["prompt"].to_list() if "prompt" in some.columns else [None] * len(texts)
    return _Found(common_words.shares(part["output"]), languages(texts), answer_kinds.of(texts, prompts))
