"""The figures of docs/provenance.md: the detector on every corpus of a data folder.

    python benchmarks/provenance_validate.py DATA [corpus ...]

DATA holds `outputs/<corpus>.parquet` and `labels/{students,controls,models}.csv`. With `--halves` the AlpacaEval
figures are repeated on random halves of the prompts: what to expect of prompts that nothing was chosen on. With
`--domains` they are repeated on each kind of prompt (`outputs/prompts.parquet` has the texts) beside as many prompts
drawn from all kinds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from harness.provenance import domains
from harness.provenance.registry import Registry
from harness.provenance.validate import table, validate

CORPORA = ("alpaca_eval", "misguided_attention", "r1_distill_reasoning", "speechmap", "farel_bench")
HALVES = 4
DRAWS = 3


def main() -> None:
    """Validate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("corpora", nargs="*", default=CORPORA)
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--domains", action="store_true")
    options = parser.parse_args()
    registry = Registry.load(Path(__file__).parents[1] / "conf" / "model_registry.yaml")
    students, controls, models = (
        pl.read_csv(options.data / "labels" / f"{name}.csv") for name in ("students", "controls", "models")
    )
    for corpus in options.corpora:
        outputs = pl.read_parquet(options.data / "outputs" / f"{corpus}.parquet")
        print(table(validate(outputs, students, controls, models, registry)))
    if not (options.halves or options.domains):
        return
    outputs = pl.read_parquet(options.data / "outputs" / "alpaca_eval.parquet")
    prompts = np.array(sorted(outputs["prompt_id"].unique().to_list()))

    for title, parts in _parts(options, prompts, np.random.default_rng(0)):
        values: dict[str, list[float]] = {}
        for part in parts:
            some = outputs.filter(pl.col("prompt_id").is_in(part.tolist()))
            report = validate(some, students, controls, models, registry, draws=10, curve=())
            for figure in report["figures"]:
                if figure["value"] is not None:
                    values.setdefault(figure["name"], []).append(figure["value"])
        print(f"alpaca_eval, {title}: mean (least, greatest)")
        for name, found in values.items():
            print(f"  {name}: {np.mean(found):.3f} ({min(found):.3f}, {max(found):.3f})")


def _parts(
    options: argparse.Namespace, prompts: np.ndarray[Any, Any], rng: np.random.Generator
) -> Iterator[tuple[str, list[np.ndarray[Any, Any]]]]:
    """Parts of the prompts whose figures are printed together."""
    if options.halves:
        halves = [half for _ in range(HALVES // 2) for half in np.array_split(rng.permutation(prompts), 2)]
        yield f"{HALVES} halves of {len(prompts) // 2} prompts", halves
    if options.domains:
        texts = pl.read_parquet(options.data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
        kind = {i: domains.domain(text) for i, text in texts.select("prompt_id", "prompt").iter_rows()}
        for name in domains.DOMAINS:
            part = np.array([prompt for prompt in prompts if kind.get(prompt) == name])
            yield f"the {len(part)} prompts that are {name}", [part]
            drawn = [rng.permutation(prompts)[: len(part)] for _ in range(DRAWS)]
            yield f"{len(part)} prompts of all kinds, {DRAWS} times", drawn


if __name__ == "__main__":
    main()
