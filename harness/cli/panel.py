"""`harness panel`: reference panels listed, shown, made, grown, checked, completed and passed on."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.examples import epilog
from harness.cli.output import RESULTS, Format, NewResults, Results, Shape, print_frame, tell
from harness.core import panels, say
from harness.errors import ConfigError, HarnessError

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.panels import panel as reference

app = typer.Typer(
    help="List, make and share reference panels. A panel holds fingerprints of what public models answered to public "
    "prompts, and no text of an answer. NAME is a panel that ships, one in panels/ of the working folder, or the path "
    "of a .yaml or .panel.zip.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(help="Name of a panel. `harness panel list` lists them.")]
Out = Annotated[Path, typer.Option(help="The folder to write the panel to.")]
OWN = Path(panels.OWN)
SHOWN = ("models", "prompts", "licences", "power")
LIST_COLUMNS = ("panel", "models", "months", "labs", "prompts", "reads", "problem")
"""Of a table for people. Every other format has all of them."""
MODEL_COLUMNS = ("lab", "released", "model", "candidate", "traces")
"""Of a table for people. Every other format has all of them."""


@app.command("list", epilog=epilog("panel list"))
def list_(shape: Shape = Format.table) -> None:
    """List the panels that you can use, and what is in them."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name, path in panels.found().items():
        try:
            rows.append(_listed(name, path))
        except ConfigError as error:
            rows.append({"panel": name, "problem": str(error)})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    print_frame(frame, shape, *(column for column in LIST_COLUMNS if column in frame.columns))


def _listed(name: str, path: Path) -> dict[str, Any]:
    """What a list says of a panel."""
    from harness.cli import catalogue

    made, asked = _load(name), panels.asked(name, "all")
    months = sorted(entry.facts.released for entry in made.entries.values() if entry.facts.released)
    labs = Counter(entry.facts.lab for entry in made.entries.values() if entry.facts.lab)
    return {
        "panel": name,
        "version": str(made.about["version"]),
        "what": catalogue.about("panel", name),
        "models": len(made.entries),
        "months": f"{months[0]}–{months[-1]}" if months else None,
        "labs": len(labs),
        "prompts": asked.total,
        "texts_here": asked.here,
        "reads": "answers" if made.traces is None else f"{made.traces} traces",
        "language": made.language,
        "teachers_found": _found_of_labs(made),
        "same_model": _same_of(made),
        "licence": made.about["licence"],
        "shipped": path.parent == panels.SHIPPED,
    }


def _found_of_labs(made: reference.Panel) -> str:
    """How many documented students of each lab's models are found at 5 % false alarms, asked every prompt."""
    of: dict[str, list[bool]] = {}
    for pair in made.positives:
        of.setdefault(made.facts[pair.teacher].lab or pair.teacher, []).append(pair.p <= 0.05)  # noqa: PLR2004
    said = [f"{lab} {sum(hits)} of {len(hits)}" for lab, hits in sorted(of.items(), key=lambda row: -len(row[1]))]
    return ", ".join(said) or "none documented"


def _same_of(made: reference.Panel) -> str:
    """The error rates of the same-model test, asked every prompt."""
    if not made.same:
        return "too few models"
    limit = max(made.same, key=lambda row: row.prompts)
    found = "" if limit.found is None else f", asked again and found {limit.found:.2f} of {limit.found_of}"
    return f"unrelated named {limit.others:.4f} of {limit.others_pairs}{found}"


