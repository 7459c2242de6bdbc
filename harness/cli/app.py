"""The command line: strings in, exit codes out. Heavy imports are inside the commands, so `--help` is quick.

Exit codes are those of `harness.errors`; 0 is success, 130 is an interrupt, 2 also a word Typer cannot read.
"""

from __future__ import annotations

import io
import itertools
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

from harness import __version__
from harness.cli import proof, publish, report, show
from harness.cli.examples import epilog
from harness.cli.output import RESULTS, Format, NewResults, Results, Shape, page, print_frames, renamed, warn, width
from harness.cli.output import print_frame as _print
from harness.cli.panel import app as panel
from harness.cli.provenance import app as provenance
from harness.core import installation, programs, progress, say
from harness.errors import ConfigError, DamagedIndexError, GateError, HarnessError, IncompleteRunError, StorageError

if TYPE_CHECKING:
    from harness.runs import TaskEntry


class _Commands(TyperGroup):
    """The commands, under their old names too."""

    WAS: ClassVar[Mapping[str, str]] = {"plan": "power"}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if now := self.WAS.get(cmd_name):
            renamed(f"harness {cmd_name}", f"harness {now}")
        return super().get_command(ctx, now or cmd_name)


app = typer.Typer(
    name="harness",
    cls=_Commands,
    help="Evaluate language models on math, coding and provenance probes; query every sample in SQL; "
    "publish performance next to similarity.",
    epilog="To begin: harness eval model=smollm2 task=word_problems limit=20, then harness report.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # `task=[gsm8k]` in a help text is no markup
)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Evaluate models on tasks: harness eval model=smollm2 task=[gsm8k] limit=20",
)
def eval(context: typer.Context) -> None:  # noqa: A001 - the command's name
    """Evaluate models on tasks. Takes Hydra's overrides; `harness eval --help` lists groups and keys."""
    from harness.cli import config

    words = [word for word in context.args if not _log(word)]
    raise typer.Exit(config.run(words, _evaluate))


def _log(word: str) -> bool:
    """Heed a word about the log, which may stand among the overrides too; true for one."""
    progress.LOG.quiet |= word in ("--quiet", "-q")
    progress.LOG.json |= word == "--json"
    return word in ("--quiet", "-q", "--json")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Score completions that exist already: harness score task=humaneval samples=FILE",
)
def score(context: typer.Context) -> None:
    """Score a file of completions (JSON lines of task_id and completion) as a run like any other.

    Takes the overrides of `harness eval` (sandbox.timeout_s=10, task.data=PATH, models.samples.name=NAME).

    The model is called what the file is called, without its ending. Another file under the name and task of a run that
    stands is refused: the leaderboard shows one of the two. Give it a name, models.samples.name=NAME.
    """
    from harness.cli import config

    raise typer.Exit(config.run(["model=samples", "name=score", *context.args], _evaluate))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Score a run's answers again, without asking again: harness rescore RUN",
)
def rescore(context: typer.Context) -> None:
    """Score the answers of a run again, with today's tasks and scorers, into a run of its own.

    Takes the overrides that a replay takes (name=, sandbox.timeout_s=10, task.data=PATH).
    """
    from harness.cli import config

    run, words = next(iter(context.args), ""), context.args[1:]
    if "--help" in context.args:
        sys.stdout.write(context.get_help() + "\n")
        return
    if not run or "=" in run or run.startswith("-"):
        raise ConfigError("which run is to be scored again? harness rescore RUN (`harness runs` lists them)")
    raise typer.Exit(config.run(["model=replay", f"run={run}", "name=rescore", *words], _evaluate))


