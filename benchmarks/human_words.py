"""Makes `harness/provenance/data/human_words.parquet`, the frozen human baseline of the channel `overused`.

    pip install wordfreq==3.1.1 polars && python benchmarks/human_words.py

wordfreq weighs 57 MB; the table, its words of at least a millionth, 0.2 MB. Its data, and so the table, are CC BY-SA
4.0.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

LEAST = 1e-6
OUT = Path(__file__).parents[1] / "harness" / "provenance" / "data" / "human_words.parquet"


def main() -> None:
    """Write the table."""
    from wordfreq import get_frequency_dict

    rows = [(word, share) for word, share in get_frequency_dict("en", wordlist="large").items() if share >= LEAST]
    frame = pl.DataFrame(rows, schema={"word": pl.String, "frequency": pl.Float32}, orient="row").sort("word")
    OUT.parent.mkdir(exist_ok=True)
    frame.write_parquet(OUT, compression="zstd", compression_level=19)
    print(f"{OUT.name}: {len(frame)} words, {OUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