@app.command(epilog=epilog("panel show"))
def show(
    name: Name,
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(SHOWN)}. By default a summary of all.")] = "",
    shape: Shape = Format.table,
) -> None:
    """Show a panel: its models, prompts, licences and power.

    Power is how often it finds the documented students of each teacher.
    """
    if what and what not in SHOWN:
        raise ConfigError(f"harness panel show {name} {what}: expected one of {', '.join(SHOWN)}")
    made = _load(name)
    tables = {"models": _models(made), "prompts": _prompts(made), "licences": _licences(made), "power": _power(made)}
    if what:
        print_frame(tables[what], shape, *(MODEL_COLUMNS if what == "models" else ()))
    elif shape is Format.json:
        sys.stdout.write(json.dumps({key: table.to_dicts() for key, table in tables.items()}, indent=1) + "\n")
    else:
        tell(_summary(made, panels.asked(name, "all")))
        for key, table in {**tables, "models": _labs(tables["models"])}.items():
            if key == "power" and table.is_empty():
                tell("\npower: not measured. That takes models whose teacher is documented, and is in the panel too.\n")
            elif key != "prompts":
                sys.stdout.write(f"\n{key} (all of them: harness panel show {name} {key})\n")
                print_frame(table, Format.table)


@app.command(epilog=epilog("panel check"))
def check(name: Name) -> None:
    """Say everything that is wrong with a panel.

    It checks hashes, and looks for facts without a source and for missing licences. If something is wrong, the exit
    code is 1.
    """
    from harness.provenance.panels import panel

    found = panel.check(panels.place(name))
    for problem in found:
        tell(f"{problem}\n")
    if found:
        raise typer.Exit(HarnessError.exit_code)
    tell(f"{name}: every hash, fact and licence is in order\n")


@app.command(epilog=epilog("panel validate"))
def validate(
    name: Name,
    prompts: Annotated[
        int | None, typer.Option(help="How many prompts each model is asked, in the panel's order. By default all.")
    ] = None,
    suspects: Annotated[bool, typer.Option("--suspects", help="Show what is said of each model instead.")] = False,
    shape: Shape = Format.table,
) -> None:
    """Measure how often a panel finds a teacher, rightly or wrongly.

    Each of its models is taken as a suspect of whom nothing is told.
    """
    import polars as pl

    from harness.provenance.validation import panel_figures
    from harness.provenance.validation import validate as bench

    made = _load(name)
    if prompts is not None and not 1 <= prompts <= len(made.prompts):
        raise ConfigError(
            f"--prompts {prompts}: expected 1 to {len(made.prompts)}, which is all that the panel {name} has"
        )
    seen = panel_figures.looks(made, prompts)
    if suspects:
        print_frame(pl.DataFrame(panel_figures.rows(seen), infer_schema_length=None), shape)
        return
    found = panel_figures.figures(made, seen)
    if shape is Format.table:
        tell(panel_figures.text(made, found))
        return
    told = [bench.as_row(figure) for figure in found]
    if shape is Format.json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    else:
        flat = [row | {"detail": json.dumps(row["detail"], ensure_ascii=False)} for row in told]
        print_frame(pl.DataFrame(flat, infer_schema_length=None), shape)


@app.command(epilog=epilog("panel fetch"))
def fetch(
    name: Annotated[
        str, typer.Argument(help="Name of a panel, or the path or URL of a .panel.zip to put into panels/.")
    ],
    published: Annotated[
        list[str] | None,
        typer.Option("--from", help="A file or URL that holds the texts. By default where the panel says they are."),
    ] = None,
) -> None:
    """Fetch prompts that a panel may not pass on, or a panel by URL.

    The text of each prompt is checked by its hash.
    """
    if name.endswith(panels.SHARED) and ("://" in name or not Path(name).is_relative_to(OWN)):
        name = _brought(name)
    from harness.provenance.panels import panel

    made = _load(name)
    before = panels.asked(name, "all")
    if before.here < before.total:
        files = [_read(place) for place in published] if published else panel.fetched(made)
        # Texts kept before count too.
        kept = json.dumps(list(panels.fetched(made.name).values())).encode()
        texts = panel.complete(made, [*files, kept])
        path = panels.keep(made.name, [texts[p.id] for p in made.prompts if p.text is None])
        say(f"{path}: the texts of {before.total - before.here} prompts, each with the hash that the panel names")
    after = panels.asked(name, "all")
    tell(f"{made.name}: the texts of {after.here} of its {after.total} prompts are here\n")