def _evaluate(spec: Any) -> int:
    """One run from its spec to the printed leaderboard; the exit code."""
    from harness.core import visible
    from harness.evaluation import evaluate

    if spec.dry_run:
        return _dry_run(spec)
    if spec.publish:
        from harness.archive import copies

        copies.reach(spec.publish)  # rather now than after hours
    outcome = evaluate(spec, argv=["harness", "eval", *sys.argv[1:]])
    from harness.cli import catalogue
    from harness.results import derivation, leaderboard
    from harness.results.leaderboard import answerers

    results = Path(spec.results_dir)
    if spec.publish:
        say(f"published {copies.publish(outcome.run, spec.publish)}")
    refreshed = derivation.refresh(results)
    warn(refreshed.problems)
    sys.stdout.write(leaderboard.terminal(derivation.board(results), width()))
    for model, names in catalogue.mixed(outcome.run).items():
        told = f"{model}: {answerers(names)}; the scores of this run are of no single one of them"
        say(f"warning: {visible(told)}", "warning")
    counts = outcome.manifest.counts
    where = "" if results == RESULTS else f" --results {shlex.quote(str(results))}"
    harness = installation.command()
    sys.stdout.write(
        f"\n{counts.samples} samples: {counts.answered} answered, {counts.truncated} truncated, "
        f"{counts.refused} refused, {counts.failed} failed.\n"
        f"Wrote {outcome.run}/ and {refreshed.path}\n"
        "Next:\n"
        f"  {harness} report{where}\n"
        f"  {harness} show {outcome.run.name}{where}\n"
        f"  {harness} leaderboard --out LEADERBOARD.md{where}\n"
        f'  {harness} sql "SELECT model, task, value, ci_low, ci_high FROM leaderboard"{where}\n'
    )
    for what in derivation.unread(results, outcome.run.name):
        say(f"warning: {what}", "warning")
    if counts.failed:
        error, times = catalogue.commonest_error(outcome.run)
        say(
            f"harness: {counts.failed} samples failed and are unscored, {times} of them with: {visible(error)}; "
            f"`{harness} show {outcome.run.name} --failed{where}` says why; the same command asks for them again",
            "warning",
        )
        return IncompleteRunError.exit_code
    return 0


def _dry_run(spec: Any) -> int:
    """Print what a run would send and cost; the exit code."""
    from harness.cli import listings
    from harness.evaluation import preview

    name, rows = preview(spec)
    page(listings.dry_run(name, rows, width()))
    return 0


@app.command()
def models(shape: Shape = Format.table) -> None:
    """List the models of conf/model/: whether each can be asked now, and what it needs."""
    from harness.cli import catalogue, listings

    if shape is Format.table:
        page(listings.models(catalogue.models(), width()))
    else:
        _print(catalogue.models(), shape)


@app.command()
def tasks(
    shape: Shape = Format.table,
    builtin: Annotated[bool, typer.Option("--builtin", help="lm-eval's own tasks instead.")] = False,
    match: Annotated[str, typer.Option("--match", help="Only names that contain this.")] = "",
    model: Annotated[
        str | None, typer.Option("--model", help="What a whole run costs at most at this model's price.")
    ] = None,
) -> None:
    """List the tasks of tasks/ and the suites of conf/task/, kind by kind.

    With their size, what one document is worth in points, whether the data are here, and whose prompt it is.
    """
    from harness.cli import catalogue, tasklist

    if builtin:
        _print(catalogue.builtin_tasks(match), shape)
        return
    frame = tasklist.table(match, model)
    cost = [] if model is None else ["usd_at_most"]
    shown = tasklist.grouped(frame) if shape is Format.table else frame
    _print(shown, shape, "kind", "task", "n", "points", *cost, "data", "prompt", "licence")


@app.command()
def runs(results: Results = RESULTS, shape: Shape = Format.table) -> None:
    """List the runs of a results folder, the newest last."""
    from harness.cli import catalogue, listings

    if shape is Format.table:
        page(listings.runs(catalogue.runs(results), width()))
    else:
        _print(catalogue.runs(results), shape)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One query, or `-` to read it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    results: Results = RESULTS,
    shape: Shape = Format.table,
    raw: Annotated[
        bool, typer.Option("--raw", help="Cells of csv as they are, with what a terminal or a spreadsheet would obey.")
    ] = False,
    memory: Annotated[
        int | None,
        typer.Option("--memory-mb", min=64, help="MiB the engine may hold; by default half of what is here."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds the engine may work.")] = 600.0,
) -> None:
    """Ask the results in SQL, read-only. Without a query, a terminal becomes a shell with history and completion.

    The tables are described in docs/schema.md.
    """
    from harness.results import derivation, store

    if query is not None and file is not None:
        raise ConfigError(f"a query and --file {file}: give one of them")
    if query is None and file is None and sys.stdin.isatty():
        from harness.cli import shell

        shell.run(results, shape)
        return
    if file is not None:
        try:
            query = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    elif query in (None, "-"):
        query = sys.stdin.read()
    assert query is not None
    bounds = store.Bounds(memory or _half_of_the_memory(), timeout)
    frames = store.pieces(results, query, bounds)
    try:
        first = next(frames)
    except DamagedIndexError as error:
        derivation.anew(results, error)
        frames = store.pieces(results, query, bounds)
        first = next(frames)
    print_frames(itertools.chain([first], frames), shape, raw=raw)


def _half_of_the_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total >> 21)


