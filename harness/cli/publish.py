"""The commands that publish: the leaderboard in every form, and runs in the formats of other tools."""

from __future__ import annotations

import difflib
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.output import RESULTS, Results, warn, width
from harness.cli.output import page as screen
from harness.core import say
from harness.errors import ConfigError, HarnessError

DEFAULT = "default"
"""The leaderboard of `conf/leaderboard/` that is shown if none is named."""
SAMPLES_FORMAT = "hf"
"""The format of a data set of samples. The others are of results."""
DIFFERENCES = 12
"""Lines of a difference that are shown."""
_FORM_OF = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".csv": "csv", ".html": "html", ".htm": "html"}


class Form(StrEnum):
    """The form of a published page."""

    markdown = "markdown"
    json = "json"
    csv = "csv"
    html = "html"


def leaderboard(
    name: Annotated[
        str, typer.Argument(help="A file of conf/leaderboard/, which says what results and weights.")
    ] = DEFAULT,
    results: Results = RESULTS,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write. By default it goes to the screen.")
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            "-o",
            help="By default the file's ending decides. A pipe gets markdown, and a terminal its own tables.",
        ),
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="Exit with 1 if this file is not what would be written.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="SQL condition on the view leaderboard, such as \"kind = 'math'\".")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Heading of the page.")] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            "--coverage", min=0, max=1, help="Rank only scores with at least this share of their samples scored."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="What stands beside the scores, separated by commas: relative, words, claims, errors, lab, released, "
            "weights, cost, tokens, latency.",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option("--weight", help="TASK=NUMBER: the task's weight in the mean. The default is 1.")
    ] = None,
) -> None:
    """Write the leaderboard as markdown, HTML, JSON or CSV.

    The same results give the same bytes.
    """
    from harness.results import derivation
    from harness.results import leaderboard as board
    from harness.results.leaderboard import selection
    from harness.runs import write_atomic

    wanted = selection.load(name)
    told = {"where": where, "title": title, "coverage": coverage}
    changes: dict[str, object] = {key: value for key, value in told.items() if value is not None}
    if weight:
        changes["weights"] = {**wanted.weights, **dict(map(_weight, weight))}
    if columns is not None:
        chosen = tuple(name.strip() for name in columns.split(",") if name.strip())
        selection.check_columns(chosen, "--columns: ")
        changes["columns"] = chosen
    warn(derivation.refresh(results).problems)
    file = check or out
    shown = derivation.board(results, wanted.model_copy(update=changes))
    if form is None and file is None and sys.stdout.isatty():
        screen(f"{board.terminal(shown, width())}\n`harness leaderboard --out LEADERBOARD.md` writes the page.\n")
        return
    kind = form.value if form else _FORM_OF.get(file.suffix.lower(), "markdown") if file else "markdown"
    page = board.render(shown, kind)
    if check is not None:
        _compare(check, page, kind)
    elif out is None:
        sys.stdout.buffer.write(page)
        sys.stdout.flush()
    else:
        write_atomic(out, page)
        say(f"wrote {out}")


def export(
    run: Annotated[list[str] | None, typer.Argument(help="Run ids, or enough of each. By default all runs.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--as", help="Format of the results: lm_eval, every_eval_ever, model_card or inspect."),
    ] = None,
    samples_as: Annotated[
        str | None,
        typer.Option("--samples-as", help="Format of the samples: hf, a data set for datasets.load_dataset."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")] = Path("export"),
    hub: Annotated[
        list[str] | None, typer.Option("--hub", help="TASK=owner/name[:task_id]: the task's data set on the hub.")
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Write finished runs in the formats of other tools.

    These are lm-eval, Every Eval Ever, model cards, Inspect, and data sets of samples.
    """
    from harness.archive import exports
    from harness.provenance.verdicts import pools
    from harness.runs import find_run, list_runs, read_manifest

    if form is None and samples_as is None:
        raise ConfigError(f"no format given; add --as or --samples-as with one of {', '.join(exports.formats())}")
    if form == SAMPLES_FORMAT or samples_as not in (None, SAMPLES_FORMAT):
        raise ConfigError(
            f"expected {SAMPLES_FORMAT} for --samples-as, and for --as one of "
            f"{', '.join(name for name in exports.formats() if name != SAMPLES_FORMAT)}"
        )
    folders = [find_run(results, name) for name in run] if run else list_runs(results)
    if not folders:
        raise ConfigError(f"{results} holds no run yet; `harness eval` makes one")
    named = dict(_pair(word) for word in hub or ())
    models = sorted({model.name for folder in folders for model in read_manifest(folder).models})
    developers = {fact.name: fact.lab for fact in pools.facts(models, pools.registry(), {}) if fact.lab}
    options = exports.Options(hub=named, developers=developers)
    written = [path for kind in (form, samples_as) if kind for path in exports.export(kind, folders, out, options)]
    warn(exports.warnings(folders))
    sys.stdout.write("".join(f"{path}\n" for path in written))


def _pair(word: str) -> tuple[str, str]:
    task, equals, data = word.partition("=")
    if not task or not equals or "/" not in data:
        raise ConfigError(f"--hub {word}: expected TASK=owner/name[:task_id], such as gsm8k=openai/gsm8k")
    return task, data


def _compare(file: Path, page: bytes, kind: str) -> None:
    """Say whether a published page is what the results give.

    Raises:
        HarnessError: it is not. The message has the first differences.
        ConfigError: the file cannot be read.
    """
    from harness.core import visible

    try:
        found = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if found == page:
        say(f"{file} is what the results give")
        return
    old, new = (text.decode(errors="replace").splitlines() for text in (found, page))
    lines = list(difflib.unified_diff(old, new, str(file), "the results", lineterm="", n=0))
    shown = "\n".join(visible(line) for line in lines[:DIFFERENCES])
    more = f"\n({len(lines) - DIFFERENCES} more lines)" if len(lines) > DIFFERENCES else ""
    raise HarnessError(
        f"{file} is not what the results give; `harness leaderboard --format {kind} --out {file}` writes it\n"
        f"{shown}{more}"
    )


def _weight(word: str) -> tuple[str, float]:
    task, _, number = word.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not task or not 0 < value < math.inf:
        raise ConfigError(f"--weight {word}: expected TASK=NUMBER with a number above 0, such as gsm8k=2")
    return task, value