@app.command(epilog=epilog("panel share"))
def share(
    name: Name,
    out: Annotated[str, typer.Argument(help="The path or URL to write to. It ends in .panel.zip.")],
) -> None:
    """Write a panel as one file to pass on.

    You are told what its reader could find out about the answers by guessing.
    """
    from harness.provenance.panels import panel_files

    made = _load(name)
    if not out.endswith(panels.SHARED):
        raise ConfigError(f"{out}: expected a name that ends in {panels.SHARED}")
    if "://" not in out:
        said = panel_files.share(made, Path(out))
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / out.rpartition("/")[2]
            said = panel_files.share(made, file)
            _put(file, out)
    tell(f"Wrote {out}\n{said}\n")


@app.command(epilog=epilog("panel add"))
def add(
    models: Annotated[
        list[str], typer.Argument(help="Models of the results folder that answered the panel's prompts.")
    ],
    panel: Annotated[str, typer.Option(help="The panel that they join. It stays as it is.")] = "alpaca_eval",
    name: Annotated[str, typer.Option(help="Name of the new panel.")] = "mine",
    licence: Annotated[
        str, typer.Option(help="Licence under which their answers may be used so.")
    ] = "the owner's own answers",
    out: Out = OWN,
    results: Results = RESULTS,
) -> None:
    """Make your own panel: an existing one and your models.

    Nothing but fingerprints is kept of their answers.
    """
    from harness.provenance.panels import panel_files

    answers, known = _answers(results, models)
    entries = _entries(models, known, licence)
    made = panel_files.add(_load(panel), answers, entries, name)
    size = panel_files.write(made, out)
    tell(
        f"{out}/{name}.yaml, .parquet, .prompts.jsonl: {len(made.entries)} models, {size / 1e6:.1f} MB\n"
        f"harness eval task=panel panel={name}\n"
    )


@app.command(epilog=epilog("panel build"))
def build(
    name: Annotated[str, typer.Argument(help="Name of the panel. With --from, the folder that it is made of.")],
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="Table: prompt_id, prompt, and if known origin, licence, published, rank, domain, corpus. A text "
            "without a free licence stays out, and needs `published`. Prompts without ranks are ranked."
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the answers come from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the answers.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--from", help="Make it from a published set: `speechmap`, from a clone of its data.")
    ] = None,
    called: Annotated[str | None, typer.Option("--name", help="Name of the panel, with --from.")] = None,
    keep: Annotated[int | None, typer.Option(help="With --from: how many prompts to keep. By default 300.")] = None,
    reads: Annotated[
        str | None, typer.Option(help="`full` or `summary`: read reasoning traces instead of answers.")
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(help="A model whose name stands for several versions. You can give it several times."),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Table: model, prompt_id, output[, corpus]. By default the results folder's.")
    ] = None,
    version: Annotated[int, typer.Option(help="Version of the panel.")] = 1,
    published: Annotated[str | None, typer.Option(help="Where the prompts are published.")] = None,
    origins: Annotated[Path | None, typer.Option(help="Table: prompt_id, dataset and licence of every prompt.")] = None,
    ranked: Annotated[
        Path | None, typer.Option(help="Table: rank, prompt_id. The order in which prompts are asked.")
    ] = None,
    students: Annotated[Path | None, typer.Option(help="Table: documented students and their teachers.")] = None,
    controls: Annotated[
        Path | None, typer.Option(help="Table: models documented not to be trained on a lab's outputs.")
    ] = None,
    models: Annotated[Path | None, typer.Option(help="Table: role, lab and month of release of every model.")] = None,
    out: Out = OWN,
    results: NewResults = RESULTS,
) -> None:
    """Make a panel from your runs, a table, or a published set.

    Facts about models come from the registry and from your tables.
    """
    from harness.provenance.panels import panel, panel_files
    from harness.provenance.verdicts import pools

    if reads is not None and reads not in panel.READS[1:]:
        raise ConfigError(f"--reads {reads}: expected {' or '.join(panel.READS[1:])}")
    if recipe is not None:
        _from(recipe, Path(name), called or recipe, keep, reads, out)
        return
    if prompts is None or source is None or licence is None:
        raise ConfigError(
            "a panel made of tables needs --prompts, --source and --licence; one made of a published set needs --from"
        )
    texts = _of_corpus(_table(prompts, "prompts"), name)
    if answers is None:
        given, known = _answers(results, [])
    else:
        given, known = _of_corpus(_table(answers, "answers"), name), pools.registry()
    about = {"source": source, "licence": licence, "version": version, "published": published}
    about |= {} if reads is None else {"reads": reads}
    asked = tuple(
        None if path is None else _table(path, what) for path, what in ((origins, "origins"), (ranked, "ranked"))
    )
    made = panel_files.from_tables(
        name, given, texts, _labels(students, controls, models), (asked[0], asked[1]), known, about, alias or ()
    )
    size = panel_files.write(made, out)
    tell(
        f"{out}/{name}.yaml, .parquet, .prompts.jsonl: {len(made.entries)} models, {len(made.prompts)} prompts, "
        f"{size / 1e6:.1f} MB\n"
    )


