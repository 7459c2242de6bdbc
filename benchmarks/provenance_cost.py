"""What fingerprints cost: the whole pool, and one new suspect, beside scikit-learn's counting of the same texts.

    python benchmarks/provenance_cost.py answers.parquet [--repeat N]

Prints CPU seconds, and the ratio to scikit-learn's CountVectorizer over word 1- to 3-grams of the same answers (the
usual way to count them), measured in the same run on a sample and scaled by characters. `--repeat` multiplies the
prompts, to reach the size of a larger answer set.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import polars as pl

from harness.provenance import fingerprint, similarity

SAMPLE = 2_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    frame = pl.read_parquet(options.answers).select("model", "prompt_id", "output")
    frame = pl.concat(
        [frame.with_columns(prompt_id=pl.col("prompt_id") + f"/{i}") for i in range(options.repeat)],
    ).drop_nulls()
    characters = int(frame["output"].str.len_chars().sum())

    wall, cpu = time.perf_counter(), time.process_time()
    prints = fingerprint.fingerprint(frame)
    ours = time.process_time() - cpu
    print(f"{len(prints.models)} models x {len(prints.prompts)} prompts, {characters / 1e6:.0f} M characters")
    print(f"fingerprints, {len(prints.features)} channels: {ours:.1f} CPU s, {time.perf_counter() - wall:.1f} s")

    cpu = time.process_time()
    for name in prints.features:
        similarity.matrix(prints, name)
    print(f"similarity matrices: {time.process_time() - cpu:.1f} CPU s")

    cpu = time.process_time()
    suspect = frame.filter(pl.col("model") == prints.models[0])
    fingerprint.fingerprint(suspect)
    print(f"one suspect's fingerprint: {time.process_time() - cpu:.2f} CPU s")

    from sklearn.feature_extraction.text import CountVectorizer

    sample = frame.sample(min(SAMPLE, len(frame)), seed=0)["output"].to_list()
    cpu = time.process_time()
    CountVectorizer(ngram_range=(1, 3)).fit_transform(sample)
    theirs = (time.process_time() - cpu) * characters / sum(map(len, sample))
    print(f"scikit-learn word 1-3-grams, scaled: {theirs:.1f} CPU s; ours is {ours / theirs:.2f} of it")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    print(f"peak memory: {peak:.2f} GB")


if __name__ == "__main__":
    main()
