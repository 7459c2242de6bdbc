"""The figures of docs/provenance.md: the detector on every corpus of a data folder.

    python benchmarks/provenance_validate.py DATA [corpus ...]

DATA holds `outputs/<corpus>.parquet` and `labels/{students,controls,models}.csv`. With `--halves` the AlpacaEval
figures are repeated on random halves of the prompts: what to expect of prompts that nothing was chosen on. With
`--domains` they are repeated on each kind of prompt (`outputs/prompts.parquet` has the texts) beside as many prompts
drawn from all kinds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
    rng = np.random.default_rng(0)

    def on(parts: Sequence[np.ndarray[Any, Any]]) -> None:
        """Mean, least and greatest value of every figure over parts of the prompts."""
        values: dict[str, list[float]] = {}
        for part in parts:
            some = outputs.filter(pl.col("prompt_id").is_in(part.tolist()))
            report = validate(some, students, controls, models, registry, draws=10, curve=())
            for figure in report["figures"]:
                if figure["value"] is not None:
                    values.setdefault(figure["name"], []).append(figure["value"])
        for name, found in values.items():
            print(f"  {name}: {np.mean(found):.3f} ({min(found):.3f}, {max(found):.3f})")

    if options.halves:
        print(f"alpaca_eval, {HALVES} halves of {len(prompts) // 2} prompts: mean (least, greatest)")
        on([half for _ in range(HALVES // 2) for half in np.array_split(rng.permutation(prompts), 2)])
    if options.domains:
        for name, part in _kinds(options.data, prompts):
            print(f"alpaca_eval, the {len(part)} prompts that are {name}")
            on([part])
            print(f"alpaca_eval, {len(part)} prompts of all kinds, {DRAWS} times: mean (least, greatest)")
            on([rng.permutation(prompts)[: len(part)] for _ in range(DRAWS)])


def _kinds(data: Path, prompts: np.ndarray[Any, Any]) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """The prompts of every domain."""
    texts = pl.read_parquet(data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
    kind = {i: domains.domain(text) for i, text in texts.select("prompt_id", "prompt").iter_rows()}
    return [(name, np.array([p for p in prompts if kind.get(p) == name])) for name in domains.DOMAINS]


if __name__ == "__main__":
    main()
