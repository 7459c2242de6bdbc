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
    failed: Annotated[bool, typer.Option("--failed", help="List the samples that failed, and why.")] = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="List the samples, one a line, with their headline score.")
    ] = False,
    id_: Annotated[
        str | None, typer.Option("--id", help="Show one sample in full. Give its id, or enough of its beginning.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only samples of this task.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only samples of this model.")] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only samples that are so: answered, truncated, correct, wrong, no_answer, …"),
    ] = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Only samples that were scored and are not fully right.")
    ] = False,
    grep: Annotated[
        str | None, typer.Option("--grep", help="Only samples whose prompt, target or answer matches this expression.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show these samples in full, with code as it was written.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Show at most so many samples. A list on the screen has 50.")
    ] = None,
    why: Annotated[
        bool,
        typer.Option("--why", help="Say which field kept it from using the answers of another run."),
    ] = False,
    other: Annotated[str | None, typer.Option("--other", help="The run to compare with for --why.")] = None,
) -> None:
    """Show one run: its metrics, or its samples.

    --why says why it had to ask the model although another run has answers.
    """
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
