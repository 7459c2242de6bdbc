"""`harness show`: one run, its metrics, its samples, or one sample in full."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from harness.cli.output import RESULTS, Format, Results, Shape, page, print_frame, width


def show(
    run: Annotated[str, typer.Argument(help="A run id, or enough of its beginning or end.")],
    results: Results = RESULTS,
    shape: Shape = Format.table,
    failed: Annotated[bool, typer.Option("--failed", help="The samples that failed, and why.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="A line per sample, with its headline score.")] = False,
    id_: Annotated[
        str | None, typer.Option("--id", help="One sample in full: its id, or enough of its beginning.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Samples of this task.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Samples of this model.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Samples that are answered, truncated, correct, wrong, no_answer, …")
    ] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Samples that were scored, and not fully right.")] = False,
    grep: Annotated[
        str | None, typer.Option("--grep", help="Samples whose prompt, target or answer holds this expression.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="These samples in full, code as it was written.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="So many samples; a list on the screen has 50.")
    ] = None,
    why: Annotated[
        bool,
        typer.Option("--why", help="Which field kept it from using another run's answers (--other names the run)."),
    ] = False,
    other: Annotated[str | None, typer.Option("--other", help="With --why: the run to compare with.")] = None,
) -> None:
    """Show one run: its metrics, its samples, or why it had to ask."""
    from harness.cli import catalogue
    from harness.runs import find_run

    folder = find_run(results, run)
    if why or other is not None:
        print_frame(catalogue.why(results, folder, other), shape)
        return
    if failed:
        print_frame(catalogue.samples(folder, failed=True), shape)
        return
    if id_ is not None or samples or full or wrong or any(x is not None for x in (task, model, state, grep, limit)):
        from harness.cli import answers

        if id_ is not None:
            found, total, full = answers.one(folder, id_), 1, True
        else:
            shown = limit or (answers.LIMIT if shape is Format.table else None)
            found, total = answers.chosen(folder, answers.Choice(task, model, state, wrong, grep, shown))
        if shape is not Format.table:
            print_frame(found if full else found.select(answers.COLUMNS), shape)
        elif full:
            page(answers.full(found))
        else:
            page(answers.listing(folder, found, total, width()))
        return
    if shape is Format.table:
        sys.stdout.write(catalogue.summary(folder) + catalogue.metrics_text(folder, width()))
    else:
        print_frame(catalogue.metrics(folder), shape)
