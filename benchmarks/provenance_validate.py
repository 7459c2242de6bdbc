"""The figures of docs/provenance.md: the detector on every corpus of a data folder.

    python benchmarks/provenance_validate.py DATA [corpus ...]

DATA holds `outputs/<corpus>.parquet` and `labels/{students,controls,models}.csv`. With `--halves` the AlpacaEval
figures are repeated on random halves of the prompts: what to expect of prompts that nothing was chosen on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from harness.provenance.registry import Registry
from harness.provenance.validate import table, validate

CORPORA = ("alpaca_eval", "misguided_attention", "r1_distill_reasoning", "speechmap", "farel_bench")
HALVES = 4


def main() -> None:
    """Validate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("corpora", nargs="*", default=CORPORA)
    parser.add_argument("--halves", action="store_true")
    options = parser.parse_args()
    registry = Registry.load(Path(__file__).parents[1] / "conf" / "model_registry.yaml")
    students, controls, models = (
        pl.read_csv(options.data / "labels" / f"{name}.csv") for name in ("students", "controls", "models")
    )
    for corpus in options.corpora:
        outputs = pl.read_parquet(options.data / "outputs" / f"{corpus}.parquet")
        print(table(validate(outputs, students, controls, models, registry)))
    if options.halves:
        outputs = pl.read_parquet(options.data / "outputs" / "alpaca_eval.parquet")
        prompts = np.array(sorted(outputs["prompt_id"].unique().to_list()))
        rng = np.random.default_rng(0)
        values: dict[str, list[float]] = {}
        for _ in range(HALVES // 2):
            order = rng.permutation(prompts)
            for half in np.array_split(order, 2):
                part = outputs.filter(pl.col("prompt_id").is_in(half.tolist()))
                report = validate(part, students, controls, models, registry, draws=10, curve=())
                for figure in report["figures"]:
                    if figure["value"] is not None:
                        values.setdefault(figure["name"], []).append(figure["value"])
        print(f"alpaca_eval, {HALVES} halves of {len(prompts) // 2} prompts: mean (least, greatest)")
        for name, found in values.items():
            print(f"  {name}: {np.mean(found):.3f} ({min(found):.3f}, {max(found):.3f})")


if __name__ == "__main__":
    main()
