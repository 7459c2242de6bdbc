"""`harness provenance validate`: the detector tried on labelled relations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.output import Format, Shape, print_frame
from harness.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl


def validate(
    outputs: Annotated[Path, typer.Option(help="Parquet: corpus, model, prompt_id, output[, reasoning].")],
    students: Annotated[Path, typer.Option(help="CSV: documented students and their teachers.")],
    controls: Annotated[Path, typer.Option(help="CSV: models documented not to be trained on a lab's outputs.")],
    models: Annotated[Path, typer.Option(help="CSV: role, lab and month of release.")],
    shape: Shape = Format.table,
) -> None:
    """Benchmark the detector on labelled relations; it fits nothing on the students it tests."""
    import polars as pl

    from harness.provenance import pools
    from harness.provenance import validate as bench

    report = bench.validate(
        _parquet(outputs, "outputs"),
        _csv(students, "students"),
        _csv(controls, "controls"),
        _csv(models, "models"),
        pools.registry(),
    )
    if shape is Format.json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    elif shape is Format.table:
        sys.stdout.write(bench.table(report))
    else:
        rows = [figure | {"detail": json.dumps(figure["detail"], ensure_ascii=False)} for figure in report["figures"]]
        print_frame(pl.DataFrame(rows, infer_schema_length=None), shape)


def _parquet(path: Path, what: str) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"--{what} {path}: not a Parquet file that can be read ({_line(error)})") from error


def _csv(path: Path, what: str) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"--{what} {path}: not a CSV file that can be read ({_line(error)})") from error


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