def _from(recipe: str, clone: Path, name: str, keep: int | None, reads: str | None, out: Path) -> None:
    """Make a panel of a clone of a published set."""
    from harness.provenance.panels import panel_files, speechmap
    from harness.provenance.verdicts import pools

    if recipe != "speechmap":
        raise ConfigError(f"--from {recipe}: expected speechmap, whose data is published at {speechmap.SOURCE}")
    if keep is not None and keep < 1:
        raise ConfigError(f"--keep {keep}: expected 1 or more")
    built = speechmap.build(clone, name, pools.registry(), keep=keep or speechmap.KEEP, reads=reads)
    if built.unread or built.few:
        say(
            f"left out: {built.unread} lines that hold no answer; {len(built.few)} models with too few answers"
            + (f" ({', '.join(built.few[:5])}, …)" if built.few else "")
        )
    size = panel_files.write(built.panel, out)
    tell(
        f"{out}/{name}.yaml, .parquet, .prompts.jsonl: {len(built.panel.entries)} models, "
        f"{len(built.panel.prompts)} prompts of {built.answers} answers, {size / 1e6:.1f} MB\n"
    )


def _load(name: str) -> reference.Panel:
    from harness.provenance.panels import panel

    return panel.load(panels.place(name))


def _entries(who: Iterable[str], known: Any, licence: str) -> dict[str, Any]:
    """What a panel records of models, from the registry. A fact of it without a source is the owner's word."""
    from harness.provenance.comparison import registry
    from harness.provenance.panels import panel_files

    labels = registry.Labels.of("", *_labels(None, None, None))
    return dict(panel_files.entries_of(tuple(who), labels, known, licence))


def _labels(
    students: Path | None, controls: Path | None, models: Path | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Tables of documented relations. One that is not given has no rows."""
    import polars as pl

    from harness.provenance.comparison import registry

    def table(path: Path | None, what: str, columns: Iterable[str]) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)) if path is None else _table(path, what)

    return (
        table(students, "students", registry.STUDENTS),
        table(controls, "controls", registry.CONTROLS),
        table(models, "models", registry.MODELS),
    )


def _answers(results: Path, models: Iterable[str]) -> tuple[pl.DataFrame, Any]:
    """Answers to open prompts of the results folder, of some models or all, and what is documented of models there."""
    import polars as pl

    from harness.errors import unknown_name
    from harness.results import derivation
    from harness.runs import need_results

    need_results(results)
    derivation.refresh(results)
    frame, known = derivation.open_answers(results)
    everybody = set(frame["model"].to_list())
    for model in models:
        if model not in everybody:
            raise ConfigError(unknown_name("model", model, everybody, "it needs answers: harness eval task=panel"))
    return frame.filter(pl.col("model").is_in(list(models) or list(everybody))), known


def _of_corpus(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows of a corpus, of a table that holds several."""
    import polars as pl

    if "corpus" not in frame.columns:
        return frame
    rows = frame.filter(pl.col("corpus") == name)
    if rows.is_empty():
        raise ConfigError(f"no rows of the corpus {name!r}; found {', '.join(sorted(set(frame['corpus'])))}")
    return rows


def _table(path: Path, what: str) -> pl.DataFrame:
    import polars as pl

    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema=False)
        return pl.read_ndjson(path) if path.suffix == ".jsonl" else pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"--{what} {path}: not a table that can be read ({first})") from error


