"""What fingerprints cost: the whole pool, and one new suspect, beside two peers.

    python benchmarks/provenance_cost.py answers.parquet [--repeat N]

Prints CPU seconds, the ratio to scikit-learn's CountVectorizer over word 1- to 3-grams of the same answers (the usual
way to count them), measured in the same run on a sample and scaled by characters, and the ratio to the 46
microseconds a word that slop-forensics' two stages took (20 models, 300 texts each, 7.5 M words, 551 CPU seconds;
measured once, on another day). `--repeat` multiplies the prompts, to reach the size of a larger answer set. With
AlpacaEval's answers it also times `harness provenance SUSPECT --panel alpaca_eval` as a process: a model the panel
does not know, twice, since the second time finds its fingerprints stored.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import similarity

SAMPLE = 2_000
A_WORD = 46e-6
"""CPU seconds a word that slop-forensics' two stages took."""
SUSPECT = "alpaca-7b"


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
    words = int(frame["output"].str.count_matches(r"\S+").sum())
    slop = A_WORD * words
    print(f"slop-forensics, {words / 1e6:.1f} M words: {slop:.0f} CPU s; ours is 1/{slop / ours:.0f} of it")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    print(f"peak memory: {peak:.2f} GB")
    if SUSPECT in prints.models:
        against_panel(pl.read_parquet(options.answers).filter(pl.col("model") == SUSPECT))


def against_panel(answers: pl.DataFrame) -> None:
    """Time a new suspect's report against the panel, from the first byte of the process to its end."""
    harness = (sys.executable, "-m", "harness")
    with tempfile.TemporaryDirectory() as folder:
        answers.with_columns(model=pl.lit("newcomer")).write_parquet(Path(folder) / "answers.parquet")
        subprocess.run([*harness, "import", "parquet", "answers.parquet"], cwd=folder, check=True, capture_output=True)
        command = [*harness, "provenance", "newcomer", "--panel", "alpaca_eval", "--format", "json"]
        for which in ("first", "second"):
            wall, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
            print(f"a new suspect against the panel, {which} time: {time.perf_counter() - wall:.1f} s, {cpu:.1f} CPU s")


if __name__ == "__main__":
    main()
