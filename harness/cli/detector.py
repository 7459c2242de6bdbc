"""`harness provenance validate` and `build-panel`: the detector tried on labelled relations, and given a panel."""

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


def build_panel(
    name: Annotated[str, typer.Argument(help="The panel's name, and the corpus in the files.")],
    outputs: Annotated[Path, typer.Option(help="Parquet: corpus, model, prompt_id, output.")],
    prompts: Annotated[Path, typer.Option(help="Parquet: corpus, prompt_id, prompt.")],
    students: Annotated[Path, typer.Option(help="CSV: documented students and their teachers.")],
    controls: Annotated[Path, typer.Option(help="CSV: models documented not to be trained on a lab's outputs.")],
    models: Annotated[Path, typer.Option(help="CSV: role, lab and month of release.")],
    source: Annotated[str, typer.Option(help="Where the answers come from.")],
    licence: Annotated[str, typer.Option(help="Their licence.")],
    out: Annotated[Path, typer.Option(help="The folder to write NAME.parquet and NAME.yaml to.")],
    version: Annotated[int, typer.Option(help="Of the panel.")] = 1,
) -> None:
    """Make a reference panel: fingerprints as hashes, no texts, of every model in a file of answers."""
    import polars as pl

    from harness.archive import formats
    from harness.provenance import domains, panel, pools, registry

    known = pools.registry()
    answers = _parquet(outputs, "outputs").filter(pl.col("corpus") == name)
    texts = _parquet(prompts, "prompts").filter(pl.col("corpus") == name)
    if answers.is_empty() or texts.is_empty():
        raise ConfigError(f"--outputs, --prompts: no rows of the corpus {name!r}")
    asked = texts.sort("prompt_id").select("prompt_id", "prompt").rows()
    key = {i: formats.prompt_id(text) for i, text in asked}
    labels = registry.Labels.of(name, _csv(students, "students"), _csv(controls, "controls"), _csv(models, "models"))
    who = tuple(sorted(answers["model"].unique().to_list()))
    facts = labels.facts(who, known)
    checked = sorted(set(who) & set(known.models))
    about = {
        "title": name,
        "version": version,
        "source": source,
        "licence": licence,
        "holds": "hashes of features and counts; no text of any answer or prompt",
        "facts": f"Labs, dates, bases and relations of the panel's models are from public record; {len(checked)} of "
        f"{len(who)} entries name a source in conf/model_registry.yaml, the others are unchecked.",
        "checked": checked,
        "aliases": key,
        "domains": {key[i]: domains.domain(text) for i, text in asked},
    }
    chosen = [who[i] for i in labels.candidates(who, facts)]
    keyed = answers.with_columns(pl.col("prompt_id").replace_strict(key))
    out.mkdir(parents=True, exist_ok=True)
    size = panel.build(keyed, facts, chosen, about, labels, out, name)
    sys.stdout.write(f"{out}/{name}.parquet, .yaml: {len(who)} models, {len(key)} prompts, {size / 1e6:.1f} MB\n")


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
