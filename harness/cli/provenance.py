"""`harness provenance`: a suspect's report, and what is asked of the detector itself."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli.output import RESULTS, Format, NewResults, Shape, print_frame, width
from harness.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance import pools


class _Reports(TyperGroup):
    """`harness provenance SUSPECT` is `harness provenance report SUSPECT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["report", *args]
        return super().parse_args(ctx, args)


SHOWN = 12
"""Candidates in a table for people; every other format has all of them."""
ALPHA = 0.05
LEGEND = (
    "score: standard deviations above models that cannot have learnt from the candidate, less what the suspect scores "
    "on average, over the channels; 95% intervals of score (±) and rank are over prompts and null models; p is against "
    "unrelated pairs, q adjusted over everything looked at; n: prompts both answered. Similarity is evidence, not "
    "proof of copying."
)

app = typer.Typer(
    cls=_Reports,
    help="Which other models a model's answers resemble, how much more than unrelated models do, and how sure that is.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def report(
    suspect: Annotated[
        str | None, typer.Argument(help="A model with answers to a provenance task (or one of the panel's).")
    ] = None,
    candidates: Annotated[str, typer.Option(help="Models to ask about, separated by commas; all by default.")] = "",
    panel: Annotated[str | None, typer.Option(help="Compare with a reference panel that ships: alpaca_eval.")] = None,
    released: Annotated[str | None, typer.Option(help="When the suspect was released, YYYY-MM.")] = None,
    lab: Annotated[str | None, typer.Option(help="Whose the suspect is.")] = None,
    base: Annotated[str | None, typer.Option(help="The base model it was trained from.")] = None,
    interval: Annotated[
        bool,
        typer.Option("--interval/--no-interval", help="Intervals of scores and ranks."),
    ] = True,
    matrix: Annotated[bool, typer.Option("--matrix", help="Every pair of models instead.")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="A tree in Newick's format instead: an illustration.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the tree here as a drawing.")] = None,
    explain: Annotated[tuple[str, str] | None, typer.Option(help="The words that models A and B share.")] = None,
    change: Annotated[tuple[str, str] | None, typer.Option(help="What a NEW version is closer to than an OLD.")] = None,
    task: Annotated[str | None, typer.Option(help="The prompt set of these four; else the one of most models.")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Only prompts of this kind: fiction, exposition, instruction, reasoning.")
    ] = None,
    by_domain: Annotated[
        bool | None,
        typer.Option(
            "--by-domain/--all-domains", help="Also each kind of prompt by itself; by default with 40 models or fewer."
        ),
    ] = None,
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Whom a model's answers resemble more than unrelated models' do: `harness provenance SUSPECT`."""
    # Matrices of a few hundred models: threads would wait for each other longer than they work.
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from harness.results import derivation
    from harness.runs import need_results

    if panel is None:
        need_results(results)
    if matrix or tree or svg or explain or change:
        needed = [*(explain or ()), *(change or ())]
        pool, answers = derivation.pool_of(results, needed, panel=panel, task=task, domain=domain)
        _of_pool(pool, answers, shape, matrix=matrix, tree=tree, svg=svg, explain=explain, change=change)
        return
    if suspect is None:
        raise ConfigError("name a model, or one of --matrix, --tree, --explain A B, --change OLD NEW")
    names = [name.strip() for name in candidates.split(",") if name.strip()]
    told = {"released": released, "lab": lab, "base": base}
    found = derivation.suspect_report(
        results, suspect, names, panel=panel, interval=interval, told=told, domain=domain, by_domain=by_domain
    )
    if shape is Format.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=True, allow_nan=False, indent=1) + "\n")
    elif shape is Format.table:
        for corpus in found["corpora"]:
            sys.stdout.write(_text(suspect, corpus))
        sys.stdout.write(_claims(found["claims"]))
        if found["suggested_text"]:
            _say(found["suggested_text"])
    else:
        print_frame(_rows(found), shape)


def _of_pool(
    pool: pools.Pool,
    answers: pl.DataFrame,
    shape: Format,
    *,
    matrix: bool,
    tree: bool,
    svg: Path | None,
    explain: tuple[str, str] | None,
    change: tuple[str, str] | None,
) -> None:
    """What is asked of everybody on one prompt set."""
    if matrix:
        _matrix(pool, shape)
    if tree or svg:
        _tree(pool, svg, printed=tree)
    if explain:
        _explain(pool, answers, explain, shape)
    if change:
        _change(pool, change, shape)


def _matrix(pool: pools.Pool, shape: Format) -> None:
    import polars as pl

    from harness.provenance import overview

    frame = pl.DataFrame(overview.pairs(pool), infer_schema_length=None)
    print_frame(
        frame.head(SHOWN * 2) if shape is Format.table else frame,
        shape,
        "model",
        "other",
        "score",
        "p",
        "set_apart",
        "n",
    )
    if shape is Format.table:
        _say(f"The {min(len(frame), SHOWN * 2)} highest scores of {len(frame)} ordered pairs on {pool.corpus}.", LEGEND)


def _tree(pool: pools.Pool, svg: Path | None, *, printed: bool) -> None:
    from harness.provenance import evidence, pools, tree
    from harness.runs import write_atomic

    root = tree.tree(pool.prints, evidence.EVIDENCE, pools.draws(pool))
    if printed:
        sys.stdout.write(tree.newick(root))
    if svg is not None:
        write_atomic(svg, tree.svg(root).encode())


def _explain(pool: pools.Pool, answers: pl.DataFrame, pair: tuple[str, str], shape: Format) -> None:
    from harness.provenance import explain

    if pool.panel:
        raise ConfigError("--explain needs answers, and a panel holds none; leave --panel out")
    frame = explain.explain(answers, *pair)
    print_frame(frame, shape, "kind", "feature", "share_a", "share_b", "elsewhere", "in_a", "in_b")
    if shape is Format.table:
        _say(
            f"What {pair[0]} (a) and {pair[1]} (b) both write on {pool.corpus}. share: of a model's answers; "
            "elsewhere: mean share of the other models, for a passage the share of the other answers to that prompt. "
            "Examples, not evidence: what the words are worth is the report's score.",
        )


def _change(pool: pools.Pool, pair: tuple[str, str], shape: Format) -> None:
    import dataclasses

    import polars as pl

    from harness.provenance import change, evidence, pools

    found = change.change(pool.prints, pool.facts, *pair, evidence.EVIDENCE, pools.draws(pool))
    schema = {
        "other": pl.String, "lab": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "p": pl.Float64, "q": pl.Float64, "pairs": pl.Int64, "versions": pl.Boolean, "prompts": pl.Int64,
        "channels": pl.String,
    }  # fmt: skip
    rows = [dataclasses.asdict(row) | {"channels": json.dumps(_rounded(row.channels))} for row in found]
    frame = pl.DataFrame(rows, schema=schema)
    print_frame(
        frame.head(SHOWN * 2) if shape is Format.table else frame,
        shape,
        "other",
        "lab",
        "value",
        "low",
        "high",
        "p",
        "q",
    )
    if shape is Format.table:
        from harness.provenance import wording

        _say(wording.changed(*pair, found), *pool.notes)


def _rounded(channels: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    """Value and limits of every channel: noise has no fourth digit."""
    return {name: [None if x is None else round(x, 3) for x in at] for name, at in channels.items()}


def _say(*texts: str) -> None:
    from harness.core import visible

    for text in texts:
        sys.stdout.write("\n" + textwrap.fill(visible(text), width()) + "\n")


def _rows(found: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    schema = {
        "suspect": pl.String, "corpus": pl.String, "rank": pl.Int64, "candidate": pl.String, "verdict": pl.String,
        "rank_low": pl.Int64, "rank_high": pl.Int64, "z": pl.Float64, "z_low": pl.Float64, "z_high": pl.Float64,
        "p": pl.Float64, "q": pl.Float64, "likelihood_ratio": pl.Float64, "power": pl.String, "null_size": pl.Int64,
        "exceeded": pl.Int64, "prompts": pl.Int64, "channels": pl.String,
    }  # fmt: skip
    rows = [
        {
            "suspect": found["suspect"],
            "corpus": corpus["corpus"],
            **finding,
            "channels": json.dumps({name: round(z, 3) for name, z in finding["channels"].items()}),
            "power": json.dumps(finding["power"]),
        }
        for corpus in found["corpora"]
        for finding in corpus["findings"]
    ]
    return pl.DataFrame([{key: row[key] for key in schema} for row in rows], schema=schema, orient="row")


def _text(suspect: str, corpus: Mapping[str, Any]) -> str:
    """One prompt set's report for people, no wider than the terminal."""
    from harness.core import grid, visible

    columns = width()
    heading = (
        f"{visible(suspect)} on {visible(corpus['corpus'])}: {corpus['suspect_prompts']} of {corpus['prompts']} "
        f"prompts, {corpus['models']} models. Verdict: {corpus['verdict']}.\n"
    )
    lines = [heading]
    shown = corpus["findings"][:SHOWN]
    if shown:
        rows = [
            [
                _rank(f),
                visible(f["candidate"]),
                f["verdict"],
                _spread(f),
                _number(f["q"], 3),
                str(f["prompts"]),
            ]
            for f in shown
        ]
        right = [True, False, False, True, True, True]
        lines.append(grid(["rank", "candidate", "verdict", "score", "q", "n"], rows, columns, right))
        if len(corpus["findings"]) > SHOWN:
            lines.append(f"({len(corpus['findings']) - SHOWN} more candidates: --format csv or json)\n")
        channels = sorted({name for f in shown[:3] for name in f["channels"]})
        if channels:
            by = [[visible(f["candidate"]), *(_number(f["channels"].get(c)) for c in channels)] for f in shown[:3]]
            lines.append("Score by channel:\n" + grid(["candidate", *channels], by, columns))
    if any(row["candidates"] for row in corpus["domains"]):
        lines.append(_domains(corpus["domains"], columns))
    texts = [corpus["paragraph"], *(row["sentence"] for row in corpus["labs"] if row["q"] <= ALPHA), *corpus["notes"]]
    lines += [textwrap.fill(visible(text), columns) + "\n" for text in texts]
    lines.append(textwrap.fill(LEGEND, columns) + "\n")
    return "\n".join(lines) + "\n"


def _domains(rows: Sequence[Mapping[str, Any]], columns: int) -> str:
    """Each kind of prompt by itself, and the candidates with the highest scores in it."""
    from harness.core import grid, visible

    shown = []
    for row in rows:
        said = [visible(row["domain"]), str(row["prompts"])]
        if not row["candidates"]:
            shown.append([*said, row["verdict"], ""])
        for i, found in enumerate(row["candidates"]):
            shown.append([*(said if i == 0 else ["", ""]), visible(found["candidate"]), _spread(found)])
    return "By kind of prompt, not tested apart (the three with the highest score in it):\n" + grid(
        ["kind", "n", "candidate", "score"], shown, columns, [False, True, False, True]
    )


def _spread(found: Mapping[str, Any]) -> str:
    """A score and half the width of its interval."""
    return _number(found["z"], 1) + ("" if found["z_low"] is None else f" ±{found['z'] - found['z_low']:.1f}")


def _rank(finding: Mapping[str, Any]) -> str:
    """A candidate's place among those tested, and where other prompts and null models might put it."""
    if finding["rank"] is None:
        return ""
    low, high = finding["rank_low"], finding["rank_high"]
    return f"{finding['rank']}" + ("" if low is None else f" ({low}-{high})")


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    """What the model says it is: reported, never weighed."""
    from harness.core import visible

    said = [
        f"{visible(c['claimed'])} {c['share']:.2f} [{c['ci_low']:.2f}, {c['ci_high']:.2f}] n={c['n']}" for c in claims
    ]
    return f"Asked who it is, it says: {'; '.join(said)}. Reported, not weighed.\n" if said else ""


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


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


@app.command()
def build_panel(
    name: Annotated[str, typer.Argument(help="The panel's name, and the corpus in the files.")],
    outputs: Annotated[Path, typer.Option(help="Parquet: corpus, model, prompt_id, output.")],
    prompts: Annotated[Path, typer.Option(help="Parquet: corpus, prompt_id, prompt.")],
    students: Annotated[Path, typer.Option(help="CSV: documented students and their teachers.")],
    controls: Annotated[Path, typer.Option(help="CSV: models documented not to be trained on a lab's outputs.")],
    models: Annotated[Path, typer.Option(help="CSV: role, lab and month of release.")],
    origins: Annotated[Path, typer.Option(help="CSV: prompt_id, dataset, licence of every prompt.")],
    source: Annotated[str, typer.Option(help="Where the answers come from.")],
    licence: Annotated[str, typer.Option(help="Their licence.")],
    published: Annotated[str, typer.Option(help="Where the prompts are published.")],
    out: Annotated[Path, typer.Option(help="The folder to write the panel's three files to.")],
    ranked: Annotated[Path | None, typer.Option(help="CSV: rank, prompt_id; the order prompts are asked in.")] = None,
    version: Annotated[int, typer.Option(help="Of the panel.")] = 1,
) -> None:
    """Make a reference panel: fingerprints as hashes, no texts, of every model in a file of answers."""
    import polars as pl

    from harness.provenance import panel_files, pools

    answers = _parquet(outputs, "outputs").filter(pl.col("corpus") == name)
    texts = _parquet(prompts, "prompts").filter(pl.col("corpus") == name)
    if answers.is_empty() or texts.is_empty():
        raise ConfigError(f"--outputs, --prompts: no rows of the corpus {name!r}")
    made = panel_files.from_tables(
        name,
        answers,
        texts,
        (_csv(students, "students"), _csv(controls, "controls"), _csv(models, "models")),
        (_csv(origins, "origins"), None if ranked is None else _csv(ranked, "ranked")),
        pools.registry(),
        {"source": source, "licence": licence, "published": published, "version": version},
    )
    size = panel_files.write(made, out)
    counted = f"{len(made.entries)} models, {len(made.prompts)} prompts, {size / 1e6:.1f} MB"
    sys.stdout.write(f"{out}/{name}.yaml, .parquet, .prompts.jsonl: {counted}\n")


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
