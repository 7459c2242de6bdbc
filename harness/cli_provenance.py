"""`harness provenance`: a suspect's report, and what is asked of the detector itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from harness.errors import ConfigError
from harness.output import Format, Shape, print_frame

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.registry import Registry


class _Reports(TyperGroup):
    """`harness provenance SUSPECT` is `harness provenance report SUSPECT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["report", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Reports,
    help="Which other models a model's answers resemble, how much more than unrelated models do, and how sure that is.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def validate(
    outputs: Annotated[Path, typer.Option(help="Parquet: corpus, model, prompt_id, output[, reasoning].")],
    students: Annotated[Path, typer.Option(help="CSV: documented students and their teachers.")],
    controls: Annotated[Path, typer.Option(help="CSV: models documented not to be trained on a lab's outputs.")],
    models: Annotated[Path, typer.Option(help="CSV: role, lab and month of release.")],
    shape: Shape = Format.table,
) -> None:
    """Benchmark the detector on labelled relations; it fits nothing on the students it tests."""
    import polars as pl

    from harness.provenance import validate as bench

    report = bench.validate(
        _parquet(outputs, "outputs"),
        _csv(students, "students"),
        _csv(controls, "controls"),
        _csv(models, "models"),
        registry(),
    )
    if shape is Format.json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    elif shape is Format.table:
        sys.stdout.write(bench.table(report))
    else:
        rows = [figure | {"detail": json.dumps(figure["detail"], ensure_ascii=False)} for figure in report["figures"]]
        print_frame(pl.DataFrame(rows, infer_schema_length=None), shape)


def registry() -> Registry:
    """What is documented about public models: the shipped file, and a user's own `conf/model_registry.yaml` over it."""
    from harness import resources
    from harness.provenance.registry import Registry

    files = [path for folder in resources.conf_dirs() if (path := folder / "model_registry.yaml").is_file()]
    shipped, *own = [Registry.load(path) for path in files]
    for other in own:
        shipped = Registry(
            {**shipped.models, **other.models}, {**other.labs, **shipped.labs}, {**shipped.bases, **other.bases}
        )
    return shipped


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
