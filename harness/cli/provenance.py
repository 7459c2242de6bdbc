"""`harness provenance`: whom a suspect resembles, and what is asked of every model on one prompt set."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli import detector
from harness.cli.examples import epilog
from harness.cli.output import RESULTS, Format, NewResults, Results, Shape, print_frame, width
from harness.core import one_thread_each, visible, wrapped
from harness.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from harness.provenance.verdicts import pools


class _Reports(TyperGroup):
    """`harness provenance SUSPECT` is `harness provenance report SUSPECT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] == ["build-panel"]:
            raise ConfigError(f"build-panel is a command of `harness panel` now; type\n  {_panel_build(args[1:])}")
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["report", *args]
        if args[:1] == ["report"] and (now := _were_flags(args[1:])):
            raise ConfigError("these are commands of their own now; type\n" + "\n".join(f"  {line}" for line in now))
        return super().parse_args(ctx, args)


def _panel_build(words: Sequence[str]) -> str:
    """The command that does what `build-panel` did once."""
    now = [re.sub(r"^--outputs(?==|$)", "--answers", word) for word in words]
    return shlex.join(["harness", "panel", "build", *(now or ["--help"])])


def _were_flags(words: Sequence[str]) -> list[str]:
    """The commands that do what flags of `report` did once, with the options that they take."""
    old = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in ("--matrix", "--tree"):
        old.add_argument(flag, action="store_true")
    for flag in ("--explain", "--change"):
        old.add_argument(flag, nargs=2)
    for flag in ("--svg", "--panel", "--task", "--domain", "--results"):
        old.add_argument(flag)
    old.add_argument("--format", "-o")
    try:
        asked = vars(old.parse_known_args(words)[0])
    except argparse.ArgumentError:
        return []  # a flag without its value. What is typed now says what is missing
    asked["tree"] = asked["tree"] or asked["svg"] is not None
    found = []
    for name, takes in _TAKES.items():
        if asked[name]:
            given = [word for key in takes if asked[key] is not None for word in (f"--{key}", asked[key])]
            names = asked[name] if isinstance(asked[name], list) else []
            found.append(shlex.join(["harness", "provenance", name, *names, *given]))
    return found


_TAKES = {
    "matrix": ("panel", "task", "domain", "results", "format"),
    "tree": ("svg", "panel", "task", "domain", "results"),
    "explain": ("task", "domain", "results", "format"),
    "change": ("panel", "task", "domain", "results", "format"),
}
"""What was a flag once, and the options that its command takes."""
Panel = Annotated[str | None, typer.Option("--panel", help="Use this reference panel, such as alpaca_eval.")]
Task = Annotated[str | None, typer.Option("--task", help="The prompt set. By default the one with most models.")]
Domain = Annotated[
    str | None,
    typer.Option("--domain", help="Only prompts of this kind: fiction, exposition, instruction, reasoning."),
]

app = typer.Typer(
    cls=_Reports,
    help="Say which models a model's answers resemble. You learn how much more than unrelated models' answers, and how "
    "sure that is. `harness provenance SUSPECT` is short for `harness provenance report SUSPECT`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog=epilog("provenance report"))
def report(
    suspect: Annotated[
        str, typer.Argument(help="The model in question. It has answered a provenance task, or is in the panel.")
    ],
    candidates: Annotated[
        str, typer.Option(help="Possible teachers to test, separated by commas. By default all.")
    ] = "",
    panel: Annotated[
        str | None, typer.Option("--panel", help="Compare with this reference panel, such as alpaca_eval.")
    ] = None,
    released: Annotated[str | None, typer.Option(help="Month in which the suspect was released, YYYY-MM.")] = None,
    lab: Annotated[str | None, typer.Option(help="Lab that made the suspect.")] = None,
    base: Annotated[str | None, typer.Option(help="Base model that the suspect was trained from.")] = None,
    interval: Annotated[
        bool,
        typer.Option("--interval/--no-interval", help="Print intervals of scores and ranks."),
    ] = True,
    domain: Domain = None,
    by_domain: Annotated[
        bool | None,
        typer.Option(
            "--by-domain/--all-domains",
            help="Also show each kind of prompt by itself. By default with 40 models or fewer.",
        ),
    ] = None,
    same_lab: Annotated[
        bool, typer.Option("--same-lab", help="Also test candidates of the suspect's own lab.")
    ] = False,
    registered: Annotated[
        Path | None,
        typer.Option(help="File of `harness provenance register`. Says whether this report is confirmatory."),
    ] = None,
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Say whose answers a model's answers resemble, if any.

    Every resemblance is compared with that of unrelated models. Similarity is evidence, not proof of copying.
    """
    from harness.cli import provenance_text as text
    from harness.results import derivation

    _ready(results, panel)
    names = [name.strip() for name in candidates.split(",") if name.strip()]
    told = {"released": released, "lab": lab, "base": base}
    found = derivation.suspect_report(
        results, suspect, names, panel=panel, interval=interval, told=told, domain=domain, by_domain=by_domain,
        same_lab=same_lab, registered=registered,
    )  # fmt: skip
    if shape is Format.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=True, allow_nan=False, indent=1) + "\n")
    elif shape is Format.table:
        for corpus in found["corpora"]:
            sys.stdout.write(text.text(suspect, corpus))
        if found["claims"]:
            text.say(text.claims(found["claims"]))
        if found["suggested_text"]:
            text.say(found["suggested_text"])
        for probe in found["probes"]:
            text.say(f"{probe['heading']}: {probe['text']}")
        text.say(found["standing"]["text"])
    else:
        print_frame(text.rows(found), shape)


@app.command(epilog=epilog("provenance matrix"))
def matrix(
    panel: Panel = None,
    task: Task = None,
    domain: Domain = None,
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Score every ordered pair of models, the highest first."""
    from harness.cli.provenance_text import LEGEND
    from harness.provenance.verdicts import overview

    pool, _ = _pool(results, panel=panel, task=task, domain=domain)
    frame = overview.pairs(pool)
    shown = _print(frame, shape, "model", "other", "score", "p", "set_apart", "n")
    _explained(shape, f"The {shown} highest scores of {len(frame)} ordered pairs on {pool.corpus}.", LEGEND)


@app.command(epilog=epilog("provenance tree"))
def tree(
    svg: Annotated[Path | None, typer.Option("--svg", help="Also draw it into this file.")] = None,
    panel: Panel = None,
    task: Task = None,
    domain: Domain = None,
    results: NewResults = RESULTS,
) -> None:
    """Draw all models as a tree, in Newick's format.

    It is an illustration. The numbers are those of `harness provenance matrix`.
    """
    from harness.provenance.comparison import evidence, tree
    from harness.provenance.verdicts import pools
    from harness.runs import write_atomic

    pool, _ = _pool(results, panel=panel, task=task, domain=domain)
    root = tree.tree(pool.prints, evidence.EVIDENCE, pools.draws(pool))
    sys.stdout.write(tree.newick(root))
    if svg is not None:
        write_atomic(svg, tree.svg(root).encode())


@app.command(epilog=epilog("provenance explain"))
def explain(
    a: Annotated[str, typer.Argument(help="A model with answers in the results folder.")],
    b: Annotated[str, typer.Argument(help="The model to compare it with.")],
    task: Task = None,
    domain: Domain = None,
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Show the words that two models share.

    It also says how common these words are in the answers of other models.
    """
    from harness.provenance.verdicts import explain

    pool, answers = _pool(results, a, b, task=task, domain=domain)
    frame = explain.explain(answers, a, b)
    print_frame(frame, shape, "kind", "feature", "share_a", "share_b", "elsewhere", "in_a", "in_b")
    if not frame.is_empty() and explain.common(frame).all():
        _explained(shape, explain.ONLY_COMMON)
    _explained(
        shape,
        f"What {a} (a) and {b} (b) both write on {pool.corpus}. share is the share of a model's answers. "
        "elsewhere is the mean share of the other models. For a passage it is the share of the other answers to that "
        "prompt. These are examples, not evidence. What the words are worth is the report's score.",
    )


@app.command(epilog=epilog("provenance change"))
def change(
    old: Annotated[str, typer.Argument(help="A model.")],
    new: Annotated[str, typer.Argument(help="A later version of this model, or a model tuned from it.")],
    panel: Panel = None,
    task: Task = None,
    domain: Domain = None,
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Say which models a new version has come closer to."""
    import dataclasses

    import polars as pl

    from harness.provenance.comparison import change, evidence
    from harness.provenance.verdicts import pools, wording

    pool, _ = _pool(results, old, new, panel=panel, task=task, domain=domain)
    found = change.change(pool.prints, pool.facts, old, new, evidence.EVIDENCE, pools.draws(pool))
    schema = {
        "other": pl.String, "lab": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "p": pl.Float64, "q": pl.Float64, "pairs": pl.Int64, "versions": pl.Boolean, "prompts": pl.Int64,
        "channels": pl.String,
    }  # fmt: skip
    rows = [dataclasses.asdict(row) | {"channels": json.dumps(_rounded(row.channels))} for row in found]
    _print(pl.DataFrame(rows, schema=schema), shape, "other", "lab", "value", "low", "high", "p", "q")
    _explained(shape, wording.changed(old, new, found), *pool.notes)


@app.command("same", epilog=epilog("provenance same"))
def same_(
    a: Annotated[str, typer.Argument(help="A model that was asked a panel's prompts, or RUN:MODEL.")],
    b: Annotated[str, typer.Argument(help="Another endpoint, or the same name at another date.")],
    panel: Panel = None,
    results: Results = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Say whether two endpoints answer like one model.

    They may also be one endpoint at two dates, so that you learn whether the provider changed something.
    """
    from harness.results import derivation

    _ready(results, None)
    derivation.refresh(results)
    found = derivation.same_model(results, a, b, panel)
    if shape is Format.json:
        sys.stdout.write(json.dumps(found, allow_nan=False, indent=1) + "\n")
        return
    told = f"{found['text']} Read against the models of {found['reference']}."
    sys.stdout.write(wrapped(visible(told), width()) + "\n")


for made_elsewhere, named in ((detector.register, "register"), (detector.validate, "validate")):
    app.command(named, epilog=epilog(f"provenance {named}"))(made_elsewhere)


def _ready(results: Path, panel: str | None) -> None:
    """Refuse a results folder that is not there, and let every library of matrices use one thread."""
    from harness.runs import need_results

    one_thread_each()
    if panel is None:
        need_results(results)


def _pool(
    results: Path, *models: str, task: str | None, domain: str | None, panel: str | None = None
) -> tuple[pools.Pool, pl.DataFrame]:
    """One prompt set with everybody on it, these models among them, and the answers."""
    from harness.results import derivation

    _ready(results, panel)
    return derivation.pool_of(results, models, panel=panel, task=task, domain=domain)


def _print(frame: pl.DataFrame, shape: Format, *shown: str) -> int:
    """A frame, and how many rows it has. A table for people holds the first rows and these columns alone."""
    from harness.cli.provenance_text import SHOWN

    part = frame.head(SHOWN * 2) if shape is Format.table else frame
    print_frame(part, shape, *shown)
    return len(part)


def _explained(shape: Format, *texts: str) -> None:
    """What a table means: below a table for people. Beside other formats, which programs read, on stderr."""
    from harness import core
    from harness.cli import provenance_text

    if shape is Format.table:
        provenance_text.say(*texts)
    else:
        for text in texts:
            core.say(core.visible(text))


def _rounded(channels: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    """Value and limits of every channel: noise has no fourth digit."""
    return {name: [None if x is None else round(x, 3) for x in at] for name, at in channels.items()}