def _read(place: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(place, "rb") as file:
            return bytes(file.read())
    except Exception as error:  # fsspec's file systems raise errors of their own
        raise ConfigError(f"{place}: cannot be read ({type(error).__name__}: {error})") from error


def _put(file: Path, url: str) -> None:
    import fsspec

    try:
        with fsspec.open(url, "wb") as there, file.open("rb") as here:
            shutil.copyfileobj(here, there)
    except Exception as error:  # fsspec's file systems raise errors of their own
        raise ConfigError(f"{url}: cannot be written ({type(error).__name__}: {error})") from error


def _brought(place: str) -> str:
    """Check a shared panel, put it into `panels/`, and return its name."""
    from harness.provenance.panels import panel

    content = _read(place)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / place.rpartition("/")[2]
        file.write_bytes(content)
        panel.load(file)
        OWN.mkdir(exist_ok=True)
        shutil.copyfile(file, OWN / file.name)
    say(f"{OWN / file.name}: brought from {place}")
    return file.name.removesuffix(panels.SHARED)


def _summary(made: reference.Panel, asked: panels.Asked) -> str:
    about = made.about
    ranked = sum(prompt.rank is not None for prompt in made.prompts)
    how = ", ".join(f"{key} {value}" for key, value in (about.get("asked") or {}).items() if value is not None)
    return (
        f"{about['title']}, version {about['version']}: {about['source']}\n"
        f"{len(made.entries)} models, {len(made.candidates)} of them possible teachers; {about['licence']}\n"
        f"{asked.total} prompts, {ranked} of them ranked; the texts of {asked.here} are here\n"
        f"asked with: {how or 'not recorded'}\n{about['facts']}\n"
    )


def _models(made: reference.Panel) -> pl.DataFrame:
    import polars as pl

    rows = [
        {
            "lab": entry.facts.lab, "released": entry.facts.released, "model": name, "candidate": entry.candidate,
            "bases": ", ".join(sorted(entry.facts.bases)), "teachers": ", ".join(sorted(entry.teachers)),
            "traces": entry.traces, "licence": entry.licence,
        }
        for name, entry in made.entries.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None).sort("lab", "released", "model", nulls_last=True)


def _labs(models: pl.DataFrame) -> pl.DataFrame:
    """How many models of each lab, how many of them may be a teacher, and of which months."""
    import polars as pl

    return (
        models.group_by("lab")
        .agg(
            models=pl.len(),
            candidates=pl.col("candidate").sum(),
            first=pl.col("released").min(),
            last=pl.col("released").max(),
        )
        .sort("models", "lab", descending=[True, False], nulls_last=True)
    )


def _prompts(made: reference.Panel) -> pl.DataFrame:
    import polars as pl

    rows = [
        {
            "rank": prompt.rank, "prompt": prompt.name, "domain": prompt.domain, "origin": prompt.origin,
            "licence": prompt.licence, "ships": prompt.text is not None, "published": prompt.published,
        }
        for prompt in made.prompts
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _licences(made: reference.Panel) -> pl.DataFrame:
    import polars as pl

    return _prompts(made).group_by("licence", "ships").agg(prompts=pl.len()).sort("prompts", "licence", descending=True)


def _power(made: reference.Panel) -> pl.DataFrame:
    import polars as pl

    rows: list[Mapping[str, Any]] = list(made.power)
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema={"teacher": pl.String})
