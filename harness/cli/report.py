"""`harness report` and `harness plot`: the page of a results folder, and its figures."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.output import RESULTS, Results, warn, width
from harness.cli.publish import DEFAULT
from harness.core import say, wrapped
from harness.errors import ConfigError, unknown_name


class Texts(StrEnum):
    """Where the page keeps the texts of samples."""

    auto = "auto"
    page = "page"
    file = "file"


def report(
    results: Results = RESULTS,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option("--title", help="Heading of the page.")] = "Results",
    texts: Annotated[
        Texts,
        typer.Option(
            "--texts", help="Where the texts of samples go: page, a Parquet file beside it, or by size (15 MB)."
        ),
    ] = Texts.auto,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it on this machine until Ctrl-C, so that browsers find the texts.")
    ] = False,
    leaderboard: Annotated[
        str, typer.Option("--leaderboard", help="A file of conf/leaderboard/. Its weights and coverage are used.")
    ] = DEFAULT,
    port: Annotated[
        int, typer.Option("--port", help="The port for --serve; 0 takes a free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Write one HTML page: leaderboard, similarity, samples.

    It loads nothing from other sites. The same results give the same bytes.
    """
    from harness.results import derivation
    from harness.results.leaderboard import selection
    from harness.results.report import page, samples

    warn(derivation.refresh(results).problems)
    limit = {Texts.auto: samples.EMBED_BYTES, Texts.page: sys.maxsize, Texts.file: -1}[texts]
    written = page.write(results, out, title, limit, selection.load(leaderboard))
    for path in written:
        say(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if serve:
        from harness.results.report import serve as server

        server.serve(written, port)
    elif len(written) > 1:
        say("If you open the page from disk, it asks you for the second file. `harness report --serve` does not.")


def plot(
    name: Annotated[str | None, typer.Argument(help="The figure to draw. Without a name, all are listed.")] = None,
    results: Results = RESULTS,
    out: Annotated[Path | None, typer.Option("--out", help="FILE.svg or FILE.png. By default NAME.svg.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="The task it shows. By default the first.")] = None,
    pair: Annotated[
        tuple[str, str] | None, typer.Option("--pair", help="A model and a candidate. By default the strongest pair.")
    ] = None,
) -> None:
    """Draw one figure of the report as SVG or PNG, for a paper."""
    from harness.results import derivation
    from harness.results.leaderboard import selection
    from harness.results.report import draw, figures, page
    from harness.runs import write_atomic

    about = {key: (figure.__doc__ or "").split("\n")[0] for key, figure in figures.FIGURES.items()}
    if name is None:
        indent = " " * 13
        for key, text in about.items():
            told = wrapped(text, width(), f"{key:<12} ", indent)
            sys.stdout.write(f"{told}\n")
        return
    if name not in about:
        raise ConfigError(unknown_name("figure", name, about))
    path = out or Path(f"{name}.svg")
    drawers = {".svg": draw.svg, ".png": draw.png}
    if path.suffix.lower() not in drawers:
        raise ConfigError(f"--out {path}: expected a name that ends in .svg or .png")
    warn(derivation.refresh(results).problems)
    data = page.contents(results, selection.load(DEFAULT), pools=name in figures.POOLED)
    spec = figures.FIGURES[name](data, task=task, pair=pair)
    write_atomic(path, drawers[path.suffix.lower()](spec))
    say(f"wrote {path}")