@app.command()
def index(
    results: NewResults = RESULTS,
    source: Annotated[
        list[str] | None, typer.Option("--from", help="A folder or URL that runs were published to; fetches new ones.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make it from nothing, not just what is new or gone.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", hidden=True)] = False,
) -> None:
    """Bring results/harness.duckdb up to date with the run folders, shards united. Deleting it loses nothing."""
    from harness.archive import copies
    from harness.results import derivation
    from harness.runs import need_results

    for url in source or ():
        for name in copies.fetch(url, results):
            say(f"fetched {name}")
    need_results(results)
    if again:
        renamed("--again", "--rebuild")
    done = (derivation.rebuild if rebuild or again else derivation.refresh)(results)
    warn(done.problems)
    sys.stdout.write(f"{done.path}: {done.runs} runs, {len(done.added)} new or changed, {len(done.removed)} gone\n")


@app.command(name="import")
def import_(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FORMAT] FILE",
            help="The file, or a folder of samples_*.jsonl. Before it, where its name does not tell: alpaca_eval, "
            "lm_eval, inspect, every_eval_ever, jsonl, csv or parquet.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Name of the run, and of its model where there is one.")] = None,
    task: Annotated[str | None, typer.Option(help="Name of the task; by default as the file says.")] = None,
    columns: Annotated[str, typer.Option(help="Of tables: model=…,prompt_id=…,output=…,score=…")] = "",
    results: NewResults = RESULTS,
) -> None:
    """Import answers made elsewhere as a run: outputs of AlpacaEval, lm-eval, Inspect, or any table of answers.

    Of tables, columns named `correct` or `score` with values of 0 to 1 become scores; `corpus`, else the file, names
    the task. Columns that are not read are listed. Answers that have scores are compared in style all the same.
    """
    from harness.archive import imports
    from harness.core import tables
    from harness.results import derivation

    pairs = [word.partition("=") for word in columns.split(",") if word]
    if bad := next((what for what, equals, _ in pairs if not equals), None):
        raise ConfigError(f"--columns {bad!r}: expected WHAT=COLUMN, as in --columns model=generator,output=answer")
    where = {what.strip(): column.strip() for what, _, column in pairs}
    if len(words) > 2:  # noqa: PLR2004 - a format and a file
        raise ConfigError(f"harness import takes a format and one file, found {len(words)} words: {' '.join(words)}")
    form, path = (None if len(words) == 1 else words[0]), Path(words[-1])
    run = imports.convert(form, path, results, name=name, task=task, columns=where, argv=["harness", *sys.argv[1:]])
    warn(derivation.refresh(results).problems)
    from harness.runs import read_manifest

    made = read_manifest(run)
    tasks = ", ".join(f"{task.name} ({_read_as(task)})" for task in made.tasks)
    sys.stdout.write(
        f"{made.counts.samples} answers of {len(made.models)} models, {made.counts.failed} of them "
        f"missing; tasks: {tables.visible(tasks)}\nWrote {run}/ (imported)\n"
    )


def _read_as(task: TaskEntry) -> str:
    """What an imported task is read as, in words."""
    if task.kind == "provenance":
        return "provenance, no scores"
    return f"scores: {task.headline_metric}" + ("; and open answers" if task.open else "")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A model, a run, or RUN:MODEL.")],
    b: Annotated[str, typer.Argument(help="The other.")],
    results: Results = RESULTS,
    shape: Shape = Format.table,
    show: Annotated[int, typer.Option("--show", min=0, help="Flipped items shown per task and direction.")] = 2,
    flips: Annotated[bool, typer.Option("--flips", help="Every item that only one got right, with all texts.")] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate", help="'TASK >= -0.01': fail unless the interval rules out that B loses more than that against A."
        ),
    ] = None,
) -> None:
    """Compare two models or runs on the items both answered: difference, test, and which items flipped.

    With --gate A is the baseline: exit code 13 unless every gate passes.
    """
    from harness.results import comparisons, derivation, gates

    wanted = [gates.parse(one) for one in gate or ()]
    warn(derivation.refresh(results).problems)
    report = comparisons.compare(results, a, b)
    rulings = gates.rule(report.tasks, wanted)
    if shape is Format.table and not flips:
        sys.stdout.write(comparisons.text(report, show))
    else:
        _print(report.flips if flips else report.tasks, shape)
    if rulings:
        (sys.stdout if shape is Format.table else sys.stderr).write(gates.text(rulings))
    if failed := [ruling.task for ruling in rulings if ruling.verdict != "passed"]:
        raise GateError(f"{len(failed)} of {len(rulings)} gates did not pass: {', '.join(failed)}")


