"""The samples as a data set that `datasets.load_dataset(FOLDER)` opens: Parquet and a card that names the files.

    README.md                        https://huggingface.co/docs/hub/datasets-manual-configuration
    data/RUN.parquet                 every column of `samples.parquet`, scores and attempts as JSON

Nested columns become JSON text, which every reader of data sets takes. The card says what is incomplete in the runs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from harness.archive.exports._run import Finished, Options, file_name
from harness.core import markdown_text

CARD = """---
configs:
- config_name: samples
  data_files:
  - split: test
    path: data/*.parquet
tags:
- evaluation
- harness
---

# Samples of evaluation runs

One row per sample: prompt, answer, reasoning, verdict, tokens, timing. The columns are those of the table `samples` in
the index; `scores` and `attempts` are JSON. Prompts and targets are those of the benchmarks, under the benchmarks'
licences; answers are under the terms of the models' vendors. Check both before publishing.
"""


def files(run: Finished, options: Options) -> Iterator[tuple[str, bytes]]:
    """The card, and one Parquet file per run."""
    import polars as pl

    columns = [
        pl.Series(name, [json.dumps(value, ensure_ascii=False) for value in run.samples[name].to_list()], pl.String)
        for name in ("scores", "attempts")
    ]
    buffer = io.BytesIO()
    run.samples.with_columns(columns).write_parquet(buffer, compression="zstd")
    missing = "".join(f"- {markdown_text(text)}\n" for text in options.warnings)
    yield "README.md", (CARD + (f"\n## Incomplete runs\n\n{missing}" if missing else "")).encode()
    yield f"data/{file_name(run.manifest.run_id)}.parquet", buffer.getvalue()
