"""`harness provenance register` and `validate`: what is done before a suspect is looked at."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.output import Format, Shape, print_frame, tell
from harness.errors import ConfigError, StorageError

if TYPE_CHECKING:
    import polars as pl


def register(
    file: Annotated[Path, typer.Argument(help="The YAML file to write. A file that exists is never replaced.")],
    suspects: Annotated[str, typer.Option(help="Models that you will ask, separated by commas.")],
    panel: Annotated[str, typer.Option(help="The reference panel whose prompts you will ask them.")],
    candidates: Annotated[
        str, typer.Option(help="Possible teachers to test, separated by commas. By default all.")
    ] = "",
    prompts: Annotated[str, typer.Option(help="How many of the panel's prompts, or `all`.")] = "100",
    same_lab: Annotated[bool, typer.Option("--same-lab", help="Also test candidates of a suspect's own lab.")] = False,
) -> None:
    """Fix who is compared with whom before there are answers.

    Only then can a report be confirmatory.
    """
    from harness.core import panels
    from harness.provenance.panels import registration

    if prompts != "all" and not (prompts.isdecimal() and int(prompts)):
        raise ConfigError(f"--prompts {prompts}: expected a number from 1, or `all`")
    asked = panels.asked(panel, "all" if prompts == "all" else int(prompts))
    protocol = registration.protocol(
        _names(candidates), panel, (row["prompt_id"] for row in asked.rows), same_lab=same_lab
    )
    made = registration.register(_names(suspects), protocol)
    registration.write(made, file)
    tell(
        f"{file}: {', '.join(made.suspects)} against {', '.join(protocol.candidates) or registration.EVERYBODY} of "
        f"{protocol.panel}, {len(asked.rows)} prompts, registered at {made.registered}.\nsha256 {made.sha256}\n"
        "A clock can be set back. So give the hash to somebody else, or publish it, before you ask the suspects.\n"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def validate(
    outputs: Annotated[
        Path, typer.Option(help="Parquet file of answers: corpus, model, prompt_id, output[, reasoning].")
    ],
    students: Annotated[Path, typer.Option(help="CSV file of documented students and their teachers.")],
    controls: Annotated[Path, typer.Option(help="CSV file of models documented not to be trained on a lab's outputs.")],
    models: Annotated[Path, typer.Option(help="CSV file of models: role, lab and month of release.")],
    scores: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of another detector's scores: suspect, candidate, score[, q or flag][, corpus]. It is then "
            "measured instead."
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A third detector's scores, to print the margin over it. You may give it several times."),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Measure nothing: write the CSV file of the pairs that a detector must score.")
    ] = None,
    shape: Shape = Format.table,
) -> None:
    """Measure how often the detector is right, on labelled relations.

    Nothing is fitted on the students that it tests. With --scores another detector is measured on the same terms.
    """
    import polars as pl

    from harness.provenance.validation import detectors
    from harness.provenance.validation import validate as bench
    from harness.provenance.verdicts import pools

    if against and scores is None:
        raise ConfigError("--against compares with the detector of --scores, which is missing: give its file too")
    if pairs is not None and scores is not None:
        raise ConfigError("--pairs writes the pairs to score and --scores reads them: give one of the two")
    labelled = (
        _parquet(outputs, "outputs"),
        _csv(students, "students"),
        _csv(controls, "controls"),
        _csv(models, "models"),
        pools.registry(),
    )
    if pairs is not None:
        _write(detectors.pairs(*labelled), pairs)
        return
    if scores is not None:
        rivals = {path.stem: _csv(path, "against") for path in against or ()}
        report = detectors.judge(_csv(scores, "scores"), *labelled, against=rivals)
    else:
        report = bench.validate(*labelled)
    if shape is Format.json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    elif shape is Format.table:
        tell(bench.table(report))
    else:
        rows = [figure | {"detail": json.dumps(figure["detail"], ensure_ascii=False)} for figure in report["figures"]]
        print_frame(pl.DataFrame(rows, infer_schema_length=None), shape)


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_csv(path)
    except OSError as error:
        raise StorageError(f"--pairs {path}: cannot be written ({_line(error)})") from error
    sys.stdout.write(f"{path}: {len(frame):,} pairs to score.\n")


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