@app.command()
def contamination(results: Results = RESULTS, shape: Shape = Format.table) -> None:
    """Compare each model's scores on what it may have seen with those on what it cannot have seen.

    Documents from before its release and after it, by an unpaired test; originals and perturbed ones, paired.
    """
    from harness.results import contamination as split
    from harness.results import derivation

    warn(derivation.refresh(results).problems)
    _print(split.table(results), shape)
    if shape is Format.table:
        say(split.NOTE.rstrip())


@app.command()
def power(
    items: Annotated[list[int] | None, typer.Argument(help="Numbers of items.", min=1)] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Answers of either model to each item.")] = 1,
    difference: Annotated[
        float | None, typer.Option("--difference", help="Say how many items show this difference, such as 0.03.")
    ] = None,
    accuracy: Annotated[float, typer.Option("--accuracy", help="About how accurate the models are.")] = 0.5,
    correlation: Annotated[
        float, typer.Option("--correlation", help="Of two models' right answers; the default is typical.")
    ] = 0.35,
    agreement: Annotated[
        float, typer.Option("--agreement", help="Of a model's repeats; 1 where decoding is greedy.")
    ] = 0.5,
    chance: Annotated[float, typer.Option("--power", help="Chance of seeing a difference that is there.")] = 0.8,
    shape: Shape = Format.table,
) -> None:
    """Say what difference so many items can show, and how many items a wanted difference needs. Ask before you run."""
    from harness.results import comparisons
    from harness.stats import power as powers

    try:
        design = powers.Design(repeats, accuracy, correlation, agreement, power=chance)
        frame = comparisons.powers(items or (), design, difference)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    _print(frame, shape)


@app.command()
def sandbox(shape: Shape = Format.table) -> None:
    """Show what can contain model-written code on this machine, best first, and why a better one cannot."""
    from harness.cli import catalogue

    _print(catalogue.sandboxes(), shape)


@app.command()
def weights(
    name: Annotated[str | None, typer.Argument(help="Fetch these weights; without a name, list them.")] = None,
    shape: Shape = Format.table,
    verify: Annotated[bool, typer.Option("--verify", help="Hash the cached file again.")] = False,
) -> None:
    """List model weights with licence and origin, or fetch and check one file."""
    from harness.cli import catalogue
    from harness.core import weights as store

    if name is None:
        _print(catalogue.weights(), shape, "weights", "mb", "licence", "here", "model")
        return
    spec = store.named(name)
    path = store.fetch(spec)
    if verify:
        store.verify(spec)
    sys.stdout.write(f"{path}\n")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="What is said on stderr as JSON lines.")] = False,
) -> None:
    del version  # its callback has spoken
    progress.LOG.quiet, progress.LOG.json = quiet, json


for made_elsewhere in (
    show.show,
    publish.leaderboard,
    publish.export,
    report.report,
    report.plot,
    proof.verify,
    proof.sign,
    proof.reproduce,
    proof.diff,
    proof.bundle,
):
    app.command()(made_elsewhere)
app.add_typer(provenance, name="provenance")
app.add_typer(panel, name="panel")


def _with_examples() -> None:
    """Put what one types under every command's help."""
    for command in app.registered_commands:
        command.epilog = epilog(str(command.name or getattr(command.callback, "__name__", "")))
    for group in app.registered_groups:
        group.epilog = epilog(str(group.name))


_with_examples()


def _run() -> None:
    """Run the command; once more where the index turned out to be damaged, and was made anew."""
    try:
        app()
    except DamagedIndexError as error:
        from harness.results import derivation

        if error.results is None:
            raise
        derivation.anew(error.results, error)
        app()


def main() -> None:
    """The `harness` command: runs it, prints what a user can put right, and exits with its code."""
    for stream in (sys.stdout, sys.stderr):  # whatever its encoding cannot say is spelled out
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    os.environ["PATH"] = programs.search_path()  # what libraries run by name (`uname`) is not looked for in `.` either
    try:
        _run()
    except HarnessError as error:
        say(f"harness: {error}", "error")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): no error of ours; keep Python from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        say(f"harness: {error.filename or 'output'}: {error.strerror or error}", "error")
        sys.exit(StorageError.exit_code)
